/*
 * History: every event, a line each of history.jsonl, never changed once
 * written. A line is made of its row and of names that never change, so it
 * comes out the same each time; the row keeps where it ends.
 */
#include <stdio.h>
#include <time.h>

#include "store-internal.h"

/* As in the table history_events. Append only: rows hold the numbers. */
static const char *const event_names[] = {
	[EVENT_SUBMITTED] = "submitted", [EVENT_MOVED] = "moved",	  [EVENT_DESCRIBED] = "described",
	[EVENT_SIGHTED] = "sighted",	 [EVENT_WITHDRAWN] = "withdrawn", [EVENT_SUCCESS] = "success",
	[EVENT_FAILURE] = "failure",	 [EVENT_ARCHIVED] = "archived",	  [EVENT_RESTORED] = "restored",
	[EVENT_EDITED] = "edited",
};

/* 2026-11-23T04:05:06.123456Z */
static void format_time(int64_t ns, char buffer[32])
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(buffer, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buffer + len, 32 - len, ".%06dZ", (int)(ns % 1000000000 / 1000));
}

static void append_line(pf_text *out, int64_t id, const struct occurrence *what)
{
	pf_json json = pf_json_start(out, true);
	size_t known = sizeof event_names / sizeof *event_names;
	char at[32];

	format_time(what->at, at);
	pf_json_object(&json, NULL);
	pf_json_int(&json, "id", id);
	pf_json_string(&json, "at", at);
	pf_json_string(&json, "event", (size_t)what->event < known ? event_names[what->event] : "unknown");
	pf_json_string(&json, "pattern", what->pattern_path);
	pf_json_string(&json, "component", what->component_name);
	pf_json_string(&json, "note", what->note);
	pf_json_int(&json, "success_count", what->success);
	pf_json_int(&json, "failure_count", what->failure);
	pf_json_end(&json);
}

static int64_t length_of(const char *string)
{
	return string ? (int64_t)pf_json_quoted_length(string, strlen(string)) : (int64_t)strlen("null");
}

/* How long the line is that append_line() makes. */
static int64_t line_length(int64_t id, const struct occurrence *what)
{
	static const char around[] = "{\"id\":,\"at\":\"2026-11-23T04:05:06.123456Z\",\"event\":\"\",\"pattern\":,"
				     "\"component\":,\"note\":,\"success_count\":,\"failure_count\":}\n";

	return (int64_t)strlen(around) + digits_of(id) + (int64_t)strlen(event_names[what->event]) +
	       length_of(what->pattern_path) + length_of(what->component_name) + length_of(what->note) +
	       digits_of(what->success) + digits_of(what->failure);
}

static void bind_id(struct query *q, int64_t id)
{
	if (id)
		query_int(q, id);
	else
		query_null(q);
}

static int64_t next_id(const pf_txn *txn)
{
	return add_capped(txn->history_id, 1);
}

int history_add(pf_txn *txn, const struct occurrence *what, pf_err *err)
{
	int rc = txn->history_known ? 0 : txn_read_last_event(txn, err);
	int64_t end;

	if (rc < 0)
		return rc;
	end = add_capped(txn->history_end, line_length(next_id(txn), what));
	QUERY(q, txn->conn, STMT_HISTORY_ADD);
	query_int(&q, next_id(txn));
	query_int(&q, what->at);
	query_int(&q, what->event);
	bind_id(&q, what->pattern_id);
	bind_id(&q, what->component_id);
	query_int(&q, what->success);
	query_int(&q, what->failure);
	query_int(&q, end);
	query_text(&q, what->note);
	rc = query_run(&q, err);
	if (rc < 0)
		return rc;
	if (what->pattern_id) {
		txn->pattern_events++;
		txn->untold |=
			what->event != EVENT_SIGHTED && what->event != EVENT_SUCCESS && what->event != EVENT_FAILURE;
	}
	if (what->component_id)
		txn->another |= what->component_id != txn->learning ||
				(what->event != EVENT_SUBMITTED && what->event != EVENT_SIGHTED);
	txn->another |= what->event == EVENT_ARCHIVED || what->event == EVENT_RESTORED;
	txn->of_components |= what->component_id || what->event == EVENT_ARCHIVED || what->event == EVENT_RESTORED;
	txn->history_id = next_id(txn);
	txn->history_end = end;
	return 0;
}

/* ---- reading ---- */

/* The last event: ids, times and offsets are 0 where there is none. */
static int last_event(struct connection *conn, int64_t *id, int64_t *at, int64_t *end, pf_err *err)
{
	QUERY(q, conn, STMT_HISTORY_LAST);
	int rc = query_row(&q, err);

	if (rc < 0)
		return rc;
	*id = rc ? column_int(&q, 0) : 0;
	*at = rc ? column_int(&q, 1) : 0;
	*end = rc ? column_int(&q, 2) : 0;
	return 0;
}

