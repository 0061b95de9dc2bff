#!/usr/bin/env python3
"""Runs the stages of the test suite, prints each one's closing line and the sum as the last line.

Usage: run_tests.py [check | STAGE...]      no argument: all stages
A stage that this tree does not have is said to be absent; it counts as nothing.
Counted: cmocka cases, pytest cases, and one for any other program that CTest ran.
"""
import glob
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JOBS = str(os.cpu_count() or 2)
CMOCKA = re.compile(r"^\[  (PASSED|FAILED)  \] (?:\w+: )?(\d+) test\(s\)", re.M)
PYTEST = re.compile(r"(\d+) (passed|failed|errors?)\b")


class Failed(Exception):
    """A command that ended badly before there was a test to count."""


def command(*args, env=None, capture=False):
    """SEEDS and SEED are the simulation's, which gets them as arguments: unit tests have their own measure."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("SEEDS", "SEED")}
    return subprocess.run(args, cwd=ROOT, env={**inherited, **(env or {})}, text=True,
                          stdout=subprocess.PIPE if capture else None, check=False)


def build(preset, *targets):
    if command("tools/build", preset, *(targets or ("all",))).returncode:
        raise Failed(f"the {preset} build failed")


def tally_of_log(preset):
    """(passed, failed) from CTest's log of its last run: each test with its output."""
    with open(f"{ROOT}/build/{preset}/Testing/Temporary/LastTest.log", errors="replace") as handle:
        text = handle.read()
    passed = failed = 0
    for part in re.split(r"^\d+/\d+ Test: ", text, flags=re.M)[1:]:
        cases = CMOCKA.findall(part)
        good = sum(int(n) for word, n in cases if word == "PASSED")
        bad = sum(int(n) for word, n in cases if word == "FAILED")
        if not re.search(r"^Test Passed\.$", part, re.M):
            bad = max(bad, 1)  # killed, timed out, or not a cmocka program
        elif not cases:
            good = 1
        passed, failed = passed + good, failed + bad
    return passed, failed


def ctest(preset, labels):
    """Everything with one of the labels; a label that nothing carries is no test run."""
    args = ["ctest", "--test-dir", f"build/{preset}", "-L", labels, "-j", JOBS,
            "--output-on-failure", "--no-tests=error"]
    result = command(*args, capture=True)
    lines = result.stdout.splitlines()
    if result.returncode:
        print(result.stdout)
    else:
        print("\n".join(line for line in lines if "tests passed" in line or "Total Test" in line))
    passed, failed = tally_of_log(preset)
    if result.returncode and not failed:
        failed = 1
    return passed, failed


def pytest(folder, preset="release"):
    result = command(sys.executable, "-m", "pytest", "-q", folder, capture=True,
                     env={"BELAY_CRASH_CYCLES": os.environ.get("CYCLES", "50"), "BELAY_BIN": f"{ROOT}/build/{preset}"})
    lines = result.stdout.strip().splitlines() or ["no output"]
    print(result.stdout if result.returncode else lines[-1])
    counts = {"passed": 0, "failed": 0}
    for number, word in PYTEST.findall(lines[-1]):
        counts["passed" if word == "passed" else "failed"] += int(number)
    if result.returncode and not counts["failed"]:
        counts["failed"] = 1
    return counts["passed"], counts["failed"]


def unit():
    build("dev")
    return ctest("dev", "unit|style")


def asan():
    build("asan")
    unit_tests = ctest("asan", "unit|corpus")
    binary = pytest("tests/integration/test_operations.py", "asan")
    return tuple(map(sum, zip(unit_tests, binary)))


def tsan():
    build("tsan", "thread_tests")
    return ctest("tsan", "threads")


def sim():
    build("release", "sim")
    done = command("build/release/tests/sim/sim", "--seeds", os.environ.get("SEEDS", "2000"))
    return (1, 0) if done.returncode == 0 else (0, 1)


def planted():
    build("planted", "sim")
    return ctest("planted", "planted")


def integration():
    build("release", "belay_programs")
    return pytest("tests/integration")


def crash():
    build("release", "belay_programs")
    return pytest("tests/crash")


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
    """(passed, failed, line for the summary)"""
    if not glob.glob(os.path.join(ROOT, needs)):
        print(f"-- {name}: none in this tree ({needs})", flush=True)
        return 0, 0, f"{name:12} none in this tree"
    print(f"-- {name}: {about}", flush=True)
    start = time.monotonic()
    try:
        passed, failed = run()
    except Failed as error:
        print(error)
        passed, failed = 0, 1
    line = f"{name:12} {passed:5} passed, {failed} failed   {time.monotonic() - start:6.1f} s"
    return passed, failed, line


def main(argv):
    wanted = ["unit"] if argv == ["check"] else argv
    unknown = set(wanted) - {stage[0] for stage in STAGES}
    if unknown:
        sys.exit(f"run_tests: no stage {', '.join(sorted(unknown))}")
    results = [run_stage(*stage) for stage in STAGES if not wanted or stage[0] in wanted]
    passed, failed = sum(r[0] for r in results), sum(r[1] for r in results)
    total = f"{passed} passed, {failed} failed"
    print("\n" + "\n".join(r[2] for r in results))
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    with open(os.path.join(ROOT, "build", "tests.txt"), "w") as handle:
        handle.write(total + "\n")
    print(total)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
