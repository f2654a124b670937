/* kidoban baseline relearn: one cell is learned anew, all else stays as it is. */
#include "baseline/inside.h"
#include "baseline/text.h"
#include "cmd/baseline.h"
#include "cmd/baseline_tree.h"
#include "cmd/state.h"
#include "policy/policy.h"

#include <getopt.h>
#include <stdlib.h>

static const struct cmd_help help = {
	"baseline relearn",
	"--cell ADDRESS|NETWORK|zone:ID [-p policy.yaml] [options] FILE CAPTURE...",
	"After a change of one line or cell: forgets what concerns its hosts and learns just that\n"
	"anew from the captures. All else stays. A frozen baseline stays frozen, with its\n"
	"thresholds, but is approved by nobody until --by and --reason, or 'freeze', say so.\n\n"
	"      --cell CELL            an address, a network (10.50.0.0/24), or a zone of the "
	"policy\n"
	"  -p, --policy FILE          what is permitted at all, and zones\n"
	"      --operating-mode MODE  what the captures are of (default: the policy's, normal)\n"
	"      --by NAME              who read and approved it\n"
	"      --reason TEXT          why it may be taken for normal\n"
	"      --lang en|ja           language of findings (default from LANG)\n\n"
	"examples:\n"
	"  kidoban baseline relearn plant.baseline --cell 10.50.0.0/24 thursday.pcap\n"
	"  kidoban baseline relearn plant.baseline --cell zone:filling -p policy.yaml --by tanaka "
	"--reason 'new filler' thursday.pcap\n"};

struct cell {
	struct addr addr;
	unsigned bits;		     /* of a network */
	const char *zone;	     /* NULL: it is a network */
	const struct policy *policy; /* with zone */
};

struct relearn {
	struct cmd_learning learning;
	struct cell cell;
	const char *path, *by, *reason;
	struct policy *policy;
	unsigned left_out; /* orders that could not be taken over */
};

