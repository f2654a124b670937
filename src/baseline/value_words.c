/* Sentences about values: what was expected, and what was seen. */
#include "baseline/value_inside.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define SECOND 1e9

struct phrase {
	char *buf;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void put(struct phrase *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->buf + p->len, p->size - p->len, fmt, ap);
	va_end(ap);
	p->len = n < 0 ? p->len : p->len + (size_t)n < p->size ? p->len + (size_t)n : p->size - 1;
}

/* As short as it can be said: 250, 1.0123, 2.5e+09. */
static void put_number(struct phrase *p, double x)
{
	if (x == floor(x) && fabs(x) < 1e12)
		put(p, "%.0f", x);
	else
		put(p, "%.6g", x);
}

static void put_thousands(struct phrase *p, uint64_t n)
{
	if (n >= 1000)
		put_thousands(p, n / 1000);
	if (n >= 1000)
		put(p, ",%03" PRIu64, n % 1000);
	else
		put(p, "%" PRIu64, n);
}

/* "12 s", "3 minutes 20 s" is more than anybody needs: "3.3 minutes". */
static void put_time(struct phrase *p, double ns, bool ja)
{
	double s = ns / SECOND;

	if (s < 120)
		put(p, ja ? "%.3g 秒" : "%.3g s", s);
	else if (s < 7200)
		put(p, ja ? "%.3g 分" : "%.3g minutes", s / 60);
	else
		put(p, ja ? "%.3g 時間" : "%.3g hours", s / 3600);
}

/* 2026-11-01, of days since 1970 (the civil calendar, by eras of 400 years). */
static void put_day(struct phrase *p, int64_t ns)
{
	int64_t days = ns / INT64_C(86400000000000) + 719468, era = days / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;

	put(p, "%04" PRId64 "-%02" PRId64 "-%02" PRId64, yoe + era * 400 + (month <= 2), month,
	    doy - (153 * mp + 2) / 5 + 1);
}

static const char *space_says(const struct item *item, bool ja)
{
	static const char *const en[OP_SPACES] = {
		[OP_SPACE_COIL] = "coil",
		[OP_SPACE_DISCRETE_INPUT] = "discrete input",
		[OP_SPACE_HOLDING] = "holding register",
		[OP_SPACE_INPUT] = "input register",
	};
	static const char *const jp[OP_SPACES] = {
		[OP_SPACE_COIL] = "コイル",
		[OP_SPACE_DISCRETE_INPUT] = "入力接点",
		[OP_SPACE_HOLDING] = "保持レジスタ",
		[OP_SPACE_INPUT] = "入力レジスタ",
	};
	const struct op_object o = {.space = item->space, .npath = item->npath};
	const char *word = ja ? jp[item->space] : en[item->space];

	return word ? word : op_object_space(&o);
}

/* "holding register 100 of 10.50.0.11" */
static void put_object(struct phrase *p, const struct deviation *d, uint32_t view, bool ja)
{
	const struct item *item = d->item;
	struct op_object o = {.space = item->space,
			      .npath = item->npath,
			      .first = item->first + view,
			      .count = 1};
	char where[160], server[ADDR_STRLEN];

	memcpy(o.path, item->path, sizeof(o.path));
	if (item->object)
		o.name = (struct slice){(const uint8_t *)item->object, strlen(item->object)};
	op_object_str(&o, where, sizeof(where));
	addr_str(d->server, server);
	if (ja)
		put(p, "%s の%s %s", server, space_says(item, ja), where);
	else
		put(p, "%s %s of %s", space_says(item, ja), where, server);
}

