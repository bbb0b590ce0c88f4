/*
 * Words: which a pattern has, and which a query asks for. Both are told apart
 * by the tokenizer of the full-text index itself, so that all agree.
 *
 * The index is written in batches: each batch makes a segment of it, however
 * small, and segments must be merged. A pattern that is not indexed yet is
 * looked at itself (has_words), so that no query misses it.
 */
#include "search.h"

#include <math.h>
#include <stdio.h>

#include "store-internal.h"

enum { TEXT_WORDS = 128, TEXT_BATCH = 256 };

/* The words that a query asks for. */
struct wanted {
	const char *words[TEXT_WORDS];
	int lengths[TEXT_WORDS];
	int count;
};

struct search {
	fts5_tokenizer methods;
	Fts5Tokenizer *tokenizer;
	int64_t steps, found; /* of a walk: see search_start_walk() */
};

typedef int each_token(void *arg, int flags, const char *token, int len, int start, int end);

static int tokenize(struct search *search, const char *text, size_t len, void *arg, each_token *each)
{
	return search->methods.xTokenize(search->tokenizer, arg, FTS5_TOKENIZE_DOCUMENT, text, (int)len, each);
}

/* ---- words of a query ---- */

struct splitting {
	pf_text *words, *match;
	int count;
};

static int add_word(void *arg, int flags, const char *token, int len, int start, int end)
{
	struct splitting *s = arg;

	(void)flags, (void)start, (void)end;
	if (len <= 0)
		return SQLITE_OK;
	pf_text_puts(s->words, s->count ? " " : "");
	pf_text_add(s->words, token, (size_t)len);
	/* A token holds letters and digits alone. */
	pf_text_puts(s->match, s->count ? " AND \"" : "\"");
	pf_text_add(s->match, token, (size_t)len);
	pf_text_puts(s->match, "\"*");
	return ++s->count == TEXT_WORDS ? SQLITE_DONE : SQLITE_OK;
}

int search_words(struct connection *conn, const char *text, pf_text *words, pf_text *match, pf_err *err)
{
	struct splitting s = { .words = words, .match = match };
	int rc = tokenize(conn->search, text, strlen(text), &s, add_word);

	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		return connection_fail(conn, rc, err);
	return words->failed || match->failed ? no_memory(err) : s.count;
}

/* ---- has_words(text, words) ---- */

struct looking {
	struct wanted wanted;
	bool found[TEXT_WORDS];
	int missing;
};

static void split_words(struct wanted *wanted, const char *words)
{
	wanted->count = 0;
	while (*words && wanted->count < TEXT_WORDS) {
		size_t len = strcspn(words, " ");

		wanted->words[wanted->count] = words;
		wanted->lengths[wanted->count++] = (int)len;
		words += len + (words[len] == ' ');
	}
}

/* Whether the wanted word I is how TOKEN begins. */
static bool begins(const struct wanted *wanted, int i, const char *token, int len)
{
	return wanted->lengths[i] <= len && memcmp(wanted->words[i], token, (size_t)wanted->lengths[i]) == 0;
}

static int look_at(void *arg, int flags, const char *token, int len, int start, int end)
{
	struct looking *l = arg;

	(void)flags, (void)start, (void)end;
	for (int i = 0; i < l->wanted.count; i++) {
		if (l->found[i] || !begins(&l->wanted, i, token, len))
			continue;
		l->found[i] = true;
		l->missing--;
	}
	return l->missing ? SQLITE_OK : SQLITE_DONE;
}

static void has_words(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct connection *conn = sqlite3_user_data(context);
	const char *text = (const char *)sqlite3_value_text(values[0]);
	const char *words = (const char *)sqlite3_value_text(values[1]);
	struct looking l = { .missing = 0 };
	int rc;

	(void)count;
	if (!text || !words)
		return;
	split_words(&l.wanted, words);
	l.missing = l.wanted.count;
	rc = tokenize(conn->search, text, (size_t)sqlite3_value_bytes(values[0]), &l, look_at);
	conn->search->found += l.missing == 0;
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		sqlite3_result_error_code(context, rc);
	else
		sqlite3_result_int(context, l.missing == 0);
}

