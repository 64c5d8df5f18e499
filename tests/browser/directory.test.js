// The directory: finding a model, reading of it, adding it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { studio } from "./studio.js";
import { openSession, shoot, testModel } from "./support.js";

const it = studio({ flags: [...testModel("everything"), ...testModel("hostile")], sessions: ["palette"] });
const cards = () => it.page.locator(".card h3");
const titles = async () => (await cards().allTextContents()).filter((title) => !title.includes("<"));
const shown = (wanted, what) => it.until(async () => JSON.stringify(await titles()) === JSON.stringify(wanted), what);
const search = () => it.page.getByRole("searchbox");

async function directory() {
  await it.go("#/models");
  await cards().first().waitFor();
}

test("typing finds, all words together, whatever the case", async () => {
  await directory();
  assert.ok((await titles()).length > 5);
  await search().pressSequentially("CAMERA draw");
  await shown(["Pencil"], "the one for cameras");
  await search().fill("nothing is called this");
  await it.page.getByText("None fits").waitFor();
  await it.press(it.page, "Show all");
  await it.until(async () => (await titles()).length > 5, "all of them");
});

test("filters narrow what is shown: kind, what goes in, what comes out, what it runs on", async () => {
  await directory();
  await it.pick(it.page, "extract");
  await it.until(async () => (await titles()).includes("Palette") && !(await titles()).includes("Pencil"), "only what extracts");
  await it.pick(it.page, "any");
  await it.page.getByLabel("input", { exact: true }).selectOption("segmentation");
  await shown(["Everything"], "what takes a map");
  await it.page.getByLabel("input", { exact: true }).selectOption("vector");
  await it.page.getByLabel("output", { exact: true }).selectOption("image");
  await it.page.getByLabel("runs on").selectOption("GPU");
  await it.until(async () => (await titles()).includes("Dream") && !(await titles()).includes("Everything"), "what makes pictures of vectors, better with a GPU");
  await shoot(it.page, "models-filtered");
});

test("filters by category, licence and publisher leave those that have it, and all others come back", async () => {
  await directory();
  const { models } = await it.ask("/api/models");
  const all = await cards().count();
  const having = (has) => models.filter(({ manifest }) => manifest && has(manifest)).length;
  const wanted = {
    category: ["test", having(({ category }) => category === "test")],
    licence: ["MIT", having((one) => [one.licence_code, one.licence_weights].includes("MIT"))],
    publisher: ["Sketchbridge", having(({ publisher }) => publisher === "Sketchbridge")],
  };
  for (const [name, [value, count]] of Object.entries(wanted)) {
    assert.ok(count > 0 && count < all, `${count} of ${all} by ${name}: it has to leave some`);
    await it.page.getByLabel(name, { exact: true }).selectOption(value);
    await it.until(async () => (await cards().count()) === count, `${count} by ${name}`);
    await it.page.getByLabel(name, { exact: true }).selectOption({ index: 0 });
    await it.until(async () => (await cards().count()) === all, "all of them");
  }
  await it.page.getByLabel("category", { exact: true }).selectOption("test");
  await it.page.getByLabel("input", { exact: true }).selectOption("segmentation");
  await shown(["Everything"], "what fits both");
});

test("what is used most here comes first when wanted, and what is newest", async () => {
  for (const name of ["second", "third", "fourth"]) await openSession(it.bridge.url, "palette", name); // so that the counts differ
  await openSession(it.bridge.url, "everything", "another");
  await directory();
  await it.page.getByLabel("sort").selectOption("used");
  await it.until(async () => JSON.stringify((await cards().allTextContents()).slice(0, 2)) === '["Palette","Everything"]', "as often as they were opened");
  await it.page.getByLabel("sort").selectOption("newest");
  const { models } = await it.ask("/api/models");
  const published = Object.fromEntries(models.map(({ title, manifest }) => [title, manifest?.published ?? ""]));
  assert.ok(new Set(Object.values(published)).size > 2, "dates differ");
  await it.until(async () => { const dates = (await cards().allTextContents()).map((title) => published[title]); return dates.length > 5 && dates.every((date, at) => !at || date <= dates[at - 1]); }, "the newest first");
  for (const name of ["second", "third", "fourth", "another"]) await fetch(`${it.bridge.url}/api/sessions/${name}`, { method: "DELETE" });
});

