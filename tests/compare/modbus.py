"""Modbus: direction, transaction id, unit, function code, exception code, address, quantity,
register and coil values, the frame of the request."""

import collections

from known import Known
from pdml import number, shows

TITLE = "Modbus"
INDEXED = "Modbus"
OPS = ("modbus",)
LAYERS = ("mbtcp", "mbudp", "mbrtu", "modbus")
FRAMINGS = {("TCP", "modbus"): "mbtcp", ("UDP", "modbus"): "mbudp", ("TCP", "modbus-rtu"): "mbrtu"}

Item = collections.namedtuple("Item", "response transaction unit code status first count request values")
Item.__new__.__defaults__ = (None,) * len(Item._fields)


def _only_kidoban(_frame, _left, right):
    return not right


def _request_of_70(frame, left, right):
    return frame == 70 and len(left) == len(right) == 1 and differing(left[0], right[0]) == ["request"]


KNOWN = [
    Known("ModbusTCP/mb2.pcap", _only_kidoban, "kidoban",
          "a retransmitted segment that also carries new messages; tshark skips all of it"),
    Known("Modbus/modbus_test.pcap", _request_of_70, "kidoban",
          "three equal requests with one transaction id (68, and two in 69), answered in order;"
          " tshark takes the last for all"),
]


def _values(text):
    """The values shown of an op, without those cut off and without mask intervals."""
    parts = (text or "").split(",")
    return [int(v) for v in parts if v.isdigit()] if all(v.isdigit() or v == "..." for v in parts) else []


def server(e):
    return e["proto"], e["src_port" if "response" in e["modbus"] else "dest_port"], e["app_proto"]


def from_kidoban(e, items):
    op = e["kidoban"]["op"]
    (kind, said), = e["modbus"].items()
    item = Item(kind == "response", said.get("transaction_id", 0), op.get("unit"), op["code"], op.get("status", 0),
                op.get("first"), op.get("count"), op.get("request_frame"), _values(op.get("values")))
    if op["code"] not in (1, 2, 3, 4, 5, 6, 15, 16, 22, 23) or op.get("space") is None:
        item = item._replace(first=None, count=None, values=[])
    if item.code not in (20, 21) or item not in items:  # one op per record, one message
        items.append(item)


def options(servers):
    decode = [w for t, p, app in sorted(servers) for w in ("-d", f"{t.lower()}.port=={p},{FRAMINGS[t, app]}")]
    # without these it takes the requests on other ports than 502 for responses
    for pref, app in (("mbtcp.tcp.port", "modbus"), ("mbrtu.tcp.port", "modbus-rtu")):
        ports = sorted(p for t, p, a in servers if a == app and t == "TCP")
        decode += ["-o", f"{pref}:{','.join(map(str, ports))}"] if ports else []
    return decode


def from_tshark(layers):
    items, unit, transaction = [], None, None
    for layer in layers:
        name = layer.get("name")
        if name in ("mbtcp", "mbudp"):
            unit, transaction = number(layer, "mbtcp.unit_id"), number(layer, "mbtcp.trans_id")
        elif name == "mbrtu":
            unit, transaction = number(layer, "mbrtu.unit_id"), 0
        else:
            items += _messages(layer, unit, transaction)
    return items


def _messages(layer, unit, transaction):
    code = number(layer, "modbus.func_code")
    if code is None:
        return []
    status = number(layer, "modbus.exception_code") or 0
    request = number(layer, "modbus.request_frame")
    item = Item(request is not None or status > 0, transaction, unit, code & 0x7F, status, request=request)
    if code == 23 and shows(layer, "modbus.read_reference_num"):
        return [item._replace(first=number(layer, f"modbus.{k}_reference_num"),
                              count=number(layer, f"modbus.{k}_word_cnt")) for k in ("write", "read")]
    values = []
    if code in (1, 2, 3, 4, 15, 16):
        item = item._replace(first=number(layer, "modbus.reference_num"),
                             count=number(layer, "modbus.word_cnt" if code in (3, 4, 16) else "modbus.bit_cnt"))
        values = [int(v) for v in shows(layer, "modbus.regval_uint16")] + \
            [int(v, 0) for v in shows(layer, "modbus.bitval")]
    elif code in (5, 6, 22):
        item = item._replace(first=number(layer, "modbus.reference_num"), count=1)
    return [item._replace(values=values)]


def differing(a, b):
    """A field that one of them does not have does not count."""
    names = []
    for name, x, y in zip(Item._fields, a, b):
        if name == "values":
            n = min(len(x or []), len(y or []))
            if n and x[:n] != y[:n]:
                names.append(name)
        elif name == "response" and not y and x:
            continue  # tshark calls a response without its request neither
        elif x is not None and y is not None and x != y:
            names.append(name)
    return names
