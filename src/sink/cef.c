/*
 * ArcSight Common Event Format, version 0 of the header (CEF implementation standard, version 25):
 *
 *   CEF:0|kidoban|kidoban|VERSION|SID|TITLE|SEVERITY|key=value key=value ...
 *
 * In the header '\' and '|' are escaped, in values '\' and '=', and a line break is written \n. A
 * severity of 1 to 4 (high, medium, low, notice) is 8, 5, 3, 1 of CEF's 10. Times are milliseconds
 * since 1970. Addresses of IPv6 have keys of their own (c6a2, c6a3).
 *
 * What CEF has no key for is in the custom strings, each with its label: cs1 finding, cs2 conduit,
 * cs3 and cs4 the zones, cs5 what was expected, cs6 the op; flexString1 is the phase.
 */
#include "sink/sink.h"

#include "detect/incident.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MS    INT64_C(1000000) /* ns */
#define START "CEF:0|kidoban|kidoban|" KIDOBAN_VERSION "|"

struct cef {
	struct sink sink;
	struct sink_put to;
	enum finding_lang lang;
};

static void put(const struct cef *c, const char *text, size_t n)
{
	c->to.bytes(c->to.user, text, n);
}

static void put_escaped(const struct cef *c, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\n' || *text == '\r') {
			put(c, *text == '\n' ? "\\n" : "\\r", 2);
			continue;
		}
		if (strchr(special, *text))
			put(c, "\\", 1);
		put(c, text, 1);
	}
}

static void header(const struct cef *c, const char *text)
{
	put_escaped(c, text, "\\|");
	put(c, "|", 1);
}

static void header_number(const struct cef *c, uint32_t v)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, v);
	header(c, text);
}

/* Nothing is written of what is not known. */
static void pair(const struct cef *c, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	put(c, " ", 1);
	put(c, key, strlen(key));
	put(c, "=", 1);
	put_escaped(c, value, "\\=");
}

static void number(const struct cef *c, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	pair(c, key, text);
}

static void labelled(const struct cef *c, const char *key, const char *label, const char *value)
{
	char name[32];

	if (!value || !*value)
		return;
	pair(c, key, value);
	snprintf(name, sizeof(name), "%sLabel", key);
	pair(c, name, label);
}

static const char *transport(uint8_t ip_proto, char buf[4])
{
	snprintf(buf, 4, "%u", ip_proto);
	return ip_proto == 6 ? "TCP" : ip_proto == 17 ? "UDP" : ip_proto == 1 ? "ICMP" : buf;
}

static void ends(const struct cef *c, const struct incident *i)
{
	char text[ADDR_STRLEN], proto[4];
	bool ports = i->ip_proto == 6 || i->ip_proto == 17;

	if (i->has_addr && addr_is_v4(&i->src)) {
		pair(c, "src", addr_str(&i->src, text));
		pair(c, "dst", addr_str(&i->dst, text));
	} else if (i->has_addr) {
		labelled(c, "c6a2", "Source IPv6 Address", addr_str(&i->src, text));
		labelled(c, "c6a3", "Destination IPv6 Address", addr_str(&i->dst, text));
	}
	if (i->has_addr && ports) {
		number(c, "spt", i->sport);
		number(c, "dpt", i->dport);
	}
	if (i->has_addr && i->ip_proto)
		pair(c, "proto", transport(i->ip_proto, proto));
	if (i->has_mac) {
		pair(c, "smac", mac_str(&i->src_mac, text));
		pair(c, "dmac", mac_str(&i->dst_mac, text));
	}
	pair(c, "shost", i->src_asset);
	pair(c, "dhost", i->dst_asset);
	pair(c, "app", i->app);
}

static void op(const struct cef *c, const struct incident *i)
{
	char text[64 + INCIDENT_OBJECT + INCIDENT_VALUES];

	snprintf(text, sizeof(text), "%s %s %s%s%s%s%s", i->op_proto, i->op_name, i->op_space,
		 *i->op_space ? " " : "", i->object, *i->values ? " = " : "", i->values);
	labelled(c, "cs6", "op", text);
}

static void on_alert(struct sink *s, const struct incident *i)
{
	static const uint8_t severities[] = {8, 5, 3, 1};
	const struct cef *c = (const struct cef *)s;
	const struct finding *f = i->finding;
	bool over = i->phase == INCIDENT_ENDED;
	char text[32];

	put(c, START, strlen(START));
	header_number(c, f->sid);
	header(c, f->text[c->lang].title);
	header_number(c, severities[(i->severity - 1) & 3]);
	/* The first extension follows the bar at once; rt is the time of the event. */
	snprintf(text, sizeof(text), "rt=%" PRId64, (over ? i->last : i->first) / MS);
	put(c, text, strlen(text));
	number(c, "start", (uint64_t)(i->first / MS));
	number(c, "end", (uint64_t)(i->last / MS));
	number(c, "cnt", i->count);
	pair(c, "cat", f->category);
	pair(c, "act", i->verdict);
	ends(c, i);
	if (i->flow_id) {
		number(c, "cn1", i->flow_id);
		pair(c, "cn1Label", "flow id");
	}
	if (i->id)
		number(c, "externalId", i->id);
	labelled(c, "cs1", "finding", f->id);
	labelled(c, "cs2", "conduit", i->conduit);
	labelled(c, "cs3", "source zone", i->src_zone);
	labelled(c, "cs4", "destination zone", i->dst_zone);
	labelled(c, "cs5", "expected", i->expected);
	if (i->has_op)
		op(c, i);
	if (i->id)
		labelled(c, "flexString1", "phase", over ? "ended" : "opened");
	if (i->norm.detector) {
		labelled(c, "flexString2", "permit", i->norm.permit);
		number(c, "cn2", i->norm.learned);
		pair(c, "cn2Label", "times seen in learning");
	}
	pair(c, "msg", i->observed);
	put(c, "\n", 1);
}

static bool on_flush(struct sink *s)
{
	const struct cef *c = (const struct cef *)s;

	return !c->to.flush || c->to.flush(c->to.user);
}

static void on_free(struct sink *s)
{
	struct cef *c = (struct cef *)s;

	if (c->to.free)
		c->to.free(c->to.user);
	free(c);
}

static const struct sink_ops cef_ops = {
	.alert = on_alert,
	.flush = on_flush,
	.free = on_free,
};

struct sink *sink_cef_new(const struct sink_put *to, enum finding_lang lang)
{
	struct cef *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->sink.ops = &cef_ops;
	c->to = *to;
	c->lang = lang;
	return &c->sink;
}
