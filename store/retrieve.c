/*
 * Retrieval: how a query is answered, by one statement put together from the
 * pieces that its keys have in the table below. Values are always bound.
 *
 * Patterns come from one of three places:
 *  - candidates, where a key leaves few (a component's patterns, the partners
 *    of with=, a rare word): those are sorted;
 *  - a walk in the order of the ranking, where candidates would be many: it
 *    stops once enough of them passed the other keys;
 *  - the ranking's index, read through, where another order is wanted or a
 *    walk found too little.
 *
 * Of the other orders, too, the first few are had without all:
 *  - by name, each directory has its patterns in order in an index;
 *  - by confidence, what never failed is first, and of that the bound says which
 *    was seen most: the ranking's index again, the trivial beside the others;
 *  - by support, an index holds what was sighted more than once;
 *  - recent is what the last events were about.
 * Where that yields too little, all are sorted.
 *
 * The walk merges the directories, each of which has its patterns in order in
 * code_patterns_ranking. A recursive select with ORDER BY takes the first of
 * what it has queued: a priority queue, which holds the next pattern of each
 * directory; by rank, of those alone whose best ranks so high (directory_ranks).
 * So what it costs grows with directories and results, not with patterns.
 */
#include <math.h>
#include <stdio.h>

#include "store-internal.h"

/* So many directories begin a walk at once: those of a category, of five component types and eleven pattern types. */
enum { FEW_DIRECTORIES = 55 };
/*
 * How far a walk goes before all are sorted instead; and how far one goes
 * before candidates are counted, for what is frequent is found on the way, and to
 * count costs the more, the more there are: of words above all. Where the
 * first few steps find so many that FREQUENT times more than a few may be
 * expected, the index of words is not asked at all.
 */
enum { WORTH_WALKING = 2, WALK_LIMIT = 20000, WALK_AHEAD = 100, FREQUENT = 4 };
/*
 * How many events are looked at for what is recent, to begin with and beside four for each result; how many times more
 * where that was too little; and as long as they are so many times fewer than the patterns, for to sort all of these
 * from an index costs less than to look up as many rows.
 */
enum { WINDOW_FIRST = 200, WINDOW_GROWTH = 4, WINDOW_SHARE = 8 };
/* Of what text= finds, so many are put in order by relevance: those that rank first. */
enum { TEXT_POOL = 50 };
/* Sightings that are looked at for similar components, of the rarest patterns first. */
#define SIMILAR_SIGHTINGS "1000"

#define LIVE(a) a ".archived = 0 AND " a ".component_count > 0"
#define BAND(a)                                                                                                        \
	"CASE WHEN " a ".confidence_score >= 0.9 THEN 'high' WHEN " a ".confidence_score >= 0.7 THEN 'medium'"         \
	" ELSE 'low' END"
#define ANY_TYPE "('operator', 'sensor', 'hook', 'trigger', 'notifier')"

/* ---- common table expressions ---- */

/* The patterns of the file name that with= says: the same idiom may stand in several directories. */
#define CTE_NAMED                                                                                                      \
	"named (id) AS (SELECT p.id FROM directories d CROSS JOIN code_patterns p ON p.scope = d.scope"                \
	" AND p.file_name = :with_text WHERE " LIVE("p") ")"
#define PAIRS_OF(mine, other)                                                                                          \
	"SELECT w.id AS a, k." other " AS b, k.success_count AS together FROM named w"                                 \
	" CROSS JOIN pattern_combinations k ON k." mine " = w.id"                                                      \
	" WHERE k.success_count >= 2 AND k.success_count > k.failure_count"
#define CTE_PARTNERS                                                                                                   \
	"partners (id, lift, together) AS (SELECT k.b,"                                                                \
	" max(CAST(k.together AS REAL) * (SELECT successes FROM verdict_totals WHERE id = 1)"                          \
	" / (a.successes * b.successes)), k.together"                                                                  \
	" FROM (" PAIRS_OF("pattern_a", "pattern_b") " UNION ALL " PAIRS_OF(                                           \
		"pattern_b", "pattern_a") ") k"                                                                        \
					  " CROSS JOIN verdict_patterns a ON a.pattern_id = k.a CROSS JOIN "           \
					  "verdict_patterns b ON b.pattern_id = k.b"                                   \
					  " GROUP BY k.b)"

/*
 * See store.h for the formula. Those of the same place follow that share nothing, where those that share something are
 * fewer than `:fill`. What A itself shares with A is what its traits weigh.
 */
#define RARE_TRAITS "traits r WHERE r.reach <= " SIMILAR_SIGHTINGS
#define CTE_ALIKE                                                                                                      \
	"me (id, category, subcategory, component_type) AS (SELECT id, category, subcategory, component_type"          \
	" FROM components WHERE id = :similar_to),"                                                                    \
	"traits (id, weight, reach) AS MATERIALIZED (SELECT p.id, idf(p.component_count, (SELECT sum(k.components)"    \
	"  FROM me m CROSS JOIN component_places k ON k.category = m.category"                                         \
	"  AND k.component_type = m.component_type)),"                                                                 \
	" sum(p.component_count) OVER (ORDER BY p.component_count, p.id)"                                              \
	" FROM sightings s CROSS JOIN code_patterns p ON p.id = s.pattern_id"                                          \
	" WHERE s.component_id = :similar_to AND " LIVE(                                                               \
		"p") "),"                                                                                              \
		     "shared (id, weight) AS MATERIALIZED (SELECT s.component_id, sum(r.weight) FROM (SELECT * "       \
		     "FROM " RARE_TRAITS ") r CROSS JOIN sightings s ON s.pattern_id = r.id WHERE s.component_id <> "  \
		     ":similar_to GROUP BY 1),"                                                                        \
		     "sharing (id, tier, similarity) AS MATERIALIZED ("                                                \
		     "SELECT o.id, NOT (o.category = m.category AND o.subcategory IS m.subcategory),"                  \
		     " h.weight / (SELECT sum(r.weight) FROM " RARE_TRAITS ")"                                         \
		     " FROM me m CROSS JOIN shared h CROSS JOIN components o ON o.id = h.id),"                         \
		     "alike (id, tier, similarity) AS MATERIALIZED (SELECT id, tier, similarity FROM sharing"          \
		     " UNION ALL SELECT o.id, 0, 0.0 FROM me m CROSS JOIN component_places k"                          \
		     " ON k.category = m.category AND k.subcategory = coalesce(m.subcategory, '')"                     \
		     " CROSS JOIN components o ON o.id IN (SELECT f.id FROM components f WHERE"                        \
		     " f.category = k.category AND f.component_type = k.component_type"                                \
		     " AND f.subcategory IS m.subcategory AND f.id <> m.id AND f.id NOT IN (SELECT id FROM shared)"    \
		     " ORDER BY " COMPONENT_RANK("f") " LIMIT :fill)"                                                  \
						      " WHERE (SELECT total(tier = 0) FROM sharing) < :fill)"
/* Those of them that may be among the first `:fill`: where others are not wanted, theirs are all rows that are read. */
#define FROM_ALIKE                                                                                                     \
	"SELECT id, tier, similarity FROM alike WHERE ((tier, -similarity) <= (SELECT a.tier, -a.similarity"           \
	" FROM alike a ORDER BY a.tier, a.similarity DESC LIMIT 1 OFFSET :fill - 1)) IS NOT 0"
#define CTE_SIMILAR_PATTERNS                                                                                           \
	"similar_patterns (id) AS (SELECT DISTINCT s.pattern_id FROM (SELECT a.id FROM alike a"                        \
	" CROSS JOIN components o ON o.id = a.id ORDER BY a.tier, a.similarity DESC, " COMPONENT_RANK(                 \
		"o") " LIMIT " SIMILAR_COMPONENTS ") a CROSS JOIN sightings s ON s.component_id = a.id)"

