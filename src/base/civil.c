#include "base/civil.h"

#include <stdio.h>
#include <string.h>

/* Days since 1970-01-01; years begin in March, so that the leap day is the last of its year. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	int64_t in_era = y - era * 400;
	int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int64_t civil_seconds(const struct civil *c)
{
	return days_of(c->year, c->month, c->day) * CIVIL_DAY + c->hour * 3600 + c->minute * 60 +
	       c->second;
}

struct civil civil_from(int64_t seconds)
{
	int64_t days = floor_div(seconds, CIVIL_DAY), rest = seconds - days * CIVIL_DAY;
	int64_t z = days + 719468, era = floor_div(z, 146097), in_era = z - era * 146097;
	int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * y + y / 4 - y / 100), m = (5 * in_year + 2) / 153;
	struct civil c = {
		.day = (int)(in_year - (153 * m + 2) / 5 + 1),
		.month = (int)(m < 10 ? m + 3 : m - 9),
		.hour = (int)(rest / 3600),
		.minute = (int)(rest / 60 % 60),
		.second = (int)(rest % 60),
		.weekday = (int)(civil_in_week(seconds) / CIVIL_DAY),
	};

	c.year = (int)(y + era * 400 + (c.month <= 2));
	return c;
}

int64_t civil_in_week(int64_t seconds)
{
	int64_t s = seconds + 3 * CIVIL_DAY; /* 1970 began on a Thursday */

	return s - floor_div(s, CIVIL_WEEK) * CIVIL_WEEK;
}

/* Exactly n digits; moves *p behind them. -1: something else stands there. */
static int digits(const char **p, int n)
{
	int v = 0;

	for (; n; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static int month_days(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] +
	       (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

static bool parse_date(const char **p, struct civil *c)
{
	c->year = digits(p, 4);
	if (c->year < 1970 || *(*p)++ != '-')
		return false;
	c->month = digits(p, 2);
	if (c->month < 1 || c->month > 12 || *(*p)++ != '-')
		return false;
	c->day = digits(p, 2);
	return c->day >= 1 && c->day <= month_days(c->year, c->month);
}

static bool parse_time(const char **p, struct civil *c)
{
	c->hour = digits(p, 2);
	if (c->hour < 0 || c->hour > 23 || *(*p)++ != ':')
		return false;
	c->minute = digits(p, 2);
	if (c->minute < 0 || c->minute > 59)
		return false;
	if (**p != ':')
		return true;
	(*p)++;
	c->second = digits(p, 2);
	return c->second >= 0 && c->second <= 59;
}

bool civil_parse(const char *text, struct civil *out, bool *has_time)
{
	struct civil c = {0};
	const char *p = text;

	if (!parse_date(&p, &c))
		return false;
	*has_time = *p == 'T' || *p == ' ';
	if (*has_time && (p++, !parse_time(&p, &c)))
		return false;
	if (*p)
		return false;
	*out = civil_from(civil_seconds(&c));
	return true;
}

bool civil_clock(const char *text, int *minutes, const char **end)
{
	const char *p = text;
	int hour, minute;

	hour = digits(&p, 2);
	if (hour < 0 || hour > 24 || *p++ != ':')
		return false;
	minute = digits(&p, 2);
	if (minute < 0 || minute > 59 || (hour == 24 && minute))
		return false;
	*minutes = hour * 60 + minute;
	*end = p;
	return true;
}

static const struct unit {
	const char *name, *said, *many;
	int64_t ns;
} units[] = {
	{"d", "day", "days", CIVIL_DAY *CIVIL_NS}, {"h", "h", "h", 3600 * CIVIL_NS},
	{"m", "min", "min", 60 * CIVIL_NS},	   {"s", "s", "s", CIVIL_NS},
	{"ms", "ms", "ms", CIVIL_NS / 1000},
};

#define UNITS (sizeof(units) / sizeof(*units))

bool civil_duration(const char *text, int64_t *ns)
{
	int64_t total = 0, n;
	const char *p = text;
	unsigned next = 0, i;
	size_t len;

	while (*p) {
		for (n = 0, len = 0; *p >= '0' && *p <= '9' && len < 9; p++, len++)
			n = n * 10 + (*p - '0');
		if (!len)
			return false;
		len = strspn(p, "dhms");
		for (i = next; i < UNITS; i++)
			if (strlen(units[i].name) == len && memcmp(p, units[i].name, len) == 0)
				break;
		if (i == UNITS || n > INT64_MAX / 2 / units[i].ns ||
		    total > INT64_MAX / 2 - n * units[i].ns)
			return false;
		total += n * units[i].ns;
		p += len;
		next = i + 1;
	}
	if (!total)
		return false;
	*ns = total;
	return true;
}

const char *civil_duration_str(int64_t ns, char *buf, size_t size)
{
	size_t len = 0;
	unsigned i;

	buf[0] = '\0';
	for (i = 0; i < UNITS && len < size; i++) {
		int64_t n = ns / units[i].ns;

		ns -= n * units[i].ns;
		if (n)
			len += (size_t)snprintf(buf + len, size - len, "%s%lld %s", len ? " " : "",
						(long long)n,
						n > 1 ? units[i].many : units[i].said);
	}
	return buf;
}

const char *civil_str(const struct civil *c, bool japanese, char buf[CIVIL_STRLEN])
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	static const char *const days_ja[] = {"月", "火", "水", "木", "金", "土", "日"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	if (japanese)
		snprintf(buf, CIVIL_STRLEN, "%d年%d月%d日(%s) %02d:%02d:%02d", c->year, c->month,
			 c->day, days_ja[c->weekday], c->hour, c->minute, c->second);
	else
		snprintf(buf, CIVIL_STRLEN, "%s %d %s %d %02d:%02d:%02d", days[c->weekday], c->day,
			 months[c->month - 1], c->year, c->hour, c->minute, c->second);
	return buf;
}
