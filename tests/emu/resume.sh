#!/bin/sh
# The controller is killed while it charges; its guardian makes the bench safe; `run` sets nothing and says what to do; after `safe`, `run --resume` goes on in the same run: the gap is marked,
# the watchdog relay is held again, the charge ends by its time and the run file has each step once.
set -u
BENCHCTL=${BENCHCTL:?} top_srcdir=${top_srcdir:?}
here=$top_srcdir/tests/emu
article=$top_srcdir/articles/ASSB-017.yaml
work=$(mktemp -d) || exit 1
emu=0 run=0
end_of() { [ "$1" -gt 0 ] && kill "-${2:-TERM}" "$1" 2>/dev/null && wait "$1" 2>/dev/null; }
trap 'end_of $run KILL; end_of $emu; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
lab=$work/lab
"$BENCHCTL" emu "$here/tcp.yaml" --speed 60 --links "$work/links" --watch "$work/watch" >"$work/ready" 2>&1 &
emu=$!
until grep -qs '^ready' "$work/ready" || ! kill -0 $emu 2>/dev/null; do sleep 0.02; done
bad=0
wrong() { echo "resume: $*" && bad=1; }
go() { exec "$BENCHCTL" run "$here/tcp.yaml" "$here/power-loss.yaml" --article "$article" --lab "$lab" --links "$work/links" --speed 60 "$@"; }

go --verbose >"$work/first" 2>&1 &
run=$!
until tail -n 1 "$work/watch" | awk '$3 == "on" && $9 > 2e-4 { good = 1 } END { exit !good }'; do
    kill -0 $run 2>/dev/null || { wrong "the run ended" && cat "$work/first" && exit 1; }
    sleep 0.02
done
sleep 0.5 # a commit or two
kill -KILL $run
wait $run 2>/dev/null
run=0
(go) >"$work/again" 2>&1
code=$?
[ $code -eq 4 ] || { wrong "run again gave $code, not 4" && cat "$work/again"; }
"$BENCHCTL" safe "$here/tcp.yaml" --lab "$lab" --links "$work/links" >"$work/safe" 2>&1 || { wrong "safe gave $?" && cat "$work/safe"; }
(go --resume 1) >"$work/resumed" 2>&1
code=$?
[ $code -eq 0 ] || { wrong "run --resume gave $code" && cat "$work/resumed"; }
"$BENCHCTL" show 1 --lab "$lab" --csv --table steps >"$work/steps"
awk -F , 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { s = s $at["verb"] ":" $at["cause"] " "; if ($at["verb"] == "charge") t = $at["ended_s"] - $at["began_s"] }
    END { print s; exit !(NR == 4 && t >= 480) }' "$work/steps" || { wrong "the steps are" && cat "$work/steps"; }
"$BENCHCTL" show 1 --lab "$lab" --csv --table event >"$work/events" 2>/dev/null || "$BENCHCTL" show 1 --lab "$lab" --csv --table events >"$work/events"
[ "$(grep -c ',resumed,' "$work/events")" = 1 ] || { wrong "the gap is not marked once" && tail -n 20 "$work/events"; }
(go --resume 1) >"$work/ended" 2>&1
[ $? -ne 0 ] || wrong "a run that has ended was gone on with"
[ ! -e "$lab/tcp.safed" ] || wrong "tcp.safed was left"
exit $bad
