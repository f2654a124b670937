/* What is expected of devices whatever conduits allow: trust, tenants, uplink, listed assets. */
#include "detect/phrase.h"

/* The classes of a mask: "read, discover". */
static void add_classes(struct phrase *p, uint16_t classes)
{
	const char *comma = "";
	unsigned i;

	for (i = 0; i < OP_CLASSES; i++) {
		if (!(classes >> i & 1) || i == OP_SESSION)
			continue;
		phrase_add(p, "%s%s", comma, op_class_name((enum op_class)i));
		comma = ", ";
	}
}

/* Of a client that is past its end of life, and trusted as minimal at most. */
static void add_ended(struct phrase *p, const struct words *w, uint16_t classes)
{
	uint32_t asset = w->view->place[words_client(w)].asset;

	phrase_add(p,
		   LANG(" is past its end of life (%s)", " はサポート終了日 (%s) を過ぎており、"),
		   policy_asset_at(w->policy, asset)->end_of_life);
	classes &= policy_tier(w->policy, TRUST_MINIMAL);
	if (classes)
		phrase_add(
			p, "%s",
			LANG(", which permits no more than ", "許可されるのは次の操作だけです: "));
	else
		phrase_add(p, "%s", LANG(", which permits nothing", "何も許可されません"));
	add_classes(p, classes);
}

void words_trust(struct phrase *p, const struct words *w)
{
	int client = words_client(w);
	struct policy_place place = w->view->place[client];
	enum policy_trust trust = policy_trust_of(w->policy, place);
	uint16_t classes = policy_tier(w->policy, trust);
	const char *name = policy_trust_name(trust);

	words_end(p, w, client, false);
	if (policy_is_ended(w->policy, place, w->time)) {
		add_ended(p, w, classes);
		return;
	}
	if (!classes) {
		phrase_add(p,
			   LANG(" has trust %s, which permits nothing",
				" の信頼区分 %s では何も許可されません"),
			   name);
		return;
	}
	phrase_add(p,
		   LANG(" has trust %s, which permits no more than ",
			" の信頼区分 %s で許可されるのは次の操作だけです: "),
		   name);
	add_classes(p, classes);
}

void words_uplink(struct phrase *p, const struct words *w)
{
	int client = words_client(w);
	const struct policy_zone *to = policy_zone_at(w->policy, w->view->place[!client].zone);
	const struct policy_zone *from = policy_zone_at(w->policy, w->view->place[client].zone);

	if (to && to->uplink_only)
		phrase_add(
			p,
			LANG("devices of zone %s only report; nobody opens conversations with "
			     "them",
			     "ゾーン %s の機器は送信専用で、外から通信を開始することはできません"),
			to->id);
	else
		phrase_add(
			p,
			LANG("devices of zone %s only report: write, alarm",
			     "ゾーン %s の機器は送信専用で、許可されるのは write, alarm だけです"),
			from ? from->id : "?");
}

void words_ended(struct phrase *p, const struct words *w)
{
	phrase_add(p,
		   LANG("it is replaced before its end of life (%s)",
			"サポート終了日 (%s) までに更新されているはずです"),
		   policy_asset_at(w->policy, w->place.asset)->end_of_life);
}

static void add_tenants(struct phrase *p, const struct words *w, struct policy_place place)
{
	uint64_t tenants = policy_tenants_of(w->policy, place);
	const char *comma = "", *name;
	unsigned i;

	for (i = 0; (name = policy_tenant(w->policy, i)); i++)
		if (tenants >> i & 1) {
			phrase_add(p, "%s%s", comma, name);
			comma = ", ";
		}
}

void words_tenant(struct phrase *p, const struct words *w)
{
	int client = words_client(w);

	phrase_add(p, "%s", LANG("tenant ", "テナント "));
	add_tenants(p, w, w->view->place[client]);
	phrase_add(p, "%s", LANG(" is kept apart from tenant ", " はテナント "));
	add_tenants(p, w, w->view->place[!client]);
	phrase_add(p, "%s", LANG("", " から分離されているはずです"));
}

/* The end whose zone does not hold its conduits open for it. */
static int barred_end(const struct words *w)
{
	int client = words_client(w);

	return w->view->place[client].barred ? client : !client;
}

void words_country(struct phrase *p, const struct words *w)
{
	int end = barred_end(w);
	const struct policy_zone *z = policy_zone_at(w->policy, w->view->place[end].zone);
	char where[192];

	policy_whereabouts(w->policy, end ? flow_server(w->flow) : flow_client(w->flow), where,
			   sizeof(where));
	phrase_add(p,
		   LANG("conduits of zone %s hold for its countries and networks only; ",
			"ゾーン %s のコンジットは登録された国とネットワークに限られます。"),
		   z ? z->id : "?");
	words_end(p, w, end, false);
	if (*where)
		phrase_add(p, LANG(" is in %s", " の所在は %s です"), where);
	else
		phrase_add(p, "%s", LANG(" is in none that is known", " の所在は不明です"));
}

void words_unlisted(struct phrase *p, const struct words *w)
{
	int end = barred_end(w);
	const struct policy_zone *z = policy_zone_at(w->policy, w->view->place[end].zone);

	phrase_add(p,
		   LANG("conduits of zone %s hold for its listed assets only, not for ",
			"ゾーン %s のコンジットは登録済みの資産に限られます。未登録の機器: "),
		   z ? z->id : "?");
	words_end(p, w, end, false);
}
