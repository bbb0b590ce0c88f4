; Lookups and calls; the collector keeps those that ask the run for something.
(subscript) @subscript
(call) @call
