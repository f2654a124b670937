"""A box between an office and a plant, `kidoban run` in it, and what talks through it.

    office (10.40.0.0/24) ---- box ---- plant (10.50.0.0/24, safety 10.60.0.0/28)

    with Box("bridge") as box:          or "queue": then the box is a router with the exported ruleset
        device = box.device(PLC)        a Modbus device that tells what it heard
        m = box.master(HMI, PLC)        a Modbus client whose every byte we know
        box.alert("policy.op-denied", HMI)
"""

import array
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading

from lab import PATIENCE, ROOT, Lab, until

NPM = os.path.join(ROOT, "build", "npm")
MAKE = os.path.join(ROOT, "pcaps", "make")
HERE = os.path.join(ROOT, "tests", "live")
KEEPER = 65534  # nobody: who the service becomes

# of the office; each is one way to treat what is forbidden. And of the plant
HMI, DROPPER, REJECTER, ISOLATED, ENGINEER, VENDOR = (f"10.40.0.{n}" for n in range(5, 11))
PLC, BROKER, CIP, SAFE = "10.50.0.11", "10.50.0.20", "10.50.0.21", "10.60.0.5"
POLICY = """\
mode: %s
default: deny
zones:
  office: {level: control-information, networks: [10.40.0.0/24]}
  plant:  {level: control, networks: [10.50.0.0/24]}
  safe:   {level: safety, networks: [10.60.0.0/28]}
assets:
  hmi:      {zone: office, address: 10.40.0.5}
  dropper:  {zone: office, address: 10.40.0.6}
  rejecter: {zone: office, address: 10.40.0.7}
  isolated: {zone: office, address: 10.40.0.8}
  engineer: {zone: office, address: 10.40.0.9}
  vendor:   {zone: office, address: 10.40.0.10}
  talker:   {zone: office, mac: "02:00:00:00:40:99"}
  drive:    {zone: plant, mac: "02:00:00:00:50:99"}
conduits:  # closed, so that what is proved does not depend on how busy the machine is
  - id: degraded
    from: hmi
    to: plant
    allow:
      - modbus: {do: [read, discover]}
      - modbus: {do: write, holding: 100-119, value: 0..1000}
      - mqtt: {do: [read, write], topic: "open/#"}
      - cip: {do: [read, discover]}
    on-violation: degrade
    fail: closed
  - {id: dropped, from: dropper, to: plant, allow: [modbus: {do: read}], on-violation: drop, fail: closed}
  - {id: rejected, from: rejecter, to: plant, allow: [modbus: {do: read, port: 502}], on-violation: reject, fail: closed}
  - {id: isolated, from: isolated, to: plant, allow: [modbus: {do: read}], on-violation: quarantine, fail: closed}
  - {id: look, from: engineer, to: plant, allow: [modbus: {do: read}], on-violation: degrade, fail: closed}
  - {id: work, from: engineer, to: plant, allow: [modbus: {do: write}], on-violation: degrade, fail: closed,
     when: {grant: {longest: 4h, approvers: [sato]}}}
  - {id: service, from: vendor, to: plant, allow: [modbus: any], on-violation: reject, fail: closed,
     when: {grant: {longest: 4h, approvers: [sato]}}}
  - {id: trip, from: hmi, to: safe, allow: [modbus: {do: read}], fail: closed}
  - {id: bus, from: talker, to: drive, allow: [ethertype: lldp], on-violation: drop}
"""
CONFIG = """\
policy: policy.yaml
state: state.db
sources:
  - %s
outputs:
  - file: eve.json
    events: [alert, anomaly]
control:
  socket: control.sock
quarantine: %s
user: nobody
"""


