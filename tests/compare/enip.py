#!/usr/bin/env python3
"""EtherNet/IP and CIP as kidoban and as tshark read them, packet by packet.

    tests/compare/enip.py [--kidoban build/src/kidoban] [FILE...]

Compared per frame: encapsulation command and status; of every CIP message, also inside Multiple
Service Packet and Unconnected Send: request or reply, service, general status, class, instance,
attribute or tag; of PCCC: command, function, status; of implicit I/O: the connection id. The object
of a reply is compared where both found its request. Without files: the captures of pcaps/ and,
where present, of ../shared/pcaps. Prints each disagreement; exit code 1 when one is not explained
by KNOWN below.
"""

import argparse
import collections
import glob
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
Item = collections.namedtuple("Item", "proto reply code status object")


def _without_object(items):
    return sorted(i._replace(object="") for i in items)


def _routed_reply(left, right):
    return (all(i.reply for i in left + right) and _without_object(left) == _without_object(right)
            and all(i.object in ("", "6/1") for i in right))


def _no_reply_bit(left, right):
    return ([i._replace(reply=False, object="") for i in left] == [i._replace(object="") for i in right]
            and all(i.reply for i in left))


def _encapsulated_io(left, right):
    return not right and all(i.proto == "io" for i in left)


def _unasked_pccc(left, right):
    return not right and all(i.proto == "pccc" and i.reply for i in left)


# (part of the path, test of what is left of a frame, kidoban's and tshark's: why they differ)
KNOWN = [
    ("", _routed_reply,
     "reply to an Unconnected Send: tshark shows the path of the wrapper, kidoban that of the request inside"),
    ("CIP/cip_only.pcap", _unasked_pccc,
     "PCCC in a reply whose request is older than the capture: tshark does not look inside"),
    ("cipdip/", _no_reply_bit,
     "the emulator forgets the reply bit: tshark takes its replies for requests, kidoban for what they answer"),
    ("cipdip/", _encapsulated_io,
     "SendUnitData on UDP 2222: tshark expects bare I/O items there and gives up as malformed"),
]


def default_files():
    files = sorted(glob.glob(os.path.join(ROOT, "pcaps", "enip-*.pcap")))
    shared = os.path.join(ROOT, "..", "shared", "pcaps")
    index = os.path.join(shared, "INDEX.tsv")
    if not os.path.exists(index):
        print("SKIP ../shared/pcaps is not here: the project's own captures only")
        return files
    with open(index, encoding="utf-8") as f:
        rows = [line.split("\t") for line in f]
    return files + [os.path.join(shared, r[0]) for r in rows if len(r) > 4 and "EtherNet/IP:" in r[4]]


def by_kidoban(kidoban, path):
    out = subprocess.run([kidoban, "ops", "--format", "tsv", path], check=False, capture_output=True).stdout.decode()
    lines = out.splitlines()
    names = lines[0].split("\t") if lines else []
    frames = collections.defaultdict(list)
    for line in lines[1:]:
        op = dict(zip(names, line.split("\t")))
        if op["proto"] not in ("enip", "cip", "pccc"):
            continue
        thing = op["first"] if op["proto"] == "cip" else ""
        if op["role"] == "publish":
            frames[int(op["frame"])].append(Item("io", False, 0, 0, thing.split("/")[-1]))
            continue
        reply = op["role"] == "response"
        frames[int(op["frame"])].append(
            Item(op["proto"], reply and op["proto"] != "enip", int(op["code"]), int(op["status"] or 0), thing))
    return frames


def number(field):
    return int(field.get("show"), 0)


def path_object(node):
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
            index.append(number(f))
        elif name in ("cip.class", "cip.instance", "cip.attribute"):
            logical.setdefault(name, str(number(f)))
    if not symbols:
        return "/".join(logical.values())
    text = ".".join(symbols)
    return text + (f"[{','.join(map(str, index))}]" if index and index != [0] else "")


