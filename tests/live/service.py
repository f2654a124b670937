#!/usr/bin/env python3
"""kidoban run as it is installed: another user, the filter of system calls, every part at work. Prints TAP.

tests/live/service.py build/src/kidoban
"""

import ctypes
import glob
import json
import os
import re
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as laboratory
import outputs
from lab import Lab, ether, until

KIDOBAN = os.path.abspath(sys.argv[1])
PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000
A, B = "02:00:00:00:00:01", "02:00:00:00:00:02"
TESTS = []
POLICY = """\
mode: detect
zones:
  ci: {level: control-information, networks: [10.40.0.0/24]}
  c:  {level: control, networks: [10.50.0.0/24]}
conduits:
  - {id: look, from: ci, to: c, allow: [{modbus: {do: read}}]}
  - {id: work, from: ci, to: c, allow: [{modbus: {do: write}}], when: {grant: {longest: 4h, approvers: [tanaka]}}}
"""
CONFIG = """\
policy: policy.yaml
state: state.db
spool: spool
user: nobody
sources:
  - %s
outputs:
  - {file: eve.json, events: alert}
  - {file: all.json, events: [alert, flow, op, anomaly, stats], rotate: {size: 64KiB, keep: 3}}
  - {unix: eve.sock}
  - {syslog: "udp://127.0.0.1:%d"}
  - {syslog: "tcp://127.0.0.1:%d", format: cef}
  - {syslog: "tls://127.0.0.1:%d", ca: ca.pem, format: eve}
  - {journal: yes}
metrics: {file: metrics.prom, http: "127.0.0.1:9463"}
control: {socket: control.sock}
stats-every: 1s
"""


def test(f):
    TESTS.append(f)
    return f


def total(data):
    data += b"\0" * (len(data) % 2)
    n = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff


def segment(back, client, seq, ack, flags, data=b""):
    """A segment between a client and the device, either way."""
    ends = [(socket.inet_aton(f"10.40.0.{client}"), 40000), (socket.inet_aton("10.50.0.11"), 502)]
    (src, sport), (dst, dport) = ends[::-1] if back else ends
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 8192, 0, 0) + data
    tcp = tcp[:16] + struct.pack("!H", total(src + dst + struct.pack("!HH", 6, len(tcp)) + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), seq & 0xffff, 0x4000, 64, 6, 0, src, dst)
    ip = ip[:10] + struct.pack("!H", total(ip)) + ip[12:]
    return ether(*((A, B) if back else (B, A)), 0x800, ip + tcp)


def connection(client, *requests):
    """Frames of a connection that asks for all of that, and ends."""
    yield segment(False, client, 99, 0, 0x02)
    yield segment(True, client, 499, 100, 0x12)
    seq = 100
    for r in requests:
        yield segment(False, client, seq, 500, 0x18, r)
        seq += len(r)
    yield segment(False, client, seq, 500, 0x14)


def write(register):
    return struct.pack("!HHHBBHH", 1, 0, 6, 1, 6, register, 1)


READ = struct.pack("!HHHBBHH", 1, 0, 6, 1, 3, 0, 1)


