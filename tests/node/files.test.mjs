// The official Node SDK on the routes that change files and folders: every method, and refusals as its typed errors.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import ImageKit, { toFile } from '@imagekit/nodejs';

import { PHOTO, PRIVATE_KEY, startServer } from './server.mjs';

const photo = readFileSync(PHOTO);
const other = Buffer.concat([photo, Buffer.from([0])]);
const UNKNOWN_ID = '0123456789abcdef01234567';
let server, client;

before(async () => {
  server = await startServer();
  client = new ImageKit({ privateKey: PRIVATE_KEY, baseURL: server.url, maxRetries: 0 });
});

after(() => server?.stop());

async function put(folder, name = 'cat.jpg', content = photo, fields = {}) {
  return client.files.upload({ file: await toFile(content), fileName: name, folder, useUniqueFileName: false, ...fields });
}

async function original(url) {
  const answer = await fetch(`${url}${url.includes('?') ? '&' : '?'}tr=orig-true`);
  return answer.ok ? Buffer.from(await answer.arrayBuffer()) : answer.status;
}

const refusal = (type, reason, message = /./) => (error) => {
  assert.ok(error instanceof type, String(error));
  assert.equal(error.error.reason, reason);
  assert.match(error.message, message);
  return true;
};

test('update, publication', async () => {
  const { fileId, url } = await put('/update', 'cat.jpg', photo, { tags: ['sea'] });
  const updated = await client.files.update(fileId, { tags: ['dawn'], customCoordinates: '1,2,3,4', description: 'new', removeAITags: ['x'] });
  assert.deepEqual([updated.tags, updated.customCoordinates, updated.description], [['dawn'], '1,2,3,4', 'new']);
  const cleared = await client.files.update(fileId, { tags: null, customCoordinates: null });
  assert.deepEqual([cleared.tags, cleared.customCoordinates, cleared.description], [null, null, 'new']);
  assert.equal((await client.files.update(fileId)).updatedAt, cleared.updatedAt);
  assert.equal((await client.files.update(fileId, { publish: { isPublished: false } })).isPublished, false);
  assert.equal(await original(url), 404);
  assert.equal((await client.files.update(fileId, { publish: { isPublished: true } })).isPublished, true);
  assert.deepEqual(await original(url), photo);
  await assert.rejects(client.files.update(UNKNOWN_ID, { tags: [] }), refusal(ImageKit.NotFoundError, undefined, /requested file does not exist/));
  await assert.rejects(client.files.update(fileId, { publish: { isPublished: true }, tags: ['x'] }), refusal(ImageKit.BadRequestError, undefined, /any other parameters/));
});

test('bulk calls', async () => {
  const fileIds = [];
  for (const name of ['a.jpg', 'b.jpg']) fileIds.push((await put('/bulk', name)).fileId);
  assert.deepEqual(await client.files.bulk.addTags({ fileIds, tags: ['sea', 'sky'] }), { successfullyUpdatedFileIds: fileIds });
  assert.deepEqual(await client.files.bulk.removeTags({ fileIds, tags: ['sea'] }), { successfullyUpdatedFileIds: fileIds });
  assert.deepEqual((await client.files.get(fileIds[0])).tags, ['sky']);
  assert.deepEqual(await client.files.bulk.removeAITags({ fileIds, AITags: ['x'] }), { successfullyUpdatedFileIds: fileIds });
  const partly = await client.files.bulk.addTags({ fileIds, tags: ['x'.repeat(498)] });
  assert.deepEqual([partly.successfullyUpdatedFileIds, partly.errors.map((e) => e.fileId)], [[], fileIds]);
  await assert.rejects(client.files.bulk.delete({ fileIds: [...fileIds, UNKNOWN_ID] }), (error) => {
    assert.deepEqual(error.error.missingFileIds, [UNKNOWN_ID]);
    return error instanceof ImageKit.NotFoundError;
  });
  assert.deepEqual(await client.files.bulk.delete({ fileIds }), { successfullyDeletedFileIds: fileIds });
  await assert.rejects(client.files.get(fileIds[0]), ImageKit.NotFoundError);
});

