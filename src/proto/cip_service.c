/*
 * The one table of CIP services: which object, which code, what it is called, what it is for and
 * who reads its data. CIP volume 1, appendix A (common services) and chapter 5 (objects); volume
 * 2 for the objects of EtherNet/IP; 1756-PM020 for Logix data access.
 *
 * A code from 0x4b on means something else on every object (0x4e is Forward Close on the
 * Connection Manager, Read Modify Write on a tag), hence the key is class and code.
 */
#include "proto/cip.h"

#include <stdlib.h>

#define ANY CIP_CLASS_ANY

/* Sorted by class, then code; ANY last. X(class, code, name, op class, codec) */
#define SERVICES(X)                                                                                \
	X(0x01, 0x01, "get-attributes-all", OP_DISCOVER, &cip_codec_identity)                      \
	X(0x01, 0x03, "get-attribute-list", OP_DISCOVER, &cip_codec_raw)                           \
	X(0x01, 0x0e, "get-attribute-single", OP_DISCOVER, &cip_codec_identity)                    \
	X(0x01, 0x4b, "flash-leds", OP_DIAGNOSE, NULL)                                             \
	X(0x02, 0x01, "get-attributes-all", OP_DISCOVER, &cip_codec_raw)                           \
	X(0x02, 0x03, "get-attribute-list", OP_DISCOVER, &cip_codec_raw)                           \
	X(0x02, 0x0a, "multiple-service-packet", OP_SESSION, &codec_multiple)                      \
	X(0x02, 0x0e, "get-attribute-single", OP_DISCOVER, &cip_codec_raw)                         \
	X(0x02, 0x4b, "symbolic-translation", OP_DISCOVER, &cip_codec_raw)                         \
	X(0x05, 0x4b, "connection-bind", OP_SESSION, NULL)                                         \
	X(0x05, 0x4c, "producing-application-lookup", OP_SESSION, NULL)                            \
	X(0x05, 0x4e, "safety-close", OP_SESSION, NULL)                                            \
	X(0x05, 0x54, "safety-open", OP_SESSION, NULL)                                             \
	X(0x06, 0x4e, "forward-close", OP_SESSION, &cip_codec_close)                               \
	X(0x06, 0x52, "unconnected-send", OP_SESSION, &codec_unconnected)                          \
	X(0x06, 0x54, "forward-open", OP_SESSION, &cip_codec_open)                                 \
	X(0x06, 0x56, "get-connection-data", OP_DIAGNOSE, &cip_codec_raw)                          \
	X(0x06, 0x57, "search-connection-data", OP_DIAGNOSE, &cip_codec_raw)                       \
	X(0x06, 0x5a, "get-connection-owner", OP_DIAGNOSE, &cip_codec_raw)                         \
	X(0x06, 0x5b, "large-forward-open", OP_SESSION, &cip_codec_open_large)                     \
	X(0x0f, 0x4b, "get-enum-string", OP_READ, &cip_codec_raw)                                  \
	X(0x37, 0x4b, "initiate-upload", OP_FILE, &cip_codec_raw)                                  \
	X(0x37, 0x4c, "initiate-download", OP_FILE, &cip_codec_raw)                                \
	X(0x37, 0x4d, "initiate-partial-read", OP_FILE, &cip_codec_raw)                            \
	X(0x37, 0x4e, "initiate-partial-write", OP_FILE, &cip_codec_raw)                           \
	X(0x37, 0x4f, "upload-transfer", OP_FILE, &cip_codec_raw)                                  \
	X(0x37, 0x50, "download-transfer", OP_FILE, &cip_codec_raw)                                \
	X(0x37, 0x51, "clear-file", OP_FILE, &cip_codec_raw)                                       \
	X(0x67, 0x4b, "execute-pccc", OP_SESSION, &cip_codec_pccc)                                 \
	X(0x6b, 0x01, "get-attributes-all", OP_DISCOVER, &cip_codec_raw)                           \
	X(0x6b, 0x03, "get-attribute-list", OP_DISCOVER, &cip_codec_raw)                           \
	X(0x6b, 0x0e, "get-attribute-single", OP_DISCOVER, &cip_codec_raw)                         \
	X(0x6b, 0x4c, "read-tag", OP_READ, &cip_codec_read_tag)                                    \
	X(0x6b, 0x4d, "write-tag", OP_WRITE, &cip_codec_write_tag)                                 \
	X(0x6b, 0x4e, "read-modify-write-tag", OP_WRITE, &cip_codec_modify_tag)                    \
	X(0x6b, 0x52, "read-tag-fragmented", OP_READ, &cip_codec_read_fragment)                    \
	X(0x6b, 0x53, "write-tag-fragmented", OP_WRITE, &cip_codec_write_fragment)                 \
	X(0x6b, 0x55, "get-instance-attribute-list", OP_DISCOVER, &cip_codec_raw)                  \
	X(0x6c, 0x01, "get-attributes-all", OP_DISCOVER, &cip_codec_raw)                           \
	X(0x6c, 0x03, "get-attribute-list", OP_DISCOVER, &cip_codec_raw)                           \
	X(0x6c, 0x0e, "get-attribute-single", OP_DISCOVER, &cip_codec_raw)                         \
	X(0x6c, 0x4c, "read-template", OP_DISCOVER, &cip_codec_raw)                                \
	X(0x72, 0x4c, "read-data-table", OP_READ, &cip_codec_data_table)                           \
	X(0x72, 0x4d, "write-data-table", OP_WRITE, &cip_codec_data_table)                         \
	X(0xf5, 0x4c, "get-and-clear", OP_DIAGNOSE, &cip_codec_raw)                                \
	X(0xf6, 0x4c, "get-and-clear", OP_DIAGNOSE, &cip_codec_raw)                                \
	X(ANY, 0x01, "get-attributes-all", OP_READ, &cip_codec_raw)                                \
	X(ANY, 0x02, "set-attributes-all", OP_CONFIG, &cip_codec_raw)                              \
	X(ANY, 0x03, "get-attribute-list", OP_READ, &cip_codec_raw)                                \
	X(ANY, 0x04, "set-attribute-list", OP_CONFIG, &cip_codec_raw)                              \
	X(ANY, 0x05, "reset", OP_CONTROL, &cip_codec_raw)                                          \
	X(ANY, 0x06, "start", OP_CONTROL, &cip_codec_raw)                                          \
	X(ANY, 0x07, "stop", OP_CONTROL, &cip_codec_raw)                                           \
	X(ANY, 0x08, "create", OP_CONFIG, &cip_codec_raw)                                          \
	X(ANY, 0x09, "delete", OP_CONFIG, &cip_codec_raw)                                          \
	X(ANY, 0x0a, "multiple-service-packet", OP_SESSION, &codec_multiple)                       \
	X(ANY, 0x0d, "apply-attributes", OP_CONFIG, &cip_codec_raw)                                \
	X(ANY, 0x0e, "get-attribute-single", OP_READ, &cip_codec_raw)                              \
	X(ANY, 0x10, "set-attribute-single", OP_CONFIG, &cip_codec_raw)                            \
	X(ANY, 0x11, "find-next-object-instance", OP_DISCOVER, &cip_codec_raw)                     \
	X(ANY, 0x14, "error-response", OP_DIAGNOSE, &cip_codec_raw)                                \
	X(ANY, 0x15, "restore", OP_CONFIG, &cip_codec_raw)                                         \
	X(ANY, 0x16, "save", OP_CONFIG, &cip_codec_raw)                                            \
	X(ANY, 0x17, "no-operation", OP_SESSION, NULL)                                             \
	X(ANY, 0x18, "get-member", OP_READ, &cip_codec_raw)                                        \
	X(ANY, 0x19, "set-member", OP_WRITE, &cip_codec_raw)                                       \
	X(ANY, 0x1a, "insert-member", OP_CONFIG, &cip_codec_raw)                                   \
	X(ANY, 0x1b, "remove-member", OP_CONFIG, &cip_codec_raw)                                   \
	X(ANY, 0x1c, "group-sync", OP_SESSION, NULL)                                               \
	X(ANY, 0x1d, "get-connection-point-member-list", OP_DISCOVER, &cip_codec_raw)

