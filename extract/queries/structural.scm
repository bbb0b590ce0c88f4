; Assignments and defs; the collector keeps those that stand in the class's own body.
(assignment) @attribute
(function_definition) @method
