"""Reading DER (X.690) element by element: strictly, and with the octets as they stand.

For what is read before every signature: a reader of whole structures takes as long as the signature.
"""

_DEEPEST = 32
"""Elements of indefinite length inside each other: those of real messages are six or seven deep."""


class Element:
    """One element of DER."""

    __slots__ = ("_children", "_is_ber", "content", "raw", "tag")

    def __init__(self, tag: int, content: bytes, raw: bytes, is_ber: bool = False) -> None:
        """`raw`: tag, length and content as they stand; `is_ber`: what is inside may be BER."""
        self.tag, self.content, self.raw = tag, content, raw
        self._is_ber = is_ber
        self._children: list[Element] | None = None

    def children(self) -> list["Element"]:
        """The elements inside; ValueError unless they fill the content exactly."""
        if self._children is None:
            self._children = read_elements(self.content, is_ber=self._is_ber)
        return self._children


def read_elements(data: bytes, *, is_ber: bool = False) -> list[Element]:
    """Elements one after the other. ValueError on lengths cut short, indefinite or not minimal (X.690 10.1).

    `is_ber`: lengths may be indefinite, or longer than they need be, as in messages that were written as a stream.
    """
    return _read(data, 0, _DEEPEST if is_ber else 0, is_ber, is_marked=False)[0]


def _read(data: bytes, at: int, deepest: int, is_ber: bool, is_marked: bool) -> tuple[list[Element], int]:
    """Elements up to the end, or to the mark that ends an indefinite length (X.690 8.1.5); and where that is."""
    elements: list[Element] = []
    total = len(data)
    while at < total:
        if total < at + 2 or data[at] & 0x1F == 0x1F:
            raise ValueError("element cut short, or a tag of several octets")
        if is_marked and data[at] == data[at + 1] == 0:
            return elements, at
        size, start, mark = data[at + 1], at + 2, 0
        if size == 0x80 and deepest:
            _inside, end = _read(data, start, deepest - 1, is_ber, is_marked=True)
            mark = 2
        else:
            if size & 0x80:
                octets = data[start : start + (size & 0x7F)]
                size, start = int.from_bytes(octets, "big"), start + len(octets)
                if not octets or (not is_ber and (size < 0x80 or octets[0] == 0)):
                    raise ValueError("length not minimal")
            end = start + size
            if end > total:
                raise ValueError("element cut short")
        elements.append(Element(data[at], data[start:end], data[at : end + mark], is_ber))
        at = end + mark
    if is_marked:
        raise ValueError("element without an end")
    return elements, at
