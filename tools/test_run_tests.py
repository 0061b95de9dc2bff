#!/usr/bin/env python3
"""The counting of run_tests.py: what failed is counted, named, and told again at the end."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run_tests  # noqa: E402

CTEST = """Start testing: Nov 27 19:00 UTC
----------------------------------------------------------
1/3 Testing: unit.base.str
1/3 Test: unit.base.str
Command: "/x/unit.base.str"
Output:
[==========] tests: Running 2 test(s).
[  PASSED  ] 2 test(s).
Test Passed.
2/3 Testing: unit.base.buf
2/3 Test: unit.base.buf
Output:
[  ERROR   ] --- 0x1 != 0
[  FAILED  ] a_buffer_grows
[==========] tests: 3 test(s) run.
[  PASSED  ] 2 test(s).
[  FAILED  ] tests: 1 test(s), listed below:
[  FAILED  ] a_buffer_grows

 1 FAILED TEST(S)
Test Failed.
3/3 Testing: planted.45.a_job
3/3 Test: planted.45.a_job
Output:
bug 45: NOT ENOUGH: found by 0 of 2000 seeds, 1.0 s
Test Failed.
"""

PYTEST = """F.                                   [100%]
=========== short test summary info ===========
FAILED tests/x/test_a.py::test_one - AssertionError: no
ERROR tests/x/test_a.py::test_two
1 failed, 3 passed, 1 error in 0.10s
"""


class Counting(unittest.TestCase):
    def test_a_log_of_ctest(self):
        tally = run_tests.tally_of_text(CTEST)
        self.assertEqual((tally.passed, tally.failed), (4, 2))
        self.assertEqual(tally.names, ["unit.base.buf: a_buffer_grows", "planted.45.a_job"])

    def test_an_output_of_pytest(self):
        tally = run_tests.tally_of_pytest(PYTEST, 1, "tests/x/test_a.py")
        self.assertEqual((tally.passed, tally.failed), (3, 2))
        self.assertEqual(tally.names, ["tests/x/test_a.py::test_one - AssertionError: no", "tests/x/test_a.py::test_two"])

    def test_a_run_of_pytest_that_dies_without_a_word_has_failed(self):
        tally = run_tests.tally_of_pytest("", -9, "tests/x/test_a.py")
        self.assertEqual((tally.failed, tally.names), (1, ["tests/x/test_a.py: pytest ended with -9"]))

    def test_the_end_names_each_failure_under_its_stage(self):
        good, bad = run_tests.Tally(5, 0, []), run_tests.Tally(1, 1, ["seed 7: G1: o1 is 0 times in orders"])
        lines = run_tests.summary([(good, "unit         5 passed"), (bad, "sim          1 passed")])
        self.assertEqual(lines[-2:], ["failed:", "  sim: seed 7: G1: o1 is 0 times in orders"])
        self.assertEqual(run_tests.summary([(good, "unit         5 passed")]), ["unit         5 passed"])

    def test_an_unknown_stage_is_refused(self):
        with self.assertRaises(SystemExit):
            run_tests.main(["nonsense"])


if __name__ == "__main__":
    unittest.main()
