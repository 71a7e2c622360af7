"""The official Python SDK on the routes that change files and folders: every method, and refusals as its typed exceptions."""

import uuid

import httpx
import imagekitio
import pytest
from imagekitio import ImageKit

from server import PRIVATE_KEY

UNKNOWN_ID = "0123456789abcdef01234567"


@pytest.fixture(scope="module")
def client(server):
    return ImageKit(private_key=PRIVATE_KEY, base_url=server.url, max_retries=0)


@pytest.fixture
def place():
    return f"/t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def put(client, photo, place):
    def upload(name="cat.jpg", content=photo, **fields):
        return client.files.upload(file=content, file_name=name, folder=place, use_unique_file_name=False, **fields)

    return upload


def original(url):
    return httpx.get(httpx.URL(url).copy_add_param("tr", "orig-true"))


def test_update(client, put):
    file = put(tags=["sea"], description="old").file_id
    updated = client.files.update(file, tags=["dawn", "sky"], custom_coordinates="1,2,3,4", description="new", remove_ai_tags="all")
    assert (updated.tags, updated.custom_coordinates, updated.description) == (["dawn", "sky"], "1,2,3,4", "new")
    cleared = client.files.update(file, tags=None, custom_coordinates=None)
    assert cleared.tags is None and cleared.custom_coordinates is None and cleared.description == "new"
    assert client.files.update(file).updated_at == cleared.updated_at
    with pytest.raises(imagekitio.BadRequestError, match="Invalid custom metadata") as refusal:
        client.files.update(file, custom_metadata={"brand": "x"})
    assert list(refusal.value.body["errors"]) == ["brand"]
    with pytest.raises(imagekitio.BadRequestError, match="invalid fileId"):
        client.files.update("x", tags=[])
    with pytest.raises(imagekitio.NotFoundError, match="The requested file does not exist."):
        client.files.update(UNKNOWN_ID, tags=[])


def test_publication(client, put):
    file = put()
    hidden = client.files.update(file.file_id, publish={"is_published": False, "include_file_versions": True})
    assert hidden.is_published is False and original(file.url).status_code == 404
    shown = client.files.update(file.file_id, publish={"is_published": True})
    assert shown.is_published is True and original(file.url).status_code == 200


def test_bulk(client, put):
    ids = [put(f"{number}.jpg").file_id for number in range(3)]
    assert client.files.bulk.add_tags(file_ids=ids, tags=["sea", "sky"]).successfully_updated_file_ids == ids
    assert client.files.get(ids[1]).tags == ["sea", "sky"]
    assert client.files.bulk.remove_tags(file_ids=ids[:2], tags=["sea"]).successfully_updated_file_ids == ids[:2]
    assert client.files.get(ids[1]).tags == ["sky"]
    assert client.files.bulk.remove_ai_tags(file_ids=ids, ai_tags=["x"]).successfully_updated_file_ids == ids
    for call in [lambda: client.files.bulk.add_tags(file_ids=[*ids, UNKNOWN_ID], tags=["late"]),
                 lambda: client.files.bulk.delete(file_ids=[*ids, UNKNOWN_ID])]:
        with pytest.raises(imagekitio.NotFoundError) as refusal:
            call()
        assert refusal.value.body["missingFileIds"] == [UNKNOWN_ID]
    with pytest.raises(imagekitio.BadRequestError, match="A maximum of 50 files"):
        client.files.bulk.add_tags(file_ids=ids * 17, tags=["x"])
    assert client.files.bulk.delete(file_ids=ids).successfully_deleted_file_ids == ids
    with pytest.raises(imagekitio.NotFoundError):
        client.files.get(ids[0])


def test_copy_move_rename(client, put, place, photo):
    file = put()
    client.files.copy(source_file_path=file.file_path, destination_path=place + "/copy", include_file_versions=True)
    [copy] = client.assets.list(path=place + "/copy")
    assert copy.file_id != file.file_id and original(copy.url).content == photo
    client.files.move(source_file_path=copy.file_path, destination_path=place + "/moved")
    assert client.files.get(copy.file_id).file_path == place + "/moved/cat.jpg"
    assert client.files.rename(file_path=place + "/moved/cat.jpg", new_file_name="dog.jpg").purge_request_id is None
    assert original(client.files.get(copy.file_id).url).content == photo
    put("taken.jpg")
    with pytest.raises(imagekitio.ConflictError) as refusal:
        client.files.rename(file_path=file.file_path, new_file_name="taken.jpg")
    assert refusal.value.body["reason"] == "FILE_ALREADY_EXISTS"
    with pytest.raises(imagekitio.NotFoundError) as refusal:
        client.files.copy(source_file_path="/absent.jpg", destination_path="/")
    assert refusal.value.body["reason"] == "SOURCE_FILE_MISSING"
    with pytest.raises(imagekitio.BadRequestError) as refusal:
        client.files.move(source_file_path=file.file_path, destination_path=place)
    assert refusal.value.body["reason"] == "SAME_SOURCE_AND_DESTINATION"


def test_versions(client, put, photo):
    file = put().file_id
    second = put(content=photo + b"\0")
    versions = client.files.versions.list(file)
    assert [(v.type, v.version_info.name) for v in versions] == [("file", "Version 2"), ("file-version", "Version 1")]
    old = client.files.versions.get(file, file_id=file)
    assert old.type == "file-version" and original(old.url).content == photo
    restored = client.files.versions.restore(file, file_id=file)
    assert restored.type == "file" and restored.version_info.id == file and original(restored.url).content == photo
    with pytest.raises(imagekitio.BadRequestError, match="You cannot delete current version of a file."):
        client.files.versions.delete(file, file_id=file)
    client.files.versions.delete(second.version_info.id, file_id=file)
    with pytest.raises(imagekitio.NotFoundError, match="The requested file version does not exist."):
        client.files.versions.get(second.version_info.id, file_id=file)


def test_folders(client, put, place):
    client.folders.create(folder_name="a b", parent_folder_path=place)
    [folder] = client.assets.list(type="folder", path=place)
    assert folder.folder_path == place + "/a_b"
    file = put().file_id
    client.folders.delete(folder_path=place + "/")
    with pytest.raises(imagekitio.NotFoundError):
        client.files.get(file)
    with pytest.raises(imagekitio.NotFoundError, match="No folder found with folderPath") as refusal:
        client.folders.delete(folder_path=place)
    assert refusal.value.body["reason"] == "FOLDER_NOT_FOUND"
    with pytest.raises(imagekitio.BadRequestError, match="can not be used as folder-name"):
        client.folders.create(folder_name="..", parent_folder_path="/")
