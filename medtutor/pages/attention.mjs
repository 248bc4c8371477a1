/* Where the tokens of a transformer look, as medtutor.explanation.attention has it: by block and head, from one patch or
 * for the answer, and multiplied through the blocks. Pages of other networks have no such part.
 */

const ATTENTION = FACTS.attention;
const LOOKS = {block: 0, head: -1, answer: true, row: 0, column: 0, upto: ATTENTION?.blocks ?? 0, weights: null, of: '', rollouts: null};
const tokensOf = () => ATTENTION.grid[0] * ATTENTION.grid[1] + ATTENTION.class_token;

/** The mean over heads of one block, or one head of it: (N, N). */
function looksOf(weights, block, head) {
  const size = tokensOf() ** 2, {heads} = ATTENTION, start = block * heads * size;
  if (head >= 0) return weights.subarray(start + head * size, start + (head + 1) * size);
  return Float32Array.from({length: size}, (_, i) => {
    let sum = 0;
    for (let h = 0; h < heads; h++) sum += weights[start + h * size + i];
    return sum / heads;
  });
}

/** What a query looks at: a map of the grid; `query` is the number of a patch, or null for the answer. */
function rowOf(matrix, query) {
  const count = tokensOf(), first = Number(ATTENTION.class_token), patches = count - first;
  return Float32Array.from({length: patches}, (_, i) => {
    if (query !== null) return matrix[(query + first) * count + first + i];
    if (first) return matrix[first + i];
    let sum = 0;
    for (let row = 0; row < count; row++) sum += matrix[row * count + i];
    return sum / count;
  });
}

/** Attention multiplied through the first blocks, half of it "stays where it is": (N, N). */
function rolledOut(weights, upto) {
  const count = tokensOf();
  let through = null;
  for (let block = 0; block < upto; block++) {
    const step = looksOf(weights, block, -1).map((value, i) => (value + (i % (count + 1) === 0)) / 2);
    if (!through) through = step;
    else {
      const found = new Float32Array(count * count);
      for (let i = 0; i < count; i++)
        for (let k = 0; k < count; k++)
          for (let j = 0, share = step[i * count + k]; j < count; j++) found[i * count + j] += share * through[k * count + j];
      through = found;
    }
  }
  return through;
}

/** A map of the grid as pixels, each patch one value. */
function asPixels(grid) {
  const [rows, columns] = ATTENTION.grid, [tall, wide] = ATTENTION.covers, {height, width} = FACTS;
  return Float32Array.from({length: height * width}, (_, i) => grid[Math.floor(Math.floor(i / width) * rows / tall) * columns + Math.floor(i % width * columns / wide)]);
}

async function weightsFor(net, x) {
  const session = await net.open('attention'), {channels, height, width} = FACTS;
  return (await session.run({x: new net.ort.Tensor('float32', x, [1, channels, height, width])})).attention.data;
}

/** The attention of the trained network to what is shown, once. */
async function attend(net, x, key) {
  if (!ATTENTION || LOOKS.of === key) return;
  const start = performance.now();
  LOOKS.weights = await weightsFor(net, x);
  Object.assign(LOOKS, {of: key, milliseconds: performance.now() - start});
}

const queryOf = () => LOOKS.answer ? null : LOOKS.row * ATTENTION.grid[1] + LOOKS.column;

/** Both maps over the image; `index` of a case where nothing is changed, to fall back on what was computed beforehand. */
function paintAttention(image, key, index, words, phantom) {
  if (!ATTENTION) return;
  const live = LOOKS.of === key && LOOKS.weights, query = queryOf(), [rows, columns] = ATTENTION.grid, size = rows * columns;
  const looks = live ? rowOf(looksOf(live, LOOKS.block, LOOKS.head), query) : null;
  const usual = query === null && LOOKS.upto === ATTENTION.blocks && index !== null && LOOKS.rollouts;
  const rolled = live ? rowOf(rolledOut(live, LOOKS.upto), query) : usual ? LOOKS.rollouts.subarray(index * size, (index + 1) * size) : null;
  const from = query === null ? 'the answer' : `the patch in row ${LOOKS.row + 1}, column ${LOOKS.column + 1}`;
  const head = LOOKS.head < 0 ? 'the mean of all heads' : `head ${LOOKS.head + 1}`;
  for (const [id, map, what] of [['looks', looks, `block ${LOOKS.block + 1}, ${head}`], ['rolled', rolled, `rollout through ${LOOKS.upto} blocks`]]) {
    const pixels = map && asPixels(map);
    paintUnder($(id), image, pixels, query);
    $(id).setAttribute('aria-label', `${phantom}attention from ${from}, ${what}, ${words}. ${pixels ? whereStrong(pixels, FACTS) : 'Not computed yet.'}`);
    const share = map ? `, largest ${Math.max(...map).toFixed(3)}, even ${(1 / map.length).toFixed(3)}` : '';
    $(`${id}-how`).textContent = (live ? `live, ${LOOKS.milliseconds.toFixed(0)} ms` : map ? 'computed beforehand' : 'needs the network') + share;
  }
  $('looks-name').textContent = `block ${LOOKS.block + 1}, ${head}`;
}

/** An image in grey, and what is looked at in orange; the patch that looks has a white corner. */
function paintUnder(canvas, image, map, query) {
  const {height, width, channels} = FACTS, size = height * width, limit = map ? limitOf(map) : 1, data = new ImageData(width, height);
  const [rows, columns] = ATTENTION.grid, [tall, wide] = ATTENTION.covers;
  for (let i = 0; i < size; i++) {
    const alpha = map ? 0.8 * Math.max(0, Math.min(1, map[i] / limit)) : 0;
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = image[(channels === 3 ? c : 0) * size + i] * (1 - alpha) + FOR[c] * alpha + 0.5;
    data.data[4 * i + 3] = 255;
  }
  if (query !== null) {
    const at = Math.ceil(LOOKS.row * tall / rows) * width + Math.ceil(LOOKS.column * wide / columns);
    data.data.set([255, 255, 255, 255], 4 * at);
  }
  canvas.getContext('2d').putImageData(data, 0, 0);
}

function drawAttention(repaint) {
  $('attention-part').hidden = !ATTENTION;
  if (!ATTENTION) return;
  const {blocks, heads, grid: [rows, columns]} = ATTENTION, set = name => value => { LOOKS[name] = Number(value); repaint(); };
  for (const id of ['looks', 'rolled']) Object.assign($(id), {width: FACTS.width, height: FACTS.height});
  const place = name => value => { LOOKS[name] = value - 1; LOOKS.answer = false; $('query').value = 'patch'; repaint(); };
  $('looking').replaceChildren(
    select('query', 'What looks', [['answer', ATTENTION.class_token ? 'the class token, for the answer' : 'all tokens, for the answer'], ['patch', 'one patch']], 'answer', value => { LOOKS.answer = value === 'answer'; repaint(); }),
    slider('query-row', 'Row of the patch', {low: 1, high: rows, step: 1}, 1, place('row')),
    slider('query-column', 'Column of the patch', {low: 1, high: columns, step: 1}, 1, place('column')),
    select('block', 'Block', Array.from({length: blocks}, (_, i) => [i, i + 1]), 0, set('block')),
    select('head', 'Head', [[-1, 'the mean of all'], ...Array.from({length: heads}, (_, i) => [i, i + 1])], -1, set('head')),
    slider('upto', 'Rollout through blocks', {low: 1, high: blocks, step: 1}, blocks, set('upto')));
}
