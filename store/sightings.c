/*
 * The patterns that a submission sights. A module's components show many of the
 * same patterns: each is looked up once, and its row is written once, when all
 * components are learned. Until then what it counts is known here alone.
 */
#include <stdio.h>
#include <xxhash.h>

#include "store-internal.h"

struct sightings {
	struct sighted **slots; /* by hash; at the most half of them are taken */
	size_t room;		/* a power of two */
	size_t count;
	struct sighted *first, **last; /* as they came */
};

void sightings_forget(pf_txn *txn)
{
	struct sightings *sightings = txn->sightings;

	if (!sightings)
		return;
	for (struct sighted *s = sightings->first, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	free(sightings->slots);
	free(sightings);
	txn->sightings = NULL;
}

/* Where the pattern is, or would be. */
static struct sighted **slot_of(const struct sightings *sightings, pf_scope scope, const char *signature)
{
	size_t mask = sightings->room - 1;
	size_t at = XXH3_64bits_withSeed(signature, strlen(signature), (XXH64_hash_t)scope) & mask;
	struct sighted *s;

	while ((s = sightings->slots[at]) && (s->scope != scope || strcmp(s->signature, signature) != 0))
		at = (at + 1) & mask;
	return &sightings->slots[at];
}

static bool grow(struct sightings *sightings)
{
	size_t room = sightings->room ? sightings->room * 2 : 256;
	struct sighted **slots = calloc(room, sizeof(*slots));

	if (!slots)
		return false;
	free(sightings->slots);
	sightings->slots = slots;
	sightings->room = room;
	for (struct sighted *s = sightings->first; s; s = s->next)
		*slot_of(sightings, s->scope, s->signature) = s;
	return true;
}

static struct sightings *with_room(pf_txn *txn)
{
	struct sightings *sightings = txn->sightings;

	if (!sightings) {
		sightings = txn->sightings = calloc(1, sizeof *sightings);
		if (!sightings)
			return NULL;
		sightings->last = &sightings->first;
	}
	return sightings->count < sightings->room / 2 || grow(sightings) ? sightings : NULL;
}

int sighted_find(pf_txn *txn, pf_scope scope, const char *signature, struct sighted **found, pf_err *err)
{
	struct sightings *sightings = with_room(txn);
	struct sighted **slot, *made;

	if (!sightings)
		return no_memory(err);
	slot = slot_of(sightings, scope, signature);
	*found = *slot;
	if (*slot)
		return 1;
	made = calloc(1, sizeof *made);
	if (!made)
		return no_memory(err);
	made->scope = scope;
	snprintf(made->signature, sizeof made->signature, "%s", signature);
	*found = *slot = *sightings->last = made;
	sightings->last = &made->next;
	sightings->count++;
	return 0;
}

/* Examples are few: components that come later are not among them. */
static int renew_examples(pf_txn *txn, const struct sighted *s, pf_text *data, struct pattern_extra *extra, pf_err *err)
{
	if (s->row.components > EXAMPLES)
		return 0;
	extra->data = data;
	return pattern_examples(txn->conn, s->id, data, &extra->growth, err);
}

void sighted_tell(pf_txn *txn, const struct sighted *s, int64_t components, int64_t size)
{
	struct changed_pattern changed = {
		.id = s->id,
		.scope = s->scope,
		.components = components,
		.sighted = s->now.components - components,
		.size = size,
	};

	snprintf(changed.file_name, sizeof changed.file_name, "%s", s->file_name);
	changed_add(txn, &changed, changed.sighted);
}

static int put_row(pf_txn *txn, const struct sighted *s, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text data = { 0 };
	struct pattern_extra extra = { .breadth = s->breadth, .trivial = &s->trivial };
	int rc = renew_examples(txn, s, &data, &extra, err);

	if (rc < 0)
		return rc;
	sighted_tell(txn, s, s->row.components,
		     add_capped(s->size, pattern_growth(&s->row, s->bound, &s->now, &extra)));
	return pattern_put_counts(txn, s->id, &s->row, s->bound, &s->now, &extra, s->at, err);
}

int sightings_flush(pf_txn *txn, pf_err *err)
{
	int rc = 0;

	for (struct sighted *s = txn->sightings ? txn->sightings->first : NULL; s && rc == 0; s = s->next)
		if (s->changed)
			rc = put_row(txn, s, err);
	sightings_forget(txn);
	return rc;
}
