#include "tree.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *name;
	uint8_t kind;
	bool named;
} kind_names[] = {
#define KIND(name) { #name, K_##name, true },
	NODE_KINDS(KIND)
#undef KIND
#define KIND(name, spelling) { spelling, name, false },
		TOKEN_KINDS(KIND)
#undef KIND
};

static const struct {
	const char *name;
	uint8_t field;
} field_names[] = {
#define FIELD(name) { #name, F_##name },
	NODE_FIELDS(FIELD)
#undef FIELD
};

_Static_assert(KIND_END <= UINT8_MAX, "kinds are kept in eight bits");

static uint8_t symbol_kind(const TSLanguage *grammar, TSSymbol symbol)
{
	const char *name = ts_language_symbol_name(grammar, symbol);
	bool named = ts_language_symbol_type(grammar, symbol) == TSSymbolTypeRegular;

	for (size_t i = 0; name && i < sizeof kind_names / sizeof *kind_names; i++)
		if (kind_names[i].named == named && strcmp(kind_names[i].name, name) == 0)
			return kind_names[i].kind;
	return named ? K_OTHER : K_TOKEN;
}

static uint8_t field_number(const TSLanguage *grammar, TSFieldId id)
{
	const char *name = ts_language_field_name_for_id(grammar, id);

	for (size_t i = 0; name && i < sizeof field_names / sizeof *field_names; i++)
		if (strcmp(field_names[i].name, name) == 0)
			return field_names[i].field;
	return F_NONE;
}

bool language_start(struct language *language, const TSLanguage *grammar)
{
	language->grammar = grammar;
	language->symbol_count = ts_language_symbol_count(grammar);
	language->field_count = ts_language_field_count(grammar) + 1;
	language->kinds = calloc(language->symbol_count, 1);
	language->fields = calloc(language->field_count, 1);
	if (!language->kinds || !language->fields) {
		language_stop(language);
		return false;
	}
	for (uint32_t i = 0; i < language->symbol_count; i++)
		language->kinds[i] = symbol_kind(grammar, (TSSymbol)i);
	for (uint32_t i = 1; i < language->field_count; i++)
		language->fields[i] = field_number(grammar, (TSFieldId)i);
	return true;
}

void language_stop(struct language *language)
{
	free(language->kinds);
	free(language->fields);
	*language = (struct language){ 0 };
}

/* This thread's own time: a busy machine, or one that slept, is not the source's fault. */
static int64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void clock_start(struct clock *clock, unsigned milliseconds)
{
	*clock = (struct clock){ .end = clock_now() + (int64_t)milliseconds * 1000000 };
}

bool clock_read(struct clock *clock)
{
	clock->late = clock->late || clock_now() > clock->end;
	return clock->late;
}

TSTree *clock_parse(struct clock *clock, TSParser *parser, const char *source, uint32_t len, const size_t *ended)
{
	TSTree *parsed = NULL;

	/* The parser's own clock is the wall's: when it stops before the time is up, it goes on where it was. */
	while (!parsed && !clock_read(clock) && !(ended && *ended)) {
		ts_parser_set_timeout_micros(parser, (uint64_t)(clock->end - clock_now()) / 1000 + 1);
		parsed = ts_parser_parse_string(parser, NULL, source, len);
	}
	return parsed;
}

static enum kind node_kind(const struct language *language, TSNode node)
{
	TSSymbol symbol = ts_node_symbol(node);

	return symbol < language->symbol_count ? (enum kind)language->kinds[symbol] : K_ERROR;
}

/* Of these tokens the grammar gives a field to commas alone, and nobody asks for that. */
static bool is_punctuation(enum kind kind)
{
	return kind >= T_OPEN && kind <= T_SEMICOLON;
}

static bool is_named(enum kind kind)
{
	return kind != K_TOKEN && kind < T_OPEN;
}

static uint8_t field_of(const struct language *language, const TSTreeCursor *cursor)
{
	TSFieldId field = ts_tree_cursor_current_field_id(cursor);

	return field < language->field_count ? language->fields[field] : (uint8_t)F_NONE;
}

