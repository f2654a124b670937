#!/usr/bin/env python3
"""kidoban at its worst moments, as it is really run: what it promises then, and what came of it. TAP.

tests/live/abuse.py build/src/kidoban [TEST...]

Promises are asserted, numbers only printed. What is not here: a step of the wall clock, for time namespaces
have none of their own; tests/unit/test_health.c has what is done about it.
"""

import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

from lab import Ready, ether, mac, main, missing, until
from plant import CLIENT, CLOSED, OPEN, POLICY, BridgePlant, QueuePlant, datagram, fold
from outputs import Receiver

KIDOBAN = os.path.abspath(sys.argv[1])
SANITIZED = b"__asan_init" in open(KIDOBAN, "rb").read()
SECOND = 1000000  # microseconds


def ms(us):
    return f"{us / 1000:.1f} ms"


def first(wire, address, port=5000):
    """Seconds until a datagram to there comes out."""
    begun = time.monotonic()
    to = socket.inet_aton(address)
    wire.heard()
    until(lambda: any(f[12:14] == b"\x08\0" and f[30:34] == to and f[36:38] == struct.pack("!H", port) for f in wire.heard()),
          f"a datagram to {address}")
    return time.monotonic() - begun


# --- 1, 2: kidoban is killed, or stands still ---

def away(plant, leave, come_back):
    """A session on each conduit lives through kidoban's absence; what fails closed is cut meanwhile."""
    with plant(KIDOBAN) as p:
        p.begin()
        p.device()
        sessions = {"open": p.ask(OPEN, forbidden=20), "closed": p.ask(CLOSED, forbidden=20)}
        udp = {"open": p.numbers(OPEN), "closed": p.numbers(CLOSED)}
        time.sleep(1)
        before = {k: p.since(s) for k, s in sessions.items()}
        assert all(v["refused"] > 0 for v in before.values()), before
        for s in sessions.values():  # what is forbidden is not refused by anybody while kidoban is away
            p.since(s)
        leave(p)
        time.sleep(1)
        p.since(sessions["closed"])
        gone = p.since(sessions["open"])
        time.sleep(1.5)
        cut = p.since(sessions["closed"])
        alone = p.since(sessions["open"])
        wire = p.wire(p.b, "cb")
        began = time.monotonic()
        come_back(p)
        back = {a: first(wire, x) for a, x in (("open", OPEN), ("closed", CLOSED))}
        took = time.monotonic() - began
        until(lambda: p.since(sessions["closed"])["count"] > 0, "the closed session goes on")
        until(p.answers, "the service answers")
        again = {k: p.since(s) for k, s in sessions.items()}
        time.sleep(1)
        after = {k: p.since(s) for k, s in sessions.items()}
        ends = {k: p.result(s) for k, s in sessions.items()}
        counted = {k: p.counted(u) for k, u in udp.items()}
        assert cut["count"] == 0, f"{cut['count']} requests passed a conduit that fails closed"
        assert gone["count"] > 0 and alone["count"] > 0 and max(gone["gap"], alone["gap"]) < SECOND, (gone, alone)
        assert all(e["whole"] for e in ends.values()), ends
        assert ends["open"]["gap"] < SECOND, ends["open"]
        for k in after:  # in the last second: counts but refused and let_through are since the last time
            assert after[k]["count"] > 0 and ends[k]["refused"] > before[k]["refused"], (k, before, after, ends)
            assert ends[k]["let_through"] == again[k]["let_through"], f"{k}: forbidden writes pass: {again} {ends}"
        assert took < 1, f"forwards after {took:.2f} s"
        assert not any(c["twice"] for c in counted.values()), counted
        p.end()
        return (f"{p.NAME}: open: longest silence while kidoban goes {ms(gone['gap'])}, without it {ms(alone['gap'])}, "
                f"datagrams lost {counted['open']['lost']} of {counted['open']['sent']}; closed: nothing passed, "
                f"again {took * 1000:.0f} ms after the return; twice: none")


def killed(p):
    p.kill()


def started(p):
    p.program = p.run()


def killed_bridge():
    """kill -9 of a bridge: open conduits go on, closed ones are cut, both go on after a start, within a second"""
    return away(BridgePlant, killed, started)


def killed_queue():
    """kill -9 at a queue: likewise"""
    return away(QueuePlant, killed, started)


def stopped_bridge():
    """SIGSTOP and SIGCONT of a bridge: likewise, and nothing is sent twice"""
    return away(BridgePlant, lambda p: p.program.signal(signal.SIGSTOP), lambda p: p.program.signal(signal.SIGCONT))


