#include "capture/pcap_file.h"

#include "capture/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S 1000000000

struct pcap_file {
	pcap_t *pcap;
	struct unpack *unpack;
	uint64_t frame; /* packets delivered */
	uint64_t total; /* bytes of the file, 0 if unknown */
	int linktype;
	char error[256]; /* set once the file is known to be damaged */
};

/* What libpcap says, and what a reader of the sentence can do something with. */
static const struct {
	const char *said, *sentence;
} sentences[] = {
	{"unknown file format", "not a capture file (pcap or pcapng, plain or in gzip or zstd)"},
	{"truncated", "the file is cut short"},
	{"different from the type of the first",
	 "an interface has another link type than the first, which libpcap cannot read; "
	 "save each interface to a file of its own"},
	{"different from the snapshot length",
	 "an interface has another snapshot length than the first, which libpcap cannot read; "
	 "save each interface to a file of its own"},
};

/* The cause of a failure, clearest first: our decompression, a known sentence, libpcap's words. */
static const char *cause(const struct unpack *u, const char *said)
{
	size_t i;

	if (unpack_error(u))
		return unpack_error(u);
	for (i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (strstr(said, sentences[i].said))
			return sentences[i].sentence;
	return said;
}

static int open_fd(const char *path, uint64_t *total, char *err, size_t errlen)
{
	struct stat st;
	int fd;

	if (strcmp(path, "-") == 0)
		fd = dup(STDIN_FILENO);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(err, errlen, "cannot be opened: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*total = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	return fd;
}

static pcap_t *open_pcap(struct unpack *u, char *err, size_t errlen)
{
	char said[PCAP_ERRBUF_SIZE] = "out of memory";
	FILE *fp = unpack_stream(u);
	pcap_t *pcap = NULL;

	if (fp) {
		__fsetlocking(fp, FSETLOCKING_BYCALLER); /* one reader: no lock per fread() */
		pcap = pcap_fopen_offline_with_tstamp_precision(fp, PCAP_TSTAMP_PRECISION_NANO,
								said);
	}
	if (!pcap) {
		snprintf(err, errlen, "%s", cause(u, said));
		if (fp)
			fclose(fp);
	}
	return pcap;
}

struct pcap_file *pcap_file_open(const char *path, char *err, size_t errlen)
{
	struct pcap_file *f;
	const char *why;
	uint64_t total;
	int fd = open_fd(path, &total, err, errlen);

	if (fd < 0)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f) {
		close(fd);
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	f->total = total;
	f->unpack = unpack_new(fd, &why);
	if (!f->unpack) {
		snprintf(err, errlen, "%s", why);
		pcap_file_close(f);
		return NULL;
	}
	f->pcap = open_pcap(f->unpack, err, errlen);
	if (!f->pcap) {
		pcap_file_close(f);
		return NULL;
	}
	f->linktype = pcap_datalink(f->pcap);
	return f;
}

/* Seconds come from the file: a hostile one must not overflow the sum. */
static int64_t time_ns(const struct timeval *tv)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)tv->tv_sec, NS_PER_S, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)tv->tv_usec, &ns))
		return tv->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

int pcap_file_next(struct pcap_file *f, struct raw_packet *out)
{
	struct pcap_pkthdr *h;
	const u_char *data;
	int rc;

	if (f->error[0])
		return -1;
	rc = pcap_next_ex(f->pcap, &h, &data);
	if (rc == PCAP_ERROR_BREAK)
		return 0;
	if (rc != 1) {
		snprintf(f->error, sizeof(f->error), "in packet %" PRIu64 ": %s", f->frame + 1,
			 cause(f->unpack, pcap_geterr(f->pcap)));
		return -1;
	}
	out->data = data;
	out->caplen = h->caplen;
	out->wirelen = h->len;
	out->time = time_ns(&h->ts);
	out->frame = ++f->frame;
	out->linktype = f->linktype;
	return 1;
}

const char *pcap_file_error(const struct pcap_file *f)
{
	return f->error;
}

void pcap_file_progress(const struct pcap_file *f, uint64_t *done, uint64_t *total)
{
	*done = unpack_done(f->unpack);
	*total = f->total;
}

void pcap_file_close(struct pcap_file *f)
{
	if (!f)
		return;
	if (f->pcap)
		pcap_close(f->pcap); /* closes the stream too */
	unpack_free(f->unpack);
	free(f);
}