/* ---- walks_on(steps, found) ---- */

void search_start_walk(struct search *search)
{
	search->steps = search->found = 0;
}

int64_t search_found(const struct search *search)
{
	return search->found;
}

static void walks_on(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct search *search = ((struct connection *)sqlite3_user_data(context))->search;

	(void)count;
	search->steps++;
	sqlite3_result_int(context, search->steps <= sqlite3_value_int64(values[0]) ||
					    search->found >= sqlite3_value_int64(values[1]));
}

/* ---- may_have_words(…, words) ---- */

/* True where every character of JSON stands for itself, as far as words are concerned: no accents, no \u0041. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80 || (text[0] == '\\' && text[1] == 'u'))
			return false;
	return true;
}

static bool is_anywhere(const char *const *texts, int count, const char *word)
{
	for (int i = 0; i < count; i++)
		if (strcasestr(texts[i], word))
			return true;
	return false;
}

static void may_have_words(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *texts[8];
	const char *words = (const char *)sqlite3_value_text(values[count - 1]);
	char word[256];
	bool may = true;

	for (int i = 0; i < count - 1; i++) {
		texts[i] = (const char *)sqlite3_value_text(values[i]);
		if (!texts[i])
			texts[i] = "";
		if (!is_plain(texts[i]))
			words = NULL;
	}
	while (may && words && *words) {
		size_t len = strcspn(words, " ");

		snprintf(word, sizeof word, "%.*s", (int)len, words);
		may = is_anywhere(texts, count - 1, word);
		words += len + (words[len] == ' ');
	}
	sqlite3_result_int(context, may);
}

/* ---- pattern_text(…), name_text(…) ---- */

static bool is_capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* "S3KeySensor" also as "S3 Key Sensor", "HTTPHook" as "HTTP Hook". */
static void add_split(pf_text *out, const char *name)
{
	for (size_t i = 0; name[i]; i++) {
		bool starts = is_capital(name[i]) && i &&
			      (!is_capital(name[i - 1]) || (name[i + 1] >= 'a' && name[i + 1] <= 'z'));

		if (starts)
			pf_text_puts(out, " ");
		pf_text_add(out, &name[i], 1);
	}
	pf_text_puts(out, "\n");
}

static void answer_text(sqlite3_context *context, pf_text *text)
{
	if (text->failed)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_text64(context, text->bytes, text->len, SQLITE_TRANSIENT, SQLITE_UTF8);
	pf_text_free(text);
}

static void pattern_text(sqlite3_context *context, int count, sqlite3_value **values)
{
	pf_text text = { 0 };

	for (int i = 0; i < count; i++) {
		const char *part = (const char *)sqlite3_value_text(values[i]);

		pf_text_add(&text, part ? part : "", part ? (size_t)sqlite3_value_bytes(values[i]) : 0);
		pf_text_puts(&text, "\n");
	}
	answer_text(context, &text);
}

static void name_text(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *name = (const char *)sqlite3_value_text(values[0]);
	pf_text text = { 0 };

	(void)count;
	pf_text_puts(&text, name ? name : "");
	pf_text_puts(&text, "\n");
	add_split(&text, name ? name : "");
	answer_text(context, &text);
}

/* ---- relevance(…) ---- */

/*
 * BM25F: S. Robertson, H. Zaragoza, M. Taylor, "Simple BM25 extension to multiple weighted fields", CIKM 2004; k1 and b
 * as is usual. What is in the template every component shows, the code is one component's.
 */
#define K1	       1.2
#define B	       0.75
#define USUAL_LENGTH   60.0 /* weighted words of a pattern, a round number near the mean of real ones */
#define BEGINNING_ONLY 0.5
enum { PARTS = 5 };
static const double part_weights[PARTS] = { 1, 1, 1, 2, 2 }; /* pattern_type, pattern_name, code, template, message */

struct weighing {
	struct wanted wanted;
	double frequencies[TEXT_WORDS];
	double weight, length;
};

