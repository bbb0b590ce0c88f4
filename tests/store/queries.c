/* Retrieval: what queries say, what they answer, in which order, and by which plan. */
#include <math.h>

#include "groups.h"
#include "search.h"
#include "store-internal.h"

#define IN PF_INCOMING

/* ---- a store with something in it ---- */

static const char *component_source(const char *name, const char *base, const char *imports, const char *body)
{
	static char source[8192];

	snprintf(source, sizeof source,
		 "from __future__ import annotations\n"
		 "import os\n"
		 "%s\n"
		 "from airflow.models import %s\n"
		 "\n"
		 "class %s(%s):\n"
		 "    template_fields = ('path', 'bucket')\n"
		 "    def __init__(self, path, bucket=None, **kwargs):\n"
		 "        super().__init__(**kwargs)\n"
		 "        self.path = path\n"
		 "        self.cache = None\n"
		 "        self.bucket = bucket or os.getcwd()\n"
		 "    def execute(self, context):\n"
		 "        %s\n",
		 imports, base, name, base, body);
	return source;
}

#define RAISES	 "if not isinstance(self.path, str):\n            raise ValueError('no path')\n"
#define PULLS	 "value = context['ti'].xcom_pull(task_ids='before')\n        self.log.info('Pulled %s', value)\n"
#define BRANCHES "if self.path:\n            pass\n        elif self.bucket:\n            pass\n"

static const struct {
	const char *directory, *subdirectory, *file, *name, *base, *imports, *body, *metadata;
} corpus[] = {
	{ "category=ml", "subcategory=nlp", "nlp.py", "NeMoTextOperator", "BaseOperator", "import nemo", RAISES,
	  "{\"success_score\": 0.9}" },
	{ "category=ml", "subcategory=nlp", "words.py", "WordCountOperator", "BaseOperator",
	  "import nemo\nimport torch", RAISES "        " PULLS, NULL },
	{ "category=ml", "subcategory=vision", "image.py", "ImageOperator", "BaseOperator", "import torch",
	  PULLS "        " BRANCHES "        " BRANCHES, "{\"success_score\": 0.5}" },
	{ "category=ml", "subcategory=vision", "frames.py", "FramesSensor", "BaseSensorOperator", "import torch",
	  RAISES, NULL },
	{ "category=cloud", "subcategory=aws", "s3.py", "S3CopyOperator", "BaseOperator",
	  "from airflow.providers.amazon.aws.hooks.s3 import S3Hook", RAISES "        S3Hook().copy(self.path)",
	  "{\"success_score\": 0.7}" },
	{ "category=cloud", "subcategory=aws", "s3_delete.py", "S3DeleteOperator", "BaseOperator",
	  "from airflow.providers.amazon.aws.hooks.s3 import S3Hook", "S3Hook().delete(self.path)", NULL },
	{ "category=cloud", "subcategory=gcp", "gcs.py", "GCSCopyOperator", "BaseOperator", "import google.cloud",
	  RAISES "        " PULLS, NULL },
};
enum { CORPUS = sizeof corpus / sizeof *corpus };

static int64_t place(struct fixture *f, int i)
{
	int64_t directory = make_directory(f, IN, corpus[i].directory, true);

	if (directory < 0)
		directory = file_id(f, IN, corpus[i].directory);
	if (!corpus[i].subdirectory)
		return directory;
	make_directory(f, directory, corpus[i].subdirectory, true);
	return file_id(f, directory, corpus[i].subdirectory);
}

static void put(struct fixture *f, int i)
{
	int64_t directory = place(f, i);
	char metadata[64];

	assert_ok(f, submit(f, directory, corpus[i].file,
			    component_source(corpus[i].name, corpus[i].base, corpus[i].imports, corpus[i].body)));
	if (!corpus[i].metadata)
		return;
	snprintf(metadata, sizeof metadata, "%.*s.json", (int)strlen(corpus[i].file) - 3, corpus[i].file);
	assert_ok(f, submit(f, directory, metadata, corpus[i].metadata));
}

static int64_t pattern_like(struct fixture *f, const char *place, const char *name)
{
	char sql[256];

	snprintf(sql, sizeof sql,
		 "SELECT id FROM code_patterns WHERE category || '/' || component_type = '%s' AND pattern_name = '%s'"
		 " ORDER BY id LIMIT 1",
		 place, name);
	return ask(f, sql);
}

/* A verdict on several patterns together. */
static void judge(struct fixture *f, bool success, const int64_t *patterns, size_t count)
{
	pf_target targets[PF_PAIRS_LIMIT];
	pf_verdict v = { .success = success, .targets = targets, .target_count = count };
	pf_txn *txn = pf_txn_begin(f->store, &f->err);

	for (size_t i = 0; i < count; i++)
		targets[i] = (pf_target){ PF_TARGET_PATTERN, patterns[i] };
	assert_non_null(txn);
	assert_ok(f, pf_txn_verdicts(txn, &v, 1, &f->err));
	assert_ok(f, pf_txn_commit(txn, &f->err));
}

static int filled(void **state)
{
	struct fixture *f;

	fixture_open(state);
	f = *state;
	for (int i = 0; i < CORPUS; i++)
		put(f, i);
	/* Bands: guards fail at times, a raise mostly. */
	for (int i = 0; i < 4; i++)
		judge(f, i > 0, (int64_t[]){ pattern_like(f, "ml/operator", "guard") }, 1);
	for (int i = 0; i < 5; i++)
		judge(f, i > 3, (int64_t[]){ pattern_like(f, "ml/operator", "raise") }, 1);
	for (int i = 0; i < 20; i++)
		judge(f, true, (int64_t[]){ pattern_like(f, "cloud/operator", "template_fields_pattern") }, 1);
	return 0;
}

/* ---- asking ---- */

/* PATH: pairs with a slash between, as they stand below query/. */
static pf_query *parse(struct fixture *f, const char *path)
{
	pf_query *query = NULL;
	char pair[512];

	f->err = (pf_err){ 0 };
	while (*path) {
		size_t len = strcspn(path, "/");
		pf_query *next;

		snprintf(pair, sizeof pair, "%.*s", (int)len, path);
		next = pf_query_narrow(query, pair, &f->err);
		pf_query_free(query);
		if (!next)
			return NULL;
		query = next;
		path += len + (path[len] == '/');
	}
	return query;
}

enum { RESULTS = 2048 };
struct answer {
	int64_t ids[RESULTS];
	double lifts[RESULTS], similarities[RESULTS];
	char names[16][256];
	int count;
};

static int collect(void *arg, const pf_result *result)
{
	struct answer *a = arg;

	if (a->count < 16)
		snprintf(a->names[a->count], sizeof a->names[0], "%s", result->name);
	a->lifts[a->count] = result->lift;
	a->similarities[a->count] = result->similarity;
	a->ids[a->count++] = result->id;
	return a->count == RESULTS;
}

static void ask_query(struct fixture *f, const char *path, enum retrieval_how how, int few, struct answer *answer)
{
	pf_query *query = parse(f, path);

	if (!query && *path)
		fail_msg("%s: %s", path, f->err.why);
	answer->count = 0;
	if (retrieve(f->store, query, how, few, collect, answer, &f->err) < 0)
		fail_msg("%s: %s", path, f->err.why);
	pf_query_free(query);
}

static int64_t count_of(struct fixture *f, const char *path)
{
	pf_query *query = parse(f, path);
	int64_t count = -1;

	if (pf_store_query_count(f->store, query, &count, &f->err) < 0)
		fail_msg("%s: %s", path, f->err.why);
	pf_query_free(query);
	return count;
}

/* The ids that SQL answers. */
static void ask_sql(struct fixture *f, const char *sql, struct answer *answer)
{
	sqlite3_stmt *stmt;

	answer->count = 0;
	if (sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(f->db));
	while (sqlite3_step(stmt) == SQLITE_ROW && answer->count < RESULTS)
		answer->ids[answer->count++] = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
}

static void same_ids(const char *path, const char *how, const struct answer *got, const struct answer *expected)
{
	if (got->count != expected->count)
		fail_msg("%s: %s: %d results, expected %d", path, how, got->count, expected->count);
	for (int i = 0; i < got->count; i++)
		if (got->ids[i] != expected->ids[i])
			fail_msg("%s: %s: result %d is %lld, expected %lld", path, how, i + 1, (long long)got->ids[i],
				 (long long)expected->ids[i]);
}

/* ---- every key, against plain SQL ---- */

#define RANK "trivial, confidence_lower_bound DESC, breadth DESC, component_count DESC, id"
#define CONFIDENCE                                                                                                     \
	"confidence_score DESC, success_count + failure_count DESC, breadth DESC, component_count DESC, trivial, id"
