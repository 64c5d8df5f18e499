// What is on every page: where one is, how it looks, the keyboard, and what it weighs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { studio } from "./studio.js";
import { cutOff, moves, openSession, shoot, testModel, until } from "./support.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES = { play: "#/play/dream", models: "#/models", model: "#/models/dream", connect: "#/connect/dream", learn: "#/learn", settings: "#/settings", touch: "#/touch/dream", picture: "#/picture/dream/image" };
// The same once somebody has done something there.
const DOES = {
  editor: ["#/play/writer", async (page) => {
    await page.getByLabel(/^text for writer/).fill("function setup() {\n  createCanvas(400, 400);\n\n}");
    await page.getByLabel(/^text for writer/).press("ArrowUp");
    await until(page, async () => (await page.locator(".tail").textContent()).length > 3, "grey text");
    await page.getByRole("button", { name: "why this" }).click();
    await page.getByLabel("what was likely here").waitFor();
  }],
  empty: ["#/play/writer", (page) => page.getByRole("button", { name: /^function setup/ }).waitFor()],
  thumbs: ["#/touch/writer", (page) => page.getByLabel(/^text for writer/).waitFor()],
  faces: ["#/play/everything", (page) => page.getByRole("button", { name: "Run", exact: true }).click()],
  explorer: ["#/play/dream", async (page) => {
    await page.getByRole("button", { name: "Explore" }).click();
    await until(page, async () => (await page.locator(".tile img").count()) > 4, "tiles");
  }],
  options: ["#/play/everything", async (page) => {
    await page.getByRole("button", { name: "more about everything" }).click();
    await page.getByRole("button", { name: "options…" }).click();
    await page.getByRole("dialog").waitFor();
  }],
  adding: ["#/models/dream", async (page) => {
    await page.getByRole("button", { name: "Add to workspace" }).click();
    await page.getByRole("dialog").waitFor();
  }],
};
const it = studio({ flags: testModel("everything"), sessions: ["dream", "writer"] });

// What is there when a page is there: no answer that brings more controls is still awaited.
async function there(page) {
  await page.waitForFunction(() => {
    const main = document.querySelector("main");
    const said = main?.innerText.trim() ?? "";
    const waits = /looking…|ports…|^reading|on its way…/.test(said) || main?.querySelector(".walking .picture.empty, .xy .picture.empty");
    return (said.length > 12 && !waits) || document.querySelector(".wholepicture canvas");
  });
  await page.waitForLoadState("networkidle");
}

test("the links at the top lead to the pages, and the page says where one is", async () => {
  const nav = it.page.getByRole("navigation", { name: "pages" });
  for (const [link, title] of [["Models", "Models"], ["Connect", "Connect"], ["Models 101", "Models 101"], ["Settings", "Settings"], ["Play", "Play"]]) {
    await nav.getByRole("link", { name: link, exact: true }).click();
    await it.until(async () => (await it.page.title()) === `${title} · Sketchbridge`, title);
    assert.equal(await nav.locator("[aria-current]").textContent(), link);
  }
});

test("light and dark follow the system until one is chosen, which is kept", async () => {
  await it.page.emulateMedia({ colorScheme: "dark" });
  const paper = () => it.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await paper();
  await it.page.emulateMedia({ colorScheme: "light" });
  assert.notEqual(await paper(), dark);
  await it.go("#/settings");
  await it.pick(it.page, "dark");
  assert.equal(await paper(), dark);
  await it.page.reload();
  assert.equal(await paper(), dark);
});

test("the keyboard reaches everything: the way to the content, tabs by arrows, a menu that Escape closes", async () => {
  const dream = it.session("dream");
  await dream.getByRole("tab", { name: "Walk" }).press("ArrowRight");
  assert.equal(await dream.getByRole("tab", { name: "Steer" }).getAttribute("aria-selected"), "true");
  await dream.getByRole("button", { name: "more about dream" }).press("Enter");
  await dream.getByRole("button", { name: "stop" }).press("ArrowDown");
  assert.equal(await it.page.evaluate(() => document.activeElement.textContent), "restart");
  await it.page.keyboard.press("Escape");
  await dream.getByRole("button", { name: "restart" }).waitFor({ state: "detached" });
  assert.equal(await it.page.evaluate(() => document.activeElement.getAttribute("aria-label")), "more about dream");
  await it.page.reload();
  await it.page.keyboard.press("Tab");
  assert.equal(await it.page.evaluate(() => document.activeElement.textContent), "to the content");
});

// Everything that can be pressed or typed into, as a person meets it: a radio or a switch is its label, what hangs in a
// line (live, a handle) is felt as far as its ::after reaches.
const CONTROLS = "button, input, select, textarea, a[href], summary, [tabindex='0']";

