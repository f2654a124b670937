#!/usr/bin/env python3
"""Makes captures of two plants, with attacks and labels: what the learned baseline is measured with.

    plant.py --out DIR [--runs train,clean-1,...] [--minutes N] [--seed N] [--list]
                                                             as root; README.md says what is in them

Each run gives DIR/NAME.pcap, NAME.labels.csv (frame, label) and NAME.windows.csv (attack, begin, end, description;
seconds since 1970, UTC). --minutes: how long the training runs are, 120 unless said; the others follow.
"""

import argparse
import calendar
import inspect
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import attacks  # noqa: E402
import bottling  # noqa: E402
import robots  # noqa: E402
from process import timetable  # noqa: E402
from stage import Stage, missing  # noqa: E402

MONDAY = calendar.timegm((2026, 3, 1, 23, 0, 0))  # 2 March, eight in the morning in Tokyo
DAY = 86400
ROUNDS = 2.4  # of phases in a training run


def public(module):
    """Functions of a module in the order written, by their names on the command line."""
    own = [(f.__code__.co_firstlineno, n, f) for n, f in inspect.getmembers(module, inspect.isfunction)
           if f.__module__ == module.__name__ and not n.startswith("_")]
    return {n.replace("_", "-"): f for _, n, f in sorted(own, key=lambda x: x[0])}


class Run:
    def __init__(self, name, day, seed, rounds, share, attack=None, events=()):
        """rounds: how many rounds of phases it lasts; share: where in a round it begins; events: (share of the
        run, what the plant does then)."""
        self.name, self.day, self.seed, self.rounds, self.share = name, day, seed, rounds, share
        self.attack, self.events = attack, events
        self.title = attack.__doc__.strip().splitlines()[0].rstrip(".") if attack else ""


def bottling_runs():
    runs = [Run("train", 0, 1, ROUNDS, 0.0, events=((0.25, "engineer"), (0.55, "hmi_restarts"), (0.7, "engineer"))),
            Run("clean-1", 1, 31, 1.2, 0.0, events=((0.3, "engineer"),)),
            Run("clean-2", 2, 32, 1.2, 0.5),
            Run("clean-3", 3, 33, 1.2, 0.2, events=((0.15, "hmi_restarts"), (0.8, "engineer")))]
    for i, (name, attack) in enumerate(public(attacks).items()):
        whole = attack is attacks.poisoned  # this one is learned from
        runs.append(Run(name, 4 + i, 140 + i, ROUNDS if whole else 0.6, 0.0 if whole else 0.09, attack))
    return runs


def make_bottling(stage, run, out, minutes):
    cycle = minutes * 60 / ROUNDS
    duration = max(240.0, run.rounds * cycle) if run.attack else run.rounds * cycle
    stage.begin(os.path.join(out, run.name), MONDAY + run.day * DAY, run.seed)
    offset = run.share * cycle
    steady = run.rounds < 1  # an attack comes in production, that it is not hidden by a phase that ends
    phases = timetable(stage.random, cycle, offset + duration, steady=steady)
    finish(stage, run, bottling.Bottling(stage, phases, cycle, offset, duration, run.day), duration)
    return duration


def robots_runs():
    visit = (0.3, "maintenance")
    runs = [Run("robots-train", 0, 51, ROUNDS, 0.0, events=(visit, (0.75, "maintenance"))),
            Run("robots-clean-1", 1, 52, 1.2, 0.0, events=(visit,)),
            Run("robots-clean-2", 2, 53, 1.2, 0.0),
            Run("robots-clean-3", 3, 54, 1.2, 0.0, events=(visit,))]
    attacks_ = [(n, f) for n, f in public(robots).items() if n.startswith("robots-")]
    return runs + [Run(name, 4 + i, 60 + i, 0.6, 0.0, attack) for i, (name, attack) in enumerate(attacks_)]


def make_robots(stage, run, out, minutes):
    cycle = minutes * 60 / ROUNDS
    duration = max(240.0, run.rounds * cycle) if run.attack else run.rounds * cycle
    stage.begin(os.path.join(out, run.name), MONDAY + run.day * DAY, run.seed)
    # an attack comes while program 1 runs: the teaching points of program 2 are not changed
    cell = robots.Cell(stage, max(80.0, 0.4 * cycle) if not run.attack else duration, duration, run.day)
    finish(stage, run, cell, duration)
    return duration


def finish(stage, run, plant, duration):
    """What is to happen in a run, and the run."""
    for share, what in run.events:
        stage.at(share * duration, getattr(plant, what))
    if run.attack:
        plant.title = run.title
        run.attack(plant, run.name)
    stage.run(duration)
    stage.end()


PLANTS = {"bottling": (bottling.hosts, bottling_runs, make_bottling),
          "robots": (robots.hosts, robots_runs, make_robots)}


def every_run():
    return {run.name: run for plant in PLANTS.values() for run in plant[1]()}


def main():
    ap = argparse.ArgumentParser(description="Makes captures of plants with attacks and labels.")
    ap.add_argument("--out", help="folder for the captures")
    ap.add_argument("--runs", help="names, with commas; all if not said")
    ap.add_argument("--minutes", type=float, default=120.0, help="of a training run (120)")
    ap.add_argument("--seed", type=int, default=0, help="added to the seed of each run: the same, and yet another")
    ap.add_argument("--list", action="store_true", help="only say which runs there are")
    args = ap.parse_args()
    every = {run.name: (plant, run) for plant, (_, runs, _) in PLANTS.items() for run in runs()}
    if args.list:
        for name, (plant, run) in every.items():
            print(f"{name:24} {plant:10} {run.title}")
        return 0
    if not args.out:
        ap.error("--out DIR is needed")
    wanted = args.runs.split(",") if args.runs else list(every)
    for name in wanted:
        if name not in every:
            ap.error(f"no run '{name}'; there are: {' '.join(every)}")
    why = missing()
    if why:
        print(f"SKIP: {why}")
        return 77
    os.makedirs(args.out, exist_ok=True)
    for plant, (hosts, _, make) in PLANTS.items():
        own = [every[n][1] for n in wanted if every[n][0] == plant]
        if not own:
            continue
        with Stage() as stage:
            hosts(stage)
            for run in own:
                run.seed += args.seed
                begun = time.monotonic()
                duration = make(stage, run, args.out, args.minutes)
                print(f"{run.name}: {duration / 60:.0f} min, {stage.exchanges} exchanges, {stage.frames} frames, "
                      f"{stage.octets / 1e6:.1f} MB, made in {time.monotonic() - begun:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
