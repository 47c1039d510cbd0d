import { addressWith, go } from "../address.js";
import { calm } from "../calm.js";
import { curve } from "../curve.js";
import { invited } from "../invited.js";
import { make } from "../make.js";
import { ask, listen, run as at } from "../server.js";
import { GOING, steering } from "../steering.js";
import { Story } from "../story.js";
import { briefly, clock, counted, number, short, standing } from "../words.js";

const WIDTH = 600; // buckets of the curve
const FAR = 0.9; // of the training loss, below which validation lies far below it
const FEW = 50; // steps, below which a run that has ended is told to be short
const ENDED = { steps: "finished", "stop-below": "finished", converged: "finished", terminated: "interrupted" };

export const live = {
  id: "live",
  title: "Live",
  question: "Is it learning, and how long will it take?",
  needs: ["run"],
  hears: true,

  /** Gives back what ends it. */
  async draw(place, { list, opened, state }) {
    const name = opened.name;
    const story = new Story(await ask(`${at(name)}/curves`, { width: WIDTH }), WIDTH);
    const drawing = curve((step) => go({ view: "step", step }));
    const whole = make("ol", { class: "story", "aria-label": "the whole story, over and over" });
    const facts = make("dl", { class: "facts" }), few = make("p", { class: "few", role: "status" }), warnings = make("div", {});
    const below = make("p", { class: "quiet" });
    const samples = make("ol", { class: "samples", reversed: true });
    const steer = steering(opened);
    const health = make("div", { role: "status" }, make("p", { class: "quiet" }, "No step is made yet."));
    place.append(
      make("h1", {}, this.question), invited(list.runs, opened), facts, few, steer.place, drawing.place, below,
      make("h2", {}, "The whole story, over and over"), whole,
      make("h2", {}, "How healthy is it?"), health, warnings,
      ...(opened.planned.unit === "token" ? [make("h2", {}, "The same prompt, as it learns"), samples] : []),
    );
    let heard = false, lost = 0, told = opened.state, judged = false;
    const now = () => (story.stopped ? ENDED[story.stopped.reason] ?? story.stopped.reason : told);
    const stands = () => {
      const words = heard ? `${standing(now())}, step ${(story.last.step ?? 0).toLocaleString("en")}` : null;
      state(lost > 3 ? `lost contact ${lost} s` : words);
    };
    const judge = () => {
      judged = true;
      health.replaceChildren(make("p", { class: "quiet" }, "Looking at the run's numbers …"));
      const failed = (error) => health.replaceChildren(make("p", { class: "trouble" }, error.message));
      ask(`${at(name)}/verdicts`).then((found) => health.replaceChildren(...verdicts(found)), failed);
    };
    const redraw = () => {
      if (!judged && story.last.step) judge();
      stands();
      tell(facts, story, opened, now());
      const short = tooFew(story.last.step, now(), opened.recorded);
      if (few.textContent !== short) few.textContent = short;
      below.textContent = lowerOf(story, opened.planned.settings ?? {}, opened.planned.unit);
      loop(whole, story, opened);
      drawing.show(story);
      const warning = ([step, words]) => make("p", { class: "trouble" }, `step ${step}: ${words}`);
      warnings.replaceChildren(...story.warnings.slice(-6).map(warning));
      samples.replaceChildren(...story.samples.slice(-12).reverse().map(sample));
    };
    redraw();
    const calmly = calm(redraw);
    const hear = (event) => {
      heard = true;
      story.hear(event);
      if (event.event === "stopped") judged = false;
      calmly.soon();
    };
    const end = listen(name, story.offset, hear, (seconds) => { lost = seconds; calmly.soon(); }, (stand) => {
      [heard, told] = [true, stand.state];
      steer.stands(stand);
      calmly.soon();
    });
    return () => { end(); calmly.end(); };
  },
};

/** The same prompt gone on with at a step. */
const sample = ([step, prompt, text]) => make("li", {},
  make("span", { class: "quiet" }, `step ${step}  `), make("span", { class: "text" }, make("strong", {}, prompt), text));

