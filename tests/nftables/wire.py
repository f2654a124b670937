#!/usr/bin/env python3
"""The stand-in of a bridge cuts what the policy says, and nothing else. Prints TAP.

tests/nftables/wire.py --kidoban build/src/kidoban --ask build/tests/nftables/wire_ask [--cases N] [--policies N] [--seed N]

For each policy the table of `kidoban export wire` is loaded in a network namespace, frames are sent into either side, and
what comes out at the other is compared with what the policy says of them, conduit by conduit. Frames that are no IP
pass, VLAN tags and bytes stay as they are.
"""

import argparse
import glob
import os
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agree
import lab as router
import packets
import policies

OTHERS = [("LLDP", b"\x01\x80\xc2\x00\x00\x0e", b"\x88\xcc"), ("PROFINET", b"\x01\x0e\xcf\x00\x00\x00", b"\x88\x92"),
          ("EtherCAT", b"\xff" * 6, b"\x88\xa4"), ("STP", b"\x01\x80\xc2\x00\x00\x00", b"\x00\x40")]


class Wire:
    """a1 -- a0 [box] b0 -- b1: what comes out at one side of what went in at the other."""

    def __init__(self):
        self.box, self.end = router.Namespace("box"), router.Namespace("end")
        for a, b in (("a0", "a1"), ("b0", "b1")):
            self.box.run("ip", "link", "add", a, "type", "veth", "peer", "name", b, "netns",
                         f"/proc/{os.getpid()}/fd/{self.end.fd}")
        for ns, names in ((self.box, ("a0", "b0")), (self.end, ("a1", "b1"))):
            ns.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
            for name in names:
                ns.run("ip", "link", "set", name, "arp", "off", "promisc", "on", "up")
        self.side = self.end.call(lambda: [router.tap("a1"), router.tap("b1")])
        self.count = 0

    def cross(self, frames, side):
        """Whole frames that came out, in order, until the last one, which every wire passes."""
        out, back = self.side[side], self.side[not side]
        self.count += 1
        last = b"\xff" * 6 + router.C1 + b"\x88\xb5end" + self.count.to_bytes(4, "big") + bytes(40)
        router.Lab.drain(back), router.Lab.drain(out)
        for f in frames + [last]:
            out.send(f)
        came, deadline = [], time.monotonic() + 60
        while time.monotonic() < deadline:
            came += router.Lab.drain(back)
            if last in came:
                return came[:came.index(last)]
            time.sleep(0.001)
        raise AssertionError("the wire passes nothing")

    def close(self):
        for s in self.side:
            s.close()
        self.box.close()
        self.end.close()


def export(kidoban, policy):
    return subprocess.run([kidoban, "export", "wire", "--interfaces", "a0,b0", policy.path], capture_output=True, text=True,
                          timeout=60, check=True).stdout


def number_of(frame):
    at = frame.rfind(packets.MARK)
    return int.from_bytes(frame[at + 4:at + 8], "big") if at >= 0 else None


def compare(args, rng, policy):
    cases = agree.Cases(rng, policy)
    made = [cases.next(n) for n in range(args.cases)]
    frames = [f for f, _ in made]
    said = subprocess.run([args.ask, policy.path], input=packets.pcap(frames), capture_output=True, timeout=120,
                          check=True).stdout.decode().split()
    wire, wrong = Wire(), []
    try:
        wire.box.run("nft", "-f", "-", feed=export(args.kidoban, policy))
        for side in (0, 1):
            came = {number_of(f) for f in wire.cross(frames, side)}
            for n, (_, what) in enumerate(made):
                if (said[n] == "pass") != (n in came):
                    wrong.append(f"{what}: the kernel {'passes' if n in came else 'cuts'} it, the policy says {said[n]}")
    finally:
        wire.close()
    return said.count("cut"), wrong


POLICY = """
mode: {mode}
zones:
  cell: {{level: control, networks: [10.50.0.0/24]}}
  hmi:  {{level: control-information, networks: [10.40.0.0/24]}}
  wan:  {{level: external, networks: [any]}}
  safe: {{level: safety, networks: [10.60.0.0/28]}}
conduits:
  - {{id: open, from: hmi, to: cell, allow: [modbus: {{do: read}}], fail: open}}
  - {{id: closed, from: wan, to: hmi, allow: [{{tcp: 443}}], fail: closed}}
"""


