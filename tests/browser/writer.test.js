// Live text: what comes next stands in grey, belongs to what is typed, and is taken with Tab.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { studio } from "./studio.js";
import { ROOT, folder, python, shoot } from "./support.js";

// A text model of a few random numbers: what it writes makes no sense, but it writes.
function tinyWriter() {
  const model = join(folder(), "writer");
  mkdirSync(model);
  const code = "import sys; from pathlib import Path; from tests.kit.networks import gpt2; gpt2(Path(sys.argv[1]))";
  execFileSync(python, ["-c", code, join(model, "network")], { cwd: ROOT });
  writeFileSync(join(model, "model.toml"), 'title = "Writer"\nkind = "generate"\n');
  writeFileSync(join(model, "model.py"), `from pathlib import Path

from bridge import load_class

GPT2 = load_class(Path(${JSON.stringify(join(ROOT, "models", "gpt2"))}))


class Writer(GPT2):
    def setup(self) -> None:
        self.open(str(Path(__file__).parent / "network"))
`);
  return model;
}

const it = studio({ flags: ["--model", `writer=${tinyWriter()}`], sessions: [] });
let writer, area;
beforeEach(async () => {
  await it.go("#/play/writer");
  writer = it.session("writer");
  area = writer.getByLabel(/^text for writer/);
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

test("typed at twenty strokes a second, no tail of an earlier text is ever shown", async () => {
  await it.page.evaluate(() => {
    window.stale = [];
    window.looks = 0;
    const paper = document.querySelector(".paper");
    const look = () => {
      const [typed, grey] = paper.querySelectorAll(".mirror > span");
      const area = paper.querySelector("textarea");
      window.looks += 1;
      if (grey.textContent && (typed.textContent !== area.value || paper.dataset.text !== area.value)) window.stale.push([area.value, typed.textContent, paper.dataset.text]);
    };
    new MutationObserver(look).observe(paper, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  await area.pressSequentially("for (let i = 0; i < 10; i++) { line(i, 0, i, h); }", { delay: 50 });
  await tailed();
  assert.deepEqual(await it.page.evaluate(() => window.stale), []);
  assert.ok((await it.page.evaluate(() => window.looks)) > 50);
  await it.until(async () => (await it.ask("/api/sessions/writer")).stats.under_way === 0, "earlier texts are let go");
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
  await area.fill("let y = ");
  await writer.getByLabel("temperature", { exact: true }).fill("0");
  await writer.getByLabel("length", { exact: true }).fill("8");
  await it.until(async () => (await writer.locator(".sr[role=status]").textContent()).length > 1, "its end");
  const first = await tail();
  const version = Number(await writer.locator(".paper").getAttribute("data-version"));
  await it.press(writer, "another");
  await it.until(async () => Number(await writer.locator(".paper").getAttribute("data-version")) > version && (await writer.locator(".sr[role=status]").textContent()).length > 1, "another");
  assert.equal(await tail(), first);
});
