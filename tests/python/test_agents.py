"""The doors of the agent side over plain HTTP: the connector contract, the toolkit's shape, approvals."""

import json
import re
import subprocess
import urllib.parse

import pytest

from server import BASIC, BINARY, PRIVATE_KEY

JSON = {"Content-Type": "application/json"}


class Door:
    """A server, and tokens for its agents."""

    def __init__(self, server):
        self.server = server
        self.heard = []
        self.tokens = {}

    def cli(self, *arguments, **environment):
        done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, env={
            "TINTYPE_DATA_DIR": str(self.server.data_dir), "TINTYPE_PUBLIC_URL": self.server.url,
            "TINTYPE_PRIVATE_KEY": PRIVATE_KEY, "USER": "ann", **environment})
        self.heard.append(done.stdout + done.stderr)
        return done

    def token(self, *allowed):
        if allowed not in self.tokens:
            flags = [flag for effect in allowed for flag in ("--allow", effect)]
            made = self.cli("token", "create", "tests", *flags, "--json")
            assert made.returncode == 0, made.stderr
            self.tokens[allowed] = json.loads(made.stdout)["secret"]
        return {"Authorization": f"Bearer {self.tokens[allowed]}"}

    def ask(self, method, target, who, body=None, **headers):
        sent = {**who, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if body is not None:
            sent, body = {**JSON, **sent}, json.dumps(body)
        answer = self.server.request(method, target, sent, body)
        self.heard.append(answer.body.decode() + str(answer.headers))
        return answer

    def run(self, action, payload, who, **headers):
        return self.ask("POST", f"/v1/actions/imagekit.{action}", who, {"input": payload}, **headers)

    def upload(self, name):
        answer = self.server.upload(b"hello", name)
        assert answer.status == 200, answer
        return answer.json()["fileId"]


@pytest.fixture(scope="module")
def door(server):
    made = Door(server)
    yield made
    # The key that does all the work is in nothing that a caller, or whoever reads the log, was given.
    said = "".join(made.heard) + server.log_text()
    assert PRIVATE_KEY not in said
    for token in made.tokens.values():
        assert token not in server.log_text()


@pytest.mark.parametrize("method,target", [
    ("GET", "/v1/health"), ("GET", "/v1/actions/search?q=x"), ("GET", "/v1/actions/imagekit.list_assets"),
    ("POST", "/v1/actions/imagekit.list_assets"), ("GET", "/v1/apps"), ("GET", "/v1/approvals"), ("POST", "/mcp"),
    ("POST", "/v1/change-sets"), ("POST", "/api/v3/tools/execute/IMAGEKIT_IO_DELETE_FILE"), ("GET", "/api/v3/tools"),
])
@pytest.mark.parametrize("who", [{}, {"Authorization": "Bearer tta_wrong"}, {"Authorization": "Bearer " + PRIVATE_KEY},
                                 {"x-api-key": "x"}])
def test_nobody_comes_in_unknown(door, method, target, who):
    answer = door.ask(method, target, who, {} if method == "POST" else None)
    assert answer.status == 401, answer
    assert answer.json()["errorCode"] == "auth_invalid"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_wrong_key_is_refused(door):
    answer = door.ask("GET", "/v1/health", {"Authorization": "Basic cHJpdmF0ZV9ub25lOg=="})
    assert (answer.status, answer.json()["errorCode"]) == (403, "auth_invalid")


def test_health_search_schema_apps(door):
    who = door.token()
    assert door.ask("GET", "/v1/health", who).json()["data"] == {"ok": True}
    found = door.ask("GET", "/v1/actions/search?q=delete%20a%20folder", who).json()
    assert found["success"] and found["data"][0]["name"] == "delete_folder"
    row = found["data"][0]
    assert row["authenticated"] and row["allowed"] is False and row["inputSchema"]["type"] == "object"
    schema = door.ask("GET", "/v1/actions/imagekit.get_purge_status", who).json()["data"]
    assert (schema["service"], schema["effect"]) == ("imagekit", "read")
    copy = door.ask("GET", "/v1/actions/imagekit.copy_folder", who).json()["data"]
    assert copy["asyncLifecycle"] == {"startActionId": "imagekit.copy_folder",
                                     "statusActionId": "imagekit.bulk_job_status"}
    apps = door.ask("GET", "/v1/apps?status=active", who).json()["data"]
    assert [(a["alias"], a["isDefault"]) for a in apps] == [("own", True)]
    assert door.ask("GET", "/v1/apps?status=expired", who).json()["data"] == []
    assert door.ask("GET", "/v1/apps/services/imagekit", who).json()["data"] == apps
    assert door.ask("GET", "/v1/apps/services/other", who).json()["data"] == []


@pytest.mark.parametrize("target,body,status,code", [
    ("/v1/actions/imagekit.no_such", {"input": {}}, 404, "unknown_action"),
    ("/v1/actions/other.list_assets", {"input": {}}, 400, "invalid_input"),
    ("/v1/actions/imagekit.list_assets", {"input": {"limitt": 1}}, 400, "invalid_input"),
    ("/v1/actions/imagekit.list_assets", {"input": {}, "dry": True}, 400, "invalid_input"),
    ("/v1/actions/imagekit.list_assets", {"input": []}, 400, "invalid_input"),
    ("/v1/actions/imagekit.get_file_details", {"input": {"fileId": "65f0c0ffee0123456789abcd"}}, 404, "not_found"),
    ("/v1/actions/imagekit.rename_file", {"input": {"filePath": "/a", "newFileName": "b"}}, 403, "scope_missing"),
])
def test_refusals(door, target, body, status, code):
    answer = door.ask("POST", target, door.token(), body)
    told = answer.json()
    assert (answer.status, told["errorCode"], told["success"]) == (status, code, False), answer


def test_bodies_are_json_and_bounded(door):
    who = door.token()
    target = "/v1/actions/imagekit.list_assets"
    plain = door.server.request("POST", target, {**who, "Content-Type": "text/plain"}, '{"input":{}}')
    assert plain.status == 400, plain
    large = door.server.request("POST", target, {**who, **JSON}, b'{"input":{"path":"' + b"x" * (1 << 20) + b'"}}')
    assert large.status == 413, large


def test_a_call_says_what_is_known_about_it(door):
    file = door.upload("doors-call.txt")
    answer = door.run("update_file_details", {"fileId": file, "tags": ["a"]}, door.token("write"))
    told = answer.json()
    assert answer.status == 200 and told["success"], answer
    assert told["data"]["asset"]["tags"] == ["a"]
    meta = told["meta"]
    assert meta["executionId"] and meta["verification"]["status"] == "verified"
    assert meta["undo"]["calls"], meta
    undone = door.ask("POST", f"/v1/executions/{meta['executionId']}/undo", door.token("write"), {})
    assert undone.status == 200, undone
    assert not door.server.api(f"/v1/files/{file}/details").json()["tags"]


def test_an_idempotency_key_makes_a_call_once(door):
    who = door.token("write")
    door.upload("doors-once.txt")
    wanted = {"filePath": "/doors-once.txt", "newFileName": "doors-twice.txt"}
    first = door.run("rename_file", wanted, who, Idempotency_Key="k-1")
    again = door.run("rename_file", wanted, who, Idempotency_Key="k-1")
    assert (first.status, again.status) == (200, 200), again
    assert again.json()["meta"]["replayed"] and again.json()["meta"]["executionId"] == first.json()["meta"]["executionId"]
    other = door.run("rename_file", {**wanted, "newFileName": "x.txt"}, who, Idempotency_Key="k-1")
    assert (other.status, other.json()["errorCode"]) == (409, "idempotency_key_conflict")
    long = door.run("rename_file", wanted, who, Idempotency_Key="k" * 256)
    assert (long.status, long.json()["errorCode"]) == (400, "invalid_input")


def test_a_dry_run_changes_nothing(door):
    file = door.upload("doors-dry.txt")
    answer = door.ask("POST", "/v1/actions/imagekit.delete_file", door.token("write", "destructive"),
                      {"input": {"fileId": file}, "dryRun": True})
    assert answer.json()["data"]["blast"]["files"] == 1, answer
    assert answer.json()["data"]["policy"]["decision"] == "confirm"
    assert door.server.api(f"/v1/files/{file}/details").status == 200


def asked(door, name):
    """A file, and the approval that its deletion waits for."""
    file = door.upload(name)
    answer = door.run("delete_file", {"fileId": file}, door.token("write", "destructive"))
    assert (answer.status, answer.json()["errorCode"]) == (403, "approval_required"), answer
    return file, answer.json()["approval"]["id"]


def test_a_person_decides_over_http_and_an_agent_never(door):
    agent = door.token("write", "destructive")
    file, approval = asked(door, "doors-approve.txt")
    own = door.ask("POST", f"/v1/approvals/{approval}/approve", agent, {})
    assert (own.status, own.json()["errorCode"]) == (403, "policy_denied"), own
    link = door.ask("POST", f"/v1/approvals/{approval}/link", agent, {"for": "me"})
    assert link.status == 403, link
    assert door.ask("GET", f"/v1/approvals/{approval}", door.token()).status == 404
    assert approval in [a["id"] for a in door.ask("GET", "/v1/approvals", agent).json()["data"]]
    # A page of another site can make a browser send this, but not with that content type.
    form = door.server.request("POST", f"/v1/approvals/{approval}/approve", BASIC, "{}")
    assert form.status == 400, form
    done = door.ask("POST", f"/v1/approvals/{approval}/approve", BASIC, {"reason": "old"})
    assert (done.status, done.json()["data"]) == (200, {"deleted": True}), done
    assert door.server.api(f"/v1/files/{file}/details").status == 404
    again = door.ask("POST", f"/v1/approvals/{approval}/approve", BASIC, {})
    assert (again.status, again.json()["errorCode"]) == (409, "conflict")
    told = door.ask("GET", f"/v1/approvals/{approval}", agent).json()["data"]
    assert (told["approval"]["state"], told["answer"]["data"]) == ("done", {"deleted": True})


def page(door, target, form=None):
    method, body = ("GET", None) if form is None else ("POST", urllib.parse.urlencode(form))
    headers = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    answer = door.server.request(method, target, headers, body)
    door.heard.append(answer.body.decode())
    return answer


@pytest.mark.parametrize("decision,left", [("approve", 404), ("deny", 200)])
def test_a_link_decides_once(door, decision, left):
    file, approval = asked(door, f"doors-link-{decision}.txt")
    made = door.ask("POST", f"/v1/approvals/{approval}/link", BASIC, {"for": "<Bob>", "seconds": 60})
    assert made.status == 200, made
    url = made.json()["data"]["url"]
    assert url.startswith(door.server.url + "/access/approvals?link=")
    target = url.removeprefix(door.server.url)
    shown = page(door, target)
    assert shown.status == 200 and f"/doors-link-{decision}.txt" in shown.body.decode(), shown
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
    # Looking decides nothing.
    assert door.server.api(f"/v1/files/{file}/details").status == 200
    token = target.split("link=")[1]
    broken = token[:-2] + ("AA" if not token.endswith("AA") else "BB")
    assert page(door, "/access/approvals", {"link": broken, "decision": "approve"}).status == 404
    done = page(door, "/access/approvals", {"link": token, "decision": decision, "reason": ""})
    assert done.status == 200, done
    assert door.server.api(f"/v1/files/{file}/details").status == left
    assert page(door, "/access/approvals", {"link": token, "decision": "approve"}).status == 409
    told = door.ask("GET", f"/v1/approvals/{approval}", BASIC).json()["data"]["approval"]
    assert told["decidedBy"].startswith("person:<Bob> (by link of person:key-")


def test_a_person_signs_in_to_decide(door):
    _, approval = asked(door, "doors-sign-in.txt")
    target = f"/access/approvals?id={approval}"
    assert page(door, target).status == 200
    assert page(door, "/access/approvals", {"id": approval, "key": "private_wrong"}).status == 403
    moved = page(door, "/access/approvals", {"id": approval, "key": PRIVATE_KEY})
    assert moved.status == 303 and moved.headers["location"].startswith("/access/approvals?link="), moved
    shown = page(door, moved.headers["location"])
    assert "Approve and carry out" in shown.body.decode()


def test_the_command_line_makes_links(door):
    file, approval = asked(door, "doors-cli-link.txt")
    made = door.cli("approvals", "link", approval, "--for", "Bob")
    target = made.stdout.strip().removeprefix(door.server.url)
    assert made.returncode == 0, made.stderr
    assert page(door, "/access/approvals", {"link": target.split("link=")[1], "decision": "approve"}).status == 200
    assert door.server.api(f"/v1/files/{file}/details").status == 404


def test_who_asked_gives_out_no_link(door):
    file = door.upload("doors-own-link.txt")
    answer = door.run("delete_file", {"fileId": file}, BASIC)
    assert answer.json()["errorCode"] == "approval_required", answer
    approval = answer.json()["approval"]["id"]
    assert door.ask("POST", f"/v1/approvals/{approval}/link", BASIC, {"for": "me"}).status == 403
    assert page(door, "/access/approvals", {"id": approval, "key": PRIVATE_KEY}).status == 403


def test_tokens_are_made_by_whoever_has_the_key(door):
    assert page(door, "/access").status == 200
    form = {"key": "private_wrong", "name": "page", "allow": "read", "folder": "", "days": "1"}
    assert page(door, "/access", form).status == 403
    made = page(door, "/access", {**form, "key": PRIVATE_KEY, "folder": "/doors"})
    token = re.search(r"tta_[\w-]+", made.body.decode()).group()
    door.tokens["page"] = token
    who = {"Authorization": f"Bearer {token}"}
    assert door.ask("GET", "/v1/health", who).status == 200
    assert door.run("list_origins", {}, who).json()["errorCode"] == "scope_missing"


def test_the_toolkit_s_shape(door):
    file = door.upload("doors-toolkit.txt")
    who = {"x-api-key": door.token("write", "destructive")["Authorization"].split()[1]}
    tools = door.ask("GET", "/api/v3/tools?toolkit_slug=imagekit_io", who).json()
    assert len(tools["items"]) == 26
    details = door.ask("GET", "/api/v3/tools/IMAGEKIT_IO_GET_FILE_DETAILS", who).json()
    assert details["input_parameters"]["required"] == ["fileId"] and "readOnlyHint" in details["tags"]
    run = lambda slug, arguments: door.ask("POST", f"/api/v3/tools/execute/{slug}", who, {"arguments": arguments, "user_id": "u"})
    done = run("IMAGEKIT_IO_GET_FILE_DETAILS", {"fileId": file}).json()
    assert (done["successful"], done["error"], done["data"]["fileId"]) == (True, None, file)
    failed = run("IMAGEKIT_IO_DELETE_FILE", {"fileId": file}).json()
    assert failed["successful"] is False and failed["error"].startswith("approval_required: "), failed
    assert run("IMAGEKIT_IO_NO_SUCH", {}).status == 404


# What each action answers has to be the same, whichever way it was asked for.
EQUAL = [
    ("list_assets", {"path": "/doors-equal"}, None),
    ("get_file_details", {"fileId": "$FILE"}, "IMAGEKIT_IO_GET_FILE_DETAILS"),
    ("get_uploaded_file_metadata", {"fileId": "$FILE"}, "IMAGEKIT_IO_GET_FILE_METADATA"),
    ("list_file_versions", {"fileId": "$FILE"}, "IMAGEKIT_IO_LIST_FILE_VERSIONS"),
    ("list_custom_metadata_fields", {}, "IMAGEKIT_IO_LIST_CUSTOM_METADATA_FIELDS"),
    ("list_named_transformations", {}, None),
    ("list_origins", {}, None),
    ("list_trash", {"path": "/doors-equal"}, None),
    ("find_duplicate_files", {"limit": 1000}, None),
    ("get_upload_link", {"linkId": "upl_0"}, None),
    ("restore_from_trash", {"trashIds": ["65f0c0ffee0123456789abcd"]}, None),
    ("bulk_add_tags", {"fileIds": ["$FILE"], "tags": ["equal"]}, None),
    ("bulk_remove_tags", {"fileIds": ["$FILE"], "tags": ["none"]}, "IMAGEKIT_IO_BULK_REMOVE_TAGS"),
    ("get_file_details", {"fileId": "65f0c0ffee0123456789abcd"}, "IMAGEKIT_IO_GET_FILE_DETAILS"),
    ("get_file_details", {}, "IMAGEKIT_IO_GET_FILE_DETAILS"),
]


@pytest.fixture(scope="module")
def equal_file(door):
    answer = door.server.upload(b"equal", "equal.txt", folder="/doors-equal")
    return answer.json()["fileId"]


@pytest.mark.parametrize("action,payload,slug", EQUAL)
def test_every_door_gives_the_same(door, equal_file, action, payload, slug):
    payload = json.loads(json.dumps(payload).replace("$FILE", equal_file))
    who = door.token("write", "destructive")
    secret = who["Authorization"].split()[1]
    http = door.run(action, payload, who).json()
    cli = door.cli("connector", "run", "imagekit", "--action", action, "--data", json.dumps(payload), "--json",
                   TINTYPE_TOKEN=secret)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": action, "arguments": payload}}
    mcp = door.ask("POST", "/mcp", who, call, Accept="application/json, text/event-stream").json()["result"]
    if http["success"]:
        data, code = http["data"], None
        assert json.loads(cli.stdout)["data"] == data
        assert mcp["structuredContent"] == data and json.loads(mcp["content"][0]["text"]) == data
    else:
        data, code = None, http["errorCode"]
        assert json.loads(cli.stderr)["code"] == code
        assert mcp["isError"] and json.loads(mcp["content"][1]["text"])["code"] == code
    if slug:
        tool = door.ask("POST", f"/api/v3/tools/execute/{slug}", who, {"arguments": payload}).json()
        assert tool["successful"] is (code is None)
        if code:
            assert tool["report"]["code"] == code
        else:
            # The toolkit knows no cursors.
            plain = {name: value for name, value in data.items() if name != "nextCursor"}
            inner = next(iter(plain.values())) if len(plain) == 1 else plain
            assert tool["data"] in (plain, inner)


def test_an_origin_that_is_not_ours_is_refused_at_mcp(door):
    ping = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for headers, status in [({}, 200), ({"Origin": "http://localhost:3000"}, 200), ({"Origin": "https://evil.example"}, 403),
                            ({"Host": "evil.example"}, 403)]:
        answer = door.ask("POST", "/mcp", door.token(), ping, Accept="application/json, text/event-stream", **headers)
        assert answer.status == status, (headers, answer)


def test_calls_are_recorded_under_who_made_them(door):
    verified = door.cli("audit", "verify")
    assert verified.returncode == 0, verified.stderr
