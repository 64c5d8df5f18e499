// node parses.mjs ACORN < lines of {"text"} > true or false for each: is it JavaScript as far as it goes, finished or not?
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import path from "node:path";

const acorn = await import(pathToFileURL(path.resolve(process.argv[2], "dist/acorn.mjs")).href);

function goesWrong(text, sourceType) {
  try {
    acorn.parse(text, { ecmaVersion: "latest", sourceType, allowReturnOutsideFunction: true });
    return false;
  } catch (error) {
    return error.raisedAt < text.trimEnd().length; // at the end: only more is missing
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { text } = JSON.parse(line);
  process.stdout.write(`${!goesWrong(text, "module") || !goesWrong(text, "script")}\n`);
}
