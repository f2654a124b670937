#!/usr/bin/env python3
"""The factories of zones/: each threat gives its finding, and nothing else does.

A file tests/factories/<factory>.yaml holds a policy and what each capture of the factory must give;
tests/README.md says what may stand in it. Prints TAP: for each factory that its policy is free of
lint, and one line per capture.

    tests/factories.py [--kidoban build/src/kidoban] [--show] [FACTORY|CAPTURE...]

--show prints what is found instead, as lines for the file: read them, they are only what is.
"""

import argparse
import datetime
import os
import re
import subprocess
import sys
import tempfile
import zoneinfo

import yaml

import capture_edit
import golden
from golden import ROOT, Skip, Wrong, lookup

CASES = os.path.join(ROOT, "tests", "factories")
CAPTURES = os.path.join(ROOT, "pcaps", "factories")
FILE_KEYS = {"policy", "options", "captures"}
KEYS = {"title", "capture", "policy", "options", "grants", "findings", "expect"}
GRANT_KEYS = {"conduit", "approver", "for", "begins"}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# What an alert is expected to have: key of the file -> path in the event.
FIELDS = {
    "finding": "kidoban.finding", "from": "kidoban.src_zone", "to": "kidoban.dest_zone",
    "client": "kidoban.src_asset", "server": "kidoban.dest_asset", "threat": "kidoban.threat_class",
    "conduit": "kidoban.conduit", "verdict": "kidoban.verdict", "severity": "alert.severity",
    "count": "kidoban.count", "observed": "kidoban.observed", "expected": "kidoban.expected",
}


def command(kidoban, *argv):
    env = {**os.environ, "LC_ALL": "C", "LANG": "C", "TZ": "UTC"}
    got = subprocess.run([kidoban, *map(str, argv)], capture_output=True, cwd=ROOT, env=env,
                         timeout=golden.TIMEOUT, check=False)
    without = [line for line in got.stderr.decode("utf-8", "replace").splitlines() if "was built without" in line]
    if without:
        raise Skip(without[0])
    return got


def load(name):
    with open(os.path.join(CASES, name + ".yaml"), encoding="utf-8") as f:
        cases = yaml.safe_load(f)
    unknown = set(cases) - FILE_KEYS
    for key, c in cases["captures"].items():
        unknown |= {f"{key}: {k}" for k in set(c) - KEYS}
        for e in c.get("expect", []):
            unknown |= {f"{key}: {k}" for k in set(e) - set(FIELDS) - {"refs"}}
        for g in c.get("grants", []):
            unknown |= {f"{key}: {k}" for k in set(g) - GRANT_KEYS}
    if unknown:
        raise Wrong(f"{name}.yaml: unknown key " + ", ".join(sorted(unknown)))
    return cases


def lint(cases, kidoban):
    """The policies of a factory load, and lint has nothing to say."""
    policies = {cases["policy"]} | {c["policy"] for c in cases["captures"].values() if "policy" in c}
    for policy in sorted(policies):
        got = command(kidoban, "check", policy)
        if got.returncode:
            raise Wrong(f"check {policy}: exit code {got.returncode}\n{got.stderr.decode()[-1500:]}")
        if b"--lint" not in command(kidoban, "check", "-h").stdout:
            raise Skip("this kidoban has no check --lint")
        got = command(kidoban, "check", "--lint", policy)
        if got.returncode:
            said = (got.stdout + got.stderr).decode()
            raise Wrong(f"check --lint {policy}: exit code {got.returncode}\n{said[-3000:]}")


def grants(case, policy, path, folder, kidoban):
    """Gives the grants of a capture; options for replay. `begins` is before or behind its first packet: -30m, 2s."""
    if not case.get("grants"):
        return []
    state = os.path.join(folder, "grants.db")
    first = capture_edit.read(path).frames[0].time // 10**9
    with open(os.path.join(ROOT, policy), encoding="utf-8") as f:
        zone = zoneinfo.ZoneInfo(yaml.safe_load(f).get("timezone", "UTC"))
    for g in case["grants"]:
        away = sum(int(n) * SECONDS[unit] for n, unit in re.findall(r"(\d+)([smhd])", g["begins"]))
        at = first - away if g["begins"].startswith("-") else first + away
        when = datetime.datetime.fromtimestamp(at, zone).strftime("%Y-%m-%dT%H:%M:%S")
        got = command(kidoban, "grant", "-p", policy, "--state", state, g["conduit"], "--for", g["for"],
                      "--approver", g["approver"], "--reason", "a test", "--at", when)
        if got.returncode:
            raise Wrong(f"grant {g['conduit']}: exit code {got.returncode}\n{got.stderr.decode()[-1500:]}")
    return ["--state", state]


def alerts(cases, case, path, kidoban, schema):
    """The alerts of a capture in enforce mode."""
    policy = case.get("policy", cases["policy"])
    with tempfile.TemporaryDirectory(prefix="kidoban-factories-") as folder:
        got = command(kidoban, "replay", "-q", "-p", policy, "--mode", "enforce", "-o", "-",
                      *grants(case, policy, path, folder, kidoban), *cases.get("options", []),
                      *case.get("options", []), path)
    err = got.stderr.decode("utf-8", "replace")
    if got.returncode or "Sanitizer" in err or "runtime error:" in err:
        raise Wrong(f"exit code {got.returncode}\n{err[-3000:]}")
    found = golden.events(got.stdout.decode("utf-8", "replace"))
    for e in found if schema else []:
        for problem in list(schema.iter_errors(e))[:3]:
            raise Wrong(f"schema: {'.'.join(map(str, problem.path))}: {problem.message[:300]}")
    return [e for e in found if e["event_type"] == "alert"]