static const struct cip_codec codec_multiple = {
	.ask_inside = cip_multiple_request,
	.reply_inside = cip_multiple_reply,
};

static const struct cip_codec codec_unconnected = {
	.ask_inside = cip_unconnected_request,
};

#define AS_SERVICE(cls, code, name, op_class, codec) {cls, code, name, op_class, codec},
#define AS_VOCAB(cls, code, name, op_class, codec)   {name, code, op_class},

static const struct cip_service services[] = {SERVICES(AS_SERVICE)};

/* Codes that the table does not list, by range (volume 1, appendix A-2). */
static const struct cip_service common = {ANY, 0, "common-service", OP_CONFIG, &cip_codec_raw};
static const struct cip_service vendor = {ANY, 0, "vendor-specific-service", OP_CONFIG,
					  &cip_codec_raw};
static const struct cip_service object = {ANY, 0, "object-specific-service", OP_CONFIG,
					  &cip_codec_raw};
static const struct cip_service reserved = {ANY, 0, "reserved-service", OP_CONFIG, &cip_codec_raw};

/*
 * What an object is for changes what a service on it is for: setting an attribute of an assembly
 * writes process values, setting one of the TCP/IP object configures. The first line that fits
 * the class and the service range wins.
 */
static const struct {
	uint16_t first_cls, last_cls;
	uint8_t first_code, last_code;
	uint8_t op_class;
} purposes[] = {
	/* assembly; set-attributes-all, set-attribute-list, set-attribute-single */
	{0x04, 0x04, 0x02, 0x02, OP_WRITE},
	{0x04, 0x04, 0x04, 0x04, OP_WRITE},
	{0x04, 0x04, 0x10, 0x10, OP_WRITE},
	/* connection, connection manager: reading their state is diagnosis */
	{0x05, 0x06, 0x01, 0x01, OP_DIAGNOSE},
	{0x05, 0x06, 0x03, 0x03, OP_DIAGNOSE},
	{0x05, 0x06, 0x0e, 0x0e, OP_DIAGNOSE},
	/* register, discrete and analog points and groups, parameter */
	{0x07, 0x0f, 0x02, 0x02, OP_WRITE},
	{0x07, 0x0f, 0x04, 0x04, OP_WRITE},
	{0x07, 0x0f, 0x10, 0x10, OP_WRITE},
	/* motor data, control supervisor, AC/DC drive, overload, softstart */
	{0x28, 0x2e, 0x02, 0x02, OP_WRITE},
	{0x28, 0x2e, 0x04, 0x04, OP_WRITE},
	{0x28, 0x2e, 0x10, 0x10, OP_WRITE},
	/* file */
	{0x37, 0x37, 0x01, 0x7f, OP_FILE},
	/* device level ring, quality of service */
	{0x47, 0x48, 0x01, 0x01, OP_DIAGNOSE},
	{0x47, 0x48, 0x0e, 0x0e, OP_DIAGNOSE},
	/* Rockwell: controller, program, routine, module, symbol, template */
	{0x64, 0x70, 0x02, 0x02, OP_PROGRAM},
	{0x64, 0x70, 0x04, 0x04, OP_PROGRAM},
	{0x64, 0x70, 0x08, 0x09, OP_PROGRAM},
	{0x64, 0x70, 0x10, 0x10, OP_PROGRAM},
	{0x64, 0x70, 0x32, 0x63, OP_PROGRAM},
	/* Rockwell: non-volatile storage, where firmware goes */
	{0xa1, 0xa1, 0x02, 0x02, OP_FIRMWARE},
	{0xa1, 0xa1, 0x04, 0x0d, OP_FIRMWARE},
	{0xa1, 0xa1, 0x10, 0x10, OP_FIRMWARE},
	{0xa1, 0xa1, 0x32, 0x63, OP_FIRMWARE},
	/* port, TCP/IP interface, Ethernet link */
	{0xf4, 0xf6, 0x01, 0x01, OP_DIAGNOSE},
	{0xf4, 0xf6, 0x03, 0x03, OP_DIAGNOSE},
	{0xf4, 0xf6, 0x0e, 0x0e, OP_DIAGNOSE},
};

