; Defs; the collector keeps __init__.
(function_definition) @method
