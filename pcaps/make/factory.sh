# A small factory in network namespaces; sourced by the scripts that make captures.
#
# One namespace per host, one for the router that joins the zones. Each zone is a bridge in the
# router's namespace; frames are captured where they enter the router, so that each packet that
# leaves its zone is seen exactly once, with its sender's hardware address.
#
#      factory_zone NAME ROUTER-ADDRESS/BITS
#      factory_host NAME ZONE ADDRESS [MAC]
#      on NAME COMMAND...            runs a command at that host
#      factory_capture               from here on frames are recorded
#      factory_write FILE.pcap       ends the recording and joins it into one file
#
# Needs root, iproute2, ethtool, tcpdump, python3.

make_dir=$(pwd) # the script that sources this has gone to its own folder
tests_dir=$make_dir/../../tests
work=$(mktemp -d)
prefix=kdb$$- # of this run's namespaces: what others made is not ours to end
router=${prefix}router
zones=
captures=
capture_pids=

factory_namespaces() {
	ip netns list | awk -v p="$prefix" 'index($1, p) == 1 {print $1}'
}

factory_end() {
	for pid in $(factory_namespaces | xargs -r -n 1 ip netns pids); do
		kill "$pid" 2>/dev/null
	done
	for ns in $(factory_namespaces); do
		ip netns del "$ns"
	done
	rm -rf "$work"
}

factory_begin() {
	[ "$(id -u)" -eq 0 ] || { echo "needs root" >&2; exit 77; }
	for tool in ip ethtool tcpdump python3 "$@"; do
		command -v "$tool" >/dev/null || { echo "needs $tool" >&2; exit 77; }
	done
	trap factory_end EXIT
	ip netns add $router
	quiet_ipv6 $router
	ip netns exec $router sysctl -qw net.ipv4.ip_forward=1
}

# No router solicitations between the lines.
quiet_ipv6() {
	ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
}

factory_zone() {
	ip -n $router link add "br-$1" type bridge
	ip -n $router addr add "$2" dev "br-$1"
	ip -n $router link set "br-$1" up
	eval "gateway_$(echo "$1" | tr - _)=${2%/*} bits_$(echo "$1" | tr - _)=${2#*/}"
	zones="$zones $1"
}

factory_host() {
	ns=$prefix$1 zone=$(echo "$2" | tr - _)
	count=$((${count:-0} + 1))
	ip netns add "$ns"
	quiet_ipv6 "$ns"
	ip -n $router link add "p$count" type veth peer name eth0 netns "$ns"
	ip -n "$ns" link set eth0 address "${4:-02:00:00:00:01:$(printf %02x "$count")}"
	# Checksums as they would be on a wire, and no segment larger than it.
	ip netns exec "$ns" ethtool -K eth0 tx off gso off gro off >/dev/null
	ip -n $router link set "p$count" master "br-$2"
	ip -n $router link set "p$count" up
	eval "ip -n $ns addr add $3/\$bits_$zone dev eth0"
	ip -n "$ns" link set eth0 up
	ip -n "$ns" link set lo up
	eval "ip -n $ns route add default via \$gateway_$zone"
}

on() {
	host=$1
	shift
	ip netns exec "$prefix$host" "$@"
}

factory_capture() {
	captures=$work/capture.$((${round:=0} + 1))
	round=$((round + 1))
	mkdir -p "$captures"
	capture_pids=
	for zone in $zones; do
		ip netns exec $router tcpdump -q -n -U -Q in -i "br-$zone" --time-stamp-precision=micro \
			-w "$captures/$zone.pcap" 2>/dev/null &
		capture_pids="$capture_pids $!"
	done
	sleep 1
}

factory_write() {
	sleep 1
	kill $capture_pids
	wait $capture_pids 2>/dev/null
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$tests_dir python3 - "$1" "$captures"/*.pcap <<'END'
import sys
import capture_edit as c
frames = [f for p in sys.argv[2:] for f in c.read(p).frames]
whole = c.Capture(sorted(frames, key=lambda f: f.time), c.ETHER)
with open(sys.argv[1], "wb") as out:
    out.write(c.encode(whole))
print(f"{sys.argv[1]}: {len(frames)} frames")
END
}
