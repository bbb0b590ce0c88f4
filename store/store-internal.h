/*
 * What the store's files share. The layers, from below:
 *
 *   log.c          how the log is written
 *   connection.c   one database connection, its cached statements, its errors
 *   statements.c   every statement, a row each
 *   schema.c       tables, a row a version
 *   store.c        the store: its writer, its pool of readers
 *   txn.c          the write transaction: savepoints, the clock
 *   the rest       one noun each
 *
 * Conventions. Functions return 0 or a count, minus an errno value on failure,
 * like the public ones. Those that only read take a `struct connection *`: the
 * writer's inside a transaction, a leased one outside.
 */
#ifndef PF_STORE_INTERNAL_H
#define PF_STORE_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"
#include "search.h"
#include "statements.h"
#include "store.h"

/* ---- connection.c ---- */

/* One thread's at a time. Statements are prepared at their first use and live as long as it does. */
enum { MADE_STATEMENTS = 32, STEADY = 64 };

struct connection {
	sqlite3 *db;
	sqlite3_stmt *stmts[STMT_COUNT];
	/* Those last used of the statements that retrieve.c assembles; `next_made` is replaced next. */
	sqlite3_stmt *made[MADE_STATEMENTS];
	int next_made;
	struct search *search;
	bool missed;		 /* a column had no text for want of memory; the writer's: since its savepoint began */
	struct connection *next; /* in the pool; under the store's pool_lock */
	/* A reader's, see lease_begin(): */
	bool unmapped;
	int64_t commits; /* the store's, when it was leased last */
	int steady;	 /* leases since then without a commit between, as far as STEADY */
};

enum connection_mode { CONNECTION_WRITER, CONNECTION_READER, CONNECTION_IMMUTABLE };

int connection_open(const char *path, enum connection_mode mode, enum pf_sync sync, struct connection **conn,
		    pf_err *err);
/* An empty database of its own, in memory. */
int connection_open_memory(struct connection **conn, pf_err *err);
/* Whether to wait for other processes' locks, ten seconds at the most, or not at all. An SQLite code. */
int connection_wait(struct connection *conn, bool patiently);
void connection_close(struct connection *conn);
/* Whether a reader maps the file. */
int connection_map(struct connection *conn, bool map, pf_err *err);
/* Records what the database says of the failure RC (an SQLite result), and returns minus the errno value for it. */
int connection_fail(struct connection *conn, int rc, pf_err *err);
/* From here on nothing fires on CONN: it does itself what its changes ask for. Foreign keys are kept all the same. */
int connection_without_triggers(struct connection *conn, pf_err *err);
/* Runs SQL, any number of statements, without results. */
int connection_exec(struct connection *conn, const char *sql, pf_err *err);
/* The one integer that SQL answers. Returns an SQLite result. */
int connection_ask(struct connection *conn, const char *sql, int64_t *answer);

/*
 * A statement, borrowed from its connection: leaving the scope resets and
 * unbinds it. Values are bound in the order of their parameters; a bind that
 * fails is remembered and reported by the step. Bound texts and blobs are not
 * copied: they must outlive the query. No statement may be borrowed twice at
 * the same time from one connection.
 */
struct query {
	struct connection *conn;
	sqlite3_stmt *stmt; /* NULL where it could not be prepared: rc says why */
	int bound;
	int rc;
};

struct query query_start(struct connection *conn, enum stmt id);
/* One that is no row of stmt_sql[]. Its values are bound by name. */
struct query query_made(struct connection *conn, const char *sql);
void query_end(struct query *q);
/* Prepares ID, so that running it needs little memory, if any. */
int query_ready(struct connection *conn, enum stmt id, pf_err *err);
#define QUERY(q, conn, id) __attribute__((cleanup(query_end))) struct query q = query_start(conn, id)

