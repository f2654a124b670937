#!/usr/bin/env python3
"""Baselines from outside: learned, shown, frozen, compared, approved, merged, relearned. Prints TAP.

tests/baseline_cli.py [build/src/kidoban]
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KIDOBAN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/src/kidoban"))
NORMAL, DEMO = "pcaps/model1-normal.pcap", "pcaps/demo-model1.pcap"
WEEK = [NORMAL, "pcaps/factories/model1-normal.pcap", "pcaps/factories/uc1-normal.pcap",
        "pcaps/factories/uc2-normal.pcap"]
HMI, PLC = "10.40.0.5", "10.50.0.11"
AT = "2026-12-01T09:00:00Z"
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def kidoban(*args, code=0):
    r = subprocess.run([KIDOBAN, *map(str, args)], capture_output=True, timeout=300, check=False, cwd=ROOT,
                       stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C", "TZ": "UTC"})
    err = r.stderr.decode("utf-8", "replace")
    assert "Sanitizer" not in err and "runtime error:" not in err, err[-3000:]
    codes = code if isinstance(code, tuple) else (code,)
    assert r.returncode in codes, f"{' '.join(map(str, args))}: exit {r.returncode}, not {code}: {err[-800:]}"
    return r.stdout.decode(), err


def text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path, what):
    with open(path, "w", encoding="utf-8") as f:
        f.write(what)
    return path


def learned(path, *captures, args=()):
    kidoban("learn", "--baseline", path, *args, *captures)
    return path


def frozen(path, *args):
    kidoban("baseline", "freeze", path, "--at", AT, *args)
    return path


def alerts(baseline, *captures, args=()):
    out, _ = kidoban("replay", "-b", baseline, *args, "-o", "-", *captures)
    return [e for e in map(json.loads, out.splitlines()) if e["event_type"] == "alert"]


def deviations(baseline, *captures, args=()):
    """Findings of the baseline, those that were joined into the event of another one too."""
    events = [e["kidoban"] for e in alerts(baseline, *captures, args=args)]
    return [f for e in events if e["finding"].startswith("baseline.")
            for f in [e["finding"]] + [a["finding"] for a in e.get("baseline", {}).get("also", [])]]


def observed(baseline, *captures, args=()):
    return "\n".join(e["kidoban"]["observed"] for e in alerts(baseline, *captures, args=args)
                     if e["kidoban"]["finding"].startswith("baseline."))


# ---- learning ---------------------------------------------------------------------------------


@test
def the_same_captures_make_the_same_file_in_whatever_order(d):
    made = []
    for i in range(3):
        captures = WEEK[:]
        random.Random(i).shuffle(captures)
        made.append(text(learned(os.path.join(d, f"b{i}"), *captures)))
    assert made[0] == made[1] == made[2]
    assert made[0].startswith("# What is normal here")


@test
def a_capture_does_not_count_twice(d):
    path = learned(os.path.join(d, "b"), NORMAL)
    once = text(path)
    _, err = kidoban("learn", "--baseline", path, NORMAL)
    assert "learned from already" in err and text(path) == once
    _, err = kidoban("learn", "--baseline", os.path.join(d, "c"), NORMAL, NORMAL)
    assert "learned from already" in err and text(os.path.join(d, "c")) == once


@test
def it_learns_on_while_it_is_not_frozen(d):
    path = learned(os.path.join(d, "b"), NORMAL)
    _, err = kidoban("learn", "--baseline", path, "pcaps/factories/uc1-normal.pcap")
    assert "learned so far" in err and text(path).count("print:") == 2
    frozen(path)
    before = text(path)
    _, err = kidoban("learn", "--baseline", path, DEMO, code=2)
    assert "is frozen" in err and "thaw" in err and text(path) == before
    kidoban("baseline", "thaw", path)
    kidoban("learn", "--baseline", path, DEMO)
    assert text(path).count("print:") == 3


@test
def what_the_policy_forbids_is_told_and_not_learned(d):
    open_, guarded = os.path.join(d, "open"), os.path.join(d, "guarded")
    learned(open_, NORMAL, DEMO)
    _, err = kidoban("learn", "--baseline", guarded, "-p", "zones/model1.yaml", NORMAL, DEMO)
    assert "what violates the policy was not learned" in err and "policy.op-denied" in err
    assert "unity-umas" in text(open_) and "unity-umas" not in text(guarded)
    assert "unity-umas" in observed(guarded, DEMO) and "unity-umas" not in observed(open_, DEMO)


@test
def operating_modes_are_learned_apart(d):
    path = learned(os.path.join(d, "b"), NORMAL)
    learned(path, DEMO, args=("--operating-mode", "maintenance"))
    assert "\n  maintenance:\n" in text(path)
    assert "unity-umas" in observed(path, DEMO)
    assert "unity-umas" not in observed(path, DEMO, args=("--operating-mode", "maintenance"))


@test
def what_learning_cannot_do_is_said(d):
    path = os.path.join(d, "b")
    for args, code, said in (
            ([], 2, "which capture"),
            (["-o", "x", NORMAL], 2, "--baseline is about what is normal"),
            (["-p", "/nonexistent", NORMAL], 2, "/nonexistent"),
            (["-"], 2, "must be|standard input"),
            (["/nonexistent.pcap"], 3, "/nonexistent.pcap")):
        _, err = kidoban("learn", "--baseline", path, *args, code=code)
        assert any(s in err for s in said.split("|")), err
    _, err = kidoban("learn", "-p", "zones/model1.yaml", NORMAL, code=2)
    assert "need --baseline" in err


# ---- comparing --------------------------------------------------------------------------------


@test
def what_was_learned_is_silent_and_an_attack_is_not(d):
    path = frozen(learned(os.path.join(d, "b"), *WEEK))
    for capture in WEEK:
        said = [f for f in deviations(path, capture) if "new" in f]
        assert said == [], (capture, said)
    assert {"baseline.new-op", "baseline.new-writer"} <= set(deviations(path, DEMO))


@test
def one_that_still_learns_is_judged_as_if_frozen_and_stays(d):
    path = learned(os.path.join(d, "b"), NORMAL)
    before = text(path)
    _, err = kidoban("replay", "-b", path, DEMO)
    assert "still learns" in err and text(path) == before
    one = deviations(path, DEMO)
    assert one == deviations(frozen(path), DEMO)


@test
def every_event_says_what_was_expected(d):
    path = frozen(learned(os.path.join(d, "b"), NORMAL))
    for e in alerts(path, DEMO):
        if e["kidoban"]["finding"].startswith("baseline."):
            assert e["kidoban"]["expected"] and e["kidoban"]["observed"], e


# ---- the text ---------------------------------------------------------------------------------


@test
def it_may_be_edited(d):
    path = frozen(learned(os.path.join(d, "b"), NORMAL))
    # an item that somebody deletes is no longer known; nothing else changes its meaning
    lines = text(path).splitlines(keepends=True)
    acts = [i for i, l in enumerate(lines) if "do: write-multiple-registers" in l and "id:" not in l]
    assert acts
    write(path, "".join(l for i, l in enumerate(lines) if i not in acts))
    assert "baseline.new-op" in deviations(path, NORMAL)


@test
def mistakes_have_line_and_column_and_nothing_is_half_loaded(d):
    path = learned(os.path.join(d, "b"), NORMAL)
    good = text(path)
    number = 1 + good[:good.index("state: learning")].count("\n")
    write(path, good.replace("state: learning", "state: melting\nflavour: 3"))
    for args in (["baseline", "show", path], ["replay", "-b", path, NORMAL], ["baseline", "freeze", path],
                 ["learn", "--baseline", path, DEMO]):
        _, err = kidoban(*args, code=2)
        assert f"{path}:{number}:8: error" in err and f"{path}:{number + 1}:1: error: unknown key" in err, err
    assert "melting" in text(path)


@test
def a_large_one_has_a_compiled_form_that_may_be_deleted_or_damaged(d):
    captures = [os.path.join("pcaps/factories", n) for n in sorted(os.listdir(os.path.join(ROOT, "pcaps/factories")))
                if n.endswith(".pcap")]
    path = frozen(learned(os.path.join(d, "b"), *captures))
    if os.path.getsize(path) < 128 * 1024:
        return "SKIP the captures of the repository make a small baseline"
    shown, _ = kidoban("baseline", "show", path)
    for damage in (lambda p: os.unlink(p), lambda p: write(p, "nonsense"), lambda p: os.truncate(p, 1000)):
        assert os.path.exists(path + ".bin")
        damage(path + ".bin")
        assert kidoban("baseline", "show", path)[0] == shown
    write(path, text(path).replace("state: frozen", "state: learning"))
    assert "still learning" in kidoban("baseline", "show", path)[0]
    return None


# ---- show, diff -------------------------------------------------------------------------------


@test
def show_sums_up_and_selects(d):
    path = learned(os.path.join(d, "b"), NORMAL)
    out, _ = kidoban("baseline", "show", path)
    assert f"{HMI} -> {PLC} modbus unit 1" in out and "still learning" in out
    out, _ = kidoban("baseline", "show", "--channel", "modbus", "--host", HMI, path)
    assert "read-holding-registers holding 100-119, 10 times, every 0.5 s" in out and "mqtt" not in out
    assert "holding 101: 401 to 410, 2 values" in out
    frozen(path, "--by", "tanaka", "--reason", "read it")
    out, _ = kidoban("baseline", "show", path)
    assert "approved by tanaka: read it" in out and "2026-12-01 09:00:00" in out


@test
def diff_says_what_is_new_gone_and_changed(d):
    a, b = learned(os.path.join(d, "a"), NORMAL), learned(os.path.join(d, "b"), NORMAL, DEMO)
    out, _ = kidoban("baseline", "diff", a, a)
    assert out == "no difference\n"
    out, _ = kidoban("baseline", "diff", a, b, code=1)
    assert "operating mode normal:" in out and "  new channel 10.10.0.30 -> 10.50.0.11 modbus unit 1" in out
    assert "unity-umas" in out and "seen" not in out
    back, _ = kidoban("baseline", "diff", b, a, code=1)
    assert "  gone channel 10.10.0.30 -> 10.50.0.11 modbus unit 1" in back
    out, _ = kidoban("baseline", "diff", "--all", a, b, code=1)
    assert "seen" in out


# ---- freeze, approve --------------------------------------------------------------------------


@test
def freezing_asks_for_a_name_with_its_reason(d):
    path = learned(os.path.join(d, "b"), NORMAL)
    for args, said in ((["--by", "x"], "go together"), (["--budget", "0"], "above 0"), (["--at", "noon"], "--at takes"),
                       (["--by", "a\nb", "--reason", "c"], "printable")):
        _, err = kidoban("baseline", "freeze", path, *args, code=2)
        assert said in err
    out, _ = kidoban("baseline", "freeze", path, "--at", AT, "--budget", "2.5")
    assert "approved by nobody" in out and "2.5 events a day" in out
    assert "by:" not in text(path).split("modes:")[0]
    kidoban("baseline", "freeze", path, "--at", AT, "--by", "tanaka", "--reason", "read: it")
    assert '  by: tanaka\n  reason: "read: it"\n' in text(path) and "events-per-day: 2.5" in text(path)


def permits_of(events):
    return [e["kidoban"]["baseline"]["permit"] for e in events if "baseline" in e["kidoban"]]


@test
def what_is_approved_is_not_told_again(d):
    path, eve = frozen(learned(os.path.join(d, "b"), NORMAL)), os.path.join(d, "eve.json")
    kidoban("replay", "-b", path, "-o", eve, DEMO)
    events = [json.loads(l) for l in text(eve).splitlines()]
    about = [i for i, e in enumerate(events, 1) if "baseline" in e.get("kidoban", {})]
    if not about:
        return "SKIP alerts do not carry the permit yet"
    _, err = kidoban("baseline", "approve", path, "--alert", eve, "--by", "sato", "--reason", "r", code=3)
    assert "more than one" in err
    permit = events[about[0] - 1]["kidoban"]["baseline"]["permit"]
    out, _ = kidoban("baseline", "approve", path, "--alert", f"{eve}:{about[0]}", "--by", "sato", "--reason",
                     "new screen", "--at", AT)
    assert permit in out and f"by: sato, at: {AT}, reason: new screen" in text(path)
    assert permit not in permits_of(alerts(path, DEMO))
    out, _ = kidoban("baseline", "approve", path, "--alert", f"{eve}:{about[0]}", "--by", "sato", "--reason", "x")
    assert "already" in out
    for p in set(permits_of(alerts(path, DEMO))):
        kidoban("baseline", "approve", path, "--permit", p, "--by", "sato", "--reason", "all of it", "--at", AT)
    return None


@test
def a_permit_is_one_line_of_text(d):
    path = frozen(learned(os.path.join(d, "b"), NORMAL))
    permit = "new-op 10.20.0.10 -> 10.50.0.11 modbus 1 read-holding-registers holding 0-9"
    said = deviations(path, DEMO).count("baseline.new-op")
    kidoban("baseline", "approve", path, "--permit", permit, "--by", "sato", "--reason", "r", "--values", "1..5.5",
            "--at", AT)
    assert f'permit: "{permit}"' in text(path) or f"permit: {permit}" in text(path)
    assert "values: 1..5.5, by: sato" in text(path)
    assert deviations(path, DEMO).count("baseline.new-op") <= said
    for args, code, words in (
            (["--permit", "nothing at all", "--by", "a", "--reason", "b"], 2, "begins with a finding"),
            (["--permit", permit, "--by", "a"], 2, "--reason is missing"),
            (["--permit", permit, "--alert", "x", "--by", "a", "--reason", "b"], 2, "One of"),
            (["--permit", permit, "--by", "a", "--reason", "b", "--values", "5..1"], 2, "LO..HI"),
            (["--alert", "/nonexistent:3", "--by", "a", "--reason", "b"], 3, "/nonexistent")):
        _, err = kidoban("baseline", "approve", path, *args, code=code)
        assert words in err, err


# ---- merge, relearn ---------------------------------------------------------------------------


@test
def merging_makes_one_of_several(d):
    a, b = learned(os.path.join(d, "a"), NORMAL), learned(os.path.join(d, "b"), DEMO)
    both = os.path.join(d, "ab")
    kidoban("baseline", "merge", "-o", both, a, b)
    assert "unity-umas" in observed(a, DEMO) and "unity-umas" not in observed(both, NORMAL, DEMO)
    _, err = kidoban("baseline", "merge", "-o", both, a, a)
    assert "counts twice" in err
    before = text(both)
    frozen(b)
    _, err = kidoban("baseline", "merge", "-o", both, a, b, code=2)
    assert "is frozen" in err and text(both) == before


def without(path, address):
    """Lines that do not concern the host, channel by channel."""
    kept, channel = [], []
    for line in text(path).splitlines() + ["end"]:
        if line.startswith("      - client:") or not line.startswith("      "):
            if channel and not any(address in l for l in channel[:2]):
                kept += channel
            channel = []
        if channel or line.startswith("      - client:"):
            channel.append(line)
        elif address not in line:
            kept.append(line)
    return kept


@test
def relearning_one_cell_leaves_the_rest_as_it_is(d):
    path = frozen(learned(os.path.join(d, "b"), NORMAL), "--by", "tanaka", "--reason", "read it")
    before = without(path, PLC)
    assert "baseline.new-op" in deviations(path, DEMO)
    _, err = kidoban("baseline", "relearn", path, "--cell", PLC, DEMO)
    assert "approved by nobody" in err
    after = without(path, PLC)
    gone = [l for l in before if l not in after and "tanaka" not in l and "read it" not in l]
    assert gone == [] and [l for l in after if l not in before] == [], (gone[:3], [l for l in after if l not in before][:3])
    told = alerts(path, DEMO)
    assert not [e for e in told if e["kidoban"]["finding"] == "baseline.new-op" and PLC in e["kidoban"]["observed"]]
    assert [e for e in told if e["kidoban"]["finding"] == "baseline.new-op"], "the broker is not of the cell"
    assert "state: frozen" in text(path)
    again = text(path)
    kidoban("baseline", "relearn", path, "--cell", "10.50.0.0/24", DEMO)
    assert text(path) == again


@test
def a_cell_may_be_a_zone_of_the_policy(d):
    path = learned(os.path.join(d, "b"), NORMAL)
    kidoban("baseline", "relearn", path, "--cell", "zone:control", "-p", "zones/model1.yaml", NORMAL)
    assert f"server: {PLC}" in text(path)
    for args, said in ((["--cell", "zone:moon", "-p", "zones/model1.yaml", path, NORMAL], "no zone"),
                       (["--cell", "zone:control", path, NORMAL], "-p is missing"),
                       (["--cell", "here", path, NORMAL], "takes an address"),
                       ([path, NORMAL], "--cell is missing")):
        _, err = kidoban("baseline", "relearn", *args, code=2)
        assert said in err, err


# ---- the walkthrough ----------------------------------------------------------------------------


def shown_in(shown, output):
    """Spaces and line breaks do not count; "..." stands for anything."""
    parts = ["".join(p.split()) for p in "\n".join(shown).split("...")]
    return re.fullmatch(".*".join(map(re.escape, parts)), "".join(output.split()), re.S)


@test
def the_commands_of_the_documentation_run_and_say_what_is_shown(d):
    os.mkdir(os.path.join(d, "bin"))
    os.symlink(KIDOBAN, os.path.join(d, "bin/kidoban"))
    for name in ("pcaps", "zones"):
        os.symlink(os.path.join(ROOT, name), os.path.join(d, name))
    commands = []
    for line in text(os.path.join(ROOT, "docs/baseline.md")).split("## The file")[0].splitlines():
        if line.startswith("    $ "):
            commands.append((line[6:], []))
        elif line.startswith("    ") and commands:
            commands[-1][1].append(line[4:])
    assert len(commands) > 6
    for command, shown in commands:
        r = subprocess.run(["sh", "-c", command + " 2>&1"], capture_output=True, text=True, timeout=120, check=False,
                           cwd=d, stdin=subprocess.DEVNULL,
                           env={**os.environ, "LC_ALL": "C", "TZ": "UTC", "PATH": os.path.join(d, "bin") + ":/bin:/usr/bin"})
        assert r.returncode == (1 if " diff " in command else 0), (command, r.stdout)
        assert not shown or shown_in(shown, r.stdout), f"{command}\n{r.stdout}"


# ---- all of them ------------------------------------------------------------------------------


@test
def help_shows_two_examples(_d):
    for verb in ("", "show", "diff", "freeze", "thaw", "relearn", "merge", "approve"):
        out, _ = kidoban("baseline", *verb.split(), "-h")
        assert out.split("examples:")[1].count("\n  ") >= 2, out
    kidoban("baseline", code=2)
    _, err = kidoban("baseline", "melt", code=2)
    assert "there is no 'melt'" in err


@test
def a_write_that_fails_leaves_the_file_as_it_was(d):
    if os.geteuid() == 0:
        folder = os.path.join(d, "missing", "b")
        _, err = kidoban("learn", "--baseline", folder, NORMAL, code=3)
        assert "No such file" in err
        return "SKIP root may write everywhere" if not err else None
    path = learned(os.path.join(d, "b"), NORMAL)
    before = text(path)
    os.chmod(d, 0o500)
    try:
        _, err = kidoban("baseline", "freeze", path, code=3)
        assert "Permission denied" in err and text(path) == before
    finally:
        os.chmod(d, 0o700)
    return None


def main():
    failed = 0
    print(f"1..{len(TESTS)}")
    for number, f in enumerate(TESTS, 1):
        name = f.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory() as d:
            try:
                said = f(d)
                assert not [n for n in os.listdir(d) if ".XX" in n], "something was left behind"
                print(f"ok {number} - {name}" + (f" # {said}" if said else ""), flush=True)
            except (AssertionError, OSError, ValueError, KeyError) as e:
                failed += 1
                print(f"not ok {number} - {name}")
                print("# " + str(e).replace("\n", "\n# ")[:2000], flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
