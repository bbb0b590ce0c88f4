/*
 * The syntax tree, flat.
 *
 * tree-sitter's own nodes find a parent or a sibling by walking down from the
 * root. Collectors ask for both all the time, so the tree is copied once, in
 * preorder, into an array: a node is an index, the nodes below it are those up
 * to `next`, and every question is O(1) or a walk over siblings. Parentheses
 * that only group are tokens among their neighbours: the expression in them is
 * to the node around them what they would be, so nobody has to look through
 * them (but in a tree with errors, which only syntax.h reads). Nothing
 * recurses. Symbols and fields become the enumerations below, so that the
 * rest of the folder compares small numbers and never strings.
 *
 * Belongs to one extractor; the source is borrowed for one extraction.
 */
#ifndef PF_TREE_H
#define PF_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tree_sitter/api.h>

#include "arena.h"
#include "array.h"

/* Named nodes that somebody asks for; all others are K_OTHER. */
#define NODE_KINDS(X)                                                                                                  \
	X(module)                                                                                                      \
	X(comment)                                                                                                     \
	X(line_continuation)                                                                                           \
	X(class_definition)                                                                                            \
	X(function_definition)                                                                                         \
	X(decorated_definition)                                                                                        \
	X(decorator)                                                                                                   \
	X(block)                                                                                                       \
	X(parameters)                                                                                                  \
	X(lambda_parameters)                                                                                           \
	X(typed_parameter)                                                                                             \
	X(default_parameter)                                                                                           \
	X(typed_default_parameter)                                                                                     \
	X(list_splat_pattern)                                                                                          \
	X(dictionary_splat_pattern)                                                                                    \
	X(list_splat)                                                                                                  \
	X(dictionary_splat)                                                                                            \
	X(keyword_separator)                                                                                           \
	X(positional_separator)                                                                                        \
	X(import_statement)                                                                                            \
	X(import_from_statement)                                                                                       \
	X(future_import_statement)                                                                                     \
	X(relative_import)                                                                                             \
	X(import_prefix)                                                                                               \
	X(dotted_name)                                                                                                 \
	X(aliased_import)                                                                                              \
	X(wildcard_import)                                                                                             \
	X(expression_statement)                                                                                        \
	X(assignment)                                                                                                  \
	X(augmented_assignment)                                                                                        \
	X(return_statement)                                                                                            \
	X(raise_statement)                                                                                             \
	X(pass_statement)                                                                                              \
	X(break_statement)                                                                                             \
	X(continue_statement)                                                                                          \
	X(delete_statement)                                                                                            \
	X(assert_statement)                                                                                            \
	X(global_statement)                                                                                            \
	X(nonlocal_statement)                                                                                          \
	X(print_statement)                                                                                             \
	X(exec_statement)                                                                                              \
	X(if_statement)                                                                                                \
	X(elif_clause)                                                                                                 \
	X(else_clause)                                                                                                 \
	X(for_statement)                                                                                               \
	X(while_statement)                                                                                             \
	X(try_statement)                                                                                               \
	X(except_clause)                                                                                               \
	X(except_group_clause)                                                                                         \
	X(finally_clause)                                                                                              \
	X(with_statement)                                                                                              \
	X(with_clause)                                                                                                 \
	X(with_item)                                                                                                   \
	X(match_statement)                                                                                             \
	X(case_clause)                                                                                                 \
	X(case_pattern)                                                                                                \
	X(splat_pattern)                                                                                               \
	X(keyword_pattern)                                                                                             \
	X(union_pattern)                                                                                               \
	X(as_pattern)                                                                                                  \
	X(as_pattern_target)                                                                                           \
	X(pattern_list)                                                                                                \
	X(tuple_pattern)                                                                                               \
	X(list_pattern)                                                                                                \
	X(identifier)                                                                                                  \
	X(attribute)                                                                                                   \
	X(subscript)                                                                                                   \
	X(slice)                                                                                                       \
	X(call)                                                                                                        \
	X(argument_list)                                                                                               \
	X(keyword_argument)                                                                                            \
	X(string)                                                                                                      \
	X(string_start)                                                                                                \
	X(string_content)                                                                                              \
	X(string_end)                                                                                                  \
	X(interpolation)                                                                                               \
	X(concatenated_string)                                                                                         \
	X(integer)                                                                                                     \
	X(float)                                                                                                       \
	X(true)                                                                                                        \
	X(false)                                                                                                       \
	X(none)                                                                                                        \
	X(list)                                                                                                        \
	X(tuple)                                                                                                       \
	X(set)                                                                                                         \
	X(dictionary)                                                                                                  \
	X(pair)                                                                                                        \
	X(expression_list)                                                                                             \
	X(parenthesized_expression)                                                                                    \
	X(generator_expression)                                                                                        \
	X(list_comprehension)                                                                                          \
	X(set_comprehension)                                                                                           \
	X(dictionary_comprehension)                                                                                    \
	X(for_in_clause)                                                                                               \
	X(if_clause)                                                                                                   \
	X(lambda)                                                                                                      \
	X(conditional_expression)                                                                                      \
	X(boolean_operator)                                                                                            \
	X(not_operator)                                                                                                \
	X(comparison_operator)                                                                                         \
	X(binary_operator)                                                                                             \
	X(unary_operator)                                                                                              \
	X(named_expression)                                                                                            \
	X(await)                                                                                                       \
	X(yield)                                                                                                       \
	X(type)                                                                                                        \
	X(type_parameter)                                                                                              \
	X(generic_type)                                                                                                \
	X(union_type)

