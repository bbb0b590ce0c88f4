/*
 * Databases that were damaged, and such as an attacker makes: corrupt [PLACES [SEED]].
 *
 * A good database gets a bit flipped, some bytes overwritten, or its end cut off, at PLACES random places; or its rows
 * are made to say what none should. Then all that a mount could be asked for is asked for, without a kernel: every
 * directory is listed, every name looked up, every file and link read, queries run, a component submitted, a verdict
 * written. Whatever the answers are: no crash, no hang, no error without a reason, no name that is none, no link that
 * leads out of the mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs.h"

enum { DEPTH = 8, ENTRIES = 400, SECONDS = 30 };

static char directory[] = "/tmp/pf-corrupt-XXXXXX";
static char base[64], path[64];
static unsigned random_state;

static unsigned next_random(void)
{
	random_state = random_state * 1103515245 + 12345;
	return random_state >> 8;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	_exit(3);
}

/* ---- All that can be asked for ---- */

struct entry {
	struct node node;
	char name[NAME_MAX + 1];
};

struct collecting {
	struct node_listing base;
	struct entry *entries;
	size_t count;
	int64_t cookie;
};

static int collect(struct node_listing *base_listing, const char *name, struct node node, const struct node_attr *attr,
		   int64_t cookie)
{
	struct collecting *c = (struct collecting *)base_listing;

	(void)attr;
	c->cookie = cookie;
	if (!node_name_valid(name)) /* such the mount leaves out */
		return 0;
	c->entries[c->count].node = node;
	snprintf(c->entries[c->count].name, sizeof c->entries[0].name, "%s", name);
	if (++c->count == ENTRIES)
		c->base.full = true;
	return c->base.full;
}

static void check_reason(int result, const pf_err *err, const char *what)
{
	if (result < 0 && result != -ENOENT && result != -EAGAIN && (!err->code || !err->why[0]))
		die(what, "failed without a reason");
}

/* From a directory DEPTH below the root. */
static void check_target(const pf_text *target, int depth)
{
	const char *at = target->bytes ? target->bytes : "";
	int up = 0;

	for (; strncmp(at, "../", 3) == 0; at += 3)
		up++;
	if (up > depth || !node_path_valid(at))
		die(target->bytes, "a link out of the mount");
}

static void walk(struct pf_fs *fs, struct node node, int depth, int deepest);

static void visit(struct pf_fs *fs, struct node dir, const struct entry *entry, int depth, int deepest)
{
	pf_text text = { 0 };
	pf_err err = { 0 };
	struct node node;
	struct node_attr attr;
	int result = node_lookup(fs, dir, entry->name, &node, &attr, &err);

	check_reason(result, &err, entry->name);
	if (result < 0)
		return;
	if (S_ISDIR(attr.mode)) {
		walk(fs, node, depth + 1, deepest);
	} else {
		result = node_read(fs, node, 0, 1 << 20, &text, &err);
		check_reason(result, &err, entry->name);
		if (result == 0 && S_ISLNK(attr.mode))
			check_target(&text, depth);
	}
	pf_text_free(&text);
	node_forget(fs, node, 1);
}

static void walk(struct pf_fs *fs, struct node node, int depth, int deepest)
{
	struct collecting c = { { collect, false }, calloc(ENTRIES, sizeof(struct entry)), 0, 0 };
	pf_err err = { 0 };
	int result = node_list(fs, node, 0, &c.base, &err);

	check_reason(result, &err, "a listing");
	for (size_t i = 0; i < c.count && depth <= deepest; i++)
		visit(fs, node, &c.entries[i], depth, deepest);
	free(c.entries);
}

/* PATH below query/, and what is there. */
static void ask(struct pf_fs *fs, const char *pairs)
{
	struct node node = { NODE_QUERY_ROOT, 0 }, next;
	struct node_attr attr;
	char copy[256], *rest = copy;
	pf_err err = { 0 };
	int depth = 1;

	snprintf(copy, sizeof copy, "%s", pairs);
	for (char *pair; (pair = strsep(&rest, "/"));) {
		int result = node_lookup(fs, node, pair, &next, &attr, &err);

		check_reason(result, &err, pair);
		if (result < 0)
			return;
		node = next;
		depth++;
	}
	walk(fs, node, depth, depth);
}

