"""Implementation model 2: data of IoT devices, several factories."""

from stacks import (modbus_poll, modbus_read, modbus_server, modbus_write, mqtt_broker, mqtt_pub, mqtt_sub,
                    nmap, ssh, ssh_server, tls_get, tls_server)

POLICY = "zones/model2.yaml"


def servers(f):
    modbus_server(f, "plc-1")
    mqtt_broker(f, "relay-1")
    mqtt_broker(f, "iot-gw-1")  # the sensors' side of the gateway
    mqtt_broker(f, "analysis-2")
    tls_server(f, "portal-a")
    tls_server(f, "portal-b")
    tls_server(f, "analysis-1")


def normal(f):
    """Data up to both analyses, plans down, people looking; factory B too; four seconds."""
    f.also(mqtt_sub, f, "analysis-1", "relay-1", "plant/line1/#")
    f.also(mqtt_sub, f, "mes-1", "relay-1", "plan/#")
    f.also(mqtt_sub, f, "relay-1", "analysis-2", "factory-a/plan/#", client="factory-a-plan")
    f.also(mqtt_sub, f, "relay-b", "analysis-2", "factory-b/plan/#", client="factory-b-plan")
    f.also(modbus_poll, f, "hmi-1", "plc-1", "holding", 100, 10)
    f.also(mqtt_pub, f, "sensor-1", "iot-gw-1", "sensor/vibration", "0.03", "0.04", every=1)
    f.also(mqtt_pub, f, "iot-gw-1", "relay-1", "plant/line1/vibration", "0.03", "0.04", every=1)
    f.also(mqtt_pub, f, "relay-1", "analysis-2", "factory-a/line1/vibration", "0.03", "0.04", every=1)
    f.also(mqtt_pub, f, "relay-b", "analysis-2", "factory-b/line7/vibration", "0.11", "0.12", every=1)
    modbus_write(f, "hmi-1", "plc-1", 105, 450)
    tls_get(f, "viewer-1", "portal-a")
    tls_get(f, "viewer-b", "portal-b")
    tls_get(f, "viewer-1", "analysis-1")


def C1(f):
    """The viewer is infected: it calls home."""
    f.guest("c2", "internet", "203.0.113.66")
    tls_server(f, "c2")
    tls_get(f, "viewer-1", "c2", name="cdn.example")


def C2(f):
    """Data analysis (1) is infected: it opens a session towards production planning."""
    ssh_server(f, "mes-1")
    ssh(f, "analysis-1", "mes-1", "id")


def C3(f):
    """From the information network to the control network: a visitor's PC scans, then writes."""
    f.guest("visitor", "info-nw", "10.10.7.77")
    nmap(f, "visitor", "-sT", "-p", "22,445,3389", "mes-1", "hmi-1")
    modbus_read(f, "visitor", "plc-1", "holding", 0, 10)
    modbus_write(f, "visitor", "plc-1", 105, 0)


def D1(f):
    """An IoT device from a tampered delivery sends its data to somebody else as well."""
    f.guest("collector", "internet", "198.51.100.9")
    mqtt_broker(f, "collector")
    mqtt_pub(f, "sensor-1", "collector", "exfil/line1", "0.03")


def D2(f):
    """A rogue station at the access point takes the gateway's place towards the relay."""
    f.guest("rogue", "iot-nw", "10.20.0.99")
    mqtt_pub(f, "rogue", "relay-1", "plant/line1/vibration", "9.99", client="iot-gw-1-b")


def D3(f):
    """The gateway was taken: it goes around the relay, to the analysis on the WAN."""
    mqtt_pub(f, "iot-gw-1", "analysis-2", "factory-a/line1/vibration", "0.99")


def D4(f):
    """From the Internet: somebody outside the VPN tries the relay's services."""
    f.guest("outsider", "internet", "203.0.113.77")
    nmap(f, "outsider", "-sT", "-p", "22,443,1883", "relay-1")
    mqtt_sub(f, "outsider", "relay-1", "#", seconds=1)


def D5(f):
    """Factory B reaches for more than the shared service: our planning's terminal service."""
    ssh_server(f, "mes-1")
    ssh(f, "viewer-b", "mes-1", key="bad")


def D6(f):
    """From the WAN to the analysis server: a service nobody agreed on, then factory B reads our topics and portal."""
    ssh_server(f, "analysis-2")
    ssh(f, "relay-b", "analysis-2", key="bad")
    mqtt_sub(f, "relay-b", "analysis-2", "factory-a/plan/#", seconds=1, client="factory-b-curious")
    tls_get(f, "viewer-b", "portal-a")


def D7(f):
    """Data analysis (2) is infected: it goes for the controller itself."""
    modbus_read(f, "analysis-2", "plc-1", "holding", 0, 10)
    modbus_write(f, "analysis-2", "plc-1", 105, 0)
