/*
 * Runs a fuzz target without libFuzzer, so that every build and every compiler tries its seeds.
 *
 *      fuzz_modbus [--random N SEED] FILE|FOLDER...
 *
 * Each file is one input. With --random, N more inputs are made from them by flipping bits,
 * writing extreme values, cutting, repeating and joining; the same SEED gives the same inputs.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 65536u

struct input {
	uint8_t *data;
	size_t size;
};

static struct input *inputs;
static size_t count;

static void add(const uint8_t *data, size_t size)
{
	struct input *more = realloc(inputs, (count + 1) * sizeof(*inputs));
	uint8_t *copy = malloc(size ? size : 1);

	if (!more || !copy) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	if (size)
		memcpy(copy, data, size);
	inputs = more;
	inputs[count++] = (struct input){copy, size};
}

static void add_path(const char *path)
{
	static uint8_t buf[INPUT_MAX];
	struct dirent **list;
	struct stat st;
	FILE *f;
	int n, i;

	if (stat(path, &st) < 0) {
		perror(path);
		exit(1);
	}
	if (!S_ISDIR(st.st_mode)) {
		f = fopen(path, "rb");
		if (!f) {
			perror(path);
			exit(1);
		}
		add(buf, fread(buf, 1, sizeof(buf), f));
		fclose(f);
		return;
	}
	n = scandir(path, &list, NULL, alphasort);
	for (i = 0; i < n; i++) {
		char sub[4096];

		if (list[i]->d_name[0] != '.' &&
		    snprintf(sub, sizeof(sub), "%s/%s", path, list[i]->d_name) < (int)sizeof(sub))
			add_path(sub);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* xorshift64*: reproducible everywhere. */
static uint64_t state;

static uint32_t dice(uint32_t sides)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return sides ? (uint32_t)((state * 0x2545f4914f6cdd1du) >> 33) % sides : 0;
}

static size_t mutate_once(uint8_t *b, size_t size)
{
	static const uint8_t extreme[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
	const struct input *other = &inputs[dice((uint32_t)count)];
	uint32_t at = dice((uint32_t)size + 1), n = 1 + dice(16);

	switch (dice(7)) {
	case 0: /* flip a bit */
		if (at < size)
			b[at] ^= (uint8_t)(1u << dice(8));
		return size;
	case 1: /* any byte */
		if (at < size)
			b[at] = (uint8_t)dice(256);
		return size;
	case 2: /* an extreme value, one to four bytes wide */
		for (n = 1 + dice(4); n && at < size; n--)
			b[at++] = extreme[dice(sizeof(extreme))];
		return size;
	case 3: /* cut the end */
		return at;
	case 4: /* take something out */
		if (at + n > size)
			return size;
		memmove(b + at, b + at + n, size - at - n);
		return size - n;
	case 5: /* repeat something */
		if (at + n > size || size + n > INPUT_MAX)
			return size;
		memmove(b + at + n, b + at, size - at);
		return size + n;
	default: /* the end of another input */
		n = dice((uint32_t)other->size + 1);
		if (at + other->size - n > INPUT_MAX)
			return size;
		memcpy(b + at, other->data + n, other->size - n);
		return at + other->size - n;
	}
}

/* An exact allocation, so that the sanitizer sees a read of one byte too many. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	if (!exact)
		exit(1);
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int main(int argc, char **argv)
{
	static uint8_t buf[INPUT_MAX];
	unsigned long rounds = 0, i;
	int arg = 1;

	if (argc > 3 && strcmp(argv[1], "--random") == 0) {
		rounds = strtoul(argv[2], NULL, 10);
		state = strtoull(argv[3], NULL, 10) * 0x9e3779b97f4a7c15u | 1;
		arg = 4;
	}
	for (; arg < argc; arg++)
		add_path(argv[arg]);
	if (!count)
		add((const uint8_t *)"", 0);
	for (i = 0; i < count; i++)
		run(inputs[i].data, inputs[i].size);
	for (i = 0; i < rounds; i++) {
		const struct input *in = &inputs[dice((uint32_t)count)];
		size_t size = in->size;
		uint32_t n;

		memcpy(buf, in->data, size);
		for (n = 1 + dice(4); n; n--)
			size = mutate_once(buf, size);
		run(buf, size);
	}
	printf("%zu seeds, %lu more inputs made of them\n", count, rounds);
	for (i = 0; i < count; i++)
		free(inputs[i].data);
	free(inputs);
	return 0;
}
