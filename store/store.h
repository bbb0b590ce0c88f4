/*
 * The store: what was learned, in one database file.
 *
 * It speaks of patterns, components, sightings, verdicts and submissions; no
 * SQL, no database type and no FUSE type crosses this header, so that another
 * engine can stand behind it.
 *
 * Threads. Every pf_store_* function may be called from any thread at any time:
 * each call leases a read connection of its own for as long as it lasts and
 * sees one consistent snapshot; readers never wait for the writer. Callbacks
 * run while the lease is held: they must not call back into the store.
 * A pf_txn belongs to the one thread that began it; a second pf_txn_begin, in
 * this process or another, waits (see pf_txn_begin).
 *
 * Results. 0 or a count on success, minus an errno value on failure, with the
 * sentence in ERR. ENOENT: no such thing. EIO: the database failed, ERR has its
 * words; ENOSPC, EROFS, ENOMEM likewise. EBUSY: another process holds the
 * write lock for too long.
 *
 * Times are nanoseconds since the Unix epoch. A change moves the time of what
 * it changed to a strictly later one, also where the clock stands still or
 * steps back.
 */
#ifndef PF_STORE_H
#define PF_STORE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "extract.h"
#include "text.h"

typedef struct pf_store pf_store;

enum pf_sync { PF_SYNC_FULL, PF_SYNC_NORMAL };

typedef struct pf_store_options {
	bool read_only;
	enum pf_sync sync;
	pf_extract_limits limits; /* for submissions; max_source also bounds every file under incoming/ */
} pf_store_options;

/*
 * Opens the database at PATH, makes it (mode 0600) where it is absent, and
 * brings an older schema up to date. NULL and ERR where that cannot be; the
 * sentence names PATH and says what to do: EINVAL not a patternfs database, or
 * a newer schema; EUCLEAN corrupt; EACCES, EROFS, EISDIR, ENOENT, …
 * On a read-only disk open again with read_only. No connection survives fork():
 * open after it.
 */
pf_store *pf_store_open(const char *path, const pf_store_options *options, pf_err *err);
/* Checkpoints and closes. No call may be under way. NULL is fine. */
void pf_store_close(pf_store *store);

/* ---- Looking after a database, mounted or not; by its path, without opening it as a store ---- */

/*
 * Looks whether the database at PATH is whole, and changes nothing: its pages, schema and references; counts against
 * sightings and history, sums, sizes, names; the index of words. EACH gets a finding, a line without its newline,
 * until it returns non-zero. 0 where it could be looked at, whatever was found; EINVAL where it is not of this
 * patternfs, EUCLEAN where nothing of it can be read, ENOENT, EACCES, …
 */
int pf_store_check(const char *path, int (*each)(void *arg, const char *finding), void *arg, pf_err *err);
/*
 * Copies the database at PATH, as it is now, whoever writes to it meanwhile, to FILE: made here (mode 0600), on the disk
 * when this returns, and removed where it fails. EEXIST; EINTR where STOP (may be NULL) became true meanwhile.
 */
int pf_store_backup(const char *path, const char *file, const volatile sig_atomic_t *stop, pf_err *err);

/* ---- Scopes: the directories CATEGORY/COMPONENT_TYPE/PATTERN_TYPE and their parents ---- */

/*
 * A scope packs (category id, component type, pattern type), each 0 for "any":
 * 0 is everything, (c,0,0) a category, (c,t,0) a component type, (c,t,p) a
 * directory of pattern files. Category ids never change nor come again.
 */
typedef int64_t pf_scope;

static inline pf_scope pf_scope_make(int64_t category, int component_type, int pattern_type)
{
	/* Unsigned, for what a hostile database calls a category may be below 0. */
	return (pf_scope)((uint64_t)category << 8) | component_type << 4 | pattern_type;
}
static inline int64_t pf_scope_category(pf_scope scope)
{
	return scope >> 8;
}
static inline int pf_scope_component_type(pf_scope scope)
{
	return (int)(scope >> 4 & 15);
}
static inline int pf_scope_pattern_type(pf_scope scope)
{
	return (int)(scope & 15);
}

