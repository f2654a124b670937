/* What is not as it was learned: deviations from the baseline become incidents. */
#include "detect/engine_impl.h"
#include "detect/fill.h"
#include "detect/words.h"

static uint64_t key_of(const struct deviation *d)
{
	uint64_t key = d->client ? mix_addr(0, d->client) : 0;

	if (d->cause)
		return d->cause;
	return d->server ? mix_addr(key, d->server) : key;
}

static void told(void *user, const struct deviation *d)
{
	struct engine *e = user;
	enum judge_finding what = (enum judge_finding)(JUDGE_BASELINE + (int)d->what);
	struct incident *i = engine_report(e, what, key_of(d), 0, d->time, d->frame);

	if (!i)
		return;
	if (e->norm_flow)
		fill_flow(e->cfg.policy, i, e->norm_flow, d->op && d->op->from_server);
	if (d->op)
		words_op(d->op, i);
	d->words(d, e->cfg.lang == FINDING_JA, i->expected, sizeof(i->expected), i->observed,
		 sizeof(i->observed));
}

void engine_norm_begin(struct engine *e)
{
	baseline_tell(e->cfg.baseline, told, e);
}

void engine_norm_op(struct engine *e, struct flow *f, const struct op *op)
{
	e->norm_flow = f;
	baseline_op(e->cfg.baseline, flow_client(f), flow_server(f), op);
	e->norm_flow = NULL;
}
