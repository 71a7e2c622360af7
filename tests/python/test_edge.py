"""Caches in front of the server: the headers that are for them, and what they are told to forget."""

import hashlib
import hmac
import json
import os
import subprocess
import time

import pytest

from server import BASIC, BINARY, PRIVATE_KEY, Server
from services import wait_until
from vendors import CLOUDFLARE_TOKEN, SECRETS, Vendors, cloudflare, error

YEAR = "public, s-maxage=31536000, max-age=31536000, must-revalidate"
FOR_CACHES = ["CDN-Cache-Control", "Surrogate-Key", "Cache-Tag"]


@pytest.fixture
def vendors():
    running = Vendors()
    yield running
    running.stop()


def tag(kind, path, endpoint="/demo"):
    return f"{kind}-{hashlib.sha256(endpoint.encode() + bytes(1) + path.encode()).hexdigest()[:16]}"


def purge(server, path):
    return purge_of(server, url=server.url + path)


def purge_of(server, **subject):
    answer = server.request("POST", "/v1/files/purge", {**BASIC, "Content-Type": "application/json"}, json.dumps(subject))
    assert answer.status == 201 and list(answer.json()) == ["requestId"], answer
    return answer.json()["requestId"]


def ended(server, id):
    """The status of a purge, once it is no longer pending."""
    status = lambda: server.api(f"/v1/files/purge/{id}").json()
    return wait_until(lambda: (now := status())["status"] != "Pending" and now)


def sign(path, expires=None):
    text = path.removeprefix("/demo/") + str(expires or 9999999999)
    signature = hmac.new(PRIVATE_KEY.encode(), text.encode(), hashlib.sha1).hexdigest()
    joint = "&" if "?" in path else "?"
    return path + joint + (f"ik-t={expires}&" if expires else "") + f"ik-s={signature}"


def test_nobody_is_told_what_nobody_asked_for(server, photo):
    assert server.upload(photo, "edge-plain.jpg").status == 200
    answer = server.get("/demo/edge-plain.jpg?tr=w-60")
    assert answer.headers["Cache-Control"] == YEAR
    assert [answer.headers[name] for name in FOR_CACHES] == [None] * 3


def test_ages_and_names(start, photo):
    server = start(browser_max_age="300", cdn_max_age="86400", cache_tags="both")
    file = server.upload(photo, "a.jpg", folder="/x/y").json()["fileId"]
    private = server.upload(photo, "p.jpg", isPrivateFile="true").json()["filePath"]
    names = [f"f-{file}", tag("p", "/x/y/a.jpg"), tag("d", ""), tag("d", "/x"), tag("d", "/x/y")]
    for target in ["/demo/x/y/a.jpg?tr=w-60", "/demo/tr:w-60/x/y/a.jpg", "/demo/x/y/a.jpg?tr=orig-true"]:
        answer = server.get(target)
        assert answer.headers["Cache-Control"] == "public, s-maxage=86400, max-age=300, must-revalidate"
        assert answer.headers["CDN-Cache-Control"] == "max-age=86400"
        assert answer.headers["Surrogate-Key"].split(" ") == answer.headers["Cache-Tag"].split(",") == names
    again = server.get("/demo/x/y/a.jpg?tr=w-60", If_None_Match=server.get("/demo/x/y/a.jpg?tr=w-60").headers["ETag"])
    assert again.status == 304 and again.headers["Surrogate-Key"].split(" ") == names
    # What only the client may keep has nothing for others, and errors no more than they had.
    signed = server.get(sign("/demo" + private, int(time.time()) + 60))
    assert signed.status == 200 and signed.headers["Cache-Control"].startswith("private, max-age=")
    assert [signed.headers[name] for name in FOR_CACHES] == [None] * 3
    missing = server.get("/demo/x/none.jpg")
    assert missing.headers["Cache-Control"] == "public, s-maxage=60, max-age=60"
    assert [missing.headers[name] for name in FOR_CACHES] == ["max-age=60", None, None]
    refused = server.get("/demo" + private)
    assert refused.status == 401 and refused.headers["Cache-Control"] == "no-store"
    assert [refused.headers[name] for name in FOR_CACHES] == [None] * 3
    deep = "/".join("n" * 20 for _ in range(40))
    assert server.upload(b"x", "deep.txt", folder=deep).status == 200
    assert len(server.get(f"/demo/{deep}/deep.txt").headers["Surrogate-Key"]) < 400