test("a model's page has its card, its ports, its licences and how it did here", async () => {
  await directory();
  await cards().getByText("Palette", { exact: true }).click();
  await it.page.getByRole("heading", { name: "Palette", exact: true }).waitFor();
  for (const text of ["runs on a CPU", "MIT", "Sketchbridge", "colors"]) await it.page.getByText(text, { exact: true }).first().waitFor();
  await it.page.getByText("at most so many; a flat picture has fewer").waitFor();
});

test("a model that makes something of a picture shows what was given beside what came of it", async () => {
  for (const [viewport, id] of [[{ width: 1280, height: 800 }, "pencil"], [{ width: 390, height: 844 }, "palette"]]) {
    const page = await it.open(`#/models/${id}`, { viewport });
    const rows = page.locator(".markdown tbody tr");
    await it.until(async () => (await rows.count()) === 3, "three samples");
    for (const row of await rows.all()) {
      await row.scrollIntoViewIfNeeded();
      await it.until(() => row.locator("img").evaluateAll((two) => two.length === 2 && two.every(({ naturalWidth }) => naturalWidth === 360)), "both pictures");
      const [given, made] = await Promise.all((await row.locator("img").all()).map((one) => one.boundingBox()));
      assert.ok(given.y === made.y && made.x >= given.x + given.width && given.width > 120, `side by side: ${JSON.stringify([given, made])}`);
    }
    await page.close();
  }
});

test("it is added under a name, with options, and is what one sees next", async () => {
  await it.go("#/models/pencil");
  await it.press(it.page, "Add to workspace");
  const dialog = it.page.getByRole("dialog");
  await dialog.getByLabel("name of the session").fill("charcoal");
  await it.pick(dialog, "kraft");
  await it.press(dialog, "Add");
  await it.session("charcoal").getByText("ready", { exact: true }).waitFor();
  const { options, model } = await it.ask("/api/sessions/charcoal");
  assert.deepEqual([model, options.paper], ["pencil", "kraft"]);
});

test("a name that can't be is told where it was typed", async () => {
  it.allowed.push(/4\d\d/);
  await it.go("#/models/pencil");
  await it.press(it.page, "Add to workspace");
  await it.page.getByLabel("name of the session").fill("palette");
  await it.press(it.page.getByRole("dialog"), "Add");
  await it.page.getByRole("dialog").getByRole("alert").waitFor();
});

test("a card, a title, a link, an option or an output is text, whatever it looks like", async () => {
  const hurt = () => it.page.evaluate(() => [window.hurt ?? null, document.querySelectorAll("main script, main [onerror], main [onload], main [onclick], main a[href^=javascript], main a[href^=data]").length]);
  await directory();
  await it.page.locator(".card").getByText("window.hurt='tagline'").waitFor();
  assert.deepEqual(await hurt(), [null, 0]);
  await it.go("#/models/hostile");
  await it.page.getByText("window.hurt='card'").waitFor();
  await it.page.getByText("window.hurt='cell'").waitFor();
  assert.deepEqual(await hurt(), [null, 0]);
  await it.page.getByRole("link", { name: "plain" }).waitFor();
  await it.go("#/play/hostile");
  const hostile = it.session("hostile");
  await hostile.getByLabel("amount", { exact: true }).fill("1");
  await hostile.locator('[data-output="words"]').getByText("<script>window.hurt='output'</script>").waitFor();
  await hostile.locator('[data-output="tree"]').getByText("__proto__").waitFor();
  await hostile.locator('[data-output="rows"]').getByRole("cell").first().waitFor();
  assert.deepEqual(await hurt(), [null, 0]);
  await it.go("#/connect/hostile");
  await it.page.getByRole("tab", { name: "curl" }).waitFor();
  assert.deepEqual(await hurt(), [null, 0]);
});

test("Models 101 leads to models that can be tried", async () => {
  await it.go("#/learn");
  await it.page.getByRole("link", { name: "Pencil" }).click();
  await it.page.getByRole("button", { name: "Add to workspace" }).waitFor();
});