class Box:
    """One test's network, with the service running."""

    def __init__(self, kidoban, kind, mode="enforce", quarantine="1h", offload=False):
        self.kidoban, self.kind, self.lab = kidoban, kind, Lab()
        self.d = tempfile.mkdtemp(prefix="kidoban-inline-")
        os.chown(self.d, KEEPER, KEEPER)
        os.chmod(self.d, 0o755)
        self.devices = []
        try:
            self.build(offload)
            self.write("policy.yaml", POLICY % mode)
            self.write("kidoban.yaml", CONFIG % ("bridge: [b0, b1]" if kind == "bridge" else "queue: 0", quarantine))
            if kind == "queue":
                self.rules()
            self.start()
        except BaseException:
            self.close()
            raise

    # ---- the network

    def build(self, offload):
        lab = self.lab
        self.office, self.box, self.plant = (lab.namespace(n) for n in ("office", "box", "plant"))
        lab.cable(self.office, "c0", self.box, "b0")
        lab.cable(self.box, "b1", self.plant, "s0")
        for ns, name in ((self.office, "c0"), (self.plant, "s0")):
            if offload:
                ns.run("ethtool", "-K", name, "tx", "on", "sg", "on", "tso", "on", "gso", "on")
            ns.run("ip", "link", "set", name, "arp", "on", "multicast", "on")
        wide = 8 if self.kind == "bridge" else 24
        for n in range(5, 11):
            self.office.run("ip", "addr", "add", f"10.40.0.{n}/{wide}", "dev", "c0")
        for address in [f"10.50.0.{n}/{wide}" for n in (11, 12, 13, 14, 20, 21)] + [f"{SAFE}/{wide if wide == 8 else 28}"]:
            self.plant.run("ip", "addr", "add", address, "dev", "s0")
        if self.kind == "queue":
            for name, addresses in (("b0", ["10.40.0.1/24"]), ("b1", ["10.50.0.1/24", "10.60.0.1/28"])):
                self.box.run("ip", "link", "set", name, "arp", "on", "multicast", "on")
                for a in addresses:
                    self.box.run("ip", "addr", "add", a, "dev", name)
            self.box.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
            self.office.run("ip", "route", "add", "default", "via", "10.40.0.1")
            self.plant.run("ip", "route", "add", "default", "via", "10.50.0.1")

    def rules(self):
        """The exported ruleset, as docs/nftables.md says."""
        def export(*words):
            return subprocess.run([self.kidoban, "export", *words], capture_output=True, text=True, check=True).stdout
        self.box.run("nft", "-f", "-", feed=export("nftables", "--mode", "enforce", "--inspect", "mark", self.path("policy.yaml")))
        self.box.run("sh", "-e", feed=export("iptables"))

    # ---- the service

    def path(self, name):
        return os.path.join(self.d, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        self.program = self.lab.start(self.box, [self.kidoban, "run", "-c", self.path("kidoban.yaml")])

        def answers():
            assert self.program.alive(), self.program.err
            return self.tell("status", code=(0, 1, 3))[0] != 3
        until(answers, lambda: f"the service answers: {self.program.err[-5:]}")
        until(self.is_there, lambda: f"something passes: {self.program.err[-5:]} {self.status()['problems']}")

    def is_there(self):
        """Of conduits that are closed without kidoban, something comes back: that nobody listens there."""
        try:
            Master(self.office, HMI, "10.50.0.14", 1).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False

    def tell(self, command, *words, code=(0,)):
        """A command to the service: its exit code and output."""
        r = subprocess.run([self.kidoban, command, "-c", self.path("kidoban.yaml"), *words], capture_output=True, text=True,
                           timeout=120, stdin=subprocess.DEVNULL, check=False)
        assert r.returncode in code, f"{command} {words}: exit {r.returncode}: {r.stdout} {r.stderr}"
        return r.returncode, r.stdout

    def status(self):
        return json.loads(self.tell("status", "--json", code=(0, 1))[1])

    def alerts(self):
        try:
            with open(self.path("eve.json"), encoding="utf-8") as f:
                return [json.loads(line) for line in f if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def alert(self, finding, source, verdict, conduit=None):
        """Waits for an alert; that it says what was done is the caller's verdict. Returns it."""
        def look():
            for e in self.alerts():
                if e["event_type"] == "alert" and e["kidoban"]["finding"] == finding and e.get("src_ip") == source and \
                        (conduit is None or e["kidoban"].get("conduit") == conduit) and \
                        e["kidoban"]["verdict"] == verdict:
                    return e
            return None
        found = until(look, lambda: f"{finding} of {source}, {verdict}; there is "
                      f"{[(e.get('src_ip'), e['kidoban'].get('finding'), e['kidoban'].get('verdict')) for e in self.alerts()]}")
        blocked = verdict in ("degrade", "drop", "reject", "quarantine")
        assert found["alert"]["action"] == ("blocked" if blocked else "allowed"), found
        return found

    # ---- who talks

    def start_in(self, where, argv, env=None, **popen):
        return self.lab.start(where, argv, env, **popen)

    def server(self, argv, address, port, env=None):
        """A server of the plant, once it listens."""
        p = self.lab.start(self.plant, argv, env)

        def listening():
            try:
                self.plant.call(lambda: socket.create_connection((address, port), 5)).close()
                return True
            except OSError:
                assert p.alive(), f"{argv[0]} ended: {p.err[-3:]}"
                return False
        until(listening, f"{argv[0]} listens")
        return p

    def device(self, address, silent=False):
        d = Device(self.plant, address, silent)
        self.devices.append(d)
        return d

    def master(self, source, address, patience=60):
        return Master(self.office, source, address, patience)

    def local(self, address):
        """A client that does not pass the box."""
        return Master(self.plant, None, address)

    def refused(self, source, address):
        """True when no connection can be had within a moment."""
        try:
            Master(self.office, source, address, 1).close()
            return False
        except OSError:
            return True

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if not kind:
                self.stop()
        finally:
            self.close()

    def stop(self):
        code = self.program.stop()
        assert code == 0, f"the service ended with {code}: {self.program.err[-5:]}"
        assert not [x for x in self.program.err if "Sanitizer" in x or "runtime error:" in x], self.program.err

    def close(self):
        for d in self.devices:
            d.close()
        self.lab.close()
        shutil.rmtree(self.d, ignore_errors=True)


class Master:
    """A Modbus/TCP client whose every byte we know."""

    def __init__(self, ns, source, address, patience=60):
        self.s = ns.call(lambda: socket.create_connection((address, 502), patience, (source, 0) if source else None))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tid = 0

    def adu(self, pdu):
        self.tid += 1
        pdu = bytes.fromhex(pdu)
        return struct.pack(">HHHB", self.tid, 0, len(pdu) + 1, 1) + pdu

    def ask(self, pdu, patience=60):
        """The answer's PDU in hex; None when none came; "reset" or "end" when the connection ended."""
        try:
            self.s.settimeout(patience)
            self.s.sendall(self.adu(pdu))
            return self.answer()
        except ConnectionResetError:
            return "reset"
        except socket.timeout:
            return None

    def answer(self):
        head = self.take(7)
        if head is None:
            return "end"
        tid, _, length, _ = struct.unpack(">HHHB", head)
        body = self.take(length - 1)
        assert tid == self.tid, f"answer {tid} to request {self.tid}"
        return body.hex()

    def take(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                return None
            data += more
        return data

    def bytewise(self, pdu):
        """A request of as many segments as it has bytes. What does not get through in time stays behind."""
        for b in self.adu(pdu):
            self.s.sendall(bytes([b]))
            try:
                until(self.acknowledged, "acknowledged", 0.5)
            except AssertionError:
                pass

    def acknowledged(self):
        left = array.array("i", [0])
        fcntl.ioctl(self.s.fileno(), termios.TIOCOUTQ, left)  # SIOCOUTQ
        return left[0] == 0

    def close(self):
        self.s.close()


class Device:
    """A Modbus device: holding registers from 0, functions 3, 6 and 16. silent: it ignores what it has not."""

    def __init__(self, ns, address, silent):
        self.silent, self.register = silent, [0] * 200
        self.pdus = []   # all that arrived whole, in hex
        self.raw = []    # bytes by connection
        self.ends = []   # "end" or "reset" of connections
        self.connections = []
        self.listener = ns.call(lambda: socket.create_server((address, 502)))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(c)
            self.raw.append(bytearray())
            threading.Thread(target=self.talk, args=(c, self.raw[-1]), daemon=True).start()

    def talk(self, c, raw):
        at = 0
        try:
            while True:
                data = c.recv(4096)
                if not data:
                    self.ends.append("end")
                    return
                raw += data
                while len(raw) >= at + 6 and len(raw) >= at + 6 + int.from_bytes(raw[at + 4:at + 6], "big"):
                    end = at + 6 + int.from_bytes(raw[at + 4:at + 6], "big")
                    answer = self.carry_out(bytes(raw[at + 7:end]))
                    if answer:
                        c.sendall(bytes(raw[at:at + 4]) + struct.pack(">HB", len(answer) + 1, raw[at + 6]) + answer)
                    at = end
        except OSError:
            self.ends.append("reset")

    def carry_out(self, pdu):
        self.pdus.append(pdu.hex())
        if pdu[0] in (3, 6, 16):
            first, n = struct.unpack_from(">HH", pdu, 1)
        if pdu[0] == 3:
            return struct.pack(">BB", 3, 2 * n) + b"".join(r.to_bytes(2, "big") for r in self.register[first:first + n])
        if pdu[0] == 6:
            self.register[first] = n
            return pdu
        if pdu[0] == 16:
            self.register[first:first + n] = struct.unpack_from(f">{n}H", pdu, 6)
            return pdu[:5]
        return None if self.silent else bytes([pdu[0] | 0x80, 1])

    def close(self):
        for s in [self.listener] + self.connections:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


class Dialogue:
    """A client program that takes a request per line and answers with a line."""

    def __init__(self, ns, argv, env=None):
        self.p = subprocess.Popen(argv, preexec_fn=ns.enter, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, bufsize=1, env={**os.environ, **(env or {})})

    def ask(self, line):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()
        assert select.select([self.p.stdout], [], [], PATIENCE)[0], f"no answer to '{line}'"
        answer = self.p.stdout.readline()
        assert answer, f"it ended at '{line}'"
        return answer.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.stdin.close()
        try:
            self.p.wait(5)
        except subprocess.TimeoutExpired:
            self.p.send_signal(signal.SIGKILL)
            self.p.wait()
        self.p.stdout.close()


# ---- programs of others: what to call, or why there is none


def compiled(source, folder):
    """A program of libmodbus."""
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmodbus"], capture_output=True, text=True, check=False)
    if flags.returncode or not shutil.which("cc"):
        return None, "needs libmodbus-dev and a compiler"
    out = os.path.join(folder, os.path.basename(source)[:-2])
    if not os.path.exists(out):
        subprocess.run(["cc", "-O2", "-o", out, source, *flags.stdout.split()], check=True)
    return out, None


def npm(package, version):
    """The environment in which node finds it; it is fetched into build/npm once."""
    if not shutil.which("node"):
        return None, "node is not installed"
    if not os.path.isdir(os.path.join(NPM, "node_modules", package)):
        os.makedirs(NPM, exist_ok=True)
        try:
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--omit=optional",
                            f"{package}@{version}"], cwd=NPM, timeout=120, capture_output=True, check=True)
        except (OSError, subprocess.SubprocessError):
            return None, f"npm cannot fetch {package} (no network?), and it is not in build/npm"
    return {"NODE_PATH": os.path.join(NPM, "node_modules")}, None


def pymodbus():
    if subprocess.run(["/usr/bin/python3", "-c", "import pymodbus"], capture_output=True, check=False).returncode:
        return "needs python3-pymodbus"
    return None
