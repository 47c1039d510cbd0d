// Where δ, the blame of what a weight makes, comes from: the loss itself at the last layer, else the layer after.

import { make } from "../make.js";
import { number } from "../words.js";
import { put, visible } from "./drawings.js";
import { isBare } from "./loss.js";
import { explained } from "./say.js";

/** Of the pinned weight, at the place of the picked row where it was most of what the row says comes from. */
export async function whence(step) {
  const { pinned, few: { focus: most }, found: { layers } } = step;
  const at = layers.findIndex((one) => one.path === pinned.path);
  if (!most || at < 0) return null;
  const told = at === layers.length - 1 ? ofTheLoss(pinned, most, await step.station("loss"))
    : await ofTheLayerAfter(step, pinned, most, layers[at + 1]);
  const title = step.walking ? null : make("h3", {}, "How δ comes about"); // then it is in a fold that is called so
  return told ? make("div", { class: "whence" }, title, explained(step.say, told)) : null;
}

/** What the last layer makes are the scores: their blame is the slope of the loss. */
function ofTheLoss({ row }, { place, blame }, told) {
  const answer = told.answers.find((one) => one.at === (place ?? row)), where = place === null ? `row ${row}` : `place ${place}`;
  const plain = ["What this weight makes is an answer: δ is the slope of the loss itself."];
  const maths = [told.chain, told.share];
  const written = (factor) => `δ = ${factor}·c = ${factor} · ${number(answer.counted)} = ${number(blame)}`;
  const classes = told.name === "cross-entropy", tell = (words, sum) => {
    plain.push(`At ${where} ${words}: ${sum}, where c is its part in the mean.`);
    maths.push(sum);
  };
  if (answer && classes && isBare(told) && blame < 0 && near((answer.p - 1) * answer.counted, blame)) {
    tell(`'${visible(answer.right)}' was right, and ${number(answer.p)} was given to it`, written(`(${number(answer.p)} - 1)`));
  } else if (answer && classes && isBare(told) && blame > 0) {
    const given = number(blame / answer.counted);
    tell(`'${visible(answer.right)}' was right; to this one, which was not, ${given} was given`, written(given));
  } else if (answer && told.name === "mean-squared" && near(2 * (answer.y - answer.target) * answer.counted, blame)) {
    const off = `2·(${number(answer.y)} - ${put(answer.target)})`;
    tell(`the network said ${answer.best} and right was ${answer.right}, in deviations from the mean ${number(answer.y)} and `
      + `${number(answer.target)}`, written(off));
  }
  return { plain, maths, code: told.code };
}

/** The layer after passes the blame back; an activation multiplies it by its slope there. */
async function ofTheLayerAfter(step, { name, at, row }, { place, blame }, after) {
  const unit = /bias$/.test(name) || at.length < 2 ? at.at(-1) : at[0], bends = /^activations\./.test(after.path);
  const asked = { at: after.path, row, place, unit };
  const told = bends ? await step.ask("layer", asked).catch(() => null) : null, last = told?.backward.at(-1);
  const general = "The layers after it are blamed first, from the loss on, and each passes back what is due to every number that it "
    + "read. What comes to what this weight makes, over all ways there are, is δ.";
  if (!last || !near(last.result, blame)) {
    const maths = ["δ = ∂L/∂z = ∂L/∂h · ∂h/∂z", "h what the network makes of z"];
    return { plain: general, maths, code: "loss.backward()   # the layers from the last to the first" };
  }
  const [from, slope] = told.backward, bend = step.found.structure.settings["model.activation"] ?? "curve";
  return {
    plain: `The layers after it pass ${number(from.result)} back to ${after.path}; the slope of its ${bend} is `
      + `${number(slope.result)} here: ${put(from.result)} · ${put(slope.result)} = ${number(last.result)}. That is δ.`,
    maths: told.backward.map((line) => `${line.formula}${line.filled ? ` = ${line.filled}` : ""} = ${number(line.result)}`),
    code: told.code,
  };
}

const near = (one, other) => Math.abs(one - other) <= 1e-3 * Math.abs(other);
