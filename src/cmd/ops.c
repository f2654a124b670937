/* kidoban ops: every op, one line each - the tcpdump of ops. */
#include "cmd/cmd.h"
#include "op/op.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CELL_MAX   65536 /* longest values or object cell, bytes */
#define VALUES_MAX 4096	 /* elements shown; a Modbus PDU holds 2000 at most */

enum format { FORMAT_TEXT, FORMAT_TSV, FORMAT_JSON };

static const char *const format_names[] = {"text", "tsv", "json", NULL};

static const struct cmd_help help = {
	"ops", "[--format text|tsv|json] FILE.pcap...",
	"Prints every op found in the captures, one line each. '-' is standard input.\n\n"
	"  --format text              a line for people (default)\n"
	"  --format tsv               columns with a header line, for scripts\n"
	"  --format json              one JSON object per line\n"
	"  --overlap first|last       whose bytes win where TCP segments overlap (default first)\n"
	"  --checksums ignore|verify  drop packets with wrong checksums (default ignore)\n\n"
	"examples:\n"
	"  kidoban ops capture.pcap\n"
	"  kidoban ops --format tsv capture.pcap.zst | cut -f 3,5,10,12,16\n"};

struct ops {
	enum format format;
	char cell[CELL_MAX];
};

/* The ends of the packet that carried an op, as text. */
struct ends {
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];
	uint16_t sport, dport;
};

static struct ends ends_of(const struct flow *f, const struct op *op)
{
	unsigned from = (f->client == 1) != op->from_server;
	struct ends e = {.sport = f->port[from], .dport = f->port[!from]};

	addr_str(&f->addr[from], e.src);
	addr_str(&f->addr[!from], e.dst);
	return e;
}

static const char *values_of(struct ops *o, const struct op *op)
{
	op_values_str(&op->values, VALUES_MAX, o->cell, sizeof(o->cell));
	return o->cell;
}

static const char *object_of(struct ops *o, const struct op *op)
{
	op_object_str(&op->object, o->cell, sizeof(o->cell));
	return o->cell;
}

static const char *actor_of(struct ops *o, const struct op *op)
{
	const struct op_object actor = {.name = op->actor}; /* escaped as any other name */

	op_object_str(&actor, o->cell, sizeof(o->cell));
	return o->cell;
}

static void print_seconds(int64_t ns)
{
	printf("%" PRId64 ".%09" PRId64, ns / 1000000000, ns % 1000000000);
}

static void print_tsv(struct ops *o, const struct flow *f, const struct op *op)
{
	struct ends e = ends_of(f, op);
	unsigned i;

	printf("%" PRIu64 "\t", op->frame);
	print_seconds(op->time);
	printf("\t%s\t%u\t%s\t%u\t", e.src, e.sport, e.dst, e.dport);
	for (i = 0; i < f->vlans; i++)
		printf("%s%u", i ? "," : "", f->vlan[i]);
	printf("\t%s\t%s\t%s\t%u\t%s\t", op->proto, op_role_name(op->role), op_class_name(op->cls),
	       op->code, op->name ? op->name : "");
	if (op->role == OP_RESPONSE)
		printf("%u", op->status);
	putchar('\t');
	if (op->unit >= 0)
		printf("%d", op->unit);
	printf("\t%s\t%s\t", op_object_space(&op->object), object_of(o, op));
	if (op->object.count)
		printf("%u", op->object.count);
	printf("\t%s\t", values_of(o, op));
	if (op->request_frame)
		printf("%" PRIu64, op->request_frame);
	putchar('\t');
	if (op->rtt >= 0)
		print_seconds(op->rtt);
	printf("\t%" PRIu64 "\n", f->id);
}

static void print_text(struct ops *o, const struct flow *f, const struct op *op)
{
	static const char *const arrow[OP_ROLES] = {">", "<", ">>"};
	struct ends e = ends_of(f, op);
	time_t s = (time_t)(op->time / 1000000000);
	struct tm tm;
	char when[32];

	gmtime_r(&s, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	printf("%6" PRIu64 " %s.%06" PRId64 " %s:%u %s %s:%u %s", op->frame, when,
	       op->time % 1000000000 / 1000, e.src, e.sport, arrow[op->role], e.dst, e.dport,
	       op->proto);
	if (op->unit >= 0)
		printf(" %s %d", vocab_unit_name(op->proto), op->unit);
	printf(" %s (%s)", op->name ? op->name : "?", op_class_name(op->cls));
	if (op->actor.len)
		printf(" by %s", actor_of(o, op));
	if (op->object.space != OP_SPACE_NONE) {
		printf(" %s %s", op_object_space(&op->object), object_of(o, op));
		if (op->object.count > 1)
			printf(" x%u", op->object.count);
	}
	if (op->values.type != OP_V_NONE)
		printf(" = %s", values_of(o, op));
	if (op->role == OP_RESPONSE && op->status)
		printf(" error %u%s%s", op->status, op->error ? " " : "",
		       op->error ? op->error : "");
	if (op->rtt >= 0)
		printf(" [%" PRId64 " us]", op->rtt / 1000);
	putchar('\n');
}

static void set(json_t *j, const char *key, json_t *value)
{
	json_object_set_new(j, key, value);
}

static json_t *vlans_of(const struct flow *f)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < f->vlans; i++)
		json_array_append_new(list, json_integer(f->vlan[i]));
	return list;
}

