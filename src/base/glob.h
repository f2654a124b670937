/*
 * base/glob.h - patterns with * (any run of characters, also none) and ? (any one character).
 *
 * No classes, no escapes, case counts. A character is a byte, except that ? takes a whole UTF-8
 * sequence. Time is at most the product of both lengths, never exponential: after a mismatch only
 * the last * is tried again.
 */
#ifndef KIDOBAN_BASE_GLOB_H
#define KIDOBAN_BASE_GLOB_H

#include "base/reader.h"

bool glob_match(struct slice pattern, struct slice text);

#endif
