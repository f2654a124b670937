"""Packets as bytes, with right checksums, and captures of them."""

import ipaddress
import struct

MARK = b"KDBN"
TCP, UDP, ICMP, ICMP6, SCTP = 6, 17, 1, 58, 132


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src, dst, proto, n):
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, proto, n)
    return src + dst + struct.pack("!IHBB", n, 0, 0, proto)


def ip(src, dst, proto, body, ttl=64):
    """An IP packet of bytes; addresses as text."""
    s, d = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    if len(s) == 4:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, ttl, proto, 0, s, d)
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body
    return struct.pack("!IHBB16s16s", 6 << 28, len(body), proto, ttl, s, d) + body


def payload(number):
    return MARK + struct.pack("!I", number)


def tcp(src, dst, sport, dport, flags=2, seq=1, ack=0, data=b""):
    s, d = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    body = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 8192, 0, 0) + data
    c = checksum(pseudo(s, d, TCP, len(body)) + body)
    return ip(src, dst, TCP, body[:16] + struct.pack("!H", c) + body[18:])


def udp(src, dst, sport, dport, data=b""):
    s, d = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    body = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    c = checksum(pseudo(s, d, UDP, len(body)) + body) or 0xFFFF
    return ip(src, dst, UDP, body[:6] + struct.pack("!H", c) + body[8:])


def icmp(src, dst, kind, code=0, rest=b"\0\0\0\0", data=b""):
    """ICMP, or ICMPv6 between IPv6 addresses; rest: the second four bytes of the header."""
    s, d = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    body = struct.pack("!BBH", kind, code, 0) + rest + data
    proto = ICMP if len(s) == 4 else ICMP6
    c = checksum((pseudo(s, d, proto, len(body)) if proto == ICMP6 else b"") + body)
    return ip(src, dst, proto, body[:2] + struct.pack("!H", c) + body[4:], ttl=255 if 133 <= kind <= 137 else 64)


def ether(packet, dst, src):
    return dst + src + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet


def pcap(frames, at=1_700_000_000):
    """at: seconds since 1970; the packets come a microsecond apart."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)]
    for n, f in enumerate(frames):
        out.append(struct.pack("<IIII", int(at) + n // 1000000, n % 1000000, len(f), len(f)) + f)
    return b"".join(out)
