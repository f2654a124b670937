"""Implementation model 5: remote software update. Our EtherNet/IP target refuses firmware: what is asked counts."""

from stacks import (enip, enip_target, modbus_poll, modbus_server, modbus_write, mqtt_broker, mqtt_pub, nmap, ssh,
                    ssh_server, tls_get, tls_server)

POLICY = "zones/model5.yaml"
SUNDAY, FRIDAY = "2026-11-22T02:30+09:00", "2026-11-20T13:00+09:00"
# class 0xa1 is where drives take their firmware, 0x68 are the programs of a controller
FIRMWARE = ("cip:4c,a1,1,010000000badcafe", "cip:4c,a1,1,020000000badcafe")  # two blocks
PROGRAM = ("cip:09,68,1",)  # deletes one


def servers(f):
    modbus_server(f, "plc-1")
    enip_target(f, "plc-2")
    enip_target(f, "drive-1")
    mqtt_broker(f, "patch-1")
    tls_server(f, "patch-1")
    f.guest("vendor", "internet", "198.51.100.20")  # a server of the vendor's distribution network
    tls_server(f, "vendor")
    f.at(SUNDAY)


def _every_day(f):
    """Versions are reported, the plant is looked at, the vendor is asked for what is new."""
    f.also(modbus_poll, f, "hmi-1", "plc-1", "holding", 100, 5)
    f.also(enip, f, "hmi-1", "plc-2", "read:Temperature")
    f.also(mqtt_pub, f, "iot-gw-1", "patch-1", "inventory/iot-gw-1/version", "1.8.2")
    f.also(mqtt_pub, f, "hmi-1", "patch-1", "inventory/hmi-1/version", "12.1")
    modbus_write(f, "hmi-1", "plc-1", 105, 450)
    tls_get(f, "patch-1", "vendor", name="update.vendor.example")


def normal(f):
    """Sunday night: the patch server loads firmware into a drive, the screens fetch theirs."""
    f.also(_every_day, f)
    f.also(tls_get, f, "hmi-1", "patch-1")
    enip(f, "patch-1", "drive-1", "attr:1,1,4", *FIRMWARE)


def maintenance(f):
    """In maintenance and with a grant, the factory's engineer loads firmware and a program into a controller."""
    f.at(FRIDAY)
    f.also(_every_day, f)
    enip(f, "eng-1", "plc-2", "read:Speed", *FIRMWARE, *PROGRAM)


maintenance.alone = True


def K1(f):
    """From the Internet: somebody tries the patch server."""
    f.guest("outsider", "internet", "203.0.113.77")
    nmap(f, "outsider", "-sT", "-p", "22,443,1883", "patch-1")
    tls_get(f, "outsider", "patch-1")


def K2(f):
    """On patch night: the gateway, taken, loads firmware into a drive beside it."""
    enip(f, "iot-gw-1", "drive-1", *FIRMWARE)


def K2_plc(f):
    """An infected screen, which may look at the controller, deletes a program there."""
    enip(f, "hmi-1", "plc-2", *PROGRAM)


def K2_fetch(f):
    """The patch server is led to somebody else's server: software from outside the vendor's network."""
    f.guest("false-vendor", "internet", "203.0.113.66")
    tls_server(f, "false-vendor")
    tls_get(f, "patch-1", "false-vendor", name="update.vendor.example")


def K2_window(f):
    """On a Friday at noon, while the conveyors run, the patch server loads firmware into a drive."""
    f.at(FRIDAY)
    f.also(_every_day, f)
    enip(f, "patch-1", "drive-1", *FIRMWARE)


K2_window.alone = True


def K3(f):
    """The patch server was taken: it opens a session with the screens, and writes to a controller."""
    ssh_server(f, "hmi-1")
    ssh(f, "patch-1", "hmi-1", key="bad")
    modbus_write(f, "patch-1", "plc-1", 105, 0)


def K3_plc(f):
    """The patch server was taken: on patch night, it loads firmware into a controller as well."""
    enip(f, "patch-1", "plc-2", *FIRMWARE)
