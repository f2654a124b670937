#include "detect/words_vigil.h"

#include "base/utf8.h"
#include "detect/phrase.h"

#include <inttypes.h>

/* end: 0 the client, 1 the server, as the conduit sees them. */
static void add_end(struct phrase *p, const struct words *w, unsigned end)
{
	unsigned as_flow = end ^ w->view->reversed;

	phrase_place(p, w, as_flow ? flow_server(w->flow) : flow_client(w->flow),
		     w->view->place[as_flow]);
}

void words_rate(const struct words *w, const struct policy_conduit *c, enum rate_kind kind,
		struct incident *i)
{
	const struct policy_rate *r = kind == RATE_OPS ? &c->ops : &c->flows;
	const char *what = kind == RATE_OPS ? "操作" : "接続";
	struct phrase see = {i->observed, sizeof(i->observed), 0};
	struct phrase want = {i->expected, sizeof(i->expected), 0};

	add_end(&see, w, 0);
	if (w->lang == FINDING_JA) {
		phrase_add(&see, " から ");
		add_end(&see, w, 1);
		phrase_add(&see, " への%sが %s を超えました", what, r->text);
		phrase_add(&want, "コンジット %s では、クライアントごとの%sは %s までです", c->id,
			   what, r->text);
	} else {
		phrase_add(&see,
			   kind == RATE_OPS ? " sends more ops than %s to "
					    : " opens more flows than %s to ",
			   r->text);
		add_end(&see, w, 1);
		phrase_add(&want, "conduit %s limits each client to %s", c->id, r->text);
	}
	utf8_trim(i->observed);
	utf8_trim(i->expected);
}

static void add_port(struct phrase *p, uint8_t ip_proto, uint16_t port)
{
	if (ip_proto == 6 || ip_proto == 17)
		phrase_add(p, "%s %u", ip_proto == 6 ? "tcp" : "udp", port);
	else if (ip_proto == 1 || ip_proto == 58)
		phrase_add(p, "icmp %u", port >> 8);
	else
		phrase_add(p, "ip %u", ip_proto);
}

static void add_ports(struct phrase *p, const struct sweep *s)
{
	uint32_t i;

	for (i = 0; i < s->nports; i++) {
		phrase_add(p, "%s", i ? ", " : "");
		add_port(p, s->ip_proto[i], s->port[i]);
	}
	phrase_add(p, "%s", s->more_ports ? ", ..." : "");
}

static void add_servers(struct phrase *p, const struct sweep *s)
{
	char text[ADDR_STRLEN];
	uint32_t i;

	for (i = 0; i < s->servers; i++)
		phrase_add(p, "%s%s", i ? ", " : "", addr_str(&s->server[i], text));
	phrase_add(p, "%s", s->tries > s->servers ? ", ..." : "");
}

void words_sweep(const struct words *w, const struct sweep *s, struct incident *i)
{
	struct phrase see = {i->observed, sizeof(i->observed), 0};
	struct phrase want = {i->expected, sizeof(i->expected), 0};
	double seconds = s->duration < 100000000 ? 0.1 : (double)s->duration / 1e9;

	add_end(&see, w, 0);
	if (w->lang == FINDING_JA) {
		phrase_add(&see, " が %.1f 秒以内に、許可されていない", seconds);
		if (s->ports) {
			add_end(&see, w, 1);
			phrase_add(&see, " の %d 個のポートを試みました: ", SWEEP_TRIES);
		} else {
			phrase_add(&see, "サーバー %d 台への接続を試みました: ", SWEEP_TRIES);
			add_servers(&see, s);
			phrase_add(&see, "、ポートは ");
		}
	} else {
		phrase_add(&see, " tried %d %s", SWEEP_TRIES, s->ports ? "ports of " : "servers");
		if (s->ports)
			add_end(&see, w, 1);
		phrase_add(&see, " within %.1f s that it may not %s: ", seconds,
			   s->ports ? "use" : "reach");
		if (!s->ports) {
			add_servers(&see, s);
			phrase_add(&see, "; over ");
		}
	}
	add_ports(&see, s);
	phrase_add(&want,
		   LANG("fewer than %d new denied servers or ports within 60 s",
			"許可されていない新たな接続先は 60 秒間に %d 件未満のはずです"),
		   SWEEP_TRIES);
	utf8_trim(i->observed);
	utf8_trim(i->expected);
}

void words_sweep_end(enum finding_lang lang, struct incident *i)
{
	struct phrase see = {i->observed, sizeof(i->observed), strlen(i->observed)};

	if (i->count - i->elsewhere > SWEEP_TRIES)
		phrase_add(&see,
			   lang == FINDING_JA ? "。試行は合計 %" PRIu64 " 件"
					      : "; %" PRIu64 " tries in all",
			   i->count - i->elsewhere);
	utf8_trim(i->observed);
}
