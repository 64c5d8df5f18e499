// The page at /, used as a person uses it.

import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { complaints, darkness, openBrowser, photo, shoot, startBridge, until } from "./support.js";

let bridge, browser, page, heard, picture;
before(async () => { bridge = await startBridge(); });
before(async () => { browser = await openBrowser(); });
after(() => browser?.close());
after(() => bridge?.close());

beforeEach(async () => {
  page = await browser.newPage();
  heard = complaints(page);
  const answer = await page.goto(bridge.url);
  assert.match(answer.headers()["content-security-policy"], /default-src/);
  picture = { name: "photo.jpg", mimeType: "image/jpeg", buffer: await photo(page) };
});
afterEach(async () => {
  await page.close();
  assert.deepEqual(heard, []);
});

const card = (name) => page.locator(".session", { has: page.getByRole("heading", { name, exact: true }) });

test("a chosen picture is drawn, and a slider changes the drawing", async () => {
  const pencil = card("pencil");
  await pencil.getByText("ready", { exact: true }).waitFor();
  await pencil.getByLabel("image", { exact: true }).setInputFiles(picture);
  const drawing = pencil.getByRole("img", { name: "live image of pencil" });
  await until(page, () => drawing.evaluate((canvas) => canvas.width === 320), "the drawing");
  const middle = await darkness(page, drawing);
  await pencil.getByLabel("darkness").fill("1");
  await until(page, async () => (await darkness(page, drawing)) > middle + 5, "a darker drawing");
  await shoot(page, "page-pencil");
});

test("a chosen picture's colours are shown", async () => {
  const palette = card("palette");
  await palette.getByLabel("image", { exact: true }).setInputFiles(picture);
  await until(page, async () => (await palette.locator(".swatches rect").count()) === 5, "five colours");
  await palette.getByLabel("count").fill("3");
  await until(page, async () => (await palette.locator(".swatches rect").count()) === 3, "three colours");
  await shoot(page, "page-palette");
});

test("a session is closed and opened again", async () => {
  await card("palette").getByRole("button", { name: "close" }).click();
  await card("palette").waitFor({ state: "detached" });
  await page.getByLabel("Open a model").selectOption("palette");
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await card("palette").getByText("ready", { exact: true }).waitFor();
  await shoot(page, "page-reopened");
});
