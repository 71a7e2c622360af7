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
from services import REMOVEBG_KEY, Services, wait_until
from test_account import make_endpoint, make_origin
from test_edge import ended, purge, purge_of

pytestmark = pytest.mark.skipif(POSTGRES is None, reason="needs PostgreSQL: scripts/with-postgres.sh brings it")

MASTER = base64.b64encode(bytes(range(32))).decode()


class Nodes:
    def __init__(self, folder, shared=False, **settings):
        self.s3 = S3()
        # Both know the same first keys and the same key that seals.
        self.settings = {"database_url": schema_for(folder), "blob_url": self.s3.blob_url(), "master_key": MASTER, "fetch_allow": "127.0.0.0/8",
                         **({"shared_renditions": self.s3.blob_url("renditions")} if shared else {}), **settings}
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


def claiming():
    """How many servers have asked for claims."""
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%lock({CLAIMS},%' AND pid <> pg_backend_pid()"
    return int(subprocess.run([PSQL, "-qAt", POSTGRES, "-c", sql], check=True, capture_output=True, text=True).stdout)


class Asked(threading.Thread):
    """Asks a node for a result of a service, again while it is being prepared, until there is an answer or no node."""

    def __init__(self, node, target):
        super().__init__()
        self.node, self.target, self.seen = node, target, None
        self.start()

    def run(self):
        try:
            while "is-intermediate-response" in (answer := self.node.get(self.target)).headers:
                pass
            self.seen = seen(answer)
        except (OSError, http.client.HTTPException) as error:
            self.seen = type(error)


def test_a_service_is_paid_once_for_all(tmp_path, photo):
    services, gate = Services(), threading.Event()
    nodes = Nodes(str(tmp_path), removebg_key=REMOVEBG_KEY, removebg_url=services.url + "/v1.0/removebg")
    cut = lambda body: services.removebg({"X-Api-Key": REMOVEBG_KEY}, body)
    held = lambda body: gate.wait(60) and cut(body)
    target = "/demo/cut.jpg?tr=e-removedotbg:w-30,f-png"
    outcomes = lambda node: dict(re.findall(r'tintype_ai_results_total\{outcome="(\w+)"\} (\d+)', node.get("/metrics").body.decode()))
    try:
        first, second = nodes.all
        assert first.upload(photo, "cut.jpg").status == 200
        # Both want it while it is being made.
        services.answers["removebg"] = [held]
        both = [Asked(node, target) for node in nodes.all]
        wait_until(lambda: services.asked)
        wait_until(lambda: claiming() == 2)
        gate.set()
        for one in both:
            one.join()
            assert one.seen == ("PNG", 30, 20)
        assert services.asked == ["removebg"]
        assert sorted(list(outcomes(node).items()) for node in nodes.all) == [[("made", "1")], [("shared", "1")]]

        # A server that comes later, and one of its own steps from there.
        third = Server(**nodes.settings)
        nodes.all.append(third)
        assert seen(third.get("/demo/cut.jpg?tr=e-removedotbg:w-60,f-png")) == ("PNG", 60, 40) and services.asked == ["removebg"]

        # Damage is found out, and costs one question more.
        result, = (nodes.s3.bucket / "blobs" / "derived").rglob("*.result")
        result.write_bytes(result.read_bytes()[:-1])
        fourth = Server(**nodes.settings)
        nodes.all.append(fourth)
        assert seen(fourth.get(target)) == ("PNG", 30, 20) and services.asked == ["removebg"] * 2
    finally:
        gate.set()
        nodes.stop()
        services.stop()


def test_when_the_maker_dies_another_one_asks_the_service(tmp_path, photo):
    services, gate = Services(), threading.Event()
    nodes = Nodes(str(tmp_path), removebg_key=REMOVEBG_KEY, removebg_url=services.url + "/v1.0/removebg")
    held = lambda body: gate.wait(60) and services.removebg({"X-Api-Key": REMOVEBG_KEY}, body)
    target = "/demo/dead.jpg?tr=e-removedotbg:w-30,f-png"
    try:
        first, second = nodes.all
        assert first.upload(photo, "dead.jpg").status == 200
        services.answers["removebg"] = [held]
        made = Asked(first, target)
        wait_until(lambda: services.asked)
        waiting = Asked(second, target)
        wait_until(lambda: claiming() == 2)
        first.process.kill()
        first.process.wait()
        waiting.join()
        assert waiting.seen == ("PNG", 30, 20) and services.asked == ["removebg"] * 2
        made.join()
    finally:
        gate.set()
        nodes.stop()
        services.stop()


def test_a_file_of_an_origin_is_fetched_once_for_both(tmp_path, website, photo):
    nodes = Nodes(str(tmp_path), shared=True)
    try:
        first, second = nodes.all
        website.pages["/a.jpg"] = website.pages["/a.jpg?x=1"] = (200, {}, photo)
        website.pages["/hidden.jpg"] = (200, {"Is-Private-File": "true"}, photo)
        make_endpoint(first, "old", make_origin(first, type="WEB_FOLDER", baseUrl=website.url)["id"])
        wait_until(lambda: second.get("/demo/old/a.jpg?tr=orig-true").status == 200)
        assert first.get("/demo/old/a.jpg?tr=orig-true").body == second.get("/demo/old/a.jpg?tr=orig-true").body == photo
        answers = at_once(nodes.all, [f"/demo/old/a.jpg?tr=w-{width}" for width in (90, 91)])
        assert {answer.status for _, answer in answers} == {200} and website.asked == ["/a.jpg"]
        # What the origin says of it goes along.
        assert [node.get("/demo/old/hidden.jpg").status for node in nodes.all] == [401, 401]
        wait_until(lambda: len(nodes.s3.objects("renditions/originals/paths")) == 2)
        assert [node.get("/demo/old/hidden.jpg").status for node in nodes.all] == [401, 401] and website.asked.count("/hidden.jpg") == 1
        # Anybody can make up queries: they are kept by each for itself.
        assert [node.get("/demo/old/a.jpg?x=1&tr=orig-true").status for node in nodes.all] == [200, 200] and website.asked.count("/a.jpg?x=1") == 2

        # A purge holds for the copy of all.
        website.pages["/a.jpg"] = (200, {}, photo + b"2")
        assert ended(second, purge(first, "/demo/old/a.jpg"))["status"] == "Completed"
        answers = at_once(nodes.all, ["/demo/old/a.jpg?tr=orig-true"])
        assert {answer.body for _, answer in answers} == {photo + b"2"} and website.asked.count("/a.jpg") == 2
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
