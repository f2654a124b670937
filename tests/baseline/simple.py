"""Simple published baselines, told from their descriptions: what a learned baseline has to beat.

Each learns from ops (or frames) of a training part and flags ops (or frames) of a test part. None tolerates more
than its paper does. `kidoban ops --format tsv` reads the protocols for them; nothing else of kidoban is used.

  iat-mean, iat-range   C.-Y. Lin, S. Nadjm-Tehrani, M. Asplund: Timing-Based Anomaly Detection in SCADA Networks,
                        CRITIS 2017. Mean, and range, of the last W inter-arrival times of one kind of message against
                        limits N standard deviations from what was learned. W = 5, N = 4 as in the IPAL collection.
  iat-minmax            the same times, each against the least and the greatest learned
  minmax                K. Wolsing, L. Thiemt, C. van Sloun, E. Wagner, K. Wehrle, M. Henze: Can Industrial Intrusion
                        Detection Be SIMPLE?, ESORICS 2022. Least and greatest value of each object.
  dfa                   N. Goldenberg, A. Wool: Accurate Modeling of Modbus/TCP for Intrusion Detection in SCADA
                        Systems, IJCIP 6(2), 2013. One cyclic pattern per channel, learned from about 100 messages.
  whitelist             R. R. R. Barbosa, R. Sadre, A. Pras: Flow Whitelisting in SCADA Networks, IJCIP 6(3-4), 2013.
                        Conversations: client, server, transport, server port.
  codes                 the whitelist with function codes: (client, server, server port, code)
"""

import csv
import io
import statistics
import subprocess
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

IAT_WINDOW, IAT_SIGMAS = 5, 4.0
DFA_MESSAGES = 100


class Op(NamedTuple):
    """One line of `kidoban ops`. channel: (client, server, transport, server port); at: position of its frame."""
    at: int
    time: int  # µs
    channel: tuple
    role: str
    code: str
    where: tuple  # unit, space, first, count
    values: tuple  # of numbers, if that is what they are
    status: str

    @property
    def message(self):
        """What makes two messages the same kind: a letter of the alphabet."""
        return self.role, self.code, self.where


@dataclass(frozen=True)
class Flag:
    """A deviation: position of the frame (from 0), time in µs, channel, why."""
    at: int
    time: int
    channel: tuple
    why: str


def read_ops(kidoban, capture, frames):
    """The ops of a capture, in order; `frames` (frames.Frames) of the same file says the channels."""
    run = subprocess.run([kidoban, "ops", "--format", "tsv", capture], capture_output=True, check=True, timeout=600)
    ops = []
    for r in csv.DictReader(io.StringIO(run.stdout.decode()), delimiter="\t", quoting=csv.QUOTE_NONE):
        at = int(r["frame"]) - 1
        ops.append(Op(at, frames.time[at], frames.channel[at], r["role"], r["code"],
                      (r["unit"], r["space"], r["first"], r["count"]), _numbers(r["values"]), r["status"]))
    return ops


def _numbers(text):
    try:
        return tuple(float(v) for v in text.split(",")) if text else ()
    except ValueError:
        return ()


class Detector:
    """learn() each training part, then finish() once, then judge() a test part: yields Flags in order."""

    def learn(self, ops, frames):
        raise NotImplementedError

    def finish(self):
        pass

    def judge(self, ops, frames):
        raise NotImplementedError


class Arrivals(Detector):
    """Times between messages of one kind; what limits are made of them, and what is held against these, varies."""

    def __init__(self):
        self.times = {}  # kind -> list of runs of inter-arrival times, one run per part
        self.limits = {}

    def learn(self, ops, frames):
        last = {}
        for op in ops:
            kind = (op.channel, *op.message)
            before = last.get(kind)
            last[kind] = op.time
            self.times.setdefault(kind, [])
            if before is not None:
                self.times[kind].append((op.time - before) / 1e6)

    def finish(self):
        for kind, times in self.times.items():
            self.limits[kind] = self.make(times) if len(times) > IAT_WINDOW else None

    def judge(self, ops, frames):
        last, recent = {}, {}
        for op in ops:
            kind = (op.channel, *op.message)
            if kind not in self.limits:
                yield Flag(op.at, op.time, op.channel, "never seen")
                continue
            limits = self.limits[kind]
            before = last.get(kind)
            last[kind] = op.time
            if before is None or limits is None:
                continue
            window = recent.setdefault(kind, deque(maxlen=IAT_WINDOW))
            window.append((op.time - before) / 1e6)
            value = self.measure(window)
            if value is not None and not limits[0] <= value <= limits[1]:
                yield Flag(op.at, op.time, op.channel, f"{value:.3f} s not in {limits[0]:.3f}..{limits[1]:.3f} s")

    def make(self, times):
        raise NotImplementedError

    def measure(self, window):
        raise NotImplementedError


