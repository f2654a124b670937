/* kidoban diff: two policies by what they permit, and what real traffic would notice. */
#include "cmd/diff.h"
#include "cmd/cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static const struct cmd_help help = {
	"diff", "[options] old.yaml new.yaml [FILE.pcap...]",
	"Compares two policies by what they permit: what became allowed, what became forbidden, "
	"each\n"
	"with an example and the lines that say so. Order, names and the way ranges are written "
	"are\n"
	"no difference. With captures: which real traffic gets another verdict.\n\n"
	"      --format text|json     default text\n"
	"      --overlap first|last   whose bytes win where TCP segments overlap (default first)\n"
	"      --checksums ignore|verify  drop packets with wrong checksums (default ignore)\n"
	"  -q, --quiet                print nothing; the exit code says it\n\n"
	"exit code 0: no difference, 1: differences, 2: configuration error, 3: damaged capture\n\n"
	"examples:\n"
	"  kidoban diff policy.yaml policy-new.yaml\n"
	"  kidoban diff --format json old.yaml new.yaml monday.pcap | jq "
	"'.allowed[].example.text'\n"};

static const char *const sections[DIFF_KINDS] = {
	[DIFF_ALLOWED] = "became allowed",
	[DIFF_FORBIDDEN] = "became forbidden",
	[DIFF_CHANGED] = "changed in consequence",
	[DIFF_UNDECIDED] = "too involved to compare: may have changed",
};

const char *diff_verdict_word(uint8_t verdict)
{
	static const char *const words[] = {
		[POLICY_ALLOW] = "permitted",
		[POLICY_LATER] = "permitted",
		[POLICY_SAME_ZONE] = "permitted inside the zone",
		[POLICY_DEFAULT_ALLOW] = "permitted by default",
		[POLICY_NO_CONDUIT] = "no conduit",
		[POLICY_LAYER_SKIPPED] = "no conduit, a layer is skipped",
		[POLICY_PORT_DENIED] = "not this service",
		[POLICY_OP_DENIED] = "not this op",
		[POLICY_OBJECT_DENIED] = "not this object",
		[POLICY_VALUE_DENIED] = "not this value",
		[POLICY_GRANT_MISSING] = "not without a grant",
		[POLICY_OUTSIDE_SCHEDULE] = "not at any hour",
		[POLICY_WRONG_MODE] = "not in every operating mode",
		[POLICY_EXPIRED] = "expired",
		[POLICY_TRUST_EXCEEDED] = "more than the client is trusted with",
		[POLICY_UPLINK_ONLY] = "towards devices that only report",
		[POLICY_TENANT_CROSSED] = "between tenants",
		[POLICY_COUNTRY_DENIED] = "not from this country",
		[POLICY_UNLISTED] = "not for unlisted devices",
		[POLICY_UPDATE_DENIED] = "not outside update conduits",
		[POLICY_ETHERTYPE_DENIED] = "not this Ethernet type",
	};

	return verdict < sizeof(words) / sizeof(*words) && words[verdict] ? words[verdict] : "?";
}

/* --- text --- */

static const char *end_text(const struct policy *p, const struct diff_end *e, char *buf, size_t n)
{
	return space_end_words(p, &e->addr, e->has_mac ? &e->mac : NULL, buf, n);
}

static void print_where(const struct diff_entry *e, unsigned k, FILE *out)
{
	static const char *const names[] = {"old", "new"};
	const struct diff_where *w = &e->where[k];

	if (!w->file && !e->has_example)
		return;
	fprintf(out, "    %s  ", names[k]);
	if (w->file) {
		fprintf(out, "%s:%d", w->file, w->line);
		if (*w->conduit)
			fprintf(out, " conduit \"%s\"", w->conduit);
		if (*w->when)
			fprintf(out, ", only %s", w->when);
	} else {
		fputs("says nothing of it", out);
	}
	if (e->has_example)
		fprintf(out, ": %s", diff_verdict_word(w->verdict));
	fputc('\n', out);
}

