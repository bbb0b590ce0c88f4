/*
 * stats.json.
 */
#include "store-internal.h"

/*
 * The document, and how many spaces its numbers leave of the room that each
 * has: they go to its end, so that it is as long whatever is counted (confidence.c
 * says why).
 */
struct stats {
	pf_json json;
	int gap;
};

static void put_count(struct stats *stats, const char *key, int64_t count)
{
	enum { ROOM = 7 };
	int len = digits_of(count);

	pf_json_int(&stats->json, key, count);
	stats->gap += len < ROOM ? ROOM - len : 0;
}

static void put_ratio(struct stats *stats, const char *key, double ratio)
{
	enum { ROOM = 5 };
	char digits[RATIO_ROOM];

	stats->gap += ROOM - ratio_print(ratio, digits);
	pf_json_raw(&stats->json, key, digits);
}

static int by_category(struct connection *conn, struct stats *stats, pf_err *err)
{
	int rc;

	pf_json_object(&stats->json, "patterns_by_category");
	QUERY(q, conn, STMT_STATS_CATEGORIES);
	while ((rc = query_row(&q, err)) > 0)
		put_count(stats, column_text(&q, 0), column_int(&q, 1));
	pf_json_end(&stats->json);
	return rc;
}

static int by_type(struct connection *conn, struct stats *stats, pf_err *err)
{
	int rc;

	pf_json_object(&stats->json, "patterns_by_type");
	QUERY(q, conn, STMT_STATS_TYPES);
	while ((rc = query_row(&q, err)) > 0)
		put_count(stats, pf_pattern_type_name((int)column_int(&q, 0)), column_int(&q, 1));
	pf_json_end(&stats->json);
	return rc;
}

/* COUNTS by component type: adds them up, and lists them where STATS are given. */
static int components(struct connection *conn, struct stats *stats, int64_t *total, pf_err *err)
{
	int rc;

	*total = 0;
	QUERY(q, conn, STMT_STATS_COMPONENTS);
	while ((rc = query_row(&q, err)) > 0) {
		*total += column_int(&q, 1);
		if (stats)
			put_count(stats, column_text(&q, 0), column_int(&q, 1));
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
	struct stats stats = { pf_json_start(out, false), 0 };
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
	pf_json_object(&stats.json, NULL);
	put_count(&stats, "total_patterns", totals.patterns);
	put_count(&stats, "total_components", component_count);
	put_count(&stats, "high_confidence_patterns", totals.high);
	put_ratio(&stats, "average_confidence",
		  totals.patterns ? totals.confidence_sum / (double)totals.patterns : 0.0);
	rc = by_category(lease.conn, &stats, err);
	if (rc == 0)
		rc = by_type(lease.conn, &stats, err);
	pf_json_object(&stats.json, "components_by_type");
	if (rc == 0)
		rc = components(lease.conn, &stats, &component_count, err);
	pf_json_end(&stats.json);
	pf_json_object(&stats.json, "confidence_bands");
	put_count(&stats, "high", totals.high);
	put_count(&stats, "medium", totals.medium);
	put_count(&stats, "low", totals.low);
	pf_json_end(&stats.json);
	pf_json_gap(&stats.json, stats.gap);
	pf_json_end(&stats.json);
	return rc < 0 ? rc : out->failed ? no_memory(err) : 0;
}
