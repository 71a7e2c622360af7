"""Uploads as different clients write them, and what is stored."""

import base64
import concurrent.futures
import http.client
import json
import re

import pytest

from picture import seen
from server import BASIC, form, part


def stored(answer):
    assert answer.status == 200, answer
    return answer.json()


def test_the_answer_holds_what_the_sdks_need_and_no_more(server, photo):
    result = stored(server.upload(photo, "answer.jpg", folder="/travel/2026"))
    assert re.fullmatch("[0-9a-f]{24}", result["fileId"])
    assert result["versionInfo"] == {"id": result["fileId"], "name": "Version 1"}
    assert result == {
        **result, "name": "answer.jpg", "filePath": "/travel/2026/answer.jpg", "url": f"{server.url}/demo/travel/2026/answer.jpg",
        "thumbnailUrl": f"{server.url}/demo/tr:n-ik_ml_thumbnail/travel/2026/answer.jpg", "size": len(photo), "fileType": "image",
        "width": 1200, "height": 800, "AITags": None,
    }
    assert not {"tags", "customMetadata", "isPrivateFile", "isPublished", "customCoordinates"} & set(result)
    assert server.get("/demo/travel/2026/answer.jpg?tr=orig-true").body == photo


def test_asked_fields_come_back(server, photo):
    fields = "tags,customCoordinates,isPrivateFile,isPublished,customMetadata"
    result = stored(server.upload(photo, "asked.jpg", tags="sea, dawn", responseFields=fields, customCoordinates="1,2,30,40"))
    assert result["tags"] == ["sea", "dawn"] and result["customMetadata"] == {}
    assert result["isPrivateFile"] is False and result["isPublished"] is True and result["customCoordinates"] == "1,2,30,40"


def test_details_have_the_shape_of_the_contract(server, photo):
    uploaded = stored(server.upload(photo, "details.jpg", folder="shapes", tags="a,b"))
    file = server.api(f"/v1/files/{uploaded['fileId']}/details").json()
    timestamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(timestamp, file["createdAt"]) and re.fullmatch(timestamp, file["updatedAt"])
    assert re.fullmatch(re.escape(f"{server.url}/demo/shapes/details.jpg?updatedAt=") + r"\d{13}", file["url"])
    assert file["thumbnail"].startswith(file["url"]) and file["thumbnail"].endswith("tr=n-ik_ml_thumbnail")
    assert file == {
        **file, "type": "file", "name": "details.jpg", "filePath": "/shapes/details.jpg", "tags": ["a", "b"], "AITags": None,
        "versionInfo": {"id": file["fileId"], "name": "Version 1"}, "customCoordinates": None, "customMetadata": {},
        "isPrivateFile": False, "isPublished": True, "fileType": "image", "mime": "image/jpeg", "width": 1200, "height": 800,
        "size": len(photo), "hasAlpha": False,
    }
    assert server.listed("path=/shapes") == [file]


def test_a_unique_name_is_made_unless_told_otherwise(server, photo):
    names = {stored(server.post_form([("fileName", "cat.jpg"), ("file", photo)]))["name"] for _ in range(3)}
    assert len(names) == 3 and all(re.fullmatch(r"cat_[A-Za-z0-9_-]{9}\.jpg", name) for name in names)


def test_names_and_folders_are_made_safe(server, photo):
    result = stored(server.upload(photo, "my cat (1)é.jpg", folder="a b/ü/"))
    assert (result["name"], result["filePath"]) == ("my_cat__1_é.jpg", "/a_b/ü/my_cat__1_é.jpg")
    assert seen(server.get("/demo/a_b/%C3%BC/my_cat__1_%C3%A9.jpg?tr=w-30"))[1:] == (30, 20)
    for name in ["../../etc/passwd", "..", "/"]:
        answer = server.upload(photo, name, folder="../..")
        assert answer.status == 400 or ".." not in answer.json()["filePath"].split("/"), answer


