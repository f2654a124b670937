#!/usr/bin/env python3
"""What the learned baseline finds in labelled captures, beside simple published baselines, in one run.

tests/baseline/evaluate.py [--kidoban EXE] [--shared DIR] [--plant DIR] [--others DIR] [--only ID[,ID]] [--detail]
                           [-o FILE.md]

Every contestant learns from the same part, judges the same other part, and is counted by one rule:

- An event is what a person would read. kidoban's are its alerts, which end after five minutes of quiet. What the simple
  ones flag on one channel with no such pause is one event, too, whatever the reasons.
- An event claims the frames of its channel, both directions, from its first to its last occurrence; those of one kind
  of message (code, unit, objects; requests with their answers) if it is about values or times of one; one frame if they
  are the same; frames between its two hosts if it names no ports; frames of the sending MAC if it names no IP
  conversation. One that says of a conversation or host that it should not be there claims all its frames from the one
  it names on, and of those conversations that it carries further permits for and that began with it or later.
  Events of the simple ones claim nothing in pauses of 60 s and more. Precision, recall and F1 count frames that are
  claimed by any event against frames labelled hostile.
- An attack is found if an event begins in its window, or in the 60 s after, and, where frames of the window are
  labelled, claims one of these. The delay is from the first labelled frame of the window, else from its beginning, to
  that of the event. An event that began with an attack less than 60 s before and still goes on finds this one too, with
  no delay. For the simple ones every single deviation counts as a beginning, also amid a false event: one that cries
  all the time finds much.
- An event is false if it claims no labelled frame and begins in no window, nor in the 60 s after one; a window with
  labelled frames excuses only events that claim one, where frames are what is judged (`by: packets`). The rate per
  day is that of the time judged, without the windows where these are what is judged; none is given below an hour.

Where the rule cannot be the same for all it favours the simple ones. Another is called better in a scenario if its F1 is
higher, if it finds more attacks with no more false events, or as many with fewer.
"""

import argparse
import concurrent.futures
import datetime
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

import yaml

import frames as frames_
import labels
import simple

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GRACE = BREAK = 60_000_000  # µs
QUIET = 300_000_000  # µs; after so long kidoban's incidents end (detect/engine.h)
DETECTORS = ("set", "value", "timing", "order")
HOUR, DAY = 3_600e6, 86_400e6
NEVER = 1 << 70
PROTO = {"TCP": 6, "UDP": 17}
# Findings about all that is said, on one channel or by one host, not about one message; by the end of their names.
WHOLE_CHANNEL = ("no-conduit", "port-denied", "new-link", "new-service", "new-external", "new-resolver")
WHOLE_HOST = ("unknown-device", "new-host")
OF_ONE_KIND = ("value", "time")  # kidoban's detectors whose events are about one kind of message; simple ones:
SIMPLE_OF_ONE_KIND = ("iat-mean", "iat-range", "iat-minmax", "minmax")
LEARNED, ALONE, POLICY = "kidoban, learned", "kidoban, knows nothing", "kidoban, proposed policy"
TOGETHER = "all simple together"


@dataclass
class Event:
    """One thing told to a person: by which detector, when (µs), about which frames."""
    detector: str
    first: int
    last: int
    claims: list
    what: str = ""
    begins: list = field(default_factory=list)  # times (µs) that count as a beginning; none: first


@dataclass
class Part:
    """One capture, or a cut of one, ready to be learned from or judged."""
    name: str
    path: str
    frames: frames_.Frames
    hostile: list  # one bool per frame, or None
    windows: list
    ops: list = field(default_factory=list)

    def kinds(self):
        """{(channel, role, code, where): positions} of all messages; those of a request with its answers."""
        found = {}
        for op in self.ops:
            for role in ("request", "response") if op.role == "response" else (op.role,):
                found.setdefault((op.channel, role, op.code, op.where), []).append(op.at)
        return found

    def clean_time(self):
        """µs of the part outside of windows."""
        spans = sorted((w.begin, w.end) for w in self.windows)
        taken, until = 0, 0
        for begin, end in spans:
            begin = max(begin, until)
            taken += max(0, end - begin)
            until = max(until, end)
        return max(0, self.frames.duration() * 1e6 - taken)


# ---- parts


