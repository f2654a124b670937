/*
 * What devices are held to beside their conduits, as the twin keeps and judges it. Included in the
 * middle of policy_random.h.
 */
struct end {
	unsigned zone;	/* ZONES: none */
	unsigned asset; /* ASSETS: none */
	bool japan;	/* its address is in the database, and there */
};

static const char *const trusts[TRUSTS] = {"", "unknown", "minimal", "known", "full"};

static void put_held(unsigned end)
{
	if (w.trust[end])
		put(", trust: %s", trusts[w.trust[end]]);
	if (w.tenants[end])
		put(", tenant: [%s%s%s]", w.tenants[end] & 1 ? "x, " : "",
		    w.tenants[end] & 2 ? "y, " : "", w.tenants[end] & 4 ? "z" : "");
}

/* What devices are held to, in one of two worlds. */
static void make_held(void)
{
	static const unsigned tier[TRUSTS] = {
		~0u,
		0,
		1u << OP_READ | 1u << OP_DISCOVER,
		1u << OP_READ | 1u << OP_WRITE | 1u << OP_DIAGNOSE | 1u << OP_DISCOVER |
			1u << OP_ALARM,
		~0u,
	};
	bool held = rnd(2) == 0;
	unsigned i;

	for (i = 0; i < ZONES + ASSETS; i++) {
		w.trust[i] = held && rnd(3) == 0 ? 1 + rnd(TRUSTS - 1) : 0;
		w.tenants[i] = held && rnd(4) == 0 ? 1 + rnd(7) : 0;
	}
	for (i = 0; i < ASSETS; i++)
		w.last_day[i] = held && rnd(5) == 0 ? 1 + rnd(28) : 0;
#ifdef HAVE_MAXMINDDB
	w.japan = held && rnd(3) == 0;
	if (w.japan)
		put("geo: {country: zones/geo/country.mmdb}\n");
#endif
	for (i = 0; i < ZONES; i++) {
		w.uplink[i] = held && rnd(6) == 0;
		w.deny[i] = held && rnd(6) == 0;
	}
	memcpy(w.tier, tier, sizeof(tier));
	if (!held || rnd(2))
		return;
	i = TRUST_UNKNOWN + rnd(TRUSTS - 1);
	w.tier[i] = rnd(4) ? 1u << rnd(OP_CLASSES) | 1u << rnd(OP_CLASSES) : 0;
	put("trust-tiers: {%s: [", trusts[i]);
	for (unsigned k = 0, n = 0; k < OP_CLASSES; k++)
		if (w.tier[i] >> k & 1)
			put("%s%s", n++ ? ", " : "", op_class_name((enum op_class)k));
	put("]}\n");
}

/* What is said of the end itself, else of its zone; 0: nothing. */
static unsigned held(const unsigned *by_end, struct end e)
{
	if (e.asset < ASSETS && by_end[ZONES + e.asset])
		return by_end[ZONES + e.asset];
	return e.zone < ZONES ? by_end[e.zone] : 0;
}

/* Why the conduits of its zone do not hold for it; POLICY_ALLOW: they do. */
static enum policy_verdict barred(struct end e)
{
	if (e.zone >= ZONES || e.asset < ASSETS)
		return POLICY_ALLOW;
	if (w.deny[e.zone])
		return POLICY_UNLISTED;
	return e.zone == 0 && w.japan && !e.japan ? POLICY_COUNTRY_DENIED : POLICY_ALLOW;
}

/* Where anything is permitted, session comes along. */
static unsigned tier(unsigned trust)
{
	return w.tier[trust] ? w.tier[trust] | 1u << OP_SESSION : 0;
}

/* What it may do as a client; the last day of its life still counts. */
static unsigned may(struct end e)
{
	unsigned classes = tier(held(w.trust, e)),
		 last = e.asset < ASSETS ? w.last_day[e.asset] : 0;

	if (last && when_now.time + when_now.zone * 3600 >= BEGIN + (int64_t)last * CIVIL_DAY)
		classes &= tier(TRUST_MINIMAL);
	return classes;
}

static bool uplink(struct end e)
{
	return e.zone < ZONES && w.uplink[e.zone];
}

/* Of a flow of which the conduits say v. */
static enum policy_verdict think_held(enum policy_verdict v, struct end client, struct end server)
{
	unsigned a = held(w.tenants, client), b = held(w.tenants, server);

	if (v > POLICY_DEFAULT_ALLOW)
		return v;
	if (a && b && (a & b) == 0)
		return POLICY_TENANT_CROSSED;
	if (v == POLICY_SAME_ZONE)
		return v;
	if (barred(client) || barred(server))
		return barred(client) ? barred(client) : barred(server);
	if (uplink(server) && client.zone != server.zone)
		return POLICY_UPLINK_ONLY;
	return may(client) ? v : POLICY_TRUST_EXCEEDED;
}

/* What a permitted flow's op of that class is held to. */
static enum policy_verdict think_class(struct end client, struct end server, unsigned cls)
{
	bool reports = cls == OP_WRITE || cls == OP_ALARM || cls == OP_SESSION;

	if (uplink(client) && client.zone != server.zone && !reports)
		return POLICY_UPLINK_ONLY;
	if (!(may(client) >> cls & 1))
		return POLICY_TRUST_EXCEEDED;
	return POLICY_ALLOW;
}
