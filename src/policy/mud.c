#include "policy/mud_impl.h"

#include "base/addr.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#define ID_LONGEST 64	/* of the asset and of ends, bytes */
#define NAMES_MAX  160	/* bytes of a conduit's reason */
#define ACES_MAX   4096 /* entries in all lists */
#define BYTES_MAX  (4u << 20)

/* Where in the file: "acl "x", ace "y"". */
struct place {
	const char *acl, *ace;
};

/* One entry of a list, understood. */
struct ace {
	struct place at;
	bool to_device;	  /* of the list */
	const char *peer; /* as the file calls it; NULL: anybody */
	unsigned kind;	  /* enum mud_kind */
	bool has_remote, has_local;
	struct iset remote, local; /* ports of the peer and of the device */
	int opened;		   /* 1: by the device, -1: by the peer, 0: not said */
	const char *icmp;	   /* word; NULL: any */
	int ip_proto;		   /* -1: not said */
	const char *skip;	   /* why conduits cannot say it; NULL: they can */
};

__attribute__((format(printf, 4, 5))) static void say(struct mud *m, enum diag_level level,
						      const struct place *at, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!at)
		diag_add(m->diag, level, m->file, 0, 0, "%s", text);
	else if (!at->ace)
		diag_add(m->diag, level, m->file, 0, 0, "list \"%s\": %s", at->acl, text);
	else
		diag_add(m->diag, level, m->file, 0, 0, "list \"%s\", entry \"%s\": %s", at->acl,
			 at->ace, text);
}

bool mud_is_id(const char *s)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == '"' || s[i] == '\\' ||
		    s[i] == '$' || s[i] == '#')
			return false;
	return i > 0 && i <= ID_LONGEST;
}

static const char *text_of(struct mud *m, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? mud_clean(&m->arena, json_string_value(v)) : NULL;
}

/* --- ports --- */

static bool port_number(const json_t *v, uint64_t *port)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT16_MAX)
		return false;
	*port = (uint64_t)json_integer_value(v);
	return true;
}

/* RFC 8519, 4.2: a range, or an operator and a port. False after an error. */
static bool ports(struct mud *m, const struct place *at, const json_t *o, const char *key,
		  struct iset *set)
{
	const char *op = json_string_value(json_object_get(o, "operator"));
	uint64_t lo, hi;

	if (port_number(json_object_get(o, "lower-port"), &lo)) {
		hi = lo;
		if (json_object_get(o, "upper-port") &&
		    (!port_number(json_object_get(o, "upper-port"), &hi) || hi < lo))
			goto bad;
		iset_add(set, &m->arena, lo, hi);
		return true;
	}
	if (!port_number(json_object_get(o, "port"), &lo))
		goto bad;
	if (!op || strcmp(op, "eq") == 0) {
		iset_add(set, &m->arena, lo, lo);
	} else if (strcmp(op, "lte") == 0) {
		iset_add(set, &m->arena, 0, lo);
	} else if (strcmp(op, "gte") == 0) {
		iset_add(set, &m->arena, lo, UINT16_MAX);
	} else if (strcmp(op, "neq") == 0) {
		if (lo > 0)
			iset_add(set, &m->arena, 0, lo - 1);
		if (lo < UINT16_MAX)
			iset_add(set, &m->arena, lo + 1, UINT16_MAX);
	} else {
		say(m, DIAG_ERROR, at, "%s: there is no operator \"%s\"; eq, neq, lte and gte are",
		    key, mud_clean(&m->arena, op));
		return false;
	}
	return true;
bad:
	say(m, DIAG_ERROR, at,
	    "%s must be {\"operator\": \"eq\", \"port\": 443} or {\"lower-port\": 8000, "
	    "\"upper-port\": 8010}, with ports from 0 to 65535",
	    key);
	return false;
}

