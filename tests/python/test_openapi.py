"""The OpenAPI document against the running server: schemathesis sends the examples that it gives, and looks whether the answers are those that it
describes. The seed is fixed, so a failure comes again."""

import copy
import json
import os
import re
import subprocess
import sys

import pytest
from openapi_spec_validator import validate

from server import BASIC, ROOT

METHODS = ("get", "put", "post", "delete", "options", "patch")
# `negative_data_rejection` and `positive_data_acceptance` are left out: the server takes more than it describes, and what a schema allows may still name no file.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "unsupported_method", "allow_header_conformance", "use_after_free", "ensure_resource_availability",
          "ignored_auth"]
# It could take the tests' own key away.
LEFT_OUT = ["accounts.keys.roll"]
# Left out of what is made up: `PATCH` and `DELETE` of `/v1/customMetadataFields` say that an id is missing, as ImageKit's do, and not that there are no such methods.
OF_METHODS = ["unsupported_method", "allow_header_conformance"]
# The calls of the single actions: `actions.run` stands for them, and their inputs are tested where they are declared.
TYPED_CALLS = r"^/v1/actions/imagekit\."


@pytest.fixture(scope="module")
def document(server):
    answer = server.get("/openapi.json")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json; charset=utf-8"
    return answer.json()


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def closed(schema):
    """The same without room for keys that are not described."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: value if key in ("example", "examples", "mapping", "enum", "const") else closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        made["additionalProperties"] = False
    return made


def strict(document):
    """The document with answers that may hold nothing else. Bodies of requests are as they are: what is sent may hold more."""
    made = copy.deepcopy(document)
    shadows = {f"Answered{name}": schema for name, schema in made["components"]["schemas"].items()}
    rename = lambda value: json.loads(re.sub(r"#/components/schemas/(\w+)", r"#/components/schemas/Answered\1", json.dumps(value)))
    made["components"]["schemas"].update(closed(rename(shadows)))
    made["components"]["responses"] = closed(rename(made["components"]["responses"]))
    for _, _, operation in operations(made):
        operation["responses"] = closed(rename(operation["responses"]))
    return made


def test_it_is_valid_and_names_the_server(document, server):
    validate(document)
    assert document["openapi"].startswith("3.1.")
    assert document["servers"] == [{"url": server.url}]


def test_the_yaml_says_the_same(document, server):
    import yaml

    answer = server.get("/openapi.yaml")
    assert answer.headers["content-type"] == "application/yaml"
    # Its texts are strings in YAML 1.1, too: dates and numbers are quoted.
    assert yaml.load(answer.body, yaml.BaseLoader)["paths"].keys() == document["paths"].keys()
    assert yaml.safe_load(answer.body)["components"]["schemas"].keys() == document["components"]["schemas"].keys()


def test_the_sdk_asks_for_nothing_else(document):
    """Every path that the official SDK's methods ask for, read from their sources."""
    import imagekitio

    called = set()
    folder = os.path.join(os.path.dirname(imagekitio.__file__), "resources")
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".py"):
                with open(os.path.join(place, name), encoding="utf-8") as source:
                    text = source.read()
                for method, path in re.findall(r"self\._(get|post|put|patch|delete)\(\s*(?:path_template\()?f?\"(/[^\"]+)\"", text):
                    called.add((method, re.sub(r"\{[^}]*\}", "{}", path)))
                for path in re.findall(r"\"(/api/v\d/files/upload)\"", text):
                    called.add(("post", path))
    assert len(called) > 40, called
    described = {(method, re.sub(r"\{[^}]*\}", "{}", path)) for method, path, _ in operations(document)}
    # It is not for applications: the SDK's generator needs it.
    assert {path for _, path in called - described} <= {"/v1/dummy/test"}


def described(document, server, folder, *arguments, checks=CHECKS):
    """Runs schemathesis against a server: the answers have to be those of the document."""
    upload = server.upload(b"not a picture", "harbour.txt", folder="/travel/2026")
    assert upload.status == 200, upload
    file = folder / "openapi.json"
    file.write_text(json.dumps(strict({**document, "servers": [{"url": server.url}]})))
    excluded = [argument for name in LEFT_OUT for argument in ("--exclude-operation-id", name)]
    run = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", server.url, "--header", f"Authorization:{BASIC['Authorization']}",
         "--checks", ",".join(checks), *excluded, "--exclude-path-regex", TYPED_CALLS, *arguments, "--seed", "1",
         "--generation-deterministic", "--no-shrink", "--continue-on-failure", "--request-timeout", "30",
         "--suppress-health-check", "all", "--warnings", "off", "--no-color", "--report", "junit", "--report-junit-path", str(folder / "report.xml")],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "python")}, capture_output=True, text=True, timeout=3600)
    assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-2000:]
    # The key was good to the end.
    assert server.api("/v1/files?limit=1").status == 200


def test_the_server_answers_as_described(document, start, tmp_path):
    described(document, start(trash_days="1"), tmp_path, "--phases", "examples")


def test_whatever_is_sent_is_answered_as_described(document, start, tmp_path):
    """All borders of the schemas, and a little that is made up; more where `TINTYPE_SCHEMATHESIS` says how much for each operation."""
    many = os.environ.get("TINTYPE_SCHEMATHESIS", "3")
    described(document, start(trash_days="1"), tmp_path, "--phases", "coverage,fuzzing", "--max-examples", many,
              checks=[check for check in CHECKS if check not in OF_METHODS])
