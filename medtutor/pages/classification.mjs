/* The page of a classification: a trained network that explains itself, beside the same network with random weights.
 *
 * What was computed beforehand with captum is painted at once. Then ONNX Runtime, which the page holds, computes the
 * same here, and whatever else is asked (compute.mjs). Nothing leaves the page.
 */

const BEFORE = FACTS.methods.filter(({before}) => before);  // of which there are maps from beforehand
const NETWORKS = ['trained', 'random'];
const FOR = [213, 94, 0], AGAINST = [0, 114, 178];  // vermilion and blue, which colour-blind readers tell apart
const GRAPHS = {occlusion: 'forward', kernel_shap: 'forward', rise: 'forward', guided_backprop: 'guided'};  // the others ask for the gradient
const FILLS = {mean: 'grey, the mean', blurred: 'blurred', black: 'black'};
const OWN = 'own';  // in place of the number of an image
const OUTCOMES = ['true positive', 'false negative', 'false positive', 'true negative'];

const PAGE = {images: null, maps: null, scores: null, labels: null, networks: null, live: new Map(), job: 0, shown: {}, own: null};
const STATE = {
  case: 0, method: FACTS.methods[0].name, target: null, sign: 'both', opacity: 0.7, positive: FACTS.positive, threshold: 0.5,
  outcome: null, split: FACTS.cases[0].split, cover: {on: false, left: 0, top: 0, side: FACTS.cover, fill: 'mean'},
  options: Object.fromEntries(FACTS.methods.map(({name, options}) => [name, Object.fromEntries(options.map(o => [o.name, o.default]))])),
};

const method = () => FACTS.methods.find(({name}) => name === STATE.method);
const chosen = () => STATE.case === OWN ? PAGE.own : FACTS.cases[STATE.case];
const best = values => values.indexOf(Math.max(...values));
const target = () => STATE.target ?? best(chosen().logits.trained);
const pixels = index => index === OWN ? PAGE.own.image : PAGE.images.subarray(index * PAGE.size, (index + 1) * PAGE.size);
const nameOf = ({split, number}) => split ? `image ${number} of the ${split} split` : 'your own picture';
const phantom = () => FACTS.phantom && STATE.case !== OWN ? 'Phantom image: ' : '';
/** The image as the network sees it, with what covers it. */
function seen() {
  const x = floats(pixels(STATE.case)), {on, left, top, side, fill} = STATE.cover;
  if (!on) return x;
  const ground = BASELINES[fill](x, FACTS), {height, width, channels} = FACTS;
  for (let c = 0; c < channels; c++)
    for (let row = top; row < Math.min(top + side, height); row++)
      for (let column = left; column < Math.min(left + side, width); column++) {
        const at = (c * height + row) * width + column;
        x[at] = ground[at];
      }
  return x;
}

/** Paint an image, and a map over it, as medtutor.explanation.overlay does. */
function paint(canvas, image, map) {
  const {height, width, channels} = FACTS, size = height * width, data = new ImageData(width, height);
  const limit = map && limitOf(map);
  for (let i = 0; i < size; i++) {
    let value = map ? Math.max(-1, Math.min(1, map[i] / limit)) : 0;
    if ((STATE.sign === 'for' && value < 0) || (STATE.sign === 'against' && value > 0)) value = 0;
    const alpha = STATE.opacity * Math.abs(value), colour = value < 0 ? AGAINST : FOR;
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = image[(channels === 3 ? c : 0) * size + i] * (1 - alpha) + colour[c] * alpha + 0.5;
    data.data[4 * i + 3] = 255;
  }
  canvas.getContext('2d').putImageData(data, 0, 0);
}

const keyOf = which => JSON.stringify([which, STATE.case, STATE.method, target(), STATE.options[STATE.method], STATE.cover.on && STATE.cover]);

/** The map that was computed beforehand, where it is of what is asked; else null. */
function beforehand(which) {
  const usual = Object.fromEntries(method().options.map(option => [option.name, option.default]));
  if (STATE.case === OWN || STATE.cover.on || target() !== best(chosen().logits.trained) || JSON.stringify(usual) !== JSON.stringify(STATE.options[STATE.method])) return null;
  return packedMap(STATE.method, which, STATE.case);
}

