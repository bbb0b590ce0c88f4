/*
 * prompt.md under libFuzzer: whatever a database holds, the document is UTF-8
 * without control characters, and within its budget.
 *
 * The input: a line with the budget, then a line for each result: a letter for
 * its unit (A is the first row of units[]), a digit for the components that show
 * it, and pattern_data's members.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prompt.h"
#include "unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUDGET_MOST = 5000 };

static void check(int good)
{
	if (!good)
		abort();
}

/* The id is where the line begins in the input. */
static int read_line(void *arg, int64_t id, pf_text *out, pf_err *err)
{
	(void)err;
	pf_text_printf(out, "{%s}", (const char *)arg + id + 2);
	return 0;
}

/* Its code is another's where its digit is even; others show what the rest of the input says, from its line on. */
static int is_own(void *arg, int64_t id, bool *own, pf_err *err)
{
	(void)err;
	*own = ((const char *)arg)[id + 1] & 1;
	return 0;
}

static int give_rest(void *arg, int64_t id, int lines, int (*each)(void *arg, const char *code), void *each_arg,
		     pf_err *err)
{
	(void)lines, (void)err;
	for (const char *code = (const char *)arg + id; *code; code++)
		if (*code == ' ' && each(each_arg, code))
			return 0;
	return 0;
}

static int read_rest(void *arg, int64_t id, pf_text *out, pf_err *err)
{
	(void)err;
	pf_text_puts(out, (const char *)arg + id);
	return 0;
}

static void add_line(struct prompt *prompt, const char *input, const char *line)
{
	const struct unit *unit = &units[(unsigned char)line[0] % UNIT_COUNT];
	bool is_component = unit == &units[UNIT_COMPONENTS];
	pf_result result = { .id = line - input,
			     .name = line,
			     .path = line,
			     .category = "ml",
			     .component_type = "hook",
			     .confidence = NAN };

	if (!line[0] || !line[1])
		return;
	result.pattern_type = is_component ? NULL : unit->type;
	result.pattern_name = is_component ? NULL : unit->name;
	result.component_count = line[1] - '0';
	result.signature = line[1] & 1 ? line + 1 : NULL;
	check(prompt_add(prompt, &result) == 0);
}

static void check_document(const pf_text *text, int64_t budget)
{
	check((int64_t)((text->len + 3) / 4) <= (budget > 0 ? budget : 0));
	check(pf_utf8_valid(text->len ? text->bytes : "", text->len));
	check(!text->len || text->bytes[text->len - 1] == '\n');
	for (size_t i = 0; i < text->len; i++)
		check((unsigned char)text->bytes[i] >= ' ' || strchr("\n\t", text->bytes[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *input = strndup((const char *)data, size), *rest = input, *line;
	struct prompt prompt;
	pf_text text = { 0 };
	int64_t budget;

	check(input != NULL);
	line = strsep(&rest, "\n");
	budget = strtol(line, NULL, 10) % BUDGET_MOST;
	prompt_start(&prompt, line, budget, &(struct prompt_source){ read_line, read_rest, is_own, give_rest, input });
	while ((line = strsep(&rest, "\n")))
		add_line(&prompt, input, line);
	check(prompt_end(&prompt, &text, NULL) == 0);
	check_document(&text, budget);
	pf_text_free(&text);
	free(input);
	return 0;
}
