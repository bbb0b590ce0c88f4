/*
 * Hostile and corrupt databases: whatever a file holds, opening it and reading
 * and writing all of it through store.h ends in answers or errors, never in a
 * crash, a hang, or a name that a directory cannot show.
 *
 *     hostile [CASES [SEED]]
 *     hostile write DIRECTORY
 *
 * damages a good database in CASES places, a bit or a piece of it each, and
 * then makes rows by hand that no store writes. Each case is walked in a child
 * of its own. Runs best with AddressSanitizer and UBSan. The second form leaves
 * the databases with such rows in DIRECTORY, N.db, for who would mount them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store.h"
#include "tamper.h"

enum { SECONDS = 60, MANY = 4096, CASES = 200, SEED = 20240611, DIRECTORIES = 64 };
enum { OK = 0, REFUSED = 10, BROKEN_PROMISE = 11 };

/* ---- the walk ---- */

struct walk {
	pf_store *store;
	pf_extractor *extractor;
	pf_text text;
	pf_err err;
	int64_t ids[MANY];
	bool is_directory[MANY];
	size_t count;
	int64_t pattern, component; /* the last that was listed */
	const char *where;
};

__attribute__((format(printf, 2, 3))) static void broken_promise(const struct walk *w, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "%s: ", w->where);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	_exit(BROKEN_PROMISE);
}

