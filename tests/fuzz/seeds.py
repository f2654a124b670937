#!/usr/bin/env python3
"""Seeds for the fuzz targets, taken out of the project's own captures and policies.

    seeds.py --target modbus FOLDER              write its seeds into FOLDER
    seeds.py --target modbus --run PROGRAM N     run PROGRAM over them and N mutations

TARGETS says what the input of each target is made of:
    tcp PORT, udp PORT   the payloads of one packet each, of packets from or to the port
    stream PORT          all payloads of one capture, joined
    frames               whole frames
    fragments            raw IP fragments of them, each behind its length, ten in a row
    segments PORT        payloads of both sides, each behind the header of fuzz_stream.c, twenty
                         in a row; datagrams PORT likewise over UDP
    pieces               capture files of twenty frames each
    files GLOB           files of the repository as they are
Fixed seeds may stand in tests/fuzz/seeds/<target>/ beside these.
"""

import argparse
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True
import capture_edit  # noqa: E402

MOST = 400  # seeds per source; different ones only

TARGETS = {
    "addr": [],
    "baseline": [],
    "modbus": ["tcp 502"],
    "cip": ["tcp 44818", "udp 44818", "udp 2222"],
    "enip": ["tcp 44818", "udp 44818", "udp 2222"],
    "mqtt": ["tcp 1883"],
    "packet": ["frames", "fragments"],
    "flow": ["frames"],
    "stream": ["segments 502", "segments 1883", "segments 44818", "datagrams 44818", "datagrams 2222"],
    "capture": ["files pcaps/*.pcap"],
    "pcap": ["files pcaps/*.pcap"],
    "policy": ["files zones/*.yaml"],
    "config": ["files systemd/kidoban.yaml"],
    "expect": ["files tests/golden/validate/expect.yaml"],
    "mud": ["files tests/golden/import-mud/bulb.json", "files tests/golden/import-mud-local/meter.json",
            "files tests/golden/import-mud-hostile/bad.json"],
    "yaml": ["files zones/*.yaml", "files rules/*.yaml"],
    "replay": ["pieces"],
    "act": ["pieces"],
}


def payloads(path, kind, port):
    cap = capture_edit.read(path)
    proto = capture_edit.UDP if kind == "udp" else capture_edit.TCP
    for f in cap.frames:
        lay = capture_edit.Layers(cap.link, f.data)
        if lay.ok and lay.proto == proto and port in lay.port and lay.len:
            yield bytes(f.data[lay.body : lay.end])


def fragments(path):
    for edits in ([], ["ipv6"]):
        cap = capture_edit.apply(capture_edit.read(path), [*edits, {"fragment": {"frame": "all", "size": 24}}, {"link": "raw"}])
        for i in range(0, len(cap.frames), 10):
            yield b"".join(len(f.data).to_bytes(2, "big") + f.data for f in cap.frames[i : i + 10])


def segments(path, kind, port):
    """In order and acknowledged; what bends them is left to the mutations."""
    index = {502: 0, 1883: 1, 44818: 2, 2222: 3}[port]
    udp = kind == "datagrams"
    cap = capture_edit.read(path)
    row = []
    for f in cap.frames:
        lay = capture_edit.Layers(cap.link, f.data)
        if not lay.ok or lay.proto != (capture_edit.UDP if udp else capture_edit.TCP) or port not in lay.port or not lay.len:
            continue
        data = bytes(f.data[lay.body : lay.end])
        control = (lay.port[0] == port) | (32 if udp else 16)
        row.append(bytes([control, index, 0, 0]) + len(data).to_bytes(2, "big") + bytes([20, 0]) + data)
    for i in range(0, len(row), 20):
        yield b"".join(row[i : i + 20])


def inputs(source):
    kind, _, rest = source.partition(" ")
    if kind == "files":
        for path in sorted(glob.glob(os.path.join(ROOT, rest))):
            with open(path, "rb") as f:
                yield f.read()
        return
    for path in sorted(glob.glob(os.path.join(ROOT, "pcaps", "*.pcap"))):
        if kind == "frames":
            yield from (bytes(f.data) for f in capture_edit.read(path).frames)
        elif kind == "pieces":
            cap = capture_edit.read(path)
            for i in range(0, len(cap.frames), 20):
                yield capture_edit.encode(capture_edit.Capture(cap.frames[i : i + 20], cap.link))
        elif kind == "fragments":
            yield from fragments(path)
        elif kind in ("segments", "datagrams"):
            yield from segments(path, kind, int(rest))
        elif kind == "stream":
            yield b"".join(payloads(path, "tcp", int(rest)))
        else:
            yield from payloads(path, kind, int(rest))


def write(target, folder):
    """Every different input of the target into a file named by its hash."""
    for source in TARGETS.get(target, []):
        seen = set()
        for data in inputs(source):
            name = hashlib.sha256(data).hexdigest()[:16]
            if name in seen or not data:
                continue
            seen.add(name)
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)
            if len(seen) >= MOST:
                break
    fixed = os.path.join(HERE, "seeds", target)
    if os.path.isdir(fixed):
        shutil.copytree(fixed, folder, dirs_exist_ok=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--target", required=True)
    ap.add_argument("--run", nargs=2, metavar=("PROGRAM", "N"))
    ap.add_argument("folder", nargs="?")
    args = ap.parse_args()
    if args.folder:
        write(args.target, args.folder)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write(args.target, folder)
        return subprocess.run([args.run[0], "--random", args.run[1], "1", folder], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
