#!/usr/bin/env python3
"""kidoban learn from outside: what it proposes permits what it saw, loads, and is the same each time. Prints TAP.

tests/learn.py [build/src/kidoban]
"""

import glob
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KIDOBAN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/src/kidoban"))
NORMAL, DEMO = "pcaps/model1-normal.pcap", "pcaps/demo-model1.pcap"
SHARED = os.path.join(ROOT, "..", "shared", "pcaps")
SAMPLE = 25  # captures of ../shared
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def kidoban(*args, code=0):
    r = subprocess.run([KIDOBAN, *map(str, args)], capture_output=True, timeout=300, check=False, cwd=ROOT,
                       stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C", "TZ": "UTC"})
    err = r.stderr.decode("utf-8", "replace")
    assert "Sanitizer" not in err and "runtime error:" not in err, err[-3000:]
    codes = code if isinstance(code, tuple) else (code,)
    assert r.returncode in codes, f"{' '.join(map(str, args))}: exit {r.returncode}, not {code}: {err[-800:]}"
    return r.stdout, err


def learn(*captures, code=0):
    return kidoban("learn", "--vendors", "none", *captures, code=code)[0].decode()


def findings(policy, *captures, code=0):
    out, _ = kidoban("replay", "-p", policy, "-o", "-", *captures, code=code)
    return [e["kidoban"]["finding"] for e in map(json.loads, out.splitlines()) if e["event_type"] == "alert"]


def blames_policy(finding):
    return finding.startswith(("policy.", "asset.", "detect.")) or finding == "proto.unexpected-protocol"


def holds(folder, *captures, code=0):
    """Learned from these, loaded without a word, and nothing said against it by them."""
    path = os.path.join(folder, "policy.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(learn(*captures, code=code))
    _, err = kidoban("check", path)
    assert err == "", err
    said = [f for f in findings(path, *captures, code=code) if blames_policy(f)]
    assert said == [], f"{captures}: {said}"
    return path


def shared_captures():
    found = []
    for folder, _, names in os.walk(SHARED):
        for n in names:
            path = os.path.join(folder, n)
            if n.endswith((".pcap", ".pcapng", ".cap")) and os.path.getsize(path) < 300_000:
                found.append(path)
    found.sort()
    return random.Random(1).sample(found, min(SAMPLE, len(found)))


def pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i, data in enumerate(frames):
            f.write(struct.pack("<IIII", 1_790_000_000 + i, 0, len(data), len(data)) + data)
    return path


def ip(src, dst, proto, payload, smac=1, dmac=2):
    eth = bytes([2, 0, 0, 0, 0, dmac, 2, 0, 0, 0, 0, smac, 8, 0])
    addr = bytes(map(int, src.split("."))) + bytes(map(int, dst.split(".")))
    return eth + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0) + addr + payload


def udp(sport, dport, data):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


def tcp(sport, dport, seq, ack, flags, data=b""):
    return struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 8192, 0, 0) + data


def talk(client, server, sport, dport, said):
    """A TCP connection; said: (from_client, bytes)."""
    seq = [1000, 5000]
    ends = [(client, server, sport, dport, 1, 2), (server, client, dport, sport, 2, 1)]

    def send(side, flags, data=b""):
        s, d, sp, dp, sm, dm = ends[side]
        out.append(ip(s, d, 6, tcp(sp, dp, seq[side], seq[1 - side] if flags & 16 else 0, flags, data), sm, dm))
        seq[side] += len(data) + (flags & 3 != 0)

    out = []
    send(0, 2)
    send(1, 18)
    send(0, 16)
    for from_client, data in said:
        send(0 if from_client else 1, 24, data)
    send(0, 17)
    send(1, 17)
    send(0, 16)
    return out


def mqtt_connect(client):
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack(">H", len(client)) + client
    return b"\x10" + bytes([len(body)]) + body


def mqtt_publish(topic, data):
    body = struct.pack(">H", len(topic)) + topic + data
    assert len(body) < 128
    return b"\x30" + bytes([len(body)]) + body


# ---- what it saw is permitted -----------------------------------------------------------------


