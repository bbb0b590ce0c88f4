"""Writes files as C arrays of characters: embed.py C-FILE HEADER FILE…"""

import pathlib
import sys


def main():
    source, header, *files = sys.argv[1:]
    with open(source, "w") as c, open(header, "w") as h:
        c.write('#include "embedded.h"\n')
        for name in map(pathlib.Path, files):
            symbol = "embedded_" + name.name.replace(".", "_")
            data = ",".join(map(str, name.read_bytes() + b"\0"))
            h.write(f"extern const char {symbol}[];\n")
            c.write(f"const char {symbol}[] = {{{data}}};\n")


main()
