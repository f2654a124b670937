"""Attacks on the bottling plant: each function is one run, its first line says what happens.

A function gets the plant and the name of its run, and arranges what is to happen. at() is a share of the run;
an attack lasts from START to END of it unless it says otherwise. Frames that the attack sent, or changed, carry its
name.
"""

import struct
from collections import deque

import process as of
from relay import Relay
from stage import MODBUS, Cycle, read, write_coil, write_file, write_register, write_registers

START, END = 0.4, 0.6


def _window(plant, name, begin=START, end=END):
    """Says when it is, in the words of the run's title; returns both in seconds."""
    begin, end = begin * plant.duration, end * plant.duration
    plant.stage.window(name, begin, end, plant.title)
    return begin, end


def _lie(plant, name, conns, begin, end, lie):
    """From begin to end the answers on these connections are lie()'s."""
    def change(what, label):
        for conn in conns:
            conn.lie, conn.lie_label = what and (lambda c=conn: what(c)), label
    plant.stage.at(begin, change, lie, name)
    plant.stage.at(end, change, None, "")


def _swap(device, table, first, values):
    """Registers show values; returns what puts back the truth."""
    registers = getattr(device, table)
    true = [registers[first + i] for i in range(len(values))]
    for i, value in enumerate(values):
        registers[first + i] = int(value) & 0xFFFF

    def restore():
        for i, value in enumerate(true):
            registers[first + i] = value
    return restore


# ---- writes


def write_by_reader(plant, name):
    """The historian, who only ever reads, writes a set-point within its range."""
    begin, end = _window(plant, name)
    for i in range(4):
        plant.stage.at(begin + (end - begin) * (i + 0.5) / 4, plant.send, plant.conns["hist", "mix"],
                       write_register(of.TEMPERATURE[2], (655, 640, 660, 650)[i]), name)


def write_at_wrong_time(plant, name):
    """On the controller's own connection comes a set-point of the other recipe, in the middle of this one."""
    begin, end = _window(plant, name)
    for i in range(3):
        plant.stage.at(begin + (end - begin) * (i + 0.5) / 3, plant.write, "ctl", of.RATIO, 155, name)


def write_out_of_range(plant, name):
    """On the HMI's own connection come set-points that no operator ever chose."""
    begin, end = _window(plant, name)
    for i, (where, value) in enumerate(((of.TEMPERATURE, 990), (of.SPEED, 450), (of.TEMPERATURE, 1200))):
        plant.stage.at(begin + (end - begin) * (i + 0.5) / 3, plant.write, "hmi", where, value, name)


# ---- replay


def replay_requests(plant, name):
    """Requests of the HMI recorded minutes before come again, byte by byte, on a new connection from its address."""
    st = plant.stage
    begin, end = _window(plant, name)
    old, then = plant.conns["hmi", "mix"], begin * 0.75
    for i in range(3):  # so that there is something worth a replay: the operator did this
        st.at(then + 2 * i, plant.write, "hmi", of.TEMPERATURE, (655, 645, 650)[i])

    def again():
        conn = plant.conn("hmi", "mix")
        around = [e for e in old.log if then - 2 < e[0] < then + 7]
        for round_ in range(3):
            for when, adu, _ in around:
                st.at(begin + (end - begin) * round_ / 3 + when - around[0][0], replay, conn, adu)

    def replay(conn, adu):
        conn.request(adu[7:], name, tid=struct.unpack_from(">H", adu)[0])
    st.at(begin, again)


def replay_responses(plant, name):
    """Old answers of a device are sent again, transaction numbers and all, each before the right one."""
    begin, end = _window(plant, name)
    conn = plant.conns["hmi", "chiller"]

    def change(on):
        old = [e[2] for e in list(conn.log)[-30:]]
        turn = iter(range(10**6))
        conn.inject, conn.lie_label = (lambda: old[next(turn) % len(old)], name) if on else (None, "")
    plant.stage.at(begin, change, True)
    plant.stage.at(end, change, False)


def replay_values(plant, name):
    """The HMI is shown what the tanks said a while before, again and again."""
    st = plant.stage
    begin, end = _window(plant, name)
    conn, tank = plant.conns["hmi", "tank"], st.hosts["tank"]
    length = int(min(60, begin / 2))
    seen = deque(maxlen=length)

    def note():
        if st.now < begin:
            seen.append([tank.input[i] for i in range(6)])
            st.at(st.now + 1.0, note)
    st.at(begin - length - 1, note)
    _lie(plant, name, [conn], begin, end, lambda c: _swap(tank, "input", 0, seen[int(st.now - begin) % len(seen)]))


# ---- a man in the middle


