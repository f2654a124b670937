#!/usr/bin/env python3
"""README.md, "On a mirror port" and "Inline": what stands there runs, and prints what is shown. Prints TAP.

tests/live/readme.py --kidoban build/src/kidoban

Spaces, line breaks, times and numbers of packets do not count; a line "..." stands for anything.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lab

KIDOBAN = None
CAPTURE = os.path.join(lab.ROOT, "pcaps/demo-model1.pcap")


def section(title):
    with open(os.path.join(lab.ROOT, "README.md"), encoding="utf-8") as f:
        return f.read().split(f"\n## {title}\n")[1].split("\n## ")[0]


def yaml(text):
    return re.findall(r"(?sm)^```yaml\n(.*?)^```", text)[0]


def shown(text, command):
    """The pieces between the "..." of what is printed behind a command."""
    block = text.split(f"    {command}\n")[1]
    lines = []
    for line in block.splitlines():
        if line and not line.startswith("    "):
            break
        lines.append(line.strip())
    return [squeeze(p) for p in "\n".join(lines).strip().split("...") if squeeze(p)]


def squeeze(text):
    """What must be the same: no times, no spaces, no count of packets or seconds."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( \(UTC\))?", "", text)
    text = re.sub(r"for [\d hms]+\b", "", text)
    return re.sub(r"\s+", "", re.sub(r"\d+ packets", "packets", text))


def folder_with(files):
    folder = tempfile.mkdtemp(prefix="kidoban-readme-")
    os.symlink(os.path.join(lab.ROOT, "zones"), os.path.join(folder, "zones"))
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    return folder


def a_mirror_port():
    """the configuration for a mirror port tells and shows what README shows"""
    text = section("On a mirror port")
    folder = folder_with({"mirror.yaml": yaml(text)})
    try:
        with lab.Lab() as l:
            plant, box = l.namespace("plant"), l.namespace("box")
            l.cable(plant, "p0", box, "eth1")
            service = l.start(box, [KIDOBAN, "run", "-c", "mirror.yaml"], cwd=folder)
            status = [KIDOBAN, "status", "-c", "mirror.yaml"]
            lab.until(lambda: box.run(*status, check=False, cwd=folder).returncode == 0, "the service answers")
            l.replay(plant, "p0", CAPTURE, "--multiplier=20")
            alerts = shown(text, "# kidoban run -c mirror.yaml")
            lab.until(lambda: all(a in squeeze("\n".join(service.out)) for a in alerts),
                      lambda: f"{alerts} among {service.out}")
            page = shown(text, "$ kidoban status -c mirror.yaml")
            answer = lab.until(lambda: (lambda s: s if all(p in s for p in page) else None)(
                squeeze(box.run(*status, cwd=folder).stdout)), lambda: f"{page} in {answer_of(box, status, folder)}")
            assert answer
            assert service.stop() == 0
            assert any("ended, " in line for line in service.out), service.out
    finally:
        shutil.rmtree(folder)


def answer_of(box, status, folder):
    return squeeze(box.run(*status, cwd=folder).stdout)


def the_inline_configuration():
    """the configuration for a bridge is good"""
    with open(os.path.join(lab.ROOT, "zones/model1.yaml"), encoding="utf-8") as f:
        policy = f.read()
    folder = folder_with({"inline.yaml": yaml(section("Inline")), "policy.yaml": policy})
    try:
        with lab.Lab() as l:
            r = l.namespace("box").run(KIDOBAN, "run", "-c", "inline.yaml", "--check", check=False, cwd=folder)
            assert r.returncode == 0, r.stderr
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--kidoban", required=True)
    KIDOBAN = os.path.abspath(p.parse_args().kidoban)
    sys.exit(lab.main([a_mirror_port, the_inline_configuration], lab.missing("tcpreplay")))
