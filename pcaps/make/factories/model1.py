"""Implementation model 1: data of IoT devices, one factory."""

from stacks import (enip, enip_target, modbus_poll, modbus_read, modbus_server, modbus_write, mqtt_broker,
                    mqtt_pub, mqtt_sub, nmap, ssh, ssh_server, tls_get, tls_server)

POLICY = "zones/model1.yaml"


def servers(f):
    modbus_server(f, "plc-1")
    enip_target(f, "plc-2")
    mqtt_broker(f, "relay-1")
    mqtt_broker(f, "iot-gw-1")  # the sensors' side of the gateway
    tls_server(f, "analysis-1")


def normal(f):
    """Sensor data up, results down, operator screens, the engineer looks; four seconds."""
    f.also(mqtt_sub, f, "analysis-1", "relay-1", "plant/line1/#")
    f.also(mqtt_sub, f, "mes-1", "relay-1", "plan/#")
    f.also(modbus_poll, f, "hmi-1", "plc-1", "holding", 100, 20)
    f.also(enip, f, "hmi-1", "plc-2", "every:500,3,Speed", "write:SetpointSpeed=900")
    f.also(mqtt_pub, f, "iot-gw-1", "relay-1", "plant/line1/temperature", "21.5", "22.5", "23.5")
    f.also(mqtt_pub, f, "sensor-1", "iot-gw-1", "sensor/vibration", "0.03", "0.04", "0.03", every=1)
    modbus_write(f, "hmi-1", "plc-1", 105, 450)
    modbus_read(f, "eng-1", "plc-1", "holding", 0, 4)
    mqtt_pub(f, "analysis-1", "relay-1", "plan/line1/rate", "450", client="analysis-1-plan", qos=1)
    tls_get(f, "viewer-1", "analysis-1")


def A1(f):
    """An IoT device with a back door calls home, and looks for services in the DMZ."""
    f.guest("c2", "wan", "203.0.113.66")
    tls_server(f, "c2")
    tls_get(f, "sensor-1", "c2")
    nmap(f, "sensor-1", "-sT", "-p", "22,80,443", "relay-1")


def A2(f):
    """A rogue station at the access point publishes as if it were a sensor."""
    f.guest("rogue", "iot-nw", "10.20.0.99")
    mqtt_pub(f, "rogue", "relay-1", "plant/line1/temperature", "99.9", client="sensor-77")


def A3(f):
    """The gateway itself was taken: it speaks to others than its relay."""
    tls_get(f, "iot-gw-1", "analysis-1")


def A4(f):
    """From the IoT network to the control network: a scan of its servers, a write to a controller."""
    nmap(f, "iot-gw-1", "-sT", "-p", "22,445,3389", "mes-1")
    modbus_read(f, "iot-gw-1", "plc-1", "holding", 0, 10)
    modbus_write(f, "iot-gw-1", "plc-1", 105, 0)


def B1(f):
    """The viewer is infected: it tries keys at the analysis server."""
    ssh_server(f, "analysis-1")
    ssh(f, "viewer-1", "analysis-1", key="bad")


def B2(f):
    """Data analysis (1) is infected: it opens a session towards production planning."""
    ssh_server(f, "mes-1")
    ssh(f, "analysis-1", "mes-1", "id")


def B3(f):
    """From the information network to the control network: a visitor's PC scans, then writes."""
    f.guest("visitor", "info-nw", "10.10.7.77")
    nmap(f, "visitor", "-sT", "-p", "22,445,3389", "mes-1", "hmi-1")
    modbus_read(f, "visitor", "plc-1", "holding", 0, 10)
    modbus_write(f, "visitor", "plc-1", 105, 0)
