// The workspace: sessions with what goes in and what comes out, used as a person uses them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FAKE_MEDIA, studio } from "./studio.js";
import { darkness, folder, moves, openSession, photo, shoot, startBridge } from "./support.js";

const state = folder();
const it = studio({ sessions: ["dream"], launch: FAKE_MEDIA, state });
const picture = async () => ({ name: "photo.jpg", mimeType: "image/jpeg", buffer: await photo(it.page) });
const drawing = () => it.session("pencil").getByRole("img", { name: "live image of pencil" });
const drawn = (width) => it.until(() => drawing().evaluate((canvas, wanted) => canvas.width === wanted, width), "the drawing");
const give = async (name) => it.session(name).getByLabel("image", { exact: true }).setInputFiles(await picture());

test("what walks is the first on the page, and every session says how it is", async () => {
  await it.until(async () => (await it.page.locator(".session h2").count()) === 4, "four sessions");
  assert.equal(await it.page.locator(".session h2").first().textContent(), "dream");
  await it.session("dream").getByText(/\d fps/).waitFor();
  await it.session("pencil").getByText("ready", { exact: true }).waitFor();
});

test("a chosen picture is drawn; a slider, and a number that is typed, change the drawing", async () => {
  await give("pencil");
  await drawn(320);
  const middle = await darkness(it.page, drawing());
  await it.session("pencil").getByLabel("darkness", { exact: true }).fill("1");
  await it.until(async () => (await darkness(it.page, drawing())) > middle + 5, "a darker drawing");
  const typed = it.session("pencil").getByLabel("darkness, as a number");
  await typed.fill("0.5");
  await typed.press("Enter");
  await it.until(async () => (await it.ask("/api/sessions/pencil")).inputs.darkness === 0.5, "the number");
  await shoot(it.page, "play-pencil");
});

test("what came out before somebody looked is there when they look", async () => {
  await give("pencil");
  await drawn(320);
  await it.page.reload();
  await drawn(320);
});

test("a chosen picture's colours are shown, as many as wanted", async () => {
  await give("palette");
  const swatches = it.session("palette").locator(".swatches button");
  await it.until(async () => (await swatches.count()) === 5, "five colours");
  await it.session("palette").getByLabel("count", { exact: true }).fill("3");
  await it.until(async () => (await swatches.count()) === 3, "three colours");
});

test("the camera is drawn as it moves, until it is ended", async () => {
  const pencil = it.session("pencil");
  await it.press(pencil, "camera");
  await drawn(640);
  await moves(it.page, drawing());
  await it.press(pencil, "end");
  await pencil.getByLabel("the camera's picture").waitFor({ state: "detached" });
});

test("an input that is not live waits for Run, and what is missing is told at that input", async () => {
  await it.ask("/api/sessions/pencil/inputs", { darkness: 0.5 });
  const pencil = it.session("pencil");
  await it.press(pencil, "image is live");
  await it.press(pencil, "Run");
  await pencil.locator('[data-input="image"]').getByText("image is still needed").waitFor();
  await give("pencil");
  const { runs } = (await it.ask("/api/sessions/pencil")).stats;
  await it.press(pencil, "Run");
  await it.until(async () => (await it.ask("/api/sessions/pencil")).stats.runs === runs + 1, "one run");
  await drawn(320);
});

test("dream goes into pencil, and out of it again", async () => {
  await give("pencil");
  const chosen = it.session("pencil").getByAltText("the chosen image");
  await chosen.waitFor();
  const source = it.session("pencil").getByLabel("image from a session");
  await source.selectOption("dream · image");
  await it.until(async () => (await drawing().evaluate((canvas) => canvas.width)) !== 320, "a drawing of dream");
  await it.session("pencil").getByText("shows what dream gives out").waitFor();
  assert.ok(!(await chosen.isVisible()), "what was chosen before does not go in any more");
  await moves(it.page, drawing());
  assert.deepEqual((await it.ask("/api/chains")).chains.map(({ source: from, target }) => [from, target]), [["dream", "pencil"]]);
  await shoot(it.page, "play-chain");
  await source.selectOption("none");
  await it.until(async () => !(await it.ask("/api/chains")).chains.length, "no chain");
});