/* Names as that policy has them which speaks of the pair. */
static void print_entry(const struct diff_entry *e, const struct policy *const p[2], FILE *out)
{
	const struct policy *names = p[e->kind == DIFF_ALLOWED];
	char from[256], to[256], words[1024];
	unsigned k;

	if (e->pair) {
		fprintf(out, "  %s -> %s", end_text(names, &e->from, from, sizeof(from)),
			end_text(names, &e->to, to, sizeof(to)));
		if (e->pairs > 1)
			fprintf(out, " (and %" PRIu32 " other pair%s)", e->pairs - 1,
				e->pairs == 2 ? "" : "s");
		fprintf(out, ": %s\n", e->what);
	} else {
		fprintf(out, "  %s\n", e->what);
	}
	if (e->has_example)
		fprintf(out, "    e.g. %s\n",
			space_example_words(&e->example, words, sizeof(words)));
	for (k = 0; k < 2; k++)
		print_where(e, k, out);
}

static void print_text(const struct diff_list *l, const struct policy *const p[2],
		       const struct diff_traffic *t, FILE *out)
{
	uint32_t i;
	int kind = -1;

	for (i = 0; i < l->count; i++) {
		if (l->entry[i].kind != kind) {
			fprintf(out, "%s%s\n", kind < 0 ? "" : "\n", sections[l->entry[i].kind]);
			kind = l->entry[i].kind;
		}
		print_entry(&l->entry[i], p, out);
	}
	if (!l->count)
		fputs("no difference in what is permitted\n", out);
	diff_traffic_print(t, out);
}

/* --- JSON --- */

static json_t *end_json(const struct policy *p, const struct diff_end *e)
{
	struct policy_place place = policy_place(p, &e->addr, e->has_mac ? &e->mac : NULL);
	char text[ADDR_STRLEN], mac[MAC_STRLEN];
	json_t *o = json_object();

	if (e->has_mac)
		json_object_set_new(o, "mac", json_string(mac_str(&e->mac, mac)));
	else
		json_object_set_new(o, "address", json_string(addr_str(&e->addr, text)));
	if (place.zone != POLICY_NONE)
		json_object_set_new(o, "zone", json_string(policy_zone_at(p, place.zone)->id));
	if (place.asset != POLICY_NONE)
		json_object_set_new(o, "asset", json_string(policy_asset_at(p, place.asset)->id));
	return o;
}

static json_t *example_json(const struct space_example *ex)
{
	struct op op = space_example_op(ex);
	json_t *o = json_object(), *x;
	char text[1024];

	json_object_set_new(o, "text", json_string(space_example_words(ex, text, sizeof(text))));
	json_object_set_new(o, "ip_proto", json_integer(ex->ip_proto));
	json_object_set_new(o, "port", json_integer(ex->port));
	if (!ex->is_op)
		return o;
	x = json_object();
	json_object_set_new(x, "proto", json_string(op.proto));
	json_object_set_new(x, "class", json_string(op_class_name((enum op_class)op.cls)));
	json_object_set_new(x, "code", json_integer(op.code));
	if (*op.name)
		json_object_set_new(x, "name", json_string(op.name));
	if (op.unit >= 0)
		json_object_set_new(x, "unit", json_integer(op.unit));
	if (op.object.space != OP_SPACE_NONE) {
		json_object_set_new(x, "space", json_string(op_object_space(&op.object)));
		op_object_str(&op.object, text, sizeof(text));
		json_object_set_new(x, "object", json_string(text));
	}
	if (op.values.type != OP_V_NONE) {
		op_values_str(&op.values, 1, text, sizeof(text));
		json_object_set_new(x, "value", json_string(text));
	}
	if (op.actor.len)
		json_object_set_new(x, "actor",
				    json_stringn((const char *)op.actor.p, op.actor.len));
	json_object_set_new(o, "op", x);
	return o;
}

static json_t *where_json(const struct diff_entry *e, unsigned k)
{
	const struct diff_where *w = &e->where[k];
	json_t *o = json_object();

	if (w->file) {
		json_object_set_new(o, "file", json_string(w->file));
		json_object_set_new(o, "line", json_integer(w->line));
		if (*w->conduit)
			json_object_set_new(o, "conduit", json_string(w->conduit));
		if (*w->when)
			json_object_set_new(o, "when", json_string(w->when));
	}
	if (e->has_example)
		json_object_set_new(o, "verdict", json_string(diff_verdict_word(w->verdict)));
	return o;
}

