(try_statement) @try
(raise_statement) @raise
