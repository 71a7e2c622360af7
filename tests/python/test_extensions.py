"""Extensions: what is asked of services that speak their published wire formats, and what of their answers is written."""

import datetime
import io
import json
import signal
import sqlite3

import pytest
from PIL import Image

from picture import opened
from server import BASIC, POSTGRES, Server
from services import Services, completion, wait_until

TAGGING = {"minConfidence": 50, "maxTags": 5}


@pytest.fixture(scope="module")
def services():
    running = Services()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def extended(services):
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


def send(server, method, target, body):
    return server.request(method, target, {**BASIC, "Content-Type": "application/json"}, json.dumps(body))


def test_an_update_orders_extensions_too(extended, services, photo):
    file = extended.upload(photo, "patched.jpg").json()["fileId"]
    body = {"extensions": [{"name": "google-auto-tagging", **TAGGING}], "webhookUrl": services.url + "/hook/patched"}
    answer = send(extended, "PATCH", f"/v1/files/{file}/details", body)
    assert answer.status == 200 and answer.json()["extensionStatus"] == {"google-auto-tagging": "pending"}, answer
    assert callback(services, "/hook/patched")["fileObject"]["AITags"][0]["name"] == "Sea"
    wrong = send(extended, "PATCH", f"/v1/files/{file}/details", {"tags": ["x"], "extensions": [{"name": "make-coffee"}]})
    assert wrong.status == 400 and wrong.json()["errors"]["extensions"] and details(extended, file)["tags"] is None, wrong


def test_what_is_saved_takes_the_place_of_its_id(extended, services, photo):
    config = {"name": "google-auto-tagging", "minConfidence": 90, "maxTags": 1}
    saved = send(extended, "POST", "/v1/saved-extensions", {"name": "sure", "description": "sure tags", "config": config}).json()
    answer = upload(extended, photo, "saved.jpg", [{"name": "saved-extension", "id": saved["id"]}])
    assert answer.status == 200 and answer.json()["extensionStatus"] == {"google-auto-tagging": "pending"}, answer
    tags = wait_until(lambda: details(extended, answer.json()["fileId"])["AITags"])
    assert [tag["name"] for tag in tags] == ["Sea"]
    unknown = upload(extended, photo, "saved.jpg", [{"name": "saved-extension", "id": "ext_unknown"}])
    assert unknown.status == 400 and "ext_unknown" in unknown.json()["errors"]["extensions"], unknown


def test_tasks_choose_values_of_fields(extended, services, photo):
    for name, schema in [("scene", {"type": "SingleSelect", "selectOptions": ["indoor", "outdoor"]}), ("boats", {"type": "Number", "maxValue": 9})]:
        assert send(extended, "POST", "/v1/customMetadataFields", {"name": name, "label": name, "schema": schema}).status == 201
    tasks = [{"type": "select_metadata", "instruction": "Where?", "field": "scene"},
             {"type": "select_metadata", "instruction": "How many boats?", "field": "boats"}]
    asked = []

    def answered(body):
        asked.append(json.loads(body)["response_format"]["json_schema"]["schema"]["properties"])
        return completion({"answer_1": ["outdoor"], "answer_2": ["3"]})

    services.answers["vision"] = [answered]
    file = ordered(extended, photo, "scene.jpg", {"name": "ai-tasks", "tasks": tasks})
    wait_until(lambda: details(extended, file)["customMetadata"] == {"scene": "outdoor", "boats": 3})
    assert asked[0]["answer_1"]["items"]["enum"] == ["indoor", "outdoor"]
    # A value that the field does not take is not written, and the file keeps what it has.
    services.answers["vision"] = [completion({"answer_1": [], "answer_2": ["30"]})]
    file = ordered(extended, photo, "scene-2.jpg", {"name": "ai-tasks", "tasks": tasks}, webhookUrl=services.url + "/hook/scene")
    assert "boats" in callback(services, "/hook/scene")["error"]["message"]
    assert details(extended, file)["customMetadata"] == {}
    unknown = upload(extended, photo, "scene.jpg", [{"name": "ai-tasks", "tasks": [{**tasks[0], "field": "nobody"}]}])
    assert unknown.status == 400 and "nobody" in unknown.json()["errors"]["extensions"], unknown


def test_events_of_post_transformations(extended, services, photo):
    registered = send(extended, "POST", "/v1/webhooks", {"url": services.url + "/hook/events", "events": ["upload.post-transform.success", "upload.post-transform.error"]})
    assert registered.status in (200, 201), registered
    good, broken = {"type": "transformation", "value": "w-31,h-32"}, {"type": "transformation", "value": "l-image,i-nowhere.jpg,l-end"}
    answer = extended.upload(photo, "events.jpg", transformation=json.dumps({"post": [good, broken]}))
    assert answer.status == 200, answer
    events = wait_until(lambda: len(found := [body for at, _, body in services.callbacks if at == "/hook/events"]) >= 2 and found)
    by_type = {event["type"]: event for event in events}
    success, error = by_type["upload.post-transform.success"], by_type["upload.post-transform.error"]
    assert success["request"] == {"x_request_id": answer.headers["x-request-id"], "transformation": good}
    assert success["data"] == {"fileId": answer.json()["fileId"], "url": answer.json()["url"] + "?tr=w-31,h-32", "name": "events.jpg"}
    assert error["data"]["path"] == "/events.jpg" and "nowhere.jpg" in error["data"]["transformation"]["error"]["reason"], error


