// The SDK's line before 7: only its upload address can be changed, so uploads and URLs are what it can do with us.

import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import ImageKit from 'imagekit';

import { PHOTO, PRIVATE_KEY, PUBLIC_KEY, startServer } from './server.mjs';

let server, client;

before(async () => {
  server = await startServer();
  client = new ImageKit({
    publicKey: PUBLIC_KEY, privateKey: PRIVATE_KEY, urlEndpoint: server.endpoint, uploadEndpoint: `${server.url}/api/v1/files/upload`,
  });
});

after(() => server?.stop());

for (const [name, file] of [['a stream', () => createReadStream(PHOTO)], ['bytes', () => readFileSync(PHOTO)], ['base64', () => readFileSync(PHOTO, 'base64')]]) {
  test(`upload from ${name}, delivered by a signed URL`, async () => {
    const result = await client.upload({ file: file(), fileName: 'legacy.jpg', folder: 'old', tags: ['x', 'y'], responseFields: ['tags'] });
    assert.deepEqual([result.width, result.height, result.tags], [1200, 800, ['x', 'y']]);
    const url = client.url({ path: result.filePath, transformation: [{ width: 200 }], signed: true, expireSeconds: 60 });
    assert.equal((await fetch(url)).status, 200);
    assert.equal((await fetch(url.replace('w-200', 'w-201'))).status, 401);
  });
}

test('errors carry the API\'s text', async () => {
  await assert.rejects(client.upload({ file: '????', fileName: 'bad.jpg' }), (error) => /invalid file parameter/.test(error.message));
});