#define HAS_WORDS(a)                                                                                                   \
	"may_have_words(" a ".pattern_type, " a ".pattern_name, " a ".pattern_data, :words)"                           \
	" AND has_words(" PATTERN_TEXT(a) ", :words)"
/* What is not indexed yet is looked at. */
#define CTE_MATCHES                                                                                                    \
	"matches (id) AS (SELECT rowid FROM pattern_text WHERE pattern_text MATCH :text AND rowid > 0"                 \
	" UNION ALL SELECT t.id FROM code_patterns t"                                                                  \
	" WHERE t.id > (SELECT pattern_id FROM text_indexed WHERE id = 1)"                                             \
	" AND " HAS_WORDS("t") ")"
/* Components by their names, likewise. */
#define CTE_NAMES                                                                                                      \
	"names (id) AS (SELECT -rowid FROM pattern_text WHERE pattern_text MATCH :text AND rowid < 0"                  \
	" UNION ALL SELECT t.id FROM components t"                                                                     \
	" WHERE t.id > (SELECT component_id FROM text_indexed WHERE id = 1) AND " HAS_NAME("t") ")"
#define HAS_NAME(a) "has_words(name_text(" a ".component_name), :words)"

/* ---- keys ---- */

struct resolving;

enum pick {
	PICK_NEVER, /* it filters */
	PICK_FEW,   /* where the candidates are few */
	PICK_FIRST, /* they always are */
};

struct key_sql {
	int (*resolve)(struct resolving *r, enum key key, pf_err *err); /* the name's id */
	const char *scope; /* what it asks of a directory, behind the alias; NULL where that is not all it asks */
	const char *cte, *component_cte;
	/* of patterns: a condition on `p`, and candidates (id, lift, together) */
	const char *where, *from;
	enum pick pick;
	/* of components: a condition on `c`, and candidates (id, tier, similarity) */
	const char *component_where, *component_from;
};

static int resolve_category(struct resolving *r, enum key key, pf_err *err);
static int resolve_subcategory(struct resolving *r, enum key key, pf_err *err);
static int resolve_library(struct resolving *r, enum key key, pf_err *err);
static int resolve_component(struct resolving *r, enum key key, pf_err *err);
static int resolve_with(struct resolving *r, enum key key, pf_err *err);
static int resolve_text(struct resolving *r, enum key key, pf_err *err);

/* A component shows a live pattern for which CONDITION on `q` holds. */
#define SHOWS(condition)                                                                                               \
	"EXISTS (SELECT 1 FROM sightings s CROSS JOIN code_patterns q ON q.id = s.pattern_id"                          \
	" WHERE s.component_id = c.id AND " condition " AND " LIVE("q") ")"

static const struct key_sql keys[QUERY_KEYS] = {
	[KEY_CATEGORY] = { .resolve = resolve_category,
			   .scope = ".scope BETWEEN :category << 8 AND (:category << 8) + 255",
			   .component_where = "c.category = :category_text" },
	[KEY_SUBCATEGORY] = { .resolve = resolve_subcategory,
			      /* The pattern's own is that of the first component which showed it. */
			      .where = "EXISTS (SELECT 1 FROM sightings s CROSS JOIN components o"
				       " ON o.id = s.component_id WHERE s.pattern_id = p.id"
				       " AND o.subcategory = :subcategory_text)",
			      .from = "SELECT DISTINCT s.pattern_id, 0, 0 FROM component_places k CROSS JOIN "
				      "components o"
				      " ON o.category = k.category AND o.component_type = k.component_type"
				      " AND o.subcategory = k.subcategory AND k.subcategory = :subcategory_text"
				      " CROSS JOIN sightings s ON s.component_id = o.id",
			      .pick = PICK_FEW,
			      .component_where = "c.subcategory = :subcategory_text" },
	[KEY_COMPONENT_TYPE] = { .scope = ".scope >> 4 & 15 = :component_type",
				 .component_where = "c.component_type = :component_type_text" },
	[KEY_PATTERN_TYPE] = { .scope = ".scope & 15 = :pattern_type",
			       .component_where = SHOWS("q.pattern_type = :pattern_type_text") },
	[KEY_PATTERN_NAME] = { .scope = ".scope & 15 = :pattern_name",
			       .where = "p.pattern_name = :pattern_name_text",
			       /* Each file's name begins with its pattern's. */
			       .from = "SELECT n.id, 0, 0 FROM directories d CROSS JOIN code_patterns n"
				       " ON n.scope = d.scope AND n.file_name > :pattern_name_text || '-'"
				       " AND n.file_name < :pattern_name_text || '.'"
				       " WHERE d.scope & 15 = :pattern_name",
			       .pick = PICK_FEW,
			       .component_where = SHOWS("q.pattern_name = :pattern_name_text") },
	[KEY_LIBRARY] = { .resolve = resolve_library,
			  .where = "EXISTS (SELECT 1 FROM pattern_libraries l WHERE l.library_id = :library"
				   " AND l.pattern_id = p.id)",
			  .from = "SELECT pattern_id, 0, 0 FROM pattern_libraries WHERE library_id = :library",
			  .pick = PICK_FEW,
			  .component_where = "EXISTS (SELECT 1 FROM component_libraries l WHERE l.library_id = :library"
					     " AND l.component_id = c.id)",
			  .component_from = "SELECT component_id, 0, 0 FROM component_libraries"
					    " WHERE library_id = :library" },
	[KEY_COMPONENT] = { .resolve = resolve_component,
			    .where = "EXISTS (SELECT 1 FROM sightings s WHERE s.component_id = :component"
				     " AND s.pattern_id = p.id)",
			    .from = "SELECT pattern_id, 0, 0 FROM sightings WHERE component_id = :component",
			    .pick = PICK_FIRST,
			    .component_where = "c.id = :component",
			    .component_from = "SELECT :component, 0, 0" },
	[KEY_COMPLEXITY] = { .where = "p.complexity_range = :complexity_text",
			     .component_where = "c.complexity_range = :complexity_text" },
	[KEY_CONFIDENCE] = { .where = BAND("p") " = :confidence_text",
			     .component_where = BAND("c") " = :confidence_text" },
	[KEY_MIN_CONFIDENCE] = { .where = "p.confidence_score >= :min_confidence",
				 .component_where = "c.confidence_score >= :min_confidence" },
	[KEY_MIN_SUCCESS_COUNT] = { .where = "p.success_count >= :min_success_count",
				    .component_where = "c.success_count >= :min_success_count" },
	[KEY_MIN_SUCCESS_SCORE] = { .where = "EXISTS (SELECT 1 FROM sightings s CROSS JOIN components o"
					     " ON o.id = s.component_id WHERE s.pattern_id = p.id"
					     " AND o.success_score >= :min_success_score)",
				    .component_where = "c.success_score >= :min_success_score" },
	[KEY_WITH] = { .resolve = resolve_with,
		       .cte = CTE_NAMED ", " CTE_PARTNERS,
		       .from = "SELECT id, lift, together FROM partners",
		       .where = "p.id IN (SELECT id FROM partners)",
		       .pick = PICK_FIRST,
		       .component_cte = CTE_NAMED,
		       .component_where = "EXISTS (SELECT 1 FROM named w CROSS JOIN sightings s"
					  " ON s.component_id = c.id AND s.pattern_id = w.id)",
		       .component_from = "SELECT DISTINCT s.component_id, 0, 0 FROM named w CROSS JOIN sightings s"
					 " ON s.pattern_id = w.id" },
	[KEY_SIMILAR_TO] = { .resolve = resolve_component,
			     .cte = CTE_ALIKE ", " CTE_SIMILAR_PATTERNS,
			     .from = "SELECT id, 0, 0 FROM similar_patterns",
			     .where = "p.id IN (SELECT id FROM similar_patterns)",
			     .pick = PICK_FIRST,
			     .component_cte = CTE_ALIKE,
			     .component_where = "c.id IN (SELECT id FROM alike)",
			     .component_from = FROM_ALIKE },
	[KEY_TEXT] = { .resolve = resolve_text,
		       .cte = CTE_MATCHES,
		       .where = HAS_WORDS("p"),
		       .from = "SELECT id, 0, 0 FROM matches",
		       .pick = PICK_FEW,
		       .component_cte = CTE_MATCHES ", " CTE_NAMES,
		       .component_where = "(" HAS_NAME("c") " OR " SHOWS(HAS_WORDS("q")) ")",
		       .component_from = "SELECT s.component_id, 0, 0 FROM matches m CROSS JOIN code_patterns p"
					 " ON p.id = m.id CROSS JOIN sightings s ON s.pattern_id = p.id"
					 " WHERE " LIVE("p") " UNION SELECT id, 0, 0 FROM names" },
};

