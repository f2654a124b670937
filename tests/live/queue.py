#!/usr/bin/env python3
"""A netfilter queue behind an exported ruleset: verdicts, and what happens without them. Prints TAP.

tests/live/queue.py --kidoban build/src/kidoban --probe build/tests/live/queue_probe

The router of tests/nftables/lab.py, the ruleset of --inspect mark and its iptables rules, and queue_probe in kidoban's
place, to which each packet says what is to become of it.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "nftables"))
import agree
import lab as router
import life
import packets

sys.path.insert(0, HERE)
spec = __import__("importlib.util").util.spec_from_file_location("live_lab", os.path.join(HERE, "lab.py"))
live = __import__("importlib.util").util.module_from_spec(spec)
spec.loader.exec_module(live)

A, PLC = "10.30.0.7", life.PLC
OPEN, CLOSED = 502, 1502
SYN, ACK, RST = 2, 16, 4
TESTS = []


def test(f):
    TESTS.append(f)
    return f


class Box(life.Talk):
    """Router, ruleset, and a probe at its queues."""

    def __init__(self, args, folder):
        super().__init__(args.kidoban, folder, life.POLICY, "--inspect", "mark")
        self.args, self.probe, self.seen, self.port = args, None, 0, 50000
        self.lab.patience = 1
        self.hand_on(1)

    def hand_on(self, workers):
        self.load("--inspect", "mark", "--workers", str(workers))
        script = agree.subprocess.run([self.args.kidoban, "export", "iptables", "--workers", str(workers)],
                                      capture_output=True, text=True, check=True).stdout
        self.lab.router.run("sh", feed=script)

    def generation(self):
        text = self.policy.export("--inspect", "mark")
        return int(text.split("meta mark 0x6b6b")[1][:4], 16)

    def start(self, *options):
        self.probe = live.Program(self.lab.router, [self.args.probe, *options])
        self.probe.says("ready")
        self.seen = 0
        return self.probe

    def frames(self, count):
        """What the probe saw since the last call, and that there were so many."""
        def new():
            return [json.loads(line) for line in list(self.probe.out) if line.startswith('{"worker"')][self.seen:]
        live.until(lambda: len(new()) >= count, lambda: f"{count} frames; the probe saw {len(new())}")
        self.counts()  # comes behind all that was said before
        got = new()
        assert len(got) == count, f"{len(got)} frames instead of {count}"
        self.seen += count
        return got

    def counts(self):
        before = sum(line.startswith('{"counts"') for line in list(self.probe.out))
        self.probe.signal(signal.SIGUSR1)
        line = live.until(lambda: [x for x in list(self.probe.out) if x.startswith('{"counts"')][before:], "counts")[0]
        return json.loads(line)["counts"]

    def ask(self, word, port=OPEN, side="c", source=A):
        """A packet of a UDP conversation. The frame that came out at the other side, or None."""
        self.number += 1
        mark = word.encode() + packets.payload(self.number)
        a, b, sport, dport = (source, PLC, self.port, port) if side == "c" else (PLC, source, port, self.port)
        out, back = (self.lab.c1, self.lab.s1) if side == "c" else (self.lab.s1, self.lab.c1)
        to, own = (router.C0, router.C1) if side == "c" else (router.S0, router.S1)
        self.lab.drain(back)
        out.send(packets.ether(packets.udp(a, b, sport, dport, mark), to, own))
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            for f in self.lab.drain(back):
                if packets.payload(self.number) in f:
                    return f
            time.sleep(0.001)
        return None

    def talk(self):
        self.port += 1

    def close(self):
        if self.probe:
            self.probe.signal(signal.SIGCONT)
            self.probe.stop()
        self.lab.close()


def udp_checksum_right(frame):
    ip = frame[14:]
    body = ip[20:]
    return packets.checksum(packets.pseudo(ip[12:16], ip[16:20], 17, len(body)) + body) == 0


@test
def packets_pass_are_dropped_and_are_changed(t):
    t.start()
    for port in (OPEN, CLOSED):
        t.talk()
        assert t.ask("PASS", port) and t.ask("PASS", port, "s") and t.ask("PASS", port)
        assert not t.ask("DROP", port)
        assert not t.ask("DROP", port, "s")
        f = t.ask("EDIT", port)
        assert f and b"edit" in f and b"EDIT" not in f
        assert t.ask("PASS", port)
    seen = t.frames(14)
    assert [f["open"] for f in seen] == [True] * 7 + [False] * 7
    head = bytes.fromhex(seen[0]["data"])[:14]
    assert head == bytes(6) + router.C1 + b"\x08\x00", head.hex()
    assert bytes.fromhex(seen[1]["data"])[6:12] == router.S1
    counts = t.counts()
    assert [c["iface"] for c in counts] == ["queue 0", "queue 1"]
    assert [c["packets"] for c in counts] == [7, 7] and [c["sent"] for c in counts] == [5, 5]
    assert all(c["up"] and not c["unseen"] and not c["kernel_drops"] and not c["send_failed"] for c in counts), counts


@test
def order_is_kept_through_batches(t):
    t.start()
    t.talk()
    assert t.ask("PASS")
    t.lab.drain(t.lab.s1)
    words = ["PASS", "PASS", "EDIT", "DROP", "PASS", "DONE", "DROP", "EDIT"] * 60
    for n, word in enumerate(words):
        t.lab.c1.send(packets.ether(packets.udp(A, PLC, t.port, OPEN, word.encode() + packets.payload(1000 + n)),
                                    router.C0, router.C1))
    wanted = [1000 + n for n, word in enumerate(words) if word != "DROP"]
    came = []

    def look():
        for f in t.lab.drain(t.lab.s1):
            if f[-8:-4] == packets.MARK:
                came.append(int.from_bytes(f[-4:], "big"))
        return len(came) >= len(wanted)
    live.until(look, lambda: f"{len(wanted)} packets; {len(came)} came")
    assert came == wanted


@test
def what_is_settled_comes_up_no_more(t):
    t.start("--generation", str(t.generation()))
    t.talk()
    assert t.ask("DONE") and t.ask("PASS", side="s") and t.ask("DROP") and t.ask("PASS")
    t.frames(1)
    t.talk()
    assert t.ask("PASS") and not t.ask("DROP")
    t.frames(2)


@test
def settled_under_another_policy_is_not_settled(t):
    t.start("--generation", str(t.generation() % 65535 + 1))
    t.talk()
    assert t.ask("DONE") and t.ask("PASS") and not t.ask("DROP")
    t.frames(3)


@test
def without_anybody_open_passes_and_closed_does_not(t):
    t.talk()
    assert t.ask("PASS", OPEN) and not t.ask("PASS", CLOSED)
    t.start()
    t.talk()
    assert not t.ask("DROP", OPEN) and t.ask("PASS", CLOSED)
    t.probe.signal(signal.SIGKILL)
    t.probe.wait()
    t.talk()
    assert t.ask("DROP", OPEN) and not t.ask("PASS", CLOSED)
    t.start()
    t.talk()
    assert not t.ask("DROP", OPEN) and t.ask("PASS", CLOSED)
    assert t.probe.stop() == 0
    t.talk()
    assert t.ask("DROP", OPEN) and not t.ask("PASS", CLOSED)
    t.probe = None


@test
def who_hangs_is_gone_around_within_a_second(t):
    t.start()
    t.talk()
    assert t.ask("PASS", OPEN) and t.ask("PASS", CLOSED)
    t.probe.signal(signal.SIGSTOP)
    live.until(lambda: t.ask("PASS", OPEN), "open passes again")
    assert t.ask("DROP", OPEN) and not t.ask("PASS", CLOSED)
    t.probe.signal(signal.SIGCONT)
    live.until(lambda: not t.ask("DROP", OPEN), "the probe decides again")
    live.until(lambda: t.ask("PASS", CLOSED), "closed passes again")


@test
def a_full_queue_fails_as_its_conduit_says(t):
    """Stopped, but believed to be alive: the queue's own limits decide."""
    t.start("--length", "64", "--buffer", "65536")
    t.talk()
    assert t.ask("PASS", OPEN) and t.ask("PASS", CLOSED)
    t.probe.signal(signal.SIGSTOP)
    t.lab.router.run("nft", "add element inet kidoban alive_0 { ipv4, ipv6 }", check=False)
    t.lab.router.run("nft", "delete element inet kidoban alive_0 { ipv4, ipv6 }", check=False)
    t.lab.router.run("nft", "add element inet kidoban alive_0 { ipv4, ipv6 }")
    many = [packets.ether(packets.udp(A, PLC, t.port, port, b"PASS" + packets.payload(5000 + n)), router.C0, router.C1)
            for n, port in enumerate([OPEN] * 400 + [CLOSED] * 400)]
    came, _ = t.lab.exchange(many)
    assert came and all(n < 5400 for n in came), "closed has passed"
    t.probe.signal(signal.SIGCONT)
    live.until(lambda: t.ask("PASS", OPEN), "the open queue works again")
    live.until(lambda: t.ask("PASS", CLOSED), "the closed queue works again")
    # a gap is seen with the packet behind it
    live.until(lambda: t.ask("PASS", OPEN) and t.counts()[0]["unseen"] >= len(came), "all that passed unseen are counted")
    opened, closed = t.counts()
    assert opened["packets"] + opened["unseen"] >= 401 and closed["packets"] + closed["kernel_drops"] >= 401
    assert opened["kernel_drops"] == 0 and closed["kernel_drops"] >= 200 and closed["unseen"] == 0, (opened, closed)


