// The way from one latent to another. Shoemake (1985), "Animating rotation with quaternion curves": spherical
// interpolation; for latents of a GAN, White (2016), arXiv:1609.04468, section 2.1.

export const FRAMES_BETWEEN = 24; // from one kept picture to the next

/** The latent at `t` in [0, 1] between two, Float32Arrays of Z; codes go their own way, as `model.latents` says. */
export function between(first, last, t, { categories, continuous, walk }) {
  const nearer = t < 0.5 ? first : last;
  const choices = categories.reduce((total, values) => total + values, 0);
  const codes = choices + continuous;
  return Float32Array.from([
    ...nearer.subarray(0, choices), // half a category is none
    ...line(first.subarray(choices, codes), last.subarray(choices, codes), t),
    ...(walk === "sphere" ? sphere : line)(first.subarray(codes), last.subarray(codes), t),
  ]);
}

const line = (first, last, t) => Array.from(first, (value, i) => (1 - t) * value + t * last[i]);

// A normal latent of many numbers lies near a sphere; a straight line would leave it, and lead past the mean.
function sphere(first, last, t) {
  const cosine = dot(first, last) / Math.sqrt(dot(first, first) * dot(last, last));
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  if (!(Math.sin(angle) > 1e-6)) return line(first, last, t); // no direction, or none that is shortest
  const share = Math.sin((1 - t) * angle) / Math.sin(angle);
  const other = Math.sin(t * angle) / Math.sin(angle);
  return Array.from(first, (value, i) => share * value + other * last[i]);
}

const dot = (a, b) => a.reduce((total, value, i) => total + value * b[i], 0);

/** Latents and labels of the frames from one end to the next, both ends included; an end is { latent, label }. */
export function segment(first, last, model) {
  const times = Array.from({ length: FRAMES_BETWEEN + 1 }, (_, i) => i / FRAMES_BETWEEN);
  return {
    latents: times.map((t) => between(first.latent, last.latent, t, model.latents)),
    labels: model.labels && times.map((t) => (t < 0.5 ? first.label : last.label)),
  };
}
