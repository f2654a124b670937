#include "detect/words.h"

#include "detect/phrase.h"

#include "base/utf8.h"
#include "detect/phrase.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define VALUES_SHOWN 8
#define add	     phrase_add
/* What objects are called by people who have them in front of them. */
static const struct {
	const char *en, *many, *ja;
} space_words[OP_SPACES] = {
	[OP_SPACE_NONE] = {"", "", ""},
	[OP_SPACE_COIL] = {"coil", "coils", "コイル"},
	[OP_SPACE_DISCRETE_INPUT] = {"discrete input", "discrete inputs", "入力接点"},
	[OP_SPACE_HOLDING] = {"holding register", "holding registers", "保持レジスタ"},
	[OP_SPACE_INPUT] = {"input register", "input registers", "入力レジスタ"},
	[OP_SPACE_FILE_RECORD] = {"file record", "file records", "ファイルレコード"},
	[OP_SPACE_FIFO] = {"FIFO queue", "FIFO queues", "FIFO キュー"},
	[OP_SPACE_DIAGNOSTIC] = {"diagnostic", "diagnostics", "診断機能"},
	[OP_SPACE_DEVICE_ID] = {"device identification", "device identification", "機器識別情報"},
	[OP_SPACE_OBJECT] = {"object", "objects", "オブジェクト"},
	[OP_SPACE_TAG] = {"tag", "tags", "タグ"},
	[OP_SPACE_IO] = {"I/O connection", "I/O connections", "I/O コネクション"},
	[OP_SPACE_DATA_FILE] = {"data file", "data files", "データファイル"},
	[OP_SPACE_TOPIC] = {"topic", "topics", "トピック"},
};

static const struct {
	const char *en, *ja;
} path_words[3] = {
	{"class", "クラス"}, {"instance", "インスタンス"}, {"attribute", "アトリビュート"}};

/* How a command of each class is called; read and write have sentences of their own. */
static const struct {
	const char *en, *ja;
} class_words[OP_CLASSES] = {
	[OP_READ] = {"a read command", "読み出し要求"},
	[OP_WRITE] = {"a write command", "書き込み要求"},
	[OP_CONTROL] = {"a control command", "制御コマンド"},
	[OP_PROGRAM] = {"a program command", "プログラム転送コマンド"},
	[OP_FIRMWARE] = {"a firmware command", "ファームウェア更新コマンド"},
	[OP_CONFIG] = {"a configuration command", "設定コマンド"},
	[OP_FILE] = {"a file command", "ファイル操作コマンド"},
	[OP_DIAGNOSE] = {"a diagnostic command", "診断コマンド"},
	[OP_DISCOVER] = {"an identity request", "識別要求"},
	[OP_SESSION] = {"a session message", "接続管理メッセージ"},
	[OP_ALARM] = {"an alarm message", "アラームメッセージ"},
};

static const char *zone_id(const struct words *w, uint32_t zone)
{
	if (!w->policy || zone == POLICY_NONE)
		return NULL;
	return policy_zone_at(w->policy, zone)->id;
}

static const char *asset_id(const struct words *w, uint32_t asset)
{
	if (!w->policy || asset == POLICY_NONE)
		return NULL;
	return policy_asset_at(w->policy, asset)->id;
}

/* "hmi-1 (10.40.0.5)", "10.40.0.5", with the zone "hmi-1 (10.40.0.5, control-info)", of an address
 * that stands for several hosts "router (10.40.0.1, NAT)". */
static void add_place(struct phrase *p, const struct words *w, const struct addr *a,
		      struct policy_place place, bool with_zone)
{
	const char *asset = asset_id(w, place.asset);
	const char *zone = with_zone ? zone_id(w, place.zone) : NULL;
	char text[ADDR_STRLEN];

