"""A stage for plants: hosts in network namespaces on one switch, real Modbus/TCP between them, in virtual time.

    with Stage() as stage:
        plc = stage.device("plc", "10.20.1.11", "00:80:f4:20:01:11", unit=1)     libmodbus, port 502
        hmi = stage.host("hmi", "10.20.2.5", "00:14:22:20:02:05")
        stage.begin("OUT/run", epoch, seed)
        Cycle(stage, "hmi.plc", 1.0, [(Conn(stage, hmi, plc), read(3, 0, 10))])
        stage.run(until=3600.0)
        stage.end()

One thread does everything in the order of virtual time: it sends a request on a real socket of the client's
namespace, lets libmodbus take it from a real socket of the device's namespace and answer it, and takes the answer
at the client. Each frame is recorded once, where it enters the switch. Bytes are those of the kernel, of libmodbus
(the devices) and of request() below (the masters). Time stamps are made up: those of a request say when it was due,
with jitter; those of an answer follow by a response time. Since sockets are not waited for, an hour takes seconds.
"""

import csv
import ctypes
import heapq
import os
import random
import socket
import struct
import sys
from collections import deque

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "live"))
import lab  # noqa: E402
from lab import ETH_P_ALL, PACKET_IGNORE_OUTGOING, SOL_PACKET, Lab, mac  # noqa: E402

MODBUS = 502
PATIENCE = 20  # seconds of real time for one read of a socket; only a broken stage takes so long
PAUSE = 0.001  # seconds of virtual time between an answer and the next request of a connection, at least
SO_ATTACH_FILTER = 26
TABLE = {"coil": 100, "discrete": 100, "holding": 1000, "input": 200}  # sizes in every device


# ---- PDUs of requests


def read(function, address, count):
    return struct.pack(">BHH", function, address, count)


def write_coil(address, on):
    return struct.pack(">BHH", 5, address, 0xFF00 if on else 0)


def write_register(address, value):
    return struct.pack(">BHH", 6, address, value & 0xFFFF)


def write_registers(address, values):
    n = len(values)
    return struct.pack(f">BHHB{n}H", 16, address, n, 2 * n, *(v & 0xFFFF for v in values))


def write_file(number, record, data):
    """Function 21, one group."""
    return struct.pack(">BBBHHH", 21, 7 + len(data), 6, number, record, len(data) // 2) + data


# ---- libmodbus


class Mapping(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("nb_bits", "start_bits", "nb_input_bits", "start_input_bits",
                                            "nb_input_registers", "start_input_registers", "nb_registers",
                                            "start_registers")] + [
        ("coil", ctypes.POINTER(ctypes.c_uint8)), ("discrete", ctypes.POINTER(ctypes.c_uint8)),
        ("input", ctypes.POINTER(ctypes.c_uint16)), ("holding", ctypes.POINTER(ctypes.c_uint16))]


def libmodbus():
    lib = ctypes.CDLL("libmodbus.so.5")
    lib.modbus_new_tcp.restype = ctypes.c_void_p
    lib.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
    for name in ("modbus_set_socket", "modbus_receive", "modbus_reply", "modbus_set_slave",
                 "modbus_set_response_timeout"):
        getattr(lib, name).argtypes = {
            "modbus_set_socket": [ctypes.c_void_p, ctypes.c_int],
            "modbus_receive": [ctypes.c_void_p, ctypes.c_void_p],
            "modbus_reply": [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p],
            "modbus_set_slave": [ctypes.c_void_p, ctypes.c_int],
            "modbus_set_response_timeout": [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]}[name]
    return lib


def missing():
    """Why no stage can stand here, or None."""
    try:
        libmodbus()
    except OSError as e:
        return f"needs libmodbus: {e}"
    return lab.missing()


class Host:
    """One namespace with one interface on the switch."""

    def __init__(self, stage, name, address, hardware):
        self.stage, self.name, self.address, self.mac = stage, name, address, hardware
        self.ns = stage.lab.namespace(name)
        port = f"v{len(stage.hosts)}"
        stage.lab.cable(self.ns, "eth0", stage.switch, port)
        for key, value in (("tcp_timestamps", 0), ("tcp_slow_start_after_idle", 0)):
            self.ns.run("sysctl", "-q", "-w", f"net.ipv4.{key}={value}")
        for line in (f"link set eth0 address {hardware} arp on", f"address add {address}/16 dev eth0"):
            self.ns.run("ip", *line.split())
        self.port, self.link = port, True
        self.plug(True)
        self.raw = self.ns.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        self.raw.bind(("eth0", 0))
        stage.hosts[name] = self

    def plug(self, on):
        """Into the switch, or out of it."""
        self.link = on
        self.stage.switch.run("ip", "link", "set", self.port, *(["master", "br0"] if on else ["nomaster"]))

    def arp(self, kind, target, *, sender=None, to="ff:ff:ff:ff:ff:ff", hardware="00:00:00:00:00:00"):
        """An ARP packet, 1 asks, 2 answers; a question is answered by the kernel of the target."""
        self.raw.send(mac(to) + mac(self.mac) + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, kind) + mac(self.mac) +
                      socket.inet_aton(sender or self.address) + mac(hardware) + socket.inet_aton(target))


