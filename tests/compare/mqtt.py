#!/usr/bin/env python3
"""MQTT as kidoban and as tshark read it, packet by packet.

    tests/compare/mqtt.py [--kidoban build/src/kidoban] [FILE...]

Compared per frame: packet type, topic or filter, packet identifier, return or reason code, user
message. Without files: the MQTT captures of pcaps/ and, where present, of ../shared/pcaps. Prints
each disagreement; exit code 1 when one is not explained by KNOWN below.
"""

import argparse
import collections
import glob
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TYPES = ["", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe",
         "suback", "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"]
Item = collections.namedtuple("Item", "type topic id code message")

# (end of the path, frame): why tshark and kidoban differ there.
KNOWN = {}


def default_files():
    files = sorted(glob.glob(os.path.join(ROOT, "pcaps", "*.pcap")))
    shared = os.path.join(ROOT, "..", "shared", "pcaps")
    index = os.path.join(shared, "INDEX.tsv")
    if not os.path.exists(index):
        print("SKIP ../shared/pcaps is not here: the project's own captures only")
        return files
    with open(index, encoding="utf-8") as f:
        rows = [line.split("\t") for line in f]
    return files + [os.path.join(shared, r[0]) for r in rows if len(r) > 4 and "MQTT:" in r[4]]


def by_kidoban(kidoban, path):
    """Items per frame, and the server ports they were on."""
    out = subprocess.run([kidoban, "replay", "--events", "op", "-o", "-", path], check=False,
                         capture_output=True).stdout.decode()
    frames, ports = collections.defaultdict(list), set()
    for line in out.splitlines():
        e = json.loads(line)
        if e.get("app_proto") != "mqtt":
            continue
        (name, p), = e["mqtt"].items()
        response = "request_frame" in e["kidoban"]["op"]
        topic = p.get("topic", "") if name in ("publish", "will", "subscribe", "unsubscribe") else ""
        message = p.get("message", "") if name in ("publish", "will") else ""
        frames[e["pcap_cnt"]].append(
            Item(name, topic, p.get("message_id", 0), p.get("reason_code", 0), message))
        if name in ("connect", "subscribe", "pingreq") or (name == "publish" and not response):
            ports.add(e["dest_port"])
    return frames, ports


def value(proto, *names):
    return [f.get("show", "") for f in proto.iter("field") if f.get("name") in names]


def message_of(proto, field):
    """Bytes as text when kidoban would show them as text: printable UTF-8."""
    for f in proto.iter("field"):
        if f.get("name") == field:
            raw = bytes.fromhex(f.get("value", ""))
            try:
                text = raw.decode("utf-8")
                if all(c in "\t\r\n" or c.isprintable() or c.isspace() for c in text):
                    return text
            except UnicodeDecodeError:
                pass
            return raw.hex()
    return ""


def code(values, classic):
    n = int(values, 0)
    return n if classic or n >= 0x80 else 0


def items_of(proto):
    kind = value(proto, "mqtt.msgtype")
    if not kind or int(kind[0], 0) >= len(TYPES):
        return []
    name = TYPES[int(kind[0], 0)]
    number = int((value(proto, "mqtt.msgid") or ["0"])[0], 0)
    topics = value(proto, "mqtt.topic")
    codes = [code(v, True) for v in value(proto, "mqtt.conack.val")]
    codes += [code(v, False) for v in value(proto, "mqtt.suback.qos")]
    codes += [code(f.get("show"), False) for f in proto.iter("field")
              if f.get("name", "").endswith(".reason_code")]
    if name == "publish":
        return [Item(name, topics[0] if topics else "", number, 0, message_of(proto, "mqtt.msg"))]
    if name == "connect":
        will = value(proto, "mqtt.willtopic")
        return [Item(name, "", 0, 0, "")] + \
            [Item("will", t, 0, 0, message_of(proto, "mqtt.willmsg")) for t in will]
    if name in ("subscribe", "unsubscribe"):
        return [Item(name, t, number, 0, "") for t in topics]
    return [Item(name, "", number, c, "") for c in codes or [0]]


def by_tshark(path, ports):
    decode = [w for p in sorted(ports - {1883}) for w in ("-d", f"tcp.port=={p},mqtt")]
    out = subprocess.run(["tshark", "-r", path, *decode, "-Y", "mqtt", "-T", "pdml"], check=False,
                         capture_output=True).stdout
    frames = collections.defaultdict(list)
    for packet in ET.fromstring(out).iter("packet") if out.strip() else []:
        frame = int(next(f.get("show") for f in packet.iter("field") if f.get("name") == "frame.number"))
        for proto in packet.iter("proto"):
            if proto.get("name") == "mqtt":
                frames[frame] += items_of(proto)
    return frames


def begins(a, b):
    """Equal, or both long and one is the beginning of the other: long texts are shown cut."""
    a, b = a.removesuffix("..."), b.removesuffix("...")
    short = min(len(a), len(b))
    return a == b or (short >= 32 and a[:short] == b[:short])


def same(a, b):
    return a[0] == b[0] and a[2:4] == b[2:4] and begins(a.topic, b.topic) and begins(a.message, b.message)


def compare(kidoban, path):
    """(packets that agree, disagreements as text, of them explained)."""
    ours, ports = by_kidoban(kidoban, path)
    theirs = by_tshark(path, ports)
    good, lines, explained = 0, [], 0
    for frame in sorted(set(ours) | set(theirs)):
        left, right = list(ours.get(frame, [])), list(theirs.get(frame, []))
        for a in list(left):
            b = next((b for b in right if same(a, b)), None)
            if b:
                left.remove(a)
                right.remove(b)
                good += 1
        if not left and not right:
            continue
        why = next((w for (end, n), w in KNOWN.items() if path.endswith(end) and n in (frame, None)), None)
        explained += why is not None
        lines.append(f"  frame {frame}: kidoban {[tuple(i) for i in left]} tshark {[tuple(i) for i in right]}"
                     + (f" -- {why}" if why else ""))
    return good, lines, explained


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--kidoban", default=os.path.join(ROOT, "build", "src", "kidoban"))
    ap.add_argument("file", nargs="*")
    args = ap.parse_args()
    if not shutil.which("tshark"):
        print("SKIP tshark is not installed")
        return 77
    total, open_ones = 0, 0
    for path in args.file or default_files():
        good, lines, explained = compare(args.kidoban, path)
        total += good
        open_ones += len(lines) - explained
        if good or lines:
            print(f"{os.path.relpath(path, ROOT)}: {good} agree, {len(lines)} differ, {explained} explained")
            print("\n".join(lines[:40]), end="\n" if lines else "")
    print(f"MQTT: {total} agree, {open_ones} unexplained")
    return 1 if open_ones or not total else 0


if __name__ == "__main__":
    sys.exit(main())
