// Everything that the Node SDKs let one say of an upload, by version 1 and version 2.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import ImageKit from '@imagekit/nodejs';
import LegacyImageKit from 'imagekit';

import { PHOTO, PRIVATE_KEY, PUBLIC_KEY, startServer } from './server.mjs';

const photo = readFileSync(PHOTO);
let server, client, legacy;

before(async () => {
  server = await startServer();
  client = new ImageKit({ privateKey: PRIVATE_KEY, baseURL: server.url, maxRetries: 0 });
  legacy = new LegacyImageKit({
    publicKey: PUBLIC_KEY, privateKey: PRIVATE_KEY, urlEndpoint: server.endpoint, uploadEndpoint: `${server.url}/api/v1/files/upload`,
  });
});

after(() => server?.stop());

const everything = {
  fileName: 'everything.jpg', folder: '/sdk', useUniqueFileName: false, overwriteFile: true, overwriteTags: false, overwriteAITags: false,
  overwriteCustomMetadata: false, isPrivateFile: false, isPublished: true, tags: ['a', 'b'], customCoordinates: '10,10,100,100',
  description: 'a photograph', responseFields: ['tags', 'customCoordinates', 'isPrivateFile', 'isPublished', 'customMetadata', 'embeddedMetadata', 'metadata'],
  checks: '"file.size" < "1mb" AND "file.mime" : image', webhookUrl: 'https://shop.example/hook',
  transformation: { pre: 'w-300,h-300,c-at_max', post: [{ type: 'transformation', value: 'w-50' }] },
  extensions: [{ name: 'google-auto-tagging', minConfidence: 80, maxTags: 5 }, { name: 'remove-bg', options: { bg_color: '81d4fa' } }],
};

for (const [name, upload] of [
  ['version 1', (params) => client.files.upload(params)],
  ['version 2', (params) => client.beta.v2.files.upload(params)],
]) {
  test(`every parameter, by ${name}`, async () => {
    const result = await upload({ ...everything, file: createReadStream(PHOTO) });
    assert.deepEqual([result.name, result.filePath, result.width, result.height], ['everything.jpg', '/sdk/everything.jpg', 300, 200]);
    assert.deepEqual([result.tags, result.customCoordinates, result.isPrivateFile, result.isPublished], [['a', 'b'], '10,10,100,100', false, true]);
    assert.deepEqual(result.customMetadata, {});
    assert.equal(result.description, 'a photograph');
    assert.equal(result.metadata.width, 300);
    // Nothing is set up here that could do them.
    assert.deepEqual(result.extensionStatus, { 'google-auto-tagging': 'failed', 'remove-bg': 'failed' });
  });

  test(`refusals as typed errors, by ${name}`, async () => {
    const refused = (params, text) => assert.rejects(upload({ file: createReadStream(PHOTO), fileName: 'refused.jpg', ...params }), (error) =>
      error instanceof ImageKit.BadRequestError && text.test(error.message));
    await refused({ checks: '"file.size" < 10' }, /Your request failed 'checks' validation\./);
    await refused({ checks: 'nonsense' }, /invalid syntax for the checks parameter/);
    await refused({ transformation: { post: [{ type: 'thumbnail' }] } }, /detected file type & post-transformation are incompatible/);
    await refused({ transformation: { post: [{ type: 'transformation' }] } }, /transformation field is invalid/);
    await refused({ customMetadata: { nobody: 1 } }, /Invalid custom metadata/);
    await refused({ extensions: [{ name: 'google-auto-tagging' }] }, /invalid extensions parameter/);
  });
}

test('a browser uploads by version 2 with a token of the customer\'s server, once', async () => {
  const now = Math.floor(Date.now() / 1000);
  const fields = { fileName: 'jwt.jpg', tags: 'a,b', useUniqueFileName: 'false' };
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ alg: 'HS256', typ: 'JWT', kid: PUBLIC_KEY })}.${encode({ ...fields, iat: now, exp: now + 300 })}`;
  const token = `${text}.${createHmac('sha256', PRIVATE_KEY).update(text).digest('base64url')}`;
  const upload = (changed = {}) => {
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...fields, ...changed, token })) form.set(name, value);
    form.set('file', new Blob([photo]));
    return fetch(`${server.url}/api/v2/files/upload`, { method: 'POST', body: form });
  };
  assert.match((await (await upload({ tags: 'a' })).json()).message, /does not match with the payload/);
  assert.equal((await upload()).status, 200);
  assert.equal((await (await upload()).json()).message, 'Your request has invalid token.');
});

test('the SDK before 7 sends the same', async () => {
  const { responseFields, ...rest } = everything;
  const result = await legacy.upload({ ...rest, responseFields: ['tags', 'isPublished'], file: createReadStream(PHOTO), fileName: 'legacy-all.jpg' });
  assert.deepEqual([result.width, result.tags, result.AITags, result.isPublished], [300, ['a', 'b'], null, true]);
  assert.deepEqual(Object.values(result.extensionStatus), ['failed', 'failed']);
  await assert.rejects(legacy.upload({ file: photo, fileName: 'x.jpg', checks: '"file.size" < 10' }), (error) => /failed 'checks' validation/.test(error.message));
});
