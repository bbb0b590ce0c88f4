/*
 * What extraction costs against parsing alone, in CPU seconds.
 *
 *	extract tree [DIRECTORY]
 *	extract linear
 *
 * tree: the Python files below DIRECTORY (else the variable TREE, else modules
 * made by generate.c), read into memory beforehand. Three processes take turns,
 * some files at a time, so that noise falls on all alike, for ROUNDS (7) rounds
 * after one that does not count:
 *  - parsing alone: tree-sitter with its own allocator (malloc), one parser for
 *    all files, each tree deleted;
 *  - parsing in an arena, as extraction does it: arena.h tells why;
 *  - pf_extract, one extractor for all files, and pf_module_free.
 *
 * linear: generated modules of 400 KiB and 4 MiB in turns, the smaller one ten
 * times; the larger's time against what the smaller's predicts; and the memory
 * that it takes.
 */
#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <tree_sitter/api.h>
#include <unistd.h>

#include "arena.h"
#include "extract.h"
#include "generate.h"

const TSLanguage *tree_sitter_python(void);

enum { SMALL = 400 << 10, LARGE = 4 << 20, MADE = 300, TURN = 25, REPEATS = 10, MAX_ROUNDS = 100, TIMEOUT_MS = 600000 };

struct input {
	char *path;
	char *bytes;
	size_t len;
};

struct inputs {
	struct input *list;
	size_t count, bytes;
};

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "extract: error: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* --- inputs ---------------------------------------------------------------------------------------------------- */

static void add_input(struct inputs *inputs, const char *path, char *bytes, size_t len)
{
	struct input *list = realloc(inputs->list, (inputs->count + 1) * sizeof *list);
	char *copy = strdup(path);

	if (!list || !copy || !bytes)
		die(path);
	inputs->list = list;
	inputs->list[inputs->count++] = (struct input){ copy, bytes, len };
	inputs->bytes += len;
}

static void add_generated(struct inputs *inputs, enum module_shape shape, size_t size, uint64_t seed)
{
	pf_text text = { 0 };

	generate_module(&text, shape, size, seed);
	add_input(inputs, "generated.py", text.bytes, text.len);
}

static void read_input(struct inputs *inputs, const char *path)
{
	FILE *file = fopen(path, "rb");
	pf_text text = { 0 };
	char buffer[65536];
	size_t len;

	if (!file)
		die(path);
	while ((len = fread(buffer, 1, sizeof buffer, file)) > 0)
		pf_text_add(&text, buffer, len);
	if (ferror(file))
		die(path);
	fclose(file);
	if (text.len)
		add_input(inputs, path, text.bytes, text.len);
}

static struct inputs found; /* nftw hands nothing through */

static int visit(const char *path, const struct stat *attributes, int type, struct FTW *place)
{
	size_t len = strlen(path);

	(void)attributes;
	(void)place;
	if (type == FTW_F && len > 3 && strcmp(path + len - 3, ".py") == 0)
		read_input(&found, path);
	return 0;
}

static struct inputs read_tree(const char *directory)
{
	if (!directory) {
		for (uint64_t i = 0; i < MADE; i++)
			add_generated(&found, MANY_COMPONENTS, 4000 + i * 50, i);
	} else if (nftw(directory, visit, 16, 0) < 0 || !found.count) {
		die(directory);
	}
	return found;
}

/* --- what is measured ------------------------------------------------------------------------------------------ */

/* What came out: extraction that refuses what it is given is fast, and says nothing. */
struct yield {
	size_t components, patterns, refused;
};

/* One way to go through a module. Its state belongs to the process that measures it. */
struct work {
	const char *name;
	void (*start)(void);
	void (*run)(const struct input *input);
};

static TSParser *parser;
static struct arena *arena;
static pf_extractor *extractor;
static struct yield yield;

static void use_grammar(void)
{
	if (!ts_parser_set_language(parser, tree_sitter_python()))
		die("libtree-sitter does not read this grammar");
}

static void parse_start(void)
{
	parser = ts_parser_new();
	use_grammar();
}

static void parse_run(const struct input *input)
{
	ts_tree_delete(ts_parser_parse_string(parser, NULL, input->bytes, (uint32_t)input->len));
}

static void arena_start(void)
{
	arena_install();
	arena = arena_new();
	if (!arena)
		die("arena");
}

static void parse_in_arena(void *arg)
{
	const struct input *input = arg;

	parser = ts_parser_new();
	use_grammar();
	ts_parser_parse_string(parser, NULL, input->bytes, (uint32_t)input->len);
	ts_parser_delete(parser);
}

static void arena_run(const struct input *input)
{
	struct input copy = *input;

	if (!arena_use(arena, parse_in_arena, &copy))
		die("out of memory");
	arena_reset(arena);
}

