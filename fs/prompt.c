/*
 * prompt.md. A result becomes an entry as it comes: its words, its template and
 * its example are rendered at once, for nothing of the result may be kept. In
 * the end entries are chosen, each unit of each group in turn, as long as the
 * budget lasts; bytes are additive, so each choice is one sum.
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
	SHARE = 4,		  /* at first no entry takes more than this part of the budget */
	CONTAINED_IN = 256,	  /* so many better templates are looked through for the same lines */
	COMPACT_TURN = 4,	  /* so many of a list at a turn, for they are short */
};

struct prompt_entry {
	int unit; /* row of units */
	bool compact;
	bool taken, example_taken;
	bool once;	 /* shown by one component alone */
	bool again;	 /* an earlier one has the same signature */
	char *signature; /* NULL: has none */
	char *lines;	 /* of the template, each trimmed, with a newline before and after all */
	char *text;	 /* the entry without its example */
	char *example;	 /* what follows then, or NULL */
	size_t text_len, example_len;
};

static void entry_free(struct prompt_entry *entry)
{
	free(entry->signature);
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
static void put_count(pf_text *out, const pf_result *result)
{
	const char *type = result->component_type;

	pf_text_printf(out, "%" PRId64 " ", result->component_count);
	markdown_words(out, type && type[0] ? type : "component");
	pf_text_puts(out, result->component_count == 1 ? "" : "s");
}

static void put_support(pf_text *out, const pf_result *result)
{
	pf_text_printf(out, "Confidence %.2f (Wilson ≥ %.2f), ", ratio(result->confidence), ratio(result->lower_bound));
	put_count(out, result);
	pf_text_printf(out, ", %" PRId64 " ok / %" PRId64 " failed.", result->success, result->failure);
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

/* The member KEY as code, appended to OUT without newlines at its end; nothing where there is none. */
static void put_code(pf_text *out, const cJSON *data, const char *key, size_t limit)
{
	const char *code = member(data, key);

	if (!code)
		return;
	markdown_text(out, code, limit, true);
	while (out->len && strchr(" \t\n", out->bytes[out->len - 1]))
		out->bytes[--out->len] = '\0';
}

/* What follows the entry, where the source says more than TEMPLATE and is short. */
static void render_example(const cJSON *data, const char *template, pf_text *out)
{
	__attribute__((cleanup(pf_text_free))) pf_text code = { 0 };

	put_code(&code, data, "code", EXAMPLE_LIMIT + 1);
	if (code.len && code.len <= EXAMPLE_LIMIT && count_lines(code.bytes) <= EXAMPLE_LINES &&
	    !same_words(code.bytes, template)) {
		pf_text_puts(out, "Example:\n");
		markdown_fence(out, code.bytes);
	}
	out->failed |= code.failed;
}

/* A line of the unit's list. */
static void render_compact(const pf_result *result, const char *template, pf_text *out)
{
	pf_text_puts(out, template);
	pf_text_puts(out, "  # ");
	put_count(out, result);
	if (result->failure)
		pf_text_printf(out, ", confidence %.2f", ratio(result->confidence));
	pf_text_puts(out, "\n");
}

static void render_full(int unit, const pf_result *result, const cJSON *data, const char *template, pf_text *out)
{
	pf_text_puts(out, "\n**");
	unit_words(out, unit, result->pattern_name, data);
	pf_text_puts(out, ".** ");
	put_support(out, result);
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

static bool render_pattern(struct prompt_entry *entry, const pf_result *result, const cJSON *data)
{
	const struct unit *unit = &units[entry->unit];
	__attribute__((cleanup(pf_text_free))) pf_text code = { 0 }, text = { 0 }, example = { 0 };
	const char *template;

	put_code(&code, data, "template", SIZE_MAX);
	template = code.len ? code.bytes : "";
	entry->compact = unit->list && compact_enough(template);
	if (entry->compact)
		render_compact(result, template, &text);
	else
		render_full(entry->unit, result, data, template, &text);
	if (unit->example && !entry->compact)
		render_example(data, template, &example);
	entry->lines = lines_of(template);
	return !code.failed && entry->lines && hand_over(&text, &entry->text, &entry->text_len) &&
	       hand_over(&example, &entry->example, &entry->example_len);
}

/* pattern_data's members, as an object; NULL where they are none. */
static cJSON *parse_data(const char *members, bool *failed)
{
	pf_text text = { 0 };
	cJSON *data;

	pf_text_printf(&text, "{%s}", members);
	*failed = text.failed;
	data = text.failed ? NULL : pf_json_read(text.bytes, text.len, NULL, failed);
	pf_text_free(&text);
	return data;
}

static bool render(struct prompt_entry *entry, const pf_result *result)
{
	__attribute__((cleanup(pf_text_free))) pf_text text = { 0 };
	bool failed, ok;
	cJSON *data;

	if (entry->unit == UNIT_COMPONENTS) {
		entry->compact = true;
		render_component(result, &text);
		return hand_over(&text, &entry->text, &entry->text_len);
	}
	if (result->signature && !(entry->signature = strdup(result->signature)))
		return false;
	data = parse_data(result->data ? result->data : "", &failed);
	ok = !failed && render_pattern(entry, result, data);
	cJSON_Delete(data);
	return ok;
}

static size_t budget_bytes(const struct prompt *prompt)
{
	if (prompt->budget <= 0)
		return 0;
	return (size_t)(prompt->budget < BUDGET_LIMIT ? prompt->budget : BUDGET_LIMIT) * BYTES_PER_TOKEN;
}

static bool grow(struct prompt *prompt)
{
	size_t room = prompt->room ? prompt->room * 2 : 64;
	struct prompt_entry *entries;

	if (prompt->count < prompt->room)
		return true;
	entries = reallocarray(prompt->entries, room, sizeof *entries);
	if (!entries)
		return false;
	prompt->entries = entries;
	prompt->room = room;
	return true;
}

int prompt_add(struct prompt *prompt, const pf_result *result)
{
	struct prompt_entry entry = { .unit = unit_find(result->pattern_type, result->pattern_name),
				      .once = result->component_count <= 1 };
	bool fits;

	if (!render(&entry, result) || !grow(prompt)) {
		entry_free(&entry);
		prompt->failed = true;
		return -ENOMEM;
	}
	/* What could never fit is not kept, so that memory is bounded by results times budget. */
	fits = entry.text && entry.text_len <= budget_bytes(prompt);
	if (fits)
		prompt->entries[prompt->count++] = entry;
	else
		entry_free(&entry);
	prompt->matched = true;
	return 0;
}

void prompt_start(struct prompt *prompt, const char *title, int64_t budget)
{
	*prompt = (struct prompt){ .budget = budget };
	markdown_text(&prompt->title, title, TITLE_LIMIT, false);
}

/* ---- the choice ---- */

/* What is chosen so far, and what it costs. */
struct choice {
	struct prompt *prompt;
	size_t used, room;	 /* bytes */
	size_t share;		 /* no entry may take more, bytes */
	bool once;		 /* those that wait are taken too */
	size_t next[UNIT_COUNT]; /* index of the entry to try next */
	int order[UNIT_COUNT];	 /* units, as the groups of their best came */
	int unit_count;
	bool group_open[GROUP_COUNT], list_open[UNIT_COUNT];
};

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
	enum group group = units[entry->unit].group;

	if (!choice->group_open[group])
		put_group_open(&text, group);
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
	enum group group = units[entry->unit].group;
	int looked = 0;

	if (!entry->lines || !entry->lines[1])
		return false;
	for (size_t i = 0; i < choice->prompt->count && looked < CONTAINED_IN; i++) {
		const struct prompt_entry *better = &choice->prompt->entries[i];

		if (better == entry)
			return false;
		if (!better->taken || units[better->unit].group != group)
			continue;
		looked++;
		if (strstr(better->lines, entry->lines))
			return true;
	}
	return false;
}

/* True where ENTRY is one of those that wait: what one component alone shows, of a group that has something. */
static bool waits(const struct choice *choice, const struct prompt_entry *entry)
{
	return entry->once && !choice->once && choice->group_open[units[entry->unit].group];
}

/* Chooses ENTRY where it fits, with its example if that does too. */
static bool take(struct choice *choice, struct prompt_entry *entry)
{
	size_t cost, left = choice->room - choice->used;

	if (entry->taken || entry->again || entry->text_len > choice->share || contained(choice, entry))
		return false;
	cost = entry->text_len + opening(choice, entry);
	if (cost > left)
		return false;
	entry->example_taken = entry->example && entry->text_len + entry->example_len <= choice->share &&
			       cost + entry->example_len <= left;
	choice->used += cost + (entry->example_taken ? entry->example_len : 0);
	choice->group_open[units[entry->unit].group] = true;
	choice->list_open[entry->unit] |= entry->compact;
	entry->taken = true;
	return true;
}

/* The best of UNIT that still fit: one, or of compact ones a few. False where none is left. */
static bool take_turn(struct choice *choice, int unit)
{
	struct prompt *prompt = choice->prompt;
	size_t *next = &choice->next[unit];
	int taken = 0;

	for (; *next < prompt->count && taken < COMPACT_TURN; ++*next) {
		struct prompt_entry *entry = &prompt->entries[*next];

		if (entry->unit != unit)
			continue;
		if (waits(choice, entry))
			break; /* and so do those behind it, for they are no better */
		if (take(choice, entry))
			taken += entry->compact ? 1 : COMPACT_TURN;
	}
	return taken > 0;
}

/* Rounds over all units until none has anything left that fits. */
static void take_rounds(struct choice *choice)
{
	bool any = true;

	memset(choice->next, 0, sizeof choice->next);
	while (any) {
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

/* The units in the order in which turns are taken: groups by their best entry, within a group by the units' best. */
static void order_units(struct choice *choice)
{
	const struct prompt *prompt = choice->prompt;
	bool unit_seen[UNIT_COUNT] = { 0 }, group_seen[GROUP_COUNT] = { 0 };
	int seen[UNIT_COUNT], count = 0;

	for (size_t i = 0; i < prompt->count; i++) {
		if (!unit_seen[prompt->entries[i].unit])
			seen[count++] = prompt->entries[i].unit;
		unit_seen[prompt->entries[i].unit] = true;
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
		if (prompt->entries[i].signature)
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

	pf_text_puts(out, patterns || !prompt->matched ? "# Airflow patterns" : "# Airflow components to read");
	if (prompt->title.len)
		pf_text_printf(out, ": %s", prompt->title.bytes);
	pf_text_puts(out, "\n");
	if (patterns)
		put_legend(out, prompt);
}

/* The entries chosen of UNIT, as a list. */
static void put_list(pf_text *out, const struct prompt *prompt, int unit)
{
	put_list_open(out, unit);
	for (size_t i = 0; i < prompt->count; i++) {
		const struct prompt_entry *entry = &prompt->entries[i];

		if (entry->taken && entry->compact && entry->unit == unit)
			pf_text_add(out, entry->text, entry->text_len);
	}
	put_list_close(out, unit);
}

static void put_group(pf_text *out, const struct choice *choice, enum group group)
{
	const struct prompt *prompt = choice->prompt;

	put_group_open(out, group);
	for (size_t i = 0; i < prompt->count; i++) {
		const struct prompt_entry *entry = &prompt->entries[i];

		if (!entry->taken || entry->compact || units[entry->unit].group != group)
			continue;
		pf_text_add(out, entry->text, entry->text_len);
		if (entry->example_taken)
			pf_text_add(out, entry->example, entry->example_len);
	}
	for (int unit = 0; unit < UNIT_COUNT; unit++)
		if (choice->list_open[unit] && units[unit].group == group)
			put_list(out, prompt, unit);
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

	if (prompt->matched)
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
		order_units(&choice);
		choose(&choice);
	}
	if (choice.used <= heading.len) {
		put_nothing(out, prompt, &heading, choice.room);
		return;
	}
	pf_text_add(out, heading.bytes, heading.len);
	for (int group = 0; group < GROUP_COUNT; group++)
		if (choice.group_open[group])
			put_group(out, &choice, (enum group)group);
}

int prompt_end(struct prompt *prompt, pf_text *out, pf_err *err)
{
	bool failed;

	prompt->failed |= prompt->title.failed;
	if (out && !prompt->failed)
		put_document(out, prompt);
	failed = prompt->failed || (out && out->failed);
	for (size_t i = 0; i < prompt->count; i++)
		entry_free(&prompt->entries[i]);
	free(prompt->entries);
	pf_text_free(&prompt->title);
	*prompt = (struct prompt){ 0 };
	return failed ? pf_fail(err, ENOMEM, "%s", strerror(ENOMEM)) : 0;
}
