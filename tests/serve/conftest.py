"""The server of all tests here is stopped at the end."""

import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def stopped():
    yield
    module = sys.modules.get(f"{__package__}.serving")
    if module is not None and module.house.cache_info().currsize:
        module.house().close()
