"""MQTT: packet type, topic or filter, packet identifier, return or reason code, user message."""

import collections

from pdml import number, shows

TITLE = "MQTT"
INDEXED = "MQTT:"
OPS = ("mqtt",)
LAYERS = ("mqtt",)
TYPES = ["", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe",
         "suback", "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"]

Item = collections.namedtuple("Item", "type topic id code message")
KNOWN = []


def server(e):
    """Of a publish it may be the client; tshark only needs one port of the connection."""
    return None if e["kidoban"]["op"]["role"] == "response" else ("TCP", e["dest_port"], "mqtt")


def options(servers):
    return [w for _, port, _ in sorted(servers) for w in ("-d", f"tcp.port=={port},mqtt")]


def from_kidoban(e, items):
    (name, said), = e["mqtt"].items()
    topic = said.get("topic", "") if name in ("publish", "will", "subscribe", "unsubscribe") else ""
    message = said.get("message", "") if name in ("publish", "will") else ""
    items.append(Item(name, topic, said.get("message_id", 0), said.get("reason_code", 0), message))


def from_tshark(layers):
    return [item for layer in layers for item in _packets(layer)]


def _packets(layer):
    kind = number(layer, "mqtt.msgtype")
    if kind is None or kind >= len(TYPES):
        return []
    name, ident, topics = TYPES[kind], number(layer, "mqtt.msgid") or 0, shows(layer, "mqtt.topic")
    if name == "publish":
        return [Item(name, topics[0] if topics else "", ident, 0, _message(layer, "mqtt.msg"))]
    if name == "connect":
        return [Item(name, "", 0, 0, "")] + \
            [Item("will", t, 0, 0, _message(layer, "mqtt.willmsg")) for t in shows(layer, "mqtt.willtopic")]
    if name in ("subscribe", "unsubscribe"):
        return [Item(name, t, ident, 0, "") for t in topics]
    return [Item(name, "", ident, code, "") for code in _codes(layer) or [0]]


def _codes(layer):
    """Return codes of CONNACK as they are, of others only errors: below 0x80 is a granted QoS."""
    later = shows(layer, "mqtt.suback.qos")
    later += [f.get("show") for f in layer.iter("field") if f.get("name", "").endswith(".reason_code")]
    return [int(v, 0) for v in shows(layer, "mqtt.conack.val")] + \
        [n if n >= 0x80 else 0 for n in (int(v, 0) for v in later)]


def _message(layer, field):
    """Bytes as text when kidoban would show them as text: printable UTF-8."""
    raw = next((bytes.fromhex(f.get("value", "")) for f in layer.iter("field") if f.get("name") == field), b"")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.hex()
    return text if all(c.isprintable() or c.isspace() for c in text) else raw.hex()


def _same_text(a, b):
    """Equal, or both long and one is the beginning of the other: long texts are shown cut."""
    a, b = a.removesuffix("..."), b.removesuffix("...")
    short = min(len(a), len(b))
    return a == b or (short >= 32 and a[:short] == b[:short])


def differing(a, b):
    return [name for name, x, y in zip(Item._fields, a, b)
            if x != y and not (name in ("topic", "message") and _same_text(x, y))]