def mitm_freeze(plant, name):
    """On the HMI's cable the answers of the mixer are altered: its values stand still."""
    st = plant.stage
    begin, end = _window(plant, name)
    mix, held = st.hosts["mix"], []

    def lie(conn):
        if not held:
            held.extend(mix.input[i] for i in range(4))
        return _swap(mix, "input", 0, held)
    _lie(plant, name, [plant.conns["hmi", "mix"]], begin, end, lie)


def mitm_shift(plant, name):
    """On the HMI's cable the drive's speed is altered, 120 rpm less: in its range, but not what its current says."""
    begin, end = _window(plant, name)
    vfd = plant.stage.hosts["vfd"]
    _lie(plant, name, [plant.conns["hmi", "vfd"]], begin, end,
         lambda c: _swap(vfd, "holding", 101, [vfd.holding[101] - 120]))


def mitm_arp(plant, name):
    """A new host poisons ARP, stands between HMI and chiller, and alters the supply temperature by 3 degrees."""
    st = plant.stage
    begin, end = _window(plant, name)
    hmi, chiller, own = (st.hosts[n] for n in ("hmi", "chiller", "laptop"))

    def alter(frame):
        at = 14 + 20 + (frame[46] >> 4) * 4
        if frame[34:36] == struct.pack(">H", MODBUS) and frame[at + 7 : at + 9] == b"\x04\x08":
            old, = struct.unpack_from(">h", frame, at + 9)
            struct.pack_into(">h", frame, at + 9, old - 30)

    def poison():
        for victim, other in ((hmi, chiller), (chiller, hmi)):
            own.arp(2, victim.address, sender=other.address, to=victim.mac, hardware=victim.mac)
        st.label = name
        st.drain()
        st.label = ""
        if st.now + 2 < end:
            st.at(st.now + 2.0, poison)

    def stand(on):
        st.relay = Relay(own, hmi, chiller, alter, name) if on else st.relay.leave()
    st.at(begin, poison)
    st.at(begin + 0.5, stand, True)
    st.at(end, stand, False)


# ---- polls


def poll_flood(plant, name):
    """The historian reads the filler 200 times a second."""
    st = plant.stage
    begin, end = _window(plant, name, START, START + 0.04)
    conn = plant.conn("hist", "fill")

    def more():
        conn.request(read(3, 0, 5), name)
        if st.now < end:
            st.at(max(st.now + 0.005, conn.free), more)
    st.at(begin, more)


def missing_poll(plant, name):
    """The HMI no longer asks the mixer for its values; all else goes on."""
    _paused(plant, name, "hmi.mix.values")


def _paused(plant, name, cycle):
    begin, end = _window(plant, name)
    plant.stage.at(begin, setattr, plant.stage.cycles[cycle], "paused", True)
    plant.stage.at(end, setattr, plant.stage.cycles[cycle], "paused", False)


def device_silent(plant, name):
    """The chiller's cable is pulled out: nobody answers its masters."""
    st = plant.stage
    begin, end = _window(plant, name)
    st.at(begin, st.hosts["chiller"].plug, False)
    st.at(end, st.hosts["chiller"].plug, True)


def timing_shift(plant, name):
    """The controller's scan of one second takes place every 1.3 seconds."""
    _altered(plant, name, "period", lambda c: 1.3)


def order_change(plant, name):
    """The controller's scan asks the same things in another order."""
    _altered(plant, name, "steps", lambda c: [c.steps[i] for i in (0, 3, 1, 4, 2)])


def _altered(plant, name, what, change):
    begin, end = _window(plant, name)
    cycle = plant.stage.cycles["ctl.scan"]
    before = getattr(cycle, what)

    def turn(value, label):
        setattr(cycle, what, value)
        cycle.label = label
    plant.stage.at(begin, turn, change(cycle), name)
    plant.stage.at(end, turn, before, "")


# ---- the process


def slow_drift(plant, name):
    """The supply temperature as the chiller says it creeps up by 16 degrees: in its range first, then out of it."""
    st, p = plant.stage, plant.process
    begin, end = _window(plant, name, 0.3, 0.8)

    def creep():
        p.fault["chiller", 0] = 160 * (st.now - begin) / (end - begin) if st.now < end else 0
        if st.now < end:
            st.at(st.now + 1.0, creep)
    st.at(begin, creep)
    conns = [plant.conns[m, "chiller"] for m in ("ctl", "hmi")]
    for when, label in ((begin, name), (end, "")):
        for conn in conns:
            st.at(when, setattr, conn, "lie_label", label)


# ---- hosts and functions


