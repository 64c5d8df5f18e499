// The field around a place: an endless plane of pictures, with a quick model and with a slow one.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { studio } from "./studio.js";
import { cutOff, shoot, testModel } from "./support.js";

const it = studio({ flags: [...testModel("slow"), ...testModel("banner")], sessions: ["dream"] });
let dream;
const tiles = (name = "dream") => it.session(name).locator(".tile img");
const grid = async (name = "dream") => it.ask(`/api/sessions/${name}/grid`);
const plane = (name = "dream") => it.session(name).getByLabel("pictures around the centre");

async function explore(name) {
  await it.go(`#/play/${name}`);
  await it.session(name).getByRole("button", { name: "Explore" }).click();
  await plane(name).waitFor();
}
// The name of the tile that is seen in the middle, and so what arrow keys start from.
const middle = () => plane().evaluate((place) => {
  const box = place.getBoundingClientRect();
  return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2).closest(".tile").ariaLabel;
});
const full = () => it.until(() => plane().evaluate((place) => {
  const box = place.getBoundingClientRect();
  const inside = [...place.querySelectorAll(".tile")].filter((tile) => { const at = tile.getBoundingClientRect(); return at.right > box.left && at.left < box.right && at.bottom > box.top && at.top < box.bottom; });
  return inside.length > 8 && inside.every((tile) => tile.firstElementChild && !tile.classList.contains("old"));
}), "a picture in every tile that is seen");

beforeEach(async () => {
  dream = it.session("dream");
  await explore("dream");
  await full();
});

test("every tile in view has its picture; a click makes one the centre, and there is a way back and forward", async () => {
  await shoot(it.page, "explorer");
  const { grid: before, back } = await grid();
  await dream.getByLabel("make 0, 1 the centre").click();
  await it.until(async () => (await grid()).back === back + 1, "another centre");
  assert.notDeepEqual((await grid()).grid.centre, before.centre);
  await full();
  await it.press(dream, "back");
  await it.until(async () => (await grid()).back === back && JSON.stringify((await grid()).grid.centre) === JSON.stringify(before.centre), "the way back");
  await it.press(dream, "forward");
  await it.until(async () => (await grid()).back === back + 1, "the way forward");
  await it.press(dream, "walk here");
  const { centre } = (await grid()).grid;
  await it.until(async () => JSON.stringify((await it.ask("/api/sessions/dream/walk")).settings.centre) === JSON.stringify(centre), "the walk around it");
});

test("what is seen first is asked for once, though the bridge tells everybody of it before it answers", async () => {
  await it.page.evaluate(() => {
    window.asked = [];
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function listen(...given) {
      if (typeof given[0] === "string" && JSON.parse(given[0]).type === "grid") window.asked.push(given[0]);
      return send.apply(this, given);
    };
  });
  await it.press(dream, "Picture");
  await plane().waitFor({ state: "detached" });
  await it.press(dream, "Explore");
  await full();
  assert.deepEqual((await it.page.evaluate(() => window.asked)).length, 1);
});

test("thirty times another centre, as fast as it goes, and the last one is the one that is seen", async () => {
  const { back } = await grid();
  for (let time = 1; time <= 30; time += 1) {
    await dream.getByLabel(time % 2 ? "make 0, 1 the centre" : "make -1, 0 the centre").click();
    await it.until(async () => (await grid()).back === Math.min(back + time, 255), `centre ${time}`);
  }
  await full();
  assert.equal(await dream.locator(".tile.centre").count(), 1);
  assert.ok((await tiles().count()) < 400, "tiles that are out of view are let go");
});

test("dragging goes on without an edge, arrow keys go tile by tile", async () => {
  const { row, column } = (await grid()).grid;
  const { x, y, width, height } = await plane().boundingBox();
  for (let time = 0; time < 4; time += 1) {
    await it.page.mouse.move(x + width - 20, y + height / 2);
    await it.page.mouse.down();
    await it.page.mouse.move(x + 20, y + height / 2, { steps: 12 });
    await it.page.mouse.up();
  }
  await it.until(async () => (await grid()).grid.column > column + 12, "far to the right");
  await full();
  const there = Number((await middle()).match(/, (-?\d+) /)[1]); // what the bridge was told last may still be of before
  await plane().press("ArrowDown");
  await it.until(async () => { const { grid: now } = await grid(); return now.row === row + 1 && now.column === there; }, "one down");
  await full();
});

test("where motion is not welcome, the next tile is there at once", async () => {
  const calm = await it.open("#/play/dream", { reducedMotion: "reduce" });
  await calm.getByRole("button", { name: "Explore" }).click();
  const place = calm.getByLabel("pictures around the centre");
  await place.locator(".tile").first().waitFor();
  const [before, after] = await place.evaluate((field) => {
    const stands = () => field.firstElementChild.style.transform;
    const first = stands();
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    return [first, stands()];
  });
  assert.notEqual(after, before);
});

test("the wheel and the keys zoom: more tiles are seen, then fewer", async () => {
  const before = (await grid()).grid.columns;
  await plane().hover();
  await it.page.mouse.wheel(0, 300);
  await it.until(async () => (await grid()).grid.columns > before, "more columns");
  await full();
  for (let time = 0; time < 8; time += 1) await plane().press("+");
  await it.until(async () => (await grid()).grid.columns < before, "fewer columns");
  await full();
});

