#!/usr/bin/env python3
"""Conversations through an exported ruleset: answers, errors, rejections, grants, inspection. Prints TAP.

tests/nftables/life.py --kidoban build/src/kidoban
"""

import argparse
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agree
import lab as laboratory
import packets

POLICY = """
mode: enforce
zones:
  office: {level: information, networks: [10.10.0.0/16, "fd00:10::/64"]}
  dmz:    {level: dmz, networks: [10.30.0.0/24, "fd00:30::/64"]}
  cell:   {level: control-information, networks: [10.40.0.0/24, "fd00:40::/64"]}
  safe:   {level: safety, networks: [10.60.0.0/28]}
assets:
  web:    {zone: dmz, addresses: [10.30.0.5, "fd00:30::5"]}
  plc:    {zone: cell, address: 10.40.0.11}
  camera: {zone: office, mac: "02:00:00:00:0c:0c"}
conduits:
  - {id: browse, from: office, to: web, allow: [{tcp: 443}, {udp: 53}, {icmp: echo}], on-violation: reject}
  - {id: plc, from: dmz, to: plc, allow: [{modbus: {do: read, port: 502}}], fail: open, on-violation: drop}
  - {id: strict, from: dmz, to: cell, allow: [{modbus: {do: read, port: 1502}}], fail: closed, on-violation: drop}
  - {id: vendor, from: office, to: cell, allow: [{tcp: 22}], on-violation: drop, when: {grant: required}}
  - {id: pictures, from: camera, to: cell, allow: [{tcp: 8080}], on-violation: drop}
"""
C, WEB, PLC, CELL = "10.10.1.1", "10.30.0.5", "10.40.0.11", "10.40.0.99"
C6, WEB6 = "fd00:10::1", "fd00:30::5"
SYN, ACK, RST = 2, 16, 4
TESTS = []
KERNEL_DO = None


def test(f):
    TESTS.append(f)
    return f


