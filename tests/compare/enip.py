"""EtherNet/IP, CIP and PCCC: encapsulation command and status; of every CIP message, also inside
Multiple Service Packet and Unconnected Send: request or reply, service, general status, class,
instance, attribute or tag; of PCCC: command, function, status; of implicit I/O: the connection id.
The object of a reply is compared where both found its request."""

import collections

from known import Known

TITLE = "EtherNet/IP and CIP"
INDEXED = "EtherNet/IP:"
OPS = ("enip", "cip", "pccc")
LAYERS = ("enip", "cip", "cipcm", "cippccc")
CARRIERS = (0x6F, 0x70)  # SendRRData, SendUnitData: kidoban has no op of theirs unless they fail

Item = collections.namedtuple("Item", "proto reply code status object")


def _without_object(items):
    return sorted(i._replace(object="") for i in items)


def _routed_reply(_frame, left, right):
    return (all(i.reply for i in left + right) and _without_object(left) == _without_object(right)
            and all(i.object in ("", "6/1") for i in right))


def _no_reply_bit(_frame, left, right):
    return ([i._replace(reply=False, object="") for i in left] == [i._replace(object="") for i in right]
            and all(i.reply for i in left))


def _encapsulated_io(_frame, left, right):
    return not right and all(i.proto == "io" for i in left)


def _unasked_pccc(_frame, left, right):
    return not right and all(i.proto == "pccc" and i.reply for i in left)


KNOWN = [
    Known("", _routed_reply, "either",
          "reply to an Unconnected Send: tshark shows the path of the wrapper, kidoban that of the request inside"),
    Known("CIP/cip_only.pcap", _unasked_pccc, "kidoban",
          "PCCC in a reply whose request is older than the capture: tshark does not look inside"),
    Known("cipdip/", _no_reply_bit, "either",
          "the emulator forgets the reply bit: tshark takes its replies for requests, kidoban for what they answer"),
    Known("cipdip/", _encapsulated_io, "kidoban",
          "SendUnitData on UDP 2222: tshark expects bare I/O items there and gives up as malformed"),
]


def server(_e):
    return None


def options(_servers):
    return []


def from_kidoban(e, items):
    op = e["kidoban"]["op"]
    thing = op.get("object", "") if op["proto"] == "cip" else ""
    if op["role"] == "publish":
        items.append(Item("io", False, 0, 0, thing.split("/")[-1]))
    else:
        reply = op["role"] == "response" and op["proto"] != "enip"
        items.append(Item(op["proto"], reply, op["code"], op.get("status", 0), thing))


def from_tshark(layers):
    walk = _Walk()
    for layer in layers:
        for f in layer:
            walk.field(f)
    items = (Item(i["proto"], i["reply"], i["code"], i["status"], i["object"] or "") for i in walk.items)
    return [i for i in items if i.proto != "enip" or i.code not in CARRIERS or i.status]


def _number(field):
    return int(field.get("show"), 0)


def _path_object(node):
    """A tag or class/instance/attribute, written as kidoban writes it."""
    symbols, index, logical = [], [], {}
    for f in node.iter("field"):
        name = f.get("name")
        if name == "cip.symbol":
            if index:
                symbols[-1] += f"[{','.join(map(str, index))}]"
                index = []
            symbols.append(f.get("show"))
        elif name == "cip.member":
            index.append(_number(f))
        elif name in ("cip.class", "cip.instance", "cip.attribute"):
            logical.setdefault(name, str(_number(f)))
    if not symbols:
        return "/".join(logical.values())
    text = ".".join(symbols)
    return text + (f"[{','.join(map(str, index))}]" if index and index != [0] else "")


class _Walk:
    """The items of one packet, in the order in which tshark shows them."""

    def __init__(self):
        self.items = []

    def last(self, proto):
        return next((i for i in reversed(self.items) if i["proto"] == proto), None)

    def add(self, proto, reply, code):
        self.items.append({"proto": proto, "reply": reply, "code": code, "status": 0, "object": None})

    def field(self, f):
        name, show = f.get("name"), f.get("show", "")
        if name == "" and show.lstrip("[").startswith("Request Path:"):
            item = self.last("cip")
            if item and item["object"] is None:
                item["object"] = _path_object(f)
            return
        if name == "enip.command":
            self.add("enip", False, _number(f))
        elif name == "enip.status" and self.last("enip"):
            self.last("enip")["status"] = _number(f)
        elif name == "enip.cpf.sai.connid":
            self.add("io", False, 0)
            self.items[-1]["object"] = str(_number(f))
        elif name == "cip.service":
            v = _number(f)
            self.add("cip", v >= 0x80, v & 0x7F)
        elif name == "cip.genstat" and self.last("cip"):
            self.last("cip")["status"] = _number(f)
        elif name == "cip.pccc.cmd.code":
            self.add("pccc", False, _number(f) << 8)
        elif name == "cip.pccc.resp.code":
            self.add("pccc", True, (_number(f) & ~0x40) << 8)
        elif name == "cip.pccc.gs.status" and self.last("pccc"):
            self.last("pccc")["status"] = _number(f)
        elif name and name.startswith("cip.pccc.fnc.code_") and self.last("pccc"):
            self.last("pccc")["code"] |= _number(f)
        for child in f:
            self.field(child)


def differing(a, b):
    names = []
    for name, x, y in zip(Item._fields, a, b):
        if name == "code" and a.proto == "pccc" and a.reply:  # tshark does not name the function of a reply
            x, y = x >> 8, y >> 8
        elif name == "object" and a.reply and "" in (x, y):
            continue
        if x != y:
            names.append(name)
    return names
