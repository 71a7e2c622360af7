// The official Node SDK against a running server; sharp decodes what is delivered, so that our own code is not its judge.

import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import ImageKit, { toFile } from '@imagekit/nodejs';
import sharp from 'sharp';

import { PHOTO, PRIVATE_KEY, PUBLIC_KEY, startServer, startWebsite } from './server.mjs';

const photo = readFileSync(PHOTO);
const base64 = photo.toString('base64');
let server, client, website;

before(async () => {
  server = await startServer({ FETCH_ALLOW: '127.0.0.0/8' });
  website = await startWebsite('image/jpeg', photo);
  client = new ImageKit({ privateKey: PRIVATE_KEY, baseURL: server.url, maxRetries: 0 });
});

after(async () => {
  await website?.stop();
  await server?.stop();
});

async function bytes(url, headers = {}) {
  const answer = await fetch(url, { headers });
  assert.equal(answer.status, 200, `${url}: ${answer.status} ${answer.headers.get('ik-error')}`);
  return Buffer.from(await answer.arrayBuffer());
}

async function picture(url, headers) {
  const { data, info } = await sharp(await bytes(url, headers)).toBuffer({ resolveWithObject: true });
  assert.ok(data.length > 0);
  return `${info.format} ${info.width}x${info.height}`;
}

describe('upload', () => {
  const sources = {
    'a stream': () => createReadStream(PHOTO),
    'a File': () => new File([photo], 'other-name.bin'),
    'bytes without a name': () => toFile(photo),
    base64: () => base64,
    'a data URI': () => `data:image/jpeg;base64,${base64}`,
    'a URL': () => `${website.url}/some/photo.jpg`,
  };
  for (const [name, source] of Object.entries(sources)) {
    test(`from ${name}`, async () => {
      const result = await client.files.upload({ file: await source(), fileName: 'node.jpg', folder: '/node', tags: ['a', 'b'], responseFields: ['tags'] });
      assert.match(result.name, /^node_[\w-]{9}\.jpg$/);
      assert.equal(result.filePath, `/node/${result.name}`);
      assert.deepEqual([result.width, result.height, result.size, result.fileType], [1200, 800, photo.length, 'image']);
      assert.deepEqual(result.tags, ['a', 'b']);
      assert.deepEqual(await bytes(`${result.url}?tr=orig-true`), photo);
      assert.equal(await picture(result.thumbnailUrl).then((p) => p.split(' ').length), 2);
    });
  }

  test('overwriting makes a second version of the same file', async () => {
    const params = { fileName: 'twice.jpg', useUniqueFileName: false };
    const first = await client.files.upload({ ...params, file: createReadStream(PHOTO) });
    const second = await client.files.upload({ ...params, file: createReadStream(PHOTO) });
    assert.equal(second.fileId, first.fileId);
    assert.equal(first.versionInfo.name, 'Version 1');
    assert.equal(second.versionInfo.name, 'Version 2');
  });

  test('authentication parameters of the helper let a browser upload, once', async () => {
    const upload = async (fields) => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ ...fields, publicKey: PUBLIC_KEY, fileName: 'browser.jpg' })) form.set(name, value);
      form.set('file', new Blob([photo]));
      return fetch(`${server.url}/api/v1/files/upload`, { method: 'POST', body: form });
    };
    const fields = client.helper.getAuthenticationParameters();
    assert.equal((await upload(fields)).status, 200);
    assert.equal((await upload(fields)).status, 400);
  });
});

