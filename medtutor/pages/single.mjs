/* A network that takes one image, or one clip, at a time: medtutor/pages/fixed.py writes its graphs. */

class Single {
  /** `shape` of what it takes, `graphs` {name: ONNX file}, `others` {name: shape} of further inputs. */
  constructor(ort, shape, graphs, others = {}) {
    Object.assign(this, {ort, shape, graphs, others, sessions: {}, stopped: () => false});
    this.size = shape.reduce((product, side) => product * side);
  }

  async open(kind) {
    if (!this.sessions[kind]) {
      this.bytes ??= await weightsOf('trained')();
      this.sessions[kind] = await this.ort.InferenceSession.create(this.graphs[kind], {externalData: [{path: 'weights', data: this.bytes}]});
    }
    return this.sessions[kind];
  }

  /** `fill(i, x)` writes input i; `take(i, results)` gets every output; `more` are further inputs, the same each time. */
  async each(kind, count, fill, more, take) {
    const session = await this.open(kind), tensor = (data, shape) => new this.ort.Tensor('float32', data, [1, ...shape]);
    const given = Object.fromEntries(Object.entries(more).map(([name, data]) => [name, tensor(data, this.others[name])]));
    for (let i = 0; i < count; i++) {
      const x = new Float32Array(this.size);
      fill(i, x);
      const found = await session.run({x: tensor(x, this.shape), ...given});
      take(i, Object.fromEntries(Object.entries(found).map(([name, {data}]) => [name, data])));
      if (i % 8 === 7) await breathe();
      if (this.stopped()) throw new Stopped();
    }
  }
}