#define SHOWN_BY(name)                                                                                                 \
	"id IN (SELECT pattern_id FROM sightings WHERE component_id IN (SELECT id FROM components WHERE " name "))"
#define IN_SUBCATEGORY(name)                                                                                           \
	"id IN (SELECT s.pattern_id FROM sightings s JOIN components o ON o.id = s.component_id"                       \
	" WHERE o.subcategory = '" name "')"
#define USES(library)                                                                                                  \
	"id IN (SELECT pattern_id FROM sightings WHERE component_id IN (SELECT c.id FROM components c,"                \
	" json_each(c.libraries_involved) j WHERE j.value = '" library "'))"
#define TEXT_OF                                                                                                        \
	"lower(pattern_type || ' ' || pattern_name || ' ' ||"                                                          \
	" CASE WHEN pattern_name = 'parameter_ordering_pattern' THEN '' WHEN pattern_name IN ('structural_pattern',"   \
	" 'import_item', 'template_fields_pattern') THEN json_remove(pattern_data, '$.code') ELSE pattern_data END)"

static const struct {
	const char *path, *where, *order;
} pattern_rows[] = {
	{ "limit=10000", "1", RANK },
	{ "category=ml/limit=1000", "category = 'ml'", RANK },
	{ "subcategory=nlp/limit=1000", IN_SUBCATEGORY("nlp"), RANK },
	{ "component_type=sensor/limit=1000", "component_type = 'sensor'", RANK },
	{ "pattern_type=import/limit=1000", "pattern_type = 'import'", RANK },
	{ "pattern_name=guard", "pattern_name = 'guard'", RANK },
	{ "pattern_name=template_field/limit=1000", "pattern_name = 'template_field'", RANK },
	{ "library=torch/limit=1000", USES("torch"), RANK },
	{ "library=airflow.providers.amazon/limit=1000", USES("airflow.providers.amazon"), RANK },
	{ "component=WordCountOperator/limit=1000", SHOWN_BY("component_name = 'WordCountOperator'"), RANK },
	{ "complexity=low/limit=1000", "complexity_range = 'low'", RANK },
	{ "confidence=high/limit=1000", "confidence_score >= 0.9", RANK },
	{ "confidence=medium", "confidence_score >= 0.7 AND confidence_score < 0.9", RANK },
	{ "confidence=low", "confidence_score < 0.7", RANK },
	{ "min_confidence=0.75/limit=1000", "confidence_score >= 0.75", RANK },
	{ "min_success_count=3/limit=1000", "success_count >= 3", RANK },
	{ "of=patterns/min_success_score=0.6/limit=1000", SHOWN_BY("success_score >= 0.6"), RANK },
	{ "sort=rank/text=xcom_pull/limit=1000", TEXT_OF " LIKE '%xcom\\_pull%' ESCAPE '\\'", RANK },
	{ "sort=rank/text=XCOM/limit=1000", TEXT_OF " LIKE '%xcom%'", RANK },
	{ "sort=rank/text=nemo word/limit=1000", "0", RANK },
	{ "sort=confidence/limit=1000", "1", CONFIDENCE },
	{ "sort=recent/limit=1000", "1", "mtime DESC, id DESC" },
	{ "sort=support/limit=1000", "1", "component_count DESC, success_count DESC, id" },
	{ "sort=name/limit=1000", "1", "file_name, scope" },
	{ "sort=name/category=cloud/limit=1000", "category = 'cloud'", "file_name, scope" },
	{ "sort=name/confidence=low/limit=1", "confidence_score < 0.7", "file_name, scope LIMIT 1" },
	{ "sort=confidence/limit=3", "1", CONFIDENCE " LIMIT 3" },
	{ "sort=confidence/category=ml/limit=40", "category = 'ml'", CONFIDENCE " LIMIT 40" },
	{ "sort=confidence/min_success_count=2/limit=1000", "success_count >= 2", CONFIDENCE },
	{ "sort=recent/limit=3", "1", "mtime DESC, id DESC LIMIT 3" },
	{ "sort=recent/category=cloud/component_type=operator/limit=4",
	  "category = 'cloud' AND component_type = 'operator'", "mtime DESC, id DESC LIMIT 4" },
	{ "sort=recent/library=torch/limit=2", USES("torch"), "mtime DESC, id DESC LIMIT 2" },
	{ "sort=support/limit=3", "1", "component_count DESC, success_count DESC, id LIMIT 3" },
	{ "sort=support/category=ml/limit=5", "category = 'ml'",
	  "component_count DESC, success_count DESC, id LIMIT 5" },
	{ "sort=support/text=xcom_pull/limit=2", TEXT_OF " LIKE '%xcom\\_pull%' ESCAPE '\\'",
	  "component_count DESC, success_count DESC, id LIMIT 2" },
	{ "sort=name/confidence=low", "confidence_score < 0.7", "file_name, scope" },
	{ "sort=support/confidence=medium", "confidence_score >= 0.7 AND confidence_score < 0.9",
	  "component_count DESC, success_count DESC, id" },
	{ "category=ml/component_type=operator/limit=1000", "category = 'ml' AND component_type = 'operator'", RANK },
	{ "component_type=operator/category=ml/limit=5", "category = 'ml' AND component_type = 'operator'",
	  RANK " LIMIT 5" },
	{ "category=ml/component_type=operator/pattern_type=validation/limit=1000",
	  "category = 'ml' AND component_type = 'operator' AND pattern_type = 'validation'", RANK },
	{ "category=ml/library=torch/limit=1000", "category = 'ml' AND " USES("torch"), RANK },
	{ "library=torch/subcategory=vision/limit=1000", IN_SUBCATEGORY("vision") " AND " USES("torch"), RANK },
	{ "component=S3CopyOperator/pattern_type=import/limit=1000",
	  "pattern_type = 'import' AND " SHOWN_BY("component_name = 'S3CopyOperator'"), RANK },
	{ "sort=rank/text=isinstance/category=cloud/limit=1000",
	  "category = 'cloud' AND " TEXT_OF " LIKE '%isinstance%'", RANK },
	{ "component_type=operator/min_confidence=0.9/complexity=low/limit=1000",
	  "component_type = 'operator' AND confidence_score >= 0.9 AND complexity_range = 'low'", RANK },
	{ "pattern_type=import/pattern_name=guard", "0", RANK },
	{ "limit=1", "1", RANK " LIMIT 1" },
};

static void patterns_by_every_key(void **state)
{
	struct fixture *f = *state;
	struct answer got, expected;
	int64_t some = 0;

	for (size_t i = 0; i < sizeof pattern_rows / sizeof *pattern_rows; i++) {
		const char *path = pattern_rows[i].path;
		char sql[2048];

		snprintf(sql, sizeof sql,
			 "SELECT id FROM code_patterns WHERE archived = 0 AND component_count > 0 AND %s"
			 " ORDER BY %s",
			 pattern_rows[i].where, pattern_rows[i].order);
		ask_sql(f, sql, &expected);
		ask_query(f, path, RETRIEVE_BEST, RETRIEVAL_FEW, &got);
		same_ids(path, "few", &got, &expected);
		ask_query(f, path, RETRIEVE_BEST, 0, &got);
		same_ids(path, "walk", &got, &expected);
		ask_query(f, path, RETRIEVE_SORTED, 0, &got);
		same_ids(path, "sorted", &got, &expected);
		if (!strstr(pattern_rows[i].order, "LIMIT"))
			assert_int_equal(count_of(f, path), expected.count);
		some += expected.count > 0;
	}
	/* Those that are to be empty: two. */
	assert_int_equal(some, sizeof pattern_rows / sizeof *pattern_rows - 2);
}

#define SCORE "success_score IS NULL, success_score DESC"
#define SHOWS_ONE(where)                                                                                               \
	"id IN (SELECT component_id FROM sightings WHERE pattern_id IN (SELECT id FROM code_patterns WHERE " where ")" \
	")"

