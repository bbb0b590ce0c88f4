; What a method gives back. The collector keeps those of the main method.
(return_statement) @return
(yield) @yield
