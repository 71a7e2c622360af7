"""Real and hostile files from the folder that TINTYPE_CORPUS names: each ends in a picture or a clear error."""

import os
import pathlib
import time

import pytest

from picture import opened
from server import Server

CORPUS = os.environ.get("TINTYPE_CORPUS")
# Generous for a slow machine; a file that needs more hangs. Memory: what the largest picture allowed costs, and room.
SECONDS_PER_FILE = 60
MEMORY_KIB = 3 * 1024 * 1024


@pytest.mark.skipif(not CORPUS, reason="TINTYPE_CORPUS names no folder of real files")
def test_every_file_of_the_corpus():
    files = sorted(p for p in pathlib.Path(CORPUS or ".").rglob("*") if p.is_file() and p.name != "README.md")
    assert files, f"{CORPUS} holds no files"
    server = Server()
    pictures, refusals, failures = 0, [], []
    try:
        for number, path in enumerate(files):
            shown = str(path.relative_to(CORPUS))
            started = time.monotonic()
            uploaded = server.upload(path.read_bytes(), f"{number}{path.suffix}", folder="/corpus")
            if uploaded.status != 200:
                if not (400 <= uploaded.status < 500 and uploaded.json()["message"]):
                    failures.append(f"{shown}: upload {uploaded}")
                continue
            answer = server.get(f"/demo{uploaded.json()['filePath']}?tr=w-200,h-200,f-jpg")
            seconds = time.monotonic() - started
            if answer.status == 200 and answer.headers["Content-Type"] == "image/jpeg":
                if opened(answer.body).size != (200, 200):
                    failures.append(f"{shown}: {opened(answer.body).size}")
                pictures += 1
            elif answer.status == 200:
                refusals.append(f"{shown}: delivered as it is, {answer.headers['Content-Type']}")
            elif 400 <= answer.status < 500 and answer.headers["ik-error"]:
                refusals.append(f"{shown}: {answer.status} {answer.headers['ik-error']}")
            else:
                failures.append(f"{shown}: {answer}")
            if seconds > SECONDS_PER_FILE:
                failures.append(f"{shown}: {seconds:.0f} s")
            assert server.get("/health/ready").status == 200, f"the server did not survive {shown}"
        peak = server.memory_kib("VmHWM")
    finally:
        server.stop()
    print(f"\n{len(files)} files, {pictures} pictures, peak memory {peak // 1024} MiB; not pictures:")
    print("\n".join(refusals))
    assert failures == []
    assert peak < MEMORY_KIB
    # A server that refused everything would pass the rest.
    assert pictures > len(files) // 2
