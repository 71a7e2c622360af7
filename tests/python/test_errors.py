"""What a request that can't be served is told: the contract's status, text and shape, and nothing is left behind."""

import contextlib
import re
import uuid

import pytest

from server import BASIC, PUBLIC_KEY, form

OTHER_KEY = {"Authorization": "Basic cHJpdmF0ZV9ub25lOg=="}
NO_KEY = "Your request does not contain private API key."
WRONG_KEY = "Your account cannot be authenticated."
UNKNOWN_ID = "0123456789abcdef01234567"


def refused(answer, status, message=None):
    """Checks the one shape of API errors; returns the message."""
    assert answer.status == status, answer
    assert re.fullmatch(r"application/json(; ?charset=utf-8)?", answer.headers["Content-Type"]), answer
    body = answer.json()
    assert set(body) == {"message", "help"} and body["message"] and body["help"], body
    if message is not None:
        assert body["message"] == message
    assert uuid.UUID(answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] == answer.headers["x-ik-requestid"]
    return body["message"]


@pytest.mark.parametrize("target", ["/nowhere", "/v1/nowhere", "/v2/files", "/api/v1", "/api/v1/files/uploads", "/demonic/x"])
def test_unknown_route(server, target):
    refused(server.request("GET", target, BASIC), 404)


@pytest.mark.parametrize("method, target", [
    ("DELETE", "/v1/files"), ("POST", f"/v1/files/{UNKNOWN_ID}"), ("PUT", f"/v1/files/{UNKNOWN_ID}/details"),
    ("GET", "/api/v1/files/upload"), ("POST", "/health/live"), ("POST", "/demo/photo.jpg"), ("DELETE", "/demo/photo.jpg"),
])
def test_wrong_method(server, method, target):
    answer = server.request(method, target, BASIC)
    refused(answer, 405)
    assert answer.headers["Allow"], answer


@pytest.mark.parametrize("method, target", [
    ("GET", "/v1/files"), ("GET", f"/v1/files/{UNKNOWN_ID}/details"), ("DELETE", f"/v1/files/{UNKNOWN_ID}"),
])
def test_management_without_and_with_wrong_key(server, method, target):
    refused(server.request(method, target), 401, NO_KEY)
    refused(server.request(method, target, OTHER_KEY), 403, WRONG_KEY)
    refused(server.request(method, target, {"Authorization": "Basic cHJpdmF0ZV9rZXlfdGVzdDEyMzo="}), 403, WRONG_KEY)


@pytest.mark.parametrize("method, target", [
    ("POST", "/v1/bulkJobs/copyFolder"), ("POST", "/v1/bulkJobs/moveFolder"), ("POST", "/v1/bulkJobs/renameFolder"), ("POST", "/v1/files/purge"),
    ("POST", "/v1/webhooks"), ("PATCH", "/v1/webhooks/x"), ("POST", "/v1/accounts/keys"), ("PATCH", "/v1/accounts/keys/x"),
    ("POST", "/v1/accounts/keys/x/roll"), ("POST", "/v1/accounts/origins"), ("PUT", "/v1/accounts/origins/x"),
    ("POST", "/v1/accounts/url-endpoints"), ("PUT", "/v1/accounts/url-endpoints/x"), ("POST", "/v1/named-transformations"),
    ("PATCH", "/v1/named-transformations/x"), ("POST", "/v1/saved-extensions"), ("PATCH", "/v1/saved-extensions/x"),
    ("POST", "/v1/customMetadataFields"), ("PATCH", "/v1/customMetadataFields/x"), ("PATCH", f"/v1/files/{UNKNOWN_ID}/details"),
    ("POST", "/v1/folder"), ("POST", "/v1/files/copy"),
])
def test_the_key_is_judged_before_the_body(server, method, target):
    refused(server.request(method, target, {}, b"{"), 401, NO_KEY)
    refused(server.request(method, target, OTHER_KEY, b"{"), 403, WRONG_KEY)
    assert server.request(method, target, BASIC, b"{").status in (400, 404)


@pytest.mark.parametrize("parameter", ["%ff", "a%00b"])
@pytest.mark.parametrize("method, target", [
    ("GET", "/v1/files/{}/details"), ("DELETE", "/v1/files/{}"), ("GET", "/v1/files/{}/metadata"), ("GET", "/v1/files/{}/versions/x"),
    ("GET", "/v1/bulkJobs/{}"), ("GET", "/v1/files/purge/{}"), ("GET", "/v1/webhooks/{}"), ("POST", "/v1/trash/{}/restore"),
    ("GET", "/v1/accounts/origins/{}"), ("GET", "/v1/accounts/url-endpoints/{}"), ("DELETE", "/v1/accounts/keys/{}"),
    ("GET", "/v1/named-transformations/{}"), ("GET", "/v1/saved-extensions/{}"), ("DELETE", "/v1/customMetadataFields/{}"),
])
def test_paths_that_are_no_text(server, method, target, parameter):
    refused(server.request(method, target.format(parameter), BASIC), 400,
            "The path of your request holds a parameter that is not text in UTF-8.")


@pytest.mark.parametrize("authorization", [
    "Basic cHJpdmF0ZV9rZXlfdGVzdDo=",                  # an empty password, as curl sends it
    "Basic cHJpdmF0ZV9rZXlfdGVzdDpkb19ub3Rfc2V0",      # do_not_set, as the SDKs send it
    "basic cHJpdmF0ZV9rZXlfdGVzdDphOmI6Yw==",          # colons in the password
    "Basic private_key_test", "Basic private_key_test:",
])
def test_spellings_of_the_right_key(server, authorization):
    assert server.request("GET", "/v1/files", {"Authorization": authorization}).status == 200