def test_overwriting_makes_a_version(server, photo):
    first = stored(server.upload(photo, "versioned.jpg", tags="old"))
    second = stored(server.upload(b"plain text", "versioned.jpg", overwriteTags="false", responseFields="tags"))
    assert second["fileId"] == first["fileId"] and second["versionInfo"]["name"] == "Version 2" and second["tags"] == ["old"]
    third = stored(server.upload(photo, "versioned.jpg", responseFields="tags"))
    assert third["versionInfo"]["name"] == "Version 3" and third["tags"] is None
    assert server.get("/demo/versioned.jpg?tr=orig-true").body == photo
    versions = server.listed("type=file-version&name=versioned.jpg")
    assert sorted(v["versionInfo"]["name"] for v in versions) == ["Version 1", "Version 2"]


def test_uploads_to_one_name_at_once_become_versions_of_one_file(server, photo):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda i: stored(server.upload(photo + bytes([i]), "race.jpg")), range(8)))
    assert len({r["fileId"] for r in results}) == 1
    assert sorted(r["versionInfo"]["name"] for r in results) == [f"Version {n}" for n in range(1, 9)]
    [file] = server.listed("name=race.jpg")
    last = max(range(8), key=lambda i: int(results[i]["versionInfo"]["name"].split()[1]))
    assert server.get("/demo/race.jpg?tr=orig-true").body == photo + bytes([last])
    assert file["versionInfo"] == results[last]["versionInfo"]


QUIRKS = {
    "octet-stream part without filename": lambda p: [part("fileName", "q.jpg"), part("file", p, content_type="application/octet-stream")],
    "raw bytes without filename and type": lambda p: [part("fileName", "q.jpg"), part("file", p)],
    "unquoted names": lambda p: [part("fileName", "q.jpg", content_type="text/plain; charset=utf-8", quoted=False),
                                 part("file", p, "q.jpg", "image/jpeg", quoted=False)],
    "file first": lambda p: [part("file", p, "blob", "image/jpeg"), part("fileName", "q.jpg")],
    "filename without a type": lambda p: [part("fileName", "q.jpg"), part("file", p, "other name.bin")],
    "headers in lower case": lambda p: [(b'content-disposition: form-data; name="fileName"', b"q.jpg"),
                                        (b'content-type: image/jpeg\r\ncontent-disposition: form-data; name="file"; filename="x"', p)],
    "base64 text": lambda p: [part("fileName", "q.jpg"), part("file", base64.b64encode(p))],
    "base64 text in lines": lambda p: [part("fileName", "q.jpg"), part("file", base64.encodebytes(p))],
    "URL-safe base64 without padding": lambda p: [part("fileName", "q.jpg"), part("file", base64.urlsafe_b64encode(p).rstrip(b"="))],
    "data URI": lambda p: [part("fileName", "q.jpg"), part("file", b"data:image/jpeg;base64," + base64.b64encode(p))],
    "data URI as text/plain": lambda p: [part("file", b"data:image/jpeg;base64," + base64.b64encode(p), content_type="text/plain"),
                                         part("fileName", "q.jpg")],
}


@pytest.mark.parametrize("quirk", QUIRKS)
@pytest.mark.parametrize("boundary", ["x", "--randomBoundary---------------------", "ImageKit-dLV9Wyq26L"])
def test_multipart_quirks(server, photo, quirk, boundary):
    result = stored(server.post_form(QUIRKS[quirk](photo), boundary=boundary))
    assert re.fullmatch(r"q_[A-Za-z0-9_-]{9}\.jpg", result["name"]) and result["size"] == len(photo)
    assert server.get(f"/demo{result['filePath']}?tr=orig-true").body == photo


