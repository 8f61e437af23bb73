"""A Modbus TCP device that nobody wrote a driver for, made of pymodbus alone. Called by pymodbus-bench.sh:

    pymodbus-server.py        prints `port N`, then serves until it is killed

Its manual, as pymodbus-bench.yaml has it: registers counted from 0.
    inputs  (4)  0 type code 4711 and 2; 10 temperature i16 0.1 degC, 55.5
    holding (3)  20.. the float 3.7001 as ABCD, CDAB, BADC, DCBA; 30.. the integer -123456789 in the same four orders
                 40 set-point i16 0.1 degC; 42 set-point f32 CDAB in A; 44 state; 50 counts as it is
    coils   (1)  0 pump; 1 valve
    contacts(2)  0 closed; 1 open
"""
import asyncio
import struct

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import async_io

ORDERS = ((0, 1, 2, 3), (2, 3, 0, 1), (1, 0, 3, 2), (3, 2, 1, 0))  # ABCD CDAB BADC DCBA: byte of the number at each place


def words(packed):
    """Registers of one number in each of the four orders."""
    out = []
    for order in ORDERS:
        raw = bytes(packed[k] for k in order)
        out += struct.unpack(">HH", raw)
    return out


def block(size, at):
    values = [0] * size
    for addr, w in at.items():
        values[addr:addr + len(w)] = w
    return ModbusSequentialDataBlock(0, values)


async def main():
    slave = ModbusSlaveContext(
        di=block(16, {0: [1, 0]}),
        co=block(16, {0: [0, 0]}),
        ir=block(64, {0: [4711, 2], 10: [555]}),
        hr=block(64, {20: words(struct.pack(">f", 3.7001)), 30: words(struct.pack(">i", -123456789)), 40: [250], 44: [0], 50: [7]}),
        zero_mode=True,
    )
    server = async_io.ModbusTcpServer(ModbusServerContext(slaves={5: slave}, single=False), address=("127.0.0.1", 0))
    task = asyncio.create_task(server.serve_forever())
    while server.server is None:
        await asyncio.sleep(0.01)
    print("port", server.server.sockets[0].getsockname()[1], flush=True)
    await task


asyncio.run(main())
