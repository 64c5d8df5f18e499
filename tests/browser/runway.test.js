// A sketch for the old Runway app, opened from disk, with the client of its time.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { ROOT, ask, complaints, openBrowser, openDream, startBridge, until } from "./support.js";

const SKETCH = join(ROOT, "examples", "runway-page");
const CLIENT = join(import.meta.dirname, "node_modules", "socket.io-client-2.2", "dist", "socket.io.js");
const ANY_PORT = ["http", "socketio", "osc", "sdk", "daemon"].flatMap((server) => [`--runway-${server}-port`, "0"]);
let browser, bridge, sockets;

before(async () => { browser = await openBrowser(); });
before(async () => {
  bridge = await startBridge(["--runway", ...ANY_PORT, "--no-demo", "--model", "dream"]);
  await openDream(bridge.url);
  await ask(bridge.url, "/api/sessions/dream/walk", { play: false });
  const { wires } = await ask(bridge.url, "/api/info");
  const { addresses } = wires.find(({ name }) => name === "runway");
  sockets = addresses.find((address) => address.startsWith("dream socket.io")).split(" ").at(-1);
});
after(() => bridge?.close());
after(() => browser?.close());

async function open(t) {
  const page = await browser.newPage();
  t.after(() => page.close());
  const heard = complaints(page);
  const script = (body) => (route) => route.fulfill({ contentType: "text/javascript; charset=utf-8", body });
  await page.route("https://cdnjs.cloudflare.com/**", script(readFileSync(CLIENT, "utf8")));
  const sketch = readFileSync(join(SKETCH, "sketch.js"), "utf8").replace("http://127.0.0.1:3000", sockets);
  await page.route("file:///**/sketch.js", script(sketch));
  await page.goto(pathToFileURL(join(SKETCH, "index.html")).href);
  const picture = page.locator("#picture");
  const shown = () => picture.evaluate((image) => image.naturalWidth && image.src);
  return { page, picture, shown, heard };
}

test("an old sketch connects from disk, asks and shows what it gets", async (t) => {
  const { page, picture, shown, heard } = await open(t);
  const first = await until(page, shown, "a picture");
  assert.match(first, /^data:image\/jpeg;base64,/);
  assert.equal(await page.locator("#status").textContent(), "connected");
  await picture.click();
  await until(page, async () => (await shown()) !== first, "another picture");
  assert.deepEqual(heard, []);
});

test("two old sketches see the same pictures", async (t) => {
  const one = await open(t), other = await open(t);
  await until(one.page, one.shown, "a picture");
  await until(other.page, other.shown, "a picture");
  await one.picture.click();
  await until(one.page, async () => (await one.shown()) === (await other.shown()), "the same picture");
});