static bool match_ports(struct mud *m, const json_t *o, struct ace *x)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		bool source = strcmp(key, "source-port") == 0;

		if (source || strcmp(key, "destination-port") == 0) {
			/* what the device sends from is its own port */
			bool local = source != x->to_device;

			if (!ports(m, &x->at, v, key, local ? &x->local : &x->remote))
				return false;
			*(local ? &x->has_local : &x->has_remote) = true;
		} else if (strcmp(key, "ietf-mud:direction-initiated") == 0) {
			const char *s = json_string_value(v);

			x->opened = s && strcmp(s, "from-device") == 0 ? 1
				    : s && strcmp(s, "to-device") == 0 ? -1
								       : 0;
			if (!x->opened) {
				say(m, DIAG_ERROR, &x->at,
				    "direction-initiated is from-device or to-device");
				return false;
			}
		} else {
			x->skip = arena_printf(&m->arena, "conduits cannot ask for %s",
					       mud_clean(&m->arena, key));
		}
	}
	return true;
}

/* Words of `icmp` under allow, by type. */
static const struct {
	uint8_t type;
	bool v6;
	const char *word;
} icmp_types[] = {
	{0, false, "echo"},	  {8, false, "echo"},		{3, false, "unreachable"},
	{5, false, "redirect"},	  {11, false, "time-exceeded"}, {12, false, "parameter-problem"},
	{13, false, "timestamp"}, {14, false, "timestamp"},	{1, true, "unreachable"},
	{2, true, "too-big"},	  {3, true, "time-exceeded"},	{4, true, "parameter-problem"},
	{128, true, "echo"},	  {129, true, "echo"},		{137, true, "redirect"},
};

static void match_icmp(struct mud *m, const json_t *o, bool v6, struct ace *x)
{
	const json_t *type = json_object_get(o, "type");
	size_t i;

	if (!type)
		return;
	for (i = 0; i < sizeof(icmp_types) / sizeof(*icmp_types); i++)
		if (json_is_integer(type) && icmp_types[i].v6 == v6 &&
		    json_integer_value(type) == icmp_types[i].type)
			x->icmp = icmp_types[i].word;
	if (!x->icmp)
		x->skip = "conduits have no word for this type of ICMP message";
	else if (json_object_get(o, "code"))
		say(m, DIAG_NOTE, &x->at, "the code of the ICMP message is not asked for");
	(void)m;
}

/* --- peers --- */

static bool name_peer(struct mud *m, struct ace *x, const char *name)
{
	if (x->peer && strcmp(x->peer, name) != 0) {
		say(m, DIAG_ERROR, &x->at,
		    "names two peers, \"%s\" and \"%s\"; write an entry for each", x->peer, name);
		return false;
	}
	x->peer = name;
	return true;
}

static bool match_ip(struct mud *m, const json_t *o, struct ace *x)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		bool source = strncmp(key, "source-", 7) == 0 || strstr(key, ":src-");
		bool named = strcmp(key, "ietf-acldns:src-dnsname") == 0 ||
			     strcmp(key, "ietf-acldns:dst-dnsname") == 0;

		if (named || strstr(key, "-ipv4-network") || strstr(key, "-ipv6-network")) {
			struct addr a;
			unsigned bits;

			if (!json_is_string(v) || !*json_string_value(v)) {
				say(m, DIAG_ERROR, &x->at, "%s must be a text",
				    mud_clean(&m->arena, key));
				return false;
			}
			if (source != x->to_device) {
				x->skip = "it names the address of the device itself, which is "
					  "the asset's";
				continue;
			}
			if (!named && addr_parse_prefix(json_string_value(v), &a, &bits)) {
				say(m, DIAG_ERROR, &x->at,
				    "\"%s\" is no network; write 192.0.2.0/24",
				    mud_clean(&m->arena, json_string_value(v)));
				return false;
			}
			if (!name_peer(m, x, mud_clean(&m->arena, json_string_value(v))))
				return false;
		} else if (strcmp(key, "protocol") == 0) {
			if (!json_is_integer(v) || json_integer_value(v) < 0 ||
			    json_integer_value(v) > UINT8_MAX) {
				say(m, DIAG_ERROR, &x->at, "protocol is a number from 0 to 255");
				return false;
			}
			x->ip_proto = (int)json_integer_value(v);
		} else {
			x->skip = arena_printf(&m->arena, "conduits cannot ask for %s",
					       mud_clean(&m->arena, key));
		}
	}
	return true;
}

