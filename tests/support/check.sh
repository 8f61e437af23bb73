#!/bin/sh
# Run `make check` in the present build folder and add the results up: the harness keeps Check's closing lines in .log files.
# Ends with "N passed, N failed" and fails when anything failed.
set -u
make -s -j2 check >check.out 2>&1
status=$?
passed=0; failed=0; skipped=0
for log in $(find . -maxdepth 4 -name '*.log' -not -name test-suite.log -not -name config.log | sort); do
    trs=${log%.log}.trs
    [ -f "$trs" ] || continue
    line=$(grep -E '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+' "$log" | awk '
        {gsub(/[,:]/, ""); c += $3; f += $5; e += $7} END {if (NR) print c, f + e}')
    result=$(sed -n 's/^:test-result: //p' "$trs" | head -n 1)
    if [ -n "$line" ]; then
        # shellcheck disable=SC2086
        set -- $line
        passed=$((passed + $1 - $2)); failed=$((failed + $2))
        [ "$result" = FAIL ] && [ "$2" = 0 ] && failed=$((failed + 1))
    else
        case $result in
        PASS) passed=$((passed + 1)) ;;
        SKIP) skipped=$((skipped + 1)) ;;
        *) failed=$((failed + 1)) ;;
        esac
    fi
    [ "$result" = FAIL ] || [ "$result" = ERROR ] && { echo "---- $log"; tail -n 60 "$log"; }
done
[ "$passed" -eq 0 ] && { tail -n 60 check.out; failed=$((failed + 1)); }
[ "$status" -ne 0 ] && [ "$failed" -eq 0 ] && { tail -n 60 check.out; failed=1; }
grep -h '^skipped' $(find . -maxdepth 4 -name '*.log' -not -name config.log) 2>/dev/null | sort -u
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
