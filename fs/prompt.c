/*
 * prompt.md. A result becomes an entry as it comes, of a few facts. In the end
 * entries are chosen, each unit of each group in turn, as long as the budget
 * lasts; bytes are additive, so each choice is one sum. Of a thousand results
 * some fifty are shown, so an entry's pattern_data is read, and its words, its
 * template and its example rendered, when its turn comes, and only where what is
 * known of its length says that it may fit.
 *
 * Entries are of two forms. The full one has a line of words, the template in a
 * fence and perhaps an example. The compact one is a line in a fence that all of
 * its unit share, for what needs no words: an import, a parameter's name.
 */
#include "prompt.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "json.h"
#include "markdown.h"
#include "unit.h"

enum {
	BYTES_PER_TOKEN = 4,
	BUDGET_LIMIT = 100 << 20, /* tokens; more are as many */
	TITLE_LIMIT = 200,	  /* bytes */
	NAME_LIMIT = 64,	  /* bytes of a category */
	COMPACT_LIMIT = 140,	  /* bytes of a compact line, without its comment */
	EXAMPLE_LINES = 12,	  /* of source */
	EXAMPLE_LIMIT = 1200,	  /* bytes */
	METHOD_LINES = 40,	  /* of a component's main method */
	METHOD_LIMIT = 3000,	  /* bytes */
	SHARE = 4,		  /* at first no entry takes more than this part of the budget */
	CONTAINED_IN = 256,	  /* so many better templates are looked through for the same lines */
	COMPACT_TURN = 4,	  /* so many of a list at a turn, for they are short */
	WORD_ROOM = MARKDOWN_WORD_LIMIT + 1,
	SIGNATURE_ROOM = 33,
};

struct prompt_entry {
	int64_t id;
	int unit; /* row of units */
	int64_t success, failure, component_count;
	double confidence, lower_bound;
	size_t template_length; /* at least, bytes */
	char component_type[WORD_ROOM], pattern_name[WORD_ROOM];
	char signature[SIGNATURE_ROOM]; /* empty: has none */
	bool once;			/* shown by one component alone */
	bool again;			/* an earlier one has the same signature */
	bool taken, example_taken;
	struct prompt_entry *next_of_unit; /* in the order in which they came, as all are */
	struct prompt_entry *next_taken;   /* of its group */
	/* Once it is rendered; of components, the text and its form are there before: */
	bool rendered;
	bool compact;
	char *lines;   /* of the template, each trimmed, with a newline before and after all */
	char *text;    /* the entry without its example; NULL: there is none, or it could never fit */
	char *example; /* what follows then, or NULL */
	size_t text_len, example_len;
};

static void entry_free(struct prompt_entry *entry)
{
	free(entry->lines);
	free(entry->text);
	free(entry->example);
}

/* ---- support ---- */

static double ratio(double value)
{
	return value >= 0 && value <= 1 ? value : 0; /* NAN too */
}

/* "12 hooks": how many show it. A pattern's components are all of one type. */
static void put_count(pf_text *out, const struct prompt_entry *entry)
{
	pf_text_printf(out, "%" PRId64 " ", entry->component_count);
	markdown_words(out, entry->component_type);
	pf_text_puts(out, entry->component_count == 1 ? "" : "s");
}

static void put_support(pf_text *out, const struct prompt_entry *entry)
{
	pf_text_printf(out, "Confidence %.2f (Wilson ≥ %.2f), ", ratio(entry->confidence), ratio(entry->lower_bound));
	put_count(out, entry);
	pf_text_printf(out, ", %" PRId64 " ok / %" PRId64 " failed.", entry->success, entry->failure);
}

/* ---- entries ---- */

/* The lines of TEMPLATE without the space around them, so that the same lines are found at any depth. */
static char *lines_of(const char *template)
{
	pf_text lines = { 0 };

	pf_text_puts(&lines, "\n");
	while (*template) {
		size_t len = strcspn(template, "\n"), start = strspn(template, " \t"), end = len;

		while (end > start && (template[end - 1] == ' ' || template[end - 1] == '\t'))
			end--;
		if (end > start) {
			pf_text_add(&lines, template + start, end - start);
			pf_text_puts(&lines, "\n");
		}
		template += len + (template[len] == '\n');
	}
	return pf_text_take(&lines);
}

