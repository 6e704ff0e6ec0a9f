// One worker for each of the two networks; in them everything is computed, so that the page stays free.

import { bytesOf, load } from "./data.js";
import settings from "./settings.js";
import { ROLES } from "./stage.js";

export const ABLE = typeof WebAssembly === "object" && WebAssembly.validate(bytesOf(settings.wasm));

class Machine {
  // `heard(message)` gets every answer to a task.
  constructor(heard, failed) {
    const source = URL.createObjectURL(new Blob([settings.worker], { type: "text/javascript" }));
    this.worker = new Worker(source);
    this.worker.onerror = (event) => failed(event.message);
    this.worker.onmessage = ({ data }) => {
      if (data.loaded) this.networks.get(data.loaded).arrived();
      else if (data.error) failed(data.error);
      else heard(data);
    };
    this.networks = new Map();
    this.worker.postMessage({ act: "start", wasm: bytesOf(settings.wasm) });
  }

  // Loads the network of this name, once.
  async network(name) {
    if (this.networks.has(name)) return this.networks.get(name).promise;
    const { card, base64 } = await load(name);
    if (!this.networks.has(name)) {
      const entry = {};
      entry.promise = new Promise((resolve) => (entry.arrived = resolve));
      this.networks.set(name, entry);
      const weights = bytesOf(base64);
      this.worker.postMessage({ act: "load", name, card, weights }, [weights]);
    }
    return this.networks.get(name).promise;
  }

  post(message) {
    this.worker.postMessage(message);
  }
}

export function machines(heard, failed) {
  return Object.fromEntries(ROLES.map((role) => [role, new Machine((message) => heard(role, message), failed)]));
}
