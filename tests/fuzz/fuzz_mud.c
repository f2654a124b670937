/* Any bytes as a MUD file: mistakes are told, or what is written loads as part of a policy. */
#include "policy/mud.h"
#include "policy/policy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char rest[] = "zones:\n"
			   "  z: {level: iot, networks: [10.0.0.0/8]}\n"
			   "  end: {level: external, networks: [any]}\n"
			   "assets: {device: {zone: z, address: 10.0.0.1}}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mud_peer peers[] = {
		{"test.example.com", "end"}, {"ntp.example.com", "z"},
		{"my-controller", "end"},    {"https://meters.example/panel", "end"},
		{"192.0.2.16/28", "end"},    {"any", "end"},
		{"same-manufacturer", "z"},
	};
	const struct mud_config cfg = {"device", "z", peers, sizeof(peers) / sizeof(*peers)};
	struct diag diag = {0}, good = {0};
	struct policy *p;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool ok;

	if (!out)
		return 0;
	fputs(rest, out);
	ok = mud_import(&cfg, "fuzz", (const char *)data, size, &diag, out);
	fclose(out);
	if (ok != (diag.errors == 0))
		abort();
	if (ok) {
		p = policy_load_buffer("made", text, len, &good);
		if (!p) {
			diag_print(&good, stderr);
			abort();
		}
		policy_free(p);
	}
	free(text);
	diag_free(&diag);
	diag_free(&good);
	return 0;
}
