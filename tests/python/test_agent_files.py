"""What agents do with files beside single calls: links for uploads, deletions taken back from the trash, pages, purges."""

import json
import urllib.parse

import pytest

from server import BASIC, PRIVATE_KEY
from test_agents import Door

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0000003010100"
    "18dd8db00000000049454e44ae426082")


@pytest.fixture(scope="module")
def door(server):
    made = Door(server)
    yield made
    said = "".join(made.heard) + server.log_text()
    assert PRIVATE_KEY not in said


def link(door, wanted, who=None):
    made = door.run("create_upload_link", wanted, who or door.token("write"))
    assert made.status == 200, made
    data = made.json()["data"]
    assert data["url"].startswith(door.server.url + "/access/uploads?link=")
    return data, data["url"].removeprefix(door.server.url), made.json()["meta"]


def put(door, target, content, **more):
    if more:
        target += "&" + urllib.parse.urlencode(more)
    return door.server.request("PUT", target, {}, content)


def test_a_file_comes_by_a_link_once(door):
    who = door.token("write")
    wanted = {"folder": "/links", "mediaTypes": ["image/*"], "maxBytes": 1000, "tags": ["by-link"], "expiresIn": 60}
    made, target, meta = link(door, wanted)
    assert meta["undo"]["calls"][0]["action"] == "revoke_upload_link"
    state = lambda: door.run("get_upload_link", {"linkId": made["linkId"]}, who).json()["data"]
    assert state()["state"] == "open"
    for content, more, told in [
        (b"", {"fileName": "a.png"}, "1 to 1000 bytes"),
        (b"x" * 1001, {"fileName": "a.png"}, "1 to 1000 bytes"),
        (b"plain text, whatever it is called", {"fileName": "a.png"}, "image/*"),
        (PNG, {}, "fileName"),
    ]:
        refused = put(door, target, content, **more)
        assert refused.status == 400 and told in refused.json()["message"], refused
    assert state()["state"] == "open"
    done = put(door, target, PNG, fileName="pixel.png")
    assert done.status == 201, done
    assert state()["state"] == "used"
    asset = state()["asset"]
    assert asset["filePath"].startswith("/links/pixel") and asset["size"] == len(PNG)
    assert door.server.api(f"/v1/files/{asset['fileId']}/details").json()["tags"] == ["by-link"]
    again = put(door, target, PNG, fileName="pixel.png")
    assert (again.status, again.json()["errorCode"]) == (409, "conflict"), again
    # It is known as a call of whoever made the link, and can be taken back as one.
    undone = door.ask("POST", f"/v1/executions/{state()['executionId']}/undo", who, {})
    assert undone.json()["errorCode"] == "scope_missing", undone
    assert target.split("link=")[1] not in door.server.log_text()


def test_a_browser_uploads_by_the_same_link(door):
    _, target, _ = link(door, {"folder": "/links", "fileName": "form.txt", "useUniqueFileName": False})
    page = door.server.request("GET", target)
    assert page.status == 200 and "multipart/form-data" in page.body.decode(), page
    assert "form-action 'self'" in page.headers["content-security-policy"]
    body = (b'--b\r\nContent-Disposition: form-data; name="file"; filename="C:\\x\\other.txt"\r\n'
            b"Content-Type: text/plain\r\n\r\nhello\r\n--b--\r\n")
    done = door.server.request("POST", target, {"Content-Type": "multipart/form-data; boundary=b"}, body)
    assert done.status == 201 and "/links/form.txt" in done.body.decode(), done
    assert door.server.request("GET", target).status == 409


