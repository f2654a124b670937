#!/usr/bin/env python3
"""A mirror answers nobody, unless it was told to, and then from aside: real connections. Prints TAP.

tests/live/response.py build/src/kidoban

    client ──┐
    server ──┼── switch ──> mon0  ┐
             └───────────── resp0 ┘ box
"""

import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab as laboratory
from lab import Lab, until

KIDOBAN = os.path.abspath(sys.argv[1])
CLIENT, SERVER, SAFE = "10.40.0.5", "10.50.0.11", "10.60.0.1"
TESTS = []
POLICY = """\
mode: %s
zones:
  ci:   {level: control-information, networks: [10.40.0.0/24]}
  c:    {level: control, networks: [10.50.0.0/24]}
  safe: {level: safety, networks: [10.60.0.0/24]}
conduits:
  - {id: look, from: ci, to: c, allow: [{modbus: {do: read}}], on-violation: %s}
  - {id: trip, from: ci, to: safe, allow: [{modbus: {do: read}}], on-violation: %s}
"""
CONFIG = """\
policy: policy.yaml
sources:
  - {mirror: mon0, immediate: yes, quiet: never, one-way: expected, workers: %d}
outputs:
  - file: eve.json
control: {socket: control.sock}
%s"""
READ = bytes.fromhex("000100000006010300000001")
READ_ANSWER = bytes.fromhex("0001000000050103020007")
WRITE = bytes.fromhex("000200000006010600100384")


def test(f):
    TESTS.append(f)
    return f


def serve(listener, ended):
    """Answers every request as a device would; how a connection ended goes into the list."""
    while True:
        try:
            s, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(s, ended), daemon=True).start()


def answer(s, ended):
    how = "closed"
    try:
        while request := s.recv(12):
            s.sendall(READ_ANSWER if request[7] == 3 else request)
    except OSError as e:
        how = type(e).__name__
    ended.append(how)
    s.close()


