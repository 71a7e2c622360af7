"""A running `tintype serve` on a free port with a data directory of its own, and plain HTTP to talk to it."""

import base64
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ROOT / "tests" / "files"
BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "tintype"

# The private key of the upload signature's published test vector.
PRIVATE_KEY = "private_key_test"
PUBLIC_KEY = "public_key_test"
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{PRIVATE_KEY}:".encode()).decode()}
READY_WITHIN_S = 20


# A PostgreSQL server that `scripts/with-postgres.sh` started: then every server of the tests has a schema of its own there.
POSTGRES = os.environ.get("TINTYPE_TEST_POSTGRES")


# Found now: a test may give its server another path.
PSQL = shutil.which("psql")


def schema_for(data_dir):
    """The address of a schema that belongs to a data directory: a server that starts there again finds what it left."""
    import hashlib

    name = "e" + hashlib.sha256(data_dir.encode()).hexdigest()[:16]
    subprocess.run([PSQL, "-q", POSTGRES, "-c", f"CREATE SCHEMA IF NOT EXISTS {name}"], check=True,
                   env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"})
    return f"{POSTGRES}?options=-c%20search_path%3D{name}"


class Answer:
    """Status, headers and body of one response. Header names are looked up in any case."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    def json(self):
        import json

        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:300]!r}>"


class Server:
    """Starts on creation; `stop` must be called. Settings are the names after TINTYPE_, in lower case."""

    def __init__(self, data_dir=None, **settings):
        self.own_dir = None
        if data_dir is None:
            self.own_dir = tempfile.TemporaryDirectory(prefix="tintype-test-")
            data_dir = self.own_dir.name
        self.data_dir = pathlib.Path(data_dir)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        given = {"listen": f"127.0.0.1:{self.port}", "data_dir": str(data_dir), "private_key": PRIVATE_KEY,
                 "public_key": PUBLIC_KEY, "log_format": "json", "log": "debug,hyper=info,h2=info", **settings}
        if "database_url" not in settings and POSTGRES:
            given["database_url"] = schema_for(str(data_dir))
        clean = {k: v for k, v in os.environ.items() if not k.startswith("TINTYPE_")}
        variables = {f"TINTYPE_{name.upper()}": value for name, value in given.items()}
        self.log = tempfile.NamedTemporaryFile(mode="ab", prefix="tintype-log-")
        self.process = subprocess.Popen([BINARY, "serve"], env={**clean, **variables}, stdout=self.log,
                                        stderr=subprocess.STDOUT, cwd=self.data_dir)
        try:
            self.wait_until_ready()
        except Exception:
            self.process.kill()
            raise

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log_text()}")
            try:
                if self.request("GET", "/health/ready").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the server was not ready in {READY_WITHIN_S} s:\n{self.log_text()}")

    def log_text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def request(self, method, target, headers=None, body=None, timeout=60):
        """One request on a connection of its own; the target goes out byte for byte."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def get(self, target, **headers):
        return self.request("GET", target, {name.replace("_", "-"): value for name, value in headers.items()})

    def api(self, target):
        """A GET of the management API with the right key."""
        return self.request("GET", target, BASIC)

    def post_form(self, parts, headers=BASIC, target="/api/v1/files/upload", boundary="boundary-of-these-tests"):
        """Uploads parts as `form` builds them."""
        content_type = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.request("POST", target, {**headers, **content_type}, form(parts, boundary))

    def upload(self, content, name, headers=BASIC, **fields):
        """The plain case: bytes as a file part, every field a text part."""
        texts = {"fileName": name, "useUniqueFileName": "false", **fields}
        return self.post_form([*texts.items(), ("file", content)], headers)

    def listed(self, query=""):
        answer = self.api(f"/v1/files?{query}")
        assert answer.status == 200, answer
        return answer.json()

    def staged(self):
        """Uploads that are arriving, or were left behind."""
        return [p for p in self.data_dir.rglob("staging/*") if p.is_file()]

    def memory_kib(self, field="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise RuntimeError(f"no {field}")

    def terminate(self, timeout=40):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def stop(self, ended_with=0):
        """Ends the server and looks at what it logged: whatever a test did, no secret and no panic may be there."""
        metrics = b""
        if self.process.poll() is None:
            metrics = self.get("/metrics").body
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        log = self.log_text()
        self.log.close()
        if self.own_dir is not None:
            self.own_dir.cleanup()
        assert PRIVATE_KEY not in log and PRIVATE_KEY.encode() not in metrics, "the private key was printed"
        assert BASIC["Authorization"].split()[1] not in log, "an Authorization header was logged"
        assert "panicked" not in log, log[max(0, log.index("panicked") - 500):][:2000]
        assert self.process.returncode == ended_with, f"ended with {self.process.returncode}:\n{log[-2000:]}"


def part(name, value, filename=None, content_type=None, quoted=True, headers=""):
    """One part of a form, with its headers as some client writes them."""
    q = '"' if quoted else ""
    head = f"Content-Disposition: form-data; name={q}{name}{q}"
    if filename is not None:
        head += f"; filename={q}{filename}{q}"
    if content_type is not None:
        head += f"\r\nContent-Type: {content_type}"
    return (head + headers).encode(), value.encode() if isinstance(value, str) else value


def form(parts, boundary):
    """Parts are `part(...)` results, or (name, text) and ("file", bytes) pairs."""
    body = b""
    for head, value in parts:
        if isinstance(head, str):
            binary = isinstance(value, bytes)
            head, value = part(head, value, "IMG_1.bin" if binary else None, "application/octet-stream" if binary else None)
        body += b"--" + boundary.encode() + b"\r\n" + head + b"\r\n\r\n" + value + b"\r\n"
    return body + b"--" + boundary.encode() + b"--\r\n"
