import { addressWith } from "../address.js";
import { spark } from "../curve.js";
import { make } from "../make.js";
import { listed, recording } from "../recorded.js";
import { train } from "../train.js";
import { number, standing } from "../words.js";

const WAYS = [
  ["A demonstration", "A transformer learns English from the texts that Python carries: about 90 seconds, and no data of your own.", ["fogwalk demo"]],
  ["Your own file", "A text, a table with a column to predict, or a folder of images for each class.", ["fogwalk train book.txt", "fogwalk train table.csv --target COLUMN", "fogwalk train photos/"]],
  ["A sample", "Small and quick: two half moons that a plain network must part, or handwritten digits.", ["fogwalk train sample:moons", "fogwalk train sample:digits"]],
];

export const start = {
  id: "start",
  title: "Start",
  question: "What can I do, and what did I train?",
  needs: [],

  async draw(place, { list }) {
    if (recording) return sent(place, list.runs[0], recording.held);
    const own = list.runs.filter((run) => !run.recorded), carried = list.runs.filter((run) => run.recorded);
    const form = await train().catch((error) => make("p", { class: "trouble" }, error.message));
    place.append(
      make("h1", {}, this.question),
      make("section", { id: "train" }, make("h2", {}, "Train one"), form),
      make("section", {}, make("h2", {}, "Your runs"),
        own.length ? make("ul", { class: "cards" }, own.map(card)) : make("p", {}, `There is none in ${list.folder} yet. Below are runs to look at meanwhile.`)),
      ...(carried.length ? [make("section", {}, make("h2", {}, "Runs that come along"), make("p", { class: "quiet" }, "Recorded when this Fogwalk was made; every step of them can be looked into."), make("ul", { class: "cards" }, carried.map(card)))] : []),
      make("section", {}, make("h2", {}, "In a terminal"),
        make("p", {}, `In the folder that holds ${list.folder}. The page shows a run as soon as it begins.`),
        make("ul", { class: "cards" }, WAYS.map(([title, words, lines]) => make("li", { class: "card way" }, make("strong", {}, title), make("span", { class: "quiet" }, words), make("pre", { tabindex: "0" }, lines.join("\n")))))),
      make("p", { class: "quiet" }, `This page reads ${list.folder}.`),
    );
  },
};

function card(run) {
  const ask = (view, title) => make("a", { href: addressWith({ run: run.name, view }, {}) }, title);
  if (run.wrong) return make("li", { class: "card" }, make("strong", {}, run.name), make("span", { class: "quiet" }, "damaged"), make("span", { class: "trouble" }, run.wrong), ...(run.recorded ? [] : [make("span", { class: "quiet" }, "It hides no other run. Mend what is said, or take it away: "), make("code", {}, `fogwalk remove ${run.name}`)]));
  const best = run.best === null ? "" : `, best validation loss ${number(run.best)}`;
  const steps = run.steps ? ` of ${run.steps.toLocaleString("en")}` : "";
  return make("li", { class: "card" },
    make("strong", {}, ask("live", run.name)), make("span", { class: "quiet", title: run.data.join(", ") }, `${run.task} from ${run.data.map((path) => path.split(/[\\/]/).at(-1)).join(", ")}`), drawn(run),
    make("span", {}, `${standing(run.state)}, step ${(run.step ?? 0).toLocaleString("en")}${steps}${best}`),
    run.shows ? make("p", {}, run.shows) : null,
    ...(run.remarks ?? []).map((words) => make("span", { class: "trouble" }, words)),
    make("span", { class: "ways" }, ask("step", "One step"), run.kind === "plain" ? ask("network", "Network") : run.kind === "transformer" ? ask("round", "Round table") : null, ask("answer", "Answer")));
}

function drawn(run) {
  const known = run.spark.filter((value) => value !== null);
  return known.length > 1 ? make("span", {}, spark(run.spark), make("span", { class: "quiet small" }, `loss ${number(known[0])} to ${number(known.at(-1))}`)) : make("span", { class: "quiet" }, "No curve yet.");
}

/** The first screen of a file: what it holds, and where to look. */
function sent(place, run, held) {
  const steps = held.steps.map((step) => make("li", {}, make("a", { href: addressWith({ run: run.name, view: "step", step }, {}) }, `step ${step.toLocaleString("en")}`)));
  place.append(
    make("h1", {}, `What is in this file: ${run.name}`),
    make("p", {}, `A recording of one run, made with Fogwalk on ${held.made}. Everything that is shown stands in this file; it asks nobody for anything.`),
    make("ul", { class: "cards" }, card(run)),
    make("h2", {}, "Steps that can be looked into"),
    make("p", {}, `${listed("step", held.steps).replace(/^s/, "S")} of ${held.of.toLocaleString("en")}, each with ${listed("row", held.rows)} of its batch.`),
    make("ul", { class: "instead" }, steps),
  );
  if (held.prompts.length) {
    place.append(make("h2", {}, "Answers"), make("ul", { class: "instead" }, held.prompts.map((prompt) => make("li", {}, make("a", { href: addressWith({ run: run.name, view: "answer", prompt }, {}) }, prompt)))));
  }
  place.append(make("h2", {}, "See the rest, or train your own"), make("p", {}, "Fogwalk is a program for Python that trains networks on your own data and shows every step, on your machine. Once it is installed:"), make("pre", { tabindex: "0" }, "fogwalk demo\nfogwalk observe"));
}
