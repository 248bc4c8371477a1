/* What a page computes: maps of attribution, by the formulas of medtutor.explanation.
 *
 * `Network` asks the ONNX graph for scores and gradients, `METHODS` make maps of them. The page itself is page.mjs,
 * which follows this file in the same module.
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

class Damaged extends Error {}

/** The bytes of the element with that id; its text is let go. */
function raw(id) {
  const element = document.getElementById(id);
  if (!element) throw new Damaged(`its part "${id}" is missing`);
  const text = element.textContent, length = Number(element.dataset.bytes);
  if (text.length !== 2 * Math.ceil(length * 8 / 13)) throw new Damaged(`its part "${id}" is not whole`);
  element.textContent = '';
  return bytesOf(text, length);
}

/** The same, unpacked. */
async function block(id) {
  const stream = new Blob([raw(id)]).stream().pipeThrough(new DecompressionStream('gzip'));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Damaged(`its part "${id}" cannot be unpacked`);
  }
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

  wide() { return ((this.next() & 0x1fffff) * 0x100000000 + this.next()) / 9007199254740992; }  // torch, float64
  single() { return (this.next() & 0xffffff) / 0x1000000; }  // torch, float32
  double() { return ((this.next() >>> 5) * 67108864 + (this.next() >>> 6)) / 9007199254740992; }  // numpy

  /** One standard normal number (Box and Muller); of a pair the second waits until it is asked. */
  normal() {
    if (this.spare !== undefined) {
      const found = this.spare;
      this.spare = undefined;
      return found;
    }
    const angle = 2 * Math.PI * this.wide(), radius = Math.sqrt(-2 * Math.log1p(-this.wide()));
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Standard normal numbers, as torch fills a tensor: sixteen at a time, fewer one by one. */
  normals(count) {
    if (count < 16) return Float32Array.from({length: count}, () => this.normal());
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
  /** `graphs` are the ONNX files gradient, forward and guided; `weights` is a function that gives their numbers. */
  constructor(ort, facts, graphs, weights) {
    Object.assign(this, {ort, facts, graphs, weights, sessions: {}, stopped: () => false});
    this.size = facts.channels * facts.height * facts.width;
  }

  /** The runtime takes a moment to open a graph, so each is opened when it is first asked. */
  async open(kind) {
    if (!this.sessions[kind]) {
      this.bytes ??= await this.weights();
      const externalData = [{path: 'weights', data: this.bytes}];
      this.sessions[kind] = await this.ort.InferenceSession.create(this.graphs[kind], {externalData});
    }
    return this.sessions[kind];
  }

  /** `fill(i, x)` writes image i; `take(i, results, x)` gets its part of every output. */
  async #run(kind, count, fill, target, take) {
    const most = this.facts.single ? 1 : AT_ONCE, session = await this.open(kind), {channels, height, width, classes} = this.facts;
    for (let start = 0; start < count; start += most) {
      const n = Math.min(most, count - start), x = new Float32Array(n * this.size);
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
  guided(x, target, take) { return this.#run('guided', 1, (_, into) => into.set(x), target, (_, found) => take(found)); }
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
    const draws = drawn(new Twister(seed), samples, net), total = new Float64Array(x.length);
    const noisy = (sample, into) => x.forEach((value, i) => { into[i] = value + 2 * noise * draws[sample][i]; });
    await net.gradients(samples, noisy, target, (_, {gradient}) => gradient.forEach((g, i) => { total[i] += g; }));
    return summed(total.map(sum => Math.abs(sum / samples)), net.facts);
  },

  async gradient_shap(net, x, target, {samples, noise, baseline, seed}) {
    const base = BASELINES[baseline](x, net.facts), total = new Float64Array(x.length), places = new Twister(seed);
    const draws = drawn(new Twister(seed), samples, net);
    const near = (sample, i) => x[i] + 2 * noise * draws[sample][i];
    const between = (sample, into) => {
      const share = Math.fround(places.double());
      for (let i = 0; i < x.length; i++) into[i] = share * near(sample, i) + (1 - share) * base[i];
    };
    const take = (sample, {gradient}) => gradient.forEach((g, i) => { total[i] += (near(sample, i) - base[i]) * g; });
    await net.gradients(samples, between, target, take);
    return summed(total.map(sum => sum / samples), net.facts);
  },

  async guided_backprop(net, x, target) {
    let map;
    await net.guided(x, target, ({gradient}) => { map = summed(gradient, net.facts); });
    return map;
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

  async kernel_shap(net, x, target, {patch, samples, baseline, seed}) {
    const {height, width} = net.facts, across = Math.ceil(width / patch), size = height * width;
    const patchOf = Uint32Array.from({length: size}, (_, i) => Math.floor(Math.floor(i / width) / patch) * across + Math.floor(i % width / patch));
    const count = across * Math.ceil(height / patch), left = coalitions(count, samples, new Twister(seed));
    const cover = BASELINES[baseline](x, net.facts), scores = new Float32Array(left.length), pixels = new Uint32Array(count);
    const mixed = (sample, into) => { for (let i = 0; i < x.length; i++) into[i] = left[sample][patchOf[i % size]] ? x[i] : cover[i]; };
    await net.logits(left.length, mixed, (sample, {logits}) => { scores[sample] = logits[target]; });
    const shares = fitted(left, scores);
    for (const at of patchOf) pixels[at]++;
    return Float32Array.from(patchOf, at => shares[at] / pixels[at]);
  },

  async rise(net, x, target, {samples, cells, share, baseline, seed}) {
    const {facts} = net, draws = new Twister(seed), cover = BASELINES[baseline](x, facts), size = pixelsOf(facts);
    const sides = [facts.height, facts.width].map(side => Math.ceil(side / cells));  // of a cell, in pixels
    const left = Array.from({length: samples}, () => Float32Array.from({length: cells * cells}, () => draws.single() < Math.fround(share)));
    const starts = Array.from({length: samples}, () => sides.map(side => Math.floor(Math.fround(draws.single() * side))));
    const large = sides.map(side => (cells + 1) * side);
    const mask = sample => enlarged(left[sample], [cells, cells], large, facts, starts[sample]);
    const scores = new Float64Array(samples), total = new Float64Array(size);
    const mixed = (sample, into) => {
      const open = mask(sample);
      for (let i = 0; i < x.length; i++) into[i] = open[i % size] * x[i] + (1 - open[i % size]) * cover[i];
    };
    await net.logits(samples, mixed, (sample, {logits}) => { scores[sample] = logits[target]; });
    const mean = scores.reduce((sum, score) => sum + score, 0) / samples;
    for (let sample = 0; sample < samples; sample++) {
      const open = mask(sample), above = scores[sample] - mean;
      for (let i = 0; i < size; i++) total[i] += above * open[i];
    }
    return Float32Array.from(total, sum => sum / (samples * share));
  },
};

/** Which patches are left in each sample, 0 or 1, as Kernel SHAP draws them: first all, then none. */
function coalitions(count, samples, twister) {
  const left = [new Uint8Array(count).fill(1), new Uint8Array(count)];
  if (count === 1) return left;
  const weights = Float32Array.from({length: count}, (_, size) => size && (count - 1) / (size * (count - size)));
  const sum = weights.reduce((total, weight) => total + weight);
  while (left.length < samples) {
    let size = 0, most = -1;
    weights.forEach((weight, i) => {
      const found = Math.fround(Math.fround(weight / sum) / Math.fround(-Math.log1p(-twister.wide())));
      if (found > most) [size, most] = [i, found];
    });
    const values = twister.normals(count), limit = values.slice().sort()[count - size - 1];
    left.push(Uint8Array.from(values, value => value > limit));
  }
  return left;
}

/** Shares that add up to the scores as well as can be; to the first two almost exactly. The smallest such shares. */
function fitted(left, scores) {
  const count = left[0].length, rows = left.length, found = new Float64Array(count);
  if (Math.min(...scores) === Math.max(...scores)) return found;
  const weights = Float64Array.from({length: rows}, (_, i) => i < 2 ? 1e6 : 1), total = 2e6 + rows - 2;
  const means = new Float64Array(count), mean = weights.reduce((sum, weight, i) => sum + weight * scores[i], 0) / total;
  left.forEach((row, i) => row.forEach((value, k) => { means[k] += weights[i] * value / total; }));
  const matrix = left.map((row, i) => Float64Array.from(row, (value, k) => Math.sqrt(weights[i]) * (value - means[k])));
  const dot = (a, b) => { let sum = 0; for (let i = 0; i < a.length; i++) sum += a[i] * b[i]; return sum; };
  const back = rest => matrix.reduce((sum, row, i) => { for (let k = 0; k < count; k++) sum[k] += rest[i] * row[k]; return sum; }, new Float64Array(count));
  // Conjugate gradients on the normal equations: from zero they lead to the smallest of all solutions.
  const rest = Float64Array.from(scores, (score, i) => Math.sqrt(weights[i]) * (score - mean));
  let slope = back(rest), way = slope.slice(), steep = dot(slope, slope);
  for (let step = 0, least = 1e-24 * steep; step < 20 * count && steep > least; step++) {
    const ahead = matrix.map(row => dot(row, way)), length = steep / dot(ahead, ahead);
    for (let k = 0; k < count; k++) found[k] += length * way[k];
    for (let i = 0; i < rows; i++) rest[i] -= length * ahead[i];
    slope = back(rest);
    const next = dot(slope, slope);
    for (let k = 0; k < count; k++) way[k] = slope[k] + next / steep * way[k];
    steep = next;
  }
  return found;
}

/** Noise of every sample; torch draws it for as many at once as go through its network. */
function drawn(twister, samples, {facts, size}) {
  const most = Math.max(1, Math.floor(128 * 28 * 28 / pixelsOf(facts))), found = [];
  for (let left = samples; left > 0; left -= most) {
    const portion = Math.min(left, most), numbers = twister.normals(portion * size);
    for (let i = 0; i < portion; i++) found.push(numbers.subarray(i * size, (i + 1) * size));
  }
  return found;
}

/** A coarse map enlarged bilinearly to the pixels that it covers, as torch does, and cut to the image, from a start on. */
function enlarged(coarse, [rows, columns], [tall, wide], {height, width}, [above = 0, before = 0] = []) {
  const place = (at, side, large) => {
    const exact = Math.max((at + 0.5) * side / large - 0.5, 0), first = Math.floor(exact);
    return [first, Math.min(first + 1, side - 1), exact - first];
  };
  const across = Array.from({length: width}, (_, column) => place(before + column, columns, wide)), found = new Float32Array(height * width);
  for (let r = 0, i = 0; r < height; r++) {
    const [top, bottom, down] = place(above + r, rows, tall);
    for (const [left, right, share] of across) {
      const row = at => coarse[at * columns + left] * (1 - share) + coarse[at * columns + right] * share;
      found[i++] = row(top) * (1 - down) + row(bottom) * down;
    }
  }
  return found;
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
