"""What somebody with bad intentions sends: each has a clear answer, and nobody else gets anything of it."""

import re
import socket
import time
import urllib.parse

import pytest

from picture import seen
from server import FILES
from test_delivery import refused, signed

SECRET = b"what only some may read"


@pytest.fixture(scope="module", autouse=True)
def files(server):
    for name, content, fields in [
        ("photo.jpg", (FILES / "photo.jpg").read_bytes(), {}), ("hidden.jpg", (FILES / "photo.jpg").read_bytes(), {"isPrivateFile": "true"}),
        ("hidden.txt", SECRET, {"isPrivateFile": "true"}), ("smuggled.txt", b"SMUGGLED", {}), ("sentinel.txt", b"SENTINEL", {}),
    ]:
        answer = server.upload(content, name, folder="/attacks", **fields)
        assert answer.status == 200, answer


LATER = int(time.time()) + 600


@pytest.mark.parametrize("change", [
    lambda url: url.replace("w-300", "w-3000"),
    lambda url: url.replace("tr=w-300&v=7", "v=7&tr=w-300"),                                # reordered
    lambda url: url.replace(",", "%2C"), lambda url: url.replace(",", "%252C"),             # encoded, and once more
    lambda url: url.replace("hidden", "h%69dden"), lambda url: url.replace("hidden", "h%2569dden"),
    lambda url: url.replace("/attacks/", "//attacks/"), lambda url: url.replace("/attacks/", "/./attacks/"),
    lambda url: url.replace("/attacks/", "/x/../attacks/"), lambda url: url.replace("/demo/", "/demo/%2E/"),
    lambda url: url.replace("ik-s=", "ik-s=0"), lambda url: re.sub("ik-s=.*", lambda found: found[0].upper().replace("IK-S", "ik-s"), url),
    lambda url: re.sub("ik-s=.*", "ik-s=" + "0" * 40, url), lambda url: re.sub("ik-s=.*", "ik-s=", url), lambda url: re.sub("&ik-s=.*", "", url),
    lambda url: url + "&ik-s=" + "0" * 40, lambda url: url + "&v=8", lambda url: url + "&", lambda url: url.replace("ik-s", "ik%2Ds"),
    lambda url: url.replace(f"ik-t={LATER}&", ""), lambda url: url.replace(f"ik-t={LATER}", "ik-t=9999999999"),
    lambda url: url.replace(f"ik-t={LATER}", f"ik-t=0{LATER}"), lambda url: url.replace(f"ik-t={LATER}", f"ik-t={LATER}&ik-t={LATER}"),
    # The signed text is address and end without a seam: a digit of the one is not to be taken for one of the other.
    lambda url: url.replace(f"v=7&ik-t={LATER}", f"v=&ik-t=7{LATER}"), lambda url: url.replace(f"&ik-t={LATER}", f"{str(LATER)[:1]}&ik-t={str(LATER)[1:]}"),
])
def test_signatures_that_were_tampered_with(server, change):
    url = signed("/demo/attacks/hidden.jpg?a=b,c&tr=w-300&v=7", LATER)
    assert server.get(url).status == 200
    changed = change(url)
    assert changed != url
    answer = server.get(changed)
    assert answer.status in (400, 401) and SECRET not in answer.body, answer
    assert answer.headers["Cache-Control"] == "no-store"


def test_signatures_that_have_expired(server):
    for target in ["/demo/attacks/hidden.jpg", "/demo/attacks/photo.jpg?tr=w-20"]:
        url = signed(target, int(time.time()) - 5)
        refused(server.get(url), 401)
        refused(server.get(url, If_None_Match="*"), 401)
        refused(server.request("HEAD", url), 401)


