/*
 * The report as one HTML page: for the file cabinet of a commissioning, to be read without a
 * network, in print, and without scripts. Style and map are inside; nothing is loaded.
 */
#include "report/labels.h"
#include "report/map.h"
#include "report/report.h"
#include "report/xml.h"

#include <inttypes.h>

static const char style[] =
	":root{--ok:#1b6e3c;--bad:#b3261e;--warn:#8a5a00;--soft:#6b7280;--line:#d5d9e0}\n"
	"*{box-sizing:border-box}\n"
	"body{font:15px/1.55 system-ui,\"Noto Sans CJK JP\",\"Hiragino Sans\",\"Yu Gothic UI\","
	"\"Meiryo\",sans-serif;color:#1f2430;background:#fff;margin:0 auto;padding:24px 32px;"
	"max-width:1400px}\n"
	"h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:32px 0 10px;"
	"border-bottom:2px solid var(--line);padding-bottom:4px}h3{font-size:15px;margin:22px 0 "
	"6px}\n"
	"code,pre{font:13px/1.5 ui-monospace,\"Noto Sans Mono CJK JP\",monospace}\n"
	"pre{background:#f4f6f9;border:1px solid var(--line);border-radius:4px;padding:6px 10px;"
	"margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere}\n"
	"table{border-collapse:collapse;width:100%;margin:6px 0}\n"
	"th,td{border:1px solid var(--line);padding:5px 9px;text-align:left;vertical-align:top;"
	"overflow-wrap:anywhere}\n"
	"th{background:#f4f6f9;font-weight:600;white-space:nowrap}td.n{text-align:right;"
	"white-space:nowrap}td.w{white-space:nowrap}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:8px 0}dt{color:"
	"var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
	".banner{border-left:6px solid;padding:10px 16px;margin:14px 0;font-size:17px;"
	"font-weight:600}\n"
	".good{border-color:var(--ok);background:#eaf5ee;color:var(--ok)}"
	".wrong{border-color:var(--bad);background:#fbeceb;color:var(--bad)}\n"
	".s-violated,.s-unmet{color:var(--bad);font-weight:600}.s-used,.s-met{color:var(--ok)}"
	".s-closed{color:var(--warn)}.s-unused,.soft{color:var(--soft)}\n"
	".mapbox{overflow-x:auto}svg.map{display:block;max-width:100%;height:auto}\n"
	"svg.map text{font-family:inherit;font-size:12px;fill:#1f2430}"
	"svg.map text.layer{font-size:13px;fill:var(--soft);font-weight:600}"
	"svg.map text.zone{font-size:14px;font-weight:700}svg.map text.id{fill:var(--soft);"
	"font-size:11px;text-anchor:end}\n"
	"svg.map rect.layer{fill:#f6f7f9}svg.map rect.zone{fill:#fff;stroke:#3c4658;"
	"stroke-width:1.5}svg.map rect.zone.silent{stroke:#a9b0bb;stroke-dasharray:5 4}"
	"svg.map text.silent{fill:#8b93a0}svg.map text.stranger{fill:var(--bad);font-weight:600}\n"
	"svg.map path.e{fill:none;stroke-width:1.6}svg.map .e.used{stroke:var(--ok)}"
	"svg.map .e.violated{stroke:var(--bad);stroke-width:2.6}"
	"svg.map .e.stray{stroke:var(--bad);stroke-width:2.2;stroke-dasharray:2 3}"
	"svg.map .e.closed{stroke:var(--warn);stroke-dasharray:9 4}"
	"svg.map .e.unused{stroke:#9aa2ae;stroke-dasharray:6 5}\n"
	"svg.map marker .used{fill:var(--ok)}svg.map marker .violated,svg.map marker .stray{fill:"
	"var(--bad)}svg.map marker .closed{fill:var(--warn)}svg.map marker .unused{fill:#9aa2ae}\n"
	"svg.map .l rect{fill:#fff;stroke:var(--ok)}svg.map .l text{text-anchor:middle;"
	"font-size:12px}svg.map .l.violated rect{stroke:var(--bad);fill:#fbeceb;stroke-width:1.6}"
	"svg.map .l.stray rect{stroke:var(--bad);fill:#fbeceb;stroke-dasharray:2 2}"
	"svg.map .l.violated text,svg.map .l.stray text{fill:var(--bad);font-weight:600}"
	"svg.map .l.closed rect{stroke:var(--warn)}svg.map .l.closed text{fill:var(--warn)}"
	"svg.map .l.unused rect{stroke:#b6bcc6;stroke-dasharray:4 3}"
	"svg.map .l.unused text{fill:#6b7280}\n"
	".legend{display:flex;flex-wrap:wrap;gap:6px 22px;margin:8px 0;font-size:13px}"
	".legend i{display:inline-block;width:34px;border-top:3px solid;vertical-align:middle;"
	"margin-right:7px}.legend .k-unused{border-top-style:dashed;border-color:#9aa2ae}"
	".legend .k-used{border-color:var(--ok)}.legend .k-violated{border-color:var(--bad)}"
	".legend .k-stray{border-color:var(--bad);border-top-style:dotted}\n"
	"@page{size:A4;margin:12mm}\n"
	"@media "
	"print{body{padding:0;font-size:11px;max-width:none;-webkit-print-color-adjust:exact;"
	"print-color-adjust:exact}h2{break-after:avoid}h3{break-after:avoid}tr,pre,svg{break-"
	"inside:"
	"avoid}svg.map{max-height:262mm;margin:0 auto}.mapbox{overflow:visible}}\n";