static const struct vocab_key keys[] = {
	{"service", VOCAB_CODE, 0, 0xff, 127},
	{"class", VOCAB_PATH, 0, 0xff, UINT32_MAX},
	{"instance", VOCAB_PATH, 1, 0xff, UINT32_MAX},
	{"attribute", VOCAB_PATH, 2, 0xff, UINT16_MAX},
	{"tag", VOCAB_NAME, OP_SPACE_TAG, 0xff, 0},
	{"slot", VOCAB_UNIT, 0, 0xff, 255},
	{NULL, 0, 0, 0, 0},
};

static const struct vocab_code codes[] = {
	SERVICES(AS_VOCAB) /* a name that is there for several objects has one code for all */
	{"io-data", 0, OP_WRITE},
	{"io-data-idle", 0, OP_WRITE},
	{NULL, 0, 0},
};

/* What a code is for depends on the object: there is no list of ops. */
const struct vocab cip_vocab = {
	.proto = "cip",
	.keys = keys,
	.codes = codes,
	.carrier = "enip",
	.port = 44818,
};

static int compare(const void *key, const void *element)
{
	const struct cip_service *a = key, *b = element;

	if (a->cls != b->cls)
		return a->cls < b->cls ? -1 : 1;
	return a->code < b->code ? -1 : a->code > b->code;
}