@test
def every_capture_of_the_project_has_no_finding_about_what_was_learned_from_it(folder):
    captures = sorted(glob.glob(os.path.join(ROOT, "pcaps/*.pcap")) + glob.glob(os.path.join(ROOT, "pcaps/factories/*.pcap")))
    assert len(captures) > 40
    for c in captures:
        holds(folder, c)


@test
def captures_of_all_kinds_of_networks_too(folder):
    for c in shared_captures():
        holds(folder, c, code=(0, 3))


@test
def several_captures_together(folder):
    holds(folder, *sorted(glob.glob(os.path.join(ROOT, "pcaps/factories/model2-*.pcap"))))


# ---- and nothing more -------------------------------------------------------------------------


@test
def the_mischief_of_another_day_is_found(folder):
    path = holds(folder, NORMAL)
    found = set(findings(path, DEMO))
    assert {"policy.value-out-of-range", "policy.object-out-of-range", "policy.op-denied", "policy.layer-skipped",
            "asset.unknown-device"} <= found, found


@test
def objects_and_values_are_those_that_were_seen(folder):
    with open(holds(folder, NORMAL), encoding="utf-8") as f:
        p = yaml.safe_load(f)
    hmi = next(c for c in p["conduits"] if c["from"] == "hmi-1" and c["to"] == "plc-1")
    assert {"modbus": {"do": "write", "unit": 1, "holding": ["100-103", 105], "value": "400..450", "port": 502}} in hmi["allow"], hmi
    assert p["assets"]["plc-1"]["role"] == "plc" and p["zones"]["control"]["level"] == "control"
    assert all("please give the reason" in c["reason"] for c in p["conduits"])


# ---- the same each time -----------------------------------------------------------------------


@test
def the_order_of_the_files_does_not_matter(_):
    captures = sorted(glob.glob(os.path.join(ROOT, "pcaps/factories/model1-*.pcap")))
    first = learn(*captures)
    assert learn(*reversed(captures)) == first
    random.Random(2).shuffle(captures)
    assert learn(*captures) == first


@test
def lint_asks_for_the_reasons_and_has_nothing_to_say_of_its_form(folder):
    path = holds(folder, NORMAL)
    out, _ = kidoban("check", "--lint", "--format", "json", path, code=(0, 1))
    said = {json.loads(line)["id"].removeprefix("lint.") for line in out.splitlines()}
    assert "no-reason" in said, said  # nobody has given one yet
    assert not said & {"redundant", "shadowed", "never", "unused-zone", "unknown-ignored", "contradictory",
                       "limit-without-effect", "accept-unused"}, said


# ---- hostile and odd --------------------------------------------------------------------------


@test
def names_from_the_wire_cannot_leave_their_quotes(folder):
    names = [b'a"]}\n  - id: evil', b"x: {y", b"\xe2\x80\xa8z", b"#c", b"' \\", b"\xc2\x85n", b"\xe2\x80\xaer", b"*"]
    said = [(True, mqtt_connect(b'ga"te\\way #1: {'))]
    said.append((False, b"\x20\x02\x00\x00"))
    said += [(True, mqtt_publish(n.replace(b"*", b"star"), b"1")) for n in names]
    path = pcap(os.path.join(folder, "h.pcap"), talk("10.1.0.5", "10.2.0.5", 40000, 1883, said))
    with open(holds(folder, path), encoding="utf-8") as f:
        text = f.read()
    assert "\u2028" not in text and "\u202e" not in text and "\x85" not in text, text
    p = yaml.safe_load(text)
    assert len(p["conduits"]) == 1, p["conduits"]


@test
def a_conversation_older_than_the_capture_is_opened_by_the_client(folder):
    frames = [ip("10.2.0.5", "10.1.0.5", 6, tcp(443, 50000, 1, 1, 24, b"data")),
              ip("10.1.0.5", "10.2.0.5", 6, tcp(50000, 443, 1, 5, 24, b"more"))]
    with open(holds(folder, pcap(os.path.join(folder, "m.pcap"), frames)), encoding="utf-8") as f:
        p = yaml.safe_load(f)
    assert [c["allow"] for c in p["conduits"]] == [[{"tcp": 443}]], p["conduits"]


