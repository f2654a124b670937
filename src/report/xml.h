/*
 * report/xml.h - text inside XML and HTML.
 *
 * Everything from a policy or the wire goes through here: & < > " ' become entities, characters
 * that XML 1.0 (2.2) does not have and bytes that are no UTF-8 become U+FFFD.
 */
#ifndef KIDOBAN_REPORT_XML_H
#define KIDOBAN_REPORT_XML_H

#include <stdio.h>

void xml_text(FILE *out, const char *text);

#endif
