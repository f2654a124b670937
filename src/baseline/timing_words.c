/*
 * Sentences about time.
 *
 * n[] of missing, shifted, unsteady: 0 observed s, 1 usual interval s, 2 and 3 its ends, 4 how
 * often it was seen; shifted: 5 the ratio of both; unsteady: 5 to 7 observed, usual and largest
 * deviation as a part of the interval. Others: as said there.
 */
#include "baseline/timing_inside.h"

#include <math.h>

#define TEXT 320
#define SPAN 24

static const char *span(double s, char buf[SPAN])
{
	if (s < 1e-3)
		snprintf(buf, SPAN, "%.3g us", s * 1e6);
	else if (s < 1)
		snprintf(buf, SPAN, "%.3g ms", s * 1e3);
	else if (s < 120)
		snprintf(buf, SPAN, s < 10 ? "%.2f s" : "%.1f s", s);
	else if (s < 7200)
		snprintf(buf, SPAN, "%.0f min", s / 60);
	else
		snprintf(buf, SPAN, "%.1f h", s / 3600);
	return buf;
}

/* "86,400" */
static const char *count(double v, char buf[SPAN])
{
	char digits[SPAN];
	size_t i, k = 0, len;

	len = (size_t)snprintf(digits, sizeof(digits), "%.0f", fmin(v, 1e15));
	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[k++] = ',';
		buf[k++] = digits[i];
	}
	buf[k] = '\0';
	return buf;
}

static const char *amount(double bytes, char buf[SPAN])
{
	if (bytes < 1e4)
		snprintf(buf, SPAN, "%.0f bytes", bytes);
	else if (bytes < 1e6)
		snprintf(buf, SPAN, "%.1f kB", bytes / 1e3);
	else if (bytes < 1e9)
		snprintf(buf, SPAN, "%.1f MB", bytes / 1e6);
	else
		snprintf(buf, SPAN, "%.1f GB", bytes / 1e9);
	return buf;
}

/* "10.40.0.5 asks 10.50.0.11 for read-holding-registers holding 0-9" */
static const char *who(const struct deviation *d, bool japanese, char buf[TEXT])
{
	char client[ADDR_STRLEN], server[ADDR_STRLEN], item[160];
	const struct item *i = d->item;

	addr_str(d->client, client);
	addr_str(d->server, server);
	item_str(i, item, sizeof(item));
	if (i->role == OP_PUBLISH)
		snprintf(buf, TEXT, japanese ? "%s は %s への %s を" : "%s sends %s %s",
			 i->from_server ? server : client, i->from_server ? client : server, item);
	else
		snprintf(buf, TEXT, japanese ? "%s は %s に %s を" : "%s asks %s for %s", client,
			 server, item);
	return buf;
}

/* Expected of all that comes at intervals. */
static void every(const struct deviation *d, bool japanese, char *buf, size_t size)
{
	char text[TEXT], usual[SPAN], lo[SPAN], hi[SPAN], times[SPAN];

	snprintf(buf, size,
		 japanese ? "%s%s ごとに送ります (学習中は %s から %s、%s 回)"
			  : "%s every %s (%s to %s while learning, %s times)",
		 who(d, japanese, text), span(d->n[1], usual), span(d->n[2], lo), span(d->n[3], hi),
		 count(d->n[4], times));
}

void timing_words_missing(const struct deviation *d, bool japanese, char *expected,
			  size_t expected_size, char *observed, size_t observed_size)
{
	char elapsed[SPAN];

	every(d, japanese, expected, expected_size);
	snprintf(observed, observed_size, japanese ? "%s のあいだ来ませんでした" : "nothing for %s",
		 span(d->n[0], elapsed));
}

/* n[]: 0 last interval s, 1 fastest mean interval of a window s, 2 how many more came than at that
 * pace, 3 how many at most while learning, 4 how often it was seen. */
void timing_words_extra(const struct deviation *d, bool japanese, char *expected,
			size_t expected_size, char *observed, size_t observed_size)
{
	char text[TEXT], pace[SPAN], times[SPAN], last[SPAN];

	snprintf(expected, expected_size,
		 japanese ? "%s平均 %s より速くは送りません (学習中 %s 回、先行は最大 %.0f 回)"
			  : "%s no faster than every %s (%s times while learning, at most %.0f "
			    "ahead)",
		 who(d, japanese, text), span(d->n[1], pace), count(d->n[4], times), ceil(d->n[3]));
	snprintf(observed, observed_size,
		 japanese ? "その速さより %.0f 回多く来ました。直近の間隔は %s です"
			  : "%.0f more than at that pace, the last after %s",
		 floor(d->n[2]), span(d->n[0], last));
}

void timing_words_shifted(const struct deviation *d, bool japanese, char *expected,
			  size_t expected_size, char *observed, size_t observed_size)
{
	char now[SPAN];

	every(d, japanese, expected, expected_size);
	snprintf(observed, observed_size,
		 japanese ? "直近の %d 回は平均 %s ごとです (%.2f 倍)%s"
			  : "every %2$s on average of the last %1$d (%3$.4g times as long)%4$s",
		 TIMING_WINDOW, span(d->n[0], now), d->n[5],
		 !d->early ? ""
		 : japanese ? "。まだ範囲内ですが、同じ方向へのずれが続いています"
			    : ", still inside, but drifting");
}

