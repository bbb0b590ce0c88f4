/*
 * The tables, and how they came to be: a row of migrations[] a version.
 *
 * Rows that the store writes come complete: sizes, totals, times. Its writer has
 * triggers off (store.c), for each costs as much as the row itself. What is
 * changed by hand, in the sqlite3 shell, is completed by triggers; they know
 * what came complete by this: its mtime moved. So a hand-made UPDATE keeps every
 * size and total right, and the store does not pay for it. What never changes
 * is guarded: a pattern's place and file name, and history.
 */
#include "store-internal.h"

enum { APPLICATION_ID = 0x70617466 }; /* "patf" */

/*
 * An SQL expression for the JSON string of X, without its quotes. Not
 * json_quote(), which a schema may not use under PRAGMA trusted_schema=OFF;
 * what it is used on holds no control characters.
 */
#define ESCAPED(x)	  "replace(replace(" x ", '\\', '\\\\'), '\"', '\\\"')"
#define STRING_OR_NULL(x) "coalesce('\"' || " ESCAPED(x) " || '\"', 'null')"
/* Lines of a document; printf() makes it in one pass, where each `||` would copy what there is so far. */
#define TEXT_LINE(key) "  \"" key "\": \"%s\",\n"
#define RAW_LINE(key)  "  \"" key "\": %s,\n"
#define INT_LINE(key)  "  \"" key "\": %d,\n"
#define REAL_LINE(key) "  \"" key "\": %!.15g,\n" /* 1.0, 0.933: as SQLite writes a number */

/* How many bytes a number of three decimals takes, as ratio_print() has it. */
#define THOUSANDTHS(x)	"CAST(" x " * 1000 + 0.5 AS INTEGER)"
#define RATIO_LENGTH(x) "CASE WHEN " THOUSANDTHS(x) " % 10 THEN 5 WHEN " THOUSANDTHS(x) " % 100 THEN 4 ELSE 3 END"
#define BYTES(x)	"length(CAST(" x " AS BLOB))"
#define NOW		"CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000"
/* What a trigger does where a pattern was changed by hand: its size, and the sums of its directory, are made anew. */
#define COMPLETE_PATTERN(more)                                                                                         \
	" BEGIN"                                                                                                       \
	"  UPDATE code_patterns SET size = (SELECT size FROM pattern_sizes z WHERE z.id = new.id)," more               \
	"    mtime = max(mtime + 1, " NOW ") WHERE id = new.id;"                                                       \
	"  INSERT INTO directories (scope, mtime) VALUES (new.scope, new.mtime) ON CONFLICT (scope) DO NOTHING;"       \
	"  UPDATE directories SET (patterns, success, failure, high, medium, low, confidence_ppb) = (SELECT"           \
	"    coalesce(sum(patterns), 0), coalesce(sum(success), 0), coalesce(sum(failure), 0),"                        \
	"    coalesce(sum(high), 0), coalesce(sum(medium), 0), coalesce(sum(low), 0),"                                 \
	"    coalesce(sum(confidence_ppb), 0) FROM directory_sums s WHERE s.scope = new.scope),"                       \
	"    mtime = max(mtime, new.mtime) + 1 WHERE scope = new.scope;"                                               \
	"  INSERT OR IGNORE INTO hand_edits VALUES (new.id);"                                                          \
	" END;"
#define RANK_ORDER_NEW RANK_ORDER("new.trivial", "new.confidence_lower_bound", "new.breadth", "new.component_count")
#define COUNT_IN_PLACE                                                                                                 \
	"  INSERT INTO component_places VALUES (new.category, new.component_type, coalesce(new.subcategory, ''), 1)"   \
	"  ON CONFLICT (category, component_type, subcategory) DO UPDATE SET components = components + 1;"
/* What a trigger does where a row refers to another source, or is gone: content that nothing refers to goes. */
#define RELEASE_SOURCE                                                                                                 \
	" BEGIN"                                                                                                       \
	"  UPDATE sources SET content = NULL WHERE id = old.source_id"                                                 \
	"    AND NOT EXISTS (SELECT 1 FROM files f WHERE f.source_id = old.source_id)"                                 \
	"    AND NOT EXISTS (SELECT 1 FROM components c WHERE c.source_id = old.source_id);"                           \
	" END;"

