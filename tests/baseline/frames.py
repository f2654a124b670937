"""Frames of a capture as an evaluation sees them: when, on which channel, in which file position.

A channel is (client, server, transport, server port), whatever the client's port: a master that opens a new
connection for each poll stays on one channel. Who is the client is what the first SYN of the connection says,
else the side with the higher port. What has no ports is the pair of hosts, in order; what is no IP is the pair of
MAC addresses and the EtherType.

Captures are read in one pass, and never held as a whole.
"""

import bisect
import ipaddress
import struct

ETHER = 1
TCP, UDP = 6, 17
IP4, IP6, VLAN = 0x0800, 0x86DD, (0x8100, 0x88A8)
SYN, ACK = 2, 16
PCAP = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
        b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1)}
PCAPNG = b"\x0a\x0d\x0d\x0a"


def _ethernet(path, link):
    if link != ETHER:
        raise ValueError(f"{path}: link type {link} is not Ethernet")


def packets(path):
    """Yields (time in ns, bytes, length on the wire) of an Ethernet capture, pcap or pcapng."""
    with open(path, "rb") as f:
        magic = f.read(4)
        f.seek(0)
        if magic in PCAP:
            yield from _pcap(path, f, *PCAP[magic])
        elif magic == PCAPNG:
            yield from _pcapng(path, f)
        else:
            raise ValueError(f"{path}: neither pcap nor pcapng")


def _pcap(path, f, order, scale):
    _ethernet(path, struct.unpack(order + "I", f.read(24)[20:24])[0] & 0xFFFF)
    record = struct.Struct(order + "IIII")
    while len(head := f.read(16)) == 16:
        sec, frac, caplen, wirelen = record.unpack(head)
        data = f.read(caplen)
        if len(data) < caplen:
            return
        yield sec * 1_000_000_000 + frac * scale, data, wirelen


def _pcapng(path, f):
    order, units = "<", []
    while len(head := f.read(8)) == 8:
        if head[:4] == PCAPNG:
            bom = f.read(4)
            order, units = ("<" if bom == b"\x4d\x3c\x2b\x1a" else ">"), []
            kind, body = 0, f.read(struct.unpack(order + "I", head[4:8])[0] - 12)
        else:
            kind, length = struct.unpack(order + "II", head)
            body = f.read(length - 8)
        if kind == 1:
            _ethernet(path, struct.unpack_from(order + "H", body)[0])
            units.append(_tick(order, body[8:-4]))
        elif kind == 6:
            port, high, low, caplen, wirelen = struct.unpack_from(order + "IIIII", body)
            yield int((high << 32 | low) * units[port]), body[20:20 + caplen], wirelen


def _tick(order, options):
    """ns per tick of an interface: option 9, if_tsresol; 1 µs where it is absent."""
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        if code == 9 and length == 1:
            power = options[at + 4]
            return 10**9 // 10**power if power < 10 else 10**9 / 2**(power & 127)
        at += 4 + (length + 3) // 4 * 4
    return 1000


def cut(source, target, wanted):
    """Copies the frames that wanted(number from 1, time in ns) names; returns their old numbers."""
    kept = []
    with open(target, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, ETHER))
        for number, (time, data, wirelen) in enumerate(packets(source), 1):
            if wanted(number, time):
                kept.append(number)
                out.write(struct.pack("<IIII", time // 1_000_000_000, time % 1_000_000_000, len(data), wirelen))
                out.write(data)
    return kept


def _mac(b):
    return b.hex(":")


class Frames:
    """The frames of one capture, by position and by channel. Positions count from 0 here, times are in µs."""

    def __init__(self, path):
        self.path = path
        self.time = []
        self.channel = []
        self.source = []  # MAC of the sender
        self.of_channel = {}  # channel -> positions
        self.of_hosts = {}  # (host, host) in order -> positions
        self.of_mac = {}  # sender -> positions
        self._clients = {}
        self._names = {}
        for time, data, _ in packets(path):
            self._add(time // 1000, data)
        self._clients = None

    def _add(self, time, data):
        at = len(self.time)
        smac = data[6:12]
        channel, hosts = self._place(data)
        self.time.append(time)
        self.channel.append(channel)
        self.source.append(smac)
        self.of_channel.setdefault(channel, []).append(at)
        self.of_mac.setdefault(smac, []).append(at)
        if hosts:
            self.of_hosts.setdefault(hosts, []).append(at)

    def _host(self, raw):
        name = self._names.get(raw)
        if name is None:
            name = self._names[raw] = str(ipaddress.ip_address(raw))
        return name

    def _place(self, data):
        kind, at = int.from_bytes(data[12:14], "big"), 14
        while kind in VLAN and len(data) >= at + 4:
            kind = int.from_bytes(data[at + 2:at + 4], "big")
            at += 4
        if kind == IP4 and len(data) >= at + 20:
            proto, src, dst = data[at + 9], data[at + 12:at + 16], data[at + 16:at + 20]
            later = int.from_bytes(data[at + 6:at + 8], "big") & 0x1FFF
            ports = at + (data[at] & 15) * 4 if not later else None
        elif kind == IP6 and len(data) >= at + 40:
            proto, src, dst = data[at + 6], data[at + 8:at + 24], data[at + 24:at + 40]
            ports = at + 40
        else:
            return (_mac(data[6:12]), _mac(data[0:6]), f"{kind:04x}", 0), None
        src, dst = self._host(src), self._host(dst)
        hosts = (src, dst) if src <= dst else (dst, src)
        if proto not in (TCP, UDP) or ports is None or len(data) < ports + 4:
            return (*hosts, proto, 0), hosts
        sport, dport = struct.unpack_from(">HH", data, ports)
        flags = data[ports + 13] if proto == TCP and len(data) > ports + 13 else 0
        return self._conversation(src, sport, dst, dport, proto, flags), hosts

    def _conversation(self, src, sport, dst, dport, proto, flags):
        pair = (src, sport, dst, dport, proto)
        back = (dst, dport, src, sport, proto)
        known = self._clients.get(pair)
        if known is None or flags & (SYN | ACK) == SYN:
            if flags & SYN:
                from_client = not flags & ACK
            else:
                from_client = sport >= dport
            known = (src, dst, proto, dport) if from_client else (dst, src, proto, sport)
            self._clients[pair] = self._clients[back] = known
        return known

    def __len__(self):
        return len(self.time)

    def is_ip(self, at):
        return isinstance(self.channel[at][2], int)

    def duration(self):
        """Seconds from the first to the last frame."""
        return (max(self.time) - min(self.time)) / 1e6 if self.time else 0.0

    def between(self, positions, first, last):
        """Those of the positions (in file order) whose time is first..last, in µs."""
        if not positions:
            return []
        times = self.time
        if times[positions[0]] < first or times[positions[-1]] > last:
            lo = bisect.bisect_left(positions, first, key=times.__getitem__)
            hi = bisect.bisect_right(positions, last, key=times.__getitem__)
            return positions[lo:hi]
        return positions

    def find_channel(self, a, aport, b, bport, proto):
        """The channel of a record that names both ends, in either direction; None if there is none."""
        for c in ((a, b, proto, bport), (b, a, proto, aport)):
            if c in self.of_channel:
                return c
        return None