function packedMap(name, which, index) {
  const size = pixelsOf(FACTS), place = BEFORE.findIndex(each => each.name === name);
  if (place < 0) return null;
  const at = (place * 2 + NETWORKS.indexOf(which)) * FACTS.cases.length + index, scale = FACTS.scales[at] / 127;
  return Float32Array.from(PAGE.maps.subarray(at * size, (at + 1) * size), value => value * scale);
}

function paintAll() {
  const x = seen(), image = toBytes(x), {title, signed} = method(), name = FACTS.classes[target()];
  paint($('image'), image, null);
  const covering = STATE.cover.on ? `, a square of ${STATE.cover.side} pixels covered` : '';
  $('image').setAttribute('aria-label', `${phantom()}${nameOf(chosen())}, label ${chosen().label}${covering}`);
  for (const which of NETWORKS) {
    const live = PAGE.live.get(keyOf(which)), map = live?.map ?? beforehand(which);
    if (map) PAGE.shown[which] = {map, of: STATE.case};
    else if (PAGE.shown[which]?.of !== STATE.case) delete PAGE.shown[which];  // never the map of another image
    const now = PAGE.shown[which];
    paint($(which), image, now?.map);
    const who = which === 'trained' ? 'the trained network' : 'the network with random weights';
    $(which).setAttribute('aria-label', `${phantom()}${title} of ${who} for ${name}, ${nameOf(chosen())}. ${now ? whereStrong(now.map, FACTS) : ''}`);
    $(`${which}-how`).textContent = !map ? (PAGE.networks ? 'computing …' : PAGE.failed ? 'needs WebAssembly' : 'waits for the runtime …')
      : live ? took(live.milliseconds) : 'computed beforehand';
  }
  const {trained, random} = PAGE.shown;
  $('similar').textContent = trained && random ? `similarity of the two maps ${shown(similarity(trained.map, random.map))}` : '';
  $('legend').hidden = !signed;
  $('unsigned').hidden = signed;
  paintAttention(image, seenKey(), STATE.case === OWN || STATE.cover.on ? null : STATE.case, nameOf(chosen()), phantom());
}

const seenKey = () => JSON.stringify([STATE.case, STATE.case === OWN && PAGE.own.said, STATE.cover.on && STATE.cover]);

/** The table of probabilities, before and after the cover. */
function answers(now) {
  const {logits} = chosen(), before = Object.fromEntries(NETWORKS.map(w => [w, probabilitiesOf(logits[w], FACTS.task)]));
  const after = now && Object.fromEntries(NETWORKS.map(w => [w, now[w] ? probabilitiesOf(now[w], FACTS.task) : before[w]]));
  const order = before.trained.map((_, i) => i).sort((a, b) => (b === target()) - (a === target()) || before.trained[b] - before.trained[a]).slice(0, 5);
  if (FACTS.classes.length <= 5) order.sort((a, b) => a - b);
  $('answers').replaceChildren(...order.map(i => make('tr', i === target() ? {class: 'chosen'} : {}, make('th', {scope: 'row'}, FACTS.classes[i]),
    ...NETWORKS.map(which => {
      const value = (after ?? before)[which][i], bar = make('i');
      bar.style.width = `${100 * value}%`;
      const words = after ? `${shown(before[which][i])} → ${shown(value)}` : shown(value);
      return make('td', {}, make('span', {class: `bar ${which}`, 'aria-hidden': 'true'}, bar), make('b', {}, words));
    }))));
}

// --- live --------------------------------------------------------------------------------------------------------------

/** Show what is asked: at once what is known, then what is computed. Whatever is under way for another question ends. */
async function update() {
  const job = ++PAGE.job;
  paintAll();
  drawCurves(PAGE.live.get(keyOf('trained'))?.curves);
  if (!PAGE.networks || !STATE.cover.on) answers(null);
  if (!PAGE.networks) return;
  await attempt(() => compute(job), message => `The map could not be computed here (${message}); choose another method.`);
}

