#!/usr/bin/env python3
"""The program from outside: exit codes, messages, odd inputs and outputs. Prints TAP.

tests/cli.py [build/src/kidoban]
"""

import gzip
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import capture_edit

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KIDOBAN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/src/kidoban"))
DEMO = os.path.join(ROOT, "pcaps/demo-model1.pcap")
POLICY = os.path.join(ROOT, "zones/model1.yaml")
COMMANDS = ("grant", "revoke", "grants", "replay", "ops", "check", "explain", "export", "validate", "diff", "learn", "import",
            "status", "reload", "mode", "quarantine", "release", "assets")
OPS_COLUMNS = ("frame time src sport dst dport vlan proto role class code name status unit space first "
               "count values request_frame rtt flow").split()
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def kidoban(*args, code=0, feed=None, env=None):
    """Runs it; the exit code must be `code` (or one of them), and no sanitizer may speak."""
    r = subprocess.run([KIDOBAN, *map(str, args)], input=feed, stdin=None if feed is not None else subprocess.DEVNULL,
                       capture_output=True, timeout=120, check=False,
                       env={**os.environ, "LC_ALL": "C", "TZ": "UTC", **(env or {})}, cwd=ROOT)
    err = r.stderr.decode("utf-8", "replace")
    codes = code if isinstance(code, tuple) else (code,)
    assert "Sanitizer" not in err and "runtime error:" not in err, err[-3000:]
    assert r.returncode in codes, f"{' '.join(map(str, args))}: exit {r.returncode}, not {code}: {err[-800:]}"
    return r.stdout, err


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def demo():
    with open(DEMO, "rb") as f:
        return f.read()


def eve(*args, **kw):
    out, err = kidoban("replay", "-p", POLICY, "-o", "-", *args, **kw)
    return out, err


# ---- usage ------------------------------------------------------------------------------------


@test
def every_command_explains_itself_with_two_examples(_):
    for c in COMMANDS:
        out, _ = kidoban(c, "-h")
        text = out.decode()
        assert text.startswith("usage: kidoban " + c), text[:80]
        examples = re.findall(rf"^  kidoban {c}\b", text.split("examples:")[1], re.M)
        assert len(examples) == 2, text
        assert kidoban(c, "--help")[0] == out


@test
def usage_errors_are_exit_code_2(_):
    for args in ([], ["nonsense"], ["replay"], ["ops"], ["check"], ["replay", "--nonsense", DEMO],
                 ["replay", "--events", "alert,nonsense", DEMO], ["replay", "--flows", "0", DEMO],
                 ["replay", "--lang", "de", DEMO], ["explain", "--lang", "jp"],
                 ["replay", "--events", "flow", DEMO], ["replay", DEMO, "-p"],
                 ["replay", "--overlap", "middle", DEMO], ["replay", "--checksums", "perhaps", DEMO],
                 ["replay", "--mode", "perhaps", DEMO],
                 ["ops", "--format", "xml", DEMO], ["explain", "no.such-finding"],
                 ["replay", "-p", "no/such/policy.yaml", DEMO], ["check", "no/such/policy.yaml"]):
        out, err = kidoban(*args, code=2)
        assert not out and len(err) > 10, (args, out, err)


@test
def a_finding_is_explained_in_two_languages(_):
    en, ja = (kidoban("explain", "--lang", x, "policy.op-denied")[0].decode() for x in ("en", "ja"))
    assert "policy.op-denied" in en and "policy.op-denied" in ja
    assert en.isascii() and not ja.isascii()
    assert kidoban("explain", "policy.op-denied", env={"LC_ALL": "ja_JP.UTF-8"})[0].decode() == ja


@test
def ops_has_the_columns_of_the_contract(_):
    head = kidoban("ops", "--format", "tsv", DEMO)[0].decode().splitlines()[0].split("\t")
    assert head[: len(OPS_COLUMNS)] == OPS_COLUMNS, head


@test
def no_progress_and_no_colour_in_a_pipe(_):
    out, err = kidoban("replay", "-p", POLICY, DEMO)
    assert b"\x1b" not in out and "\x1b" not in err and "\r" not in err


