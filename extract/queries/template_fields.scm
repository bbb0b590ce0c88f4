; Class attributes, of which the collector keeps the template_ ones, and branches, which may guard against Jinja.
(assignment) @attribute
(if_statement) @condition
(elif_clause) @condition
