#!/usr/bin/env python3
"""Who talks to the running service: the socket, the commands behind it, the metrics. Prints TAP.

tests/live/control.py build/src/kidoban
"""

import json
import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as laboratory
from lab import Lab, until

KIDOBAN = os.path.abspath(sys.argv[1])
GROUP, GROUP_ID, STRANGER = "nogroup", 65534, 54321
TESTS = []
POLICY = """\
timezone: Asia/Tokyo
default: allow
zones:
  control-info: {level: control-information, networks: [10.40.0.0/24]}
  control:      {level: control, networks: [10.50.0.0/24]}
  safe:         {level: safety, networks: [10.60.0.0/28]}
conduits:
  - {id: look, from: control-info, to: control, allow: [{modbus: {do: read}}]}
  - {id: work, from: control-info, to: control, allow: [{modbus: {do: write}}],
     when: {grant: {longest: 4h, approvers: [tanaka, sato]}}}
"""
CONFIG = """\
policy: policy.yaml
state: state.db
sources:
  - mirror: lo
    quiet: never
outputs:
  - file: eve.json
control:
  socket: control.sock
  group: %s
metrics:
  file: metrics.prom
  http: %s
"""


def test(f):
    TESTS.append(f)
    return f


class Service:
    """kidoban run in a namespace of its own, listening to its loopback."""

    def __init__(self, lab, http="127.0.0.1:9463"):
        self.lab, self.ns = lab, lab.namespace("box")
        self.d = tempfile.mkdtemp(prefix="kidoban-control-")
        os.chmod(self.d, 0o755)
        self.write("policy.yaml", POLICY)
        self.write("kidoban.yaml", CONFIG % (GROUP, http))
        self.config, self.socket = self.path("kidoban.yaml"), self.path("control.sock")

    def path(self, name):
        return os.path.join(self.d, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def start(self):
        self.program = self.lab.start(self.ns, [KIDOBAN, "run", "-c", self.config])
        until(self.answers, lambda: f"the service answers: {self.program.err[-5:]}")
        return self

    def answers(self):
        assert self.program.alive(), self.program.err
        return self.run("status", code=(0, 1, 3))[0].returncode != 3

    def run(self, command, *args, code=0, who=()):
        r = subprocess.run([*who, KIDOBAN, command, *(() if "--state" in args else ("-c", self.config)), *args],
                           capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
        codes = code if isinstance(code, tuple) else (code,)
        assert "Sanitizer" not in r.stderr and "runtime error:" not in r.stderr, r.stderr
        assert r.returncode in codes, f"{command} {args}: exit {r.returncode}: {r.stdout} {r.stderr}"
        return r, r.stdout, r.stderr

    def status(self, code=(0, 1)):
        return json.loads(self.run("status", "--json", code=code)[1])

    def log(self):
        out = self.run("grants", "--state", self.path("state.db"), "--log", "--format", "json")[1]
        entries = [json.loads(line) for line in out.splitlines()]
        assert all(e["intact"] for e in entries), entries
        return entries

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(self.socket)
        return s

    def ask(self, data):
        """Raw bytes in; everything until the service hangs up."""
        s = self.connect()
        try:
            s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return hear(s)

    def stop(self):
        assert self.program.stop() == 0, self.program.err
        shutil.rmtree(self.d)


def hear(s):
    got = b""
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        got += part
    s.close()
    return got


def somebody(uid, gid, *groups):
    """A prefix that makes a command run as somebody else."""
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}",
            f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"]


@test
def status_says_how_it_is(s):
    _, text, _ = s.run("status")
    for words in ("running since", "(Asia/Tokyo)", "All is well.", "Source: mirror, 1 worker", "lo ", "policy.yaml",
                  "mode detect", "eve.json", "takes events"):
        assert words in text, (words, text)
    o = s.status(code=0)
    assert o["well"] and o["operating_mode"] == "normal" and not o["grants"] and not o["quarantine"], o
    assert [c["id"] for c in o["conduits"]] == ["look", "work"] and o["sources"][0]["interfaces"][0]["up"], o
    assert s.run("status", "--socket", s.path("nobody"), code=3)[2].count("is the service running?") == 1
    s.run("status", "--nonsense", code=2)


@test
def packets_show(s):
    for n in range(20):
        s.ns.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).sendto(b"x", ("127.0.0.1", 9999))
    until(lambda: s.status()["sources"][0]["interfaces"][0]["packets"] >= 20, "the packets show")
    workers = json.loads(s.ask(b'{"do":"stats"}\n'))["workers"]
    assert len(workers) == 1 and workers[0]["source"] == 0 and workers[0]["loops"] > 0, workers