test("where a finger points, nothing that is pressed is smaller than a thumb", async () => {
  for (const hash of [...Object.values(PAGES), "#/play/everything", "#/touch/everything", "#/play/writer"]) {
    const page = await it.open(hash, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await there(page);
    const small = await page.evaluate((controls) => {
      const size = (element) => {
        const { width, height } = element.getBoundingClientRect();
        const around = getComputedStyle(element, "::after");
        const reach = element.matches(".live, .handle") ? [around.left, around.top].map((side) => -2 * parseFloat(side)) : [0, 0];
        return [width + reach[0], height + reach[1]];
      };
      const met = (element) => (element.matches(".choice input, .switch input") ? element.closest("label") : element);
      const within = (element) => element.matches("a") && getComputedStyle(element).display === "inline"; // a sentence
      return [...document.querySelectorAll(controls)]
        .filter((element) => element.checkVisibility() && !element.matches(".skip") && !within(element))
        .map((element) => [element.outerHTML.slice(0, 120), ...size(met(element))]).filter(([, width, height]) => width < 43.5 || height < 43.5);
    }, CONTROLS);
    assert.deepEqual(small, [], hash);
    await page.close();
  }
});

test("by Tab alone every control of every page is reached, in view, with its focus seen, and left again", async () => {
  for (const hash of [...Object.values(PAGES), "#/play/everything", "#/touch/everything", "#/play/writer"]) {
    const page = await it.open(hash);
    await there(page);
    await page.evaluate((controls) => document.querySelector(controls)?.focus(), CONTROLS);
    for (;;) {
      const told = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === document.body) return null;
        const [before, html] = [element.reached, element.outerHTML.slice(0, 160)];
        element.reached = true;
        const around = element.matches(".drop > input, .search input") ? element.parentElement : element.matches(".choice input") ? element.nextElementSibling : element;
        const { outlineStyle, boxShadow } = getComputedStyle(around);
        const { top, bottom, left, right } = element.getBoundingClientRect();
        const under = element.closest("header.top") ? 0 : document.querySelector("header.top")?.getBoundingClientRect().bottom ?? 0;
        const hidden = bottom <= under || top >= innerHeight || right <= 0 || left >= innerWidth;
        const unseen = outlineStyle === "none" && !(element.matches(".search input") && boxShadow !== "none");
        return { before, html, trouble: hidden ? "out of view" : unseen ? "no ring" : "" };
      });
      if (!told || told.before) break;
      assert.equal(told.trouble, "", `${hash}: ${told.html}`);
      await page.keyboard.press("Tab");
    }
    const missed = await page.evaluate((controls) => [...document.querySelectorAll(controls)]
      .filter((element) => !element.reached && element.tabIndex >= 0 && !element.disabled && element.checkVisibility() && !element.matches("[type=radio]:not(:checked)"))
      .map((element) => element.outerHTML.slice(0, 120)), CONTROLS);
    assert.deepEqual(missed, [], hash); // so nothing has kept the focus either
    await page.close();
  }
});

test("a window over the page keeps the focus, and gives it back; a menu that is left is closed", async () => {
  const dream = it.session("dream");
  const wave = dream.getByRole("button", { name: "let speed move by itself" });
  await wave.press("Enter");
  const dialog = it.page.getByRole("dialog");
  await dialog.waitFor();
  for (let times = 0; times < 8; times += 1) {
    await it.page.keyboard.press("Tab");
    assert.ok(await it.page.evaluate(() => document.activeElement === document.body || Boolean(document.activeElement.closest("dialog"))), "it is still in the window");
  }
  await it.page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await wave.evaluate((button) => document.activeElement === button), true, "where one was");
  await dream.getByRole("button", { name: "more about dream" }).press("Enter");
  await dream.getByRole("button", { name: "about the model" }).press("Tab");
  await dream.getByRole("button", { name: "about the model" }).waitFor({ state: "detached" });
});

const LOOKS = [["light", { width: 1280, height: 800 }], ["dark", { width: 390, height: 844 }]];

async function serious(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run());
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}

test("axe finds nothing serious on any page, light or dark, wide or narrow", async () => {
  for (const [name, hash] of Object.entries(PAGES)) {
    for (const [colorScheme, viewport] of LOOKS) {
      const page = await it.open(hash, { colorScheme, viewport, reducedMotion: "reduce" });
      await there(page);
      assert.deepEqual(await serious(page), [], `${name} ${colorScheme}`);
      await page.close();
    }
  }
});

for (const [name, [hash, act]] of Object.entries(DOES)) {
  test(`axe finds nothing serious where somebody has done something: ${name}`, async () => {
    const page = await it.open(hash, { reducedMotion: "reduce" });
    await act(page);
    for (const [colorScheme, viewport] of LOOKS) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize(viewport);
      assert.deepEqual(await serious(page), [], colorScheme);
    }
  });
}

