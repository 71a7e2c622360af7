"""Who may have files: by signature, name, address, country, page and program; and hosts that stand for places."""

import hashlib
import hmac
import json
import urllib.parse

import pytest

import geoip
from picture import seen
from server import BASIC, FILES, PRIVATE_KEY, Server
from test_delivery import refused, signed

FORWARDED = {"X-Forwarded-For": "198.51.100.1", "X-Country": "DE"}


@pytest.fixture(scope="module")
def guarded():
    running = Server(trusted_proxies="127.0.0.0/8", country_header="X-Country", blocked_addresses="192.0.2.0/24,2001:db8::/32", blocked_countries="KP, XX",
                     blocked_referrers="evil.example,*.evil.example", blocked_agents="BadBot", cache_tags="both")
    running.upload((FILES / "photo.jpg").read_bytes(), "photo.jpg")
    yield running
    running.stop()


@pytest.mark.parametrize("headers, allowed", [
    ({}, True), ({"X-Forwarded-For": "192.0.2.9"}, False), ({"X-Forwarded-For": "198.51.100.7, 192.0.2.9"}, False),
    ({"X-Forwarded-For": "192.0.2.9, 198.51.100.7"}, True), ({"X-Forwarded-For": "192.0.2.9, 127.0.0.2"}, False),
    ({"X-Forwarded-For": "[2001:db8::7]:4711"}, False), ({"X-Country": "kp"}, False), ({"X-Country": "Korea"}, False), ({"X-Country": ""}, False),
    ({"Referer": "https://evil.example/page"}, False), ({"Referer": "https://www.evil.example/"}, False), ({"Referer": "https://notevil.example/"}, True),
    ({"User-Agent": "Mozilla/5.0 (compatible; badbot/2.1)"}, False), ({"User-Agent": "Mozilla/5.0"}, True),
    # Bytes that are no text hide nothing of what else there is.
    ({"User-Agent": b"\xff BadBot"}, False), ({"Referer": "https://evil.example/caf\u00e9".encode()}, False), ({"X-Forwarded-For": b"\xff, 192.0.2.9"}, False),
])
def test_lists(guarded, headers, allowed):
    for target in ["/demo/photo.jpg?tr=w-20", "/demo/photo.jpg?tr=orig-true", signed("/demo/photo.jpg")]:
        answer = guarded.request("GET", target, {**FORWARDED, **headers})
        if allowed:
            assert answer.status == 200 and "public" not in answer.headers["Cache-Control"] and answer.headers["CDN-Cache-Control"] is None, answer
            assert answer.headers["Surrogate-Key"] is None
        else:
            refused(answer, 403)
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["ETag"] is None
    absent = guarded.request("GET", "/demo/absent.jpg", {**FORWARDED, **headers})
    refused(absent, 404 if allowed else 403)
    assert absent.headers["Cache-Control"] == "no-store"


def test_lists_are_for_files_alone(guarded):
    assert guarded.request("GET", "/v1/files", {**BASIC, "X-Forwarded-For": "192.0.2.9", "User-Agent": "badbot"}).status == 200


def test_an_address_is_believed_from_proxies_alone(start, tmp_path):
    countries = tmp_path / "countries.mmdb"
    countries.write_bytes(geoip.database("127.0.0.0/8", {"country": {"iso_code": "DE"}}))
    server = start(geoip_file=str(countries), blocked_countries="DE", country_header="")
    server.upload((FILES / "photo.jpg").read_bytes(), "photo.jpg")
    for headers in [{}, {"X-Forwarded-For": "198.51.100.1"}, {"X-Real-IP": "198.51.100.1"}, {"Forwarded": "for=198.51.100.1"}, {"CF-IPCountry": "US"}, {"X-Country": "US"}]:
        refused(server.request("GET", "/demo/photo.jpg", headers), 403)
    behind = start(geoip_file=str(countries), blocked_countries="DE", trusted_proxies="127.0.0.1")
    behind.upload((FILES / "photo.jpg").read_bytes(), "photo.jpg")
    assert behind.request("GET", "/demo/photo.jpg", {"X-Forwarded-For": "198.51.100.1"}).status == 200, "the file does not know it"
    refused(behind.request("GET", "/demo/photo.jpg", {"X-Forwarded-For": "127.9.9.9"}), 403)


def test_a_file_of_countries_that_is_none(tmp_path):
    (tmp_path / "countries.mmdb").write_bytes(b"no such file")
    with pytest.raises(RuntimeError, match="is no database in MaxMind's format"):
        Server(geoip_file=str(tmp_path / "countries.mmdb"), blocked_countries="DE")


def test_what_needs_a_signature(start):
    server = start(restrict_unsigned="transformations", restrict_unsigned_videos="all")
    server.upload((FILES / "photo.jpg").read_bytes(), "photo.jpg")
    for target, needed in [("/demo/photo.jpg", False), ("/demo/photo.jpg?tr=orig-true", False), ("/demo/photo.jpg?tr=n-ik_ml_thumbnail", False),
                           ("/demo/photo.jpg?tr=w-20", True), ("/demo/tr:w-20/photo.jpg", True)]:
        answer = server.get(target)
        if needed:
            refused(answer, 401)
            assert answer.headers["Cache-Control"] == "no-store"
            assert server.get(signed(target)).status == 200
        else:
            assert answer.status == 200
    everything = start(restrict_unsigned="all")
    for target in ["/demo/absent.jpg", "/demo/", "/demo/x?tr=w-20"]:
        answer = everything.get(target)
        assert answer.status == (404 if target == "/demo/" else 401), "who may not have it does not learn whether it is there"


