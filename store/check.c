/*
 * Whether a database is whole: SQLite's own checks, and that what is stored
 * twice, so that it need not be counted, is what counting would say. Reads
 * alone, in one snapshot, so that it may run beside a mount.
 */
#include <stdio.h>

#include "store-internal.h"

enum { FINDINGS = 100 }; /* of one kind, before it is said that there are more */

struct checking {
	struct connection *conn;
	int (*each)(void *arg, const char *finding);
	void *arg;
	bool stopped;
	pf_err *err; /* why it cannot be looked at any further */
};

/* A database's words may hold anything: one line of them. */
static void report(struct checking *c, const char *finding)
{
	char line[NAME_ROOM];

	if (!c->stopped)
		c->stopped = c->each(c->arg, name_shown(finding, line)) != 0;
}

/* That nothing can be found is found; but not where that is for want of memory. */
static void report_failure(struct checking *c, const char *what, int rc)
{
	char line[NAME_ROOM];

	if ((rc & 0xff) == SQLITE_NOMEM) {
		c->stopped = true;
		no_memory(c->err);
		return;
	}
	snprintf(line, sizeof line, "%s: %s", what, sqlite3_errmsg(c->conn->db));
	report(c, line);
}

/* ---- what SQL finds ---- */

#define PATTERN	 "printf('pattern %d: ', p.id) || "
#define LIVE_SUM "patterns, success, failure, high, medium, low, confidence_ppb"

/*
 * Each row of an answer is a finding. Patterns changed by hand, which no writer has looked at yet, have no event of
 * their counts.
 */
