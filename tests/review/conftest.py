"""Fixtures of the review's tests: a PostgreSQL server, started once for all that need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real server, for as long as the tests run."""
    from .postgres import server

    with server() as url:
        yield url
