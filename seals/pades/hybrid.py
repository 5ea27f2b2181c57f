"""Hybrid-reference files (ISO 32000-2 7.5.8.4), as office programs write them: two cross-references side by side.

Programs older than PDF 1.5 read the tables alone, all others the streams as well. What the streams add is meant to be
invisible to old programs; but if they gave an object that the tables have another place, two documents would be in one
file, and a signature would cover both.
"""

from pyhanko.pdf_utils.xref import ObjStreamRef, XRefCache

Location = tuple[int, int] | ObjStreamRef


def is_unambiguous(xrefs: XRefCache) -> bool:
    """Whether every object that old programs find is the same to new ones."""
    by_tables: dict[int, Location] = {}
    by_all: dict[int, Location] = {}
    for revision in range(xrefs.total_revisions):
        section = xrefs.get_xref_data(revision)
        for view in (by_tables, by_all):
            for freed in section.freed:
                view.pop(freed, None)
        if section.hybrid is not None:
            # Looked up after the table beside it, so that the table prevails.
            hidden = section.hybrid.xref_data
            by_all.update(hidden.standard_xrefs)
            by_all.update(hidden.xrefs_in_objstm)
        for view in (by_tables, by_all):
            view.update(section.standard_xrefs)
            view.update(section.xrefs_in_objstm)
    return all(by_all.get(number) == location for number, location in by_tables.items())
