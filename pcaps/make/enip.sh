#!/bin/sh
# Makes the enip-*.pcap: three client libraries from npm and nmap against a target of our own
# (enip_target.py).
#
#   enip-st.pcap     st-ethernet-ip: ListIdentity broadcast, class 3 connection, unconnected sends,
#                    tags, attributes, an I/O connection on UDP 2222; client and target in one zone
#   enip-logix.pcap  ethernet-ip: unconnected sends to slot 2; nmap's enip-info over TCP
#   enip-pccc.pcap   nodepccc: SLC data files by Execute PCCC
#
# Root, Debian packages: iproute2 ethtool tcpdump python3 nodejs npm nmap; and beforehand
# `npm install st-ethernet-ip@2.7 ethernet-ip@1.2 nodepccc` somewhere, whose node_modules NODE_PATH
# names.
set -u
cd "$(dirname "$0")" || exit 1
. ./factory.sh

factory_begin node nmap
node -e 'require("st-ethernet-ip"), require("ethernet-ip"), require("nodepccc")' 2>/dev/null ||
	{ echo "needs NODE_PATH with st-ethernet-ip, ethernet-ip and nodepccc" >&2; exit 77; }
factory_zone office 10.40.0.1/24
factory_zone plant 10.50.0.1/24
factory_host hmi office 10.40.0.5
factory_host engineer plant 10.50.0.5
factory_host plc plant 10.50.0.21 00:00:bc:01:02:03
on plc python3 enip_target.py 10.50.0.21 &
sleep 1

factory_capture
on engineer timeout 60 node enip-st.js 10.50.0.21
factory_write "$make_dir/../enip-st.pcap"

factory_capture
on hmi timeout 30 node enip-logix.js 10.50.0.21
on hmi nmap -n -Pn -sT -p 44818 --script enip-info 10.50.0.21 >/dev/null
factory_write "$make_dir/../enip-logix.pcap"

factory_capture
on hmi timeout 30 node enip-pccc.js 10.50.0.21
factory_write "$make_dir/../enip-pccc.pcap"
