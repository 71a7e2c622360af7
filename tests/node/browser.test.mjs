// A page with delivered pictures in a real, headless browser: what `<img>` shows is what was asked for.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import ImageKit from '@imagekit/nodejs';
import { chromium } from 'playwright-core';

import { PHOTO, PRIVATE_KEY, startServer, startWebsite } from './server.mjs';

function findBrowser() {
  const names = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'].filter(Boolean);
  for (const name of names) {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' });
      return execFileSync('sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).trim();
    } catch {
      // Not installed, or a stand-in that only says how to install it.
    }
  }
  return undefined;
}

const executablePath = findBrowser();

test('pictures at two widths in Chromium', { skip: executablePath ? false : 'no Chromium here' }, async (t) => {
  const server = await startServer();
  const profile = mkdtempSync(path.join(tmpdir(), 'tintype-browser-'));
  let site, context;
  // The browser first: the others wait for its connections.
  t.after(async () => {
    await context?.close();
    await site?.stop();
    await server.stop();
    rmSync(profile, { recursive: true, force: true });
  });
  const client = new ImageKit({ privateKey: PRIVATE_KEY, baseURL: server.url, maxRetries: 0 });
  await client.files.upload({ file: createReadStream(PHOTO), fileName: 'page.jpg', useUniqueFileName: false });
  site = await startWebsite('text/html', `<!doctype html><title>pictures</title>
    <img src="${server.endpoint}/tr:w-200/page.jpg"> <img src="${server.endpoint}/page.jpg?tr=w-320,h-320">
    <img src="${server.endpoint}/none.jpg">`);
  context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const page = await context.newPage();
  const types = [];
  page.on('response', (answer) => types.push(`${new URL(answer.url()).pathname} ${answer.status()} ${answer.headers()['content-type']}`));
  await page.goto(site.url, { waitUntil: 'load' });
  const sizes = await page.$$eval('img', (images) => images.map((i) => `${i.naturalWidth}x${i.naturalHeight}`));
  assert.deepEqual(sizes, ['200x133', '320x320', '0x0']);
  // Chromium's own Accept header names WebP, so that is what it must have been given.
  assert.ok(types.includes('/demo/tr:w-200/page.jpg 200 image/webp'), types.join('\n'));
});