static const char component[] = "from airflow.models import BaseOperator\n\n\n"
				"class %sOperator(BaseOperator):\n"
				"    template_fields = ('path',)\n\n"
				"    def __init__(self, *, path, **kwargs):\n"
				"        super().__init__(**kwargs)\n"
				"        if not path:\n"
				"            raise ValueError('path is required')\n"
				"        self.path = path\n\n"
				"    def execute(self, context):\n"
				"        self.log.info('Reading %%s', self.path)\n";

static int submit(pf_store *store, pf_extractor *extractor, const char *name, pf_err *err)
{
	char text[1024], file[64];
	pf_txn *txn = pf_txn_begin(store, err);
	pf_file made;
	int result;

	if (!txn)
		return -err->code;
	snprintf(text, sizeof text, component, name);
	snprintf(file, sizeof file, "%s.py", name);
	result = pf_txn_mkfile(txn, PF_INCOMING, file, 0644, &made, err);
	if (result == 0)
		result = pf_txn_close(txn, made.id, text, strlen(text), 5, extractor, NULL, err);
	if (result == 0 && !pf_txn_broken(txn))
		return pf_txn_commit(txn, err);
	pf_txn_rollback(txn);
	return result;
}

static int judge(pf_store *store, pf_err *err)
{
	pf_target target = { PF_TARGET_COMPONENT, 1 };
	pf_verdict verdict = { true, &target, 1, "a note" };
	pf_txn *txn = pf_txn_begin(store, err);
	int result;

	if (!txn)
		return -err->code;
	result = pf_txn_verdicts(txn, &verdict, 1, err);
	if (result == 0 && !pf_txn_broken(txn))
		return pf_txn_commit(txn, err);
	pf_txn_rollback(txn);
	return result;
}

static const char *const queries[] = {
	"limit=20",
	"category=storage/sort=support",
	"text=path",
	"library=airflow",
	"with=AOperator",
	"sort=confidence",
	"sort=recent",
	"of=components",
	"similar_to=AOperator",
};

static bool look(void)
{
	pf_extract_limits limits = { 0 };
	pf_err err = { 0 };
	pf_store *store = pf_store_open(path, NULL, &err);
	struct pf_fs *fs = store ? fs_new(store, &limits, false, &err) : NULL;

	if (!fs) {
		check_reason(-EIO, &err, "opening");
		return false;
	}
	walk(fs, NODE_ROOT_ID, 0, DEPTH);
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
		ask(fs, queries[i]);
	fs_free(fs);
	return true;
}

/* The store alone, for it is the writer's thread that may write. */
static bool change(void)
{
	pf_err err = { 0 };
	pf_store *store = pf_store_open(path, NULL, &err);
	pf_extractor *extractor;

	if (!store) {
		check_reason(-EIO, &err, "opening");
		return false;
	}
	extractor = pf_extractor_new(NULL, NULL);
	check_reason(submit(store, extractor, "New", &err), &err, "a submission");
	err = (pf_err){ 0 };
	check_reason(judge(store, &err), &err, "a verdict");
	pf_extractor_free(extractor);
	pf_store_close(store);
	return true;
}

enum { OPENED = 40, REFUSED };

/* Which of the two. No sanitizer exits with these. */
static int use(void)
{
	bool opened = look();

	opened &= change();
	opened &= look();
	return opened ? OPENED : REFUSED;
}

/* ---- Damage ---- */

static long copy_base(void)
{
	char buffer[1 << 16], other[80];
	FILE *from = fopen(base, "rb"), *to = fopen(path, "wb");
	size_t got;
	long size;

	while ((got = fread(buffer, 1, sizeof buffer, from)) > 0)
		fwrite(buffer, 1, got, to);
	size = ftell(to);
	fclose(from);
	fclose(to);
	snprintf(other, sizeof other, "%s-wal", path);
	unlink(other);
	snprintf(other, sizeof other, "%s-shm", path);
	unlink(other);
	return size;
}

