/* Capture files made by hand: every format, packed and not, whole and damaged. */
#include "capture/pcap_file.h"

#include <fcntl.h>
#include <pcap/dlt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define PACKETS 20

struct blob {
	uint8_t b[65536];
	size_t n;
};

static char path[64]; /* the file under test */
static char err[256];

static void put(struct blob *o, const void *p, size_t n)
{
	assert_true(o->n + n <= sizeof(o->b));
	memcpy(o->b + o->n, p, n);
	o->n += n;
}

static void u16(struct blob *o, uint16_t v)
{
	put(o, &v, 2);
}

static void u32(struct blob *o, uint32_t v)
{
	put(o, &v, 4);
}

/* Packet i has 10 + i bytes of the value i; it is at i seconds and i nanoseconds. */
static void body(struct blob *o, unsigned i, unsigned pad)
{
	uint8_t bytes[64];

	memset(bytes, (int)i, sizeof(bytes));
	put(o, bytes, 10 + i);
	memset(bytes, 0, sizeof(bytes));
	put(o, bytes, pad);
}

static void make_pcap(struct blob *o, uint32_t magic, unsigned packets)
{
	unsigned i;

	o->n = 0;
	u32(o, magic);
	u16(o, 2);
	u16(o, 4);
	u32(o, 0);
	u32(o, 0);
	u32(o, 65535);
	u32(o, DLT_EN10MB);
	for (i = 1; i <= packets; i++) {
		u32(o, i);
		u32(o, magic == 0xa1b23c4d ? i : i * 1000);
		u32(o, 10 + i);
		u32(o, 100 + i);
		body(o, i, 0);
	}
}

static void interface(struct blob *o, unsigned linktype)
{
	u32(o, 1);
	u32(o, 32);
	u16(o, (uint16_t)linktype);
	u16(o, 0);
	u32(o, 65535);
	u16(o, 9); /* if_tsresol: nanoseconds */
	u16(o, 1);
	u32(o, 9);
	u32(o, 0); /* end of options */
	u32(o, 32);
}

/* With a second interface of another link type in the middle, if second is not the first's. */
static void make_pcapng(struct blob *o, unsigned packets, unsigned second)
{
	unsigned i;

	o->n = 0;
	u32(o, 0x0a0d0d0a);
	u32(o, 28);
	u32(o, 0x1a2b3c4d);
	u16(o, 1);
	u16(o, 0);
	u32(o, 0xffffffff);
	u32(o, 0xffffffff);
	u32(o, 28);
	interface(o, DLT_EN10MB);
	for (i = 1; i <= packets; i++) {
		unsigned len = 10 + i, pad = -len & 3;
		uint64_t time = i * UINT64_C(1000000001);

		if (i == packets / 2)
			interface(o, second);
		u32(o, 6);
		u32(o, 32 + len + pad);
		u32(o, i > packets / 2);
		u32(o, (uint32_t)(time >> 32));
		u32(o, (uint32_t)time);
		u32(o, len);
		u32(o, 100 + i);
		body(o, i, pad);
		u32(o, 32 + len + pad);
	}
}

static void pack_gzip(struct blob *o, const struct blob *in)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)in->b;
	z.avail_in = (uInt)in->n;
	z.next_out = o->b + o->n;
	z.avail_out = (uInt)(sizeof(o->b) - o->n);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	o->n += z.total_out;
	deflateEnd(&z);
}

static void pack_zstd(struct blob *o, const struct blob *in)
{
	size_t n = ZSTD_compress(o->b + o->n, sizeof(o->b) - o->n, in->b, in->n, 3);

	assert_false(ZSTD_isError(n));
	o->n += n;
}

static void save(const struct blob *o, size_t n)
{
	FILE *fp = fopen(path, "wb");

	assert_non_null(fp);
	assert_int_equal(fwrite(o->b, 1, n, fp), n);
	fclose(fp);
}

/* Reads to the end or the damage; checks each packet. Returns what pcap_file_next() said last. */
static int read_all(struct pcap_file *f, unsigned *packets)
{
	struct raw_packet r;
	int rc;

	*packets = 0;
	while ((rc = pcap_file_next(f, &r)) == 1) {
		unsigned i = ++*packets;

		assert_int_equal(r.frame, i);
		assert_int_equal(r.linktype, DLT_EN10MB);
		assert_int_equal(r.caplen, 10 + i);
		assert_int_equal(r.wirelen, 100 + i);
		assert_true(r.time / 1000000000 == i && r.time % 1000000000 != 0);
		assert_int_equal(r.data[0], i);
		assert_int_equal(r.data[r.caplen - 1], i);
	}
	return rc;
}

