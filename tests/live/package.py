#!/usr/bin/env python3
"""The package on a Debian of its own: installed, started, reloaded, killed, upgraded, removed, purged.

    tests/live/package.py build/deb/kidoban_*.deb [FOLDER]

debootstrap makes a small Debian 12 (in FOLDER, which is kept and used again; else in a temporary
one), whose systemd is started in namespaces of its own, so that the unit is seen as it runs: rights,
filter, watchdog, signals. Needs root, debootstrap and a Debian mirror; takes minutes, and is run by
hand for that. Prints TAP.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 60  # seconds until something that must happen is given up
TESTS = []


def test(f):
    TESTS.append(f)
    return f


def run(*args, code=0, **more):
    r = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, timeout=600, check=False, **more)
    if code is not None and r.returncode != code:
        raise AssertionError(f"{' '.join(args)}: exit code {r.returncode}\n{r.stdout}")
    return r.stdout


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.1)


class Machine:
    """A Debian whose systemd runs."""

    def __init__(self, root):
        self.root = root
        self.proc = subprocess.Popen(
            ["unshare", "-m", "-p", "-f", "--kill-child", "-n", "-u", "-i", "-C", os.path.join(HERE, "boot.sh"), root],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self.pid = None
        until(self.find, "a process of its own")
        until(lambda: re.match("running|degraded", self("systemctl", "is-system-running", code=None)), "systemd is up")

    def find(self):
        with open(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children") as f:
            children = f.read().split()
        self.pid = children[0] if children else None
        return self.pid

    def __call__(self, *args, code=0):
        return run("nsenter", "-t", self.pid, "-m", "-p", "-n", "-u", "-i", "-C", *args, code=code)

    def show(self, what, unit="kidoban"):
        return self("systemctl", "show", "-P", what, unit).strip()

    def path(self, path):
        return self.root + path

    def journal(self):
        return self("journalctl", "-u", "kidoban", "-o", "cat", "--no-pager")

    def close(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()


def prepare(root, deb):
    """What the package depends on is there already, so that nothing else changes when it comes."""
    if not os.path.exists(os.path.join(root, "etc/debian_version")):
        depends = [re.sub(r"[ (:|].*", "", d.strip()) for d in run("dpkg-deb", "-f", deb, "Depends").split(",")]
        run("debootstrap", "--variant=minbase", "--include=" + ",".join(
            ["systemd-sysv", "iproute2", "procps", *depends]), "bookworm", root)
    shutil.copy(deb, os.path.join(root, "root/kidoban.deb"))


def status(m):
    with open(f"/proc/{host_pid(m)}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def host_pid(m):
    """The main process as this machine counts: the last but one number of NSpid is the other's."""
    inside = m.show("MainPID")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/status") as f:
                text = f.read()
        except OSError:
            continue
        numbers = re.search(r"^NSpid:\t(.*)$", text, re.M)
        if numbers and numbers.group(1).split()[-1] == inside and text.startswith("Name:\tkidoban"):
            return pid
    raise AssertionError("no main process")


def leftovers(m):
    """Files with its name outside of what dpkg and systemd write about everything."""
    found = m("find", "/", "-xdev", "-iname", "*kidoban*", "-not", "-path", "/proc/*", "-not", "-path", "/root/*",
              "-not", "-path", "/sys/*").split()
    return sorted(found)


@test
def installs_without_starting(m):
    m("dpkg", "-i", "/root/kidoban.deb")
    assert m("dpkg-query", "-W", "-f", "${db:Status-Status}", "kidoban") == "installed"
    assert m("systemctl", "is-enabled", "kidoban", code=None).strip() == "disabled"
    assert m.show("ActiveState") == "inactive"
    assert "kidoban" in m("getent", "passwd", "kidoban")
    conffiles = m("dpkg-query", "-W", "-f", "${Conffiles}", "kidoban")
    for name in ("kidoban.yaml", "policy.yaml"):
        assert f"/etc/kidoban/{name} " in conffiles, conffiles
    m("kidoban", "run", "-c", "/etc/kidoban/kidoban.yaml", "--check")
    assert not m("systemd-analyze", "verify", "/lib/systemd/system/kidoban.service")
    print("# " + m("systemd-analyze", "security", "kidoban.service").strip().splitlines()[-1].strip())


@test
def a_missing_interface_is_told(m):
    assert m("systemctl", "start", "kidoban", code=1)
    until(lambda: "eth1" in m.journal(), "the journal names the interface")
    m("systemctl", "stop", "kidoban")
    m("systemctl", "reset-failed", "kidoban", code=None)


