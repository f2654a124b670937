/*
 * The report for people, on a terminal:
 *
 *   Conduits           permitted                 denied
 *     hmi-plc          2 flows, 120 ops          6      violated
 *
 * then each conduit with who used it and which of its permissions; what would be blocked; who was
 * never seen; expectations; and the result in the last line.
 */
#include "report/labels.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAIRS_SHOWN	10
#define STRANGERS_SHOWN 20

struct writer {
	struct report *r;
	FILE *out;
};

static const char *word(const struct writer *w, enum label l)
{
	return label(w->r->lang, l);
}

/* Columns of UTF-8 on a terminal, nearly: East Asian characters take two. */
static int width(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	int n = 0;

	for (; *p; p++)
		n += *p < 0x80 ? 1 : *p >= 0xe3 ? 2 : *p >= 0xc0 ? 1 : 0;
	return n;
}

static void cell(const struct writer *w, const char *text, int columns)
{
	int pad = columns - width(text);

	fprintf(w->out, "%s%*s", text, pad > 0 ? pad : 0, "");
}

static const char *number(const struct writer *w, uint64_t n, enum label l)
{
	const char *name = word(w, l);
	size_t len = strlen(name);

	/* of one, an English plural loses its s */
	if (n == 1 && name[len - 1] == 's')
		len--;
	return arena_printf(&w->r->arena, "%" PRIu64 " %.*s", n, (int)len, name);
}

static const char *state_name(const struct writer *w, enum report_state s)
{
	static const enum label names[REPORT_STATES] = {L_USED, L_VIOLATED, L_CLOSED, L_UNUSED};

	return word(w, names[s]);
}

/* Bytes from a capture's name or a policy may hold control characters; a terminal must not. */
static void safe(const struct writer *w, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	for (; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			fprintf(w->out, "\\x%02x", *p);
		else
			fputc(*p, w->out);
	}
}

static void head(const struct writer *w)
{
	const struct report *r = w->r;
	char from[32], to[32];
	char *const *f;

	fprintf(w->out, "%s: ", word(w, L_POLICY));
	safe(w, r->policy_path);
	fprintf(w->out, "\n%s:", word(w, L_CAPTURES));
	for (f = r->files; *f; f++) {
		fputc(' ', w->out);
		safe(w, *f);
	}
	fprintf(w->out, "\n%" PRIu64 " %s, %" PRIu64 " %s", r->packets, word(w, L_PACKETS),
		r->flows, word(w, L_FLOWS));
	if (r->record->first)
		fprintf(w->out, ", %s - %s UTC", report_time(r->record->first, from),
			report_time(r->record->last, to));
	fputc('\n', w->out);
}

/* What no dissector read has no ops; that is not worth a word. */
static const char *flows_and_ops(const struct writer *w, uint64_t flows, uint64_t ops)
{
	if (!ops)
		return number(w, flows, L_FLOWS);
	return arena_printf(&w->r->arena, "%s, %s", number(w, flows, L_FLOWS),
			    number(w, ops, L_OPS));
}

static void table(const struct writer *w)
{
	const struct record *rec = w->r->record;
	int wide = width(word(w, L_CONDUITS)) - 2, used = width(word(w, L_PERMITTED));
	const char *permitted;
	uint32_t i;

	for (i = 0; i < rec->conduits; i++) {
		const struct record_conduit *c = &rec->conduit[i];
		int n = width(policy_conduit_at(rec->policy, i)->id);

		wide = n > wide ? n : wide;
		permitted = flows_and_ops(w, c->flows, c->ops);
		n = width(permitted);
		used = n > used ? n : used;
	}
	fputc('\n', w->out);
	cell(w, word(w, L_CONDUITS), wide + 4);
	cell(w, word(w, L_PERMITTED), used + 2);
	cell(w, word(w, L_DENIED), 8);
	fprintf(w->out, "%s\n", word(w, L_STATE));
	for (i = 0; i < rec->conduits; i++) {
		const struct record_conduit *c = &rec->conduit[i];

		fputs("  ", w->out);
		cell(w, policy_conduit_at(rec->policy, i)->id, wide + 2);
		permitted = "-";
		if (c->flows)
			permitted = flows_and_ops(w, c->flows, c->ops);
		cell(w, permitted, used + 2);
		cell(w, c->denied ? arena_printf(&w->r->arena, "%" PRIu64, c->denied) : "-", 8);
		fprintf(w->out, "%s\n", state_name(w, report_state(w->r, i)));
	}
}

/* --- one conduit --- */

