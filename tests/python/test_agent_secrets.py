"""Secrets are planted, calls go well and wrong through every door of the agent side, and then each secret is searched for in
whatever came out and whatever stays: answers, errors, logs, metrics, records, reports of drift, pages, files.

The upstream is the worst that there can be: it repeats the key that it was sent, in every spelling, wherever it can.
"""

import base64
import contextlib
import http.server
import json
import threading
import urllib.parse

import pytest

from server import BASIC, PRIVATE_KEY, Server
from test_agents import Door, page
from test_mcp import over_http, over_stdio

# Such keys have characters that JSON, URLs and base64 spell differently.
CONNECTION_KEY = "private_pl4nted/c0nn+key=="
VAULT_KEY = "5ec2e7" * 10 + "5ec2"
ORIGIN_SECRET = "0rigin/s3cret+planted"
FILE_ID = "65f0c0ffee0123456789abcd"

DETAILS = {
    "type": "file", "name": "a.txt", "fileId": FILE_ID, "filePath": "/a.txt", "tags": None, "AITags": None,
    "versionInfo": {"id": FILE_ID, "name": "Version 1"}, "embeddedMetadata": None, "isPublished": True,
    "customCoordinates": None, "customMetadata": {}, "isPrivateFile": False, "url": "http://h/a.txt",
    "thumbnail": "http://h/a.txt", "fileType": "non-image", "size": 5, "mime": "text/plain",
    "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T03:04:05.678Z",
}


def spellings(secret):
    basic = base64.b64encode(f"{secret}:".encode()).decode()
    escaped = json.dumps(secret).strip('"').replace("/", "\\/")
    unicode = "".join(f"\\u{ord(c):04x}" for c in secret)
    alone = base64.b64encode(secret.encode()).decode()
    return {secret, basic.rstrip("="), alone.rstrip("="), escaped, unicode, urllib.parse.quote(secret, safe="")}


