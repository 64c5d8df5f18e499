// Source text in, plain readable source text out: comments that tell nothing taken off, one style of layout for all.
// node clean.mjs ACORN PRETTIER < lines of {"text"} > lines of {"text"} or {"why"}, one for one
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import path from "node:path";

const [acornFolder, prettierFolder] = process.argv.slice(2);
const load = (...parts) => import(pathToFileURL(path.resolve(...parts)).href);
const acorn = await load(acornFolder, "dist/acorn.mjs");
const prettier = await load(prettierFolder, "standalone.mjs");
const plugins = [await load(prettierFolder, "plugins/acorn.mjs"), await load(prettierFolder, "plugins/estree.mjs")];
const IMPORTS = 6; // of one file that stay
const LAYOUT = { parser: "acorn", plugins, printWidth: 90, singleQuote: true, embeddedLanguageFormatting: "off" };

function parse(text, comments) {
  const options = { ecmaVersion: "latest", onComment: comments, allowHashBang: true };
  try {
    return acorn.parse(text, { ...options, sourceType: "module" });
  } catch {
    comments.length = 0;
    return acorn.parse(text, { ...options, sourceType: "script", allowReturnOutsideFunction: true });
  }
}

// A short remark on a line of its own, in words, stays; one in two, so that the network does not chatter.
function stays(comment, text) {
  if (comment.type !== "Line" || comment.start % 2) return false;
  const words = comment.value.trim();
  const alone = /^[ \t]*$/.test(text.slice(text.lastIndexOf("\n", comment.start - 1) + 1, comment.start));
  return alone && /^[A-Za-z][A-Za-z0-9 ,.'-]{3,70}$/.test(words) && words.includes(" ") && !/copyright|licen|eslint|todo|fixme|jshint|istanbul/i.test(words);
}

function cuts(tree, comments, text) {
  const imports = tree.body.filter((node) => /^(Import|ExportAll)/.test(node.type)).slice(IMPORTS);
  const gone = comments.filter((comment) => !stays(comment, text));
  return [...imports, ...gone].sort((a, b) => a.start - b.start);
}

function without(text, ranges) {
  const parts = [];
  let at = 0;
  for (const { start, end } of ranges) {
    if (start < at) continue;
    parts.push(text.slice(at, start), text.slice(start, end).includes("\n") ? "\n" : " ");
    at = end;
  }
  return parts.join("") + text.slice(at);
}

async function clean(text) {
  const comments = [];
  const tree = parse(text.replace(/\r\n?/g, "\n"), comments);
  const bare = without(text.replace(/\r\n?/g, "\n"), cuts(tree, comments, text));
  return (await prettier.format(bare, LAYOUT)).replace(/\n{3,}/g, "\n\n");
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { text: await clean(JSON.parse(line).text) };
  } catch (error) {
    answer = { why: String(error.message).split("\n")[0] };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
