"""Folders copied, moved and renamed by the official SDK, by raw requests, and across a kill."""

import json
import threading

import imagekitio
import pytest
from imagekitio import ImageKit

from picture import seen
from server import BASIC, PRIVATE_KEY, Server
from test_durability import eventually

JSON = {**BASIC, "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def client(server):
    return ImageKit(private_key=PRIVATE_KEY, base_url=server.url, max_retries=0)


def post(server, path, **body):
    return server.request("POST", path, JSON, json.dumps(body))


def status(server, job):
    answer = server.api(f"/v1/bulkJobs/{job}")
    assert answer.status in (200, 207), answer
    return answer.json()


def finished(server, job, seconds=60):
    eventually(lambda: status(server, job)["status"] != "Pending", seconds)
    return status(server, job)


def paths(server, folder):
    return sorted(file["filePath"] for file in server.listed(f"path={folder}&limit=1000"))


def test_copy_move_and_rename_by_the_sdk(client, server):
    for name in ["one.bin", "two.bin"]:
        server.upload(name.encode(), name, folder="/jobs/src/deep")
    server.upload(b"newer", "one.bin", folder="/jobs/src/deep")
    job = client.folders.copy(source_folder_path="/jobs/src/", destination_path="jobs/copied", include_versions=True)
    done = finished(server, job.job_id)
    assert (done["type"], done["status"], done["progress"]) == ("COPY_FOLDER", "Completed", {"done": 2, "total": 2})
    read = client.folders.job.get(job.job_id)
    assert (read.job_id, read.type, read.status) == (job.job_id, "COPY_FOLDER", "Completed")
    assert paths(server, "/jobs/copied/src/deep") == ["/jobs/copied/src/deep/one.bin", "/jobs/copied/src/deep/two.bin"]
    assert server.get("/demo/jobs/copied/src/deep/one.bin").body == b"newer"

    job = client.folders.move(source_folder_path="/jobs/copied/src", destination_path="/jobs/moved")
    assert finished(server, job.job_id)["type"] == "MOVE_FOLDER"
    assert paths(server, "/jobs/copied/src/deep") == []
    assert server.get("/demo/jobs/moved/src/deep/two.bin").body == b"two.bin"

    job = client.folders.rename(folder_path="/jobs/moved/src", new_folder_name="new name", purge_cache=True)
    done = finished(server, job.job_id)
    assert done["type"] == "RENAME_FOLDER"
    assert server.get("/demo/jobs/moved/new_name/deep/two.bin").body == b"two.bin"
    assert server.get("/demo/jobs/moved/src/deep/two.bin").status == 404
    eventually(lambda: client.cache.invalidation.get(done["purgeRequestId"]).status == "Completed")


@pytest.mark.parametrize("name, value, versions", [
    ("includeVersions", True, 2), ("includeFileVersions", "true", 2), ("IncludeFileVersions", 1, 2), ("includeVersions", False, 1),
])
def test_every_spelling_of_versions(server, name, value, versions):
    folder = f"/jobs-spelled-{name}-{versions}"
    for content in [b"one", b"two"]:
        assert server.upload(content, "a.bin", folder=f"{folder}/src").status == 200
    answer = post(server, "/v1/bulkJobs/copyFolder", sourceFolderPath=f"{folder}/src", destinationPath=f"{folder}/to", **{name: value})
    assert finished(server, answer.json()["jobId"])["status"] == "Completed"
    copy, = server.listed(f"path={folder}/to/src")
    assert len(server.api(f"/v1/files/{copy['fileId']}/versions").json()) == versions


def test_refusals(client, server):
    server.upload(b"x", "x.bin", folder="/jobs-no/a/b")
    server.upload(b"x", "x.bin", folder="/jobs-no/c")
    copy, move, rename = "/v1/bulkJobs/copyFolder", "/v1/bulkJobs/moveFolder", "/v1/bulkJobs/renameFolder"

    def both(code, reason, message, source, destination):
        for path in (copy, move):
            answer = post(server, path, sourceFolderPath=source, destinationPath=destination)
            body = answer.json()
            assert (answer.status, body.get("reason")) == (code, reason) and message in body["message"], answer
            assert body["help"]

    both(404, "NO_FILES_FOLDER", "No files & folder found at sourceFolderPath `/jobs-no/none`.", "/jobs-no/none", "/x")
    both(404, "NO_FILES_FOLDER", "sourceFolderPath `/jobs-no/a b`", "/jobs-no/a b", "/x")
    both(400, "MISSING_PARAMETER", "sourceFolderPath parameter is missing.", None, "/x")
    both(400, "MISSING_PARAMETER", "destinationPath parameter is missing.", "/jobs-no", "")
    both(400, "INVALID_PARAMETER", "sourceFolderPath parameter is invalid.", 7, "/x")
    both(400, "INVALID_PARAMETER", "destinationPath parameter is invalid.", "/jobs-no", "/" + "y/" * 4000)
    both(400, "SAME_SOURCE_AND_DESTINATION", "sourceFolderPath and destinationPath is same", "/jobs-no/a", "/jobs-no/a/")
    both(400, "SAME_SOURCE_AND_DESTINATION", "sourceFolderPath and destinationPath is same", "/jobs-no/a", "/jobs-no")
    both(400, "SOURCE_IS_ROOT", "cannot be root", "/", "/x")
    both(400, "INVALID_FOLDER_PATH", "'.' & '..' can not be used as folder-name", "/jobs-no/a", "/x/../y")
    both(400, "INVALID_FOLDER_PATH", "levels", "/jobs-no/a", "/y" * 51)
    both(400, "INVALID_DESTINATION_PATH", "This operation is not allowed because parent folder cannot be", "/jobs-no", "/jobs-no/a")
    for body, code, reason, message in [
        ({"folderPath": "/jobs-no/none", "newFolderName": "x"}, 404, None, "Source folder not found."),
        ({"newFolderName": "x"}, 400, "MISSING_PARAMETER", "folderPath parameter is missing."),
        ({"folderPath": "/jobs-no/a"}, 400, "MISSING_PARAMETER", "newFolderName parameter is missing."),
        ({"folderPath": "/", "newFolderName": "x"}, 400, "SOURCE_IS_ROOT", "folderPath cannot be root."),
        ({"folderPath": "/jobs-no/a", "newFolderName": "y" * 300}, 400, "INVALID_PARAMETER", "300 bytes"),
        ({"folderPath": "/jobs-no/a", "newFolderName": "x", "purgeCache": "maybe"}, 400, "INVALID_PARAMETER", "boolean"),
        ({"folderPath": "/jobs-no/a", "newFolderName": "c"}, 409, None,
         "Folder with name c already exists at the same location."),
    ]:
        answer = post(server, rename, **body)
        assert (answer.status, answer.json().get("reason")) == (code, reason) and message in answer.json()["message"], answer
    assert answer.headers["x-should-retry"] == "false"
    with pytest.raises(imagekitio.NotFoundError):
        client.folders.job.get("65f0c0ffee0123456789aa01")
    assert server.api("/v1/bulkJobs/nothing").json()["message"] == "The requested job does not exist."
    assert server.request("POST", copy).status == 401


def fill(server, folder, count):
    def some(worker):
        for n in range(worker, count, 4):
            assert server.upload(f"{n}".encode(), f"{n}.bin", folder=f"{folder}/{n % 7}").status == 200

    workers = [threading.Thread(target=some, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def test_folders_of_a_running_job_are_locked_and_a_kill_does_not_end_it(tmp_path):
    count = 2000
    server = Server(data_dir=tmp_path, log="info")
    fill(server, "/big", count)
    job = post(server, "/v1/bulkJobs/copyFolder", sourceFolderPath="/big", destinationPath="/copy").json()["jobId"]
    for body in ({"folderPath": "/big", "newFolderName": "x"}, {"folderPath": "/big/3", "newFolderName": "x"}):
        answer = post(server, "/v1/bulkJobs/renameFolder", **body)
        assert answer.status == 423, answer
        assert answer.json()["message"] == "A bulk job is running on given folder path, please try after sometime."
    server.upload(b"x", "x.bin", folder="/other/big")
    answer = post(server, "/v1/bulkJobs/moveFolder", sourceFolderPath="/other/big", destinationPath="/copy")
    assert answer.status == 423
    assert answer.json()["message"] == "Destination folder path is already locked. Please try after sometime."
    eventually(lambda: status(server, job)["progress"]["done"] > 0)
    before = status(server, job)
    server.process.kill()
    server.process.wait()
    server.stop(ended_with=-9)
    assert before["status"] == "Pending" and before["progress"]["total"] == count

    again = Server(data_dir=tmp_path, log="info")
    assert status(again, job)["progress"]["done"] >= before["progress"]["done"]
    done = finished(again, job)
    assert (done["status"], done["progress"]) == ("Completed", {"done": count, "total": count})
    assert "failures" not in done
    copied = [path for n in range(7) for path in paths(again, f"/copy/big/{n}")]
    assert len(copied) == count
    versions = {file["versionInfo"]["name"] for n in range(7) for file in again.listed(f"path=/copy/big/{n}&limit=1000")}
    assert versions == {"Version 1"}, "nothing was copied twice"
    assert again.get("/demo/copy/big/4/4.bin").body == b"4"
    job = post(again, "/v1/bulkJobs/renameFolder", folderPath="/copy/big", newFolderName="renamed").json()["jobId"]
    assert finished(again, job)["status"] == "Completed"
    assert again.get("/demo/copy/renamed/4/4.bin").body == b"4"
    again.stop()


def test_purge_by_the_sdk(client, server, photo):
    server.upload(photo, "purged.jpg", folder="/purge-me")
    url = f"{server.url}/demo/purge-me/purged.jpg"
    target = "/demo/purge-me/purged.jpg?tr=w-90"

    def source():
        assert seen(server.get(target)) == ("JPEG", 90, 60)

    source()
    renders = rendered(server)
    source()
    assert rendered(server) == renders, "kept"
    purge = client.cache.invalidation.create(url=url)
    eventually(lambda: client.cache.invalidation.get(purge.request_id).status == "Completed")
    source()
    assert rendered(server) == renders + 1, "made anew"
    source()
    assert rendered(server) == renders + 1, "and kept again"
    purge = client.cache.invalidation.create(url=f"{server.url}/demo/purge-me/pur*")
    eventually(lambda: client.cache.invalidation.get(purge.request_id).status == "Completed")
    source()
    assert rendered(server) == renders + 2


def rendered(server):
    lines = server.get("/metrics").body.decode().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("tintype_renditions_total"))


def test_purge_refusals(start):
    server = start(purge_limit="1")
    for url in ["http://elsewhere.example/demo/a.jpg", f"{server.url}/demo/images*", f"{server.url}/demo/a/*/b.jpg",
                f"{server.url}/demo/media/catalog/*", f"{server.url}/other/a.jpg", "a.jpg"]:
        answer = post(server, "/v1/files/purge", url=url)
        assert answer.status == 400 and answer.json()["message"] == "The URL is not valid for cache purging.", answer
    assert post(server, "/v1/files/purge").status == 400
    assert server.api("/v1/files/purge/65f0c0ffee0123456789bb01").status == 400
    assert server.api("/v1/files/purge/x").json()["message"] == "No request found for this requestId."
    made = post(server, "/v1/files/purge", url=f"{server.url}/demo/sample.jpg*")
    assert made.status == 201 and set(made.json()) == {"requestId"}
    over = post(server, "/v1/files/purge", url=f"{server.url}/demo/sample.jpg*")
    assert over.status == 429 and over.headers["x-should-retry"] == "false", over
    server.upload(b"x", "x.bin", folder="/over")
    job = post(server, "/v1/bulkJobs/renameFolder", folderPath="/over", newFolderName="quota", purgeCache=True).json()["jobId"]
    done = finished(server, job)
    assert server.api(f"/v1/bulkJobs/{job}").status == 207
    assert done["status"] == "Partial success"
    assert done["message"] == "Folder renamed successfully but purging cache on nested files failed."
    assert server.get("/demo/quota/x.bin").body == b"x"
    renamed = server.request("PUT", "/v1/files/rename", JSON, json.dumps({
        "filePath": "/quota/x.bin", "newFileName": "y.bin", "purgeCache": True}))
    body = renamed.json()
    assert (renamed.status, body["reason"]) == (207, "PURGE_FAILED") and body["help"], renamed
    assert body["message"] == ("File renamed successfully but we could not purge the CDN cache for old URL because of rate limits on "
                               "purge API.")
    assert server.get("/demo/quota/y.bin").body == b"x"
