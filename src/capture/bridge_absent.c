/* A build without libnftables: nobody would stand in for kidoban on a bridge. */
#include "capture/bridge.h"

#include <stdio.h>

struct source *bridge_open(const struct bridge_config *cfg, char *err, size_t errlen)
{
	snprintf(err, errlen,
		 "a bridge between %s and %s: this kidoban was built without libnftables",
		 cfg->iface[0], cfg->iface[1]);
	return NULL;
}

bool bridge_wire(struct source *s, const char *wire, char *err, size_t errlen)
{
	(void)s;
	(void)wire;
	snprintf(err, errlen, "this kidoban was built without libnftables");
	return false;
}
