/* Any bytes as an expectations file: mistakes are told, or it can be asked for its results. */
#include "report/expect.h"

#include <stdlib.h>

static const char text[] =
	"zones:\n"
	"  a: {level: control, networks: [10.0.0.0/8]}\n"
	"  b: {level: field, networks: [172.16.0.0/12]}\n"
	"assets: {hmi-1: {zone: a, address: 10.40.0.5}, plc-1: {zone: b, address: "
	"172.16.0.1}}\n"
	"groups: {panels: [hmi-1]}\n"
	"conduits:\n"
	"  - {id: screens, from: hmi-1, to: plc-1, allow: [{modbus: any}]}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *const files[] = {NULL};
	struct diag diag = {0}, good = {0};
	struct policy *p = policy_load_buffer("policy", text, sizeof(text) - 1, &good);
	struct catalogue *c = catalogue_builtin(&good);
	struct expect *x = expect_load_buffer("fuzz", (const char *)data, size, p, c, &diag);
	struct incident incident = {.verdict = "alert", .op_proto = "modbus", .has_op = true};
	struct expect_result result;
	struct record record;
	unsigned i;

	if (!p || !c || !x != (diag.errors > 0))
		abort();
	if (x && record_init(&record, p)) {
		incident.finding = catalogue_at(c, (unsigned)(size % 8));
		expect_finding(x, &incident);
		for (i = 0; expect_result_at(x, i, &record, files, i % 2 ? FINDING_JA : FINDING_EN,
					     &result);
		     i++)
			if (!result.text || !result.seen)
				abort();
		record_free(&record);
	}
	expect_free(x);
	catalogue_free(c);
	policy_free(p);
	diag_free(&diag);
	diag_free(&good);
	return 0;
}