/* Which of the keys gives the candidates, where several could: those that are few first. */
static const enum key component_sources[] = { KEY_COMPONENT, KEY_SIMILAR_TO, KEY_WITH, KEY_TEXT, KEY_LIBRARY };
static const enum key first_sources[] = { KEY_WITH, KEY_SIMILAR_TO, KEY_COMPONENT };

/* ---- orders ---- */

/* Each ends in something that no two have. `x` is the row of candidates. */
#define BY_CONFIDENCE                                                                                                  \
	"CAST(p.success_count AS REAL) / max(p.success_count + p.failure_count, 1) DESC,"                              \
	" p.success_count + p.failure_count DESC"
static const char *const pattern_orders[SORT_COUNT] = {
	[SORT_RANK] = "p.rank_order DESC, p.id",
	[SORT_CONFIDENCE] = BY_CONFIDENCE ", min(p.breadth, 4095) DESC, p.component_count DESC, p.trivial, p.id",
	[SORT_RECENT] = "p.mtime DESC, p.id DESC",
	[SORT_SUPPORT] = "p.component_count DESC, p.success_count DESC, p.id",
	[SORT_NAME] = "p.file_name, p.scope",
};
static const char pattern_order_by_lift[] = "x.lift DESC, x.together DESC, p.rank_order DESC, p.id";
static const char pattern_order_by_relevance[] =
	"p.trivial, relevance(" PATTERN_PARTS("p") ", :words) * p.confidence_lower_bound DESC, p.rank_order DESC, p.id";

static const char *const component_orders[SORT_COUNT] = {
	[SORT_RANK] = COMPONENT_RANK("c"),
	[SORT_CONFIDENCE] = "c.confidence_score DESC, c.success_count + c.failure_count DESC, c.id",
	[SORT_RECENT] = "c.mtime DESC, c.id DESC",
	[SORT_SUPPORT] = "c.success_count DESC, c.pattern_count DESC, c.id",
	[SORT_NAME] = "c.component_name",
};
static const char component_order_by_similarity[] = "x.tier, x.similarity DESC, " COMPONENT_RANK("c");

/* ---- what the query names ---- */

struct resolving {
	struct connection *conn;
	const pf_query *query;
	int few;
	int64_t ids[QUERY_KEYS];
	pf_text match, words; /* of text= */
	pf_text with;	      /* the file's name */
	int source;	      /* the key that gives the candidates, or -1 */
	int64_t directories;  /* asked for, that hold something */
	int64_t patterns;     /* in these; 0 where it was not asked */
	int64_t components;   /* in the places asked for */
	int64_t walk;	      /* how far a walk may go, or how many events back */
	int64_t found;	      /* by the last walk that yielded too little */
	int64_t ahead;	      /* after so many steps a walk ends that has found fewer than `least`; 0: it does not */
	int64_t least;
	bool is_walked;	  /* as far as any walk goes */
	bool is_frequent; /* text= asks for so many that to look for candidates costs more than to walk */
};

static void resolving_free(struct resolving *r)
{
	pf_text_free(&r->match);
	pf_text_free(&r->words);
	pf_text_free(&r->with);
}

static const char *said(const struct resolving *r, enum key key)
{
	return r->query ? r->query->values[key].text : NULL;
}

static int unknown(struct resolving *r, enum key key, const char *what, pf_err *err)
{
	char shown[NAME_ROOM];

	return pf_fail(err, ENOENT, "%s '%s': %s", query_key_names[key], name_shown(said(r, key), shown), what);
}

/* The id that STMT has for TEXT. */
static int look_up(struct resolving *r, enum key key, enum stmt stmt, const char *text, const char *missing,
		   pf_err *err)
{
	QUERY(q, r->conn, stmt);
	query_text(&q, text);
	int rc = query_row(&q, err);

	if (rc == 0)
		return unknown(r, key, missing, err);
	r->ids[key] = rc > 0 ? column_int(&q, 0) : 0;
	return rc < 0 ? rc : 0;
}

static int resolve_category(struct resolving *r, enum key key, pf_err *err)
{
	return look_up(r, key, STMT_CATEGORY_ID, said(r, key), "no such category", err);
}

static int resolve_subcategory(struct resolving *r, enum key key, pf_err *err)
{
	return look_up(r, key, STMT_RETRIEVAL_SUBCATEGORY, said(r, key), "no such subcategory", err);
}

static int resolve_library(struct resolving *r, enum key key, pf_err *err)
{
	return look_up(r, key, STMT_RETRIEVAL_LIBRARY, said(r, key), "no component involves such a library", err);
}

static int resolve_component(struct resolving *r, enum key key, pf_err *err)
{
	return look_up(r, key, STMT_COMPONENT_FIND, said(r, key), "no such component", err);
}

static int resolve_with(struct resolving *r, enum key key, pf_err *err)
{
	const char *name = said(r, key), *suffix = ".json";
	size_t len = strlen(name);

	pf_text_puts(&r->with, name);
	if (len < strlen(suffix) || strcmp(name + len - strlen(suffix), suffix) != 0)
		pf_text_puts(&r->with, suffix);
	if (r->with.failed)
		return no_memory(err);
	return look_up(r, key, STMT_RETRIEVAL_NAMED, r->with.bytes, "no such pattern", err);
}

static int resolve_text(struct resolving *r, enum key key, pf_err *err)
{
	char shown[NAME_ROOM];
	int words = search_words(r->conn, said(r, key), &r->words, &r->match, err);

	if (words != 0)
		return words < 0 ? words : 0;
	return pf_fail(err, EINVAL, "text '%s': expected at least one word", name_shown(said(r, key), shown));
}

/* ---- the statement ---- */

static void add_clause(pf_text *sql, const char *between, const char *clause)
{
	pf_text_puts(sql, between);
	pf_text_puts(sql, clause);
}

/* What the keys ask of a directory, behind " AND"s. */
static void add_scope(const struct resolving *r, const char *alias, pf_text *sql)
{
	for (int i = 0; i < QUERY_KEYS; i++) {
		if (!said(r, (enum key)i) || !keys[i].scope)
			continue;
		add_clause(sql, " AND ", alias);
		pf_text_puts(sql, keys[i].scope);
	}
}

static void add_filters(const struct resolving *r, bool components, pf_text *sql)
{
	for (int i = 0; i < QUERY_KEYS; i++) {
		const char *where = components ? keys[i].component_where : keys[i].where;

		if (said(r, (enum key)i) && where && i != r->source)
			add_clause(sql, " AND ", where);
	}
}

/* "WITH RECURSIVE a AS (…), b AS (…)"; BETWEEN is what comes before the next. */
static const char *add_ctes(const struct resolving *r, bool components, pf_text *sql)
{
	const char *between = "WITH RECURSIVE ";

	for (int i = 0; i < QUERY_KEYS; i++) {
		const char *cte = components ? keys[i].component_cte : keys[i].cte;

		if (!said(r, (enum key)i) || !cte)
			continue;
		add_clause(sql, between, cte);
		between = ", ";
	}
	return between;
}

