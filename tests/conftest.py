"""What holds for every test: one thread, no clock; and `--update-golden`."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A busy machine makes no test fail.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

# Read by torch when it is imported, here and in the processes that tests start. More threads make small
# tensors slower, and several processes crowd each other out.
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are written anew, instead of compared with."""
    return bool(request.config.getoption("--update-golden"))
