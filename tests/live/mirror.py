#!/usr/bin/env python3
"""A mirror port: what comes out of the source is what was on the wire, and nothing goes out. Prints TAP.

tests/live/mirror.py --probe build/tests/live/source_probe
"""

import argparse
import glob
import json
import os
import signal
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as laboratory
from lab import Lab, ether, until

CAPTURES = sorted(glob.glob(os.path.join(laboratory.ROOT, "pcaps", "*.pcap")))
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
TESTS = []
PROBE = []


def test(f):
    TESTS.append(f)
    return f


class Mirror:
    """A switch that sends into the mirror ports of a box, where the probe listens."""

    def __init__(self, lab, *options, ports=1, frames=True, silent=True):
        self.lab = lab
        self.switch, self.box = lab.namespace("switch"), lab.namespace("box")
        self.ports = [f"mon{n}" for n in range(ports)]
        for n, port in enumerate(self.ports):
            lab.cable(self.switch, f"sw{n}", self.box, port, silent=silent)
        self.wires = [lab.wire(self.switch, f"sw{n}") for n in range(ports)]
        self.sent = 0
        if options is not None:
            self.listen(*options, frames=frames)

    def listen(self, *options, frames=True):
        argv = PROBE + (["--frames"] if frames else []) + list(options) + self.ports
        self.probe = self.lab.start(self.box, argv)
        self.probe.says("ready")

    def counts(self):
        """The counts of all workers and interfaces, as of now."""
        before = sum(1 for line in list(self.probe.out) if line.startswith('{"counts"'))
        self.probe.signal(signal.SIGUSR1)
        lines = until(lambda: self.count_lines()[before:], "the counts")
        return json.loads(lines[0])["counts"]

    def count_lines(self):
        return [line for line in list(self.probe.out) if line.startswith('{"counts"')]

    def total(self, key="packets"):
        return sum(c[key] for c in self.counts())

    def up(self):
        return all(c["up"] for c in self.counts())

    def arrived(self, number):
        """Waits until so many have come in all."""
        until(lambda: self.total() >= number, lambda: f"{number} packets; there are {self.counts()}")
        assert self.total() == number, f"{number} packets expected: {self.counts()}"

    def replay(self, capture, port=0):
        n = self.lab.replay(self.switch, f"sw{port}", capture)
        self.sent += n
        return n

    def send(self, *frames, port=0):
        for f in frames:
            self.wires[port].send(f)
        self.sent += len(frames)

    def frames(self):
        """All that came, in the order in which it was printed."""
        self.arrived(self.sent)
        assert self.probe.stop() == 0, self.probe.err
        return [json.loads(line) for line in self.probe.out if line.startswith('{"worker"')]


def ip4(a, b):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, socket.inet_aton(a), socket.inet_aton(b))
    return head + struct.pack("!HHIIBBHHH", 1, 502, 0, 0, 0x50, 0x10, 0, 0, 0) + bytes(6)


def ip6(a, b):
    head = struct.pack("!IHBB", 6 << 28, 20, 6, 64)
    return head + socket.inet_pton(socket.AF_INET6, a) + socket.inet_pton(socket.AF_INET6, b) + \
        struct.pack("!HHIIBBHHH", 1, 502, 0, 0, 0x50, 0x10, 0, 0, 0)


def arp(op, a, b):
    return struct.pack("!HHBBH", 1, 0x800, 6, 4, op) + bytes(6) + socket.inet_aton(a) + bytes(6) + \
        socket.inet_aton(b) + bytes(18)


def captured(path):
    """The frames of a pcap file of Ethernet."""
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    frames, at = [], 24
    while at < len(data):
        length = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


@test
def every_frame():
    """every frame of every capture arrives as it was, in order"""
    with Lab() as lab:
        m = Mirror(lab)
        want = []
        for capture in CAPTURES:
            m.replay(capture)
            want += captured(capture)
        got = m.frames()
        assert len(got) == len(want), f"{len(got)} of {len(want)}"
        for n, (g, w) in enumerate(zip(got, want)):
            assert g["data"] == w.hex(), f"frame {n + 1} came as {g['data']}, was {w.hex()}"
        assert [g["frame"] for g in got] == list(range(1, len(want) + 1))
        assert all(g["link"] == 1 and g["wirelen"] == len(w) for g, w in zip(got, want))
        times = [g["time"] for g in got]
        assert times == sorted(times) and any(t % 1000 for t in times), "nanoseconds"
        return f"{len(want)} frames of {len(CAPTURES)} captures"


