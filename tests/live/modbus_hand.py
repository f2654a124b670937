"""modbus_hand.py ADDRESS: pymodbus by hand, over one connection; requests and outcomes as in modbus_hand.c."""

import sys

from pymodbus.client import ModbusTcpClient

client = ModbusTcpClient(sys.argv[1], timeout=20)
if not client.connect():
    sys.exit(f"no connection to {sys.argv[1]}")
for line in sys.stdin:
    what, at, *values = line.split()
    at, values = int(at), [int(v) for v in values]
    if what == "read":
        r = client.read_holding_registers(at, values[0], slave=1)
    elif what == "write":
        r = client.write_register(at, values[0], slave=1)
    else:
        r = client.write_registers(at, values, slave=1)
    if not r.isError():
        print(" ".join(["ok"] + [str(v) for v in (r.registers if what == "read" else [])]), flush=True)
    elif getattr(r, "exception_code", None) == 1:
        print("failed: Illegal function", flush=True)
    else:
        print(f"failed: {r}", flush=True)