struct page {
	struct report *r;
	FILE *out;
};

static const char *word(const struct page *p, enum label l)
{
	return label(p->r->lang, l);
}

static void text(const struct page *p, const char *s)
{
	xml_text(p->out, s);
}

/* <tag>text</tag>; tag may have attributes. */
static void element(const struct page *p, const char *tag, const char *s)
{
	fprintf(p->out, "<%s>", tag);
	text(p, s);
	fprintf(p->out, "</%.*s>", (int)strcspn(tag, " "), tag);
}

static void number(const struct page *p, uint64_t n)
{
	fprintf(p->out, "<td class=\"n\">%" PRIu64 "</td>", n);
}

/* A table's head from labels, ended by LABELS. */
static void table(const struct page *p, const enum label *head)
{
	fputs("<table><thead><tr>", p->out);
	for (; *head != LABELS; head++)
		element(p, "th", word(p, *head));
	fputs("</tr></thead><tbody>\n", p->out);
}

static void table_end(const struct page *p)
{
	fputs("</tbody></table>\n", p->out);
}

static const struct {
	const char *class_name;
	enum label name;
} states[REPORT_STATES] = {
	[REPORT_USED] = {"s-used", L_USED},
	[REPORT_VIOLATED] = {"s-violated", L_VIOLATED},
	[REPORT_CLOSED] = {"s-closed", L_CLOSED},
	[REPORT_UNUSED] = {"s-unused", L_UNUSED},
};

static void state_cell(const struct page *p, enum report_state s)
{
	fprintf(p->out, "<td class=\"w %s\">", states[s].class_name);
	text(p, word(p, states[s].name));
	fputs("</td>", p->out);
}

