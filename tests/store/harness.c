#include "harness.h"

#include "store-internal.h"

/* ---- what a transaction says that it changes ---- */

static int print_change(void *arg, const pf_change *change)
{
	pf_text_printf(arg, "%d %lld %lld%s%s%s%s %lld %lld %lld", (int)change->kind, (long long)change->id,
		       (long long)change->scope, change->maybe_new ? " new" : "", change->gone ? " gone" : "",
		       change->resized ? " resized" : "", change->rewritten ? " rewritten" : "",
		       (long long)change->size, (long long)change->mtime, (long long)change->source_mtime);
	if (change->maybe_new || change->gone || change->resized)
		pf_text_printf(arg, " %s", change->name);
	pf_text_puts(arg, "\n");
	return 0;
}

/* Commits; what it told of itself is what the history says of it. */
static int commit_txn(pf_txn *txn, pf_err *err)
{
	pf_store *store = txn->store;
	int64_t since = txn->history_before, told = since;
	pf_text before = { 0 }, after = { 0 };
	int rc = pf_txn_changes(txn, &told, print_change, &before, err);

	if (rc < 0)
		pf_txn_rollback(txn);
	else
		rc = pf_txn_commit(txn, err);
	if (rc == 0 && pf_store_changes(store, &since, print_change, &after, NULL) == 0 &&
	    !before.failed && !after.failed /* tests/memory */) {
		if (strcmp(before.bytes ? before.bytes : "", after.bytes ? after.bytes : "") != 0)
			fail_msg("told:\n%s\nhappened:\n%s", before.bytes, after.bytes);
		assert_int_equal(told, since);
	}
	pf_text_free(&before);
	pf_text_free(&after);
	return rc;
}

/* ---- the fixture ---- */

static void open_all(struct fixture *f)
{
	pf_store_options options = { .sync = PF_SYNC_NORMAL };

	f->store = pf_store_open(f->path, &options, &f->err);
	if (!f->store)
		fail_msg("%s", f->err.why);
	f->extractor = pf_extractor_new(NULL, &f->err);
	assert_non_null(f->extractor);
	assert_int_equal(sqlite3_open_v2(f->path, &f->db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(f->db, 60000);
}

static void close_all(struct fixture *f)
{
	sqlite3_close(f->db);
	pf_extractor_free(f->extractor);
	pf_store_close(f->store);
}

int fixture_open(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->directory, "/tmp/pf-store-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof f->path, "%s/patterns.db", f->directory);
	open_all(f);
	*state = f;
	return 0;
}

int fixture_close(void **state)
{
	struct fixture *f = *state;
	char command[128];

	check_invariants(f);
	close_all(f);
	snprintf(command, sizeof command, "rm -r %s", f->directory);
	assert_int_equal(system(command), 0);
	pf_text_free(&f->text);
	free(f);
	return 0;
}

void fixture_reopen(struct fixture *f)
{
	close_all(f);
	open_all(f);
}

/* ---- looking into the tables ---- */

static sqlite3_stmt *ask_row(struct fixture *f, const char *sql)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(f->db));
	if (sqlite3_step(stmt) != SQLITE_ROW)
		fail_msg("%s: no row: %s", sql, sqlite3_errmsg(f->db));
	return stmt;
}

int64_t ask(struct fixture *f, const char *sql)
{
	sqlite3_stmt *stmt = ask_row(f, sql);
	int64_t answer = sqlite3_column_int64(stmt, 0);

	sqlite3_finalize(stmt);
	return answer;
}

const char *ask_text(struct fixture *f, const char *sql)
{
	sqlite3_stmt *stmt = ask_row(f, sql);
	const char *answer = (const char *)sqlite3_column_text(stmt, 0);

	pf_text_reset(&f->text);
	pf_text_puts(&f->text, answer ? answer : "(null)");
	sqlite3_finalize(stmt);
	return f->text.bytes;
}

