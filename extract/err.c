#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

/* One line of text, whatever the arguments hold, and where it was cut. */
static void make_plain(char *why)
{
	size_t len = strlen(why);

	for (size_t i = 0; i < len;) {
		int n = pf_utf8_length(why + i, len - i);

		if (n == 0 || (unsigned char)why[i] < ' ' || why[i] == 0x7f) {
			why[i] = '?';
			n = 1;
		}
		i += (size_t)n;
	}
}

int pf_fail(pf_err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return -code;
	if (err->code)
		return -err->code;
	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->why, sizeof err->why, fmt, args);
	va_end(args);
	make_plain(err->why);
	return -code;
}

void pf_err_clear(pf_err *err)
{
	if (!err)
		return;
	err->code = 0;
	err->why[0] = '\0';
}
