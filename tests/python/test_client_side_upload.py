"""Uploads from browsers: a signature instead of the private key, and CORS."""

import hashlib
import hmac
import time
import uuid

import pytest

from server import BASIC, PRIVATE_KEY, PUBLIC_KEY
from test_errors import refused

WRONG_SIGNATURE = "Your request contains invalid signature parameter."
EXPIRE_MESSAGE = ("Your request contains invalid expire parameter. Expire parameter should be a Unix time in less than 1 hour "
                  "into the future.")


def signature(token, expire):
    return hmac.new(PRIVATE_KEY.encode(), f"{token}{expire}".encode(), hashlib.sha1).hexdigest()


def credentials(**changes):
    token, expire = str(uuid.uuid4()), str(int(time.time()) + 1800)
    fields = {"publicKey": PUBLIC_KEY, "token": token, "expire": expire, **changes}
    return {"signature": signature(fields["token"], fields["expire"]), **fields}


def test_the_published_vector_signs_the_same_here():
    assert signature("your_token", "1582269249") == "e71bcd6031016b060d349d212e23e85c791decdd"


def test_the_published_vector_is_signed_well_but_expired(server, photo):
    vector = {"publicKey": PUBLIC_KEY, "token": "your_token", "expire": "1582269249",
              "signature": "e71bcd6031016b060d349d212e23e85c791decdd"}
    refused(server.upload(photo, "vector.jpg", headers={}, **vector), 400, EXPIRE_MESSAGE)


def test_a_signature_works_once(server, photo):
    once = credentials()
    answer = server.upload(photo, "signed.jpg", headers={}, **once)
    assert answer.status == 200 and answer.headers["Access-Control-Allow-Origin"] == "*", answer
    refused(server.upload(photo, "signed.jpg", headers={}, **once), 400, "Your request contains invalid token parameter.")
    assert server.listed("name=signed.jpg")[0]["versionInfo"]["name"] == "Version 1"


def test_a_token_is_used_up_by_an_error_too(server, photo):
    once = credentials()
    refused(server.post_form([*once.items(), ("fileName", "used-up.jpg")], headers={}), 400, "Your request is missing file parameter.")
    refused(server.upload(photo, "used-up.jpg", headers={}, **once), 400, "Your request contains invalid token parameter.")


@pytest.mark.parametrize("expire", ["0", "1582269249", "soon", "-1", str(2**70)])
def test_expire_must_be_within_the_hour(server, photo, expire):
    refused(server.upload(photo, "expired.jpg", headers={}, **credentials(expire=expire)), 400, EXPIRE_MESSAGE)
    late = str(int(time.time()) + 4000)
    refused(server.upload(photo, "expired.jpg", headers={}, **credentials(expire=late)), 400, EXPIRE_MESSAGE)
    assert server.listed("name=expired.jpg") == []


@pytest.mark.parametrize("wrong", ["0" * 40, "", "E71BCD6031016B060D349D212E23E85C791DECDD", "not hex"])
def test_wrong_signatures(server, photo, wrong):
    told = WRONG_SIGNATURE if wrong else "Your request is missing signature parameter."
    refused(server.upload(photo, "forged.jpg", headers={}, **{**credentials(), "signature": wrong}), 400, told)
    assert server.listed("name=forged.jpg") == []


def test_the_signature_is_compared_in_lower_case(server, photo):
    fields = credentials()
    fields["signature"] = fields["signature"].upper()
    refused(server.upload(photo, "upper.jpg", headers={}, **fields), 400, WRONG_SIGNATURE)


def test_an_unknown_public_key(server, photo):
    refused(server.upload(photo, "stranger.jpg", headers={}, **credentials(publicKey="public_other")), 403,
            "Your account cannot be authenticated.")


def test_both_ways_at_once(server, photo):
    refused(server.upload(photo, "both.jpg", headers=BASIC, **credentials()), 400,
            "Your request contains both signature and basic auth parameter. Use only one method, you might be exposing your private "
            "API key.")


def test_preflight_and_exposed_headers(server):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type,x-custom"}
    answer = server.request("OPTIONS", "/api/v1/files/upload", asked)
    assert answer.status in (200, 204), answer
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "x-custom" in answer.headers["Access-Control-Allow-Headers"].lower()
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    error = server.post_form([("fileName", "x")], headers={"Origin": "https://shop.example"})
    assert error.status == 400 and error.headers["Access-Control-Allow-Origin"] == "*"
    assert "x-request-id" in error.headers["Access-Control-Expose-Headers"].lower()
