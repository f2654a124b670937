"""Servers and clients for the factories, all of them real implementations (enip_target.py is ours).

Each takes the factory and the name of a host first. Servers return when they listen; clients return
when they are done (f.also(...) runs one beside the others). `to` is a host or an address.
"""

import atexit
import os
import shutil
import socket
import struct
import subprocess
import tempfile

from factory import MAKE, ROOT, Skip, need

_made = {}  # what is made once per run: the compiled tool, keys, the folder of npm


def _once(name, make):
    if name not in _made:
        folder = tempfile.mkdtemp(prefix="kidoban-stacks-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        make(folder)
        _made[name] = folder
    return _made[name]


def _quietly(*argv):
    subprocess.run(argv, check=True, capture_output=True)


# ---- Modbus/TCP: libmodbus (modbus-tool.c), mbpoll


def _modbus_tool():
    def make(folder):
        need("gcc", "pkg-config", "mbpoll")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmodbus"], capture_output=True,
                               text=True, check=False)
        if flags.returncode:
            raise Skip("needs libmodbus-dev")
        _quietly("gcc", "-O2", "-o", folder + "/modbus-tool", MAKE + "/modbus-tool.c", *flags.stdout.split())
    return _once("modbus", make) + "/modbus-tool"


class ModbusDevice:
    """A device whose values are set from outside, as a process would: set("input", 0, 250)."""

    def __init__(self, process):
        self.process = process

    def set(self, table, address, value):
        """table: holding, input, coil or discrete."""
        self.process.stdin.write(f"{table} {address} {value}\n")
        self.process.stdin.flush()


def modbus_server(f, host):
    """holding 0-999 (400 + n % 50 from 100), inputs, coils and discrete inputs 0-99 (0)."""
    device = ModbusDevice(f.start(host, _modbus_tool(), "plant", f.address(host), stdin=True))
    f.wait_port(host, 502)
    return device


def modbus_device(f, host, port=502):
    """pymodbus: answers all functions, device identification (43/14) too; its values stay what they are."""
    python = "/usr/bin/python3"  # Debian's, which has Debian's pymodbus
    if subprocess.run([python, "-c", "import pymodbus"], capture_output=True, check=False).returncode:
        raise Skip("needs python3-pymodbus")
    f.start(host, python, MAKE + "/modbus_device.py", "tcp", f.address(host), port)
    f.wait_port(host, port)


TABLES = {"coil": "0", "discrete": "1", "input": "3", "holding": "4"}


def modbus_poll(f, host, to, table="holding", first=0, count=1, seconds=4, every=500, unit=1):
    """Reads again and again over one connection; `every` in ms, at least 100."""
    f.run(host, "timeout", seconds, "mbpoll", "-m", "tcp", "-a", unit, "-0", "-t", TABLES[table],
          "-r", first, "-c", count, "-l", every, f.address(to), timeout=seconds + 5)


def modbus_read(f, host, to, table="holding", first=0, count=1, unit=1):
    """Reads once, over a connection of its own."""
    return f.run(host, "mbpoll", "-m", "tcp", "-a", unit, "-0", "-t", TABLES[table], "-r", first,
                 "-c", count, "-1", "-o", "1", f.address(to))


def modbus_write(f, host, to, first, *values, table="holding", unit=1):
    """Writes once: one value is function 6 or 5, several are 16 or 15."""
    return f.run(host, "mbpoll", "-m", "tcp", "-a", unit, "-0", "-t", TABLES[table], "-r", first,
                 "-o", "1", f.address(to), "--", *values)


def modbus_raw(f, host, to, *pdus, unit=1):
    """Sends PDUs in hexadecimal, function code first: "2b0e0100" asks who the device is."""
    return f.run(host, _modbus_tool(), "raw", f.address(to), unit, *pdus)


# ---- MQTT: mosquitto


def mqtt_broker(f, host, port=1883, tls_port=None):
    need("mosquitto", "mosquitto_pub", "mosquitto_sub")
    conf = os.path.join(f.work, f"mosquitto-{host}.conf")
    with open(conf, "w", encoding="ascii") as out:
        out.write(f"allow_anonymous true\nlistener {port} {f.address(host)}\n")
        if tls_port:
            keys = certificate(host)
            out.write(f"listener {tls_port} {f.address(host)}\n"
                      f"certfile {keys}/cert.pem\nkeyfile {keys}/key.pem\n")
    os.chmod(f.work, 0o755)
    f.start(host, "mosquitto", "-c", conf)
    f.wait_port(host, port)