def test_every_cache_is_told_in_its_own_words(start, vendors, photo):
    everybody = ["varnish", "nginx", "fastly", "cloudflare", "cloudfront"]
    server = start(cache_tags="both", **vendors.settings(*everybody))
    host = server.url.removeprefix("http://")
    assert server.upload(photo, "a b.jpg", folder="/x").status == 200
    first = ended(server, purge(server, "/demo/x/a%20b.jpg?tr=w-60"))
    assert first["status"] == "Completed"
    assert [(cache["cache"].split(" ")[0], cache["status"], cache["attempts"]) for cache in first["caches"]] == [
        (name, "Completed", 1) for name in everybody]
    ended(server, purge(server, "/demo/x/y/*"))
    exact, folder = tag("p", "/x/a b.jpg"), tag("d", "/x/y")
    assert vendors.got == {
        "varnish": [
            (r"^/(tr:[^/?]+/)*demo/(tr:[^/?]+/)*x/(tr:[^/?]+/)*a%20b\.jpg([/?]|$)", rf"(^|\s){exact}(\s|$)"),
            (r"^/(tr:[^/?]+/)*demo/(tr:[^/?]+/)*x/(tr:[^/?]+/)*y/(tr:[^/?]+/)*", rf"(^|\s){folder}(\s|$)"),
        ],
        "nginx": [(host, "/demo/x/a%20b.jpg*"), (host, "/demo/x/y/*")],
        "fastly": [[exact], [folder]],
        "cloudflare": [{"tags": [exact]}, {"tags": [folder]}],
        "cloudfront": [["/demo/x/a%20b.jpg*"], ["/demo/x/y/*"]],
    }


def test_without_names_in_answers_urls_are_told(start, vendors):
    server = start(**vendors.settings("fastly", "cloudflare"))
    host = server.url.removeprefix("http://")
    assert ended(server, purge(server, "/demo/a.jpg?tr=w-60"))["status"] == "Completed"
    assert vendors.got["fastly"] == [f"/purge/{host}/demo/a.jpg?tr=w-60"]
    assert vendors.got["cloudflare"] == [{"files": [f"{server.url}/demo/a.jpg?tr=w-60"]}]
    # Fastly has no wildcards. The others are told all the same.
    wild = ended(server, purge(server, "/demo/folder/of/things*"))
    assert wild["status"] == "Failed"
    assert [cache["status"] for cache in wild["caches"]] == ["Failed", "Completed"]
    assert "cache_tags" in wild["caches"][0]["message"]
    assert vendors.got["cloudflare"][1:] == [{"prefixes": [f"{host}/demo/folder/of/things"]}]


def make_origin_and_endpoint(server, prefix, url):
    headers = {**BASIC, "Content-Type": "application/json"}
    origin = server.request("POST", "/v1/accounts/origins", headers, json.dumps({"type": "WEB_FOLDER", "name": "Site", "baseUrl": url}))
    body = {"description": "Site", "urlPrefix": prefix, "origins": [origin.json()["id"]]}
    assert server.request("POST", "/v1/accounts/url-endpoints", headers, json.dumps(body)).status == 201


