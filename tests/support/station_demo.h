/* tests/support/station_demo.h - the station of benches/demo.yaml as the engine sees it, without a
 * bench. */
#ifndef TESTS_SUPPORT_STATION_DEMO_H
#define TESTS_SUPPORT_STATION_DEMO_H

#include "procedures/engine/station.h"

void station_demo(struct station_desc *ret);

#endif