static void extract_start(void)
{
	const pf_extract_limits limits = { .timeout_ms = TIMEOUT_MS };
	pf_err err = { 0 };

	extractor = pf_extractor_new(&limits, &err);
	if (!extractor)
		die(err.why);
}

static void extract_run(const struct input *input)
{
	pf_module *module = NULL;
	pf_err err = { 0 };

	if (pf_extract(extractor, input->path, input->bytes, input->len, &module, &err) < 0) {
		yield.refused++;
	} else {
		yield.components += module->component_count;
		for (size_t i = 0; i < module->component_count; i++)
			yield.patterns += module->components[i].pattern_count;
	}
	pf_module_free(module);
}

enum { PARSE, PARSE_IN_ARENA, EXTRACT, WORK_COUNT };

static const struct work works[WORK_COUNT] = {
	[PARSE] = { "parsing alone", parse_start, parse_run },
	[PARSE_IN_ARENA] = { "parsing alone, in an arena", arena_start, arena_run },
	[EXTRACT] = { "extraction", extract_start, extract_run },
};

/* --- processes that take turns --------------------------------------------------------------------------------- */

/* A request to measure inputs FIRST to LAST, and its answer. */
struct request {
	size_t first, last;
};

struct answer {
	double seconds;
	long peak; /* resident, KiB */
	struct yield yield;
};

struct worker {
	pid_t pid;
	int requests, answers;
};

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct answer measure(const struct work *work, const struct inputs *inputs, struct request request)
{
	struct rusage usage;
	double before;

	yield = (struct yield){ 0 };
	before = cpu_seconds();
	for (size_t i = request.first; i <= request.last; i++)
		work->run(&inputs->list[i]);
	before = cpu_seconds() - before;
	getrusage(RUSAGE_SELF, &usage);
	return (struct answer){ before, usage.ru_maxrss, yield };
}

/* A process of its own for WORK: libtree-sitter's allocator is process-wide. */
static struct worker start_worker(const struct work *work, const struct inputs *inputs)
{
	struct worker worker;
	int requests[2], answers[2];

	if (pipe(requests) < 0 || pipe(answers) < 0)
		die("pipe");
	worker = (struct worker){ fork(), requests[1], answers[0] };
	if (worker.pid < 0)
		die("fork");
	if (worker.pid == 0) {
		struct request request;

		close(requests[1]);
		work->start();
		while (read(requests[0], &request, sizeof request) == sizeof request) {
			struct answer answer = measure(work, inputs, request);

			if (write(answers[1], &answer, sizeof answer) != sizeof answer)
				break;
		}
		_exit(0);
	}
	close(requests[0]);
	close(answers[1]);
	return worker;
}

static struct answer ask(const struct worker *worker, size_t first, size_t last)
{
	struct request request = { first, last };
	struct answer answer;

	if (write(worker->requests, &request, sizeof request) != sizeof request ||
	    read(worker->answers, &answer, sizeof answer) != sizeof answer)
		die("a measuring process ended early");
	return answer;
}

static void stop_worker(struct worker *worker)
{
	close(worker->requests);
	close(worker->answers);
	waitpid(worker->pid, NULL, 0);
}

/* --- figures --------------------------------------------------------------------------------------------------- */

struct figures {
	double values[MAX_ROUNDS];
	int count;
};

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void add_figure(struct figures *figures, double value)
{
	figures->values[figures->count++] = value;
	qsort(figures->values, (size_t)figures->count, sizeof *figures->values, compare_doubles);
}

static double median(const struct figures *figures)
{
	return figures->values[figures->count / 2];
}

static void print_row(const char *name, const struct figures *figures, const char *unit)
{
	printf("%-44s %9.3f %-6s (%.3f to %.3f)\n", name, median(figures), unit, figures->values[0],
	       figures->values[figures->count - 1]);
}

static int rounds(void)
{
	const char *given = getenv("ROUNDS");
	int count = given ? atoi(given) : 7;

	return count < 1 ? 1 : count > MAX_ROUNDS ? MAX_ROUNDS : count;
}

/* One round over all INPUTS: TOOK gets the seconds of each worker. What was extracted is returned. */
static struct yield take_turns(const struct worker *workers, const struct inputs *inputs, double *took)
{
	struct yield all = { 0 };

	memset(took, 0, WORK_COUNT * sizeof *took);
	for (size_t first = 0; first < inputs->count; first += TURN) {
		size_t last = first + TURN < inputs->count ? first + TURN - 1 : inputs->count - 1;

		for (int i = 0; i < WORK_COUNT; i++) {
			struct answer answer = ask(&workers[i], first, last);

			took[i] += answer.seconds;
			all.components += answer.yield.components;
			all.patterns += answer.yield.patterns;
			all.refused += answer.yield.refused;
		}
	}
	return all;
}

