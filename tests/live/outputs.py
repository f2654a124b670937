#!/usr/bin/env python3
"""Outputs against what they meet: full disks, servers that go, come, sleep or are not who they say.

    outputs.py --drive PATH          TAP; PATH is outputs_drive

Every alert of the driver says "number N", so that what is lost, doubled or out of order shows.
"""

import argparse
import glob
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import jsonschema

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lab import until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NUMBER = re.compile(r"number (\d+)")
DRIVE = None
SKIP = {}


class Skip(Exception):
    pass


# --- receivers ---

def unframe(data, one):
    """Octet counting (RFC 6587 3.4.1): whole messages to one(), the rest is returned."""
    while True:
        count, space, rest = data.partition(b" ")
        if not space:
            return data
        assert re.fullmatch(rb"[1-9][0-9]*", count), count[:40]
        if len(rest) < int(count):
            return data
        one(rest[:int(count)])
        data = rest[int(count):]


class Receiver:
    """A syslog server in a thread. stop() tells the other end first, and takes what was sent."""

    def __init__(self, kind, port=0, context=None):
        self.kind, self.context, self.got, self.errors = kind, context, [], []
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == "udp":
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.s.bind(("127.0.0.1", port))
        self.port = self.s.getsockname()[1]
        self.ending = False
        if kind != "udp":
            self.s.listen(8)
        self.s.settimeout(0.05)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending:
            try:
                if self.kind == "udp":
                    self.got.append(self.s.recv(65536))
                else:
                    self.serve(self.s.accept()[0])
            except TimeoutError:
                continue
            except (OSError, ssl.SSLError) as e:
                self.errors.append(str(e))

    def serve(self, c):
        if self.context:
            c.settimeout(10)
            c = self.context.wrap_socket(c, server_side=True)
        c.settimeout(0.05)
        rest, told = b"", False
        while True:
            if self.ending and not told:
                told = True
                c.settimeout(5)
                socket.socket.shutdown(c, socket.SHUT_WR)
            try:
                data = c.recv(65536)
            except TimeoutError:
                continue
            if not data:
                break
            rest = unframe(rest + data, self.got.append)
        c.close()

    def stop(self):
        self.ending = True
        self.thread.join(30)
        self.s.close()


def receive(kind, port, path):
    """As a program, so that it can be stopped and killed."""
    r = Receiver(kind, port)
    print(r.port, flush=True)
    done = 0
    with open(path, "ab") as f:
        while True:
            for m in r.got[done:]:
                f.write(m + b"\n")
                done += 1
            f.flush()
            time.sleep(0.01)


class Remote:
    def __init__(self, kind, path, port=0):
        self.path = path
        self.p = subprocess.Popen([sys.executable, __file__, "--receive", kind, str(port), path], stdout=subprocess.PIPE)
        self.port = int(self.p.stdout.readline())

    def numbers(self):
        return numbers(open(self.path, encoding="utf-8")) if os.path.exists(self.path) else []

    def kill(self):
        self.p.send_signal(signal.SIGCONT)
        self.p.kill()
        self.p.wait()


# --- the driver ---

class Drive:
    def __init__(self, *args, **popen):
        self.p = subprocess.Popen([DRIVE, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, **popen)

    def stats(self):
        self.p.stdin.write("stats\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())[0]

    def end(self):
        out, err = self.p.communicate(timeout=300)
        assert self.p.returncode == 0, err
        return json.loads(out.splitlines()[-1])[0], json.loads(err.splitlines()[-1])


def numbers(lines):
    return [int(NUMBER.search(x).group(1)) for x in lines]


def texts(messages):
    return [m.decode("utf-8") for m in messages]


def exactly(got, wanted):
    wanted = list(wanted)
    if got == wanted:
        return
    missing, double = len(set(wanted) - set(got)), len(got) - len(set(got))
    raise AssertionError(f"{len(got)} of {len(wanted)}: {missing} missing, {double} doubled, "
                         f"{'in' if got == sorted(got) else 'out of'} order")


# --- formats ---

HEADER = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) "
    r"(?P<pid>[!-~]{1,128}) (?P<msgid>[!-~]{1,32}) (?P<sd>-|\[(?:[^\"\]]|\"(?:\\[\"\\\]]|[^\"\\\]])*\")*\]) \ufeff(?P<msg>.*)", re.S)
