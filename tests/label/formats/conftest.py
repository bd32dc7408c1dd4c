"""Where the public evaluation files lie; tests on them skip where they do not."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def data():
    """The folder of public data: SPECREWARD_DATA, or shared/data beside the repository."""
    place = Path(os.environ.get("SPECREWARD_DATA", ROOT.parent / "shared" / "data"))
    if not place.is_dir():
        pytest.skip(f"no public data at {place}: set SPECREWARD_DATA")
    return place