async function compute(job) {
  const x = seen(), now = {};
  for (const which of NETWORKS) {
    const net = PAGE.networks[which], key = keyOf(which);
    net.stopped = () => job !== PAGE.job;
    if (net.stopped()) return;
    if (STATE.cover.on) {
      now[which] = await net.answer(x);
      answers(now);
    }
    if (!PAGE.live.has(key)) {
      await net.open(GRAPHS[STATE.method] ?? 'gradient');  // once, and not part of the time below
      const start = performance.now(), map = await METHODS[STATE.method](net, x, target(), STATE.options[STATE.method]);
      if (PAGE.live.size > 400) PAGE.live.clear();
      PAGE.live.set(key, {map, milliseconds: performance.now() - start});
      performance.mark('medtutor-live');
    }
    paintAll();
  }
  await attend(PAGE.networks.trained, x, seenKey());
  paintAll();
  const live = PAGE.live.get(keyOf('trained'));
  live.curves ??= await curvesOf(PAGE.networks.trained, x, live.map, target(), PAGE.ties);
  drawCurves(live.curves);
}

/** Deletion and insertion; without curves what was drawn goes. */
function drawCurves(curves) {
  for (const name of ['deletion', 'insertion']) $(name).textContent = curves ? shown(curves[name].auc) : '…';
  const line = name => `<polyline class="${name}" points="${curves.share.map((share, i) => `${250 * share},${94 - 92 * curves[name].value[i]}`).join(' ')}"/>`;
  $('curves').innerHTML = curves ? line('deletion') + line('insertion') : '';
  const way = ({value, auc}) => `from ${shown(value[0])} to ${shown(value.at(-1))}, half-way ${shown(value[value.length >> 1])}, area ${shown(auc)}`;
  $('curves').setAttribute('aria-label', !curves ? 'Deletion and insertion: not computed yet.'
    : `${phantom()}The probability of ${FACTS.classes[target()]} while the pixels that ${method().title} calls important are blurred: ${way(curves.deletion)}; while they are given back: ${way(curves.insertion)}.`);
}

// --- controls ----------------------------------------------------------------------------------------------------------

function drawControls() {
  const classes = FACTS.classes.map((name, i) => [i, name]);
  $('choices').replaceChildren(
    select('method', 'Method', FACTS.methods.map(({name, title}) => [name, title]), STATE.method, value => { STATE.method = value; drawOptions(); update(); }),
    make('p', {id: 'computes', class: 'note'}), ...Object.values(FACTS.missing).map(why => make('p', {class: 'note'}, `Not here: ${why}.`)), make('div', {id: 'options'}),
    select('target', 'Class that is explained', [['', 'the predicted one'], ...classes], STATE.target ?? '', value => { STATE.target = value === '' ? null : Number(value); update(); }),
    make('fieldset', {id: 'sign', class: 'segments'}, make('legend', {}, 'Show what speaks'),
      ...['both', 'for', 'against'].map(sign => make('label', {}, make('input', {type: 'radio', name: 'sign', value: sign, checked: sign === STATE.sign,
        change: () => { STATE.sign = sign; paintAll(); }}), sign))),
    slider('opacity', 'Opacity', {low: 0, high: 1, step: 0.05}, STATE.opacity, value => { STATE.opacity = value; paintAll(); }));
  const {cover} = STATE, most = Math.min(FACTS.height, FACTS.width), change = name => value => { cover[name] = value; cover.on = $('covered').checked = true; update(); };
  $('cover').replaceChildren(
    make('label', {class: 'check'}, make('input', {type: 'checkbox', id: 'covered', change: event => { cover.on = event.target.checked; update(); }}), 'Cover a region, and watch the probability'),
    make('p', {class: 'note'}, 'Drag on the image, or move the sliders.'),
    slider('cover-left', 'From the left', {low: 0, high: FACTS.width - 1, step: 1}, cover.left, change('left')),
    slider('cover-top', 'From the top', {low: 0, high: FACTS.height - 1, step: 1}, cover.top, change('top')),
    slider('cover-side', 'Side', {low: 1, high: most, step: 1}, cover.side, change('side')),
    select('cover-fill', 'Filled with', Object.entries(FILLS), cover.fill, change('fill')));
  const move = event => {
    if (!(event.buttons & 1)) return;
    const box = $('image').getBoundingClientRect(), place = (at, length, side) => Math.max(0, Math.min(side - 1, Math.round(at / length * side - cover.side / 2)));
    cover.left = place(event.clientX - box.left, box.width, FACTS.width);
    cover.top = place(event.clientY - box.top, box.height, FACTS.height);
    for (const name of ['left', 'top']) { $(`cover-${name}`).value = cover[name]; $(`cover-${name}`).dispatchEvent(new Event('input')); }
  };
  $('image').addEventListener('pointerdown', event => { $('image').setPointerCapture(event.pointerId); move(event); });
  $('image').addEventListener('pointermove', move);
  drawOptions();
}

