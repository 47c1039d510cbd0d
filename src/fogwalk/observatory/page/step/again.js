// Station 6: the same batch after the update; what the gradient had promised, and what came.

import { make } from "../make.js";
import { number, signed } from "../words.js";
import { bars, signedBars } from "./drawings.js";
import { explained } from "./say.js";

const MOST = 24; // parameters whose part is drawn
const CODE = `with torch.no_grad():
    after = task.loss(model(batch.inputs), batch)
promised = sum((p.grad * change).sum() for p, change in zip(parameters, changes))`;

export async function again(step) {
  const told = await step.station("again");
  if (told.after === null) return [make("p", {}, "No update was made, so there is nothing to look at again.")];
  const parts = Object.entries(told.parts).sort((one, other) => Math.abs(other[1]) - Math.abs(one[1]));
  const part = ([name, value]) => ({ name, value, open: () => step.openParameter(name) });
  const squared = `${number(told.rate)}·${number(told.squared)} = ${signed(-told.rate * told.squared)}`;
  const promise = `The gradients had promised ${signed(told.promised)}: each weight's gradient times its change, all added up.`
    + kept(told);
  return [
    explained(step.say, {
      plain: [inWords(told), ...(step.walking ? [] : [promise, "Then the next batch comes, and all of it begins anew."])],
      maths: [
        `L(w + Δw) - L(w) = ${number(told.after)} - ${number(told.before)} = ${signed(told.came)}`,
        `Σ g·Δw = ${signed(told.promised)}`,
        told.plain_sgd ? `-η·|g|² = -${squared}` : null,
      ],
      code: CODE,
    }),
    make("h2", {}, "The loss of this batch"),
    bars([{ name: "before", value: told.before }, { name: "after", value: told.after }], "the loss before and after"),
    ...step.rest(
      make("h2", {}, "Promised and come"), step.walking ? make("p", {}, promise) : null,
      signedBars([{ name: "promised", value: told.promised }, { name: "came", value: told.came }], "the change of the loss"),
      make("h2", {}, "What each parameter promised"),
      signedBars(parts.slice(0, MOST).map(part), "each parameter's part"),
      parts.length > MOST ? make("p", { class: "quiet" }, `The ${MOST} largest of ${parts.length}.`) : null,
    ),
  ];
}

function inWords(told) {
  const better = told.came < 0, changed = `${number(Math.abs(told.came))} ${better ? "less" : "more"}`;
  const worse = " A batch may get worse by its own step: the optimizer also follows what earlier batches taught.";
  return "The same batch once more, with all the weights as they are now: "
    + `the loss was ${number(told.before)} and is ${number(told.after)}, ${changed}.${better ? "" : worse}`;
}

/** How much came of what was promised. */
function kept(told) {
  if (!told.promised) return "";
  const share = told.came / told.promised;
  if (share <= 0) return " What came went the other way: the loss is curved, and the step was long for it.";
  const why = "the loss is curved, and the further one steps, the less a straight promise holds";
  const percent = Math.round(share * 100);
  if (percent === 100) return " All of it came: over so short a way the loss is as good as straight.";
  return ` ${percent} % of it came: ${why}.`;
}