def stopped_queue():
    """SIGSTOP and SIGCONT at a queue: likewise"""
    return away(QueuePlant, lambda p: p.program.signal(signal.SIGSTOP), lambda p: p.program.signal(signal.SIGCONT))


# --- 3, 4: outputs ---

def violations(p, wire, hosts):
    """Each of these hosts does what it may not: an alert each."""
    for n in hosts:
        wire.send(ether("02:00:00:00:00:0b", "02:00:00:00:00:0a", 0x0800,
                        datagram(f"10.240.{n // 256}.{n % 256}", f"10.244.{n // 256}.{n % 256}", 40000, 7000, b"x")))


def hosts_of(lines):
    """In the order of their alerts, openings only."""
    found = []
    for line in lines:
        m = re.search(r'"src_ip":"10\.240\.(\d+)\.(\d+)"', line)
        if m and '"event_type":"alert"' in line and not re.search(r'"last_report":true|"ended":true', line):
            found.append(int(m[1]) * 256 + int(m[2]))
    return [n for n in found if n > 255]  # not the session's own


HOSTS = POLICY.replace("networks: [10.240.0.0/24]", "networks: [10.240.0.0/16]").replace(
    "zones:\n", "zones:\n  depot:  {level: control, networks: [10.244.0.0/16]}\n") + "assets:\n" + "".join(
        f"  h{n}: {{zone: office, address: 10.240.{n // 256}.{n % 256}}}\n" for n in range(256, 900))  # an incident for each


def disk_full():
    """A full disk: packets go on, losses are counted and told, alerts come again when there is room"""
    with BridgePlant(KIDOBAN, policy=HOSTS, outputs="  - {file: disk/eve.json}", spool="disk/spool") as p:
        p.tmpfs("disk", "1m")
        os.mkdir(p.path("disk/spool"))
        p.begin()
        p.device()
        session, udp = p.ask(OPEN, forbidden=50), p.numbers(OPEN)
        wire = p.wire(p.a, "ca")
        violations(p, wire, range(256, 266))
        until(lambda: p.status()["outputs"][0]["written"] >= 10, "ten alerts")
        with open(p.path("disk/full"), "wb", buffering=0) as f:
            try:
                while f.write(bytes(4096)):
                    pass
            except OSError:
                pass
        violations(p, wire, range(300, 700))
        lost = until(lambda: p.status()["outputs"][0]["lost"] and p.status(), "losses are counted")
        told = until(lambda: [x["sentence"] for x in p.status()["problems"] if x["finding"] == "sensor.output-lost"],
                     "it is told")
        assert p.command("status", code=1).stdout.count("Something is wrong") == 1
        until(lambda: re.search(r"kidoban_output_lost_total\{[^}]*\} [1-9]", open(p.path("metrics.prom")).read()), "metrics")
        os.unlink(p.path("disk/full"))
        time.sleep(2)

        def again():
            violations(p, wire, range(800, 810))  # may pass unseen on a machine that stands still for a moment
            time.sleep(0.5)
            seen = hosts_of(open(p.path("disk/eve.json"), encoding="utf-8", errors="replace"))
            return {*range(800, 810)} <= set(seen) and seen
        seen = until(again, lambda: f"alerts again: {p.status()['outputs']}")
        until(lambda: p.status()["outputs"][0]["takes"], "the output takes events")
        r, c = p.result(session), p.counted(udp)
        o = p.status()["outputs"][0]
        assert r["whole"] and r["gap"] < SECOND and c["lost"] * 1000 <= c["sent"] and not c["twice"], (r, c)
        assert len(seen) == len(set(seen)), "an alert came twice"
        missing_ = len({*range(256, 266), *range(300, 700), *range(800, 810)} - set(seen))
        assert missing_ <= o["lost"], f"{missing_} hosts are missing, {o['lost']} alerts counted as lost"
        p.end()
        return (f"of 420 alerts {len(seen)} on the disk, {o['lost']} counted as lost; \"{told[0]}\"; "
                f"session: longest silence {ms(r['gap'])}; datagrams lost {c['lost']} of {c['sent']}")


