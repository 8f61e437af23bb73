#!/bin/sh
# The disk is full in the middle of a charge: the run says so and pauses, current goes to zero, and when there is space again it goes on by itself and ends; no row between is missing.
# (A paused run records every 30 s.) Needs a small file system of its own; skipped where none may be mounted.
set -u
BENCHCTL=${BENCHCTL:?} top_srcdir=${top_srcdir:?}
here=$top_srcdir/tests/emu
work=$(mktemp -d) || exit 1
emu=0 run=0 mounted=no
end_of() { [ "$1" -gt 0 ] && kill "-${2:-TERM}" "$1" 2>/dev/null && wait "$1" 2>/dev/null; }
trap 'end_of $run KILL; end_of $emu; [ $mounted = no ] || umount "$work/disk"; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/disk"
mount -t tmpfs -o size=4m tmpfs "$work/disk" 2>/dev/null || { echo "skipped: no small file system can be mounted"; exit 77; }
mounted=yes
bad=0
wrong() { echo "full: $*" && bad=1; }
"$BENCHCTL" emu "$here/tcp.yaml" --speed 60 --links "$work/links" --watch "$work/watch" >"$work/ready" 2>&1 &
emu=$!
until grep -qs '^ready' "$work/ready" || ! kill -0 $emu 2>/dev/null; do sleep 0.02; done
"$BENCHCTL" run "$here/tcp.yaml" "$here/power-loss.yaml" --article "$top_srcdir/articles/ASSB-017.yaml" --lab "$work/disk/lab" --links "$work/links" --speed 60 --verbose >"$work/out" 2>&1 &
run=$!
# until: text in the run's words
await() {
    until grep -q "$1" "$work/out"; do
        kill -0 $run 2>/dev/null || { wrong "it ended before it said: $1" && cat "$work/out" && exit 1; }
        sleep 0.05
    done
}
flows() { tail -n 1 "$work/watch" | awk '$3 == "on" && $9 > 2e-4 { good = 1 } END { exit !good }'; }
until flows; do kill -0 $run 2>/dev/null || { cat "$work/out" && exit 1; }; sleep 0.02; done
dd if=/dev/zero of="$work/disk/filler" bs=4096 >/dev/null 2>&1
await 'cannot be written'
await 'state  paused'
for k in $(seq 100); do flows || break; sleep 0.05; done
flows && wrong "current flows while the run is paused"
sleep 1
rm "$work/disk/filler"
await 'is written again'
wait $run
code=$?
run=0
[ $code -eq 0 ] || { wrong "the run ended with $code" && cat "$work/out"; }
"$BENCHCTL" show 1 --lab "$work/disk/lab" --csv --table cycler >"$work/rows" && awk -F , 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    NR > 2 { d = $at["t_s"] - t; if (d > 31) { print "nothing for " d " s at " t " s"; bad = 1 } } { t = $at["t_s"]; n++ } END { printf "%d rows, none missing\n", n; exit bad || n < 50 }' "$work/rows" || wrong "rows are missing"
exit $bad
