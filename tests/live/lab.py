"""Networks to try live sources in: namespaces, cables between them, programs, and frames of any kind.

    lab = Lab()                                   with Lab() as lab: ...
    box, plant = lab.namespace("box"), lab.namespace("plant")
    lab.cable(plant, "p0", box, "mon0")           a veth pair, both ends up and silent
    probe = lab.start(box, ["build/...", ...])    a program inside; its output by lines
    wire = lab.wire(plant, "p0")                  sends and hears frames as they are
    lab.close()                                   ends the programs, and nothing is left over

Namespaces have no names, so that a test that dies leaves nothing behind. Both ends of a cable are
silent: no IPv6, no ARP, no offloads that would make one frame of many. What a test waits for, it
waits for with until(), with a deadline that a busy machine does not miss.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from netns import Namespace

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
PATIENCE = float(os.environ.get("KIDOBAN_PATIENCE", 60))  # seconds until a condition that must come true is given up


def missing(*tools):
    """Why it cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    for tool in ("ip", "sysctl") + tools:
        if not shutil.which(tool):
            return f"{tool} is not installed"
    try:
        with Lab() as lab:
            lab.cable(lab.namespace("one"), "va", lab.namespace("other"), "vb")
    except subprocess.CalledProcessError as e:
        return f"the kernel refuses: {e.stderr.strip().splitlines()[0] if e.stderr else e}"
    except OSError as e:
        return f"no network namespaces here: {e}"
    return None


def until(condition, what, patience=PATIENCE):
    """Waits until condition() is true and returns what it returned."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience} s in vain: {what() if callable(what) else what}")
        time.sleep(0.01)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ether(dst, src, kind, payload, *tags):
    """An Ethernet frame; tags, outermost first, are (TPID, TCI)."""
    return mac(dst) + mac(src) + b"".join(struct.pack("!HH", *t) for t in tags) + struct.pack("!H", kind) + payload


class Program:
    """A program inside a namespace. Its output is collected by threads: it never waits for us."""

    def __init__(self, ns, argv, env=None, **popen):
        self.argv = argv
        self.p = subprocess.Popen(argv, preexec_fn=ns.enter if ns else None, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                                  env={**os.environ, **(env or {})}, **popen)
        self.out, self.err = [], []
        self.readers = [threading.Thread(target=self.read, args=pair, daemon=True)
                        for pair in ((self.p.stdout, self.out), (self.p.stderr, self.err))]
        for r in self.readers:
            r.start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def says(self, text, patience=PATIENCE):
        """Waits for a line that holds the text on either stream, and returns it."""
        def look():
            for line in list(self.out) + list(self.err):
                if text in line:
                    return line
            if self.p.poll() is not None and not any(r.is_alive() for r in self.readers):
                raise AssertionError(f"{self.argv[0]} ended with {self.p.returncode} before it said '{text}': "
                                     f"{self.err[-5:]}")
            return None
        return until(look, lambda: f"{self.argv[0]} says '{text}'; it said {self.out[-3:]} {self.err[-5:]}", patience)

    def alive(self):
        return self.p.poll() is None

    def signal(self, number):
        self.p.send_signal(number)

    def wait(self, patience=PATIENCE):
        """Its exit code, with all its output read."""
        code = self.p.wait(patience)
        for r in self.readers:
            r.join(patience)
        return code

    def stop(self, patience=PATIENCE):
        """Asked to end (SIGTERM), in the end made to. Returns the exit code."""
        if self.alive():
            self.signal(signal.SIGTERM)
            try:
                return self.wait(patience)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
        return self.wait(patience)


class Ready:
    """The service manager's side: hears when kidoban decides. A control socket may be there long before."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.s.bind(path)
        os.chmod(path, 0o777)
        self.s.setblocking(False)
        self.env = {"NOTIFY_SOCKET": path}

    def heard(self):
        try:
            return "READY=1" in self.s.recv(4096).decode().split("\n")
        except BlockingIOError:
            return False

    def wait(self, program):
        until(lambda: self.heard() or not program.alive(), lambda: f"READY=1; it said {program.err[-5:]}")
        assert program.alive(), program.err
        self.s.close()


class Wire:
    """An interface taken as it is: frames out, frames in with the VLAN tag that the kernel took off."""

    def __init__(self, ns, name, incoming_only=True):
        self.s = ns.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        for level, option, value in ((socket.SOL_SOCKET, 33, 64 << 20),  # SO_RCVBUFFORCE
                                     (SOL_PACKET, PACKET_AUXDATA, 1),
                                     (SOL_PACKET, PACKET_IGNORE_OUTGOING, int(incoming_only))):
            self.s.setsockopt(level, option, value)
        ns.call(lambda: self.s.bind((name, ETH_P_ALL)))
        self.s.setblocking(False)

    def send(self, frame):
        """Waits while the interface is full."""
        while True:
            try:
                return self.s.send(frame)
            except (BlockingIOError, OSError) as e:
                if e.errno not in (11, 105):  # EAGAIN, ENOBUFS
                    raise
                time.sleep(0.001)

    def heard(self):
        """All frames that came since the last time."""
        frames = []
        while True:
            try:
                data, extra, _, _ = self.s.recvmsg(65536, 256)
            except BlockingIOError:
                return frames
            for level, kind, value in extra:
                if level == SOL_PACKET and kind == PACKET_AUXDATA:
                    status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value[:20])
                    if status & 0x10:  # TP_STATUS_VLAN_VALID
                        data = data[:12] + struct.pack("!HH", tpid if status & 0x40 else 0x8100, tci) + data[12:]
            frames.append(data)

    def close(self):
        self.s.close()