/* clang-format off */
static const char *const version_1[] = {
	"CREATE TABLE categories ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name TEXT NOT NULL UNIQUE"
	") STRICT;",

	/* Accepted sources, each once. The content goes when nothing refers to it; that it was seen stays. */
	"CREATE TABLE sources ("
	"  id INTEGER PRIMARY KEY,"
	"  hash TEXT NOT NULL,"
	"  size INTEGER NOT NULL,"
	"  content BLOB"
	") STRICT;",
	"CREATE INDEX sources_by_hash ON sources (hash);",

	"CREATE TABLE code_patterns ("
	"  id INTEGER PRIMARY KEY,"
	"  component_name TEXT NOT NULL,"
	"  pattern_type TEXT NOT NULL,"
	"  pattern_name TEXT NOT NULL,"
	"  pattern_data TEXT NOT NULL," /* JSON, as it stands in the document; last in it: "examples", on a line */
	"  category TEXT NOT NULL,"
	"  subcategory TEXT,"
	"  component_type TEXT NOT NULL,"
	"  complexity_range TEXT NOT NULL,"
	"  success_count INTEGER NOT NULL DEFAULT 1 CHECK (success_count >= 0),"
	"  failure_count INTEGER NOT NULL DEFAULT 0 CHECK (failure_count >= 0),"
	"  confidence_score REAL AS (CASE success_count + failure_count WHEN 0 THEN 0.0"
	"    ELSE CAST(success_count AS REAL) / (success_count + failure_count) END) VIRTUAL,"
	"  pattern_signature TEXT NOT NULL,"
	"  libraries_involved TEXT NOT NULL DEFAULT '[]',"
	"  confidence_lower_bound REAL NOT NULL,"
	"  component_count INTEGER NOT NULL CHECK (component_count >= 0),"
	"  scope INTEGER NOT NULL,"
	"  file_name TEXT NOT NULL,"
	"  archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),"
	"  mtime INTEGER NOT NULL DEFAULT 0,"
	"  size INTEGER NOT NULL DEFAULT 0," /* of the document, which document_render() makes of this row */
	"  UNIQUE (category, component_type, pattern_type, pattern_signature),"
	"  UNIQUE (scope, file_name)"
	") STRICT;",
	"CREATE INDEX code_patterns_listing ON code_patterns (scope, id, file_name, size, mtime)"
	"  WHERE archived = 0 AND component_count > 0;",

	/* Wide texts have a table of their own (component_records, sources), so that a listing reads few pages.
	 */
	"CREATE TABLE components ("
	"  id INTEGER PRIMARY KEY,"
	"  component_name TEXT NOT NULL UNIQUE,"
	"  entry_name TEXT," /* of its directory, where that is not the class's name */
	"  category TEXT NOT NULL,"
	"  subcategory TEXT,"
	"  component_type TEXT NOT NULL,"
	"  complexity_score INTEGER NOT NULL,"
	"  complexity_range TEXT NOT NULL,"
	"  libraries_involved TEXT NOT NULL,"
	"  success_score REAL CHECK (success_score BETWEEN 0 AND 1.7976931348623157e308),"
	"  success_count INTEGER NOT NULL DEFAULT 0 CHECK (success_count >= 0),"
	"  failure_count INTEGER NOT NULL DEFAULT 0 CHECK (failure_count >= 0),"
	"  confidence_score REAL AS (CASE success_count + failure_count WHEN 0 THEN 1.0"
	"    ELSE CAST(success_count AS REAL) / (success_count + failure_count) END) VIRTUAL,"
	"  revision INTEGER NOT NULL,"
	"  source_file TEXT NOT NULL,"
	"  first_line INTEGER NOT NULL,"
	"  last_line INTEGER NOT NULL,"
	"  pattern_count INTEGER NOT NULL," /* live ones */
	"  path_bytes INTEGER NOT NULL,"    /* of all their paths */
	"  source_id INTEGER NOT NULL REFERENCES sources (id),"
	"  source_size INTEGER NOT NULL,"
	"  record_size INTEGER NOT NULL,"
	"  source_mtime INTEGER NOT NULL,"
	"  mtime INTEGER NOT NULL,"
	/* head, the list of its patterns' paths, tail: the document. */
	"  document_size INTEGER AS (length(CAST(head AS BLOB)) + length(CAST(tail AS BLOB))"
	"    + CASE pattern_count WHEN 0 THEN 2 ELSE 4 + 8 * pattern_count + path_bytes END) STORED,"
	"  generation_metadata TEXT NOT NULL,"
	"  head TEXT AS (printf('{\n" TEXT_LINE("name") TEXT_LINE("category") RAW_LINE("subcategory")
		TEXT_LINE("component_type") INT_LINE("complexity_score") TEXT_LINE("complexity_range")
		RAW_LINE("libraries_involved") RAW_LINE("success_score") INT_LINE("success_count")
		INT_LINE("failure_count") REAL_LINE("confidence_score") INT_LINE("revision") TEXT_LINE("source_file")
		"  \"lines\": [%d, %d],\n" INT_LINE("pattern_count") "  \"patterns\": ',"
	"    " ESCAPED("component_name") ", category, " STRING_OR_NULL("subcategory") ", component_type,"
	"    complexity_score, complexity_range, libraries_involved, coalesce(round(success_score, 3), 'null'),"
	"    success_count, failure_count, round(confidence_score, 3), revision, " ESCAPED("source_file") ","
	"    first_line, last_line, pattern_count)) VIRTUAL,"
	"  tail TEXT AS (',' || char(10) || '  \"generation_metadata\": ' || generation_metadata || char(10) || '}'"
	"    || char(10)) VIRTUAL"
	") STRICT;",
	"CREATE UNIQUE INDEX components_by_entry ON components (entry_name) WHERE entry_name IS NOT NULL;",
	"CREATE INDEX components_by_source ON components (source_id);",
	"CREATE TABLE component_records ("
	"  component_id INTEGER PRIMARY KEY REFERENCES components (id),"
	"  record TEXT NOT NULL"
	") STRICT;",
	"CREATE VIEW component_patterns (id, component_name, complete_code, category, subcategory, "
	"component_type,"
	"  complexity_score, success_score, extracted_patterns, generation_metadata) AS"
	"  SELECT c.id, c.component_name, CAST(s.content AS TEXT), c.category, c.subcategory, c.component_type,"
	"    c.complexity_score, c.success_score, r.record, c.generation_metadata"
	"  FROM components c JOIN sources s ON s.id = c.source_id JOIN component_records r ON r.component_id = "
	"c.id;",

	/* Which components an accepted source held. */
	"CREATE TABLE source_components ("
	"  source_id INTEGER NOT NULL REFERENCES sources (id),"
	"  component_id INTEGER NOT NULL REFERENCES components (id),"
	"  PRIMARY KEY (source_id, component_id)"
	") WITHOUT ROWID, STRICT;",

	/* No foreign keys here nor in history, for there are many: neither patterns nor components are ever
	   deleted. */
	"CREATE TABLE sightings ("
	"  component_id INTEGER NOT NULL,"
	"  pattern_id INTEGER NOT NULL,"
	"  first_line INTEGER NOT NULL,"
	"  last_line INTEGER NOT NULL,"
	"  PRIMARY KEY (component_id, pattern_id)"
	") WITHOUT ROWID, STRICT;",
	"CREATE INDEX sightings_by_pattern ON sightings (pattern_id);",

	"CREATE TABLE pattern_combinations ("
	"  pattern_a INTEGER NOT NULL REFERENCES code_patterns (id),"
	"  pattern_b INTEGER NOT NULL REFERENCES code_patterns (id),"
	"  success_count INTEGER NOT NULL,"
	"  failure_count INTEGER NOT NULL,"
	"  PRIMARY KEY (pattern_a, pattern_b),"
	"  CHECK (pattern_a < pattern_b)"
	") WITHOUT ROWID, STRICT;",

	/* Narrow, for there are many: see sightings. */
	"CREATE TABLE history ("
	"  id INTEGER PRIMARY KEY,"
	"  at INTEGER NOT NULL,"
	"  event INTEGER NOT NULL,"
	"  pattern_id INTEGER,"
	"  component_id INTEGER,"
	"  success_count INTEGER NOT NULL,"
	"  failure_count INTEGER NOT NULL,"
	"  end_offset INTEGER NOT NULL," /* in history.jsonl, where its line ends */
	"  note TEXT"
	") STRICT;",
	"CREATE TABLE history_events (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;",
	"INSERT INTO history_events VALUES (0, 'submitted'), (1, 'moved'), (2, 'described'), (3, 'sighted'),"
	"  (4, 'withdrawn'), (5, 'success'), (6, 'failure'), (7, 'archived'), (8, 'restored'), (9, 'edited');",
	/* Patterns changed by hand, until a writer makes events of them (pf_txn_adopt_edits). */
	"CREATE TABLE hand_edits (pattern_id INTEGER PRIMARY KEY) STRICT;",
	"CREATE VIEW pattern_history (id, at, event, pattern_id, pattern, component_id, component_name, note,"
	"  success_count, failure_count) AS"
	"  SELECT h.id, h.at, e.name, h.pattern_id, p.category || '/' || p.component_type || '/'"
	"    || p.pattern_type || '/' || p.file_name, h.component_id, c.component_name, h.note, "
	"h.success_count,"
	"    h.failure_count"
	"  FROM history h JOIN history_events e ON e.id = h.event LEFT JOIN code_patterns p ON p.id = "
	"h.pattern_id"
	"    LEFT JOIN components c ON c.id = h.component_id;",

	/* One row a scope (category, component type, pattern type); sums, so that no total needs a scan. */
	"CREATE TABLE directories ("
	"  scope INTEGER PRIMARY KEY,"
	"  patterns INTEGER NOT NULL DEFAULT 0,"
	"  success INTEGER NOT NULL DEFAULT 0,"
	"  failure INTEGER NOT NULL DEFAULT 0,"
	"  high INTEGER NOT NULL DEFAULT 0,"
	"  medium INTEGER NOT NULL DEFAULT 0,"
	"  low INTEGER NOT NULL DEFAULT 0,"
	"  confidence_ppb INTEGER NOT NULL DEFAULT 0," /* in 1e-9: a sum of floating point would drift */
	"  mtime INTEGER NOT NULL"
	") STRICT;",
	"CREATE TABLE component_totals ("
	"  component_type TEXT PRIMARY KEY,"
	"  components INTEGER NOT NULL DEFAULT 0,"
	"  mtime INTEGER NOT NULL"
	") WITHOUT ROWID, STRICT;",

	/* How long each document is; every key and all that stands around the values is 360 bytes. */
	"CREATE VIEW pattern_sizes (id, size) AS SELECT id, 360 + length(id)"
	" + " BYTES(ESCAPED("component_name")) " + length(pattern_type) + length(pattern_name) + length(category)"
	" + " BYTES(STRING_OR_NULL("subcategory")) " + length(component_type) + length(complexity_range)"
	" + length(success_count) + length(failure_count) + length(component_count)"
	" + " RATIO_LENGTH("confidence_score") " + " RATIO_LENGTH("confidence_lower_bound")
	" + length(pattern_signature) + " BYTES("libraries_involved") " + " BYTES("pattern_data") " FROM code_patterns;",
	"CREATE VIEW directory_sums (scope, patterns, success, failure, high, medium, low, confidence_ppb) AS"
	"  SELECT scope, count(*), sum(success_count), sum(failure_count), sum(confidence_score >= 0.9),"
	"    sum(confidence_score >= 0.7 AND confidence_score < 0.9), sum(confidence_score < 0.7),"
	"    sum(CAST(confidence_score * 1e9 + 0.5 AS INTEGER))"
	"  FROM code_patterns WHERE archived = 0 AND component_count > 0 GROUP BY scope;",
	"CREATE TRIGGER code_patterns_added AFTER INSERT ON code_patterns WHEN new.size = 0" COMPLETE_PATTERN(""),
	"CREATE TRIGGER code_patterns_changed AFTER UPDATE ON code_patterns WHEN new.mtime = old.mtime"
		COMPLETE_PATTERN(""),
	"CREATE TRIGGER code_patterns_archived AFTER UPDATE OF archived ON code_patterns"
	"  WHEN new.archived <> old.archived"
	" BEGIN"
	"  UPDATE components SET pattern_count = pattern_count + old.archived - new.archived,"
	"    path_bytes = path_bytes + (old.archived - new.archived) * (length(new.category) + 1"
	"    + length(new.component_type) + 1 + length(new.pattern_type) + 1 + length(new.file_name)),"
	"    mtime = max(mtime + 1, new.mtime)"
	"  WHERE id IN (SELECT component_id FROM sightings WHERE pattern_id = new.id);"
	" END;",
	"CREATE TRIGGER code_patterns_stay BEFORE UPDATE OF id, scope, category, component_type, pattern_type,"
	"  pattern_signature, file_name ON code_patterns"
	"  WHEN new.id IS NOT old.id OR new.scope IS NOT old.scope OR new.category IS NOT old.category"
	"    OR new.component_type IS NOT old.component_type OR new.pattern_type IS NOT old.pattern_type"
	"    OR new.pattern_signature IS NOT old.pattern_signature OR new.file_name IS NOT old.file_name"
	" BEGIN SELECT RAISE(ABORT, 'a pattern never changes its place'); END;",
	"CREATE TRIGGER code_patterns_kept BEFORE DELETE ON code_patterns"
	" BEGIN SELECT RAISE(ABORT, 'patterns are archived (archived = 1), never deleted'); END;",
	"CREATE TRIGGER components_kept BEFORE DELETE ON components"
	" BEGIN SELECT RAISE(ABORT, 'components are never deleted'); END;",
	"CREATE TRIGGER history_kept BEFORE DELETE ON history"
	" BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;",
	"CREATE TRIGGER history_fixed BEFORE UPDATE ON history"
	" BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;",

	"CREATE TRIGGER components_added AFTER INSERT ON components"
	" BEGIN"
	"  INSERT INTO component_totals (component_type, components, mtime) VALUES (new.component_type, 1, "
	"new.mtime)"
	"  ON CONFLICT (component_type) DO UPDATE SET components = components + 1,"
	"    mtime = max(mtime + 1, excluded.mtime);"
	" END;",
	"CREATE TRIGGER components_changed AFTER UPDATE OF component_type, mtime ON components"
	" BEGIN"
	"  INSERT INTO component_totals (component_type, mtime) VALUES (new.component_type, new.mtime)"
	"  ON CONFLICT (component_type) DO NOTHING;"
	"  UPDATE component_totals SET components = components - 1 WHERE component_type = old.component_type;"
	"  UPDATE component_totals SET components = components + 1, mtime = max(mtime + 1, new.mtime)"
	"  WHERE component_type = new.component_type;"
	" END;",

	/*
	 * incoming/. Row 1 is the directory itself. `listed`: shown by a listing (orphans are not, nor implicit
	 * directories that hold nothing). `children` counts listed files, directories and notes.
	 */
	"CREATE TABLE files ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  parent INTEGER REFERENCES files (id)," /* null for incoming/ and for orphans */
	"  name TEXT NOT NULL,"
	"  mode INTEGER NOT NULL,"
	"  uid INTEGER NOT NULL DEFAULT -1,"
	"  gid INTEGER NOT NULL DEFAULT -1,"
	"  size INTEGER NOT NULL DEFAULT 0,"
	"  atime INTEGER NOT NULL,"
	"  mtime INTEGER NOT NULL,"
	"  ctime INTEGER NOT NULL,"
	"  implicit INTEGER NOT NULL DEFAULT 0,"
	"  listed INTEGER NOT NULL DEFAULT 1,"
	"  orphan INTEGER NOT NULL DEFAULT 0,"
	"  judged INTEGER NOT NULL DEFAULT 0," /* the content was complete once: closed, not only synced */
	"  children INTEGER NOT NULL DEFAULT 0,"
	"  subdirectories INTEGER NOT NULL DEFAULT 0,"
	"  source_id INTEGER REFERENCES sources (id)," /* the content, where it was accepted; else in contents
							*/
	"  UNIQUE (parent, name)"
	") STRICT;",
	"CREATE INDEX files_by_parent ON files (parent);",
	"CREATE INDEX files_by_source ON files (source_id) WHERE source_id IS NOT NULL;",
	"CREATE INDEX files_unlisted ON files (listed) WHERE listed = 0;",
	"CREATE TABLE contents ("
	"  file_id INTEGER PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,"
	"  data BLOB NOT NULL"
	") STRICT;",
	"CREATE TABLE notes ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  parent INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,"
	"  kind INTEGER NOT NULL,"
	"  name TEXT NOT NULL,"
	"  listed INTEGER NOT NULL DEFAULT 1,"
	"  mtime INTEGER NOT NULL,"
	"  size INTEGER NOT NULL,"
	"  text TEXT NOT NULL,"
	"  UNIQUE (parent, name)"
	") STRICT;",
	"CREATE INDEX notes_by_parent ON notes (parent);",
	/* What a path under incoming/ last brought, also after it was removed. */
	"CREATE TABLE submissions ("
	"  path TEXT PRIMARY KEY,"
	"  source_id INTEGER NOT NULL REFERENCES sources (id),"
	"  metadata TEXT NOT NULL"
	") WITHOUT ROWID, STRICT;",

	"CREATE TRIGGER files_source_gone AFTER DELETE ON files WHEN old.source_id IS NOT NULL" RELEASE_SOURCE,
	"CREATE TRIGGER files_source_changed AFTER UPDATE OF source_id ON files"
	"  WHEN old.source_id IS NOT NULL AND old.source_id IS NOT new.source_id" RELEASE_SOURCE,
	"CREATE TRIGGER components_source_changed AFTER UPDATE OF source_id ON components"
	"  WHEN old.source_id <> new.source_id" RELEASE_SOURCE,
	/* The empty tree has a time too. */
	"INSERT INTO directories (scope, mtime) VALUES (0, " NOW ");",
	"INSERT INTO component_totals (component_type, mtime)"
	"  SELECT column1, " NOW " FROM (VALUES ('operator'), ('sensor'), ('hook'), ('trigger'), ('notifier'));",
	"INSERT INTO files (id, name, mode, atime, mtime, ctime)"
	"  VALUES (1, 'incoming', 16877 /* a directory, 0755 */, " NOW ", " NOW ", " NOW ");",
	NULL,
};
/*
 * Retrieval. How patterns rank is one number, so that an index holds each
 * directory's patterns in that order, and a query reads the first few of each:
 * what is not trivial first, then the confidence bound (to 1e-9), then breadth,
 * then sightings.
 */
