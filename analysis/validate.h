/* analysis/validate.h - whether a file is a sound BDF table: the eight checks of its reference
 * validator, and that it can be read at all. Takes the text a piece at a time and keeps one row.
 *
 * A missing required column or a row that cannot be read is an error; what can be read and
 * contradicts itself is a warning. Every finding names the first row it was seen in and how often.
 */
#ifndef ANALYSIS_VALIDATE_H
#define ANALYSIS_VALIDATE_H

#include "base/attr.h"
#include "base/diag.h"

#include <stddef.h>
#include <stdint.h>

enum validate_check {
    VALIDATE_FORM,     /* rows as wide as the header, numbers where numbers belong */
    VALIDATE_REQUIRED, /* 1: the required columns are there */
    VALIDATE_NAMES,    /* 2: columns that BDF does not know, or knows by another name now */
    VALIDATE_TIME,     /* 3: test time never falls */
    VALIDATE_IDENTITY, /* 4: cumulative = charging + discharging, net = charging - discharging */
    VALIDATE_MONOTONE, /* 5: what only grows does not fall */
    VALIDATE_CYCLE,    /* 6: cycle counts are whole, not negative, and do not fall */
    VALIDATE_RECORD_INDEX, /* 7: from 1 in every step, without gaps */
    VALIDATE_TIME_SCALE,   /* 8: times rise as the wall clock does */
    VALIDATE_CHECKS
};
/* "time", "identity" ... */
const char *validate_check_name(enum validate_check c);

enum {
    VALIDATE_FINDINGS_MAX = 96,
    VALIDATE_COLUMN_MAX = 80
};

struct validate_finding {
    enum validate_check check;
    enum diag_level level;
    uint64_t row, line; /* the first it was seen in: data rows from 1, lines of the file from 1;
                           row 0: the header or the whole file */
    uint64_t count;     /* rows */
    double worst;       /* largest drop, difference ...; NaN: has none */
    char column[VALIDATE_COLUMN_MAX]; /* ""; of no single column */
    const char *why;                  /* for the validator itself */
    char text[DIAG_TEXT_MAX];
};

struct validate_report {
    uint64_t rows, columns;
    unsigned errors, warnings, notes;
    unsigned n, dropped; /* dropped: findings that found no room */
    struct validate_finding finding[VALIDATE_FINDINGS_MAX];
};

struct validator;
int validate_begin(struct validator **ret, struct diag *reterr) MUST_USE;
/* Negative: this is no table, and the reason is in reterr; nothing more is to be fed. */
int validate_feed(struct validator *v, const char *text, size_t n, struct diag *reterr) MUST_USE;
/* After the last piece. E_SYNTAX: there was no header. Errors that were found are not a failure. */
int validate_end(struct validator *v, struct validate_report *ret, struct diag *reterr) MUST_USE;
void validate_done(struct validator *v); /* takes NULL */

#endif