/** Of a run that ended after very few steps: that they are few; else nothing. */
function tooFew(steps, state, recorded) {
  if (!steps || steps >= FEW || GOING.includes(state)) return "";
  const more = recorded ? "" : " It can be trained further below.";
  return `It made only ${counted(steps, "step")}, each a small change learned from a handful of the data. Most networks need `
    + `hundreds or thousands of them before they are of use, so do not judge it by this yet.${more}`;
}

/** Of a validation far below the training loss: what makes it so; else nothing. */
function lowerOf({ validations, smooth, points }, settings, unit) {
  const scored = validations.filter((one) => Number.isFinite(one[1])).at(-1);
  const then = scored && (points.find((point) => point[1] >= scored[0])?.[4] ?? smooth);
  if (!scored || !(scored[1] < FAR * then)) return "";
  const dropped = settings["model.dropout"], spread = settings["training.label_smoothing"];
  const reasons = [
    dropped > 0 ? `dropout leaves out ${briefly(100 * dropped)} % of the values while it trains, and none when it is judged` : null,
    spread > 0 && settings.task === "classification"
      ? `label smoothing asks it while it trains for ${briefly(100 * spread)} % of doubt, which costs even the best answer` : null,
    unit === "image" && !["none", undefined].includes(settings["data.augment"])
      ? "images are moved, cut or mirrored at random while it trains, and not when it is judged" : null,
  ].filter(Boolean);
  const why = reasons.length ? `one reason is that ${reasons.join("; and that ")}`
    : "what was held back may be easier than the rest, and the training loss is a mean over about ten steps";
  return `Validation is ${number(scored[1])} and the training loss ${number(then)}. It lies below: ${why}.`;
}

function tell(place, story, opened, state) {
  const { last, pace, steps } = story, unit = opened.planned.unit ?? "token";
  const known = story.validations.filter((one) => Number.isFinite(one[1]));
  const best = known.reduce((least, one) => (least === null || one[1] < least[1] ? one : least), null);
  const goal = steps && steps < 1e9 ? steps.toLocaleString("en") : "as many as it takes";
  const training = state === "training", left = steps && last.step && pace.steps ? (steps - last.step) / pace.steps : null;
  const told = [
    ["step", last.step ? `${last.step.toLocaleString("en")} of ${goal}` : "none yet"],
    ["loss", number(last.loss)], ["loss, smoothed", number(story.smooth)],
    ["best validation", best ? `${number(best[1])} at ${best[0].toLocaleString("en")}` : "-"],
    ...Object.entries(story.validations.at(-1)?.[2] ?? {}).map(([name, value]) => [name, number(value)]),
    ["learning rate η", number(last.learning_rate)], ["|gradient|", number(last.gradient_norm)],
    [`${unit}s a second`, short(pace.examples)], ["trained for", clock(last.seconds)],
    ...(training ? [["time left", clock(left)]] : []),
  ];
  place.replaceChildren(...told.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/** One update as a loop of five stations, each with this run's number of now; each opens the step there. */
function loop(place, story, opened) {
  const { last } = story, settings = opened.planned.settings ?? {}, unit = opened.planned.unit ?? "token";
  const many = (name) => settings[name] ?? "?";
  const rows = many("training.batch");
  const batch = unit === "token" ? `${rows} x ${many("model.context")} tokens` : `${rows} ${unit}s`;
  const weights = opened.planned.model?.parameters?.toLocaleString("en") ?? "?";
  const told = [
    ["a piece of work", batch, "batch"],
    ["the guess", `${weights} weights`, "forward"],
    ["how wrong it was", `loss ${number(last.loss)}`, "loss"],
    ["which weight is to blame", `|gradient| ${number(last.gradient_norm)}`, "blame"],
    ["each weight moves", `rate ${number(last.learning_rate)}`, "update"],
  ];
  place.replaceChildren(...told.map(([title, value, station]) => {
    const href = addressWith({ run: opened.name, view: "step", step: last.step, station }, {});
    return make("li", {}, make("a", { href }, make("span", { class: "quiet" }, title), make("strong", {}, value)));
  }));
}

function verdicts(found) {
  if (!found.length) return [make("p", {}, "Nothing is wrong by these numbers.")];
  const verdict = (one) => make("p", { class: one.healthy ? "trouble good" : "trouble" },
    make("strong", {}, one.name), `: ${one.seen}. `, one.advice);
  return found.map(verdict);
}
