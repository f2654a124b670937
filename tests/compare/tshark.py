#!/usr/bin/env python3
"""What kidoban and what tshark read in the same packets, message by message.

    tests/compare/tshark.py [--kidoban build/src/kidoban] [--proto modbus|enip|mqtt] [FILE...]

Without files: the captures of pcaps/ and, where present, those of ../shared/pcaps that hold the
protocol. Per protocol it counts the messages that are equal, those that differ for a reason that
the protocol's KNOWN gives, and prints all others. Exit code 0: nothing unexplained; 1: something,
or nothing was compared; 77: there is no tshark.

A protocol is a module here (modbus.py, enip.py, mqtt.py) with

    TITLE, INDEXED          its name for people; how ../shared/pcaps/INDEX.tsv calls it
    OPS, LAYERS             what kidoban calls its ops; tshark's layers
    Item                    a message, a namedtuple of what is compared
    from_kidoban(e, items)  adds what an op event says to the items of its frame
    from_tshark(layers)     the items in the layers of one packet
    server(e)               (transport, port, application) of the server of an op event, or None
    options(servers)        what makes tshark read those ports as this protocol
    differing(a, b)         the fields in which kidoban's item a is not tshark's item b
    KNOWN                   explained disagreements, each a known.Known
"""

import argparse
import collections
import glob
import importlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile

import pdml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(ROOT, "..", "shared", "pcaps")
PROTOCOLS = ("modbus", "enip", "mqtt")
LISTED = 100  # unexplained messages printed per capture


def captures(proto):
    """The project's own captures and the indexed ones that hold the protocol."""
    files = sorted(glob.glob(os.path.join(ROOT, "pcaps", "*.pcap")))
    try:
        with open(os.path.join(SHARED, "INDEX.tsv"), encoding="utf-8") as f:
            rows = [line.split("\t") for line in f]
    except FileNotFoundError:
        print("SKIP captures of ../shared/pcaps: not here, the project's own only")
        return files
    for row in rows:
        path = os.path.join(SHARED, row[0])
        if len(row) <= 4 or proto.INDEXED not in row[4]:
            continue
        if os.path.exists(path):
            files.append(path)
        else:
            print(f"SKIP {os.path.relpath(path, ROOT)}: not here")
    return files


def by_kidoban(proto, kidoban, path):
    """Items per frame, and the servers they were exchanged with."""
    frames, servers = collections.defaultdict(list), set()
    command = [kidoban, "replay", "-q", "--events", "op", "-o", "-", path]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as run:
            for line in run.stdout:
                e = json.loads(line)
                if e["kidoban"].get("op", {}).get("proto") in proto.OPS:
                    proto.from_kidoban(e, frames[e["pcap_cnt"]])
                    servers.add(proto.server(e))
        if run.returncode:
            said.seek(0)
            raise pdml.Failed(f"kidoban ended with {run.returncode}: {pdml.last_line(said.read())}")
    return frames, servers - {None}


def by_tshark(proto, servers, path):
    frames = collections.defaultdict(list)
    for frame, layers in pdml.packets(path, proto.LAYERS, proto.options(servers)):
        frames[frame] += proto.from_tshark(layers)
    return frames


def match(proto, ours, theirs):
    """(pairs that agree, what is left of kidoban's, what is left of tshark's) of one frame."""
    equal, left, right = 0, [], list(theirs)
    for a in ours:
        b = next((b for b in right if not proto.differing(a, b)), None)
        if b is None:
            left.append(a)
        else:
            right.remove(b)
            equal += 1
    return equal, left, right


def describe(proto, frame, a, b):
    if a is None or b is None:
        return f"frame {frame}: only {'tshark' if a is None else 'kidoban'} {a or b}"
    return f"frame {frame}: {', '.join(proto.differing(a, b))}\n      kidoban {a}\n      tshark  {b}"


class Count:
    """Messages of one capture or of all."""

    def __init__(self):
        self.equal = self.unexplained = 0
        self.explained = collections.Counter()

    def __iadd__(self, other):
        self.equal += other.equal
        self.unexplained += other.unexplained
        self.explained += other.explained
        return self

    def compared(self):
        return self.equal + self.explained.total() + self.unexplained

    def __str__(self):
        return (f"{self.compared()} messages compared, {self.equal} equal,"
                f" {self.explained.total()} explained, {self.unexplained} unexplained")


def compare(proto, kidoban, path):
    """The count of one capture and the unexplained disagreements as text."""
    count, lines = Count(), []
    try:
        ours, servers = by_kidoban(proto, kidoban, path)
        theirs = by_tshark(proto, servers, path)
    except pdml.Failed as e:
        count.unexplained = 1
        return count, [str(e)]
    for frame in sorted(set(ours) | set(theirs)):
        equal, left, right = match(proto, ours.get(frame, []), theirs.get(frame, []))
        count.equal += equal
        why = next((k for k in proto.KNOWN if k.explains(path, frame, left, right)), None)
        if why:
            count.explained[why] += max(len(left), len(right))
        else:
            count.unexplained += max(len(left), len(right))
            lines += [describe(proto, frame, a, b) for a, b in itertools.zip_longest(left, right)]
    return count, lines


def compare_all(proto, kidoban, files):
    total, read = Count(), 0
    for path in files:
        count, lines = compare(proto, kidoban, path)
        total += count
        if not count.compared():
            continue
        read += 1
        print(f"{os.path.relpath(path, ROOT)}: {count}", flush=True)
        for line in lines[:LISTED]:
            print(f"    {line}")
        if len(lines) > LISTED:
            print(f"    and {len(lines) - LISTED} more")
    print(f"{proto.TITLE}: {read} files, {total}")
    for known, n in total.explained.items():
        print(f"    {n}: {known.why} ({known.right} is right)")
    return total


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--kidoban", default=os.path.join(ROOT, "build", "src", "kidoban"))
    ap.add_argument("--proto", choices=PROTOCOLS, help="compare this one only")
    ap.add_argument("file", nargs="*")
    args = ap.parse_args()
    if not shutil.which(args.kidoban):
        ap.error(f"no program {args.kidoban}: build it, or name it with --kidoban")
    if not shutil.which("tshark"):
        print("SKIP tshark is not installed")
        return 77
    failed = False
    for name in [args.proto] if args.proto else PROTOCOLS:
        proto = importlib.import_module(name)
        total = compare_all(proto, args.kidoban, args.file or captures(proto))
        failed |= total.unexplained > 0 or not (total.compared() or args.file)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