@pytest.mark.parametrize("parts, expected", [
    ([("tags", "a,b")], ["a", "b"]), ([("tags", "a , b")], ["a", "b"]), ([("tags", '["a","b"]')], ["a", "b"]),
    ([("tags", "a"), ("tags", "b")], ["a", "b"]), ([("tags[]", "a"), ("tags[]", "b")], ["a", "b"]),
    ([("tags[0]", "a"), ("tags[1]", "b")], ["a", "b"]), ([("tags", "")], None), ([("tags", "undefined")], None),
])
def test_spellings_of_tags(server, parts, expected):
    result = stored(server.post_form([("fileName", "t.txt"), *parts, ("responseFields", "tags"), ("file", b"x")]))
    assert result["tags"] == expected


@pytest.mark.parametrize("text", ["false", "False", "0"])
def test_spellings_of_booleans(server, text):
    answer = server.post_form([("fileName", f"as-is-{text}.txt"), ("useUniqueFileName", text), ("file", b"x")])
    assert stored(answer)["name"] == f"as-is-{text}.txt"


def test_chunked_without_content_length(server, photo):
    body = form([("fileName", "chunked.jpg"), ("useUniqueFileName", "false"), ("file", photo)], "x")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    pieces = (body[i:i + 1000] for i in range(0, len(body), 1000))
    connection.request("POST", "/api/v1/files/upload", pieces, {**BASIC, "Content-Type": "multipart/form-data; boundary=x"},
                       encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 200 and json.loads(answer.read())["size"] == len(photo)
    connection.close()


@pytest.mark.parametrize("target", ["/api/v1/files/upload/", "/v1/files/upload", "//api/v1/files/upload", "/API/V1/Files/Upload"])
def test_spellings_of_the_route(server, target):
    assert server.post_form([("fileName", "route.txt"), ("file", b"x")], target=target).status == 200


@pytest.mark.parametrize("target", ["/v1/files/", "//v1/files", "/V1/FILES", "/v1//files/?limit=1", "/v1/files?unheard=of"])
def test_spellings_of_the_list(server, target):
    answer = server.api(target)
    assert answer.status == 200 and isinstance(answer.json(), list)


def test_other_files_are_stored_as_they_are(server):
    result = stored(server.upload(b"body { color: red }", "style.css"))
    assert result["fileType"] == "non-image" and "width" not in result and "thumbnailUrl" not in result
    answer = server.get("/demo/style.css?tr=w-100")
    assert answer.body == b"body { color: red }" and answer.headers["Content-Type"].startswith("text/css")


def test_list_sorts_pages_and_finds_by_folder(server):
    for name, size in [("b.txt", 1), ("a.txt", 3), ("c.txt", 2)]:
        stored(server.upload(b"x" * size, name, folder="/listing/inner" if name == "c.txt" else "/listing"))

    def names(query):
        return [item["name"] for item in server.listed(query)]

    assert names("path=/listing") == names("path=listing/") == ["b.txt", "a.txt"]
    assert names("path=/listing&sort=ASC_NAME") == ["a.txt", "b.txt"]
    assert names("path=/listing&sort=DESC_SIZE") == ["a.txt", "b.txt"]
    assert names("path=/listing&sort=ASC_NAME&limit=1&skip=1") == ["b.txt"]
    assert sorted(names("path=/listing&type=all")) == ["a.txt", "b.txt", "inner"]
    [folder] = server.listed("path=/listing&type=folder")
    assert folder == {**folder, "type": "folder", "name": "inner", "folderPath": "/listing/inner", "customMetadata": {}}
    assert server.listed("path=/no/such/folder") == []


def test_delete_takes_it_away(server, photo):
    file = stored(server.upload(photo, "deleted.jpg"))
    assert server.get("/demo/deleted.jpg?tr=w-50").status == 200
    answer = server.request("DELETE", f"/v1/files/{file['fileId']}", BASIC)
    assert (answer.status, answer.body) == (204, b"")
    assert server.request("DELETE", f"/v1/files/{file['fileId']}", BASIC).status == 404
    assert server.get("/demo/deleted.jpg?tr=w-50").status == 404
    assert server.listed("name=deleted.jpg") == []