/* "10, 20 or 30", ascending; when there are many, the first and the last. */
static void put_set(struct phrase *p, const struct value_model *m, bool ja)
{
	double sorted[VALUE_SET], x;
	unsigned i, k;

	for (i = 0; i < m->set_n; i++) {
		x = m->set[i];
		for (k = i; k > 0 && sorted[k - 1] > x; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = x;
	}
	for (i = 0; i < m->set_n; i++) {
		if (i)
			put(p, "%s", ja ? "、" : i + 1 == m->set_n ? " or " : ", ");
		put_number(p, sorted[i]);
	}
}

static void put_kind(struct phrase *p, const struct value_model *m, bool ja)
{
	double step = value_largest_step(m, VALUE_SPANS - 1);

	if (m->type > VALUE_U16)
		put(p, ja ? "(%s) " : "(%s) ", value_type_says(m->type, ja));
	if (value_kind(m) == VALUE_IS_SET) {
		if (m->set_n == 1)
			put(p, ja ? "常に " : "always ");
		put_set(p, m, ja);
		return;
	}
	put_number(p, m->lo);
	put(p, ja ? " から " : " to ");
	put_number(p, m->hi);
	if (!step)
		return;
	put(p, ja ? "、一度の変化は最大 " : ", moving at most ");
	put_number(p, step);
	if (!ja)
		put(p, " at a time");
}

/* "(seen 86,400 times since 2026-11-01)" */
static void put_tally(struct phrase *p, const struct tally *t, bool ja)
{
	put(p, ja ? " (" : " (seen ");
	if (ja) {
		put_day(p, t->first);
		put(p, " から ");
		put_thousands(p, t->count);
		put(p, " 回)");
		return;
	}
	put_thousands(p, t->count);
	put(p, " times since ");
	put_day(p, t->first);
	put(p, ")");
}

static void say_out(struct phrase *e, struct phrase *o, const struct deviation *d,
		    const struct value_model *m, bool ja)
{
	put_object(o, d, (uint32_t)d->n[0], ja);
	put(o, ja ? " は " : " is ");
	put_number(o, d->n[1]);
	put(o, ja ? " です" : "");
	put(e, ja ? "学習中は " : "while learning it was ");
	put_kind(e, m, ja);
}

static void say_written(struct phrase *e, struct phrase *o, const struct deviation *d,
			const struct value_model *m, bool ja)
{
	char client[ADDR_STRLEN];

	addr_str(d->client, client);
	if (ja) {
		put(o, "%s が ", client);
		put_object(o, d, (uint32_t)d->n[0], ja);
		put(o, " に ");
		put_number(o, d->n[1]);
		put(o, " を書き込みました");
		put(e, "学習中に書き込まれた値は ");
	} else {
		put(o, "%s wrote ", client);
		put_number(o, d->n[1]);
		put(o, " to ");
		put_object(o, d, (uint32_t)d->n[0], ja);
		put(e, "while learning, what was written there was ");
	}
	put_kind(e, m, ja);
}

/* n[2]: the value before */
static void say_jump(struct phrase *e, struct phrase *o, const struct deviation *d,
		     const struct value_model *m, bool ja)
{
	put_object(o, d, (uint32_t)d->n[0], ja);
	put(o, ja ? " が " : " jumped from ");
	put_number(o, d->n[2]);
	put(o, ja ? " から " : " to ");
	put_number(o, d->n[1]);
	put(o, ja ? " に急変しました" : "");
	if (value_kind(m) == VALUE_IS_COUNTER) {
		put(e, ja ? "学習中は増えるだけで、一度の増加は最大 "
			  : "while learning it only went up, at most ");
		put_number(e, value_largest_step(m, VALUE_SPANS - 1));
		put(e, ja ? " でした" : " at a time");
		return;
	}
	put(e, ja ? "学習中は " : "while learning it was ");
	put_kind(e, m, ja);
}

/* n[2]: ns it stands still */
static void say_frozen(struct phrase *e, struct phrase *o, const struct deviation *d,
		       const struct value_model *m, bool ja)
{
	put_object(o, d, (uint32_t)d->n[0], ja);
	put(o, ja ? " は " : " has stood at ");
	put_number(o, d->n[1]);
	put(o, ja ? " のまま " : " for ");
	put_time(o, d->n[2], ja);
	put(o, ja ? " 動いていません" : "");
	put(e, ja ? "学習中に動かなかったのは最長 "
		  : "while learning it never stood still longer than ");
	put_time(e, (double)m->still, ja);
	put(e, ja ? " でした" : "");
}

/* n[2]: the slow mean */
static void say_drift(struct phrase *e, struct phrase *o, const struct deviation *d,
		      const struct value_model *m, bool ja)
{
	put(o, ja ? "" : "the mean of ");
	put_object(o, d, (uint32_t)d->n[0], ja);
	put(o, ja ? " の 5 分間の平均が " : " over 5 minutes went to ");
	put_number(o, d->n[2]);
	put(o, ja ? " になりました" : "");
	put(e, ja ? "学習中の平均は " : "while learning that mean was ");
	put_number(e, m->slow_lo);
	put(e, ja ? " から " : " to ");
	put_number(e, m->slow_hi);
	put(e, ja ? " でした" : "");
}

/* n[2]: what the other says it should be; n[3]: view of the other, n[4]: its value; n[5]: width */
static void say_apart(struct phrase *e, struct phrase *o, const struct deviation *d,
		      const struct value_model *m, bool ja)
{
	(void)m;
	put_object(o, d, (uint32_t)d->n[0], ja);
	put(o, ja ? " は " : " is ");
	put_number(o, d->n[1]);
	put(o, ja ? "、" : " while ");
	put_object(o, d, (uint32_t)d->n[3], ja);
	put(o, ja ? " は " : " is ");
	put_number(o, d->n[4]);
	put(o, ja ? " です" : "");
	put(e, ja ? "学習中は連動していて、いまなら "
		  : "while learning they moved together: it would be ");
	put_number(e, d->n[2]);
	put(e, ja ? " ± " : ", give or take ");
	put_number(e, d->n[5]);
	put(e, ja ? " のはずです" : "");
}

/* n[2]: register of the state; n[3]: the state; n[4], n[5]: what it was in it */
static void say_given(struct phrase *e, struct phrase *o, const struct deviation *d,
		      const struct value_model *m, bool ja)
{
	(void)m;
	if (ja)
		put(o, "レジスタ %.0f が %.0f のとき、", d->n[2], d->n[3]);
	put_object(o, d, (uint32_t)d->n[0], ja);
	put(o, ja ? " は " : " is ");
	put_number(o, d->n[1]);
	if (ja)
		put(o, " です");
	else
		put(o, " while register %.0f is %.0f", d->n[2], d->n[3]);
	put(e, ja ? "その状態では " : "in that state it was ");
	put_number(e, d->n[4]);
	put(e, ja ? " から " : " to ");
	put_number(e, d->n[5]);
	put(e, ja ? " でした" : "");
}

void value_words(const struct deviation *d, bool japanese, char *expected, size_t expected_size,
		 char *observed, size_t observed_size)
{
	static void (*const say[])(struct phrase *, struct phrase *, const struct deviation *,
				   const struct value_model *, bool) = {
		[BASELINE_VALUE_OUT_OF_RANGE] = say_out, [BASELINE_VALUE_NEW] = say_out,
		[BASELINE_WRITTEN_VALUE] = say_written,	 [BASELINE_VALUE_JUMP] = say_jump,
		[BASELINE_VALUE_FROZEN] = say_frozen,	 [BASELINE_VALUE_DRIFT] = say_drift,
		[BASELINE_VALUES_APART] = say_apart,	 [BASELINE_VALUE_FOR_STATE] = say_given,
	};
	struct phrase e = {expected, expected_size, 0}, o = {observed, observed_size, 0};
	const struct value_view *view = &d->item->values->view[(uint32_t)d->n[0]];

	say[d->what](&e, &o, d, &view->object->model, japanese);
	put_tally(&e, &d->learned, japanese);
}
