#!/usr/bin/env python3
"""What an inline box adds to a request and its answer: latency.py PINGPONG [NAME=COMMAND...] [--kidoban PROGRAM]

    hmi-1 ── ca ══ va ── box ── vb ══ cb ── plc-1      Modbus/TCP: polls of 125 registers and writes of 20,
                                                       5,000 times a second

The box is a plain Linux bridge, `kidoban run` as a bridge, a plain Linux router, `kidoban run` at a netfilter
queue, and each of the commands (boxes.py), with and without a bulk flow beside, in the same run and several
times over. "judged" is the least share of requests that the policy was asked about in a round: where the machine
is so busy that kidoban comes too late, the kernel lets them pass unseen. Times are microseconds from request to
answer; "added" is what is above the plain bridge, or router: medians over the rounds of the differences
within each. --require US: exit code 1 when the 99th percentile adds more.
"""

import argparse
import json
import os
import statistics
import sys
import time

from boxes import BULK_PORT, MES, PLC, PLC_2, HMI, Box
from lab import missing

PERCENTILES = ("median", "p99", "p999")


def settled(box):
    """Requests judged, when the worker's copy of its counts is as new as can be."""
    last, now = -1, box.judged()
    while now != last:
        time.sleep(0.3)
        last, now = now, box.judged()
    return now


def measure(kind, args, mbit):
    with Box(kind, args.kidoban) as box:
        box.start(box.b, [args.pingpong, "device", "502"]).says("listening")
        if mbit:
            box.start(box.b, [args.pingpong, "server", BULK_PORT]).says("listening")
            box.start(box.a, [args.pingpong, "-b", str(mbit), "-f", MES, "bulk", PLC_2, BULK_PORT])
        ask = [args.pingpong, "-f", HMI]
        warm = box.start(box.a, ask + ["-r", "1000", "-n", "500", "modbus", PLC, "502"])
        assert warm.wait() == 0, warm.err
        client = box.start(box.a, ask + ["-r", str(args.rate), "-n", str(args.count), "modbus", PLC, "502"])
        assert client.wait(600) == 0, client.err
        got = json.loads(client.out[-1])
        assert got["whole"] and got["count"] == args.count, got
        if box.service:
            got["judged"] = settled(box) / (args.count + 500)
            status = box.ask("status")
            assert got["judged"] > 0.5 and not status["findings"], status
        return got


def pairs(args):
    """(name, kind, name of the plain one)"""
    yield "plain bridge", "bridge", None
    if args.kidoban:
        yield "kidoban bridge", "kidoban-bridge", "plain bridge"
    for b in args.boxes:
        yield *b.split("=", 1), "plain bridge"
    if args.kidoban:
        yield "plain router", "router", None
        yield "kidoban queue", "kidoban-queue", "plain router"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("pingpong")
    p.add_argument("boxes", nargs="*", metavar="NAME=COMMAND")
    p.add_argument("--kidoban")
    p.add_argument("--rate", type=int, default=5000)
    p.add_argument("--count", type=int, default=25000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--bulk", type=int, default=100, help="Mbit/s of the flow beside; 0: none")
    p.add_argument("--busy", action="store_true", help="the machine is not idle: all that takes part is SCHED_RR")
    p.add_argument("--require", type=float, help="microseconds the 99th percentile may add")
    args = p.parse_args()
    why = missing("ethtool", "nft")
    if why:
        print(f"skipped: {why}")
        return 77
    if args.busy:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    boxes = list(pairs(args))
    print(f"{args.rate} Modbus requests/s, {args.count} in each of {args.rounds} rounds; {os.cpu_count()} CPUs, "
          f"load {os.getloadavg()[0]:.1f}, {time.strftime('%F')}; medians of the rounds, us")
    print(f"{'':28}" + "".join(f"{k:>10}" for k in PERCENTILES) + "".join(f"{'+' + k:>10}" for k in PERCENTILES)
          + f"{'judged':>10}")
    worst = 0.0
    for mbit in dict.fromkeys((0, args.bulk)):
        rounds = {name: [] for name, _, _ in boxes}
        for _ in range(args.rounds):
            for name, kind, _ in boxes:
                rounds[name].append(measure(kind, args, mbit))
        for name, _, plain in boxes:
            label = name + (f", {mbit} Mbit/s" if mbit else "")
            got = {k: statistics.median(r[k] for r in rounds[name]) for k in PERCENTILES}
            line = f"{label:28}" + "".join(f"{got[k]:10.1f}" for k in PERCENTILES)
            if plain:
                added = {k: statistics.median(r[k] - q[k] for r, q in zip(rounds[name], rounds[plain])) for k in PERCENTILES}
                line += "".join(f"{added[k]:10.1f}" for k in PERCENTILES)
                worst = max(worst, added["p99"])
            if "judged" in rounds[name][0]:
                line += f"{100 * min(r['judged'] for r in rounds[name]):9.1f}%"
            print(line, flush=True)
    return 1 if args.require is not None and worst > args.require else 0


if __name__ == "__main__":
    sys.exit(main())
