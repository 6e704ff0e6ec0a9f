// A button that shows the element around it on the full screen, where a projector has no room for the notebook.
function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "jupyter-widgets jupyter-button widget-button";
  button.title = "Show this demo alone on the screen; Escape ends it";
  const label = () => { button.textContent = document.fullscreenElement ? "Leave full screen" : "Full screen"; };
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else el.closest(model.get("around"))?.requestFullscreen();
  });
  document.addEventListener("fullscreenchange", label);
  label();
  el.append(button);
  return () => document.removeEventListener("fullscreenchange", label);
}
export default { render };
