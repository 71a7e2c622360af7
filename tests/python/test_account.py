"""What an account is made of: fields, names, extensions, origins, endpoints, usage; over raw HTTP for texts and spellings, and with the
official SDK for every method."""

import datetime
import http.server
import json
import re
import threading
import time

import imagekitio
import pytest
from imagekitio import ImageKit

from picture import opened
from server import BASIC, FILES, PRIVATE_KEY, Server

UNKNOWN_ID = "0123456789abcdef01234567"
PHOTO = (FILES / "photo.jpg").read_bytes()


@pytest.fixture(scope="module")
def account():
    """A server of these tests' own: what they set up would change the answers of others."""
    running = Server(fetch_allow="127.0.0.0/8")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(account):
    return ImageKit(private_key=PRIVATE_KEY, base_url=account.url, max_retries=0)


def send(server, method, target, body=None, headers=BASIC):
    text = None if body is None else json.dumps(body).encode()
    return server.request(method, target, {**headers, "Content-Type": "application/json"}, text)


def refused(answer, status, message, **further):
    assert answer.status == status, answer
    body = answer.json()
    assert body.pop("help") and body == {"message": message, **further}, body


# --- custom metadata fields

def make_field(server, name, schema, **more):
    answer = send(server, "POST", "/v1/customMetadataFields", {"name": name, "label": f"Label of {name}", "schema": schema, **more})
    assert answer.status == 201, answer
    return answer.json()


def test_fields_are_made_changed_and_deleted(account):
    field = make_field(account, "price", {"type": "Number", "minValue": 10, "maxValue": 3000}, description="In francs")
    assert re.fullmatch("[0-9a-f]{24}", field["id"])
    assert field == {"id": field["id"], "name": "price", "label": "Label of price", "description": "In francs",
                     "schema": {"type": "Number", "minValue": 10, "maxValue": 3000}}
    path = f"/v1/customMetadataFields/{field['id']}"
    changed = send(account, "PATCH", path + "/", {"label": "Price", "schema": {"minValue": 5}, "description": ""})
    assert changed.status == 200 and changed.json() == {"id": field["id"], "name": "price", "label": "Price",
                                                        "schema": {"type": "Number", "minValue": 5}}
    create = "/v1/customMetadataFields/"
    refused(send(account, "POST", create, {"name": "price", "label": "L", "schema": {"type": "Text"}}), 400,
            "A custom metadata field with this name already exists.")
    refused(send(account, "POST", create, {"name": "other", "label": "Price", "schema": {"type": "Text"}}), 400,
            "A custom metadata field with this label already exists.")
    refused(send(account, "POST", create, {"name": "a", "label": "A", "schema": {"type": "Textarea", "minValue": 1, "maxLength": "x"}}), 400,
            "Invalid schema object", errors={"minValue": "not allowed for this type", "maxLength": "should be of type number"})
    refused(send(account, "POST", create, {"name": 5, "schema": 1}), 400, "Invalid field object",
            errors={"name": "should be of type string", "label": "is required", "schema": "should be of type object"})
    refused(send(account, "PATCH", path, {}), 400, "Either label or schema should be provided.")
    refused(send(account, "PATCH", path, {"name": "x"}), 400, "Name cannot be updated.")
    refused(send(account, "PATCH", path, {"schema": {"maxLength": 1}}), 400, "Invalid schema object.",
            errors={"maxLength": "not allowed for this type"})
    for method in ["PATCH", "DELETE"]:
        refused(send(account, method, "/v1/customMetadataFields", {"label": "x"}), 400, "Missing id parameter.")
        refused(send(account, method, "/v1/customMetadataFields/nonsense", {"label": "x"}), 400, "Your request contains invalid ID parameter.")
        refused(send(account, method, f"/v1/customMetadataFields/{UNKNOWN_ID}", {"label": "x"}), 404, "No such custom metadata field exists.")
    gone = send(account, "DELETE", path)
    assert (gone.status, gone.body) == (204, b"")
    refused(send(account, "DELETE", path), 404, "No such custom metadata field exists.")
    refused(send(account, "PATCH", path, {"label": "x"}), 400, "Cannot update a deleted custom metadata fields.")
    refused(send(account, "POST", create, {"name": "price", "label": "Price", "schema": {"type": "Text"}}), 400,
            "A custom metadata field with this name already exists.")
    for spelling in ["true", "True", "1"]:
        assert field["id"] in [f["id"] for f in account.api(f"/v1/customMetadataFields?includeDeleted={spelling}").json()]
    assert field["id"] not in [f["id"] for f in account.api("/v1/CustomMetadataFields/?includeDeleted=0&folderPath=/a").json()]
    go = make_field(account, "go", {"type": "Text"})
    answer = send(account, "DELETE", f"/v1/customMetadataFields/{go['id']}", headers={**BASIC, "X-Stainless-Lang": "go"})
    assert (answer.status, answer.json()) == (200, {})


