/* Values as words that people read, and exactly back. */
#include "base/civil.h"
#include "baseline/archive_impl.h"
#include "baseline/text.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS     INT64_C(1000000000)
#define NUMBER 40 /* bytes of a number in words, with its NUL */

#define WRITE(name)                                                                                \
	static void name(const struct archive_kind *k, const void *v, char buf[ARCHIVE_WORD])
#define READ(name) static bool name(const struct archive_kind *k, const char *text, void *v)

/* --- whole numbers --- */

static bool digits(const char **p, uint64_t *out)
{
	const char *begin = *p;
	uint64_t n = 0;

	for (; **p >= '0' && **p <= '9'; ++*p)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(**p - '0'), &n))
			return false;
	*out = n;
	return *p > begin;
}

WRITE(write_count)
{
	(void)k;
	snprintf(buf, ARCHIVE_WORD, "%" PRIu64, *(const uint64_t *)v);
}

READ(read_count)
{
	(void)k;
	return digits(&text, v) && !*text;
}

WRITE(write_count32)
{
	(void)k;
	snprintf(buf, ARCHIVE_WORD, "%" PRIu32, *(const uint32_t *)v);
}

READ(read_count32)
{
	uint64_t n;

	if (!read_count(k, text, &n) || n > UINT32_MAX)
		return false;
	*(uint32_t *)v = (uint32_t)n;
	return true;
}

WRITE(write_int)
{
	(void)k;
	snprintf(buf, ARCHIVE_WORD, "%" PRId64, *(const int64_t *)v);
}

READ(read_int)
{
	bool minus = *text == '-';
	uint64_t n;

	if (!read_count(k, text + minus, &n) || n > (uint64_t)INT64_MAX + minus)
		return false;
	*(int64_t *)v = minus ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

/* --- numbers --- */

/* A decimal number at *p, kept as its digits and an exponent of ten. */
struct decimal {
	char digits[64]; /* with sign and point */
	int exponent;
};

static bool decimal(const char **p, struct decimal *d)
{
	const char *s = *p;
	size_t n = 0, figures = 0;
	bool minus;
	uint64_t e;

	d->exponent = 0;
	if (*s == '-')
		d->digits[n++] = *s++;
	for (; (*s >= '0' && *s <= '9') || (*s == '.' && !memchr(d->digits, '.', n)); s++) {
		if (n + 1 >= sizeof(d->digits))
			return false;
		figures += *s != '.';
		d->digits[n++] = *s;
	}
	d->digits[n] = '\0';
	if (!figures || d->digits[n - 1] == '.')
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		minus = *s == '-';
		s += *s == '-' || *s == '+';
		if (!digits(&s, &e) || e > 400)
			return false;
		d->exponent = minus ? -(int)e : (int)e;
	}
	*p = s;
	return true;
}

static bool decimal_value(const struct decimal *d, double *out)
{
	char text[sizeof(d->digits) + 16];

	snprintf(text, sizeof(text), "%se%d", d->digits, d->exponent);
	*out = strtod(text, NULL);
	*out = *out == 0 ? 0 : *out; /* no -0 */
	return isfinite(*out);
}

