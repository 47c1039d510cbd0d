// The answer for a row of a table: a form of its columns, the classes or the number, and what each column did.

import { go } from "../address.js";
import { make } from "../make.js";
import { ask, run as at } from "../server.js";
import { number, signed } from "../words.js";
import { mistakes } from "./mistakes.js";
import { ofRecord } from "./said.js";
import { ofColumns } from "./sources.js";
import { another, asExplain, classBars, filling, modelAfter, signedTable } from "./told.js";

const FEW = 24; // columns that stand open in the form
const MOST = 30; // columns of which is told what they did

export async function row(place, { name, picks, form, made, moved, telling }) {
  const told = filling("Asking …"),
    written = make("input", { value: form.prompt, "aria-label": "the row as text", size: 60 });
  const fields = form.columns.map(field);
  const wrong = mistakes({ name, picks, form, telling });
  let step = picks.step ?? "", held = form.held, right = form.right;
  const others = another("row", { ...form, held }, (of) => go({ held: of, prompt: null }));
  place.append(
    form.gone ? make("p", { class: "trouble" }, `${form.gone}\nThe form still works: it begins with what is usual.`) : "",
    make(
      "form",
      {
        class: "asking",
        onsubmit: (event) => {
          event.preventDefault();
          asked(compose(fields));
        },
      },
      make(
        "div",
        { class: "columns" },
        fields.slice(0, FEW).map((one) => one.label),
      ),
      fields.length > FEW
        ? make(
            "details",
            {},
            make("summary", {}, `${fields.length - FEW} more columns`),
            make(
              "div",
              { class: "columns" },
              fields.slice(FEW).map((one) => one.label),
            ),
          )
        : "",
      make("div", { class: "controls" }, make("button", {}, "What does it say?"), ...others),
    ),
    make(
      "details",
      {},
      make("summary", {}, "The row as text"),
      make(
        "form",
        {
          class: "controls",
          onsubmit: (event) => {
            event.preventDefault();
            go({ prompt: written.value, held: null });
          },
        },
        written,
        make("button", {}, "Ask"),
      ),
    ),
    told.place,
    wrong.part,
  );
  for (const one of fields) one.input.addEventListener("change", () => asked(compose(fields)));

  function asked(prompt) {
    if (prompt === written.value) return;
    [written.value, held, right] = [prompt, null, null];
    go({ prompt, held: null }, { quietly: true, back: true });
    show();
  }
  async function show() {
    const prompt = written.value;
    await told.fill(async () => {
      if (!prompt.trim()) throw new Error("Every column is empty: fill in one at least, or take another row.");
      const asked = held === null ? { prompt, step } : { held, step };
      const { structure, tensors, text, notes } = await ask(`${at(name)}/answer`, asked);
      if (step === "") moved(structure.step);
      return [
        make("h2", {}, "The answer"),
        ...(held === null ? notes : []).map((one) => make("p", { class: "trouble" }, `${one}.`)),
        ...answered(structure, form, right, modelAfter(structure.step, step, made)),
        telling(() => ofRecord({ structure, tensors }, form)).place,
        make("h2", {}, "What each column did"),
        ...did(structure, form, telling),
        asExplain(text),
      ];
    });
  }
  await show();
  wrong.begin();
  return { show: (to) => { step = to; return show(); } };
}

/** What is said, and how sure; `right` is what is known of it, `after` which model said it. */
export function answered(structure, form, right, after) {
  const classes = Object.keys(structure.probabilities).length;
  if (classes) {
    const told =
      right === null
        ? ""
        : right === structure.answer
          ? " That is right."
          : ` Right would be ${right}, which has ${number(structure.probabilities[right])}.`;
    return [
      make(
        "p",
        { id: "answer-sentence" },
        `${structure.target}: ${structure.answer}, with probability ${number(structure.now)}.${told} `,
        after,
      ),
      classBars(structure.probabilities, right),
    ];
  }
  const told =
    right === null
      ? ""
      : ` Right is ${number(right)}: it is ${number(Math.abs(structure.now - right))} ` +
        `${structure.now < right ? "too low" : "too high"}.`;
  return [
    make(
      "p",
      { id: "answer-sentence" },
      `${structure.target} = ${number(structure.now)}.${told} What it learned from is ${number(form.center)} on ` +
        `average, ± ${number(form.scale)}. `,
      after,
    ),
  ];
}

function did(structure, form, telling) {
  const { changes, holds } = structure;
  const rows = Object.entries(changes)
    .map(([name, value]) => ({ name, value: -value, more: [holds[name] ?? ""] }))
    .sort((one, other) => Math.abs(other.value) - Math.abs(one.value));
  if (!rows.length) return [make("p", { class: "quiet" }, "It reads no columns.")];
  const cut = rows.length > MOST ? ` The ${MOST} that do most are told, of ${rows.length}.` : "";
  const most = rows[0].value ? `${rows[0].name} does most, ${signed(rows[0].value)}.` : "No column changes it.";
  return [
    telling(() => ofColumns(structure, form)).place,
    make("p", {}, `${most}${cut}`),
    signedTable("what each column did", rows.slice(0, MOST), ["column", "holds", "", "#does"]),
  ];
}

function field(column) {
  const { name, kind, value } = column, list = `of-${name}`;
  const few = kind === "words" && column.of <= 50;
  const input = few
    ? make(
        "select",
        {},
        [
          ["", "(missing)"],
          ...(value && !column.words.includes(value) ? [[value, `${value} (never met)`]] : []),
          ...column.words.map((word) => [word, word]),
        ].map(([word, shown]) => make("option", { value: word, selected: word === value }, shown)),
      )
    : make("input", {
        value,
        inputmode: kind === "number" ? "decimal" : null,
        list: kind === "words" ? list : null,
        placeholder: "(missing)",
      });
  const words =
    kind === "words" && !few
      ? make(
          "datalist",
          { id: list },
          column.words.map((word) => make("option", { value: word })),
        )
      : null;
  return { name, input, label: make("label", {}, make("span", {}, name), input, words) };
}

/** The row as `fogwalk explain --prompt` reads it. */
function compose(fields) {
  const quoted = (piece) =>
    /[",=]/.test(piece) || piece !== piece.trim() || !piece ? `"${piece.replaceAll('"', '""')}"` : piece;
  return fields
    .filter(({ input }) => input.value.trim())
    .map(({ name, input }) => `${quoted(name)}=${quoted(input.value)}`)
    .join(", ");
}
