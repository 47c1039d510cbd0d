// Colours. Of magnitude: viridis, whose lightness grows evenly, so that it reads without hue too (van der Walt and Smith 2015).
// Of sign: orange below, blue above, pale between (Okabe and Ito 2008).

const VIRIDIS = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];
const SIGNED = [
  [230, 159, 0],
  [246, 224, 178],
  [247, 247, 247],
  [166, 206, 229],
  [0, 114, 178],
];
/** Of classes, by their number; shapes tell them apart too. */
export const CLASSES = [
  [0, 114, 178],
  [230, 159, 0],
  [0, 158, 115],
  [204, 121, 167],
  [86, 180, 233],
  [213, 94, 0],
  [240, 228, 66],
  [90, 90, 90],
];

function mixed(colours, share) {
  const place = Math.min(1, Math.max(0, share)) * (colours.length - 1),
    at = Math.min(colours.length - 2, Math.floor(place)),
    rest = place - at;
  return colours[at].map((value, each) => Math.round(value + rest * (colours[at + 1][each] - value)));
}

export const rgb = (parts) => `rgb(${parts.join(",")})`;

/** Of a share from 0 to 1, as [red, green, blue] and as CSS has it. */
export const viridisOf = (share) => mixed(VIRIDIS, share);
export const viridis = (share) => rgb(viridisOf(share));

/** Of a share from -1 to 1, as [red, green, blue]. */
export const signed = (share) => mixed(SIGNED, (Math.max(-1, Math.min(1, share)) + 1) / 2);

/** Of a class, the paler the less sure, as [red, green, blue]. */
export const ofClass = (number, sure) =>
  CLASSES[number % CLASSES.length].map((value) => Math.round(247 + (value - 247) * sure));