@test
def packets_of_our_own_pass(t):
    t.start()
    t.talk()
    assert t.ask("PASS", OPEN)
    f = t.ask("SEND", OPEN, "s")
    assert f and udp_checksum_right(f)
    t.frames(2)  # it did not come up again
    # a reset from the device to the client, as it is sent when a conversation is rejected
    t.send(lambda m: packets.tcp(A, PLC, 52000, OPEN, SYN, 1, 0, m))
    assert t.send(lambda m: packets.tcp(PLC, A, OPEN, 52000, RST | ACK, 0, 10, b"SEND" + m), "s")
    assert t.counts()[0]["sent"] == 4


@test
def two_workers_share_by_pairs_of_hosts(t):
    t.hand_on(2)
    t.start("--workers", "2")
    by_host = {}
    for host in range(1, 25):
        t.talk()
        for side in ("c", "s", "c"):
            assert t.ask("PASS", OPEN, side, f"10.30.0.{host}")
        t.talk()
        assert t.ask("PASS", CLOSED, "c", f"10.30.0.{host}")
        by_host[host] = {f["worker"] for f in t.frames(4)}
    assert all(len(w) == 1 for w in by_host.values()), by_host
    assert set.union(*by_host.values()) == {0, 1}


@test
def the_service_itself_decides(t):
    t.hand_on(2)
    path = os.path.join(os.path.dirname(t.policy.path), "kidoban.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("policy: policy.yaml\nsources: [{queue: 0, workers: 2}]\noutputs: [{file: '-'}]\n")
    run = live.Program(t.lab.router, [t.args.kidoban, "run", "-c", path])
    try:
        def alive():
            assert run.alive(), run.err[-5:]
            return all("expires" in t.lab.router.run("nft", f"list set inet kidoban alive_{n}").stdout for n in range(2))
        live.until(alive, "both workers say that they are alive")
        for n in range(4):
            assert life.talk_tcp(t, f"10.30.0.{n + 1}", PLC, 46000, OPEN) == [True] * 4
            assert life.talk_tcp(t, f"10.30.0.{n + 1}", PLC, 46000, CLOSED) == [True] * 4
        queues = t.lab.router.run("cat", "/proc/net/netfilter/nfnetlink_queue").stdout.splitlines()
        asked = [int(line.split()[7]) for line in queues]
        assert len(asked) == 4 and asked[0] + asked[2] == 16 and asked[1] + asked[3] == 16, queues
        run.signal(signal.SIGKILL)
        run.wait()
        assert life.talk_tcp(t, A, PLC, 46001, OPEN) == [True] * 4
        assert life.talk_tcp(t, A, PLC, 46001, CLOSED) == [False] * 4
    finally:
        run.stop()


@test
def a_queue_that_somebody_reads_is_refused(t):
    t.start()
    other = live.Program(t.lab.router, [t.args.probe])
    assert other.wait() == 3
    assert "queue 0" in other.err[0] and "somebody else" in other.err[0], other.err


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kidoban", default=os.path.join(agree.ROOT, "build/src/kidoban"))
    p.add_argument("--probe", default=os.path.join(agree.ROOT, "build/tests/live/queue_probe"))
    args = p.parse_args()
    why = router.missing() or (None if shutil.which("iptables-nft") else "iptables-nft is not installed")

    def with_box(test):
        with tempfile.TemporaryDirectory() as folder:
            t = Box(args, folder)
            try:
                test(t)
            except Exception:
                print(f"# the probe said: {t.probe.err[-5:] if t.probe else ''}")
                raise
            finally:
                t.close()
    return live.main(TESTS, why, with_box)


if __name__ == "__main__":
    sys.exit(main())
