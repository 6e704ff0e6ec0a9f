// The page: a state, what it starts from, and what the two networks make of it.

import { Canvas } from "./canvases.js";
import * as controls from "./controls.js";
import { PRESETS, cutOut, film, placeOf } from "./films.js";
import { ABLE } from "./machines.js";
import { photo, address } from "./pictures.js";
import settings from "./settings.js";
import { Stage } from "./stage.js";
import { firstHole, startOf } from "./starts.js";
import { changed, OWN, read, written } from "./state.js";
import { Task } from "./task.js";

const NEXT = { PageDown: 1, n: 1, PageUp: -1, p: -1 }; // a presenter's clicker sends PageDown and PageUp
const SEEN = {
  towards: "Same start, same settings, same class: one number in the training of the two networks differs.",
  hole: "What is painted is lost and filled smoothly from its rim; from there both networks go on, with the same settings.",
  gradient: "What each network asks for, so that it sees more of the class. Grey: no change. Same picture, same settings.",
};
const UNABLE = "This browser lacks WebAssembly SIMD, so it cannot compute here: the stored films of the first four presets still play.";
const find = (selector) => document.querySelector(selector);

class Page {
  constructor() {
    this.stage = new Stage((role, frame) => this.caption(role, frame));
    this.canvas = new Canvas(find("#drawing"), "colours", "start: draw on it", () => this.begin());
    this.hole = new Canvas(find("#hole"), "mask", "start: paint a hole", () => this.begin());
    this.task = new Task(this.stage, (text, how) => this.say(text, how));
    controls.build((choice, committed) => this.choose(choice, committed));
    this.buildPresets();
    this.listen();
    this.follow();
  }

  // --- what a person chooses

  listen() {
    addEventListener("hashchange", () => location.hash.slice(1) !== this.told && this.follow());
    addEventListener("keydown", (event) => {
      const by = NEXT[event.key], typing = "input:not([type=radio]), select, [role=application]";
      if (!by || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(typing)) return;
      event.preventDefault();
      this.preset((placeOf(this.state) + by + PRESETS.length + (by < 0 && placeOf(this.state) < 0)) % PRESETS.length);
    });
    find("#file").addEventListener("change", ({ target }) => target.files.length && this.take(target.files[0]));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files.length) this.take(event.dataTransfer.files[0]);
    });
    find("#copy").addEventListener("click", () => this.copy());
    const dark = matchMedia("(prefers-color-scheme: dark)"), tell = () => (document.documentElement.dataset.jpThemeLight = !dark.matches);
    dark.addEventListener("change", tell);
    tell();
  }

  buildPresets() {
    this.buttons = PRESETS.map(({ title }, place) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: title });
      button.addEventListener("click", () => this.preset(place));
      return button;
    });
    find("#presets").append(...this.buttons);
  }

  preset(place) {
    this.canvas.put("");
    this.set(PRESETS[place].state, true);
  }

  // A control was moved; `committed` once it is let go: then the address gets an entry of the history.
  choose(choice, committed) {
    if (choice.start === OWN && !this.own) find("#file").click();
    if ("start" in choice) this.canvas.put("");
    const before = this.state, state = changed(before, choice);
    if (written(state) !== written(before)) this.set(state, committed);
    else if (committed) this.address(true);
  }

  async take(file) {
    try {
      this.own = await photo(file, settings.size);
      this.choose({ start: OWN }, true);
      if (this.state.start === OWN) this.begin();
    } catch (error) {
      this.say(error.message, { wrong: true });
    }
  }

  // --- the address

  follow() {
    const { state, note } = read(location.hash);
    this.told = location.hash.slice(1);
    this.canvas.put("");
    this.set(state, false);
    this.note = note;
    if (note) this.say(note, { wrong: true });
  }

  address(committed) {
    this.told = written(this.state);
    if (this.told === location.hash.slice(1) && !committed) return;
    history[committed && this.told !== this.entry ? "pushState" : "replaceState"](null, "", `#${this.told}`);
    if (committed) this.entry = this.told;
  }

  async copy() {
    const text = location.href, field = Object.assign(document.createElement("textarea"), { value: text, className: "unseen" });
    try {
      await navigator.clipboard.writeText(text);
    } catch { // on a page without https
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      find("#copy").focus();
    }
    const own = this.state.start === OWN ? " Your own photo is not part of it." : "";
    this.say(`The link to what is chosen here is copied.${own}`);
  }

  // --- what is shown

  set(state, committed) {
    const before = this.state;
    this.state = state;
    if (state.view === "hole" && before?.view !== "hole") this.hole.put(firstHole());
    controls.show(state);
    this.address(committed);
    document.body.dataset.view = state.view;
    find("#seen").textContent = SEEN[state.view];
    find("#drawing").hidden = state.view === "hole";
    find("#hole").hidden = state.view !== "hole";
    this.buttons.forEach((button, place) => button.setAttribute("aria-pressed", place === placeOf(state)));
    this.begin();
  }

  // Shows the film of a preset as long as nothing can be computed; else computes.
  async begin() {
    const { state } = this, turn = (this.turn = {}), place = this.canvas.layer ? -1 : placeOf(state);
    this.task.stop();
    if (!ABLE || !this.task.ready(state)) {
      const stored = state.view === "hole" ? null : await film(place).catch(() => null);
      if (turn !== this.turn) return;
      if (stored) this.play(stored);
    }
    if (!ABLE) return this.say(UNABLE, { wrong: true });
    try {
      if (state.start === OWN && !this.own) return this.say("Choose a photo of your own: it never leaves this machine.");
      await this.task.load(state);
      if (turn !== this.turn) return;
      const start = await startOf(state, this.own);
      if (turn !== this.turn) return;
      if (this.shown !== start) for (const canvas of [this.canvas, this.hole]) canvas.picture(address(start));
      this.shown = start;
      const layer = state.view === "hole" ? this.hole.layer : this.canvas.layer;
      if (this.filmed === turn) return this.say("Ready: from now on this machine computes.");
      await this.task.begin(state, start, layer);
    } catch (error) {
      if (turn === this.turn) this.say(error.message, { wrong: true });
    }
  }

  play({ frames, steps }) {
    this.filmed = this.turn;
    this.stage.set(frames, steps);
    if (this.state.view === "towards") this.canvas.picture(cutOut(frames.robust[0]));
  }

  // Below a picture: what its network sees, and how far the picture has come.
  caption(role, { share, length }) {
    const { view, radius, ...state } = this.state, trained = role === "standard" ? 0 : Number(radius);
    const sees = share === null ? "" : `sees ${state.class}: ${share > 0.995 && share < 1 ? "over 99" : Math.round(100 * share)}%`;
    if (view === "gradient") return [sees, `trained at ${trained}${radius === String(settings.radii[0]) ? "" : ", 64 px"}`];
    return [sees, state.norm === "linf" ? `largest change ${length.toFixed(3)}` : `changed by ${length.toFixed(1)}`];
  }

  // `aloud`: a screen reader reads it, too.
  say(text, { wrong = false, aloud = true } = {}) {
    find("#status").textContent = text;
    find("#status").classList.toggle("wrong", wrong);
    if (aloud) find("#said").textContent = text;
  }
}

new Page();
if (location.protocol.startsWith("http")) navigator.serviceWorker?.register("sw.js").catch(() => {}); // offline is a bonus
