// What an account is made of, with the official Node SDK: every method once, errors as its typed exceptions.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import ImageKit from '@imagekit/nodejs';

import { PHOTO, PRIVATE_KEY, startServer } from './server.mjs';

const photo = readFileSync(PHOTO);
let server, client;

before(async () => {
  server = await startServer();
  client = new ImageKit({ privateKey: PRIVATE_KEY, baseURL: server.url, maxRetries: 0 });
});

after(async () => {
  await server?.stop();
});

const upload = (fields) => client.files.upload({ file: photo.toString('base64'), fileName: 'account.jpg', useUniqueFileName: false, ...fields });

test('custom metadata fields', async () => {
  const schema = { type: 'SingleSelect', selectOptions: ['red', 3, true], isValueRequired: true, defaultValue: 'red' };
  const field = await client.customMetadataFields.create({ name: 'colour', label: 'Colour', schema });
  assert.match(field.id, /^[0-9a-f]{24}$/);
  assert.deepEqual({ ...field }, { id: field.id, name: 'colour', label: 'Colour', schema });
  assert.deepEqual((await upload({ responseFields: ['customMetadata'] })).customMetadata, { colour: 'red' });
  assert.deepEqual((await upload({ customMetadata: { colour: 3 }, responseFields: ['customMetadata'] })).customMetadata, { colour: 3 });
  await assert.rejects(upload({ customMetadata: { colour: '3' } }), (error) => {
    assert.ok(error instanceof ImageKit.BadRequestError);
    assert.deepEqual(error.error.errors, { colour: 'should be one of the options: red, 3, true' });
    return true;
  });
  const changed = await client.customMetadataFields.update(field.id, { label: 'Color', schema: { selectOptions: ['blue'] } });
  assert.deepEqual([changed.label, changed.schema], ['Color', { type: 'SingleSelect', selectOptions: ['blue'] }]);
  assert.equal((await client.customMetadataFields.list()).length, 1);
  await client.customMetadataFields.delete(field.id);
  assert.equal((await client.customMetadataFields.list()).length, 0);
  assert.equal((await client.customMetadataFields.list({ includeDeleted: true })).length, 1);
  await assert.rejects(client.customMetadataFields.delete(field.id), ImageKit.NotFoundError);
  await assert.rejects(client.customMetadataFields.create({ name: 'colour', label: 'Again', schema: { type: 'Text' } }), ImageKit.BadRequestError);
});

test('saved extensions', async () => {
  const config = { name: 'google-auto-tagging', minConfidence: 80, maxTags: 5 };
  const saved = await client.savedExtensions.create({ name: 'Tags', description: 'By a machine', config });
  assert.deepEqual((await client.savedExtensions.get(saved.id)).config, config);
  assert.equal((await client.savedExtensions.update(saved.id, { name: 'Other' })).name, 'Other');
  assert.deepEqual((await client.savedExtensions.list()).map((one) => one.id), [saved.id]);
  await client.savedExtensions.delete(saved.id);
  await assert.rejects(client.savedExtensions.get(saved.id), ImageKit.NotFoundError);
  await assert.rejects(client.savedExtensions.create({ name: 'n', description: 'd', config: { name: 'magic' } }), ImageKit.BadRequestError);
});

test('named transformations', async () => {
  await upload();
  const named = await client.namedTransformations.create({ name: 'small', transformation: 'w-40,h-30' });
  assert.equal(named.enabled, true);
  const src = client.helper.buildSrc({ urlEndpoint: `${server.url}/demo`, src: '/account.jpg', transformation: [{ named: 'small' }] });
  assert.equal((await fetch(src)).status, 200);
  assert.equal((await client.namedTransformations.update(named.id, { enabled: false })).enabled, false);
  assert.equal((await fetch(src)).status, 400);
  assert.equal((await client.namedTransformations.get(named.id)).name, 'small');
  assert.equal((await client.namedTransformations.list()).length, 1);
  await assert.rejects(client.namedTransformations.create({ name: 'small', transformation: 'w-1' }), ImageKit.ConflictError);
  await client.namedTransformations.delete(named.id);
  await assert.rejects(client.namedTransformations.delete(named.id), ImageKit.NotFoundError);
});

test('origins and URL endpoints', async () => {
  const secret = { accessKey: 'AKIDEXAMPLE', secretKey: 'secret' };
  const origin = await client.accounts.origins.create({ type: 'S3', name: 'Product bucket', bucket: 'shop-media', prefix: 'raw', ...secret });
  assert.deepEqual({ ...origin }, {
    id: origin.id, type: 'S3', name: 'Product bucket', bucket: 'shop-media', prefix: 'raw', useIAMRole: false, includeCanonicalHeader: false,
  });
  const site = await client.accounts.origins.update(origin.id, { type: 'WEB_FOLDER', name: 'Old site', baseUrl: 'https://old.example.org/img' });
  assert.equal(site.forwardHostHeaderToOrigin, false);
  assert.equal((await client.accounts.origins.get(origin.id)).type, 'WEB_FOLDER');
  assert.equal((await client.accounts.origins.list()).length, 1);
  const endpoint = await client.accounts.urlEndpoints.create({ description: 'Old', urlPrefix: 'old', origins: [origin.id] });
  assert.deepEqual((await client.accounts.urlEndpoints.list()).map((one) => one.id), ['default', endpoint.id]);
  assert.deepEqual((await client.accounts.urlEndpoints.get(endpoint.id)).origins, [origin.id]);
  await assert.rejects(client.accounts.origins.delete(origin.id), ImageKit.BadRequestError);
  const changed = await client.accounts.urlEndpoints.update(endpoint.id, { description: 'New', urlPrefix: 'new' });
  assert.deepEqual([changed.urlPrefix, changed.origins], ['new', []]);
  await client.accounts.urlEndpoints.delete(endpoint.id);
  await client.accounts.origins.delete(origin.id);
  await assert.rejects(client.accounts.origins.get(origin.id), ImageKit.NotFoundError);
  await assert.rejects(client.accounts.urlEndpoints.get(endpoint.id), ImageKit.NotFoundError);
  await assert.rejects(client.accounts.urlEndpoints.delete('default'), ImageKit.BadRequestError);
});

test('usage', async () => {
  await upload();
  const body = await (await fetch(`${server.url}/demo/account.jpg?tr=w-33`)).arrayBuffer();
  const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
  const usage = await client.accounts.usage.get({ startDate: day(0), endDate: day(1) });
  assert.ok(usage.bandwidthBytes >= body.byteLength && usage.mediaLibraryStorageBytes === photo.length);
  const analytics = await client.accounts.usageAnalytics.get({ startDate: day(0), endDate: day(0) });
  assert.ok(analytics.requestCount >= 1 && analytics.topImageTransforms.byRequests.some((one) => one.name === 'w-33'));
  await assert.rejects(client.accounts.usage.get({ startDate: day(0), endDate: day(0) }), ImageKit.BadRequestError);
});

test('keys that may not do everything', async () => {
  const answer = await fetch(`${server.url}/v1/accounts/keys`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${PRIVATE_KEY}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'reads', permissions: { mediaAccess: 'read' } }),
  });
  assert.equal(answer.status, 201);
  const { privateKey } = await answer.json();
  const reader = new ImageKit({ privateKey, baseURL: server.url, maxRetries: 0 });
  await reader.assets.list();
  await assert.rejects(reader.namedTransformations.list(), ImageKit.PermissionDeniedError);
});
