"""Fixtures of the worker's tests (worker_stage.py)."""

from tests.scheduling.worker_stage import scene, told

__all__ = ["scene", "told"]
