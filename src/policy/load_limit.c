/* limit: {ops: 100/s, flows: 20/m}: how much one client may do through a conduit. */
#include "policy/loader.h"

static void limit_ops(struct loader *l, const struct yaml_node *n, void *object)
{
	load_rate(l, n, "limit of ops", &((struct policy_conduit *)object)->ops);
}

static void limit_flows(struct loader *l, const struct yaml_node *n, void *object)
{
	load_rate(l, n, "limit of flows", &((struct policy_conduit *)object)->flows);
}

void load_limit(struct loader *l, const struct yaml_node *n, struct policy_conduit *c)
{
	static const struct field fields[] = {
		{"ops", limit_ops, false},
		{"flows", limit_flows, false},
		{NULL, NULL, false},
	};

	l->p->limits = true;
	if (n->kind != YAML_MAP || !n->count)
		load_error(l, n, "limit must be a map such as {ops: 100/s, flows: 20/m}");
	else
		load_fields(l, n, "limit", fields, c);
}
