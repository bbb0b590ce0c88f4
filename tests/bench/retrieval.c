/*
 * Whether the ten best cost the same however many patterns there are: fills
 * two stores, of SMALL and LARGE patterns, asks both the same queries in turn,
 * and prints the medians of the CPU time and their ratio.
 *
 *	tests/bench/retrieval [SMALL LARGE [DIRECTORY]]        10000 1000000
 *
 * `meson test --benchmark retrieval` does the same. Where a DIRECTORY is named the
 * stores stay there, for `tests/bench/mount --growth`. It takes some minutes and
 * 3 GB in $TMPDIR. The rows are random, always the same: 660 directories, most
 * patterns in one component and few in many, words as rare as in a language.
 */
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store-internal.h"

enum { CATEGORIES = 12, LIBRARIES = 200, WORDS = 5000, ROUNDS = 15, PER_COMPONENT = 10 };

static uint64_t state = 1;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t x = state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static int64_t below(int64_t n)
{
	return (int64_t)(next() % (uint64_t)n);
}

static double uniform(void)
{
	return (double)(next() >> 11) / 9007199254740992.0;
}

/* Few are frequent: the word or library I about 1/I as often as the first. */
static int64_t zipf(int64_t n)
{
	return (int64_t)(exp(uniform() * log((double)n + 1)) - 1) % n;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

/* ---- filling ---- */

struct filling {
	sqlite3 *db;
	int64_t patterns, components;
	sqlite3_stmt *pattern, *sighting, *component, *library;
};

static void run(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		die(sql, why);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
	return stmt;
}

static void step(sqlite3_stmt *stmt)
{
	if (sqlite3_step(stmt) != SQLITE_DONE)
		die(sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
	sqlite3_reset(stmt);
}

/* The component I lies in place I modulo 60: a category and a component type. */
enum { PLACES = CATEGORIES * 5 };

static void add_component(struct filling *f, int64_t i)
{
	int libraries = 1 + (int)below(3);
	char name[64];

	snprintf(name, sizeof name, "Component%" PRId64 "Operator", i);
	sqlite3_bind_int64(f->component, 1, i);
	sqlite3_bind_text(f->component, 2, name, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(f->component, 3, 1 + i % PLACES / 5);
	sqlite3_bind_text(f->component, 4, pf_component_type_name(1 + (int)(i % 5)), -1, SQLITE_STATIC);
	sqlite3_bind_int64(f->component, 5, i / PLACES % 4);
	sqlite3_bind_double(f->component, 6, uniform());
	step(f->component);
	while (libraries-- > 0) {
		sqlite3_bind_int64(f->library, 1, 1 + zipf(LIBRARIES));
		sqlite3_bind_int64(f->library, 2, i);
		step(f->library);
	}
}

static const struct {
	const char *name;
	int type;
} units[] = {
	{ "structural_pattern", 1 },
	{ "import_item", 2 },
	{ "execution_pattern", 3 },
	{ "raise", 4 },
	{ "template_field", 5 },
	{ "parameter", 6 },
	{ "mock_execution_pattern", 7 },
	{ "log_call", 8 },
	{ "guard", 9 },
	{ "runtime_access", 10 },
	{ "init_statement", 11 },
};

static void make_data(int64_t i, pf_text *data)
{
	int64_t words = 20 + below(40);

	pf_text_reset(data);
	pf_text_printf(data, "{\n    \"template\": \"unit%" PRId64, i);
	for (int64_t w = 0; w < words; w++)
		pf_text_printf(data, w == words / 3 ? "\",\n    \"code\": \"word%" PRId64 : " word%" PRId64,
			       zipf(WORDS));
	pf_text_puts(data, "\",\n    \"lines\": [1, 2],\n    \"examples\": []\n  }");
}

static void add_sightings(struct filling *f, int64_t pattern, int64_t place, int64_t count)
{
	int64_t in_place = (f->components - place + PLACES - 1) / PLACES, at = below(in_place);

	for (int64_t i = 0; i < count; i++) {
		sqlite3_bind_int64(f->sighting, 1, place + PLACES * ((at + i * 7) % in_place));
		sqlite3_bind_int64(f->sighting, 2, pattern);
		step(f->sighting);
	}
}

static void add_pattern(struct filling *f, int64_t i, pf_text *data)
{
	int64_t place = below(PLACES), count = (int64_t)pow(uniform(), -1 / 1.3), in_place = f->components / PLACES;
	int64_t failures = below(50) == 0 ? 1 + below(3) : 0;
	int unit = (int)below(11);
	char name[96], signature[33];

	if (count > in_place)
		count = in_place > 0 ? in_place : 1;
	make_data(i, data);
	snprintf(signature, sizeof signature, "%016" PRIx64 "%016" PRIx64, next(), (uint64_t)i);
	snprintf(name, sizeof name, "%s-%.8s%" PRIx64 ".json", units[unit].name, signature, (uint64_t)i);
	sqlite3_bind_int64(f->pattern, 1, i);
	sqlite3_bind_text(f->pattern, 2, units[unit].name, -1, SQLITE_STATIC);
	sqlite3_bind_text(f->pattern, 3, pf_pattern_type_name(units[unit].type), -1, SQLITE_STATIC);
	sqlite3_bind_text(f->pattern, 4, data->bytes, (int)data->len, SQLITE_TRANSIENT);
	sqlite3_bind_int64(f->pattern, 5, 1 + place / 5);
	sqlite3_bind_text(f->pattern, 6, pf_component_type_name(1 + (int)(place % 5)), -1, SQLITE_STATIC);
	sqlite3_bind_text(f->pattern, 7, pf_complexity_range((int)below(60)), -1, SQLITE_STATIC);
	sqlite3_bind_int64(f->pattern, 8, count);
	sqlite3_bind_int64(f->pattern, 9, failures);
	sqlite3_bind_text(f->pattern, 10, signature, -1, SQLITE_TRANSIENT);
	sqlite3_bind_double(f->pattern, 11, wilson_lower_bound(count, failures));
	sqlite3_bind_int64(f->pattern, 12, pf_scope_make(1 + place / 5, 1 + (int)(place % 5), units[unit].type));
	sqlite3_bind_text(f->pattern, 13, name, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(f->pattern, 14, below(5) == 0);
	sqlite3_bind_int64(f->pattern, 15, 1000 + i);
	sqlite3_bind_int64(f->pattern, 16, below(4));
	step(f->pattern);
	add_sightings(f, i, place, count);
}

static void add_rows(struct filling *f)
{
	pf_text data = { 0 };

	f->component = prepare(
		f->db, "INSERT INTO components (id, component_name, category, component_type, subcategory,"
		       " complexity_score, complexity_range, libraries_involved, success_score, revision,"
		       " source_file, first_line, last_line, pattern_count, path_bytes, source_id, source_size,"
		       " record_size, source_mtime, mtime, generation_metadata) VALUES (?1, ?2, 'category' || ?3,"
		       " ?4, 'sub' || ?5, 5, 'low', '[]', ?6, 1, 'x.py', 1, 2, 10, 0, 1, 0, 0, 1, 1, '{}')");
	f->library = prepare(f->db, "INSERT OR IGNORE INTO component_libraries VALUES (?1, ?2)");
	f->sighting = prepare(f->db, "INSERT OR IGNORE INTO sightings VALUES (?1, ?2, 1, 2)");
	f->pattern = prepare(
		f->db,
		"INSERT INTO code_patterns (id, component_name, pattern_name, pattern_type, pattern_data,"
		" category, subcategory, component_type, complexity_range, success_count, failure_count,"
		" component_count, pattern_signature, confidence_lower_bound, scope, file_name, trivial, mtime,"
		" size) VALUES (?1, 'Component1Operator', ?2, ?3, ?4, 'category' || ?5, 'sub' || ?16, ?6, ?7, ?8,"
		" ?9, ?8, ?10, ?11, ?12, ?13, ?14, ?15, 1000)");
	for (int64_t i = 0; i < f->components; i++)
		add_component(f, i);
	for (int64_t i = 1; i <= f->patterns; i++)
		add_pattern(f, i, &data);
	sqlite3_finalize(f->component);
	sqlite3_finalize(f->library);
	sqlite3_finalize(f->sighting);
	sqlite3_finalize(f->pattern);
	pf_text_free(&data);
}

/* Successful verdicts on the first pattern with each of the next thirty. */
static void add_pairs(sqlite3 *db)
{
	run(db,
	    "INSERT INTO pattern_combinations SELECT 1, id, 2 + id % 5, 1 FROM code_patterns WHERE id BETWEEN 2 AND 31;"
	    "INSERT INTO verdict_patterns SELECT id, 10 + id FROM code_patterns WHERE id <= 31;"
	    "UPDATE verdict_totals SET successes = 200;");
}

static void fill(const char *path, int64_t patterns)
{
	struct filling f = { .patterns = patterns, .components = patterns / PER_COMPONENT };
	struct connection functions = { 0 };
	char sql[256];
	pf_err err = { 0 };
	pf_store *store = pf_store_open(path, NULL, &err);

	if (!store)
		die(path, err.why);
	pf_store_close(store);
	state = 1;
	if (sqlite3_open(path, &f.db) != SQLITE_OK)
		die(path, sqlite3_errmsg(f.db));
	functions.db = f.db;
	if (search_functions(&functions, &err) < 0)
		die(path, err.why);
	run(f.db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN;");
	for (int i = 1; i <= CATEGORIES; i++) {
		snprintf(sql, sizeof sql, "INSERT INTO categories VALUES (%d, 'category%d')", i, i);
		run(f.db, sql);
	}
	for (int i = 1; i <= LIBRARIES; i++) {
		snprintf(sql, sizeof sql, "INSERT INTO libraries VALUES (%d, 'library%d')", i, i);
		run(f.db, sql);
	}
	add_rows(&f);
	run(f.db, "INSERT INTO pattern_libraries SELECT DISTINCT l.library_id, s.pattern_id FROM component_libraries l"
		  " CROSS JOIN sightings s ON s.component_id = l.component_id ORDER BY 1, 2");
	run(f.db, "UPDATE code_patterns SET breadth = b.n, rank_order = " RANK_ORDER(
			  "trivial", "confidence_lower_bound", "b.n",
			  "component_count") ", mtime = mtime + 1 FROM (SELECT pattern_id, count(*) AS n FROM "
					     "pattern_libraries GROUP BY 1) b"
					     " WHERE b.pattern_id = id");
	run(f.db, "UPDATE code_patterns SET size = z.size, mtime = mtime + 1 FROM pattern_sizes z"
		  " WHERE z.id = code_patterns.id");
	run(f.db, "INSERT INTO directories SELECT s.scope, s.patterns, s.success, s.failure, s.high, s.medium, s.low,"
		  " s.confidence_ppb, 1 FROM directory_sums s");
	run(f.db, "INSERT INTO history (id, at, event, pattern_id, success_count, failure_count, end_offset)"
		  " SELECT id, mtime, 3, id, success_count, failure_count, 100 * id FROM code_patterns");
	add_pairs(f.db);
	run(f.db, "INSERT INTO pattern_text (rowid, words) SELECT p.id, " PATTERN_TEXT(
			  "p") " FROM code_patterns p ORDER BY p.id; UPDATE text_indexed SET pattern_id ="
			       " (SELECT max(id) FROM code_patterns), component_id = (SELECT max(id) FROM components); "
			       "COMMIT; PRAGMA journal_mode = WAL");
	search_free(functions.search);
	sqlite3_close(f.db);
}

/* ---- asking ---- */

static const char *const queries[] = {
	"",
	"category=category3",
	"category=category3/component_type=operator",
	"category=category3/component_type=operator/pattern_type=import",
	"pattern_type=validation",
	"pattern_name=guard",
	"complexity=high",
	"confidence=high",
	"confidence=medium",
	"min_confidence=0.9/min_success_count=3",
	"category=category3/min_confidence=0.8/complexity=low",
	"sort=name",
	"subcategory=sub1",
	"library=library1",
	"library=library20",
	"library=library150",
	"category=category3/library=library2",
	"component=Component100Operator",
	"similar_to=Component100Operator",
	"similar_to=Component100Operator/of=patterns",
	"with=PAIRED",
	"text=word0",
	"text=word3 word7",
	"text=word100",
	"text=word4000",
	"category=category3/text=word20",
	"of=components",
	"of=components/category=category3",
	"of=components/category=category3/subcategory=sub2",
	"of=components/sort=recent",
	"of=components/sort=name",
	"of=components/sort=support",
	"of=components/sort=confidence",
	"min_success_score=0.5",
	"sort=support",
	"sort=confidence",
	"sort=recent",
	"category=category3/component_type=operator/sort=recent",
	"category=category3/sort=support",
	"category=category3/sort=confidence",
	"category=category3/sort=recent",
	"library=library1/sort=recent",
	"text=word3/sort=support",
};

static pf_query *parse(const char *path, const char *paired)
{
	pf_query *query = NULL, *limited;
	char pair[300];
	pf_err err = { 0 };

	while (*path) {
		size_t len = strcspn(path, "/");
		pf_query *narrower;

		if (strncmp(path, "with=PAIRED", len) == 0)
			snprintf(pair, sizeof pair, "with=%s", paired);
		else
			snprintf(pair, sizeof pair, "%.*s", (int)len, path);
		narrower = pf_query_narrow(query, pair, &err);
		if (!narrower)
			die(pair, err.why);
		pf_query_free(query);
		query = narrower;
		path += len + (path[len] == '/');
	}
	limited = pf_query_narrow(query, "limit=10", &err);
	pf_query_free(query);
	return limited;
}

static int ignore(void *arg, const pf_result *result)
{
	(void)result;
	++*(int *)arg;
	return 0;
}

/* Of CPU time, which others on the machine change least. */
static double milliseconds(pf_store *store, const pf_query *query, int *results)
{
	struct timespec from, to;
	pf_err err = { 0 };

	*results = 0;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	if (pf_store_query(store, query, ignore, results, &err) < 0)
		die("query", err.why);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int keep_name(void *arg, const pf_pattern_entry *entry)
{
	snprintf(arg, 256, "%s", entry->name);
	return 1;
}

/* The file name of the pattern that was judged with others: the first one. */
static void find_paired(pf_store *store, char name[256])
{
	pf_pattern_entry first;
	pf_err err = { 0 };

	if (pf_store_pattern_stat(store, 1, &first, &err) < 0 ||
	    pf_store_pattern_list(store, first.scope, 0, keep_name, name, &err) < 0)
		die("the first pattern", err.why);
}

static void compare(pf_store *const stores[2], const char *path)
{
	double times[2][ROUNDS], medians[2];
	int results[2];
	char paired[256];
	pf_query *query[2];

	for (int s = 0; s < 2; s++) {
		find_paired(stores[s], paired);
		query[s] = parse(path, paired);
		milliseconds(stores[s], query[s], &results[s]); /* prepares the statement */
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int s = 0; s < 2; s++)
			times[s][round] = milliseconds(stores[s], query[s], &results[s]);
	for (int s = 0; s < 2; s++) {
		qsort(times[s], ROUNDS, sizeof times[s][0], by_value);
		medians[s] = times[s][ROUNDS / 2];
		pf_query_free(query[s]);
	}
	printf("%-64s %4d %4d %9.3f %9.3f %7.2f\n", *path ? path : "(all)", results[0], results[1], medians[0],
	       medians[1], medians[1] / medians[0]);
}

static void store_path(const char *directory, int64_t size, char path[300])
{
	snprintf(path, 300, "%s/%" PRId64 ".db", directory, size);
}

int main(int argc, char **argv)
{
	int64_t sizes[2] = { argc > 2 ? atoll(argv[1]) : 10000, argc > 2 ? atoll(argv[2]) : 1000000 };
	const char *tmp = getenv("TMPDIR"), *keep = argc > 3 ? argv[3] : NULL;
	char directory[256], path[300];
	pf_store *stores[2];
	pf_err err = { 0 };

	if (keep)
		snprintf(directory, sizeof directory, "%s", keep);
	else
		snprintf(directory, sizeof directory, "%s/pf-retrieval-XXXXXX", tmp ? tmp : "/tmp");
	if (!keep && !mkdtemp(directory))
		die(directory, strerror(errno));
	for (int s = 0; s < 2; s++) {
		store_path(directory, sizes[s], path);
		fill(path, sizes[s]);
		stores[s] = pf_store_open(path, NULL, &err);
		if (!stores[s])
			die(path, err.why);
	}
	printf("%-64s %9s %19s %7s\n", "the ten best of", "results", "ms, medians", "ratio");
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
		compare(stores, queries[i]);
	for (int s = 0; s < 2; s++) {
		pf_store_close(stores[s]);
		store_path(directory, sizes[s], path);
		if (!keep)
			unlink(path);
	}
	return !keep && rmdir(directory) != 0;
}
