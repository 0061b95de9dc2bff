#!/usr/bin/env python3
"""Finds calls that do not belong: unsafe ones anywhere, the system's outside their room.

Usage: check_calls.py [ROOT]      prints file:line: what is wrong; exit 1 where anything is

A call that is right after all says why on its line: /* allow: free - libfyaml's string */
"""
import re
import sys

from sources import files, room_of, without_comments

# (calls, where they are allowed: rooms or files, what to do instead)
RULES = (
    ("strcpy strcat strncat strncpy stpcpy sprintf vsprintf gets strtok alloca", (),
     "no bound: use a view (base/str.h), belay_buf_printf or snprintf"),
    ("atoi atol atoll sscanf scanf fscanf", (), "no error: use belay_str_to_u64"),
    ("rand srand random srandom drand48 rand_r", (),
     "cannot be repeated: use base/random.h, seeded with the event"),
    ("setjmp longjmp sigsetjmp siglongjmp", (), "one exit, forwards"),
    ("system popen", (), "no shells"),
    ("setlocale strerror localtime gmtime ctime asctime", (), "not safe with threads"),
    ("time gettimeofday clock_gettime clock timespec_get getrandom getentropy", ("platform",),
     "use platform/clock.h or platform/random.h"),
    ("sleep usleep nanosleep clock_nanosleep", ("platform",), "wait on a mailbox or a condition"),
    ("malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf posix_memalign "
     "aligned_alloc memalign getline getdelim", ("src/base/alloc.c",), "use base/alloc.h"),
    ("printf vprintf puts putchar putc fprintf vfprintf fputs fputc perror psignal",
     ("cli", "src/base/assert.c"), "a library does not talk: return an error or log through obs"),
    ("abort exit _exit _Exit quick_exit atexit raise", ("cli", "src/base/assert.c"),
     "a library does not exit: BELAY_ASSERT for a bug, a status for the rest"),
    ("getenv secure_getenv setenv putenv", ("config", "cli"), "the environment is configuration"),
    ("fork vfork execv execve execvp execl execlp posix_spawn", ("cli",), "one process"),
    ("pthread_create pthread_mutex_lock pthread_cond_wait", ("platform",),
     "use platform/thread.h or a mailbox"),
    ("assert", (), "it vanishes in releases: use BELAY_ASSERT"),
)

BANNED = {name: (where, why) for names, where, why in RULES for name in names.split()}
# A call: the name and "(", not a member (x.free, x->free) and not part of a longer name.
CALL = re.compile(r"(?<![\w.])(?<!->)(" + "|".join(sorted(BANNED)) + r")[ \t]*\(")
ALLOW = re.compile(r"/\*\s*allow:\s*(\w+)\s+-\s+\S")


def check(root):
    problems = []
    for path, text in files(root):
        room, lines = room_of(path), text.split("\n")
        for number, line in enumerate(without_comments(text).split("\n"), 1):
            if line.lstrip().startswith("#include"):
                continue
            allowed = set(ALLOW.findall(lines[number - 1]))
            for match in CALL.finditer(line):
                name = match.group(1)
                where, why = BANNED[name]
                if name not in allowed and not {room, room.split("/")[0], path} & set(where):
                    problems.append(f"{path}:{number}: {name}(): {why}")
    return problems


def main(argv):
    problems = check(argv[0] if argv else ".")
    print("\n".join(problems) if problems else "calls: nothing banned")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