/* Equal but for white space. */
static bool same_words(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, " \t\n");
		b += strspn(b, " \t\n");
		if (*a != *b)
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

static int count_lines(const char *text)
{
	int lines = 1;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static const char *member(const cJSON *data, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, key);

	return cJSON_IsString(item) && item->valuestring[0] ? item->valuestring : NULL;
}

/* CODE, without white space at its end. */
static void put_code(pf_text *out, const char *code, size_t limit)
{
	markdown_text(out, code, limit, true);
	while (out->len && strchr(" \t\n", out->bytes[out->len - 1]))
		out->bytes[--out->len] = '\0';
}

/* Where an example may go, and what it has to say more than. */
struct offer {
	const char *template;
	pf_text *out;
};

/* 1 where CODE is taken; and where it says no more than the template, for then no other one does. */
static int offer_code(void *arg, const char *code)
{
	const struct offer *offer = arg;
	__attribute__((cleanup(pf_text_free))) pf_text clean = { 0 };

	put_code(&clean, code, EXAMPLE_LIMIT + 1);
	offer->out->failed |= clean.failed;
	if (clean.failed || !clean.len || clean.len > EXAMPLE_LIMIT || count_lines(clean.bytes) > EXAMPLE_LINES)
		return 0;
	if (!same_words(clean.bytes, offer->template)) {
		pf_text_puts(offer->out, "Example:\n");
		markdown_fence(offer->out, clean.bytes);
	}
	return 1;
}

/* Whether the source answered, which RESULT says; what is gone answered. */
static bool answered(struct prompt *prompt, int result)
{
	if (result == -ENOENT)
		prompt->cause = (pf_err){ 0 };
	else if (result < 0)
		prompt->failed = true;
	return !prompt->failed;
}

/* What follows ENTRY: its own code where that will do, else another's. */
static void render_example(struct prompt *prompt, const struct prompt_entry *entry, const cJSON *data,
			   const char *template, pf_text *out)
{
	const struct prompt_source *source = &prompt->source;
	struct offer offer = { template, out };
	const char *code = member(data, "code");
	bool own = true;

	if (source->own && !answered(prompt, source->own(source->arg, entry->id, &own, &prompt->cause)))
		return;
	if (own && ((code && offer_code(&offer, code)) || entry->once))
		return;
	if (source->others)
		answered(prompt,
			 source->others(source->arg, entry->id, EXAMPLE_LINES, offer_code, &offer, &prompt->cause));
}

/* A line of the unit's list. */
static void render_compact(const struct prompt_entry *entry, const char *template, pf_text *out)
{
	pf_text_puts(out, template);
	pf_text_puts(out, "  # ");
	put_count(out, entry);
	if (entry->failure)
		pf_text_printf(out, ", confidence %.2f", ratio(entry->confidence));
	pf_text_puts(out, "\n");
}

static void render_full(const struct prompt_entry *entry, const cJSON *data, const char *template, pf_text *out)
{
	pf_text_puts(out, "\n**");
	unit_words(out, entry->unit, entry->pattern_name, data);
	pf_text_puts(out, ".** ");
	put_support(out, entry);
	pf_text_puts(out, "\n");
	if (template[0])
		markdown_fence(out, template);
}