static const char *const version_2[] = {
	"ALTER TABLE code_patterns ADD COLUMN trivial INTEGER NOT NULL DEFAULT 0 CHECK (trivial IN (0, 1));",
	/* How many libraries the components that show it involve. */
	"ALTER TABLE code_patterns ADD COLUMN breadth INTEGER NOT NULL DEFAULT 0;",
	"ALTER TABLE code_patterns ADD COLUMN rank_order INTEGER NOT NULL DEFAULT 0;",

	"CREATE TABLE libraries (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;",
	"CREATE TABLE component_libraries ("
	"  library_id INTEGER NOT NULL,"
	"  component_id INTEGER NOT NULL,"
	"  PRIMARY KEY (library_id, component_id)"
	") WITHOUT ROWID, STRICT;",
	/* Of the components that show the pattern. */
	"CREATE TABLE pattern_libraries ("
	"  library_id INTEGER NOT NULL,"
	"  pattern_id INTEGER NOT NULL,"
	"  PRIMARY KEY (library_id, pattern_id)"
	") WITHOUT ROWID, STRICT;",
	"INSERT INTO libraries (name) SELECT DISTINCT j.value FROM components c, json_each(c.libraries_involved) j;",
	"INSERT INTO component_libraries SELECT DISTINCT l.id, c.id"
	"  FROM components c, json_each(c.libraries_involved) j JOIN libraries l ON l.name = j.value;",
	"INSERT INTO pattern_libraries SELECT DISTINCT c.library_id, s.pattern_id"
	"  FROM component_libraries c JOIN sightings s ON s.component_id = c.component_id;",

	/* The store writes breadth and rank alone without the time, for no document shows them. */
	"DROP TRIGGER code_patterns_added;",
	"DROP TRIGGER code_patterns_changed;",
	"UPDATE code_patterns SET breadth = b.libraries"
	"  FROM (SELECT pattern_id, count(*) AS libraries FROM pattern_libraries GROUP BY pattern_id) b"
	"  WHERE b.pattern_id = code_patterns.id;",
	"UPDATE code_patterns SET rank_order ="
		RANK_ORDER("trivial", "confidence_lower_bound", "breadth", "component_count") ";",
	"CREATE TRIGGER code_patterns_added AFTER INSERT ON code_patterns WHEN new.size = 0"
		COMPLETE_PATTERN(" rank_order = " RANK_ORDER_NEW ","),
	"CREATE TRIGGER code_patterns_changed AFTER UPDATE OF component_name, pattern_name, pattern_data, subcategory,"
	"  complexity_range, success_count, failure_count, libraries_involved, confidence_lower_bound, component_count,"
	"  archived, size, mtime ON code_patterns WHEN new.mtime = old.mtime"
		COMPLETE_PATTERN(" rank_order = " RANK_ORDER_NEW ","),

	/* Behind the order, what queries ask for most: so that where many are looked at, no rows are read. */
	"CREATE INDEX code_patterns_ranking ON code_patterns (scope, rank_order DESC, id, success_count, failure_count,"
	"  component_count, complexity_range) WHERE archived = 0 AND component_count > 0;",
	/* Few fail: these are behind all others in the ranking. */
	"CREATE INDEX code_patterns_failing ON code_patterns (scope, rank_order DESC, id, success_count, failure_count,"
	"  component_count, complexity_range) WHERE archived = 0 AND component_count > 0 AND confidence_score < 0.9;",
	"CREATE INDEX components_by_place ON components (category, component_type, subcategory, success_score,"
	"  success_count, failure_count, pattern_count);",
	"CREATE INDEX pattern_combinations_by_b ON pattern_combinations (pattern_b);",

	/*
	 * Successful verdicts that named 2 to 64 patterns: how many, and how many of them named which pattern. Of
	 * those before this version pairs alone are known: each named a pattern at least as often as any of its pairs.
	 */
	"CREATE TABLE verdict_patterns (pattern_id INTEGER PRIMARY KEY, successes INTEGER NOT NULL) STRICT;",
	"CREATE TABLE verdict_totals (id INTEGER PRIMARY KEY CHECK (id = 1), successes INTEGER NOT NULL) STRICT;",
	"INSERT INTO verdict_patterns SELECT id, max(successes) FROM"
	"  (SELECT pattern_a AS id, success_count AS successes FROM pattern_combinations"
	"   UNION ALL SELECT pattern_b, success_count FROM pattern_combinations) GROUP BY id HAVING max(successes) > 0;",
	"INSERT INTO verdict_totals SELECT 1, coalesce(max(successes), 0) FROM verdict_patterns;",

	/*
	 * The words of each pattern up to text_indexed.pattern_id; those of the few behind it are looked at one by
	 * one (search.c). Only which words a pattern has, not where.
	 */
	"CREATE VIRTUAL TABLE pattern_text USING fts5 (words, content = '', detail = none, columnsize = 0,"
	"  tokenize = 'unicode61');",
	"CREATE TABLE text_indexed (id INTEGER PRIMARY KEY CHECK (id = 1), pattern_id INTEGER NOT NULL) STRICT;",
	"INSERT INTO text_indexed VALUES (1, 0);",
	/* The indexed words of a pattern that was changed by hand, for the index must be told what to forget. */
	"CREATE TABLE hand_texts ("
	"  pattern_id INTEGER PRIMARY KEY,"
	"  component_name TEXT NOT NULL,"
	"  pattern_type TEXT NOT NULL,"
	"  pattern_name TEXT NOT NULL,"
	"  pattern_data TEXT NOT NULL"
	") STRICT;",
	"CREATE TRIGGER code_patterns_reworded AFTER UPDATE OF component_name, pattern_name, pattern_data ON code_patterns"
	"  WHEN new.mtime = old.mtime"
	" BEGIN"
	"  INSERT OR IGNORE INTO hand_texts VALUES (old.id, old.component_name, old.pattern_type, old.pattern_name,"
	"    old.pattern_data);"
	" END;",
	NULL,
};