test("closing can be undone, and is done when nobody does", async () => {
  await it.press(it.session("palette"), "close palette");
  await it.session("palette").waitFor({ state: "detached" });
  await it.press(it.page, "Undo");
  await it.session("palette").getByText("ready", { exact: true }).waitFor();
  await it.press(it.session("palette"), "close palette");
  await it.session("palette").waitFor({ state: "detached" });
  await it.until(async () => !(await it.ask("/api/sessions")).sessions.some(({ name }) => name === "palette"), "it is closed");
  await openSession(it.bridge.url, "palette");
  await it.session("palette").getByText("ready", { exact: true }).waitFor();
});

// Closes it on a page whose time is the test's; what is given back undoes that.
async function closedForNow(name) {
  await it.page.clock.install();
  await it.press(it.session(name), `close ${name}`);
  return it.page.getByRole("button", { name: "Undo", exact: true });
}

test("what can be undone waits while someone points at it", async () => {
  const undo = await closedForNow("palette");
  await undo.hover();
  await it.page.clock.fastForward("10:00");
  await undo.waitFor();
  await it.page.mouse.move(1, 1);
  await it.page.clock.fastForward("00:05");
  await undo.click();
  await it.page.clock.resume();
  await it.session("palette").getByText("ready", { exact: true }).waitFor();
  assert.ok((await it.ask("/api/sessions")).sessions.some(({ name }) => name === "palette"), "it was never closed");
});

test("what can be undone waits while it has the focus", async () => {
  const undo = await closedForNow("palette");
  await undo.focus();
  await it.page.clock.fastForward("10:00");
  await undo.press("Enter");
  await it.page.clock.resume();
  await it.session("palette").getByText("ready", { exact: true }).waitFor();
});

test("a model that is closed and added again at once is a new session, which stays", async () => {
  const process = async () => (await it.ask("/api/sessions/palette")).place;
  const before = await process();
  await it.press(it.session("palette"), "close palette");
  await it.session("palette").waitFor({ state: "detached" });
  await it.go("#/models/palette");
  await it.press(it.page, "Add to workspace");
  await it.session("palette").getByText("ready", { exact: true }).waitFor();
  assert.notEqual(await process(), before);
  assert.equal(await it.page.getByRole("button", { name: "Undo" }).count(), 0);
  const now = await process();
  await it.page.goto("about:blank"); // what is still to be closed is closed now
  it.page = await it.open();
  await it.session("palette").getByText("ready", { exact: true }).waitFor();
  assert.equal(await process(), now);
});

test("a session that is closed and opened again begins as new: what waits for Run, what was written", async () => {
  await openSession(it.bridge.url, "writer");
  const writer = it.session("writer");
  const text = writer.getByLabel(/^text for writer/);
  await text.fill("let x = 1;");
  const darkness = it.session("pencil").getByLabel("darkness", { exact: true });
  await it.press(it.session("pencil"), "darkness is live");
  await darkness.fill("0.9");
  const anew = async (model) => {
    await fetch(`${it.bridge.url}/api/sessions/${model}`, { method: "DELETE" });
    await openSession(it.bridge.url, model);
    await it.session(model).getByText("ready", { exact: true }).waitFor();
  };
  await anew("pencil"); // by a sketch, so fast that the page need not have seen it gone
  await it.until(async () => (await darkness.inputValue()) === "0.5", "the model's own darkness");
  assert.equal(await it.session("pencil").getByRole("button", { name: "darkness is live" }).getAttribute("aria-pressed"), "true");
  await anew("writer");
  await it.until(async () => (await text.inputValue()) === "", "an empty page");
  await text.fill("let y = 2;");
  await it.press(writer, "close writer");
  await writer.waitFor({ state: "detached" });
  await it.page.goto("about:blank"); // closed as it is left
  it.page = await it.open("#/play");
  await it.until(async () => !(await it.ask("/api/sessions")).sessions.some(({ name }) => name === "writer"), "it is closed");
  await openSession(it.bridge.url, "writer");
  const empty = it.session("writer").getByLabel(/^text for writer/);
  await empty.waitFor();
  assert.equal(await empty.inputValue(), "");
  await fetch(`${it.bridge.url}/api/sessions/writer`, { method: "DELETE" });
});

