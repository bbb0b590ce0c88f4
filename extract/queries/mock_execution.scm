; Handlers and branches, of which the collector keeps those that stand in for something missing.
(except_clause) @except
(if_statement) @if
