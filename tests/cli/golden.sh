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
        -e 's/^\(ok   .*  \)[0-9a-f]\{8\}$/\1HASH/' -e 's/(program [0-9a-f]\{8\})/(program HASH)/' -e '/^rehearsed /d' >>"$work/now"
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

begin procedure
run 0 procedure import tests/cli/experiment.py
run 0 procedure import tests/cli/protocol.json --name from-unicycler --out "$work/protocol.yaml"
run 2 procedure import tests/cli/protocol.json --out "$work/protocol.yaml"
run 0 check "$work/protocol.yaml"
run 0 check benches/demo.yaml "$work/protocol.yaml" --article ASSB-017
run 0 procedure export "$work/protocol.yaml" --to unicycler
run 0 procedure export cell/capacity.yaml --to pybamm --set rate=C/5
run 3 procedure export assb/contact-retention.yaml --to unicycler
run 3 procedure import tests/cli/short.yaml
run 3 procedure import tests/cli/none.py
run 2 procedure import tests/cli/experiment.py --from bamm
run 2 procedure export tests/cli/short.yaml
run 2 procedure show tests/cli/short.yaml
end

begin article
run 0 article articles/ASSB-017.yaml --check
run 3 article tests/broken/article-capacity-in-ma.yaml --check
run 3 article articles/none.yaml --check
end

begin model
run 0 model show models/leaf-cell.yaml
run 3 model show nowhere.yaml
run 2 model shaw models/leaf-cell.yaml
run 2 model fit
run 2 model fit cell
run 2 model fit cell --cycle five --recording models/leaf-cell.yaml --recording models/leaf-cell.yaml
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

# ---- Using ----

head='Test Time / s,Voltage / V,Current / A,Unix Time / s,Cycle Count / 1,Step Record Index / 1,Charging Capacity / Ah,Discharging Capacity / Ah,Net Capacity / Ah'
bdf() { # file, awk program that spoils a row: t v i u c s in out net
    awk -v head="$head" "BEGIN {
        print head
        for (n = 1; n <= 40; n++) {
            t = n - 1; v = 3.5; i = 1; u = 1.7e9 + t; c = int(t / 20); s = t % 20 + 1; q = n / 1000; out = 0; net = q
            $2
            printf \"%.9g,%.9g,%.9g,%.12g,%.9g,%.9g,%.9g,%.9g,%.9g\\n\", t, v, i, u, c, s, q, out, net
        }
    }" >"$work/$1.bdf.csv"
}
bdf sound ''
bdf falls 'if (n == 17) t = 9'
bdf sums 'if (n == 23) net = 0.5'
bdf counter 'if (n == 31) { q = 0.02; net = q }'
bdf cycles 'if (n == 12) c = 0.5; if (n > 30) c = 0'
bdf index 'if (n == 8) s = 11'
bdf scale 't *= 1000'
sed '1s#Voltage / V#Voltage / mV#; 1s/Step Record Index/Step Index/' "$work/sound.bdf.csv" >"$work/names.bdf.csv"
sed '5s/,3.5,/,three,/; 9s/,1,/,/; $s/....$//' "$work/sound.bdf.csv" >"$work/torn.bdf.csv"
printf 'a\000b' >"$work/zero.bdf.csv"
: >"$work/empty.bdf.csv"
begin validate
for f in sound falls sums counter cycles index scale; do
    run 0 validate "$work/$f.bdf.csv"
done
for f in names torn zero empty none; do
    run 3 validate "$work/$f.bdf.csv"
done
run 3 validate 7 --lab "$work/none"
end

begin diff
sed 's/^# .*/# another comment/; s/C\/20/0.05C/' tests/cli/short.yaml >"$work/same.yaml"
sed 's/C\/20/C\/30/; s/4.2 V/4.1 V/; s/5 min/4 min/' tests/cli/short.yaml >"$work/other.yaml"
run 0 diff tests/cli/short.yaml "$work/same.yaml"
run 1 diff tests/cli/short.yaml "$work/other.yaml"
run 1 diff tests/cli/short.yaml "$work/other.yaml" --article ASSB-017
run 3 diff tests/cli/short.yaml tests/cli/none.yaml
run 2 diff tests/cli/short.yaml 7
run 2 diff 1 2 --within 5V
end

