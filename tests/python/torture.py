"""Kills a server at random moments while it uploads, overwrites, tags, renames, moves, copies, deletes and moves whole folders; starts
it again, and holds what it has against what it had acknowledged.

Each worker has folders of its own and does one thing at a time, so it knows what must be there: everything that was answered, and of
the one thing under way when the server died, either all or nothing.

    python torture.py 200          kills 200 times, in a folder that goes away
"""

import hashlib
import http.client
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time

from server import BASIC, Server

WORKERS = 4
JSON = {**BASIC, "Content-Type": "application/json"}


class Dead(Exception):
    """The connection broke before the answer was there: what a killed server looks like. One that hangs looks different."""


def until_dead(call):
    try:
        return call()
    except (ConnectionError, http.client.IncompleteRead, http.client.BadStatusLine) as error:
        raise Dead from error


class Worker:
    """`files` maps paths to (digest of the content, tags, versions). `doubt` is what it may be as well."""

    def __init__(self, number, rng):
        self.home = f"/w{number}"
        self.rng = rng
        self.files, self.doubt, self.jobs = {}, None, []
        self.made = 0
        self.acknowledged = 0

    def ask(self, server, method, path, body):
        return until_dead(lambda: server.request(method, path, JSON, json.dumps(body), timeout=30))

    def change(self, server, after, call, *expected):
        """Carries out one change. Until it is answered, both states are possible."""
        self.doubt = after
        answer = call()
        assert answer.status in expected, answer
        self.files, self.doubt = after, None
        self.acknowledged += 1
        return answer

    def upload(self, server, path, after):
        folder, name = path.rsplit("/", 1)
        content = self.content

        def call():
            return server.upload(content, name, folder=folder or "/", tags=",".join(after[path][1]))

        self.change(server, after, lambda: until_dead(call), 200)

    def fresh(self, folder=None):
        self.made += 1
        return f"{folder or self.home}/f{self.made}.bin"

    def digest(self):
        self.content = os.urandom(self.rng.choice([100, 20_000, 300_000]))
        return hashlib.sha256(self.content).hexdigest()

    def step(self, server):
        plain = [path for path in self.files if path.rsplit("/", 1)[0] == self.home]
        action = self.rng.choice(["new", "new", "overwrite", "tag", "rename", "move", "copy", "delete", "folder"])
        if action == "new" or not plain:
            path = self.fresh()
            self.upload(server, path, {**self.files, path: (self.digest(), ("new",), 1)})
            return
        path = self.rng.choice(plain)
        digest, tags, versions = self.files[path]
        name = path.rsplit("/", 1)[1]
        without = {k: v for k, v in self.files.items() if k != path}
        if action == "overwrite" and versions < 20:
            self.upload(server, path, {**self.files, path: (self.digest(), ("over",), versions + 1)})
        elif action == "tag":
            tag = f"t{self.rng.randrange(5)}"
            after = tags if tag in tags else (*tags, tag)
            file = self.id_of(server, path)
            self.change(server, {**self.files, path: (digest, after, versions)},
                        lambda: self.ask(server, "POST", "/v1/files/addTags", {"fileIds": [file], "tags": [tag]}), 200)
        elif action == "rename":
            new = self.fresh()
            self.change(server, {**without, new: (digest, tags, versions)},
                        lambda: self.ask(server, "PUT", "/v1/files/rename",
                                         {"filePath": path, "newFileName": new.rsplit("/", 1)[1]}), 200)
        elif action == "move":
            self.change(server, {**without, f"{self.home}/moved/{name}": (digest, tags, versions)},
                        lambda: self.ask(server, "POST", "/v1/files/move",
                                         {"sourceFilePath": path, "destinationPath": f"{self.home}/moved"}), 204)
        elif action == "copy":
            if f"{self.home}/copies/{name}" in self.files:
                return
            self.change(server, {**self.files, f"{self.home}/copies/{name}": (digest, tags, 1)},
                        lambda: self.ask(server, "POST", "/v1/files/copy",
                                         {"sourceFilePath": path, "destinationPath": f"{self.home}/copies"}), 204)
        elif action == "delete":
            file = self.id_of(server, path)
            self.change(server, without, lambda: self.ask(server, "DELETE", f"/v1/files/{file}", {}), 204)
        elif action == "folder":
            self.made += 1
            box = f"{self.home}/box{self.made}"
            for _ in range(3):
                inside = self.fresh(box)
                self.upload(server, inside, {**self.files, inside: (self.digest(), ("boxed",), 1)})
            after = {k.replace(box + "/", f"{self.home}/shelf/{box.rsplit('/', 1)[1]}/"): v for k, v in self.files.items()}
            answer = self.change(server, after,
                                 lambda: self.ask(server, "POST", "/v1/bulkJobs/moveFolder",
                                                  {"sourceFolderPath": box, "destinationPath": f"{self.home}/shelf"}), 200)
            self.jobs.append(answer.json()["jobId"])

    def id_of(self, server, path):
        folder, name = path.rsplit("/", 1)
        listed = until_dead(lambda: server.listed(f"path={folder}&name={name}"))
        assert len(listed) == 1, (path, listed)
        return listed[0]["fileId"]

    def found(self, server):
        """What the server has below this worker's home."""
        files, folders = {}, [self.home]
        while folders:
            for entry in server.listed(f"type=all&path={folders.pop()}"):
                if entry["type"] == "folder":
                    folders.append(entry["folderPath"])
                    continue
                versions = server.api(f"/v1/files/{entry['fileId']}/versions").json()
                # The original, whole and unconverted.
                body = server.get(f"/demo{entry['filePath']}?tr=orig-true").body
                assert len(body) == entry["size"], entry
                files[entry["filePath"]] = (hashlib.sha256(body).hexdigest(), tuple(entry["tags"] or ()), len(versions))
        return files

    def settle(self, server):
        """Waits for the jobs that were under way, and compares."""
        deadline = time.monotonic() + 60
        for job in self.jobs:
            while server.api(f"/v1/bulkJobs/{job}").json()["status"] != "Completed":
                assert time.monotonic() < deadline, f"job {job} does not go on"
                time.sleep(0.05)
        self.jobs = []
        found = self.found(server)
        while self.doubt is not None and found not in (self.files, self.doubt):
            # A folder that was asked to move, without an answer: its job may be at work.
            assert time.monotonic() < deadline, difference(found, self.files, self.doubt)
            time.sleep(0.1)
            found = self.found(server)
        assert found in (self.files, self.doubt), difference(found, self.files, self.doubt)
        if self.doubt is not None and found == self.files and self.jobs_may_run(server):
            time.sleep(0.5)
            found = self.found(server)
            assert found in (self.files, self.doubt), difference(found, self.files, self.doubt)
        self.files, self.doubt = found, None

    def jobs_may_run(self, server):
        """True while an unanswered request to move a folder may have left a job."""
        return any("/box" in path for path in self.files) and any("/shelf/" in path for path in self.doubt)