static int weigh(void *arg, int flags, const char *token, int len, int start, int end)
{
	struct weighing *w = arg;

	(void)flags, (void)start, (void)end;
	w->length += w->weight;
	for (int i = 0; i < w->wanted.count; i++)
		if (begins(&w->wanted, i, token, len))
			w->frequencies[i] += w->weight * (w->wanted.lengths[i] == len ? 1 : BEGINNING_ONLY);
	return SQLITE_OK;
}

static double relevance_of(const struct weighing *w)
{
	double saturation = K1 * (1 - B + B * w->length / USUAL_LENGTH), sum = 0;

	for (int i = 0; i < w->wanted.count; i++)
		sum += w->frequencies[i] / (w->frequencies[i] + saturation);
	return w->wanted.count ? sum / w->wanted.count : 0;
}

static void relevance(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct connection *conn = sqlite3_user_data(context);
	const char *words = (const char *)sqlite3_value_text(values[count - 1]);
	struct weighing w = { .length = 0 };
	int rc = SQLITE_OK;

	split_words(&w.wanted, words ? words : "");
	for (int i = 0; i < PARTS && rc == SQLITE_OK; i++) {
		const char *part = (const char *)sqlite3_value_text(values[i]);

		w.weight = part_weights[i];
		if (part)
			rc = tokenize(conn->search, part, (size_t)sqlite3_value_bytes(values[i]), &w, weigh);
	}
	if (rc != SQLITE_OK)
		sqlite3_result_error_code(context, rc);
	else
		sqlite3_result_double(context, relevance_of(&w));
}

/* ---- formulas ---- */

/*
 * Inverse document frequency: what it says of a component that it shows a
 * pattern which N of ALL show. K. Spärck Jones, "A statistical interpretation
 * of term specificity and its application in retrieval", Journal of
 * Documentation 28 (1972): log2(ALL) - log2(N) + 1, there rounded.
 */
static void idf(sqlite3_context *context, int count, sqlite3_value **values)
{
	double n = sqlite3_value_double(values[0]), all = sqlite3_value_double(values[1]);

	(void)count;
	sqlite3_result_double(context, n >= 1 && all >= n ? log2(all / n) + 1 : 1);
}

static void lower_bound(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	sqlite3_result_double(context,
			      wilson_lower_bound(sqlite3_value_int64(values[0]), sqlite3_value_int64(values[1])));
}

/* ---- template_length(pattern_data) ---- */

/*
 * At least how many bytes of UTF-8 the template in DATA takes without the space at its end, as the store writes it: a
 * member a line, and what must be is escaped. An escape is a byte or more. 0 where DATA is written otherwise.
 */
static int64_t template_bytes(const char *data, size_t len)
{
	static const char member[] = "\n    \"template\": \"";
	const char *at = len ? memmem(data, len, member, sizeof member - 1) : NULL, *end = data + len;
	int64_t bytes = 0, solid = 0;

	if (!at)
		return 0;
	for (at += sizeof member - 1; at < end && *at != '"'; at++) {
		bool blank = *at == ' ' || *at == '\t' || *at == '\n';

		if (*at == '\\' && ++at < end) {
			blank = strchr("ntu", *at) != NULL;
			at += *at != 'u' ? 0 : end - at > 4 ? 4 : end - at - 1;
		}
		bytes++;
		if (!blank)
			solid = bytes;
	}
	return solid;
}

static void template_length(sqlite3_context *context, int count, sqlite3_value **values)
{
	/* Not as text, which would be copied for the NUL at its end. */
	const char *data = sqlite3_value_blob(values[0]);

	(void)count;
	sqlite3_result_int64(context, template_bytes(data, data ? (size_t)sqlite3_value_bytes(values[0]) : 0));
}

/* ---- on a connection ---- */

