#!/usr/bin/env python3
"""Forbidden requests to real servers, neutralised on their way: degrade.py REFUSE_RELAY [--measure]

A client speaks to the server through refuse_relay, which does to the bytes what an inline box does.
What is permitted works, what is forbidden gets the refusal of what was asked for, and the next
request on the same connection works. --measure prints what each server answers to each form, and
how fast, as in docs/degrade.md.

The servers: libmodbus and mosquitto of Debian, python3-pymodbus, modbus-serial and jsmodbus of npm
(in build/npm), and our own EtherNet/IP target. Those that are not here are skipped.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import ROOT, Program, main, until

RELAY = sys.argv[1]
MAKE = os.path.join(ROOT, "pcaps", "make")
HERE = os.path.join(ROOT, "tests", "live")
NPM = os.path.join(ROOT, "build", "npm")
SERVER, DOOR = "127.91.0.2", "127.91.0.1"  # addresses of loopback that nobody else uses; see fresh()
WORK = tempfile.mkdtemp(prefix="kidoban-degrade-")
H = bytes.fromhex


def fresh(test, turns=iter(range(1, 125))):
    """Each test of each run has addresses of its own: pymodbus does not listen where connections just ended."""
    def run():
        global SERVER, DOOR  # pylint: disable=global-statement
        turn = next(turns)
        net = f"127.{64 + (os.getpid() >> 8) % 128}.{os.getpid() % 256}"
        SERVER, DOOR = f"{net}.{2 * turn}", f"{net}.{2 * turn + 1}"
        return test()
    run.__doc__ = test.__doc__
    return run


class Stand:
    """A server, and the relay before it."""

    def __init__(self, argv, port, cls=None, text="", env=None):
        self.port, self.programs = port, [Program(None, argv, env)]
        self.wait(SERVER)
        if cls:
            self.relay = Program(None, [RELAY, DOOR, str(port), SERVER, str(port), cls, text])
            self.programs.append(self.relay)
            self.relay.says("ready")

    def wait(self, host):
        def listening():
            try:
                socket.create_connection((host, self.port), 5).close()
                return True
            except OSError:
                if not self.programs[0].alive():
                    raise AssertionError(f"the server ended: {self.programs[0].err[-3:]}") from None
                return False
        until(listening, "the server listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in reversed(self.programs):
            p.stop()


# ---- servers: argv, or why there is none


def npm(package):
    if not shutil.which("node") or not os.path.isdir(os.path.join(NPM, "node_modules", package)):
        return None, f"no {package} in build/npm"
    return ["node", HERE + "/modbus_device.js", package, SERVER, "502"], None


def libmodbus():
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmodbus"], capture_output=True, text=True,
                           check=False)
    if flags.returncode or not shutil.which("cc"):
        return None, "needs libmodbus-dev and a compiler"
    tool = WORK + "/modbus-tool"
    if not os.path.exists(tool):
        subprocess.run(["cc", "-O2", "-o", tool, MAKE + "/modbus-tool.c", *flags.stdout.split()], check=True)
    return [tool, "serve", SERVER], None


def pymodbus(kind="tcp", port="502"):
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import pymodbus"], capture_output=True, check=False).returncode:
        return None, "needs python3-pymodbus"
    return [python, MAKE + "/modbus_device.py", kind, SERVER, port], None


MODBUS = {"libmodbus": libmodbus, "pymodbus": pymodbus, "modbus-serial": lambda: npm("modbus-serial"),
          "jsmodbus": lambda: npm("jsmodbus")}


# ---- Modbus


class Master:
    """A Modbus/TCP client whose every byte we know."""

    def __init__(self, host, port=502):
        self.s = socket.create_connection((host, port), 60)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tid = 0

    def send(self, pdu):
        self.tid += 1
        self.s.sendall(struct.pack(">HHHB", self.tid, 0, len(pdu) + 1, 1) + pdu)
        return self.tid

    def receive(self, patience=60):
        """(transaction, PDU), or None when nothing came in time."""
        self.s.settimeout(patience)
        try:
            head = self.take(7)
            tid, _, length, _ = struct.unpack(">HHHB", head)
            return tid, self.take(length - 1)
        except socket.timeout:
            return None

    def take(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise AssertionError("the server closed the connection")
            data += more
        return data

    def ask(self, pdu):
        tid = self.send(H(pdu))
        answer = self.receive()
        assert answer is not None, f"no answer to {pdu}"
        assert answer[0] == tid, answer
        return answer[1].hex()


# forbidden: objects from 50 to 59, of functions that these servers have
WRITES = ["05 0032 ff00", "06 0033 0007", "0f 0034 0002 01 03", "10 0035 0002 04 00010002"]
MORE = {"libmodbus": ["16 0036 00f2 0025", "17 0000 0001 0037 0001 02 0007"],
        "pymodbus": ["16 0036 00f2 0025", "17 0000 0001 0037 0001 02 0007"]}
HELD = ["01 0032 0008", "03 0032 000a"]
READS = ["01 0032 0004", "03 0032 0002", "04 0032 0001"]


def modbus(name, cls, requests):
    argv, why = MODBUS[name]()
    if why:
        return f"SKIP {why}"
    with Stand(argv, 502, cls, "5", {"NODE_PATH": NPM + "/node_modules"}) as stand:
        m = Master(DOOR)
        assert m.ask("06 0001 1234") == "0600011234"
        held = [Master(SERVER).ask(r) for r in HELD]  # past the relay
        for request in requests:
            function = int(request[:2], 16)
            answer = m.ask(request)
            assert answer == f"{function | 0x80:02x}01", f"{request} was answered {answer}"
            assert m.ask("03 0001 0001") == "03021234", "the next request on the same connection"
        for bits in ("06 0002 0007", "03 0002 0001"):  # and permitted writes work as before
            m.ask(bits)
        direct = Master(SERVER)
        assert [direct.ask(r) for r in HELD] == held, "a forbidden object was written"
        def told(what):
            return sum(line.endswith(what) for line in list(stand.relay.out))
        until(lambda: told(" neutralised") >= len(requests) and told(" refused") >= len(requests),
              lambda: f"all are neutralised and refused: {stand.relay.out}")
        said = "\n".join(stand.relay.out)
        assert "not neutralised" not in said, said
        assert "anomaly" not in said, said
    return None


def test_libmodbus_write():
    """libmodbus: forbidden writes get exception 01 of what was asked, the connection lives"""
    return modbus("libmodbus", "write", WRITES + MORE["libmodbus"])


def test_libmodbus_read():
    """libmodbus: forbidden reads likewise"""
    return modbus("libmodbus", "read", READS)


def test_pymodbus_write():
    """pymodbus: forbidden writes get exception 01 of what was asked, the connection lives"""
    return modbus("pymodbus", "write", WRITES + MORE["pymodbus"])


def test_pymodbus_read():
    """pymodbus: forbidden reads likewise"""
    return modbus("pymodbus", "read", READS)


def test_modbus_serial_write():
    """modbus-serial: forbidden writes get exception 01 of what was asked, the connection lives"""
    return modbus("modbus-serial", "write", WRITES)


def test_modbus_serial_read():
    """modbus-serial: forbidden reads likewise"""
    return modbus("modbus-serial", "read", READS)


def test_jsmodbus_read():
    """jsmodbus: forbidden reads get exception 01 where the device answered with nothing"""
    return modbus("jsmodbus", "read", READS)


def test_jsmodbus_write():
    """jsmodbus stops answering on the connection of a forbidden write, which is not carried out"""
    argv, why = MODBUS["jsmodbus"]()
    if why:
        return f"SKIP {why}"
    with Stand(argv, 502, "write", "5", {"NODE_PATH": NPM + "/node_modules"}):
        m = Master(DOOR)
        assert m.ask("06 0001 1234") == "0600011234"
        m.send(H("06 0033 0007"))
        assert m.receive(2) is None
        m.send(H("03 0001 0001"))
        assert m.receive(2) is None, "it answers: tell the table in docs/degrade.md"
        other = Master(SERVER)
        assert other.ask("03 0033 0001") == "03020000"
    return None


def test_pipelined():
    """Requests sent at once: each gets the answer to what it asked"""
    argv, why = MODBUS["pymodbus"]()
    if why:
        return f"SKIP {why}"
    with Stand(argv, 502, "write", "5"):
        m = Master(DOOR)
        pdus = ["03 0001 0001", "06 0033 0007", "03 0002 0001", "10 0035 0001 02 0007", "03 0003 0001"]
        told = ["03020001", "8601", "03020002", "9001", "03020003"]
        m.s.sendall(b"".join(struct.pack(">HHHB", i, 0, len(H(p)) + 1, 1) + H(p) for i, p in enumerate(pdus)))
        got = dict(m.receive() for _ in pdus)
        assert [got[i].hex() for i in range(len(pdus))] == told, got
    return None


def test_mbpoll():
    """mbpoll, a client that people use, is told: illegal function"""
    argv, why = MODBUS["pymodbus"]()
    if why or not shutil.which("mbpoll"):
        return f"SKIP {why or 'mbpoll is not installed'}"
    with Stand(argv, 502, "write", "5"):
        def poll(*words):
            r = subprocess.run(["mbpoll", "-m", "tcp", "-a", "1", "-0", "-1", "-o", "5", *words], capture_output=True,
                               text=True, timeout=60, check=False)
            return r.stdout + r.stderr
        assert "Written 1 references" in poll("-t", "4", "-r", "20", DOOR, "--", "7")
        told = poll("-t", "4", "-r", "51", DOOR, "--", "7")
        assert "Illegal function" in told, told
        assert "[20]: \t7" in poll("-t", "4", "-r", "20", DOOR)
        assert "[51]: \t51" in poll("-t", "4", "-r", "51", DOOR)
    return None


# ---- MQTT


def broker(cls):
    for tool in ("mosquitto", "mosquitto_pub", "mosquitto_sub", "stdbuf"):
        if not shutil.which(tool):
            return None, f"{tool} is not installed"
    conf = os.path.join(WORK, "mosquitto.conf")
    with open(conf, "w", encoding="ascii") as out:
        out.write(f"allow_anonymous true\nlistener 18830 {SERVER}\n")
    os.chmod(WORK, 0o755)
    os.chmod(conf, 0o644)
    return Stand(["mosquitto", "-c", conf], 18830, cls, "secret/"), None


def publish(version, qos, *more):
    """Forbidden, permitted and forbidden messages over one connection."""
    words = ["mosquitto_pub", "-h", DOOR, "-p", "18830", "-V", version, "-q", qos, "-d", *more]
    text = "".join(f"{n}\n" for n in range(3))
    return subprocess.run(words + ["-l"], input=text, capture_output=True, text=True, timeout=60, check=False)


def test_mqtt_publish():
    """mosquitto: a forbidden message reaches nobody, its handshake ends, the connection lives"""
    stand, why = broker("write")
    if why:
        return f"SKIP {why}"
    with stand:
        reader = Program(None, ["stdbuf", "-oL", "mosquitto_sub", "-h", SERVER, "-p", "18830", "-q", "2", "-v", "-d", "-t", "#",
                                "-t", "+/#", "-t", "secret/a"])
        stand.programs.append(reader)
        reader.says("Subscribed")
        for version in ("311", "5"):
            for qos in ("0", "1", "2"):
                r = publish(version, qos, "-t", "secret/a")
                assert r.returncode == 0, r.stderr
                for answer, wanted in (("PUBACK", qos == "1"), ("PUBCOMP", qos == "2")):
                    assert r.stdout.count(answer) == (3 if wanted else 0), r.stdout
                assert (version == "5" and qos == "1") == ("RC:135" in r.stdout), r.stdout  # not authorized
        publish("311", "1", "-t", "open/a")
        publish("311", "0", "-t", "secret/a", "-r")
        reader.says("open/a 2")
        assert not [s for s in reader.out if s.startswith(("secret", "$"))], reader.out
        kept = subprocess.run(["mosquitto_sub", "-h", SERVER, "-p", "18830", "-t", "$~cret/a", "-W", "1"],
                              capture_output=True, text=True, check=False)
        assert not kept.stdout, "a retained message was kept"
    return None


def test_mqtt_subscribe():
    """mosquitto: a forbidden subscription gets nothing, and its client is told so"""
    stand, why = broker("read")
    if why:
        return f"SKIP {why}"
    with stand:
        for version in ("311", "5"):
            reader = Program(None, ["stdbuf", "-oL", "mosquitto_sub", "-h", DOOR, "-p", "18830", "-V", version, "-d", "-v",
                                    "-t", "open/#", "-t", "secret/#"])
            stand.programs.append(reader)
            line = reader.says("Subscribed")
            assert line.endswith("0, 128" if version == "311" else "0, 135"), line
            for topic in ("secret/a", "open/a"):
                subprocess.run(["mosquitto_pub", "-h", SERVER, "-p", "18830", "-q", "1", "-t", topic, "-m", "x"],
                               check=True)
            reader.says("open/a x")
            assert not [s for s in reader.out if s.startswith("secret")], reader.out
            assert reader.alive()
    return None


# ---- EtherNet/IP


class Scanner:
    """Explicit messages over one session."""

    def __init__(self, host):
        self.s = socket.create_connection((host, 44818), 60)
        self.session = 0
        self.session = struct.unpack_from("<I", self.say(0x65, struct.pack("<HH", 1, 0)), 4)[0]

    def say(self, command, data):
        self.s.sendall(struct.pack("<HHII8sI", command, len(data), self.session, 0, b"kidoban!", 0) + data)
        head = self.take(24)
        return head + self.take(struct.unpack_from("<H", head, 2)[0])

    take = Master.take

    def ask(self, text):
        msg = H(text)
        data = struct.pack("<IHHHHHH", 0, 0, 2, 0, 0, 0xB2, len(msg)) + msg
        return self.say(0x6F, data)[24 + 16:].hex()


def test_cip():
    """Our CIP target: status 08 of the service that was asked, alone or among others; PCCC status 10"""
    with Stand([sys.executable, MAKE + "/enip_target.py", SERVER], 44818, "write", "") as stand:
        s = Scanner(DOOR)
        speed = "04 91055370656564 00"
        value = s.ask(f"4c {speed} 0100")
        assert value.startswith("cc000000c400"), value
        assert s.ask(f"4d {speed} c400 0100 07000000") == "cd000800"
        many = s.ask(f"0a 02 2002 2401 0300 0800 1400 2600 4c{speed}0100 4d{speed}c400010007000000 4c{speed}0100")
        assert many.count(value) == 2 and "cd000800" in many, many
        pccc = "4b 02 2067 2401 07 4d00 01020304 0f 00 1100"
        told = s.ask(pccc + "aa 02 07 89 00 00 0500")
        assert told.startswith("cb000000") and told[22:26] == "4f10", told
        assert s.ask(pccc + "a2 02 07 89 00 00")[22:26] == "4f00"
        assert s.ask(f"4c {speed} 0100") == value, "the tag was written"
        assert "anomaly" not in "\n".join(stand.relay.out), stand.relay.out
    return None


# ---- what the table in docs/degrade.md is made of


FORMS = [("1-4, quantity 0", "03 0005 0000"), ("1-4, function 99", "63 0005 0001"), ("5, value 1234", "05 0005 1234"),
         ("5, function 99", "63 0005 ff00"), ("6, function 99", "63 0005 0309"), ("6, function 100", "64 0005 0309"),
         ("15, quantity 0", "0f 0005 0000 01 00"), ("15, function 99", "63 0005 0002 01 03"),
         ("16, quantity 0", "10 0005 0000 04 aaaabbbb"), ("16, quantity and bytes 0", "10 0005 0000 00 aaaabbbb"),
         ("16, function 99", "63 0005 0002 04 aaaabbbb"), ("23, quantities 0", "17 0005 0000 0005 0000 00 aaaa"),
         ("23, function 99", "63 0005 0001 0005 0001 02 aaaa")]


def measure():
    print("| server | form | answer | ms | carried out | next request |")
    print("|---|---|---|---|---|---|")
    for name, argv in MODBUS.items():
        argv, why = fresh(argv)()
        if why:
            print(f"| {name} | {why} |")
            continue
        with Stand(argv, 502, env={"NODE_PATH": NPM + "/node_modules"}):
            for form, pdu in FORMS:
                m = Master(SERVER)
                m.ask("10 0005 0002 04 00070008")
                m.ask("05 0005 ff00")
                m.send(H(pdu))
                start = time.monotonic()
                answer = m.receive(1.5)
                ms = f"{(time.monotonic() - start) * 1000:.1f}" if answer else ""
                m.send(H("03 0005 0002"))
                lives = "answered" if m.receive(1.5) else "no answer"
                fresh = Master(SERVER)
                wrote = fresh.ask("03 0005 0002") != "030400070008" or fresh.ask("01 0005 0001")[5] != "1"
                print(f"| {name} | {form} | {answer[1].hex() if answer else 'none'} | {ms} | "
                      f"{'**yes**' if wrote else 'no'} | {lives} |")


TESTS = [test_libmodbus_write, test_libmodbus_read, test_pymodbus_write, test_pymodbus_read, test_modbus_serial_write,
         test_modbus_serial_read, test_jsmodbus_read, test_jsmodbus_write, test_pipelined, test_mbpoll,
         test_mqtt_publish, test_mqtt_subscribe, test_cip]

if __name__ == "__main__":
    try:
        if "--measure" in sys.argv:
            measure()
            sys.exit(0)
        sys.exit(main([fresh(t) for t in TESTS], None if os.geteuid() == 0 else "needs root: the servers listen on port 502"))
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
