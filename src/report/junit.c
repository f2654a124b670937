/*
 * The report as JUnit XML, as Jenkins and GitLab read it: a suite of expectations, one case each;
 * a suite of conduits, one case each; and a case for every alert that no expectation names.
 *
 * A conduit nobody used is skipped, not failed: whether it had to be used is for an expectation
 * (`exercised`) to say. There are no times: a replay's are not the plant's.
 */
#include "report/report.h"
#include "report/xml.h"

#include <inttypes.h>

struct counts {
	unsigned tests, failures, skipped;
};

static void suite(FILE *out, const char *name, struct counts c)
{
	fprintf(out,
		"  <testsuite name=\"%s\" tests=\"%u\" failures=\"%u\" errors=\"0\" "
		"skipped=\"%u\">\n",
		name, c.tests, c.failures, c.skipped);
}

static void begin_case(FILE *out, const char *class_name, const char *name)
{
	fprintf(out, "    <testcase classname=\"kidoban.%s\" name=\"", class_name);
	xml_text(out, name);
	fputs("\"", out);
}

static void failure(FILE *out, const char *message, const char *text)
{
	fputs(">\n      <failure message=\"", out);
	xml_text(out, message);
	fputs("\">", out);
	xml_text(out, text);
	fputs("</failure>\n    </testcase>\n", out);
}

static bool result_at(struct report *r, unsigned i, struct expect_result *x)
{
	return r->expect && expect_result_at(r->expect, i, r->record, r->files, r->lang, x);
}

static void expectations(struct report *r, FILE *out)
{
	struct counts c = {0, 0, 0};
	struct expect_result x;
	const char *text;

	for (; result_at(r, c.tests, &x); c.tests++)
		c.failures += !x.met;
	suite(out, "expectations", c);
	for (c.tests = 0; result_at(r, c.tests, &x); c.tests++) {
		begin_case(out, "expectations",
			   arena_printf(&r->arena, "%s:%d %s", r->expect_path, x.line, x.text));
		text = arena_printf(&r->arena, "%s:%d: expected: %s; seen: %s", r->expect_path,
				    x.line, x.text, x.seen);
		if (x.met)
			fputs("/>\n", out);
		else
			failure(out, x.seen, text);
	}
	fputs("  </testsuite>\n", out);
}

/* The alerts of a conduit that nobody expected; NULL: none. */
static const char *violations(struct report *r, uint32_t conduit, unsigned *n)
{
	const char *id = policy_conduit_at(r->record->policy, conduit)->id, *text = NULL;
	uint32_t i;

	*n = 0;
	for (i = 0; i < r->record->findings; i++) {
		const struct record_finding *f = &r->record->finding[i];

		if (!f->conduit || strcmp(f->conduit, id) != 0 || !report_unexpected(r, f))
			continue;
		text = arena_printf(&r->arena, "%s%s: %s (frame %" PRIu64 " of %s)\n",
				    text ? text : "", f->finding->id, f->observed, f->first_frame,
				    report_file(r, f->file));
		++*n;
	}
	return text;
}

static void conduits(struct report *r, FILE *out)
{
	struct counts c = {r->record->conduits, 0, 0};
	const char *text;
	uint32_t i;
	unsigned n;

	for (i = 0; i < r->record->conduits; i++) {
		violations(r, i, &n);
		c.failures += n > 0;
		c.skipped += n == 0 && r->record->conduit[i].flows == 0;
	}
	suite(out, "conduits", c);
	for (i = 0; i < r->record->conduits; i++) {
		const struct record_conduit *x = &r->record->conduit[i];

		begin_case(out, "conduits", policy_conduit_at(r->record->policy, i)->id);
		text = violations(r, i, &n);
		if (n)
			failure(out, arena_printf(&r->arena, "%u alerts", n), text);
		else if (x->flows)
			fputs("/>\n", out);
		else
			fprintf(out, ">\n      <skipped message=\"%s\"/>\n    </testcase>\n",
				x->closed ? "closed when it would have been used"
					  : "never exercised");
	}
	fputs("  </testsuite>\n", out);
}

/* Alerts of no conduit that nobody expected. */
static bool is_other(const struct report *r, const struct record_finding *f)
{
	return !f->conduit && report_unexpected(r, f);
}

static void others(struct report *r, FILE *out)
{
	struct counts c = {0, 0, 0};
	uint32_t i;

	for (i = 0; i < r->record->findings; i++)
		c.tests += is_other(r, &r->record->finding[i]);
	c.failures = c.tests;
	suite(out, "alerts", c);
	for (i = 0; i < r->record->findings; i++) {
		const struct record_finding *f = &r->record->finding[i];

		if (!is_other(r, f))
			continue;
		begin_case(out, "alerts",
			   arena_printf(&r->arena, "%s frame %" PRIu64 " of %s", f->finding->id,
					f->first_frame, report_file(r, f->file)));
		failure(out, f->observed, f->wanted);
	}
	fputs("  </testsuite>\n", out);
}

void report_junit(struct report *r, FILE *out)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kidoban "
	      "validate\">\n",
	      out);
	expectations(r, out);
	conduits(r, out);
	others(r, out);
	fputs("</testsuites>\n", out);
}
