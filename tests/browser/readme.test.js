// The pictures in the README, of a first start: PICTURES=1 node --test readme.test.js makes them anew.

import { test } from "node:test";
import { join } from "node:path";
import { studio } from "./studio.js";
import { ROOT } from "./support.js";

const it = studio({ sessions: ["dream"] });

test("the pictures of the README", { skip: !process.env.PICTURES }, async () => {
  const into = (name) => ({ path: join(ROOT, "docs", "pictures", `${name}.png`) });
  const dream = it.session("dream");
  await it.go("#/play/dream");
  await it.ask("/api/sessions/dream/walk", { kind: "drift", distance: 0.6, "direction/1": 1 });
  for (let kept = 1; kept <= 6; kept += 1) {
    await it.press(dream, "keep");
    await it.until(async () => (await dream.locator(".thumbs img").count()) === kept, "its picture");
    await it.press(dream, "next");
    await it.page.waitForTimeout(900);
  }
  await it.page.mouse.move(0, 0);
  await it.page.screenshot(into("page"));
  await it.page.emulateMedia({ colorScheme: "dark" });
  await it.press(dream, "Explore");
  await it.until(async () => (await dream.locator(".tile img").count()) > 20, "the tiles");
  await it.page.waitForTimeout(2000);
  await it.page.screenshot(into("explorer"));
  await it.page.emulateMedia({ colorScheme: "light" });
  await it.go("#/models");
  await it.page.locator(".card").first().waitFor();
  await it.page.waitForTimeout(1500);
  await it.page.screenshot(into("models"));
});