/* The counts have their room in each document (confidence.c): its length does not depend on them. */
static const char *const version_3[] = {
	"DROP VIEW pattern_sizes;",
	"CREATE VIEW pattern_sizes (id, size) AS SELECT id, 360 + length(id)"
	" + " BYTES(ESCAPED("component_name")) " + length(pattern_type) + length(pattern_name) + length(category)"
	" + " BYTES(STRING_OR_NULL("subcategory")) " + length(component_type) + length(complexity_range)"
	" + max(31, length(success_count) + length(failure_count) + length(component_count)"
	" + " RATIO_LENGTH("confidence_score") " + " RATIO_LENGTH("confidence_lower_bound") ")"
	" + length(pattern_signature) + " BYTES("libraries_involved") " + " BYTES("pattern_data") " FROM code_patterns;",
	/* The time moves, so that no trigger takes it for a change by hand. */
	"UPDATE code_patterns SET size = (SELECT z.size FROM pattern_sizes z WHERE z.id = code_patterns.id),"
	"  mtime = mtime + 1;",
	NULL,
};
/*
 * Retrieval at the cost of its results: components in the order of their ranking, how many there are of each place, and
 * what is sighted most. A pattern's words are its own; the component that it was first seen in has words of its own.
 */
static const char *const version_4[] = {
	/* The lower bound of its verdicts, as patterns have one. */
	"ALTER TABLE components ADD COLUMN verdict_bound REAL NOT NULL DEFAULT 0;",
	"UPDATE components SET verdict_bound = lower_bound(success_count, failure_count) WHERE success_count > 0;",
	"DROP INDEX components_by_place;",
	"CREATE INDEX components_by_place ON components (category, component_type, subcategory, success_score DESC,"
	"  verdict_bound DESC, pattern_count DESC, id);",
	/* Behind the order, what queries ask for most. */
	"CREATE INDEX components_ranking ON components (category, success_score DESC, verdict_bound DESC,"
	"  pattern_count DESC, id, component_type, subcategory, complexity_range, success_count, failure_count);",
	"CREATE INDEX components_by_time ON components (mtime);",

	/* How many components there are; '' where they have no subcategory. */
	"CREATE TABLE component_places ("
	"  category TEXT NOT NULL,"
	"  component_type TEXT NOT NULL,"
	"  subcategory TEXT NOT NULL,"
	"  components INTEGER NOT NULL,"
	"  PRIMARY KEY (category, component_type, subcategory)"
	") WITHOUT ROWID, STRICT;",
	"INSERT INTO component_places SELECT category, component_type, coalesce(subcategory, ''), count(*)"
	"  FROM components GROUP BY 1, 2, 3;",
	"CREATE TRIGGER components_placed AFTER INSERT ON components BEGIN" COUNT_IN_PLACE " END;",
	"CREATE TRIGGER components_moved AFTER UPDATE OF category, component_type, subcategory ON components"
	"  WHEN new.category <> old.category OR new.component_type <> old.component_type"
	"    OR new.subcategory IS NOT old.subcategory"
	" BEGIN"
	"  UPDATE component_places SET components = components - 1 WHERE category = old.category"
	"    AND component_type = old.component_type AND subcategory = coalesce(old.subcategory, '');"
	COUNT_IN_PLACE
	" END;",

	/* Components changed by hand, like hand_edits; the store always moves mtime. */
	"CREATE TABLE hand_component_edits (component_id INTEGER PRIMARY KEY) STRICT;",
	"CREATE TRIGGER components_edited AFTER UPDATE OF component_name, category, subcategory, component_type,"
	"  complexity_score, complexity_range, libraries_involved, success_score, success_count, failure_count,"
	"  generation_metadata ON components WHEN new.mtime = old.mtime"
	" BEGIN"
	"  UPDATE components SET mtime = max(mtime + 1, " NOW ") WHERE id = new.id;"
	"  INSERT OR IGNORE INTO hand_component_edits VALUES (new.id);"
	" END;",

	/* Most patterns are sighted once, and are not written here. */
	"CREATE INDEX code_patterns_support ON code_patterns (component_count DESC, success_count DESC, id, scope,"
	"  failure_count, complexity_range) WHERE archived = 0 AND component_count > 1;",

	/* Made anew when the store is opened. The words of component N's name are in row -N. */
	"INSERT INTO pattern_text (pattern_text) VALUES ('delete-all');",
	"ALTER TABLE text_indexed ADD COLUMN component_id INTEGER NOT NULL DEFAULT 0;",
	"UPDATE text_indexed SET pattern_id = 0;",
	"DELETE FROM hand_texts;",
	NULL,
};
/*
 * Components in every order at the cost of the results. Behind the order, what queries ask for most. And patterns have
 * fewer words (PATTERN_PARTS).
 */
