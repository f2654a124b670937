/* What the policy watches, and how much one client may do: for people. */
#include "base/civil.h"
#include "policy/explain.h"

const char *explain_file(const struct policy *p, const char *file, char *buf, size_t size)
{
	buf[0] = '\0';
	if (strcmp(file, p->file) != 0)
		snprintf(buf, size, "%s ", file);
	return buf;
}

static void explain_watch(const struct policy *p, const struct watch *w, FILE *out)
{
	const char *const *r;
	char text[64], file[256];

	fprintf(out, "\n  %s (%sline %d): %s with %s\n", w->pub.id,
		explain_file(p, w->pub.file, file, sizeof(file)), w->pub.line, w->from_words,
		w->to_words);
	if (*w->pub.reason)
		fprintf(out, "    because: %s\n", w->pub.reason);
	fprintf(out, "    meant: %s\n", w->rule.text_forms);
	if (w->pub.every)
		fprintf(out, "    expected: at least once every %s, else process.silent\n",
			civil_duration_str(w->pub.every, text, sizeof(text)));
	if (w->pub.range)
		fprintf(out, "    expected: values in %s, else process.out-of-range\n",
			w->pub.range);
	if (w->pub.changes)
		fprintf(out, "    expected: values that change within %s, else process.frozen\n",
			civil_duration_str(w->pub.changes, text, sizeof(text)));
	if (*w->pub.refs)
		fputs("    see:", out);
	for (r = w->pub.refs; *r; r++)
		fprintf(out, " %s", *r);
	fputs(*w->pub.refs ? "\n" : "", out);
}

void explain_watches(const struct policy *p, FILE *out)
{
	uint32_t i;

	if (p->watches)
		fprintf(out, "\nWatched\n");
	for (i = 0; i < p->watches; i++)
		explain_watch(p, &p->watch[i], out);
}

void explain_limit(const struct policy_conduit *c, FILE *out)
{
	if (!c->ops.count && !c->flows.count)
		return;
	fprintf(out, "    at most, each client: %s%s%s%s%s\n", c->ops.count ? "ops " : "",
		c->ops.count ? c->ops.text : "", c->ops.count && c->flows.count ? ", " : "",
		c->flows.count ? "flows " : "", c->flows.count ? c->flows.text : "");
}