/* Anonymous tokens that somebody asks for; all others are K_TOKEN. */
#define TOKEN_KINDS(X)                                                                                                 \
	X(T_OPEN, "(")                                                                                                 \
	X(T_CLOSE, ")")                                                                                                \
	X(T_OPEN_SQUARE, "[")                                                                                          \
	X(T_CLOSE_SQUARE, "]")                                                                                         \
	X(T_OPEN_CURLY, "{")                                                                                           \
	X(T_CLOSE_CURLY, "}")                                                                                          \
	X(T_COMMA, ",")                                                                                                \
	X(T_COLON, ":")                                                                                                \
	X(T_DOT, ".")                                                                                                  \
	X(T_EQUAL, "=")                                                                                                \
	X(T_SEMICOLON, ";")                                                                                            \
	X(T_STAR, "*")                                                                                                 \
	X(T_STAR_STAR, "**")                                                                                           \
	X(T_MINUS, "-")                                                                                                \
	X(T_PLUS, "+")                                                                                                 \
	X(T_TILDE, "~")                                                                                                \
	X(T_AT, "@")                                                                                                   \
	X(T_PERCENT, "%")                                                                                              \
	X(T_BAR, "|")                                                                                                  \
	X(T_ASYNC, "async")                                                                                            \
	X(T_AS, "as")                                                                                                  \
	X(T_IN, "in")                                                                                                  \
	X(T_NOT_IN, "not in")                                                                                          \
	X(T_IS, "is")                                                                                                  \
	X(T_IS_NOT, "is not")                                                                                          \
	X(T_EQUALS, "==")                                                                                              \
	X(T_DIFFERS, "!=")                                                                                             \
	X(T_OLD_DIFFERS, "<>")                                                                                         \
	X(T_LESS, "<")                                                                                                 \
	X(T_GREATER, ">")                                                                                              \
	X(T_LESS_EQUAL, "<=")                                                                                          \
	X(T_GREATER_EQUAL, ">=")                                                                                       \
	X(T_AND, "and")                                                                                                \
	X(T_OR, "or")

#define NODE_FIELDS(X)                                                                                                 \
	X(name)                                                                                                        \
	X(value)                                                                                                       \
	X(alias)                                                                                                       \
	X(body)                                                                                                        \
	X(left)                                                                                                        \
	X(right)                                                                                                       \
	X(type)                                                                                                        \
	X(object)                                                                                                      \
	X(attribute)                                                                                                   \
	X(function)                                                                                                    \
	X(arguments)                                                                                                   \
	X(argument)                                                                                                    \
	X(superclasses)                                                                                                \
	X(parameters)                                                                                                  \
	X(return_type)                                                                                                 \
	X(condition)                                                                                                   \
	X(consequence)                                                                                                 \
	X(alternative)                                                                                                 \
	X(definition)                                                                                                  \
	X(module_name)                                                                                                 \
	X(key)                                                                                                         \
	X(subscript)                                                                                                   \
	X(cause)                                                                                                       \
	X(operator)                                                                                                    \
	X(operators)

enum kind {
	K_OTHER,
	K_TOKEN,
	K_ERROR,
	K_PARENTHESIS, /* one that only groups */
#define KIND(name) K_##name,
	NODE_KINDS(KIND)
#undef KIND
#define KIND(name, spelling) name,
		TOKEN_KINDS(KIND)
#undef KIND
			KIND_END, /* must fit 8 bits */
};

enum field {
	F_NONE,
#define FIELD(name) F_##name,
	NODE_FIELDS(FIELD)
#undef FIELD
};

#define NONE UINT32_MAX

struct node {
	uint32_t start, end; /* bytes of the source */
	uint32_t parent;     /* NONE at the root */
	uint32_t next;	     /* the first node after this one and all below it */
	uint32_t scope;	     /* the scope that a name here is looked up in (scope.h), once scopes_build has set it */
	uint8_t kind, field;
	bool named;
	bool missing; /* or an error, where the tree has any */
};

/* Bytes of the source, or of static storage; not terminated. */
typedef struct slice {
	const char *at;
	uint32_t len;
} slice;

#define SLICE(literal) ((slice){ literal, sizeof(literal) - 1 })

