import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { eventually, freePort, ROOT, type RunningProgram, startProgram } from '../support/process.ts';
import { CHROMIUM, CHROMIUM_ARGS } from './browser.ts';
import * as inPage from './in-page.mjs';

const missing = !existsSync(CHROMIUM) ? 'no chromium' : existsSync(join(ROOT, 'dist/web/index.html')) ? '' : 'the page is not built';
const describeInBrowser = missing === '' ? describe : describe.skip;

describeInBrowser(`the demo fleet on the real collector${missing === '' ? '' : ` (skipped: ${missing})`}`, () => {
  let browser: Browser;
  let demo: RunningProgram;
  let url: string;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    url = `http://127.0.0.1:${await freePort()}`;
    const args = ['demo', '--hosts', '60', '--seed', '1', '--interval', '2s', '--history', '10m', '--listen', url.slice('http://'.length)];
    demo = startProgram(process.execPath, [join(ROOT, 'bin/bellwether.mjs'), ...args]);
    const [, link] = await demo.waitFor(/Sign in:\s+(\S+)/, 30_000);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
    const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } });
    page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(link!);
    await page.getByRole('button', { name: 'Sign in with this link' }).click();
    await page.getByLabel('New password').fill('a long password');
    await page.getByLabel('The same again').fill('a long password');
    await page.getByRole('button', { name: 'Set password' }).click();
    await page.getByRole('heading', { name: 'Open alerts' }).waitFor();
  }, 90_000);

  afterAll(async () => {
    await browser.close();
    expect(await demo.stop()).toBe(0);
    // Before the sign-in there is no session; anything else in the console is a fault.
    expect(complaints.filter((text) => !/status of 401|ERR_NETWORK_CHANGED/.test(text))).toEqual([]);
  });

  test('one screen says which host is in trouble and since when', async () => {
    const row = page
      .getByRole('row')
      .filter({ hasText: /disk \/var has/ })
      .first();
    await row.waitFor({ timeout: 60_000 });
    const text = await page.locator('body').innerText();
    expect(text).toMatch(/disk \/var has [\d.]+ % left/);
    expect(text).toMatch(/since \d\d:\d\d/);
    expect(text).toMatch(/nobody/);
    const box = await row.boundingBox();
    expect(box!.y + box!.height).toBeLessThan(1_000);
  }, 90_000);

  test('the states of the cast are all there: critical, warning, no data, pending, resolved, acknowledged', async () => {
    const seen = async (): Promise<string> => page.locator('body').innerText();
    await eventually(async () => (/only [\d.]+ % of memory/.test(await seen()) && /no data/i.test(await seen())) || undefined, 60_000, 500);
    await eventually(async () => /✓/.test(await seen()) || undefined, 60_000, 500);
    await page.evaluate(inPage.visit, '/alerts?show=pending');
    await page.getByText(/busy/).first().waitFor({ timeout: 30_000 });
    await page.evaluate(inPage.visit, '/alerts?show=resolved');
    await page
      .getByText(/disk \/var|agent on/)
      .first()
      .waitFor({ timeout: 120_000 });
  }, 240_000);

  test('a host page draws its history and goes on live', async () => {
    await page.evaluate(inPage.visit, '/hosts');
    await page.getByRole('row').filter({ hasText: /OK/ }).first().getByRole('link').click();
    await page.waitForURL(/\/hosts\/\w+/);
    await page.waitForFunction(inPage.chartsHaveNumbers);
    expect(await page.locator('canvas').count()).toBeGreaterThanOrEqual(6);
  }, 60_000);

  test.each(['/', '/hosts', '/alerts', '/alerts?show=deliveries', '/events'])(
    'axe-core finds nothing on %s',
    async (path) => {
      await page.evaluate(inPage.visit, path);
      await page.waitForFunction(inPage.showsData);
      await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
      expect(await page.evaluate(inPage.accessibilityFaults)).toEqual([]);
    },
    60_000,
  );
});