static enum sort sort_of(const struct resolving *r)
{
	return said(r, KEY_SORT) ? (enum sort)r->query->values[KEY_SORT].number : SORT_RANK;
}

/* Low and medium confidence: what failed at times, which has an index of its own. */
static bool is_failing(const struct resolving *r)
{
	return said(r, KEY_CONFIDENCE) && strcmp(said(r, KEY_CONFIDENCE), "high") != 0;
}

/* BY_TIME: for what the ranking's index does not hold. */
static void add_index(const struct resolving *r, bool by_time, pf_text *sql)
{
	pf_text_puts(sql, is_failing(r) ? " INDEXED BY code_patterns_failing"
			  : by_time	? " INDEXED BY code_patterns_listing"
					: " INDEXED BY code_patterns_ranking");
}

static void add_live(const struct resolving *r, const char *alias, pf_text *sql)
{
	pf_text_printf(sql, " AND %s.archived = 0 AND %s.component_count > 0", alias, alias);
	if (is_failing(r))
		pf_text_printf(sql, " AND %s.confidence_score < 0.9", alias);
}

/* Less than every id of a pattern. */
#define NO_PATTERN "0"

/* COLUMN of the first pattern for which CONDITION holds, in ORDER. */
static void add_first(const struct resolving *r, const char *column, const char *condition, const char *order,
		      pf_text *sql)
{
	add_clause(sql, "(SELECT q.", column);
	pf_text_puts(sql, " FROM code_patterns q");
	add_index(r, false, sql);
	add_clause(sql, " WHERE ", condition);
	add_live(r, "q", sql);
	add_clause(sql, " ORDER BY ", order);
	pf_text_puts(sql, " LIMIT 1)");
}

static int64_t pool_of(const struct resolving *r);

/*
 * Whether directories come into the walk when their turn comes, by an index of their best. Where they are few, or no
 * more than the results, so that most have their turn, and where their best says nothing of what is asked for, all
 * begin at once.
 */
static bool is_by_turns(const struct resolving *r)
{
	return r->directories > FEW_DIRECTORIES && r->directories > pool_of(r) && !is_failing(r);
}

/* All directories, each with its first place. */
static void add_beginnings(const struct resolving *r, pf_text *sql)
{
	pf_text_puts(sql, "SELECT d.scope, ");
	add_first(r, "rank_order", "q.scope = d.scope", "q.rank_order DESC, q.id", sql);
	pf_text_puts(sql, ", " NO_PATTERN " FROM directories d WHERE d.patterns > 0");
	add_scope(r, "d", sql);
}

/* The scope of the first directory for which CONDITION holds, best first. */
static void add_next_directory(const struct resolving *r, const char *condition, pf_text *sql)
{
	add_clause(sql, "(SELECT d.scope FROM directory_ranks d INDEXED BY directory_ranks_best WHERE ", condition);
	add_scope(r, "d", sql);
	pf_text_puts(sql, " ORDER BY d.best DESC, d.scope LIMIT 1)");
}

/*
 * A directory comes in with an id that no pattern has, at a place that is no less than its first pattern's: it is
 * behind this that the first pattern comes, so that it is sought in those directories alone whose turn comes. And
 * behind it, too, comes the next directory.
 */
static void add_walk_by_rank(const struct resolving *r, pf_text *sql)
{
	pf_text_puts(sql, "walk (scope, place, id) AS (");
	if (is_by_turns(r)) {
		pf_text_puts(sql, "SELECT b.scope, b.best, " NO_PATTERN " FROM directory_ranks b WHERE b.scope = ");
		add_next_directory(r, "1", sql);
	} else {
		add_beginnings(r, sql);
	}
	pf_text_puts(sql, " UNION ALL SELECT n.scope, n.rank_order, n.id FROM walk w"
			  " CROSS JOIN code_patterns n ON n.id = coalesce(");
	add_first(r, "id", "q.scope = w.scope AND q.rank_order = w.place AND q.id > w.id", "q.id", sql);
	pf_text_puts(sql, ", ");
	add_first(r, "id", "q.scope = w.scope AND q.rank_order < w.place", "q.rank_order DESC, q.id", sql);
	pf_text_puts(sql, r->ahead ? ") WHERE walks_on(:ahead, :least)" : ")");
	if (is_by_turns(r)) {
		pf_text_puts(sql, " UNION ALL SELECT b.scope, b.best, " NO_PATTERN " FROM walk w"
				  " CROSS JOIN directory_ranks b ON b.scope = coalesce(");
		add_next_directory(r, "d.best = w.place AND d.scope > w.scope", sql);
		pf_text_puts(sql, ", ");
		add_next_directory(r, "d.best < w.place", sql);
		pf_text_puts(sql, ") WHERE w.id = " NO_PATTERN);
	}
	pf_text_puts(sql, " ORDER BY 2 DESC, 3 LIMIT :walk)");
}

/* File names are in order in each directory too, archived ones among them. */
#define FIRST_NAME(condition)                                                                                          \
	"(SELECT q.id FROM code_patterns q WHERE " condition " AND " LIVE("+q") " ORDER BY q.file_name LIMIT 1)"
static void add_walk_by_name(const struct resolving *r, pf_text *sql)
{
	pf_text_puts(sql,
		     "walk (scope, place, id) AS (SELECT n.scope, n.file_name, n.id FROM directories d"
		     " CROSS JOIN code_patterns n ON n.id = " FIRST_NAME("q.scope = d.scope") " WHERE d.patterns > 0");
	add_scope(r, "d", sql);
	pf_text_puts(sql, " UNION ALL SELECT n.scope, n.file_name, n.id FROM walk w CROSS JOIN code_patterns n ON n.id "
			  "= " FIRST_NAME("q.scope = w.scope AND q.file_name > w.place") " ORDER BY 2, 1 LIMIT :walk)");
}

/*
 * Two queues for each directory, for what is trivial comes behind all others in its ranking: their places are told
 * apart by the uppermost bit of RANK_ORDER, `kind`, and merged without it. Of what never failed, the rest of it is in
 * the order of its successes.
 */
#define NOT_TRIVIAL "4611686018427387904"

static void add_first_of_kind(const struct resolving *r, bool trivial, pf_text *sql)
{
	static const char order[] = "q.rank_order DESC, q.id";
	const char *kind = trivial ? "0" : NOT_TRIVIAL;
	const char *condition = trivial ? "q.scope = d.scope AND q.rank_order < " NOT_TRIVIAL
					: "q.scope = d.scope AND q.rank_order >= " NOT_TRIVIAL;

	pf_text_printf(sql, "SELECT d.scope, %s, ", kind);
	add_first(r, "rank_order", condition, order, sql);
	pf_text_printf(sql, " - %s, " NO_PATTERN " FROM directories d WHERE d.patterns > 0", kind);
	add_scope(r, "d", sql);
}

static void add_walk_by_successes(const struct resolving *r, pf_text *sql)
{
	pf_text_puts(sql, "walk (scope, kind, place, id) AS (");
	add_first_of_kind(r, false, sql);
	pf_text_puts(sql, " UNION ALL ");
	add_first_of_kind(r, true, sql);
	pf_text_puts(sql, " UNION ALL SELECT n.scope, w.kind, n.rank_order - w.kind, n.id FROM walk w"
			  " CROSS JOIN code_patterns n ON n.id = coalesce(");
	add_first(r, "id", "q.scope = w.scope AND q.rank_order = w.place + w.kind AND q.id > w.id", "q.id", sql);
	pf_text_puts(sql, ", ");
	add_first(r, "id", "q.scope = w.scope AND q.rank_order < w.place + w.kind AND q.rank_order >= w.kind",
		  "q.rank_order DESC, q.id", sql);
	pf_text_puts(sql, ") ORDER BY 3 DESC, 2 DESC, 4 LIMIT :walk)");
}