def server_away(kind):
    with BridgePlant(KIDOBAN, policy=HOSTS, spool="spool",
                     outputs=f"  - {{syslog: \"{kind}://127.0.0.1:5514\", format: eve}}") as p:
        os.mkdir(p.path("spool"))
        server = p.box.call(lambda: Receiver(kind, 5514))
        got = []
        p.begin()
        p.device()
        session, udp = p.ask(OPEN, forbidden=50), p.numbers(OPEN)
        wire = p.wire(p.a, "ca")

        def arrived():
            return hosts_of([m.decode() for m in got + server.got])
        violations(p, wire, range(256, 356))
        until(lambda: len(arrived()) >= 100, lambda: f"alerts at the server: {len(arrived())}")
        server.stop()
        got += server.got
        server.got = []
        violations(p, wire, range(400, 700))
        time.sleep(3)
        waiting = p.status()["outputs"][0]
        server = p.box.call(lambda: Receiver(kind, 5514))
        violations(p, wire, range(700, 720))
        wanted = [*range(256, 356), *range(400, 720)]
        until(lambda: arrived() and arrived()[-1] == 719, lambda: f"the last alert: {arrived()[-3:]} {p.status()['outputs']}")
        r, c = p.result(session), p.counted(udp)
        end = p.status()["outputs"][0]
        seen = arrived()
        server.stop()
        assert r["whole"] and r["gap"] < SECOND and c["lost"] * 1000 <= c["sent"] and not c["twice"], (r, c)
        assert seen == sorted(set(seen)), "out of order, or twice"
        if kind == "tcp":
            assert seen == wanted, f"{len(seen)} of {len(wanted)}"
        p.end()
        return (f"{kind}: {len(seen)} of {len(wanted)} alerts arrived, in order, none twice; {waiting['spooled']} of them spooled, "
                f"{end['lost']} counted as lost; session: longest silence {ms(r['gap'])}")


def syslog_tcp():
    """A syslog server over TCP goes and comes back: every alert arrives, in order, once"""
    return server_away("tcp")


def syslog_udp():
    """Over UDP: in order, none twice, and all from when it is back"""
    return server_away("udp")


# --- 5: reload ---

OTHER = POLICY.replace("fail: open", "fail: open\n    limit: {ops: 100000/s}") + \
    "  - {id: more, from: line, to: office, allow: [{tcp: 4000-4100}]}\n"


def reloads(plant):
    with plant(KIDOBAN) as p:
        p.begin()
        device = p.device()
        sessions = [p.ask(x, rate=300, forbidden=10) for x in (OPEN, CLOSED)]
        udp = [p.numbers(OPEN, 2000), p.numbers(CLOSED, 500)]
        time.sleep(0.5)
        rss = []

        def one(n):
            p.write("policy.yaml", OTHER if n % 2 == 0 else POLICY)
            if n % 4 < 2:
                before = sum("reloaded" in x for x in p.program.err)
                p.program.signal(signal.SIGHUP)
                until(lambda: sum("reloaded" in x for x in p.program.err) > before, "it is said")
            else:
                p.command("reload")
            until(lambda: len(p.status()["conduits"]) == (3 if n % 2 == 0 else 2), "the new policy")
            rss.append(p.memory()[0])
        for n in range(20):
            one(n)
        p.write("policy.yaml", POLICY.replace("default: deny", "default: perhaps") + "  - {id: [}\n")
        r = p.command("reload", code=1)
        assert re.search(r"policy\.yaml:\d+:\d+: ", r.stderr) and "everything is as before" in r.stderr, r.stderr
        bad = next(x for x in r.stderr.splitlines() if "policy.yaml:" in x)
        p.program.signal(signal.SIGHUP)
        p.program.says("not reloaded, everything is as before")
        assert re.search(r"policy\.yaml:\d+:\d+: ", p.program.says("policy.yaml:")), p.program.err[-3:]
        assert [c["id"] for c in p.status()["conduits"]] == ["open", "closed"], p.status()["conduits"]
        refused = [p.since(s)["refused"] for s in sessions]
        time.sleep(0.5)
        assert all(p.since(s)["refused"] > n for s, n in zip(sessions, refused)), "the old policy does not hold"
        results, counted = [p.result(s) for s in sessions], [p.counted(u) for u in udp]
        reached = p.result(device)
        assert all(r["whole"] for r in results) and not reached["forbidden"], (results, reached)
        assert not any(c["lost"] or c["twice"] for c in counted), counted
        if not SANITIZED:
            # what is in use stays; the gaps between grow by up to 100 KiB each time
            assert rss[-1] - rss[7] < 4096, f"RSS by reload: {rss} KiB"
        p.end()
        return (f"{p.NAME}: 22 reloads, 2 of them bad; datagrams lost: {[c['lost'] for c in counted]} of "
                f"{[c['sent'] for c in counted]}; requests answered {[r['count'] for r in results]}, longest silence "
                f"{ms(max(r['gap'] for r in results))}; RSS {rss[0]}, {rss[7]}, {rss[-1]} KiB after 1, 8, 20; {bad.split('/')[-1]}")