class Device(Host):
    """A Modbus/TCP device on libmodbus. Its tables coil, discrete, holding, input are memory to read and write."""

    def __init__(self, stage, name, address, hardware, unit=1):
        super().__init__(stage, name, address, hardware)
        self.unit, self.lib = unit, stage.modbus
        self.model = None  # model(): before and after each answer, for a device whose tables are made when asked
        self.listener = self.ns.call(lambda: socket.create_server((address, MODBUS)))
        self.listener.settimeout(PATIENCE)
        self.ctx = self.lib.modbus_new_tcp(address.encode(), MODBUS)
        self.lib.modbus_set_slave(self.ctx, unit)
        self.lib.modbus_set_response_timeout(self.ctx, 0, 500)  # so long it rests after an unknown function
        self.map = self.lib.modbus_mapping_new(*TABLE.values())
        # libmodbus orders its sizes: coils, discrete inputs, holding, input registers
        for table in TABLE:
            setattr(self, table, getattr(self.map.contents, table))
        self.query = ctypes.create_string_buffer(300)

    def reset(self):
        for table, size in TABLE.items():
            for i in range(size):
                getattr(self, table)[i] = 0

    def serve(self, sock):
        self.lib.modbus_set_socket(self.ctx, sock.fileno())
        n = self.lib.modbus_receive(self.ctx, self.query)
        if n <= 0 or self.lib.modbus_reply(self.ctx, self.query, n, self.map) < 0:
            raise AssertionError(f"{self.name}: libmodbus does not answer ({n})")

    def put(self, table, address, value):
        getattr(self, table)[address] = int(value) & 0xFFFF

    def put32(self, table, address, value):
        """A 32-bit number, high word first."""
        self.put(table, address, int(value) >> 16)
        self.put(table, address + 1, int(value))

    def put_float(self, table, address, value, swapped=False):
        """IEEE 754 in two registers; swapped: the low word first."""
        words = struct.unpack(">HH", struct.pack(">f", value))
        for i, word in enumerate(reversed(words) if swapped else words):
            self.put(table, address + i, word)


class Conn:
    """A connection of a master to a device. Requests on it wait for each other, as a master's do."""

    def __init__(self, stage, client, device, response=0.004):
        self.stage, self.client, self.device, self.response = stage, client, device, response
        self.free = 0.0  # virtual time at which the next request may go
        self.cursor = self.last = 0.0  # stamps of the last data and of the last frame
        self.tid = stage.random.randrange(1, 0x8000)
        self.sock = self.peer = None
        self.lie = None  # lie(): the registers are changed for this answer; returns what puts them back
        self.lie_label = ""  # of such an answer
        self.inject = None  # inject(): bytes that somebody sends in the name of the device before it answers
        self.log = deque(maxlen=400)  # (time, request, answer) as they were, for those who replay them
        stage.conns.append(self)

    def open(self):
        """A TCP handshake at stage.now."""
        st = self.stage
        st.port += 1 + st.random.randrange(3)
        self.port = st.port
        st.by_port[self.port] = self

        def connect():
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.bind((self.client.address, self.port))
            s.settimeout(PATIENCE)
            if self.device.link:
                s.connect((self.device.address, MODBUS))
            else:
                s.setblocking(False)
                s.connect_ex((self.device.address, MODBUS))
            return s

        self.cursor = max(st.now, self.free)
        self.sock = self.client.ns.call(connect)
        if self.device.link:
            self.peer, _ = self.device.listener.accept()
            self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        st.drain(self)
        self.free = self.cursor + PAUSE
        if not self.device.link:
            self.sock.close()
            self.sock = None
            self.free = self.cursor + 3.0

    def close(self, reset=False):
        """By the master: FIN from both sides, or a reset."""
        if not self.sock:
            return
        self.cursor = max(self.stage.now, self.free)
        if reset:
            for s in (self.sock, self.peer):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.peer.close()
        self.stage.drain(self)
        self.free = self.cursor + PAUSE
        self.sock = self.peer = None

    def request(self, pdu, label="", answer=None, tid=None):
        """One exchange now. answer(adu): bytes of a device that can more than libmodbus. Returns the PDU answered."""
        st = self.stage
        if not self.sock:
            self.open()
            if not self.sock:
                return None
        st.label, before = label, st.label
        start = self.cursor = max(st.now, self.free)
        self.tid = self.tid + 1 & 0xFFFF if tid is None else tid
        adu = struct.pack(">HHHB", self.tid, 0, len(pdu) + 1, self.device.unit) + pdu
        self.sock.send(adu)
        if not self.device.link:
            st.drain(self)
            self.lost(start)
            st.label = before
            return None
        st.pass_on(self)
        model = self.device.model
        if model:
            model()
        restore = self.lie() if self.lie else None
        forged = self.inject() if self.inject else b""
        if forged:
            self.peer.send(forged)
        if answer:
            self.peer.settimeout(PATIENCE)
            self.peer.send(answer(self.peer.recv(300)))
        else:
            self.device.serve(self.peer)
        if restore:
            restore()
        if model:
            model()
        st.pass_on(self)
        got = self.sock.recv(600)
        while forged and len(got) < len(forged) + 8:
            got += self.sock.recv(600)
        got = got[len(forged):]
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        st.pass_on(self, wait=False)
        st.drain(self, repeat=st.random.random() < st.loss)
        self.free = self.cursor + PAUSE
        self.log.append((start, adu, got))
        st.exchanges += 1
        st.label = before
        return got[7:]

    def lost(self, start):
        """Nobody answers: the request was sent again twice, then the master gives up and resets."""
        for frame in self.stage.last:
            for later in (0.21, 0.63):
                self.stage.emit(start + later, frame)
        self.cursor = start + 1.0
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()
        self.stage.drain(self)
        self.sock = self.peer = None
        self.free = self.cursor


