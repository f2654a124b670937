"""A cell of two robots that hand parts to each other, and attacks on it.

    cell  10.30.1.5   reads both robots every 100 ms; starts A when a part has come, and B 0.8 s after it has seen that
                      A let go and goes home; a sign of life to both every 2 s
    hmi   10.30.2.5   states and forces every second, teaching points every 5 s; the operator changes the program
    pc    10.30.2.20  maintenance: reads teaching points now and then, never writes

A robot goes idle, approach, grip, transfer, release, home (holding 0), each for its time, and says where it is in
tenths of a millimetre (holding 10-12). Its teaching points are holding 100-117 for program 1, 120-137 for program 2:
x, y, z of home, above the part, part, above the place, place, wait. It goes where its registers say.
"""

import struct

from attacks import _window
from stage import Conn, Cycle, read, write_register

IDLE, APPROACH, GRIP, TRANSFER, RELEASE, HOME = range(6)
LASTS = {APPROACH: (1.6, 0.03), GRIP: (0.7, 0.015), TRANSFER: (2.2, 0.03), RELEASE: (0.5, 0.01), HOME: (1.8, 0.03)}
# which teaching points a robot passes in a state
WAY = {IDLE: (0,), APPROACH: (0, 1, 2), GRIP: (2,), TRANSFER: (2, 1, 3, 4), RELEASE: (4,), HOME: (4, 3, 0)}
POINTS = {
    "robot-a": ((4000, 0, 6500), (6210, -2800, 3200), (6210, -2800, 1450), (5400, 3150, 3300), (5400, 3150, 1620)),
    "robot-b": ((3800, 150, 6400), (5120, -3400, 3350), (5120, -3400, 1640), (7050, 2260, 2900), (7050, 2260, 880))}
WAIT = (3000, 0, 5000)
SECOND = (0, 0, 0), (0, 240, 0), (0, 240, -60), (-350, 0, 0), (-350, 0, 85)  # program 2 against program 1
STATE, CYCLES, PROGRAM, POSITION, OVERRIDE, START_BIT, LIFE, TEACH = 0, 2, 4, 10, 13, 20, 22, (100, 120)
HANDSHAKE, INTERVAL = 0.8, 9.0  # seconds

HOSTS = {"robot-a": ("10.30.1.11", "00:e0:e4:30:01:11"), "robot-b": ("10.30.1.12", "00:e0:e4:30:01:12"),
         "cell": ("10.30.1.5", "08:00:70:30:01:05"), "hmi": ("10.30.2.5", "00:14:22:30:02:05"),
         "pc": ("10.30.2.20", "00:1b:21:30:02:20")}


def hosts(stage):
    for name, (address, hardware) in HOSTS.items():
        (stage.device if name in POINTS else stage.host)(name, address, hardware)
    stage.ready()


def signed(value):
    return value - 0x10000 if value & 0x8000 else value


