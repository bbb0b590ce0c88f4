#include "outcome.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "fs.h"
#include "query.h"
#include "version.h"

/* What one `outcome` file has pending or was refused. */
struct outcome_state {
	struct outcome_state *next;
	uint64_t ino;
	pf_text pending; /* a line without its newline yet */
	char *error;	 /* content of outcome.error; NULL: there is none */
	int64_t error_at;
	int64_t touched; /* ns; moves the file's time so that the kernel drops what a writer left in its page */
};

enum {
	BUCKETS = 64,
	LINE_LIMIT = 1 << 20, /* bytes of one line */
	BRIEF = 1024,	      /* the paths in so many bytes are soon looked up */
	DEPTH_LIMIT = 32,     /* of a path; the tree is four deep, queries as deep as there are keys */
	TOTALS_ROOM = 50,     /* what an `outcome` says, with counts of seven digits */
};

struct outcomes {
	pthread_mutex_t lock; /* guards all below */
	struct outcome_state *buckets[BUCKETS];
};

struct outcomes *outcomes_new(void)
{
	struct outcomes *outcomes = calloc(1, sizeof *outcomes);

	if (outcomes)
		pthread_mutex_init(&outcomes->lock, NULL);
	return outcomes;
}

static void state_free(struct outcome_state *state)
{
	pf_text_free(&state->pending);
	free(state->error);
	free(state);
}

void outcomes_free(struct outcomes *outcomes)
{
	if (!outcomes)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct outcome_state *s = outcomes->buckets[i], *next; s; s = next) {
			next = s->next;
			state_free(s);
		}
	}
	pthread_mutex_destroy(&outcomes->lock);
	free(outcomes);
}

/* The state of INO, or NULL; with MAKE it is made (NULL without memory). Lock held. */
static struct outcome_state *find_state(struct outcomes *outcomes, uint64_t ino, bool make)
{
	struct outcome_state **bucket = &outcomes->buckets[(ino ^ ino >> 8) % BUCKETS];
	struct outcome_state *state = *bucket;

	while (state && state->ino != ino)
		state = state->next;
	if (!state && make) {
		state = calloc(1, sizeof *state);
		if (state) {
			state->ino = ino;
			state->next = *bucket;
			*bucket = state;
		}
	}
	return state;
}

void verdicts_free(struct verdicts *verdicts)
{
	for (size_t i = 0; i < verdicts->count; i++) {
		free((void *)(uintptr_t)verdicts->list[i].targets);
		free((void *)(uintptr_t)verdicts->list[i].note);
	}
	free(verdicts->list);
	*verdicts = (struct verdicts){ 0 };
}

/* ---- The grammar ---- */

struct token {
	const char *start;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next token of the line, or false at its end. */
static bool next_token(const char **at, const char *end, struct token *token)
{
	while (*at < end && is_blank(**at))
		(*at)++;
	token->start = *at;
	while (*at < end && !is_blank(**at))
		(*at)++;
	token->len = (size_t)(*at - token->start);
	return token->len > 0;
}

static bool token_is(const struct token *token, const char *word)
{
	return token->len == strlen(word) && memcmp(token->start, word, token->len) == 0;
}

/* The directories from the root to where a walk is; each is looked up once. */
struct walk {
	struct node stack[DEPTH_LIMIT];
	int depth; /* of the last */
};

/* The directories above DIR, for `..`. */
static struct walk walk_from(struct node dir)
{
	struct walk walk = { .stack = { NODE_ROOT_ID } };

