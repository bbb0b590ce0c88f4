/*
 * What becomes of the store, and of the mount over it, when memory runs out:
 * memory [TRIES [NAME]].
 *
 * Each operation is carried out with its n-th request for memory refused, and
 * with all from the n-th on, for TRIES values of n evenly from the first to the
 * last; 0: for every one. It does what it does else and says the same, or it
 * fails with ENOMEM and a reason, having changed nothing, or no more than one
 * of its parts: never with a code that says that something is wrong with what
 * it was given. Then, with memory again, the same operation on the same store
 * does and says what it should, and the database is whole. Built with
 * AddressSanitizer, it also loses no memory.
 */
#include "harness.h"

#include <inttypes.h>
#include <sys/statvfs.h>
#include <time.h>

#include "calls.h"
#include "shim.h"

enum { STATES = 12, SAID_ROOM = 1 << 20, ID_ROOM = 1 << 8 };

#define IN	PF_INCOMING
#define PATTERN "general/operator/structural/%" /* `%`: its file's name */

struct scene;

/* What there is before the operation. */
enum level { NOTHING, EXTRACTOR, STORE, MOUNT };

struct operation {
	const char *name;
	enum level level;
	int (*run)(struct scene *s, const char *what);
	const char *what; /* for RUN */
	bool writes;
};

struct scene {
	char directory[64], base[96];
	const struct operation *operation;
	int number;	  /* of its own database */
	struct fixture f; /* its store is open at level STORE */
	struct pf_fs *fs;
	char pattern[256]; /* the name of a file */
	pf_text said;	   /* with room enough for all */
	int parts;	   /* so many of its parts an operation does; below 0: all */
	bool ended;	   /* after so many */

	/* Without a shortage: */
	long calls;
	int result;
	char *answer;
	char why[sizeof((pf_err *)0)->why]; /* of what is refused */
	char *states[STATES];		    /* before, after each of its parts, afterwards */
	int state_count;
};

/* ---- For operations ---- */

static pf_err *err_of(struct scene *s)
{
	return &s->f.err;
}

/* True where an operation of several parts is to end here. */
static bool ends_here(struct scene *s)
{
	if (s->parts >= 0 && s->parts-- == 0)
		s->ended = true;
	return s->ended;
}

/* What was read, into what was said. */
static int say_text(struct scene *s, pf_text *text, int rc)
{
	if (rc == 0 && text->failed)
		rc = pf_fail(err_of(s), ENOMEM, "no memory for what was read");
	if (rc == 0)
		pf_text_add(&s->said, text->bytes ? text->bytes : "", text->len);
	pf_text_free(text);
	return rc;
}

/* WHAT with the name of the pattern's file. */
static const char *full(const struct scene *s, const char *what, char room[512])
{
	const char *at = strchr(what, '%');

	if (!at)
		return what;
	snprintf(room, 512, "%.*s%s%s", (int)(at - what), what, s->pattern, at + 1);
	return room;
}

#define SAY(s, ...) pf_text_printf(&(s)->said, __VA_ARGS__)

static pf_txn *begin_txn(struct scene *s)
{
	return pf_txn_begin(s->f.store, err_of(s));
}

/* One call of the write side, as a transaction. */
#define IN_TXN(s, call)                                                                                                \
	__extension__({                                                                                                \
		pf_txn *txn = begin_txn(s);                                                                            \
		txn ? end_txn(txn, (call), err_of(s)) : -err_of(s)->code;                                              \
	})

/* ---- Operations: the extractor ---- */

static int start_extractor(struct scene *s, const char *what)
{
	pf_extractor *extractor = pf_extractor_new(NULL, err_of(s));

	(void)what;
	pf_extractor_free(extractor);
	return extractor ? 0 : -err_of(s)->code;
}

static const char sample[] =
	"from __future__ import annotations\r\n"
	"import os, logging\n"
	"from typing import TYPE_CHECKING, Sequence\n"
	"try:\n"
	"    from airflow.sdk.bases.operator import BaseOperator\n"
	"except ImportError:\n"
	"    from airflow.models import BaseOperator\n"
	"if TYPE_CHECKING:\n"
	"    from airflow.utils.context import Context\n"
	"from google.cloud import storage as gcs\n"
	"\n"
	"class Mixin(LoggingMixin): pass\n"
	"\n"
	"class SampleOperator(Mixin, BaseOperator, Generic[T]):\n"
	"    '''Does what it can.'''\n"
	"    template_fields: Sequence[str] = ('bucket', \"key\", *Mixin.more)\n"
	"    ui_color = '#fff'\n"
	"    def __init__(self, *, bucket: str, key: str | None = None, retries=3, **kwargs) -> None:\n"
	"        super().__init__(**kwargs)\n"
	"        self.bucket, self.key = bucket, key\n"
	"        if not bucket or '{{' in bucket:\n"
	"            raise AirflowException(f'no bucket: {bucket!r}')\n"
	"        self._client = None\n"
	"    @cached_property\n"
	"    def client(self): return gcs.Client()\n"
	"    def execute(self, context: Context):\n"
	"        self.log.info('reading %s', self.bucket)\n"
	"        run = context['dag_run'].conf.get('run', os.environ['RUN'])\n"
	"        ti = context[\"ti\"]\n"
	"        try:\n"
	"            self.client.get(self.key)\n"
	"        except (KeyError, ValueError) as e:\n"
	"            self.log.exception('failed'); raise AirflowException('x') from e\n"
	"        finally:\n"
	"            ti.xcom_push(key='k', value=run)\n"
	"        return ti.xcom_pull(task_ids='a')\n"
	"\n"
	"class SampleHook(BaseHook):\n"
	"    def get_conn(self): return self.get_connection(self.conn_id)\n"
	"class SampleSensor(BaseSensorOperator):\n"
	"    async def poke(self, context): return await self.hook.check((1, 2))\n";

