"""Reads and sets the emulators with pymodbus, which shares no line with them. Called by peers.sh:

    peers.py box tcp:HOST:PORT | pty:PATH | rtu-tcp:HOST:PORT
    peers.py ea URI
    peers.py pavone URI

Prints what was wrong and exits 1, or one line of praise.
"""
import sys

from pymodbus.bit_read_message import ReadCoilsRequest
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.constants import Endian
from pymodbus.payload import BinaryPayloadBuilder, BinaryPayloadDecoder
from pymodbus.transaction import ModbusRtuFramer

checks = 0


def same(what, got, want):
    global checks
    checks += 1
    if got != want:
        sys.exit(f"{what}: got {got!r}, want {want!r}")


def near(what, got, want, within):
    global checks
    checks += 1
    if abs(got - want) > within:
        sys.exit(f"{what}: got {got!r}, want {want!r} +- {within}")


def words(what, reply):
    if reply.isError():
        sys.exit(f"{what}: {reply}")
    return reply.registers


def bits(what, reply, n):
    if reply.isError():
        sys.exit(f"{what}: {reply}")
    return [int(b) for b in reply.bits[:n]]


def done(what, reply):
    same(what, reply.isError(), False)


def refused(what, reply, code):
    same(what, (reply.isError(), getattr(reply, "exception_code", None)), (True, code))


def connect(uri):
    kind, _, rest = uri.partition(":")
    if kind == "pty":
        client = ModbusSerialClient(port=rest, baudrate=9600, parity="N", timeout=2)
    else:
        host, port = rest.rsplit(":", 1)
        more = {"framer": ModbusRtuFramer} if kind == "rtu-tcp" else {}
        client = ModbusTcpClient(host, port=int(port), timeout=2, **more)
    same(f"connect {uri}", bool(client.connect()), True)
    return client


def decode(regs, order):
    return BinaryPayloadDecoder.fromRegisters(regs, byteorder=Endian.Big, wordorder=order)


def box_functions(c):
    u = {"slave": 1}
    done("15", c.write_coils(19, [1, 0, 1, 1, 0, 0, 1, 1, 1, 0], **u))
    same("1", bits("1", c.read_coils(19, 10, **u), 10), [1, 0, 1, 1, 0, 0, 1, 1, 1, 0])
    done("5", c.write_coil(20, True, **u))
    done("5", c.write_coil(19, False, **u))
    same("1 after 5", bits("1", c.read_coils(18, 4, **u), 4), [0, 0, 1, 1])
    same("2", bits("2", c.read_discrete_inputs(0, 9, **u), 9), [1, 0, 1, 1, 1, 1, 0, 1, 1])
    same("4", words("4", c.read_input_registers(3, 2, **u)), [1234, 65535])
    done("6", c.write_register(100, 54321, **u))
    done("16", c.write_registers(101, [1, 2, 3], **u))
    same("3", words("3", c.read_holding_registers(100, 4, **u)), [54321, 1, 2, 3])
    done("22", c.mask_write_register(100, 0x00F2, 0x0025, unit=1))  # this version wants another name here
    same("3 after 22", words("3", c.read_holding_registers(100, 1, **u)), [54321 & 0xF2 | 0x25 & ~0xF2])
    reply = c.readwrite_registers(read_address=100, read_count=4, write_address=102, write_registers=[7, 8], unit=1)
    same("23", words("23", reply)[1:], [1, 7, 8])
    same("125 words", len(words("125", c.read_holding_registers(0, 125, **u))), 125)


def box_refusals(c):
    u = {"slave": 1}
    refused("coil 256", c.read_coils(256, 1, **u), 2)
    refused("register 255..256", c.read_holding_registers(255, 2, **u), 2)
    refused("write 256", c.write_register(256, 1, **u), 2)
    refused("0 coils", c.execute(ReadCoilsRequest(0, 0, 1)), 3)


