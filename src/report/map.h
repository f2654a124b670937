/*
 * report/map.h - the zone map of a report as inline SVG.
 *
 *   external            [ wan ]
 *                          |   viewer-vpn (red: violated)
 *   information         [ info-nw ]
 *                        |  | ...
 *   dmz, iot            [ dmz ]   [ iot-nw ]
 *   control-information [ control-info ]
 *   control             [ control ]
 *   field, safety       [ field ] [ safety ]
 *
 * Zones are boxes with their assets, one row per layer, the outside on top. Conduits run in the
 * gaps between rows as on a circuit board: every end has a place of its own at its box, every
 * label a stretch of its own in its gap, so that nothing lies on top of anything else; lines only
 * cross. A conduit that passes over a row does so in a lane to the right of all boxes. A gap is as
 * high as it needs to be.
 *
 * Red lines are violated, grey dashed ones never exercised; the same is said by the label's mark,
 * for print and for those who see no red.
 */
#ifndef KIDOBAN_REPORT_MAP_H
#define KIDOBAN_REPORT_MAP_H

#include "report/report.h"

void report_map(struct report *r, FILE *out);

#endif