def test_values_are_checked_at_the_upload(account):
    make_field(account, "stock", {"type": "Number", "minValue": 1})
    make_field(account, "colours", {"type": "MultiSelect", "selectOptions": ["red", 3, True]})
    make_field(account, "sold", {"type": "Boolean"})
    field = make_field(account, "secret", {"type": "Text"})

    def upload(values, name="meta.jpg"):
        return account.upload(PHOTO, name, customMetadata=json.dumps(values), responseFields="customMetadata")

    values = {"stock": 5, "colours": ["red", True], "sold": False, "secret": "x"}
    stored = upload(values)
    assert stored.status == 200 and stored.json()["customMetadata"] == values
    refused(upload({"stock": "5", "colours": ["3"], "nope": 1}, "refused.jpg"), 400, "Invalid custom metadata.", errors={
        "stock": "should be of type number", "colours": "should be one of the options: red, 3, true",
        "nope": "is not a custom metadata field"})
    assert account.listed("name=refused.jpg") == []
    for text in ["[1]", "nonsense"]:
        answer = account.upload(PHOTO, "refused.jpg", customMetadata=text)
        assert answer.status == 400 and "customMetadata" in answer.json()["message"]
    parts = [("fileName", "brackets.jpg"), ("customMetadata[stock]", "7"), ("customMetadata[colours][]", "red"),
             ("customMetadata[colours][]", "3"), ("customMetadata[sold]", "true"), ("responseFields", "customMetadata"), ("file", PHOTO)]
    assert account.post_form(parts).json()["customMetadata"] == {"stock": 7, "colours": ["red", 3], "sold": True}

    # Kept or dropped on overwrite, and hidden once the field is gone.
    again = account.upload(PHOTO, "meta.jpg", overwriteCustomMetadata="false", responseFields="customMetadata").json()
    assert again["customMetadata"] == values
    send(account, "DELETE", f"/v1/customMetadataFields/{field['id']}")
    details = account.api(f"/v1/files/{again['fileId']}/details").json()
    assert details["customMetadata"] == {"stock": 5, "colours": ["red", True], "sold": False}
    assert [f["customMetadata"] for f in account.listed("name=meta.jpg")] == [details["customMetadata"]]
    assert account.upload(PHOTO, "meta.jpg", responseFields="customMetadata").json()["customMetadata"] == {}


def test_values_are_checked_when_a_file_is_changed(account, client):
    make_field(account, "weight", {"type": "Number", "minValue": 1})
    make_field(account, "since", {"type": "Date", "maxValue": "2030-01-01"})
    stored = account.upload(PHOTO, "changed.jpg", customMetadata='{"weight": 5}').json()
    path = f"/v1/files/{stored['fileId']}/details"
    changed = send(account, "PATCH", path, {"customMetadata": {"since": "2024-02-29"}}).json()
    assert changed["customMetadata"] == {"weight": 5, "since": "2024-02-29"}
    refused(send(account, "PATCH", path, {"customMetadata": {"weight": "6", "since": "2031-01-01"}}), 400, "Invalid custom metadata.", errors={
        "weight": "should be of type number", "since": "should be less than or equal to 2030-01-01"})
    with pytest.raises(imagekitio.BadRequestError, match="Invalid custom metadata."):
        client.files.update(stored["fileId"], custom_metadata={"nobody": 1})
    assert send(account, "PATCH", path, {"customMetadata": {"weight": None}}).json()["customMetadata"] == {"since": "2024-02-29"}


def test_required_fields(start):
    server = start()
    make_field(server, "owner", {"type": "Text", "isValueRequired": True, "defaultValue": "none"})
    make_field(server, "note", {"type": "Text"})
    upload = lambda **fields: server.upload(PHOTO, "r.jpg", responseFields="customMetadata", **fields)
    assert upload().json()["customMetadata"] == {"owner": "none"}
    refused(upload(customMetadata='{"note": "a"}'), 400, "Invalid custom metadata.", errors={"owner": "is required"})
    assert upload(customMetadata='{"note": "a", "owner": "me"}').json()["customMetadata"] == {"note": "a", "owner": "me"}
    refused(send(server, "POST", "/v1/customMetadataFields", {"name": "x", "label": "X", "schema": {"type": "Text", "isValueRequired": True}}),
            400, "Invalid schema object", errors={"defaultValue": "is required when isValueRequired is true"})


def test_sdk_custom_metadata_fields(client):
    made = client.custom_metadata_fields.create(name="sdk", label="SDK", schema={"type": "SingleSelect", "select_options": ["a", 2, True],
                                                                               "is_value_required": False})
    assert made.schema_.type == "SingleSelect" and made.schema_.select_options == ["a", 2, True]
    assert "sdk" in [field.name for field in client.custom_metadata_fields.list()]
    changed = client.custom_metadata_fields.update(made.id, label="SDK 2", schema={"select_options": ["b"]})
    assert (changed.label, changed.schema_.select_options) == ("SDK 2", ["b"])
    result = client.files.upload(file=PHOTO, file_name="sdk-meta.jpg", custom_metadata={"sdk": "b"}, response_fields=["customMetadata"])
    assert result.custom_metadata == {"sdk": "b"}
    with pytest.raises(imagekitio.BadRequestError, match="Invalid custom metadata."):
        client.files.upload(file=PHOTO, file_name="sdk-meta.jpg", custom_metadata={"sdk": "c"})
    client.custom_metadata_fields.delete(made.id)
    with pytest.raises(imagekitio.NotFoundError, match="No such custom metadata field exists."):
        client.custom_metadata_fields.delete(made.id)
    assert "sdk" in [field.name for field in client.custom_metadata_fields.list(include_deleted=True)]


# --- saved extensions