class Walk:
    """The items of one packet, in the order in which tshark shows them."""

    def __init__(self):
        self.items = []
        self.io = False

    def last(self, proto):
        return next((i for i in reversed(self.items) if i["proto"] == proto), None)

    def add(self, proto, reply, code):
        self.items.append({"proto": proto, "reply": reply, "code": code, "status": 0, "object": None})

    def field(self, f):
        name, show = f.get("name"), f.get("show", "")
        if name == "" and show.lstrip("[").startswith("Request Path:"):
            item = self.last("cip")
            if item and item["object"] is None:
                item["object"] = path_object(f)
            return
        if name == "enip.command":
            self.add("enip", False, number(f))
        elif name == "enip.status" and self.last("enip"):
            self.last("enip")["status"] = number(f)
        elif name == "enip.cpf.sai.connid":
            self.add("io", False, 0)
            self.items[-1]["object"] = str(number(f))
        elif name == "cip.service":
            v = number(f)
            self.add("cip", v >= 0x80, v & 0x7F)
        elif name == "cip.genstat" and self.last("cip"):
            self.last("cip")["status"] = number(f)
        elif name == "cip.pccc.cmd.code":
            self.add("pccc", False, number(f) << 8)
        elif name == "cip.pccc.resp.code":
            self.add("pccc", True, (number(f) & ~0x40) << 8)
        elif name == "cip.pccc.gs.status" and self.last("pccc"):
            self.last("pccc")["status"] = number(f)
        elif name and name.startswith("cip.pccc.fnc.code_") and self.last("pccc"):
            self.last("pccc")["code"] |= number(f)
        for child in f:
            self.field(child)


def by_tshark(path):
    command = ["tshark", "-r", path, "-Y", "enip or cip", "-T", "pdml", "-J", "enip cip cipcm cippccc"]
    frames = collections.defaultdict(list)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        for _, packet in ET.iterparse(run.stdout):
            if packet.tag != "packet":
                continue
            walk, frame = Walk(), 0
            for proto in packet:
                if proto.get("name") == "geninfo":
                    frame = next(number(f) for f in proto if f.get("name") == "num")
                elif proto.get("name") in ("enip", "cip", "cipcm", "cippccc"):
                    for f in proto:
                        walk.field(f)
            for i in walk.items:
                if i["proto"] != "enip" or i["code"] not in (0x6F, 0x70) or i["status"]:
                    frames[frame].append(Item(i["proto"], i["reply"], i["code"], i["status"], i["object"] or ""))
            packet.clear()
    return frames


def same(a, b):
    """a is kidoban's, b is tshark's."""
    if a[:2] != b[:2] or a.status != b.status:
        return False
    if a.proto == "pccc" and a.reply:  # tshark does not name the function of a reply
        return a.code >> 8 == b.code >> 8
    if a.code != b.code:
        return False
    return a.object == b.object or (a.reply and "" in (a.object, b.object))


def compare(kidoban, path):
    """(items that agree, disagreements as text, of them explained)."""
    ours, theirs = by_kidoban(kidoban, path), by_tshark(path)
    good, lines, explained = 0, [], collections.Counter()
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
        why = next((w for end, test, w in KNOWN if end in path and test(left, right)), None)
        if why:
            explained[why] += 1
        else:
            lines.append(f"  frame {frame}: kidoban {[tuple(i) for i in left]} tshark {[tuple(i) for i in right]}")
    return good, lines, explained


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--kidoban", default=os.path.join(ROOT, "build", "src", "kidoban"))
    ap.add_argument("file", nargs="*")
    args = ap.parse_args()
    if not shutil.which("tshark"):
        print("SKIP tshark is not installed")
        return 77
    total, unexplained = 0, 0
    for path in args.file or default_files():
        good, lines, explained = compare(args.kidoban, path)
        total += good
        unexplained += len(lines)
        print(f"{os.path.relpath(path, ROOT)}: {good} agree, {len(lines)} unexplained")
        for why, n in explained.items():
            print(f"  {n} frames: {why}")
        print("\n".join(lines[:20]), end="\n" if lines else "")
    print(f"EtherNet/IP and CIP: {total} agree, {unexplained} unexplained")
    return 1 if unexplained or not total else 0


if __name__ == "__main__":
    sys.exit(main())
