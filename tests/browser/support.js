// A real bridge, a real browser, and the README's words.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

export const ROOT = join(import.meta.dirname, "..", "..");
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
// As root there is no sandbox to be had, and nothing but this machine is to be asked.
const QUIET = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

function program(names) {
  for (const folder of process.env.PATH.split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch { /* the next one */ }
    }
  }
  throw new Error(`none of these programs is installed: ${names.join(", ")}`);
}

export const openBrowser = (...more) => chromium.launch({ executablePath: program(BROWSERS), args: [...QUIET, ...more] });

export const python = process.env.PYTHON ?? join(ROOT, ".venv", "bin", "python");

// A test model of this folder, as `--model` takes it.
export const testModel = (name, called = name) => ["--model", `${called}=${join(import.meta.dirname, "models", name)}`];

// A folder that is gone when the tests are over.
export function folder() {
  const made = mkdtempSync(join(tmpdir(), "sketchbridge-browser-"));
  process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  return made;
}

// A bridge on a free port with a state folder of its own; `close` ends it and waits until it has ended.
export async function startBridge(flags = [], state = folder()) {
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("SKETCHBRIDGE_"));
  const child = spawn(python, ["-m", "bridge", "serve", "--port", "0", "--osc-port", "0", "--log", "json", "--state", state, ...flags], {
    cwd: ROOT, env: Object.fromEntries(environment), stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  const close = async () => {
    child.kill();
    await ended;
  };
  const said = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    const { event, url } = line.startsWith("{") ? JSON.parse(line) : {};
    if (event !== "ready") continue;
    child.stderr.resume();
    return { url, close };
  }
  await close();
  throw new Error(`the bridge ended before it was ready:\n${said.join("\n")}`);
}

// The session that walks, ready to be looked at.
export const openDream = (url) => openSession(url, "dream");

export async function openSession(url, model, name = model) {
  const answer = await fetch(`${url}/api/sessions?wait=true`, { method: "POST", body: JSON.stringify({ model, name }) });
  if (!answer.ok) throw new Error(await answer.text());
}

// What the API answers to a question, or to being told something.
export async function ask(url, path, told) {
  const answer = await fetch(url + path, told && { method: "PATCH", body: JSON.stringify(told) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

// Until a canvas shows something else than now.
export async function moves(page, canvas) {
  const look = () => canvas.evaluate((shown) => shown.width && shown.toDataURL());
  const before = await until(page, look, "a first picture");
  await until(page, async () => (await look()) !== before, "another picture");
}

// Until the check gives something true; the page's own clock sets the pace.
export async function until(page, check, what) {
  const end = Date.now() + 30000; // as long as the browser's own waits; a slow machine may need it
  for (;;) {
    const result = await check();
    if (result) return result;
    if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
}

// The connection of a page ends, now or `before` the first message of a kind is sent, and none can be made until what is
// given back is called: however slow a machine is, it sees what the page says meanwhile.
export async function cutOff(page, before = null) {
  await page.evaluate((kind) => {
    const { WebSocket } = window;
    const { close, send } = WebSocket.prototype;
    window.heal = () => { window.WebSocket = WebSocket; };
    class Nobody { // ends as a connection to nobody does
      static OPEN = WebSocket.OPEN;
      readyState = WebSocket.CLOSED;
      constructor() { setTimeout(() => this.onclose({ code: 1006 })); }
    }
    WebSocket.prototype.send = function cut(...given) {
      if (kind && (typeof given[0] !== "string" || JSON.parse(given[0]).type !== kind)) return send.apply(this, given);
      WebSocket.prototype.send = send;
      window.WebSocket = Nobody;
      return close.call(this);
    };
  }, before);
  return () => page.evaluate(() => window.heal());
}

// The README's code that follows **name**, with the bridge's real address.
export function example(name, url) {
  const after = readFileSync(join(ROOT, "README.md"), "utf8").split(`**${name}**`)[1];
  const code = after.split("```")[1];
  return code.slice(code.indexOf("\n") + 1).replaceAll("http://127.0.0.1:8000", url);
}

// A photo drawn by the browser: a disc and a bar before a sky.
export async function photo(page) {
  const bytes = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(320, 240);
    const pen = canvas.getContext("2d");
    const sky = pen.createLinearGradient(0, 0, 0, 240);
    sky.addColorStop(0, "#5a8fd0");
    sky.addColorStop(1, "#f4f4ff");
    pen.fillStyle = sky;
    pen.fillRect(0, 0, 320, 240);
    pen.fillStyle = "#fac828";
    pen.beginPath();
    pen.arc(100, 110, 60, 0, 7);
    pen.fill();
    pen.fillStyle = "#3c2828";
    pen.fillRect(200, 60, 60, 160);
    const blob = await canvas.convertToBlob({ type: "image/jpeg" });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  return Buffer.from(bytes);
}

// Gives the pencil something to draw, as the README's curl does.
export async function giveToDraw(url, picture, session = "pencil") {
  const form = new FormData();
  form.append("image", new Blob([picture], { type: "image/jpeg" }), "photo.jpg");
  const answer = await fetch(`${url}/api/sessions/${session}/inputs`, { method: "PATCH", body: form });
  if (!answer.ok) throw new Error(await answer.text());
}

// How dark what an element shows is: 0 is white, 255 black. Measured on a picture of the page, so a picture from
// another origin counts too.
export async function darkness(page, locator) {
  const shot = (await locator.screenshot({ animations: "allow" })).toString("base64");
  return page.evaluate(async (base64) => {
    const image = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]));
    const pen = new OffscreenCanvas(image.width, image.height).getContext("2d");
    pen.drawImage(image, 0, 0);
    const { data } = pen.getImageData(0, 0, image.width, image.height);
    let light = 0;
    for (let at = 0; at < data.length; at += 4) light += data[at] + data[at + 1] + data[at + 2];
    return 255 - light / 3 / (data.length / 4);
  }, shot);
}

// What the browser's console has to say, breaches of the page's own rules included, and answers that are errors.
export function complaints(page) {
  const heard = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) heard.push(`${message.text()} ${message.location().url}`.trim()); });
  page.on("pageerror", (error) => heard.push(String(error)));
  page.on("response", (response) => { if (response.status() >= 400) heard.push(`${response.status()} ${response.url()}`); });
  return heard;
}

// A picture of the page for people to look at, where a folder for such pictures was named.
export async function shoot(page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true });
}