def test_nothing_keeps_a_url_alive_beyond_its_end(start):
    server = start(cdn_max_age="86400", browser_max_age="3600", cache_tags="both")
    server.upload((FILES / "photo.jpg").read_bytes(), "photo.jpg")
    for target in ["/demo/photo.jpg?tr=orig-true", "/demo/photo.jpg?tr=w-20"]:
        answer = server.get(signed(target, int(time.time()) + 600))
        ages = [int(age) for age in re.findall(r"max-?age=(\d+)", answer.headers["Cache-Control"] + answer.headers["CDN-Cache-Control"])]
        assert len(ages) == 3 and max(ages) <= 600, answer
        for_ever = server.get(signed(target))
        assert for_ever.headers["Cache-Control"] == "public, s-maxage=86400, max-age=3600, must-revalidate"
        assert for_ever.headers["CDN-Cache-Control"] == "max-age=86400"


@pytest.mark.parametrize("target", [
    "hidden.txt", "hidden.txt?tr=n-ik_ml_thumbnail", "tr:n-ik_ml_thumbnail/hidden.txt", "hidden.txt?tr=orig-true", "hidden.txt?tr=n-ik_ml_thumbnail&tr=orig-true",
    "hidden.txt?ik-attachment=true", "ik-seo/attacks/hidden/x.txt", "photo.jpg?tr=l-image,i-attacks@@hidden.jpg,l-end", "none.jpg?tr=di-attacks@@hidden.jpg", "hidden.txt/ik-thumbnail.jpg", "hidden.txt?ik-s", "hidden.txt?ik-t=9999999999",
])
def test_ways_around_a_signature(server, target):
    target = f"/demo/{target}" if target.startswith(("ik-seo", "tr:")) else f"/demo/attacks/{target}"
    target = target.replace("thumbnail/hidden", "thumbnail/attacks/hidden")
    for headers in [{}, {"Authorization": "Basic Og=="}, {"If-None-Match": "*"}, {"Range": "bytes=0-3"}]:
        answer = server.request("GET", target, headers)
        assert answer.status == 401 and SECRET not in answer.body, answer


CLIMBS = [
    "../hidden", "..%2Fhidden", "%2E%2E/hidden", "%2e%2e%2fhidden", ".%2e/hidden", "..%5Chidden", "..\\hidden", "%2e%2e%5chidden", "./hidden", "%2E/hidden",
    "a/../../hidden", "a%2F..%2F..%2Fhidden", "..%00/hidden", "hidden%00.jpg", "%00", "tr:w-10/../hidden", "..?tr=w-10", "a/..",
]


@pytest.mark.parametrize("path", CLIMBS)
def test_paths_that_climb(server, path):
    refused(server.get(f"/demo/{path}"), 400)


@pytest.mark.parametrize("path", [
    "%252e%252e%252fetc/passwd", "%25252e%25252e/etc/passwd", "..;/etc/passwd", "....//etc/passwd", "%c0%ae%c0%ae/etc/passwd", "%e0%80%ae%e0%80%ae/etc/passwd",
    "%EF%BC%8E%EF%BC%8E/etc/passwd", "%u002e%u002e/etc/passwd", "etc/passwd", "/etc/passwd", "//etc/passwd", "file:///etc/passwd", "C:/windows/win.ini", "~root/.ssh",
    "%ff%fe", "..%c1%9cetc", "%2", "%", "%zz", "http%3A/etc/passwd", "tr:/etc/passwd", "hidden.txt%20", "HIDDEN.TXT", "hidden.txt/",
])
def test_paths_that_lead_nowhere(server, path):
    answer = server.get(f"/demo/attacks/{path}")
    assert answer.status in (400, 401, 404, 501) and SECRET not in answer.body and b"root:" not in answer.body, answer
    assert server.get("/health/live").status == 200


@pytest.mark.parametrize("target", ["/demo%2Fattacks/photo.jpg", "/demo/../demo/attacks/photo.jpg", "/DEMO/attacks/photo.jpg", "/demo;/attacks/photo.jpg",
                                    "/%64emo/attacks/photo.jpg", "/demo\\attacks\\photo.jpg", "/x/../demo/attacks/photo.jpg", "//demo/attacks/photo.jpg"])
def test_a_target_has_one_spelling(server, target):
    assert server.get(target).status in (400, 404)