@test
def a_grant_takes_effect_at_once(s):
    _, out, _ = s.run("grant", "work", "--for", "2h", "--approver", "sato", "--reason", "ポンプ3")
    assert "grant 1: conduit work is open from" in out and "permits: modbus write" in out, out
    g = s.status()["grants"]
    assert [(x["conduit"], x["approver"], x["reason"]) for x in g] == [("work", "sato", "ポンプ3")], g
    for args, why in ((("look", "1h", "sato"), "needs no grant"), (("work", "5h", "sato"), "too long"),
                      (("work", "1h", "ito"), "may not open"), (("work", "x", "sato"), "no duration")):
        _, _, err = s.run("grant", args[0], "--for", args[1], "--approver", args[2], "--reason", "r", code=1)
        assert why in err and err.count("kidoban grant:") == 1, err
    _, out, _ = s.run("revoke", "work", "--reason", "done")
    assert "grant 1 of conduit work is revoked" in out, out
    assert not s.status()["grants"]
    assert "nothing to revoke" in s.run("revoke", "1", "--reason", "again", code=1)[2]
    what = [e["what"] for e in s.log()]
    assert what == ["grant", "refuse", "refuse", "refuse", "revoke", "refuse"], what


@test
def a_host_is_isolated_and_released(s):
    _, out, _ = s.run("quarantine", "10.50.0.9", "--for", "2h", "--reason", "scans", "--by", "tanaka")
    assert out.startswith("10.50.0.9 is isolated until ") and "by tanaka: scans" in out, out
    s.run("quarantine", "00-80-F4-01-02-03", "--reason", "rogue")
    assert [q["host"] for q in s.status()["quarantine"]] == ["10.50.0.9", "00:80:f4:01:02:03"]
    assert s.run("quarantine", "--list")[1].count(" is isolated until ") == 2
    for host, code, why in (("10.60.0.3", 1, "safety zone safe"), ("224.0.0.1", 1, "no host"), ("0.0.0.0", 1, "no host"),
                            ("01:00:5e:00:00:01", 1, "a group"), ("plc-1", 2, "neither an address")):
        assert why in s.run("quarantine", host, "--reason", "x", code=code)[2], host
    _, out, _ = s.run("release", "10.50.0.9", "--reason", "cleaned")
    assert "is released" in out, out
    assert "nothing to release" in s.run("release", "10.50.0.9", code=1)[2]
    log = s.log()
    assert [(e["what"], e.get("host")) for e in log[:2]] == [("quarantine", "10.50.0.9"), ("quarantine", "00:80:f4:01:02:03")]
    assert log[0]["by"] == "tanaka" and log[0]["os_user"].startswith("root"), log[0]
    s.program.signal(signal.SIGKILL)  # and what was answered is there after that
    s.program.wait()
    s.start()
    assert [q["host"] for q in s.status()["quarantine"]] == ["00:80:f4:01:02:03"]