/* `Name`, operator, ml/nlp: … */
static void render_component(const pf_result *result, pf_text *out)
{
	__attribute__((cleanup(pf_text_free))) pf_text path = { 0 };

	pf_text_puts(out, "- ");
	markdown_span(out, result->name ? result->name : "");
	pf_text_puts(out, ", ");
	markdown_words(out, result->component_type ? result->component_type : "");
	pf_text_puts(out, ", ");
	markdown_text(out, result->category ? result->category : "", NAME_LIMIT, false);
	if (result->subcategory) {
		pf_text_puts(out, "/");
		markdown_text(out, result->subcategory, NAME_LIMIT, false);
	}
	if (isfinite(result->success_score))
		pf_text_printf(out, ", success score %.6g", result->success_score);
	pf_text_printf(out, ", confidence %.2f: ", ratio(result->confidence));
	pf_text_printf(&path, "%s/source.py", result->path ? result->path : "");
	if (!path.failed)
		markdown_span(out, path.bytes);
	pf_text_puts(out, "\n");
	out->failed |= path.failed;
}

/* Hands BUILT to *TEXT; false where memory ran out. */
static bool hand_over(pf_text *built, char **text, size_t *len)
{
	*len = built->len;
	*text = NULL;
	if (!built->len)
		return !built->failed;
	*text = pf_text_take(built);
	return *text != NULL;
}

static bool compact_enough(const char *template)
{
	return template[0] && strlen(template) <= COMPACT_LIMIT && !strchr(template, '\n') &&
	       markdown_ticks(template) < MARKDOWN_FENCE;
}

static bool render_pattern(struct prompt *prompt, struct prompt_entry *entry, const cJSON *data)
{
	const struct unit *unit = &units[entry->unit];
	__attribute__((cleanup(pf_text_free))) pf_text code = { 0 }, text = { 0 }, example = { 0 };
	const char *written = member(data, "template"), *template;

	put_code(&code, written ? written : "", SIZE_MAX);
	template = code.len ? code.bytes : "";
	entry->compact = unit->list && compact_enough(template);
	if (entry->compact)
		render_compact(entry, template, &text);
	else
		render_full(entry, data, template, &text);
	if (unit->example && !entry->compact)
		render_example(prompt, entry, data, template, &example);
	entry->lines = lines_of(template);
	return !code.failed && entry->lines && hand_over(&text, &entry->text, &entry->text_len) &&
	       hand_over(&example, &entry->example, &entry->example_len);
}

static size_t budget_bytes(const struct prompt *prompt)
{
	if (prompt->budget <= 0)
		return 0;
	return (size_t)(prompt->budget < BUDGET_LIMIT ? prompt->budget : BUDGET_LIMIT) * BYTES_PER_TOKEN;
}

/* What could never fit is not kept, so that memory is bounded by results times budget. */
static void drop_too_large(const struct prompt *prompt, struct prompt_entry *entry)
{
	if (entry->text_len <= budget_bytes(prompt))
		return;
	entry_free(entry);
	entry->lines = entry->text = entry->example = NULL;
}

static bool render_with_data(struct prompt *prompt, struct prompt_entry *entry)
{
	__attribute__((cleanup(pf_text_free))) pf_text text = { 0 };
	int result = prompt->source.data(prompt->source.arg, entry->id, &text, &prompt->cause);
	bool rendered, failed = text.failed;
	cJSON *data = NULL;

	if (!answered(prompt, result))
		return false;
	if (result == -ENOENT) /* archived since it was found */
		return true;
	if (!failed && text.len)
		data = pf_json_read(text.bytes, text.len, NULL, &failed);
	rendered = !failed && render_pattern(prompt, entry, data);
	cJSON_Delete(data);
	return rendered;
}

/* The main method of a component, whose text is there already. */
static bool render_method(struct prompt *prompt, struct prompt_entry *entry)
{
	__attribute__((cleanup(pf_text_free))) pf_text code = { 0 }, clean = { 0 }, example = { 0 };
	const struct prompt_source *source = &prompt->source;

	if (!source->method)
		return true;
	if (!answered(prompt, source->method(source->arg, entry->id, &code, &prompt->cause)))
		return false;
	put_code(&clean, code.len ? code.bytes : "", METHOD_LIMIT + 1);
	if (clean.len && clean.len <= METHOD_LIMIT && count_lines(clean.bytes) <= METHOD_LINES)
		markdown_fence(&example, clean.bytes);
	return !code.failed && !clean.failed && hand_over(&example, &entry->example, &entry->example_len);
}