def test_links_end_and_are_their_makers_alone(door):
    made, target, meta = link(door, {"folder": "/links"})
    other = door.token("write", "destructive")
    assert door.run("get_upload_link", {"linkId": made["linkId"]}, other).status == 404
    undone = door.ask("POST", f"/v1/executions/{meta['executionId']}/undo", door.token("write"), {})
    assert undone.status == 200, undone
    assert put(door, target, b"x", fileName="a.txt").status == 404
    assert door.server.request("GET", "/access/uploads?link=x").status == 404
    assert door.run("create_upload_link", {}, door.token()).json()["errorCode"] == "scope_missing"
    for wrong in ({"mediaTypes": ["image"]}, {"maxBytes": 1 << 40}, {"expiresIn": 1}, {"folder": "/a/../b"}):
        assert door.run("create_upload_link", wrong, door.token("write")).status == 400, wrong


def test_the_rules_and_the_token_hold_when_the_file_comes(door):
    made = door.cli("token", "create", "narrow", "--allow", "write", "--folder", "/links-own",
                    "--budget", "writes-per-day=2", "--json")
    token = json.loads(made.stdout)
    who = {"Authorization": f"Bearer {token['secret']}"}
    elsewhere = door.run("create_upload_link", {"folder": "/links"}, who)
    assert elsewhere.json()["errorCode"] == "scope_missing", elsewhere
    _, target, _ = link(door, {"folder": "/links-own"}, who)
    assert put(door, target, b"x", fileName="a.txt").status == 201
    spent = door.run("create_upload_link", {"folder": "/links-own"}, who)
    assert spent.json()["errorCode"] == "quota_exhausted", spent


def deleted(door, action, wanted):
    """The answer of a deletion that a person agreed to."""
    waits = door.run(action, wanted, door.token("write", "destructive"))
    assert waits.json()["errorCode"] == "approval_required", waits
    approval = waits.json()["approval"]
    assert approval["blast"]["undo"].startswith("from the trash, for 30 days"), approval
    done = door.ask("POST", f"/v1/approvals/{approval['id']}/approve", BASIC, {})
    assert done.status == 200, done
    meta = done.json()["meta"]
    assert meta["verification"]["status"] == "verified" and meta["undo"]["until"], meta
    return meta


def undo(door, meta):
    answer = door.ask("POST", f"/v1/executions/{meta['executionId']}/undo", door.token("write", "destructive"), {})
    assert answer.status == 200, answer
    return answer.json()["data"]["calls"]


def test_a_deletion_is_taken_back_from_the_trash(door):
    first, second = door.upload("trash-1.txt"), door.upload("trash-2.txt")
    for action, wanted in [("delete_file", {"fileId": first}),
                           ("delete_multiple_files", {"fileIds": [first, second]})]:
        meta = deleted(door, action, wanted)
        assert door.server.api(f"/v1/files/{first}/details").status == 404
        found = door.run("list_trash", {"fileIds": [first]}, door.token()).json()["data"]["trashed"]
        assert [row["fileId"] for row in found] == [first]
        undo(door, meta)
        assert door.server.api(f"/v1/files/{first}/details").json()["filePath"] == "/trash-1.txt"


def test_a_folder_and_a_version_come_back(door):
    server = door.server
    a = server.upload(b"a", "a.txt", folder="/trash-folder/deep").json()["fileId"]
    gone = server.upload(b"b", "b.txt", folder="/trash-folder").json()["fileId"]
    assert server.request("DELETE", f"/v1/files/{gone}", BASIC).status == 204
    meta = deleted(door, "delete_folder", {"folderPath": "/trash-folder"})
    undo(door, meta)
    assert server.api(f"/v1/files/{a}/details").json()["filePath"] == "/trash-folder/deep/a.txt"
    assert server.api(f"/v1/files/{gone}/details").status == 404, "deleted before, and not by this"
    server.upload(b"aa", "a.txt", folder="/trash-folder/deep")
    versions = server.api(f"/v1/files/{a}/versions").json()
    old = next(v["versionInfo"]["id"] for v in versions if v["type"] == "file-version")
    meta = deleted(door, "delete_file_version", {"fileId": a, "versionId": old})
    assert server.api(f"/v1/files/{a}/versions/{old}").status == 404
    undo(door, meta)
    assert server.api(f"/v1/files/{a}/versions/{old}").status == 200


