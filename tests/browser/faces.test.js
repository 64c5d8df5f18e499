// A face for every kind of input and output, made from the ports.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { FAKE_MEDIA, studio } from "./studio.js";
import { openSession, photo, shoot, testModel } from "./support.js";

const it = studio({ flags: testModel("everything"), launch: FAKE_MEDIA });
let face;
beforeEach(async () => {
  await it.go("#/play/everything");
  face = it.session("everything");
  await face.getByLabel("amount", { exact: true }).waitFor();
});

const field = (name) => face.locator(`[data-input="${name}"]`);
// Where it is, in view and not below the header.
async function spot(locator) {
  await locator.evaluate((element) => element.scrollIntoView({ block: "center" }));
  return locator.boundingBox();
}
const seen = async () => (await it.ask("/api/sessions/everything/outputs/seen")).value;
const comes = (check, what) => it.until(async () => { const all = await it.ask("/api/sessions/everything/outputs"); return all.outputs.seen && check(all.outputs.seen.value); }, what);

test("plain values: text, numbers with and without a range, a switch, a choice, a colour, a list, JSON", async () => {
  await face.getByLabel("text", { exact: true }).fill("good evening");
  await comes(({ text }) => text === "good evening", "the text");
  await face.getByLabel("amount", { exact: true }).fill("0.8");
  await comes(({ amount }) => amount === 0.8, "the number");
  await face.getByLabel("count", { exact: true }).fill("12");
  await face.getByLabel("count", { exact: true }).press("Enter");
  await comes(({ count }) => count === 12, "the number without a range");
  await face.getByRole("switch", { name: "bright" }).uncheck();
  await comes(({ bright }) => bright === false, "the switch");
  await it.pick(field("weather"), "sun");
  await comes(({ weather }) => weather === "sun", "the choice");
  await face.getByLabel("colour", { exact: true }).fill("#ff0000");
  await comes(({ colour }) => colour === "#ff0000", "the colour");
  await face.getByLabel("names", { exact: true }).fill("red\ngreen\nblue");
  await comes(({ names }) => names.length === 3 && names[2] === "blue", "the list");
  await face.getByLabel("more", { exact: true }).fill('{"deep": [1, 2');
  await field("more").getByText("not JSON yet").waitFor();
  await face.getByLabel("more", { exact: true }).fill('{"deep": [1, 2]}');
  await comes(({ more }) => more?.deep?.[1] === 2, "the JSON");
});

test("points and boxes are drawn on the picture, or moved by keys", async () => {
  await face.getByLabel("picture", { exact: true }).setInputFiles({ name: "photo.jpg", mimeType: "image/jpeg", buffer: await photo(it.page) });
  await comes(({ picture }) => JSON.stringify(picture) === "[240,320,3]", "the picture");
  const on = await spot(field("point").locator(".marks"));
  await it.page.mouse.click(on.x + on.width * 0.25, on.y + on.height * 0.75);
  await comes(({ point }) => Math.abs(point[0] - 0.25) < 0.02 && Math.abs(point[1] - 0.75) < 0.02, "the point");
  await field("point").getByRole("button", { name: /^point 1/ }).press("ArrowRight");
  await comes(({ point }) => Math.abs(point[0] - 0.26) < 0.02, "the point, moved");
  const box = await spot(field("box").locator(".marks"));
  await it.page.mouse.move(box.x + box.width * 0.7, box.y + box.height * 0.8);
  await it.page.mouse.down();
  await it.page.mouse.move(box.x + box.width * 0.9, box.y + box.height * 0.95, { steps: 4 });
  await it.page.mouse.up();
  await comes(({ box: [left, top, right, bottom] }) => Math.abs(left - 0.7) < 0.03 && Math.abs(top - 0.8) < 0.03 && right > 0.85 && bottom > 0.9, "the box");
});

