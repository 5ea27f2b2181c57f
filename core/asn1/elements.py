"""Reading DER (X.690) element by element: strictly, and with the octets as they stand.

For what is read before every signature: a reader of whole structures takes as long as the signature.
"""


class Element:
    """One element of DER."""

    __slots__ = ("_children", "content", "raw", "tag")

    def __init__(self, tag: int, content: bytes, raw: bytes) -> None:
        """`raw`: tag, length and content as they stand."""
        self.tag, self.content, self.raw = tag, content, raw
        self._children: list[Element] | None = None

    def children(self) -> list["Element"]:
        """The elements inside; ValueError unless they fill the content exactly."""
        if self._children is None:
            self._children = read_elements(self.content)
        return self._children


def read_elements(data: bytes) -> list[Element]:
    """Elements one after the other. ValueError on lengths cut short, indefinite or not minimal (X.690 10.1)."""
    elements, at, total = [], 0, len(data)
    while at < total:
        if total < at + 2 or data[at] & 0x1F == 0x1F:
            raise ValueError("element cut short, or a tag of several octets")
        size, start = data[at + 1], at + 2
        if size & 0x80:
            octets = data[start : start + (size & 0x7F)]
            size, start = int.from_bytes(octets, "big"), start + len(octets)
            if size < 0x80 or octets[0] == 0:
                raise ValueError("length not minimal")
        end = start + size
        if end > total:
            raise ValueError("element cut short")
        elements.append(Element(data[at], data[start:end], data[at:end]))
        at = end
    return elements
