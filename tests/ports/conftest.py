"""What is tested here is pure: looking after each test for what it left running would take longer than the tests."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "patient", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)  # busy machines
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def nothing_left_behind() -> None:
    """Not looked for here."""