@pytest.mark.parametrize("headers", [
    {"X-Forwarded-Host": "evil.example"}, {"X-Host": "evil.example"}, {"Forwarded": "host=evil.example;for=1.2.3.4;proto=gopher"}, {"Host": "evil.example"},
    {"X-Original-URL": "/demo/attacks/smuggled.txt"}, {"X-Rewrite-URL": "/demo/attacks/smuggled.txt"}, {"X-HTTP-Method-Override": "DELETE"},
    {"X-Forwarded-For": "evil"}, {"X-Forwarded-Proto": "evil"}, {"X-Forwarded-Port": "1"}, {"X-Forwarded-Prefix": "/evil"}, {"Accept": "text/html,evil"},
    {"Accept-Encoding": "evil"}, {"Accept-Language": "evil"}, {"Cookie": "evil=1"}, {"Origin": "https://evil.example"}, {"Referer": "https://evil.example"},
    {"User-Agent": "evil"}, {"Width": "evil"}, {"DPR": "evil"}, {"Sec-CH-Width": "1e9"}, {"Save-Data": "evil"}, {"If-Range": "evil"}, {"TE": "evil"},
    {"Content-Type": "text/evil"}, {"Surrogate-Capability": "evil"}, {"CF-IPCountry": "EV"}, {"Pragma": "evil"}, {"Cache-Control": "no-transform, evil"},
])
def test_headers_poison_nothing(server, headers):
    """An answer that a cache keeps for everybody depends on no header but those that `Vary` names, and repeats none."""
    target = "/demo/attacks/photo.jpg?tr=w-31"
    plain, answer = server.get(target), server.request("GET", target, headers)
    assert (answer.status, answer.body) == (200, plain.body)
    one, other = ({name.lower(): value for name, value in got.headers.items() if name.lower() not in ("date", "server-timing", "x-request-id", "x-ik-requestid",
                                                                                                     "x-tintype-cache")} for got in [plain, answer])
    assert one == other and "evil" not in str(other)


def test_parameters_poison_nothing(server):
    plain = server.get("/demo/attacks/photo.jpg?tr=w-32")
    for query in ["tr=w-32&tr=w-64", "t%72=w-32&tr=w-64", "tr=w-32&TR=w-64", "tr[]=w-64&tr=w-32", "utm=1&tr=w-32", "tr=w-32&ik-attachment=false",
                  "tr=w-32&ik-unknown=%0d%0aevil:1"]:
        answer = server.get(f"/demo/attacks/photo.jpg?{query}")
        assert answer.status == 200 and seen(answer)[1:] == (32, 21), (query, answer)
        assert answer.headers["evil"] is None
        assert answer.body == plain.body, query
    for name in ["a%0d%0aSet-Cookie:%20evil=1", "a%22;%20evil=%22", "..%2f..%2fevil", "%00", "a" * 4000]:
        answer = server.get(f"/demo/attacks/photo.jpg?ik-attachment=true&ik-attachment-filename={name}")
        assert answer.status == 200 and answer.headers["Set-Cookie"] is None, answer
        assert re.fullmatch(r'attachment(; filename="[^"\\/\r\n]*"(; filename\*=UTF-8\'\'[\w.!#$&+^`|~%-]*)?)?', answer.headers["Content-Disposition"]), answer
    for words in ["<script>alert(1)</script>", "l-image,i-<svg onload=alert(1)>,l-end", "n-<b>"]:
        words = urllib.parse.quote(words, safe="-,:")
        answer = server.get(f"/demo/attacks/photo.jpg?tr=rt-{words},{words}")
        if answer.status != 200:
            assert answer.headers["Content-Type"].startswith("text/plain") and answer.headers["X-Content-Type-Options"] == "nosniff", answer


SENTINEL = b"GET /demo/attacks/sentinel.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /demo/attacks/smuggled.txt HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = len(SMUGGLED)


