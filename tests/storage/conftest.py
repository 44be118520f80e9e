"""Who is there in the tests of the store port: an empty store, Sokha who holds her scope, Vuthy the stranger."""

from __future__ import annotations

import pytest

from sync.store import Store
from tests.cast import Stage
from tests.storage.by_hand import Writer, enrolled, founded


@pytest.fixture
async def store(stage: Stage) -> Store:
    return stage.store


@pytest.fixture
async def sokha(stage: Stage) -> Writer:
    return await founded(stage.store, await enrolled(stage))


@pytest.fixture
async def vuthy(stage: Stage) -> Writer:
    return await enrolled(stage)
