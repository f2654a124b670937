#!/bin/sh
# Makes ethernet.pcap: what runs beside IP on a switch. A grandmaster clock and two
# followers speak PTP over Ethernet (IEEE 1588, annex F): one by the multicast group, one by unicast
# negotiation, which is frames from MAC to MAC. Clock and first follower say by LLDP who they are, and
# the switch speaks STP.
#
# Root, Debian packages: iproute2 tcpdump linuxptp lldpd
set -eu
cd "$(dirname "$0")"
[ "$(id -u)" -eq 0 ] || { echo "needs root" >&2; exit 77; }
p=kdb$$
out=$PWD/../ethernet.pcap
run=/tmp/$p
pids=
trap 'kill $pids 2>/dev/null || true; for n in s 1 2 3; do ip netns del $p$n 2>/dev/null || true; done; rm -rf $run /run/ptp4l.$p*' EXIT
mkdir -p "$run" /run/lldpd

ip netns add ${p}s
ip -n ${p}s link add br0 type bridge stp_state 1 forward_delay 200 hello_time 100 group_fwd_mask 0x4000
ip -n ${p}s link set br0 address 02:00:00:00:50:fe up
for n in 1 2 3; do
	ip netns add $p$n
	ip netns exec $p$n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	ip -n ${p}s link add port$n type veth peer name eth0 netns $p$n
	ip -n ${p}s link set port$n master br0 up
	ip -n $p$n link set eth0 address 02:00:00:00:50:0$n up
	ip -n $p$n link set lo up
done
ip netns exec ${p}s sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
sleep 5
# as a mirror of the port of the clock would show it
ip netns exec ${p}s tcpdump -Uqn -i port1 -w "$out" 2>/dev/null &
dump=$!
pids=$dump
sleep 1

cat >"$run/1.conf" <<'END'
[global]
network_transport L2
time_stamping software
unicast_listen 1
hybrid_e2e 0
priority1 10
free_running 1
END
sed 's/unicast_listen 1/slaveOnly 1/' "$run/1.conf" >"$run/2.conf"
cat >"$run/3.conf" <<'END'
[global]
network_transport L2
time_stamping software
slaveOnly 1
free_running 1
[unicast_master_table]
table_id 1
logQueryInterval 0
L2 02:00:00:00:50:01
[eth0]
unicast_master_table 1
END
for n in 1 2 3; do
	ip netns exec $p$n ptp4l -f "$run/$n.conf" -i eth0 -m -q \
		--uds_address "/run/ptp4l.$p$n" >"$run/$n.log" 2>&1 &
	pids="$pids $!"
done
for n in 1 2; do
	ip netns exec $p$n lldpd -d -u "$run/$n.sock" -I eth0 -S "kidoban test $n" >"$run/lldp$n.log" 2>&1 &
	pids="$pids $!"
done
sleep 14
[ -n "${VERBOSE-}" ] && tail -n 5 "$run"/*.log
kill $pids 2>/dev/null || true
wait 2>/dev/null || true
pids=
echo "$out"
