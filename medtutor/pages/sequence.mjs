/* The page of a sequence: a clip, played otherwise, and what the network makes of it.
 *
 * Answers over time in each way to play, and what each frame of the clip as filmed does, were computed beforehand. Then
 * the network runs in the page: for frames of a clip that is played otherwise, and other random orders.
 */

const INSTEAD = {'the one before': 'the frame before it', grey: 'the mean grey of the clip'};
const [AS_FILMED, SHUFFLED] = [FACTS.hows[0], 'shuffled'];
const {height: HEIGHT, width: WIDTH, channels: CHANNELS, frames: FRAMES} = FACTS, FRAME = CHANNELS * HEIGHT * WIDTH;

const PAGE = {films: null, net: null, live: new Map(), job: 0, failed: false, timer: null};
const STATE = {case: 0, split: FACTS.cases[0].split, how: AS_FILMED, seed: null, frame: 0, looked: FACTS.looked, instead: Object.keys(INSTEAD)[0]};

const chosen = () => FACTS.cases[STATE.case];
const nameOf = ({split, number}) => `clip ${number} of the ${split} split`;
const phantom = FACTS.phantom ? 'Phantom image: ' : '';
const what = () => FACTS.task === 'regression' ? FACTS.classes[STATE.looked] : `probability of ${FACTS.classes[STATE.looked]}`;
const signed = value => `${value < -0.005 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;

/** Which frame is played when, from 1; 0 is a black one. */
function order() {
  const {order: usual} = chosen().played[STATE.how];
  return STATE.how === SHUFFLED && STATE.seed !== null ? mixed(STATE.seed) : usual;
}

/** Another random order of all frames. */
function mixed(seed) {
  const draws = new Twister(seed), found = Array.from({length: FRAMES}, (_, i) => i + 1);
  for (let i = FRAMES - 1; i > 0; i--) {
    const other = Math.floor(draws.double() * (i + 1));
    [found[i], found[other]] = [found[other], found[i]];
  }
  return found;
}

/** The bytes of a frame from 1 of a clip; black for 0. */
function frameOf(index, number) {
  if (!number) return new Uint8Array(FRAME);
  const start = (index * FRAMES + number - 1) * FRAME;
  return PAGE.films.subarray(start, start + FRAME);
}

const filmOf = (index, numbers) => numbers.map(number => frameOf(index, number));

/** The film T times, the i-th time without frame i: medtutor.explorers.sequence_clips.replaced. */
function replaced(film, instead) {
  const size = HEIGHT * WIDTH, grey = new Uint8Array(FRAME);
  for (let c = 0; c < CHANNELS; c++) {
    let sum = 0;
    for (const frame of film) for (let i = 0; i < size; i++) sum += frame[c * size + i];
    const mean = Math.fround(sum / (size * film.length)), low = Math.floor(mean);
    grey.fill(mean - low === 0.5 ? low + low % 2 : Math.round(mean), c * size, (c + 1) * size);
  }
  return film.map((_, i) => film.map((frame, j) => j !== i ? frame : instead === 'grey' ? grey : film[Math.min(Math.abs(i - 1), film.length - 1)]));
}

// --- the network -------------------------------------------------------------------------------------------------------

/** Of logits of one answer: probabilities, or numbers in the units of the target. */
function read(logits) {
  if (FACTS.task === 'regression') return logits.map(value => value * FACTS.scale[1] + FACTS.scale[0]);
  return probabilitiesOf(logits, FACTS.task);
}

/** Answers over time to films, (films, T played, outputs). What stands behind a short film is never looked at. */
async function answersTo(films) {
  const found = [], count = FACTS.classes.length;
  const fill = (i, x) => films[i].forEach((frame, t) => x.set(floats(frame), t * FRAME));
  await PAGE.net.each('forward', films.length, fill, {}, (i, {logits}) => {
    found.push(films[i].map((_, t) => read(Array.from(logits.subarray(t * count, (t + 1) * count)))));
  });
  return found;
}

const keyOf = () => JSON.stringify([STATE.case, order()]);
const effectKey = () => JSON.stringify([STATE.case, order(), STATE.instead]);

async function compute(job) {
  PAGE.net.stopped = () => job !== PAGE.job;
  if (PAGE.net.stopped()) return;
  if (PAGE.live.size > 200) PAGE.live.clear();
  await PAGE.net.open('forward');
  const film = filmOf(STATE.case, order()), key = keyOf(), of = effectKey();
  if (!PAGE.live.has(key)) {
    const start = performance.now(), [answers] = await answersTo([film]);
    PAGE.live.set(key, {answers, milliseconds: performance.now() - start});
    performance.mark('medtutor-live');
  }
  paintAll();
  if (!PAGE.live.has(of)) {
    const start = performance.now(), without = await answersTo(replaced(film, STATE.instead)), last = PAGE.live.get(key).answers.at(-1);
    PAGE.live.set(of, {effects: without.map(each => each.at(-1).map((value, k) => last[k] - value)), milliseconds: performance.now() - start});
  }
  paintAll();
}

async function update() {
  const job = ++PAGE.job;
  paintAll();
  if (!PAGE.net) return;
  await attempt(() => compute(job), message => `The answers could not be computed here (${message}); load the page again.`);
}

// --- pictures ----------------------------------------------------------------------------------------------------------

function paint(canvas, frame) {
  Object.assign(canvas, {width: WIDTH, height: HEIGHT});
  const data = new ImageData(WIDTH, HEIGHT), size = HEIGHT * WIDTH;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = frame[(CHANNELS === 3 ? c : 0) * size + i];
    data.data[4 * i + 3] = 255;
  }
  canvas.getContext('2d').putImageData(data, 0, 0);
}

const waits = () => PAGE.net ? 'computing …' : PAGE.failed ? 'needs WebAssembly' : 'waits for the runtime …';

/** What is known of the clip as it is played: {answers, how they came}. */
function known() {
  const live = PAGE.live.get(keyOf());
  if (live) return {answers: live.answers, how: took(live.milliseconds)};
  const usual = !(STATE.how === SHUFFLED && STATE.seed !== null);
  return usual ? {answers: chosen().played[STATE.how].answers, how: 'computed beforehand'} : {answers: null, how: waits()};
}

function effects() {
  const live = PAGE.live.get(effectKey());
  if (live) return {values: live.effects, how: took(live.milliseconds)};
  const before = chosen().played[STATE.how][STATE.instead];
  return before ? {values: before, how: 'computed beforehand'} : {values: null, how: waits()};
}

function paintAll() {
  const numbers = order(), {answers, how} = known(), k = STATE.looked, filmed = chosen().played[AS_FILMED].answers.map(row => row[k]);
  STATE.frame = Math.min(STATE.frame, numbers.length - 1);
  const now = answers?.map(row => row[k]), [low, high] = FACTS.span, y = value => 92 - 88 * (value - low) / (high - low || 1);
  const x = t => 250 * (t + 0.5) / numbers.length, line = (values, name) => `<polyline class="${name}" points="${values.slice(0, numbers.length).map((value, t) => `${x(t)},${y(value)}`).join(' ')}"/>`;
  const truth = chosen().truth[k], at = STATE.frame, cursor = `<line class="now" x1="${x(at)}" x2="${x(at)}" y1="0" y2="96"/>`;
  $('over-time').innerHTML = `<line x1="0" x2="250" y1="${y(truth)}" y2="${y(truth)}"/>${line(filmed, 'filmed')}${now ? line(now, 'played') : ''}${cursor}`;
  $('over-time').setAttribute('aria-label', `${phantom}${what()} after each frame, ${STATE.how}: ${now ? `${shown(now[0])} after the first, ${shown(now[at])} after frame ${at + 1}, ${shown(now.at(-1))} after the last` : 'not computed'}; the truth is ${shown(truth)}.`);
  $('answers-how').textContent = how;
  $('over-time-words').textContent = `line: ${STATE.how}; dashed: as filmed; thin line: the truth, ${shown(truth)}`;
  paintEffects(x, cursor, k);
  $('answer-words').textContent = `${what()}, of the whole clip`;
  $('answers').replaceChildren(make('tr', {}, make('th', {scope: 'row'}, AS_FILMED), make('td', {}, make('b', {}, shown(filmed.at(-1)))), make('td')),
    ...(STATE.how === AS_FILMED ? [] : [make('tr', {class: 'chosen'}, make('th', {scope: 'row'}, STATE.how), make('td', {}, make('b', {}, now ? shown(now.at(-1)) : '…')), make('td', {}, now ? signed(now.at(-1) - filmed.at(-1)) : ''))]));
  $('expected').textContent = FACTS.expected[STATE.how];
  paint($('frame-shown'), frameOf(STATE.case, numbers[at]));
  const name = numbers[at] ? `frame ${numbers[at]} of the film` : 'a black frame';
  $('frame-name').textContent = name;
  $('frame-answer').textContent = now ? `had it ended here: ${shown(now[at])}` : '';
  $('frame-shown').setAttribute('aria-label', `${phantom}${name}, ${at + 1} of ${numbers.length} as played, ${nameOf(chosen())}.`);
  if (PAGE.filmed !== keyOf()) paintFilm(numbers);
  $('frame').max = numbers.length;
  $('frame').value = at + 1;
  $('frame').previousElementSibling.querySelector('output').textContent = at + 1;
}

function paintEffects(x, cursor, k) {
  const {values, how} = effects(), of = values?.map(row => row[k]), most = of && Math.max(...of.map(Math.abs), 1e-9);
  const bar = (value, t) => `<rect class="${value < 0 ? 'against' : 'for'}" x="${x(t) - 80 / of.length}" width="${160 / of.length}" y="${value < 0 ? 48 : 48 - 44 * value / most}" height="${44 * Math.abs(value) / most}"/>`;
  $('effects').innerHTML = `${of ? of.map(bar).join('') : ''}<line x1="0" x2="250" y1="48" y2="48"/>${cursor}`;
  $('effects-how').textContent = how;
  $('effects-most').textContent = of ? `largest ${most.toFixed(3)}, against ${INSTEAD[STATE.instead]}` : '';
  const first = of && of.reduce((best, value, t) => Math.abs(value) > Math.abs(of[best]) ? t : best, 0);
  $('effects').setAttribute('aria-label', `${phantom}how much each frame changes the answer, against ${INSTEAD[STATE.instead]}: ${of ? `most frame ${first + 1} as played, ${signed(of[first])}` : 'not computed'}.`);
}

function paintFilm(numbers) {
  PAGE.filmed = keyOf();
  $('film').style.gridTemplateColumns = `repeat(${numbers.length}, minmax(0, 1fr))`;
  $('film').replaceChildren(...filmOf(STATE.case, numbers).map(frame => {
    const canvas = make('canvas', {'aria-hidden': 'true'});
    paint(canvas, frame);
    return canvas;
  }));
  $('film').setAttribute('aria-label', `${phantom}the film ${STATE.how}: frames ${numbers.map(number => number || 'black').join(', ')}.`);
}

// --- controls ----------------------------------------------------------------------------------------------------------

const set = name => value => { STATE[name] = value; drawEnabled(); update(); };

function drawEnabled() { $('seed').disabled = !PAGE.net || STATE.how !== SHUFFLED; }

function drawControls() {
  const ways = FACTS.hows.map(how => [how, how]), classes = FACTS.classes.map((name, k) => [k, name]);
  $('choices').replaceChildren(
    select('how', 'Play it', ways, STATE.how, set('how')),
    slider('seed', 'Another random order', {low: 0, high: 99, step: 1}, 0, set('seed')),
    select('instead', 'A frame is replaced by', Object.entries(INSTEAD), STATE.instead, set('instead')),
    ...(classes.length > 1 ? [select('looked', 'Answer', classes, STATE.looked, value => { STATE.looked = Number(value); paintAll(); })] : []));
  $('player').replaceChildren(slider('frame', 'Frame', {low: 1, high: FRAMES, step: 1}, 1, value => { STATE.frame = value - 1; paintAll(); }));
  $('play').addEventListener('click', () => {
    const on = !PAGE.timer;
    clearInterval(PAGE.timer);
    PAGE.timer = on ? setInterval(() => { STATE.frame = (STATE.frame + 1) % order().length; paintAll(); }, 250) : null;
    $('play').setAttribute('aria-pressed', String(on));
    $('play').textContent = on ? 'Stop' : 'Play';
  });
  drawEnabled();
}

function drawThumbnails() {
  const listed = FACTS.cases.map((each, index) => ({each, index})).filter(({each}) => !STATE.split || each.split === STATE.split);
  $('thumbnails').replaceChildren(...listed.map(({each, index}) => {
    const canvas = make('canvas', {'aria-hidden': 'true'});
    const button = make('button', {type: 'button', 'aria-pressed': String(index === STATE.case), title: `${nameOf(each)}: ${each.label}`, 'aria-label': `${phantom}${nameOf(each)}, label ${each.label}`,
      tabindex: index === STATE.case ? 0 : -1, click: () => { STATE.case = index; press($('thumbnails'), button); drawCase(); update(); }}, canvas);
    paint(canvas, frameOf(index, 1));
    return make('li', {}, button);
  }));
  if (!$('thumbnails').querySelector('[tabindex="0"]')) $('thumbnails').querySelector('button')?.setAttribute('tabindex', '0');
  $('listed').textContent = `${listed.length} of ${FACTS.cases.length} clips; the first frame of each.`;
}

function drawCase() {
  $('case').textContent = `Clip ${chosen().number}, ${chosen().split}`;
  $('label').textContent = `label: ${chosen().label}`;
}

// --- begin -------------------------------------------------------------------------------------------------------------

async function main() {
  PAGE.films = raw('first');
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
    PAGE.net = new Single(await runtime(), [FRAMES, CHANNELS, HEIGHT, WIDTH], await graphsOf('forward'));
  } catch (error) {
    PAGE.failed = true;
    say(`This browser cannot compute here (${error.message}). What was computed beforehand stays: answers in each way to play, and the effect of each frame as filmed.`);
    paintAll();
    return;
  }
  say('Live: answers are computed in this page. Nothing leaves it.');
  drawEnabled();
  await update();
}

const alone = work => inTurn(() => { PAGE.net.stopped = () => false; return work(); });

/** What tests and other pages may ask for. */
window.medtutor = {
  facts: FACTS,
  answers: (index, numbers) => alone(async () => (await answersTo([filmOf(index, numbers)]))[0]),
  without: (index, numbers, instead) => alone(async () => (await answersTo(replaced(filmOf(index, numbers), instead))).map(each => each.at(-1))),
  idle, ready: begun(main),
};
