// A GIF of frames that lie one below the other in a PNG: `node animate.js <strip.png> <frames> <out.gif>`.
import sharp from 'sharp';

const [strip, frames, out] = process.argv.slice(2);
const { data, info } = await sharp(strip).raw().toBuffer({ resolveWithObject: true });
const { width, height, channels } = info;
await sharp(data, { raw: { width, height, channels, pageHeight: height / frames } })
  .gif({ delay: Array(Number(frames)).fill(80), loop: 0 })
  .toFile(out);
