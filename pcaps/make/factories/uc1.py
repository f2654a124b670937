"""Use case 1: gas water heater. The cloud is a TLS server and an MQTT broker, the heater speaks Modbus."""

from stacks import (modbus_poll, modbus_server, modbus_write, mqtt_broker, mqtt_pub, mqtt_sub, nmap, tls_get,
                    tls_server)

POLICY = "zones/uc1.yaml"


def servers(f):
    tls_server(f, "cloud-1")
    mqtt_broker(f, "cloud-1")
    modbus_server(f, "heater-1")


def normal(f):
    """The phone asks for a bath; the controller hears of it, heats, and says how far it is."""
    f.also(mqtt_sub, f, "controller-1", "cloud-1", "heater/1/set/#")
    f.also(modbus_poll, f, "controller-1", "heater-1", "holding", 100, 4)
    tls_get(f, "phone-1", "cloud-1")
    modbus_write(f, "controller-1", "heater-1", 100, 41)
    modbus_write(f, "controller-1", "heater-1", 0, 1, table="coil")
    mqtt_pub(f, "controller-1", "cloud-1", "heater/1/state", "41", client="controller-1-state")


def burns(f):
    """Somebody who took the account or the cloud orders 75 degrees, and the controller obeys."""
    modbus_write(f, "controller-1", "heater-1", 100, 75)


def neighbour(f):
    """The television, infected, sets the heater itself."""
    modbus_write(f, "tv-1", "heater-1", 100, 75)


def into_the_house(f):
    """From the Internet: somebody looks for the heater behind a router that forwards."""
    f.guest("outsider", "internet", "203.0.113.77")
    nmap(f, "outsider", "-sT", "-p", "502", "heater-1")
    modbus_write(f, "outsider", "heater-1", 100, 60)


def new_destination(f):
    """The controller's software was tampered with: it reports to another cloud as well."""
    f.guest("collector", "internet", "203.0.113.66")
    mqtt_broker(f, "collector")
    mqtt_pub(f, "controller-1", "collector", "heater/1/state", "41")
