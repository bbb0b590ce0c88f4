/*
 * The store's tests, by group: `store` runs all, `store GROUP…` some.
 */
#include "groups.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} groups[] = {
		{ "opening", opening_tests },	{ "learning", learning_tests },
		{ "verdicts", verdict_tests },	{ "incoming", incoming_tests },
		{ "metadata", metadata_tests }, { "history", history_tests },
		{ "plans", plan_tests },	{ "queries", query_tests },
		{ "examples", example_tests },	{ "maintenance", maintenance_tests },
		{ "prefetch", prefetch_tests },
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		bool wanted = argc < 2;

		for (int arg = 1; arg < argc; arg++)
			wanted = wanted || strcmp(argv[arg], groups[i].name) == 0;
		if (wanted)
			failed += groups[i].run();
	}
	return failed ? 1 : 0;
}
