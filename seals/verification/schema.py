"""The JSON Schema of the report, from its records: `report.schema.json` beside this file is what programs are given.

After a change of the records: `python -m seals.verification.schema > seals/verification/report.schema.json`.
"""

import json
from importlib import resources
from typing import Any

from pydantic import TypeAdapter

from seals.verification.report import SCHEMA, Report

FILE = "report.schema.json"


def report_schema() -> dict[str, Any]:
    """JSON Schema (2020-12). Members may be added later, so that none is forbidden."""
    made = TypeAdapter(Report).json_schema(mode="serialization")
    made["properties"] = {"schema": {"const": SCHEMA}, **made["properties"]}
    # What has a default in the records is always written.
    for one in (made, *made["$defs"].values()):
        if "properties" in one:
            one["required"] = list(one["properties"])
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA}
    return head | {name: value for name, value in made.items() if name != "title"}


def shipped_schema() -> dict[str, Any]:
    """The schema as it is in the file."""
    content: dict[str, Any] = json.loads((resources.files("seals.verification") / FILE).read_bytes())
    return content


if __name__ == "__main__":
    print(json.dumps(report_schema(), ensure_ascii=False, indent=2))  # noqa: T201 - a command of its own