static const struct {
	const char *path, *where, *order;
} component_rows[] = {
	{ "of=components", "1", SCORE ", pattern_count DESC, id" },
	{ "min_success_score=0.6", "success_score >= 0.6", SCORE },
	{ "of=components/category=ml", "category = 'ml'", SCORE ", pattern_count DESC, id" },
	{ "of=components/subcategory=aws", "subcategory = 'aws'", SCORE ", pattern_count DESC, id" },
	{ "of=components/component_type=sensor", "component_type = 'sensor'", "id" },
	{ "of=components/library=nemo", "libraries_involved LIKE '%\"nemo\"%'", SCORE ", pattern_count DESC, id" },
	{ "of=components/component=ImageOperator", "component_name = 'ImageOperator'", "id" },
	{ "of=components/complexity=low", "complexity_range = 'low'", SCORE ", pattern_count DESC, id" },
	{ "of=components/confidence=high/sort=name", "1", "component_name" },
	{ "of=components/min_confidence=0.5/sort=recent", "1", "mtime DESC" },
	{ "of=components/min_success_count=1", "0", "id" },
	{ "of=components/pattern_type=logging/sort=name", SHOWS_ONE("pattern_type = 'logging'"), "component_name" },
	{ "of=components/pattern_name=guard/sort=name", SHOWS_ONE("pattern_name = 'guard'"), "component_name" },
	{ "of=components/text=xcom_pull/sort=name", SHOWS_ONE(TEXT_OF " LIKE '%xcom%'"), "component_name" },
	{ "of=components/text=xcom_pull/category=cloud", "category = 'cloud' AND " SHOWS_ONE(TEXT_OF " LIKE '%xcom%'"),
	  "component_name" },
	{ "of=components/sort=support/limit=2", "1", "pattern_count DESC, id LIMIT 2" },
	{ "of=components/sort=confidence", "1", "id" },
	{ "of=components/limit=2", "1", SCORE ", pattern_count DESC, id LIMIT 2" },
	{ "of=components/subcategory=vision/limit=1", "subcategory = 'vision'", SCORE " LIMIT 1" },
	{ "of=components/category=ml/complexity=low/limit=2", "category = 'ml' AND complexity_range = 'low'",
	  SCORE ", pattern_count DESC, id LIMIT 2" },
	{ "of=components/sort=recent/limit=2", "1", "mtime DESC, id DESC LIMIT 2" },
	{ "of=components/sort=name/category=cloud/limit=2", "category = 'cloud'", "component_name LIMIT 2" },
	{ "of=components/text=image/sort=name", "component_name = 'ImageOperator'", "component_name" },
};

static void components_by_every_key(void **state)
{
	struct fixture *f = *state;
	struct answer got, expected;

	for (size_t i = 0; i < sizeof component_rows / sizeof *component_rows; i++) {
		const char *path = component_rows[i].path;
		char sql[2048];

		snprintf(sql, sizeof sql, "SELECT id FROM components WHERE %s ORDER BY %s", component_rows[i].where,
			 component_rows[i].order);
		ask_sql(f, sql, &expected);
		ask_query(f, path, RETRIEVE_BEST, RETRIEVAL_FEW, &got);
		same_ids(path, "components", &got, &expected);
		ask_query(f, path, RETRIEVE_BEST, 0, &got);
		same_ids(path, "components, walk", &got, &expected);
		if (!strstr(component_rows[i].order, "LIMIT"))
			assert_int_equal(count_of(f, path), expected.count);
	}
}

/* ---- the order ---- */

