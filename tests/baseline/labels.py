"""Readers of the label formats: which frames, and which spans of time, an author of captures calls hostile.

Each format ends in the same two things: `hostile`, one bool per frame in file order (or None where the source
does not say it per frame), and `windows`, the spans in which something was done, with its name.
"""

import csv
import json
import os
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """One thing that was done: its name, from when to when (µs since 1970), and words about it."""
    attack: str
    begin: int
    end: int
    about: str = ""


def _us(seconds):
    """Decimal seconds as text or number into µs, without the loss of a float where it is text."""
    if isinstance(seconds, str):
        whole, _, part = seconds.strip().partition(".")
        return int(whole) * 1_000_000 + int((part + "000000")[:6])
    return round(seconds * 1_000_000)


def lemay(path):
    """`n;0` or `n;1` per frame, in order: a list of bool."""
    hostile = []
    with open(path, encoding="ascii") as f:
        for expected, line in enumerate(f, 1):
            number, label = line.strip().split(";")
            if int(number) != expected or label not in ("0", "1"):
                raise ValueError(f"{path}:{expected}: {line.strip()!r}")
            hostile.append(label == "1")
    return hostile


def ipal(path):
    """Spans of time, coarser than per frame; an empty list is "no attack"."""
    with open(path, encoding="utf-8") as f:
        return [Window(w["id"], _us(w["start"]), _us(w["end"]), w.get("description", "")) for w in json.load(f)]


def qut_windows(path):
    """`start_epoch_utc,end_epoch_utc,attack,args,attacker_packets_in_window`."""
    with open(path, encoding="utf-8", newline="") as f:
        return [Window(r["attack"], _us(r["start_epoch_utc"]), _us(r["end_epoch_utc"]), r["args"])
                for r in csv.DictReader(f)]


def qut_frames(path):
    """`frame,epoch,src_is_attacker_mac,attack_window` per frame: list of (sent by the attacker's MAC, attack or "")."""
    rows = []
    with open(path, encoding="utf-8", newline="") as f:
        for expected, r in enumerate(csv.DictReader(f), 1):
            if int(r["frame"]) != expected:
                raise ValueError(f"{path}: frame {r['frame']} where {expected} was expected")
            rows.append((r["src_is_attacker_mac"] == "1", r["attack_window"]))
    return rows


def qut_s7(path):
    """`frame,summary,class` of the frames an attacker sent; the summary may hold commas: {frame: class}."""
    found = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip():
                number, _, rest = line.strip().partition(",")
                found[int(number)] = rest.rpartition(",")[2]
    return found


CHANGE = re.compile(r"(Cloned|Removed|Swapped) packets?: (\d+)(?:(?:,| to) (\d+))?\s*$")


def iec104_changes(path):
    """What was done to a copy of a capture, in order: ("clone", from, to), ("remove", at) or ("swap", a, b).

    Positions count from 1 in the capture as the changes before have left it.
    """
    changes = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if not line[:1].isalpha() or line.startswith("Modifications"):
                continue
            m = CHANGE.match(line)
            if not m:
                raise ValueError(f"{path}:{number}: {line.strip()!r}")
            kind = {"Cloned": "clone", "Removed": "remove", "Swapped": "swap"}[m[1]]
            changes.append((kind, *(int(g) for g in m.groups()[1:] if g)))
    return changes


def iec104_origin(changes, count):
    """Where each packet of the copy came from, of `count` packets: list of (position from 1, changed or not).

    A removed packet leaves no mark of its own: the one behind the gap is marked. Swapped means: the first is taken
    out, then the second, which is counted in what is left; then the second is put where the first was, and the first
    where the second was. (The three copies that are there agree with this packet by packet.)
    """
    line = [(n, False) for n in range(1, count + 1)]
    for kind, *at in changes:
        if kind == "clone":
            line.insert(at[1] - 1, (line[at[0] - 1][0], True))
        elif kind == "remove":
            del line[at[0] - 1]
            if at[0] <= len(line):
                line[at[0] - 1] = (line[at[0] - 1][0], True)
        else:
            first = line.pop(at[0] - 1)
            second = line.pop(at[1] - 1)
            line.insert(at[0] - 1, (second[0], True))
            line.insert(at[1] - 1, (first[0], True))
    return line


def plant(stem):
    """The lab plant's own: STEM.labels.csv (`frame,label`) and STEM.windows.csv (`attack,begin,end,description`).

    Frames that are not listed, and those with label 0, normal or none, are not hostile. Times are seconds since
    1970. Returns ({frame: label}, windows); a file that is not there says nothing.
    """
    hostile, windows = {}, []
    if os.path.exists(stem + ".labels.csv"):
        with open(stem + ".labels.csv", encoding="utf-8", newline="") as f:
            for r in csv.DictReader(f):
                if r["label"].strip().lower() not in ("", "0", "normal", "clean", "none"):
                    hostile[int(r["frame"])] = r["label"].strip()
    if os.path.exists(stem + ".windows.csv"):
        with open(stem + ".windows.csv", encoding="utf-8", newline="") as f:
            windows = [Window(r["attack"], _us(r["begin"]), _us(r["end"]), r["description"] or "")
                       for r in csv.DictReader(f)]
    return hostile, windows


def windows_of(hostile, times, name, gap=10.0):
    """Spans of hostile frames that stand at most `gap` seconds apart, for sets that label frames only."""
    found = []
    for flag, time in zip(hostile, times):
        if not flag:
            continue
        if found and time - found[-1][1] <= gap * 1e6:
            found[-1][1] = time
        else:
            found.append([time, time])
    return [Window(f"{name} {n}" if len(found) > 1 else name, b, e) for n, (b, e) in enumerate(found, 1)]
