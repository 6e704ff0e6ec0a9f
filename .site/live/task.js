// What the networks are asked for a state, and what becomes of their answers.

import { load } from "./data.js";
import { machines } from "./machines.js";
import { composed, distance, filled, gradientPicture, halved, maskOf } from "./pictures.js";
import settings from "./settings.js";
import { ROLES } from "./stage.js";

const softmax = (logits, label) => 1 / logits.reduce((sum, value) => sum + Math.exp(value - logits[label]), 0);
const largest = (one, other) => one.reduce((most, value, place) => Math.max(most, Math.abs(value - other[place])), 0);

// The networks of a state by role, and the files that it needs.
function needs({ view, radius, start }) {
  const dial = view === "gradient" && radius !== String(settings.radii[0]);
  const networks = dial ? { robust: `imagenette-radius-${radius}`, standard: "imagenette-radius-0" } : settings.pair;
  const fitted = start in settings.kinds && start !== "uniform" ? ["statistics"] : [];
  const shown = start in settings.suggested ? ["photographs"] : [];
  return { dial, networks, files: [...fitted, ...shown, ...new Set(Object.values(networks))] };
}

export class Task {
  constructor(stage, say) {
    Object.assign(this, { stage, say, number: 0, loaded: new Set() });
  }

  ready(state) {
    return this.machines !== undefined && needs(state).files.every((name) => this.loaded.has(name));
  }

  // Fetches what a state needs and starts the workers.
  async load(state) {
    if (this.ready(state)) return;
    const { networks, files } = needs(state), all = files.reduce((sum, name) => sum + settings.sizes[name], 0);
    const tell = () => {
      const there = files.filter((name) => this.loaded.has(name)).reduce((sum, name) => sum + settings.sizes[name], 0);
      document.querySelector("#loading").value = there / all;
      this.say(`Loading the networks: ${(there / 1e6).toFixed(1)} of ${(all / 1e6).toFixed(1)} MB.`, { busy: true });
    };
    document.querySelector("#loading").hidden = false;
    tell();
    await Promise.all(files.map(async (name) => {
      await load(name);
      this.loaded.add(name);
      tell();
    }));
    this.machines ??= machines((role, message) => this.hear(role, message), (text) => this.say(text, { wrong: true }));
    await Promise.all(ROLES.map((role) => this.machines[role].network(networks[role])));
    document.querySelector("#loading").hidden = true;
  }

  stop() {
    this.number++;
    for (const role of ROLES) this.machines?.[role].post({ act: "stop" });
  }

  // The start alone, while the networks are on their way.
  preview({ view, steps }, image) {
    this.stage.begin((view === "gradient" ? 0 : steps) + 1, steps);
    for (const role of ROLES) this.stage.add(role, { step: 0, image, share: null, length: 0 });
  }

  // Asks both networks. `layer` is what is drawn on the start, or the hole that is painted.
  async begin(state, picture, layer, note = "") {
    const id = ++this.number, { dial, networks } = needs(state), label = settings.classes.indexOf(state.class);
    const mask = state.view === "hole" ? await maskOf(layer, settings.size) : null;
    const drawn = mask ? filled(picture, mask) : await composed(picture, layer), image = dial ? halved(drawn) : drawn;
    if (id !== this.number) return;
    const gradient = state.view === "gradient", steps = gradient ? 0 : state.steps;
    Object.assign(this, { state, image, label, note, left: new Set(ROLES), seconds: 0 });
    this.say("Computing.", { busy: true });
    this.stage.begin(steps + 1, steps);
    for (const role of ROLES) {
      const task = gradient ? this.slope() : { act: "run", problem: this.problem(mask) };
      this.machines[role].post({ ...task, id, name: networks[role] });
    }
  }

  problem(mask) {
    const { state: { epsilon, steps, size, norm, view }, image, label } = this;
    const repair = mask ? { mask, weight: settings.tuned.inpaint.weight, reference: image } : {};
    const ball = { norm: view === "towards" ? norm : "l2", radius: epsilon };
    return { label, start: image, ball, steps, stepSize: size, ...repair };
  }

  slope() {
    const { state: { noise, copies }, image, label } = this;
    return { act: "gradient", image, label, sigma: noise, copies: noise ? copies : 1, seed: 0 };
  }

  hear(role, message) {
    if (message.id !== this.number) return; // of an older run
    const { state, image, label, stage } = this;
    if (message.gradient) {
      const picture = gradientPicture(message.gradient, state.sign === "minus" ? 1 : -1);
      stage.add(role, { step: 0, image: picture, share: softmax(message.logits, label), length: 0 });
      this.end(role);
    } else if (message.done) this.end(role, message.seconds);
    else {
      const length = (state.norm === "linf" && state.view === "towards" ? largest : distance)(message.image, image);
      stage.add(role, { step: message.step, image: message.image, share: softmax(message.logits, label), length });
    }
  }

  // For everyone who listens: once, when both networks have come to their end.
  end(role, seconds = 0) {
    this.left.delete(role);
    this.seconds = Math.max(this.seconds, seconds);
    if (this.left.size) return;
    const said = ROLES.map((name) => document.querySelector(`#${name} canvas`).getAttribute("aria-label")).join(". ");
    this.say(`Done${this.seconds ? ` in ${this.seconds.toFixed(1)} s` : ""}. ${said}. ${this.note}`);
  }
}
