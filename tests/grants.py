#!/usr/bin/env python3
"""Grants from outside: what is checked, what survives, and what the log says. Prints TAP.

tests/grants.py [build/src/kidoban]
"""

import hashlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import cli
from cli import KIDOBAN, ROOT, kidoban, write

TESTS = []
NORMAL = os.path.join(ROOT, "pcaps/model1-normal.pcap")  # 2026-11-21 12:36:55 to 12:37:00 in Tokyo
POLICY = b"""\
timezone: Asia/Tokyo
default: allow
zones:
  control-info: {level: control-information, networks: [10.40.0.0/24]}
  control:      {level: control, networks: [10.50.0.0/24]}
conduits:
  - {id: look, from: control-info, to: control, allow: [{modbus: {do: read}}]}
  - {id: work, from: control-info, to: control, allow: [{modbus: {do: write}}],
     when: {grant: {longest: 4h, approvers: [tanaka, sato]}}}
  - {id: free, from: control, to: control-info, allow: [{tcp: 80}], when: {grant: required}}
"""


def test(f):
    TESTS.append(f)
    return f


def policy(d):
    return write(d, "policy.yaml", POLICY)


def grant_args(d, conduit="work", for_="2h", approver="tanaka", reason="pump 3", *more):
    return ["grant", "-p", policy(d), "--state", os.path.join(d, "db"), conduit, "--for", for_,
            "--approver", approver, "--reason", reason, *more]


def lines(d, *args, code=0):
    out, _ = kidoban("grants", "--state", os.path.join(d, "db"), "--format", "json", *args, code=code)
    return [json.loads(x) for x in out.decode().splitlines()]


def intact(d):
    """The log by its own account; every grant has one entry there and the other way round."""
    log, grants = lines(d, "--log"), lines(d)
    assert all(e["intact"] for e in log), log
    assert [e["seq"] for e in log] == list(range(1, len(log) + 1))
    given = [e["grant"] for e in log if e["what"] == "grant"]
    assert given == [g["id"] for g in grants], (given, grants)
    return log, grants


@test
def a_grant_is_there_after_a_restart(d):
    out, _ = kidoban(*grant_args(d, "work", "90m", "sato", "保守"))
    assert b"grant 1: conduit work is open from" in out and b"(Asia/Tokyo)\n  permits: modbus write" in out, out
    log, grants = intact(d)
    assert [e["what"] for e in log] == ["grant"]
    g = grants[0]
    assert (g["standing"], g["conduit"], g["approver"], g["reason"]) == ("open", "work", "sato", "保守"), g
    assert g["os_user"] and g["permits"] == "modbus write"
    text = kidoban("grants", "--state", os.path.join(d, "db"))[0].decode()
    assert "work, approved by sato: 保守" in text and "open" in text, text
    kidoban("revoke", "--state", os.path.join(d, "db"), "1", "--reason", "done")
    log, grants = intact(d)
    assert grants[0]["standing"] == "revoked" and log[1]["what"] == "revoke" and log[1]["reason"] == "done"


@test
def what_is_refused_is_logged(d):
    for args, why in ((("wrok",), 'no conduit "wrok"'), (("look",), "look needs no grant"),
                      (("work", "241m"), "4 h 1 min is too long: conduit work may be opened for 4 h at most"),
                      (("work", "1h", "ito"), "ito may not open conduit work; those who may: tanaka, sato"),
                      (("free", "1h", " "), "nobody may not"), (("work", "1h", "sato", "  "), "the reason is empty")):
        out, err = kidoban(*grant_args(d, *args), code=1)
        assert not out and "refused: " in err and why in err, err
        assert why in lines(d, "--log")[-1]["detail"]
    log, grants = intact(d)
    assert len(log) == 6 and not grants and {e["what"] for e in log} == {"refuse"}
    kidoban(*grant_args(d, "work", "4h"))
    kidoban(*grant_args(d, "free", "300d", "anybody"))
    _, err = kidoban("revoke", "--state", os.path.join(d, "db"), "77", "--reason", "x", code=1)
    assert "no grant of '77'" in err
    assert lines(d, "--log")[-1]["what"] == "refuse"


@test
def usage_errors_make_no_state(d):
    full = grant_args(d)
    for n in range(1, len(full)):
        kidoban(*(full[:n] + full[n + 1:]), code=2)
    for bad in (("work", "4"), ("work", "0h"), ("work", "2h30"), ("work", "1h", "a\nb"), ("work", "1h", "sato", "\x1b[2J"),
                ("work", "1h", "sato", "x" * 501), ("work", "1h", "sato", "\u202etxt"),
                ("work", "1h", "sato", "x", "--at", "noon"), ("work", "1h", "sato", "x", "--at", "2026-11-21")):
        kidoban(*grant_args(d, *bad), code=2)
    assert not os.path.exists(os.path.join(d, "db"))
    for command in (["grants"], ["revoke", "1", "--reason", "x"]):
        _, err = kidoban(*command, "--state", os.path.join(d, "db"), code=2)
        assert "No such file" in err, err
    kidoban("replay", "-p", policy(d), "--state", os.path.join(d, "db"), NORMAL, code=2)
    kidoban("replay", "--state", os.path.join(d, "db"), NORMAL, code=2)