test("a map of labels is painted with a brush, and undone", async () => {
  await field("map").getByRole("radio", { name: "sand" }).click();
  const on = await spot(field("map").locator("canvas"));
  await it.page.mouse.move(on.x + 20, on.y + 20);
  await it.page.mouse.down();
  await it.page.mouse.move(on.x + on.width / 2, on.y + 40, { steps: 6 });
  await it.page.mouse.up();
  await comes(({ map }) => JSON.stringify(map) === "[0,2]", "sky and sand, and nothing between");
  await it.press(field("map"), "fill all");
  await comes(({ map }) => JSON.stringify(map) === "[2]", "sand alone");
  await it.press(field("map"), "undo");
  await comes(({ map }) => JSON.stringify(map) === "[0,2]", "as it was before");
});

test("a vector is a field of cells: random, all to 0, one dragged up", async () => {
  await it.press(field("z"), "random");
  await comes(({ z }) => z?.length === 8 && new Set(z).size > 4, "random numbers");
  await it.press(field("z"), "all to 0");
  await comes(({ z }) => z.every((part) => part === 0), "zeros");
  const on = await spot(field("z").locator("canvas"));
  await it.page.mouse.move(on.x + on.width / 16, on.y + on.height / 2);
  await it.page.mouse.down();
  await it.page.mouse.move(on.x + on.width / 16, on.y + on.height / 2 - 30, { steps: 3 });
  await it.page.mouse.up();
  await comes(({ z }) => z[0] > 0.3 && z[1] === 0, "the first one, up");
});

test("by keyboard: a cell is gone to and changed, and tells where it stands", async () => {
  const cells = field("z").locator("canvas");
  await it.press(field("z"), "all to 0");
  await cells.focus();
  for (const key of ["ArrowRight", "ArrowRight", "ArrowUp", "PageUp"]) await cells.press(key);
  await comes(({ z }) => Math.abs(z[2] - 1.1) < 1e-6 && z[0] === 0 && z[1] === 0, "the third one, up");
  assert.equal(await cells.getAttribute("aria-valuetext"), "3 of 8: 1.1");
  for (const key of ["End", "ArrowDown"]) await cells.press(key);
  await comes(({ z }) => Math.abs(z[7] + 0.1) < 1e-6 && z[2] > 1, "the last one, down");
});

test("by keyboard: the brush is moved, paints a dab, and a line while Space is held", async () => {
  const canvas = field("map").locator("canvas");
  const ids = async () => (await canvas.evaluate((shown) => [...new Uint32Array(shown.getContext("2d").getImageData(0, 0, shown.width, shown.height).data.buffer)])).filter((one, at, all) => one !== all[0]).length;
  await field("map").getByRole("radio", { name: "sky" }).click();
  await it.press(field("map"), "fill all");
  await comes(({ map }) => JSON.stringify(map) === "[0]", "sky alone");
  await field("map").getByRole("radio", { name: "sea" }).click();
  await canvas.focus();
  await canvas.press("ArrowRight");
  assert.equal(await ids(), 0, "moving alone paints nothing");
  await canvas.press(" ");
  await comes(({ map }) => JSON.stringify(map) === "[0,1]", "some sea");
  const dab = await ids();
  await field("map").getByRole("status").getByText(/^sea at \d+, \d+; painting sea$/).waitFor();
  await it.page.keyboard.down(" ");
  for (let step = 0; step < 6; step += 1) await canvas.press("ArrowDown");
  await it.page.keyboard.up(" ");
  const line = await ids();
  assert.ok(line > dab * 1.5, `${dab} pixels, then ${line}`);
  await canvas.press("ArrowLeft");
  assert.equal(await ids(), line, "Space is let go");
  await it.press(field("map"), "undo");
  assert.equal(await ids(), dab, "a line is one stroke");
});

test("sound comes from a file or the microphone, files as they are", async () => {
  await face.getByLabel("paper", { exact: true }).setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
  await comes(({ paper }) => paper === "notes.txt", "the file, with its name");
  await it.press(field("sound"), "microphone");
  await field("sound").getByText(/^heard \d/).waitFor();
  await it.press(field("sound"), "that's it");
  await comes(({ sound }) => sound > 1000, "what the microphone heard");
});

test("a sound that can't be read is told", async () => {
  await field("sound").locator("input[type=file]").setInputFiles({ name: "song.mp3", mimeType: "audio/mpeg", buffer: Buffer.from("no sound at all") });
  await it.page.getByRole("alert").getByText("can't read this sound").waitFor();
});

