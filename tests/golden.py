#!/usr/bin/env python3
"""Golden tests: a capture, a few edits, a command line, and what must come out.

Each folder tests/golden/<case>/ has a case.yaml; tests/README.md says what may stand in it.
Prints TAP, one line per case.

    tests/golden.py --kidoban build/src/kidoban [--update] [CASE...]

--update rewrites the files that `stdout` expectations name. Read the difference before you commit.
"""

import argparse
import concurrent.futures
import difflib
import json
import os
import subprocess
import sys
import tempfile

import yaml

import capture_edit

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CASES = os.path.join(ROOT, "tests", "golden")
KEYS = {"title", "capture", "edit", "variants", "before", "run", "stdin", "env", "expect"}
EXPECT_KEYS = {
    "exit", "stdout", "filters", "findings", "same-as-unedited", "stdout-contains",
    "stdout-lacks", "stderr-contains", "stderr-lacks",
}
TIMEOUT = 120


class Skip(Exception):
    """The case cannot run here; says why."""


class Wrong(Exception):
    """The case failed; says how."""


def validator():
    """Checks one EVE object against the published schema; None when that is not possible here."""
    path = os.path.join(ROOT, "docs", "eve.schema.json")
    try:
        import jsonschema
    except ImportError:
        return None
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        schema = json.load(f)
    kind = jsonschema.validators.validator_for(schema)
    return kind(schema, format_checker=jsonschema.FormatChecker())


def load(name):
    with open(os.path.join(CASES, name, "case.yaml"), encoding="utf-8") as f:
        case = yaml.safe_load(f)
    unknown = set(case) - KEYS | set(case.get("expect", {})) - EXPECT_KEYS
    if unknown:
        raise Wrong("case.yaml: unknown key " + ", ".join(sorted(unknown)))
    for key in ("title", "run", "expect"):
        if key not in case:
            raise Wrong("case.yaml: no " + key)
    return case


def variants(name):
    """The case once per variant: (label, variant), or once as it is."""
    try:
        return [(f"{name}/{v}", v) for v in load(name).get("variants", {})] or [(name, None)]
    except (Wrong, OSError, yaml.YAMLError):
        return [(name, None)]  # told when it runs


def captures(case, edited, folder):
    """The paths of the case's captures, after its edits."""
    given = case.get("capture", [])
    out = []
    for n, path in enumerate(given if isinstance(given, list) else [given]):
        full = os.path.join(ROOT, path)
        if not os.path.exists(full):
            if path.startswith("../shared/"):
                raise Skip(f"{path} is not here")
            raise Wrong(f"{path} does not exist")
        if edited and case.get("edit"):
            cap = capture_edit.apply(capture_edit.read(full), case["edit"])
            full = os.path.join(folder, f"{n}.pcap")
            with open(full, "wb") as f:
                f.write(capture_edit.encode(cap))
        out.append(full)
    return out


def run(case, paths, kidoban, here, folder=""):
    """Runs the command, those of `before` first; {capture}, {captures}, {here}, {work} are filled in."""
    def filled(args):
        argv = [kidoban]
        for arg in args:
            if arg == "{captures}":
                argv += paths
            else:
                argv.append(str(arg).replace("{capture}", paths[0] if paths else "").replace("{here}", here)
                            .replace("{work}", folder))
        return argv

    argv = filled(case["run"])
    env = {**os.environ, "LC_ALL": "C", "LANG": "C", "TZ": "UTC", **case.get("env", {})}
    for args in case.get("before", []):
        r = subprocess.run(filled(args), capture_output=True, cwd=ROOT, env=env, timeout=TIMEOUT, check=False)
        if r.returncode:
            raise Wrong(f"before: {args}: exit code {r.returncode}\n{r.stderr.decode()[-500:]}")
    feed = None
    if case.get("stdin") == "{capture}":
        with open(paths[0], "rb") as f:
            feed = f.read()
    elif case.get("stdin") is not None:
        feed = str(case["stdin"]).encode()
    try:
        r = subprocess.run(argv, input=feed or b"", capture_output=True, cwd=ROOT, env=env,
                           timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise Wrong(f"did not end within {TIMEOUT} s") from None
    if b"was built without" in r.stderr:
        raise Skip(r.stderr.decode().strip().splitlines()[-1])
    return r


def lookup(event, dotted):
    """The value at a dotted path; None when there is none. Keys may contain dots themselves."""
    for key in dotted.split("."):
        if not isinstance(event, dict) or key not in event:
            return None
        event = event[key]
    return event


def matches(event, wanted):
    for path, want in wanted.items():
        have = lookup(event, path)
        if isinstance(have, list) and not isinstance(want, list):
            if want not in have:
                return False
        elif isinstance(want, str) and want.startswith("~"):
            if have is None or want[1:] not in str(have):
                return False
        elif have != want:
            return False
    return True


def events(stdout):
    out = []
    for n, line in enumerate(stdout.splitlines(), 1):
        if not line.startswith('{"'):  # an event; a report over several lines is none
            continue
        try:
            out.append(json.loads(line))
        except ValueError as e:
            raise Wrong(f"line {n} of the output is no JSON: {e}: {line[:200]}") from None
    return [e for e in out if "event_type" in e]


def diff(old, new, name):
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), name, "now", lineterm="", n=1))
    more = [f"... {len(lines) - 40} more lines"] if len(lines) > 40 else []
    return "\n".join(lines[:40] + more)