static const struct cip_service *exact(uint32_t cls, uint8_t code)
{
	const struct cip_service key = {.cls = cls, .code = code};

	return bsearch(&key, services, sizeof(services) / sizeof(*services), sizeof(*services),
		       compare);
}

const struct cip_service *cip_service_find(uint32_t cls, uint8_t code, uint8_t *op_class)
{
	/* A reply whose request is not known: the objects that own these codes most often. */
	static const uint32_t likely[] = {CIP_CLASS_SYMBOL, CIP_CLASS_CONNECTION_MANAGER,
					  CIP_CLASS_PCCC};
	const struct cip_service *s = exact(cls, code);
	unsigned i;

	if (s && cls != ANY) {
		*op_class = s->op_class;
		return s;
	}
	s = exact(ANY, code);
	for (i = 0; !s && cls == ANY && i < sizeof(likely) / sizeof(*likely); i++)
		s = exact(likely[i], code);
	if (!s)
		s = code < 0x32	  ? &common
		    : code < 0x4b ? &vendor
		    : code < 0x64 ? &object
				  : &reserved;
	*op_class = s->op_class;
	for (i = 0; i < sizeof(purposes) / sizeof(*purposes); i++)
		if (cls >= purposes[i].first_cls && cls <= purposes[i].last_cls &&
		    code >= purposes[i].first_code && code <= purposes[i].last_code) {
			*op_class = purposes[i].op_class;
			break;
		}
	return s;
}

bool cip_service_assigned(const struct cip_service *s)
{
	return s != &common && s != &reserved;
}

