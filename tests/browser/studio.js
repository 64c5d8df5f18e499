// The studio over a real bridge, opened anew for each test. Whatever the console says, whatever is asked of another
// origin, and every answer that is an error fails the test it came in.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { ask, complaints, openBrowser, openSession, startBridge, until } from "./support.js";

// A camera and a microphone that show and play a test pattern, and are given without asking.
export const FAKE_MEDIA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

// Whoever closes, renames or stops a session does so while a page may just be asking what it gave last.
const GONE_MEANWHILE = /\b(404|503)\b.*\/api\/sessions\/[^/]+\/outputs$/;

export function studio({ flags = [], sessions = [], launch = [], context = {}, state } = {}) {
  const it = {
    heard: [],
    allowed: [], // what a test expects to be told
    async start() { it.bridge = await startBridge(flags, state); },
    async open(hash = "", more = {}) {
      const page = await it.browser.newPage({ viewport: { width: 1280, height: 800 }, ...context, ...more });
      it.heard.push(complaints(page));
      page.on("request", (request) => outside(it, request.url()));
      page.on("websocket", (socket) => outside(it, socket.url()));
      const answer = await page.goto(`${it.bridge.url}/${hash}`);
      assert.match(answer.headers()["content-security-policy"], /default-src 'none'; script-src 'self'; style-src 'self';/);
      return page;
    },
    go: (hash) => it.page.evaluate((to) => { location.hash = to; }, hash),
    session: (name) => it.page.locator(`[data-session="${name}"]`),
    ask: (path, told) => ask(it.bridge.url, path, told),
    until: (check, what) => until(it.page, check, what),
    // One of a few, by the name it shows.
    pick: (place, name) => place.getByRole("radio", { name, exact: true }).check({ force: true }),
    tab: (place, name) => place.getByRole("tab", { name, exact: true }).click(),
    press: (place, name) => place.getByRole("button", { name, exact: true }).click(),
    more: async (name, item) => {
      await it.press(it.session(name), `more about ${name}`);
      await it.press(it.session(name), item);
    },
  };
  before(async () => {
    await it.start();
    for (const session of sessions) await openSession(it.bridge.url, ...[session].flat()); // a model, or a model and a name
  });
  before(async () => { it.browser = await openBrowser(...launch); });
  after(() => it.browser?.close());
  after(() => it.bridge?.close());
  beforeEach(async () => {
    it.heard = [];
    it.allowed = [GONE_MEANWHILE];
    it.page = await it.open();
  });
  afterEach(async () => {
    for (const page of it.browser.contexts().flatMap((one) => one.pages())) await page.close();
    assert.deepEqual(it.heard.flat().filter((line) => !it.allowed.some((pattern) => pattern.test(line))), []);
  });
  return it;
}

function outside(it, address) {
  const { protocol, host } = new URL(address);
  const ours = ["data:", "blob:"].includes(protocol) || host === new URL(it.bridge.url).host;
  if (!ours) it.heard.push([`asked another origin: ${address}`]);
}
