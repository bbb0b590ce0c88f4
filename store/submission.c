/*
 * Submissions: what is new in a file, learned or refused, and the receipt.
 */
#include <stdio.h>
#include <xxhash.h>

#include "store-internal.h"

enum { HASH_ROOM = 64 };

struct pf_judgement {
	char hash[HASH_ROOM]; /* of the content that was judged */
	pf_text path;	      /* where it lay then: it stands in messages, and its folders hint at the category */
	pf_module *module;    /* NULL where it was refused */
	pf_err err;	      /* why */
};

void pf_judgement_free(pf_judgement *judgement)
{
	if (!judgement)
		return;
	pf_module_free(judgement->module);
	pf_text_free(&judgement->path);
	free(judgement);
}

/* Bytes that are the same have the same hash; the other way round the content is compared (STMT_SOURCE_FIND). */
static void hash_content(const char *content, size_t len, char hash[HASH_ROOM])
{
	XXH128_hash_t h = XXH3_128bits(content ? content : "", len);

	snprintf(hash, HASH_ROOM, "%016llx%016llx-%zu", (unsigned long long)h.high64, (unsigned long long)h.low64, len);
}

/* ---- what is judged ---- */

struct subject {
	struct file_row row;
	pf_text path;
	const char *content; /* borrowed, or own.bytes */
	size_t len;
	pf_text own;
	char hash[HASH_ROOM];
	struct metadata said;
	pf_text said_text;
	int64_t source_id; /* 0: bytes never accepted before */
};

static void subject_free(struct subject *s)
{
	pf_text_free(&s->path);
	pf_text_free(&s->own);
	pf_text_free(&s->said_text);
	metadata_free(&s->said);
}
#define SUBJECT __attribute__((cleanup(subject_free))) struct subject

/* Metadata from NAME.json (its text is JSON, or where that is NULL the stored one's), then from the path. */
static int load_metadata(struct connection *conn, struct subject *s, const pf_text *json, bool *refused, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text stored = { 0 };
	char name[NAME_ROOM];
	struct file_row beside;
	int rc = 0;

	name_of_metadata(s->row.file.name, name);
	if (!json) {
		pf_err missing = { 0 };

		rc = file_load_named(conn, s->row.file.parent, name, &beside, &missing);
		if (rc == 0 && S_ISREG(beside.file.mode) && beside.judged) {
			rc = file_content(conn, beside.file.id, &stored, err);
			json = &stored;
		} else if (rc < 0 && rc != -ENOENT) {
			return pf_fail(err, missing.code, "%s", missing.why);
		} else {
			rc = 0;
		}
	}
	if (rc == 0 && json) {
		rc = metadata_from_json(name, json->bytes ? json->bytes : "", json->len, &s->said, err);
		*refused = rc == -EINVAL;
	}
	return rc < 0 ? rc : directory_metadata(conn, s->row.file.parent, &s->said, err);
}

static int find_source(struct connection *conn, struct subject *s, pf_err *err)
{
	QUERY(q, conn, STMT_SOURCE_FIND);
	query_text(&q, s->hash);
	query_blob(&q, s->content, s->len);
	int rc = query_row(&q, err);

	if (rc > 0)
		s->source_id = column_int(&q, 0);
	return rc < 0 ? rc : 0;
}

/* Fills S for its ROW; CONTENT NULL: what is stored. */
static int subject_load(struct connection *conn, struct subject *s, const char *content, size_t len,
			const pf_text *json, bool *refused, pf_err *err)
{
	int rc = 0;

	s->content = content;
	s->len = len;
	if (!content) {
		rc = file_content(conn, s->row.file.id, &s->own, err);
		s->content = s->own.bytes ? s->own.bytes : "";
		s->len = s->own.len;
	}
	if (rc == 0)
		rc = file_path(conn, s->row.file.parent, s->row.file.name, &s->path, err);
	if (rc == 0)
		rc = load_metadata(conn, s, json, refused, err);
	if (rc < 0)
		return rc;
	metadata_print(&s->said, &s->said_text);
	if (s->said_text.failed)
		return no_memory(err);
	hash_content(s->content, s->len, s->hash);
	return find_source(conn, s, err);
}

