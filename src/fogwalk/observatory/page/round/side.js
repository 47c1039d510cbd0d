// One head at one step: its circle and its matrix, with the same listener and speaker.

import { make } from "../make.js";
import { circle } from "./circle.js";
import { matrix } from "./matrix.js";

/** `pick` is told (listener, speaker or null). */
export function side(pick) {
  const title = make("h3", {}), seats = circle(pick), squares = matrix(pick, "who listens to whom, as a matrix");
  const long = make("p", { class: "quiet" });
  function show(heading, data) {
    title.textContent = heading;
    squares.show(data);
    const whole = data.block === 1;
    seats.place.hidden = !whole;
    long.textContent = whole
      ? ""
      : "A text this long has no circle: the row of the listener is marked in the matrix, and its numbers stand below.";
    if (whole) seats.show(data);
  }
  return {
    place: make("section", { class: "side" }, title, make("div", { class: "drawn" }, seats.place, squares.place), long),
    show,
  };
}
