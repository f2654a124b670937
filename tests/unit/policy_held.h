/*
 * What devices are held to beside their conduits, as the twin keeps and judges it. Included in the
 * middle of test_policy_match.c.
 */
struct end {
	unsigned zone;	/* ZONES: none */
	unsigned asset; /* ASSETS: none */
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

static bool unlisted(struct end e)
{
	return e.zone < ZONES && w.deny[e.zone] && e.asset == ASSETS;
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
	if (unlisted(client) || unlisted(server))
		return POLICY_UNLISTED;
	if (uplink(server) && client.zone != server.zone)
		return POLICY_UPLINK_ONLY;
	return w.tier[held(w.trust, client)] ? v : POLICY_TRUST_EXCEEDED;
}

/* What a permitted flow's op of that class is held to. */
static enum policy_verdict think_class(struct end client, struct end server, unsigned cls)
{
	bool reports = cls == OP_WRITE || cls == OP_ALARM || cls == OP_SESSION;

	if (uplink(client) && client.zone != server.zone && !reports)
		return POLICY_UPLINK_ONLY;
	if (cls != OP_SESSION && !(w.tier[held(w.trust, client)] >> cls & 1))
		return POLICY_TRUST_EXCEEDED;
	return POLICY_ALLOW;
}
