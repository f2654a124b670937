#include "detect/words_watch.h"

#include "base/utf8.h"
#include "detect/phrase.h"

#include <math.h>

#define SECOND	      INT64_C(1000000000)
#define VALUES_SHOWN  4
#define VALUES_LENGTH 64

/* One pair of ends, and what is said of it. */
struct about {
	struct words words; /* its op is the one at hand, or the sample of the entry */
	const struct policy_watch *watch;
	const struct policy_watch_pair *pair;
	const struct watch_notice *notice;
};

/* "500 ms", "1.5 s", "12 s", "10 min", "4 h", "2 days" */
static void add_time(struct phrase *p, const struct words *w, int64_t ns)
{
	static const struct {
		int64_t ns, from; /* from: shown in this unit */
		const char *en, *ja;
	} units[] = {
		{86400 * SECOND, 2 * 86400 * SECOND, "days", "日"},
		{3600 * SECOND, 2 * 3600 * SECOND, "h", "時間"},
		{60 * SECOND, 120 * SECOND, "min", "分"},
		{SECOND, SECOND, "s", "秒"},
		{SECOND / 1000, 0, "ms", "ミリ秒"},
	};
	unsigned i = 0;
	double n;

	while (ns < units[i].from)
		i++;
	n = (double)ns / (double)units[i].ns;
	/* tenths, where they tell something */
	n = n < 10 ? round(n * 10) / 10 : round(n);
	phrase_add(p, "%.15g %s", n, LANG(units[i].en, units[i].ja));
}

static void add_end(struct phrase *p, const struct about *a, unsigned end)
{
	const struct words *w = &a->words;
	struct policy_place place = a->pair->end[end];
	const struct policy_asset *asset = policy_asset_at(w->policy, place.asset);

	if (asset && a->notice->seen->frame)
		phrase_place(p, w, &a->notice->seen->addr[end], place);
	else if (asset && asset->has_address)
		phrase_place(p, w, &asset->address, place);
	else if (asset)
		phrase_add(p, "%s", asset->id);
	else
		phrase_add(p, LANG("zone %s", "ゾーン %s"),
			   policy_zone_at(w->policy, place.zone)->id);
}

/* What is meant, and where: "input register 0 (30001) of plc-1 (10.50.0.11), unit 1". */
static void add_meant(struct phrase *p, const struct about *a)
{
	const struct words *w = &a->words;

	if (w->lang == FINDING_JA) {
		add_end(p, a, 1);
		phrase_unit(p, w);
		phrase_add(p, " の");
	}
	phrase_object(p, w, w->op->object.first, w->op->object.count);
	if (w->lang == FINDING_JA)
		return;
	phrase_add(p, " of ");
	add_end(p, a, 1);
	phrase_unit(p, w);
}

/* An entry that means several kinds of ops is told as it is written. */
static void silent_as_written(struct phrase *p, const struct about *a)
{
	const struct words *w = &a->words;

	add_end(p, a, 0);
	phrase_add(p, "%s", LANG(" has not used ", " から "));
	add_end(p, a, 1);
	phrase_add(p, LANG(" as meant (%s) for ", " への想定された操作 (%s) が "), a->watch->meant);
	add_time(p, w, a->notice->duration);
	phrase_add(p, "%s", LANG("", "間ありません"));
}

static void silent(struct phrase *p, const struct about *a)
{
	const struct words *w = &a->words;
	bool read = w->op->cls == OP_READ, answers = a->notice->answers;

	if (!a->watch->sample.proto) {
		silent_as_written(p, a);
	} else if (w->lang == FINDING_JA) {
		add_end(p, a, 0);
		phrase_add(p, " による ");
		add_meant(p, a);
		phrase_add(p, read ? " の読み出し" : " への書き込み");
		phrase_add(p, answers ? "に、応答が " : "が ");
		add_time(p, w, a->notice->duration);
		phrase_add(p, "間ありません");
	} else {
		add_end(p, a, 0);
		phrase_add(p, answers ? " got no answer when it %s " : " has not %s ",
			   read	     ? "read"
			   : answers ? "wrote"
				     : "written");
		add_meant(p, a);
		phrase_add(p, w->op->unit < 0 ? " for " : ", for ");
		add_time(p, w, a->notice->duration);
	}
	if (!a->notice->seen->frame)
		phrase_add(p, "%s",
			   LANG(", not once since listening began",
				"(監視開始以降、一度も観測されていません)"));
}

