// Messages of a running server, verified by the official Node SDKs, the current one and the one before it.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import ImageKit, { toFile } from '@imagekit/nodejs';
import LegacyImageKit from 'imagekit';

import { PRIVATE_KEY, PUBLIC_KEY, startServer } from './server.mjs';

const SECRET = 'whsec_a-secret-for-node-tests';
const got = [];
let receiver, server, client;

before(async () => {
  receiver = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece) => (body += piece)).on('end', () => {
      got.push({ headers: request.headers, body });
      response.end();
    });
  });
  await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${receiver.address().port}/hooks`;
  server = await startServer({ FETCH_ALLOW: '127.0.0.0/8', WEBHOOK_URL: url, WEBHOOK_SECRET: SECRET });
  client = new ImageKit({ privateKey: PRIVATE_KEY, webhookSecret: SECRET, baseURL: server.url, maxRetries: 0 });
});

after(async () => {
  await server?.stop();
  receiver?.close();
});

async function message(number) {
  for (const deadline = Date.now() + 20_000; got.length <= number; ) {
    assert.ok(Date.now() < deadline, `${got.length} messages came`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return got[number];
}

test('both SDKs accept what is sent, and refuse it when it was touched', async () => {
  const file = await client.files.upload({ file: await toFile(Buffer.from('hello')), fileName: 'hook.txt' });
  const { headers, body } = await message(0);
  const event = client.webhooks.unwrap(body, { headers });
  assert.deepEqual([event.type, event.data.fileId], ['file.created', file.fileId]);
  assert.equal(event.id, headers['webhook-id']);
  assert.throws(() => client.webhooks.unwrap(body.replace('hook', 'hack'), { headers }));

  const legacy = new LegacyImageKit({ publicKey: PUBLIC_KEY, privateKey: PRIVATE_KEY, urlEndpoint: `${server.url}/demo` });
  const signature = headers['x-ik-signature'];
  assert.equal(legacy.verifyWebhookEvent(body, signature, SECRET).event.type, 'file.created');
  assert.throws(() => legacy.verifyWebhookEvent(`${body} `, signature, SECRET));
});

test('a job is followed to its end', async () => {
  await client.files.upload({ file: await toFile(Buffer.from('x')), fileName: 'x.txt', useUniqueFileName: false, folder: '/node-jobs' });
  const { jobId } = await client.folders.copy({ sourceFolderPath: '/node-jobs', destinationPath: '/node-copies' });
  let job;
  for (const deadline = Date.now() + 20_000; ; ) {
    job = await client.folders.job.get(jobId);
    if (job.status === 'Completed') break;
    assert.ok(Date.now() < deadline);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual([job.jobId, job.type], [jobId, 'COPY_FOLDER']);
  assert.equal(await (await fetch(`${server.url}/demo/node-copies/node-jobs/x.txt`)).text(), 'x');
});