static void pairs(const struct writer *w, const struct record_conduit *c)
{
	char a[ADDR_STRLEN], b[ADDR_STRLEN], from[32], to[32];
	uint32_t i;

	for (i = 0; i < c->pairs && i < PAIRS_SHOWN; i++) {
		const struct record_pair *x = &c->pair[i];

		fprintf(w->out, "    %s -> %s: %s, ",
			record_who(w->r->record, &x->client, x->place[0], a),
			record_who(w->r->record, &x->server, x->place[1], b),
			flows_and_ops(w, x->flows, x->ops));
		fprintf(w->out, "%s, %s - %s\n", number(w, x->bytes, L_BYTES),
			report_time(x->first, from), report_time(x->last, to) + 11);
	}
	if (c->pairs > PAIRS_SHOWN || c->pairs_more)
		fprintf(w->out, "    %s%" PRIu64 "\n", word(w, L_MORE),
			c->pairs - (uint64_t)PAIRS_SHOWN + c->pairs_more);
}

static void narrower(const struct writer *w, const char *yaml)
{
	const char *end;

	for (; *yaml; yaml = end + 1) {
		end = strchr(yaml, '\n');
		fprintf(w->out, "        %s: %.*s\n", word(w, L_NARROWER), (int)(end - yaml), yaml);
	}
}

static void permission(const struct writer *w, uint32_t conduit, uint32_t i,
		       const struct policy_permission *p)
{
	struct policy_usage *u = w->r->record->usage;
	const char *yaml, *beyond;

	fprintf(w->out, "    %s %d: ", word(w, L_LINE), p->line);
	safe(w, p->text);
	if (!p->ops && !p->flows && !p->sessions) {
		fprintf(w->out, ": %s (%s)\n", word(w, L_NEVER_USED), word(w, L_REMOVE));
		return;
	}
	if (p->ops)
		fprintf(w->out, ": %s", number(w, p->ops, L_OPS));
	else if (p->flows)
		fprintf(w->out, ": %s", number(w, p->flows, L_FLOWS));
	else
		fprintf(w->out, ": %s (%" PRIu64 ")", word(w, L_SESSIONS_ONLY), p->sessions);
	fputc('\n', w->out);
	beyond = policy_usage_unused(u, conduit, i);
	if (*beyond)
		fprintf(w->out, "        %s: %s\n", word(w, L_NEVER_USED), beyond);
	yaml = policy_usage_narrow(u, conduit, i);
	if (yaml)
		narrower(w, yaml);
}

static void ends(const struct writer *w, uint32_t conduit, int side)
{
	const struct policy *p = w->r->record->policy;
	const char *id, *list, *key = side ? "to" : "from";
	bool zone;
	uint32_t i;

	for (i = 0; (id = policy_end_at(p, conduit, side, i, &zone)); i++)
		if (report_end_unused(w->r, conduit, side, i))
			fprintf(w->out, "    %s: %s: %s\n", key, id, word(w, L_NOT_SEEN));
	list = report_end_narrow(w->r, conduit, side);
	if (list)
		fprintf(w->out, "        %s: %s: %s\n", word(w, L_NARROWER), key, list);
}

static void conduit(const struct writer *w, uint32_t i)
{
	const struct record_conduit *c = &w->r->record->conduit[i];
	const struct policy_conduit *pc = policy_conduit_at(w->r->record->policy, i);
	struct policy_permission p;
	uint32_t k;

	fprintf(w->out, "\n  %s (", pc->id);
	safe(w, report_where(w->r, i));
	fprintf(w->out, "): %s", state_name(w, report_state(w->r, i)));
	if (c->bytes)
		fprintf(w->out, ", %s", number(w, c->bytes, L_BYTES));
	fputc('\n', w->out);
	if (c->closed)
		fprintf(w->out, "    %s%" PRIu64 "\n", word(w, L_CLOSED_TRIED), c->closed);
	if (!c->flows)
		return;
	pairs(w, c);
	for (k = 0; policy_usage_at(w->r->record->usage, i, k, &p); k++)
		permission(w, i, k, &p);
	ends(w, i, 0);
	ends(w, i, 1);
}

/* --- findings --- */

static void finding(const struct writer *w, const struct record_finding *f)
{
	fprintf(w->out, "\n  %s [%s] x%" PRIu64 ", %s %" PRIu64 " (", f->finding->id,
		record_enforced(f->verdict), f->count, word(w, L_FIRST_FRAME), f->first_frame);
	safe(w, report_file(w->r, f->file));
	fputc(')', w->out);
	if (f->conduit)
		fprintf(w->out, ", %s %s", word(w, L_CONDUIT), f->conduit);
	else if (record_denial(f->finding->id))
		fprintf(w->out, ", %s", word(w, L_NO_CONDUIT));
	fputs("\n    ", w->out);
	safe(w, f->observed);
	fputc('\n', w->out);
	if (*f->wanted) {
		fprintf(w->out, "    %s: ", word(w, L_WHY));
		safe(w, f->wanted);
		fputc('\n', w->out);
	}
	if (w->r->expect && report_unexpected(w->r, f))
		fprintf(w->out, "    %s\n", word(w, L_UNEXPECTED));
}

