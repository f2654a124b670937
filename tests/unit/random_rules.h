/*
 * Random rules, and random ops that lie close to their boundaries, of kinds the vocabularies say
 * there are. Everything comes from `seed`; YAML goes to `text`.
 */
static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

#define PICK(a) ((a)[rnd(sizeof(a) / sizeof(*(a)))])

static char text[65536];
static size_t used;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	used += (size_t)vsnprintf(text + used, sizeof(text) - used, fmt, ap);
	va_end(ap);
	assert_true(used < sizeof(text));
}

/* --- random rules --- */

static void put_ranges(const char *key, unsigned limit, const char *to)
{
	unsigned n = 1 + rnd(3), i, lo, hi;

	if (rnd(9) == 0 && strcmp(to, "-") == 0) {
		put(", %s: any", key);
		return;
	}
	put(", %s: [", key);
	for (i = 0; i < n; i++) {
		lo = rnd(limit);
		hi = lo + rnd(limit);
		put("%s%u%s%u", i ? ", " : "", lo, to, rnd(3) ? hi : lo);
	}
	put("]");
}

static const char *const filters[] = {"a/#", "a/+", "#", "+/b", "a/b/c", "+/+/#", "+", "a", "b/#"};
static const char *const tags[] = {"A*", "*x", "A?x", "Line.B", "*", "Ab*", "A", "Ax", "?*", "*b*"};
static const char *const clients[] = {"gw-*", "?", "me", "*", "gw-1*", "gw-1"};

static void put_texts(const char *key, const char *const *list, unsigned n)
{
	unsigned k = 1 + rnd(2), i;

	put(", %s: [", key);
	for (i = 0; i < k; i++)
		put("%s\"%s\"", i ? ", " : "", list[rnd(n)]);
	put("]");
}

#define TEXTS(a) a, sizeof(a) / sizeof(*(a))

static void put_modbus(void)
{
	static const char *const classes[] = {"any", "write", "read", "[read, write]", "[write]"};
	bool any = true;

	put("{do: %s", PICK(classes));
	any = strncmp(text + used - 4, "read", 4) != 0;
	if (rnd(3) == 0)
		put_ranges("unit", 4, "-");
	if (rnd(3) == 0)
		put_ranges("function", 24, "-");
	if (rnd(2))
		put_ranges("holding", 12, "-");
	if (rnd(4) == 0)
		put_ranges("coil", 12, "-");
	if (rnd(6) == 0)
		put_ranges("record", 6, "-");
	if (rnd(6) == 0)
		put_ranges("file", 4, "-");
	if (any && rnd(2))
		put_ranges("value", 12, "..");
}

static void put_cip(void)
{
	put("{do: %s", rnd(2) ? "any" : "write");
	if (rnd(3) == 0)
		put_ranges("slot", 4, "-");
	if (rnd(4) == 0)
		put_ranges("service", 6, "-");
	if (rnd(2))
		put_ranges("class", 4, "-");
	if (rnd(3) == 0)
		put_ranges("instance", 4, "-");
	if (rnd(2))
		put_texts("tag", TEXTS(tags));
	if (rnd(2))
		put_ranges("value", 12, "..");
}

static void put_mqtt(void)
{
	static const char *const classes[] = {"any", "write", "[read, write]"};

	put("{do: %s", PICK(classes));
	if (rnd(4))
		put_texts("topic", TEXTS(filters));
	if (rnd(2))
		put_texts("client", TEXTS(clients));
	if (rnd(4) == 0)
		put_ranges("packet", 5, "-");
	if (rnd(4) == 0)
		put_ranges("value", 12, "..");
}

enum proto { MODBUS, CIP, MQTT, PROTOS };

static const char *const names[] = {"modbus", "cip", "mqtt"};

static void put_rule(enum proto proto)
{
	put("      - %s: ", names[proto]);
	(proto == MODBUS ? put_modbus : proto == CIP ? put_cip : put_mqtt)();
	if (rnd(5) == 0)
		put_ranges("port", 6, "-");
	put("}\n");
}