class ArrivalMean(Arrivals):
    def make(self, times):
        mean, dev = statistics.fmean(times), statistics.pstdev(times)
        return max(0.0, mean - IAT_SIGMAS * dev), mean + IAT_SIGMAS * dev

    def measure(self, window):
        return statistics.fmean(window) if len(window) == IAT_WINDOW else None


class ArrivalRange(Arrivals):
    def make(self, times):
        windows = [times[i:i + IAT_WINDOW] for i in range(len(times) - IAT_WINDOW + 1)]
        ranges = [max(w) - min(w) for w in windows]
        return min(ranges), statistics.fmean(ranges) + IAT_SIGMAS * statistics.pstdev(ranges)

    def measure(self, window):
        return max(window) - min(window) if len(window) == IAT_WINDOW else None


class ArrivalMinMax(Arrivals):
    def make(self, times):
        return min(times), max(times)

    def measure(self, window):
        return window[-1]


class MinMax(Detector):
    """Least and greatest value of each object, as read or as written; an object not learned is flagged."""

    def __init__(self):
        self.limits = {}

    @staticmethod
    def _objects(op):
        unit, space, first, _ = op.where
        if not op.values or not first.lstrip("-").isdigit():
            return
        server, port = op.channel[1], op.channel[3]
        for i, value in enumerate(op.values):
            yield (server, port, unit, space, int(first) + i), value

    def learn(self, ops, frames):
        for op in ops:
            for name, value in self._objects(op):
                low, high = self.limits.get(name, (value, value))
                self.limits[name] = (min(low, value), max(high, value))

    def judge(self, ops, frames):
        for op in ops:
            for name, value in self._objects(op):
                limits = self.limits.get(name)
                if limits is None or not limits[0] <= value <= limits[1]:
                    yield Flag(op.at, op.time, op.channel, f"{name}: {value} not in {limits}")
                    break


class Dfa(Detector):
    """One cycle per channel.

    The states are the places of the pattern. A message is normal (the next place), a retransmission (the same
    letter as before), a miss (a letter of the pattern out of its place: the automaton goes there), or unknown. The
    pattern is the length, up to half of the messages learned from, that makes most of these normal; the shortest of
    equals. Misses and unknowns are flagged.
    """

    def __init__(self):
        self.first = {}
        self.pattern = {}

    def learn(self, ops, frames):
        for op in ops:
            seen = self.first.setdefault(op.channel, [])
            if len(seen) < DFA_MESSAGES:
                seen.append(op.message)

    def finish(self):
        for channel, seen in self.first.items():
            best = (-1, [])
            for length in range(1, max(1, len(seen) // 2) + 1):
                pattern = seen[:length]
                walk = self._walk(pattern, seen)
                normal = sum(1 for _, _, step in walk if step == "normal")
                if normal > best[0]:
                    best = (normal, pattern)
            self.pattern[channel] = best[1]

    @staticmethod
    def _walk(pattern, messages, state=None):
        """Yields (message, new state, normal | retransmission | miss | unknown | start)."""
        n = len(pattern)
        for m in messages:
            if state is not None and pattern[(state + 1) % n] == m:
                state, step = (state + 1) % n, "normal"
            elif state is not None and pattern[state] == m:
                step = "retransmission"
            else:
                ahead = [i for i in range(n) if pattern[i] == m]
                if not ahead:
                    step = "unknown"
                elif state is None:
                    state, step = ahead[0], "start"
                else:
                    state, step = min(ahead, key=lambda i: (i - state) % n), "miss"
            yield m, state, step

    def judge(self, ops, frames):
        state = {}
        for op in ops:
            pattern = self.pattern.get(op.channel)
            if pattern is None:
                yield Flag(op.at, op.time, op.channel, "channel never seen")
                continue
            _, state[op.channel], step = next(self._walk(pattern, [op.message], state.get(op.channel)))
            if step in ("miss", "unknown"):
                yield Flag(op.at, op.time, op.channel, f"{step}: {op.message}")


class Whitelist(Detector):
    """Conversations. Judges every IP frame, not only ops."""

    def __init__(self):
        self.known = set()

    def learn(self, ops, frames):
        self.known.update(c for c in frames.of_channel if isinstance(c[2], int))

    def judge(self, ops, frames):
        for at, channel in enumerate(frames.channel):
            if frames.is_ip(at) and channel not in self.known:
                yield Flag(at, frames.time[at], channel, "conversation never seen")


class Codes(Detector):
    """Function codes per channel."""

    def __init__(self):
        self.known = set()

    def learn(self, ops, frames):
        self.known.update((op.channel, op.code) for op in ops)

    def judge(self, ops, frames):
        for op in ops:
            if (op.channel, op.code) not in self.known:
                yield Flag(op.at, op.time, op.channel, f"code {op.code} never seen")


ALL = {
    "iat-mean": ArrivalMean,
    "iat-range": ArrivalRange,
    "iat-minmax": ArrivalMinMax,
    "minmax": MinMax,
    "dfa": Dfa,
    "whitelist": Whitelist,
    "codes": Codes,
}

OF_OPS = tuple(n for n in ALL if n != "whitelist")
