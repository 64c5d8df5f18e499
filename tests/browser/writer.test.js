// Live text: what comes next stands in grey, belongs to what is typed, and is taken with Tab.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { studio } from "./studio.js";
import { ROOT, folder, python, shoot, testModel } from "./support.js";

// A text model of a few random numbers: what it writes makes no sense, but it writes.
function tinyWriter() {
  const model = join(folder(), "tiny");
  mkdirSync(model);
  const code = "import sys; from pathlib import Path; from tests.kit.networks import gpt2; gpt2(Path(sys.argv[1]))";
  execFileSync(python, ["-c", code, join(model, "network")], { cwd: ROOT });
  writeFileSync(join(model, "model.toml"), 'title = "Tiny"\nkind = "generate"\n');
  writeFileSync(join(model, "model.py"), `from pathlib import Path

from bridge import load_class

GPT2 = load_class(Path(${JSON.stringify(join(ROOT, "models", "gpt2"))}))


class Writer(GPT2):
    def setup(self) -> None:
        self.open(str(Path(__file__).parent / "network"))
`);
  return model;
}

const it = studio({ flags: ["--model", `tiny=${tinyWriter()}`, ...testModel("teller")], sessions: [["writer", "bundled"]] });
let writer, area;
beforeEach(async () => {
  await it.go("#/play/tiny");
  writer = it.session("tiny");
  area = writer.getByLabel(/^text for tiny/);
  await area.waitFor();
});

const tail = () => writer.locator(".tail").textContent();
const tailed = () => it.until(async () => (await tail()).length > 3, "grey text");

test("a continuation stands in grey; Tab takes it, and it goes on from there", async () => {
  await area.pressSequentially("function setup");
  await tailed();
  await it.until(async () => writer.getByText(/tokens\/s/).isVisible(), "the tokens a second");
  await it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 3, "its end");
  const wanted = `function setup${await tail()}`;
  await area.press("Tab");
  assert.equal(await area.inputValue(), wanted);
  await tailed();
  await shoot(it.page, "writer");
});

// Every change of the page and every picture of the screen: what was typed, and what stood in grey then.
const watch = (name) => it.page.evaluate((of) => {
  window.seen = [];
  const paper = document.querySelector(`[data-session="${of}"] .paper`);
  const look = () => {
    const { value, selectionStart } = paper.querySelector("textarea");
    const grey = paper.querySelector(".tail").textContent;
    if (grey) window.seen.push({ typed: value.slice(0, selectionStart), shown: paper.querySelector(".mirror > span").textContent, grey });
  };
  const frame = () => { look(); requestAnimationFrame(frame); };
  new MutationObserver(look).observe(paper, { subtree: true, childList: true, characterData: true, attributes: true });
  requestAnimationFrame(frame);
}, name);
const seen = () => it.page.evaluate(() => window.seen);

test("typed at twenty strokes a second, no tail of an earlier text is ever shown", async () => {
  await it.go("#/play/teller");
  const teller = it.session("teller");
  const field = teller.getByLabel(/^text for teller/);
  await field.waitFor();
  await watch("teller");
  const text = "for (let i = 0; i < 10; i++) { line(i, 0, i, h); }";
  await field.pressSequentially(text, { delay: 50 });
  await it.until(async () => (await teller.locator(".tail").textContent()) === `‹${text}›`, "the tail of all that was typed");
  const looks = await seen();
  assert.deepEqual(looks.filter(({ typed, shown, grey }) => shown !== typed || !`‹${typed}›`.startsWith(grey)), []);
  assert.ok(new Set(looks.map(({ typed }) => typed)).size > 10, "grey text was seen while it was typed");
  await it.until(async () => (await it.ask("/api/sessions/teller")).stats.under_way === 0, "earlier texts are let go");
});

