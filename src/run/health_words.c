#include "run/health_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

/* {who} what it is about; {link} what it hangs on; {a}, {b} counts; {t} a span of time; {way} its
 * sign, forward or back. */
static const struct {
	const char *finding;
	const char *text[HEALTH_TEXTS][FINDING_LANGS];
} words[HEALTH_KINDS] = {
	[HEALTH_NO_TRAFFIC] = {"sensor.no-traffic",
			       {{"no packet has come from {who} for {t}",
				 "{who}から {t}の間、パケットが一つも届いていません"},
				{"packets come from {who} again, after {t} without any",
				 "{who}から再びパケットが届いています(途絶えていた時間 {t})"},
				{"packets, as from every connected network",
				 "接続されたネットワークからパケットが届くこと"}}},
	[HEALTH_ONE_DIRECTION] = /* a: segments one-way, b: both ways, t: within */
	{"sensor.one-direction",
	 {{"on {who} conversations are heard in one direction only: of the TCP traffic of the "
	   "last {t}, {a} segments had no answer here and {b} had",
	   "{who}では通信が片方向しか見えていません。直近 {t}の TCP "
	   "通信のうち、応答も見えたのは "
	   "{b} 個、見えなかったのは {a} 個です"},
	  {"on {who} conversations are heard in both directions again",
	   "{who}で再び通信の両方向が見えています"},
	  {"both directions of every conversation", "すべての通信の両方向が見えること"}}},
	[HEALTH_PACKETS_LOST] = /* a: by kidoban's slowness, b: by the interface */
	{"sensor.packets-lost",
	 {{"packets of {who} were lost before kidoban saw them: {a} because it could not keep up, "
	   "{b} in the interface",
	   "{who}のパケットが kidoban に届く前に失われました(処理が追いつかず {a} 個、"
	   "インターフェースで {b} 個)"},
	  {"no packet of {who} has been lost for {t}; in all {a} were lost because kidoban could "
	   "not keep up, {b} in the interface",
	   "{who}のパケットはこの {t}失われていません(合計では、処理が追いつかず {a} 個、"
	   "インターフェースで {b} 個)"},
	  {"every packet is seen", "すべてのパケットを見ること"}}},
	[HEALTH_INTERFACE_DOWN] = {"sensor.interface-down",
				   {{"{who} has no {link}", "{who}の{link}が切れています"},
				    {"{who} has its {link} again, after {t} without",
				     "{who}の{link}が復旧しました(切れていた時間 {t})"},
				    {"a {link} at all times", "{link}が常にあること"}}},
	[HEALTH_CLOCK_STEPPED] = /* a: how often, t: by how much the last time */
	{"sensor.clock-stepped",
	 {{"the clock of this machine was set {way} by {t}", "この機器の時計が {t}{way}ました"},
	  {"the clock of this machine runs steadily again; it was set {a} times, the last time "
	   "{way} by {t}",
	   "この機器の時計は安定しました(設定された回数 {a}、最後は {t}{way}ました)"},
	  {"a clock that runs steadily", "時計が連続して進むこと"}}},
	[HEALTH_OUTPUT_LOST] = /* a: waited on disk, b: lost */
	{"sensor.output-lost",
	 {{"output {who} does not take events as they come; alerts that went to the spool on disk: "
	   "{a}, alerts lost: {b}",
	   "出力 {who} がイベントを受け付けていません。ディスクに退避したアラートは {a} "
	   "件、失われたものは {b} 件です"},
	  {"output {who} takes events again; alerts that went to the spool on disk meanwhile: {a}, "
	   "alerts lost: {b}",
	   "出力 {who} が再びイベントを受け付けています(その間にディスクに退避したアラート {a} "
	   "件、失われたもの {b} 件)"},
	  {"every alert arrives", "すべてのアラートが届くこと"}}},
	[HEALTH_PASSED_UNSEEN] = /* a: how many */
	{"sensor.passed-unseen",
	 {{"the kernel let packets of {who} pass that kidoban did not look at: {a} so far",
	   "{who}の {a} 個のパケットを、カーネルが kidoban の検査なしに通しました"},
	  {"kidoban has looked at every packet of {who} for {t}; passed unseen before: {a}",
	   "{who}のパケットはこの {t}すべて検査されています(検査なしに通ったもの {a} 個)"},
	  {"every packet is looked at before it passes",
	   "すべてのパケットを検査してから通すこと"}}},
	[HEALTH_OVERLOADED] = /* a: how often */
	{"sensor.overloaded",
	 {{"more came from {who} than kidoban can look at, so it was left to the kernel for a "
	   "while: {a} times so far",
	   "{who}からの通信が kidoban "
	   "の処理能力を超えたため、一時的にカーネルに任せました(これまで "
	   "{a} 回)"},
	  {"kidoban has kept up with {who} for {t}; it was left to the kernel {a} times",
	   "{who}の処理はこの {t}追いついています(カーネルに任せた回数 {a} 回)"},
	  {"kidoban looks at every packet in time", "すべてのパケットを遅れずに検査すること"}}},
};