/* The shortest that reads back as the same. */
static void put_number(double v, char out[NUMBER])
{
	char buf[NUMBER];
	int p;

	if (!isfinite(v))
		v = isnan(v) ? 0 : v > 0 ? DBL_MAX : -DBL_MAX;
	if (fabs(v) < 1e15 && v == (double)(int64_t)v) {
		snprintf(out, NUMBER, "%" PRId64, (int64_t)v);
		return;
	}
	for (p = 15; p <= 17; p++) {
		snprintf(buf, sizeof(buf), "%.*g", p, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	memcpy(out, buf, NUMBER);
}

WRITE(write_number)
{
	(void)k;
	put_number(*(const double *)v, buf);
}

READ(read_number)
{
	struct decimal d;

	(void)k;
	return decimal(&text, &d) && !*text && decimal_value(&d, v);
}

static bool good_number(const struct archive_kind *k, const void *v)
{
	double d[2];

	memcpy(d, v, k->size);
	return isfinite(d[0]) && (k->size == sizeof(double) || isfinite(d[1]));
}

WRITE(write_interval)
{
	const double *d = v;
	char lo[NUMBER], hi[NUMBER];

	(void)k;
	put_number(d[0], lo);
	put_number(d[1], hi);
	snprintf(buf, ARCHIVE_WORD, "%s..%s", lo, hi);
}

READ(read_interval)
{
	const char *dots = strstr(text, "..");
	char lo[64];
	double *d = v;

	if (!dots || (size_t)(dots - text) >= sizeof(lo))
		return false;
	memcpy(lo, text, (size_t)(dots - text));
	lo[dots - text] = '\0';
	return read_number(k, lo, &d[0]) && read_number(k, dots + 2, &d[1]) && d[0] <= d[1];
}

WRITE(write_range)
{
	const uint64_t *r = v;

	(void)k;
	if (r[0] == r[1])
		snprintf(buf, ARCHIVE_WORD, "%" PRIu64, r[0]);
	else
		snprintf(buf, ARCHIVE_WORD, "%" PRIu64 "-%" PRIu64, r[0], r[1]);
}

READ(read_range)
{
	uint64_t *r = v;

	(void)k;
	if (!digits(&text, &r[0]))
		return false;
	r[1] = r[0];
	if (*text == '-') {
		text++;
		if (!digits(&text, &r[1]))
			return false;
	}
	return !*text && r[0] <= r[1];
}

/* --- times --- */

static const struct unit {
	const char *name;
	int64_t ns;
	int places; /* that a second is more: 10^places */
} units[] = {{"s", NS, 0}, {"ms", 1000000, 3}, {"us", 1000, 6}, {"ns", 1, 9}};

#define UNITS (sizeof(units) / sizeof(*units))

static const struct unit *unit_named(const char *s)
{
	unsigned i;

	while (*s == ' ')
		s++;
	for (i = 0; i < UNITS; i++)
		if (strcmp(s, units[i].name) == 0)
			return &units[i];
	return NULL;
}

/* "." and the digits of frac < 10^places that matter; nothing when it is 0. */
static void put_fraction(uint64_t frac, int places, char *buf, size_t size)
{
	int n;

	if (!frac) {
		*buf = '\0';
		return;
	}
	n = snprintf(buf, size, ".%0*" PRIu64, places, frac);
	while (n > 0 && buf[n - 1] == '0')
		buf[--n] = '\0';
}

/* The other way; at most `places` digits. */
static bool fraction(const char **p, int places, uint64_t *out)
{
	int n = 0;

	*out = 0;
	if (**p != '.')
		return true;
	for (++*p; **p >= '0' && **p <= '9'; ++*p, n++) {
		if (n == places)
			return false;
		*out = *out * 10 + (uint64_t)(**p - '0');
	}
	if (!n)
		return false;
	for (; n < places; n++)
		*out *= 10;
	return true;
}

WRITE(write_span)
{
	int64_t ns = *(const int64_t *)v;
	uint64_t all = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	unsigned i = 0;
	char frac[16];

	(void)k;
	while (i + 1 < UNITS && all < (uint64_t)units[i].ns)
		i++;
	put_fraction(all % (uint64_t)units[i].ns, 9 - units[i].places, frac, sizeof(frac));
	snprintf(buf, ARCHIVE_WORD, "%s%" PRIu64 "%s %s", ns < 0 ? "-" : "",
		 all / (uint64_t)units[i].ns, frac, units[i].name);
}

READ(read_span)
{
	bool minus = *text == '-';
	uint64_t whole, frac = 0, n;
	const char *p = text + minus + strcspn(text + minus, " nums");
	const struct unit *u = unit_named(p);

	(void)k;
	text += minus;
	if (!u || !digits(&text, &whole) || !fraction(&text, 9 - u->places, &frac) || text != p ||
	    __builtin_mul_overflow(whole, (uint64_t)u->ns, &n) ||
	    __builtin_add_overflow(n, frac, &n) || n > (uint64_t)INT64_MAX + minus)
		return false;
	*(int64_t *)v = minus ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

/*
 * A double of seconds in a smaller unit: its digits are those of the shortest decimal number that
 * is the same double, only the point moves. So nothing is lost to a multiplication.
 */
WRITE(write_seconds)
{
	double s = *(const double *)v;
	char text[40], d[24];
	unsigned i = 0;
	int p, n = 0, exponent;
	const char *c;

	(void)k;
	if (!isfinite(s))
		s = isnan(s) ? 0 : s > 0 ? DBL_MAX : -DBL_MAX;
	for (p = 14; p <= 16; p++) {
		snprintf(text, sizeof(text), "%.*e", p, s);
		if (strtod(text, NULL) == s)
			break;
	}
	for (c = text; *c != 'e'; c++)
		if (*c >= '0' && *c <= '9')
			d[n++] = *c;
	exponent = (int)strtol(c + 1, NULL, 10);
	while (n > 1 && d[n - 1] == '0')
		n--;
	while (i + 1 < UNITS && exponent + units[i].places < 0)
		i++;
	exponent += units[i].places;
	if (exponent < 0 || exponent > 15)
		snprintf(buf, ARCHIVE_WORD, "%s%c%s%.*se%d %s", s < 0 ? "-" : "", d[0],
			 n > 1 ? "." : "", n - 1, d + 1, exponent, units[i].name);
	else if (n <= exponent + 1)
		snprintf(buf, ARCHIVE_WORD, "%s%.*s%.*s %s", s < 0 ? "-" : "", n, d,
			 exponent + 1 - n, "000000000000000", units[i].name);
	else
		snprintf(buf, ARCHIVE_WORD, "%s%.*s.%.*s %s", s < 0 ? "-" : "", exponent + 1, d,
			 n - exponent - 1, d + exponent + 1, units[i].name);
}

READ(read_seconds)
{
	const struct unit *u;
	struct decimal d;

	(void)k;
	if (!decimal(&text, &d) || !(u = unit_named(text)))
		return false;
	d.exponent -= u->places;
	return decimal_value(&d, v);
}

static void put_time(int64_t ns, char *buf, size_t size)
{
	int64_t s = civil_floor(ns);
	struct civil c = civil_from(s);
	uint64_t part = (uint64_t)((__int128)ns - (__int128)s * NS);
	char frac[16];

	put_fraction(part, 9, frac, sizeof(frac));
	snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", c.year, c.month, c.day, c.hour,
		 c.minute, c.second, frac);
}

/* n digits and what comes behind them. */
static bool part(const char **p, int n, char behind, int *out)
{
	for (*out = 0; n; n--, ++*p) {
		if (**p < '0' || **p > '9')
			return false;
		*out = *out * 10 + (**p - '0');
	}
	if (!behind)
		return true;
	return *(*p)++ == behind;
}

static bool read_time_at(const char **p, int64_t *out)
{
	struct civil c = {.weekday = 0}, same;
	uint64_t frac;
	__int128 ns;
	int64_t s;

	if (!part(p, 4, '-', &c.year) || !part(p, 2, '-', &c.month) || !part(p, 2, 'T', &c.day) ||
	    !part(p, 2, ':', &c.hour) || !part(p, 2, ':', &c.minute) || !part(p, 2, 0, &c.second) ||
	    !fraction(p, 9, &frac) || **p != 'Z' || c.year < 1600 || c.month < 1 || c.month > 12 ||
	    c.day < 1 || c.day > 31)
		return false;
	++*p;
	s = civil_seconds(&c);
	same = civil_from(s);
	ns = (__int128)s * NS + frac;
	*out = (int64_t)ns;
	return ns >= INT64_MIN && ns <= INT64_MAX && same.year == c.year && same.month == c.month &&
	       same.day == c.day && same.hour == c.hour && same.minute == c.minute &&
	       same.second == c.second;
}

WRITE(write_time)
{
	(void)k;
	put_time(*(const int64_t *)v, buf, ARCHIVE_WORD);
}

READ(read_time)
{
	(void)k;
	return read_time_at(&text, v) && !*text;
}

WRITE(write_tally)
{
	const struct tally *t = v;
	char first[40], last[40];

	(void)k;
	put_time(t->first, first, sizeof(first));
	put_time(t->last, last, sizeof(last));
	snprintf(buf, ARCHIVE_WORD, "%" PRIu64 " from %s to %s", t->count, first, last);
}

static bool word_at(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

READ(read_tally)
{
	struct tally *t = v;

	(void)k;
	return digits(&text, &t->count) && t->count && word_at(&text, " from ") &&
	       read_time_at(&text, &t->first) && word_at(&text, " to ") &&
	       read_time_at(&text, &t->last) && !*text && t->first <= t->last;
}

/* --- addresses, words --- */

WRITE(write_addr)
{
	(void)k;
	addr_str(v, buf);
}

READ(read_addr)
{
	(void)k;
	return addr_parse(text, v);
}

WRITE(write_mac)
{
	(void)k;
	mac_str(v, buf);
}

READ(read_mac)
{
	(void)k;
	return mac_parse(text, v);
}

WRITE(write_flag)
{
	(void)k;
	(void)v;
	snprintf(buf, ARCHIVE_WORD, "yes");
}

READ(read_flag)
{
	(void)k;
	*(bool *)v = strcmp(text, "yes") == 0;
	return *(bool *)v || strcmp(text, "no") == 0;
}

static bool good_flag(const struct archive_kind *k, const void *v)
{
	(void)k;
	return *(const uint8_t *)v <= 1;
}

WRITE(write_word)
{
	snprintf(buf, ARCHIVE_WORD, "%s", k->words[*(const uint8_t *)v]);
}

READ(read_word)
{
	uint8_t i;

	for (i = 0; k->words[i]; i++) {
		if (strcmp(k->words[i], text) == 0) {
			*(uint8_t *)v = i;
			return true;
		}
	}
	return false;
}

static bool good_word(const struct archive_kind *k, const void *v)
{
	uint8_t i, n = *(const uint8_t *)v;

	for (i = 0; k->words[i] && i < n; i++)
		;
	return k->words[i] != NULL;
}

bool baseline_parse_values(const char *text, double *lo, double *hi)
{
	double d[2];

	if (!read_interval(NULL, text, d))
		return false;
	*lo = d[0];
	*hi = d[1];
	return true;
}

bool baseline_parse_time(const char *text, int64_t *ns)
{
	return read_time(NULL, text, ns);
}

#define KIND(name, type, ...)                                                                      \
	const struct archive_kind archive_kind_##name = {                                          \
		.size = sizeof(type), .write = write_##name, .read = read_##name, __VA_ARGS__}

KIND(count, uint64_t, .what = "a whole number from 0");
KIND(count32, uint32_t, .what = "a whole number from 0 to 4294967295");
KIND(int, int64_t, .what = "a whole number");
KIND(number, double, .what = "a number", .good = good_number);
KIND(flag, bool, .what = "yes or no", .good = good_flag);
KIND(time, int64_t, .what = "a time such as 2026-11-21T09:00:00Z");
KIND(span, int64_t, .what = "a time such as 1.5 s, 20 ms, 3 us or 40 ns");
KIND(seconds, double, .what = "a time such as 1.5 s, 20 ms, 3 us or 40 ns", .good = good_number);
KIND(addr, struct addr, .what = "an IP address");
KIND(mac, struct mac, .what = "a MAC address");
KIND(range, uint64_t[2], .what = "a range such as 0-9, or a number", .bare = true);
KIND(interval, double[2], .what = "a range such as 0..1000", .good = good_number);
KIND(tally, struct tally,
     .what = "how often and when, such as \"12 from 2026-11-21T09:00:00Z to "
	     "2026-11-21T09:05:00Z\"");
KIND(word, uint8_t, .what = "one of its words", .good = good_word);
