/* The ruleset as a whole: heading, notes, and the table put together. */
#include "policy/nft.h"

#include "policy/nft_write.h"

#include <stdarg.h>
#include <stdlib.h>

void nft_put_end(struct nft_writer *w, const char *counter, const char *what, enum nft_fate fate,
		 bool spared)
{
	fprintf(w->chains,
		"\t\tcounter name \"%s\"\n"
		"\t\tlimit rate 10/minute burst 20 packets log prefix \"kidoban %s \" level warn\n",
		counter, what);
	if (spared && fate != NFT_ACCEPTED && w->cfg->enforce)
		nft_put_spared(w, "accept");
	if (fate == NFT_ACCEPTED || !w->cfg->enforce)
		fputs("\t\taccept\n", w->chains);
	else if (fate == NFT_DROPPED)
		fputs("\t\tdrop\n", w->chains);
	else
		fputs("\t\tmeta l4proto tcp reject with tcp reset\n"
		      "\t\treject with icmpx admin-prohibited\n",
		      w->chains);
	fputs("\t}\n\n", w->chains);
}

static void name_all(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	struct arena *a = &w->plan.arena;
	uint32_t i, ends = p->zones + p->assets;
	int k;

	w->end_name = arena_array(a, ends, sizeof(*w->end_name));
	for (i = 0; i < ends; i++)
		w->end_name[i] = nft_name(a, end_id(p, i), i);
	w->conduit_name = arena_array(a, p->conduits, sizeof(*w->conduit_name));
	for (i = 0; i < p->conduits; i++)
		w->conduit_name[i] = nft_name(a, p->conduit[i].pub.id, i);
	for (k = 0; k < 2; k++) {
		w->passes[k] = arena_array(a, p->conduits, 1);
		w->opens[k] = arena_array(a, p->conduits, 1);
	}
	for (k = 0; k < NFT_DENIALS; k++) {
		w->denies[k] = arena_array(a, p->conduits, 1);
		w->closes[k] = arena_array(a, p->conduits, 1);
	}
}

/* One sentence in the heading, and to the caller. */
__attribute__((format(printf, 2, 3))) static void note(struct nft_writer *w, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return;
	fprintf(w->out, "# not in this ruleset: %s\n",
		nft_quote(&w->plan.arena, text, strlen(text)));
	w->notes->add(w->notes->user, text);
	free(text);
}

/* The rules are of family inet. */
static void note_frames(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	uint32_t i, k;

	for (i = 0; i < p->conduits; i++)
		for (k = 0; k < p->conduit[i].nframes; k++)
			note(w, "%s of conduit %s: the ruleset sees IP only",
			     p->conduit[i].frames[k].text, p->conduit[i].pub.id);
}

static void note_devices(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	uint32_t i;

	for (i = 0; i < p->assets; i++)
		if (nft_mac_only(&p->asset[i]))
			note(w,
			     "asset %s as somebody to talk to, and as somebody who talks from "
			     "behind another router: it is known by its MAC alone, and then the "
			     "kernel sees any address of zone %s",
			     p->asset[i].id, p->zone[p->asset[i].zone].id);
}

static void put_notes(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	bool blind = w->cfg->enforce && w->cfg->inspect == NFT_ACCEPT;
	uint32_t i, inspected = 0;

	note_devices(w);
	note_frames(w);
	for (i = 0; i < p->conduits; i++) {
		const struct policy_conduit *c = &p->conduit[i].pub;

		inspected += p->conduit[i].rules != 0;
		if (c->ops.count || c->flows.count)
			note(w, "the limit of conduit %s; kidoban alone counts per client", c->id);
		if (nft_never_open(w, &p->conduit[i]))
			note(w,
			     "conduit %s, which is for another operating mode; make the ruleset "
			     "anew "
			     "when the mode changes",
			     c->id);
	}
	if (blind && inspected)
		note(w,
		     "what is said over the connections of %u conduits with protocol entries; they "
		     "are accepted without a look inside",
		     inspected);
	for (i = 0; blind && i < p->zones; i++)
		if (p->zone[i].peers)
			note(w,
			     "the countries and networks of zone %s; its conduits are open to "
			     "everybody in it",
			     p->zone[i].id);
	if (blind && p->updater)
		note(w, "who may update what; firmware and programs pass like everything else");
	if (blind && nft_narrows(w))
		note(w, "what classes of ops little trusted clients and zones that only report are "
			"held to");
}

