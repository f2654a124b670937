#!/usr/bin/env python3
"""Sessions that go on while the kernel stands in for kidoban, in mode enforce: standin.py build/src/kidoban [WORD]

    office ── c0 ══ b0 ─┐ box ┌─ b1 ══ s0 ── plant
                        └ run ┘

kidoban is killed, stopped or has more to do than it can. What a conduit with `fail: open` joins goes on
without it, what `fail: closed` joins waits; afterwards kidoban is in charge again, over the same
connections.
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
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import Lab, main, missing, until

KIDOBAN = os.path.abspath(sys.argv[1])
OPEN, CLOSED, NOISY, PLC = "10.40.0.5", "10.40.0.6", "10.40.0.7", "10.50.0.11"
READ, FORBIDDEN = bytes.fromhex("0300640001"), bytes.fromhex("0600320309")
POLICY = """\
mode: enforce
default: deny
zones:
  office: {level: control-information, networks: [10.40.0.0/24]}
  plant: {level: control, networks: [10.50.0.0/24]}
assets:
  open: {zone: office, address: 10.40.0.5}
  closed: {zone: office, address: 10.40.0.6}
  noisy: {zone: office, address: 10.40.0.7}
conduits:
  - {id: open, from: open, to: plant, allow: [modbus: {do: read}], on-violation: degrade, fail: open}
  - {id: closed, from: closed, to: plant, allow: [modbus: {do: read}], on-violation: degrade, fail: closed}
  - {id: noise, from: noisy, to: plant, allow: [udp: 9], on-violation: alert, fail: open}
"""
CONFIG = """\
policy: policy.yaml
state: state.db
sources:
  - {bridge: [b0, b1], buffer: 1 MiB}
outputs:
  - {file: eve.json, events: [alert]}
