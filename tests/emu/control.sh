#!/bin/sh
# Words from another terminal to a run on real lines: pause takes the current away and resume brings it back, skip ends the step, abort ends the run safely; each answer says what the run does
# then, and a word that it cannot follow is refused.
set -u
BENCHCTL=${BENCHCTL:?} top_srcdir=${top_srcdir:?}
here=$top_srcdir/tests/emu
work=$(mktemp -d) || exit 1
emu=0 run=0
end_of() { [ "$1" -gt 0 ] && kill "-${2:-TERM}" "$1" 2>/dev/null && wait "$1" 2>/dev/null; }
trap 'end_of $run KILL; end_of $emu; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
lab=$work/lab
bad=0
# exit code, text of the answer, words of benchctl
says() {
    code=$1 want=$2
    shift 2
    "$BENCHCTL" "$@" --lab "$lab" >"$work/said" 2>&1
    got=$?
    [ $got -eq "$code" ] && grep -qF -- "$want" "$work/said" || { echo "control: $*: exit $got, want $code and \"$want\" in:" && cat "$work/said" && bad=1; }
}
flows() { tail -n 1 "$work/watch" | awk '$3 == "on" && $9 > 2e-4 { good = 1 } END { exit !good }'; }
# yes or no, within 5 s
current() {
    for k in $(seq 100); do
        if flows; then [ "$1" = yes ] && return; else [ "$1" = no ] && return; fi
        kill -0 $run 2>/dev/null || break
        sleep 0.05
    done
    echo "control: $2: current flows, want $1: no" && cat "$work/out" && bad=1
}
"$BENCHCTL" emu "$here/tcp.yaml" --speed 60 --links "$work/links" --watch "$work/watch" >"$work/ready" 2>&1 &
emu=$!
until grep -qs '^ready' "$work/ready" || ! kill -0 $emu 2>/dev/null; do sleep 0.02; done
says 4 "no run is going on" pause "$here/tcp.yaml"
"$BENCHCTL" run "$here/tcp.yaml" "$here/power-loss.yaml" --article "$top_srcdir/articles/ASSB-017.yaml" --lab "$lab" --links "$work/links" --speed 60 >"$work/out" 2>&1 &
run=$!
until flows; do kill -0 $run 2>/dev/null || { cat "$work/out" && exit 1; }; sleep 0.02; done
says 1 "it is not paused" resume tcp
# Nobody else speaks on its lines, not even to ask.
says 4 "is in use by another benchctl" set "$here/tcp.yaml" smu.voltage_set "3 V" --links "$work/links"
says 4 "is in use by another benchctl" get "$here/tcp.yaml" smu.voltage --links "$work/links"
says 4 "is in use by another benchctl" probe "$here/tcp.yaml" --links "$work/links"
says 0 "station A: paused: operator" pause "$here/tcp.yaml"
current no "after pause"
says 0 '"state":"running"' resume tcp --json
current yes "after resume"
says 1 "no run on a station of that name" stop tcp --station B
says 0 "station A: running" skip tcp --station A
current no "after skip"
says 0 "station A: safing" abort tcp
wait $run
code=$?
run=0
[ $code -eq 6 ] || { echo "control: the run ended with $code, not 6" && cat "$work/out" && bad=1; }
[ ! -e "$lab/tcp.sock" ] || { echo "control: the socket was left" && bad=1; }
exit $bad