def test_names_alone(start):
    server = start(restrict_unnamed="true")
    server.upload((FILES / "photo.jpg").read_bytes(), "photo.jpg")
    assert server.get("/demo/photo.jpg").status == 200
    assert server.get("/demo/photo.jpg?tr=n-ik_ml_thumbnail").status == 200
    refused(server.get(signed("/demo/photo.jpg?tr=w-20")), 400)
    assert b"n-<name>" in server.get("/demo/tr:n-ik_ml_thumbnail,w-20/photo.jpg").body


@pytest.fixture(scope="module")
def domains():
    running = Server(domains="images.shop.example, products.shop.example=products")
    running.upload((FILES / "photo.jpg").read_bytes(), "photo.jpg", folder="/v1")
    running.upload((FILES / "photo.jpg").read_bytes(), "hidden.jpg", isPrivateFile="true")
    made = running.request("POST", "/v1/accounts/url-endpoints", {**BASIC, "Content-Type": "application/json"},
                           b'{"description": "products", "urlPrefix": "products"}')
    assert made.status == 201, made
    yield running
    running.stop()


@pytest.mark.parametrize("host, target, expected", [
    ("images.shop.example", "/v1/photo.jpg?tr=w-20", ("JPEG", 20, 13)), ("IMAGES.shop.example:8080", "/tr:w-20/v1/photo.jpg", ("JPEG", 20, 13)),
    ("images.shop.example", "/products/v1/photo.jpg?tr=w-20", ("JPEG", 20, 13)), ("products.shop.example.", "/v1/photo.jpg?tr=w-20", ("JPEG", 20, 13)),
    ("127.0.0.1", "/demo/v1/photo.jpg?tr=w-20", ("JPEG", 20, 13)), ("other.example", "/demo/v1/photo.jpg?tr=w-20", ("JPEG", 20, 13)),
    ("images.shop.example", "/demo/v1/photo.jpg", 404), ("products.shop.example", "/products/v1/photo.jpg", 404), ("other.example", "/photo.jpg", 404),
    ("images.shop.example", "/v1/files", 404), ("images.shop.example", "/metrics", 404), ("images.shop.example", "/health/live", 404), ("images.shop.example", "/", 404),
    ("images.shop.example", "/../v1/files", 400), ("images.shop.example", "/%2e%2e/v1/files", 400), ("products.shop.example", "/../v1/photo.jpg", 400),
])
def test_hosts_that_stand_for_a_place(domains, host, target, expected):
    answer = domains.request("GET", target, {"Host": host, **BASIC})
    assert (answer.status if isinstance(expected, int) else seen(answer)) == expected, answer


@pytest.mark.parametrize("host, target, rest", [
    ("images.shop.example", "/hidden.jpg", "hidden.jpg"), ("images.shop.example", "/products/hidden.jpg?tr=w-20", "hidden.jpg?tr=w-20"),
    ("products.shop.example", "/hidden.jpg?tr=w-20", "hidden.jpg?tr=w-20"),
])
def test_signatures_are_made_below_the_host(domains, host, target, rest):
    assert domains.request("GET", target, {"Host": host}).status == 401
    signature = hmac.new(PRIVATE_KEY.encode(), f"{rest}9999999999".encode(), hashlib.sha1).hexdigest()
    url = f"{target}{'&' if '?' in target else '?'}ik-s={signature}"
    assert domains.request("GET", url, {"Host": host}).status == 200
    assert domains.request("GET", url.replace("hidden", "other"), {"Host": host}).status == 401


def test_answers_have_urls_of_the_first_host_of_the_account(domains):
    port = domains.port
    uploaded = domains.upload((FILES / "photo.jpg").read_bytes(), "shown \u00e9.jpg", folder="/shown").json()
    place = f"http://images.shop.example:{port}"
    path = urllib.parse.quote(uploaded["filePath"])
    assert path.endswith("%C3%A9.jpg") and uploaded["url"] == place + path, uploaded
    assert uploaded["thumbnailUrl"] == f"{place}/tr:n-ik_ml_thumbnail{path}"
    details = domains.api(f"/v1/files/{uploaded['fileId']}/details").json()
    listed, = domains.listed("path=/shown")
    version, = domains.api(f"/v1/files/{uploaded['fileId']}/versions").json()
    for file in [details, listed, version]:
        assert file["url"].startswith(f"{place}{path}?updatedAt=") and file["thumbnail"] == file["url"] + "&tr=n-ik_ml_thumbnail", file
        target = file["thumbnail"].removeprefix(place)
        assert seen(domains.request("GET", target, {"Host": f"images.shop.example:{port}"}))[0] == "JPEG"
    # Who has such a URL may ask about it.
    quoted = urllib.parse.quote(details["url"], safe="")
    assert domains.api(f"/v1/metadata?url={quoted}").json()["width"] == uploaded["width"]
    assert domains.request("POST", "/v1/files/purge", {**BASIC, "Content-Type": "application/json"}, json.dumps({"url": details["url"]})).status == 201


def test_purges_by_such_hosts(domains):
    for url, status in [("https://images.shop.example/v1/photo.jpg", 201), ("https://products.shop.example/v1/photo.jpg?tr=w-20", 201), ("https://other.example/a.jpg", 400)]:
        answer = domains.request("POST", "/v1/files/purge", {**BASIC, "Content-Type": "application/json"}, f'{{"url": "{url}"}}'.encode())
        assert answer.status == status, answer
