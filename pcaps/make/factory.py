"""A factory in network namespaces, laid out as a policy file says.

    f = Factory("zones/model1.yaml")
    f.guest("intruder", zone="iot-nw", address="10.20.0.99")
    f.run("hmi-1", "mbpoll", ...)              # at that host; it comes into being when first used
    f.record(); ...; f.write("model1-A4.pcap")
    f.end()                                    # or use it in a `with`

One namespace per host, and one for the router that joins the zones: each zone is a bridge there.
The policy gives each asset its zone, addresses and MAC (one is made up where it names none); assets
with role router are not hosts: their addresses are the router's. A zone without one gets the first
free address of each network. A zone of `networks: [any]` is as many networks as its hosts have: each
address lies in a /24 (or /64) of its own, so documentation prefixes (203.0.113.0/24,
198.51.100.0/24, 2001:db8::/64) do for outside hosts.

Frames are recorded where they enter the bridge of their sender's zone: each exactly once, with its
sender's MAC, also those between two hosts of one zone; what the router itself says (ARP answers,
ICMP errors) is not recorded. Hosts are quiet: no offloading, no router solicitations, no multicast
reports, no duplicate address detection.

Names carry this process's id: several factories may stand on one machine. Needs root, iproute2,
ethtool, nftables (IPv6 only), tcpdump, python3-yaml.
"""

import atexit
import ctypes
import datetime
import glob
import ipaddress
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import yaml

MAKE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(MAKE))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import capture_edit  # noqa: E402

PREFIX = "kdf"  # kdf<process>-<n>-<host>
CLONE_NEWNET = 0x40000000
# Multicast reports and router solicitations of IPv6: noise between the lines.
QUIET6 = """table inet quiet {
  chain out {
    type filter hook output priority 0;
    icmpv6 type { 130, 131, 132, 133, 143 } drop;
  }
}"""


class Skip(Exception):
    """This factory cannot stand here; says what is missing."""


def need(*tools):
    missing = [t for t in tools if not shutil.which(t)]
    if missing:
        raise Skip("needs " + ", ".join(missing))


def shell(script, check=True):
    """Runs lines of sh; the commands that make the factory."""
    got = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=False)
    if check and got.returncode:
        raise RuntimeError(f"{script}\n{got.stderr}")
    return got.stdout


