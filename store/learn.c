/*
 * Learning a component: its row, and which patterns it shows.
 *
 * A component's sightings are compared with what it showed before: what stays
 * is not counted again, what is new is sighted, what is gone is withdrawn. A
 * component that moves shows none of its old place's patterns any longer; where
 * a pattern loses its last component so, its verdicts go with it.
 */
#include <stdio.h>

#include "store-internal.h"

/* What the component showed before. */
struct shown {
	char signature[33];
	bool archived, stays;
	int64_t id, scope;
	int64_t first_line, last_line;
	struct counts counts;
	double bound;
	char *path;
	size_t successor; /* the module's pattern of this signature, in the component's new place; SIZE_MAX: none */
};

/* The verdicts that a pattern takes over from its counterpart in the old place. */
struct carried {
	int64_t success, failure;
};

struct learning {
	pf_txn *txn;
	const struct lesson *lesson;
	const pf_component *component;
	/* the place */
	const char *category, *subcategory; /* NULL: no subcategory */
	enum pf_component_type type;
	int64_t category_id;
	/* the row */
	int64_t id;
	bool is_new;
	int64_t previous_source; /* of the revision before; 0: none, or the same */
	char *previous_file;	 /* another submission's, that brought the revision before; or NULL */
	int64_t revision;
	int64_t at;
	/* by signature */
	struct shown *shown;
	uint32_t shown_count, shown_room;
	/* parallel to component->patterns */
	struct shown **matches; /* what stays */
	struct carried *carried;
	struct ids libraries_before, libraries;
	struct libraries_change libraries_change;
	/* of the live ones */
	int64_t pattern_count, path_bytes;
};

static void learning_free(struct learning *l)
{
	for (size_t i = 0; i < l->shown_count; i++)
		free(l->shown[i].path);
	free(l->shown);
	free(l->matches);
	free(l->carried);
	free(l->previous_file);
	ids_free(&l->libraries_before);
	ids_free(&l->libraries);
	libraries_change_free(&l->libraries_change);
}

static pf_scope scope_of(const struct learning *l, enum pf_pattern_type type)
{
	return pf_scope_make(l->category_id, (int)l->type, (int)type);
}

/* ---- the component's row ---- */

static int pattern_event(struct learning *l, enum event event, int64_t at, int64_t pattern, const char *path,
			 int64_t success, int64_t failure, pf_err *err)
{
	return history_add(l->txn,
			   &(struct occurrence){
				   .event = event,
				   .at = at,
				   .pattern_id = pattern,
				   .pattern_path = path,
				   .component_id = l->id,
				   .component_name = l->component->name,
				   .success = success,
				   .failure = failure,
			   },
			   err);
}

static int event(struct learning *l, enum event event, int64_t at, int64_t success, int64_t failure, pf_err *err)
{
	return pattern_event(l, event, at, 0, NULL, success, failure, err);
}

static void bind_score(struct query *q, const struct metadata *said)
{
	if (said->has_success_score)
		query_real(q, said->success_score);
	else
		query_null(q);
}

static int count_in_place(struct learning *l, int more, pf_err *err)
{
	return components_count_place(l->txn, l->category, pf_component_type_name(l->type), l->subcategory, more, err);
}

static int next_component_id(pf_txn *txn, int64_t *id, pf_err *err)
{
	int rc;

	if (!txn->components_known) {
		QUERY(q, txn->conn, STMT_COMPONENT_LAST);
		rc = query_row(&q, err);
		if (rc < 0)
			return rc;
		txn->component_id = rc ? column_int(&q, 0) : 0;
		txn->components_known = true;
	}
	*id = txn->component_id = add_capped(txn->component_id, 1);
	return 0;
}

static int add_component(struct learning *l, pf_err *err)
{
	int rc = next_component_id(l->txn, &l->id, err);

	l->is_new = true;
	l->txn->learning = l->id;
	l->revision = 1;
	if (rc == 0)
		rc = components_count(l->txn, pf_component_type_name(l->type), 1, l->at, err);
	if (rc == 0)
		rc = count_in_place(l, 1, err);
	return rc < 0 ? rc : event(l, EVENT_SUBMITTED, l->at, 0, 0, err);
}