/* What ends an extraction that takes too long. Whoever loops asks clock_late and stops. */
struct clock {
	int64_t end; /* CLOCK_THREAD_CPUTIME_ID, nanoseconds */
	unsigned ticks;
	bool late;
};

/* The numbers of a language's symbols and fields as kinds and fields. Read-only once made. */
struct language {
	const TSLanguage *grammar;
	uint8_t *kinds;
	uint8_t *fields;
	uint32_t symbol_count, field_count;
};

struct tree {
	struct node *nodes;
	uint32_t count, room;
	const char *source; /* borrowed */
	uint32_t len;
	uint32_t *lines; /* where each line starts */
	uint32_t line_count, line_room;
	uint32_t first_error; /* the first ERROR or MISSING node, NONE where all is well */
	struct clock *clock;  /* borrowed */
	bool erroneous;	      /* the parser found an error, which may be in no node */
	bool failed;	      /* out of memory */
};

bool language_start(struct language *language, const TSLanguage *grammar);
void language_stop(struct language *language);

void clock_start(struct clock *clock, unsigned milliseconds);
bool clock_read(struct clock *clock);
/* Parses SOURCE by PARSER. NULL where the time is up before, or *ENDED (may be NULL) is set. */
TSTree *clock_parse(struct clock *clock, TSParser *parser, const char *source, uint32_t len, const size_t *ended);

/* True once time is up; looks at the clock itself only every 512th time. */
static inline bool clock_late(struct clock *clock)
{
	return clock->late || ((++clock->ticks & 511) == 0 && clock_read(clock));
}

/* Copies PARSED, which is in ARENA; false where memory or time ran out. */
bool tree_build(struct tree *tree, const struct language *language, struct arena *arena, TSTree *parsed);
bool tree_lines(struct tree *tree);
void tree_free(struct tree *tree);

/* From 1; columns count characters. */
uint32_t tree_line(const struct tree *tree, uint32_t byte);
uint32_t tree_column(const struct tree *tree, uint32_t byte);
/* The node that tree-sitter calls NODE. */
uint32_t tree_find(const struct tree *tree, const struct language *language, TSNode node);

static inline enum kind kind_of(const struct tree *tree, uint32_t n)
{
	return n == NONE ? K_OTHER : (enum kind)tree->nodes[n].kind;
}

static inline uint32_t parent_of(const struct tree *tree, uint32_t n)
{
	return n == NONE ? NONE : tree->nodes[n].parent;
}

static inline enum kind parent_kind(const struct tree *tree, uint32_t n)
{
	return kind_of(tree, parent_of(tree, n));
}

static inline slice text_of(const struct tree *tree, uint32_t n)
{
	const struct node *node = &tree->nodes[n];

	return (slice){ tree->source + node->start, node->end - node->start };
}

static inline bool is_leaf(const struct tree *tree, uint32_t n)
{
	return tree->nodes[n].next == n + 1;
}

static inline bool is_extra(const struct tree *tree, uint32_t n)
{
	return tree->nodes[n].kind == K_comment || tree->nodes[n].kind == K_line_continuation;
}

/* C runs over the children of N, comments and tokens too. */
#define FOR_CHILDREN(tree, n, c)                                                                                       \
	for (uint32_t c = (n) + 1, c##_end = (tree)->nodes[n].next; c < c##_end; c = (tree)->nodes[c].next)

/* The named children that are no comments: statements of a block, arguments of a call. */
#define FOR_NAMED(tree, n, c)                                                                                          \
	for (uint32_t c##_end = (tree)->nodes[n].next, c = named_from(tree, (n) + 1, c##_end); c < c##_end;            \
	     c = named_from(tree, (tree)->nodes[c].next, c##_end))

/* N or its first sibling after it that is named and no comment; END where there is none. */
static inline uint32_t named_from(const struct tree *tree, uint32_t n, uint32_t end)
{
	while (n < end && (!tree->nodes[n].named || is_extra(tree, n)))
		n = tree->nodes[n].next;
	return n;
}

uint32_t child_field(const struct tree *tree, uint32_t n, enum field field);
uint32_t child_kind(const struct tree *tree, uint32_t n, enum kind kind);
uint32_t first_named(const struct tree *tree, uint32_t n);
uint32_t last_named(const struct tree *tree, uint32_t n);
/* The nearest node above N of that kind, NONE where there is none. */
uint32_t ancestor_kind(const struct tree *tree, uint32_t n, enum kind kind);
bool is_below(const struct tree *tree, uint32_t n, uint32_t above);

bool slice_is(slice text, const char *string);
bool slice_same(slice a, slice b);
bool slice_ends(slice text, const char *suffix);
bool slice_starts(slice text, const char *prefix);
bool slice_has(slice text, const char *part);
/* The part after the last dot. */
slice slice_last(slice dotted);

#endif