	if (dir.kind == NODE_SCOPE) {
		int64_t category = pf_scope_category(dir.id);
		int type = pf_scope_component_type(dir.id);

		walk.stack[++walk.depth] = (struct node){ NODE_SCOPE, pf_scope_make(category, 0, 0) };
		if (type)
			walk.stack[++walk.depth] = (struct node){ NODE_SCOPE, pf_scope_make(category, type, 0) };
		if (pf_scope_pattern_type(dir.id))
			walk.stack[++walk.depth] = dir;
	} else if (dir.kind == NODE_COMPONENT) {
		walk.stack[++walk.depth] = (struct node){ NODE_COMPONENTS, 0 };
		walk.stack[++walk.depth] = dir;
	}
	return walk;
}

/* Back to the parent, or, at the root, false. */
static bool walk_up(struct pf_fs *fs, struct walk *walk)
{
	if (walk->depth == 0)
		return false;
	node_forget(fs, walk->stack[walk->depth--], 1);
	return true;
}

/* What says that there is no such name; anything else says that nobody could look. */
static bool is_absent(int result)
{
	return result == -ENOENT || result == -ENOTDIR || result == -EINVAL || result == -EILSEQ ||
	       result == -ENAMETOOLONG || result == -EAGAIN;
}

/* 1; 0 where NAME is not there. */
static int walk_down(struct pf_fs *fs, struct walk *walk, const char *name, pf_err *err)
{
	struct node above = walk->stack[walk->depth];
	struct node_attr attr;
	pf_err why = { 0 };
	int result;

	if (walk->depth + 1 >= DEPTH_LIMIT || !node_kinds[above.kind].lookup)
		return 0;
	result = node_lookup(fs, above, name, &walk->stack[walk->depth + 1], &attr, &why);
	if (result < 0)
		return is_absent(result) ? 0 : pf_fail(err, -result, "%s", why.why);
	walk->depth++;
	return 1;
}

/* Walks PATH; `.` and `..` stay within the mount. */
static int walk_path(struct pf_fs *fs, struct walk *walk, const struct token *path, pf_err *err)
{
	const char *at = path->start, *end = path->start + path->len;

	while (at < end) {
		char name[NAME_MAX + 1];
		const char *slash = memchr(at, '/', (size_t)(end - at));
		size_t len = (size_t)((slash ? slash : end) - at);
		int found = 1;

		if (len > NAME_MAX)
			return pf_fail(err, ENAMETOOLONG, "a name in '%.200s…' is too long", path->start);
		memcpy(name, at, len);
		name[len] = '\0';
		at += len + (slash ? 1 : 0);
		if (len == 0 || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			if (!walk_up(fs, walk))
				return pf_fail(err, EINVAL, "'%.*s' leaves the mount", (int)path->len, path->start);
		} else {
			found = walk_down(fs, walk, name, err);
		}
		if (found < 0)
			return found;
		if (!found)
			return pf_fail(err, ENOENT,
				       "there is no '%.*s' here, expected patterns, directories or components",
				       (int)path->len, path->start);
	}
	return 0;
}

/* What is at PATH from DIR. */
static int resolve(struct pf_fs *fs, struct node dir, const struct token *path, struct node *found, pf_err *err)
{
	struct walk walk = walk_from(dir);
	int result;

	if (*path->start == '/')
		return pf_fail(err, EINVAL,
			       "'%.*s' is absolute, expected a path relative to the directory of this file",
			       (int)path->len, path->start);
	result = walk_path(fs, &walk, path, err);
	*found = walk.stack[walk.depth];
	while (walk_up(fs, &walk))
		;
	return result;
}

/* What a verdict on NODE is about. */
static int target_of(struct node node, const struct token *path, pf_target *target, pf_err *err)
{
	switch (node.kind) {
	case NODE_PATTERN:
		*target = (pf_target){ PF_TARGET_PATTERN, version_row(node) };
		return 0;
	case NODE_LINK:
		*target = (pf_target){ PF_TARGET_PATTERN, node.id & ((1 << 28) - 1) };
		return 0;
	case NODE_SCOPE:
		*target = (pf_target){ PF_TARGET_SCOPE, node.id };
		return 0;
	case NODE_COMPONENT:
		*target = (pf_target){ PF_TARGET_COMPONENT, node.id };
		return 0;
	case NODE_ROOT:
		return pf_fail(err, EINVAL,
			       "a verdict without a path would judge the whole store here, expected what it is about");
	default:
		if (query_link_target(node, target))
			return 0;
		return pf_fail(err, EINVAL,
			       "'%.*s' cannot be judged, expected a pattern, a directory of patterns or a component",
			       (int)path->len, path->start);
	}
}

static int add_target(pf_target **targets, uint32_t *count, uint32_t *room, pf_target target, pf_err *err)
{
	if (!array_room(targets, room, *count, sizeof **targets))
		return pf_fail(err, ENOMEM, "no memory for this verdict");
	(*targets)[(*count)++] = target;
	return 0;
}

static int parse_note(const char *at, const char *end, char **note, pf_err *err)
{
	while (at < end && is_blank(*at))
		at++;
	if (!pf_utf8_valid(at, (size_t)(end - at)))
		return pf_fail(err, EINVAL, "the note is not UTF-8");
	*note = strndup(at, (size_t)(end - at));
	return *note ? 0 : pf_fail(err, ENOMEM, "no memory for this verdict");
}

static int parse_line(struct pf_fs *fs, struct node dir, const char *at, const char *end, pf_verdict *verdict,
		      pf_err *err)
{
	pf_target *targets = NULL;
	uint32_t count = 0, room = 0;
	char *note = NULL;
	struct token token = { 0 };
	int result = 0;

	next_token(&at, end, &token);
	if (token_is(&token, "success"))
		verdict->success = true;
	else if (!token_is(&token, "failure"))
		return pf_fail(err, EINVAL, "'%.*s' is no verdict, expected 'success' or 'failure'",
			       (int)(token.len < 80 ? token.len : 80), token.start);
	while (result == 0 && next_token(&at, end, &token)) {
		struct node node = NODE_ROOT_ID;
		pf_target target;

		if (token_is(&token, "--")) {
			result = parse_note(at, end, &note, err);
			break;
		}
		result = resolve(fs, dir, &token, &node, err);
		if (result == 0)
			result = target_of(node, &token, &target, err);
		if (result == 0)
			result = add_target(&targets, &count, &room, target, err);
	}
	if (result == 0 && count == 0) {
		pf_target target;

		result = target_of(dir, &token, &target, err);
		if (result == 0)
			result = add_target(&targets, &count, &room, target, err);
	}
	verdict->targets = targets;
	verdict->target_count = count;
	verdict->note = note;
	return result;
}

static bool all_blank(const char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at == end;
}

int outcome_parse(struct pf_fs *fs, struct node dir, const char *text, size_t len, struct verdicts *verdicts,
		  pf_err *err)
{
	const char *at = text, *end = text + len;
	int line = 0;

	if (memchr(text, '\0', len))
		return pf_fail(err, EINVAL, "outcome: error: NUL bytes, expected lines of text");
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		pf_err cause = { 0 };
		pf_verdict *grown;

		line++;
		if (stop > at && stop[-1] == '\r')
			stop--;
		if (!all_blank(at, stop)) {
			grown = realloc(verdicts->list, (verdicts->count + 1) * sizeof *grown);
			if (!grown)
				return pf_fail(err, ENOMEM, "no memory for these verdicts");
			verdicts->list = grown;
			grown[verdicts->count] = (pf_verdict){ 0 };
			if (parse_line(fs, dir, at, stop, &grown[verdicts->count++], &cause) < 0)
				return pf_fail(err, cause.code, "outcome:%d: error: %s", line, cause.why);
		}
		at = newline ? newline + 1 : end;
	}
	return 0;
}