test("the bundled writer goes along: typed, taken, typed on, and grey is only what it wrote for just this text", async () => {
  await it.go("#/play/bundled");
  const bundled = it.session("bundled");
  const field = bundled.getByLabel(/^text for bundled/);
  await field.waitFor();
  await it.page.evaluate(() => { // what is asked, and all that is told for it, as it goes over the wire
    window.wire = [];
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function note(data) {
      if (!this.noted) this.addEventListener("message", ({ data: told }) => { if (typeof told === "string") window.wire.push(JSON.parse(told)); });
      this.noted = true;
      if (typeof data === "string") window.wire.push(JSON.parse(data));
      return send.call(this, data);
    };
  });
  await watch("bundled");
  const grey = () => bundled.locator(".tail").textContent();
  await field.pressSequentially("function setup() {\n  create", { delay: 50 });
  await it.until(async () => (await grey()).length > 3 && (await bundled.locator(".sr[role=status]").textContent()).length > 3, "its tail");
  const wanted = (await field.inputValue()) + (await grey());
  await field.press("Tab");
  assert.equal(await field.inputValue(), wanted);
  assert.equal(await field.evaluate((area) => document.activeElement === area), true);
  await it.until(async () => (await grey()).length > 0, "more of it");
  await field.pressSequentially(" background(220);", { delay: 50 });
  await it.until(async () => (await bundled.locator(".sr[role=status]").textContent()).length > 0, "the tail of that");
  const runs = await it.page.evaluate(() => {
    const asked = new Map(window.wire.filter(({ type, session }) => type === "run" && session === "bundled").map(({ id, inputs }) => [id, { prompt: inputs.prompt, text: "" }]));
    for (const { type, id, outputs } of window.wire) if (type === "output" && asked.has(id)) asked.get(id).text += outputs.generated_text ?? "";
    return [...asked.values()].map(({ prompt, text }) => prompt + text);
  });
  assert.ok(runs.length > 5, `${runs.length} runs`);
  const strange = (await seen()).filter(({ typed, shown, grey: tail }) => shown !== typed || !runs.some((whole) => whole.startsWith(typed + tail)));
  assert.deepEqual(strange, []);
});

test("a letter that is the next grey one is followed without beginning anew", async () => {
  await area.fill("background(");
  await it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 5, "its end");
  const before = await tail();
  const version = await writer.locator(".paper").getAttribute("data-version");
  await area.press("End");
  await it.page.keyboard.insertText(before.slice(0, 2));
  assert.equal(await tail(), before.slice(2));
  assert.equal(await writer.locator(".paper").getAttribute("data-version"), version);
});

test("a word of it can be taken, and one that was likely in place of another", async () => {
  await area.fill("ellipse(x");
  await it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 5, "its end");
  const whole = await tail();
  await area.press("End");
  await area.press("Alt+ArrowRight");
  const now = await area.inputValue();
  assert.ok(now.length > "ellipse(x".length && `ellipse(x${whole}`.startsWith(now), now);
  const tokens = writer.locator(".token", { hasText: /[A-Za-z0-9]/ }); // of chance, so perhaps none can be seen
  await it.until(async () => {
    if (await tokens.count()) return true;
    await it.press(writer, "another");
    return it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 0, "its end") && false;
  }, "a token");
  await tokens.first().hover();
  const likely = writer.getByLabel("what was likely here").getByRole("button");
  assert.equal(await likely.count(), 6);
  assert.match(await likely.first().textContent(), /\d %$/);
  const other = writer.getByLabel("what was likely here").locator("button:enabled").first();
  await it.until(async () => {
    await tokens.first().hover({ timeout: 1000 }).catch(() => {}); // the list is gone when the text went on meanwhile
    await other.click({ timeout: 1000 }).catch(() => {});
    return (await area.inputValue()).length > now.length;
  }, "the other one is taken");
});

test("alternatives are offered, and one is chosen", async () => {
  await area.fill("let x = ");
  await writer.getByLabel("alternatives", { exact: true }).fill("3");
  const offered = writer.getByLabel("alternatives").getByRole("button");
  await it.until(async () => (await offered.count()) === 3 && (await writer.locator(".sr[role=status]").textContent()).length > 3, "three of them");
  const second = await offered.nth(1).textContent();
  await offered.nth(1).click();
  assert.equal(await area.inputValue(), `let x = ${second}`);
});

