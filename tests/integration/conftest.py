import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
from world import demo  # noqa: E402


@pytest.fixture
def world(tmp_path):
    w = demo.World(str(tmp_path))
    w.start()
    yield w
    w.stop()
