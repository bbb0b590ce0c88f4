; Branches; the collector keeps those that end in an exception.
(if_statement) @guard
(elif_clause) @guard
