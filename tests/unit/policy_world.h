/* A loaded policy, and questions to it: what the tests of its meaning share. */
#include "op/vocab.h"
#include "policy/now.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static inline struct policy *must(const char *text, unsigned warnings)
{
	struct diag diag = {0};
	struct policy *p = policy_load_buffer("p.yaml", text, strlen(text), &diag);

	if (!p || diag.count != warnings)
		diag_print(&diag, stderr);
	assert_non_null(p);
	assert_int_equal(diag.count, warnings);
	diag_free(&diag);
	return p;
}

static inline struct policy_place at(const struct policy *p, const char *addr)
{
	struct addr a;

	assert_true(addr_parse(addr, &a));
	return policy_place(p, &a, NULL);
}

static inline struct policy_flow_decision flow(const struct policy *p, const char *client,
					       const char *server, uint8_t ip_proto, uint16_t port)
{
	return policy_flow(policy_rest(p), at(p, client), at(p, server), ip_proto, port);
}

static inline enum policy_verdict flow_verdict(const struct policy *p, const char *client,
					       const char *server, uint8_t ip_proto, uint16_t port)
{
	return (enum policy_verdict)flow(p, client, server, ip_proto, port).verdict;
}

static inline struct op modbus_op(enum op_class cls, int unit, uint64_t first, uint32_t count)
{
	return (struct op){
		.proto = vocab_find("modbus")->proto,
		.name = "",
		.cls = (uint8_t)cls,
		.unit = unit,
		.code = cls == OP_READ ? 3 : 16,
		.object = {.space = OP_SPACE_HOLDING, .first = first, .count = count},
	};
}
