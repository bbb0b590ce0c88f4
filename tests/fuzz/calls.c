/*
 * incoming/ and what is beside it under libFuzzer: the input is a sequence of
 * calls, four bytes each, made on a mount without a kernel. A model of the tree
 * says what must come of them: names, types, sizes, contents and link counts
 * agree with it, whoever is asked (lookup, attributes, listing, read); a call
 * that failed changed nothing, and did so for a reason that its caller can have
 * caused; in the end all can be removed. Now and then the database is checked,
 * and made anew.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "log.h"
#include "place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ENTRIES = 64,
	ROOM = 4096,	/* of a file */
	CALLS = 64,	/* of an input */
	INPUTS = 200,	/* on one database */
	NO_REPLACE = 1, /* RENAME_NOREPLACE */
};

static const char *const names[] = { "a.py",
				     "b.py",
				     "a.json",
				     "b.json",
				     ".a.py.swp",
				     "text",
				     "d",
				     "e",
				     "category=ml",
				     "category=storage",
				     "category=A!",
				     "a.py.error",
				     "x.receipt.json",
				     "success_score=2",
				     "a b\n\303\244",
				     "bad\377" };
enum { NAMES = sizeof names / sizeof *names };

#define OPERATOR(name, body)                                                                                           \
	"from airflow.models import BaseOperator\n"                                                                    \
	"class " name "Operator(BaseOperator):\n"                                                                      \
	"    def execute(self, context):\n"                                                                            \
	"        " body "\n"

static const char *const contents[] = {
	OPERATOR("A", "return 1"),
	OPERATOR("A", "raise ValueError('a')"),
	OPERATOR("B", "return 1"),
	"{\"category\": \"ml\"}",
	"{\"category\": \"storage\", \"success_score\": 3}",
	"{\"category\": 7}",
	"class X(BaseOperator:\n",
	"import os\n",
	"",
	"\377\376",
};
enum { CONTENTS = sizeof contents / sizeof *contents };

/* ---- The model ---- */

struct entry {
	bool used, directory, implicit;
	bool orphan; /* removed, but somebody has it open */
	int parent;  /* of the entries, or -1 */
	int name;
	struct node node;
	size_t len;
	char content[ROOM];
};

static struct pf_fs *fs;
static struct entry entries[ENTRIES]; /* the first is incoming/ itself */

static int find(int parent, int name)
{
	for (int i = 1; i < ENTRIES; i++)
		if (entries[i].used && !entries[i].orphan && entries[i].parent == parent && entries[i].name == name)
			return i;
	return -1;
}

static int add(int parent, int name, bool directory, struct node node)
{
	for (int i = 1; i < ENTRIES; i++) {
		if (entries[i].used)
			continue;
		entries[i] = (struct entry){ .used = true, .directory = directory, .parent = parent, .name = name };
		entries[i].node = node;
		return i;
	}
	return -1;
}

static bool full(void)
{
	for (int i = 1; i < ENTRIES; i++)
		if (!entries[i].used)
			return false;
	return true;
}

/* The entry that BYTE chooses among those that are there; DIRECTORY: among the directories, else the files. */
static int choose(uint8_t byte, bool directory)
{
	int count = 0, at;

	for (int i = 0; i < ENTRIES; i++)
		count += entries[i].used && entries[i].directory == directory;
	if (!count)
		return -1;
	at = byte % count;
	for (int i = 0; i < ENTRIES; i++)
		if (entries[i].used && entries[i].directory == directory && at-- == 0)
			return i;
	return -1;
}

static bool has_children(int directory, bool implicit_too)
{
	for (int i = 1; i < ENTRIES; i++)
		if (entries[i].used && !entries[i].orphan && entries[i].parent == directory &&
		    (implicit_too || !entries[i].implicit))
			return true;
	return false;
}

static bool is_below(int entry, int directory)
{
	while (entry > 0 && entry != directory)
		entry = entries[entry].parent;
	return entry == directory;
}

/* ---- What is seen ---- */

/* A failure that the caller can have caused, with a sentence. */
static void check_failure(int result, const pf_err *err)
{
	static const int codes[] = { EEXIST, ENOENT,	   ENOTDIR, EISDIR,    EPERM, EINVAL,
				     EILSEQ, ENAMETOOLONG, EFBIG,   ENOTEMPTY, EROFS, EBUSY };
	bool known = false;

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		known = known || result == -codes[i];
	if (!known)
		fprintf(stderr, "%d: %s\n", result, err->why);
	check(known && err->code == -result && *err->why);
}

