// A session that walks, at the page at /, used as a person uses it.

import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { ask, complaints, moves, openBrowser, openDream, shoot, startBridge, until } from "./support.js";

let bridge, browser, page, heard, dream;
before(async () => {
  bridge = await startBridge();
  await openDream(bridge.url);
});
before(async () => { browser = await openBrowser(); });
after(() => browser?.close());
after(() => bridge?.close());

beforeEach(async () => {
  page = await browser.newPage();
  heard = complaints(page);
  await page.goto(bridge.url);
  dream = page.locator(".session", { has: page.getByRole("heading", { name: "dream", exact: true }) });
  await moves(page, picture());
});
afterEach(async () => {
  await fetch(`${bridge.url}/api/sessions/dream/walk`, { method: "DELETE" });
  await page.close();
  assert.deepEqual(heard, []);
});

const picture = () => dream.getByRole("img", { name: "live image of dream" });
const press = (name) => dream.getByRole("button", { name, exact: true }).click();
const walk = async () => (await ask(bridge.url, "/api/sessions/dream/walk")).settings;
const grid = async () => ask(bridge.url, "/api/sessions/dream/grid");
const told = (check, what) => until(page, async () => check(await walk()), what);

test("it is the first on the page, and it moves", async () => {
  assert.equal(await page.locator(".session h2").first().textContent(), "dream");
  await shoot(page, "walk");
});

test("pause stands still, play goes on, from the keyboard too", async () => {
  await press("pause");
  await told(({ playing }) => !playing, "the pause");
  const play = dream.getByRole("button", { name: "play", exact: true });
  await play.press("Enter");
  await told(({ playing }) => playing, "going on");
});

test("kind, speed, seconds, distance, space and seed reach the walk", async () => {
  await dream.getByRole("radio", { name: "drift" }).press("Space");
  await dream.getByLabel("speed").fill("0.5");
  await dream.getByLabel("seconds", { exact: true }).fill("1");
  await dream.getByLabel("distance").fill("0");
  await dream.getByLabel("space").selectOption("w");
  await press("next");
  const wanted = { kind: "drift", speed: 2, seconds: 60, distance: 0.05, space: "w", seed: 1 };
  await told((settings) => Object.entries(wanted).every(([name, value]) => settings[name] === value), JSON.stringify(wanted));
});

test("keyframes of a loop are gone to, added and taken out", async () => {
  await dream.getByRole("radio", { name: "loop" }).press("Space");
  await press("+");
  await told(({ keyframes }) => keyframes.length === 5, "a fifth keyframe");
  await dream.getByTitle("take keyframe 1 out").click();
  await told(({ keyframes }) => keyframes[0] === 1, "the first is gone");
  await dream.getByTitle("go to keyframe 2").click();
});

test("tapping sets the tempo", async () => {
  await until(page, async () => {
    await press("tap");
    const { beats, bpm } = await walk();
    return beats === 4 && bpm !== 120;
  }, "the tempo");
});

test("a direction is slid, and all go back to the middle", async () => {
  await dream.getByLabel("direction 3", { exact: true }).fill("2");
  await told(({ directions }) => directions["direction/3"] === 2, "the direction");
  await press("all to 0");
  await told(({ directions }) => !directions["direction/3"], "the middle");
  await until(page, async () => (await dream.getByLabel("direction 3", { exact: true }).inputValue()) === "0", "the slider");
});

test("what another sketch tells the walk is shown", async () => {
  await ask(bridge.url, "/api/sessions/dream/walk", { kind: "circle", pause: true });
  await dream.getByRole("button", { name: "play", exact: true }).waitFor();
  assert.equal(await dream.getByRole("radio", { name: "circle" }).isChecked(), true);
});