static void damage_bytes(long size)
{
	long at = (long)(next_random() % (unsigned)size);
	unsigned kind = next_random() % 10;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char bytes[64];
	ssize_t len;

	if (kind == 0) {
		if (ftruncate(fd, at) != 0)
			die("truncate", strerror(errno));
	} else {
		len = pread(fd, bytes, kind < 8 ? 1 : sizeof bytes, at);
		for (ssize_t i = 0; i < len; i++)
			bytes[i] = kind < 8 ? bytes[i] ^ (unsigned char)(1 << next_random() % 8)
					    : (unsigned char)next_random();
		if (len > 0 && pwrite(fd, bytes, (size_t)len, at) != len)
			die("write", strerror(errno));
	}
	close(fd);
}

/* As an attacker who may write the file, but not run anything. */
static const char *const hostile[] = {
	"UPDATE code_patterns SET pattern_data = 'no JSON', size = 7",
	"UPDATE code_patterns SET pattern_data = CAST(x'ff00fe' AS TEXT)",
	"UPDATE code_patterns SET component_name = '../../etc/passwd', libraries_involved = ']['",
	"UPDATE code_patterns SET size = -1, mtime = -9223372036854775807",
	"UPDATE code_patterns SET size = 9223372036854775807, success_count = 9223372036854775807",
	"DROP TRIGGER code_patterns_stay; UPDATE code_patterns SET file_name = '../' || file_name",
	"DROP TRIGGER code_patterns_stay; UPDATE code_patterns SET file_name = '..' WHERE id = 1",
	"DROP TRIGGER code_patterns_stay; UPDATE code_patterns SET file_name = '' WHERE id = 1",
	"DROP TRIGGER code_patterns_stay; UPDATE code_patterns SET file_name = 'a' || char(10) || id",
	"DROP TRIGGER code_patterns_stay; UPDATE code_patterns SET file_name = hex(zeroblob(500)) || id",
	"DROP TRIGGER code_patterns_stay; UPDATE code_patterns SET scope = -1",
	"DROP TRIGGER code_patterns_stay; UPDATE code_patterns SET id = id + 1000000000000",
	"DROP TRIGGER code_patterns_stay; UPDATE code_patterns SET category = '../../../..', component_type = '/etc'",
	"UPDATE categories SET name = '../../../../etc'",
	"UPDATE categories SET name = ''",
	"UPDATE categories SET name = 'a/b'",
	"UPDATE categories SET name = 'components'",
	"UPDATE components SET entry_name = '..'",
	"UPDATE components SET entry_name = 'a/../b' || id",
	"UPDATE components SET component_name = hex(zeroblob(300)) || id",
	"UPDATE components SET category = '..', source_file = char(10) || '\"}', libraries_involved = '{'",
	"UPDATE components SET source_size = -5, record_size = 1099511627776",
	"UPDATE components SET source_id = 99; DELETE FROM sources",
	"UPDATE sources SET content = zeroblob(10000000)",
	"UPDATE sources SET content = NULL",
	"UPDATE component_records SET record = '['",
	"INSERT INTO sightings SELECT 99, value, -1, -1 FROM json_each('[1,2,3,99,-1]')",
	"INSERT INTO sightings SELECT 1, value, 9e18, -9e18 FROM json_each('[77,78]')",
	"UPDATE directories SET patterns = -1, success = 9223372036854775807, confidence_ppb = -5",
	"DELETE FROM directories; DELETE FROM component_totals",
	"INSERT INTO directories (scope, mtime) VALUES (-1, 1), (9223372036854775807, 1), (255, 1), (4095, 1)",
	"UPDATE files SET parent = id WHERE id <> 1",
	"UPDATE files SET parent = 2 WHERE id = 1",
	"UPDATE files SET name = '../x' WHERE id = 2",
	"UPDATE files SET name = '..', mode = 0 WHERE id = 2",
	"UPDATE files SET mode = 0xffffffff, size = -1 WHERE id = 2",
	"UPDATE files SET size = 9223372036854775807, source_id = NULL",
	"UPDATE notes SET name = '/', size = -1",
	"UPDATE notes SET parent = 2",
	"DROP TRIGGER history_fixed; UPDATE history SET event = 99, end_offset = -id",
	"DROP TRIGGER history_fixed; UPDATE history SET end_offset = 9223372036854775807",
	"DROP TRIGGER history_fixed; UPDATE history SET at = 9223372036854775807, note = CAST(x'ff' AS TEXT)",
	"DROP TRIGGER history_kept; DELETE FROM history",
	"DROP TABLE component_places",
	"DROP TABLE pattern_text",
	"DROP VIEW pattern_sizes; CREATE VIEW pattern_sizes (id, size) AS SELECT 1, 1",
	"CREATE TRIGGER evil AFTER INSERT ON history BEGIN DELETE FROM sightings; END",
	"CREATE TRIGGER evil AFTER INSERT ON history BEGIN SELECT writefile('/tmp/pf-evil', 'x'); END",
	"DROP TABLE notes; CREATE VIEW notes AS SELECT load_extension('/tmp/x') AS id",
	"PRAGMA user_version = 1",
	"PRAGMA user_version = -1",
	"PRAGMA application_id = 7",
};
enum { HOSTILE = sizeof hostile / sizeof *hostile };

