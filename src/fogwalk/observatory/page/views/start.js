import { addressWith } from "../address.js";
import { spark } from "../curve.js";
import { make } from "../make.js";
import { number } from "../words.js";

export const start = {
  id: "start",
  title: "Start",
  question: "What can I do, and what did I train?",
  needs: [],

  async draw(place, { list }) {
    const cards = list.runs.map((run) => card(run));
    place.append(
      make("h1", {}, this.question),
      cards.length ? make("ul", { class: "cards" }, cards) : make("p", { class: "trouble" }, `There is no run in ${list.folder} yet.`),
      make("h2", {}, "Train one"),
      make("p", {}, "In a terminal, in that folder. The page shows a run as soon as it begins."),
      make("pre", {}, "fogwalk demo                     # about 90 seconds, needs no data\nfogwalk train book.txt           # your text\nfogwalk train table.csv --target COLUMN\nfogwalk train photos/            # one folder for each class\nfogwalk train sample:moons       # two columns, two classes: the smallest there is"),
      make("p", { class: "quiet" }, `This page reads ${list.folder}.`),
    );
  },
};

function card(run) {
  const what = run.wrong ? "damaged" : `${run.task} from ${run.data.join(", ")}`;
  const best = run.best === null ? "" : `, best validation loss ${number(run.best)}`;
  return make("li", {}, make("a", { class: "card", href: addressWith({ run: run.name, view: "live" }, {}) },
    make("strong", {}, run.name), make("span", { class: "quiet" }, what), spark(run.spark),
    make("span", {}, run.wrong ? run.wrong.split("\n")[0] : `${run.state}, step ${run.step ?? 0} of ${run.steps ?? "?"}${best}`)));
}
