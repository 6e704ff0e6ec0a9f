// A question before an experiment. The choice is kept by this browser, too: it outlives the kernel and a second run of
// the cell. The answer is shown beside a choice, or at a press where a room has only raised its hands.
let views = 0; // so that every view has a group of its own

function make(kind, options = {}, parent = null) {
  const element = Object.assign(document.createElement(kind), options);
  for (const [name, value] of Object.entries(options)) if (name.includes("-")) element.setAttribute(name, value);
  parent?.append(element);
  return element;
}

function remembered(name, value) {
  try {
    if (value) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return null; // some places forbid a page to keep anything
  }
}

function render({ model, el }) {
  const options = model.get("options"), name = `course-predict ${model.get("notebook")} ${model.get("question")}`;
  const set = (name, value) => (model.set(name, value), model.save_changes());
  const root = make("fieldset", { className: "course-predict" }, el);
  make("legend", { textContent: model.get("question") }, root);
  const group = `course-predict-${++views}`;
  let asked = false, counting = model.get("hands").some(Boolean); // asked: for the answer, without a choice

  const count = (place, change) => {
    const hands = options.map((_, each) => model.get("hands")[each] ?? 0);
    hands[place] = Math.max(0, Math.round(change(hands[place])) || 0);
    set("hands", hands);
  };
  const rows = options.map((text, place) => {
    const row = make("div", { className: "option" }, root), label = make("label", {}, row);
    const radio = make("input", { type: "radio", name: group }, label);
    make("span", { textContent: text }, label);
    const mark = make("b", { className: "mark" }, label), hands = make("span", { className: "hands" }, row);
    const press = (sign, words, by) =>
      make("button", { type: "button", textContent: sign, "aria-label": `${words}: ${text}` }, hands)
        .addEventListener("click", () => count(place, (before) => before + by));
    press("−", "one hand less", -1);
    const number = make("input", { type: "number", min: 0, "aria-label": `hands for: ${text}` }, hands);
    press("+", "one hand more", 1);
    const bar = make("span", { className: "bar" }, make("span", { className: "track" }, hands));
    radio.addEventListener("change", () => set("choice", place));
    number.addEventListener("change", () => count(place, () => number.valueAsNumber));
    return { radio, mark, number, bar };
  });
  const foot = make("div", { className: "foot" }, root), said = make("p", { role: "status" }, foot);
  const raise = make("button", { type: "button", textContent: "Show of hands" }, foot);
  const show = make("button", { type: "button", textContent: "Show the answer" }, foot);
  raise.addEventListener("click", () => ((counting = !counting), draw()));
  show.addEventListener("click", () => ((asked = true), draw()));

  function sentence(choice, answer, told) {
    if (choice === null && !told) return answer === null ? "Choose before you run the next cell." : "The answer is there: choose first.";
    if (!told) return `You chose “${options[choice]}”. The answer comes with the run.`;
    const own = choice === null ? "You made no choice" : `You chose “${options[choice]}”`;
    return `${own}. The answer is “${options[answer]}”${choice === answer ? ", as you predicted." : "."}`;
  }
  function draw() {
    const [choice, answer, hands] = ["choice", "answer", "hands"].map((name) => model.get(name));
    const told = answer !== null && (asked || choice !== null), most = Math.max(1, ...hands);
    if (choice !== null) remembered(name, options[choice]);
    rows.forEach(({ radio, mark, number, bar }, place) => {
      radio.checked = place === choice;
      radio.disabled = told;
      mark.textContent = told ? ["", "← you", "← the answer", "← you, and the answer"][(place === choice) + 2 * (place === answer)] : "";
      number.value = hands[place] ?? 0;
      bar.style.width = `${(100 * (hands[place] ?? 0)) / most}%`;
    });
    root.classList.toggle("counting", counting);
    raise.setAttribute("aria-pressed", counting);
    show.hidden = answer === null || told;
    said.textContent = sentence(choice, answer, told);
  }
  root.addEventListener("keydown", (event) => { // which Jupyter takes for its own
    if (/^( |Enter|Arrow.*)$/.test(event.key) && !event.shiftKey && !event.ctrlKey) event.stopPropagation();
  });
  model.on("change:choice change:answer change:hands", draw);
  const before = options.indexOf(remembered(name));
  if (model.get("choice") === null && before >= 0) set("choice", before);
  draw();
  return () => model.off("change:choice change:answer change:hands", draw);
}

export default { render };