	addr_str(a, text);
	if (asset)
		add(p, "%s (%s%s%s%s)", asset, text, zone ? ", " : "", zone ? zone : "",
		    policy_asset_at(w->policy, place.asset)->nat ? ", NAT" : "");
	else if (zone)
		add(p, "%s (%s)", text, zone);
	else
		add(p, "%s", text);
}

/* end: 0 the client, 1 the server. */
static void add_end(struct phrase *p, const struct words *w, int end, bool with_zone)
{
	static const struct policy_place nowhere = {.zone = POLICY_NONE, .asset = POLICY_NONE};
	const struct addr *a;

	if (w->frame) {
		phrase_station(p, w, end, with_zone);
		return;
	}
	a = end ? flow_server(w->flow) : flow_client(w->flow);
	add_place(p, w, a, w->policy && w->view->opened ? w->view->place[end] : nowhere, with_zone);
}

void words_end(struct phrase *p, const struct words *w, int end, bool with_zone)
{
	add_end(p, w, end, with_zone);
}

/* 40017 for holding register 16: the table's digit and the number from 1, as on many screens. */
static void add_notation(struct phrase *p, const struct op *op, uint64_t first, uint64_t last)
{
	const struct vocab *v = vocab_find(op->proto);
	const struct vocab_key *k;
	int width = last < 9999 ? 4 : 5;

	for (k = v ? v->keys : NULL; k && k->name; k++) {
		if (k->kind != VOCAB_SPACE || k->arg != op->object.space || k->prefix == 0xff)
			continue;
		add(p, " (%u%0*" PRIu64, k->prefix, width, first + 1);
		if (last != first)
			add(p, "-%u%0*" PRIu64, k->prefix, width, last + 1);
		add(p, ")");
		return;
	}
}

static bool is_numeric(const struct op_object *o)
{
	return o->name.len == 0 && o->space != OP_SPACE_NONE && o->space != OP_SPACE_OBJECT;
}

/* "holding registers 100-119 (40101-40120)", "tag Speed[3]", "class 4 instance 100". */
static void add_object(struct phrase *p, const struct words *w, uint64_t first, uint32_t count)
{
	const struct op_object *o = &w->op->object;
	uint64_t last = first + (count > 1 ? count - 1 : 0);
	char text[INCIDENT_OBJECT];
	unsigned i;

	if (o->space == OP_SPACE_OBJECT) {
		for (i = 0; i < o->npath && i < 3; i++)
			add(p, "%s%s %u", i ? " " : "", LANG(path_words[i].en, path_words[i].ja),
			    o->path[i]);
		return;
	}
	add(p, "%s ",
	    LANG(last > first ? space_words[o->space].many : space_words[o->space].en,
		 space_words[o->space].ja));
	if (!is_numeric(o)) {
		op_object_str(o, text, sizeof(text));
		add(p, "%s", text);
		return;
	}
	for (i = 0; i < o->npath; i++)
		add(p, "%u/", o->path[i]);
	add(p, "%" PRIu64, first);
	if (last > first)
		add(p, "-%" PRIu64, last);
	add_notation(p, w->op, first, last);
}

static void add_unit(struct phrase *p, const struct words *w)
{
	const char *name = vocab_unit_name(w->op->proto);

	if (w->op->unit < 0)
		return;
	if (w->lang == FINDING_JA)
		add(p, " %s %d", strcmp(name, "slot") == 0 ? "スロット" : "ユニット", w->op->unit);
	else
		add(p, ", %s %d", name, w->op->unit);
}

/* The name of the code; for MQTT and its like who acts, too. */
static void add_name(struct phrase *p, const struct words *w)
{
	const struct op_object actor = {.name = w->op->actor};
	char text[64];

	add(p, " (%s", w->op->name);
	if (w->op->actor.len) {
		op_object_str(&actor, text, sizeof(text));
		add(p, LANG(", client %s", "、クライアント %s"), text);
	}
	add(p, ")");
}

/* What an op did: who, which values, to which objects [first, first + count), of whom. */
struct deed {
	const char *values; /* "" when there are none */
	uint64_t first;
	uint32_t count;
};

