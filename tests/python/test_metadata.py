"""Metadata of files: routes, upload answers, the official SDK; Pillow writes the pictures and knows what it wrote."""

import io
import shutil
import subprocess
import urllib.parse

import imagekitio
import pytest
from imagekitio import ImageKit
from PIL import Image

from server import FILES, PRIVATE_KEY

NO_SUCH_FILE = "The requested file does not exist or is inaccessible at this time."
ELSEWHERE = "The url should be accessible using your ImageKit.io account."


@pytest.fixture(scope="module")
def client(server):
    return ImageKit(private_key=PRIVATE_KEY, base_url=server.url, max_retries=0)


def picture(kind="JPEG", size=(120, 80), **options):
    """A gradient with EXIF that names a camera, a moment and a place."""
    exif = Image.Exif()
    exif[0x010F] = "Acme"
    exif[0x0112] = 6
    exif[0x011A] = 300.0
    exif[0x011B] = 300.0
    exif[0x0128] = 2
    exif[0x013B] = "Ada"
    taken = exif.get_ifd(0x8769)
    taken[0x9003] = "2026:01:02 03:04:05"
    taken[0x8827] = 400
    taken[0x829A] = 0.004
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = "S", (33.0, 51.0, 30.0), "E", (151.0, 12.0, 36.0)
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    file = io.BytesIO()
    image.save(file, kind, exif=exif, **options)
    return file.getvalue()


def metadata(server, query):
    return server.api("/v1/metadata?" + query)


def test_of_a_tiff(client):
    # Pillow writes the first of EXIF's directories only.
    stored = client.files.upload(file=picture("TIFF"), file_name="camera.tiff")
    found = client.files.metadata.get(stored.file_id)
    assert (found.format, found.width, found.height, found.density) == ("tiff", 80, 120, 300)
    assert found.exif.image.make == "Acme" and client.files.get(stored.file_id).embedded_metadata["Artist"] == "Ada"


@pytest.mark.parametrize("kind, format", [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("AVIF", "avif")])
def test_of_a_file(client, kind, format):
    file = picture(kind)
    stored = client.files.upload(file=file, file_name=f"camera.{format}", folder="/metadata",
                                 response_fields=["embeddedMetadata", "metadata"])
    embedded = stored.embedded_metadata
    assert embedded["Make"] == "Acme" and embedded["DateTimeOriginal"] == "2026-01-02T03:04:05.000Z", embedded
    assert embedded["XResolution"] == 300 and type(embedded["XResolution"]) is int
    assert embedded["GPSLatitude"] == pytest.approx(-(33 + 51 / 60 + 30 / 3600)) and embedded["GPSLongitude"] == pytest.approx(151.21)
    assert client.files.get(stored.file_id).embedded_metadata == embedded

    found = client.files.metadata.get(stored.file_id)
    assert found == client.files.metadata.get_from_url(url=stored.url)
    assert found.model_dump(by_alias=True, exclude_unset=True) == stored.metadata.model_dump(by_alias=True, exclude_unset=True)
    assert (found.format, found.size, found.density) == (format, len(file), 300)
    assert (found.width, found.height) == (stored.width, stored.height)
    assert found.has_transparency is False and found.has_color_profile is False
    assert found.exif.image.make == "Acme" and found.exif.exif.iso == 400 and found.exif.exif.exposure_time == 0.004
    assert found.exif.gps.gps_latitude == [33, 51, 30] and found.exif.gps.gps_latitude_ref == "S"
    assert len(found.p_hash) == 16 and int(found.p_hash, 16)


def test_quality_and_types(server):
    stored = server.upload(picture(quality=77), "quality.jpg").json()
    body = server.api(f"/v1/files/{stored['fileId']}/metadata/").json()
    assert body["quality"] == 77 and (body["width"], body["height"]) == (80, 120)
    assert set(body["exif"]) == {"image", "thumbnail", "exif", "gps", "interoperability", "makernote"}
    for value in [body["exif"]["image"]["Orientation"], body["exif"]["image"]["ExifOffset"], body["exif"]["exif"]["ISO"], body["density"]]:
        assert type(value) is int


def test_without_any(server):
    stored = server.upload(picture_without(), "bare.png", responseFields="embeddedMetadata").json()
    assert stored["embeddedMetadata"] is None
    assert server.api(f"/v1/files/{stored['fileId']}/details").json()["embeddedMetadata"] is None


def picture_without(color=(9, 99, 200)):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, "PNG")
    return file.getvalue()


def test_looks_alike(client):
    def hash_of(file):
        stored = client.files.upload(file=file, file_name="hashed.jpg")
        return int(client.files.metadata.get(stored.file_id).p_hash, 16)

    photo = (FILES / "photo.jpg").read_bytes()
    smaller = io.BytesIO()
    Image.open(io.BytesIO(photo)).resize((300, 200)).save(smaller, "WEBP", quality=50)
    same, other = hash_of(smaller.getvalue()) ^ hash_of(photo), hash_of(picture()) ^ hash_of(photo)
    assert same.bit_count() <= 6 and other.bit_count() >= 12, (same.bit_count(), other.bit_count())


