"""The files in `deploy/`, as far as the programs that read them are here."""

import json
import re
import shutil
import subprocess

import pytest

from server import BINARY, FILES, ROOT

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm/tintype"
VARNISHD = shutil.which("varnishd") or shutil.which("varnishd", path="/usr/sbin")
KEYS = {name: "x" for name in ["TINTYPE_DATABASE_URL", "TINTYPE_BLOB_URL", "TINTYPE_PRIVATE_KEY", "TINTYPE_PUBLIC_KEY", "TINTYPE_MASTER_KEY"]}
METRIC = r"\b((?:tintype|process)_[a-z_]+)"


def documented():
    text = (ROOT / "docs/operations.md").read_text()
    return set(re.findall(r"`" + METRIC + "`", text))


def test_what_metrics_say_is_described_and_well_formed(start):
    server = start()
    assert server.upload((FILES / "photo.jpg").read_bytes(), "m.jpg").status == 200
    for _ in range(2):
        assert server.get("/demo/m.jpg?tr=w-60,f-webp").status == 200
    text = server.get("/metrics").body.decode()
    described = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helped = set(re.findall(r"^# HELP (\S+) \S", text, re.M))
    assert set(described) == helped, "each has a text"
    assert set(described) <= documented(), "each is in docs/operations.md"
    for name, kind in described.items():
        assert name.endswith("_total") == (kind == "counter"), name
    value = lambda series: float(re.search(rf"^{re.escape(series)} (\S+)$", text, re.M)[1])
    assert value('tintype_renditions_total{format="webp"}') == 1
    assert value("tintype_queue_wait_seconds_count") == value("tintype_render_seconds_count") == 1
    original = (FILES / "photo.jpg").stat().st_size
    assert 1.5 * original < value("tintype_saved_bytes_total") < 2 * original
    assert value("process_resident_memory_bytes") > 1_000_000


def test_origins_are_counted(start, website):
    from test_two_nodes import send

    server = start(fetch_allow="127.0.0.0/8")
    website.pages["/a.txt"] = (200, {}, b"a")
    website.pages["/broken.txt"] = (500, {}, b"")
    origin = send(server, "POST", "/v1/accounts/origins", {"type": "WEB_FOLDER", "name": "Site", "baseUrl": website.url}).json()["id"]
    send(server, "POST", "/v1/accounts/url-endpoints", {"description": "Site", "urlPrefix": "site", "origins": [origin]})
    assert [server.get(f"/demo/site/{name}.txt").status for name in ["a", "none"]] == [200, 404]
    assert server.get("/demo/site/broken.txt").status >= 400
    text = server.get("/metrics").body.decode()
    for outcome in ["found", "absent", "error"]:
        assert f'tintype_origin_requests_total{{kind="WEB_FOLDER",outcome="{outcome}"}} 1' in text


def test_the_dashboard_shows_metrics_that_there_are():
    dashboard = json.loads((DEPLOY / "grafana/tintype.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    shown = {re.sub("_bucket$", "", name) for expression in expressions for name in re.findall(METRIC, expression)}
    assert len(shown) > 15 and shown <= documented()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_tintype_top_shows_a_server(server):
    done = subprocess.run([BINARY, "top", "--interval", "1", f"127.0.0.1:{server.port}"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Tintype 0.") and "\x1b" not in done.stdout
    assert re.search(r"^memory +process \d", done.stdout, re.M)
    done = subprocess.run([BINARY, "top", "127.0.0.1:1"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "no server answers" in done.stderr


@pytest.mark.skipif(VARNISHD is None, reason="there is no Varnish")
def test_varnish_takes_the_vcl(tmp_path):
    for file in (DEPLOY / "varnish").glob("*.vcl"):
        shutil.copy(file, tmp_path)
    command = [VARNISHD, "-j", "none", "-C", "-p", f"vcl_path={tmp_path}", "-f", tmp_path / "tintype.vcl"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    # The other file's hosts are looked up, so one that is here stands for them.
    backends = (tmp_path / "backends.compose.vcl").read_text()
    assert '.host = "tintype-one"' in backends
    (tmp_path / "backends.vcl").write_text(re.sub('"tintype-(one|two)"', '"127.0.0.1"', backends))
    assert subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_systemd_takes_the_unit(tmp_path):
    unit = tmp_path / "tintype.service"
    # The program need not be installed here.
    unit.write_text((DEPLOY / "systemd/tintype.service").read_text().replace("/usr/local/bin/tintype", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def chart(**values):
    """The chart's manifests by kind; `RuntimeError` with what it refuses."""
    yaml = pytest.importorskip("yaml")
    helm = shutil.which("helm")
    if helm:
        command = [helm, "template", "media", CHART, "--set-json", ",".join(f"{name}={json.dumps(value)}" for name, value in values.items())]
        done = subprocess.run(command if values else command[:-2], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        texts = [done.stdout]
    else:
        # The same code as a Python module: pip install helm-python-sdk.
        sdk = pytest.importorskip("helm_python", reason="there is no helm")
        try:
            texts = [text for name, text in sdk.Chart.load(CHART).render(values).items() if name.endswith(".yaml")]
        except Exception as error:
            raise RuntimeError(str(error)) from error
        assert sdk.lint(CHART, values=values)["errors"] == []
    manifests = [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]
    return {manifest["kind"]: manifest for manifest in manifests}


def test_the_chart():
    plain = chart(secret={"values": KEYS})
    assert set(plain) == {"Deployment", "PodDisruptionBudget", "Secret", "Service", "ServiceAccount"}
    pod = plain["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    given = {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]}
    assert given["TINTYPE_PUBLIC_URL"] == "https://media.example.com" and given["TINTYPE_LISTEN"] == "0.0.0.0:8080"
    full = chart(secret={"existing": "mine"}, autoscaling={"enabled": True}, ingress={"enabled": True}, metrics={"serviceMonitor": {"enabled": True}})
    assert set(full) == {"Deployment", "PodDisruptionBudget", "Service", "ServiceAccount", "HorizontalPodAutoscaler", "Ingress", "ServiceMonitor"}
    paths = [path["path"] for path in full["Ingress"]["spec"]["rules"][0]["http"]["paths"]]
    assert paths == ["/v1", "/api", "/demo"], "health and metrics stay inside"
    with pytest.raises(RuntimeError, match="more than one server needs secret.values.TINTYPE_DATABASE_URL"):
        chart()
    with pytest.raises(RuntimeError, match="data.volume"):
        chart(replicaCount=1)