def mqtt_pub(f, host, to, topic, *messages, client=None, qos=0, port=1883, every=0.7):
    """Publishes over one connection, `every` seconds apart."""
    words = ["mosquitto_pub", "-h", f.address(to), "-p", port, "-i", client or host, "-q", qos, "-t", topic]
    if len(messages) == 1:
        return f.run(host, *words, "-m", messages[0])
    lines = "".join(f"echo '{m}'; sleep {every}; " for m in messages)
    return f.run(host, "sh", "-c", f'({lines}) | exec "$0" "$@"', *words, "-l")


def mqtt_sub(f, host, to, topic, seconds=4, client=None, port=1883):
    return f.run(host, "timeout", seconds, "mosquitto_sub", "-h", f.address(to), "-p", port,
                 "-i", client or host, "-t", topic, timeout=seconds + 5)


# ---- EtherNet/IP: a target of our own; clients st-ethernet-ip, ethernet-ip, nodepccc (npm)


def _npm():
    """The folder with the three packages: NODE_PATH, or build/npm, filled when it is not there."""
    need("node", "npm")
    here = os.path.join(ROOT, "build", "npm")
    for path in (os.environ.get("NODE_PATH", ""), os.path.join(here, "node_modules")):
        if path and os.path.isdir(os.path.join(path, "st-ethernet-ip")):
            return path
    try:
        _quietly("npm", "install", "--silent", "--prefix", here, "st-ethernet-ip@2.7", "ethernet-ip@1.2",
                 "nodepccc")
    except subprocess.CalledProcessError as e:
        raise Skip("needs NODE_PATH with st-ethernet-ip, ethernet-ip and nodepccc") from e
    return os.path.join(here, "node_modules")


def enip_target(f, host):
    """Tags Speed, Temperature, Running, Count, Total, Flags, Recipe, Trend, Program:Main.Step, SetpointSpeed."""
    f.start(host, "python3", MAKE + "/enip_target.py", f.address(host))
    f.wait_port(host, 44818)


def enip(f, host, to, *words):
    """Requests by st-ethernet-ip, see enip-do.js: enip(f, "hmi-1", "plc-2", "read:Speed")."""
    said = f.run(host, "node", MAKE + "/enip-do.js", f.address(to), *words, env={"NODE_PATH": _npm()},
                 timeout=40)
    if "broken:" in said or "Error" in said:
        raise RuntimeError("enip-do.js: " + said)
    return said


def enip_pccc(f, host, to):
    """Reads and writes of SLC data files by nodepccc, see enip-pccc.js."""
    return f.run(host, "node", MAKE + "/enip-pccc.js", f.address(to), env={"NODE_PATH": _npm()})


# ---- TLS, HTTP: openssl, python3 http.server, curl


def certificate(name):
    """A folder with key.pem and cert.pem of that name."""
    def make(folder):
        need("openssl")
        _quietly("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                 "-nodes", "-days", "3650", "-subj", f"/CN={name}", "-keyout", folder + "/key.pem",
                 "-out", folder + "/cert.pem")
        os.chmod(folder, 0o755)
        os.chmod(folder + "/key.pem", 0o644)  # a broker that gives up root reads it
    return _once("certificate " + name, make)


def tls_server(f, host, port=443):
    """openssl s_server with a small page, /index.html."""
    keys = certificate(host)
    with open(os.path.join(f.work, "index.html"), "w", encoding="ascii") as out:
        out.write("<p>kidoban</p>\n")
    f.start(host, "openssl", "s_server", "-quiet", "-accept", f"{f.address(host)}:{port}", "-WWW",
            "-key", keys + "/key.pem", "-cert", keys + "/cert.pem")
    f.wait_port(host, port)


def tls_get(f, host, to, port=443, name=None):
    """curl; `name` is what it asks for (SNI), else the address."""
    need("curl")
    address = f.address(to)
    where = ["--resolve", f"{name}:{port}:{address}", f"https://{name}:{port}/index.html"] if name else [
        f"https://{address}:{port}/index.html"]
    return f.run(host, "curl", "-sk", "-m", "5", "--noproxy", "*", *where)


def http_server(f, host, port=80):
    """python3 http.server with index.html and data.csv."""
    folder = os.path.join(f.work, "www")
    os.makedirs(folder, exist_ok=True)
    for name, text in (("index.html", "<p>kidoban</p>\n"), ("data.csv", "time,value\n0,1.5\n1,1.6\n")):
        with open(os.path.join(folder, name), "w", encoding="ascii") as out:
            out.write(text)
    f.start(host, "python3", "-m", "http.server", "-b", f.address(host), "-d", folder, port)
    f.wait_port(host, port)


def http_get(f, host, to, path="/", port=80):
    need("curl")
    return f.run(host, "curl", "-s", "-m", "5", "--noproxy", "*", f"http://{f.address(to)}:{port}{path}")


def http_post(f, host, to, body, path="/", port=80):
    """The server of http_server() answers 501; the request was made all the same."""
    need("curl")
    return f.run(host, "curl", "-s", "-m", "5", "--noproxy", "*", "-d", body,
                 f"http://{f.address(to)}:{port}{path}")


