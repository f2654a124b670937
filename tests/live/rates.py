#!/usr/bin/env python3
"""How many packets per second a mirror port takes, and what is lost. A benchmark: it prints a table.

tests/live/rates.py --probe build/tests/live/source_probe | --kidoban build/src/kidoban [--seconds 5] [--rates 10000,...] [--workers 1,2]
                    [--require RATE] [--unique] [--busy] [CAPTURE...]

tcpreplay sends the captures out of one end of a veth pair, from memory, over and over, at rising
rates and at last as fast as it can; at the other listens the bare source, or kidoban with a policy. Sender and listeners share the
processors of this machine, which a real mirror port does not: the kernel delivers a frame on the
processor that sent it. Rounds after the first repeat connections that are known; with --unique
each has addresses of its own, so that all of it is new, and forbidden by the policy. With --require it fails when a rate up to that one is offered and loses.
"""

import argparse
import glob
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as laboratory
from lab import Lab, until

RATES = "10000,50000,100000,150000,200000,300000,0"
CAPTURES = [os.path.join(laboratory.ROOT, "pcaps", name) for name in ("model1-normal.pcap", "demo-model1.pcap")]


class Listener:
    """Something that listens at mon0, in a namespace."""

    def __init__(self, lab, box, probe, workers):
        self.p = lab.start(box, [probe, "--workers", str(workers), "mon0"])
        self.p.says("ready")
        self.seen = 0

    def counts(self):
        """(packets taken, packets that the kernel had to drop)"""
        self.seen = len(self.p.out)
        self.p.signal(signal.SIGUSR1)
        line = until(lambda: [x for x in self.p.out[self.seen:] if x.startswith('{"counts"')], "the counts")[0]
        c = json.loads(line)["counts"]
        return sum(x["packets"] for x in c), sum(x["kernel_drops"] for x in c)

    def cpu(self):
        """Seconds of processor that its threads have used."""
        spent = 0
        for path in glob.glob(f"/proc/{self.p.p.pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as f:
                spent += int(f.read().split()[0])
        return spent / 1e9

    def stop(self):
        self.p.stop()


CONFIG = """
policy: {policy}
sources:
  - {{mirror: mon0, workers: {workers}}}
outputs:
  - {{file: {folder}/eve.json, events: [alert]}}
control: {{socket: {folder}/control.sock}}
"""


class Service(Listener):
    """kidoban run with a policy: the whole way of a packet, alerts to a file."""

    def __init__(self, lab, box, kidoban, workers, folder):
        self.folder = folder
        path = os.path.join(folder, "kidoban.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(policy=os.path.join(laboratory.ROOT, "zones", "model1.yaml"), workers=workers,
                                  folder=folder))
        self.p = lab.start(box, [kidoban, "run", "-c", path], env={"NOTIFY_SOCKET": ""})
        until(lambda: os.path.exists(f"{folder}/control.sock") or not self.p.alive(), "the control socket")
        until(self.answers, lambda: f"kidoban answers; it said {self.p.err[-5:]}")

    def answers(self):
        try:
            return self.status()
        except OSError:
            assert self.p.alive(), self.p.err[-5:]
            return None

    def status(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(f"{self.folder}/control.sock")
            s.sendall(b'{"do":"status"}\n')
            return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))

    def counts(self):
        time.sleep(0.2)  # the workers' own copies are that old
        faces = self.status()["sources"][0]["interfaces"]
        return sum(x["packets"] for x in faces), sum(x["kernel_drops"] for x in faces)


def settled(listener, sent):
    """Its counts, when all is in or nothing comes any more."""
    deadline, last, since = time.monotonic() + 60, None, time.monotonic()
    while time.monotonic() < deadline:
        now = listener.counts()
        if now != last:
            last, since = now, time.monotonic()
        if sum(now) >= sent or time.monotonic() - since > 3:
            break
        time.sleep(0.1)
    return last


def measure(listen, rate, seconds, captures, more=()):
    with Lab() as lab:
        switch, box = lab.namespace("switch"), lab.namespace("box")
        lab.cable(switch, "sw0", box, "mon0")
        listener = listen(lab, box)
        idle = listener.cpu()
        began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        speed = [f"--pps={rate}"] if rate else ["--topspeed"]
        r = switch.run("tcpreplay", "-i", "sw0", "-K", "--loop=100000000", f"--duration={seconds}", *more, *speed,
                       *captures)
        took = time.monotonic() - began
        sent = int(next(x for x in r.stdout.splitlines() if "Successful packets:" in x).split()[-1])
        reported = next((x for x in r.stdout.splitlines() if x.startswith("Rated:")), "")
        pps = float(reported.split(",")[-1].split()[0]) if "pps" in reported else sent / took
        taken, dropped = settled(listener, sent)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        row = {"rate": rate, "sent": sent, "pps": pps, "taken": taken, "dropped": dropped, "lost": sent - taken,
               "cpu": (listener.cpu() - idle) / seconds,
               "sender": (after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime) / seconds}
        listener.stop()
        return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--probe")
    parser.add_argument("--kidoban")
    parser.add_argument("--busy", action="store_true", help="the machine is not idle: all that takes part is SCHED_RR")
    parser.add_argument("--unique", action="store_true", help="other addresses in each round: all flows are new")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rates", default=RATES)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--require", type=int, default=0)
    parser.add_argument("captures", nargs="*", default=CAPTURES)
    args = parser.parse_args()
    why = laboratory.missing("tcpreplay")
    if why:
        print(f"SKIP {why}")
        return 77
    if args.busy:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    bad = False
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {time.strftime('%F')}; {args.seconds} s each; {', '.join(map(os.path.basename, args.captures))}")
    print("workers   asked/s  offered/s       sent      taken       lost  kernel says   lost %  processors: listener, sender")
    for workers in args.workers.split(","):
        for rate in map(int, args.rates.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                def listen(lab, box):
                    if args.kidoban:
                        return Service(lab, box, os.path.abspath(args.kidoban), int(workers), folder)
                    return Listener(lab, box, os.path.abspath(args.probe), int(workers))
                row = measure(listen, rate, args.seconds, args.captures, ["--unique-ip"] if args.unique else [])
            print(f"{workers:>7} {rate or 'top':>9} {row['pps']:>10.0f} {row['sent']:>10} {row['taken']:>10} "
                  f"{row['lost']:>10} {row['dropped']:>12} {100 * row['lost'] / row['sent']:>8.3f} "
                  f"{row['cpu']:>20.2f}, {row['sender']:.2f}", flush=True)
            bad = bad or (rate and rate <= args.require and row["lost"] > 0)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
