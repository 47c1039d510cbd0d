// Of a vision transformer: which patches of the image listen to which, in one head. The picture and the matrix share what
// is picked.

import { go } from "../address.js";
import { largestOf } from "../extent.js";
import { heatmap } from "../heatmap.js";
import { draw, make } from "../make.js";
import { photograph } from "../pixels.js";
import { floats, run as at } from "../server.js";
import { number } from "../words.js";
import { ofPatches } from "./inside.js";

const SIDE = 224, MOST = 256; // pixels of the page that an image takes; patches of which the matrix is drawn

export async function patches({ name, asked, inside, pixels, picks, telling }) {
  if (!inside.attention.length || !inside.patch) return [];
  const [, high, wide] = pixels.shape,
    across = Math.floor(wide / inside.patch),
    down = Math.floor(high / inside.patch),
    all = across * down;
  const layers = inside.attention.map((one) => one.path),
    layer = layers.includes(picks.layer) ? picks.layer : layers.at(-1);
  const [heads] = inside.attention.find((one) => one.path === layer).shape,
    head = Math.min(heads - 1, Number(picks.head ?? 0) || 0);
  const { values } = await floats(`${at(name)}/answer/tensor`, { ...asked, name: `value/${layer}.weights` });
  const row = (listener) => Array.from(values.subarray((head * all + listener) * all, (head * all + listener + 1) * all));
  const place = make("div", {}), size = Math.max(1, Math.round(SIDE / Math.max(high, wide)));
  let listener = picks.listener === undefined ? null : Math.min(all - 1, Number(picks.listener) || 0);

  let told = null;
  const ways = telling(() => (told ? ofPatches(told) : {}));

  function redraw() {
    const rows = Array.from({ length: all }, (_, each) => row(each)), largest = largestOf(rows.flat());
    const shares =
      listener === null ? rows[0].map((_, to) => rows.reduce((sum, one) => sum + one[to], 0) / all) : rows[listener];
    const most = shares.indexOf(Math.max(...shares)),
      who = listener === null ? "On average over all patches" : `Patch ${listener}`;
    told = { all, layer, head, listener, most, share: shares[most] };
    ways.again();
    const listen = (to) => {
      listener = to;
      go({ listener }, { quietly: true });
      redraw();
      place.querySelector(`[data-patch="${to}"]`)?.focus({ preventScroll: true });
    };
    const key = (event, at_) => {
      const moves = { ArrowUp: at_ - across, ArrowDown: at_ + across, ArrowLeft: at_ - 1, ArrowRight: at_ + 1 };
      if (event.key === "Enter" || event.key === " ") listen(at_);
      else if (moves[event.key] >= 0 && moves[event.key] < all) listen(moves[event.key]);
      else return;
      event.preventDefault();
    };
    const over = draw(
      "svg",
      {
        viewBox: `0 0 ${wide} ${high}`,
        class: "laid",
        role: "group",
        "aria-label": "the patches",
        preserveAspectRatio: "none",
      },
      shares.map((share, each) =>
        draw(
          "rect",
          {
            x: (each % across) * inside.patch,
            y: Math.floor(each / across) * inside.patch,
            width: inside.patch,
            height: inside.patch,
            class: each === listener ? "plus patch picked" : "plus patch",
            "fill-opacity": ((share / shares[most]) * 0.8).toFixed(3),
            "data-patch": each,
            "data-share": share,
            role: "button",
            tabindex: each === (listener ?? 0) ? 0 : -1,
            "aria-label": `patch ${each}: ${number(share)}`,
            onclick: () => listen(each),
            onkeydown: (event) => key(event, each),
          },
          draw("title", {}, `patch ${each}: ${number(share)}`),
        ),
      ),
    );
    place.replaceChildren(
      make(
        "p",
        { role: "status" },
        `${who} listens most to patch ${most}, ${number(shares[most])} of its attention; the ${all} shares add up to ` +
          `${number(shares.reduce((sum, one) => sum + one, 0))}. Patches are counted from the upper left, row by row.`,
      ),
      make(
        "div",
        { class: "two" },
        make(
          "div",
          { class: "over", style: `width: ${wide * size}px; height: ${high * size}px` },
          photograph(pixels.values, pixels.shape, size, "the image"),
          over,
        ),
        all <= MOST
          ? heatmap({
              values: rows,
              rows: rows.map((_, each) => `${each}`),
              columns: rows.map((_, each) => `${each}`),
              share: (value) => value / largest,
              title: "rows listen, columns speak; light is a large share",
              open: listen,
              size: 16,
              square: true,
            })
          : make("p", { class: "quiet" }, `The matrix of ${all} patches is not drawn: at most ${MOST}.`),
      ),
      listener === null
        ? ""
        : make(
            "button",
            {
              type: "button",
              onclick: () => {
                listener = null;
                go({ listener: null }, { quietly: true });
                redraw();
              },
            },
            "All patches",
          ),
    );
  }
  const choice = (of, value, options) =>
    make(
      "select",
      { "aria-label": of, onchange: (event) => go({ [of]: event.target.value }) },
      options.map((one) => make("option", { value: one, selected: String(one) === String(value) }, `${one}`)),
    );
  redraw();
  return [
    make("h2", {}, "Which patches listen to which"),
    ways.place,
    make("p", {}, "A click or Enter on a patch makes it the listener, and the arrow keys go on from it."),
    make(
      "div",
      { class: "controls" },
      make("label", {}, "layer ", choice("layer", layer, layers)),
      make(
        "label",
        {},
        "head ",
        choice(
          "head",
          head,
          Array.from({ length: heads }, (_, each) => each),
        ),
      ),
    ),
    place,
  ];
}
