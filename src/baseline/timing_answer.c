/* Answers: how long they take, how many are refusals, how many never come. */
#include "baseline/timing_inside.h"

#include <math.h>

#define REQUESTS    32 /* looked at together */
#define WINDOWS	    4  /* of answers, learned before another is compared with them */
#define LEAST	    16 /* requests; so many stand for the window at least, when it has just begun */
#define ANSWER_UNIT 0.2 /* ln; least unit of the score: a fifth more */
#define DECADES	    4.0 /* so improbable is the edge: one in ten thousand windows */

static struct deviation about(const struct sight *s, enum baseline_finding what, double score)
{
	const struct timing_host *server = s->channel->timing.server;

	/* one slow device is one event, whatever it is asked */
	return (struct deviation){.what = what,
				  .detector = BASELINE_TIMING,
				  .score = score,
				  .time = s->time,
				  .frame = s->op->frame,
				  .client = &s->channel->client,
				  .server = &s->channel->server,
				  .op = s->op,
				  .channel = s->channel,
				  .item = s->item,
				  .cause = server ? server->cause : 0,
				  .learned = s->item->seen};
}

/*
 * k of n failed, where of `all` learned `failed` did: how improbable that is, in decades (an upper
 * bound of the binomial tail: Chernoff).
 */
static double surprise(double k, double n, double failed, double all)
{
	double p = (failed + 0.5) / (all + 1), q = k / n, d;

	if (p >= 1 || q <= p)
		return 0;
	d = q * log(q / p);
	if (q < 1)
		d += (1 - q) * log((1 - q) / (1 - p));
	return n * d / 2.302585092994046;
}

static void check_failures(struct baseline *b, const struct sight *s, bool lost)
{
	const struct timing_model *m = &s->item->timing;
	const struct timing_run *r = &s->item->timing_run;
	double k = lost ? r->lost : r->errors, all = m->asked;
	double failed = lost ? m->lost : m->errors, n = fmax(r->asked, LEAST), score;
	struct deviation d;

	if (m->asked < 2 * REQUESTS || k <= (lost ? m->worst_lost : m->worst_errors))
		return;
	score = surprise(k, fmax(n, k), failed, all) / DECADES;
	if (score < 1)
		return;
	d = about(s, BASELINE_ERRORS, score);
	d.words = timing_words_errors;
	d.n[0] = k;
	d.n[1] = fmax(r->asked, k);
	d.n[2] = failed;
	d.n[3] = all;
	d.n[4] = lost;
	deviate(b, &d);
}

static void check_request(struct baseline *b, const struct sight *s)
{
	struct timing_run *r = &s->item->timing_run;
	struct timing_norm *t = &s->norm->timing;

	if (r->pending) {
		r->lost++;
		check_failures(b, s, true);
	}
	r->pending = true;
	if (r->asked == REQUESTS) {
		t->just.requests = true;
		t->just.errors = r->errors;
		t->just.lost = r->lost;
		r->asked = r->errors = r->lost = 0;
	}
	r->asked++;
}

static void check_time(struct baseline *b, const struct sight *s, double answer)
{
	const struct timing_stat *m = &s->item->timing.answer;
	double score;
	struct deviation d;

	if (m->count < WINDOWS)
		return;
	score = timing_stat_beyond(m, answer, 1, ANSWER_UNIT);
	if (score <= 0)
		return;
	d = about(s, BASELINE_SLOW_ANSWER, score);
	d.words = timing_words_slow;
	d.n[0] = exp(answer);
	d.n[1] = exp((double)m->mean);
	d.n[2] = exp((double)m->max);
	d.n[3] = (double)m->count * TIMING_WINDOW;
	deviate(b, &d);
}

static void check_response(struct baseline *b, const struct sight *s)
{
	struct timing_run *r = &s->item->timing_run;
	struct timing_norm *t = &s->norm->timing;
	const struct op *op = s->op;

	r->pending = false;
	if (op->neutralised)
		return; /* refused because of us */
	if (op->status) {
		r->errors += r->errors < UINT8_MAX;
		check_failures(b, s, false);
		return;
	}
	if (op->rtt < 0)
		return;
	r->answers += (float)log(fmax((double)op->rtt / 1e9, 1e-7));
	if (++r->answered < TIMING_WINDOW)
		return;
	t->just.answers = true;
	t->just.answer = r->answers / TIMING_WINDOW;
	r->answers = 0;
	r->answered = 0;
	check_time(b, s, (double)t->just.answer);
}

void timing_answer_check(struct baseline *b, const struct sight *s)
{
	if (s->op->role == OP_REQUEST)
		check_request(b, s);
	else if (s->op->role == OP_RESPONSE)
		check_response(b, s);
}

void timing_answer_learn(const struct sight *s)
{
	const struct timing_norm *t = &s->norm->timing;
	struct timing_model *m = &s->item->timing;

	if (t->just.answers)
		timing_stat_add(&m->answer, (double)t->just.answer);
	if (!t->just.requests)
		return;
	m->asked += m->asked < UINT32_MAX - REQUESTS ? REQUESTS : 0;
	m->errors += t->just.errors;
	m->lost += t->just.lost;
	m->worst_errors = t->just.errors > m->worst_errors ? t->just.errors : m->worst_errors;
	m->worst_lost = t->just.lost > m->worst_lost ? t->just.lost : m->worst_lost;
}
