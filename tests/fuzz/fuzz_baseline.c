/*
 * Any bytes as the text of a baseline, and as its compiled form: mistakes are told, or what is read
 * can be written, read back as the same, and compared with.
 */
#include "baseline/archive_impl.h"
#include "baseline/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void use(struct baseline *b)
{
	static const struct addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 40, 0, 5}};
	static const struct addr z = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 50, 0, 11}};
	struct op op = {.proto = "modbus",
			.name = "read-holding-registers",
			.code = 3,
			.unit = 1,
			.cls = OP_READ,
			.rtt = -1,
			.object = {.space = OP_SPACE_HOLDING, .first = 100, .count = 20}};
	int i;

	for (i = 0; i < 20; i++) {
		op.time = INT64_C(1790000000000000000) + i * INT64_C(500000000);
		baseline_op(b, &a, &z, &op);
		baseline_tick(b, op.time);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag diag = {0}, good = {0};
	struct baseline *b = baseline_load_text("fuzz", (const char *)data, size, NULL, &diag);
	struct baseline *back;
	char *text, *again;
	size_t len, more;

	if ((b != NULL) != (diag.errors == 0))
		abort();
	if (b) {
		text = baseline_text(b, &len);
		back = baseline_load_text("made", text, len, NULL, &good);
		diag_print(&good, stderr);
		again = back ? baseline_text(back, &more) : NULL;
		if (!again || strcmp(text, again) != 0)
			abort();
		free(again);
		free(text);
		baseline_free(back);
		use(b);
		if (baseline_state(b) == BASELINE_LEARNING)
			baseline_freeze(b, 0, NULL, NULL, 0);
		use(b);
		baseline_free(b);
	}
	b = size <= UINT32_MAX ? baseline_unpack(data, (uint32_t)size, NULL) : NULL;
	if (b)
		use(b);
	baseline_free(b);
	diag_free(&diag);
	diag_free(&good);
	return 0;
}
