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
const SEEN = { // the same settings for both, whatever they show
  towards: "Same start and settings; one number in training differs. The percentage is each network's own belief.",
  hole: "What is painted is lost and filled smoothly from its rim. From there both go on, with the same settings.",
  gradient: "What each network asks for, to see more of the class. Grey: no change. Same picture, same settings.",
};
const UNABLE = "This browser lacks WebAssembly SIMD and cannot compute here: the first four examples still play.";
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
    for (const part of document.querySelectorAll(".controls, .side, .views")) part.inert = !ABLE;
    this.follow();
  }

  // --- what a person chooses

  listen() {
    addEventListener("hashchange", () => location.hash.slice(1) !== written(this.state) && this.follow());
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
    const light = matchMedia("(prefers-color-scheme: light)"), { dataset } = document.documentElement;
    const tell = () => (dataset.jpThemeLight = light.matches); // as JupyterLab tells the canvas
    light.addEventListener("change", tell);
    tell();
  }

  buildPresets() {
    this.buttons = PRESETS.map(({ title, film }, place) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: title });
      button.disabled = !ABLE && !film;
      button.addEventListener("click", () => this.preset(place));
      return button;
    });
    find("#presets").append(...this.buttons);
  }

  preset(place) {
    this.canvas.put("");
    this.set(PRESETS[place].state);
    this.address("pushState");
  }

  // A control was moved; `committed` once it is let go: then the address gets an entry of the history.
  choose(choice, committed) {
    if (choice.start === OWN && !this.own) find("#file").click();
    if ("start" in choice) this.canvas.put("");
    const before = this.state, state = changed(before, choice);
    if (written(state) !== written(before)) this.set(state);
    if (committed) this.address("pushState");
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
    this.canvas.put("");
    this.set(ABLE || PRESETS[placeOf(state)]?.film ? state : PRESETS[0].state);
    this.address("replaceState");
    this.note = note; // until something else is chosen
  }

  address(way) {
    const told = written(this.state);
    if (told !== location.hash.slice(1)) history[way](null, "", `#${told}`);
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(location.href);
    } catch { // on a page without https
      const field = Object.assign(document.createElement("textarea"), { value: location.href, className: "unseen" });
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

  set(state) {
    const before = this.state;
    Object.assign(this, { state, note: "" });
    if (state.view === "hole" && before?.view !== "hole") this.hole.put(firstHole());
    controls.show(state);
    document.body.dataset.view = state.view;
    find("#seen").textContent = SEEN[state.view];
    find("#drawing").hidden = state.view === "hole";
    find("#hole").hidden = state.view !== "hole";
    this.buttons.forEach((button, place) => button.setAttribute("aria-pressed", place === placeOf(state)));
    this.begin();
  }

  // Shows the film of a preset as long as nothing can be computed; else computes.
  async begin() {
    const { state, task } = this, turn = (this.turn = {}), late = () => turn !== this.turn;
    task.stop();
    find(".stage").setAttribute("aria-busy", true);
    try {
      const known = task.ready(state), filmed = !known && (await this.play(state, late));
      if (late()) return;
      if (!ABLE) return this.say(UNABLE, { wrong: true });
      if (state.start === OWN && !this.own) return this.say("Choose a photo: it never leaves this machine.");
      const loaded = task.load(state), start = await startOf(state, this.own);
      if (late()) return;
      for (const canvas of [this.canvas, this.hole]) canvas.picture(address(start));
      if (!known && !filmed) task.preview(state, start);
      await loaded;
      if (late()) return;
      if (filmed) this.say(`Ready: from now on this machine computes. ${this.note}`);
      else await task.begin(state, start, state.view === "hole" ? this.hole.layer : this.canvas.layer, this.note);
    } catch (error) {
      if (!late()) this.say(error.message, { wrong: true });
    }
  }

  // The film of a preset, if it has one.
  async play(state, late) {
    const stored = this.canvas.layer ? null : await film(placeOf(state));
    if (!stored || late()) return false;
    if (state.view === "towards") this.canvas.picture(cutOut(stored.frames.robust[0]));
    this.stage.set(stored.frames, stored.steps);
    return true;
  }

  // Below a picture: what its network itself gives to the class, and how far the picture has come.
  caption(role, { share, length }) {
    const { view, radius, norm } = this.state, trained = role === "standard" ? "0" : radius;
    const percent = share > 0.995 && share < 1 ? "over 99" : Math.round(100 * share);
    const sees = share === null ? "" : `${this.state.class}: ${percent}%`;
    const small = radius === String(settings.radii[0]) ? "" : ", 64 px";
    if (view === "gradient") return [sees, `trained at ${trained}${small}`];
    const far = norm === "linf" && view === "towards";
    return [sees, far ? `largest change ${length.toFixed(3)}` : `changed by ${length.toFixed(1)}`];
  }

  // While the networks are `busy`, a screen reader is told nothing.
  say(text, { wrong = false, busy = false } = {}) {
    find("#status").textContent = text;
    find("#status").classList.toggle("wrong", wrong);
    find(".stage").setAttribute("aria-busy", busy);
    if (!busy) find("#said").textContent = text;
  }
}

new Page();
// Offline from the second visit on; where that is not allowed, nothing else suffers.
if (location.protocol.startsWith("http")) navigator.serviceWorker?.register("sw.js").catch(() => {});