/* RFC 8520, 3: what stands for hosts that the site knows. */
static bool match_mud(struct mud *m, const json_t *o, struct ace *x)
{
	static const char *const alone[] = {"my-controller", "same-manufacturer", "local-networks"};
	const char *key;
	json_t *v;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		const char *name = NULL;

		for (i = 0; i < sizeof(alone) / sizeof(*alone); i++)
			if (strcmp(key, alone[i]) == 0)
				name = alone[i];
		if (!name && json_is_string(v) && strcmp(key, "controller") == 0)
			name = mud_clean(&m->arena, json_string_value(v));
		else if (!name && json_is_string(v) &&
			 (strcmp(key, "manufacturer") == 0 || strcmp(key, "model") == 0))
			name = arena_printf(&m->arena, "%s:%s", key,
					    mud_clean(&m->arena, json_string_value(v)));
		if (!name) {
			say(m, DIAG_ERROR, &x->at,
			    "ietf-mud:mud: \"%s\" is unknown or no text; manufacturer, "
			    "same-manufacturer, model, local-networks, controller and "
			    "my-controller are known",
			    mud_clean(&m->arena, key));
			return false;
		}
		if (!name_peer(m, x, name))
			return false;
	}
	return true;
}

static bool matches(struct mud *m, const json_t *o, struct ace *x)
{
	const char *key;
	json_t *v;
	bool v6 = json_object_get(o, "ipv6") != NULL, ok = true;

	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		if (!json_is_object(v)) {
			say(m, DIAG_ERROR, &x->at, "matches: \"%s\" must be an object",
			    mud_clean(&m->arena, key));
			return false;
		}
		if (strcmp(key, "ipv4") == 0 || strcmp(key, "ipv6") == 0) {
			ok = match_ip(m, v, x);
		} else if (strcmp(key, "tcp") == 0 || strcmp(key, "udp") == 0) {
			if (x->kind != MUD_IP)
				x->skip = "two transports at once are never true";
			x->kind = key[0] == 't' ? MUD_TCP : MUD_UDP;
			ok = match_ports(m, v, x);
		} else if (strcmp(key, "icmp") == 0) {
			if (x->kind != MUD_IP)
				x->skip = "two transports at once are never true";
			x->kind = MUD_ICMP;
			match_icmp(m, v, v6, x);
		} else if (strcmp(key, "ietf-mud:mud") == 0) {
			ok = match_mud(m, v, x);
		} else if (strcmp(key, "eth") == 0) {
			x->skip = "it is about Ethernet; write ethertype entries by hand";
		} else {
			x->skip = arena_printf(&m->arena, "conduits cannot ask for %s",
					       mud_clean(&m->arena, key));
		}
		if (!ok)
			return false;
	}
	iset_seal(&x->remote);
	iset_seal(&x->local);
	return true;
}

/* --- conduits --- */

static const char *end_of(struct mud *m, const struct ace *x)
{
	const char *name = x->peer ? x->peer : "any";
	uint32_t k;
	size_t i;

	for (i = 0; i < m->cfg->peers; i++)
		if (strcmp(m->cfg->peer[i].name, name) == 0)
			return m->cfg->peer[i].end;
	if (strcmp(name, "local-networks") == 0)
		return m->cfg->zone;
	for (k = 0; k < m->nmissing; k++)
		if (strcmp(m->missing[k], name) == 0)
			return NULL;
	m->missing = arena_grow(&m->arena, m->missing, m->nmissing, &m->missing_cap,
				sizeof(*m->missing));
	m->missing[m->nmissing++] = name;
	say(m, DIAG_ERROR, &x->at,
	    "which zone, asset or group is %s \"%s\"? Say --peer '%s=END'; for a host outside, a "
	    "zone of level external with its networks",
	    x->peer ? "the peer" : "whoever is meant by", name, name);
	return NULL;
}

