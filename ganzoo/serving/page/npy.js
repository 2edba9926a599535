// Arrays in numpy's own format, version 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

const MAGIC = "\x93NUMPY\x01\x00";
const ALIGNMENT = 64; // bytes that data begin at a multiple of
const TYPES = { "|u1": Uint8Array, "<f4": Float32Array }; // little-endian, as every browser's machine is

/** The file of a Uint8Array or Float32Array, as bytes. */
export function writeNpy(data, shape) {
  const type = data instanceof Uint8Array ? "|u1" : "<f4";
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const words = `{'descr': '${type}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const start = MAGIC.length + 2;
  const header = words.padEnd(Math.ceil((start + words.length + 1) / ALIGNMENT) * ALIGNMENT - start - 1) + "\n";
  const bytes = new Uint8Array(start + header.length + data.byteLength);
  const put = (text, at) => [...text].forEach((letter, i) => (bytes[at + i] = letter.charCodeAt(0)));
  put(MAGIC, 0);
  new DataView(bytes.buffer).setUint16(MAGIC.length, header.length, true);
  put(header, start);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start + header.length);
  return bytes;
}

/** { data, shape } of a file in an ArrayBuffer; throws for a type that neither pictures nor points have. */
export function readNpy(buffer) {
  const start = MAGIC.length + 2;
  const length = new DataView(buffer).getUint16(MAGIC.length, true);
  const header = String.fromCharCode(...new Uint8Array(buffer, start, length));
  const type = TYPES[/'descr': '([^']*)'/.exec(header)?.[1]];
  if (!type) throw new Error("The server's answer is no array that this page can read; reload the page.");
  const shape = /'shape': \(([^)]*)\)/
    .exec(header)[1]
    .split(",")
    .filter((size) => size.trim())
    .map(Number);
  return { data: new type(buffer.slice(start + length)), shape };
}
