#!/usr/bin/env python3
"""Writes country.mmdb and asn.mmdb: tiny databases for tests and examples, nothing real in them.

usage: make_mmdb.py [FOLDER]     (default: beside this script)

The addresses are those kept for documentation (RFC 5737, RFC 3849), the AS numbers too (RFC 5398).
The format is MaxMind DB 2.0 (https://maxmind.github.io/MaxMind-DB/): a binary tree over the bits of
the address with records of 24 bits, the data it points to, and the metadata.
"""
import ipaddress
import pathlib
import sys

COUNTRY = [
    ("192.0.2.0/24", "JP"),
    ("198.51.100.0/24", "US"),
    ("203.0.113.0/25", "JP"),
    ("203.0.113.128/25", "DE"),
    ("2001:db8::/33", "JP"),
    ("2001:db8:8000::/33", "US"),
]
ASN = [
    ("192.0.2.0/24", 64496, "Example Cloud K.K."),
    ("198.51.100.0/24", 64497, "Sample Hosting Inc."),
    ("203.0.113.0/24", 64498, "Example Maintenance GmbH"),
    ("2001:db8::/32", 64499, "Example Net K.K."),
]
UINT16, UINT32, MAP, UINT64, ARRAY = 5, 6, 7, 9, 11


def control(kind, size):
    extra = b""
    if size >= 29:
        assert size < 29 + 256
        extra = bytes([size - 29])
        size = 29
    if kind > 7:
        return bytes([size, kind - 7]) + extra
    return bytes([kind << 5 | size]) + extra


def number(kind, n):
    raw = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return control(kind, len(raw)) + raw


def value(v):
    if isinstance(v, str):
        raw = v.encode()
        return control(2, len(raw)) + raw
    if isinstance(v, dict):
        return control(MAP, len(v)) + b"".join(value(k) + value(x) for k, x in v.items())
    if isinstance(v, list):
        return control(ARRAY, len(v)) + b"".join(map(value, v))
    if isinstance(v, tuple):
        return number(*v)
    return number(UINT32, v)


def database(kind, rows):
    nodes = [[None, None]]  # each side: a node's number, ("data", offset), or nothing
    data = b""
    for prefix, record in rows:
        net = ipaddress.ip_network(prefix)
        bits = net.prefixlen + (96 if net.version == 4 else 0)
        addr = int(net.network_address)
        at = 0
        for i in range(bits - 1):
            side = addr >> (127 - i) & 1
            if nodes[at][side] is None:
                nodes[at][side] = len(nodes)
                nodes.append([None, None])
            at = nodes[at][side]
        nodes[at][addr >> (128 - bits) & 1] = ("data", len(data))
        data += value(record)
    tree = b""
    for node in nodes:
        for side in node:
            n = len(nodes) if side is None else side
            if isinstance(n, tuple):
                n = len(nodes) + 16 + n[1]
            tree += n.to_bytes(3, "big")
    meta = {
        "node_count": (UINT32, len(nodes)),
        "record_size": (UINT16, 24),
        "ip_version": (UINT16, 6),
        "database_type": kind,
        "languages": ["en"],
        "binary_format_major_version": (UINT16, 2),
        "binary_format_minor_version": (UINT16, 0),
        "build_epoch": (UINT64, 1767225600),
        "description": {"en": "for tests and examples; nothing real"},
    }
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + value(meta)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    country = [(net, {"country": {"iso_code": code}}) for net, code in COUNTRY]
    asn = [
        (net, {"autonomous_system_number": n, "autonomous_system_organization": name})
        for net, n, name in ASN
    ]
    (folder / "country.mmdb").write_bytes(database("Test-Country", country))
    (folder / "asn.mmdb").write_bytes(database("Test-ASN", asn))


main()