static const struct {
	const char *what;
	const char *sql;
} checks[] = {
	{ "references", "SELECT printf('%s, row %s: refers to a row of %s that is not there', \"table\","
			" coalesce(rowid, '?'), parent) FROM pragma_foreign_key_check" },
	{ "JSON of patterns", "SELECT " PATTERN "'pattern_data is no JSON' FROM code_patterns p"
			      " WHERE NOT json_valid(pattern_data) OR NOT json_valid(libraries_involved)" },
	{ "sizes of patterns", "SELECT " PATTERN "printf('its size is %d, its document has %d bytes', p.size, z.size)"
			       " FROM code_patterns p JOIN pattern_sizes z ON z.id = p.id WHERE p.size <> z.size" },
	{ "places of patterns", "SELECT " PATTERN "'its directory is not what its category and types say'"
				" FROM code_patterns p WHERE p.scope >> 8 IS NOT (SELECT k.id FROM categories k"
				" WHERE k.name = p.category) OR NOT EXISTS (SELECT 1 FROM directories d"
				" WHERE d.scope = p.scope)" },
	{ "counts of patterns",
	  "SELECT " PATTERN "printf('success_count is %d, failure_count %d, the last event says %d and %d',"
	  " p.success_count, p.failure_count, h.success_count, h.failure_count) FROM"
	  " (SELECT pattern_id, success_count, failure_count, max(id) FROM history WHERE pattern_id IS NOT NULL"
	  "  GROUP BY pattern_id) h CROSS JOIN code_patterns p ON p.id = h.pattern_id"
	  " WHERE (h.success_count <> p.success_count OR h.failure_count <> p.failure_count)"
	  " AND p.id NOT IN (SELECT pattern_id FROM hand_edits)" },
	{ "sightings of patterns",
	  "SELECT " PATTERN "printf('component_count is %d, %d components show it', p.component_count, s.n)"
	  " FROM code_patterns p JOIN (SELECT k.id, (SELECT count(*) FROM sightings s WHERE s.pattern_id = k.id) AS n"
	  "  FROM code_patterns k) s ON s.id = p.id WHERE p.component_count <> s.n" },
	{ "sightings in history",
	  "SELECT " PATTERN "printf('component_count is %d, by its events it should be %d', p.component_count, h.n)"
	  " FROM (SELECT pattern_id, sum(event = 3) - sum(event = 4) AS n FROM history"
	  "  WHERE pattern_id IS NOT NULL GROUP BY pattern_id) h CROSS JOIN code_patterns p ON p.id = h.pattern_id"
	  " WHERE h.n <> p.component_count" },
	{ "sightings", "SELECT printf('component %d: shows pattern %d; one of them is not there', s.component_id,"
		       " s.pattern_id) FROM sightings s LEFT JOIN code_patterns p ON p.id = s.pattern_id"
		       " LEFT JOIN components c ON c.id = s.component_id WHERE p.id IS NULL OR c.id IS NULL" },
	{ "ranks", "SELECT " PATTERN
		   "'its rank is not what its counts say' FROM code_patterns p WHERE rank_order <> " RANK_ORDER(
			   "trivial", "confidence_lower_bound", "breadth", "component_count") },
	/* Counted once for all: the index is by library. */
	{ "breadth", "SELECT " PATTERN "'its breadth is not the number of its libraries' FROM code_patterns p LEFT JOIN"
		     " (SELECT pattern_id, count(*) AS n FROM pattern_libraries GROUP BY pattern_id) l"
		     " ON l.pattern_id = p.id WHERE p.breadth <> coalesce(l.n, 0)" },
	{ "sums of directories",
	  "SELECT printf('directory %d: its sums are not those of its patterns', scope) FROM"
	  " (SELECT scope, " LIVE_SUM " FROM directories WHERE patterns <> 0 OR success <> 0 OR failure <> 0"
	  "  EXCEPT SELECT scope, " LIVE_SUM " FROM directory_sums)" },
	{ "directories", "SELECT printf('directory %d: is not there, but has patterns', s.scope) FROM directory_sums s"
			 " WHERE s.scope NOT IN (SELECT d.scope FROM directories d WHERE d.patterns > 0)" },
	{ "ranks of directories",
	  "SELECT printf('directory %d: it ranks below its best pattern', m.scope) FROM (SELECT p.scope,"
	  " max(p.rank_order) AS best FROM code_patterns p WHERE p.archived = 0 AND p.component_count > 0"
	  " GROUP BY p.scope) m LEFT JOIN directory_ranks d ON d.scope = m.scope WHERE (d.best >= m.best) IS NOT 1" },
	{ "totals of components",
	  "SELECT printf('components of type %s: the total is %d, there are %d', t.component_type, t.components, n)"
	  " FROM (SELECT t.component_type, t.components, (SELECT count(*) FROM components c"
	  "  WHERE c.component_type = t.component_type) AS n FROM component_totals t) t WHERE components <> n" },
	{ "components", "SELECT printf('component %d: is of no known type', c.id) FROM components c"
			" WHERE c.component_type NOT IN (SELECT component_type FROM component_totals)" },
	{ "places of components",
	  "SELECT printf('components of %s/%s: %d are counted, there are %d', category, component_type, components, n)"
	  " FROM (SELECT k.*, (SELECT count(*) FROM components c WHERE c.category = k.category"
	  "  AND c.component_type = k.component_type AND coalesce(c.subcategory, '') = k.subcategory) AS n"
	  "  FROM component_places k) WHERE components <> n" },
	{ "patterns of components",
	  "SELECT printf('component %d: pattern_count is %d, it shows %d', id, pattern_count, n) FROM"
	  " (SELECT c.id, c.pattern_count, c.path_bytes, (SELECT count(*) FROM sightings s CROSS JOIN code_patterns p"
	  "   ON p.id = s.pattern_id WHERE s.component_id = c.id AND p.archived = 0) AS n,"
	  "  (SELECT coalesce(sum(length(p.category || p.component_type || p.pattern_type || p.file_name) + 3), 0)"
	  "   FROM sightings s CROSS JOIN code_patterns p ON p.id = s.pattern_id"
	  "   WHERE s.component_id = c.id AND p.archived = 0) AS bytes FROM components c)"
	  " WHERE pattern_count <> n OR path_bytes <> bytes" },
	{ "texts of components",
	  "SELECT printf('component %d: source_size is %d, record_size %d; they have %d and %d bytes', c.id,"
	  " c.source_size, c.record_size, length(s.content), length(CAST(r.record AS BLOB))) FROM components c"
	  " LEFT JOIN sources s ON s.id = c.source_id LEFT JOIN component_records r ON r.component_id = c.id"
	  " WHERE c.source_size IS NOT length(s.content) OR c.record_size IS NOT length(CAST(r.record AS BLOB))" },
	{ "files", "SELECT printf('file %d: its size is %d, its content has %d bytes', f.id, f.size,"
		   " coalesce(length(s.content), length(d.data), 0)) FROM files f"
		   " LEFT JOIN contents d ON d.file_id = f.id LEFT JOIN sources s ON s.id = f.source_id"
		   " WHERE f.size <> coalesce(length(s.content), length(d.data), 0)"
		   " OR (f.source_id AND s.content IS NULL)" },
	{ "directories below incoming",
	  "SELECT printf('file %d: children is %d, it has %d', id, children, n) FROM (SELECT d.id, d.children,"
	  " (SELECT count(*) FROM files f WHERE f.parent = d.id AND f.listed)"
	  "  + (SELECT count(*) FROM notes n WHERE n.parent = d.id AND n.listed) AS n FROM files d)"
	  " WHERE children <> n" },
	{ "incoming",
	  "SELECT 'file 1: it is not there, or no directory, and so there is no incoming/: this cannot be mounted'"
	  " WHERE NOT EXISTS (SELECT 1 FROM files WHERE id = 1 AND mode & 61440 = 16384)" },
	{ "files that no path leads to",
	  "WITH RECURSIVE below (id) AS (VALUES (1) UNION SELECT f.id FROM below b JOIN files f ON f.parent = b.id)"
	  " SELECT printf('file %d: no path leads to it', id) FROM files WHERE orphan = 0 AND id NOT IN below" },
	{ "receipts and errors", "SELECT printf('note %d: its size is %d, its text has %d bytes', id, size,"
				 " length(CAST(text AS BLOB))) FROM notes WHERE size <> length(CAST(text AS BLOB))" },
	{ "history", "SELECT printf('event %d: ends before the one before it, or is older', b.id) FROM history a"
		     " JOIN history b ON b.id = a.id + 1 WHERE b.end_offset <= a.end_offset OR b.at < a.at" },
	{ "events", "SELECT printf('event %d: of no known kind, or about nothing', h.id) FROM history h"
		    " LEFT JOIN code_patterns p ON p.id = h.pattern_id LEFT JOIN components c ON c.id = h.component_id"
		    " WHERE h.event NOT IN (SELECT id FROM history_events)"
		    " OR (h.pattern_id IS NOT NULL AND p.id IS NULL)"
		    " OR (h.component_id IS NOT NULL AND c.id IS NULL)" },
};