PARAM = re.compile(r' ([!#-<>-\\^-~]{1,32})="((?:\\["\\\]]|[^"\\\]])*)"')


def syslog(text):
    """RFC 5424 section 6, strictly."""
    m = HEADER.fullmatch(text)
    assert m, f"no RFC 5424 message: {text[:200]}"
    sd_id, params = re.fullmatch(r"\[([!#-<>-\\^-~]+)((?: .*)?)\]", m["sd"], re.S).groups()
    found = PARAM.findall(params)
    assert "".join(f' {k}="{v}"' for k, v in found) == params, params
    return m, sd_id, {k: re.sub(r'\\(["\\\]])', r"\1", v) for k, v in found}


CEF_KEYS = {"rt", "start", "end", "cnt", "cat", "act", "src", "dst", "c6a2", "c6a2Label", "c6a3", "c6a3Label", "spt", "dpt",
            "proto", "smac", "dmac", "shost", "dhost", "app", "cn1", "cn1Label", "externalId", "msg", "flexString1",
            "flexString1Label"} | {f"cs{n}{s}" for n in range(1, 7) for s in ("", "Label")}


def cef(line):
    """The header has seven bars that are not escaped; a value ends where the next key begins."""
    assert "\n" not in line
    parts = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    assert len(parts) == 8 and parts[0] == "CEF:0", line
    assert all(re.fullmatch(r"(?:[^\\|]|\\[\\|])*", p) for p in parts[:7]), line
    assert parts[6].isdigit() and 0 <= int(parts[6]) <= 10
    keys = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)=", parts[7]))
    values = {}
    for n, k in enumerate(keys):
        v = parts[7][k.end():keys[n + 1].start() if n + 1 < len(keys) else None]
        assert re.fullmatch(r"(?:[^\\=]|\\[\\=nr])*", v), v
        assert k[1] in CEF_KEYS and k[1] not in values, k[1]
        values[k[1]] = re.sub(r"\\([\\=nr])", lambda x: {"n": "\n", "r": "\r"}.get(x[1], x[1]), v)
    assert keys[0].start() == 0
    return parts, values


def schema():
    with open(os.path.join(ROOT, "docs/eve.schema.json"), encoding="utf-8") as f:
        return jsonschema.Draft202012Validator(json.load(f))


def formats(tmp):
    """a line of each format says what its reader expects"""
    Drive("-n", 20, "-o", 1, f"file,eve,{tmp}/e.json,events=3", f"file,cef,{tmp}/e.cef", f"file,text,{tmp}/e.txt").end()
    check, lines = schema(), open(f"{tmp}/e.json", encoding="utf-8").read().splitlines()
    for line in lines:
        check.validate(json.loads(line))
    alerts = [x for x in lines if '"alert"' in x]
    assert (len(alerts), len(lines)) == (20, 40), (len(alerts), len(lines))
    exactly(numbers(alerts), range(20))
    with open(f"{tmp}/e.cef", encoding="utf-8") as f:
        for n, line in enumerate(f.read().splitlines()):
            parts, v = cef(line)
            assert parts[5] == r"Value \| outside = range", parts[5]
            assert v["src"] == "10.40.0.5" and v["dpt"] == "502" and v["cs1"] == "policy.value-out-of-range"
            assert v["cs5"] == "conduit hmi-plc permits a=b|c \\ 0..450", v["cs5"]
            assert v["cs4"] == 'control "x" ]\\' and v["msg"].endswith(f"number {n}")
    with open(f"{tmp}/e.txt", encoding="utf-8") as f:
        exactly(numbers(f), range(20))


# --- files ---

