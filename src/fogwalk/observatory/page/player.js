// Which step is looked at, in the frame: back, play, on, and how fast. Behind the last step of a run that is steered from here,
// play and on let the trainer make the next; of any other run they stop there.

import { calm } from "./calm.js";
import { make } from "./make.js";
import { held } from "./recorded.js";
import { listen, run as at, tell } from "./server.js";
import { GOING } from "./steering.js";
import { standing } from "./words.js";

const SPEEDS = [1, 5, 20, 100, 1000]; // steps a second
const FRAMES = 10; // a second, at most

/** `move(step)` draws a step and is waited for; `stands(words)` tells how the run stands. */
export function player(move, stands) {
  let open = null, shown = 0, seen = 0, made = 0, state = "", playing = false, wish = {};
  let timer = null, hear = null, turn = 0, moving = null;
  const button = (words, title, onclick, kind) => make("button", { class: kind, title, "aria-label": title, onclick }, words);
  const first = button("|◀", "to the first step", () => to(open.first), "rest");
  const back = button("◀", "one step back", () => to(shown - 1));
  const play = button("▶ play", "play the steps one after the other", () => (goes() ? pause() : start()));
  const on = button("▶|", "one step on", step);
  const goTo = (one) => to(Number(one.value));
  const slider = make("input", { type: "range", min: 0, step: 1, "aria-label": "step", oninput: () => goTo(slider) });
  const field = make("input", { type: "number", min: 0, "aria-label": "number of the step", onchange: () => goTo(field) });
  const told = make("span", { class: "quiet rest" });
  const pick = () => { if (playing && steered()) wishFor({}); };
  const speeds = SPEEDS.map((one) => make("option", { value: one, selected: one === 20 }, `${one} a second`));
  const speed = make("select", { class: "rest", "aria-label": "speed", onchange: pick }, speeds);
  const label = make("label", {}, make("span", { class: "rest" }, "step "), field);
  const place = make("div", { class: "player", role: "group", "aria-label": "steps" },
    first, back, play, on, slider, label, told, speed);
  place.hidden = true;

  const steered = () => GOING.includes(state) && (wish.pace !== null || wish.until !== null);
  const trains = () => state === "training" && steered();
  const goes = () => playing || trains(); // a training that goes can be paused, whoever let it go
  const wishFor = async (changes) => {
    wish = { until: null, pace: Number(speed.value), ...changes };
    await tell(`${at(open.name)}/control`, { ...wish, stop: false }).catch(() => {});
  };

  function draw() {
    slider.min = open.first;
    slider.max = field.max = Math.max(made, open.first);
    slider.value = playing ? seen : shown;
    if (document.activeElement !== field) field.value = playing ? seen : shown;
    told.textContent = `of ${(steered() ? Math.max(made, open.planned) : made).toLocaleString("en")}`;
    play.textContent = goes() ? "❚❚ pause" : "▶ play";
    play.setAttribute("aria-label", goes() ? "pause" : "play the steps one after the other");
    back.disabled = first.disabled = shown <= open.first;
    on.disabled = shown >= made && !steered();
    play.disabled = on.disabled && !goes();
  }

  /** How the run stands. While what it trains is played the step is that of the player alone. */
  const says = (step) => (trains() && playing ? standing(state) : `${standing(state)}, step ${(step ?? 0).toLocaleString("en")}`);
  let words = null; // on how the run stands
  const calmly = calm(() => { if (open) { stands(words); if (!place.hidden) draw(); } });

  async function to(step, { still = false } = {}) {
    if (!still) playing = false;
    const mine = ++turn;
    shown = held(Math.min(made, Math.max(open.first, Math.round(step) || 0)), shown);
    draw();
    while (moving) await moving; // of many that are asked meanwhile only the last is drawn
    if (mine !== turn) return false;
    moving = move(shown);
    try {
      await moving;
    } finally {
      moving = null;
    }
    seen = shown;
    if (playing) draw();
    return mine === turn;
  }

  function pause() {
    playing = false;
    draw();
    if (steered()) wishFor({ until: made }).then(() => { settling = true; });
  }

  async function step() {
    playing = false;
    if (shown < made) return to(shown + 1);
    await wishFor({ until: made + 1 });
    awaited = made + 1;
  }
  let awaited = 0, settling = false; // a step that the trainer was asked for; a pause, after which its last step is shown

  function start() {
    playing = true;
    settling = false;
    draw();
    if (steered()) wishFor({});
    if (shown >= made && !steered()) { playing = false; draw(); return; }
    run();
  }

  async function run() {
    clearTimeout(timer);
    if (!playing) return;
    const each = Math.max(1, Math.round(Number(speed.value) / FRAMES)), began = performance.now();
    if (shown < made && !document.hidden) {
      const behind = steered() ? made - 2 * Number(speed.value) : 0; // what is trained now is never far ahead of what is seen
      if (!(await to(Math.min(made, Math.max(shown + each, behind)), { still: true }))) return;
    } else if (shown >= made && !steered()) {
      playing = false;
      draw();
      return;
    }
    const pace = 1000 * Math.max(1 / FRAMES, each / Number(speed.value));
    timer = setTimeout(run, Math.max(0, pace - (performance.now() - began)));
  }

  return {
    place,
    /** The screen has gone to a step by itself. */
    at(step) {
      if (!open) return;
      shown = Math.min(made, Math.max(open.first, step));
      draw();
    },
    /** The frame shows this run now, on a screen that has steps, or on one that has none; a screen that hears of the run itself
        is not heard for. */
    open(opened, wanted, first, hears = true) {
      if (!opened || first === null) {
        playing = false;
        place.hidden = true;
      }
      if (!opened || !hears) {
        hear?.();
        hear = open = null;
        return 0;
      }
      if (open?.name !== opened.name) {
        playing = false;
        hear?.();
        hear = null;
        [made, state, wish] = [opened.step ?? 0, opened.state, opened.wish ?? {}];
      }
      made = Math.max(made, opened.made ?? 0);
      open = { name: opened.name, first, planned: opened.steps ?? 0 };
      if (GOING.includes(opened.state) && !hear) hear = listen(opened.name, opened.offset, (event) => {
        if (event.event === "step") made = Math.max(made, event.step);
        if (event.event === "resumed") made = event.step;
        if (place.hidden) calmly.soon();
        else if (awaited && made >= awaited) { awaited = 0; to(made); } else calmly.soon();
      }, (seconds) => {
        words = seconds > 3 ? `lost contact ${seconds} s` : null;
        calmly.soon();
      }, (now) => {
        [state, wish, made] = [now.state, now.wish, Math.max(made, now.step ?? 0)];
        words = says(now.step);
        if (settling && !place.hidden && state !== "training") { settling = false; to(made); } else calmly.soon();
      });
      if (first === null) return 0;
      seen = shown = Math.min(made, Math.max(first, wanted ?? made));
      place.hidden = false;
      draw();
      return shown;
    },
  };
}
