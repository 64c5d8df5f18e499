// A session that walks: its panel, what steers it, its favourites, its pictures.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { readFileSync } from "node:fs";
import { studio } from "./studio.js";
import { moves, shoot } from "./support.js";

const it = studio({ sessions: ["dream"] });
let dream;
beforeEach(async () => {
  dream = it.session("dream");
  await it.go("#/play/dream");
  await dream.getByRole("button", { name: /^(pause|play)$/ }).waitFor();
});
afterEach(() => fetch(`${it.bridge.url}/api/sessions/dream/walk`, { method: "DELETE" }));

const picture = () => dream.getByRole("img", { name: "live image of dream" });
const press = (name) => it.press(dream, name);
const walk = async () => (await it.ask("/api/sessions/dream/walk")).settings;
const told = (check, what) => it.until(async () => check(await walk()), what);

test("pause stands still, play goes on, from the keyboard too", async () => {
  await press("pause");
  await told(({ playing }) => !playing, "the pause");
  await dream.getByRole("button", { name: "play", exact: true }).press("Enter");
  await told(({ playing }) => playing, "going on");
  await moves(it.page, picture());
});

test("kind, speed, seconds, distance, finer settings and seed reach the walk", async () => {
  await it.pick(dream, "drift");
  await dream.getByLabel("speed", { exact: true }).fill("2");
  await dream.getByLabel("seconds", { exact: true }).fill("1");
  await dream.getByLabel("distance", { exact: true }).fill("0.05");
  await dream.getByText("finer").click();
  await dream.getByLabel("space").selectOption("w");
  await dream.getByLabel("direction", { exact: true }).selectOption("pingpong");
  await press("next");
  const wanted = { kind: "drift", speed: 2, seconds: 60, distance: 0.05, space: "w", direction: "pingpong", seed: 1 };
  await told((settings) => Object.entries(wanted).every(([name, value]) => settings[name] === value), JSON.stringify(wanted));
  await press("as the model has it");
  await told(({ kind, seed }) => kind === "noise" && seed === 0, "the model's own");
});

test("a number can be typed in place of sliding", async () => {
  const typed = dream.getByLabel("speed, as a number");
  await typed.fill("0.25");
  await typed.press("Enter");
  await told(({ speed }) => speed === 0.25, "the speed");
});