static uint32_t push_node(struct tree *tree, const struct language *language, const TSTreeCursor *cursor,
			  uint32_t parent, bool erroneous)
{
	TSNode node = ts_tree_cursor_current_node(cursor);
	enum kind kind = node_kind(language, node);
	struct node *slot;

	if (!array_room(&tree->nodes, &tree->room, tree->count, sizeof *tree->nodes)) {
		tree->failed = true;
		return NONE;
	}
	slot = &tree->nodes[tree->count];
	*slot = (struct node){
		.start = ts_node_start_byte(node),
		.end = ts_node_end_byte(node),
		.parent = parent,
		.next = tree->count + 1,
		.kind = (uint8_t)kind,
		.field = is_punctuation(kind) ? (uint8_t)F_NONE : field_of(language, cursor),
		.named = is_named(kind),
		.scope = ts_node_child_count(node),
	};
	if (erroneous) {
		slot->missing = ts_node_is_missing(node);
		if (tree->first_error == NONE && (slot->missing || slot->kind == K_ERROR))
			tree->first_error = tree->count;
	}
	return tree->count++;
}

/* Parentheses that the cursor stands in: what stands right below them has PARENT. */
struct group {
	uint32_t parent;
	uint32_t left; /* of their children, those to come */
	uint8_t field; /* for their expression */
	bool taken;    /* and it has it */
};

struct groups {
	struct group *list;
	uint32_t count, room;
};

static struct group *group_around(const struct groups *groups, uint32_t parent)
{
	struct group *last = groups->count ? &groups->list[groups->count - 1] : NULL;

	return last && last->parent == parent ? last : NULL;
}

/* Turns the node N, just pushed, from what it is in parentheses to what it is without. */
static void ungroup(struct tree *tree, uint32_t n, struct group *group)
{
	struct node *node = &tree->nodes[n];

	if (node->kind == T_OPEN || node->kind == T_CLOSE) {
		node->kind = K_PARENTHESIS;
	} else if (node->named && !is_extra(tree, n) && !group->taken) {
		node->field = group->field;
		group->taken = true;
	}
}

/* Takes the node N, just pushed, for the parentheses that it is. */
static void open_group(struct tree *tree, uint32_t n, struct groups *groups)
{
	if (!array_room(&groups->list, &groups->room, groups->count, sizeof *groups->list)) {
		tree->failed = true;
		return;
	}
	groups->list[groups->count++] = (struct group){ .parent = tree->nodes[n].parent,
							.left = tree->nodes[n].scope,
							.field = tree->nodes[n].field };
	tree->count--;
}

/* How many children are still to come where the cursor stands, below PARENT or in parentheses there. */
static uint32_t *left_below(struct tree *tree, const struct groups *groups, uint32_t parent)
{
	struct group *group = group_around(groups, parent);

	return group ? &group->left : &tree->nodes[parent].scope;
}

struct building {
	struct tree *tree;
	const struct language *language;
	TSTree *parsed;
	struct groups groups; /* owned */
	bool done;
};

/*
 * Until scopes are set, a node's `scope` counts its children that are still to
 * come: asked for the sibling of a last child, tree-sitter searches all the
 * levels that it hides before it says that there is none.
 */
static void build(void *arg)
{
	struct building *b = arg;
	struct tree *tree = b->tree;
	const struct language *language = b->language;
	struct groups *groups = &b->groups;
	TSNode root = ts_tree_root_node(b->parsed);
	TSTreeCursor cursor = ts_tree_cursor_new(root);
	bool erroneous = ts_node_has_error(root), more = true;
	uint32_t parent = NONE;

	tree->count = 0;
	tree->first_error = NONE;
	tree->erroneous = erroneous;
	while (more && !tree->failed && !clock_late(tree->clock)) {
		uint32_t n = push_node(tree, language, &cursor, parent, erroneous);

		if (n == NONE)
			break;
		if (group_around(groups, parent))
			ungroup(tree, n, group_around(groups, parent));
		if (tree->nodes[n].kind == K_parenthesized_expression && !erroneous &&
		    ts_tree_cursor_goto_first_child(&cursor)) {
			open_group(tree, n, groups);
			continue;
		}
		/* What stands inside a string's text or a comment is of no use to anybody. */
		if (tree->nodes[n].kind != K_string_content && tree->nodes[n].scope &&
		    ts_tree_cursor_goto_first_child(&cursor)) {
			parent = n;
			continue;
		}
		while (parent == NONE || !--*left_below(tree, groups, parent) ||
		       !ts_tree_cursor_goto_next_sibling(&cursor)) {
			if (parent == NONE || !ts_tree_cursor_goto_parent(&cursor)) {
				more = false;
				break;
			}
			if (group_around(groups, parent)) {
				groups->count--;
				continue;
			}
			tree->nodes[parent].next = tree->count;
			parent = tree->nodes[parent].parent;
		}
	}
	ts_tree_cursor_delete(&cursor);
	b->done = !more;
}

