/*
 * For the tests of the store: a store in a directory of its own, a second
 * connection beside it that looks into its tables, and short forms of what
 * people do.
 */
#ifndef PF_TEST_HARNESS_H
#define PF_TEST_HARNESS_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store.h"

struct fixture {
	char directory[64];
	char path[96];
	pf_store *store;
	pf_extractor *extractor;
	sqlite3 *db;
	pf_err err;   /* of the last call that failed */
	pf_text text; /* what the last `…_of` answered */
	char name[256];
};

/* cmocka's: *STATE is a struct fixture. The teardown also checks every invariant of the tables. */
int fixture_open(void **state);
int fixture_close(void **state);
void fixture_reopen(struct fixture *f);
/* The tables agree with each other. */
void check_invariants(struct fixture *f);

/* The one number, or text, that SQL answers. */
int64_t ask(struct fixture *f, const char *sql);
const char *ask_text(struct fixture *f, const char *sql);
void run_sql(struct fixture *f, const char *sql);

/* ---- what people do; each a transaction; 0 or minus an errno value, with f->err ---- */

/* cp: makes the file where it is not there, writes it and closes it. */
int submit(struct fixture *f, int64_t parent, const char *name, const char *content);
int submit_bytes(struct fixture *f, int64_t parent, const char *name, const char *content, size_t len);
int64_t make_directory(struct fixture *f, int64_t parent, const char *name, bool implicit);
int remove_name(struct fixture *f, int64_t parent, const char *name);
int remove_directory(struct fixture *f, int64_t parent, const char *name);
int move_name(struct fixture *f, int64_t parent, const char *name, int64_t new_parent, const char *new_name,
	      unsigned flags);
int archive(struct fixture *f, int64_t pattern);
int adopt_edits(struct fixture *f);
int verdict(struct fixture *f, bool success, enum pf_target_kind kind, int64_t id, const char *note);

/* ---- the same, where it may fail anywhere: with the reason in f->err ---- */

/* Commits where RC is not negative, else rolls back. */
int end_txn(pf_txn *txn, int rc, pf_err *err);
int put_file(struct fixture *f, int64_t parent, const char *name, const char *content);
/* All that counts, as one text; the caller's. Files without a name are cleared away when the store is opened. */
char *state_of(struct fixture *f);

/* ---- what they see ---- */

/* The note NAME in PARENT; NULL where there is none. */
const char *note_of(struct fixture *f, int64_t parent, const char *name);
bool note_listed(struct fixture *f, int64_t parent, const char *name);
const char *content_of(struct fixture *f, int64_t parent, const char *name);
int64_t file_id(struct fixture *f, int64_t parent, const char *name); /* 0: not there */
/* Names that a listing of PARENT shows, files then notes, each followed by a blank. */
const char *names_in(struct fixture *f, int64_t parent);
const char *document_of(struct fixture *f, int64_t pattern);
const char *component_text_of(struct fixture *f, int64_t component, enum pf_component_text which);
int64_t component_id(struct fixture *f, const char *name);
const char *history_of(struct fixture *f);
const char *stats_of(struct fixture *f);

/* An operator of that name; BODY is its execute(), four spaces more than `def`. */
const char *operator_source(const char *name, const char *body);

#define assert_ok(f, call)                                                                                             \
	do {                                                                                                           \
		int assert_ok_rc = (call);                                                                             \
		if (assert_ok_rc < 0)                                                                                  \
			fail_msg("%s: %d: %s", #call, assert_ok_rc, (f)->err.why);                                     \
	} while (0)
#define assert_refused(f, call, code, sentence)                                                                        \
	do {                                                                                                           \
		assert_int_equal((call), -(code));                                                                     \
		assert_string_equal((f)->err.why, (sentence));                                                         \
	} while (0)
#define assert_asks(f, sql, expected)                                                                                  \
	do {                                                                                                           \
		int64_t assert_asks_got = ask((f), (sql));                                                             \
		if (assert_asks_got != (expected))                                                                     \
			fail_msg("%s: %lld, expected %lld", (sql), (long long)assert_asks_got, (long long)(expected)); \
	} while (0)

#endif