typedef struct pf_totals {
	int64_t patterns;	   /* live ones: neither archived nor without a component */
	int64_t success, failure;  /* sums over them */
	int64_t high, medium, low; /* by confidence: >= 0.9, >= 0.7, below */
	double confidence_sum;	   /* for the average */
	int64_t mtime;		   /* of the last change to any of them */
	int64_t children;	   /* directories right below that hold something */
} pf_totals;

/* ENOENT where the scope holds no live pattern (but scope 0 always exists). */
int pf_store_totals(pf_store *store, pf_scope scope, pf_totals *totals, pf_err *err);

/* The scope NAME right below PARENT ("ml", then "operator", then "import"); ENOENT. */
int pf_store_scope_find(pf_store *store, pf_scope parent, const char *name, pf_scope *scope, pf_err *err);
/* The scope's path from the root, "ml/operator/import", appended to OUT; nothing for 0. */
int pf_store_scope_path(pf_store *store, pf_scope scope, pf_text *out, pf_err *err);

typedef struct pf_scope_entry {
	pf_scope scope;
	const char *name; /* valid during the callback */
	int64_t mtime;
	int64_t children;
} pf_scope_entry;

/* Calls EACH for the directories right below PARENT, by ascending scope, until it returns non-zero. */
int pf_store_scope_list(pf_store *store, pf_scope parent, int (*each)(void *arg, const pf_scope_entry *entry),
			void *arg, pf_err *err);

/* ---- Patterns ---- */

typedef struct pf_pattern_entry {
	int64_t id;
	pf_scope scope;
	const char *name; /* file name, "dual_import-3f9a1c2e.json": unique in its directory for good */
	int64_t size;	  /* of its document, exact */
	int64_t mtime;
} pf_pattern_entry;

/* NAME in the directory SCOPE; entry->name is the caller's NAME. ENOENT, also where it is archived. */
int pf_store_pattern_find(pf_store *store, pf_scope scope, const char *name, pf_pattern_entry *entry, pf_err *err);
/* By id; entry->name is NULL. */
int pf_store_pattern_stat(pf_store *store, int64_t id, pf_pattern_entry *entry, pf_err *err);
/* Live patterns of the directory SCOPE with an id above AFTER, ascending, until EACH returns non-zero. */
int pf_store_pattern_list(pf_store *store, pf_scope scope, int64_t after,
			  int (*each)(void *arg, const pf_pattern_entry *entry), void *arg, pf_err *err);
/*
 * Has the disk fetch what all directories' listings are made of, for whoever is about to go through many: the calling
 * thread waits for a small part of it, and it is advice, that may come to nothing.
 */
int pf_store_prefetch_listings(pf_store *store, pf_err *err);
/*
 * The same, each with its document, and without their names; the store is read as it is at one moment. -ESTALE where its
 * last event is not EVENT then, or it was changed by hand and no event says so (pf_store_version).
 */
int pf_store_pattern_documents(pf_store *store, int64_t event, pf_scope scope, int64_t after,
			       int (*each)(void *arg, const pf_pattern_entry *entry, const pf_text *document),
			       void *arg, pf_err *err);
/* Appends the pattern's document; as long as its entry's size says. */
int pf_store_pattern_document(pf_store *store, int64_t id, pf_text *out, pf_err *err);
/* Appends pattern_data alone, the JSON object: for who has the rest from a query. */
int pf_store_pattern_data(pf_store *store, int64_t id, pf_text *out, pf_err *err);
/*
 * Takes the last name from the examples of DOCUMENT, a pattern's: what it was before the last component that shows the
 * pattern came, its counts apart. False where there is none.
 */
bool pf_document_drop_example(pf_text *document);

/* ---- Components ---- */