/* Volume 1, appendix B-1. */
static const char *const statuses[] = {
	[0x01] = "connection-failure",
	[0x02] = "resource-unavailable",
	[0x03] = "invalid-parameter-value",
	[0x04] = "path-segment-error",
	[0x05] = "path-destination-unknown",
	[0x06] = "partial-transfer",
	[0x07] = "connection-lost",
	[0x08] = "service-not-supported",
	[0x09] = "invalid-attribute-value",
	[0x0a] = "attribute-list-error",
	[0x0b] = "already-in-requested-mode",
	[0x0c] = "object-state-conflict",
	[0x0d] = "object-already-exists",
	[0x0e] = "attribute-not-settable",
	[0x0f] = "privilege-violation",
	[0x10] = "device-state-conflict",
	[0x11] = "reply-data-too-large",
	[0x12] = "fragmentation-of-a-primitive-value",
	[0x13] = "not-enough-data",
	[0x14] = "attribute-not-supported",
	[0x15] = "too-much-data",
	[0x16] = "object-does-not-exist",
	[0x17] = "service-fragmentation-sequence-not-in-progress",
	[0x18] = "no-stored-attribute-data",
	[0x19] = "store-operation-failure",
	[0x1a] = "routing-failure-request-too-large",
	[0x1b] = "routing-failure-response-too-large",
	[0x1c] = "missing-attribute-list-entry-data",
	[0x1d] = "invalid-attribute-value-list",
	[0x1e] = "embedded-service-error",
	[0x1f] = "vendor-specific-error",
	[0x20] = "invalid-parameter",
	[0x21] = "write-once-value-already-written",
	[0x22] = "invalid-reply-received",
	[0x23] = "buffer-overflow",
	[0x24] = "message-format-error",
	[0x25] = "key-failure-in-path",
	[0x26] = "path-size-invalid",
	[0x27] = "unexpected-attribute-in-list",
	[0x28] = "invalid-member-id",
	[0x29] = "member-not-settable",
	[0x2a] = "group-2-only-server-general-failure",
	[0x2b] = "unknown-modbus-error",
	[0x2c] = "attribute-not-gettable",
	[0x2d] = "instance-not-deletable",
	[0x2e] = "service-not-supported-for-specified-path",
};

const char *cip_status_name(uint32_t status)
{
	if (status == 0)
		return NULL;
	if (status < sizeof(statuses) / sizeof(*statuses))
		return statuses[status];
	return status >= 0xd0 ? "object-specific-error" : "reserved-status";
}

/* Vendor ids that ODVA assigned to makers often met; others are shown as their number. */
const char *cip_vendor_name(uint32_t id)
{
	static const struct {
		uint16_t id;
		const char *name;
	} vendors[] = {
		{1, "Rockwell Automation/Allen-Bradley"},
		{26, "Festo"},
		{40, "WAGO"},
		{44, "Yaskawa Electric"},
		{47, "OMRON"},
		{48, "Turck"},
		{90, "HMS Industrial Networks"},
		{108, "Beckhoff"},
		{161, "Mitsubishi Electric"},
		{243, "Schneider Electric"},
		{283, "Hilscher"},
		{356, "FANUC"},
		{367, "KEYENCE"},
		{562, "Phoenix Contact"},
		{678, "Cognex"},
		{808, "SICK"},
	};
	unsigned i;

	for (i = 0; i < sizeof(vendors) / sizeof(*vendors); i++)
		if (vendors[i].id == id)
			return vendors[i].name;
	return NULL;
}

uint8_t cip_type(uint16_t code, uint32_t *size)
{
	static const struct {
		uint8_t vtype, size;
	} types[] = {
		[0xc1 - 0xc0] = {OP_V_U8, 1},  [0xc2 - 0xc0] = {OP_V_I8, 1},
		[0xc3 - 0xc0] = {OP_V_I16, 2}, [0xc4 - 0xc0] = {OP_V_I32, 4},
		[0xc5 - 0xc0] = {OP_V_I64, 8}, [0xc6 - 0xc0] = {OP_V_U8, 1},
		[0xc7 - 0xc0] = {OP_V_U16, 2}, [0xc8 - 0xc0] = {OP_V_U32, 4},
		[0xc9 - 0xc0] = {OP_V_U64, 8}, [0xca - 0xc0] = {OP_V_F32, 4},
		[0xcb - 0xc0] = {OP_V_F64, 8}, [0xd1 - 0xc0] = {OP_V_U8, 1},
		[0xd2 - 0xc0] = {OP_V_U16, 2}, [0xd3 - 0xc0] = {OP_V_U32, 4},
		[0xd4 - 0xc0] = {OP_V_U64, 8},
	};

	*size = 0;
	if (code < 0xc0 || code - 0xc0u >= sizeof(types) / sizeof(*types) ||
	    types[code - 0xc0].size == 0)
		return OP_V_RAW;
	*size = types[code - 0xc0].size;
	return types[code - 0xc0].vtype;
}
