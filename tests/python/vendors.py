"""Caches that are told to forget, as far as their published wire formats go, on a free port of this machine."""

import hashlib
import hmac
import http.server
import json
import re
import threading
import urllib.parse
import xml.etree.ElementTree

FASTLY_KEY, CLOUDFLARE_TOKEN = "fastly-key-of-tests", "cloudflare-token-of-tests"
AWS_ACCESS, AWS_SECRET = "AKIDEXAMPLE", "cloudfront-secret-of-tests"
VARNISH_KEY = "varnish-key-of-tests"
SERVICE, ZONE, DISTRIBUTION = "SU1Z0isxPaozGVKXdv0eY", "023e105f4ecef8ad9ca31a8372d0c353", "EDFDVBD6EXAMPLE"
SECRETS = [FASTLY_KEY, CLOUDFLARE_TOKEN, AWS_SECRET, VARNISH_KEY]
INVALIDATION = f"/2020-05-31/distribution/{DISTRIBUTION}/invalidation"
CLOUDFRONT = "{http://cloudfront.amazonaws.com/doc/2020-05-31/}"


class Vendors:
    """`got[name]` holds what each was told; `answers[name]` what it answers next, `(status, headers, body)`, before it says yes."""

    def __init__(self):
        self.got = {name: [] for name in ["varnish", "nginx", "fastly", "cloudflare", "cloudfront"]}
        self.answers = {name: [] for name in self.got}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, answer = outer.answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_BAN = do_PURGE = handle_one

            def log_message(self, *_):
                pass

        self.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.site.server_address[1]}"
        threading.Thread(target=self.site.serve_forever, daemon=True).start()

    def settings(self, *names):
        """Those of a server that tells these."""
        every = {
            "varnish": {"varnish_urls": self.url, "varnish_key": VARNISH_KEY},
            "nginx": {"nginx_urls": self.url},
            "fastly": {"fastly_service": SERVICE, "fastly_key": FASTLY_KEY, "fastly_url": self.url + "/fastly"},
            "cloudflare": {"cloudflare_zone": ZONE, "cloudflare_token": CLOUDFLARE_TOKEN, "cloudflare_url": self.url + "/client/v4"},
            "cloudfront": {"cloudfront_distribution": DISTRIBUTION, "cloudfront_access_key": AWS_ACCESS,
                           "cloudfront_secret_key": AWS_SECRET, "cloudfront_url": self.url},
        }
        return {key: value for name in names for key, value in every[name].items()}

    def answer(self, method, path, headers, body):
        # Requests to nginx and Varnish are for another host or none, so their methods tell them.
        name, check = {"BAN": ("varnish", self.varnish), "PURGE": ("nginx", self.nginx)}.get(method) or (
            ("fastly", self.fastly) if path.startswith("/fastly/") else
            ("cloudflare", self.cloudflare) if path.startswith("/client/v4/") else ("cloudfront", self.cloudfront))
        if self.answers[name]:
            return self.answers[name].pop(0)
        told, answer = check(path, headers, body)
        if told is not None:
            self.got[name].append(told)
        return answer

    def varnish(self, path, headers, _):
        if headers["X-Tintype-Key"] != VARNISH_KEY:
            return None, (403, {}, b"")
        assert path == "/"
        return (headers["X-Tintype-Ban-Url"], headers["X-Tintype-Ban-Tag"]), (200, {}, b"")

    def nginx(self, path, headers, _):
        # What is not there is 412 in old versions of the module.
        return (headers["Host"], path), ((412, {}, b"") if self.got["nginx"] else (200, {}, b""))

    def fastly(self, path, headers, body):
        if headers["Fastly-Key"] != FASTLY_KEY:
            return None, (401, {}, b'{"msg": "Provided credentials are missing or invalid"}')
        path = path.removeprefix("/fastly")
        if path == f"/service/{SERVICE}/purge":
            assert headers["Content-Type"] == "application/json"
            keys = json.loads(body)["surrogate_keys"]
            return keys, (200, {}, json.dumps({key: "108-1391560174-974124" for key in keys}).encode())
        assert path.startswith("/purge/") and body == b""
        return path, (200, {}, b'{"status": "ok", "id": "108-1391560174-974124"}')

    def cloudflare(self, path, headers, body):
        if headers["Authorization"] != f"Bearer {CLOUDFLARE_TOKEN}":
            return None, (403, {}, cloudflare(False, "Authentication error"))
        assert path == f"/client/v4/zones/{ZONE}/purge_cache" and headers["Content-Type"] == "application/json"
        body = json.loads(body)
        assert set(body) <= {"tags", "files", "prefixes"} and all(len(values) <= 30 for values in body.values())
        return body, (200, {}, cloudflare(True))

    def cloudfront(self, path, headers, body):
        assert path == INVALIDATION
        if headers["Authorization"] != authorization(headers, body):
            return None, (403, {}, error("SignatureDoesNotMatch", "The request signature we calculated does not match."))
        batch = xml.etree.ElementTree.fromstring(body)
        assert batch.tag == CLOUDFRONT + "InvalidationBatch"
        paths = [item.text for item in batch.iter(CLOUDFRONT + "Path")]
        assert batch.find(f"{CLOUDFRONT}Paths/{CLOUDFRONT}Quantity").text == str(len(paths))
        assert batch.find(CLOUDFRONT + "CallerReference").text
        # A slash in front, and a `*` at the end only.
        assert all(re.fullmatch(r"/[^*]*\*?", path) for path in paths)
        return paths, (201, {"Location": self.url + INVALIDATION + "/I1"}, b"<Invalidation/>")

    def stop(self):
        self.site.shutdown()
        self.site.server_close()


def cloudflare(success, message=None):
    errors = [] if message is None else [{"code": 10000, "message": message}]
    return json.dumps({"success": success, "errors": errors, "messages": [], "result": {"id": ZONE}}).encode()


def error(code, message):
    """As CloudFront says no."""
    return (f'<?xml version="1.0"?><ErrorResponse xmlns="{CLOUDFRONT[1:-1]}"><Error><Type>Sender</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>").encode()


def authorization(headers, body):
    """The header that the published algorithm gives, written anew from the documentation."""
    signed = ["content-type", "host", "x-amz-date"]
    canonical = f"POST\n{urllib.parse.quote(INVALIDATION)}\n\n" + "".join(f"{name}:{headers[name]}\n" for name in signed)
    canonical += "\n" + ";".join(signed) + "\n" + hashlib.sha256(body).hexdigest()
    day = headers["X-Amz-Date"][:8]
    scope = f"{day}/us-east-1/cloudfront/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{headers['X-Amz-Date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + AWS_SECRET.encode()
    for part in [day, "us-east-1", "cloudfront", "aws4_request"]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={AWS_ACCESS}/{scope}, SignedHeaders={';'.join(signed)}, Signature={signature}"