static const char *const version_5[] = {
	"CREATE INDEX components_by_support ON components (success_count DESC, pattern_count DESC, id, category,"
	"  component_type, subcategory, complexity_range, failure_count);",
	"CREATE INDEX components_by_confidence ON components (confidence_score DESC, success_count + failure_count DESC,"
	"  id, category, component_type, subcategory, complexity_range, success_count, failure_count);",

	/* Made anew when the store is opened. */
	"INSERT INTO pattern_text (pattern_text) VALUES ('delete-all');",
	"UPDATE text_indexed SET pattern_id = 0, component_id = 0;",
	"DELETE FROM hand_texts;",
	NULL,
};
static const char *const version_6[] = {
	/* The prompt.md of directories, as last rendered: of the directory's time VERSION, in the renderer's FORMAT. */
	"CREATE TABLE prompts ("
	"  scope INTEGER PRIMARY KEY,"
	"  version INTEGER NOT NULL,"
	"  format INTEGER NOT NULL,"
	"  content TEXT NOT NULL"
	") STRICT;",

	/*
	 * Directories in the order of their best, so that who wants the best of all looks into few of them: no less
	 * than the rank_order of any of their patterns.
	 */
	"CREATE TABLE directory_ranks (scope INTEGER PRIMARY KEY, best INTEGER NOT NULL) STRICT;",
	"INSERT INTO directory_ranks SELECT p.scope, max(p.rank_order) FROM code_patterns p GROUP BY p.scope;",
	"CREATE INDEX directory_ranks_best ON directory_ranks (best DESC);",
	/* Where a pattern was changed by hand, which its other triggers rank anew. */
	"CREATE TRIGGER code_patterns_ranked AFTER UPDATE OF rank_order ON code_patterns"
	" BEGIN"
	"  INSERT INTO directory_ranks VALUES (new.scope, new.rank_order)"
	"  ON CONFLICT (scope) DO UPDATE SET best = max(best, excluded.best);"
	" END;",
	NULL,
};
static const char *const version_7[] = {
	/* The components most like one, best first: as of the moment VERSION of all components, in SIMILAR_FORMAT. */
	"CREATE TABLE similar ("
	"  component_id INTEGER PRIMARY KEY,"
	"  version INTEGER NOT NULL,"
	"  format INTEGER NOT NULL,"
	"  ids TEXT NOT NULL" /* with a space between two */
	") STRICT;",
	NULL,
};
/* clang-format on */

