"""Traces: what a request waited for, as OpenTelemetry's protocol carries it."""

import http.server
import os
import subprocess
import threading

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from server import BASIC, BINARY, PRIVATE_KEY
from services import wait_until
from test_account import make_endpoint, make_origin
from test_edge import sign

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """What a collector of OTLP over HTTP is sent: `spans`, and the requests as they came."""

    def __init__(self):
        self.spans, self.resources, self.raw, self.headers = [], [], [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
                outer.raw.append(body)
                outer.headers.append(self.headers)
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    outer.resources.append(attributes(resource.resource))
                    for scope in resource.scope_spans:
                        outer.spans.extend(scope.spans)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.site.server_address[1]}"
        threading.Thread(target=self.site.serve_forever, daemon=True).start()

    def of_trace(self, trace):
        """The spans of a trace whose root has come: it comes last."""
        found = lambda: [span for span in self.spans if span.trace_id.hex() == trace]
        wait_until(lambda: any(span.kind == span.SPAN_KIND_SERVER for span in found()))
        return found()

    def stop(self):
        self.site.shutdown()
        self.site.server_close()


def attributes(of):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in of.attributes}


def traceparent(trace, sampled="01"):
    return {"traceparent": f"00-{trace}-{PARENT}-{sampled}"}


@pytest.fixture
def collector(monkeypatch):
    running = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=tests")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    yield running
    running.stop()


def test_from_the_request_to_the_codec(start, collector, photo, website):
    server = start(fetch_allow="127.0.0.0/8")
    website.pages["/far.jpg"] = (200, {}, photo)
    make_endpoint(server, "far", make_origin(server, type="WEB_FOLDER", baseUrl=website.url)["id"])
    assert server.upload(photo, "near.jpg", folder="/traced").status == 200
    # Signed, with a blur that no decoder does on its way.
    asked = sign("/demo/traced/near.jpg?tr=w-90,bl-5")
    assert server.request("GET", asked, traceparent(TRACE)).status == 200
    spans = collector.of_trace(TRACE)
    by_id = {span.span_id: span for span in spans}
    root, = [span for span in spans if span.kind == span.SPAN_KIND_SERVER]
    assert (root.name, root.parent_span_id.hex()) == ("GET delivery", PARENT)
    said = attributes(root)
    assert said["http.request.method"] == "GET" and said["http.response.status_code"] == 200
    assert said["url.path"] == "/demo/traced/near.jpg" and [event.name for event in root.events] == ["answered"]
    way = lambda span: [] if span is root else [*way(by_id[span.parent_span_id]), span.name]
    ways = {tuple(way(span)) for span in spans}
    for expected in [("database",), ("cache",), ("queue",), ("read source",), ("render", "decode"), ("render", "transform"), ("render", "encode")]:
        assert expected in ways, (expected, ways)
    assert {attributes(span)["db.operation.name"] for span in spans if span.name == "database"} >= {"SELECT"}
    assert attributes(next(span for span in spans if span.name == "cache"))["found"] == "nowhere"

    # What an origin has is fetched by a task of its own, and belongs to the request all the same.
    other = TRACE[::-1]
    assert server.request("GET", "/demo/far/far.jpg?tr=w-80", traceparent(other)).status == 200
    assert {"origin", "render", "encode"} <= {span.name for span in collector.of_trace(other)}
    # Who does not want to be traced is not.
    unsampled = "0" * 31 + "1"
    assert server.request("GET", "/demo/traced/near.jpg?tr=w-70", traceparent(unsampled, "00")).status == 200
    # Without a trace of the caller's there is one of our own.
    assert server.get("/demo/traced/near.jpg?tr=w-60").status == 200
    wait_until(lambda: any(not span.parent_span_id and attributes(span).get("url.path") == "/demo/traced/near.jpg" for span in collector.spans))

    assert not [span for span in collector.spans if span.trace_id.hex() == unsampled]
    assert all(resource["service.name"] == "tintype" and resource["service.version"] for resource in collector.resources)
    assert all(headers["x-tenant"] == "tests" for headers in collector.headers)
    sent = b"".join(collector.raw)
    signature = asked.split("ik-s=")[1].encode()
    for secret in [signature, b"ik-s", b"bl-5", PRIVATE_KEY.encode(), BASIC["Authorization"].split()[1].encode(), website.url.encode()]:
        assert secret not in sent
    # Lines of the log name the request, and hold no spans of traces.
    assert '"db.operation.name"' not in server.log_text() and '"request_id"' in server.log_text()


def test_the_last_spans_are_sent_when_the_server_stops(start, collector, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "media of tests")
    server = start()
    assert server.request("GET", "/v1/files", {**BASIC, **traceparent(TRACE)}).status == 200
    server.terminate()
    assert "GET management" in {span.name for span in collector.of_trace(TRACE)}
    assert {resource["service.name"] for resource in collector.resources} == {"media of tests"}


def test_a_receiver_that_is_away_does_no_harm(start, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    server = start()
    assert server.upload(b"x", "x.txt").status == 200
    wait_until(lambda: "the receiver of traces did not take them" in server.log_text())
    assert server.get("/demo/x.txt").body == b"x"


def test_a_protocol_that_is_not_spoken_is_said(tmp_path):
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    run = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path)], env={**os.environ, **settings},
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 1 and "http/protobuf" in run.stderr
