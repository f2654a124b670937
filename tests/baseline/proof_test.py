#!/usr/bin/env python3
"""The proof in small: a baseline of twelve minutes of the bottling plant says nothing of other runs, and names what is
done to it. evaluate.py does it in full; docs/baseline-results.md has what it found.

    proof_test.py KIDOBAN            as root
"""

import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from stage import lab, missing  # noqa: E402

KIDOBAN = os.path.abspath(sys.argv[1])
CLEAN = ("clean-1", "clean-2", "clean-3")
FOUND = {  # attack: a finding that names it
    "write-by-reader": "baseline.new-writer", "second-master": "baseline.new-writer", "new-device": "baseline.new-host",
    "poll-flood": "baseline.new-link", "mitm-arp": "baseline.new-mac", "program-download": "baseline.new-op",
    "file-write": "baseline.new-op", "device-silent": "baseline.device-silent"}


def main():
    why = missing()
    with tempfile.TemporaryDirectory(prefix="kidoban-proof-") as folder:
        def run(*args):
            r = subprocess.run([KIDOBAN, *args], capture_output=True, text=True, timeout=120, cwd=folder, check=False)
            assert r.returncode in (0, 1), (args, r.stderr[-500:])
            return r.stdout

        def learned(name, *captures, policy=None):
            run("learn", "--baseline", name, *(["-p", policy] if policy else []), *(c + ".pcap" for c in captures))
            with open(os.path.join(folder, name), "rb") as f:
                return f.read()

        def told(baseline, capture):
            out = run("replay", "-b", baseline, "-q", "-o", "-", capture + ".pcap")
            events = [json.loads(line) for line in out.splitlines()]
            return [e["kidoban"]["finding"] for e in events if e["event_type"] == "alert"]

        if not why:
            subprocess.run([sys.executable, os.path.join(HERE, "plant.py"), "--out", folder, "--minutes", "12", "--runs",
                            ",".join(("train", "poisoned", *CLEAN, *FOUND))], check=True, capture_output=True, timeout=300)
            learned("plant.baseline", "train")
            run("baseline", "freeze", "plant.baseline")

        def clean_runs_are_within_the_budget():
            """of three clean runs with other seeds it says next to nothing: five events a day are the budget"""
            events = [(name, f) for name in CLEAN for f in told("plant.baseline", name)]
            assert len(events) <= 1, events

        def what_is_new_is_named():
            """attacks by somebody or something new are named for what they are"""
            wrong = {name: f for name, expected in FOUND.items() if expected not in (f := told("plant.baseline", name))}
            assert not wrong, wrong

        def learning_twice_gives_the_same_file():
            """captures learned from twice, and in another order, give the same file"""
            one, two = learned("one", "train", "clean-1"), learned("two", "clean-1", "train")
            assert one == two
            assert len(one) > 10000

        def what_the_policy_forbids_is_not_learned():
            """the historian wrote while learning: found where a policy forbids it, hidden where nothing does"""
            learned("with-policy", "poisoned", policy=os.path.join(HERE, "bottling.yaml"))
            learned("without", "poisoned")
            for name in ("with-policy", "without"):
                run("baseline", "freeze", name)
            assert "baseline.new-writer" in told("with-policy", "write-by-reader")
            assert "baseline.new-writer" not in told("without", "write-by-reader")

        return lab.main([clean_runs_are_within_the_budget, what_is_new_is_named, learning_twice_gives_the_same_file,
                         what_the_policy_forbids_is_not_learned], why)


if __name__ == "__main__":
    sys.exit(main())