static json_t *entry_json(const struct diff_entry *e, const struct policy *const p[2])
{
	const struct policy *names = p[e->kind == DIFF_ALLOWED];
	json_t *o = json_object();

	if (e->pair) {
		json_object_set_new(o, "from", end_json(names, &e->from));
		json_object_set_new(o, "to", end_json(names, &e->to));
		json_object_set_new(o, "pairs", json_integer(e->pairs));
	}
	json_object_set_new(o, "what", json_string(e->what));
	if (e->has_example)
		json_object_set_new(o, "example", example_json(&e->example));
	json_object_set_new(o, "old", where_json(e, 0));
	json_object_set_new(o, "new", where_json(e, 1));
	return o;
}

static void print_json(const struct diff_list *l, const struct policy *const p[2],
		       const struct diff_traffic *t, FILE *out)
{
	static const char *const keys[DIFF_KINDS] = {
		[DIFF_ALLOWED] = "allowed",
		[DIFF_FORBIDDEN] = "forbidden",
		[DIFF_CHANGED] = "changed",
		[DIFF_UNDECIDED] = "undecided",
	};
	json_t *o = json_object();
	unsigned k;
	uint32_t i;

	for (k = 0; k < DIFF_KINDS; k++)
		json_object_set_new(o, keys[k], json_array());
	for (i = 0; i < l->count; i++)
		json_array_append_new(json_object_get(o, keys[l->entry[i].kind]),
				      entry_json(&l->entry[i], p));
	if (t)
		json_object_set_new(o, "traffic", diff_traffic_json(t));
	json_dumpf(o, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(o);
}

/* --- the command --- */

struct diff {
	struct cmd_input in;
	const char *path[2];
	int format; /* 0 text, 1 JSON */
	bool quiet;
};

static int parse(struct diff *d, int argc, char **argv, bool *done)
{
	enum { OPT_FORMAT = CMD_OPT_OWN };
	static const char *const formats[] = {"text", "json", NULL};
	static const struct option options[] = {{"format", required_argument, NULL, OPT_FORMAT},
						CMD_INPUT_OPTIONS,
						{"quiet", no_argument, NULL, 'q'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	int c;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":qh", options, NULL)) != -1) {
		switch (c) {
		case OPT_FORMAT:
			if (!cmd_word(optarg, formats, &d->format))
				return cmd_usage_error(&help, "--format is text or json");
			break;
		case CMD_OPT_OVERLAP:
		case CMD_OPT_CHECKSUMS:
			if (cmd_input_option(&help, c, optarg, &d->in) != CMD_OK)
				return CMD_USAGE;
			break;
		case 'q':
			d->quiet = true;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (argc - optind < 2)
		return cmd_usage_error(&help, "which policies? The old and the new one, please");
	d->path[0] = argv[optind];
	d->path[1] = argv[optind + 1];
	d->in.files = argv + optind + 2;
	d->in.flow.classify = true;
	*done = false;
	return CMD_OK;
}

static int run(struct diff *d, const struct policy *const p[2])
{
	struct diff_traffic *traffic = NULL;
	struct diff_list list;
	int code = CMD_OK;
	bool damaged = false;

	if (!policy_diff(p[0], p[1], &list) ||
	    (*d->in.files && !(traffic = diff_traffic_read(&d->in, p, &damaged)))) {
		fputs("kidoban diff: out of memory\n", stderr);
		code = CMD_INPUT;
	} else {
		if (!d->quiet)
			(d->format ? print_json : print_text)(&list, p, traffic, stdout);
		if (list.count || diff_traffic_count(traffic))
			code = CMD_UNEXPECTED;
		if (damaged)
			code = CMD_INPUT;
	}
	diff_traffic_free(traffic);
	diff_list_free(&list);
	return code;
}

int cmd_diff(int argc, char **argv)
{
	struct diff d = {.quiet = false};
	struct diag diag = {.count = 0};
	struct policy *p[2] = {NULL, NULL};
	bool done;
	int code = parse(&d, argc, argv, &done);

	if (!done) {
		p[0] = policy_load(d.path[0], &diag);
		p[1] = policy_load(d.path[1], &diag);
		diag_print(&diag, stderr);
		code = p[0] && p[1] ? run(&d, (const struct policy *const *)p) : CMD_USAGE;
	}
	policy_free(p[0]);
	policy_free(p[1]);
	diag_free(&diag);
	return code;
}
