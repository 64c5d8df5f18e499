// Pictures as the browser itself takes them: MJPEG in an <img>, server-sent events, and WebRTC both ways.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, complaints, darkness, giveToDraw, openBrowser, photo, shoot, startBridge, until } from "./support.js";

const EXAMPLE = join(import.meta.dirname, "..", "..", "examples", "webrtc-browser");
// A camera that Chromium makes up: a green field, a pie that turns, a clock.
const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
const TYPES = { html: "text/html", js: "text/javascript" };
let browser, bridge, server, home;

before(async () => { browser = await openBrowser(...CAMERA); });
before(async () => { bridge = await startBridge(); });
before(async () => {
  server = createServer((request, response) => {
    const name = request.url.endsWith("/") ? "index.html" : request.url;
    const text = readFileSync(join(EXAMPLE, name), "utf8").replaceAll("127.0.0.1:8000", new URL(bridge.url).host);
    response.writeHead(200, { "Content-Type": `${TYPES[name.split(".").pop()]}; charset=utf-8` }).end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  home = `http://127.0.0.1:${server.address().port}`;
});
after(() => server?.close());
after(() => bridge?.close());
after(() => browser?.close());

test("an <img> shows the stream in the size that was asked for, and follows it at the rate that was asked for", async (t) => {
  const page = await opened(t);
  const heard = complaints(page);
  const picture = await photo(page);
  await giveToDraw(bridge.url, picture);
  await page.setContent(`<img alt="drawing" src="${bridge.url}/api/sessions/pencil/stream/image.mjpg?width=160&quality=60&fps=5">`);
  const image = page.getByAltText("drawing");
  await until(page, () => image.evaluate((one) => one.naturalWidth === 160), "the drawing");
  await ask(bridge.url, "/api/sessions/pencil/inputs", { darkness: 0 });
  const light = await until(page, () => darkness(page, image), "a drawing");
  await ask(bridge.url, "/api/sessions/pencil/inputs", { darkness: 1 });
  await until(page, async () => (await darkness(page, image)) > light + 5, "a darker drawing");
  assert.deepEqual(heard, []);
});

test("an EventSource follows texts and numbers", async (t) => {
  const page = await opened(t);
  const heard = complaints(page);
  await giveToDraw(bridge.url, await photo(page), "palette");
  await page.evaluate((address) => {
    window.outputs = {};
    new EventSource(address).addEventListener("output", (event) => {
      const { port, value } = JSON.parse(event.data);
      window.outputs[port] = value;
    });
  }, `${bridge.url}/api/sessions/palette/events?port=colors,shares`);
  const all = await until(page, () => page.evaluate(() => (window.outputs.colors && window.outputs.shares ? window.outputs : null)), "both outputs");
  assert.match(all.colors[0], /^#[0-9a-f]{6}$/i);
  assert.ok(all.shares.every((share) => share > 0 && share <= 1));
  assert.deepEqual(heard, []);
});

test("the example sends the camera over WebRTC and shows the drawing of it", async (t) => {
  const page = await opened(t);
  const heard = complaints(page);
  const runs = async () => (await ask(bridge.url, "/api/sessions/pencil")).stats.runs;
  const before = await runs();
  await page.getByRole("button", { name: "Draw me" }).click();
  const drawing = page.getByLabel("the drawing");
  await until(page, () => drawing.evaluate((video) => video.videoWidth === 320 && video.videoHeight === 240), "the drawing");
  const frame = () => drawing.evaluate(still);
  const first = await frame();
  assert.ok(first.colour < 12, "a pencil drawing has next to no colour");
  await until(page, async () => (await frame()).picture !== first.picture, "another drawing");
  await until(page, async () => (await runs()) > before + 10, "ten drawings");
  await shoot(page, "webrtc");
  await page.getByRole("button", { name: "Stop" }).click();
  await until(page, () => page.getByRole("button", { name: "Draw me" }).isEnabled(), "the end");
  assert.deepEqual(heard, []);
});

async function opened(t) {
  const page = await browser.newPage();
  t.after(() => page.close());
  await page.goto(`${home}/`);
  return page;
}

// What a video shows now, and how much colour is in it.
function still(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  let colour = 0;
  for (let at = 0; at < data.length; at += 4) colour += Math.abs(data[at] - data[at + 1]) + Math.abs(data[at + 1] - data[at + 2]);
  return { picture: data.join(), colour: colour / (data.length / 4) };
}
