"""Access tokens of an OAuth authorization server: what a client finds, and who is let in."""

import base64
import contextlib
import http.server
import json
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from server import PRIVATE_KEY

JSON = {"Content-Type": "application/json"}


def number(value, length=None):
    length = length or (value.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(value.to_bytes(length, "big")).rstrip(b"=").decode()


class Issuer:
    """Metadata and keys over HTTP, and tokens."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                answer = {"/realms/media/.well-known/openid-configuration": {"issuer": outer.url, "jwks_uri": outer.url + "/keys"},
                          "/realms/media/keys": {"keys": outer.keys()}}.get(self.path)
                self.send_response(200 if answer else 404)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/realms/media"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def keys(self):
        n, point = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        return [{"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": number(n.n), "e": number(n.e)},
                {"kty": "EC", "kid": "e", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32)}]

    def token(self, key="r", **claims):
        given = {"iss": self.url, "exp": int(time.time()) + 300, "sub": "ann", "scope": "tintype:read", **claims}
        private, algorithm = (self.rsa, "RS256") if key == "r" else (self.ec, "ES256")
        given = {name: value for name, value in given.items() if value is not None}
        return jwt.encode(given, private, algorithm, headers={"kid": key})


@pytest.fixture(scope="module")
def issuer():
    made = Issuer()
    with contextlib.closing(made.http.socket):
        yield made
        made.http.shutdown()


@pytest.fixture(scope="module")
def server(issuer):
    from server import Server

    running = Server(oauth_issuer=issuer.url)
    yield running
    running.stop()


def ask(server, token, action="list_assets", payload=None):
    body = json.dumps({"input": payload or {}})
    return server.request("POST", f"/v1/actions/imagekit.{action}", {**JSON, "Authorization": f"Bearer {token}"}, body)


def test_a_client_finds_the_issuer(server, issuer):
    refused = server.request("POST", "/mcp", JSON, "{}")
    challenge = refused.headers["www-authenticate"]
    assert refused.status == 401 and "error=" not in challenge, refused
    address = challenge.split('resource_metadata="')[1].split('"')[0]
    assert address == server.url + "/.well-known/oauth-protected-resource/mcp"
    for target in (address.removeprefix(server.url), "/.well-known/oauth-protected-resource"):
        told = server.request("GET", target).json()
        assert told["resource"] == server.url + "/mcp" and told["authorization_servers"] == [issuer.url]
        assert told["scopes_supported"] == ["tintype:read", "tintype:write", "tintype:destroy"]


@pytest.mark.parametrize("key", ["r", "e"])
def test_tokens_let_in_as_far_as_their_scopes_go(server, issuer, key):
    server.upload(b"x", "a.txt", folder="/oauth")
    reads = issuer.token(key, aud=server.url + "/mcp")
    assert ask(server, reads).status == 200
    writes = ask(server, reads, "create_folder", {"folderName": "new", "parentFolderPath": "/oauth"})
    assert (writes.status, writes.json()["errorCode"]) == (403, "scope_missing"), writes
    assert 'error="insufficient_scope"' in writes.headers["www-authenticate"]
    more = issuer.token(key, aud=[server.url], scope="openid tintype:write", client_id="editor")
    assert ask(server, more, "create_folder", {"folderName": "new", "parentFolderPath": "/oauth"}).status == 200
    narrow = issuer.token(key, aud=server.url, scope="tintype:write", tintype_folders=["/oauth"])
    assert ask(server, narrow, "create_folder", {"folderName": "x", "parentFolderPath": "/other"}).status == 403
    assert ask(server, narrow, "create_folder", {"folderName": "x", "parentFolderPath": "/oauth"}).status == 200


def test_others_are_kept_out(server, issuer):
    good = {"aud": server.url + "/mcp"}
    for claims in ({"aud": "https://elsewhere"}, {"aud": None}, {**good, "iss": "https://elsewhere"},
                   {**good, "exp": int(time.time()) - 300}, {**good, "exp": None}, {**good, "nbf": int(time.time()) + 600}):
        answer = ask(server, issuer.token(**claims))
        assert (answer.status, answer.json()["errorCode"]) == (401, "auth_invalid"), (claims, answer)
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert ask(server, Issuer().token(**{**good, "iss": issuer.url})).status == 401
    assert ask(server, issuer.token(**good, scope="openid")).status == 403
    shared = jwt.encode({**good, "iss": issuer.url, "exp": int(time.time()) + 60, "scope": "tintype:read"},
                        "secret of at least thirty-two bytes", "HS256", headers={"kid": "r"})
    assert ask(server, shared).status == 401
    assert ask(server, PRIVATE_KEY).status == 401
    assert len([path for path in issuer.asked if path.endswith("/keys")]) <= 2


def test_mcp_asks_for_more_scope(server, issuer):
    token = issuer.token(aud=server.url + "/mcp")
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"}}

    def call(name, arguments):
        headers = {**JSON, "Accept": "application/json, text/event-stream", "Authorization": f"Bearer {token}",
                   "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": name}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": {"name": name, "arguments": arguments, "_meta": meta}}
        return server.request("POST", "/mcp", headers, json.dumps(body))

    assert call("list_assets", {}).status == 200
    refused = call("create_folder", {"folderName": "m", "parentFolderPath": "/"})
    assert refused.status == 403, refused
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert 'scope="tintype:read tintype:write"' in refused.headers["www-authenticate"]


def test_without_an_issuer_there_is_nothing_to_find(start):
    server = start()
    assert server.request("GET", "/.well-known/oauth-protected-resource").status == 404
    refused = server.request("POST", "/mcp", JSON, "{}")
    assert refused.headers["www-authenticate"] == 'Bearer realm="tintype"'