static void add_name(struct mud *m, struct mud_conduit *c, const char *name)
{
	if (strstr(c->names, name))
		return;
	if (strlen(c->names) + strlen(name) > NAMES_MAX) {
		if (!strstr(c->names, ", ..."))
			c->names = arena_printf(&m->arena, "%s, ...", c->names);
		return;
	}
	c->names = arena_printf(&m->arena, "%s%s%s", c->names,
				c->names[strlen(c->names) - 1] == ':' ? " " : ", ", name);
}

static void permit(struct mud *m, const struct ace *x, bool to_device, bool has,
		   const struct iset *set)
{
	const char *end = end_of(m, x);
	struct mud_conduit *c;
	uint32_t i;

	if (!end)
		return;
	for (i = 0; i < m->conduits; i++)
		if (m->conduit[i].to_device == to_device && strcmp(m->conduit[i].end, end) == 0)
			break;
	if (i == m->conduits) {
		m->conduit = arena_grow(&m->arena, m->conduit, i, &m->conduit_cap, sizeof(*c));
		m->conduit[m->conduits++] = (struct mud_conduit){
			.end = end, .to_device = to_device, .names = "MUD:", .icmp = ""};
	}
	c = &m->conduit[i];
	add_name(m, c, x->peer ? x->peer : "any");
	c->used[x->kind] = true;
	if (x->kind == MUD_ICMP && x->icmp) {
		if (!strstr(c->icmp, x->icmp))
			c->icmp = arena_printf(&m->arena, "%s%s%s", c->icmp, *c->icmp ? ", " : "",
					       x->icmp);
	} else if (!has) {
		c->any[x->kind] = true;
	} else {
		for (i = 0; i < set->count; i++)
			iset_add(&c->set[x->kind], &m->arena, set->range[i].lo, set->range[i].hi);
	}
}

/*
 * Which conversation an entry is a half of. Where the file does not say who opens it, the end
 * whose port is named is the server; where both are, whoever is sent to; where none is, either.
 */
static void permit_ace(struct mud *m, struct ace *x)
{
	int opened = x->opened;

	if (x->kind == MUD_IP && x->ip_proto >= 0) {
		iset_add(&x->remote, &m->arena, (uint64_t)x->ip_proto, (uint64_t)x->ip_proto);
		iset_seal(&x->remote);
		permit(m, x, x->to_device, true, &x->remote);
		return;
	}
	if (x->kind == MUD_IP || x->kind == MUD_ICMP) {
		permit(m, x, x->to_device, false, &x->remote);
		return;
	}
	if (!opened)
		opened = x->has_remote != x->has_local ? (x->has_remote ? 1 : -1)
			 : x->to_device		       ? -1
						       : 1;
	if (opened > 0)
		permit(m, x, false, x->has_remote, &x->remote);
	else
		permit(m, x, true, x->has_local, &x->local);
}

/* True when a conversation that the device opens to these very ports of the peer is there. */
static bool is_reply(const struct ace *list, uint32_t n, const struct ace *x)
{
	uint32_t i;

	if (!x->to_device || x->opened || x->has_remote != x->has_local ||
	    (x->kind != MUD_TCP && x->kind != MUD_UDP))
		return false;
	for (i = 0; i < n; i++) {
		const struct ace *y = &list[i];

		if (!y->to_device && !y->skip && y->kind == x->kind && y->opened >= 0 &&
		    y->has_remote == x->has_remote && y->has_local == x->has_local &&
		    (x->peer ? y->peer && strcmp(x->peer, y->peer) == 0 : !y->peer) &&
		    x->has_remote && y->remote.count == x->remote.count && y->remote.count &&
		    memcmp(y->remote.range, x->remote.range,
			   x->remote.count * sizeof(*x->remote.range)) == 0)
			return true;
	}
	return false;
}

