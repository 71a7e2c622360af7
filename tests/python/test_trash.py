"""The trash: deleted files and versions come back, and go for good when asked or when it is switched off."""

import subprocess
import uuid

import pytest

from server import BASIC, BINARY, PRIVATE_KEY
from test_files import NO_FILE, UNKNOWN_ID, delivered, details, done, refused, send


@pytest.fixture
def place():
    return f"/t{uuid.uuid4().hex[:12]}"


def trashed(server, file):
    answer = server.api("/v1/trash")
    assert answer.status == 200, answer
    return [item for item in answer.json() if item["fileId"] == file]


def test_a_deleted_file_comes_back(server, photo, place):
    first = server.upload(photo, "cat.jpg", folder=place, tags="one").json()
    server.upload(photo + b"\0", "cat.jpg", folder=place, tags="two", isPrivateFile="true", description="A cat")
    file = first["fileId"]
    before = server.api(f"/v1/files/{file}/versions").json()
    done(send(server, "DELETE", "/v1/folder", {"folderPath": place}))
    refused(server.api(f"/v1/files/{file}/details"), 404, NO_FILE)
    [item] = trashed(server, file)
    assert item["type"] == "file" and item["filePath"] == f"{place}/cat.jpg" and item["name"] == "cat.jpg"
    assert item["versionInfo"]["name"] == "Version 2" and item["versionCount"] == 2
    assert item["size"] == 2 * len(photo) + 1 and item["purgeAt"] > item["deletedAt"]
    answer = server.request("POST", f"/v1/trash/{item['id']}/restore", BASIC)
    assert answer.status == 200 and answer.json() == before[0], answer
    assert server.api(f"/v1/files/{file}/versions").json() == before
    assert trashed(server, file) == []
    refused(server.request("POST", f"/v1/trash/{item['id']}/restore", BASIC), 404, "There is nothing in the trash with this id.")


def test_a_taken_place(server, photo, place):
    first = server.upload(photo, "cat.jpg", folder=place).json()
    done(send(server, "DELETE", f"/v1/files/{first['fileId']}"))
    server.upload(photo + b"\0", "cat.jpg", folder=place)
    [item] = trashed(server, first["fileId"])
    back = server.request("POST", f"/v1/trash/{item['id']}/restore", BASIC).json()
    assert back["fileId"] == first["fileId"] and back["name"].startswith("cat_") and back["name"].endswith(".jpg")
    assert delivered(server, f"{place}/cat.jpg") == (200, photo + b"\0")
    assert delivered(server, back["filePath"]) == (200, photo)


def test_a_deleted_version_comes_back(server, photo, place):
    first = server.upload(photo, "cat.jpg", folder=place).json()
    file = first["fileId"]
    server.upload(photo + b"\0", "cat.jpg", folder=place)
    done(server.request("DELETE", f"/v1/files/{file}/versions/{file}", BASIC))
    [item] = trashed(server, file)
    assert item["type"] == "file-version" and item["versionInfo"] == {"id": file, "name": "Version 1"}
    done(send(server, "DELETE", f"/v1/files/{file}"))
    answer = server.request("POST", f"/v1/trash/{item['id']}/restore", BASIC)
    refused(answer, 409, fileId=file)
    whole = next(item for item in trashed(server, file) if item["type"] == "file")
    assert server.request("POST", f"/v1/trash/{whole['id']}/restore", BASIC).status == 200
    back = server.request("POST", f"/v1/trash/{item['id']}/restore", BASIC).json()
    assert back["type"] == "file-version" and back["versionInfo"]["id"] == file
    assert len(server.api(f"/v1/files/{file}/versions").json()) == 2


def test_the_trash_is_emptied(start, photo):
    server = start()
    files = [server.upload(photo, f"{number}.jpg").json()["fileId"] for number in range(3)]
    assert send(server, "POST", "/v1/files/batch/deleteByFileIds", {"fileIds": files}).status == 200
    page = server.api("/v1/trash?limit=2&skip=1").json()
    assert len(page) == 2 and page == server.api("/v1/trash/").json()[1:]
    for query in ["limit=0", "limit=1001", "limit=x", "skip=-1", "skip=x"]:
        refused(server.api(f"/v1/trash?{query}"), 400)
    done(send(server, "DELETE", f"/v1/trash/{page[0]['id']}"))
    refused(send(server, "DELETE", f"/v1/trash/{page[0]['id']}"), 404, "There is nothing in the trash with this id.")
    refused(send(server, "DELETE", "/v1/trash/x"), 400)
    refused(send(server, "POST", f"/v1/trash/{UNKNOWN_ID}/restore"), 404)
    assert send(server, "DELETE", "/v1/trash").json() == {"deleted": 2}
    assert server.api("/v1/trash").json() == []


def test_without_a_trash(start, photo):
    server = start(trash_days="0")
    file = server.upload(photo, "cat.jpg").json()["fileId"]
    done(send(server, "DELETE", f"/v1/files/{file}"))
    assert server.api("/v1/trash").json() == []
    assert details(server, server.upload(photo, "cat.jpg").json()["fileId"])["versionInfo"]["name"] == "Version 1"


def test_the_command_line(server, photo, place):
    def tintype(*arguments, key=PRIVATE_KEY):
        variables = {"TINTYPE_LISTEN": f"127.0.0.1:{server.port}", "TINTYPE_PRIVATE_KEY": key}
        return subprocess.run([BINARY, "trash", *arguments], env=variables, capture_output=True, text=True, timeout=60, cwd="/")

    file = server.upload(photo, "cat.jpg", folder=place).json()["fileId"]
    done(send(server, "DELETE", f"/v1/files/{file}"))
    [item] = trashed(server, file)
    lines = [line for line in tintype("list").stdout.splitlines() if line.startswith(item["id"])]
    assert len(lines) == 1 and f"{place}/cat.jpg" in lines[0] and item["purgeAt"] in lines[0]
    restored = tintype("restore", item["id"])
    assert (restored.returncode, restored.stdout) == (0, f"{place}/cat.jpg\n"), restored
    again = tintype("restore", item["id"])
    assert again.returncode == 1 and "There is nothing in the trash with this id." in again.stderr
    wrong = tintype("restore", "../files")
    assert wrong.returncode == 1 and "an id is 24 characters" in wrong.stderr
    stranger = tintype("list", key="private_other")
    assert stranger.returncode == 1 and "403" in stranger.stderr and "private_other" not in stranger.stderr
    unsure = tintype("empty")
    assert unsure.returncode == 1 and "--yes" in unsure.stderr
