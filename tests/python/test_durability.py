"""Interrupted clients, full disks, stops and kills: what was acknowledged is there, what was not is nowhere."""

import concurrent.futures
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from picture import seen
from server import BASIC, Server, form


def head(length=None):
    headers = {**BASIC, "Host": "localhost", "Content-Type": "multipart/form-data; boundary=x",
               **({"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)})}
    lines = ["POST /api/v1/files/upload HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def eventually(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def test_a_client_that_is_gone_leaves_nothing(start):
    server = start()
    body = form([("fileName", "half.bin"), ("useUniqueFileName", "false"), ("file", os.urandom(4_000_000))], "x")
    for length in (len(body), None):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            piece = body[: len(body) // 2]
            client.sendall(head(length) + (piece if length else b"%x\r\n%s\r\n" % (len(piece), piece)))
            eventually(lambda: server.staged() != [])
        eventually(lambda: server.staged() == [])
    assert server.listed() == [] and server.get("/demo/half.bin").status == 404


def test_a_full_disk(tmp_path, photo):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", tmp_path], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small disk can't be mounted here (needs root)")
    try:
        server = Server(data_dir=tmp_path, cache_disk="0")
        assert server.upload(photo, "before.jpg").status == 200
        answer = server.upload(os.urandom(9_000_000), "too-much.bin")
        assert answer.status == 507 and set(answer.json()) == {"message", "help"}, answer
        assert [f["name"] for f in server.listed()] == ["before.jpg"] and server.staged() == []
        assert server.get("/demo/too-much.bin").status == 404
        assert seen(server.get("/demo/before.jpg?tr=w-90")) == ("JPEG", 90, 60)
        assert server.upload(photo[:-1], "after.jpg").status == 200
        server.stop()
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_stop_lets_a_running_upload_finish(tmp_path, photo):
    server = Server(data_dir=tmp_path)
    body = form([("fileName", "last.jpg"), ("useUniqueFileName", "false"), ("file", photo)], "x")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(head(len(body)) + body[:1000])
        eventually(lambda: server.staged() != [])
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: refuses_connections(server.port))
        client.sendall(body[1000:])
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
    server.process.wait(20)
    server.stop()

    again = Server(data_dir=tmp_path)
    assert [f["name"] for f in again.listed()] == ["last.jpg"]
    assert again.get("/demo/last.jpg?tr=orig-true").body == photo
    again.stop()


def refuses_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return False
    except OSError:
        return True


def test_a_killed_server_keeps_what_it_acknowledged(tmp_path):
    server = Server(data_dir=tmp_path)
    acknowledged, stop = [], threading.Event()

    def keep_uploading(worker):
        n = 0
        while not stop.is_set():
            name, content = f"kill-{worker}-{n}.bin", os.urandom(50_000)
            try:
                answer = server.upload(content, name)
            except OSError:
                return
            if answer.status == 200:
                acknowledged.append((name, content))
            n += 1

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(keep_uploading, w) for w in range(4)]
        eventually(lambda: len(acknowledged) >= 40, 30)
        server.process.kill()
        stop.set()
        for worker in workers:
            worker.result()
    server.process.wait()
    server.stop(ended_with=-signal.SIGKILL)

    again = Server(data_dir=tmp_path)
    assert again.staged() == []
    listed = {f["name"]: f for f in again.listed()}
    for name, content in acknowledged:
        assert again.get(f"/demo/{name}").body == content, name
    # The kill may have come between the commit and the answer: such a file is whole as well.
    for name, file in listed.items():
        assert len(again.get(f"/demo/{name}").body) == file["size"], name
    again.stop()


def test_a_second_server_on_the_same_data_is_refused(tmp_path):
    first = Server(data_dir=tmp_path)
    with pytest.raises(RuntimeError, match="ended with"):
        Server(data_dir=tmp_path)
    assert first.get("/health/ready").status == 200
    first.stop()


def test_a_wrong_setting_is_named_at_the_start():
    for name, value in [("listen", "nowhere"), ("fetch_allow", "10.0.0.0/99"), ("upload_max", "lots"), ("account_id", "a/b"),
                        ("private_key", "secret"), ("database_url", "mysql://localhost/x"), ("blob_url", "ftp://bucket")]:
        with pytest.raises(RuntimeError, match="ended with") as error:
            Server(**{name: value})
        assert name in str(error.value), error.value


def test_operations(server):
    assert server.get("/health/live").status == 200 and server.get("/health/ready").status == 200
    metrics = server.get("/metrics").body.decode()
    assert "tintype_http_requests_total" in metrics and "tintype_http_request_seconds" in metrics
    answer = server.get("/v1/nowhere?secret=query-text")
    log = server.log_text()
    assert answer.headers["x-request-id"] in log and "query-text" not in log
