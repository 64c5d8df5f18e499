// A real bridge for clients that run in Node.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const ROOT = join(import.meta.dirname, "..", "..");

// A test model as `--model` takes it; its session has its name.
export const model = (name) => `${name}=${join(ROOT, "tests", "models", name)}`;

// A bridge on a free port with a state folder of its own, its sessions loaded; `close` ends it and waits until it has ended.
export async function startBridge(...flags) {
  const state = mkdtempSync(join(tmpdir(), "sketchbridge-node-"));
  const python = process.env.PYTHON ?? join(ROOT, ".venv", "bin", "python");
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("SKETCHBRIDGE_"));
  const asked = ["-m", "bridge", "serve", "--port", "0", "--osc-port", "0", "--no-demo", "--log", "json", "--state", state, ...flags];
  const child = spawn(python, asked, {
    cwd: ROOT, env: Object.fromEntries(environment), stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  const close = async () => {
    child.kill();
    await ended;
    rmSync(state, { recursive: true, force: true });
  };
  const said = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    const { event, url, sessions } = line.startsWith("{") ? JSON.parse(line) : {};
    if (event !== "ready") continue;
    child.stderr.resume();
    const token = flags[flags.indexOf("--token") + 1];
    const loaded = (name) => ask(url, `/api/sessions/${name}?wait=true&token=${token}`);
    try {
      await Promise.all(sessions.map(loaded));
    } catch (error) {
      await close();
      throw error;
    }
    return { url, close };
  }
  await close();
  throw new Error(`the bridge ended before it was ready:\n${said.join("\n")}`);
}

// What the API answers to a question, or to being told something.
export async function ask(url, path, told) {
  const answer = await fetch(url + path, told && { method: "PATCH", body: JSON.stringify(told) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}
