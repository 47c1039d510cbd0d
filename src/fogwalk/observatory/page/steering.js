// What can be wished of a training: to wait, make one step, go on, end; and of one that has ended, to go on to a later step.

import { make } from "./make.js";
import { run as at, tell } from "./server.js";

/** States in which a process holds the run. */
export const GOING = ["planning", "training", "paused"];

/** Buttons for a run as it stands; `stands` {state, step} tells them when that is another. */
export function steering(opened) {
  const place = make("div", { class: "controls", role: "group", "aria-label": "the training" }), said = make("p", { role: "status" });
  let [state, step, asked] = [opened.state, opened.step ?? 0, false];

  const act = async (path, what) => {
    asked = true;
    draw();
    try {
      await tell(`${at(opened.name)}/${path}`, what);
      said.className = said.textContent = "";
    } catch (error) {
      [said.className, said.textContent] = ["trouble", error.message];
    }
    asked = false;
    draw();
  };
  const button = (words, told, path, what) => make("button", { title: told, disabled: asked, onclick: () => act(path, what) }, words);

  function draw() {
    if (state === "paused") place.replaceChildren(button("go on", "train on", "control", {}), button("one step", "make one step and wait again", "control", { until: step + 1 }), button("save and end", "as Ctrl+C does", "control", { stop: true }));
    else if (GOING.includes(state)) place.replaceChildren(button("wait", "wait after the step in hand", "control", { until: 0 }), button("save and end", "as Ctrl+C does", "control", { stop: true }));
    else if (opened.recorded || !["finished", "interrupted", "stopped"].includes(state)) place.replaceChildren();
    else {
      const field = make("input", { type: "number", min: step + 1, value: state === "finished" ? step * 2 : Math.max(opened.steps ?? 0, step + 1), "aria-label": "the step up to which it is trained" });
      place.replaceChildren(...(state === "stopped" ? [make("span", { class: "quiet" }, "Its process ended without a word; what it had saved can be trained on.")] : []), make("label", {}, "train on to step ", field), make("button", { disabled: asked, onclick: () => act("further", { steps: Number(field.value) }) }, asked ? "starting …" : "train on"));
    }
  }
  draw();
  return { place: make("div", {}, place, said), stands(now) {
    if (now.state === state && now.state !== "paused") return;
    [state, step] = [now.state, now.step ?? step];
    draw();
  } };
}
