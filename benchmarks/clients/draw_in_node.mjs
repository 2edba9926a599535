// node draw_in_node.mjs BUNDLE
import { readFileSync } from "node:fs";

import ort from "onnxruntime-node";

import { draw } from "./draw.mjs";

const folder = process.argv[2];
const read = async (file, asText) => readFileSync(`${folder}/${file}`, asText ? "utf-8" : undefined);
const drawn = await draw(ort, read, ["cpu"]);
console.log(JSON.stringify({ version: ort.env.versions.node, ...drawn }));
