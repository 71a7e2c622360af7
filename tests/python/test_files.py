"""Changing files over raw HTTP: every status, text and reason of the contract, and what delivery says afterwards."""

import contextlib
import json
import re
import sqlite3
import uuid

import pytest

from server import BASIC

NO_FILE = "The requested file does not exist."
UNKNOWN_ID = "0123456789abcdef01234567"
GENERIC = "Your request is missing parameters / contains invalid parameters."
TOO_MANY_CHARACTERS = ("Your request contains invalid value for tags parameter. Combined length of all tags should be less "
                       "than or equal to 500.")


def send(server, method, target, body=None, **headers):
    sent = None if body is None else json.dumps(body)
    return server.request(method, target, {**BASIC, "Content-Type": "application/json", **headers}, sent)


def refused(answer, status, message=None, reason=None, **more):
    """Checks the shape of an error: `message`, `help`, and exactly the further keys that are expected."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    body = answer.json()
    expected = {"message", "help", *more} | ({"reason"} if reason else set())
    assert set(body) == expected and body["help"], body
    if message is not None:
        assert body["message"] == message, body
    assert body.get("reason") == reason, body
    for key, value in more.items():
        assert body[key] == value, body


def done(answer):
    """204 means no body and no content type."""
    assert answer.status == 204 and answer.body == b"" and "Content-Type" not in answer.headers, answer


@pytest.fixture
def place():
    """A folder that no other test uses."""
    return f"/t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def put(server, photo, place):
    def upload(name="cat.jpg", content=photo, folder=place, **fields):
        answer = server.upload(content, name, folder=folder, **fields)
        assert answer.status == 200, answer
        return answer.json()

    return upload


def details(server, file):
    answer = server.api(f"/v1/files/{file}/details")
    assert answer.status == 200, answer
    return answer.json()


def delivered(server, path):
    """The status of a path as it is, and its bytes."""
    answer = server.get(f"/demo{path}?tr=orig-true")
    return answer.status, answer.body


# PATCH details


def test_update_changes_what_it_names(server, put):
    file = put(tags="sea,sky", description="old", customCoordinates="1,2,3,4")["fileId"]
    before = details(server, file)
    target = f"/v1/files/{file}/details"
    answer = send(server, "PATCH", target, {"tags": ["dawn", " dawn ", "sea"], "customCoordinates": None})
    assert answer.status == 200, answer
    after = answer.json()
    assert after["tags"] == ["dawn", "sea"] and after["customCoordinates"] is None and after["description"] == "old"
    assert after["updatedAt"] > before["updatedAt"] and after["createdAt"] == before["createdAt"]
    assert "extensionStatus" not in after and after == details(server, file)
    assert [f["fileId"] for f in server.listed(f"tags=dawn&path={after['filePath'].rsplit('/', 1)[0]}")] == [file]
    cleared = send(server, "PATCH", target, {"tags": None, "description": ""}).json()
    assert cleared["tags"] is None and "description" not in cleared
    # The spelling of older clients: a slash at the end, tags with commas between, null for what was not given.
    older = send(server, "PATCH", target + "/", {"tags": "x, y", "customMetadata": None, "extensions": None}).json()
    assert older["tags"] == ["x", "y"]


def test_an_empty_update_changes_nothing(server, put):
    file = put(tags="sea")["fileId"]
    before = details(server, file)
    for body in [None, "", "{}"]:
        answer = server.request("PATCH", f"/v1/files/{file}/details", {**BASIC, "Content-Type": "application/json"}, body)
        assert answer.status == 200 and answer.json() == before


@pytest.mark.parametrize("body, message", [
    ({"tags": ["x" * 501]}, TOO_MANY_CHARACTERS),
    ({"tags": [str(n) for n in range(5000)]}, TOO_MANY_CHARACTERS),
    ({"tags": ["50%"]}, None), ({"tags": [1]}, None), ({"tags": {"a": 1}}, None),
    ({"tags": ["a\0b"]}, "The request body holds a NUL character."),
    ({"customMetadata": {"no such field": 1}}, "Invalid custom metadata."),
    ({"customMetadata": "x"}, None), ({"customCoordinates": "a,b,c,d"}, None), ({"removeAITags": "some"}, None),
    ({"description": "x" * 10_001}, None), ({"description": ["x"]}, None), ({"webhookUrl": "nonsense"}, None),
    ({"publish": {"isPublished": False}, "tags": ["x"]},
     "Your request cannot contain any other parameters when publish is present"),
    ({"publish": {}}, None), ({"publish": True}, None),
])
def test_updates_that_are_refused(server, put, body, message):
    file = put(tags="sea")["fileId"]
    before = details(server, file)
    answer = send(server, "PATCH", f"/v1/files/{file}/details", body)
    assert answer.status == 400 and answer.json()["help"], answer
    assert message in (None, answer.json()["message"])
    if "errors" in answer.json():
        assert list(answer.json()["errors"]) == ["no such field"]
    assert details(server, file) == before


def test_custom_metadata_is_merged_key_by_key(start, photo):
    server = start()
    for name, schema in [("brand", {"type": "Text"}), ("price", {"type": "Number", "maxValue": 100}), ("colour", {"type": "Text"})]:
        answer = send(server, "POST", "/v1/customMetadataFields", {"name": name, "label": name, "schema": schema})
        assert answer.status == 201, answer
    file = server.upload(photo, "cat.jpg", customMetadata=json.dumps({"brand": "Acme", "price": 5})).json()["fileId"]
    target = f"/v1/files/{file}/details"
    updated = send(server, "PATCH", target, {"customMetadata": {"brand": None, "colour": "red"}}).json()
    assert updated["customMetadata"] == {"price": 5, "colour": "red"}
    assert send(server, "PATCH", target, {"customMetadata": {}}).json() == updated
    for values, named in [({"price": "cheap"}, ["price"]), ({"price": 101}, ["price"]), ({"colour": 1, "x": 1}, ["colour", "x"])]:
        answer = send(server, "PATCH", target, {"customMetadata": values, "tags": ["late"]})
        assert answer.status == 400 and answer.json()["message"] == "Invalid custom metadata."
        assert sorted(answer.json()["errors"]) == named
    assert details(server, file) == updated


def test_extensions_that_nobody_here_can_do(server, put):
    file = put()["fileId"]
    extensions = [{"name": "google-auto-tagging", "minConfidence": 80, "maxTags": 5}, {"name": "ai-auto-description"}]
    body = {"tags": ["sea"], "extensions": extensions, "webhookUrl": "https://app.example.org/hook"}
    updated = send(server, "PATCH", f"/v1/files/{file}/details", body).json()
    assert updated.pop("extensionStatus") == {"google-auto-tagging": "failed", "ai-auto-description": "failed"}
    assert updated == details(server, file) and updated["tags"] == ["sea"]
    body = {"tags": ["late"], "extensions": [{"name": "google-auto-tagging", "minConfidence": 101, "maxTags": 5}]}
    answer = send(server, "PATCH", f"/v1/files/{file}/details", body)
    assert answer.status == 400 and answer.json()["message"] == "Your request contains invalid extensions parameter."
    assert list(answer.json()["errors"]) == ["extensions"]
    assert details(server, file) == updated


def test_ids_of_updates(server):
    refused(send(server, "PATCH", "/v1/files/nonsense/details", {}), 400, "Your request contains invalid fileId parameter.")
    refused(send(server, "PATCH", f"/v1/files/{UNKNOWN_ID}/details", {}), 404, NO_FILE)
    publish = {"publish": {"isPublished": True}}
    refused(send(server, "PATCH", f"/v1/files/{UNKNOWN_ID}/details", publish), 404, NO_FILE)


def test_publication(server, put, photo):
    first = put()
    file, path = first["fileId"], first["filePath"]
    put(content=photo + b"\0")
    old = [v for v in server.api(f"/v1/files/{file}/versions").json() if v["type"] == "file-version"][0]
    target = f"/v1/files/{file}/details"

    def old_url():
        versions = server.api(f"/v1/files/{file}/versions").json()
        return versions[1]["url"].removeprefix(f"{server.url}/demo")

    assert server.get(f"/demo{old_url()}").status == 200
    draft = send(server, "PATCH", target, {"publish": {"isPublished": False}}).json()
    assert draft["isPublished"] is False and delivered(server, path)[0] == 404
    assert server.get(f"/demo{old_url()}").status == 200, "the older version is public still"
    send(server, "PATCH", target, {"publish": {"isPublished": False, "includeFileVersions": True}})
    assert server.get(f"/demo{old_url()}").status == 404
    shown = send(server, "PATCH", target, {"publish": {"isPublished": True, "includeFileVersions": True}}).json()
    assert shown["isPublished"] is True and delivered(server, path) == (200, photo + b"\0")
    assert server.get(f"/demo{old_url()}").status == 200
    assert server.get(old["url"].removeprefix(server.url)).status == 404, "its address from before stays dead"


# Deleting


def test_delete_by_ids(server, put):
    files = [put(name)["fileId"] for name in ["a.jpg", "b.jpg", "c.jpg"]]
    target = "/v1/files/batch/deleteByFileIds"
    missing = [UNKNOWN_ID, "nonsense"]
    refused(send(server, "POST", target, {"fileIds": [files[0], *missing, UNKNOWN_ID]}), 404,
            "The requested file(s) does not exist.", missingFileIds=missing)
    refused(send(server, "POST", target, {"fileIds": [files[0], UNKNOWN_ID]}), 404,
            "The requested file(s) does not exist.", missingFileIds=[UNKNOWN_ID])
    assert details(server, files[0])
    answer = send(server, "POST", "/v1/files/batch/deleteByfileIds", {"fileIds": [files[1], files[0], files[1]]})
    assert answer.status == 200 and answer.json() == {"successfullyDeletedFileIds": [files[1], files[0]]}
    assert server.api(f"/v1/files/{files[0]}/details").status == 404 and details(server, files[2])


@pytest.mark.parametrize("body, message", [
    ({}, "fileIds parameter is missing."), ({"fileIds": None}, "fileIds parameter is missing."),
    ({"fileIds": "x"}, "fileIds should be an Array."), ({"fileIds": []}, "fileIds is empty."),
    ({"fileIds": [UNKNOWN_ID] * 101}, "fileIds cannot have more than 100 items."),
])
def test_lists_of_ids_to_delete(server, body, message):
    refused(send(server, "POST", "/v1/files/batch/deleteByFileIds", body), 400, message)


def test_delete_ignores_bodies(server, put):
    file = put()["fileId"]
    done(send(server, "DELETE", f"/v1/files/{file}/", [file]))
    refused(send(server, "DELETE", f"/v1/files/{file}"), 404, NO_FILE)
    refused(send(server, "DELETE", "/v1/files/nonsense"), 400, "Your request contains invalid fileId parameter.")


# Bulk tags


def test_bulk_tags(server, put):
    one, two = put("a.jpg", tags="sea")["fileId"], put("b.jpg")["fileId"]
    answer = send(server, "POST", "/v1/files/addTags", {"fileIds": [two, one], "tags": ["sky", "sea"]})
    assert answer.status == 200 and answer.json() == {"successfullyUpdatedFileIds": [two, one]}
    assert details(server, one)["tags"] == ["sea", "sky"] and details(server, two)["tags"] == ["sky", "sea"]
    answer = send(server, "POST", "/v1/files/removeTags", {"fileIds": [one, two], "tags": ["sea", "sky", "absent"]})
    assert answer.status == 200 and details(server, one)["tags"] is None
    answer = send(server, "POST", "/v1/files/removeAITags", {"fileIds": [one, two], "AITags": ["boat"]})
    assert answer.status == 200 and answer.json() == {"successfullyUpdatedFileIds": [one, two]}


def test_a_file_whose_tags_would_overflow_is_named(server, put):
    full, free = put("a.jpg", tags="x" * 499)["fileId"], put("b.jpg")["fileId"]
    answer = send(server, "POST", "/v1/files/addTags", {"fileIds": [full, free], "tags": ["new"]})
    body = answer.json()
    assert answer.status == 207 and body["successfullyUpdatedFileIds"] == [free] and body["message"] and body["help"]
    assert [e["fileId"] for e in body["errors"]] == [full] and "Error in adding tags" in body["errors"][0]["error"]
    assert details(server, full)["tags"] == ["x" * 499] and details(server, free)["tags"] == ["new"]


@pytest.mark.parametrize("route, key", [("addTags", "tags"), ("removeTags", "tags"), ("removeAITags", "AITags")])
def test_bulk_tags_that_are_refused(server, put, route, key):
    target, file = f"/v1/files/{route}", put(tags="sea")["fileId"]
    for body, message in [
        ({key: ["x"]}, "fileIds parameter is missing."), ({"fileIds": [], key: ["x"]}, "fileIds is empty."),
        ({"fileIds": file, key: ["x"]}, "fileIds should be an Array."),
        ({"fileIds": [file] * 51, key: ["x"]}, "A maximum of 50 files can be edited at a time."),
        ({"fileIds": [file]}, f"{key} parameter is missing."), ({"fileIds": [file], key: []}, f"{key} array cannot be empty."),
    ]:
        refused(send(server, "POST", target, body), 400, message)
    if key == "tags":
        refused(send(server, "POST", target, {"fileIds": [file], "tags": ["x" * 501]}), 400, TOO_MANY_CHARACTERS)
    else:
        wrong = ("Your request contains invalid value for AITags. Please provide an array of strings. "
                 "Example - ['t-shirt','summer-sale'].")
        for value in ["x", [1], {"a": "b"}]:
            refused(send(server, "POST", target, {"fileIds": [file], "AITags": value}), 400, wrong)
    refused(send(server, "POST", target, {"fileIds": [file, UNKNOWN_ID], key: ["x"]}), 404,
            "The requested file(s) does not exist.", missingFileIds=[UNKNOWN_ID])
    assert details(server, file)["tags"] == ["sea"]


# Copy, move, rename


def test_copy(server, put, place, photo):
    first = put(tags="sea")
    put(content=photo + b"\0")
    done(send(server, "POST", "/v1/files/copy", {"sourceFilePath": first["filePath"], "destinationPath": place + "/new/"}))
    copy = server.listed(f"path={place}/new")[0]
    assert copy["name"] == "cat.jpg" and copy["fileId"] != first["fileId"]
    assert copy["versionInfo"] == {"id": copy["fileId"], "name": "Version 1"}
    assert delivered(server, place + "/new/cat.jpg") == (200, photo + b"\0")
    body = {"sourceFilePath": first["filePath"], "destinationPath": place + "/new", "includeFileVersions": "True"}
    done(send(server, "POST", "/v1/files/copy", body))
    versions = server.api(f"/v1/files/{copy['fileId']}/versions").json()
    assert [v["versionInfo"]["name"] for v in versions] == ["Version 3", "Version 2", "Version 1"]
    assert [v["type"] for v in versions] == ["file", "file-version", "file-version"]


@pytest.mark.parametrize("language", ["go", "java", "kotlin", "csharp"])
def test_languages_that_need_a_body(server, put, place, language):
    body = {"sourceFilePath": put()["filePath"], "destinationPath": place + "/there"}
    for route in ["copy", "move"]:
        answer = send(server, "POST", f"/v1/files/{route}", body, **{"X-Stainless-Lang": language})
        assert answer.status == 200 and answer.json() == {}
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    answer = send(server, "DELETE", "/v1/folder", {"folderPath": place}, **{"X-Stainless-Lang": language})
    assert answer.status == 200 and answer.json() == {}


def test_move(server, put, place, photo):
    first = put()
    form = f"sourceFilePath={first['filePath']}&destinationPath={place}%2Fnew"
    done(server.request("POST", "/v1/files/move", {**BASIC, "Content-Type": "application/x-www-form-urlencoded"}, form))
    assert delivered(server, first["filePath"])[0] == 404
    assert delivered(server, place + "/new/cat.jpg") == (200, photo)
    moved = details(server, first["fileId"])
    assert moved["filePath"] == place + "/new/cat.jpg"
    other = put(folder=place + "/other", content=photo + b"\0")
    done(send(server, "POST", "/v1/files/move", {"sourceFilePath": moved["filePath"], "destinationPath": place + "/other"}))
    merged = details(server, other["fileId"])
    assert merged["versionInfo"]["name"] == "Version 2" and delivered(server, place + "/other/cat.jpg") == (200, photo)
    refused(server.api(f"/v1/files/{first['fileId']}/details"), 404, NO_FILE)


@pytest.mark.parametrize("route", ["copy", "move"])
def test_copies_and_moves_that_are_refused(server, put, place, route):
    target, path = f"/v1/files/{route}", put()["filePath"]
    absent = place + "/absent.jpg"
    refused(send(server, "POST", target, {"sourceFilePath": absent, "destinationPath": "/"}), 404,
            f"No file found with filePath `{absent}`.", "SOURCE_FILE_MISSING")
    for climbing in [f"{place}/x/../cat.jpg", f"{place}//cat.jpg", place, "/", f"{place}/cat.jpg/"]:
        refused(send(server, "POST", target, {"sourceFilePath": climbing, "destinationPath": "/"}), 404,
                reason="SOURCE_FILE_MISSING")
    for body in [{}, {"sourceFilePath": path}, {"destinationPath": "/"}, {"sourceFilePath": "", "destinationPath": "/"},
                 {"sourceFilePath": 1, "destinationPath": "/"}, {"sourceFilePath": "x" * 100_000, "destinationPath": "/"}]:
        refused(send(server, "POST", target, body), 400, GENERIC, "MISSING_PARAMETER")
    refused(send(server, "POST", target, {"sourceFilePath": path, "destinationPath": place + "/"}), 400, GENERIC,
            "SAME_SOURCE_AND_DESTINATION")
    for folder in ["/a/../b", "..", "/a/.", "/" + "a/" * 60, "/" + "\U0001f980" * 1000, "/" + "x" * 300]:
        refused(send(server, "POST", target, {"sourceFilePath": path, "destinationPath": folder}), 400, GENERIC,
                "INVALID_FOLDER_PATH" if len(folder.encode()) <= 2304 else "MISSING_PARAMETER")
    for body in [{"sourceFilePath": path + "\0", "destinationPath": "/"}, {"sourceFilePath": path, "destinationPath": "/\0"}]:
        refused(send(server, "POST", target, body), 400, "The request body holds a NUL character.")


@pytest.mark.parametrize("route", ["copy", "move"])
def test_more_versions_than_a_file_may_have(server, put, place, route):
    path = put(content=b"x")["filePath"]
    for _ in range(99):
        put(content=b"x", folder=place + "/full")
    body = {"sourceFilePath": path, "destinationPath": place + "/full", "includeFileVersions": True}
    put(content=b"x")
    refused(send(server, "POST", f"/v1/files/{route}", body), 400, GENERIC, "VERSION_LIMIT_EXCEEDED")
    assert delivered(server, path)[0] == 200


def test_rename(server, put, place):
    first, second = put(), put("taken.jpg")
    answer = send(server, "PUT", "/v1/files/rename", {"filePath": first["filePath"], "newFileName": "a tiger/in\U0001f980\u202ethe.jpg"})
    assert answer.status == 200 and answer.json() == {}, answer
    renamed = details(server, first["fileId"])
    assert renamed["name"] == "a_tiger_in__the.jpg" and renamed["filePath"] == f"{place}/a_tiger_in__the.jpg"
    assert delivered(server, first["filePath"])[0] == 404 and delivered(server, renamed["filePath"])[0] == 200
    body = {"filePath": renamed["filePath"], "newFileName": "taken.jpg", "purgeCache": False}
    answer = send(server, "PUT", "/v1/files/rename", body)
    refused(answer, 409, "File with name taken.jpg already exists at the same location.", "FILE_ALREADY_EXISTS")
    assert answer.headers["x-should-retry"] == "false"
    refused(send(server, "PUT", "/v1/files/rename", {"filePath": second["filePath"], "newFileName": "taken.jpg"}), 400,
            "newFileName cannot be the same as its existing name.", "SAME_OLD_AND_NEW_NAME")
    absent = place + "/absent.jpg"
    refused(send(server, "PUT", "/v1/files/rename", {"filePath": absent, "newFileName": "x.jpg"}), 404,
            f"No file found in media library at filePath {absent}", "FILE_MISSING")
    path = second["filePath"]
    for body, reason in [({}, "MISSING_PARAMETER"), ({"filePath": path}, "MISSING_PARAMETER"),
                         ({"newFileName": "x"}, "MISSING_PARAMETER"), ({"filePath": path, "newFileName": ""}, "MISSING_PARAMETER"),
                         ({"filePath": path, "newFileName": 1}, "INVALID_PARAMETER"),
                         ({"filePath": path, "newFileName": "x" * 256}, "INVALID_PARAMETER"),
                         ({"filePath": path, "newFileName": "\U0001f980" * 1024}, "INVALID_PARAMETER"),
                         ({"filePath": "x" * 5000, "newFileName": "x"}, "INVALID_PARAMETER"),
                         ({"filePath": path, "newFileName": "x", "purgeCache": "maybe"}, "INVALID_PARAMETER")]:
        refused(send(server, "PUT", "/v1/files/rename", body), 400, reason=reason)
    for name, stored in [(".", "_"), ("..", "__")]:
        send(server, "PUT", "/v1/files/rename", {"filePath": details(server, second["fileId"])["filePath"], "newFileName": name})
        assert details(server, second["fileId"])["name"] == stored


def test_rename_with_a_purge(server, put):
    body = {"filePath": put()["filePath"], "newFileName": "dog.jpg", "purgeCache": True}
    answer = send(server, "PUT", "/v1/files/rename", body)
    assert answer.status == 200 and list(answer.json()) == ["purgeRequestId"]
    assert re.fullmatch("[0-9a-f]{24}", answer.json()["purgeRequestId"])


# Versions


def test_versions(server, put, photo):
    first = put(tags="one")
    file, path = first["fileId"], first["filePath"]
    put(content=photo + b"\0", tags="two")
    newest = put(content=photo + b"\0\0", tags="three")
    target = f"/v1/files/{file}/versions"
    versions = server.api(target).json()
    assert [v["versionInfo"]["name"] for v in versions] == ["Version 3", "Version 2", "Version 1"]
    assert [v["type"] for v in versions] == ["file", "file-version", "file-version"]
    assert {v["fileId"] for v in versions} == {file} and versions[2]["versionInfo"]["id"] == file
    assert [v["tags"] for v in versions] == [["three"], ["two"], ["one"]]
    for version, extra in zip(versions, [b"\0\0", b"\0", b""], strict=True):
        assert server.api(f"{target}/{version['versionInfo']['id']}").json() == version
        assert server.get(version["url"].removeprefix(server.url) + "&tr=orig-true").body == photo + extra
    assert "ik-obj-version" in versions[1]["url"] and "ik-obj-version" not in versions[0]["url"]

    # Without a body, and with those that some clients send all the same.
    for body, headers in [(None, {}), ("", {"Content-Type": "application/json"}), ("[]", {"Content-Type": "application/json"})]:
        answer = server.request("PUT", f"{target}/{file}/restore", {**BASIC, **headers}, body)
        assert answer.status == 200 and answer.json()["versionInfo"] == {"id": file, "name": "Version 1"}
        assert answer.json()["type"] == "file" and answer.json()["tags"] == ["one"]
    assert delivered(server, path) == (200, photo)
    assert [v["type"] for v in server.api(target).json()] == ["file-version", "file-version", "file"]
    refused(server.request("DELETE", f"{target}/{file}", BASIC), 400, "You cannot delete current version of a file.")
    done(server.request("DELETE", f"{target}/{newest['versionInfo']['id']}", {**BASIC, "Content-Type": "application/json"}))
    gone = f"{target}/{newest['versionInfo']['id']}"
    refused(server.request("GET", gone, BASIC), 404, "The requested file version does not exist.")
    refused(server.request("DELETE", gone, BASIC), 404, "The requested asset does not exist.")
    refused(server.request("PUT", gone + "/restore", BASIC), 404, "The requested file version does not exist.")


def test_ids_of_versions(server, put):
    file = put()["fileId"]
    wrong_file, wrong_version = ("Your request contains invalid fileId parameter.",
                                 "Your request contains invalid versionId parameter.")
    for method, suffix in [("GET", ""), ("DELETE", ""), ("PUT", "/restore")]:
        refused(server.request(method, f"/v1/files/x/versions/{file}{suffix}", BASIC), 400, wrong_file)
        refused(server.request(method, f"/v1/files/{file}/versions/x{suffix}", BASIC), 400, wrong_version)
    refused(server.request("GET", "/v1/files/x/versions", BASIC), 400, wrong_file)
    refused(server.request("GET", f"/v1/files/{UNKNOWN_ID}/versions", BASIC), 404, NO_FILE)
    for method, suffix, message in [("GET", "", "The requested file version does not exist."),
                                    ("DELETE", "", "The requested asset does not exist."), ("PUT", "/restore", NO_FILE)]:
        refused(server.request(method, f"/v1/files/{UNKNOWN_ID}/versions/{file}{suffix}", BASIC), 404, message)


# Folders


def test_folders(server, put, place):
    for route in ["/v1/folder", "/v1/folder/"]:
        answer = send(server, "POST", route, {"folderName": "summer sale", "parentFolderPath": f"{place}/a//b/"})
        assert answer.status == 201 and answer.json() == {}, answer
    assert [f["folderPath"] for f in server.listed(f"type=folder&path={place}/a/b")] == [f"{place}/a/b/summer_sale"]
    put(folder=f"{place}/a/b/summer_sale")
    file = put(folder=f"{place}/a")["fileId"]
    form = {**BASIC, "Content-Type": "application/x-www-form-urlencoded"}
    done(server.request("DELETE", "/v1/folder/", form, f"folderPath={place}/a/b"))
    assert server.listed(f"type=folder&path={place}/a") == [] and details(server, file)
    done(send(server, "DELETE", "/v1/folder", {"folderPath": f"{place}/a/"}))
    refused(server.api(f"/v1/files/{file}/details"), 404, NO_FILE)


def test_folders_that_are_refused(server, put, place):
    put(folder=f"{place}/a_b")
    for path in [f"{place}/nope/", f"{place}/a b", f"{place}/x/../a_b", f"{place}/a_b/cat.jpg", "/" + "x" * 300]:
        refused(send(server, "DELETE", "/v1/folder", {"folderPath": path}), 404,
                f"No folder found with folderPath `{path}`.", "FOLDER_NOT_FOUND")
    refused(send(server, "DELETE", "/v1/folder", {"folderPath": "/"}), 400, "folderPath cannot be root.", "INVALID_FOLDER_PATH")
    for body in [None, {}, {"folderPath": ""}, {"folderPath": None}]:
        refused(send(server, "DELETE", "/v1/folder", body), 400, "folderPath parameter is missing.", "MISSING_PARAMETER")
    refused(send(server, "DELETE", "/v1/folder", {"folderPath": "x" * 5000}), 400, reason="INVALID_FOLDER_PATH")
    refused(send(server, "DELETE", "/v1/folder", {"folderPath": "/a\0"}), 400, "The request body holds a NUL character.")
    dots = "'.' & '..' can not be used as folder-name"
    for name, parent, message, reason in [
        (".", "/", dots, "INVALID_FOLDER_PATH"), ("..", "/", dots, "INVALID_FOLDER_PATH"),
        ("x", "/a/../..", dots, "INVALID_FOLDER_PATH"),
        ("a/b", "/", "folderName parameter cannot have a slash.", "INVALID_FOLDER_PATH"),
        ("", "/", "folderName parameter is missing.", "MISSING_PARAMETER"),
        ("x", None, "parentFolderPath parameter is missing.", "MISSING_PARAMETER"),
        ("x" * 256, "/", None, "INVALID_FOLDER_PATH"), ("x", "/a" * 60, None, "INVALID_FOLDER_PATH"),
        ("\U0001f980" * 1024, "/", None, "INVALID_FOLDER_PATH"),
    ]:
        refused(send(server, "POST", "/v1/folder", {"folderName": name, "parentFolderPath": parent}), 400, message, reason)
    assert [f["name"] for f in server.listed(f"path={place}/a_b")] == ["cat.jpg"]


def in_database(server, *statements):
    """Carries out SQL behind the server's back: what only jobs or a hundred thousand calls would bring about."""
    file = server.data_dir / "library.db"
    if not file.exists():
        pytest.skip("the library is not in an SQLite file")
    with contextlib.closing(sqlite3.connect(file, timeout=30)) as database, database:
        for statement in statements:
            database.execute(statement)