def reload_bridge():
    """20 reloads of a bridge under load: no packet is lost, a bad policy is told and changes nothing, memory stays"""
    return reloads(BridgePlant)


def reload_queue():
    """20 reloads at a queue under load: likewise"""
    return reloads(QueuePlant)


# --- 6: interfaces ---

def interfaces():
    """Interfaces of a bridge and a mirror go down and come up: told, and all goes on"""
    with BridgePlant(KIDOBAN, sources="  - {bridge: [va, vb], quiet: never}\n  - {mirror: mon0, quiet: never}") as p:
        switch = p.namespace("switch")
        p.cable(switch, "sw0", p.box, "mon0")
        p.begin()
        p.neighbours()
        p.device()
        session = p.ask(OPEN, forbidden=50)
        sw = p.wire(switch, "sw0")
        frame = ether("02:00:00:00:00:0b", "02:00:00:00:00:0a", 0x0800, datagram("10.1.1.1", "10.1.1.2", 1, 2, b"x"))

        def of(name):
            return next(i for s in p.status()["sources"] for i in s["interfaces"] if i["name"] == name)
        for own in ("va", "vb", "mon0"):
            p.link(p.box, own, "down")
            until(lambda n=own: not of(n)["up"], f"{own} is down")
            told = until(lambda n=own: [x["sentence"] for x in p.status()["problems"]
                                        if x["finding"] == "sensor.interface-down" and n in x["sentence"]], "it is told")
            p.link(p.box, own, "up")
            until(lambda n=own: of(n)["up"], f"{own} is up")
            until(lambda: not any(x["finding"] == "sensor.interface-down" for x in p.status()["problems"]), "the end is told")
            if own == "mon0":
                before = of("mon0")["packets"]
                until(lambda: sw.send(frame) and of("mon0")["packets"] > before, "the mirror hears again")
            else:
                p.since(session)
                until(lambda: p.since(session)["count"] > 0, "the session goes on")
        r = p.result(session)
        assert r["whole"] and p.program.alive(), r
        p.end()
        return f"\"{told[0]}\"; session: longest silence {ms(r['gap'])}, with TCP's own waiting"


# --- 7: a flood ---

def flood():
    """100,000 SYN/s from random addresses: memory and alerts are bounded, a session lives, the service answers"""
    with BridgePlant(KIDOBAN, more="flows: 16384\n") as p:
        p.begin()
        p.neighbours()
        p.device()
        session = p.ask(OPEN, forbidden=50)
        time.sleep(1)
        before = p.memory()[0]
        capture = p.path("syn.pcap")
        syns(capture, 150000)
        began = time.monotonic()
        sender = p.start(p.a, ["tcpreplay", "-i", "ca", "-p", "100000", "--loop", "5", "--unique-ip", "--preload-pcap",
                               "--no-flow-stats", capture])
        memory, answers = [], []
        p.since(session)
        while sender.alive():
            asked = time.monotonic()
            p.status()
            answers.append(time.monotonic() - asked)
            memory.append(p.memory()[0])
            time.sleep(0.5)
        took = time.monotonic() - began
        during = p.since(session)
        sent = int(re.search(r"Successful packets: +(\d+)", "\n".join(sender.out))[1])
        r = p.result(session)
        s = p.status()
        va = s["sources"][0]["interfaces"][0]
        alerts = len(p.alerts())
        assert r["whole"] and during["count"] > 10, (r, during)
        assert alerts < 1000, f"{alerts} alerts"
        half = len(memory) // 2
        if not SANITIZED:
            assert memory[-1] - memory[half] < 4096, f"RSS before {before}, then {memory} KiB"
        p.end()
        return (f"{sent} SYN in {took:.1f} s, {sent / took:.0f}/s; {va['packets']} judged, {va['kernel_drops']} dropped by the "
                f"kernel; RSS {before} before, {memory[half]} at half, {memory[-1]} KiB at the end; {alerts} alerts; status within "
                f"{max(answers) * 1000:.0f} ms; session: {during['count']} requests, median {during['median']:.0f}, p99 "
                f"{during['p99']:.0f} us, longest silence {ms(r['gap'])}")


