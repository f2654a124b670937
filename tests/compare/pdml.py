"""What tshark says of a capture: its PDML, one packet at a time."""

import os
import subprocess
import tempfile
import xml.etree.ElementTree as ET


class Failed(Exception):
    """A program could not do its part; says why."""


def packets(path, layers, options):
    """(frame number, elements of those layers from the outside in) of each packet that has one."""
    command = ["tshark", "-n", "-r", path, *options, "-Y", " or ".join(layers), "-T", "pdml", "-J", " ".join(layers)]
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile() as said:
        env = dict(os.environ, WIRESHARK_CONFIG_DIR=empty, LC_ALL="C.UTF-8")  # no preferences of the user's
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=env) as run:
            try:
                for _, packet in ET.iterparse(run.stdout):
                    if packet.tag == "packet":
                        frame = next(int(shows(p, "num")[0]) for p in packet if p.get("name") == "geninfo")
                        yield frame, [p for p in packet if p.get("name") in layers]
                        packet.clear()
            except ET.ParseError as e:
                raise Failed(f"tshark: its PDML is cut short: {e}") from e
        if run.returncode:
            said.seek(0)
            raise Failed(f"tshark ended with {run.returncode}: {last_line(said.read())}")


def last_line(said):
    return (said.decode(errors="replace").strip().splitlines() or ["it does not say why"])[-1]


def shows(layer, name):
    """All values shown of a field, wherever in the layer."""
    return [f.get("show", "") for f in layer.iter("field") if f.get("name") == name]


def number(layer, name):
    """The first value of a field as a number, None when there is none."""
    return next((int(v, 0) for v in shows(layer, name)), None)
