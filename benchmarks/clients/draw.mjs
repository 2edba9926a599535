// Draw a bundle's self-test with any onnxruntime for JavaScript.

// `read` gives a file of the bundle: text where it is asked for, and otherwise what `create` takes.
export async function draw(ort, read, providers) {
  const text = await read("manifest.json", true);
  const manifest = JSON.parse(text);
  const seeds = seedsOf(text);
  const seeder = await ort.InferenceSession.create(await read("latents.onnx"), { executionProviders: ["cpu"] });
  const { latents } = await seeder.run({ seed: new ort.Tensor("int64", seeds, [seeds.length]) });
  const inputs = { latents };
  if (manifest.conditional) {
    const labels = labelsOf(seeds, BigInt(manifest.sample.num_classes));
    inputs.label = new ort.Tensor("int64", labels, [labels.length]);
  }
  if (manifest.truncation === "input") inputs.truncation = new ort.Tensor("float32", [1], []);
  const generator = await ort.InferenceSession.create(await read("generator.onnx"), { executionProviders: providers });
  const outputs = await generator.run(inputs);
  return { latents: bytesOf(latents), samples: bytesOf(outputs.images ?? outputs.samples) };
}

// JSON.parse would round numbers beyond 2^53.
function seedsOf(text) {
  const [, list] = text.match(/"seeds":\s*\[([^\]]*)\]/);
  return BigInt64Array.from(list.split(","), BigInt);
}

// The remainder of a negative seed is made positive.
function labelsOf(seeds, classes) {
  return seeds.map((seed) => ((seed % classes) + classes) % classes);
}

function bytesOf(tensor) {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return [...new Uint8Array(buffer, byteOffset, byteLength)];
}