static bool shows(const char *name, size_t limit, bool plain)
{
	size_t len = strlen(name);

	if (len == 0 || len > limit || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/'))
		return false;
	for (const char *c = name; plain && *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	return pf_utf8_valid(name, len);
}

/* A name that the store learned; room is left for what queries put before it. */
static void learned(const struct walk *w, const char *name)
{
	if (!name || !shows(name, 245, true))
		broken_promise(w, "a name that no directory can show: '%.300s'", name ? name : "(null)");
}

/* A name that somebody gave under incoming/, where all that the kernel lets through is one. */
static void given(const struct walk *w, const char *name)
{
	if (!shows(name, 255, false))
		broken_promise(w, "a name that no directory can show: '%.300s'", name);
}

/* A path from the root, of learned names. */
static void path(const struct walk *w, const char *all)
{
	char name[300];

	for (const char *c = all, *end; c; c = *end ? end + 1 : NULL) {
		end = c + strcspn(c, "/");
		if (end - c > 299)
			broken_promise(w, "a path of no names: '%.300s'", all);
		snprintf(name, sizeof name, "%.*s", (int)(end - c), c);
		learned(w, name);
	}
}

/* A failure has a code and a sentence. */
static int said(struct walk *w, int rc)
{
	if (rc < 0 && (!w->err.code || !*w->err.why))
		broken_promise(w, "a failure (%d) without words", rc);
	w->err = (pf_err){ 0 };
	return rc;
}

static int keep(struct walk *w, int64_t id)
{
	w->ids[w->count++] = id;
	return w->count == MANY;
}

static int keep_scope(void *arg, const pf_scope_entry *entry)
{
	learned(arg, entry->name);
	return keep(arg, entry->scope);
}

static int keep_pattern(void *arg, const pf_pattern_entry *entry)
{
	struct walk *w = arg;

	learned(w, entry->name);
	w->pattern = entry->id;
	return keep(w, entry->id);
}

static int keep_component(void *arg, const pf_component_entry *entry)
{
	struct walk *w = arg;

	learned(w, entry->name);
	w->component = entry->id;
	return keep(w, entry->id);
}

static int look_at_similar(void *arg, int64_t id, const char *name)
{
	(void)id;
	learned(arg, name);
	return 0;
}

static int keep_file(void *arg, const pf_file *file)
{
	struct walk *w = arg;

	given(w, file->name);
	if (!S_ISDIR(file->mode) && !S_ISREG(file->mode))
		broken_promise(w, "%s is neither a file nor a directory", file->name);
	w->is_directory[w->count] = S_ISDIR(file->mode);
	return keep(w, file->id);
}

static int keep_note(void *arg, const pf_note *note)
{
	given(arg, note->name);
	return keep(arg, note->id);
}

static int see_result(void *arg, const pf_result *result)
{
	struct walk *w = arg;

	learned(w, result->name);
	path(w, result->path);
	*(result->pattern_type ? &w->pattern : &w->component) = result->id;
	return 0;
}

static int see_change(void *arg, const pf_change *change)
{
	(void)arg;
	(void)strlen(change->name);
	return 0;
}

#define EMPTIED(w) (pf_text_reset(&(w)->text), &(w)->text)

static void walk_patterns(struct walk *w, pf_scope scope)
{
	w->count = 0;
	said(w, pf_store_pattern_list(w->store, scope, 0, keep_pattern, w, &w->err));
	for (size_t i = 0; i < w->count; i++) {
		pf_pattern_entry entry;

		said(w, pf_store_pattern_stat(w->store, w->ids[i], &entry, &w->err));
		if (said(w, pf_store_pattern_document(w->store, w->ids[i], EMPTIED(w), &w->err)) == 0)
			pf_document_drop_example(&w->text);
	}
}

/* Three levels, without recursion: what is found is looked at later. */
static void walk_scopes(struct walk *w)
{
	static pf_scope scopes[MANY * 4];
	size_t known = 1;

	scopes[0] = 0;
	for (size_t i = 0; i < known; i++) {
		pf_totals totals;

		w->count = 0;
		said(w, pf_store_totals(w->store, scopes[i], &totals, &w->err));
		said(w, pf_store_prompt(w->store, scopes[i], totals.mtime, 1, EMPTIED(w), &w->err));
		if (said(w, pf_store_scope_path(w->store, scopes[i], EMPTIED(w), &w->err)) == 0 && w->text.len)
			path(w, w->text.bytes);
		said(w, pf_store_scope_list(w->store, scopes[i], keep_scope, w, &w->err));
		for (size_t k = 0; k < w->count && known < sizeof scopes / sizeof *scopes; k++)
			scopes[known++] = w->ids[k];
		walk_patterns(w, scopes[i]);
	}
}

static void walk_components(struct walk *w)
{
	static int64_t ids[MANY];
	int64_t count, mtime;
	size_t known;

	w->count = 0;
	said(w, pf_store_prefetch_listings(w->store, &w->err));
	said(w, pf_store_component_totals(w->store, &count, &mtime, &w->err));
	said(w, pf_store_component_list(w->store, 0, keep_component, w, &w->err));
	memcpy(ids, w->ids, w->count * sizeof *ids);
	known = w->count;
	for (size_t i = 0; i < known; i++) {
		pf_component_entry entry;

		said(w, pf_store_component_stat(w->store, ids[i], &entry, &w->err));
		for (int which = PF_COMPONENT_SOURCE; which <= PF_COMPONENT_RECORD; which++)
			said(w, pf_store_component_text(w->store, ids[i], which, EMPTIED(w), &w->err));
		w->count = 0;
		said(w, pf_store_component_patterns(w->store, ids[i], 0, keep_pattern, w, &w->err));
		said(w, pf_store_similar(w->store, ids[i], 1, look_at_similar, w, &w->err));
	}
}

static void walk_incoming(struct walk *w)
{
	static int64_t directories[DIRECTORIES];
	size_t known = 1;

	directories[0] = PF_INCOMING;
	for (size_t i = 0; i < known; i++) {
		w->count = 0;
		said(w, pf_store_file_list(w->store, directories[i], 0, keep_file, w, &w->err));
		for (size_t k = 0; k < w->count; k++) {
			pf_file file;

			if (w->is_directory[k] && known < DIRECTORIES)
				directories[known++] = w->ids[k];
			said(w, pf_store_file_stat(w->store, w->ids[k], &file, &w->err));
			said(w, pf_store_file_content(w->store, w->ids[k], EMPTIED(w), &w->err));
		}
		w->count = 0;
		said(w, pf_store_note_list(w->store, directories[i], 0, keep_note, w, &w->err));
		for (size_t k = 0; k < w->count; k++)
			said(w, pf_store_note_text(w->store, w->ids[k], EMPTIED(w), &w->err));
	}
}

static int see_code(void *arg, const char *code)
{
	(void)arg;
	(void)strlen(code);
	return 0;
}

/* Of the pattern or component last seen. */
static void walk_examples(struct walk *w, const pf_query *query)
{
	pf_examples *examples = pf_store_examples(w->store, query, &w->err);
	bool own;

	said(w, examples ? 0 : -1);
	if (examples) {
		said(w, pf_examples_own(examples, w->pattern, &own, &w->err));
		said(w, pf_examples_each(examples, w->pattern, INT_MAX, see_code, w, &w->err));
	}
	pf_examples_free(examples);
	said(w, pf_store_component_method(w->store, w->component, EMPTIED(w), &w->err));
}

static void walk_query(struct walk *w, const char *const *pairs)
{
	pf_query *query = NULL;
	int64_t count;

	for (; *pairs; pairs++) {
		pf_query *narrowed = pf_query_narrow(query, *pairs, &w->err);

		if (!narrowed)
			broken_promise(w, "%s", w->err.why);
		pf_query_free(query);
		query = narrowed;
	}
	said(w, pf_store_query(w->store, query, see_result, w, &w->err));
	said(w, pf_store_query_count(w->store, query, &count, &w->err));
	walk_examples(w, query);
	pf_query_free(query);
}

static void walk_queries(struct walk *w)
{
	static const char *const queries[][4] = {
		{ "limit=1000" },
		{ "sort=confidence", "category=storage" },
		{ "sort=recent" },
		{ "sort=support", "component_type=operator" },
		{ "sort=name" },
		{ "text=base operator" },
		{ "text=upload" },
		{ "library=airflow" },
		{ "of=components" },
		{ "of=components", "text=first" },
		{ "of=components", "sort=recent" },
		{ "similar_to=FirstOperator" },
		{ "component=FirstOperator", "complexity=low" },
		{ "with=execute" },
		{ "min_success_score=1" },
		{ "confidence=high", "min_success_count=2" },
	};

	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
		walk_query(w, queries[i]);
}

static void walk_history(struct walk *w)
{
	int64_t size, mtime, since = 0, version;

	said(w, pf_store_stats_document(w->store, EMPTIED(w), &w->err));
	said(w, pf_store_version(w->store, &version, &mtime, &w->err));
	said(w, pf_store_changes(w->store, &since, see_change, w, &w->err));
	if (said(w, pf_store_history_stat(w->store, &size, &mtime, &w->err)) < 0)
		return;
	said(w, pf_store_history_read(w->store, 0, size > 0 ? (size_t)size : 1, EMPTIED(w), &w->err));
	said(w, pf_store_history_read(w->store, size / 2, 100, EMPTIED(w), &w->err));
	said(w, pf_store_history_read(w->store, size > 0 ? size - 1 : size, 1, EMPTIED(w), &w->err));
}

static void walk_all(struct walk *w)
{
	walk_scopes(w);
	walk_components(w);
	walk_incoming(w);
	walk_queries(w);
	walk_history(w);
}

/* ---- writing ---- */

#define CLASS(name, body)                                                                                              \
	"from airflow.models import BaseOperator\n"                                                                    \
	"import boto3\n\n\n"                                                                                           \
	"class " name "(BaseOperator):\n"                                                                              \
	"    template_fields = ('path',)\n\n"                                                                          \
	"    def __init__(self, path, **kwargs):\n"                                                                    \
	"        super().__init__(**kwargs)\n"                                                                         \
	"        if not path:\n"                                                                                       \
	"            raise ValueError('path is missing')\n"                                                            \
	"        self.path = path\n\n"                                                                                 \
	"    def execute(self, context):\n"                                                                            \
	"        self.log.info('uploading %s', self.path)\n"                                                           \
	"        " body "\n"

/* Ends TXN, which RC says the last of. */
static int finish(struct walk *w, pf_txn *txn, int rc)
{
	if (pf_txn_broken(txn)) {
		pf_txn_rollback(txn);
		return rc;
	}
	said(w, pf_txn_commit(txn, &w->err));
	return rc;
}

static pf_txn *begin(struct walk *w)
{
	pf_txn *txn = pf_txn_begin(w->store, &w->err);

	if (!txn)
		said(w, -EIO);
	return txn;
}

static int put(struct walk *w, int64_t parent, const char *name, const char *content)
{
	pf_file file = { 0 };
	bool implicit;
	pf_txn *txn = begin(w);
	int rc;

	if (!txn)
		return -EIO;
	rc = said(w, pf_store_file_find(w->store, parent, name, &file, &implicit, &w->err));
	if (rc == -ENOENT)
		rc = said(w, pf_txn_mkfile(txn, parent, name, 0644, &file, &w->err));
	if (rc == 0)
		rc = said(w, pf_txn_close(txn, file.id, content, strlen(content), 1, w->extractor, NULL, &w->err));
	return finish(w, txn, rc);
}

static int64_t directory(struct walk *w, int64_t parent, const char *name)
{
	pf_file file = { 0 };
	pf_txn *txn = begin(w);

	if (txn)
		finish(w, txn, said(w, pf_txn_mkdir(txn, parent, name, 0755, false, &file, &w->err)));
	return file.id;
}

static void judge(struct walk *w, bool success, enum pf_target_kind kind, int64_t id, const char *note)
{
	pf_target target = { kind, id };
	pf_verdict verdict = { success, &target, 1, note };
	pf_txn *txn = begin(w);

	if (txn)
		finish(w, txn, said(w, pf_txn_verdicts(txn, &verdict, 1, &w->err)));
}

static void write_all(struct walk *w)
{
	pf_txn *txn;

	put(w, PF_INCOMING, "new.py", CLASS("NewOperator", "return 7"));
	put(w, PF_INCOMING, "first.py", CLASS("FirstOperator", "return self.path"));
	judge(w, true, PF_TARGET_PATTERN, w->pattern, "worked");
	judge(w, false, PF_TARGET_COMPONENT, w->component, NULL);
	judge(w, true, PF_TARGET_SCOPE, pf_scope_make(1, 0, 0), NULL);
	if (pf_store_edited(w->store) && (txn = begin(w)))
		finish(w, txn, said(w, pf_txn_adopt_edits(txn, &w->err)));
	if ((txn = begin(w)))
		finish(w, txn, said(w, pf_txn_archive(txn, w->pattern, &w->err)));
	if ((txn = begin(w))) {
		int64_t removed = 0;
		int rc = said(w, pf_txn_rename(txn, PF_INCOMING, "deep", PF_INCOMING, "category=ml", 0, w->extractor,
					       &removed, &w->err));

		finish(w, txn, rc);
	}
	if ((txn = begin(w)))
		finish(w, txn, said(w, pf_txn_unlink(txn, PF_INCOMING, "first.py", NULL, &w->err)));
}

/* The child's: what becomes of the file at NAME. */
static int attend(const char *where, const char *name, bool read_only)
{
	static struct walk w;
	pf_store_options options = { .read_only = read_only, .sync = PF_SYNC_NORMAL };

	w.where = where;
	w.store = pf_store_open(name, &options, &w.err);
	if (!w.store) {
		said(&w, -1);
		return REFUSED;
	}
	w.extractor = pf_extractor_new(NULL, &w.err);
	if (!w.extractor)
		broken_promise(&w, "%s", w.err.why);
	walk_all(&w);
	if (!read_only) {
		write_all(&w);
		walk_all(&w);
	}
	pf_extractor_free(w.extractor);
	pf_text_free(&w.text);
	pf_store_close(w.store);
	return OK;
}

/* ---- a good database ---- */

static void make_good(const char *name)
{
	static struct walk w = { .where = "a good database" };
	pf_store_options options = { .sync = PF_SYNC_NORMAL };
	int64_t deep, deeper;

	w.store = pf_store_open(name, &options, &w.err);
	w.extractor = w.store ? pf_extractor_new(NULL, &w.err) : NULL;
	if (!w.extractor)
		broken_promise(&w, "%s", w.err.why);
	deep = directory(&w, PF_INCOMING, "deep");
	deeper = directory(&w, deep, "category=storage");
	if (!deeper || put(&w, PF_INCOMING, "first.py", CLASS("FirstOperator", "return 1")) < 0 ||
	    put(&w, PF_INCOMING, "second.py", CLASS("SecondOperator", "boto3.client('s3').upload_file(self.path)")) <
		    0 ||
	    put(&w, deeper, "third.py", CLASS("ThirdOperator", "return boto3.client('s3')")) < 0 ||
	    put(&w, deep, "plain.txt", "nothing to learn\n") < 0 ||
	    put(&w, PF_INCOMING, "broken.py", "class Broken(:\n") != -EINVAL)
		broken_promise(&w, "a good submission was refused, or a bad one was not");
	judge(&w, true, PF_TARGET_COMPONENT, 1, "it ran");
	judge(&w, false, PF_TARGET_PATTERN, 2, NULL);
	walk_all(&w);
	if (!w.pattern || !w.component)
		broken_promise(&w, "nothing was learned");
	pf_extractor_free(w.extractor);
	pf_text_free(&w.text);
	pf_store_close(w.store);
}

/* ---- damage ---- */

struct bytes {
	unsigned char *at;
	size_t len;
};

static struct bytes read_all(const char *name)
{
	struct bytes bytes = { 0 };
	struct stat st;
	FILE *file = fopen(name, "rb");

	if (!file || fstat(fileno(file), &st) < 0 || !(bytes.at = malloc((size_t)st.st_size)))
		abort();
	bytes.len = fread(bytes.at, 1, (size_t)st.st_size, file);
	fclose(file);
	return bytes;
}

static void write_all_bytes(const char *name, const unsigned char *at, size_t len)
{
	char other[4096 + 8];
	FILE *file = fopen(name, "wb");

	if (!file || fwrite(at, 1, len, file) != len || fclose(file) != 0)
		abort();
	snprintf(other, sizeof other, "%s-wal", name);
	unlink(other);
	snprintf(other, sizeof other, "%s-shm", name);
	unlink(other);
}

/* splitmix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014) */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

enum { PAGE = 4096, HEAD = 128 };

/* Damages BYTES; returns how long it is then. WHAT says what was done. */
static size_t damage(struct bytes *bytes, uint64_t *state, char what[80])
{
	size_t pages = bytes->len / PAGE, page = next(state) % pages, at = next(state) % bytes->len;
	int bit;

	switch (next(state) % 8) {
	case 0:
		snprintf(what, 80, "cut to %zu bytes", at);
		return at;
	case 1:
		snprintf(what, 80, "page %zu in place of %zu", at / PAGE % pages, page);
		memmove(bytes->at + page * PAGE, bytes->at + at / PAGE % pages * PAGE, PAGE);
		return bytes->len;
	case 2:
		snprintf(what, 80, "page %zu of zeroes", page);
		memset(bytes->at + page * PAGE, 0, PAGE);
		return bytes->len;
	case 3:
	case 4:
	case 5: /* where a page says what it is, and where its cells are */
		at = page * PAGE + at % HEAD;
		break;
	default:
		break;
	}
	bit = (int)(next(state) % 8);
	snprintf(what, 80, "bit %d of byte %zu", bit, at);
	bytes->at[at] ^= (unsigned char)(1 << bit);
	return bytes->len;
}

static int counted[3]; /* walked, refused, failed */

/* Walks NAME in a child; 1 where it did what it must not. */
static int try(const char *what, const char *name, bool read_only)
{
	int status, code;
	pid_t child = fork();

	if (child < 0)
		abort();
	if (child == 0) {
		alarm(SECONDS);
		exit(attend(what, name, read_only));
	}
	if (waitpid(child, &status, 0) != child)
		abort();
	code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	counted[code == OK ? 0 : code == REFUSED ? 1 : 2]++;
	if (code == OK || code == REFUSED)
		return 0;
	printf("not ok: %s%s: %s %d\n", what, read_only ? ", read-only" : "", WIFSIGNALED(status) ? "signal" : "exit",
	       WIFSIGNALED(status) ? WTERMSIG(status) : code);
	return 1;
}

static int damaged_cases(const char *good, const char *name, int cases, uint64_t seed)
{
	struct bytes bytes = read_all(good);
	struct bytes copy = { malloc(bytes.len), bytes.len };
	int failed = 0;

	for (int i = 0; copy.at && i < cases; i++) {
		uint64_t state = seed + (uint64_t)i;
		char what[80], where[128];
		size_t len;

		memcpy(copy.at, bytes.at, bytes.len);
		len = damage(&copy, &state, what);
		write_all_bytes(name, copy.at, len);
		snprintf(where, sizeof where, "case %" PRIu64 " (%s)", seed + (uint64_t)i, what);
		failed += try(where, name, i % 4 == 0);
	}
	printf("%d damaged databases: %d walked, %d refused\n", cases, counted[0], counted[1]);
	free(copy.at);
	free(bytes.at);
	return failed;
}

/* ---- rows that no store writes ---- */

static const struct {
	const char *what; /* in brackets: not for mounts */
	const char *sql;
} rows[] = {
	{ "data that is no JSON", "UPDATE code_patterns SET pattern_data = 'no { JSON', mtime = mtime + 1" },
	{ "data that is nothing", "UPDATE code_patterns SET pattern_data = '', mtime = mtime + 1" },
	{ "data of one brace", "UPDATE code_patterns SET pattern_data = '{', mtime = mtime + 1" },
	{ "deep JSON", "UPDATE code_patterns SET pattern_data = printf('%.*c', 100000, '['), mtime = mtime + 1" },
	{ "data that is not UTF-8",
	  "UPDATE code_patterns SET pattern_data = CAST(x'7b22ff00c3287d' AS TEXT), mtime = mtime + 1" },
	{ "data of 10 MB",
	  "UPDATE code_patterns SET pattern_data = '{\"code\": \"' || printf('%.*c', 10000000, 'a') || '\"}',"
	  " mtime = mtime + 1 WHERE id = 3" },
	{ "libraries that are no JSON", "UPDATE code_patterns SET libraries_involved = '[[[', mtime = mtime + 1;"
					"UPDATE components SET libraries_involved = '{', mtime = mtime + 1" },
	{ "libraries that are numbers",
	  "UPDATE components SET libraries_involved = '[1, null, {}]', mtime = mtime + 1" },
	{ "file names with slashes", "UPDATE code_patterns SET file_name = '../../etc/' || id" },
	{ "file names of dots", "UPDATE code_patterns SET file_name = '..' WHERE id = 1;"
				"UPDATE code_patterns SET file_name = '.' WHERE id = 2" },
	{ "file names with newlines", "UPDATE code_patterns SET file_name = 'a' || char(10) || id || '.json'" },
	{ "file names with NUL", "UPDATE code_patterns SET file_name = 'a' || char(0) || id || '.json'" },
	{ "file names that are not UTF-8",
	  "UPDATE code_patterns SET file_name = CAST(x'61ff' AS TEXT) || id || '.json'" },
	{ "long file names", "UPDATE code_patterns SET file_name = printf('%.*c', 300, 'n') || id || '.json'" },
	{ "very long file names",
	  "UPDATE code_patterns SET file_name = printf('%.*c', 10000000, 'n') || id WHERE id = 3" },
	{ "no file name", "UPDATE code_patterns SET file_name = '' WHERE id = 1" },
	{ "file names of fixed files", "UPDATE code_patterns SET file_name = 'outcome' WHERE id = 1;"
				       "UPDATE code_patterns SET file_name = 'prompt.md' WHERE id = 2" },
	{ "categories with slashes", "UPDATE categories SET name = '../' || name;"
				     "UPDATE code_patterns SET category = '../' || category, mtime = mtime + 1;"
				     "UPDATE components SET category = '../' || category, mtime = mtime + 1" },
	{ "a category called as a fixed directory",
	  "UPDATE categories SET name = 'incoming' WHERE id = 1;"
	  "UPDATE code_patterns SET category = 'incoming', mtime = mtime + 1 WHERE scope >> 8 = 1" },
	{ "types with slashes", "UPDATE code_patterns SET component_type = '..', mtime = mtime + 1;"
				"UPDATE components SET component_type = '..', mtime = mtime + 1" },
	{ "pattern types with slashes", "UPDATE code_patterns SET pattern_type = '../../..', mtime = mtime + 1" },
	{ "components called as paths", "UPDATE components SET component_name = '/etc/passwd' WHERE id = 1;"
					"UPDATE components SET component_name = '..' WHERE id = 2;"
					"UPDATE components SET entry_name = 'a/b' WHERE id = 3" },
	{ "components with newlines", "UPDATE components SET component_name = char(10) || id" },
	{ "components with long names", "UPDATE components SET component_name = printf('%.*c', 5000, 'C') || id" },
	{ "files called as paths", "UPDATE files SET name = '../' || id WHERE id > 1" },
	{ "files without names", "UPDATE files SET name = '' WHERE id = 2" },
	{ "files with long names", "UPDATE files SET name = printf('%.*c', 300, 'f') || id WHERE id > 1" },
	{ "notes called as paths", "UPDATE notes SET name = '../' || id" },
	{ "files that are in each other", "UPDATE files SET parent = 3 WHERE id = 2" },
	{ "a file that is in itself", "UPDATE files SET parent = id WHERE id > 1;"
				      "UPDATE files SET mode = 16877 WHERE id > 1" },
	{ "incoming in incoming", "UPDATE files SET parent = 1 WHERE id = 1" },
	{ "(incoming is no directory)", "UPDATE files SET mode = 33188 WHERE id = 1" },
	{ "(no incoming)", "DELETE FROM files WHERE id = 1" },
	{ "files of odd kinds", "UPDATE files SET mode = -1 WHERE id > 1" },
	{ "links and devices", "UPDATE files SET mode = CASE id % 3 WHEN 0 THEN 41471 WHEN 1 THEN 8630 ELSE 25014 END"
			       " WHERE id > 1" },
	{ "(implicit directories in each other)",
	  "UPDATE files SET parent = 3, implicit = 1, listed = id % 2, mode = 16877 WHERE id = 2;"
	  "UPDATE files SET parent = 2, implicit = 1, mode = 16877 WHERE id = 3" },
	{ "huge counts", "UPDATE code_patterns SET success_count = 9223372036854775807,"
			 " failure_count = 9223372036854775807, component_count = 9223372036854775807,"
			 " breadth = 9223372036854775807, mtime = mtime + 1;"
			 "UPDATE components SET success_count = 9223372036854775807,"
			 " failure_count = 9223372036854775807, mtime = mtime + 1" },
	{ "likeness to what is none",
	  "INSERT INTO similar SELECT id, 1, 1, CASE id % 3 WHEN 0 THEN printf('%.*c', 1000000, '1')"
	  " WHEN 1 THEN '1' || char(0) || '2' ELSE '1 2 -1' END FROM components" },
	{ "names of what is alike",
	  "INSERT INTO similar SELECT id, 1, 1, '1 2 3' FROM components;"
	  "UPDATE components SET component_name = '../' || id, entry_name = '..' || char(47) || id" },
	{ "counts below 0", "UPDATE code_patterns SET success_count = -9223372036854775808, failure_count = -1,"
			    " mtime = mtime + 1;"
			    "UPDATE components SET success_count = -9223372036854775808, failure_count = -1,"
			    " pattern_count = -1000000, path_bytes = -1, mtime = mtime + 1" },
	{ "huge totals", "UPDATE directories SET patterns = 100000000000000000, success = 100000000000000000,"
			 " failure = 100000000000000000, high = 100000000000000000,"
			 " confidence_ppb = 100000000000000000;"
			 "UPDATE component_totals SET components = 100000000000000000;"
			 "UPDATE component_places SET components = 100000000000000000" },
	{ "(totals that have no sum)",
	  "UPDATE directories SET patterns = 9223372036854775807, success = 9223372036854775807,"
	  " failure = 9223372036854775807, high = 9223372036854775807,"
	  " confidence_ppb = 9223372036854775807;"
	  "UPDATE component_totals SET components = 9223372036854775807;"
	  "UPDATE component_places SET components = 9223372036854775807" },
	{ "totals below 0", "UPDATE directories SET patterns = -1000, success = -1" },
	{ "the last time there is", "UPDATE code_patterns SET mtime = 9223372036854775807;"
				    "UPDATE components SET mtime = 9223372036854775807;"
				    "UPDATE directories SET mtime = 9223372036854775807;"
				    "UPDATE files SET mtime = 9223372036854775807, ctime = 9223372036854775807" },
	{ "times below 0", "UPDATE code_patterns SET mtime = -9223372036854775808;"
			   "UPDATE files SET mtime = -9223372036854775808, ctime = -9223372036854775808" },
	{ "history at the end of time", "UPDATE history SET at = 9223372036854775807" },
	{ "history of huge offsets", "UPDATE history SET end_offset = 9223372036854775807 - id" },
	{ "history of offsets below 0", "UPDATE history SET end_offset = -9223372036854775808 WHERE id % 2" },
	{ "history of unknown events", "UPDATE history SET event = id * 1000000007" },
	{ "history with the last id there is", "UPDATE history SET id = 9223372036854775807 WHERE id = 1" },
	{ "sizes that are not", "UPDATE code_patterns SET size = 7, mtime = mtime + 1;"
				"UPDATE components SET record_size = 9223372036854775807, source_size = -1;"
				"UPDATE files SET size = 9223372036854775807; UPDATE notes SET size = -5" },
	{ "sizes below 0", "UPDATE code_patterns SET size = -9223372036854775808, mtime = mtime + 1" },
	{ "scopes that are none",
	  "UPDATE code_patterns SET scope = 255 + id; UPDATE directories SET scope = scope + 15" },
	{ "scopes below 0", "UPDATE code_patterns SET scope = -scope; UPDATE directories SET scope = -scope" },
	{ "sightings of nothing", "UPDATE OR IGNORE sightings SET pattern_id = pattern_id + 1000000;"
				  "INSERT OR IGNORE INTO sightings SELECT 77777, id, 1, 2 FROM code_patterns" },
	{ "components without a source", "UPDATE components SET source_id = 99999; DELETE FROM component_records" },
	{ "files without content", "UPDATE files SET source_id = 99999 WHERE id > 1; DELETE FROM contents" },
	{ "an index of words that is not", "DELETE FROM pattern_text_data" },
	{ "an index of nonsense", "UPDATE pattern_text_data SET block = randomblob(50)" },
	{ "words indexed up to nowhere", "UPDATE text_indexed SET pattern_id = 9223372036854775807" },
	{ "words indexed from nowhere", "UPDATE text_indexed SET pattern_id = -9223372036854775808" },
	{ "ranks that are none", "UPDATE code_patterns SET rank_order = -9223372036854775808, trivial = 7" },
	{ "bounds that are none", "UPDATE code_patterns SET confidence_lower_bound = 9e999, mtime = mtime + 1;"
				  "UPDATE components SET success_score = -9e999, verdict_bound = 9e999" },
	{ "metadata that is no JSON", "UPDATE components SET generation_metadata = '\"', mtime = mtime + 1" },
	{ "ids at the end", "UPDATE sqlite_sequence SET seq = 9223372036854775807" },
};

static int row_cases(const char *good, const char *name)
{
	struct bytes bytes = read_all(good);
	int failed = 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		write_all_bytes(name, bytes.at, bytes.len);
		failed += !tamper(name, rows[i].sql) || try(rows[i].what, name, true) || try(rows[i].what, name, false);
	}
	free(bytes.at);
	return failed;
}

/* 1.db and so on, and the good one, 0.db. */
static int write_rows(const char *directory_name)
{
	char good[4096], name[4096];
	struct bytes bytes;
	int failed = 0;

	snprintf(good, sizeof good, "%s/0.db", directory_name);
	make_good(good);
	bytes = read_all(good);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (*rows[i].what == '(')
			continue;
		snprintf(name, sizeof name, "%s/%zu.db", directory_name, i + 1);
		write_all_bytes(name, bytes.at, bytes.len);
		failed += !tamper(name, rows[i].sql);
		printf("%s: %s\n", name, rows[i].what);
	}
	free(bytes.at);
	return failed != 0;
}

int main(int argc, char **argv)
{
	char directory_name[] = "/tmp/pf-hostile-XXXXXX", good[64], name[64], command[64];
	int cases = argc > 1 ? atoi(argv[1]) : CASES, failed;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : SEED;

	if (argc == 3 && strcmp(argv[1], "write") == 0)
		return write_rows(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0); /* nothing of it crosses a fork */
	if (!mkdtemp(directory_name))
		return 1;
	snprintf(good, sizeof good, "%s/good.db", directory_name);
	snprintf(name, sizeof name, "%s/bad.db", directory_name);
	make_good(good);
	failed = try("a good database", good, true);
	failed += row_cases(good, name);
	failed += damaged_cases(good, name, cases, seed);
	snprintf(command, sizeof command, "rm -r %s", directory_name);
	return system(command) != 0 || failed ? 1 : 0;
}