def test_saved_extensions(account):
    config = {"name": "ai-tasks", "tasks": [{"type": "select_tags", "instruction": "Which colours?", "vocabulary": ["red", "blue"],
                                           "max_selections": 2}]}
    made = send(account, "POST", "/v1/saved-extensions/", {"name": "Colours", "description": "Tags by colour", "config": config})
    assert made.status == 201, made
    saved = made.json()
    assert saved["id"].startswith("ext_") and saved["config"] == config and saved["createdAt"] == saved["updatedAt"]
    path = f"/v1/saved-extensions/{saved['id']}"
    assert account.api(path).json() == saved and saved in account.api("/v1/saved-extensions").json()
    changed = send(account, "PATCH", path, {"name": "Other"}).json()
    assert changed["name"] == "Other" and changed["config"] == config and changed["updatedAt"] >= saved["updatedAt"]
    for wrong in [{"name": "magic"}, {"name": "saved-extension", "id": saved["id"]}, {"name": "google-auto-tagging"}, "remove-bg", None,
                  {"name": "ai-tasks", "tasks": [{"type": "select_metadata", "instruction": "a", "field": "no such field"}]}]:
        for answer in [send(account, "POST", "/v1/saved-extensions", {"name": "n", "description": "d", "config": wrong}),
                       send(account, "PATCH", path, {"config": wrong}) if wrong else None]:
            if answer is not None:
                assert answer.status == 400 and answer.json()["message"] == "Invalid extension configuration.", answer
                assert answer.json()["errors"]["config"]
    refused(send(account, "POST", "/v1/saved-extensions", {"description": "d", "config": config}), 400, "name is required and must be a string")
    for method in ["GET", "PATCH", "DELETE"]:
        refused(send(account, method, "/v1/saved-extensions/nonsense", {}), 400, "Invalid saved extension ID.")
        refused(send(account, method, "/v1/saved-extensions/ext_nobody", {}), 404, "The requested saved extension does not exist.")
    assert send(account, "DELETE", path).status == 204
    refused(send(account, "DELETE", path), 404, "The requested saved extension does not exist.")


def test_sdk_saved_extensions(client):
    made = client.saved_extensions.create(name="SDK", description="d", config={"name": "remove-bg", "options": {"bg_color": "fff"}})
    assert made.config.name == "remove-bg" and client.saved_extensions.get(made.id).description == "d"
    assert made.id in [saved.id for saved in client.saved_extensions.list()]
    assert client.saved_extensions.update(made.id, config={"name": "ai-auto-description"}).config.name == "ai-auto-description"
    client.saved_extensions.delete(made.id)
    with pytest.raises(imagekitio.NotFoundError):
        client.saved_extensions.get(made.id)
    with pytest.raises(imagekitio.BadRequestError, match="Invalid extension configuration."):
        client.saved_extensions.create(name="SDK", description="d", config={"name": "aws-auto-tagging", "min_confidence": 101, "max_tags": 1})


# --- named transformations

def size(server, target):
    answer = server.get(target)
    assert answer.status == 200, answer
    return opened(answer.body).size


def test_named_transformations(account):
    account.upload(PHOTO, "named.jpg")
    made = send(account, "POST", "/v1/named-transformations", {"name": "card", "transformation": "w-120,h-80"})
    assert made.status == 201, made
    named = made.json()
    assert set(named) == {"id", "name", "transformation", "enabled", "createdAt"} and named["enabled"] is True
    path = f"/v1/named-transformations/{named['id']}"
    assert account.api(path + "/").json() == named and named in account.api("/v1/named-transformations").json()
    assert size(account, "/demo/tr:n-card/named.jpg") == (120, 80)
    etag = account.get("/demo/tr:n-card/named.jpg").headers["ETag"]

    # A change is a change of what is delivered, at once.
    assert send(account, "PATCH", path, {"transformation": "tr:w-60,h-40"}).json()["transformation"] == "tr:w-60,h-40"
    assert size(account, "/demo/tr:n-card/named.jpg") == (60, 40)
    assert account.get("/demo/tr:n-card/named.jpg").headers["ETag"] != etag
    assert size(account, "/demo/named.jpg?tr=n-card,w-30") == (30, 40)
    private = account.upload(PHOTO, "named-private.jpg", isPrivateFile="true").json()
    assert account.get("/demo/tr:w-60/named-private.jpg").status == 401
    assert size(account, "/demo/tr:n-card/named-private.jpg") == (60, 40), private

    send(account, "PATCH", path, {"enabled": False})
    off = account.get("/demo/tr:n-card/named.jpg")
    assert off.status == 400 and "card" in off.headers["ik-error"]
    assert account.get("/demo/tr:n-nobody/named.jpg").status == 400
    send(account, "PATCH", path, {"enabled": "true", "name": "card2"})
    assert size(account, "/demo/tr:n-card2/named.jpg") == (60, 40)
    for name in ["ik_ml_thumbnail", "media_library_thumbnail"]:
        assert account.get(f"/demo/tr:n-{name}/named.jpg").status == 200
        taken = send(account, "POST", "/v1/named-transformations", {"name": name, "transformation": "w-1"})
        assert taken.status == 409 and taken.headers["x-should-retry"] == "false"

    again = send(account, "POST", "/v1/named-transformations", {"name": "card2", "transformation": "w-1"})
    refused(again, 409, "A named transformation with this name already exists.")
    assert again.headers["x-should-retry"] == "false"
    for body in [{}, {"name": "a-b", "transformation": "w-1"}, {"name": "ok"}, {"name": "ok", "transformation": "n-card2"},
                 {"name": "ok", "transformation": "l-text,i-x"}, {"name": "ok", "transformation": ""},
                 {"name": "ok", "transformation": "w-1", "enabled": "perhaps"}]:
        assert send(account, "POST", "/v1/named-transformations", body).status == 400, body
    for method in ["GET", "PATCH", "DELETE"]:
        refused(send(account, method, "/v1/named-transformations/nobody", {}), 404, "The requested named transformation does not exist.")
    assert send(account, "DELETE", path).status == 204
    assert account.get("/demo/tr:n-card2/named.jpg").status == 400