/* ---- The file ---- */

static struct node directory_of(struct node node)
{
	if (node.kind == NODE_COMPONENT_OUTCOME || node.kind == NODE_COMPONENT_OUTCOME_ERROR)
		return (struct node){ NODE_COMPONENT, node.id };
	return node.id ? (struct node){ NODE_SCOPE, node.id } : NODE_ROOT_ID;
}

static struct node outcome_beside(struct node error)
{
	return (struct node){ error.kind == NODE_OUTCOME_ERROR ? NODE_OUTCOME : NODE_COMPONENT_OUTCOME, error.id };
}

static int totals_of(struct pf_fs *fs, struct node node, pf_text *out, int64_t *mtime, pf_err *err)
{
	int64_t success, failure;
	double confidence, all;
	pf_json number = pf_json_start(out, true);
	int result;

	if (node.kind == NODE_COMPONENT_OUTCOME) {
		pf_component_entry entry;

		result = pf_store_component_stat(fs->store, node.id, &entry, err);
		if (result < 0)
			return result;
		success = entry.success;
		failure = entry.failure;
		*mtime = entry.mtime;
	} else {
		pf_totals totals;

		result = pf_store_totals(fs->store, node.id, &totals, err);
		if (result < 0)
			return result;
		success = totals.success;
		failure = totals.failure;
		*mtime = totals.mtime;
	}
	all = (double)success + (double)failure;
	confidence = all != 0 ? (double)success / all : 1.0;
	pf_text_printf(out, "success %lld\nfailure %lld\nconfidence ", (long long)success, (long long)failure);
	pf_json_ratio(&number, NULL, confidence);
	/* As long whatever the counts are: who knows the length of before reads all of after. */
	while (out->len < TOTALS_ROOM && !out->failed)
		pf_text_puts(out, " ");
	pf_text_puts(out, "\n");
	return out->failed ? pf_fail(err, ENOMEM, "no memory to show the totals") : 0;
}

