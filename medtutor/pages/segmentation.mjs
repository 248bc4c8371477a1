/* The page of a segmentation: the network's mask beside the expert's, and why it gives a region to a class.
 *
 * What was computed beforehand is painted at once: probabilities, and the map of the region that the network gives to
 * the class that has most of it. Then the network runs in the page: with a square covered, for other regions.
 */

const COLOURS = [[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115], [204, 121, 167]];  // Okabe and Ito
const RULES = {likeliest: 'the likeliest class', threshold: 'a threshold on the probability of one class'};
const REGIONS = {network: 'what the network gives to the class', expert: 'what the expert gives to it', square: 'the square around the pixel'};
const {height: HEIGHT, width: WIDTH, classes: CLASSES} = FACTS, SIZE = HEIGHT * WIDTH;

const PAGE = {images: null, experts: null, said: null, maps: null, net: null, live: new Map(), job: 0, failed: false};
const STATE = {
  case: FACTS.start, split: FACTS.cases[FACTS.start].split, rule: 'likeliest', looked: 1, threshold: 0.5, row: HEIGHT >> 1, column: WIDTH >> 1, covered: false,
  fill: 'mean', side: FACTS.side, method: FACTS.methods[0].name, region: 'network', target: '',
  options: Object.fromEntries(FACTS.methods.map(({name, options}) => [name, Object.fromEntries(options.map(o => [o.name, o.default]))])),
};

const part = (bytes, index, size) => bytes.subarray(index * size, (index + 1) * size);
const image = () => part(PAGE.images, STATE.case, FACTS.channels * SIZE);
const expert = () => part(PAGE.experts, STATE.case, SIZE);
const method = () => FACTS.methods.find(({name}) => name === STATE.method);
const chosen = () => FACTS.cases[STATE.case];
const nameOf = ({split, number, patient}) => `slice ${number} of the ${split} split${patient === null ? '' : `, patient ${patient}`}`;
const phantom = FACTS.phantom ? 'Phantom image: ' : '';
const colourOf = number => COLOURS[1 + (number - 1) % (COLOURS.length - 1)];

/** The first and last row and column of the square around the pixel, no longer in it. */
function square() {
  const {row, column, side} = STATE, from = (at, most) => Math.max(0, Math.min(at - (side >> 1), most - side));
  const top = from(row, HEIGHT), left = from(column, WIDTH);
  return {top, left, bottom: Math.min(top + side, HEIGHT), right: Math.min(left + side, WIDTH)};
}

const inSquare = ({top, left, bottom, right}) => i => Math.floor(i / WIDTH) >= top && Math.floor(i / WIDTH) < bottom && i % WIDTH >= left && i % WIDTH < right;

/** The image as the network sees it. */
function seen() {
  const x = floats(image());
  if (!STATE.covered) return x;
  const ground = BASELINES[STATE.fill](x, FACTS), within = inSquare(square());
  return x.map((value, i) => within(i % SIZE) ? ground[i] : value);
}

// --- masks -----------------------------------------------------------------------------------------------------------

const coverKey = () => JSON.stringify([STATE.case, STATE.covered && [square(), STATE.fill]]);

/** Probabilities (K, H, W): live, or from beforehand in 255ths. */
function probabilities() {
  const live = PAGE.live.get(coverKey());
  if (live) return live.probabilities;
  return Float32Array.from(part(PAGE.said, STATE.case, CLASSES.length * SIZE), value => value / 255);
}

/** Of logits (K, H, W), over the classes. */
function softmaxed(logits) {
  const found = new Float32Array(logits.length), count = CLASSES.length;
  for (let i = 0; i < SIZE; i++) {
    let most = -Infinity, total = 0;
    for (let k = 0; k < count; k++) most = Math.max(most, logits[k * SIZE + i]);
    for (let k = 0; k < count; k++) total += found[k * SIZE + i] = Math.exp(logits[k * SIZE + i] - most);
    for (let k = 0; k < count; k++) found[k * SIZE + i] /= total;
  }
  return found;
}

/** Class numbers (H, W), by the rule that is chosen. */
function maskOf(said) {
  return Uint8Array.from({length: SIZE}, (_, i) => {
    if (STATE.rule === 'threshold') return said[STATE.looked * SIZE + i] > STATE.threshold ? STATE.looked : 0;
    let first = 0;
    for (let k = 1; k < CLASSES.length; k++) if (said[k * SIZE + i] > said[first * SIZE + i]) first = k;
    return first;
  });
}

