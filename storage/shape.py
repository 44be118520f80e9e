"""JSON shapes within a column: pydantic models whose members are canonical wire values, with dotted paths for faults.

Unknown members of newer clients are kept, bounded and never interpreted, as unknown fields of rows are (S-38).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic import Field as Described

from storage.columns import Clock, Day, Flag, Text, Uuid
from storage.free_json import FreeValue
from sync.problem import FieldCode
from sync.values import Unfit

UuidText = Annotated[str, Uuid()]
DayText = Annotated[str, Day()]
ClockText = Annotated[str, Clock()]
FlagValue = Annotated[bool, Flag()]
LineText = Annotated[str, Text()]


class Shape(BaseModel):
    """An object inside a row."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, FreeValue]


def _forward(pair: list[str]) -> list[str]:
    if pair[0] > pair[1]:
        raise Unfit(FieldCode.DATE_RANGE)
    return pair


DayRange = Annotated[list[DayText], Described(min_length=2, max_length=2), AfterValidator(_forward)]
"""[first, last], both included."""