class Cycle:
    """Requests in a fixed order, again and again. A poll is a cycle of one.

    steps: (conn, pdu[, function that takes the PDU answered]); pdu may be a function that returns one or None.
    grid: due at multiples of the period, as a controller does; else the period counts from the last time, as
    a program that sleeps does. when(): runs only while it is true.
    """

    def __init__(self, stage, name, period, steps, grid=True, sd=0.0015, when=None, first=None):
        self.stage, self.name, self.period, self.steps, self.grid, self.sd = stage, name, period, steps, grid, sd
        self.when, self.label, self.paused = when, "", False
        self.due = stage.now + (stage.random.random() * period if first is None else first)
        stage.cycles[name] = self
        stage.at(self.jittered(), self.step, 0)

    def jittered(self):
        r = self.stage.random
        late = abs(r.gauss(0, self.sd)) if r.random() < 0.99 else r.expovariate(1 / 0.012)
        return self.due + late

    def step(self, i):
        st = self.stage
        if i == 0 and (self.paused or (self.when and not self.when())):
            return self.next()
        conn, pdu, *take = self.steps[i]
        if conn.free > st.now:
            return st.at(conn.free + st.random.uniform(0.0002, 0.0012), self.step, i)
        pdu = pdu() if callable(pdu) else pdu
        if pdu:
            got = conn.request(pdu, self.label)
            for f in take:
                f(got)
        if i + 1 < len(self.steps):
            return st.at(max(conn.free, st.now) + st.random.uniform(0.001, 0.004), self.step, i + 1)
        return self.next()

    def next(self):
        st = self.stage
        if self.grid:
            self.due += self.period
            while self.due <= st.now - self.period:
                self.due += self.period
        else:
            self.due = st.now + self.period
        st.at(self.jittered(), self.step, 0)