/** What the chosen method can be told. */
function drawOptions() {
  const {computes, paper, options, signed} = method(), values = STATE.options[STATE.method];
  $('computes').replaceChildren(computes, make('small', {}, ` ${paper}`));
  $('options').replaceChildren(...options.map(option => {
    const change = value => { values[option.name] = value; if (values.stride > values.window) values.stride = values.window; update(); };
    return option.choices.length ? select(`option-${option.name}`, option.name, option.choices.map(name => [name, name]), values[option.name], change)
      : slider(`option-${option.name}`, option.name, option, values[option.name], change, option.meaning);
  }));
  $('sign').disabled = !signed;
  for (const input of $('options').querySelectorAll('input, select')) input.disabled = !PAGE.networks;
  for (const input of $('cover').querySelectorAll('input, select')) input.disabled = !PAGE.networks;
  $('target').disabled = !PAGE.networks;
}

// --- the images and the threshold ------------------------------------------------------------------------------------

/** "true positive" …, of a case whose score for the positive class is above the threshold or not. */
const outcomeOf = (has, score) => `${has === score > STATE.threshold} ${score > STATE.threshold ? 'positive' : 'negative'}`;

function drawThumbnails() {
  const of = each => outcomeOf(each.labels.includes(STATE.positive), each.said[STATE.positive]);
  const listed = FACTS.cases.map((each, index) => ({each, index})).filter(({each}) =>
    (!STATE.split || each.split === STATE.split) && (!STATE.outcome || of(each) === STATE.outcome));
  $('thumbnails').replaceChildren(...listed.map(({each, index}) => {
    const canvas = make('canvas', {width: FACTS.width, height: FACTS.height, 'aria-hidden': 'true'});
    const outcome = of(each), wrong = outcome.startsWith('false');
    const button = make('button', {type: 'button', 'aria-pressed': String(index === STATE.case), title: `${nameOf(each)}: ${each.label}, ${outcome}`,
      'aria-label': `${FACTS.phantom ? 'Phantom image: ' : ''}${nameOf(each)}, label ${each.label}, ${outcome}`, class: wrong ? 'wrong' : '',
      tabindex: -1, click: () => choose(index, button)},
      canvas, make('span', {'aria-hidden': 'true'}, wrong ? '✗' : '✓'));
    paint(canvas, pixels(index), null);
    return make('li', {}, button);
  }));
  ($('thumbnails').querySelector('[aria-pressed=true]') ?? $('thumbnails').querySelector('button'))?.setAttribute('tabindex', '0');
  const words = STATE.outcome ? `, ${STATE.outcome}s` : '';
  $('listed').textContent = `${listed.length} of ${FACTS.cases.length} images${words}; ✗ is wrong at this threshold.`;
}

/** Show another image; of all thumbnails the chosen one is reached by Tab, the others by arrow keys. */
function choose(index, button) {
  STATE.case = index;
  $('own-said').textContent = '';
  press($('thumbnails'), button);
  drawCase();
  update();
}

function drawCase() {
  const each = chosen(), said = probabilitiesOf(each.logits.trained, FACTS.task), first = best(said);
  $('case').textContent = each.split ? `Image ${each.number}, ${each.split}` : 'Your own picture';
  $('label').textContent = `${each.split ? `label: ${each.label}` : 'no label'} · the network says: ${FACTS.classes[first]}, ${shown(said[first])}`;
}

// --- a picture of one's own --------------------------------------------------------------------------------------------

