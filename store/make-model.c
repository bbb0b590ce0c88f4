/*
 * Writes, while building, what the migrations make of an empty database, as a
 * table in C: a mount compares its database's schema with it (model.c), and
 * need not make one for that each time.
 */
#include <stdio.h>

#include "store-internal.h"

/* Its own is what is being made. */
const struct model_row model_rows[] = { { .type = NULL } };
const int model_rows_version = 0;

static void put_string(const unsigned char *text)
{
	if (!text) {
		fputs("NULL", stdout);
		return;
	}
	putchar('"');
	for (; *text; text++)
		if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\' || *text == '?')
			printf("\\%03o", *text);
		else
			putchar(*text);
	putchar('"');
}

static int put_rows(struct connection *conn)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(conn->db, MODEL_OF_SCHEMA, -1, &stmt, NULL);

	while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		fputs("\t{ ", stdout);
		for (int i = 0; i < 4; i++) {
			put_string(sqlite3_column_text(stmt, i));
			fputs(i < 3 ? ", " : " },\n", stdout);
		}
	}
	return sqlite3_finalize(stmt);
}

int main(void)
{
	struct connection *conn;
	int64_t version = 0;
	pf_err err = { 0 };
	int rc = connection_open_memory(&conn, &err);

	if (rc == 0)
		rc = schema_make(conn, &err);
	if (rc < 0) {
		fprintf(stderr, "make-model: %s\n", err.why);
		return 1;
	}
	puts("#include \"store-internal.h\"\n\nconst struct model_row model_rows[] = {");
	rc = put_rows(conn);
	if (rc == SQLITE_OK)
		rc = connection_ask(conn, "PRAGMA user_version", &version);
	printf("\t{ NULL, NULL, NULL, NULL },\n};\nconst int model_rows_version = %d;\n", (int)version);
	connection_close(conn);
	return rc != SQLITE_OK;
}