test("every output has its face, and boxes lie over the picture that went in", async () => {
  await face.getByLabel("picture", { exact: true }).setInputFiles({ name: "photo.jpg", mimeType: "image/jpeg", buffer: await photo(it.page) });
  await comes(({ picture }) => JSON.stringify(picture) === "[240,320,3]", "the picture");
  await face.locator('[data-output="words"]').getByText(await seen().then(({ text }) => text)).waitFor();
  await it.until(async () => (await face.locator(".overlay rect").count()) === 2 && (await face.locator(".overlay .dot").count()) === 3, "boxes and landmarks");
  assert.equal(await face.locator('[data-output="rows"] tbody tr').count() > 0, true);
  await face.locator('[data-output="sound"] audio').waitFor();
  await face.getByRole("img", { name: "live labels of everything" }).waitFor();
  const saved = it.page.waitForEvent("download");
  await face.getByRole("link", { name: /^save/ }).click();
  assert.match((await saved).suggestedFilename(), /txt$/);
  await shoot(it.page, "faces");
});

// What a hand brings along: a file that is dropped on, or pasted into, the element.
const brought = (locator, event, { name, type, bytes }) => locator.evaluate((element, [kind, file]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(file.bytes)], file.name, { type: file.type }));
  const options = { bubbles: true, cancelable: true };
  element.dispatchEvent(kind === "drop" ? new DragEvent("drop", { ...options, dataTransfer: data }) : new ClipboardEvent("paste", { ...options, clipboardData: data }));
}, [event, { name, type, bytes: [...bytes] }]);

test("a picture is dropped, and another pasted", async () => {
  const small = await it.page.evaluate(async () => {
    const canvas = new OffscreenCanvas(40, 30);
    canvas.getContext("2d").fillRect(0, 0, 20, 30);
    const blob = await canvas.convertToBlob({ type: "image/png" });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  await brought(field("picture").locator(".drop"), "drop", { name: "photo.jpg", type: "image/jpeg", bytes: await photo(it.page) });
  await comes(({ picture }) => JSON.stringify(picture) === "[240,320,3]", "the dropped one");
  await brought(field("picture").getByLabel("picture", { exact: true }), "paste", { name: "image.png", type: "image/png", bytes: small });
  await comes(({ picture }) => JSON.stringify(picture?.slice(0, 2)) === "[30,40]", "the pasted one");
});

test("a file's name is text, whatever it looks like", async () => {
  const name = "<img src=x onerror=\"window.hurt='file'\">.txt";
  await brought(field("paper").locator(".drop"), "drop", { name, type: "text/plain", bytes: Buffer.from("hello") });
  await field("paper").getByText(name).waitFor();
  await comes(({ paper }) => paper?.includes("onerror"), "the file");
  await face.locator('[data-output="seen"]').getByText(/onerror/).first().waitFor();
  assert.deepEqual(await it.page.evaluate(() => [window.hurt ?? null, document.querySelectorAll("[onerror]").length]), [null, 0]);
});

test("text and maps of another session go in as pictures do, and only what fits is offered", async () => {
  await openSession(it.bridge.url, "everything", "before");
  const options = (input) => face.getByLabel(`${input} from a session`).locator("option").allTextContents();
  await face.getByLabel("text from a session").waitFor();
  assert.ok((await options("text")).includes("before · words"));
  assert.deepEqual(await options("map"), ["none", "before · labels"]);
  assert.ok(!(await options("picture")).includes("before · labels"), "a map is no picture");
  await face.getByLabel("text from a session").selectOption("before · words");
  await it.ask("/api/sessions/before/inputs", { text: "from afar" });
  await comes(({ text }) => text === "from afar", "the text of the other");
  await face.getByLabel("text from a session").selectOption("none");
  await it.until(async () => !(await it.ask("/api/chains")).chains.length, "no chain");
  await fetch(`${it.bridge.url}/api/sessions/before`, { method: "DELETE" });
});

test("what the bridge refuses is told at the input it is about", async () => {
  await face.getByLabel("count", { exact: true }).fill("1.5");
  await face.getByLabel("count", { exact: true }).press("Enter");
  await field("count").getByRole("alert").waitFor();
});
