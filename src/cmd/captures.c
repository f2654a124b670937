#include "cmd/captures.h"

#include "base/hash.h"
#include "capture/pcap_file.h"

#include <stdlib.h>

#define PEEK 64 /* packets that tell captures apart */

static void peek(struct cmd_capture *c)
{
	struct raw_packet raw;
	char err[256];
	struct pcap_file *f = pcap_file_open(c->path, err, sizeof(err));
	unsigned i;

	for (i = 0; f && i < PEEK && pcap_file_next(f, &raw) > 0; i++) {
		c->first = i ? c->first : raw.time;
		c->print = hash_bytes(raw.data, raw.caplen, c->print ^ (uint64_t)raw.time);
	}
	pcap_file_close(f);
}

static int by_time(const void *a, const void *b)
{
	const struct cmd_capture *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->print < y->print ? -1 : x->print > y->print;
}

struct cmd_capture *cmd_captures(char **argv, int n)
{
	struct cmd_capture *c = calloc((size_t)n + 1, sizeof(*c));
	int i;

	if (!c)
		return NULL;
	for (i = 0; i < n; i++) {
		c[i].path = argv[i];
		peek(&c[i]);
	}
	qsort(c, (size_t)n, sizeof(*c), by_time);
	for (i = 0; i < n; i++)
		argv[i] = c[i].path;
	return c;
}
