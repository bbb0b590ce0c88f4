; Attributes and methods of a class's body.
(class_definition body: (block (expression_statement (assignment left: (identifier)) @attribute)))
(class_definition body: (block (function_definition) @method))
(class_definition body: (block (decorated_definition definition: (function_definition) @method)))
