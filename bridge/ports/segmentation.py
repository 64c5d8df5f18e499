"""Pictures whose colours mean something: each pixel is a label. The model gets and gives the labels' ids."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bridge.errors import BridgeError, ModelFailed
from bridge.ports.base import Blob, Encoding
from bridge.ports.image import Picture
from bridge.ports.palette import color_of
from bridge.ports.words import came

_IDS = 256


class Segmentation(Picture, frozen=True, tag="segmentation"):
    """A map of labels. It comes as a picture in the labels' colours, or grey with the ids themselves.

    The model gets ids, (height, width) uint8. What is of no known id, or transparent, is the default label.
    """

    formats = ("png", "webp", "jpeg", "raw")

    label_to_id: dict[str, int]
    label_to_color: dict[str, tuple[int, int, int]] = msgspec.field(default_factory=dict)  # filled up from our palette
    default_label: str = ""  # empty: the first

    def __post_init__(self) -> None:
        if isinstance(self.label_to_id, Mapping) and isinstance(self.label_to_color, Mapping):
            self._complete()
        Picture.__post_init__(self)

    @property
    def takes(self) -> str:
        return "a segmentation picture (PNG, JPEG, GIF, WebP or BMP)"

    def load(self, value: Blob, field: str) -> Any:
        from bridge.ports import labels

        ids, colors = self._table()
        return labels.read(value, ids, colors, self.label_to_id[self.default_label], field)

    def dump(self, value: Any, encoding: Encoding, field: str) -> Blob:
        """From ids; made smaller without mixing colours."""
        from bridge.ports import labels

        ids, colors = self._table()
        try:
            return labels.draw(value, ids, colors, self.encoding(encoding, field))
        except (BridgeError, TypeError, ValueError) as error:
            unfit = self._unfit(value, field)
            raise ModelFailed(unfit.message, hint=getattr(error, "message", "") or str(error), field=field) from None

    def _from_array(self, raw: Any, field: str) -> Blob:
        from bridge.ports import pixels
        from bridge.ports.arrays import as_array

        try:
            found = as_array(raw)
            if found.ndim == 2 and found.dtype.kind == "f":
                raise ValueError("ids are whole numbers")
            return pixels.raw(pixels.from_model(found.astype("int64") if found.ndim == 2 else found))
        except (TypeError, ValueError) as error:
            raise self._refused(raw, field, str(error)) from None

    def _table(self) -> tuple[list[int], list[tuple[int, int, int]]]:
        """Ids and colours, in the same order."""
        return list(self.label_to_id.values()), [self.label_to_color[label] for label in self.label_to_id]

    def _complete(self) -> None:
        """Every label gets a colour: its own, or the palette's for its id, or the next one there that is free."""
        given = {label: tuple(color) for label, color in self.label_to_color.items()}
        taken = set(given.values())
        colors: dict[str, Any] = {}
        for label, number in self.label_to_id.items():
            colors[label] = given[label] if label in given else color_of(number, taken)
            taken.add(colors[label])
        strangers = {label: color for label, color in given.items() if label not in self.label_to_id}
        self._set("label_to_color", {**colors, **strangers})
        if not self.default_label:
            self._set("default_label", next(iter(self.label_to_id), ""))

    def _flaws(self) -> Iterator[str]:
        yield from self._label_flaws()
        yield from self._color_flaws()
        if self.default_label not in self.label_to_id:
            yield f"default_label {self.default_label!r} is not one of its labels"
        yield from Picture._flaws(self)

    def _label_flaws(self) -> Iterator[str]:
        if not isinstance(self.label_to_id, Mapping) or not self.label_to_id:
            yield 'label_to_id is a dict of at least one label: {"sky": 0, "sea": 1}'
        for label, number in self.label_to_id.items():
            if not isinstance(label, str) or not label:
                yield f"{came(label)} is among the labels; they are texts"
            if type(number) is not int or not 0 <= number < _IDS:
                yield f"the id of {label!r} is {came(number)}; ids go from 0 to {_IDS - 1}"
        if len(set(self.label_to_id.values())) < len(self.label_to_id):
            yield "two labels have the same id"

    def _color_flaws(self) -> Iterator[str]:
        for label, color in self.label_to_color.items():
            if label not in self.label_to_id:
                yield f"{label!r} has a colour but no id"
            if len(color) != 3 or not all(type(part) is int and 0 <= part <= 255 for part in color):
                yield f"the colour of {label!r} is not red, green and blue from 0 to 255"
        if len(set(self.label_to_color.values())) < len(self.label_to_color):
            yield "two labels have the same colour"
