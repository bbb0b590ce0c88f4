; Conditions that lead to an exception.
(if_statement consequence: (block (raise_statement))) @guard
(elif_clause consequence: (block (raise_statement))) @guard
