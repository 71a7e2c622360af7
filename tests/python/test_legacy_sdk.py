"""The Python SDK's line before 5, which compares exact status codes. It has the new one's name, so it lives in a virtualenv of its own."""

import pathlib
import subprocess

import pytest

from server import FILES, PRIVATE_KEY, PUBLIC_KEY

HERE = pathlib.Path(__file__).parent
PYTHON = HERE / ".venv-legacy" / "bin" / "python"


@pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup.sh test installs the old SDK")
def test_files_and_folders(start):
    server = start()
    command = [PYTHON, HERE / "legacy_files.py", server.url, PRIVATE_KEY, PUBLIC_KEY, FILES / "photo.jpg"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env={})
    assert (ended.returncode, ended.stdout) == (0, "every call fitted\n"), ended.stderr
