"""Webhooks: registered, signed so that the official SDK accepts them, sent again until they are accepted."""

import hashlib
import hmac
import json
import uuid

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
    for headers, body in receiver.wait_for(3):
        event = unwrap(headers, body)
        assert abs(legacy(headers, body) // 1000 - int(headers["webhook-timestamp"])) <= 1
        assert headers["Content-Type"] == "application/json"
        raw = json.loads(body)
        assert headers["webhook-id"] == raw["id"] == event.id and uuid.UUID(event.id)
        got[event.type] = raw
    assert set(got) == {"file.created", "file-version.created", "file.deleted"}
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
