"""Delivery over HTTP: transformation, negotiation, caching headers, ranges, and refusals."""

import hashlib
import hmac
import time

import pytest

from picture import opened, seen
from server import FILES, PRIVATE_KEY

WEBP = "image/avif;q=0.1,image/webp,*/*"


@pytest.fixture(scope="module", autouse=True)
def files(server):
    for name in ["photo.jpg", "on-its-side.jpg", "alpha.png", "three-frames.gif", "photo.webp", "photo.avif", "truncated.jpg"]:
        answer = server.upload((FILES / name).read_bytes(), name, folder="/delivery")
        assert answer.status == 200, answer


@pytest.mark.parametrize("target, expected", [
    ("photo.jpg?tr=w-300", ("JPEG", 300, 200)),
    ("photo.jpg?tr=w-300,h-300", ("JPEG", 300, 300)),
    ("photo.jpg?tr=w-300,h-300,c-at_max", ("JPEG", 300, 200)),
    ("photo.jpg?tr=w-300,h-300,c-at_least", ("JPEG", 450, 300)),
    ("photo.jpg?tr=w-300,h-300,c-force", ("JPEG", 300, 300)),
    ("photo.jpg?tr=w-2400,h-2400,c-at_max", ("JPEG", 1200, 800)),
    ("photo.jpg?tr=w-300,h-300,cm-pad_resize,bg-F6F6F6", ("JPEG", 300, 300)),
    ("photo.jpg?tr=w-250,h-250,cm-extract,x-40,y-60", ("JPEG", 250, 250)),
    ("photo.jpg?tr=w-480,ar-16-9", ("JPEG", 480, 270)),
    ("photo.jpg?tr=h-0.25", ("JPEG", 300, 200)),
    ("photo.jpg?tr=w-150,h-100,dpr-2", ("JPEG", 300, 200)),
    ("photo.jpg?tr=w-300,h-200:rt-90", ("JPEG", 200, 300)),
    ("photo.jpg?tr=w-iw_div_4", ("JPEG", 300, 200)),
    ("photo.jpg?tr=w-300,f-png", ("PNG", 300, 200)),
    ("photo.jpg?tr=w-300,f-webp", ("WEBP", 300, 200)),
    ("photo.jpg?tr=w-300,f-avif", ("AVIF", 300, 200)),
    ("alpha.png?tr=w-120", ("PNG", 120, 80)),
    ("alpha.png?tr=w-120,f-jpg", ("JPEG", 120, 80)),
    ("photo.webp?tr=w-150,f-jpg", ("JPEG", 150, 100)),
    ("photo.avif?tr=w-150,f-jpg", ("JPEG", 150, 100)),
    ("three-frames.gif?tr=w-32,f-png", ("PNG", 32, 24)),
    ("on-its-side.jpg?tr=w-100", ("JPEG", 100, 150)),
])
def test_sizes_and_formats(server, target, expected):
    assert seen(server.get(f"/demo/delivery/{target}")) == expected


@pytest.mark.parametrize("target", [
    "/demo/tr:w-300,h-100/delivery/photo.jpg", "/demo/delivery/tr:w-300,h-100/photo.jpg", "/demo/delivery/photo.jpg/tr:w-300,h-100",
    "/demo/delivery/photo.jpg?tr=w-300,h-100", "/demo/delivery/photo.jpg?v=1&tr=w-300%2Ch-100", "/demo/tr:w-300/delivery/photo.jpg?tr=h-100,w-300",
])
def test_places_of_the_transformation(server, target):
    assert seen(server.get(target)) == ("JPEG", 300, 100)


def test_a_turned_photograph_stands_upright(server):
    picture = opened(server.get("/demo/delivery/on-its-side.jpg?tr=w-100,f-png").body).convert("RGB")
    # Stored red-lime over blue-white, turned a quarter clockwise: blue-red over white-lime.
    corners = [picture.getpixel(p) for p in [(20, 20), (80, 20), (20, 130), (80, 130)]]
    expected = [(0, 0, 255), (255, 0, 0), (255, 255, 255), (0, 255, 0)]
    for seen_color, color in zip(corners, expected, strict=True):
        assert max(abs(a - b) for a, b in zip(seen_color, color, strict=True)) < 40, corners


def test_transparency_survives(server):
    picture = opened(server.get("/demo/delivery/alpha.png?tr=w-120,f-webp").body)
    assert picture.mode == "RGBA" and picture.getpixel((60, 2))[3] < 20 and picture.getpixel((60, 77))[3] > 235


@pytest.mark.parametrize("accept, tr, kind", [
    ("image/webp,*/*", "w-40", "WEBP"), ("image/avif,image/webp,*/*", "w-41", "WEBP"), ("*/*", "w-42", "JPEG"),
    ("image/*", "w-43", "JPEG"), (None, "w-44", "JPEG"), ("image/webp", "w-45,f-jpg", "JPEG"), ("image/webp", "w-46,f-auto", "WEBP"),
])
def test_negotiation(server, accept, tr, kind):
    answer = server.get(f"/demo/delivery/photo.jpg?tr={tr}", **({"Accept": accept} if accept else {}))
    assert seen(answer)[0] == kind
    if "f-jpg" not in tr:
        assert "accept" in answer.headers["Vary"].lower()