/* Data that the server sends by itself, to whoever asked for it once. */
static bool is_delivery(const struct op *op)
{
	return op->role == OP_PUBLISH && op->from_server;
}

/* Who acted: of a response that stands for its request, the one who must have asked. */
static bool by_server(const struct op *op)
{
	return op->from_server && op->role != OP_RESPONSE;
}

static void add_deed_en(struct phrase *p, const struct words *w, const struct deed *d)
{
	const struct op *op = w->op;
	const char *to = "to ";

	if (op->object.space == OP_SPACE_NONE || (op->cls != OP_READ && op->cls != OP_WRITE)) {
		add(p, " sent %s ", class_words[op->cls].en);
		if (op->object.space != OP_SPACE_NONE) {
			add(p, "for ");
			add_object(p, w, d->first, d->count);
			add(p, " ");
		}
	} else {
		if (is_delivery(op))
			add(p, *d->values ? " delivered %s of " : " delivered ", d->values);
		else if (op->cls == OP_READ)
			add(p, " read ");
		else
			add(p, *d->values ? " wrote %s to " : " wrote to ", d->values);
		add_object(p, w, d->first, d->count);
		add(p, " ");
		to = is_delivery(op) ? "to " : "of ";
	}
	add(p, "%s", to);
	add_end(p, w, !by_server(op), false);
	add_unit(p, w);
	add_name(p, w);
}

static void add_deed_ja(struct phrase *p, const struct words *w, const struct deed *d)
{
	const struct op *op = w->op;

	add(p, " が ");
	add_end(p, w, !by_server(op), false);
	add_unit(p, w);
	if (op->object.space == OP_SPACE_NONE || (op->cls != OP_READ && op->cls != OP_WRITE)) {
		add(p, " に%sを送りました", class_words[op->cls].ja);
		add_name(p, w);
		if (op->object.space != OP_SPACE_NONE) {
			add(p, "、対象は");
			add_object(p, w, d->first, d->count);
		}
		return;
	}
	add(p, is_delivery(op) ? " に" : " の");
	add_object(p, w, d->first, d->count);
	if (is_delivery(op))
		add(p, *d->values ? " の値 %s を配信しました" : " を配信しました", d->values);
	else if (op->cls == OP_READ)
		add(p, " を読み出しました");
	else
		add(p, *d->values ? " に %s を書き込みました" : " に書き込みました", d->values);
	add_name(p, w);
}

static void add_deed(struct phrase *p, const struct words *w, const char *values, uint64_t first,
		     uint32_t count)
{
	const struct deed d = {values, first, count};

	add_end(p, w, by_server(w->op), false);
	if (w->lang == FINDING_JA)
		add_deed_ja(p, w, &d);
	else
		add_deed_en(p, w, &d);
	if (w->op->role == OP_RESPONSE)
		add(p, LANG("; the device confirmed it, the request was not seen",
			    "(機器の応答で確認。要求は観測されていません)"));
}

static void observed_op(struct phrase *p, const struct words *w)
{
	const struct op *op = w->op;
	char text[INCIDENT_VALUES], values[INCIDENT_VALUES + 16];

	op_values_str(&op->values, VALUES_SHOWN, text, sizeof(text));
	if (op->values.type == OP_V_TEXT)
		snprintf(values, sizeof(values), "\"%s\"", text);
	else if (op->values.type == OP_V_RAW && *text)
		snprintf(values, sizeof(values), LANG("bytes %s", "バイト列 %s"), text);
	else
		snprintf(values, sizeof(values), "%s", text);
	add_deed(p, w, values, op->object.first, op->object.count);
}

