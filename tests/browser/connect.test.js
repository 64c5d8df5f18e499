// From other programs: what the page says to paste works as it stands; the phone's page plays the session.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { studio } from "./studio.js";
import { oscOf, placesOf, reached } from "../../bridge/studio/connect/places.js";
import { ROOT, complaints, cutOff, folder, giveToDraw, moves, photo, python, shoot, testModel } from "./support.js";

const it = studio({ flags: ["--osc-host", "0.0.0.0", ...testModel("everything")], sessions: ["dream", "writer", "palette", "pencil"] }); // bound to an address that nobody can send to
const p5 = readFileSync(join(import.meta.dirname, "node_modules", "p5", "lib", "p5.min.js"));

async function snippet(session, program) {
  await it.go(`#/connect/${session}`);
  await it.pick(it.page, session);
  await it.tab(it.page, program);
  return it.page.getByLabel(`for ${program}`).textContent();
}

// A page of somebody else on this machine that has just this script.
async function elsewhere(t, code, body = "", hears = () => {}) {
  const isSketch = /^function setup/m.test(code);
  const files = { "/": `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="p5.js"></script><body>${body}</body><script type="module">${isSketch ? "" : code}</script><script src="sketch.js"></script>`, "/p5.js": p5, "/sketch.js": isSketch ? code : "" };
  const server = createServer(({ url }, answer) => answer.setHeader("Content-Type", url === "/" ? "text/html" : "text/javascript").end(files[url] ?? ""));
  await new Promise((ready) => { server.listen(0, "127.0.0.1", ready); });
  t.after(() => { server.close(); server.closeAllConnections(); });
  const page = await it.browser.newPage();
  const heard = complaints(page);
  page.on("console", (line) => hears(line.text()));
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

test("what is bound everywhere is told as the page has found it; beyond this machine senders have to be allowed", () => {
  const to = (address, hostname, token = "") => oscOf([{ name: "osc", state: "on", addresses: [address] }], { hostname, token });
  const where = (...given) => { const { host, port } = to(...given); return `${host} ${port}`; };
  assert.equal(where("osc.udp://0.0.0.0:9001", "192.168.1.5"), "192.168.1.5 9001");
  assert.equal(where("osc.udp://0.0.0.0:9001", "localhost"), "127.0.0.1 9001");
  assert.equal(where("osc.udp://[::]:9001", "studio.local"), "studio.local 9001");
  assert.equal(where("osc.udp://[::]:9001", "[fd00::5]"), "fd00::5 9001"); // as oscsend takes it
  assert.equal(where("osc.udp://[fd00::7]:9001", "[fd00::5]"), "fd00::7 9001");
  assert.match(to("osc.udp://0.0.0.0:9001", "192.168.1.5").note, /--osc-allow/);
  assert.match(to("osc.udp://127.0.0.1:9001", "127.0.0.1", "secret").note, /--osc-allow/);
  assert.match(to("osc.udp://127.0.0.1:9001", "192.168.1.5").note, /--osc-host/);
  assert.equal(to("osc.udp://127.0.0.1:9001", "127.0.0.1").note, "");
  assert.equal(reached("http://[::]:9001/dream", "[fd00::5]"), "http://[fd00::5]:9001/dream");
  assert.equal(reached("_osc._udp 192.0.2.2:9001", "192.168.1.5"), "_osc._udp 192.0.2.2:9001");
});

test("the addresses of a session are its own, and those of its pictures can be opened", async () => {
  await moves(it.page, it.session("dream").getByRole("img", { name: "live image of dream" }));
  await it.go("#/connect/dream");
  const list = it.page.getByLabel("addresses");
  await list.getByText("stream of image").waitFor();
  const lines = Object.fromEntries(await list.locator("li").evaluateAll((all) => all.map((one) => [one.querySelector("b").textContent, one.querySelector("code").textContent])));
  assert.ok(!JSON.stringify(lines).includes("0.0.0.0"), JSON.stringify(lines));
  assert.match(lines.osc, /^osc\.udp:\/\/127\.0\.0\.1:\d+\/dream\/…$/);
  for (const [name, type] of [["HTTP", "application/json"], ["stream of image", "multipart/x-mixed-replace"], ["last image", "image/jpeg"], ["events", "text/event-stream"], ["oscquery", "application/json"]]) {
    const answer = await fetch(lines[name], { signal: AbortSignal.timeout(10_000) });
    assert.ok(answer.ok && answer.headers.get("content-type").startsWith(type), `${name}: ${answer.status} ${answer.headers.get("content-type")}`);
    await answer.body.cancel();
  }
  assert.ok("WHEP, image out" in lines && !("OpenAI" in lines));
  await it.pick(it.page, "writer");
  await list.getByText("OpenAI").waitFor();
  await it.pick(it.page, "pencil");
  await list.getByText("WHIP, image in").waitFor();
});

test("of Runway's addresses only those of the session are told", () => {
  const wires = [{ name: "runway", state: "on", addresses: ["dream http http://0.0.0.0:8001", "dream2 http http://0.0.0.0:8002"] }];
  const about = { name: "dream", images: [], pictures: [], outputs: ["image"], writes: false };
  const told = placesOf(about, { origin: "http://192.168.1.5:8000", hostname: "192.168.1.5", wires, has: () => true });
  assert.deepEqual(told.filter(([what]) => what === "runway"), [["runway", "http http://192.168.1.5:8001"]]);
});

test("a control is learned: a fader is moved, the control clicked, and from then on the one moves the other", async () => {
  await it.go("#/connect/dream");
  await it.press(it.page, "Learn");
  await it.page.getByText("Move a fader of your controller").waitFor();
  await it.until(async () => { await fader("/1/fader1", Math.random()); return it.page.getByText("/1/fader1 moves").isVisible(); }, "the fader is heard");
  const { speed } = (await it.ask("/api/sessions/dream/walk")).settings;
  await it.session("dream").getByLabel("speed", { exact: true }).click(); // in its middle, where the hand of the slider is not
  await it.until(async () => (await it.ask("/api/mappings")).mappings.length === 1, "it is mapped");
  assert.equal((await it.ask("/api/sessions/dream/walk")).settings.speed, speed, "the press that maps moves nothing");
  await it.press(it.page, "Done");
  await fader("/1/fader1", 0.25);
  await it.until(async () => (await it.ask("/api/sessions/dream/walk")).settings.speed === 1, "a quarter of the way");
  await it.go("#/connect/dream");
  await it.press(it.page, "forget /1/fader1");
  await it.until(async () => !(await it.ask("/api/mappings")).mappings.length, "it is forgotten");
  await it.press(it.page, "Undo");
  await it.until(async () => (await it.ask("/api/mappings")).mappings.length === 1, "it is known again");
  await fader("/1/fader1", 0.5);
  await it.until(async () => (await it.ask("/api/sessions/dream/walk")).settings.speed === 2, "over the same range");
  await it.press(it.page, "forget /1/fader1");
  await it.until(async () => !(await it.ask("/api/mappings")).mappings.length, "it is forgotten");
});

test("one fader is learned for switches, choices and numbers without a range, one after the other; what none can move says so", async () => {
  const everything = it.session("everything");
  const heard = () => it.until(async () => { await fader("/1/fader7", Math.random()); return it.page.getByText("/1/fader7 moves. Now").isVisible(); }, "the fader is heard");
  await it.go("#/connect/everything");
  await it.press(it.page, "Learn");
  await heard();
  const { inputs } = await it.ask("/api/sessions/everything");
  await everything.getByLabel("text", { exact: true }).click();
  await it.page.getByText("no fader can move this").waitFor();
  await it.press(everything, "close everything");
  assert.equal(await everything.count(), 1, "a press does nothing else meanwhile");
  for (const [name, control] of [["bright", everything.getByRole("switch", { name: "bright" })], ["weather", everything.getByRole("radio", { name: "sun" })], ["count", everything.getByLabel("count", { exact: true })]]) {
    await heard();
    await control.click();
    await it.until(async () => (await it.ask("/api/mappings")).mappings.some(({ input }) => input === name), name);
  }
  assert.deepEqual((await it.ask("/api/sessions/everything")).inputs.text, inputs.text);
  await it.press(it.page, "Done");
  await fader("/1/fader7", 1);
  const stands = async () => { const { bright, weather, count } = (await it.ask("/api/sessions/everything")).inputs; return JSON.stringify([bright, weather, count]); };
  await it.until(async () => (await stands()) === '[true,"sun",6]', "all three, up");
  await fader("/1/fader7", 0);
  await it.until(async () => (await stands()) === '[false,"rain",0]', "all three, down");
  for (const { id } of (await it.ask("/api/mappings")).mappings) await fetch(`${it.bridge.url}/api/mappings?${new URLSearchParams({ id })}`, { method: "DELETE" });
});

test("the curl line makes a drawing, the Python lines print colours", async () => {
  const place = folder();
  writeFileSync(join(place, "photo.jpg"), await photo(it.page));
  execFileSync("sh", ["-e", "-c", await snippet("pencil", "curl")], { cwd: place, stdio: "pipe" });
  assert.deepEqual([...readFileSync(join(place, "out.jpg")).subarray(0, 2)], [0xff, 0xd8]);
  const said = execFileSync(python, ["-c", await snippet("palette", "Python")], { cwd: place, env: { ...process.env, PYTHONPATH: join(ROOT, "clients", "python") } });
  assert.match(said.toString(), /#[0-9a-f]{6}/);
});

test("the lines of a text model give it a text and show what it wrote: curl, Python, OpenAI's address, Java as in Processing", { timeout: 120_000 }, async () => {
  const options = { cwd: folder(), env: { ...process.env, PYTHONPATH: join(ROOT, "clients", "python") }, stdio: "pipe" };
  assert.ok(execFileSync("sh", ["-e", "-c", await snippet("writer", "curl")], options).toString().trim().length > 10);
  assert.ok(execFileSync(python, ["-c", await snippet("writer", "Python")], options).toString().trim().length > 10);
  const address = (await snippet("writer", "OpenAI client")).match(/base_url="([^"]+)"/)[1];
  const answer = await fetch(`${address}/completions`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ model: "writer", prompt: "function setup() {", max_tokens: 20 }) });
  assert.ok((await answer.json()).choices[0].text.length > 5);
  const sketch = await snippet("writer", "Processing");
  const [imports, body] = [sketch.match(/^import .*$/gm).join("\n"), sketch.replace(/^import .*$/gm, "")];
  if (!hasJava()) return;
  writeFileSync(join(options.cwd, "Sketch.java"), `${imports}\npublic class Sketch { static void println(Object said) { System.out.println(said); }\n${body}\npublic static void main(String[] given) { new Sketch().setup(); } }`);
  const said = execFileSync("java", ["Sketch.java"], options).toString().trim();
  assert.ok(said.length > 10 && !said.includes("Exception"), said);
});

