/* References: what of somebody's documents a zone, an asset or a conduit has to do with. */
#include "policy/loader.h"

struct refs {
	const char **ref; /* NULL-ended */
	uint32_t count, cap;
};

static void load_ref(struct loader *l, const struct yaml_node *n, void *object)
{
	struct refs *r = object;
	const char *s = load_text(l, n, "refs"), *colon = s ? strchr(s, ':') : NULL;

	if (!s)
		return;
	if (!colon || colon == s || !colon[1]) {
		load_error(l, n,
			   "\"%s\" is no reference; write namespace:id, such as cpsf:CPS.AC-7", s);
		return;
	}
	r->ref = arena_grow(l->a, r->ref, r->count + 1, &r->cap, sizeof(*r->ref));
	r->ref[r->count++] = s;
	r->ref[r->count] = NULL;
}

const char *const *load_refs(struct loader *l, const struct yaml_node *n)
{
	struct refs r = {.count = 0};

	load_each(l, n, "refs", load_ref, &r);
	return r.ref;
}