bool tree_build(struct tree *tree, const struct language *language, struct arena *arena, TSTree *parsed)
{
	struct building building = { .tree = tree, .language = language, .parsed = parsed };
	bool done = arena_use(arena, build, &building) && building.done;

	free(building.groups.list);
	return done;
}

bool tree_lines(struct tree *tree)
{
	const char *at = tree->source, *end = tree->source + tree->len;

	tree->line_count = 0;
	for (;;) {
		if (!array_room(&tree->lines, &tree->line_room, tree->line_count, sizeof *tree->lines)) {
			tree->failed = true;
			return false;
		}
		tree->lines[tree->line_count++] = (uint32_t)(at - tree->source);
		at = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
		if (!at)
			return true;
		at++;
	}
}

void tree_free(struct tree *tree)
{
	free(tree->nodes);
	free(tree->lines);
	*tree = (struct tree){ 0 };
}

uint32_t tree_line(const struct tree *tree, uint32_t byte)
{
	uint32_t low = 0, high = tree->line_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (tree->lines[middle] <= byte)
			low = middle;
		else
			high = middle;
	}
	return low + 1;
}

uint32_t tree_column(const struct tree *tree, uint32_t byte)
{
	uint32_t column = 1;

	for (uint32_t at = tree->lines[tree_line(tree, byte) - 1]; at < byte && at < tree->len; at++)
		if ((tree->source[at] & 0xc0) != 0x80)
			column++;
	return column;
}

uint32_t tree_find(const struct tree *tree, const struct language *language, TSNode node)
{
	uint32_t start = ts_node_start_byte(node), end = ts_node_end_byte(node);
	enum kind kind = node_kind(language, node);
	uint32_t low = 0, high = tree->count;

	/* In preorder starts never fall: the first that begins here, then on to the one that also ends here. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (tree->nodes[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < tree->count && tree->nodes[low].start == start; low++)
		if (tree->nodes[low].end == end && tree->nodes[low].kind == kind)
			return low;
	return NONE;
}

uint32_t child_field(const struct tree *tree, uint32_t n, enum field field)
{
	if (n == NONE)
		return NONE;
	FOR_CHILDREN (tree, n, c)
		if (tree->nodes[c].field == field && !is_extra(tree, c))
			return c;
	return NONE;
}

uint32_t child_kind(const struct tree *tree, uint32_t n, enum kind kind)
{
	if (n == NONE)
		return NONE;
	FOR_CHILDREN (tree, n, c)
		if (tree->nodes[c].kind == kind)
			return c;
	return NONE;
}

uint32_t first_named(const struct tree *tree, uint32_t n)
{
	if (n == NONE)
		return NONE;
	FOR_NAMED (tree, n, c)
		return c;
	return NONE;
}

uint32_t last_named(const struct tree *tree, uint32_t n)
{
	uint32_t last = NONE;

	if (n == NONE)
		return NONE;
	FOR_NAMED (tree, n, c)
		last = c;
	return last;
}

uint32_t ancestor_kind(const struct tree *tree, uint32_t n, enum kind kind)
{
	for (n = parent_of(tree, n); n != NONE; n = tree->nodes[n].parent)
		if (tree->nodes[n].kind == kind)
			return n;
	return NONE;
}

bool is_below(const struct tree *tree, uint32_t n, uint32_t above)
{
	return n != NONE && above != NONE && n >= above && n < tree->nodes[above].next;
}

bool slice_is(slice text, const char *string)
{
	return strlen(string) == text.len && memcmp(text.at, string, text.len) == 0;
}

bool slice_same(slice a, slice b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

bool slice_ends(slice text, const char *suffix)
{
	size_t len = strlen(suffix);

	return text.len >= len && memcmp(text.at + text.len - len, suffix, len) == 0;
}

bool slice_starts(slice text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.at, prefix, len) == 0;
}

bool slice_has(slice text, const char *part)
{
	return memmem(text.at, text.len, part, strlen(part)) != NULL;
}

slice slice_last(slice dotted)
{
	const char *dot = memrchr(dotted.at, '.', dotted.len);

	if (!dot)
		return dotted;
	dot++;
	return (slice){ dot, dotted.len - (uint32_t)(dot - dotted.at) };
}