void timing_words_unsteady(const struct deviation *d, bool japanese, char *expected,
			   size_t expected_size, char *observed, size_t observed_size)
{
	every(d, japanese, expected, expected_size);
	snprintf(observed, observed_size,
		 japanese
			 ? "直近の %d 回のばらつきは %.1f%% です (学習中は平均 %.1f%%、最大 %.1f%%)"
			 : "the last %d were off by %.1f%% on average; while learning by %.1f%%, "
			   "at most %.1f%%",
		 TIMING_WINDOW, d->n[5] * 100, d->n[6] * 100, d->n[7] * 100);
}

/* n[]: 0 silence s; 1 to 3 interval of what it says most often, as above; 4 messages learned; 5 it
 * was asked and owes an answer. */
void timing_words_silent(const struct deviation *d, bool japanese, char *expected,
			 size_t expected_size, char *observed, size_t observed_size)
{
	char host[ADDR_STRLEN], usual[SPAN], most[SPAN], times[SPAN], elapsed[SPAN];

	addr_str(d->client, host);
	snprintf(expected, expected_size,
		 japanese ? "%s は %s ごとに通信します (学習中は最長 %s、%s 回)"
			  : "%s is heard every %s (at most %s apart while learning, %s times)",
		 host, span(d->n[1], usual), span(d->n[3], most), count(d->n[4], times));
	snprintf(observed, observed_size,
		 japanese ? "%s から %s のあいだ何も来ていません%s" : "nothing from %s for %s%s",
		 host, span(d->n[0], elapsed),
		 d->n[5] == 0 ? ""
		 : japanese   ? "。要求への応答もありません"
			      : ", though it was asked");
}

/* n[]: 0 observed, 1 usual, 2 longest mean of a window, s; 3 answers learned from. */
void timing_words_slow(const struct deviation *d, bool japanese, char *expected,
		       size_t expected_size, char *observed, size_t observed_size)
{
	char server[ADDR_STRLEN], item[160], usual[SPAN], most[SPAN], times[SPAN], now[SPAN];

	addr_str(d->server, server);
	item_str(d->item, item, sizeof(item));
	snprintf(expected, expected_size,
		 japanese ? "%s は %s に %s で応答します (学習中は平均で最長 %s、%s 回)"
			  : "%s answers %s in %s (at most %s on average while learning, %s times)",
		 server, item, span(d->n[1], usual), span(d->n[2], most), count(d->n[3], times));
	snprintf(observed, observed_size,
		 japanese ? "直近の %d 回の応答は平均 %s かかりました"
			  : "the last %d answers took %s on average",
		 TIMING_WINDOW, span(d->n[0], now));
}

/* n[]: 0 failed, 1 of so many; 2, 3 likewise while learning; 4 not answered, else refused. */
void timing_words_errors(const struct deviation *d, bool japanese, char *expected,
			 size_t expected_size, char *observed, size_t observed_size)
{
	char server[ADDR_STRLEN], item[160], failed[SPAN], all[SPAN];

	addr_str(d->server, server);
	item_str(d->item, item, sizeof(item));
	count(d->n[2], failed);
	count(d->n[3], all);
	if (japanese) {
		snprintf(expected, expected_size, "学習中に %s が %s %s のは %s 回中 %s 回でした",
			 server, item, d->n[4] != 0 ? "に応答しなかった" : "を拒否した", all,
			 failed);
		snprintf(observed, observed_size, "直近の %.0f 回中 %.0f 回%s", d->n[1], d->n[0],
			 d->n[4] != 0 ? "応答がありませんでした" : "拒否されました");
		return;
	}
	snprintf(expected, expected_size, "%s %s %s %s times of %s while learning", server,
		 d->n[4] != 0 ? "left unanswered" : "refused", item, failed, all);
	snprintf(observed, observed_size, "%.0f of the last %.0f %s", d->n[0], d->n[1],
		 d->n[4] != 0 ? "were not answered" : "were refused");
}

/* n[]: 0 observed, 1 usual, 2 most in ten minutes; 3 slots learned; 4 enum timing_rate. */
void timing_words_rate(const struct deviation *d, bool japanese, char *expected,
		       size_t expected_size, char *observed, size_t observed_size)
{
	static const char *const what[TIMING_RATES][2] = {
		[TIMING_SESSIONS] = {"sessions opened", "開始した通信の数"},
		[TIMING_BYTES] = {"data moved", "送受信した量"},
		[TIMING_SERVERS] = {"servers spoken with", "通信相手の台数"},
	};
	char host[ADDR_STRLEN], text[3][SPAN], slots[SPAN];
	unsigned r = (unsigned)d->n[4], i;

	addr_str(d->client, host);
	for (i = 0; i < 3; i++)
		if (r == TIMING_BYTES)
			amount(d->n[i], text[i]);
		else
			count(round(d->n[i]), text[i]);
	snprintf(expected, expected_size,
		 japanese ? "%s の 10 分間の%s: 学習中は通常 %s、最大 %s (%s 区間)"
			  : "%s, %s in ten minutes: usually %s, at most %s (%s times ten minutes "
			    "learned)",
		 host, what[r][japanese], text[1], text[2], count(d->n[3], slots));
	snprintf(observed, observed_size,
		 japanese ? "この 10 分間で %s" : "%s in these ten minutes", text[0]);
}
