// Metadata by the official Node SDKs; sharp writes the pictures.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import ImageKit, { toFile } from '@imagekit/nodejs';
import LegacyImageKit from 'imagekit';
import sharp from 'sharp';

import { PRIVATE_KEY, PUBLIC_KEY, startServer } from './server.mjs';

let server, client, file;

before(async () => {
  server = await startServer();
  client = new ImageKit({ privateKey: PRIVATE_KEY, baseURL: server.url, maxRetries: 0 });
  file = await sharp({ create: { width: 90, height: 60, channels: 3, background: '#4080c0' } })
    .withExif({ IFD0: { Make: 'Acme', Artist: 'Ada', Copyright: '(c) Ada' }, IFD2: { DateTimeOriginal: '2026:01:02 03:04:05' } })
    .jpeg({ quality: 71 })
    .toBuffer();
});

after(() => server?.stop());

test('of a file, of its URL, and of a rendition', async () => {
  const stored = await client.files.upload({
    file: await toFile(file), fileName: 'metadata.jpg', responseFields: ['embeddedMetadata', 'metadata'],
  });
  assert.equal(stored.embeddedMetadata.Make, 'Acme');
  assert.deepEqual(stored.embeddedMetadata.Creator, ['Ada']);
  assert.equal(stored.embeddedMetadata.DateTimeOriginal, '2026-01-02T03:04:05.000Z');
  const found = await client.files.metadata.get(stored.fileId);
  assert.deepEqual([found.width, found.height, found.format, found.quality, found.size], [90, 60, 'jpg', 71, file.length]);
  assert.equal(found.exif.image.Make, 'Acme');
  assert.match(found.pHash, /^[0-9a-f]{16}$/);
  assert.deepEqual(found, stored.metadata);
  assert.deepEqual(await client.files.metadata.getFromURL({ url: stored.url }), found);
  const smaller = await client.files.metadata.getFromURL({ url: `${stored.url}?tr=w-30,f-png` });
  assert.deepEqual([smaller.width, smaller.height, smaller.format], [30, 20, 'png']);
  await assert.rejects(client.files.metadata.getFromURL({ url: 'https://example.org/a.jpg' }), /The url should be accessible/);
});

test('hashes are compared by the SDK\'s own helper', async () => {
  const legacy = new LegacyImageKit({ publicKey: PUBLIC_KEY, privateKey: PRIVATE_KEY, urlEndpoint: server.endpoint });
  const hash = async (picture) => {
    const stored = await client.files.upload({ file: await toFile(await picture.toBuffer()), fileName: 'hashed' });
    return (await client.files.metadata.get(stored.fileId)).pHash;
  };
  const noise = () => sharp({ create: { width: 64, height: 64, channels: 3, noise: { type: 'gaussian', mean: 128, sigma: 60 }, background: '#000' } });
  const one = await noise().png().toBuffer();
  const same = await hash(sharp(one).png());
  assert.ok(legacy.pHashDistance(same, await hash(sharp(one).resize(200).webp())) <= 6);
  assert.ok(legacy.pHashDistance(same, await hash(sharp(await noise().png().toBuffer()).png())) >= 12);
});
