"""What an upload asks to be done to its file, before it is stored and right after."""

import json

import pytest

from picture import opened
from server import FILES

MALFORMED = "The file could not be uploaded because the transformation field is invalid."
NOT_MEDIA = "The file could not be uploaded because transformations are supported only for image and video files."
DOES_NOT_FIT = "The file could not be uploaded because the detected file type & post-transformation are incompatible."
# The smallest thing that is recognised as a clip.
CLIP = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0\0\0\x08free" * 8


def upload(server, content, name, transformation, **fields):
    text = transformation if isinstance(transformation, str) else json.dumps(transformation)
    return server.upload(content, name, transformation=text, **fields)


@pytest.mark.parametrize("pre, kind, size", [
    ("w-300,h-300,c-at_max", "JPEG", (300, 200)),
    ("w-300:rt-90", "JPEG", (200, 300)),
    ("w-64,h-64,f-webp", "WEBP", (64, 64)),
    ("w-100,h-100,f-png", "PNG", (100, 100)),
])
def test_what_is_stored_is_the_result(server, photo, pre, kind, size):
    answer = upload(server, photo, "pre.jpg", {"pre": pre})
    assert answer.status == 200, answer
    result = answer.json()
    assert (result["width"], result["height"]) == size and result["name"] == "pre.jpg"
    stored = server.get("/demo/pre.jpg?tr=orig-true").body
    picture = opened(stored)
    assert (picture.format, picture.size, len(stored)) == (kind, size, result["size"])


def test_nothing_asked_for_changes_nothing(server, photo):
    for name, transformation in [("nothing-1.jpg", {}), ("nothing-2.jpg", {"pre": ""}), ("nothing-3.jpg", {"post": []})]:
        assert upload(server, photo, name, transformation).json()["size"] == len(photo)


def test_private_layers_are_for_those_with_the_key(server, photo):
    assert server.upload(photo, "secret-layer.jpg", isPrivateFile="true").status == 200
    layer = {"pre": "w-100,l-image,i-secret-layer.jpg,w-50,l-end"}
    assert upload(server, photo, "with-layer.jpg", layer).status == 200
    from test_client_side_upload import credentials
    answer = upload(server, photo, "without-layer.jpg", layer, headers={}, **credentials())
    assert answer.status == 400, answer


@pytest.mark.parametrize("transformation", [
    "[]", "{", '"w-100"', {"pre": 1}, {"mid": "w-1"}, {"pre": "w-1", "other": 1}, {"post": [{"type": "transformation"}]},
    {"post": [{"type": "abs", "value": "sr-240"}]}, {"post": [{"type": "thumbnail", "protocol": "hls"}]}, {"post": [{"type": "spin", "value": "x"}]},
    {"post": [{"type": "transformation", "value": "w-1"}] * 6}, {"pre": "l-text,i-never_ends"},
])
def test_the_schema_is_closed(server, photo, transformation):
    answer = upload(server, photo, "closed.jpg", transformation)
    assert answer.status == 400 and answer.json()["message"] == MALFORMED and answer.json()["errors"], answer
    assert server.listed("name=closed.jpg") == []


@pytest.mark.parametrize("content, name, transformation, message", [
    (b"body { color: red }", "plain.css", {"pre": "w-10"}, NOT_MEDIA),
    (b"body { color: red }", "plain.css", {"post": [{"type": "transformation", "value": "w-10"}]}, NOT_MEDIA),
    (b"%PDF-1.4\n%...", "paper.pdf", {"pre": "w-10"}, NOT_MEDIA),
    (None, "still.jpg", {"post": [{"type": "thumbnail"}]}, DOES_NOT_FIT),
    (None, "still.jpg", {"post": [{"type": "gif-to-video"}]}, DOES_NOT_FIT),
    (None, "still.jpg", {"post": [{"type": "abs", "value": "sr-240", "protocol": "hls"}]}, DOES_NOT_FIT),
])
def test_what_does_not_fit_the_file(server, photo, content, name, transformation, message):
    answer = upload(server, photo if content is None else content, name, transformation)
    assert (answer.status, answer.json()["message"]) == (400, message), answer


@pytest.mark.parametrize("content, transformation", [
    (CLIP, {"pre": "w-100"}),
    (CLIP, {"post": [{"type": "abs", "value": "sr-240_360", "protocol": "dash"}]}),
    (CLIP, {"post": [{"type": "thumbnail", "value": "w-100"}]}),
    ((FILES / "three-frames.gif").read_bytes(), {"post": [{"type": "gif-to-video"}]}),
])
def test_video_is_refused_in_so_many_words(server, content, transformation):
    answer = upload(server, content, "moving", transformation)
    assert answer.status == 400 and "video transformations are not available in this version" in answer.json()["message"], answer


def test_a_picture_that_is_broken_is_refused(server):
    answer = upload(server, (FILES / "photo.jpg").read_bytes()[:300], "broken-pre.jpg", {"pre": "w-100"})
    assert answer.status == 400 and "pre-transformation failed" in answer.json()["message"], answer
    assert server.listed("name=broken-pre.jpg") == []