def fits(event, wanted):
    """An expectation: every field as said, all its refs among those of the event."""
    if not set(wanted.get("refs", [])) <= set(lookup(event, "kidoban.refs")):
        return False
    return golden.matches(event, {FIELDS[k]: v for k, v in wanted.items() if k != "refs"})


def brief(event):
    """An alert as a line of the file."""
    words = {k: lookup(event, p) for k, p in FIELDS.items() if k not in ("observed", "expected")}
    words["refs"] = [r for r in lookup(event, "kidoban.refs") if r.split(":")[0] not in ("iec62443", "nist-csf")]
    words = {k: v for k, v in words.items() if v is not None}
    return yaml.safe_dump(words, default_flow_style=True, width=1000, sort_keys=False).strip()


def capture_of(factory, key, case):
    return os.path.join(ROOT, case["capture"]) if "capture" in case else os.path.join(
        CAPTURES, f"{factory}-{key}.pcap")


def one(factory, key, cases, kidoban, schema):
    case = cases["captures"][key]
    path = capture_of(factory, key, case)
    if not os.path.exists(path):
        raise Wrong(f"{os.path.relpath(path, ROOT)} does not exist: pcaps/make/factories.py {factory} {key}")
    found = alerts(cases, case, path, kidoban, schema)
    have, wrong = {}, []
    for e in found:
        fid = lookup(e, "kidoban.finding")
        have[fid] = have.get(fid, 0) + 1
    if have != (case.get("findings") or {}):
        wrong.append(f"findings are {have}, not {case.get('findings')}")
    if case.get("findings") and not case.get("expect"):
        wrong.append("no `expect`: which of the findings is the threat's own?")
    for wanted in case.get("expect", []):
        n = sum(fits(e, wanted) for e in found)
        if n != 1:
            wrong.append(f"{n} alerts are {yaml.safe_dump(wanted, default_flow_style=True, width=1000).strip()}")
    if wrong:
        raise Wrong("\n".join(wrong + ["there are:"] + [brief(e) for e in found]))


def complete(tests):
    """No capture without expectations."""
    known = {os.path.realpath(capture_of(f, k, cases["captures"][k])) for f, k, cases in tests if k}
    here = {os.path.realpath(os.path.join(CAPTURES, n)) for n in os.listdir(CAPTURES) if n.endswith(".pcap")}
    if here - known:
        raise Wrong("nothing is said in tests/factories/ of " + ", ".join(sorted(map(os.path.basename, here - known))))


def show(factory, key, cases, kidoban):
    case = cases["captures"][key]
    found = alerts(cases, case, capture_of(factory, key, case), kidoban, None)
    have = {}
    for e in found:
        have[lookup(e, "kidoban.finding")] = have.get(lookup(e, "kidoban.finding"), 0) + 1
    print(f"  {key}:\n    findings: {yaml.safe_dump(have, default_flow_style=True, width=1000).strip()}")
    for e in found:
        print(f"      - {brief(e)}\n        # {lookup(e, 'kidoban.observed')}")


def main():
    ap = argparse.ArgumentParser(description="The captures of the factories; see tests/README.md.")
    ap.add_argument("--kidoban", default=os.path.join(ROOT, "build", "src", "kidoban"))
    ap.add_argument("--show", action="store_true", help="print what is found")
    ap.add_argument("name", nargs="*", help="model1, or model1-A4")
    args = ap.parse_args()
    kidoban, schema, failed = os.path.abspath(args.kidoban), golden.validator(), 0
    tests = [] if args.name or args.show else [("all", None, None)]
    for factory in sorted(n[:-5] for n in os.listdir(CASES) if n.endswith(".yaml")):
        cases = load(factory)
        tests.append((factory, None, cases))
        tests += [(factory, key, cases) for key in cases["captures"]]
    if args.name:
        tests = [t for t in tests if t[0] in args.name or f"{t[0]}-{t[1]}" in args.name]
        if not tests:
            sys.exit("factories.py: no factory and no capture is called " + " ".join(args.name))
    if args.show:
        for factory, key, cases in tests:
            if key:
                show(factory, key, cases, kidoban)
        return 0
    print(f"1..{len(tests)}", flush=True)
    for i, (factory, key, cases) in enumerate(tests, 1):
        title = "every capture has its expectations"
        if cases:
            title = cases["captures"][key].get("title", "") if key else cases["policy"] + " loads without lint"
        label = f"{i} - {factory}{'-' + key if key else ''}: {title}".replace("#", "no.")
        try:
            if not cases:
                complete(tests)
            elif key:
                one(factory, key, cases, kidoban, schema)
            else:
                lint(cases, kidoban)
            print("ok " + label, flush=True)
        except Skip as e:
            print(f"ok {label} # SKIP {e}", flush=True)
        except (Wrong, ValueError, KeyError, OSError) as e:
            failed += 1
            print("not ok " + label, flush=True)
            for line in (str(e) if isinstance(e, Wrong) else f"{type(e).__name__}: {e}").splitlines():
                print("# " + line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
