"""The bottling plant: six devices, a line controller, an HMI, a historian, a workstation of the engineers.

    ctl   reads the drive every 100 ms and all else once a second in a fixed order, writes the drive every second,
          valves when levels call for it, set-points when a phase begins; more polls while filling and while cleaning
    hmi   polls every device (1 to 10 s), asks for one register that is not there, writes set-points when the operator
          does, and a sign of life; reads everything once when it starts
    hist  reads meter, mixer and tanks every 10 s and never writes
    eng   comes now and then, asks who the device is, reads, and goes
"""

import process as of
from process import Process
from stage import Conn, Cycle, read, write_coil, write_register, write_registers

DEVICES = {  # name: address, MAC, unit, seconds it takes to answer
    "tank": ("10.20.1.11", "00:80:f4:20:01:11", 1, 0.004),
    "mix": ("10.20.1.12", "00:80:f4:20:01:12", 1, 0.005),
    "fill": ("10.20.1.13", "00:a0:45:20:01:13", 1, 0.003),
    "vfd": ("10.20.1.21", "00:30:de:20:01:21", 1, 0.002),
    "chiller": ("10.20.1.22", "00:20:4a:20:01:22", 3, 0.008),
    "meter": ("10.20.1.31", "00:50:c2:20:01:31", 1, 0.006)}
MASTERS = {
    "ctl": ("10.20.1.5", "00:0e:8c:20:01:05"),
    "hmi": ("10.20.2.5", "00:14:22:20:02:05"),
    "hist": ("10.20.2.8", "00:14:22:20:02:08"),
    "eng": ("10.20.2.20", "00:1b:21:20:02:20"),
    "laptop": ("10.20.2.99", "00:0c:29:20:02:99")}  # quiet but for attacks
BURST = {"tank": [(3, 0, 12), (4, 0, 6), (1, 0, 4), (2, 0, 3)], "mix": [(3, 0, 24), (4, 0, 4), (1, 0, 2)],
         "fill": [(3, 0, 31), (1, 0, 1), (2, 0, 1)], "vfd": [(3, 0, 2), (3, 100, 4)],
         "chiller": [(3, 0, 1), (4, 0, 4)], "meter": [(4, 0, 7)]}  # what the HMI reads when it starts
TICK = 0.1  # seconds between two steps of the process
ROUND = 3000.0  # seconds of a round of phases at which its lags are right


def hosts(stage):
    for name, (address, hardware, unit, _) in DEVICES.items():
        stage.device(name, address, hardware, unit=unit)
    for name, (address, hardware) in MASTERS.items():
        stage.host(name, address, hardware)
    stage.ready()