def missing(d):
    out, _ = kidoban("replay", "-q", "-p", policy(d), "--state", os.path.join(d, "db"), "-o", "-", NORMAL)
    return [json.loads(x)["kidoban"]["finding"] for x in out.decode().splitlines()].count("policy.grant-missing")


@test
def a_replay_sees_the_grants_of_its_time(d):
    kidoban(*grant_args(d, "work", "1h", "sato", "x", "--at", "2199-01-01T00:00"))
    assert missing(d) == 2
    kidoban(*grant_args(d, "work", "1h", "sato", "x", "--at", "2026-11-21T11:36:55"))  # over as it begins
    assert missing(d) == 2
    kidoban(*grant_args(d, "work", "1400ms", "sato", "x", "--at", "2026-11-21T12:36:55"))  # between the two writes
    assert missing(d) == 1
    out, _ = kidoban(*grant_args(d, "work", "1m", "sato", "x", "--at", "2026-11-21T12:36:30"))
    assert b"from 2026-11-21 12:36:30 until 2026-11-21 12:37:30 (Asia/Tokyo)" in out
    assert missing(d) == 0
    intact(d)


@test
def a_revoked_grant_opens_nothing_from_then_on(d):
    kidoban(*grant_args(d, "work", "4h"))
    kidoban(*grant_args(d, "work", "4h", "tanaka", "later", "--at", "2199-01-01T00:00"))
    out, _ = kidoban("revoke", "--state", os.path.join(d, "db"), "work", "--reason", "wrong machine")
    assert out.count(b"is revoked") == 2, out
    log, grants = intact(d)
    assert [g["standing"] for g in grants] == ["revoked", "revoked"]
    assert "before it began" in log[-1]["detail"] and "while it was open" in log[-2]["detail"]
    assert grants[0]["revoked"] > grants[0]["from"]


@test
def an_end_is_noticed_once(d):
    kidoban(*grant_args(d, "work", "300ms"))
    time.sleep(0.4)
    for _ in range(3):
        log, grants = intact(d)
    assert [e["what"] for e in log] == ["grant", "expire"] and grants[0]["standing"] == "over", log