begin export
run 2 export 1
run 2 export 1 --bdf --ndjson
run 2 export 1 --bdf --table cycler
run 3 export 1 --csv
run 2 report 1 --html --text
run 3 report 1
end

begin tail
run 3 tail
run 2 tail 1 --rows 0
run 2 tail 1 --json --csv
run 2 tail xyz
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
json 0 model show models/leaf-cell.yaml --json
json 0 check benches/demo.yaml assb/contact-retention.yaml --article ASSB-017 --json
"$BENCHCTL" show 1 --lab "$lab" --csv --table cycler >"$work/out" || fail "show --csv"
awk -F, 'NR == 1 {n = NF} NF != n {exit 1} END {exit NR < 10}' "$work/out" || fail "show --csv: a table of even rows"
for what in --csv --bdf "--csv --table press"; do
    # shellcheck disable=SC2086
    "$BENCHCTL" export 1 --lab "$lab" $what >"$work/out" || fail "export $what"
    awk -F, 'NR == 1 {n = NF} NF != n {exit 1} END {exit NR < 10}' "$work/out" || fail "export $what: a table of even rows"
done
"$BENCHCTL" export 1 --lab "$lab" -o "$work/run.bdf.csv" >"$work/out" || fail "export -o"
[ "$(wc -l <"$work/out")" -eq 2 ] && [ -s "$work/run.bdf.metadata.json" ] || fail "export -o: rows and sidecar"
"$BENCHCTL" validate "$work/run.bdf.csv" >"$work/out" || fail "what export wrote does not pass validate"
grep -q warning "$work/out" && fail "what export wrote has warnings"
cp "$work/run.bdf.metadata.json" "$work/out"
awk -f "$work/json.awk" "$work/out" || fail "the sidecar is no JSON"
"$BENCHCTL" export 1 --lab "$lab" --ndjson >"$work/lines" || fail "export --ndjson"
awk 'NR % 97 == 1' "$work/lines" | while IFS= read -r line; do
    printf '%s' "$line" >"$work/out"
    awk -f "$work/json.awk" "$work/out" || echo "$line"
done >"$work/bad"
[ -s "$work/bad" ] && fail "export --ndjson: $(head -n 1 "$work/bad")"
for what in cycler press; do
    "$BENCHCTL" export 1 --lab "$lab" --csv --table $what | tail -n 5 >"$work/want"
    "$BENCHCTL" tail 1 --lab "$lab" --rows 5 --table $what --csv >"$work/lines" || fail "tail $what"
    grep -v '^#' "$work/lines" | sed 1d | cmp -s - "$work/want" || fail "tail $what: not the last rows of the table"
    [ "$(tail -n 1 "$work/lines")" = '# run 1: done' ] || fail "tail $what: $(tail -n 1 "$work/lines")"
done
"$BENCHCTL" tail --lab "$lab" --rows 3 --json >"$work/lines" || fail "tail --json"
[ "$(grep -c '"kind":"row"' "$work/lines")" -eq 3 ] || fail "tail --json: three rows"
while IFS= read -r line; do
    printf '%s' "$line" >"$work/out"
    awk -f "$work/json.awk" "$work/out" || fail "tail --json: $line"
done <"$work/lines"
"$BENCHCTL" tail --lab "$lab" --table cyclr >"$work/out" 2>"$work/err" && fail "tail of no table"
grep -q 'did you mean cycler' "$work/err" || fail "tail of no table: $(cat "$work/err")"
json 0 diff 1 1 --lab "$lab" --json
json 0 validate "$work/run.bdf.csv" --json
if command -v gnuplot >/dev/null 2>&1; then
    "$BENCHCTL" report 1 --lab "$lab" -o "$work/report.html" >"$work/out" 2>"$work/err" || fail "report"
    [ -s "$work/err" ] && fail "report: $(cat "$work/err")"
    for what in '<svg' '<h2>Article</h2>' '<h2>Steps</h2>' '<h2>Provenance</h2>' 'LC-2031' 'KEITHLEY' '</html>'; do
        grep -q "$what" "$work/report.html" || fail "report: no $what"
    done
    grep -Eq '(src|href)="?(https?:|//|file:)' "$work/report.html" && fail "report: needs another file"
    twice=$(grep -Eo " id=['\"][^'\"]*" "$work/report.html" | sort | uniq -d)
    [ -z "$twice" ] || fail "report: an id twice: $twice"
    for what in --text --markdown; do
        "$BENCHCTL" report 1 --lab "$lab" "$what" >"$work/out" || fail "report $what"
        grep -q 'Provenance' "$work/out" || fail "report $what: no provenance"
    done
