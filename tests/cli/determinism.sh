#!/bin/sh
# The same rehearsal in another working folder, another locale (decimal comma) and an environment of another size gives the same rows, bit for bit; and so does one with libmodbus in the path.
# BENCHCTL_LONG=1: the whole contact-retention.
set -u
top=$(cd "${top_srcdir:-.}" && pwd) || exit 1
benchctl=${BENCHCTL:-$top/benchctl/benchctl}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/benchctl-test-XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

short='--set rate=C/2 --set discharge=C/2 --set upper=3.7V --set lower=3.2V --set cycles=1'
[ -n "${BENCHCTL_LONG:-}" ] && short=
rehearse() { # folder, then words before the program
    folder=$1; shift
    mkdir -p "$folder" && cd "$folder" || exit 1
    # shellcheck disable=SC2086
    "$@" "$benchctl" sim "$bench" "$top/procedures/assb/contact-retention.yaml" --article "$top/articles/ASSB-017.yaml" --lab lab --quiet $short $wire >out 2>err ||
        { echo "the rehearsal in $folder failed"; cat err; exit 1; }
    sed -n 's/^rows sha256 //p; s/^rehearsed .*): //p' out
}

# A locale that writes 1,5: one that is installed, or one made here.
foreign=
for l in de_DE.utf8 fr_FR.utf8 de_DE.UTF-8 fr_FR.UTF-8; do
    [ -z "$foreign" ] && locale -a 2>/dev/null | grep -qx "$l" && foreign=$l
done
paths=
if [ -z "$foreign" ] && localedef -i de_DE -f UTF-8 "$tmp/de_DE.UTF-8" >/dev/null 2>&1; then
    foreign=de_DE.UTF-8
    paths="LOCPATH=$tmp"
fi
if [ -n "$foreign" ]; then
    # shellcheck disable=SC2086
    [ "$(env $paths LC_ALL="$foreign" locale decimal_point 2>/dev/null)" = , ] || foreign=
fi
[ -n "$foreign" ] || echo "skipped: no locale with a decimal comma, and none can be made here; C.UTF-8 instead"

bench=$top/benches/demo.yaml
wire=--wire
third=$(rehearse "$tmp/wire" env -i PATH="$PATH" LC_ALL=C)
wire=
first=$(rehearse "$tmp/a" env -i PATH="$PATH" LC_ALL=C)
mkdir -p "$tmp/deep/er/folder/of/another/length"
cp "$bench" "$tmp/deep/er/folder/of/another/length/bench.yaml"
bench=bench.yaml
filler=$(printf '%050000d' 0)
# shellcheck disable=SC2086
second=$(rehearse "$tmp/deep/er/folder/of/another/length" env $paths LC_ALL="${foreign:-C.UTF-8}" LANG="${foreign:-C.UTF-8}" FILLER="$filler" MORE="$filler")

echo "$first" | grep -q '^[0-9a-f]\{64\}$' || { echo "no hash of the rows: $first"; exit 1; }
[ "$first" = "$third" ] || { printf 'with libmodbus it differs:\n%s\n%s\n' "$first" "$third"; exit 1; }
[ "$first" = "$second" ] || { printf 'two rehearsals differ:\n%s\n%s\n' "$first" "$second"; exit 1; }
echo "$first" | tr '\n' ' '
echo "in C and ${foreign:-C.UTF-8}"