static void add_walk_by_support(const struct resolving *r, pf_text *sql)
{
	pf_text_puts(sql, "walk (scope, id) AS (SELECT q.scope, q.id FROM code_patterns q"
			  " INDEXED BY code_patterns_support WHERE q.archived = 0 AND q.component_count > 1");
	add_scope(r, "q", sql);
	pf_text_puts(sql, " ORDER BY q.component_count DESC, q.success_count DESC, q.id LIMIT :walk)");
}

/*
 * What the last events were about, and what was changed by hand, which is no event yet. Of other directories none are
 * taken, for to see which are there twice costs as much as to look them up.
 */
static void add_recent(const struct resolving *r, pf_text *sql)
{
	pf_text_puts(sql, "SELECT h.pattern_id, 0, 0 FROM history h CROSS JOIN code_patterns n ON n.id = h.pattern_id"
			  " WHERE h.id > (SELECT max(id) FROM history) - :walk");
	add_scope(r, "n", sql);
	pf_text_puts(sql, " UNION SELECT e.pattern_id, 0, 0 FROM hand_edits e");
}

/* Whether a key may filter what others leave, instead of giving its candidates. */
static bool may_filter(const struct resolving *r, enum retrieval_how how)
{
	if (how == RETRIEVE_SORTED || r->source >= 0)
		return false;
	if (how == RETRIEVE_COUNT)
		return r->patterns > 0;
	return sort_of(r) == SORT_RANK || !is_failing(r) || r->patterns <= r->few;
}

/* The few that failed are sorted, but by rank; and where there are few patterns at all, they are. */
static bool may_walk(const struct resolving *r, enum retrieval_how how)
{
	enum sort sort = sort_of(r);

	if (how != RETRIEVE_BEST || !may_filter(r, how) || r->patterns <= WORTH_WALKING * pool_of(r))
		return false;
	return sort == SORT_RANK || (!is_failing(r) && (sort == SORT_NAME || r->patterns > r->few));
}

static bool is_recent(const struct resolving *r, enum retrieval_how how)
{
	return may_walk(r, how) && sort_of(r) == SORT_RECENT;
}

static bool is_walk(const struct resolving *r, enum retrieval_how how)
{
	return may_walk(r, how) && sort_of(r) != SORT_RECENT;
}

/* True where HOW may find less than there is. */
static bool is_partial(const struct resolving *r, enum retrieval_how how)
{
	if (!may_walk(r, how))
		return false;
	return (sort_of(r) != SORT_RANK && sort_of(r) != SORT_NAME) || r->patterns > r->walk || r->ahead;
}

static void add_walk(const struct resolving *r, pf_text *sql)
{
	static void (*const walks[SORT_COUNT])(const struct resolving *, pf_text *) = {
		[SORT_RANK] = add_walk_by_rank,
		[SORT_CONFIDENCE] = add_walk_by_successes,
		[SORT_SUPPORT] = add_walk_by_support,
		[SORT_NAME] = add_walk_by_name,
	};

	walks[sort_of(r)](r, sql);
}

/* Where text= is asked and no other order is. */
static bool is_by_relevance(const struct resolving *r)
{
	return said(r, KEY_TEXT) && !said(r, KEY_SORT) && !said(r, KEY_WITH) && !pf_query_of_components(r->query);
}

/* How many are put in order at the end; the first of them are the results. */
static int64_t pool_of(const struct resolving *r)
{
	int64_t limit = pf_query_limit(r->query);

	return is_by_relevance(r) && limit < TEXT_POOL ? TEXT_POOL : limit;
}

/* FROM and WHERE of all patterns that the query is about, or of the walk. */
static void add_from(const struct resolving *r, bool walk, bool candidates, pf_text *sql)
{
	if (walk) {
		pf_text_puts(sql, " FROM walk x CROSS JOIN code_patterns p ON p.id = x.id WHERE 1");
		if (sort_of(r) == SORT_CONFIDENCE)
			pf_text_puts(sql, " AND p.failure_count = 0 AND p.success_count > 0");
		add_filters(r, false, sql);
		return;
	}
	if (candidates) {
		pf_text_puts(sql, " FROM candidates x CROSS JOIN code_patterns p ON p.id = x.id WHERE 1");
		add_live(r, "p", sql);
		add_scope(r, "p", sql);
	} else {
		pf_text_puts(sql, " FROM directories d CROSS JOIN code_patterns p");
		add_index(r, sort_of(r) == SORT_RECENT || sort_of(r) == SORT_NAME, sql);
		pf_text_puts(sql, " ON p.scope = d.scope WHERE d.patterns > 0");
		add_live(r, "p", sql);
		add_scope(r, "d", sql);
	}
	add_filters(r, false, sql);
}

/* The path and the confidence are made of these (pattern_of), for SQL takes longer. */
#define PATTERN_COLUMNS                                                                                                \
	"p.id, p.file_name, p.pattern_type, p.category, p.subcategory, p.component_type, p.success_count,"             \
	" p.failure_count, x.lift, p.mtime, x.found, p.pattern_name, p.component_name, p.confidence_lower_bound,"      \
	" p.component_count, p.breadth, p.pattern_signature, template_length(p.pattern_data)"

static void patterns_sql(const struct resolving *r, enum retrieval_how how, pf_text *sql)
{
	const char *between = add_ctes(r, false, sql);
	bool walk = is_walk(r, how);
	bool recent = r->source < 0 && is_recent(r, how), from = r->source >= 0 || recent;
	const char *order =
		said(r, KEY_WITH) && !said(r, KEY_SORT) ? pattern_order_by_lift : pattern_orders[sort_of(r)];

	pf_text_puts(sql, between);
	if (walk)
		add_walk(r, sql);
	if (from) {
		pf_text_puts(sql, "candidates (id, lift, together) AS (");
		if (recent)
			add_recent(r, sql);
		else
			pf_text_puts(sql, keys[r->source].from);
		pf_text_puts(sql, ")");
	}
	pf_text_puts(sql, walk || from ? ", " : "");
	pf_text_puts(sql, "best (id, lift, together) AS (SELECT p.id, ");
	pf_text_puts(sql, from ? "x.lift, x.together" : "0, 0");
	add_from(r, walk, from, sql);
	if (!walk)
		add_clause(sql, " ORDER BY ", order);
	/* Used once: what is used twice is not run as far as needed, but to its end. A join goes in its left side's
	 * order. */
	add_clause(sql, " LIMIT :pool) SELECT " PATTERN_COLUMNS " FROM (SELECT *, ",
		   is_partial(r, how) ? "count(*) OVER ()" : "0");
	pf_text_puts(sql, " AS found FROM best) x CROSS JOIN code_patterns p ON p.id = x.id");
	if (is_by_relevance(r))
		add_clause(sql, " ORDER BY ", pattern_order_by_relevance);
	pf_text_puts(sql, " LIMIT :limit");
}

/* True where the directories' sums know how many patterns there are. */
static bool is_summed(const struct resolving *r)
{
	for (int i = 0; i < QUERY_KEYS; i++)
		if (said(r, (enum key)i) && keys[i].where && i != KEY_CONFIDENCE)
			return false;
	return true;
}

static void count_patterns_sql(const struct resolving *r, pf_text *sql)
{
	const char *between;

	if (is_summed(r)) {
		/* A word of the table of bands. */
		pf_text_printf(sql, "SELECT coalesce(sum(d.%s), 0) FROM directories d WHERE 1",
			       said(r, KEY_CONFIDENCE) ? said(r, KEY_CONFIDENCE) : "patterns");
		add_scope(r, "d", sql);
		return;
	}
	between = add_ctes(r, false, sql);
	if (r->source >= 0) {
		add_clause(sql, between, "candidates (id, lift, together) AS (");
		pf_text_puts(sql, keys[r->source].from);
		pf_text_puts(sql, ") ");
	}
	pf_text_puts(sql, " SELECT count(*)");
	add_from(r, false, r->source >= 0, sql);
}