@test
def vlan_tags():
    """VLAN tags are kept, one, two and three of them, whatever their kind, and jumbo frames whole"""
    body = ip4("10.0.0.1", "10.0.0.2")
    frames = [ether(A, B, 0x800, body, *tags) for tags in (
        [], [(0x8100, 5)], [(0x8100, 0x6005)], [(0x8100, 0xE000)], [(0x88A8, 7)], [(0x88A8, 7), (0x8100, 9)],
        [(0x8100, 7), (0x8100, 9)], [(0x88A8, 1), (0x88A8, 2), (0x8100, 3)])]
    frames.append(ether(A, B, 0x8892, b"\x80\x01" + bytes(44), (0x8100, 0xC000)))  # PROFINET, priority only
    for options in ((), ("--immediate",), ("--workers", "2")):
        with Lab() as lab:
            m = Mirror(lab, *options)
            m.send(*frames)
            got = [g["data"] for g in m.frames()]
            assert sorted(got) == sorted(f.hex() for f in frames), f"{options}: {got}"
    with Lab() as lab:
        m = Mirror(lab)
        lab.link(m.box, "mon0", "mtu", "9000")
        lab.link(m.switch, "sw0", "mtu", "9000")
        jumbo = ether(A, B, 0x88B5, bytes(range(250)) * 35)
        m.send(jumbo)
        assert m.frames()[0]["data"] == jumbo.hex()


def pairs():
    hosts = [f"10.0.{n % 3}.{n * 7 % 250}" for n in range(1, 13)]
    for i, a in enumerate(hosts):
        for b in hosts[i + 1:]:
            yield a, b


@test
def workers_share():
    """two and three workers share by pairs of hosts, in both directions and through tags, and lose nothing"""
    for workers in (2, 3):
        with Lab() as lab:
            m = Mirror(lab, "--workers", str(workers), ports=2)
            kinds = ((), ((0x8100, 5),), ((0x88A8, 7), (0x8100, 9)), ((0x8100, 7), (0x8100, 9)))
            key, n = {}, 0

            def out(frame, pair, port=0):
                key[frame.hex()] = pair
                m.send(frame, port=port)

            for a, b in pairs():
                a6, b6 = "fd00::" + a.replace(".", ":"), "fd00:1::" + b.replace(".", ":")
                for tags in kinds:
                    n += 1
                    for x, y, x6, y6, port in ((a, b, a6, b6, 0), (b, a, b6, a6, 1)):
                        out(ether(A, B, 0x800, ip4(x, y), *tags), (a, b), port)
                        out(ether(A, B, 0x86DD, ip6(x6, y6), *tags), (a6, b6), port)
                        out(ether(A, B, 0x806, arp(1 + port, x, y), *tags), (a, b), port)
            nobody = [ether("01:80:c2:00:00:0e", A, 0x88CC, bytes([n]) * 60) for n in range(20)]
            nobody += [ether(B, A, 0x8892, bytes([n]) * 60, (0x8100, n)) for n in range(20)]
            for f in nobody:
                out(f, None)
            got, of = m.frames(), {}
            assert len(got) == m.sent
            for g in got:
                of.setdefault(key[g["data"]], set()).add(g["worker"])
            assert of.pop(None) == {0}, "frames without addresses"
            assert all(len(w) == 1 for w in of.values()), f"split: {[p for p in of if len(of[p]) > 1][:5]}"
            share = [sum(1 for w in of.values() if w == {n}) for n in range(workers)]
            assert min(share) > len(of) / workers / 2, f"pairs by worker: {share}"


@test
def filters():
    """a BPF filter decides what comes; a wrong one is named"""
    with Lab() as lab:
        m = Mirror(lab, "--filter", "tcp port 502 or (vlan and tcp port 502)")
        capture = os.path.join(laboratory.ROOT, "pcaps", "model1-normal.pcap")
        want = [f.hex() for f in captured(capture) if f[12:14] == b"\x08\0" and f[23] == 6 and
                502 in struct.unpack("!HH", f[34:38])]
        m.replay(capture)
        tagged = ether(A, B, 0x800, ip4("10.0.0.1", "10.0.0.2"), (0x8100, 5))
        m.send(ether(A, B, 0x88CC, bytes(46)), tagged)
        m.sent = len(want) + 1
        assert [g["data"] for g in m.frames()] == want + [tagged.hex()] and want
        bad = lab.start(m.box, PROBE + ["--filter", "tcp prot 502", "mon0"])
        assert bad.wait() == 3 and "the filter 'tcp prot 502' is wrong" in bad.err[0], bad.err
        lab.link(m.box, "mon0", "down")
        bad = lab.start(m.box, PROBE + ["--filter", "tcp prot 502", "mon0"])
        assert bad.wait() == 3 and "the filter 'tcp prot 502' is wrong" in bad.err[0], bad.err