/** Dice of a class in two masks, 1 where both are empty: medtutor.metrics.segmentation.dice_of_each. */
function diceOf(found, wanted, number) {
  let both = 0, one = 0, other = 0;
  for (let i = 0; i < SIZE; i++) {
    one += found[i] === number;
    other += wanted[i] === number;
    both += found[i] === number && wanted[i] === number;
  }
  return {dice: one + other ? 2 * both / (one + other) : 1, found: one, wanted: other};
}

// --- pictures ----------------------------------------------------------------------------------------------------------

/** An image with colours over it: `over(i)` gives [r, g, b, opacity] or nothing. */
function paint(canvas, over = () => undefined, cursor = true) {
  const data = new ImageData(WIDTH, HEIGHT), bytes = toBytes(seen());
  for (let i = 0; i < SIZE; i++) {
    const [r, g, b, alpha] = over(i) ?? [0, 0, 0, 0];
    [r, g, b].forEach((colour, c) => { data.data[4 * i + c] = bytes[(FACTS.channels === 3 ? c : 0) * SIZE + i] * (1 - alpha) + colour * alpha + 0.5; });
    data.data[4 * i + 3] = 255;
  }
  const at = STATE.row * WIDTH + STATE.column;
  if (cursor) data.data.set([255, 255, 255, 255], 4 * at);
  canvas.getContext('2d').putImageData(data, 0, 0);
}

const masked = mask => i => mask[i] ? [...colourOf(mask[i]), 0.6] : undefined;
/** Whether a pixel of a region has a neighbour outside. */
const isEdge = region => i => region[i] && [[-1, 0], [1, 0], [0, -1], [0, 1]].some(([down, across]) => {
  const row = Math.floor(i / WIDTH) + down, column = i % WIDTH + across;
  return row < 0 || column < 0 || row >= HEIGHT || column >= WIDTH || !region[row * WIDTH + column];
});

/** The class that is explained: the one chosen, or the one that has most of the mask. */
function target(mask) {
  if (STATE.target !== '') return Number(STATE.target);
  const sizes = CLASSES.map((_, k) => k ? mask.reduce((sum, value) => sum + (value === k), 0) : 0);
  return sizes.some(Boolean) ? sizes.indexOf(Math.max(...sizes)) : 1;
}

/** What is asked: {class, region (bool H, W), count}. */
function question(said) {
  const mask = maskOf(said), number = target(mask), within = inSquare(square()), wanted = expert();
  const region = Uint8Array.from({length: SIZE}, (_, i) => STATE.region === 'square' ? within(i) : (STATE.region === 'expert' ? wanted : mask)[i] === number);
  return {number, region, count: region.reduce((sum, value) => sum + value, 0)};
}

const mapKey = asked => JSON.stringify([coverKey(), STATE.method, STATE.options[STATE.method], asked.number, Array.from(asked.region).join('')]);

/** The map from beforehand, where it is of what is asked. */
function beforehand(asked) {
  const usual = Object.fromEntries(method().options.map(option => [option.name, option.default]));
  const usually = !STATE.covered && STATE.region === 'network' && STATE.rule === 'likeliest' && asked.number === chosen().target;
  if (!usually || JSON.stringify(usual) !== JSON.stringify(STATE.options[STATE.method])) return null;
  return packedMap(STATE.method, STATE.case);
}

function packedMap(name, index) {
  const at = FACTS.methods.findIndex(each => each.name === name) * FACTS.cases.length + index, scale = FACTS.scales[at] / 127;
  return Float32Array.from(part(PAGE.maps, at, SIZE), value => value * scale);
}

