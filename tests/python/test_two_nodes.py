"""Two servers on one PostgreSQL and one object storage, as behind a balancer."""

import base64
import hashlib
import http.client
import itertools
import json
import re
import subprocess
import threading
import urllib.parse

import pytest

from picture import seen
from s3 import S3
from server import BASIC, POSTGRES, PSQL, Server, schema_for
from services import wait_until
from test_edge import ended, purge, purge_of

pytestmark = pytest.mark.skipif(POSTGRES is None, reason="needs PostgreSQL: scripts/with-postgres.sh brings it")

MASTER = base64.b64encode(bytes(range(32))).decode()


class Nodes:
    def __init__(self, folder, shared=False):
        self.s3 = S3()
        # Both know the same first keys and the same key that seals.
        self.settings = {"database_url": schema_for(folder), "blob_url": self.s3.blob_url(), "master_key": MASTER, "fetch_allow": "127.0.0.0/8",
                         **({"shared_renditions": self.s3.blob_url("renditions")} if shared else {})}
        self.all = [Server(**self.settings) for _ in range(2)]

    def stop(self):
        for node in self.all:
            node.stop(ended_with=-9 if node.process.poll() == -9 else 0)
        self.s3.stop()


@pytest.fixture
def nodes(tmp_path):
    running = Nodes(str(tmp_path))
    yield running
    running.stop()


def send(node, method, path, body=None, headers=BASIC):
    headers = {**headers, "Content-Type": "application/json"}
    return node.request(method, path, headers, None if body is None else json.dumps(body))


def test_what_one_takes_in_the_other_delivers_and_deletes(nodes, photo):
    first, second = nodes.all
    file = first.upload(photo, "photo.jpg").json()
    assert seen(second.get("/demo/tr:w-90/photo.jpg")) == ("JPEG", 90, 60)
    assert second.get("/demo/photo.jpg?tr=orig-true").body == photo
    assert second.upload(photo + b"2", "photo.jpg").json()["fileId"] == file["fileId"]
    assert first.get("/demo/photo.jpg?tr=orig-true").body == photo + b"2"
    assert send(second, "DELETE", f"/v1/files/{file['fileId']}").status == 204
    assert first.get("/demo/photo.jpg").status == 404


def test_a_purge_reaches_both(nodes, photo):
    first, second = nodes.all
    assert first.upload(photo, "p.jpg", folder="/purged").status == 200
    target = "/demo/purged/p.jpg?tr=w-90"
    tiers = lambda node: node.get(target).headers["X-Tintype-Cache"]
    for node in nodes.all:
        assert tiers(node) == "miss" and tiers(node) == "memory"
    id = purge(first, "/demo/purged/p.jpg")
    # Made anew once, by each.
    wait_until(lambda: tiers(second) == "miss")
    wait_until(lambda: tiers(first) == "miss")
    assert [tiers(node) for node in nodes.all] == ["memory", "memory"]
    assert ended(second, id)["status"] == "Completed", "either knows how far it is"
    assert ended(first, id)["status"] == "Completed"
    assert [tiers(node) for node in nodes.all] == ["memory", "memory"], "and no purge comes twice"


def test_a_purge_of_a_tag_reaches_both(nodes, photo):
    first, second = nodes.all
    file = first.upload(photo, "t.jpg", folder="/tagged", tags="sea").json()["fileId"]
    assert first.upload(photo + b"2", "u.jpg", folder="/tagged").status == 200
    tiers = lambda name: [node.get(f"/demo/tagged/{name}.jpg?tr=w-91").headers["X-Tintype-Cache"] for node in nodes.all]
    for subject in [{"tag": "sea"}, {"fileId": file}, {"prefix": "/tagged/t"}]:
        tiers("t"), tiers("u")
        assert tiers("t") == tiers("u") == ["memory"] * 2
        assert ended(second, purge_of(first, **subject))["status"] == "Completed"
        assert tiers("t") == ["miss"] * 2 and tiers("u") == ["memory"] * 2, subject