/* migrations[N] makes version N + 1 of version N. What there are databases of never changes: the next version does. */
static const char *const *const migrations[] = {
	version_1, version_2, version_3, version_4, version_5, version_6, version_7,
};
enum { SCHEMA_VERSION = sizeof migrations / sizeof *migrations };

const char *const *schema_migration(int version)
{
	return version > 0 && version <= SCHEMA_VERSION ? migrations[version - 1] : NULL;
}

int schema_upgrade(struct connection *conn, int to, pf_err *err)
{
	int64_t version = 0;
	int rc = connection_exec(conn, "BEGIN IMMEDIATE", err);

	if (rc < 0)
		return rc;
	/* Another process may have done it while this one waited for the lock. */
	rc = connection_ask(conn, "PRAGMA user_version", &version);
	if (rc != SQLITE_OK)
		return connection_fail(conn, rc, err);
	rc = 0;
	for (; rc == 0 && version >= 0 && version < to; version++) {
		char pragma[64];

		for (const char *const *sql = migrations[version]; *sql && rc == 0; sql++)
			rc = connection_exec(conn, *sql, err);
		sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA user_version = %d", (int)version + 1);
		if (rc == 0)
			rc = connection_exec(conn, pragma, err);
	}
	if (rc == 0)
		rc = connection_exec(conn, "PRAGMA application_id = 1885434982; COMMIT", err);
	return rc;
}