/* --- lists --- */

struct aces {
	struct ace *ace;
	uint32_t count, cap;
};

static void leave_out(struct mud *m, const struct ace *x)
{
	say(m, DIAG_WARNING, &x->at, "left out: %s", x->skip);
	m->left = arena_grow(&m->arena, m->left, m->nleft, &m->left_cap, sizeof(*m->left));
	m->left[m->nleft++] =
		arena_printf(&m->arena, "list %s, entry %s: %s", x->at.acl, x->at.ace, x->skip);
}

static void read_ace(struct mud *m, const char *acl, size_t index, bool to_device, const json_t *o,
		     bool *dropped, struct aces *out)
{
	struct ace x = {.at = {acl, text_of(m, o, "name")},
			.to_device = to_device,
			.kind = MUD_IP,
			.ip_proto = -1};
	const char *action =
		json_string_value(json_object_get(json_object_get(o, "actions"), "forwarding"));
	const json_t *match = json_object_get(o, "matches");

	if (!x.at.ace)
		x.at.ace = arena_printf(&m->arena, "%zu", index + 1);
	if (action && strncmp(action, "ietf-access-control-list:", 25) == 0)
		action += 25;
	if (!json_is_object(match) || !action) {
		say(m, DIAG_ERROR, &x.at, "an entry needs matches, and actions with forwarding");
		return;
	}
	if (strcmp(action, "accept") != 0) {
		*dropped = true; /* what comes behind it may be wider than it looks */
		return;
	}
	if (*dropped) {
		say(m, DIAG_ERROR, &x.at,
		    "an entry that drops stands before this one, and conduits only permit; "
		    "write the accepted rest instead");
		return;
	}
	if (!matches(m, match, &x))
		return;
	if (x.kind == MUD_IP && (x.ip_proto == 6 || x.ip_proto == 17))
		x.kind = x.ip_proto == 6 ? MUD_TCP : MUD_UDP;
	else if (x.kind == MUD_IP && (x.ip_proto == 1 || x.ip_proto == 58))
		x.kind = MUD_ICMP;
	if (x.skip) {
		leave_out(m, &x);
		return;
	}
	if (out->count == ACES_MAX) {
		say(m, DIAG_ERROR, &x.at, "more than %u entries", ACES_MAX);
		return;
	}
	out->ace = arena_grow(&m->arena, out->ace, out->count, &out->cap, sizeof(x));
	out->ace[out->count++] = x;
}

static const json_t *find_acl(const json_t *acls, const char *name)
{
	const json_t *list = json_object_get(acls, "acl"), *acl;
	const char *other;
	size_t i;

	for (i = 0; (acl = json_array_get(list, i)); i++) {
		other = json_string_value(json_object_get(acl, "name"));
		if (other && strcmp(other, name) == 0)
			return acl;
	}
	return NULL;
}

static void read_policy(struct mud *m, const json_t *mud, const json_t *acls, bool to_device,
			struct aces *out)
{
	const char *key = to_device ? "to-device-policy" : "from-device-policy", *name;
	const json_t *list = json_object_get(
		json_object_get(json_object_get(mud, key), "access-lists"), "access-list");
	const json_t *entry, *acl, *aces, *ace;
	size_t i, k;

