/*
 * Whether a database's schema is ours. What is stored can be read with care;
 * but a trigger acts, and a view or table in the place of one of ours answers
 * our own statements. So a file is taken only where its schema is, word for
 * word, what the migrations make of an empty database: what they do was written
 * down while building, and for older versions is made in memory.
 */
#include "store-internal.h"

#define MENDED "restore a backup, or save what can be read with sqlite3's .dump"

struct comparison {
	struct connection *conn;  /* the database's */
	struct connection *model; /* in memory; its table `model` has the rows that are to be there */
	const char *path;
};

static int prepare(struct connection *conn, const char *sql, sqlite3_stmt **stmt)
{
	return sqlite3_prepare_v2(conn->db, sql, -1, stmt, NULL);
}

static void finalize(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}
#define STATEMENT_OWNED __attribute__((cleanup(finalize))) sqlite3_stmt

/* The tables that the index of words keeps for itself are its module's, whose version writes them as it likes. */
#define IS_SHADOW "(?2 LIKE 'pattern\\_text\\_%' ESCAPE '\\')"

static int refuse_object(const struct comparison *c, sqlite3_stmt *object, bool is_there, pf_err *err)
{
	return pf_fail(err, EUCLEAN, "%s: the database is corrupt: the %s %s %s: " MENDED, c->path,
		       (const char *)sqlite3_column_text(object, 0), (const char *)sqlite3_column_text(object, 1),
		       is_there ? "is not as patternfs makes it" : "is missing");
}

/* OBJECT, a row of the model, is in the database once and the same. */
static int compare_object(const struct comparison *c, sqlite3_stmt *object, sqlite3_stmt *same, pf_err *err)
{
	int rc = SQLITE_OK;

	sqlite3_reset(same);
	for (int i = 0; i < 4 && rc == SQLITE_OK; i++)
		rc = sqlite3_bind_value(same, i + 1, sqlite3_column_value(object, i));
	if (rc == SQLITE_OK)
		rc = sqlite3_step(same);
	if (rc != SQLITE_ROW)
		return schema_unreadable(c->conn, c->path, rc, err);
	if (sqlite3_column_int64(same, 0) != 1 || sqlite3_column_int64(same, 1) != 1)
		return refuse_object(c, object, sqlite3_column_int64(same, 0) > 0, err);
	return 0;
}

static int compare_ours(const struct comparison *c, pf_err *err)
{
	STATEMENT_OWNED *objects = NULL, *same = NULL;
	int rc = prepare(c->model, "SELECT type, name, tbl_name, sql FROM temp.model ORDER BY rowid", &objects);

	if (rc != SQLITE_OK)
		return connection_fail(c->model, rc, err);
	rc = prepare(c->conn,
		     "SELECT count(*), total(type = ?1 AND name = ?2 AND tbl_name = ?3 AND (sql IS ?4 OR " IS_SHADOW
		     "))"
		     " FROM main.sqlite_schema WHERE name = ?2 COLLATE NOCASE",
		     &same);
	if (rc != SQLITE_OK)
		return schema_unreadable(c->conn, c->path, rc, err);
	while ((rc = sqlite3_step(objects)) == SQLITE_ROW) {
		rc = compare_object(c, objects, same, err);
		if (rc < 0)
			return rc;
	}
	return rc == SQLITE_DONE ? 0 : connection_fail(c->model, rc, err);
}

/* Whether the model has NAME: as a trigger, or what our statements call without there being a table. */
static int model_has(const struct comparison *c, sqlite3_stmt *question, sqlite3_value *name, bool *has, pf_err *err)
{
	int rc;

	sqlite3_reset(question);
	rc = sqlite3_bind_value(question, 1, name);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(question);
	if (rc != SQLITE_ROW)
		return connection_fail(c->model, rc, err);
	*has = sqlite3_column_int(question, 0);
	return 0;
}

