#!/usr/bin/env python3
"""Modbus as kidoban and as tshark read it, packet by packet.

    tests/compare/modbus.py [--kidoban build/src/kidoban] [FILE...]

Compared per message: direction, transaction id, unit, function code, exception code, address,
quantity, register and coil values, the frame of the request. Without files: the Modbus captures of
pcaps/ and, where present, of ../shared/pcaps. Prints each kind of disagreement; exit code 1 when
one is not explained by KNOWN below, 77 when there is no tshark.
"""

import argparse
import collections
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
Item = collections.namedtuple("Item", "response transaction unit code status first count request values")
Item.__new__.__defaults__ = (None,) * len(Item._fields)

# (end of the path, what differs, frame or None for any): who is right there, and why.
KNOWN = {
    ("ModbusTCP/mb2.pcap", "only kidoban", None):
        "a retransmitted segment that also carries new messages; tshark skips all of it",
    ("Modbus/modbus_test.pcap", "request", 70):
        "three equal requests with one transaction id (68, and two in 69), answered in order;"
        " tshark takes the last for all",
}


def default_files():
    files = sorted(glob.glob(os.path.join(ROOT, "pcaps", "mod*.pcap")))
    shared = os.path.join(ROOT, "..", "shared", "pcaps")
    index = os.path.join(shared, "INDEX.tsv")
    if not os.path.exists(index):
        print("SKIP ../shared/pcaps is not here: the project's own captures only")
        return files
    with open(index, encoding="utf-8") as f:
        rows = [line.split("\t") for line in f]
    return files + [os.path.join(shared, r[0]) for r in rows if len(r) > 4 and "Modbus" in r[4]]


def numbers(text):
    """The values shown of an op, without those cut off and without mask intervals."""
    parts = (text or "").split(",")
    return [int(v) for v in parts if v.isdigit()] if all(v.isdigit() or v == "..." for v in parts) else []


def by_kidoban(kidoban, path):
    """Items per frame, and the (transport, server port, framing) they were on."""
    out = tempfile.TemporaryFile()
    subprocess.run([kidoban, "replay", "--events", "op", "-o", "-", path], check=False,
                   stdout=out, stderr=subprocess.DEVNULL)
    out.seek(0)
    frames, servers = collections.defaultdict(list), set()
    for line in out:
        e = json.loads(line)
        op = e["kidoban"].get("op", {})
        if op.get("proto") != "modbus":
            continue
        (kind, said), = e["modbus"].items()
        response = kind == "response"
        servers.add((e["proto"].lower(), e["src_port" if response else "dest_port"], e["app_proto"]))
        item = Item(response, said.get("transaction_id", 0), op.get("unit"), op["code"], op.get("status", 0),
                    op.get("first"), op.get("count"), op.get("request_frame"), numbers(op.get("values")))
        if op["code"] not in (1, 2, 3, 4, 5, 6, 15, 16, 22, 23) or op.get("space") is None:
            item = item._replace(first=None, count=None, values=[])
        if item.code in (20, 21) and item in frames[e["pcap_cnt"]]:
            continue  # one op per record, one message
        frames[e["pcap_cnt"]].append(item)
    return frames, servers


def shows(proto, name):
    return [f.get("show", "") for f in proto.iter("field") if f.get("name") == name]


def number(proto, name):
    return next((int(v, 0) for v in shows(proto, name)), None)


def items_of(proto, unit, transaction):
    code = number(proto, "modbus.func_code")
    if code is None:
        return []
    status = number(proto, "modbus.exception_code") or 0
    response = bool(shows(proto, "modbus.request_frame")) or status > 0
    item = Item(response, transaction, unit, code & 0x7F, status, request=number(proto, "modbus.request_frame"))
    if code == 23 and shows(proto, "modbus.read_reference_num"):
        return [item._replace(first=number(proto, f"modbus.{k}_reference_num"), count=number(proto, f"modbus.{k}_word_cnt"))
                for k in ("write", "read")]
    if code in (1, 2, 3, 4, 15, 16):
        item = item._replace(first=number(proto, "modbus.reference_num"),
                             count=number(proto, "modbus.word_cnt" if code in (3, 4, 16) else "modbus.bit_cnt"))
    elif code in (5, 6, 22):
        item = item._replace(first=number(proto, "modbus.reference_num"), count=1)
    values = [int(v) for v in shows(proto, "modbus.regval_uint16")] + \
        [int(v, 0) for v in shows(proto, "modbus.bitval")]
    return [item._replace(values=values if code in (1, 2, 3, 4, 15, 16) else [])]


