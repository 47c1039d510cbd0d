// What one neuron does, in plain words, as a formula with its weights, and in code: the held one, else the first of the first layer.

import { number } from "../words.js";
import { make } from "../make.js";
import { saying } from "../step/say.js";

const ACTIVATION = {
  relu: ["max(z, 0)", "F.relu(z)"], "squared-relu": ["max(z, 0)²", "F.relu(z).square()"], tanh: ["tanh(z)", "torch.tanh(z)"],
  sigmoid: ["1 / (1 + e^-z)", "torch.sigmoid(z)"], gelu: ["z·Φ(z)", "F.gelu(z)"], silu: ["z / (1 + e^-z)", "F.silu(z)"],
};

/** `show` is told the network as it is drawn and what is held. */
export function neuron(picks, settings) {
  const { place, telling } = saying(picks);
  let layer = "layers.0", unit = 0, frame = null;
  const told = telling(() => (frame ? sayings(frame, layer, unit, settings) : {}));
  return {
    place: make("section", {}, place, told.place),
    show(now, held) {
      [layer, unit] = held ? [held.name.replace(/\.\w+$/, ""), held.at[0]] : ["layers.0", 0];
      if (!(`${layer}.weight` in now.parameters)) layer = "head";
      frame = now;
      told.again();
    },
  };
}

function sayings(frame, layer, unit, settings) {
  const depth = layer === "head" ? null : Number(layer.split(".")[1]);
  const weights = frame.parameters[`${layer}.weight`].weight[unit], bias = frame.parameters[`${layer}.bias`]?.weight[unit];
  const first = depth === 0 || (layer === "head" && !("layers.0.weight" in frame.parameters));
  const reads = first ? frame.inputs : weights.map((_, each) => `h${each}`);
  const activation = settings["model.activation"], norm = settings["model.normalisation"], added = settings["model.residual"];
  const [formula, code] = ACTIVATION[activation] ?? [`${activation}(z)`, `${activation}(z)`], inside = layer !== "head";
  const normed = inside && norm && norm !== "none", skip = inside && added && weights.length === widthOf(frame, layer);
  const term = (value, what, at) => `${value < 0 ? (at ? " - " : "-") : at ? " + " : ""}${number(Math.abs(value))}${what}`;
  const sum = weights.map((value, each) => term(value, `·${reads[each]}`, each)).join("")
    + (bias === undefined ? "" : term(bias, "", 1));
  const name = layer === "head" ? `Output ${unit}` : `Neuron ${unit} of ${layer}`;
  const biased = bias === undefined ? "" : " with its bias";
  return {
    plain: `${name} multiplies each number it reads by the weight of their link and adds them up${biased}`
      + (inside ? `${normed ? "; the sums of its layer are normalised" : ""}. It bends the sum by ${activation}`
        + `${skip ? " and adds it to what was read in its place" : ""}; what comes out is read by the next layer.`
        : ": that sum is the output.")
      + " Hold a link or a bias, and the neuron it leads to is told here.",
    maths: [
      inside ? `h = σ(z)${skip ? " + x" : ""}, σ(z) = ${formula}, z = ${normed ? "norm(W·x + b)" : "W·x + b"}` : "y = W·x + b",
      `${inside && !normed ? "z" : inside ? "W·x + b" : "y"} = ${sum}`,
    ],
    code: inside ? `z = ${normed ? "norm(x @ W.T + b)" : "x @ W.T + b"}    # ${layer}, a torch.nn.Linear\nh = ${skip ? "x + " : ""}${code}`
      : "y = x @ W.T + b    # head, a torch.nn.Linear",
  };
}

const widthOf = (frame, layer) => frame.parameters[`${layer}.weight`].weight.length;
