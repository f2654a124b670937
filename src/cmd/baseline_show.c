/* kidoban baseline show: what was learned, for people. */
#include "base/civil.h"
#include "baseline/inside.h"
#include "baseline/permit.h"
#include "baseline/text.h"
#include "baseline/value_inside.h"
#include "cmd/baseline.h"
#include "learn/vendor.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

static const struct cmd_help help = {
	"baseline show", "[--host ADDRESS] [--channel TEXT] FILE",
	"Sums up a baseline: from what it was learned, whether learning has settled, the devices,\n"
	"and who asks whom for what. The file itself says all of it.\n\n"
	"      --host ADDRESS  only what concerns this host\n"
	"      --channel TEXT  only channels whose line has this text, with all they say\n\n"
	"examples:\n"
	"  kidoban baseline show plant.baseline\n"
	"  kidoban baseline show plant.baseline --host 10.50.0.11 --channel modbus\n"};

struct show {
	const char *path, *channel;
	struct addr host;
	bool has_host;
	struct vendor_table *vendors; /* NULL: none */
};

static void when(int64_t ns, char buf[32])
{
	struct civil c = civil_from(civil_floor(ns));

	snprintf(buf, 32, "%04d-%02d-%02d %02d:%02d:%02d", c.year % 10000, c.month, c.day, c.hour,
		 c.minute, c.second);
}

static void say_state(const struct baseline *b)
{
	struct baseline_progress p;
	char from[32], to[32], text[48];
	const struct permit *permit;
	unsigned permits = 0;

	baseline_progress(b, &p);
	when(p.from, from);
	when(p.to, to);
	if (!p.ops && !p.flows) {
		printf("learned nothing yet\n");
		return;
	}
	printf("learned from %s to %s UTC (%s): %" PRIu64 " operations, %" PRIu64
	       " conversations\n",
	       from, to, civil_duration_str(p.to - p.from, text, sizeof(text)), p.ops, p.flows);
	when(p.news, to);
	printf("the last that was new came at %s; %s\n", to,
	       p.settled ? "learning has settled" : "learning has not settled");
	when(b->frozen_at, to);
	if (b->state == BASELINE_LEARNING)
		printf("still learning\n");
	else if (b->by)
		printf("frozen at %s, approved by %s: %s\n", to, b->by, b->reason ? b->reason : "");
	else
		printf("frozen at %s, approved by nobody\n", to);
	if (b->state == BASELINE_FROZEN)
		printf("budget: %g events a day; %.2g would have been told of what was learned "
		       "from\n",
		       b->budget.per_day, budget_expects(&b->budget));
	for (permit = b->permits; permit; permit = permit->next)
		permits++;
	if (permits)
		printf("%u permit%s\n", permits, permits == 1 ? "" : "s");
}

static bool about(const struct show *s, const struct addr *a)
{
	return !s->has_host || addr_eq(&s->host, a);
}

/* --- hosts --- */

static void say_hosts(const struct show *s, const struct norm *n)
{
	const struct set_host *h;
	char addr[ADDR_STRLEN], mac[MAC_STRLEN];
	uint32_t i;

	for (h = n->set.hosts; h; h = h->next) {
		if (!about(s, &h->addr))
			continue;
		printf("  %s%s", addr_str(&h->addr, addr), h->outside ? " (outside)" : "");
		for (i = 0; i < h->macs; i++) {
			const char *maker = s->vendors ? vendor_find(s->vendors, &h->mac[i]) : "";

			printf("%s %s%s%s%s", i ? "," : "", mac_str(&h->mac[i], mac),
			       *maker ? " (" : "", maker, *maker ? ")" : "");
		}
		putchar('\n');
	}
}

/* --- channels --- */

static void channel_line(const struct channel *c, char *buf, size_t size)
{
	char client[ADDR_STRLEN], server[ADDR_STRLEN], unit[24] = "";

	if (c->unit >= 0)
		snprintf(unit, sizeof(unit), " unit %" PRId32, c->unit);
	snprintf(buf, size, "%s -> %s %s%s", addr_str(&c->client, client),
		 addr_str(&c->server, server), c->proto, unit);
}

static void say_item(const struct item *i)
{
	char what[240];
	unsigned k;

	printf("      %s, %" PRIu64 " time%s", item_str(i, what, sizeof(what)), i->seen.count,
	       i->seen.count == 1 ? "" : "s");
	for (k = 0; k < TIMING_MODES && i->timing.mode[k].count > 1; k++)
		printf("%s %.3g s", k ? " or" : ", every", (double)i->timing.mode[k].mean);
	putchar('\n');
}

