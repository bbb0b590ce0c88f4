/*
 * Readers that never rest: hammer [-w] SECONDS FILE…, and longer until each of them has read some.
 *
 * Each thread reads the files over and over, in one of the ways in which
 * programs read, while somebody else changes them, and looks for what no reader
 * may see: half a document, bytes of none, a size that is not that of the
 * content; with -w, a version that is not whole, however many calls it was read
 * by. Says how many reads there were of each way and what was wrong; exits
 * with 1 where anything was.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20, SHOWN = 3, ENOUGH = 10 };

static char **files;
static int file_count;
static atomic_bool done;
static bool whole;

struct content {
	char *bytes; /* ROOM of them */
	size_t len;
	struct stat before, after;
};

/* ---- Ways of reading; false where the file is not there (any more) ---- */

static bool read_in_pieces(int fd, struct content *c, size_t piece)
{
	ssize_t got;

	c->len = 0;
	while ((got = read(fd, c->bytes + c->len, piece < ROOM - c->len ? piece : ROOM - c->len)) > 0)
		c->len += (size_t)got;
	return got == 0;
}

static bool by_one_read(int fd, struct content *c)
{
	return read_in_pieces(fd, c, ROOM);
}

static bool by_blocks(int fd, struct content *c)
{
	return read_in_pieces(fd, c, 64);
}

/* As programs do that ask for the size first: one read of so much. */
static bool by_size(int fd, struct content *c)
{
	ssize_t got = read(fd, c->bytes, (size_t)c->before.st_size);

	c->len = got < 0 ? 0 : (size_t)got;
	return got >= 0;
}

static bool by_mapping(int fd, struct content *c)
{
	char *map = mmap(NULL, (size_t)c->before.st_size, PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return false;
	c->len = (size_t)c->before.st_size;
	memcpy(c->bytes, map, c->len);
	munmap(map, c->len);
	return true;
}

static const struct way {
	const char *name;
	bool (*read)(int fd, struct content *c);
	bool atomic; /* the content comes in one call */
} ways[] = {
	{ "read", by_one_read, true },
	{ "read of st_size", by_size, false },
	{ "read of 64 bytes", by_blocks, false },
	{ "mmap", by_mapping, false },
};
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- What must hold ---- */

/* A JSON text, as far as its brackets and strings tell; NULL or what is wrong. */
static const char *look_at(const char *at, size_t len)
{
	int depth = 0;
	bool string = false;

	if (memchr(at, '\0', len))
		return "NUL bytes";
	for (size_t i = 0; i < len; i++) {
		if (string && at[i] == '\\')
			i++;
		else if (at[i] == '"')
			string = !string;
		else if (!string && (at[i] == '{' || at[i] == '['))
			depth++;
		else if (!string && (at[i] == '}' || at[i] == ']') && depth-- == 0)
			return "more brackets closed than opened";
	}
	if (len == 0)
		return "empty";
	if (string || depth)
		return "ends too early";
	return at[len - 1] == '\n' ? NULL : "no newline at the end";
}

static bool same_version(const struct content *c)
{
	return c->before.st_size == c->after.st_size && c->before.st_mtim.tv_sec == c->after.st_mtim.tv_sec &&
	       c->before.st_mtim.tv_nsec == c->after.st_mtim.tv_nsec;
}

static const char *judge(const struct way *way, const struct content *c)
{
	/* Several calls may meet counts of two moments, as in any file that is written in place. */
	if (!same_version(c) && !way->atomic && !whole)
		return NULL;
	if (same_version(c) && c->len != (size_t)c->before.st_size)
		return "a size that is not the content's";
	return look_at(c->bytes, c->len);
}

/* ---- Threads ---- */

struct reader {
	pthread_t thread;
	const struct way *way;
	unsigned seed;
	atomic_long reads;
	long changed, wrong;
	long stale; /* what was opened is gone */
};

static void show(struct reader *r, const char *file, const struct content *c, const char *what)
{
	if (r->wrong++ < SHOWN)
		fprintf(stderr, "%s: %s: %s: st_size %lld, then %lld; %zu bytes, the last: %.*s|\n", r->way->name, file,
			what, (long long)c->before.st_size, (long long)c->after.st_size, c->len,
			(int)(c->len < 40 ? c->len : 40), c->bytes + (c->len < 40 ? 0 : c->len - 40));
}

static void read_one(struct reader *r, const char *file, struct content *c)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	const char *what;

	if (fd < 0)
		return;
	if (fstat(fd, &c->before) || !r->way->read(fd, c) || fstat(fd, &c->after)) {
		r->stale++;
	} else {
		r->reads++;
		r->changed += !same_version(c);
		what = judge(r->way, c);
		if (what)
			show(r, file, c, what);
	}
	close(fd);
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	struct content content = { .bytes = malloc(ROOM) };

	while (content.bytes && !done)
		read_one(r, files[rand_r(&r->seed) % file_count], &content);
	free(content.bytes);
	return NULL;
}

static bool all_have_read(struct reader *readers)
{
	for (int i = 0; i < 2 * WAYS; i++)
		if (readers[i].reads < ENOUGH)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	struct reader readers[2 * WAYS] = { 0 };
	long wrong = 0;

	whole = argc > 1 && strcmp(argv[1], "-w") == 0;
	argc -= whole;
	argv += whole;
	if (argc < 3) {
		fprintf(stderr, "usage: hammer [-w] SECONDS FILE...\n");
		return 2;
	}
	files = argv + 2;
	file_count = argc - 2;
	for (unsigned i = 0; i < 2 * WAYS; i++) {
		readers[i].way = &ways[i % WAYS];
		readers[i].seed = i;
		if (pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]))
			return 2;
	}
	nanosleep(&(struct timespec){ .tv_sec = atoi(argv[1]) }, NULL);
	while (!all_have_read(readers))
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	done = true;
	for (unsigned i = 0; i < 2 * WAYS; i++) {
		pthread_join(readers[i].thread, NULL);
		printf("%s: %ld reads, %ld amid a change, %ld stale, %ld wrong\n", readers[i].way->name,
		       readers[i].reads, readers[i].changed, readers[i].stale, readers[i].wrong);
		wrong += readers[i].wrong;
	}
	return wrong > 0;
}