def syns(path, n):
    """A capture of so many SYN, each by another address."""
    r = random.Random(4)
    to = socket.inet_aton(OPEN)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i in range(n):
            src = struct.pack("!I", r.getrandbits(31) | 0x01000000)
            tcp = struct.pack("!HHIIBBHHH", r.getrandbits(15) | 1024, 502, i, 0, 0x50, 2, 8192, 0, 0)
            tcp = tcp[:16] + fold(src + to + struct.pack("!HH", 6, 20) + tcp) + tcp[18:]
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, i & 0xFFFF, 0, 64, 6, 0, src, to)
            ip = ip[:10] + fold(ip) + ip[12:]
            frame = mac("02:00:00:00:00:0b") + mac("02:00:00:00:00:0a") + b"\x08\0" + ip + tcp + bytes(6)
            f.write(struct.pack("<IIII", i // 100000, i % 100000 * 10, len(frame), len(frame)) + frame)


# --- 9: a second one ---

def second(plant):
    with plant(KIDOBAN, spool="spool") as p:
        os.mkdir(p.path("spool"))
        p.begin()
        p.device()
        sessions, udp = [p.ask(x, forbidden=20) for x in (OPEN, CLOSED)], p.numbers(CLOSED)
        config = open(p.config, encoding="utf-8").read()
        said = {}
        tries = {"same everything": config,
                 "same source": config.replace("control.sock", "other.sock").replace("metrics.prom", "other.prom")
                                      .replace("eve.json", "other.json").replace("state.db", "other.db")
                                      .replace("spool: spool", "spool: other")}
        os.mkdir(p.path("other"))
        for what, text in tries.items():
            p.write("second.yaml", text)
            other = p.run(p.path("second.yaml"))
            code = other.wait()
            said[what] = other.err[-1:]
            assert code in (2, 3) and said[what] and not any("Sanitizer" in x for x in other.err), (what, code, other.err)
            assert p.alive_and_well(), (what, p.status()["problems"])
        time.sleep(0.5)
        p.since(sessions[1])
        p.kill()  # and what the kernel does without it is as it was
        time.sleep(0.5)
        p.since(sessions[1])
        time.sleep(1)
        cut, alone = p.since(sessions[1]), p.since(sessions[0])
        assert cut["count"] == 0 and alone["count"] > 0, (cut, alone)
        started(p)
        until(p.answers, "the first one again")
        r, c = [p.result(s) for s in sessions], p.counted(udp)
        assert all(x["whole"] for x in r) and r[0]["gap"] < SECOND and not c["twice"], (r, c)
        p.end()
        return f"{p.NAME}: " + "; ".join(f"{k}: \"{v[0]}\"" for k, v in said.items()) + \
            f"; the first one's session: longest silence {ms(r[0]['gap'])}"


def second_bridge():
    """A second kidoban on the same bridge, socket and files says so and ends; the first is not harmed"""
    return second(BridgePlant)


def second_queue():
    """A second kidoban on the same queue: likewise"""
    return second(QueuePlant)


def second_files():
    """A second kidoban elsewhere with the same state, output or spool: what it says"""
    said = {}
    with BridgePlant(KIDOBAN, spool="spool") as p:
        os.mkdir(p.path("spool"))
        p.begin()
        p.cable(p.namespace("switch"), "sw0", p.box, "mon0")
        base = open(p.config, encoding="utf-8").read().replace(p.SOURCES, "  - {mirror: mon0, quiet: never}")
        own = {"socket": ("control.sock", "other.sock"), "metrics": ("metrics.prom", "other.prom"),
               "output": ("eve.json", "other.json"), "state": ("state.db", "other.db"), "spool": ("spool: spool", "spool: other")}
        os.mkdir(p.path("other"))
        for shared in own:
            text = base
            for what, (a, b) in own.items():
                text = text if what == shared else text.replace(a, b)
            p.write("second.yaml", text)
            ready = Ready(p.path(f"notify-{shared}"))
            other = p.run(p.path("second.yaml"), ready.env)
            until(lambda: ready.heard() or not other.alive(), lambda: f"it runs or ends: {other.err[-5:]}")
            if not other.alive():
                other.wait()
            said[shared] = "runs" if other.alive() else other.err[-1]
            other.stop()
            assert p.alive_and_well(), p.status()["problems"]
        p.end()
    return "; ".join(f"{k}: {v}" for k, v in said.items())


TESTS = [killed_bridge, killed_queue, stopped_bridge, stopped_queue, disk_full, syslog_tcp, syslog_udp, reload_bridge,
         reload_queue, interfaces, flood, second_bridge, second_queue, second_files]

if __name__ == "__main__":
    only = sys.argv[2:]
    assert set(only) <= {t.__name__ for t in TESTS}, f"no such test: {only}"
    sys.exit(main([t for t in TESTS if not only or t.__name__ in only],
                  missing("nft", "iptables", "ethtool", "tcpreplay")))