def test_sdk_named_transformations(client):
    made = client.named_transformations.create(name="sdk_small", transformation="w-150,h-150", enabled=False)
    assert made.enabled is False and client.named_transformations.get(made.id).name == "sdk_small"
    assert made.id in [named.id for named in client.named_transformations.list()]
    assert client.named_transformations.update(made.id, enabled=True).enabled is True
    with pytest.raises(imagekitio.ConflictError):
        client.named_transformations.create(name="sdk_small", transformation="w-1")
    client.named_transformations.delete(made.id)
    with pytest.raises(imagekitio.NotFoundError):
        client.named_transformations.get(made.id)


# --- origins and URL endpoints

class Bucket(http.server.BaseHTTPRequestHandler):
    """As much of S3 as reading takes: `objects[path]`, a signature of the right key, XML errors."""

    def do_GET(self):
        self.server.asked.append(self.path)
        signed = "Credential=AKIDEXAMPLE/" in self.headers.get("Authorization", "")
        body = self.server.objects.get(self.path.split("?")[0])
        if not signed:
            return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")
        if body is None:
            return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
        self.answer(200, body, "binary/octet-stream")

    def answer(self, status, body, content_type):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        if self.path.endswith("private.jpg"):
            self.send_header("x-amz-meta-isprivatefile", "true")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def bucket():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    server.objects, server.asked = {}, []
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def make_origin(server, **fields):
    answer = send(server, "POST", "/v1/accounts/origins", {"name": "An origin", **fields})
    assert answer.status == 201, answer
    return answer.json()


def make_endpoint(server, prefix, *origins):
    answer = send(server, "POST", "/v1/accounts/url-endpoints", {"description": f"For {prefix}", "urlPrefix": prefix, "origins": list(origins)})
    assert answer.status == 201, answer
    return answer.json()


def test_origins_and_endpoints(account):
    keys = {"accessKey": "AKIDEXAMPLE", "secretKey": "a secret that nobody sees"}
    origin = make_origin(account, type="S3", bucket="shop-media", prefix="raw", **keys)
    assert origin == {"id": origin["id"], "type": "S3", "name": "An origin", "bucket": "shop-media", "prefix": "raw", "useIAMRole": False,
                      "includeCanonicalHeader": False}
    path = f"/v1/accounts/origins/{origin['id']}"
    assert account.api(path).json() == origin and origin in account.api("/v1/accounts/origins/").json()
    replaced = send(account, "PUT", path, {"type": "WEB_FOLDER", "name": "Now a site", "baseUrl": "https://old.example.org/img"})
    assert replaced.status == 200 and replaced.json() == {
        "id": origin["id"], "type": "WEB_FOLDER", "name": "Now a site", "baseUrl": "https://old.example.org/img",
        "forwardHostHeaderToOrigin": False, "includeCanonicalHeader": False}
    stored = b"".join(p.read_bytes() for p in account.data_dir.rglob("*.db*"))
    assert b"a secret that nobody sees" not in stored

    kinds = "S3, S3_COMPATIBLE, CLOUDINARY_BACKUP, WEB_FOLDER, WEB_PROXY, GCS, AZURE_BLOB, AKENEO_PIM"
    for body, message in [
        ({"name": "A"}, f"Invalid origin type. Must be one of {kinds}."),
        ({"type": "S3"}, "name is required and must be a string"),
        ({"type": "S3", "name": "A", **keys}, "bucket is required and must be a string"),
        ({"type": "S3_COMPATIBLE", "name": "A", "bucket": "b", **keys}, "endpoint is required and must be a string"),
        ({"type": "WEB_PROXY", "name": "A", "bucket": "b"}, "bucket is not allowed for origins of type WEB_PROXY"),
    ]:
        refused(send(account, "POST", "/v1/accounts/origins", body), 400, message)
        refused(send(account, "PUT", path, body), 400, message)
    for method in ["GET", "PUT", "DELETE"]:
        refused(send(account, method, "/v1/accounts/origins/nobody", {}), 404, "Origin not found.")
        refused(send(account, method, "/v1/accounts/url-endpoints/nobody", {"description": "d", "urlPrefix": "x"}), 404, "URL-endpoint not found.")

    endpoint = make_endpoint(account, "shop", origin["id"])
    assert endpoint == {"id": endpoint["id"], "description": "For shop", "urlPrefix": "shop", "origins": [origin["id"]]}
    where = f"/v1/accounts/url-endpoints/{endpoint['id']}"
    listed = account.api("/v1/accounts/url-endpoints").json()
    assert listed[0]["id"] == "default" and listed[0]["urlPrefix"] == "" and endpoint in listed
    assert account.api("/v1/accounts/url-endpoints/default/").json() == listed[0] and account.api(where).json() == endpoint
    answer = send(account, "DELETE", path)
    assert answer.status == 400 and endpoint["id"] in answer.json()["message"]
    reserved = "urlPrefix cannot be empty string. This is reserved for the default URL-endpoint created by ImageKit."
    missing = "Origin does not exists. Please create origin before using it in URL-endpoint."
    for body, message in [({"urlPrefix": "x"}, "description is required"), ({"description": "d", "urlPrefix": 1}, "urlPrefix must be a string"),
                          ({"description": "d", "urlPrefix": ""}, reserved), ({"description": "d"}, reserved),
                          ({"description": "d", "urlPrefix": "x", "origins": ["nobody"]}, missing),
                          ({"description": "d", "urlPrefix": "x", "strange": 1}, "strange is not allowed")]:
        refused(send(account, "POST", "/v1/accounts/url-endpoints", body), 400, message)
    refused(send(account, "POST", "/v1/accounts/url-endpoints", {"description": "d", "urlPrefix": "shop"}), 400,
            "urlPrefix is used by another URL-endpoint")
    refused(send(account, "DELETE", "/v1/accounts/url-endpoints/default"), 400, "Default URL-endpoint cannot be deleted.")
    put = send(account, "PUT", where, {"description": "new", "urlPrefix": "shop-2", "urlRewriter": {"type": "CLOUDINARY"}}).json()
    assert put == {"id": endpoint["id"], "description": "new", "urlPrefix": "shop-2", "origins": [],
                   "urlRewriter": {"type": "CLOUDINARY", "preserveAssetDeliveryTypes": False}}
    assert send(account, "DELETE", where).status == 204 and send(account, "DELETE", path).status == 204
    refused(send(account, "DELETE", where), 404, "URL-endpoint not found.")


