// From other programs: what the page says to paste works as it stands; the phone's page plays the session.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { studio } from "./studio.js";
import { ROOT, complaints, folder, giveToDraw, moves, photo, python, shoot } from "./support.js";

const it = studio({ sessions: ["dream"] });
const p5 = readFileSync(join(import.meta.dirname, "node_modules", "p5", "lib", "p5.min.js"));

async function snippet(session, program) {
  await it.go(`#/connect/${session}`);
  await it.pick(it.page, session);
  await it.tab(it.page, program);
  return it.page.getByLabel(`for ${program}`).textContent();
}

// A page of somebody else on this machine that has just this script.
async function elsewhere(t, code, body = "") {
  const files = { "/": `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="p5.js"></script><body>${body}</body><script type="module">${code.includes("function setup") ? "" : code}</script><script src="sketch.js"></script>`, "/p5.js": p5, "/sketch.js": code.includes("function setup") ? code : "" };
  const server = createServer(({ url }, answer) => answer.setHeader("Content-Type", url === "/" ? "text/html" : "text/javascript").end(files[url] ?? ""));
  await new Promise((ready) => { server.listen(0, "127.0.0.1", ready); });
  t.after(() => { server.close(); server.closeAllConnections(); });
  const page = await it.browser.newPage();
  const heard = complaints(page);
  t.after(() => assert.deepEqual(heard.filter((line) => !/p5/i.test(line)), []));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return page;
}

test("the p5.js lines show the walk and steer it", async (t) => {
  const page = await elsewhere(t, await snippet("dream", "p5.js"));
  await page.locator("img").waitFor();
  await it.until(() => page.locator("img").evaluate((image) => image.naturalWidth > 0), "the picture");
  await page.mouse.move(250, 80);
  await it.until(async () => (await it.ask("/api/sessions/dream/walk")).settings.speed === 2.5, "the speed");
});

test("the p5.js lines of a model with a slider move it", async (t) => {
  await giveToDraw(it.bridge.url, await photo(it.page));
  const page = await elsewhere(t, await snippet("pencil", "p5.js"));
  await page.locator("input[type=range]").fill("0.9");
  await it.until(async () => (await it.ask("/api/sessions/pencil")).inputs.darkness === 0.9, "the slider");
  await it.until(() => page.locator("img").evaluate((image) => image.naturalWidth > 0), "the drawing");
});

test("the JavaScript lines show every frame in a picture", async (t) => {
  const page = await elsewhere(t, await snippet("dream", "JavaScript"), "<img>");
  await it.until(() => page.locator("img").evaluate((image) => image.naturalWidth > 0), "the picture");
  const first = await page.locator("img").getAttribute("src");
  await it.until(async () => (await page.locator("img").getAttribute("src")) !== first, "another picture");
  assert.equal((await it.ask("/api/sessions/dream/walk")).settings.kind, "drift");
});

test("the Socket.IO lines show every frame and tell the walk", async (t) => {
  const page = await elsewhere(t, "", await snippet("dream", "Socket.IO"));
  await it.until(() => page.locator("img").evaluate((image) => image.naturalWidth > 0), "the picture");
  await it.until(async () => (await it.ask("/api/sessions/dream/walk")).settings.speed === 2, "the speed");
});

// One OSC message with a float, as a fader sends it.
async function fader(address, value) {
  const padded = (text) => Buffer.concat([Buffer.from(text), Buffer.alloc(4 - (text.length % 4))]);
  const number = Buffer.alloc(4);
  number.writeFloatBE(value);
  const { wires } = await it.ask("/api/info");
  const port = Number(wires.find(({ name }) => name === "osc").addresses[0].match(/:(\d+)$/)[1]);
  const socket = createSocket("udp4");
  await new Promise((sent) => { socket.send(Buffer.concat([padded(address), padded(",f"), number]), port, "127.0.0.1", sent); });
  socket.close();
}

test("the OSC line names an address that moves the session", async () => {
  const [, host, port, address, value] = (await snippet("pencil", "OSC")).match(/^oscsend (\S+) (\d+) (\S+) f (\S+)$/);
  assert.ok(host === "127.0.0.1" && Number(port) > 0);
  await fader(address, Number(value));
  await it.until(async () => (await it.ask("/api/sessions/pencil")).inputs.darkness === Number(value), "the value");
});

test("a control is learned: a fader is moved, the control clicked, and from then on the one moves the other", async () => {
  await it.go("#/connect/dream");
  await it.press(it.page, "Learn");
  await it.page.getByText("Move a fader of your controller").waitFor();
  await it.until(async () => { await fader("/1/fader1", Math.random()); return it.page.getByText("/1/fader1 moves").isVisible(); }, "the fader is heard");
  await it.session("dream").locator('[data-target="walk/speed"]').click();
  await it.until(async () => (await it.ask("/api/mappings")).mappings.length === 1, "it is mapped");
  await it.press(it.page, "Done");
  await fader("/1/fader1", 0.25);
  await it.until(async () => (await it.ask("/api/sessions/dream/walk")).settings.speed === 1, "a quarter of the way");
  await it.go("#/connect/dream");
  await it.press(it.page, "forget /1/fader1");
  await it.until(async () => !(await it.ask("/api/mappings")).mappings.length, "it is forgotten");
});