@test
def ctrl_c_tells_what_was_seen_until_then(_):
    for command in (["replay", "-q", "-p", POLICY], ["ops"]):
        with subprocess.Popen([KIDOBAN, *command, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}, cwd=ROOT) as p:
            p.stdin.write(demo())
            p.stdin.flush()
            time.sleep(2)
            p.send_signal(signal.SIGINT)
            out, err = p.stdout.read(), p.stderr.read()
        assert p.returncode == 3 and b"stopped" in err, (p.returncode, err)
        assert out == kidoban(*command, DEMO)[0]


# ---- inputs -----------------------------------------------------------------------------------


@test
def what_is_no_capture_is_exit_code_3(d):
    gz = gzip.compress(demo(), mtime=0)
    for path in (write(d, "empty.pcap", b""), write(d, "text.pcap", b"this is no capture\n" * 50),
                 write(d, "short.pcap", demo()[:10]), write(d, "short.gz", gz[:12]),
                 write(d, "notgz.gz", b"\x1f\x8b" + b"\0" * 200), os.path.join(d, "missing.pcap"), d):
        for command in (["replay", "-p", POLICY], ["ops"]):
            _, err = kidoban(*command, path, code=3)
            assert path in err, (path, err)


@test
def a_capture_without_packets_is_fine(d):
    out, err = eve(write(d, "none.pcap", demo()[:24]))
    assert out == b"" and "0 packets" in err, err


