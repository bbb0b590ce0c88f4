/*
 * `outcome` files under libFuzzer: the first byte says which, the second how
 * long each write is, the rest is written. Whatever it is, it is taken or
 * refused with a sentence of one line; taken, it names what is there; in pieces
 * it says the same as in one; and nothing that was looked up stays so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char source[] = "from airflow.models import BaseOperator\n"
			     "class FuzzOperator(BaseOperator):\n"
			     "    template_fields = ('a',)\n"
			     "    def execute(self, context):\n"
			     "        raise ValueError('x')\n";

static const char *const paths[] = { "outcome", "general/outcome", "general/operator/outcome",
				     "general/operator/import/outcome", "components/FuzzOperator/outcome" };
enum { PATHS = sizeof paths / sizeof *paths };

static struct pf_fs *fs;
static struct node nodes[PATHS];

static void start(void)
{
	struct node_attr attr;
	pf_err err = { 0 };

	fs = calls_mount(place_of("outcome.db"), &err);
	check(fs != NULL);
	check(call_echo(fs, "incoming/fuzz.py", source, &err) == 0);
	for (int i = 0; i < PATHS; i++)
		check(call_walk(fs, paths[i], &nodes[i], &attr, &err) == 0);
}

struct said {
	size_t verdicts, targets, notes, notes_length;
	bool refused;
};

static void check_sentence(const pf_err *err)
{
	check(err->code == EINVAL || err->code == ENOENT || err->code == ENAMETOOLONG);
	check(*err->why && pf_utf8_valid(err->why, strlen(err->why)));
	for (const char *c = err->why; *c; c++)
		check((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void add(struct said *said, const struct verdicts *verdicts)
{
	said->verdicts += verdicts->count;
	for (size_t i = 0; i < verdicts->count; i++) {
		const pf_verdict *verdict = &verdicts->list[i];

		check(verdict->target_count > 0);
		said->targets += verdict->target_count;
		for (size_t t = 0; t < verdict->target_count; t++)
			check(verdict->targets[t].kind != PF_TARGET_SCOPE || verdict->targets[t].id != 0);
		said->notes += verdict->note != NULL;
		if (verdict->note) {
			said->notes_length += strlen(verdict->note);
			check(pf_utf8_valid(verdict->note, strlen(verdict->note)));
		}
	}
}

/* One write, or the close; nothing is committed. */
static void write_one(struct said *said, struct node node, const char *bytes, size_t len, bool closes)
{
	struct change *change = change_new();
	pf_err err = { 0 };
	int result =
		closes ? outcome_flush(fs, node, change, &err) : outcome_write(fs, node, bytes, len, 0, change, &err);

	if (result < 0) {
		check_sentence(&err);
		said->refused = true;
	} else {
		check((result == 1) == (change->verdicts.count > 0));
		add(said, &change->verdicts);
	}
	change_free(change);
}

/* Writes it all, PIECE bytes at a time. */
static struct said write_all(struct node node, const char *bytes, size_t len, size_t piece)
{
	struct said said = { 0 };

	for (size_t at = 0; at < len && !said.refused; at += piece)
		write_one(&said, node, bytes + at, len - at < piece ? len - at : piece, false);
	if (!said.refused)
		write_one(&said, node, "", 0, true);
	return said;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct said whole, pieces;
	const char *bytes = (const char *)data + 2;
	struct node node;

	if (size < 2)
		return 0;
	if (!fs)
		start();
	node = nodes[data[0] % PATHS];
	whole = write_all(node, bytes, size - 2, size);
	pieces = write_all(node, bytes, size - 2, 1 + data[1]);
	check(whole.refused == pieces.refused);
	if (!whole.refused)
		check(whole.verdicts == pieces.verdicts && whole.targets == pieces.targets &&
		      whole.notes == pieces.notes && whole.notes_length == pieces.notes_length);
	check(queries_count(fs->queries) == 0);
	return 0;
}
