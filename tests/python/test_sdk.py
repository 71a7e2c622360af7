"""The official Python SDK against a running server, with Pillow as an independent eye on what comes back."""

import base64
import io

import httpx
import imagekitio
import pytest
from imagekitio import ImageKit

from picture import opened
from server import FILES, PRIVATE_KEY, PUBLIC_KEY


@pytest.fixture(scope="module")
def client(server):
    return ImageKit(private_key=PRIVATE_KEY, base_url=server.url, max_retries=0)


@pytest.mark.parametrize("file", [
    pytest.param(lambda path: path.open("rb"), id="open file"),
    pytest.param(lambda path: path.read_bytes(), id="bytes"),
    pytest.param(lambda path: path, id="path"),
    pytest.param(lambda path: io.BytesIO(path.read_bytes()), id="stream"),
    pytest.param(lambda path: ("other-name.bin", path.read_bytes(), "image/jpeg"), id="tuple"),
])
def test_upload(client, file):
    result = client.files.upload(file=file(FILES / "photo.jpg"), file_name="python.jpg", folder="/python", tags=["one", "two"],
                                 response_fields=["tags"])
    assert result.name.startswith("python_") and (result.width, result.height) == (1200, 800) and result.tags == ["one", "two"]
    details = client.files.get(result.file_id)
    assert details.file_path == result.file_path and details.mime == "image/jpeg" and details.has_alpha is False
    assert httpx.get(result.url + "?tr=orig-true").content == (FILES / "photo.jpg").read_bytes()


def test_upload_of_text_and_url(start, website):
    server = start(fetch_allow="127.0.0.0/8")
    client = ImageKit(private_key=PRIVATE_KEY, base_url=server.url, max_retries=0)
    photo = (FILES / "photo.jpg").read_bytes()
    website.pages["/photo.jpg"] = (200, {}, photo)
    text = base64.b64encode(photo).decode()
    for file in [text, "data:image/jpeg;base64," + text, website.url + "/photo.jpg"]:
        # The SDK takes no `str`; a tuple without a file name is how it sends a field of text.
        result = client.files.upload(file=(None, file.encode()), file_name="text.jpg")
        assert result.size == len(photo)


def test_versions_list_and_delete(client, server):
    photo = (FILES / "photo.jpg").read_bytes()
    names = ["one.jpg", "two.jpg", "three.jpg"]
    made = [client.files.upload(file=photo, file_name=name, folder="/sdk-list", use_unique_file_name=False) for name in names]
    again = client.files.upload(file=photo, file_name="one.jpg", folder="/sdk-list", use_unique_file_name=False)
    assert again.file_id == made[0].file_id and again.version_info.name == "Version 2"
    listed = client.assets.list(path="/sdk-list", sort="ASC_NAME")
    assert [asset.name for asset in listed] == sorted(names) and all(asset.type == "file" for asset in listed)
    assert [asset.name for asset in client.assets.list(path="/sdk-list", sort="ASC_NAME", limit=1, skip=1)] == ["three.jpg"]
    assert "sdk-list" in [folder.name for folder in client.assets.list(type="folder")]
    client.files.delete(made[0].file_id)
    with pytest.raises(imagekitio.NotFoundError, match="The requested file does not exist."):
        client.files.get(made[0].file_id)


def test_typed_errors(client, server):
    with pytest.raises(imagekitio.BadRequestError, match="invalid fileId"):
        client.files.get("nonsense")
    with pytest.raises(imagekitio.BadRequestError, match="Maximum value of limit parameter is 1000"):
        client.assets.list(limit=2000)
    stranger = ImageKit(private_key="private_wrong", base_url=server.url, max_retries=0)
    with pytest.raises(imagekitio.PermissionDeniedError, match="Your account cannot be authenticated."):
        stranger.assets.list()
    with pytest.raises(imagekitio.AuthenticationError, match="does not contain private API key"):
        client.assets.list(extra_headers={"Authorization": imagekitio.Omit()})


def test_urls_of_the_helper(client, server):
    client.files.upload(file=(FILES / "photo.jpg").read_bytes(), file_name="helper.jpg", use_unique_file_name=False)
    endpoint = f"{server.url}/demo"
    cases = [
        ([{"width": 300, "height": 300}], "JPEG", (300, 300)),
        ([{"width": 300, "height": 300, "crop": "at_max", "format": "webp"}], "WEBP", (300, 200)),
        ([{"width": 300}, {"rotation": 90}], "JPEG", (200, 300)),
        ([{"width": 120, "format": "avif"}], "AVIF", (120, 80)),
        ([{"raw": "w-200,ar-1-1"}], "JPEG", (200, 200)),
    ]
    for position in ["path", "query"]:
        for signed in [False, True]:
            for transformation, kind, size in cases:
                url = client.helper.build_url(src="/helper.jpg", url_endpoint=endpoint, transformation=transformation,
                                              transformation_position=position, signed=signed)
                assert ("ik-s=" in url) == signed
                answer = httpx.get(url)
                assert answer.status_code == 200, (url, answer.text)
                picture = opened(answer.content)
                assert (picture.format, picture.size) == (kind, size), url
    expiring = client.helper.build_url(src="/helper.jpg", url_endpoint=endpoint, transformation=[{"width": 40}], signed=True, expires_in=60)
    assert "ik-t=" in expiring and httpx.get(expiring).status_code == 200
    assert httpx.get(expiring.replace("w-40", "w-41")).status_code == 401


def test_authentication_parameters_let_a_browser_upload(client, server):
    fields = client.helper.get_authentication_parameters()
    form = {**{k: str(v) for k, v in fields.items()}, "publicKey": PUBLIC_KEY, "fileName": "browser.jpg"}
    photo = (FILES / "photo.jpg").read_bytes()
    answer = httpx.post(f"{server.url}/api/v1/files/upload", data=form, files={"file": photo})
    assert answer.status_code == 200 and answer.json()["width"] == 1200, answer.text
