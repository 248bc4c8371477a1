/* How far to trust a map: deletion and insertion, as medtutor.explanation.scores has them. */

const CURVE_STEPS = 28;

/** How many pixels are changed at each step: torch.linspace(0, size, steps + 1).round(), a half to the even side. */
function portionsOf(size) {
  const steps = Math.min(CURVE_STEPS, size), width = Math.fround(size / steps);
  return Array.from({length: steps + 1}, (_, i) => {
    const value = Math.fround(i < (steps + 1) / 2 ? width * i : size - width * (steps - i)), low = Math.floor(value);
    return value - low === 0.5 ? low + low % 2 : Math.round(value);
  });
}

/** {share, deletion, insertion}: the target's probability while the most important pixels of x are blurred, or given
 * back to the blurred image. `shuffled` says which of equal pixels comes first. */
async function curvesOf(net, x, map, target, shuffled) {
  const size = map.length, counts = portionsOf(size), base = BASELINES.blurred(x, net.facts), ranks = new Uint32Array(size);
  Array.from(shuffled).sort((a, b) => map[b] - map[a]).forEach((pixel, rank) => { ranks[pixel] = rank; });
  const found = {share: counts.map(count => count / size), deletion: {value: []}, insertion: {value: []}};
  for (const [name, before, after] of [['deletion', x, base], ['insertion', base, x]]) {
    const {value} = found[name];
    const changed = (step, into) => { for (let i = 0; i < x.length; i++) into[i] = (ranks[i % size] < counts[step] ? after : before)[i]; };
    await net.logits(counts.length, changed, (step, {logits}) => { value[step] = probabilitiesOf(logits, net.facts.task)[target]; });
    const area = value.slice(1).reduce((sum, high, i) => sum + (found.share[i + 1] - found.share[i]) * (high + value[i]) / 2, 0);
    found[name].auc = Math.min(Math.max(area, 0), 1);  // rounding must not lead beyond
  }
  return found;
}