test("length and temperature count: at 0 it is always the same", async () => {
  await writer.getByLabel("temperature", { exact: true }).fill("0");
  await writer.getByLabel("length", { exact: true }).fill("8");
  await area.fill("let y = "); // last, so that no text of other wishes is on its way
  await it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 1, "its end");
  const first = await tail();
  const version = Number(await writer.locator(".paper").getAttribute("data-version"));
  await it.press(writer, "another");
  await it.until(async () => Number(await writer.locator(".paper").getAttribute("data-version")) > version && (await writer.locator(".sr[role=status]").textContent()).length > 1, "another");
  assert.equal(await tail(), first);
});

test("Escape holds the grey text back until the next key, so that Tab leaves the editor", async () => {
  await area.fill("function draw");
  await tailed();
  await area.press("Escape");
  assert.equal(await tail(), "");
  const before = await area.inputValue();
  await it.page.keyboard.press("Tab");
  assert.equal(await area.inputValue(), before);
  assert.equal(await area.evaluate((field) => document.activeElement === field), false);
  await area.focus();
  assert.equal(await tail(), "");
  await it.page.keyboard.press("Home");
  await it.page.keyboard.press("End");
  await tailed();
});

test("grey text stands at the caret, within a text, and is taken there; undo takes it back", async () => {
  await area.fill("function one() {}\n\nfunction two() {}");
  await it.page.keyboard.press("ArrowUp");
  await tailed();
  await it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 3, "its end");
  const grey = await tail();
  assert.deepEqual(await writer.locator(".mirror").evaluate((mirror) => [mirror.firstChild.textContent, mirror.childNodes[2].textContent]), ["function one() {}\n", "\nfunction two() {}"]);
  await shoot(it.page, "writer-within");
  await area.press("Tab");
  assert.equal(await area.inputValue(), `function one() {}\n${grey}\nfunction two() {}`);
  assert.equal(await area.evaluate((field) => field.selectionStart), "function one() {}\n".length + grey.length);
  await it.page.keyboard.press("ControlOrMeta+z");
  assert.equal(await area.inputValue(), "function one() {}\n\nfunction two() {}");
});

test("a press on the text behind the grey one goes where it is seen", async () => {
  await area.fill("abc def ghi");
  await area.press("Home");
  for (let step = 0; step < 3; step += 1) await area.press("ArrowRight");
  await tailed();
  await it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 3, "its end");
  const [x, y] = await writer.locator(".mirror").evaluate((mirror) => {
    const range = document.createRange();
    range.setStart(mirror.childNodes[2], 5);
    range.setEnd(mirror.childNodes[2], 6);
    const { left, top, height } = range.getBoundingClientRect();
    return [left + 1, top + height / 2];
  });
  await it.page.mouse.click(x, y);
  assert.equal(await area.evaluate((field) => field.selectionStart), 8);
});

test("how likely each token was, and what else, is there for the keyboard and is said in words", async () => {
  await it.go("#/play/bundled"); // whose tokens are whole words
  writer = it.session("bundled");
  area = writer.getByLabel(/^text for bundled/);
  await area.fill("ellipse(x");
  await it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 5, "its end");
  await area.press("Alt+ArrowDown");
  const inside = writer.getByRole("toolbar", { name: /^the grey text, token by token/ });
  const focused = () => it.page.evaluate(() => document.activeElement.textContent);
  await it.until(async () => / \d+\.\d %$/.test(await focused()), "the first token");
  const first = await focused();
  await it.page.keyboard.press("ArrowRight");
  assert.notEqual(await focused(), first);
  await it.page.keyboard.press("Tab");
  assert.match(await focused(), / \d+\.\d %$/);
  await it.page.keyboard.press("Escape");
  assert.equal(await area.evaluate((field) => document.activeElement === field), true);
  await inside.waitFor({ state: "detached" });
  await it.press(writer, "why this");
  await it.until(async () => / %$/.test(await focused()), "the first token");
  await it.page.keyboard.press("ArrowRight");
  await it.until(() => inside.locator("button").nth(1).evaluate((one) => document.activeElement === one), "the second");
  const two = await inside.locator("button").evaluateAll((all) => all.slice(0, 2).map((one) => JSON.parse(`"${one.querySelector("code").textContent}"`)).join(""));
  await shoot(it.page, "writer-inside");
  await it.page.keyboard.press("Enter");
  assert.equal(await area.inputValue(), `ellipse(x${two}`);
});

