/* What is said about something that was never seen. */
#include "baseline/channel.h"
#include "baseline/set.h"

#include <inttypes.h>
#include <time.h>

struct said {
	bool ja;
	char client[ADDR_STRLEN], server[ADDR_STRLEN];
	char what[160];	   /* "write-single-register holding 5" */
	char service[64];  /* "tcp port 502 (modbus)" */
	char learned[160]; /* "seen 86400 times from 2026-11-01 to 2026-11-03" */
};

static const char *day(int64_t time, char buf[16])
{
	time_t t = (time_t)(time / INT64_C(1000000000));
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(buf, 16, "%Y-%m-%d", &tm))
		snprintf(buf, 16, "?");
	return buf;
}

static void say_learned(struct said *s, const struct tally *t)
{
	char from[16], to[16];

	if (!t->count)
		return;
	day(t->first, from);
	day(t->last, to);
	if (s->ja)
		snprintf(s->learned, sizeof(s->learned), "(%s から %s までに %" PRIu64 " 回)", from,
			 to, t->count);
	else
		snprintf(s->learned, sizeof(s->learned), " (seen %" PRIu64 " time%s from %s to %s)",
			 t->count, t->count == 1 ? "" : "s", from, to);
}

static void say_op(struct said *s, const struct op *op)
{
	const struct op_object *o = &op->object;
	char object[100];

	if (o->space == OP_SPACE_NONE) {
		snprintf(s->what, sizeof(s->what), "%s", op->name);
		return;
	}
	op_object_str(o, object, sizeof(object));
	if (o->count > 1 && !o->name.len && !o->npath)
		snprintf(s->what, sizeof(s->what), "%s %s %s-%" PRIu64, op->name,
			 op_object_space(o), object, o->first + o->count - 1);
	else
		snprintf(s->what, sizeof(s->what), "%s %s %s", op->name, op_object_space(o),
			 object);
}

static void say_service(struct said *s, const struct deviation *d)
{
	unsigned proto = (unsigned)d->n[0], port = (unsigned)d->n[1];
	const char *app = d->text[0];

	if (proto == 6 || proto == 17)
		snprintf(s->service, sizeof(s->service), "%s %u%s%s%s", proto == 6 ? "TCP" : "UDP",
			 port, app ? " (" : "", app ? app : "", app ? ")" : "");
	else if (proto == 1 || proto == 58)
		snprintf(s->service, sizeof(s->service), "ICMP type %u code %u", port >> 8,
			 port & 255);
	else
		snprintf(s->service, sizeof(s->service), "IP protocol %u", proto);
}

/* Observed and expected; %1$s client, %2$s server, %3$s op, %4$s service, %5$s learned, %6$s
 * text[0], %7$s unit, %8$s " (MAC text[1])". */
static const struct {
	const char *observed, *expected;
} sentence[][2] = {
	[BASELINE_NEW_HOST] = {{"%1$s%8$s speaks or is spoken to",
				"no such host while it was learned"},
			       {"%1$s%8$s が通信しています", "学習中には存在しなかった機器です"}},
	[BASELINE_NEW_MAC] = {{"%1$s comes from the MAC address %6$s",
			       "the MAC address it was learned with%5$s"},
			      {"%1$s の MAC アドレスが %6$s です",
			       "学習した MAC アドレスであること%5$s"}},
	[BASELINE_NEW_GATEWAY] = {{"%1$s, of another segment, comes by the MAC address %6$s",
				   "one of the routers that were learned%5$s"},
				  {"別セグメントの %1$s が MAC アドレス %6$s から届いています",
				   "学習したルーターを経由すること%5$s"}},
	[BASELINE_NEW_EXTERNAL] = {{"%1$s and %2$s speak with each other, one of them outside "
				    "the plant (%4$s)",
				    "no such address outside while it was learned"},
				   {"%1$s と %2$s が通信しています(%4$s)。一方は工場の外です",
				    "学習中には存在しなかった外部アドレスです"}},
	[BASELINE_NEW_RESOLVER] = {{"%1$s asks %2$s for names",
				    "the name servers it was learned with"},
				   {"%1$s が %2$s に名前解決を問い合わせました",
				    "学習した DNS サーバーを使うこと"}},
	[BASELINE_NEW_LINK] = {{"%1$s opened %4$s to %2$s",
				"these two never spoke while it was learned"},
			       {"%1$s が %2$s に %4$s で通信を始めました",
				"学習中には通信のなかった組み合わせです"}},
	[BASELINE_NEW_SERVICE] = {{"%1$s opened %4$s to %2$s",
				   "the services between these two that were learned%5$s"},
				  {"%1$s が %2$s に %4$s で通信を始めました",
				   "この二者の間で学習したサービスであること%5$s"}},
	[BASELINE_NEW_UNIT] = {{"%1$s asked unit %7$s of %2$s: %3$s",
				"the units of this server that were learned"},
			       {"%1$s が %2$s のユニット %7$s に %3$s を要求しました",
				"このサーバーで学習したユニットであること"}},
	[BASELINE_NEW_OP] = {{"%1$s asked %2$s: %3$s",
			      "what this channel did while it was learned%5$s"},
			     {"%1$s が %2$s に %3$s を要求しました",
			      "この通信路で学習した操作であること%5$s"}},
	[BASELINE_NEW_OBJECT] = {{"%1$s asked %2$s: %3$s", "the objects this was learned on%5$s"},
				 {"%1$s が %2$s に %3$s を要求しました",
				  "この操作で学習した対象であること%5$s"}},
	[BASELINE_NEW_WRITER] = {{"%1$s writes to %2$s: %3$s",
				  "while it was learned only %6$s wrote there%5$s"},
				 {"%1$s が %2$s に書き込みました: %3$s",
				  "学習中にここへ書き込んだのは %6$s だけです%5$s"}},
};

/* A format of the table above takes what it needs of these. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put(char *buf, size_t size, const char *format, const struct said *s, const char *text,
		const char *unit, const char *mac)
{
	snprintf(buf, size, format, s->client, s->server, s->what, s->service, s->learned, text,
		 unit, mac);
}
#pragma GCC diagnostic pop

void set_words(const struct deviation *d, bool japanese, char *expected, size_t expected_size,
	       char *observed, size_t observed_size)
{
	const char *text = d->text[0] ? d->text[0] : "";
	struct said s = {.ja = japanese};
	char unit[16] = "", mac[MAC_STRLEN + 8] = "";

	if (d->client)
		addr_str(d->client, s.client);
	if (d->server)
		addr_str(d->server, s.server);
	if (d->text[1])
		snprintf(mac, sizeof(mac), " (MAC %s)", d->text[1]);
	if (d->op) {
		say_op(&s, d->op);
		snprintf(unit, sizeof(unit), "%" PRId32, d->op->unit);
	} else {
		say_service(&s, d);
	}
	say_learned(&s, &d->learned);
	put(observed, observed_size, sentence[d->what][japanese].observed, &s, text, unit, mac);
	put(expected, expected_size, sentence[d->what][japanese].expected, &s, text, unit, mac);
}