function hasJava() {
  try { return Boolean(execFileSync("java", ["--version"], { stdio: "pipe" })); } catch { return false; }
}

for (const program of ["JavaScript", "Socket.IO"]) {
  test(`the ${program} lines of a text model send it a beginning, and no piece of what it writes is missing`, async (t) => {
    const lines = await snippet("writer", program);
    const inPage = program === "JavaScript" ? [lines, ""] : [lines.match(/<script>([\s\S]*)<\/script>/)[1], `<script src="${lines.match(/src="([^"]+)"/)[1]}"></script>`];
    const said = [];
    const page = await elsewhere(t, ...inPage, (line) => said.push(line));
    await it.until(async () => (await it.ask("/api/sessions/writer")).inputs.prompt === "function setup() {", "the beginning");
    await it.until(async () => said.length > 20 && said.at(-1).length > 40, "what it wrote");
    said.reduce((before, now) => { assert.ok(now.startsWith(before) || now.length < before.length, `${before} → ${now}`); return now; });
    await page.close();
  });
}

test("the p5.js lines of a text model write along, as text", async (t) => {
  const page = await elsewhere(t, await snippet("writer", "p5.js"));
  await page.locator("input").waitFor();
  await page.evaluate(() => { // the first answer is still being read as the next letter is typed
    const { json } = Response.prototype;
    Response.prototype.json = async function late() {
      Response.prototype.json = json;
      window.reading = true;
      await new Promise((typed) => { addEventListener("input", () => setTimeout(typed), { once: true }); });
      return json.call(this);
    };
  });
  await page.locator("input").press("f");
  await it.until(() => page.evaluate(() => window.reading), "the first answer");
  await page.locator("input").pressSequentially("unction setup() {");
  await it.until(async () => (await page.locator("p").textContent()).length > 10, "what it wrote");
});