int pf_store_history_stat(pf_store *store, int64_t *size, int64_t *mtime, pf_err *err)
{
	int64_t id;
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	return rc < 0 ? rc : last_event(lease.conn, &id, mtime, size, err);
}

/*
 * The first event whose line ends behind OFFSET, and where its line begins.
 * Ends grow with the ids: a search by halves, each step a look-up by id, so
 * that no index has to grow with every event.
 */
static int event_at(struct connection *conn, int64_t offset, int64_t last, int64_t *found, int64_t *begin, pf_err *err)
{
	int64_t low = 0, high = last; /* the line of low ends at or before OFFSET, that of high behind it */

	*begin = 0;
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		int rc;

		QUERY(q, conn, STMT_HISTORY_END);
		query_int(&q, middle);
		rc = query_row(&q, err);
		if (rc < 0)
			return rc;
		if (rc && column_int(&q, 1) <= offset) {
			low = column_int(&q, 0);
			*begin = column_int(&q, 1);
		} else {
			high = middle;
		}
	}
	*found = high;
	return 0;
}

static struct occurrence occurrence_of(struct query *q)
{
	return (struct occurrence){
		.at = column_int(q, 1),
		.event = (enum event)column_int(q, 2),
		.pattern_path = column_text(q, 3),
		.component_name = column_text(q, 4),
		.note = column_text(q, 5),
		.success = column_int(q, 6),
		.failure = column_int(q, 7),
	};
}