def test_avif_is_offered_when_switched_on(start):
    server = start(avif="true")
    server.upload((FILES / "photo.jpg").read_bytes(), "photo.jpg")
    assert seen(server.get("/demo/photo.jpg?tr=w-64", Accept="image/avif,image/webp"))[0] == "AVIF"
    assert seen(server.get("/demo/photo.jpg?tr=w-64", Accept="image/webp"))[0] == "WEBP"


@pytest.mark.parametrize("target", ["photo.jpg?tr=w-70", "photo.jpg?tr=orig-true"])
def test_validators_and_head(server, target):
    whole = server.get(f"/demo/delivery/{target}")
    tag = whole.headers["ETag"]
    assert whole.status == 200 and tag and int(whole.headers["Content-Length"]) == len(whole.body)
    assert "max-age=31536000" in whole.headers["Cache-Control"]
    for sent in [tag, "*", f'"other", {tag}', "W/" + tag.removeprefix("W/")]:
        answer = server.get(f"/demo/delivery/{target}", If_None_Match=sent)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag), sent
    assert server.get(f"/demo/delivery/{target}", If_None_Match='"other"').body == whole.body
    head = server.request("HEAD", f"/demo/delivery/{target}")
    assert (head.status, head.body) == (200, b"")
    for name in ["Content-Length", "Content-Type", "ETag", "Cache-Control"]:
        assert head.headers[name] == whole.headers[name], name


def test_answers_from_memory_say_what_others_say(server):
    """The ways of GET and HEAD part where the bytes are in memory."""
    target = "/demo/delivery/photo.jpg?tr=w-71,di-x,ik-attachment-true"
    changing = {"date", "server-timing", "x-request-id", "x-ik-requestid", "x-tintype-cache"}

    def fields(answer):
        return {name.lower(): value for name, value in answer.headers.items() if name.lower() not in changing}

    assert server.get(target).status == 200
    for sent in [{}, {"If_None_Match": "*"}, {"If_Modified_Since": "Fri, 31 Dec 2999 23:59:59 GMT"}, {"Accept": "image/webp"}]:
        server.get(target, **sent)
        # Decisions end when anything changes, so one of a few is sure to have been remembered.
        whole = [server.get(target, **sent) for _ in range(3)]
        head = server.request("HEAD", target, {name.replace("_", "-"): value for name, value in sent.items()})
        for answer in whole:
            assert (answer.status, fields(answer)) == (head.status, fields(head)), sent
            assert answer.headers["X-Request-Id"] and answer.headers["Server-Timing"].startswith("total;dur=")
        assert len({answer.headers["X-Request-Id"] for answer in whole}) == len(whole)


def test_ranges_of_originals(server, photo):
    target, size = "/demo/delivery/photo.jpg?tr=orig-true", len(photo)
    assert server.get(target).headers["Accept-Ranges"] == "bytes"
    for sent, start, end in [("bytes=0-99", 0, 99), ("bytes=100-", 100, size - 1), ("bytes=-100", size - 100, size - 1),
                             ("bytes=0-99999999", 0, size - 1)]:
        answer = server.get(target, Range=sent)
        assert answer.status == 206 and answer.body == photo[start:end + 1], (sent, answer)
        assert answer.headers["Content-Range"] == f"bytes {start}-{end}/{size}"
    beyond = server.get(target, Range=f"bytes={size}-")
    assert beyond.status == 416 and beyond.headers["Content-Range"] == f"bytes */{size}"
    tag = server.get(target).headers["ETag"]
    assert server.get(target, Range="bytes=0-9", If_Range=tag).status == 206
    changed = server.get(target, Range="bytes=0-9", If_Range='"other"')
    assert (changed.status, changed.body) == (200, photo)
    for nonsense in ["bytes=9-0", "lines=1-2", "bytes=", "bytes=a-b"]:
        assert server.get(target, Range=nonsense).status in (200, 416), nonsense


def refused(answer, status, code=None):
    assert answer.status == status, answer
    assert answer.headers["ik-error"], answer
    if code:
        assert answer.headers["ik-error"].startswith(code), answer
    assert "max-age=31536000" not in (answer.headers["Cache-Control"] or "")


def test_missing_files(server):
    for target in ["/demo/none.jpg", "/demo/none.jpg?tr=w-100", "/demo/tr:w-100/no/such/file", "/demo/delivery"]:
        refused(server.get(target), 404, "ENOENT")


@pytest.mark.parametrize("target", ["/demo/..%2F..%2Fetc/passwd", "/demo/%2E%2E/etc/passwd", "/demo/../etc/passwd", "/demo/a/./b.jpg"])
def test_paths_that_climb(server, target):
    refused(server.get(target), 400)


