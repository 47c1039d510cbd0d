// The step that is looked at: a slider over those the run has checkpoints or looks of, a field for any, and a film of a head that
// forms, which goes through them.

import { make } from "../make.js";

const STOPS = 24; // of a film, at most
const EACH = 800; // milliseconds that a stop stands, at least

/** `go` is told a step, or null for the best model, and gives back a promise of its drawing. */
export function film(go) {
  const field = make("input", { type: "number", min: 0, "aria-label": "step", onchange: () => { stop(); go(field.value === "" ? null : Number(field.value)); } });
  const slider = make("input", { type: "range", min: 0, step: 1, "aria-label": "steps with a checkpoint or a look", oninput: () => slid(false), onchange: () => slid(true) });
  const play = make("button", { onclick: () => (playing ? stop() : start()) }, "Watch it form");
  const best = make("button", { onclick: () => { stop(); go(null); } }, "The best model");
  const words = make("span", { class: "quiet" });
  let stops = [], playing = null;

  function slid(done) {
    field.value = stops[Number(slider.value)];
    slider.setAttribute("aria-valuetext", `step ${field.value}`);
    if (done) { stop(); go(Number(field.value)); }
  }
  function show({ steps, step }) {
    stops = steps;
    field.value = step;
    slider.max = Math.max(0, steps.length - 1);
    slider.value = steps.reduce((near, one, at) => (Math.abs(one - step) < Math.abs(steps[near] - step) ? at : near), 0);
    slider.setAttribute("aria-valuetext", `step ${step}`);
    slider.disabled = play.disabled = steps.length < 2;
    const frames = Math.min(STOPS, steps.length);
    if (!playing) words.textContent = `${steps.length === 1 ? "1 step has" : `${steps.length} steps have`} a checkpoint or a look; any other is made again when it is asked for.${steps.length > frames ? ` The film stops at ${frames} of them.` : ""}`;
  }
  function stop() {
    playing = null;
    play.textContent = "Watch it form";
  }
  async function start() {
    const mine = playing = {}, all = stops, frames = Math.min(STOPS, all.length);
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
    show({ steps: all, step: Number(field.value) });
  }
  const place = make("div", { class: "controls" }, make("label", {}, "step ", field), make("label", { class: "slide" }, "through the run ", slider), play, best, words);
  return { place, show, stop };
}