/* The components of PATH come through INDEX in their order, so that the first few cost no more where there are many. */
static void assert_plan_has(struct fixture *f, const char *path, const char *index)
{
	pf_query *query = parse(f, path);
	pf_text sql = { 0 }, plan = { 0 };
	LEASE lease = { 0 };
	sqlite3_stmt *stmt;

	pf_text_puts(&sql, "EXPLAIN QUERY PLAN ");
	assert_ok(f, retrieval_sql(f->store, query, RETRIEVE_BEST, 0, &sql, &f->err));
	assert_ok(f, lease_begin(f->store, &lease, &f->err));
	assert_int_equal(sqlite3_prepare_v2(lease.conn->db, sql.bytes, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		pf_text_printf(&plan, "%s\n", (const char *)sqlite3_column_text(stmt, 3));
	sqlite3_finalize(stmt);
	/* Sorted are, once, the few. */
	if (!strstr(plan.bytes, index) || strstr(strstr(plan.bytes, "ORDER BY") + 1, "ORDER BY"))
		fail_msg("%s: %s%s", path, plan.bytes, sql.bytes);
	pf_text_free(&plan);
	pf_text_free(&sql);
	pf_query_free(query);
}

static void trivial_never_leads(void **state)
{
	struct fixture *f = *state;
	struct answer got;
	char sql[256];
	bool seen = false;

	/* `self.cache = None`, in every component: much sighted. */
	assert_true(ask(f, "SELECT max(component_count) FROM code_patterns WHERE trivial") >= 3);
	ask_query(f, "limit=1000", RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	for (int i = 0; i < got.count; i++) {
		snprintf(sql, sizeof sql, "SELECT trivial FROM code_patterns WHERE id = %lld", (long long)got.ids[i]);
		if (ask(f, sql))
			seen = true;
		else
			assert_false(seen);
	}
	assert_true(seen);
}

static void breadth_follows_sightings(void **state)
{
	struct fixture *f = *state;
	static const char sql[] = "SELECT breadth FROM code_patterns WHERE category = 'ml' AND component_type ="
				  " 'operator' AND pattern_name = 'template_fields_pattern'";
	static const char nlp[] = "SELECT count(*) FROM pattern_libraries l JOIN libraries n ON n.id = l.library_id"
				  " WHERE n.name = 'torch' AND l.pattern_id = (SELECT id FROM code_patterns WHERE"
				  " category = 'ml' AND component_type = 'operator' AND pattern_name = 'guard')";
	int64_t directory = place(f, 1);

	assert_asks(f, sql, 2); /* nemo, torch */
	assert_asks(f, nlp, 1); /* WordCountOperator's */
	/* The second operator's next revision has no guard any longer, and uses a third library. */
	assert_ok(f, submit(f, directory, "words.py",
			    component_source("WordCountOperator", "BaseOperator", "import nemo\nimport spacy", PULLS)));
	assert_asks(f, nlp, 0);
	assert_asks(f, sql, 3);
	check_invariants(f);
	/* ImageOperator's torch goes; no other of its place has it. */
	assert_ok(f, submit(f, place(f, 2), "image.py",
			    component_source("ImageOperator", "BaseOperator", "import nemo", PULLS)));
	assert_asks(f, sql, 2);
	check_invariants(f);
	assert_int_equal(count_of(f, "of=components/library=torch"), 1); /* the sensor */
}

/* In more directories than begin at once: the operator N stands in the first N of these categories. */
static void spread(struct fixture *f)
{
	static const char *const categories[] = { "storage", "database", "messaging", "transfer",
						  "compute", "web",	 "security",  "workflow" };
	static const char *const libraries[] = {
		"pandas", "numpy", "redis", "kafka", "scipy", "jinja2", "yaml", "ldap"
	};

	for (int c = 0; c < 8; c++) {
		char directory[64];
		int64_t at;

		snprintf(directory, sizeof directory, "category=%s", categories[c]);
		make_directory(f, IN, directory, true);
		at = file_id(f, IN, directory);
		for (int i = 0; i <= c; i++) {
			char name[64], file[64], imports[128], body[512];

			snprintf(name, sizeof name, "Spread%d%dOperator", c, i);
			snprintf(file, sizeof file, "spread%d.py", i);
			snprintf(imports, sizeof imports, "import %s\nfrom a%d import b%d", libraries[i], i, c);
			snprintf(body, sizeof body,
				 "%s        %s        self.log.info('word%d')\n        self.log.warning('rare%d', %d)\n"
				 "        value_%d = self.path.x%d()\n",
				 RAISES, PULLS, i, c, c, c, i);
			assert_ok(f, submit(f, at, file, component_source(name, "BaseOperator", imports, body)));
		}
	}
}

static void walks_by_turns(void **state)
{
	static const char *const paths[] = { "",
					     "pattern_type=logging",
					     "component_type=operator",
					     "library=pandas",
					     "library=jinja2",
					     "library=torch",
					     "subcategory=nlp",
					     "pattern_name=guard",
					     "min_success_count=3",
					     "min_success_count=6",
					     "complexity=low",
					     "text=path",
					     "text=log info",
					     "text=rare3",
					     "text=raise/library=kafka",
					     "text=path/sort=rank",
					     "text=rare3/sort=rank",
					     "confidence=high",
					     "confidence=low",
					     "sort=recent" };
	static struct answer got, expected;
	struct fixture *f = *state;

	spread(f);
	assert_true(ask(f, "SELECT count(*) FROM directories WHERE patterns > 0") > 55);
	assert_true(ask(f, "SELECT sum(patterns) FROM directories") > 200);
	for (size_t i = 0; i < 2 * sizeof paths / sizeof *paths; i++) {
		char path[256];

		snprintf(path, sizeof path, "%s%slimit=%d", paths[i / 2], *paths[i / 2] ? "/" : "", i % 2 ? 40 : 4);
		ask_query(f, path, RETRIEVE_SORTED, 0, &expected);
		assert_true(expected.count > 0);
		ask_query(f, path, RETRIEVE_BEST, RETRIEVAL_FEW, &got);
		same_ids(path, "few are many", &got, &expected);
		ask_query(f, path, RETRIEVE_BEST, 0, &got);
		same_ids(path, "none are few", &got, &expected);
	}
}

/* Of what the store writes it is no more either. */
static void best_follows_its_patterns(void **state)
{
	static const char off[] = "SELECT count(*) FROM (SELECT scope, max(rank_order) AS best FROM code_patterns"
				  " WHERE archived = 0 AND component_count > 0 GROUP BY scope) m"
				  " LEFT JOIN directory_ranks d USING (scope) WHERE m.best IS NOT d.best";
	struct fixture *f = *state;
	int64_t best = ask(f, "SELECT id FROM code_patterns WHERE scope = (SELECT scope FROM directory_ranks"
			      " ORDER BY best DESC LIMIT 1) ORDER BY rank_order DESC LIMIT 1");

	assert_asks(f, off, 0);
	judge(f, true, &best, 1);
	assert_asks(f, off, 0);
	for (int i = 0; i < 9; i++)
		judge(f, false, &best, 1);
	assert_asks(f, off, 0);
	assert_ok(f, archive(f, best));
	assert_asks(f, off, 0);
	/* One more library makes each of its patterns broader, and is all that changes of most. */
	make_directory(f, IN, "category=web", true);
	for (int i = 0; i < 2; i++) {
		assert_ok(f, submit(f, file_id(f, IN, "category=web"), "alone.py",
				    component_source("AloneOperator", "BaseOperator",
						     i ? "import nemo\nimport scipy" : "", RAISES)));
		assert_asks(f, off, 0);
	}
	/* By hand it may rise, at once where the bound is changed; where it falls, it stays. */
	run_sql(f, "UPDATE code_patterns SET confidence_lower_bound = 0.999 WHERE pattern_name = 'raise'");
	check_invariants(f);
	run_sql(f, "UPDATE code_patterns SET success_count = success_count + 90 WHERE pattern_name = 'guard'");
	assert_ok(f, adopt_edits(f));
	check_invariants(f);
	assert_true(ask(f,
			"SELECT best >> 32 & 1073741823 FROM directory_ranks d JOIN categories c ON c.id = d.scope >> 8"
			" WHERE c.name = 'ml' AND d.scope & 255 = 1 << 4 | 9") > 900000000);
}

static void archived_are_not_shown(void **state)
{
	struct fixture *f = *state;
	int64_t guard = pattern_like(f, "ml/operator", "guard"), before = count_of(f, "");
	struct answer got;
	static const char *const paths[] = {
		"limit=1000",		"pattern_name=guard",	      "text=isinstance",
		"sort=name/limit=1000", "component=NeMoTextOperator", "library=nemo/limit=1000"
	};

	assert_ok(f, archive(f, guard));
	assert_int_equal(count_of(f, ""), before - 1);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		for (int few = 0; few <= 2000; few += 2000) {
			ask_query(f, paths[i], RETRIEVE_BEST, few, &got);
			assert_true(got.count > 0);
			for (int at = 0; at < got.count; at++)
				assert_int_not_equal(got.ids[at], guard);
		}
	}
}

/* Verdicts on components rank them, where nobody gave a score. */
static void judged_components_rank(void **state)
{
	struct fixture *f = *state;
	struct answer got;

	run_sql(f, "UPDATE components SET success_score = NULL");
	assert_ok(f, adopt_edits(f));
	for (int i = 0; i < 3; i++)
		assert_ok(f, verdict(f, true, PF_TARGET_COMPONENT, component_id(f, "FramesSensor"), NULL));
	for (int i = 0; i < 4; i++)
		assert_ok(f, verdict(f, i > 0, PF_TARGET_COMPONENT, component_id(f, "S3DeleteOperator"), NULL));
	ask_query(f, "of=components/limit=2", RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	assert_string_equal(got.names[0], "FramesSensor");
	assert_string_equal(got.names[1], "S3DeleteOperator");
	/* By hand: ranks once it is adopted. */
	run_sql(f, "UPDATE components SET success_count = 50 WHERE component_name = 'S3DeleteOperator'");
	assert_ok(f, adopt_edits(f));
	ask_query(f, "of=components/limit=1", RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	assert_string_equal(got.names[0], "S3DeleteOperator");
}

/* Where components are many, each order has them from an index, whose first few are those that sorting gives. */
static void judged_components_in_order(void **state)
{
	static const struct {
		const char *path, *order, *index;
	} rows[] = {
		{ "of=components/sort=support", "success_count DESC, pattern_count DESC, id", "components_by_support" },
		{ "of=components/sort=confidence", "confidence_score DESC, success_count + failure_count DESC, id",
		  "components_by_confidence" },
		{ "of=components/sort=recent", "mtime DESC, id DESC", "components_by_time" },
		{ "of=components/sort=name", "component_name", "sqlite_autoindex_components_1" },
	};
	struct fixture *f = *state;
	struct answer got, expected;

	for (int i = 0; i < 3; i++)
		assert_ok(f, verdict(f, true, PF_TARGET_COMPONENT, component_id(f, "FramesSensor"), NULL));
	for (int i = 0; i < 5; i++)
		assert_ok(f, verdict(f, i > 0, PF_TARGET_COMPONENT, component_id(f, "S3DeleteOperator"), NULL));
	assert_ok(f, verdict(f, false, PF_TARGET_COMPONENT, component_id(f, "ImageOperator"), NULL));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int limit = 1; limit < 7; limit++) {
			char path[128], sql[256];

			snprintf(path, sizeof path, "%s/limit=%d", rows[i].path, limit);
			snprintf(sql, sizeof sql, "SELECT id FROM components ORDER BY %s LIMIT %d", rows[i].order,
				 limit);
			ask_sql(f, sql, &expected);
			ask_query(f, path, RETRIEVE_BEST, RETRIEVAL_FEW, &got);
			same_ids(path, "sorted", &got, &expected);
			ask_query(f, path, RETRIEVE_BEST, 0, &got);
			same_ids(path, "by index", &got, &expected);
		}
		assert_plan_has(f, rows[i].path, rows[i].index);
	}
}

/* Counts that are changed by hand rank once they are adopted. */
static void edits_rank(void **state)
{
	struct fixture *f = *state;
	int64_t guard = pattern_like(f, "ml/operator", "guard");
	struct answer got;

	run_sql(f, "UPDATE code_patterns SET success_count = 5000 WHERE pattern_name = 'guard' AND category = 'ml' AND"
		   " component_type = 'operator'");
	assert_ok(f, adopt_edits(f));
	ask_query(f, "limit=1", RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	assert_int_equal(got.ids[0], guard);
}

/* ---- with= ---- */

static void lift_by_hand(void **state)
{
	struct fixture *f = *state;
	int64_t a = pattern_like(f, "ml/operator", "guard"), b = pattern_like(f, "ml/operator", "raise"),
		c = pattern_like(f, "ml/operator", "template_fields_pattern"),
		d = pattern_like(f, "cloud/operator", "guard");
	char path[256];
	struct answer got;

	/* N = 6; s(a) = 4, s(b) = 3, s(c) = 4, s(d) = 3; s(a,b) = 3, s(a,c) = 2, s(a,d) = 1 */
	judge(f, true, (int64_t[]){ a, b }, 2);
	judge(f, true, (int64_t[]){ a, b, c }, 3);
	judge(f, true, (int64_t[]){ a, b, c, d }, 4);
	judge(f, true, (int64_t[]){ c, d }, 2);
	judge(f, true, (int64_t[]){ c, d }, 2);
	judge(f, true, (int64_t[]){ a, pattern_like(f, "ml/sensor", "guard") }, 2);
	judge(f, true, (int64_t[]){ a }, 1); /* alone: not counted */
	judge(f, false, (int64_t[]){ a, b }, 2);
	snprintf(path, sizeof path, "with=%s",
		 ask_text(f, "SELECT file_name FROM code_patterns WHERE category = 'ml' AND"
			     " component_type = 'operator' AND pattern_name = 'raise'"));
	/* of b: a 3·6/(3·4) = 1.5, c 2·6/(3·4) = 1 */
	ask_query(f, path, RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	assert_int_equal(got.count, 2);
	assert_int_equal(got.ids[0], a);
	assert_int_equal(got.ids[1], c);
	assert_true(fabs(got.lifts[0] - 1.5) < 1e-9);
	assert_true(fabs(got.lifts[1] - 1.0) < 1e-9);
	assert_int_equal(count_of(f, path), 2);
	path[strlen(path) - strlen(".json")] = '\0';
	assert_int_equal(count_of(f, path), 2);
	strcat(path, "/pattern_type=template_fields");
	assert_int_equal(count_of(f, path), 1);
	/* As many failures as successes: no longer a result. */
	judge(f, false, (int64_t[]){ a, b }, 2);
	judge(f, false, (int64_t[]){ a, b }, 2);
	*strchr(path, '/') = '\0';
	ask_query(f, path, RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	assert_int_equal(got.count, 1);
	assert_int_equal(got.ids[0], c);
	/* Components that show it. */
	strcat(path, "/of=components/sort=name");
	ask_query(f, path, RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	assert_string_equal(got.names[0], "FramesSensor");
	assert_string_equal(got.names[got.count - 1], "WordCountOperator");
}

/* ---- similar_to= ---- */

static void similarity_by_hand(void **state)
{
	struct fixture *f = *state;
	int64_t a = component_id(f, "NeMoTextOperator");
	struct answer got;

	ask_query(f, "similar_to=NeMoTextOperator", RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	/* Its subcategory, then its category; never itself, nor another category. */
	assert_int_equal(got.count, 2);
	assert_string_equal(got.names[0], "WordCountOperator");
	assert_string_equal(got.names[1], "ImageOperator");
	assert_int_equal(count_of(f, "similar_to=NeMoTextOperator"), 2);
	/* Three operators are in ml: the weights by hand. */
	for (int i = 0; i < 2; i++) {
		double shared = 0, all = 0, weights[4] = { 0, log2(3.0 / 1) + 1, log2(3.0 / 2) + 1, log2(3.0 / 3) + 1 };

		for (int shown = 1; shown <= 3; shown++) {
			char sql[512];

			snprintf(sql, sizeof sql,
				 "SELECT count(*) FROM sightings s JOIN code_patterns p ON p.id = s.pattern_id"
				 " WHERE s.component_id = %lld AND p.component_count = %d",
				 (long long)a, shown);
			all += (double)ask(f, sql) * weights[shown];
			snprintf(sql + strlen(sql), sizeof sql - strlen(sql),
				 " AND p.id IN (SELECT pattern_id FROM sightings WHERE component_id = %lld)",
				 (long long)got.ids[i]);
			shared += (double)ask(f, sql) * weights[shown];
		}
		if (fabs(got.similarities[i] - shared / all) > 1e-9)
			fail_msg("%s: %f, expected %f", got.names[i], got.similarities[i], shared / all);
	}
	assert_true(got.similarities[0] > 0.5 && got.similarities[0] < 1);
	/* Shares nothing, yet lies in the same place: a sensor has no patterns of operators. */
	ask_query(f, "similar_to=FramesSensor", RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	assert_int_equal(got.count, 1);
	assert_string_equal(got.names[0], "ImageOperator");
	assert_true(got.similarities[0] == 0);
	/* What they show; in order of rank. */
	ask_query(f, "similar_to=FramesSensor/of=patterns/limit=1000", RETRIEVE_BEST, RETRIEVAL_FEW, &got);
	assert_int_equal(got.count,
			 ask(f, "SELECT pattern_count FROM components WHERE component_name = 'ImageOperator'"));
}

/* What is most alike is kept across mounts: whoever asks otherwise has another SIMILAR_FORMAT. */
static void similarity_has_a_format(void **state)
{
	static const struct {
		int format;
		uint64_t asked;
	} formats[] = { { 1, 0xe496abfa3c01932c } };
	struct fixture *f = *state;
	pf_query *query = parse(f, "similar_to=ImageOperator/limit=" SIMILAR_COMPONENTS);
	pf_text sql = { 0 };
	uint64_t asked = 0xcbf29ce484222325; /* FNV-1a */

	assert_ok(f, retrieval_sql(f->store, query, RETRIEVE_BEST, RETRIEVAL_FEW, &sql, &f->err));
	for (size_t i = 0; i < sql.len; i++)
		asked = (asked ^ (unsigned char)sql.bytes[i]) * 0x100000001b3;
	pf_text_free(&sql);
	pf_query_free(query);
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (formats[i].format == SIMILAR_FORMAT && formats[i].asked == asked)
			return;
	fail_msg("asked otherwise than in format %d: raise SIMILAR_FORMAT, and add it here with %#llx", SIMILAR_FORMAT,
		 (unsigned long long)asked);
}

static int put_similar(void *arg, int64_t id, const char *name)
{
	pf_text_printf(arg, "%lld:%s ", (long long)id, name);
	return 0;
}

static void similarity_is_kept(void **state)
{
	struct fixture *f = *state;
	int64_t ids[PF_SIMILAR_MAX + 1] = { component_id(f, "WordCountOperator"), component_id(f, "ImageOperator") };
	int64_t of = component_id(f, "NeMoTextOperator");
	static const struct {
		const char *kept;
		bool none;
	} rows[] = {
		{ "", false },
		{ "1", false },
		{ "0", true },
		{ "-1", true },
		{ "1 ", false },
		{ " 1", false },
		{ "1  1", false },
		{ "1,1", true },
		{ "x", true },
		{ "1 x", true },
		{ " ", true },
		{ "999999", true },
		{ "99999999999999999999", true },
		{ "1 1 1 1 1 1 1 1 1 1 1", true },
	};
	char expected[512];
	pf_text got = { 0 };
	pf_txn *txn;

	assert_int_equal(pf_store_similar(f->store, of, 5, put_similar, &got, &f->err), 0);
	txn = pf_txn_begin(f->store, &f->err);
	assert_non_null(txn);
	assert_ok(f, pf_txn_keep_similar(txn, of, 5, ids, 2, &f->err));
	assert_ok(f, pf_txn_keep_similar(txn, ids[0], 5, ids, 0, &f->err));
	assert_ok(f, pf_txn_keep_similar(txn, ids[1], 5, ids, PF_SIMILAR_MAX + 1, &f->err));
	assert_ok(f, pf_txn_commit(txn, &f->err));
	snprintf(expected, sizeof expected, "%lld:WordCountOperator %lld:ImageOperator ", (long long)ids[0],
		 (long long)ids[1]);
	assert_int_equal(pf_store_similar(f->store, of, 5, put_similar, &got, &f->err), 1);
	assert_string_equal(got.bytes, expected);
	pf_text_reset(&got);
	assert_int_equal(pf_store_similar(f->store, ids[0], 5, put_similar, &got, &f->err), 1);
	assert_int_equal(got.len, 0);
	/* More than are kept; of another moment, or format. */
	assert_int_equal(pf_store_similar(f->store, ids[1], 5, put_similar, &got, &f->err), 0);
	assert_int_equal(pf_store_similar(f->store, of, 6, put_similar, &got, &f->err), 0);
	run_sql(f, "UPDATE similar SET format = format + 1");
	assert_int_equal(pf_store_similar(f->store, of, 5, put_similar, &got, &f->err), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char sql[512];

		snprintf(sql, sizeof sql, "UPDATE similar SET format = %d, ids = '%s'", SIMILAR_FORMAT, rows[i].kept);
		run_sql(f, sql);
		if (pf_store_similar(f->store, of, 5, put_similar, &got, &f->err) != !rows[i].none)
			fail_msg("'%s'", rows[i].kept);
	}
	pf_text_free(&got);
}

/* ---- text= ---- */

static void text_is_no_syntax(void **state)
{
	static const struct {
		const char *path;
		bool some;
	} rows[] = {
		{ "text=xcom", true },
		{ "text=xcom_pull", true },
		{ "text=PULL xcom", true },
		{ "text=xco", true },
		{ "text=com", false },
		{ "text=\"xcom", true },
		{ "text=xcom\" OR \"raise", false },
		{ "text=xcom NOT zebra", false },
		{ "text=xcom*", true },
		{ "text=words:xcom", false },
		{ "text=^xcom", true },
		{ "text=(xcom)", true },
		{ "text=NEAR(xcom pull)", false },
		{ "text=xcom'; DROP TABLE components; --", false },
		{ "text=isinstance(self.path, str)", true },
		{ "text=S3 copy operator", false }, /* the words of a component's name */
		{ "of=components/text=S3 copy operator", true },
		{ "text=\xc3\xa9t\xc3\xa9", false },
	};
	struct fixture *f = *state;

	for (int few = 0; few <= 2000; few += 2000) {
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct answer got;

			ask_query(f, rows[i].path, RETRIEVE_BEST, few, &got);
			if ((got.count > 0) != rows[i].some)
				fail_msg("%s: %d results", rows[i].path, got.count);
		}
	}
}

/* Indexed in batches: enough new ones make one. */
static void text_is_indexed(void **state)
{
	struct fixture *f = *state;
	int64_t before = count_of(f, "text=xcom_pull");
	struct answer got, expected;

	assert_asks(f, "SELECT pattern_id FROM text_indexed", 0);
	for (int i = 0; i < 120; i++) {
		char name[64], file[64], body[256];

		snprintf(name, sizeof name, "Filler%dOperator", i);
		snprintf(file, sizeof file, "filler%d.py", i);
		snprintf(
			body, sizeof body,
			"if self.path is None:\n            raise Exception%d('x')\n        foo%d.bar(context['k%d'])\n"
			"        raise Other%d('y')",
			i, i, i, i);
		assert_ok(f, submit(f, IN, file, component_source(name, "BaseOperator", "", body)));
	}
	if (ask(f, "SELECT pattern_id FROM text_indexed") < 256)
		fail_msg("%lld patterns", (long long)ask(f, "SELECT max(id) FROM code_patterns"));
	assert_int_equal(count_of(f, "text=xcom_pull"), before);
	/* A frequent word is found on the way, a rare one is not: both answer alike. */
	for (size_t i = 0; i < 3; i++) {
		static const char *const paths[] = { "text=exception/limit=3", "text=xcom_pull/limit=3",
						     "text=exception/sort=name/limit=3" };

		ask_query(f, paths[i], RETRIEVE_BEST, RETRIEVAL_FEW, &got);
		ask_query(f, paths[i], RETRIEVE_SORTED, RETRIEVAL_FEW, &expected);
		assert_int_equal(got.count, 3);
		same_ids(paths[i], "ahead", &got, &expected);
	}
	assert_true(count_of(f, "text=Exception7") >= 1);
	/* A pattern that is changed by hand is found by its new words, and no longer by the old. */
	run_sql(f, "UPDATE code_patterns SET pattern_data = replace(pattern_data, 'xcom_pull', 'teleport')"
		   " WHERE pattern_data LIKE '%xcom_pull%'");
	assert_ok(f, adopt_edits(f));
	assert_int_equal(count_of(f, "text=xcom_pull"), 0);
	assert_int_equal(count_of(f, "text=teleport"), before);
	run_sql(f, "INSERT INTO pattern_text (pattern_text) VALUES ('integrity-check')");
}

static double bm25f(double tf, double length)
{
	return tf / (tf + 1.2 * (0.25 + 0.75 * length / 60));
}

static void relevance_by_hand(void **state)
{
	static const struct {
		const char *arguments; /* type, name, code, template, message, words */
		double expected;
	} rows[] = {
		{ "'import', 'import_item', NULL, NULL, NULL, 'nemo'", 0 },
		{ "'import', 'import_item', 'import nemo', 'import nemo', NULL, 'nemo'", -3 },	/* 1 + 2, length 9 */
		{ "'import', 'import_item', 'import nemo', 'import nemo', NULL, 'nem'", -1.5 }, /* halves */
		{ "'a', 'b', NULL, 'nemo', NULL, 'nemo zebra'", -2 },
	};
	static const double lengths[] = { 0, 9, 9, 4 };
	struct fixture *f = *state;
	LEASE lease = { 0 };

	assert_ok(f, lease_begin(f->store, &lease, &f->err));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		double expected = rows[i].expected < 0 ? bm25f(-rows[i].expected, lengths[i]) : 0, got;
		sqlite3_stmt *stmt;
		char sql[256];

		if (strstr(rows[i].arguments, "zebra"))
			expected /= 2;
		snprintf(sql, sizeof sql, "SELECT relevance(%s)", rows[i].arguments);
		assert_int_equal(sqlite3_prepare_v2(lease.conn->db, sql, -1, &stmt, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		got = sqlite3_column_double(stmt, 0);
		sqlite3_finalize(stmt);
		if (fabs(got - expected) > 1e-9)
			fail_msg("%s: %f, expected %f", rows[i].arguments, got, expected);
	}
}

static void text_is_the_patterns_own(void **state)
{
	struct fixture *f = *state;
	struct answer relevant, ranked, counted;

	/* All of its patterns were first seen in NeMoTextOperator: they do not have its name. */
	assert_int_equal(count_of(f, "text=NeMoTextOperator"), 0);
	assert_int_equal(count_of(f, "of=components/text=NeMo text"), 1);
	/* Made of others: of `from a import b, c` the pattern of b has not c; a signature has its parameters' words. */
	assert_ok(f, submit(f, place(f, 0), "made.py",
			    component_source("MadeOperator", "BaseOperator", "from acme import gizmo, widget",
					     "        gizmo(widget, self.path)\n")));
	assert_int_equal(count_of(f, "text=gizmo/pattern_type=import"), 1);
	assert_int_equal(count_of(f, "text=widget/pattern_type=import"), 1);
	assert_int_equal(count_of(f, "text=required"), 0);
	assert_int_equal(count_of(f, "text=path/pattern_name=parameter_ordering_pattern"), 0);
	assert_int_equal(count_of(f, "text=parameter ordering/pattern_name=parameter_ordering_pattern"),
			 count_of(f, "pattern_name=parameter_ordering_pattern"));
	assert_true(count_of(f, "pattern_name=parameter_ordering_pattern") > 0);
	/* A guard is about isinstance more than others that have it, and all are there in both orders. */
	ask_query(f, "text=path", RETRIEVE_BEST, RETRIEVAL_FEW, &relevant);
	ask_query(f, "text=path", RETRIEVE_BEST, 0, &counted);
	same_ids("text=path", "walk", &counted, &relevant);
	ask_query(f, "text=path", RETRIEVE_SORTED, 0, &counted);
	same_ids("text=path", "sorted", &counted, &relevant);
	ask_query(f, "text=path/sort=rank", RETRIEVE_BEST, RETRIEVAL_FEW, &ranked);
	assert_int_equal(relevant.count, ranked.count);
	assert_true(relevant.count > 2);
	assert_int_not_equal(memcmp(relevant.ids, ranked.ids, (size_t)ranked.count * sizeof *ranked.ids), 0);
}

/* ---- refusals ---- */

static void refused(void **state)
{
	static const struct {
		const char *path, *why;
	} rows[] = {
		{ "colour=red",
		  "'colour=red': expected key=value, the key one of category, subcategory, component_type,"
		  " pattern_type, pattern_name, library, component, complexity, confidence, min_confidence,"
		  " min_success_count, min_success_score, with, similar_to, text, sort, limit, budget, of" },
		{ "category",
		  "'category': expected key=value, the key one of category, subcategory, component_type,"
		  " pattern_type, pattern_name, library, component, complexity, confidence, min_confidence,"
		  " min_success_count, min_success_score, with, similar_to, text, sort, limit, budget, of" },
		{ "category=ml/category=ml", "category: said already, expected each key at most once" },
		{ "category=ML",
		  "category 'ML': expected a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved name" },
		{ "category=query",
		  "category 'query': expected a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved"
		  " name" },
		{ "subcategory=",
		  "subcategory '': expected a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved"
		  " name" },
		{ "component_type=task",
		  "component_type 'task': expected one of operator, sensor, hook, trigger, notifier" },
		{ "pattern_type=loop",
		  "pattern_type 'loop': expected one of structural, import, execution, error_handling,"
		  " template_fields, parameter_ordering, mock_execution, logging, validation,"
		  " runtime_parameters, initialization" },
		{ "pattern_name=guards",
		  "pattern_name 'guards': expected one of structural_pattern, import_item, dual_import, "
		  "execution_pattern,"
		  " raise, exception_handler, template_fields_pattern, template_field, jinja_guard,"
		  " parameter_ordering_pattern, parameter, mock_execution_pattern, log_call, guard, runtime_access,"
		  " initialization_pattern, init_statement" },
		{ "library=a b",
		  "library 'a b': expected the name of a package, such as nemo or airflow.providers.amazon" },
		{ "component=", "component '': expected the name of a directory under components/" },
		{ "component=a\nb", "component 'a?b': expected the name of a directory under components/" },
		{ "complexity=huge", "complexity 'huge': expected one of low, medium, high, very_high" },
		{ "confidence=0.9", "confidence '0.9': expected one of high, medium, low" },
		{ "min_confidence=1.1", "min_confidence '1.1': expected a number from 0 to 1" },
		{ "min_confidence=nan", "min_confidence 'nan': expected a number from 0 to 1" },
		{ "min_confidence=0x1", "min_confidence '0x1': expected a number from 0 to 1" },
		{ "min_confidence= 1", "min_confidence ' 1': expected a number from 0 to 1" },
		{ "min_success_count=-1", "min_success_count '-1': expected a whole number not below 0" },
		{ "min_success_count=1e3", "min_success_count '1e3': expected a whole number not below 0" },
		{ "min_success_count=99999999999999999999",
		  "min_success_count '99999999999999999999': expected a whole number not below 0" },
		{ "min_success_score=1e999", "min_success_score '1e999': expected a number not below 0" },
		{ "with=", "with '': expected the name of a pattern's file" },
		{ "text=", "text '': expected at least one word" },
		{ "text=--", "text '--': expected at least one word" },
		{ "text=\xff", "text '?': expected at least one word" },
		{ "sort=best", "sort 'best': expected one of rank, confidence, recent, support, name" },
		{ "limit=0", "limit '0': expected a whole number from 1 to 10000" },
		{ "limit=10001", "limit '10001': expected a whole number from 1 to 10000" },
		{ "limit=5 ", "limit '5 ': expected a whole number from 1 to 10000" },
		{ "budget=99", "budget '99': expected a whole number from 100 to 1000000" },
		{ "of=things", "of 'things': expected one of patterns, components" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pf_query *query = parse(f, rows[i].path);

		if (query)
			fail_msg("%s: taken", rows[i].path);
		if (f->err.code != EINVAL || strcmp(f->err.why, rows[i].why) != 0)
			fail_msg("%s: %s, expected %s", rows[i].path, f->err.why, rows[i].why);
	}
}

static void unknown_names(void **state)
{
	static const struct {
		const char *path;
		int code;
		const char *why;
	} rows[] = {
		{ "category=nope", ENOENT, "category 'nope': no such category" },
		{ "subcategory=nope", ENOENT, "subcategory 'nope': no such subcategory" },
		{ "library=nope", ENOENT, "library 'nope': no component involves such a library" },
		{ "component=Nope", ENOENT, "component 'Nope': no such component" },
		{ "similar_to=Nope", ENOENT, "similar_to 'Nope': no such component" },
		{ "with=nope", ENOENT, "with 'nope': no such pattern" },
		{ "text=\xe2\x80\x94", EINVAL, "text '\xe2\x80\x94': expected at least one word" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pf_query *query = parse(f, rows[i].path);
		struct answer got = { .count = 0 };
		int64_t count;

		assert_non_null(query);
		assert_refused(f, pf_store_query(f->store, query, collect, &got, &f->err), rows[i].code, rows[i].why);
		f->err = (pf_err){ 0 };
		assert_refused(f, pf_store_query_count(f->store, query, &count, &f->err), rows[i].code, rows[i].why);
		f->err = (pf_err){ 0 };
		assert_refused(f, pf_store_query_known(f->store, query, &f->err), rows[i].code, rows[i].why);
		pf_query_free(query);
	}
	f->err = (pf_err){ 0 };
	for (size_t i = 0; i < sizeof pattern_rows / sizeof *pattern_rows; i++) {
		pf_query *query = parse(f, pattern_rows[i].path);

		assert_ok(f, pf_store_query_known(f->store, query, &f->err));
		pf_query_free(query);
	}
}

static void what_a_query_says(void **state)
{
	static const struct {
		const char *path;
		bool components;
		int64_t limit, budget;
	} rows[] = {
		{ "category=ml", false, 100, 2000 },
		{ "limit=7/budget=500", false, 7, 500 },
		{ "similar_to=X", true, 100, 2000 },
		{ "min_success_score=0", true, 100, 2000 },
		{ "of=patterns/similar_to=X", false, 100, 2000 },
		{ "of=components", true, 100, 2000 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pf_query *query = parse(f, rows[i].path);

		assert_int_equal(pf_query_of_components(query), rows[i].components);
		assert_int_equal(pf_query_limit(query), rows[i].limit);
		assert_int_equal(pf_query_budget(query), rows[i].budget);
		pf_query_free(query);
	}
	assert_int_equal(pf_query_limit(NULL), PF_QUERY_LIMIT);
	assert_false(pf_query_of_components(NULL));
}

static int check_result(void *arg, const pf_result *r)
{
	assert_string_equal(r->category, "ml");
	assert_string_equal(r->subcategory, "nlp");
	assert_string_equal(r->component_type, "operator");
	assert_string_equal(r->pattern_type, "validation");
	assert_string_equal(r->pattern_name, "guard");
	assert_string_equal(r->component_name, "NeMoTextOperator");
	assert_int_equal(r->success, 5);
	assert_int_equal(r->failure, 1);
	assert_int_equal(r->component_count, 2);
	assert_int_equal(r->breadth, 2);
	assert_true(isnan(r->success_score));
	assert_non_null(strstr(r->path, "ml/operator/validation/guard-"));
	assert_string_equal(strrchr(r->path, '/') + 1, r->name);
	assert_int_equal(strlen(r->signature), 32);
	assert_int_equal(r->template_length, strlen("if not isinstance($1, str):\n    raise ValueError"));
	*(int64_t *)arg = r->id;
	return 0;
}

static void a_result_is_whole(void **state)
{
	struct fixture *f = *state;
	pf_query *query = parse(f, "category=ml/pattern_name=guard/component_type=operator");
	pf_text data = { 0 };
	int64_t id = 0;

	assert_ok(f, pf_store_query(f->store, query, check_result, &id, &f->err));
	assert_ok(f, pf_store_pattern_data(f->store, id, &data, &f->err));
	assert_int_equal(data.bytes[0], '{');
	assert_non_null(strstr(data.bytes, "\"examples\": [\"WordCountOperator\"]"));
	assert_int_equal(data.bytes[data.len - 1], '}');
	pf_text_free(&data);
	assert_ok(f, archive(f, id));
	assert_int_equal(pf_store_pattern_data(f->store, id, &data, &f->err), -ENOENT);
	pf_query_free(query);
}

/* ---- the version ---- */

static void note_version(struct fixture *f, int64_t *versions, int64_t *times, int *n)
{
	assert_ok(f, pf_store_version(f->store, &versions[*n], &times[*n], &f->err));
	++*n;
}

static void version_moves(void **state)
{
	struct fixture *f = *state;
	int64_t versions[12], times[12], guard = pattern_like(f, "ml/operator", "guard");
	int n = 0;

	note_version(f, versions, times, &n);
	note_version(f, versions, times, &n);
	assert_int_equal(versions[0], versions[1]);
	n = 1;
	judge(f, true, &guard, 1);
	note_version(f, versions, times, &n);
	assert_ok(f, submit(f, IN, "x.py", component_source("XOperator", "BaseOperator", "import zlib", RAISES)));
	note_version(f, versions, times, &n);
	run_sql(f, "UPDATE code_patterns SET success_count = 50 WHERE pattern_name = 'guard' AND category = 'cloud'");
	note_version(f, versions, times, &n);
	run_sql(f, "UPDATE code_patterns SET success_count = 51 WHERE pattern_name = 'guard' AND category = 'cloud'");
	note_version(f, versions, times, &n);
	assert_ok(f, adopt_edits(f));
	note_version(f, versions, times, &n);
	assert_ok(f, archive(f, guard));
	note_version(f, versions, times, &n);
	run_sql(f, "UPDATE components SET success_score = 0.1 WHERE component_name = 'ImageOperator'");
	note_version(f, versions, times, &n);
	run_sql(f, "UPDATE components SET subcategory = 'audio' WHERE component_name = 'ImageOperator'");
	note_version(f, versions, times, &n);
	assert_ok(f, adopt_edits(f));
	note_version(f, versions, times, &n);
	assert_asks(f, "SELECT event = 9 AND component_id > 0 FROM history ORDER BY id DESC LIMIT 1", 1);
	for (int i = 1; i < n; i++)
		for (int j = 0; j < i; j++)
			assert_int_not_equal(versions[i], versions[j]);
	assert_true(times[n - 1] > times[0]);
}

/* ---- plans ---- */

/* A full pass over what grows. Of code_patterns only what is not indexed for text= yet is looked at row by row. */
static bool is_bad(const char *detail)
{
	static const char *const bad[] = { "SCAN p",
					   "SCAN q",
					   "SCAN n",
					   "SCAN t",
					   "SCAN s",
					   "SCAN code_patterns",
					   "SCAN sightings",
					   "SCAN pattern_libraries",
					   "SCAN pattern_combinations",
					   "SCAN o" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (strcmp(detail, bad[i]) == 0 ||
		    (strncmp(detail, bad[i], strlen(bad[i])) == 0 && detail[strlen(bad[i])] == ' '))
			return true;
	return false;
}

static void check_plan(struct fixture *f, sqlite3 *db, const char *path, enum retrieval_how how, int few)
{
	pf_query *query = parse(f, path);
	pf_text sql = { 0 };
	sqlite3_stmt *stmt;

	pf_text_puts(&sql, "EXPLAIN QUERY PLAN ");
	assert_ok(f, retrieval_sql(f->store, query, how, few, &sql, &f->err));
	if (sqlite3_prepare_v2(db, sql.bytes, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s\n%s", path, sqlite3_errmsg(db), sql.bytes);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(stmt, 3);

		if (is_bad(detail))
			fail_msg("%s: %s\n%s", path, detail, sql.bytes);
		/* The walk is run as far as results are wanted, not to its end. */
		if (strcmp(detail, "MATERIALIZE walk") == 0)
			fail_msg("%s: %s\n%s", path, detail, sql.bytes);
	}
	sqlite3_finalize(stmt);
	pf_text_free(&sql);
	pf_query_free(query);
}

static void plans_use_indexes(void **state)
{
	struct fixture *f = *state;
	LEASE lease = { 0 };
	char with[256];

	assert_ok(f, lease_begin(f->store, &lease, &f->err));
	for (size_t i = 0; i < sizeof pattern_rows / sizeof *pattern_rows; i++) {
		check_plan(f, lease.conn->db, pattern_rows[i].path, RETRIEVE_BEST, RETRIEVAL_FEW);
		check_plan(f, lease.conn->db, pattern_rows[i].path, RETRIEVE_BEST, 0);
		check_plan(f, lease.conn->db, pattern_rows[i].path, RETRIEVE_SORTED, 0);
		check_plan(f, lease.conn->db, pattern_rows[i].path, RETRIEVE_COUNT, 0);
	}
	for (size_t i = 0; i < sizeof component_rows / sizeof *component_rows; i++) {
		check_plan(f, lease.conn->db, component_rows[i].path, RETRIEVE_BEST, RETRIEVAL_FEW);
		check_plan(f, lease.conn->db, component_rows[i].path, RETRIEVE_BEST, 0);
		check_plan(f, lease.conn->db, component_rows[i].path, RETRIEVE_COUNT, 0);
	}
	check_plan(f, lease.conn->db, "similar_to=ImageOperator", RETRIEVE_BEST, RETRIEVAL_FEW);
	check_plan(f, lease.conn->db, "similar_to=ImageOperator/of=patterns", RETRIEVE_BEST, RETRIEVAL_FEW);
	snprintf(with, sizeof with, "with=%s", ask_text(f, "SELECT file_name FROM code_patterns LIMIT 1"));
	check_plan(f, lease.conn->db, with, RETRIEVE_BEST, RETRIEVAL_FEW);
	strcat(with, "/of=components");
	check_plan(f, lease.conn->db, with, RETRIEVE_BEST, RETRIEVAL_FEW);
}

/* ---- an older database ---- */

static int keep_sql(void *arg, int count, char **values, char **names)
{
	(void)count, (void)names;
	pf_text_puts(arg, values[0]);
	pf_text_puts(arg, ";\n");
	return 0;
}

static void run_on(sqlite3 *db, const char *sql, pf_text *kept)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, kept ? keep_sql : NULL, kept, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

/* A database of VERSION at PATH, with what F's holds. */
static void make_version(struct fixture *f, int version, const char *path)
{
	struct connection conn = { 0 };
	pf_text triggers = { 0 }, sql = { 0 };

	assert_int_equal(sqlite3_open(path, &conn.db), SQLITE_OK);
	assert_ok(f, search_functions(&conn, &f->err));
	assert_ok(f, schema_upgrade(&conn, version, &f->err));
	run_on(conn.db, "SELECT sql FROM sqlite_schema WHERE type = 'trigger'", &triggers);
	run_on(conn.db, "SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'", &sql);
	run_on(conn.db, sql.bytes, NULL);
	pf_text_reset(&sql);
	pf_text_printf(&sql, "ATTACH '%s' AS new", f->path);
	run_on(conn.db, sql.bytes, NULL);
	pf_text_reset(&sql);
	/* The columns of that version, those that are computed apart; the index of words stays empty. */
	run_on(conn.db,
	       "SELECT 'DELETE FROM main.' || m.name || '; INSERT INTO main.' || m.name || ' (' || c.names || ') "
	       "SELECT '"
	       " || c.names || ' FROM new.' || m.name FROM sqlite_schema m, (SELECT t.name AS name,"
	       " group_concat(x.name) AS names FROM sqlite_schema t, pragma_table_xinfo(t.name) x WHERE x.hidden = 0"
	       " GROUP BY t.name) c WHERE c.name = m.name AND m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
	       " AND m.name NOT LIKE 'pattern_text%'",
	       &sql);
	run_on(conn.db, sql.bytes, NULL);
	run_on(conn.db, triggers.bytes, NULL);
	pf_text_free(&sql);
	pf_text_free(&triggers);
	search_free(conn.search);
	sqlite3_close(conn.db);
}

/* From here on the fixture is the older database's. */
static void reopen_as(struct fixture *f, int version)
{
	char path[128];
	pf_store_options read_only = { .read_only = true };
	pf_err err = { 0 };

	snprintf(path, sizeof path, "%s/old.db", f->directory);
	make_version(f, version, path);
	assert_null(pf_store_open(path, &read_only, &err));
	assert_non_null(strstr(err.why, "its schema must be brought up to date"));
	sqlite3_close(f->db);
	pf_store_close(f->store);
	snprintf(f->path, sizeof f->path, "%.95s", path);
	err = (pf_err){ 0 };
	f->store = pf_store_open(path, NULL, &err);
	if (!f->store)
		fail_msg("%s", err.why);
	assert_int_equal(sqlite3_open_v2(path, &f->db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_asks(f, "SELECT user_version FROM pragma_user_version", 7);
	check_invariants(f);
}

static void judge_component(struct fixture *f, const char *name)
{
	assert_ok(f, verdict(f, true, PF_TARGET_COMPONENT, component_id(f, name), NULL));
}

static void migrates_from(struct fixture *f, int version)
{
	int64_t a = pattern_like(f, "ml/operator", "guard"), b = pattern_like(f, "ml/operator", "raise");
	char path[128];

	judge(f, true, (int64_t[]){ a, b }, 2);
	judge(f, true, (int64_t[]){ a, b }, 2);
	judge_component(f, "FramesSensor");
	reopen_as(f, version);
	assert_asks(f, "SELECT max(breadth) FROM code_patterns", 2);
	assert_true(count_of(f, "text=xcom_pull") > 0);
	assert_int_equal(count_of(f, "of=components/text=GCS copy"), 1);
	assert_true(count_of(f, "library=nemo") > 0);
	/* The component's verdict named several patterns; of version 1, only what pairs say is known. */
	assert_asks(f, "SELECT successes FROM verdict_totals", version < 2 ? 2 : 3);
	assert_asks(f, "SELECT count(*) FROM components WHERE verdict_bound > 0", 1);
	snprintf(path, sizeof path, "with=%s",
		 ask_text(f, "SELECT file_name FROM code_patterns WHERE category = 'ml' AND"
			     " component_type = 'operator' AND pattern_name = 'raise'"));
	assert_int_equal(count_of(f, path), 1);
	/* What is sighted again is known to be trivial. */
	if (version < 2)
		assert_asks(f, "SELECT sum(trivial) FROM code_patterns", 0);
	assert_ok(f, submit(f, place(f, 0), "again.py", component_source("AgainOperator", "BaseOperator", "", RAISES)));
	assert_true(ask(f, "SELECT sum(trivial) FROM code_patterns") > 0);
}

static void migrates_from_1(void **state)
{
	migrates_from(*state, 1);
}

static void migrates_from_2(void **state)
{
	migrates_from(*state, 2);
}

static void migrates_from_3(void **state)
{
	migrates_from(*state, 3);
}

static void migrates_from_4(void **state)
{
	migrates_from(*state, 4);
}

static void migrates_from_5(void **state)
{
	migrates_from(*state, 5);
}

static void migrates_from_6(void **state)
{
	migrates_from(*state, 6);
}

/* ---- names of patterns ---- */

static void every_unit_is_known(void **state)
{
	struct fixture *f = *state;
	sqlite3_stmt *stmt;

	assert_int_equal(sqlite3_prepare_v2(f->db, "SELECT DISTINCT pattern_name, pattern_type FROM code_patterns", -1,
					    &stmt, NULL),
			 SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);

		if (pf_pattern_unit_type(name) != pf_pattern_type_number((const char *)sqlite3_column_text(stmt, 1)))
			fail_msg("%s", name);
	}
	sqlite3_finalize(stmt);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, filled, fixture_close)
#define BARE(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int query_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(patterns_by_every_key),
		TEST(components_by_every_key),
		TEST(trivial_never_leads),
		TEST(breadth_follows_sightings),
		TEST(walks_by_turns),
		TEST(best_follows_its_patterns),
		TEST(archived_are_not_shown),
		TEST(judged_components_rank),
		TEST(judged_components_in_order),
		TEST(edits_rank),
		TEST(lift_by_hand),
		TEST(similarity_by_hand),
		TEST(similarity_has_a_format),
		TEST(similarity_is_kept),
		TEST(text_is_no_syntax),
		TEST(text_is_indexed),
		TEST(relevance_by_hand),
		TEST(text_is_the_patterns_own),
		BARE(refused),
		TEST(unknown_names),
		BARE(what_a_query_says),
		TEST(a_result_is_whole),
		TEST(version_moves),
		TEST(plans_use_indexes),
		TEST(migrates_from_1),
		TEST(migrates_from_2),
		TEST(migrates_from_3),
		TEST(migrates_from_4),
		TEST(migrates_from_5),
		TEST(migrates_from_6),
		TEST(every_unit_is_known),
	};

	return cmocka_run_group_tests_name("queries", tests, NULL, NULL);
}
