#include "packet/decode.h"

#include <stddef.h>
#include <stdlib.h>

#define NS_PER_S 1000000000LL

#define DEFAULT_FRAGMENTS_MAX	 1024
#define DEFAULT_FRAGMENT_TIMEOUT (30 * NS_PER_S)

void decode_anomaly(struct decode *c, enum anomaly_kind kind, const char *proto, const char *reason,
		    uint32_t value)
{
	struct packet *p = c->p;

	if (p->anomalies == PACKET_ANOMALIES_MAX) {
		c->d->stats.anomalies_dropped++;
		return;
	}
	p->anomaly[p->anomalies++] = (struct anomaly){
		.kind = (uint8_t)kind,
		.proto = proto,
		.reason = reason,
		.offset = c->base + c->r.off,
		.value = value,
		.frame = p->frame,
		.time = p->time,
	};
}

void decode_bad(struct decode *c, enum anomaly_kind kind, const char *proto, const char *reason,
		uint32_t value)
{
	decode_anomaly(c, kind, proto, reason, value);
	decode_deliver(c, PACKET_BAD);
}

void decode_short(struct decode *c, const char *proto)
{
	decode_bad(c, ANOMALY_PACKET_TRUNCATED, proto,
		   c->cut ? "the capture cut the header off" : "it ends inside the header", 0);
}

void decode_deliver(struct decode *c, enum packet_kind kind)
{
	struct slice rest = rd_rest(&c->r);

	c->p->kind = (uint8_t)kind;
	c->p->payload = rest.p;
	c->p->payload_len = rest.len;
	c->p->payload_missing = c->cut;
}

void decode_trim(struct decode *c, uint32_t len, const char *proto)
{
	uint32_t left = rd_left(&c->r);

	if (len <= left) {
		c->r.len -= left - len;
		c->cut = 0;
		return;
	}
	if (len - left > c->cut)
		decode_anomaly(c, ANOMALY_PACKET_TRUNCATED, proto,
			       "its length is more than what carries it", len);
	c->cut = len - left;
}

bool decode_checksum_bad(struct decode *c, const char *proto)
{
	c->p->checksum_bad = true;
	c->d->stats.checksum_bad++;
	if (!c->d->cfg.verify_checksums)
		return false;
	decode_bad(c, ANOMALY_CHECKSUM, proto, "wrong checksum", 0);
	return true;
}

struct packet_decoder *packet_decoder_new(const struct packet_config *cfg)
{
	struct packet_decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	if (cfg)
		d->cfg = *cfg;
	if (!d->cfg.fragments_max)
		d->cfg.fragments_max = DEFAULT_FRAGMENTS_MAX;
	if (!d->cfg.fragment_timeout)
		d->cfg.fragment_timeout = DEFAULT_FRAGMENT_TIMEOUT;
	d->fragments = fragments_new(&d->cfg);
	if (!d->fragments) {
		free(d);
		return NULL;
	}
	return d;
}

void packet_decode(struct packet_decoder *d, const struct raw_packet *raw, struct packet *out)
{
	struct decode c = {
		.d = d,
		.p = out,
		.r = rd_init(raw->data, raw->caplen),
		.cut = raw->wirelen > raw->caplen ? raw->wirelen - raw->caplen : 0,
	};

	memset(out, 0, offsetof(struct packet, anomaly));
	out->frame = raw->frame;
	out->file = raw->file;
	out->time = raw->time;
	out->wirelen = raw->wirelen;
	d->stats.packets++;
	d->stats.bytes += raw->wirelen;
	decode_linktype(&c, raw->linktype);
	d->stats.bad += out->kind == PACKET_BAD;
}

const struct packet_stats *packet_decoder_stats(const struct packet_decoder *d)
{
	return &d->stats;
}

void packet_decoder_free(struct packet_decoder *d)
{
	if (!d)
		return;
	fragments_free(d->fragments);
	free(d);
}
