#!/usr/bin/env python3
"""What an inline box adds to a request and its answer: latency.py PINGPONG NAME=COMMAND...

    client ── ca ══ va ── box ── vb ══ cb ── server      260 bytes each way over TCP, 5,000 times a second

The box is a plain Linux bridge, then each of the commands in turn (%a and %b are its interfaces; it is up
when it says "ready"), with and without a bulk flow beside, in the same run and several times over. Times are
microseconds from request to answer; "added" is what is above the plain bridge. --require US: exit code 1 when
the 99th percentile adds more.
"""

import argparse
import json
import os
import shlex
import statistics
import sys

from lab import Lab, missing

PERCENTILES = ("median", "p99", "p999")


class Box(Lab):
    def __init__(self):
        super().__init__()
        self.box, self.a, self.b = (self.namespace(n) for n in ("box", "a", "b"))
        for ns, end, own, address in ((self.a, "ca", "va", "10.9.0.1/24"), (self.b, "cb", "vb", "10.9.0.2/24")):
            self.cable(ns, end, self.box, own)
            ns.run("ip", "link", "set", end, "arp", "on")
            ns.run("ip", "address", "add", address, "dev", end)

    def join(self, command):
        if command is None:
            self.box.run("ip", "link", "add", "br0", "type", "bridge")
            for own in ("va", "vb"):
                self.box.run("ip", "link", "set", own, "master", "br0")
            self.box.run("ip", "link", "set", "br0", "up")
        else:
            argv = shlex.split(command.replace("%a", "va").replace("%b", "vb"))
            self.start(self.box, argv).says("ready")


def measure(command, args, mbit):
    with Box() as box:
        box.join(command)
        box.start(box.b, [args.pingpong, "server", "502"]).says("listening")
        if mbit:
            box.start(box.a, [args.pingpong, "-b", str(mbit), "bulk", "10.9.0.2", "502"])
        warm = box.start(box.a, [args.pingpong, "-r", "1000", "-n", "500", "client", "10.9.0.2", "502"])
        assert warm.wait() == 0, warm.err
        client = box.start(box.a, [args.pingpong, "-r", str(args.rate), "-n", str(args.count), "-s", str(args.size),
                                   "client", "10.9.0.2", "502"])
        assert client.wait(600) == 0, client.err
        return json.loads(client.out[-1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("pingpong")
    p.add_argument("boxes", nargs="+", metavar="NAME=COMMAND")
    p.add_argument("--rate", type=int, default=5000)
    p.add_argument("--count", type=int, default=25000)
    p.add_argument("--size", type=int, default=260)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--bulk", type=int, default=100, help="Mbit/s of the flow beside")
    p.add_argument("--busy", action="store_true", help="the machine is not idle: all that takes part is SCHED_RR")
    p.add_argument("--require", type=float, help="microseconds the 99th percentile may add")
    args = p.parse_args()
    why = missing("ethtool", "nft")
    if why:
        print(f"skipped: {why}")
        return 77
    if args.busy:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    boxes = {"plain bridge": None, **dict(b.split("=", 1) for b in args.boxes)}
    print(f"{args.rate} requests/s of {args.size} bytes, {args.count} in each of {args.rounds} rounds; "
          f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; medians of the rounds, us")
    print(f"{'':24}" + "".join(f"{k:>10}" for k in PERCENTILES) + "".join(f"{'+' + k:>10}" for k in PERCENTILES))
    worst = 0.0
    for mbit in (0, args.bulk):
        rounds = {name: [] for name in boxes}
        for _ in range(args.rounds):
            for name, command in boxes.items():
                rounds[name].append(measure(command, args, mbit))
        got = {name: {k: statistics.median(r[k] for r in rs) for k in PERCENTILES} for name, rs in rounds.items()}
        plain = got["plain bridge"]
        for name, one in got.items():
            label = name + (f", {mbit} Mbit/s" if mbit else "")
            added = "" if one is plain else "".join(f"{one[k] - plain[k]:10.1f}" for k in PERCENTILES)
            print(f"{label:24}" + "".join(f"{one[k]:10.1f}" for k in PERCENTILES) + added, flush=True)
            if one is not plain:
                worst = max(worst, one["p99"] - plain["p99"])
    return 1 if args.require is not None and worst > args.require else 0


if __name__ == "__main__":
    sys.exit(main())
