import { addressWith, go } from "../address.js";
import { calm } from "../calm.js";
import { curve } from "../curve.js";
import { make } from "../make.js";
import { ask, listen, run as at } from "../server.js";
import { GOING, steering } from "../steering.js";
import { Story } from "../story.js";
import { clock, number, short } from "../words.js";

const WIDTH = 600; // buckets of the curve
const ENDED = { steps: "finished", "stop-below": "finished", converged: "finished", terminated: "interrupted" };

export const live = {
  id: "live",
  title: "Live",
  question: "Is it learning, and how long will it take?",
  needs: ["run"],

  /** Gives back what ends it. */
  async draw(place, { opened, state }) {
    const name = opened.name;
    const story = new Story(await ask(`${at(name)}/curves`, { width: WIDTH }), WIDTH);
    const drawing = curve((step) => go({ view: "step", step }));
    const whole = make("ol", { class: "story", "aria-label": "the whole story, over and over" });
    const facts = make("dl", { class: "facts" }), warnings = make("div", {}), samples = make("ol", { class: "samples", reversed: true });
    const steer = steering(opened);
    const health = make("div", { role: "status" }, make("p", { class: "quiet" }, "No step is made yet."));
    place.append(
      make("h1", {}, this.question), facts, steer.place, drawing.place,
      make("h2", {}, "The whole story, over and over"), whole,
      make("h2", {}, "How healthy is it?"), health, warnings,
      ...(opened.planned.unit === "token" ? [make("h2", {}, "The same prompt, as it learns"), samples] : []),
    );
    let heard = false, lost = 0, told = opened.state, judged = false;
    const stands = () => state(lost > 3 ? `lost contact ${lost} s` : heard ? `${story.stopped ? ENDED[story.stopped.reason] ?? story.stopped.reason : told}, step ${(story.last.step ?? 0).toLocaleString("en")}` : null);
    const judge = () => {
      judged = true;
      health.replaceChildren(make("p", { class: "quiet" }, "Looking at the run's numbers …"));
      ask(`${at(name)}/verdicts`).then((found) => health.replaceChildren(...verdicts(found)), (error) => health.replaceChildren(make("p", { class: "trouble" }, error.message)));
    };
    const redraw = () => {
      if (!judged && story.last.step) judge();
      stands();
      tell(facts, story, opened, GOING.includes(told));
      loop(whole, story, opened);
      drawing.show(story);
      warnings.replaceChildren(...story.warnings.slice(-6).map(([step, words]) => make("p", { class: "trouble" }, `step ${step}: ${words}`)));
      samples.replaceChildren(...story.samples.slice(-12).reverse().map(([step, prompt, text]) => make("li", {}, make("span", { class: "quiet" }, `step ${step}  `), make("strong", {}, prompt), text)));
    };
    redraw();
    const calmly = calm(redraw);
    const end = listen(name, story.offset, (event) => { heard = true; story.hear(event); if (event.event === "stopped") judged = false; calmly.soon(); },
      (seconds) => { lost = seconds; calmly.soon(); },
      (now) => { [heard, told] = [true, now.state]; steer.stands(now); calmly.soon(); });
    return () => { end(); calmly.end(); };
  },
};

function tell(place, story, opened, going) {
  const { last, pace, steps } = story, unit = opened.planned.unit ?? "token";
  const left = steps && last.step && pace.steps && going && !story.stopped ? (steps - last.step) / pace.steps : null;
  const best = story.validations.filter((one) => Number.isFinite(one[1])).reduce((least, one) => (least === null || one[1] < least[1] ? one : least), null);
  const told = [
    ["step", last.step ? `${last.step.toLocaleString("en")} of ${steps && steps < 1e9 ? steps.toLocaleString("en") : "as many as it takes"}` : "none yet"],
    ["loss", number(last.loss)], ["smoothed", number(story.smooth)],
    ["best validation", best ? `${number(best[1])} at ${best[0].toLocaleString("en")}` : "-"],
    ...Object.entries(story.validations.at(-1)?.[2] ?? {}).map(([name, value]) => [name, number(value)]),
    ["rate η", number(last.learning_rate)], ["|gradient|", number(last.gradient_norm)],
    [`${unit}s a second`, short(pace.examples)], ["run for", clock(last.seconds)], ["left", clock(left)],
  ];
  place.replaceChildren(...told.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/** One update as a loop of five stations, each with this run's number of now; each opens the step there. */
function loop(place, story, opened) {
  const { last } = story, settings = opened.planned.settings ?? {}, unit = opened.planned.unit ?? "token";
  const many = (name) => settings[name] ?? "?";
  const batch = unit === "token" ? `${many("training.batch")} x ${many("model.context")} tokens` : `${many("training.batch")} ${unit}s`;
  const told = [
    ["a piece of work", batch, "batch"], ["the guess", `${opened.planned.model?.parameters?.toLocaleString("en") ?? "?"} dials`, "forward"],
    ["how wrong it was", `loss ${number(last.loss)}`, "loss"], ["who is to blame", `|gradient| ${number(last.gradient_norm)}`, "blame"],
    ["each dial moves a little", `rate ${number(last.learning_rate)}`, "update"],
  ];
  place.replaceChildren(...told.map(([title, value, station]) => make("li", {}, make("a", { href: addressWith({ run: opened.name, view: "step", step: last.step, station }, {}) }, make("span", { class: "quiet" }, title), make("strong", {}, value)))));
}

function verdicts(found) {
  if (!found.length) return [make("p", {}, "Nothing is wrong by these numbers.")];
  return found.map((one) => make("p", { class: one.healthy ? "trouble good" : "trouble" }, make("strong", {}, one.name), `: ${one.seen}. `, one.advice));
}
