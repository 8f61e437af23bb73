#!/bin/sh
# What the commands print and how they exit, compared with tests/cli/*.txt: a mismatch shows as a diff.
# BENCHCTL is the program, top_srcdir the sources. GOLDEN=update writes the files anew: read the diff before you keep it.
set -u
BENCHCTL=${BENCHCTL:?the program}
cd "${top_srcdir:-.}" || exit 1
unset NO_COLOR
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export BENCHCTL_LAB="$work/none"
bad=0
fail() {
    echo "FAIL: $*"
    bad=1
}

# ---- Golden files: `begin NAME`, commands with `run CODE WORDS...`, `end` ----

begin() {
    name=$1
    : >"$work/now"
}
run() { # expected exit code, then the words after `benchctl`
    code=$1
    shift
    "$BENCHCTL" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ "$got" -eq "$code" ] || fail "$name: benchctl $*: exit code $got instead of $code"
    {
        echo "\$ benchctl $*"
        cat "$work/out"
        sed 's/^/2> /' "$work/err"
        [ "$got" -eq 0 ] || echo "exit $got"
        echo
    } | sed -e "s#$work#LAB#g" -e 's/^benchctl [0-9][0-9.]*[0-9]/benchctl VERSION/' \
        -e 's/^\(ok   .*  \)[0-9a-f]\{8\}$/\1HASH/' -e '/^rehearsed /d' >>"$work/now"
    if grep -q "$(printf '\033')" "$work/out" "$work/err"; then
        fail "$name: benchctl $*: colour in a pipe"
    fi
}
end() {
    if [ "${GOLDEN:-}" = update ]; then
        cp "$work/now" "tests/cli/$name.txt"
    elif ! diff -u "tests/cli/$name.txt" "$work/now"; then
        fail "tests/cli/$name.txt"
    fi
}

# ---- JSON, by the letter of RFC 8259 ----

cat >"$work/json.awk" <<'AWK'
function fault(what) { if (!wrong) print "byte " at ": " what; wrong = 1 }
function blank() { while (at <= n && index(" \t\r\n", substr(s, at, 1))) at++ }
function text(    c) {
    for (at++; at <= n; at++) {
        c = substr(s, at, 1)
        if (c == "\"") { at++; return }
        if (c == "\\") at++
        else if (c < " ") { fault("a control character in a text"); return }
    }
    fault("a text without its end")
}
function list(close_with, keys) {
    at++
    blank()
    if (substr(s, at, 1) == close_with) { at++; return }
    while (!wrong) {
        blank()
        if (keys) {
            if (substr(s, at, 1) != "\"") { fault("a key is a text"); return }
            text(); blank()
            if (substr(s, at++, 1) != ":") { fault("a colon is missing"); return }
        }
        value(); blank()
        if (substr(s, at, 1) == close_with) { at++; return }
        if (substr(s, at++, 1) != ",") { fault("a comma is missing"); return }
    }
}
function value(    c, rest) {
    blank()
    c = substr(s, at, 1)
    if (c == "{") list("}", 1)
    else if (c == "[") list("]", 0)
    else if (c == "\"") text()
    else {
        rest = substr(s, at, 40)
        if (match(rest, /^(true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?)/)) at += RLENGTH
        else fault("no value")
    }
}
{ s = s $0 "\n" }
END {
    n = length(s); at = 1
    value(); blank()
    if (!wrong && at <= n) fault("more after the end")
    exit wrong
}
AWK
json() { # expected exit code, words
    code=$1
    shift
    "$BENCHCTL" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    [ "$got" -eq "$code" ] || fail "benchctl $*: exit code $got instead of $code"
    LC_ALL=C awk -f "$work/json.awk" "$work/out" || fail "benchctl $*: not JSON"
}
for broken in '{"a": 1,}' '[1 2]' '{"a" 1}' '"open' '[01]' '{} {}' 'nan' ''; do
    printf '%s' "$broken" | LC_ALL=C awk -f "$work/json.awk" >/dev/null && fail "the JSON reader takes $broken"
done

# ---- Words ----

begin help
run 0 --help
run 0 --version
run 2
end

begin usage
run 2 chek
run 2 check
run 2 check --articel ASSB-017 assb/formation.yaml
run 2 check --article
run 2 check --article=ASSB-017 --article=ASSB-017 assb/formation.yaml
run 2 check a b c
run 2 check --guards=yes assb/formation.yaml
run 2 runs --json --csv
run 2 sim benches/demo.yaml assb/formation.yaml
end

begin help-commands
for command in $("$BENCHCTL" --help | awk '/^  [a-z]/ {print $1}'); do
    run 0 "$command" --help
done
end

# ---- Looking ----

begin units
run 0 units
run 0 units '150 psi' MPa
run 0 units C/3
run 0 units '4.2 V'
run 2 units '3 furlogns'
run 2 units '150 psi' V
end

begin drivers
run 0 drivers
run 0 drivers alicat-pcd
run 2 drivers alicat
end