/* What its server's objects take, as they were asked for in that protocol and unit. */
static void say_values(const struct norm *n, const struct channel *c)
{
	const struct value_object *o;
	char what[200];

	for (o = n->value.first; o; o = o->next) {
		struct op_object object = {
			.space = o->space, .npath = o->npath, .first = o->at, .count = 1};

		if (!addr_eq(&o->server, &c->server) || o->unit != c->unit ||
		    strcmp(o->proto, c->proto) != 0)
			continue;
		memcpy(object.path, o->path, sizeof(object.path));
		if (o->name)
			object.name = slice_str(o->name);
		op_object_str(&object, what, sizeof(what));
		printf("      %s %s%s: %.6g to %.6g", op_object_space(&object), what,
		       o->written ? ", written" : "", o->model.lo, o->model.hi);
		if (o->model.set_n && !o->model.many)
			printf(", %u value%s", o->model.set_n, o->model.set_n == 1 ? "" : "s");
		putchar('\n');
	}
}

/* What it does not tell one from another. */
static void say_left_out(const struct channel *c)
{
	const struct set_act *a;

	if (c->unlisted)
		printf("      %" PRIu64 " time%s more things than are told apart\n", c->unlisted,
		       c->unlisted == 1 ? "" : "s");
	for (a = c->set.acts; a; a = a->next)
		if (a->more)
			printf("      %s: had more objects than are kept; another one is no news\n",
			       a->name);
}

static void say_channels(const struct show *s, const struct norm *n)
{
	const struct channel *c;
	const struct item *i;
	char line[2 * ADDR_STRLEN + 64];

	for (c = n->channels; c; c = c->next) {
		channel_line(c, line, sizeof(line));
		if ((!about(s, &c->client) && !about(s, &c->server)) ||
		    (s->channel && !strstr(line, s->channel)))
			continue;
		printf("  %s: %" PRIu32 " item%s, %" PRIu64 " operations\n", line, c->item_count,
		       c->item_count == 1 ? "" : "s", c->seen.count);
		if (!s->channel)
			continue;
		for (i = c->items; i; i = i->next)
			say_item(i);
		say_left_out(c);
		say_values(n, c);
	}
}

static int parse(struct show *s, int argc, char **argv, bool *done)
{
	enum { OPT_HOST = CMD_OPT_OWN, OPT_CHANNEL };
	static const struct option options[] = {{"host", required_argument, NULL, OPT_HOST},
						{"channel", required_argument, NULL, OPT_CHANNEL},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int c;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPT_HOST:
			s->has_host = addr_parse(optarg, &s->host);
			if (!s->has_host)
				return cmd_usage_error(&help, "--host takes an IP address");
			break;
		case OPT_CHANNEL:
			s->channel = optarg;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (optind != argc - 1)
		return cmd_usage_error(&help, "which baseline? One, please");
	s->path = argv[optind];
	*done = false;
	return CMD_OK;
}

int cmd_baseline_show(int argc, char **argv)
{
	struct show s = {.path = NULL};
	struct baseline *b;
	const struct norm *n;
	size_t len;
	unsigned m;
	bool done;
	int code = parse(&s, argc, argv, &done);

	if (done)
		return code;
	b = cmd_baseline_load(s.path);
	if (!b)
		return CMD_USAGE;
	s.vendors = vendor_load(NULL);
	free(baseline_text(b, &len)); /* sorts it */
	say_state(b);
	for (m = 0; m < BASELINE_MODES; m++) {
		n = &b->norm[m];
		if (!n->seen.count && !n->set.hosts)
			continue;
		printf("\noperating mode %s: %" PRIu32 " hosts, %" PRIu32 " links, %" PRIu32
		       " channels, %" PRIu32 " items, %" PRIu32 " objects\n",
		       baseline_mode_name(m), n->set.host_count, n->set.link_count,
		       n->channel_count, n->item_count, n->value.objects);
		if (!s.channel)
			say_hosts(&s, n);
		say_channels(&s, n);
	}
	vendor_free(s.vendors);
	baseline_free(b);
	return fflush(stdout) == 0 ? CMD_OK : CMD_INPUT;
}
