"""Keys beside the first pair, what they may do and when they end; and the limits of the management API."""

import base64
import hashlib
import hmac
import json
import subprocess
import time

import imagekitio
import pytest
from imagekitio import ImageKit

from server import BASIC, BINARY, FILES, PRIVATE_KEY, PUBLIC_KEY

PHOTO = (FILES / "photo.jpg").read_bytes()
DENIED = "Your account cannot be authenticated."


def basic(key):
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def send(server, method, target, body=None, headers=BASIC):
    text = None if body is None else json.dumps(body).encode()
    return server.request(method, target, {**headers, "Content-Type": "application/json"}, text)


def make_key(server, name, **permissions):
    body = {"name": name, **({"permissions": permissions} if permissions else {})}
    answer = send(server, "POST", "/v1/accounts/keys", body)
    assert answer.status == 201, answer
    return answer.json()


def message(answer, status):
    assert answer.status == status, answer
    return answer.json()["message"]


def upload_signed(server, public_key, private_key, token):
    expire = str(int(time.time()) + 600)
    signature = hmac.new(private_key.encode(), (token + expire).encode(), hashlib.sha1).hexdigest()
    fields = {"publicKey": public_key, "signature": signature, "token": token, "expire": expire}
    return server.upload(PHOTO, "signed.jpg", headers={}, **fields)


def test_a_standard_key_does_what_the_first_does(start):
    server = start()
    key = make_key(server, "For the shop")
    assert key["privateKey"].startswith("private_") and key["publicKey"].startswith("public_") and key["permissions"] is None
    mine = basic(key["privateKey"])
    assert server.request("GET", "/v1/files", mine).status == 200
    assert server.upload(PHOTO, "photo.jpg", headers=mine).status == 200
    assert server.upload(PHOTO, "secret.jpg", isPrivateFile="true").status == 200
    assert upload_signed(server, key["publicKey"], key["privateKey"], "token-1").status == 200
    client = ImageKit(private_key=key["privateKey"], base_url=server.url, max_retries=0)
    url = client.helper.build_url(src="/secret.jpg", url_endpoint=f"{server.url}/demo", signed=True)
    assert server.get(url.removeprefix(server.url)).status == 200

    listed = send(server, "GET", "/v1/accounts/keys").json()
    assert [k["id"] for k in listed] == ["first", key["id"]] and all("privateKey" not in k for k in listed)
    assert listed[0]["publicKey"] == PUBLIC_KEY and listed[1]["state"] == "active"
    stored = b"".join(p.read_bytes() for p in server.data_dir.rglob("*.db*"))
    assert key["privateKey"].encode() not in stored

    send(server, "PATCH", f"/v1/accounts/keys/{key['id']}", {"enabled": False, "name": "Off"})
    assert message(server.request("GET", "/v1/files", mine), 403) == "Your account is disabled."
    assert server.get(url.removeprefix(server.url)).status == 401
    signed = upload_signed(server, key["publicKey"], key["privateKey"], "token-2")
    assert message(signed, 403) == "Your account is disabled."
    rolled = send(server, "POST", f"/v1/accounts/keys/{key['id']}/roll", {"expireAfter": "now"})
    assert message(rolled, 400) == "The key is disabled: enable it first."
    send(server, "PATCH", f"/v1/accounts/keys/{key['id']}", {"enabled": True})
    assert server.request("GET", "/v1/files", mine).status == 200
    assert send(server, "DELETE", f"/v1/accounts/keys/{key['id']}").status == 204
    assert message(server.request("GET", "/v1/files", mine), 403) == DENIED