control: {socket: control.sock}
"""


def adu(tid, pdu):
    return struct.pack(">HHHB", tid & 0xFFFF, 0, len(pdu) + 1, 1) + pdu


def take(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionResetError("it ended")
        data += more
    return data


def answer(s):
    tid, _, length, _ = struct.unpack(">HHHB", take(s, 7))
    return tid, take(s, length - 1)


class Device:
    """A Modbus device that reads and writes its one register."""

    def __init__(self, ns):
        self.written = []
        self.sockets = [ns.call(lambda: socket.create_server((PLC, 502)))]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.sockets[0].accept()
            except OSError:
                return
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets.append(c)
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        try:
            while True:
                tid, pdu = answer(c)
                if pdu[0] == 6:
                    self.written.append(pdu.hex())
                c.sendall(adu(tid, b"\x03\x02\0\x07" if pdu[0] == 3 else pdu if pdu[0] == 6
                              else bytes([pdu[0] | 0x80, 1])))
        except OSError:
            pass

    def close(self):
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


class Session:
    """Requests over one connection, up to `ahead` on their way, until it is paused or closed; split: in two segments
    each."""

    def __init__(self, ns, source, ahead, split=False):
        self.s = ns.call(lambda: socket.create_connection((PLC, 502), 60, (source, 0)))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.settimeout(120)
        self.sent = self.answered = 0
        self.split, self.room = split, threading.Semaphore(ahead)
        self.running, self.all_sent, self.broken = True, False, None
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self.send, self.hear)]
        for t in self.threads:
            t.start()

    def send(self):
        try:
            while self.running:
                if self.room.acquire(timeout=0.1):
                    whole = adu(self.sent, READ)
                    cut = self.sent % len(whole) if self.split else 0
                    if cut:
                        self.s.sendall(whole[:cut])
                        time.sleep(0.002)
                    self.s.sendall(whole[cut:])
                    self.sent += 1
                    time.sleep(0.002)
        except OSError as e:
            self.broken = e

    def hear(self):
        try:
            while not self.all_sent or self.answered < self.sent:
                if self.answered == self.sent:
                    time.sleep(0.001)
                    continue
                tid, pdu = answer(self.s)
                assert (tid, pdu) == (self.answered & 0xFFFF, b"\x03\x02\0\x07"), (tid, self.answered, pdu)
                self.answered += 1
                self.room.release()
        except (OSError, AssertionError) as e:
            self.broken = e

    def goes_on(self, n=100):
        """So many more answers come."""
        goal = self.answered + n

        def more():
            assert not self.broken, repr(self.broken)
            return self.answered >= goal
        until(more, lambda: f"{self.answered} of {goal} answers; {self.sent} sent")

    def pause(self):
        """All that was asked was answered."""
        self.running = False
        self.threads[0].join(130)
        self.all_sent = True
        self.threads[1].join(130)
        assert not self.broken and self.answered == self.sent, (self.broken, self.answered, self.sent)

    def ask(self, pdu):
        self.s.sendall(adu(7, pdu))
        return answer(self.s)[1].hex()


class Box:
    def __init__(self):
        self.lab, self.floods = Lab(), []
        self.d = tempfile.mkdtemp(prefix="kidoban-standin-")
        lab = self.lab
        self.office, self.box, self.plant = (lab.namespace(n) for n in ("office", "box", "plant"))
        lab.cable(self.office, "c0", self.box, "b0")
        lab.cable(self.box, "b1", self.plant, "s0")
        for ns, name, addresses in ((self.office, "c0", (OPEN, CLOSED, NOISY)), (self.plant, "s0", (PLC,))):
            ns.run("ip", "link", "set", name, "arp", "on")
            for a in addresses:
                ns.run("ip", "addr", "add", f"{a}/8", "dev", name)
        for name, text in (("policy.yaml", POLICY), ("kidoban.yaml", CONFIG)):
            with open(os.path.join(self.d, name), "w", encoding="ascii") as f:
                f.write(text)
        self.device = Device(self.plant)
        self.start()
        # one at a time; many on their way; and so that what is missed ends amid a request
        self.open = [Session(self.office, OPEN, 1), Session(self.office, OPEN, 30), Session(self.office, OPEN, 30, True)]
        self.closed = Session(self.office, CLOSED, 1)
        self.go_on()

    def start(self):
        self.program = self.lab.start(self.box, [KIDOBAN, "run", "-c", os.path.join(self.d, "kidoban.yaml")])
        until(self.status, lambda: f"the service answers: {self.program.err[-5:]}")

    def status(self):
        assert self.program.alive(), self.program.err
        r = subprocess.run([KIDOBAN, "status", "--json", "-c", os.path.join(self.d, "kidoban.yaml")], capture_output=True,
                           text=True, timeout=60, check=False)
        return json.loads(r.stdout) if r.returncode in (0, 1) else None

    def count(self, what):
        answered = self.status()
        return sum(i[what] for s in answered["sources"] for i in s["interfaces"]) if answered else 0

    def go_on(self, n=100):
        for s in self.open:
            s.goes_on(n)
        self.closed.goes_on(n)

    def only_open(self, stand_in):
        """stand_in() holds: what fails open goes on, what fails closed gets no answer meanwhile."""
        before = self.closed.answered
        for s in self.open:
            s.goes_on(300)
        if stand_in():
            assert self.closed.answered <= before + 1, (before, self.closed.answered)
            return True
        return False

    def in_charge(self):
        """Everything goes on, and what is forbidden is degraded, over connections of before and new ones."""
        self.go_on()
        for s in self.open + [self.closed]:
            s.pause()
            got = s.ask(FORBIDDEN)
            assert got == "8601", got
            assert s.ask(READ) == "03020007"
        assert not self.device.written, self.device.written

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            for s in self.open + [self.closed]:
                s.running, s.all_sent = False, True
            self.calm()
            if kind is None:
                assert self.program.stop() == 0, self.program.err
            noise = [x for x in self.program.err if "Sanitizer" in x or "runtime error:" in x]
            assert kind or not noise, noise
        finally:
            if kind and os.path.exists(self.d + "/eve.json"):
                with open(self.d + "/eve.json", encoding="utf-8") as f:
                    for line in list(f)[-10:]:
                        e = json.loads(line)
                        print("#", e.get("src_ip"), e.get("dest_ip"), e["kidoban"].get("finding"),
                              e["kidoban"].get("verdict"), e["kidoban"].get("observed"), file=sys.stderr)
            self.device.close()
            for s in self.open + [self.closed]:
                s.s.close()
            self.lab.close()
            shutil.rmtree(self.d, ignore_errors=True)

    def flood(self, processes=4):
        """More small datagrams than kidoban has time for: it runs when nobody else wants to, only."""
        for task in os.listdir(f"/proc/{self.program.p.pid}/task"):
            os.sched_setscheduler(int(task), os.SCHED_IDLE, os.sched_param(0))
        for i in range(processes):
            self.floods.append(self.lab.start(self.office, [sys.executable, "-c", FLOOD, str(i)]))

    def calm(self):
        for p in self.floods:
            if p.alive():
                p.signal(signal.SIGKILL)
            p.wait()
        self.floods = []
        if self.program.alive():
            for task in os.listdir(f"/proc/{self.program.p.pid}/task"):
                os.sched_setscheduler(int(task), os.SCHED_OTHER, os.sched_param(0))


FLOOD = f"""
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{NOISY}", 0))
s.connect(("{PLC}", 9))
while True:
    try:
        s.send(bytes(18))
    except OSError:
        pass
"""


def killed():
    """kill -9 and a start: open conduits go on, closed ones wait, then kidoban is in charge again"""
    with Box() as box:
        for _ in range(3):
            box.program.signal(signal.SIGKILL)
            box.program.wait()
            assert box.only_open(lambda: True)
            box.start()
            box.go_on()
        box.in_charge()


def stopped():
    """SIGSTOP and SIGCONT: the same"""
    with Box() as box:
        for _ in range(3):
            box.program.signal(signal.SIGSTOP)
            time.sleep(1)  # until the kernel stands in
            assert box.only_open(lambda: True)
            box.program.signal(signal.SIGCONT)
            box.go_on()
        box.in_charge()


def overloaded():
    """More than kidoban can look at: the kernel stands in, what it passes is counted, then kidoban is in charge again"""
    with Box() as box:
        for n in range(1, 3):
            box.flood()
            until(lambda goal=n: box.count("overloads") >= goal, "it is left to the kernel", 120)
            for s in box.open:
                s.goes_on()
            box.calm()
            box.go_on()
        assert box.count("passed_unseen") > 0
        box.in_charge()
        with open(box.d + "/eve.json", encoding="utf-8") as f:
            told = {json.loads(line)["kidoban"]["finding"] for line in f}
        assert {"sensor.overloaded", "sensor.passed-unseen"} <= told, told
        return f"left to the kernel {box.count('overloads')} times, {box.count('passed_unseen')} packets passed unseen"


TESTS = [killed, stopped, overloaded]

if __name__ == "__main__":
    only = sys.argv[2:]
    sys.exit(main([t for t in TESTS if not only or t.__name__ in only], missing("nft")))