typedef struct pf_component_entry {
	int64_t id;
	const char *name;	  /* directory name under components/ (long class names are cut and get a hash) */
	int64_t source_size;	  /* of source.py */
	int64_t document_size;	  /* of component.json */
	int64_t record_size;	  /* of patterns.json */
	int64_t source_mtime;	  /* of the revision: source.py and patterns.json */
	int64_t mtime;		  /* of anything: component.json, outcome, the directory */
	int64_t success, failure; /* verdicts on the component itself */
	double confidence;	  /* success/(success+failure), 1.0 before the first verdict */
	int64_t patterns;	  /* live patterns it shows */
} pf_component_entry;

int pf_store_component_find(pf_store *store, const char *name, pf_component_entry *entry, pf_err *err);
int pf_store_component_stat(pf_store *store, int64_t id, pf_component_entry *entry, pf_err *err);
int pf_store_component_list(pf_store *store, int64_t after, int (*each)(void *arg, const pf_component_entry *entry),
			    void *arg, pf_err *err);
/* Number of components and the time of the last change to any of them. */
int pf_store_component_totals(pf_store *store, int64_t *count, int64_t *mtime, pf_err *err);

enum pf_component_text { PF_COMPONENT_SOURCE, PF_COMPONENT_DOCUMENT, PF_COMPONENT_RECORD };
/* Appends one of the component's three texts. */
int pf_store_component_text(pf_store *store, int64_t id, enum pf_component_text which, pf_text *out, pf_err *err);
/* Appends its main method as the record has it; nothing where it has none, or the record is longer than 256 KiB. */
int pf_store_component_method(pf_store *store, int64_t id, pf_text *out, pf_err *err);

/* The live patterns that component ID shows, by ascending pattern id above AFTER. */
int pf_store_component_patterns(pf_store *store, int64_t id, int64_t after,
				int (*each)(void *arg, const pf_pattern_entry *entry), void *arg, pf_err *err);
/* The one of them called NAME (pattern file names differ between pattern types too). */
int pf_store_component_pattern_find(pf_store *store, int64_t id, const char *name, pf_pattern_entry *entry,
				    pf_err *err);

/* ---- Retrieval ---- */

