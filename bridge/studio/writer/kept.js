// The text of each editor, kept in this browser under its session's name, and taken along when that changes.

import { heardOf } from "../core/sessions.js";

const key = (name) => `text of ${name}`;

export const textOf = (name) => ({
  read: () => localStorage.getItem(key(name)) ?? "",
  write: (text) => (text ? localStorage.setItem(key(name), text) : localStorage.removeItem(key(name))),
});

heardOf.add((kind, name, data) => {
  const text = kind === "session_renamed" && localStorage.getItem(key(data.from));
  if (!text) return;
  localStorage.setItem(key(name), text);
  localStorage.removeItem(key(data.from));
});