void query_int(struct query *q, int64_t value);
void query_real(struct query *q, double value);
void query_null(struct query *q);
void query_text(struct query *q, const char *text); /* NULL binds null */
void query_text_len(struct query *q, const char *text, size_t len);
void query_blob(struct query *q, const char *bytes, size_t len);
/* The value of NAME (":limit"), of which the statement may have no use. */
void query_named_int(struct query *q, const char *name, int64_t value);
void query_named_real(struct query *q, const char *name, double value);
void query_named_text(struct query *q, const char *name, const char *text);
/* The next row: 1, or 0 where there is none, or minus an errno value. */
int query_row(struct query *q, pf_err *err);
/* Whether all columns asked for were there; for reading queries that are not asked for another row. ENOMEM. */
int query_check(struct query *q, pf_err *err);
/* Runs a statement that answers nothing: 0, or minus an errno value. */
int query_run(struct query *q, pf_err *err);
/* Runs one that inserts a row; *ID is the row's. */
int query_insert(struct query *q, int64_t *id, pf_err *err);
/* Resets it and forgets what is bound, to be run again. */
void query_again(struct query *q);

static inline int64_t column_int(struct query *q, int i)
{
	return sqlite3_column_int64(q->stmt, i);
}
static inline double column_real(struct query *q, int i)
{
	return sqlite3_column_double(q->stmt, i);
}
/*
 * A column had no text: where that is for want of memory, the query's next row is a failure, and so is the end of the
 * writer's savepoint.
 */
void query_missed(struct query *q);
/* Valid until the next step; NULL for null, and where memory ran out. */
static inline const char *column_text(struct query *q, int i)
{
	const char *text = (const char *)sqlite3_column_text(q->stmt, i);

	if (!text)
		query_missed(q);
	return text;
}
static inline bool column_is_null(struct query *q, int i)
{
	return sqlite3_column_type(q->stmt, i) == SQLITE_NULL;
}
/*
 * The text of a column that is a name: false, and NAME is NULL, where it cannot stand in a directory (see names.c), and
 * where memory ran out.
 */
static inline bool column_name(struct query *q, int i, bool (*fits)(const char *name, size_t bytes), const char **name)
{
	const char *text = column_text(q, i);
	bool is_name = text && fits(text, (size_t)sqlite3_column_bytes(q->stmt, i));

	*name = is_name ? text : NULL;
	return is_name;
}
/* Appends a text or blob column. ENOMEM. */
int column_append(struct query *q, int i, pf_text *out, pf_err *err);

/*
 * A + B, or the number nearest to it: what a database says of counts and times, a hostile one among them, is added to.
 */
