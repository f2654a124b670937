/* Baselines in files: whole or not at all, with the compiled form beside the text. */
#include "base/hash.h"
#include "baseline/archive_impl.h"
#include "baseline/inside.h"
#include "baseline/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMPILED_VERSION 1
#define TEXT_MAX	 (1024u * 1024 * 1024) /* bytes */

/* What a compiled form begins with; as in memory, for it is made and read on one machine. */
struct compiled_head {
	char magic[8];
	uint64_t made_by; /* version of the program and of the form */
	uint64_t text[2]; /* hashes of the text it is of */
	uint64_t text_len;
	uint64_t len, print; /* of what follows */
};

static struct compiled_head head_of(const char *text, size_t len, const uint8_t *p, size_t n)
{
	struct compiled_head h = {.magic = "kidobanB", .text_len = len, .len = n};

	h.made_by = hash_bytes(KIDOBAN_VERSION, strlen(KIDOBAN_VERSION),
			       COMPILED_VERSION << 8 | sizeof(void *));
	h.text[0] = hash_bytes(text, len, 1);
	h.text[1] = hash_bytes(text, len, 2);
	h.print = hash_bytes(p, n, 3);
	return h;
}

uint8_t *baseline_compile(struct baseline *b, const char *text, size_t text_len, size_t *len)
{
	struct compiled_head h;
	size_t n;
	uint8_t *p = baseline_pack(b, &n), *out = p ? malloc(sizeof(h) + n) : NULL;

	if (out) {
		h = head_of(text, text_len, p, n);
		memcpy(out, &h, sizeof(h));
		memcpy(out + sizeof(h), p, n);
		*len = sizeof(h) + n;
	}
	free(p);
	return out;
}

struct baseline *baseline_load_compiled(const uint8_t *p, size_t len, const char *text,
					size_t text_len, const struct baseline_limits *limits)
{
	struct compiled_head h;

	if (len < sizeof(h) || len - sizeof(h) > UINT32_MAX)
		return NULL;
	h = head_of(text, text_len, p + sizeof(h), len - sizeof(h));
	if (memcmp(p, &h, sizeof(h)) != 0)
		return NULL;
	return baseline_unpack(p + sizeof(h), (uint32_t)(len - sizeof(h)), limits);
}

/* --- files --- */

static char *read_all(const char *path, size_t *len)
{
	size_t cap = 64 * 1024, n = 0, got;
	char *buf = NULL, *more;
	FILE *f = fopen(path, "rb");

	if (!f)
		return NULL;
	for (;;) {
		more = realloc(buf, cap);
		if (!more)
			break;
		buf = more;
		got = fread(buf + n, 1, cap - n, f);
		n += got;
		if (n < cap || n > TEXT_MAX)
			break;
		cap *= 2;
	}
	if (!more || ferror(f) || n > TEXT_MAX) {
		if (!ferror(f))
			errno = more ? EFBIG : ENOMEM;
		free(buf);
		buf = NULL;
	}
	fclose(f);
	*len = n;
	return buf;
}

/*
 * Beside it, synced, renamed: who reads the file sees the old one or the new one. A link stays one,
 * and what it leads to is written.
 */
static bool write_all(const char *path, const void *p, size_t len)
{
	char *beside = NULL, *real = realpath(path, NULL);
	const char *at = p;
	struct stat st;
	ssize_t n = 0;
	bool good;
	int fd, err;

	if (asprintf(&beside, "%s.XXXXXX", real ? real : path) < 0)
		beside = NULL;
	fd = beside ? mkstemp(beside) : -1;
	if (fd < 0) {
		free(beside);
		free(real);
		return false;
	}
	while (len && (n = write(fd, at, len)) >= 0) {
		at += n;
		len -= (size_t)n;
	}
	/* as the file was; a new one is for all to read who may read its folder */
	good = n >= 0 && fchmod(fd, stat(path, &st) == 0 ? st.st_mode & 0777 : 0644) == 0 &&
	       fsync(fd) == 0;
	err = errno;
	good = close(fd) == 0 && good && rename(beside, real ? real : path) == 0;
	if (!good) {
		err = err ? err : errno;
		unlink(beside);
		errno = err;
	}
	free(beside);
	free(real);
	return good;
}

static char *compiled_path(const char *path)
{
	char *name = NULL;

	return asprintf(&name, "%s.bin", path) < 0 ? NULL : name;
}

/* Only a help: where it cannot be written, the text is read the next time too. */
static void keep_compiled(struct baseline *b, const char *path, const char *text, size_t len)
{
	char *name = compiled_path(path);
	size_t n = 0;
	uint8_t *p = len >= BASELINE_COMPILED_FROM ? baseline_compile(b, text, len, &n) : NULL;

	if (name && p)
		write_all(name, p, n);
	else if (name)
		unlink(name);
	free(p);
	free(name);
}

char *baseline_text(struct baseline *b, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);
	bool good = f && baseline_save(b, f);

	if (f && fclose(f) == 0 && good)
		return text;
	free(text);
	return NULL;
}

const char *baseline_store(struct baseline *b, const char *path)
{
	size_t len = 0;
	char *text = baseline_text(b, &len);
	bool good;

	errno = text ? 0 : ENOMEM;
	good = text && write_all(path, text, len);
	if (good)
		keep_compiled(b, path, text, len);
	free(text);
	return good ? NULL : strerror(errno ? errno : EIO);
}

struct baseline *baseline_load(const char *path, const struct baseline_limits *limits,
			       struct diag *diag)
{
	size_t len = 0, n = 0;
	char *text = read_all(path, &len), *name;
	struct baseline *b = NULL;
	uint8_t *p = NULL;

	if (!text) {
		diag_add(diag, DIAG_ERROR, path, 0, 0, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	name = len >= BASELINE_COMPILED_FROM ? compiled_path(path) : NULL;
	p = name ? (uint8_t *)read_all(name, &n) : NULL;
	if (p)
		b = baseline_load_compiled(p, n, text, len, limits);
	if (!b) {
		b = baseline_load_text(path, text, len, limits, diag);
		if (b && name)
			keep_compiled(b, path, text, len);
	}
	free(p);
	free(name);
	free(text);
	return b;
}
