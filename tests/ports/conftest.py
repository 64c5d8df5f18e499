"""What is tested here is pure: looking after each test for what it left running would take longer than the tests."""

import pytest


@pytest.fixture(autouse=True)
def nothing_left_behind() -> None:
    """Not looked for here."""
