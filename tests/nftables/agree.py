#!/usr/bin/env python3
"""The kernel and kidoban say the same. Prints TAP.

tests/nftables/agree.py --kidoban build/src/kidoban --ask build/tests/nftables/ask [--cases N] [--policies N] [--seed N]

For each policy the exported ruleset is loaded in a network namespace, packets are sent through the forward hook, and the
same packets, as a capture, are given to kidoban's decoder, tracker and judge. What passes must be the same, packet by
packet. Where a packet is rejected, its sender must have been told.
"""

import argparse
import glob
import ipaddress
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as laboratory
import packets
import policies

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PER_POLICY = 320
# what kidoban would look into, and the kernel sees from outside only; and what needs a whole connection
TUNNEL_PORTS = {4789, 6081, 37008, 2152, 4790, 8472}
PROTOCOLS4 = [2, 50, 51, 89, 103, 112, 115, 132, 253, 254, 99, 100, 120, 121]
PROTOCOLS6 = [89, 103, 112, 115, 132, 253, 254, 99, 100, 120, 121]
ICMP4 = [8, 8, 8, 0, 3, 5, 11, 12, 13, 14, 17]
ICMP6 = [128, 128, 128, 129, 1, 2, 3, 4, 137]
UNROUTABLE = [ipaddress.ip_network(n) for n in (
    "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "198.18.0.0/16", "::/127", "ff00::/8", "fe80::/10", "::ffff:0:0/96",
    "2001:db8:ffff::/64")]


def routable(a):
    """The kernel forwards it at all, whatever the ruleset says."""
    return not any(a in n for n in UNROUTABLE if n.version == a.version)


