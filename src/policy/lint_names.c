/* The warnings of lint: their ids, and what to do. zones/README.md says why each one matters. */
#include "policy/lint_impl.h"

static const struct lint_about about[LINTS] = {
	[LINT_LOAD] = {"load", "see the sentence itself", false},
	[LINT_NEVER] = {"never", "remove it, or write what was meant", false},
	[LINT_EXPIRED] = {"expired", "remove the conduit, or agree on another date", false},
	[LINT_END_OF_LIFE] = {"end-of-life", "replace the asset, or take it out of its conduits",
			      false},
	[LINT_SHADOWED] = {"shadowed", "remove it, or narrow the other", false},
	[LINT_REDUNDANT] = {"redundant", "remove it", false},
	[LINT_LIMIT_WITHOUT_EFFECT] = {"limit-without-effect",
				       "narrow the other; both count together", false},
	[LINT_WHEN_WITHOUT_EFFECT] = {"when-without-effect",
				      "take it out of the conduit that is open", false},
	[LINT_CONTRADICTORY] = {"contradictory", "say the same in both, or make one of them",
				false},
	[LINT_WATCH_DENIED] = {"watch-denied", "write the conduit for it, or mend the watch",
			       false},
	[LINT_WATCH_WITHOUT_EFFECT] = {"watch-without-effect", "remove it, or make it stricter",
				       false},
	[LINT_RATE_WITHOUT_EFFECT] = {"rate-without-effect", "remove it, or limit flows", false},
	[LINT_DEFAULT_ALLOW] = {"default-allow", "write default: deny, and the conduits there are",
				false},
	[LINT_ANY_TO_ANY] = {"any-to-any", "name the assets, and the services between them", false},
	[LINT_WIDE_EXTERNAL] = {"wide-external", "name the peer, and the service it is for", false},
	[LINT_WIDE_ZONES] = {"wide-zones",
			     "name the assets that change something, and the ones they change",
			     false},
	[LINT_WIDE_SERVICE] = {"wide-service", "name the ports or the protocol", false},
	[LINT_WRITE_UNLIMITED] = {"write-unlimited",
				  "name the objects, the values, or both; or demand a grant",
				  false},
	[LINT_GRANT_UNLIMITED] = {"grant-unlimited", "write grant: {longest: 4h, approvers: [...]}",
				  false},
	[LINT_UPDATE_ALWAYS] = {"update-always", "agree on hours, a mode, or demand a grant",
				false},
	[LINT_NAT_WRITES] = {"nat-writes",
			     "let one listed host change things, in front of the translation",
			     false},
	[LINT_NO_DMZ] = {"no-dmz", "relay it through a host in a zone of level dmz", false},
	[LINT_CHAIN] = {"chain", "end the path in a zone of level dmz", false},
	[LINT_WRITES_FROM_OUTSIDE] = {"writes-from-outside",
				      "let a host of the control-information zone write in its "
				      "place",
				      false},
	[LINT_SAFETY_REACHABLE] = {"safety-reachable",
				   "let the safety zone send by itself, or stay alone", false},
	[LINT_SAFETY_WRITTEN] = {"safety-written",
				 "change safety devices at the device, or with a grant", false},
	[LINT_TENANT_CROSSED] = {"tenant-crossed", "let them meet at a server that belongs to both",
				 false},
	[LINT_TENANT_CHAIN] = {"tenant-chain",
			       "let the tenant fetch from the shared server, not be called by it",
			       false},
	[LINT_CATCH_ALL] = {"catch-all",
			    "list the zone's own networks; leave any to a zone of level external",
			    false},
	[LINT_UNKNOWN_IGNORED] = {"unknown-ignored", "write unknown-devices: alert", false},
	[LINT_UNUSED_ZONE] = {"unused-zone", "remove it, or write its conduits", false},
	[LINT_NO_REASON] = {"no-reason", "write reason: what it is for", false},
	[LINT_NO_REFS] = {"no-refs", "write refs: [namespace:id]", true},
	[LINT_GUESSABLE] = {"guessable-plan", "choose a network that is nobody's default", true},
	[LINT_ACCEPT_UNUSED] = {"accept-unused", "remove the acceptance", false},
};

const struct lint_about *lint_about(enum lint_id id)
{
	return &about[id];
}

const char *lint_subject_name(enum lint_subject s)
{
	static const char *const name[LINT_SUBJECTS] = {"policy", "zone", "asset", "conduit",
							"watch"};

	return name[s];
}

const char *lint_subject_id(const struct policy *p, const struct lint_warning *w)
{
	switch ((enum lint_subject)w->subject) {
	case LINT_OF_ZONE:
		return p->zone[w->index].id;
	case LINT_OF_ASSET:
		return p->asset[w->index].id;
	case LINT_OF_CONDUIT:
		return p->conduit[w->index].pub.id;
	case LINT_OF_WATCH:
		return p->watch[w->index].pub.id;
	default:
		return "";
	}
}
