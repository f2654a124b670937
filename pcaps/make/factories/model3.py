"""Implementation model 3: remote monitoring and control. SSH stands for the operators' remote desktop."""

import time

from stacks import (modbus_poll, modbus_read, modbus_server, modbus_write, mqtt_broker, mqtt_pub, mqtt_sub,
                    nmap, ssh, ssh_server, tls_get, tls_server)

POLICY = "zones/model3.yaml"


def servers(f):
    modbus_server(f, "plc-1")
    modbus_server(f, "scada-1")
    mqtt_broker(f, "relay-1")
    mqtt_broker(f, "iot-gw-1")  # the sensors' side of the gateway
    mqtt_broker(f, "analysis-2")
    tls_server(f, "portal-a")
    tls_server(f, "remote-1")
    ssh_server(f, "remote-1")
    f.at("2026-11-20T13:00+09:00")  # a Friday, in the hours of the monitoring centre


def normal(f):
    """The monitoring centre looks; values and data go out, factory B's too; four seconds."""
    f.also(modbus_poll, f, "remote-1", "scada-1", "holding", 100, 5)
    f.also(modbus_poll, f, "scada-1", "plc-1", "holding", 100, 5)
    f.also(mqtt_pub, f, "scada-1", "relay-1", "plant/process/temperature", "215", "216", every=1)
    f.also(mqtt_pub, f, "sensor-1", "iot-gw-1", "sensor/temperature", "21.5", "21.6", every=1)
    f.also(mqtt_pub, f, "iot-gw-1", "relay-1", "plant/line1/temperature", "21.5", "21.6", every=1)
    f.also(mqtt_pub, f, "relay-1", "analysis-2", "factory-a/process/temperature", "215", "216", every=1)
    f.also(mqtt_pub, f, "relay-b", "analysis-2", "factory-b/process/pressure", "3.1", "3.2", every=1)
    modbus_read(f, "hmi-1", "scada-1", "holding", 100, 5)
    modbus_write(f, "hmi-1", "scada-1", 105, 450)
    modbus_write(f, "scada-1", "plc-1", 105, 450)
    tls_get(f, "monitor-1", "remote-1")
    tls_get(f, "monitor-1", "portal-a")


def control(f):
    """The shift leader lets the monitoring centre command: an operator there logs in and sets a setpoint."""
    f.also(ssh, f, "monitor-1", "remote-1", "sleep 2")
    time.sleep(0.7)
    modbus_write(f, "remote-1", "scada-1", 105, 480)
    modbus_write(f, "scada-1", "plc-1", 105, 480)


def E1(f):
    """From the Internet: somebody outside the VPN tries the remote-operation server."""
    f.guest("outsider", "internet", "203.0.113.77")
    nmap(f, "outsider", "-sT", "-p", "22,443,3389", "remote-1")
    ssh(f, "outsider", "remote-1", key="bad")


def E2(f):
    """From the monitoring centre, while it may log in: somebody guesses his way in, again and again."""
    f.also(modbus_poll, f, "remote-1", "scada-1", "holding", 100, 5, 2)
    for _ in range(6):
        ssh(f, "monitor-2", "remote-1", key="bad")


E2.alone = True  # small: what goes on beside it is in the others


def E2_services(f):
    """From the monitoring centre: other services of the remote-operation server are tried."""
    nmap(f, "monitor-2", "-sT", "-p", "445,502,3389,5900", "remote-1")


def E3(f):
    """The remote-operation server was taken: it opens flows it never had, inwards and home."""
    f.guest("c2", "internet", "203.0.113.66")
    tls_server(f, "c2")
    ssh_server(f, "mes-1")
    tls_get(f, "remote-1", "c2", name="cdn.example")
    ssh(f, "remote-1", "mes-1", "id")


def E3_blind(f):
    """The remote-operation server was taken: it no longer follows the plant, and shows old pictures."""
    f.also(modbus_poll, f, "scada-1", "plc-1", "holding", 100, 2, 9)
    modbus_read(f, "remote-1", "scada-1", "holding", 100, 5)
    for _ in range(5):
        tls_get(f, "monitor-1", "remote-1")
        time.sleep(1.6)


E3_blind.alone = True


def E4(f):
    """While commands are permitted: a value and a register nobody agreed on, and the controller itself."""
    modbus_write(f, "remote-1", "scada-1", 105, 4000)
    modbus_write(f, "remote-1", "scada-1", 150, 1)
    modbus_write(f, "remote-1", "plc-1", 105, 480)


def E4_night(f):
    """A command at night, outside the hours, although somebody's grant is still active."""
    f.at("2026-11-20T21:30+09:00")
    modbus_write(f, "remote-1", "scada-1", 105, 480)


def F1(f):
    """An IoT device from a tampered delivery sends its data to somebody else as well."""
    f.guest("collector", "internet", "198.51.100.9")
    mqtt_broker(f, "collector")
    mqtt_pub(f, "sensor-1", "collector", "exfil/line1", "21.5")


def F2(f):
    """A rogue station at the access point publishes to the relay as if it were the gateway."""
    f.guest("rogue", "iot-nw", "10.20.0.99")
    mqtt_pub(f, "rogue", "relay-1", "plant/line1/temperature", "99.9", client="iot-gw-1-b")


def F3(f):
    """The gateway was taken: it writes to SCADA."""
    modbus_write(f, "iot-gw-1", "scada-1", 105, 0)


def G1(f):
    """From the Internet: somebody listens at the analysis server."""
    f.guest("outsider", "internet", "203.0.113.77")
    mqtt_sub(f, "outsider", "analysis-2", "#", seconds=1)


def G2(f):
    """Factory B reaches for more than the shared service: our remote-operation server."""
    ssh(f, "viewer-b", "remote-1", key="bad")


def G3(f):
    """From the WAN to the analysis server: a service nobody agreed on, then factory B falsifies our values."""
    ssh_server(f, "analysis-2")
    ssh(f, "relay-b", "analysis-2", key="bad")
    mqtt_pub(f, "relay-b", "analysis-2", "factory-a/process/temperature", "20", client="factory-b-false")


def H1(f):
    """From the Internet: somebody tries the monitoring terminal's remote desktop."""
    f.guest("outsider", "internet", "203.0.113.77")
    nmap(f, "outsider", "-sT", "-p", "22,3389,5900", "monitor-1")


def H2(f):
    """While the centre may log in: a terminal that nobody listed looks at the screens, and logs in."""
    f.guest("notebook", "wan-monitor", "172.22.0.99")
    tls_get(f, "notebook", "remote-1")
    ssh(f, "notebook", "remote-1", "id")


def H3(f):
    """The monitoring terminal was taken: a session and a command without a grant, then SCADA directly."""
    ssh(f, "monitor-1", "remote-1", "id")
    modbus_write(f, "remote-1", "scada-1", 105, 0)
    modbus_write(f, "monitor-1", "scada-1", 105, 0)