function paintAll() {
  const said = probabilities(), mask = maskOf(said), wanted = expert(), live = PAGE.live.get(coverKey()), where = nameOf(chosen());
  const compared = STATE.rule === 'threshold' ? wanted.map(value => value === STATE.looked ? value : 0) : wanted;
  const covering = STATE.covered ? `, a square of ${STATE.side} pixels covered` : '';
  paint($('image'));
  $('image').setAttribute('aria-label', `${phantom}${where}${covering}. Pixel in row ${STATE.row + 1}, column ${STATE.column + 1}.`);
  paint($('expert'), masked(compared));
  paint($('mask'), masked(mask));
  const sizes = of => CLASSES.slice(1).map((name, k) => `${name} ${of.reduce((sum, value) => sum + (value === k + 1), 0)} pixels`).join(', ');
  $('expert').setAttribute('aria-label', `${phantom}mask of the expert, ${where}: ${sizes(compared)}.`);
  $('mask').setAttribute('aria-label', `${phantom}mask of the network, ${where}${covering}: ${sizes(mask)}.`);
  $('mask-how').textContent = live ? took(live.milliseconds) : 'computed beforehand';
  let more = 0, less = 0, other = 0;
  paint($('differ'), i => {
    if (mask[i] === compared[i]) return undefined;
    if (!compared[i]) { more++; return [213, 94, 0, 0.85]; }
    if (!mask[i]) { less++; return [0, 114, 178, 0.85]; }
    other++;
    return [204, 121, 167, 0.85];
  });
  $('differ').setAttribute('aria-label', `${phantom}disagreement, ${where}: ${more} pixels of the network only, ${less} of the expert only, ${other} of another class.`);
  paintMap(question(said));
  $('dice').replaceChildren(...CLASSES.map((name, k) => [name, k]).slice(1).filter(([, k]) => STATE.rule !== 'threshold' || k === STATE.looked).map(([name, k]) => {
    const {dice, found, wanted: has} = diceOf(mask, compared, k);
    return make('tr', {}, make('th', {scope: 'row'}, name), make('td', {}, make('b', {}, dice.toFixed(3))), make('td', {}, `${found}, ${has}`));
  }));
  drawPixel(said);
}

/** The region in white, and what speaks for its class. */
function paintMap(asked) {
  const live = PAGE.live.get(mapKey(asked)), map = live?.map ?? beforehand(asked), name = CLASSES[asked.number], limit = map && limitOf(map), edge = isEdge(asked.region);
  paint($('map'), i => {
    if (edge(i)) return [255, 255, 255, 0.8];
    const value = map ? Math.max(-1, Math.min(1, map[i] / limit)) : 0;
    return value < 0 ? [0, 114, 178, 0.8 * -value] : [213, 94, 0, 0.8 * value];
  }, false);
  const empty = asked.count ? '' : `no pixel is ${name} here: choose another region`;
  $('map-how').textContent = empty || (live ? took(live.milliseconds) : map ? 'computed beforehand' : PAGE.net ? 'computing …' : PAGE.failed ? 'needs WebAssembly' : 'waits for the runtime …');
  $('map').setAttribute('aria-label', `${phantom}${method().title} for ${name} over ${asked.count} pixels, ${nameOf(chosen())}. ${empty || (map ? whereStrong(map, FACTS) : '')}`);
  $('legend-map').textContent = method().signed ? `in the map: orange for ${name}, blue against it; the region in white` : `in the map: orange, what ${name} depends on; the region in white`;
}

function drawPixel(said) {
  const at = STATE.row * WIDTH + STATE.column;
  $('pixel-words').textContent = `The pixel in row ${STATE.row + 1}, column ${STATE.column + 1}`;
  $('pixel').replaceChildren(...CLASSES.map((name, k) => {
    const value = said[k * SIZE + at], bar = make('i');
    bar.style.width = `${100 * value}%`;
    return make('tr', {}, make('th', {scope: 'row'}, name), make('td', {}, make('span', {class: 'bar trained', 'aria-hidden': 'true'}, bar), make('b', {}, shown(value))), make('td', {}, expert()[at] === k ? '✓' : ''));
  }));
}

// --- live --------------------------------------------------------------------------------------------------------------

/** The network asked about a region: one score for each class, the mean logit over it, as METHODS of compute.mjs ask. */
class OfRegion {
  constructor(net, region) {
    Object.assign(this, {net, region, facts: FACTS, size: net.size, count: region.reduce((sum, value) => sum + value, 0)});
  }