class Robot:
    def __init__(self, stage, device, day):
        self.stage, self.random, self.device = stage, stage.random, device
        self.state, self.since, self.until, self.count, self.starting = IDLE, 0.0, 1e9, 52000 + 9400 * day, False
        self.offset = [0, 0, 0]  # how far it is from where it should be, 0.1 mm
        self.skip_grip, self.watched = False, None  # watched(state): somebody wants to know
        device.model = self.model
        for program, at in enumerate(TEACH):
            for i, point in enumerate((*POINTS[device.name], WAIT)):
                for k, value in enumerate(point):
                    device.put("holding", at + 3 * i + k, value + (SECOND[i][k] if program and i < 5 else 0))
        device.put("holding", PROGRAM, 1)
        device.put("holding", OVERRIDE, 100)

    def enter(self, state):
        st = self.stage
        self.state, self.since = state, st.now
        if state == APPROACH:
            self.device.put("holding", START_BIT, 0)
            self.starting = False
        if state == IDLE:
            self.until = 1e9
            return
        mean, sd = LASTS[state]
        self.until = st.now + self.random.gauss(mean, sd)
        if state == HOME:
            self.count += 1
        after = TRANSFER if state == APPROACH and self.skip_grip else (state + 1) % 6
        if self.watched:
            self.watched(state, self.until)
        st.at(self.until, self.enter, after)

    def point(self, i):
        at = TEACH[self.device.holding[PROGRAM] == 2] + 3 * i
        return [signed(self.device.holding[at + k]) for k in range(3)]

    def model(self):
        """Its registers as they are now."""
        d, now, r = self.device, self.stage.now, self.random
        if d.holding[START_BIT] == 1 and self.state == IDLE and not self.starting:
            self.starting = True
            self.stage.at(now + r.uniform(0.06, 0.1), self.enter, APPROACH)
        way = [self.point(i) for i in WAY[self.state]]
        done = min(1.0, (now - self.since) / max(0.1, self.until - self.since)) * (len(way) - 1)
        leg = min(int(done), len(way) - 2) if len(way) > 1 else 0
        u = done - leg
        u = u * u * (3 - 2 * u)  # starts and stops gently
        for k in range(3):
            a, b = way[leg][k], way[min(leg + 1, len(way) - 1)][k]
            d.put("holding", POSITION + k, round(a + (b - a) * u + self.offset[k] + r.gauss(0, 0.4)))
        holds = self.state in (GRIP, TRANSFER)
        d.put("holding", STATE, self.state)
        d.put("holding", STATE + 1, holds)
        d.put32("holding", CYCLES, self.count)
        d.put_float("input", 0, max(0.0, (38.5 if holds else 0.2) + r.gauss(0, 0.15)))
        d.put("input", 2, r.gauss(0, 2) + (420 if self.state in (APPROACH, TRANSFER, HOME) else 60))


class Cell:
    def __init__(self, stage, program_every, duration, day=0):
        self.stage, self.random, self.duration = stage, stage.random, duration
        self.robots = {n: Robot(stage, stage.hosts[n], day) for n in POINTS}
        self.conns = {(m, n): self.conn(m, n) for m in ("cell", "hmi") for n in POINTS}
        self.last = {"robot-a": IDLE, "robot-b": IDLE}
        self.part, self.paused, self.handshake, self.life = 5.0, False, HANDSHAKE, 86400 * day & 0x7FFF
        self.label = ""  # of starts of robot B
        for name in POINTS:
            cell, hmi, short = self.conns["cell", name], self.conns["hmi", name], name[-1]
            Cycle(stage, "cell." + short, 0.1, [(cell, read(3, 0, 14), lambda got, n=name: self.seen(n, got))],
                  sd=0.001)
            Cycle(stage, "cell.life." + short, 2.0, [(cell, self.sign_of_life)])
            for what, period, pdu in (("state", 1.0, (3, 0, 5)), ("force", 1.0, (4, 0, 3)),
                                      ("teach", 5.0, (3, 100, 38))):
                Cycle(stage, f"hmi.{what}.{short}", period, [(hmi, read(*pdu))], grid=False, sd=0.003)
        for (master, name) in self.conns:
            stage.at(self.random.uniform(0, 60), self.ask, stage.hosts[master], stage.hosts[name])
        self.every = program_every
        stage.at(program_every * self.random.uniform(0.6, 0.9), self.operator)

    def conn(self, master, name):
        return Conn(self.stage, self.stage.hosts[master], self.stage.hosts[name], 0.003)

    def send(self, conn, pdu, label=""):
        st = self.stage
        if conn.free > st.now:
            st.at(conn.free + st.random.uniform(0.0005, 0.002), self.send, conn, pdu, label)
        else:
            conn.request(pdu, label)

    def sign_of_life(self):
        self.life = self.life + 1 & 0x7FFF
        return write_register(LIFE, self.life)

    def seen(self, name, got):
        """The cell's program, from what it reads."""
        st, r = self.stage, self.random
        state = struct.unpack_from(">H", got, 2)[0]
        before, self.last[name] = self.last[name], state
        if name == "robot-a" and before == RELEASE and state == HOME:
            st.at(st.now + self.handshake + r.gauss(0, 0.008), self.start, "robot-b", self.label)
        if name == "robot-a" and state == IDLE and st.now >= self.part and not self.paused:
            self.part = max(st.now, self.part + INTERVAL) + r.gauss(0, 0.15)
            self.start(name)

    def start(self, name, label=""):
        self.send(self.conns["cell", name], write_register(START_BIT, 1), label)

    def operator(self):
        """A pause, in which the other program is chosen."""
        st, r = self.stage, self.random
        self.paused = True
        change = st.now + 20
        program = 3 - self.robots["robot-a"].device.holding[PROGRAM]
        for i, name in enumerate(POINTS):
            st.at(change + 1.5 * i, self.send, self.conns["hmi", name], write_register(PROGRAM, program))
        st.at(change + r.uniform(10, 40), self.go_on)
        st.at(change + self.every * r.uniform(0.8, 1.2), self.operator)

    def go_on(self):
        self.paused = False
        self.part = self.stage.now + 2

    def ask(self, asker, asked):
        st = self.stage
        asker.arp(1, asked.address, to=asked.mac)
        st.drain()
        st.at(st.now + self.random.uniform(45, 90), self.ask, asker, asked)

    def maintenance(self):
        """The maintenance PC reads the teaching points of both, and goes."""
        st, at = self.stage, self.stage.now
        for name in POINTS:
            conn = self.conn("pc", name)
            for pdu in (bytes([17]), read(3, 0, 14), read(3, 100, 38)):
                st.at(at, self.send, conn, pdu)
                at += st.random.uniform(0.4, 0.9)
            at += 2
            st.at(at, conn.close)