describe('library', () => {
  test('get, list and delete', async () => {
    const made = [];
    for (const fileName of ['b.jpg', 'a.jpg', 'c.jpg']) {
      made.push(await client.files.upload({ file: createReadStream(PHOTO), fileName, folder: '/listed', useUniqueFileName: false }));
    }
    const file = await client.files.get(made[0].fileId);
    assert.deepEqual([file.type, file.name, file.mime, file.hasAlpha, file.tags], ['file', 'b.jpg', 'image/jpeg', false, null]);
    const names = async (query) => (await client.assets.list(query)).map((asset) => asset.name);
    assert.deepEqual(await names({ path: '/listed', sort: 'ASC_NAME' }), ['a.jpg', 'b.jpg', 'c.jpg']);
    assert.deepEqual(await names({ path: '/listed', sort: 'DESC_NAME', limit: 1, skip: 1 }), ['b.jpg']);
    assert.ok((await names({ type: 'folder' })).includes('listed'));
    await client.files.delete(made[0].fileId);
    assert.deepEqual(await names({ path: '/listed', sort: 'ASC_NAME' }), ['a.jpg', 'c.jpg']);
    await assert.rejects(client.files.get(made[0].fileId), ImageKit.NotFoundError);
  });

  test('errors arrive as the SDK\'s own types', async () => {
    const stranger = new ImageKit({ privateKey: 'private_wrong', baseURL: server.url, maxRetries: 0 });
    await assert.rejects(client.files.get('nonsense'), (error) =>
      error instanceof ImageKit.BadRequestError && /invalid fileId parameter/.test(error.message));
    await assert.rejects(client.files.get('0123456789abcdef01234567'), (error) =>
      error instanceof ImageKit.NotFoundError && /The requested file does not exist\./.test(error.message));
    await assert.rejects(stranger.assets.list(), (error) =>
      error instanceof ImageKit.PermissionDeniedError && /Your account cannot be authenticated\./.test(error.message));
    await assert.rejects(client.assets.list({}, { headers: { Authorization: null } }), (error) =>
      error instanceof ImageKit.AuthenticationError && /does not contain private API key/.test(error.message));
    await assert.rejects(client.assets.list({ limit: 0 }), (error) =>
      error instanceof ImageKit.BadRequestError && /Minimum value of limit parameter is 1/.test(error.message));
  });
});

describe('URLs of the helper', () => {
  before(() => client.files.upload({ file: createReadStream(PHOTO), fileName: 'helper.jpg', useUniqueFileName: false }));

  const cases = [
    [[{ width: 300, height: 300 }], 'jpeg 300x300'],
    [[{ width: 300, height: 300, crop: 'at_max' }], 'jpeg 300x200'],
    [[{ width: 300, height: 300, cropMode: 'pad_resize', background: 'F6F6F6', format: 'png' }], 'png 300x300'],
    [[{ width: 400, aspectRatio: '16-9', quality: 50, format: 'webp' }], 'webp 400x225'],
    [[{ width: 300 }, { rotation: 90 }], 'jpeg 200x300'],
    [[{ width: 100, dpr: 2, flip: 'h' }], 'jpeg 200x133'],
    [[{ width: 120, format: 'avif' }], 'heif 120x80'],
  ];
  for (const transformationPosition of ['path', 'query']) {
    for (const signed of [false, true]) {
      for (const [transformation, expected] of cases) {
        test(`${JSON.stringify(transformation)} in the ${transformationPosition}${signed ? ', signed' : ''}`, async () => {
          const url = client.helper.buildSrc({ urlEndpoint: server.endpoint, src: '/helper.jpg', transformation, transformationPosition, signed });
          assert.equal(url.includes('ik-s='), signed);
          assert.equal(await picture(url), expected);
        });
      }
    }
  }

  test('the browser decides the format', async () => {
    const url = client.helper.buildSrc({ urlEndpoint: server.endpoint, src: '/helper.jpg', transformation: [{ width: 90 }] });
    assert.equal(await picture(url, { Accept: 'image/webp,*/*' }), 'webp 90x60');
    assert.equal(await picture(url, { Accept: '*/*' }), 'jpeg 90x60');
  });

  test('a changed or expired signature is refused', async () => {
    const url = client.helper.buildSrc({
      urlEndpoint: server.endpoint, src: '/helper.jpg', transformation: [{ width: 90 }], signed: true, expiresIn: 60,
    });
    assert.match(url, /ik-t=\d+&ik-s=/);
    assert.equal((await fetch(url)).status, 200);
    assert.equal((await fetch(url.replace('w-90', 'w-91'))).status, 401);
    assert.equal((await fetch(url.replace(/ik-t=\d+/, 'ik-t=1'))).status, 401);
  });
});
