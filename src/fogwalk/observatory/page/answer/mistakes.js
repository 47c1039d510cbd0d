// What the run gets wrong: who is taken for whom, and the rows or images that it gets most wrong.

import { addressWith } from "../address.js";
import { viridis } from "../colour.js";
import { largestOf } from "../extent.js";
import { make } from "../make.js";
import { photograph } from "../pixels.js";
import { ask, floats, run as at } from "../server.js";
import { wide } from "../step/drawings.js";
import { counted, number } from "../words.js";
import { ofConfusion, ofWorst } from "./judged.js";
import { boxed, filling, twin } from "./told.js";

const MEASURES = ["accuracy", "balanced accuracy", "F1", "ROC AUC", "cross-entropy", "RMSE", "MAE", "R²"];
const THUMB = 64; // pixels that the longer side of a small picture takes

/** A part that is filled by itself once the answer is drawn: the whole validation split is answered for it. */
export function mistakes({ name, picks, form, telling }) {
  const told = filling("Answering for the whole validation split …");
  const part = make(
    "section",
    { "aria-labelledby": "mistakes", id: "mistakes-part" },
    make("h2", { id: "mistakes" }, "What it gets wrong"),
    told.place,
  );
  const begin = () =>
    told.fill(async () => {
      if (form.gone) throw new Error(`What it gets wrong cannot be told without the rows that were held back. ${form.gone}`);
      const found = await ask(`${at(name)}/mistakes`, { step: picks.step });
      const scores = MEASURES.filter((one) => one in found.scores)
        .map((one) => `${one} ${number(found.scores[one])}`)
        .join(", ");
      const pictures =
        found.unit === "image" && found.worst.length
          ? await floats(`${at(name)}/mistakes/pictures`, { places: found.worst.map((one) => one.place).join(",") })
          : null;
      return [
        make(
          "p",
          {},
          `Of the ${counted(found.rows, found.unit)} held back, after step ${found.step.toLocaleString("en")}: ` +
            `${scores}.${found.notes.map((one) => ` Note: ${one}.`).join("")}`,
        ),
        found.confusion ? confusion(found, telling) : null,
        worst({ found, name, picks, pictures, said: telling(() => ofWorst(found, form)).place }),
      ];
    });
  return { part, begin };
}

function confusion(found, telling) {
  const { classes, of, confusion: counts, unit, rows } = found;
  const top = Math.max(1, largestOf(counts.flat())),
    share = (count) => Math.log1p(count) / Math.log1p(top),
    wrong = [];
  counts.forEach((row, right) =>
    row.forEach((count, said) => {
      if (right !== said && count) wrong.push([count, classes[right], classes[said]]);
    }),
  );
  wrong.sort((one, other) => other[0] - one[0]);
  const hits = counts.reduce((sum, row, each) => sum + row[each], 0);
  const sentence = wrong.length
    ? `Most often ${wrong[0][1]} is taken for ${wrong[0][2]}: ${counted(wrong[0][0], "time")}.`
    : "None is taken for another.";
  const cut =
    of > classes.length
      ? ` The ${classes.length} of ${of} classes that are mistaken most are drawn.`
      : ` ${hits.toLocaleString("en")} of ${rows.toLocaleString("en")} stand on the diagonal: they are right.`;
  return make(
    "div",
    {},
    make("h3", {}, "Who is taken for whom"),
    telling(() => ofConfusion(found)).place,
    make("p", {}, `${sentence}${cut}`),
    wide(
      make(
        "table",
        { class: classes.length > 12 ? "confusion many" : "confusion", id: "confusion" },
        make(
          "thead",
          {},
          make(
            "tr",
            {},
            make("td", {}, `right \\ answered`),
            classes.map((one) => make("th", { scope: "col", title: one }, one)),
          ),
        ),
        make(
          "tbody",
          {},
          counts.map((row, right) =>
            make(
              "tr",
              {},
              make("th", { scope: "row", title: classes[right] }, classes[right]),
              row.map((count, said) =>
                make(
                  "td",
                  {
                    class: `number${right === said ? " hit" : ""}`,
                    style: `background: ${viridis(share(count))}; color: ${share(count) > 0.43 ? "#000" : "#fff"}`,
                    title: `${counted(count, unit)} of ${classes[right]}, answered ${classes[said]}`,
                  },
                  count.toLocaleString("en"),
                ),
              ),
            ),
          ),
        ),
      ),
      "who is taken for whom",
    ),
  );
}

function worst({ found, name, picks, pictures, said }) {
  const classes = Boolean(found.confusion),
    titles = classes ? ["right", "answered", "#p of right", "#p of answered", "#-ln p"] : ["#right", "#answered", "#off by"];
  const cells = (one) =>
    classes
      ? [one.right, one.answer, number(one.p_right), number(one.p_answer), number(one.wrong)]
      : [number(one.right), number(one.answer), number(one.wrong)];
  const link = (one, ...inside) =>
    make("a", { href: addressWith({ run: name, view: "answer", held: one.place, step: picks.step }, {}) }, ...inside);
  const titled = [
    make("h3", {}, "What it gets most wrong"),
    said,
    make("p", {}, `${counted(found.worst.length, found.unit)} of ${found.rows.toLocaleString("en")}. A link opens it above.`),
  ];
  if (pictures)
    return make(
      "div",
      {},
      titled,
      gallery(found, link, pictures),
      twin(["image", ...titles], () => found.worst.map((one) => [`image ${one.place}`, ...cells(one)])),
    );
  const holds = found.worst[0]?.holds !== undefined;
  const rows = found.worst.map((one) => [
    make("td", { class: "name" }, link(one, `row ${one.place}`)),
    ...cells(one),
    ...(holds ? [make("td", { class: "quiet" }, one.holds)] : []),
  ]);
  const heads = ["", ...titles, ...(holds ? ["holds"] : [])];
  return make("div", {}, titled, boxed("what it gets most wrong", heads, rows, { id: "worst" }));
}

/** The images beside each other, each with what is right and what was said. */
function gallery({ worst: all, confusion: told }, link, pictures) {
  const words = (one) =>
    told
      ? [`${one.right}, said ${one.answer}`, `p of ${one.right} ${number(one.p_right)}`]
      : [`${number(one.right)}, said ${number(one.answer)}`];
  return make(
    "ul",
    { class: "gallery misses", id: "worst" },
    all.map((one, each) =>
      make(
        "li",
        {},
        link(
          one,
          thumbnail(pictures, each, ""),
          make("span", {}, `image ${one.place}`),
          ...words(one).map((line) => make("span", { class: "quiet" }, line)),
        ),
      ),
    ),
  );
}

function thumbnail({ shape: [, channels, high, wide], values }, each, label) {
  const size = channels * high * wide;
  return photograph(
    values.subarray(each * size, (each + 1) * size),
    [channels, high, wide],
    Math.max(1, Math.floor(THUMB / Math.max(high, wide))),
    label,
  );
}