static int put_row(struct learning *l, pf_err *err)
{
	const pf_component *c = l->component;
	char entry[NAME_CUT + 1];

	QUERY(q, l->txn->conn, l->is_new ? STMT_COMPONENT_ADD : STMT_COMPONENT_REVISE);
	query_int(&q, l->id);
	query_text(&q, l->category);
	query_text(&q, l->subcategory);
	query_text(&q, pf_component_type_name(l->type));
	query_int(&q, c->complexity_score);
	query_text(&q, pf_complexity_range(c->complexity_score));
	query_text(&q, c->libraries);
	bind_score(&q, l->lesson->said);
	query_int(&q, l->revision);
	query_text(&q, l->lesson->path);
	query_int(&q, c->first_line);
	query_int(&q, c->last_line);
	query_int(&q, l->lesson->source_id);
	query_int(&q, (int64_t)l->lesson->source_size);
	query_int(&q, (int64_t)strlen(c->record));
	query_int(&q, l->at);
	query_text(&q, l->lesson->said->generation);
	query_int(&q, l->pattern_count);
	query_int(&q, l->path_bytes);
	if (!l->is_new)
		return query_run(&q, err);
	name_cut(c->name, entry);
	query_text(&q, c->name);
	query_text(&q, strcmp(entry, c->name) == 0 ? NULL : entry);
	return query_run(&q, err);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* OLD is at the component's row. */
static int leave_place(struct learning *l, struct query *old, bool moved, pf_err *err)
{
	const char *type = column_text(old, 3);
	int rc;

	if (!moved || !type)
		return 0;
	rc = components_count(l->txn, type, -1, l->at, err);
	return rc < 0 ? rc : components_count_place(l->txn, column_text(old, 1), type, column_text(old, 2), -1, err);
}

/* The same. */
static int revise_component(struct learning *l, struct query *old, pf_err *err)
{
	bool moved = !same_text(column_text(old, 1), l->category) || !same_text(column_text(old, 2), l->subcategory) ||
		     !same_text(column_text(old, 3), pf_component_type_name(l->type));
	bool revised = column_int(old, 6) != l->lesson->source_id;
	const char *file = column_text(old, 8);
	int64_t success = column_int(old, 9), failure = column_int(old, 10);
	int rc;

	l->id = column_int(old, 0);
	l->previous_source = revised ? column_int(old, 6) : 0;
	l->revision = column_int(old, 7) + revised;
	if (file && strcmp(file, l->lesson->path) != 0) {
		l->previous_file = strdup(file);
		if (!l->previous_file)
			return no_memory(err);
	}
	rc = libraries_load(l->txn->conn, column_text(old, 14), &l->libraries_before, err);
	if (rc == 0)
		rc = leave_place(l, old, moved, err);
	query_again(old); /* FILE and the like end here */
	if (rc == 0)
		rc = components_count(l->txn, pf_component_type_name(l->type), moved, l->at, err);
	if (rc == 0 && moved)
		rc = count_in_place(l, 1, err);
	if (rc == 0 && revised)
		rc = event(l, EVENT_SUBMITTED, l->at, success, failure, err);
	if (rc == 0 && moved)
		rc = event(l, EVENT_MOVED, revised ? txn_tick(l->txn) : l->at, success, failure, err);
	if (rc == 0 && !moved && !revised)
		rc = event(l, EVENT_DESCRIBED, l->at, success, failure, err);
	return rc;
}

static int load_component(struct learning *l, pf_err *err)
{
	int rc;

	QUERY(old, l->txn->conn, STMT_COMPONENT_BY_CLASS);
	query_text(&old, l->component->name);
	rc = query_row(&old, err);
	if (rc < 0)
		return rc;
	rc = rc ? revise_component(l, &old, err) : add_component(l, err);
	if (rc == 0)
		rc = libraries_load(l->txn->conn, l->component->libraries, &l->libraries, err);
	return rc < 0 ? rc
		      : libraries_of_component(l->txn, l->id, &l->libraries_before, &l->libraries, &l->libraries_change,
					       err);
}

/* A new component. */
static void tell(struct learning *l)
{
	struct new_component made = { .id = l->id, .at = l->at };

	name_cut(l->component->name, made.entry);
	changed_made(l->txn, &made);
}

/* Last, when its patterns are counted. */
static int put_component(struct learning *l, pf_err *err)
{
	int rc = put_row(l, err);

	if (l->is_new)
		tell(l);
	if (rc == 0 && l->previous_source)
		rc = source_release(l->txn, l->previous_source, err);
	if (rc < 0)
		return rc;
	QUERY(record, l->txn->conn, STMT_COMPONENT_PUT_RECORD);
	query_int(&record, l->id);
	query_text(&record, l->component->record);
	rc = query_run(&record, err);
	if (rc < 0)
		return rc;
	QUERY(link, l->txn->conn, STMT_SOURCE_COMPONENT_ADD);
	query_int(&link, l->lesson->source_id);
	query_int(&link, l->id);
	return query_run(&link, err);
}

/* ---- what it showed before ---- */

static int by_signature(const void *a, const void *b)
{
	return strcmp(((const struct shown *)a)->signature, ((const struct shown *)b)->signature);
}

static int add_shown(struct learning *l, struct query *q, pf_err *err)
{
	const char *signature = column_text(q, 2), *path = column_text(q, 4);
	struct shown *shown;

	if (!array_room(&l->shown, &l->shown_room, l->shown_count, sizeof *l->shown))
		return no_memory(err);
	shown = &l->shown[l->shown_count];
	*shown = (struct shown){
		.id = column_int(q, 0),
		.scope = column_int(q, 1),
		.archived = column_int(q, 3) != 0,
		.path = path ? strdup(path) : NULL,
		.first_line = column_int(q, 5),
		.last_line = column_int(q, 6),
		.counts = { column_int(q, 7), column_int(q, 8), column_int(q, 9) },
		.bound = column_real(q, 10),
		.successor = SIZE_MAX,
	};
	if (!shown->path || !signature)
		return free(shown->path), no_memory(err);
	snprintf(shown->signature, sizeof shown->signature, "%s", signature);
	l->shown_count++;
	return 0;
}

static int load_shown(struct learning *l, pf_err *err)
{
	int rc;

	QUERY(q, l->txn->conn, STMT_COMPONENT_SIGHTINGS);
	query_int(&q, l->id);
	while ((rc = query_row(&q, err)) > 0) {
		rc = add_shown(l, &q, err);
		if (rc < 0)
			return rc;
	}
	if (l->shown_count)
		qsort(l->shown, l->shown_count, sizeof *l->shown, by_signature);
	return rc;
}

/* Which of the module's patterns the component showed already, here or in its old place. */
static void match_patterns(struct learning *l)
{
	for (size_t i = 0; i < l->component->pattern_count && l->shown_count; i++) {
		const pf_pattern *p = &l->component->patterns[i];
		struct shown key, *found;

		memcpy(key.signature, p->signature, sizeof key.signature);
		found = bsearch(&key, l->shown, l->shown_count, sizeof key, by_signature);
		if (!found)
			continue;
		if (found->scope == scope_of(l, p->type)) {
			found->stays = true;
			l->matches[i] = found;
		} else {
			found->successor = i;
		}
	}
}

/* ---- sightings ---- */

static int drop_sighting(struct learning *l, int64_t pattern, pf_err *err)
{
	QUERY(q, l->txn->conn, STMT_SIGHTING_DROP);
	query_int(&q, l->id);
	query_int(&q, pattern);
	return query_run(&q, err);
}

/* Of a pattern that is not archived; it is live while a component shows it. */
static int change_totals(struct learning *l, pf_scope scope, const struct counts *before, const struct counts *after,
			 pf_err *err)
{
	return totals_change(l->txn, scope, before->components > 0 ? before : NULL,
			     after->components > 0 ? after : NULL, l->txn->now, err);
}

static int withdraw(struct learning *l, const struct shown *shown, pf_err *err)
{
	struct counts after = shown->counts;
	__attribute__((cleanup(pf_text_free))) pf_text data = { 0 };
	struct pattern_extra extra = { .data = &data };
	int64_t at = txn_tick(l->txn);
	int rc = drop_sighting(l, shown->id, err);

	after.success -= after.success > 0;
	after.components -= after.components > 0;
	if (after.components == 0 && shown->successor != SIZE_MAX) {
		l->carried[shown->successor] = (struct carried){ after.success, after.failure };
		after = (struct counts){ 0 };
	}
	if (rc == 0)
		rc = libraries_withdrawn(l->txn, shown->id, after.components, &l->libraries_before, &extra.breadth,
					 err);
	if (rc == 0)
		rc = pattern_examples(l->txn->conn, shown->id, &data, &extra.growth, err);
	if (rc == 0)
		rc = pattern_put_counts(l->txn, shown->id, &shown->counts, shown->bound, &after, &extra, at, err);
	if (rc == 0 && !shown->archived)
		rc = change_totals(l, shown->scope, &shown->counts, &after, err);
	return rc < 0 ? rc
		      : pattern_event(l, EVENT_WITHDRAWN, l->txn->now, shown->id, shown->path, after.success,
				      after.failure, err);
}

/* Puts PART at AT, as far as it has room before END; returns where that ends. */
static char *put_part(char *at, const char *end, const char *part)
{
	size_t len = strnlen(part, (size_t)(end - at));

	memcpy(at, part, len);
	return at + len;
}

static void set_file_name(struct learning *l, const pf_pattern *p, struct sighted *s, const char *name)
{
	const char *parts[] = {
		l->category, "/",	  pf_component_type_name(l->type), "/", pf_pattern_type_name((int)p->type),
		"/",	     s->file_name
	};
	char *at = s->path, *end = s->path + sizeof s->path - 1;

	*put_part(s->file_name, s->file_name + sizeof s->file_name - 1, name ? name : "") = '\0';
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		at = put_part(at, end, parts[i]);
	*at = '\0';
}

static int find_known(struct learning *l, const pf_pattern *p, struct sighted *s, pf_err *err)
{
	int rc;

	QUERY(q, l->txn->conn, STMT_PATTERN_BY_SIGNATURE);
	query_text(&q, l->category);
	query_text(&q, pf_component_type_name(l->type));
	query_text(&q, pf_pattern_type_name((int)p->type));
	query_text(&q, p->signature);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc;
	set_file_name(l, p, s, column_text(&q, 1));
	s->id = column_int(&q, 0);
	s->archived = column_int(&q, 2) != 0;
	s->row = s->now = (struct counts){ column_int(&q, 3), column_int(&q, 4), column_int(&q, 5) };
	s->bound = column_real(&q, 6);
	s->size = column_int(&q, 7);
	return 0;
}

static int next_pattern_id(pf_txn *txn, int64_t *id, pf_err *err)
{
	int rc;

	if (!txn->patterns_known) {
		QUERY(q, txn->conn, STMT_PATTERN_LAST);
		rc = query_row(&q, err);
		if (rc < 0)
			return rc;
		txn->pattern_id = rc ? column_int(&q, 0) : 0;
		txn->patterns_known = true;
	}
	*id = txn->pattern_id + 1;
	return 0;
}

/* 1, or 0 where the file name with DIGITS is another pattern's. */
static int try_file_name(struct learning *l, const pf_pattern *p, int digits, const struct document *d, int64_t size,
			 struct sighted *s, pf_err *err)
{
	char name[sizeof s->file_name];
	int rc;

	snprintf(name, sizeof name, "%.80s-%.*s.json", p->name, digits, p->signature);
	set_file_name(l, p, s, name);
	QUERY(q, l->txn->conn, STMT_PATTERN_ADD);
	query_int(&q, d->id);
	query_text(&q, d->component_name);
	query_text(&q, d->pattern_type);
	query_text(&q, d->pattern_name);
	query_text(&q, d->category);
	query_text(&q, d->subcategory);
	query_text(&q, d->component_type);
	query_text(&q, d->complexity_range);
	query_int(&q, d->counts.success);
	query_int(&q, d->counts.failure);
	query_real(&q, d->bound);
	query_text(&q, d->signature);
	query_text(&q, d->libraries);
	query_int(&q, scope_of(l, p->type));
	query_text(&q, name);
	query_int(&q, l->txn->now);
	query_text(&q, d->data);
	query_int(&q, size);
	query_int(&q, p->trivial);
	query_int(&q, (int64_t)l->libraries.count);
	rc = query_run(&q, err);
	return rc < 0 ? rc : sqlite3_changes(l->txn->conn->db) > 0;
}

/* A file name is made longer until no other pattern has it. */
static int add_pattern(struct learning *l, const pf_pattern *p, struct sighted *s, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text data = { 0 };
	struct document d = {
		.component_name = l->component->name,
		.pattern_type = pf_pattern_type_name((int)p->type),
		.pattern_name = p->name,
		.category = l->category,
		.subcategory = l->subcategory,
		.component_type = pf_component_type_name(l->type),
		.complexity_range = pf_complexity_range(l->component->complexity_score),
		.counts = s->now,
		.bound = wilson_lower_bound(s->now.success, s->now.failure),
		.signature = p->signature,
		.libraries = l->component->libraries,
	};
	int64_t libraries = 0, size;
	int rc = next_pattern_id(l->txn, &d.id, err);

	if (rc == 0)
		rc = pattern_data_start(p->data, &data, err);
	if (rc < 0)
		return rc;
	d.data = data.bytes;
	size = document_length(&d);
	for (int digits = 8; rc == 0 && digits <= 32; digits += 4)
		rc = try_file_name(l, p, digits, &d, size, s, err);
	if (rc == 0)
		return pf_fail(err, EIO, "no file name is left for the pattern %s", p->signature);
	l->txn->pattern_id = s->id = d.id;
	s->row = s->now;
	s->bound = d.bound;
	s->size = size;
	if (rc < 0)
		return rc;
	sighted_tell(l->txn, s, 0, size);
	return libraries_sighted(l->txn, s->id, &l->libraries, &libraries, err);
}

/* The pattern was archived, and is not any longer. */
static int restore(struct learning *l, struct sighted *s, pf_err *err)
{
	const struct counts none = { 0 };
	int rc;

	{
		QUERY(q, l->txn->conn, STMT_PATTERN_RESTORE);
		query_int(&q, s->id);
		query_int(&q, l->txn->now);
		rc = query_run(&q, err);
	}
	if (rc == 0)
		rc = components_pattern_came(l->txn, s->id, s->path, 1, l->txn->now, err);
	if (rc == 0)
		rc = change_totals(l, s->scope, &none, &s->now, err);
	if (rc == 0)
		rc = pattern_event(l, EVENT_RESTORED, l->txn->now, s->id, s->path, s->now.success, s->now.failure, err);
	txn_tick(l->txn);
	s->archived = false;
	return rc;
}

/* Its row has the component's libraries already where another one of the module with the same ones was there before. */
static int add_libraries(struct learning *l, struct sighted *s, pf_err *err)
{
	if (s->libraries && strcmp(s->libraries, l->component->libraries) == 0)
		return 0;
	return libraries_sighted(l->txn, s->id, &l->libraries, &s->breadth, err);
}

/* S counts the component; *BEFORE is what it counted before. */
static int count_sighting(struct learning *l, const pf_pattern *p, const struct carried *carried, struct sighted *s,
			  struct counts *before, pf_err *err)
{
	int rc = s->archived ? restore(l, s, err) : 0;

	*before = s->now;
	s->now.success = add_capped(s->now.success, add_capped(carried->success, 1));
	s->now.failure = add_capped(s->now.failure, carried->failure);
	s->now.components = add_capped(s->now.components, 1);
	if (rc == 0 && !s->id) {
		rc = add_pattern(l, p, s, err);
	} else if (rc == 0) {
		rc = add_libraries(l, s, err);
		s->changed = true;
		s->trivial = p->trivial;
		s->at = l->txn->now;
	}
	s->libraries = l->component->libraries;
	return rc;
}

static int put_sighting(struct learning *l, enum stmt stmt, int64_t pattern, const pf_pattern *p, pf_err *err)
{
	QUERY(q, l->txn->conn, stmt);
	query_int(&q, l->id);
	query_int(&q, pattern);
	query_int(&q, p->first_line);
	query_int(&q, p->last_line);
	return query_run(&q, err);
}

static void count_live(struct learning *l, const pf_pattern *p, const char *path, bool is_new)
{
	l->pattern_count++;
	l->path_bytes += (int64_t)strlen(path);
	receipt_pattern(l->lesson->receipt, path, pf_pattern_type_name((int)p->type), p->name, p->first_line,
			p->last_line, is_new);
}

static int sight(struct learning *l, size_t i, pf_err *err)
{
	const pf_pattern *p = &l->component->patterns[i];
	struct sighted *s;
	struct counts before;
	bool is_new;
	int rc;

	txn_tick(l->txn);
	rc = sighted_find(l->txn, scope_of(l, p->type), p->signature, &s, err);
	if (rc == 0)
		rc = find_known(l, p, s, err);
	if (rc < 0)
		return rc;
	is_new = !s->id;
	rc = count_sighting(l, p, &l->carried[i], s, &before, err);
	if (rc == 0)
		rc = put_sighting(l, STMT_SIGHTING_ADD, s->id, p, err);
	if (rc == 0)
		rc = change_totals(l, s->scope, &before, &s->now, err);
	if (rc < 0)
		return rc;
	count_live(l, p, s->path, is_new);
	return pattern_event(l, EVENT_SIGHTED, l->txn->now, s->id, s->path, s->now.success, s->now.failure, err);
}

static int keep(struct learning *l, size_t i, pf_err *err)
{
	const pf_pattern *p = &l->component->patterns[i];
	const struct shown *shown = l->matches[i];

	if (!shown->archived)
		count_live(l, p, shown->path, false);
	if (l->libraries_change.came.count || l->libraries_change.went.count) {
		int rc = libraries_kept(l->txn, shown->id, &l->libraries_change, err);

		if (rc < 0)
			return rc;
	}
	if (shown->first_line == p->first_line && shown->last_line == p->last_line)
		return 0;
	return put_sighting(l, STMT_SIGHTING_LINES, shown->id, p, err);
}

static int put_sightings(struct learning *l, pf_err *err)
{
	size_t count = l->component->pattern_count;
	/* Of what it showed the rows are read and changed. */
	int rc = l->is_new ? 0 : sightings_flush(l->txn, err);

	if (rc == 0 && !l->is_new)
		rc = load_shown(l, err);

	l->matches = calloc(count + 1, sizeof *l->matches);
	l->carried = calloc(count + 1, sizeof *l->carried);
	if (!l->matches || !l->carried)
		return no_memory(err);
	match_patterns(l);
	for (size_t i = 0; i < l->shown_count && rc == 0; i++)
		if (!l->shown[i].stays)
			rc = withdraw(l, &l->shown[i], err);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = l->matches[i] ? keep(l, i, err) : sight(l, i, err);
	return rc;
}

int learn_component(pf_txn *txn, const struct lesson *lesson, pf_err *err)
{
	const struct metadata *said = lesson->said;
	const pf_component *component = lesson->component;
	__attribute__((cleanup(learning_free))) struct learning l = {
		.txn = txn,
		.lesson = lesson,
		.component = component,
		.category = said->category[0] ? said->category : component->category,
		.subcategory = said->subcategory[0] ? said->subcategory : component->subcategory,
		.type = said->component_type ? (enum pf_component_type)said->component_type : component->type,
		.at = txn_tick(txn),
	};
	int rc = category_id(txn->conn, l.category, true, &l.category_id, err);

	txn->learning = 0;
	if (rc == 0)
		rc = load_component(&l, err);
	if (rc < 0)
		return rc;
	receipt_component(lesson->receipt, &(struct component_head){
						   .name = component->name,
						   .category = l.category,
						   .subcategory = l.subcategory,
						   .component_type = pf_component_type_name(l.type),
						   .revision = l.revision,
						   .previous_file = l.previous_file,
					   });
	rc = put_sightings(&l, err);
	if (rc == 0)
		rc = put_component(&l, err);
	pf_json_end(lesson->receipt);
	pf_json_end(lesson->receipt);
	return rc;
}