def _beside(path, way):
    """(hostile or None, windows or None) of a whole capture."""
    if way == "lemay":
        return labels.lemay(path[:-len(".pcap")] + "_labeled.csv"), None
    if way == "qut":
        stem = path[:-len(".attacker.nogoose.pcap")]
        return None, labels.qut_windows(stem + ".attack_windows.csv")
    if way == "plant":
        marked, windows = labels.plant(path[:-len(".pcap")])
        return marked, windows
    if way == "s7":
        return labels.qut_s7(path[:-len(".pcap")] + ".csv"), None
    return None, []


def _range(text):
    lo, _, hi = str(text).partition("-")
    return int(lo or 1), int(hi) if hi else 1 << 60


def make_parts(spec, shared, folder):
    """The parts that one entry of `learn` or `test` names; a pattern names several."""
    found = sorted(glob.glob(os.path.join(shared, spec["file"])))
    for path in found:
        way = spec.get("labels", "clean")
        hostile, windows = _beside(path, way)
        if isinstance(hostile, dict):
            marked = set(hostile)
        elif hostile is not None:
            marked = {n for n, h in enumerate(hostile, 1) if h}
        else:
            marked = set()
        low, high = _range(spec.get("frames", "1-"))
        start = next((t for t, _, _ in frames_.packets(path)), None)
        if start is None:
            continue
        begin = start + spec.get("from", 0) * 1_000_000_000
        end = start + spec["until"] * 1_000_000_000 if "until" in spec else 1 << 70
        clean = spec.get("clean", False)
        name = os.path.basename(path).removesuffix(".pcap")
        if any(k in spec for k in ("frames", "from", "until", "clean")):
            target = os.path.join(folder, f"{len(os.listdir(folder))}-{name}.pcap")
            kept = frames_.cut(path, target, lambda n, t: low <= n <= high and begin <= t < end
                               and not (clean and n in marked))
            frames = frames_.Frames(target)
        else:
            target, frames = path, frames_.Frames(path)
            kept = range(1, len(frames) + 1)
        flags = None
        if way == "all":
            flags = [True] * len(frames)
        elif hostile is not None and not clean:
            flags = [n in marked for n in kept]
        if windows is None:
            kind = re.sub(r"^\d{14}\.|\.master$", "", name)
            windows = labels.windows_of(flags, frames.time, kind) if flags else []
        elif way == "all":
            windows = labels.windows_of(flags, frames.time, name)
        if clean:
            windows = []
        yield Part(name, target, frames, flags, windows)


# ---- contestants


def by_simple(part, detectors):
    """{name: [Event]} of the trained simple detectors."""
    found, kinds = {}, part.kinds()
    kind_at = {op.at: (op.channel, *op.message) for op in part.ops}
    for name, detector in detectors.items():
        events, last_of = [], {}
        for flag in detector.judge(part.ops, part.frames):
            e = last_of.get(flag.channel)
            if e is None or flag.time - e.last > QUIET:
                e = last_of[flag.channel] = Event(name, flag.time, flag.time, [], f"{flag.channel}: {flag.why}")
                events.append(e)
            e.last = max(e.last, flag.time)
            e.begins.append(flag.time)
            e.claims.append(flag.at)
        for e in events:
            wide = [part.frames.of_channel[part.frames.channel[e.claims[0]]]]
            if name in SIMPLE_OF_ONE_KIND:
                wide = [kinds[kind] for kind in {kind_at[n] for n in e.claims}]
            claims, first, last = set(e.claims), e.begins[0], e.begins[0]
            for t in (*e.begins[1:], NEVER):
                if t - last > BREAK:
                    if first != last:
                        for positions in wide:
                            claims.update(part.frames.between(positions, first, last))
                    first = t
                last = t
            e.claims = sorted(claims)
        found[name] = events
    return found


def _us(stamp):
    """2015-02-24T17:27:49.594074+0000 in µs since 1970."""
    t = datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%f%z")
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (t - epoch) // datetime.timedelta(microseconds=1)