/* ---- is anything new? ---- */

/* What was said of the submission differs from what the component, at Q's row, has. */
static bool says_otherwise(const struct metadata *said, struct query *q)
{
	const char *category = column_text(q, 3), *subcategory = column_text(q, 4), *type = column_text(q, 5);
	const char *generation = column_text(q, 7);

	if (said->category[0] && strcmp(said->category, category ? category : "") != 0)
		return true;
	if (said->subcategory[0] && strcmp(said->subcategory, subcategory ? subcategory : "") != 0)
		return true;
	if (said->component_type && (!type || said->component_type != pf_component_type_number(type)))
		return true;
	if (said->has_success_score && (column_is_null(q, 6) || column_real(q, 6) != said->success_score))
		return true;
	return said->generation && strcmp(said->generation, generation ? generation : "") != 0;
}

/*
 * 1 where there is something to learn, else 0. The same bytes, under any name,
 * are nothing new; but
 *  - metadata that says otherwise than the components have it, unless this very
 *    path brought just that before;
 *  - bytes that this very path comes back to after others, while a component
 *    has another source by now.
 */
static int is_novel(struct connection *conn, const struct subject *s, pf_err *err)
{
	bool otherwise = false, superseded = false, known = false;
	int64_t last = 0;
	int rc;

	if (!s->source_id)
		return 1;
	QUERY(before, conn, STMT_SUBMISSION_FIND);
	query_text(&before, s->path.bytes);
	rc = query_row(&before, err);
	if (rc < 0)
		return rc;
	if (rc > 0) {
		const char *said = column_text(&before, 1);

		last = column_int(&before, 0);
		if (last == s->source_id && said && strcmp(said, s->said_text.bytes) == 0)
			return 0;
	}
	QUERY(q, conn, STMT_SOURCE_COMPONENTS);
	query_int(&q, s->source_id);
	while ((rc = query_row(&q, err)) > 0) {
		known = true;
		otherwise = otherwise || says_otherwise(&s->said, &q);
		superseded = superseded || column_int(&q, 8) != s->source_id;
	}
	if (rc < 0)
		return rc;
	return !known || otherwise || (superseded && last && last != s->source_id);
}

/* ---- ahead of the transaction ---- */

/* The submission that the file ID is, or that it says something about: 1, or 0 where there is none. */
static int find_subject(struct connection *conn, int64_t id, struct subject *s, bool *is_metadata, pf_err *err)
{
	char name[NAME_ROOM];
	struct file_row row;
	enum file_role role;
	int rc = file_load(conn, id, &row, err);

	if (rc < 0)
		return rc;
	role = file_role(row.file.name);
	if (row.file.orphan || !S_ISREG(row.file.mode) || role == ROLE_PLAIN)
		return 0;
	*is_metadata = role == ROLE_METADATA;
	s->row = row;
	if (role == ROLE_SUBMISSION)
		return 1;
	name_of_source(row.file.name, name);
	rc = file_load_named(conn, row.file.parent, name, &s->row, err);
	return rc < 0 ? rc : S_ISREG(s->row.file.mode) && s->row.judged;
}

/* Fills S; 1 where it needs the extractor, else 0. */
static int needs_extraction(pf_store *store, int64_t file, const char *content, size_t len, struct subject *s,
			    pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text json = { 0 };
	bool is_metadata = false, refused = false;
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);

	if (rc == 0)
		rc = find_subject(lease.conn, file, s, &is_metadata, err);
	if (rc <= 0)
		return rc;
	if (is_metadata) {
		pf_text_add(&json, content, len);
		if (json.failed)
			return no_memory(err);
		content = NULL;
	}
	rc = subject_load(lease.conn, s, content, len, is_metadata ? &json : NULL, &refused, err);
	return rc < 0 ? rc : is_novel(lease.conn, s, err);
}

pf_judgement *pf_store_judge(pf_store *store, pf_extractor *extractor, int64_t file, const char *content, size_t len)
{
	SUBJECT s = { 0 };
	pf_judgement *judgement;
	pf_err err = { 0 };

	/* Whatever fails here fails again in the transaction, where it can be reported. */
	if (needs_extraction(store, file, content ? content : "", len, &s, &err) <= 0)
		return NULL;
	judgement = calloc(1, sizeof *judgement);
	if (!judgement)
		return NULL;
	memcpy(judgement->hash, s.hash, sizeof s.hash);
	judgement->path = s.path;
	s.path = (pf_text){ 0 };
	pf_extract(extractor, judgement->path.bytes, s.content, s.len, &judgement->module, &judgement->err);
	return judgement;
}

