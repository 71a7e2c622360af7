"""Uploads of version 2: the private key as ever, or a token that the customer's server signed for this one form."""

import base64
import hashlib
import hmac
import io
import json
import time

import pytest
from imagekitio import ImageKit

from server import BASIC, FILES, PRIVATE_KEY, PUBLIC_KEY
from test_errors import OTHER_KEY, WRONG_KEY, refused

V2 = "/api/v2/files/upload"
INVALID = "Your request has invalid token."
EXPIRED = "Your request contains expired token."
OTHER_FORM = "Your request contains invalid payload. It does not match with the payload used to generate token."


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(payload, key=PRIVATE_KEY, header=None, **times):
    now = int(time.time())
    header = {"alg": "HS256", "typ": "JWT", "kid": PUBLIC_KEY, **(header or {})}
    payload = {**payload, "iat": now, "exp": now + 600, **times}
    text = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(payload).encode())}"
    return f"{text}.{encoded(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())}"


def post(server, fields, jwt, file, headers=None, extra=()):
    parts = [*fields.items(), *extra, *([("token", jwt)] if jwt else []), ("file", file)]
    return server.post_form(parts, headers or {}, V2)


def test_a_signed_form_is_taken_once(server, photo):
    fields = {"fileName": "v2.jpg", "useUniqueFileName": "false", "tags": "pet,cat", "responseFields": "tags,isPublished",
              "isPublished": "true", "description": "a caf\u00e9"}
    jwt = token(fields)
    answer = post(server, fields, jwt, photo)
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == "*", answer
    assert answer.json()["tags"] == ["pet", "cat"] and answer.json()["isPublished"] is True
    refused(post(server, fields, jwt, photo), 400, INVALID)
    assert server.listed("name=v2.jpg")[0]["versionInfo"]["name"] == "Version 1"


@pytest.mark.parametrize("signed, sent", [
    ({"isPrivateFile": True}, {"isPrivateFile": "true"}),
    ({"tags": ["a", "b"]}, {"tags": "a,b"}),
    ({"tags": "a, b"}, {"tags": "a,b"}),
    ({"transformation": {"pre": "w-50", "post": []}}, {"transformation": '{"post": [], "pre": "w-50"}'}),
    ({"transformation": '{"pre":"w-50"}'}, {"transformation": '{ "pre": "w-50" }'}),
    ({"folder": ""}, {}),
])
def test_what_means_the_same_is_the_same(server, photo, signed, sent):
    answer = post(server, {"fileName": "same.jpg", **sent}, token({"fileName": "same.jpg", **signed}), photo)
    assert answer.status == 200, answer


@pytest.mark.parametrize("signed, sent", [
    ({}, {"folder": "/other"}),
    ({"folder": "/one"}, {}),
    ({"folder": "/one"}, {"folder": "/two"}),
    ({"isPrivateFile": "true"}, {"isPrivateFile": "false"}),
    ({"tags": "a,b"}, {"tags": "a"}),
    ({}, {"unknownField": "1"}),
    ({"fileName": "other.jpg"}, {}),
])
def test_another_form_than_was_signed(server, photo, signed, sent):
    fields = {"fileName": "unlike.jpg", "useUniqueFileName": "false"}
    refused(post(server, {**fields, **sent}, token({**fields, **signed}), photo), 400, OTHER_FORM)
    assert server.listed("name=unlike.jpg") == []


@pytest.mark.parametrize("name, signed, parts", [
    ("extensions", {}, [("extensions", ""), ("extensions[0][name]", "remove-bg")]),
    ("customMetadata", {"customMetadata": "{}"}, [("customMetadata", "{}"), ("customMetadata[brand]", "x")]),
    ("customMetadata", {}, [("customMetadata", ""), ("customMetadata[brand]", "x")]),
    ("customMetadata", {"customMetadata": {"a": "1"}}, [("customMetadata[a]", "1"), ("customMetadata[a]x", "2")]),
    ("customMetadata", {"customMetadata": {"a": "2"}}, [("customMetadata[a]", "1"), ("customMetadata[a]", "2")]),
    ("folder", {"folder": "/one"}, [("folder", "/two"), ("folder", "/one")]),
    ("folder", {"folder": "/one"}, [("folder", "/one"), ("folder[x]", "/two")]),
])
def test_what_can_be_read_in_two_ways(server, photo, name, signed, parts):
    fields = {"fileName": "two-ways.jpg", "useUniqueFileName": "false"}
    message = refused(post(server, fields, token({**fields, **signed}), photo, extra=parts), 400)
    assert message.startswith(f"Your request contains invalid {name} parameter. With a token"), message
    assert server.listed("name=two-ways.jpg") == []