begin get
run 0 get benches/demo.yaml oven.temperature
run 2 get benches/demo.yaml ovn
run 2 get benches/demo.yaml oven.temprature
run 3 get tests/broken/bench-unknown-driver.yaml
run 3 get benches/none.yaml
# Another load cell than the bench says.
sed 's/capacity: 5 kN/capacity: 4 kN/' benches/demo.yaml >"$work/wrong.yaml"
run 4 get "$work/wrong.yaml"
end

begin set
run 0 set benches/demo.yaml oven.temperature_set '60 degC'
run 2 set benches/demo.yaml oven.temperature_set '60 V'
run 1 set benches/demo.yaml oven.temperature_set '140 degC'
run 2 set benches/demo.yaml oven.temperature '60 degC'
end

# ---- Trying ----

begin check
run 0 check benches/demo.yaml tests/cli/short.yaml --article ASSB-017
run 0 check benches/demo.yaml tests/cli/short.yaml --article ASSB-017 --set rate=C/10
run 0 check tests/cli/short.yaml
run 3 check benches/demo.yaml tests/cli/short.yaml --article ASSB-017 --set rate=1C
run 3 check benches/demo.yaml tests/cli/short.yaml --article ASSB-017 --set rat=C/10
run 3 check benches/demo.yaml tests/broken/proc-unit-of-guard.yaml --article ASSB-017
run 3 check benches/demo.yaml tests/broken/proc-several-mistakes.yaml --article ASSB-017
run 3 check tests/broken/yaml-cut-by-hash.yaml
run 3 check benches/demo.yaml tests/cli/none.yaml --article ASSB-017
run 3 check benches/none.yaml tests/cli/short.yaml --article ASSB-017
run 3 check benches/demo.yaml tests/cli/short.yaml --article ASSB-999
end

begin plan
run 0 plan benches/demo.yaml tests/cli/short.yaml --article ASSB-017
run 3 plan benches/demo.yaml tests/broken/proc-key-typo.yaml --article ASSB-017
end

begin article
run 0 article articles/ASSB-017.yaml --check
run 3 article tests/broken/article-capacity-in-ma.yaml --check
run 3 article articles/none.yaml --check
end

begin sim
sim="sim benches/demo.yaml"
with="--article ASSB-017 --no-store"
# shellcheck disable=SC2086
{
    run 0 $sim tests/cli/short.yaml $with
    run 1 $sim tests/cli/rejected.yaml $with
    run 5 $sim tests/cli/guarded.yaml $with
    run 6 $sim tests/cli/short.yaml $with --operator 'abort at 1 min'
    run 6 $sim tests/cli/asks.yaml $with
    run 0 $sim tests/cli/asks.yaml $with --answers tests/cli/answers.yaml
    run 7 $sim tests/cli/short.yaml $with --fault 'smu refuse at 1 min'
    run 7 sim "$work/wrong.yaml" tests/cli/short.yaml $with
    run 3 $sim tests/broken/proc-verb-typo.yaml $with
    run 3 $sim tests/cli/short.yaml $with --fault 'smu lots at 1 min'
    run 3 $sim tests/cli/short.yaml $with --operator 'stroll at 1 min'
    run 2 $sim tests/cli/short.yaml $with --seed x
}
end

begin emu
run 2 emu benches/demo.yaml --fault 'smu lots'
run 2 emu benches/demo.yaml --fault 'bus a closed'
run 2 emu benches/demo.yaml --fault 'station A pressure 5 V at 1 s'
run 2 emu benches/demo.yaml --fault 'station B emf 1 V'
run 2 emu benches/demo.yaml --fault 'bus b hung at 5 A'
end

# ---- With a lab ----

lab="$work/lab"
json 0 sim benches/demo.yaml tests/cli/short.yaml --article ASSB-017 --lab "$lab" --json --quiet
json 0 runs --lab "$lab" --json
json 0 show 1 --lab "$lab" --json
json 0 plot 1 --lab "$lab" --json
json 0 drivers --json
json 0 units '150 psi' MPa --json
json 0 get benches/demo.yaml --json
json 0 article articles/ASSB-017.yaml --check --json
json 0 check benches/demo.yaml assb/contact-retention.yaml --article ASSB-017 --json
"$BENCHCTL" show 1 --lab "$lab" --csv --table cycler >"$work/out" || fail "show --csv"
awk -F, 'NR == 1 {n = NF} NF != n {exit 1} END {exit NR < 10}' "$work/out" || fail "show --csv: a table of even rows"
"$BENCHCTL" show 7 --lab "$lab" >"$work/out" 2>&1
[ $? -eq 3 ] || fail "show of a run that is not there: exit code"

# ---- Colour: on a terminal only, and not against NO_COLOR ----

if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    TERM=xterm script -qec "'$BENCHCTL' chek" /dev/null </dev/null >"$work/out" 2>&1
    grep -q "$(printf '\033')" "$work/out" || fail "no colour on a terminal"
    NO_COLOR=1 TERM=xterm script -qec "'$BENCHCTL' chek" /dev/null </dev/null >"$work/out" 2>&1
    grep -q "$(printf '\033')" "$work/out" && fail "colour against NO_COLOR"
else
    echo "skipped colour on a terminal: no script(1) or no pty"
fi
exit $bad
