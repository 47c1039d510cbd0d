// What a network that reads images is made of and makes: in plain words, as formulas with this image's numbers, and in code. Its
// filters, its feature maps, and which of its patches listen to which.

import { number } from "../words.js";

const WRITTEN = 12; // layers whose numbers are written out

const CONVOLUTION = "h[k, y, x] = Σ W[k, c, i, j]·x[c, y + i - r, x + j - r] + b[k], r half the filter's side, rounded down";

/** The weights that read the pixels: those of a convolution, of each patch, or of the whole image. `most` is the number farthest from
    0 of those drawn, at `place` of `values`. */
export function ofFilters({ name, shape: [, channels, high, wide] }, { convolutions, patch }, { values, place }) {
  const each = channels * high * wide, filter = Math.floor(place / each), at = place % each, most = Math.abs(values[place]);
  const where = [Math.floor(at / (high * wide)), Math.floor(at / wide) % high, at % wide], path = name.replace(/\.weight$/, "");
  const convolves = convolutions.some((one) => one.path === path), reads = patch ? "patch" : "image";
  const shaped = `weight = model.get_parameter("${name}")`;
  return {
    plain: `${channels === 1 ? "Blue is above 0, orange below" : "Red, green and blue are the weights of these, grey is 0"}, and the `
      + `full colour is ${number(most)}.`,
    maths: [
      convolves ? CONVOLUTION : `h[k] = Σ W[k, c, i, j]·x[c, i, j] + b[k], x the ${reads}`,
      `full colour = max |W| = |W[${filter}, ${where.join(", ")}]| = ${number(most)}`,
    ],
    code: [
      convolves ? shaped : `${shaped}.unflatten(1, (${channels}, ${high}, ${wide}))`,
      "colour = weight / weight.abs().max()    # [filter, channel, row, column], from -1 to 1",
      convolves ? `h = F.conv2d(images, weight, bias, padding=${Math.floor(high / 2)})`
        : patch ? `patches = F.unfold(images, ${patch}, stride=${patch}).transpose(1, 2)\nh = patches @ weight.flatten(1).T + bias`
          : "h = images.flatten(1) @ weight.flatten(1).T + bias",
    ].join("\n"),
  };
}

/** The feature maps; `layers` are {path, both}, the least and the largest number of those drawn. */
export function ofMaps(layers) {
  const more = layers.length - WRITTEN;
  return {
    plain: "The feature maps of each convolution for this image: one picture for each of its channels, light is large.",
    maths: [
      CONVOLUTION,
      "light = (h - least) / (largest - least), from 0 to 1",
      ...layers.slice(0, WRITTEN).map(({ path, both: [least, largest] }) => `${path}: h from ${number(least)} to ${number(largest)}`),
      more > 0 ? `… and ${more} more` : null,
    ],
    code: `maps = {}
for name, module in model.named_modules():
    if isinstance(module, torch.nn.Conv2d):
        module.register_forward_hook(lambda module, read, made, name=name: maps.update({name: made[0]}))
model(image[None])    # maps["${layers[0].path}"]: [channel, row, column]`,
  };
}

/** Whom a patch listens to, or all of them on average; `most` is the patch that is heard most, with its share. */
export function ofPatches({ all, layer, head, listener, most, share }) {
  const one = listener !== null;
  return {
    plain: "The image is read as patches around a table; blue is where is listened to.",
    maths: [
      "p[i, j] = e^(s[i, j]) / Σ e^(s[i]), s[i, j] = q[i]·k[j]/√w, q[i] the query of patch i, k[j] the key of patch j, w the "
        + "numbers of each",
      `${layer}, head ${head}: ${one ? `p[${listener}, ${most}]` : `Σ p[i, ${most}] / ${all}`} = ${number(share)}`,
    ],
    code: "s = q[head] @ k[head].T / math.sqrt(head_width)    # some positions add a bias of their own\np = s.softmax(-1)\n"
      + (one ? `shares = p[${listener}]` : "shares = p.mean(0)    # on average over all patches"),
  };
}