  #means(logits) {
    return Float32Array.from(CLASSES, (_, k) => {
      let sum = 0;
      for (let i = 0; i < SIZE; i++) if (this.region[i]) sum += logits[k * SIZE + i];
      return sum / this.count;
    });
  }

  async gradients(count, fill, target, take) {
    const weights = new Float32Array(CLASSES.length * SIZE);
    for (let i = 0; i < SIZE; i++) weights[target * SIZE + i] = this.region[i] / this.count;
    await this.net.each('gradient', count, fill, {weights}, (i, {logits, gradient}) => take(i, {logits: this.#means(logits), gradient}));
  }

  logits(count, fill, take) { return this.net.each('forward', count, fill, {}, (i, {logits}) => take(i, {logits: this.#means(logits)})); }

  async answer(x) {
    let scores;
    await this.logits(1, (_, into) => into.set(x), (_, {logits}) => { scores = Array.from(logits); });
    return scores;
  }
}

async function predict(x) {
  const start = performance.now();
  let logits;
  await PAGE.net.each('forward', 1, (_, into) => into.set(x), {}, (_, found) => { logits = found.logits; });
  return {probabilities: softmaxed(logits), milliseconds: performance.now() - start};
}

async function compute(job) {
  const stopped = PAGE.net.stopped = () => job !== PAGE.job;
  if (stopped()) return;
  const x = seen(), key = coverKey();
  if (PAGE.live.size > 200) PAGE.live.clear();
  await PAGE.net.open('forward');
  if (!PAGE.live.has(key)) PAGE.live.set(key, await predict(x));
  paintAll();
  const asked = question(probabilities());
  if (asked.count && !PAGE.live.has(mapKey(asked))) {
    await PAGE.net.open('gradient');
    const start = performance.now(), map = await METHODS[STATE.method](new OfRegion(PAGE.net, asked.region), x, asked.number, STATE.options[STATE.method]);
    PAGE.live.set(mapKey(asked), {map, milliseconds: performance.now() - start});
    performance.mark('medtutor-live');
  }
  paintAll();
}

async function update() {
  const job = ++PAGE.job;
  paintAll();
  if (!PAGE.net) return;
  await attempt(() => compute(job), message => `The mask could not be computed here (${message}); load the page again.`);
}

// --- controls ----------------------------------------------------------------------------------------------------------

const set = (name, number = false) => value => { STATE[name] = number ? Number(value) : value; drawRule(); update(); };

function drawRule() {
  $('rule-class').disabled = $('threshold').disabled = STATE.rule !== 'threshold';
  $('region').disabled = $('target').disabled = !PAGE.net;
  for (const input of $('place').querySelectorAll('.cover input, .cover select')) input.disabled = !PAGE.net;
  for (const input of $('options').querySelectorAll('input, select')) input.disabled = !PAGE.net;
}

function drawControls() {
  const foreground = CLASSES.map((name, k) => [k, name]).slice(1);
  $('rule').replaceChildren(
    select('rule-kind', 'A pixel belongs to', Object.entries(RULES), STATE.rule, set('rule')),
    select('rule-class', 'Class', foreground, STATE.looked, set('looked', true)),
    slider('threshold', 'Threshold', {low: 0.01, high: 0.99, step: 0.01}, STATE.threshold, set('threshold')));
  $('place').replaceChildren(make('p', {class: 'note'}, 'Point at a picture, or move the sliders.'),
    slider('row', 'Row', {low: 1, high: HEIGHT, step: 1}, STATE.row + 1, value => { STATE.row = value - 1; moved(); }),
    slider('column', 'Column', {low: 1, high: WIDTH, step: 1}, STATE.column + 1, value => { STATE.column = value - 1; moved(); }),
    make('div', {class: 'cover'},
      make('label', {class: 'check'}, make('input', {type: 'checkbox', id: 'covered', change: event => set('covered')(event.target.checked)}), 'Cover a square around it, and watch the mask'),
      slider('side', 'Side of the square', {low: 1, high: Math.min(HEIGHT, WIDTH), step: 1}, STATE.side, set('side')),
      select('fill', 'Filled with', [['mean', 'grey, the mean'], ['blurred', 'blurred'], ['black', 'black']], STATE.fill, set('fill'))));
  $('choices').replaceChildren(
    select('method', 'Method', FACTS.methods.map(({name, title}) => [name, title]), STATE.method, value => { STATE.method = value; drawOptions(); update(); }),
    make('p', {id: 'computes', class: 'note'}), make('div', {id: 'options'}),
    select('region', 'Region', Object.entries(REGIONS), STATE.region, set('region')),
    select('target', 'Class that is explained', [['', 'the one that has most of the mask'], ...foreground], STATE.target, set('target')));
  $('legend-classes').replaceChildren(...foreground.map(([k, name]) => {
    const dot = make('i');
    dot.style.background = `rgb(${colourOf(k).join(' ')})`;
    return make('span', {}, dot, ` ${name} `);
  }));
  for (const id of ['image', 'expert', 'mask', 'differ', 'map']) {
    const point = event => {
      const box = event.currentTarget.getBoundingClientRect(), place = (at, length, most) => Math.max(0, Math.min(most - 1, Math.floor(at / length * most)));
      STATE.row = place(event.clientY - box.top, box.height, HEIGHT);
      STATE.column = place(event.clientX - box.left, box.width, WIDTH);
      for (const name of ['row', 'column']) {
        $(name).value = STATE[name] + 1;
        $(name).previousElementSibling.querySelector('output').textContent = STATE[name] + 1;
      }
      moved();
    };
    $(id).addEventListener('pointermove', point);
    $(id).addEventListener('pointerdown', point);
  }
  drawOptions();
}

/** The pixel has moved: what stands around it matters where the square does. */
function moved() {
  if (STATE.covered || STATE.region === 'square') update();
  else paintAll();
}

function drawOptions() {
  const {computes, paper, options} = method(), values = STATE.options[STATE.method];
  $('computes').replaceChildren(computes, make('small', {}, ` ${paper}`));
  $('options').replaceChildren(...options.map(option => {
    const change = value => { values[option.name] = value; if (values.stride > values.window) values.stride = values.window; update(); };
    return option.choices.length ? select(`option-${option.name}`, option.name, option.choices.map(name => [name, name]), values[option.name], change)
      : slider(`option-${option.name}`, option.name, option, values[option.name], change, option.meaning);
  }));
  drawRule();
}

function drawThumbnails() {
  const listed = FACTS.cases.map((each, index) => ({each, index})).filter(({each}) => !STATE.split || each.split === STATE.split);
  $('thumbnails').replaceChildren(...listed.map(({each, index}) => {
    const canvas = make('canvas', {width: WIDTH, height: HEIGHT, 'aria-hidden': 'true'}), before = STATE.case;
    const button = make('button', {type: 'button', 'aria-pressed': String(index === STATE.case), title: nameOf(each), 'aria-label': `${phantom}${nameOf(each)}`,
      tabindex: index === STATE.case ? 0 : -1, click: () => { STATE.case = index; press($('thumbnails'), button); drawCase(); update(); }}, canvas);
    STATE.case = index;
    paint(canvas, masked(expert()), false);
    STATE.case = before;
    return make('li', {}, button);
  }));
  if (!$('thumbnails').querySelector('[tabindex="0"]')) $('thumbnails').querySelector('button')?.setAttribute('tabindex', '0');
  $('listed').textContent = `${listed.length} of ${FACTS.cases.length} slices, with the expert's mask.`;
}

function drawCase() {
  const {number, split, patient} = chosen();
  $('case').textContent = `Slice ${number}, ${split}`;
  $('label').textContent = patient === null ? '' : `patient ${patient}`;
}

// --- begin -------------------------------------------------------------------------------------------------------------

async function main() {
  const first = raw('first'), count = FACTS.cases.length;
  PAGE.images = first.subarray(0, count * FACTS.channels * SIZE);
  PAGE.experts = first.subarray(count * FACTS.channels * SIZE);
  PAGE.said = await block('said');
  PAGE.maps = new Int8Array((await block('maps')).buffer);
  for (const id of ['image', 'expert', 'mask', 'differ', 'map']) Object.assign($(id), {width: WIDTH, height: HEIGHT});
  drawControls();
  drawCase();
  paintAll();
  performance.mark('medtutor-painted');
  $('thumbnails').addEventListener('keydown', walked);
  const splits = [...new Set(FACTS.cases.map(({split}) => split))].map(name => [name, name]);
  $('which').replaceChildren(select('split', 'Split', [...splits, ['', 'both']], STATE.split, value => { STATE.split = value; drawThumbnails(); }));
  drawThumbnails();
  say('Starting the network in this page …');
  try {
    PAGE.net = new Single(await runtime(), [FACTS.channels, HEIGHT, WIDTH], await graphsOf('gradient', 'forward'), {weights: [CLASSES.length, HEIGHT, WIDTH]});
  } catch (error) {
    PAGE.failed = true;
    say(`This browser cannot compute here (${error.message}). What was computed beforehand stays: masks, probabilities, and the maps of the network's region with the usual settings.`);
    paintAll();
    return;
  }
  say('Live: masks and maps are computed in this page. Nothing leaves it.');
  drawRule();
  await update();
}

/** What tests and other pages may ask for. */
window.medtutor = {
  facts: FACTS, dice: index => { STATE.case = index; return CLASSES.map((_, k) => diceOf(maskOf(probabilities()), expert(), k).dice); },
  predict: index => inTurn(async () => { PAGE.net.stopped = () => false; return (await predict(floats(part(PAGE.images, index, FACTS.channels * SIZE)))).probabilities; }),
  map: (index, name, number, region, options) => inTurn(() => {
    PAGE.net.stopped = () => false;
    return METHODS[name](new OfRegion(PAGE.net, Uint8Array.from(region)), floats(part(PAGE.images, index, FACTS.channels * SIZE)), number, options);
  }),
  before: packedMap,
  idle, ready: begun(main),
};
