; Class attributes, of which the collector keeps the template_ ones, and conditions, which may guard against Jinja.
(class_definition body: (block (expression_statement (assignment left: (identifier)) @attribute)))
(if_statement condition: (_) @condition)
(elif_clause condition: (_) @condition)
