#!/bin/sh
# Makes mqtt-mqttjs.pcap: MQTT.js 5 (npm package mqtt) against the mosquitto broker on port 21883,
# as MQTT 5.0 with properties and topic aliases, 3.1.1, and 3.1.
#
# Root, Debian packages: iproute2 ethtool tcpdump python3 mosquitto nodejs npm; and beforehand
# `npm install mqtt@5` somewhere, whose node_modules NODE_PATH names.
set -u
cd "$(dirname "$0")" || exit 1
. ./factory.sh

factory_begin mosquitto node
node -e 'require("mqtt")' 2>/dev/null || { echo "needs NODE_PATH with mqtt@5" >&2; exit 77; }
factory_zone iot-nw 10.20.0.1/16
factory_zone dmz 10.30.0.1/24
factory_host press-1 iot-nw 10.20.0.30
factory_host relay-1 dmz 10.30.0.5

printf 'listener 21883 10.30.0.5\nallow_anonymous true\n' >"$work/mosquitto.conf"
on relay-1 mosquitto -c "$work/mosquitto.conf" 2>/dev/null &
sleep 1

factory_capture
on press-1 timeout 30 node mqtt-client.js mqtt://10.30.0.5:21883
factory_write ../mqtt-mqttjs.pcap
