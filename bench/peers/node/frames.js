// All frames of a picture, one below the other in a PNG, and a line of JSON about them: `node frames.js <in> <out.png>`.
import sharp from 'sharp';

const [picture, strip] = process.argv.slice(2);
const { pages = 1, pageHeight, height, delay = [] } = await sharp(picture, { animated: true }).metadata();
await sharp(picture, { animated: true }).ensureAlpha().png({ compressionLevel: 1 }).toFile(strip);
process.stdout.write(`${JSON.stringify({ frames: pages, height: pageHeight ?? height, delays: delay })}\n`);
