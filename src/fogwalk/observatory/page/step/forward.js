// Station 2: layer by layer, how large what it makes is; the layer that is picked is opened.

import { make } from "../make.js";
import { number } from "../words.js";
import { bars } from "./drawings.js";
import { layer } from "./layer.js";
import { uses } from "./pin.js";
import { explained } from "./say.js";

export async function forward(step) {
  const layers = step.found.layers, last = layers.at(-1), open = layer(step, "forward");
  const largest = layers.reduce((one, other) => (other.size > one.size ? other : one), layers[0]);
  const bar = (one) => ({
    name: one.path, value: one.size, title: one.formula, open: () => pick(one.path), picked: one.path === step.opened("forward"),
  });
  const list = bars(layers.map(bar), "size of what each layer makes");
  function pick(path) {
    step.pickLayer(path);
    [...list.querySelectorAll("button")].forEach((button, each) => {
      button.setAttribute("aria-pressed", String(layers[each].path === path));
    });
    open.show();
  }
  const texts = step.found.structure.unit === "token";
  const tokens = step.pinned && texts ? (await step.station("batch")).tokens : null;
  const pinned = step.pinned && uses(step.followed, tokens);
  const classes = step.found.structure.loss_name === "cross-entropy";
  const end = classes ? "are scores; softmax turns them into probabilities" : "are the answers";
  const bigness = `The bars show how large they are, on the whole: largest in ${largest.path}, ${number(largest.size)}. `;
  return [
    explained(step.say, {
      plain: `Now the batch goes through the network: each layer makes new numbers of those of the one before. `
        + `${step.walking ? "" : bigness}What ${last.path}, the last, makes ${end}.`
        + (step.walking ? "" : " Click a layer to see it work."),
      maths: ["h₀ = x, hₗ = fₗ(hₗ₋₁)", `size = √mean(h²); of ${last.path}: ${number(last.size)}`],
      code: "outputs = model(batch.inputs)        # the forward pass",
    }),
    pinned ? make("h2", {}, "The pinned weight at work") : null, pinned || null,
    ...step.rest(
      make("h2", {}, "How large what each layer makes is"),
      pinned ? make("p", { class: "quiet" }, "Of the whole network: these bars are the same whichever weight is pinned.") : null,
      list, open.place,
    ),
  ];
}