static bool in_cell(const struct cell *c, const struct addr *a)
{
	const struct policy_zone *z;
	struct policy_place place;
	unsigned i;

	if (c->zone) {
		place = policy_place(c->policy, a, NULL);
		z = place.zone == POLICY_NONE ? NULL : policy_zone_at(c->policy, place.zone);
		return z && strcmp(z->id, c->zone) == 0;
	}
	for (i = 0; i < c->bits; i++)
		if ((a->b[i / 8] ^ c->addr.b[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* An address in it, or below it, is of the cell. */
static bool concerns(const struct cell *c, const struct yaml_node *n)
{
	const struct yaml_node *child;
	struct addr a;

	if (n->kind == YAML_SCALAR)
		return addr_parse(n->text, &a) && in_cell(c, &a);
	yaml_each (child, n)
		if (concerns(c, child))
			return true;
	return false;
}

/* It speaks of items of other cells by their numbers, which are other ones there. */
static bool entangled(const struct cell *c, const struct yaml_node *n)
{
	const struct yaml_node *asks = yaml_get(n, "asks"), *ask, *server, *client;
	const struct yaml_node *after = yaml_get(n, "after-server");
	struct addr a;

	if (!asks && !after)
		return false;
	client = yaml_get(n, "client");
	if (client && addr_parse(client->text, &a) && in_cell(c, &a))
		return false;
	if (after) {
		server = yaml_get(n, "server");
		return !server || !addr_parse(server->text, &a) || !in_cell(c, &a) ||
		       !addr_parse(after->text, &a) || !in_cell(c, &a);
	}
	yaml_each (ask, asks) {
		server = yaml_get(ask, "server");
		if (server && addr_parse(server->text, &a) && !in_cell(c, &a))
			return true;
	}
	return false;
}

/* --- the two put together --- */

static void element(const struct yaml_node *n, bool *some, FILE *out)
{
	fputs(*some ? ",\n " : "\n ", out);
	*some = true;
	tree_write(n, out);
}

/* What of the old list does not concern the cell, and of the new one what does. */
static void list(struct relearn *r, const struct yaml_node *old, const struct yaml_node *anew,
		 FILE *out)
{
	const struct yaml_node *n;
	bool some = false;

	putc('[', out);
	if (old)
		yaml_each (n, old)
			if (!concerns(&r->cell, n))
				element(n, &some, out);
	if (anew)
		yaml_each (n, anew) {
			if (!concerns(&r->cell, n))
				continue;
			if (entangled(&r->cell, n))
				r->left_out += yaml_get(n, "asks") != NULL;
			else
				element(n, &some, out);
		}
	putc(']', out);
}

static void key(const char *text, bool *some, FILE *out)
{
	fprintf(out, "%s\"%s\": ", *some ? ",\n" : "", text);
	*some = true;
}

static void mode(struct relearn *r, const struct yaml_node *old, const struct yaml_node *anew,
		 FILE *out)
{
	const struct yaml_node *n;
	bool some = false;

	putc('{', out);
	if (old)
		yaml_each (n, old) {
			key(n->key->text, &some, out);
			if (tree_is_list(n))
				list(r, n, anew ? yaml_get(anew, n->key->text) : NULL, out);
			else
				tree_write(n, out);
		}
	if (anew)
		yaml_each (n, anew) {
			if (old && (yaml_get(old, n->key->text) || !tree_is_list(n)))
				continue;
			key(n->key->text, &some, out);
			if (tree_is_list(n))
				list(r, NULL, n, out);
			else
				tree_write(n, out);
		}
	putc('}', out);
}

static void together(struct relearn *r, const struct yaml_node *old, const struct yaml_node *anew,
		     FILE *out)
{
	const struct yaml_node *n, *x = yaml_get(old, "modes"), *y = yaml_get(anew, "modes");
	const char *name;
	bool some = false, modes = false;
	unsigned m;

	putc('{', out);
	yaml_each (n, old) {
		if (n == x)
			continue;
		key(n->key->text, &some, out);
		tree_write(n, out);
	}
	key("modes", &some, out);
	putc('{', out);
	for (m = 0; (name = baseline_mode_name(m)); m++) {
		const struct yaml_node *a = x ? yaml_get(x, name) : NULL;
		const struct yaml_node *b = y ? yaml_get(y, name) : NULL;

		if (!a && !b)
			continue;
		key(name, &modes, out);
		mode(r, a, b, out);
	}
	fputs("}}\n", out);
}

/* NULL with the reason told. */
static struct baseline *put_together(struct relearn *r, struct baseline *old, struct baseline *anew)
{
	struct tree t[2] = {{.text = NULL}, {.text = NULL}};
	struct diag diag = {.count = 0};
	struct baseline *b = NULL;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (out && tree_of(&t[0], old) && tree_of(&t[1], anew)) {
		together(r, t[0].doc.root, t[1].doc.root, out);
		fclose(out);
		out = NULL;
		b = baseline_load_text(r->path, text, len, NULL, &diag);
		diag_print(&diag, stderr);
		diag_free(&diag);
	}
	if (out)
		fclose(out);
	free(text);
	tree_free(&t[0]);
	tree_free(&t[1]);
	return b;
}

/* --- the command --- */

static int parse(struct relearn *r, int argc, char **argv, bool *done)
{
	enum { OPT_CELL = CMD_OPT_OWN, OPT_BY, OPT_REASON, OPT_OPERATING, OPT_LANG };
	static const struct option options[] = {
		{"cell", required_argument, NULL, OPT_CELL},
		{"policy", required_argument, NULL, 'p'},
		{"by", required_argument, NULL, OPT_BY},
		{"reason", required_argument, NULL, OPT_REASON},
		{"operating-mode", required_argument, NULL, OPT_OPERATING},
		{"lang", required_argument, NULL, OPT_LANG},
		CMD_INPUT_OPTIONS,
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	const char *cell = NULL, *lang = NULL;
	int c;

	*done = true;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":p:h", options, NULL)) != -1) {
		switch (c) {
		case OPT_CELL:
			cell = optarg;
			break;
		case 'p':
			r->learning.policy_path = optarg;
			break;
		case OPT_BY:
			r->by = optarg;
			break;
		case OPT_REASON:
			r->reason = optarg;
			break;
		case OPT_OPERATING:
			if (!cmd_operating_mode(optarg, &r->learning.engine))
				return cmd_usage_error(&help, "--operating-mode is normal, "
							      "maintenance, emergency or analysis");
			break;
		case OPT_LANG:
			if (!cmd_lang_known(optarg))
				return cmd_usage_error(&help, "--lang is en or ja");
			lang = optarg;
			break;
		case CMD_OPT_OVERLAP:
		case CMD_OPT_CHECKSUMS:
			if (cmd_input_option(&help, c, optarg, &r->learning.in) != CMD_OK)
				return CMD_USAGE;
			break;
		case 'h':
			return cmd_show_help(&help);
		default:
			return cmd_option_error(&help, c, argv[optind - 1]);
		}
	}
	if (!cell)
		return cmd_usage_error(&help, "--cell is missing: what is learned anew?");
	if (argc - optind < 2)
		return cmd_usage_error(&help, "a baseline and captures, please");
	r->path = argv[optind];
	if (!r->by != !r->reason)
		return cmd_usage_error(&help, "--by and --reason go together");
	if (r->by &&
	    (!cmd_text_ok(&help, "--by", r->by) || !cmd_text_ok(&help, "--reason", r->reason)))
		return CMD_USAGE;
	r->learning.engine.lang = cmd_lang(lang);
	if (strncmp(cell, "zone:", 5) == 0)
		r->cell.zone = cell + 5;
	else if (addr_parse_prefix(cell, &r->cell.addr, &r->cell.bits))
		return cmd_usage_error(
			&help, "--cell takes an address, a network or zone:ID, not \"%s\"", cell);
	if (r->cell.zone && !r->learning.policy_path)
		return cmd_usage_error(&help, "a zone is of a policy: -p is missing");
	*done = false;
	return CMD_OK;
}

static bool find_zone(struct relearn *r)
{
	struct diag diag = {.count = 0};
	const struct policy_zone *z = NULL;
	uint32_t i;

	if (!r->cell.zone)
		return true;
	r->policy = policy_load(r->learning.policy_path, &diag);
	diag_print(&diag, stderr);
	diag_free(&diag);
	r->cell.policy = r->policy;
	for (i = 0; r->policy && (z = policy_zone_at(r->policy, i)); i++)
		if (strcmp(z->id, r->cell.zone) == 0)
			return true;
	if (r->policy)
		cmd_usage_error(&help, "the policy has no zone \"%s\"", r->cell.zone);
	return false;
}

static int relearn(struct relearn *r, int n, char **files)
{
	struct baseline *old = cmd_baseline_load(r->path), *anew = baseline_new(NULL), *b = NULL;
	int code = CMD_USAGE, stored;

	if (old && anew)
		code = cmd_baseline_feed(&help, &r->learning, anew, n, files, false);
	if (r->learning.stopped) {
		fprintf(stderr, "kidoban baseline relearn: stopped; %s is as it was\n", r->path);
		code = CMD_INPUT;
	} else if (code != CMD_USAGE) {
		b = put_together(r, old, anew);
		if (b && b->state == BASELINE_FROZEN) {
			b->by = r->by;
			b->reason = r->reason;
		}
		stored = b ? cmd_baseline_store(&help, b, r->path) : CMD_INPUT;
		code = stored ? stored : code;
	}
	if (b && b->state == BASELINE_FROZEN && !r->by)
		fprintf(stderr, "approved by nobody now; 'kidoban baseline freeze --by NAME "
				"--reason TEXT' approves it\n");
	if (b && r->left_out)
		fprintf(stderr,
			"the order in which %u client%s of other cells ask%s both there and here "
			"is "
			"not known any more; learning on finds it\n",
			r->left_out, r->left_out == 1 ? "" : "s", r->left_out == 1 ? "s" : "");
	baseline_free(b);
	baseline_free(anew);
	baseline_free(old);
	return code;
}

int cmd_baseline_relearn(int argc, char **argv)
{
	struct relearn r = {.path = NULL};
	bool done;
	int code = parse(&r, argc, argv, &done);

	if (done)
		return code;
	code = find_zone(&r) ? relearn(&r, argc - optind - 1, argv + optind + 1) : CMD_USAGE;
	policy_free(r.policy);
	return code;
}