@test
def clients_with_the_same_role_and_permissions_share_a_conduit(folder):
    frames = []
    for c in (5, 6, 7):
        for s in (8, 9):
            frames += [ip(f"10.1.0.{c}", f"10.2.0.{s}", 17, udp(123, 123, b"q" * 48)),
                       ip(f"10.2.0.{s}", f"10.1.0.{c}", 17, udp(123, 123, b"a" * 48))]
    with open(holds(folder, pcap(os.path.join(folder, "g.pcap"), frames)), encoding="utf-8") as f:
        p = yaml.safe_load(f)
    assert len(p["conduits"]) == 1 and len(p["conduits"][0]["from"]) == 3 and len(p["conduits"][0]["to"]) == 2, p


@test
def a_router_is_known_by_its_many_addresses(folder):
    frames = [ip("10.1.0.5", "10.1.0.1", 17, udp(5000, 53, b"q"), 1, 9),
              ip("10.1.0.1", "10.1.0.5", 17, udp(53, 5000, b"a"), 9, 1)]
    for n in (2, 3, 4):
        frames += [ip("10.1.0.5", f"10.{n}.0.5", 17, udp(5000, 53, b"q"), 1, 9),
                   ip(f"10.{n}.0.5", "10.1.0.5", 17, udp(53, 5000, b"a"), 9, 1)]
    with open(holds(folder, pcap(os.path.join(folder, "r.pcap"), frames)), encoding="utf-8") as f:
        p = yaml.safe_load(f)
    assert p["assets"]["router-1"]["address"] == "10.1.0.1" and p["assets"]["router-1"]["mac"].endswith(":09")
    assert sum("mac" in a for a in p["assets"].values()) == 2, p["assets"]


@test
def who_tried_a_whole_network_is_spoken_of(folder):
    frames = [ip("10.1.0.9", f"10.2.0.{n}", 6, tcp(40000 + n, 502, 1, 0, 2)) for n in range(1, 200)]
    path = holds(folder, pcap(os.path.join(folder, "s.pcap"), frames))
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert "a scan?" in text and len(yaml.safe_load(text)["assets"]) < 20, text


@test
def what_permits_more_than_was_seen_says_so(folder):
    said = [(True, mqtt_connect(b"gw")), (False, b"\x20\x02\x00\x00")]
    said += [(True, mqtt_publish(b"t/%d" % n, b"1")) for n in range(40)]
    frames = talk("10.1.0.5", "10.2.0.5", 40000, 1883, said)
    frames += [ip("10.1.0.6", "10.2.0.5", 17, udp(60000, 1000 + 100 * n, b"q")) for n in range(20)]
    with open(holds(folder, pcap(os.path.join(folder, "w.pcap"), frames)), encoding="utf-8") as f:
        lines = f.read().splitlines()
    assert any("mqtt: {do: write" in x and "# widened: more topics" in x for x in lines), lines
    assert any("udp: [" in x and "# widened: the nearest" in x for x in lines), lines
    with open(holds(folder, NORMAL), encoding="utf-8") as f:
        assert "widened" not in f.read()


@test
def nothing_heard_is_a_policy_too(folder):
    holds(folder, pcap(os.path.join(folder, "e.pcap"), []))


@test
def what_it_cannot_do_it_says(folder):
    _, err = kidoban("learn", "-", code=2)
    assert "several times" in err
    _, err = kidoban("learn", code=2)
    assert "which capture" in err
    path = os.path.join(folder, "there.yaml")
    kidoban("learn", "-o", path, NORMAL)
    _, err = kidoban("learn", "-o", path, NORMAL, code=2)
    assert "--force" in err
    kidoban("learn", "-f", "-o", path, NORMAL)
    learn(os.path.join(folder, "none.pcap"), code=3)


def main():
    failed = 0
    print(f"1..{len(TESTS)}")
    for i, t in enumerate(TESTS, 1):
        name = t.__name__.replace("_", " ")
        if t is captures_of_all_kinds_of_networks_too and not os.path.isdir(SHARED):
            print(f"ok {i} - {name} # SKIP ../shared/pcaps is not here")
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                t(folder)
            print(f"ok {i} - {name}")
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {i} - {name}")
            for line in f"{type(e).__name__}: {e}".splitlines():
                print("#", line[:1500])
        sys.stdout.flush()
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