/* Makes ENTRY's text, where that was not done yet; false where it has none, and where that failed. */
static bool look_at(struct prompt *prompt, struct prompt_entry *entry)
{
	if (entry->rendered)
		return entry->text;
	entry->rendered = true;
	prompt->failed |= !(entry->unit == UNIT_COMPONENTS ? render_method : render_with_data)(prompt, entry);
	drop_too_large(prompt, entry);
	return entry->text && !prompt->failed;
}

/* As much of TEXT as fits. */
static void keep(char *kept, size_t room, const char *text)
{
	size_t len = strnlen(text, room - 1);

	memcpy(kept, text, len);
	kept[len] = '\0';
}

/* The facts of a pattern, the text of a component. */
static bool fill_entry(const struct prompt *prompt, const pf_result *result, struct prompt_entry *entry)
{
	__attribute__((cleanup(pf_text_free))) pf_text text = { 0 };
	const char *type = result->component_type;

	entry->id = result->id;
	entry->unit = unit_find(result->pattern_type, result->pattern_name);
	entry->once = result->component_count <= 1;
	if (entry->unit == UNIT_COMPONENTS) {
		entry->compact = true;
		render_component(result, &text);
		if (!hand_over(&text, &entry->text, &entry->text_len))
			return false;
		drop_too_large(prompt, entry);
		entry->rendered = !entry->text;
		return true;
	}
	entry->success = result->success;
	entry->failure = result->failure;
	entry->component_count = result->component_count;
	entry->confidence = result->confidence;
	entry->lower_bound = result->lower_bound;
	entry->template_length = (size_t)result->template_length;
	keep(entry->component_type, sizeof entry->component_type, type && type[0] ? type : "component");
	keep(entry->pattern_name, sizeof entry->pattern_name, result->pattern_name);
	keep(entry->signature, sizeof entry->signature, result->signature ? result->signature : "");
	return true;
}

int prompt_add(struct prompt *prompt, const pf_result *result)
{
	struct prompt_entry entry = { 0 };

	if (!fill_entry(prompt, result, &entry) ||
	    !array_room(&prompt->entries, &prompt->room, prompt->count, sizeof *prompt->entries)) {
		entry_free(&entry);
		prompt->failed = true;
		return -ENOMEM;
	}
	prompt->entries[prompt->count++] = entry;
	return 0;
}

void prompt_start(struct prompt *prompt, const char *title, int64_t budget, const struct prompt_source *source)
{
	*prompt = (struct prompt){ .budget = budget, .source = *source };
	markdown_text(&prompt->title, title, TITLE_LIMIT, false);
}

/* ---- the choice ---- */

/* What is chosen so far, and what it costs. */
struct choice {
	struct prompt *prompt;
	size_t used, room;			 /* bytes */
	size_t share;				 /* no entry may take more, bytes */
	bool once;				 /* those that wait are taken too */
	struct prompt_entry *first[UNIT_COUNT];	 /* of each unit */
	struct prompt_entry *next[UNIT_COUNT];	 /* to try next */
	struct prompt_entry *taken[GROUP_COUNT]; /* of each group, best first */
	int order[UNIT_COUNT];			 /* units, as the groups of their best came */
	int unit_count;
	bool list_open[UNIT_COUNT];
};

static enum group group_of(const struct prompt_entry *entry)
{
	return units[entry->unit].group;
}

static void put_group_open(pf_text *out, enum group group)
{
	pf_text_printf(out, "\n## %s\n", group_titles[group]);
}

static const char list_close[] = "```\n";

static void put_list_open(pf_text *out, int unit)
{
	if (unit == UNIT_COMPONENTS)
		pf_text_puts(out, "\n");
	else
		pf_text_printf(out, "\n%s:\n```python\n", units[unit].list);
}

static void put_list_close(pf_text *out, int unit)
{
	if (unit != UNIT_COMPONENTS)
		pf_text_puts(out, list_close);
}