def event_of(alert, frames, kinds=None):
    """kinds: of the part (Part.kinds())."""
    k = alert["kidoban"]
    first, last = _us(k["first"]), _us(k["last"])
    at = alert.get("pcap_cnt", 0) - 1  # none: that nothing came shows it
    src, dst, proto = alert.get("src_ip"), alert.get("dest_ip"), alert.get("proto")
    positions = channel = None
    if "src_port" in alert and "dest_port" in alert and proto in PROTO:
        channel = frames.find_channel(src, alert["src_port"], dst, alert["dest_port"], PROTO[proto])
        positions = frames.of_channel.get(channel)
    if positions is None and src and dst and proto:
        positions = frames.of_hosts.get((src, dst) if src <= dst else (dst, src))
    if positions is None:
        mac = alert.get("ether", {}).get("src_mac", "")
        positions = frames.of_mac.get(bytes.fromhex(mac.replace(":", "")), [])
    claims = {at} if 0 <= at < len(frames) else set()
    detector = k.get("baseline", {}).get("detector") or k["finding"]
    since = min(first, frames.time[at]) if claims else first
    if k["finding"].endswith(WHOLE_HOST):
        host = src  # a new host may be the one that is spoken to
        if k["finding"].startswith("baseline.") and k["baseline"]["permit"].endswith(f" {dst}"):
            host = dst
        side = "src_mac" if host == src else "dest_mac"
        mac = bytes.fromhex(alert.get("ether", {}).get(side, "").replace(":", ""))
        claims.update(n for n in frames.between(frames.of_mac.get(mac, []), since, NEVER)
                      if not frames.is_ip(n))
        for hosts, its in frames.of_hosts.items():
            if host in hosts:
                claims.update(frames.between(its, since, NEVER))
    elif k["finding"].endswith(WHOLE_CHANNEL):
        for permit in k.get("baseline", {}).get("more", []):
            words = permit.split()  # new-link CLIENT -> SERVER
            if words[0].endswith(WHOLE_CHANNEL):
                for c, its in frames.of_channel.items():
                    if {*c[:2]} == {words[1], words[3]} and frames.time[its[0]] >= since:
                        claims.update(frames.between(its, first, NEVER))
        claims.update(frames.between(positions, since, NEVER))
    elif first != last:
        op = k.get("op", {})
        kind = (channel, op.get("role"), str(op.get("code", "")),
                tuple(str(op.get(n, "")) for n in ("unit", "space", "first", "count")))
        if detector in OF_ONE_KIND and kinds and kind in kinds:
            positions = kinds[kind]
        claims.update(frames.between(positions, first, last))
    detector = "timing" if detector == "time" else detector
    return Event(detector, first, last, sorted(claims), f"{k['finding']}: {k.get('observed', '')}")


class Kidoban:
    """Runs the program; knows what this build of it can."""

    def __init__(self, exe, folder):
        self.exe, self.folder = os.path.abspath(exe), folder
        self.learns = "--baseline" in self._run("learn", "-h")

    def _run(self, *args):
        r = subprocess.run([self.exe, *args], capture_output=True, timeout=1800, cwd=self.folder,
                           env={**os.environ, "LC_ALL": "C", "TZ": "UTC"})
        if r.returncode not in (0, 1):
            raise RuntimeError(f"kidoban {' '.join(args)}: {r.returncode}: {r.stderr.decode()[-500:]}")
        return r.stdout.decode()

    def learn(self, parts, forbids=None):
        """What `replay` is given for each of kidoban's ways to judge. forbids: a policy, whose violations are not
        to be taken for normal."""
        paths = [p.path for p in parts]
        ways = {ALONE: []}
        policy = os.path.join(self.folder, "policy.yaml")
        self._run("learn", "--vendors", "none", "-f", "-o", policy, *paths)
        ways[POLICY] = ["-p", policy]
        if self.learns:
            baseline = os.path.join(self.folder, "baseline.yaml")
            for old in glob.glob(baseline + "*"):
                os.unlink(old)
            self._run("learn", "--baseline", baseline, *(["-p", forbids] if forbids else []), *paths)
            self._run("baseline", "freeze", baseline)
            ways[LEARNED] = ["-b", baseline]
        return ways

    def judge(self, options, part):
        out = self._run("replay", *options, "-q", "-o", "-", part.path)
        alerts = [e for e in map(json.loads, out.splitlines()) if e["event_type"] == "alert"]
        kinds = part.kinds()
        return [event_of(a, part.frames, kinds) for a in alerts]


# ---- counting