test('copy, move, rename', async () => {
  const file = await put('/place');
  await client.files.copy({ sourceFilePath: file.filePath, destinationPath: '/place/copy', includeFileVersions: true });
  const [copy] = await client.assets.list({ path: '/place/copy' });
  assert.notEqual(copy.fileId, file.fileId);
  assert.deepEqual(await original(copy.url), photo);
  await client.files.move({ sourceFilePath: copy.filePath, destinationPath: '/place/moved' });
  assert.equal((await client.files.get(copy.fileId)).filePath, '/place/moved/cat.jpg');
  assert.deepEqual(await client.files.rename({ filePath: '/place/moved/cat.jpg', newFileName: 'a dog.jpg' }), {});
  assert.equal((await client.files.get(copy.fileId)).name, 'a_dog.jpg');
  await put('/place', 'taken.jpg');
  await assert.rejects(client.files.rename({ filePath: file.filePath, newFileName: 'taken.jpg' }), refusal(ImageKit.ConflictError, 'FILE_ALREADY_EXISTS', /already exists at the same location/));
  await assert.rejects(client.files.copy({ sourceFilePath: '/absent.jpg', destinationPath: '/' }), refusal(ImageKit.NotFoundError, 'SOURCE_FILE_MISSING'));
  await assert.rejects(client.files.move({ sourceFilePath: file.filePath, destinationPath: '/place/' }), refusal(ImageKit.BadRequestError, 'SAME_SOURCE_AND_DESTINATION'));
});

test('a conflict is not tried again', async () => {
  const patient = new ImageKit({ privateKey: PRIVATE_KEY, baseURL: server.url, maxRetries: 2, fetch: (...call) => (calls++, fetch(...call)) });
  let calls = 0;
  await put('/again', 'a.jpg');
  await put('/again', 'b.jpg');
  await assert.rejects(patient.files.rename({ filePath: '/again/a.jpg', newFileName: 'b.jpg' }), ImageKit.ConflictError);
  assert.equal(calls, 1);
});

test('versions', async () => {
  const { fileId } = await put('/versions');
  const second = await put('/versions', 'cat.jpg', other);
  const versions = await client.files.versions.list(fileId);
  assert.deepEqual(versions.map((v) => [v.type, v.versionInfo.name]), [['file', 'Version 2'], ['file-version', 'Version 1']]);
  assert.deepEqual(await original((await client.files.versions.get(fileId, { fileId })).url), photo);
  const restored = await client.files.versions.restore(fileId, { fileId });
  assert.deepEqual([restored.type, restored.versionInfo.id, await original(restored.url)], ['file', fileId, photo]);
  await assert.rejects(client.files.versions.delete(fileId, { fileId }), refusal(ImageKit.BadRequestError, undefined, /cannot delete current version/));
  await client.files.versions.delete(second.versionInfo.id, { fileId });
  assert.equal((await client.files.versions.list(fileId)).length, 1);
});

test('folders', async () => {
  assert.deepEqual(await client.folders.create({ folderName: 'a b', parentFolderPath: '/folders' }), {});
  assert.deepEqual((await client.assets.list({ type: 'folder', path: '/folders' })).map((f) => f.folderPath), ['/folders/a_b']);
  const { fileId } = await put('/folders/a_b');
  await client.folders.delete({ folderPath: '/folders/' });
  await assert.rejects(client.files.get(fileId), ImageKit.NotFoundError);
  await assert.rejects(client.folders.delete({ folderPath: '/folders' }), refusal(ImageKit.NotFoundError, 'FOLDER_NOT_FOUND'));
  await assert.rejects(client.folders.create({ folderName: '.', parentFolderPath: '/' }), refusal(ImageKit.BadRequestError, 'INVALID_FOLDER_PATH'));
});
