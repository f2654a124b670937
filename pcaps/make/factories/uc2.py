"""Use case 2: private drone. No drone's own protocol could be had: Modbus stands for the sticks."""

import time

from stacks import modbus_poll, modbus_read, modbus_server, modbus_write, tls_get, tls_server

POLICY = "zones/uc2.yaml"


def servers(f):
    modbus_server(f, "drone-1")
    tls_server(f, "cloud-1")


def normal(f):
    """A short flight, its record to the cloud."""
    f.also(modbus_poll, f, "phone-1", "drone-1", "holding", 100, 3)
    for height, speed in ((10, 3), (40, 8), (5, 2)):
        modbus_write(f, "phone-1", "drone-1", 100, height)
        modbus_write(f, "phone-1", "drone-1", 101, speed, 0)
        time.sleep(0.4)
    tls_get(f, "phone-1", "cloud-1")


def taken_over(f):
    """Somebody else on the radio flies the drone."""
    f.guest("rogue", "air", "192.168.10.99")
    modbus_write(f, "rogue", "drone-1", 100, 0)


def too_high(f):
    """The phone's app was tampered with: it sends the drone to 400 m."""
    modbus_write(f, "phone-1", "drone-1", 100, 400)


def controller_lost(f):
    """The radio is jammed: the controller is no longer heard, the rest goes on."""
    modbus_read(f, "phone-1", "drone-1", "holding", 100, 3)
    for _ in range(5):
        tls_get(f, "phone-1", "cloud-1")
        time.sleep(1.6)


controller_lost.alone = True


def new_destination(f):
    """The phone's app sends where the drone flies to somebody else as well."""
    f.guest("collector", "internet", "198.51.100.9")
    tls_server(f, "collector")
    tls_get(f, "phone-1", "collector")
