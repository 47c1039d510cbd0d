// What one neuron does, in plain words, as a formula with its weights, and in code: the held one, else the first that is drawn; of
// a network too wide for its links the held one alone, of its sum the largest terms.

import { number } from "../words.js";
import { make } from "../make.js";
import { unbroken } from "../round/names.js";
import { saying } from "../step/say.js";
import { matrices } from "./links.js";

const ACTIVATION = {
  relu: ["max(z, 0)", "F.relu(z)"], "squared-relu": ["max(z, 0)²", "F.relu(z).square()"], tanh: ["tanh(z)", "torch.tanh(z)"],
  sigmoid: ["1 / (1 + e^-z)", "torch.sigmoid(z)"], gelu: ["z·Φ(z)", "F.gelu(z)"], silu: ["z / (1 + e^-z)", "F.silu(z)"],
};
const HOLD = "Hold a link or a bias, and the neuron it leads to is told here.";

/** `show` is told the network as it is drawn and what is held. */
export function neuron(picks, settings) {
  const { place, telling } = saying(picks);
  let frame = null, held = null;
  const told = telling(() => (frame ? sayings(frame, neuronOf(frame, held), settings) : {}));
  return {
    place: make("section", {}, place, told.place),
    show(now, entry) {
      [frame, held] = [now, entry];
      told.again();
    },
  };
}

/** The neuron that is told: its `layer` and `unit`, how many numbers it `reads`, the `terms` of its sum as [input, weight], what the
    sizes of the other weights add up to as `rest`, its `bias`, and whether a `link` to it is held. Null of a wide network of which
    nothing is held. */
function neuronOf(frame, held) {
  if (frame.wide) return held && frame.neuron ? { ...frame.neuron, link: held.at.length > 1 } : null;
  const layer = held ? layerOf(held.name) : layerOf(matrices(frame)[frame.shown[0]] ?? "head"), unit = held ? held.at[0] : 0;
  const weights = frame.parameters[`${layer}.weight`].weight[unit], bias = frame.parameters[`${layer}.bias`]?.weight[unit] ?? null;
  return { layer, unit, reads: weights.length, terms: weights.map((weight, each) => [each, weight]), rest: 0, bias };
}

const layerOf = (name) => name.replace(/\.\w+$/, "");

function sayings(frame, one, settings) {
  const { sizes } = frame, names = matrices(frame).map(layerOf), activation = settings["model.activation"];
  const inside = one ? one.layer !== "head" : names.length > 1, at = one ? names.indexOf(one.layer) : null;
  const [formula, code] = ACTIVATION[activation] ?? [`${activation}(z)`, `${activation}(z)`];
  const norm = settings["model.normalisation"], normed = inside && norm && norm !== "none";
  const skips = (layer) => layer < sizes.length - 2 && sizes[layer] === sizes[layer + 1];
  const skip = inside && settings["model.residual"] && (one ? skips(at) : names.some((_, layer) => skips(layer)));
  const where = skip && !one ? ", where a layer is as wide as what it reads" : "";
  const biased = one && one.bias === null ? "" : " with its bias";
  const name = !one ? (inside ? "Each neuron" : "Each output") : inside ? `Neuron ${one.unit} of ${one.layer}` : `Output ${one.unit}`;
  const more = one ? one.reads - one.terms.length : 0, many = (count) => count.toLocaleString("en");
  return {
    plain: `${name} multiplies each number it reads by the weight of their link and adds them up${biased}`
      + (inside ? `${normed ? "; the sums of its layer are normalised" : ""}. It bends the sum by ${activation}`
        + `${skip ? ` and adds it to what was read in its place${where}` : ""}; what comes out is read by the next layer`
        + `${one ? "." : ", and the head's sums are the answers."}` : ": that sum is the output.")
      + (more ? ` It reads ${many(one.reads)} numbers; the maths writes out ${one.link ? `the held link and the ${one.terms.length - 1}` :
        `the ${one.terms.length}`} with the largest weights.` : "")
      + ` ${HOLD}`,
    maths: [
      inside ? `h = σ(z)${skip ? ` + x${where}` : ""}, σ(z) = ${formula}, z = ${normed ? "norm(W·x + b)" : "W·x + b"}` : "y = W·x + b",
      one && unbroken(`${name}: ${inside && !normed ? "z" : inside ? "W·x + b" : "y"} = ${summed(one, at ? null : frame.inputs)}`),
      more ? unbroken(`… and ${many(more)} more, their weights together Σ|w| = ${number(one.rest)}`) : "",
    ],
    code: inside ? `z = ${normed ? "norm(x @ W.T + b)" : "x @ W.T + b"}    # ${one ? one.layer : "each layer"}, a torch.nn.Linear\n`
      + `h = ${skip ? "x + " : ""}${code}${where && `   # x +${where.slice(1)}`}` : "y = x @ W.T + b    # head, a torch.nn.Linear",
  };
}

/** The sum of a neuron, as far as it is written out; `inputs` are the names of what the network reads, for the neurons that read it. */
function summed({ terms, reads, bias }, inputs) {
  const term = (value, what, at) => `${value < 0 ? (at ? " - " : "-") : at ? " + " : ""}${number(Math.abs(value))}${what}`;
  const called = (each) => (inputs ? inputs[each] ?? `x${each}` : `h${each}`);
  return terms.map(([each, weight], at) => term(weight, `·${called(each)}`, at)).join("") + (terms.length < reads ? " + …" : "")
    + (bias === null ? "" : term(bias, "", 1));
}
