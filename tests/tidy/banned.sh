#!/bin/sh
# Calls that have a better way in this house. Each row: pattern | files that may | what to use.
cd "${top_srcdir:-.}" || exit 1
bad=0
rule() { # pattern, allowed files (regex), advice, folders
    found=$(grep -nE "(^|[^_a-zA-Z0-9])($1) *\(" $(find $4 -name '*.c') /dev/null | grep -vE "^($2):" | grep -vE '^[^:]*:[0-9]*: *(\*|/\*|//)')
    if [ -n "$found" ]; then
        printf '%s\n' "$found" | sed "s|\$|   <- $3|"
        bad=1
    fi
}
all="base models drivers procedures/engine db analysis benchctl"
library="base models drivers procedures/engine db analysis"
rule 'strcpy|strcat|sprintf|vsprintf|gets|strncpy' 'none' 'str_copy, str_fmt' "$all"
rule 'atoi|atof|atol|strtol|strtoul|sscanf|scanf' 'none' 'str_to_int, str_to_double' "$all"
rule 'strtod' 'base/num\.c' 'str_to_double' "$all"
rule 'sleep|usleep|nanosleep|time|gettimeofday|clock_gettime|localtime|gmtime' 'base/clock\.c' 'base/clock.h' "$all"
rule 'printf|puts|putchar|perror' 'none' 'struct diag' "$library"
rule 'exit|abort|_exit' 'base/err\.c' 'return an error' "$library"
rule 'rand|srand|random|drand48' 'none' 'base/rng.h' "$all"
rule 'strerror' 'base/err\.c|base/file\.c|db/[a-z_]*\.c|benchctl/[a-z_]*\.c' 'err_text' "$all"
rule 'getenv' 'benchctl/main\.c|benchctl/cmd_plot\.c|benchctl/output\.c|benchctl/plot_[a-z]*\.c|benchctl/picture\.c|benchctl/gnuplot\.c' 'main.c passes it down' "$all"
rule 'malloc|calloc|realloc|strdup' 'drivers/bus/modbus_lib\.c|base/[a-z_]*\.c|db/[a-z_]*\.c|analysis/[a-z_]*\.c|benchctl/[a-z_]*\.c' 'an arena, or flat state' "$all"
exit $bad
