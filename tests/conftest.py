"""Shared fixtures: the real library, read once; --rewrite, which writes goldens instead of comparing them."""

import pytest

from bot.library import Library
from tests.cast import shipped


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="write the goldens anew; review them as a diff")


@pytest.fixture(scope="session")
def rewrite(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--rewrite"))


@pytest.fixture(scope="session")
def library() -> Library:
    """The content that is shipped: flows, articles, places, scam patterns, phrases."""
    return shipped()
