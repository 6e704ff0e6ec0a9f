// The form: menus and sliders that show a state, and tell what a person chooses.

import settings from "./settings.js";
import { OWN, RANGES, rangeOf } from "./state.js";

const MENUS = ["class", "start", "norm", "blocks", "sign"], SLIDERS = ["epsilon", "steps", "size", "noise", "copies"];
const find = (name) => document.querySelector(`#${name}`);

function option(value, text = value) {
  return Object.assign(document.createElement("option"), { value, textContent: text });
}

function group(label, names) {
  const element = Object.assign(document.createElement("optgroup"), { label });
  element.append(...names.map((name) => option(name, name === OWN ? "your own photo" : name.replaceAll("_", " "))));
  return element;
}

export function build(choose) {
  find("class").append(...settings.classes.map((name) => option(name)));
  find("start").append(
    group("at random", Object.keys(settings.kinds)), group("photographs", Object.keys(settings.suggested)),
    group("drawn", Object.keys(settings.drawn)), group("yours", [OWN]),
  );
  const dial = find("radius"); // the pair's own radius, then those of the smaller networks
  dial.max = settings.radii.length - 1;
  dial.addEventListener("input", () => choose({ radius: String(settings.radii[dial.value]) }, false));
  dial.addEventListener("change", () => choose({}, true));
  for (const name of MENUS) {
    find(name).addEventListener("change", ({ target }) => choose({ [name]: target.value }, true));
  }
  for (const name of SLIDERS) {
    find(name).addEventListener("input", ({ target }) => choose({ [name]: onGrid(target) }, false));
    find(name).addEventListener("change", () => choose({}, true));
  }
  const dice = () => Math.floor(Math.random() * (RANGES.seed[1] + 1));
  find("again").addEventListener("click", () => choose({ seed: dice() }, true));
  for (const radio of document.querySelectorAll("[name=view]")) {
    radio.addEventListener("change", () => choose({ view: radio.value }, true));
  }
}

// The value that a slider was moved to; where a link has put it between two steps, the nearest step.
function onGrid({ value, min, dataset }) {
  const low = Number(min), step = Number(dataset.step);
  return Number((low + Math.round((value - low) / step) * step).toFixed(4));
}

export function show(state) {
  for (const name of MENUS) find(name).value = state[name];
  for (const name of SLIDERS) {
    const [min, max, step] = rangeOf(state, name), slider = find(name), value = state[name];
    slider.dataset.step = step;
    Object.assign(slider, { min, max, step: "any", value });
    const place = Number(((value - min) / step).toFixed(6));
    if (Number.isInteger(place)) slider.step = step; // else a link has put it between two steps
    slider.nextElementSibling.textContent = String(Number(value.toPrecision(3)));
  }
  const dial = find("radius"), place = settings.radii.findIndex((radius) => String(radius) === state.radius);
  const words = `${state.radius}, ${place ? "64" : "128"} px`;
  dial.value = place;
  dial.setAttribute("aria-valuetext", words);
  dial.nextElementSibling.textContent = state.radius;
  find("seed").textContent = state.seed;
  document.querySelector(`[name=view][value=${state.view}]`).checked = true;
  const random = state.start in settings.kinds;
  const shown = { seed: random, blocks: random && state.start !== "uniform", file: state.start === OWN };
  for (const cell of document.querySelectorAll("[data-views]")) {
    cell.hidden = !cell.dataset.views.split(" ").includes(state.view) || shown[cell.dataset.when] === false;
  }
}