test("a place is kept, gone to, renamed, looped through, explored and dropped", async () => {
  for (let kept = 1; kept <= 2; kept += 1) {
    await press("keep");
    await until(page, async () => (await dream.locator(".thumbs img").count()) === kept, "its picture");
    await press("next");
  }
  const [first] = (await ask(bridge.url, "/api/favourites?session=dream")).favourites;
  await dream.getByTitle("go to dream 1").click();
  await told(({ centre }) => centre?.favourite === first.id, "the place");
  await dream.getByLabel("name of the favourite").fill("the blue one");
  await dream.getByLabel("name of the favourite").press("Enter");
  await dream.getByTitle("go to the blue one").waitFor();
  await press("loop through all");
  await told(({ kind, keyframes }) => kind === "loop" && keyframes.length === 2 && keyframes[0].favourite === first.id, "the loop");
  await press("explore around it");
  await until(page, async () => (await grid()).grid.centre.favourite === first.id, "the grid around it");
  await until(page, async () => (await dream.locator(".tile img").count()) === 25, "the tiles");
  await shoot(page, "walk-favourites");
  await ask(bridge.url, "/api/sessions/dream/walk", { kind: "noise", keyframes: [0, 1], centre: null });
  await press("drop");
  await until(page, async () => (await dream.locator(".thumbs img").count()) === 1, "one less");
});

test("the grid shows its tiles; a click makes one the centre, and there is a way back", async () => {
  await explore();
  const { grid: before, back } = await grid();
  await dream.getByLabel("make 0, 1 the centre").click();
  await until(page, async () => (await grid()).back === back + 1, "another centre");
  assert.notDeepEqual((await grid()).grid.centre, before.centre);
  await press("back");
  await until(page, async () => (await grid()).back === back, "the way back");
  assert.deepEqual((await grid()).grid, before);
  await press("forward");
  await until(page, async () => (await grid()).back === back + 1, "the way forward");
  await press("walk here");
  const { centre } = (await grid()).grid;
  await told((settings) => JSON.stringify(settings.centre) === JSON.stringify(centre), "the walk around it");
});

test("arrow keys pan the grid, and so does a hand that drags it", async () => {
  await explore();
  const { row, column } = (await grid()).grid;
  const plane = dream.getByLabel("pictures around the centre");
  await plane.press("ArrowRight");
  await plane.press("ArrowDown");
  await until(page, async () => (await grid()).grid.row === row + 1 && (await grid()).grid.column === column + 1, "one right, one down");
  await plane.scrollIntoViewIfNeeded();
  const { x, y, width } = await plane.boundingBox();
  await page.mouse.move(x + width / 2, y + 40);
  await page.mouse.down();
  await page.mouse.move(x + width / 2 - width / 5, y + 40, { steps: 8 });
  await page.mouse.up();
  await until(page, async () => (await grid()).grid.column === column + 2, "dragged on");
  assert.equal((await grid()).grid.row, row + 1);
  await until(page, async () => (await dream.locator(".tile img").count()) === 25, "the tiles that came into view");
});

test("on a narrow screen nothing is wider than the screen, and the picture comes before its controls", async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  await explore();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 360, `${wide} px wide`);
  assert.ok((await picture().boundingBox()).y < (await dream.getByLabel("speed").boundingBox()).y);
  await shoot(page, "walk-narrow");
});

test("a page that nobody sees keeps no model at work, and goes on when it is seen again", async () => {
  const readers = async () => (await ask(bridge.url, "/api/sessions/dream")).stats.readers;
  const seen = (hidden) => page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await until(page, async () => (await readers()) === 1, "the page reads");
  await seen(true);
  await until(page, async () => (await readers()) === 0, "nobody reads");
  await seen(false);
  await moves(page, picture());
});

test("after a loss of the connection the picture moves again", async () => {
  await page.evaluate(() => {
    const { close, send } = WebSocket.prototype;
    WebSocket.prototype.send = function cut(...given) { WebSocket.prototype.send = send; close.call(this); return given; };
  });
  await until(page, () => page.evaluate(() => WebSocket.prototype.send.name !== "cut"), "the cut");
  await moves(page, picture());
});

async function explore() {
  await dream.getByText("Explore what is around").click();
  await until(page, async () => (await dream.locator(".tile img").count()) === 25, "the tiles");
}
