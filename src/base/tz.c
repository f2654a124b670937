#include "base/tz.h"

#include "base/civil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FOLDER	     "/usr/share/zoneinfo"
#define LAST_DAY     INT64_C(47482) /* 2100-01-01 */
#define NAME_MAX_LEN 64

static const struct tz_change utc_change = {INT64_MIN, 0};
const struct tz tz_of_utc = {"UTC", &utc_change, 1};

/* "+09:00", "-03:30". */
static bool parse_fixed(const char *name, int32_t *offset)
{
	const char *end;
	int minutes;

	if ((*name != '+' && *name != '-') || !civil_clock(name + 1, &minutes, &end) || *end ||
	    minutes > 15 * 60)
		return false;
	*offset = (*name == '-' ? -60 : 60) * minutes;
	return true;
}

static bool is_name(const char *name)
{
	const char *p;

	if (*name == '/' || strlen(name) > NAME_MAX_LEN || strstr(name, ".."))
		return false;
	for (p = name; *p; p++)
		if (!strchr("/_+-.", *p) && !(*p >= '0' && *p <= '9') &&
		    !(*p >= 'A' && *p <= 'Z') && !(*p >= 'a' && *p <= 'z'))
			return false;
	return *name;
}

/* The C library takes any name for UTC that it does not know. */
static bool in_database(const char *name)
{
	char path[sizeof(FOLDER) + NAME_MAX_LEN + 1], magic[4] = "";
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), FOLDER "/%s", name);
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fread(magic, 1, sizeof(magic), f) != sizeof(magic))
		magic[0] = '\0';
	fclose(f);
	return memcmp(magic, "TZif", sizeof(magic)) == 0; /* RFC 9636, 3.1 */
}

static int32_t ask(int64_t utc)
{
	time_t t = (time_t)utc;
	struct tm tm;

	return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

/* The first second of (lo, hi] that has the offset of hi. */
static int64_t find_change(int64_t lo, int64_t hi)
{
	int32_t after = ask(hi);

	while (hi - lo > 1) {
		int64_t mid = lo + (hi - lo) / 2;

		if (ask(mid) == after)
			hi = mid;
		else
			lo = mid;
	}
	return hi;
}

static void walk(struct arena *a, struct tz *z)
{
	struct tz_change *change = NULL;
	uint32_t cap = 0;
	int32_t offset = ask(0), o;
	int64_t day;

	change = arena_grow(a, change, 0, &cap, sizeof(*change));
	change[z->changes++] = (struct tz_change){INT64_MIN, offset};
	for (day = 1; day <= LAST_DAY; day++) {
		o = ask(day * CIVIL_DAY);
		if (o == offset)
			continue;
		offset = o;
		change = arena_grow(a, change, z->changes, &cap, sizeof(*change));
		change[z->changes++] = (struct tz_change){
			find_change((day - 1) * CIVIL_DAY, day * CIVIL_DAY), offset};
	}
	z->change = change;
}

static bool set_tz(const char *value)
{
	bool ok = value ? setenv("TZ", value, 1) == 0 : unsetenv("TZ") == 0;

	tzset();
	return ok;
}

/* With the process's TZ set for a moment. */
static bool walk_as(struct arena *a, struct tz *z)
{
	const char *set = getenv("TZ");
	char *old = set ? strdup(set) : NULL, value[sizeof(FOLDER) + NAME_MAX_LEN + 2];
	bool ok = !set || old;

	snprintf(value, sizeof(value), ":" FOLDER "/%s", z->name);
	if (ok && set_tz(value)) {
		walk(a, z);
		ok = set_tz(old);
	}
	free(old);
	return ok;
}

const struct tz *tz_load(struct arena *a, const char *name, const char **why)
{
	struct tz *z;
	struct tz_change *fixed;
	int32_t offset;

	if (strcmp(name, "UTC") == 0)
		return &tz_of_utc;
	z = arena_alloc(a, sizeof(*z));
	z->name = arena_text(a, name, strlen(name));
	if (parse_fixed(name, &offset)) {
		fixed = arena_alloc(a, sizeof(*fixed));
		*fixed = (struct tz_change){INT64_MIN, offset};
		z->change = fixed;
		z->changes = 1;
		return z;
	}
	*why = "write a name of the tz database such as Asia/Tokyo, or a distance such as "
	       "\"+09:00\"";
	if (!is_name(name))
		return NULL;
	if (!in_database(name)) {
		if (!in_database("Asia/Tokyo"))
			*why = "the tz database is not installed (package tzdata); install it, or "
			       "write a distance such as \"+09:00\"";
		return NULL;
	}
	*why = "out of memory";
	return walk_as(a, z) ? z : NULL;
}

/* The change in force. */
static uint32_t find(const struct tz *z, int64_t utc)
{
	uint32_t lo = 0, hi = z->changes;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (z->change[mid].at <= utc)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

int32_t tz_offset(const struct tz *z, int64_t utc)
{
	return z->change[find(z, utc)].offset;
}

int64_t tz_changed(const struct tz *z, int64_t utc)
{
	return z->change[find(z, utc)].at;
}

int64_t tz_changes(const struct tz *z, int64_t utc)
{
	uint32_t i = find(z, utc) + 1;

	return i < z->changes ? z->change[i].at : INT64_MAX;
}

int64_t tz_utc(const struct tz *z, int64_t local, bool later)
{
	/* no offset differs from that of a day before or after by more than the change between */
	int64_t early = local - tz_offset(z, local - CIVIL_DAY);
	int64_t late = local - tz_offset(z, local + CIVIL_DAY);
	bool early_ok = early + tz_offset(z, early) == local;
	bool late_ok = late + tz_offset(z, late) == local;

	if (early_ok && late_ok)
		return (early > late) == later ? early : late;
	return late_ok ? late : early;
}