def sent(server, raw):
    """All that the server says to these bytes, until it hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(raw)
        said = b""
        try:
            while piece := connection.recv(65536):
                said += piece
        except ConnectionError:
            pass
        return said


def post(headers, body=b""):
    return b"POST /demo/x HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n" + body


NO_CHUNK = b"0\r\n\r\n"


@pytest.mark.parametrize("raw", [
    post(b"Content-Length: 0\r\nContent-Length: %d" % LENGTH, SMUGGLED), post(b"Content-Length: 0, %d" % LENGTH, SMUGGLED),
    post(b"Content-Length: +%d" % LENGTH, SMUGGLED), post(b"Content-Length: 0x%x" % LENGTH, SMUGGLED), post(b"Content-Length: -1", SMUGGLED),
    post(b"Content-Length: 1 0", SMUGGLED), post(b"Content-Length : %d" % LENGTH, SMUGGLED), post(b"Content-Length: 99999999999999999999", SMUGGLED),
    post(b"Transfer-Encoding : chunked", NO_CHUNK + SMUGGLED), post(b"Transfer-Encoding: xchunked", NO_CHUNK + SMUGGLED),
    post(b"Transfer-Encoding: chunked, identity", NO_CHUNK + SMUGGLED), post(b"Transfer-Encoding: \x0bchunked", NO_CHUNK + SMUGGLED),
    post(b"Transfer-Encoding:\r\n chunked", NO_CHUNK + SMUGGLED), post(b"A: b\r\n c", SMUGGLED), post(b"A: b\0", SMUGGLED), post(b"A: b\rTransfer-Encoding: chunked", SMUGGLED),
    post(b"A b: c", SMUGGLED), post(b": c", SMUGGLED),
    b"POST /demo/x HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + NO_CHUNK + SMUGGLED,
    b"GET /demo/attacks/sentinel.txt /x HTTP/1.1\r\nHost: x\r\n\r\n", b"GET demo/attacks/sentinel.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /demo/attacks/sentinel.txt HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n",
    b"GET /demo/attacks/sentinel.txt HTTP/1.1\r\nHost: x\r\nhost: x\r\nConnection: close\r\n\r\n",
])
def test_requests_with_two_meanings_are_refused(server, raw):
    said = sent(server, raw + SENTINEL)
    assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")) and said.count(b"HTTP/1.") == 1, said
    assert b"SMUGGLED" not in said and b"SENTINEL" not in said


@pytest.mark.parametrize("raw", [
    post(b"Content-Length: %d\r\nTransfer-Encoding: chunked" % (LENGTH + 5), NO_CHUNK + SMUGGLED),
    post(b"Transfer-Encoding: chunked\r\nContent-Length: 4", b"%x\r\n" % LENGTH + SMUGGLED + b"\r\n" + NO_CHUNK),
    b"GET /demo/attacks/sentinel.txt HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % (LENGTH + 5) + NO_CHUNK + SMUGGLED,
    post(b"Transfer-Encoding: chunked", b"0;a\nb\r\n\r\n" + SMUGGLED), post(b"Transfer-Encoding: chunked", b"-1\r\n\r\n" + SMUGGLED),
    post(b"Transfer-Encoding: chunked", b"10000000000000000\r\n\r\n" + SMUGGLED), post(b"Content-Length: %d" % LENGTH, SMUGGLED),
    b"GET /demo/attacks/sentinel.txt HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % LENGTH + SMUGGLED,
    b"GET /demo/attacks/sentinel.txt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
])
def test_no_request_hides_in_the_body_of_another(server, raw):
    said = sent(server, raw + SENTINEL)
    assert b"SMUGGLED" not in said and said.count(b"HTTP/1.1 ") <= 2, said
    # Where the lengths contradict each other the connection ends: nothing behind it is taken for a request.
    if b"Transfer-Encoding" in raw:
        assert said.count(b"HTTP/1.1 ") == 1, said


HTML = b"<!doctype html><html><script>alert(1)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="alert(1)"><script>alert(1)</script>' \
      b'<style>@import "//evil.example";</style><image href="//evil.example/a.png"/><rect width="9" height="9" fill="red"/></svg>'


@pytest.mark.parametrize("name, content, kind, saved", [
    ("page.html", HTML, "text/html", True), ("page.xhtml", b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>', "application/xhtml+xml", True),
    ("page.xml", b'<?xml-stylesheet href="a.xsl"?><a/>', "text/xml", True), ("script.js", b"alert(1)", "text/javascript", True),
    ("feed.rss", b"<rss/>", "application/rss+xml", True), ("page.jpg", HTML, "application/octet-stream", False), ("page.png", HTML, "application/octet-stream", False),
    ("notes.txt", HTML, "text/plain", False), ("page", HTML, "application/octet-stream", False),
    ("paper.pdf", b"%PDF-1.7\n%%EOF", "application/pdf", False), ("site.css", b"a{}", "text/css", False),
])
def test_pages_are_saved_and_not_shown(server, name, content, kind, saved):
    assert server.upload(content, name, folder="/attacks").status == 200
    for query in ["", "?tr=orig-true", "?tr=orig-true&ik-attachment=false"]:
        answer = server.get(f"/demo/attacks/{name}{query}")
        assert (answer.status, answer.body) == (200, content), answer
        assert answer.headers["Content-Type"].split(";")[0] == kind and answer.headers["X-Content-Type-Options"] == "nosniff", answer
        assert (answer.headers["Content-Disposition"] == f'attachment; filename="{name}"') == saved, answer
        if saved:
            assert answer.headers["Content-Security-Policy"] == "sandbox"


def test_drawings_are_delivered_clean(server):
    uploaded = server.upload(SVG, "evil.svg", folder="/attacks").json()
    clean = server.get("/demo/attacks/evil.svg")
    assert (clean.status, clean.headers["Content-Type"], clean.headers["Content-Disposition"]) == (200, "image/svg+xml", None)
    assert b"alert" not in clean.body and b"evil" not in clean.body and b'<rect width="9" height="9" fill="red"/>' in clean.body, clean
    policy = clean.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';") and policy.endswith("sandbox") and "script" not in policy
    assert server.get("/demo/attacks/evil.svg?ik-sanitizeSvg=false").body == clean.body
    as_it_is = server.get(signed("/demo/attacks/evil.svg?ik-sanitizeSvg=false"))
    assert as_it_is.body == SVG and as_it_is.headers["Content-Security-Policy"] == policy
    original = server.get("/demo/attacks/evil.svg?tr=orig-true")
    assert original.body == SVG and original.headers["Content-Disposition"] == 'attachment; filename="evil.svg"'
    assert server.api(f"/v1/files/{uploaded['fileId']}/details").json()["size"] == len(SVG), "what is stored stays"
    assert seen(server.get("/demo/attacks/evil.svg?tr=f-png,w-18")) == ("PNG", 18, 18)
    server.upload(b'<svg xmlns="http://www.w3.org/2000/svg"><g></svg>', "broken.svg", folder="/attacks")
    refused(server.get("/demo/attacks/broken.svg"), 415)


def test_a_page_that_calls_itself_a_drawing(server):
    page = b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>'
    server.upload(page, "page.svg", folder="/attacks")
    answer = server.get("/demo/attacks/page.svg")
    assert answer.status == 415 or answer.headers["Content-Disposition"] is not None, answer


def test_drawings_as_they_are_where_that_is_set(start):
    server = start(svg="as-is")
    server.upload(SVG, "evil.svg")
    answer = server.get("/demo/evil.svg")
    assert (answer.body, answer.headers["Content-Disposition"]) == (SVG, None) and "sandbox" in answer.headers["Content-Security-Policy"]
    assert b"alert" not in server.get("/demo/evil.svg?ik-sanitizeSvg=true").body


def test_uploads_under_evil_names_do_nothing(server):
    for name in ["../../etc/evil", "..\\evil", "a/b/../../evil", "evil\r\nSet-Cookie: a", "<img src=x onerror=alert(1)>.jpg"]:
        answer = server.post_form([("fileName", name), ("file", b"x"), ("useUniqueFileName", "false")])
        assert answer.status in (200, 400), answer
        if answer.status == 200:
            path = answer.json()["filePath"]
            assert ".." not in path.split("/") and "\r" not in path and "<" not in path, path
