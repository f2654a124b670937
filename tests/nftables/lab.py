"""A router in a network namespace, with one end on each side that can send and hear any packet.

        end namespace           router namespace
    c1 ---------------------- c0   forward hook: the ruleset under test
    s1 ---------------------- s0

What comes in at c0 is routed out at s0 and the other way round, whatever its addresses: each side
has one neighbour with a fixed MAC. A packet carries its number in its last four bytes, so it is
known again on the other side.
"""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from netns import Namespace

MARK = b"KDBN"
C0, C1, S0, S1 = (bytes([2, 0, 0, 0, 0, n]) for n in (0xC0, 0xC1, 0x50, 0x51))
ETH_P_ALL = 3
ARP = b"\x08\x06"


def missing():
    """Why it cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    for tool in ("nft", "ip"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    probe = Namespace("probe")
    try:
        probe.run("nft", "add table inet probe; add chain inet probe f { type filter hook forward priority 0; }")
        probe.run("nft", "add rule inet probe f ct original ip saddr 10.0.0.1 counter")
        probe.run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
    except subprocess.CalledProcessError as e:
        return f"the kernel refuses: {e.stderr.strip().splitlines()[0] if e.stderr else e}"
    except OSError as e:
        return f"no network namespaces here: {e}"
    finally:
        probe.close()
    return None


def mac_text(mac):
    return ":".join(f"{b:02x}" for b in mac)


def tap(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    s.bind((name, 0))
    s.setblocking(False)
    return s


class Lab:
    def __init__(self):
        self.router, self.end = Namespace("router"), Namespace("end")
        r, e = self.router, self.end
        for a, b, mac, peer in (("c0", "c1", C0, C1), ("s0", "s1", S0, S1)):
            r.run("ip", "link", "add", a, "address", mac_text(mac), "type", "veth", "peer", "name", b, "address",
                  mac_text(peer), "netns", f"/proc/{os.getpid()}/fd/{e.fd}")
        settings = []
        for k in ("all", "default", "c0", "s0"):
            settings += [f"net.ipv4.conf.{k}.rp_filter=0", f"net.ipv4.conf.{k}.forwarding=1",
                         f"net.ipv4.conf.{k}.accept_local=1", f"net.ipv4.conf.{k}.send_redirects=0",
                         f"net.ipv6.conf.{k}.forwarding=1", f"net.ipv6.conf.{k}.accept_dad=0"]
        # every rejected client is told: no limit per peer, and none of the whole machine
        self.sysctl(r, settings + ["net.ipv4.icmp_ratelimit=0", "net.ipv4.icmp_ratemask=0",
                                   "net.ipv6.icmp.ratelimit=0", "net.ipv6.icmp.ratemask="])
        self.sysctl(e, ["net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"])
        e.run("sh", "-c", "ip link set c1 up; ip link set s1 up; ip link set c1 arp off; ip link set s1 arp off")
        for family, address, c, s in (("-4", "198.18.0.1/32", "198.18.255.1", "198.18.255.2"),
                                      ("-6", "2001:db8:ffff::1/128", "fe80::c1", "fe80::51")):
            r.run("ip", family, "-batch", "-", feed="\n".join([
                "link set lo up", "link set c0 up", "link set s0 up", f"addr add {address} dev c0",
                f"neigh add {c} lladdr {mac_text(C1)} dev c0 nud permanent",
                f"neigh add {s} lladdr {mac_text(S1)} dev s0 nud permanent",
                f"route add default via {s} dev s0 onlink", f"route add default via {c} dev c0 onlink table 100",
                "rule add iif s0 lookup 100",
                # what the router itself says (reject) goes back to where the packet came from
                "rule add iif lo lookup 100"]) + "\n")
        self.c1, self.s1 = e.call(lambda: (tap("c1"), tap("s1")))
        self.settle()

    @staticmethod
    def sysctl(ns, settings):
        ns.run("sysctl", "-q", "-w", *settings)

    def settle(self):
        for _ in range(100):
            state = self.end.run("ip", "-br", "link").stdout
            if all("UP" in line and "LOWER_UP" in line for line in state.splitlines() if "@" in line):
                return
            time.sleep(0.02)

    def load(self, ruleset, check=True):
        return self.router.run("nft", "-f", "-", feed=ruleset, check=check)

    def counters(self, table="kidoban"):
        """Packets by named counter."""
        listed = json.loads(self.router.run("nft", "-j", "list", "counters").stdout)["nftables"]
        return {c["counter"]["name"]: c["counter"]["packets"] for c in listed
                if "counter" in c and c["counter"]["table"] == table}

    @staticmethod
    def drain(tap_socket):
        frames = []
        while True:
            try:
                frames.append(tap_socket.recv(65535))
            except BlockingIOError:
                return frames

    patience = 0  # s that a program on the way may take, behind what the kernel does itself

    def exchange(self, frames, side="c"):
        """Sends the frames into one side. Returns the numbers that came out at the other, and all frames that the
        router sent back to the first."""
        out, back = (self.c1, self.s1) if side == "c" else (self.s1, self.c1)
        self.drain(out), self.drain(back)
        seen, answers, quiet = set(), [], 0
        for n, f in enumerate(frames):
            out.send(f)
            if n % 64 == 63:
                self.collect(back, seen)
        answers = self.caught_up(out) + self.caught_up(back, seen)
        deadline = time.monotonic() + self.patience
        while quiet < 3 or (len(seen) < len(frames) and time.monotonic() < deadline):
            before = len(seen)
            time.sleep(0.004)
            self.collect(back, seen)
            quiet = quiet + 1 if len(seen) == before else 0
        mine = C0 if side == "c" else S0
        answers = [f for f in answers + self.drain(out) if f[6:12] == mine and f[12:14] != ARP and not f[0] & 1]
        return seen, answers

    def caught_up(self, tap_socket, seen=None):
        """Waits until the router, however busy the machine is, has answered an ARP probe on this side: what it was
        sent before, it has handled. Returns what else came."""
        own = C1 if tap_socket is self.c1 else S1
        tap_socket.send(b"\xff" * 6 + own + ARP + bytes([0, 1, 8, 0, 6, 4, 0, 1]) + own + bytes(4) + bytes(6) +
                        socket.inet_aton("198.18.0.1"))
        frames, deadline = [], time.monotonic() + 10
        while time.monotonic() < deadline:
            for f in self.drain(tap_socket):
                if f[12:14] == ARP and f[20:22] == b"\0\2":
                    return frames
                frames.append(f)
                self.note(f, seen)
            time.sleep(0.001)
        raise RuntimeError("the router does not answer")

    def collect(self, back, seen):
        for f in self.drain(back):
            self.note(f, seen)

    @staticmethod
    def note(frame, seen):
        if seen is not None and frame[-8:-4] == MARK:
            seen.add(struct.unpack("!I", frame[-4:])[0])

    def close(self):
        self.c1.close()
        self.s1.close()
        self.router.close()
        self.end.close()