/*
 * A query is what a path of key=value directories says. Keys, each at most once, in any order:
 *
 *   category subcategory component_type pattern_type pattern_name library complexity
 *   component=NAME             what that component shows
 *   confidence=high|medium|low min_confidence=0..1 min_success_count=N min_success_score=X
 *   with=PATTERN               what succeeds together with it (a file name, with or without .json)
 *   similar_to=COMPONENT       the components most like it (of=patterns: what the ten most like it show)
 *   text=WORDS                 all of them, each the beginning of a word of a pattern's code, template, message, type
 *                              or name
 *   sort=rank|confidence|recent|support|name   of=patterns|components   limit=1..10000   budget=100..1000000
 *
 * Results are patterns, or components where `of` says so, or where it is not given and similar_to or
 * min_success_score is. Archived patterns are never among them. Of components: complexity, confidence and success
 * counts are their own, pattern_type, pattern_name and with ask for a pattern that they show, text for words of their
 * name or of a pattern that they show. Of patterns: min_success_score asks for a component that shows it, subcategory
 * and library are those of any that does; complexity is that of the component that it was first seen in. The name of
 * that component is none of a pattern's words: what two hundred components show is not about the first of them. Nor has
 * a pattern those of others that it is made of: structural_pattern, import_item, parameter_ordering_pattern and
 * template_fields_pattern have not the words of their code, and of parameters the template says but kinds.
 *
 * Orders; where all else is equal, what was learned first is first:
 *   rank        patterns: not trivial before trivial; then the lower bound of confidence (Wilson 1927), breadth,
 *               component_count. Components: success_score, then that bound of their verdicts, then patterns
 *   confidence  success/(success+failure), then success+failure; patterns: then breadth, component_count, and what is
 *               not trivial before what is
 *   recent      mtime
 *   support     patterns: component_count, then successes. Components: successes, then patterns
 *   name        of the file; of components, the class
 * Where the query does not say: with= orders patterns by lift, else text= by relevance, and similar_to= components by
 * likeness; all others go by rank.
 *
 * Relevance: of the patterns that have all the words, the first 50 by rank (or as many as the limit, where that is
 * more) in another order: not trivial before trivial, then R times the lower bound of confidence, then rank. So what is
 * asked for comes first where as much is known to work, and nothing that fails does. R, from 0 to 1, is the mean over the
 * words of t/(t + k1 (1 - b + b L/60)), k1 = 1.2, b = 0.75: BM25F (S. Robertson, H. Zaragoza, M. Taylor, "Simple BM25
 * extension to multiple weighted fields", CIKM 2004) without the inverse document frequency, for each result has each
 * of the words, and to count who else has them would read all of these. t is how often the pattern has the word, a word
 * that only begins with it counting half; what stands in its template (which all who show it have) or message counts
 * twice, in its code (which is one component's), type or name once. L is the length of all that in words, counted
 * likewise; 60, in place of the mean of all patterns, a number near that of real ones.
 *
 * Lift of two patterns a and b (S. Brin, R. Motwani, J. D. Ullman, S. Tsur, "Dynamic itemset counting and
 * implication rules for market basket data", SIGMOD 1997, there "interest"): s(a,b) N / (s(a) s(b)). N is the number
 * of successful verdicts that named 2 to 64 patterns, s(a) how many of these named a, s(a,b) how many both: 1 where
 * one says nothing of the other. b is a result where s(a,b) is 2 or more, and more than the failures that named
 * both. Where PATTERN is in several directories, each is an a, and the highest lift of b counts. (Verdicts of stores
 * made before this was counted are estimated from the pairs: s(a) as the largest s(a,b), N as the largest s(a).)
 *
 * Likeness of component B to A: components of A's category and subcategory come before others of its category.
 * Then the share of what A shows that B shows too, weighted by rarity: the sum of w(p) over the patterns p that
 * both show, divided by that over A's, from 0 to 1. w(p) = log2(M/n(p)) + 1, inverse document frequency (K. Spärck
 * Jones, "A statistical interpretation of term specificity and its application in retrieval", Journal of
 * Documentation 28, 1972), of the n(p) components that show p among the M of A's category and component type; those
 * alone can share a pattern with it. It is a share and no cosine, for the question is who shows what A needs: B is
 * not worse for showing more, and its other patterns need not be read. Of A's patterns the rarest are looked at, as
 * many as have 1,000 sightings together. Then the components' rank. Components of A's category and subcategory that
 * share nothing come behind those that share something, with similarity 0.
 *
 * Cost. What narrows to directories costs as much as there are directories and results, in every order of patterns:
 * by rank, where only those directories count that hold something which ranks as high, and by name; by confidence, as
 * long as enough of them never failed; by support, as long as enough were sighted more than once; recent, as long as the
 * last events were about enough of them (they are looked at one by one, at most an eighth as many as there are
 * patterns). So do other keys where what they ask for is not rare, and those that leave few patterns (at most 2,000)
 * cost these few. Else, and to count what other keys than directories narrow, an index of what is left is read.
 * Components cost their results and categories, in every order; similar_to= its 1,000
 * sightings; components that other keys leave are sorted.
 */
typedef struct pf_query pf_query;

enum { PF_QUERY_LIMIT = 100, PF_QUERY_BUDGET = 2000 }; /* where the query does not say */

/*
 * QUERY (NULL: everything) narrowed by PAIR, "key=value"; QUERY stays as it is. Checks the form alone, without
 * the store. NULL and EINVAL, with a sentence that names the keys or values there are, where PAIR is none, its key
 * is unknown or said already, or its value cannot be. The caller's to pf_query_free.
 */
pf_query *pf_query_narrow(const pf_query *query, const char *pair, pf_err *err);
void pf_query_free(pf_query *query); /* NULL is fine */
/* What the query says, or the default. */
bool pf_query_of_components(const pf_query *query);
int64_t pf_query_limit(const pf_query *query);
int64_t pf_query_budget(const pf_query *query); /* tokens */

