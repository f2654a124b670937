#!/bin/sh
# Makes mqtt-mosquitto.pcap: the mosquitto broker with mosquitto_pub and mosquitto_sub, as MQTT
# 3.1, 3.1.1 and 5.0, with user names, wills, every QoS, retained messages, and refusals.
#
# Root, Debian packages: iproute2 ethtool tcpdump python3 mosquitto mosquitto-clients
set -u
cd "$(dirname "$0")" || exit 1
. ./factory.sh

factory_begin mosquitto mosquitto_pub mosquitto_sub mosquitto_passwd
factory_zone iot-nw 10.20.0.1/16
factory_zone dmz 10.30.0.1/24
factory_host iot-gw-1 iot-nw 10.20.0.10
factory_host scada-1 iot-nw 10.20.0.20
factory_host relay-1 dmz 10.30.0.5

cat >"$work/acl" <<'END'
topic readwrite plant/#
user anna
topic readwrite plant/#
topic readwrite status/#
END
mosquitto_passwd -b -c "$work/passwords" anna not-a-secret
cat >"$work/mosquitto.conf" <<END
listener 1883 10.30.0.5
allow_anonymous true
password_file $work/passwords
acl_file $work/acl
END
chmod -R a+rX "$work"
on relay-1 mosquitto -c "$work/mosquitto.conf" 2>/dev/null &
sleep 1

sub() { # SECONDS OPTION...
	seconds=$1
	shift
	on scada-1 timeout "$seconds" mosquitto_sub -h 10.30.0.5 "$@" >/dev/null 2>&1
}
pub() {
	on iot-gw-1 mosquitto_pub -h 10.30.0.5 "$@" 2>/dev/null
}
anna="-u anna -P not-a-secret"

factory_capture
# shellcheck disable=SC2086
{
	sub 12 -V mqttv311 -i scada-1 $anna -q 2 -k 5 -t 'plant/#' -t status/iot-gw-1 \
		--will-topic status/scada-1 --will-payload gone --will-qos 1 --will-retain &
	sub 12 -V mqttv5 -i scada-5 -q 1 -t 'plant/line1/+' -t 'secret/#' &
	sub 12 -V mqttv31 -i scada-31 -q 0 -t plant/line2/speed &
	sleep 1
	for version in mqttv31 mqttv311 mqttv5; do
		for qos in 0 1 2; do
			pub -V $version -i "gw-$version" -q $qos -t plant/line1/temperature -m "2$qos.5"
		done
	done
	head -c 120 /bin/true | pub -i gw-binary -t plant/line1/raw -s -q 1 # bytes that are no text
	pub -i gw-retain -r -q 1 -t plant/line2/speed -m 1200
	pub -i gw-retain -r -t plant/line2/speed -n # and its removal: an empty message
	# 5.0: properties, a will with a delay, no subscriber, and what the access list forbids.
	pub -V mqttv5 -i gw-5 $anna -q 1 -t plant/line1/pressure -m 101.3 \
		-D publish content-type text/plain -D publish user-property unit kPa \
		-D publish message-expiry-interval 60 -D connect session-expiry-interval 30 \
		--will-topic status/iot-gw-1 --will-payload gone -D will will-delay-interval 5
	pub -V mqttv5 -i gw-5 $anna -q 1 -t status/nobody-listens -m up
	pub -V mqttv5 -i gw-5 -q 1 -t secret/recipe -m 42
	# Refused: a wrong password in both formats of CONNACK.
	pub -V mqttv311 -i gw-wrong -u anna -P wrong -t plant/x -m 1
	pub -V mqttv5 -i gw-wrong -u anna -P wrong -t plant/x -m 1
	# Subscribed, unsubscribed.
	sub 2 -V mqttv311 -i short-lived -t 'plant/#' -U 'plant/line2/#' -W 1
	sub 2 -V mqttv5 -i short-lived -t 'plant/#' -U plant/line3 -W 1
	sleep 6 # keep-alives
}
factory_write ../mqtt-mosquitto.pcap