_Static_assert(APPLICATION_ID == 1885434982, "the pragma above says it in decimal");

static int not_ours(const char *path, pf_err *err)
{
	return pf_fail(err, EINVAL, "%s: not a patternfs database: name another file, or one that is not there yet",
		       path);
}

int schema_unreadable(struct connection *conn, const char *path, int rc, pf_err *err)
{
	return (rc & 0xff) == SQLITE_NOTADB ? not_ours(path, err) : connection_fail(conn, rc, err);
}

int schema_make(struct connection *conn, pf_err *err)
{
	return schema_upgrade(conn, SCHEMA_VERSION, err);
}

/* *VERSION is that of its schema, 0 where it is empty. */
static int identify(struct connection *conn, const char *path, int64_t *version_found, pf_err *err)
{
	int64_t application = 0, version = 0, tables = 0;
	int rc = connection_ask(conn, "PRAGMA application_id", &application);

	if (rc == SQLITE_OK)
		rc = connection_ask(conn, "PRAGMA user_version", &version);
	if (rc == SQLITE_OK)
		rc = connection_ask(conn, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc != SQLITE_OK)
		return schema_unreadable(conn, path, rc, err);
	if (application != APPLICATION_ID && (application != 0 || tables != 0 || version != 0))
		return not_ours(path, err);
	if (version > SCHEMA_VERSION)
		return pf_fail(err, EINVAL,
			       "%s: made by a newer patternfs (schema %lld, this one knows up to %d): update patternfs",
			       path, (long long)version, SCHEMA_VERSION);
	if (version < 0 || (version > 0 && tables == 0))
		return schema_unreadable(conn, path, SQLITE_CORRUPT, err);
	*version_found = version;
	return 0;
}