void run_sql(struct fixture *f, const char *sql)
{
	if (sqlite3_exec(f->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(f->db));
}

/* Each counts what is wrong. */
static const char *const invariants[] = {
	"SELECT count(*) FROM code_patterns p WHERE size <> (SELECT size FROM pattern_sizes s WHERE s.id = p.id)",
	"SELECT count(*) FROM code_patterns WHERE NOT json_valid(pattern_data)",
	"SELECT count(*) FROM code_patterns p WHERE component_count <>"
	" (SELECT count(*) FROM sightings s WHERE s.pattern_id = p.id)",
	"SELECT count(*) FROM code_patterns WHERE success_count < component_count",
	"SELECT count(*) FROM component_places k WHERE components <> (SELECT count(*) FROM components c"
	" WHERE c.category = k.category AND c.component_type = k.component_type"
	" AND coalesce(c.subcategory, '') = k.subcategory)",
	"SELECT (SELECT count(*) FROM components) - (SELECT coalesce(sum(components), 0) FROM component_places)",
	"SELECT count(*) FROM components WHERE (verdict_bound > 0) <> (success_count > 0)",
	/* Ranking. */
	"SELECT count(*) FROM code_patterns p WHERE breadth <> (SELECT count(*) FROM pattern_libraries l"
	" WHERE l.pattern_id = p.id)",
	"SELECT count(*) FROM (SELECT DISTINCT l.library_id, s.pattern_id FROM component_libraries l JOIN sightings s"
	" ON s.component_id = l.component_id EXCEPT SELECT library_id, pattern_id FROM pattern_libraries)",
	"SELECT count(*) FROM (SELECT library_id, pattern_id FROM pattern_libraries EXCEPT SELECT l.library_id,"
	" s.pattern_id FROM component_libraries l JOIN sightings s ON s.component_id = l.component_id)",
	"SELECT count(*) FROM components c WHERE json_array_length(libraries_involved) <>"
	" (SELECT count(*) FROM component_libraries l WHERE l.component_id = c.id)",
	"SELECT count(*) FROM code_patterns WHERE rank_order <>"
	" (1 - trivial) * 4611686018427387904 + CAST(confidence_lower_bound * 1073741823 AS INTEGER) * 4294967296"
	" + breadth * 1048576 + component_count",
	"SELECT count(*) FROM code_patterns p WHERE archived = 0 AND component_count > 0"
	" AND (rank_order <= (SELECT best FROM directory_ranks d WHERE d.scope = p.scope)) IS NOT 1",
	/* Places and file names are what the columns say. */
	"SELECT count(*) FROM code_patterns p WHERE scope >> 8 <> (SELECT id FROM categories WHERE name = p.category)",
	"SELECT count(*) FROM code_patterns WHERE file_name NOT GLOB pattern_name || '-????????*.json'",
	/* Totals are sums. */
	"SELECT count(*) FROM directories d WHERE (patterns, success, failure, high, medium, low, confidence_ppb) IS "
	"NOT"
	" (SELECT count(*), coalesce(sum(success_count), 0), coalesce(sum(failure_count), 0),"
	"  coalesce(sum(confidence_score >= 0.9), 0),"
	"  coalesce(sum(confidence_score >= 0.7 AND confidence_score < 0.9), 0),"
	"  coalesce(sum(confidence_score < 0.7), 0),"
	"  coalesce(sum(CAST(confidence_score * 1e9 + 0.5 AS INTEGER)), 0)"
	"  FROM code_patterns p WHERE p.scope = d.scope AND archived = 0 AND component_count > 0)",
	"SELECT count(*) FROM (SELECT DISTINCT scope FROM code_patterns WHERE archived = 0 AND component_count > 0)"
	" WHERE scope NOT IN (SELECT scope FROM directories)",
	"SELECT (SELECT sum(components) FROM component_totals) <> (SELECT count(*) FROM components)",
	"SELECT count(*) FROM component_totals t WHERE components <>"
	" (SELECT count(*) FROM components c WHERE c.component_type = t.component_type)",
	"SELECT count(*) FROM component_totals t WHERE mtime <"
	" (SELECT max(c.mtime) FROM components c WHERE c.component_type = t.component_type)",
	"SELECT count(*) FROM components c WHERE (pattern_count, path_bytes) IS NOT"
	" (SELECT count(*), coalesce(sum(length(p.category || p.component_type || p.pattern_type || p.file_name) + 3), "
	"0) FROM sightings s JOIN code_patterns p"
	"  ON p.id = s.pattern_id WHERE s.component_id = c.id AND p.archived = 0)",
	"SELECT count(*) FROM components c JOIN component_records r ON r.component_id = c.id"
	" WHERE record_size <> length(CAST(record AS BLOB))",
	"SELECT count(*) FROM components c JOIN sources s ON s.id = c.source_id"
	" WHERE source_size <> length(content) OR content IS NULL",
	/* A component shows patterns of its own place only. */
	"SELECT count(*) FROM sightings s JOIN code_patterns p ON p.id = s.pattern_id JOIN components c"
	" ON c.id = s.component_id WHERE p.category <> c.category OR p.component_type <> c.component_type",
	/* The counts are what the last event says. */
	"SELECT count(*) FROM (SELECT pattern_id, success_count, failure_count, max(id) FROM history"
	"  WHERE pattern_id IS NOT NULL GROUP BY pattern_id) h JOIN code_patterns p ON p.id = h.pattern_id"
	" WHERE h.success_count <> p.success_count OR h.failure_count <> p.failure_count",
	"SELECT count(*) FROM history a JOIN history b ON b.id = a.id + 1"
	" WHERE b.end_offset <= a.end_offset OR b.at < a.at",
	/* incoming/ */
	"SELECT count(*) FROM files d WHERE children <> (SELECT count(*) FROM files f WHERE f.parent = d.id AND listed)"
	" + (SELECT count(*) FROM notes n WHERE n.parent = d.id AND listed)",
	"SELECT count(*) FROM files d WHERE subdirectories <> (SELECT count(*) FROM files f"
	" WHERE f.parent = d.id AND listed AND f.mode & 61440 = 16384)",
	"SELECT count(*) FROM files WHERE implicit AND listed <> (children > 0)",
	"SELECT count(*) FROM files f LEFT JOIN contents c ON c.file_id = f.id LEFT JOIN sources s ON s.id = "
	"f.source_id"
	" WHERE f.size <> coalesce(length(s.content), length(c.data), 0) OR (f.source_id AND s.content IS NULL)"
	" OR (f.source_id AND c.data IS NOT NULL)",
	"SELECT count(*) FROM sources s WHERE content IS NOT NULL AND id NOT IN (SELECT source_id FROM components)"
	" AND id NOT IN (SELECT source_id FROM files WHERE source_id IS NOT NULL)",
	"SELECT count(*) FROM pragma_foreign_key_check",
	"SELECT integrity_check <> 'ok' FROM pragma_integrity_check",
};

enum { MANY = 512 };

/* A listing, for a callback must not call the store. */
struct patterns {
	pf_pattern_entry entries[MANY];
	size_t count;
};
struct components {
	pf_component_entry entries[MANY];
	size_t count;
};

static int collect_pattern(void *arg, const pf_pattern_entry *entry)
{
	struct patterns *all = arg;

	all->entries[all->count++] = *entry;
	return all->count == MANY;
}

static int collect_component(void *arg, const pf_component_entry *entry)
{
	struct components *all = arg;

	all->entries[all->count++] = *entry;
	return all->count == MANY;
}

static void check_directory(struct fixture *f, pf_scope scope)
{
	struct patterns all = { .count = 0 };

	assert_ok(f, pf_store_pattern_list(f->store, scope, 0, collect_pattern, &all, &f->err));
	for (size_t i = 0; i < all.count; i++)
		assert_int_equal(strlen(document_of(f, all.entries[i].id)), all.entries[i].size);
}

static void check_components(struct fixture *f)
{
	struct components all = { .count = 0 };

	assert_ok(f, pf_store_component_list(f->store, 0, collect_component, &all, &f->err));
	for (size_t i = 0; i < all.count; i++) {
		const pf_component_entry *e = &all.entries[i];

		assert_int_equal(strlen(component_text_of(f, e->id, PF_COMPONENT_DOCUMENT)), e->document_size);
		assert_int_equal(strlen(component_text_of(f, e->id, PF_COMPONENT_RECORD)), e->record_size);
		assert_int_equal(strlen(component_text_of(f, e->id, PF_COMPONENT_SOURCE)), e->source_size);
	}
}

static int fail_finding(void *arg, const char *finding)
{
	(void)arg;
	fail_msg("%s", finding);
	return 1;
}

void check_invariants(struct fixture *f)
{
	sqlite3_stmt *stmt;
	int64_t scopes[256];
	size_t count = 0;

	for (size_t i = 0; i < sizeof invariants / sizeof *invariants; i++)
		assert_asks(f, invariants[i], 0);
	assert_int_equal(sqlite3_prepare_v2(f->db, "SELECT scope FROM directories", -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW && count < 256)
		scopes[count++] = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	assert_ok(f, pf_store_check(f->path, fail_finding, NULL, &f->err));
	for (size_t i = 0; i < count; i++)
		check_directory(f, scopes[i]);
	check_components(f);
}

/* ---- what people do ---- */

static pf_txn *begin(struct fixture *f)
{
	pf_txn *txn;

	f->err = (pf_err){ 0 };
	txn = pf_txn_begin(f->store, &f->err);
	if (!txn)
		fail_msg("%s", f->err.why);
	return txn;
}

static int finish(struct fixture *f, pf_txn *txn, int rc)
{
	pf_err err = { 0 };

	assert_false(pf_txn_broken(txn));
	assert_int_equal(commit_txn(txn, &err), 0);
	(void)f;
	return rc;
}

int submit_bytes(struct fixture *f, int64_t parent, const char *name, const char *content, size_t len)
{
	int64_t id = file_id(f, parent, name);
	pf_judgement *judgement;
	pf_file file;
	pf_txn *txn;
	int rc;

	if (!id) {
		txn = begin(f);
		rc = finish(f, txn, pf_txn_mkfile(txn, parent, name, 0644, &file, &f->err));
		if (rc < 0)
			return rc;
		id = file.id;
	}
	judgement = pf_store_judge(f->store, f->extractor, id, content, len);
	txn = begin(f);
	rc = finish(f, txn, pf_txn_close(txn, id, content, len, 1000000000, f->extractor, judgement, &f->err));
	pf_judgement_free(judgement);
	return rc;
}

int submit(struct fixture *f, int64_t parent, const char *name, const char *content)
{
	return submit_bytes(f, parent, name, content, strlen(content));
}

int64_t make_directory(struct fixture *f, int64_t parent, const char *name, bool implicit)
{
	pf_txn *txn = begin(f);
	pf_file made = { 0 };
	int rc = finish(f, txn, pf_txn_mkdir(txn, parent, name, 0755, implicit, &made, &f->err));

	return rc < 0 ? rc : made.id;
}

int remove_name(struct fixture *f, int64_t parent, const char *name)
{
	pf_txn *txn = begin(f);
	int64_t removed;
	int rc = pf_txn_unlink(txn, parent, name, &removed, &f->err);

	if (rc == 0 && removed)
		rc = pf_txn_forget(txn, removed, &f->err);
	return finish(f, txn, rc);
}

int remove_directory(struct fixture *f, int64_t parent, const char *name)
{
	pf_txn *txn = begin(f);

	return finish(f, txn, pf_txn_rmdir(txn, parent, name, &f->err));
}

int move_name(struct fixture *f, int64_t parent, const char *name, int64_t new_parent, const char *new_name,
	      unsigned flags)
{
	pf_txn *txn = begin(f);
	int64_t replaced;
	int rc = pf_txn_rename(txn, parent, name, new_parent, new_name, flags, f->extractor, &replaced, &f->err);

	if (rc == 0 && replaced)
		rc = pf_txn_forget(txn, replaced, &f->err);
	return finish(f, txn, rc);
}

int adopt_edits(struct fixture *f)
{
	pf_txn *txn = begin(f);

	return finish(f, txn, pf_txn_adopt_edits(txn, &f->err));
}

int archive(struct fixture *f, int64_t pattern)
{
	pf_txn *txn = begin(f);

	return finish(f, txn, pf_txn_archive(txn, pattern, &f->err));
}

int verdict(struct fixture *f, bool success, enum pf_target_kind kind, int64_t id, const char *note)
{
	pf_txn *txn = begin(f);
	pf_target target = { kind, id };
	pf_verdict v = { success, &target, 1, note };

	return finish(f, txn, pf_txn_verdicts(txn, &v, 1, &f->err));
}

/* ---- the same, where it may fail ---- */

int end_txn(pf_txn *txn, int rc, pf_err *err)
{
	if (rc < 0) {
		pf_txn_rollback(txn);
		return rc;
	}
	return commit_txn(txn, err);
}

static int make_one(struct fixture *f, int64_t parent, const char *name, int64_t *id)
{
	pf_file found = { 0 };
	pf_err missing = { 0 };
	bool implicit;
	pf_txn *txn;
	int rc = pf_store_file_find(f->store, parent, name, &found, &implicit, &missing);

	if (rc == -ENOENT) {
		txn = pf_txn_begin(f->store, &f->err);
		if (!txn)
			return -f->err.code;
		rc = end_txn(txn, pf_txn_mkfile(txn, parent, name, 0644, &found, &f->err), &f->err);
	} else if (rc < 0) {
		pf_fail(&f->err, -rc, "%s", missing.why);
	}
	*id = found.id;
	return rc;
}

int put_file(struct fixture *f, int64_t parent, const char *name, const char *content)
{
	pf_judgement *judgement;
	pf_txn *txn;
	int64_t id = 0;
	int rc = make_one(f, parent, name, &id);

	if (rc < 0)
		return rc;
	judgement = pf_store_judge(f->store, f->extractor, id, content, strlen(content));
	txn = pf_txn_begin(f->store, &f->err);
	if (txn) {
		rc = pf_txn_close(txn, id, content, strlen(content), 1000000000, f->extractor, judgement, &f->err);
		/* A refusal is kept. */
		if (rc == -EINVAL) {
			pf_err err = { 0 };
			int kept = commit_txn(txn, &err);

			if (kept < 0) {
				f->err = err;
				rc = kept;
			}
		} else {
			rc = end_txn(txn, rc, &f->err);
		}
	} else {
		rc = -f->err.code;
	}
	pf_judgement_free(judgement);
	return rc;
}

char *state_of(struct fixture *f)
{
	return strdup(ask_text(
		f,
		"SELECT group_concat(line, char(10)) FROM ("
		" SELECT 'pattern ' || id || ' ' || archived || ' ' || component_count || ' ' || success_count || ' '"
		"  || failure_count || ' ' || size AS line FROM code_patterns"
		" UNION ALL SELECT 'component ' || component_name || ' ' || revision || ' ' || success_count FROM "
		"components"
		" UNION ALL SELECT 'history ' || count(*) FROM history"
		" UNION ALL SELECT 'pairs ' || count(*) || ' ' || total(success_count) FROM pattern_combinations"
		" UNION ALL SELECT 'file ' || name || ' ' || size || ' ' || judged FROM files WHERE listed"
		" UNION ALL SELECT 'note ' || name || ' ' || listed || ' ' || size FROM notes)"));
}

/* ---- what they see ---- */

const char *note_of(struct fixture *f, int64_t parent, const char *name)
{
	pf_note note;
	pf_err err = { 0 };

	if (pf_store_note_find(f->store, parent, name, &note, &err) < 0)
		return NULL;
	pf_text_reset(&f->text);
	assert_ok(f, pf_store_note_text(f->store, note.id, &f->text, &f->err));
	assert_int_equal(f->text.len, note.size);
	return f->text.bytes;
}

bool note_listed(struct fixture *f, int64_t parent, const char *name)
{
	pf_note note;
	pf_err err = { 0 };

	return pf_store_note_find(f->store, parent, name, &note, &err) == 0 && note.listed;
}

int64_t file_id(struct fixture *f, int64_t parent, const char *name)
{
	pf_file file;
	pf_err err = { 0 };
	bool implicit;

	return pf_store_file_find(f->store, parent, name, &file, &implicit, &err) == 0 ? file.id : 0;
}

const char *content_of(struct fixture *f, int64_t parent, const char *name)
{
	pf_text_reset(&f->text);
	pf_text_puts(&f->text, "");
	assert_ok(f, pf_store_file_content(f->store, file_id(f, parent, name), &f->text, &f->err));
	return f->text.bytes;
}

static int add_file_name(void *arg, const pf_file *file)
{
	pf_text_printf(arg, "%s ", file->name);
	return 0;
}

static int add_note_name(void *arg, const pf_note *note)
{
	pf_text_printf(arg, "%s ", note->name);
	return 0;
}

const char *names_in(struct fixture *f, int64_t parent)
{
	pf_text_reset(&f->text);
	pf_text_puts(&f->text, "");
	assert_ok(f, pf_store_file_list(f->store, parent, 0, add_file_name, &f->text, &f->err));
	assert_ok(f, pf_store_note_list(f->store, parent, 0, add_note_name, &f->text, &f->err));
	return f->text.bytes;
}

const char *document_of(struct fixture *f, int64_t pattern)
{
	pf_text_reset(&f->text);
	assert_ok(f, pf_store_pattern_document(f->store, pattern, &f->text, &f->err));
	return f->text.bytes;
}

const char *component_text_of(struct fixture *f, int64_t component, enum pf_component_text which)
{
	pf_text_reset(&f->text);
	assert_ok(f, pf_store_component_text(f->store, component, which, &f->text, &f->err));
	return f->text.bytes;
}

int64_t component_id(struct fixture *f, const char *name)
{
	pf_component_entry entry;
	pf_err err = { 0 };

	return pf_store_component_find(f->store, name, &entry, &err) == 0 ? entry.id : 0;
}

const char *history_of(struct fixture *f)
{
	int64_t size, mtime;

	pf_text_reset(&f->text);
	pf_text_puts(&f->text, "");
	assert_ok(f, pf_store_history_stat(f->store, &size, &mtime, &f->err));
	assert_ok(f, pf_store_history_read(f->store, 0, (size_t)size, &f->text, &f->err));
	assert_int_equal(f->text.len, size);
	return f->text.bytes;
}

const char *stats_of(struct fixture *f)
{
	pf_text_reset(&f->text);
	assert_ok(f, pf_store_stats_document(f->store, &f->text, &f->err));
	return f->text.bytes;
}

const char *operator_source(const char *name, const char *body)
{
	static char buffers[4][4096];
	static int next;
	char *source = buffers[next++ % 4];

	snprintf(source, sizeof buffers[0],
		 "from __future__ import annotations\n"
		 "from airflow.models import BaseOperator\n"
		 "\n"
		 "class %s(BaseOperator):\n"
		 "    template_fields = ('path',)\n"
		 "    def __init__(self, path, **kwargs):\n"
		 "        super().__init__(**kwargs)\n"
		 "        self.path = path\n"
		 "    def execute(self, context):\n"
		 "        %s\n",
		 name, body);
	return source;
}