def test_a_restricted_key_is_kept_out(start):
    server = start()
    reader = basic(make_key(server, "Reads", mediaAccess="read", customMetadata="write")["privateKey"])
    assert server.request("GET", "/v1/files", reader).status == 200
    assert message(server.upload(PHOTO, "photo.jpg", headers=reader), 403) == DENIED
    field = {"name": "a", "label": "A", "schema": {"type": "Text"}}
    assert send(server, "POST", "/v1/customMetadataFields", field, reader).status == 201
    for method, target in [("GET", "/v1/named-transformations"), ("GET", "/v1/accounts/origins"), ("POST", "/v1/saved-extensions"),
                           ("GET", "/v1/accounts/usage"), ("DELETE", "/v1/files/0123456789abcdef01234567")]:
        assert message(send(server, method, target, {}, reader), 403) == DENIED, target
    # A key that may not do everything cannot make itself one that may.
    manager = basic(make_key(server, "Manages", mediaManagement="write")["privateKey"])
    assert send(server, "GET", "/v1/named-transformations", headers=manager).status == 200
    for method, target in [("GET", "/v1/accounts/keys"), ("POST", "/v1/accounts/keys"), ("POST", "/v1/accounts/keys/first/roll")]:
        assert message(send(server, method, target, {"name": "x", "expireAfter": "now"}, manager), 403) == DENIED
    # Renaming is management, but purging with it is purging.
    rename = {"folderPath": "/none", "newFolderName": "x", "purgeCache": True}
    assert message(send(server, "POST", "/v1/bulkJobs/renameFolder", rename, manager), 403) == DENIED
    assert send(server, "POST", "/v1/bulkJobs/renameFolder", {**rename, "purgeCache": False}, manager).status == 404
    both = basic(make_key(server, "Purges", mediaManagement="write", cachePurge="write")["privateKey"])
    assert send(server, "POST", "/v1/bulkJobs/renameFolder", rename, both).status == 404
    client = ImageKit(private_key=base64.b64decode(reader["Authorization"].split()[1]).decode().rstrip(":"), base_url=server.url, max_retries=0)
    with pytest.raises(imagekitio.PermissionDeniedError):
        client.files.upload(file=PHOTO, file_name="x.jpg")


def test_rolling(start):
    server = start()
    key = make_key(server, "Rolled", mediaAccess="read")
    old = basic(key["privateKey"])
    new = send(server, "POST", f"/v1/accounts/keys/{key['id']}/roll", {"expireAfter": "now"})
    assert new.status == 201, new
    new = new.json()
    assert new["permissions"]["mediaAccess"] == "read" and new["permissions"]["metadata"] == "none"
    assert message(server.request("GET", "/v1/files", old), 403) == "Your request contains expired private API key."
    assert message(server.upload(PHOTO, "x.jpg", headers=old), 403) == "Your request contains expired private API key."
    assert server.request("GET", "/v1/files", basic(new["privateKey"])).status == 200

    # The first pair rolls, too, and lives on for a while.
    second = send(server, "POST", "/v1/accounts/keys/first/roll", {"expireAfter": "1h"}).json()
    assert send(server, "GET", "/v1/accounts/keys").json()[0]["state"] == "expiring"
    after = send(server, "POST", "/v1/accounts/keys/first/roll", {"expireAfter": "now"}, basic(second["privateKey"]))
    assert after.status == 201
    assert message(server.request("GET", "/v1/files", BASIC), 403) == "Your request contains expired private API key."
    states = {k["id"]: k["state"] for k in send(server, "GET", "/v1/accounts/keys", headers=basic(second["privateKey"])).json()}
    assert states["first"] == "expired" and states[second["id"]] == "active" and states[key["id"]] == "expired"
    signed = upload_signed(server, PUBLIC_KEY, PRIVATE_KEY, "token-old")
    assert message(signed, 403) == "Your request contains expired private API key."
    assert message(upload_signed(server, "public_nobody", PRIVATE_KEY, "token-x"), 403) == DENIED