@test
def only_some_may_change_things(s):
    stranger, member = somebody(STRANGER, STRANGER), somebody(STRANGER, STRANGER, GROUP_ID)
    assert "All is well." in s.run("status", who=stranger)[1]
    for command in (["reload"], ["mode", "maintenance"], ["quarantine", "10.50.0.9", "--reason", "x"],
                    ["release", "10.50.0.9"], ["grant", "work", "--for", "1h", "--approver", "sato", "--reason", "x"],
                    ["revoke", "1", "--reason", "x"], ["assets"]):
        _, out, err = s.run(*command, code=1, who=stranger)
        assert not out and "may not do that" in err, (command, out, err)
    assert s.status()["operating_mode"] == "normal"
    log = s.log()
    assert len(log) == 7 and {e["what"] for e in log} == {"refuse"}, log
    assert all(e["os_user"].startswith(f"uid {STRANGER}") for e in log), log
    assert f"uid {STRANGER}" in s.program.says("reload is not for this user")
    # whatever he says he is
    claim = 'import socket; s=socket.socket(socket.AF_UNIX); s.connect("%s"); s.send(b\'{"do":"mode","mode":"emergency",' \
            '"os_user":"root","uid":0}\\n\'); print(s.recv(9999).decode())' % s.socket
    out = subprocess.run([*stranger, "python3", "-c", claim], capture_output=True, text=True, check=True).stdout
    assert not json.loads(out)["ok"], out
    s.run("mode", "maintenance", "--reason", "yearly", who=member)
    assert s.status()["operating_mode"] == "maintenance"
    last = s.log()[-1]
    assert (last["what"], last["detail"], last["reason"]) == ("mode", "maintenance", "yearly"), last
    assert last["os_user"].startswith(f"uid {STRANGER}"), last
    # who asks again and again fills no log
    for _ in range(30):
        s.run("reload", code=1, who=stranger)
    assert len(s.log()) <= 7 + 2 + 10, len(s.log())


@test
def nobody_is_held_up(s):
    silent = [s.connect() for _ in range(60)]  # more than there are places
    begun = s.connect()
    begun.sendall(b'{"do":')
    garbage = s.ask(bytes(range(256)).replace(b"\n", b"") * 3 + b"\n")
    assert json.loads(garbage)["error"].startswith("that is no JSON"), garbage
    for bad in (b"\n", b"[]\n", b"null\n", b'{"do":7}\n', b'{"do":"status","do":"reload"}\n', b'{"do":"\\ud800"}\n',
                b"[" * 16000 + b"\n", b'{"do":"nonsense"}\n', b'{"do":"quarantine","host":"10.0.0.1","reason":"\\u0007"}\n',
                b'{"do":"grant","conduit":"work","for":"1h","approver":"sato","reason":"' + b"x" * 600 + b'"}\n'):
        o = json.loads(s.ask(bad))
        assert o["ok"] is False and o["error"], (bad[:40], o)
    assert s.ask(b"x" * (1 << 20)) in (b"", b'{"ok":false,"error":"a request has 16383 bytes at most"}\n')
    s.run("status")
    slow = s.connect()  # asks, and does not fetch the answer
    slow.sendall(b'{"do":"status"}\n')
    s.run("status")
    began = time.monotonic()
    assert hear(begun) == b""  # cut off
    assert all(hear(x) == b"" for x in silent)
    assert time.monotonic() - began < 30
    slow.close()
    assert json.loads(s.ask(b'{"do":"status"}'[:-1] + b"}\n"))["ok"]
    half = s.connect()  # no line feed, but the end
    half.sendall(b'{"do":"status"}')
    half.shutdown(socket.SHUT_WR)
    assert json.loads(hear(half))["ok"]


@test
def a_bad_policy_leaves_the_old_one(s):
    s.write("policy.yaml", POLICY.replace("default: allow", "default: perhaps"))
    _, out, err = s.run("reload", code=1)
    assert not out and "everything is as before" in err and "policy.yaml:2:" in err, err
    assert [c["id"] for c in s.status()["conduits"]] == ["look", "work"]
    s.write("policy.yaml", POLICY.replace("id: look", "id: watch"))
    assert s.run("reload")[1] == "reloaded\n"
    assert [c["id"] for c in s.status()["conduits"]] == ["watch", "work"]
    assert [e["what"] for e in s.log()] == ["reload", "reload"]


