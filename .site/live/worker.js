// The worker of a network: everything that takes time. After engine.js and seeds.js, in a worker of its own.
//
// It takes {act: "start", wasm}, {act: "load", name, card, weights}, {act: "run", id, name, problem}, {act: "gradient",
// id, name, image, label, sigma, copies, seed} and {act: "stop"}. It gives {loaded: name}, frames with an id and at the
// end {id, done, seconds}, {id, gradient, loss, logits}, or {id, error}. A newer run, gradient or stop ends an older
// task within a step.

const networks = new Map();
let engine = null; // the promise of one
let newest = 0; // the number of the newest task

// Lets messages that wait come in first. A timer would make every step 4 ms longer.
const breath = new MessageChannel(), waiting = [];
breath.port1.onmessage = () => waiting.shift()();
const breathe = () => new Promise((resolve) => {
  waiting.push(resolve);
  breath.port2.postMessage(null);
});

function networkOf(name) {
  expect(networks.has(name), "a network that is loaded", name);
  return networks.get(name);
}

const ACTS = {
  start({ wasm }) {
    engine = Engine.start(wasm);
    return engine;
  },
  async load({ name, card, weights }) {
    networks.set(name, (await engine).network(card, weights));
    postMessage({ loaded: name });
  },
  stop() {
    newest += 1;
  },
  async run({ id, name, problem }) {
    const turn = ++newest, started = performance.now();
    for (const frame of frames({ network: networkOf(name), ...problem })) {
      if (turn !== newest) return;
      postMessage({ id, ...frame }, [frame.image.buffer]);
      await breathe();
    }
    if (turn === newest) postMessage({ id, done: true, seconds: (performance.now() - started) / 1000 });
  },
  async gradient({ id, name, image, label, sigma, copies, seed }) {
    const turn = ++newest, network = networkOf(name), logits = network.logits(image);
    let mean = null;
    for (mean of averages({ network, label, image, sigma, copies, random: random(seed) })) {
      await breathe();
      if (turn !== newest) return;
    }
    postMessage({ id, ...mean, logits });
  },
};

onmessage = async ({ data }) => {
  try {
    await ACTS[data.act](data);
  } catch (error) {
    postMessage({ id: data.id, error: error.message });
  }
};