/* --- random ops --- */

static const char *const topic_names[] = {"a", "a/b", "a/b/c", "b",  "b/b", "a/+", "a/#",
					  "#", "+/b", "$x/b",  "a/", "/b",  "x",   "a/x/x"};
static const char *const tag_names[] = {"Ax", "Abx", "A", "Line.B", "Line", "x", "", "Ab", "bb"};
static const char *const client_names[] = {"gw-1", "gw-", "m", "me", "", "gw-12", "zz"};

static double number;
static uint16_t small[2];

static void random_value(struct op *op, bool mask)
{
	unsigned v = rnd(26);

	op->values = (struct op_values){.count = 1, .big_endian = false};
	if (mask) {
		small[0] = (uint16_t)rnd(16);
		small[1] = (uint16_t)rnd(16);
		op->values.type = OP_V_MASK16;
		op->values.raw = slice_of((const uint8_t *)small, 4);
	} else if (op->object.space == OP_SPACE_HOLDING || op->object.space == OP_SPACE_COIL) {
		small[0] = (uint16_t)(op->object.space == OP_SPACE_COIL ? v % 2 : v);
		op->values.type = op->object.space == OP_SPACE_COIL ? OP_V_BIT : OP_V_U16;
		op->values.raw = slice_of((const uint8_t *)small, 2);
	} else if (rnd(6)) {
		number = (double)v / 2;
		op->values.type = OP_V_F64;
		op->values.raw = slice_of((const uint8_t *)&number, 8);
	} else {
		op->values.type = OP_V_TEXT;
		op->values.raw = slice_str("word");
	}
}

/* Near the boundaries, and of a kind that the vocabulary says there is. */
static struct op random_op(enum proto proto, uint16_t *port)
{
	const struct vocab *v = vocab_find(names[proto]);
	const struct vocab_op *kinds = v->ops;
	struct op op = {.proto = v->proto, .name = "", .unit = (int32_t)rnd(6)};
	unsigned n = 0, i;
	bool mask = false;

	*port = (uint16_t)rnd(13);
	if (kinds) {
		while (kinds[n].cls != OP_CLASSES)
			n++;
		do
			kinds = &v->ops[rnd(n)];
		while (kinds->cls != OP_READ && kinds->cls != OP_WRITE && rnd(3));
		op.cls = kinds->cls;
		op.code = kinds->code;
		op.object.space = kinds->space;
		mask = kinds->mask;
	} else {
		op.cls = (uint8_t)(rnd(2) ? OP_WRITE : rnd(OP_CLASSES));
		op.code = rnd(13);
		op.object.space = PICK(((uint8_t[]){OP_SPACE_OBJECT, OP_SPACE_TAG, OP_SPACE_NONE}));
		op.unit -= 1;
	}
	if (op.object.space == OP_SPACE_OBJECT || op.object.space == OP_SPACE_TAG)
		op.object.npath = (uint8_t)rnd(4);
	if (op.object.space == OP_SPACE_FILE_RECORD)
		op.object.npath = 1;
	for (i = 0; i < op.object.npath; i++)
		op.object.path[i] = rnd(9);
	op.object.first = rnd(25);
	op.object.count = 1;
	if (op.object.space == OP_SPACE_TAG)
		op.object.name = slice_str(PICK(tag_names));
	if (proto == MQTT) {
		op.unit = -1;
		op.actor = slice_str(PICK(client_names));
		/* nobody can publish to a filter */
		do
			op.object.name = op.object.space ? slice_str(PICK(topic_names))
							 : (struct slice){NULL, 0};
		while (op.cls == OP_WRITE && op.object.name.len &&
		       (memchr(op.object.name.p, '+', op.object.name.len) ||
			memchr(op.object.name.p, '#', op.object.name.len)));
	}
	if (op.cls == OP_WRITE)
		random_value(&op, mask);
	return op;
}
