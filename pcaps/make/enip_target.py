#!/usr/bin/env python3
"""A CIP target, for captures only: a controller with tags, two assemblies and an SLC data table.

    enip_target.py ADDRESS

No real target that could be had speaks EtherNet/IP on Debian 12, so this one answers the real
clients. TCP and UDP 44818, I/O on UDP 2222. Written after CIP volume 1 and 2, Rockwell 1756-PM020
and 1770-6.5.16; it knows only what the scripts beside it ask for, and refuses the rest with the
status the standard names.
"""

import selectors
import socket
import struct
import sys
import time

ADDRESS = sys.argv[1]
NAME = b"1756-L71/B kidoban"
IDENTITY = struct.pack("<HHHBBHI", 1, 14, 92, 20, 11, 0x3060, 0x00C0FFEE) + bytes([len(NAME)]) + NAME

SIZE = {0xC1: 1, 0xC2: 1, 0xC3: 2, 0xC4: 4, 0xC5: 8, 0xCA: 4, 0xD3: 4}
TAGS = {  # name: [type, bytes]
    "Speed": [0xC4, struct.pack("<i", 1450)],
    "Temperature": [0xCA, struct.pack("<f", 61.5)],
    "Running": [0xC1, b"\x01"],
    "Count": [0xC3, struct.pack("<h", -7)],
    "Total": [0xC5, struct.pack("<q", 1 << 40)],
    "Flags": [0xC4, struct.pack("<I", 0x15)],
    "Recipe": [0xC4, b"".join(struct.pack("<i", i * 10) for i in range(10))],
    "Trend": [0xC4, b"".join(struct.pack("<i", i) for i in range(300))],
    "Program:Main.Step": [0xC4, struct.pack("<i", 3)],
    "SetpointSpeed": [0xC4, struct.pack("<i", 1450)],
}
ASSEMBLY = {100: bytearray(4), 101: bytearray(b"\x11\x22\x33\x44"), 102: bytearray(4)}
FILES = {(7, 0x89): bytearray(40), (8, 0x8A): bytearray(40), (3, 0x85): bytearray(40)}
MOST = 480  # bytes of data in one reply


def path_read(path):
    """Symbols joined by dots, logical values by type, indices behind the last symbol."""
    names, logical, index, at = [], {}, [], 0
    while at < len(path):
        head = path[at]
        if head == 0x91:
            size = path[at + 1]
            names.append(path[at + 2 : at + 2 + size].decode())
            at += 2 + size + size % 2
        elif head >> 5 == 1:
            kind, width = head >> 2 & 7, (1, 2, 4)[head & 3]
            at += 1 if width == 1 else 2
            value = int.from_bytes(path[at : at + width], "little")
            at += width
            if kind == 2:
                index.append(value)
            else:
                logical.setdefault(kind, []).append(value)
        elif head >> 5 == 0:
            at += 2
        else:
            return None
    return ".".join(names), logical, index