test("the distance slider makes other pictures, elsewhere leads elsewhere, and the walk may come along", async () => {
  await dream.getByLabel("how far apart", { exact: true }).fill("0.6");
  await it.until(async () => (await grid()).grid.distance === 0.6, "the distance");
  await full();
  await dream.getByRole("switch", { name: "walk along" }).check();
  await it.press(dream, "elsewhere");
  await it.until(async () => { const { centre } = (await grid()).grid; return Number.isInteger(centre) && centre === (await it.ask("/api/sessions/dream/walk")).settings.centre; }, "the walk is there, too");
  await full();
});

test("what somebody else looks at is shown here, too", async () => {
  await it.ask("/api/sessions/dream/grid", { centre: 77, row: 0, column: 0 });
  await it.until(async () => (await grid()).grid.centre === 77, "their centre");
  await full();
});

test("what was asked for here does not lead the view back when it is told late", async () => {
  await it.page.evaluate(async () => { // what the bridge tells of grids comes when the test lets it
    const { heardOf } = await import(document.querySelector("script[type=module]").src.replace("app.js", "core/sessions.js"));
    const listeners = [...heardOf];
    heardOf.clear();
    window.held = [];
    heardOf.add((...told) => {
      const tell = () => listeners.forEach((hear) => hear(...told));
      if (told[0] === "grid") window.held.push(tell);
      else tell();
    });
  });
  for (let row = 1; row <= 3; row += 1) {
    await plane().press("ArrowDown");
    await it.until(async () => (await middle()) === `make ${row}, 0 the centre`, `row ${row}`);
    await full();
  }
  await it.until(() => it.page.evaluate(() => window.held.length >= 3), "what was told of them");
  for (let left = 3; left > 0; left -= 1) {
    await it.page.evaluate(() => window.held.shift()());
    assert.equal(await middle(), "make 3, 0 the centre");
  }
  await full();
});

test("when the connection was lost meanwhile, the missing tiles come after its return", async () => {
  const heal = await cutOff(it.page, "grid"); // as soon as tiles are asked for
  await it.press(dream, "elsewhere");
  await it.page.getByText("The bridge does not answer").waitFor();
  await heal();
  await it.page.getByText("The bridge does not answer").waitFor({ state: "detached" });
  await full();
});

test("tiles have the shape of their pictures, and what is under the pointer stays there", async () => {
  await explore("banner");
  const shape = () => plane("banner").locator(".tile.centre").evaluate((tile) => tile.offsetWidth / tile.offsetHeight);
  await it.until(async () => Math.abs(await shape() - 3) < 0.1, "three times as wide as high");
  await it.until(async () => (await tiles("banner").count()) > 20, "tiles");
  await shoot(it.page, "explorer-banner");
  const corner = () => plane("banner").evaluate((place) => {
    const box = place.getBoundingClientRect();
    return document.elementFromPoint(box.x + 20, box.y + 20).closest(".tile").ariaLabel;
  });
  const [there, box] = [await corner(), await plane("banner").boundingBox()];
  await it.page.mouse.move(box.x + 20, box.y + 20);
  const before = await plane("banner").locator(".tile.centre").evaluate((tile) => tile.offsetHeight);
  await it.page.mouse.wheel(0, -200);
  await it.until(async () => (await plane("banner").locator(".tile").first().evaluate((tile) => tile.offsetHeight)) > before * 1.3, "they grow");
  assert.equal(await corner(), there);
});

test("with a model that takes two seconds a picture the page answers at once, and what is out of view is not made", async () => {
  await explore("slow");
  await it.until(async () => (await tiles("slow").count()) >= 1, "a first tile");
  const stats = async () => (await it.ask("/api/sessions/slow")).stats;
  const before = await stats();
  const stepped = await it.page.evaluate(async () => {
    const place = document.querySelector('[data-session="slow"] .plane');
    let frames = 0;
    const begun = performance.now();
    for (let step = 0; step < 30; step += 1) {
      place.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
      await new Promise(requestAnimationFrame);
      frames += 1;
    }
    return { frames, took: performance.now() - begun };
  });
  assert.ok(stepped.took < 2000 * stepped.frames / 4, `30 steps took ${Math.round(stepped.took)} ms`);
  await it.until(async () => (await grid("slow")).grid.column > 20, "it has gone there");
  await it.until(async () => (await stats()).cancelled > before.cancelled, "what was begun for tiles that nobody sees any more is ended");
  await it.until(async () => (await tiles("slow").count()) >= 1, "a tile of there");
  const { runs, cancelled } = await stats();
  const passed = 30 * (await grid("slow")).grid.rows; // a column of tiles with every step
  assert.ok(runs - cancelled < passed / 4, `${runs} runs, ${cancelled} of them cancelled, for ${passed} tiles`);
  await it.go("#/models");
  await it.until(async () => { const { waiting, under_way } = await stats(); return waiting + under_way === 0; }, "nobody looks, so nothing is made");
});