def function_scan(plant, name):
    """The historian tries every function code of the mixer."""
    st = plant.stage
    begin, end = _window(plant, name, START, START + 0.05)
    conn, at = plant.conn("hist", "mix"), begin
    well = {1: read(1, 0, 1), 2: read(2, 0, 1), 3: read(3, 0, 1), 4: read(4, 0, 1), 5: write_coil(60, False),
            6: write_register(900, 0), 15: b"\x0f\x00\x3c\x00\x01\x01\x00", 16: write_registers(900, [0]),
            8: b"\x08\x00\x00\x12\x34", 20: b"\x14\x07\x06\x00\x04\x00\x00\x00\x02",
            21: write_file(4, 0, b"\x00\x00"),
            24: b"\x18\x00\x00", 43: b"\x2b\x0e\x01\x00", 22: b"\x16\x03\x84\xff\xff\x00\x00",
            23: b"\x17\x00\x00\x00\x01\x03\x84\x00\x01\x02\x00\x00"}
    for code in range(1, 128):
        # libmodbus leaves function 7 unanswered
        refuse = (lambda adu: adu[:4] + b"\x00\x03" + adu[6:7] + bytes([adu[7] | 0x80, 1])) if code == 7 else None
        st.at(at, plant.send, conn, well.get(code, bytes([code])), name, refuse)
        at += (end - begin) / 130
    st.at(end, conn.close)


def new_device(plant, name):
    """A laptop nobody knows appears on the switch, looks for hosts and reads three of them."""
    st = plant.stage
    begin, end = _window(plant, name)
    own = st.hosts["laptop"]

    def look():
        st.label = name
        for n in range(1, 40):
            own.arp(1, f"10.20.1.{n}")
            st.drain()
        st.label = ""
    st.at(begin, look)
    for i, device in enumerate(("tank", "fill", "meter")):
        conn = plant.conn("laptop", device)
        for k in range(20):
            st.at(begin + 3 + (end - begin - 5) * (i * 20 + k) / 60, plant.send, conn, read(3, 0, 10), name)


def second_master(plant, name):
    """The engineers' workstation writes the drive's speed every second, as the controller does, its own value."""
    st = plant.stage
    begin, end = _window(plant, name)
    conn = plant.conn("eng", "vfd")

    def go():
        cycle = Cycle(st, name, 1.0, [(conn, write_registers(0, [0x047F, 1000]))], when=lambda: st.now < end)
        cycle.label = name
    st.at(begin, go)


# ---- programs


def program_download(plant, name):
    """The engineers' workstation stops the filler, downloads a program (Modbus function 90, UMAS) and starts it."""
    st = plant.stage
    begin, end = _window(plant, name, START, START + 0.1)
    conn, r = plant.conn("eng", "fill"), st.random
    key = 0x42
    steps = [b"\x00\x02", b"\x00\x01\x00", b"\x00\x10\x1e\x00\x00\x00\x04ENG1", bytes([key, 0x41, 0xFF, 0x00]),
             bytes([key, 0x30, 0x00, 0x01])]
    steps += [bytes([key, 0x31, 0x00, 0x01]) + struct.pack("<HH", n, 200) + r.randbytes(200) for n in range(1, 60)]
    steps += [bytes([key, 0x32, 0x00, 0x01]) + struct.pack("<H", 60), bytes([key, 0x40, 0xFF, 0x00]),
              bytes([key, 0x11])]

    def answer(adu):
        pdu = b"\x5a" + adu[8:9] + b"\xfe" + (bytes([key]) if adu[9] == 0x10 else b"")
        return adu[:4] + struct.pack(">H", len(pdu) + 1) + adu[6:7] + pdu
    st.at(begin, setattr, plant.process, "jam", end - begin)
    for i, step in enumerate(steps):
        st.at(begin + (end - begin) * i / len(steps), plant.send, conn, b"\x5a" + step, name, answer)


def file_write(plant, name):
    """The engineers' workstation writes file records (function 21) to the mixer."""
    st = plant.stage
    begin, end = _window(plant, name, START, START + 0.1)
    conn = plant.conn("eng", "mix")
    for i in range(40):
        data = st.random.randbytes(200)
        st.at(begin + (end - begin) * i / 40, plant.send, conn, write_file(4, i * 100, data), name, lambda adu: adu)


# ---- in training


def poisoned(plant, name):
    """A training run in which the historian writes a set-point again and again: what must not be learned"""
    begin, end = _window(plant, name, 0.05, 0.95)
    for i in range(30):
        plant.stage.at(begin + (end - begin) * (i + 0.5) / 30, plant.send, plant.conns["hist", "mix"],
                       write_register(of.TEMPERATURE[2], 650), name)
