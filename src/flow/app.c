/* The one adaptor to nDPI 4.2; see app.h for what it is asked. */
#include "flow/app.h"

#ifdef HAVE_NDPI

#include "flow/pool.h"

#include <ctype.h>
#include <ndpi/ndpi_api.h>
#include <pthread.h>
#include <stdlib.h>

#define NAME_LEN     32
#define HEADERS_MAX  60	  /* IPv6 and TCP */
#define PAYLOAD_SEEN 4096 /* bytes of one payload that nDPI gets */

struct app_flow {
	uint32_t seq[2];	      /* made up, by side */
	struct ndpi_flow_struct ndpi; /* nDPI's own */
};

struct app {
	struct ndpi_detection_module_struct *ndpi;
	struct slab flows;
	uint8_t packet[HEADERS_MAX + PAYLOAD_SEEN];
};

/* Incidents and records keep flow.app, so names outlive every tracker. */
static char names[NDPI_MAX_SUPPORTED_PROTOCOLS + NDPI_MAX_NUM_CUSTOM_PROTOCOLS][NAME_LEN];
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;

#define NAMES (sizeof(names) / sizeof(*names))

static void read_names(struct app *a)
{
	unsigned n = ndpi_get_num_supported_protocols(a->ndpi), i, k;

	pthread_mutex_lock(&names_lock);
	for (i = 0; i < n && i < NAMES; i++) {
		const char *s = ndpi_get_proto_name(a->ndpi, (uint16_t)i);

		for (k = 0; s && s[k] && k < NAME_LEN - 1; k++)
			names[i][k] = (char)tolower((unsigned char)s[k]);
	}
	pthread_mutex_unlock(&names_lock);
}

struct app *app_new(void)
{
	struct app *a = calloc(1, sizeof(*a));
	NDPI_PROTOCOL_BITMASK all;

	if (!a)
		return NULL;
	a->ndpi = ndpi_init_detection_module(ndpi_dont_load_tor_hosts | ndpi_dont_init_libgcrypt);
	if (!a->ndpi) {
		free(a);
		return NULL;
	}
	NDPI_BITMASK_SET_ALL(all);
	ndpi_set_protocol_detection_bitmask2(a->ndpi, &all);
	ndpi_finalize_initialization(a->ndpi);
	slab_init(&a->flows, sizeof(struct app_flow), 0, APP_FLOWS_MAX);
	read_names(a);
	return a;
}

struct app_flow *app_flow_get(struct app *a)
{
	return slab_get(&a->flows);
}

void app_flow_put(struct app *a, struct app_flow *af)
{
	if (!af)
		return;
	ndpi_free_flow_data(&af->ndpi);
	slab_put(&a->flows, af);
}

static const char *name_of(ndpi_protocol p)
{
	uint16_t id =
		p.master_protocol != NDPI_PROTOCOL_UNKNOWN ? p.master_protocol : p.app_protocol;

	if (id == NDPI_PROTOCOL_UNKNOWN || id >= NAMES)
		return NULL;
	return names[id][0] ? names[id] : NULL;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* IPv4 (RFC 791, 3.1) or IPv6 (RFC 8200, 3); returns the length. */
static uint32_t ip_header(uint8_t *h, const struct flow *f, unsigned side, uint32_t payload)
{
	const struct addr *src = &f->addr[side], *dst = &f->addr[!side];

	memset(h, 0, 40);
	if (addr_is_v4(src)) {
		h[0] = 0x45;
		put16(h + 2, 20 + payload);
		h[8] = 64;
		h[9] = f->ip_proto;
		memcpy(h + 12, src->b + 12, 4);
		memcpy(h + 16, dst->b + 12, 4);
		return 20;
	}
	h[0] = 0x60;
	put16(h + 4, payload);
	h[6] = f->ip_proto;
	h[7] = 64;
	memcpy(h + 8, src->b, 16);
	memcpy(h + 24, dst->b, 16);
	return 40;
}

/* TCP (RFC 9293, 3.1) with ACK and PSH, or UDP (RFC 768); returns the length. */
static uint32_t transport_header(uint8_t *h, const struct flow *f, struct app_flow *af,
				 unsigned side, uint32_t payload)
{
	if (f->ip_proto != 6 && f->ip_proto != 17)
		return 0;
	memset(h, 0, 20);
	put16(h, f->port[side]);
	put16(h + 2, f->port[!side]);
	if (f->ip_proto == 17) {
		put16(h + 4, 8 + payload);
		return 8;
	}
	put32(h + 4, af->seq[side] + 1);
	put32(h + 8, af->seq[!side] + 1);
	h[12] = 5 << 4;
	h[13] = 0x18;
	put16(h + 14, 0xffff);
	af->seq[side] += payload;
	return 20;
}

const char *app_packet(struct app *a, struct app_flow *af, const struct flow *f, unsigned side,
		       const uint8_t *p, uint32_t n, int64_t time)
{
	uint8_t transport[20];
	uint32_t ip, tp;

	if (n > PAYLOAD_SEEN)
		n = PAYLOAD_SEEN;
	tp = transport_header(transport, f, af, side, n);
	ip = ip_header(a->packet, f, side, tp + n);
	memcpy(a->packet + ip, transport, tp);
	memcpy(a->packet + ip + tp, p, n);
	return name_of(ndpi_detection_process_packet(a->ndpi, &af->ndpi, a->packet,
						     (uint16_t)(ip + tp + n),
						     (uint64_t)(time / 1000000)));
}

const char *app_give_up(struct app *a, struct app_flow *af)
{
	uint8_t guessed = 0;

	return name_of(ndpi_detection_giveup(a->ndpi, &af->ndpi, 0, &guessed));
}

void app_free(struct app *a)
{
	if (!a)
		return;
	ndpi_exit_detection_module(a->ndpi);
	slab_clear(&a->flows);
	free(a);
}

#else

struct app *app_new(void)
{
	return NULL;
}

struct app_flow *app_flow_get(struct app *a)
{
	(void)a;
	return NULL;
}

void app_flow_put(struct app *a, struct app_flow *af)
{
	(void)a;
	(void)af;
}

const char *app_packet(struct app *a, struct app_flow *af, const struct flow *f, unsigned side,
		       const uint8_t *p, uint32_t n, int64_t time)
{
	(void)a, (void)af, (void)f, (void)side, (void)p, (void)n, (void)time;
	return NULL;
}

const char *app_give_up(struct app *a, struct app_flow *af)
{
	(void)a, (void)af;
	return NULL;
}

void app_free(struct app *a)
{
	(void)a;
}

#endif
