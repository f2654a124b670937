"""Implementation model 7: drones. The drone listens as an MQTT broker; clouds are TLS servers."""

import time

from stacks import (modbus_read, mqtt_broker, mqtt_pub, nmap, ssh, ssh_server, tls_get, tls_server)

POLICY = "zones/model7.yaml"


def servers(f):
    mqtt_broker(f, "drone-1")
    tls_server(f, "cloud-1")


def normal(f):
    """Route and heartbeat from the ground, pictures to the cloud, a viewer who looks."""
    f.also(mqtt_pub, f, "ground-1", "drone-1", "drone/1/alive", *"12345", every=1, client="ground-1-alive")
    mqtt_pub(f, "ground-1", "drone-1", "drone/1/route", "35.68;139.76;40", "35.69;139.77;40")
    tls_get(f, "drone-1", "cloud-1")
    tls_get(f, "viewer-1", "cloud-1")


def A1(f):
    """The drone's software has a back door: it sends its pictures to somebody else as well."""
    f.guest("collector", "internet", "198.51.100.9")
    tls_server(f, "collector")
    tls_get(f, "drone-1", "collector")


def A2(f):
    """A rogue station on the Wi-Fi gives the drone another route."""
    f.guest("rogue", "drone-nw", "10.27.0.99")
    mqtt_pub(f, "rogue", "drone-1", "drone/1/route", "0;0;0", client="ground-2")


def A2_silence(f):
    """The Wi-Fi is jammed: the heartbeat stops while the pictures go on."""
    f.also(mqtt_pub, f, "ground-1", "drone-1", "drone/1/alive", "1", "2", every=1, client="ground-1-alive")
    for _ in range(5):
        tls_get(f, "drone-1", "cloud-1")
        time.sleep(1.8)


A2_silence.alone = True


def B1(f):
    """The viewer is infected: it looks for a way to the drone's network."""
    nmap(f, "viewer-1", "-sT", "-p", "22,1883", "drone-1", "ground-1")


def D4(f):
    """From the Internet: somebody tries to reach the drone over the carrier's line."""
    f.guest("outsider", "internet", "203.0.113.77")
    mqtt_pub(f, "outsider", "drone-1", "drone/1/route", "0;0;0", client="ground-1-x")
