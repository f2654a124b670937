#!/bin/sh
# Makes modbus-pymodbus.pcap: client and device on pymodbus, all its functions, among them those
# that libmodbus lacks: 7, 8, 11, 12, 17, 20, 21, 24, 43/14.
#
# Root, Debian packages: iproute2 ethtool tcpdump python3 python3-pymodbus
set -u
cd "$(dirname "$0")" || exit 1
. ./factory.sh

factory_begin
factory_zone office 10.40.0.1/24
factory_zone plant 10.50.0.1/24
factory_host client office 10.40.0.6
factory_host device plant 10.50.0.12
on device /usr/bin/python3 modbus_device.py tcp 10.50.0.12 502 &
sleep 2

factory_capture
on client timeout 30 /usr/bin/python3 modbus_walk.py 10.50.0.12 502
factory_write "$make_dir/../modbus-pymodbus.pcap"