test("the OSC line of a text model sets its prompt", async () => {
  const [, address, value] = (await snippet("writer", "OSC")).match(/^oscsend \S+ \S+ (\S+) s "(.+)"$/);
  assert.deepEqual([address, value], ["/writer/prompt", "function setup() {"]);
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

test("on the touch page the walk follows a finger over the grid, and sliders move it", async () => {
  const phone = await it.open("#/touch/dream", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const pad = phone.getByLabel(/^pad:/);
  await moves(phone, pad.getByRole("img"));
  const { x, y, width, height } = await pad.boundingBox();
  await phone.touchscreen.tap(x + width * 0.8, y + height * 0.3);
  const walk = async () => (await it.ask("/api/sessions/dream/walk")).settings;
  const target = async () => JSON.stringify((await walk()).target);
  await it.until(async () => (await walk()).kind === "follow" && (await target()) !== "null", "it follows");
  const there = await target();
  const { grid } = await it.ask("/api/sessions/dream/grid");
  const steps = 1.2 / grid.distance;
  const told = await it.ask("/api/sessions/dream/walk", { target: { grid: [-0.4 * steps, 0.6 * steps] } });
  assert.ok(apart(told.settings.target, JSON.parse(there)) < 1, "where the finger was"); // it touched whole pixels
  await pad.focus();
  await phone.keyboard.press("ArrowRight");
  await it.until(async () => (await target()) !== JSON.stringify(told.settings.target), "another target");
  await moves(phone, pad.getByRole("img"));
  await shoot(phone, "touch");
  const settled = await target();
  await phone.mouse.move(x + 20, y + 20);
  await phone.mouse.down();
  await it.until(async () => (await target()) !== settled, "the finger");
  await pad.dispatchEvent("pointercancel", { pointerId: 1 }); // the mouse's
  const left = await target();
  await phone.mouse.move(x + 200, y + 200);
  await phone.mouse.up();
  await phone.getByLabel("speed", { exact: true }).fill("3");
  await it.until(async () => (await it.ask("/api/sessions/dream/walk")).settings.speed === 3, "the speed");
  assert.equal(await target(), left, "a finger that was taken away steers no more");
  await it.press(phone, "pause");
  await it.until(async () => !(await walk()).playing, "the pause");
  await phone.getByRole("switch", { name: "motion" }).check();
  const tilt = () => dispatchEvent(new DeviceOrientationEvent("deviceorientation", { beta: 60, gamma: 20 })); // again and again, as a phone does
  await it.until(async () => (await phone.evaluate(tilt), (await target()) !== left && (await walk()).playing), "tilting steers it");
});

const apart = (one, other) => Math.hypot(...one.map((part, index) => part - other[index]));

test("a session that does not run says so where one connects, on the phone and in the directory, and is started from the phone", async () => {
  const phone = await it.open("#/touch/palette", { viewport: { width: 390, height: 844 } });
  await phone.getByLabel("count", { exact: true }).waitFor();
  const stop = await fetch(`${it.bridge.url}/api/sessions/palette/stop`, { method: "POST" });
  assert.ok(stop.ok);
  await phone.getByText("palette: stopped").waitFor();
  await it.go("#/connect/palette");
  await it.page.getByText("palette: stopped").waitFor();
  await it.go("#/models/palette");
  await it.page.getByRole("link", { name: "palette is stopped" }).waitFor();
  await phone.getByRole("button", { name: "Start" }).click();
  await it.page.getByRole("link", { name: "palette runs" }).waitFor();
  await phone.getByText("palette: stopped").waitFor({ state: "detached" });
  const heal = await cutOff(phone);
  await phone.getByText("The bridge does not answer").waitFor();
  await heal();
  await phone.getByText("The bridge does not answer").waitFor({ state: "detached" });
});

test("a phone that feels no tilting says so", async () => {
  const phone = await it.open("#/touch/dream", { viewport: { width: 390, height: 844 } });
  const motion = phone.getByRole("switch", { name: "motion" });
  await motion.click();
  await phone.evaluate(() => dispatchEvent(new DeviceOrientationEvent("deviceorientation", {}))); // as a browser without one does, once
  await phone.getByText("can't feel how it is tilted").waitFor();
  assert.ok(!(await motion.isChecked()));
});

test("the touch page of any other model has its controls", async () => {
  const phone = await it.open("#/touch/pencil", { viewport: { width: 390, height: 844 } });
  await phone.getByLabel("darkness", { exact: true }).fill("0.7");
  await it.until(async () => (await it.ask("/api/sessions/pencil")).inputs.darkness === 0.7, "the slider");
});

test("the touch page of a text model is an editor for thumbs", async () => {
  const phone = await it.open("#/touch/writer", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await phone.getByRole("button", { name: "function setup()" }).tap(); // an example to begin with
  const area = phone.getByLabel(/^text for writer/);
  const tail = phone.locator(".tail");
  await it.until(async () => (await tail.textContent()).length > 3 && (await phone.locator(".sr[role=status]").textContent()).length > 3, "grey text");
  const wanted = (await area.inputValue()) + (await tail.textContent());
  await phone.getByRole("button", { name: "take it" }).tap();
  assert.equal(await area.inputValue(), wanted);
  await it.until(async () => (await tail.textContent()).length > 3, "more");
  await phone.getByRole("button", { name: "a word" }).tap();
  assert.ok((await area.inputValue()).length > wanted.length);
  await phone.getByLabel("temperature", { exact: true }).fill("0");
  assert.equal((await it.ask("/api/sessions/writer")).inputs.temperature, 0.7, "it is of this editor alone");
  await shoot(phone, "touch-writer");
});