def test_urls_of_other_services(account):
    """Whose URLs an endpoint reads: sizes as a decoder sees them, what has no counterpart, and purges."""
    assert account.upload(PHOTO, "rewritten.jpg", folder="/moved").status == 200
    for kind, more, below, size in [
        ("CLOUDINARY", {}, "image/upload/c_fill,g_north,w_120,h_80/v1/moved/rewritten.jpg", (120, 80)),
        ("CLOUDINARY", {}, "image/upload/w_120,h_80/a_90/moved/rewritten.jpg", (80, 120)),
        ("IMGIX", {}, "moved/rewritten.jpg?w=120&h=80&fit=crop&ixlib=js-3", (120, 80)),
        ("IMGIX", {}, "moved/rewritten.jpg?rect=0,0,50,40&w=25", (25, 20)),
        ("AKAMAI", {}, "moved/rewritten.jpg?im=Resize,width=120,height=80,aspect=ignore;Rotate=90", (80, 120)),
        ("AKAMAI", {}, "moved/rewritten.jpg?tr=w-30,h-20", (30, 20)),
    ]:
        endpoint = send(account, "POST", "/v1/accounts/url-endpoints",
                        {"description": "d", "urlPrefix": "moving", "urlRewriter": {"type": kind, **more}}).json()
        answer = account.get(f"/demo/moving/{below}")
        assert answer.status == 200 and opened(answer.body).size == size, (kind, below, answer)
        assert answer.headers["x-tintype-ignored"] is None, answer
        if "image/upload" in below:
            odd = account.get("/demo/moving/image/upload/w_20,e_sepia/moved/rewritten.jpg")
            assert odd.status == 200 and "e_sepia" in odd.headers["x-tintype-ignored"], odd
            purge = send(account, "POST", "/v1/files/purge", {"url": f"{account.url}/demo/moving/{below}"})
            assert purge.status == 201, purge
        assert send(account, "DELETE", f"/v1/accounts/url-endpoints/{endpoint['id']}").status == 204
    # Below the folders of its kind the file is not, unless it is said so.
    kept = send(account, "POST", "/v1/accounts/url-endpoints", {"description": "d", "urlPrefix": "keeping", "urlRewriter": {
        "type": "CLOUDINARY", "preserveAssetDeliveryTypes": True}}).json()
    assert account.get("/demo/keeping/image/upload/w_20/moved/rewritten.jpg").status == 404
    assert account.upload(PHOTO, "rewritten.jpg", folder="/image/upload/moved").status == 200
    assert opened(account.get("/demo/keeping/image/upload/w_20/moved/rewritten.jpg").body).width == 20
    send(account, "DELETE", f"/v1/accounts/url-endpoints/{kept['id']}")