static int extract(struct scene *s, const char *source)
{
	pf_module *module = NULL;
	int rc = pf_extract(s->f.extractor, "google/cloud/sample.py", source, strlen(source), &module, err_of(s));

	for (size_t i = 0; rc == 0 && i < module->component_count; i++) {
		const pf_component *c = &module->components[i];

		SAY(s, "%s %s %s %s %s %zu\n", c->name, c->category, c->subcategory ? c->subcategory : "", c->libraries,
		    c->record, c->pattern_count);
		for (size_t p = 0; p < c->pattern_count; p++)
			SAY(s, "  %s\n", c->patterns[p].data);
	}
	pf_module_free(module);
	return rc;
}

/* ---- Operations: opening and looking after ---- */

static int open_with(struct scene *s, bool read_only)
{
	pf_store_options options = { .sync = PF_SYNC_NORMAL, .read_only = read_only };

	s->f.store = pf_store_open(s->f.path, &options, err_of(s));
	return s->f.store ? 0 : -err_of(s)->code;
}

static int open_store(struct scene *s, const char *what)
{
	return open_with(s, what != NULL);
}

static int make_store(struct scene *s, const char *what)
{
	(void)what;
	unlink(s->f.path);
	return open_with(s, false);
}

static int mount(struct scene *s, const char *what)
{
	(void)what;
	s->fs = calls_mount(s->f.path, err_of(s));
	return s->fs ? 0 : -err_of(s)->code;
}

static int close_store(struct scene *s, const char *what)
{
	(void)what;
	pf_store_close(s->f.store);
	s->f.store = NULL;
	return 0;
}

static int unmount(struct scene *s, const char *what)
{
	(void)what;
	calls_unmount(s->fs);
	s->fs = NULL;
	return 0;
}

static int say_finding(void *arg, const char *finding)
{
	SAY((struct scene *)arg, "%s\n", finding);
	return 0;
}

static int check(struct scene *s, const char *what)
{
	(void)what;
	return pf_store_check(s->f.path, say_finding, s, err_of(s));
}

static int back_up(struct scene *s, const char *what)
{
	char copy[128];
	int rc;

	(void)what;
	snprintf(copy, sizeof copy, "%s/copy.db", s->directory);
	rc = pf_store_backup(s->f.path, copy, NULL, err_of(s));
	if ((unlink(copy) == 0) != (rc == 0))
		fail_msg("%s: a copy that failed is there, or none", s->operation->name);
	return rc;
}

/* ---- Operations: what is dropped ---- */

static int make_file(struct scene *s, const char *name)
{
	pf_file file;
	bool implicit;
	pf_err missing = { 0 };
	int rc = pf_store_file_find(s->f.store, IN, name, &file, &implicit, &missing);

	if (rc == -ENOENT)
		return IN_TXN(s, pf_txn_mkfile(txn, IN, name, 0644, &file, err_of(s)));
	return rc < 0 ? pf_fail(err_of(s), -rc, "%s", missing.why) : rc;
}

static int put(struct scene *s, const char *name, const char *content)
{
	int rc = make_file(s, name);

	if (rc < 0 || ends_here(s))
		return rc;
	rc = put_file(&s->f, IN, name, content);
	if (rc == -EINVAL)
		SAY(s, "%s\n", err_of(s)->why);
	return rc;
}

static int put_text(struct scene *s, const char *name)
{
	return put(s, name, "some text\n");
}

static int submit_file(struct scene *s, const char *class)
{
	return put(s, "new.py", operator_source(class, "raise AirflowException('no')"));
}

static int submit_all(struct scene *s, const char *source)
{
	return put(s, "all.py", source);
}

/* As the writer does where nothing was prepared. */
static int submit_unprepared(struct scene *s, const char *class)
{
	const char *source = operator_source(class, "return 7");
	pf_file file;
	int rc = IN_TXN(s, pf_txn_mkfile(txn, IN, "unprepared.py", 0644, &file, err_of(s)) < 0
				   ? -err_of(s)->code
				   : pf_txn_close(txn, file.id, source, strlen(source), 1, NULL, NULL, err_of(s)));

	return rc;
}

static int revise(struct scene *s, const char *body)
{
	return put(s, "a.py", operator_source("AOperator", body));
}

static const char said_json[] = "{\"category\": \"ml\", \"subcategory\": \"nlp\", \"success_score\": 0.5,"
				" \"more\": {\"a\": [1, 2.5, null, true, \"x\"]}}";

static int metadata_before(struct scene *s, const char *json)
{
	int rc = put(s, "new.json", json);

	if (rc < 0 || ends_here(s))
		return rc;
	return put(s, "new.py", operator_source("NewOperator", "return 1"));
}

static int metadata_after(struct scene *s, const char *json)
{
	return put(s, "a.json", json);
}

static int make_directories(struct scene *s, const char *name)
{
	pf_file file;
	int rc = IN_TXN(s, pf_txn_mkdir(txn, IN, name, 0755, strchr(name, '=') != NULL, &file, err_of(s)));

	return rc;
}