class Bottling:
    def __init__(self, stage, phases, cycle, offset, duration, day=0):
        """phases: timetable; cycle: seconds of a round; offset: where in it the capture begins; day: of the plant."""
        self.stage, self.random, self.offset, self.duration = stage, stage.random, offset, duration
        self.process = Process(stage, phases, ROUND / cycle, day)
        self.pace = ROUND / cycle
        self.process.set(of.TANK_HIGH, 850)
        self.process.set(of.TANK_LOW, 350)
        self.process.warm(offset)
        self.ticks, self.life = 0, 0
        self.conns = {}
        for master, names in (("ctl", "tank mix fill vfd chiller"), ("hmi", " ".join(DEVICES)),
                              ("hist", "meter mix tank")):
            for name in names.split():
                self.conns[master, name] = self.conn(master, name)
        self.polls()
        stage.at(0.0, self.tick)
        self.hmi_starts(2.0)
        stage.at(self.random.expovariate(self.pace / 60), self.operator)
        for (master, name) in self.conns:
            stage.at(self.random.uniform(0, 60), self.ask, stage.hosts[master], stage.hosts[name])
        stage.at(self.random.uniform(0.2, 0.5) * 2400 / self.pace, self.reconnect)

    def conn(self, master, name):
        hosts = self.stage.hosts
        return Conn(self.stage, hosts[master], hosts[name], DEVICES[name][3])

    def phase(self):
        return self.process.phase.name

    def polls(self):
        st, conns = self.stage, self.conns

        def poll(name, period, master, device, *pdu, **more):
            Cycle(st, name, period, [(conns[master, device], read(*pdu))], **more)

        ctl = {name: conns["ctl", name] for name in ("tank", "mix", "fill", "vfd", "chiller")}
        poll("ctl.drive", 0.1, "ctl", "vfd", 3, 100, 4, sd=0.001)
        Cycle(st, "ctl.speed", 1.0, [(ctl["vfd"], self.speed)])
        Cycle(st, "ctl.scan", 1.0, [(ctl["tank"], read(4, 0, 6)), (ctl["tank"], read(1, 0, 4)),
                                    (ctl["mix"], read(4, 0, 4)), (ctl["fill"], read(3, 0, 5)),
                                    (ctl["chiller"], read(4, 0, 4))])
        poll("ctl.guard", 0.5, "ctl", "fill", 2, 0, 1, when=lambda: self.phase() == "production")
        poll("ctl.cleaning", 2.0, "ctl", "tank", 3, 0, 4, when=lambda: self.phase() == "cleaning")
        for name, period, device, pdu in (
                ("tank.levels", 1.0, "tank", (4, 0, 6)), ("tank.coils", 1.0, "tank", (1, 0, 4)),
                ("tank.state", 2.0, "tank", (3, 0, 4)), ("tank.limits", 10.0, "tank", (3, 10, 2)),
                ("mix.values", 1.0, "mix", (4, 0, 4)), ("mix.recipe", 5.0, "mix", (3, 20, 4)),
                ("fill.state", 1.0, "fill", (3, 0, 5)), ("fill.speed", 10.0, "fill", (3, 10, 1)),
                ("chiller.values", 2.0, "chiller", (4, 0, 4)), ("chiller.none", 30.0, "chiller", (4, 500, 1)),
                ("vfd.values", 1.0, "vfd", (3, 100, 4)), ("meter.values", 5.0, "meter", (4, 0, 7))):
            poll("hmi." + name, period, "hmi", device, *pdu, grid=False, sd=0.003)
        Cycle(st, "hmi.life", 10.0, [(conns["hmi", "fill"], self.sign_of_life)], grid=False, sd=0.003)
        Cycle(st, "hist", 10.0, [(conns["hist", "meter"], read(4, 0, 7)), (conns["hist", "mix"], read(4, 0, 4)),
                                 (conns["hist", "tank"], read(4, 0, 6))])

    def speed(self):
        rpm = self.process.drive_speed()
        return write_registers(0, [0x047F if rpm else 0x047E, rpm])

    def sign_of_life(self):
        self.life = self.life + 1 & 0x7FFF
        return write_register(of.LIFE[2], self.life)

    # ---- what happens by itself

    def tick(self):
        st, p = self.stage, self.process
        phase = p.phase_at(st.now + self.offset)
        if phase is not p.phase or self.ticks == 0 == self.offset:
            p.phase = phase
            for i, (where, value) in enumerate(p.wanted(phase)):
                st.at(st.now + 0.2 + 0.05 * i, self.write, "ctl", where, value)
        p.step(TICK)
        if self.ticks % 5 == 0:
            for where, value in p.control():
                self.write("ctl", where, value)
        self.ticks += 1
        st.at(st.now + TICK, self.tick)

    def write(self, master, where, value, label=""):
        device, table, address = where
        pdu = write_coil(address, value) if table == "coil" else write_register(address, value)
        self.send(self.conns[master, device], pdu, label)

    def send(self, conn, pdu, label="", answer=None):
        """As soon as the connection is free."""
        st = self.stage
        if conn.free > st.now:
            st.at(conn.free + st.random.uniform(0.0005, 0.002), self.send, conn, pdu, label, answer)
        else:
            conn.request(pdu, label, answer)

    def operator(self):
        """Once in about a minute and a half, while something is made."""
        st, r = self.stage, self.random
        st.at(st.now + r.uniform(0.4, 1.6) * 90 / self.pace, self.operator)
        if self.phase() != "production" or self.stage.cycles["hmi.life"].paused:
            return
        recipe, what = of.RECIPES[self.process.phase.recipe], r.randrange(5)
        if what < 2:
            self.write("hmi", of.TEMPERATURE, recipe.temperature + r.choice((-10, -5, 0, 5, 10)))
        elif what == 2:
            self.write("hmi", of.SPEED, recipe.speed + r.choice((-20, -10, 0, 10)))
        elif what == 3:
            self.write("hmi", of.CHILL, r.choice((-20, -15, -10)))
        else:  # looks at the drive for a while
            for i in range(r.randrange(20, 60)):
                st.at(st.now + 0.5 * i, self.send, self.conns["hmi", "vfd"], read(3, 0, 2))

    def ask(self, asker, asked):
        """ARP: who has it, as hosts ask again every minute."""
        st = self.stage
        asker.arp(1, asked.address, to=asked.mac if self.random.random() < 0.8 else "ff:ff:ff:ff:ff:ff")
        st.drain()
        st.at(st.now + self.random.uniform(45, 90), self.ask, asker, asked)

    def reconnect(self):
        """A session ends and another begins."""
        conn = self.random.choice([self.conns[k] for k in (("ctl", "chiller"), ("hist", "meter"), ("hist", "tank"))])
        conn.close()
        self.stage.at(self.stage.now + self.random.uniform(0.6, 1.4) * 2400 / self.pace, self.reconnect)

    def hmi_restarts(self):
        """The program ends; half a minute later it starts again."""
        for name, cycle in self.stage.cycles.items():
            if name.startswith("hmi."):
                cycle.paused = True
        for (master, _), conn in self.conns.items():
            if master == "hmi":
                conn.close()
        self.hmi_starts(self.stage.now + self.random.uniform(20, 40))

    def hmi_starts(self, when):
        """It reads everything once, then polls."""
        st = self.stage
        cycles = [c for name, c in st.cycles.items() if name.startswith("hmi.")]
        for c in cycles:
            c.paused = True
        for device, pdus in BURST.items():
            for pdu in pdus:
                st.at(when, self.send, self.conns["hmi", device], read(*pdu))
                when += st.random.uniform(0.01, 0.03)

        def go():
            for c in cycles:
                c.paused = False
                c.due = st.now
        st.at(when + 1.0, go)

    def engineer(self):
        """Asks each controller who it is, reads a little, goes."""
        st, at = self.stage, self.stage.now
        for name in ("tank", "mix", "fill"):
            conn = self.conn("eng", name)
            for pdu in (bytes([17]), read(3, 0, 10), read(3, 10, 2), read(4, 0, 6)):
                st.at(at, self.send, conn, pdu)
                at += st.random.uniform(0.3, 0.6)
            at += st.random.uniform(2, 5)
            st.at(at, conn.close)