class Talk:
    """Sends packets one by one and says which came out."""

    def __init__(self, kidoban, folder, text=POLICY, *options):
        path = os.path.join(folder, "policy.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self.policy = agree.Policy(path, kidoban)
        self.lab = laboratory.Lab()
        self.load(*(options or ("--inspect", "accept")))
        self.number = 0

    def load(self, *options):
        self.lab.load(self.policy.export(*options))

    def send(self, packet, side="c", mac=None):
        """packet: made by a function that takes the mark. True when it came out at the other side."""
        self.number += 1
        to, own = (laboratory.C0, laboratory.C1) if side == "c" else (laboratory.S0, laboratory.S1)
        seen, self.answers = self.lab.exchange([packets.ether(packet(packets.payload(self.number)), to, mac or own)], side)
        return self.number in seen


def talk_tcp(t, a, b, sport, dport):
    """SYN, SYN-ACK, data each way: which of the four passed."""
    return [t.send(lambda m: packets.tcp(a, b, sport, dport, SYN, 100, 0, m)),
            t.send(lambda m: packets.tcp(b, a, dport, sport, SYN | ACK, 500, 109, m), "s"),
            t.send(lambda m: packets.tcp(a, b, sport, dport, ACK, 109, 509, m)),
            t.send(lambda m: packets.tcp(b, a, dport, sport, ACK, 509, 117, m), "s")]


@test
def answers_pass_and_only_answers(t):
    assert talk_tcp(t, C, WEB, 40001, 443) == [True] * 4
    assert talk_tcp(t, C6, WEB6, 40001, 443) == [True] * 4
    assert not t.send(lambda m: packets.tcp(WEB, C, 443, 40002, SYN | ACK, 1, 1, m), "s")
    assert not t.send(lambda m: packets.tcp(WEB, C, 443, 40003, SYN, 1, 0, m), "s")
    assert not t.send(lambda m: packets.udp(WEB, C, 53, 40001, m), "s")
    assert t.send(lambda m: packets.udp(C, WEB, 40001, 53, m))
    assert t.send(lambda m: packets.udp(WEB, C, 53, 40001, m), "s")
    for a, b, ask, answer in ((C, WEB, 8, 0), (C6, WEB6, 128, 129)):
        assert not t.send(lambda m: packets.icmp(b, a, answer, rest=b"\0\1\0\1", data=m), "s")
        assert t.send(lambda m: packets.icmp(a, b, ask, rest=b"\0\2\0\1", data=m))
        assert t.send(lambda m: packets.icmp(b, a, answer, rest=b"\0\2\0\1", data=m), "s")


@test
def errors_about_what_passed_pass_and_no_others(t):
    for a, b, router, kinds, others in ((C, WEB, "192.0.2.1", (3, 11, 12), (5, 4)), (C6, WEB6, "2001:db8::1", (1, 2, 3, 4), ())):
        assert t.send(lambda m: packets.udp(a, b, 41000, 53, m))
        about = packets.udp(a, b, 41000, 53, bytes(40))
        unknown = packets.udp(a, b, 41001, 53, bytes(40))
        for kind in kinds:
            for sender in (b, router):  # the other end, and anybody on the way
                assert t.send(lambda m: packets.icmp(sender, a, kind, data=about + m), "s"), (kind, sender)
                assert not t.send(lambda m: packets.icmp(sender, a, kind, data=unknown + m), "s"), (kind, sender)
        for kind in others:
            assert not t.send(lambda m: packets.icmp(router, a, kind, data=about + m), "s"), kind


@test
def a_rejected_client_is_told(t):
    assert not t.send(lambda m: packets.tcp(C, WEB, 42000, 80, SYN, 1, 0, m))
    assert len(t.answers) == 1 and t.answers[0][14 + 9] == 6 and t.answers[0][14 + 33] & RST, t.answers
    assert not t.send(lambda m: packets.udp(C, WEB, 42000, 99, m))
    assert len(t.answers) == 1 and t.answers[0][14 + 9] == 1 and t.answers[0][14 + 20:14 + 22] == bytes([3, 13]), t.answers
    assert not t.send(lambda m: packets.udp(C6, WEB6, 42000, 99, m))
    assert len(t.answers) == 1 and t.answers[0][14 + 6] == 58 and t.answers[0][14 + 40:14 + 42] == bytes([1, 1]), t.answers
    assert not t.send(lambda m: packets.tcp("10.30.0.7", PLC, 42000, 80, SYN, 1, 0, m)) and not t.answers


@test
def a_grant_opens_and_its_end_ends_the_session(t):
    assert not t.send(lambda m: packets.tcp(C, PLC, 43000, 22, SYN, 100, 0, m))
    t.lab.router.run("nft", "add element inet kidoban grant_vendor { ipv4 timeout 1h }")
    assert talk_tcp(t, C, PLC, 43000, 22) == [True] * 4
    t.lab.router.run("nft", "delete element inet kidoban grant_vendor { ipv4 }")
    assert not t.send(lambda m: packets.tcp(C, PLC, 43000, 22, ACK, 117, 517, m))
    assert not t.send(lambda m: packets.tcp(PLC, C, 22, 43000, ACK, 517, 117, m), "s")


@test
def a_new_ruleset_ends_what_it_does_not_permit(t):
    assert talk_tcp(t, C, WEB, 44000, 443) == [True] * 4
    t.load("--inspect", "accept")  # the same again: nothing happens to anybody
    assert t.send(lambda m: packets.tcp(C, WEB, 44000, 443, ACK, 117, 517, m))
    with open(t.policy.path, "w", encoding="utf-8") as f:
        f.write(POLICY.replace("{tcp: 443}", "{tcp: 444}"))
    t.load("--inspect", "accept")
    assert not t.send(lambda m: packets.tcp(C, WEB, 44000, 443, ACK, 125, 517, m))


@test
def an_asset_known_by_its_mac_has_its_answers(t):
    camera = bytes([2, 0, 0, 0, 0x0C, 0x0C])
    assert not t.send(lambda m: packets.tcp("10.10.7.7", CELL, 45000, 8080, SYN, 100, 0, m))
    assert t.send(lambda m: packets.tcp("10.10.7.7", CELL, 45001, 8080, SYN, 100, 0, m), mac=camera)
    assert t.send(lambda m: packets.tcp(CELL, "10.10.7.7", 8080, 45001, SYN | ACK, 500, 109, m), "s")
    assert not t.send(lambda m: packets.tcp("10.30.0.9", CELL, 45002, 8080, SYN, 100, 0, m), mac=camera)


@test
def safety_is_logged_and_never_dropped(t):
    assert t.send(lambda m: packets.udp(C, "10.60.0.3", 1, 1, m))
    assert t.lab.counters()["layer_skipped"] == 1
    assert t.send(lambda m: packets.tcp(C, "10.60.0.3", 1, 1, 0, 1, 1, m)), "no valid TCP packet, but towards safety"


@test
def every_packet_to_inspect_is_marked(t):
    t.load("--inspect", "mark")
    t.lab.router.run("nft", "add element inet kidoban alive_0 { ipv4, ipv6 }")
    t.lab.load("table inet watch { chain f { type filter hook forward priority 0; "
               "meta mark 0x6b690001 counter name open\nmeta mark 0x6b690002 counter name closed\n}\n"
               "counter open { }\ncounter closed { }\n}")
    assert talk_tcp(t, "10.30.0.7", PLC, 46000, 502) == [True] * 4
    assert talk_tcp(t, "10.30.0.7", PLC, 46000, 1502) == [True] * 4
    assert talk_tcp(t, C, WEB, 46000, 443) == [True] * 4
    assert t.lab.counters("watch") == {"open": 4, "closed": 4}


@test
def with_nobody_at_the_queue_open_passes_and_closed_does_not(t):
    if not shutil.which("iptables-nft"):
        return "no iptables-nft"
    t.load("--inspect", "mark", "--queue", "7")
    script = agree.subprocess.run([t.policy.kidoban, "export", "iptables", "--queue", "7"], capture_output=True, text=True,
                                  check=True).stdout
    for _ in range(2):  # run again it does the same
        t.lab.router.run("sh", feed=script)
    for command in ("iptables-nft", "ip6tables-nft"):
        assert t.lab.router.run(command, "-S").stdout.count("NFQUEUE") == 2
    t.lab.router.run("nft", "add element inet kidoban alive_0 { ipv4, ipv6 }")  # lies
    assert t.send(lambda m: packets.tcp("10.30.0.7", PLC, 47000, 502, SYN, 1, 0, m))
    assert not t.send(lambda m: packets.tcp("10.30.0.7", PLC, 47000, 1502, SYN, 1, 0, m))
    return None


@test
def nobody_alive_is_asked_about_what_fails_open(t):
    t.load("--inspect", "mark")
    t.lab.load("table inet watch { chain f { type filter hook forward priority 0; meta mark 0x6b690001 drop\n"
               "meta mark 0x6b690002 drop\n}\n}")
    assert t.send(lambda m: packets.tcp("10.30.0.7", PLC, 46500, 502, SYN, 1, 0, m))
    t.lab.router.run("nft", "add element inet kidoban alive_0 { ipv4 timeout 1h }")
    assert not t.send(lambda m: packets.tcp("10.30.0.7", PLC, 46501, 502, SYN, 1, 0, m))
    assert not t.send(lambda m: packets.tcp("10.30.0.7", PLC, 46502, 1502, SYN, 1, 0, m))


@test
def both_ways_and_all_protocols_of_two_hosts_have_one_worker(t):
    t.load("--inspect", "mark", "--workers", "3")
    t.lab.router.run("nft", "; ".join(f"add element inet kidoban alive_{n} {{ ipv4, ipv6 }}" for n in range(3)))
    marks = [f"0x6b690{n}01" for n in range(3)]
    t.lab.load("table inet watch {\n" + "".join(f"counter w{n} {{ }}\n" for n in range(3)) +
               "chain f {\ntype filter hook forward priority 0\n" +
               "".join(f"meta mark {m} counter name w{n}\n" for n, m in enumerate(marks)) + "}\n}")
    used = set()
    for host in range(1, 40):
        before = t.lab.counters("watch")
        assert talk_tcp(t, f"10.30.0.{host}", PLC, 46000, 502) == [True] * 4
        assert t.send(lambda m: packets.tcp(f"10.30.0.{host}", PLC, 46001, 502, SYN, 1, 0, m))
        after = t.lab.counters("watch")
        grown = {n: after[n] - before[n] for n in after if after[n] != before[n]}
        assert list(grown.values()) == [5], grown
        used |= set(grown)
    assert used == {"w0", "w1", "w2"}, used


@test
def a_host_in_quarantine_reaches_safety_zones_only(t):
    assert talk_tcp(t, C, WEB, 46000, 443) == [True] * 4
    t.lab.router.run("nft", f"add element inet kidoban quarantine_v4 {{ {C} timeout 1h }}")
    assert not t.send(lambda m: packets.tcp(C, WEB, 46000, 443, ACK, 117, 517, m))
    assert not t.send(lambda m: packets.tcp(WEB, C, 443, 46000, ACK, 517, 117, m), "s")
    assert t.send(lambda m: packets.udp(C, "10.60.0.3", 1, 1, m))
    assert t.send(lambda m: packets.tcp("10.10.1.2", WEB, 46000, 443, SYN, 1, 0, m))
    t.lab.router.run("nft", f"delete element inet kidoban quarantine_v4 {{ {C} }}")
    assert t.send(lambda m: packets.tcp(C, WEB, 46000, 443, ACK, 117, 517, m))
    t.lab.router.run("nft", f"add element inet kidoban quarantine_v6 {{ {WEB6} timeout 1h }}")
    assert not t.send(lambda m: packets.tcp(C6, WEB6, 46000, 443, SYN, 1, 0, m))
    camera = bytes([2, 0, 0, 0, 0x0C, 0x0C])
    assert t.send(lambda m: packets.tcp("10.10.7.7", CELL, 45001, 8080, SYN, 100, 0, m), mac=camera)
    t.lab.router.run("nft", "add element inet kidoban quarantine_mac { 02:00:00:00:0c:0c timeout 1h }")
    assert not t.send(lambda m: packets.tcp("10.10.7.7", CELL, 45001, 8080, ACK, 101, 1, m), mac=camera)


@test
def the_service_tells_the_ruleset(t):
    def do(*words):
        return t.lab.router.run(KERNEL_DO, t.policy.path, *words, check=False).returncode == 0

    def vendor(port):
        return t.send(lambda m: packets.tcp(C, PLC, port, 22, SYN, 1, 0, m))

    if t.lab.router.run(KERNEL_DO, t.policy.path, "release", C, check=False).returncode == 2:
        return "built without libmnl"
    assert do("quarantine", C) and not t.send(lambda m: packets.tcp(C, WEB, 46000, 443, SYN, 1, 0, m))
    listed = t.lab.router.run("nft", "list set inet kidoban quarantine_v4").stdout
    assert f"{C} timeout 1h" in listed, listed
    assert do("quarantine", C, "7200")  # anew, for longer
    listed = t.lab.router.run("nft", "list set inet kidoban quarantine_v4").stdout
    assert f"{C} timeout 2h" in listed, listed
    assert do("release", C) and not do("release", C)
    assert t.send(lambda m: packets.tcp(C, WEB, 46001, 443, SYN, 1, 0, m))
    assert do("quarantine", C6) and not t.send(lambda m: packets.tcp(C6, WEB6, 46000, 443, SYN, 1, 0, m))
    assert do("quarantine", "02:00:00:00:0c:0c") and "02:00:00:00:0c:0c" in t.lab.router.run(
        "nft", "list set inet kidoban quarantine_mac").stdout
    assert not vendor(43000) and do("grant", "vendor") and vendor(43001)
    assert do("revoke", "vendor") and not vendor(43002)
    assert do("grant", "vendor", "1") and vendor(43003)
    time.sleep(1.2)
    assert not vendor(43004), "the grant is over"
    assert not do("grant", "browse"), "it needs none"
    t.lab.router.run("nft", "delete table inet kidoban")
    assert not do("quarantine", C) and not do("release", C) and not do("grant", "vendor")
    return None


@test
def what_is_settled_is_not_inspected_until_the_policy_changes(t):
    def settle():
        """Does what a queue does that says so: the mark is read from the heading of the ruleset."""
        t.load("--inspect", "mark")
        mark = next(line for line in t.policy.export("--inspect", "mark").splitlines() if "meta mark 0x6b6b" in line)
        return "0x6b6b" + mark.split("0x6b6b")[1][:4]

    def inspected():
        before = t.lab.counters("watch")["open"]
        assert t.send(lambda m: packets.tcp("10.30.0.7", PLC, 46000, 502, ACK, 117, 517, m))
        return t.lab.counters("watch")["open"] > before

    def watch(mark):
        t.lab.router.run("nft", "add element inet kidoban alive_0 { ipv4, ipv6 }")
        t.lab.load("table inet watch\ndelete table inet watch\ntable inet watch {\ncounter open { }\n"
                   "chain f {\ntype filter hook forward priority 0\nmeta mark 0x6b690001 counter name open "
                   f"meta mark set {mark}\n}}\n}}")

    mark = settle()
    watch(mark)
    assert talk_tcp(t, "10.30.0.7", PLC, 46000, 502) == [True] * 4
    assert t.lab.counters("watch")["open"] == 1
    t.load("--inspect", "mark")  # the same again
    watch(mark)
    assert not inspected()
    with open(t.policy.path, "w", encoding="utf-8") as f:
        f.write(POLICY.replace("do: read, port: 502", "do: read, unit: 1, port: 502"))
    other = settle()
    assert other != mark
    watch(mark)  # a queue that has not heard of the new policy
    assert inspected() and inspected()
    watch(other)
    assert inspected() and not inspected()
    t.lab.router.run("nft", "insert rule inet watch f ct mark set 7")  # a mark of somebody else's
    assert not inspected() and inspected() and inspected()


@test
def detect_drops_nothing_and_counts(t):
    t.load("--mode", "detect")
    assert t.send(lambda m: packets.tcp(C, PLC, 48000, 23, SYN, 1, 0, m))
    assert t.send(lambda m: packets.udp(WEB, C, 1, 2, m), "s")
    assert t.send(lambda m: packets.tcp("10.30.0.7", PLC, 48000, 502, SYN, 1, 0, m))
    counted = t.lab.counters()
    assert (counted["denied_vendor"], counted["no_conduit"], counted["conduit_plc"]) == (1, 1, 1), counted


@test
def bridged_packets_are_judged_too(t):
    """br_netfilter hands what a bridge forwards to the same hook."""
    r = t.lab.router
    r.run("sh", "-c", "ip link add br0 type bridge; ip link set c0 master br0; ip link set s0 master br0; ip link set br0 up; "
          "sysctl -qw net.bridge.bridge-nf-call-iptables=1", check=False)
    if r.run("sysctl", "-n", "net.bridge.bridge-nf-call-iptables", check=False).stdout.strip() != "1":
        return "no br_netfilter"

    def across(packet):
        t.number += 1
        frame = packets.ether(packet(packets.payload(t.number)), laboratory.S1, laboratory.C1)
        return t.number in t.lab.exchange([frame])[0]

    for _ in range(50):  # until the bridge forwards
        if across(lambda m: packets.tcp(C, WEB, 49000 + t.number, 443, SYN, 1, 0, m)):
            break
    else:
        raise AssertionError("nothing crosses the bridge")
    assert not across(lambda m: packets.tcp(C, PLC, 49000, 443, SYN, 1, 0, m))
    return None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kidoban", default=os.path.join(agree.ROOT, "build/src/kidoban"))
    p.add_argument("--kernel-do", default=os.path.join(agree.ROOT, "build/tests/nftables/kernel_do"))
    args = p.parse_args()
    global KERNEL_DO
    KERNEL_DO = args.kernel_do
    why = laboratory.missing()
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    failed = 0
    print(f"1..{len(TESTS)}")
    for n, f in enumerate(TESTS, 1):
        name, skip = f.__name__.replace("_", " "), None
        with tempfile.TemporaryDirectory() as folder:
            t = Talk(args.kidoban, folder)
            try:
                skip = f(t)
                print(f"ok {n} - {name}" + (f" # SKIP {skip}" if skip else ""))
            except (AssertionError, OSError, laboratory.subprocess.CalledProcessError) as e:
                failed += 1
                line = e.__traceback__
                while line.tb_next:
                    line = line.tb_next
                print(f"not ok {n} - {name}\n# line {line.tb_lineno}: {e} {getattr(e, 'stderr', '') or ''}")
            finally:
                t.lab.close()
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
