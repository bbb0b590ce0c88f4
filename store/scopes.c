/*
 * The directories CATEGORY/COMPONENT_TYPE/PATTERN_TYPE and their totals. Sums
 * over the rows of `directories`, at most 55 a category.
 */
#include "store-internal.h"

static bool scope_valid(pf_scope scope)
{
	int type = pf_scope_component_type(scope), pattern_type = pf_scope_pattern_type(scope);

	if (scope < 0 || type >= PF_COMPONENT_TYPE_END || pattern_type >= PF_PATTERN_TYPE_END)
		return false;
	return scope == 0 || (pf_scope_category(scope) > 0 && (type > 0 || pattern_type == 0));
}

/* How far a scope is shifted right to tell apart the directories right below SCOPE. */
static int child_shift(pf_scope scope)
{
	if (pf_scope_category(scope) == 0)
		return 8;
	return pf_scope_component_type(scope) == 0 ? 4 : 0;
}

void scope_range(pf_scope scope, int64_t *first, int64_t *last)
{
	*first = scope;
	if (scope == 0)
		*last = INT64_MAX;
	else if (pf_scope_component_type(scope) == 0)
		*last = scope | 0xff;
	else if (pf_scope_pattern_type(scope) == 0)
		*last = scope | 0xf;
	else
		*last = scope;
}

/* The name of a category, as the extractor gives it and a directory may have it. */
static bool is_category(const char *name, size_t bytes)
{
	return strlen(name) == bytes && pf_category_name_valid(name);
}

static int no_directory(pf_err *err)
{
	return pf_fail(err, ENOENT, "no such directory");
}

static enum stmt totals_statement(pf_scope scope)
{
	if (pf_scope_pattern_type(scope))
		return STMT_DIRECTORY_TOTALS;
	return child_shift(scope) ? STMT_SCOPE_TOTALS : STMT_TYPE_TOTALS;
}

static int scope_totals(struct connection *conn, pf_scope scope, pf_totals *totals, pf_err *err)
{
	int64_t first, last;
	int rc;

	*totals = (pf_totals){ 0 };
	if (!scope_valid(scope))
		return no_directory(err);
	scope_range(scope, &first, &last);
	QUERY(q, conn, totals_statement(scope));
	query_int(&q, first);
	if (first != last)
		query_int(&q, last);
	if (child_shift(scope))
		query_int(&q, child_shift(scope));
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : no_directory(err);
	totals->patterns = column_int(&q, 0);
	totals->success = column_int(&q, 1);
	totals->failure = column_int(&q, 2);
	totals->high = column_int(&q, 3);
	totals->medium = column_int(&q, 4);
	totals->low = column_int(&q, 5);
	totals->confidence_sum = (double)column_int(&q, 6) / 1e9;
	totals->mtime = column_int(&q, 7);
	totals->children = column_int(&q, 8);
	return scope == 0 || totals->patterns > 0 ? 0 : no_directory(err);
}

int pf_store_totals(pf_store *store, pf_scope scope, pf_totals *totals, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	return rc < 0 ? rc : scope_totals(lease.conn, scope, totals, err);
}

int category_id(struct connection *conn, const char *name, bool make, int64_t *id, pf_err *err)
{
	QUERY(find, conn, STMT_CATEGORY_ID);
	query_text(&find, name);
	int rc = query_row(&find, err);

	if (rc > 0)
		*id = column_int(&find, 0);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (!make)
		return no_directory(err);
	QUERY(add, conn, STMT_CATEGORY_ADD);
	query_text(&add, name);
	return query_insert(&add, id, err);
}

/* The scope that NAME would be below PARENT, whether it holds anything or not. */
static int scope_named(struct connection *conn, pf_scope parent, const char *name, pf_scope *scope, pf_err *err)
{
	int64_t category = pf_scope_category(parent);
	int type = pf_scope_component_type(parent), number;
	int rc;

	if (category == 0) {
		rc = category_id(conn, name, false, &category, err);
		*scope = pf_scope_make(category, 0, 0);
		return rc;
	}
	if (pf_scope_pattern_type(parent) != 0)
		return no_directory(err);
	number = type == 0 ? pf_component_type_number(name) : pf_pattern_type_number(name);
	*scope = type == 0 ? pf_scope_make(category, number, 0) : pf_scope_make(category, type, number);
	return number ? 0 : no_directory(err);
}

int pf_store_scope_find(pf_store *store, pf_scope parent, const char *name, pf_scope *scope, pf_err *err)
{
	pf_totals totals;
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);

	if (rc < 0)
		return rc;
	if (!scope_valid(parent))
		return no_directory(err);
	rc = scope_named(lease.conn, parent, name, scope, err);
	return rc < 0 ? rc : scope_totals(lease.conn, *scope, &totals, err);
}

int pf_store_scope_path(pf_store *store, pf_scope scope, pf_text *out, pf_err *err)
{
	const char *category, *type, *pattern_type;
	LEASE lease = { 0 };
	int rc;

	if (scope == 0)
		return 0;
	if (!scope_valid(scope))
		return no_directory(err);
	rc = lease_begin(store, &lease, err);
	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_CATEGORY_NAME);
	query_int(&q, pf_scope_category(scope));
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : no_directory(err);
	if (!column_name(&q, 0, is_category, &category)) {
		rc = query_check(&q, err);
		return rc < 0 ? rc : no_directory(err);
	}
	pf_text_puts(out, category);
	type = pf_component_type_name(pf_scope_component_type(scope));
	pattern_type = pf_pattern_type_name(pf_scope_pattern_type(scope));
	if (type)
		pf_text_printf(out, "/%s", type);
	if (type && pattern_type)
		pf_text_printf(out, "/%s", pattern_type);
	return out->failed ? no_memory(err) : 0;
}