def test_of_a_rendition(client):
    stored = client.files.upload(file=picture(size=(400, 300)), file_name="rendered.jpg", is_private_file=True)
    for url in [stored.url + "?tr=w-60,f-webp", stored.url.replace("/demo/", "/demo/tr:w-60,f-webp/")]:
        found = client.files.metadata.get_from_url(url=url)
        assert (found.format, found.width, found.height) == ("webp", 60, 80), url
        assert found.exif.image.make is None


def test_a_url_that_is_not_encoded(server):
    stored = server.upload(picture(), "raw query.jpg").json()
    url = stored["url"] + "?updatedAt=1&tr=w-50"
    for query in ["url=" + url, "url=" + urllib.parse.quote(url, safe=""), "x=1&url=" + urllib.parse.quote(url, safe="")]:
        answer = metadata(server, query)
        assert answer.status == 200 and answer.json()["width"] == 50, (query, answer)
    alias = server.api("/v1/files/metadata?url=" + url)
    assert alias.status == 200 and alias.json()["width"] == 50


def test_an_older_version(server):
    first = server.upload(picture(size=(90, 60)), "twice.jpg").json()
    server.upload(picture_without(), "twice.jpg")
    listed = server.api("/v1/files?type=file-version&name=twice.jpg")
    assert server.api(f"/v1/files/{first['fileId']}/metadata").json()["format"] == "png"
    if listed.status == 200 and listed.json():
        assert metadata(server, "url=" + listed.json()[0]["url"]).json()["width"] == 60


def test_refusals(server, client):
    url = urllib.parse.quote(f"{server.url}/demo/no-such.jpg", safe="")
    text = server.upload(b"plain text", "plain.txt").json()
    broken = server.upload(picture()[:300], "broken.jpg").json()
    cases = [
        ("/v1/metadata", 400, "Your request is missing the url query paramater."),
        ("/v1/metadata?url=", 400, "Your request is missing the url query paramater."),
        ("/v1/metadata?url=https://example.org/a.jpg", 400, ELSEWHERE),
        (f"/v1/metadata?url={server.url}/other/a.jpg", 400, ELSEWHERE),
        ("/v1/metadata?url=nonsense", 400, ELSEWHERE),
        (f"/v1/metadata?url={url}", 404, NO_SUCH_FILE),
        ("/v1/files/65f0c0ffee0123456789abcd/metadata", 404, NO_SUCH_FILE),
        ("/v1/files/short/metadata", 400, "Your request contains invalid fileId parameter."),
        (f"/v1/files/{text['fileId']}/metadata", 400, "The requested file is corrupt or invalid."),
        (f"/v1/files/{broken['fileId']}/metadata", 400, "The requested file is corrupt or invalid."),
    ]
    for path, status, message in cases:
        answer = server.api(path)
        assert (answer.status, answer.json()["message"]) == (status, message), path
        assert answer.json()["help"]
        assert server.get(path).status == 401
    with pytest.raises(imagekitio.BadRequestError, match="The url should be accessible"):
        client.files.metadata.get_from_url(url="https://example.org/a.jpg")


@pytest.mark.skipif(not shutil.which("ffmpeg") or not shutil.which("ffprobe"), reason="needs ffmpeg")
def test_a_video(server, tmp_path):
    path = tmp_path / "clip.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:d=2:r=10", "-f", "lavfi", "-i", "sine=d=2",
                    "-c:v", "mpeg4", "-c:a", "aac", "-shortest", str(path)], check=True)
    stored = server.upload(path.read_bytes(), "clip.mp4", responseFields="metadata").json()
    assert (stored["fileType"], stored["width"], stored["height"]) == ("non-image", 64, 48)
    assert (stored["duration"], stored["audioCodec"], stored["videoCodec"]) == (2, "aac", "mpeg4")
    assert type(stored["duration"]) is int and type(stored["bitRate"]) is int and stored["bitRate"] > 1000
    keys = ["width", "height", "duration", "bitRate", "audioCodec", "videoCodec", "size"]
    assert stored["metadata"] == {key: stored[key] for key in keys}
    details = server.api(f"/v1/files/{stored['fileId']}/details").json()
    assert {key: details[key] for key in keys} == stored["metadata"]
    assert server.api(f"/v1/files/{stored['fileId']}/metadata").json() == stored["metadata"]
    assert metadata(server, "url=" + stored["url"]).json() == stored["metadata"]


def test_without_ffprobe(start, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    server = start()
    clip = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
    for name in ["one.mp4", "two.mp4"]:
        stored = server.upload(clip, name, responseFields="metadata")
        assert stored.status == 200 and stored.json()["metadata"] == {"size": len(clip)}, stored
        assert "duration" not in stored.json() and "width" not in stored.json()
    with open(server.log.name, encoding="utf-8") as log:
        assert log.read().count("`ffprobe` is not installed") == 1
