"""Files in an object storage, and what operators do with stores: look at migrations, check, copy."""

import hashlib
import json
import os
import subprocess

import pytest

from picture import seen
from s3 import ACCESS_KEY, S3, SECRET_KEY
from server import BASIC, BINARY, POSTGRES, Server


@pytest.fixture
def s3():
    running = S3()
    yield running
    running.stop()


def tintype(*arguments, **settings):
    """One command; its exit code, output and errors."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TINTYPE_")}
    variables = {f"TINTYPE_{name.upper()}": str(value) for name, value in settings.items()}
    done = subprocess.run([BINARY, *arguments], env={**clean, **variables}, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_a_server_on_an_object_storage(s3, start, photo):
    server = start(blob_url=s3.blob_url())
    assert server.get("/health/ready").status == 200
    assert server.upload(photo, "photo.jpg").status == 200
    assert set(s3.objects()) == {hashlib.sha256(photo).hexdigest()}
    assert server.get("/demo/photo.jpg?tr=orig-true").body == photo
    assert server.get("/demo/photo.jpg?tr=orig-true", Range="bytes=5-9").body == photo[5:10]
    assert seen(server.get("/demo/tr:w-90/photo.jpg")) == ("JPEG", 90, 60)
    assert server.staged() == []
    large = os.urandom(9_000_000)
    assert server.upload(large, "large.bin").status == 200
    assert server.get("/demo/large.bin").body == large
    assert "testsecret" not in server.log_text()


def test_a_wrong_key_of_the_storage_ends_the_start_and_is_not_printed(s3):
    with pytest.raises(RuntimeError, match="ended with") as error:
        Server(blob_url=s3.blob_url(secret="wr0ngsecret"))
    assert "s3://media/blobs" in str(error.value) and "wr0ngsecret" not in str(error.value), error.value


def test_damage_is_found_and_a_damaged_picture_is_not_delivered(s3, tmp_path, photo):
    url = s3.blob_url()
    server = Server(data_dir=tmp_path, blob_url=url, database_url=f"sqlite:{tmp_path}/library.db")
    for name, content in [("kept.jpg", photo), ("damaged.jpg", photo + b"1"), ("missing.jpg", photo + b"2")]:
        assert server.upload(content, name).status == 200
    objects = s3.objects()
    # The header stays, so that only the comparison with the name can tell.
    objects[hashlib.sha256(photo + b"1").hexdigest()].write_bytes(photo[:-1000] + b"\0" * 1000 + b"1")
    objects[hashlib.sha256(photo + b"2").hexdigest()].unlink()
    assert server.get("/demo/damaged.jpg?tr=w-10").status == 500
    assert server.get("/demo/missing.jpg?tr=w-10").status == 500
    server.stop()

    code, out, errors = tintype("library", "check", "--contents", "--json", data_dir=tmp_path, blob_url=url)
    found = {finding["finding"]: finding["files"] for finding in map(json.loads, out.splitlines())}
    assert found == {"damaged": ["/damaged.jpg"], "missing": ["/missing.jpg"]}, out
    assert code == 1 and "2 of 3 blobs are missing or damaged" in errors, errors
    code, out, _ = tintype("library", "check", data_dir=tmp_path, blob_url=url)
    assert code == 1 and "needed by /missing.jpg" in out and "upload these files again" in out, out


@pytest.mark.skipif(bool(POSTGRES), reason="it begins with SQLite")
def test_a_library_moves_to_an_object_storage(s3, tmp_path, photo):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    server = Server(data_dir=old)
    for number in range(5):
        assert server.upload(photo + bytes([number]), f"{number}.jpg", folder="/a", tags="x").status == 200
    assert server.upload(photo, "0.jpg", folder="/a").status == 200
    before = server.listed("path=/a")
    server.stop()

    copying = ("library", "copy", "--target-data-dir", str(new))
    code, out, errors = tintype(*copying, data_dir=old, target_blob_url=s3.blob_url())
    assert code == 0 and "5 files in 6 versions, 1 folders, 6 blobs" in out, (out, errors)
    assert len(s3.objects()) == 6
    code, out, errors = tintype(*copying, data_dir=old, target_blob_url=s3.blob_url())
    assert code == 1 and "not empty" in errors, (out, errors)

    server = Server(data_dir=new, blob_url=s3.blob_url())
    assert [without_url(file) for file in server.listed("path=/a")] == [without_url(file) for file in before]
    assert server.get("/demo/a/0.jpg?tr=orig-true").body == photo
    assert len(server.listed("searchQuery=tags%20IN%20%5B%22x%22%5D")) == 4
    server.stop()


def without_url(file):
    return {key: value for key, value in file.items() if key not in ("url", "thumbnail")}


def test_migrations_are_shown_and_run(tmp_path):
    code, out, _ = tintype("db", "status", data_dir=tmp_path)
    assert code == 0 and out.count("pending") >= 2 and "applied" not in out, out
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"
    code, out, _ = tintype("db", "migrate", data_dir=tmp_path)
    assert code == 0 and "pending" not in out and out.count("applied") >= 2, out


def test_an_origin_on_a_server_that_checks_signatures(s3, start, photo):
    (s3.bucket / "raw").mkdir()
    (s3.bucket / "raw" / "photo.jpg").write_bytes(photo)
    server = start(fetch_allow="127.0.0.0/8")

    def make(route, **fields):
        answer = server.request("POST", route, {**BASIC, "Content-Type": "application/json"}, json.dumps(fields))
        assert answer.status == 201, answer
        return answer.json()["id"]

    common = {"type": "S3_COMPATIBLE", "bucket": "media", "prefix": "raw", "endpoint": s3.url, "accessKey": ACCESS_KEY,
              "s3ForcePathStyle": True}
    for prefix, secret in [("good", SECRET_KEY), ("bad", "another-secret")]:
        origin = make("/v1/accounts/origins", name=f"The {prefix} one", secretKey=secret, **common)
        make("/v1/accounts/url-endpoints", description=prefix, urlPrefix=prefix, origins=[origin])
    assert server.get("/demo/good/photo.jpg?tr=orig-true").body == photo
    assert seen(server.get("/demo/good/tr:w-90/photo.jpg")) == ("JPEG", 90, 60)
    assert server.get("/demo/good/none.jpg").headers["ik-error"].startswith("ENOENT - ")
    refusal = server.get("/demo/bad/photo.jpg")
    assert refusal.status == 404 and refusal.headers["ik-error"].startswith("EACCES - "), refusal