def test_tags_prefixes_folders_and_files_are_told_in_the_words_of_every_cache(start, vendors, photo):
    everybody = ["varnish", "nginx", "fastly", "cloudflare", "cloudfront"]
    server = start(cache_tags="both", fetch_allow="127.0.0.0/8", **vendors.settings(*everybody))
    make_origin_and_endpoint(server, "shop", vendors.url)
    host = server.url.removeprefix("http://")
    file = server.upload(photo, "a.jpg", folder="/x", tags="sea,two words").json()["fileId"]
    server.upload(photo, "b.jpg", folder="/x/y", tags="sea")
    server.upload(photo, "c.jpg", tags="seaside")
    names = server.get("/demo/x/a.jpg?tr=w-60").headers["Surrogate-Key"].split(" ")
    assert names == [f"f-{file}", tag("p", "/x/a.jpg"), tag("d", ""), tag("d", "/x"), tag("t", "sea"), tag("t", "two words")]
    for subject in [{"tag": "sea"}, {"prefix": "/x/y"}, {"folderPath": "/x/y/"}, {"fileId": file}]:
        status = ended(server, purge_of(server, **subject))
        assert status["status"] == "Completed" and [cache["attempts"] for cache in status["caches"]] == [1] * 5, status
    by_name = [tag("t", "sea"), tag("d", "/x"), tag("d", "/x/y"), f"f-{file}"]
    assert vendors.got["fastly"] == [[name] for name in by_name]
    assert vendors.got["cloudflare"] == [{"tags": [name]} for name in by_name]
    assert [name for _, name in vendors.got["varnish"]] == [rf"(^|\s){name}(\s|$)" for name in by_name]
    # Those that know no names are told the URL of each file, at every endpoint.
    paths = [["x/a.jpg*", "x/y/b.jpg*"], ["x/y*"], ["x/y/*"], ["x/a.jpg*"]]
    told = [[f"/demo/{path}" for path in these] + [f"/demo/shop/{path}" for path in these] for these in paths]
    assert [sorted(these) for these in vendors.got["cloudfront"]] == [sorted(these) for these in told]
    assert sorted(vendors.got["nginx"]) == sorted((host, path) for these in told for path in these)


def test_without_names_in_answers_a_tag_is_told_file_by_file(start, vendors):
    server = start(**vendors.settings("fastly", "cloudflare", "varnish"))
    host = server.url.removeprefix("http://")
    server.upload(b"a", "a b.txt", folder="/x", tags="sea")
    status = ended(server, purge_of(server, tag="sea"))
    # Fastly could not purge what is made of the file.
    assert [(cache["cache"].split(" ")[0], cache["status"]) for cache in status["caches"]] == [
        ("varnish", "Completed"), ("fastly", "Failed"), ("cloudflare", "Completed")]
    assert "cache_tags" in status["caches"][1]["message"] and vendors.got["fastly"] == []
    assert vendors.got["cloudflare"] == [{"prefixes": [f"{host}/demo/x/a_b.txt"]}]
    assert vendors.got["varnish"] == [(r"^/(tr:[^/?]+/)*demo/(tr:[^/?]+/)*x/(tr:[^/?]+/)*a_b\.txt", None)]
    # Nobody has it: there is nothing to tell.
    assert ended(server, purge_of(server, tag="nobody's"))["caches"][0]["status"] == "Completed"


def test_what_is_purged_is_made_anew_and_nothing_else(server, photo):
    files = {name: server.upload(photo, name, folder=folder, tags=tags).json()["fileId"] for name, folder, tags in [
        ("a.jpg", "/purges/in", "p-sea"), ("b.jpg", "/purges/in/deep", "p-sea"), ("c.jpg", "/purges/out", "p-dawn")]}
    targets = {"a": "/demo/purges/in/a.jpg?tr=w-60", "b": "/demo/purges/in/deep/b.jpg?tr=w-61", "c": "/demo/tr:w-62/purges/out/c.jpg"}
    tiers = lambda: {name: server.get(target).headers["X-Tintype-Cache"] for name, target in targets.items()}
    tiers()
    for subject, anew in [({"tag": "p-sea"}, "ab"), ({"tag": "p-se"}, ""), ({"prefix": "/purges/in/d"}, "b"), ({"folderPath": "purges/in"}, "ab"),
                          ({"folderPath": "/purges/i"}, ""), ({"fileId": files["c.jpg"]}, "c"), ({"prefix": "purges/"}, "abc"), ({"folderPath": "/"}, "abc")]:
        assert ended(server, purge_of(server, **subject))["status"] == "Completed"
        assert tiers() == {name: "miss" if name in anew else "memory" for name in "abc"}, subject
        assert set(tiers().values()) == {"memory"}


