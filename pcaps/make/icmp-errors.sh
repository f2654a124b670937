#!/bin/sh
# Makes icmp-errors.pcap: what a Linux host answers where nobody listens, over IPv4 and IPv6. A client
# asks a server on UDP 5000 (the port is closed, the server says so), the server answers a question to
# a port the client has closed meanwhile (now the client says so), the client asks on UDP 7000, and at
# last the server sends errors about connections that never were.
#
# Root, Debian packages: iproute2 tcpdump python3
set -eu
cd "$(dirname "$0")"
[ "$(id -u)" -eq 0 ] || { echo "needs root" >&2; exit 77; }
p=kdb$$
out=$PWD/../icmp-errors.pcap
trap 'for n in c r s; do ip netns del $p$n 2>/dev/null || true; done' EXIT

for n in c r s; do
	ip netns add $p$n
	ip netns exec $p$n sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.all.router_solicitations=0 net.ipv6.conf.default.router_solicitations=0 \
		net.ipv6.conf.all.addr_gen_mode=1 net.ipv6.conf.default.addr_gen_mode=1
done
ip netns exec $p'r' sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
join() { # HOST NET ADDRESS4 ADDRESS6
	ip -n ${p}r link add "to-$1" type veth peer name eth0 netns "$p$1"
	ip -n ${p}r addr add "10.$2.0.1/24" dev "to-$1"
	ip -n ${p}r addr add "fd00:$2::1/64" dev "to-$1" nodad
	ip -n "$p$1" addr add "10.$2.0.$3/24" dev eth0
	ip -n "$p$1" addr add "fd00:$2::$3/64" dev eth0 nodad
	ip -n ${p}r link set "to-$1" up
	ip -n "$p$1" link set eth0 up
	ip -n "$p$1" link set lo up
	ip -n "$p$1" route add default via "10.$2.0.1"
	ip -n "$p$1" route add default via "fd00:$2::1"
}
join c 40 5
join s 50 11
sleep 2
for n in c s; do # neighbours, and the first errors of a route
	ip netns exec "$p$n" ping -qc 1 -W 1 10.$([ $n = c ] && echo 50 || echo 40).0.$([ $n = c ] && echo 11 || echo 5) >/dev/null || true
	ip netns exec "$p$n" ping -qc 1 -W 1 fd00:$([ $n = c ] && echo 50::11 || echo 40::5) >/dev/null || true
done
ip netns exec ${p}r tcpdump -Uqn -i to-c -w "$out" '(udp or icmp or icmp6) and not (icmp6 and ip6[40] >= 130)' 2>/dev/null &
dump=$!
sleep 1
cat >/tmp/$p.py <<'END'
import socket
import struct
import sys

ME, PEER = {"c": (("10.40.0.5", "fd00:40::5"), ("10.50.0.11", "fd00:50::11")),
            "s": (("10.50.0.11", "fd00:50::11"), ("10.40.0.5", "fd00:40::5"))}[sys.argv[1]]


def udp(i, sport, dport):
    with socket.socket((socket.AF_INET, socket.AF_INET6)[i], socket.SOCK_DGRAM) as s:
        s.bind((ME[i], sport))
        s.sendto(b"is anybody there?", (PEER[i], dport))


def error(i):
    """Unreachable, about a TCP connection from there to here that never was."""
    src, dst = (socket.inet_pton((socket.AF_INET, socket.AF_INET6)[i], a) for a in (PEER[i], ME[i]))
    ports = struct.pack("!HHI", 40000, 443, 1)
    quoted = (struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 63, 6, 0) + src + dst if i == 0 else
              struct.pack("!IHBB", 6 << 28, 20, 6, 63) + src + dst) + ports
    with socket.socket((socket.AF_INET, socket.AF_INET6)[i], socket.SOCK_RAW, (1, 58)[i]) as s:
        body = bytes([(3, 1)[i], (3, 4)[i], 0, 0]) + bytes(4) + quoted
        if i == 0:
            total = sum(struct.unpack(f"!{len(body) // 2}H", body))
            total = (total & 0xFFFF) + (total >> 16)
            body = body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:]
        s.sendto(body, (PEER[i], 0))


for i in (0, 1):
    if sys.argv[2] == "error":
        error(i)
    else:
        udp(i, int(sys.argv[2]), int(sys.argv[3]))
END
on() {
	ip netns exec "$p$1" python3 /tmp/$p.py "$@"
	sleep 0.3
}
on c 5555 5000 # closed: the server answers with an error
on s 5000 5556 # as if 5556 had asked before
on c 5557 7000
on s error
sleep 0.5
kill $dump
wait $dump 2>/dev/null || true
rm -f /tmp/$p.py
echo "$out"
