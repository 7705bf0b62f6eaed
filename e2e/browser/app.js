// The app of the documentation, in a browser, on an origin that is not the server's.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { backendToken, ledger, record, revoke } from './annals.js';
import { eventually, open } from './chromium.js';
import { appOfTheDocs } from './docs.js';
import { page as html, serve } from './web.js';

const push = { connector: { in: ['push'] } };
const kubernetes = { connector: { in: ['kubernetes'] } };
const step = (what) => console.log(what);

await record(120);
const first = await backendToken();
process.env.AUDIT_TOKEN = first.token;

let minted = 0;
let mayMint;
const gate = new Promise((open) => (mayMint = open));
const { script, backend } = await appOfTheDocs(process.env.ANNALS_URL);
await serve(process.env.APP_ORIGIN, {
  'GET /': html('<div id="root"></div><script src="/app.js"></script>'),
  'GET /app.js': () => ({ type: 'text/javascript', body: script }),
  'POST /annals-token': async () => {
    await gate;
    minted++;
    return { type: 'application/json', body: JSON.stringify(await backend.viewerToken({ id: 'user-1' })) };
  },
});

const { page, wrong } = await open();
let sockets = 0; // opened so far
page.on('websocket', () => sockets++);
const rows = page.locator('li');
const older = page.getByRole('button', { name: 'Older' });
const shown = () => rows.evaluateAll((all) => all.map((row) => row.id));
const shows = (count) => eventually(`${count} rows are shown`, async () => (await rows.count()) === count);

/** Loads what pages are left, and wants every activity of the ledger once. */
async function completes(filter) {
  await rows.first().waitFor();
  while (await older.isVisible()) {
    const before = await rows.count();
    await older.click();
    await eventually('an older page is shown', async () => (await rows.count()) > before);
  }
  await eventually('what is shown is what is recorded', async () => {
    const [ids, want] = [await shown(), await ledger(filter)];
    assert.equal(new Set(ids).size, ids.length, 'a row is shown twice');
    return ids.length === want.length && want.every((id) => ids.includes(id));
  });
}

step('queries that start together share one token');
await page.goto(process.env.APP_ORIGIN);
await page.evaluate(() => {
  const ask = (name) => window.client.query(`query { ${name}: viewer { subject } }`, {}).toPromise();
  window.asked = Promise.all(['a', 'b', 'c'].map(ask));
});
mayMint();
const asked = await page.evaluate(() => window.asked.then((all) => all.map(({ data, error }) => error?.message ?? Object.keys(data)[0])));
assert.deepEqual(asked, ['a', 'b', 'c']);

step('a page, a second one, and what comes');
await shows(50);
await older.click();
await shows(100);
await record(3);
await shows(103);
assert.ok(minted < 4, `${minted} tokens for four queries and a socket`); // 2, and 1 more if the socket had to try again

step('the feed goes on when its token ends');
const opened = sockets;
const second = await backendToken();
process.env.AUDIT_TOKEN = second.token;
await revoke(first.id);
await eventually('another socket is opened', () => sockets > opened);
await record(3);
await shows(106);

step('the feed goes on when the server was away');
console.log('restart');
await once(process.stdin, 'data');
await record(3);
await shows(109);
await completes(push);

step('another filter shows its own rows alone');
const left = await page.evaluate(async () => {
  const rows = () => [...document.querySelectorAll('li')].map((row) => row.id);
  const before = rows();
  [...document.querySelectorAll('button')].find((button) => button.textContent === 'kubernetes').click();
  await new Promise(requestAnimationFrame);
  return rows().filter((id) => before.includes(id));
});
assert.deepEqual(left, [], 'rows of the earlier filter');
await rows.first().waitFor();
const newest = await rows.first().getAttribute('id');
await eventually('the vendor goes on', async () => (await rows.first().getAttribute('id')) !== newest, 40_000);
await completes(kubernetes);
await page.getByRole('button', { name: 'push' }).click();
await record(3);
await completes(push);

assert.deepEqual(wrong.filter((what) => what.startsWith('uncaught')), []);
process.exit(0); // the browser and the web server end with it
