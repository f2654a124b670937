/*
 * Numbers as people write them in a policy: 5, 0x1f, 100-119, lists of those; object addresses in
 * three notations; values such as -5..5.
 *
 *   notation   first holding register   why
 *   0-based    0                        the protocol's own address, as on the wire
 *   1-based    1                        "register 1" of many manuals
 *   4xxxx      40001 or 400001          the leading digit says the table (Modbus: 0 1 3 4)
 */
#include "policy/loader.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

int load_notation(struct loader *l, const struct yaml_node *n)
{
	static const char *const words[] = {"0-based", "1-based", "4xxxx", NULL};

	return load_word(l, n, "addresses", words);
}

bool is_number(const char *text)
{
	return isdigit((unsigned char)text[0]);
}

/* Digits up to something else; NULL when there are none or they do not fit. */
static const char *read_u64(const char *s, uint64_t *out)
{
	bool hex = s[0] == '0' && (s[1] | 0x20) == 'x';
	const char *p = hex ? s + 2 : s, *start = p;
	uint64_t v = 0;

	for (; hex ? isxdigit((unsigned char)*p) : isdigit((unsigned char)*p); p++) {
		unsigned digit = isdigit((unsigned char)*p) ? (unsigned)(*p - '0')
							    : (unsigned)((*p | 0x20) - 'a') + 10;

		if (__builtin_mul_overflow(v, hex ? 16u : 10u, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return NULL;
	}
	*out = v;
	return p == start ? NULL : p;
}

/* 40101 -> 100. s is the text of one number, n its length. */
static bool from_4xxxx(struct loader *l, const struct yaml_node *at, const struct numbers *to,
		       const char *s, size_t n, uint64_t *v)
{
	char prefix = (char)('0' + to->key->prefix);

	if ((n != 5 && n != 6) || s[1] == 'x' || s[1] == 'X') {
		load_error(l, at, "%.*s is no address in 4xxxx notation; %s has %c0001 or %c00001",
			   (int)n, s, to->what, prefix, prefix);
		return false;
	}
	if (s[0] != prefix) {
		load_error(l, at, "%.*s begins with %c, but addresses of %s begin with %c", (int)n,
			   s, s[0], to->what, prefix);
		return false;
	}
	*v -= (uint64_t)to->key->prefix * (n == 5 ? 10000 : 100000);
	if (*v == 0 || *v > 65536) {
		load_error(l, at, "%.*s: addresses in 4xxxx notation run from %c00001 to %c65536",
			   (int)n, s, prefix, prefix);
		return false;
	}
	--*v;
	return true;
}

/* A number that looks like 4xxxx where 0-based is meant deserves a word. */
static void hint_4xxxx(struct loader *l, const struct yaml_node *at, const struct numbers *to,
		       uint64_t v)
{
	uint64_t p = to->key->prefix;

	if (p == 0 || !((v > p * 10000 && v < (p + 1) * 10000) ||
			(v > p * 100000 && v <= p * 100000 + 65536)))
		return;
	load_warning(l, at,
		     "%s %llu is taken as a 0-based address; if it is a register number, write "
		     "addresses: 4xxxx",
		     to->what, (unsigned long long)v);
}

/* One number at s; what is behind it, or NULL after an error. */
static const char *read_one(struct loader *l, const struct yaml_node *at, const struct numbers *to,
			    const char *s, uint64_t *v)
{
	const char *end = read_u64(s, v);
	bool address = to->key && to->key->prefix != 0xff;

	if (!end) {
		load_error(l, at, "%s: \"%.80s\" is not a number or range such as 5, 0x1f, 100-119",
			   to->what, at->text);
		return NULL;
	}
	if (address && to->notation == NOTATION_4X) {
		if (!from_4xxxx(l, at, to, s, (size_t)(end - s), v))
			return NULL;
	} else if (s[0] == '0' && isdigit((unsigned char)s[1])) {
		load_error(
			l, at,
			"%s: %.*s begins with 0; write %llu, or 0x... for a hexadecimal number%s",
			to->what, (int)(end - s), s, (unsigned long long)*v,
			address ? ", or say addresses: 4xxxx" : "");
		return NULL;
	} else if (address && to->notation == NOTATION_1) {
		if (*v == 0) {
			load_error(l, at, "%s: 1-based addresses begin at 1", to->what);
			return NULL;
		}
		--*v;
	} else if (address) {
		hint_4xxxx(l, at, to, *v);
	}
	if (*v > to->max) {
		load_error(l, at, "%s: %.*s is above %llu", to->what, (int)(end - s), s,
			   (unsigned long long)to->max);
		return NULL;
	}
	return end;
}

static void range(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct numbers *to = object;
	const char *s = n->text;
	uint64_t lo, hi;

	if (strcmp(s, "any") == 0) {
		iset_add(to->set, l->a, 0, to->max);
		return;
	}
	s = read_one(l, n, to, s, &lo);
	if (!s)
		return;
	hi = lo;
	if (*s == '-') {
		s = read_one(l, n, to, s + 1, &hi);
		if (!s)
			return;
	}
	if (*s)
		load_error(l, n, "%s: \"%.80s\" is not a number or range such as 5, 0x1f, 100-119",
			   to->what, n->text);
	else if (lo > hi)
		load_error(l, n, "%s: the range %.80s runs backwards", to->what, n->text);
	else
		iset_add(to->set, l->a, lo, hi);
}

void load_numbers(struct loader *l, const struct yaml_node *n, const struct numbers *to)
{
	struct numbers copy = *to;

	load_each(l, n, to->what, range, &copy);
}

/* A plain decimal number that ends at end. */
static bool read_double(const char *s, const char *end, double *out)
{
	char *stop;

	if (!isdigit((unsigned char)(s[0] == '-' || s[0] == '+' ? s[1] : s[0])) ||
	    memchr(s, 'x', (size_t)(end - s)) || memchr(s, 'X', (size_t)(end - s)))
		return false;
	*out = strtod(s, &stop);
	/* strtod takes the first dot of "0..5" along: "0." */
	return (stop == end || (stop == end + 1 && *end == '.')) && isfinite(*out);
}

struct values {
	const char *what;
	struct dset *set;
};

static void value(struct loader *l, const struct yaml_node *n, void *object)
{
	const struct values *to = object;
	const char *s = n->text, *end = s + n->len, *dots = strstr(s, "..");
	double lo, hi;

	if (!read_double(s, dots ? dots : end, &lo) || (dots && !read_double(dots + 2, end, &hi))) {
		load_error(l, n, "%s: \"%.80s\" is not a number or range such as 5, -5..5, 0..1000",
			   to->what, n->text);
		return;
	}
	if (!dots)
		hi = lo;
	if (lo > hi)
		load_error(l, n, "%s: the range %.80s runs backwards", to->what, n->text);
	else
		dset_add(to->set, l->a, lo, hi);
}

void load_values(struct loader *l, const struct yaml_node *n, const char *what, struct dset *set)
{
	struct values to = {what, set};

	load_each(l, n, what, value, &to);
	dset_seal(set);
}
