"""Origins that are slow, away, changing or dishonest, and what clients get then."""

import base64
import contextlib
import http.server
import json
import socketserver
import threading
import time

import pytest

from picture import seen
from s3 import ACCESS_KEY, SECRET_KEY, S3
from server import FILES, Server
from services import wait_until
from test_account import make_endpoint, make_origin, send
from test_edge import ended, purge


class Liar:
    """An origin that sends what `answers[path]` is, byte for byte: a list has one for each request, the last of which stays; a function is called. `asked` lists
    what was requested. `gate` holds what `held` makes."""

    def __init__(self):
        self.answers, self.asked, self.gate, self.lock = {}, [], threading.Event(), threading.Lock()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError):
                    while line := self.rfile.readline():
                        while self.rfile.readline().strip():
                            pass
                        keep = outer.answer(line.decode().split()[1], self.wfile)
                        if not keep:
                            return

        class Site(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size = True, 500

        self.site = Site(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.site.server_address[1]}"
        threading.Thread(target=self.site.serve_forever, daemon=True).start()

    def answer(self, path, out):
        with self.lock:
            self.asked.append(path)
            answer = self.answers.get(path, plain(b"nothing", "404 Not Found"))
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer = answer()
        out.write(answer)
        out.flush()
        return b"keep-alive" in answer

    def held(self, answer):
        def wait():
            assert self.gate.wait(60)
            return answer

        return wait

    def stop(self):
        self.gate.set()
        self.site.shutdown()
        self.site.server_close()


def plain(body, status="200 OK", length=None, more=""):
    length = len(body) if length is None else length
    more += "" if "Connection:" in more else "Connection: close\r\n"
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\n\r\n".encode() + body


@pytest.fixture
def liar():
    running = Liar()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shared():
    """One server for tests that change no settings: each has an endpoint of its own."""
    running = Server(fetch_allow="127.0.0.0/8")
    yield running
    running.stop()


def behind(server, url, prefix, **fields):
    """The path of an endpoint before an origin."""
    make_endpoint(server, prefix, make_origin(server, type="WEB_FOLDER", baseUrl=url, **fields)["id"])
    return f"/demo/{prefix}"


def in_background(work):
    """Does `work` in a thread; what it gives is in the list when the thread ends."""
    got = []
    thread = threading.Thread(target=lambda: got.append(work()))
    thread.start()
    return thread, got


def test_a_purge_during_a_fetch_leaves_no_stale_answer(shared, liar):
    base = behind(shared, liar.url, "purged")
    liar.answers["/a.txt"] = [liar.held(plain(b"old")), plain(b"new")]
    first, got_first = in_background(lambda: shared.get(f"{base}/a.txt").body)
    wait_until(lambda: liar.asked)
    assert ended(shared, purge(shared, f"{base}/a.txt"))["status"] == "Completed"
    # Who comes now joins the fetch that is under way, and may not have what comes of it.
    second, got_second = in_background(lambda: shared.get(f"{base}/a.txt").body)
    time.sleep(0.3)
    liar.gate.set()
    first.join()
    second.join()
    assert (got_first, got_second) == ([b"old"], [b"new"])
    assert shared.get(f"{base}/a.txt").body == b"new" and liar.asked == ["/a.txt"] * 2


@pytest.mark.parametrize("subject", [{"prefix": "/folder/b"}, {"folderPath": "/folder"}])
def test_files_of_origins_are_purged_by_path_too(shared, liar, subject):
    base = behind(shared, liar.url, "by-" + list(subject)[0].lower())
    liar.answers["/folder/b.txt"] = [plain(b"old"), plain(b"new")]
    liar.answers["/other/b.txt"] = [plain(b"old"), plain(b"new")]
    assert [shared.get(f"{base}/{folder}/b.txt").body for folder in ["folder", "other"]] == [b"old"] * 2
    asked = send(shared, "POST", "/v1/files/purge", subject)
    assert asked.status == 201 and ended(shared, asked.json()["requestId"])["status"] == "Completed"
    assert [shared.get(f"{base}/{folder}/b.txt").body for folder in ["folder", "other"]] == [b"new", b"old"]


def test_what_is_too_old_is_given_while_a_new_one_comes(start, liar):
    server = start(fetch_allow="127.0.0.0/8", origin_ttl="3")
    base = behind(server, liar.url, "swr")
    liar.answers["/a.txt"] = [plain(b"first"), liar.held(plain(b"second"))]
    assert server.get(f"{base}/a.txt").body == b"first"
    time.sleep(3.2)
    # Nobody waits for the origin, which does not answer.
    assert [server.get(f"{base}/a.txt").body for _ in range(3)] == [b"first"] * 3
    wait_until(lambda: len(liar.asked) == 2)
    liar.gate.set()
    wait_until(lambda: server.get(f"{base}/a.txt").body == b"second")
    assert len(liar.asked) == 2


def test_what_is_too_old_is_given_while_the_origin_fails(start, liar):
    server = start(fetch_allow="127.0.0.0/8", origin_ttl="1")
    base = behind(server, liar.url, "sie")
    liar.answers["/a.txt"] = [plain(b"here"), plain(b"broken", "500 Internal Server Error")]
    liar.answers["/new.txt"] = plain(b"broken", "500 Internal Server Error")
    assert server.get(f"{base}/a.txt").body == b"here"
    time.sleep(2.2)
    assert server.get(f"{base}/a.txt").body == b"here"
    failed = server.get(f"{base}/new.txt")
    assert failed.status == 404 and failed.headers["Cache-Control"] == "no-store" and b"500" not in failed.body
    # A purge says that what was kept is not good any more, and nothing stands in for it.
    ended(server, purge(server, f"{base}/a.txt"))
    assert server.get(f"{base}/a.txt").status == 404
    # It recovers as soon as the origin does, and an absence is an absence.
    liar.answers["/a.txt"] = plain(b"again")
    wait_until(lambda: server.get(f"{base}/a.txt").body == b"again", 30)
    liar.answers["/a.txt"] = plain(b"", "404 Not Found")
    wait_until(lambda: server.get(f"{base}/a.txt").status == 404, 30)


def test_too_many_at_once_are_told_to_come_again(shared, liar):
    base = behind(shared, liar.url, "queued")
    for number in range(400):
        liar.answers[f"/{number}.txt"] = liar.held(plain(b"%d" % number))
    fetching = [in_background(lambda number=number: shared.get(f"{base}/{number}.txt")) for number in range(400)]
    # 64 are fetched, 256 wait, and the rest is refused at once.
    refused = wait_until(lambda: len(found := [got[0] for _, got in fetching if got]) >= 80 and found)
    assert {answer.status for answer in refused} == {503} and all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert all(answer.headers["Cache-Control"] == "no-store" for answer in refused)
    # Files of the library do not wait for them.
    assert shared.upload(b"mine", "beside.txt").status == 200 and shared.get("/demo/beside.txt").body == b"mine"
    liar.gate.set()
    for thread, _ in fetching:
        thread.join()
    served = [(number, got[0]) for number, (_, got) in enumerate(fetching) if got[0].status == 200]
    assert len(served) == 320 and all(answer.body == b"%d" % number for number, answer in served)
    assert shared.get(f"{base}/0.txt").status == 200


def test_metadata_of_a_file_that_only_an_origin_has(shared, liar, photo):
    base = behind(shared, liar.url, "facts")
    liar.answers["/p.jpg"] = plain(photo)
    url = f"{shared.url}{base}/p.jpg"
    found = shared.api(f"/v1/metadata?url={url}")
    assert found.status == 200 and (found.json()["width"], found.json()["height"], found.json()["format"]) == (1200, 800, "jpg")
    assert found.json()["size"] == len(photo)
    small = shared.api(f"/v1/metadata?url={url.replace('/facts/', '/facts/tr:w-90/')}").json()
    assert (small["width"], small["height"]) == (90, 60)
    assert shared.api(f"/v1/metadata?url={url}x").status in (400, 404)
    assert liar.asked.count("/p.jpg") == 1


def test_an_origin_that_lies_about_its_length(shared, liar):
    base = behind(shared, liar.url, "lies")
    good = plain(b"good")
    chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    evil = plain(b"evil")
    lies = {
        # The connection ends before all of it came.
        "/short.txt": plain(b"sho", length=100),
        "/chunk.txt": (chunked + "\r\n5\r\nabc").encode(),
        "/unended.txt": (chunked + "\r\n3\r\nabc\r\n").encode(),
        # Two lengths.
        "/two.txt": plain(b"abc", more="Content-Length: 2\r\n"),
        "/minus.txt": plain(b"abc", length=-3),
        "/no.txt": b"HTTP/1.1 200 OK\r\nContent-Le",
        "/empty.txt": b"",
    }
    for path, lie in lies.items():
        liar.answers[path] = [lie, good]
        answer = shared.get(base + path)
        assert answer.status == 404 and answer.headers["ik-error"], (path, answer)
        # Nothing of it was kept, and the origin is asked again at once.
        assert shared.get(base + path).body == b"good", path
    # What is more than was announced is not taken, and is no answer to the next question.
    liar.answers["/long.txt"] = plain(b"long", more="Connection: keep-alive\r\n") + evil
    for number in range(5):
        liar.answers[f"/n{number}.txt"] = good
        liar.answers[f"/long{number}.txt"] = liar.answers["/long.txt"]
        assert shared.get(f"{base}/long{number}.txt").body == b"long"
        assert shared.get(f"{base}/n{number}.txt").body == b"good"


def test_an_origin_that_hangs_does_not_hold_others_up(shared, liar):
    base = behind(shared, liar.url, "hangs")
    liar.answers["/never.txt"] = liar.held(b"")
    liar.answers["/now.txt"] = plain(b"now")
    waiting, got = in_background(lambda: shared.get(f"{base}/never.txt"))
    wait_until(lambda: liar.asked)
    assert shared.get(f"{base}/now.txt").body == b"now"
    waiting.join()
    assert got[0].status == 404 and got[0].headers["ik-error"].startswith("ECONNREFUSED - ") and "in time" in got[0].headers["ik-error"]


INSIDE = ["http://169.254.169.254/latest/meta-data/iam/security-credentials/", "http://[::ffff:169.254.169.254]/latest/", "http://[fd00:ec2::254]/latest/",
          "http://100.100.100.200/latest/meta-data/", "http://2852039166/latest/", "http://[64:ff9b::a9fe:a9fe]/", "http://10.0.0.1/", "file:///etc/passwd",
          "gopher://127.0.0.1:6379/_INFO"]


def test_an_origin_that_sends_us_to_inner_addresses(shared, liar):
    base = behind(shared, liar.url, "moved")
    for number, place in enumerate(INSIDE):
        liar.answers[f"/{number}.jpg"] = plain(b"", "302 Found", more=f"Location: {place}\r\n")
        # And by a detour.
        liar.answers[f"/by/{number}.jpg"] = plain(b"", "307 Temporary Redirect", more=f"Location: /{number}.jpg\r\n")
        for path in [f"/{number}.jpg", f"/by/{number}.jpg"]:
            answer = shared.get(base + path)
            assert answer.status == 404 and answer.headers["ik-error"], (place, answer)
            # Who asks learns nothing of where that would have been.
            assert "169.254" not in str(answer) and "127.0.0.1" not in str(answer)
    liar.answers["/loop.jpg"] = plain(b"", "302 Found", more="Location: /loop.jpg\r\n")
    assert shared.get(f"{base}/loop.jpg").status == 404 and liar.asked.count("/loop.jpg") == 6


def test_an_origin_that_changes_its_answer(shared, liar, photo):
    """What was looked at is what is used: the file is fetched once, and everything is made of that."""
    base = behind(shared, liar.url, "changing-its-mind")
    large = (FILES / "photo.jpg").read_bytes()
    page = plain(b"<script>alert(1)</script>", more="Content-Type: text/html\r\n")
    liar.answers["/p.jpg"] = [plain(large, more="Content-Type: image/jpeg\r\n"), page]
    target = f"{base}/p.jpg"
    assert seen(shared.get(f"{target}?tr=w-90")) == ("JPEG", 90, 60)
    original = shared.get(f"{target}?tr=orig-true")
    assert original.body == large and original.headers["Content-Type"] == "image/jpeg"
    assert seen(shared.get(f"{target}?tr=w-60")) == ("JPEG", 60, 40)
    assert shared.api(f"/v1/metadata?url={shared.url}{target}").json()["width"] == 1200
    assert liar.asked == ["/p.jpg"]
    # The other answer is another file, and no picture.
    ended(shared, purge(shared, target))
    other = shared.get(target)
    assert other.body.startswith(b"<script>") and other.headers["X-Content-Type-Options"] == "nosniff"
    assert other.headers["Content-Type"] == "application/octet-stream"
    assert shared.get(f"{target}?tr=w-90").body.startswith(b"<script>")
    assert liar.asked == ["/p.jpg"] * 2


def test_a_bucket_that_lies_about_its_length(shared, liar):
    origin = make_origin(shared, type="S3_COMPATIBLE", bucket="shop", endpoint=liar.url, accessKey="k", secretKey="s", s3ForcePathStyle=True)
    make_endpoint(shared, "bucket", origin["id"])
    facts = "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    good = plain(b"good", more=facts)
    for path, lie in {
        "/short.txt": plain(b"sho", length=100, more=facts),
        "/none.txt": f"HTTP/1.1 200 OK\r\n{facts}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".encode(),
        "/hole.txt": f"HTTP/1.1 200 OK\r\n{facts}Content-Length: 12\r\n\r\nabc".encode(),
    }.items():
        liar.answers[f"/shop{path}"] = [lie, good]
        answer = shared.get(f"/demo/bucket{path}")
        assert answer.status == 404 and answer.headers["ik-error"], (path, answer)
        assert shared.get(f"/demo/bucket{path}").body == b"good", path


class Pim(http.server.BaseHTTPRequestHandler):
    """As much of Akeneo's API as reading files takes: a token for a user of a connection, files for whoever has the newest one."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/shop/api/oauth/v1/token" and self.headers["Content-Type"] == "application/json"
        given = self.headers["Authorization"] == "Basic " + base64.b64encode(b"1_id:client-secret").decode()
        if not given or body != {"grant_type": "password", "username": "reader", "password": "pim-password"}:
            return self.answer(422, b'{"code": 422, "message": "No user found for the given username and password"}')
        self.server.tokens += 1
        token = {"access_token": f"token-{self.server.tokens}", "expires_in": 3600, "token_type": "bearer", "scope": None, "refresh_token": "r"}
        self.answer(200, json.dumps(token).encode())

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.headers["Authorization"] != f"Bearer token-{self.server.tokens}":
            return self.answer(401, b'{"code": 401, "message": "The access token provided has expired."}')
        body = self.server.files.get(self.path.removeprefix("/shop/api/rest/v1/"))
        self.answer(404, b'{"code": 404, "message": "Media file does not exist."}') if body is None else self.answer(200, body)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_files_of_akeneo(shared, photo):
    pim = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pim)
    pim.tokens, pim.asked, pim.files = 0, [], {
        "media-files/1/6/b/d/16bd_a%20b.jpg/download": photo, "asset-media-files/7/a.txt": b"asset", "reference-entities-media-files/8/r.txt": b"record"}
    threading.Thread(target=pim.serve_forever, daemon=True).start()
    try:
        settings = dict(type="AKENEO_PIM", baseUrl=f"http://127.0.0.1:{pim.server_address[1]}/shop/", clientId="1_id", clientSecret="client-secret",
                        username="reader", password="pim-password")
        make_endpoint(shared, "pim", make_origin(shared, **settings)["id"])
        make_endpoint(shared, "pim-bad", make_origin(shared, **{**settings, "password": "wrong"})["id"])
        assert seen(shared.get("/demo/pim/media-files/1/6/b/d/16bd_a%20b.jpg?tr=w-90")) == ("JPEG", 90, 60)
        assert shared.get("/demo/pim/asset-media-files/7/a.txt").body == b"asset"
        # A token that was withdrawn is asked for anew.
        pim.tokens += 1
        assert shared.get("/demo/pim/reference-entities-media-files/8/r.txt").body == b"record" and pim.tokens == 3
        asked = len(pim.asked)
        for path in ["media-files/none.jpg", "products/1", "a.jpg"]:
            answer = shared.get(f"/demo/pim/{path}")
            assert answer.status == 404 and answer.headers["ik-error"].startswith("ENOENT - "), path
        assert pim.asked[asked:] == ["/shop/api/rest/v1/media-files/none.jpg/download"]
        refused = shared.get("/demo/pim-bad/asset-media-files/7/a.txt")
        assert refused.status == 404 and refused.headers["ik-error"].startswith("EACCES - ")
        assert not [secret for secret in ["client-secret", "pim-password", "token-1"] if secret in shared.log_text()]
    finally:
        pim.shutdown()
        pim.server_close()


def test_a_default_image_leads_out_of_no_folder(shared, website, photo):
    website.pages["/secret.jpg"] = website.pages["/img/..%5Csecret.jpg"] = (200, {}, photo)
    make_endpoint(shared, "climb", make_origin(shared, type="WEB_FOLDER", baseUrl=website.url + "/img")["id"])
    for path in ["..@@secret.jpg", "..%5Csecret.jpg", "..\\secret.jpg", "a@@..%5C..%5Csecret.jpg", "..%2Fsecret.jpg"]:
        assert shared.get(f"/demo/climb/none.jpg?tr=di-{path}").status in (400, 404), path
    assert set(website.asked) == {"/img/none.jpg"}


def test_a_backup_of_cloudinary(start, photo):
    s3 = S3()
    try:
        server = start(fetch_allow="127.0.0.0/8")
        keys = {"type": "CLOUDINARY_BACKUP", "bucket": "media", "accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
        origin = make_origin(server, **keys, prefix="backup/res/demo/image/upload", endpoint=s3.url)
        assert origin["endpoint"] == s3.url and "secretKey" not in origin
        make_endpoint(server, "old", origin["id"])
        make_endpoint(server, "moved", make_origin(server, **keys, prefix="backup/res/demo", endpoint=s3.url)["id"])
        backup = s3.bucket / "backup" / "res" / "demo"
        for name, content in [
            ("image/upload/shop/cat/998877.jpg", b"the one before"), ("image/upload/shop/cat/1371995958.jpg", photo), ("image/upload/shop/cat/1371995959.png", b"another format"),
            ("image/upload/shop/cat/kitten/1371999999.jpg", b"another file"), ("image/upload/plain.txt", b"as it is"),
        ]:
            (backup / name).parent.mkdir(parents=True, exist_ok=True)
            (backup / name).write_bytes(content)
        assert seen(server.get("/demo/old/shop/cat.jpg?tr=w-90")) == ("JPEG", 90, 60)
        for target, expected in [
            ("old/shop/cat.jpg", photo), ("moved/image/upload/shop/cat.jpg", photo), ("old/shop/cat/998877.jpg", b"the one before"),
            ("old/shop/cat/kitten.jpg", b"another file"), ("old/plain.txt", b"as it is"),
        ]:
            answer = server.get(f"/demo/{target}?tr=orig-true")
            assert answer.status == 200 and answer.body == expected, (target, answer)
        for target in ["old/shop/dog.jpg", "old/shop/cat.webp", "old/shop", "old/.jpg", "old/shop/..%2Fcat.jpg"]:
            assert server.get(f"/demo/{target}").status in (400, 404), target
        # The server's own rights are for Amazon, and not for whoever is named.
        for kind in [{**keys, "accessKey": "", "secretKey": ""}, keys]:
            refused = send(server, "POST", "/v1/accounts/origins", {"name": "Role", **kind, "endpoint": s3.url, "useIAMRole": True})
            assert refused.status == 400 and "useIAMRole" in refused.json()["message"], refused
    finally:
        s3.stop()


def test_floods_of_purges(start, photo):
    server = start(purge_limit="300")
    assert server.upload(photo, "p.jpg", folder="/flood").status == 200
    target = "/demo/flood/p.jpg?tr=w-90"
    assert seen(server.get(target)) == ("JPEG", 90, 60)
    # What is wrong costs nothing of the quota, however much of it comes.
    for body in [{}, {"url": ""}, {"url": "x"}, {"url": f"{server.url}/demo/*"}, {"url": f"{server.url}/demo/{'a' * 5000}"}, {"url": ["a"]},
                 {"url": "http://elsewhere.example/demo/a.jpg"}, {"url": f"{server.url}/demo/a.jpg", "tag": "a"}, {"tag": "a" * 5000}, {"tag": 1},
                 {"fileId": "nobody"}, {"prefix": " "}]:
        assert send(server, "POST", "/v1/files/purge", body).status == 400, body
    assert send(server, "POST", "/v1/files/purge", {"fileId": "0" * 24}).status == 404
    assert server.request("POST", "/v1/files/purge", {"Content-Type": "application/json"}, json.dumps({"folderPath": "/"})).status == 401
    ids, lock = [], threading.Lock()

    def ask(turn):
        for number in range(80):
            body = [{"url": f"{server.url}/demo/flood/{turn}/{number}.jpg"}, {"tag": f"t{turn}-{number}"}, {"prefix": f"/flood/{turn}/{number}"},
                    {"folderPath": f"/flood/{turn}/{number}"}][number % 4]
            answer = send(server, "POST", "/v1/files/purge", body)
            with lock:
                ids.append(answer)

    threads = [threading.Thread(target=ask, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in ids} == {201, 429} and [answer.status for answer in ids].count(201) == 300
    accepted = [answer.json()["requestId"] for answer in ids if answer.status == 201]
    assert all(ended(server, id)["status"] == "Completed" for id in accepted[::25] + accepted[-1:])
    # None of them was for this file.
    assert server.get(target).headers["X-Tintype-Cache"] in ("memory", "disk")