class Box:
    def __init__(self, lab, source, ifaces=("mon0",)):
        self.lab, self.plant, self.box = lab, lab.namespace("plant"), lab.namespace("box")
        for n, name in enumerate(ifaces):
            lab.cable(self.plant, f"p{n}", self.box, name)
        self.wires = [lab.wire(self.plant, f"p{n}") for n in range(len(ifaces))]
        self.d = tempfile.mkdtemp(prefix="kidoban-service-")
        os.chmod(self.d, 0o777)
        outputs.certificates(self.d)
        os.chmod(self.path("ca.pem"), 0o644)
        tls = outputs.server_context(self.d, "server", False)
        self.servers = self.box.call(lambda: [outputs.Receiver("udp"), outputs.Receiver("tcp"),
                                              outputs.Receiver("tls", context=tls)])
        self.lines = self.listen("eve.sock")
        self.notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notes.bind(self.path("notify"))
        os.chmod(self.path("notify"), 0o777)
        self.notes.setblocking(False)
        self.told = []
        self.write("policy.yaml", POLICY)
        self.write("kidoban.yaml", CONFIG % (source, *(s.port for s in self.servers)))

    def path(self, name):
        return os.path.join(self.d, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def read(self, name):
        try:
            with open(self.path(name), encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def listen(self, name):
        s, lines = socket.socket(socket.AF_UNIX), []
        s.bind(self.path(name))
        os.chmod(self.path(name), 0o777)
        s.listen()

        def take():
            with s.accept()[0].makefile(encoding="utf-8") as f:
                for line in f:
                    lines.append(line)
        threading.Thread(target=take, daemon=True).start()
        return lines

    def notified(self):
        while True:
            try:
                self.told += self.notes.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.told

    def hears(self, word, after=0):
        until(lambda: word in self.notified()[after:], lambda: f"{word}; it was told {self.told[-5:]}; {self.k.err}")

    def start(self):
        self.k = self.lab.start(self.box, [KIDOBAN, "run", "-c", self.path("kidoban.yaml")],
                                {"NOTIFY_SOCKET": self.path("notify"), "WATCHDOG_USEC": "30000000"})
        until(lambda: "READY=1" in self.notified() or not self.k.alive(), "READY=1")
        assert self.k.alive(), self.k.err
        for task in self.tasks():
            with open(f"/proc/{self.k.p.pid}/task/{task}/status", encoding="ascii") as f:
                status = dict(line.split(":", 1) for line in f.read().splitlines() if ":" in line)
            assert status["Seccomp"].strip() == "2" and status["Uid"].split() == ["65534"] * 4, status
            assert status["NoNewPrivs"].strip() == "1"
        return self

    def tasks(self):
        return [int(t) for t in os.listdir(f"/proc/{self.k.p.pid}/task")]

    def send(self, *connections):
        """The device's frames come from the last wire; in the order they have in a real connection."""
        for frames in connections:
            for f in frames:
                device = f[6:12] == laboratory.mac(B)
                if device and len(self.wires) > 1:
                    time.sleep(0.02)
                self.wires[-1 if device else 0].send(f)
                if device and len(self.wires) > 1:
                    time.sleep(0.02)

    def violate(self, registers):
        self.send(*(connection(1 + r % 200, write(r)) for r in registers))

    def registers(self, text):
        found = set()
        for line in text.splitlines(keepends=True):
            if not line.endswith("\n"):  # on its way
                continue
            r = json.loads(line)
            if r["event_type"] == "alert" and "op" in r["kidoban"]:
                found.add(r["kidoban"]["op"]["first"])
        return found

    def alerted(self, registers, name="eve.json"):
        until(lambda: set(registers) <= self.registers(self.read(name)),
              lambda: f"{name} tells of {registers}: {self.registers(self.read(name))} {self.k.err}")

    def asks_until_told(self, registers):
        """Workers take orders between two packets: what came before is judged by the old ones, a grant too."""
        def told():
            self.violate(registers)
            time.sleep(0.2)
            return set(registers) <= self.registers(self.read("eve.json"))
        until(told, lambda: f"eve.json tells of {registers}: {self.registers(self.read('eve.json'))}")

    def command(self, *args):
        return self.box.run(KIDOBAN, *args, "-c", self.path("kidoban.yaml"), check=False)

    def end(self):
        code = self.k.stop()
        assert code == 0, f"it ended with {code}: {self.k.err}"
        for s in self.servers:
            s.stop()
        shutil.rmtree(self.d)


def everything(b, rounds=(range(0, 12), range(20, 32), range(40, 44))):
    """All that a service does, under the filter; a call that is not in it ends the process."""
    first, second, last = rounds
    b.violate(first)
    b.alerted(first)
    b.alerted(first, "all.json")
    until(lambda: set(first) <= b.registers("".join(b.lines)), "the Unix socket")
    for s in b.servers:
        until(lambda s=s: len(s.got) >= len(first), lambda s=s: f"{s.kind}: {len(s.got)} {s.errors}")
    # who asks
    http = b.box.call(lambda: urllib.request.urlopen("http://127.0.0.1:9463/metrics", timeout=60).read().decode())
    assert "kidoban_" in http
    until(lambda: "kidoban_" in b.read("metrics.prom"), "the metrics file")
    assert b.command("status").returncode in (0, 1)
    r = b.command("grant", "work", "--for", "1h", "--approver", "tanaka", "--reason", "test")
    assert r.returncode == 0, (r.stdout, r.stderr)
    r = b.command("revoke", "1", "--reason", "test")
    assert r.returncode == 0, (r.stdout, r.stderr)
    # the log is moved away, and there is another policy
    os.rename(b.path("eve.json"), b.path("eve.old"))
    b.write("policy.yaml", POLICY.replace("mode: detect", "mode: detect\ntimezone: Asia/Tokyo"))
    at = len(b.notified())
    b.k.signal(signal.SIGHUP)
    b.hears("RELOADING=1", at)
    b.hears("READY=1", at)
    b.k.says("kidoban run: reloaded")
    until(lambda: os.path.exists(b.path("eve.json")), "a new file")
    b.asks_until_told(second)
    # one with a mistake changes nothing
    b.write("policy.yaml", POLICY + "  - {id: nonsense}\n")
    b.k.signal(signal.SIGHUP)
    b.k.says("not reloaded")
    b.write("policy.yaml", POLICY)
    # files are rotated by size
    def rotated():
        b.send(connection(250, *[READ] * 50))
        return glob.glob(b.path("all.json.*"))
    until(rotated, "a second file")
    at = len(b.notified())
    b.hears("WATCHDOG=1", at)
    # told to end: what has come is in the files
    b.k.signal(signal.SIGHUP)
    until(lambda: sum("kidoban run: reloaded" in x for x in b.k.err) == 2, "the policy is good again")
    b.asks_until_told(list(last)[:1])
    b.violate(last)
    b.k.signal(signal.SIGTERM)
    assert b.k.wait() == 0, (b.k.wait(), b.k.err)
    assert set(last) <= b.registers(b.read("eve.json")), b.read("eve.json")
    assert "STOPPING=1" in b.notified()
    b.end()


@test
def mirror():
    """a mirror with two workers"""
    with Lab() as lab:
        everything(Box(lab, "{mirror: mon0, workers: 2, immediate: yes}").start())


@test
def baseline():
    """a baseline is learned by two workers, stored, frozen, compared with, and exchanged by a reload"""
    with Lab() as lab:
        b = Box(lab, "{mirror: mon0, workers: 2, immediate: yes}")
        config = b.read("kidoban.yaml")

        def normal():
            for client in range(1, 9):
                b.send(connection(client, READ, READ))

        def status():
            return json.loads(b.command("status", "--json").stdout or '{"baseline": {}}')["baseline"]

        b.write("kidoban.yaml", config + "baseline: {file: plant.baseline, learn: yes}\n")
        b.start()
        normal()
        until(lambda: status()["ops"] >= 16, lambda: f"all is learned: {status()}")
        assert status()["state"] == "learning" and "baseline" in b.command("status").stdout
        b.k.signal(signal.SIGHUP)
        until(lambda: "10.40.0.8" in b.read("plant.baseline"), "it is stored at a reload")
        b.violate([9])  # forbidden: never normal
        b.alerted([9])
        normal()
        assert b.k.stop() == 0, b.k.err
        learned = b.read("plant.baseline")
        assert learned.count("10.40.0.1 ") + learned.count("10.40.0.1,") and "write" not in learned, learned
        b.k = lab.start(b.box, [KIDOBAN, "run", "-c", b.path("kidoban.yaml")])
        until(lambda: status().get("channels", 0) >= 8, "what was learned before is gone on with")
        assert b.k.stop() == 0, b.k.err
        frozen = b.box.run(KIDOBAN, "baseline", "freeze", "--by", "tanaka", "--reason", "a test",
                           b.path("plant.baseline"), check=False)
        assert frozen.returncode == 0, frozen.stderr
        b.write("kidoban.yaml", config + "baseline: {file: plant.baseline, budget: 7}\n")
        b.notified()
        b.told = []
        b.start()
        normal()
        b.send(connection(77, READ))
        until(lambda: "baseline.new-host" in b.read("eve.json"), lambda: f"a new host: {b.read('eve.json')}")
        told = [json.loads(line) for line in b.read("eve.json").splitlines() if "baseline." in line]
        assert {r["src_ip"] for r in told} == {"10.40.0.77"}, told
        assert told[0]["kidoban"]["baseline"]["detector"] == "set"
        assert status()["events_today"] >= 1 and status()["budget"] == 7, status()
        good = b.read("plant.baseline")
        b.write("plant.baseline", good.replace("state: frozen", "state: cold"))
        assert b.command("reload").returncode != 0
        assert re.search(r"plant\.baseline:\d+:\d+", "".join(b.k.err) + b.command("reload").stderr), b.k.err
        assert status()["channels"] == 8, status()
        b.write("plant.baseline", good)
        assert b.command("reload").returncode == 0
        normal()
        b.end()


@test
def queue():
    """a queue, as far as it goes without packets"""
    with Lab() as lab:
        b = Box(lab, "{queue: 0, workers: 2}").start()
        at = len(b.notified())
        b.k.signal(signal.SIGHUP)
        b.hears("READY=1", at)
        at = len(b.notified())
        b.hears("WATCHDOG=1", at)
        assert b.command("status").returncode in (0, 1)
        b.end()


@test
def watchdog():
    """no watchdog is told while a worker stands still, and it is again when it goes on"""
    libc = ctypes.CDLL(None, use_errno=True)
    with Lab() as lab:
        b = Box(lab, "{mirror: mon0, immediate: yes}").start()
        b.hears("WATCHDOG=1")
        held = [t for t in b.tasks() if t != b.k.p.pid]
        for t in held:
            assert libc.ptrace(PTRACE_ATTACH, t, None, None) == 0, os.strerror(ctypes.get_errno())
            os.waitpid(t, WALL)
        threading.Event().wait(1.5)  # one may be on its way
        at = len(b.notified())
        threading.Event().wait(4)
        silent = "WATCHDOG=1" not in b.notified()[at:]
        for t in held:
            libc.ptrace(PTRACE_DETACH, t, None, None)
        assert silent, b.told[at:]
        at = len(b.notified())
        b.hears("WATCHDOG=1", at)
        b.end()


if __name__ == "__main__":
    sys.exit(laboratory.main(TESTS, laboratory.missing("openssl")))