static void check_attr(int i, const struct node_attr *attr)
{
	const struct entry *e = &entries[i];

	check(S_ISDIR(attr->mode) == e->directory);
	if (e->directory)
		return;
	check(attr->size == (int64_t)e->len);
	check(attr->nlink == (e->orphan ? 0 : 1));
}

static void check_content(int i)
{
	pf_text text = { 0 };
	pf_err err = { 0 };
	struct node_attr attr;

	check(call_getattr(fs, entries[i].node, &attr, &err) == 0);
	check_attr(i, &attr);
	check(call_read(fs, entries[i].node, 0, ROOM * 2, &text, &err) == 0);
	check(text.len == entries[i].len && (!text.len || memcmp(text.bytes, entries[i].content, text.len) == 0));
	pf_text_free(&text);
}

static bool is_note(const char *name)
{
	return pf_note_name(name);
}

static void look_up(int directory, int name)
{
	struct node node;
	struct node_attr attr;
	pf_err err = { 0 };
	int i = find(directory, name), result;
	bool special = strchr(names[name], '=') || is_note(names[name]);

	if (i < 0 && special && strchr(names[name], '=') && full())
		return;
	result = call_lookup(fs, entries[directory].node, names[name], &node, &attr, &err);
	if (result < 0) {
		check_failure(result, &err);
		check(i < 0);
		return;
	}
	if (is_note(names[name]))
		return;
	if (i < 0) { /* one that is made when it is looked for */
		check(special && S_ISDIR(attr.mode));
		i = add(directory, name, true, node);
		entries[i].implicit = true;
	}
	check(node_ino(node) == node_ino(entries[i].node));
	check_attr(i, &attr);
}

struct listing {
	int directory;
	uint32_t subdirectories;
	bool seen[ENTRIES];
};

static int see(void *arg, const char *name, struct node node, const struct node_attr *attr)
{
	struct listing *listing = arg;

	if (is_note(name)) {
		check(node.kind == NODE_NOTE);
		return 0;
	}
	check(node.kind == NODE_FILE && attr != NULL);
	for (int i = 1; i < ENTRIES; i++) {
		if (!entries[i].used || entries[i].orphan || entries[i].parent != listing->directory ||
		    strcmp(names[entries[i].name], name) != 0)
			continue;
		check(!listing->seen[i] && node_ino(node) == node_ino(entries[i].node));
		listing->seen[i] = true;
		listing->subdirectories += entries[i].directory;
		check_attr(i, attr);
		return 0;
	}
	abort(); /* nobody made it */
}

static void list(int directory, int at_once)
{
	struct listing listing = { .directory = directory };
	struct node_attr attr;
	pf_err err = { 0 };

	check(call_list(fs, entries[directory].node, at_once, see, &listing, &err) == 0);
	for (int i = 1; i < ENTRIES; i++)
		if (entries[i].used && !entries[i].orphan && entries[i].parent == directory)
			check(listing.seen[i] || (entries[i].implicit && !has_children(i, false)));
	check(call_getattr(fs, entries[directory].node, &attr, &err) == 0);
	check(attr.nlink == 2 + listing.subdirectories);
}

/* Receipts and errors that a directory lists. */
struct notes {
	int count;
	char names[2 * NAMES][NAME_MAX + 1];
};

static int take_note(void *arg, const char *name, struct node node, const struct node_attr *attr)
{
	struct notes *notes = arg;

	(void)node;
	(void)attr;
	if (!is_note(name))
		return 0;
	check(notes->count < 2 * NAMES);
	strcpy(notes->names[notes->count++], name);
	return 0;
}

static void list_notes(int directory, struct notes *notes)
{
	pf_err err = { 0 };

	notes->count = 0;
	check(call_list(fs, entries[directory].node, NAMES, take_note, notes, &err) == 0);
}

static bool has_notes(int directory)
{
	struct notes notes;

	list_notes(directory, &notes);
	return notes.count > 0;
}

/* ---- What is done ---- */

static void make(int directory, int name, bool makes_directory)
{
	struct node node;
	pf_err err = { 0 };
	int i = find(directory, name);
	int result = call_make(fs, entries[directory].node, names[name],
			       makes_directory ? S_IFDIR | 0755 : S_IFREG | 0644, &node, &err);

	if (result < 0) {
		check_failure(result, &err);
		/* Of directories that nobody made, one may still be there from inputs before. */
		check(result == -EEXIST ? i >= 0 || strchr(names[name], '=') != NULL
					: result == -EPERM || result == -EILSEQ || result == -EINVAL);
		return;
	}
	check(!is_note(names[name]));
	if (i >= 0) {
		check(entries[i].implicit && makes_directory);
		entries[i].implicit = false;
		return;
	}
	add(directory, name, makes_directory, node);
}

