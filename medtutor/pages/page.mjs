/* A Run as one page: a trained network that explains itself, beside the same network with random weights.
 *
 * What was computed beforehand with captum is painted at once. Then ONNX Runtime, which the page holds, computes the
 * same here: `METHODS` are the formulas, `Network` asks the graph for scores and gradients. Nothing leaves the page.
 */

// --- bytes that stand in the page as text ------------------------------------------------------------------------

const ALPHABET = Array.from({length: 94}, (_, i) => String.fromCharCode(33 + i)).filter(c => !'<&\\'.includes(c)).join('');

/** Two characters hold 13 bits: medtutor/pages/packing.py writes them. */
function bytesOf(text, length) {
  const value = new Uint8Array(128), out = new Uint8Array(length);
  for (let i = 0; i < ALPHABET.length; i++) value[ALPHABET.charCodeAt(i)] = i;
  let held = 0, bits = 0, at = 0;
  for (let i = 0; at < length; i += 2) {
    held = (held << 13) | (value[text.charCodeAt(i)] * ALPHABET.length + value[text.charCodeAt(i + 1)]);
    for (bits += 13; bits >= 8 && at < length;) out[at++] = held >> (bits -= 8);
    held &= (1 << bits) - 1;
  }
  return out;
}

/** The bytes of the element with that id, unpacked; its text is let go. */
async function block(id) {
  const element = document.getElementById(id);
  const packed = bytesOf(element.textContent, Number(element.dataset.bytes));
  element.textContent = '';
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Numbers of four bytes, all first bytes first: back in their order. */
function joined(planes) {
  const out = new Uint8Array(planes.length), count = planes.length / 4;
  for (let k = 0; k < 4; k++) for (let i = 0; i < count; i++) out[4 * i + k] = planes[k * count + i];
  return out;
}

// --- random numbers, drawn as torch and numpy draw them: the same seed gives the same map ------------------------

class Twister {  // mt19937
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = seed;
    for (let i = 1; i < 624; i++) {
      const last = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, last) + i;
    }
    this.at = 624;
  }

  next() {
    const s = this.state;
    if (this.at === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
        s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      this.at = 0;
    }
    let y = s[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  single() { return (this.next() & 0xffffff) / 0x1000000; }  // torch, float32
  double() { return ((this.next() >>> 5) * 67108864 + (this.next() >>> 6)) / 9007199254740992; }  // numpy

  /** Standard normal numbers, sixteen at a time (Box and Muller), as torch fills a tensor. */
  normals(count) {
    const out = Float32Array.from({length: count}, () => this.single());
    const turn = start => {
      for (let i = start; i < start + 8; i++) {
        const radius = Math.sqrt(-2 * Math.log(1 - out[i])), angle = 2 * Math.PI * out[i + 8];
        out[i] = radius * Math.cos(angle);
        out[i + 8] = radius * Math.sin(angle);
      }
    };
    for (let i = 0; i + 16 <= count; i += 16) turn(i);
    if (count % 16) {
      for (let i = count - 16; i < count; i++) out[i] = this.single();
      turn(count - 16);
    }
    return out;
  }
}

// --- the network -------------------------------------------------------------------------------------------------

const AT_ONCE = 16;  // images that go through the network at once; then the page gets its turn

class Stopped extends Error {}

/** Let the page answer whoever uses it. */
const breathe = () => new Promise(done => {
  const channel = new MessageChannel();
  channel.port1.onmessage = done;
  channel.port2.postMessage(0);
});

class Network {
  /** `graphs` are the ONNX files gradient and forward; `weights` is a function that gives their numbers. */
  constructor(ort, facts, graphs, weights) {
    Object.assign(this, {ort, facts, graphs, weights, sessions: {}, stopped: () => false});
    this.size = facts.channels * facts.height * facts.width;
  }

  /** The runtime takes a moment to open a graph, so each is opened when it is first asked. */
  async #open(kind) {
    if (!this.sessions[kind]) {
      this.bytes ??= await this.weights();
      const externalData = [{path: 'weights', data: this.bytes}];
      this.sessions[kind] = await this.ort.InferenceSession.create(this.graphs[kind], {externalData});
    }
    return this.sessions[kind];
  }

  /** `fill(i, x)` writes image i; `take(i, results, x)` gets its part of every output. */
  async #run(kind, count, fill, target, take) {
    const session = await this.#open(kind), {channels, height, width, classes} = this.facts;
    for (let start = 0; start < count; start += AT_ONCE) {
      const n = Math.min(AT_ONCE, count - start), x = new Float32Array(n * this.size);
      for (let i = 0; i < n; i++) fill(start + i, x.subarray(i * this.size, (i + 1) * this.size));
      const feeds = {x: new this.ort.Tensor('float32', x, [n, channels, height, width])};
      if (target !== null) {
        const weights = new Float32Array(n * classes.length);
        for (let i = 0; i < n; i++) weights[i * classes.length + target] = 1;
        feeds.weights = new this.ort.Tensor('float32', weights, [n, classes.length]);
      }
      const found = Object.entries(await session.run(feeds));
      for (let i = 0; i < n; i++) {
        const parts = found.map(([name, {data}]) => {
          const each = data.length / n;
          return [name, data.subarray(i * each, (i + 1) * each)];
        });
        take(start + i, Object.fromEntries(parts), x.subarray(i * this.size, (i + 1) * this.size));
      }
      if (start + n < count) await breathe();
      if (this.stopped()) throw new Stopped();
    }
  }

  gradients(count, fill, target, take) { return this.#run('gradient', count, fill, target, take); }
  logits(count, fill, take) { return this.#run('forward', count, fill, null, take); }

  /** The scores of one image. */
  async answer(x) {
    let scores;
    await this.logits(1, (_, into) => into.set(x), (_, {logits}) => { scores = Array.from(logits); });
    return scores;
  }
}

// --- methods: maps (H, W) of an image x, float (C, H, W) in -1…1, as medtutor.explanation defines them ------------

const pixelsOf = ({height, width}) => height * width;

/** The channels of (C, H, W) added up. */
function summed(raw, facts) {
  const map = new Float32Array(pixelsOf(facts));
  for (let i = 0; i < raw.length; i++) map[i % map.length] += raw[i];
  return map;
}

const BASELINES = {
  black: x => new Float32Array(x.length).fill(-1),
  mean: (x, facts) => {
    const size = pixelsOf(facts);
    return x.map((_, i) => {
      const start = i - i % size;
      return i % size ? 0 : x.subarray(start, start + size).reduce((sum, value) => sum + value, 0) / size;
    }).map((value, i, means) => means[i - i % size]);
  },
  /** A Gaussian of a seventh of the width, as scipy's gaussian_filter with mode="nearest". */
  blurred: (x, facts) => {
    let out = x;
    for (const [side, step] of [[facts.height, facts.width], [facts.width, 1]]) {
      const sigma = side / 7, radius = Math.floor(4 * sigma + 0.5);
      const kernel = Array.from({length: 2 * radius + 1}, (_, k) => Math.exp(-((k - radius) ** 2) / (2 * sigma ** 2)));
      const total = kernel.reduce((sum, value) => sum + value), from = out;
      out = from.map((_, i) => {
        const at = Math.floor(i / step) % side;
        return kernel.reduce((sum, weight, k) => {
          const place = Math.min(Math.max(at + k - radius, 0), side - 1);
          return sum + weight * from[i + (place - at) * step];
        }, 0) / total;
      });
    }
    return out;
  },
};

const METHODS = {
  async saliency(net, x, target) {
    let map;
    await net.gradients(1, (_, into) => into.set(x), target, (_, {gradient}) => { map = gradient.map(Math.abs); });
    return summed(map, net.facts);
  },

  async input_x_gradient(net, x, target) {
    let map;
    await net.gradients(1, (_, into) => into.set(x), target, (_, {gradient}) => { map = gradient.map((g, i) => g * x[i]); });
    return summed(map, net.facts);
  },

  async integrated_gradients(net, x, target, {steps, baseline}) {
    const base = BASELINES[baseline](x, net.facts), total = new Float64Array(x.length);
    const between = (step, into) => {
      const share = (step + 0.5) / steps;
      for (let i = 0; i < x.length; i++) into[i] = base[i] + share * (x[i] - base[i]);
    };
    await net.gradients(steps, between, target, (_, {gradient}) => gradient.forEach((g, i) => { total[i] += g; }));
    return summed(total.map((sum, i) => sum / steps * (x[i] - base[i])), net.facts);
  },

  async smoothgrad(net, x, target, {samples, noise, seed}) {
    const draws = drawn(new Twister(seed), samples, x.length), total = new Float64Array(x.length);
    const noisy = (sample, into) => x.forEach((value, i) => { into[i] = value + 2 * noise * draws[sample][i]; });
    await net.gradients(samples, noisy, target, (_, {gradient}) => gradient.forEach((g, i) => { total[i] += g; }));
    return summed(total.map(sum => Math.abs(sum / samples)), net.facts);
  },

  async gradient_shap(net, x, target, {samples, noise, baseline, seed}) {
    const base = BASELINES[baseline](x, net.facts), total = new Float64Array(x.length), places = new Twister(seed);
    const draws = drawn(new Twister(seed), samples, x.length);
    const near = (sample, i) => x[i] + 2 * noise * draws[sample][i];
    const between = (sample, into) => {
      const share = Math.fround(places.double());
      for (let i = 0; i < x.length; i++) into[i] = share * near(sample, i) + (1 - share) * base[i];
    };
    const take = (sample, {gradient}) => gradient.forEach((g, i) => { total[i] += (near(sample, i) - base[i]) * g; });
    await net.gradients(samples, between, target, take);
    return summed(total.map(sum => sum / samples), net.facts);
  },

  async grad_cam(net, x, target) {
    const {features: [channels, height, width], covers} = net.facts.layer, coarse = new Float32Array(height * width);
    await net.gradients(1, (_, into) => into.set(x), target, (_, {features, feature_gradient: gradient}) => {
      for (let c = 0, size = coarse.length; c < channels; c++) {
        const weight = gradient.subarray(c * size, (c + 1) * size).reduce((sum, g) => sum + g, 0) / size;
        for (let i = 0; i < size; i++) coarse[i] += weight * features[c * size + i];
      }
    });
    return enlarged(coarse.map(value => Math.max(value, 0)), [height, width], covers, net.facts);
  },

  async occlusion(net, x, target, {window, stride, baseline}) {
    const {height, width} = net.facts, cover = BASELINES[baseline](x, net.facts), size = height * width;
    const starts = side => Array.from({length: Math.ceil((side - window) / stride) + 1}, (_, i) => i * stride);
    const windows = starts(height).flatMap(top => starts(width).map(left => [top, left]));
    const each = ([top, left], visit) => {
      for (let r = top; r < Math.min(top + window, height); r++)
        for (let c = left; c < Math.min(left + window, width); c++) visit(r * width + c);
    };
    const falls = new Float64Array(size), times = new Float64Array(size), whole = (await net.answer(x))[target];
    const covered = (i, into) => {
      into.set(x);
      for (let start = 0; start < x.length; start += size) each(windows[i], at => { into[start + at] = cover[start + at]; });
    };
    await net.logits(windows.length, covered, (i, {logits}) => each(windows[i], at => {
      falls[at] += whole - logits[target];
      times[at] += 1;
    }));
    return Float32Array.from(falls, (sum, i) => sum / times[i]);
  },
};

/** Noise of every sample; torch draws it for as many at once as go through its network. */
function drawn(twister, samples, size) {
  const most = Math.max(1, Math.floor(128 * 28 * 28 / (size / FACTS.channels))), found = [];
  for (let left = samples; left > 0; left -= most) {
    const portion = Math.min(left, most), numbers = twister.normals(portion * size);
    for (let i = 0; i < portion; i++) found.push(numbers.subarray(i * size, (i + 1) * size));
  }
  return found;
}

/** A coarse map enlarged bilinearly to the pixels that it covers, as torch does, and cut to the image. */
function enlarged(coarse, [rows, columns], [tall, wide], {height, width}) {
  const place = (at, side, large) => {
    const exact = Math.max((at + 0.5) * side / large - 0.5, 0), first = Math.floor(exact);
    return [first, Math.min(first + 1, side - 1), exact - first];
  };
  return Float32Array.from({length: height * width}, (_, i) => {
    const [top, bottom, down] = place(Math.floor(i / width), rows, tall);
    const [left, right, across] = place(i % width, columns, wide);
    const row = r => coarse[r * columns + left] * (1 - across) + coarse[r * columns + right] * across;
    return row(top) * (1 - down) + row(bottom) * down;
  });
}

// --- numbers about maps and scores ---------------------------------------------------------------------------------

/** The value that is painted at full strength: the 99.5th percentile, or the maximum of a sparse map. */
function limitOf(map) {
  const sizes = Float32Array.from(map, Math.abs).sort(), at = 0.995 * (sizes.length - 1), low = Math.floor(at);
  const limit = sizes[low] + (at - low) * (sizes[Math.min(low + 1, sizes.length - 1)] - sizes[low]);
  return limit || sizes[sizes.length - 1] || 1e-12;
}

/** Spearman's rank correlation of the absolute values: do two maps point to the same places? */
function similarity(one, other) {
  const ranks = map => {
    const order = Array.from(map, (value, i) => [Math.abs(value), i]).sort((a, b) => a[0] - b[0]);
    const found = new Float64Array(map.length);
    for (let i = 0, j; i < order.length; i = j) {
      for (j = i; j < order.length && order[j][0] === order[i][0]; j++);
      for (let k = i; k < j; k++) found[order[k][1]] = (i + j - 1) / 2;
    }
    return found.map(rank => rank - (map.length - 1) / 2);
  };
  const a = ranks(one), b = ranks(other), dot = (p, q) => p.reduce((sum, value, i) => sum + value * q[i], 0);
  const scale = Math.sqrt(dot(a, a) * dot(b, b));
  return scale ? dot(a, b) / scale : 0;
}

function probabilitiesOf(logits, task) {
  if (task === 'multi-label') return logits.map(score => 1 / (1 + Math.exp(-score)));
  const most = Math.max(...logits), raised = logits.map(score => Math.exp(score - most));
  const total = raised.reduce((sum, value) => sum + value);
  return raised.map(value => value / total);
}

/** Where a map is strongest, in words, for who does not see it. */
function whereStrong(map, {height, width}) {
  const limit = limitOf(map);
  let rows = 0, columns = 0, total = 0;
  map.forEach((value, i) => {
    const weight = Math.abs(value) >= 0.5 * limit ? Math.abs(value) : 0;
    rows += weight * Math.floor(i / width);
    columns += weight * (i % width);
    total += weight;
  });
  if (!total) return 'It is empty.';
  const third = (at, side, names) => names[Math.min(Math.floor(3 * (at / total + 0.5) / side), 2)];
  const down = third(rows, height, ['top', 'middle', 'bottom']), across = third(columns, width, ['left', 'centre', 'right']);
  return `Its strong values centre on the ${down} ${across}.`;
}

// --- the page --------------------------------------------------------------------------------------------------------

const FACTS = JSON.parse(document.getElementById('facts').textContent);
const NETWORKS = ['trained', 'random'];
const FOR = [213, 94, 0], AGAINST = [0, 114, 178];  // vermilion and blue, which colour-blind readers tell apart
const FILLS = {mean: 'grey, the mean', blurred: 'blurred', black: 'black'};
const OUTCOMES = ['true positive', 'false negative', 'false positive', 'true negative'];

const $ = id => document.getElementById(id);
const PAGE = {images: null, maps: null, scores: null, labels: null, networks: null, live: new Map(), job: 0, shown: {}, hues: {}};
const STATE = {
  case: 0, method: FACTS.methods[0].name, target: null, sign: 'both', opacity: 0.7, positive: FACTS.positive, threshold: 0.5,
  outcome: null, split: FACTS.cases[0].split, cover: {on: false, left: 0, top: 0, side: FACTS.cover, fill: 'mean'},
  options: Object.fromEntries(FACTS.methods.map(({name, options}) => [name, Object.fromEntries(options.map(o => [o.name, o.default]))])),
};

/** An element with attributes and children; a function as an attribute listens. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

const method = () => FACTS.methods.find(({name}) => name === STATE.method);
const chosen = () => FACTS.cases[STATE.case];
const best = values => values.indexOf(Math.max(...values));
const target = () => STATE.target ?? best(chosen().logits.trained);
const pixels = index => PAGE.images.subarray(index * PAGE.size, (index + 1) * PAGE.size);
const nameOf = ({split, number}) => `image ${number} of the ${split} split`;
const phantom = FACTS.phantom ? 'Phantom image: ' : '';
const shown = value => value.toFixed(2);

/** The image as the network sees it, with what covers it. */
function seen() {
  const x = Float32Array.from(pixels(STATE.case), value => value / 127.5 - 1), {on, left, top, side, fill} = STATE.cover;
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

const toBytes = x => Uint8Array.from(x, value => Math.round((value + 1) * 127.5));
const keyOf = which => JSON.stringify([which, STATE.case, STATE.method, target(), STATE.options[STATE.method], STATE.cover.on && STATE.cover]);

/** The map that was computed beforehand, where it is of what is asked; else null. */
function beforehand(which) {
  const usual = Object.fromEntries(method().options.map(option => [option.name, option.default]));
  if (STATE.cover.on || target() !== best(chosen().logits.trained) || JSON.stringify(usual) !== JSON.stringify(STATE.options[STATE.method])) return null;
  return packedMap(STATE.method, which, STATE.case);
}

function packedMap(name, which, index) {
  const size = pixelsOf(FACTS), place = FACTS.methods.findIndex(each => each.name === name);
  const at = (place * 2 + NETWORKS.indexOf(which)) * FACTS.cases.length + index, scale = FACTS.scales[at] / 127;
  return Float32Array.from(PAGE.maps.subarray(at * size, (at + 1) * size), value => value * scale);
}

function paintAll() {
  const x = seen(), image = toBytes(x), {title, signed} = method(), name = FACTS.classes[target()];
  paint($('image'), image, null);
  const covering = STATE.cover.on ? `, a square of ${STATE.cover.side} pixels covered` : '';
  $('image').setAttribute('aria-label', `${phantom}${nameOf(chosen())}, label ${chosen().label}${covering}`);
  for (const which of NETWORKS) {
    const live = PAGE.live.get(keyOf(which)), map = live?.map ?? beforehand(which);
    if (map) PAGE.shown[which] = {map, live};
    const now = PAGE.shown[which];
    paint($(which), image, now?.map);
    const who = which === 'trained' ? 'the trained network' : 'the network with random weights';
    $(which).setAttribute('aria-label', `${phantom}${title} of ${who} for ${name}, ${nameOf(chosen())}. ${now ? whereStrong(now.map, FACTS) : ''}`);
    $(`${which}-how`).textContent = !map ? (PAGE.networks ? 'computing …' : PAGE.failed ? 'needs WebAssembly' : 'waits for the runtime …')
      : live ? `live, ${live.milliseconds < 10 ? live.milliseconds.toFixed(1) : Math.round(live.milliseconds)} ms` : 'computed beforehand';
  }
  const {trained, random} = PAGE.shown;
  $('similar').textContent = trained && random ? `similarity of the two maps ${shown(similarity(trained.map, random.map))}` : '';
  $('legend').hidden = !signed;
  $('unsigned').hidden = signed;
}

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
  answers(null);
  if (!PAGE.networks) return;
  const before = PAGE.busy;
  let done;
  PAGE.busy = new Promise(resolve => { done = resolve; });
  await before;
  try {
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
        const start = performance.now(), map = await METHODS[STATE.method](net, x, target(), STATE.options[STATE.method]);
        if (PAGE.live.size > 400) PAGE.live.clear();
        PAGE.live.set(key, {map, milliseconds: performance.now() - start});
        performance.mark('medtutor-live');
      }
      paintAll();
    }
  } catch (error) {
    if (!(error instanceof Stopped)) fail(`The map could not be computed here (${error.message}); choose another method.`);
  } finally {
    done();
  }
}