/* ---- accepted ---- */

static void begin_receipt(pf_json *receipt, const struct subject *s, bool novel)
{
	pf_json_object(receipt, NULL);
	pf_json_string(receipt, "file", s->path.bytes);
	pf_json_string(receipt, "status", novel ? "accepted" : "unchanged");
	pf_json_array(receipt, "components");
}

static void end_receipt(pf_json *receipt, const pf_module *module)
{
	pf_json_end(receipt);
	pf_json_array(receipt, "skipped");
	for (size_t i = 0; module && i < module->skip_count; i++) {
		pf_json_object(receipt, NULL);
		pf_json_string(receipt, "name", module->skips[i].name);
		pf_json_int(receipt, "line", module->skips[i].line);
		pf_json_string(receipt, "why", module->skips[i].why);
		pf_json_end(receipt);
	}
	pf_json_end(receipt);
	pf_json_end(receipt);
}

/* What a component shows already. */
static int list_patterns(struct connection *conn, pf_json *receipt, int64_t component, pf_err *err)
{
	int rc;

	QUERY(q, conn, STMT_COMPONENT_RECEIPT);
	query_int(&q, component);
	while ((rc = query_row(&q, err)) > 0)
		receipt_pattern(receipt, column_text(&q, 0), column_text(&q, 1), column_text(&q, 2), column_int(&q, 3),
				column_int(&q, 4), false);
	return rc;
}

