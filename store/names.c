/*
 * Names under incoming/: what they mean, and what may be one.
 */
#include <stdio.h>
#include <xxhash.h>

#include "store-internal.h"

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len >= suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

bool pf_note_name(const char *name)
{
	return ends_in(name, RECEIPT_SUFFIX) || ends_in(name, ERROR_SUFFIX);
}

void name_cut(const char *name, char cut[NAME_CUT + 1])
{
	size_t len = strlen(name), keep = NAME_CUT - 17; /* "-" and 16 digits */

	if (len <= NAME_CUT) {
		memcpy(cut, name, len + 1);
		return;
	}
	while (keep > 0 && ((unsigned char)name[keep] & 0xc0) == 0x80)
		keep--;
	memcpy(cut, name, keep);
	snprintf(cut + keep, NAME_CUT + 1 - keep, "-%016llx", (unsigned long long)XXH3_64bits(name, len));
}

enum file_role file_role(const char *name)
{
	/* Editors' and copiers' temporary files: .op.py.swp, .op.py.Xa3f9q, #op.py#, .#op.py */
	if (name[0] == '.' || name[0] == '#' || pf_note_name(name))
		return ROLE_PLAIN;
	if (ends_in(name, ".py") && name[3])
		return ROLE_SUBMISSION;
	if (ends_in(name, ".json") && name[5])
		return ROLE_METADATA;
	return ROLE_PLAIN;
}

static void with_extension(const char *name, const char *extension, char buffer[NAME_ROOM])
{
	const char *dot = strrchr(name, '.');
	int stem = dot ? (int)(dot - name) : (int)strlen(name);

	snprintf(buffer, NAME_ROOM, "%.*s%s", stem, name, extension);
}

void name_of_source(const char *metadata, char buffer[NAME_ROOM])
{
	with_extension(metadata, ".py", buffer);
}

void name_of_metadata(const char *source, char buffer[NAME_ROOM])
{
	with_extension(source, ".json", buffer);
}

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* Whether one of eight bytes may be one: a byte below N leaves its top bit set when N is taken off. */
static bool may_have_control(const char *bytes)
{
	const uint64_t ones = UINT64_MAX / 0xff;
	uint64_t word;

	memcpy(&word, bytes, sizeof word);
	return (word | (word - ones * 0x20) | ((word ^ ones * 0x7f) - ones)) & ones * 0x80;
}

static bool has_control(const char *name, size_t bytes)
{
	size_t i = 0;

	while (i < bytes) {
		if (bytes - i >= sizeof(uint64_t) && !may_have_control(name + i))
			i += sizeof(uint64_t);
		else if (is_control((unsigned char)name[i++]))
			return true;
	}
	return false;
}

/* Neither empty nor a dot nor a path, and as long as BYTES says: without a NUL. */
static bool is_entry(const char *name, size_t bytes, size_t limit)
{
	if (!name || bytes == 0 || bytes > limit || memchr(name, '\0', bytes) || memchr(name, '/', bytes))
		return false;
	if (name[0] == '.' && (bytes == 1 || (bytes == 2 && name[1] == '.')))
		return false;
	return pf_utf8_valid(name, bytes);
}

bool name_is_given(const char *name, size_t bytes)
{
	return is_entry(name, bytes, NAME_LIMIT);
}

bool name_is_learned(const char *name, size_t bytes)
{
	return is_entry(name, bytes, LEARNED_LIMIT) && !has_control(name, bytes);
}

bool name_is_pattern(const char *name, size_t bytes)
{
	static const char suffix[] = ".json";
	const size_t len = sizeof suffix - 1;

	return name_is_learned(name, bytes) && bytes >= len && memcmp(name + bytes - len, suffix, len) == 0;
}

int name_check(const char *name, pf_err *err)
{
	size_t len = strlen(name);
	char shown[NAME_ROOM];

	if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/'))
		return pf_fail(err, EINVAL, "not a file name");
	if (len > NAME_LIMIT)
		return pf_fail(err, ENAMETOOLONG, "a name of %zu bytes: at most %d", len, NAME_LIMIT);
	if (!pf_utf8_valid(name, len))
		return pf_fail(err, EILSEQ, "a name that is not UTF-8");
	if (pf_note_name(name))
		return pf_fail(err, EPERM, "%s: such names are kept for receipts and errors", name_shown(name, shown));
	return 0;
}

const char *name_shown(const char *name, char buffer[NAME_ROOM])
{
	size_t i = 0;

	while (name[i]) {
		int n = pf_utf8_length(name + i, strnlen(name + i, 4));
		unsigned char c = (unsigned char)name[i];

		if (i + (n ? (size_t)n : 1) > NAME_LIMIT)
			break; /* cut between characters */
		if (!n || c < 0x20 || c == 0x7f) {
			buffer[i++] = '?';
			continue;
		}
		memcpy(buffer + i, name + i, (size_t)n);
		i += (size_t)n;
	}
	buffer[i] = '\0';
	return buffer;
}
