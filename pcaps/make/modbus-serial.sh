#!/bin/sh
# Makes modbus-serial.pcap, modbus-udp.pcap and modbus-rtu-tcp.pcap: the clients modbus-serial and
# jsmodbus (Node.js) against a device on pymodbus: Modbus/TCP with many requests under way,
# Modbus/UDP, and RTU frames in TCP.
#
# Root, Debian packages: iproute2 ethtool tcpdump python3 python3-pymodbus nodejs npm
set -u
cd "$(dirname "$0")" || exit 1
. ./factory.sh

factory_begin node npm
cp modbus-serial/package.json modbus-serial/walk.js "$work" || exit 1
(cd "$work" && npm install --silent --no-audit --no-fund --omit=optional) || exit 1
factory_zone office 10.40.0.1/24
factory_zone plant 10.50.0.1/24
factory_host client office 10.40.0.7
factory_host device plant 10.50.0.13
on device /usr/bin/python3 modbus_device.py tcp 10.50.0.13 502 &
on device /usr/bin/python3 modbus_device.py udp 10.50.0.13 502 &
on device /usr/bin/python3 modbus_device.py rtu 10.50.0.13 4001 &
sleep 2

factory_capture
on client timeout 30 node "$work/walk.js" serial-tcp 10.50.0.13 502
on client timeout 30 node "$work/walk.js" js-tcp 10.50.0.13 502
factory_write "$make_dir/../modbus-serial.pcap"

factory_capture
on client timeout 30 node "$work/walk.js" serial-udp 10.50.0.13 502
factory_write "$make_dir/../modbus-udp.pcap"

factory_capture
on client timeout 30 node "$work/walk.js" serial-rtu 10.50.0.13 4001
factory_write "$make_dir/../modbus-rtu-tcp.pcap"