/* The very value, at the very address. */
static void observed_value(struct phrase *p, const struct words *w)
{
	const struct op *op = w->op;
	uint64_t first = op->object.first;
	char value[32];

	if (isnan(w->d->value)) {
		observed_op(p, w);
		return;
	}
	snprintf(value, sizeof(value), "%.15g", w->d->value);
	if (is_numeric(&op->object))
		first += w->d->value_index;
	add_deed(p, w, value, first, 1);
	if (op->values.count > 1)
		add(p, LANG(", value %u of %u", "、%2$u 個中 %1$u 番目の値"), w->d->value_index + 1,
		    op->values.count);
}

static void observed_object(struct phrase *p, const struct words *w)
{
	observed_op(p, w);
	if (is_numeric(&w->op->object) && w->op->object.count > 1)
		add(p, LANG(", first outside: %" PRIu64, "、範囲外の最初のアドレスは %" PRIu64),
		    w->d->object);
}

/* The name of a service: "tcp port 502". */
static void add_service(struct phrase *p, const struct words *w)
{
	const struct flow *f = w->flow;

	switch (f->ip_proto) {
	case 6:
	case 17:
		add(p, LANG("%s port %u", "%s ポート %u"), f->ip_proto == 6 ? "tcp" : "udp",
		    words_client(w) ? flow_client_port(f) : flow_server_port(f));
		break;
	case 1:
	case 58:
		add(p, LANG("icmp type %u", "icmp タイプ %u"), flow_client_port(f) >> 8);
		break;
	default:
		add(p, LANG("IP protocol %u", "IP プロトコル %u"), f->ip_proto);
	}
}

static void observed_flow(struct phrase *p, const struct words *w)
{
	if (w->frame) {
		words_frame(p, w);
		return;
	}
	add_end(p, w, words_client(w), true);
	if (w->lang == FINDING_JA) {
		add(p, " が ");
		add_end(p, w, !words_client(w), true);
		add(p, " の ");
		add_service(p, w);
		add(p, w->running ? " との通信を続けました" : " に通信しました");
		return;
	}
	add(p, w->running ? " went on talking to " : " talked to ");
	add_end(p, w, !words_client(w), true);
	add(p, ", ");
	add_service(p, w);
}

static void observed_protocol(struct phrase *p, const struct words *w)
{
	const char *app = w->op ? w->op->proto : w->flow->app;

	observed_flow(p, w);
	if (app)
		add(p, LANG(", in %s", "(プロトコル %s)"), app);
	else
		add(p, LANG(", in an unknown protocol", "(不明なプロトコル)"));
}

static void observed_device(struct phrase *p, const struct words *w)
{
	char mac[MAC_STRLEN];

	if (w->frame)
		phrase_station(p, w, 0, false);
	else
		add_place(p, w, &w->device, w->place, false);
	if (w->has_mac)
		add(p, LANG(", MAC %s,", " (MAC %s)"), mac_str(&w->mac, mac));
	add(p, LANG(" speaks in zone %s", " がゾーン %s で通信しました"),
	    zone_id(w, w->place.zone));
}

static void observed_mac(struct phrase *p, const struct words *w)
{
	char mac[MAC_STRLEN];

	add_place(p, w, &w->device, w->place, false);
	add(p, LANG(" speaks from MAC %s", " が MAC %s から通信しました"), mac_str(&w->mac, mac));
}

static void observed_anomaly(struct phrase *p, const struct words *w)
{
	static const struct policy_place nowhere = {.zone = POLICY_NONE, .asset = POLICY_NONE};
	const struct anomaly *a = w->anomaly;
	struct policy_place from = nowhere, to = nowhere;

	if (w->has_addr) {
		if (w->policy) {
			from = policy_place(w->policy, &w->addr[0], NULL);
			to = policy_place(w->policy, &w->addr[1], NULL);
		}
		add_place(p, w, &w->addr[0], from, false);
		add(p, " > ");
		add_place(p, w, &w->addr[1], to, false);
		add(p, ", ");
	}
	add(p, "%s: %s", a->proto, a->reason);
	if (a->value)
		add(p,
		    a->kind == ANOMALY_RESERVED || a->value > UINT16_MAX
			    ? LANG(", value %u (0x%x)", "、値 %u (0x%x)")
			    : LANG(", value %u", "、値 %u"),
		    a->value, a->value);
	if (a->offset)
		add(p, LANG(", at byte %u", "、%u バイト目"), a->offset);
}