static void strayed(struct phrase *p, const struct about *a)
{
	const struct words *w = &a->words;
	const struct watch_notice *n = a->notice;
	uint64_t first = w->op->object.first;

	add_end(p, a, 1);
	phrase_unit(p, w);
	phrase_add(p, "%s", LANG(", ", " の"));
	if (!w->op->object.name.len)
		first += n->element < w->op->object.count ? n->element : 0;
	phrase_object(p, w, first, 1);
	if (isnan(n->value))
		phrase_add(p, "%s", LANG(": not a number", ": 数値ではありません"));
	else
		phrase_add(p, ": %.15g", n->value);
}

/* The values of the addresses that are meant: "212", "0,0,1,0,...". */
static void add_values(struct phrase *p, const struct watch_notice *n)
{
	const struct op_values *v = &n->op->values;
	char text[VALUES_LENGTH];
	struct op_number x;
	uint64_t i;

	if (v->count < n->element + n->elements || !op_number_at(v, (uint32_t)n->element, &x)) {
		op_values_str(v, VALUES_SHOWN, text, sizeof(text));
		utf8_trim(text);
		phrase_add(p, "%s", text);
		return;
	}
	for (i = 0; i < n->elements && i < VALUES_SHOWN; i++)
		if (op_number_at(v, (uint32_t)(n->element + i), &x))
			phrase_add(p, "%s%.15g", i ? "," : "", x.hi);
	phrase_add(p, "%s", n->elements > VALUES_SHOWN ? ",..." : "");
}

static void frozen(struct phrase *p, const struct about *a)
{
	const struct words *w = &a->words;
	const struct watch_notice *n = a->notice;
	const struct op_object *o = &w->op->object;

	add_end(p, a, 1);
	phrase_unit(p, w);
	phrase_add(p, "%s", LANG(", ", " の"));
	phrase_object(p, w, o->name.len ? o->first : o->first + n->element,
		      o->count ? (uint32_t)n->elements : 0);
	phrase_add(p, "%s", LANG(": the same (", " の値 ("));
	add_values(p, n);
	phrase_add(p, "%s", LANG(") for ", ") が "));
	add_time(p, w, n->duration);
	phrase_add(p, "%s", LANG("", "間変化していません"));
}

static void expected(struct phrase *p, const struct about *a)
{
	const struct words *w = &a->words;

	phrase_add(p, LANG("watch %s: ", "監視項目 %s: "), a->watch->id);
	switch (a->notice->what) {
	case WATCH_SILENT:
		phrase_add(p, "%s", LANG("every ", ""));
		add_time(p, w, a->watch->every);
		phrase_add(p, "%s", LANG("", "ごとに行われるはずです"));
		break;
	case WATCH_RANGE:
		phrase_add(p, LANG("range %s", "範囲は %s です"), a->watch->range);
		break;
	case WATCH_FROZEN:
		phrase_add(p, "%s", LANG("values change within ", ""));
		add_time(p, w, a->watch->changes);
		phrase_add(p, "%s", LANG("", "以内に値が変化するはずです"));
		break;
	}
}

void words_watch(const struct policy *p, enum finding_lang lang, const struct watch_notice *n,
		 struct incident *i)
{
	static void (*const observed[])(struct phrase *, const struct about *) = {
		[WATCH_SILENT] = silent,
		[WATCH_RANGE] = strayed,
		[WATCH_FROZEN] = frozen,
	};
	const struct policy_watch_pair *pair = policy_watch_pair_at(p, n->pair);
	const struct policy_watch *w = policy_watch_at(p, pair->watch);
	struct about a = {
		.words = {.policy = p, .lang = lang, .op = n->op ? n->op : &w->sample},
		.watch = w,
		.pair = pair,
		.notice = n,
	};
	struct phrase see = {i->observed, sizeof(i->observed), 0};
	struct phrase want = {i->expected, sizeof(i->expected), 0};

	observed[n->what](&see, &a);
	expected(&want, &a);
	utf8_trim(i->observed);
	utf8_trim(i->expected);
}
