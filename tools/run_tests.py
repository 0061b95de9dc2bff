#!/usr/bin/env python3
"""Runs the stages of the test suite, prints each one's closing line, what failed by name, and the sum as the last line.

Usage: run_tests.py [check | STAGE...]      no argument: all stages
A stage that this tree does not have is said to be absent; it counts as nothing.
Counted: cmocka cases, pytest cases, and one for any other program that CTest ran.
"""
import collections
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CPUS = os.cpu_count() or 2
CMOCKA = re.compile(r"^\[  (PASSED|FAILED)  \] (?:\w+: )?(\d+) test\(s\)", re.M)
CMOCKA_NAME = re.compile(r"^\[  FAILED  \] (?:\w+: )?(?!.*\d+ test\(s\))(.+)$", re.M)
PYTEST = re.compile(r"(\d+) (passed|failed|errors?)\b")
PYTEST_NAME = re.compile(r"^(?:FAILED|ERROR) (.+)$", re.M)
SIM_NAME = re.compile(r"^seed \d+: .+$", re.M)
PORTS = 12000, 28000  # below those that connections going out are given
# The files whose tests wait longest begin first, so that none of them is left alone at the end.
LONG = ("test_redaction.py", "test_bad_day.py", "test_alert_rules.py", "test_alert_channels.py", "test_letters.py")

Tally = collections.namedtuple("Tally", "passed failed names")


class Failed(Exception):
    """A command that ended badly before there was a test to count."""


def command(*args, env=None, capture=False):
    """SEEDS and SEED are the simulation's, which gets them as arguments: unit tests have their own measure."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("SEEDS", "SEED")}
    return subprocess.run(args, cwd=ROOT, env={**inherited, **(env or {})}, text=True,
                          stdout=subprocess.PIPE if capture else None,
                          stderr=subprocess.STDOUT if capture else None, errors="replace", check=False)


def build(preset, *targets):
    if command("tools/build", preset, *(targets or ("all",))).returncode:
        raise Failed(f"the {preset} build failed")


def tally_of_text(text):
    """Of CTest's log: each test with its output."""
    passed, failed, names = 0, 0, []
    for part in re.split(r"^\d+/\d+ Test: ", text, flags=re.M)[1:]:
        cases = CMOCKA.findall(part)
        good = sum(int(n) for word, n in cases if word == "PASSED")
        bad = sum(int(n) for word, n in cases if word == "FAILED")
        if not re.search(r"^Test Passed\.$", part, re.M):
            bad = max(bad, 1)  # killed, timed out, or not a cmocka program
        elif not cases:
            good = 1
        passed, failed = passed + good, failed + bad
        if bad:
            program, wrong = part.split("\n", 1)[0], dict.fromkeys(CMOCKA_NAME.findall(part))
            names += [f"{program}: {case}" for case in wrong] or [program]
    return Tally(passed, failed, names)


def tally_of_pytest(text, code, name):
    """Of what one run of pytest printed; its last line has the counts."""
    counts = {"passed": 0, "failed": 0}
    for number, word in PYTEST.findall((text.strip().splitlines() or [""])[-1]):
        counts["passed" if word == "passed" else "failed"] += int(number)
    names = PYTEST_NAME.findall(text)
    if code and not counts["failed"]:
        counts["failed"], names = 1, [f"{name}: pytest ended with {code}"]
    return Tally(counts["passed"], counts["failed"], names)


def sum_of(tallies):
    return Tally(sum(t.passed for t in tallies), sum(t.failed for t in tallies), [n for t in tallies for n in t.names])


def ctest(preset, labels):
    """Everything with one of the labels; a label that nothing carries is no test run."""
    args = ["ctest", "--test-dir", f"build/{preset}", "-L", labels, "-j", str(CPUS),
            "--output-on-failure", "--no-tests=error"]
    result = command(*args, capture=True)
    lines = result.stdout.splitlines()
    if result.returncode:
        print(result.stdout)
    else:
        print("\n".join(line for line in lines if "tests passed" in line or "Total Test" in line))
    with open(f"{ROOT}/build/{preset}/Testing/Temporary/LastTest.log", errors="replace") as handle:
        tally = tally_of_text(handle.read())
    if result.returncode and not tally.failed:
        return Tally(tally.passed, 1, [f"ctest ended with {result.returncode}"])
    return tally


def length(path):
    """The longest first."""
    name = os.path.basename(path)
    return (LONG.index(name) if name in LONG else len(LONG), -os.path.getsize(os.path.join(ROOT, path)))


