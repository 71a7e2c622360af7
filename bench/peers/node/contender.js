// sharp as a contender: the same lines in and out as bench/contender describes.
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import sharp from 'sharp';

// One thread a picture, as sharp does by default on glibc, and nothing remembered between pictures.
sharp.concurrency(1);
sharp.cache(false);

const sources = new Map();

async function source(path) {
  if (!sources.has(path)) sources.set(path, await readFile(path));
  return sources.get(path);
}

function encode(image, { format, quality }) {
  switch (format) {
    case 'jpeg':
      return image.jpeg({ quality, chromaSubsampling: '4:2:0', optimiseCoding: true, progressive: false });
    case 'png':
      return image.png();
    case 'webp':
      return image.webp({ quality, effort: 4 });
    case 'avif':
      // sharp hands libaom the speed 9 - effort: this is speed 8.
      return image.avif({ quality, effort: 1, chromaSubsampling: '4:2:0' });
    default:
      throw new Error(`no such format: ${format}`);
  }
}

function render(bytes, task) {
  // All frames, where there may be more than one.
  const animated = bytes.subarray(0, 4).toString('latin1') === 'GIF8';
  let image = sharp(bytes, { animated }).autoOrient();
  if (task.width !== null || task.height !== null) {
    image = image.resize({
      width: task.width ?? undefined,
      height: task.height ?? undefined,
      fit: 'inside',
      withoutEnlargement: true,
    });
  }
  return encode(image, task).toBuffer();
}

async function measure({ source: path, task, renders, at_once: atOnce, save }) {
  const bytes = await source(path);
  // Only to be read.
  if (renders === 0) return { wall_ms: 0, cpu_ms: 0, bytes: bytes.length };
  let left = renders;
  let result;
  const drain = async () => {
    while (left > 0) {
      left -= 1;
      result = await render(bytes, task);
    }
  };
  const cpu = process.cpuUsage();
  const started = performance.now();
  await Promise.all(Array.from({ length: atOnce }, drain));
  const wallMs = performance.now() - started;
  const used = process.cpuUsage(cpu);
  if (save) await writeFile(save, result);
  return { wall_ms: wallMs, cpu_ms: (used.user + used.system) / 1000, bytes: result.length };
}

const { versions } = sharp;
const about =
  `sharp ${versions.sharp} on Node ${process.versions.node}: libvips ${versions.vips}, mozjpeg ${versions.mozjpeg}, ` +
  `libwebp ${versions.webp}, libheif ${versions.heif}, aom ${versions.aom}`;
process.stdout.write(`${JSON.stringify(about)}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { measured: await measure(JSON.parse(line)) };
  } catch (error) {
    answer = { refused: String(error.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
