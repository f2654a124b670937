"""What happens in the bottling plant: tanks, a mixer, a filler, a pump drive, a chiller, a power meter.

step(dt) moves it on and writes what sensors say into the tables of the devices; what was written to the devices
(set-points, coils) is what it obeys, whoever wrote it. First-order lags, noise of sensors, phases from a timetable.
"""

from collections import namedtuple

Phase = namedtuple("Phase", "begin name recipe")
Recipe = namedtuple("Recipe", "number temperature ratio agitation speed")

RECIPES = {"A": Recipe(1, 650, 120, 450, 300), "B": Recipe(2, 720, 155, 380, 240)}
# registers and coils that are written, 0-based: (device, table, address)
TANK_HIGH, TANK_LOW = ("tank", "holding", 10), ("tank", "holding", 11)
INLET, OUTLET, PUMP, AGITATOR = (("tank", "coil", i) for i in range(4))
TEMPERATURE, RATIO, AGITATION, RECIPE = (("mix", "holding", i) for i in (20, 21, 22, 23))
HEATER = ("mix", "coil", 0)
SPEED, LIFE, FILL_RUN = ("fill", "holding", 10), ("fill", "holding", 30), ("fill", "coil", 0)
DRIVE_CONTROL, DRIVE_SPEED = ("vfd", "holding", 0), ("vfd", "holding", 1)
CHILL = ("chiller", "holding", 0)

SHARES = (("startup", 0.08, 0), ("production", 0.34, 0), ("changeover", 0.05, 0), ("production", 0.32, 1),
          ("cleaning", 0.14, 1), ("idle", 0.07, 1))


STEADY = {"production": 0.5}  # the shares of runs that are to stay in production for long


def timetable(random, cycle, until, steady=False):
    """Phases from 0 on; a round takes about `cycle` seconds. The changeover has the recipe before it."""
    phases, at, order = [], 0.0, ["A", "B"]
    while at <= until:
        for name, share, which in SHARES:
            phases.append(Phase(at, name, order[which]))
            at += (STEADY.get(name, share) if steady else share) * cycle * random.uniform(0.93, 1.07)
        order.reverse()
    return phases


def signed(value):
    return value - 0x10000 if value & 0x8000 else value


