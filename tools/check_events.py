#!/usr/bin/env python3
"""Every event that src/ tells is in the table of src/base/events.c, and every row of the table is told.

An event is a literal "thing.happened"; what looks like one and is none is listed here. Runs as the test style.events."""
import re
import sys

from sources import files, without_comments

TABLE = "src/base/events.c"
ROW = re.compile(r'^    \{ "([a-z_.]+)",', re.M)
EVENT = re.compile(r'"([a-z]+\.[a-z_]+)"')
FILE = re.compile(r"\.(h|json|mdb|yaml)$")
NO_EVENT = {"idempotency.header"}  # a place in the configuration


def check(root):
    texts = dict(files(root))
    table = set(ROW.findall(texts.get(TABLE, "")))
    problems, told = [], set()
    if not table:
        return [f"{TABLE}: no rows"]
    for path, text in texts.items():
        if path == TABLE or not path.startswith("src/"):
            continue
        for number, line in enumerate(without_comments(text, strings=False).split("\n"), 1):
            for name in EVENT.findall(line):
                if name in table:
                    told.add(name)
                elif not FILE.search(name) and name not in NO_EVENT:
                    problems.append(f"{path}:{number}: \"{name}\" is not in the table of {TABLE}")
    return problems + [f"{TABLE}: nobody tells \"{name}\"" for name in sorted(table - told)]


def main(argv):
    problems = check(argv[0] if argv else ".")
    print("\n".join(problems) if problems else "events: all are in the table")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