@dataclass
class Score:
    """Of one contestant in one scenario."""
    tp: int = 0
    fp: int = 0
    fn: int = 0
    attacks: int = 0
    delays: dict = field(default_factory=dict)  # attack, numbered -> (seconds, detector)
    names: dict = field(default_factory=dict)  # attack, numbered -> its kind
    false: list = field(default_factory=list)
    clean: float = 0.0  # µs judged outside of windows
    events: int = 0
    packets: bool = False

    def add(self, part, events, by):
        self.events += len(events)
        hostile = part.hostile
        self.clean += part.frames.duration() * 1e6 if by == "packets" else part.clean_time()
        marked = [t for h, t in zip(hostile or [], part.frames.time) if h]
        labelled = {w: any(w.begin <= t <= w.end for t in marked) for w in part.windows}
        if hostile is not None and by == "packets":
            self.packets = True
            claimed = set()
            for e in events:
                claimed.update(e.claims)
            tp = sum(1 for n in claimed if hostile[n])
            self.tp += tp
            self.fp += len(claimed) - tp
            self.fn += sum(hostile) - tp
        for w in part.windows:
            self.attacks += 1
            name = f"{self.attacks} {w.attack}"
            self.names[name] = re.sub(r" \d+$", "", w.attack)
            before = [v for v in part.windows if v.begin < w.begin <= v.end + GRACE]
            hits = []  # (when, by which detector)
            for e in events:
                if labelled[w] and not any(hostile[n] for n in e.claims):
                    continue
                began = [t for t in e.begins or [e.first] if w.begin <= t <= w.end + GRACE]
                if began:
                    hits.append((began[0], e.detector))
                elif e.first < w.begin <= e.last and any(v.begin <= e.first <= v.end + GRACE for v in before):
                    hits.append((w.begin, e.detector))
            if hits:
                begin = min((t for t in marked if w.begin <= t <= w.end), default=w.begin)
                self.delays[name] = (max(0, min(hits)[0] - begin) / 1e6, sorted({d for _, d in hits}))
        for e in events:
            if hostile is not None and any(hostile[n] for n in e.claims):
                continue
            if any(w.begin <= t <= w.end + GRACE and (by == "windows" or not labelled[w])
                   for w in part.windows for t in e.begins or [e.first]):
                continue
            self.false.append(e)

    def precision(self):
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None

    def recall(self):
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    def f1(self):
        d = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / d if d else None

    def row(self, name):
        def part(x):
            return "-" if not self.packets or x is None else f"{x:.4f}"
        found = f"{len(self.delays)}/{self.attacks}" if self.attacks else "-"
        delay = f"{statistics.median(d for d, _ in self.delays.values()):.2f} s" if self.delays else "-"
        rate = f"{len(self.false) * DAY / self.clean:.1f}" if self.clean >= 0.99 * HOUR else "-"
        return (f"| {name} | {found} | {delay} | {part(self.precision())} | {part(self.recall())} | "
                f"{part(self.f1())} | {self.events} | {len(self.false)} | {rate} |")


HEAD = ("| | attacks found | median delay | precision | recall | F1 | events | false events | false per day |\n"
        "|---|---|---|---|---|---|---|---|---|")


@dataclass
class Sum:
    """How much was learned from, or judged."""
    frames: int = 0
    ops: int = 0
    hostile: int = 0
    seconds: float = 0.0

    def add(self, part):
        self.frames += len(part.frames)
        self.ops += len(part.ops)
        self.hostile += sum(part.hostile or [])
        self.seconds += part.frames.duration()


def run_scenario(s, exe, shared):
    """{contestant: Score}, in order of the table, and how much was learned from and judged."""
    with tempfile.TemporaryDirectory(prefix="kidoban-baseline-") as folder:
        cuts, work = os.path.join(folder, "cuts"), os.path.join(folder, "work")
        os.mkdir(cuts)
        os.mkdir(work)
        learned = [p for spec in s["learn"] for p in make_parts(spec, shared, cuts)]
        if not learned:
            return None, None
        detectors = {n: make() for n, make in simple.ALL.items()}
        sums = {"learned": Sum(), "judged": Sum()}
        for p in learned:
            p.ops = simple.read_ops(exe, p.path, p.frames)
            sums["learned"].add(p)
            for d in detectors.values():
                d.learn(p.ops, p.frames)
        for d in detectors.values():
            d.finish()
        kidoban = Kidoban(exe, work)
        ways = kidoban.learn(learned, s.get("policy"))
        learned.clear()
        scores = {}
        for p in (p for spec in s["test"] for p in make_parts(spec, shared, cuts)):  # one at a time: they may be large
            p.ops = simple.read_ops(exe, p.path, p.frames)
            sums["judged"].add(p)
            found = by_simple(p, detectors)
            together = [e for events in found.values() for e in events]
            for name, events in (*found.items(), (TOGETHER, together)):
                scores.setdefault(name, Score()).add(p, events, s["by"])
            for name, options in ways.items():
                events = kidoban.judge(options, p)
                scores.setdefault(name, Score()).add(p, events, s["by"])
                if name == LEARNED:
                    for detector in DETECTORS:
                        some = [e for e in events if e.detector == detector]
                        scores.setdefault(f"- {detector}", Score()).add(p, some, s["by"])
        return (scores, sums) if scores else (None, None)