def test_a_list_in_parts_is_what_was_signed(server, photo):
    fields = {"fileName": "halves.jpg", "useUniqueFileName": "false"}
    halves = [("tags", '["a"'), ("tags", '"b"]')]
    refused(post(server, fields, token({**fields, "tags": '["a","b"]'}), photo, extra=halves), 400, OTHER_FORM)
    assert server.listed("name=halves.jpg") == []


def test_a_text_that_looks_like_json_is_signed_as_text(server, photo):
    fields = {"fileName": "texts.jpg", "description": '{ "a": 1 }'}
    refused(post(server, fields, token({**fields, "description": '{"a":1}'}), photo), 400, OTHER_FORM)


def test_parts_of_a_list_are_signed_as_one_text(server, photo):
    fields = {"fileName": "parts.jpg", "responseFields": "tags"}
    answer = post(server, fields, token({**fields, "tags": "a,b"}), photo, extra=[("tags", "a"), ("tags", "b")])
    assert answer.status == 200 and answer.json()["tags"] == ["a", "b"], answer


def test_tokens_that_are_not_good(server, photo):
    fields = {"fileName": "bad-token.jpg", "useUniqueFileName": "false"}
    now = int(time.time())
    for jwt, message in [
        (None, "Your request is missing token parameter."),
        ("nonsense", INVALID),
        ("a.b.c", INVALID),
        (token(fields, key="private_other"), INVALID),
        (token(fields, header={"kid": "public_other"}), INVALID),
        (token(fields, header={"alg": "none"}), INVALID),
        (token(fields)[:-2], INVALID),
        (token(fields, exp=now - 1), EXPIRED),
        (token(fields, iat=now, exp=now + 3601), INVALID),
        (token(fields, iat=now + 9000, exp=now + 9600), INVALID),
    ]:
        refused(post(server, fields, jwt, photo), 400, message)
    assert server.listed("name=bad-token.jpg") == []


def test_a_token_is_used_up_by_an_error_too(server, photo):
    fields = {"fileName": "used-up-2.jpg", "isPublished": "perhaps"}
    jwt = token(fields)
    assert "isPublished" in refused(post(server, fields, jwt, photo), 400)
    refused(post(server, fields, jwt, photo), 400, INVALID)


def test_the_private_key_works_too_but_not_with_a_token(server, photo):
    fields = {"fileName": "v2-key.jpg"}
    assert post(server, fields, None, photo, BASIC).status == 200
    refused(post(server, fields, token(fields), photo, BASIC), 400,
            "Your request contains both token and basic auth parameter. Use only one method, you might be exposing your private API key.")
    refused(post(server, fields, None, photo, OTHER_KEY), 403, WRONG_KEY)


def test_preflight_and_trailing_slash(server, photo):
    answer = server.request("OPTIONS", V2, {"Access-Control-Request-Headers": "x-custom"})
    assert answer.status == 204 and answer.headers["Access-Control-Allow-Headers"] == "x-custom", answer
    error = server.post_form([("fileName", "x")], {}, "/API/v2/files/upload/")
    assert error.headers["Access-Control-Allow-Origin"] == "*"
    refused(error, 400, "Your request is missing token parameter.")


def test_the_python_sdk_uploads_by_version_2(server):
    client = ImageKit(private_key=PRIVATE_KEY, base_url=server.url, max_retries=0)
    result = client.beta.v2.files.upload(file=io.BytesIO((FILES / "photo.jpg").read_bytes()), file_name="sdk-v2.jpg", tags=["one"],
                                         response_fields=["tags"])
    assert result.tags == ["one"] and (result.width, result.height) == (1200, 800)


def test_strangers_have_little_room(start, photo):
    """What has no key is spooled before its signature can be looked at: that is bounded."""
    server = start(anonymous_uploads="0")
    busy = post(server, {"fileName": "no-room.jpg"}, "x", photo)
    refused(busy, 503)
    assert busy.headers["Retry-After"] and busy.headers["Access-Control-Allow-Origin"] == "*"
    assert server.upload(photo, "with-key.jpg").status == 200
    small = start(anonymous_uploads="4", anonymous_upload_bytes="1MiB", upload_max="1MiB")
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    with held_upload(small, head + b"a" * 800_000):
        wait_until(lambda: small.staged())
        wait_until(lambda: post(small, {"fileName": "second.bin"}, "x", b"b" * 500_000).status == 503)
    wait_until(lambda: post(small, {"fileName": "third.bin"}, "x", b"b" * 500_000).status == 400)
    wait_until(lambda: small.staged() == [])


def held_upload(server, beginning):
    """An upload that has sent its beginning and then says nothing more."""
    import contextlib
    import socket

    @contextlib.contextmanager
    def held():
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"POST /api/v1/files/upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
                               b"Content-Length: 10000000\r\n\r\n" + beginning)
            yield

    return held()


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