static int find_tokenizer(struct connection *conn)
{
	fts5_api *api = NULL;
	sqlite3_stmt *stmt = NULL;
	void *context;
	int rc = sqlite3_prepare_v2(conn->db, "SELECT fts5(?1)", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_pointer(stmt, 1, &api, "fts5_api_ptr", NULL);
	if (rc == SQLITE_OK)
		sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	if (rc == SQLITE_OK && !api)
		rc = SQLITE_ERROR;
	if (rc == SQLITE_OK)
		rc = api->xFindTokenizer(api, "unicode61", &context, &conn->search->methods);
	return rc == SQLITE_OK ? conn->search->methods.xCreate(context, NULL, 0, &conn->search->tokenizer) : rc;
}

int search_functions(struct connection *conn, pf_err *err)
{
	static const struct {
		const char *name;
		int arguments;
		void (*run)(sqlite3_context *, int, sqlite3_value **);
	} functions[] = {
		{ "pattern_text", 5, pattern_text }, { "name_text", 1, name_text },
		{ "has_words", 2, has_words },	     { "may_have_words", 4, may_have_words },
		{ "relevance", 6, relevance },	     { "idf", 2, idf },
		{ "lower_bound", 2, lower_bound },   { "template_length", 1, template_length },
	};
	const int flags = SQLITE_UTF8 | SQLITE_DIRECTONLY;
	int rc;

	conn->search = calloc(1, sizeof *conn->search);
	if (!conn->search)
		return no_memory(err);
	rc = find_tokenizer(conn);
	for (size_t i = 0; i < sizeof functions / sizeof *functions && rc == SQLITE_OK; i++)
		rc = sqlite3_create_function(conn->db, functions[i].name, functions[i].arguments,
					     flags | SQLITE_DETERMINISTIC, conn, functions[i].run, NULL, NULL);
	/* Asked anew at each step. */
	if (rc == SQLITE_OK)
		rc = sqlite3_create_function(conn->db, "walks_on", 2, flags, conn, walks_on, NULL, NULL);
	return rc == SQLITE_OK ? 0 : connection_fail(conn, rc, err);
}

void search_free(struct search *search)
{
	if (search && search->tokenizer)
		search->methods.xDelete(search->tokenizer);
	free(search);
}

/* ---- the index ---- */

/* The words of the components' names: their rows come before those of the patterns. */
static int index_names(pf_txn *txn, pf_err *err)
{
	int rc;

	{
		QUERY(index, txn->conn, STMT_NAMES_INDEX);
		rc = query_run(&index, err);
	}
	if (rc < 0)
		return rc;
	QUERY(q, txn->conn, STMT_NAMES_SET_INDEXED);
	return query_run(&q, err);
}

static int set_indexed(pf_txn *txn, int64_t from, int64_t last, pf_err *err)
{
	int rc = index_names(txn, err);

	if (rc < 0)
		return rc;
	{
		QUERY(index, txn->conn, STMT_WORDS_INDEX);
		query_int(&index, from);
		query_int(&index, last);
		rc = query_run(&index, err);
	}
	if (rc < 0)
		return rc;
	QUERY(q, txn->conn, STMT_WORDS_SET_INDEXED);
	query_int(&q, last);
	return query_run(&q, err);
}

static int last_indexed(struct connection *conn, int64_t *id, pf_err *err)
{
	QUERY(q, conn, STMT_WORDS_INDEXED);
	int rc = query_row(&q, err);

	*id = rc > 0 ? column_int(&q, 0) : 0;
	return rc < 0 ? rc : 0;
}

int search_catch_up(pf_txn *txn, int64_t last, pf_err *err)
{
	int64_t indexed;
	int rc = last_indexed(txn->conn, &indexed, err);

	return rc < 0 || last < add_capped(indexed, TEXT_BATCH) ? rc : set_indexed(txn, indexed, last, err);
}

static int reword(pf_txn *txn, int64_t pattern, pf_err *err)
{
	static const enum stmt steps[] = { STMT_WORDS_FORGET, STMT_WORDS_PUT };
	int rc = 0;

	for (int i = 0; i < 2 && rc == 0; i++) {
		QUERY(q, txn->conn, steps[i]);
		query_int(&q, pattern);
		rc = query_run(&q, err);
	}
	return rc;
}

int search_adopt_edits(pf_txn *txn, pf_err *err)
{
	int rc;

	QUERY(q, txn->conn, STMT_REWORDED);
	while ((rc = query_row(&q, err)) > 0) {
		rc = reword(txn, column_int(&q, 0), err);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	QUERY(clear, txn->conn, STMT_REWORDED_CLEAR);
	return query_run(&clear, err);
}