def frames_are_untouched(args, folder):
    """Tags, sizes and other protocols; both modes; a table that is replaced while frames cross."""
    path, wire, wrong = os.path.join(folder, "policy.yaml"), Wire(), []

    def load(mode):
        with open(path, "w", encoding="utf-8") as f:
            f.write(POLICY.format(mode=mode))
        wire.box.run("nft", "-f", "-", feed=export(args.kidoban, agree.Policy(path, args.kidoban)))

    def ip(a, b, tags=b""):
        f = packets.ether(packets.udp(a, b, 5000, 502, b"x" * 40), router.S1, router.C1)
        return f[:12] + tags + f[12:]

    def check(what, frames, passes):
        # a tap hears frames without their outer tag, which the kernel keeps beside them
        wanted = [f[:12] + f[16:] if f[12:14] in (b"\x81\x00", b"\x88\xa8") else f for f in frames]
        for side in (0, 1):
            came = wire.cross(frames, side)
            if came != (wanted if passes else []):
                wrong.append(f"{what}, side {side}: {len(came)} of {len(frames)} frames, or other ones")

    def tagged(vlan):
        return b"\x81\x00" + vlan.to_bytes(2, "big")

    try:
        load("enforce")
        check("other protocols", [d + router.C1 + k + bytes(46) for _, d, k in OTHERS], True)
        check("ARP", [b"\xff" * 6 + router.C1 + b"\x08\x06\0\1\x08\0\6\4\0\1" + bytes(36)], True)
        check("open", [ip("10.40.0.5", "10.50.0.11"), ip("10.50.0.11", "10.40.0.5")], True)
        check("open, tagged", [ip("10.40.0.5", "10.50.0.11", tagged(7))], True)
        check("closed", [ip("8.8.8.8", "10.40.0.5"), ip("10.40.0.5", "8.8.8.8")], False)
        check("closed, tagged", [ip("8.8.8.8", "10.40.0.5", tagged(7))], False)
        check("nothing joins the outside", [ip("8.8.8.8", "10.50.0.11"), ip("10.50.0.11", "8.8.8.8")], False)
        check("safety", [ip("8.8.8.8", "10.60.0.1"), ip("10.60.0.1", "8.8.8.8")], True)
        check("two tags", [ip("8.8.8.8", "10.40.0.5", b"\x88\xa8\0\5" + tagged(7))], True)
        if int(wire.box.run("nft", "list", "counters").stdout.split("packets ")[1].split()[0]) != 10:
            wrong.append("the counter of cut frames")
        load("detect")
        check("detect", [ip("8.8.8.8", "10.40.0.5"), ip("10.40.0.5", "8.8.8.8")], True)
    finally:
        wire.close()
    return wrong


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kidoban", default=os.path.join(agree.ROOT, "build/src/kidoban"))
    p.add_argument("--ask", default=os.path.join(agree.ROOT, "build/tests/nftables/wire_ask"))
    p.add_argument("--policies", type=int, default=12)
    p.add_argument("--cases", type=int, default=300)
    p.add_argument("--seed", type=int, default=None)
    args = p.parse_args()
    why = router.missing()
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"# seed {seed}")
    tap, cuts = agree.Tap(), 0
    with tempfile.TemporaryDirectory() as folder:
        tap.say("frames are untouched", frames_are_untouched(args, folder))
        todo = []
        os.symlink(os.path.join(agree.ROOT, "zones/geo"), os.path.join(folder, "geo"))
        for z in sorted(glob.glob(os.path.join(agree.ROOT, "zones/*.yaml"))):
            with open(z, encoding="utf-8") as f:
                todo.append((os.path.basename(z), re.sub("^mode: detect", "mode: enforce", f.read(), flags=re.M)))
        todo += [(f"random policy {n}", policies.Random(random.Random(seed * 1000 + n)).text()) for n in range(args.policies)]
        for n, (name, text) in enumerate(todo):
            path, cut = os.path.join(folder, f"{n}.yaml"), 0
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            try:
                cut, wrong = compare(args, random.Random(seed * 1000 + n), agree.Policy(path, args.kidoban))
            except (AssertionError, subprocess.SubprocessError) as e:
                wrong = [str(e), str(getattr(e, "stderr", None) or "")]
            cuts += cut
            tap.say(f"{name}: {args.cases} frames each way, {cut} cut", wrong)
    tap.say("something was cut at all", [] if cuts else ["nothing: the policies do not try it"])
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
