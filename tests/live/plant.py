"""A client, a device, and kidoban between them as it is really run: for the tests of abuse.

        client ── ca ══ va ─┐  box  ┌─ vb ══ cb ── device        10.240.0.5 and 10.242.0.11 (fail: open),
                            └kidoban┘                            10.243.0.11 (fail: closed)

BridgePlant joins va and vb; QueuePlant routes between them, with the ruleset that kidoban exports. What the
ends say is in talk.py.
"""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from lab import Lab, until

HERE = os.path.dirname(os.path.abspath(__file__))
TALK = os.path.join(HERE, "talk.py")
CLIENT, OPEN, CLOSED = "10.240.0.5", "10.242.0.11", "10.243.0.11"
POLICY = """\
timezone: Asia/Tokyo
mode: enforce
default: deny
zones:
  office: {level: control-information, networks: [10.240.0.0/24]}
  line:   {level: control, networks: [10.242.0.0/24]}
  cell:   {level: control, networks: [10.243.0.0/24]}
conduits:
  - id: open
    from: office
    to: line
    allow: [{modbus: {do: read}}, {modbus: {do: write, holding: 0-99}}, {udp: 5000}, {icmp: echo}]
    on-violation: degrade
    fail: open
  - id: closed
    from: office
    to: cell
    allow: [{modbus: {do: read}}, {modbus: {do: write, holding: 0-99}}, {udp: 5000}, {icmp: echo}]
    on-violation: degrade
    fail: closed
"""
CONFIG = """\
policy: policy.yaml
state: state.db
%(spool)ssources:
%(sources)s
outputs:
%(outputs)s
%(more)scontrol:
  socket: control.sock
metrics:
  file: metrics.prom
"""


def fold(data):
    """The Internet checksum of an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


def datagram(src, dst, sport, dport, payload):
    """An IPv4 packet with a UDP datagram."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0, socket.inet_aton(src),
                       socket.inet_aton(dst))
    return (head[:10] + fold(head) + head[12:] + struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


class Plant(Lab):
    """kidoban: path of the program. It is not started by this."""

    def __init__(self, kidoban, policy=POLICY, sources=None, outputs="  - file: eve.json", spool=None, more=""):
        super().__init__()
        self.kidoban = os.path.abspath(kidoban)
        self.d = tempfile.mkdtemp(prefix="kidoban-abuse-")
        os.chmod(self.d, 0o755)
        self.write("policy.yaml", policy)
        self.write("kidoban.yaml", CONFIG % {"sources": sources or self.SOURCES, "outputs": outputs, "more": more,
                                             "spool": f"spool: {spool}\n" if spool else ""})
        self.config = self.path("kidoban.yaml")
        self.program, self.mounts = None, []
        self.a, self.box, self.b = (self.namespace(n) for n in ("client", "box", "device"))
        self.cable(self.a, "ca", self.box, "va")
        self.cable(self.b, "cb", self.box, "vb")
        for ns, end, own in ((self.a, "ca", [CLIENT]), (self.b, "cb", [OPEN, CLOSED])):
            ns.run("ip", "link", "set", end, "arp", "on")
            for address in own:
                ns.run("ip", "address", "add", address + "/24", "dev", end)
        self.join()

    def path(self, name):
        return os.path.join(self.d, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def tmpfs(self, name, size):
        os.mkdir(self.path(name))
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.path(name)], check=True)
        self.mounts.append(self.path(name))

    def close(self):
        if self.program and self.program.alive():
            self.program.signal(signal.SIGCONT)
        super().close()
        for path in self.mounts:
            subprocess.run(["umount", "-l", path], check=False)
        shutil.rmtree(self.d, ignore_errors=True)

    # --- the service ---

    def run(self, config=None, env=None):
        """kidoban run, without waiting for it."""
        return self.start(self.box, [self.kidoban, "run", "-c", config or self.config], env)

    def begin(self):
        """Started; returns the seconds until it answered."""
        began = time.monotonic()
        self.program = self.run()
        until(self.answers, lambda: f"the service answers; it said {self.program.err[-5:]}")
        return time.monotonic() - began

    def answers(self):
        assert self.program.alive(), self.program.err
        return self.command("status", "--json", code=(0, 1, 3)).returncode != 3

    def command(self, name, *args, code=0, patience=60):
        r = subprocess.run([self.kidoban, name, "-c", self.config, *args], capture_output=True, text=True,
                           timeout=patience, stdin=subprocess.DEVNULL, check=False)
        codes = code if isinstance(code, tuple) else (code,)
        assert r.returncode in codes, f"{name} {args}: exit {r.returncode}: {r.stdout} {r.stderr}"
        return r

    def status(self):
        return json.loads(self.command("status", "--json", code=(0, 1)).stdout)

    def alive_and_well(self):
        """But for what a machine that stood still for a moment lets pass."""
        return self.program.alive() and all(x["finding"] == "sensor.passed-unseen" for x in self.status()["problems"])

    def kill(self):
        self.program.signal(signal.SIGKILL)
        self.program.wait()

    def end(self):
        """Stopped in good order; a sanitizer's word is a failure."""
        code = self.program.stop()
        said = [line for line in self.program.err if "Sanitizer" in line or "runtime error" in line]
        assert code == 0 and not said, (code, self.program.err[-30:])

    def alerts(self, name="eve.json"):
        with open(self.path(name), encoding="utf-8") as f:
            return [e for e in map(json.loads, f) if e["event_type"] == "alert"]

    def memory(self):
        """Resident KiB, descriptors, threads of the service."""
        with open(f"/proc/{self.program.p.pid}/status", encoding="ascii") as f:
            fields = dict(line.split(":", 1) for line in f)
        return (int(fields["VmRSS"].split()[0]), len(os.listdir(f"/proc/{self.program.p.pid}/fd")),
                int(fields["Threads"]))

    # --- the ends ---

    def talk(self, ns, what, address, port, *options, word=None):
        p = self.start(ns, [sys.executable, TALK, what, address, str(port), *options])
        if word:
            p.says(word)
        return p

    def device(self, port=502):
        return self.talk(self.b, "serve", "0.0.0.0", port, word="listening")

    def ask(self, address=OPEN, port=502, rate=200, forbidden=0, patience=60):
        return self.talk(self.a, "ask", address, port, "-r", str(rate), "-f", str(forbidden), "-p", str(patience),
                         word="connected")

    @staticmethod
    def since(p):
        """What a client measured since the last time."""
        before = len(p.out)
        p.signal(signal.SIGUSR1)
        return json.loads(until(lambda: p.out[before:], lambda: f"the client answers: {p.out[-1:]} {p.err}", 20)[0])

    @staticmethod
    def result(p):
        """The end of a client or a device, and what it found."""
        p.stop()
        assert p.out and p.out[-1].startswith("{"), (p.out[-3:], p.err[-5:])
        return json.loads(p.out[-1])

    def numbers(self, address=OPEN, rate=1000):
        """Numbered datagrams: (sender, receiver), for counted()."""
        receiver = self.talk(self.b, "count", address, 5000, word="listening")
        return self.talk(self.a, "number", address, 5000, "-r", str(rate)), receiver

    def counted(self, pair):
        sent = self.result(pair[0])["sent"]
        time.sleep(0.5)
        r = self.result(pair[1])
        r["lost"] = sent - r["received"]
        return {"sent": sent, **r}


