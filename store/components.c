/*
 * Components as they are read, and as receipts have them.
 */
#include <stdio.h>

#include "json.h"
#include "store-internal.h"

static int no_component(pf_err *err)
{
	return pf_fail(err, ENOENT, "no such component");
}

static pf_component_entry entry_of(struct query *q)
{
	return (pf_component_entry){
		.id = column_int(q, 0),
		.name = column_text(q, 1),
		.source_size = column_int(q, 2),
		.document_size = column_int(q, 3),
		.record_size = column_int(q, 4),
		.source_mtime = column_int(q, 5),
		.mtime = column_int(q, 6),
		.success = column_int(q, 7),
		.failure = column_int(q, 8),
		.confidence = column_real(q, 9),
		.patterns = column_int(q, 10),
	};
}

static int one_entry(struct query *q, const char *name, pf_component_entry *entry, pf_err *err)
{
	int rc = query_row(q, err);

	if (rc <= 0)
		return rc < 0 ? rc : no_component(err);
	*entry = entry_of(q);
	entry->name = name;
	return 0;
}

int pf_store_component_find(pf_store *store, const char *name, pf_component_entry *entry, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_COMPONENT_FIND);
	query_text(&q, name);
	return one_entry(&q, name, entry, err);
}

int pf_store_component_stat(pf_store *store, int64_t id, pf_component_entry *entry, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_COMPONENT_STAT);
	query_int(&q, id);
	return one_entry(&q, NULL, entry, err);
}

int pf_store_component_list(pf_store *store, int64_t after, int (*each)(void *arg, const pf_component_entry *entry),
			    void *arg, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_COMPONENT_LIST);
	query_int(&q, after);
	while ((rc = query_row(&q, err)) > 0) {
		pf_component_entry entry = entry_of(&q);

		if (!column_name(&q, 1, name_is_learned, &entry.name))
			continue;
		if (each(arg, &entry))
			return 0;
	}
	return rc;
}

int pf_store_component_totals(pf_store *store, int64_t *count, int64_t *mtime, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_COMPONENT_TOTALS);
	rc = query_row(&q, err);
	if (rc < 0)
		return rc;
	*count = column_int(&q, 0);
	*mtime = column_int(&q, 1);
	return 0;
}

/* head, the paths of its live patterns, tail; as long as components.document_size says. */
static int append_document(struct connection *conn, int64_t id, pf_text *out, pf_err *err)
{
	const char *before = "[\n    \"", *after = "]";
	int rc;

	QUERY(q, conn, STMT_COMPONENT_DOCUMENT);
	query_int(&q, id);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : no_component(err);
	rc = column_append(&q, 0, out, err);
	if (rc < 0)
		return rc;
	QUERY(paths, conn, STMT_COMPONENT_PATHS);
	query_int(&paths, id);
	while ((rc = query_row(&paths, err)) > 0) {
		pf_text_puts(out, before);
		rc = column_append(&paths, 0, out, err);
		if (rc < 0)
			return rc;
		pf_text_puts(out, "\"");
		before = ",\n    \"";
		after = "\n  ]";
	}
	if (rc < 0)
		return rc;
	pf_text_puts(out, *after == ']' ? "[]" : after);
	return column_append(&q, 1, out, err);
}

int pf_store_component_text(pf_store *store, int64_t id, enum pf_component_text which, pf_text *out, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);

	if (rc < 0)
		return rc;
	if (which == PF_COMPONENT_DOCUMENT)
		return append_document(lease.conn, id, out, err);
	QUERY(q, lease.conn, which == PF_COMPONENT_SOURCE ? STMT_COMPONENT_SOURCE : STMT_COMPONENT_RECORD);
	query_int(&q, id);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : no_component(err);
	return column_append(&q, 0, out, err);
}

/* Of the record in the query's row. (SQLite's json_valid() says of a shortage of memory that the text is not valid.) */
static int append_method(struct query *q, pf_text *out, pf_err *err)
{
	const char *text = column_text(q, 0);
	const cJSON *code;
	bool short_of_memory = false;
	cJSON *record;

	if (!text)
		return query_check(q, err);
	record = pf_json_read(text, (size_t)sqlite3_column_bytes(q->stmt, 0), NULL, &short_of_memory);
	if (short_of_memory)
		return no_memory(err);
	code = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(record, "execution"), "code");
	if (cJSON_IsString(code))
		pf_text_puts(out, code->valuestring);
	cJSON_Delete(record);
	return out->failed ? no_memory(err) : 0;
}

int pf_store_component_method(pf_store *store, int64_t id, pf_text *out, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_COMPONENT_METHOD);
	query_int(&q, id);
	rc = query_row(&q, err);
	return rc <= 0 ? rc : append_method(&q, out, err);
}

void receipt_component(pf_json *receipt, const struct component_head *head)
{
	char entry[NAME_CUT + 1], path[sizeof "components/" + NAME_CUT];

	name_cut(head->name, entry);
	snprintf(path, sizeof path, "components/%s", entry);
	pf_json_object(receipt, NULL);
	pf_json_string(receipt, "name", head->name);
	pf_json_string(receipt, "category", head->category);
	pf_json_string(receipt, "subcategory", head->subcategory);
	pf_json_string(receipt, "component_type", head->component_type);
	pf_json_string(receipt, "path", path);
	pf_json_int(receipt, "revision", head->revision);
	pf_json_string(receipt, "previous_file", head->previous_file);
	pf_json_array(receipt, "patterns");
}

void receipt_pattern(pf_json *receipt, const char *path, const char *type, const char *name, int64_t first_line,
		     int64_t last_line, bool is_new)
{
	pf_json_object(receipt, NULL);
	pf_json_string(receipt, "path", path);
	pf_json_string(receipt, "type", type);
	pf_json_string(receipt, "name", name);
	pf_json_list(receipt, "lines");
	pf_json_int(receipt, NULL, first_line);
	pf_json_int(receipt, NULL, last_line);
	pf_json_end(receipt);
	pf_json_bool(receipt, "new", is_new);
	pf_json_end(receipt);
}

/* ---- totals ---- */

int components_count(pf_txn *txn, const char *type, int more, int64_t at, pf_err *err)
{
	QUERY(q, txn->conn, STMT_COMPONENT_COUNT);
	query_text(&q, type);
	query_int(&q, more);
	query_int(&q, at);
	return query_run(&q, err);
}

int components_count_place(pf_txn *txn, const char *category, const char *type, const char *subcategory, int more,
			   pf_err *err)
{
	QUERY(q, txn->conn, STMT_COMPONENT_COUNT_PLACE);
	query_text(&q, category);
	query_text(&q, type);
	query_text(&q, subcategory);
	query_int(&q, more);
	return query_run(&q, err);
}

int components_pattern_came(pf_txn *txn, int64_t pattern, const char *path, int sign, int64_t at, pf_err *err)
{
	QUERY(q, txn->conn, STMT_COMPONENT_PATTERN_CAME);
	query_int(&q, pattern);
	query_int(&q, sign);
	query_int(&q, (int64_t)strlen(path));
	query_int(&q, at);
	int rc = query_run(&q, err);

	if (rc < 0)
		return rc;
	QUERY(totals, txn->conn, STMT_COMPONENT_PATTERN_CAME_TOTALS);
	query_int(&totals, pattern);
	query_int(&totals, at);
	return query_run(&totals, err);
}
