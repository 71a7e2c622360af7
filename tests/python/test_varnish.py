"""A real Varnish before the server, with the VCL that we ship."""

import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from picture import seen
from server import BASIC, ROOT, Answer, Server
from services import wait_until
from test_edge import ended, purge, purge_of, sign

VARNISHD = shutil.which("varnishd") or shutil.which("varnishd", path="/usr/sbin")
KEY = "varnish-key-of-tests"
WEBP, PLAIN = "image/avif;q=0,image/webp,image/*", "image/png,*/*;q=0.5"

pytestmark = pytest.mark.skipif(VARNISHD is None, reason="there is no Varnish: scripts/setup.sh test installs it")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Varnish:
    def __init__(self, port, backend):
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        # Short, because a socket is in it.
        self.folder = tempfile.TemporaryDirectory(prefix="varnish-", dir="/tmp")
        shipped = ROOT / "deploy/varnish"
        shutil.copy(shipped / "tintype.vcl", self.folder.name)
        backends = (shipped / "backends.vcl").read_text().replace('.port = "8080"', f'.port = "{backend}"')
        (pathlib.Path(self.folder.name) / "backends.vcl").write_text(backends)
        self.log = open(pathlib.Path(self.folder.name) / "log", "wb")
        command = [VARNISHD, "-F", "-n", self.folder.name + "/n", "-a", f"127.0.0.1:{port}", "-p", f"vcl_path={self.folder.name}",
                   "-f", self.folder.name + "/tintype.vcl", "-s", "malloc,64m", "-j", "none"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, env={**os.environ, "TINTYPE_VARNISH_KEY": KEY})
        deadline = time.monotonic() + 30
        while True:
            try:
                if self.get("/v1/files").status == 401:
                    return
            except OSError:
                pass
            assert self.process.poll() is None and time.monotonic() < deadline, pathlib.Path(self.log.name).read_text()
            time.sleep(0.1)

    def request(self, method, target, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def get(self, target, **headers):
        return self.request("GET", target, **headers)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
        self.folder.cleanup()


@pytest.fixture(scope="module")
def pair():
    """A server, and a Varnish before it."""
    port = free_port()
    server = Server(public_url=f"http://127.0.0.1:{port}", varnish_urls=f"http://127.0.0.1:{port}", varnish_key=KEY, cache_tags="surrogate-key")
    varnish = Varnish(port, server.port)
    yield server, varnish
    varnish.stop()
    server.stop()


class At:
    """A server as one that is asked under another address."""

    def __init__(self, server, url):
        self.request, self.api, self.url = server.request, server.api, url


def replace(server, varnish, path, first, second):
    """Uploads a file, lets Varnish have it, uploads another in its place."""
    folder, name = path.rsplit("/", 1)
    assert server.upload(first, name, folder=folder).status == 200
    assert varnish.get(f"/demo{path}").body == first
    assert server.upload(second, name, folder=folder).status == 200
    assert varnish.get(f"/demo{path}").body == first, "Varnish keeps what it has until it is told"
    assert varnish.get(f"/demo{path}").headers["X-Cache"] == "HIT"


def test_a_purge_by_url_changes_what_varnish_serves(pair):
    server, varnish = pair
    replace(server, varnish, "/one/a.txt", b"first", b"second")
    replace(server, varnish, "/one/b.txt", b"first", b"second")
    assert varnish.get("/demo/tr:w-9/one/a.txt").body == b"second"
    assert ended(server, purge(At(server, varnish.url), "/demo/one/a.txt"))["status"] == "Completed"
    assert varnish.get("/demo/one/a.txt").body == b"second"
    assert varnish.get("/demo/tr:w-9/one/a.txt").headers["X-Cache"] == "MISS", "in all its forms"
    assert varnish.get("/demo/one/b.txt").body == b"first", "and nothing else"


def test_a_purge_by_wildcard(pair):
    server, varnish = pair
    for path in ["/wild/in/a.txt", "/wild/in/deep/b.txt", "/wild/out/c.txt"]:
        replace(server, varnish, path, b"first", b"second")
    assert ended(server, purge(At(server, varnish.url), "/demo/wild/in/*"))["status"] == "Completed"
    assert [varnish.get(f"/demo/wild/{path}").body for path in ["in/a.txt", "in/deep/b.txt", "out/c.txt"]] == [b"second", b"second", b"first"]


def test_purges_by_tag_prefix_folder_and_file(pair):
    server, varnish = pair

    def put(path, content, **fields):
        folder, name = path.rsplit("/", 1)
        return server.upload(content, name, folder=folder, **fields).json()["fileId"]

    def replaced(path, **fields):
        put(path, b"first", **fields)
        assert varnish.get(f"/demo{path}").body == b"first"
        return put(path, b"second", **fields)

    paths = ["/kinds/tag/a.txt", "/kinds/tag/b.txt", "/kinds/2026-01/c.txt", "/kinds/deep/er/d.txt", "/kinds/e.txt"]
    ids = [replaced(path, tags="sea,sand" if path.endswith("a.txt") else "seaside") for path in paths]
    now = lambda: "".join(varnish.get(f"/demo{path}").body.decode()[0] for path in paths)
    assert now() == "fffff"
    # By name, a prefix that ends within a name takes its folder along: here that is all of `/kinds`, and so it comes last.
    for subject, expected in [({"tag": "sea"}, "sffff"), ({"folderPath": "/kinds/deep"}, "sffsf"), ({"fileId": ids[4]}, "sffss"),
                              ({"prefix": "/kinds/2026-"}, "sssss")]:
        assert ended(server, purge_of(server, **subject))["status"] == "Completed"
        assert now() == expected, subject


def test_variants_are_kept_apart_and_purged_together(pair, photo):
    server, varnish = pair
    assert server.upload(photo, "v.jpg", folder="/variants").status == 200
    target = "/demo/variants/v.jpg?tr=w-60"
    formats = lambda: [(seen(answer)[0], answer.headers["X-Cache"]) for answer in [varnish.get(target, Accept=a) for a in [WEBP, PLAIN]]]
    assert formats() == [("WEBP", "MISS"), ("JPEG", "MISS")]
    assert formats() == [("WEBP", "HIT"), ("JPEG", "HIT")]
    # Spelt otherwise, the same is meant.
    assert varnish.get(target, Accept="text/html , image/webp;q=0.8").headers["X-Cache"] == "HIT"
    assert varnish.get(target, Accept="image/webp;q=0").headers["X-Cache"] == "HIT"
    assert seen(varnish.get(target, Accept="image/webp;q=0"))[0] == "JPEG"
    assert ended(server, purge(At(server, varnish.url), target))["status"] == "Completed"
    assert formats() == [("WEBP", "MISS"), ("JPEG", "MISS")]


def test_only_who_knows_the_key_may_ban_and_names_do_not_leave(pair):
    server, varnish = pair
    assert server.upload(b"here", "h.txt").status == 200
    assert varnish.get("/demo/h.txt").status == 200
    assert varnish.request("BAN", "/", X_Tintype_Ban_Url="^/").status == 403
    assert varnish.request("BAN", "/", X_Tintype_Ban_Url="^/", X_Tintype_Key="guessed").status == 403
    assert varnish.request("BAN", "/", X_Tintype_Ban_Url="^/(", X_Tintype_Key=KEY).status == 400
    answer = varnish.get("/demo/h.txt")
    assert answer.headers["X-Cache"] == "HIT"
    assert answer.headers["Surrogate-Key"] is None and answer.headers["X-Tintype-Url"] is None


def test_what_varnish_may_not_keep(pair):
    server, varnish = pair
    assert server.upload(b"mine", "mine.txt", isPrivateFile="true").status == 200
    for _ in range(2):
        answer = varnish.get(sign("/demo/mine.txt"))
        assert (answer.body, answer.headers["X-Cache"]) == (b"mine", "MISS")
    assert varnish.get("/demo/mine.txt").status == 401
    for _ in range(2):
        assert varnish.get("/v1/files").status == 401
    assert [varnish.get(path).status for path in ["/metrics", "//Metrics", "/health/ready"]] == [404] * 3


def test_changes_reach_varnish_by_themselves():
    port = free_port()
    server = Server(public_url=f"http://127.0.0.1:{port}", varnish_urls=f"http://127.0.0.1:{port}", varnish_key=KEY,
                    cache_tags="surrogate-key", cdn_purge_changes="true")
    varnish = Varnish(port, server.port)
    try:
        assert server.upload(b"first", "c.txt").status == 200
        assert varnish.get("/demo/c.txt").body == b"first"
        file = server.upload(b"second", "c.txt").json()["fileId"]
        wait_until(lambda: varnish.get("/demo/c.txt").body == b"second")
        assert server.request("DELETE", f"/v1/files/{file}", BASIC).status == 204
        wait_until(lambda: varnish.get("/demo/c.txt").status == 404)
    finally:
        varnish.stop()
        server.stop()
