#!/usr/bin/env python3
"""The factory that pcaps/make/factory.py builds from a policy: everybody reaches everybody, each
packet is recorded once with its sender's MAC, nothing else is, and nothing is left behind."""

import ipaddress
import os
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "pcaps", "make"), os.path.join(ROOT, "tests")]
try:
    import capture_edit
    import stacks
    from factory import Factory, Skip, need
except ImportError as e:
    print(f"SKIP: {e}")
    sys.exit(77)

POLICY = """
variables: {net: 10.50}
zones:
  wan:    {level: external, networks: [any]}
  plant:  {level: control, networks: ["${net}.0.0/16", "fd00:50::/64", 239.1.0.0/16]}
  press:  {level: control, networks: [10.50.7.0/24], inside: plant}
  office: {level: information, networks: [10.10.0.0/16, "fd00:10::/64"]}
assets:
  plc-1:   {zone: plant, addresses: [10.50.0.11, "fd00:50::11"], mac: "00:80:f4:01:02:03"}
  plc-2:   {zone: plant, address: 10.50.0.12}
  camera:  {zone: plant, mac: "02:00:00:12:34:56"}
  press-1: {zone: press, address: 10.50.7.5}
  pc-1:    {zone: office, addresses: [10.10.0.5, "fd00:10::5"]}
  gateway: {zone: plant, address: 10.50.0.254, role: router}
"""
PINGS = [  # who, whom
    ("pc-1", "plc-1"), ("plc-1", "press-1"), ("press-1", "plc-2"), ("plc-1", "plc-2"), ("camera", "pc-1"),
    ("pc-1", "outside"), ("outside", "camera"), ("pc-1", "fd00:50::11"), ("outside", "fd00:10::5"),
]


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        policy, capture = os.path.join(folder, "policy.yaml"), os.path.join(folder, "out.pcap")
        with open(policy, "w", encoding="ascii") as out:
            out.write(POLICY)
        try:
            need("ping", "nft")
            f = Factory(policy)
        except Skip as e:
            print(f"SKIP: {e}")
            return 77
        with f:
            f.guest("outside", "wan", ["203.0.113.9", "2001:db8::9"])
            f.guest("camera", "plant", "10.50.0.77", mac=f.hosts["camera"].mac)
            macs = {str(a): f.host(n).mac for n in f.hosts for a in f.hosts[n].addresses}
            f.record()
            for who, whom in PINGS:
                if " 1 received" not in stacks.ping(f, who, whom, 1):
                    wrong.append(f"{who} does not reach {whom}")
            f.write(capture)
            prefix = f.prefix
        echoes = []
        for frame in capture_edit.read(capture).frames:
            d = frame.data
            kind = d[12:14].hex()
            if kind == "0800" and d[23] == 1:
                echoes.append((".".join(map(str, d[26:30])), bytes(d)))
            elif kind == "86dd" and d[54] in (128, 129):
                echoes.append((str(ipaddress.ip_address(bytes(d[22:38]))), bytes(d)))
            elif kind != "0806" and not (kind == "86dd" and d[54] in (135, 136)):
                wrong.append(f"nobody was asked to send {d.hex()}")
        if len(echoes) != 2 * len(PINGS):
            wrong.append(f"{len(echoes)} packets recorded, not {2 * len(PINGS)}")
        for source, d in echoes:
            if d[6:12].hex(":") != macs[source]:
                wrong.append(f"{source} was recorded with MAC {d[6:12].hex(':')}, not {macs[source]}")
        if any(n.startswith(prefix) for n in os.listdir("/run/netns")):
            wrong.append("namespaces were left behind")
    print("\n".join(wrong) or "good")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
