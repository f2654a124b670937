"""Edits captures for tests: the one place that knows how to bend a good capture.

A case names a capture of a real implementation and the edits that turn it into what a mirror
port, a bad network or an attacker would make of it. Each edit below is one function, documented
by its first line; tests/README.md lists them. Frame numbers count from 1 at the time of the
edit. Lengths and checksums of every frame that an edit touches are made right again, unless the
edit is there to spoil them.
"""

import ctypes
import gzip
import struct

ETHER, NULL, RAW, SLL, SLL2 = 1, 0, 101, 113, 276
IP4, IP6 = 0x0800, 0x86DD
TCP, UDP = 6, 17
SYN, FIN, RST = 2, 1, 4
SERVER_PORTS = (502, 802, 1883, 8883, 44818, 2222, 443)


class Frame:
    """One captured frame: time in ns, bytes, and how long it was on the wire."""

    def __init__(self, time, data, wirelen=None):
        self.time = time
        self.data = bytearray(data)
        self.wirelen = len(data) if wirelen is None else wirelen


class Capture:
    """The frames of a file, their link type, and how the file is to be written."""

    def __init__(self, frames, link):
        self.frames = frames
        self.link = link
        self.nano = False
        self.order = "<"
        self.pcapng = False
        self.cut = None
        self.pack = None


def read(path):
    """Reads a pcap file (either byte order, micro- or nanoseconds)."""
    with open(path, "rb") as f:
        blob = f.read()
    for order in "<>":
        magic = struct.unpack_from(order + "I", blob)[0]
        if magic in (0xA1B2C3D4, 0xA1B23C4D):
            break
    else:
        raise ValueError(f"{path}: not a pcap file (edits read pcap only)")
    unit = 1 if magic == 0xA1B23C4D else 1000
    link = struct.unpack_from(order + "I", blob, 20)[0] & 0xFFFF
    frames, at = [], 24
    while at + 16 <= len(blob):
        sec, sub, cap, wire = struct.unpack_from(order + "IIII", blob, at)
        at += 16
        frames.append(Frame(sec * 10**9 + sub * unit, blob[at : at + cap], wire))
        at += cap
    return Capture(frames, link)


