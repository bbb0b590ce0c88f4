/*
 * Confidence: the bound that ranks, how it is written, and what it adds to a
 * document's size.
 */
#include <math.h>
#include <stdio.h>

#include "store-internal.h"

/*
 * E. B. Wilson, "Probable inference, the law of succession, and statistical
 * inference", Journal of the American Statistical Association 22 (1927): where
 * the true share of successes lies at least, given what was seen.
 */
double wilson_lower_bound(int64_t success, int64_t failure)
{
	const double z = 1.959964; /* 95 %, two-sided */
	double n = (double)success + (double)failure;
	double share, bound;

	if (n <= 0)
		return 0.0;
	share = (double)success / n;
	bound = (share + z * z / (2 * n) - z * sqrt((share * (1 - share) + z * z / (4 * n)) / n)) / (1 + z * z / n);
	return bound > 0 ? bound : 0.0;
}

double confidence_score(int64_t success, int64_t failure)
{
	double all = (double)success + (double)failure;

	return all > 0 ? (double)success / all : 0.0;
}

/* RATIO_LENGTH() of the schema says how long this is. */
int ratio_print(double ratio, char text[RATIO_ROOM])
{
	int thousandths = ratio >= 1 ? 1000 : ratio > 0 ? (int)(ratio * 1000 + 0.5) : 0;
	int digits = thousandths % 1000;
	int len = digits % 10 ? 5 : digits % 100 ? 4 : 3;

	text[0] = (char)('0' + thousandths / 1000);
	text[1] = '.';
	text[2] = (char)('0' + digits / 100);
	text[3] = (char)('0' + digits / 10 % 10);
	text[4] = (char)('0' + digits % 10);
	text[len] = '\0';
	return len;
}

int digits_of(int64_t number)
{
	int digits = number < 0 ? 2 : 1;

	while (number /= 10)
		digits++;
	return digits;
}

/*
 * A reader knows a file's size from before a change and its bytes from after it, or the other way round, where the
 * change comes in between: were the document's length another then, it would read a part of it, or too much. So three
 * counts of seven digits and two ratios of five have their room in each document, and it grows with counts beyond that
 * alone.
 */
enum { COUNTS_ROOM = 3 * 7 + 2 * 5 }; /* the schema's pattern_sizes has it too */

static int counts_length(int64_t success, int64_t failure, int64_t components, double bound)
{
	char ratio[RATIO_ROOM];

	return digits_of(success) + digits_of(failure) + digits_of(components) +
	       ratio_print(confidence_score(success, failure), ratio) + ratio_print(bound, ratio);
}

int document_gap(const struct counts *counts, double bound)
{
	int len = counts_length(counts->success, counts->failure, counts->components, bound);

	return len < COUNTS_ROOM ? COUNTS_ROOM - len : 0;
}

int counts_room(const struct counts *counts, double bound)
{
	return counts_length(counts->success, counts->failure, counts->components, bound) + document_gap(counts, bound);
}

int64_t document_growth(const struct counts *before, double bound, const struct counts *after)
{
	return counts_room(after, wilson_lower_bound(after->success, after->failure)) - counts_room(before, bound);
}
