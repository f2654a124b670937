#!/usr/bin/env python3
"""An installation has what a service needs, its unit is hardened, and nothing is left of it afterwards.

    tests/install.py BUILD      installs into a folder of its own (DESTDIR). Prints TAP.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(sys.argv[1])
EXPOSURE_MAX = 2.0  # of systemd-analyze security
WANTED = ("bin/kidoban", "systemd/system/kidoban.service", "systemd/system/kidoban@.service", "sysusers.d/kidoban.conf",
          "tmpfiles.d/kidoban.conf", "kidoban/kidoban.yaml", "kidoban/policy.yaml", "doc/kidoban/service.md", "man8/kidoban.8")


def run(*args, **more):
    return subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=True, **more).stdout


def files(folder):
    return [os.path.join(at, f) for at, _, names in os.walk(folder) for f in names]


def installed(dest):
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", dest)
    return [f"{w} is missing" for w in WANTED if not any(f.endswith("/" + w) for f in files(dest))]


def unit_runs_what_is_there(dest):
    wrong = []
    for path in files(dest):
        if not path.endswith(".service"):
            continue
        with open(path) as f:
            text = f.read()
        program = re.search(r"^ExecStart=(\S+)", text, re.M).group(1)
        document = re.search(r"^Documentation=file://(\S+)", text, re.M).group(1)
        wrong += [f"{path}: {p} is not installed" for p in (program, document) if not os.path.exists(dest + p)]
        wrong += [f"{path}: {at} is left" for at in re.findall(r"@[A-Za-z]+@", text)]
    return wrong


def hardened(dest):
    if not shutil.which("systemd-analyze"):
        return None
    units = [f for f in files(dest) if f.endswith("kidoban.service")]
    level = re.search(r"exposure level for \S+: ([\d.]+)", run("systemd-analyze", "security", "--offline=true", *units))
    return [] if float(level.group(1)) < EXPOSURE_MAX else [f"exposure {level.group(1)}"]


def nothing_left(dest):
    run("ninja", "uninstall", cwd=BUILD)
    return files(dest)


def main():
    checks = (("everything is installed", installed),
              ("units run what is installed", unit_runs_what_is_there),
              (f"systemd-analyze security is below {EXPOSURE_MAX}", hardened),
              ("an uninstallation leaves nothing", nothing_left))
    print(f"1..{len(checks)}")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for i, (name, check) in enumerate(checks, 1):
            wrong = check(os.path.join(folder, "dest"))
            failed |= bool(wrong)
            skip = " # SKIP systemd-analyze is not installed" if wrong is None else ""
            print(f"{'not ok' if wrong else 'ok'} {i} - {name}{skip}")
            print("".join(f"#   {w}\n" for w in wrong or []), end="")
    return failed


if __name__ == "__main__":
    sys.exit(main())
