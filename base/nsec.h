/* base/nsec.h - time as int64 nanoseconds of a monotonic clock. Nobody but base/clock.c asks the
 * system. */
#ifndef BASE_NSEC_H
#define BASE_NSEC_H

#include <stdint.h>

typedef int64_t nsec;

#define NSEC_MS    INT64_C(1000000)
#define NSEC_S     INT64_C(1000000000)
#define NSEC_NEVER INT64_MAX

/* Seconds to nanoseconds, rounded to nearest, saturating at +-NSEC_NEVER/2; NaN gives NSEC_NEVER/2.
 */
nsec nsec_from_s(double s);
double nsec_to_s(nsec t);

#endif