test("on a narrow screen nothing is wider than the screen", async () => {
  for (const [name, hash] of Object.entries(PAGES)) {
    const page = await it.open(hash, { viewport: { width: 360, height: 740 } });
    await there(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${name} is ${wide} px wide`);
    await page.close();
  }
});

test("the longest name a session can have is wider than no screen", async () => {
  const name = "abcdefgh".repeat(8);
  await openSession(it.bridge.url, "palette", name);
  for (const where of ["play", "connect", "touch"]) {
    for (const width of [360, 1280]) {
      const page = await it.open(`#/${where}/${name}`, { viewport: { width, height: 740 } });
      await there(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${where} is ${wide} px wide on ${width}`);
      await page.close();
    }
  }
  await fetch(`${it.bridge.url}/api/sessions/${name}`, { method: "DELETE" });
});

test("the page weighs less than 300 kB without pictures, all pages together, and the second time next to nothing", async () => {
  const page = await it.browser.newPage();
  const sizes = [];
  page.on("response", async (response) => { if (response.url().includes("/studio/") || response.url() === `${it.bridge.url}/`) sizes.push(response.request().sizes().then((of) => of.responseBodySize)); });
  await page.goto(it.bridge.url);
  for (const hash of Object.values(PAGES)) {
    await page.goto(`${it.bridge.url}/${hash}`);
    await there(page);
  }
  const sum = (await Promise.all(sizes)).reduce((all, size) => all + size, 0);
  assert.ok(sum > 50_000 && sum < 150_000, `${sum} bytes`); // 300,000 are allowed; it should not grow unseen
});

test("the modules of the first page are asked for all at once", async () => {
  const [named, loaded] = await it.page.evaluate(() => [
    [...document.querySelectorAll("link[rel=modulepreload], script[src]")].map((one) => new URL(one.href ?? one.src).pathname),
    performance.getEntriesByType("resource").map((one) => new URL(one.name).pathname).filter((path) => path.endsWith(".js")),
  ]);
  assert.deepEqual([...new Set(named)].sort(), [...new Set(loaded)].sort());
});

test("what does not change is not sent twice", async () => {
  const first = await fetch(`${it.bridge.url}/studio/app.js`);
  const again = await fetch(`${it.bridge.url}/studio/app.js`, { headers: { "If-None-Match": first.headers.get("etag") } });
  assert.equal(again.status, 304);
  assert.equal(await again.text(), "");
});

test("a bridge that goes away is told, and its return too, with the sessions as they were", async () => {
  const dream = it.session("dream");
  const picture = dream.getByRole("img", { name: "live image of dream" });
  await moves(it.page, picture);
  const heal = await cutOff(it.page);
  await it.page.getByText("The bridge does not answer").waitFor();
  await heal();
  await it.page.getByText("The bridge does not answer").waitFor({ state: "detached" });
  await moves(it.page, picture);
});

test("a page that could not be fetched says so, and comes when the bridge is back", async () => {
  it.allowed.push(/ERR_FAILED|dynamically imported/);
  const page = await it.open("#/play/dream");
  await page.getByText("connected", { exact: true }).waitFor();
  await page.route("**/pages/settings.js*", (route) => route.abort());
  const heal = await cutOff(page);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByText("This page could not be fetched").waitFor();
  await page.getByText("The bridge does not answer").waitFor();
  await page.unroute("**/pages/settings.js*");
  await heal();
  await page.getByText("Ways in").waitFor();
});

test("a session that starts again keeps its place on the page", async () => {
  const panel = it.session("dream");
  await moves(it.page, panel.getByRole("img", { name: "live image of dream" }));
  const heights = await panel.evaluate((section) => {
    const head = section.querySelector(".head");
    const light = document.querySelector(".strip .light");
    const look = () => [head.offsetTop - section.offsetTop, head.offsetHeight, light.offsetHeight, getComputedStyle(section).display];
    const before = look();
    for (const one of [section, light]) one.classList.replace("ready", "starting");
    return [before, look()];
  });
  assert.deepEqual(heights[1], heights[0]);
});

test("an address that leads nowhere is told in words", async () => {
  await it.go("#/play/nobody");
  await it.page.getByText("there is no session nobody any more").waitFor();
  await it.go("#/touch/nobody");
  await it.page.getByText("There is no session nobody", { exact: true }).waitFor();
  await it.page.getByRole("link", { name: "All sessions" }).click();
  await it.page.getByRole("link", { name: "add a model" }).waitFor();
  it.allowed.push(/404/);
  await it.go("#/models/nothing");
  await it.page.getByRole("heading", { name: /nothing/ }).waitFor();
  await it.go("#/models/dream");
  await it.page.getByRole("heading", { name: "Dream", exact: true }).waitFor();
  await it.go("#/connect/nobody");
  await it.page.getByRole("heading", { name: "There is no session nobody" }).waitFor();
  await it.go("#/%E0%A4%A");
  await it.session("dream").waitFor();
});

test("pictures of every page, for people to look at", { skip: !process.env.SHOTS }, async () => {
  const looks = { desktop: { viewport: { width: 1280, height: 800 } }, wide: { viewport: { width: 1920, height: 1080 } }, phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 } };
  for (const [name, hash] of Object.entries(PAGES)) {
    for (const [look, more] of Object.entries(looks)) {
      for (const colorScheme of ["light", "dark"]) {
        const page = await it.open(hash, { ...more, colorScheme });
        await there(page);
        await until(page, () => page.evaluate(() => [...document.querySelectorAll("canvas")].every((canvas) => canvas.width)), "the pictures");
        await shoot(page, `${name}-${look}-${colorScheme}`);
        await page.close();
      }
    }
  }
});