static void head(const struct page *p)
{
	struct report *r = p->r;
	unsigned n = report_mismatches(r);
	char from[32], to[32];
	char *const *f;

	fprintf(p->out,
		"<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
		r->lang == FINDING_JA ? "ja" : "en");
	text(p, word(p, L_TITLE));
	fprintf(p->out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", style);
	element(p, "h1", word(p, L_TITLE));
	fprintf(p->out, "\n<div class=\"banner %s\">", n ? "wrong" : "good");
	text(p, word(p, n ? L_NOT_AS_EXPECTED : L_AS_EXPECTED));
	if (n)
		fprintf(p->out, "%u", n);
	fputs("</div>\n<dl>", p->out);
	if (*r->site) {
		element(p, "dt", word(p, L_SITE));
		element(p, "dd", r->site);
	}
	element(p, "dt", word(p, L_POLICY));
	element(p, "dd", r->policy_path);
	element(p, "dt", word(p, L_CAPTURES));
	fputs("<dd>", p->out);
	for (f = r->files; *f; f++) {
		text(p, *f);
		fputs("<br>", p->out);
	}
	fprintf(p->out, "%" PRIu64 " %s, %" PRIu64 " %s", r->packets, word(p, L_PACKETS), r->flows,
		word(p, L_FLOWS));
	if (r->record->first)
		fprintf(p->out, ", %s &#8211; %s UTC", report_time(r->record->first, from),
			report_time(r->record->last, to));
	if (r->damaged)
		fprintf(p->out, "<br><span class=\"s-unmet\">%s%u</span>", word(p, L_DAMAGED),
			r->damaged);
	fputs("</dd></dl>\n", p->out);
}

static void map(const struct page *p)
{
	static const struct {
		const char *class_name;
		enum label l;
	} keys[] = {{"k-used", L_LEGEND_USED},
		    {"k-violated", L_LEGEND_VIOLATED},
		    {"k-stray", L_LEGEND_NO_CONDUIT},
		    {"k-unused", L_LEGEND_UNUSED}};
	size_t i;

	element(p, "h2", word(p, L_ZONE_MAP));
	fputs("\n<div class=\"mapbox\">\n", p->out);
	report_map(p->r, p->out);
	fputs("</div>\n<div class=\"legend\">", p->out);
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		fprintf(p->out, "<span><i class=\"%s\"></i>", keys[i].class_name);
		text(p, word(p, keys[i].l));
		fputs("</span>", p->out);
	}
	fputs("</div>\n", p->out);
}

static void conduits(const struct page *p)
{
	static const enum label columns[] = {L_CONDUIT, L_STATE,  L_FLOWS, L_OPS,
					     L_BYTES,	L_DENIED, LABELS};
	const struct record *rec = p->r->record;
	uint32_t i;

	element(p, "h2", word(p, L_CONDUITS));
	table(p, columns);
	for (i = 0; i < rec->conduits; i++) {
		const struct record_conduit *c = &rec->conduit[i];

		fputs("<tr>", p->out);
		fprintf(p->out, "<td class=\"w\"><a href=\"#c%u\">", i);
		text(p, policy_conduit_at(rec->policy, i)->id);
		fputs("</a></td>", p->out);
		state_cell(p, report_state(p->r, i));
		number(p, c->flows);
		number(p, c->ops);
		number(p, c->bytes);
		number(p, c->denied);
		fputs("</tr>\n", p->out);
	}
	table_end(p);
}

static void expectations(const struct page *p)
{
	static const enum label columns[] = {L_RESULT, L_LINE, L_EXPECTED, L_SEEN, LABELS};
	struct expect_result x;
	unsigned i;

	if (!p->r->expect)
		return;
	element(p, "h2", word(p, L_EXPECTATIONS));
	element(p, "p class=\"soft\"", p->r->expect_path);
	table(p, columns);
	for (i = 0; expect_result_at(p->r->expect, i, p->r->record, p->r->files, p->r->lang, &x);
	     i++) {
		fprintf(p->out, "<tr><td class=\"w %s\">", x.met ? "s-met" : "s-unmet");
		text(p, word(p, x.met ? L_MET : L_UNMET));
		fprintf(p->out, "</td><td class=\"n\">%d</td>", x.line);
		element(p, "td", x.text);
		element(p, "td", x.seen);
		fputs("</tr>\n", p->out);
	}
	table_end(p);
}

static void finding(const struct page *p, const struct record_finding *f)
{
	fputs("<tr><td class=\"w\">", p->out);
	text(p, f->finding->text[p->r->lang].title);
	fputs("<br><code class=\"soft\">", p->out);
	text(p, f->finding->id);
	fputs("</code></td><td>", p->out);
	text(p, f->observed);
	fputs("<br><span class=\"soft\">", p->out);
	text(p, word(p, L_WHY));
	fputs(": ", p->out);
	text(p, f->wanted);
	fputs("</span>", p->out);
	if (p->r->expect && report_unexpected(p->r, f)) {
		fputs("<br>", p->out);
		element(p, "span class=\"s-unmet\"", word(p, L_UNEXPECTED));
	}
	fputs("</td>", p->out);
	element(p, "td",
		f->conduit			? f->conduit
		: record_denial(f->finding->id) ? word(p, L_NO_CONDUIT)
						: "-");
	element(p, "td class=\"w\"", record_enforced(f->verdict));
	number(p, f->count);
	fprintf(p->out, "<td>%" PRIu64 "<br><span class=\"soft\">", f->first_frame);
	text(p, report_file(p->r, f->file));
	fputs("</span></td></tr>\n", p->out);
}

