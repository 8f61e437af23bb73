#!/bin/sh
# A procedure rehearsed in memory and the same over real lines, emulators in a process of their own: the same steps, the same causes of their ends, the same
# charges. BENCHCTL_LONG=1: the demo bench (its chamber polled every 2 s, at the soak temperature from the start) for most of an hour of run time at --speed 6,
# and a bench with TCP only for hours at --speed 60, each three times, charges within 0.2 %; about ten minutes. Else a short TCP cycle, once, within 2 %: a poll
# is that much of its steps.
set -u
BENCHCTL=${BENCHCTL:?} top_srcdir=${top_srcdir:?}
here=$top_srcdir/tests/emu
article=$top_srcdir/articles/ASSB-017.yaml
work=$(mktemp -d) || exit 1
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null; done; wait; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
steps() { "$BENCHCTL" show 1 --lab "$1" --csv --table steps; }

# name, bench, procedure, speed, tolerance, parameter or nothing
one() {
    dir=$work/$1
    mkdir "$dir" || return 1
    "$BENCHCTL" sim "$2" "$3" --article "$article" --lab "$dir/sim" ${6:+--set "$6"} >"$dir/sim.out" 2>&1 || { echo "$1: sim gave $?" && cat "$dir/sim.out" && return 1; }
    "$BENCHCTL" emu "$2" --speed "$4" --links "$dir/links" >"$dir/emu.out" 2>&1 &
    emu=$!
    until grep -qs '^ready' "$dir/emu.out" || ! kill -0 $emu 2>/dev/null; do sleep 0.02; done
    "$BENCHCTL" run "$2" "$3" --article "$article" --lab "$dir/run" --links "$dir/links" --speed "$4" ${6:+--set "$6"} >"$dir/run.out" 2>&1
    code=$?
    kill $emu && wait $emu
    [ $code -eq 0 ] || { echo "$1: run gave $code" && cat "$dir/run.out" && return 1; }
    steps "$dir/sim" >"$dir/sim.csv" && steps "$dir/run" >"$dir/run.csv" || return 1
    awk -F , -v name="$1" -v most="$5" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        FNR == 1 { next }
        NR == FNR { key[FNR] = $at["name"] "|" $at["cause"] "|" $at["end_name"]; q[FNR] = $at["charge_ah"]; n = FNR; next }
        { last = FNR
          if (key[FNR] != $at["name"] "|" $at["cause"] "|" $at["end_name"]) { print name ": step " $1 ": " key[FNR] " in sim, here " $at["name"] "|" $at["cause"] "|" $at["end_name"]; bad = 1 }
          if ($at["verb"] == "charge" || $at["verb"] == "discharge") { off = $at["charge_ah"] / q[FNR] - 1; off = off < 0 ? -off : off; if (off > worst) worst = off; acts++
              if (off > most) { print name ": step " $1 ": " q[FNR] " Ah in sim, " $at["charge_ah"] " here"; bad = 1 } } }
        END { if (last != n || acts == 0) { print name ": " n " steps in sim, " last " here"; bad = 1 }
              printf "%s: %d steps, charges off by %.3f %% at most (%.1f %% allowed)\n", name, n - 1, 100 * worst, 100 * most; exit bad }' "$dir/sim.csv" "$dir/run.csv"
}

if [ "${BENCHCTL_LONG:-0}" = 1 ]; then
    sed 's/ambient: 23 degC/ambient: 23 degC, start: 60 degC/; s/^    driver: espec-p300.*/&\n    poll: 2 s/' "$top_srcdir/benches/demo.yaml" >"$work/demo.yaml"
    for k in 1 2 3; do
        one "formation x6, $k" "$work/demo.yaml" "$here/formation-short.yaml" 6 0.002 &
        pids="$pids $!"
        one "TCP x60, $k" "$here/tcp.yaml" "$here/tcp-cycle.yaml" 60 0.002 &
        pids="$pids $!"
    done
else
    one "TCP x60" "$here/tcp.yaml" "$here/tcp-cycle.yaml" 60 0.02 part=0.01 &
    pids=$!
fi
bad=0
for p in $pids; do
    wait "$p" || bad=1
done
pids=
exit $bad