def test_upload_without_credentials_names_the_missing_field(server, photo):
    fields = {"publicKey": PUBLIC_KEY, "signature": "0" * 40, "expire": "1", "token": "t"}
    for missing in fields:
        sent = {name: value for name, value in fields.items() if name != missing}
        answer = server.upload(photo, "no-credentials.jpg", headers={}, **sent)
        refused(answer, 400, f"Your request is missing {missing} parameter.")
    refused(server.upload(photo, "no-credentials.jpg", headers={}), 400, "Your request is missing publicKey parameter.")
    refused(server.upload(photo, "no-credentials.jpg", headers=OTHER_KEY), 403, WRONG_KEY)
    assert server.listed("name=no-credentials.jpg") == []


def test_upload_without_file_or_name(server, photo):
    refused(server.post_form([("fileName", "nothing.jpg")]), 400, "Your request is missing file parameter.")
    assert refused(server.post_form([("file", photo)]), 400).startswith("Your request is missing fileName paramater")


@pytest.mark.parametrize("content_type, body", [
    ("multipart/form-data", b"--x\r\n\r\n--x--\r\n"),                                  # no boundary
    ("multipart/form-data; boundary=x", b""),
    ("multipart/form-data; boundary=x", b"this is no form at all"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"'),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="fileName"\r\n\r\nbroken.jpg\r\n'),
    ("multipart/form-data; boundary=x", b"--x\r\nnonsense\r\n\r\nvalue\r\n--x--\r\n"),
    ("multipart/form-data; boundary=x", form([("fileName", "broken.jpg"), ("file", b"abc")], "x")[:-5]),
    ("text/plain", b"hello"),
    ("application/json", b"{"),
])
def test_broken_multipart(server, content_type, body):
    answer = server.request("POST", "/api/v1/files/upload", {**BASIC, "Content-Type": content_type}, body)
    refused(answer, 400)
    assert server.listed("name=broken.jpg") == []
    assert server.staged() == []


@pytest.mark.parametrize("start_of_form", [
    b'--x\r\nContent-Disposition: form-data; name="fileName"\r\nX-Long: ',      # a header of a part
    b"",                                                                        # text before the first part
    b'--x\r\nContent-Disposition: form-data; name="fileName"\r\n\r\n',         # a text field
])
def test_what_never_ends_is_not_kept_in_memory(start, start_of_form):
    """Nobody needs a key to get this far, so it must not cost memory."""
    server = start()
    before = server.memory_kib("VmHWM")

    def form_without_end():
        yield start_of_form
        for _ in range(100):
            yield b"a" * 1_000_000

    with contextlib.suppress(ConnectionError):     # the server may have heard enough
        refused(server.request("POST", "/api/v1/files/upload", {"Content-Type": "multipart/form-data; boundary=x"}, form_without_end()), 400)
    assert server.memory_kib("VmHWM") - before < 48 * 1024


def test_ten_thousand_fields_are_refused(server):
    refused(server.post_form([(f"field{i}", "x") for i in range(10_000)] + [("fileName", "x.jpg"), ("file", b"a")]), 400)


def test_oversized_upload(start):
    small = start(upload_max="1MiB")
    message = "Your request contains invalid file parameter. The file size exceeds 1048576 bytes limit."
    assert small.upload(b"x" * 1048576, "just-fits.bin").status == 200
    refused(small.upload(b"x" * 1048577, "too-big.bin"), 400, message)
    refused(small.upload("data:;base64," + "QUJD" * 400_000, "too-big-text.bin"), 400, message)
    assert [f["name"] for f in small.listed()] == ["just-fits.bin"]
    assert small.staged() == []


@pytest.mark.parametrize("file", ["", "?", "####", "data:image/png;base64,*", "data:image/png", "file:///etc/passwd"])
def test_text_that_is_no_file(server, file):
    refused(server.post_form([("fileName", "no-file.bin"), ("file", file)]), 400)
    assert server.listed("name=no-file.bin") == []


@pytest.mark.parametrize("query, message", [
    ("skip=-1", "The value of skip parameter should be greater than or equal to 0. Value sent is -1."),
    ("limit=0", "Minimum value of limit parameter is 1. Value sent is 0."),
    ("limit=2000", "Maximum value of limit parameter is 1000. Value sent is 2000."),
    ("sort=ASC_MOOD", "Your request contains invalid value for sort parameters."),
    ("type=picture", "Your request contains invalid value for type parameter. Please provide one of the following: "
     "file, file-version, folder, all."),
    ("limit=many", None), ("skip=99999999999999999999999", None),
])
def test_list_parameters(server, query, message):
    refused(server.api(f"/v1/files?{query}"), 400, message)


def test_file_ids(server):
    for method, suffix in [("GET", "/details"), ("DELETE", "")]:
        invalid = server.request(method, f"/v1/files/not-an-id{suffix}", BASIC)
        refused(invalid, 400, "Your request contains invalid fileId parameter.")
        unknown = server.request(method, f"/v1/files/{UNKNOWN_ID}{suffix}", BASIC)
        refused(unknown, 404, "The requested file does not exist.")


def test_overwriting_can_be_forbidden(server, photo):
    assert server.upload(photo, "kept.jpg").status == 200
    refused(server.upload(photo, "kept.jpg", overwriteFile="false"), 400,
            "A file with the same name already exists at the exact location. We could not overwrite it because both "
            "overwriteFile and useUniqueFileName are set to false.")


def test_tags_have_limits(server, photo):
    refused(server.upload(photo, "tagged-badly.jpg", tags="50%"), 400)
    refused(server.upload(photo, "tagged-badly.jpg", tags="x" * 501), 400)
    assert server.listed("name=tagged-badly.jpg") == []