/* A result; strings are valid during the callback. Of patterns and components, both: */
typedef struct pf_result {
	int64_t id;
	const char *name; /* of its file, or of its directory under components/ */
	const char *path; /* from the root: "ml/operator/import/dual_import-3f9a1c2e.json", "components/NAME" */
	const char *category, *subcategory, *component_type; /* subcategory may be NULL */
	int64_t success, failure;
	double confidence;
	int64_t mtime;
	/* of patterns */
	const char *pattern_type, *pattern_name, *component_name;
	double lower_bound;
	int64_t component_count, breadth; /* breadth: how many libraries or providers show it */
	const char *signature;
	int64_t template_length; /* bytes: the template in pattern_data is at least so long; 0: nothing is known */
	double lift;		 /* of with=, else 0 */
	/* of components */
	double success_score, similarity; /* success_score is NAN where nobody gave one; similarity: of similar_to= */
} pf_result;

/*
 * Runs the query: EACH gets the results, best first, at most as many as its limit, until it returns non-zero.
 * ENOENT, with a sentence, where the query names a category, subcategory, library, component or pattern that the
 * store does not know; EINVAL where text= holds no word.
 */
int pf_store_query(pf_store *store, const pf_query *query, int (*each)(void *arg, const pf_result *result), void *arg,
		   pf_err *err);
/* 0 where pf_store_query would run QUERY: what it names is there; at the cost of looking up these names alone. */
int pf_store_query_known(pf_store *store, const pf_query *query, pf_err *err);
/* How many results there are, whatever the limit. */
int pf_store_query_count(pf_store *store, const pf_query *query, int64_t *count, pf_err *err);
/*
 * A number that moves with every change to anything that results show (in this process or another): equal, so are
 * all results. *MTIME is when the last one was. What is changed by hand in the sqlite3 shell, of
 * patterns and components, counts at once.
 */
int pf_store_version(pf_store *store, int64_t *version, int64_t *mtime, pf_err *err);

/*
 * Examples: the source of patterns in components that a query is about. Which these are say category, component_type,
 * subcategory, library, component, min_success_score and similar_to (the ten most like it); where it says none of them,
 * it is about all. What EACH gets are the lines of a sighting, less the indent of the first: of the first 256
 * components that show the pattern, the best 4 of 16, where they are so few lines, and the source is no longer than
 * 256 KiB.
 *
 * A pf_examples belongs to one thread at a time; the query must outlive it.
 */
typedef struct pf_examples pf_examples;
pf_examples *pf_store_examples(pf_store *store, const pf_query *query, pf_err *err); /* as pf_store_query fails */
void pf_examples_free(pf_examples *examples);					     /* NULL is fine */
/* Whether the source in pattern_data is that of a component which the query is about, and which shows PATTERN still. */
int pf_examples_own(pf_examples *examples, int64_t pattern, bool *own, pf_err *err);
/* EACH gets those of at most LINES lines, best component first, until it returns non-zero. */
int pf_examples_each(pf_examples *examples, int64_t pattern, int lines, int (*each)(void *arg, const char *code),
		     void *arg, pf_err *err);

/* ---- Totals and history ---- */

/* Appends the document stats.json. */
int pf_store_stats_document(pf_store *store, pf_text *out, pf_err *err);
/* Size in bytes of history.jsonl and the time of its last event. */
int pf_store_history_stat(pf_store *store, int64_t *size, int64_t *mtime, pf_err *err);
/* Appends up to LEN bytes of it from OFFSET on, at the cost of those bytes alone. */
int pf_store_history_read(pf_store *store, int64_t offset, size_t len, pf_text *out, pf_err *err);

/*
 * The change feed: what happened after event *SINCE (0: from the beginning,
 * INT64_MAX: nothing, only learn where the feed stands), by this process or
 * another; *SINCE moves on. Each thing is reported once, whatever happened to it.
 */