def test_folders_that_a_job_works_on(start, photo):
    server = start()
    for folder in ["/busy/deep", "/free"]:
        assert server.upload(photo, "cat.jpg", folder=folder).status == 200
    in_database(server, "INSERT INTO jobs (id, kind, state, input, run_at, created_at, updated_at) "
                        "VALUES ('job', 'test', 'running', '{}', 9000000000000, 1, 1)",
                "INSERT INTO folder_locks (path, job_id) VALUES ('/busy/deep', 'job')")
    busy, free = "/busy/deep/cat.jpg", "/free/cat.jpg"
    for method, target, body in [
        ("POST", "/v1/files/copy", {"sourceFilePath": busy, "destinationPath": "/free/x"}),
        ("POST", "/v1/files/move", {"sourceFilePath": busy, "destinationPath": "/free/x"}),
        ("POST", "/v1/files/copy", {"sourceFilePath": free, "destinationPath": "/busy/deep/x"}),
        ("POST", "/v1/files/move", {"sourceFilePath": free, "destinationPath": "/busy/deep"}),
        ("PUT", "/v1/files/rename", {"filePath": busy, "newFileName": "x"}),
        ("POST", "/v1/folder", {"folderName": "x", "parentFolderPath": "/busy/deep"}),
        ("DELETE", "/v1/folder", {"folderPath": "/busy/deep"}), ("DELETE", "/v1/folder", {"folderPath": "/busy"}),
    ]:
        refused(send(server, method, target, body), 423,
                "A bulk job is running on given folder path, please try after sometime.")
    done(send(server, "POST", "/v1/files/copy", {"sourceFilePath": free, "destinationPath": "/busy"}))
    in_database(server, "DELETE FROM folder_locks")
    done(send(server, "DELETE", "/v1/folder", {"folderPath": "/busy"}))