const char *health_finding(enum health_kind kind)
{
	return words[kind].finding;
}

static void span(int64_t ns, enum finding_lang lang, char *buf, size_t size)
{
	int64_t s = (ns < 0 ? -ns : ns) / SECOND;
	bool ja = lang == FINDING_JA;

	if (s < 1)
		snprintf(buf, size, "%d%s", (int)((ns < 0 ? -ns : ns) / (SECOND / 1000)),
			 ja ? " ミリ秒" : " ms");
	else if (s < 120)
		snprintf(buf, size, "%" PRId64 "%s", s, ja ? " 秒" : " s");
	else if (s < 7200)
		snprintf(buf, size, "%" PRId64 "%s", s / 60, ja ? " 分" : " minutes");
	else if (s < 172800)
		snprintf(buf, size, "%" PRId64 "%s", s / 3600, ja ? " 時間" : " hours");
	else
		snprintf(buf, size, "%" PRId64 "%s", s / 86400, ja ? " 日" : " days");
}

static void who(const struct health_facts *f, enum finding_lang lang, char *buf, size_t size)
{
	static const char *const what[][FINDING_LANGS] = {
		[RUN_MIRROR] = {"mirror port ", "ミラーポート "},
		[RUN_BRIDGE] = {"bridge interface ", "ブリッジのインターフェース "},
		[RUN_QUEUE] = {"", ""},
	};

	snprintf(buf, size, "%s%s%s", what[f->source][lang], f->name ? f->name : "",
		 lang == FINDING_JA ? " " : "");
}

/* The text that goes where {word} stands. */
static void fill(const char *word, size_t len, enum health_kind kind, enum finding_lang lang,
		 const struct health_facts *f, char *buf, size_t size)
{
	bool ja = lang == FINDING_JA;

	*buf = '\0';
	if (len == 3 && memcmp(word, "who", 3) == 0) {
		if (kind == HEALTH_OUTPUT_LOST)
			snprintf(buf, size, "%s", f->name);
		else
			who(f, lang, buf, size);
	} else if (len == 4) { /* link */
		if (f->source == RUN_QUEUE)
			snprintf(buf, size, "%s",
				 ja ? "カーネルとの接続" : "connection to the kernel");
		else
			snprintf(buf, size, "%s", ja ? "リンク" : "link");
	} else if (len == 3) /* way */
		snprintf(buf, size, "%s",
			 f->span < 0 ? (ja ? "戻され" : "back") : (ja ? "進められ" : "forward"));
	else if (*word == 't')
		span(f->span, lang, buf, size);
	else
		snprintf(buf, size, "%" PRIu64, *word == 'a' ? f->a : f->b);
}

void health_say(enum health_kind kind, enum health_text text, enum finding_lang lang,
		const struct health_facts *facts, char *buf, size_t size)
{
	const char *from = words[kind].text[text][lang], *end;
	char word[192];
	size_t len = 0;

	buf[0] = '\0';
	for (; *from && len + 1 < size; from = end) {
		size_t n;

		end = from + (*from == '{' ? strcspn(from, "}") + 1 : strcspn(from, "{"));
		n = (size_t)(end - from);
		if (*from == '{') {
			fill(from + 1, n - 2, kind, lang, facts, word, sizeof(word));
			snprintf(buf + len, size - len, "%s", word);
		} else {
			snprintf(buf + len, size - len, "%.*s", (int)n, from);
		}
		len += strlen(buf + len);
	}
}
