#!/bin/sh
# The main job: an ASSB cell is formed and its contact measured at falling stack pressure, rehearsed on the virtual bench.
set -eu
cd "$1"
lab=$(mktemp -d)
echo "\$ benchctl check benches/demo.yaml assb/contact-retention.yaml --article ASSB-017"
"$BENCHCTL" check benches/demo.yaml assb/contact-retention.yaml --article ASSB-017
echo
echo "\$ benchctl sim benches/demo.yaml assb/formation.yaml --article ASSB-017"
"$BENCHCTL" sim benches/demo.yaml assb/formation.yaml --article ASSB-017 --lab "$lab"
echo
echo "\$ benchctl sim benches/demo.yaml assb/contact-retention.yaml --article ASSB-017"
"$BENCHCTL" sim benches/demo.yaml assb/contact-retention.yaml --article ASSB-017 --lab "$lab"
echo
echo "\$ benchctl plot"
"$BENCHCTL" plot --lab "$lab"
