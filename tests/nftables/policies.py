"""Policies for the comparison of kernel and kidoban: random ones, and the points where they change their mind."""

import ipaddress
import random

LEVELS = ["external", "information", "dmz", "iot", "control-information", "control", "field", "safety"]
ACTIONS = ["alert", "degrade", "drop", "drop", "reject", "quarantine"]
HOSTILE = ['a"b', "x;flush", "$(id)", "a'b", "{x}", "日本", "a\\b", "tcp", "drop", "counter", "*", "a#b", "x" * 44, "-", "@s", "0"]
TEXTS = ['"; flush ruleset', "plain", "with $variable and *", "a\\\"b", "理由" * 80, "# comment", "x" * 300, "tab\\there"]


class Random:
    """A policy as YAML, and what is known about it."""

    def __init__(self, rng):
        self.rng = rng
        self.v4 = [ipaddress.ip_network(n) for n in ("10.10.0.0/16", "10.20.0.0/24", "10.30.0.0/25", "172.16.4.0/22",
                                                      "192.168.7.64/26", "10.99.0.0/17")]
        self.v6 = [ipaddress.ip_network(n) for n in ("fd00:10::/64", "fd00:20::/32", "2001:db8:5::/48")]
        rng.shuffle(self.v4), rng.shuffle(self.v6)
        self.zones, self.nets, self.assets, self.macs = [], {}, {}, {}
        self.lines = []
        self.used = set()
        self.make()

    def name(self, kind, n):
        if self.rng.random() < 0.15:
            return f"{self.rng.choice(HOSTILE)}{kind}{n}"
        return f"{kind}{n}"

    @staticmethod
    def quote(s):
        return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def add_zone(self, zone, nets, inside=None):
        self.zones.append(zone)
        self.nets[zone] = nets
        text = ", ".join(f'"{n}"' for n in nets)
        self.lines.append(f"  {self.quote(zone)}: {{level: {self.rng.choice(LEVELS)}, networks: [{text}]"
                          + (f", inside: {self.quote(inside)}" if inside else "") + self.zone_caps() + "}")

    def zone_caps(self):
        """What devices are held to, in some of the policies."""
        r = self.rng
        if not self.caps:
            return ""
        return "".join(text for chance, text in (
            (0.2, ", uplink-only: true"), (0.3, f", tenant: {r.choice(['red', 'blue'])}"), (0.25, ", unknown-devices: deny"),
            (0.3, f", trust: {r.choice(['full', 'known', 'minimal', 'unknown'])}")) if r.random() < chance)

    def asset_caps(self):
        r = self.rng
        if not self.caps:
            return ""
        return "".join(text for chance, text in (
            (0.3, f", tenant: {r.choice(['red', 'blue', '[red, blue]', 'green'])}"),
            (0.3, f", trust: {r.choice(['full', 'known', 'minimal', 'unknown'])}"),
            (0.1, f", end-of-life: {r.choice(['2020-02-02', '2099-01-01'])}")) if r.random() < chance)

    def make(self):
        r = self.rng
        self.caps = r.random() < 0.4
        self.lines = [f"site: {self.quote(r.choice(TEXTS))}", "mode: enforce",
                      f"timezone: {r.choice(['UTC', 'Asia/Tokyo', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', '+09:00'])}",
                      f"operating-mode: {r.choice(['normal', 'normal', 'maintenance'])}",
                      f"default: {'allow' if r.random() < 0.15 else 'deny'}", "zones:"]
        for n in range(r.randint(2, 6)):
            nets = [self.v4.pop()] if self.v4 else []
            if self.v6 and r.random() < 0.5:
                nets.append(self.v6.pop())
            if not nets:
                break
            zone = self.name("z", n)
            self.add_zone(zone, nets)
            if r.random() < 0.5:  # carved out of it, and again out of that
                inner = [list(x.subnets(prefixlen_diff=r.randint(1, 3)))[r.randint(0, 1)] for x in nets]
                self.add_zone(zone + "in", inner, zone)
                if r.random() < 0.4:
                    deep = [list(x.subnets(prefixlen_diff=2))[r.choice([0, 3])] for x in inner]
                    self.add_zone(zone + "deep", deep, zone + "in")
        if r.random() < 0.7:
            self.add_zone("wan", ["any"])
        if r.random() < 0.3:
            self.lines.append("  floor: {level: field}")
            self.zones.append("floor")
            self.nets["floor"] = []
        self.lines.append("assets:")
        for n in range(r.randint(2, 12)):
            zone = r.choice(self.zones)
            asset = self.name("a", n)
            nets = [x for x in self.nets[zone] if x != "any"]
            if not nets or r.random() < 0.15:
                mac = f"02:11:00:00:00:{n:02x}"
                self.lines.append(f"  {self.quote(asset)}: {{zone: {self.quote(zone)}, mac: \"{mac}\"}}")
                self.macs[asset] = (mac, zone)
                continue
            own = {str(self.address(x)) for x in r.sample(nets, r.randint(1, len(nets)))}
            own = [a for a in own if a not in self.used and self.zone_of(a) == zone]
            if not own:
                continue
            self.used.update(own)
            self.assets[asset] = own
            listed = ", ".join('"%s"' % a for a in own)
            self.lines.append(f"  {self.quote(asset)}: {{zone: {self.quote(zone)}, addresses: [{listed}]{self.asset_caps()}}}")
        if not self.assets and not self.macs:
            self.lines.pop()
        self.conduits()

    def address(self, net):
        n = net.num_addresses
        return net[min(n - 1, max(0, self.rng.choice([0, 1, 2, 77, n // 2, n - 2, n - 1, self.rng.randrange(n)])))]

    def zone_of(self, a):
        a, best, zone = ipaddress.ip_address(a), -1, None
        for z, nets in self.nets.items():
            for n in nets:
                if n != "any" and n.version == a.version and a in n and n.prefixlen > best:
                    best, zone = n.prefixlen, z
        return zone or ("wan" if "wan" in self.nets else None)

    def ends(self):
        """Where a conduit may begin or end; the kernel cannot see where a MAC lies behind it."""
        return self.zones + list(self.assets)

    def port(self):
        lo = self.rng.choice([22, 80, 443, 502, 1024, 5000, 44818, 65535, self.rng.randint(1, 65000)])
        if self.rng.random() < 0.6:
            return str(lo)
        return f"{lo}-{min(65535, lo + self.rng.choice([0, 1, 10, 1000]))}"

    def entry(self):
        r = self.rng
        return r.choice([
            lambda: f"tcp: [{self.port()}, {self.port()}]", lambda: f"tcp: {self.port()}", lambda: "tcp: any",
            lambda: f"udp: {self.port()}", lambda: f"udp: [{self.port()}, 161]", lambda: "udp: any",
            lambda: "icmp: echo", lambda: "icmp: any", lambda: "icmp: [unreachable, redirect, timestamp]",
            lambda: "icmp: [too-big, parameter-problem]", lambda: f"ip: {r.choice([50, 89, 112, 132, 253])}",
            lambda: "ip: [89, 100-120]", lambda: "ip: any", lambda: "modbus: {do: read}",
            lambda: f"modbus: {{do: write, port: {self.port()}}}", lambda: "modbus: {do: read, port: [502, 503]}",
            lambda: "cip: {do: read}"])()

    def conduits(self):
        r = self.rng
        self.lines.append("conduits:")
        for n in range(r.randint(1, 10)):
            def side(ends):
                return "[" + ", ".join(map(self.quote, r.sample(ends, min(len(ends), r.choice([1, 1, 1, 2, 4]))))) + "]"
            entries = ", ".join("{" + self.entry() + "}" for _ in range(r.randint(0 if r.random() < 0.1 else 1, 4)))
            self.lines += [f"  - id: {self.quote(self.name('c', n))}",
                           f"    from: {side(self.ends() + list(self.macs))}", f"    to: {side(self.ends())}",
                           f"    reason: {self.quote(r.choice(TEXTS))}", f"    allow: [{entries}]",
                           f"    on-violation: {r.choice(ACTIONS)}"]
            if r.random() < 0.3:
                self.lines.append(f"    fail: {r.choice(['open', 'closed'])}")
            when = self.when()
            if when:
                self.lines.append("    when: {" + ", ".join(when) + "}")

    def when(self):
        r, when = self.rng, []
        if r.random() < 0.6:
            return when
        if r.random() < 0.3:
            when.append("grant: required")
        if r.random() < 0.5:
            days = ", ".join(r.sample(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], r.randint(3, 7)))
            hours = []
            for _ in range(r.randint(1, 3)):
                lo, hi = r.sample(range(0, 49), 2)
                hours.append(f"{min(lo, 47) // 2:02}:{lo % 2 * 30 if lo < 48 else 0:02}-{hi // 2:02}:{hi % 2 * 30:02}")
            when.append(f"schedule: {{days: [{days}], hours: [{', '.join(hours)}]}}")
        if r.random() < 0.4:
            when.append(f"until: {r.choice(['2020-01-01', '2099-12-31', '2040-06-30T18:00', '1999-12-31'])}")
        if r.random() < 0.3:
            when.append(f"operating-mode: [{r.choice(['normal', 'maintenance', 'emergency'])}]")
        return when

    def text(self):
        return "\n".join(self.lines) + "\n"