static void observed_illegal(struct phrase *p, const struct words *w)
{
	const struct op *op = w->op;

	add_end(p, w, 1, false);
	add_unit(p, w);
	if (w->lang == FINDING_JA) {
		add(p, " が ");
		add_end(p, w, 0, false);
		add(p, " の要求 %s (コード %u) に %s と応答しました", op->name, op->code,
		    op->error);
		return;
	}
	add(p, " answered %s to %s (code %u) of ", op->error, op->name, op->code);
	add_end(p, w, 0, false);
}

static void observed_storm(struct phrase *p, const struct words *w)
{
	const char *error = w->op->error ? w->op->error : "error";

	add_end(p, w, 1, false);
	add(p,
	    LANG(" answered %1$u requests with errors within %2$.1f s, the last one %3$s to %4$s "
		 "of ",
		 " が %2$.1f 秒間に %1$u 件の要求にエラーを返しました(最後は %4$s への "
		 "%3$s、要求元 "),
	    w->number, (double)w->duration / 1e9, error, w->op->name);
	add_end(p, w, 0, false);
	add(p, "%s", LANG("", ")"));
}

static void observed_limit(struct phrase *p, const struct words *w)
{
	if (w->devices)
		add(p, "%s",
		    LANG("devices tell more about themselves than is kept",
			 "機器の自己申告情報が保持できる量を超えました"));
	else if (w->number)
		add(p,
		    LANG("more than %u incidents are open at once",
			 "同時に %u 件を超える事象があります"),
		    w->number);
	else
		add(p, "%s",
		    LANG("more flows at once than the flow table holds; one was given up",
			 "フロー表に収まらない数のフローがあり、一部の追跡を中止しました"));
}

static void expected_conduit(struct phrase *p, const struct words *w)
{
	const struct policy_conduit *c = words_conduit(w);

	if (c)
		add(p, LANG("conduit %s permits %s", "コンジット %s が許可するのは %s"), c->id,
		    w->d && *w->d->expected ? w->d->expected : c->permits);
	else
		add(p, "%s",
		    LANG("no conduit between the two permits this",
			 "両者をつなぐどのコンジットもこれを許可していません"));
}

/* An end as conduits name it, with its zone: another asset of the zone may have a conduit. */
static void add_name_of(struct phrase *p, const struct words *w, int end, const char *zone)
{
	const char *asset = asset_id(w, w->view->place[end].asset);
	char text[ADDR_STRLEN];

	if (!asset && w->frame)
		mac_str(end ? &w->frame->dst_mac : &w->frame->src_mac, text);
	else if (!asset)
		addr_str(end ? flow_server(w->flow) : flow_client(w->flow), text);
	add(p, "%s (%s)", asset ? asset : text, zone);
}

static void expected_zones(struct phrase *p, const struct words *w)
{
	const char *from = zone_id(w, w->view->place[0].zone);
	const char *to = zone_id(w, w->view->place[1].zone);

	if (!from || !to) {
		add(p,
		    LANG("every address is in a zone; %s is in none",
			 "すべてのアドレスがいずれかのゾーンに属するはずですが、%s "
			 "は属していません"),
		    !from ? LANG("the client", "クライアント") : LANG("the server", "サーバー"));
		return;
	}
	add(p, "%s", LANG("no conduit leads from ", ""));
	add_name_of(p, w, 0, from);
	add(p, "%s", LANG(" to ", " から "));
	add_name_of(p, w, 1, to);
	add(p, "%s", LANG("", " へのコンジットはありません"));
}

