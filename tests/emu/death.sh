#!/bin/sh
# The controller dies or hangs while current flows: killed, stopped, killed after its guardian, out of memory (by the kernel, in a memory cgroup of its own; left out where none can be made), at
# random instants. What counts is the current in the cell, as the world of `benchctl emu --watch` has it: below 1 % within 1 s by the guardian, or within two periods
# of the watchdog and one of its polls by its relay. Afterwards `run` refuses, reads back and sets nothing; `safe` does what is missing; `run` works again.
# With guardian and controller dead and no relay the cell stays inside the article's window by the instrument's own limits (hours of the world's time).
# BENCHCTL_LONG=1: all of it, ten times each; else the controller that hangs, once.
set -u
BENCHCTL=${BENCHCTL:?} top_srcdir=${top_srcdir:?}
here=$top_srcdir/tests/emu
case ${BENCHCTL_LONG:-0} in 1) long=yes times=10 ;; *) long=no times=1 ;; esac
work=$(mktemp -d) || exit 1
emu=0 run=0
end_of() { [ "$1" -gt 0 ] && kill "-${2:-TERM}" "$1" 2>/dev/null && wait "$1" 2>/dev/null; }
trap 'end_of $run KILL; end_of $emu; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
bad=0
wrong() { echo "death: $*" && bad=1; }
now() { read -r up rest </proc/uptime && echo "$up"; }

article=$top_srcdir/articles/ASSB-017.yaml
sed 's/ambient: 23 degC/ambient: 23 degC, start: 60 degC/' "$top_srcdir/benches/demo.yaml" >"$work/demo.yaml"
grep -q 'start: 60' "$work/demo.yaml" || { echo "death: the demo bench is not as expected" && exit 1; }
# Without its relay: nothing but the instrument itself is left.
sed '/^watchdog:/d' "$work/demo.yaml" >"$work/bare.yaml"

# bench, speed of the world
emu_begin() {
    bench=$work/$1.yaml lab=$work/lab
    rm -rf "$lab" "$work"/watch "$work"/trace "$work"/links "$work"/ready
    "$BENCHCTL" emu "$bench" --speed "$2" --links "$work/links" --watch "$work/watch" --trace "$work/trace" >"$work/ready" 2>&1 &
    emu=$!
    until grep -qs '^ready' "$work/ready" || ! kill -0 $emu 2>/dev/null; do sleep 0.02; done
}
emu_end() { end_of $emu && emu=0; }
# procedure: returns when its current flows
run_begin() {
    mark=$(wc -l <"$work/watch")
    "$BENCHCTL" run "$bench" "$here/$1.yaml" --article "$article" --lab "$lab" --links "$work/links" --verbose >"$work/out" 2>&1 &
    run=$!
    until tail -n "+$((mark + 1))" "$work/watch" | tail -n 1 | awk '$3 == "on" && $9 > 2e-4 { good = 1 } END { exit !good }'; do
        kill -0 $run 2>/dev/null || { wrong "$1: the run ended" && cat "$work/out" && return 1; }
        sleep 0.02
    done
    guardian=$(cat /proc/$run/task/$run/children 2>/dev/null)
    guardian=${guardian%% *}
}
pause() { sleep "$(awk -v s="$1" 'BEGIN { srand(s); printf "%.3f", 0.6 * rand() }')"; }
# seconds from $1 until the current was below 1 %; nothing if never. Waits most of 4 s. $2: when the death may have come at the earliest, where it was seen later than it came
off_after() {
    for k in $(seq 80); do
        after=$(awk -v t="$1" -v since="${2:-$1}" '$1 > since - 0.02 && $4 == "still" { printf "%.3f", ($1 > t) ? $1 - t : 0; exit }' "$work/watch")
        [ -n "$after" ] && echo "$after" && return
        sleep 0.05
    done
}
# text, bound in s, seconds
judge() {
    echo "$1|${3:-99}|$2" >>"$work/times"
    awk -v a="${3:-99}" -v b="$2" 'BEGIN { exit !(a <= b) }' || wrong "$1: current after ${3:-ever} s, allowed $2"
}
# Nothing but questions since line $1 of the trace: text ends in `?` per command or is a reading command, Modbus functions read.
only_questions() {
    tail -n "+$(($1 + 1))" "$work/trace" | awk '
        $2 == "a" { t = $3; sub(/(\\x0d)?\\x0a$/, "", t); if (t !~ /^1,[A-Z]+\?$/ && t != "") print }
        $2 == "b" { t = $3; sub(/\\x0a$/, "", t); n = split(t, c, ";"); for (i = 1; i <= n; i++) if (c[i] !~ /^[:*A-Z]+\?(\\x20.*)?$/ && c[i] != "") { print; break } }
        $2 == "c" { t = $3; sub(/\\x0d$/, "", t); if (t !~ /^A(|VE|LV|LS|LSS|FPF\\x20[0-9]+)$/) print }
        $2 == "d" { if ($3 !~ /^\\x03\\x0[34]/) print }
        $2 == "e" { if ($3 !~ /^(\\x00|.)+\\x01\\x0[1-4]/) print }'
}
# After a death: refused, read back, nothing set; made safe; works again. $1: text
afterwards() {
    [ -e "$lab/demo.safed" ] || wrong "$1: no demo.safed"
    flock -w 10 "$lab/demo.lock" true || wrong "$1: the guardian does not end"
    before=$(wc -l <"$work/trace")
    "$BENCHCTL" run "$bench" "$here/charging.yaml" --article "$article" --lab "$lab" --links "$work/links" >"$work/out" 2>&1
    code=$?
    [ $code -eq 4 ] || { wrong "$1: run again gave $code, not 4" && cat "$work/out"; }
    grep -q '^smu.mode' "$work/out" || { wrong "$1: nothing was read back" && cat "$work/out"; }
    sets=$(only_questions "$before")
    [ -z "$sets" ] || { wrong "$1: something was set:" && echo "$sets"; }
    "$BENCHCTL" safe "$bench" --lab "$lab" --links "$work/links" >"$work/out" 2>&1 || { wrong "$1: safe gave $?" && cat "$work/out"; }
    [ ! -e "$lab/demo.safed" ] && [ -e "$lab/demo.safed.seen" ] || wrong "$1: demo.safed was not put aside"
    tail -n 1 "$work/watch" | grep -q ' off still ' || wrong "$1: the output is on after safe"
}
works_again() {
    run_begin "$1" || return
    kill -TERM $run && wait $run
    code=$?
    run=0
    [ $code -eq 6 ] || { wrong "a run after it, ended by SIGTERM, gave $code, not 6" && cat "$work/out"; }
    [ ! -e "$lab/demo.safed" ] || wrong "a run that ended well left demo.safed"
}