class Plant:
    """A switch that mirrors its ports into a box, which has another cable to it."""

    def __init__(self, lab, response="", mode="enforce", action="reject", workers=1):
        self.lab = lab
        self.client, self.server, self.switch, self.box = (lab.namespace(n) for n in
                                                           ("client", "server", "switch", "box"))
        for ns in (self.client, self.server, self.switch, self.box):
            ns.run("sysctl", "-q", "-w", "net.ipv6.conf.default.disable_ipv6=1")
        lab.cable(self.switch, "pc", self.client, "eth0", silent=False)
        lab.cable(self.switch, "ps", self.server, "eth0", silent=False)
        lab.cable(self.switch, "pr", self.box, "resp0")
        lab.cable(self.switch, "pm", self.box, "mon0")
        # it learns nothing, so that every port hears everything, our own answers too
        self.switch.run("ip", "link", "add", "br0", "type", "bridge", "ageing_time", "0")
        for port in ("pc", "ps", "pr", "pm"):
            self.switch.run("ip", "link", "set", port, "master", "br0")
        self.switch.run("ip", "link", "set", "br0", "up")
        for ns, addresses in ((self.client, (CLIENT,)), (self.server, (SERVER, SAFE))):
            for a in addresses:
                ns.run("ip", "address", "add", a + "/8", "dev", "eth0")
        self.ended = []
        self.listener = self.server.call(lambda: socket.create_server(("", 502)))
        threading.Thread(target=serve, args=(self.listener, self.ended), daemon=True).start()
        self.connect().close()  # the cables forward, and neighbours are known
        self.connect(SAFE).close()
        until(lambda: len(self.ended) == 2, "the server heard both")
        self.ended.clear()
        self.idle = {i: self.sent(i) for i in ("mon0", "resp0")}
        self.wire = lab.wire(self.switch, "pr")
        self.d = tempfile.mkdtemp(prefix="kidoban-response-")
        os.chmod(self.d, 0o777)
        self.write("policy.yaml", POLICY % (mode, action, action))
        self.write("kidoban.yaml", CONFIG % (workers, response))

    def write(self, name, text, mode=0o644):
        with open(os.path.join(self.d, name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(os.path.join(self.d, name), mode)

    def start(self):
        ready = laboratory.Ready(os.path.join(self.d, "notify"))
        self.kidoban = self.lab.start(self.box, [KIDOBAN, "run", "-c", os.path.join(self.d, "kidoban.yaml")], ready.env)
        ready.wait(self.kidoban)
        self.settled()
        return self

    def settled(self):
        """A permitted connection works."""
        s = self.connect()
        self.ask(s, READ)
        s.close()

    def sent(self, iface):
        return self.lab.counts(self.box, iface)["tx_packets"]

    def sends(self):
        return {i: self.sent(i) - n for i, n in self.idle.items()}

    def connect(self, to=SERVER):
        def go():
            s = socket.socket()
            s.settimeout(30)
            s.connect((to, 502))
            return s
        return self.client.call(go)

    @staticmethod
    def ask(s, request):
        s.sendall(request)
        got = s.recv(64)
        assert got, "the server hung up"
        return got

    def is_reset(self, s, patience=30):
        """A connection that asks on and on comes to its end: after so many requests; 0: it does not."""
        deadline = time.monotonic() + patience
        asked = 0
        try:
            while time.monotonic() < deadline:
                asked += 1
                self.ask(s, WRITE)
                time.sleep(0.02)
        except ConnectionResetError:
            return asked
        return 0

    def alerts(self, finding="policy.op-denied"):
        try:
            with open(os.path.join(self.d, "eve.json"), encoding="utf-8") as f:
                lines = [json.loads(x) for x in f if x.endswith("\n")]
        except FileNotFoundError:
            return []
        return [x for x in lines if x.get("event_type") == "alert" and x["kidoban"]["finding"] == finding]

    def stop(self):
        code = self.kidoban.stop()
        self.listener.close()
        shutil.rmtree(self.d)
        assert code == 0, self.kidoban.err


def says_no(lab, text, *words, code=3):
    p = Plant(lab, text)
    p.box.run("ip", "link", "property", "add", "dev", "mon0", "altname", "mirror-port")
    k = lab.start(p.box, [KIDOBAN, "run", "-c", os.path.join(p.d, "kidoban.yaml")])
    assert k.wait() == code, (k.err, k.wait())
    assert all(any(w in line for line in k.err) for w in words), k.err
    p.listener.close()
    shutil.rmtree(p.d)


@test
def off():
    """off, which is the default: a forbidden write is told, and nothing at all leaves the box"""
    with Lab() as lab:
        p = Plant(lab).start()
        s = p.connect()
        assert not p.is_reset(s, 2), "nobody was told to"
        until(p.alerts, "the alert")
        assert p.alerts()[0]["kidoban"]["verdict"] == "would-reject", p.alerts()
        assert p.ask(s, READ) == READ_ANSWER
        p.stop()
        assert p.sends() == {"mon0": 0, "resp0": 0}, p.sends()


@test
def on():
    """on: a forbidden write resets the connection at both ends, and only by the other interface"""
    with Lab() as lab:
        p = Plant(lab, "response: {interface: resp0}\nuser: nobody\n", workers=2).start()
        mac = json.loads(p.box.run("ip", "-j", "link", "show", "resp0").stdout)[0]["address"]
        s = p.connect()
        for _ in range(20):
            assert p.ask(s, READ) == READ_ANSWER
        assert p.sends() == {"mon0": 0, "resp0": 0}, "permitted, and nothing is sent"
        p.wire.heard()
        p.ended.clear()
        asked = p.is_reset(s)
        assert asked, p.kidoban.err
        until(lambda: p.ended, "the server's end")
        assert p.ended == ["ConnectionResetError"], p.ended
        told = until(p.alerts, "the alert")[0]
        assert told["kidoban"]["verdict"] == "reject" and told["alert"]["action"] == "blocked", told
        frames = p.wire.heard()
        assert frames and {f[6:12] for f in frames} == {laboratory.mac(mac)}, f"a device's address, not {mac}"
        p.settled()  # what is permitted goes on
        p.stop()
        sent = p.sends()
        # two for each frame that it sees, and a worker that comes late sees as many as were asked
        assert sent["mon0"] == 0 and 2 <= sent["resp0"] <= 20 + 8 * asked, (sent, asked)
        return f"{sent['resp0']} frames for one connection of {asked} forbidden requests"


@test
def gently():
    """on, but the policy wants no reject, or only to detect, or it is a safety zone: nothing is sent"""
    for mode, action, to in (("enforce", "drop", SERVER), ("enforce", "degrade", SERVER),
                             ("detect", "quarantine", SERVER), ("enforce", "quarantine", SAFE)):
        with Lab() as lab:
            p = Plant(lab, "response: {interface: resp0}\n", mode, action).start()
            assert not p.is_reset(p.connect(to), 1), (mode, action, to)
            until(p.alerts, "the alert")
            p.stop()
            assert p.sends() == {"mon0": 0, "resp0": 0}, (mode, action, to, p.sends())


@test
def same_cable():
    """the mirror port itself is refused, whatever its name, and what is not there"""
    with Lab() as lab:
        says_no(lab, "response: {interface: mon0}\n", "an interface of their own", code=2)
    with Lab() as lab:
        says_no(lab, "response: {interface: mirror-port}\n", "mirror-port is the same cable as mon0")
    with Lab() as lab:
        says_no(lab, "response: {interface: nowhere0}\n", "nowhere0: No such device")
    with Lab() as lab:
        says_no(lab, "response: {interface: lo}\n", "lo is no Ethernet")


@test
def hook():
    """a hook gets the alert on its input, once per incident, and nothing leaves the box"""
    with Lab() as lab:
        p = Plant(lab, "response: {hook: on-alert}\nuser: nobody\n", action="degrade")
        p.write("on-alert", "#!/bin/sh\nd=$(dirname \"$0\")\ncat > $d/$$.got\n"
                "{ id -u; grep CapEff /proc/self/status; ls /proc/self/fd | wc -l; } > $d/$$.is\n", 0o755)
        p.start()
        assert not p.is_reset(p.connect(), 1)

        def got():
            return [open(os.path.join(p.d, n), encoding="utf-8").read()
                    for n in os.listdir(p.d) if n.endswith(".got")]
        until(lambda: got() and got()[0].endswith("\n"), lambda: f"the hook ran: {p.kidoban.err} {os.listdir(p.d)}")
        until(p.alerts, "the alert")
        p.settled()
        assert not p.is_reset(p.connect(SAFE), 1)
        until(lambda: len(p.alerts()) >= 2, "the alert about the safety zone")
        p.kidoban.stop()
        lines = got()
        assert len(lines) == 1, lines
        told = json.loads(lines[0])
        assert told == p.alerts()[0], (told, p.alerts())
        assert told["kidoban"]["wanted"] == "degrade" and told["alert"]["action"] == "allowed", told
        name = [n for n in os.listdir(p.d) if n.endswith(".is")][0]
        uid, caps, fds = open(os.path.join(p.d, name), encoding="utf-8").read().split("\n")[:3]
        assert uid == "65534" and caps.split()[1].strip("0") == "" and int(fds) == 4, (uid, caps, fds)
        p.stop()
        assert p.sends() == {"mon0": 0, "resp0": 0}


@test
def bad_hook():
    """hooks that fail are told, those that never end hold up nobody"""
    with Lab() as lab:
        p = Plant(lab, "response: {hook: on-alert}\n")
        p.write("on-alert", "#!/bin/sh\nexit 3\n", 0o755)
        p.start()
        p.is_reset(p.connect(), 0.5)
        assert "failed 1 times; the last ended with status 3" in p.kidoban.says("response hook")
        p.stop()
    with Lab() as lab:
        p = Plant(lab, "response: {hook: on-alert}\n")
        p.write("on-alert", "#!/bin/sh\nsleep 1000\n", 0o755)
        p.start()
        p.is_reset(p.connect(), 0.5)
        until(p.alerts, "the alert is in the file all the same")
        begin = time.monotonic()
        p.stop()
        assert time.monotonic() - begin < 40
        assert any("was ended with the service" in line for line in p.kidoban.err), p.kidoban.err
    with Lab() as lab:
        says_no(lab, "response: {hook: nothing-there}\n", "nothing-there: No such file")


if __name__ == "__main__":
    sys.exit(laboratory.main(TESTS, laboratory.missing()))