def columns(text, ignore, anyhow):
    """A table with a header line, without some of its columns; in any order if so wished."""
    rows = [line.split("\t") for line in text.splitlines()]
    if not rows:
        return ""
    kept = [i for i, name in enumerate(rows[0]) if name not in ignore]
    lines = ["\t".join(r[i] for i in kept if i < len(r)) for r in rows]
    return "\n".join(lines[:1] + sorted(lines[1:]) if anyhow else lines)


def judge(case, name, got, kidoban, schema, update):
    expect, out = case["expect"], got.stdout.decode("utf-8", "replace")
    err, wrong = got.stderr.decode("utf-8", "replace"), []
    if got.returncode != expect.get("exit", 0):
        wrong.append(f"exit code {got.returncode}, not {expect.get('exit', 0)}\n{err[-1500:]}")
    if "Sanitizer" in err or "runtime error:" in err:
        wrong.append("a sanitizer spoke:\n" + err[-3000:])
    if "stdout" in expect:
        path = os.path.join(CASES, name, expect["stdout"])
        if update:
            with open(path, "wb") as f:
                f.write(got.stdout)
        elif not os.path.exists(path):
            wrong.append(f"{expect['stdout']} does not exist yet: run with --update, then read it")
        else:
            with open(path, "rb") as f:
                want = f.read()
            if want != got.stdout:
                wrong.append(diff(want.decode("utf-8", "replace"), out, expect["stdout"]))
    found = events(out)
    if schema:
        for e in found:
            for problem in list(schema.iter_errors(e))[:3]:
                wrong.append(f"schema: {'.'.join(map(str, problem.path))}: {problem.message[:300]}")
    for f in expect.get("filters", []):
        n = sum(matches(e, f["match"]) for e in found)
        low, high = f.get("min", f.get("count", 1 if "max" not in f else 0)), f.get("max", f.get("count"))
        if n < low or (high is not None and n > high):
            wrong.append(f"{n} events match {json.dumps(f['match'], ensure_ascii=False)}, not "
                         f"{low if low == high else str(low) + '..' + str('' if high is None else high)}")
    if "findings" in expect:
        have = {}
        for e in found:
            if e["event_type"] == "alert":
                fid = lookup(e, "kidoban.finding")
                have[fid] = have.get(fid, 0) + 1
        if have != (expect["findings"] or {}):
            wrong.append(f"findings are {have}, not {expect['findings']}")
    for key, text, there in (("stdout-contains", out, True), ("stdout-lacks", out, False),
                             ("stderr-contains", err, True), ("stderr-lacks", err, False)):
        wanted = expect.get(key, [])
        for w in [wanted] if isinstance(wanted, str) else wanted:
            if (w in text) != there:
                wrong.append(f"{key}: {w!r}\n{text[-1500:]}")
    if "same-as-unedited" in expect:
        how = expect["same-as-unedited"] or {}
        ignore, anyhow = how.get("ignore", []), how.get("any-order", False)
        plain = run(case, captures(case, False, ""), kidoban, os.path.join(CASES, name)).stdout.decode()
        a, b = (columns(t, ignore, anyhow) for t in (plain, out))
        if a != b:
            wrong.append(diff(a, b, "unedited"))
        if a.count("\n") < 1:
            wrong.append("same-as-unedited compares nothing: the unedited capture gives no rows")
    if wrong:
        raise Wrong("\n".join(wrong))


def one(name, variant, kidoban, schema, update):
    """(result, title, detail) of a case; result: ok, not ok, skip."""
    title = ""
    try:
        case = load(name)
        title = case["title"]
        if variant:
            case["edit"] = case.get("edit", []) + case["variants"][variant]
        with tempfile.TemporaryDirectory() as folder:
            paths = captures(case, True, folder)
            got = run(case, paths, kidoban, os.path.join(CASES, name), folder)
            judge(case, name, got, kidoban, schema, update)
        return "ok", title, ""
    except Skip as e:
        return "skip", title, str(e)
    except (Wrong, ValueError, KeyError, IndexError, OSError, yaml.YAMLError) as e:
        return "not ok", title, str(e) if isinstance(e, Wrong) else f"{type(e).__name__}: {e}"


def main():
    ap = argparse.ArgumentParser(description="Golden tests; see tests/README.md.")
    ap.add_argument("--kidoban", default=os.path.join(ROOT, "build", "src", "kidoban"))
    ap.add_argument("--update", action="store_true", help="rewrite the expected files")
    ap.add_argument("case", nargs="*")
    args = ap.parse_args()
    names = args.case or sorted(
        d for d in os.listdir(CASES) if os.path.exists(os.path.join(CASES, d, "case.yaml")))
    names = [os.path.basename(os.path.normpath(n)) for n in names]
    schema, failed = validator(), 0
    kidoban = os.path.abspath(args.kidoban)
    cases = [(label, name, v) for name in names for label, v in variants(name)]
    print(f"1..{len(cases)}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda c: one(c[1], c[2], kidoban, schema, args.update), cases)
        for i, ((label, _, _), (result, title, detail)) in enumerate(zip(cases, results), 1):
            label = f"{i} - {label}: {title}".replace("#", "no.")
            if result == "skip":
                print(f"ok {label} # SKIP {detail}", flush=True)
                continue
            print(f"{result} {label}", flush=True)
            for line in detail.splitlines():
                print("# " + line)
            failed += result != "ok"
    sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