static void print_json(struct ops *o, const struct flow *f, const struct op *op)
{
	struct ends e = ends_of(f, op);
	json_t *j = json_object();
	char when[40];

	snprintf(when, sizeof(when), "%" PRId64 ".%09" PRId64, op->time / 1000000000,
		 op->time % 1000000000);
	set(j, "frame", json_integer((json_int_t)op->frame));
	set(j, "time", json_string(when));
	set(j, "src", json_string(e.src));
	set(j, "sport", json_integer(e.sport));
	set(j, "dst", json_string(e.dst));
	set(j, "dport", json_integer(e.dport));
	if (f->vlans)
		set(j, "vlan", vlans_of(f));
	set(j, "proto", json_string(op->proto));
	set(j, "role", json_string(op_role_name(op->role)));
	set(j, "class", json_string(op_class_name(op->cls)));
	set(j, "code", json_integer(op->code));
	if (op->name)
		set(j, "name", json_string(op->name));
	if (op->role == OP_RESPONSE)
		set(j, "status", json_integer(op->status));
	if (op->error)
		set(j, "error", json_string(op->error));
	if (op->unit >= 0)
		set(j, "unit", json_integer(op->unit));
	if (op->object.space != OP_SPACE_NONE) {
		set(j, "space", json_string(op_object_space(&op->object)));
		set(j, "first", json_string(object_of(o, op)));
		if (op->object.count)
			set(j, "count", json_integer(op->object.count));
	}
	if (op->values.type != OP_V_NONE)
		set(j, "values", json_string(values_of(o, op)));
	if (op->actor.len)
		set(j, "actor", json_string(actor_of(o, op)));
	if (op->request_frame)
		set(j, "request_frame", json_integer((json_int_t)op->request_frame));
	if (op->rtt >= 0)
		set(j, "rtt", json_real((double)op->rtt / 1e9));
	set(j, "flow", json_integer((json_int_t)f->id));
	json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(j);
}

static void on_op(void *user, struct flow *f, const struct op *op)
{
	static void (*const print[])(struct ops *, const struct flow *, const struct op *) = {
		[FORMAT_TEXT] = print_text, [FORMAT_TSV] = print_tsv, [FORMAT_JSON] = print_json};
	struct ops *o = user;

	print[o->format](o, f, op);
}

int cmd_ops(int argc, char **argv)
{
	enum { OPT_FORMAT = CMD_OPT_OWN };
	static const struct option options[] = {{"format", required_argument, NULL, OPT_FORMAT},
						CMD_INPUT_OPTIONS,
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	static const struct flow_handlers handlers = {.op = on_op};
	static struct ops o;
	struct cmd_input in = {.files = NULL};
	struct cmd_input_result result;
	int c, word;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case OPT_FORMAT:
			if (!cmd_word(optarg, format_names, &word))
				return cmd_usage_error(&help, "there is no format '%s'", optarg);
			o.format = (enum format)word;
			break;
		case CMD_OPT_OVERLAP:
		case CMD_OPT_CHECKSUMS:
			if (cmd_input_option(&help, c, optarg, &in) != CMD_OK)
				return CMD_USAGE;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (optind == argc)
		return cmd_usage_error(&help, "which capture?");
	in.files = argv + optind;
	if (o.format == FORMAT_TSV)
		puts("frame\ttime\tsrc\tsport\tdst\tdport\tvlan\tproto\trole\tclass\tcode\tname\t"
		     "status\tunit\tspace\tfirst\tcount\tvalues\trequest_frame\trtt\tflow");
	if (!cmd_input_run(&in, &handlers, &o, &result)) {
		fprintf(stderr, "kidoban ops: out of memory\n");
		return CMD_INPUT;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "kidoban ops: standard output could not be written\n");
		return CMD_INPUT;
	}
	return result.damaged ? CMD_INPUT : CMD_OK;
}
