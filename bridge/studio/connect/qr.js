// QR codes (ISO/IEC 18004), bytes, error correction M, versions 1 to 10: enough for an address of 200 letters.

// For each version: error correction bytes of a block, blocks, data bytes of the first ones, how many have one byte more.
const BLOCKS = [null, [10, 1, 16, 0], [16, 1, 28, 0], [26, 1, 44, 0], [18, 2, 32, 0], [24, 2, 43, 0], [16, 4, 27, 0], [18, 4, 31, 0], [22, 4, 38, 2], [22, 5, 36, 2], [26, 5, 43, 1]];
const ALIGNED = [null, [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50]];
const MASKS = [
  (r, c) => (r + c) % 2, (r) => r % 2, (r, c) => c % 3, (r, c) => (r + c) % 3, (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2,
  (r, c) => ((r * c) % 2) + ((r * c) % 3), (r, c) => (((r * c) % 2) + ((r * c) % 3)) % 2, (r, c) => (((r + c) % 2) + ((r * c) % 3)) % 2,
];

// Rows of true (dark) and false.
export function qr(text) {
  const bytes = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex((block, index) => block && bytes.length + (index > 9 ? 3 : 2) <= capacity(block));
  if (version < 0) throw new Error("too long for a QR code");
  const codewords = interleaved(data(bytes, version), BLOCKS[version]);
  const drawings = MASKS.map((mask, number) => drawn(version, codewords, mask, number));
  return drawings.reduce((best, one) => (penalty(one) < penalty(best) ? one : best));
}

const capacity = ([, blocks, length, longer]) => blocks * length + longer;

function data(bytes, version) {
  const total = capacity(BLOCKS[version]);
  const bits = [];
  const put = (value, count) => { for (let bit = count - 1; bit >= 0; bit -= 1) bits.push((value >> bit) & 1); };
  put(4, 4);
  put(bytes.length, version > 9 ? 16 : 8);
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, total * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const words = [];
  for (let at = 0; at < bits.length; at += 8) words.push(parseInt(bits.slice(at, at + 8).join(""), 2));
  for (let pad = 0; words.length < total; pad += 1) words.push(pad % 2 ? 0x11 : 0xec);
  return words;
}

// --- error correction: Reed and Solomon over 256 elements -------------------------------------------

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power += 1) {
  EXP[power] = EXP[power + 255] = value;
  LOG[value] = power;
  value = value & 128 ? (value << 1) ^ 0x11d : value << 1;
}
const times = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

function generator(degree) {
  let made = [1];
  for (let power = 0; power < degree; power += 1) {
    const next = [...made, 0];
    made.forEach((part, index) => { next[index + 1] ^= times(part, EXP[power]); });
    made = next;
  }
  return made;
}

function correction(words, degree) {
  const divisor = generator(degree);
  const rest = [...words, ...new Array(degree).fill(0)];
  words.forEach((_, at) => {
    const factor = rest[at];
    divisor.forEach((part, index) => { rest[at + index] ^= times(part, factor); });
  });
  return rest.slice(words.length);
}

function interleaved(words, [degree, count, length, longer]) {
  const blocks = [];
  for (let block = 0, at = 0; block < count; block += 1) {
    const own = length + (block >= count - longer ? 1 : 0);
    blocks.push(words.slice(at, at + own));
    at += own;
  }
  const extra = blocks.map((block) => correction(block, degree));
  const woven = (rows) => Array.from({ length: Math.max(...rows.map((row) => row.length)) }, (_, index) => rows.map((row) => row[index])).flat().filter((word) => word !== undefined);
  return [...woven(blocks), ...woven(extra)];
}

// --- drawing ---------------------------------------------------------------------------------------

function drawn(version, words, mask, number) {
  const size = 17 + 4 * version;
  const cells = Array.from({ length: size }, () => new Array(size).fill(null));
  const set = (row, column, dark) => { if (row >= 0 && column >= 0 && row < size && column < size) cells[row][column] = Boolean(dark); };
  for (const [top, left] of [[0, 0], [0, size - 7], [size - 7, 0]]) {
    for (let row = -1; row <= 7; row += 1) {
      for (let column = -1; column <= 7; column += 1) {
        const ring = Math.max(Math.abs(row - 3), Math.abs(column - 3));
        set(top + row, left + column, ring !== 2 && ring !== 4);
      }
    }
  }
  const centres = ALIGNED[version];
  for (const row of centres) {
    for (const column of centres) {
      if (cells[row][column] !== null) continue; // where the large squares are
      for (let r = -2; r <= 2; r += 1) for (let c = -2; c <= 2; c += 1) set(row + r, column + c, Math.max(Math.abs(r), Math.abs(c)) !== 1);
    }
  }
  for (let at = 8; at < size - 8; at += 1) {
    cells[6][at] ??= at % 2 === 0;
    cells[at][6] ??= at % 2 === 0;
  }
  informed(cells, set, version, number, size);
  fill(cells, words, mask, size);
  return cells;
}

function informed(cells, set, version, number, size) {
  let rest = number << 10; // level M is 00
  for (let bit = 14; bit >= 10; bit -= 1) if ((rest >> bit) & 1) rest ^= 0x537 << (bit - 10);
  const format = ((number << 10) | rest) ^ 0x5412;
  for (let bit = 0; bit < 15; bit += 1) {
    const dark = (format >> bit) & 1;
    const near = bit < 6 ? bit : bit < 8 ? bit + 1 : size - 15 + bit;
    set(near, 8, dark);
    const across = bit < 8 ? size - 1 - bit : bit === 8 ? 7 : 14 - bit;
    set(8, across, dark);
  }
  set(size - 8, 8, true);
  if (version < 7) return;
  let more = version << 12;
  for (let bit = 17; bit >= 12; bit -= 1) if ((more >> bit) & 1) more ^= 0x1f25 << (bit - 12);
  const told = (version << 12) | more;
  for (let bit = 0; bit < 18; bit += 1) {
    const dark = (told >> bit) & 1;
    set(Math.floor(bit / 3), size - 11 + (bit % 3), dark);
    set(size - 11 + (bit % 3), Math.floor(bit / 3), dark);
  }
}

function fill(cells, words, mask, size) {
  const bits = words.flatMap((word) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (word >> bit) & 1));
  let at = 0;
  let up = true;
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const row = up ? size - 1 - step : step;
      for (const column of [right, right - 1]) {
        if (cells[row][column] !== null) continue;
        cells[row][column] = Boolean((bits[at] ?? 0) ^ (mask(row, column) === 0 ? 1 : 0));
        at += 1;
      }
    }
    up = !up;
  }
}

function penalty(cells) {
  const lines = [...cells, ...cells.map((_, column) => cells.map((row) => row[column]))];
  const size = cells.length;
  let sum = 0;
  for (const line of lines) {
    const text = line.map((dark) => (dark ? "1" : "0")).join("");
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2;
    for (let at = 0; at + 11 <= size; at += 1) if (["10111010000", "00001011101"].includes(text.slice(at, at + 11))) sum += 40;
  }
  for (let row = 1; row < size; row += 1) {
    for (let column = 1; column < size; column += 1) {
      if (cells[row][column] === cells[row - 1][column] && cells[row][column] === cells[row][column - 1] && cells[row][column] === cells[row - 1][column - 1]) sum += 3;
    }
  }
  const dark = cells.flat().filter(Boolean).length;
  return sum + 10 * Math.floor(Math.abs((dark * 20) / (size * size) - 10));
}
