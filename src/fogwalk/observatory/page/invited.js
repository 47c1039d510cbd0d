// For whoever is here for the first time: one update of one weight, followed through a step.

import { addressWith } from "./address.js";
import { make } from "./make.js";
import { held } from "./recorded.js";

export const EARLY = 20; // the step at which a weight is followed where none was picked: at the end of a run weights hardly move

/** The way there: through a step of the simplest run there is, or of one's own, where it has made one; `name` is what that is called. */
export function invited(runs, own = null, name = "this run") {
  const simple = runs.find((run) => run.recorded && run.kind === "plain" && !run.wrong && run.name !== own?.name);
  const step = (run) => (run.step >= EARLY ? held(EARLY, run.step) : null);
  const link = (run, words) => make("a", {
    href: addressWith({ run: run.name, view: "step", step: step(run), walk: 1 }, {}),
  }, words);
  const first = simple ?? (own?.step ? own : null);
  if (!first) return "";
  const which = simple ? "a small network that comes along" : name;
  const or = simple && own?.step ? [", or ", link(own, `of ${name}`)] : [];
  return make("p", { class: "invited" }, "New here? ", link(first, "Follow one weight"), ` through one step of ${which}`, ...or, ".");
}