static void expected_layers(struct phrase *p, const struct words *w)
{
	expected_zones(p, w);
	add(p, "%s",
	    LANG(", and a layer of the factory lies between them",
		 "。両者の間には別の階層があります"));
}

static void expected_listed(struct phrase *p, const struct words *w)
{
	add(p,
	    LANG("every device in zone %s is a listed asset",
		 "ゾーン %s の機器はすべて資産一覧に登録されているはずです"),
	    zone_id(w, w->place.zone));
}

static void expected_mac(struct phrase *p, const struct words *w)
{
	char mac[MAC_STRLEN];

	add(p, LANG("it is listed with MAC %s", "登録されている MAC は %s です"),
	    mac_str(&policy_asset_at(w->policy, w->place.asset)->mac, mac));
}

static void expected_function(struct phrase *p, const struct words *w)
{
	add(p, "%s",
	    LANG("a client asks only for functions the device has",
		 "クライアントは機器が対応する機能だけを要求するはずです"));
}

static void expected_calm(struct phrase *p, const struct words *w)
{
	add(p, "%s",
	    LANG("fewer than 20 errors in 10 s", "エラーは 10 秒間に 20 件未満のはずです"));
}

static void expected_room(struct phrase *p, const struct words *w)
{
	add(p, "%s", LANG("all of them fit into the table", "すべて表に収まるはずです"));
}

static void expected_decode(struct phrase *p, const struct words *w)
{
	static const struct {
		const char *en, *ja;
	} text[ANOMALY_KINDS] = {
		[ANOMALY_MALFORMED] = {"a message as the standard describes it",
				       "規格どおりのメッセージのはずです"},
		[ANOMALY_UNSOLICITED] = {"a request before each response",
					 "応答の前には要求があるはずです"},
		[ANOMALY_RESERVED] = {"codes the standard assigns",
				      "規格で割り当てられたコードのはずです"},
		[ANOMALY_UNDECODABLE] = {"the beginning of the conversation was seen",
					 "通信の開始時点から見えているはずです"},
		[ANOMALY_LIMIT] = {"messages within the decoder's limits",
				   "解析の上限に収まるはずです"},
		[ANOMALY_STREAM_CONFLICT] = {"repeated segments repeat the same bytes",
					     "再送されたセグメントの内容は同じはずです"},
		[ANOMALY_STREAM_GAP] = {"every byte of the connection is seen",
					"接続の全バイトが見えているはずです"},
		[ANOMALY_PACKET_TRUNCATED] = {"as many bytes as the header says",
					      "ヘッダーが示す長さのデータがあるはずです"},
		[ANOMALY_PACKET_MALFORMED] = {"a header as the standard describes it",
					      "規格どおりのヘッダーのはずです"},
		[ANOMALY_FRAGMENT_OVERLAP] = {"fragments do not overlap",
					      "フラグメントは重ならないはずです"},
		[ANOMALY_FRAGMENT_TINY] = {"the first fragment holds the transport header",
					   "先頭のフラグメントにヘッダー全体が入るはずです"},
		[ANOMALY_TUNNEL_DEPTH] = {"a few tunnels at most", "トンネルは数段までのはずです"},
		[ANOMALY_CHECKSUM] = {"a right checksum", "チェックサムは正しいはずです"},
	};
	unsigned kind = w->anomaly->kind;

	if (kind == ANOMALY_UNDECODABLE && strcmp(w->anomaly->proto, "link") == 0)
		add(p, "%s",
		    LANG("a kind of network that kidoban reads",
			 "木戸番が対応する種類のネットワークのはずです"));
	else
		add(p, "%s", LANG(text[kind].en, text[kind].ja));
}

typedef void say_fn(struct phrase *p, const struct words *w);

