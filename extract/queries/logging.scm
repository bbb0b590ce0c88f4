; Calls; the collector keeps those of loggers.
(call) @call
