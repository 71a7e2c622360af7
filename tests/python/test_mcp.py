"""The agent side through the official Python MCP client, over HTTP and over standard input and output."""

import base64
import io
import json
import subprocess

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult
from PIL import Image

from server import BASIC, BINARY, PRIVATE_KEY


def token(server, *allowed):
    flags = [flag for effect in allowed for flag in ("--allow", effect)]
    made = subprocess.run([BINARY, "token", "create", "mcp", *flags, "--json"], capture_output=True, text=True,
                          env={"TINTYPE_DATA_DIR": str(server.data_dir)})
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)["secret"]


@pytest.fixture(scope="module")
def full(server):
    return token(server, "write", "destructive")


def over_http(server, secret, work, query="", **options):
    async def run():
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=60) as http:
            transport = streamable_http_client(f"{server.url}/mcp{query}", http_client=http)
            async with Client(transport, **options) as client:
                return await work(client)

    return anyio.run(run)


def over_stdio(server, secret, work, *flags, environment=(), **options):
    async def run():
        variables = {"TINTYPE_DATA_DIR": str(server.data_dir), "TINTYPE_PUBLIC_URL": server.url,
                     "TINTYPE_PRIVATE_KEY": PRIVATE_KEY, "TINTYPE_LOG": "warn",
                     **({"TINTYPE_TOKEN": secret} if secret else {}), **dict(environment)}
        transport = StdioServerParameters(command=str(BINARY), args=["mcp", *flags], env=variables)
        async with Client(transport, **options) as client:
            return await work(client)

    return anyio.run(run)


def doors(server, secret):
    """The same through each transport, in each era of the protocol."""
    yield lambda work, **more: over_http(server, secret, work, mode="auto", **more)
    yield lambda work, **more: over_http(server, secret, work, mode="legacy", **more)
    yield lambda work, **more: over_stdio(server, secret, work, mode="auto", **more)
    yield lambda work, **more: over_stdio(server, secret, work, mode="legacy", **more)


def test_tools_are_those_that_the_token_covers(server, full):
    async def names(client):
        return [tool.name for tool in (await client.list_tools()).tools]

    for run in doors(server, full):
        everything = run(names)
        assert {"list_assets", "delete_file", "undo_call", "preview_asset"} <= set(everything)
    reads = over_http(server, token(server), names)
    assert "list_assets" in reads and not {"delete_file", "rename_file", "undo_call"} & set(reads)
    assert over_http(server, full, names, "?mode=dynamic") == ["search_actions", "describe_action", "call_action"]
    assert over_stdio(server, full, names, "--dynamic") == ["search_actions", "describe_action", "call_action"]
    some = over_http(server, full, names, "?toolsets=tags")
    assert some == ["bulk_add_tags", "bulk_remove_tags", "bulk_remove_ai_tags"]


def test_a_call_has_structured_content_and_says_what_is_known(server, full, photo):
    file = server.upload(photo, "mcp-call.jpg").json()["fileId"]

    async def call(client):
        return await client.call_tool("update_file_details", {"fileId": file, "tags": ["mcp"]})

    for run in doors(server, full):
        done = run(call)
        assert not done.is_error, done
        assert done.structured_content["asset"]["tags"] == ["mcp"]
        assert json.loads(done.content[0].text) == done.structured_content
        meta = json.loads(done.content[1].text)["meta"]
        assert meta["verification"]["status"] == "verified" and meta["executionId"]


def test_errors_are_for_the_model(server):
    secret = token(server)

    async def call(client):
        return await client.call_tool("get_file_details", {"fileId": "65f0c0ffee0123456789abcd"}), await client.call_tool("delete_file", {"fileId": "x"})

    for run in doors(server, secret):
        missing, refused = run(call)
        assert missing.is_error and missing.content[0].text.startswith("not_found: ")
        assert refused.is_error and json.loads(refused.content[1].text)["code"] == "scope_missing"


def picture(content):
    return Image.open(io.BytesIO(base64.b64decode(content.data)))


