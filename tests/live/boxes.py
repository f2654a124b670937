"""A box between a client and a device, the same network for each thing that can be in it.

    hmi-1, mes-1 ── ca ══ va ── box ── vb ══ cb ── plc-1, plc-2          the addresses of zones/model1.yaml

    with Box("bridge") as box:          plain Linux: a bridge
    with Box("router"):                 plain Linux: a router
    with Box("kidoban-bridge", kidoban=PATH), Box("kidoban-queue", kidoban=PATH):
                                        `kidoban run` with zones/model1.yaml in mode enforce, where mes-1 may
                                        send its files to plc-2 besides; the queue behind the exported rules
    with Box("a command with %a and %b"):
                                        a program that says "ready"

Modbus of hmi-1 is decoded and judged; conduits of it degrade what is forbidden.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile

from lab import ROOT, Lab, until

HMI, MES, PLC, PLC_2 = "10.40.0.5", "10.40.0.20", "10.50.0.11", "10.50.0.12"
PLC_MAC = "00:80:f4:01:02:03"
BULK_PORT = "9000"
BULK = f"""
  - id: files
    from: mes-1
    to: plc-2
    reason: the flow beside
    allow:
      - tcp: {BULK_PORT}
    on-violation: drop
    fail: open
"""
CONFIG = """\
policy: policy.yaml
sources:
  - {%s, workers: %d}
outputs:
  - file: eve.json
    events: [alert]
control: {socket: control.sock}
"""
PLAIN = ("bridge", "router")


class Box(Lab):
    def __init__(self, kind, kidoban=None, workers=1, wrap=()):
        super().__init__()
        self.kind, self.kidoban, self.workers, self.wrap = kind, kidoban, workers, list(wrap)
        self.folder = tempfile.mkdtemp(prefix="kidoban-box-")
        self.service = None
        try:
            self.cables(kind in ("router", "kidoban-queue"))
            self.fill()
        except BaseException:
            self.close()
            raise

    def cables(self, routed):
        self.box, self.a, self.b = (self.namespace(n) for n in ("box", "a", "b"))
        self.cable(self.a, "ca", self.box, "va")
        self.cable(self.b, "cb", self.box, "vb")
        self.b.run("ip", "link", "set", "cb", "address", PLC_MAC)
        for ns, end, addresses in ((self.a, "ca", (HMI, MES)), (self.b, "cb", (PLC, PLC_2))):
            ns.run("ip", "link", "set", end, "arp", "on")
            for address in addresses:
                ns.run("ip", "address", "add", f"{address}/{24 if routed else 8}", "dev", end)
        if not routed:
            return
        self.box.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        for own, address, ns in (("va", "10.40.0.1", self.a), ("vb", "10.50.0.1", self.b)):
            self.box.run("ip", "link", "set", own, "arp", "on")
            self.box.run("ip", "address", "add", f"{address}/24", "dev", own)
            ns.run("ip", "route", "add", "default", "via", address)

    def fill(self):
        if self.kind == "bridge":
            self.box.run("ip", "link", "add", "br0", "type", "bridge")
            for own in ("va", "vb"):
                self.box.run("ip", "link", "set", own, "master", "br0")
            self.box.run("ip", "link", "set", "br0", "up")
        elif self.kind.startswith("kidoban-"):
            self.serve("bridge: [va, vb]" if self.kind == "kidoban-bridge" else "queue: 0")
        elif self.kind != "router":
            self.start(self.box, shlex.split(self.kind.replace("%a", "va").replace("%b", "vb"))).says("ready")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def serve(self, source):
        with open(os.path.join(ROOT, "zones", "model1.yaml"), encoding="utf-8") as f:
            policy = re.sub(r"(?m)^mode: detect\b", "mode: enforce", f.read())
        assert "mode: enforce" in policy
        self.write("policy.yaml", policy + BULK)
        self.write("kidoban.yaml", CONFIG % (source, self.workers))
        if source.startswith("queue"):
            self.rules()
        self.service = self.start(self.box, self.wrap + [self.kidoban, "run", "-c", self.path("kidoban.yaml")],
                                  env={"NOTIFY_SOCKET": ""})
        until(self.answers, lambda: f"kidoban answers; it said {self.service.err[-5:]}")
        # from the first beat on all is seen
        held = ["netdev", "kidoban_live_va"] if source.startswith("bridge") else ["inet", "kidoban"]
        until(lambda: "expires" in self.box.run("nft", "list", "table", *held).stdout, "the first beat")

    def export(self, *words):
        return subprocess.run([self.kidoban, "export", *words, "--workers", str(self.workers)], capture_output=True,
                              text=True, check=True).stdout

    def rules(self):
        """The exported ruleset; where nft cannot queue, with iptables at its end."""
        for how in ("queue", "mark"):
            loaded = self.box.run("nft", "-f", "-", check=False,
                                  feed=self.export("nftables", "--inspect", how, self.path("policy.yaml")))
            if loaded.returncode == 0:
                break
        assert loaded.returncode == 0, loaded.stderr
        if how == "mark":
            self.box.run("sh", "-e", feed=self.export("iptables"))

    def answers(self):
        assert self.service.alive(), self.service.err[-5:]
        try:
            return self.ask("status")
        except OSError:
            return None

    def ask(self, what):
        """status or stats of the service."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(self.path("control.sock"))
            s.sendall(json.dumps({"do": what}).encode() + b"\n")
            return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))

    def judged(self):
        """How many operations conduit hmi-plc has permitted."""
        return next(c["ops"] for c in self.ask("status")["conduits"] if c["id"] == "hmi-plc")

    def close(self):
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)
