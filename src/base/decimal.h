/*
 * base/decimal.h - numbers into names, where formatting would cost more than the rest of a message.
 */
#ifndef KIDOBAN_BASE_DECIMAL_H
#define KIDOBAN_BASE_DECIMAL_H

#include <stdint.h>

#define DECIMAL_MAX 10 /* characters of the largest number */

/* Writes v at p, without a NUL, and returns the end. */
static inline char *decimal_put(char *p, uint32_t v)
{
	char digits[DECIMAL_MAX];
	unsigned n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*p++ = digits[--n];
	return p;
}

#endif