def test_purges_on_the_command_line(start, vendors):
    server = start(**vendors.settings("fastly"))
    environment = {**os.environ, "TINTYPE_PRIVATE_KEY": PRIVATE_KEY, "TINTYPE_PUBLIC_KEY": "public_key_test"}
    arguments = ["--data-dir", str(server.data_dir), "--listen", f"127.0.0.1:{server.port}"]
    run = lambda *words: subprocess.run([BINARY, "purge", *arguments, *words], env=environment, capture_output=True, text=True, timeout=120)
    file = server.upload(b"a", "cli.txt", folder="/cli", tags="cli").json()["fileId"]
    done = run("url", server.url + "/demo/cli/cli.txt")
    assert done.returncode == 0 and done.stdout.split() [1:] == ["Completed", "fastly", "Completed"], done
    refused = run("folder", "/cli")
    assert refused.returncode == 1 and "Failed" in refused.stdout and "cache_tags" in refused.stdout and "has not accepted" in refused.stderr
    for words in [("tag", "cli"), ("prefix", "/cli"), ("file", file)]:
        begun = run(*words, "--wait", "0")
        assert begun.returncode in (0, 1) and len(begun.stdout.split()[0]) == 24, begun
        assert "Failed" in run("status", begun.stdout.split()[0], "--wait", "30").stdout
    assert run("file", "0" * 24).stderr.startswith("tintype: 404: The requested file does not exist.")
    assert run("url", "http://elsewhere.example/x").returncode == 1 and run("status", "x").returncode == 1 and run().returncode == 2


def test_a_busy_cache_is_asked_again_and_one_that_refuses_is_not(start, vendors):
    server = start(**vendors.settings("varnish", "cloudflare", "cloudfront"))
    vendors.answers["varnish"] = [(503, {}, b""), (429, {"Retry-After": "1"}, b"")]
    vendors.answers["cloudfront"] = [(400, {}, error("TooManyInvalidationsInProgress", "Processing your request will cause too many."))]
    vendors.answers["cloudflare"] = [(403, {}, cloudflare(False, f"Authentication error of {CLOUDFLARE_TOKEN}"))]
    id = purge(server, "/demo/a.jpg")
    pending = wait_until(lambda: (now := server.api(f"/v1/files/purge/{id}").json()).get("caches") and now)
    assert pending["status"] == "Pending"
    status = ended(server, id)
    assert status["status"] == "Failed"
    assert [(cache["status"], cache["attempts"]) for cache in status["caches"]] == [("Completed", 3), ("Failed", 1), ("Completed", 2)]
    assert status["caches"][1]["message"] == "answered 403: Authentication error of [key]"
    log = server.log_text()
    assert "which was given up" in log and not [secret for secret in SECRETS if secret in log]
    metrics = server.get("/metrics").body.decode()
    for line in ['{cache="varnish",outcome="refused"} 2', '{cache="varnish",outcome="accepted"} 1', '{cache="cloudflare",outcome="refused"} 1']:
        assert f"tintype_edge_purges_total{line}" in metrics


def test_a_restart_forgets_no_purge(start, vendors, tmp_path):
    settings = vendors.settings("nginx")
    vendors.answers["nginx"] = [(500, {}, b"")]
    first = Server(data_dir=str(tmp_path), **settings)
    id = purge(first, "/demo/a.jpg")
    wait_until(lambda: first.api(f"/v1/files/purge/{id}").json().get("caches"))
    first.stop()
    status = ended(start(data_dir=str(tmp_path), **settings), id)
    assert (status["status"], status["caches"][0]["attempts"]) == ("Completed", 2)


def test_changed_and_deleted_files_are_told(start, vendors, photo):
    server = start(cache_tags="surrogate-key", cdn_purge_changes="true", **vendors.settings("fastly", "cloudfront"))
    file = server.upload(photo, "é 1.jpg").json()
    other = server.upload(photo, "other.jpg").json()["fileId"]
    time.sleep(1)
    assert vendors.got["fastly"] == [], "a new file is in no cache"
    assert server.upload(photo + b"2", "é 1.jpg").json()["fileId"] == file["fileId"]
    wait_until(lambda: [f"f-{file['fileId']}"] in vendors.got["fastly"])
    path = file["url"].removeprefix(server.url) + "*"
    wait_until(lambda: [path] in vendors.got["cloudfront"])
    assert server.request("DELETE", f"/v1/files/{other}", BASIC).status == 204
    wait_until(lambda: [f"f-{other}"] in vendors.got["fastly"])