static int remove_file(struct scene *s, const char *name)
{
	int64_t removed;

	return IN_TXN(s, pf_txn_unlink(txn, IN, name, &removed, err_of(s)) < 0
				 ? -err_of(s)->code
				 : pf_txn_forget(txn, removed, err_of(s)));
}

static int remove_empty(struct scene *s, const char *name)
{
	return IN_TXN(s, pf_txn_rmdir(txn, IN, name, err_of(s)));
}

static int rename_to(struct scene *s, const char *name, const char *new_name)
{
	int64_t replaced;

	return IN_TXN(s, pf_txn_rename(txn, IN, name, IN, new_name, 0, s->f.extractor, &replaced, err_of(s)));
}

static int rename_over(struct scene *s, const char *name)
{
	return rename_to(s, name, "a.py");
}

static int rename_directory(struct scene *s, const char *name)
{
	return rename_to(s, name, "category=data");
}

static int set_attributes(struct scene *s, const char *name)
{
	pf_file values = { .mode = 0600, .mtime = 7 }, file;
	bool implicit;
	int rc = pf_store_file_find(s->f.store, IN, name, &file, &implicit, err_of(s));

	if (rc < 0)
		return rc;
	return IN_TXN(s, pf_txn_setattr(txn, file.id, PF_SET_MODE | PF_SET_MTIME, &values, err_of(s)) < 0
				 ? -err_of(s)->code
				 : pf_txn_write(txn, file.id, "fsync", 5, 9, err_of(s)));
}

/* ---- Operations: verdicts ---- */

static int judge(struct scene *s, bool success, const pf_target *targets, size_t count, const char *note)
{
	pf_verdict verdict = { success, targets, count, note };

	return IN_TXN(s, pf_txn_verdicts(txn, &verdict, 1, err_of(s)));
}

static int judge_good(struct scene *s, const char *note)
{
	pf_target targets[] = { { PF_TARGET_COMPONENT, 1 }, { PF_TARGET_PATTERN, 2 } };

	return judge(s, true, targets, 2, note);
}

static int judge_bad(struct scene *s, const char *note)
{
	return judge(s, false, &(pf_target){ PF_TARGET_PATTERN, 2 }, 1, note);
}

static int judge_directory(struct scene *s, const char *note)
{
	pf_scope scope;
	int rc = pf_store_scope_find(s->f.store, 0, "general", &scope, err_of(s));

	return rc < 0 ? rc : judge(s, true, &(pf_target){ PF_TARGET_SCOPE, scope }, 1, note);
}

static int archive_one(struct scene *s, const char *what)
{
	(void)what;
	return IN_TXN(s, pf_txn_archive(txn, 3, err_of(s)));
}

/* Sees again what is archived. */
static int restore_one(struct scene *s, const char *class)
{
	return put(s, "again.py", operator_source(class, "return 1"));
}

static int adopt(struct scene *s, const char *what)
{
	(void)what;
	return IN_TXN(s, pf_txn_adopt_edits(txn, err_of(s)));
}

/* ---- Operations: looking ---- */

static int find_all(struct scene *s, const char *what)
{
	pf_scope scope;
	pf_pattern_entry pattern;
	pf_component_entry component;
	pf_file file;
	pf_note note;
	pf_totals totals;
	bool implicit;
	int64_t count, mtime;
	pf_text path = { 0 };
	int rc = pf_store_scope_find(s->f.store, 0, what, &scope, err_of(s));

	if (rc == 0)
		rc = pf_store_scope_path(s->f.store, scope, &path, err_of(s));
	rc = say_text(s, &path, rc);
	if (rc == 0)
		rc = pf_store_totals(s->f.store, scope, &totals, err_of(s));
	if (rc == 0)
		rc = pf_store_pattern_stat(s->f.store, 1, &pattern, err_of(s));
	if (rc == 0)
		rc = pf_store_component_find(s->f.store, "AOperator", &component, err_of(s));
	if (rc == 0)
		rc = pf_store_component_stat(s->f.store, component.id, &component, err_of(s));
	if (rc == 0)
		rc = pf_store_component_totals(s->f.store, &count, &mtime, err_of(s));
	if (rc == 0)
		rc = pf_store_file_find(s->f.store, IN, "a.py", &file, &implicit, err_of(s));
	if (rc == 0)
		rc = pf_store_note_find(s->f.store, IN, "a.py.receipt.json", &note, err_of(s));
	if (rc == 0)
		SAY(s, " %lld %lld %lld %lld %s %s", (long long)totals.patterns, (long long)pattern.size,
		    (long long)component.patterns, (long long)count, file.name, note.name);
	return rc;
}

static int say_change(void *arg, const pf_change *change)
{
	SAY((struct scene *)arg, "%d %lld %s\n", change->kind, (long long)change->id, change->name);
	return 0;
}

static int changes(struct scene *s, const char *what)
{
	int64_t since = 0, version, mtime;
	int rc = pf_store_changes(s->f.store, &since, say_change, s, err_of(s));

	(void)what;
	if (rc == 0)
		rc = pf_store_version(s->f.store, &version, &mtime, err_of(s));
	if (rc == 0)
		rc = pf_store_remember(s->f.store, err_of(s));
	pf_store_forget(s->f.store);
	return rc;
}

static int prefetch(struct scene *s, const char *what)
{
	(void)what;
	return pf_store_prefetch_listings(s->f.store, err_of(s));
}

