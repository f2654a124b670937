#include "sink/syslog.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND	  INT64_C(1000000000)
#define BOM	  "\xef\xbb\xbf"
#define MSGID_MAX 32  /* RFC 5424 section 6: printable ASCII */
#define HOST_MAX  255 /* likewise */

enum { CRITICAL = 2, WARNING = 4, NOTICE = 5, INFORMATIONAL = 6 };

struct out {
	char *at;
	size_t used, size;
	bool cut;
};

static void put(struct out *o, const char *data, size_t n)
{
	if (o->cut || n > o->size - o->used) {
		o->cut = true;
		return;
	}
	memcpy(o->at + o->used, data, n);
	o->used += n;
}

__attribute__((format(printf, 2, 3))) static void add(struct out *o, const char *format, ...)
{
	size_t room = o->size - o->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(o->at + o->used, room, format, args);
	va_end(args);
	if (o->cut || n < 0 || (size_t)n >= room)
		o->cut = true;
	else
		o->used += (size_t)n;
}

static unsigned level(unsigned severity)
{
	static const unsigned levels[] = {CRITICAL, WARNING, NOTICE, INFORMATIONAL};

	return levels[(severity - 1) & 3];
}

/* A name of the header: printable ASCII without spaces, "-" when there is none. */
static void put_name(struct out *o, const char *name, size_t max)
{
	size_t n;

	if (!*name)
		put(o, "-", 1);
	for (n = 0; name[n] && n < max; n++)
		put(o, name[n] > ' ' && name[n] < 0x7f ? &name[n] : "_", 1);
}

static void put_host(struct out *o)
{
	char host[HOST_MAX + 1] = "";

	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	put_name(o, host, HOST_MAX);
}

/* time: "2024-01-01T12:00:00.123456Z" */
static void put_header(struct out *o, unsigned facility, unsigned lvl, const char *time,
		       const char *msgid)
{
	add(o, "<%u>1 %s ", facility * 8 + lvl, time);
	put_host(o);
	add(o, " kidoban %d ", (int)getpid());
	put_name(o, msgid, MSGID_MAX);
	put(o, " ", 1);
}

/* RFC 5424 section 6.3.3: '"', '\' and ']' are escaped */
static void put_param(struct out *o, const char *name, const char *value)
{
	if (!value)
		return;
	add(o, " %s=\"", name);
	for (; *value; value++) {
		if (strchr("\"\\]", *value))
			put(o, "\\", 1);
		put(o, value, 1);
	}
	put(o, "\"", 1);
}

static void put_number(struct out *o, const char *name, uint64_t v)
{
	add(o, " %s=\"%" PRIu64 "\"", name, v);
}

static const char *phase(const struct incident *i)
{
	return !i->id ? NULL : i->phase == INCIDENT_ENDED ? "ended" : "opened";
}

static int64_t time_of(const struct incident *i)
{
	return i->phase == INCIDENT_ENDED ? i->last : i->first;
}

static size_t end(const struct out *o)
{
	return o->cut ? 0 : o->used;
}

size_t syslog_alert(char *out, size_t size, uint8_t facility, const struct incident *i,
		    const char *body, size_t n)
{
	struct out o = {.at = out, .size = size};
	int64_t at = time_of(i);
	time_t seconds = (time_t)(at / SECOND);
	char text[32], when[48];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		memset(&tm, 0, sizeof(tm));
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when, sizeof(when), "%s.%06dZ", text, (int)(at % SECOND / 1000));
	put_header(&o, facility, level(i->severity), when, i->finding->id);
	add(&o, "[" SYSLOG_SD_ID);
	put_param(&o, "finding", i->finding->id);
	put_number(&o, "sid", i->finding->sid);
	put_param(&o, "severity", finding_severity_name(i->severity));
	put_param(&o, "verdict", i->verdict);
	if (i->id)
		put_number(&o, "incident", i->id);
	put_param(&o, "phase", phase(i));
	put_number(&o, "count", i->count);
	put_param(&o, "srcZone", i->src_zone);
	put_param(&o, "destZone", i->dst_zone);
	put_param(&o, "srcAsset", i->src_asset);
	put_param(&o, "destAsset", i->dst_asset);
	put_param(&o, "conduit", i->conduit);
	put_param(&o, "watch", i->watch);
	put_param(&o, "detector", i->norm.detector);
	if (i->norm.detector)
		put_param(&o, "permit", i->norm.permit);
	add(&o, "] " BOM);
	put(&o, body, n);
	return end(&o);
}