static void assert_reads(const char *name, unsigned want)
{
	struct pcap_file *f = pcap_file_open(name, err, sizeof(err));
	uint64_t done, total;
	unsigned n;

	assert_non_null(f);
	assert_int_equal(read_all(f, &n), 0);
	assert_int_equal(n, want);
	assert_string_equal(pcap_file_error(f), "");
	pcap_file_progress(f, &done, &total);
	assert_true(done > 0 && (total == 0 || done == total));
	pcap_file_close(f);
}

static void assert_refused(const char *name, const char *why)
{
	assert_null(pcap_file_open(name, err, sizeof(err)));
	assert_non_null(strstr(err, why));
}

static void test_formats(void **state)
{
	static struct blob plain[3], packed;
	int i;

	(void)state;
	make_pcap(&plain[0], 0xa1b2c3d4, PACKETS);
	make_pcap(&plain[1], 0xa1b23c4d, PACKETS);
	make_pcapng(&plain[2], PACKETS, DLT_EN10MB);
	for (i = 0; i < 3; i++) {
		save(&plain[i], plain[i].n);
		assert_reads(path, PACKETS);
		packed.n = 0;
		pack_gzip(&packed, &plain[i]);
		save(&packed, packed.n);
		assert_reads(path, PACKETS);
		packed.n = 0;
		pack_zstd(&packed, &plain[i]);
		save(&packed, packed.n);
		assert_reads(path, PACKETS);
	}
}

/* gzip members and zstd frames may follow one another. */
static void test_packed_in_parts(void **state)
{
	static struct blob plain, part, packed;
	void (*pack[])(struct blob * o, const struct blob *in) = {pack_gzip, pack_zstd};
	size_t at, n;
	int i;

	(void)state;
	make_pcap(&plain, 0xa1b2c3d4, PACKETS);
	for (i = 0; i < 2; i++) {
		packed.n = 0;
		for (at = 0; at < plain.n; at += n) {
			n = plain.n - at < 99 ? plain.n - at : 99;
			part.n = 0;
			put(&part, plain.b + at, n);
			pack[i](&packed, &part);
		}
		save(&packed, packed.n);
		assert_reads(path, PACKETS);
	}
}

static void test_standard_input(void **state)
{
	static struct blob plain, packed[3];
	int i, kept = dup(STDIN_FILENO), fd[2];

	(void)state;
	make_pcap(&plain, 0xa1b2c3d4, PACKETS);
	put(&packed[0], plain.b, plain.n);
	pack_gzip(&packed[1], &plain);
	pack_zstd(&packed[2], &plain);
	for (i = 0; i < 3; i++) {
		save(&packed[i], packed[i].n); /* a file */
		fd[0] = open(path, O_RDONLY);
		assert_true(fd[0] >= 0);
		dup2(fd[0], STDIN_FILENO);
		close(fd[0]);
		assert_reads("-", PACKETS);

		assert_int_equal(pipe(fd), 0); /* a pipe */
		assert_int_equal(write(fd[1], packed[i].b, packed[i].n), packed[i].n);
		close(fd[1]);
		dup2(fd[0], STDIN_FILENO);
		close(fd[0]);
		assert_reads("-", PACKETS);
	}
	dup2(kept, STDIN_FILENO);
	close(kept);
}

/* Whatever is cut off: whole packets come, nothing is made up, and the end is not called good. */
static void cut_everywhere(const struct blob *o, const size_t *ends, unsigned nends)
{
	struct pcap_file *f;
	unsigned n, i;
	size_t len;
	bool good;
	int rc;

	for (len = 0; len < o->n; len++) {
		save(o, len);
		f = pcap_file_open(path, err, sizeof(err));
		if (!f) {
			assert_true(err[0]);
			continue;
		}
		rc = read_all(f, &n);
		for (good = false, i = 0; i < nends; i++)
			good |= len == ends[i];
		assert_int_equal(rc, good ? 0 : -1);
		assert_int_equal(!pcap_file_error(f)[0], good);
		assert_true(n <= PACKETS);
		if (!good) {
			struct raw_packet r;
			char where[32];

			snprintf(where, sizeof(where), "in packet %u: ", n + 1);
			assert_non_null(strstr(pcap_file_error(f), where));
			assert_int_equal(pcap_file_next(f, &r), -1);
		}
		pcap_file_close(f);
	}
}