def plant_scenarios(folder, others=None):
    """What plant.py made: runs beside `train` (or `NAME-train`, with others of that name): clean-* and attacks.
    others: a folder of runs with other seeds, judged by what was learned in the first."""
    yield from _plant_runs(folder, folder, "")
    if others:
        yield from _plant_runs(folder, others, ", seeds that nothing was made with")


def _plant_runs(folder, judged, about):
    names = sorted(os.path.basename(p).removesuffix(".pcap") for p in glob.glob(os.path.join(folder, "*.pcap")))
    plants = sorted((n.removesuffix("train") for n in names if n == "train" or n.endswith("-train")), key=len)
    owner = {n: max((p for p in plants if n.startswith(p)), key=len, default=None) for n in names}
    for plant in plants:
        title = plant.rstrip("-") or "plant"
        own = [n for n in names if owner[n] == plant and n.removeprefix(plant) not in ("train", "poisoned")
               and os.path.exists(os.path.join(judged, n + ".pcap"))]
        clean = [n for n in own if n.removeprefix(plant).startswith("clean")]
        runs = [([n], n, "clean", "windows") for n in clean]
        attacks = [n for n in own if n not in clean]
        if attacks:
            runs.append((attacks, "attacks", "plant", "packets"))
        for files, what, way, by in runs:
            yield {"id": f"{title}-{what}" + ("-other" if about else ""),
                   "title": f"Lab, {title}: {what.removeprefix(plant)}{about}",
                   "learn": [{"file": os.path.abspath(os.path.join(folder, plant + "train.pcap"))}],
                   "test": [{"file": os.path.abspath(os.path.join(judged, n + ".pcap")), "labels": way} for n in files],
                   "by": by}
    if about or not {"poisoned", "write-by-reader"} <= set(names):
        return
    s = {"by": "packets", "learn": [{"file": os.path.abspath(os.path.join(folder, "poisoned.pcap"))}],
         "test": [{"file": os.path.abspath(os.path.join(folder, "write-by-reader.pcap")), "labels": "plant"}]}
    yield {"id": "poisoned", "policy": os.path.join(HERE, "bottling.yaml"), **s,
           "title": "Lab, plant: what a policy forbids was there while learning, and comes again",
           "note": "kidoban learned with the policy, and judges without it; the others know no policy"}
    yield {"id": "poisoned-no-policy", **s,
           "title": "Lab, plant: the same, and nobody said that it is forbidden",
           "note": "learned with no policy, what the attacker does is normal"}


def attack_table(scores):
    """Which attack was found by whom, attacks of one name in one row; nothing where there is one name only."""
    names = next(iter(scores.values())).names
    kinds = list(dict.fromkeys(names.values()))
    if len(kinds) < 2:
        return
    who = [n for n in scores if n.startswith("kidoban")]
    yield "| attack | " + " | ".join(who) + " | found by |"
    yield "|---|" + "---|" * (len(who) + 1)
    for kind in kinds:
        these = [n for n, k in names.items() if k == kind]
        cells = []
        for w in who:
            hits = [scores[w].delays[n] for n in these if n in scores[w].delays]
            by = ", ".join(sorted({d for _, detectors in hits for d in detectors}))
            delay = f", {statistics.median(d for d, _ in hits):.1f} s: {by}" if hits else ""
            cells.append(f"{len(hits)}/{len(these)}{delay}")
        others = [f"{n} {found}/{len(these)}" for n in simple.ALL
                  if (found := sum(1 for t in these if t in scores[n].delays))]
        yield f"| {kind} | " + " | ".join(cells) + f" | {', '.join(others) or '-'} |"
    yield ""


