; Methods; the collector keeps __init__.
(class_definition body: (block (function_definition) @method))
(class_definition body: (block (decorated_definition definition: (function_definition) @method)))