/* Bytes that ENTRY costs besides its own: the heading of its group, its list's beginning and end. */
static size_t opening(struct choice *choice, const struct prompt_entry *entry)
{
	__attribute__((cleanup(pf_text_free))) pf_text text = { 0 };

	if (!choice->taken[group_of(entry)])
		put_group_open(&text, group_of(entry));
	if (entry->compact && !choice->list_open[entry->unit]) {
		put_list_open(&text, entry->unit);
		put_list_close(&text, entry->unit);
	}
	choice->prompt->failed |= text.failed;
	return text.len;
}

/* True where what ENTRY's template says stands in one that was chosen in its group already. */
static bool contained(const struct choice *choice, const struct prompt_entry *entry)
{
	const struct prompt_entry *better = choice->taken[group_of(entry)];

	if (!entry->lines || !entry->lines[1])
		return false;
	for (int looked = 0; better && better < entry && looked < CONTAINED_IN; looked++, better = better->next_taken)
		if (strstr(better->lines, entry->lines))
			return true;
	return false;
}

/* True where ENTRY is one of those that wait: what one component alone shows, of a group that has something. */
static bool waits(const struct choice *choice, const struct prompt_entry *entry)
{
	return entry->once && !choice->once && choice->taken[group_of(entry)];
}

static size_t digits(int64_t number)
{
	size_t count = 1;

	while (number /= 10)
		count++;
	return count;
}

/* At least so many bytes ENTRY takes, as far as that is known without its text. */
static size_t least_length(const struct prompt_entry *entry)
{
	static const char compact[] = "  #  \n";
	static const char full[] = "\n**.** Confidence 0.00 (Wilson ≥ 0.00),  , 0 ok / 0 failed.\n";

	if (entry->rendered || entry->text)
		return entry->text_len;
	return entry->template_length + (units[entry->unit].list ? sizeof compact : sizeof full) - 1 +
	       digits(entry->component_count) + strlen(entry->component_type);
}

static void put_taken(struct choice *choice, struct prompt_entry *entry)
{
	struct prompt_entry **at = &choice->taken[group_of(entry)];

	while (*at && *at < entry)
		at = &(*at)->next_taken;
	entry->next_taken = *at;
	*at = entry;
	entry->taken = true;
}

/* Chooses ENTRY where it fits, with its example if that does too. */
static bool take(struct choice *choice, struct prompt_entry *entry)
{
	size_t cost, left = choice->room - choice->used, most = left < choice->share ? left : choice->share;

	if (entry->taken || entry->again || least_length(entry) > most || !look_at(choice->prompt, entry) ||
	    entry->text_len > most || contained(choice, entry))
		return false;
	cost = entry->text_len + opening(choice, entry);
	if (cost > left)
		return false;
	entry->example_taken = entry->example && entry->text_len + entry->example_len <= choice->share &&
			       cost + entry->example_len <= left;
	choice->used += cost + (entry->example_taken ? entry->example_len : 0);
	choice->list_open[entry->unit] |= entry->compact;
	put_taken(choice, entry);
	return true;
}

/* The best of UNIT that still fit: one, or of compact ones a few. False where none is left. */
static bool take_turn(struct choice *choice, int unit)
{
	struct prompt_entry **next = &choice->next[unit];
	int taken = 0;

	for (; *next && taken < COMPACT_TURN; *next = (*next)->next_of_unit) {
		if (waits(choice, *next))
			break; /* and so do those behind it, for they are no better */
		if (take(choice, *next))
			taken += (*next)->compact ? 1 : COMPACT_TURN;
	}
	return taken > 0;
}

/* Rounds over all units until none has anything left that fits. */
static void take_rounds(struct choice *choice)
{
	bool any = true;

	memcpy(choice->next, choice->first, sizeof choice->next);
	while (any && !choice->prompt->failed) {
		any = false;
		for (int i = 0; i < choice->unit_count; i++)
			any |= take_turn(choice, choice->order[i]);
	}
}

