#include "tamper.h"

#include <sqlite3.h>
#include <stdio.h>

/* Runs the statements that SQL answers, one a row. */
static int run_answers(sqlite3 *db, const char *sql)
{
	char **rows_of = NULL;
	int count = 0, rc = sqlite3_get_table(db, sql, &rows_of, &count, NULL, NULL);

	for (int i = 1; rc == SQLITE_OK && i <= count; i++)
		rc = sqlite3_exec(db, rows_of[i], NULL, NULL, NULL);
	sqlite3_free_table(rows_of);
	return rc;
}

bool tamper(const char *name, const char *sql)
{
	sqlite3 *db;
	int rc = sqlite3_open(name, &db);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db,
				  "PRAGMA ignore_check_constraints = ON; CREATE TEMP TABLE guards AS"
				  " SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger'",
				  NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = run_answers(db, "SELECT 'DROP TRIGGER ' || name FROM temp.guards");
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = run_answers(db, "SELECT sql FROM temp.guards");
	if (rc != SQLITE_OK)
		printf("not ok: %s: %s\n", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	return rc == SQLITE_OK;
}
