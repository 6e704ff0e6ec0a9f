// What is chosen on the page, as values and as an address: #view=towards&class=church&start=multivariate&epsilon=32...

import settings from "./settings.js";

export const VIEWS = ["towards", "hole", "gradient"];
export const OWN = "own"; // a reader's photo: it is in no address
const SCALE = 1 / Math.sqrt(3 * settings.size ** 2); // an L2 length, spread over all values of a picture
const OTHER = 5; // digits of what an address says
const FIELDS = { // by view, what an address says
  towards: ["view", "class", "start", "epsilon", "steps", "size", "seed", "norm", "blocks"],
  hole: ["view", "class", "start", "epsilon", "steps", "size", "seed"],
  gradient: ["view", "class", "start", "radius", "noise", "copies", "sign", "seed"],
};
export const RANGES = {
  epsilon: { l2: [0, 120, 1], linf: [0, 0.5, 0.005] }, size: { l2: [0, 40, 0.1], linf: [0, 0.2, 0.001] },
  steps: [1, 60, 1], seed: [0, 9999, 1], noise: [0, 0.3, 0.02], copies: [1, 32, 1],
};
const STARTS = [settings.kinds, settings.drawn, settings.suggested].flatMap(Object.keys);
const CHOICES = {
  view: VIEWS, class: settings.classes, start: STARTS, norm: ["l2", "linf"], blocks: ["0", "1"],
  sign: ["minus", "plus"], radius: settings.radii.map(String),
};
const ORDER = [ // in which what is usual depends on what stands before
  "view", "start", "class", "norm", "epsilon", "steps", "size", "seed", "blocks", "radius", "noise", "copies", "sign",
];

const rounded = (value) => Number(value.toPrecision(OTHER));

// The settings that were tuned for a task; noise has its own.
function tuned({ view, start }) {
  const task = view === "hole" ? "inpaint" : settings.kinds[start]?.noise ? "generate from noise" : "generate";
  return settings.tuned[task];
}

// What a control says as long as nobody has moved it.
export function usual(state, field) {
  const spread = state.norm === "linf" ? SCALE : 1, { radius, steps, step_size: size } = tuned(state);
  return {
    class: settings.suggested[state.start] ?? settings.drawn[state.start] ?? settings.kind,
    epsilon: rounded(radius * spread),
    steps,
    size: rounded((state.epsilon * size * steps) / (radius * state.steps)), // the same way in more or fewer steps
    seed: 0, norm: "l2", blocks: "0", radius: CHOICES.radius[0], noise: 0, copies: 8, sign: "minus", view: "towards",
    start: { towards: "multivariate", hole: "brick", gradient: "cat" }[state.view],
  }[field];
}

// A whole state, from what is given of it.
export function completed(given = {}) {
  const state = {};
  for (const field of ORDER) state[field] = given[field] ?? usual({ ...state, ...given }, field);
  return state;
}

// Another choice: what nobody has moved follows it.
export function changed(before, choice) {
  const state = { ...before, ...choice };
  if (choice.view && choice.view !== "towards" && state.start in settings.kinds) state.start = usual(state, "start");
  if (state.norm !== before.norm) {
    const spread = state.norm === "linf" ? SCALE : 1 / SCALE;
    for (const field of ["epsilon", "size"]) state[field] = rounded(before[field] * spread);
    return state;
  }
  for (const field of ["class", "epsilon", "steps", "size"]) {
    if (!(field in choice) && before[field] === usual(before, field)) state[field] = usual(state, field);
  }
  return state;
}

export function rangeOf(state, field) {
  return RANGES[field][state.norm] ?? RANGES[field];
}

export function written(state) {
  const told = (field) => !["norm", "blocks"].includes(field) || state[field] !== usual(state, field);
  return String(new URLSearchParams(FIELDS[state.view].filter(told).map((field) => [field, state[field]])));
}

// What an address says. Unknown names and bad values are replaced, and a sentence says which; none is ever shown.
export function read(address) {
  const said = new URLSearchParams(address.replace(/^#/, "")), given = {}, bad = [];
  for (const field of ORDER) {
    const text = said.get(field);
    if (text === null) continue;
    const value = field in CHOICES ? text : Number(text);
    if (fits(field, value, given) && text !== "") given[field] = value;
    else bad.push(field);
  }
  const what = `The address holds a value for ${bad.join(", ")} that this page does not know: the usual one is shown.`;
  return { state: completed(given), note: bad.length ? what : "" };
}

function fits(field, value, { norm = "l2" }) {
  if (field in CHOICES) return CHOICES[field].includes(value);
  const [low, high, step] = RANGES[field][norm] ?? RANGES[field];
  return value >= low && value <= high && (step < 1 || Number.isInteger(value) || field === "epsilon");
}
