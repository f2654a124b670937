#!/usr/bin/env python3
"""README.md, "From a recording to enforcement": every command runs, and prints what is shown there. Prints TAP.

tests/walkthrough.py [build/src/kidoban]

Spaces, line breaks and times of today do not count; a line "..." stands for anything. Of ```diff, what
is taken away was written by learn, what is added is in docs/walkthrough/policy.yaml; of ```yaml all is
in a file of docs/walkthrough/. "#" commands need a kernel with nftables and user namespaces.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KIDOBAN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/src/kidoban"))
SECTION = "## From a recording to enforcement\n"
# what ends with another exit code than 0, and why
CODES = {"kidoban check --lint policy.yaml": (0, 1), "kidoban check --lint asked.yaml": (1,),
         "kidoban check --can historian-1 plc-1 'modbus write' policy.yaml": (1,),
         "kidoban diff policy.yaml asked.yaml pcaps/factories/uc4-information-writes.pcap": (1,)}


def section():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        return f.read().split(SECTION)[1].split("\n## ")[0]


def commands(text):
    """(prompt, command, shown) of the indented blocks."""
    found = []
    for line in re.sub(r"(?sm)^```.*?^```$", "", text).splitlines():
        m = re.match(r"    ([$#]) (.*)", line)
        if m:
            found.append([m[1], m[2], []])
        elif line.startswith("    ") and found:
            found[-1][2].append(line[4:])
    return found


def squeezed(text, of_today):
    if of_today:
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    return "".join(text.split())


def shown_in(shown, output, of_today):
    parts = [squeezed(p, of_today) for p in re.split(r"(?m)^\s*\.\.\.$", "\n".join(shown))]
    pattern = ".*".join(re.escape(p) for p in parts)
    return re.fullmatch(pattern, squeezed(output, of_today), re.S)


def fenced(text, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.S | re.M)


def lines_of(*paths):
    lines = set()
    for path in paths:
        with open(path, encoding="utf-8") as f:
            lines |= set(f.read().splitlines())
    return lines


def can_nft():
    return shutil.which("nft") and shutil.which("unshare") and subprocess.run(
        ["unshare", "-rn", "nft", "list", "tables"], capture_output=True, check=False).returncode == 0


def main():
    text, results, proposal = section(), [], None
    env = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    with tempfile.TemporaryDirectory() as d:
        os.mkdir(os.path.join(d, "bin"))
        os.symlink(KIDOBAN, os.path.join(d, "bin/kidoban"))
        for name in ("pcaps", "docs", "zones"):
            os.symlink(os.path.join(ROOT, name), os.path.join(d, name))
        env["PATH"] = os.path.join(d, "bin") + ":" + env["PATH"]
        for prompt, command, shown in commands(text):
            run = command
            if prompt == "#":
                run = f"unshare -rn sh -c '{command}'"
            if (prompt == "#" and not can_nft()) or ("| jq" in command and not shutil.which("jq")):
                results.append((command + " # SKIP no such tool, or no right to use it", ""))
                continue
            r = subprocess.run(["sh", "-c", run], cwd=d, env=env, stdin=subprocess.DEVNULL, timeout=300,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            output = r.stdout.decode()
            of_today = re.match(r"kidoban (grant|grants|revoke)\b", command)
            if r.returncode not in CODES.get(command, (0,)):
                results.append((command, f"exit code {r.returncode}\n{output}"))
            elif not shown_in(shown, output, of_today):
                results.append((command, "README shows\n" + "\n".join(shown) + "\nbut it prints\n" + output))
            else:
                results.append((command, ""))
            if proposal is None and command.startswith("kidoban learn"):
                proposal = lines_of(os.path.join(d, "policy.yaml"))
    kept = glob.glob(os.path.join(ROOT, "docs/walkthrough/*.yaml"))
    reviewed, files = lines_of(os.path.join(ROOT, "docs/walkthrough/policy.yaml")), lines_of(*kept)
    for i, block in enumerate(fenced(text, "diff"), 1):
        wrong = [x for x in block.splitlines()
                 if not (x[0] == "-" and x[1:] in proposal or x[0] == "+" and x[1:] in reviewed)]
        results.append((f"edits of the proposal, part {i}", "\n".join(wrong)))
    for i, block in enumerate(fenced(text, "yaml"), 1):
        results.append((f"file shown, part {i}", "\n".join(x for x in block.splitlines() if x not in files)))
    print(f"1..{len(results)}")
    for n, (what, wrong) in enumerate(results, 1):
        print(f"{'not ok' if wrong else 'ok'} {n} - {what}")
        for line in wrong.splitlines():
            print("# " + line)
    assert len(commands(text)) >= 20
    sys.exit(any(wrong for _, wrong in results))


if __name__ == "__main__":
    main()