static int append_lines(struct connection *conn, int64_t from, size_t enough, pf_text *lines, pf_err *err)
{
	int rc;

	QUERY(q, conn, STMT_HISTORY_LINES);
	query_int(&q, from);
	while (lines->len < enough && (rc = query_row(&q, err)) != 0) {
		struct occurrence what;

		if (rc < 0)
			return rc;
		what = occurrence_of(&q);
		append_line(lines, column_int(&q, 0), &what);
		if (lines->failed)
			return no_memory(err);
		rc = query_check(&q, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int pf_store_history_read(pf_store *store, int64_t offset, size_t len, pf_text *out, pf_err *err)
{
	int64_t last, at, end, from, begin;
	__attribute__((cleanup(pf_text_free))) pf_text lines = { 0 };
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);

	if (rc < 0)
		return rc;
	if (offset < 0)
		return pf_fail(err, EINVAL, "an offset below 0");
	rc = last_event(lease.conn, &last, &at, &end, err);
	if (rc < 0 || offset >= end)
		return rc;
	if ((int64_t)len > end - offset || len > INT64_MAX)
		len = (size_t)(end - offset);
	rc = event_at(lease.conn, offset, last, &from, &begin, err);
	if (rc == 0 && begin < 0)
		rc = pf_fail(err, EIO, "the history's offsets do not agree with its lines");
	if (rc == 0)
		rc = append_lines(lease.conn, from, (size_t)(offset - begin) + len, &lines, err);
	if (rc < 0)
		return rc;
	if (lines.len < (size_t)(offset - begin) + len)
		return pf_fail(err, EIO, "the history's offsets do not agree with its lines");
	pf_text_add(out, lines.bytes + (offset - begin), len);
	return out->failed ? no_memory(err) : 0;
}

/* ---- the change feed ---- */

static int changed_patterns(struct connection *conn, int64_t since, int64_t last,
			    int (*each)(void *arg, const pf_change *change), void *arg, pf_err *err)
{
	int rc;

	QUERY(q, conn, STMT_CHANGED_PATTERNS);
	query_int(&q, since);
	query_int(&q, last);
	while ((rc = query_row(&q, err)) > 0) {
		pf_change change = {
			.kind = PF_CHANGED_PATTERN,
			.id = column_int(&q, 0),
			.scope = column_int(&q, 1),
			.name = column_text(&q, 2),
			.maybe_new = column_int(&q, 3) != 0,
			.gone = column_int(&q, 4) != 0,
			.resized = column_int(&q, 5) != 0 || column_int(&q, 6) < EXAMPLES + 1,
			.rewritten = column_int(&q, 5) != 0,
			.size = column_int(&q, 7),
		};

		if (!change.name)
			return no_memory(err);
		if (each(arg, &change))
			return 1;
	}
	return rc;
}

static int changed_components(struct connection *conn, int64_t since, int64_t last,
			      int (*each)(void *arg, const pf_change *change), void *arg, pf_err *err)
{
	int rc;

	QUERY(q, conn, STMT_CHANGED_COMPONENTS);
	query_int(&q, since);
	query_int(&q, last);
	while ((rc = query_row(&q, err)) > 0) {
		pf_change change = {
			.kind = PF_CHANGED_COMPONENT,
			.id = column_int(&q, 0),
			.name = column_text(&q, 1),
			.maybe_new = column_int(&q, 2) != 0,
			.mtime = column_int(&q, 3),
			.source_mtime = column_int(&q, 4),
		};

		if (!change.name)
			return no_memory(err);
		if (each(arg, &change))
			return 1;
	}
	return rc;
}

static int changes(struct connection *conn, int64_t *since, int (*each)(void *arg, const pf_change *change), void *arg,
		   pf_err *err)
{
	int64_t last = 0, at, end;
	int rc = last_event(conn, &last, &at, &end, err);

	if (rc < 0)
		return rc;
	if (*since < last)
		rc = changed_patterns(conn, *since, last, each, arg, err);
	if (rc == 0 && *since < last)
		rc = changed_components(conn, *since, last, each, arg, err);
	if (rc < 0)
		return rc;
	*since = last;
	return 0;
}

int pf_store_changes(pf_store *store, int64_t *since, int (*each)(void *arg, const pf_change *change), void *arg,
		     pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);

	return rc < 0 ? rc : changes(lease.conn, since, each, arg, err);
}

/* ---- the changes of a transaction ---- */

void changed_add(pf_txn *txn, const struct changed_pattern *changed, int64_t events)
{
	if (!array_room(&txn->changed, &txn->changed_room, txn->changed_count, sizeof *txn->changed)) {
		txn->untold = true;
		return;
	}
	txn->changed[txn->changed_count] = *changed;
	txn->changed[txn->changed_count].order = txn->changed_count;
	txn->changed_count++;
	txn->told_events = add_capped(txn->told_events, events);
}

void changed_made(pf_txn *txn, const struct new_component *made)
{
	if (!array_room(&txn->made, &txn->made_room, txn->made_count, sizeof *txn->made)) {
		txn->another = true;
		return;
	}
	txn->made[txn->made_count++] = *made;
}

/* As STMT_CHANGED_COMPONENTS answers, where they are all new: their ids rise. */
static int made_as_told(pf_txn *txn, int (*each)(void *arg, const pf_change *change), void *arg)
{
	for (size_t i = 0; i < txn->made_count; i++) {
		const struct new_component *made = &txn->made[i];

		if (each(arg, &(pf_change){
				      .kind = PF_CHANGED_COMPONENT,
				      .id = made->id,
				      .name = made->entry,
				      .maybe_new = true,
				      .mtime = made->at,
				      .source_mtime = made->at,
			      }))
			return 1;
	}
	return 0;
}

void changed_forget(pf_txn *txn)
{
	txn->made_count = 0;
	txn->another = false;
	txn->changed_count = 0;
	txn->pattern_events = txn->told_events = 0;
	txn->untold = false;
}

static int by_pattern(const void *a, const void *b)
{
	const struct changed_pattern *x = a, *y = b;

	return x->id != y->id ? (x->id > y->id) - (x->id < y->id) : (x->order > y->order) - (x->order < y->order);
}

/* As STMT_CHANGED_PATTERNS answers, where patterns were only sighted and judged. */
static int changed_as_told(pf_txn *txn, int (*each)(void *arg, const pf_change *change), void *arg)
{
	size_t count = txn->changed_count;

	if (count > 1)
		qsort(txn->changed, count, sizeof *txn->changed, by_pattern);
	for (size_t i = 0, next; i < count; i = next) {
		const struct changed_pattern *first = &txn->changed[i];
		bool sighted = first->sighted > 0;

		for (next = i + 1; next < count && txn->changed[next].id == first->id; next++)
			sighted |= txn->changed[next].sighted > 0;
		if (each(arg, &(pf_change){
				      .kind = PF_CHANGED_PATTERN,
				      .id = first->id,
				      .scope = first->scope,
				      .name = first->file_name,
				      .maybe_new = first->components <= 0,
				      .resized = sighted && first->components < EXAMPLES + 1,
				      .size = txn->changed[next - 1].size,
			      }))
			return 1;
	}
	return 0;
}

int pf_txn_changes(pf_txn *txn, int64_t *since, int (*each)(void *arg, const pf_change *change), void *arg, pf_err *err)
{
	int rc;

	/* What others did before is not known here, nor what was undone. */
	if (!txn->history_known || *since != txn->history_before || txn->untold ||
	    txn->pattern_events != txn->told_events)
		return changes(txn->conn, since, each, arg, err);
	rc = changed_as_told(txn, each, arg);
	if (rc == 0 && txn->of_components && !txn->another)
		rc = made_as_told(txn, each, arg);
	else if (rc == 0 && txn->of_components)
		rc = changed_components(txn->conn, *since, txn->history_id, each, arg, err);
	if (rc >= 0)
		*since = txn->history_id;
	return rc < 0 ? rc : 0;
}