	if (!json_object_get(mud, key))
		return;
	if (!json_is_array(list)) {
		say(m, DIAG_ERROR, NULL,
		    "%s must be {\"access-lists\": {\"access-list\": [{\"name\": ...}]}}", key);
		return;
	}
	for (i = 0; (entry = json_array_get(list, i)); i++) {
		struct place at = {.acl = text_of(m, entry, "name")};
		bool dropped = false;

		name = json_string_value(json_object_get(entry, "name"));
		acl = name ? find_acl(acls, name) : NULL;
		aces = json_object_get(json_object_get(acl, "aces"), "ace");
		if (!at.acl || !json_is_array(aces)) {
			say(m, DIAG_ERROR, NULL,
			    "%s names access list \"%s\", and there is none with entries", key,
			    at.acl ? at.acl : "");
			continue;
		}
		for (k = 0; (ace = json_array_get(aces, k)) && k <= ACES_MAX; k++)
			read_ace(m, at.acl, k, to_device, ace, &dropped, out);
	}
}

/* --- about the device --- */

static void add_fact(struct mud *m, const char *name, const char *value)
{
	m->fact = arena_grow(&m->arena, m->fact, m->facts, &m->fact_cap, sizeof(*m->fact));
	m->fact[m->facts++] = (struct mud_fact){name, value};
}

static void read_facts(struct mud *m, const json_t *mud)
{
	static const char *const texts[] = {"mud-url",	    "last-update",  "systeminfo",
					    "mfg-name",	    "model-name",   "firmware-rev",
					    "software-rev", "documentation"};
	const json_t *v = json_object_get(mud, "mud-version");
	const char *s;
	size_t i;

	if (!json_is_integer(v) || json_integer_value(v) != 1)
		say(m, DIAG_ERROR, NULL, "mud-version must be 1 (RFC 8520)");
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if ((s = text_of(m, mud, texts[i])))
			add_fact(m, texts[i], s);
	v = json_object_get(mud, "cache-validity");
	if (json_is_integer(v))
		add_fact(m, "cache-validity",
			 arena_printf(&m->arena, "%lld hours: look for a new version after that",
				      (long long)json_integer_value(v)));
	if (json_is_false(json_object_get(mud, "is-supported"))) {
		say(m, DIAG_WARNING, NULL,
		    "the maker no longer supports this device (is-supported is false); give its "
		    "asset an end-of-life");
		add_fact(m, "is-supported", "false; give the asset an end-of-life");
	}
	if (json_array_size(json_object_get(mud, "extensions")))
		say(m, DIAG_WARNING, NULL, "extensions of the file are not read");
}

static void read_file(struct mud *m, const json_t *root)
{
	const json_t *mud = json_object_get(root, "ietf-mud:mud");
	const json_t *acls = json_object_get(root, "ietf-access-control-list:acls");
	struct aces list = {.count = 0};
	uint32_t i;

	if (!acls) /* as drafts of RFC 8519 called it */
		acls = json_object_get(root, "ietf-access-control-list:access-lists");
	if (!json_is_object(mud)) {
		say(m, DIAG_ERROR, NULL, "no MUD file: it has no object \"ietf-mud:mud\"");
		return;
	}
	read_facts(m, mud);
	read_policy(m, mud, acls, false, &list);
	read_policy(m, mud, acls, true, &list);
	for (i = 0; i < list.count; i++)
		if (!is_reply(list.ace, list.count, &list.ace[i]))
			permit_ace(m, &list.ace[i]);
}

bool mud_import(const struct mud_config *cfg, const char *file, const char *text, size_t len,
		struct diag *diag, FILE *out)
{
	struct mud m = {.cfg = cfg, .file = file, .diag = diag};
	unsigned errors = diag->errors;
	json_error_t bad;
	json_t *root;

	if (len > BYTES_MAX) {
		say(&m, DIAG_ERROR, NULL, "larger than %u bytes, which no MUD file is", BYTES_MAX);
		return false;
	}
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &bad);
	if (root)
		read_file(&m, root);
	else
		diag_add(diag, DIAG_ERROR, file, bad.line > 0 ? bad.line : 1,
			 bad.column > 0 ? bad.column : 1, "%s", mud_clean(&m.arena, bad.text));
	if (diag->errors == errors)
		mud_write(&m, out);
	json_decref(root);
	arena_free(&m.arena);
	return diag->errors == errors;
}
