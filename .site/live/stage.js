// The two pictures side by side: what each step has made, played, paused and scrubbed.

import { toPixels } from "./pictures.js";

export const ROLES = ["robust", "standard"];
const PACE = 110; // milliseconds that a step is shown
const REDUCED = matchMedia("(prefers-reduced-motion: reduce)");

const find = (selector) => document.querySelector(selector);
const both = (of) => Object.fromEntries(ROLES.map((role) => [role, of(role)]));

// A frame is { step, share, length, image }, or of a film { step, share, length, picture, top, side }.
export class Stage {
  constructor(caption) {
    this.caption = caption; // of a role and a frame: what stands below a picture, a list of two texts
    this.figures = both((role) => find(`#${role}`));
    this.slider = find("#step");
    this.slider.addEventListener("input", () => (this.pause(), this.show(Number(this.slider.value))));
    find("#play").addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    this.begin(1, 0);
  }

  // So many frames are to come, up to this step.
  begin(count, steps) {
    this.pause();
    Object.assign(this, { frames: both(() => []), count, steps, at: 0, follows: true });
  }

  // Both pictures show the same step: the newest that both networks have reached.
  add(role, frame) {
    this.frames[role].push(frame);
    const last = this.reached === this.count - 1;
    if (this.follows && this.reached >= 0 && (last || !REDUCED.matches)) this.show(this.reached);
  }

  get reached() {
    return Math.min(...ROLES.map((role) => this.frames[role].length)) - 1;
  }

  // A film: all frames at once.
  set(frames, steps) {
    this.begin(frames.robust.length, steps);
    this.frames = frames;
    this.show(REDUCED.matches ? this.reached : 0);
    if (!REDUCED.matches) this.play();
  }

  show(place) {
    this.at = Math.max(Math.min(place, this.reached), 0);
    for (const role of ROLES) if (this.frames[role][this.at]) this.draw(role, this.frames[role][this.at]);
    const words = `step ${this.frames.robust[this.at]?.step ?? 0} of ${this.steps}`;
    Object.assign(this.slider, { max: this.count - 1, value: this.at });
    this.slider.setAttribute("aria-valuetext", words);
    find("#counter").textContent = words;
  }

  draw(role, frame) {
    const figure = this.figures[role], canvas = figure.querySelector("canvas"), context = canvas.getContext("2d");
    const side = frame.side ?? Math.sqrt(frame.image.length / 3);
    if (canvas.width !== side) canvas.width = canvas.height = side;
    if (frame.picture) context.drawImage(frame.picture, 0, frame.top, side, side, 0, 0, side, side);
    else context.putImageData(toPixels(frame.image), 0, 0);
    const said = this.caption(role, frame);
    figure.querySelectorAll(".said").forEach((place, number) => (place.textContent = said[number]));
    canvas.setAttribute("aria-label", `${role}: ${said.join("; ")}`);
    figure.dataset.step = frame.step;
  }

  play() {
    if (this.at >= this.count - 1) this.show(0);
    this.tell(true);
    const next = () => {
      this.show(this.at + 1); // as far as the networks have come
      if (this.at < this.count - 1) this.timer = setTimeout(next, PACE);
      else this.tell(false);
    };
    this.timer = setTimeout(next, PACE);
  }

  pause() {
    clearTimeout(this.timer);
    this.tell(false);
  }

  tell(playing) {
    Object.assign(this, { playing, follows: false });
    find("#play").textContent = playing ? "Pause" : "Play";
  }
}