@pytest.mark.parametrize("tr", ["l-text,i-hello", "l-nothing,i-a,l-end", "l-image,l-end", "oi-logo.png", "w-iw_div_0", "n-no_such_name",
                                "w-60000,h-60000", ":".join(["w-10"] * 21), "w-" + "1" * 9000])
def test_transformations_that_are_always_wrong(server, tr):
    refused(server.get(f"/demo/delivery/photo.jpg?tr={tr}"), 400)


@pytest.mark.parametrize("tr", ["wdth-300", "w-abc", "w-99999", "q-900"])
def test_unknown_or_impossible_values_are_lenient_by_default(server, tr):
    answer = server.get(f"/demo/delivery/photo.jpg?tr=h-100,{tr}")
    assert seen(answer) == ("JPEG", 150, 100) and tr in answer.headers["x-tintype-ignored"]


@pytest.mark.parametrize("tr", ["wdth-300", "w-abc", "w-99999", "w_300", "q-900"])
def test_unknown_or_impossible_values_are_refused_when_strict(strict_server, tr):
    refused(strict_server.get(f"/demo/photo.jpg?tr=h-100,{tr}"), 400)


@pytest.fixture(scope="module")
def strict_server():
    from server import Server

    running = Server(strict="true")
    running.upload((FILES / "photo.jpg").read_bytes(), "photo.jpg")
    yield running
    running.stop()


def test_a_truncated_picture_is_a_picture_or_a_clear_error(server):
    answer = server.get("/demo/delivery/truncated.jpg?tr=w-100")
    if answer.status == 200:
        assert seen(answer)[1:] == (100, 67)
    else:
        refused(answer, 415)
    assert server.get("/demo/delivery/truncated.jpg?tr=orig-true").body == (FILES / "truncated.jpg").read_bytes()


def test_an_image_bomb_is_refused_by_its_header(server):
    before = server.memory_kib("VmHWM")
    uploaded = server.upload((FILES / "bomb.png").read_bytes(), "bomb.png")
    assert uploaded.status == 200, uploaded
    refused(server.get("/demo/bomb.png?tr=w-100"), 400, "ELIMIT")
    refused(server.get("/demo/tr:f-webp/bomb.png"), 400, "ELIMIT")
    assert server.memory_kib("VmHWM") - before < 64 * 1024


def signed(target, expire=None):
    """The target with a signature, made by the contract's recipe from its part after the endpoint."""
    rest = target.removeprefix("/demo/")
    digest = hmac.new(PRIVATE_KEY.encode(), f"{rest}{expire or 9999999999}".encode(), hashlib.sha1).hexdigest()
    return target + ("&" if "?" in target else "?") + (f"ik-t={expire}&" if expire else "") + f"ik-s={digest}"


def test_signatures(server):
    target = "/demo/delivery/photo.jpg?tr=w-55,h-55"
    later, past = int(time.time()) + 600, int(time.time()) - 10
    assert server.get(signed(target)).status == 200
    assert server.get(signed(target, later)).status == 200
    assert server.get(signed("/demo/tr:w-55%2Ch-55/delivery/photo.jpg")).status == 200
    refused(server.get(signed(target, past)), 401)
    refused(server.get(signed(target).replace("w-55", "w-56")), 401)
    refused(server.get(signed(target, later).replace(f"ik-t={later}", f"ik-t={later + 1}")), 401)
    refused(server.get(target + "&ik-s=" + "0" * 40), 401)


def test_private_files_need_one(server, photo):
    assert server.upload(photo, "private.jpg", isPrivateFile="true").status == 200
    for target in ["/demo/private.jpg", "/demo/private.jpg?tr=w-50", "/demo/private.jpg?tr=orig-true"]:
        refused(server.get(target), 401)
        answer = server.get(signed(target))
        assert answer.status == 200 and "public" not in answer.headers["Cache-Control"], answer


def test_a_replaced_file_is_delivered_at_once(server, photo):
    server.upload(photo, "replaced.jpg")
    first = server.get("/demo/replaced.jpg?tr=w-60")
    server.upload((FILES / "on-its-side.jpg").read_bytes(), "replaced.jpg")
    second = server.get("/demo/replaced.jpg?tr=w-60", If_None_Match=first.headers["ETag"])
    assert seen(first) == ("JPEG", 60, 40) and seen(second) == ("JPEG", 60, 90)


def test_attachments(server):
    answer = server.get("/demo/delivery/photo.jpg?tr=orig-true&ik-attachment=true")
    assert answer.headers["Content-Disposition"].startswith("attachment") and "photo.jpg" in answer.headers["Content-Disposition"]


def test_scripts_in_uploads_do_not_run(server):
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
    for name, content in [("evil.svg", svg), ("evil.html", b"<script>alert(1)</script>")]:
        assert server.upload(content, name).status == 200
        answer = server.get(f"/demo/{name}")
        assert answer.status == 200 and answer.headers["X-Content-Type-Options"] == "nosniff"
        assert b"<script" not in answer.body or "Content-Security-Policy" in answer.headers, answer