def made(nodes):
    """Renditions that were made, by all nodes together."""
    lines = [line for node in nodes for line in node.get("/metrics").body.decode().splitlines() if line.startswith("tintype_renditions_total{")]
    return sum(int(line.split()[-1]) for line in lines)


def at_once(nodes, targets):
    """Asks every node for every target at the same moment."""
    ready, answers = threading.Barrier(len(nodes) * len(targets)), []

    def ask(node, target):
        ready.wait()
        answers.append((target, node.get(target)))

    threads = [threading.Thread(target=ask, args=(node, target)) for node in nodes for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_a_cold_rendition_is_made_once_for_both(tmp_path, photo):
    nodes = Nodes(str(tmp_path), shared=True)
    try:
        first, second = nodes.all
        assert first.upload(photo, "once.jpg").status == 200
        # How long that takes here is not known yet, and is found out first.
        targets = [f"/demo/once.jpg?tr=w-{width},f-avif" for width in range(900, 904)]
        for node in nodes.all:
            assert node.get(f"/demo/once.jpg?tr=w-{800 + nodes.all.index(node)},f-avif").status == 200
        before = made(nodes.all)
        answers = at_once(nodes.all, targets)
        assert {answer.status for _, answer in answers} == {200}
        for target in targets:
            bodies = {answer.body for asked, answer in answers if asked == target}
            assert len(bodies) == 1
        tiers = sorted(answer.headers["X-Tintype-Cache"] for _, answer in answers)
        assert made(nodes.all) - before == len(targets) and tiers == ["miss"] * 4 + ["shared"] * 4, tiers
        # A purge does not change that: it is made anew, once.
        assert ended(second, purge(first, "/demo/once.jpg"))["status"] == "Completed"
        before = made(nodes.all)
        at_once(nodes.all, targets[:1])
        assert made(nodes.all) - before == 1
    finally:
        nodes.stop()


CLAIMS = 0x74696E04


def test_who_holds_a_claim_and_does_nothing_holds_nobody_up(tmp_path, photo):
    """A connection that holds a claim, as that of a node does which hangs; and its end, as when it is killed."""
    nodes = Nodes(str(tmp_path), shared=True)
    ask = lambda sql: subprocess.run([PSQL, "-qAt", POSTGRES, "-c", sql], check=True, capture_output=True, text=True).stdout.strip()
    try:
        first, target = nodes.all[0], "/demo/held.jpg?tr=w-91"
        assert first.upload(photo, "held.jpg").status == 200
        made_anew = lambda: ended(first, purge(first, "/demo/held.jpg")) and first.get(target).headers["X-Tintype-Cache"]
        assert first.get(target).headers["X-Tintype-Cache"] == "miss"
        name, = wait_until(lambda: nodes.s3.objects("renditions"))
        key = int.from_bytes(hashlib.sha256(f"s3://media/renditions renditions/{name[:2]}/{name}".encode()).digest()[:4], "big", signed=True)
        outcomes = lambda: dict(re.findall(r'tintype_rendition_claims_total\{outcome="(\w+)"\} (\d+)', first.get("/metrics").body.decode()))
        assert outcomes() == {"ours": "1"}
        holder = subprocess.Popen([PSQL, "-qAt", POSTGRES, "-c", f"SELECT pg_advisory_lock({CLAIMS}, {key}), pg_sleep(600)"])
        wait_until(lambda: ask(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {CLAIMS}") == "1")
        try:
            assert made_anew() == "miss" and outcomes() == {"ours": "1", "given_up": "1"}
        finally:
            holder.kill()
            holder.wait()
        ask(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = {CLAIMS} AND objid = {key % 2**32}")
        assert made_anew() == "miss" and outcomes() == {"ours": "2", "given_up": "1"}
        # Without its connection a node opens another one.
        ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%lock({CLAIMS},%' AND pid <> pg_backend_pid()")
        assert made_anew() == "miss"
        assert made_anew() == "miss" and outcomes()["ours"] >= "3"
    finally:
        nodes.stop()


def test_what_one_has_made_the_other_finds(tmp_path, photo):
    nodes = Nodes(str(tmp_path), shared=True)
    try:
        first, second = nodes.all
        assert first.upload(photo, "s.jpg", folder="/shared").status == 200
        target = "/demo/shared/s.jpg?tr=w-90,f-webp"
        tier = lambda node: node.get(target).headers["X-Tintype-Cache"]
        assert tier(first) == "miss"
        wait_until(lambda: nodes.s3.objects("renditions"))
        assert tier(second) == "shared" and tier(second) == "memory"
        assert second.get(target).body == first.get(target).body
        assert 'tintype_renditions_total' not in second.get("/metrics").body.decode(), "it made none"
        # A purge holds for what lies there, too.
        id = purge(first, "/demo/shared/s.jpg")
        wait_until(lambda: tier(second) == "miss")
        ended(second, id)
    finally:
        nodes.stop()


def test_changes_of_the_account_reach_both(nodes, website):
    first, second = nodes.all
    website.pages["/pictures/note.txt"] = (200, {"Content-Type": "text/plain"}, b"from afar")
    origin = send(first, "POST", "/v1/accounts/origins", {"type": "WEB_FOLDER", "name": "Old site", "baseUrl": f"{website.url}/pictures"})
    assert origin.status == 201, origin
    endpoint = send(first, "POST", "/v1/accounts/url-endpoints",
                    {"description": "Old", "urlPrefix": "old", "origins": [origin.json()["id"]]})
    assert endpoint.status == 201, endpoint
    wait_until(lambda: second.get("/demo/old/note.txt").body == b"from afar")
    assert send(second, "DELETE", f"/v1/accounts/url-endpoints/{endpoint.json()['id']}").status == 204
    wait_until(lambda: first.get("/demo/old/note.txt").status == 404)

    key = send(first, "POST", "/v1/accounts/keys", {"name": "Node"}).json()
    basic = {"Authorization": "Basic " + base64.b64encode(f"{key['privateKey']}:".encode()).decode()}
    wait_until(lambda: second.request("GET", "/v1/files", basic).status == 200)
    assert send(second, "DELETE", f"/v1/accounts/keys/{key['id']}").status in (200, 204)
    wait_until(lambda: first.request("GET", "/v1/files", basic).status in (401, 403))


def test_killing_one_under_load_fails_no_request_that_is_tried_twice(nodes, photo):
    for name in ["a.jpg", "b.jpg"]:
        assert nodes.all[0].upload(photo, name).status == 200
    failed, answered, stop, numbers = [], itertools.count(), threading.Event(), itertools.count()
    survivor = nodes.all[1]

    def once(node, number):
        if number % 4 == 0:
            return node.upload(b"text %d" % number, f"t{number}.txt", folder="/load")
        if number % 4 == 1:
            return send(node, "GET", "/v1/files?" + urllib.parse.urlencode({"limit": 5}))
        return node.get(f"/demo/{'ab'[number % 2]}.jpg?tr=w-{20 + number % 200}")

    def client(turn):
        while not stop.is_set():
            number = next(numbers)
            try:
                answer = once(nodes.all[(turn + number) % 2], number)
            except (OSError, http.client.HTTPException):
                answer = None
            # As a balancer does: once more, by another node.
            if answer is None or answer.status >= 500:
                try:
                    answer = once(survivor, number)
                except (OSError, http.client.HTTPException) as error:
                    answer = error
            if getattr(answer, "status", 0) != 200:
                failed.append((number, answer))
            next(answered)

    clients = [threading.Thread(target=client, args=(turn,)) for turn in range(6)]
    for thread in clients:
        thread.start()
    count = lambda: int(repr(answered)[len("count("):-1])
    wait_until(lambda: count() > 150)
    nodes.all[0].process.kill()
    at = count()
    wait_until(lambda: count() > at + 300)
    stop.set()
    for thread in clients:
        thread.join()
    nodes.all[0].process.wait()
    assert failed == []
    # What was acknowledged by the one that is gone is there.
    assert survivor.get("/health/ready").status == 200
