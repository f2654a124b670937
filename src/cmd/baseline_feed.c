/* Captures into a baseline; kidoban learn --baseline. */
#include "baseline/text.h"
#include "cmd/baseline.h"
#include "cmd/captures.h"
#include "policy/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define TOLD 20 /* incidents told one by one */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* --- what is not learned is told: the first few in full --- */

struct few {
	struct sink sink;
	struct sink *text;
	unsigned told;
};

static void few_alert(struct sink *s, const struct incident *i)
{
	struct few *f = (struct few *)s;

	if (f->told++ < TOLD)
		f->text->ops->alert(f->text, i);
}

static bool few_flush(struct sink *s)
{
	struct few *f = (struct few *)s;

	return f->text->ops->flush(f->text);
}

static const struct sink_ops few_ops = {.alert = few_alert, .flush = few_flush};

/* --- one run --- */

/* Paths that were not learned from yet, to the front; how many. */
static int news(struct baseline *b, struct cmd_capture *c, char **files, int n, bool note)
{
	int i, kept = 0;

	for (i = 0; i < n; i++) {
		if (note && c[i].print && baseline_source_known(b, c[i].first, c[i].print)) {
			fprintf(stderr, "%s: learned from already, not counted twice\n", c[i].path);
			continue;
		}
		if (note && c[i].print)
			baseline_source_note(b, c[i].first, c[i].print);
		files[kept++] = c[i].path;
	}
	files[kept] = NULL;
	return kept;
}

static void resumed(void *arg, int64_t time)
{
	baseline_resume(arg, time);
}

static void say_refused(const struct cmd_learning *l, const struct engine *e, unsigned told)
{
	const struct finding *f;
	uint64_t incidents, count, all = 0;
	unsigned i;

	for (i = 0; (f = catalogue_at(l->engine.catalogue, i)); i++) {
		engine_counts(e, i, &incidents, &count);
		all += incidents;
	}
	if (!all)
		return;
	if (told > TOLD)
		fprintf(stderr, "... and %u more; 'kidoban replay' tells all of them\n",
			told - TOLD);
	fprintf(stderr, "%" PRIu64 " incident%s; what violates the policy was not learned:\n", all,
		plural(all));
	for (i = 0; (f = catalogue_at(l->engine.catalogue, i)); i++) {
		engine_counts(e, i, &incidents, &count);
		if (incidents)
			fprintf(stderr, "  %-28s %" PRIu64 "\n", f->id, incidents);
	}
}

static void say_damage(const struct cmd_input_result *in)
{
	if (in->packet.bad)
		fprintf(stderr, "not decodable: %" PRIu64 " packet%s\n", in->packet.bad,
			plural(in->packet.bad));
	if (in->damaged)
		fprintf(stderr, "not read to the end: %u file%s\n", in->damaged,
			plural(in->damaged));
}

static int run(const struct cmd_help *h, struct cmd_learning *l, struct baseline *b)
{
	struct few few = {.sink.ops = &few_ops, .text = sink_text_open(stderr, l->engine.lang)};
	struct sink *sinks[] = {&few.sink, NULL};
	struct cmd_input_result in;
	struct engine *e;
	int code = CMD_INPUT;

	l->engine.sinks = sinks;
	l->engine.events = ENGINE_ALERT;
	l->engine.baseline = b;
	l->in.flow.classify = true;
	l->in.resumed = resumed;
	l->in.resumed_arg = b;
	baseline_mode(b, l->engine.has_mode ? l->engine.operating_mode
			 : l->engine.policy ? policy_operating_mode(l->engine.policy)
					    : OPERATING_NORMAL);
	e = few.text ? engine_new(&l->engine) : NULL;
	if (!e || !cmd_input_run(&l->in, &engine_handlers, e, &in)) {
		fprintf(stderr, "kidoban %s: out of memory\n", h->name);
		code = CMD_USAGE;
	} else {
		engine_flush(e);
		few_flush(&few.sink);
		say_refused(l, e, few.told);
		say_damage(&in);
		l->stopped = in.stopped;
		code = in.damaged ? CMD_INPUT : CMD_OK;
	}
	engine_free(e);
	if (few.text)
		few.text->ops->free(few.text);
	return code;
}

int cmd_baseline_feed(const struct cmd_help *h, struct cmd_learning *l, struct baseline *b, int n,
		      char **files, bool note)
{
	struct cmd_capture *c = cmd_captures(files, n);
	struct diag diag = {.count = 0};
	struct catalogue *catalogue = catalogue_builtin(&diag);
	struct policy *policy = l->policy_path ? policy_load(l->policy_path, &diag) : NULL;
	int code = CMD_USAGE;

	diag_print(&diag, stderr);
	diag_free(&diag);
	if (c && catalogue && (policy || !l->policy_path)) {
		l->engine.policy = policy;
		l->engine.catalogue = catalogue;
		if (policy)
			cmd_policy_settings(&l->in, policy);
		l->in.files = files;
		code = news(b, c, files, n, note) ? run(h, l, b) : CMD_OK;
	}
	policy_free(policy);
	catalogue_free(catalogue);
	free(c);
	return code;
}

/* --- learn --baseline --- */

static void say_progress(const struct baseline *b)
{
	struct baseline_progress p;

	baseline_progress(b, &p);
	fprintf(stderr,
		"learned so far: %" PRIu64 " operation%s, %" PRIu64 " conversation%s; %" PRIu32
		" host%s, %" PRIu32 " channel%s, %" PRIu32 " item%s, %" PRIu32 " object%s\n",
		p.ops, plural(p.ops), p.flows, plural(p.flows), p.hosts, plural(p.hosts),
		p.channels, plural(p.channels), p.items, plural(p.items), p.objects,
		plural(p.objects));
	if (p.refused)
		fprintf(stderr, "beyond the limits, not learned: %" PRIu64 "\n", p.refused);
	if (p.recent_ops)
		fprintf(stderr,
			"explained: %.1f %% of the last hour was normal already when it came\n",
			100.0 * (double)p.recent_explained / (double)p.recent_ops);
	fprintf(stderr, "%s\n",
		p.settled ? "settled: nothing new came for as long as all before took"
			  : "not settled yet: new things still come, or it was not for long");
}

static struct baseline *begin(const struct cmd_help *h, const char *path)
{
	struct baseline *b;

	if (access(path, F_OK) != 0 && errno == ENOENT)
		return baseline_new(NULL);
	b = cmd_baseline_load(path);
	if (b && baseline_state(b) == BASELINE_FROZEN) {
		fprintf(stderr,
			"kidoban %s: %s is frozen: it is compared with, and learns no more. "
			"'kidoban baseline thaw' lets it learn on, 'kidoban baseline relearn' "
			"learns one cell of it anew\n",
			h->name, path);
		baseline_free(b);
		return NULL;
	}
	return b;
}

int cmd_baseline_learn(const struct cmd_help *h, struct cmd_learning *l, const char *path, int n,
		       char **files)
{
	struct baseline *b = begin(h, path);
	int code = CMD_USAGE, stored;

	if (!b)
		return CMD_USAGE;
	code = cmd_baseline_feed(h, l, b, n, files, true);
	if (l->stopped) {
		fprintf(stderr, "kidoban %s: stopped; %s is as it was\n", h->name, path);
		code = CMD_INPUT;
	} else if (code != CMD_USAGE) {
		say_progress(b);
		stored = cmd_baseline_store(h, b, path);
		code = stored ? stored : code;
	}
	baseline_free(b);
	return code;
}