@test
def starts_with_few_rights(m):
    m("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "plant")
    m("ip", "link", "set", "plant", "up")
    m("ip", "link", "set", "eth1", "up")
    m("systemctl", "start", "kidoban")
    assert m.show("ActiveState") == "active"
    s = status(m)
    assert s["CapPrm"] == s["CapEff"] == "0000000000002000", s["CapEff"]
    assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2", s
    assert "0" not in s["Uid"].split()
    for task in os.listdir(f"/proc/{host_pid(m)}/task"):
        with open(f"/proc/{host_pid(m)}/task/{task}/status") as f:
            text = f.read()
        assert "CapEff:\t0000000000002000" in text and "Seccomp:\t2" in text, text


@test
def writes_where_it_may(m):
    for path in ("/var/log/kidoban/eve.json", "/var/lib/kidoban/state.db"):
        until(lambda p=path: os.path.exists(m.path(p)), path)
        assert m("stat", "-c", "%U:%G", path).strip() == "kidoban:kidoban"
    until(lambda: m("test", "-S", "/run/kidoban/control.sock", code=None) == "", "a socket")
    until(lambda: "kidoban" in m("cat", "/run/kidoban/metrics.prom", code=None), "metrics")


@test
def reloads(m):
    pid = m.show("MainPID")
    before = m.journal().count("kidoban run: reloaded")
    m("systemctl", "reload", "kidoban")
    until(lambda: m.journal().count("kidoban run: reloaded") > before, "the journal says so")
    with open(m.path("/etc/kidoban/policy.yaml"), "a") as f:
        f.write("\nconduit: []\n")
    m("systemctl", "reload", "kidoban", code=None)
    until(lambda: "not reloaded" in m.journal(), "the journal says that it is not")
    assert 'unknown key "conduit"' in m.journal()
    assert m.show("ActiveState") == "active" and m.show("MainPID") == pid


@test
def comes_back_when_killed(m):
    pid = m.show("MainPID")
    m("systemctl", "kill", "-s", "KILL", "kidoban")
    with open(m.path("/etc/kidoban/policy.yaml")) as f:
        text = f.read()
    with open(m.path("/etc/kidoban/policy.yaml"), "w") as f:
        f.write(text.replace("conduit: []", "# mine"))
    m("systemctl", "reset-failed", "kidoban", code=None)
    m("systemctl", "start", "kidoban")
    until(lambda: m.show("ActiveState") == "active" and m.show("MainPID") not in ("0", pid), "another process")


@test
def an_upgrade_keeps_what_was_edited(m):
    m("dpkg", "-i", "--force-confdef", "--force-confold", "/root/kidoban.deb")
    with open(m.path("/etc/kidoban/policy.yaml")) as f:
        assert "# mine" in f.read()


@test
def ends_in_good_order(m):
    m("systemctl", "start", "kidoban")
    m("systemctl", "stop", "kidoban")
    assert m.show("Result") == "success", m.show("Result")


@test
def is_removed_while_it_runs(m):
    m("systemctl", "start", "kidoban")
    m("dpkg", "--remove", "kidoban")
    assert m.show("ActiveState") == "inactive"
    m("test", "!", "-e", "/usr/bin/kidoban")
    m("test", "-e", "/etc/kidoban/policy.yaml")


@test
def a_purge_leaves_nothing(m):
    m("dpkg", "--purge", "kidoban")
    assert not leftovers(m), leftovers(m)


def main():
    deb = sys.argv[1] if len(sys.argv) > 1 else ""
    reason = ("needs a package: ./dev deb builds one" if not os.path.exists(deb) else
              "needs root" if os.geteuid() else
              "needs debootstrap" if not shutil.which("debootstrap") else None)
    if reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    root = os.path.abspath(folder or tempfile.mkdtemp(prefix="kidoban-package-"))
    failed = 0
    prepare(root, deb)
    m = Machine(root)
    print(f"1..{len(TESTS)}")
    for i, f in enumerate(TESTS, 1):
        try:
            f(m)
            print(f"ok {i} - {f.__name__.replace('_', ' ')}", flush=True)
        except (AssertionError, OSError) as e:
            failed += 1
            print(f"not ok {i} - {f.__name__.replace('_', ' ')}", flush=True)
            print("".join(f"#   {line}\n" for line in str(e).splitlines()), end="")
    if failed:
        print("".join(f"# {line}\n" for line in m("journalctl", "-u", "kidoban", "--no-pager", code=None).splitlines()[-30:]))
    m.close()
    if not folder:
        shutil.rmtree(root, ignore_errors=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
