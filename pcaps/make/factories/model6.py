"""Implementation model 6: robots."""

import time

from stacks import (enip, enip_target, modbus_poll, modbus_read, modbus_server, modbus_write, tls_get, tls_server)

POLICY = "zones/model6.yaml"


def servers(f):
    enip_target(f, "robot-server")
    modbus_server(f, "arm-1")
    modbus_server(f, "agv-1")


def normal(f):
    """The maintenance PC looks, the server moves the arm and sends the transport robot around."""
    f.also(modbus_poll, f, "robot-server", "arm-1", "holding", 100, 4)
    f.also(modbus_poll, f, "robot-server", "agv-1", "holding", 100, 2)
    f.also(enip, f, "maint-pc-2", "robot-server", "read:Speed")
    for command, x, y, z in ((1, 200, 310, 55), (2, 450, 120, 80)):
        modbus_write(f, "robot-server", "arm-1", 101, x, y, z)
        modbus_write(f, "robot-server", "arm-1", 100, command)
        modbus_write(f, "robot-server", "agv-1", 100, 2 + command)
        time.sleep(0.5)


def teaching(f):
    """In maintenance, the maintenance PC teaches a motion pattern: nothing is wrong with that."""
    enip(f, "maint-pc-2", "robot-server", "write:Speed=900", "cip:09,68,1")


def L1(f):
    """Maintenance PC (2) is infected: it teaches at a normal day, and speaks to a robot directly."""
    enip(f, "maint-pc-2", "robot-server", "write:Speed=900", "cip:09,68,1")
    modbus_write(f, "maint-pc-2", "arm-1", 100, 3)


def L2(f):
    """A rogue station at the access point drives the transport robot."""
    f.guest("rogue", "robot-nw", "10.25.0.99")
    modbus_write(f, "rogue", "agv-1", 100, 7)


def L3(f):
    """The robot server was taken: a command nobody agreed on, and positions outside the cell."""
    modbus_write(f, "robot-server", "arm-1", 100, 9)
    modbus_write(f, "robot-server", "arm-1", 101, 500, 1400, 80)


def L3_calls_home(f):
    """The robot server was taken: it calls home."""
    f.guest("c2", "internet", "203.0.113.66")
    tls_server(f, "c2")
    tls_get(f, "robot-server", "c2")


def L3_silence(f):
    """The robot server was stopped: it no longer follows the arm, the rest goes on."""
    f.also(modbus_poll, f, "robot-server", "agv-1", "holding", 100, 2, 9)
    modbus_read(f, "robot-server", "arm-1", "holding", 100, 4)
    time.sleep(8)


L3_silence.alone = True
