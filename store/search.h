/* What text= searches: the words of a pattern, and of a component's name. */
#ifndef PF_SEARCH_H
#define PF_SEARCH_H

#include "err.h"
#include "text.h"

/* SQL for the text of row A, of code_patterns or hand_texts. */
#define PATTERN_TEXT(a) "pattern_text(" PATTERN_PARTS(a) ")"
#define PATTERN_PARTS(a)                                                                                               \
	a ".pattern_type, " a ".pattern_name, " STATEMENT(a) ", " SHAPE(a) ", " PATTERN_DATA(a, "$.message")
/*
 * What is made of others has not their words, which are in patterns of their own: the code of a class holds all of it,
 * that of an import every name of the statement, that of parameters and template fields each of them. And the words of
 * the template of parameters are kinds: required, optional.
 */
#define STATEMENT(a)                                                                                                   \
	"iif(" a ".pattern_name IN ('structural_pattern', 'import_item', 'parameter_ordering_pattern',"                \
	" 'template_fields_pattern'), NULL, " PATTERN_DATA(a, "$.code") ")"
#define SHAPE(a) "iif(" a ".pattern_name = 'parameter_ordering_pattern', NULL, " PATTERN_DATA(a, "$.template") ")"
#define PATTERN_DATA(a, path)                                                                                          \
	"CASE WHEN json_valid(" a ".pattern_data) THEN json_extract(" a ".pattern_data, '" path "') END"

struct connection;

/*
 * Adds the SQL functions of this project to CONN:
 *   pattern_text(pattern_type, pattern_name, code, template, message)
 *   name_text(component_name)
 *   has_words(text, words)   1 where each of WORDS begins a word of TEXT
 *   may_have_words(pattern_type, pattern_name, pattern_data, words)
 *                            0 where the pattern's text surely has not; cheaper
 *   relevance(pattern_type, pattern_name, code, template, message, words)
 *                            see store.h
 *   idf(sightings, components)
 *   lower_bound(success, failure)
 *   walks_on(steps, found)   0 once it was asked more than STEPS times since search_start_walk() and has_words was true
 *                            fewer than FOUND times
 *   template_length(pattern_data)
 *                            at least so many bytes its template has
 */
int search_functions(struct connection *conn, pf_err *err);

struct search;
void search_start_walk(struct search *search);
/* How often has_words was true since. */
int64_t search_found(const struct search *search);

/*
 * The words of TEXT, as the index tells them apart (lower case, accents off),
 * appended to WORDS with a blank between; and to MATCH an expression of FTS5
 * for patterns that have words that begin with each. Number of words.
 */
int search_words(struct connection *conn, const char *text, pf_text *words, pf_text *match, pf_err *err);

#endif