test("an empty editor offers something to begin with", async () => {
  await it.go("#/play/bundled");
  const bundled = it.session("bundled");
  await shoot(it.page, "writer-empty");
  await it.press(bundled, "for (let i = 0;");
  assert.equal(await bundled.getByLabel(/^text for bundled/).inputValue(), "for (let i = 0; ");
  await it.until(async () => (await bundled.locator(".tail").textContent()).length > 3, "grey text");
});

test("what is set under more counts here, and the session's own inputs stay as they are; a renamed editor keeps its text", async () => {
  await area.fill("let z = ");
  await writer.getByText("more", { exact: true }).click();
  await writer.getByLabel("top k", { exact: true }).or(writer.getByLabel("top_k", { exact: true })).fill("1");
  const version = Number(await writer.locator(".paper").getAttribute("data-version"));
  await it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 1, "its end");
  const first = await tail();
  await it.press(writer, "another");
  await it.until(async () => Number(await writer.locator(".paper").getAttribute("data-version")) > version && (await writer.locator(".sr[role=status]").textContent()).length > 1, "another");
  assert.equal(await tail(), first); // of one word to choose from
  assert.equal((await it.ask("/api/sessions/tiny")).inputs.top_k, 0);
  await it.ask("/api/sessions/tiny", { name: "other" });
  await it.until(async () => (await it.session("other").getByLabel(/^text for other/).inputValue({ timeout: 500 }).catch(() => "")) === "let z = ", "its text");
  await it.ask("/api/sessions/other", { name: "tiny" });
});

test("a token that comes in parts, and parts that come as one, keep their own probabilities", async () => {
  const parts = await it.page.evaluate(async () => {
    const { Typist } = await import("/studio/writer/typist.js");
    let hears;
    const typist = new Typist((given, hear) => { hears = hear; return { ended: new Promise(() => {}), cancel() {} }; }, () => {});
    const token = (text) => ({ text, logprob: -1, likeliest: [] });
    typist.type("x");
    const step = (piece, text) => hears({ outputs: { generated_text: piece, ...(text ? { tokens: token(text) } : {}) } });
    step("", "fo"); // held back: it might be the beginning of a stop
    step("for(", "r(");
    step("i", "int");
    step("nt", "");
    step("", "bytes:\\xf0\\x9f");
    step("🙂", "bytes:\\x99\\x82");
    step("!", "!");
    return typist.pieces.map(({ text, token: of, before }) => [text, of?.text ?? null, before]);
  });
  assert.deepEqual(parts, [["fo", "fo", "x"], ["r(", "r(", "xfo"], ["int", "int", "xfor("], ["🙂", null, "xfor(int"], ["!", "!", "xfor(int🙂"]]);
});

test("what a model ends its lines with stands in grey as it will stand in the field", async () => {
  const [pieces, others, taken] = await it.page.evaluate(async () => {
    const { Typist } = await import("/studio/writer/typist.js");
    let hears;
    const typist = new Typist((given, hear) => { hears = hear; return { ended: new Promise(() => {}), cancel() {} }; }, () => {});
    const token = (text) => ({ text, logprob: -1, likeliest: [] });
    typist.type("x");
    hears({ outputs: { generated_text: ";\r\ny", tokens: token(";\r\ny") } });
    hears({ outputs: { generated_text: "\rz", tokens: token("\rz"), alternatives: [";", ";\r\n!"] } });
    const field = document.createElement("textarea");
    field.value = `x${typist.tail}`;
    return [typist.pieces.map(({ text, token: of }) => [text, of?.text]), typist.others, field.value === `x${typist.tail}`];
  });
  assert.deepEqual([pieces, others, taken], [[[";\ny", ";\r\ny"], ["\nz", "\rz"]], [";\n!"], true]);
});
