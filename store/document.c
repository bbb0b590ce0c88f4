/*
 * A pattern's document, and its last part, pattern_data.
 */
#include "store-internal.h"

void document_render(const struct document *d, pf_text *out)
{
	pf_json json = pf_json_start(out, false);
	char confidence[RATIO_ROOM], bound[RATIO_ROOM];

	ratio_print(confidence_score(d->counts.success, d->counts.failure), confidence);
	ratio_print(d->bound, bound);
	pf_json_object(&json, NULL);
	pf_json_int(&json, "id", d->id);
	pf_json_string(&json, "component_name", d->component_name);
	pf_json_string(&json, "pattern_type", d->pattern_type);
	pf_json_string(&json, "pattern_name", d->pattern_name);
	pf_json_string(&json, "category", d->category);
	pf_json_string(&json, "subcategory", d->subcategory);
	pf_json_string(&json, "component_type", d->component_type);
	pf_json_string(&json, "complexity_range", d->complexity_range);
	pf_json_int(&json, "success_count", d->counts.success);
	pf_json_int(&json, "failure_count", d->counts.failure);
	pf_json_raw(&json, "confidence_score", confidence);
	pf_json_raw(&json, "confidence_lower_bound", bound);
	pf_json_int(&json, "component_count", d->counts.components);
	pf_json_gap(&json, document_gap(&d->counts, d->bound));
	pf_json_string(&json, "pattern_signature", d->signature);
	pf_json_raw(&json, "libraries_involved", d->libraries ? d->libraries : "[]");
	pf_json_raw(&json, "pattern_data", d->data ? d->data : "{}");
	pf_json_end(&json);
}

/* How long STRING is in a document, without its quotes. */
static size_t escaped(const char *string)
{
	return pf_json_quoted_length(string, strlen(string)) - 2;
}

int64_t document_length(const struct document *d)
{
	/* Every key, and all that stands around the values; the schema's pattern_sizes has it too. */
	size_t len = 360;

	len += escaped(d->component_name) + strlen(d->pattern_type) + strlen(d->pattern_name) + strlen(d->category);
	len += d->subcategory ? escaped(d->subcategory) + 2 : strlen("null");
	len += strlen(d->component_type) + strlen(d->complexity_range) + strlen(d->signature);
	len += strlen(d->libraries) + strlen(d->data);
	return (int64_t)len + digits_of(d->id) + counts_room(&d->counts, d->bound);
}

/* The last member, and the end of the object. */
static int add_examples(struct connection *conn, int64_t pattern, pf_text *data, pf_err *err)
{
	const char *before = "";
	int rc;

	pf_text_puts(data, "\n    \"examples\": [");
	if (pattern) {
		QUERY(q, conn, STMT_PATTERN_EXAMPLES);
		query_int(&q, pattern);
		while ((rc = query_row(&q, err)) > 0) {
			const char *name = column_text(&q, 0);

			pf_text_puts(data, before);
			pf_json_quote(data, name ? name : "", name ? strlen(name) : 0);
			before = ", ";
		}
		if (rc < 0)
			return rc;
	}
	pf_text_puts(data, "]\n  }");
	return data->failed ? no_memory(err) : 0;
}

int pattern_data_start(const char *fields, pf_text *data, pf_err *err)
{
	pf_text_puts(data, "{\n");
	pf_text_puts(data, fields);
	pf_text_puts(data, ",");
	return add_examples(NULL, 0, data, err);
}

/* Where the line of the examples begins: the last but one of DATA. */
static size_t examples_offset(const char *data, size_t len)
{
	for (int lines = 0; len > 0; len--)
		if (data[len - 1] == '\n' && ++lines == 2)
			return len - 1;
	return 0;
}

bool pf_document_drop_example(pf_text *document)
{
	static const char end[] = "\"]\n  }\n}\n"; /* from the last name's quote on */
	size_t end_len = sizeof end - 1, len = document->len;

	if (len < end_len || memcmp(document->bytes + len - end_len, end, end_len) != 0)
		return false;
	/* Back to the quote that the name begins with; in a name there is none. */
	for (len -= end_len; len > 0 && document->bytes[len - 1] != '"'; len--)
		;
	if (len >= 3 && memcmp(document->bytes + len - 3, ", \"", 3) == 0)
		len -= 3;
	else if (len >= 2 && document->bytes[len - 2] == '[')
		len -= 1;
	else
		return false;
	memmove(document->bytes + len, end + 1, end_len);
	document->len = len + end_len - 1;
	return true;
}

int pattern_examples(struct connection *conn, int64_t pattern, pf_text *data, int64_t *growth, pf_err *err)
{
	size_t old_len;
	int rc;

	{
		QUERY(q, conn, STMT_PATTERN_DATA);
		query_int(&q, pattern);
		rc = query_row(&q, err);
		if (rc > 0)
			rc = column_append(&q, 0, data, err);
	}
	if (rc < 0 || !data->len)
		return rc;
	old_len = data->len;
	data->len = examples_offset(data->bytes, data->len);
	rc = add_examples(conn, pattern, data, err);
	*growth = (int64_t)data->len - (int64_t)old_len;
	return rc;
}
