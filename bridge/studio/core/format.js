// Numbers and names as people read them.

export const round = (number, digits = 2) => Number(Number(number).toPrecision(digits));

export function bytes(size) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${unit ? round(size, size < 10 ? 2 : 3) : size} ${units[unit]}`;
}

// As many decimals as its steps have.
export function shown(number, step) {
  if (number === null || number === undefined || number === "") return "";
  const decimals = step ? Math.min((String(step).split(".")[1] ?? "").length, 6) : null;
  return decimals === null ? String(round(number, 4)) : Number(number).toFixed(decimals);
}

export const spaced = (name) => name.replaceAll("_", " ");
