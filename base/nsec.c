/* base/nsec.c - seconds and nanoseconds. */
#include "base/nsec.h"

#include <math.h>

nsec nsec_from_s(double s)
{
    const nsec most = NSEC_NEVER / 2;
    double ns = s * 1e9;

    if (isnan(ns) || ns >= (double)most)
        return most;
    if (ns <= -(double)most)
        return -most;
    return (nsec)llround(ns);
}

double nsec_to_s(nsec t)
{
    return (double)t / 1e9;
}