def test_seeing(server, full, photo):
    ids = [server.upload(photo, f"see {n},tr:w-1.jpg", folder="/mcp-see").json()["fileId"] for n in range(3)]

    async def look(client):
        return (
            await client.call_tool("preview_asset", {"fileId": ids[0], "size": 200}),
            await client.call_tool("contact_sheet", {"path": "/mcp-see"}),
            await client.call_tool("compare_before_after", {"fileId": ids[0], "transformation": "rt-90", "size": 100}),
            await client.call_tool("build_transformation_url", {"fileId": ids[0], "transformation": "w-50,nonsense-1"}),
            await client.call_tool("explain_transformation", {"transformation": "w-50:rt-90", "fileId": ids[0]}),
            await client.call_tool("compare_before_after", {"fileId": ids[0], "transformation": "e-grayscale", "size": 100}),
        )

    for run in (lambda w: over_http(server, full, w), lambda w: over_stdio(server, full, w)):
        preview, sheet, both, built, told, gray = run(look)
        assert not any(r.is_error for r in (preview, sheet, both, built, told, gray)), (preview, sheet, both, built, told, gray)
        assert max(picture(preview.content[-1]).size) == 200
        tiles = sheet.structured_content["tiles"]
        assert {tile["fileId"] for tile in tiles} == set(ids)
        image = picture(sheet.content[-1]).convert("RGB")
        assert image.size == (3 * 248 + 8, 188 + 8)
        # The sheet is white between the tiles, and no tile is empty.
        assert min(image.getpixel((3, 3))) > 240
        for column in range(3):
            box = (8 + column * 248, 8, 248 + column * 248, 188)
            assert len(image.crop(box).getcolors(1 << 20)) > 100
        before, after = [picture(c) for c in both.content if c.type == "image"]
        assert before.size == after.size[::-1]
        # Turned, no pixel is of the same place.
        assert "unknown" in both.structured_content["difference"]
        *_, difference = [picture(c) for c in gray.content if c.type == "image"]
        told_of = gray.structured_content["difference"]
        assert len([c for c in gray.content if c.type == "image"]) == 3
        assert difference.size == (told_of["width"], told_of["height"]) and max(difference.size) == 100
        assert 0 < told_of["changedShare"] <= 1 and (255, 0) in {pixel[:2] for _, pixel in difference.getcolors(1 << 20)}
        assert built.structured_content["ignored"][0]["text"] == "nonsense-1"
        fetched = server.get(built.structured_content["url"].removeprefix(server.url))
        assert fetched.status == 200 and Image.open(io.BytesIO(fetched.body)).width == 50
        assert told.structured_content["canonical"] == "w-50:rt-90"
        estimate = told.structured_content["estimate"]
        assert estimate["height"] == 50 and estimate["megapixels"] > 0 and estimate["memoryBytes"] > 0, estimate


def test_private_files_are_seen_and_a_token_for_a_folder_sees_no_others(server, full, photo):
    private = server.upload(photo, "private.jpg", folder="/mcp-private", isPrivateFile="true").json()["fileId"]
    other = server.upload(photo, "other.jpg", folder="/mcp-other").json()["fileId"]
    made = subprocess.run([BINARY, "token", "create", "narrow", "--folder", "/mcp-private", "--json"],
                          capture_output=True, text=True, env={"TINTYPE_DATA_DIR": str(server.data_dir)})
    narrow = json.loads(made.stdout)["secret"]

    async def look(client):
        layer = "l-image,i-mcp-other@@other.jpg,w-50,l-end"
        return [await client.call_tool("preview_asset", arguments) for arguments in (
            {"fileId": private}, {"fileId": other}, {"fileId": private, "transformation": layer},
            {"fileId": private, "transformation": "e-bgremove"})]

    seen, *refused = over_http(server, narrow, look)
    assert not seen.is_error, seen
    assert [json.loads(r.content[1].text)["code"] for r in refused] == ["scope_missing"] * 3, refused


def test_resources(server, full, photo):
    file = server.upload(photo, "mcp-resource.jpg").json()["fileId"]

    async def read(client):
        listed = await client.list_resources()
        details = await client.read_resource(f"tintype://assets/{file}")
        look = await client.read_resource(f"tintype://previews/{file}")
        return listed.resources, json.loads(details.contents[0].text), look.contents[0]

    listed, details, look = over_http(server, full, read)
    assert f"tintype://assets/{file}" in [str(r.uri) for r in listed]
    assert details["fileId"] == file
    assert look.mime_type == "image/jpeg"
    assert max(Image.open(io.BytesIO(base64.b64decode(look.blob))).size) <= 512


