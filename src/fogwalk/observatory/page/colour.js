// Colours of magnitude: viridis, whose lightness grows evenly, so that it reads without hue too (van der Walt and Smith 2015).

const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];

/** Of a share from 0 to 1. */
export function viridis(share) {
  const place = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1), at = Math.min(VIRIDIS.length - 2, Math.floor(place)), rest = place - at;
  const mixed = VIRIDIS[at].map((value, each) => Math.round(value + rest * (VIRIDIS[at + 1][each] - value)));
  return `rgb(${mixed.join(",")})`;
}