class Stage:
    def __init__(self):
        self.lab = Lab()
        self.modbus = libmodbus()
        self.hosts, self.conns, self.cycles = {}, [], {}
        self.switch = self.lab.namespace("switch")
        self.switch.run("sh", "-e", feed="ip link add br0 type bridge mcast_snooping 0\n"
                        "sysctl -q -w net.ipv6.conf.br0.disable_ipv6=1\nip link set br0 up arp off multicast off\n")
        index = self.switch.call(lambda: socket.if_nametoindex("br0"))
        self.tap = self.switch.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)))
        self.tap.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.tap.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        # all ports but the switch itself: ld ifindex; jeq br0 -> 0, else all
        code = b"".join(struct.pack("HBBI", *op) for op in ((0x20, 0, 0, 0xFFFFF008), (0x15, 0, 1, index),
                                                            (0x06, 0, 0, 0), (0x06, 0, 0, 0x40000)))
        self.code = ctypes.create_string_buffer(code)
        self.tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 4, ctypes.addressof(self.code)))
        self.tap.setblocking(False)
        self.file = self.relay = None
        self.now = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self.lab.close()

    def host(self, *args, **more):
        return Host(self, *args, **more)

    def device(self, *args, **more):
        return Device(self, *args, **more)

    def ready(self):
        """Every host knows the others: the kernels ask nobody by themselves. Hosts ask in virtual time."""
        for h in self.hosts.values():
            h.ns.run("ip", "-batch", "-", feed="".join(f"neigh replace {o.address} lladdr {o.mac} dev eth0\n"
                                                       for o in self.hosts.values() if o is not h))

    # ---- a run

    def begin(self, path, epoch, seed, loss=1e-4):
        """path: without .pcap; epoch: seconds UTC of virtual time 0; loss: share of requests sent twice."""
        self.random, self.small = random.Random(seed), random.Random(-1 - seed)
        self.path, self.epoch, self.loss = path, epoch, loss
        self.now, self.exchanges, self.frames, self.octets = 0.0, 0, 0, 24
        self.port = 33000 + seed % 100 * 300  # not those of the run before: they rest for a minute
        self.events, self.serial, self.pending = [], 0, []
        self.conns, self.cycles, self.by_port, self.windows, self.last = [], {}, {}, [], []
        self.label = ""
        for h in self.hosts.values():
            if isinstance(h, Device):
                h.reset()
        self.heard()
        self.file = open(path + ".pcap", "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        self.table = open(path + ".labels.csv", "w", encoding="ascii")
        self.table.write("frame,label\n")

    def at(self, when, do, *args):
        self.serial += 1
        heapq.heappush(self.events, (when, self.serial, do, args))

    def run(self, until):
        events = self.events
        while events and events[0][0] < until:
            when, _, do, args = heapq.heappop(events)
            self.now = max(self.now, when)
            do(*args)
            self.flush(self.now)
        self.now = until

    def end(self):
        """Closes what is open, outside the capture, and writes the rest."""
        if not self.file:
            return
        self.flush(float("inf"))
        for conn in self.conns:
            conn.close(reset=True)
        self.pending = []
        self.relay = None
        for h in self.hosts.values():
            if not h.link:
                h.plug(True)
        self.file.close()
        self.table.close()
        self.file = None
        with open(self.path + ".windows.csv", "w", encoding="utf-8", newline="") as f:
            out = csv.writer(f, lineterminator="\n")
            out.writerow(("attack", "begin", "end", "description"))
            for name, begin, end, text in self.windows:
                out.writerow((name, f"{self.epoch + begin:.6f}", f"{self.epoch + end:.6f}", text))

    def window(self, name, begin, end, text):
        self.windows.append((name, begin, end, text))

    # ---- frames

    def pass_on(self, conn, wait=True):
        """Where somebody stands between the two of a connection, he forwards what he has."""
        if self.relay and self.relay.between(conn):
            self.relay.forward(wait)

    def heard(self):
        frames = []
        while True:
            try:
                frames.append(self.tap.recv(2048))
            except BlockingIOError:
                return frames

    def drain(self, current=None, repeat=False):
        """Stamps what entered the switch. current: whose exchange it is. Pure acknowledgements, which come as the
        kernel likes, draw from a generator of their own and delay nothing: the same seed gives the same messages."""
        r, small = self.random, self.small.uniform
        self.last = self.heard()
        gone = {mac(h.mac) for h in self.hosts.values() if not h.link}
        between = mac(self.relay.own.mac) if self.relay else None
        other = current.cursor if current else self.now
        for f in self.last:
            source, label = f[6:12], self.label
            if source in gone:
                continue
            if f[12:14] != b"\x08\x00" or f[23] != 6:
                other += small(0.00005, 0.0002)
                self.emit(other, f)
                continue
            sport, dport = struct.unpack_from(">HH", f, 34)
            conn = self.by_port.get(dport if sport == MODBUS else sport, current)
            size = (f[16] << 8 | f[17]) - 20 - (f[46] >> 4) * 4
            if source == between:
                label = self.relay.label
                conn.last += small(0.0001, 0.0003)
            elif size > 0:
                if sport == MODBUS:
                    label = conn.lie_label or label
                    slow = r.uniform(0.015, 0.06) if r.random() < 0.005 else 0
                    conn.cursor += max(0.0015, r.gauss(conn.response, 0.0008)) + slow
                elif repeat:  # it was lost behind the switch: the same once more, then the answer
                    self.emit(conn.cursor, f)
                    conn.cursor += 0.2 + r.uniform(0.001, 0.008)
                conn.last = max(conn.last, conn.cursor)
            else:
                conn.last = max(conn.last, conn.cursor) + small(0.00004, 0.00014)
            self.emit(conn.last, f, label)

    def emit(self, when, frame, label=None):
        self.serial += 1
        heapq.heappush(self.pending, (when, self.serial, frame, self.label if label is None else label))

    def flush(self, until):
        pending = self.pending
        while pending and pending[0][0] <= until:
            when, _, frame, label = heapq.heappop(pending)
            self.frames += 1
            self.octets += 16 + len(frame)
            stamp = round((self.epoch + when) * 1e6)
            self.file.write(struct.pack("<IIII", stamp // 1000000, stamp % 1000000, len(frame), len(frame)) + frame)
            self.table.write(f"{self.frames},{label}\n")