@test
def the_file_may_be_written_past_the_service(s):
    file = ("--state", s.path("state.db"), "--socket", s.socket)
    _, out, _ = s.run("quarantine", *file, "10.50.0.7", "--reason", "x")
    assert "the running service has taken it over" in out, out
    assert [q["host"] for q in s.status()["quarantine"]] == ["10.50.0.7"]
    s.run("grant", *file, "-p", s.path("policy.yaml"), "work", "--for", "1h", "--approver", "sato", "--reason", "x")
    s.run("release", *file, "10.50.0.7")
    o = s.status()
    assert not o["quarantine"] and [g["conduit"] for g in o["grants"]] == ["work"], o
    s.program.stop()
    assert not os.path.exists(s.socket)
    # without a service, what the configuration names is written
    _, out, _ = s.run("quarantine", "10.50.0.8", "--reason", "x")
    assert "10.50.0.8 is isolated (UTC)" in out, out
    s.start()
    assert [q["host"] for q in s.status()["quarantine"]] == ["10.50.0.8"]


def said(s):
    """Assets by host, as the command lists them."""
    return {a["host"]: a for a in map(json.loads, s.run("assets", "--json")[1].splitlines())}


@test
def hosts_that_speak_are_listed(s):
    s.write("kidoban.yaml", (CONFIG % (GROUP, "127.0.0.1:9463")).replace("mirror: lo", "mirror: mon0"))
    s.program.stop()
    switch = s.lab.namespace("switch")
    s.lab.cable(switch, "sw0", s.ns, "mon0")
    wire = s.lab.wire(switch, "sw0")
    s.start()

    def udp(src, dst, src_mac):
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
        return laboratory.ether("02:00:00:00:00:99", src_mac, 0x800, ip + struct.pack("!HHHH", 4000, 4001, 8, 0))
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, laboratory.mac("02:00:00:00:00:12"),
                      socket.inet_aton("10.50.0.12"), bytes(6), socket.inet_aton("10.50.0.13"))
    wire.send(udp("10.50.0.11", "10.50.0.12", "02:00:00:00:00:11"))  # in one zone: its own MAC
    wire.send(udp("10.40.0.5", "10.50.0.12", "02:00:00:00:00:01"))   # by a router
    wire.send(laboratory.ether("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:12", 0x806, arp))
    wire.send(laboratory.ether("01:0e:cf:00:00:00", "02:00:00:00:00:77", 0x8892, bytes(46)))
    wire.send(udp("0.0.0.0", "255.255.255.255", "02:00:00:00:00:22"))
    until(lambda: s.status()["sources"][0]["interfaces"][0]["packets"] >= 5, "the frames are seen")
    s.program.stop()  # what waits is stored
    s.start()
    found = until(lambda: len(said(s)) >= 4 and said(s), "they are listed")
    assert {(h, a["mac"], a["zone"], a["interface"]) for h, a in found.items()} == {
        ("10.50.0.11", "02:00:00:00:00:11", "control", "mon0"), ("10.40.0.5", "", "control-info", "mon0"),
        ("10.50.0.12", "02:00:00:00:00:12", "control", "mon0"),
        ("02:00:00:00:00:77", "02:00:00:00:00:77", "", "mon0")}, found
    assert "4 hosts" in s.run("assets")[2]
    rows = s.run("assets", "--csv")[1].splitlines()
    assert rows[0] == "host,mac,zone,asset,first,last,interface,facts" and len(rows) == 5, rows
    assert len(s.run("assets", "--state", s.path("state.db"))[1].splitlines()) == 4


@test
def one_service_per_socket(s):
    other = s.lab.start(s.lab.namespace("another"), [KIDOBAN, "run", "-c", s.config])
    assert other.wait() != 0 and any("another kidoban runs here" in x for x in other.err), other.err
    s.run("status")
    assert stat.S_IMODE(os.stat(s.socket).st_mode) == 0o666
    s.program.signal(signal.SIGKILL)
    s.program.wait()
    assert os.path.exists(s.socket)
    assert "is the service running?" in s.run("status", code=3)[2]
    s.start()
    s.run("status")


