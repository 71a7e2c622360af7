"""An agent's session, as it runs: `docs/agents-session.md` is what this test saw. TINTYPE_BLESS=1 writes it anew."""

import json
import os
import re
import shlex
import textwrap

from server import BASIC, ROOT, Server
from test_agents import Door
from test_mcp import over_http

PAGE = ROOT / "docs" / "agents-session.md"

HEAD = """# A session of an agent

What an agent and the person who answers for the library see: the agent looks for a picture, has a look at a smaller one, wants to delete it, waits, and takes
it back. First through MCP, then through the command line. A test runs this (`tests/python/test_agent_session.py`), so it is what happens; ids, times and addresses
are shortened, long answers cut.
"""

SHORTER = [
    (r"tta_[\w-]+", "tta_..."),
    (r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:8080"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "2026-11-21T08:00:00Z"),
    (r"\b[0-9a-f]{64}\b", "9f86d081..."),
    (r"updatedAt=\d+", "updatedAt=1795680000000"),
    (r"tok_[0-9a-f]{8}", "tok_3f9c0a1b"),
]
# Each thing has one name from its first appearance on.
NAMED = [(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "call"), (r"\bapr_[\w-]+", "apr"),
         (r"\b[0-9a-f]{24}\b", "file")]
LONGEST = 700


class Page:
    def __init__(self):
        self.lines, self.names = [HEAD], {}

    def shorter(self, text):
        for pattern, plain in SHORTER:
            text = re.sub(pattern, plain, text)
        for pattern, kind in NAMED:
            def name(found):
                known = [n for n in self.names.values() if n.startswith(kind)]
                return self.names.setdefault(found.group(), f"{kind}_{len(known) + 1}")

            text = re.sub(pattern, name, text)
        return text

    def say(self, text):
        self.lines += [textwrap.dedent(text).strip(), ""]

    def show(self, asked, answered):
        answered = self.shorter(answered.strip())
        if len(answered) > LONGEST:
            answered = answered[:LONGEST].rstrip() + " ..."
        self.lines += ["```", f"> {self.shorter(asked)}", answered, "```", ""]

    def text(self):
        return "\n".join(self.lines).rstrip() + "\n"


def said(result):
    """What a client's model reads of a result."""
    texts = [f"({block.mime_type}, {len(block.data) * 3 // 4 // 1024} KiB)" if block.type == "image" else block.text
             for block in result.content]
    return texts[0] if len(texts) == 1 or texts[1].startswith("{") else "\n".join(texts)


def known(result):
    return json.loads(result.content[1].text)


def start():
    server = Server(trash_days="30")
    door = Door(server)
    photo = (ROOT / "docs" / "sample.jpg").read_bytes()
    assert server.upload(photo, "harbour.jpg", folder="/travel", tags="sea,2026").status == 200
    return server, door, door.token("write", "destructive")["Authorization"].split()[1]


def through_mcp(page):
    server, door, token = start()

    async def session(client):
        async def call(name, **arguments):
            result = await client.call_tool(name, arguments)
            page.show(f"{name} {json.dumps(arguments)}", said(result))
            return result

        page.say("## Through MCP\n\nThe agent searches.")
        found = await call("list_assets", searchQuery='name : "harbour" AND tags IN ["sea"]')
        file = found.structured_content["assets"][0]["fileId"]
        page.say("It makes a smaller one, and looks at it.")
        await call("build_transformation_url", fileId=file, transformation="w-400,ar-4-3,fo-auto")
        looked = await client.call_tool("preview_asset", {"fileId": file, "transformation": "w-400,ar-4-3,fo-auto", "size": 400})
        assert looked.content[-1].mime_type == "image/jpeg"
        page.show('preview_asset {"fileId": "%s", "transformation": "w-400,ar-4-3,fo-auto", "size": 400}' % file,
                  looked.content[0].text + "\n(and the picture, as image/jpeg)")
        page.say("It wants to delete the file, and sees first what that would mean.")
        dry = await call("dry_run_action", action="delete_file", input={"fileId": file})
        assert dry.structured_content["blast"]["files"] == 1
        page.say("Then it asks for it. What destroys waits for a person.")
        waits = await call("delete_file", fileId=file)
        assert waits.is_error
        return file, known(waits)["approval"]["id"]

    file, approval = over_http(server, token, session)
    page.say("The person looks at what is asked for, and agrees.")
    for arguments in (["approvals", "list"], ["approvals", "approve", approval, "--reason", "a better one is there"]):
        done = door.cli(*arguments)
        assert done.returncode == 0, done.stderr
        page.show("tintype " + shlex.join(arguments), done.stdout + done.stderr)
    assert server.api(f"/v1/files/{file}/details").status == 404

    async def afterwards(client):
        page.say("The agent learns how it ended, and takes it back.")
        ended = await client.call_tool("get_approval", {"id": approval})
        page.show(f'get_approval {{"id": "{approval}"}}', said(ended))
        execution = known(ended)["meta"]["executionId"]
        undone = await client.call_tool("undo_call", {"executionId": execution})
        page.show(f'undo_call {{"executionId": "{execution}"}}', said(undone))
        return undone

    undone = over_http(server, token, afterwards)
    back(page, server, door, file, not undone.is_error)
    server.stop()


def back(page, server, door, file, undone):
    """The file is there again: the agent's own undoing did it, or a person takes it out of the trash."""
    if not undone:
        page.say("No action of an agent brings a deleted file back. The trash does, in a person's hands.")
        listed = door.cli("trash", "list")
        page.show("tintype trash list", listed.stdout + listed.stderr)
        restored = door.cli("trash", "restore", listed.stdout.split()[0])
        assert restored.returncode == 0, restored.stderr
        page.show(f"tintype trash restore {listed.stdout.split()[0]}", restored.stdout + restored.stderr)
    details = server.api(f"/v1/files/{file}/details")
    assert details.status == 200, details
    assert {"2026", "sea"} <= set(details.json()["tags"])


def through_the_command_line(page):
    server, door, token = start()

    def run(*arguments, ends_with=0, **environment):
        done = door.cli(*arguments, **environment)
        assert done.returncode == ends_with, done.stdout + done.stderr
        page.show("tintype " + shlex.join(arguments), done.stdout + done.stderr)
        return done

    def agent(action, payload, *flags, ends_with=0):
        return run("call", action, json.dumps(payload), *flags, ends_with=ends_with, TINTYPE_TOKEN=token)

    page.say("## Through the command line\n\nThe same with `TINTYPE_TOKEN` set to the agent's token.")
    found = agent("list_assets", {"searchQuery": 'name : "harbour"'}, "--fields", "fileId,filePath,tags,size")
    file = json.loads(found.stdout)["assets"][0]["fileId"]
    run("url", "/travel/harbour.jpg", "w-400,ar-4-3,fo-auto")
    agent("update_file_details", {"fileId": file, "tags": ["sea", "2026", "old"]})
    agent("delete_file", {"fileId": file}, "--dry-run")
    waits = agent("delete_file", {"fileId": file}, "--intent", "a better one is there", ends_with=1)
    approval = re.search(r"apr_[\w-]+", waits.stderr).group()
    page.say("The person, without a token:")
    run("approvals", "approve", approval)
    assert server.api(f"/v1/files/{file}/details").status == 404
    shown = door.cli("approvals", "show", approval, "--json")
    execution = json.loads(shown.stdout)["answer"]["meta"]["executionId"]
    page.say("And back.")
    undone = door.cli("connector", "undo", execution, TINTYPE_TOKEN=token)
    page.show(f"tintype connector undo {execution}", undone.stdout + undone.stderr)
    back(page, server, door, file, undone.returncode == 0)
    page.say("The records of both tell who did what, on whose word; nothing was changed in them.")
    run("audit", "verify")
    server.stop()


def test_the_session_in_the_docs_is_what_happens():
    page = Page()
    through_mcp(page)
    through_the_command_line(page)
    text = page.text()
    if os.environ.get("TINTYPE_BLESS"):
        PAGE.write_text(text)
    assert text == PAGE.read_text(), "docs/agents-session.md is another session; TINTYPE_BLESS=1 writes it anew"
