// The README's p5.js sketches, as printed there, where the p5 web editor runs it: in a frame of another origin.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, complaints, darkness, example, giveToDraw, moves, openBrowser, openDream, photo, shoot, startBridge, until } from "./support.js";

const EDITOR = "https://editor.p5js.org";
const PREVIEW = "https://preview.p5js.org";
// Chromium remarks that it reaches an address without encryption, and does so; nothing is wrong with that on one machine.
const REMARK = /^Mixed Content: .* was not upgraded to HTTPS/;

let browser;
before(async () => { browser = await openBrowser(); });
after(() => browser?.close());

for (const p5 of ["p5", "p5-before-2"]) {
  test(`the sketch shows the drawing and its slider changes it (${p5})`, async (t) => {
    const bridge = await startBridge();
    t.after(bridge.close);
    const page = await editor(p5, example("p5.js", bridge.url));
    t.after(() => page.context().close());
    const heard = complaints(page);
    await page.goto(EDITOR);
    await giveToDraw(bridge.url, await photo(page));
    const sketch = page.frameLocator("iframe");
    const drawing = sketch.getByAltText("the drawing");
    await until(page, () => drawing.evaluate((image) => image.naturalWidth === 320), "the drawing");
    const middle = await darkness(page, drawing);
    assert.ok(middle > 5, "nothing is drawn");
    await shoot(page, `${p5}-middle`);
    const slider = sketch.getByRole("slider");
    await slider.fill("1");
    await until(page, async () => (await darkness(page, drawing)) > middle + 5, "a darker drawing");
    await shoot(page, `${p5}-hard`);
    await slider.fill("0.1");
    await until(page, async () => (await darkness(page, drawing)) < middle - 5, "a lighter drawing");
    assert.deepEqual(heard.filter((line) => !REMARK.test(line)), []);
  });

  test(`the sketch shows the walk and the mouse steers it (${p5})`, async (t) => {
    const bridge = await startBridge();
    t.after(bridge.close);
    await openDream(bridge.url);
    const page = await editor(p5, example("p5.js, walking", bridge.url));
    t.after(() => page.context().close());
    const heard = complaints(page);
    await page.goto(EDITOR);
    const picture = page.frameLocator("iframe").getByAltText("the walk");
    await until(page, () => picture.evaluate((image) => image.naturalWidth > 0 && image.width === 400), "the picture");
    const walk = async () => (await ask(bridge.url, "/api/sessions/dream/walk")).settings;
    await picture.hover({ position: { x: 300, y: 100 } });
    await until(page, async () => (await walk()).speed > 2, "the speed");
    await picture.click({ position: { x: 20, y: 100 } });
    await until(page, async () => (await walk()).seed > 0, "elsewhere");
    await until(page, async () => (await walk()).speed < 1, "slower");
    await shoot(page, `${p5}-walk`);
    assert.deepEqual(heard.filter((line) => !REMARK.test(line)), []);
  });
}

test("an example that speaks WebSocket works in the editor, too", async (t) => {
  const bridge = await startBridge();
  t.after(bridge.close);
  await openDream(bridge.url);
  const code = readFileSync(join(import.meta.dirname, "..", "..", "examples", "walk-p5", "sketch.js"), "utf8");
  const page = await editor("p5-before-2", code.replace("127.0.0.1:8000", new URL(bridge.url).host));
  t.after(() => page.context().close());
  const heard = complaints(page);
  await page.goto(EDITOR);
  await moves(page, page.frameLocator("iframe").locator("canvas").first());
  assert.deepEqual(heard.filter((line) => !REMARK.test(line)), []);
});

// A page like the editor's, its frame with the sketch and this p5 in it. Nothing is asked of the real editor.
async function editor(p5, code) {
  const context = await browser.newContext();
  // What a person answers when the browser asks whether the editor may reach this machine.
  await context.grantPermissions(["local-network-access"], { origin: EDITOR });
  await context.grantPermissions(["local-network-access"], { origin: PREVIEW });
  const page = await context.newPage();
  const file = (type, body) => (route) => route.fulfill({ contentType: `text/${type}; charset=utf-8`, body });
  const allow = "accelerometer; gyroscope; magnetometer; local-network-access";
  const frame = `<iframe src="${PREVIEW}/" width="500" height="400" allow="${allow}"></iframe>`;
  const sketch = `<script src="p5.js"></script><script>${code}</script>`;
  const library = readFileSync(join(import.meta.dirname, "node_modules", p5, "lib", "p5.min.js"), "utf8");
  const head = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">';
  await context.route(`${EDITOR}/**`, file("html", head + frame));
  await context.route(`${PREVIEW}/`, file("html", head + sketch));
  await context.route(`${PREVIEW}/p5.js`, file("javascript", library));
  return page;
}
