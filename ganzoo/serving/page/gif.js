// GIF89a, https://www.w3.org/Graphics/GIF/spec-gif89a.txt: pictures that move, with 256 greys or a cube of colours.

const LEVELS = [6, 7, 6]; // of red, green and blue, 252 colours in all: the eye tells greens apart best
const CODE_BITS = 8; // of a palette's index
const CLEAR = 1 << CODE_BITS; // tells the reader to forget its table
const END = CLEAR + 1;
const MOST_CODES = 4096;

/** The file of frames, each RGBA of width × height, `delay` hundredths of a second apart; it repeats forever. */
export function writeGif(frames, width, height, delay) {
  const isGrey = frames.every((frame) => onlyGrey(frame));
  const bytes = [..."GIF89a"].map((letter) => letter.charCodeAt(0));
  bytes.push(...word(width), ...word(height), 0xf7, 0, 0, ...palette(isGrey)); // 0xf7: a table of 256 colours follows
  bytes.push(0x21, 0xff, 11, ...[..."NETSCAPE2.0"].map((letter) => letter.charCodeAt(0)), 3, 1, 0, 0, 0);
  const parts = [Uint8Array.from(bytes)];
  const known = new Map(); // a film that goes back shows frames again: each is compressed once
  for (const frame of frames) {
    if (!known.has(frame)) known.set(frame, blocks(compress(indices(frame, isGrey))));
    const head = [
      0x21,
      0xf9,
      4,
      0,
      ...word(delay),
      0,
      0,
      0x2c,
      0,
      0,
      0,
      0,
      ...word(width),
      ...word(height),
      0,
      CODE_BITS,
    ];
    parts.push(Uint8Array.from(head), known.get(frame));
  }
  parts.push(Uint8Array.of(0x3b));
  return new Blob(parts, { type: "image/gif" });
}

const word = (number) => [number & 255, number >> 8];

function onlyGrey(frame) {
  for (let at = 0; at < frame.length; at += 4) {
    if (frame[at] !== frame[at + 1] || frame[at] !== frame[at + 2]) return false;
  }
  return true;
}

function palette(isGrey) {
  if (isGrey) return Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3));
  const [reds, greens, blues] = LEVELS;
  const colours = Array.from({ length: reds * greens * blues }, (_, i) => [
    Math.round((255 * Math.floor(i / (greens * blues))) / (reds - 1)),
    Math.round((255 * (Math.floor(i / blues) % greens)) / (greens - 1)),
    Math.round((255 * (i % blues)) / (blues - 1)),
  ]).flat();
  return colours.concat(Array(3 * 256 - colours.length).fill(0));
}

function indices(frame, isGrey) {
  const [reds, greens, blues] = LEVELS.map((levels) => (levels - 1) / 255);
  return Uint8Array.from({ length: frame.length / 4 }, (_, pixel) => {
    const [red, green, blue] = [frame[4 * pixel], frame[4 * pixel + 1], frame[4 * pixel + 2]];
    if (isGrey) return red;
    return (Math.round(red * reds) * LEVELS[1] + Math.round(green * greens)) * LEVELS[2] + Math.round(blue * blues);
  });
}

/** LZW as GIF has it (appendix F): codes of growing width, lowest bit first. */
export function compress(pixels) {
  const out = new Bits();
  let table = new Map(); // code of a prefix × 256 + the next index → code of both
  let width = CODE_BITS + 1;
  let next = END + 1;
  out.put(CLEAR, width);
  let prefix = pixels[0];
  for (const pixel of pixels.subarray(1)) {
    const known = table.get(prefix * 256 + pixel);
    if (known !== undefined) {
      prefix = known;
      continue;
    }
    out.put(prefix, width);
    if (next < MOST_CODES) {
      if (next === 1 << width) width++; // the reader's table is one entry behind ours
      table.set(prefix * 256 + pixel, next++);
    } else {
      out.put(CLEAR, width);
      [table, width, next] = [new Map(), CODE_BITS + 1, END + 1];
    }
    prefix = pixel;
  }
  out.put(prefix, width);
  // The reader's table grows with this code too, and its width where that fills it.
  out.put(END, next === 1 << width && next < MOST_CODES ? width + 1 : width);
  return out.bytes();
}

class Bits {
  #bytes = [];
  #waiting = 0;
  #count = 0;

  put(code, width) {
    this.#waiting |= code << this.#count;
    for (this.#count += width; this.#count >= 8; this.#count -= 8) {
      this.#bytes.push(this.#waiting & 255);
      this.#waiting >>>= 8;
    }
  }

  bytes() {
    if (this.#count) this.#bytes.push(this.#waiting & 255);
    return Uint8Array.from(this.#bytes);
  }
}

// A frame's data are cut into blocks of at most 255 bytes, each after its length; an empty one ends them.
function blocks(data) {
  const out = new Uint8Array(data.length + Math.ceil(data.length / 255) + 1);
  let at = 0;
  for (let from = 0; from < data.length; from += 255) {
    const part = data.subarray(from, from + 255);
    out[at++] = part.length;
    out.set(part, at);
    at += part.length;
  }
  return out;
}