/* First what recurs and leaves room for others, then what one component alone shows, then what takes much. */
static void choose(struct choice *choice)
{
	choice->share = choice->room / SHARE;
	take_rounds(choice);
	choice->once = true;
	take_rounds(choice);
	choice->share = choice->room;
	take_rounds(choice);
}

/* Makes the lists of each unit's entries. */
static void part(struct choice *choice)
{
	struct prompt *prompt = choice->prompt;

	for (size_t i = prompt->count; i-- > 0;) {
		struct prompt_entry *entry = &prompt->entries[i];

		entry->next_of_unit = choice->first[entry->unit];
		choice->first[entry->unit] = entry;
	}
}

/* The best of UNIT that could ever fit, or NULL. */
static const struct prompt_entry *best_of(struct choice *choice, int unit)
{
	struct prompt_entry *entry = choice->first[unit];

	while (entry && (least_length(entry) > choice->room || !look_at(choice->prompt, entry)))
		entry = entry->next_of_unit;
	return entry;
}

/* The units in the order in which turns are taken: groups by their best entry, within a group by the units' best. */
static void order_units(struct choice *choice)
{
	const struct prompt_entry *best[UNIT_COUNT];
	bool group_seen[GROUP_COUNT] = { 0 };
	int seen[UNIT_COUNT], count = 0;

	for (int unit = 0; unit < UNIT_COUNT; unit++) {
		int at = count;

		best[unit] = best_of(choice, unit);
		if (!best[unit])
			continue;
		for (; at > 0 && best[seen[at - 1]] > best[unit]; at--)
			seen[at] = seen[at - 1];
		seen[at] = unit;
		count++;
	}
	for (int i = 0; i < count; i++) {
		enum group group = units[seen[i]].group;

		for (int j = i; j < count && !group_seen[group]; j++)
			if (units[seen[j]].group == group)
				choice->order[choice->unit_count++] = seen[j];
		group_seen[group] = true;
	}
}

static int by_signature(const void *a, const void *b)
{
	const struct prompt_entry *const *x = a, *const *y = b;
	int order = strcmp((*x)->signature, (*y)->signature);

	return order ? order : (*x > *y) - (*x < *y); /* as they came */
}

/* Marks those whose signature an earlier one of the same unit has: the same pattern of another category. */
static bool mark_again(struct prompt *prompt)
{
	struct prompt_entry **sorted = reallocarray(NULL, prompt->count + 1, sizeof(struct prompt_entry *));
	size_t count = 0;

	if (!sorted)
		return false;
	for (size_t i = 0; i < prompt->count; i++)
		if (prompt->entries[i].signature[0])
			sorted[count++] = &prompt->entries[i];
	qsort(sorted, count, sizeof *sorted, by_signature);
	for (size_t i = 1; i < count; i++)
		sorted[i]->again = sorted[i]->unit == sorted[i - 1]->unit &&
				   strcmp(sorted[i]->signature, sorted[i - 1]->signature) == 0;
	free(sorted);
	return true;
}

/* ---- the document ---- */

static bool has_patterns(const struct prompt *prompt)
{
	for (size_t i = 0; i < prompt->count; i++)
		if (prompt->entries[i].unit != UNIT_COMPONENTS)
			return true;
	return false;
}

/* How to read patterns; where it would take a good part of the budget, the patterns are left to speak for themselves.
 */
static void put_legend(pf_text *out, const struct prompt *prompt)
{
	static const char legend[] = "\nIdioms of existing components, best first. In templates `$1 $2` are names of "
				     "your own, `$str` is a text, "
				     "`$num` a number, `$` and other `$words` an expression, `...` what is left out. "
				     "Confidence is ok / (ok + "
				     "failed), Wilson its lower bound at 95 %.\n";

	if (sizeof legend * SHARE <= budget_bytes(prompt))
		pf_text_puts(out, legend);
}

