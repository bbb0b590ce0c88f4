/*
 * Prefetching: what a walk through the mount is about to read is asked of the
 * disk before it is read.
 *
 * Listings come from one index, whose pages lie all over a file that grew as it
 * was taught. Page after page, as SQLite comes by them, each is a wait for the
 * disk (or, where the file is mapped, for all that lies around it); all of them
 * at the same time are hardly more than one. Which they are, the index's
 * interior pages say (https://www.sqlite.org/fileformat2.html#b_tree_pages): so
 * the tree is gone through level by level, and the kernel told of each level.
 *
 * That is advice, and no more is made of it: where what was read is no such page,
 * or the log holds a newer one, some advice is wrong or missing.
 */
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store-internal.h"

enum {
	INTERIOR_INDEX = 2, /* a page's first byte */
	HEAD = 12,	    /* bytes before an interior page's cell pointers */
	PAGE_MIN = 512,	    /* bytes */
	PAGE_MAX = 65536,
	DEPTH_MAX = 8,
	PAGES_MAX = 1 << 17, /* of one level */
};

struct level {
	uint32_t *pages;
	size_t count;
};

struct tree {
	sqlite3_file *file;
	int page_size;
	unsigned char *page;
	prefetch_advise *advise;
	void *arg;
};

static uint32_t number_at(const unsigned char *at, int bytes)
{
	uint32_t number = 0;

	while (bytes-- > 0)
		number = number << 8 | *at++;
	return number;
}

static bool read_page(const struct tree *tree, uint32_t number)
{
	return number > 0 && tree->file->pMethods->xRead(tree->file, tree->page, tree->page_size,
							 (sqlite3_int64)(number - 1) * tree->page_size) == SQLITE_OK;
}

/*
 * In the order of the index, which is that of a walk: while what comes first is listed the disk is busy with the rest.
 * (In the order of the file, a walk waits for nearly all of it.) Neighbours together.
 */
static void advise_level(const struct tree *tree, const struct level *level)
{
	size_t first = 0;

	for (size_t i = 1; i <= level->count; i++) {
		if (i < level->count && level->pages[i] == level->pages[i - 1] + 1)
			continue;
		tree->advise(tree->arg, ((int64_t)level->pages[first] - 1) * tree->page_size,
			     (int64_t)(i - first) * tree->page_size);
		first = i;
	}
}

static bool add_child(struct level *level, const unsigned char *at)
{
	if (level->count == PAGES_MAX)
		return false;
	level->pages[level->count++] = number_at(at, 4);
	return true;
}

/* The children of the page that was read; false where it has none, or there is no room. */
static bool add_children(const struct tree *tree, struct level *level)
{
	uint32_t cells = number_at(tree->page + 3, 2);

	if (tree->page[0] != INTERIOR_INDEX || HEAD + 2 * cells > (uint32_t)tree->page_size)
		return false;
	for (uint32_t i = 0; i < cells; i++) {
		uint32_t cell = number_at(tree->page + HEAD + 2 * (size_t)i, 2);

		if (cell + 4 <= (uint32_t)tree->page_size && !add_child(level, tree->page + cell))
			return false;
	}
	return add_child(level, tree->page + 8);
}

/* The level below; 0 where UPPER are leaves, which all lie equally deep. */
static size_t descend(const struct tree *tree, const struct level *upper, struct level *lower)
{
	lower->count = 0;
	for (size_t i = 0; i < upper->count; i++)
		if (read_page(tree, upper->pages[i]) && !add_children(tree, lower))
			break;
	return lower->count;
}

static void walk(const struct tree *tree, uint32_t root, struct level levels[2])
{
	struct level *upper = &levels[0], *lower = &levels[1];

	upper->pages[upper->count++] = root;
	for (int depth = 0; depth < DEPTH_MAX && descend(tree, upper, lower); depth++) {
		struct level *done = upper;

		advise_level(tree, lower);
		upper = lower;
		lower = done;
	}
}

int prefetch_tree(struct connection *conn, int64_t root, prefetch_advise *advise, void *arg, pf_err *err)
{
	struct tree tree = { .advise = advise, .arg = arg };
	struct level levels[2] = { 0 };
	int64_t page_size = 0;
	int rc = connection_ask(conn, "PRAGMA page_size", &page_size);

	if (rc == SQLITE_OK)
		rc = sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_FILE_POINTER, &tree.file);
	if (rc != SQLITE_OK)
		return connection_fail(conn, rc, err);
	if (!tree.file->pMethods || page_size < PAGE_MIN || page_size > PAGE_MAX || root < 1 || root > UINT32_MAX)
		return 0;
	tree.page_size = (int)page_size;
	tree.page = malloc((size_t)page_size);
	for (int i = 0; i < 2; i++)
		levels[i].pages = malloc(PAGES_MAX * sizeof *levels[i].pages);
	if (tree.page && levels[0].pages && levels[1].pages)
		walk(&tree, (uint32_t)root, levels);
	else
		rc = no_memory(err);
	free(levels[0].pages);
	free(levels[1].pages);
	free(tree.page);
	return rc;
}

/* Asks the disk for what is mapped; ARG is the file. */
static void ask_disk(void *arg, int64_t offset, int64_t bytes)
{
	sqlite3_file *file = arg;
	void *mapped = NULL;
	uintptr_t before;

	if (bytes > INT_MAX || file->pMethods->xFetch(file, offset, (int)bytes, &mapped) != SQLITE_OK || !mapped)
		return;
	before = (uintptr_t)mapped % (uintptr_t)sysconf(_SC_PAGESIZE); /* which the system's pages begin before it */
	madvise((char *)mapped - before, (size_t)bytes + before, MADV_WILLNEED);
	file->pMethods->xUnfetch(file, offset, mapped);
}

int pf_store_prefetch_listings(pf_store *store, pf_err *err)
{
	LEASE lease = { 0 };
	sqlite3_file *file = NULL;
	int rc = lease_snapshot(store, &lease, err); /* as long as it is held, nobody makes the file shorter */

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_LISTING_ROOT);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc;
	if (sqlite3_file_control(lease.conn->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
	    !file->pMethods || file->pMethods->iVersion < 3)
		return 0; /* a system whose files cannot be mapped */
	return prefetch_tree(lease.conn, column_int(&q, 0), ask_disk, file, err);
}
