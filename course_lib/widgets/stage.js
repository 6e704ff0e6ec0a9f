// What a demo needs of the browser beside its widgets: full screen, the next preset by one key, texts of its pictures.

const NEXT = { PageDown: 1, n: 1, PageUp: -1, p: -1 }; // a presenter's clicker sends PageDown and PageUp

function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "jupyter-widgets jupyter-button widget-button";
  el.append(button);
  const demo = () => el.closest(".course-player");
  const large = () => document.fullscreenElement && document.fullscreenElement === demo();

  const label = () => {
    button.textContent = large() ? "Small" : "Large";
    button.title = large() ? "Back to the notebook; Escape does the same" : "Show this demo alone on the screen. There, "
      + "PageDown or n plays the next preset, PageUp or p the one before";
  };
  const describe = () => {
    const pictures = demo()?.querySelectorAll(".sheet img.widget-image") ?? [];
    pictures.forEach((picture, place) => { picture.alt = model.get("alts")[place] ?? ""; });
  };
  const key = (event) => {
    const step = large() && !event.ctrlKey && !event.altKey && !event.metaKey && NEXT[event.key];
    const presets = step ? [...demo().querySelectorAll(".preset")] : [];
    if (!presets.length) return;
    event.preventDefault();
    event.stopPropagation();
    const now = presets.findIndex((preset) => preset.classList.contains("mod-info"));
    presets[now < 0 && step < 0 ? presets.length - 1 : (now + step + presets.length) % presets.length].click();
  };

  button.addEventListener("click", () => (large() ? document.exitFullscreen() : demo().requestFullscreen()));
  document.addEventListener("fullscreenchange", label);
  document.addEventListener("keydown", key, true); // before JupyterLab's own keys, and those of a slider
  model.on("change:alts", describe);
  label();
  requestAnimationFrame(describe); // the widgets around are there by then
  return () => {
    document.removeEventListener("fullscreenchange", label);
    document.removeEventListener("keydown", key, true);
    model.off("change:alts", describe);
  };
}
export default { render };