class Policy:
    def __init__(self, path, kidoban):
        self.path = path
        with open(path, encoding="utf-8") as f:
            self.text = f.read()
        self.tree = yaml.safe_load(self.text)
        self.kidoban = kidoban

    def export(self, *options):
        r = subprocess.run([self.kidoban, "export", "nftables", "--mode", "enforce", *options, self.path],
                           capture_output=True, text=True, timeout=60, check=False)
        if r.returncode:
            raise AssertionError(f"export: exit {r.returncode}: {r.stderr}")
        return r.stdout

    def conduits(self):
        return [c["id"] for c in self.tree.get("conduits") or []]

    def joined(self):
        """Pairs of addresses that conduits join, each as a list of candidates for either side."""
        tree, pairs = self.tree, []

        def addresses(end):
            asset = (tree.get("assets") or {}).get(end)
            if asset:
                own = asset.get("addresses") or asset.get("address") or []
                return [ipaddress.ip_address(a) for a in ([own] if isinstance(own, str) else own)]
            found = []
            for word in (tree["zones"].get(end) or {}).get("networks") or []:
                if word == "any":
                    found += [ipaddress.ip_address("8.8.8.8"), ipaddress.ip_address("2600::1")]
                    continue
                net = ipaddress.ip_network(word)
                found += [net[0], net[-1], net[net.num_addresses // 2], net[min(5, net.num_addresses - 1)]]
            return found

        for c in tree.get("conduits") or []:
            ends = [[c[k]] if isinstance(c[k], str) else c[k] for k in ("from", "to")]
            for a in ends[0]:
                for b in ends[1]:
                    x, y = addresses(a), addresses(b)
                    for v in (4, 6):
                        side = [[z for z in s if z.version == v and routable(z)] for s in (x, y)]
                        if side[0] and side[1]:
                            pairs.append(side)
        return pairs

    def points(self):
        """Addresses at which the policy may change its mind, and ports."""
        found = set()
        for word in re.findall(r"[0-9a-fA-F:.]+(?:/\d+)?", self.text):
            try:
                net = ipaddress.ip_network(word, strict=False)
            except ValueError:
                continue
            if "." not in word and ":" not in word:
                continue
            lo, hi = int(net.network_address), int(net.broadcast_address)
            top = 2 ** net.max_prefixlen
            for v in (lo - 1, lo, lo + 1, (lo + hi) // 2, hi - 1, hi, hi + 1):
                if 0 <= v < top:
                    found.add(type(net.network_address)(v))
        found |= {ipaddress.ip_address(a) for a in ("8.8.8.8", "169.254.3.4", "1.0.0.1", "223.255.255.254", "2600::1", "fd77::1")}
        ports = {1, 65535, 40000, 80, 502, 44818}
        for word in re.findall(r"\d+", self.text):
            if 0 < int(word) < 65536:
                ports |= {int(word) - 1, int(word), int(word) + 1}
        return (sorted(filter(routable, found), key=lambda a: (a.version, a)),
                sorted(p for p in ports if 0 < p < 65536 and p not in TUNNEL_PORTS))


def macs_of(text):
    return [bytes.fromhex(m.replace(":", "")) for m in re.findall(r'mac: "([0-9a-f:]{17})"', text)]


class Cases:
    """Packets of which each opens a conversation of its own."""

    def __init__(self, rng, policy):
        self.rng = rng
        self.addresses, self.ports = policy.points()
        self.by_version = {v: [a for a in self.addresses if a.version == v] for v in (4, 6)}
        self.macs = macs_of(policy.text) or [bytes([2, 0, 0, 0, 0, 1])]
        self.joined = policy.joined()
        self.held = re.search("tenant:|trust:|uplink-only:|unknown-devices: deny|end-of-life:", policy.text)
        self.pairs = set()
        self.sport = 1024

    def address(self, version):
        r = self.rng
        if r.random() < 0.9:
            return r.choice(self.by_version[version])
        while True:
            a = ipaddress.ip_address(r.getrandbits(32)) if version == 4 else ipaddress.ip_address(
                (0xFD << 120) | r.getrandbits(120))
            if routable(a):
                return a

    def next(self, number):
        r = self.rng
        version = 4 if len(self.by_version[6]) < 4 or r.random() < 0.65 else 6
        src, dst = self.address(version), self.address(version)
        if self.joined and r.random() < 0.6:
            pair = r.choice(self.joined)
            src, dst = r.choice(pair[0]), r.choice(pair[1])
            version = src.version
            if r.random() < 0.1:
                src, dst = dst, src
        while src == dst:
            dst = self.address(version)
        a, b, mark = str(src), str(dst), packets.payload(number)
        kind = r.choices(["tcp", "udp", "icmp", "ip"], [5, 3, 2, 2])[0]
        self.sport = self.sport + 1 if self.sport < 65000 else 1024
        port = r.choice(self.ports)
        if kind == "ip" and frozenset((a, b)) in self.pairs:
            kind = "tcp"  # would belong to the conversation those two already have
        if kind == "tcp":
            p, what = packets.tcp(a, b, self.sport, port, data=mark), f"tcp {port}"
        elif kind == "udp":
            p, what = packets.udp(a, b, self.sport, port, data=mark), f"udp {port}"
        elif kind == "icmp":
            t = r.choice(ICMP4 if version == 4 else ICMP6)
            if t not in (8, 0, 128, 129):
                if (frozenset((a, b)), t) in self.pairs:
                    t = 8 if version == 4 else 128
                self.pairs.add((frozenset((a, b)), t))
            p, what = packets.icmp(a, b, t, rest=struct.pack("!HH", self.sport, number & 0xFFFF), data=mark), f"icmp {t}"
        else:
            proto = r.choice(PROTOCOLS4 if version == 4 else PROTOCOLS6)
            self.pairs.add(frozenset((a, b)))
            p, what = packets.ip(a, b, proto, bytes(16) + mark), f"protocol {proto}"
        # what conntrack does not follow has no mark that would say whose it is: the kernel is stricter there
        blind = self.held and kind in ("icmp", "ip") and not (kind == "icmp" and t in (8, 128))
        mac = r.choice(self.macs) if r.random() < 0.25 and not blind else laboratory.C1
        return packets.ether(p, laboratory.C0, mac), f"{a} -> {b} {what} from {laboratory.mac_text(mac)}"


def ask(program, policy, frames, at, grants=()):
    """What kidoban says, by number of the frame: verdict, why, conduit."""
    r = subprocess.run([program, policy.path, *grants], input=packets.pcap(frames, at), capture_output=True, timeout=120,
                       check=False)
    if r.returncode:
        raise AssertionError(r.stderr.decode())
    said = {}
    for line in r.stdout.decode().splitlines():
        frame, *rest = line.split("\t")
        said[int(frame) - 1] = rest
    return said


def counter_of(why, conduit, conduits):
    """The counter that the ruleset has for it."""
    plain = {"inside": "inside_zones", "default": "default_allow", "policy.no-conduit": "no_conduit",
             "policy.layer-skipped": "layer_skipped"}
    if why in plain:
        return plain[why]
    if conduit == "-":
        return "held"
    name = "".join(c if re.fullmatch("[A-Za-z0-9_-]", c) else "_" * len(c.encode()) for c in conduit)[:40]
    if name != conduit:
        name += f".{conduits.index(conduit)}"
    return ("conduit_" if why == "permitted" else "denied_") + name


def not_on_the_hour():
    """Schedules change on the half hour: not while packets are under way."""
    while time.time() % 1800 > 1790 or time.time() % 1800 < 1:
        time.sleep(0.5)


def compare(args, rng, policy, count):
    """Returns how many packets were compared, what differed, and how often kidoban said what."""
    cases = Cases(rng, policy)
    made = [cases.next(n) for n in range(count)]
    frames = [f for f, _ in made]
    ruleset = policy.export("--inspect", "mark")
    lab = laboratory.Lab()
    try:
        r = lab.load(ruleset, check=False)
        if r.returncode:
            return 0, [f"nft refuses: {r.stderr.strip()[:2000]}"], {}
        not_on_the_hour()
        at = time.time()
        came, _ = lab.exchange(frames)
        counted = lab.counters()
    finally:
        lab.close()
    said = ask(args.ask, policy, frames, at)
    wrong, tally, expected = [], {}, {}
    for n, (_, what) in enumerate(made):
        verdict, why, conduit = said.get(n, ("nothing", "no flow was opened", "-"))
        tally[why] = tally.get(why, 0) + 1
        # Of countries and networks the kernel knows nothing: it hands such conversations to kidoban.
        if why == "policy.country-denied":
            verdict, why = "pass", "permitted"
        if (verdict == "pass") != (n in came):
            wrong.append(f"{what}: the kernel {'passes' if n in came else 'drops'} it, kidoban: {verdict} ({why} {conduit})")
        name = counter_of(why, conduit, policy.conduits())
        expected[name] = expected.get(name, 0) + 1
    for name in sorted(expected.keys() | counted.keys()):
        if expected.get(name, 0) != counted.get(name, 0):
            wrong.append(f"counter {name}: {counted.get(name)} in the kernel, kidoban says {expected.get(name, 0)}")
    tally["came"] = len(came)
    return len(made), wrong, tally


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def say(self, name, wrong):
        self.count += 1
        self.failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {self.count} - {name}")
        for line in wrong[:12]:
            print("\n".join("# " + part for part in line.splitlines()))
        sys.stdout.flush()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kidoban", default=os.path.join(ROOT, "build/src/kidoban"))
    p.add_argument("--ask", default=os.path.join(ROOT, "build/tests/nftables/ask"))
    p.add_argument("--policies", type=int, default=20)
    p.add_argument("--cases", type=int, default=PER_POLICY)
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--keep", help="a folder where policies that disagree are kept")
    args = p.parse_args()
    why = laboratory.missing()
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"# seed {seed}")
    tap, total, tallies, begin = Tap(), 0, {}, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        todo = [(os.path.basename(z), z) for z in sorted(glob.glob(os.path.join(ROOT, "zones/*.yaml")))]
        for n in range(args.policies):
            path = os.path.join(args.keep or folder, f"random-{seed}-{n}.yaml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(policies.Random(random.Random(seed * 1000 + n)).text())
            todo.append((f"random policy {n}", path))
        for n, (name, path) in enumerate(todo):
            try:
                made, wrong, tally = compare(args, random.Random(seed * 1000 + n), Policy(path, args.kidoban), args.cases)
            except (AssertionError, subprocess.SubprocessError) as e:
                made, wrong, tally = 0, [str(e), getattr(e, "stderr", None) or ""], {}
            total += made
            passed = tally.pop("came", 0)
            for k, v in tally.items():
                tallies[k] = tallies.get(k, 0) + v
            tap.say(f"{name}: {made} packets, {passed} pass", wrong)
    print(f"# {total} packets in {time.monotonic() - begin:.1f} s: " + ", ".join(f"{k} {v}" for k, v in sorted(tallies.items())))
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
