// Where a synthesis starts: a sample of a class, noise, a photograph, something drawn, or a reader's own photo.

import { bytesOf, load } from "./data.js";
import * as pictures from "./pictures.js";
import { enlarged, random, readStatistics, sample } from "./seeds.js";
import settings from "./settings.js";
import { OWN } from "./state.js";

let known; // the class statistics, once
let last = {}; // the newest sample: moving a slider draws none anew

// The picture of this state, before anything is drawn on it.
export async function startOf(state, own) {
  const { start, seed, blocks } = state, side = settings.size;
  if (start === OWN) return own;
  if (start in settings.drawn) return pictures.drawn(start, side);
  if (start in settings.suggested) return pictures.opened((await load("photographs"))[start], side);
  const key = [start, state.class, seed, blocks].join();
  if (last.key === key) return last.image;
  const statistics = start === "uniform" ? { side } : await (known ??= fitted(side));
  const small = sample(statistics, start, settings.classes.indexOf(state.class), random(seed));
  last = { key, image: enlarged(small, Math.sqrt(small.length / 3), side, { blocks: blocks === "1" }) };
  return last.image;
}

async function fitted(side) {
  return readStatistics(bytesOf((await load("statistics")).base64), side);
}

// A hole to begin with: an ellipse in the middle, as a canvas's layer.
export function firstHole() {
  const side = settings.size, context = pictures.surface(side);
  context.ellipse(side / 2, 0.45 * side, side / 5, side / 5, 0, 0, 2 * Math.PI);
  context.fill();
  return context.canvas.toDataURL();
}
