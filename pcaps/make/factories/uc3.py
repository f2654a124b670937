"""Use case 3: AGV warehouse. Vehicles and their PLC speak Modbus; the PLC's second port is EtherNet/IP."""

import time

from stacks import (enip, enip_target, modbus_poll, modbus_read, modbus_server, modbus_write, mqtt_broker, mqtt_pub,
                    mqtt_sub, tls_get, tls_server)

POLICY = "zones/uc3.yaml"


def servers(f):
    tls_server(f, "wms-1")
    mqtt_broker(f, "wms-1")
    modbus_server(f, "agv-plc-1")
    modbus_server(f, "agv-1")
    modbus_server(f, "agv-2")


def _transports(f):
    """What goes on whatever happens: orders, and vehicles that drive."""
    f.also(mqtt_sub, f, "wcs-1", "wms-1", "wms/shipments/#")
    f.also(modbus_poll, f, "op-1", "agv-plc-1", "holding", 100, 4)
    tls_get(f, "order-1", "wms-1")
    for n, agv in enumerate(("agv-1", "agv-2", "agv-1"), 1):
        modbus_write(f, "agv-plc-1", agv, 100, 10 + n)
        modbus_read(f, "agv-plc-1", agv, "holding", 100, 2)
        time.sleep(0.3)
    mqtt_pub(f, "wcs-1", "wms-1", "wcs/done/1", "ok", client="wcs-1-done")


def normal(f):
    """An order comes in, is moved, and is reported; people look on."""
    f.also(modbus_poll, f, "wcs-1", "agv-plc-1", "holding", 100, 4)
    modbus_write(f, "wcs-1", "agv-plc-1", 100, 1, 12, 31, 1)
    _transports(f)


def flood(f):
    """The operation terminal floods the PLC with requests; the vehicles keep moving."""
    modbus_poll(f, "op-1", "agv-plc-1", "holding", 100, 1, 1, 15)


def unlisted_device(f):
    """A notebook nobody knows, on the control network, reads and writes at the AGV control PLC."""
    f.guest("notebook", "control", "10.50.0.99")
    modbus_write(f, "notebook", "agv-plc-1", 100, 2)


def update_outside_window(f):
    """The integrator loads logic into the PLC in the middle of the day."""
    enip_target(f, "agv-plc-1")
    enip(f, "maint-1", "agv-plc-1", "cip:09,68,1")


def wcs_silent(f):
    """The WCS stops asking, the rest goes on."""
    modbus_read(f, "wcs-1", "agv-plc-1", "holding", 100, 4)
    _transports(f)
    time.sleep(1)
    f.also(modbus_poll, f, "op-1", "agv-plc-1", "holding", 100, 4, 5)
    time.sleep(5)


wcs_silent.alone = True


def safety_write(f):
    """The AGV control PLC, taken, writes to the safety PLC."""
    modbus_server(f, "safety-plc-1")
    modbus_write(f, "agv-plc-1", "safety-plc-1", 100, 0)
