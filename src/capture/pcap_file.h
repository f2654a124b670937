/*
 * capture/pcap_file.h - packets from capture files, through libpcap.
 *
 * pcap and pcapng, micro- and nanoseconds, "-" for standard input, and .gz or .zst by content,
 * never by name. The packet's bytes belong to libpcap and are valid until the next call.
 *
 * A damaged file is read as far as it goes: every whole packet before the damage is delivered, and
 * only then the error. The sentences do not name the file; the caller does.
 */
#ifndef KIDOBAN_CAPTURE_PCAP_FILE_H
#define KIDOBAN_CAPTURE_PCAP_FILE_H

#include <stddef.h>
#include <stdint.h>

/* A frame as it was captured, before anything is known about it. */
struct raw_packet {
	const uint8_t *data; /* captured bytes */
	uint32_t caplen;     /* how many */
	uint32_t wirelen;    /* how many there were on the wire */
	int64_t time;	     /* ns since 1970 UTC */
	uint64_t frame;	     /* number in its file, from 1 */
	int linktype;	     /* DLT_ value of libpcap */
	uint16_t file;	     /* which of several, from 0; the reader's caller says */
};

struct pcap_file;

/* Opens path ("-": standard input). NULL on failure, with a sentence in err. */
struct pcap_file *pcap_file_open(const char *path, char *err, size_t errlen);

/* 1: out is filled. 0: the end. -1: damaged or cut here, pcap_file_error() says how. */
int pcap_file_next(struct pcap_file *f, struct raw_packet *out);

const char *pcap_file_error(const struct pcap_file *f);

/* Bytes of the (compressed) file read so far and in all, for progress; total 0 if unknown. */
void pcap_file_progress(const struct pcap_file *f, uint64_t *done, uint64_t *total);

/* Accepts NULL. */
void pcap_file_close(struct pcap_file *f);

#endif
