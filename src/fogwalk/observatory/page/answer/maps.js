// What a network that reads images is made of and makes: the weights that read the pixels, and the feature maps of each
// convolution.

import { ends, largestOf } from "../extent.js";
import { make } from "../make.js";
import { picture, shaded, signs } from "../pixels.js";
import { floats, run as at } from "../server.js";
import { number } from "../words.js";
import { ofFilters, ofMaps } from "./inside.js";
import { entries, twin } from "./told.js";

const MOST = 32; // filters, and maps of a layer, that are drawn
const [FILTER, MAP] = [56, 88]; // pixels of the page that one takes, about

/** The filters, then the maps of each layer; one that is picked has its numbers. */
export async function maps({ name, asked, inside, picks, telling }) {
  const parts = inside.filters ? await filters(name, asked, inside, telling) : [];
  if (!inside.convolutions.length) return parts;
  const entry = entries(name, asked, telling),
    rows = [];
  const look = (path, unit, quietly) =>
    entry.look(path, { unit }, `${path}, channel ${unit}: its number farthest from 0`, quietly);
  for (const { path, shape } of inside.convolutions) rows.push(await layer(name, asked, path, shape, look));
  if (inside.convolutions.some((one) => one.path === picks.at) && picks.unit !== undefined)
    await look(picks.at, picks.unit, false);
  return [
    ...parts,
    make("h2", {}, "What each layer sees"),
    telling(() => ofMaps(rows)).place,
    make("p", {}, "A click or Enter on one tells the number of it that is farthest from 0."),
    ...rows.map((one) => one.place),
    entry.place,
  ];
}

/** Each row of the first matrix as a picture of what it looks for. */
async function filters(name, asked, inside, telling) {
  const { name: weight, shape: [all, channels, high, wide] } = inside.filters;
  const { values } = await floats(`${at(name)}/answer/tensor`, { ...asked, name: `weight/${weight}`, most: MOST });
  const each = channels * high * wide,
    many = Math.min(all, MOST),
    most = largestOf(values),
    size = Math.max(1, Math.floor(FILTER / Math.max(high, wide)));
  const one = (filter) => {
    const own = values.subarray(filter * each, (filter + 1) * each), label = `filter ${filter}`;
    if (channels === 1) return signs(own, wide, high, size, label, most);
    const byte = (channel, place) => Math.round(127.5 + 127.5 * (own[channel * high * wide + place] / most));
    return picture(wide, high, size, label, (place) => `rgb(${byte(0, place)},${byte(1, place)},${byte(2, place)})`);
  };
  const place = values.reduce((at, value, each) => (Math.abs(value) > Math.abs(values[at]) ? each : at), 0);
  const weights = `${wide} x ${high}${channels > 1 ? ` x ${channels}` : ""}`, cut = all > many ? ` The first ${many} are drawn.` : "";
  return [
    make("h2", {}, "What the first layer looks for"),
    telling(() => ofFilters(inside.filters, inside, { values, place })).place,
    make("p", {}, `${weight}: ${all.toLocaleString("en")} filters of ${weights} weights.${cut}`),
    make(
      "div",
      { class: "gallery", id: "filters" },
      Array.from({ length: many }, (_, filter) => make("figure", {}, one(filter), make("figcaption", {}, `${filter}`))),
    ),
    each <= 75
      ? twin(
          ["#filter", ...Array.from({ length: each }, (_, place) => `#${place}`)],
          () =>
            Array.from({ length: many }, (_, filter) => [
              filter,
              ...Array.from(values.subarray(filter * each, (filter + 1) * each), number),
            ]),
          "The weights as a table",
        )
      : null,
  ];
}

/** The maps of one convolution, and the least and largest number of them. */
async function layer(name, asked, path, [all, high, wide], look) {
  const { values } = await floats(`${at(name)}/answer/tensor`, { ...asked, name: `value/${path}.output`, most: MOST });
  const many = Math.min(all, MOST),
    both = ends(values),
    size = Math.max(1, Math.floor(MAP / Math.max(high, wide))),
    own = (unit) => values.subarray(unit * high * wide, (unit + 1) * high * wide);
  const place = make(
    "section",
    { class: "layer-maps" },
    make("h3", {}, path),
    make(
      "p",
      { class: "quiet" },
      `${all} channels of ${wide} x ${high}; from ${number(both[0])} (dark) to ${number(both[1])} ` +
        `(light).${all > many ? ` The first ${many} are drawn.` : ""}`,
    ),
    make(
      "div",
      { class: "gallery maps", "data-layer": path },
      Array.from({ length: many }, (_, unit) =>
        make(
          "button",
          {
            type: "button",
            "aria-label": `${path}, channel ${unit}: ${ends(own(unit)).map(number).join(" to ")}`,
            onclick: () => look(path, unit),
          },
          shaded(own(unit), wide, high, size, "", both),
          make("span", {}, `${unit}`),
        ),
      ),
    ),
    twin(["#channel", "#least", "#largest", "#mean"], () =>
      Array.from({ length: many }, (_, unit) => [
        unit,
        ...ends(own(unit)).map(number),
        number(own(unit).reduce((sum, one) => sum + one, 0) / (high * wide)),
      ]),
    ),
  );
  return { path, both, place };
}
