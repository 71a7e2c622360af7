"""Services that extensions ask, as far as their published wire formats go, on a free port of this machine."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import io
import json
import threading
import time

from PIL import Image

AWS_ACCESS, AWS_SECRET, AWS_REGION = "AKIDEXAMPLE", "aws-secret-of-tests", "eu-central-1"
GOOGLE_KEY, VISION_KEY, REMOVEBG_KEY = "google-key-of-tests", "sk-vision-of-tests", "removebg-key-of-tests"


class Services:
    """`answers` holds what is answered next, `(status, headers, body)` or a function of the request; `default` after that."""

    def __init__(self):
        self.asked, self.answers, self.callbacks = [], {}, []
        # The callbacks that came to `/hook-slow`, and what they wait for.
        self.held, self.slow = [], lambda: None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, answer = outer.answer(self.path, self.headers, body)
                if not isinstance(answer, bytes):
                    answer = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(answer)

            def log_message(self, *_):
                pass

        # On all addresses of this machine: 127.0.0.1 and 127.0.0.2 are two hosts to whoever calls.
        self.site = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        self.url = f"http://127.0.0.1:{self.site.server_address[1]}"
        threading.Thread(target=self.site.serve_forever, daemon=True).start()

    def settings(self):
        """Those of a server that asks these services."""
        return {
            "google_vision_key": GOOGLE_KEY, "google_vision_url": self.url, "aws_access_key": AWS_ACCESS, "aws_secret_key": AWS_SECRET,
            "aws_region": AWS_REGION, "aws_rekognition_url": self.url + "/rekognition", "vision_url": self.url, "vision_key": VISION_KEY,
            "vision_model": "looker-1", "removebg_key": REMOVEBG_KEY, "removebg_url": self.url + "/v1.0/removebg",
            "fetch_allow": "127.0.0.0/8",
        }

    def answer(self, path, headers, body):
        if path.startswith("/hook-slow"):
            self.held.append(path)
            self.slow()
            return 200, {}, {}
        if path.startswith("/hook"):
            self.callbacks.append((path, dict(headers), json.loads(body)))
            return 200, {}, {}
        name, check = {
            "/v1/images:annotate": ("google", self.google), "/rekognition": ("aws", self.aws),
            "/v1/chat/completions": ("vision", self.vision), "/v1.0/removebg": ("removebg", self.removebg),
        }[path]
        self.asked.append(name)
        status, fields, answer = check(headers, body)
        if status == 200 and self.answers.get(name):
            queued = self.answers[name].pop(0)
            return queued(body) if callable(queued) else queued
        return status, fields, answer

    def google(self, headers, body):
        if headers["x-goog-api-key"] != GOOGLE_KEY:
            return 400, {}, {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}
        request = json.loads(body)["requests"][0]
        assert request["features"] == [{"type": "LABEL_DETECTION", "maxResults": request["features"][0]["maxResults"]}]
        picture(request["image"]["content"])
        labels = [("Sea", 0.97126), ("Harbour", 0.81), ("Dog", 0.4)]
        return 200, {}, {"responses": [{"labelAnnotations": [
            {"mid": "/m/0", "description": name, "score": score, "topicality": score} for name, score in labels]}]}

    def aws(self, headers, body):
        if headers["Authorization"] != aws_authorization(headers, body):
            return 400, {}, {"__type": "InvalidSignatureException", "message": "The request signature we calculated does not match."}
        assert headers["X-Amz-Target"] == "RekognitionService.DetectLabels" and headers["Content-Type"] == "application/x-amz-json-1.1"
        request = json.loads(body)
        picture(request["Image"]["Bytes"])
        labels = [{"Name": "Boat", "Confidence": 99.93640, "Instances": [], "Parents": []}]
        return 200, {}, {"Labels": labels, "LabelModelVersion": "3.0"}

    def vision(self, headers, body):
        if headers["Authorization"] != f"Bearer {VISION_KEY}":
            return 401, {}, {"error": {"message": "Incorrect API key provided.", "type": "invalid_request_error"}}
        request = json.loads(body)
        assert request["model"] == "looker-1" and request["response_format"]["type"] == "json_schema"
        text, image = request["messages"][1]["content"]
        assert text["type"] == "text" and image["image_url"]["url"].startswith("data:image/jpeg;base64,")
        picture(image["image_url"]["url"].split(",")[1])
        return completion({"description": "A harbour at dawn."})

    def removebg(self, headers, body):
        if headers["X-Api-Key"] != REMOVEBG_KEY:
            return 403, {}, {"errors": [{"title": "API Key invalid", "code": "auth_failed"}]}
        self.form = body
        cut = io.BytesIO()
        Image.new("RGBA", (60, 40), (255, 0, 0, 0)).save(cut, "PNG")
        return 200, {"Content-Type": "image/png"}, cut.getvalue()

    def stop(self):
        self.site.shutdown()
        self.site.server_close()


def completion(answer, finish="stop"):
    content = answer if isinstance(answer, str) else json.dumps(answer)
    message = {"role": "assistant", "content": content, "refusal": None}
    return 200, {}, {"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def picture(text):
    seen = Image.open(io.BytesIO(base64.b64decode(text)))
    assert seen.format == "JPEG" and max(seen.size) <= 1568
    return seen


def aws_authorization(headers, body):
    """The header that the published algorithm gives, written anew from the documentation."""
    signed = ["content-type", "host", "x-amz-date", "x-amz-target"]
    canonical = "POST\n/rekognition\n\n" + "".join(f"{name}:{headers[name]}\n" for name in signed)
    canonical += "\n" + ";".join(signed) + "\n" + hashlib.sha256(body).hexdigest()
    day = headers["X-Amz-Date"][:8]
    scope = f"{day}/{AWS_REGION}/rekognition/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{headers['X-Amz-Date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + AWS_SECRET.encode()
    for part in [day, AWS_REGION, "rekognition", "aws4_request"]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={AWS_ACCESS}/{scope}, SignedHeaders={';'.join(signed)}, Signature={signature}"


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found