class Process:
    def __init__(self, stage, phases, pace, day):
        """pace: how many times faster than usual the lags are; 1 with rounds of 50 minutes. day: so long have
        the counters been counting."""
        self.stage, self.random, self.phases, self.pace = stage, stage.random, phases, pace
        self.device = stage.hosts
        self.levels = [620.0, 540.0, 800.0]
        self.product, self.jacket, self.pressure, self.density = 22.0, 22.0, 101.0, 1.012
        self.supply, self.back, self.compressor = 8.0, 12.0, 0
        self.pump_speed = self.fill_speed = 0.0
        self.litres, self.bottles = 184320.0 + 690000 * day, 912400.0 + 26000 * day
        self.rejected, self.energy = 310.0 + 52 * day, 7204000.0 + 610000 * day
        self.flow = self.power = 0.0
        self.jam = 0.0
        self.fault = {}  # (device, table, address): what a sensor says too much
        self.phase = phases[0]

    def get(self, what):
        name, table, address = what
        return getattr(self.device[name], table)[address]

    def set(self, what, value):
        """As if written: only before the capture begins."""
        self.device[what[0]].put(what[1], what[2], value)

    def phase_at(self, now):
        return [p for p in self.phases if p.begin <= now][-1]

    def wanted(self, phase):
        """Set-points of a phase: [(where, value)], in the order the controller writes them."""
        r, making, cleaning = RECIPES[phase.recipe], phase.name in ("startup", "production"), phase.name == "cleaning"
        return [(RECIPE, r.number), (TEMPERATURE, r.temperature if making else 820 if cleaning else 250),
                (RATIO, r.ratio), (AGITATION, r.agitation if making else 200 if cleaning else 0),
                (SPEED, r.speed if phase.name == "production" else 0),
                (CHILL, -15 if making else 20)]

    def drive_speed(self):
        """What the controller asks of the pump: more when the buffer tank is low, in steps of 10 rpm."""
        name = self.phase.name
        if name == "cleaning":
            return 600
        if name not in ("startup", "production"):
            return 0
        return int(min(1400, max(900, 1150 + (500 - self.levels[1]) * 1.1)) // 10 * 10)

    def step(self, dt):
        noise, dt_real, dt = self.random.gauss, dt, dt * self.pace
        get = self.get
        name = self.phase.name
        # tanks: 0 raw, 1 buffer, 2 water
        on = get(DRIVE_CONTROL) == 0x047F
        self.pump_speed += ((get(DRIVE_SPEED) if on else 0) - self.pump_speed) * min(1, dt_real / 1.5)
        running = get(FILL_RUN) and name == "production"
        if running and self.random.random() < dt_real / 900:
            self.jam = 6.0
        self.jam = max(0.0, self.jam - dt_real)
        speed = get(SPEED) if running and not self.jam else 0
        self.fill_speed += (speed - self.fill_speed) * min(1, dt_real / 4)
        self.flow = self.pump_speed * 0.02  # litres a second
        inlet = 34.0 if get(INLET) else 0.0
        into_buffer = self.flow if name in ("startup", "production") else 0
        self.levels[0] += (inlet - into_buffer) * 0.09 * dt
        self.levels[1] += (into_buffer - self.fill_speed * 0.082 - (8 if get(OUTLET) else 0)) * 0.08 * dt
        self.levels[2] += ((5 if self.levels[2] < 790 else 1) - (9 if name == "cleaning" else 1)) * 0.1 * dt
        self.levels = [min(980.0, max(20.0, x)) for x in self.levels]
        # mixer and chiller
        goal = get(TEMPERATURE) / 10 if get(HEATER) else 22.0
        self.jacket += (goal * 1.04 - self.jacket) * min(1, dt / 35)
        self.product += (self.jacket * 0.96 + 0.8 - self.product) * min(1, dt / 60)
        self.pressure += (101 + get(AGITATION) * 0.06 + self.product * 0.2 - self.pressure) * min(1, dt / 20)
        self.density += (1.0 + get(RATIO) * 0.0003 - (self.product - 20) * 0.0004 - self.density) * min(1, dt / 90)
        cold = signed(get(CHILL)) / 10
        if self.supply > cold + 1.2:
            self.compressor = 1
        elif self.supply < cold - 0.8:
            self.compressor = 0
        self.supply += ((-9.0 if self.compressor else 15.0) - self.supply) * min(1, dt / 220)
        self.back += (self.supply + 2.5 + self.fill_speed * 0.008 - self.back) * min(1, dt / 40)
        self.litres += self.flow * dt_real
        self.bottles += self.fill_speed / 60 * dt_real
        if self.random.random() < self.fill_speed / 60 * dt_real * 0.002:
            self.rejected += 1
        self.power = (6 + self.pump_speed * 0.012 + (7.5 if self.compressor else 0) + (30 if get(HEATER) else 0) *
                      max(0.0, goal * 1.04 - self.jacket + 4) / 40 + self.fill_speed * 0.02)
        self.energy += self.power * dt_real / 3.6
        self.sensors(noise, on, running)

    def sensors(self, noise, on, running):
        d, name = self.device, self.phase.name
        tank, mix, fill, vfd, chiller, meter = (d[n] for n in ("tank", "mix", "fill", "vfd", "chiller", "meter"))
        says = self.says
        for i, level in enumerate(self.levels):
            says(tank, i, level + noise(0, 1.2))
            tank.discrete[i] = level > 850
        says(tank, 3, (18 + 4 * (self.levels[0] / 980)) * 10 + noise(0, 0.6))
        tank.put_float("input", 4, max(0.0, self.flow + noise(0, 0.08)))
        state = {"startup": 1, "production": 2, "changeover": 3, "cleaning": 4, "idle": 0}[name]
        tank.put("holding", 0, state)
        tank.put("holding", 1, 4711)
        tank.put32("holding", 2, self.litres)
        says(mix, 0, self.product * 10 + noise(0, 0.8))
        says(mix, 1, self.pressure * 10 + noise(0, 2))
        mix.put_float("input", 2, self.density + noise(0, 0.0004), swapped=True)
        warm = abs(self.product * 10 - self.get(TEMPERATURE)) < 15
        mix.put("holding", 0, 0 if name == "idle" else 2 if warm else 1)
        fill.put("holding", 0, 4 if name == "cleaning" else 3 if self.jam else 0 if not running else
                 2 if abs(self.fill_speed - self.get(SPEED)) < 8 else 1)
        fill.put32("holding", 1, self.bottles)
        fill.put("holding", 3, max(0, self.fill_speed + noise(0, 0.7) * (self.fill_speed > 5)))
        fill.put("holding", 4, self.rejected)
        fill.discrete[0] = 0 if self.jam else 1
        vfd.put("holding", 100, 0x1237 if on else 0x1231)
        vfd.put("holding", 101, self.pump_speed + (noise(0, 1.5) if on else 0))
        vfd.put("holding", 102, max(0, self.pump_speed * 0.09 + noise(0, 0.8)))
        vfd.put("holding", 103, self.pump_speed * 0.3 - (60 if name == "cleaning" else 0) + noise(0, 4) * on)
        says(chiller, 0, self.supply * 10 + noise(0, 0.5))
        says(chiller, 1, self.back * 10 + noise(0, 0.5))
        chiller.put("input", 2, self.compressor)
        chiller.put("input", 3, 0x0205)
        meter.put_float("input", 0, self.power + noise(0, 0.15))
        meter.put_float("input", 2, 400.5 + noise(0, 0.6))
        meter.put32("input", 4, self.energy)
        meter.put("input", 6, 5000 + noise(0, 0.9))

    def says(self, device, address, value):
        """An input register as the sensor has it: the truth and its fault."""
        device.put("input", address, round(value + self.fault.get((device.name, address), 0)))

    def warm(self, until):
        """Goes on to `until` with nobody watching: as if the controller did its work."""
        now = 0.0
        while now < until:
            phase = self.phase_at(now)
            if phase != self.phase or now == 0:
                self.phase = phase
                for where, value in self.wanted(phase):
                    self.set(where, value)
            for where, value in self.control():
                self.set(where, value)
            self.set(DRIVE_CONTROL, 0x047F if self.drive_speed() else 0x047E)
            self.set(DRIVE_SPEED, self.drive_speed())
            self.step(0.5)
            now += 0.5

    def control(self):
        """Coils that the controller changes now: [(where, value)]."""
        name, changes = self.phase.name, []
        making = name in ("startup", "production")

        def want(where, on):
            if bool(self.get(where)) != on:
                changes.append((where, int(on)))

        if self.levels[0] < 350:
            want(INLET, True)
        elif self.levels[0] > 850:
            want(INLET, False)
        want(OUTLET, name == "cleaning")
        want(PUMP, making or name == "cleaning")
        want(AGITATOR, making)
        want(HEATER, making or name == "cleaning")
        want(FILL_RUN, name == "production")
        return changes
