"""What docs/api.md tells the programmers of clients to type, against all services of a seeded home."""

import shutil
from pathlib import Path

import pytest

from tests.support.demonstration import Demonstration, Serving
from tests.support.documentation import play


@pytest.mark.usefixtures("seeded_home")  # before the demonstration, which another process makes in the meantime
def test_api(demonstration: Demonstration, home_copy: Path, tmp_path: Path) -> None:
    shutil.copytree(demonstration.folder, tmp_path / "demo")
    with Serving(home_copy) as serving:
        addresses = {
            f"http://127.0.0.1:{8080 + number}": serving.url(name) for number, name in enumerate(serving.ports)
        }
        play("docs/api.md", tmp_path, addresses, YINXIN_HOME=str(home_copy))
