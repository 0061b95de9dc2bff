#!/usr/bin/env python3
"""Holds every #include in src/ and include/ against one table of allowed direction.

Usage: check_layers.py [ROOT]      prints file:line: what is wrong; exit 1 where anything is
       check_layers.py --table     prints the table with the arrows followed

MAY_USE is the diagram in ARCHITECTURE.md: arrows are transitive. "include" is include/belay/, the
contract of connectors; "connector" is the registry, the one place that knows them all. The lines of CMakeLists.txt that
name a room's libraries are held against it too.

A system or library header that is right in a room after all says why on its line:
#include <fcntl.h> /* allow: fcntl.h - LMDB's own descriptor */
"""
import os
import re
import sys

from sources import files, room_of, without_comments

MAY_USE = {
    "base": [],
    "platform": ["base"],
    "obs": ["base"],
    "json": ["base"],
    "expr": ["json"],
    "model": ["base"],
    "policy": ["base", "model"],
    "alert": ["base", "model"],
    "store": ["model", "platform"],
    "broker": ["store", "policy"],
    "flow": ["broker", "policy", "expr", "include"],
    "saga": ["flow"],
    "engine": ["broker", "flow", "saga"],
    "include": ["base", "model", "json"],
    "connector/common": ["base", "obs", "model", "platform", "json", "include"],
    "connector/*": ["connector/common"],
    "connector": ["connector/*"],
    "config": ["model", "expr", "policy", "connector"],
    "runtime": ["engine", "alert", "config", "connector/*", "platform", "obs"],
    "admin": ["runtime", "obs"],
    "cli": ["config", "runtime", "admin"],
}

# Arrows being transitive, the core would reach the platform through the store. It must not: time,
# randomness and threads come to it with the event. It sees the store's ports, never the system's.
NEVER = {
    "policy": ["platform", "obs"],
    "alert": ["platform", "obs"],
    "broker": ["platform", "obs"],
    "flow": ["platform", "obs"],
    "saga": ["platform", "obs"],
    "engine": ["platform", "obs"],
}
# What of a room may be used where NEVER says no: the disk is one of the engine's five ports.
EXCEPT = {"engine": ["platform/disk.h"]}
# The store gets its disk from outside, and its time with the event.
NEVER_HEADER = {"store": ["platform/clock.h", "platform/random.h", "platform/socket.h"]}

PLAIN_C = """errno.h float.h inttypes.h limits.h math.h stdalign.h stdarg.h stdatomic.h stdbool.h
stddef.h stdint.h stdio.h stdlib.h string.h strings.h""".split()
SYSTEM = """arpa/inet.h dirent.h fcntl.h grp.h netdb.h netinet/in.h netinet/tcp.h poll.h pthread.h pwd.h
sched.h signal.h spawn.h sys/epoll.h sys/eventfd.h sys/file.h sys/ioctl.h sys/mman.h sys/prctl.h sys/random.h
sys/resource.h sys/socket.h sys/stat.h sys/statvfs.h sys/syscall.h sys/time.h sys/timerfd.h sys/types.h
sys/uio.h sys/un.h sys/utsname.h sys/wait.h termios.h time.h unistd.h""".split()
SYSTEM_ROOMS = ["platform", "connector/common", "connector/*", "runtime", "admin", "cli"]

# Library or system header (or its folder, ending in /) -> rooms that may include it.
HEADERS = {
    "uv.h": ["connector/http", "runtime", "admin"],
    "llhttp.h": ["connector/http"],
    "curl/": ["connector/http", "connector/smtp"],
    "openssl/": ["connector/*", "runtime"],
    "openssl/evp.h": ["connector/*", "runtime", "expr"],
    "expat.h": ["expr"],
    "editline/": ["cli"],
    "lmdb.h": ["store"],
    "libfyaml.h": ["config"],
    "pcre2.h": ["json", "expr"],
    "idn2.h": ["json"],
    "xxhash.h": ["base"],
    "nmmintrin.h": ["base"],
    "emmintrin.h": ["base", "json"],
    "immintrin.h": ["base", "json"],
    **{name: ["*"] for name in PLAIN_C},
    **{name: SYSTEM_ROOMS for name in SYSTEM},
}
HEADERS["pthread.h"] = SYSTEM_ROOMS + ["base"]  # pthread_once

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
CMAKE_ROOM = re.compile(r"^belay_room\((\S+)([^)]*)\)", re.M)


def general(room):
    return "connector/*" if room.startswith("connector/") and room not in MAY_USE else room


def reachable(room, seen=None):
    seen = set() if seen is None else seen
    for other in MAY_USE[general(room)]:
        if other not in seen:
            seen.add(other)
            reachable(other, seen)
    return seen


def use_problem(room, target, header=None):
    """Why room may not use room target (its header), or None."""
    if target == room:
        return None
    if general(room) not in MAY_USE:
        return f"room '{room}' is not in the table of tools/check_layers.py"
    if header in NEVER_HEADER.get(room, []):
        return f"{room} never includes {header}"
    if target in NEVER.get(room, []) and header not in EXCEPT.get(room, []):
        return f"{room} never uses {target}: it is stepped from outside"
    if general(target) not in reachable(room):
        return f"{room} may not use {target}"
    return None


def header_problem(room, name, line):
    if re.search(r"/\*\s*allow:\s*" + re.escape(name) + r"\s+-\s+\S", line):
        return None
    rooms = HEADERS.get(name) or HEADERS.get(name.split("/")[0] + "/")
    if rooms is None:
        return f"<{name}> is in no room's list (tools/check_layers.py)"
    if "*" in rooms or room in rooms or general(room) in rooms:
        return None
    return f"<{name}> does not belong in {room}: only in {', '.join(rooms)}"


def room_of_header(name):
    return "include" if name.startswith("belay/") else room_of("src/" + name)


def check(root):
    problems, rooms = [], set()
    for path, text in files(root):
        room = room_of(path)
        rooms.add(room)
        clean, lines = without_comments(text, strings=False), text.split("\n")
        for match in INCLUDE.finditer(clean):
            line, name = clean.count("\n", 0, match.start()) + 1, match.group(2)
            if match.group(1) == "<":
                problem = header_problem(room, name, lines[line - 1])
            elif not (os.path.exists(f"{root}/src/{name}") or os.path.exists(f"{root}/include/{name}")):
                problem = f'"{name}" is not a path under src/ or include/'
            else:
                problem = use_problem(room, room_of_header(name), name)
            if problem:
                problems.append(f"{path}:{line}: {problem}")
    return problems + check_cmake(root)


def check_cmake(root):
    path = os.path.join(root, "CMakeLists.txt")
    if not os.path.exists(path):
        return []
    problems = []
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    for match in CMAKE_ROOM.finditer(text):
        room, rest = match.group(1), match.group(2)
        listed = re.search(r"\bROOMS\s+((?:[a-z/]+\s*)+)", rest)
        for target in listed.group(1).split() if listed else []:
            if general(target) not in reachable(room):
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"CMakeLists.txt:{line}: {room} may not use {target}")
    return problems


def main(argv):
    if argv == ["--table"]:
        for room in MAY_USE:
            denied = NEVER.get(room, [])
            print(f"{room:12} {' '.join(sorted(r for r in reachable(room) if r not in denied))}")
        return 0
    problems = check(argv[0] if argv else ".")
    print("\n".join(problems) if problems else "layers: every include is allowed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
