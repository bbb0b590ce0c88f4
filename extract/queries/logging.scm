; Calls of a method; the collector keeps those of loggers.
(call function: (attribute)) @call