def rotation(tmp):
    """a file rotated by size and moved away under load has every line, once and whole"""
    n = 12000
    d = Drive("-n", n, "-r", 3000, "-p", 2, f"file,eve,{tmp}/r.json,rotate=300000,keep=200")
    moved = 0
    while d.p.poll() is None and moved < 8:
        time.sleep(0.3)
        if os.path.exists(f"{tmp}/r.json"):
            os.rename(f"{tmp}/r.json", f"{tmp}/moved.{moved}")
            moved += 1
            d.p.send_signal(signal.SIGHUP)
    s, _ = d.end()
    assert s["lost"] == 0 and s["written"] == n, s
    got, files = [], glob.glob(f"{tmp}/r.json*") + glob.glob(f"{tmp}/moved.*")
    for path in files:
        with open(path, encoding="utf-8") as f:
            body = f.read()
        assert body.endswith("\n") or not body, path
        got += numbers(json.dumps(json.loads(x)) for x in body.splitlines())
    print(f"# {len(files)} files, {moved} of them moved away by others")
    assert moved and len(files) > moved + 5, files
    exactly(sorted(got), range(n))


def keep(tmp):
    """rotation keeps as many files as it was told"""
    Drive("-n", 4000, "-r", 4000, f"file,eve,{tmp}/k.json,rotate=300000,keep=2").end()
    assert sorted(os.listdir(tmp)) == ["k.json", "k.json.1", "k.json.2"], os.listdir(tmp)
    got = []
    for name in ("k.json.2", "k.json.1", "k.json"):
        with open(f"{tmp}/{name}", encoding="utf-8") as f:
            got += numbers(f)
    exactly(got, range(got[0], 4000))


class Small:
    """A file system of its own, of that size."""

    def __init__(self, path, size):
        self.path = path
        os.mkdir(path)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "kidoban-test", path], capture_output=True).returncode:
            raise Skip("a tmpfs cannot be mounted here")

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=True)


def full_disk(tmp):
    """a disk that is full and has room again: every line is there, whole, once, in order"""
    with Small(f"{tmp}/small", "4m") as small:
        with open(f"{small}/filler", "wb") as f:
            f.write(bytes(3 << 20))
        d = Drive("-i", "-n", 3000, "-r", 3000, "-s", f"{tmp}/spool", f"file,eve,{small}/e.json")
        s = until(lambda: (x := d.stats())["spooled"] > 500 and x, "nothing is spooled")
        assert not s["takes"] and "No space left" in s["error"], s
        until(lambda: (x := d.stats())["written"] + x["waiting"] >= 3000, lambda: d.stats())
        with open(f"{small}/e.json", encoding="utf-8") as f:
            assert f.read().endswith("}\n"), "a torn line"
        os.unlink(f"{small}/filler")
        before = d.stats()
        # 3000 alerts are more than 4 MiB: the file is moved away until all are out
        parts = []
        def moved():
            if os.path.exists(f"{small}/e.json") and os.path.getsize(f"{small}/e.json") > 1 << 20:
                parts.append(f"{tmp}/part{len(parts)}")
                d.p.send_signal(signal.SIGHUP) if os.rename(f"{small}/e.json", f"{small}/old") is None else None
                time.sleep(0.2)
                shutil.move(f"{small}/old", parts[-1])
            x = d.stats()
            return x["written"] == 3000 and x
        s = until(moved, lambda: (before, d.stats()), 120)
        assert s["lost"] == 0 and s["takes"], s
        d.end()
        got = []
        for path in parts + [f"{small}/e.json"]:
            with open(path, encoding="utf-8") as f:
                got += numbers(f)
        exactly(got, range(3000))