static const struct {
	say_fn *observed, *expected;
} sentences[JUDGE_DECODE + 1] = {
	[JUDGE_NO_CONDUIT] = {observed_flow, expected_zones},
	[JUDGE_LAYER_SKIPPED] = {observed_flow, expected_layers},
	[JUDGE_PORT_DENIED] = {observed_flow, expected_conduit},
	[JUDGE_OP_DENIED] = {observed_op, expected_conduit},
	[JUDGE_OBJECT] = {observed_object, expected_conduit},
	[JUDGE_VALUE] = {observed_value, expected_conduit},
	[JUDGE_GRANT] = {observed_flow, words_closed},
	[JUDGE_SCHEDULE] = {observed_flow, words_closed},
	[JUDGE_MODE] = {observed_flow, words_closed},
	[JUDGE_EXPIRED] = {observed_flow, words_closed},
	[JUDGE_UPDATE] = {observed_op, words_update},
	[JUDGE_ETHERTYPE] = {observed_flow, expected_conduit},
	[JUDGE_TRUST] = {observed_flow, words_trust},
	[JUDGE_UPLINK] = {observed_flow, words_uplink},
	[JUDGE_TENANT] = {observed_flow, words_tenant},
	[JUDGE_COUNTRY] = {observed_flow, words_country},
	[JUDGE_UNLISTED] = {observed_flow, words_unlisted},
	[JUDGE_UNKNOWN_DEVICE] = {observed_device, expected_listed},
	[JUDGE_MAC_CHANGED] = {observed_mac, expected_mac},
	[JUDGE_END_OF_LIFE] = {observed_device, words_ended},
	[JUDGE_ILLEGAL_FUNCTION] = {observed_illegal, expected_function},
	[JUDGE_STORM] = {observed_storm, expected_calm},
	[JUDGE_PROTOCOL] = {observed_protocol, expected_conduit},
	[JUDGE_LIMIT] = {observed_limit, expected_room},
	[JUDGE_DECODE] = {observed_anomaly, expected_decode},
};

void words_fill(const struct words *w, enum judge_finding what, struct incident *i)
{
	unsigned at = what < JUDGE_DECODE ? what : JUDGE_DECODE;
	struct phrase observed = {i->observed, sizeof(i->observed), 0};
	struct phrase expected = {i->expected, sizeof(i->expected), 0};

	if (w->op && sentences[at].observed == observed_flow)
		observed_op(&observed, w);
	else
		sentences[at].observed(&observed, w);
	sentences[at].expected(&expected, w);
	utf8_trim(i->observed);
	utf8_trim(i->expected);
}

void words_did(enum finding_lang lang, const struct op *op, struct incident *i)
{
	struct phrase p = {i->observed, sizeof(i->observed), strlen(i->observed)};

	if (i->did == op->proto)
		add(&p, ", %s", op_class_name(op->cls));
	else
		add(&p, lang == FINDING_JA ? "。続いて %s %s" : "; then %s %s", op->proto,
		    op_class_name(op->cls));
	utf8_trim(i->observed);
}

void words_op(const struct op *op, struct incident *i)
{
	i->has_op = true;
	i->op_proto = op->proto;
	i->op_name = op->name;
	i->op_space = op_object_space(&op->object);
	i->op_kind = op->object.space;
	i->op_npath = op->object.npath;
	memcpy(i->op_path, op->object.path, sizeof(i->op_path));
	i->op_role = op->role;
	i->op_class = op->cls;
	i->op_code = op->code;
	i->op_status = op->status;
	i->op_unit = op->unit;
	i->op_first = op->object.first;
	i->op_count = op->object.count;
	op_object_str(&op->object, i->object, sizeof(i->object));
	op_values_str(&op->values, INCIDENT_VALUES / 4, i->values, sizeof(i->values));
}

void phrase_place(struct phrase *p, const struct words *w, const struct addr *a,
		  struct policy_place place)
{
	add_place(p, w, a, place, false);
}

void phrase_object(struct phrase *p, const struct words *w, uint64_t first, uint32_t count)
{
	add_object(p, w, first, count);
}

void phrase_unit(struct phrase *p, const struct words *w)
{
	add_unit(p, w);
}
