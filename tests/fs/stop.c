/* A mount that has stopped, and is still asked: what changes something is refused with a reason, the rest answered. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "calls.h"

static void test_what_comes_too_late(void **state)
{
	char dir[] = "/tmp/pf-stop-XXXXXX", path[64];
	struct node incoming, made;
	struct node_attr attr;
	struct pf_fs *fs;
	pf_err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/patterns.db", dir);
	fs = calls_mount(path, &err);
	assert_non_null(fs);
	assert_int_equal(call_walk(fs, "incoming", &incoming, &attr, &err), 0);
	assert_int_equal(call_make(fs, incoming, "before", S_IFDIR | 0755, &made, &err), 0);
	fs_stop(fs);
	assert_int_equal(call_make(fs, incoming, "after", S_IFDIR | 0755, &made, &err), -ENOTCONN);
	assert_int_equal(err.code, ENOTCONN);
	assert_string_equal(err.why, "mkdir: the mount is ending");
	pf_err_clear(&err);
	assert_int_equal(call_lookup(fs, incoming, "before", &made, &attr, &err), 0);
	assert_int_equal(call_lookup(fs, incoming, "after", &made, &attr, &err), -ENOENT);
	calls_unmount(fs);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_comes_too_late) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
