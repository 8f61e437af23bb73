#!/bin/sh
# Foreign Modbus programs (mbpoll, python3-pymodbus) against the emulators, over ptys and TCP: functions 1-6, 15, 16, 22, 23,
# word orders, exceptions. Skipped with a message where the packages are absent.
SERVE_ONE=${SERVE_ONE:-./serve_one}
here=$(dirname "$0")
python=/usr/bin/python3 # Debian's own: its packages are not seen by others
have_pymodbus=yes
have_mbpoll=yes
$python -c 'import pymodbus.client, pymodbus.payload' 2>/dev/null || have_pymodbus=no
command -v mbpoll >/dev/null 2>&1 || have_mbpoll=no
[ $have_pymodbus = yes ] || echo "skipped: python3-pymodbus is not installed (with python3-serial-asyncio)"
[ $have_mbpoll = yes ] || echo "skipped: mbpoll is not installed"
[ $have_pymodbus$have_mbpoll = nono ] && exit 77

work=$(mktemp -d) || exit 1
mkfifo "$work/uris" || exit 1
"$SERVE_ONE" generic-modbus 1 tcp generic-modbus 1 rtu generic-modbus 1 rtu-tcp ea-psb 1 tcp ea-psb 1 rtu pavone-dat1400 3 rtu \
    ea-psb 0 tcp >"$work/uris" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
{
    read -r box_tcp && read -r box_rtu && read -r box_over && read -r ea_tcp && read -r ea_rtu && read -r pavone && read -r ea_zero
} <"$work/uris" || { echo "serve_one did not start"; exit 1; }

bad=0
port_of() { echo "${1##*:}"; }
# what, wanted text (blanks are one), mbpoll's arguments
poll() {
    what=$1 want=$2
    shift 2
    got=$(mbpoll -0 -1 -q "$@" 2>&1 | tr -s '\t \n' ' ')
    case $got in
    *"$want"*) polls=$((polls + 1)) ;;
    *) echo "mbpoll $what: want \"$want\" in: $got" && bad=1 ;;
    esac
}
polls=0
tcp() { p=$1 && u=$2 && shift 2 && what=$1 && want=$2 && shift 2 && poll "$what" "$want" -m tcp -p "$(port_of "$p")" -a "$u" "$@"; }
rtu() { p=$1 && u=$2 && shift 2 && what=$1 && want=$2 && shift 2 && poll "$what" "$want" -m rtu -b 9600 -P none -a "$u" "$@"; }

if [ $have_mbpoll = yes ]; then
    h=127.0.0.1
    tcp "$box_tcp" 1 "5" "Written 1" -t 0 -r 30 $h 1
    tcp "$box_tcp" 1 "1" "[30]: 1 [31]: 0" -t 0 -r 30 -c 2 $h
    tcp "$box_tcp" 1 "15" "Written 3" -t 0 -r 30 $h 0 1 1
    tcp "$box_tcp" 1 "1 after 15" "[30]: 0 [31]: 1 [32]: 1 [33]: 0" -t 0 -r 30 -c 4 $h
    tcp "$box_tcp" 1 "2" "[0]: 1 [1]: 0 [2]: 1" -t 1 -r 0 -c 3 $h
    tcp "$box_tcp" 1 "4" "[3]: 1234 [4]: 65535" -t 3 -r 3 -c 2 $h
    tcp "$box_tcp" 1 "6" "Written 1" -t 4 -r 70 $h 4711
    tcp "$box_tcp" 1 "16" "Written 3" -t 4 -r 71 $h 1 2 3
    tcp "$box_tcp" 1 "3" "[70]: 4711 [71]: 1 [72]: 2 [73]: 3" -t 4 -r 70 -c 4 $h
    tcp "$box_tcp" 1 "float ABCD" "[10]: 3.7001" -t 4:float -B -r 10 -c 1 $h
    tcp "$box_tcp" 1 "float CDAB" "[12]: 3.7001" -t 4:float -r 12 -c 1 $h
    tcp "$box_tcp" 1 "int32" "[14]: 123456789 [16]: -2" -t 4:int -B -r 14 -c 2 $h
    tcp "$box_tcp" 1 "float written" "Written 1" -t 4:float -B -r 80 $h 3.7001
    tcp "$box_tcp" 1 "float written" "[80]: 0x406C [81]: 0xCE70" -t 4:hex -r 80 -c 2 $h
    tcp "$box_tcp" 1 "not there" "Illegal data address" -t 4 -r 256 -c 1 $h
    tcp "$ea_tcp" 1 "EA nominal" "[121]: 60 [123]: 60 [125]: 1200" -t 4:float -B -r 121 -c 3 $h
    tcp "$ea_tcp" 1 "EA without remote" "failed" -t 4 -r 500 $h 100
    tcp "$ea_tcp" 1 "EA remote" "Written 1" -t 0 -r 402 $h 1
    tcp "$ea_tcp" 1 "EA set" "Written 1" -t 4 -r 500 $h 3670
    tcp "$ea_tcp" 1 "EA sets" "Written 2" -t 4 -r 501 $h 2 52428
    tcp "$ea_tcp" 1 "EA read back" "[500]: 3670 [501]: 2 [502]: 52428" -t 4 -r 500 -c 3 $h
    tcp "$ea_tcp" 1 "EA state" "[505]: 0x0000 [506]: 0x0806" -t 4:hex -r 505 -c 2 $h
    tcp "$ea_tcp" 1 "EA remote off" "Written 1" -t 0 -r 402 $h 0
    tcp "$ea_zero" 0 "EA Limited" "[10013]: 0" -t 4 -r 10013 -c 1 $h
    rtu "$ea_rtu" 1 "EA over RTU" "[121]: 60 [123]: 60 [125]: 1200" -t 4:float -B -r 121 -c 3 "${ea_rtu#pty:}"
    rtu "$pavone" 3 "Pavone" "[1100]: 9 [1101]: 1 [1102]: 0 [1103]: 50000" -t 4 -r 1100 -c 4 "${pavone#pty:}"
    rtu "$pavone" 3 "Pavone set-point" "Written 2" -t 4 -r 200 "${pavone#pty:}" 1 2
    rtu "$pavone" 3 "Pavone INT32" "[200]: 65538" -t 4:int -B -r 200 -c 1 "${pavone#pty:}"
    rtu "$pavone" 3 "Pavone refuses" "Illegal function" -t 3 -r 0 -c 1 "${pavone#pty:}"
    echo "mbpoll    $polls checks"
fi
if [ $have_pymodbus = yes ]; then
    $python "$here/peers.py" box "$box_tcp" || bad=1
    $python "$here/peers.py" box "$box_rtu" || bad=1
    $python "$here/peers.py" box "rtu-$box_over" || bad=1
    $python "$here/peers.py" ea "$ea_tcp" || bad=1
    $python "$here/peers.py" ea "$ea_rtu" || bad=1
    $python "$here/peers.py" pavone "$pavone" || bad=1
fi
exit $bad