class BridgePlant(Plant):
    SOURCES = "  - {bridge: [va, vb], quiet: never}"
    NAME = "bridge"

    def join(self):
        self.a.run("ip", "route", "add", "10.242.0.0/15", "dev", "ca", "src", CLIENT)
        self.b.run("ip", "route", "add", "10.240.0.0/24", "dev", "cb")

    def neighbours(self):
        """Known for good: captures that are replayed here bring ARP of their own."""
        def mac(ns, end):
            return ns.run("ip", "-br", "link", "show", end).stdout.split()[2]
        for address in (OPEN, CLOSED):
            self.a.run("ip", "neighbour", "replace", address, "lladdr", mac(self.b, "cb"), "dev", "ca")
        self.b.run("ip", "neighbour", "replace", CLIENT, "lladdr", mac(self.a, "ca"), "dev", "cb")


class QueuePlant(Plant):
    SOURCES = "  - {queue: 0, quiet: never}"
    NAME = "queue"

    def join(self):
        self.box.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        for own, addresses in (("va", ["10.240.0.1"]), ("vb", ["10.242.0.1", "10.243.0.1"])):
            self.box.run("ip", "link", "set", own, "arp", "on")
            for address in addresses:
                self.box.run("ip", "address", "add", address + "/24", "dev", own)
        self.a.run("ip", "route", "add", "default", "via", "10.240.0.1")
        self.b.run("ip", "route", "add", "default", "via", "10.242.0.1")
        self.export()

    def export(self):
        for tool, *argv in (["nft", "nftables", "--inspect", "mark", self.path("policy.yaml")], ["sh", "iptables"]):
            rules = subprocess.run([self.kidoban, "export", *argv], capture_output=True, text=True, check=True).stdout
            self.box.run(tool, *(["-f", "-"] if tool == "nft" else []), feed=rules)