#define COMPONENT_COLUMNS                                                                                              \
	"c.id, coalesce(c.entry_name, c.component_name), 'components/' || coalesce(c.entry_name, c.component_name),"   \
	" c.category, c.subcategory, c.component_type, c.success_count, c.failure_count, c.confidence_score, c.mtime," \
	" NULL, c.success_score, x.similarity"

/* What the keys ask of a component's place, of a row `k` of component_places, behind " AND"s. */
static const struct {
	enum key key;
	const char *where;
} place_keys[] = {
	{ KEY_CATEGORY, " AND k.category = :category_text" },
	{ KEY_SUBCATEGORY, " AND k.subcategory = :subcategory_text" },
	{ KEY_COMPONENT_TYPE, " AND k.component_type = :component_type_text" },
};
enum { PLACE_KEYS = sizeof place_keys / sizeof *place_keys };

static void add_places(const struct resolving *r, pf_text *sql)
{
	for (size_t i = 0; i < PLACE_KEYS; i++)
		if (said(r, place_keys[i].key))
			pf_text_puts(sql, place_keys[i].where);
}

/* True where no other key narrows components. */
static bool is_placed(const struct resolving *r)
{
	for (int i = 0; i < QUERY_KEYS; i++) {
		bool place = false;

		for (size_t at = 0; at < PLACE_KEYS; at++)
			place |= place_keys[at].key == (enum key)i;
		if (said(r, (enum key)i) && keys[i].component_where && !place)
			return false;
	}
	return true;
}

/* Whether nothing narrows what similar_to= finds. */
static bool is_similar_alone(const struct resolving *r)
{
	for (int i = 0; i < QUERY_KEYS; i++)
		if (i != KEY_SIMILAR_TO && said(r, (enum key)i) && keys[i].component_where)
			return false;
	return said(r, KEY_SIMILAR_TO);
}

/* How many of each place that share nothing are looked at: those that rank first, where nothing else chooses. */
static int64_t fill_of(const struct resolving *r)
{
	int64_t limit = pf_query_limit(r->query), least = strtoll(SIMILAR_COMPONENTS, NULL, 10);

	if (pf_query_of_components(r->query) && (!is_similar_alone(r) || sort_of(r) != SORT_RANK))
		return INT64_MAX;
	return limit > least ? limit : least;
}

/*
 * The first few of each category, which one index has in the order of the ranking, or of each place where one
 * subcategory is asked for; behind that, the first few of these.
 */
static void add_ranked_components(const struct resolving *r, pf_text *sql)
{
	bool places = said(r, KEY_SUBCATEGORY) != NULL;

	pf_text_puts(sql, places ? " FROM (SELECT k.category, k.component_type FROM component_places k WHERE 1"
				 : " FROM (SELECT DISTINCT k.category FROM component_places k WHERE 1");
	add_places(r, sql);
	pf_text_puts(sql, ") k CROSS JOIN components c ON c.id IN (SELECT c.id FROM components c INDEXED BY ");
	pf_text_puts(sql, places ? "components_by_place WHERE c.category = k.category AND"
				   " c.component_type = k.component_type"
				 : "components_ranking WHERE c.category = k.category");
	add_filters(r, true, sql);
	pf_text_puts(sql, " ORDER BY " COMPONENT_RANK("c") " LIMIT :limit)");
}

static void add_components(const struct resolving *r, bool count, pf_text *sql)
{
	/* In order, as far as results are wanted. */
	static const char *const indexes[SORT_COUNT] = {
		[SORT_CONFIDENCE] = " FROM components c INDEXED BY components_by_confidence WHERE 1",
		[SORT_RECENT] = " FROM components c INDEXED BY components_by_time WHERE 1",
		[SORT_SUPPORT] = " FROM components c INDEXED BY components_by_support WHERE 1",
		[SORT_NAME] = " FROM components c INDEXED BY sqlite_autoindex_components_1 WHERE 1",
	};

	if (r->source >= 0) {
		pf_text_puts(sql, " FROM candidates x CROSS JOIN components c ON c.id = x.id WHERE 1");
	} else if (!count && sort_of(r) == SORT_RANK) {
		add_ranked_components(r, sql);
		return;
	} else if (!count && indexes[sort_of(r)] && r->components > r->few) {
		pf_text_puts(sql, indexes[sort_of(r)]);
	} else {
		pf_text_puts(sql, said(r, KEY_CATEGORY) ? " FROM components c INDEXED BY components_by_place WHERE 1"
							: " FROM components c WHERE 1");
	}
	add_filters(r, true, sql);
}

static void components_sql(const struct resolving *r, pf_text *sql)
{
	const char *between = add_ctes(r, true, sql);
	const char *order = said(r, KEY_SIMILAR_TO) && !said(r, KEY_SORT) ? component_order_by_similarity
									  : component_orders[sort_of(r)];

	if (r->source >= 0) {
		add_clause(sql, between, "candidates (id, tier, similarity) AS (");
		pf_text_puts(sql, keys[r->source].component_from);
		pf_text_puts(sql, ")");
		between = ", ";
	}
	add_clause(sql, between, "best (id, tier, similarity) AS MATERIALIZED (SELECT c.id, ");
	pf_text_puts(sql, r->source >= 0 ? "x.tier, x.similarity" : "0, 0");
	add_components(r, false, sql);
	add_clause(sql, " ORDER BY ", order);
	pf_text_puts(sql, " LIMIT :limit) SELECT " COMPONENT_COLUMNS
			  " FROM best x CROSS JOIN components c ON c.id = x.id ORDER BY ");
	pf_text_puts(sql, order);
}

static void count_components_sql(const struct resolving *r, pf_text *sql)
{
	const char *between;

	if (is_placed(r)) {
		pf_text_puts(sql, "SELECT coalesce(sum(k.components), 0) FROM component_places k WHERE 1");
		add_places(r, sql);
		return;
	}
	between = add_ctes(r, true, sql);
	if (is_similar_alone(r)) {
		/* All of its own place but itself, and of the others those that share something. */
		pf_text_puts(sql, " SELECT (SELECT sum(k.components) - 1 FROM me m CROSS JOIN component_places k"
				  " ON k.category = m.category AND k.subcategory = coalesce(m.subcategory, ''))"
				  " + (SELECT count(*) FROM alike WHERE tier = 1)");
		return;
	}
	if (r->source >= 0) {
		add_clause(sql, between, "candidates (id, tier, similarity) AS (");
		pf_text_puts(sql, keys[r->source].component_from);
		pf_text_puts(sql, ")");
	}
	pf_text_puts(sql, " SELECT count(*)");
	add_components(r, true, sql);
}

/* ---- running ---- */

/* How many rows of a walk may be directories' beginnings, beside as many patterns as it may go through. */
static int64_t beginnings_of(const struct resolving *r)
{
	return r->directories < r->walk ? r->directories : r->walk;
}

static void bind(const struct resolving *r, struct query *q)
{
	for (int i = 0; i < QUERY_KEYS; i++) {
		char name[64];

		if (!said(r, (enum key)i))
			continue;
		snprintf(name, sizeof name, ":%s_text", query_key_names[i]);
		query_named_text(q, name, i == KEY_WITH ? r->with.bytes : said(r, (enum key)i));
		snprintf(name, sizeof name, ":%s", query_key_names[i]);
		if (i == KEY_TEXT)
			query_named_text(q, name, r->match.bytes);
		else if (keys[i].resolve)
			query_named_int(q, name, r->ids[i]);
		else
			query_named_real(q, name, r->query->values[i].number);
	}
	if (said(r, KEY_TEXT))
		query_named_text(q, ":words", r->words.bytes);
	query_named_int(q, ":limit", pf_query_limit(r->query));
	query_named_int(q, ":pool", pool_of(r));
	query_named_int(q, ":walk", r->walk + (sort_of(r) == SORT_RECENT ? 0 : beginnings_of(r)));
	query_named_int(q, ":fill", fill_of(r));
	query_named_int(q, ":ahead", r->ahead);
	query_named_int(q, ":least", r->least);
}