static void put_heading(struct nft_writer *w)
{
	const struct policy *p = w->policy;
	const struct nft_config *cfg = w->cfg;
	const char *name = strrchr(cfg->file, '/');
	struct arena *a = &w->plan.arena;
	uint32_t i;

	fprintf(w->out,
		"#!/usr/sbin/nft -f\n# %s: the part of %s that a kernel can enforce alone\n",
		p->site ? nft_quote(a, p->site, 200) : "kidoban",
		nft_quote(a, name ? name + 1 : cfg->file, 200));
	fprintf(w->out, "# made by kidoban export: %u zones, %u assets, %u conduits; %s\n",
		p->zones, p->assets, p->conduits,
		cfg->enforce ? "enforce: what is not permitted does not pass"
			     : "detect: everything passes, what is not permitted is logged");
	for (i = 0; i < p->assets; i++)
		if (nft_mac_only(&p->asset[i]))
			fprintf(w->out,
				"# uses ct mark 0x%08x for connections of %s, known by its "
				"MAC alone\n",
				MARK_ASSET | i, nft_quote(a, p->asset[i].id, 80));
	nft_put_hand_heading(w);
	put_notes(w);
	fprintf(w->out,
		"\ntable inet %s\ndelete table inet %s\n\ntable inet %s {\n"
		"\tcounter inside_zones { }\n\tcounter no_conduit { }\n\tcounter layer_skipped { "
		"}\n"
		"\tcounter default_allow { }\n\tcounter held { }\n\tcounter invalid { }\n"
		"\tcounter quarantined { }\n",
		cfg->table, cfg->table, cfg->table);
}

/* The chains in which what no conduit names ends. */
static void put_fates(struct nft_writer *w)
{
	static const struct {
		const char *chain, *counter, *what;
		enum nft_fate fate;
	} fates[] = {
		{"no_conduit", "no_conduit", "no-conduit", NFT_DROPPED},
		{"no_conduit_safety", "no_conduit", "no-conduit safety", NFT_ACCEPTED},
		{"layer_skipped", "layer_skipped", "layer-skipped", NFT_DROPPED},
		{"layer_skipped_safety", "layer_skipped", "layer-skipped safety", NFT_ACCEPTED},
		{"invalid", "invalid", "invalid", NFT_DROPPED},
	};
	bool inspect;
	unsigned i;

	for (i = 0; i < sizeof(fates) / sizeof(*fates); i++) {
		fprintf(w->chains, "\tchain %s {\n", fates[i].chain);
		nft_put_end(w, fates[i].counter, fates[i].what, fates[i].fate,
			    strcmp(fates[i].chain, "invalid") == 0);
	}
	fputs("\tchain inside_zone {\n", w->chains);
	nft_put_holds(w, POLICY_NONE, true);
	fputs("\t\tcounter name \"inside_zones\"\n\t\taccept\n\t}\n\n", w->chains);
	if (!w->policy->default_allow)
		return;
	fputs("\tchain default_allow {\n", w->chains);
	nft_put_holds(w, POLICY_NONE, false);
	inspect = nft_put_narrowed(w, "goto default_inspect");
	fputs("\t\tcounter name \"default_allow\"\n\t\taccept\n\t}\n\n", w->chains);
	if (!inspect)
		return;
	fputs("\tchain default_inspect {\n\t\tcounter name \"default_allow\"\n", w->chains);
	nft_put_inspection(w, false);
	fputs("\t}\n\n", w->chains);
}

bool policy_nft(const struct policy *p, const struct nft_config *cfg, const struct nft_notes *notes,
		FILE *out)
{
	struct nft_writer w = {.policy = p, .cfg = cfg, .notes = notes, .out = out};
	char *maps = NULL, *chains = NULL;
	size_t maps_len = 0, chains_len = 0;
	bool ok = nft_plan(&w.plan, p);

	if (ok) {
		w.maps = open_memstream(&maps, &maps_len);
		w.chains = open_memstream(&chains, &chains_len);
		ok = w.maps && w.chains;
	}
	if (ok) {
		name_all(&w);
		nft_put_who(&w);
		nft_put_services(&w);
		nft_put_held_sets(&w);
		put_fates(&w);
		nft_put_ends(&w);
	}
	if (w.maps)
		ok = fclose(w.maps) == 0 && ok;
	if (w.chains)
		ok = fclose(w.chains) == 0 && ok;
	if (ok) {
		put_heading(&w);
		nft_put_objects(&w);
		fwrite(maps, 1, maps_len, out);
		fwrite(chains, 1, chains_len, out);
		fputs("}\n", out);
	}
	free(maps);
	free(chains);
	nft_plan_free(&w.plan);
	return ok;
}
