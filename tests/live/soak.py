#!/usr/bin/env python3
"""High load for a while: is memory flat? Inline bridge and mirror port at once, captures without end with ever new
addresses, Modbus sessions with forbidden writes, reloads every 30 s.

    tests/live/soak.py [--kidoban build/src/kidoban] [--minutes 15] [--bridge-rate PPS] [--mirror-rate PPS]

A table with a line every 10 s, and at the end whether resident memory is flat: its slope after the warm-up (two
minutes, in short runs a third). All that grows with traffic has a bound: flows (--flows per worker, filled in the
warm-up), conversations with edits, rings and queues of outputs (fixed), incidents (16384 per worker, about 2 KiB each)
and what hosts tell of themselves (16384 per worker, 1 KiB). The last two fill up for longer than a run, so what new
incidents may take is subtracted, and told. What still grows beyond that is a leak; that both stay at their bounds, this run is too short to show. Exit code 1 then, when an allowed session was
lost, when a forbidden write reached the device although every frame was looked at, or when the service ended.
"""

import argparse
import glob
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from lab import ROOT, missing
from plant import CLOSED, OPEN, POLICY, BridgePlant

SOURCES = """\
  - {bridge: [va, vb], quiet: never}
  - {mirror: mon0, quiet: never, workers: 2}"""
OUTPUTS = """\
  - file: eve.json
    events: [alert, flow, anomaly, stats]
    rotate: {size: 16MiB, keep: 2}"""
INCIDENT_KIB = 3.5  # as measured in 11 minutes; 2 KiB of it is the incident itself, 1 KiB what a host told of itself
MOST_KIB_PER_MINUTE = 64  # slope that is taken for noise: less than 100 MB a day


def captures():
    """All of the project's captures as one file."""
    files = [f for f in sorted(glob.glob(os.path.join(ROOT, "pcaps", "*.pcap")) +
                               glob.glob(os.path.join(ROOT, "pcaps", "factories", "*.pcap")))
             if subprocess.run(["capinfos", "-T", "-r", "-E", f], capture_output=True, text=True,
                               check=True).stdout.split("\t")[1].strip() == "ether"]
    path = os.path.join(tempfile.mkdtemp(prefix="kidoban-soak-"), "all.pcap")
    subprocess.run(["mergecap", "-F", "pcap", "-a", "-w", path, *files], check=True)
    return path


