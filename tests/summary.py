#!/usr/bin/env python3
"""Counts tests over several builds.

    summary.py --log LABEL testlog.json [again.json]
                                          prints "ok NAME" / "not ok NAME" / "skip NAME: reason"; what was
                                          run again counts as it was the second time
    summary.py --again testlog.json       names of live tests (suite lab) that failed
    summary.py RESULTS                    reads such lines; prints failures, skips, and as the last
                                          line "N passed, N failed, N skipped"; exits 1 on a failure
"""

import json
import re
import sys

TAP = re.compile(r"^(ok|not ok)\b *\d* *-? *([^#]*)(?:# *(SKIP|TODO) *(.*))?$", re.I)


BAD = ("FAIL", "ERROR", "TIMEOUT", "UNEXPECTEDPASS", "INTERRUPT")


def tests_of(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def results(log, label):
    """One line per test; a TAP program is as many tests as it prints."""
    for test in log:
        name, out = f"{label}: {test['name']}", test.get("stdout", "") or ""
        verdict = test["result"]
        bad = verdict in BAD
        if re.search(r"^1\.\.\d+", out, re.M):
            failed = False
            for m in filter(None, map(TAP.match, out.splitlines())):
                if (m[3] or "").upper() == "SKIP":
                    yield f"skip {name}: {m[2].strip()}: {m[4].strip()}"
                else:
                    failed |= m[1] == "not ok"
                    yield f"{m[1]} {name}: {m[2].strip()}"
            if bad and not failed:
                yield f"not ok {name}: {verdict.lower()}"
        elif verdict == "SKIP":
            said = (out + (test.get("stderr", "") or "")).strip().splitlines()
            yield f"skip {name}: {said[-1] if said else 'no reason given'}"
        else:
            for line in out.splitlines():
                if line.startswith("SKIP "):  # a part of it
                    yield f"skip {name}: {line[5:]}"
            yield f"{'not ok' if bad else 'ok'} {name}" + (f": {verdict.lower()}" if bad else "")


def main():
    if sys.argv[1] == "--log":
        try:
            again = {t["name"]: t for path in sys.argv[4:] for t in tests_of(path)}
            print("\n".join(results([again.get(t["name"], t) for t in tests_of(sys.argv[3])], sys.argv[2])))
        except OSError:
            print(f"not ok {sys.argv[2]}: the tests did not run")
        return 0
    if sys.argv[1] == "--again":
        for test in tests_of(sys.argv[2]):
            suites, _, name = test["name"].rpartition(" / ")
            if test["result"] in BAD and suites.endswith(":lab"):
                print(name)
        return 0
    with open(sys.argv[1], encoding="utf-8") as f:
        lines = f.read().splitlines()
    failed = [x for x in lines if x.startswith("not ok ")]
    skipped = [x for x in lines if x.startswith("skip ")]
    passed = [x for x in lines if x.startswith("ok ")]
    for x in skipped:
        print("SKIP " + x[5:])
    for x in failed:
        print("FAIL " + x[7:])
    print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
