// What can be wished of a training: to pause, make one step, go on, end; and of one that has ended, to go on to a later step.

import { make } from "./make.js";
import { recording } from "./recorded.js";
import { run as at, tell } from "./server.js";

/** States in which a process holds the run. */
export const GOING = ["planning", "training", "paused"];
/** States of which it can be trained on. */
const ENDED = ["finished", "interrupted", "stopped"];

/** Buttons for a run as it stands; `stands` {state, step} tells them when that is another. */
export function steering(opened) {
  const place = make("div", { class: "controls", role: "group", "aria-label": "the training" });
  const said = make("p", { role: "status" });
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
  const button = (words, title, what) => make("button", { title, disabled: asked, onclick: () => act("control", what) }, words);
  const kept = "ends the training; what it has learned is saved, and it can be trained on later";
  const end = () => button("save and end", kept, { stop: true });

  function draw() {
    if (recording) place.replaceChildren(); // in a file that trains nothing
    else if (state === "paused") {
      place.replaceChildren(
        button("go on", "trains on", {}),
        button("one step", "makes one step and pauses again", { until: step + 1 }), end());
    } else if (GOING.includes(state)) {
      place.replaceChildren(button("pause", "pauses after this step; it can go on at any time", { until: 0 }), end());
    } else if (opened.recorded || !ENDED.includes(state)) place.replaceChildren();
    else place.replaceChildren(...further());
  }

  /** A field and a button to train on, of a run that has ended. */
  function further() {
    const value = state === "finished" ? step * 2 : Math.max(opened.steps ?? 0, step + 1);
    const field = make("input", { type: "number", min: step + 1, value, "aria-label": "the step up to which it is trained" });
    const go = () => act("further", { steps: Number(field.value) });
    const words = "Its process ended without a word; what it had saved can be trained on.";
    return [
      ...(state === "stopped" ? [make("span", { class: "quiet" }, words)] : []),
      make("label", {}, "train on to step ", field),
      make("button", { disabled: asked, onclick: go }, asked ? "starting …" : "train on"),
    ];
  }
  draw();
  return { place: make("div", { class: "steering" }, place, said), stands(now) {
    if (now.state === state && now.state !== "paused") return;
    [state, step] = [now.state, now.step ?? step];
    draw();
  } };
}
