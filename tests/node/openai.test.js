// OpenAI's own client for JavaScript, with nothing changed but its address.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";
import { ask, model, startBridge } from "./support.js";

let bridge, client;
const SURE = { model: "scribe", temperature: 0, max_tokens: 19 };
const SUNG = "漢字 lo 🦜 hey;"; // what the scribe goes on with after "la ": 19 bytes and tokens

before(async () => {
  bridge = await startBridge("--model", model("scribe"));
  client = new OpenAI({ baseURL: `${bridge.url}/v1`, apiKey: "none needed", maxRetries: 0 });
});
after(() => bridge?.close());

test("models are listed", async () => {
  const found = [];
  for await (const one of client.models.list()) found.push(one.id);
  assert.deepEqual(found, ["scribe"]);
  assert.equal((await client.models.retrieve("scribe")).object, "model");
});

test("a completion, whole and in a stream", async () => {
  const whole = await client.completions.create({ ...SURE, prompt: "la ", n: 2, logprobs: 1 });
  assert.deepEqual(whole.choices.map(({ text }) => text), [SUNG, SUNG]);
  assert.equal(whole.usage.completion_tokens, 38);
  assert.equal(whole.choices[1].logprobs.tokens.length, 19);
  let text = "", reason;
  for await (const { choices: [choice] } of await client.completions.create({ ...SURE, prompt: "la ", stream: true })) {
    text += choice.text;
    reason = choice.finish_reason;
  }
  assert.deepEqual([text, reason], [SUNG, "length"]);
});

test("a chat, whole and in a stream", async () => {
  const messages = [{ role: "user", content: "la " }];
  const whole = await client.chat.completions.create({ ...SURE, messages, stop: "🦜" });
  assert.deepEqual(whole.choices[0].message.content, "漢字 lo ");
  assert.equal(whole.choices[0].finish_reason, "stop");
  const stream = client.chat.completions.stream({
    ...SURE, messages, stream_options: { include_usage: true }, logprobs: true, top_logprobs: 2,
  });
  const deltas = [];
  stream.on("content", (delta) => deltas.push(delta));
  const { choices: [choice], usage } = await stream.finalChatCompletion();
  assert.equal(choice.message.content, SUNG);
  assert.equal(deltas.join(""), SUNG);
  assert.ok(deltas.length > 5);
  assert.equal(usage.completion_tokens, 19);
  assert.equal(choice.logprobs.content.length, 19);
});

test("embeddings", async () => {
  const { data } = await client.embeddings.create({ model: "scribe", input: ["la", "la", "lo"] });
  assert.deepEqual(data[0].embedding, data[1].embedding);
  assert.notDeepEqual(data[0].embedding, data[2].embedding);
  const length = data[0].embedding.reduce((sum, value) => sum + value * value, 0);
  assert.ok(Math.abs(length - 1) < 1e-5);
});

test("errors are the client's own", async () => {
  const asking = (more) => client.completions.create({ ...SURE, prompt: "la ", ...more });
  await assert.rejects(asking({ model: "nobody" }), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.deepEqual([error.code, error.param], ["model_not_found", "model"]);
    return true;
  });
  await assert.rejects(asking({ temperature: 100 }), (error) => {
    assert.ok(error instanceof BadRequestError);
    assert.match(error.message, /temperature takes a number from 0 to 5; 100 came/);
    return true;
  });
  await assert.rejects(asking({ n: 1000, stream: true }), BadRequestError);
});

test("who leaves frees the model", async () => {
  const stream = await client.completions.create({ ...SURE, max_tokens: 16_000, prompt: "la ", stream: true });
  for await (const _ of stream) break;
  const until = Date.now() + 10_000;
  for (;;) {
    const { stats } = await ask(bridge.url, "/api/sessions/scribe");
    if (!stats.under_way && stats.cancelled === 1) break;
    assert.ok(Date.now() < until, JSON.stringify(stats));
  }
});

test("the key is the bridge's token", async () => {
  const guarded = await startBridge("--model", model("scribe"), "--token", "sesame");
  try {
    const at = (apiKey) => new OpenAI({ baseURL: `${guarded.url}/v1`, apiKey, maxRetries: 0 });
    await assert.rejects(at("wrong").completions.create({ ...SURE, prompt: "la " }), AuthenticationError);
    assert.equal((await at("sesame").completions.create({ ...SURE, prompt: "la " })).choices[0].text, SUNG);
  } finally {
    await guarded.close();
  }
});
