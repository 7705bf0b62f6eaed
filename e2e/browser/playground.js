// The playground as a person uses it.
import assert from 'node:assert/strict';
import { api, record } from './annals.js';
import { eventually, open } from './chromium.js';

const { page, wrong } = await open();
const asked = []; // addresses of all requests
const frames = []; // messages to and from sockets
page.on('request', (request) => asked.push(`${request.method()} ${request.url()}`));
page.on('websocket', (socket) => {
  asked.push(`WS ${socket.url()}`);
  socket.on('framesent', ({ payload }) => frames.push(JSON.parse(payload)));
  socket.on('framereceived', ({ payload }) => frames.push(JSON.parse(payload)));
});
const answer = page.locator('.result-window');
const run = page.getByRole('button', { name: /execute query/i });
const says = (text) => eventually(`the answer has ${text}`, async () => (await answer.innerText()).includes(text));

const step = (what) => console.log(what);

step('a query in the address does not run');
await page.goto(`${process.env.ANNALS_URL}/?query=${encodeURIComponent('{ viewer { subject } }')}`);
await run.waitFor();
await page.waitForTimeout(1000); // what would run by itself has run
assert.deepEqual(asked.filter((one) => !one.startsWith('GET ')), []);

step('a query runs with the token under Headers');
await page.locator('.graphiql-editor-tool .monaco-editor:visible').click();
for (const key of ['End', 'ArrowLeft', 'ArrowLeft']) await page.keyboard.press(key); // behind {"Authorization": "Bearer
await page.keyboard.insertText(process.env.OWNER_TOKEN);
await run.click();
await says('"totalCount"');

step('a subscription runs over graphql-transport-ws');
await page.getByRole('tab', { name: 'LiveActivities' }).click();
await run.click();
await says('"phase"');
const token = { Authorization: `Bearer ${process.env.OWNER_TOKEN}` };
assert.deepEqual(frames[0], { type: 'connection_init', payload: token });
assert.equal(frames[1].type, 'connection_ack');
await record(1);
await eventually('what is recorded comes', () =>
  frames.some(({ payload }) => payload?.data?.activityRecorded.edges.some(({ node }) => node.description === 'Approved an invoice.')),
);

step('nothing went wrong, and nothing went elsewhere');
const own = [`GET ${process.env.ANNALS_URL}/`, 'GET data:', 'GET blob:', `POST ${api}`, `WS ${api.replace(/^http/, 'ws')}`];
assert.deepEqual(asked.filter((one) => !own.some((start) => one.startsWith(start))), []);
assert.deepEqual(wrong, []);
process.exit(0); // the browser ends with it