def full_spool(tmp):
    """what even the spool has no room for is counted"""
    with Small(f"{tmp}/small", "1m") as small:
        d = Drive("-i", "-n", 3000, "-r", 3000, "-s", small, "tcp,eve,127.0.0.1:9")
        s = until(lambda: (x := d.stats())["waiting"] + x["lost"] == 3000 and x, lambda: d.stats())
        assert s["lost"] > 0 and s["spooled"] > 100 and not s["takes"], s
        s, _ = d.end()
        assert s["waiting"] + s["lost"] == 3000, s
    os.mkdir(f"{tmp}/bounded")
    d = Drive("-i", "-n", 3000, "-r", 3000, "-s", f"{tmp}/bounded", "-b", 1000000, "tcp,eve,127.0.0.1:9")
    s = until(lambda: (x := d.stats())["waiting"] + x["lost"] == 3000 and x, lambda: d.stats())
    size = sum(os.path.getsize(p) for p in glob.glob(f"{tmp}/bounded/*/*.spool"))
    assert s["lost"] > 0 and 500000 < size <= 1000000, (s, size)
    d.end()


# --- servers ---

def udp(tmp):
    """UDP: one RFC 5424 message in a datagram"""
    r = Receiver("udp")
    s, _ = Drive("-n", 500, "-r", 1000, f"udp,text,127.0.0.1:{r.port}").end()
    until(lambda: len(r.got) >= 500, lambda: len(r.got))
    r.stop()
    for n, text in enumerate(texts(r.got)):
        m, sd_id, p = syslog(text)
        assert m["pri"] == "106" and m["app"] == "kidoban" and m["msgid"] == "policy.value-out-of-range", text
        assert sd_id == "kidoban@32473" and p["destZone"] == 'control "x" ]\\' and p["conduit"] == "hmi-plc", p
        assert p["verdict"] == ("drop" if n % 2 else "alert") and p["incident"] == str(n + 1)
    exactly(numbers(texts(r.got)), range(500))
    assert s["written"] == 500, s


def tcp(tmp):
    """TCP: octet counting; EVE, CEF and Japanese text inside"""
    check = schema()
    for form, lang in (("eve", "en"), ("cef", "en"), ("text", "ja")):
        r = Receiver("tcp")
        Drive("-n", 1000, "-r", 5000, f"tcp,{form},127.0.0.1:{r.port},lang={lang}").end()
        r.stop()
        exactly(numbers(texts(r.got)), range(1000))
        for text in texts(r.got):
            m, _, _ = syslog(text)
            if form == "eve":
                check.validate(json.loads(m["msg"]))
            elif form == "cef":
                cef(m["msg"])
            else:
                assert "。想定: " in m["msg"], m["msg"]


def gone_and_back(tmp, kind="tcp", context=None, options=""):
    """a TCP server goes and comes back, twice: every alert once, in order"""
    n, got = 8000, []
    r = Receiver(kind if not context else "tls", context=context)
    port = r.port
    d = Drive("-i", "-n", n, "-r", 800, "-s", f"{tmp}/spool", f"{kind},text,127.0.0.1:{port}{options}")
    for _ in range(2):
        until(lambda: len(r.got) > 300, lambda: (len(r.got), r.errors, d.stats()))
        r.stop()
        got += r.got
        until(lambda: not d.stats()["takes"], "it believes in a server that is gone")
        time.sleep(0.7)
        r = Receiver(kind if not context else "tls", port, context)
    s = until(lambda: (x := d.stats())["written"] >= n and x, lambda: (d.stats(), r.errors), 120)
    d.end()
    r.stop()
    got += r.got
    assert s["spooled"] > 0 and s["lost"] == 0, s
    exactly(numbers(texts(got)), range(n))


def certificates(tmp):
    def run(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=tmp)

    if not shutil.which("openssl"):
        raise Skip("openssl is not installed")
    for ca in ("ca", "other"):
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={ca}",
            "-keyout", f"{ca}.key", "-out", f"{ca}.pem")
    for name, san, ca in (("server", "IP:127.0.0.1,DNS:localhost", "ca"), ("wrong", "DNS:elsewhere.example", "ca"),
                          ("client", "DNS:gate", "ca"), ("stranger", "IP:127.0.0.1", "other")):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout",
            f"{name}.key", "-out", f"{name}.csr")
        with open(f"{tmp}/{name}.ext", "w", encoding="ascii") as f:
            f.write(f"subjectAltName={san}\n")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "2",
            "-extfile", f"{name}.ext", "-out", f"{name}.pem")