def test_sdk_origins_and_endpoints(client):
    made = client.accounts.origins.create(type="S3_COMPATIBLE", name="SDK", bucket="b", access_key="k", secret_key="s",
                                          endpoint="https://s3.example.org", s3_force_path_style=True)
    assert made.type == "S3_COMPATIBLE" and made.s3_force_path_style is True and made.prefix == ""
    for fields in [dict(type="S3", bucket="b", access_key="", secret_key="", use_iam_role=True),
                   dict(type="CLOUDINARY_BACKUP", bucket="b", access_key="k", secret_key="s"),
                   dict(type="WEB_FOLDER", base_url="https://h"), dict(type="WEB_PROXY"),
                   dict(type="GCS", bucket="b", client_email="a@b.ch", private_key="-----BEGIN"),
                   dict(type="AZURE_BLOB", container="c", account_name="n", sas_token="?sv=1"),
                   dict(type="AKENEO_PIM", base_url="https://h", client_id="i", client_secret="s", username="u", password="p")]:
        origin = client.accounts.origins.create(name="SDK too", **fields)
        assert origin.type == fields["type"] and origin.include_canonical_header is False
        client.accounts.origins.delete(origin.id)
    assert client.accounts.origins.get(made.id).name == "SDK" and made.id in [o.id for o in client.accounts.origins.list()]
    assert client.accounts.origins.update(made.id, type="WEB_FOLDER", name="Site", base_url="https://h").type == "WEB_FOLDER"
    endpoint = client.accounts.url_endpoints.create(description="d", url_prefix="sdk", origins=[made.id])
    assert client.accounts.url_endpoints.get(endpoint.id).origins == [made.id]
    assert [e.id for e in client.accounts.url_endpoints.list()][0] == "default"
    changed = client.accounts.url_endpoints.update(endpoint.id, description="e", url_prefix="sdk", url_rewriter={"type": "IMGIX"})
    assert changed.description == "e" and changed.url_rewriter.type == "IMGIX" and changed.origins == []
    client.accounts.url_endpoints.delete(endpoint.id)
    client.accounts.origins.delete(made.id)
    with pytest.raises(imagekitio.NotFoundError, match="Origin not found."):
        client.accounts.origins.get(made.id)
    with pytest.raises(imagekitio.NotFoundError, match="URL-endpoint not found."):
        client.accounts.url_endpoints.get(endpoint.id)
    with pytest.raises(imagekitio.BadRequestError, match="Default URL-endpoint cannot be deleted."):
        client.accounts.url_endpoints.delete("default")


def test_delivery_from_a_web_folder(account, website):
    website.pages["/img/a%20b/photo.jpg"] = (200, {"Content-Type": "text/plain"}, PHOTO)
    website.pages["/img/secret.jpg"] = (200, {"Is-Private-File": "true"}, PHOTO)
    website.pages["/img/fallback.jpg"] = (200, {}, PHOTO)
    website.pages["/img/closed.jpg"] = (403, {}, b"no")
    origin = make_origin(account, type="WEB_FOLDER", baseUrl=website.url + "/img/", includeCanonicalHeader=True,
                         baseUrlForCanonicalHeader="https://www.example.org/pictures")
    make_endpoint(account, "web", origin["id"])
    original = account.get("/demo/web/a%20b/photo.jpg?tr=orig-true")
    assert original.status == 200 and original.body == PHOTO and original.headers["Content-Type"] == "image/jpeg"
    assert original.headers["Link"] == '<https://www.example.org/pictures/a%20b/photo.jpg>; rel="canonical"'
    assert size(account, "/demo/web/tr:w-90,h-60/a%20b/photo.jpg") == (90, 60)
    part = account.get("/demo/web/a%20b/photo.jpg?tr=orig-true", Range="bytes=10-19")
    assert part.status == 206 and part.body == PHOTO[10:20]
    assert website.asked == ["/img/a%20b/photo.jpg"], "fetched once"

    # The library comes first, and the account's own path has no origins.
    account.upload(b"from the library", "first.txt")
    assert account.get("/demo/web/first.txt").body == b"from the library"
    assert account.get("/demo/a%20b/photo.jpg").status == 404
    assert account.get("/demo/web/secret.jpg").status == 401

    missing = account.get("/demo/web/none.jpg")
    assert missing.status == 404 and missing.headers["ik-error"].startswith("ENOENT - ")
    account.get("/demo/web/none.jpg")
    assert website.asked.count("/img/none.jpg") == 1, "an absence is remembered for a while"
    closed = account.get("/demo/web/closed.jpg")
    assert closed.status == 404 and closed.headers["ik-error"].startswith("EACCES - ") and closed.headers["Cache-Control"] == "no-store"
    assert size(account, "/demo/web/tr:w-60,h-40,di-fallback.jpg/none.jpg") == (60, 40)

    # Parameters that are not ours go along, ours do not.
    website.pages["/img/q.jpg?x=1"] = (200, {}, PHOTO)
    assert account.get("/demo/web/q.jpg?x=1&tr=w-50").status == 200


def test_a_purge_asks_the_origin_again(account, website):
    website.pages["/changing.txt"] = (200, {}, b"first")
    origin = make_origin(account, type="WEB_FOLDER", baseUrl=website.url)
    make_endpoint(account, "changing", origin["id"])
    assert account.get("/demo/changing/changing.txt").body == b"first"
    website.pages["/changing.txt"] = (200, {}, b"second")
    assert account.get("/demo/changing/changing.txt").body == b"first", "what an origin gave is kept for a while"
    asked = send(account, "POST", "/v1/files/purge", {"url": f"{account.url}/demo/changing/changing.txt"})
    assert asked.status == 201, asked
    deadline = time.monotonic() + 20
    while account.api(f"/v1/files/purge/{asked.json()['requestId']}").json()["status"] != "Completed":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert account.get("/demo/changing/changing.txt").body == b"second"


def test_delivery_tries_origins_in_order(account, website, bucket):
    website.pages["/second.jpg"] = (200, {}, PHOTO)
    bucket.objects["/shop/raw/third.jpg"] = PHOTO
    dead = make_origin(account, type="WEB_FOLDER", baseUrl="http://127.0.0.1:1")
    site = make_origin(account, type="WEB_FOLDER", baseUrl=website.url)
    s3 = make_origin(account, type="S3_COMPATIBLE", bucket="shop", prefix="raw", endpoint=bucket.url, accessKey="AKIDEXAMPLE",
                     secretKey="wJalrXUtnFEMI", s3ForcePathStyle=True)
    make_endpoint(account, "many", dead["id"], site["id"], s3["id"])
    make_endpoint(account, "dead", site["id"], dead["id"])
    assert size(account, "/demo/many/tr:w-90,h-60/second.jpg") == (90, 60)
    assert size(account, "/demo/many/tr:w-90,h-60/third.jpg") == (90, 60)
    assert account.get("/demo/many/none.jpg").headers["ik-error"].startswith("ENOENT - ")
    last = account.get("/demo/dead/none.jpg")
    assert last.status == 404 and last.headers["ik-error"].startswith("ECONNREFUSED - ")