static int keep_prompt(struct scene *s, const char *content)
{
	pf_text out = { 0 };
	int rc = IN_TXN(s, pf_txn_keep_prompt(txn, pf_scope_make(1, 1, 0), 7, 1, content, strlen(content), err_of(s)));

	if (rc == 0)
		rc = pf_store_prompt(s->f.store, pf_scope_make(1, 1, 0), 7, 1, &out, err_of(s));
	if (rc > 0)
		SAY(s, "%.*s", (int)out.len, out.bytes);
	pf_text_free(&out);
	return rc < 0 ? rc : 0;
}

static int say_similar(void *arg, int64_t id, const char *name)
{
	struct scene *s = arg;

	SAY(s, "%lld %s", (long long)id, name);
	return 0;
}

static int keep_similar(struct scene *s, const char *what)
{
	static const int64_t ids[] = { 1 };
	int rc = IN_TXN(s, pf_txn_keep_similar(txn, 1, 7, ids, 1, err_of(s)));

	(void)what;
	if (rc == 0)
		rc = pf_store_similar(s->f.store, 1, 7, say_similar, s, err_of(s));
	return rc < 0 ? rc : 0;
}

static int say_result(void *arg, const pf_result *result)
{
	SAY((struct scene *)arg, "%s %s %s %" PRId64 "\n", result->path, result->name, result->category,
	    result->template_length);
	return 0;
}

static int query(struct scene *s, const char *pairs)
{
	char path[512], room[512], *rest = path, *pair;
	pf_query *query = NULL;
	int64_t count = 0;
	int rc = 0;

	snprintf(path, sizeof path, "%s", full(s, pairs, room));
	while (rc == 0 && (pair = strsep(&rest, "/"))) {
		pf_query *narrower = pf_query_narrow(query, pair, err_of(s));

		pf_query_free(query);
		query = narrower;
		rc = query ? 0 : -err_of(s)->code;
	}
	if (rc == 0)
		rc = pf_store_query(s->f.store, query, say_result, s, err_of(s));
	if (rc == 0)
		rc = pf_store_query_count(s->f.store, query, &count, err_of(s));
	if (rc == 0)
		SAY(s, "%lld\n", (long long)count);
	pf_query_free(query);
	return rc;
}

/* ---- Operations: the mount ---- */

static int say_entry(void *arg, const char *name, struct node node, const struct node_attr *attr)
{
	SAY((struct scene *)arg, "%s %d %o %lld\n", name, node.kind, attr ? attr->mode : 0,
	    attr ? (long long)attr->size : -1);
	return 0;
}

static int ls(struct scene *s, const char *path)
{
	struct node dir;
	struct node_attr attr;
	int rc = call_walk(s->fs, path, &dir, &attr, err_of(s));

	if (rc < 0)
		return rc;
	rc = call_list(s->fs, dir, 5, say_entry, s, err_of(s));
	call_forget(s->fs, dir, 1);
	return rc;
}

static int stat_(struct scene *s, const char *path)
{
	struct node node;
	struct node_attr attr;
	char room[512];
	int rc = call_walk(s->fs, full(s, path, room), &node, &attr, err_of(s));

	if (rc < 0)
		return rc;
	rc = call_getattr(s->fs, node, &attr, err_of(s));
	call_forget(s->fs, node, 1);
	if (rc == 0)
		SAY(s, "%o %lld %u", attr.mode, (long long)attr.size, attr.nlink);
	return rc;
}

static int cat(struct scene *s, const char *path)
{
	pf_text text = { 0 };
	char room[512];

	return say_text(s, &text, call_cat(s->fs, full(s, path, room), &text, err_of(s)));
}

/* cp, in the parts that it has. */
static int copy(struct scene *s, const char *path, const char *text)
{
	struct node node;
	int rc = call_create(s->fs, path, 0644, &node, err_of(s));

	if (rc < 0 || ends_here(s))
		return rc;
	rc = call_setattr(s->fs, node, 0, false, 0, NULL, err_of(s));
	if (rc < 0 || ends_here(s))
		return rc;
	rc = call_write(s->fs, node, text, strlen(text), 0, err_of(s));
	if (rc < 0 || ends_here(s))
		return rc;
	rc = call_flush(s->fs, node, err_of(s));
	call_forget(s->fs, node, 1);
	return rc;
}

static int copy_source(struct scene *s, const char *path)
{
	return copy(s, path, operator_source("MountedOperator", "return 3"));
}

static int copy_bad_source(struct scene *s, const char *path)
{
	return copy(s, path, "class XOperator(BaseOperator:\n    pass\n");
}

static int copy_json(struct scene *s, const char *path)
{
	return copy(s, path, said_json);
}

static int copy_text(struct scene *s, const char *path)
{
	return copy(s, path, "text\n");
}

static int make_and_sync(struct scene *s, const char *path)
{
	struct node node;
	int rc = call_create(s->fs, path, 0600, &node, err_of(s));

	if (rc < 0 || ends_here(s))
		return rc;
	rc = call_write(s->fs, node, "abc", 3, 2, err_of(s));
	if (rc < 0 || ends_here(s))
		return rc;
	rc = call_fsync(s->fs, node, err_of(s));
	if (rc == 0)
		rc = call_setattr(s->fs, node, 3, true, PF_SET_MODE, &(pf_file){ .mode = 0640 }, err_of(s));
	return rc;
}

