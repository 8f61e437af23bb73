#!/bin/sh
# A run over real lines that somebody follows with `benchctl tail`: every row that is in the file at the end was shown, once and in order, with the notes and steps; tail
# ends by itself when the run does, and when its program was killed.
set -u
BENCHCTL=${BENCHCTL:?} top_srcdir=${top_srcdir:?}
here=$top_srcdir/tests/emu article=$top_srcdir/articles/ASSB-017.yaml
work=$(mktemp -d) || exit 1
emu=0 run=0 bad=0
end_of() { [ "$1" -gt 0 ] && kill "-${2:-TERM}" "$1" 2>/dev/null && wait "$1" 2>/dev/null; }
trap 'end_of $run KILL; end_of $emu; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
wrong() { echo "tail: $*" && bad=1; }
begin() { # number of the run, parameter
    "$BENCHCTL" run "$here/tcp.yaml" "$here/tail.yaml" --article "$article" --lab "$work/lab" --links "$work/links" --speed 20 --set "$2" >"$work/out" 2>&1 &
    run=$!
    until "$BENCHCTL" tail "$1" --once --lab "$work/lab" --csv 2>/dev/null | grep -q '^[0-9]'; do
        kill -0 $run 2>/dev/null || { wrong "the run ended" && cat "$work/out" && exit 1; }
        sleep 0.05
    done
}
"$BENCHCTL" emu "$here/tcp.yaml" --speed 20 --links "$work/links" >"$work/ready" 2>&1 &
emu=$!
until grep -qs '^ready' "$work/ready" || ! kill -0 $emu 2>/dev/null; do sleep 0.02; done

begin 1 long=60s
"$BENCHCTL" tail --lab "$work/lab" --rows 100000 --csv >"$work/csv" &
csv=$!
"$BENCHCTL" tail --lab "$work/lab" --rows 100000 --json >"$work/json" &
json=$!
wait $run || wrong "the run gave $?: $(cat "$work/out")"
run=0
wait $csv || wrong "tail --csv gave $?"
wait $json || wrong "tail --json gave $?"
"$BENCHCTL" export 1 --lab "$work/lab" --csv --table cycler >"$work/all"
grep -v '^#' "$work/csv" | cmp -s - "$work/all" || { wrong "not the rows of the file" && grep -v '^#' "$work/csv" | diff - "$work/all" | head -n 5; }
[ "$(wc -l <"$work/all")" -gt 20 ] || wrong "too few rows to prove anything"
[ "$(grep -c '"kind":"row"' "$work/json")" -eq "$(($(wc -l <"$work/all") - 1))" ] || wrong "--json: not every row"
grep -q '^# .*: note: after the charge$' "$work/csv" || wrong "no note"
grep -q '^# .*: step [0-9]* .*rest' "$work/csv" || wrong "no step"
grep -q '"kind":"note".*after the charge' "$work/json" || wrong "--json: no note"
[ "$(tail -n 1 "$work/csv")" = '# run 1: done' ] || wrong "its last line is $(tail -n 1 "$work/csv")"

# The program is killed in the middle.
begin 2 long=10h
"$BENCHCTL" tail --lab "$work/lab" >"$work/csv" 2>"$work/err" &
csv=$!
sleep 0.5
kill -KILL $run
wait $run 2>/dev/null
run=0
wait $csv
code=$?
[ $code -eq 4 ] && grep -q 'nobody writes run 2' "$work/err" || wrong "a killed run: tail gave $code: $(tail -n 3 "$work/csv" "$work/err")"
exit $bad