def test_delivery_from_buckets(account, bucket):
    bucket.objects["/shop/raw/photo.jpg"] = PHOTO
    bucket.objects["/shop/raw/private.jpg"] = PHOTO
    common = dict(type="S3_COMPATIBLE", bucket="shop", prefix="raw", endpoint=bucket.url, secretKey="wJalrXUtnFEMI")
    good = make_origin(account, accessKey="AKIDEXAMPLE", **common)
    bad = make_origin(account, accessKey="SOMEBODY", **common)
    make_endpoint(account, "s3", good["id"])
    make_endpoint(account, "s3-bad", bad["id"])
    assert account.get("/demo/s3/photo.jpg?tr=orig-true").body == PHOTO
    assert size(account, "/demo/s3/photo.jpg?tr=w-90,h-60") == (90, 60)
    assert len(bucket.asked) == 1
    assert account.get("/demo/s3/private.jpg").status == 401
    refusal = account.get("/demo/s3-bad/photo.jpg")
    assert refusal.status == 404 and refusal.headers["ik-error"].startswith("EACCES - "), refusal
    # A change of the origin takes effect at once.
    changed = send(account, "PUT", f"/v1/accounts/origins/{bad['id']}", {"name": "Good now", "accessKey": "AKIDEXAMPLE", **common})
    assert changed.status == 200 and account.get("/demo/s3-bad/photo.jpg?tr=orig-true").body == PHOTO


def test_a_web_proxy_serves_signed_urls(account, client, website):
    website.pages["/elsewhere/photo.jpg"] = (200, {}, PHOTO)
    origin = make_origin(account, type="WEB_PROXY")
    make_endpoint(account, "proxy", origin["id"])
    target = f"/demo/proxy/tr:w-90,h-60/{website.url}/elsewhere/photo.jpg"
    assert account.get(target).status == 401
    endpoint = f"{account.url}/demo/proxy"
    url = client.helper.build_url(src=f"{endpoint}/tr:w-90,h-60/{website.url}/elsewhere/photo.jpg", url_endpoint=endpoint, signed=True,
                                  expires_in=60)
    assert size(account, url.removeprefix(account.url)) == (90, 60)
    assert account.get(f"/demo/{website.url}/elsewhere/photo.jpg").status == 501


def test_origins_in_private_networks_need_leave(start, website):
    website.pages["/photo.jpg"] = (200, {}, PHOTO)
    server = start()
    origin = make_origin(server, type="WEB_FOLDER", baseUrl=website.url)
    make_endpoint(server, "web", origin["id"])
    assert server.get("/demo/web/photo.jpg").status == 404 and website.asked == []


# --- usage

def test_countries_are_counted_on_the_word_of_trusted_proxies_only(start):
    server = start(trusted_proxies="192.0.2.1", country_header="CF-IPCountry")
    client = ImageKit(private_key=PRIVATE_KEY, base_url=server.url, max_retries=0)
    server.upload(PHOTO, "used.jpg")
    assert server.request("GET", "/demo/used.jpg", {"CF-IPCountry": "CH"}).status == 200
    today = datetime.datetime.now(datetime.UTC).date()
    seen = client.accounts.usage_analytics.get(start_date=today, end_date=today)
    assert seen.request_count == 1 and seen.country.by_requests == []


def test_usage_counts_what_is_served(start):
    server = start(trusted_proxies="127.0.0.0/8", country_header="CF-IPCountry")
    client = ImageKit(private_key=PRIVATE_KEY, base_url=server.url, max_retries=0)
    server.upload(PHOTO, "used.jpg")
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1"
    headers = {"User-Agent": agent, "Referer": "https://shop.example.org/page?secret=1", "CF-IPCountry": "CH", "Accept": "image/webp"}
    sent = [server.request("GET", "/demo/tr:w-90/used.jpg", headers) for _ in range(3)]
    sent.append(server.request("GET", "/demo/used.jpg?tr=orig-true", headers))
    assert server.request("GET", "/demo/tr:w-90/used.jpg", {**headers, "If-None-Match": sent[0].headers["ETag"]}).status == 304
    assert server.request("HEAD", "/demo/tr:w-90/used.jpg", headers).status == 200
    for _ in range(2):
        assert server.get("/demo/gone.jpg").status == 404
    total = sum(len(answer.body) for answer in sent)

    today = datetime.datetime.now(datetime.UTC).date()
    tomorrow = today + datetime.timedelta(days=1)
    usage = client.accounts.usage.get(start_date=today, end_date=tomorrow)
    assert usage.bandwidth_bytes == total and usage.media_library_storage_bytes == len(PHOTO)
    assert (usage.extension_units_count, usage.video_processing_units_count, usage.original_cache_storage_bytes) == (0, 0, 0)
    seen = client.accounts.usage_analytics.get(start_date=today, end_date=today)
    assert (seen.bandwidth_bytes, seen.request_count) == (total, 8)
    assert (seen.cache.hit_count, seen.cache.miss_count, seen.cache.error_count) == (5, 1, 2)
    assert {s.name: s.request_count for s in seen.status_codes} == {"200": 5, "304": 1, "404": 2}
    assert [(e.name, e.request_count) for e in seen.error_reasons] == [("ENOENT", 2)]
    assert [(e.name, e.request_count) for e in seen.top404_assets] == [("/gone.jpg", 2)]
    first = lambda lists: (lists.by_requests[0].name, lists.by_requests[0].request_count)
    assert first(seen.browser) == ("Safari", 6) and first(seen.device) == ("Mobile", 6)
    assert first(seen.format) == ("webp", 4) and first(seen.top_images) == ("/used.jpg", 5)
    assert seen.top_images.by_bandwidth[0].bandwidth_bytes == total and first(seen.top_image_transforms) == ("w-90", 4)
    assert first(seen.top_referrers) == ("shop.example.org", 6) and first(seen.top_user_agents) == (agent, 6)
    assert seen.country.by_requests[0].code == "CH" and first(seen.url_endpoints) == ("Default", 8)
    assert seen.top_videos.by_requests == [] and seen.video_processing == []

    # Written at the end, found again by the next server.
    data = server.data_dir
    server.terminate()
    again = Server(data_dir=data)
    try:
        listed = again.api(f"/v1/accounts/usage?startDate={today}&endDate={tomorrow}")
        assert listed.json()["bandwidthBytes"] == total
    finally:
        again.stop()