static void findings(const struct writer *w, bool blocked)
{
	const struct record *rec = w->r->record;
	uint32_t i, n = 0;

	fprintf(w->out, "\n%s\n", word(w, blocked ? L_BLOCKED : L_OTHER_FINDINGS));
	for (i = 0; i < rec->findings; i++) {
		if (report_blocked(&rec->finding[i]) != blocked)
			continue;
		finding(w, &rec->finding[i]);
		n++;
	}
	if (!n)
		fprintf(w->out, "  %s\n", word(w, L_NONE));
	if (!blocked && rec->findings_more)
		fprintf(w->out, "  %s%" PRIu64 "\n", word(w, L_MORE), rec->findings_more);
}

/* --- who was not there, and who was --- */

static void silent(const struct writer *w)
{
	const struct record *rec = w->r->record;
	uint32_t i, n = 0;

	fprintf(w->out, "\n%s:", word(w, L_SILENT_ZONES));
	for (i = 0; i < rec->zones; i++)
		if (!rec->zone_seen[i])
			fprintf(w->out, "%s %s", n++ ? "," : "",
				policy_zone_at(rec->policy, i)->id);
	fprintf(w->out, "%s%s\n%s:", n ? "" : " ", n ? "" : word(w, L_NONE),
		word(w, L_SILENT_ASSETS));
	for (i = n = 0; i < rec->assets; i++)
		if (!rec->asset_seen[i])
			fprintf(w->out, "%s %s", n++ ? "," : "",
				policy_asset_at(rec->policy, i)->id);
	fprintf(w->out, "%s%s\n", n ? "" : " ", n ? "" : word(w, L_NONE));
}

static void strangers(const struct writer *w)
{
	const struct record *rec = w->r->record;
	char text[ADDR_STRLEN];
	uint32_t i;

	fprintf(w->out, "%s:", word(w, L_STRANGERS));
	for (i = 0; i < rec->strangers && i < STRANGERS_SHOWN; i++) {
		const struct record_stranger *s = &rec->stranger[i];

		fprintf(w->out, "%s %s (%s)", i ? "," : "", addr_str(&s->addr, text),
			s->zone == POLICY_NONE ? "-" : policy_zone_at(rec->policy, s->zone)->id);
	}
	if (!rec->strangers)
		fprintf(w->out, " %s", word(w, L_NONE));
	if (rec->strangers > STRANGERS_SHOWN || rec->strangers_more)
		fprintf(w->out, ", %s%" PRIu64, word(w, L_MORE),
			rec->strangers - (uint64_t)STRANGERS_SHOWN + rec->strangers_more);
	fputc('\n', w->out);
}

static void expectations(const struct writer *w)
{
	struct expect_result x;
	unsigned i;

	if (!w->r->expect)
		return;
	fprintf(w->out, "\n%s\n", word(w, L_EXPECTATIONS));
	for (i = 0; expect_result_at(w->r->expect, i, w->r->record, w->r->files, w->r->lang, &x);
	     i++) {
		fprintf(w->out, "  %s  ", word(w, x.met ? L_MET : L_UNMET));
		safe(w, w->r->expect_path);
		fprintf(w->out, ":%d: ", x.line);
		safe(w, x.text);
		fprintf(w->out, "; %s: ", word(w, L_SEEN));
		safe(w, x.seen);
		fputc('\n', w->out);
	}
}

static void result(const struct writer *w)
{
	const struct record *rec = w->r->record;
	unsigned n = report_mismatches(w->r), states[REPORT_STATES] = {0};
	uint32_t i;

	for (i = 0; i < rec->conduits; i++)
		states[report_state(w->r, i)]++;
	fprintf(w->out, "\n%s: ", word(w, L_CONDUITS));
	for (i = 0; i < REPORT_STATES; i++)
		fprintf(w->out, "%s%s %u", i ? ", " : "", state_name(w, (enum report_state)i),
			states[i]);
	if (w->r->damaged)
		fprintf(w->out, "\n%s%u", word(w, L_DAMAGED), w->r->damaged);
	fprintf(w->out, "\n%s: ", word(w, L_RESULT));
	if (n)
		fprintf(w->out, "%s%u\n", word(w, L_NOT_AS_EXPECTED), n);
	else
		fprintf(w->out, "%s\n", word(w, L_AS_EXPECTED));
}

void report_text(struct report *r, FILE *out)
{
	const struct writer w = {r, out};
	uint32_t i;

	head(&w);
	table(&w);
	fprintf(out, "\n%s\n", word(&w, L_DETAILS));
	for (i = 0; i < r->record->conduits; i++)
		conduit(&w, i);
	findings(&w, true);
	findings(&w, false);
	silent(&w);
	strangers(&w);
	expectations(&w);
	result(&w);
}