enum pf_change_kind { PF_CHANGED_PATTERN, PF_CHANGED_COMPONENT };
typedef struct pf_change {
	enum pf_change_kind kind;
	int64_t id;
	pf_scope scope;	  /* a pattern's directory */
	const char *name; /* file name, or the component's directory name; valid during the callback */
	bool maybe_new;	  /* the name may not have been there before */
	bool gone;	  /* it is archived now, or no component shows it */
	bool resized;	  /* a pattern's document may have another length */
	bool rewritten;	  /* and not only by another example at its end */
	int64_t size;	  /* of a pattern's document now */
	int64_t mtime, source_mtime; /* a component's, as its entry has them now */
} pf_change;
int pf_store_changes(pf_store *store, int64_t *since, int (*each)(void *arg, const pf_change *change), void *arg,
		     pf_err *err);

/*
 * The prompt.md of the directory SCOPE as it was rendered at VERSION (its totals' mtime) in FORMAT (the renderer's own
 * number, another one whenever it would write something else): appends it, 1; or 0 where it is not kept. At most
 * PF_PROMPT_MAX bytes; what is longer is not kept.
 */
enum { PF_PROMPT_MAX = 64 << 10 };
int pf_store_prompt(pf_store *store, pf_scope scope, int64_t version, int format, pf_text *out, pf_err *err);

/*
 * The components most like COMPONENT, best first, as pf_txn_keep_similar was given them at VERSION, the caller's number
 * for the state of all components: 1; or 0 where they are not kept, or EACH answers non-zero: what it got is void then.
 */
enum { PF_SIMILAR_MAX = 10 };
int pf_store_similar(pf_store *store, int64_t component, int64_t version,
		     int (*each)(void *arg, int64_t id, const char *name), void *arg, pf_err *err);

/* Space of the file system that holds the database: what statvfs(2) answers for it. */
struct statvfs;
int pf_store_statvfs(pf_store *store, struct statvfs *out, pf_err *err);

/* ---- incoming/: files as people drop them ---- */

enum { PF_INCOMING = 1 }; /* the id of incoming/ itself */

typedef struct pf_file {
	int64_t id, parent; /* ids never come again */
	mode_t mode;	    /* S_IFDIR or S_IFREG, and permissions */
	int64_t uid, gid;   /* -1: who mounts */
	int64_t size;
	int64_t atime, mtime, ctime;
	int64_t subdirectories; /* of a directory, for its link count */
	bool orphan;		/* unlinked, but perhaps still open */
	char name[256];
} pf_file;

/* By name. A directory called key=value with a valid key and value is found without mkdir ("implicit"):
 * -ENOENT with *IMPLICIT set says that pf_txn_mkdir with IMPLICIT would make it. EINVAL: a known key with a bad
 * value; EILSEQ: NAME is not UTF-8. */
int pf_store_file_find(pf_store *store, int64_t parent, const char *name, pf_file *file, bool *implicit, pf_err *err);
int pf_store_file_stat(pf_store *store, int64_t id, pf_file *file, pf_err *err);
/* Children of PARENT with an id above AFTER, ascending; implicit directories only once they hold something. */
int pf_store_file_list(pf_store *store, int64_t parent, int64_t after, int (*each)(void *arg, const pf_file *file),
		       void *arg, pf_err *err);
/* Appends the content last committed (by pf_txn_write or pf_txn_close). */
int pf_store_file_content(pf_store *store, int64_t id, pf_text *out, pf_err *err);

/* Receipts and errors, `NAME.receipt.json` and `NAME.error` beside the submission NAME. */
enum pf_note_kind { PF_RECEIPT = 1, PF_ERROR };
typedef struct pf_note {
	int64_t id; /* never comes again */
	int64_t parent;
	enum pf_note_kind kind;
	int64_t size, mtime;
	bool listed; /* false once its submission was removed: found by name, so that rm succeeds, but not listed */
	char name[256];
} pf_note;
int pf_store_note_find(pf_store *store, int64_t parent, const char *name, pf_note *note, pf_err *err);
int pf_store_note_stat(pf_store *store, int64_t id, pf_note *note, pf_err *err);
/* Only listed ones. */
int pf_store_note_list(pf_store *store, int64_t parent, int64_t after, int (*each)(void *arg, const pf_note *note),
		       void *arg, pf_err *err);
