#!/bin/sh
# Who may include whom (layers.conf): every #include "folder/..." in a folder's sources must be allowed.
cd "${top_srcdir:-.}" || exit 1
awk '
FNR == NR {
    if ($0 ~ /^#/ || NF == 0) next
    split($0, kv, ":"); allowed[kv[1]] = " " kv[2] " "; next
}
/^#include "/ {
    file = FILENAME; dir = file; sub(/\/[^\/]*$/, "", dir)
    inc = $2; gsub(/"/, "", inc); to = inc
    if (inc == "config.h") next
    if (!sub(/\/[^\/]*$/, "", to)) { print file ":" FNR ": include with its folder: " inc; bad = 1; next }
    if (!(dir in allowed)) { print file ":" FNR ": folder " dir " is not in layers.conf"; bad = 1; next }
    if (to != dir && index(allowed[dir], " " to " ") == 0) { print file ":" FNR ": " dir "/ may not include " to "/"; bad = 1 }
}
END { exit bad }
' layers.conf $(find base models drivers procedures/engine db analysis benchctl -name '*.[ch]')