/* An EVE line begins with its time: {"timestamp":"2024-01-01T12:00:00.123456+0000", ... */
#define EVE_TIME_AT  14
#define EVE_TIME_LEN 26

static void eve_time(const char *eve, size_t n, char out[32])
{
	if (n < EVE_TIME_AT + EVE_TIME_LEN)
		snprintf(out, 32, "-"); /* NILVALUE */
	else
		snprintf(out, 32, "%.*sZ", EVE_TIME_LEN, eve + EVE_TIME_AT);
}

size_t syslog_other(char *out, size_t size, uint8_t facility, const char *event, const char *eve,
		    size_t n)
{
	struct out o = {.at = out, .size = size};
	char when[32];

	eve_time(eve, n, when);
	put_header(&o, facility, INFORMATIONAL, when, event);
	add(&o, "- " BOM);
	put(&o, eve, n);
	return end(&o);
}

/* --- the journal --- */

static void put_field(struct out *o, const char *key, const char *value)
{
	if (value)
		add(o, "%s=%s\n", key, value);
}

static void put_count(struct out *o, const char *key, uint64_t v)
{
	add(o, "%s=%" PRIu64 "\n", key, v);
}

static void put_message(struct out *o, unsigned lvl, const char *body, size_t n)
{
	add(o, "PRIORITY=%u\nSYSLOG_IDENTIFIER=kidoban\nMESSAGE=", lvl);
	put(o, body, n);
	put(o, "\n", 1);
}

static void put_ends(struct out *o, const struct incident *i)
{
	char text[ADDR_STRLEN];

	put_field(o, "KIDOBAN_SRC_IP", addr_str(&i->src, text));
	put_field(o, "KIDOBAN_DEST_IP", addr_str(&i->dst, text));
	if (i->sport)
		put_count(o, "KIDOBAN_SRC_PORT", i->sport);
	if (i->dport)
		put_count(o, "KIDOBAN_DEST_PORT", i->dport);
}

size_t journal_alert(char *out, size_t size, const struct incident *i, const char *body, size_t n)
{
	struct out o = {.at = out, .size = size};

	put_message(&o, level(i->severity), body, n);
	put_field(&o, "KIDOBAN_EVENT", "alert");
	put_field(&o, "KIDOBAN_FINDING", i->finding->id);
	put_count(&o, "KIDOBAN_SID", i->finding->sid);
	put_field(&o, "KIDOBAN_SEVERITY", finding_severity_name(i->severity));
	put_field(&o, "KIDOBAN_VERDICT", i->verdict);
	if (i->id)
		put_count(&o, "KIDOBAN_INCIDENT", i->id);
	put_field(&o, "KIDOBAN_PHASE", phase(i));
	put_count(&o, "KIDOBAN_COUNT", i->count);
	if (i->has_addr)
		put_ends(&o, i);
	put_field(&o, "KIDOBAN_SRC_ZONE", i->src_zone);
	put_field(&o, "KIDOBAN_DEST_ZONE", i->dst_zone);
	put_field(&o, "KIDOBAN_SRC_ASSET", i->src_asset);
	put_field(&o, "KIDOBAN_DEST_ASSET", i->dst_asset);
	put_field(&o, "KIDOBAN_CONDUIT", i->conduit);
	put_field(&o, "KIDOBAN_WATCH", i->watch);
	put_field(&o, "KIDOBAN_EXPECTED", i->expected);
	put_field(&o, "KIDOBAN_OBSERVED", i->observed);
	return end(&o);
}

size_t journal_other(char *out, size_t size, const char *event, const char *eve, size_t n)
{
	struct out o = {.at = out, .size = size};

	put_message(&o, INFORMATIONAL, eve, n);
	put_field(&o, "KIDOBAN_EVENT", event);
	return end(&o);
}
