"""The search language through the official SDK, and what the listing answers to those who ask for more."""

import urllib.parse

import imagekitio
import pytest
from imagekitio import ImageKit

from server import PRIVATE_KEY

LAST = " Please refer to the documentation for syntax specification."


@pytest.fixture(scope="module")
def library(server, photo):
    """A folder of this file's own, so that other tests' files do not matter."""
    for name, fields in [
        ("harbour.jpg", {"tags": "search-sea,search-dawn"}),
        ("harbour-dawn.txt", {"tags": "search-sea"}),
        ("deep/red_dress.jpg", {"isPrivateFile": "true"}),
    ]:
        folder, _, name = ("/searching/" + name).rpartition("/")
        content = photo if name.endswith(".jpg") else b"a text"
        answer = server.upload(content, name, folder=folder, **fields)
        assert answer.status == 200, answer
    return server


@pytest.fixture(scope="module")
def client(library):
    return ImageKit(private_key=PRIVATE_KEY, base_url=library.url, max_retries=0)


def names(entries):
    return sorted(entry.name for entry in entries)


@pytest.mark.parametrize("query, expected", [
    ('path : "/searching" AND type = "file"', ["harbour-dawn.txt", "harbour.jpg", "red_dress.jpg"]),
    ('path = "/searching"', ["deep", "harbour-dawn.txt", "harbour.jpg"]),
    ('path : "searching/" AND name HAS "dress red"', ["red_dress.jpg"]),
    ('path : "searching/" AND name HAS "dres red"', []),
    ('path : "searching/" AND name HAS "red dress"', ["red_dress.jpg"]),
    ('tags IN ["search-sea"] AND format = "jpg"', ["harbour.jpg"]),
    ('tags HAS "search da"', ["harbour.jpg"]),
    ('path : "/searching" AND private = true', ["red_dress.jpg"]),
    ('path : "/searching" AND width > 1 AND size < "10mb"', ["harbour.jpg", "red_dress.jpg"]),
    ('path : "/searching" AND createdAt > "1h" AND tags NOT EXISTS', ["deep", "red_dress.jpg"]),
    ("path : '/searching' and not (format = jpg) and type = file", ["harbour-dawn.txt"]),
    ('path : "/searching" AND type = "folder"', ["deep"]),
    ('name = "nothing is called so"', []),
])
def test_searches_of_the_sdk(client, query, expected):
    assert names(client.assets.list(search_query=query)) == expected


def test_a_search_overrides_type_but_not_path(client):
    found = client.assets.list(search_query='name HAS "harbour"', type="folder", path="/searching")
    assert names(found) == ["harbour-dawn.txt", "harbour.jpg"]
    found = client.assets.list(search_query='name HAS "harbour"', path="/searching", file_type="image")
    assert names(found) == ["harbour.jpg"]


def test_best_matches_come_first(client):
    found = client.assets.list(search_query='path = "/searching" AND name HAS "harbour"', sort="DESC_RELEVANCE")
    assert [entry.name for entry in found] == ["harbour.jpg", "harbour-dawn.txt"]


@pytest.mark.parametrize("query, message", [
    ('created_at > "7d"', "created_at is not a field that can be searched. Did you mean createdAt?"),
    ("createdAt > yesterday",
     "createdAt field must have a valid date value. Make sure the value is enclosed within quotes."),
    ('(name = "a"', "the parenthesis that opens here is not closed (at character 1)."),
    ('format NOT = "jpg"', "NOT = operator is not allowed for format field. Allowed are =, IN."),
    ('"customMetadata.nobody" = 1', "customMetadata.nobody is not a custom metadata field of this library."),
    ("name = \x00", "it holds a NUL character (at character 8)."),
])
def test_refusals_are_bad_requests_that_say_what_to_write(client, query, message):
    with pytest.raises(imagekitio.BadRequestError) as refused:
        client.assets.list(search_query=query)
    assert refused.value.body["message"] == f"Invalid search query - {message}{LAST}"
    assert refused.value.body["help"]


def test_totals_and_cursors_are_for_those_who_ask(library):
    search = urllib.parse.urlencode({"searchQuery": 'path : "/searching"', "sort": "ASC_NAME"})
    plain = library.api(f"/v1/files?{search}")
    assert "x-total-count" not in plain.headers and "x-next-cursor" not in plain.headers
    seen, cursor = [], ""
    while cursor is not None:
        answer = library.api(f"/v1/files?{search}&limit=3&count=true&cursor={cursor}")
        assert answer.status == 200, answer
        assert (answer.headers["x-total-count"], answer.headers["x-total-count-relation"]) == ("4", "eq")
        seen += answer.json()
        cursor = answer.headers.get("x-next-cursor")
    assert seen == plain.json() and len(seen) == 4
    answer = library.api(f"/v1/files?{search}&cursor=nonsense")
    assert (answer.status, answer.json()["message"]) == (400, "Your request contains invalid cursor parameter.")


def test_similar_to_wants_a_picture_that_is_there(library):
    answer = library.api("/v1/files?similarTo=000000000000000000000001")
    assert answer.status == 404, answer
    text = library.listed(urllib.parse.urlencode({"searchQuery": 'name = "harbour-dawn.txt"'}))[0]["fileId"]
    answer = library.api(f"/v1/files?similarTo={text}")
    assert answer.status == 400, answer
    answer = library.api("/v1/files?duplicates=true&count=true")
    assert answer.status == 400, answer
