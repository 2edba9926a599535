// Pictures uint8 [N, H, W, C] on canvases. A model's shape is [C, H, W].

const CRISP_BELOW = 128; // pixels; the pixels of smaller pictures are shown as squares
const GAP = 2; // pixels between the pictures of a saved grid, of which each has at least…
const SMALLEST = 48; // …so many on its smaller side: what `ganzoo sample` writes

/** A canvas for one picture of the model. */
export function pictureCanvas({ shape: [, height, width] }) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  canvas.classList.toggle("crisp", Math.min(width, height) < CRISP_BELOW);
  return canvas;
}

/** Picture number `index`, pixel for pixel. */
export function paint(canvas, { shape }, data, index) {
  canvas.getContext("2d").putImageData(toImageData(shape, data, index), 0, 0);
}

/** Grey or RGB as canvases want it: two channels become red and green, of many the first three are shown. */
export function toImageData([channels, height, width], data, index) {
  const image = new ImageData(width, height);
  const start = index * height * width * channels;
  const from = channels === 1 ? [0, 0, 0] : channels === 2 ? [0, 1, -1] : [0, 1, 2];
  for (let pixel = 0; pixel < height * width; pixel++) {
    const source = start + pixel * channels;
    for (let colour = 0; colour < 3; colour++)
      image.data[4 * pixel + colour] = from[colour] < 0 ? 0 : data[source + from[colour]];
    image.data[4 * pixel + 3] = 255;
  }
  return image;
}

/** All pictures in one, as square as possible: the grid that `ganzoo sample` writes. */
export function gridCanvas(model, { count, data }) {
  const [, height, width] = model.shape;
  const factor = Math.max(1, Math.ceil(SMALLEST / Math.min(height, width)));
  const columns = Math.ceil(Math.sqrt(count));
  const [right, down] = [width * factor + GAP, height * factor + GAP];
  const grid = document.createElement("canvas");
  Object.assign(grid, { width: columns * right + GAP, height: Math.ceil(count / columns) * down + GAP });
  const context = grid.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, grid.width, grid.height);
  context.imageSmoothingEnabled = false;
  const one = pictureCanvas(model);
  for (let index = 0; index < count; index++) {
    paint(one, model, data, index);
    const [left, top] = [GAP + (index % columns) * right, GAP + Math.floor(index / columns) * down];
    context.drawImage(one, left, top, width * factor, height * factor);
  }
  return grid;
}
