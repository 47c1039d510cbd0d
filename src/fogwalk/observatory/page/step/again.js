// Station 6: the same batch after the update; what the gradient had promised, and what came.

import { make } from "../make.js";
import { number } from "../words.js";
import { bars, signed, signedBars } from "./drawings.js";
import { explained } from "./say.js";

const MOST = 24; // parameters whose part is drawn

export async function again(step) {
  const told = await step.station("again");
  if (told.after === null) return [make("p", {}, "No update was made, so there is nothing to look at again.")];
  const better = told.came < 0, parts = Object.entries(told.parts).sort((one, other) => Math.abs(other[1]) - Math.abs(one[1]));
  const share = told.promised ? told.came / told.promised : null;
  const kept = share === null ? "" : share > 0 ? ` ${Math.round(share * 100)} % of it came: the loss is curved, and the further one steps, the less a straight promise holds.` : " What came went the other way: the loss is curved, and the step was long for it.";
  const worse = better ? "" : " A batch may get worse by its own step: the optimizer also follows what earlier batches taught.";
  const rule = told.plain_sgd ? [`-η·|g|² = -${number(told.rate)}·${number(told.squared)} = ${signed(-told.rate * told.squared)}`] : [];
  return [
    explained(step.say, {
      plain: [`The same batch once more, with the weights as they are now: the loss was ${number(told.before)} and is ${number(told.after)}, ${number(Math.abs(told.came))} ${better ? "less" : "more"}.${worse}`, `The gradients had promised ${signed(told.promised)}: each weight's gradient times its change, all added up.${kept}`, "Then the next batch comes, and all of it begins anew."],
      maths: [`L(w + Δw) - L(w) = ${number(told.after)} - ${number(told.before)} = ${signed(told.came)}`, `Σ g·Δw = ${signed(told.promised)}`, ...rule],
      code: "with torch.no_grad():\n    after = task.loss(model(batch.inputs), batch)\npromised = sum((p.grad * change).sum() for p, change in zip(parameters, changes))",
    }),
    make("h2", {}, "The loss of this batch"),
    bars([{ name: "before", value: told.before }, { name: "after", value: told.after }], "the loss before and after"),
    make("h2", {}, "Promised and come"),
    signedBars([{ name: "promised", value: told.promised }, { name: "came", value: told.came }], "the change of the loss"),
    make("h2", {}, "What each parameter promised"),
    signedBars(parts.slice(0, MOST).map(([name, value]) => ({ name, value, open: () => step.openParameter(name) })), "each parameter's part"),
    parts.length > MOST ? make("p", { class: "quiet" }, `The ${MOST} largest of ${parts.length}.`) : null,
  ];
}