FRAMINGS = {("tcp", "modbus"): "mbtcp", ("udp", "modbus"): "mbudp", ("tcp", "modbus-rtu"): "mbrtu"}


def by_tshark(path, servers):
    decode = [w for t, p, app in sorted(servers) for w in ("-d", f"{t}.port=={p},{FRAMINGS[t, app]}")]
    # without these it takes the requests on other ports than 502 for responses
    for pref, app in (("mbtcp.tcp.port", "modbus"), ("mbrtu.tcp.port", "modbus-rtu")):
        ports = sorted({p for t, p, a in servers if a == app and t == "tcp"})
        decode += ["-o", f"{pref}:{','.join(map(str, ports))}"] if ports else []
    out = tempfile.TemporaryFile()
    subprocess.run(["tshark", "-r", path, *decode, "-Y", "modbus", "-T", "pdml",
                    "-J", "mbtcp mbudp mbrtu modbus"],
                   check=False, stdout=out, stderr=subprocess.DEVNULL)
    out.seek(0)
    frames = collections.defaultdict(list)
    if not out.read(1):
        return frames
    out.seek(0)
    for _, packet in ET.iterparse(out):
        if packet.tag != "packet":
            continue
        frame = unit = transaction = None
        for proto in packet:
            name = proto.get("name")
            if name == "geninfo":
                frame = number(proto, "num")
            elif name in ("mbtcp", "mbudp"):
                unit, transaction = number(proto, "mbtcp.unit_id"), number(proto, "mbtcp.trans_id")
            elif name == "mbrtu":
                unit, transaction = number(proto, "mbrtu.unit_id"), 0
            elif name == "modbus":
                frames[frame] += items_of(proto, unit, transaction)
        packet.clear()
    return frames


def differing(a, b):
    """Which fields of two items differ; a field that one of them does not have does not count."""
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


def compare(kidoban, path):
    """(messages that agree, [(what differs, frame, text)])."""
    ours, servers = by_kidoban(kidoban, path)
    theirs = by_tshark(path, servers)
    good, bad = 0, []
    for frame in sorted(set(ours) | set(theirs)):
        left, right = ours.get(frame, []), list(theirs.get(frame, []))
        for a in left:
            b = min(right, key=lambda b: len(differing(a, b)), default=None)
            if b is None:
                bad.append(("only kidoban", frame, str(a)))
                continue
            right.remove(b)
            names = differing(a, b)
            if names:
                bad.append((",".join(names), frame, f"kidoban {a}\n{'':12}tshark  {b}"))
            else:
                good += 1
        bad += [("only tshark", frame, str(b)) for b in right]
    return good, bad


def known(path, what, frame):
    return next((why for (end, w, n), why in KNOWN.items() if path.endswith(end) and w == what and n in (None, frame)), None)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--kidoban", default=os.path.join(ROOT, "build", "src", "kidoban"))
    ap.add_argument("file", nargs="*")
    args = ap.parse_args()
    if not shutil.which("tshark"):
        print("SKIP tshark is not installed")
        return 77
    total = unexplained = explained = 0
    for path in args.file or default_files():
        good, bad = compare(args.kidoban, path)
        kinds = collections.defaultdict(list)
        for what, frame, text in bad:
            kinds[what, known(path, what, frame)].append((frame, text))
        total += good
        print(f"{os.path.relpath(path, ROOT)}: {good} agree, {len(bad)} differ")
        for (what, why), cases in kinds.items():
            print(f"    {what}: {len(cases)}, first in frame {cases[0][0]}" + (f": {why}" if why else ""))
            explained += len(cases) if why else 0
            if not why:
                unexplained += len(cases)
                print("\n".join(f"        {frame}: {text}" for frame, text in cases[:3]))
    print(f"Modbus: {total} agree, {explained} differ and are explained, {unexplained} unexplained")
    return 1 if unexplained or not total else 0


if __name__ == "__main__":
    sys.exit(main())