def load(path, outer=None):
    """A policy with what it includes; ${variables} filled in."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    values = {**(yaml.load(text, yaml.BaseLoader).get("variables") or {}), **(outer or {})}
    text = re.sub(r"(?<!\$)\$\{([^}]*)\}", lambda m: values[m[1]], text)
    policy = yaml.load(text, yaml.BaseLoader)  # every value is text, as it is to kidoban
    include = policy.get("include", [])
    for name in include if isinstance(include, list) else [include]:
        other = load(os.path.join(os.path.dirname(path), name), values)
        for key in ("zones", "assets"):
            policy[key] = {**(other.get(key) or {}), **(policy.get(key) or {})}
    return policy


def sweep():
    """Removes what runs left behind that were killed before they could."""
    for ns in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
        m = re.match(PREFIX + r"(\d+)-", ns)
        if m and not os.path.exists(f"/proc/{m[1]}"):
            _remove(ns)


def _remove(ns):
    for pid in shell(f"ip netns pids {ns} 2>/dev/null || true").split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    shell(f"ip netns del {ns}", check=False)


class Host:
    def __init__(self, name, zone, addresses, mac):
        self.name = name
        self.zone = zone
        self.addresses = [ipaddress.ip_address(a) for a in addresses]
        self.mac = mac
        self.ns = None  # until it is first used

    @property
    def address(self):
        return str(self.addresses[0])


class Zone:
    def __init__(self, name, number, networks):
        self.name = name
        self.bridge = f"br{number}"
        self.any = "any" in networks
        self.networks = [ipaddress.ip_network(n) for n in networks if n != "any"]
        self.networks = [n for n in self.networks if not n.is_multicast]
        self.gateways = {}  # network: address of the router there
        self.routers = []  # addresses of assets with role router
        self.up = False


class Factory:
    count = 0

    def __init__(self, policy):
        if os.geteuid() != 0:
            raise Skip("needs root")
        need("ip", "ethtool", "tcpdump")
        self.policy = load(os.path.join(ROOT, policy))
        Factory.count += 1
        self.prefix = f"{PREFIX}{os.getpid()}-{Factory.count}-"
        self.router = self.prefix + "router"
        self.work = tempfile.mkdtemp(prefix="kidoban-factory-")
        self.resolver = os.path.join(self.work, "resolv.conf")
        with open(self.resolver, "w", encoding="ascii") as f:
            f.write("nameserver 127.0.0.1\n")
        self.zones, self.hosts = {}, {}
        self.processes, self.threads, self.errors, self.recorders = [], [], [], {}
        self.lock = threading.RLock()
        self.recording = None
        self.begin = None
        self.ports = 0
        self._read()
        shell(f"ip netns add {self.router}")
        atexit.register(self.end)
        self._quiet(self.router, True)  # nothing it says is recorded
        shell(f"ip netns exec {self.router} sysctl -qw net.ipv4.ip_forward=1 "
              f"net.ipv6.conf.all.forwarding=1; ip -n {self.router} link set lo up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def _read(self):
        """Zones and assets of the policy, also of those that it includes; ${variables} filled in."""
        policy = self.policy
        for n, (name, zone) in enumerate((policy.get("zones") or {}).items()):
            self.zones[name] = Zone(name, n, zone.get("networks", []))
        for n, (name, asset) in enumerate((policy.get("assets") or {}).items()):
            addresses = asset.get("addresses", asset.get("address", []))
            addresses = addresses if isinstance(addresses, list) else [addresses]
            zone = self.zones[asset["zone"]]
            if asset.get("role") == "router":
                zone.routers += [ipaddress.ip_address(a) for a in addresses]
                continue
            mac = asset.get("mac", f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}")
            if int(mac[:2], 16) & 1:  # a group of devices, no device
                continue
            self.hosts[name] = Host(name, zone, addresses, mac)

    def guest(self, name, zone, address=None, mac=None):
        """A host that the policy does not name; or more addresses for one that it does."""
        addresses = [address] if isinstance(address, str) else list(address or [])
        mac = mac or f"02:00:00:66:00:{len(self.hosts) & 255:02x}"
        self.hosts[name] = Host(name, self.zones[zone], addresses, mac)
        return self.hosts[name]

    def address(self, name):
        """The first address of a host; an address is its own."""
        return self.hosts[name].address if name in self.hosts else name

    # ---- building

    def _quiet(self, ns, six):
        """The router keeps its link-local addresses: it solicits neighbours from them."""
        keys = ["accept_ra=0", "router_solicitations=0", "accept_dad=0", "dad_transmits=0"] if six else [
            "disable_ipv6=1"]
        keys += ["addr_gen_mode=1"] if six and ns != self.router else []
        words = " ".join(f"net.ipv6.conf.{c}.{k}" for c in ("all", "default") for k in keys)
        shell(f"ip netns exec {ns} sysctl -qw {words}")
        if six and ns != self.router:
            need("nft")
            shell(f"ip netns exec {ns} nft '{QUIET6}'")

    def _network(self, zone, address):
        """The network of a zone that an address lies in."""
        inside = [n for n in zone.networks if n.version == address.version and address in n]
        if inside:
            return max(inside, key=lambda n: n.prefixlen)
        if not zone.any:
            raise ValueError(f"{address} is not in zone {zone.name}")
        return ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False)

    def _gateway(self, zone, network):
        """The router's address in a network, made when the first host there is."""
        if network not in zone.gateways:
            taken = {a for h in self.hosts.values() for a in h.addresses}
            own = [a for a in zone.routers if a in network]
            own += [a for a in (network[1], network[-2]) if a not in taken]
            zone.gateways[network] = own[0]
            shell(f"ip -n {self.router} addr add {own[0]}/{network.prefixlen} dev {zone.bridge}"
                  + (" nodad" if network.version == 6 else ""))
        return zone.gateways[network]

    def _zone_up(self, zone):
        if zone.up:
            return
        zone.up = True
        number = list(self.zones.values()).index(zone)
        shell(f"""ip -n {self.router} link add {zone.bridge} type bridge mcast_snooping 0
            ip -n {self.router} link set {zone.bridge} address 02:00:00:fe:00:{number:02x} up""")
        if self.recording:
            self._record_zone(zone)

    def host(self, name):
        """The host, in being from now on."""
        with self.lock:
            if name not in self.hosts:
                raise ValueError(f"no asset or guest '{name}'")
            h = self.hosts[name]
            if h.ns:
                return h
            self._zone_up(h.zone)
            self.ports += 1
            ns, port = self.prefix + name, f"p{self.ports}"
            shell(f"ip netns add {ns}")
            self._quiet(ns, any(a.version == 6 for a in h.addresses))
            lines = [
                f"ip -n {self.router} link add {port} type veth peer name eth0 netns {ns}",
                f"ip -n {ns} link set eth0 address {h.mac}",
                # Checksums as they would be on a wire, and no segment larger than it.
                f"ip netns exec {ns} ethtool -K eth0 tx off tso off gso off gro off >/dev/null",
                f"ip -n {self.router} link set {port} master {h.zone.bridge} up",
                f"ip -n {ns} link set lo up",
                f"ip -n {ns} link set eth0 up",
            ]
            shell("\n".join(lines))
            lines = []
            for a in h.addresses:
                net = self._network(h.zone, a)
                gate = self._gateway(h.zone, net)
                six = a.version == 6
                flag = "-6 " if six else ""
                lines.append(f"ip -n {ns} addr add {a}/{net.prefixlen} dev eth0" + (" nodad" if six else ""))
                lines.append(f"ip {flag}-n {ns} route replace default via {gate}")
                # Zones that are carved out of this one's network lie behind the router.
                for z in self.zones.values():
                    for other in z.networks if z is not h.zone else []:
                        if other.version == net.version and other.subnet_of(net):
                            lines.append(f"ip {flag}-n {ns} route replace {other} via {gate}")
            shell("\n".join(lines))
            h.ns = ns
            return h

    # ---- processes at hosts

    def _argv(self, name, argv):
        """No resolver but the host's own: programs that look up names for their logs stay quiet."""
        quiet = 'mount --bind "$0" /etc/resolv.conf; exec "$@"'
        return ["ip", "netns", "exec", self.host(name).ns, "sh", "-c", quiet, self.resolver, *map(str, argv)]

    def start(self, name, *argv, stdin=False, env=None):
        """Starts a program at a host and leaves it running until the end."""
        p = subprocess.Popen(self._argv(name, argv), stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
                             cwd=self.work, env={**os.environ, **(env or {})}, start_new_session=True)
        with self.lock:
            self.processes.append(p)
        return p

    def run(self, name, *argv, stdin="", timeout=30, env=None):
        """Runs a program at a host to its end, or for `timeout` seconds; what it printed."""
        p = subprocess.Popen(self._argv(name, argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, cwd=self.work,
                             env={**os.environ, **(env or {})}, start_new_session=True)
        with self.lock:
            self.processes.append(p)
        try:
            return p.communicate(stdin, timeout)[0]
        except subprocess.TimeoutExpired:
            self.stop(p)
            return p.communicate()[0]

    def stop(self, p):
        """Ends a program that start() began, politely first."""
        for sig in (signal.SIGTERM, signal.SIGKILL):
            if p.poll() is not None:
                return
            try:
                os.killpg(p.pid, sig)
                p.wait(2)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass

    def call(self, name, function, *args):
        """Calls a Python function in a child process at a host; for sockets of one's own."""
        ns = self.host(name).ns
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with open(f"/run/netns/{ns}", encoding="ascii") as f:
                    if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET) == 0:
                        function(*args)
                        code = 0
            except OSError as e:
                print(f"{name}: {e}", file=sys.stderr)
            finally:
                os._exit(code)
        return os.waitpid(pid, 0)[1] == 0

    def wait_port(self, name, port, kind="tcp", seconds=10):
        """Waits until somebody listens on a port of a host."""
        ns, end = self.host(name).ns, time.monotonic() + seconds
        option = "-Hltn" if kind == "tcp" else "-Hlun"
        while not shell(f"ip netns exec {ns} ss {option} 'sport = :{port}'").strip():
            if time.monotonic() > end:
                raise RuntimeError(f"{name}: nobody listens on {kind} port {port}")
            time.sleep(0.05)

    def also(self, function, *args, **kwargs):
        """Runs a flow beside the others, in a thread; write() waits for it."""
        def guarded():
            try:
                function(*args, **kwargs)
            except Exception as e:  # told by write(): a flow that failed is no flow
                self.errors.append(f"{function.__name__}: {e}")
        t = threading.Thread(target=guarded, daemon=True)
        t.start()
        self.threads.append(t)
        return t

    def wait(self):
        """Waits for all that also() began."""
        while self.threads:
            self.threads.pop().join(120)
        if self.errors:
            raise RuntimeError("; ".join(self.errors))

    # ---- recording

    def _record_zone(self, zone):
        path = os.path.join(self.recording, zone.bridge + ".pcap")
        p = subprocess.Popen(
            ["ip", "netns", "exec", self.router, "tcpdump", "-n", "-U", "--immediate-mode", "-Q", "in", "-s", "0",
             "-i", zone.bridge, "--time-stamp-precision=micro", "-w", path],
            stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.recorders[p] = path
        for line in p.stderr:
            if "listening on" in line:
                return
        raise RuntimeError("tcpdump: " + line)

    def record(self):
        """From here on frames are recorded."""
        self.recording = tempfile.mkdtemp(dir=self.work)
        with self.lock:
            for zone in self.zones.values():
                if zone.up:
                    self._record_zone(zone)

    def at(self, when):
        """The capture begins then, "2026-11-20T13:00+09:00", whenever it is made: for conduits with hours."""
        self.begin = datetime.datetime.fromisoformat(when)
        if not self.begin.tzinfo:
            raise ValueError(f"{when}: in which time zone?")

    def write(self, path):
        """Waits for all flows, ends the recording and joins it into one file, in order of time."""
        try:
            self.wait()
            time.sleep(0.3)
        finally:
            for p in self.recorders:
                p.send_signal(signal.SIGINT)
            for p in self.recorders:
                p.communicate(timeout=10)
        frames = [f for p in self.recorders.values() for f in capture_edit.read(p).frames]
        self.recorders, self.recording = {}, None
        frames.sort(key=lambda f: f.time)
        if self.begin and frames:
            shift = int(self.begin.timestamp()) * 10**9 - frames[0].time
            for frame in frames:
                frame.time += shift
        whole = capture_edit.Capture(frames, capture_edit.ETHER)
        with open(path, "wb") as out:
            out.write(capture_edit.encode(whole))
        return len(frames), os.path.getsize(path)

    def end(self):
        """Nothing of the factory is left after this."""
        atexit.unregister(self.end)
        for p in list(self.recorders) + self.processes:
            if p.poll() is None:
                try:
                    os.killpg(p.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                p.wait()
        self.recorders, self.processes = {}, []
        for path in glob.glob(f"/run/netns/{self.prefix}*"):
            _remove(os.path.basename(path))
        shutil.rmtree(self.work, ignore_errors=True)