static void write_at(int i, size_t offset, const char *bytes, size_t len)
{
	struct entry *e = &entries[i];
	pf_err err = { 0 };

	if (offset + len > ROOM)
		return;
	check(call_write(fs, e->node, bytes, len, (int64_t)offset, &err) == 0);
	if (offset + len > e->len) {
		if (offset > e->len)
			memset(e->content + e->len, 0, offset - e->len);
		e->len = offset + len;
	}
	memcpy(e->content + offset, bytes, len);
}

static void cut(int i, size_t size, bool by_descriptor)
{
	struct entry *e = &entries[i];
	pf_err err = { 0 };

	check(call_setattr(fs, e->node, (int64_t)size, by_descriptor, 0, NULL, &err) == 0);
	if (size > e->len)
		memset(e->content + e->len, 0, size - e->len);
	e->len = size;
}

static void settle(int i, bool closes)
{
	pf_err err = { 0 };
	int result = closes ? call_flush(fs, entries[i].node, &err) : call_fsync(fs, entries[i].node, &err);

	if (result < 0) {
		check_failure(result, &err);
		check(closes && !entries[i].orphan);
	}
}

static void forget(int i)
{
	call_forget(fs, entries[i].node, 1);
	entries[i].used = false;
}

static void take_away(int directory, int name, bool removes_directory)
{
	pf_err err = { 0 };
	int i = find(directory, name);
	int result = call_remove(fs, entries[directory].node, names[name], removes_directory, &err);

	if (result < 0) {
		check_failure(result, &err);
		check(i < 0 || entries[i].directory != removes_directory || has_children(i, true) ||
		      entries[i].implicit || (removes_directory && has_notes(i)));
		return;
	}
	if (is_note(names[name]))
		return;
	check(i >= 0 && entries[i].directory == removes_directory && !has_children(i, false));
	if (!removes_directory) {
		entries[i].orphan = true;
		return;
	}
	for (int below = 1; below < ENTRIES; below++)
		if (entries[below].used && !entries[below].orphan && entries[below].parent == i)
			entries[below].used = false; /* implicit ones, that held nothing */
	entries[i].used = false;
}

static void move(int directory, int name, int new_directory, int new_name, unsigned flags)
{
	pf_err err = { 0 };
	int i = find(directory, name), there = find(new_directory, new_name);
	int result = call_rename(fs, entries[directory].node, names[name], entries[new_directory].node, names[new_name],
				 flags, &err);

	if (result < 0) {
		check_failure(result, &err);
		return;
	}
	check(i >= 0 && !is_note(names[new_name]));
	if (there == i)
		return;
	check(!entries[i].directory || !is_below(new_directory, i));
	if (there >= 0) {
		check(!(flags & NO_REPLACE) || entries[there].implicit);
		check(entries[there].directory == entries[i].directory && !has_children(there, false));
		if (entries[there].directory) {
			for (int below = 1; below < ENTRIES; below++)
				if (entries[below].used && !entries[below].orphan && entries[below].parent == there)
					entries[below].used = false;
			entries[there].used = false;
		} else {
			entries[there].orphan = true;
		}
	}
	entries[i].parent = new_directory;
	entries[i].name = new_name;
	entries[i].implicit = false;
}

static void set_attributes(int i, uint8_t byte)
{
	pf_file values = { .mode = 0600 | (byte & 077), .mtime = byte * 1000000000LL };
	struct node_attr attr;
	pf_err err = { 0 };

	check(call_setattr(fs, entries[i].node, -1, false, PF_SET_MODE | PF_SET_MTIME, &values, &err) == 0);
	check(call_getattr(fs, entries[i].node, &attr, &err) == 0);
	check((attr.mode & 0777) == values.mode && attr.mtime == values.mtime);
}

/* What is beside incoming/: verdicts, queries, documents. */
static void elsewhere(uint8_t which)
{
	static const char *const reads[] = { "stats.json",
					     "query/of=components/limit=3/results.jsonl",
					     "query/category=ml/prompt.md",
					     "history.jsonl",
					     "query/colour=red/count",
					     "components/AOperator/similar",
					     "general/operator/prompt.md" };
	static const char *const verdicts[] = { "success components/AOperator\n", "failure general -- no\n",
						"success nothing\n", "success general/operator" };
	enum { READS = sizeof reads / sizeof *reads, VERDICTS = sizeof verdicts / sizeof *verdicts };
	struct node node;
	struct node_attr attr;
	pf_text text = { 0 };
	pf_err err = { 0 };
	int result;

	if (which % 2) {
		result = call_cat(fs, reads[which / 2 % READS], &text, &err);
	} else {
		const char *line = verdicts[which / 2 % VERDICTS];

		check(call_walk(fs, "outcome", &node, &attr, &err) == 0);
		result = call_write(fs, node, line, strlen(line), 0, &err);
		if (result == 0)
			result = call_flush(fs, node, &err);
	}
	if (result < 0)
		check_failure(result, &err);
	pf_text_free(&text);
}