static int move(struct scene *s, const char *paths)
{
	char from[64], to[64];
	struct node dir, new_dir;
	const char *name, *new_name;
	int rc;

	sscanf(paths, "%63s %63s", from, to);
	rc = call_parent(s->fs, from, &dir, &name, err_of(s));
	if (rc < 0)
		return rc;
	rc = call_parent(s->fs, to, &new_dir, &new_name, err_of(s));
	if (rc == 0)
		rc = call_rename(s->fs, dir, name, new_dir, new_name, 0, err_of(s));
	return rc;
}

static int rm(struct scene *s, const char *path)
{
	struct node dir;
	char room[512];
	const char *name;
	int rc = call_parent(s->fs, full(s, path, room), &dir, &name, err_of(s));

	return rc < 0 ? rc : call_remove(s->fs, dir, name, false, err_of(s));
}

static bool ends_line(const char *text)
{
	return *text && text[strlen(text) - 1] == '\n';
}

/* echo LINE >OUTCOME, where they stand in WHAT, the file first. */
static int echo(struct scene *s, const char *what)
{
	char path[128], lines[512];
	struct node node;
	struct node_attr attr;
	int rc, closed;

	snprintf(path, sizeof path, "%.*s", (int)strcspn(what, " "), what);
	snprintf(lines, sizeof lines, "%s", what + strlen(path) + 1);
	rc = call_walk(s->fs, path, &node, &attr, err_of(s));
	if (rc < 0)
		return rc;
	rc = call_write(s->fs, node, lines, strlen(lines), 0, err_of(s));
	/* Whole lines are answered by the write, whatever becomes of the close. */
	closed = call_flush(s->fs, node, rc < 0 || ends_line(lines) ? NULL : err_of(s));
	call_forget(s->fs, node, 1);
	return rc < 0 || ends_line(lines) ? rc : closed;
}