def server_context(tmp, name, client=True):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(f"{tmp}/{name}.pem", f"{tmp}/{name}.key")
    if client:
        c.load_verify_locations(f"{tmp}/ca.pem")
        c.verify_mode = ssl.CERT_REQUIRED
    return c


def tls(tmp):
    """TLS: both certificates are checked; a server that is not who it should be gets nothing"""
    certificates(tmp)
    ours = f",ca={tmp}/ca.pem,cert={tmp}/client.pem,key={tmp}/client.key"
    for host in ("127.0.0.1", "localhost"):
        r = Receiver("tls", context=server_context(tmp, "server"))
        s, _ = Drive("-n", 500, "-r", 2000, f"tls,eve,{host}:{r.port}{ours}").end()
        r.stop()
        assert s["written"] == 500, (s, r.errors)
        exactly(numbers(texts(r.got)), range(500))
    for name, words in (("wrong", "mismatch"), ("stranger", "unable to get local issuer")):
        r = Receiver("tls", context=server_context(tmp, name, False))
        d = Drive("-i", "-n", 100, "-s", f"{tmp}/spool-{name}", f"tls,eve,127.0.0.1:{r.port}{ours}")
        s = until(lambda: (x := d.stats())["waiting"] == 100 and x["error"] and x, lambda: d.stats())
        assert words in s["error"] and s["written"] == 0 and not r.got, (s, r.got[:1])
        d.end()
        r.stop()
    # a server that refuses who shows no certificate, after TLS 1.3 says the handshake is over
    r = Receiver("tls", context=server_context(tmp, "server"))
    d = Drive("-i", "-n", 100, "-s", f"{tmp}/spool-anonymous", f"tls,eve,127.0.0.1:{r.port},ca={tmp}/ca.pem")
    s = until(lambda: (x := d.stats())["waiting"] == 100 and x["error"] and x, lambda: d.stats())
    assert s["written"] == 0 and not r.got and "certificate" in s["error"], s
    d.end()
    r.stop()


def tls_gone_and_back(tmp):
    """a TLS server goes and comes back, twice: every alert once, in order"""
    certificates(tmp)
    gone_and_back(tmp, "tls", server_context(tmp, "server"), f",ca={tmp}/ca.pem,cert={tmp}/client.pem,key={tmp}/client.key")


def asleep(tmp):
    """a server that sleeps (SIGSTOP) is not felt by who produces, and misses nothing when it wakes"""
    n = 20000
    r = Remote("tcp", f"{tmp}/got")
    try:
        s, awake = Drive("-n", n, "-r", 8000, f"tcp,eve,127.0.0.1:{r.port}").end()
        until(lambda: len(r.numbers()) == n - s["lost"], lambda: (len(r.numbers()), s))  # without a spool some may be
        os.truncate(r.path, 0)
        r.p.send_signal(signal.SIGSTOP)
        d = Drive("-i", "-n", n, "-r", 8000, "-s", f"{tmp}/spool", f"tcp,eve,127.0.0.1:{r.port}")
        s = until(lambda: (x := d.stats())["waiting"] + x["written"] + x["lost"] >= n and x, lambda: d.stats())
        assert s["lost"] == 0 and s["spooled"] > 0, s
        r.p.send_signal(signal.SIGCONT)
        until(lambda: d.stats()["written"] == n, lambda: d.stats(), 120)
        s, sleeping = d.end()
        until(lambda: len(r.numbers()) >= n, lambda: len(r.numbers()))
        exactly(r.numbers(), range(n))
        print(f"# ns per event in the producer: {awake['ns_per_event']} with the server awake, "
              f"{sleeping['ns_per_event']} asleep: ratio {sleeping['ns_per_event'] / awake['ns_per_event']:.2f}")
    finally:
        r.kill()


