// The step that is looked at: one of those the run has checkpoints or looks of, and a film of a head that forms, which goes
// through them. The bar in the page's head has all steps.

import { make } from "../make.js";
import { shown } from "../recorded.js";

const STOPS = 24; // of a film, at most
const EACH = 800; // milliseconds that a stop stands, at least

/** `go` is told a step, or null for the best model, and gives back a promise of whether it could be drawn. */
export function film(go) {
  const pick = make("select", {
    "aria-label": "the model that reads",
    onchange: () => {
      stop();
      go(pick.value === "" ? null : Number(pick.value));
    },
  });
  const play = make("button", { onclick: () => (playing ? stop() : start()) }, "Watch it form");
  const words = make("span", { class: "quiet" });
  let now = null, playing = null;

  /** `steps` there are, the one that is shown, and whether it is so because it is the best. */
  function show({ steps, step, best }) {
    now = { steps: shown(steps), step };
    const every = steps.includes(step) ? steps : [...steps, step].sort((one, other) => one - other);
    pick.replaceChildren(
      make("option", { value: "", selected: best }, best ? `the best, of step ${step.toLocaleString("en")}` : "the best"),
      ...every.map((one) =>
        make("option", { value: one, selected: !best && one === step }, `as it was after step ${one.toLocaleString("en")}`),
      ),
    );
    play.disabled = steps.length < 2;
    const frames = Math.min(STOPS, steps.length);
    if (!playing)
      words.textContent = "The film goes through " +
        `${frames === steps.length ? `the ${frames} steps` : `${frames} of the ${steps.length} steps`} that have a ` +
        "checkpoint or a look; the bar at the top of the page goes through all.";
  }
  function stop() {
    playing = null;
    play.textContent = "Watch it form";
  }
  async function start() {
    const mine = playing = {}, all = now.steps, frames = Math.min(STOPS, all.length);
    const through = Array.from({ length: frames }, (_, at) => all[Math.round((at / (frames - 1)) * (all.length - 1))]);
    play.textContent = "Stop";
    for (const [at, step] of through.entries()) {
      words.textContent = `Film: ${at + 1} of ${frames}.`;
      const [fine] = await Promise.all([go(step), new Promise((done) => { setTimeout(done, EACH); })]);
      while (playing === mine && document.hidden) await new Promise((done) => { setTimeout(done, EACH); });
      if (playing !== mine) return;
      if (!fine) break;
    }
    stop();
    show({ ...now, best: false });
  }
  return { place: make("div", { class: "controls" }, make("label", {}, "model ", pick), play, words), show, stop };
}
