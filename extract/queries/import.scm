; Every import, and every try, which may guard some; what stands around them is the collector's to see.
(import_statement) @import
(import_from_statement) @import
(future_import_statement) @import
(try_statement) @try