def _pcapng_block(kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def encode(cap):
    """The bytes of the file."""
    out = []
    if cap.pcapng:
        out.append(_pcapng_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        options = struct.pack("<HHB3x", 9, 1, 9) + struct.pack("<HH", 0, 0)
        out.append(_pcapng_block(1, struct.pack("<HHI", cap.link, 0, 262144) + options))
        for f in cap.frames:
            head = struct.pack("<IIIII", 0, f.time >> 32, f.time & 0xFFFFFFFF, len(f.data), f.wirelen)
            out.append(_pcapng_block(6, head + bytes(f.data)))
    else:
        magic, unit = (0xA1B23C4D, 1) if cap.nano else (0xA1B2C3D4, 1000)
        out.append(struct.pack(cap.order + "IHHiIII", magic, 2, 4, 0, 0, 262144, cap.link))
        for f in cap.frames:
            sec, sub = divmod(f.time, 10**9)
            out.append(struct.pack(cap.order + "IIII", sec, sub // unit, len(f.data), f.wirelen))
            out.append(bytes(f.data))
    blob = b"".join(out)
    if cap.cut is not None:
        blob = blob[: cap.cut]
    if cap.pack == "gzip":
        blob = gzip.compress(blob, mtime=0)
    elif cap.pack == "zstd":
        blob = _zstd(blob)
    return blob


def _zstd(blob):
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
    room = lib.ZSTD_compressBound(ctypes.c_size_t(len(blob)))
    out = ctypes.create_string_buffer(room)
    n = lib.ZSTD_compress(out, ctypes.c_size_t(room), blob, ctypes.c_size_t(len(blob)), 3)
    return out.raw[:n]


# ---- layers -----------------------------------------------------------------------------------


class Layers:
    """Where the headers of a frame are; None when it is not IP with TCP or UDP."""

    def __init__(self, link, data):
        self.ok = False
        self.l3 = {ETHER: 14, NULL: 4, RAW: 0, SLL: 16, SLL2: 20}.get(link)
        if self.l3 is None or len(data) < self.l3 + 20:
            return
        if link == ETHER:
            kind = struct.unpack_from(">H", data, 12)[0]
            while kind in (0x8100, 0x88A8) and len(data) >= self.l3 + 24:
                kind = struct.unpack_from(">H", data, self.l3 + 2)[0]
                self.l3 += 4
            if kind not in (IP4, IP6):
                return
        self.v6 = data[self.l3] >> 4 == 6
        if self.v6:
            self.proto, self.l4 = data[self.l3 + 6], self.l3 + 40
            self.end = self.l3 + 40 + struct.unpack_from(">H", data, self.l3 + 4)[0]
            self.addr = bytes(data[self.l3 + 8 : self.l3 + 24]), bytes(data[self.l3 + 24 : self.l3 + 40])
        elif data[self.l3] >> 4 == 4:
            self.proto, self.l4 = data[self.l3 + 9], self.l3 + (data[self.l3] & 15) * 4
            self.end = self.l3 + struct.unpack_from(">H", data, self.l3 + 2)[0]
            self.addr = bytes(data[self.l3 + 12 : self.l3 + 16]), bytes(data[self.l3 + 16 : self.l3 + 20])
            if struct.unpack_from(">H", data, self.l3 + 6)[0] & 0x3FFF:
                return
        else:
            return
        if self.end > len(data) or self.proto not in (TCP, UDP) or self.l4 + 8 > self.end:
            return
        self.port = struct.unpack_from(">HH", data, self.l4)
        if self.proto == TCP:
            if self.l4 + 20 > self.end:
                return
            self.body = self.l4 + (data[self.l4 + 12] >> 4) * 4
            self.seq, self.ack = struct.unpack_from(">II", data, self.l4 + 4)
            self.flags = data[self.l4 + 13]
        else:
            self.body, self.flags = self.l4 + 8, 0
        self.len = self.end - self.body
        self.ok = self.len >= 0
        self.way = (self.addr[0], self.port[0], self.addr[1], self.port[1], self.proto)
        self.back = (self.addr[1], self.port[1], self.addr[0], self.port[0], self.proto)


def _sum(data):
    if len(data) % 2:
        data = bytes(data) + b"\0"
    s = sum(struct.unpack(f">{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def _finish(cap, f, resized=False):
    """Checksums of a frame right again, and its lengths when it was resized; padding goes."""
    lay = _resized(cap, f) if resized else Layers(cap.link, f.data)
    if not lay.ok:
        return
    d = f.data
    if not resized:
        del d[lay.end :]
    if lay.v6:
        struct.pack_into(">H", d, lay.l3 + 4, len(d) - lay.l3 - 40)
    else:
        struct.pack_into(">H", d, lay.l3 + 2, len(d) - lay.l3)
        struct.pack_into(">H", d, lay.l3 + 10, 0)
        struct.pack_into(">H", d, lay.l3 + 10, _sum(d[lay.l3 : lay.l4]))
    if lay.proto == UDP:
        struct.pack_into(">H", d, lay.l4 + 4, len(d) - lay.l4)
    at = lay.l4 + (16 if lay.proto == TCP else 6)
    struct.pack_into(">H", d, at, 0)
    pseudo = b"".join(lay.addr) + struct.pack(">IBBH", len(d) - lay.l4, 0, 0, lay.proto)
    struct.pack_into(">H", d, at, _sum(pseudo + d[lay.l4 :]) or 0xFFFF)
    f.wirelen = len(d)


def _resized(cap, f):
    """Layers of a frame whose network header does not know its new length yet."""
    d = bytearray(f.data)
    l3 = Layers(cap.link, d).l3
    if d[l3] >> 4 == 4:
        struct.pack_into(">H", d, l3 + 2, len(d) - l3)
    else:
        struct.pack_into(">H", d, l3 + 4, len(d) - l3 - 40)
    return Layers(cap.link, d)


def _payload(cap, f):
    lay = Layers(cap.link, f.data)
    return bytes(f.data[lay.body : lay.end]) if lay.ok else b""


def _with_payload(cap, f, payload, seq=None):
    lay = _need(cap, f)
    new = Frame(f.time, f.data[: lay.body] + payload)
    if seq is not None and lay.proto == TCP:
        struct.pack_into(">I", new.data, lay.l4 + 4, seq & 0xFFFFFFFF)
    _finish(cap, new, resized=True)
    return new


def _need(cap, f):
    lay = Layers(cap.link, f.data)
    if not lay.ok:
        raise ValueError("this edit needs a whole TCP or UDP packet")
    return lay


def _shift(cap, index, way, back, delta):
    """From frames[index] on, the bytes of `way` are delta further; the other side acknowledges so."""
    for f in cap.frames[index:]:
        lay = Layers(cap.link, f.data)
        if not lay.ok or lay.proto != TCP or lay.way not in (way, back):
            continue
        at, val = (4, lay.seq) if lay.way == way else (8, lay.ack)
        struct.pack_into(">I", f.data, lay.l4 + at, (val + delta) & 0xFFFFFFFF)
        _finish(cap, f)


def _list(spec, count):
    """all, 3, [1, 4], "5-9", ["1-3", 7] as indices from 0."""
    if spec in ("all", True):
        return list(range(count))
    out = []
    for part in spec if isinstance(spec, list) else [spec]:
        first, _, last = str(part).partition("-")
        last = last or first
        out += range(int(first) - 1, (count if last == "end" else int(last)))
    return [i for i in out if 0 <= i < count]


def _server_way(cap, f):
    """True when the frame was sent by the server: by SYN of its connection, else by port."""
    lay = Layers(cap.link, f.data)
    if not lay.ok:
        return None
    for g in cap.frames:
        other = Layers(cap.link, g.data)
        if other.ok and other.flags & 0x12 == SYN and other.way in (lay.way, lay.back):
            return lay.way != other.way
    if (lay.port[0] in SERVER_PORTS) != (lay.port[1] in SERVER_PORTS):
        return lay.port[0] in SERVER_PORTS
    return lay.port[0] < lay.port[1]


# ---- edits: which frames there are ------------------------------------------------------------


def keep(cap, spec):
    """Only these frames."""
    chosen = set(_list(spec, len(cap.frames)))
    cap.frames = [f for i, f in enumerate(cap.frames) if i in chosen]


def drop(cap, spec):
    """All but these frames."""
    chosen = set(_list(spec, len(cap.frames)))
    cap.frames = [f for i, f in enumerate(cap.frames) if i not in chosen]


def duplicate(cap, spec):
    """A copy directly behind each of these frames, 1 us later (a mirror of both ports)."""
    chosen, out = set(_list(spec, len(cap.frames))), []
    for i, f in enumerate(cap.frames):
        out.append(f)
        if i in chosen:
            out.append(Frame(f.time + 1000, f.data, f.wirelen))
    cap.frames = out


def swap(cap, spec):
    """Two frames change places; the times stay in order."""
    a, b = (n - 1 for n in spec)
    cap.frames[a], cap.frames[b] = cap.frames[b], cap.frames[a]
    cap.frames[a].time, cap.frames[b].time = cap.frames[b].time, cap.frames[a].time


def reorder(cap, spec):
    """Two neighbouring payloads of one direction change places, wherever two stand together; the
    times stay in order."""
    chosen, i = set(_list(spec, len(cap.frames))), 0
    while i + 1 < len(cap.frames):
        a, b = (Layers(cap.link, f.data) for f in cap.frames[i : i + 2])
        if i in chosen and a.ok and b.ok and a.way == b.way and a.len and b.len:
            swap(cap, [i + 1, i + 2])
            i += 1
        i += 1


def begin_at(cap, side):
    """The capture begins with the first payload of this side: client or server."""
    for i, f in enumerate(cap.frames):
        if _payload(cap, f) and _server_way(cap, f) == (side == "server"):
            cap.frames = cap.frames[i:]
            return
    raise ValueError("no payload of the " + side)


def only_from(cap, side):
    """One direction only: client, server, or an IPv4 address."""
    if side in ("client", "server"):
        kept = [f for f in cap.frames if _server_way(cap, f) == (side == "server")]
    else:
        want = bytes(int(x) for x in side.split("."))
        kept = [f for f in cap.frames if (lay := Layers(cap.link, f.data)).ok and lay.addr[0] == want]
    cap.frames = kept


def no_handshake(cap, _):
    """Without SYN and SYN-ACK: the connection is older than the capture."""
    cap.frames = [f for f in cap.frames if not (lay := Layers(cap.link, f.data)).ok or not lay.flags & SYN]


def no_acks(cap, _):
    """Without segments that only acknowledge."""

    def pure(f):
        lay = Layers(cap.link, f.data)
        return lay.ok and lay.proto == TCP and not lay.len and not lay.flags & (SYN | FIN | RST)

    cap.frames = [f for f in cap.frames if not pure(f)]


def shift_time(cap, spec):
    """Frames from `from` on are `ms` later (or earlier)."""
    for f in cap.frames[spec["from"] - 1 :]:
        f.time += int(spec["ms"] * 10**6)


# ---- edits: payloads --------------------------------------------------------------------------


def payload(cap, spec):
    """{frame, hex}: the payload of a frame replaced; later sequence numbers follow."""
    i = spec["frame"] - 1
    _replace(cap, i, bytes.fromhex(spec["hex"]))


def _replace(cap, i, new):
    f = cap.frames[i]
    lay = _need(cap, f)
    cap.frames[i] = _with_payload(cap, f, new)
    if lay.proto == TCP and len(new) != lay.len:
        _shift(cap, i + 1, lay.way, lay.back, len(new) - lay.len)


def set_bytes(cap, spec):
    """{frame, offset, hex}: bytes of the payload overwritten."""
    i, at, new = spec["frame"] - 1, spec["offset"], bytes.fromhex(spec["hex"])
    old = _payload(cap, cap.frames[i])
    if at + len(new) > len(old):
        raise ValueError(f"frame {spec['frame']} has only {len(old)} bytes of payload")
    _replace(cap, i, old[:at] + new + old[at + len(new) :])


def raw(cap, spec):
    """{frame, offset, hex}: bytes of the whole frame overwritten; nothing is put right after it."""
    f, at, new = cap.frames[spec["frame"] - 1], spec["offset"], bytes.fromhex(spec["hex"])
    if at + len(new) > len(f.data):
        raise ValueError(f"frame {spec['frame']} has only {len(f.data)} bytes")
    f.data = f.data[:at] + new + f.data[at + len(new) :]


def insert_payload(cap, spec):
    """{frame, offset, hex}: bytes put into the payload; offset default: its end."""
    i = spec["frame"] - 1
    old = _payload(cap, cap.frames[i])
    at = spec.get("offset", len(old))
    _replace(cap, i, old[:at] + bytes.fromhex(spec["hex"]) + old[at:])


def cut_payload(cap, spec):
    """{frame, offset, length}: bytes taken out of the payload."""
    i = spec["frame"] - 1
    old = _payload(cap, cap.frames[i])
    _replace(cap, i, old[: spec["offset"]] + old[spec["offset"] + spec["length"] :])


def insert(cap, spec):
    """{after, like, hex, seq}: a new packet behind frame `after`, headers as frame `like`. It is the
    next of its direction, or with `seq: same` takes the very place of `like` in the stream."""
    at = spec["after"]
    model, data = cap.frames[spec["like"] - 1], bytes.fromhex(spec["hex"])
    lay = _need(cap, model)
    seq, same = None, spec.get("seq") == "same"
    if lay.proto == TCP and not same:
        seq = lay.seq
        for f in cap.frames[:at]:
            o = Layers(cap.link, f.data)
            if o.ok and o.way == lay.way:
                seq = o.seq + o.len + (1 if o.flags & (SYN | FIN) else 0)
    new = _with_payload(cap, model, data, seq)
    new.time = cap.frames[at - 1].time + 1000 if at else cap.frames[0].time
    if lay.proto == TCP and not same:
        _shift(cap, at, lay.way, lay.back, len(data))
    cap.frames.insert(at, new)


def split(cap, spec):
    """{frame, at}: one TCP segment becomes two; frame may be `all`; at: bytes in the first."""
    out, chosen = [], set(_list(spec["frame"], len(cap.frames)))
    for i, f in enumerate(cap.frames):
        lay = Layers(cap.link, f.data)
        if i not in chosen or not lay.ok or lay.proto != TCP or lay.len <= spec["at"]:
            out.append(f)
            continue
        body = _payload(cap, f)
        out.append(_with_payload(cap, f, body[: spec["at"]], lay.seq))
        rest = _with_payload(cap, f, body[spec["at"] :], lay.seq + spec["at"])
        rest.time += 1000
        out.append(rest)
    cap.frames = out


def merge(cap, spec):
    """Several frames' payloads of one direction in the first of them."""
    chosen = _list(spec, len(cap.frames))
    first = cap.frames[chosen[0]]
    lay = _need(cap, first)
    if any(_need(cap, cap.frames[i]).way != lay.way for i in chosen):
        raise ValueError("merge: frames of one direction only")
    body = b"".join(_payload(cap, cap.frames[i]) for i in chosen)
    cap.frames[chosen[0]] = _with_payload(cap, first, body)
    gone = set(chosen[1:])
    cap.frames = [f for i, f in enumerate(cap.frames) if i not in gone]


def udp(cap, _):
    """Each TCP payload as a UDP datagram; segments without payload go."""
    out = []
    for f in cap.frames:
        lay = Layers(cap.link, f.data)
        if not lay.ok or lay.proto != TCP or not lay.len:
            continue
        new = Frame(f.time, f.data[: lay.l4] + struct.pack(">HHHH", *lay.port, 0, 0) + _payload(cap, f))
        new.data[lay.l3 + (6 if lay.v6 else 9)] = UDP
        _finish(cap, new, resized=True)
        out.append(new)
    cap.frames = out


# ---- edits: headers ---------------------------------------------------------------------------


def corrupt_checksum(cap, spec):
    """The transport checksum is wrong, as offloading leaves it."""
    for i in _list(spec, len(cap.frames)):
        f = cap.frames[i]
        lay = Layers(cap.link, f.data)
        if lay.ok:
            f.data[lay.l4 + (16 if lay.proto == TCP else 6)] ^= 0x55


def port(cap, spec):
    """{from, to}: a port number rewritten, wherever it stands."""
    for f in cap.frames:
        lay = Layers(cap.link, f.data)
        if lay.ok:
            for side in 0, 1:
                if lay.port[side] == spec["from"]:
                    struct.pack_into(">H", f.data, lay.l4 + 2 * side, spec["to"])
            _finish(cap, f)


def address(cap, spec):
    """{from, to}: an IPv4 address rewritten, wherever it stands."""
    old, new = (bytes(int(x) for x in spec[k].split(".")) for k in ("from", "to"))
    for f in cap.frames:
        lay = Layers(cap.link, f.data)
        if lay.ok and not lay.v6 and old in lay.addr:
            for side in 0, 1:
                if lay.addr[side] == old:
                    f.data[lay.l3 + 12 + 4 * side : lay.l3 + 16 + 4 * side] = new
            _finish(cap, f)


def ipv6(cap, _):
    """IPv4 becomes IPv6, a.b.c.d becomes fd00::a.b.c.d."""
    for f in cap.frames:
        lay = Layers(cap.link, f.data)
        if not lay.ok or lay.v6:
            continue
        head = struct.pack(">IHBB", 6 << 28, lay.end - lay.l4, lay.proto, 64)
        head += b"".join(b"\xfd" + b"\0" * 11 + a for a in lay.addr)
        f.data = f.data[: lay.l3] + head + f.data[lay.l4 : lay.end]
        if cap.link == ETHER:
            struct.pack_into(">H", f.data, lay.l3 - 2, IP6)
        _finish(cap, f, resized=True)


def fragment(cap, spec):
    """{frame, size, order, overlap}: IP fragments of `size` bytes (a multiple of 8); frame may be
    `all`; order: reversed; overlap: bytes (a multiple of 8) each fragment repeats."""
    size, back, out = spec["size"], spec.get("overlap", 0), []
    chosen = set(_list(spec["frame"], len(cap.frames)))
    for i, f in enumerate(cap.frames):
        lay = Layers(cap.link, f.data)
        if i not in chosen or not lay.ok or lay.end - lay.l4 <= size:
            out.append(f)
            continue
        body, parts, at = bytes(f.data[lay.l4 : lay.end]), [], 0
        while at < len(body):
            start = max(0, at - back)
            piece, more = body[start : at + size], at + size < len(body)
            parts.append(_piece(f, lay, i, start, piece, more))
            at += size
        if spec.get("order") == "reversed":
            parts.reverse()
        for n, p in enumerate(parts):
            p.time = f.time + n * 1000
        out += parts
    cap.frames = out


def _piece(f, lay, ident, start, piece, more):
    head = bytearray(f.data[: lay.l3 + (40 if lay.v6 else lay.l4 - lay.l3)])
    if lay.v6:
        head[lay.l3 + 6] = 44
        struct.pack_into(">H", head, lay.l3 + 4, len(piece) + 8)
        head += struct.pack(">BBHI", lay.proto, 0, start | more, 0x4B000000 + ident)
    else:
        struct.pack_into(">HHH", head, lay.l3 + 2, lay.l4 - lay.l3 + len(piece), 0x4B00 + ident & 0xFFFF,
                         start // 8 | (0x2000 if more else 0))
        struct.pack_into(">H", head, lay.l3 + 10, 0)
        struct.pack_into(">H", head, lay.l3 + 10, _sum(head[lay.l3 :]))
    return Frame(f.time, head + piece)


# ---- edits: links and tunnels -----------------------------------------------------------------

OUTER_ETHER = bytes.fromhex("0200000000020200000000010800")


def _outer(proto, inner, n):
    head = bytearray(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(inner), n & 0xFFFF, 0, 64, proto, 0,
                                 bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))))
    struct.pack_into(">H", head, 10, _sum(head))
    return OUTER_ETHER + bytes(head) + inner


def _outer_udp(to, inner, n):
    return _outer(UDP, struct.pack(">HHHH", 49152 + n % 1000, to, 8 + len(inner), 0) + inner, n)


def _tag(kind, vid, d):
    return d[:12] + struct.pack(">HH", kind, vid) + d[12:]


# GRE: RFC 2784, 2890. ERSPAN: draft-foschiano-erspan-03. VXLAN: RFC 7348. TZSP: 0x2525.
WRAPS = {
    "vlan": lambda d, n: _tag(0x8100, 100, d),
    "qinq": lambda d, n: _tag(0x88A8, 200, _tag(0x8100, 100, d)),
    "gre": lambda d, n: _outer(47, struct.pack(">HH", 0, 0x6558) + d, n),
    "gre-ip": lambda d, n: _outer(47, struct.pack(">HH", 0, 0x0800) + d[14:], n),
    "gre-key": lambda d, n: _outer(47, struct.pack(">HHI", 0x2000, 0x6558, 7) + d, n),
    "ipip": lambda d, n: _outer(4, d[14:], n),
    "erspan1": lambda d, n: _outer(47, struct.pack(">HH", 0, 0x88BE) + d, n),
    "erspan2": lambda d, n: _outer(47, struct.pack(">HHIII", 0x1000, 0x88BE, n, 0x10640001, 1) + d, n),
    "erspan3": lambda d, n: _outer(47, struct.pack(">HHIIIHH", 0x1000, 0x22EB, n, 0x20640001, n, 0, 0) + d, n),
    "vxlan": lambda d, n: _outer_udp(4789, struct.pack(">II", 0x08000000, 42 << 8) + d, n),
    "tzsp": lambda d, n: _outer_udp(37008, bytes.fromhex("0100000101") + d, n),
}


def wrap(cap, kind):
    """Each Ethernet frame inside vlan, qinq, gre, gre-ip, gre-key, ipip, erspan1, erspan2, erspan3,
    vxlan or tzsp; a list wraps several times, the first innermost."""
    if cap.link != ETHER:
        raise ValueError("wrap needs Ethernet")
    for one in kind if isinstance(kind, list) else [kind]:
        for n, f in enumerate(cap.frames):
            data = WRAPS[one](bytes(f.data), n)
            f.wirelen += len(data) - len(f.data)
            f.data = bytearray(data)


def link(cap, kind):
    """Another link layer: cooked-v1, cooked-v2, raw, null, llc-snap."""
    if cap.link != ETHER:
        raise ValueError("link needs Ethernet")
    for f in cap.frames:
        dst, src, eth, rest = f.data[:6], f.data[6:12], f.data[12:14], f.data[14:]
        if kind == "cooked-v1":
            data = struct.pack(">HHH", 0, 1, 6) + src + b"\0\0" + eth + rest
        elif kind == "cooked-v2":
            data = eth + struct.pack(">HIHBB", 0, 2, 1, 0, 6) + src + b"\0\0" + rest
        elif kind == "raw":
            data = rest
        elif kind == "null":
            data = struct.pack("<I", 10 if eth == b"\x86\xdd" else 2) + rest
        elif kind == "llc-snap":
            snap = b"\xaa\xaa\x03\0\0\0" + eth + rest
            data = dst + src + struct.pack(">H", len(snap)) + snap
        else:
            raise ValueError(f"link: no {kind}")
        f.wirelen += len(data) - len(f.data)
        f.data = bytearray(data)
    cap.link = {"cooked-v1": SLL, "cooked-v2": SLL2, "raw": RAW, "null": NULL, "llc-snap": ETHER}[kind]
    if kind in ("raw", "null"):
        cap.frames = [f for f in cap.frames if len(f.data) > 24]


# ---- edits: the file --------------------------------------------------------------------------


def truncate_packets(cap, snaplen):
    """Captured with a short snap length."""
    for f in cap.frames:
        f.data = f.data[:snaplen]


def truncate_file(cap, size):
    """The file ends after so many bytes; negative: so many are missing."""
    cap.cut = size


def nanosecond(cap, _):
    """Nanosecond time stamps."""
    cap.nano = True


def big_endian(cap, _):
    """The other byte order."""
    cap.order = ">"


def pcapng(cap, _):
    """Written as pcapng."""
    cap.pcapng = True


def compress(cap, kind):
    """gzip or zstd."""
    cap.pack = kind


EDITS = {
    name.replace("_", "-"): globals()[name]
    for name in (
        "keep drop duplicate swap reorder begin_at only_from no_handshake no_acks shift_time payload raw "
        "insert_payload cut_payload insert split merge udp corrupt_checksum port address ipv6 "
        "fragment wrap link truncate_packets truncate_file nanosecond big_endian pcapng compress"
    ).split()
}
EDITS["set"] = set_bytes


def apply(cap, edits):
    """Applies a list of one-key maps, in order."""
    for e in edits:
        for name, spec in e.items() if isinstance(e, dict) else [(e, True)]:
            if name not in EDITS:
                raise ValueError(f"no edit '{name}'; there are: {', '.join(sorted(EDITS))}")
            EDITS[name](cap, spec)
    return cap