# ---- attacks


def robots_teach_write(cell, name):
    """The maintenance PC writes a teaching point of robot A, 8 mm lower; at the end what it was"""
    st = cell.stage
    begin, end = _window(cell, name)
    at = TEACH[0] + 3 * 2 + 2
    for when, dz in ((begin, -80), (end - 1, 0)):
        conn = cell.conn("pc", "robot-a")
        st.at(when, cell.send, conn, write_register(at, POINTS["robot-a"][2][2] + dz), name)
        st.at(when + 0.5, conn.close)


def robots_offset(cell, name):
    """Robot A grips 3 mm beside its teaching point; nobody wrote anything"""
    st, robot = cell.stage, cell.robots["robot-a"]
    begin, end = _window(cell, name)
    conns = [c for (_, n), c in cell.conns.items() if n == "robot-a"]

    def shift(on):
        robot.offset = [30, 0, 0] if on else [0, 0, 0]
        for conn in conns:
            conn.lie_label = name if on else ""

    def watched(state, until):
        if state == APPROACH:
            shift(begin <= st.now < end - 4)
        elif state == TRANSFER:
            shift(False)
    robot.watched = watched


def robots_grip_skipped(cell, name):
    """Robot A goes from approach to transfer without gripping, in one cycle of three"""
    st, robot = cell.stage, cell.robots["robot-a"]
    begin, end = _window(cell, name)
    conn = cell.conns["cell", "robot-a"]

    def watched(state, until):
        if state == APPROACH:
            robot.skip_grip = begin <= st.now < end - 4 and robot.count % 3 == 0
        if state == TRANSFER and robot.skip_grip:
            conn.lie_label = name
            st.at(st.now + 0.2, setattr, conn, "lie_label", "")
    robot.watched = watched


def robots_handshake_late(cell, name):
    """The cell starts robot B 1.6 s after robot A let go, not 0.8 s"""
    _handshake(cell, name, 1.6)


def robots_handshake_early(cell, name):
    """The cell starts robot B 0.3 s after robot A let go, when it may still be in the way"""
    _handshake(cell, name, 0.3)


def _handshake(cell, name, seconds):
    def change(handshake, label):
        cell.handshake, cell.label = handshake, label
    begin, end = _window(cell, name)
    cell.stage.at(begin, change, seconds, name)
    cell.stage.at(end - 2, change, HANDSHAKE, "")