def better(scores):
    """In what others are better than the learned baseline: words, or None if this build has no baseline."""
    own = scores.get(LEARNED)
    if own is None:
        return None
    found = []
    for name, s in scores.items():
        if s.packets and (s.f1() or 0) > (own.f1() or 0):
            found.append(f"{name} (F1 {s.f1():.4f}, not {own.f1() or 0:.4f})")
        elif len(s.delays) > len(own.delays) and len(s.false) <= len(own.false):
            found.append(f"{name} (finds {len(s.delays)}, not {len(own.delays)}, with no more false events)")
        elif len(s.delays) >= len(own.delays) and len(s.false) < len(own.false):
            found.append(f"{name} (finds as many, with {len(s.false)} false events, not {len(own.false)})")
    return ", ".join(found) or "none"


def about(sums, scores, detail):
    learned, judged = sums["learned"], sums["judged"]
    yield (f"Learned from {learned.frames} frames with {learned.ops} ops in {learned.seconds:.0f} s; judged "
           f"{judged.frames} frames with {judged.ops} ops in {judged.seconds:.0f} s, {judged.hostile} frames labelled hostile.")
    if not learned.ops + judged.ops:
        yield "No protocol here that kidoban dissects: what judges ops has nothing to judge, and is left out."
    yield ""
    silent = () if learned.ops + judged.ops else simple.OF_OPS
    yield HEAD
    for name, score in scores.items():
        if name not in silent:
            yield score.row(name)
    yield ""
    words = better(scores)
    if words:
        yield f"Better than *{LEARNED}* here: {words}."
        yield ""
    yield from attack_table(scores)
    if detail:
        for name, score in scores.items():
            if name == TOGETHER:
                continue
            for attack, (delay, who) in score.delays.items():
                yield f"    {name}: found {attack} after {delay:.3f} s: {', '.join(who)}"
            for e in score.false[:20]:
                yield f"    {name}: false, {e.detector}, {len(e.claims)} frames: {e.what}"
        yield ""


def section(s, exe, shared, detail):
    """Lines of the report about one scenario."""
    print(s["id"], file=sys.stderr, flush=True)
    lines = [f"## {s['title'][0].upper()}{s['title'][1:]}", ""]
    if "note" in s:
        lines += [f"Note: {s['note']}.", ""]
    if "skip" in s:
        return lines + [f"SKIP: {s['skip']}.", ""]
    scores, sums = run_scenario(s, exe, shared)
    if scores is None:
        return lines + ["SKIP: the captures are not here.", ""]
    return lines + list(about(sums, scores, detail))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kidoban", default=os.path.join(ROOT, "build/src/kidoban"))
    parser.add_argument("--shared", default=os.path.join(ROOT, "..", "shared", "pcaps"))
    parser.add_argument("--plant")
    parser.add_argument("--others", help="runs of plant.py --seed N")
    parser.add_argument("--jobs", type=int, default=2, help="scenarios at a time")
    parser.add_argument("--only", default="")
    parser.add_argument("--detail", action="store_true")
    parser.add_argument("-o", "--output")
    args = parser.parse_args()
    with open(os.path.join(HERE, "scenarios.yaml"), encoding="utf-8") as f:
        scenarios = yaml.safe_load(f)
    if args.plant:
        scenarios += plant_scenarios(args.plant, args.others)
    only = [o for o in args.only.split(",") if o]
    lines = ["# The learned baseline, measured", "",
             "Made by `tests/baseline/evaluate.py" + (" --plant DIR" if args.plant else "") +
             (" --others DIR" if args.others else "") + " -o "
             "docs/baseline-results.md`; what is counted, and how:", ""]
    rules = __doc__.partition("\n- ")[2].splitlines()
    lines += ["- " + rules[0], *rules[1:], "",
              "Contestants: *kidoban, learned* is the frozen baseline of the learned part, *- set* to *- order* its",
              "detectors alone; *knows nothing* has neither baseline nor policy; *proposed policy* has what `kidoban",
              "learn -o` proposes, unedited. The others are simple published methods: `tests/baseline/simple.py` says",
              "which. They have no budget and no severity: each deviation counts.", ""]
    chosen = [s for s in scenarios if not only or any(s["id"].startswith(o) for o in only)]
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        for made in pool.map(section, *zip(*((s, args.kidoban, os.path.abspath(args.shared), args.detail)
                                             for s in chosen))):
            lines += made
    text = "\n".join(lines)
    if args.output:
        with open(args.output, "w", encoding="utf-8") as f:
            f.write(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
