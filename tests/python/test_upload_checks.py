"""Conditions that an upload sets itself: `checks`."""

import pytest

FAILED = "Your request failed 'checks' validation."
SYNTAX = "Your request contains invalid syntax for the checks parameter."


@pytest.mark.parametrize("checks, good", [
    ('"file.size" < "1mb"', True),
    ('"file.size" < 1kb', False),
    ('"file.mime" : image', True),
    ('"file.mime" = "video/mp4"', False),
    ('"mediaMetadata.width" <= 1500 AND "mediaMetadata.height" <= 2000', True),
    ('"mediaMetadata.width" > 1200', False),
    ('"mediaMetadata.duration" > 1', False),
    ('"request.folder" : "marketing/"', True),
    ('"request.folder" NOT = marketing', False),
    ('"request.tags" HAS sea AND "request.tags" NOT HAS dawn', True),
    ('"request.fileName" IN ["a.jpg", "checked.jpg"]', True),
    ('"request.isPublished" = true AND "request.isPrivateFile" = false', True),
    ('"request.overwriteTags" = false', False),
    ("'file.mime' : video OR ('mediaMetadata.width' = 1200 AND \"request.useUniqueFileName\" = false)", True),
])
def test_what_is_checked(server, photo, checks, good):
    folder = f"/marketing"
    answer = server.upload(photo, "checked.jpg", folder=folder, tags="sea", checks=checks)
    assert (answer.status, answer.json().get("message")) == ((200, None) if good else (400, FAILED)), answer


@pytest.mark.parametrize("checks", ["file.size < 1", '"file.size" <', '"file.size" NOT = 1', '"request.colour" = blue', "(((", '"a" = 1'])
def test_what_is_not_understood(server, photo, checks):
    answer = server.upload(photo, "unchecked.jpg", checks=checks)
    assert answer.status == 400 and answer.json()["message"] == SYNTAX and answer.json()["errors"]["checks"], answer
    assert server.listed("name=unchecked.jpg") == []


def test_the_request_is_checked_before_anything_is_fetched(start, website, photo):
    server = start(fetch_allow="127.0.0.0/8")
    website.pages["/x.jpg"] = (200, {}, photo)
    fields = [("fileName", "fetched.jpg"), ("file", website.url + "/x.jpg")]
    answer = server.post_form([*fields, ("checks", '"request.fileName" = other AND "file.size" > 1')])
    assert answer.json()["message"] == FAILED and website.asked == []
    assert server.post_form([*fields, ("checks", '"file.size" > 1')]).status == 200
