#!/usr/bin/env python3
"""The checks themselves: each must find a planted violation, and leave honest code alone."""
import os
import subprocess
import sys
import tempfile
import unittest

TOOLS = os.path.dirname(os.path.abspath(__file__))


def run(check, tree):
    """(exit status, output) of a check over a tree {path: text} in a folder of its own."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as handle:
                handle.write(text)
        done = subprocess.run([sys.executable, f"{TOOLS}/check_{check}.py", root], check=False,
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


HEADERS = {path: "" for path in (
    "src/base/status.h", "src/platform/disk.h", "src/platform/clock.h", "src/store/journal.h",
    "src/broker/broker.h", "src/flow/flow.h", "src/policy/retry.h", "src/obs/log.h",
    "src/connector/common/pool.h", "src/connector/http/http.h", "src/connector/kafka/kafka.h",
    "include/belay/connector.h")}


class Layers(unittest.TestCase):
    def assert_refused(self, path, include, reason):
        status, out = run("layers", {**HEADERS, path: f"/* c */\n#include {include}\n"})
        self.assertEqual(status, 1, out)
        self.assertIn(f"{path}:2:", out)
        self.assertIn(reason, out)

    def assert_allowed(self, path, *includes):
        text = "".join(f"#include {include}\n" for include in includes)
        status, out = run("layers", {**HEADERS, path: text})
        self.assertEqual(status, 0, out)

    def test_an_arrow_against_the_direction(self):
        self.assert_refused("src/base/x.c", '"store/journal.h"', "base may not use store")
        self.assert_refused("src/store/x.c", '"broker/broker.h"', "store may not use broker")

    def test_a_connector_knows_no_store_broker_flow_policy_or_other_connector(self):
        for header in ("store/journal.h", "broker/broker.h", "flow/flow.h", "policy/retry.h"):
            self.assert_refused("src/connector/http/x.c", f'"{header}"', "connector/http may not use")
        self.assert_refused("src/connector/http/x.c", '"connector/kafka/kafka.h"',
                            "connector/http may not use connector/kafka")

    def test_only_the_registry_knows_the_connectors(self):
        self.assert_allowed("src/connector/registry.c", '"connector/http/http.h"')
        self.assert_refused("src/flow/x.c", '"connector/http/http.h"', "flow may not use")
        self.assert_refused("src/connector/common/x.c", '"connector/http/http.h"',
                            "connector/common may not use")

    def test_the_core_has_no_clock_and_no_log(self):
        self.assert_refused("src/broker/x.c", '"platform/clock.h"', "broker never uses platform")
        self.assert_refused("src/engine/x.c", '"platform/clock.h"', "engine never uses platform")
        self.assert_refused("src/flow/x.c", '"obs/log.h"', "flow never uses obs")
        self.assert_refused("src/flow/x.c", "<time.h>", "does not belong in flow")
        self.assert_refused("src/store/x.c", '"platform/clock.h"', "store never includes")

    def test_a_library_outside_its_room(self):
        self.assert_refused("src/broker/x.c", "<lmdb.h>", "only in store")
        self.assert_refused("src/cli/x.c", "<curl/curl.h>", "only in connector/http")
        self.assert_refused("src/base/x.c", "<uv.h>", "does not belong in base")
        self.assert_refused("src/json/x.c", "<zlib.h>", "in no room's list")

    def test_a_reason_on_the_line(self):
        self.assert_allowed("src/store/x.c", "<fcntl.h> /* allow: fcntl.h - LMDB's own descriptor */")
        self.assert_refused("src/store/x.c", "<fcntl.h> /* allow: time.h - other */", "does not belong")
        self.assert_refused("src/broker/x.c", '"platform/clock.h" /* allow: platform/clock.h - no */',
                            "broker never uses platform")

    def test_a_room_or_file_that_is_not_there(self):
        self.assert_refused("src/misc/x.c", '"base/status.h"', "'misc' is not in the table")
        self.assert_refused("src/base/x.c", '"status.h"', "is not a path")

    def test_the_build_names_an_arrow_that_the_table_lacks(self):
        status, out = run("layers", {"CMakeLists.txt": "belay_room(base LIBS m)\n"
                                                       "belay_room(json ROOMS base store LIBS m)\n"})
        self.assertEqual(status, 1)
        self.assertIn("CMakeLists.txt:2: json may not use store", out)

    def test_what_is_allowed(self):
        self.assert_allowed("src/store/x.c", '"platform/disk.h"', '"base/status.h"', "<lmdb.h>")
        self.assert_allowed("src/engine/x.c", '"platform/disk.h"', '"flow/flow.h"')
        self.assert_allowed("src/connector/http/x.c", '"connector/common/pool.h"', "<uv.h>",
                            '"belay/connector.h"', '"platform/clock.h"', "<unistd.h>")
        self.assert_allowed("src/runtime/x.c", '"connector/http/http.h"', '"store/journal.h"')

    def test_an_include_in_a_comment_is_none(self):
        self.assert_allowed("src/base/x.c", '"base/status.h"\n/*\n#include <uv.h>\n*/')


class Calls(unittest.TestCase):
    def check(self, path, code):
        return run("calls", {path: f"/* c */\n{code}\n"})

    def assert_refused(self, path, code, name):
        status, out = self.check(path, code)
        self.assertEqual(status, 1, f"{code}: {out}")
        self.assertIn(f"{path}:2: {name}():", out)

    def assert_allowed(self, path, code):
        status, out = self.check(path, code)
        self.assertEqual(status, 0, out)

    def test_unsafe_ones_nowhere(self):
        for name in ("strcpy", "strcat", "sprintf", "gets", "strtok", "rand", "srand", "system"):
            self.assert_refused("src/cli/x.c", f"    {name}(a);", name)

    def test_the_system_only_in_its_room(self):
        self.assert_refused("src/broker/x.c", "    now = time(NULL);", "time")
        self.assert_refused("src/runtime/x.c", "    clock_gettime(CLOCK_MONOTONIC, &ts);", "clock_gettime")
        self.assert_allowed("src/platform/x.c", "    clock_gettime(CLOCK_MONOTONIC, &ts);")

    def test_the_heap_only_through_alloc(self):
        self.assert_refused("src/json/x.c", "    p = malloc(3);", "malloc")
        self.assert_refused("src/base/arena.c", "    free(p);", "free")
        self.assert_allowed("src/base/alloc.c", "    free(p);")

    def test_a_library_does_not_talk_or_exit(self):
        self.assert_refused("src/store/x.c", '    printf("x");', "printf")
        self.assert_refused("src/runtime/x.c", "    exit(1);", "exit")
        self.assert_allowed("src/cli/x.c", '    printf("x"); exit(0);')
        self.assert_allowed("src/store/x.c", "    snprintf(to, n, fmt);")

    def test_what_only_looks_like_a_call(self):
        self.assert_allowed("src/json/x.c", "    belay_free(p); x.free(p); x->free(p); run_time(1);")
        self.assert_allowed("src/json/x.c", '    s = "malloc(3)"; /* free(p) */ int free_slots;')

    def test_a_reason_on_the_line(self):
        self.assert_allowed("src/config/x.c", "    free(p); /* allow: free - libfyaml's string */")
        self.assert_refused("src/config/x.c", "    free(p); /* allow: malloc - other */", "free")
        self.assert_refused("src/config/x.c", "    free(p); /* allow: free */", "free")


class Events(unittest.TestCase):
    TABLE = {"src/base/events.c": 'static x[] = {\n    { "flow.stopped", "error", true,\n      "", "" },\n};\n'}

    def test_a_name_that_is_not_in_the_table(self):
        status, out = run("events", {**self.TABLE, "src/engine/x.c": 'a("flow.stopped");\nb("flow.stoped");\n'})
        self.assertEqual(status, 1, out)
        self.assertIn('src/engine/x.c:2: "flow.stoped" is not in the table', out)

    def test_a_row_that_nobody_tells(self):
        status, out = run("events", {**self.TABLE, "src/engine/x.c": '/* "flow.stopped" */\n'})
        self.assertEqual(status, 1, out)
        self.assertIn('nobody tells "flow.stopped"', out)

    def test_files_headers_and_comments_are_no_events(self):
        status, out = run("events", {**self.TABLE, "src/engine/x.c": '#include "x.h"\na("flow.stopped", "belay.yaml"); /* "a.b" */\n'})
        self.assertEqual(status, 0, out)


if __name__ == "__main__":
    unittest.main()