static const struct operation operations[] = {
	{ "an extractor", NOTHING, start_extractor, NULL, false },
	{ "reading a source", EXTRACTOR, extract, sample, false },
	{ "reading a bad source", EXTRACTOR, extract, "class XOperator(BaseOperator):\n  x = f'{(1'\n  y = 2\n",
	  false },
	{ "reading a source with an open bracket", EXTRACTOR, extract, "class XOperator(BaseOperator:\n    pass\n",
	  false },
	{ "reading a source without components", EXTRACTOR, extract, "import os\nclass X(Y): pass\n", false },

	{ "opening", NOTHING, open_store, NULL, false },
	{ "opening read-only", NOTHING, open_store, "ro", false },
	{ "making a database", NOTHING, make_store, NULL, false },
	{ "mounting", NOTHING, mount, NULL, false },
	{ "closing", STORE, close_store, NULL, false },
	{ "unmounting", MOUNT, unmount, NULL, false },
	{ "a check", NOTHING, check, NULL, false },
	{ "a backup", NOTHING, back_up, NULL, false },

	{ "a text", STORE, put_text, "notes.txt", true },
	{ "a submission", STORE, submit_file, "NewOperator", true },
	{ "a submission of much", STORE, submit_all, sample, true },
	{ "a submission, unprepared", STORE, submit_unprepared, "NewOperator", true },
	{ "a revision", STORE, revise, "raise ValueError('x')", true },
	{ "the same again", STORE, revise, "return 1", true },
	{ "a refused submission", STORE, submit_all, "class XOperator(BaseOperator:\n    pass\n", true },
	{ "metadata before", STORE, metadata_before, said_json, true },
	{ "metadata after", STORE, metadata_after, said_json, true },
	{ "bad metadata", STORE, metadata_after, "{\"category\": \"No Name\"}", true },
	{ "metadata that is no JSON", STORE, metadata_after, "{\"category\": [}", true },
	{ "a directory", STORE, make_directories, "plain", true },
	{ "an implicit directory", STORE, make_directories, "category=bio", true },
	{ "a rename over a submission", STORE, rename_over, "draft", true },
	{ "a rename of a directory", STORE, rename_directory, "category=ml", true },
	{ "a removal", STORE, remove_file, "b.py", true },
	{ "the removal of a directory", STORE, remove_empty, "empty", true },
	{ "attributes and content", STORE, set_attributes, "draft", true },

	{ "a good verdict", STORE, judge_good, "it worked", true },
	{ "a bad verdict", STORE, judge_bad, "TypeError: …", true },
	{ "a verdict on a directory", STORE, judge_directory, NULL, true },
	{ "archiving", STORE, archive_one, NULL, true },
	{ "a sighting of what is archived", STORE, restore_one, "AgainOperator", true },
	{ "edits by hand", STORE, adopt, NULL, true },

	{ "lookups", STORE, find_all, "general", false },
	{ "changes", STORE, changes, NULL, false },
	{ "prefetch", STORE, prefetch, NULL, false },
	{ "a kept prompt", STORE, keep_prompt, "# a prompt\n", true },
	{ "kept likeness", STORE, keep_similar, NULL, true },
	{ "a query for everything", STORE, query, "limit=5", false },
	{ "a query by category", STORE, query, "category=ml", false },
	{ "a query by subcategory", STORE, query, "subcategory=nlp", false },
	{ "a query by component type", STORE, query, "component_type=operator", false },
	{ "a query by pattern type", STORE, query, "pattern_type=import/category=ml", false },
	{ "a query by pattern name", STORE, query, "pattern_name=import_item", false },
	{ "a query by library", STORE, query, "library=pandas", false },
	{ "a query by component", STORE, query, "component=AOperator", false },
	{ "a query by complexity", STORE, query, "complexity=low", false },
	{ "a query by confidence", STORE, query, "confidence=high", false },
	{ "a query by least confidence", STORE, query, "min_confidence=0.5", false },
	{ "a query by least successes", STORE, query, "min_success_count=2", false },
	{ "a query by least score", STORE, query, "min_success_score=0.1", false },
	{ "a query by what goes with it", STORE, query, "with=%", false },
	{ "a query by likeness", STORE, query, "similar_to=AOperator", false },
	{ "a query by text", STORE, query, "text=template path", false },
	{ "a query by recency", STORE, query, "sort=recent/of=components", false },
	{ "a query by support", STORE, query, "sort=support/of=patterns/budget=1000", false },
	{ "a query by name", STORE, query, "sort=name/limit=3", false },
	{ "a bad query", STORE, query, "sort=size", false },

	{ "ls /", MOUNT, ls, "", false },
	{ "ls of a category", MOUNT, ls, "general", false },
	{ "ls of a component type", MOUNT, ls, "general/operator", false },
	{ "ls of patterns", MOUNT, ls, "general/operator/initialization", false },
	{ "ls of components", MOUNT, ls, "components", false },
	{ "ls of a component", MOUNT, ls, "components/AOperator", false },
	{ "ls of a component's patterns", MOUNT, ls, "components/AOperator/patterns", false },
	{ "ls of similar ones", MOUNT, ls, "components/AOperator/similar", false },
	{ "ls of incoming", MOUNT, ls, "incoming", false },
	{ "ls of query", MOUNT, ls, "query", false },
	{ "ls of a query", MOUNT, ls, "query/category=general/limit=5", false },
	{ "stat of a pattern", MOUNT, stat_, PATTERN, false },
	{ "stat of a source", MOUNT, stat_, "components/BOperator/source.py", false },
	{ "stat of an outcome", MOUNT, stat_, "general/operator/outcome", false },
	{ "stat of what is not there", MOUNT, stat_, "general/pump", false },
	{ "stat of a bad query", MOUNT, stat_, "query/colour=red", false },
	{ "cat of a pattern", MOUNT, cat, PATTERN, false },
	{ "cat of a source", MOUNT, cat, "components/AOperator/source.py", false },
	{ "cat of a component", MOUNT, cat, "components/AOperator/component.json", false },
	{ "cat of a record", MOUNT, cat, "components/AOperator/patterns.json", false },
	{ "cat of README.md", MOUNT, cat, "README.md", false },
	{ "cat of stats.json", MOUNT, cat, "stats.json", false },
	{ "cat of history.jsonl", MOUNT, cat, "history.jsonl", false },
	{ "cat of an outcome", MOUNT, cat, "general/outcome", false },
	{ "cat of a prompt", MOUNT, cat, "general/operator/prompt.md", false },
	{ "cat of a file", MOUNT, cat, "incoming/draft", false },
	{ "cat of a receipt", MOUNT, cat, "incoming/a.py.receipt.json", false },
	{ "cat of an error", MOUNT, cat, "incoming/bad.py.error", false },
	{ "cat of results", MOUNT, cat, "query/component_type=operator/results.jsonl", false },
	{ "cat of a query's prompt", MOUNT, cat, "query/component_type=operator/budget=3000/prompt.md", false },
	{ "cat of a prompt of components", MOUNT, cat, "query/of=components/prompt.md", false },
	{ "cat of a count", MOUNT, cat, "query/complexity=low/count", false },

	{ "cp of a source", MOUNT, copy_source, "incoming/mounted.py", true },
	{ "cp of a source over another", MOUNT, copy_source, "incoming/a.py", true },
	{ "cp of a bad source", MOUNT, copy_bad_source, "incoming/a.py", true },
	{ "cp into a directory of metadata", MOUNT, copy_source, "incoming/category=ml/subcategory=new/m.py", true },
	{ "cp of metadata", MOUNT, copy_json, "incoming/b.json", true },
	{ "cp of a text", MOUNT, copy_text, "incoming/some.txt", true },
	{ "a write, fsync and chmod", MOUNT, make_and_sync, "incoming/.some.swp", true },
	{ "mv over a submission", MOUNT, move, "incoming/draft incoming/a.py", true },
	{ "rm of a submission", MOUNT, rm, "incoming/b.py", true },
	{ "rm of a pattern", MOUNT, rm, PATTERN, true },
	{ "echo success", MOUNT, echo, "general/operator/outcome success structural import -- it is good\n", true },
	{ "echo failure, unfinished", MOUNT, echo, "outcome failure components/AOperator", true },
	{ "echo of a verdict on one's own", MOUNT, echo, "components/BOperator/outcome success\n", true },
	{ "echo of what is not there", MOUNT, echo, "general/outcome success operator nothing\n", true },
	{ "echo of no verdict", MOUNT, echo, "outcome perhaps\n", true },
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

/* ---- A database with something in it ---- */

static void file_bytes(const char *path, pf_text *bytes)
{
	char buffer[65536];
	size_t got;
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	pf_text_reset(bytes);
	while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
		pf_text_add(bytes, buffer, got);
	fclose(file);
	assert_false(bytes->failed);
}

static void make_base(struct scene *s)
{
	static const char edit[] = "UPDATE code_patterns SET complexity_range = 'high' WHERE id = 4";
	int64_t directory;

	snprintf(s->directory, sizeof s->directory, "%s/pf-memory-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(s->directory));
	snprintf(s->base, sizeof s->base, "%s/base.db", s->directory);
	snprintf(s->f.path, sizeof s->f.path, "%s", s->base);
	assert_int_equal(open_with(s, false), 0);
	s->f.extractor = pf_extractor_new(NULL, NULL);
	assert_non_null(s->f.extractor);
	assert_ok(&s->f, submit(&s->f, IN, "a.py", operator_source("AOperator", "return 1")));
	assert_ok(&s->f, submit(&s->f, IN, "b.py", operator_source("BOperator", "import pandas; return pandas.x")));
	assert_ok(&s->f, submit(&s->f, IN, "draft", operator_source("AOperator", "return 1 + 1")));
	assert_int_equal(submit(&s->f, IN, "bad.py", "class XOperator(BaseOperator): pass)\n"), -EINVAL);
	directory = make_directory(&s->f, IN, "category=ml", true);
	directory = make_directory(&s->f, directory, "subcategory=nlp", true);
	assert_ok(&s->f, submit(&s->f, directory, "c.py", operator_source("COperator", "return 1")));
	assert_true(make_directory(&s->f, IN, "empty", false) > 0);
	assert_int_equal(judge_good(s, "before"), 0);
	assert_int_equal(judge_good(s, "once more"), 0);
	assert_int_equal(IN_TXN(s, pf_txn_archive(txn, 5, err_of(s))), 0);
	assert_int_equal(sqlite3_open(s->base, &s->f.db), SQLITE_OK);
	run_sql(&s->f, edit);
	snprintf(s->pattern, sizeof s->pattern, "%s",
		 ask_text(&s->f, "SELECT file_name FROM code_patterns WHERE pattern_name = 'structural_pattern'"
				 " AND category = 'general'"));
	pf_text_free(&s->f.text);
	sqlite3_close(s->f.db);
	s->f.db = NULL;
	pf_extractor_free(s->f.extractor);
	pf_store_close(s->f.store);
	s->f.store = NULL;
	s->f.extractor = NULL;
}

static void copy_base(struct scene *s)
{
	pf_text bytes = { 0 };
	char other[128];
	FILE *file;

	snprintf(s->f.path, sizeof s->f.path, "%s/%d.db", s->directory, s->number);
	file_bytes(s->base, &bytes);
	file = fopen(s->f.path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes.bytes, 1, bytes.len, file), bytes.len);
	fclose(file);
	pf_text_free(&bytes);
	snprintf(other, sizeof other, "%s-wal", s->f.path);
	unlink(other);
	snprintf(other, sizeof other, "%s-shm", s->f.path);
	unlink(other);
}

static void end(struct scene *s)
{
	calls_unmount(s->fs);
	pf_store_close(s->f.store);
	s->fs = NULL;
	s->f.store = NULL;
}

/* What OPERATION needs, where it is not there. */
static void ready(struct scene *s)
{
	*err_of(s) = (pf_err){ 0 };
	if (s->operation->level == NOTHING)
		end(s);
	if (s->operation->level == STORE && !s->f.store && open_with(s, false) < 0)
		fail_msg("%s: %s", s->operation->name, err_of(s)->why);
	if (s->operation->level == MOUNT && !s->fs && mount(s, NULL) < 0)
		fail_msg("%s: %s", s->operation->name, err_of(s)->why);
	*err_of(s) = (pf_err){ 0 };
}

static int run(struct scene *s, int parts)
{
	pf_text_reset(&s->said);
	s->parts = parts;
	s->ended = false;
	return s->operation->run(s, s->operation->what);
}

/* What is in the database; of a mount, after it. */
static char *look(struct scene *s)
{
	char *state;

	if (s->operation->level == MOUNT)
		end(s);
	assert_int_equal(sqlite3_open_v2(s->f.path, &s->f.db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(s->f.db, 1000);
	state = state_of(&s->f);
	sqlite3_close(s->f.db);
	s->f.db = NULL;
	return state;
}

static void add_state(struct scene *s)
{
	assert_true(s->state_count < STATES);
	s->states[s->state_count++] = look(s);
	end(s);
}

/* Without a shortage: what it says, and through which states it goes. */
static void rehearse(struct scene *s)
{
	for (int parts = 0; s->operation->writes; parts++) {
		copy_base(s);
		ready(s);
		if (parts == 0) {
			add_state(s);
			copy_base(s);
			ready(s);
		}
		s->result = run(s, parts);
		if (!s->ended)
			break; /* it has no more parts */
		add_state(s);
	}
	end(s);
	copy_base(s);
	ready(s);
	shim_arm(SHORTAGE_NONE, 0);
	s->result = run(s, -1);
	s->calls = shim_disarm();
	s->answer = strdup(s->said.bytes);
	snprintf(s->why, sizeof s->why, "%s", err_of(s)->why);
	if (s->result < 0 && s->result != -EINVAL && s->result != -ENOENT)
		fail_msg("%s: %s", s->operation->name, err_of(s)->why);
	if (s->operation->writes)
		add_state(s);
	end(s);
}

#define FAIL(s, ...)                                                                                                   \
	do {                                                                                                           \
		print_error("%s, request %ld of %ld%s: ", (s)->operation->name, at, (s)->calls,                        \
			    shortage == SHORTAGE_LASTING ? " and all after it" : "");                                  \
		fail_msg(__VA_ARGS__);                                                                                 \
	} while (0)

/* The first line of STATE that EXPECTED does not have there. */
static void first_difference(const char *state, const char *expected, char found[256], char wanted[256])
{
	while (*state && strncmp(state, expected, strcspn(state, "\n") + 1) == 0) {
		size_t line = strcspn(state, "\n") + (state[strcspn(state, "\n")] == '\n');

		state += line;
		expected += line;
	}
	snprintf(found, 256, "%.*s", (int)strcspn(state, "\n"), state);
	snprintf(wanted, 256, "%.*s", (int)strcspn(expected, "\n"), expected);
}

static void check_state(struct scene *s, enum shortage shortage, long at, bool done)
{
	char *state, found[256], wanted[256];

	if (!s->operation->writes)
		return;
	state = look(s);
	for (int i = s->state_count - 1; i >= (done ? s->state_count - 1 : 0); i--) {
		if (strcmp(state, s->states[i]) == 0) {
			free(state);
			return;
		}
	}
	first_difference(state, s->states[s->state_count - 1], found, wanted);
	FAIL(s, "%s, and found '%s', expected '%s'", done ? "done" : err_of(s)->why, found, wanted);
}

static int fail_finding(void *arg, const char *finding)
{
	fail_msg("%s: %s", ((struct scene *)arg)->operation->name, finding);
	return 1;
}

static void try_one(struct scene *s, enum shortage shortage, long at)
{
	bool again;
	int rc;

	copy_base(s);
	ready(s);
	shim_arm(shortage, at);
	rc = run(s, -1);
	shim_disarm();
	if (rc == -ENOMEM) {
		if (err_of(s)->code != ENOMEM || !err_of(s)->why[0])
			FAIL(s, "ENOMEM without a reason, but %d: %s", err_of(s)->code, err_of(s)->why);
	} else if (rc != s->result) {
		FAIL(s, "%d: %s; expected %d", rc, err_of(s)->why, s->result);
	} else if (s->operation->level == EXTRACTOR && strcmp(err_of(s)->why, s->why) != 0) {
		FAIL(s, "%d: %s; expected %s", rc, err_of(s)->why, s->why);
	} else if (rc == 0 && strcmp(s->said.bytes, s->answer) != 0) {
		FAIL(s, "said\n%s\nexpected\n%s", s->said.bytes, s->answer);
	}
	check_state(s, shortage, at, rc != -ENOMEM);
	/* And on: what is done need not succeed twice. */
	again = !s->operation->writes || rc == -ENOMEM;
	ready(s);
	rc = again ? run(s, -1) : s->result;
	if (rc != s->result)
		FAIL(s, "then: %d: %s; expected %d", rc, err_of(s)->why, s->result);
	if (!s->operation->writes && strcmp(s->said.bytes, s->answer) != 0)
		FAIL(s, "then said\n%s\nexpected\n%s", s->said.bytes, s->answer);
	end(s);
	check_state(s, shortage, at, true);
	if (s->operation->writes)
		assert_ok(&s->f, pf_store_check(s->f.path, fail_finding, s, err_of(s)));
}

static long tries = 3;
/*
 * Where there are no more requests than FEW, all are tried. And the last ones of what changes a mount: an error there
 * comes when all is done but to commit it.
 */
enum { FEW = 128, LATE = 16 };

static bool is_tried(const struct scene *s, long at)
{
	if (!tries || s->calls <= FEW)
		return true;
	for (long i = 0; i < tries; i++)
		if (at == 1 + (s->calls - 1) * i / (tries > 1 ? tries - 1 : 1))
			return true;
	return s->operation->level == MOUNT && s->operation->writes && at > s->calls - LATE;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void test_operation(void **state)
{
	struct scene *s = *state;
	double start = now();
	long tried = 0;

	s->f.extractor = pf_extractor_new(NULL, NULL);
	assert_non_null(s->f.extractor);
	/* Room for all that is said, so that saying it asks for none. */
	SAY(s, "%*s", SAID_ROOM, "");
	rehearse(s);
	for (enum shortage shortage = SHORTAGE_ONCE; shortage <= SHORTAGE_LASTING; shortage++)
		for (long at = 1; at <= s->calls; at++)
			if (is_tried(s, at)) {
				try_one(s, shortage, at);
				tried++;
			}
	print_message("%s: %ld shortages at %ld requests, %.1f s\n", s->operation->name, tried, s->calls,
		      now() - start);
	pf_extractor_free(s->f.extractor);
	pf_text_free(&s->f.text);
	pf_text_free(&s->said);
	free(s->answer);
	for (int i = 0; i < s->state_count; i++)
		free(s->states[i]);
}

int main(int argc, char **argv)
{
	static struct scene scenes[OPERATIONS];
	static struct CMUnitTest tests[OPERATIONS];
	struct scene made = { .directory = "" };
	char command[128];
	size_t count = 0;
	int failed;

	if (argc > 1)
		tries = strtol(argv[1], NULL, 10);
	if (tries < 0 || argc > 3 || !shim_install()) {
		fprintf(stderr, "usage: memory [TRIES [NAME]]\n");
		return 2;
	}
	make_base(&made);
	for (size_t i = 0; i < OPERATIONS; i++) {
		if (argc > 2 && !strstr(operations[i].name, argv[2]))
			continue;
		scenes[count] = made;
		scenes[count].operation = &operations[i];
		scenes[count].number = (int)i;
		tests[count] = (struct CMUnitTest){ operations[i].name, test_operation, NULL, NULL, &scenes[count] };
		count++;
	}
	failed = _cmocka_run_group_tests("memory", tests, count, NULL, NULL);
	snprintf(command, sizeof command, "rm -r %s", made.directory);
	return system(command) || failed;
}
