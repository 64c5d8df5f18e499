// What comes after the text that stands there. It belongs to exactly that text: a tail of an earlier one is never shown.

export class Typist {
  // `start(inputs, hears)` begins a run and gives {ended, cancel}. `changed()` is called whenever there is something to show.
  constructor(start, changed) {
    Object.assign(this, { start, changed, text: "", base: "", written: "", parts: [], others: [], version: 0, run: null, done: true, reason: "", trouble: null, began: 0, first: 0, count: 0, rate: 0 });
  }

  // The wishes of the sliders; they count from the next text on.
  wish(wishes) {
    this.wishes = wishes;
    if (this.text) this.ask();
  }

  // Somebody typed. Whoever types just what stands there in grey is followed, without a new run.
  type(text) {
    const along = text.length > this.text.length && text.startsWith(this.base) && this.written.startsWith(text.slice(this.base.length)) && this.written.length > text.length - this.base.length;
    this.text = text;
    if (!along) return this.ask();
    return this.changed();
  }

  ask() {
    this.stop();
    this.version += 1;
    Object.assign(this, { base: this.text, written: "", parts: [], others: [], done: !this.text.trim(), reason: "", trouble: null, count: 0, began: performance.now(), first: 0 });
    this.changed();
    if (this.done) return;
    const version = this.version;
    const run = this.start({ prompt: this.text, version, ...this.wishes }, ({ outputs }) => {
      if (version === this.version && (outputs.version ?? version) === version) this.hear(outputs);
    });
    this.run = run;
    run.ended.then(() => this.end(version, null), (error) => this.end(version, error));
  }

  hear({ generated_text: piece = "", tokens, alternatives, finish_reason: reason }) {
    this.written += piece;
    if (piece) this.parts.push({ text: piece, token: tokens ?? null });
    if (tokens) {
      this.count += 1;
      this.first ||= performance.now();
      if (this.count > 1) this.rate = ((this.count - 1) * 1000) / Math.max(1, performance.now() - this.first);
    }
    if (alternatives) this.others = alternatives.slice(1);
    if (reason) this.reason = reason;
    this.changed();
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
