/* Any bytes as a policy: mistakes are told or the policy works, nothing else. */
#include "op/vocab.h"
#include "policy/ask.h"
#include "policy/diff.h"
#include "policy/lint.h"
#include "policy/nft.h"
#include "policy/now.h"

#include <stdio.h>
#include <stdlib.h>

/* Whatever loads can be looked over and asked about; the file's first words are a question too. */
static void look_over(const struct policy *p, const uint8_t *data, size_t size)
{
	const char *questions[] = {NULL, "any cip", "read,write modbus", "tcp 1-9"};
	struct lint_report *r = lint_run(p, NULL);
	char words[64] = "", who[160];
	struct ask_group *groups;
	unsigned i;

	if (!r)
		abort();
	lint_free(r);
	snprintf(words, sizeof(words), "%.*s", (int)(size < 60 ? size : 60), (const char *)data);
	questions[0] = words;
	for (i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		const struct policy_asset *x = policy_asset_at(p, 0);
		struct diag diag = {0};
		struct ask *a;

		snprintf(who, sizeof(who), "%s %s", questions[i], x ? x->id : "10.1.2.3");
		a = ask_new(p, who, true, &diag);
		if (a)
			ask_who(a, &groups);
		else if (!diag.errors)
			abort();
		ask_free(a);
		diag_free(&diag);
	}
}

static void note(void *user, const char *sentence)
{
	if (user || !*sentence)
		abort();
}

/* It can be written for a kernel, and is no other policy than itself. */
static void write_out(const struct policy *p, FILE *out)
{
	const struct nft_notes notes = {.add = note};
	struct diff_list list;
	unsigned i;

	for (i = 0; i < 4; i++) {
		const struct nft_config cfg = {.file = "fuzz",
					       .table = "k",
					       .enforce = i & 1,
					       .inspect = (uint8_t)(i % 3)};

		policy_nft(p, &cfg, &notes, out);
	}
	if (policy_diff(p, p, &list)) {
		if (list.count)
			abort();
		diff_list_free(&list);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag diag = {0};
	struct policy *p = policy_load_buffer("fuzz", (const char *)data, size, &diag);
	const struct policy_asset *a, *b;
	struct policy_flow_decision d;
	struct policy_op_decision x;
	const struct vocab *v;
	struct op op;
	unsigned i;
	FILE *null;

	if (!p != (diag.errors > 0))
		abort();
	if (p) {
		null = fopen("/dev/null", "w");
		if (null) {
			policy_explain(p, null);
			write_out(p, null);
			fclose(null);
		}
		look_over(p, data, size);
		a = policy_asset_at(p, 0);
		b = policy_asset_at(p, policy_assets(p) / 2);
		for (i = 0; a && b && (v = vocab_at(i)); i++) {
			op = (struct op){.proto = v->proto,
					 .name = "",
					 .cls = (uint8_t)(size % OP_CLASSES),
					 .object = {.space = v->keys[0].arg, .first = size}};
			d = policy_flow(policy_rest(p), policy_place(p, &a->address, NULL),
					policy_place(p, &b->address, NULL), 6, (uint16_t)size);
			x = policy_op(policy_rest(p), &d, &op);
			if (x.verdict > POLICY_UPDATE_DENIED || !x.expected)
				abort();
		}
	}
	policy_free(p);
	diag_free(&diag);
	return 0;
}
