"""Turns the catalogue into a C array, so that the program carries it: embed.py IN OUT NAME."""
import sys

source, target, name = sys.argv[1:]
data = open(source, "rb").read()
lines = (",".join(map(str, data[i:i + 24])) for i in range(0, len(data), 24))
with open(target, "w", encoding="ascii") as out:
    out.write(f"extern const unsigned char {name}[];\nextern const unsigned {name}_len;\n")
    out.write(f"const unsigned char {name}[] = {{\n" + ",\n".join(lines) + "};\n")
    out.write(f"const unsigned {name}_len = {len(data)};\n")
