// The agent side through the official TypeScript MCP client, over HTTP and over standard input and output.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import ImageKit, { toFile } from '@imagekit/nodejs';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import sharp from 'sharp';

import { BINARY, PHOTO, PRIVATE_KEY, startServer } from './server.mjs';

let server, token, file;

function tokenFor(...allowed) {
  const flags = allowed.flatMap((effect) => ['--allow', effect]);
  const made = execFileSync(BINARY, ['token', 'create', 'node', ...flags, '--json'], { env: { TINTYPE_DATA_DIR: server.dataDir } });
  return JSON.parse(made).secret;
}

before(async () => {
  server = await startServer();
  token = tokenFor('write', 'destructive');
  const imagekit = new ImageKit({ privateKey: PRIVATE_KEY, baseURL: server.url, maxRetries: 0 });
  const upload = await imagekit.files.upload({ file: await toFile(readFileSync(PHOTO), 'photo.jpg'), fileName: 'photo.jpg', folder: '/node' });
  file = upload.fileId;
});

after(() => server.stop());

const transports = {
  http: (secret = token) => new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), {
    requestInit: { headers: { Authorization: `Bearer ${secret}` } },
  }),
  stdio: (secret = token) => new StdioClientTransport({
    command: BINARY, args: ['mcp'], stderr: 'ignore',
    env: { TINTYPE_DATA_DIR: server.dataDir, TINTYPE_PUBLIC_URL: server.url, TINTYPE_PRIVATE_KEY: PRIVATE_KEY, TINTYPE_TOKEN: secret },
  }),
};

async function connected(transport, work) {
  const client = new Client({ name: 'node-tests', version: '1' });
  await client.connect(transport);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

for (const over of Object.keys(transports)) {
  test(`${over}: tools have schemas, and outputs fit them`, () => connected(transports[over](), async (client) => {
    const { tools } = await client.listTools();
    const named = Object.fromEntries(tools.map((tool) => [tool.name, tool]));
    assert.equal(named.get_purge_status.annotations.readOnlyHint, true);
    assert.equal(named.delete_file.annotations.destructiveHint, true);
    assert.ok(tools.every((tool) => tool.inputSchema.type === 'object'));
    // The client itself holds structuredContent against outputSchema.
    for (const [name, input] of [
      ['list_assets', { path: '/node' }], ['get_file_details', { fileId: file }], ['list_file_versions', { fileId: file }],
      ['get_uploaded_file_metadata', { fileId: file }], ['list_custom_metadata_fields', {}], ['list_url_endpoints', {}],
      ['bulk_add_tags', { fileIds: [file], tags: ['node'] }], ['create_folder', { folderName: over, parentFolderPath: '/node' }],
    ]) {
      const result = await client.callTool({ name, arguments: input });
      assert.ok(!result.isError, `${name}: ${JSON.stringify(result)}`);
      assert.ok(result.structuredContent);
    }
  }));

  test(`${over}: a preview is a picture of the asked size`, () => connected(transports[over](), async (client) => {
    const { content } = await client.callTool({ name: 'preview_asset', arguments: { fileId: file, size: 120 } });
    const image = content.find((block) => block.type === 'image');
    const { width, height, format } = await sharp(Buffer.from(image.data, 'base64')).metadata();
    assert.deepEqual([Math.max(width, height), format], [120, 'jpeg']);
  }));

  test(`${over}: what destroys waits for a person`, () => connected(transports[over](), async (client) => {
    const result = await client.callTool({ name: 'delete_file', arguments: { fileId: file } });
    assert.equal(result.isError, true);
    assert.match(result.content[0].text, /^approval_required: /);
    assert.ok(!JSON.stringify(result).includes(PRIVATE_KEY));
  }));
}

test('without a token nobody comes in', async () => {
  await assert.rejects(connected(transports.http('tta_wrong'), (client) => client.listTools()));
});