def test_a_folder_with_more_than_may_go_at_once(start):
    server = start()
    assert send(server, "POST", "/v1/folder", {"folderName": "huge", "parentFolderPath": "/"}).status == 201
    many = ("INSERT INTO folders (id, parent_id, path, name, created_at, updated_at) WITH RECURSIVE n (i) AS "
            "(SELECT {} UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
            "SELECT printf('f%023d', i), (SELECT id FROM folders WHERE path = '/huge'), '/huge/' || i, CAST(i AS TEXT), 1, 1 FROM n")
    in_database(server, many.format(1, 100_000))
    in_database(server, many.format(100_001, 100_001))
    refused(send(server, "DELETE", "/v1/folder", {"folderPath": "/huge"}), 400,
            "Total nested assets (files, folders and file versions) are more than allowed limit of 100000 items.",
            "TOO_MANY_OBJECTS")
    in_database(server, "DELETE FROM folders WHERE path = '/huge/7'")
    done(send(server, "DELETE", "/v1/folder", {"folderPath": "/huge"}))
    assert server.listed("type=folder") == []


@pytest.mark.parametrize("method, target", [
    ("PATCH", f"/v1/files/{UNKNOWN_ID}/details"), ("POST", "/v1/files/batch/deleteByFileIds"), ("POST", "/v1/files/addTags"),
    ("POST", "/v1/files/removeTags"), ("POST", "/v1/files/removeAITags"), ("POST", "/v1/files/copy"), ("POST", "/v1/files/move"),
    ("PUT", "/v1/files/rename"), ("GET", f"/v1/files/{UNKNOWN_ID}/versions"), ("GET", f"/v1/files/{UNKNOWN_ID}/versions/x"),
    ("DELETE", f"/v1/files/{UNKNOWN_ID}/versions/x"), ("PUT", f"/v1/files/{UNKNOWN_ID}/versions/x/restore"),
    ("POST", "/v1/folder"), ("DELETE", "/v1/folder"), ("GET", "/v1/trash"), ("DELETE", "/v1/trash"),
    ("DELETE", f"/v1/trash/{UNKNOWN_ID}"), ("POST", f"/v1/trash/{UNKNOWN_ID}/restore"),
])
def test_every_route_wants_the_key_before_it_reads_the_body(server, method, target):
    kind = {"Content-Type": "application/json"}
    refused(server.request(method, target, kind, "{"), 401, "Your request does not contain private API key.")
    other = {**kind, "Authorization": "Basic cHJpdmF0ZV9ub25lOg=="}
    refused(server.request(method, target, other, "{"), 403, "Your account cannot be authenticated.")