async function start() {
  if (typeof WebAssembly !== 'object') throw new Error('it does not run WebAssembly');
  if (document.readyState === 'loading') await new Promise(done => document.addEventListener('DOMContentLoaded', done));
  const [code, binary, gradient, forward] = await Promise.all(['runtime', 'wasm', 'gradient', 'forward'].map(block));
  const address = URL.createObjectURL(new Blob([code], {type: 'text/javascript'}));
  const ort = await import(address);
  URL.revokeObjectURL(address);
  ort.env.wasm.numThreads = 1;  // more need headers that a file does not send
  ort.env.wasm.wasmBinary = binary;
  ort.env.logLevel = 'error';
  const weights = which => async () => joined(await block(`${which}-weights`));
  return Object.fromEntries(NETWORKS.map(which => [which, new Network(ort, FACTS, {gradient, forward}, weights(which))]));
}

const say = words => { $('status').textContent = words; };
function fail(words) {
  $('alert').textContent = words;
  $('alert').hidden = false;
}

// --- controls ----------------------------------------------------------------------------------------------------------

function select(id, label, choices, value, change) {
  const list = make('select', {id, change: event => change(event.target.value)});
  for (const [key, words] of choices) list.append(new Option(words, key, false, String(key) === String(value)));
  return make('div', {class: 'control'}, make('label', {for: id}, label), list);
}

