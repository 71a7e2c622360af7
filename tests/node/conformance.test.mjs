// The conformance suite of the Model Context Protocol, for both eras, and the Inspector's command line.
//
// The suite calls fixtures by name. They are in `crates/tintype/examples/mcp_conformance`, on the product's own transport, and not in the product.
// What does not apply to a server without sessions is listed, with the reason, in `conformance-<revision>.yml`: the suite fails if something else
// fails, and if something there does not.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { BINARY, PRIVATE_KEY, startServer } from './server.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const FIXTURES = path.join(path.dirname(BINARY), 'examples/mcp_conformance');
const SUITE = path.join(HERE, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const INSPECTOR = path.join(HERE, 'node_modules/.bin/mcp-inspector');
// Both need a newer Node than the other tests do.
const [major, minor] = process.versions.node.split('.').map(Number);
const isNewEnough = major > 22 || (major === 22 && minor >= 19);
const NODE = isNewEnough ? process.execPath : path.join(HERE, 'node_modules/node/bin/node');

const run = promisify(execFile);

/** Standard output and error, and how it ended. */
async function ended(...command) {
  const [program, ...parts] = command;
  try {
    const { stdout, stderr } = await run(program, parts, { maxBuffer: 64 << 20, cwd: tmpdir() });
    return { code: 0, stdout, stderr };
  } catch (error) {
    if (typeof error.code !== 'number') throw error;
    return { code: error.code, stdout: error.stdout, stderr: error.stderr };
  }
}

let fixtures, url;

before(async () => {
  fixtures = spawn(FIXTURES, { stdio: ['pipe', 'pipe', 'inherit'] });
  const failed = new Promise((_, reject) => fixtures.on('error', reject));
  const line = new Promise((resolve) => createInterface({ input: fixtures.stdout }).once('line', resolve));
  url = await Promise.race([line, failed]);
});

after(() => fixtures.stdin.end());

// How many scenarios a revision requires. Fewer would be another suite.
for (const [revision, required] of [['2025-11-25', 30], ['2026-07-28', 37]]) {
  test(`the conformance suite of ${revision}`, async () => {
    const results = mkdtempSync(path.join(tmpdir(), 'tintype-conformance-'));
    try {
      const { code, stdout, stderr } = await ended(
        NODE, SUITE, 'server', '--url', url, '--requirements', revision,
        '--expected-failures', path.join(HERE, `conformance-${revision}.yml`), '--output-dir', results,
      );
      assert.equal(code, 0, `${stdout}\n${stderr}`);
      assert.ok(readdirSync(results, { recursive: true }).filter((name) => name.endsWith('checks.json')).length >= required, stdout);
    } finally {
      rmSync(results, { recursive: true, force: true });
    }
  });
}

test('the Inspector lists, calls and reads', async () => {
  const server = await startServer();
  try {
    const made = execFileSync(BINARY, ['token', 'create', 'inspector', '--allow', 'write', '--allow', 'destructive', '--json'], {
      env: { TINTYPE_DATA_DIR: server.dataDir },
    });
    const { secret } = JSON.parse(made);
    const inspect = (...more) => ended(
      NODE, INSPECTOR, '--cli', `${server.url}/mcp`, '--transport', 'http', '--header', `Authorization: Bearer ${secret}`, '--format', 'json', ...more,
    );
    const [listed, called, refused, unknown] = await Promise.all([
      inspect('--method', 'tools/list', '--strict'),
      inspect('--method', 'tools/call', '--tool-name', 'create_folder', '--tool-args-json', '{"folderName":"inspected","parentFolderPath":"/"}'),
      inspect('--method', 'tools/call', '--tool-name', 'get_file_details', '--tool-args-json', '{"fileId":"65f0c0ffee0123456789abcd"}'),
      ended(NODE, INSPECTOR, '--cli', `${server.url}/mcp`, '--transport', 'http', '--format', 'json', '--stored-auth-only', '--method', 'tools/list'),
    ]);
    assert.equal(listed.code, 0, listed.stderr);
    assert.ok(listed.stdout.includes('get_purge_status'), listed.stdout.slice(0, 500));
    assert.equal(called.code, 0, called.stderr);
    assert.ok(called.stdout.includes('/inspected'), called.stdout);
    // Its own codes: 5 for a tool that failed, 3 for somebody whom nobody knows.
    assert.equal(refused.code, 5, refused.stdout + refused.stderr);
    assert.equal(unknown.code, 3, unknown.stdout + unknown.stderr);
    for (const { stdout, stderr } of [listed, called, refused, unknown]) assert.ok(!`${stdout}${stderr}`.includes(PRIVATE_KEY));
  } finally {
    await server.stop();
  }
});
