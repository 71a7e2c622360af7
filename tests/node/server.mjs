// A running `tintype serve` on a free port with a data directory of its own; gone, with all that it stored, at the end.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const PHOTO = path.join(ROOT, 'tests/files/photo.jpg');
export const PRIVATE_KEY = 'private_node_tests';
export const PUBLIC_KEY = 'public_node_tests';

export const BINARY = path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target'), 'release/tintype');
const READY_WITHIN_MS = 20_000;

function freePort() {
  return new Promise((resolve, reject) => {
    const socket = createSocket().on('error', reject);
    socket.listen(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** Starts a server; `settings` are TINTYPE_ variables by the name after the prefix. */
export async function startServer(settings = {}) {
  const port = await freePort();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tintype-test-'));
  const url = `http://127.0.0.1:${port}`;
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TINTYPE_'));
  const given = {
    LISTEN: `127.0.0.1:${port}`, DATA_DIR: dataDir, PRIVATE_KEY, PUBLIC_KEY, LOG_FORMAT: 'json', ...settings,
  };
  const env = Object.fromEntries([...inherited, ...Object.entries(given).map(([name, value]) => [`TINTYPE_${name}`, value])]);
  const child = spawn(BINARY, ['serve'], { env, cwd: dataDir, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text));
  let spawnError;
  child.on('error', (error) => (spawnError = error));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const killOnExit = () => child.kill('SIGKILL');
  process.on('exit', killOnExit);

  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    process.off('exit', killOnExit);
    rmSync(dataDir, { recursive: true, force: true });
    if (log.includes(PRIVATE_KEY)) throw new Error('the private key was logged');
    if (log.includes('panicked')) throw new Error(`the server panicked:\n${log}`);
  };

  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    if (spawnError) throw spawnError;
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${log}`);
    const ready = await fetch(`${url}/health/ready`).then((answer) => answer.ok, () => false);
    if (ready) return { url, endpoint: `${url}/demo`, dataDir, stop };
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the server was not ready in ${READY_WITHIN_MS} ms:\n${log}`);
    }
    await sleep(20);
  }
}

/** A local web site with one page at every path. */
export async function startWebsite(contentType, body) {
  const site = createServer((request, response) => response.writeHead(200, { 'Content-Type': contentType }).end(body));
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${site.address().port}`, stop: () => new Promise((resolve) => site.close(resolve)) };
}
