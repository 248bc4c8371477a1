/* A picture of the user's own, made to fit the network as medtutor.explorers.own_image does it: on white where it is
 * transparent, grey where the network takes one channel, cut to its middle, resized as Pillow does. It stays here.
 *
 * What differs: the browser decodes the file, so the last bit of a JPEG may, and of a picture with 16 bits the upper 8
 * are seen. */

const MOST_BYTES = 64 * 2 ** 20, MOST_PIXELS = 40e6;

/** {image: bytes (C, H, W), said} of a file. Throws an Error with a sentence for what is no picture. */
async function ownPicture(file, facts) {
  const name = file.name || 'The picture';
  if (!file.size) throw new Error(`${name} is empty; give a PNG or JPEG file.`);
  if (file.size > MOST_BYTES) throw new Error(`${name} holds more than ${MOST_BYTES / 2 ** 20} MB; give a smaller picture.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {colorSpaceConversion: 'none'});
  } catch {
    throw new Error(`${name} cannot be read as a picture; give a PNG or JPEG file (medtutor's explorers also read DICOM and NIfTI).`);
  }
  const {width, height} = bitmap;
  if (width * height > MOST_PIXELS) throw new Error(`${name} has ${width} x ${height} pixels; give a smaller picture, of at most ${MOST_PIXELS / 1e6} million.`);
  const canvas = document.createElement('canvas');
  Object.assign(canvas, {width, height});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const {planes, done} = planesOf(context.getImageData(0, 0, width, height).data, facts.channels);
  const image = new Uint8Array(facts.channels * facts.height * facts.width);
  planes.forEach((plane, c) => image.set(fit(plane, width, height, facts), c * facts.height * facts.width));
  if (width * facts.height !== height * facts.width) done.push('cut to its middle');
  if (width !== facts.width || height !== facts.height) done.push(`resized to ${facts.width} x ${facts.height}`);
  return {image, said: `${name} (${width} x ${height} pixels) was ${done.join(', ') || 'taken as it is'}. It has no label.`};
}

/** RGBA as planes: one of grey (Pillow's weights), or three; what is transparent on white. */
function planesOf(rgba, channels) {
  const size = rgba.length / 4, planes = Array.from({length: channels}, () => new Uint8Array(size)), on = new Uint8Array(3);
  let clear = false, colour = false;
  for (let i = 0; i < size; i++) {
    const alpha = rgba[4 * i + 3];
    for (let c = 0; c < 3; c++) on[c] = Math.round((rgba[4 * i + c] * alpha + 255 * (255 - alpha)) / 255);
    clear ||= alpha < 255;
    colour ||= on[0] !== on[1] || on[1] !== on[2];
    if (channels === 1) planes[0][i] = (on[0] * 19595 + on[1] * 38470 + on[2] * 7471 + 0x8000) >> 16;
    else for (let c = 0; c < 3; c++) planes[c][i] = on[c];
  }
  return {planes, done: [...(clear ? ['put on white where it is transparent'] : []), ...(colour && channels === 1 ? ['converted to grey'] : [])]};
}

/** Cut to the proportions of the network's images around the middle, and resized, bicubic: PIL.ImageOps.fit. */
function fit(plane, width, height, facts) {
  const ratio = facts.width / facts.height, wide = width / height;
  const across = wide > ratio ? ratio * height : width, down = wide < ratio ? width / ratio : height;
  const box = (side, part) => [Math.fround((side - part) / 2), Math.fround((side - part) / 2 + part)];
  const columns = taps(width, box(width, across), facts.width), rows = taps(height, box(height, down), facts.height);
  const narrow = weighed(columns, height, (row, at) => plane[row * width + at]);  // (columns, rows)
  return weighed(rows, facts.width, (column, at) => narrow[column * height + at], (column, row) => row * facts.width + column);
}

/** Of each place of a side that is made: the first pixel that counts, and the weights from there on, in 2^22ths. */
function taps(side, [from, to], made) {
  const scale = (to - from) / made, wide = Math.max(scale, 1), a = -0.5;
  const cubic = x => x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  return Array.from({length: made}, (_, place) => {
    const centre = from + (place + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - 2 * wide + 0.5), 0), last = Math.min(Math.trunc(centre + 2 * wide + 0.5), side);
    const weights = Array.from({length: last - first}, (_, i) => cubic(Math.abs((i + first - centre + 0.5) / wide)));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return {first, weights: weights.map(weight => Math.trunc(weight / sum * 2 ** 22 + Math.sign(weight) * 0.5))};
  });
}

function weighed(taps, lines, pixel, place = (line, made) => made * lines + line) {
  const found = new Uint8ClampedArray(taps.length * lines);
  taps.forEach(({first, weights}, made) => {
    for (let line = 0; line < lines; line++)
      found[place(line, made)] = Math.floor(weights.reduce((sum, weight, i) => sum + weight * pixel(line, first + i), 2 ** 21) / 2 ** 22);
  });
  return found;
}

/** How far features are from the nearest of those that are known, Euclidean. */
function nearest(features, known) {
  let least = Infinity;
  for (let start = 0; start < known.length; start += features.length) {
    let sum = 0;
    for (let k = 0; k < features.length && sum < least; k++) sum += (features[k] - known[start + k]) ** 2;
    least = Math.min(least, sum);
  }
  return Math.sqrt(least);
}