static void call(const uint8_t bytes[4])
{
	int directory = choose(bytes[1], true), file = choose(bytes[1], false), name = bytes[2] % NAMES;
	const char *content = contents[bytes[3] % CONTENTS];

	switch (bytes[0] % 16) {
	case 0:
	case 1:
		if (!full())
			make(directory, name, bytes[0] % 16);
		break;
	case 2:
		if (file >= 0)
			write_at(file, bytes[2] & 15 ? 0 : bytes[2], content, strlen(content));
		break;
	case 3:
		if (file >= 0)
			write_at(file, bytes[2] * 8U, (const char *)bytes, 4);
		break;
	case 4:
		if (file >= 0)
			cut(file, bytes[3] < 128 ? 0 : bytes[2] * 4U, bytes[3] & 1);
		break;
	case 5:
	case 6:
		if (file >= 0)
			settle(file, bytes[0] % 16 == 5);
		break;
	case 7:
	case 8:
		take_away(directory, name, bytes[0] % 16 == 8);
		break;
	case 9:
	case 10:
		move(directory, name, choose(bytes[3] >> 4, true), bytes[3] % NAMES,
		     bytes[0] % 16 == 10 ? NO_REPLACE : 0);
		break;
	case 11:
		if (file >= 0)
			set_attributes(file, bytes[2]);
		break;
	case 12:
		look_up(directory, name);
		break;
	case 13:
		list(directory, 1 + bytes[2] % 5);
		break;
	case 14:
		if (file >= 0) {
			check_content(file);
			if (entries[file].orphan)
				forget(file);
		}
		break;
	default:
		elsewhere(bytes[2]);
	}
}

/* ---- One input ---- */

static int complain(void *arg, const char *finding)
{
	(void)arg;
	fprintf(stderr, "%s\n", finding);
	abort();
}

static void start(void)
{
	static const char *const files[] = { "", "-wal", "-shm" };
	static int inputs;
	pf_err err = { 0 };

	if (fs && ++inputs % INPUTS)
		return;
	if (fs) {
		calls_unmount(fs);
		check(pf_store_check(place_of("calls.db"), complain, NULL, &err) == 0);
	}
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char name[32];

		snprintf(name, sizeof name, "calls.db%s", files[i]);
		unlink(place_of(name));
	}
	pf_log_to_syslog(); /* refusals are many */
	fs = calls_mount(place_of("calls.db"), &err);
	check(fs != NULL);
}

/* Of what was refused, the error stays where nothing else does: it is listed, and goes as any file. */
static void remove_notes(int directory)
{
	struct notes notes;
	pf_err err = { 0 };

	list_notes(directory, &notes);
	for (int i = 0; i < notes.count; i++)
		check(call_remove(fs, entries[directory].node, notes.names[i], false, &err) == 0);
	check(!has_notes(directory));
}

/* rm -r incoming/x: never fails. */
static void remove_all(void)
{
	bool again = true;

	while (again) {
		again = false;
		for (int i = 1; i < ENTRIES; i++) {
			if (!entries[i].used || entries[i].orphan || has_children(i, true))
				continue;
			if (entries[i].directory)
				remove_notes(i);
			take_away(entries[i].parent, entries[i].name, entries[i].directory);
			check(!entries[i].used || entries[i].orphan || entries[i].implicit);
			entries[i].used = entries[i].orphan;
			again = true;
		}
	}
	for (int i = 1; i < ENTRIES; i++)
		if (entries[i].used)
			forget(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	memset(entries, 0, sizeof entries);
	entries[0] =
		(struct entry){ .used = true, .directory = true, .parent = -1, .node = { NODE_FILE, PF_INCOMING } };
	for (size_t at = 0; at + 4 <= size && at < CALLS * 4; at += 4)
		call(data + at);
	for (int i = 0; i < ENTRIES; i++) {
		if (entries[i].used && entries[i].directory)
			list(i, 7);
		else if (entries[i].used)
			check_content(i);
	}
	remove_all();
	list(0, 3);
	check(queries_count(fs->queries) == 0);
	return 0;
}