/* SQLite's check of pages has no result for pages that it had no memory to look at: it calls them findings. */
static bool says_no_memory(const char *finding)
{
	static const char mark[] = "error code=";
	bool says = false;

	for (const char *at = strstr(finding, mark); at && !says; at = strstr(at, mark)) {
		long code = strtol(at + strlen(mark), NULL, 10);

		at += strlen(mark);
		says = code == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM;
	}
	return says;
}

/* The rows that SQL answers, but those that say OK. */
static void run_check(struct checking *c, const char *what, const char *sql, const char *ok)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(c->conn->db, sql, -1, &stmt, NULL);

	for (int count = 0; rc == SQLITE_OK && !c->stopped; count++) {
		const char *finding;

		rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW)
			break;
		rc = SQLITE_OK;
		finding = (const char *)sqlite3_column_text(stmt, 0);
		if (finding ? says_no_memory(finding) : sqlite3_errcode(c->conn->db) == SQLITE_NOMEM) {
			rc = SQLITE_NOMEM;
			break;
		}
		if (count == FINDINGS) {
			char line[NAME_ROOM];

			snprintf(line, sizeof line, "%s: and more", what);
			report(c, line);
			break;
		}
		if (finding && !(ok && strcmp(finding, ok) == 0))
			report(c, finding);
	}
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		report_failure(c, what, rc);
	sqlite3_finalize(stmt);
}

/* ---- names ---- */

static bool is_category(const char *name, size_t bytes)
{
	return strlen(name) == bytes && pf_category_name_valid(name);
}

static const struct {
	const char *what;
	const char *sql;
	bool (*fits)(const char *name, size_t bytes);
} names[] = {
	{ "pattern", "SELECT id, file_name FROM code_patterns", name_is_pattern },
	{ "component", "SELECT id, coalesce(entry_name, component_name) FROM components", name_is_learned },
	{ "category", "SELECT id, name FROM categories", is_category },
	{ "file", "SELECT id, name FROM files", name_is_given },
	{ "note", "SELECT id, name FROM notes", name_is_given },
};

static void check_names(struct checking *c, size_t row)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(c->conn->db, names[row].sql, -1, &stmt, NULL);

	while (rc == SQLITE_OK && !c->stopped && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(stmt, 1);
		char line[128];

		rc = !name && sqlite3_errcode(c->conn->db) == SQLITE_NOMEM ? SQLITE_NOMEM : SQLITE_OK;
		if (rc != SQLITE_OK)
			break;
		if (name && names[row].fits(name, (size_t)sqlite3_column_bytes(stmt, 1)))
			continue;
		snprintf(line, sizeof line, "%s %lld: its name can be none, and is not shown", names[row].what,
			 (long long)sqlite3_column_int64(stmt, 0));
		report(c, line);
	}
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		report_failure(c, names[row].what, rc);
	sqlite3_finalize(stmt);
}