test("who leaves the page is connected no longer", async () => {
  const pages = async () => (await it.ask("/api/sessions/pencil")).guests.filter(({ wire }) => wire === "websocket").length;
  await it.session("pencil").getByLabel("darkness", { exact: true }).fill("0.6");
  await it.until(async () => (await pages()) === 1, "this page");
  await it.page.goto("about:blank");
  await it.until(async () => (await pages()) === 0, "nobody");
});

test("a session takes the name of one that was just closed", async () => {
  await it.press(it.session("palette"), "close palette");
  await it.session("palette").waitFor({ state: "detached" });
  await it.more("pencil", "rename…");
  await it.session("pencil").getByLabel("new name of pencil").fill("palette");
  await it.page.keyboard.press("Enter");
  await it.session("palette").getByRole("button", { name: "close palette" }).waitFor();
  assert.equal((await it.ask("/api/sessions/palette")).model, "pencil");
  await it.ask("/api/sessions/palette", { name: "pencil" });
  await it.session("pencil").waitFor();
  await openSession(it.bridge.url, "palette");
});

test("a page that is left closes what was to be closed", async () => {
  await it.press(it.session("palette"), "close palette");
  await it.session("palette").waitFor({ state: "detached" });
  await it.page.goto("about:blank");
  it.page = await it.open();
  await it.until(async () => !(await it.ask("/api/sessions")).sessions.some(({ name }) => name === "palette"), "it is closed");
  await openSession(it.bridge.url, "palette");
});

test("a session is renamed, stopped, started, and begun again with other options", async () => {
  await it.more("pencil", "rename…");
  const name = it.session("pencil").getByLabel("new name of pencil");
  await name.fill("graphi");
  await it.ask("/api/sessions/pencil/inputs", { darkness: 0.25 });
  await it.until(async () => (await it.session("pencil").getByLabel("darkness", { exact: true }).inputValue()) === "0.25", "the page is drawn again meanwhile");
  await name.pressSequentially("te");
  await name.press("Enter");
  const graphite = it.session("graphite");
  await graphite.getByText("ready", { exact: true }).waitFor();
  await it.more("graphite", "stop");
  await graphite.getByText("stopped", { exact: true }).waitFor();
  await it.press(graphite, "Start");
  await graphite.getByText("ready", { exact: true }).waitFor();
  await it.until(async () => (await it.ask("/api/sessions/graphite")).state === "ready", "it runs");
  await it.more("graphite", "options…");
  await it.pick(it.page.getByRole("dialog"), "kraft");
  await it.press(it.page.getByRole("dialog"), "Start again with these");
  await it.until(async () => (await it.ask("/api/sessions/graphite")).options.paper === "kraft", "other paper");
  await it.until(async () => (await it.ask("/api/sessions/graphite")).state === "ready", "it runs anew"); // "ready" may still be of before
  await graphite.getByText("ready", { exact: true }).waitFor();
  await it.ask("/api/sessions/graphite", { name: "pencil" });
  await it.session("pencil").waitFor();
});

test("a name that is taken is told, and the old one stays", async () => {
  it.allowed.push(/409/);
  await it.more("pencil", "rename…");
  await it.session("pencil").getByLabel("new name of pencil").fill("palette");
  await it.page.keyboard.press("Enter");
  await it.page.getByRole("alert").getByText("palette").waitFor();
  assert.equal((await it.ask("/api/sessions/pencil")).name, "pencil");
});

test("a worker that dies is told, and comes back with its picture", async () => {
  const dream = it.session("dream");
  const image = dream.getByRole("img", { name: "live image of dream" });
  await moves(it.page, image);
  const { place } = await it.ask("/api/sessions/dream");
  process.kill(Number(place.match(/process (\d+)/)[1]), "SIGKILL");
  await dream.getByText("coming back", { exact: true }).waitFor();
  await dream.getByText("ready", { exact: true }).waitFor();
  await moves(it.page, image);
});

