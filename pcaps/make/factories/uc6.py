"""Use case 6: furnace sensors. The sensors are MQTT clients, the collection server a broker and a TLS server."""

import time

from stacks import (modbus_poll, modbus_read, modbus_server, modbus_write, mqtt_broker, mqtt_pub, ping, tls_get,
                    tls_server)

POLICY = "zones/uc6.yaml"


def servers(f):
    mqtt_broker(f, "collector-1")
    tls_server(f, "collector-1")
    modbus_server(f, "plc-1")


def normal(f):
    """Three sensors report, the support company looks, production goes on beside it."""
    f.also(mqtt_pub, f, "temperature-1", "collector-1", "furnace/1/temperature", "1210", "1212", "1215", every=1)
    f.also(mqtt_pub, f, "weight-1", "collector-1", "furnace/1/weight", "840", "839", every=1)
    f.also(mqtt_pub, f, "vibration-1", "collector-1", "furnace/1/vibration", "0.03", "0.04", every=1)
    f.also(modbus_poll, f, "hmi-1", "plc-1", "holding", 100, 5)
    tls_get(f, "terminal-1", "collector-1")


def into_control(f):
    """One packet from the sensor network to production control."""
    ping(f, "vibration-1", "plc-1", count=1)


def from_control(f):
    """The other way round: the HMI looks into the sensor network."""
    modbus_read(f, "hmi-1", "weight-1", "holding", 0, 1)


def new_destination(f):
    """A sensor from a tampered delivery sends its values to somebody else as well."""
    f.guest("collector", "internet", "198.51.100.9")
    mqtt_broker(f, "collector")
    mqtt_pub(f, "weight-1", "collector", "furnace/1/weight", "840")


def mass_requests(f):
    """A sensor was taken and floods the collection server with what it may send."""
    for n in range(30):
        mqtt_pub(f, "vibration-1", "collector-1", "furnace/1/vibration", "0.03", client=f"vibration-1-{n}")


def blind(f):
    """The temperature is no longer reported, the rest goes on."""
    f.also(mqtt_pub, f, "temperature-1", "collector-1", "furnace/1/temperature", "1210", "1212", every=1)
    f.also(mqtt_pub, f, "weight-1", "collector-1", "furnace/1/weight", *["840"] * 9, every=1)
    f.also(modbus_poll, f, "hmi-1", "plc-1", "holding", 100, 5, 9)
    time.sleep(9)


blind.alone = True


def out_of_range(f):
    """The temperature sensor reports what no furnace has: broken, or tampered with."""
    mqtt_pub(f, "temperature-1", "collector-1", "furnace/1/temperature", "2600", client="temperature-1-b")