static void findings(const struct page *p, bool blocked)
{
	static const enum label columns[] = {L_ALERT, L_SEEN,	     L_CONDUIT, L_VERDICT,
					     L_COUNT, L_FIRST_FRAME, LABELS};
	const struct record *rec = p->r->record;
	uint32_t i, n = 0;

	element(p, "h2", word(p, blocked ? L_BLOCKED : L_OTHER_FINDINGS));
	for (i = 0; i < rec->findings; i++) {
		if (report_blocked(&rec->finding[i]) != blocked)
			continue;
		if (n++ == 0)
			table(p, columns);
		finding(p, &rec->finding[i]);
	}
	if (n)
		table_end(p);
	else
		element(p, "p", word(p, L_NONE));
	if (!blocked && rec->findings_more)
		fprintf(p->out, "<p>%s%" PRIu64 "</p>\n", word(p, L_MORE), rec->findings_more);
}

/* --- one conduit --- */

static void pairs(const struct page *p, const struct record_conduit *c)
{
	static const enum label columns[] = {L_FROM, L_TO, L_FLOWS, L_OPS, L_BYTES, L_SEEN, LABELS};
	char a[ADDR_STRLEN], from[32], to[32];
	uint32_t i;

	table(p, columns);
	for (i = 0; i < c->pairs && i < 100; i++) {
		const struct record_pair *x = &c->pair[i];

		fputs("<tr>", p->out);
		element(p, "td", record_who(p->r->record, &x->client, x->place[0], a));
		element(p, "td", record_who(p->r->record, &x->server, x->place[1], a));
		number(p, x->flows);
		number(p, x->ops);
		number(p, x->bytes);
		fprintf(p->out, "<td>%s &#8211; %s</td></tr>\n", report_time(x->first, from),
			report_time(x->last, to) + 11);
	}
	table_end(p);
	if (c->pairs > 100 || c->pairs_more)
		fprintf(p->out, "<p>%s%" PRIu64 "</p>\n", word(p, L_MORE),
			c->pairs - (uint64_t)100 + c->pairs_more);
}

static void permission(const struct page *p, uint32_t conduit, uint32_t i,
		       const struct policy_permission *x)
{
	struct policy_usage *u = p->r->record->usage;
	const char *beyond, *yaml;

	fprintf(p->out, "<tr><td class=\"n\">%d</td>", x->line);
	element(p, "td", x->text);
	if (!x->ops && !x->flows && !x->sessions) {
		fputs("<td class=\"s-unused\">", p->out);
		text(p, word(p, L_NEVER_USED));
		fputs("</td><td class=\"soft\">", p->out);
		text(p, word(p, L_REMOVE));
		fputs("</td></tr>\n", p->out);
		return;
	}
	fputs("<td class=\"w\">", p->out);
	if (x->ops || x->flows)
		fprintf(p->out, "%" PRIu64 " %s", x->ops ? x->ops : x->flows,
			word(p, x->ops ? L_OPS : L_FLOWS));
	else
		text(p, word(p, L_SESSIONS_ONLY));
	fputs("</td><td>", p->out);
	beyond = policy_usage_unused(u, conduit, i);
	if (*beyond) {
		fprintf(p->out, "<span class=\"soft\">%s: ", word(p, L_NEVER_USED));
		text(p, beyond);
		fputs("</span>", p->out);
	}
	yaml = policy_usage_narrow(u, conduit, i);
	if (yaml && *yaml)
		element(p, "pre", yaml);
	fputs("</td></tr>\n", p->out);
}

