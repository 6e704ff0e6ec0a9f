// A button that tells Python when it is pressed and when it is released.

function render({ model, el }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "jupyter-button mod-primary course-hold";
  button.textContent = model.get("description");
  button.style.touchAction = "none";
  el.append(button);

  const hold = (held) => {
    if (model.get("held") === held) return;
    model.set("held", held);
    model.save_changes();
  };
  const show = () => {
    button.setAttribute("aria-pressed", model.get("held"));
    button.style.filter = model.get("held") ? "brightness(0.7)" : "";
  };
  model.on("change:held", show);
  show();
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    hold(true);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    button.addEventListener(name, () => hold(false));
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch
  const keys = [" ", "Enter"];
  button.addEventListener("keydown", (event) => {
    if (!keys.includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    hold(true);
  });
  button.addEventListener("keyup", (event) => keys.includes(event.key) && hold(false));
  return () => {
    hold(false);
    model.off("change:held", show);
  };
}

export default { render };