static void put_heading(pf_text *out, const struct prompt *prompt)
{
	bool patterns = has_patterns(prompt);

	pf_text_puts(out, patterns || !prompt->count ? "# Airflow patterns" : "# Airflow components to read");
	if (prompt->title.len)
		pf_text_printf(out, ": %s", prompt->title.bytes);
	pf_text_puts(out, "\n");
	if (patterns)
		put_legend(out, prompt);
}

static void put_entry(pf_text *out, const struct prompt_entry *entry)
{
	pf_text_add(out, entry->text, entry->text_len);
	if (entry->example_taken)
		pf_text_add(out, entry->example, entry->example_len);
}

/* The entries chosen of UNIT, as a list. */
static void put_list(pf_text *out, const struct choice *choice, int unit)
{
	put_list_open(out, unit);
	for (const struct prompt_entry *entry = choice->taken[units[unit].group]; entry; entry = entry->next_taken)
		if (entry->compact && entry->unit == unit)
			put_entry(out, entry);
	put_list_close(out, unit);
}

static void put_group(pf_text *out, const struct choice *choice, enum group group)
{
	put_group_open(out, group);
	for (const struct prompt_entry *entry = choice->taken[group]; entry; entry = entry->next_taken) {
		if (!entry->compact)
			put_entry(out, entry);
	}
	for (int unit = 0; unit < UNIT_COUNT; unit++)
		if (choice->list_open[unit] && units[unit].group == group)
			put_list(out, choice, unit);
}

/* The first of the sentences that fits, or nothing. */
static void put_notice(pf_text *out, const struct prompt *prompt, size_t room)
{
	__attribute__((cleanup(pf_text_free))) pf_text notice = { 0 };

	pf_text_printf(&notice, "A budget of %" PRId64 " tokens is too small for any pattern.\n", prompt->budget);
	if (notice.len > room) {
		pf_text_reset(&notice);
		pf_text_puts(&notice, "The budget is too small.\n");
	}
	if (!notice.failed && notice.len <= room)
		pf_text_add(out, notice.bytes, notice.len);
	out->failed |= notice.failed;
}

/* The document without any entry. */
static void put_nothing(pf_text *out, const struct prompt *prompt, const pf_text *heading, size_t room)
{
	static const char none[] = "\nNothing matches.\n";

	if (prompt->count)
		put_notice(out, prompt, room);
	else if (heading->len + sizeof none - 1 <= room)
		pf_text_printf(out, "%s%s", heading->bytes, none);
	else if (sizeof none - 2 <= room)
		pf_text_puts(out, none + 1);
}

static void put_document(pf_text *out, struct prompt *prompt)
{
	__attribute__((cleanup(pf_text_free))) pf_text heading = { 0 };
	struct choice choice = { .prompt = prompt, .room = budget_bytes(prompt) };

	put_heading(&heading, prompt);
	prompt->failed |= heading.failed || !mark_again(prompt);
	if (prompt->failed)
		return;
	if (heading.len <= choice.room) {
		choice.used = heading.len;
		part(&choice);
		order_units(&choice);
		choose(&choice);
	}
	if (prompt->failed)
		return;
	if (choice.used <= heading.len) {
		put_nothing(out, prompt, &heading, choice.room);
		return;
	}
	pf_text_add(out, heading.bytes, heading.len);
	for (int group = 0; group < GROUP_COUNT; group++)
		if (choice.taken[group])
			put_group(out, &choice, (enum group)group);
}

int prompt_end(struct prompt *prompt, pf_text *out, pf_err *err)
{
	pf_err cause;
	bool failed;

	prompt->failed |= prompt->title.failed;
	if (out && !prompt->failed)
		put_document(out, prompt);
	failed = prompt->failed || (out && out->failed);
	cause = prompt->cause;
	for (size_t i = 0; i < prompt->count; i++)
		entry_free(&prompt->entries[i]);
	free(prompt->entries);
	pf_text_free(&prompt->title);
	*prompt = (struct prompt){ 0 };
	if (cause.code)
		return pf_fail(err, cause.code, "%s", cause.why);
	return failed ? pf_fail(err, ENOMEM, "%s", strerror(ENOMEM)) : 0;
}
