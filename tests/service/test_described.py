"""Settings that are changed one by one, in words, and those that are not the usual ones."""

from typing import Annotated

import pytest
from msgspec import Struct

from service.described import changed, described, unusual, within


class Kettle(Struct, frozen=True):
    """Something with settings."""

    litres: Annotated[float, within(0.5, 3, "how much it takes", "l")] = 1.5
    cups: Annotated[int, within(1, 9, "that it fills")] = 4
    label: Annotated[str, described("what stands on it")] = ""


def test_one_is_changed_and_the_others_stay() -> None:
    assert changed(Kettle(), "cups=6") == Kettle(cups=6)
    assert changed(Kettle(cups=6), "litres=2") == Kettle(litres=2.0, cups=6)
    assert changed(Kettle(), "label=a=b") == Kettle(label="a=b")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("cups", "is not NAME=VALUE"),
        ("spouts=2", "one of the names litres, cups, label"),
        ("cups=ten", "Expected `int`, got `str`"),
        ("cups=10", "Expected `int` <= 9"),
        ("litres=0.1", "Expected `float` >= 0.5"),
    ],
)
def test_what_cannot_be_is_refused(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match="") as wrong:
        changed(Kettle(), text)
    assert hint in str(wrong.value)


def test_the_unusual_ones_make_the_same_again() -> None:
    kettle = Kettle(litres=2.5, label="tea")
    assert unusual(kettle) == ["litres=2.5", "label=tea"]
    again = Kettle()
    for text in unusual(kettle):
        again = changed(again, text)
    assert again == kettle
    assert unusual(Kettle()) == []