def work(worker, server, stop, killed, failures):
    """Steps until told to stop. A connection that breaks is nothing but the kill, if there was one; everything else is a failure, also
    after the end was called."""
    try:
        while not stop.is_set():
            worker.step(server)
    except Dead as error:
        if not killed.is_set():
            failures.append(error)
    except Exception as error:  # told by the main thread
        failures.append(error)


def difference(found, *allowed):
    lines = []
    for state in allowed:
        if state is not None:
            lines.append({path: (state.get(path), found.get(path)) for path in {*state, *found} if state.get(path) != found.get(path)})
    return f"(expected, found) by path, for each state that is allowed: {lines}"


def run(kills, data_dir, seed, say=lambda _: None, **settings):
    """Returns how many changes were acknowledged. Fails at the first that is lost, or half there."""
    rng = random.Random(seed)
    workers = [Worker(n, random.Random(rng.random())) for n in range(WORKERS)]
    for kill in range(kills):
        server = Server(data_dir=data_dir, **settings)
        for worker in workers:
            worker.settle(server)
        stop, killed, failures = threading.Event(), threading.Event(), []
        threads = [threading.Thread(target=work, args=(worker, server, stop, killed, failures)) for worker in workers]
        for thread in threads:
            thread.start()
        time.sleep(rng.uniform(0.02, 1.2))
        stop.set()
        killed.set()
        server.process.kill()
        for thread in threads:
            thread.join()
        server.process.wait()
        server.stop(ended_with=-signal.SIGKILL)
        if failures:
            raise failures[0]
        say(f"kill {kill + 1}: {sum(worker.acknowledged for worker in workers)} changes acknowledged so far")
    server = Server(data_dir=data_dir, **settings)
    for worker in workers:
        worker.settle(server)
    assert server.staged() == []
    server.stop()
    return sum(worker.acknowledged for worker in workers)


if __name__ == "__main__":
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="tintype-torture-") as folder:
        done = run(kills, folder, seed, say=print, cache_disk="0")
    print(f"{kills} kills survived; {done} acknowledged changes are there")
