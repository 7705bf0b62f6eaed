import { chromium } from 'playwright-core';

/** Opens a page in a browser of its own, and collects what goes wrong in it. */
export async function open() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  page.setDefaultTimeout(30_000);
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(`uncaught: ${error}`));
  page.on('console', (message) => message.type() === 'error' && wrong.push(`console: ${message.text()}`));
  return { page, wrong, close: () => browser.close() };
}

/** Waits until holds() is true. */
export async function eventually(what, holds, within = 30_000) {
  for (const end = Date.now() + within; !(await holds()); await new Promise((done) => setTimeout(done, 100))) {
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}`);
  }
}