def test_what_is_found_out_goes_with_the_picture_whose_background_is_removed(extended, services, photo):
    labels = (200, {}, {"responses": [{"labelAnnotations": [{"description": "Late", "score": 1}]}]})
    made = []
    services.answers["google"] = [lambda body: wait_until(lambda: made) and labels]
    extensions = [{"name": "remove-bg"}, {"name": "aws-auto-tagging", **TAGGING}, {"name": "google-auto-tagging", **TAGGING}]
    answer = upload(extended, photo, "siblings.jpg", extensions, webhookUrl=services.url + "/hook/siblings")
    assert set(answer.json()["extensionStatus"].values()) == {"pending"}, answer
    file = answer.json()["fileId"]
    wait_until(lambda: details(extended, file)["versionInfo"]["name"] == "Version 2")
    made.append(1)
    told = wait_until(lambda: len(found := [body for at, _, body in services.callbacks if at == "/hook/siblings"]) == 3 and found)
    assert {body["status"] for body in told} == {"SUCCESS"}, told
    now = details(extended, file)
    assert now["versionInfo"]["name"] == "Version 2" and now["mime"] == "image/png"
    assert {tag["name"] for tag in now["AITags"]} == {"Boat", "Late"}


def test_an_extension_counts_once(extended, services, photo):
    def counted():
        today = datetime.datetime.now(datetime.timezone.utc).date()
        analytics = extended.api(f"/v1/accounts/usage-analytics?startDate={today}&endDate={today}").json()
        return {one["name"]: one["operationCount"] for one in analytics["extensions"]}.get("aws-auto-tagging", 0)

    before = counted()
    ordered(extended, photo, "counted.jpg", {"name": "aws-auto-tagging", **TAGGING}, webhookUrl=services.url + "/hook/counted")
    assert callback(services, "/hook/counted")["status"] == "SUCCESS"
    wait_until(lambda: counted() > before)
    assert counted() == before + 1


@pytest.mark.parametrize("service, extension, seconds", [
    ("google", {"name": "google-auto-tagging", **TAGGING}, 21), ("aws", {"name": "aws-auto-tagging", **TAGGING}, 22),
    ("vision", {"name": "ai-auto-description"}, 23), ("removebg", {"name": "remove-bg"}, 24)])
@pytest.mark.parametrize("status, more", [(429, 0), (503, 10)])
def test_a_service_that_wants_time_is_given_it(extended, services, photo, service, extension, seconds, status, more):
    seconds += more
    services.answers[service] = [(status, {"Retry-After": str(seconds)}, {})]
    ordered(extended, photo, f"patience-{seconds}.jpg", extension)
    wait_until(lambda: f'"pause_s":{seconds},' in extended.log_text())


@pytest.mark.skipif(bool(POSTGRES), reason="it writes into SQLite's file")
def test_who_takes_a_job_up_does_not_pay_again(photo, tmp_path):
    """As after a crash between the answer of the service and the new version."""
    services = Services()
    server = Server(data_dir=tmp_path, **services.settings())
    cut = io.BytesIO()
    Image.new("RGBA", (50, 30), (255, 0, 0, 0)).save(cut, "PNG")
    server.upload(cut.getvalue(), "the-same-bytes.png")
    services.answers["removebg"] = [(503, {"Retry-After": "1000"}, {})]
    file = ordered(server, photo, "crashed.jpg", {"name": "remove-bg"}, webhookUrl=services.url + "/hook/crashed")
    wait_until(lambda: '"pause_s":1000' in server.log_text())
    server.process.kill()
    server.process.wait()
    server.stop(ended_with=-signal.SIGKILL)
    with sqlite3.connect(tmp_path / "library.db") as library:
        blob, = library.execute("SELECT blob FROM versions WHERE name = 'the-same-bytes.png'").fetchone()
        library.execute("UPDATE jobs SET run_at = 0, cursor = ? WHERE kind = 'extension'", [json.dumps({"blob": blob})])
    library.close()
    assert services.asked.count("removebg") == 1
    server = Server(data_dir=tmp_path, **services.settings())
    try:
        body = callback(services, "/hook/crashed")
        assert body["status"] == "SUCCESS" and body["fileObject"]["width"] == 50, body
        assert details(server, file)["versionInfo"]["name"] == "Version 2"
        assert services.asked.count("removebg") == 1
    finally:
        server.stop()
        services.stop()


def test_slow_receivers_of_callbacks_hold_up_nobody(services, photo):
    """One host answers nothing for as long as it likes, another one hears of everything meanwhile."""
    go = []
    services.slow = lambda: wait_until(lambda: go)
    server = Server(**services.settings())
    config = [{"name": "google-auto-tagging", **TAGGING}] * 20
    try:
        for n in range(4):
            answer = upload(server, photo, f"slow-{n}.jpg", config, webhookUrl=services.url + f"/hook-slow/{n}")
            assert answer.status == 200, answer
        wait_until(lambda: len(services.held) == 4)
        quick = services.url.replace("127.0.0.1", "127.0.0.2") + "/hook/quick"
        ordered(server, photo, "quick.jpg", {"name": "google-auto-tagging", **TAGGING}, webhookUrl=quick)
        assert callback(services, "/hook/quick")["status"] == "SUCCESS"
        assert len(services.held) == 4
    finally:
        go.append(1)
        server.stop()
