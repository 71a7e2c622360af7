"""Uploads from a URL: fetched when allowed, and never a way into the network around the server."""

import pytest

from test_errors import refused

PRIVATE = [
    "http://127.0.0.1:{port}/x.jpg", "http://localhost:{port}/x.jpg", "http://[::1]:{port}/x.jpg",
    "http://[::ffff:127.0.0.1]:{port}/x.jpg", "http://0.0.0.0:{port}/x.jpg", "http://2130706433:{port}/x.jpg",
    "http://0x7f.1:{port}/x.jpg", "HTTP://127.0.0.1:{port}/x.jpg", "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/x.jpg", "http://192.168.1.1/x.jpg", "http://172.16.0.1/x.jpg", "http://100.64.0.1/x.jpg",
    "http://[fe80::1]/x.jpg", "http://[fd00::1]/x.jpg", "http://[64:ff9b::7f00:1]/x.jpg", "http://[2002:7f00:1::]/x.jpg",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_private_addresses_are_refused_by_default(server, website, photo, url):
    website.pages["/x.jpg"] = (200, {}, photo)
    port = website.server_address[1]
    refused(server.post_form([("fileName", "ssrf.jpg"), ("file", url.format(port=port))]), 400)
    assert website.asked == [] and server.listed("name=ssrf.jpg") == []


@pytest.fixture
def open_server(start):
    return start(fetch_allow="127.0.0.0/8", upload_max="1MiB")


def fetch(server, url, name="fetched.jpg"):
    return server.post_form([("fileName", name), ("useUniqueFileName", "false"), ("file", url)])


def test_allowed_networks_are_fetched_from(open_server, website, photo):
    website.pages["/a%20b.jpg?c=1"] = (200, {"Content-Type": "image/jpeg"}, photo)
    website.pages["/moved"] = (302, {"Location": "/a%20b.jpg?c=1"}, b"")
    for url in ["/a%20b.jpg?c=1", "/moved"]:
        answer = fetch(open_server, website.url + url)
        assert answer.status == 200 and answer.json()["width"] == 1200, answer
        assert open_server.get("/demo/fetched.jpg?tr=orig-true").body == photo


def test_what_can_not_be_fetched_is_a_400_and_nothing_is_stored(open_server, website):
    website.pages["/gone"] = (404, {}, b"gone")
    website.pages["/broken"] = (500, {}, b"broken")
    website.pages["/loop"] = (302, {"Location": "/loop"}, b"")
    website.pages["/inside"] = (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b"")
    website.pages["/file"] = (302, {"Location": "file:///etc/passwd"}, b"")
    website.pages["/big"] = (200, {}, b"x" * (1024 * 1024 + 1))
    for path in ["/gone", "/broken", "/loop", "/inside", "/file", "/big"]:
        refused(fetch(open_server, website.url + path), 400)
    for url in ["http://127.0.0.1:1/", "http://", "http://no.such.host.invalid/x", "https://127.0.0.1:1/", "http://user:pw@"]:
        refused(fetch(open_server, url), 400)
    assert open_server.listed() == [] and open_server.staged() == []
    assert website.asked.count("/loop") < 10


def test_a_binary_part_that_holds_a_url_is_content(open_server, website):
    answer = open_server.upload(website.url.encode(), "url.txt")
    assert answer.status == 200 and website.asked == []
    assert open_server.get("/demo/url.txt").body == website.url.encode()