int pf_store_note_text(pf_store *store, int64_t id, pf_text *out, pf_err *err);
/* True where NAME ends in .receipt.json or .error: such names cannot be created. */
bool pf_note_name(const char *name);

/*
 * What can be done for a submission before its turn in the write transaction,
 * on any thread: the parse. Decides by the file's name whether it is one.
 */
typedef struct pf_judgement pf_judgement;
/* NULL (and no error) where there is nothing to prepare: not a submission, or nothing new. Does not refuse: what
 * is wrong with CONTENT is remembered in the judgement, for pf_txn_close to say. */
pf_judgement *pf_store_judge(pf_store *store, pf_extractor *extractor, int64_t file, const char *content, size_t len);
void pf_judgement_free(pf_judgement *judgement); /* NULL is fine */

/* ---- Verdicts ---- */

enum pf_target_kind { PF_TARGET_PATTERN, PF_TARGET_COMPONENT, PF_TARGET_SCOPE };
typedef struct pf_target {
	enum pf_target_kind kind;
	int64_t id; /* of the pattern or component, or the pf_scope */
} pf_target;

typedef struct pf_verdict {
	bool success;
	const pf_target *targets; /* a pattern named several times, also through its component, counts once */
	size_t target_count;
	const char *note; /* UTF-8, or NULL */
} pf_verdict;

enum { PF_PAIRS_LIMIT = 64 }; /* pairs are counted where a verdict names at most so many patterns */

/* ---- Writing ---- */

typedef struct pf_txn pf_txn;

/*
 * Begins the write transaction. Waits for another process's for at most ten
 * seconds, then EBUSY. Each pf_txn_* below is atomic in itself: where it fails
 * it has changed nothing (except as pf_txn_close says) and the transaction goes
 * on; but after EIO, ENOSPC, ENOMEM or EROFS pf_txn_broken may be true: then
 * the whole transaction is gone, and only pf_txn_rollback is left.
 */
pf_txn *pf_txn_begin(pf_store *store, pf_err *err);
bool pf_txn_broken(const pf_txn *txn);
/* pf_store_changes, as it will be once TXN is committed. */
int pf_txn_changes(pf_txn *txn, int64_t *since, int (*each)(void *arg, const pf_change *change), void *arg,
		   pf_err *err);
/* Both end TXN and free it. After a successful commit everything is durable (with PF_SYNC_FULL). */
int pf_txn_commit(pf_txn *txn, pf_err *err);
void pf_txn_rollback(pf_txn *txn);

/*
 * The store as it was: what is committed at pf_store_remember is remembered until the next, or pf_store_forget; both
 * from the thread that writes. Between pf_store_look_back, where that is true, and pf_store_look_ahead the calling
 * thread, any one, reads what is remembered; one at a time, the others wait. False where nothing is, or the thread looks
 * back already.
 *
 * As long as something is remembered the log cannot be started over, and grows while others write: forget before
 * committing. Each time the log has grown by 64 MiB, pf_store_remember forgets once instead.
 */
int pf_store_remember(pf_store *store, pf_err *err);
void pf_store_forget(pf_store *store);
bool pf_store_look_back(pf_store *store);
void pf_store_look_ahead(pf_store *store);

/* True when another process has committed since this was last asked. Call only between transactions, from the
 * thread that writes. Cheap enough to be asked ten times a second. */
bool pf_store_foreign_commit(pf_store *store);

/*
 * Somebody may change patterns and components in the sqlite3 shell: their sizes,
 * times and totals are right at once, but no event says so. pf_store_edited: such changes
 * are there; pf_txn_adopt_edits makes events of them (`edited`, with the counts
 * after), so that the history and the change feed know.
 */
bool pf_store_edited(pf_store *store);
int pf_txn_adopt_edits(pf_txn *txn, pf_err *err);

/* All verdicts, or none. ENOENT where a target is not there; EINVAL where scope 0 is a target. */
int pf_txn_verdicts(pf_txn *txn, const pf_verdict *verdicts, size_t count, pf_err *err);
/* Keeps what pf_store_prompt is to answer, in the place of what it answered for SCOPE before. */
int pf_txn_keep_prompt(pf_txn *txn, pf_scope scope, int64_t version, int format, const char *content, size_t len,
		       pf_err *err);