test("speed moves by itself, and is still again", async () => {
  await press("let speed move by itself");
  const dialog = it.page.getByRole("dialog");
  await it.pick(dialog, "oscillator");
  await dialog.getByLabel("shape").selectOption("triangle");
  await dialog.getByLabel("period", { exact: true }).fill("4");
  await told(({ speed }) => speed.lfo === "triangle" && speed.period === 4, "the oscillator");
  await it.pick(dialog, "points");
  await told(({ speed }) => speed.points?.length === 3, "the points");
  await it.pick(dialog, "ramp");
  await told(({ speed }) => Boolean(speed.ramp), "the ramp");
  await it.pick(dialog, "still");
  await told(({ speed }) => typeof speed === "number", "the number");
  await it.page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

test("what is changed before the bridge has answered is added to what was changed before", async () => {
  let held = null; // what the bridge says, while it is kept from the page
  await it.page.routeWebSocket(/api\/ws/, (page) => {
    const server = page.connectToServer();
    server.onMessage((message) => (held ? held.push(() => page.send(message)) : page.send(message)));
  });
  await it.page.reload();
  await press("let speed move by itself");
  const dialog = it.page.getByRole("dialog");
  await it.pick(dialog, "oscillator");
  await told(({ speed }) => speed.lfo === "sine", "the oscillator");
  held = [];
  await dialog.getByLabel("shape").selectOption("square");
  await dialog.getByLabel("period", { exact: true }).fill("4");
  await dialog.getByLabel("high", { exact: true }).fill("3");
  const late = held;
  held = null;
  for (const say of late) say();
  await told(({ speed }) => speed.lfo === "square" && speed.period === 4 && speed.high === 3, "all three");
});

test("the pace, the tempo and the spring move by themselves, too", async () => {
  const swings = async (name) => {
    await press(`let ${name} move by itself`);
    await it.pick(it.page.getByRole("dialog"), "oscillator");
    await told((settings) => settings[name].lfo === "sine", `${name} as an oscillator`);
    await it.page.keyboard.press("Escape");
    await it.page.getByRole("dialog").waitFor({ state: "detached" });
  };
  await swings("seconds");
  const now = () => dream.getByLabel("seconds", { exact: true }).inputValue();
  const before = await now();
  await it.until(async () => (await now()) !== before, "it is seen to move");
  await it.ask("/api/sessions/dream/walk", { beats: { lfo: "square", beats: 8, low: 2, high: 4 } });
  await dream.getByRole("radio", { name: "moves by itself" }).or(dream.getByText("moves by itself", { exact: true })).first().waitFor({ state: "attached" });
  await swings("bpm");
  await it.pick(dream, "follow");
  await swings("stiffness");
});

test("the walk's own truncation is taken, moves by itself, and is left to the model again; a second is gone to", async () => {
  await dream.getByRole("switch", { name: "the walk moves truncation" }).check();
  await told(({ truncation }) => typeof truncation === "number", "a number");
  await dream.getByLabel("truncation", { exact: true }).fill("0.3");
  await told(({ truncation }) => truncation === 0.3, "the slider");
  await press("let truncation of the walk move by itself");
  await it.pick(it.page.getByRole("dialog"), "oscillator");
  await told(({ truncation }) => truncation.lfo === "sine", "the oscillator");
  const now = () => dream.getByLabel("truncation", { exact: true }).inputValue();
  const before = await now();
  await it.until(async () => (await now()) !== before, "it is seen to move");
  await it.page.keyboard.press("Escape");
  await dream.getByRole("switch", { name: "the walk moves truncation" }).uncheck();
  await told(({ truncation }) => truncation === null, "left to the model");
  await press("pause");
  await told(({ playing }) => !playing, "the pause");
  await dream.getByText("finer").click();
  const second = dream.getByLabel("go to this second");
  const { seconds } = await walk();
  for (const wanted of [40, 12.5]) {
    await second.fill(String(wanted));
    await second.press("Enter");
    await it.until(async () => Math.abs((await it.ask("/api/sessions/dream/walk")).place * seconds - wanted) < 0.01, `second ${wanted}`);
  }
});

test("a favourite that was kept in w is explored, too", async () => {
  await it.ask("/api/sessions/dream/walk", { space: "w" });
  await moves(it.page, picture());
  await press("keep");
  await it.until(async () => (await it.ask("/api/favourites?session=dream")).favourites.some(({ space }) => space === "w"), "kept in w");
  const { id, name } = (await it.ask("/api/favourites?session=dream")).favourites.find(({ space }) => space === "w");
  await dream.getByTitle(`go to ${name}`).click();
  await press("explore around it");
  await it.until(async () => (await it.ask("/api/sessions/dream/grid")).grid.centre.favourite === id, "the grid around it");
  await dream.locator(".tile img").first().waitFor();
  await fetch(`${it.bridge.url}/api/favourites/${id}`, { method: "DELETE" });
  await it.ask("/api/sessions/dream/grid", { centre: 0 });
});

test("keyframes of a loop are gone to, added and taken out", async () => {
  await it.pick(dream, "loop");
  await press("+");
  await told(({ keyframes }) => keyframes.length === 5, "a fifth keyframe");
  await dream.getByTitle("take keyframe 1 out").click();
  await told(({ keyframes }) => keyframes[0] === 1, "the first is gone");
  await it.press(it.page, "Undo");
  await told(({ keyframes }) => String(keyframes) === "0,1,2,3,4", "it is back where it was");
  await dream.getByTitle("take keyframe 3 out").click();
  await told(({ keyframes }) => String(keyframes) === "0,1,3,4", "another is gone");
  await dream.getByTitle("go to keyframe 2").click();
});

test("tapping sets the tempo", async () => {
  await it.until(async () => {
    await press("tap");
    const { beats, bpm } = await walk();
    return beats === 4 && bpm !== 120;
  }, "the tempo");
});

test("directions are slid, and all go back to 0; another place is mixed in by layers", async () => {
  await it.tab(dream, "Steer");
  await dream.getByLabel("direction 3", { exact: true }).fill("2");
  await told(({ directions }) => directions["direction/3"] === 2, "the direction");
  await press("all to 0");
  await told(({ directions }) => !directions["direction/3"], "the middle");
  await it.tab(dream, "Mix");
  await dream.getByLabel("mix with").selectOption("a seed");
  await dream.getByLabel("from layer", { exact: true }).fill("6");
  await it.until(async () => { const { inputs } = await it.ask("/api/sessions/dream"); return inputs.mix !== null && inputs.mix_from === 6; }, "the mixing");
  await dream.getByLabel("mix with").selectOption("nothing");
  await it.until(async () => (await it.ask("/api/sessions/dream")).inputs.mix === null, "nothing mixed");
  await it.tab(dream, "Picture");
  await dream.getByLabel("truncation", { exact: true }).fill("0.4");
  await it.until(async () => (await it.ask("/api/sessions/dream")).inputs.truncation === 0.4, "the truncation");
});

test("a favourite is mixed in, whichever space it was kept in; what others mixed in is told", async () => {
  const inputs = async () => (await it.ask("/api/sessions/dream")).inputs;
  const mix = dream.getByLabel("mix with");
  for (const space of ["z", "w"]) {
    await it.ask("/api/sessions/dream/walk", { space });
    await moves(it.page, picture());
    await press("keep");
    await it.until(async () => (await it.ask("/api/favourites?session=dream")).favourites.some((one) => one.space === space), `kept in ${space}`);
  }
  await it.tab(dream, "Mix");
  const { favourites } = await it.ask("/api/favourites?session=dream");
  for (const [space, name, other] of [["z", "mix", "mix_w"], ["w", "mix_w", "mix"]]) {
    const { id, name: called } = favourites.find((one) => one.space === space);
    await mix.selectOption(called);
    await it.until(async () => { const now = await inputs(); return now[name] !== null && now[other] === null; }, `${name} is set, and nothing else`);
    assert.equal(await mix.inputValue(), id);
  }
  await mix.selectOption("nothing");
  await it.until(async () => { const now = await inputs(); return now.mix === null && now.mix_w === null; }, "nothing mixed");
  await it.ask("/api/sessions/dream/inputs", { mix: new Array(48).fill(0.1) });
  await it.until(async () => (await mix.inputValue()) === "another place", "what a sketch sent");
  await mix.selectOption("nothing");
  await it.until(async () => (await inputs()).mix === null, "nothing mixed");
  for (const { id } of favourites) await fetch(`${it.bridge.url}/api/favourites/${id}`, { method: "DELETE" });
});

test("a favourite comes back as it was kept, with truncation, directions and mixing, and the walk waits", async () => {
  const inputs = async () => (await it.ask("/api/sessions/dream")).inputs;
  await it.ask("/api/sessions/dream/inputs", { truncation: 0.25, "direction/2": 1.5, mix: new Array(48).fill(0.2), mix_from: 3 });
  await moves(it.page, picture());
  await press("keep");
  const thumb = dream.locator(".thumbs button");
  await thumb.waitFor();
  const other = { truncation: 0.9, "direction/2": 0, mix: null, mix_from: null };
  const whole = async () => { const now = await inputs(); return now.truncation === 0.25 && now["direction/2"] === 1.5 && now.mix !== null && now.mix_from === 3; };
  await it.ask("/api/sessions/dream/inputs", other);
  await thumb.click();
  await told(({ centre, playing }) => centre?.favourite && playing, "the walk goes there");
  assert.equal((await inputs()).truncation, 0.9, "the place alone");
  await press("as it was kept");
  await it.until(whole, "the whole picture");
  await dream.getByText("by hand").waitFor();
  await it.tab(dream, "Picture");
  await it.until(async () => (await dream.getByLabel("truncation", { exact: true }).inputValue()) === "0.25", "the slider shows it");
  await it.tab(dream, "Walk");
  await press("play");
  await dream.getByText("by hand").waitFor({ state: "detached" });
  await it.ask("/api/sessions/dream/inputs", other);
  await thumb.dblclick();
  await it.until(whole, "the whole picture by a double click");
  await dream.getByText("by hand").waitFor();
  await it.ask("/api/sessions/dream/inputs", { ...other, truncation: 0.7 });
  for (const { id } of (await it.ask("/api/favourites?session=dream")).favourites) await fetch(`${it.bridge.url}/api/favourites/${id}`, { method: "DELETE" });
});

test("what another sketch tells the walk is shown", async () => {
  await it.ask("/api/sessions/dream/walk", { kind: "circle", pause: true });
  await dream.getByRole("button", { name: "play", exact: true }).waitFor();
  assert.equal(await dream.getByRole("radio", { name: "circle" }).isChecked(), true);
});

test("a place is kept, gone to, renamed, walked through, explored, and dropped with undo", async () => {
  const thumbs = dream.locator(".thumbs img");
  for (let kept = 1; kept <= 3; kept += 1) {
    await press("keep");
    await it.until(async () => (await thumbs.count()) === kept, "its picture");
    await press("next");
  }
  const [first, second] = (await it.ask("/api/favourites?session=dream")).favourites;
  await dream.getByTitle("go to dream 1").click();
  await told(({ centre }) => centre?.favourite === first.id, "the place");
  const name = dream.getByLabel("name of the favourite");
  const stats = () => dream.locator(".stats").textContent();
  await name.fill("the blue ");
  const before = await stats();
  await it.until(async () => (await stats()) !== before, "the page is drawn again meanwhile");
  await name.pressSequentially("one");
  await name.press("Enter");
  await dream.getByTitle("go to the blue one").waitFor();
  await dream.getByTitle("go to the blue one").click({ modifiers: ["Shift"] });
  await dream.getByTitle("go to dream 2").click({ modifiers: ["Shift"] });
  await press("walk through these 2");
  await told(({ kind, keyframes }) => kind === "loop" && JSON.stringify(keyframes) === JSON.stringify([{ favourite: first.id }, { favourite: second.id }]), "the chosen ones");
  await shoot(it.page, "walk-favourites");
  await press("explore around it");
  await it.until(async () => (await it.ask("/api/sessions/dream/grid")).grid.centre.favourite === first.id, "the grid around it");
  await it.ask("/api/sessions/dream/walk", { kind: "noise", keyframes: [0, 1], centre: null });
  await press("drop");
  await it.until(async () => (await thumbs.count()) === 2, "one less");
  await it.press(it.page, "Undo");
  await it.until(async () => (await thumbs.count()) === 3, "it is back");
});

test("a still is the picture that is seen, and a film of it can be played", async () => {
  await moves(it.page, picture());
  const still = it.page.waitForEvent("download");
  await press("save this picture");
  const png = readFileSync(await (await still).path());
  assert.deepEqual([...png.subarray(1, 4)], [...Buffer.from("PNG")]);
  await press("film what is seen");
  await moves(it.page, picture());
  const film = it.page.waitForEvent("download");
  await press("end the film");
  const saved = await film;
  const bytes = readFileSync(await saved.path());
  const lasts = await it.page.evaluate(async (base64) => {
    const video = Object.assign(document.createElement("video"), { muted: true, src: `data:video/webm;base64,${base64}` });
    await video.play();
    return video.videoWidth;
  }, bytes.toString("base64"));
  assert.ok(lasts > 0 && /\.(webm|mp4)$/.test(saved.suggestedFilename()), `${lasts} px wide`);
});

test("a film ends, and is saved, when what it films is no longer seen", async () => {
  await moves(it.page, picture());
  await press("film what is seen");
  await moves(it.page, picture());
  const film = it.page.waitForEvent("download");
  await press("Explore");
  await film;
  await it.page.getByRole("button", { name: "film what is seen" }).waitFor();
});

test("what the walk is told is recorded, to be rendered later", async () => {
  await it.tab(dream, "Record");
  await press("record");
  await dream.getByRole("button", { name: "end the recording" }).waitFor();
  await it.ask("/api/sessions/dream/walk", { speed: 2 });
  await press("end the recording");
  const saved = it.page.waitForEvent("download");
  await dream.getByRole("link", { name: "save the recording" }).click();
  const lines = readFileSync(await (await saved).path(), "utf8").trim().split("\n").map(JSON.parse);
  assert.ok(lines.some((line) => JSON.stringify(line).includes('"speed":2')), "what it was told is in it");
});

test("the picture has a window of its own, which nothing else is in", async () => {
  const opened = it.page.waitForEvent("popup");
  await press("picture in a window of its own");
  const other = await opened;
  const canvas = other.getByRole("img", { name: "live image of dream" });
  await moves(other, canvas);
  assert.equal(await other.locator("header, nav").count(), 0);
  await canvas.dblclick();
  await it.until(() => other.evaluate(() => Boolean(document.fullscreenElement)), "the full screen");
  await other.close();
});
