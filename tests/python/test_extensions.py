"""Extensions: what is asked of services that speak their published wire formats, and what of their answers is written."""

import json

import pytest

from picture import opened
from server import BASIC
from services import Services, completion, wait_until

TAGGING = {"minConfidence": 50, "maxTags": 5}


@pytest.fixture(scope="module")
def services():
    running = Services()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def extended(services):
    from server import Server
    server = Server(**services.settings())
    yield server
    log = server.log_text()
    server.stop()
    for secret in [value for name, value in services.settings().items() if name.endswith(("_key", "secret_key"))]:
        assert secret not in log, "a key was logged"


def upload(server, content, name, extensions, **fields):
    return server.upload(content, name, extensions=json.dumps(extensions), **fields)


def ordered(server, content, name, extension, **fields):
    answer = upload(server, content, name, [extension], **fields)
    assert answer.status == 200 and answer.json()["extensionStatus"] == {extension["name"]: "pending"}, answer
    return answer.json()["fileId"]


def details(server, file):
    return server.api(f"/v1/files/{file}/details").json()


def callback(services, path):
    return wait_until(lambda: [body for at, _, body in services.callbacks if at == path])[0]


def test_google_tags(extended, services, photo):
    file = ordered(extended, photo, "google.jpg", {"name": "google-auto-tagging", **TAGGING}, webhookUrl=services.url + "/hook/google")
    body = callback(services, "/hook/google")
    assert body["service"] == "google-auto-tagging" and body["status"] == "SUCCESS" and body["fileObject"]["fileId"] == file
    expected = [{"name": "Sea", "confidence": 97.13, "source": "google-auto-tagging"},
                {"name": "Harbour", "confidence": 81.0, "source": "google-auto-tagging"}]
    assert details(extended, file)["AITags"] == body["fileObject"]["AITags"] == expected


def test_amazon_tags_signed_as_amazon_wants(extended, services, photo):
    file = ordered(extended, photo, "aws.jpg", {"name": "aws-auto-tagging", **TAGGING})
    tags = wait_until(lambda: details(extended, file)["AITags"])
    assert tags == [{"name": "Boat", "confidence": 99.94, "source": "aws-auto-tagging"}]


def test_a_description(extended, services, photo):
    file = ordered(extended, photo, "described.jpg", {"name": "ai-auto-description"}, description="old")
    wait_until(lambda: details(extended, file).get("description") == "A harbour at dawn.")


def test_tasks_change_tags_within_their_vocabulary(extended, services, photo):
    tasks = [{"type": "select_tags", "instruction": "Which colours?", "vocabulary": ["red", "blue"], "max_selections": 2},
             {"type": "yes_no", "instruction": "A person?", "on_yes": {"add_tags": ["person"], "remove_tags": ["empty"]}}]
    # The first answer does not keep to the vocabulary: it is refused whole, and asked for again.
    services.answers["vision"] = [completion({"answer_1": ["purple"], "answer_2": "yes"}), completion({"answer_1": ["blue"], "answer_2": "yes"})]
    file = ordered(extended, photo, "tasks.jpg", {"name": "ai-tasks", "tasks": tasks}, tags="sea,empty")
    wait_until(lambda: details(extended, file)["tags"] == ["sea", "blue", "person"])


@pytest.mark.parametrize("name, answer", [
    ("rate limit", (429, {"Retry-After": "1"}, {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}})),
    ("trouble", (503, {}, b"<html>")),
    ("nonsense", (200, {}, b"nonsense")),
])
def test_what_passes_is_tried_again(extended, services, photo, name, answer):
    services.answers["google"] = [answer]
    file = ordered(extended, photo, f"again-{name.split()[0]}.jpg", {"name": "google-auto-tagging", **TAGGING})
    assert len(wait_until(lambda: details(extended, file)["AITags"])) == 2


def test_what_lasts_is_told_and_not_tried_again(extended, services, photo):
    services.answers["google"] = [(200, {}, {"responses": [{"error": {"code": 3, "message": "Bad image data."}}]})]
    file = ordered(extended, photo, "lasting.jpg", {"name": "google-auto-tagging", **TAGGING}, webhookUrl=services.url + "/hook/lasting")
    assert callback(services, "/hook/lasting") == {
        "service": "google-auto-tagging", "status": "FAILURE", "fileId": file, "error": {"message": "Google Vision: Bad image data."}}
    assert details(extended, file)["AITags"] is None