fi

# A recording of three cell groups in series; the third began with a twentieth of the charge missing.
awk 'BEGIN {
    print "Test Time / s,Voltage / V,Current / A,Cycle Count / 1,Step Count / 1,Step Time / s,cell.voltage_1 / V,cell.voltage_2 / V,cell.voltage_3 / V"
    for (t = 0; t <= 1780; t += t < 110 ? 1 : 2) {
        rest = t < 100; q = rest ? 0 : (t - 100) / 1800
        for (g = 1; g <= 3; g++) {
            s = q + (g == 3) * 0.05
            v[g] = 4.1 - 0.6 * s - 0.4 * s ^ 12 - (rest ? 0 : 0.02 + 0.0001 * g)
        }
        printf "%d,%.4f,%s,1,%d,%d,%.4f,%.4f,%.4f\n", t, v[1] + v[2] + v[3], rest ? "0" : "-2", rest ? 1 : 2, rest ? t : t - 100, v[1], v[2], v[3]
    }
}' >"$work/string.bdf.csv"
"$BENCHCTL" import --lab "$lab" "$work/string.bdf.csv" >"$work/out" 2>&1 || fail "import: $(cat "$work/out")"
"$BENCHCTL" runs --lab "$lab" | grep -q 'import of string.bdf.csv' || fail "runs: an import has the name of its file"
"$BENCHCTL" show 2 --lab "$lab" >"$work/out" || fail "show of an import"
grep -q 'the file does not say when' "$work/out" || fail "show: no word of a start that is not known"
grep -Eq 'guards|ended by' "$work/out" && fail "show: an import has no guards and no ends"
for what in groups resistance dva ica temperatures; do
    case $what in temperatures) code=3 ;; *) code=0 ;; esac
    "$BENCHCTL" plot 2 --lab "$lab" --what $what --csv >"$work/$what.csv" 2>/dev/null
    [ $? -eq $code ] || fail "plot --what $what"
done
[ "$(cut -d, -f 2 "$work/groups.csv" | sort -u | grep -c '^group [123]$')" -eq 3 ] || fail "plot --what groups: three groups"
# 10 s after the edge: 3 x 0.02 V + 0.0006 V for the current, 3 x 0.6 V x 10 / 1800 for the charge, over 2 A: 35.3 mohm.
awk -F, '$2 == "discharge 10 s" && $4 == "resistance / mohm" && $5 > 99.9 && $6 > 35.25 && $6 < 35.35 {n++} END {exit n != 1}' "$work/resistance.csv" || fail "plot --what resistance: 10 s after the edge"
grep -q '^dva,,charge since the half cycle began / mAh,dV/dQ / (V/Ah),' "$work/dva.csv" || fail "plot --what dva: its unit"
if command -v gnuplot >/dev/null 2>&1; then
    "$BENCHCTL" report 2 --lab "$lab" -o "$work/report.html" >"$work/out" 2>"$work/err" || fail "report of an import"
    for form in html text markdown; do
        "$BENCHCTL" report 2 --lab "$lab" --$form -o "$work/report" >"$work/out" 2>"$work/err" || fail "report --$form of an import"
        for what in 'Analyses' 'Cell groups of the string' 'limits, imbalanced' 'group 3' 'not identifiable: ' 'uncertainty: ' 'Voltages of the single groups'; do
            grep -q "$what" "$work/report" || fail "report --$form: no $what"
        done
        grep -Eq 'station|Instruments|accuracy of the range|not named' "$work/report" && fail "report --$form: an empty section"
    done
    "$BENCHCTL" plot 2 --lab "$lab" --what resistance --out "$work/r.svg" >"$work/out" 2>&1 || fail "plot --out"
    [ -s "$work/r.svg" ] && [ -s "$work/r.gp" ] || fail "plot --out: picture and script"
fi
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