/* ---- the index of words ---- */

/* Copies the rows that SELECT answers from C by means of INSERT into COPY. An SQLite result. */
static int copy_rows(struct checking *c, struct connection *copy, const char *select, const char *insert)
{
	sqlite3_stmt *from = NULL, *to = NULL;
	int rc = sqlite3_prepare_v2(c->conn->db, select, -1, &from, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(copy->db, insert, -1, &to, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(from)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		for (int i = 0; i < sqlite3_column_count(from) && rc == SQLITE_OK; i++)
			rc = sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
		if (rc == SQLITE_OK && (rc = sqlite3_step(to)) == SQLITE_DONE)
			rc = sqlite3_reset(to);
	}
	sqlite3_finalize(from);
	sqlite3_finalize(to);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/*
 * The index checks itself by a statement that needs a writer: so a copy of it is checked, in memory. What the rollback
 * is for: the index forgets what it remembers of its tables.
 */
static int check_words(struct checking *c, struct connection *copy)
{
	int rc = sqlite3_exec(copy->db,
			      "BEGIN; INSERT INTO pattern_text (rowid, words) VALUES (1, 'word'); ROLLBACK;"
			      "DELETE FROM pattern_text_data; DELETE FROM pattern_text_idx",
			      NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = copy_rows(c, copy, "SELECT id, block FROM pattern_text_data",
			       "INSERT INTO pattern_text_data (id, block) VALUES (?1, ?2)");
	if (rc == SQLITE_OK)
		rc = copy_rows(c, copy, "SELECT segid, term, pgno FROM pattern_text_idx",
			       "INSERT INTO pattern_text_idx (segid, term, pgno) VALUES (?1, ?2, ?3)");
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(copy->db, "INSERT INTO pattern_text (pattern_text) VALUES ('integrity-check')", NULL,
				  NULL, NULL);
	return rc;
}

static int check_index(struct checking *c, pf_err *err)
{
	struct connection *copy;
	int rc = connection_open_memory(&copy, err);

	if (rc == 0)
		rc = schema_make(copy, err);
	if (rc == 0 && !c->stopped) {
		int words = check_words(c, copy);

		if ((words & 0xff) == SQLITE_NOMEM)
			rc = no_memory(err);
		else if (words != SQLITE_OK)
			report(c, "the index of words is not whole: text= may miss patterns");
	}
	connection_close(copy);
	return rc;
}

/* ---- all ---- */

/* In one snapshot. Where the schema is not ours, our statements would not mean what they say. */
static int check_all(struct checking *c, const char *path, pf_err *err)
{
	pf_err why = { 0 };
	int rc = connection_exec(c->conn, "BEGIN", err), schema;

	if (rc == 0)
		rc = schema_identify(c->conn, path, err);
	if (rc < 0)
		return rc;
	schema = schema_ready(c->conn, path, false, NULL, &why);
	if (schema == -EROFS)
		return pf_fail(err, EINVAL, "%s: of an older patternfs: mount it once, then check it", path);
	if (schema < 0 && schema != -EUCLEAN && schema != -EINVAL)
		return pf_fail(err, why.code, "%s", why.why);
	if (schema < 0)
		report(c, strncmp(why.why, path, strlen(path)) == 0 ? why.why + strlen(path) + 2 : why.why);
	run_check(c, "pages", "PRAGMA integrity_check", "ok");
	for (size_t i = 0; schema == 0 && i < sizeof checks / sizeof *checks; i++)
		run_check(c, checks[i].what, checks[i].sql, NULL);
	for (size_t i = 0; schema == 0 && i < sizeof names / sizeof *names; i++)
		check_names(c, i);
	if (c->err->code)
		return -c->err->code;
	return schema == 0 ? check_index(c, err) : 0;
}

int pf_store_check(const char *path, int (*each)(void *arg, const char *finding), void *arg, pf_err *err)
{
	pf_err why = { 0 };
	struct checking c = { .each = each, .arg = arg, .err = &why };
	int rc = store_peek(path, &c.conn, &why);

	if (rc == 0)
		rc = check_all(&c, path, &why);
	connection_close(c.conn);
	return rc < 0 ? pf_fail(err, why.code, "%s", why.why) : 0;
}