# ---- SSH: OpenSSH


def _ssh_keys():
    def make(folder):
        need("ssh", "sshd", "ssh-keygen")
        for name in ("host", "good", "bad"):
            _quietly("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", f"{folder}/{name}")
    return _once("ssh", make)


def ssh_server(f, host, port=22):
    keys = _ssh_keys()
    os.makedirs("/run/sshd", exist_ok=True)
    # StrictModes: keys lie in a folder for temporary files.
    f.start(host, shutil.which("sshd"), "-D", "-e", "-f", "/dev/null", "-p", port, "-h", keys + "/host",
            "-o", f"ListenAddress={f.address(host)}", "-o", f"AuthorizedKeysFile={keys}/good.pub",
            "-o", "StrictModes=no", "-o", "PidFile=none", "-o", "UsePAM=no", "-o", "PermitRootLogin=yes",
            "-o", "PasswordAuthentication=no", "-o", "PrintMotd=no", "-o", "LogLevel=QUIET")
    f.wait_port(host, port)


def ssh(f, host, to, command="true", port=22, key="good", seconds=6):
    """One session; key="bad" is refused. A `command` such as "sleep 3" keeps it open."""
    keys = _ssh_keys()
    few = {"KexAlgorithms": "curve25519-sha256", "HostKeyAlgorithms": "ssh-ed25519", "Ciphers": "aes128-ctr",
           "MACs": "hmac-sha2-256"}  # half the bytes
    return f.run(host, "timeout", seconds, "ssh", "-F", "/dev/null", "-p", port, "-i", f"{keys}/{key}",
                 "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                 "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                 *(f"-o{k}={v}" for k, v in few.items()), f"root@{f.address(to)}",
                 command, timeout=seconds + 5)


# ---- DNS: dnsmasq, dig


def dns_server(f, host, **names):
    """Answers for the names given: dns_server(f, "dns-1", **{"plc.example": "10.50.0.11"})."""
    need("dnsmasq")
    f.start(host, "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
            "--bind-interfaces", f"--listen-address={f.address(host)}",
            *(f"--address=/{n}/{a}" for n, a in names.items()))
    f.wait_port(host, 53, "udp")


def dns_query(f, host, to, name):
    need("dig")
    return f.run(host, "dig", "+short", "+tries=1", "+time=1", "+nocookie", f"@{f.address(to)}", name)


# ---- scans and small things: nmap, ping, socat, logger


def nmap(f, host, *words):
    """nmap -n -Pn WORD...; hosts may be named: nmap(f, "rogue", "-sT", "-p", "22,80", "plc-1")."""
    need("nmap")
    return f.run(host, "nmap", "-n", "-Pn", "-r", "--max-retries", "0", *(f.address(str(w)) for w in words),
                 timeout=60)


def ping(f, host, to, count=2):
    need("ping")
    return f.run(host, "ping", "-c", count, "-i", "0.3", "-W", "1", f.address(to))


def echo_server(f, host, port, kind="tcp"):
    """Says back what it hears: socat; kind tcp or udp. For services that have no stack here."""
    need("socat")
    a = f.address(host)
    listen = f"{kind.upper()}{'6' if ':' in a else '4'}-LISTEN:{port},bind={'[' + a + ']' if ':' in a else a}"
    f.start(host, "socat", listen + ",fork,reuseaddr", "EXEC:cat")
    f.wait_port(host, port, kind)


def talk(f, host, to, port, *lines, kind="tcp", every=0.2):
    """Sends lines to a TCP or UDP port, `every` seconds apart, and hears the answers."""
    need("socat")
    a = f.address(to)
    script = "".join(f"printf '%s\\n' '{line}'; sleep {every}; " for line in lines)
    return f.run(host, "sh", "-c", f'({script}) | exec timeout 10 socat -t 0.3 - "$0"',
                 f"{kind.upper()}:{'[' + a + ']' if ':' in a else a}:{port},connect-timeout=2")


def syslog(f, host, to, message):
    """logger (util-linux) to UDP port 514."""
    return f.run(host, "logger", "-d", "-n", f.address(to), "-P", "514", "--rfc3164", message)


# ---- frames that are no IP


def frame(f, host, destination, ethertype, payload, count=1, vlan=None):
    """Sends Ethernet frames as they are; destination is a MAC, payload bytes."""
    source = f.host(host).mac

    def send():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind(("eth0", 0))
        tag = struct.pack(">HH", 0x8100, vlan) if vlan is not None else b""
        whole = b"".join(bytes.fromhex(m.replace(":", "")) for m in (destination, source))
        for _ in range(count):
            s.send((whole + tag + struct.pack(">H", ethertype) + payload).ljust(60, b"\0"))
    return f.call(host, send)
