// Presets, and the films of some: trajectories that PyTorch has computed when the page was built. A film is the first
// picture, while the networks are still on their way, and all there is where a browser cannot compute.

import { load } from "./data.js";
import { decoded } from "./pictures.js";
import settings from "./settings.js";
import { ROLES } from "./stage.js";
import { completed, written } from "./state.js";

export const PRESETS = settings.presets.map((preset) => ({ ...preset, state: completed(preset.state) }));

// The place of the preset that a state is, or -1.
export function placeOf(state) {
  return PRESETS.findIndex((preset) => written(preset.state) === written(state));
}

// The frames of each network, and the last step, of the preset at this place; null where it has no film.
export async function film(place) {
  const preset = PRESETS[place];
  if (!preset?.film) return null;
  const { side, steps, roles } = await load(`film-${preset.film}`);
  const frames = await Promise.all(ROLES.map(async (role) => {
    const picture = await decoded(roles[role].sheet);
    return [role, roles[role].frames.map((frame, place) => ({ ...frame, picture, side, top: place * side }))];
  }));
  return { steps, frames: Object.fromEntries(frames) };
}

// A frame's picture alone, as an address: a film's first one is its start.
export function cutOut({ picture, side, top }) {
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  canvas.getContext("2d").drawImage(picture, 0, top, side, side, 0, 0, side, side);
  return canvas.toDataURL();
}
