"""Forms as the clients in use write them, byte for byte."""

import base64

import pytest

from server import BASIC, part
from test_errors import refused

PYTHON_BOUNDARY = "--randomBoundary---------------------"
JAVA_BOUNDARY = "randomBoundary-------------------"
DOTNET_BOUNDARY = "ImageKit-dLV9Wyq26L"
TEXT = "text/plain; charset=utf-8"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
ENCODED = base64.b64encode(PNG).decode()


@pytest.mark.parametrize("name, boundary, parts", [
    ("curl", "------------------------d74496d66958873e", [
        part("file", PNG, "a.png", "image/png"), part("fileName", "curl.png")]),
    ("node 7, file last", "----formdata-undici-049", [
        part("fileName", "node.png"), part("tags", "a,b"), part("file", PNG, "blob", "application/octet-stream")]),
    ("go, unnamed reader", "5a1b2c", [
        part("fileName", "go.png"), part("tags", "a,b"), part("file", PNG, "anonymous_file", "application/octet-stream")]),
    ("java 3, stream without a name", "java", [
        part("file", PNG, None, "application/octet-stream"), part("fileName", "java.png", None, TEXT), part("tags", "a,b", None, TEXT)]),
    ("java 2, base64 in a text part", JAVA_BOUNDARY, [
        part("file", ENCODED), part("fileName", "java2.png"), part("tags", "a,b")]),
    ("python 4, bytes in a bare part", PYTHON_BOUNDARY, [
        part("file", PNG), part("fileName", "python4.png"), part("tags", "a,b")]),
    ("python 4, text in a bare part", PYTHON_BOUNDARY, [
        part("file", ENCODED), part("fileName", "python4.png"), part("useUniqueFileName", "False"), part("tags", "a,b")]),
    ("dotnet 5", DOTNET_BOUNDARY, [
        part("fileName", "dotnet.png", None, TEXT, quoted=False), part("tags", "a,b", None, TEXT, quoted=False),
        part("file", PNG, "dotnet.png", "application/octet-stream", quoted=False)]),
    ("ruby 4, a part for each tag", "ruby", [
        part("file", PNG, "a.png"), part("tags", "a"), part("tags", "b"), part("fileName", "ruby.png"),
        part("transformation", '{"post":[]}', None, "application/json")]),
    ("php, brackets", "php", [
        part("file", PNG, "a.png"), part("fileName", "php.png"), part("tags[0]", "a"), part("tags[1]", "b"),
        part("extensions", "[]")]),
    ("rails, empty brackets", "rails", [
        part("file", PNG, "a.png"), part("fileName", "rails.png"), part("tags[]", "a"), part("tags[]", "b")]),
    ("a JSON list", "json", [
        part("file", PNG, "a.png"), part("fileName", "json.png"), part("tags", '["a", "b"]')]),
    ("spaces after commas", "spaces", [
        part("file", PNG, "a.png"), part("fileName", "spaces.png"), part("tags", "a, b")]),
    ("a data URI with line breaks", "uri", [
        part("file", "data:image/png;base64," + ENCODED[:40] + "\r\n" + ENCODED[40:]), part("fileName", "uri.png")]),
    ("base64 of URLs, unpadded", "urlsafe", [
        part("file", base64.urlsafe_b64encode(PNG).rstrip(b"=").decode()), part("fileName", "urlsafe.png")]),
    ("undefined and null", "undefined", [
        part("file", PNG, "a.png"), part("fileName", "undefined.png"), part("folder", "undefined"), part("webhookUrl", "null"),
        part("extensions", ""), part("customMetadata", "undefined"), part("isPublished", "")]),
    ("unknown fields", "unknown", [
        part("file", PNG, "a.png"), part("fileName", "unknown.png"), part("colour", "blue"), part("", "nothing")]),
    ("the last of two", "twice", [
        part("fileName", "first.png"), part("file", "????"), part("fileName", "twice.png"), part("file", PNG, "a.png")]),
    ("extra headers", "headers", [
        part("file", PNG, "a.png", "image/png", headers="\r\nContent-Transfer-Encoding: binary\r\nContent-Length: 70"),
        part("fileName", "headers.png", headers="\r\nX-Custom: 1")]),
    ("a name in utf-8", "utf8", [
        part("file", PNG, "\u732b.png", "image/png"), part("fileName", "\u732b \u00e9.png")]),
])
def test_forms(server, name, boundary, parts):
    answer = server.post_form([*parts, part("responseFields", "tags")], boundary=boundary)
    assert answer.status == 200, (name, answer)
    result = answer.json()
    assert (result["size"], result["width"], result["fileType"]) == (len(PNG), 1, "image"), (name, result)
    if any(head.split(b"name=")[1].strip(b'"').startswith(b"tags") for head, _ in parts):
        assert result["tags"] == ["a", "b"], name
    assert server.get(result["url"].removeprefix(server.url) + "?tr=orig-true").body == PNG


@pytest.mark.parametrize("value, expected", [("true", True), ("True", True), ("1", True), ("false", False), ("False", False), ("0", False)])
def test_booleans(server, value, expected):
    parts = [part("file", PNG, "a"), part("fileName", "flag.png"), part("isPrivateFile", value), part("responseFields", "isPrivateFile")]
    assert server.post_form(parts).json()["isPrivateFile"] is expected


@pytest.mark.parametrize("field, value", [
    ("isPublished", "yes"), ("useUniqueFileName", "2"), ("customCoordinates", "1,2,3"), ("customMetadata", "[1]"), ("customMetadata", "{"),
    ("extensions", "{"), ("extensions", '{"name":"remove-bg"}'), ("extensions", '[{"name":"make-coffee"}]'),
    ("extensions", '[{"name":"google-auto-tagging","minConfidence":101,"maxTags":5}]'), ("webhookUrl", "ftp://x/"), ("webhookUrl", "hook"),
])
def test_fields_that_make_no_sense_are_named(server, field, value):
    answer = server.post_form([part("file", PNG, "a"), part("fileName", "senseless.png"), part("useUniqueFileName", "false"), part(field, value)])
    assert answer.status == 400 and field in answer.json()["message"], answer
    assert server.listed("name=senseless.png") == []


def test_unknown_custom_metadata(server):
    answer = server.post_form([part("file", PNG, "a"), part("fileName", "custom.png"), part("customMetadata", '{"nobody":1}')])
    assert answer.status == 400 and answer.json()["message"] == "Invalid custom metadata." and "nobody" in answer.json()["errors"], answer


def test_brackets_build_what_is_json_elsewhere(server):
    parts = [part("file", PNG, "a"), part("fileName", "brackets.png"), part("transformation[pre]", "w-40,h-30"),
             part("extensions[0][name]", "google-auto-tagging"), part("extensions[0][minConfidence]", "101"), part("extensions[0][maxTags]", "5")]
    assert "minConfidence" in server.post_form(parts).json()["errors"]["extensions"]
    answer = server.post_form(parts[:3])
    assert answer.status == 200 and (answer.json()["width"], answer.json()["height"]) == (40, 30), answer


def test_texts_have_a_limit_together(server):
    parts = [part(f"description{i}", "x" * 200_000) for i in range(6)]
    refused(server.post_form([*parts, part("file", PNG, "a"), part("fileName", "texts.png")]), 400)
    answer = server.request("POST", "/api/v1/files/upload", {**BASIC, "Content-Type": "multipart/form-data"}, b"x")
    refused(answer, 400)
