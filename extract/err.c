#include "err.h"

#include <stdarg.h>
#include <stdio.h>

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
	return -code;
}

void pf_err_clear(pf_err *err)
{
	if (!err)
		return;
	err->code = 0;
	err->why[0] = '\0';
}