def test_what_is_no_picture(extended, services):
    file = ordered(extended, b"body { color: red }", "style.css", {"name": "ai-auto-description"}, webhookUrl=services.url + "/hook/css")
    assert callback(services, "/hook/css")["status"] == "FAILURE"
    assert "description" not in details(extended, file)


def test_a_removed_background_is_the_next_version(extended, services, photo):
    options = {"add_shadow": True, "bg_color": "81d4fa"}
    file = ordered(extended, photo, "cut.jpg", {"name": "remove-bg", "options": options}, tags="kept", isPrivateFile="true",
                   webhookUrl=services.url + "/hook/cut")
    body = callback(services, "/hook/cut")
    assert body["status"] == "SUCCESS", body
    now = details(extended, file)
    assert now["versionInfo"]["name"] == "Version 2" and (now["width"], now["height"]) == (60, 40) and now["mime"] == "image/png"
    assert now["tags"] == ["kept"] and now["isPrivateFile"] is True
    for field, value in [("add_shadow", "true"), ("bg_color", "81d4fa"), ("size", "auto")]:
        assert f'name="{field}"\r\n\r\n{value}\r\n'.encode() in services.form


def test_a_newer_version_is_left_alone(extended, services, photo):
    held = []
    services.answers["google"] = [lambda body: held.append(1) or wait_until(lambda: "go" in held) and services.google_labels]
    services.google_labels = (200, {}, {"responses": [{"labelAnnotations": [{"description": "Late", "score": 1}]}]})
    file = ordered(extended, photo, "late.jpg", {"name": "google-auto-tagging", **TAGGING}, webhookUrl=services.url + "/hook/late")
    wait_until(lambda: held)
    assert extended.upload(photo[:-2], "late.jpg").json()["fileId"] == file
    held.append("go")
    assert callback(services, "/hook/late")["status"] == "FAILURE"
    assert details(extended, file)["AITags"] is None


def test_without_a_provider_it_fails_and_the_log_names_the_setting(server, photo):
    names = ["google-auto-tagging", "aws-auto-tagging"]
    extensions = [{"name": name, **TAGGING} for name in names] + [{"name": "remove-bg"}, {"name": "ai-auto-description"}]
    answer = upload(server, photo, "alone.jpg", extensions)
    assert answer.status == 200 and set(answer.json()["extensionStatus"].values()) == {"failed"}, answer
    log = server.log_text()
    for setting in ["google_vision_key", "aws_access_key", "removebg_key", "vision_url"]:
        assert setting in log


def test_overwriting_drops_or_keeps_machine_tags(extended, services, photo):
    file = ordered(extended, photo, "kept-tags.jpg", {"name": "google-auto-tagging", **TAGGING})
    tags = wait_until(lambda: details(extended, file)["AITags"])
    assert extended.upload(photo, "kept-tags.jpg", overwriteAITags="false").json()["AITags"] == tags
    assert extended.upload(photo, "kept-tags.jpg").json()["AITags"] is None


def test_post_transformations_are_ready_when_asked_for(extended, photo):
    transformation = {"post": [{"type": "transformation", "value": "w-77,h-55"}, {"type": "transformation", "value": "w-78,h-56,f-webp"}]}
    answer = extended.upload(photo, "post.jpg", transformation=json.dumps(transformation))
    assert answer.status == 200, answer

    def cached(target):
        answer = extended.get(target)
        assert answer.status == 200, answer
        return answer.headers["x-tintype-cache"]

    wait_until(lambda: extended.log_text().count("a job is done") >= 2)
    wait_until(lambda: cached("/demo/post.jpg?tr=w-78,h-56,f-webp") in ("memory", "disk"))
    assert cached("/demo/post.jpg?tr=w-77,h-55") in ("memory", "disk")
    assert opened(extended.get("/demo/post.jpg?tr=w-77,h-55").body).size == (77, 55)