static inline int64_t add_capped(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/* Memory ran out in a pf_text or an allocation. */
int no_memory(pf_err *err);

/* ---- log.c ---- */

/* By whom a writer's files are opened (a VFS); NULL: as usual. */
const char *log_vfs(void);
/* What a transaction of DB, which log_vfs() opened, has gathered goes with it when it is rolled back. */
void log_drop(sqlite3 *db);

/* ---- schema.c ---- */

/* Checks that CONN holds a database of patternfs; makes the tables, or brings them up to date, where WRITABLE:
 * then *UPGRADED is set. */
int schema_ready(struct connection *conn, const char *path, bool writable, bool *upgraded, pf_err *err);
/* The migrations that are missing, up to version TO. */
int schema_upgrade(struct connection *conn, int to, pf_err *err);
/* The statements that make VERSION (from 1) of the one before it, NULL behind the last; NULL: there is no such version. */
const char *const *schema_migration(int version);
/* The first half of that: whether it is of this patternfs at all. EINVAL. */
int schema_identify(struct connection *conn, const char *path, pf_err *err);
/* All of it, in an empty database. */
int schema_make(struct connection *conn, pf_err *err);
/* Words the failure RC (an SQLite result) of the first look into PATH. */
int schema_unreadable(struct connection *conn, const char *path, int rc, pf_err *err);

/* ---- model.c ---- */

/* The rows of sqlite_schema that the migrations make, up to one whose type is NULL; written by make-model.c. */
struct model_row {
	const char *type, *name, *table, *sql;
};
extern const struct model_row model_rows[];
extern const int model_rows_version;
#define MODEL_OF_SCHEMA "SELECT type, name, tbl_name, sql FROM main.sqlite_schema ORDER BY rowid"

enum model_part {
	MODEL_ALL,     /* all is there, and as it was made; and: */
	MODEL_FOREIGN, /* nothing of others that would act, or be taken for ours */
};
/*
 * Compares CONN's schema with what the migrations up to VERSION make. Indexes, tables and views of others are
 * tolerated, for they do nothing by themselves. EUCLEAN what is missing or changed, EINVAL what is foreign; the
 * sentence names PATH and the object.
 */
int model_compare(struct connection *conn, const char *path, int version, enum model_part part, pf_err *err);

/* ---- confidence.c ---- */

struct counts {
	int64_t success, failure, components;
};

enum { RATIO_ROOM = 8 };

/* The Wilson score interval's lower bound at 95 %. */
double wilson_lower_bound(int64_t success, int64_t failure);
/* success/(success + failure); 0 where there is neither. */
double confidence_score(int64_t success, int64_t failure);
/* A ratio from 0 to 1 as documents have it: three decimals, no zeros at the end but one. Returns its length. */
int ratio_print(double ratio, char text[RATIO_ROOM]);
/* By how many bytes a pattern's document grows; BOUND is the lower bound that it had before. */
int64_t document_growth(const struct counts *before, double bound, const struct counts *after);
/* How many spaces follow the counts in a document, so that it is as long whatever they are. */
int document_gap(const struct counts *counts, double bound);
/* How many bytes the counts take there, and these. */
int counts_room(const struct counts *counts, double bound);
/* How many digits NUMBER has, its sign included. */
int digits_of(int64_t number);

/* ---- store.c ---- */

struct pf_store {
	char *path;
	pf_store_options options;
	enum connection_mode reader_mode;
	pthread_mutex_t pool_lock;
	struct connection *idle; /* readers that nobody leases; under pool_lock */
	int64_t commits;	 /* of this process; under pool_lock */
	pthread_mutex_t past_lock;
	struct connection *past; /* in the snapshot that is remembered; under past_lock */
	/* The writing thread's: */
	char *log_path;
	int64_t log_limit; /* bytes */
	pthread_mutex_t writer_lock;
	struct connection *writer;  /* NULL where read-only; under writer_lock */
	struct connection *watcher; /* asked for foreign commits: the writer, or a reader of its own; that thread's */
	int64_t data_version;	    /* as last seen by pf_store_foreign_commit; the writing thread's */
};

/* A reader, leased; leaving the scope gives it back and ends its snapshot. */
struct lease {
	pf_store *store;
	struct connection *conn;
	bool past; /* the one that remembers, which stays where it is */
};
#define LEASE __attribute__((cleanup(lease_end))) struct lease
int lease_begin(pf_store *store, struct lease *lease, pf_err *err);
/* The same, for several statements that must agree. */
int lease_snapshot(pf_store *store, struct lease *lease, pf_err *err);
void lease_end(struct lease *lease);

/* A transaction was committed. */
void store_committed(pf_store *store);
/* A connection of its own that reads the database at PATH; the caller's to close. */
int store_peek(const char *path, struct connection **conn, pf_err *err);
size_t store_max_source(const pf_store *store);

/* ---- prefetch.c ---- */

/* BYTES at OFFSET of the database's file will be read soon. */
typedef void prefetch_advise(void *arg, int64_t offset, int64_t bytes);
/*
 * Gives advice of the pages of the B-tree of an index, but its root, with as little waiting for the disk as it takes.
 * CONN is in a snapshot. ENOMEM.
 */
int prefetch_tree(struct connection *conn, int64_t root, prefetch_advise *advise, void *arg, pf_err *err);

/* ---- place.c ---- */

/* EACCES where others may have put there what lies at PATH, or beside it, or on the way to it. */
int place_judge(const char *path, pf_err *err);
/*
 * Answers in the system's words what SQLite would call "unable to open", after place_judge. Makes the file where it is
 * not there and may be. Does not open one that is there: closing it again would drop the locks that another store of
 * this process holds on it (POSIX).
 */
int place_check(const char *path, bool read_only, pf_err *err);
/* That PATH cannot be opened, for the reason CODE. */
int place_refuse(const char *path, int code, bool writing, pf_err *err);

/* Of names: the longest, with room for a suffix, and where one of a class is cut. */
enum { NAME_LIMIT = 255, NAME_ROOM = NAME_LIMIT + 8, NAME_CUT = 200 };

/* ---- txn.c ---- */

/* What is to be added to a directory's totals. */
struct totals_change {
	pf_scope scope;
	int64_t patterns, success, failure, high, medium, low, confidence_ppb;
	int64_t best; /* no pattern that changed ranks higher */
	int64_t at;
};
enum { TOTALS_ROOM = 32 };

/* What a pattern's event was about. */
struct changed_pattern {
	int64_t id;
	pf_scope scope;
	int64_t components; /* before */
	int64_t sighted;    /* how many more there are since */
	int64_t size;	    /* of its document, since */
	size_t order;	    /* of the telling */
	char file_name[128];
};

/* A component that is new. */
struct new_component {
	int64_t id, at;
	char entry[NAME_CUT + 1];
};

/* The write transaction; it holds the store's writer_lock. */
struct pf_txn {
	pf_store *store;
	struct connection *conn;
	int64_t now;		/* the latest time given out */
	bool history_known;	/* whether the next two hold; not after a savepoint was rolled back */
	int64_t history_id;	/* of the last event */
	int64_t history_end;	/* where its line ends */
	int64_t history_before; /* the last event of before */
	bool of_components;	/* there are events that concern components */
	/* The events of patterns, each of which changed_add() tells of, or UNTOLD is set: see pf_txn_changes(). */
	struct changed_pattern *changed;
	uint32_t changed_count, changed_room;
	int64_t pattern_events, told_events;
	bool untold;
	/* The same of components: all events are of those that are new here, or ANOTHER is set. */
	struct new_component *made;
	uint32_t made_count, made_room;
	int64_t learning; /* the new one that is being learned; or 0 */
	bool another;
	bool broken;	   /* the database gave the whole transaction up */
	int64_t unwritten; /* what the connection counted of changed rows at the beginning */
	int savepoints;	   /* that did not end yet; the outer ones were not made: see savepoint_begin() */
	int unmade;
	int64_t pattern_id; /* the last one, likewise */
	bool patterns_known;
	int64_t component_id; /* the same */
	bool components_known;
	struct sightings *sightings;		  /* pending: see sightings.c */
	struct totals_change totals[TOTALS_ROOM]; /* pending: see totals_change() */
	size_t totals_count;
};

/* A time later than any other that this database has seen. */
int64_t txn_tick(pf_txn *txn);
/* Fills what TXN knows of the last event. */
int txn_read_last_event(pf_txn *txn, pf_err *err);

/* Savepoints nest as C scopes do. */
int savepoint_begin(pf_txn *txn, pf_err *err);
/* Ends it: released where RC is not negative, else rolled back. Returns RC, or what failed in ending it. */
int savepoint_end(pf_txn *txn, int rc, pf_err *err);

/* ---- names.c ---- */

#define RECEIPT_SUFFIX ".receipt.json"
#define ERROR_SUFFIX   ".error"

/* NAME itself where it has at most NAME_CUT bytes; else cut at a character, with a hash of the whole. */
void name_cut(const char *name, char cut[NAME_CUT + 1]);
/* What a name under incoming/ stands for. */
enum file_role { ROLE_PLAIN, ROLE_SUBMISSION, ROLE_METADATA };
enum file_role file_role(const char *name);
/* NAME.py of NAME.json, and the other way round. BUFFER has room: the name has its extension. */
void name_of_source(const char *metadata, char buffer[NAME_ROOM]);
void name_of_metadata(const char *source, char buffer[NAME_ROOM]);
/*
 * What a listing may show of the names that a database holds, for it may not be the store's own writing: BYTES long,
 * one name in UTF-8, not too long. Given under incoming/; learned (no control characters, and room for what queries
 * put before it); a pattern's file, which no other file of its directory is called.
 */
enum { LEARNED_LIMIT = 240 };
bool name_is_given(const char *name, size_t bytes);
bool name_is_learned(const char *name, size_t bytes);
bool name_is_pattern(const char *name, size_t bytes);
/* Refuses what cannot be a file's name. */
int name_check(const char *name, pf_err *err);
/* NAME with control characters replaced, for one line of a message. */
const char *name_shown(const char *name, char buffer[NAME_ROOM]);

/* ---- metadata.c ---- */

/* What somebody said of a submission, in NAME.json or in its path. Zeroed: nothing. */
struct metadata {
	char category[65];
	char subcategory[65];
	int component_type;
	bool has_success_score;
	double success_score;
	char *generation; /* NAME.json's other members, pretty JSON as it stands in component.json; NULL: no NAME.json
			   */
};

void metadata_free(struct metadata *metadata);
/* Reads a directory's name: 1 and METADATA where it is key=value, 0 where it is not, EINVAL where the value is bad. */
int metadata_from_name(const char *name, struct metadata *metadata, pf_err *err);
/* Reads NAME.json. EINVAL with the reason in compiler form. */
int metadata_from_json(const char *name, const char *text, size_t len, struct metadata *metadata, pf_err *err);
/* What BELOW leaves open is taken from ABOVE. */
void metadata_inherit(struct metadata *below, const struct metadata *above);
bool metadata_equal(const struct metadata *a, const struct metadata *b);
/* In one line, to remember it. */
void metadata_print(const struct metadata *metadata, pf_text *out);

/* ---- history.c ---- */

enum event {
	EVENT_SUBMITTED, /* a component: new, or its next revision */
	EVENT_MOVED,	 /* a component: to another category, subcategory or type */
	EVENT_DESCRIBED, /* a component: other metadata changed */
	EVENT_SIGHTED,
	EVENT_WITHDRAWN,
	EVENT_SUCCESS,
	EVENT_FAILURE,
	EVENT_ARCHIVED,
	EVENT_RESTORED,
	EVENT_EDITED,
};

struct occurrence {
	enum event event;
	int64_t at;
	int64_t pattern_id; /* 0: none */
	const char *pattern_path;
	int64_t component_id; /* 0: none */
	const char *component_name;
	const char *note;
	int64_t success, failure; /* afterwards */
};
int history_add(pf_txn *txn, const struct occurrence *what, pf_err *err);
/* EVENTS events of a pattern that were, or are to be, added: it was sighted, or judged; nothing else. */
void changed_add(pf_txn *txn, const struct changed_pattern *changed, int64_t events);
/* A component is in its place: the one that TXN said is being learned. */
void changed_made(pf_txn *txn, const struct new_component *made);
/* There are no events yet. */
void changed_forget(pf_txn *txn);

/* ---- patterns.c ---- */

/* What else a sighting changes. */
struct pattern_extra {
	int64_t breadth;     /* added */
	const bool *trivial; /* NULL: as it was */
	const pf_text *data; /* NULL: as it was; else GROWTH is by how many bytes it is longer */
	int64_t growth;
};
/* By how many bytes its document grows. */
int64_t pattern_growth(const struct counts *before, double bound, const struct counts *after,
		       const struct pattern_extra *extra);
/* Gives pattern ID other counts; BOUND is the lower bound that it had. What follows from them follows. */
int pattern_put_counts(pf_txn *txn, int64_t id, const struct counts *before, double bound, const struct counts *after,
		       const struct pattern_extra *extra, int64_t at, pf_err *err);

/* A growing array of ids. */
struct ids {
	int64_t *ids;
	uint32_t count, room;
};
#define IDS __attribute__((cleanup(ids_free))) struct ids
void ids_free(struct ids *ids);
int ids_add(struct ids *ids, int64_t id, pf_err *err);
void ids_sort_unique(struct ids *ids);

/* ---- sightings.c ---- */

/* A pattern that a submission sights. */
struct sighted {
	struct sighted *next;
	pf_scope scope;
	char signature[33];
	int64_t id; /* 0: it has no row yet */
	bool archived;
	struct counts row, now; /* as its row has them, and with what was sighted since */
	double bound;		/* as its row has it, as for the next */
	int64_t size;		/* of its document */
	/* What the row does not have yet: */
	bool changed, trivial;
	int64_t breadth, at;
	const char *libraries; /* of the component that showed it last; borrowed */
	char file_name[128];
	char path[384];
};
/* What TXN knows of the pattern: 1, or 0 where this is the first that it hears of it, all zeros. */
int sighted_find(pf_txn *txn, pf_scope scope, const char *signature, struct sighted **found, pf_err *err);
/* Writes what is not written yet, and forgets all: from here on rows may be changed otherwise. */
int sightings_flush(pf_txn *txn, pf_err *err);
void sightings_forget(pf_txn *txn);
/* Tells of S, which COMPONENTS components showed before, and whose document has SIZE bytes by now (changed_add). */
void sighted_tell(pf_txn *txn, const struct sighted *s, int64_t components, int64_t size);

/* ---- libraries.c ---- */

/* Which libraries a component's new revision involves, and the one before did not; and the other way round. */
struct libraries_change {
	struct ids came, went;
};
void libraries_change_free(struct libraries_change *change);
/* The ids of the libraries that the JSON array NAMES names, ascending; made where they are not there. */
int libraries_load(struct connection *conn, const char *names, struct ids *ids, pf_err *err);
/* The component involved BEFORE, and involves AFTER now. */
int libraries_of_component(pf_txn *txn, int64_t component, const struct ids *before, const struct ids *after,
			   struct libraries_change *change, pf_err *err);
/* A component that involves LIBRARIES shows the pattern; shows it no longer, but COMPONENTS do. *BREADTH is added to. */
int libraries_sighted(pf_txn *txn, int64_t pattern, const struct ids *libraries, int64_t *breadth, pf_err *err);
int libraries_withdrawn(pf_txn *txn, int64_t pattern, int64_t components, const struct ids *libraries, int64_t *breadth,
			pf_err *err);
/* It showed the pattern and still does, but its libraries changed. */
int libraries_kept(pf_txn *txn, int64_t pattern, const struct libraries_change *change, pf_err *err);

/* ---- search.c; see also search.h ---- */

void search_free(struct search *search);
/* LAST is the newest pattern: indexes what is not, where that is enough for a batch. */
int search_catch_up(pf_txn *txn, int64_t last, pf_err *err);
/* Indexes anew what was reworded by hand. */
int search_adopt_edits(pf_txn *txn, pf_err *err);

/* ---- query.c ---- */

enum key {
	KEY_CATEGORY,
	KEY_SUBCATEGORY,
	KEY_COMPONENT_TYPE,
	KEY_PATTERN_TYPE,
	KEY_PATTERN_NAME,
	KEY_LIBRARY,
	KEY_COMPONENT,
	KEY_COMPLEXITY,
	KEY_CONFIDENCE,
	KEY_MIN_CONFIDENCE,
	KEY_MIN_SUCCESS_COUNT,
	KEY_MIN_SUCCESS_SCORE,
	KEY_WITH,
	KEY_SIMILAR_TO,
	KEY_TEXT,
	KEY_SORT,
	KEY_LIMIT,
	KEY_BUDGET,
	KEY_OF,
	QUERY_KEYS,
};

enum sort { SORT_RANK, SORT_CONFIDENCE, SORT_RECENT, SORT_SUPPORT, SORT_NAME, SORT_COUNT };

struct query_value {
	char *text;    /* NULL: the query does not say */
	double number; /* where it is one, or a name's number */
};

struct pf_query {
	struct query_value values[QUERY_KEYS];
};

static inline bool query_has(const pf_query *query, enum key key)
{
	return query->values[key].text != NULL;
}
extern const char *const query_key_names[QUERY_KEYS];

/* ---- retrieve.c ---- */

/* How many of those most like a component count where their patterns are asked for. */
#define SIMILAR_COMPONENTS "10"
/* Another one whenever others would be most like a component: what was kept (similar.c) is then asked for again. */
enum { SIMILAR_FORMAT = 1 };
#define COMPONENT_RANK(a) a ".success_score DESC, " a ".verdict_bound DESC, " a ".pattern_count DESC, " a ".id"

/* pf_store_version as CONN sees it, in a snapshot. */
int store_version(struct connection *conn, int64_t *version, int64_t *mtime, pf_err *err);

enum retrieval_how {
	RETRIEVE_BEST,	 /* few candidates are sorted, many walked in the order of the ranking */
	RETRIEVE_SORTED, /* all are sorted */
	RETRIEVE_COUNT,
};
/* A key with more than FEW candidates filters, instead of giving them; 0 or below: RETRIEVAL_FEW. */
enum { RETRIEVAL_FEW = 2000 };
/* The SQL that runs QUERY, appended. */
int retrieval_sql(pf_store *store, const pf_query *query, enum retrieval_how how, int few, pf_text *sql, pf_err *err);
int retrieve(pf_store *store, const pf_query *query, enum retrieval_how how, int few,
	     int (*each)(void *arg, const pf_result *result), void *arg, pf_err *err);

/* ---- examples.c ---- */

/* What pf_examples_own or else pf_examples_each runs: for tests. */
const char *examples_sql(const pf_examples *e, bool own);

/* ---- document.c ---- */

struct document {
	int64_t id;
	const char *component_name, *pattern_type, *pattern_name, *category;
	const char *subcategory; /* or NULL */
	const char *component_type, *complexity_range;
	struct counts counts;
	double bound;
	const char *signature, *libraries, *data;
};

/* The only maker of pattern documents; the view pattern_sizes of the schema says how long one is. */
void document_render(const struct document *document, pf_text *out);
/* How long it makes the document of a row that the store itself made. */
int64_t document_length(const struct document *document);
/* pattern_data of a new pattern, from the extractor's FIELDS; it ends in a line of examples, none so far. */
int pattern_data_start(const char *fields, pf_text *data, pf_err *err);
enum { EXAMPLES = 3 };
/* PATTERN's data to DATA, with its examples, so many at the most, anew from the sightings; how much longer it is. */
int pattern_examples(struct connection *conn, int64_t pattern, pf_text *data, int64_t *growth, pf_err *err);

/* ---- scopes.c ---- */

/* The scopes at and below SCOPE. */
void scope_range(pf_scope scope, int64_t *first, int64_t *last);
/*
 * A pattern of the directory SCOPE changed: its counts BEFORE, or NULL where it
 * was not live, and AFTER. Gathered in TXN; totals_flush() writes them, a row a
 * directory, before the savepoint ends.
 */
int totals_change(pf_txn *txn, pf_scope scope, const struct counts *before, const struct counts *after, int64_t at,
		  pf_err *err);
int totals_flush(pf_txn *txn, pf_err *err);
/* The id of a category, made where MAKE and it is not there; ENOENT. */
int category_id(struct connection *conn, const char *name, bool make, int64_t *id, pf_err *err);

/* ---- files.c ---- */

/* A file as the store sees it. */
struct file_row {
	pf_file file;
	bool implicit, listed, judged;
	int64_t children;
	int64_t source_id;
};

int file_load(struct connection *conn, int64_t id, struct file_row *row, pf_err *err);
int file_load_named(struct connection *conn, int64_t parent, const char *name, struct file_row *row, pf_err *err);
/* Like file_load, for a directory: ENOTDIR. */
int directory_load(struct connection *conn, int64_t id, struct file_row *row, pf_err *err);
int file_content(struct connection *conn, int64_t id, pf_text *out, pf_err *err);
/* Makes CONTENT the file's own, or (put_source) that of an accepted source. */
int file_put_content(pf_txn *txn, int64_t id, const char *content, size_t len, int64_t mtime, bool judged, pf_err *err);
int file_put_source(pf_txn *txn, int64_t id, int64_t source, size_t len, int64_t mtime, pf_err *err);
/* A file or component refers to SOURCE no longer. */
int source_release(pf_txn *txn, int64_t source, pf_err *err);
/* The path below incoming/ of NAME in PARENT. */
int file_path(struct connection *conn, int64_t parent, const char *name, pf_text *out, pf_err *err);
/* What the directories from PARENT upwards say. */
int directory_metadata(struct connection *conn, int64_t parent, struct metadata *metadata, pf_err *err);
/*
 * Going up from directory to directory; in a hostile file they may be in each other. Zeroed: at the beginning. EUCLEAN
 * where DIRECTORY was met before, which every second doubling of the steps finds (R. P. Brent, "An improved Monte Carlo
 * factorization algorithm", BIT 20, 1980).
 */
struct climb {
	int64_t mark;
	uint64_t steps, until;
};
int climb(struct climb *climb, int64_t directory, pf_err *err);
/* A listed child came to PARENT (CHANGE 1) or went (-1): counts, times, and whether implicit directories show. */
int directory_changed(pf_txn *txn, int64_t parent, int change, bool is_directory, pf_err *err);
int file_orphan(pf_txn *txn, const struct file_row *row, pf_err *err);
int directory_remove(pf_txn *txn, const struct file_row *row, pf_err *err);

/* ---- notes.c ---- */

int note_put(pf_txn *txn, int64_t parent, const char *subject, enum pf_note_kind kind, const char *text, size_t len,
	     pf_err *err);
int note_drop(pf_txn *txn, int64_t parent, const char *subject, enum pf_note_kind kind, pf_err *err);
/* The submission is gone: its notes are listed no longer. */
int notes_unlist(pf_txn *txn, int64_t parent, const char *subject, pf_err *err);
/* Removes the note called NAME: 1, or 0 where there is none. */
int note_remove(pf_txn *txn, int64_t parent, const char *name, pf_err *err);

/* ---- submission.c ---- */

/*
 * Judges the file ID, whose name and place are in the database already. Where
 * its content comes with it, that is CONTENT (and becomes the file's where it
 * is accepted); else CONTENT is NULL and what the file has is judged.
 * REFUSED is set where a negative result is the submission's fault.
 */
struct judging {
	pf_extractor *extractor;
	const pf_judgement *judgement; /* or NULL */
	const char *content;
	size_t len;
	int64_t mtime;
	bool refused;
};
int submission_judge(pf_txn *txn, int64_t id, struct judging *judging, pf_err *err);
/* The error note of NAME in PARENT: WHY, and a newline. */
int submission_blame(pf_txn *txn, int64_t parent, const char *name, const char *why, pf_err *err);

/* ---- learn.c ---- */

/* A component from an accepted source. */
struct lesson {
	const pf_component *component;
	const struct metadata *said;
	int64_t source_id;
	size_t source_size;
	const char *path; /* of the submission */
	pf_json *receipt; /* gets an object */
};
int learn_component(pf_txn *txn, const struct lesson *lesson, pf_err *err);

/* ---- components.c ---- */

/* A component, as a receipt has it. */
struct component_head {
	const char *name, *category, *subcategory, *component_type;
	int64_t revision;
	const char *previous_file;
};
void receipt_component(pf_json *receipt, const struct component_head *head);
void receipt_pattern(pf_json *receipt, const char *path, const char *type, const char *name, int64_t first_line,
		     int64_t last_line, bool is_new);
/* There are MORE components of TYPE (0: as many, but some changed). */
int components_count(pf_txn *txn, const char *type, int more, int64_t at, pf_err *err);
/* The same of a place; SUBCATEGORY may be NULL. */
int components_count_place(pf_txn *txn, const char *category, const char *type, const char *subcategory, int more,
			   pf_err *err);
/* PATTERN, which lies at PATH, is archived (SIGN -1), or is not any longer (1): its components' documents say so. */
int components_pattern_came(pf_txn *txn, int64_t pattern, const char *path, int sign, int64_t at, pf_err *err);

#endif