static void ends(const struct page *p, uint32_t conduit, int side)
{
	const char *id, *list, *key = side ? "to" : "from", *comma = "";
	bool zone;
	uint32_t i;

	for (i = 0; (id = policy_end_at(p->r->record->policy, conduit, side, i, &zone)); i++) {
		if (!report_end_unused(p->r, conduit, side, i))
			continue;
		if (!*comma)
			fprintf(p->out, "<p>%s, %s: ", key, word(p, L_NOT_SEEN));
		fputs(comma, p->out);
		text(p, id);
		comma = ", ";
	}
	if (*comma)
		fputs("</p>\n", p->out);
	list = report_end_narrow(p->r, conduit, side);
	if (list)
		element(p, "pre", arena_printf(&p->r->arena, "%s: %s", key, list));
}

static void conduit(const struct page *p, uint32_t i)
{
	static const enum label columns[] = {L_LINE, L_PERMISSION, L_USED, L_NARROWER, LABELS};
	const struct record *rec = p->r->record;
	const struct record_conduit *c = &rec->conduit[i];
	const struct policy_conduit *pc = policy_conduit_at(rec->policy, i);
	enum report_state s = report_state(p->r, i);
	struct policy_permission x;
	uint32_t k;

	fprintf(p->out, "<h3 id=\"c%u\">", i);
	text(p, pc->id);
	fprintf(p->out, " <span class=\"%s\">", states[s].class_name);
	text(p, word(p, states[s].name));
	fputs("</span></h3>\n", p->out);
	fputs("<p class=\"soft\">", p->out);
	text(p, report_where(p->r, i));
	if (*pc->reason) {
		fputs(": ", p->out);
		text(p, pc->reason);
	}
	fputs("</p>\n", p->out);
	if (c->closed)
		fprintf(p->out, "<p class=\"s-closed\">%s%" PRIu64 "</p>\n",
			word(p, L_CLOSED_TRIED), c->closed);
	if (!c->flows)
		return;
	pairs(p, c);
	table(p, columns);
	for (k = 0; policy_usage_at(rec->usage, i, k, &x); k++)
		permission(p, i, k, &x);
	table_end(p);
	ends(p, i, 0);
	ends(p, i, 1);
}

static void silent(const struct page *p)
{
	const struct record *rec = p->r->record;
	char addr[ADDR_STRLEN];
	uint32_t i, n = 0;

	element(p, "h2", word(p, L_SILENT_ASSETS));
	fputs("<p>", p->out);
	for (i = 0; i < rec->assets; i++)
		if (!rec->asset_seen[i]) {
			fputs(n++ ? ", " : "", p->out);
			text(p, policy_asset_at(rec->policy, i)->id);
		}
	text(p, n ? "" : word(p, L_NONE));
	fputs("</p>\n", p->out);
	element(p, "h2", word(p, L_SILENT_ZONES));
	fputs("<p>", p->out);
	for (i = n = 0; i < rec->zones; i++)
		if (!rec->zone_seen[i]) {
			fputs(n++ ? ", " : "", p->out);
			text(p, policy_zone_at(rec->policy, i)->id);
		}
	text(p, n ? "" : word(p, L_NONE));
	fputs("</p>\n", p->out);
	element(p, "h2", word(p, L_STRANGERS));
	fputs("<p>", p->out);
	for (i = 0; i < rec->strangers; i++) {
		const struct record_stranger *s = &rec->stranger[i];

		fputs(i ? ", " : "", p->out);
		text(p, addr_str(&s->addr, addr));
		fputs(" (", p->out);
		text(p, s->zone == POLICY_NONE ? "-" : policy_zone_at(rec->policy, s->zone)->id);
		fputs(")", p->out);
	}
	text(p, rec->strangers ? "" : word(p, L_NONE));
	if (rec->strangers_more)
		fprintf(p->out, ", %s%" PRIu64, word(p, L_MORE), rec->strangers_more);
	fputs("</p>\n", p->out);
}

void report_html(struct report *r, FILE *out)
{
	const struct page p = {r, out};
	uint32_t i;

	head(&p);
	map(&p);
	conduits(&p);
	expectations(&p);
	findings(&p, true);
	findings(&p, false);
	element(&p, "h2", word(&p, L_DETAILS));
	for (i = 0; i < r->record->conduits; i++)
		conduit(&p, i);
	silent(&p);
	fputs("</body>\n</html>\n", out);
}
