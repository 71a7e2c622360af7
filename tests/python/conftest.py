import contextlib
import http.server
import threading

import pytest

from server import FILES, Server


@pytest.fixture(scope="session")
def server():
    """One server for every test that does not change its settings. Tests use names of their own."""
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def start():
    """Starts servers with settings of the test's own: `start(strict="true")`."""
    with contextlib.ExitStack() as stack:

        def starter(**settings):
            running = Server(**settings)
            stack.callback(running.stop)
            return running

        yield starter


@pytest.fixture(scope="session")
def photo():
    return (FILES / "photo.jpg").read_bytes()


@pytest.fixture
def website():
    """A local web site: `website.pages[path] = (status, headers, body)`; `website.asked` lists what was requested."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            status, headers, body = self.server.pages.get(self.path, (404, {}, b"no such page"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.pages, site.asked = {}, []
    site.url = f"http://127.0.0.1:{site.server_address[1]}"
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    yield site
    site.shutdown()
    site.server_close()
