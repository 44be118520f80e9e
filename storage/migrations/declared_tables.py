"""Imports every module that declares a table, so that METADATA is whole. A test finds one that is left out."""

from __future__ import annotations

import storage.accounts.tables
import storage.catalogue
import storage.tables  # noqa: F401 — imported for their tables
from storage.metadata import METADATA

__all__ = ["METADATA"]