def pytest(pattern, preset="release"):
    """Each file is a run of its own, with its own folder and its own ports, and some run beside each other: these tests
    wait more than they work."""
    files = sorted(glob.glob(pattern, root_dir=ROOT), key=length)
    scratch = tempfile.mkdtemp(prefix="belay-")
    share = (PORTS[1] - PORTS[0]) // max(len(files), 1)

    def run(index):
        first = PORTS[0] + index * share
        began = time.monotonic()
        result = command(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={scratch}/{index}",
                         files[index], capture=True,
                         env={"BELAY_CRASH_CYCLES": os.environ.get("CYCLES", "50"), "BELAY_BIN": f"{ROOT}/build/{preset}",
                              "BELAY_DEMO_PORTS": f"{first}-{first + share - 1}"})
        last = (result.stdout.strip().splitlines() or ["no output"])[-1]
        print(result.stdout if result.returncode else f"{files[index]}: {last} {time.monotonic() - began:.0f} s", flush=True)
        return tally_of_pytest(result.stdout, result.returncode, files[index])

    with concurrent.futures.ThreadPoolExecutor(2 * CPUS) as pool:
        tally = sum_of(list(pool.map(run, range(len(files)))))
    if tally.failed:
        print(f"the folders of these tests are in {scratch}")
    else:
        shutil.rmtree(scratch, ignore_errors=True)
    return tally


def unit():
    build("dev")
    return ctest("dev", "unit|style")


def asan():
    build("asan")
    return sum_of([ctest("asan", "unit|corpus"), pytest("tests/integration/test_operations.py", "asan")])


def tsan():
    build("tsan", "thread_tests")
    return ctest("tsan", "threads")


def sim():
    build("release", "sim")
    done = command("build/release/tests/sim/sim", "--jobs", str(CPUS), "--seeds", os.environ.get("SEEDS", "2000"),
                   capture=True)
    print(done.stdout)
    if done.returncode == 0:
        return Tally(1, 0, [])
    return Tally(0, 1, SIM_NAME.findall(done.stdout) or [f"sim ended with {done.returncode}"])


def planted():
    build("planted", "sim")
    return ctest("planted", "planted")


def integration():
    build("release", "belay_programs")
    return pytest("tests/integration/test_*.py")


def crash():
    build("release", "belay_programs")
    return pytest("tests/crash/test_*.py")


# name, what must be there, how it runs, what it proves
STAGES = (
    ("unit", "tests/unit", unit, "unit tests and style checks, debug build"),
    ("asan", "tests/unit", asan, "unit tests, fuzz corpora and a part of the integration under ASan and UBSan"),
    ("tsan", "tests/unit", tsan, "what threads share, under TSan"),
    ("sim", "tests/sim/CMakeLists.txt", sim, "the simulation"),
    ("planted", "tests/sim/planted.cmake", planted, "the planted bugs are found"),
    ("integration", "tests/integration/test_*.py", integration, "the real binary, real sockets"),
    ("crash", "tests/crash/test_*.py", crash, "kill -9 on the real binary"),
)


def run_stage(name, needs, run, about):
    """(tally, line for the summary)"""
    if not glob.glob(os.path.join(ROOT, needs)):
        print(f"-- {name}: none in this tree ({needs})", flush=True)
        return Tally(0, 0, []), f"{name:12} none in this tree"
    print(f"-- {name}: {about}", flush=True)
    start = time.monotonic()
    try:
        tally = run()
    except Failed as error:
        print(error)
        tally = Tally(0, 1, [str(error)])
    line = f"{name:12} {tally.passed:5} passed, {tally.failed} failed   {time.monotonic() - start:6.1f} s"
    return tally, line


def summary(results):
    """The lines of the stages, then each failure by its name: who reads a log begins at its end."""
    lines = [line for _, line in results]
    failures = [f"  {line.split()[0]}: {name}" for tally, line in results for name in tally.names]
    return lines + (["", "failed:"] + failures if failures else [])


def main(argv):
    wanted = ["unit"] if argv == ["check"] else argv
    unknown = set(wanted) - {stage[0] for stage in STAGES}
    if unknown:
        sys.exit(f"run_tests: no stage {', '.join(sorted(unknown))}")
    results = [run_stage(*stage) for stage in STAGES if not wanted or stage[0] in wanted]
    tally = sum_of([tally for tally, _ in results])
    total = f"{tally.passed} passed, {tally.failed} failed"
    print("\n" + "\n".join(summary(results)))
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    with open(os.path.join(ROOT, "build", "tests.txt"), "w") as handle:
        handle.write(total + "\n")
    print(total)
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
