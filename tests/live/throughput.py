#!/usr/bin/env python3
"""How much goes through `kidoban run` as a bridge, beside the plain Linux bridge: throughput.py PINGPONG KIDOBAN

    ca ══ va ── box ── vb ══ cb                        as in latency.py; policy: zones/model1.yaml in mode enforce,
                                                       which degrades what is forbidden

Small frames: tcpreplay sends the Modbus of a capture as fast as it can, over and over, and what comes out at the
other end is counted. Bulk: one TCP connection as fast as it goes, with frames as a wire carries them, and with
segmentation left to the interfaces. Best of the rounds, which take turns: anything else on the machine only slows
them down. --require RATIO: exit code 1 when small frames have less of the plain bridge's rate.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from boxes import BULK_PORT, MES, PLC_2, Box
from lab import ROOT, missing

CAPTURE = os.path.join(ROOT, "pcaps", "model1-normal.pcap")
BOXES = (("plain bridge", "bridge", 1), ("kidoban, 1 worker", "kidoban-bridge", 1), ("kidoban, 2 workers", "kidoban-bridge", 2))


def frames(box, args):
    """Packets per second that came out, share of those sent."""
    before = box.counts(box.b, "cb")["rx_packets"]
    began = time.monotonic()
    r = box.a.run("tcpreplay", "-i", "ca", "-K", "--topspeed", "--loop=100000000", f"--duration={args.seconds}", args.capture)
    took = time.monotonic() - began
    sent = int(next(x for x in r.stdout.splitlines() if "Successful packets:" in x).split()[-1])
    time.sleep(0.5)
    out = box.counts(box.b, "cb")["rx_packets"] - before
    return out / took, out / sent


def bulk(box, args, offload):
    """Megabits per second."""
    for ns, end in ((box.a, "ca"), (box.b, "cb")):
        ns.run("ethtool", "-K", end, "tx", offload, "sg", offload, "tso", offload, "gso", offload, check=False)
    client = box.start(box.a, [args.pingpong, "-f", MES, "-n", str(args.megabytes * 16), "bulk", PLC_2, BULK_PORT])
    assert client.wait(600) == 0, client.err
    got = json.loads(client.out[-1])
    assert got["bytes"] == args.megabytes << 20, got
    return got["bytes"] * 8 / got["seconds"] / 1e6


def measure(kind, workers, args):
    with Box(kind, args.kidoban, workers) as box:
        pps, share = frames(box, args)
        if box.service:
            status = box.ask("status")
            unseen = sum(i["passed_unseen"] for i in status["sources"][0]["interfaces"])
            assert status["totals"]["ops"] > 0 and not status["totals"]["dropped"] and not unseen, status
        # behind the frames' queue: what is sent now is heard at once
        box.start(box.b, [args.pingpong, "server", BULK_PORT]).says("listening")
        return {"frames/s": pps, "of sent": share, "Mbit/s": bulk(box, args, "off"), "Mbit/s, offload": bulk(box, args, "on")}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("pingpong")
    p.add_argument("kidoban")
    p.add_argument("--seconds", type=int, default=3)
    p.add_argument("--megabytes", type=int, default=512)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--busy", action="store_true", help="the machine is not idle: all that takes part is SCHED_RR")
    p.add_argument("--require", type=float, help="least share of the plain bridge's frames per second")
    args = p.parse_args()
    why = missing("ethtool", "nft", "tcpreplay", "tcpdump")
    if why:
        print(f"skipped: {why}")
        return 77
    if args.busy:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    folder = tempfile.mkdtemp(prefix="kidoban-throughput-")
    try:
        args.capture = os.path.join(folder, "modbus.pcap")
        subprocess.run(["tcpdump", "-r", CAPTURE, "-w", args.capture, "tcp port 502"], check=True, capture_output=True)
        rounds = {name: [] for name, _, _ in BOXES}
        for _ in range(args.rounds):
            for name, kind, workers in BOXES:
                rounds[name].append(measure(kind, workers, args))
    finally:
        shutil.rmtree(folder)
    best = {name: {k: max(r[k] for r in rs) for k in rs[0]} for name, rs in rounds.items()}
    plain = best["plain bridge"]
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {time.strftime('%F')}; best of {args.rounds} rounds; "
          f"{args.megabytes} MiB over TCP")
    print(f"{'':20}" + "".join(f"{k:>18}{'ratio':>7}" for k in plain if k != "of sent") + f"{'of sent':>10}")
    for name, one in best.items():
        print(f"{name:20}" + "".join(f"{one[k]:18.0f}{one[k] / plain[k]:7.2f}" for k in plain if k != "of sent")
              + f"{one['of sent']:10.3f}", flush=True)
    ratio = best["kidoban, 1 worker"]["frames/s"] / plain["frames/s"]
    return 1 if args.require is not None and ratio < args.require else 0


if __name__ == "__main__":
    sys.exit(main())