/* How many candidates KEY has, at most as many as one more than LIMIT. */
static int count_candidates(struct resolving *r, enum key key, int limit, int *count, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text sql = { 0 };

	if (keys[key].cte)
		add_clause(&sql, "WITH ", keys[key].cte);
	add_clause(&sql, " SELECT count(*) FROM (", keys[key].from);
	pf_text_puts(&sql, " LIMIT :few)");
	if (sql.failed)
		return no_memory(err);
	__attribute__((cleanup(query_end))) struct query q = query_made(r->conn, sql.bytes);
	bind(r, &q);
	query_named_int(&q, ":few", limit + 1);
	int rc = query_row(&q, err);

	*count = rc > 0 ? (int)column_int(&q, 0) : 0;
	return rc < 0 ? rc : 0;
}

static bool is_only_source(const struct resolving *r, enum key key)
{
	for (int i = 0; i < QUERY_KEYS; i++)
		if (i != (int)key && said(r, (enum key)i) && keys[i].pick == PICK_FEW)
			return false;
	return true;
}

static int choose_pattern_source(struct resolving *r, enum retrieval_how how, pf_err *err)
{
	bool filtering = may_filter(r, how);
	/* To look at more than there are in all is never worth it. */
	int limit = !filtering ? INT32_MAX - 1 : r->patterns < r->few ? (int)r->patterns : r->few, least = limit;

	for (size_t i = 0; i < sizeof first_sources / sizeof *first_sources; i++) {
		if (said(r, first_sources[i])) {
			r->source = (int)first_sources[i];
			return 0;
		}
	}
	for (int i = 0; i < QUERY_KEYS; i++) {
		int count, rc;

		if (!said(r, (enum key)i) || keys[i].pick != PICK_FEW)
			continue;
		if (filtering && i == KEY_TEXT && r->is_frequent)
			continue;
		/* To be counted they are read anyway, where none lies elsewhere. */
		if ((!filtering || (how == RETRIEVE_COUNT && keys[i].scope)) && is_only_source(r, (enum key)i)) {
			r->source = i;
			return 0;
		}
		rc = count_candidates(r, (enum key)i, least, &count, err);
		if (rc < 0)
			return rc;
		if (count <= least) {
			least = count;
			r->source = i;
		}
	}
	return 0;
}

static void choose_component_source(struct resolving *r)
{
	for (size_t i = 0; i < sizeof component_sources / sizeof *component_sources; i++) {
		if (said(r, component_sources[i])) {
			r->source = (int)component_sources[i];
			return;
		}
	}
}

/* Whether a key narrows to directories. */
static bool is_scoped(const struct resolving *r)
{
	for (int i = 0; i < QUERY_KEYS; i++)
		if (said(r, (enum key)i) && keys[i].scope)
			return true;
	return false;
}

/* How many patterns or components there are, but for the other keys. */
static int count_in_scope(struct resolving *r, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text sql = { 0 };
	bool components = pf_query_of_components(r->query);

	if (components) {
		pf_text_puts(&sql, "SELECT sum(k.components) FROM component_places k WHERE 1");
		add_places(r, &sql);
	} else {
		pf_text_puts(&sql, "SELECT sum(d.patterns), count(*) FROM directories d WHERE d.patterns > 0");
		add_scope(r, "d", &sql);
	}
	if (sql.failed)
		return no_memory(err);
	__attribute__((cleanup(query_end))) struct query q = query_made(r->conn, sql.bytes);
	bind(r, &q);
	int rc = query_row(&q, err);

	*(components ? &r->components : &r->patterns) = rc > 0 ? column_int(&q, 0) : 0;
	r->directories = rc > 0 && !components ? column_int(&q, 1) : 0;
	return rc < 0 ? rc : 0;
}

/* Everything that the statement needs to know; R is zeroed but for its first members. */
static int resolve(struct resolving *r, pf_err *err)
{
	int rc = 0;

	r->source = -1;
	r->walk = WALK_LIMIT;
	for (int i = 0; i < QUERY_KEYS && rc == 0; i++)
		if (said(r, (enum key)i) && keys[i].resolve)
			rc = keys[i].resolve(r, (enum key)i, err);
	return rc;
}

static int choose_source(struct resolving *r, enum retrieval_how how, pf_err *err)
{
	if (!pf_query_of_components(r->query))
		return choose_pattern_source(r, how, err);
	choose_component_source(r);
	return 0;
}

static void make_sql(const struct resolving *r, enum retrieval_how how, pf_text *sql)
{
	if (pf_query_of_components(r->query) && how == RETRIEVE_COUNT)
		count_components_sql(r, sql);
	else if (pf_query_of_components(r->query))
		components_sql(r, sql);
	else if (how == RETRIEVE_COUNT)
		count_patterns_sql(r, sql);
	else
		patterns_sql(r, how, sql);
}

/* ---- results ---- */

static pf_result common_of(struct query *q)
{
	return (pf_result){
		.id = column_int(q, 0),
		.name = column_text(q, 1),
		.category = column_text(q, 3),
		.subcategory = column_text(q, 4),
		.component_type = column_text(q, 5),
		.success = column_int(q, 6),
		.failure = column_int(q, 7),
		.mtime = column_int(q, 9),
	};
}

static void put_path(const pf_result *pattern, pf_text *path)
{
	const char *const parts[] = { pattern->category, pattern->component_type, pattern->pattern_type,
				      pattern->name };

	pf_text_reset(path);
	for (int i = 0; i < 4; i++) {
		pf_text_puts(path, i ? "/" : "");
		pf_text_puts(path, parts[i] ? parts[i] : "");
	}
}

/* PATH is made anew. */
static pf_result pattern_of(struct query *q, pf_text *path)
{
	pf_result result = common_of(q);

	result.pattern_type = column_text(q, 2);
	result.lift = column_real(q, 8);
	result.pattern_name = column_text(q, 11);
	result.component_name = column_text(q, 12);
	result.lower_bound = column_real(q, 13);
	result.component_count = column_int(q, 14);
	result.breadth = column_int(q, 15);
	result.signature = column_text(q, 16);
	result.template_length = column_int(q, 17);
	result.confidence = confidence_score(result.success, result.failure);
	result.success_score = NAN;
	put_path(&result, path);
	result.path = path->bytes;
	return result;
}

static pf_result component_of(struct query *q)
{
	pf_result result = common_of(q);

	result.path = column_text(q, 2);
	result.confidence = column_real(q, 8);
	result.success_score = column_is_null(q, 11) ? NAN : column_real(q, 11);
	result.similarity = column_real(q, 12);
	return result;
}

/* Its path is made of these; a link to it must not lead elsewhere. */
static bool has_place(struct query *q, bool is_component, const pf_result *result)
{
	size_t bytes = result->name ? (size_t)sqlite3_column_bytes(q->stmt, 1) : 0;

	if (is_component)
		return name_is_learned(result->name, bytes);
	return name_is_pattern(result->name, bytes) && pf_category_name_valid(result->category) &&
	       pf_component_type_number(result->component_type) && pf_pattern_type_number(result->pattern_type);
}

/* 1 where the walk went as far as it may and found too little. */
static int run(struct resolving *r, enum retrieval_how how, int (*each)(void *arg, const pf_result *result), void *arg,
	       pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text sql = { 0 }, path = { 0 };
	bool components = pf_query_of_components(r->query);
	bool cut = !components && is_partial(r, how);
	int rc;

	make_sql(r, how, &sql);
	if (sql.failed)
		return no_memory(err);
	__attribute__((cleanup(query_end))) struct query q = query_made(r->conn, sql.bytes);
	bind(r, &q);
	search_start_walk(r->conn->search);
	rc = query_row(&q, err);
	if (cut && rc >= 0 && (rc == 0 || column_int(&q, 10) < pool_of(r))) {
		r->found = rc ? column_int(&q, 10) : 0;
		return 1;
	}
	for (; rc > 0; rc = query_row(&q, err)) {
		pf_result result = components ? component_of(&q) : pattern_of(&q, &path);

		if (path.failed)
			return no_memory(err);
		rc = query_check(&q, err);
		if (rc < 0)
			return rc;
		if (!result.path || !has_place(&q, components, &result))
			continue;
		if (each(arg, &result))
			return 0;
	}
	return rc;
}

