/*
 * Verdicts on patterns and components.
 */
#include <stdio.h>

#include "store-internal.h"

enum { NOTE_LIMIT = 64 << 10 };

/* What a verdict is about, each thing once. */
struct resolved {
	struct ids patterns, components;
};

static void resolved_free(struct resolved *resolved)
{
	ids_free(&resolved->patterns);
	ids_free(&resolved->components);
}

static int resolve_pattern(struct connection *conn, int64_t id, struct resolved *into, pf_err *err)
{
	QUERY(q, conn, STMT_PATTERN_IS_LIVE);
	query_int(&q, id);
	int rc = query_row(&q, err);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return pf_fail(err, ENOENT, "no such pattern");
	if (!column_int(&q, 1))
		return pf_fail(err, ENOENT, "%s: archived, or no component shows it any longer", column_text(&q, 0));
	return ids_add(&into->patterns, id, err);
}

static int add_all(struct query *q, struct ids *ids, pf_err *err)
{
	int rc;

	while ((rc = query_row(q, err)) > 0) {
		rc = ids_add(ids, column_int(q, 0), err);
		if (rc < 0)
			break;
	}
	return rc;
}

static int resolve_component(struct connection *conn, int64_t id, struct resolved *into, pf_err *err)
{
	QUERY(known, conn, STMT_COMPONENT_STAT);
	query_int(&known, id);
	int rc = query_row(&known, err);

	if (rc <= 0)
		return rc < 0 ? rc : pf_fail(err, ENOENT, "no such component");
	rc = ids_add(&into->components, id, err);
	if (rc < 0)
		return rc;
	QUERY(q, conn, STMT_PATTERN_IDS_OF_COMPONENT);
	query_int(&q, id);
	return add_all(&q, &into->patterns, err);
}

static int resolve_scope(struct connection *conn, pf_scope scope, struct resolved *into, pf_err *err)
{
	size_t before = into->patterns.count;
	int64_t first, last;
	int rc;

	if (scope == 0)
		return pf_fail(err, EINVAL,
			       "a bare verdict here would judge the whole store: name the patterns or components it "
			       "is about");
	scope_range(scope, &first, &last);
	QUERY(q, conn, STMT_PATTERN_IDS_OF_SCOPE);
	query_int(&q, first);
	query_int(&q, last);
	rc = add_all(&q, &into->patterns, err);
	if (rc == 0 && into->patterns.count == before)
		return pf_fail(err, ENOENT, "no such directory");
	return rc;
}

static int resolve(struct connection *conn, const pf_verdict *verdict, struct resolved *into, pf_err *err)
{
	static int (*const resolvers[])(struct connection *, int64_t, struct resolved *, pf_err *) = {
		[PF_TARGET_PATTERN] = resolve_pattern,
		[PF_TARGET_COMPONENT] = resolve_component,
		[PF_TARGET_SCOPE] = resolve_scope,
	};
	int rc = 0;

	if (!verdict->target_count)
		return pf_fail(err, EINVAL, "a verdict on nothing");
	for (size_t i = 0; i < verdict->target_count && rc == 0; i++)
		rc = resolvers[verdict->targets[i].kind](conn, verdict->targets[i].id, into, err);
	ids_sort_unique(&into->patterns);
	ids_sort_unique(&into->components);
	return rc;
}

static enum event event_of(const pf_verdict *verdict)
{
	return verdict->success ? EVENT_SUCCESS : EVENT_FAILURE;
}

/* Q is at the row of STMT_PATTERN_COUNTS. */
static void tell(pf_txn *txn, struct query *q, int64_t id, const struct counts *before, const struct counts *after)
{
	struct pattern_extra nothing_else = { 0 };
	struct changed_pattern changed = {
		.id = id,
		.scope = column_int(q, 0),
		.components = before->components,
		.size = add_capped(column_int(q, 6), pattern_growth(before, column_real(q, 5), after, &nothing_else)),
	};
	const char *name = column_text(q, 7);

	snprintf(changed.file_name, sizeof changed.file_name, "%s", name ? name : "");
	changed_add(txn, &changed, 1);
}