function slider(id, label, {low, high, step}, value, change, tip) {
  const output = make('output', {for: id}, String(value));
  const input = make('input', {type: 'range', id, min: low, max: high, step, value, title: tip,
    input: event => { output.textContent = event.target.value; change(Number(event.target.value)); }});
  return make('div', {class: 'control'}, make('label', {for: id}, label, output), input);
}

function drawControls() {
  const classes = FACTS.classes.map((name, i) => [i, name]);
  $('choices').replaceChildren(
    select('method', 'Method', FACTS.methods.map(({name, title}) => [name, title]), STATE.method, value => { STATE.method = value; drawOptions(); update(); }),
    make('p', {id: 'computes', class: 'note'}), make('div', {id: 'options'}),
    select('target', 'Class that is explained', [['', 'the predicted one'], ...classes], STATE.target ?? '', value => { STATE.target = value === '' ? null : Number(value); update(); }),
    make('fieldset', {id: 'sign', class: 'segments'}, make('legend', {}, 'Show what speaks'),
      ...['both', 'for', 'against'].map(sign => make('label', {}, make('input', {type: 'radio', name: 'sign', value: sign, checked: sign === STATE.sign,
        change: () => { STATE.sign = sign; paintAll(); }}), sign))),
    slider('opacity', 'Opacity', {low: 0, high: 1, step: 0.05}, STATE.opacity, value => { STATE.opacity = value; paintAll(); }));
  drawOptions();
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
      'aria-label': `${phantom}${nameOf(each)}, label ${each.label}, ${outcome}`, class: wrong ? 'wrong' : '',
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
  for (const other of $('thumbnails').querySelectorAll('button')) {
    other.setAttribute('aria-pressed', String(other === button));
    other.tabIndex = other === button ? 0 : -1;
  }
  button.focus();
  drawCase();
  update();
}