static const struct {
	const char *objects;  /* of the database */
	const char *question; /* to the model, of a name */
	bool refused;	      /* which answer is */
	const char *why;
} foreign[] = {
	{ "SELECT name FROM main.sqlite_schema WHERE type = 'trigger'",
	  "SELECT EXISTS (SELECT 1 FROM temp.model WHERE type = 'trigger' AND name = ?1)", false,
	  "a trigger of others, which would act on what patternfs writes: look at it, then DROP TRIGGER it, with "
	  "sqlite3" },
	/* Table-valued functions go by a table's name where there is one. */
	{ "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view')",
	  "SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = lower(?1)) OR lower(?1) GLOB 'pragma_*'", true,
	  "it has the name of a function of SQLite, which it would stand in for: rename it, or drop it, with sqlite3" },
};

static int refuse_foreign(const struct comparison *c, size_t row, pf_err *err)
{
	STATEMENT_OWNED *objects = NULL, *question = NULL;
	char shown[NAME_ROOM];
	int rc = prepare(c->conn, foreign[row].objects, &objects);

	if (rc != SQLITE_OK)
		return schema_unreadable(c->conn, c->path, rc, err);
	rc = prepare(c->model, foreign[row].question, &question);
	if (rc != SQLITE_OK)
		return connection_fail(c->model, rc, err);
	while ((rc = sqlite3_step(objects)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(objects, 0);
		bool has = false;

		rc = model_has(c, question, sqlite3_column_value(objects, 0), &has, err);
		if (rc < 0)
			return rc;
		if (has == foreign[row].refused)
			return pf_fail(err, EINVAL, "%s: %s: %s", c->path, name ? name_shown(name, shown) : "?",
				       foreign[row].why);
	}
	return rc == SQLITE_DONE ? 0 : schema_unreadable(c->conn, c->path, rc, err);
}

static int insert_row(sqlite3_stmt *insert, const struct model_row *row)
{
	const char *const columns[] = { row->type, row->name, row->table, row->sql };
	int rc = SQLITE_OK;

	sqlite3_reset(insert);
	for (int i = 0; i < 4 && rc == SQLITE_OK; i++)
		rc = sqlite3_bind_text(insert, i + 1, columns[i], -1, SQLITE_STATIC);
	return rc == SQLITE_OK ? sqlite3_step(insert) : rc;
}

#define MODEL_TABLE "PRAGMA temp_store = MEMORY; CREATE TEMP TABLE model"

/* What was written down while building. */
static int take_rows(struct connection *model, pf_err *err)
{
	STATEMENT_OWNED *insert = NULL;
	int rc = connection_exec(model, MODEL_TABLE " (type, name, tbl_name, sql)", err);

	if (rc < 0)
		return rc;
	rc = prepare(model, "INSERT INTO temp.model VALUES (?1, ?2, ?3, ?4)", &insert);
	rc = rc == SQLITE_OK ? SQLITE_DONE : rc;
	for (const struct model_row *row = model_rows; row->type && rc == SQLITE_DONE; row++)
		rc = insert_row(insert, row);
	return rc == SQLITE_DONE ? 0 : connection_fail(model, rc, err);
}

static int fill_model(struct connection *model, int version, pf_err *err)
{
	int rc;

	if (version == model_rows_version)
		return take_rows(model, err);
	rc = schema_upgrade(model, version, err);
	return rc < 0 ? rc : connection_exec(model, MODEL_TABLE " AS " MODEL_OF_SCHEMA, err);
}

int model_compare(struct connection *conn, const char *path, int version, enum model_part part, pf_err *err)
{
	struct comparison c = { .conn = conn, .path = path };
	int rc = connection_open_memory(&c.model, err);

	if (rc == 0)
		rc = fill_model(c.model, version, err);
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign && rc == 0; i++)
		rc = refuse_foreign(&c, i, err);
	if (rc == 0 && part == MODEL_ALL)
		rc = compare_ours(&c, err);
	connection_close(c.model);
	return rc;
}
