"""The example of a day when everything breaks: its story is told in examples/bad-day/README.md."""
import os
import subprocess
import sys

from world import BIN, ROOT


def test_the_balance_of_a_bad_day_is_even():
    done = subprocess.run([sys.executable, os.path.join(ROOT, "examples", "bad-day", "bad-day")], capture_output=True,
                          text=True, timeout=400, env={**os.environ, "BELAY_BIN": BIN})
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    for told in ("its breaker is open until", "would call warehouse", "the store is full", "POISON:CRASH", "lost 0",
                 "the balance is even", "pager: firing breaker-open payments", "pager: resolved breaker-open"):
        assert told in done.stdout, told