static void test_cut_everywhere(void **state)
{
	static struct blob plain, packed;
	size_t ends[PACKETS], at = 24;
	unsigned i;

	(void)state;
	make_pcap(&plain, 0xa1b2c3d4, PACKETS);
	for (i = 0; i < PACKETS; i++) {
		ends[i] = at;
		at += 16 + 10 + i + 1;
	}
	cut_everywhere(&plain, ends, PACKETS);
	packed.n = 0;
	pack_gzip(&packed, &plain);
	cut_everywhere(&packed, NULL, 0);
	packed.n = 0;
	pack_zstd(&packed, &plain);
	cut_everywhere(&packed, NULL, 0);
}

static void test_damaged(void **state)
{
	static struct blob plain, packed;
	struct pcap_file *f;
	unsigned n;

	(void)state;
	make_pcap(&plain, 0xa1b2c3d4, PACKETS);
	pack_gzip(&packed, &plain);
	packed.b[packed.n - 6] ^= 1; /* its CRC */
	save(&packed, packed.n);
	f = pcap_file_open(path, err, sizeof(err));
	assert_non_null(f);
	assert_int_equal(read_all(f, &n), -1);
	assert_int_equal(n, PACKETS);
	assert_string_equal(pcap_file_error(f), "in packet 21: the gzip data is damaged");
	pcap_file_close(f);

	plain.b[24 + 8] = 0xff; /* captured length 0x7fffff0b */
	plain.b[24 + 11] = 0x7f;
	save(&plain, plain.n);
	f = pcap_file_open(path, err, sizeof(err));
	assert_non_null(f);
	assert_int_equal(read_all(f, &n), -1);
	assert_int_equal(n, 0);
	pcap_file_close(f);
}

static void test_two_link_types(void **state)
{
	static struct blob o;
	struct pcap_file *f;
	unsigned n;

	(void)state;
	make_pcapng(&o, PACKETS, DLT_LINUX_SLL);
	save(&o, o.n);
	f = pcap_file_open(path, err, sizeof(err));
	assert_non_null(f);
	assert_int_equal(read_all(f, &n), -1);
	assert_int_equal(n, PACKETS / 2 - 1);
	assert_non_null(strstr(pcap_file_error(f), "another link type"));
	pcap_file_close(f);
}

static void test_hostile_time(void **state)
{
	static struct blob o;
	struct pcap_file *f;
	struct raw_packet r;

	(void)state;
	make_pcapng(&o, 2, DLT_EN10MB);
	o.b[28 + 20] = 0; /* if_tsresol: seconds */
	memset(o.b + 28 + 32 + 32 + 12, 0x7f, 8);
	save(&o, o.n);
	f = pcap_file_open(path, err, sizeof(err));
	assert_non_null(f);
	assert_int_equal(pcap_file_next(f, &r), 1);
	assert_true(r.time == INT64_MAX);
	pcap_file_close(f);
}

static void test_refused(void **state)
{
	static struct blob o;

	(void)state;
	save(&o, 0);
	assert_refused(path, "empty");
	put(&o, "What is this? Not a capture.", 28);
	save(&o, o.n);
	assert_refused(path, "not a capture file");
	save(&o, 3);
	assert_refused(path, "");
	o.n = 0;
	put(&o, "\x1f\x8b garbage that is no gzip data", 32);
	save(&o, o.n);
	assert_refused(path, "gzip data is damaged");
	assert_refused("/", "directory");
	unlink(path);
	assert_refused(path, "No such file");
}

static int setup(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_pcap_file.XXXXXX");
	fd = mkstemp(path);
	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
	cmocka_unit_test_setup_teardown(test_packed_in_parts, setup, teardown),
	cmocka_unit_test_setup_teardown(test_standard_input, setup, teardown),
	cmocka_unit_test_setup_teardown(test_cut_everywhere, setup, teardown),
	cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	cmocka_unit_test_setup_teardown(test_two_link_types, setup, teardown),
	cmocka_unit_test_setup_teardown(test_hostile_time, setup, teardown),
	cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
};

int main(void)
{
	return cmocka_run_group_tests_name("pcap_file", tests, NULL, NULL);
}