def killed_server(tmp):
    """a server that is killed: what its kernel took and it did not read is gone, nothing else"""
    n = 4000
    r = Remote("tcp", f"{tmp}/one")
    d = Drive("-i", "-n", n, "-r", 2000, "-s", f"{tmp}/spool", f"tcp,text,127.0.0.1:{r.port}")
    until(lambda: len(r.numbers()) > 500, lambda: len(r.numbers()))
    port = r.port
    r.kill()
    again = Remote("tcp", f"{tmp}/two", port)
    try:
        until(lambda: d.stats()["written"] == n, lambda: d.stats(), 120)
        d.end()
        until(lambda: again.numbers() and again.numbers()[-1] == n - 1, "the last one")
    finally:
        again.kill()
    got = r.numbers() + again.numbers()
    assert got == sorted(set(got)), "doubled or out of order"
    print(f"# of {n}, {n - len(got)} went down with the server's own buffers")
    assert n - len(got) < 500, "more than a buffer"


def killed_ourselves(tmp):
    """kill -9 while spooling: the next start sends what was spooled, first, once, in order"""
    r = Receiver("tcp")
    port = r.port
    r.stop()
    d = Drive("-i", "-n", 3000, "-r", 6000, "-s", f"{tmp}/spool", f"tcp,eve,127.0.0.1:{port}")
    until(lambda: d.stats()["spooled"] == 3000, lambda: d.stats())
    d.p.kill()
    d.p.wait()
    r = Receiver("tcp", port)
    s, _ = Drive("-n", 500, "-f", 3000, "-s", f"{tmp}/spool", f"tcp,eve,127.0.0.1:{port}").end()
    r.stop()
    exactly(numbers(texts(r.got)), range(3500))
    assert s["written"] == 3500 and s["waiting"] == 0, s
    # and nothing of it again
    r = Receiver("tcp", port)
    Drive("-n", 10, "-f", 3500, "-s", f"{tmp}/spool", f"tcp,eve,127.0.0.1:{port}").end()
    r.stop()
    exactly(numbers(texts(r.got)), range(3500, 3510))


def journal(tmp):
    """the journal's native protocol: fields, one entry a datagram"""
    path = f"{tmp}/journal"
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    d = Drive("-n", 50, f"journal,text,{path}")
    got = []
    s.settimeout(30)
    while len(got) < 50:
        got.append(dict(x.split("=", 1) for x in s.recv(65536).decode("utf-8").splitlines()))
    d.end()
    exactly(numbers(x["MESSAGE"] for x in got), range(50))
    assert got[1]["KIDOBAN_VERDICT"] == "drop" and got[1]["PRIORITY"] == "2" and got[1]["KIDOBAN_SRC_IP"] == "10.40.0.5", got[1]
    assert got[1]["KIDOBAN_DEST_ZONE"] == 'control "x" ]\\' and got[1]["SYSLOG_IDENTIFIER"] == "kidoban"


def unix(tmp):
    """a Unix stream whose listener goes and comes back"""
    path, got = f"{tmp}/sock", []

    def listen(limit):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.bind(path)
        s.listen(1)
        c, _ = s.accept()
        s.close()
        os.unlink(path)
        data = b""
        while limit is None or data.count(b"\n") < limit:
            piece = c.recv(65536)
            if not piece:
                break
            data += piece
        c.shutdown(socket.SHUT_WR)
        while piece := c.recv(65536):
            data += piece
        c.close()
        got.extend(data.decode("utf-8").splitlines())

    d = Drive("-i", "-n", 2000, "-r", 1000, "-s", f"{tmp}/spool", f"unix,eve,{path}")
    listen(300)
    time.sleep(0.5)
    t = threading.Thread(target=listen, args=(None,))
    t.start()
    until(lambda: d.stats()["written"] == 2000, lambda: d.stats())
    s, _ = d.end()
    t.join(30)
    assert s["lost"] == 0, s
    exactly(numbers(got), range(2000))


