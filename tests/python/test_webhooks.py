"""Webhooks: registered, signed so that the official SDK accepts them, sent again until they are accepted."""

import hashlib
import hmac
import json
import uuid

import imagekitio
import pytest
from imagekitio import ImageKit

from receiver import Receiver
from server import BASIC, POSTGRES, PRIVATE_KEY
from test_durability import eventually

SECRET = "whsec_a-secret-for-tests"
JSON = {**BASIC, "Content-Type": "application/json"}


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def reaching():
    from server import Server

    running = Server(fetch_allow="127.0.0.0/8")
    yield running
    running.stop()


def call(server, method, path, body=None):
    return server.request(method, path, JSON, None if body is None else json.dumps(body))


def register(server, receiver, **more):
    answer = call(server, "POST", "/v1/webhooks", {"url": receiver.url, "secret": SECRET, **more})
    assert answer.status == 201, answer
    return answer.json()


def legacy(headers, body, secret=SECRET):
    """The older header, by our own computation: the legacy SDKs' `verifyWebhookEvent` does the same."""
    fields = dict(part.split("=", 1) for part in headers["x-ik-signature"].split(","))
    expected = hmac.new(secret.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert fields["v1"] == expected and len(fields["t"]) == 13
    return int(fields["t"])


def unwrap(headers, body, secret=SECRET):
    client = ImageKit(private_key=PRIVATE_KEY, webhook_secret=secret)
    return client.webhooks.unwrap(body.decode(), headers={name.lower(): value for name, value in headers.items()})


def test_events_reach_the_receiver_and_verify(reaching, receiver, photo):
    hook = register(reaching, receiver)
    uploaded = reaching.upload(photo, "hooked.jpg", folder="/hooks").json()
    reaching.upload(photo[:-1], "hooked.jpg", folder="/hooks")
    assert reaching.request("DELETE", f"/v1/files/{uploaded['fileId']}", BASIC).status == 204
    got = {}
    for headers, body in receiver.wait_for(4):
        event = unwrap(headers, body)
        assert abs(legacy(headers, body) // 1000 - int(headers["webhook-timestamp"])) <= 1
        assert headers["Content-Type"] == "application/json"
        raw = json.loads(body)
        assert headers["webhook-id"] == raw["id"] == event.id and uuid.UUID(event.id)
        got[event.type] = raw
    assert set(got) == {"folder.created", "file.created", "file-version.created", "file.deleted"}
    created = got["file.created"]["data"]
    assert (created["type"], created["fileId"], created["filePath"]) == ("file", uploaded["fileId"], "/hooks/hooked.jpg")
    assert created["url"].startswith(reaching.url) and got["file.deleted"]["data"] == {"fileId": uploaded["fileId"]}
    assert call(reaching, "DELETE", f"/v1/webhooks/{hook['id']}").status == 204


def test_a_refusing_receiver_gets_the_same_message_again_signed_anew(reaching, receiver, photo):
    hook = register(reaching, receiver, events=["file.created"])
    # A redirect is a refusal: it is not followed.
    receiver.answers = [307]
    reaching.upload(photo, "again.jpg", folder="/hooks")
    (first, first_body), (second, second_body) = receiver.wait_for(2)
    assert first_body == second_body and first["webhook-id"] == second["webhook-id"]
    assert legacy(first, first_body) < legacy(second, second_body)
    assert unwrap(second, second_body).type == "file.created"

    def delivered():
        sent = call(reaching, "GET", f"/v1/webhooks/{hook['id']}/deliveries").json()
        return [(one["status"], one["attempts"], one["lastStatus"]) for one in sent] == [("delivered", 2, 200)]

    eventually(delivered)
    call(reaching, "DELETE", f"/v1/webhooks/{hook['id']}")


def test_registration(server, receiver):
    made = call(server, "POST", "/v1/webhooks", {"url": "https://app.example.com/hooks"})
    assert made.status == 201
    made = made.json()
    assert made["secret"].startswith("whsec_") and made["events"] == ["*"] and made["isEnabled"] is True
    path = f"/v1/webhooks/{made['id']}"
    assert "secret" not in call(server, "GET", path).json()
    changed = call(server, "PATCH", path, {"events": ["file.deleted"], "isEnabled": False}).json()
    assert (changed["events"], changed["isEnabled"], "secret" in changed) == (["file.deleted"], False, False)
    assert call(server, "POST", f"{path}/test").status == 409
    assert call(server, "PATCH", path, {"secret": ""}).json()["secret"] not in ("", made["secret"])
    assert [hook["id"] for hook in call(server, "GET", "/v1/webhooks").json()] == [made["id"]]
    if not POSTGRES:
        stored = b"".join(file.read_bytes() for file in server.data_dir.glob("library.db*"))
        assert made["id"].encode() in stored and made["secret"].encode() not in stored
    for body, text in [({}, "url parameter is missing."), ({"url": "ftp://h/"}, "must begin with http"),
                       ({"url": "https://h/", "events": ["file.exploded"]}, "there is no event `file.exploded`"),
                       ({"url": "https://h/", "events": []}, "events parameter should be a list"),
                       ({"url": "https://h/", "secret": "short"}, "secret parameter should be"),
                       ({"url": "http://169.254.169.254/latest"}, "url parameter is invalid"),
                       ({"url": receiver.url}, "url parameter is invalid")]:
        answer = call(server, "POST", "/v1/webhooks", body)
        assert answer.status == 400 and text in answer.json()["message"], answer
    assert server.request("GET", "/v1/webhooks").status == 401
    assert call(server, "DELETE", path).status == 204 and call(server, "GET", path).status == 404
    assert call(server, "GET", "/v1/webhooks/nothing").status == 404


def test_the_webhooks_of_the_sdk(reaching):
    """Every method of `accounts.webhooks`: what is made, refused, changed and gone, with the texts."""
    client = ImageKit(private_key=PRIVATE_KEY, base_url=reaching.url, max_retries=0)
    hooks = client.accounts.webhooks

    def refuses(error, text, method, *ids, **fields):
        with pytest.raises(error) as raised:
            method(*ids, **fields)
        assert raised.value.body["message"].startswith(text) and raised.value.body["help"], raised.value.body

    assert hooks.list() == []
    made = hooks.create(endpoint="https://app.example.com/1", events=["file.created", "folder.deleted", "file.created"])
    assert made.secret.startswith("whsec_") and made.enabled is True and made.events == ["file.created", "folder.deleted"]
    assert hooks.get(made.id) == made and hooks.list() == [made]
    off = hooks.create(endpoint="https://app.example.com/2", events=["upload.post-transform.error"], enabled=False)
    assert off.enabled is False and off.secret != made.secret
    invalid, missing = imagekitio.BadRequestError, imagekitio.NotFoundError
    refuses(invalid, "endpoint is used by another webhook", hooks.create, endpoint=off.endpoint, events=["file.created"])
    refuses(invalid, "endpoint is used by another webhook", hooks.update, made.id, endpoint=off.endpoint)
    hooks.create(endpoint="https://app.example.com/3", events=["file.created"])
    refuses(invalid, "You can have at most 3 webhooks.", hooks.create, endpoint="https://app.example.com/4", events=["file.created"])
    changed = hooks.update(made.id, enabled=False, endpoint="http://app.example.com/one", events=["folder.updated"])
    assert (changed.enabled, changed.endpoint, changed.events) == (False, "http://app.example.com/one", ["folder.updated"])
    assert (changed.secret, changed.created_at) == (made.secret, made.created_at) and changed.updated_at >= made.updated_at
    assert hooks.update(made.id) == hooks.get(made.id), "nothing to change"
    assert hooks.delete(made.id) is None
    for method in [hooks.get, hooks.update, hooks.delete]:
        for gone in [made.id, "nothing", "0" * 24]:
            refuses(missing, "The requested webhook does not exist.", method, gone)
    # The other door shows the same ones, and the secret of this one stays what it is.
    assert {hook["url"] for hook in call(reaching, "GET", "/v1/webhooks").json()} == {hook.endpoint for hook in hooks.list()}
    everything = call(reaching, "PATCH", f"/v1/webhooks/{off.id}", {"events": ["*"]}).json()
    assert everything["events"] == ["*"] and len(hooks.get(off.id).events) == 15
    for body, text in [({"events": ["file.created"]}, "endpoint is required and must be a string"),
                       ({"endpoint": "https://h/"}, "events is required and must be an array"),
                       ({"endpoint": 5, "events": ["file.created"]}, "endpoint must be a string"),
                       ({"endpoint": "ftp://h/", "events": ["file.created"]}, "endpoint must begin with http:// or https://"),
                       ({"endpoint": "nowhere", "events": ["file.created"]}, "endpoint must be a URL such as"),
                       ({"endpoint": "http://169.254.169.254/", "events": ["file.created"]}, "endpoint is invalid"),
                       ({"endpoint": "https://h/", "events": []}, "events must be an array of event types, at least one"),
                       ({"endpoint": "https://h/", "events": ["*"]}, "events has the unknown type *. Must be of file.created,"),
                       ({"endpoint": "https://h/", "events": ["file.created"], "enabled": "yes"}, "enabled parameter should be a boolean.")]:
        answer = call(reaching, "POST", "/v1/accounts/webhooks", body)
        assert answer.status == 400 and answer.json()["message"].startswith(text), answer
    for hook in hooks.list():
        hooks.delete(hook.id)


def test_secrets_are_shown_only_to_keys_that_may_change_them(reaching):
    client = ImageKit(private_key=PRIVATE_KEY, base_url=reaching.url, max_retries=0)
    hook = client.accounts.webhooks.create(endpoint="https://app.example.com/", events=["file.created"])
    for level, seen in [("read", False), ("write", True)]:
        key = call(reaching, "POST", "/v1/accounts/keys", {"name": level, "permissions": {"mediaManagement": level}}).json()
        restricted = ImageKit(private_key=key["privateKey"], base_url=reaching.url, max_retries=0)
        if seen:
            assert [one.secret for one in restricted.accounts.webhooks.list()] == [hook.secret]
        else:
            for method in [lambda: restricted.accounts.webhooks.list(), lambda: restricted.accounts.webhooks.get(hook.id)]:
                with pytest.raises(imagekitio.PermissionDeniedError):
                    method()
        call(reaching, "DELETE", f"/v1/accounts/keys/{key['id']}")
    assert reaching.request("GET", "/v1/accounts/webhooks").status == 401
    if not POSTGRES:
        stored = b"".join(file.read_bytes() for file in reaching.data_dir.glob("library.db*"))
        assert hook.id.encode() in stored and hook.secret.encode() not in stored
    client.accounts.webhooks.delete(hook.id)


def test_each_webhook_of_the_account_gets_what_it_asked_for(reaching, receiver, photo):
    """Signed with its own secret, filtered by its events, and nothing while it is off."""
    other = Receiver()
    hooks = ImageKit(private_key=PRIVATE_KEY, base_url=reaching.url).accounts.webhooks
    folders = hooks.create(endpoint=receiver.url, events=["folder.created", "folder.updated", "folder.deleted"])
    files = hooks.create(endpoint=other.url, events=["file.deleted"], enabled=False)
    try:
        uploaded = reaching.upload(photo, "a.jpg", folder="/told/deep").json()
        assert call(reaching, "DELETE", f"/v1/files/{uploaded['fileId']}").status == 204
        # Events are handed over in their order: when this one has come, the deletion has been, too.
        assert call(reaching, "POST", "/v1/folder", {"folderName": "after", "parentFolderPath": "/told"}).status == 201
        receiver.wait_for(3)
        hooks.update(files.id, enabled=True)
        again = reaching.upload(photo, "b.jpg", folder="/told/deep").json()
        answer = call(reaching, "POST", "/v1/bulkJobs/renameFolder", {"folderPath": "/told", "newFolderName": "retold"})
        job = f"/v1/bulkJobs/{answer.json()['jobId']}"
        eventually(lambda: reaching.api(job).json()["status"] == "Completed")
        assert call(reaching, "DELETE", "/v1/folder", {"folderPath": "/retold"}).status in (200, 204)
        told = {}
        for headers, body in receiver.wait_for(9):
            event = unwrap(headers, body, folders.secret)
            legacy(headers, body, folders.secret)
            told.setdefault(event.type, []).append(json.loads(body)["data"])
        made = {folder["folderPath"]: folder for folder in told["folder.created"]}
        assert set(made) == {"/told", "/told/deep", "/told/after"}
        assert made["/told/deep"]["name"] == "deep" and made["/told/deep"]["type"] == "folder"
        ids = {path.removeprefix("/told"): folder["folderId"] for path, folder in made.items()}
        assert {folder["folderPath"]: folder["folderId"] for folder in told["folder.updated"]} == {
            "/retold": ids[""], "/retold/deep": ids["/deep"], "/retold/after": ids["/after"]}
        assert sorted(folder["folderId"] for folder in told["folder.deleted"]) == sorted(ids.values())
        assert all(set(folder) == {"folderId"} for folder in told["folder.deleted"])
        # What happened while it was off is not told later.
        headers, body = other.wait_for(1)[0]
        assert unwrap(headers, body, files.secret).data.file_id == again["fileId"]
        with pytest.raises(Exception, match="signature"):
            unwrap(headers, body, folders.secret)
    finally:
        other.stop()
        hooks.delete(folders.id)
        hooks.delete(files.id)
    assert len(other.got) == 1 and len(receiver.got) == 9


def test_a_private_receiver_is_not_reached_by_a_name_either(server):
    hook = call(server, "POST", "/v1/webhooks", {"url": "http://localhost:9/hooks"}).json()
    path = f"/v1/webhooks/{hook['id']}"
    assert call(server, "POST", f"{path}/test").status == 202
    eventually(lambda: call(server, "GET", f"{path}/deliveries").json()[0]["lastError"])
    assert "is not fetched" in call(server, "GET", f"{path}/deliveries").json()[0]["lastError"]
    call(server, "DELETE", path)


def test_the_receiver_of_the_settings(start, receiver, photo):
    server = start(fetch_allow="127.0.0.0/8", webhook_url=receiver.url, webhook_secret=SECRET)
    hook, = call(server, "GET", "/v1/webhooks").json()
    assert hook["isFromSettings"] is True
    assert call(server, "DELETE", f"/v1/webhooks/{hook['id']}").status == 409
    assert call(server, "POST", f"/v1/webhooks/{hook['id']}/test").status == 202
    headers, body = receiver.wait_for(1)[0]
    legacy(headers, body)
    assert json.loads(body)["type"] == "webhook.test"
    server.upload(photo, "settings.jpg")
    assert unwrap(*receiver.wait_for(2)[1]).type == "file.created"


def test_a_receiver_without_a_secret_is_refused_at_the_start():
    from server import Server

    with pytest.raises(RuntimeError, match="webhook_secret"):
        Server(webhook_url="https://h/")


def test_messages_outlive_a_kill(tmp_path, receiver, photo):
    from server import Server

    settings = {"data_dir": tmp_path, "fetch_allow": "127.0.0.0/8"}
    server = Server(**settings)
    register(server, receiver, events=["file.created"])
    receiver.answers = [500]
    uploaded = server.upload(photo, "kept.jpg").json()
    receiver.wait_for(1)
    server.process.kill()
    server.process.wait()
    server.stop(ended_with=-9)
    again = Server(**settings)
    first, second = receiver.wait_for(2)[:2]
    assert json.loads(second[1])["data"]["fileId"] == uploaded["fileId"] and first[1] == second[1]
    again.stop()