class Parrot(http.server.BaseHTTPRequestHandler):
    """Answers as `server.mode` says, and repeats the Authorization header in it."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        basic = self.headers.get("Authorization", "Basic ").split()[-1]
        key = base64.b64decode(basic).decode().rstrip(":")
        echo = " ".join([key, basic, urllib.parse.quote(key, safe=""), base64.b64encode(key.encode()).decode()])
        text = lambda value: json.dumps(value).replace("/", "\\/")
        unicode = "".join(f"\\u{ord(c):04x}" for c in key)
        status, headers, body = {
            "well": (200, {}, text([] if self.path.startswith("/v1/files?") else DETAILS)),
            "echo": (200, {}, text({**DETAILS, "name": echo, "tags": [key], "customMetadata": {"of": basic}})),
            "unicode": (200, {}, text(DETAILS).replace('"a.txt"', f'"{unicode}"', 1)),
            "drift": (200, {}, text({**DETAILS, key: echo, "size": echo, "type": key, "isPublished": basic})),
            "missing": (200, {}, text({"message": echo, key: 1})),
            "page": (200, {"Content-Type": "text/html"}, f"<title>{echo}</title>"),
            "refused": (400, {}, text({"message": f"bad {echo}", "help": echo})),
            "forbidden": (403, {}, text({"message": f"{echo} may not", "help": echo})),
            "expired": (403, {}, text({"message": f"Your request contains expired private API key {echo}.", "help": ""})),
            "gone": (404, {}, text({"message": f"no {echo}"})),
            "limited": (429, {"Retry-After": "3600"}, text({"message": f"slow down {echo}"})),
            "stumble": (500, {}, f"<pre>Traceback: {echo}</pre>"),
            "elsewhere": (307, {"Location": f"http://127.0.0.1:1/{urllib.parse.quote(key, safe='')}"}, echo),
            "half": (200, {}, text({**DETAILS, "name": echo})),
        }[self.server.mode]
        body = body.encode()
        self.send_response(status)
        self.send_header("x-request-id", f"request-of-{key}")
        self.send_header("x-ik-requestId", f"request-of-{basic}")
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + (50 if self.server.mode == "half" else 0)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)
        self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def parrot():
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    upstream.mode = "well"
    upstream.url = f"http://127.0.0.1:{upstream.server_address[1]}"
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    yield upstream
    upstream.shutdown()
    upstream.server_close()


READ = ("get_file_details", {"fileId": FILE_ID})
# Sent once only, so that what fails is not repeated for seconds.
WRITE = ("upload_file", {"fileName": "a.txt", "contentBase64": "aGVsbG8="})
ORIGIN = ("create_origin", {"origin": {"type": "S3", "name": "planted", "bucket": "b", "accessKey": "a", "secretKey": ORIGIN_SECRET}})

# How the upstream answers, and what is asked for meanwhile.
CASES = [
    ("well", READ), ("well", ORIGIN), ("echo", READ), ("unicode", READ), ("drift", READ), ("missing", READ), ("page", READ),
    ("refused", READ), ("forbidden", READ), ("gone", READ), ("limited", READ), ("elsewhere", READ), ("refused", ORIGIN),
    ("stumble", WRITE), ("half", WRITE), ("well", READ),
]


@pytest.fixture
def server(tmp_path):
    running = Server(data_dir=tmp_path, vault_key=VAULT_KEY, log="trace,hyper=info,h2=info")
    yield running
    running.stop()


def test_planted_secrets_are_found_nowhere(server, parrot):
    door = Door(server)
    vault = {"TINTYPE_VAULT_KEY": VAULT_KEY}
    parrots = {"x-oo-connector-alias": "parrot"}

    def cli(*arguments, **more):
        return door.cli(*arguments, **vault, **more)

    made = cli("token", "create", "planted", "--allow", "write", "--allow", "destructive", "--json")
    token = json.loads(made.stdout)["secret"]
    door.heard.pop()  # the one place that shows it
    who = {"Authorization": f"Bearer {token}"}
    connected = cli("connect", parrot.url, "--name", "parrot", TINTYPE_CONNECT_KEY=CONNECTION_KEY)
    assert connected.returncode == 0, connected.stderr

    ended = set()
    for mode, (action, payload) in CASES:
        parrot.mode = mode
        target = f"/v1/actions/imagekit.{action}"
        answer = door.ask("POST", target, who, {"input": payload, "intent": f"with {CONNECTION_KEY}"}, **parrots)
        ended.add((mode, answer.json().get("errorCode", "done")))
        door.ask("POST", target, who, {"input": payload, "dryRun": True}, **parrots)
        if action == READ[0]:
            door.ask("POST", "/api/v3/tools/execute/IMAGEKIT_IO_GET_FILE_DETAILS", who,
                     {"arguments": payload, "connected_account_id": "parrot"})
        for flags in ([], ["--json"]):
            cli("connector", "run", "imagekit", "--action", action, "--data", json.dumps(payload),
                "--connection-name", "parrot", *flags, TINTYPE_TOKEN=token)

    # As MCP clients see it; the connection is named in _meta.
    async def session(client):
        for mode, (action, payload) in CASES:
            parrot.mode = mode
            done = await client.call_tool(action, payload, meta={"tintype/call": {"connection": "parrot"}})
            door.heard.append(done.model_dump_json())
        for listed in (await client.list_tools(), await client.list_resources()):
            door.heard.append(listed.model_dump_json())

    over_http(server, token, session, mode="auto")
    over_stdio(server, token, session, mode="legacy", environment=vault)

    # An approval as everybody sees it, and the pages.
    file = door.upload("planted.txt")
    approval = door.run("delete_file", {"fileId": file}, who).json()["approval"]["id"]
    link = door.ask("POST", f"/v1/approvals/{approval}/link", BASIC, {"for": "Bob"}).json()["data"]["url"]
    door.heard.pop()  # whoever makes a link is shown it
    page(door, link.removeprefix(server.url))
    door.heard.pop()  # so is whoever opens it
    page(door, "/access")
    page(door, "/access", {"key": "private_wrong", "name": "x", "allow": "read", "folder": "", "days": "1"})
    page(door, "/access/approvals", {"id": approval, "key": PRIVATE_KEY})
    for target in ("/v1/approvals", f"/v1/approvals/{approval}", "/v1/apps", "/v1/actions/search?q=origin"):
        door.ask("GET", target, who)
    # Wrong tokens and keys, and keys where none belong.
    for wrong in ({"Authorization": f"Bearer {PRIVATE_KEY}"}, {"Authorization": f"Bearer {token}x"},
                  {"x-api-key": CONNECTION_KEY}, {"Authorization": f"Basic {VAULT_KEY}"}):
        assert door.ask("POST", "/mcp", wrong, {}).status in (401, 403)
    # In the end the connection's only key is refused.
    parrot.mode = "expired"
    spent = door.run(*READ, who, **parrots)
    assert spent.json()["errorCode"] == "credential_expired", spent
    for arguments in (["approvals", "list", "--json"], ["approvals", "show", approval, "--json"], ["audit", "export"],
                      ["drift", "--json"], ["connector", "apps", "--json"], ["vault", "status", "--json"],
                      ["token", "list", "--json"], ["policy", "explain"], ["config", "show"], ["disconnect", "parrot"]):
        done = cli(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)

    # The ways that were meant were taken.
    assert ended >= {("echo", "done"), ("drift", "schema_drift"), ("page", "schema_drift"), ("refused", "refused"),
                     ("forbidden", "scope_missing"), ("gone", "not_found"), ("limited", "rate_limited"),
                     ("elsewhere", "refused"), ("stumble", "outcome_unknown"), ("half", "outcome_unknown")}, ended
    said = "\n".join(door.heard)
    assert said.count("(secret)") > 20, "the upstream did repeat the key"
    places = {"answers": said.encode(), "log": server.log_text().encode(), "metrics": server.get("/metrics").body}
    places.update({path.name: path.read_bytes() for path in server.data_dir.glob("agent.db*")})
    assert len(places) > 3
    for secret in (PRIVATE_KEY, CONNECTION_KEY, VAULT_KEY, ORIGIN_SECRET, token, link.split("link=")[1]):
        for spelling in spellings(secret):
            for place, content in places.items():
                at = content.find(spelling.encode())
                assert at < 0, f"{spelling} in {place}: {content[max(0, at - 200):at + 200]}"