def reply(service, status=0, data=b"", extended=b""):
    return bytes([service | 0x80, 0, status, len(extended) // 2]) + extended + data


class Target:
    def __init__(self):
        self.connections = {}  # O->T id: (T->O id, serial numbers, transport, points)
        self.io = {}  # O->T id: (T->O id, input assembly, output assembly, sequence)
        self.next_id = 0x20010000

    def message(self, request):
        service, words = request[0], request[1]
        parsed = path_read(request[2 : 2 + words * 2])
        data = request[2 + words * 2 :]
        if parsed is None:
            return reply(service, 0x04)
        name, logical, index = parsed
        cls = logical.get(0, [None])[0]
        instance = logical.get(1, [0])[0]
        if name:
            return self.tag(service, name, index, data)
        if cls == 2 and service == 0x0A:
            return self.multiple(data)
        if cls == 6:
            return self.manager(service, data)
        if cls == 1 and service == 0x01:
            return reply(service, 0, IDENTITY)
        if cls == 1 and service == 0x0E:
            one = {1: IDENTITY[0:2], 4: IDENTITY[6:8], 6: IDENTITY[10:14], 7: IDENTITY[14:]}
            attribute = logical.get(4, [0])[0]
            return reply(service, 0, one[attribute]) if attribute in one else reply(service, 0x14)
        if cls == 4 and instance in ASSEMBLY and service == 0x0E:
            return reply(service, 0, bytes(ASSEMBLY[instance]))
        if cls == 4 and instance in ASSEMBLY and service == 0x10:
            if len(data) != len(ASSEMBLY[instance]):
                return reply(service, 0x13 if len(data) < len(ASSEMBLY[instance]) else 0x15)
            ASSEMBLY[instance][:] = data
            return reply(service)
        if cls == 0x6B and service == 0x55:
            return self.symbols(service, instance)
        if cls == 0x67 and service == 0x4B:
            return reply(service, 0, self.pccc(data))
        if cls in (1, 2, 4, 6, 0x67, 0x6B):
            return reply(service, 0x08)
        return reply(service, 0x05)

    def symbols(self, service, first):
        """Instance, name and type of each tag from `first` on: Get Instance Attribute List."""
        out = b""
        for number, (name, (kind, data)) in enumerate(TAGS.items(), 1):
            if number >= first and ":" not in name:
                array = 0x2000 if len(data) > SIZE[kind] else 0
                out += struct.pack("<IH", number, len(name)) + name.encode() + struct.pack("<H", kind | array)
        return reply(service, 0, out)

    def tag(self, service, name, index, data):
        if name not in TAGS:
            return reply(service, 0x05, extended=b"\x00\x00") if service != 0x55 else reply(service, 0, b"")
        kind, value = TAGS[name]
        size = SIZE[kind]
        at = (index[0] if index else 0) * size
        if service in (0x4C, 0x52):
            count = struct.unpack_from("<H", data)[0]
            offset = struct.unpack_from("<I", data, 2)[0] if service == 0x52 else 0
            wanted = value[at + offset : at + count * size]
            if at + count * size > len(value):
                return reply(service, 0xFF, extended=b"\x05\x21")
            more = len(wanted) > MOST
            return reply(service, 6 if more else 0, struct.pack("<H", kind) + wanted[:MOST])
        if service in (0x4D, 0x53):
            written, count = struct.unpack_from("<HH", data)
            offset = struct.unpack_from("<I", data, 4)[0] if service == 0x53 else 0
            new = data[8 if service == 0x53 else 4 :]
            if written != kind:
                return reply(service, 0xFF, extended=b"\x07\x21")
            at += offset
            if at + len(new) > len(value) or len(new) > count * size:
                return reply(service, 0xFF, extended=b"\x05\x21")
            TAGS[name][1] = value[:at] + new + value[at + len(new) :]
            return reply(service)
        if service == 0x4E:
            size = struct.unpack_from("<H", data)[0]
            masks = data[2 : 2 + 2 * size]
            old = value[at : at + size]
            new = bytes((o | s) & c for o, s, c in zip(old, masks[:size], masks[size:]))
            TAGS[name][1] = value[:at] + new + value[at + len(new) :]
            return reply(service)
        return reply(service, 0x08)

    def multiple(self, data):
        count = struct.unpack_from("<H", data)[0]
        offsets = list(struct.unpack_from(f"<{count}H", data, 2)) + [len(data)]
        answers = [self.message(data[a:b]) for a, b in zip(offsets, offsets[1:])]
        head, at = struct.pack("<H", count), 2 + 2 * count
        for answer in answers:
            head += struct.pack("<H", at)
            at += len(answer)
        failed = any(a[2] for a in answers)
        return reply(0x0A, 0x1E if failed else 0, head + b"".join(answers))

    def manager(self, service, data):
        if service == 0x52:
            size = struct.unpack_from("<H", data, 2)[0]
            route = data[4 + size + size % 2 + 2 :]
            if route[:2] == b"\x01\x09":  # nobody is in slot 9
                return reply(service, 0x01, extended=b"\x04\x02")
            return self.message(data[4 : 4 + size])
        if service in (0x54, 0x5B):
            wide = 4 if service == 0x5B else 2
            to_id = struct.unpack_from("<I", data, 6)[0]
            serials = data[10:18]
            ot_rpi = data[22:26]
            to_rpi = data[26 + wide : 30 + wide]
            transport = data[30 + 2 * wide] & 0x0F
            _, logical, _ = path_read(data[32 + 2 * wide :])
            points = logical.get(3, [])
            if transport < 2 and (len(points) < 2 or any(p not in ASSEMBLY for p in points)):
                return reply(service, 0x01, serials + b"\x00\x00", b"\x15\x03")
            self.next_id += 1
            ot_id = self.next_id
            self.connections[ot_id] = (to_id, serials, transport)
            if transport < 2:
                self.io[ot_id] = [to_id, points[1], points[0], 0]
            return reply(service, 0, struct.pack("<II", ot_id, to_id) + serials + ot_rpi + to_rpi + b"\x00\x00")
        if service == 0x4E:
            serials = data[2:10]
            for ot_id, known in list(self.connections.items()):
                if known[1][:2] == serials[:2]:
                    del self.connections[ot_id]
                    self.io.pop(ot_id, None)
                    return reply(service, 0, known[1] + b"\x00\x00")
            return reply(service, 0x01, serials + b"\x00\x00", b"\x07\x01")
        return reply(service, 0x08)

    def pccc(self, data):
        """Protected typed logical read and write with three addresses; the rest is refused."""
        requestor, pccc = data[: data[0]], data[data[0] :]
        command, _, transaction = struct.unpack_from("<BBH", pccc)
        answer = requestor + struct.pack("<BBH", command | 0x40, 0, transaction)
        if command != 0x0F or len(pccc) < 10 or pccc[4] not in (0xA2, 0xAA):
            return requestor + struct.pack("<BBH", command | 0x40, 0x10, transaction)
        size, number, kind, element = pccc[5], pccc[6], pccc[7], pccc[8]
        table = FILES.get((number, kind))
        at = element * (4 if kind == 0x8A else 2)
        if table is None or at + size > len(table):
            return requestor + struct.pack("<BBHB", command | 0x40, 0xF0, transaction, 0x06)
        if pccc[4] == 0xA2:
            return answer + bytes(table[at : at + size])
        table[at : at + size] = pccc[10 : 10 + size]
        return answer


def encapsulate(command, session, context, data, status=0):
    return struct.pack("<HHII8sI", command, len(data), session, status, context, 0) + data


def items(*pairs):
    return struct.pack("<H", len(pairs)) + b"".join(struct.pack("<HH", t, len(d)) + d for t, d in pairs)


def handle(target, session, message):
    """The reply to one encapsulation message; b"" when there is none, None to hang up."""
    command, length, handle_, _, context, _ = struct.unpack_from("<HHII8sI", message)
    data = message[24 : 24 + length]
    if command == 0x63:
        sockaddr = struct.pack(">HH4s8x", 2, 44818, socket.inet_aton(ADDRESS))
        item = struct.pack("<H", 1) + sockaddr + IDENTITY + b"\x03"
        return encapsulate(command, 0, context, items((0x0C, item)))
    if command == 0x04:
        return encapsulate(command, 0, context, items((0x100, struct.pack("<HH16s", 1, 0x120, b"Communications"))))
    if command == 0x64:
        return encapsulate(command, 0, context, items())
    if command == 0x65:
        return encapsulate(command, session, context, data)
    if command == 0x66:
        return None
    if command in (0x6F, 0x70) and handle_ != session:
        return encapsulate(command, handle_, context, b"", 0x64)
    if command == 0x6F:
        size = struct.unpack_from("<H", data, 14)[0]
        answer = target.message(data[16 : 16 + size])
        return encapsulate(command, session, context, bytes(6) + items((0, b""), (0xB2, answer)))
    if command == 0x70:
        ot_id = struct.unpack_from("<I", data, 12)[0]
        size = struct.unpack_from("<H", data, 18)[0]
        sequence, body = data[20:22], data[22 : 20 + size]
        if ot_id not in target.connections:
            return b""
        to_id = target.connections[ot_id][0]
        answer = sequence + target.message(body)
        pair = (0xA1, struct.pack("<I", to_id)), (0xB1, answer)
        return encapsulate(command, session, context, bytes(6) + items(*pair))
    return encapsulate(command, handle_, context, b"", 0x01)


def main():
    target, poll, streams, peer = Target(), selectors.DefaultSelector(), {}, None
    listener = socket.create_server((ADDRESS, 44818))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("", 44818))
    io = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    io.bind((ADDRESS, 2222))
    for s in (listener, udp, io):
        poll.register(s, selectors.EVENT_READ)
    due = time.monotonic()
    while True:
        for key, _ in poll.select(0.05):
            s = key.fileobj
            if s is listener:
                conn, peer = listener.accept()
                conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                streams[conn] = [b"", 0x1000 + len(streams)]
                poll.register(conn, selectors.EVENT_READ)
            elif s is udp:
                data, sender = udp.recvfrom(2048)
                answer = handle(target, 0, data) if len(data) >= 24 else b""
                if answer:
                    udp.sendto(answer, sender)
            elif s is io:
                data, _ = io.recvfrom(2048)
                link = target.io.get(struct.unpack_from("<I", data, 6)[0])
                if link:
                    ASSEMBLY[link[2]][:] = data[24 : 24 + len(ASSEMBLY[link[2]])]
            else:
                try:
                    data = s.recv(4096)
                except OSError:
                    data = b""
                buf, session = streams[s]
                buf += data
                answer = None if not data else b""
                while answer is not None and len(buf) >= 24 and len(buf) >= 24 + struct.unpack_from("<H", buf, 2)[0]:
                    size = 24 + struct.unpack_from("<H", buf, 2)[0]
                    answer = handle(target, session, buf[:size])
                    buf = buf[size:]
                    if answer:
                        s.sendall(answer)
                if answer is None:
                    poll.unregister(s)
                    s.close()
                    del streams[s]
                else:
                    streams[s] = [buf, session]
        if time.monotonic() >= due and peer:
            due = time.monotonic() + 0.1
            for link in target.io.values():
                link[3] += 1
                ASSEMBLY[link[1]][0] = link[3] & 0xFF
                data = struct.pack("<H", link[3] & 0xFFFF) + bytes(ASSEMBLY[link[1]])
                address = struct.pack("<II", link[0], link[3])
                io.sendto(items((0x8002, address), (0xB1, data)), (peer[0], 2222))


if __name__ == "__main__":
    main()
