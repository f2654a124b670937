#!/bin/sh
# Makes modbus-libmodbus.pcap: a client on libmodbus (modbus-walk.c) that uses every function of the
# library, and mbpoll, against a libmodbus device (modbus-tool.c); once more on a port that is not
# the usual one.
#
# Root, Debian packages: iproute2 ethtool tcpdump python3 mbpoll libmodbus-dev gcc pkg-config socat
set -u
cd "$(dirname "$0")" || exit 1
. ./factory.sh

factory_begin mbpoll gcc pkg-config socat
factory_zone office 10.40.0.1/24
factory_zone plant 10.50.0.1/24
factory_host client office 10.40.0.5
factory_host device plant 10.50.0.11 00:80:f4:01:02:03

flags=$(pkg-config --cflags --libs libmodbus)
# shellcheck disable=SC2086
gcc -O2 -o "$work/tool" modbus-tool.c $flags && gcc -O2 -o "$work/walk" modbus-walk.c $flags || exit 1
on device "$work/tool" serve 10.50.0.11 &
on device socat TCP-LISTEN:10502,fork,reuseaddr TCP:10.50.0.11:502 &
sleep 1

factory_capture
on client timeout 30 "$work/walk" 10.50.0.11 502
on client mbpoll -m tcp -a 1 -0 -t 3:int -r 0 -c 4 -1 10.50.0.11 >/dev/null
on client mbpoll -m tcp -a 1 -0 -t 4:float -r 40 -c 2 -1 10.50.0.11 >/dev/null
on client mbpoll -m tcp -a 1 -0 -t 0 -r 16 10.50.0.11 1 1 0 >/dev/null
on client timeout 30 "$work/walk" 10.50.0.11 10502
factory_write "$make_dir/../modbus-libmodbus.pcap"