static void damage_rows(const char *sql)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		die(path, sqlite3_errmsg(db));
	/* Some statements find nothing to do, or are refused by a constraint half-way: all the better mixed. */
	sqlite3_exec(db, "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON",
		     NULL, NULL, NULL);
	sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
}

/* ---- The places ---- */

static int refused, opened;

/* False where it crashed, hung, or answered what it must not. */
static bool try_it(const char *what)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		if (!getenv("SHOW_LOG"))
			dup2(null, STDOUT_FILENO);
		alarm(SECONDS);
		exit(use());
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	if (WIFEXITED(status) && (WEXITSTATUS(status) == OPENED || WEXITSTATUS(status) == REFUSED)) {
		refused += WEXITSTATUS(status) == REFUSED;
		opened += WEXITSTATUS(status) == OPENED;
		return true;
	}
	fprintf(stderr, "%s: %s %d\n", what, WIFSIGNALED(status) ? "signal" : "exit status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return false;
}

static void make_base(void)
{
	pf_err err = { 0 };
	pf_store *store = pf_store_open(base, NULL, &err);
	pf_extractor *extractor = pf_extractor_new(NULL, &err);

	if (!store || submit(store, extractor, "A", &err) < 0 || submit(store, extractor, "B", &err) < 0 ||
	    judge(store, &err) < 0)
		die("the good database", err.why);
	pf_extractor_free(extractor);
	pf_store_close(store);
}

int main(int argc, char **argv)
{
	long places = argc > 1 ? strtol(argv[1], NULL, 10) : 150;
	unsigned seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 20261123;
	char what[128], command[64];
	int failed = 0;

	if (!mkdtemp(directory))
		return 2;
	snprintf(base, sizeof base, "%s/base.db", directory);
	snprintf(path, sizeof path, "%s/patterns.db", directory);
	make_base();
	for (long place = 0; place < places; place++) {
		random_state = seed + (unsigned)place;
		damage_bytes(copy_base());
		snprintf(what, sizeof what, "place %ld of seed %u", place, seed);
		failed += !try_it(what);
	}
	for (int i = 0; i < HOSTILE; i++) {
		copy_base();
		damage_rows(hostile[i]);
		failed += !try_it(hostile[i]);
	}
	copy_base();
	if (!try_it("the good one") || !opened)
		failed++;
	printf("%ld places, %d hostile rows: %d refused, %d opened, %d failed\n", places, HOSTILE, refused, opened,
	       failed);
	snprintf(command, sizeof command, "rm -r %s", directory);
	return system(command) || failed;
}