int schema_identify(struct connection *conn, const char *path, pf_err *err)
{
	int64_t version;
	int rc = identify(conn, path, &version, err);

	return rc == 0 && version == 0 ? not_ours(path, err) : rc;
}

int schema_ready(struct connection *conn, const char *path, bool writable, bool *upgraded, pf_err *err)
{
	int64_t version;
	int rc = identify(conn, path, &version, err);

	if (rc < 0)
		return rc;
	if (writable) {
		/* Kept in the file; set again where somebody changed it, for readers would wait for the writer. */
		rc = connection_exec(conn, "PRAGMA journal_mode = WAL", err);
		if (rc < 0)
			return rc;
	}
	if (version == SCHEMA_VERSION)
		return model_compare(conn, path, SCHEMA_VERSION, MODEL_ALL, err);
	if (!writable)
		return pf_fail(err, EROFS, "%s: %s, which takes writing: open it once without read-only", path,
			       version ? "its schema must be brought up to date" : "its tables must be made");
	*upgraded = version > 0;
	if (!*upgraded)
		return schema_upgrade(conn, SCHEMA_VERSION, err);
	/* What is foreign must not act on the upgrade either. */
	rc = model_compare(conn, path, (int)version, MODEL_FOREIGN, err);
	if (rc == 0)
		rc = schema_upgrade(conn, SCHEMA_VERSION, err);
	return rc < 0 ? rc : model_compare(conn, path, SCHEMA_VERSION, MODEL_ALL, err);
}