@test
def options():
    """snap length, several interfaces, one that is not there, one that may not be opened, time stamps not offered"""
    with Lab() as lab:
        m = Mirror(lab, "--snaplen", "60", ports=3)
        for port in (2, 0, 1, 2):
            m.send(ether(A, B, 0x800, bytes([port]) * 300), port=port)
        got = m.frames()
        assert sorted(g["iface"] for g in got) == [0, 1, 2, 2]
        assert all(g["data"] == ether(A, B, 0x800, bytes([g["iface"]]) * 46).hex() and g["wirelen"] == 314 for g in got)
        none = lab.start(m.box, PROBE + ["mon0", "mon9"])
        assert none.wait() == 3 and "mon9: there is no such interface" in none.err[0], none.err
        nobody = lab.start(m.box, ["setpriv", "--reuid=65534", "--clear-groups", "--"] + PROBE + ["mon0"])
        assert nobody.wait() == 3 and "mon0 may not be opened" in nobody.err[0], nobody.err
        m.listen("--timestamps", "adapter")
        assert "mon0: the interface offers no adapter time stamps" in m.probe.says("notice:")
        m.sent = 0
        m.send(ether(A, B, 0x800, bytes(46)))
        m.arrived(1)


@test
def down_and_up():
    """an interface that goes down, or begins down, is told and read again when it is up"""
    for options in ((), ("--workers", "2"), ("--immediate",)):
        with Lab() as lab:
            m = Mirror(lab, *options, ports=2)
            for _ in range(2):
                m.send(ether(A, B, 0x800, ip4("10.0.0.1", "10.0.0.2")))
                m.arrived(m.sent)
                lab.link(m.box, "mon0", "down")
                until(lambda: not m.up(), "mon0 is told to be down")
                m.send(ether(A, B, 0x800, ip4("10.0.0.1", "10.0.0.3")), port=1)
                m.arrived(m.sent)
                lab.link(m.box, "mon0", "up")
                until(m.up, "mon0 is told to be up")
            m.send(ether(A, B, 0x800, ip4("10.0.0.1", "10.0.0.2")))
            m.frames()
            lab.link(m.box, "mon0", "down")
            m.listen(*options)
            assert "mon0 is down" in m.probe.says("notice:")
            lab.link(m.box, "mon0", "up")
            until(m.up, "mon0 is told to be up")
            m.sent = 0
            m.send(ether(A, B, 0x800, ip4("10.0.0.1", "10.0.0.2")))
            m.frames()


@test
def gone_and_back():
    """an interface that vanishes is told, and opened again when it is back, its workers in order"""
    for workers in ("1", "2"):
        with Lab() as lab:
            m = Mirror(lab, "--workers", workers, ports=2)
            m.send(ether(A, B, 0x800, ip4("10.0.0.1", "10.0.0.2")))
            m.arrived(1)
            for _ in range(2):
                lab.link(m.box, "mon0", "down")
                m.box.run("ip", "link", "delete", "mon0")
                until(lambda: not m.up(), "mon0 is told to be gone")
                m.send(ether(A, B, 0x800, ip4("10.0.0.1", "10.0.0.3")), port=1)
                m.arrived(m.sent)
                lab.cable(m.switch, "sw0", m.box, "mon0")
                m.wires[0] = lab.wire(m.switch, "sw0")
                until(m.up, "mon0 is told to be back")
                m.send(*[ether(A, B, 0x88CC, bytes([n]) * 46) for n in range(9)])
                m.arrived(m.sent)
            assert m.probe.alive() and not m.probe.err, m.probe.err
            lldp = [g for g in m.frames() if g["data"][24:28] == "88cc"]
            assert len(lldp) == 18 and {g["worker"] for g in lldp} == {0}, lldp


@test
def all_interfaces():
    """the interface `any` stands for all of them, and is shared by pairs too"""
    with Lab() as lab:
        m = Mirror(lab, frames=False, ports=2)
        m.probe.stop()
        m.probe = lab.start(m.box, PROBE + ["--frames", "--workers", "2", "any"])
        m.probe.says("ready")
        for n in range(40):
            a, b = f"10.0.0.{n}", "10.0.1.1"
            m.send(ether(A, B, 0x800, ip4(a, b)))
            m.send(ether(B, A, 0x800, ip4(b, a)), port=1)
        of = {}
        for g in m.frames():
            data = bytes.fromhex(g["data"])[-46:]
            assert g["link"] == 113 and data[0] == 0x45, g  # Linux cooked capture
            of.setdefault(min(data[12:16], data[16:20]) + max(data[12:16], data[16:20]), []).append(g["worker"])
        assert len(of) == 40 and all(len(w) == 2 and w[0] == w[1] for w in of.values()), of
        assert {w[0] for w in of.values()} == {0, 1}


