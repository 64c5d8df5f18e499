// The examples for p5.js, as they stand in their folders, from a local server.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, complaints, moves, openBrowser, openDream, shoot, startBridge, until } from "./support.js";

const EXAMPLES = join(import.meta.dirname, "..", "..", "examples");
const TYPES = { html: "text/html", js: "text/javascript" };
let browser, bridge, server, home;

before(async () => { browser = await openBrowser(); });
before(async () => {
  bridge = await startBridge();
  await openDream(bridge.url);
});
before(async () => {
  server = createServer((request, response) => {
    const name = request.url.endsWith("/") ? `${request.url}index.html` : request.url;
    const text = readFileSync(join(EXAMPLES, name), "utf8").replaceAll("127.0.0.1:8000", new URL(bridge.url).host);
    response.writeHead(200, { "Content-Type": `${TYPES[name.split(".").pop()]}; charset=utf-8` }).end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  home = `http://127.0.0.1:${server.address().port}`;
});
after(() => server?.close());
after(() => bridge?.close());
after(() => browser?.close());

for (const p5 of ["p5", "p5-before-2"]) {
  test(`walk-p5 shows the walk, and the mouse steers it (${p5})`, async (t) => {
    const { page, canvas, heard } = await sketch("walk-p5", p5, t);
    await moves(page, canvas);
    await canvas.hover({ position: { x: 256, y: 128 } });
    await until(page, async () => { const { speed, distance } = await walk(); return speed === 2 && distance === 0.5; }, "the knobs turned");
    const { seed } = await walk();
    await canvas.click({ position: { x: 256, y: 128 } });
    await until(page, async () => (await walk()).seed !== seed, "elsewhere");
    await shoot(page, `walk-${p5}`);
    assert.deepEqual(heard, []);
  });

  test(`walk-socketio shows the walk, and the mouse steers it (${p5})`, async (t) => {
    const { page, canvas, heard } = await sketch("walk-socketio", p5, t);
    await moves(page, canvas);
    await canvas.hover({ position: { x: 256, y: 128 } });
    await until(page, async () => (await walk()).speed === 2, "the knob turned");
    const { seed } = await walk();
    await canvas.click({ position: { x: 256, y: 128 } });
    await until(page, async () => (await walk()).seed !== seed, "elsewhere");
    await shoot(page, `walk-socketio-${p5}`);
    assert.deepEqual(heard, []);
  });

  test(`hand-p5 takes the walk into its hand, and the mouse moves the picture (${p5})`, async (t) => {
    const { page, canvas, heard } = await sketch("hand-p5", p5, t);
    await until(page, async () => (await ask(bridge.url, "/api/sessions/dream/walk")).held, "the hand");
    const shown = async () => { await canvas.hover({ position: { x: 10, y: 10 } }); return canvas.evaluate((one) => one.toDataURL()); };
    const first = await until(page, shown, "a picture");
    await canvas.hover({ position: { x: 400, y: 300 } });
    await until(page, () => canvas.evaluate((one, before) => one.toDataURL() !== before, first), "another picture");
    const second = await canvas.evaluate((one) => one.toDataURL());
    await canvas.click({ position: { x: 400, y: 300 } });
    await until(page, () => canvas.evaluate((one, before) => one.toDataURL() !== before, second), "another three places");
    await shoot(page, `hand-${p5}`);
    assert.deepEqual(heard, []);
  });
}

const walk = async () => (await ask(bridge.url, "/api/sessions/dream/walk")).settings;

// An example in a page of its own; its p5 comes from here.
async function sketch(name, p5, t) {
  await fetch(`${bridge.url}/api/sessions/dream/walk`, { method: "DELETE" });
  const page = await browser.newPage();
  t.after(() => page.close());
  const heard = complaints(page);
  const body = readFileSync(join(import.meta.dirname, "node_modules", p5, "lib", "p5.min.js"), "utf8");
  await page.route("https://cdn.jsdelivr.net/**", (route) => route.fulfill({ contentType: "text/javascript; charset=utf-8", body }));
  await page.goto(`${home}/${name}/`);
  const canvas = page.locator("canvas").first();
  await canvas.waitFor();
  return { page, canvas, heard };
}
