#include "base/imap.h"

static struct imap_cell *slot(const struct imap *m, uint64_t key)
{
	uint32_t i = (uint32_t)hash_u64(key, 0);

	while (m->cell[i & m->mask].value != IMAP_NONE && m->cell[i & m->mask].key != key)
		i++;
	return &m->cell[i & m->mask];
}

static void grow(struct imap *m, struct arena *a)
{
	struct imap old = *m;
	uint32_t n = old.cell ? (old.mask + 1) * 2 : 16, i;

	m->cell = arena_array(a, n, sizeof(*m->cell));
	m->mask = n - 1;
	for (i = 0; i < n; i++)
		m->cell[i].value = IMAP_NONE;
	for (i = 0; old.cell && i <= old.mask; i++)
		if (old.cell[i].value != IMAP_NONE)
			*slot(m, old.cell[i].key) = old.cell[i];
}

uint32_t imap_add(struct imap *m, struct arena *a, uint64_t key, uint32_t value)
{
	struct imap_cell *c;

	if (!m->cell || m->count > m->mask / 2)
		grow(m, a);
	c = slot(m, key);
	if (c->value != IMAP_NONE)
		return c->value;
	*c = (struct imap_cell){key, value};
	m->count++;
	return IMAP_NONE;
}
