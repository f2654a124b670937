#!/usr/bin/env python3
"""The evaluation itself: labels are read as written, events claim what they should, counting counts. Prints TAP.

tests/baseline/check.py
"""

import datetime
import os
import struct
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
import evaluate  # noqa: E402
import frames  # noqa: E402
import labels  # noqa: E402
import simple  # noqa: E402

TESTS = []
SECOND = 1_000_000
BEGIN = 1_700_000_000 * SECOND


def test(f):
    TESTS.append(f)
    return f


def text(body):
    f = tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False, encoding="utf-8")
    f.write(body)
    f.close()
    return f.name


def tcp(src, sport, dst, dport, flags=16):
    """A frame of 10.0.0.src to 10.0.0.dst."""
    mac = bytes([2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src])
    ip = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 40, 0, 0, 64, 6, 0, 10, 0, 0, src, 10, 0, 0, dst)
    return mac + b"\x08\x00" + ip + struct.pack(">HHIIBBHHH", sport, dport, 0, 0, 0x50, flags, 0, 0, 0)


def capture(*timed):
    """Frames of (second, bytes); returns what frames.Frames makes of them."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for second, data in timed:
            us = BEGIN + round(second * SECOND)
            f.write(struct.pack("<IIII", us // SECOND, us % SECOND, len(data), len(data)) + data)
        f.flush()
        return frames.Frames(f.name)


def op(second, code="3", value=0.0, channel=("10.0.0.1", "10.0.0.2", 6, 502), role="request", at=0, first="0"):
    return simple.Op(at, BEGIN + round(second * SECOND), channel, role, code, ("1", "holding", first, "1"), (value,), "")


def judged(detector, learned, tested):
    detector.learn(learned, None)
    detector.finish()
    return [(f.time - BEGIN) / SECOND for f in detector.judge(tested, None)]


@test
def a_frame_label_of_lemay_must_stand_in_its_line():
    assert labels.lemay(text("1;0\n2;1\n")) == [False, True]
    for broken in ("1;0\n3;1\n", "1;2\n"):
        try:
            labels.lemay(text(broken))
            raise AssertionError("accepted")
        except ValueError:
            pass


@test
def times_of_windows_are_exact_to_the_microsecond():
    w = labels.qut_windows(text("start_epoch_utc,end_epoch_utc,attack,args,attacker_packets_in_window\n"
                                "1476086085.659427,1476086088.039687,nmap,,519\n"))
    assert w == [labels.Window("nmap", 1476086085659427, 1476086088039687, "")], w


@test
def a_class_of_s7_is_behind_the_last_comma():
    assert labels.qut_s7(text("7,Ether / IP / TCP a > b PA, Raw,WaterTankOff\n")) == {7: "WaterTankOff"}


@test
def positions_of_iec104_count_after_the_changes_before():
    path = text("======\n!!! NOTE !!!\nModifications listed in this file\n======\n"
                "Cloned packet: 1 to 3\nRemoved packet: 1\nSwapped packets: 3, 1\n")
    changes = labels.iec104_changes(path)
    assert changes == [("clone", 1, 3), ("remove", 1), ("swap", 3, 1)], changes
    # 1 2 3 -> 1 2 1' 3 -> 2' 1' 3 -> without 3 and 2': 1' -> 1' 2' -> 3' 1' 2'
    assert labels.iec104_origin(changes, 3) == [(3, True), (1, True), (2, True)], labels.iec104_origin(changes, 3)


@test
def the_lab_plant_says_frames_and_windows():
    stem = os.path.join(tempfile.mkdtemp(), "run")
    with open(stem + ".labels.csv", "w", encoding="utf-8") as f:
        f.write("frame,label\n1,normal\n2,rogue-write\n3,0\n")
    with open(stem + ".windows.csv", "w", encoding="utf-8") as f:
        f.write("attack,begin,end,description\nrogue-write,1700000000.5,1700000001,one write\n")
    assert labels.plant(stem) == ({2: "rogue-write"}, [
        labels.Window("rogue-write", 1700000000500000, 1700000001000000, "one write")])


@test
def a_channel_does_not_change_with_the_port_of_the_client():
    f = capture((0, tcp(1, 40000, 2, 502, 2)), (1, tcp(2, 502, 1, 40000)), (2, tcp(1, 40001, 2, 502, 2)),
                (3, tcp(3, 502, 2, 9000)), (4, tcp(3, 400, 2, 9000, 2)))
    polls = ("10.0.0.1", "10.0.0.2", 6, 502)
    assert f.channel[:3] == [polls] * 3
    assert f.channel[3] == ("10.0.0.2", "10.0.0.3", 6, 502), "without a SYN, the lower port is the server's"
    assert f.channel[4] == ("10.0.0.3", "10.0.0.2", 6, 9000), "the SYN says who is the client, whatever the ports"


@test
def a_cut_keeps_times_and_tells_the_old_numbers():
    f = tempfile.NamedTemporaryFile(suffix=".pcap")
    f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
    for n in range(5):
        f.write(struct.pack("<IIII", 1700000000 + n, 7, 60, 60) + bytes(60))
    f.flush()
    target = f.name + ".cut"
    assert frames.cut(f.name, target, lambda n, t: n % 2 == 0) == [2, 4]
    assert [t for t, _, _ in frames.packets(target)] == [1700000001000000007, 1700000003000000007]
    os.unlink(target)


@test
def the_mean_of_arrivals_sees_a_pace_that_changed_and_no_single_late_one():
    learned = [op(10 * n + n % 2 * 0.1) for n in range(50)]
    assert judged(simple.ArrivalMean(), learned, [op(10 * n) for n in range(20)]) == []
    assert judged(simple.ArrivalMean(), learned, [op(5 * n) for n in range(8)]) == [25, 30, 35]


@test
def least_and_greatest_of_arrivals_see_one_that_is_early():
    learned = [op(10 * n + n % 2 * 0.1) for n in range(50)]
    assert judged(simple.ArrivalMinMax(), learned, [op(0), op(10), op(15), op(25)]) == [15]


@test
def the_range_of_arrivals_sees_jitter():
    learned = [op(10 * n + n % 2 * 0.1) for n in range(50)]
    tested = [op(t) for t in (0, 10.1, 20, 30.1, 40, 50.1, 65, 70.1)]
    assert judged(simple.ArrivalRange(), learned, tested) == [65, 70.1]


@test
def values_beyond_what_was_learned_and_unknown_objects_are_flagged():
    learned = [op(n, value=v) for n, v in enumerate((5, 7, 6))]
    assert judged(simple.MinMax(), learned, [op(0, value=5), op(1, value=7.5), op(2, value=4), op(3, first="9")]) == [1, 2, 3]


@test
def the_automaton_follows_one_cycle_and_flags_misses_and_unknowns():
    cycle = ["1", "2", "3", "2"]
    learned = [op(n, code=cycle[n % 4]) for n in range(40)]
    assert judged(simple.Dfa(), learned, [op(n, code=cycle[n % 4]) for n in range(1, 30)]) == []
    assert judged(simple.Dfa(), learned, [op(n, code=c) for n, c in enumerate("12321232")]) == []
    assert judged(simple.Dfa(), learned, [op(n, code=c) for n, c in enumerate("1223212")]) == [], "a retransmission"
    assert judged(simple.Dfa(), learned, [op(n, code=c) for n, c in enumerate("1213212")]) == [2, 3], "out of order"
    assert judged(simple.Dfa(), learned, [op(n, code=c) for n, c in enumerate("1275321")]) == [2, 3]


@test
def the_whitelist_flags_every_frame_of_a_new_conversation():
    known = capture((0, tcp(1, 40000, 2, 502, 2)))
    w = simple.Whitelist()
    w.learn([], known)
    f = capture((0, tcp(1, 40009, 2, 502, 2)), (1, tcp(1, 40010, 3, 502, 2)), (2, tcp(3, 502, 1, 40010)))
    assert [g.at for g in w.judge([], f)] == [1, 2]


def alert(finding, first, last, at, src, sport, dst, dport, **more):
    def stamp(s):
        t = datetime.datetime.fromtimestamp(BEGIN // SECOND, datetime.timezone.utc) + datetime.timedelta(seconds=s)
        return t.strftime("%Y-%m-%dT%H:%M:%S.%f+0000")
    return {"pcap_cnt": at, "src_ip": f"10.0.0.{src}", "src_port": sport, "dest_ip": f"10.0.0.{dst}",
            "dest_port": dport, "proto": "TCP", "ether": {"src_mac": f"02:00:00:00:00:{src:02x}"},
            "kidoban": {"finding": finding, "first": stamp(first), "last": stamp(last), **more}}


def two_channels():
    return capture(*((n, tcp(1, 40000, 2 + n % 2, 502)) for n in range(10)))


@test
def an_event_claims_its_channel_from_first_to_last():
    f = two_channels()
    e = evaluate.event_of(alert("baseline.early", 2, 6, 3, 2, 502, 1, 40000, baseline={"detector": "timing"}), f)
    assert (e.detector, e.claims) == ("timing", [2, 4, 6]), e
    assert evaluate.event_of(alert("baseline.early", 2, 2, 3, 1, 40000, 2, 502), f).claims == [2]


@test
def what_should_not_be_there_claims_all_from_then_on():
    f = two_channels()
    assert evaluate.event_of(alert("policy.no-conduit", 2, 2, 3, 1, 40000, 2, 502), f).claims == [2, 4, 6, 8]
    assert evaluate.event_of(alert("asset.unknown-device", 3, 3, 4, 1, 40000, 3, 502), f).claims == list(range(3, 10))


@test
def what_is_about_one_kind_of_message_claims_this_kind():
    f = two_channels()
    channel = ("10.0.0.1", "10.0.0.2", 6, 502)
    assert f.channel[2] == channel
    p = evaluate.Part("p", "", f, None, [])
    p.ops = [op(0, at=0), op(2, at=2, role="response"), op(4, at=4, first="8"), op(6, at=6, role="response")]
    op3 = {"role": "response", "code": 3, "unit": 1, "space": "holding", "first": 0, "count": 1}

    def claims(detector, **more):
        a = alert("baseline.x", 0, 6, 7, 2, 502, 1, 40000, baseline={"detector": detector}, op={**op3, **more})
        return evaluate.event_of(a, f, p.kinds()).claims
    assert claims("value") == [2, 6]
    assert claims("time", role="request") == [0, 2, 6]
    assert claims("order") == claims("set") == [0, 2, 4, 6]


@test
def a_new_host_may_be_the_one_that_is_spoken_to():
    f = two_channels()
    a = alert("baseline.new-host", 3, 3, 4, 1, 40000, 3, 502, baseline={"permit": "new-host 10.0.0.3"})
    assert evaluate.event_of({**a, "ether": {}}, f).claims == [3, 5, 7, 9]
    a = alert("baseline.new-host", 3, 3, 4, 1, 40000, 3, 502, baseline={"permit": "new-host 10.0.0.1"})
    assert evaluate.event_of(a, f).claims == list(range(3, 10))


@test
def what_an_event_carries_further_permits_for_is_claimed_if_it_began_then():
    f = capture(*((n, tcp(1, 40000, 2 + n % 2 if n > 5 else 2, 502)) for n in range(10)))
    b = {"detector": "set", "permit": "new-link 10.0.0.4 -> 10.0.0.5", "more": ["new-link 10.0.0.1 -> 10.0.0.3"]}
    assert evaluate.event_of(alert("baseline.new-link", 6, 6, 7, 4, 1, 5, 2, baseline=b), f).claims == [6, 7, 9]
    b["more"] = ["new-link 10.0.0.1 -> 10.0.0.2"]  # known long before
    assert evaluate.event_of(alert("baseline.new-link", 6, 6, 7, 4, 1, 5, 2, baseline=b), f).claims == [6]


@test
def an_alert_that_no_frame_shows_claims_what_lies_between():
    a = alert("baseline.device-silent", 2, 6, 3, 1, 40000, 2, 502, baseline={"detector": "time"})
    del a["pcap_cnt"]
    assert evaluate.event_of(a, two_channels()).claims == [2, 4, 6]


def part(hostile, *windows):
    f = two_channels()
    return evaluate.Part("p", "", f, hostile, [labels.Window(a, BEGIN + b * SECOND, BEGIN + e * SECOND) for a, b, e in windows])


def event(first, last, *claims):
    return evaluate.Event("d", BEGIN + first * SECOND, BEGIN + last * SECOND, list(claims))


class Flags(simple.Detector):
    """Flags given frames."""

    def __init__(self, *at):
        self.at = at

    def judge(self, ops, f):
        return [simple.Flag(n, f.time[n], f.channel[n], "") for n in self.at]


@test
def flags_of_a_simple_one_are_an_event_until_five_minutes_of_quiet_and_claim_nothing_in_pauses_of_a_minute():
    f = capture(*((30 * n, tcp(1, 40000, 2, 502)) for n in range(40)))
    p = evaluate.Part("p", "", f, None, [])
    found = evaluate.by_simple(p, {"x": Flags(0, 2, 8, 9, 30)})["x"]
    assert [(e.claims, len(e.begins)) for e in found] == [([0, 1, 2, 8, 9], 4), ([30], 1)], found


@test
def each_flag_of_a_simple_one_may_find_an_attack():
    p = part([n == 4 for n in range(10)], ("x", 3, 5))
    s = evaluate.Score()
    s.add(p, evaluate.by_simple(p, {"x": Flags(0, 4)})["x"], "packets")
    assert s.delays["1 x"][0] == 0.0 and not s.false, "counted from the labelled frame"


@test
def frames_are_counted_once_however_many_events_claim_them():
    s = evaluate.Score()
    s.add(part([n in (2, 3, 4) for n in range(10)], ("x", 2, 4)), [event(2, 5, 2, 4, 5), event(2, 2, 2)], "packets")
    assert (s.tp, s.fp, s.fn) == (2, 1, 1)
    assert s.false == [] and list(s.delays) == ["1 x"]


@test
def a_window_with_labelled_frames_is_found_by_who_claims_one_of_them():
    hostile = [n == 4 for n in range(10)]
    s = evaluate.Score()
    s.add(part(hostile, ("x", 3, 5)), [event(4, 4, 5)], "packets")
    assert not s.delays and len(s.false) == 1
    s = evaluate.Score()
    s.add(part([False] * 10, ("missing", 3, 5)), [event(4, 4, 5)], "packets")
    assert s.delays["1 missing"][0] == 1.0 and not s.false, "a poll that is missing labels no frame"


@test
def what_began_before_an_attack_does_not_find_it_unless_it_began_with_another():
    s = evaluate.Score()
    s.add(part(None, ("x", 3, 5)), [event(1, 9, 1)], "windows")
    assert not s.delays and len(s.false) == 1
    s = evaluate.Score()
    s.add(part(None, ("a", 1, 2), ("b", 5, 6)), [event(1, 9, 1)], "windows")
    assert [d for d, _ in s.delays.values()] == [0, 0] and not s.false


def main():
    print(f"1..{len(TESTS)}")
    failed = 0
    for n, t in enumerate(TESTS, 1):
        try:
            with tempfile.TemporaryDirectory() as tempfile.tempdir:
                t()
            print(f"ok {n} - {t.__name__.replace('_', ' ')}")
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {n} - {t.__name__.replace('_', ' ')}")
            print("\n".join("# " + line for line in traceback.format_exc().splitlines()))
        finally:
            tempfile.tempdir = None
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
