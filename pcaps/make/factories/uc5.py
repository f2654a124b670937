"""Use case 5: welding robots. Controllers are EtherNet/IP targets (ours), robots Modbus devices."""

from stacks import (enip, enip_target, modbus_poll, modbus_raw, modbus_server, modbus_write, nmap, ssh, ssh_server,
                    tls_get, tls_server)

POLICY = "zones/uc5.yaml"


def servers(f):
    enip_target(f, "controller-1")
    modbus_server(f, "robot-1")
    modbus_server(f, "robot-2")
    tls_server(f, "scada-1")
    tls_server(f, "mes-1")
    ssh_server(f, "remote-1")


def normal(f):
    """The cell welds, SCADA and MES look on, the vendor sees how controller 1 is."""
    f.also(modbus_poll, f, "controller-1", "robot-1", "holding", 100, 4)
    f.also(enip, f, "scada-1", "controller-1", "read:Count")
    f.also(enip, f, "vision-1", "controller-1", "write:SetpointSpeed=900")
    for x, y, z in ((210, 330, 90), (215, 330, 90)):
        modbus_write(f, "controller-1", "robot-1", 101, x, y, z)
        modbus_write(f, "controller-1", "robot-2", 101, x, y + 100, z)
    tls_get(f, "scada-terminal-1", "scada-1")
    tls_get(f, "scada-1", "mes-1")
    ssh(f, "vendor-1", "remote-1", "id")
    enip(f, "remote-1", "controller-1", "read:Speed")


def download(f):
    """In maintenance, the engineering terminal loads a program: nothing is wrong with that."""
    enip(f, "eng-1", "controller-1", "cip:09,68,1")


def download_normal(f):
    """The engineering terminal loads a program while the cell welds."""
    enip(f, "eng-1", "controller-1", "cip:09,68,1")


def download_elsewhere(f):
    """The SCADA server, taken, loads a program."""
    enip(f, "scada-1", "controller-1", "cip:09,68,1")


def vendor_astray(f):
    """The vendor's session reaches for SCADA instead of its target."""
    ssh_server(f, "scada-1")
    ssh(f, "remote-1", "scada-1", "id")


def sweep(f):
    """The SCADA terminal, infected, sweeps the control network: ports, ListIdentity, Modbus identity."""
    nmap(f, "scada-terminal-1", "-sT", "-p", "502,44818", "10.50.0.11-26")
    enip(f, "scada-terminal-1", "controller-1", "attr:1,1,7")
    modbus_raw(f, "scada-terminal-1", "robot-1", "2b0e0100")


def upload_unlisted(f):
    """A notebook nobody knows reads the program out of controller 1."""
    f.guest("notebook", "control", "10.50.0.99")
    enip(f, "notebook", "controller-1", "cip:4c,68,1")
