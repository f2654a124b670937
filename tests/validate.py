#!/usr/bin/env python3
"""kidoban validate from outside: exit codes, expectations, narrowing, and the forms of its report. Prints TAP.

tests/validate.py [build/src/kidoban]
"""

import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KIDOBAN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/src/kidoban"))
DEMO, NORMAL = "pcaps/demo-model1.pcap", "pcaps/model1-normal.pcap"
MODEL1 = "zones/model1.yaml"
WIDE = "tests/golden/validate/policy.yaml"
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def kidoban(*args, code=0):
    r = subprocess.run([KIDOBAN, *map(str, args)], capture_output=True, timeout=300, check=False, cwd=ROOT,
                       stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C", "TZ": "UTC"})
    err = r.stderr.decode("utf-8", "replace")
    assert "Sanitizer" not in err and "runtime error:" not in err, err[-3000:]
    assert r.returncode == code, f"{' '.join(map(str, args))}: exit {r.returncode}, not {code}: {err[-800:]}{r.stdout[-400:]}"
    return r.stdout.decode("utf-8", "replace"), err


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return path


def report(*args, code=0):
    return json.loads(kidoban("validate", "--format", "json", *args, code=code)[0])


def expect(folder, text, code, *captures, policy=MODEL1):
    """The results of an expectations file: [(met, seen)]."""
    path = write(folder, "expect.yaml", text)
    r = report("-p", policy, "-e", path, *(captures or [DEMO]), code=code)
    return [(e["met"], e["seen"]) for e in r["expectations"]]


# ---- exit codes -------------------------------------------------------------------------------


@test
def normal_traffic_is_as_expected(_):
    out, _ = kidoban("validate", "-p", MODEL1, NORMAL)
    assert out.rstrip().endswith("Result: as expected"), out[-300:]


@test
def any_alert_is_a_mismatch_without_expectations(_):
    r = report("-p", MODEL1, DEMO, code=1)
    assert r["mismatches"] == len(r["findings"]) > 5
    assert all(f["mismatch"] for f in r["findings"])


@test
def wrong_usage_and_wrong_files_are_exit_code_2(d):
    kidoban("validate", DEMO, code=2)
    kidoban("validate", "-p", MODEL1, code=2)
    kidoban("validate", "-p", MODEL1, "--format", "xml", DEMO, code=2)
    kidoban("validate", "-p", os.path.join(d, "none.yaml"), DEMO, code=2)
    kidoban("validate", "-p", MODEL1, "-e", os.path.join(d, "none.yaml"), DEMO, code=2)
    kidoban("validate", "-p", write(d, "bad.yaml", "zones: {x: 1}\n"), DEMO, code=2)


@test
def a_damaged_capture_is_exit_code_3_and_still_reported(d):
    with open(os.path.join(ROOT, NORMAL), "rb") as f:
        cut = write(d, "cut.pcap", f.read()[:-20])
    out, _ = kidoban("validate", "-p", MODEL1, cut, code=3)
    assert "captures not read to their end: 1" in out and "iot-data" in out


@test
def a_report_that_cannot_be_written_is_told(d):
    for form in ("--json", "--junit", "--html"):
        _, err = kidoban("validate", "-q", "-p", MODEL1, form, os.path.join(d, "no", "dir"), NORMAL, code=3)
        assert "No such file" in err, err


# ---- expectations -----------------------------------------------------------------------------


def documented():
    with open(os.path.join(ROOT, "docs/validate.md"), encoding="utf-8") as f:
        return re.findall(r"```yaml\n(.*?)```", f.read(), re.S)


@test
def the_documented_expectations_are_met_by_the_demo(d):
    blocks = documented()
    assert len(blocks) == 1
    got = expect(d, blocks[0], 0)
    assert len(got) == 14 and all(met for met, _ in got), got


@test
def every_documented_key_is_one_and_every_key_is_documented(d):
    with open(os.path.join(ROOT, "docs/validate.md"), encoding="utf-8") as f:
        table = f.read().split("| key | values |")[1].split("\n\n")[0]
    keys = set(re.findall(r"`([a-z]+)`", " ".join(row.split("|")[1] for row in table.splitlines()[2:])))
    with open(os.path.join(ROOT, "src/report/expect.c"), encoding="utf-8") as f:
        source = f.read()
    fields = set(re.findall(r'\{"([a-z]+)", set_', source.split("item_fields[]")[1].split("};")[0]))
    assert keys == fields | {"exercised"}, keys ^ (fields | {"exercised"})


# expectation (of the demo with model 1), whether it is met, words in what was seen
VERDICTS = [
    ("expect: allow, from: hmi-1, to: plc-1, op: modbus read", True, "permitted 52 times"),
    ("expect: allow, from: hmi-1, to: plc-1, op: modbus read, count: 52", True, ""),
    ("expect: allow, from: hmi-1, to: plc-1, op: modbus read, count: 51", False, "permitted 52 times"),
    ("expect: allow, from: hmi-1, to: plc-1, op: modbus read, max: 51", False, ""),
    ("expect: allow, from: hmi-1, to: plc-1, op: modbus read, min: 53", False, ""),
    ("expect: allow, from: hmi-1, to: plc-1, op: modbus write", False, "denied 2 times (policy.value-out-of-range"),
    ("expect: allow, from: hmi-1, to: plc-1, op: modbus write holding 105", False, "frame 213 of " + DEMO),
    ("expect: allow, from: hmi-1, to: plc-1, op: modbus write holding 105 value 450", True, "permitted once"),
    ("expect: allow, from: control-info, to: control, op: modbus write holding 100-103", True, ""),
    ("expect: allow, from: 10.40.0.5, to: 10.50.0.0/24, op: modbus write holding 103", True, ""),
    ("expect: allow, from: 10.40.0.4/30, op: modbus write holding 103", True, ""),
    ("expect: allow, from: 10.40.0.8/29, op: modbus write holding 103", False, "never seen"),
    ("expect: allow, op: modbus write holding 99", False, "never seen in the captures"),
    ("expect: allow, op: modbus write-multiple-registers holding 101", True, ""),
    ("expect: allow, op: modbus write-single-register unit 2", False, "never seen"),
    ("expect: allow, op: mqtt write topic plan/line1/rate", True, ""),
    ("expect: allow, from: mes-1, op: 'mqtt read topic plan/#'", True, ""),
    ("expect: allow, from: iot-gw-1, op: mqtt session", True, ""),
    ("expect: allow, from: viewer-1, to: analysis-1, service: tcp 443", True, "permitted once"),
    ("expect: allow, from: viewer-1, to: analysis-1, service: tcp 80", False, "never seen"),
    ("expect: allow, from: viewer-1, to: analysis-1, service: {tcp: [80, 443]}", True, ""),
    ("expect: allow, from: analysis-1, to: viewer-1", False, "never seen"),
    ("expect: deny, from: hmi-1, op: modbus write holding 120", True, "denied once"),
    ("expect: deny, from: hmi-1, op: modbus write holding 120, verdict: degrade", True, ""),
    ("expect: deny, from: hmi-1, op: modbus write holding 120, verdict: would-degrade, conduit: hmi-plc", True, ""),
    ("expect: deny, from: hmi-1, op: modbus write holding 120, verdict: drop", False, "[degrade]"),
    ("expect: deny, from: hmi-1, op: modbus write holding 120, conduit: eng-plc", False, ""),
    ("expect: deny, from: hmi-1, op: modbus write holding 120, finding: policy.op-denied", False,
     "policy.object-out-of-range"),
    ("expect: deny, from: hmi-1, op: modbus read", False, "permitted 52 times"),
    ("expect: deny, from: iot-gw-1, to: plc-1, service: tcp 502, count: 2", True, "denied 2 times"),
    ("expect: deny, from: iot-gw-1, to: plc-1, op: modbus write", True, "policy.layer-skipped [drop]"),
    ("finding: policy.layer-skipped, count: 2", True, "alerts: 2"),
    ("finding: policy.layer-skipped", True, ""),
    ("finding: policy.layer-skipped, from: viewer-1, count: 1", True, ""),
    ("finding: policy.layer-skipped, from: viewer-1, op: modbus write", False, "no such alert"),
    ("finding: policy.layer-skipped, from: iot-gw-1, op: modbus write", True, ""),
    ("finding: policy.port-denied", False, "no such alert"),
    ("finding: policy.port-denied, count: 0", True, ""),
    ("finding: policy.op-denied, conduit: hmi-plc", True, ""),
    ("finding: proto.illegal-function, from: hmi-1, to: plc-1, count: 1", True, ""),
    ("never: policy.port-denied", True, "no such alert"),
    ("never: policy.layer-skipped", False, "alerts: 2 (first in frame 242 of " + DEMO),
    ("never: policy.layer-skipped, from: hmi-1", True, ""),
    ("exercised: hmi-plc", True, "flows: 4, ops: 54"),
    ("exercised: hmi-plc-2", False, "never used"),
]


@test
def expectations_are_met_or_not(d):
    text = "others: allow\nexpectations:\n" + "".join("  - {" + e + "}\n" for e, _, _ in VERDICTS)
    got = expect(d, text, 1)
    assert len(got) == len(VERDICTS)
    wrong = [f"{e}: {have}, {seen}" for (e, met, word), (have, seen) in zip(VERDICTS, got) if met != have or word not in seen]
    assert not wrong, "\n".join(wrong)


@test
def groups_may_be_expected(d):
    with open(os.path.join(ROOT, WIDE), encoding="utf-8") as f:
        policy = write(d, "p.yaml", f.read() + "groups:\n  panels: [hmi-1, eng-1]\n  plant: [control, info]\n")
    got = expect(d, "others: allow\nexpectations:\n- {expect: allow, from: panels, to: plant, op: modbus read holding 100}\n"
                    "- {finding: policy.op-denied, from: panels}\n- {never: policy.op-denied, from: plant}\n", 0, policy=policy)
    assert [met for met, _ in got] == [True, True, True]
    kidoban("validate", "-p", policy, "-e", write(d, "e.yaml", "- {never: policy.op-denied, from: panel}\n"), DEMO, code=2)


@test
def unmet_expectations_name_their_line_and_what_was_seen(d):
    path = write(d, "e.yaml", "others: allow\nexpectations:\n  - never: policy.op-denied\n  - exercised:\n      - hmi-plc\n      - eng-program\n")
    out, _ = kidoban("validate", "-p", MODEL1, "-e", path, DEMO, code=1)
    assert f"NOT MET  {path}:3: never policy.op-denied; seen: alerts: 1 (first in frame 303 of {DEMO})" in out, out
    assert f"ok  {path}:5: exercised hmi-plc;" in out and f"NOT MET  {path}:6: exercised eng-program; seen: never used" in out
    assert out.rstrip().endswith("mismatches: 2")


@test
def alerts_nobody_named_are_mismatches_unless_others_may_be(d):
    named = "- finding: asset.unknown-device\n"
    r = report("-p", MODEL1, "-e", write(d, "e.yaml", named), DEMO, code=1)
    assert [f["finding"] for f in r["findings"] if not f["mismatch"]] == ["asset.unknown-device"]
    assert r["mismatches"] == len(r["findings"]) - 1
    body = "others: %s\nexpectations:\n" + named
    kidoban("validate", "-p", MODEL1, "-e", write(d, "e.yaml", body % "deny"), DEMO, code=1)
    kidoban("validate", "-p", MODEL1, "-e", write(d, "e.yaml", body % "allow"), DEMO, code=0)


# file, line:col, word
MISTAKES = [
    ("others: maybe\nexpectations: []\n", "1:9", "others must be one of deny, allow"),
    ("other: deny\nexpectations: []\n", "1:1", 'did you mean "others"'),
    ("others: deny\n", "1:1", 'has no "expectations"'),
    ("expectations: 5\n", "1:15", "must be a list"),
    ("- hello\n", "1:3", "an expectation must be a map"),
    ("- {}\n", "1:3", "an expectation says expect: allow"),
    ("- from: hmi-1\n", "1:3", "an expectation says expect: allow"),
    ("- expect: perhaps\n", "1:11", "expect must be one of allow, deny"),
    ("- expect: deny\n  from: hmi-11\n", "2:9", 'did you mean "hmi-1"'),
    ("- expect: deny\n  to: 10.0.0.300\n", "2:7", "no zone, asset or group"),
    ("- expect: deny\n  op: modbus writ\n", "2:7", 'did you mean "write"'),
    ("- expect: deny\n  op: modbus write holdng 5\n", "2:7", 'did you mean "holding"'),
    ("- expect: deny\n  op: modbus write holding\n", "2:7", "holding"),
    ("- expect: deny\n  op: modbuss write\n", "2:7", 'did you mean "modbus"'),
    ("- expect: deny\n  op: {modbus: {do: write, holdng: 5}}\n", "2:28", 'did you mean "holding"'),
    ("- expect: deny\n  op: modbus write holding 70000\n", "2:7", "above 65535"),
    ("- expect: deny\n  op: ''\n", "2:7", "write a protocol"),
    ("- expect: deny\n  op: []\n", "2:7", "must be a map"),
    ("- expect: deny\n  op: tcp 502\n", "2:3", "is a service; write service:"),
    ("- expect: deny\n  service: modbus read\n", "2:3", "is an op; write op:"),
    ("- expect: deny\n  service: tcp 502\n  op: modbus read\n", "3:3", "either op or service"),
    ("- expect: deny\n  verdict: droop\n", "2:12", "verdict must be one of"),
    ("- expect: deny\n  conduit: hmi-plcx\n", "2:12", 'did you mean "hmi-plc"'),
    ("- finding: policy.op-deny\n", "1:12", "there is no finding"),
    ("- finding: policy.op-denied\n  count: -1\n", "2:10", "is no number"),
    ("- finding: policy.op-denied\n  count: 1x\n", "2:10", "is no number"),
    ("- finding: policy.op-denied\n  min: 3\n  max: 2\n", "1:3", "min is above max"),
    ("- never: policy.op-denied\n  count: 1\n", "1:3", "never stands alone"),
    ("- expect: allow\n  finding: policy.op-denied\n", "1:3", "has no finding"),
    ("- exercised: [hmi-plc, nobody]\n", "1:24", "there is no conduit"),
    ("- exercised: hmi-plc\n  count: 1\n", "1:3", "an entry of its own"),
    ("- expect: deny\n  expect: allow\n", "2:3", "expect"),
    ("- never: &x policy.op-denied\n", "1:10", ""),
    ("- [\n", "", ""),
    ("", "", ""),
]


@test
def every_mistake_in_expectations_has_its_place(d):
    wrong = []
    for n, (text, place, word) in enumerate(MISTAKES):
        path = write(d, f"bad{n}.yaml", text)
        try:
            _, err = kidoban("validate", "-p", MODEL1, "-e", path, DEMO, code=2)
        except AssertionError as e:
            wrong.append(f"{text!r}: {e}")
            continue
        if f"{path}:{place}" not in err or word not in err:
            wrong.append(f"{text!r}: want {place} {word!r}, have: {err.strip()[:300]}")
    assert not wrong, "\n".join(wrong)


@test
def all_mistakes_are_told_at_once(d):
    _, err = kidoban("validate", "-p", MODEL1, "-e", write(d, "bad.yaml", "".join(t for t, _, _ in MISTAKES[7:12])), DEMO, code=2)
    assert err.count(": error: ") == 5, err


@test
def hostile_expectation_files_are_errors_not_crashes(d):
    for name, blob in {"binary": bytes(range(256)) * 40, "nest": b"[" * 100000, "words": b"- op: " + b"modbus " * 50000,
                       "long": b"- finding: " + b"x" * 1000000, "nul": b"- never: a\0b\n",
                       "quotes": b"- {expect: deny, op: 'modbus write holding \"}{\\\\'}\n",
                       "escape": b"- {expect: deny, op: 'modbus \x22write: {\x22 x'}\n"}.items():
        kidoban("validate", "-p", MODEL1, "-e", write(d, name + ".yaml", blob), DEMO, code=2)


# ---- use and narrowing ------------------------------------------------------------------------


def narrowed(policy, r):
    """The policy with every proposal of the report taken."""
    with open(os.path.join(ROOT, policy), encoding="utf-8") as f:
        doc = yaml.load(f, yaml.BaseLoader)
    for conduit, seen in zip(doc["conduits"], r["conduits"]):
        assert conduit["id"] == seen["id"]
        if not seen["flows"]:
            continue
        allow = []
        assert len(seen["permissions"]) == len(conduit["allow"])
        for entry, p in zip(conduit["allow"], seen["permissions"]):
            if "narrower" not in p:
                allow.append(entry)
            for line in p.get("narrower", []):
                allow += yaml.load(line, yaml.BaseLoader)
        conduit["allow"] = allow
        for side in ("from", "to"):
            if side + "_narrower" in seen:
                conduit[side] = yaml.load(seen[side + "_narrower"], yaml.BaseLoader)
    return doc


def dumped(doc):
    return json.dumps(doc, ensure_ascii=False)  # JSON is YAML, and every word is quoted


def facts(r):
    return sorted((f["finding"], f["count"], f["frame"], f["file"], f["observed"]) for f in r["findings"])


# policies as wide as can be, for captures of each protocol
ANY = """zones: {all: {level: control, networks: [any]}}
conduits:
  - {id: one, from: all, to: all, allow: [%s]}
"""
CAPTURES = [
    (MODEL1, [NORMAL]), (MODEL1, [DEMO]), (MODEL1, [NORMAL, DEMO]), (WIDE, [DEMO]), (WIDE, [NORMAL, DEMO]),
    ("modbus: any", ["pcaps/modbus-libmodbus.pcap"]), ("modbus: {do: any, port: 1-65535}", ["pcaps/modbus-pymodbus.pcap"]),
    ("modbus: any", ["pcaps/modbus-udp.pcap"]), ("modbus: any", ["pcaps/modbus-rtu-tcp.pcap"]),
    ("mqtt: any", ["pcaps/mqtt-mosquitto.pcap"]), ("mqtt: any", ["pcaps/mqtt-mqttjs.pcap"]),
    ("cip: any}, {enip: any", ["pcaps/enip-st.pcap"]), ("cip: any}, {enip: any", ["pcaps/enip-logix.pcap"]),
    ("cip: any}, {enip: any}, {pccc: any", ["pcaps/enip-pccc.pcap"]), ("tcp: any}, {udp: any", [NORMAL]),
    ("cip: any", ["pcaps/enip-st.pcap"]), ("tcp: any}, {modbus: any", ["pcaps/modbus-libmodbus.pcap"]),
]


@test
def a_narrowed_policy_gives_the_same_alerts(d):
    """And is as narrow as it gets: nothing is proposed twice."""
    wrong = []
    for n, (policy, captures) in enumerate(CAPTURES):
        if not policy.endswith(".yaml"):
            policy = write(d, f"any{n}.yaml", ANY % ("{" + policy + "}"))
        before = json.loads(subprocess.run([KIDOBAN, "validate", "--format", "json", "-p", policy, *captures], cwd=ROOT,
                                           capture_output=True, check=False).stdout)
        assert sum(c["flows"] for c in before["conduits"]), captures
        path = write(d, f"narrow{n}.yaml", dumped(narrowed(policy, before)))
        run = subprocess.run([KIDOBAN, "validate", "--format", "json", "-p", path, *captures], cwd=ROOT,
                             capture_output=True, check=False)
        if run.returncode > 1:
            wrong.append(f"{captures} {policy}: {run.stderr.decode()[:600]}")
            continue
        after = json.loads(run.stdout)
        strip = [[f[:4] for f in facts(r)] for r in (before, after)]
        if strip[0] != strip[1]:
            more = [f for f in facts(after) if f[:4] not in strip[0]]
            wrong.append(f"{captures} {policy}: {more[:3]}")
    assert not wrong, "\n".join(wrong)


@test
def a_narrowed_policy_permits_nothing_new(d):
    for policy, captures in CAPTURES[:5]:
        r = report("-p", policy, *captures, code=0 if captures == [NORMAL] and policy == MODEL1 else 1)
        path = write(d, "narrow.yaml", dumped(narrowed(policy, r)))
        out = subprocess.run([KIDOBAN, "diff", "--format", "json", policy, path], cwd=ROOT, capture_output=True, check=False)
        assert out.returncode == 1, out.stderr.decode()[:500]
        found = json.loads(out.stdout)
        assert not found["allowed"], found["allowed"][:2]
        assert found["forbidden"]


@test
def use_is_counted_per_conduit_pair_and_permission(_):
    r = report("-p", MODEL1, DEMO, code=1)
    c = {c["id"]: c for c in r["conduits"]}["hmi-plc"]
    assert (c["state"], c["flows"], c["ops"], c["denied"]) == ("violated", 4, 54, 3), c
    assert [(p["client"]["asset"], p["server"]["asset"], p["ops"]) for p in c["pairs"]] == [("hmi-1", "plc-1", 54)]
    assert c["pairs"][0]["first"] < c["pairs"][0]["last"]
    assert [p["ops"] for p in c["permissions"]] == [52, 2]
    assert c["permissions"][1]["narrower"] == ["- modbus: {do: write, unit: 1, holding: [100-103, 105], value: 400..450}"]
    assert c["permissions"][1]["unused"] == "holding [104, 106-119]"
    assert r["zones_never_seen"] == ["wan"] and "plc-2" in r["assets_never_seen"]
    assert [(s["address"], s["zone"]) for s in r["strangers"]] == [("10.20.0.99", "iot-nw")]


@test
def lines_lead_to_the_permission_in_the_file(_):
    with open(os.path.join(ROOT, WIDE), encoding="utf-8") as f:
        lines = f.read().splitlines()
    r = report("-p", WIDE, DEMO, code=1)
    for c in r["conduits"]:
        assert c["id"] in lines[c["line"] - 1]
        for p in c["permissions"]:
            assert p["permits"].split()[0] in lines[p["line"] - 1], (p, lines[p["line"] - 1])


@test
def a_conduit_that_was_closed_is_told_as_such(_):
    r = report("-p", WIDE, DEMO, code=1)
    c = {c["id"]: c for c in r["conduits"]}["engineering"]
    assert (c["state"], c["flows"], c["closed"]) == ("closed", 0, 1), c
    out, _ = kidoban("validate", "-p", WIDE, DEMO, code=1)
    assert "would have been used while it was closed: 1" in out


@test
def the_operating_mode_can_be_said(d):
    with open(os.path.join(ROOT, WIDE), encoding="utf-8") as f:
        text = f.read().replace("when: {grant: required}", "when: {operating-mode: maintenance}")
    path = write(d, "p.yaml", text)
    for mode, state in (("normal", "closed"), ("maintenance", "used")):
        r = report("-p", path, "--operating-mode", mode, DEMO, code=1)
        assert {c["id"]: c["state"] for c in r["conduits"]}["engineering"] == state, mode
    kidoban("validate", "-p", path, "--operating-mode", "party", DEMO, code=2)


@test
def grants_of_the_time_open_conduits(d):
    db = os.path.join(d, "db")
    for at, state in (("2199-01-01T00:00", "closed"), ("2026-11-21T03:36:00", "used")):
        kidoban("grant", "-p", WIDE, "--state", db, "engineering", "--for", "1h", "--approver", "sato", "--reason", "x", "--at", at)
        r = report("-p", WIDE, "--state", db, DEMO, code=1)
        assert {c["id"]: c["state"] for c in r["conduits"]}["engineering"] == state, at
    kidoban("validate", "-p", WIDE, "--state", os.path.join(d, "none"), DEMO, code=2)


@test
def what_replay_finds_validate_finds(_):
    """Everything the engine hears in a replay it hears here: the handlers are passed on."""
    for captures in ([DEMO], [NORMAL, DEMO], ["pcaps/modbus-udp.pcap"]):
        eve = subprocess.run([KIDOBAN, "replay", "-q", "-p", WIDE, "-o", "-", *captures], cwd=ROOT, capture_output=True, check=False)
        want = [json.loads(x) for x in eve.stdout.splitlines()]
        run = subprocess.run([KIDOBAN, "validate", "--format", "json", "-p", WIDE, *captures], cwd=ROOT, capture_output=True, check=False)
        have = json.loads(run.stdout)["findings"]
        assert [(e["kidoban"]["finding"], e["kidoban"]["count"], e["kidoban"]["observed"]) for e in want] == [
            (f["finding"], f["count"], f["observed"]) for f in have]


@test
def findings_name_the_file_their_frame_is_in(_):
    for captures in ([NORMAL, DEMO], [DEMO, NORMAL]):
        r = report("-p", MODEL1, *captures, code=1)
        assert {f["file"] for f in r["findings"]} == {DEMO}
        assert {f["frame"] for f in r["findings"]} == {f["frame"] for f in report("-p", MODEL1, DEMO, code=1)["findings"]}


# ---- forms ------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """Every element is closed, in order; tags and attributes are kept."""

    VOID = {"meta", "br", "rect", "path"}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attrs, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attrs += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attrs += attrs

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def page(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    p = Page()
    p.feed(text)
    p.close()
    assert not p.open, p.open
    return p, text


def svg(text):
    return ET.fromstring(text[text.index("<svg"):text.index("</svg>") + 6])


@test
def the_page_is_well_formed_and_needs_nothing_else(d):
    for lang in ("en", "ja"):
        path = os.path.join(d, lang + ".html")
        kidoban("validate", "-q", "--lang", lang, "-p", MODEL1, "--html", path, DEMO, code=1)
        p, text = page(path)
        assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)", text), "something from elsewhere"
        assert not {"script", "link", "img", "iframe", "object", "embed"} & set(p.tags)
        assert not [a for a in p.attrs if a[0].startswith("on") or a[0] in ("src", "style")]
        assert all(v.startswith("#") for k, v in p.attrs if k == "href")
        ids = [v for k, v in p.attrs if k == "id"]
        assert len(ids) == len(set(ids))
        assert {v[1:] for k, v in p.attrs if k == "href"} <= set(ids)
        assert "情報ネットワーク" in text and f'lang="{lang}"' in text
    assert "未使用" in text and "never exercised" not in text


@test
def the_map_shows_every_zone_and_conduit_and_where_it_is_violated(d):
    path = os.path.join(d, "r.html")
    kidoban("validate", "-q", "-p", MODEL1, "--html", path, DEMO, code=1)
    root = svg(page(path)[1])
    with open(os.path.join(ROOT, MODEL1), encoding="utf-8") as f:
        policy = yaml.safe_load(f)
    assert len([r for r in root.iter("rect") if r.get("class", "").startswith("zone")]) == len(policy["zones"])
    labels = {}
    for g in root.iter("g"):
        if g.get("class", "").startswith("l "):
            labels.setdefault(g.get("class")[2:], []).append(g.find("text").text)
    shown = {t.lstrip("! ") for group in labels.values() for t in group}
    assert {c["id"] for c in policy["conduits"]} <= shown, {c["id"] for c in policy["conduits"]} - shown
    assert labels["violated"] == ["! hmi-plc"] and "hmi-plc-2" in labels["unused"] and "iot-data" in labels["used"]
    assert sorted(labels["stray"]) == ["\u00d7 layer-skipped", "\u00d7 layer-skipped", "\u00d7 no-conduit"]
    y = {}
    for g in root.iter("g"):
        if not g.get("class"):
            y[g.find("text").text] = float(g.find("rect").get("y"))
    assert y["外部ネットワーク"] < y["情報ネットワーク"] < y["制御ネットワーク(情報側)"] < y["制御ネットワーク(フィールド側)"]


def big_policy():
    levels = ["external", "information", "dmz", "iot", "control-information", "control", "control", "control", "field", "safety"]
    zones = {f"zone-{i}": {"level": v, "title": f"とても長い名前のゾーン その{i}", "networks": [f"10.{i}.0.0/16"]}
             for i, v in enumerate(levels)}
    assets = {f"asset-{i}-{k}": {"zone": f"zone-{i}", "address": f"10.{i}.0.{k + 1}", "title": "機器" * (k % 9 + 1)}
              for i in range(10) for k in range(i * 2)}
    conduits = [{"id": f"a-conduit-with-a-long-name-{n}", "from": f"zone-{n * 7 % 10}", "to": f"zone-{n * 3 % 10}",
                 "allow": [{"tcp": 80}]} for n in range(30)]
    return dumped({"zones": zones, "assets": assets, "conduits": conduits})


def boxes(root):
    """Everything that must not lie on anything else: zones, labels."""
    out = []
    for g in root.iter("g"):
        r = g.find("rect")
        out.append(tuple(float(r.get(k)) for k in ("x", "y", "width", "height")) + (g.find("text").text,))
    return out


@test
def nothing_on_a_large_map_lies_on_anything_else(d):
    for policy in (write(d, "big.yaml", big_policy()), MODEL1, WIDE):
        path = os.path.join(d, "r.html")
        kidoban("validate", "-q", "-p", policy, "--html", path, DEMO, code=1)
        root = svg(page(path)[1])
        width, height = float(root.get("width")), float(root.get("height"))
        all_boxes = boxes(root)
        assert len(all_boxes) > 14
        for i, (x, y, w, h, name) in enumerate(all_boxes):
            assert 0 <= x and x + w <= width and 0 <= y and y + h <= height, name
            for x2, y2, w2, h2, other in all_boxes[:i]:
                assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y, f"{name} on {other}"
        segments = set()
        for p in root.iter("path"):
            if not p.get("class", "").startswith("e "):
                continue
            x0, y0, *rest = re.match(r"M(-?\d+) (-?\d+)(.*)", p.get("d")).groups()
            x, y, mine = int(x0), int(y0), set()
            for kind, v in re.findall(r"([HV])(-?\d+)", rest[0]):
                v = int(v)
                if kind == "V":
                    mine |= {("v", x, k) for k in range(min(y, v), max(y, v), 2)}
                    y = v
                else:
                    mine |= {("h", y, k) for k in range(min(x, v), max(x, v), 2)}
                    x = v
            assert not segments & mine, f"two lines are one at {sorted(segments & mine)[:1]}"
            segments |= mine


@test
def many_conduits_between_two_zones_are_one_line_of_the_map(d):
    doc = json.loads(big_policy())
    for n in range(30, 200):
        doc["conduits"].append({"id": f"more-{n}", "from": f"zone-{n % 3}", "to": "zone-9", "allow": [{"tcp": 80}]})
    path = os.path.join(d, "r.html")
    kidoban("validate", "-q", "-p", write(d, "p.yaml", dumped(doc)), "--html", path, DEMO, code=1)
    root = svg(page(path)[1])
    labels = [g.find("text").text for g in root.iter("g") if g.get("class", "").startswith("l ")]
    assert len(labels) <= 20 and sum(int(re.match(r"(\d+) \u00d7 conduit", x).group(1)) for x in labels) == 200, labels


NASTY = '"><script>alert(1)</script><svg onload=x>&\'{}'


@test
def hostile_names_are_only_text(d):
    with open(os.path.join(ROOT, WIDE), encoding="utf-8") as f:
        doc = yaml.load(f, yaml.BaseLoader)
    doc["site"] = NASTY
    for z in doc["zones"].values():
        z["title"] = NASTY
    for a in doc["assets"].values():
        a["title"] = NASTY
    for c in doc["conduits"]:
        c["reason"] = NASTY
        c["id"] = NASTY[:20].replace(" ", "") + c["id"]
    policy = write(d, 'p"><b>&.yaml', dumped(doc))
    capture = os.path.join(d, "c<script>\x01\x7f.pcap")
    with open(os.path.join(ROOT, DEMO), "rb") as f, open(capture, "wb") as g:
        g.write(f.read())
    out = {k: os.path.join(d, "out." + k) for k in ("html", "junit", "json")}
    expectation = write(d, "e<i>.yaml", "- {expect: allow, op: 'mqtt write topic <b>'}\n")
    text, _ = kidoban("validate", "-p", policy, "-e", expectation, *(x for k, v in out.items() for x in ("--" + k, v)), capture, code=1)
    assert "\x01" not in text and "\x7f" not in text
    p, source = page(out["html"])
    assert not {"script", "b"} & set(p.tags) and "<script" not in source and "onload" not in dict(p.attrs)
    assert NASTY in "".join(p.text) and "\x01" not in source
    svg(source)
    suites = ET.parse(out["junit"]).getroot()
    assert any(NASTY[:12] in c.get("name") for c in suites.iter("testcase"))
    with open(out["json"], encoding="utf-8") as f:
        assert json.load(f)["site"] == NASTY


@test
def topics_from_the_wire_are_only_text(d):
    import struct

    def mqtt(kind, body):
        return bytes([kind, len(body)]) + body

    topic = b'x"]}<script>: {y}'
    connect = mqtt(0x10, b"\0\4MQTT\4\2\0\x3c" + b"\0\1c")
    publish = mqtt(0x30, struct.pack(">H", len(topic)) + topic + b"5")
    packets, seq = [], 1000

    def packet(payload, flags, s, a, back=False):
        src, dst, sp, dp = (b"\x0a\x14\0\x0a", b"\x0a\x1e\0\5", 4000, 1883)
        if back:
            src, dst, sp, dp = dst, src, dp, sp
        tcp = struct.pack(">HHIIBBHHH", sp, dp, s, a, 0x50, flags, 8192, 0, 0) + payload
        packets.append(struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + src + dst + tcp)

    packet(b"", 2, seq, 0)
    packet(b"", 18, 5000, seq + 1, True)
    packet(connect, 24, seq + 1, 5001)
    packet(b"\x20\2\0\0", 24, 5001, seq + 1 + len(connect), True)
    packet(publish, 24, seq + 1 + len(connect), 5005)
    data = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
    for n, x in enumerate(packets):
        data += struct.pack("<IIII", 1700000000, n, len(x), len(x)) + x
    capture, path = write(d, "c.pcap", data), os.path.join(d, "r.html")
    r = report("-p", WIDE, "--html", path, capture)
    line, = [p["narrower"] for p in r["conduits"][0]["permissions"]]
    entry, = yaml.safe_load("\n".join(line))
    assert entry["mqtt"]["topic"] == topic.decode() and entry["mqtt"]["do"] == "write", line
    p, source = page(path)
    assert "<script" not in source and "x\\\"]}<script>" in "".join(p.text)


@test
def junit_counts_are_right(d):
    path = os.path.join(d, "out.xml")
    kidoban("validate", "-q", "-p", MODEL1, "-e", write(d, "e.yaml", documented()[0]), "--junit", path, DEMO)
    root = ET.parse(path).getroot()
    assert root.tag == "testsuites" and not list(root.iter("failure"))
    kidoban("validate", "-q", "-p", MODEL1, "-e", write(d, "e.yaml", "- exercised: [hmi-plc, hmi-plc-2]\n"), "--junit", path, DEMO, code=1)
    root = ET.parse(path).getroot()
    r = report("-p", MODEL1, DEMO, code=1)
    suites = {s.get("name"): s for s in root}
    assert list(suites) == ["expectations", "conduits", "alerts"]
    for s in root:
        cases = list(s)
        assert int(s.get("tests")) == len(cases) and s.get("errors") == "0"
        assert int(s.get("failures")) == len([c for c in cases if c.find("failure") is not None])
        assert int(s.get("skipped")) == len([c for c in cases if c.find("skipped") is not None])
        assert all(c.tag == "testcase" and c.get("name") and c.get("classname") for c in cases)
        assert len({c.get("name") for c in cases}) == len(cases)
    assert suites["expectations"].get("tests") == "2" and suites["expectations"].get("failures") == "1"
    assert int(suites["conduits"].get("tests")) == len(r["conduits"]) and suites["conduits"].get("failures") == "1"
    assert int(suites["alerts"].get("tests")) == len([f for f in r["findings"] if "conduit" not in f])


@test
def every_form_has_the_same_bytes_every_time(d):
    forms = ("html", "junit", "json")
    runs = []
    for n in range(2):
        text, _ = kidoban("validate", "-p", WIDE, *(x for k in forms for x in ("--" + k, os.path.join(d, f"{n}.{k}"))), NORMAL, DEMO, code=1)
        runs.append([text.encode()])
        for k in forms:
            with open(os.path.join(d, f"{n}.{k}"), "rb") as f:
                runs[n].append(f.read())
    assert runs[0] == runs[1]
    assert runs[0][3].decode() == kidoban("validate", "--format", "json", "-p", WIDE, NORMAL, DEMO, code=1)[0]


@test
def json_has_the_documented_members_and_no_others(_):
    with open(os.path.join(ROOT, "docs/validate.md"), encoding="utf-8") as f:
        code = re.findall(r"`([^`]+)`", f.read().split("## JSON")[1].split("## HTML")[0])
    words = {w for c in code for w in re.findall(r"[a-z_]+", c)}

    def members(o):
        if isinstance(o, dict):
            for k, v in o.items():
                yield k
                yield from members(v)
        elif isinstance(o, list):
            for v in o:
                yield from members(v)

    have = set(members(report("-p", WIDE, "-e", "tests/golden/validate/expect.yaml", DEMO, code=1)))
    assert not have - words, have - words


def main():
    names, failed = [f.__name__.replace("_", " ") for f in TESTS], 0
    print(f"1..{len(TESTS)}")
    for n, (name, f) in enumerate(zip(names, TESTS), 1):
        try:
            with tempfile.TemporaryDirectory() as d:
                f(d)
            print(f"ok {n} - {name}", flush=True)
        except Exception as e:  # whatever goes wrong in a test is its failure, not ours
            failed += 1
            print(f"not ok {n} - {name}")
            print("\n".join("# " + line for line in (str(e) if isinstance(e, AssertionError) and str(e) else repr(e)).splitlines()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
