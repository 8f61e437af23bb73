#!/bin/sh
# Shape of the sources: ASCII, no tabs, no trailing blanks, no file over 650 lines, headers that compile alone, every driver with its pair.
cd "${top_srcdir:-.}" || exit 1
bad=0
say() { echo "$1"; bad=1; }
files=$(find base models drivers procedures/engine db analysis benchctl tests -name '*.[ch]')
for f in $(LC_ALL=C grep -lP '[^\x00-\x7F]' $files); do say "$f: not ASCII"; done
for f in $(grep -lP '\t' $files); do say "$f: has a tab"; done
for f in $(grep -lE ' +$' $files); do say "$f: trailing blanks"; done
for f in $(find base models drivers procedures/engine db analysis benchctl -name '*.c'); do
    n=$(wc -l <"$f")
    [ "$n" -le 650 ] || say "$f: $n lines; is there a second room inside?"
done
marks=$(grep -nwE 'TO[D]O|FIX[M]E|XX[X]|HAC[K]' $files) && say "$marks"
for h in $(find base models drivers procedures/engine db analysis benchctl -name '*.h'); do
    printf '#include "%s"\n' "$h" | ${CC:-cc} -std=c17 -D_POSIX_C_SOURCE=200809L -I. -fsyntax-only -x c - || say "$h: does not compile alone"
done
for d in drivers/*.c; do
    name=$(sed -n 's/^ *\.name = "\([a-z0-9-]*\)",.*/\1/p' "$d" | head -n 1)
    grep -q '^const struct driver driver_' "$d" || continue
    name=$(awk '/^const struct driver driver_/ {on=1} on && /\.name = / {gsub(/.*\.name = "|".*/, ""); print; exit}' "$d")
    grep -rq "\.name = \"$name\"" drivers/virtual || say "$d: $name has no emulator"
    ls tests/wire/"$(basename "$d" .c)"*.txt >/dev/null 2>&1 || say "$d: $name has no transcript"
    grep -q "$name" docs/DRIVERS.md || say "$d: $name has no paragraph in docs/DRIVERS.md"
done
exit $bad
