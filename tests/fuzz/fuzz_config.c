/* Any bytes as kidoban.yaml: mistakes are told, or what is loaded agrees with itself. */
#include "run/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag diag = {0};
	struct run_config *c = run_config_load_buffer("etc/fuzz", (const char *)data, size, &diag);
	unsigned i, workers = 0;

	if (!c != (diag.errors > 0))
		abort();
	for (i = 0; c && i < c->sources; i++) {
		const struct run_source *s = &c->source[i];

		workers += s->workers;
		if (!s->workers || !s->ifaces[0] != (s->kind == RUN_QUEUE) ||
		    (s->kind == RUN_BRIDGE &&
		     (!s->ifaces[1] || s->ifaces[2] || strcmp(s->ifaces[0], s->ifaces[1]) == 0)))
			abort();
	}
	for (i = 0; c && i < c->outputs; i++) {
		const struct output_config *o = &c->output[i];
		bool has_path = o->kind == OUTPUT_FILE || o->kind == OUTPUT_UNIX;

		if (!o->events || has_path != (o->path != NULL) ||
		    (!has_path && !o->host != (o->kind == OUTPUT_JOURNAL)) ||
		    (o->host && !o->port) || !o->cert != !o->key)
			abort();
	}
	if (c && (!c->sources || !c->outputs || workers > RUN_WORKERS_MAX ||
		  (c->metrics_host && !c->metrics_port)))
		abort();
	run_config_free(c);
	diag_free(&diag);
	return 0;
}