def rsyslog(tmp):
    """rsyslog understands what it gets over TCP and UDP"""
    daemon = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
    if not os.path.exists(daemon):
        raise Skip("rsyslog is not installed")
    ports = []
    for kind in ("tcp", "udp"):
        r = Receiver(kind)
        ports.append(r.port)
        r.stop()
    with open(f"{tmp}/rsyslog.conf", "w", encoding="ascii") as f:
        f.write(f"""global(workDirectory="{tmp}" maxMessageSize="64k")
module(load="imtcp") module(load="imudp") module(load="mmpstrucdata")
template(name="parsed" type="list") {{
  constant(value="{{") property(name="app-name" format="jsonf" outname="app") constant(value=",")
  property(name="msgid" format="jsonf" outname="msgid") constant(value=",") property(name="pri" format="jsonf" outname="pri")
  constant(value=",") property(name="timereported" dateFormat="rfc3339" format="jsonf" outname="time") constant(value=",")
  property(name="msg" format="jsonf" outname="msg") constant(value=",\\"sd\\":") property(name="$!rfc5424-sd") constant(value="}}\\n")
}}
ruleset(name="in") {{ action(type="mmpstrucdata") action(type="omfile" file="{tmp}/parsed" template="parsed") }}
input(type="imtcp" address="127.0.0.1" port="{ports[0]}" ruleset="in")
input(type="imudp" address="127.0.0.1" port="{ports[1]}" ruleset="in" rcvbufSize="4m")
""")
    p = subprocess.Popen([daemon, "-n", "-f", f"{tmp}/rsyslog.conf", "-i", f"{tmp}/pid"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE)
    try:
        def listens():
            assert p.poll() is None, p.stderr.read().decode()
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", ports[0])) == 0
        until(listens, "rsyslogd does not listen")
        for kind, port in zip(("tcp", "udp"), ports):
            done = sum(1 for _ in open(f"{tmp}/parsed", encoding="utf-8")) if os.path.exists(f"{tmp}/parsed") else 0
            Drive("-n", 300, "-r", 1000, f"{kind},cef,127.0.0.1:{port}").end()

            def lines():
                with open(f"{tmp}/parsed", encoding="utf-8") as f:
                    return f.read().splitlines()[done:]
            until(lambda: os.path.exists(f"{tmp}/parsed") and len(lines()) >= 300, lambda: len(lines()))
            got = [json.loads(x) for x in lines()]
            exactly(numbers(x["msg"] for x in got), range(300))
            for x in got:
                assert (x["app"], x["msgid"], x["pri"]) == ("kidoban", "policy.value-out-of-range", "106"), x
                assert x["sd"]["kidoban@32473"]["conduit"] == "hmi-plc", x["sd"]
                cef(x["msg"].lstrip("\ufeff"))
    finally:
        p.terminate()
        p.wait(20)


TESTS = [formats, rotation, keep, full_disk, full_spool, udp, tcp, gone_and_back, tls, tls_gone_and_back, asleep, killed_server,
         killed_ourselves, journal, unix, rsyslog]


def main():
    global DRIVE
    p = argparse.ArgumentParser()
    p.add_argument("--drive")
    p.add_argument("--receive", nargs=3)
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    if a.receive:
        return receive(a.receive[0], int(a.receive[1]), a.receive[2])
    DRIVE = os.path.abspath(a.drive)
    tests = [t for t in TESTS if not a.names or t.__name__ in a.names]
    print(f"1..{len(tests)}", flush=True)
    bad = 0
    for n, test in enumerate(tests, 1):
        title = f"{n} - {test.__name__}: {test.__doc__.splitlines()[0]}"
        with tempfile.TemporaryDirectory(prefix="kidoban-outputs-") as tmp:
            try:
                test(tmp)
                print("ok", title, flush=True)
            except Skip as e:
                print("ok", title, "# SKIP", e, flush=True)
            except Exception as e:
                bad += 1
                print("not ok", title, flush=True)
                print("# " + f"{type(e).__name__}: {e}".replace("\n", "\n# ")[:3000], flush=True)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
