// The answer for an image: the image as it is read, what each square of it did, and what the network makes of it on the way.

import { go, picks as now } from "../address.js";
import { largestOf } from "../extent.js";
import { draw, make } from "../make.js";
import { photograph } from "../pixels.js";
import { ask, floats, run as at } from "../server.js";
import { signed } from "../words.js";
import { maps } from "./maps.js";
import { mistakes } from "./mistakes.js";
import { patches } from "./patches.js";
import { answered } from "./row.js";
import { ofRecord } from "./said.js";
import { ofSquares } from "./sources.js";
import { another, asExplain, filling, modelAfter, twin } from "./told.js";

const SIDE = 224; // pixels of the page that an image's longer side takes, about

export async function image(place, { name, picks, form, made, moved, telling }) {
  const told = filling("Looking …"),
    path = make("input", {
      value: form.held === null ? form.prompt : "",
      size: 30,
      placeholder: "photo.png",
      "aria-label": "the path of an image",
    });
  const wrong = mistakes({ name, picks, form, telling });
  place.append(
    form.gone ? make("p", { class: "trouble" }, form.gone) : "",
    make(
      "form",
      {
        class: "controls",
        onsubmit: (event) => {
          event.preventDefault();
          go({ prompt: path.value, held: null });
        },
      },
      ...another("image", form, (held) => go({ held, prompt: null })),
      make("label", {}, "or one by its path ", path),
      make("button", {}, "Look"),
    ),
    told.place,
    wrong.part,
  );
  let step = picks.step ?? "";
  const show = () =>
    told.fill(async () => {
      const picked = now();
      if (form.held === null && !form.prompt.trim())
        throw new Error("Name an image by its path: those that were held back cannot be read.");
      const asked = form.held === null ? { prompt: form.prompt, step } : { held: form.held, step };
      const { structure, tensors, text } = await ask(`${at(name)}/answer`, asked),
        inside = await ask(`${at(name)}/answer/inside`, asked);
      if (step === "") moved(structure.step);
      const pixels = await floats(`${at(name)}/answer/tensor`, { ...asked, name: "pixels" });
      return [
        make("h2", {}, "The answer"),
        make(
          "div",
          { class: "two" },
          make("div", {}, answered(structure, form, form.right, modelAfter(structure.step, step, made))),
          looked(structure, pixels, form, telling),
        ),
        telling(() => ofRecord({ structure, tensors }, form)).place,
        ...(await patches({ name, asked, inside, pixels, picks: picked, telling })),
        ...(await maps({ name, asked, inside, picks: picked, telling })),
        asExplain(text),
      ];
    });
  await show();
  wrong.begin();
  return { show: (to) => { step = to; return show(); } };
}

/** The image as it is read, and the same with what each square did laid over it. */
function looked(structure, { values, shape }, form, telling) {
  const [channels, high, wide] = shape,
    size = Math.max(1, Math.round(SIDE / Math.max(high, wide)));
  const does = structure.covered.map((row) => row.map((change) => -change)),
    most = largestOf(does.flat());
  const [down, across] = [does.length, does[0].length];
  let top = [0, 0];
  const squares = does.flatMap((row, y) =>
    row.map((value, x) => {
      if (Math.abs(value) > Math.abs(does[top[0]][top[1]])) top = [y, x];
      const [left, right, up, low] = [
        Math.floor((x * wide) / across),
        Math.floor(((x + 1) * wide) / across),
        Math.floor((y * high) / down),
        Math.floor(((y + 1) * high) / down),
      ];
      const unit = Math.min(wide / across, high / down);
      return draw(
        "g",
        {},
        draw(
          "rect",
          {
            x: left,
            y: up,
            width: right - left,
            height: low - up,
            class: value < 0 ? "minus" : "plus",
            "fill-opacity": ((Math.abs(value) / most) * 0.8).toFixed(3),
          },
          draw("title", {}, `row ${y}, column ${x}: ${signed(value)}`),
        ),
        Math.abs(value) > most / 8
          ? draw(
              "text",
              { x: (left + right) / 2, y: (up + low) / 2 + unit * 0.25, "text-anchor": "middle", "font-size": unit * 0.7 },
              value < 0 ? "-" : "+",
            )
          : null,
      );
    }),
  );
  const far = does[top[0]][top[1]];
  const map = make(
    "div",
    { class: "over", style: `width: ${wide * size}px; height: ${high * size}px` },
    photograph(values, shape, size, "the image"),
    draw(
      "svg",
      {
        viewBox: `0 0 ${wide} ${high}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": "what each square does",
        class: "laid",
        id: "squares",
      },
      squares,
    ),
  );
  return make(
    "div",
    {},
    make(
      "div",
      { class: "gallery" },
      make(
        "figure",
        {},
        photograph(values, shape, size, "the image as it is read"),
        make("figcaption", {}, `as it is read: ${wide} x ${high} pixels, ${channels === 1 ? "grey" : "red, green, blue"}`),
      ),
      make("figure", {}, map, make("figcaption", {}, "what each square does")),
    ),
    telling(() => ofSquares(structure, shape, form)).place,
    make("p", {}, far ? `The square in row ${top[0]}, column ${top[1]} does most, ${signed(far)}.` : "No square changes it."),
    twin(["", ...does[0].map((_, x) => `#${x}`)], () => does.map((row, y) => [`row ${y}`, ...row.map(signed)])),
  );
}
