#!/bin/sh
# `benchctl sim` is killed by SIGKILL and goes on with --resume, each time in a new process with addresses of its own: rows, figures and exit code are those of
# a rehearsal that nobody touched. Where the kills fall depends on the machine; that at least one hits a run under way is demanded.
set -u
top=$(cd "${top_srcdir:-.}" && pwd) || exit 1
benchctl=${BENCHCTL:-$top/benchctl/benchctl}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/benchctl-test-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$tmp" || exit 1

rehearse() {
    lab=$1; shift
    "$@" "$benchctl" sim "$top/benches/demo.yaml" "$top/procedures/assb/formation.yaml" --article "$top/articles/ASSB-017.yaml" --lab "$lab" --quiet \
        --set slow=C/10 --set fast=C/2 --set 'upper=3.6 V' --set 'lower=3.2 V' --commit-rows 100 $resume >out 2>err
}
# What a rehearsal found, without the run's number.
found() {
    "$benchctl" show "$2" --lab "$1" --json | sed 's/"number": *[0-9]*//'
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }
newest() { n=$(ls "$1"/runs/*.run 2>/dev/null | tail -n 1); n=${n##*/}; n=${n%.run}; echo "${n#"${n%%[1-9]*}"}"; }

resume=
began=$(now_ms)
rehearse plain env
expected=$?
took=$(($(now_ms) - began))
[ "$expected" -eq 1 ] || { echo "the undisturbed rehearsal ends with $expected, not as rejected"; cat err; exit 1; }
found plain 1 >plain.found
rows=$(sed -n 's/^rows sha256 //p' out)
[ "${#rows}" -eq 64 ] && grep -q "$rows" plain.found || { echo "no hash of the rows"; cat out; exit 1; }

attempt=0 kills=0 resumed=0
while [ "$kills" -lt 5 ]; do
    attempt=$((attempt + 1))
    [ "$attempt" -le 6 ] || break
    # Each attempt dies a little earlier than the one before.
    after=$((took * 4 / (9 + attempt)))
    again=yes
    while [ "$again" = yes ]; do
        n=$(newest "lab$attempt")
        resume=
        [ -n "$n" ] && resume="--resume $n"
        limit=env
        [ "$kills" -lt 5 ] && limit="timeout -s KILL $((after / 1000)).$(printf %03d $((after % 1000)))"
        rehearse "lab$attempt" $limit
        code=$?
        again=no
        if [ "$code" -eq 137 ]; then
            kills=$((kills + 1))
            again=yes
        elif [ "$code" -eq 2 ] && grep -q 'nothing was committed yet: start anew' err; then
            rm -rf "lab$attempt" # it came too early
            again=yes
        elif [ "$code" -eq 2 ] && grep -q 'it has ended' err; then
            code=$expected # too late: while the result was printed
        elif [ -n "$resume" ]; then
            resumed=$((resumed + 1))
            grep -q "^rows sha256 $rows\$" out || { echo "other rows after $kills kills:"; cat out; exit 1; }
        fi
    done
    [ "$code" -eq "$expected" ] || { echo "attempt $attempt ends with $code instead of $expected"; cat err; exit 1; }
    found "lab$attempt" "$(newest "lab$attempt")" >again.found
    diff plain.found again.found || { echo "attempt $attempt: not the same after $kills kills"; exit 1; }
done
[ "$resumed" -ge 1 ] || { echo "no rehearsal was killed under way: $kills kills in $attempt attempts"; exit 1; }

# What cannot be gone on with says so.
resume="--resume 1"
rehearse plain env
[ $? -eq 2 ] && grep -q 'it has ended' err || { echo "an ended run is gone on with"; cat err; exit 1; }
resume="--resume 99"
rehearse plain env
[ $? -eq 2 ] && grep -q 'no run 99' err || { echo "a run that is not there is gone on with"; cat err; exit 1; }
echo "killed $kills times in $attempt rehearsals, $resumed of them gone on with to the same end"
