#!/usr/bin/env python3
"""Every key and word that the loader of policies knows is in zones/README.md, and in an example there;
every key and word of the service's configuration in systemd/kidoban.yaml.

The tables are read from the source: `struct field` lists keys, `words[]` values. An example is a
block of YAML; that it loads is tested in unit/test_policy.c, unit/test_include.c and
unit/test_config.c. Prints TAP.
"""

import glob
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")

# Words that only say yes or no, or stand for what the reference says in a sentence.
PLAIN_WORDS = {"true", "false"}


# Of the 24 facilities of syslog the example names three, and says where the others are.
FACILITIES = "kern user mail auth syslog lpr news uucp cron authpriv ftp ntp clock".split()


def tables(files="src/policy/load*.c"):
    """(file, key) of every struct field; (file, word) of every list of words."""
    keys, words = [], []
    for path in sorted(glob.glob(os.path.join(ROOT, files))):
        with open(path) as f:
            text = f.read()
        name = os.path.basename(path)
        for table, body in re.findall(r"struct field (\w+)\[\] = \{(.*?)\n\s*\};", text, re.S):
            keys += [(f"{table}, {name}", k) for k in re.findall(r'\{"([^"]+)", ?\w+, ?(?:true|false)\}', body)]
        for body in re.findall(r"const \w*words\w*\[\] = \{(.*?)\};", text, re.S):
            words += [(name, w) for w in re.findall(r'"([^"]+)"', body)]
    return keys, words


# The tables that have one of their own in the reference, and under which heading.
SECTIONS = {"top_fields": "Top of the file", "zone_fields": "Zones", "asset_fields": "Assets",
            "conduit_fields": "Conduits", "watch_fields": "Watch"}


def rows(doc, heading):
    """The words of the first column of the first table under a heading."""
    section = doc.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"`([^`]+)`", "\n".join(re.findall(r"^\|([^|]*)\|", section, re.M))))


def used_in(examples, key):
    return re.search(r'(?:^|[\s{,\-"])' + re.escape(key) + r'"?:(?:\s|$)', examples, re.M)


def service():
    """What systemd/kidoban.yaml lacks: keys as settings, on or off, and words anywhere."""
    with open(os.path.join(ROOT, "systemd/kidoban.yaml")) as f:
        text = f.read()
    keys, words = tables("src/run/config*.c")
    settings = re.sub(r"^#(?! \S)", "", text, flags=re.M)
    settings = re.sub(r"^\s*#.*", "", settings, flags=re.M)
    skip = {*FACILITIES, *(f"local{i}" for i in range(1, 8)), *PLAIN_WORDS}
    return [
        ("the tables of the service's loader are found", [] if len(keys) > 40 and len(words) > 30
         else [f"only {len(keys)} keys and {len(words)} words"]),
        ("every key of the service is a setting of the example", [f"{k}: ({f})" for f, k in keys
                                                                  if not used_in(settings, k)]),
        ("every word of the service is in the example", [f"{w} ({f})" for f, w in words if w not in skip
                                                         and not re.search(rf"(?<![\w-]){w}(?![\w-])", text)]),
    ]


def main():
    with open(os.path.join(ROOT, "zones/README.md")) as f:
        doc = f.read()
    examples = "\n".join(re.findall(r"```yaml\n(.*?)```", doc, re.S))
    prose = re.sub(r"```.*?```", "", doc, flags=re.S)
    ticked = set()
    for span in re.findall(r"`([^`\n]+)`", prose):
        ticked.add(span)
        ticked.update(re.findall(r"[\w-]+", span))
    keys, words = tables()
    without_row = [f"a row for `{k}` under {heading}" for table, heading in SECTIONS.items()
                   for f, k in keys if f.startswith(table + ",") and k not in rows(doc, heading)]
    checks = [
        ("the tables of the loader are found", [] if len(keys) > 80 and len(words) > 30
         else [f"only {len(keys)} keys and {len(words)} words"]),
        ("every key is explained", [f"`{k}` ({f})" for f, k in keys if k not in ticked]),
        ("every key of a section has its row there", without_row),
        ("every key is in an example", [f"{k}: ({f})" for f, k in keys if not used_in(examples, k)]),
        ("every word is explained", [f"`{w}` ({f})" for f, w in words
                                     if w not in ticked | PLAIN_WORDS]),
    ]
    checks = [(name, [f"not in zones/README.md: {m}" for m in missing]) for name, missing in checks]
    checks += [(name, [f"not in systemd/kidoban.yaml: {m}" for m in missing]) for name, missing in service()]
    print(f"1..{len(checks)}")
    for i, (name, missing) in enumerate(checks, 1):
        print(f"{'not ok' if missing else 'ok'} {i} - {name}")
        for m in missing:
            print(f"#   {m}")
    return any(missing for _, missing in checks)


if __name__ == "__main__":
    sys.exit(main())