def samples(text):
    """Text exposition format 0.0.4, strictly: {(name, labels): value}, and the types."""
    found, types, helped, current = {}, {}, set(), None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped and len(line.split(" ", 3)) == 4, line
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helped and name not in types and kind in ("counter", "gauge", "histogram"), line
            types[name] = kind
            current = name
        else:
            m = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? ([0-9.]+)', line)
            assert m, line
            name = m[1]
            base = re.sub("_(bucket|sum|count)$", "", name) if types.get(current) == "histogram" else name
            assert base == current, f"{line}: not of {current}"
            assert types[current] != "counter" or name.endswith("_total"), line
            key = (name, m[2] or "")
            assert key not in found, f"twice: {line}"
            found[key] = float(m[3])
    return found, types


@test
def metrics_are_as_prometheus_wants_them(s):
    for _ in range(70):
        s.ns.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).sendto(b"x", ("127.0.0.1", 9999))

    def get(path, data=None):
        return s.ns.call(lambda: urllib.request.urlopen("http://127.0.0.1:9463" + path, data, 60))

    def page():
        with get("/metrics") as r:
            assert r.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", r.headers
            return r.read().decode()

    def packets():
        try:
            return samples(page())[0].get(("kidoban_packets_total", 'source="0",interface="lo"'), 0) >= 70
        except urllib.error.URLError:
            return False
    until(packets, "HTTP shows the packets")
    with open(until(lambda: os.path.exists(s.path("metrics.prom")) and s.path("metrics.prom"), "the file is there")) as f:
        _, types = samples(f.read())
    found, again = samples(page())
    assert types == again and types["kidoban_latency_seconds"] == "histogram", (types, again)
    for name in ("build_info", "uptime_seconds", "kernel_drops_total", "interface_drops_total", "flows_total", "ops_total",
                 "incidents_total", "conduit_ops_total", "output_waiting", "output_spooled_total", "output_lost_total",
                 "acts_total", "problems"):
        assert any(key[0] == "kidoban_" + name for key in found), name
    buckets = [(re.search('le="([^"]+)"', k[1])[1], v) for k, v in found.items() if k[0] == "kidoban_latency_seconds_bucket"]
    assert buckets[-1] == ("+Inf", found["kidoban_latency_seconds_count", ""]), buckets
    assert [v for _, v in buckets] == sorted(v for _, v in buckets) and buckets[-1][1] > 0, buckets
    bounds = [float(le) for le, _ in buckets[:-1]]
    assert bounds == sorted(set(bounds)) and bounds[0] == 1e-6, bounds
    for path, data, code in (("/", None, 404), ("/metrics/x", None, 404), ("/metrics", b"x", 405)):
        try:
            get(path, data)
            raise AssertionError(path)
        except urllib.error.HTTPError as e:
            assert e.code == code, (path, e.code)
    if shutil.which("promtool"):
        r = subprocess.run(["promtool", "check", "metrics"], input=page(), capture_output=True, text=True, check=False)
        assert r.returncode == 0, r.stdout + r.stderr
    else:
        print("# promtool is not installed: only the strict reading of this test")
    s.program.stop()
    assert not os.path.exists(s.path("metrics.prom")) and not os.path.exists(s.path("metrics.prom.new"))
    s.write("kidoban.yaml", CONFIG % (GROUP, "0.0.0.0:9463"))
    refused = s.lab.start(s.ns, [KIDOBAN, "run", "-c", s.config])
    assert refused.wait() in (2, 3) and any("127.0.0.1" in x for x in refused.err), refused.err
    s.write("kidoban.yaml", CONFIG % (GROUP, "127.0.0.1:9463"))
    s.start()


def with_service(test):
    with Lab() as lab:
        s = Service(lab)
        try:
            test(s.start())
            s.stop()
        finally:
            shutil.rmtree(s.d, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(laboratory.main(TESTS, laboratory.missing("setpriv"), with_service))