/** A file chosen, or a picture pasted: it is shown in place of an image, and never leaves the page. */
async function lookAt(file) {
  if (!PAGE.networks) return;
  let own;
  try {
    own = await ownPicture(file, FACTS);
  } catch (error) {
    $('own-said').textContent = error.message;
    $('own-said').classList.add('unlike');
    return;
  }
  ++PAGE.job;  // what is under way is of another image
  await inTurn(async () => {
    own.logits = {};
    for (const which of NETWORKS) {
      const net = PAGE.networks[which];
      net.stopped = () => false;
      await net.logits(1, (_, into) => into.set(floats(own.image)), (_, {logits, known}) => {
        own.logits[which] = Array.from(logits);
        if (which === 'trained') own.features = known?.slice();
      });
    }
  });
  own.label = 'none';
  PAGE.own = own;
  PAGE.live.clear();
  STATE.case = OWN;
  PAGE.known ??= new Float32Array(joined(await block('known')).buffer);
  const {words, unlike} = likenessOf(own.features);
  $('own-said').textContent = `${own.said} ${words} It stays in this page.`;
  $('own-said').classList.toggle('unlike', unlike);
  for (const each of $('thumbnails').querySelectorAll('button')) each.setAttribute('aria-pressed', 'false');
  drawCase();
  await update();
}

/** Whether the network has seen anything like it, in the words of the explorer. */
function likenessOf(features) {
  const {limit, near, far, missing} = FACTS.known;
  if (missing) return {words: missing, unlike: false};
  const distance = nearest(features, PAGE.known), unlike = limit > 0 && distance > limit;
  const away = distance > 1e-4 * limit ? String(Number(distance.toPrecision(3))) : '0';
  return {words: unlike ? far.replace('(inf)', `(${away})`) : near.replace('(0)', `(${away})`), unlike};
}

function drawOwn() {
  $('own').replaceChildren(
    make('label', {for: 'own-file'}, 'A picture of your own'),
    make('input', {type: 'file', id: 'own-file', accept: 'image/*', disabled: !PAGE.networks, change: event => {
      const [file] = event.target.files;
      event.target.value = '';  // so that the same file can be given again
      if (file) lookAt(file);
    }}),
    make('span', {class: 'note'}, PAGE.networks ? 'or paste one; it never leaves this page' : 'needs the network, which is not running'));
}

/** The matrix over the whole validation split, and the scores behind it. */
function drawMatrix() {
  const {positive, threshold} = STATE, classes = FACTS.classes.length, counts = Object.fromEntries(OUTCOMES.map(name => [name, 0]));
  const bins = {true: new Array(25).fill(0), false: new Array(25).fill(0)};
  for (let i = 0; i < FACTS.val; i++) {
    const has = PAGE.labels[i * classes + positive] === 1, score = PAGE.scores[i * classes + positive] / 65535;
    counts[outcomeOf(has, score)]++;
    bins[has][Math.min(Math.floor(score * 25), 24)]++;
  }
  for (const name of OUTCOMES) {
    const cell = $(name.replace(' ', '-'));
    cell.querySelector('b').textContent = counts[name];
    cell.setAttribute('aria-pressed', String(STATE.outcome === name));
  }
  const rate = (part, rest) => part + rest ? shown(part / (part + rest)) : 'none';
  const [tp, fn, fp, tn] = OUTCOMES.map(name => counts[name]);
  $('sensitivity').textContent = rate(tp, fn);
  $('specificity').textContent = rate(tn, fp);
  $('precision').textContent = rate(tp, fp);
  const most = Math.max(...bins.true, ...bins.false), high = value => 44 * Math.sqrt(value / most);
  const bars = (values, has) => values.map((value, i) => value ? `<rect class="${has ? 'has' : 'not'}" x="${i * 10 + 1}" width="8" y="${has ? 46 - high(value) : 50}" height="${high(value)}"/>` : '').join('');
  $('scores').innerHTML = `${bars(bins.true, true)}${bars(bins.false, false)}<line x1="0" x2="250" y1="48" y2="48"/><line class="threshold" x1="${250 * threshold}" x2="${250 * threshold}" y1="0" y2="96"/>`;
  $('scores').setAttribute('aria-label', `Scores of ${FACTS.val} validation images for ${FACTS.classes[positive]}: above the line those that have it, below those that do not; the threshold stands at ${shown(threshold)}.`);
}