test("the curl line makes a drawing, the Python lines print colours", async () => {
  const place = folder();
  writeFileSync(join(place, "photo.jpg"), await photo(it.page));
  execFileSync("sh", ["-e", "-c", await snippet("pencil", "curl")], { cwd: place, stdio: "pipe" });
  assert.deepEqual([...readFileSync(join(place, "out.jpg")).subarray(0, 2)], [0xff, 0xd8]);
  const said = execFileSync(python, ["-c", await snippet("palette", "Python")], { cwd: place, env: { ...process.env, PYTHONPATH: join(ROOT, "clients", "python") } });
  assert.match(said.toString(), /#[0-9a-f]{6}/);
});

test("every snippet names the real address, and copying takes all of it", async () => {
  await it.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const code = await snippet("dream", "curl");
  await it.press(it.page, "copy");
  await it.page.getByText("copied", { exact: true }).waitFor();
  assert.equal(await it.page.evaluate(() => navigator.clipboard.readText()), code);
  for (const program of ["p5.js", "curl", "Python", "Processing", "JavaScript", "Socket.IO", "TouchDesigner"]) {
    const text = await snippet("dream", program);
    assert.ok(text.includes(it.bridge.url.split("//")[1]), program);
  }
});

test("the QR code leads to the touch page, for a phone that reads it", async () => {
  await it.go("#/connect/dream");
  await it.page.getByLabel("address for the phone").fill("http://192.168.1.20:8000");
  const code = it.page.getByRole("img", { name: /^QR code/ });
  const place = join(folder(), "code.png");
  await code.screenshot({ path: place });
  const read = "import cv2, sys; print(cv2.QRCodeDetectorAruco().detectAndDecode(cv2.imread(sys.argv[1]))[0])";
  assert.equal(execFileSync(python, ["-c", read, place]).toString().trim(), "http://192.168.1.20:8000/#/touch/dream");
  await shoot(it.page, "connect-phone");
});

test("a message is seen as it comes in and goes out, and from where", async () => {
  await it.go("#/connect/pencil");
  await it.page.getByRole("switch", { name: "watch" }).check();
  const line = it.page.getByLabel("messages").getByText(/darkness 0\.125/);
  await it.until(async () => {
    await it.ask("/api/sessions/pencil/inputs", { darkness: 0.125 });
    return line.first().isVisible();
  }, "the message");
  assert.match(await it.page.getByLabel("messages").textContent(), /http/);
});

test("on the touch page a finger moves through the latent space, and sliders move the walk", async () => {
  const phone = await it.open("#/touch/dream", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const pad = phone.getByLabel("pad: two ways through the latent space");
  await moves(phone, pad.getByRole("img"));
  const { x, y, width, height } = await pad.boundingBox();
  await phone.touchscreen.tap(x + width * 0.8, y + height * 0.3);
  await it.until(async () => (await it.ask("/api/sessions/dream/walk")).held, "the hand holds it");
  const seen = async () => Buffer.from(await (await fetch(`${it.bridge.url}/api/sessions/dream/outputs/image.png`)).arrayBuffer()).toString("base64");
  await pad.focus();
  let before;
  await it.until(async () => before === (before = await seen()), "the picture stands still");
  await phone.keyboard.press("ArrowRight");
  await it.until(async () => (await seen()) !== before, "another picture");
  await shoot(phone, "touch");
  await phone.getByLabel("speed", { exact: true }).fill("3");
  await it.until(async () => (await it.ask("/api/sessions/dream/walk")).settings.speed === 3, "the speed");
  await it.press(phone, "play");
  await it.until(async () => !(await it.ask("/api/sessions/dream/walk")).held, "the walk goes on");
  await phone.getByRole("switch", { name: "motion" }).check();
  const tilt = () => dispatchEvent(new DeviceOrientationEvent("deviceorientation", { beta: 60, gamma: 20 })); // again and again, as a phone does
  await it.until(async () => (await phone.evaluate(tilt), (await it.ask("/api/sessions/dream/walk")).held), "tilting holds it");
});

test("the touch page of any other model has its controls", async () => {
  const phone = await it.open("#/touch/pencil", { viewport: { width: 390, height: 844 } });
  await phone.getByLabel("darkness", { exact: true }).fill("0.7");
  await it.until(async () => (await it.ask("/api/sessions/pencil")).inputs.darkness === 0.7, "the slider");
});