static void measure_tree(const char *directory)
{
	struct inputs inputs = read_tree(directory);
	struct figures seconds[WORK_COUNT] = { 0 }, ratio = { 0 }, arena_ratio = { 0 };
	struct worker workers[WORK_COUNT];
	double took[WORK_COUNT];
	struct yield all;

	printf("%zu files, %.1f MB, median (lowest to highest) of %d rounds\n", inputs.count,
	       (double)inputs.bytes / 1e6, rounds());
	for (int i = 0; i < WORK_COUNT; i++)
		workers[i] = start_worker(&works[i], &inputs);
	all = take_turns(workers, &inputs, took);
	printf("%zu components, %zu patterns, %zu files refused\n", all.components, all.patterns, all.refused);
	for (int round = 0; round < rounds(); round++) {
		take_turns(workers, &inputs, took);
		for (int i = 0; i < WORK_COUNT; i++)
			add_figure(&seconds[i], took[i]);
		add_figure(&ratio, took[EXTRACT] / took[PARSE]);
		add_figure(&arena_ratio, took[EXTRACT] / took[PARSE_IN_ARENA]);
	}
	/* The last first: each holds copies of the pipes of those before it. */
	for (int i = WORK_COUNT; i-- > 0;)
		stop_worker(&workers[i]);
	for (int i = 0; i < WORK_COUNT; i++)
		print_row(works[i].name, &seconds[i], "s CPU");
	print_row("extraction / parsing alone (target 1.4)", &ratio, "");
	print_row("extraction / parsing alone, in an arena", &arena_ratio, "");
}

/* How much more than its size says WORK takes for the second input than for the first. */
static void measure_growth(const struct work *work, const struct inputs *inputs)
{
	struct worker worker = start_worker(work, inputs);
	struct figures small = { 0 }, large = { 0 }, ratio = { 0 };
	double sizes = (double)inputs->list[1].len / (double)inputs->list[0].len;
	long before = ask(&worker, 0, 0).peak;
	struct answer answer = ask(&worker, 1, 1);

	for (int round = 0; round < rounds(); round++) {
		double first = 0, second = ask(&worker, 1, 1).seconds;

		for (int i = 0; i < REPEATS; i++)
			first += ask(&worker, 0, 0).seconds / REPEATS;
		add_figure(&small, first);
		add_figure(&large, second);
		add_figure(&ratio, second / (first * sizes));
	}
	stop_worker(&worker);
	printf("  %s\n", work->name);
	print_row("    400 KiB", &small, "s CPU");
	print_row("    4 MiB", &large, "s CPU");
	print_row("    4 MiB / predicted by size (target 1.3)", &ratio, "");
	printf("    peak memory %ld MiB, %ld MiB after the smaller one\n", answer.peak >> 10, before >> 10);
	if (work == &works[EXTRACT])
		printf("    %zu components, %zu patterns\n", answer.yield.components, answer.yield.patterns);
	/* What is refused is not extracted: its time says nothing. */
	if (work == &works[EXTRACT] && !answer.yield.components) {
		errno = EINVAL;
		die("the generated module was refused");
	}
}

static void measure_linear(void)
{
	static const char *const shapes[] = {
		[MANY_COMPONENTS] = "many components",
		[MANY_METHODS] = "one component of many methods",
	};

	printf("median (lowest to highest) of %d rounds\n", rounds());
	for (int shape = MANY_COMPONENTS; shape <= MANY_METHODS; shape++) {
		struct inputs inputs = { 0 };

		add_generated(&inputs, (enum module_shape)shape, SMALL, 1);
		add_generated(&inputs, (enum module_shape)shape, LARGE, 1);
		printf("%s\n", shapes[shape]);
		measure_growth(&works[PARSE], &inputs);
		measure_growth(&works[EXTRACT], &inputs);
	}
}

/* All processes on one processor, so that none has the quieter one; where that is not allowed, go on. */
static void use_one_processor(void)
{
	int current = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(current < 0 ? 0 : current, &set);
	sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv)
{
	use_one_processor();
	setvbuf(stdout, NULL, _IONBF, 0); /* nothing left in it when the process forks */
	if (argc >= 2 && argc <= 3 && strcmp(argv[1], "tree") == 0) {
		measure_tree(argc == 3 ? argv[2] : getenv("TREE"));
	} else if (argc == 2 && strcmp(argv[1], "linear") == 0) {
		measure_linear();
	} else {
		fputs("usage: extract tree [DIRECTORY]\n       extract linear\n", stderr);
		return 2;
	}
	return EXIT_SUCCESS;
}