@test
def link_lost():
    """a cable that is pulled is told"""
    with Lab() as lab:
        m = Mirror(lab)
        assert m.up()
        lab.link(m.switch, "sw0", "down")
        until(lambda: not m.up(), "mon0 is told to have no link")
        lab.link(m.switch, "sw0", "up")
        until(m.up, "mon0 is told to have its link back")


@test
def one_direction():
    """conversations of which one direction is heard are counted as such, over both outputs of a tap together"""
    with Lab() as lab:
        m = Mirror(lab, ports=2)
        there, back = ether(A, B, 0x800, ip4("10.0.0.1", "10.0.0.2")), ether(B, A, 0x800, ip4("10.0.0.2", "10.0.0.1"))
        m.send(*[there] * 50)
        m.arrived(50)
        assert (m.total("both"), m.total("one")) == (0, 50)
        m.send(*[back] * 50, port=1)
        m.arrived(100)
        assert (m.total("both"), m.total("one")) == (50, 50)


@test
def tap_in_order():
    """frames of several interfaces come in the order in which they were on the wires"""
    for options in ((), ("--immediate",)):
        with Lab() as lab:
            m = Mirror(lab, *options, ports=3)
            want = [ether(A, B, 0x88B5, struct.pack("!I", n) + bytes(42)) for n in range(3000)]
            for n, f in enumerate(want):
                m.send(f, port=(2, 0, 0, 1)[n % 4] if n > 1000 else 1 + n % 2)
            got = [g["data"] for g in m.frames()]
            assert got == [f.hex() for f in want], f"{options}: {sum(g != w.hex() for g, w in zip(got, want))} displaced"


@test
def losses():
    """what the kernel had to drop is counted: nothing is lost in silence"""
    with Lab() as lab:
        m = Mirror(lab, "--buffer", "300000", frames=False)
        m.probe.signal(signal.SIGSTOP)
        n = lab.replay(m.switch, "sw0", os.path.join(laboratory.ROOT, "pcaps", "demo-model1.pcap"), "--topspeed",
                       "--loop=50")
        m.probe.signal(signal.SIGCONT)
        until(lambda: m.total("kernel_drops") + m.total() == n, lambda: f"{n} = taken + dropped: {m.counts()}")
        assert m.total("kernel_drops") > 0


@test
def silence():
    """nothing is ever transmitted, not by kidoban and, after what the guide says, not by the kernel"""
    with Lab() as lab:
        # IPv6 and ARP as a machine has them when nobody thought of it
        m = Mirror(lab, "--workers", "2", silent=False, frames=False)
        heard = m.wires[0]
        own = until(heard.heard, "what the kernel says by itself")  # multicast listener reports at least
        assert all(f[12:14] == b"\x86\xdd" for f in own), [f.hex() for f in own]
        m.probe.stop()
    with Lab() as lab:
        m = Mirror(lab, "--workers", "2", frames=False)
        m.probe.stop()
        before = lab.counts(m.box, "mon0")["tx_packets"]
        m.wires[0].heard()
        for options in ((), ("--workers", "2"), ("--immediate",)):
            m.listen(*options, frames=False)
            m.send(ether("ff:ff:ff:ff:ff:ff", A, 0x806, arp(1, "10.0.0.1", "10.0.0.2")))  # nobody answers
            for capture in CAPTURES:
                m.replay(capture)
            until(lambda: m.total() >= 100, "packets")
            lab.link(m.box, "mon0", "down")
            lab.link(m.box, "mon0", "up")
            until(m.up, "mon0 is up")
            m.send(ether(A, B, 0x800, ip4("10.0.0.1", "10.0.0.2")))
            m.probe.stop()
        assert lab.counts(m.box, "mon0")["tx_packets"] == before == 0
        assert m.wires[0].heard() == []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe", required=True)
    args = parser.parse_args()
    PROBE.append(os.path.abspath(args.probe))
    return laboratory.main(TESTS, laboratory.missing("tcpreplay"))


if __name__ == "__main__":
    sys.exit(main())
