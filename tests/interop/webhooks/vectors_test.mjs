// Signs every vector with the library, and lets it verify what our program must produce.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';

const vectors = JSON.parse(readFileSync(process.argv[2], 'utf8'));
assert.ok(vectors.length >= 3);
for (const { name, secrets, id, timestamp, payload, signature } of vectors) {
  const signed = secrets.map((secret) => new Webhook(secret).sign(id, new Date(timestamp * 1000), payload));
  assert.equal(signed.join(' '), signature, name);
}
// A receiver that knows either of two secrets accepts what both have signed.
const body = '{"type":"job.completed"}';
const now = Math.floor(Date.now() / 1000);
const [newer, older] = vectors.at(-1).secrets.map((secret) => new Webhook(secret));
const headers = {
  'webhook-id': 'one',
  'webhook-timestamp': String(now),
  'webhook-signature': [newer, older].map((hook) => hook.sign('one', new Date(now * 1000), body)).join(' '),
};
for (const hook of [newer, older]) assert.deepEqual(hook.verify(body, headers), JSON.parse(body));
console.log(`${vectors.length} vectors`);