class Lab:
    def __init__(self):
        self.namespaces, self.programs, self.wires = [], [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def namespace(self, what):
        ns = Namespace(what)
        self.namespaces.append(ns)
        ns.run("ip", "link", "set", "lo", "up")
        return ns

    def cable(self, a, a_name, b, b_name, silent=True, mtu=None):
        """A veth pair between two namespaces. silent: neither end says anything by itself."""
        more = ["mtu", str(mtu)] if mtu else []
        a.run("ip", "link", "add", a_name, *more, "type", "veth", "peer", "name", b_name, *more,
              "netns", f"/proc/{os.getpid()}/fd/{b.fd}")
        for ns, name in ((a, a_name), (b, b_name)):
            if silent:
                self.silence(ns, name)
            self.plain(ns, name)
            ns.run("ip", "link", "set", name, "up")
        for ns, name in ((a, a_name), (b, b_name)):
            until(lambda n=ns, i=name: "LOWER_UP" in n.run("ip", "link", "show", i).stdout, f"{name} is up")

    @staticmethod
    def silence(ns, name):
        """Takes from the kernel what it would send by itself: IPv6 autoconfiguration, ARP."""
        ns.run("sysctl", "-q", "-w", f"net.ipv6.conf.{name}.disable_ipv6=1")
        ns.run("ip", "link", "set", name, "arp", "off", "multicast", "off")

    @staticmethod
    def plain(ns, name):
        """Frames of a wire: checksums complete, none longer than the MTU. As far as ethtool is there."""
        if shutil.which("ethtool"):
            ns.run("ethtool", "-K", name, "tx", "off", "rx", "off", "gso", "off", "gro", "off", "tso", "off",
                   check=False)

    @staticmethod
    def link(ns, name, *what):
        """link(ns, "eth0", "down")"""
        ns.run("ip", "link", "set", name, *what)

    @staticmethod
    def counts(ns, name):
        """The kernel's counts of an interface: rx_packets, tx_packets, rx_dropped, ..."""
        for line in ns.call(lambda: open("/proc/thread-self/net/dev", encoding="ascii").read()).splitlines():
            head, _, rest = line.partition(":")
            if head.strip() == name:
                n = [int(x) for x in rest.split()]
                return {"rx_bytes": n[0], "rx_packets": n[1], "rx_errors": n[2], "rx_dropped": n[3],
                        "tx_bytes": n[8], "tx_packets": n[9], "tx_errors": n[10], "tx_dropped": n[11]}
        raise OSError(f"no interface {name}")

    def start(self, ns, argv, env=None, **popen):
        p = Program(ns, argv, env, **popen)
        self.programs.append(p)
        return p

    def wire(self, ns, name, incoming_only=True):
        w = Wire(ns, name, incoming_only)
        self.wires.append(w)
        return w

    def replay(self, ns, name, capture, *options):
        """tcpreplay of a capture out of an interface, to its end; returns how many packets it sent."""
        r = ns.run("tcpreplay", "-i", name, *(options or ("--topspeed",)), capture)
        for line in r.stdout.splitlines():
            if "Successful packets:" in line:
                return int(line.split()[-1])
        raise AssertionError(f"tcpreplay said nothing of its packets: {r.stdout} {r.stderr}")

    def close(self):
        for p in self.programs:
            if p.alive():
                p.signal(signal.SIGKILL)
            p.wait()
        for w in self.wires:
            w.close()
        for ns in self.namespaces:
            ns.close()
        self.programs, self.wires, self.namespaces = [], [], []


def main(tests, why_not, run=lambda test: test()):
    """Runs functions as TAP; each test makes its own lab, or run(test) makes it one. Returns the exit code."""
    if why_not:
        print(f"1..0 # SKIP {why_not}")
        return 0
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = (test.__doc__ or test.__name__.replace("_", " ")).strip().splitlines()[0].rstrip(".")
        begun = time.monotonic()
        try:
            note = run(test)
        except Exception as e:  # the next test still runs
            failed += 1
            lines = [f.lineno for f in traceback.extract_tb(e.__traceback__) if f.name == test.__name__]
            for line in f"{type(e).__name__}: {e} {getattr(e, 'stderr', None) or ''}".splitlines():
                print(f"# {line}")
            print(f"# in line {lines[-1] if lines else 'none of the test'}")
            print(f"not ok {number} - {name}", flush=True)
        else:
            skip = f" # SKIP {note[5:]}" if isinstance(note, str) and note.startswith("SKIP ") else ""
            if note and not skip:
                print(f"# {note}")
            print(f"ok {number} - {name}{skip}", flush=True)
        print(f"# {time.monotonic() - begun:.1f} s", flush=True)
    return 1 if failed else 0