static enum stmt list_statement(pf_scope parent)
{
	if (parent == 0)
		return STMT_SCOPE_CATEGORIES;
	return child_shift(parent) ? STMT_SCOPE_CHILDREN : STMT_TYPE_CHILDREN;
}

int pf_store_scope_list(pf_store *store, pf_scope parent, int (*each)(void *arg, const pf_scope_entry *entry),
			void *arg, pf_err *err)
{
	int64_t first, last;
	LEASE lease = { 0 };
	int rc;

	if (!scope_valid(parent))
		return no_directory(err);
	scope_range(parent, &first, &last);
	if (first == last)
		return 0; /* pattern files only */
	rc = lease_begin(store, &lease, err);
	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, list_statement(parent));
	if (parent != 0) {
		query_int(&q, first);
		query_int(&q, last);
	}
	if (parent != 0 && child_shift(parent))
		query_int(&q, child_shift(parent));
	while ((rc = query_row(&q, err)) > 0) {
		pf_scope scope = column_int(&q, 0);
		pf_scope_entry entry = {
			.scope = scope,
			.name = parent == 0 ? NULL
				: pf_scope_component_type(parent) == 0
					? pf_component_type_name(pf_scope_component_type(scope))
					: pf_pattern_type_name(pf_scope_pattern_type(scope)),
			.mtime = column_int(&q, 2),
			.children = column_int(&q, 3),
		};

		/* One that the store did not make has no name. */
		if (!scope_valid(scope) || (parent == 0 ? !column_name(&q, 1, is_category, &entry.name) : !entry.name))
			continue;
		if (each(arg, &entry))
			return 0;
	}
	return rc;
}

/* ---- writing ---- */

/* COUNT, or what takes it away again. */
static int64_t with_sign(int64_t count, int sign)
{
	if (sign > 0)
		return count;
	return count == INT64_MIN ? INT64_MAX : -count;
}

static void add_counts(struct totals_change *t, const struct counts *counts, int sign)
{
	double confidence = confidence_score(counts->success, counts->failure);

	t->patterns += sign;
	t->success = add_capped(t->success, with_sign(counts->success, sign));
	t->failure = add_capped(t->failure, with_sign(counts->failure, sign));
	*(confidence >= 0.9 ? &t->high : confidence >= 0.7 ? &t->medium : &t->low) += sign;
	t->confidence_ppb += sign * (int64_t)(confidence * 1e9 + 0.5);
}

/* No pattern of these counts has a higher RANK_ORDER: the greatest that their bound allows. */
static int64_t highest_rank(const struct counts *counts)
{
	int64_t bound = (int64_t)(wilson_lower_bound(counts->success, counts->failure) * 1073741823);

	return INT64_C(1) << 62 | bound << 32 | UINT32_MAX;
}

int totals_change(pf_txn *txn, pf_scope scope, const struct counts *before, const struct counts *after, int64_t at,
		  pf_err *err)
{
	struct totals_change *t = txn->totals;
	int rc;

	while (t < txn->totals + txn->totals_count && t->scope != scope)
		t++;
	if (t == txn->totals + TOTALS_ROOM) {
		rc = totals_flush(txn, err);
		if (rc < 0)
			return rc;
		t = txn->totals;
	}
	if (t == txn->totals + txn->totals_count) {
		*t = (struct totals_change){ .scope = scope };
		txn->totals_count++;
	}
	if (before)
		add_counts(t, before, -1);
	if (after) {
		int64_t rank = highest_rank(after);

		add_counts(t, after, 1);
		t->best = rank > t->best ? rank : t->best;
	}
	t->at = at;
	return 0;
}

/* What is sighted and not written yet, no row says: then its directory is ranked by what it may be at the most. */
static int rank_directory(pf_txn *txn, const struct totals_change *t, pf_err *err)
{
	QUERY(q, txn->conn, txn->sightings ? STMT_DIRECTORY_RAISE : STMT_DIRECTORY_RANK);
	query_int(&q, t->scope);
	if (txn->sightings)
		query_int(&q, t->best);
	return query_run(&q, err);
}

int totals_flush(pf_txn *txn, pf_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < txn->totals_count && rc == 0; i++) {
		const struct totals_change *t = &txn->totals[i];

		QUERY(q, txn->conn, STMT_DIRECTORY_ADD);
		query_int(&q, t->scope);
		query_int(&q, t->patterns);
		query_int(&q, t->success);
		query_int(&q, t->failure);
		query_int(&q, t->high);
		query_int(&q, t->medium);
		query_int(&q, t->low);
		query_int(&q, t->confidence_ppb);
		query_int(&q, t->at);
		rc = query_run(&q, err);
		if (rc == 0)
			rc = rank_directory(txn, t, err);
	}
	txn->totals_count = 0;
	return rc;
}