int outcome_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_text text = { 0 };
	struct outcome_state *state;
	int64_t mtime;
	int result = totals_of(fs, node, &text, &mtime, err);

	if (result == 0) {
		pthread_mutex_lock(&fs->outcomes->lock);
		state = find_state(fs->outcomes, node_ino(node), false);
		if (state && state->touched > mtime)
			mtime = state->touched;
		pthread_mutex_unlock(&fs->outcomes->lock);
		node_attr_fill(node, (int64_t)text.len, mtime ? mtime : fs->mounted_at, 0, attr);
	}
	pf_text_free(&text);
	return result;
}

int outcome_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	int64_t mtime;

	return totals_of(fs, node, out, &mtime, err);
}

/* Appends what is written to what was pending, and takes the whole lines of it (or ALL) out into LINES. */
static int take_lines(struct pf_fs *fs, struct node node, const char *bytes, size_t len, bool all, pf_text *lines,
		      pf_err *err)
{
	struct outcome_state *state;
	const char *newline;
	size_t whole;
	int result = 0;

	pthread_mutex_lock(&fs->outcomes->lock);
	state = find_state(fs->outcomes, node_ino(node), len > 0);
	if (!state) {
		if (len)
			result = pf_fail(err, ENOMEM, "no memory for this verdict");
		pthread_mutex_unlock(&fs->outcomes->lock);
		return result;
	}
	pf_text_add(&state->pending, bytes, len);
	if (len)
		state->touched = fs_now();
	newline = state->pending.len ? memrchr(state->pending.bytes, '\n', state->pending.len) : NULL;
	whole = all ? state->pending.len : newline ? (size_t)(newline - state->pending.bytes) + 1 : 0;
	if (state->pending.failed) {
		pf_text_free(&state->pending);
		result = pf_fail(err, ENOMEM, "no memory for this verdict");
	} else if (state->pending.len - whole > LINE_LIMIT) {
		pf_text_free(&state->pending);
		result = pf_fail(err, EINVAL, "outcome:1: error: the line is longer than %d bytes", LINE_LIMIT);
	} else if (whole) {
		pf_text rest = { 0 };

		pf_text_add(lines, state->pending.bytes, whole);
		pf_text_add(&rest, state->pending.bytes + whole, state->pending.len - whole);
		pf_text_free(&state->pending);
		state->pending = rest;
		if (lines->failed || rest.failed)
			result = pf_fail(err, ENOMEM, "no memory for this verdict");
		if (rest.len == 0)
			pf_text_free(&state->pending);
	}
	pthread_mutex_unlock(&fs->outcomes->lock);
	return result;
}

