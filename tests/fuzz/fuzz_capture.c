/* Capture files, plain or packed, from memory: opening, reading to the end or the damage. */
#include "capture/pcap_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile uint32_t sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], err[256] = "";
	struct raw_packet raw;
	struct pcap_file *f;
	uint64_t frames = 0;
	int rc, fd = memfd_create("capture", 0);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	f = pcap_file_open(path, err, sizeof(err));
	close(fd);
	if (!f) {
		if (!err[0])
			abort();
		return 0;
	}
	while ((rc = pcap_file_next(f, &raw)) == 1) {
		if (raw.frame != ++frames)
			abort();
		if (raw.caplen)
			sink = raw.data[0] + raw.data[raw.caplen - 1];
	}
	if ((rc < 0) != (pcap_file_error(f)[0] != '\0'))
		abort();
	pcap_file_close(f);
	return 0;
}