static int judge_pattern(pf_txn *txn, const pf_verdict *verdict, int64_t id, pf_err *err)
{
	struct counts before, after;
	int64_t at = txn_tick(txn), *count = verdict->success ? &after.success : &after.failure;
	int rc;

	QUERY(q, txn->conn, STMT_PATTERN_COUNTS);
	query_int(&q, id);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : pf_fail(err, ENOENT, "no such pattern");
	before = after = (struct counts){ column_int(&q, 2), column_int(&q, 3), column_int(&q, 4) };
	*count = add_capped(*count, 1);
	rc = pattern_put_counts(txn, id, &before, column_real(&q, 5), &after, &(struct pattern_extra){ 0 }, at, err);
	if (rc == 0)
		rc = totals_change(txn, column_int(&q, 0), &before, &after, at, err);
	if (rc < 0)
		return rc;
	tell(txn, &q, id, &before, &after);
	return history_add(txn,
			   &(struct occurrence){
				   .event = event_of(verdict),
				   .at = at,
				   .pattern_id = id,
				   .pattern_path = column_text(&q, 1),
				   .note = verdict->note,
				   .success = after.success,
				   .failure = after.failure,
			   },
			   err);
}

static int judge_component(pf_txn *txn, const pf_verdict *verdict, int64_t id, pf_err *err)
{
	int64_t at = txn_tick(txn);
	int rc;

	QUERY(q, txn->conn, STMT_COMPONENT_VERDICT);
	query_int(&q, id);
	query_int(&q, verdict->success);
	query_int(&q, !verdict->success);
	query_int(&q, at);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : pf_fail(err, ENOENT, "no such component");
	rc = components_count(txn, column_text(&q, 3), 0, at, err);
	if (rc < 0)
		return rc;
	return history_add(txn,
			   &(struct occurrence){
				   .event = event_of(verdict),
				   .at = at,
				   .component_id = id,
				   .component_name = column_text(&q, 0),
				   .note = verdict->note,
				   .success = column_int(&q, 1),
				   .failure = column_int(&q, 2),
			   },
			   err);
}

/* How often each was named together with others in a success: what pairs are measured by (lift). */
static int count_paired(pf_txn *txn, const struct ids *patterns, pf_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < patterns->count && rc == 0; i++) {
		QUERY(q, txn->conn, STMT_PAIRED_PATTERN);
		query_int(&q, patterns->ids[i]);
		rc = query_run(&q, err);
	}
	if (rc < 0)
		return rc;
	QUERY(total, txn->conn, STMT_PAIRED_TOTAL);
	return query_run(&total, err);
}

static int count_pairs(pf_txn *txn, const pf_verdict *verdict, const struct ids *patterns, pf_err *err)
{
	int rc = 0;

	if (patterns->count < 2 || patterns->count > PF_PAIRS_LIMIT)
		return 0;
	if (verdict->success)
		rc = count_paired(txn, patterns, err);
	for (size_t a = 0; a < patterns->count && rc == 0; a++) {
		for (size_t b = a + 1; b < patterns->count && rc == 0; b++) {
			QUERY(q, txn->conn, STMT_PAIR);
			query_int(&q, patterns->ids[a]);
			query_int(&q, patterns->ids[b]);
			query_int(&q, verdict->success);
			query_int(&q, !verdict->success);
			rc = query_run(&q, err);
		}
	}
	return rc;
}

static int apply(pf_txn *txn, const pf_verdict *verdict, pf_err *err)
{
	__attribute__((cleanup(resolved_free))) struct resolved about = { 0 };
	size_t note_len = verdict->note ? strlen(verdict->note) : 0;
	int rc;

	if (!pf_utf8_valid(verdict->note ? verdict->note : "", note_len))
		return pf_fail(err, EILSEQ, "a note that is not UTF-8");
	if (note_len > NOTE_LIMIT)
		return pf_fail(err, EINVAL, "a note of %zu bytes: at most %d", note_len, NOTE_LIMIT);
	rc = resolve(txn->conn, verdict, &about, err);
	for (size_t i = 0; i < about.components.count && rc == 0; i++)
		rc = judge_component(txn, verdict, about.components.ids[i], err);
	for (size_t i = 0; i < about.patterns.count && rc == 0; i++)
		rc = judge_pattern(txn, verdict, about.patterns.ids[i], err);
	if (rc == 0)
		rc = totals_flush(txn, err);
	return rc < 0 ? rc : count_pairs(txn, verdict, &about.patterns, err);
}

int pf_txn_verdicts(pf_txn *txn, const pf_verdict *verdicts, size_t count, pf_err *err)
{
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = apply(txn, &verdicts[i], err);
	return savepoint_end(txn, rc, err);
}
