"""MCP tasks, prompts and local files: what the protocol's newest revision has beside calls of tools."""

import json
import time

import pytest

from server import BASIC
from test_mcp import over_stdio, over_http, token

TASKS = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


class Raw:
    """Messages as they are, because the client libraries know no tasks yet."""

    def __init__(self, server, secret):
        self.server, self.secret = server, secret

    def ask(self, method, params, capabilities=TASKS):
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": capabilities,
                "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"}}
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                   "Authorization": f"Bearer {self.secret}", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
        name = params.get("name") or params.get("taskId")
        if name:
            headers["Mcp-Name"] = name
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        answer = self.server.request("POST", "/mcp", headers, json.dumps(body))
        text = answer.body.decode()
        if "event-stream" in (answer.headers["content-type"] or ""):
            text = [line for line in text.splitlines() if line.startswith("data: {")][-1].removeprefix("data: ")
        return json.loads(text)

    def call(self, name, arguments, **more):
        return self.ask("tools/call", {"name": name, "arguments": arguments}, **more)["result"]

    def until(self, task, *states):
        for _ in range(150):
            found = self.ask("tasks/get", {"taskId": task["taskId"]})["result"]
            if found["status"] in states:
                return found
            time.sleep(0.2)
        raise AssertionError(found)


@pytest.fixture(scope="module")
def raw(server):
    return Raw(server, token(server, "write", "destructive"))


def test_work_on_a_folder_is_a_task_that_ends_verified(server, raw):
    server.upload(b"x", "a.txt", folder="/tasks/from")
    wanted = {"sourceFolderPath": "/tasks/from", "destinationPath": "/tasks/to"}
    task = raw.call("copy_folder", wanted)
    assert task["resultType"] == "task" and task["status"] == "working", task
    done = raw.until(task, "completed", "failed")
    assert done["status"] == "completed" and not done["result"].get("isError"), done
    assert done["result"]["_meta"]["tintype/call"]["verification"]["status"] == "verified"
    assert server.listed("path=/tasks/to/from")
    # Somebody else's is unknown.
    other = Raw(server, token(server, "write"))
    assert "error" in other.ask("tasks/get", {"taskId": task["taskId"]})
    assert "error" in other.ask("tasks/cancel", {"taskId": task["taskId"]})
    # Without the capability the answer is the call's.
    plain = raw.call("copy_folder", {**wanted, "destinationPath": "/tasks/third"}, capabilities={})
    assert plain["resultType"] == "complete" and plain["structuredContent"]["jobId"], plain


def test_a_call_that_waits_for_approval_is_a_task_until_somebody_decides(server, raw):
    file = server.upload(b"x", "tasks-delete.txt").json()["fileId"]
    elicits = {**TASKS, "elicitation": {"form": {}}}
    task = raw.call("delete_file", {"fileId": file}, capabilities=elicits)
    assert task["resultType"] == "task", task
    shown = raw.until(task, "input_required")
    message = shown["inputRequests"]["approval"]["params"]["message"]
    approval = "apr_" + message.split("(apr_")[1].split(")")[0]
    # What the client answers decides nothing.
    said = raw.ask("tasks/update", {"taskId": task["taskId"],
                                    "inputResponses": {"approval": {"action": "accept", "content": {}}}})
    assert "error" not in said, said
    assert server.api(f"/v1/files/{file}/details").status == 200
    headers = {**BASIC, "Content-Type": "application/json"}
    assert server.request("POST", f"/v1/approvals/{approval}/approve", headers, "{}").status == 200
    done = raw.until(task, "completed", "failed")
    assert done["result"]["structuredContent"] == {"deleted": True}, done
    assert server.api(f"/v1/files/{file}/details").status == 404


def test_a_task_can_be_cancelled_while_it_waits(server, raw):
    file = server.upload(b"x", "tasks-cancel.txt").json()["fileId"]
    task = raw.call("delete_file", {"fileId": file})
    assert task["status"] == "working" and "apr_" in task["statusMessage"], task
    raw.ask("tasks/cancel", {"taskId": task["taskId"]})
    raw.until(task, "cancelled")
    assert server.api(f"/v1/files/{file}/details").status == 200


def test_several_writes_that_are_cancelled_are_put_back(server, raw):
    files = [server.upload(b"x", f"set-{n}.txt").json()["fileId"] for n in range(40)]
    calls = [{"action": "bulk_add_tags", "input": {"fileIds": [file], "tags": ["set"]}} for file in files]
    task = raw.call("apply_changes", {"calls": calls})
    assert task["status"] == "working", task
    for _ in range(500):
        found = raw.ask("tasks/get", {"taskId": task["taskId"]})["result"]
        if "of 40 done" in found.get("statusMessage", "") or found["status"] != "working":
            break
    raw.ask("tasks/cancel", {"taskId": task["taskId"]})
    state = raw.until(task, "cancelled", "completed")["status"]
    tagged = lambda: len(server.listed("tags=set"))
    # What is being done meanwhile comes to its end and is put back; on a fast machine all of it was done before.
    for _ in range(100):
        if tagged() in (0, 40):
            break
        time.sleep(0.1)
    assert tagged() in (0, 40), state


def test_prompts_are_filled(server, raw):
    async def look(client):
        listed = [prompt.name for prompt in (await client.list_prompts()).prompts]
        one = await client.get_prompt("tidy_folder", {"folder": "/inbox"})
        return listed, one.messages[0].content.text

    for over in (over_http, over_stdio):
        listed, text = over(server, raw.secret, look)
        assert {"find_pictures", "review_deletion"} <= set(listed)
        assert "/inbox" in text and "{" not in text


def test_local_files_come_from_the_named_folders(server, raw, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "note.txt").write_text("hello")
    (tmp_path / "secret.txt").write_text("secret")

    async def work(client):
        tools = [tool.name for tool in (await client.list_tools()).tools]
        done = await client.call_tool("upload_local_file", {"path": str(tmp_path / "in" / "note.txt"), "folder": "/local"})
        refused = await client.call_tool("upload_local_file", {"path": str(tmp_path / "secret.txt")})
        return tools, done, refused

    tools, done, refused = over_stdio(server, raw.secret, work, "--root", str(tmp_path / "in"))
    assert "upload_local_file" in tools and not done.is_error, done
    assert done.structured_content["size"] == 5 and done.structured_content["filePath"].startswith("/local/note")
    assert refused.is_error and "secret" not in refused.content[0].text.replace(str(tmp_path), "")

    async def names(client):
        return [tool.name for tool in (await client.list_tools()).tools]

    assert "upload_local_file" not in over_stdio(server, raw.secret, names)
    assert "upload_local_file" not in over_http(server, raw.secret, names)


def test_bytes_do_not_go_through_a_model(server, raw):
    async def work(client):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        wanted = {"fileName": "a.txt", "contentBase64": "aGVsbG8="}
        tried = await client.call_tool("upload_file", wanted)
        within = await client.call_tool("apply_changes", {"calls": [{"action": "upload_file", "input": wanted}]})
        return tools["upload_file"], tried, within

    tool, tried, within = over_http(server, raw.secret, work)
    assert "contentBase64" not in tool.input_schema["properties"]
    for refused in (tried, within):
        assert refused.is_error and "create_upload_link" in refused.content[0].text, refused
