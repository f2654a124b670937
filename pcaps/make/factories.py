#!/usr/bin/env python3
"""Makes pcaps/factories/: the captures of the factories of zones/.

    factories.py [FACTORY [SCENARIO...]]       all; one factory; some of its scenarios
    factories.py --list

A factory is factories/<factory>.py; pcaps/README.md says what stands in it. Each scenario stands in
a factory of its own: servers(f) start, recording begins, normal(f) goes on, and one second later
the scenario's function comes in. Root; packages: pcaps/README.md.
"""

import argparse
import importlib
import inspect
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
from factory import MAKE, ROOT, Factory, Skip, sweep  # noqa: E402

OUT = os.path.join(ROOT, "pcaps", "factories")


def scenarios(module):
    """Names of the public functions of a factory, in the order written."""
    own = [(f.__code__.co_firstlineno, n) for n, f in inspect.getmembers(module, inspect.isfunction)
           if f.__module__ == module.__name__ and not n.startswith("_") and n != "servers"]
    return [n for _, n in sorted(own)]


def make(module, factory, name):
    """One scenario to its capture; (frames, bytes)."""
    scenario = getattr(module, name)
    with Factory(getattr(scenario, "policy", module.POLICY)) as f:
        module.servers(f)
        f.record()
        if name == "normal":
            module.normal(f)
        elif getattr(scenario, "alone", False):
            scenario(f)
        else:
            f.also(module.normal, f)
            time.sleep(1)
            scenario(f)
        return f.write(os.path.join(OUT, f"{factory}-{name.replace('_', '-')}.pcap"))


def main():
    ap = argparse.ArgumentParser(description="Makes the captures of the factories; see pcaps/README.md.")
    ap.add_argument("--list", action="store_true", help="only say which there are")
    ap.add_argument("factory", nargs="?")
    ap.add_argument("scenario", nargs="*")
    args = ap.parse_args()
    folder = os.path.join(MAKE, "factories")
    every = sorted(n[:-3] for n in os.listdir(folder) if n.endswith(".py") and not n.startswith("_"))
    if args.factory and args.factory not in every:
        sys.exit(f"factories.py: no factory '{args.factory}'; there are: {' '.join(every)}")
    sys.path.insert(0, folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.makedirs(OUT, exist_ok=True)
    if not args.list:
        sweep()
    failed = 0
    for factory in [args.factory] if args.factory else every:
        module = importlib.import_module(factory)
        known = scenarios(module)
        wanted = [s.replace("-", "_") for s in args.scenario] or known
        for name in wanted:
            if name not in known:
                sys.exit(f"factories.py: {factory} has no scenario '{name}'; it has: {' '.join(known)}")
            if args.list:
                print(factory, name)
                continue
            begun = time.monotonic()
            try:
                frames, size = make(module, factory, name)
                print(f"{factory}-{name.replace('_', '-')}.pcap: {frames} frames, {size} bytes, "
                      f"made in {time.monotonic() - begun:.1f} s", flush=True)
            except Skip as e:
                print(f"{factory} {name}: SKIP: {e}", flush=True)
                return 77
            except Exception as e:  # the other scenarios are still worth making
                print(f"{factory} {name}: FAILED: {type(e).__name__}: {e}", flush=True)
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