def test_dates_of_usage(account):
    required = "startDate and endDate are required in query parameters."
    written = "startDate and endDate should be in format YYYY-MM-DD."
    for path in ["/v1/accounts/usage", "/v1/accounts/usage-analytics/"]:
        for query, message in [("", required), ("startDate=2026-01-01", required), ("startDate=2026-1-1&endDate=2026-01-02", written),
                               ("startDate=2026-01-01&endDate=2026-02-30", written),
                               ("startDate=2026-01-02&endDate=2026-01-01", "startDate should be before endDate."),
                               ("startDate=2026-01-01&endDate=2026-06-01", "startDate and endDate should be within 90 days.")]:
            refused(account.api(f"{path}?{query}"), 400, message)
    empty = account.api("/v1/accounts/usage-analytics?startDate=2020-01-01&endDate=2020-01-01").json()
    both = {"byBandwidth": [], "byRequests": []}
    names = ["browser", "country", "device", "format", "topImages", "topImageTransforms", "topOtherAssets", "topReferrers", "topUserAgents",
             "topVideos", "topVideoTransforms", "urlEndpoints"]
    lists = ["statusCodes", "errorReasons", "top404Assets", "extensions", "videoProcessing"]
    generated = empty.pop("generatedAt")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", generated)
    assert empty == {"startDate": "2020-01-01", "endDate": "2020-01-01", "bandwidthBytes": 0, "requestCount": 0,
                     "cache": {"errorCount": 0, "hitCount": 0, "missCount": 0}, **{n: both for n in names}, **{n: [] for n in lists}}


def test_sdk_typed_errors_of_usage(client):
    with pytest.raises(imagekitio.BadRequestError, match="startDate should be before endDate."):
        client.accounts.usage.get(start_date="2026-01-02", end_date="2026-01-01")
    with pytest.raises(imagekitio.BadRequestError, match="within 90 days"):
        client.accounts.usage_analytics.get(start_date="2026-01-01", end_date="2026-12-01")


# --- every route needs a key

@pytest.mark.parametrize("method, target", [
    ("GET", "/v1/customMetadataFields"), ("POST", "/v1/customMetadataFields"), ("PATCH", f"/v1/customMetadataFields/{UNKNOWN_ID}"),
    ("DELETE", f"/v1/customMetadataFields/{UNKNOWN_ID}"), ("GET", "/v1/saved-extensions"), ("POST", "/v1/saved-extensions"),
    ("GET", "/v1/saved-extensions/ext_a"), ("PATCH", "/v1/saved-extensions/ext_a"), ("DELETE", "/v1/saved-extensions/ext_a"),
    ("GET", "/v1/named-transformations"), ("POST", "/v1/named-transformations"), ("GET", "/v1/named-transformations/a"),
    ("PATCH", "/v1/named-transformations/a"), ("DELETE", "/v1/named-transformations/a"), ("GET", "/v1/accounts/usage"),
    ("GET", "/v1/accounts/usage-analytics"), ("GET", "/v1/accounts/origins"), ("POST", "/v1/accounts/origins"),
    ("GET", "/v1/accounts/origins/a"), ("PUT", "/v1/accounts/origins/a"), ("DELETE", "/v1/accounts/origins/a"),
    ("GET", "/v1/accounts/url-endpoints"), ("POST", "/v1/accounts/url-endpoints"), ("GET", "/v1/accounts/url-endpoints/a"),
    ("PUT", "/v1/accounts/url-endpoints/a"), ("DELETE", "/v1/accounts/url-endpoints/a"), ("GET", "/v1/accounts/keys"),
    ("POST", "/v1/accounts/keys"), ("PATCH", "/v1/accounts/keys/a"), ("DELETE", "/v1/accounts/keys/a"), ("POST", "/v1/accounts/keys/a/roll"),
])
def test_every_route_needs_a_key(account, method, target):
    refused(account.request(method, target), 401, "Your request does not contain private API key.")
    refused(account.request(method, target, {"Authorization": "Basic private_other"}), 403, "Your account cannot be authenticated.")
