/*
 * enip_recorder.h - a recorder of EtherNet/IP over TCP, fresh for every test.
 */
#ifndef KIDOBAN_TESTS_UNIT_ENIP_RECORDER_H
#define KIDOBAN_TESTS_UNIT_ENIP_RECORDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "recorder.h"

extern const struct dissector enip_dissector;

static struct recorder *r;

static int setup(void **state)
{
	(void)state;
	r = recorder_new(&enip_dissector, PROTO_TCP);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	recorder_free(r);
	return 0;
}

#endif