test("another workspace is made, holds what is moved there, and is closed with undo", async () => {
  await it.press(it.page, "more about workspace Workspace");
  await it.press(it.page, "another workspace…");
  await it.page.getByLabel("name of the workspace").fill("Tuesday");
  await it.press(it.page, "Make it");
  await it.page.getByText("Nothing runs yet").waitFor();
  await it.page.getByRole("combobox", { name: "workspace" }).selectOption("Workspace");
  await it.more("palette", "into Tuesday");
  await it.session("palette").waitFor({ state: "detached" });
  await it.page.getByRole("combobox", { name: "workspace" }).selectOption("Tuesday");
  await it.session("palette").waitFor();
  await it.press(it.page, "more about workspace Tuesday");
  await it.press(it.page, "close Tuesday and its sessions");
  await it.session("palette").waitFor({ state: "detached" });
  await it.press(it.page, "Undo");
  await it.session("palette").waitFor();
  await it.ask("/api/sessions/palette", { workspace: "Workspace" });
});

test("a workspace that is to be closed does not come back in sight before its time, and its name is free at once", async () => {
  const names = () => it.page.getByRole("combobox", { name: "workspace" }).locator("option").allTextContents();
  const make = async (name) => {
    await it.page.getByRole("button", { name: /^more about workspace/ }).click();
    await it.press(it.page, "another workspace…");
    await it.page.getByLabel("name of the workspace").fill(name);
    await it.press(it.page, "Make it");
  };
  const all = async (wanted, newest) => {
    await it.until(async () => (await names()).includes(newest), newest);
    assert.deepEqual((await names()).sort(), wanted);
  };
  for (const { name } of (await it.ask("/api/workspaces")).workspaces) if (name !== "Workspace") await fetch(`${it.bridge.url}/api/workspaces/${name}`, { method: "DELETE" });
  await make("Friday");
  await make("Monday");
  await it.press(it.page, "more about workspace Monday");
  await it.press(it.page, "close Monday and its sessions");
  await make("Sunday");
  await all(["Friday", "Sunday", "Workspace"], "Sunday");
  await make("Monday");
  await all(["Friday", "Monday", "Sunday", "Workspace"], "Monday");
  assert.equal(await it.page.getByRole("button", { name: "Undo" }).count(), 0);
  for (const name of ["Friday", "Monday", "Sunday"]) await fetch(`${it.bridge.url}/api/workspaces/${name}`, { method: "DELETE" });
});

test("a page that nobody sees keeps no model at work, and goes on when it is seen again", async () => {
  const readers = async () => (await it.ask("/api/sessions/dream")).stats.readers;
  const seen = (hidden) => it.page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await it.until(async () => (await readers()) === 1, "the page reads");
  await seen(true);
  await it.until(async () => (await readers()) === 0, "nobody reads");
  await seen(false);
  await moves(it.page, it.session("dream").getByRole("img", { name: "live image of dream" }));
});

test("after a restart of the bridge the workspace is there again", async () => {
  await it.ask("/api/sessions/dream/walk", { kind: "circle", seconds: 7 });
  await it.ask("/api/sessions/pencil/inputs", { darkness: 0.25 });
  const before = (await it.ask("/api/sessions")).sessions.map(({ name }) => name);
  await it.page.goto("about:blank");
  await it.bridge.close();
  it.bridge = await startBridge([], state);
  it.page = await it.open();
  await it.session("dream").getByText("ready", { exact: true }).waitFor();
  assert.deepEqual((await it.ask("/api/sessions")).sessions.map(({ name }) => name).sort(), before.sort());
  assert.equal(await it.session("dream").getByRole("radio", { name: "circle" }).isChecked(), true);
  await it.until(async () => (await it.session("pencil").getByLabel("darkness", { exact: true }).inputValue()) === "0.25", "the slider");
});