function walk(event) {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  const buttons = [...$('thumbnails').querySelectorAll('button')], to = buttons[buttons.indexOf(document.activeElement) + step];
  if (!to) return;
  event.preventDefault();
  to.click();
}

function drawCase() {
  const each = chosen(), said = probabilitiesOf(each.logits.trained, FACTS.task), first = best(said);
  $('case').textContent = `Image ${each.number}, ${each.split}`;
  $('label').textContent = `label: ${each.label} · the network says: ${FACTS.classes[first]}, ${shown(said[first])}`;
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
  $('thumbnails').addEventListener('keydown', walk);
  $('which').replaceChildren(select('split', 'Split', [...splits, ['', 'both']], STATE.split, value => { STATE.split = value; drawThumbnails(); }));
}

// --- begin -------------------------------------------------------------------------------------------------------------

async function main() {
  [PAGE.images, PAGE.maps] = await Promise.all([block('images'), block('maps').then(bytes => new Int8Array(bytes.buffer))]);
  PAGE.size = FACTS.channels * pixelsOf(FACTS);
  for (const id of ['image', ...NETWORKS]) Object.assign($(id), {width: FACTS.width, height: FACTS.height});
  drawControls();
  drawCase();
  update();
  performance.mark('medtutor-painted');
  PAGE.scores = new Uint16Array((await block('val-scores')).buffer);
  PAGE.labels = await block('val-labels');
  drawThreshold();
  drawMatrix();
  drawThumbnails();
  say('Starting the network in this page …');
  try {
    PAGE.networks = await start();
  } catch (error) {
    PAGE.failed = true;
    say(`This browser cannot compute here (${error.message}). The maps that were computed beforehand stay: every method, for the predicted class, with its usual settings.`);
    paintAll();
    return;
  }
  say('Live: maps are computed in this page. Nothing leaves it.');
  drawOptions();
  await update();
}

/** What tests and other pages may ask for. */
window.medtutor = {
  facts: FACTS, methods: METHODS,
  map: async (which, index, name, target, options) => {
    await PAGE.busy;
    const net = PAGE.networks[which];
    net.stopped = () => false;
    return METHODS[name](net, Float32Array.from(pixels(index), value => value / 127.5 - 1), target, options);
  },
  before: packedMap,
  idle: async () => { while (PAGE.idle !== PAGE.busy) await (PAGE.idle = PAGE.busy); },
  ready: main().catch(error => fail(`This page is damaged and cannot be shown (${error.message}); make it again with medtutor page.`)),
};
