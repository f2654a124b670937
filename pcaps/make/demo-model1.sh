#!/bin/sh
# Makes model1-normal.pcap and demo-model1.pcap: a day at a factory of implementation model 1 (IoT
# data, one factory), with real implementations: mosquitto broker and clients, mbpoll and libmodbus
# against a libmodbus device, OpenSSL. First the ordinary flows alone; then the same again with what
# an intruder, a careless operator and a curious engineer would do among them.
#
# Root, Debian packages: iproute2 ethtool tcpdump python3 mosquitto mosquitto-clients mbpoll
# libmodbus-dev gcc pkg-config openssl
set -u
cd "$(dirname "$0")" || exit 1
. ./factory.sh
pcaps=$make_dir/..

factory_begin mosquitto mosquitto_pub mosquitto_sub mbpoll openssl gcc pkg-config

factory_zone info-nw 10.10.0.1/16
factory_zone iot-nw 10.20.0.1/16
factory_zone dmz 10.30.0.1/24
factory_zone control-info 10.40.0.1/24
factory_zone control 10.50.0.1/24
factory_host analysis-1 info-nw 10.10.0.20
factory_host viewer-1 info-nw 10.10.0.30
factory_host iot-gw-1 iot-nw 10.20.0.10
factory_host rogue iot-nw 10.20.0.99
factory_host relay-1 dmz 10.30.0.5
factory_host hmi-1 control-info 10.40.0.5
factory_host eng-1 control-info 10.40.0.9
factory_host mes-1 control-info 10.40.0.20
factory_host plc-1 control 10.50.0.11 00:80:f4:01:02:03

# ---- the servers
# shellcheck disable=SC2046
gcc -O2 -o "$work/modbus-tool" modbus-tool.c $(pkg-config --cflags --libs libmodbus) || exit 1
on plc-1 "$work/modbus-tool" serve 10.50.0.11 &
printf 'listener 1883 10.30.0.5\nallow_anonymous true\n' >"$work/mosquitto.conf"
on relay-1 mosquitto -c "$work/mosquitto.conf" 2>/dev/null &
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=analysis-1 -keyout "$work/key.pem" \
	-out "$work/cert.pem" 2>/dev/null
on analysis-1 openssl s_server -quiet -accept 10.10.0.20:443 -www -key "$work/key.pem" \
	-cert "$work/cert.pem" 2>/dev/null &
sleep 1

# ---- ordinary flows
poll() { # HOST TABLE FIRST COUNT; one connection, until killed
	on "$1" timeout "$5" mbpoll -m tcp -a 1 -0 -t "$2" -r "$3" -c "$4" -l 500 10.50.0.11 >/dev/null
}
write() { # HOST FIRST VALUE...
	host=$1 first=$2
	shift 2
	on "$host" mbpoll -m tcp -a 1 -0 -t 4 -r "$first" 10.50.0.11 "$@" >/dev/null
}

ordinary() { # SECONDS
	on analysis-1 timeout "$1" mosquitto_sub -h 10.30.0.5 -i analysis-1 -t 'plant/line1/#' >/dev/null &
	on mes-1 timeout "$1" mosquitto_sub -h 10.30.0.5 -i mes-1 -t 'plan/#' >/dev/null &
	poll hmi-1 4 100 20 "$1" &
	poll hmi-1 0 0 8 "$1" &
	sleep 1
	(
		for n in 1 2 3 4 5 6; do
			echo "2$n.5"
			sleep 0.7
		done
	) | on iot-gw-1 mosquitto_pub -h 10.30.0.5 -i iot-gw-1 -t plant/line1/temperature -l &
	on iot-gw-1 mosquitto_pub -h 10.30.0.5 -i iot-gw-1-v -q 1 -t plant/line1/vibration -m 0.03
	write hmi-1 105 450
	write hmi-1 100 400 410 420 430
	on analysis-1 mosquitto_pub -h 10.30.0.5 -i analysis-1-plan -q 1 -t plan/line1/rate -m 450
	printf 'GET / HTTP/1.0\r\n\r\n' |
		on viewer-1 timeout 2 openssl s_client -quiet -connect 10.10.0.20:443 >/dev/null 2>&1
	sleep $(($1 - 4))
}

factory_capture
ordinary 6
sleep 1
factory_write "$pcaps/model1-normal.pcap"
sleep 3 # the last subscribers and polls of the first recording end

factory_capture
ordinary 14 &
sleep 6
# A recipe typed wrong: 4000 where at most 1000 is agreed; then a write that runs over the end.
write hmi-1 105 4000
sleep 0.3
write hmi-1 118 500 500 500 500
sleep 0.3
# The IoT gateway is not what it was: it looks at the controller, then changes it.
on iot-gw-1 mbpoll -m tcp -a 1 -0 -t 4 -r 0 -c 10 -1 10.50.0.11 >/dev/null
write iot-gw-1 105 0
sleep 0.3
# The viewer, too, has no business there.
on viewer-1 mbpoll -m tcp -a 1 -0 -t 4 -r 0 -c 2 -1 10.50.0.11 >/dev/null
sleep 0.3
# Nobody knows this device.
on rogue mosquitto_pub -h 10.30.0.5 -i sensor-77 -t plant/line1/temperature -m 99.9
sleep 0.3
# A function code nobody assigned, then the engineer's scan: identity, and a search for registers.
on hmi-1 "$work/modbus-tool" raw 10.50.0.11 1 5a0001 2>/dev/null
# shellcheck disable=SC2046
on eng-1 "$work/modbus-tool" raw 10.50.0.11 1 2b0e0100 \
	$(for n in $(seq 30); do printf '03%04x0001 ' $((9000 + n)); done) 2>/dev/null
sleep 3
factory_write "$pcaps/demo-model1.pcap"
