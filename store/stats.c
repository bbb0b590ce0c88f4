/*
 * stats.json.
 */
#include "store-internal.h"

static int by_category(struct connection *conn, pf_json *json, pf_err *err)
{
	int rc;

	pf_json_object(json, "patterns_by_category");
	QUERY(q, conn, STMT_STATS_CATEGORIES);
	while ((rc = query_row(&q, err)) > 0)
		pf_json_int(json, column_text(&q, 0), column_int(&q, 1));
	pf_json_end(json);
	return rc;
}

static int by_type(struct connection *conn, pf_json *json, pf_err *err)
{
	int rc;

	pf_json_object(json, "patterns_by_type");
	QUERY(q, conn, STMT_STATS_TYPES);
	while ((rc = query_row(&q, err)) > 0)
		pf_json_int(json, pf_pattern_type_name((int)column_int(&q, 0)), column_int(&q, 1));
	pf_json_end(json);
	return rc;
}

/* COUNTS by component type: adds them up, and lists them where JSON is given. */
static int components(struct connection *conn, pf_json *json, int64_t *total, pf_err *err)
{
	int rc;

	*total = 0;
	QUERY(q, conn, STMT_STATS_COMPONENTS);
	while ((rc = query_row(&q, err)) > 0) {
		*total += column_int(&q, 1);
		if (json)
			pf_json_int(json, column_text(&q, 0), column_int(&q, 1));
	}
	return rc;
}

static int totals_of(struct connection *conn, pf_totals *totals, pf_err *err)
{
	int rc;

	QUERY(q, conn, STMT_SCOPE_TOTALS);
	query_int(&q, 0);
	query_int(&q, INT64_MAX);
	query_int(&q, 8);
	rc = query_row(&q, err);
	if (rc < 0)
		return rc;
	*totals = (pf_totals){
		.patterns = column_int(&q, 0),
		.high = column_int(&q, 3),
		.medium = column_int(&q, 4),
		.low = column_int(&q, 5),
		.confidence_sum = (double)column_int(&q, 6) / 1e9,
	};
	return 0;
}

int pf_store_stats_document(pf_store *store, pf_text *out, pf_err *err)
{
	pf_json json = pf_json_start(out, false);
	pf_totals totals = { 0 };
	int64_t component_count = 0;
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);

	if (rc == 0)
		rc = totals_of(lease.conn, &totals, err);
	if (rc == 0)
		rc = components(lease.conn, NULL, &component_count, err);
	if (rc < 0)
		return rc;
	pf_json_object(&json, NULL);
	pf_json_int(&json, "total_patterns", totals.patterns);
	pf_json_int(&json, "total_components", component_count);
	pf_json_int(&json, "high_confidence_patterns", totals.high);
	pf_json_ratio(&json, "average_confidence",
		      totals.patterns ? totals.confidence_sum / (double)totals.patterns : 0.0);
	rc = by_category(lease.conn, &json, err);
	if (rc == 0)
		rc = by_type(lease.conn, &json, err);
	pf_json_object(&json, "components_by_type");
	if (rc == 0)
		rc = components(lease.conn, &json, &component_count, err);
	pf_json_end(&json);
	pf_json_object(&json, "confidence_bands");
	pf_json_int(&json, "high", totals.high);
	pf_json_int(&json, "medium", totals.medium);
	pf_json_int(&json, "low", totals.low);
	pf_json_end(&json);
	pf_json_end(&json);
	return rc < 0 ? rc : out->failed ? no_memory(err) : 0;
}
