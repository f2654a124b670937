"""Use case 4: distillation plant. A libmodbus device plays sensor, heater and PLC; its values move as a process would."""

import time

from stacks import (modbus_poll, modbus_read, modbus_server, modbus_write, nmap, tls_get, tls_server)

POLICY = "zones/uc4.yaml"


def servers(f):
    modbus_server(f, "process-plc")
    f.sensor = modbus_server(f, "temperature-1")
    f.sensor.set("input", 0, 853)
    modbus_server(f, "heater-1")
    tls_server(f, "process-server")
    tls_server(f, "mes-1")


def _boil(f, *tenths):
    """The column's temperature, a new one every 0.7 s."""
    for t in tenths:
        f.sensor.set("input", 0, t)
        time.sleep(0.7)


def _plant(f):
    """What goes on beside the loop: screens, archive, plan."""
    f.also(modbus_poll, f, "hmi-1", "process-plc", "holding", 100, 4)
    f.also(modbus_poll, f, "process-server", "process-plc", "holding", 100, 4)
    modbus_write(f, "process-plc", "heater-1", 100, 62)
    tls_get(f, "historian-1", "process-server")
    tls_get(f, "historian-1", "mes-1")


def normal(f):
    """The loop runs, a setpoint is changed within what was agreed, servers collect."""
    f.also(modbus_poll, f, "process-plc", "temperature-1", "input", 0, 1)
    f.also(_boil, f, 853, 855, 854, 857, 856)
    modbus_write(f, "hmi-1", "process-plc", 100, 860)
    _plant(f)


def information_writes(f):
    """A PC of the office writes to the process PLC."""
    modbus_write(f, "office-1", "process-plc", 100, 1100)


def setpoint(f):
    """The HMI gives a setpoint out of range."""
    modbus_write(f, "hmi-1", "process-plc", 100, 1400)


def temperature_silent(f):
    """The temperature is no longer asked for, the rest goes on."""
    modbus_read(f, "process-plc", "temperature-1", "input", 0, 1)
    _plant(f)
    f.also(modbus_poll, f, "hmi-1", "process-plc", "holding", 100, 4, 7)
    time.sleep(7)


temperature_silent.alone = True


def temperature_frozen(f):
    """The temperature stands still: a broken sensor, or old values played again."""
    f.also(modbus_poll, f, "process-plc", "temperature-1", "input", 0, 1, 9)
    _plant(f)
    time.sleep(8)


temperature_frozen.alone = True


def temperature_range(f):
    """The temperature leaves the range of the column."""
    f.also(modbus_poll, f, "process-plc", "temperature-1", "input", 0, 1)
    f.also(_boil, f, 853, 1060, 1180, 1240, 1310)
    _plant(f)
    time.sleep(1)


temperature_range.alone = True


def safety_write(f):
    """The process PLC, taken, switches the safety function off."""
    modbus_server(f, "safety-plc-1")
    modbus_write(f, "process-plc", "safety-plc-1", 100, 0)


def spread(f):
    """Ransomware on the maintenance terminal tries the file service of everything it can name."""
    nmap(f, "maint-1", "-sT", "-p", "445", "10.50.0.11-26")