@test
def a_cut_capture_is_reported_up_to_the_cut(d):
    whole, blob = kidoban("ops", DEMO)[0].splitlines(), demo()
    out, err = kidoban("ops", write(d, "cut.pcap", blob[: len(blob) * 3 // 4]), code=3)
    rows = out.splitlines()
    assert len(whole) / 2 < len(rows) < len(whole) and rows == whole[: len(rows)], err
    assert "cut.pcap" in err, err


@test
def a_damaged_record_is_reported_up_to_it(d):
    cap, blob = capture_edit.read(DEMO), bytearray(demo())
    at = 24 + sum(16 + len(f.data) for f in cap.frames[:100])
    blob[at + 8 : at + 12] = b"\xff\xff\xff\x7f"
    _, err = eve(write(d, "bad.pcap", blob), code=3)
    assert re.search(r"^(100|99) packets", err, re.M), err


@test
def a_good_capture_beside_a_bad_one_is_still_read(d):
    bad = write(d, "bad.pcap", b"nothing")
    good = eve(DEMO)[0]
    assert eve(bad, DEMO, code=3)[0] == good == eve(DEMO, bad, code=3)[0]


@test
def compressed_and_piped_captures_are_the_same(d):
    want = eve(DEMO)[0]
    assert want
    cap = capture_edit.read(DEMO)
    cap.pack = "zstd"
    packed = {"a.gz": gzip.compress(demo()), "a.zst": capture_edit.encode(cap)}
    for name, blob in packed.items():
        assert eve(write(d, name, blob))[0] == want, name
        assert eve(write(d, name + ".pcap", blob))[0] == want, "by content, not by name"
        assert eve("-", feed=blob)[0] == want, name + " on standard input"
        eve(write(d, "cut-" + name, blob[: len(blob) // 2]), code=3)
        spoilt = bytearray(blob)
        spoilt[len(blob) // 2] ^= 0xFF
        eve(write(d, "bad-" + name, spoilt), code=(0, 3))
    assert eve("-", feed=demo())[0] == want


@test
def pcapng_and_nanoseconds_are_the_same(d):
    want = eve(DEMO)[0]
    for change in ("pcapng", "nanosecond", "big-endian"):
        cap = capture_edit.apply(capture_edit.read(DEMO), [change])
        assert eve(write(d, change, capture_edit.encode(cap)))[0] == want, change


@test
def corrupt_captures_never_crash(d):
    dice, blob = random.Random(1), demo()
    for n in range(60):
        bad = bytearray(blob)
        for _ in range(dice.choice((1, 10, 300))):
            bad[dice.randrange(24 if n % 4 else 0, len(bad))] = dice.randrange(256)
        path = write(d, "corrupt.pcap", bad)
        eve("--events", "alert,flow,op,anomaly,stats", path, code=(0, 3))


# ---- outputs ----------------------------------------------------------------------------------


@test
def the_same_capture_gives_the_same_bytes(_):
    runs = {eve("--events", "alert,flow,op,anomaly,stats", DEMO)[0] for _ in range(3)}
    assert len(runs) == 1


@test
def a_file_holds_what_standard_output_would(d):
    path = os.path.join(d, "eve.json")
    kidoban("replay", "-p", POLICY, "-o", path, DEMO)
    with open(path, "rb") as f:
        assert f.read() == eve(DEMO)[0]


@test
def a_unix_socket_gets_the_same(d):
    path, got = os.path.join(d, "s"), []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.bind(path)
        s.listen(1)
        s.settimeout(60)

        def serve():
            c, _ = s.accept()
            while part := c.recv(65536):
                got.append(part)

        t = threading.Thread(target=serve)
        t.start()
        kidoban("replay", "-p", POLICY, "-o", "unix:" + path, DEMO)
        t.join(60)
    assert b"".join(got) == eve(DEMO)[0]


@test
def an_output_that_cannot_be_is_told(d):
    kidoban("replay", "-o", os.path.join(d, "no", "such", "folder"), DEMO, code=2)
    kidoban("replay", "-o", "unix:" + os.path.join(d, "nobody"), DEMO, code=2)
    if os.path.exists("/dev/full"):
        _, err = kidoban("replay", "-p", POLICY, "-o", "/dev/full", DEMO, code=3)
        assert "No space left" in err, err


@test
def a_mistake_in_a_policy_does_not_empty_the_output(d):
    path = write(d, "eve.json", b"yesterday\n")
    kidoban("replay", "-p", write(d, "p.yaml", b"zones: 7\n"), "-o", path, DEMO, code=2)
    with open(path, "rb") as f:
        assert f.read() == b"yesterday\n"


# ---- policies ---------------------------------------------------------------------------------

GOOD = """\
site: test
default: deny
zones:
  a: {level: control, networks: [10.1.0.0/16]}
  b: {level: control-information, networks: [10.2.0.0/16]}
assets:
  plc: {zone: a, address: 10.1.0.1, role: plc}
conduits:
  - id: c1
    from: b
    to: plc
    allow:
      - modbus: {do: write, unit: 1, holding: 100-119, value: 0..1000}
      - tcp: 443
"""

# what is replaced, by what, the line it must be found on, a word of the message
MISTAKES = [
    ("site: test", "sight: test", 1, "sight"),
    ("default: deny", "default: perhaps", 2, "default"),
    ("10.1.0.0/16", "10.1.0.0/33", 4, "10.1.0.0/33"),
    ("10.1.0.0/16", "10.1.0.1/16", 4, "10.1.0.1/16"),
    ("10.1.0.0/16", "10.1.0.300/16", 4, "10.1.0.300"),
    ("10.2.0.0/16", "10.1.0.0/16", 5, "10.1.0.0/16"),
    ("level: control,", "level: kontrol,", 4, "level"),
    ("networks: [10.1.0.0/16]", "networks: {x: y}", 4, ""),
    ("networks: [10.1", "netwroks: [10.1", 4, "netwroks"),
    ("zone: a,", "zone: nowhere,", 7, "nowhere"),
    ("address: 10.1.0.1,", "address: 10.1.0,", 7, "10.1.0"),
    ("from: b", "from: nobody", 10, "nobody"),
    ("to: plc", "to: plk", 11, "plk"),
    ("    to: plc\n", "", 9, "to"),
    ("  - id: c1\n", "  - id: c1\n    id: c2\n", 10, "id"),
    ("      - tcp: 443\n", "      - tcp: 443\n  - id: c1\n    from: b\n    to: a\n    allow: [{tcp: 1}]\n", 15, "c1"),
    ("modbus:", "modbuss:", 13, "modbuss"),
    ("do: write", "do: scribble", 13, "scribble"),
    ("do: write", "doo: write", 13, "doo"),
    ("unit: 1,", "unit: one,", 13, "one"),
    ("unit: 1,", "unit: 300,", 13, "above 255"),
    ("- tcp: 443", "- {tcp: 443, udp: 53}", 14, "one entry permits one thing"),
    ("holding: 100-119", "holding: 119-100", 13, "119-100"),
    ("holding: 100-119", "holding: 100-70000", 13, "70000"),
    ("holding: 100-119", "tag: Speed", 13, "tag"),
    ("value: 0..1000", "value: 1000..0", 13, "1000..0"),
    ("value: 0..1000", "value: many", 13, "many"),
    ("tcp: 443", "tcp: 70000", 14, "70000"),
    ("tcp: 443", "tcp: https", 14, "https"),
    ("    allow:\n", "    allow: 7\n    on-violation: degrade\n    x:\n", 12, ""),
    ("    allow:\n", "    on-violation: explode\n    allow:\n", 12, "on-violation"),
    ("zones:\n", "zones: [\n", 0, ""),
    ("site: test", "site: [test", 0, ""),
    ("site: test", "\tsite: test", 1, ""),
    ("zones:", "zones:\n  a: {level: control, networks: [10.9.0.0/16]}", 5, "a"),
]


@test
def a_good_policy_is_explained(d):
    out, err = kidoban("check", write(d, "good.yaml", GOOD.encode()))
    assert "plc" in out.decode() and "error" not in err, err


@test
def every_mistake_in_a_policy_has_its_place(d):
    wrong = []
    for n, (old, new, line, word) in enumerate(MISTAKES):
        assert old in GOOD
        path = write(d, f"bad{n}.yaml", GOOD.replace(old, new, 1).encode())
        try:
            _, err = kidoban("check", path, code=2)
            kidoban("replay", "-p", path, DEMO, code=2)
        except AssertionError as e:
            wrong.append(f"{old!r} -> {new!r}: {e}")
            continue
        places = re.findall(re.escape(path) + r":(\d+):(\d+): error: (.*)", err)
        if not any((not line or int(at) == line) and word in text for at, _, text in places):
            wrong.append(f"{old!r} -> {new!r}: want line {line} and {word!r}, have: {err.strip()[:300]}")
    assert not wrong, "\n".join(wrong)


@test
def all_mistakes_are_told_at_once(d):
    text = GOOD.replace("site:", "sight:").replace("to: plc", "to: plk").replace("tcp: 443", "tcp: 70000")
    _, err = kidoban("check", write(d, "bad.yaml", text.encode()), code=2)
    assert len(re.findall(r": error: ", err)) == 3, err


@test
def hostile_policies_are_errors_not_crashes(d):
    laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join(['*a' + str(n - 1)] * 10)}]\n" for n in range(1, 12))
    for name, blob in {
        "empty": b"", "null": b"~\n", "list": b"- 1\n- 2\n", "word": b"hello\n", "binary": bytes(range(256)) * 40,
        "utf16": "site: x\n".encode("utf-16"), "nest-list": b"zones: " + b"[" * 1000000,
        "nest-map": b"{a: " * 250000, "nest-block": b"\n".join(b" " * n + b"a:" for n in range(1400)),
        "aliases": laughs.encode(), "self": b"zones: &z {a: *z}\n", "two": GOOD.encode() + b"---\n" + GOOD.encode(),
        "long": b"site: " + b"x" * 1000000 + b"\nzones: 1\n", "anchor": b"site: *nothing\n", "folder": None,
    }.items():
        path = d if blob is None else write(d, name + ".yaml", blob)
        _, err = kidoban("check", path, code=2)
        assert path in err, (name, err[:300])


@test
def lint_warns_with_places_and_exit_codes(d):
    out, err = kidoban("check", "--lint", POLICY)
    assert out == b"no warnings\n" and not err, (out, err)
    path = write(d, "lint.yaml", b"zones:\n  a: {level: dmz, networks: [10.1.0.0/16]}\nconduits:\n"
                                 b"  - {id: c, from: a, to: a, allow: [{tcp: 80}]}\n")
    out, err = kidoban("check", "--lint", path, code=1)
    text = out.decode()
    assert f"{path}:4:5: lint.no-reason: " in text and f"{path}:4:5: note: lint.no-refs: " in text, text
    assert text.endswith("1 warning, 1 note\n") and not err, (text, err)
    out, _ = kidoban("check", "--lint", "--format", "json", path, code=1)
    found = [json.loads(line) for line in out.decode().splitlines()]
    assert [(x["id"], x["level"], x["line"], x["column"], x["subject"], x["name"]) for x in found] == [
        ("lint.no-reason", "warning", 4, 5, "conduit", "c"), ("lint.no-refs", "note", 4, 5, "conduit", "c")], found


@test
def until_is_held_against_the_day_that_is_given(d):
    path = write(d, "until.yaml", b"zones:\n  a: {level: dmz, networks: [10.1.0.0/16]}\nconduits:\n"
                                  b"  - {id: c, from: a, to: a, reason: r, refs: [a:1], allow: [{tcp: 80}],\n"
                                  b"     when: {until: 2026-12-31}}\n")
    kidoban("check", "--lint", path)
    kidoban("check", "--lint", "--at", "2026-12-31", path)
    out, _ = kidoban("check", "--lint", "--at", "2027-01-01", path, code=1)
    assert b"lint.expired" in out, out
    kidoban("check", "--lint", "--at", "soon", path, code=2)
    kidoban("check", "--at", "2027-01-01", path, code=2)


@test
def questions_have_answers_and_exit_codes(_):
    out, _ = kidoban("check", "--can", "hmi-1", "plc-1", "modbus write holding 40017", POLICY, code=1)
    text = out.decode()
    assert text.startswith("no: hmi-1 -> plc-1: modbus write holding 16 (0-based; 40017)\n"), text
    assert "policy.object-out-of-range; in enforce mode: degrade" in text and "conduit hmi-plc (" in text, text
    out, _ = kidoban("check", POLICY, "--can", "hmi-1", "plc-1", "modbus read")
    assert out.startswith(b"yes: "), out
    out, _ = kidoban("check", "--can", "hmi-1", "plc-1", "modbus write", POLICY)
    assert out.startswith(b"in part: ") and b"holding 100-119" in out, out
    out, _ = kidoban("check", "--can", "eng-1", "plc-1", "modbus write", POLICY)
    assert out.startswith(b"yes, only while a grant is active"), out
    out, _ = kidoban("check", "--who-can", "write modbus plc-1", POLICY)
    assert b"\n  hmi-1: in part\n" in out and b"\n  eng-1: yes, only while a grant" in out, out
    out, _ = kidoban("check", "--who-can", "write modbus plc-1", "--format", "json", POLICY)
    answers = {x["from"]: x for x in map(json.loads, out.decode().splitlines())}
    assert answers["hmi-1"]["answer"] == "part" and answers["eng-1"]["always"] == "no", answers
    assert answers["hmi-1"]["conduits"][0]["conduit"] == "hmi-plc", answers
    for args in (["--can", "hmi-1", "plc-1"], ["--can", "hmi-1", "plc-9", "modbus read", POLICY],
                 ["--who-can", "wirte modbus plc-1", POLICY], ["--lint", "--who-can", "tcp 1 plc-1", POLICY]):
        out, err = kidoban("check", *args, code=2)
        assert not out and len(err) > 10, (args, out, err)


@test
def groups_and_roles_are_asked_for_member_by_member(d):
    path = write(d, "groups.yaml", b"""zones:
  office: {level: control-information, networks: [10.2.0.0/24]}
  cell: {level: control, networks: [10.1.0.0/24]}
assets:
  hmi-1: {zone: office, address: 10.2.0.5}
  plc-1: {zone: cell, address: 10.1.0.5, role: plc}
  plc-2: {zone: cell, address: 10.1.0.6, role: plc}
groups:
  presses: [plc-1, plc-2]
conduits:
  - {id: c, from: hmi-1, to: plc-1, allow: [{modbus: {do: read}}]}
  - {id: d, from: hmi-1, to: presses, allow: [{modbus: {do: write, holding: 1}}]}
""")
    out, _ = kidoban("check", "--can", "hmi-1", "presses", "modbus read", path)
    lines = out.decode().splitlines()
    assert lines[0] == "yes: hmi-1 -> plc-1: modbus read" and "no: hmi-1 -> plc-2: modbus read" in lines, out
    assert lines[-1] == "some: 1 yes, 1 no", out
    out, _ = kidoban("check", "--can", "hmi-1", "role:plc@cell", "modbus write holding 1", path)
    assert out.endswith(b"\nall: 2 yes\n"), out
    out, _ = kidoban("check", "--can", "role:plc", "hmi-1", "modbus read", path, code=1)
    assert out.endswith(b"\nnone: 2 no\n"), out
    out, _ = kidoban("check", "--can", "hmi-1", "presses", "modbus read", "--format", "json", path)
    assert [json.loads(x)["to"] for x in out.splitlines()] == ["plc-1", "plc-2"], out
    out, _ = kidoban("check", "--who-can", "read modbus presses", path)
    assert b"to plc-1:\n" in out and b"\n  hmi-1: yes\n" in out and b"to plc-2:\n" in out, out
    _, err = kidoban("check", "--can", "hmi-1", "preses", "modbus read", path, code=2)
    assert 'did you mean "presses"' in err, err


@test
def what_stands_in_an_included_file_is_told_with_that_file(d):
    write(d, "cell.yaml", b"""zones:
  cell: {level: control, networks: [10.1.0.0/24], unknown-devices: alert}
  spare: {level: control, networks: [10.9.0.0/24], unknown-devices: alert}
assets:
  plc-1: {zone: cell, address: 10.1.0.5}
conduits:
  - {id: look, from: plc-1, to: hmi-1, reason: r, refs: [a:1], allow: [{modbus: {do: read}}]}
watch:
  - {id: alive, from: hmi-1, to: plc-1, modbus: {do: write, holding: 1}, every: 5s}
accept:
  - {lint: default-allow, reason: none}
""")
    top = """include: cell.yaml
zones:
  office: {level: control-information, networks: [10.2.0.0/24]}
assets:
  hmi-1: {zone: office, address: 10.2.0.5}
conduits:
  - {id: again, from: plc-1, to: hmi-1, reason: r, refs: [a:1], allow: [{modbus: {do: read, %s}}]}
"""
    path = write(d, "site.yaml", (top % "unit: 1").encode())
    cell = os.path.join(d, "cell.yaml")
    out, _ = kidoban("check", "--lint", path, code=1)
    text = out.decode()
    assert f"{cell}:3:3: lint.unused-zone" in text, text
    assert f"{cell}:9:5: lint.watch-denied" in text, text
    assert f"{cell}:11:5: lint.accept-unused" in text, text
    assert f"{path}:7:" in text and f"modbus read of conduit look in {cell} line 7" in text, text
    out, _ = kidoban("check", path)
    text = out.decode()
    assert f"  look ({cell} line 7): " in text and "  again (line 7): " in text, text
    assert f"  alive ({cell} line 9): " in text, text
    out, _ = kidoban("check", "--can", "plc-1", "hmi-1", "modbus read", path)
    assert f"conduit look ({cell}:7): ".encode() in out, out
    other = write(d, "other.yaml", (top % "unit: 1").replace("cell.yaml", "cell-2.yaml").encode())
    with open(cell, "rb") as f:
        write(d, "cell-2.yaml", f.read().replace(b"every: 5s", b"every: 6s").replace(b"read}}", b"write}}"))
    out, _ = kidoban("diff", path, other, code=1)
    text = out.decode()
    other_cell = os.path.join(d, "cell-2.yaml")
    assert f"old  {cell}:9\n    new  {other_cell}:9\n" in text, text
    assert f"new  {other_cell}:7 conduit \"look\"" in text, text
    bad = write(d, "bad.yaml", b"include: cell.yaml\nzones: {office: {level: dmz, networks: [10.2.0.0/24]}}\n"
                               b"assets: {hmi-1: {zone: office, address: 10.2.0.5}}\n"
                               b"watch: [{id: alive, from: hmi-1, to: plc-1, modbus: {do: read}, every: 1s}]\n")
    _, err = kidoban("check", bad, code=2)
    assert f"already that of the watch in {cell} line 9" in err, err


def main(tests):
    names, failed = [f.__name__.replace("_", " ") for f in tests], 0
    print(f"1..{len(tests)}")
    for n, (name, f) in enumerate(zip(names, tests), 1):
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
    sys.exit(main(TESTS))
