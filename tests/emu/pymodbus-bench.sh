#!/bin/sh
# A bench of generic-modbus alone against a server made of python3-pymodbus that nobody wrote a driver for: identify, every word order, sets with read-back, refusals. What benchctl
# set is read again by pymodbus itself. Skipped with a message where the package is absent.
BENCHCTL=${BENCHCTL:?the program}
here=$(dirname "$0")
python=/usr/bin/python3 # Debian's own: its packages are not seen by others
$python -c 'import pymodbus.server, pymodbus.client' 2>/dev/null || { echo "skipped: python3-pymodbus is not installed"; exit 77; }

work=$(mktemp -d) || exit 1
mkfifo "$work/port" || exit 1
$python "$here/pymodbus-server.py" >"$work/port" 2>"$work/server.log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
read -r word port <"$work/port" || { echo "the server did not start"; cat "$work/server.log"; exit 1; }
[ "$word" = port ] || { echo "the server said: $word"; exit 1; }
export BENCHCTL_LAB="$work/lab"
sed "s/PORT/$port/" "$here/pymodbus-bench.yaml" >"$work/bench.yaml"

bad=0
checks=0
# expected exit code, text that must be in the answer (blanks are one), words after `benchctl`
says() {
    code=$1 want=$2
    shift 2
    "$BENCHCTL" "$@" >"$work/out" 2>&1
    got=$?
    checks=$((checks + 1))
    tr -s ' \n' ' ' <"$work/out" | grep -qF -- "$want" && [ $got -eq "$code" ] && return
    echo "benchctl $*: exit $got, want $code and \"$want\" in:"
    cat "$work/out"
    bad=1
}
# table and address, wanted value: what the server holds, asked by pymodbus
holds() {
    checks=$((checks + 1))
    $python - "$port" "$@" <<'PY' || bad=1
import sys
from pymodbus.client import ModbusTcpClient
port, table, at, want = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), [int(w) for w in sys.argv[4:]]
c = ModbusTcpClient("127.0.0.1", port=port)
c.connect()
r = c.read_coils(at, len(want), slave=5) if table == "coil" else c.read_holding_registers(at, len(want), slave=5)
got = [int(b) for b in r.bits[:len(want)]] if table == "coil" else r.registers
c.close()
if got != want:
    sys.exit(f"the server holds {got} at {table} {at}, want {want}")
PY
}

says 0 "Modbus device, unit 5" probe "$work/bench.yaml"
says 0 "box.temperature 55.5 degC" get "$work/bench.yaml" box.temperature
for order in abcd cdab badc dcba; do
    says 0 '"value": 3.7000999' get "$work/bench.yaml" box.f_$order --json
    says 0 '"value": -123456789' get "$work/bench.yaml" box.i_$order --json
done
says 0 '"value": 1.0' get "$work/bench.yaml" box.closed --json
says 0 '"value": 0.0' get "$work/bench.yaml" box.open --json
says 0 "standby" set "$work/bench.yaml" box.state standby
says 0 "set and read back" set "$work/bench.yaml" box.temperature_set "60 degC"
holds register 40 600
says 0 "set and read back" set "$work/bench.yaml" box.counts 321
holds register 50 321
says 0 "set and read back" set "$work/bench.yaml" box.temperature_set "-12.5 degC"
holds register 40 65411
# What has an `off` is set, read back, and made safe again when the command ends.
says 0 "set and read back: 2.50 A" set "$work/bench.yaml" box.current_set "2.5 A"
holds register 42 0 0
says 0 "set and read back" set "$work/bench.yaml" box.pump on
holds coil 0 0
says 1 "goes from" set "$work/bench.yaml" box.current_set "11 A"
says 2 "cannot be set" set "$work/bench.yaml" box.temperature "20 degC"
sed 's/4711, 2/4711, 3/' "$work/bench.yaml" >"$work/wrong.yaml"
says 4 "WRONG: register 1 is 2, bench says 3" probe "$work/wrong.yaml"
says 4 "is not the instrument of the bench file" get "$work/wrong.yaml"
sed 's/address: 5/address: 6/' "$work/bench.yaml" >"$work/nobody.yaml"
says 4 "does not answer" get "$work/nobody.yaml"
echo "pymodbus server, generic-modbus: $checks checks"
exit $bad
