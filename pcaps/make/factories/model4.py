"""Implementation model 4: remote maintenance. An UDP echo stands for the VPN gateway, SSH for the remote desktop."""

import time

from stacks import (echo_server, enip, enip_target, modbus_poll, modbus_server, modbus_write, nmap, ssh,
                    ssh_server, talk)

POLICY = "zones/model4.yaml"


def servers(f):
    modbus_server(f, "plc-1")
    enip_target(f, "plc-2")
    ssh_server(f, "remote-1")
    echo_server(f, "vpn-1", 51820, "udp")
    f.guest("engineer", "internet", "203.0.113.20")  # the vendor's notebook, in Japan
    f.at("2026-11-20T13:00+09:00")  # a Friday, in the hours of visits


def _plant(f):
    """The factory by itself."""
    f.also(modbus_poll, f, "hmi-1", "plc-1", "holding", 100, 5)
    f.also(enip, f, "hmi-1", "plc-2", "read:Temperature")
    modbus_write(f, "hmi-1", "plc-1", 105, 450)


def normal(f):
    """A visit: the engineer dials in, logs in, looks at the controller and changes a setting; the plant goes on."""
    f.also(_plant, f)
    talk(f, "engineer", "vpn-1", 51820, "initiation", "keepalive", kind="udp")
    f.also(ssh, f, "vendor-1", "remote-1", "sleep 2")
    time.sleep(0.5)
    enip(f, "remote-1", "plc-2", "read:Speed", "write:SetpointSpeed=1460")


def I1(f):
    """From the Internet: somebody tries the remote-operation server itself."""
    f.guest("outsider", "internet", "203.0.113.77")
    nmap(f, "outsider", "-sT", "-p", "22,443,3389", "remote-1")


def I1_abroad(f):
    """From abroad: somebody dials in to the VPN gateway."""
    f.guest("outsider", "internet", "203.0.113.200")
    talk(f, "outsider", "vpn-1", 51820, "initiation", kind="udp")


def I2(f):
    """During a visit: other services of the remote-operation server are tried from the vendor's network."""
    nmap(f, "vendor-1", "-sT", "-p", "445,502,3389,5900", "remote-1")


def I2_guesses(f):
    """During a visit: somebody guesses his way in, again and again."""
    f.also(_plant, f)
    for _ in range(5):
        ssh(f, "vendor-1", "remote-1", key="bad")


I2_guesses.alone = True  # small: no session beside it


def I3(f):
    """The remote-operation server was taken: it looks for what it can reach in the plant."""
    nmap(f, "remote-1", "-sT", "-p", "21,22,23,80,135,139,443,445,502,1433,3389,5900", "mes-1")


def I4(f):
    """During a visit: a program of the controller is deleted, and the other is written, which is none of theirs."""
    enip(f, "remote-1", "plc-2", "cip:09,68,1")
    modbus_write(f, "remote-1", "plc-1", 105, 0)


def I4_over(f):
    """The grant ends, and the visit goes on: the session, and the work on the controller."""
    f.also(_plant, f)
    f.also(ssh, f, "vendor-1", "remote-1", "for i in 1 2 3 4 5 6 7 8 9 10 11; do echo $i; sleep 0.5; done", seconds=9)
    enip(f, "remote-1", "plc-2", "every:400,14,Speed")


I4_over.alone = True


def J1(f):
    """From the Internet: somebody tries the maintenance terminal's remote desktop."""
    f.guest("outsider", "internet", "203.0.113.77")
    nmap(f, "outsider", "-sT", "-p", "22,3389,5900", "vendor-1")


def J2(f):
    """During a visit: a terminal that nobody listed logs in from the vendor's network."""
    f.guest("notebook", "vendor", "172.23.0.99")
    ssh(f, "notebook", "remote-1", "id")


def J3(f):
    """Nobody visits: the infected maintenance terminal tries the server, then the controller around it."""
    f.also(_plant, f)
    ssh(f, "vendor-1", "remote-1", "id")
    enip(f, "remote-1", "plc-2", "read:Speed")
    nmap(f, "vendor-1", "-sT", "-p", "44818", "plc-2")


J3.alone = True


def J3_night(f):
    """A session at night, although the grant of the afternoon is still active."""
    f.at("2026-11-20T20:30+09:00")
    f.also(_plant, f)
    ssh(f, "vendor-1", "remote-1", "id")


J3_night.alone = True


def contract_over(f):
    """The day after the contract ended, the vendor logs in as ever."""
    f.at("2027-04-01T09:00+09:00")
    f.also(_plant, f)
    ssh(f, "vendor-1", "remote-1", "id")


contract_over.alone = True
