"""A real S3 server over a folder: `examples/s3_server.rs` of the library, which cargo builds with its tests."""

import pathlib
import subprocess
import tempfile
import urllib.parse

from server import BINARY

PROGRAM = BINARY.parent / "examples" / "s3_server"
ACCESS_KEY, SECRET_KEY, REGION = "test", "testsecret", "us-east-1"


class S3:
    """Has one bucket, `media`. It checks signatures, as any S3 server does."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tintype-s3-")
        self.bucket = pathlib.Path(self.folder.name) / "media"
        self.bucket.mkdir()
        self.process = subprocess.Popen([PROGRAM, self.folder.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.url = self.process.stdout.readline().strip()

    def blob_url(self, prefix="blobs", secret=SECRET_KEY):
        options = {"endpoint": self.url, "allow_http": "true", "region": REGION, "access_key_id": ACCESS_KEY,
                   "secret_access_key": secret}
        return f"s3://media/{prefix}?{urllib.parse.urlencode(options)}"

    def objects(self, prefix="blobs"):
        """The blobs below a prefix, by their names."""
        return {p.name: p for p in (self.bucket / prefix).rglob("*") if p.is_file() and len(p.name) == 64}

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.folder.cleanup()