@test
def kill_9_loses_nothing_that_was_confirmed(d):
    dice, confirmed, killed = random.Random(7), 0, 0
    start = time.monotonic()
    kidoban(*grant_args(d))
    span = time.monotonic() - start
    for n in range(60):
        with subprocess.Popen([KIDOBAN, *grant_args(d, "work", "2h", "sato", f"try {n}")], cwd=ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as p:
            time.sleep(dice.random() * span * 1.2)
            p.send_signal(signal.SIGKILL)
            out = p.stdout.read()
        killed += p.returncode == -signal.SIGKILL
        log, grants = intact(d)
        if out.startswith(b"grant ") and out.endswith(b"\n"):
            confirmed += 1
            assert any(g["reason"] == f"try {n}" for g in grants), (n, out)
    assert killed > 5, killed
    with sqlite3.connect(os.path.join(d, "db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@test
def several_processes_wait_for_each_other(d):
    args = [grant_args(d, "work", "2h", "sato", f"from {n}") for n in range(24)]  # the file is not there yet
    done = []

    def work(mine):
        for a in mine:
            done.append(subprocess.run([KIDOBAN, *a], cwd=ROOT, capture_output=True, check=False))

    threads = [threading.Thread(target=work, args=(args[k::4],)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(r.returncode == 0 for r in done), [r.stderr for r in done if r.returncode]
    _, grants = intact(d)
    assert sorted(g["reason"] for g in grants) == sorted(f"from {n}" for n in range(24))
    assert [g["id"] for g in grants] == list(range(1, 25))


@test
def a_full_disk_changes_nothing(d):
    kidoban(*grant_args(d))
    size = os.path.getsize(os.path.join(d, "db"))

    def little():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 8, size // 8))

    r = subprocess.run([KIDOBAN, *grant_args(d)], cwd=ROOT, capture_output=True, preexec_fn=little, check=False)
    assert r.returncode == 3 and not r.stdout and b"grant: " in r.stderr, r
    _, grants = intact(d)
    assert len(grants) == 1


@test
def the_log_cannot_be_changed_unnoticed(d):
    path = os.path.join(d, "db")
    for n in range(3):
        kidoban(*grant_args(d, "work", "2h", "sato", f"reason {n}"))
    before = bytes(32)
    for e in sorted(intact(d)[0], key=lambda e: e["seq"]):  # the chain, as state/state.h describes it
        t = e["time"]
        seconds = int(time.mktime(time.strptime(t[:19] + " UTC", "%Y-%m-%dT%H:%M:%S %Z"))) - time.timezone
        cells = [e["seq"], seconds * 10**9 + int(t[20:29]), e["what"], e["grant"], e["conduit"], e["approver"],
                 e["os_user"], e["reason"], e["detail"]]
        text = b"".join(b"%d:%s" % (len(c), c) for c in (str(c).encode() for c in cells))
        before = hashlib.sha256(before + text).digest()
        assert before.hex() == e["hash"], e
    assert before.hex() in kidoban("grants", "--state", path, "--log")[1]
    db = sqlite3.connect(path)
    for change in ("UPDATE log SET reason='x' WHERE seq=2", "DELETE FROM log WHERE seq=2", "DELETE FROM grants"):
        try:
            db.execute(change)
            raise AssertionError(change + " went through")
        except sqlite3.IntegrityError:
            db.rollback()
    for change in ("UPDATE log SET reason='x' WHERE seq=2", "DELETE FROM log WHERE seq=2", "UPDATE log SET hash=x'00'"):
        copy = sqlite3.connect(os.path.join(d, "copy"))
        db.backup(copy)
        copy.executescript(f"DROP TRIGGER log_is_never_changed; DROP TRIGGER log_is_never_deleted; {change};")
        copy.commit()
        copy.close()
        out, err = kidoban("grants", "--state", os.path.join(d, "copy"), "--log", code=1)
        assert b"not as it was written" in out and "tampered" in err, (change, err)
        os.remove(os.path.join(d, "copy"))
    db.close()


@test
def a_grant_that_nobody_gave_opens_nothing(d):
    path = os.path.join(d, "db")
    kidoban(*grant_args(d, "work", "1s", "sato", "x", "--at", "2026-11-21T11:36:55"))
    kidoban(*grant_args(d, "work", "4h", "sato", "y", "--at", "2026-11-21T12:00"))
    kidoban(*grant_args(d, "work", "2h", "sato", "z"))
    kidoban("revoke", "--state", path, "3", "--reason", "done")
    kidoban("replay", "-q", "-p", policy(d), "--state", path, NORMAL)
    kidoban("grants", "--state", path)
    columns = "conduit, begins, ends, made, approver, os_user, reason, permits"
    for change in (f"INSERT INTO grants({columns}) SELECT {columns} FROM grants WHERE id=2",
                   "UPDATE grants SET ends=ends+1000000000 WHERE id=1",
                   "UPDATE grants SET begins=begins-3600000000000 WHERE id=2",
                   "UPDATE grants SET conduit='free' WHERE id=1",
                   "UPDATE grants SET approver='tanaka' WHERE id=1",
                   "UPDATE grants SET revoked=0 WHERE id=3",
                   "DROP TRIGGER log_is_never_deleted; DELETE FROM log WHERE grant_id=2"):
        db, copy = sqlite3.connect(path), sqlite3.connect(os.path.join(d, "copy"))
        db.backup(copy)
        copy.executescript(change)
        copy.close()
        db.close()
        for command in (["replay", "-q"], ["validate"]):
            _, err = kidoban(*command, "-p", policy(d), "--state", os.path.join(d, "copy"), NORMAL, code=2)
            assert "not what the log says" in err or "tampered" in err, (change, err)
        kidoban("grants", "--state", os.path.join(d, "copy"), code=1)
        os.remove(os.path.join(d, "copy"))


@test
def what_is_no_state_is_refused(d):
    other = sqlite3.connect(os.path.join(d, "other"))
    other.execute("CREATE TABLE t(a)")
    other.commit()
    other.close()
    kidoban(*grant_args(d))
    newer = sqlite3.connect(os.path.join(d, "db"))
    newer.execute("PRAGMA user_version=3")
    newer.commit()
    newer.close()
    write(d, "text", b"this is no database\n" * 100)
    write(d, "empty", b"")
    for name, why in (("other", "no state of kidoban"), ("text", "not a database"), ("db", "version 3"),
                      ("empty", "no state of kidoban"), (".", "")):
        path = os.path.join(d, name)
        for command in (["grants"], ["revoke", "1", "--reason", "x"], ["replay", "-p", policy(d), NORMAL]):
            _, err = kidoban(*command, "--state", path, code=2)
            assert path in err and why in err, (name, err)
        if name != "empty":
            args = grant_args(d)
            args[args.index("--state") + 1] = path
            kidoban(*args, code=2)


@test
def a_damaged_state_never_crashes(d):
    for n in range(5):
        kidoban(*grant_args(d, "work", "2h", "sato", f"reason {n}"))
    with open(os.path.join(d, "db"), "rb") as f:
        blob = f.read()
    dice = random.Random(3)
    for _ in range(40):
        bad = bytearray(blob)
        for _ in range(dice.choice((1, 20, 400))):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        path = write(d, "bad", bad[: dice.choice((len(bad), len(bad) // 2))])
        kidoban("replay", "-q", "-p", policy(d), "--state", path, NORMAL, code=(0, 2))
        kidoban("grants", "--state", path, "--log", code=(0, 1, 2, 3))
        kidoban("grants", "--state", path, code=(0, 1, 2, 3))


if __name__ == "__main__":
    sys.exit(cli.main(TESTS))
