; Every import; what stands around it is the collector's to see.
[(import_statement) (import_from_statement) (future_import_statement)] @import
(try_statement body: (block [(import_statement) (import_from_statement)])) @try
