// What comes after the text that stands there. It belongs to exactly that text: a tail of an earlier one is never shown.

// As it stands in a field, which has one way to end a line: else what is taken would not be what stood there in grey.
const fielded = (text) => text.replace(/\r\n?/g, "\n");

export class Typist {
  // `start(inputs, hears)` begins a run and gives {ended, cancel}. `changed()` is called whenever there is something to show.
  constructor(start, changed) {
    Object.assign(this, { start, changed, text: "", base: "", written: "", parts: [], waiting: [], others: [], version: 0, run: null, held: false, done: true, reason: "", trouble: null, first: 0, count: 0, rate: 0 });
  }

  // The wishes of the sliders; they count from the next text on.
  wish(wishes) {
    this.wishes = wishes;
    if (this.text && !this.held) this.ask();
  }

  // Somebody typed, or went elsewhere: this stands before the caret now. Whoever types just what stands there in grey is
  // followed, without a new run.
  type(text) {
    const along = !this.held && text.length > this.text.length && text.startsWith(this.base) && this.written.startsWith(text.slice(this.base.length)) && this.written.length > text.length - this.base.length;
    this.text = text;
    if (!along) return this.ask();
    return this.changed();
  }

  // No grey text until somebody types again.
  hold() {
    this.stop();
    this.held = true;
    this.changed();
  }

  ask() {
    this.stop();
    this.version += 1;
    Object.assign(this, { base: this.text, written: "", parts: [], waiting: [], others: [], held: false, done: !this.text.trim(), reason: "", trouble: null, count: 0, first: 0 });
    this.changed();
    if (this.done) return;
    const version = this.version;
    const run = this.start({ prompt: this.text, version, ...this.wishes }, ({ outputs }) => {
      if (version === this.version && (outputs.version ?? version) === version) this.hear(outputs);
    });
    this.run = run;
    run.ended.then(() => this.end(version, null), (error) => this.end(version, error));
  }

  hear({ generated_text: written = "", tokens, alternatives, finish_reason: reason }) {
    const piece = fielded(written);
    this.written += piece;
    if (tokens) this.waiting.push({ token: tokens, left: fielded(tokens.text), begun: false });
    if (piece) this.split(piece);
    if (tokens) {
      this.count += 1;
      this.first ||= performance.now();
      if (this.count > 1) this.rate = ((this.count - 1) * 1000) / Math.max(1, performance.now() - this.first);
    }
    if (alternatives) this.others = alternatives.slice(1).map(fielded);
    if (reason) this.reason = reason;
    this.changed();
  }

  // A piece of text to the tokens that it is made of: it may be of several, or of a part of one, since text is held back
  // where it might be half a character, or the beginning of a word to stop at. A part begins where its token begins.
  split(piece) {
    let rest = piece;
    while (rest && this.waiting.length) {
      const [next] = this.waiting;
      const both = Math.min(next.left.length, rest.length);
      if (!both || next.left.slice(0, both) !== rest.slice(0, both)) break; // spelt as bytes: nobody can tell where it ends
      if (next.begun) this.parts.at(-1).text += rest.slice(0, both);
      else this.parts.push({ text: rest.slice(0, both), token: next.token });
      next.left = next.left.slice(both);
      next.begun = true;
      rest = rest.slice(both);
      if (!next.left) this.waiting.shift();
    }
    if (!rest) return;
    this.waiting = [];
    this.parts.push({ text: rest, token: null });
  }

  end(version, error) {
    if (version !== this.version) return;
    this.run = null;
    this.done = true;
    if (error && error.code !== "cancelled") this.trouble = error;
    this.changed();
  }

  stop() {
    this.run?.cancel();
    this.run = null;
  }

  // The grey text: of this very text, or nothing.
  get tail() {
    if (this.held) return "";
    const typed = this.text.slice(this.base.length);
    return this.text.startsWith(this.base) && this.written.startsWith(typed) ? this.written.slice(typed.length) : "";
  }

  // The same in pieces, each with its token and what else was likely; the first may be half typed already.
  get pieces() {
    let skip = this.text.length - this.base.length;
    let before = this.base;
    const found = [];
    for (const { text, token } of this.tail ? this.parts : []) {
      const left = text.slice(Math.min(skip, text.length));
      skip = Math.max(0, skip - text.length);
      if (left) found.push({ text: left, token, before });
      before += text;
    }
    return found;
  }
}