void outcome_settled(struct pf_fs *fs, struct node node, const pf_err *err)
{
	struct outcome_state *state;
	bool listing_changed = false;

	pthread_mutex_lock(&fs->outcomes->lock);
	state = find_state(fs->outcomes, node_ino(node), err != NULL);
	if (state) {
		listing_changed = !state->error != !err;
		free(state->error);
		state->error = NULL;
		state->error_at = state->touched = fs_now();
		if (err) {
			pf_text text = { 0 };

			pf_text_printf(&text, "%s\n", err->why);
			state->error = pf_text_take(&text);
			/* The rest of a refused write is no line of its own. */
			pf_text_free(&state->pending);
		}
	}
	pthread_mutex_unlock(&fs->outcomes->lock);
	if (listing_changed)
		writer_tell(fs->writer, node_ino(directory_of(node)));
}

/* Lines come in: a verdict to commit (1), nothing yet (0), or a refusal. */
static int apply(struct pf_fs *fs, struct node node, const char *bytes, size_t len, bool all, struct change *change,
		 pf_err *err)
{
	pf_text lines = { 0 };
	pf_err cause = { 0 };
	int result = take_lines(fs, node, bytes, len, all, &lines, &cause);

	if (lines.len > BRIEF)
		fs_lengthy(fs);
	if (result == 0 && lines.len)
		result = outcome_parse(fs, directory_of(node), lines.bytes, lines.len, &change->verdicts, &cause);
	pf_text_free(&lines);
	if (result < 0) {
		outcome_settled(fs, node, &cause);
		return pf_fail(err, cause.code, "%s", cause.why);
	}
	change->asker_ino = node_ino(node);
	if (change->verdicts.count == 0)
		return 0;
	change->op = CHANGE_VERDICT;
	return 1;
}

/* The offset is the kernel's idea of where the file ends: of no meaning here. */
int outcome_write(struct pf_fs *fs, struct node node, const char *bytes, size_t len, int64_t offset,
		  struct change *change, pf_err *err)
{
	(void)offset;
	return apply(fs, node, bytes, len, false, change, err);
}

int outcome_flush(struct pf_fs *fs, struct node node, struct change *change, pf_err *err)
{
	return apply(fs, node, "", 0, true, change, err);
}

int outcome_truncate(struct pf_fs *fs, struct node node, int64_t size, bool by_descriptor, pf_err *err)
{
	(void)fs;
	(void)node;
	(void)by_descriptor;
	return size == 0 ? 0 : pf_fail(err, EINVAL, "outcome cannot be given a length: write lines to it");
}

/* `touch outcome` and the like: times are the store's. */
int outcome_setattr(struct pf_fs *fs, struct node node, unsigned mask, const pf_file *values, struct change *change,
		    pf_err *err)
{
	(void)fs;
	(void)node;
	(void)values;
	(void)change;
	if (mask & ~(unsigned)(PF_SET_ATIME | PF_SET_MTIME))
		return pf_fail(err, EPERM, "the mode and owner of outcome files are the mount's");
	return 0;
}

int outcome_error_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	struct outcome_state *state;
	int result = -ENOENT;

	pthread_mutex_lock(&fs->outcomes->lock);
	state = find_state(fs->outcomes, node_ino(outcome_beside(node)), false);
	if (state && state->error) {
		node_attr_fill(node, (int64_t)strlen(state->error), state->error_at, 0, attr);
		result = 0;
	}
	pthread_mutex_unlock(&fs->outcomes->lock);
	return result < 0 ? pf_fail(err, ENOENT, "no write to outcome was refused here") : 0;
}

int outcome_error_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	struct outcome_state *state;

	(void)err;
	pthread_mutex_lock(&fs->outcomes->lock);
	state = find_state(fs->outcomes, node_ino(outcome_beside(node)), false);
	if (state && state->error)
		pf_text_puts(out, state->error);
	pthread_mutex_unlock(&fs->outcomes->lock);
	return 0;
}