/* Keeps what pf_store_similar is to answer of COMPONENT; more than PF_SIMILAR_MAX are not kept. */
int pf_txn_keep_similar(pf_txn *txn, int64_t component, int64_t version, const int64_t *ids, size_t count, pf_err *err);
/* Archives a pattern, for `rm`. */
int pf_txn_archive(pf_txn *txn, int64_t pattern, pf_err *err);

/* Like pf_store_file_stat, as TXN has it. */
int pf_txn_file_stat(pf_txn *txn, int64_t id, pf_file *file, pf_err *err);
/* EEXIST, ENOENT (no such parent), ENOTDIR, EPERM (a note's name), EILSEQ, EINVAL (bad key=value), ENAMETOOLONG. */
int pf_txn_mkdir(pf_txn *txn, int64_t parent, const char *name, mode_t mode, bool implicit, pf_file *made, pf_err *err);
int pf_txn_mkfile(pf_txn *txn, int64_t parent, const char *name, mode_t mode, pf_file *made, pf_err *err);
/* Files and notes alike; a file becomes an orphan: its content stays until pf_txn_forget. What was learned stays;
 * the file's notes are no longer listed. EISDIR; *REMOVED (may be NULL) says which file, 0 for a note. */
int pf_txn_unlink(pf_txn *txn, int64_t parent, const char *name, int64_t *removed, pf_err *err);
/* ENOTEMPTY; unlisted notes do not count. */
int pf_txn_rmdir(pf_txn *txn, int64_t parent, const char *name, pf_err *err);
/* Drops an orphan for good. Anything else: does nothing. */
int pf_txn_forget(pf_txn *txn, int64_t file, pf_err *err);

enum {
	PF_SET_MODE = 1,
	PF_SET_UID = 2,
	PF_SET_GID = 4,
	PF_SET_ATIME = 8,
	PF_SET_MTIME = 16,
};
/* Sets what MASK names, from VALUES; ctime moves. */
int pf_txn_setattr(pf_txn *txn, int64_t file, unsigned mask, const pf_file *values, pf_err *err);
/* Makes CONTENT the file's, without judging it (fsync, truncate by name). EFBIG. */
int pf_txn_write(pf_txn *txn, int64_t file, const char *content, size_t len, int64_t mtime, pf_err *err);

/*
 * A file that was written is closed: CONTENT becomes the file's, and where its
 * name is a submission's it is judged. JUDGEMENT is what pf_store_judge made
 * of the same content, or NULL: then the work is done here, with EXTRACTOR.
 *
 * Accepted, or not a submission: 0. Refused: minus the code (EINVAL, EILSEQ,
 * EFBIG, ETIMEDOUT) and the reason, in compiler form; the transaction goes on,
 * CONTENT is the file's all the same, and its error note says why. Orphans are
 * written, never judged.
 */
int pf_txn_close(pf_txn *txn, int64_t file, const char *content, size_t len, int64_t mtime, pf_extractor *extractor,
		 const pf_judgement *judgement, pf_err *err);
/* Refuses FILE with a reason of the caller's (its content is kept): the error note, as above. Returns -CODE. */
int pf_txn_refuse(pf_txn *txn, int64_t file, const char *content, size_t len, int64_t mtime, int code, const char *why,
		  pf_err *err);

/*
 * rename(2), with RENAME_NOREPLACE the only flag (EINVAL for others). What gets
 * a submission's name is judged before it moves (a directory with other
 * key=value: all below it): refused means not renamed, with the error note at
 * the new name. *REPLACED (may be NULL): the file that the new name held before,
 * an orphan now, or 0.
 */
int pf_txn_rename(pf_txn *txn, int64_t parent, const char *name, int64_t new_parent, const char *new_name,
		  unsigned flags, pf_extractor *extractor, int64_t *replaced, pf_err *err);

#endif