def test_nothing_is_moved_back_onto_something_else(door):
    who = door.token("write")
    door.server.upload(b"1", "back.txt", folder="/back")
    wanted = {"sourceFilePath": "/back/back.txt", "destinationPath": "/back-there"}
    meta = door.run("move_file", wanted, who).json()["meta"]
    door.server.upload(b"2", "back.txt", folder="/back")
    refused = door.ask("POST", f"/v1/executions/{meta['executionId']}/undo", who, {})
    assert (refused.status, refused.json()["errorCode"]) == (412, "precondition_failed"), refused
    door.run("move_file", {"sourceFilePath": "/back/back.txt", "destinationPath": "/back-away"}, who)
    assert door.ask("POST", f"/v1/executions/{meta['executionId']}/undo", who, {}).status == 200


def test_listings_go_on_by_cursors(door):
    for n in range(5):
        door.server.upload(b"x", f"page-{n}.txt", folder="/pages")
    who, asked = door.token(), {"path": "/pages", "limit": 2, "sort": "ASC_NAME"}
    page = door.run("list_assets", {**asked, "count": True}, who).json()["data"]
    assert (page["total"], page["totalIsAtLeast"]) == (5, False), page
    names = [row["name"] for row in page["assets"]]
    # What comes in front meanwhile moves nothing.
    door.server.upload(b"x", "page-0-before.txt", folder="/pages")
    while page["nextCursor"]:
        page = door.run("list_assets", {**asked, "cursor": page["nextCursor"]}, who).json()["data"]
        assert "total" not in page and page["nextSkip"] is None
        names += [row["name"] for row in page["assets"]]
    assert names == [f"page-{n}.txt" for n in range(5)]
    first = door.run("list_trash", {"limit": 1}, who).json()["data"]
    assert len(first["trashed"]) == 1 and first["nextCursor"] == "1"
    both = door.run("list_assets", {"cursor": "1", "skip": 1}, who)
    assert both.status == 400, both


def test_rules_about_folders_hold_for_purges_and_the_own_key_is_followed(start):
    server = start()
    door = Door(server)
    (server.data_dir / "agent-policy.toml").write_text(
        '[[rule]]\ndecision = "deny"\nactions = ["purge_cache"]\nfolders = ["/legal"]\n')
    who = door.token("write")
    server.upload(b"x", "a.txt", folder="/legal")
    purge = lambda path: door.run("purge_cache", {"url": f"{server.url}/demo{path}"}, who)
    for path in ("/legal/a.txt", "/tr:w-1/legal/a.txt", "/legal/*", "/leg*", "/*"):
        assert purge(path).json()["errorCode"] == "policy_denied", path
    assert purge("/other/a.txt").status == 200
    narrow = door.cli("token", "create", "n", "--allow", "write", "--folder", "/own", "--json")
    own = {"Authorization": f"Bearer {json.loads(narrow.stdout)['secret']}"}
    url = lambda path: {"url": f"{server.url}/demo{path}"}
    assert door.run("purge_cache", url("/own/a.txt*"), own).status == 200
    assert door.run("purge_cache", url("/owner/a.txt"), own).json()["errorCode"] == "scope_missing"
    # The first pair ends at once; calls go on with the new one.
    body = json.dumps({"expireAfter": "now"})
    rolled = server.request("POST", "/v1/accounts/keys/first/roll",
                            {**BASIC, "Content-Type": "application/json"}, body)
    assert rolled.status == 201, rolled
    assert server.api("/v1/files").status == 403
    listed = door.run("list_assets", {}, who)
    assert listed.status == 200, listed
    signed = door.run("get_authentication_parameters", {}, who).json()["data"]
    assert signed["publicKey"] == rolled.json()["publicKey"]
    assert rolled.json()["privateKey"] not in "".join(door.heard) + server.log_text()