# The controller shares 48 MB with a program that takes it all, and is the one that the kernel prefers to kill.
out_of_memory() {
    echo 48M >"$cgroup/memory.limit_in_bytes" && echo $run >"$cgroup/cgroup.procs" && echo 1000 >/proc/$run/oom_score_adj || return 1
    (
        sh -c 'echo $PPID' >"$cgroup/cgroup.procs"
        exec tail /dev/zero # it keeps the last line, which never ends
    ) >/dev/null 2>&1 &
    hog=$!
    while grep -q '^State:.[RSD]' /proc/$run/status 2>/dev/null; do sleep 0.01; done
    kill -KILL $hog 2>/dev/null
    wait $hog 2>/dev/null
    return 0
}
cgroup=/sys/fs/cgroup/memory/benchctl-death-$$
mkdir "$cgroup" 2>/dev/null && [ -w "$cgroup/memory.limit_in_bytes" ] || cgroup=
trap 'end_of $run KILL; end_of $emu; rm -rf "$work"; [ -z "$cgroup" ] || rmdir "$cgroup"' EXIT

# procedure, what is done
death() {
    run_begin "$1" || return
    pause "$seed"
    seed=$((seed + 1))
    bound=1.0 since=
    case $2 in
    killed) t=$(now) && kill -KILL $run ;;
    hangs) t=$(now) && kill -STOP $run ;;
    out-of-memory) since=$(now) && out_of_memory && t=$(now) || { wrong "no memory cgroup" && return; } ;;
    guardian-first) kill -KILL "$guardian" && t=$(now) && kill -KILL $run && bound=1.6 ;;
    guardian-again)
        kill -KILL "$guardian"
        until grep -q 'another one watches' "$work/out"; do
            kill -0 $run 2>/dev/null || { wrong "$1: the run did not outlive its guardian" && return; }
            sleep 0.02
        done
        t=$(now) && kill -KILL $run
        ;;
    esac
    judge "$2 ($1)" $bound "$(off_after "$t" $since)"
    wait $run 2>/dev/null
    run=0
    flock -w 10 "$lab/demo.lock" true # the guardian has said its last word
    [ $2 = guardian-first ] || grep -q '^smu: safe' "$lab/demo.safed" || { wrong "$1, $2: the guardian says" && cat "$lab/demo.safed"; }
    afterwards "$1, $2"
}

seed=$$
: >"$work/times"
procedures=charging kinds=${DEATHS:-hangs}
[ $long = yes ] && procedures="charging discharging" && kinds="killed hangs guardian-first guardian-again${cgroup:+ out-of-memory}"
for p in $procedures; do
    for kind in $kinds; do
        emu_begin demo 1
        for k in $(seq $times); do death "$p" "$kind"; done
        works_again "$p"
        emu_end
    done
done

# Nobody is left, and no relay: hours of the world's time inside 2.0 V .. 4.4 V.
forever() {
    emu_begin bare "$2"
    run_begin "$1" || return
    kill -KILL "$guardian"
    kill -KILL $run
    wait $run 2>/dev/null
    run=0
    sleep "$3"
    emu_end
    awk -v p="$1" -v h="$(($2 * $3 / 3600))" 'END { printf "nobody left, %s: %s V .. %s V for %d h of the world, output %s, current at the end %s A\n", p, $7, $8, h, $4, $5
        exit !($7 >= 2.0 && $8 <= 4.4) }' "$work/watch" || wrong "$1: the cell left its window"
}
if [ $long = yes ]; then
    forever charging 1000 40
    forever discharging 1000 40
fi

awk -F '|' '{ n[$1]++; if ($2 + 0 > m[$1] + 0) m[$1] = $2; b[$1] = $3 }
    END { printf "%-32s %6s %9s %7s\n", "current below 1 % after", "times", "worst", "bound"; for (w in n) printf "%-32s %6d %7.3f s %5.1f s\n", w, n[w], m[w], b[w] }' "$work/times"
exit $bad