def slope(points):
    """Least squares: y per x."""
    x, y = [p[0] for p in points], [p[1] for p in points]
    mx, my = statistics.mean(x), statistics.mean(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / sum((a - mx) ** 2 for a in x)


def sums(status):
    i = [x for s in status["sources"] for x in s["interfaces"]]
    return {"packets": sum(x["packets"] for x in i), "drops": sum(x["kernel_drops"] for x in i),
            "unsent": sum(x["send_failed"] for x in i), "unseen": sum(x["passed_unseen"] for x in i),
            "active": status["totals"]["active_flows"], "alerts": sum(f["incidents"] for f in status["findings"]),
            "lost": sum(o["lost"] for o in status["outputs"])}


def soak(args):
    capture = captures()
    print(f"# {args.minutes:g} minutes; bridge {args.bridge_rate} and mirror {args.mirror_rate} packets/s of captures, "
          f"two Modbus sessions, {args.flows} flows per worker")
    print(f"# load of this machine at the begin: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print("    s     RSS KiB   fds thr   packets/s    drops  unsent unseen    flows   alerts  median     p99    p999     max us")
    points, ends, bad = [], [], []
    with BridgePlant(args.kidoban, sources=SOURCES, outputs=OUTPUTS, more=f"flows: {args.flows}\n") as p:
        switch = p.namespace("switch")
        p.cable(switch, "sw0", p.box, "mon0")
        p.begin()
        p.neighbours()
        device = p.device()
        sessions = [p.ask(x, rate=args.requests, forbidden=50) for x in (OPEN, CLOSED)]
        for ns, iface, rate in ((switch, "sw0", args.mirror_rate), (p.a, "ca", args.bridge_rate)):
            ends.append(p.start(ns, ["tcpreplay", "-i", iface, "-p", str(rate), "--loop", "100000000", "--unique-ip",
                                     "--no-flow-stats", capture]))
        begun = time.monotonic()
        last, last_at, reloaded, reloads = sums(p.status()), begun, begun, 0
        while time.monotonic() - begun < args.minutes * 60 and not bad:
            time.sleep(max(0, last_at + args.every - time.monotonic()))
            now = time.monotonic()
            if now - reloaded >= 30:
                reloaded, reloads = now, reloads + 1
                p.write("policy.yaml", POLICY + f"# {reloads}\n" + ("" if reloads % 2 else EXTRA))
                p.command("reload", code=(0, 1))
            s = sums(p.status())
            rss, fds, threads = p.memory()
            bad = [f"{e.argv[0]} ended: {e.out[-1:]} {e.err[-3:]}" for e in ends + sessions if not e.alive()]
            if bad:
                break
            t = p.since(sessions[0])
            points.append(((now - begun) / 60, rss, s["alerts"]))
            print(f"{now - begun:5.0f} {rss:11d} {fds:5d} {threads:3d} {(s['packets'] - last['packets']) / (now - last_at):11.0f}"
                  f" {s['drops']:8d} {s['unsent']:7d} {s['unseen']:6d} {s['active']:8d} {s['alerts']:8d} {t['median']:7.0f}"
                  f" {t['p99']:7.0f} {t['p999']:7.0f} {t['max']:10.0f}", flush=True)
            last, last_at = s, now
        results = [p.result(x) for x in sessions]
        s = sums(p.status())
        for e in ends:
            e.signal(signal.SIGINT)
            e.wait()
        reached = p.result(device)
        p.end()
    shutil.rmtree(os.path.dirname(capture))
    minutes = points[-1][0]
    rest = [x for x in points if x[0] >= min(2, minutes / 3)]
    each = slope(rest)
    left = slope([(t, rss - INCIDENT_KIB * alerts) for t, rss, alerts in rest])
    print(f"# {s['packets']} packets, {reloads} reloads, {s['lost']} alerts lost; sessions: "
          f"{[(r['count'], r['refused'], r['whole']) for r in results]} (requests, refused, whole)")
    print(f"# RSS after the warm-up: {rest[0][1]} to {rest[-1][1]} KiB, slope {each:+.1f} KiB/minute "
          f"; {rest[-1][2] - rest[0][2]} new incidents "
          f"may take {INCIDENT_KIB} KiB each, slope without them {left:+.1f} KiB/minute")
    bad += [f"a session was lost: {r['why']}" for r in results if not r["whole"]]
    if reached["forbidden"]:
        print(f"# {reached['forbidden']} forbidden writes reached the device; {s['unseen']} frames passed unseen")
        if not s["unseen"]:
            bad.append("forbidden writes reached the device")
    if left > MOST_KIB_PER_MINUTE:
        bad.append("memory is not flat")
    for why in bad:
        print(f"# {why}")
    print("not ok" if bad else "ok")
    return 1 if bad else 0


EXTRA = "  - {id: extra, from: line, to: office, allow: [{tcp: 4000}], on-violation: alert}\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kidoban", default=os.path.join(ROOT, "build/src/kidoban"))
    p.add_argument("--minutes", type=float, default=15)
    p.add_argument("--every", type=float, default=10, help="seconds between samples")
    p.add_argument("--bridge-rate", type=int, default=5000)
    p.add_argument("--mirror-rate", type=int, default=20000)
    p.add_argument("--requests", type=int, default=500, help="Modbus requests per second and session")
    p.add_argument("--flows", type=int, default=4096)
    args = p.parse_args()
    why = missing("nft", "ethtool", "tcpreplay", "mergecap", "capinfos")
    if why:
        print(f"cannot run here: {why}", file=sys.stderr)
        return 77
    return soak(args)


if __name__ == "__main__":
    sys.exit(main())
