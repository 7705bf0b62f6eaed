// What scripts of an allowed origin and of another one may do.
import assert from 'node:assert/strict';
import { api } from './annals.js';
import { open } from './chromium.js';
import { page as html, serve } from './web.js';

for (const origin of [process.env.APP_ORIGIN, process.env.OTHER_ORIGIN]) {
  await serve(origin, { 'GET /': html('') });
}
const { page } = await open();

/** Asks from a script of the page: {status, requestId, retryAfter}, or {refused} when the browser does not hand out the answer. */
const ask = (headers) =>
  page.evaluate(
    async ([api, headers]) => {
      try {
        const answer = await fetch(api, { method: 'POST', headers, body: '{"query": "{ viewer { subject } }"}' });
        return {
          status: answer.status,
          requestId: answer.headers.get('X-Request-Id'),
          retryAfter: answer.headers.get('Retry-After'),
        };
      } catch (error) {
        return { refused: error.name };
      }
    },
    [api, headers],
  );

const simple = { Authorization: `Bearer ${process.env.OWNER_TOKEN}`, 'Content-Type': 'application/json' };
const traced = { ...simple, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };

await page.goto(process.env.APP_ORIGIN);
for (const headers of [simple, traced]) {
  const { status, requestId } = await ask(headers);
  assert.equal(status, 200);
  assert.match(requestId, /^[A-Z0-9]+$/);
}
assert.deepEqual(await ask({ ...simple, 'X-Canary': '1' }), { refused: 'TypeError' }, 'a header that nobody allowed');

let last; // tokens that are not valid, until the server has had enough
for (let tries = 0; tries < 30 && last?.status !== 429; tries++) {
  last = await ask({ ...simple, Authorization: 'Bearer x.y.z' });
}
assert.equal(last.status, 429);
assert.match(last.retryAfter, /^\d+$/);

await page.goto(process.env.OTHER_ORIGIN);
for (const headers of [simple, traced, { 'Content-Type': 'text/plain' }]) {
  assert.deepEqual(await ask(headers), { refused: 'TypeError' }, 'another origin');
}
const closed = await page.evaluate(
  (url) =>
    new Promise((done) => {
      const socket = new WebSocket(url, 'graphql-transport-ws');
      socket.onopen = () => done('open');
      socket.onerror = () => done('refused');
    }),
  api.replace(/^http/, 'ws'),
);
assert.equal(closed, 'refused', 'a websocket of another origin');
process.exit(0); // the browser and the web servers end with it
