"""What the checks share: the C files under src/ and include/, and their text without comments."""
import os
import re

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(root):
    """Yields (path under root, text) of every .c and .h, sorted."""
    found = []
    for top in ("src", "include"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            found += [os.path.join(folder, n) for n in names if n.endswith((".c", ".h"))]
    for path in sorted(found):
        with open(path, encoding="utf-8", errors="replace") as handle:
            yield os.path.relpath(path, root), handle.read()


def without_comments(text, strings=True):
    """Comments (and with strings=True the content of literals) blanked; line numbers stay."""
    def blank(match):
        token = match.group(0)
        if token[0] == "/":
            return " " + "\n" * token.count("\n")
        return token[0] * 2 if strings else token
    return TOKEN.sub(blank, text)


def room_of(path):
    """src/store/journal.c -> store, src/connector/http/x.c -> connector/http, include/... -> include"""
    parts = path.split("/")
    if parts[0] == "include":
        return "include"
    if parts[1] == "connector" and len(parts) > 3:
        return "/".join(parts[1:3])
    return parts[1] if len(parts) > 2 else ""