def box_orders(c):
    u = {"slave": 1}
    big = words("float", c.read_holding_registers(10, 2, **u))
    swapped = words("float", c.read_holding_registers(12, 2, **u))
    near("ABCD", decode(big, Endian.Big).decode_32bit_float(), 3.7001, 1e-6)
    near("CDAB", decode(swapped, Endian.Little).decode_32bit_float(), 3.7001, 1e-6)
    same("u32", decode(words("u32", c.read_holding_registers(14, 2, **u)), Endian.Big).decode_32bit_uint(), 123456789)
    same("i32", decode(words("i32", c.read_holding_registers(16, 2, **u)), Endian.Big).decode_32bit_int(), -2)
    for order, want in ((Endian.Big, [0x406C, 0xCE70]), (Endian.Little, [0xCE70, 0x406C])):
        b = BinaryPayloadBuilder(byteorder=Endian.Big, wordorder=order)
        b.add_32bit_float(3.7001)
        done("float written", c.write_registers(60, b.to_registers(), **u))
        same("float written", words("float", c.read_holding_registers(60, 2, **u)), want)


def ea(c):
    u = {"slave": 1}
    full = 0xCCCC
    d = decode(words("nominal", c.read_holding_registers(121, 6, **u)), Endian.Big)
    same("nominal", [d.decode_32bit_float() for _ in range(3)], [60.0, 60.0, 1200.0])
    kind = decode(words("type", c.read_holding_registers(1, 20, **u)), Endian.Big).decode_string(40)
    same("type", kind.rstrip(b"\0")[:4], b"PSB ")
    refused("set without remote", c.write_register(500, 100, **u), 7)
    done("remote", c.write_coil(402, True, **u))
    same("remote", bits("remote", c.read_coils(402, 1, **u), 1), [1])
    done("sets by 16", c.write_registers(498, [full, 0, 3670, 2, full], **u))
    same("sets", words("sets", c.read_holding_registers(498, 5, **u)), [full, 0, 3670, 2, full])
    refused("102 % + 1", c.write_register(500, 0xD0E6, **u), 3)
    done("limit", c.write_register(9000, 3670, **u))
    refused("above the limit", c.write_register(500, 3671, **u), 3)
    done("on", c.write_coil(405, True, **u))
    state = words("state", c.read_holding_registers(505, 5, **u))
    same("on and remote", state[1] & 0x0880, 0x0880)
    same("source", state[1] & 0x1000, 0)
    same("current", state[3], 2)
    near("a cell's voltage", state[2] * 60.0 / full, 3.2, 1.1)
    done("sets for discharge", c.write_registers(498, [full, 2, 1748, 0, full], **u))
    state = words("state", c.read_holding_registers(505, 5, **u))
    same("sink", state[1] & 0x1000, 0x1000)
    same("current of the sink", state[3], 2)
    done("off", c.write_coil(405, False, **u))
    same("off", words("state", c.read_holding_registers(505, 2, **u))[1] & 0x0080, 0)
    refused("function 4", c.read_input_registers(0, 1, **u), 1)
    refused("function 15", c.write_coils(405, [1, 1], **u), 1)
    done("remote off", c.write_coil(402, False, **u))
    same("answers 0 too", len(words("unit 0", c.read_holding_registers(0, 1, slave=0))), 1)


def pavone(c):
    u = {"slave": 3}
    same("parameters", words("3", c.read_holding_registers(1100, 5, **u)), [9, 1, 0, 50000, 20000])
    gross = decode(words("3", c.read_holding_registers(1, 2, **u)), Endian.Big).decode_32bit_int()
    near("no force", gross / 10.0, 0.0, 50.0)
    done("6", c.write_register(201, 7, **u))
    done("16", c.write_registers(200, [1, 2, 3, 4], **u))
    same("set-points", words("3", c.read_holding_registers(200, 4, **u)), [1, 2, 3, 4])
    done("zero", c.write_register(502, 1, **u))
    refused("locked", c.write_register(1101, 2, **u), 3)
    refused("not there", c.read_holding_registers(299, 1, **u), 2)
    refused("function 4", c.read_input_registers(0, 1, **u), 1)
    refused("function 1", c.read_coils(0, 1, **u), 1)


def main():
    what, uri = sys.argv[1:]
    client = connect(uri)
    if what == "box":
        box_functions(client)
        box_refusals(client)
        box_orders(client)
    else:
        {"ea": ea, "pavone": pavone}[what](client)
    client.close()
    print(f"pymodbus  {what:7} {uri.partition(':')[0]:8} {checks} checks")


main()
