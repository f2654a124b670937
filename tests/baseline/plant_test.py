#!/usr/bin/env python3
"""The captures of plant.py: kidoban reads all of them, labels and windows are true, a seed gives the same again.

    plant_test.py KIDOBAN            as root; short runs of every kind
"""

import csv
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import plant  # noqa: E402
from stage import lab, missing  # noqa: E402

KIDOBAN = sys.argv[1]
MINUTES = 6
SILENT = ("missing-poll", "device-silent")  # nothing of them is on the wire: they have a window and no labels


def make(folder, runs=""):
    subprocess.run([sys.executable, os.path.join(HERE, "plant.py"), "--out", folder, "--minutes", str(MINUTES)] +
                   (["--runs", runs] if runs else []), check=True, capture_output=True, timeout=300)


def ops(folder, name):
    out = subprocess.run([KIDOBAN, "ops", "--format", "tsv", os.path.join(folder, name + ".pcap")], check=True,
                         capture_output=True, text=True, timeout=120).stdout
    return list(csv.DictReader(out.splitlines(), delimiter="\t"))


def table(folder, name, kind):
    with open(os.path.join(folder, f"{name}.{kind}.csv"), encoding="utf-8") as f:
        return list(csv.DictReader(f))


def main():
    why = missing()
    with tempfile.TemporaryDirectory(prefix="kidoban-plant-") as folder:
        if not why:
            make(folder)
        runs = plant.every_run()

        def every_request_is_answered():
            """every request of a clean run is answered, and nothing else is in it"""
            for name in (n for n, r in runs.items() if not r.attack):
                got = ops(folder, name)
                asked = sum(r["role"] == "request" for r in got)
                answered = {r["request_frame"] for r in got if r["role"] == "response"}
                assert asked > 1000 and len(answered) == asked, (name, asked, len(answered))
                assert {r["proto"] for r in got} == {"modbus"}, name
                assert not [x for x in table(folder, name, "labels") if x["label"]], name
                assert not table(folder, name, "windows"), name

        def labels_lie_within_windows():
            """an attack has one window, and its labels lie in it"""
            for name in (n for n, r in runs.items() if r.attack):
                window, = table(folder, name, "windows")
                begin, end = float(window["begin"]), float(window["end"])
                own = {int(x["frame"]) for x in table(folder, name, "labels") if x["label"]}
                assert bool(own) == (name not in SILENT), f"{name}: {len(own)} frames are labelled"
                times = {int(r["frame"]): float(r["time"]) for r in ops(folder, name)}
                outside = [f for f in own if f in times and not begin <= times[f] <= end + 5]
                assert not outside, f"{name}: frames {outside[:5]} are outside {begin}-{end}"

        def the_policy_permits_what_is_clean():
            """the plant's policy says nothing of clean runs, and finds what poisons a training run"""
            for name, some in (("train", False), ("clean-1", False), ("clean-2", False), ("clean-3", False),
                               ("poisoned", True)):
                out = subprocess.run([KIDOBAN, "replay", "-p", os.path.join(HERE, "bottling.yaml"), "-o", "-",
                                      os.path.join(folder, name + ".pcap")], check=False, capture_output=True,
                                     text=True, timeout=120).stdout
                events = [json.loads(line) for line in out.splitlines()]
                alerts = [e["kidoban"]["finding"] for e in events if e["event_type"] == "alert"]
                assert set(alerts) == ({"policy.op-denied"} if some else set()), (name, alerts)

        def the_same_seed_gives_the_same():
            """a seed gives the same messages at the same times again"""
            columns = ("time", "src", "sport", "dst", "name", "first", "values", "status")
            with tempfile.TemporaryDirectory(prefix="kidoban-plant-") as again:
                for name in ("clean-3", "mitm-arp", "robots-clean-1"):
                    make(again, name)
                    one, two = ([[r[c] for c in columns] for r in ops(f, name)] for f in (folder, again))
                    different = [pair for pair in zip(one, two) if pair[0] != pair[1]]
                    assert len(one) == len(two) and not different, f"{name}: {different[:1]}"

        return lab.main([every_request_is_answered, labels_lie_within_windows, the_policy_permits_what_is_clean,
                         the_same_seed_gives_the_same], why)


if __name__ == "__main__":
    sys.exit(main())
