/* base/attr.h - the few compiler attributes the house uses, in one place. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#define MUST_USE          __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))

#endif