def test_wrong_requests_about_keys(start):
    server = start()
    for body in [{}, {"name": ""}, {"name": "a", "permissions": {}}, {"name": "a", "permissions": {"mediaAccess": "all"}},
                 {"name": "a", "permissions": {"media": "read"}}, {"name": "a", "permissions": {"mediaAccess": "none"}}]:
        assert send(server, "POST", "/v1/accounts/keys", body).status == 400, body
    assert send(server, "POST", "/v1/accounts/keys/nobody/roll", {"expireAfter": "now"}).status == 404
    assert send(server, "POST", "/v1/accounts/keys/first/roll", {"expireAfter": "2h"}).status == 400
    assert send(server, "DELETE", "/v1/accounts/keys/first").status == 400
    assert send(server, "PATCH", "/v1/accounts/keys/nobody", {"name": "x"}).status == 404
    for number in range(5):
        make_key(server, f"Key {number}")
    assert message(send(server, "POST", "/v1/accounts/keys", {"name": "one more"}), 400).startswith("You can have at most 5 keys")


def test_the_command_line(start):
    server = start()

    def keys(*arguments):
        environment = {"TINTYPE_LISTEN": f"127.0.0.1:{server.port}", "TINTYPE_DATA_DIR": str(server.data_dir),
                       "TINTYPE_PRIVATE_KEY": PRIVATE_KEY, "TINTYPE_PUBLIC_KEY": PUBLIC_KEY}
        return subprocess.run([BINARY, "keys", *arguments], env=environment, capture_output=True, text=True, timeout=60)

    made = keys("create", "From the shell", "--allow", "mediaAccess=read")
    assert made.returncode == 0, made.stderr
    fields = dict(line.rsplit(maxsplit=1) for line in made.stdout.splitlines()[:3])
    assert server.request("GET", "/v1/files", basic(fields["Private key"])).status == 200
    listed = keys("list").stdout
    assert "From the shell" in listed and "restricted" in listed and fields["Private key"] not in listed
    rolled = keys("roll", fields["Id"], "--after", "now")
    assert rolled.returncode == 0 and server.request("GET", "/v1/files", basic(fields["Private key"])).status == 403
    new = dict(line.rsplit(maxsplit=1) for line in rolled.stdout.splitlines()[:3])
    assert keys("revoke", new["Id"]).returncode == 0
    again = keys("revoke", new["Id"])
    assert again.returncode == 1 and "does not exist" in again.stderr
    assert keys("create", "x", "--allow", "everything").returncode == 1


def test_rate_limits(start):
    server = start(rate_limit_read="2/1h", rate_limit_write="1/1h")
    first = server.request("GET", "/v1/files", BASIC)
    assert first.status == 200
    assert [first.headers[h] for h in ["X-RateLimit-Limit", "X-RateLimit-Reset", "X-RateLimit-Interval"]] == ["2", "0", "3600000"]
    # Who has no key uses nothing up.
    for _ in range(5):
        stranger = server.request("GET", "/v1/files", {"Authorization": "Basic private_other"})
        assert stranger.status == 403 and stranger.headers["X-RateLimit-Limit"] is None
    assert server.request("GET", "/v1/accounts/origins", BASIC).status == 200
    over = server.request("GET", "/v1/files", BASIC)
    assert message(over, 429) == "You have exceeded the rate limit for this API." and over.json()["help"]
    reset = int(over.headers["X-RateLimit-Reset"])
    assert 0 < reset <= 1_800_000 and over.headers["retry-after-ms"] == str(reset)
    assert int(over.headers["Retry-After"]) == -(-reset // 1000)
    assert over.headers["x-should-retry"] is None
    client = ImageKit(private_key=PRIVATE_KEY, base_url=server.url, max_retries=0)
    with pytest.raises(imagekitio.RateLimitError):
        client.assets.list()
    named = {"name": "a", "transformation": "w-1"}
    assert send(server, "POST", "/v1/named-transformations", named).status == 201
    assert send(server, "POST", "/v1/named-transformations", named).status == 429
    for _ in range(3):
        assert server.upload(PHOTO, "unlimited.jpg").status == 200
        assert server.get("/demo/tr:w-20/unlimited.jpg").status == 200


def test_without_limits_nothing_is_said_of_them(server):
    assert server.request("GET", "/v1/files", BASIC).headers["X-RateLimit-Limit"] is None