static int list_components(struct connection *conn, pf_json *receipt, int64_t source, pf_err *err)
{
	int rc;

	QUERY(q, conn, STMT_SOURCE_COMPONENTS);
	query_int(&q, source);
	while ((rc = query_row(&q, err)) > 0) {
		receipt_component(receipt, &(struct component_head){
						   .name = column_text(&q, 1),
						   .category = column_text(&q, 3),
						   .subcategory = column_text(&q, 4),
						   .component_type = column_text(&q, 5),
						   .revision = column_int(&q, 9),
					   });
		rc = list_patterns(conn, receipt, column_int(&q, 0), err);
		pf_json_end(receipt);
		pf_json_end(receipt);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* The source's row, with its content. */
static int put_source(pf_txn *txn, struct subject *s, pf_err *err)
{
	if (s->source_id) {
		QUERY(keep, txn->conn, STMT_SOURCE_KEEP);
		query_int(&keep, s->source_id);
		query_blob(&keep, s->content, s->len);
		return query_run(&keep, err);
	}
	QUERY(add, txn->conn, STMT_SOURCE_ADD);
	query_text(&add, s->hash);
	query_int(&add, (int64_t)s->len);
	query_blob(&add, s->content, s->len);
	return query_insert(&add, &s->source_id, err);
}

static int learn(pf_txn *txn, const struct subject *s, const pf_module *module, pf_json *receipt, pf_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < module->component_count && rc == 0; i++)
		rc = learn_component(txn,
				     &(struct lesson){
					     .component = &module->components[i],
					     .said = &s->said,
					     .source_id = s->source_id,
					     .source_size = s->len,
					     .path = s->path.bytes,
					     .receipt = receipt,
				     },
				     err);
	if (rc == 0)
		rc = sightings_flush(txn, err);
	return rc < 0 ? rc : totals_flush(txn, err);
}

static int remember(pf_txn *txn, const struct subject *s, pf_err *err)
{
	QUERY(q, txn->conn, STMT_SUBMISSION_PUT);
	query_text(&q, s->path.bytes);
	query_int(&q, s->source_id);
	query_text(&q, s->said_text.bytes);
	return query_run(&q, err);
}

/* MODULE NULL: nothing new. */
static int accept(pf_txn *txn, struct subject *s, const pf_module *module, int64_t mtime, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text text = { 0 };
	const pf_file *file = &s->row.file;
	pf_json receipt = pf_json_start(&text, false);
	int rc = put_source(txn, s, err);

	if (rc < 0)
		return rc;
	begin_receipt(&receipt, s, module != NULL);
	rc = module ? learn(txn, s, module, &receipt, err) : list_components(txn->conn, &receipt, s->source_id, err);
	end_receipt(&receipt, module);
	if (rc == 0 && text.failed)
		rc = no_memory(err);
	if (rc == 0)
		rc = file_put_source(txn, file->id, s->source_id, s->len, mtime, err);
	if (rc == 0)
		rc = remember(txn, s, err);
	if (rc == 0)
		rc = note_drop(txn, file->parent, file->name, PF_ERROR, err);
	return rc < 0 ? rc : note_put(txn, file->parent, file->name, PF_RECEIPT, text.bytes, text.len, err);
}

/* ---- judging ---- */

/* The module of S: the judgement's where it fits, else made here, into *OWN. */
static int extract(pf_txn *txn, const struct subject *s, struct judging *j, const pf_module **module, pf_module **own,
		   pf_err *err)
{
	const pf_judgement *ready = j->judgement;
	pf_extractor *extractor = j->extractor;
	int rc;

	if (ready && strcmp(ready->hash, s->hash) == 0 && strcmp(ready->path.bytes, s->path.bytes) == 0) {
		*module = ready->module;
		rc = *module ? 0 : pf_fail(err, ready->err.code ? ready->err.code : EIO, "%s", ready->err.why);
	} else {
		if (!extractor)
			extractor = pf_extractor_new(&txn->store->options.limits, err);
		if (!extractor)
			return no_memory(err);
		rc = pf_extract(extractor, s->path.bytes, s->content, s->len, own, err);
		*module = *own;
		if (extractor != j->extractor)
			pf_extractor_free(extractor);
	}
	j->refused = rc == -EINVAL || rc == -EILSEQ || rc == -EFBIG || rc == -ETIMEDOUT;
	return rc;
}

static int judge_source(pf_txn *txn, const struct file_row *row, struct judging *j, pf_err *err)
{
	SUBJECT s = { .row = *row };
	const pf_module *module = NULL;
	pf_module *own = NULL;
	int rc = subject_load(txn->conn, &s, j->content, j->len, NULL, &j->refused, err);

	if (rc == 0)
		rc = is_novel(txn->conn, &s, err);
	if (rc > 0)
		rc = extract(txn, &s, j, &module, &own, err);
	if (rc == 0)
		rc = accept(txn, &s, module, j->content ? j->mtime : row->file.mtime, err);
	pf_module_free(own);
	return rc;
}

/* NAME.json changed: NAME.py is judged again. What is wrong with that is noted there, and no fault of NAME.json. */
static int judge_again(pf_txn *txn, const struct file_row *source, const struct judging *metadata, pf_err *err)
{
	struct judging j = { .extractor = metadata->extractor, .judgement = metadata->judgement };
	pf_err why = { 0 };
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = judge_source(txn, source, &j, &why);
	rc = savepoint_end(txn, rc, &why);
	if (rc == 0)
		return 0;
	if (!j.refused || pf_txn_broken(txn))
		return pf_fail(err, why.code, "%s", why.why);
	return submission_blame(txn, source->file.parent, source->file.name, why.why, err);
}

static int judge_metadata(pf_txn *txn, const struct file_row *row, struct judging *j, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text text = { 0 };
	struct metadata metadata = { 0 };
	struct file_row source;
	pf_err missing = { 0 };
	char name[NAME_ROOM];
	int rc = 0;

	if (j->content)
		rc = file_put_content(txn, row->file.id, j->content, j->len, j->mtime, true, err);
	else if (!row->judged)
		rc = file_load(txn->conn, row->file.id, &source, err); /* renamed before it was ever written */
	name_of_source(row->file.name, name);
	if (rc == 0)
		rc = file_load_named(txn->conn, row->file.parent, name, &source, &missing);
	if (rc == -ENOENT || (rc == 0 && !S_ISREG(source.file.mode)))
		return note_drop(txn, row->file.parent, row->file.name, PF_ERROR, err); /* a plain file so far */
	if (rc == 0)
		rc = file_content(txn->conn, row->file.id, &text, err);
	if (rc < 0)
		return rc;
	rc = metadata_from_json(row->file.name, text.bytes ? text.bytes : "", text.len, &metadata, err);
	metadata_free(&metadata);
	j->refused = rc == -EINVAL;
	if (rc == 0 && source.judged)
		rc = judge_again(txn, &source, j, err);
	return rc < 0 ? rc : note_drop(txn, row->file.parent, row->file.name, PF_ERROR, err);
}

int submission_judge(pf_txn *txn, int64_t id, struct judging *judging, pf_err *err)
{
	struct file_row row;
	int rc = file_load(txn->conn, id, &row, err);

	if (rc < 0 || row.file.orphan || !S_ISREG(row.file.mode))
		return rc;
	switch (file_role(row.file.name)) {
	case ROLE_SUBMISSION:
		return judge_source(txn, &row, judging, err);
	case ROLE_METADATA:
		return judge_metadata(txn, &row, judging, err);
	default:
		return 0;
	}
}

int submission_blame(pf_txn *txn, int64_t parent, const char *name, const char *why, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text text = { 0 };

	pf_text_puts(&text, why);
	pf_text_add(&text, "\n", 1);
	if (text.failed)
		return no_memory(err);
	return note_put(txn, parent, name, PF_ERROR, text.bytes, text.len, err);
}

/* ---- closing ---- */

/* The content is kept, and WHY noted. */
static int keep_refused(pf_txn *txn, const struct file_row *row, const char *content, size_t len, int64_t mtime,
			const char *why, pf_err *err)
{
	int rc = file_put_content(txn, row->file.id, content, len, mtime, true, err);

	if (rc < 0 || row->file.orphan)
		return rc;
	return submission_blame(txn, row->file.parent, row->file.name, why, err);
}

static int close_file(pf_txn *txn, const struct file_row *row, struct judging *j, pf_err *err)
{
	size_t limit = store_max_source(txn->store);
	pf_err why = { 0 };
	int rc;

	if (row->file.orphan || file_role(row->file.name) == ROLE_PLAIN) {
		if (j->len > limit)
			return pf_fail(err, EFBIG, "%zu bytes: at most %zu", j->len, limit);
		return file_put_content(txn, row->file.id, j->content, j->len, j->mtime, true, err);
	}
	rc = savepoint_begin(txn, err);
	if (rc < 0)
		return rc;
	rc = submission_judge(txn, row->file.id, j, &why);
	rc = savepoint_end(txn, rc, &why);
	if (rc == 0)
		return 0;
	if (!j->refused || pf_txn_broken(txn)) {
		j->refused = false;
		return pf_fail(err, why.code, "%s", why.why);
	}
	rc = keep_refused(txn, row, j->content, j->len, j->mtime, why.why, err);
	if (rc == 0)
		return pf_fail(err, why.code, "%s", why.why);
	j->refused = false;
	return rc;
}

int pf_txn_close(pf_txn *txn, int64_t file, const char *content, size_t len, int64_t mtime, pf_extractor *extractor,
		 const pf_judgement *judgement, pf_err *err)
{
	struct judging j = {
		.extractor = extractor,
		.judgement = judgement,
		.content = content ? content : "",
		.len = len,
		.mtime = mtime,
	};
	struct file_row row;
	int ended, rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = file_load(txn->conn, file, &row, err);
	if (rc == 0 && !S_ISREG(row.file.mode))
		rc = pf_fail(err, EISDIR, "a directory");
	if (rc == 0)
		rc = close_file(txn, &row, &j, err);
	/* A refusal is kept: the content, and the note. */
	ended = savepoint_end(txn, j.refused ? 0 : rc, err);
	return rc < 0 ? rc : ended;
}

int pf_txn_refuse(pf_txn *txn, int64_t file, const char *content, size_t len, int64_t mtime, int code, const char *why,
		  pf_err *err)
{
	struct file_row row;
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = file_load(txn->conn, file, &row, err);
	if (rc == 0)
		rc = keep_refused(txn, &row, content, len, mtime, why, err);
	rc = savepoint_end(txn, rc, err);
	return rc < 0 ? rc : pf_fail(err, code, "%s", why);
}