/* 1 where a key leaves fewer than a walk ahead would look at; to ask the index of words would cost more than that. */
static int leaves_few(struct resolving *r, pf_err *err)
{
	int count, rc = 0;

	for (int i = 0; i < QUERY_KEYS && rc == 0; i++) {
		if (!said(r, (enum key)i) || keys[i].pick != PICK_FEW || i == KEY_TEXT)
			continue;
		rc = count_candidates(r, (enum key)i, WALK_AHEAD, &count, err);
		if (rc == 0 && count <= WALK_AHEAD)
			rc = 1;
	}
	return rc;
}

/* Whether to walk a little before candidates are counted: where some may be, and the walk's beginning costs little. */
static bool may_run_ahead(const struct resolving *r, enum retrieval_how how)
{
	bool any = false;

	for (size_t i = 0; i < sizeof first_sources / sizeof *first_sources; i++)
		if (said(r, first_sources[i]))
			return false;
	for (int i = 0; i < QUERY_KEYS; i++)
		any |= said(r, (enum key)i) && keys[i].pick == PICK_FEW;
	if (!any || pf_query_of_components(r->query) || !is_walk(r, how))
		return false;
	return said(r, KEY_TEXT) || (sort_of(r) == SORT_RANK && pool_of(r) <= WALK_AHEAD &&
				     (is_by_turns(r) || r->directories <= FEW_DIRECTORIES));
}

/*
 * A walk of a few steps. One for text= by rank goes on from there where it found enough: as far as any walk goes, and
 * that is all there is to walk. 1 where that was not enough, or was not to be tried.
 */
static int run_ahead(struct resolving *r, enum retrieval_how how, int (*each)(void *arg, const pf_result *result),
		     void *arg, pf_err *err)
{
	int rc = may_run_ahead(r, how) ? leaves_few(r, err) : 1;
	int64_t pool = pool_of(r), ahead = WALK_AHEAD + 2 * (pool < WALK_AHEAD ? pool : WALK_AHEAD);

	if (rc != 0 || r->patterns <= ahead)
		return rc < 0 ? rc : 1;
	r->least = FREQUENT * (int64_t)r->few * ahead / r->patterns + 1;
	if (said(r, KEY_TEXT) && sort_of(r) == SORT_RANK)
		r->ahead = ahead;
	else
		r->walk = ahead;
	rc = run(r, how, each, arg, err);
	r->is_frequent = rc == 1 && said(r, KEY_TEXT) && search_found(r->conn->search) >= r->least;
	r->is_walked = r->is_frequent && r->ahead;
	r->walk = WALK_LIMIT;
	r->ahead = 0;
	return rc;
}

/* The same for what is recent: as many of the last events as it takes. */
static int run_recent(struct resolving *r, enum retrieval_how how, int (*each)(void *arg, const pf_result *result),
		      void *arg, pf_err *err)
{
	int rc;

	r->walk = WINDOW_FIRST + 4 * pf_query_limit(r->query);
	do {
		rc = run(r, how, each, arg, err);
		r->walk *= WINDOW_GROWTH;
	} while (rc == 1 && r->walk <= r->patterns / WINDOW_SHARE);
	r->walk = WALK_LIMIT;
	return rc;
}

int retrieve(pf_store *store, const pf_query *query, enum retrieval_how how, int few,
	     int (*each)(void *arg, const pf_result *result), void *arg, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);
	__attribute__((
		cleanup(resolving_free))) struct resolving r = { .conn = lease.conn, .query = query, .few = few };

	if (rc == 0)
		rc = resolve(&r, err);
	if (rc == 0)
		rc = count_in_scope(&r, err);
	if (rc == 0)
		rc = run_ahead(&r, how, each, arg, err);
	if (rc <= 0)
		return rc;
	if (!r.is_walked)
		rc = choose_source(&r, how, err);
	if (rc == 0)
		rc = is_recent(&r, how) ? run_recent(&r, how, each, arg, err) : run(&r, how, each, arg, err);
	if (rc <= 0)
		return rc;
	rc = choose_source(&r, RETRIEVE_SORTED, err);
	return rc < 0 ? rc : run(&r, RETRIEVE_SORTED, each, arg, err);
}

int retrieval_sql(pf_store *store, const pf_query *query, enum retrieval_how how, int few, pf_text *sql, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);
	__attribute__((
		cleanup(resolving_free))) struct resolving r = { .conn = lease.conn, .query = query, .few = few };

	if (rc == 0)
		rc = resolve(&r, err);
	if (rc == 0)
		rc = count_in_scope(&r, err);
	if (rc == 0)
		rc = choose_source(&r, how, err);
	if (rc < 0)
		return rc;
	make_sql(&r, how, sql);
	return sql->failed ? no_memory(err) : 0;
}

int pf_store_query(pf_store *store, const pf_query *query, int (*each)(void *arg, const pf_result *result), void *arg,
		   pf_err *err)
{
	return retrieve(store, query, RETRIEVE_BEST, RETRIEVAL_FEW, each, arg, err);
}

int pf_store_query_known(pf_store *store, const pf_query *query, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);
	__attribute__((cleanup(resolving_free))) struct resolving r = { .conn = lease.conn, .query = query };

	return rc == 0 ? resolve(&r, err) : rc;
}

int pf_store_query_count(pf_store *store, const pf_query *query, int64_t *count, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text sql = { 0 };
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);
	__attribute__((cleanup(resolving_free))) struct resolving r = { .conn = lease.conn,
									.query = query,
									.few = INT32_MAX - 1 };

	*count = 0;
	if (rc == 0)
		rc = resolve(&r, err);
	if (rc == 0 && is_scoped(&r))
		rc = count_in_scope(&r, err);
	if (rc == 0)
		rc = choose_source(&r, RETRIEVE_COUNT, err);
	if (rc < 0)
		return rc;
	make_sql(&r, RETRIEVE_COUNT, &sql);
	if (sql.failed)
		return no_memory(err);
	__attribute__((cleanup(query_end))) struct query q = query_made(r.conn, sql.bytes);
	bind(&r, &q);
	rc = query_row(&q, err);
	*count = rc > 0 ? column_int(&q, 0) : 0;
	return rc < 0 ? rc : 0;
}

/*
 * The last event's id, for every change makes an event; but changes by hand
 * only once they are adopted: until then their patterns' times are added.
 */
int store_version(struct connection *conn, int64_t *version, int64_t *mtime, pf_err *err)
{
	int rc;

	*version = *mtime = 0;
	QUERY(last, conn, STMT_HISTORY_LAST);
	rc = query_row(&last, err);
	if (rc > 0) {
		*version = column_int(&last, 0);
		*mtime = column_int(&last, 1);
	}
	if (rc < 0)
		return rc;
	QUERY(edits, conn, STMT_HAND_EDITS);
	rc = query_row(&edits, err);
	if (rc > 0) {
		*version = (int64_t)((uint64_t)*version + (uint64_t)column_int(&edits, 0));
		if (column_int(&edits, 1) > *mtime)
			*mtime = column_int(&edits, 1);
	}
	return rc < 0 ? rc : 0;
}

int pf_store_version(pf_store *store, int64_t *version, int64_t *mtime, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);

	*version = *mtime = 0;
	return rc < 0 ? rc : store_version(lease.conn, version, mtime, err);
}