def test_a_session_searches_transforms_deletes_with_a_persons_word_and_undoes(server, full, photo):
    file = server.upload(photo, "mcp-session.jpg", folder="/mcp-session").json()["fileId"]

    async def ask(client):
        found = await client.call_tool("list_assets", {"searchQuery": 'name = "mcp-session.jpg"'})
        assert found.structured_content["assets"][0]["fileId"] == file
        moved = await client.call_tool("rename_file", {"filePath": "/mcp-session/mcp-session.jpg", "newFileName": "b.jpg"})
        execution = json.loads(moved.content[1].text)["meta"]["executionId"]
        undone = await client.call_tool("undo_call", {"executionId": execution})
        assert not undone.is_error, undone
        tried = await client.call_tool("dry_run_action", {"action": "delete_file", "input": {"fileId": file}})
        assert tried.structured_content["blast"]["files"] == 1
        pretended = await client.call_tool("delete_file", {"fileId": file, "approved": True})
        assert pretended.is_error
        waits = await client.call_tool("delete_file", {"fileId": file})
        report = json.loads(waits.content[1].text)
        assert (waits.is_error, report["code"]) == (True, "approval_required")
        assert report["remedy"][0]["command"].startswith("tintype approvals ")
        return report["approval"]["id"]

    approval = over_http(server, full, ask)
    done = server.request("POST", f"/v1/approvals/{approval}/approve", {**BASIC, "Content-Type": "application/json"}, "{}")
    assert done.status == 200, done

    async def see(client):
        return await client.call_tool("get_approval", {"id": approval})

    assert over_http(server, full, see).structured_content == {"deleted": True}


@pytest.mark.parametrize("over,mode", [(over_http, "auto"), (over_stdio, "auto"), (over_stdio, "legacy")])
@pytest.mark.parametrize("decided", [True, False])
def test_an_approval_is_shown_where_the_client_can_and_the_clients_answer_is_no_consent(server, full, over, mode, decided):
    file = server.upload(b"x", f"mcp-elicit-{over.__name__}-{mode}-{decided}.txt").json()["fileId"]
    shown = []

    async def elicit(context, params):
        shown.append(params)
        if decided:
            approval = params.message.split("(apr_")[1].split(")")[0]
            headers = {**BASIC, "Content-Type": "application/json"}
            answer = await anyio.to_thread.run_sync(
                lambda: server.request("POST", f"/v1/approvals/apr_{approval}/approve", headers, "{}"))
            assert answer.status == 200, answer
        # The client says yes in both cases.
        return ElicitResult(action="accept", content={})

    async def call(client):
        return await client.call_tool("delete_file", {"fileId": file})

    done = over(server, full, call, mode=mode, elicitation_callback=elicit)
    assert len(shown) == 1 and "delete_file" in shown[0].message
    assert PRIVATE_KEY not in str(shown) and "link=" not in str(shown)
    if decided:
        assert done.structured_content == {"deleted": True}, done
        assert server.api(f"/v1/files/{file}/details").status == 404
    else:
        assert done.is_error and done.content[0].text.startswith("approval_required"), done
        assert server.api(f"/v1/files/{file}/details").status == 200


def test_the_three_tools(server, full):
    async def find(client):
        found = await client.call_tool("search_actions", {"query": "rename a file"})
        told = await client.call_tool("describe_action", {"action": "list_assets"})
        called = await client.call_tool("call_action", {"action": "list_assets", "input": {"limit": 1}, "fields": ["name"]})
        return found, told, called

    found, told, called = over_http(server, full, find, "?mode=dynamic")
    assert found.structured_content["actions"][0]["name"] == "rename_file"
    assert told.structured_content["inputSchema"]["properties"]["limit"]
    assert set(called.structured_content["assets"][0]) == {"name"}


def test_progress_is_told_to_who_asks(server, full):
    told = []

    async def call(client):
        async def progress(done, total, message):
            told.append((done, message))

        return await client.call_tool("list_assets", {"limit": 1}, progress_callback=progress)

    assert not over_http(server, full, call).is_error
    assert told and told[0][0] == 0