function drawThreshold() {
  const again = () => { drawMatrix(); drawThumbnails(); };
  $('decide').replaceChildren(
    select('positive', 'Positive class', FACTS.classes.map((name, i) => [i, name]), STATE.positive, value => { STATE.positive = Number(value); again(); }),
    slider('threshold', 'Threshold', {low: 0, high: 1, step: 0.01}, STATE.threshold, value => { STATE.threshold = value; again(); }));
  for (const name of OUTCOMES)
    $(name.replace(' ', '-')).addEventListener('click', () => { STATE.outcome = STATE.outcome === name ? null : name; again(); });
  const splits = [...new Set(FACTS.cases.map(({split}) => split))].map(name => [name, name]);
  $('thumbnails').addEventListener('keydown', walked);
  $('which').replaceChildren(select('split', 'Split', [...splits, ['', 'both']], STATE.split, value => { STATE.split = value; drawThumbnails(); }));
}

// --- begin -------------------------------------------------------------------------------------------------------------

async function start() {
  const ort = await runtime(), graphs = await graphsOf('gradient', 'forward', 'guided', ...(ATTENTION ? ['attention'] : []));
  PAGE.ties = new Uint32Array((await block('ties')).buffer);
  PAGE.networks = Object.fromEntries(NETWORKS.map(which => [which, new Network(ort, FACTS, graphs, weightsOf(which))]));
}

async function main() {
  const count = FACTS.cases.length, size = pixelsOf(FACTS), first = raw('first');
  PAGE.size = FACTS.channels * size;
  PAGE.images = first.subarray(0, count * PAGE.size);
  PAGE.maps = new Int8Array(BEFORE.length * 2 * count * size);  // of the first method at once, of the others below
  PAGE.maps.set(new Int8Array(first.buffer, count * PAGE.size));
  for (const id of ['image', ...NETWORKS]) Object.assign($(id), {width: FACTS.width, height: FACTS.height});
  drawControls();
  drawAttention(paintAll);
  drawCase();
  update();
  performance.mark('medtutor-painted');
  if (document.readyState === 'loading') await new Promise(done => document.addEventListener('DOMContentLoaded', done));
  if (ATTENTION) {
    LOOKS.rollouts = new Float32Array(joined(await block('rollouts')).buffer);
    paintAll();
  }
  const starting = start();
  starting.catch(() => {});  // it is waited for below
  PAGE.maps.set(new Int8Array((await block('others')).buffer), 2 * count * size);
  PAGE.scores = new Uint16Array((await block('val-scores')).buffer);
  PAGE.labels = await block('val-labels');
  drawThreshold();
  drawMatrix();
  drawThumbnails();
  drawOwn();
  say('Starting the network in this page …');
  try {
    await starting;
  } catch (error) {
    PAGE.failed = true;
    if (error instanceof Damaged) fail(`This page is damaged (${error.message}): what was computed beforehand stays; make it again with medtutor page.`);
    say(`This browser cannot compute here (${error.message}). The maps that were computed beforehand stay: of every method that is not slow, for the predicted class, with its usual settings.`);
    drawOptions();
    paintAll();
    return;
  }
  say('Live: maps are computed in this page. Nothing leaves it.');
  document.addEventListener('paste', event => {
    const file = [...event.clipboardData.files].find(({type}) => type.startsWith('image/'));
    if (file) lookAt(file);
  });
  drawOwn();
  drawOptions();
  await update();
}

/** What tests and other pages may ask for. */
window.medtutor = {
  facts: FACTS, methods: METHODS,
  map: async (which, index, name, target, options) => {
    const net = PAGE.networks[which];
    return inTurn(() => {
      net.stopped = () => false;
      return METHODS[name](net, floats(pixels(index)), target, options);
    });
  },
  curves: (index, map, target) => inTurn(() => {
    PAGE.networks.trained.stopped = () => false;
    return curvesOf(PAGE.networks.trained, floats(pixels(index)), Float32Array.from(map), target, PAGE.ties);
  }),
  attention: index => inTurn(async () => Array.from(await weightsFor(PAGE.networks.trained, floats(pixels(index))))),
  looks: (weights, block, head, query) => Array.from(rowOf(looksOf(Float32Array.from(weights), block, head), query)),
  rollout: (weights, upto, query) => Array.from(rowOf(rolledOut(Float32Array.from(weights), upto), query)),
  look: lookAt, own: () => PAGE.own,
  before: packedMap,
  idle, ready: begun(main),
};
