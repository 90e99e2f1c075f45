// The report in a real browser: nothing leaves it, nothing that a server sent runs in it, and everybody can use it.
// `make browser` makes the reports: one of a simulated network, served by the real program, and one of servers that
// attack the page, as a file.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const { OBSERVATORY, REPORT, HOSTILE } = process.env;
const LIMIT = 3_000_000; // bytes, for 1,000 servers

let browser, server, url;

before(async () => {
  // Within a container there is no sandbox to be had, and nobody else's page is opened.
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  server = spawn(OBSERVATORY, ["serve", REPORT, "--listen", "127.0.0.1:0"], { stdio: ["ignore", "inherit", "pipe"] });
  const [line] = await once(createInterface(server.stderr), "line");
  [url] = line.match(/http:\/\/\S+\//);
});

after(async () => {
  await browser?.close();
  server?.kill("SIGINT");
});

// Opens a page, and says what it complained of and what it asked for.
async function open(address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const seen = { complaints: [], requests: [] };
  page.on("console", (message) => seen.complaints.push(message.text()));
  page.on("pageerror", (error) => seen.complaints.push(String(error)));
  page.on("request", (request) => seen.requests.push(request.url()));
  await page.goto(address);
  return { page, seen, close: () => context.close() };
}

const hostile = () => pathToFileURL(`${HOSTILE}/index.html`).href;
const shown = (page) => page.locator("#servers tbody tr:visible").count();
const column = (page, number) => page.locator(`#servers tbody tr:visible > :nth-child(${number})`).allInnerTexts();

test("nothing is complained of and nothing is asked for, served or opened as a file", async () => {
  for (const address of [url, hostile()]) {
    const { page, seen, close } = await open(address);
    await page.waitForTimeout(300);
    assert.deepEqual(seen, { complaints: [], requests: [address] });
    assert.ok(await page.locator("#map svg .land").isVisible());
    await close();
  }
});

test("nothing that a server sent becomes part of the page", async () => {
  const { page, close } = await open(hostile());
  assert.match(await page.title(), /^Electrum Observatory/);
  assert.equal(await page.locator("img, iframe, object, embed, svg[onload], [autofocus], [onerror], [onfocus]").count(), 0);
  assert.equal(await page.locator("script").count(), 1);
  const hrefs = await page.locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  assert.ok(hrefs.every((href) => !/^\s*javascript:/i.test(href)), String(hrefs));
  const text = await page.evaluate(() => document.documentElement.textContent);
  assert.ok(text.includes("<script>document.title='stolen'</script>"), "they are shown as they are");
  const hidden = text.match(/.{0,40}[\u202a-\u202e\u2066-\u2069\ufffd\u001b]/gu) ?? [];
  assert.deepEqual(hidden.slice(0, 3), []);
  await close();
});

test("a page of a thousand servers is small enough", async () => {
  const { size } = await stat(`${HOSTILE}/index.html`);
  assert.ok(size < LIMIT, `${size} bytes`);
});

test("a table is narrowed and sorted by keyboard alone", async () => {
  const { page, close } = await open(url);
  const all = await shown(page);
  assert.ok(all > 20, `${all}`);

  await page.locator("#filters [name=words]").focus();
  await page.keyboard.type("fulcrum");
  const some = await shown(page);
  assert.ok(some > 0 && some < all, `${some} of ${all}`);
  assert.equal(await page.locator("#status").innerText(), `${some} of ${all} servers`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.name), "level");
  await page.keyboard.type("clear");
  for (const band of await column(page, 2)) assert.equal(band, "clear");
  while ((await page.evaluate(() => document.activeElement.type)) !== "reset") await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForFunction((count) => document.getElementById("status").textContent.startsWith(`${count} of`), all);
  assert.equal(await shown(page), all);

  while (!(await page.evaluate(() => document.activeElement.matches("th .sort")))) await page.keyboard.press("Tab");
  const scores = async () => (await column(page, 1)).map(Number);
  const sorted = (numbers) => numbers.every((number, place) => place === 0 || numbers[place - 1] <= number);
  await page.keyboard.press("Enter");
  assert.ok(sorted((await scores()).reverse()));
  assert.equal(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "descending");
  await page.keyboard.press("Space");
  assert.ok(sorted(await scores()));
  assert.equal(await page.locator("th[aria-sort]").count(), 1);
  const details = page.locator("#servers details:visible").first();
  await details.locator("summary").focus();
  await page.keyboard.press("Enter");
  assert.ok(await details.locator("li").first().isVisible());
  await close();
});

test("without scripts everything is there and nothing is offered that does not work", async () => {
  const { page, close } = await open(url, { javaScriptEnabled: false });
  assert.ok((await page.locator("#servers tbody tr").count()) > 20);
  assert.ok(await page.locator("#filters").isHidden());
  assert.equal(await page.locator("#servers th button").count(), 0);
  await close();
});

test("nobody is kept out, in either theme", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const address of [url, hostile()]) {
      // The policy would keep the checker out as well: it is put in past it.
      const { page, close } = await open(address, { colorScheme, bypassCSP: true });
      // Some of each are enough: the others differ in words only, and in where they are on the map.
      await page.evaluate(() => {
        for (const body of document.querySelectorAll("tbody")) [...body.rows].slice(15).forEach((row) => row.remove());
        [...document.querySelectorAll("#map g")].slice(2).forEach((spot) => spot.remove());
      });
      await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
      await page.addScriptTag({ path: AXE });
      const { violations } = await page.evaluate(() => axe.run());
      const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      const told = grave.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 200)).join("\n")}`);
      assert.deepEqual(told, [], `${colorScheme} ${address}`);
      await close();
    }
  }
});

test("a telephone shows it without scrolling sideways", async () => {
  for (const address of [url, hostile()]) {
    const { page, close } = await open(address, { viewport: { width: 360, height: 740 } });
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    await close();
  }
});

test("it prints without what paper cannot do", async () => {
  const { page, close } = await open(url);
  assert.ok(await page.locator(".printed").isHidden());
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.locator("#filters").isHidden());
  assert.ok(await page.locator(".printed").isVisible(), "it says who is left out on paper");
  assert.ok((await page.pdf()).length > 20_000);
  await close();
});
