/* What every page needs: elements, controls, messages, the runtime, one job at a time, keys.
 *
 * It follows compute.mjs in the same module; the page of a kind of task follows it: classification.mjs and others.
 */

const FACTS = JSON.parse(document.getElementById('facts').textContent);
const $ = id => document.getElementById(id);

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


const shown = value => value.toFixed(2);
const floats = bytes => Float32Array.from(bytes, value => value / 127.5 - 1);
const took = milliseconds => `live, ${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
const toBytes = x => Uint8Array.from(x, value => Math.round((value + 1) * 127.5));

// --- messages ----------------------------------------------------------------------------------------------------------

const say = words => { $('status').textContent = words; };
function fail(words) {
  $('alert').textContent = words;
  $('alert').hidden = false;
}

/** Begin what a page does; where its bytes are not whole, that is said. */
function begun(main) {
  const done = main().catch(error => fail(`This page is damaged and cannot be shown (${error.message}); make it again with medtutor page.`));
  if (parent !== window) parent.postMessage('medtutor-page', '*');  // a notebook's frame then takes its room: frame.py
  return done;
}

// --- the runtime -------------------------------------------------------------------------------------------------------

const WORK = {busy: undefined, idle: null};

/** Do some work when whatever else asks the networks is done: one at a time. */
async function inTurn(work) {
  const before = WORK.busy;
  let done;
  WORK.busy = new Promise(resolve => { done = resolve; });
  await before;
  try {
    return await work();
  } finally {
    done();
  }
}

/** The same, and `words` of what went wrong; what was stopped, since something else is wanted, did not. */
async function attempt(work, words) {
  try {
    await inTurn(work);
  } catch (error) {
    if (!(error instanceof Stopped)) fail(words(error.message));
  }
}

/** When nothing asks the networks any more. */
async function idle() {
  while (WORK.idle !== WORK.busy) await (WORK.idle = WORK.busy);
}

/** ONNX Runtime, from the bytes in this page. Throws an Error where the browser cannot run it. */
async function runtime() {
  if (typeof WebAssembly !== 'object') throw new Error('it does not run WebAssembly');
  if (document.readyState === 'loading') await new Promise(done => document.addEventListener('DOMContentLoaded', done));
  const [code, binary] = await Promise.all(['runtime', 'wasm'].map(block));
  const address = URL.createObjectURL(new Blob([code], {type: 'text/javascript'}));
  const ort = await import(address);
  URL.revokeObjectURL(address);
  ort.env.wasm.numThreads = 1;  // more need headers that a file does not send
  ort.env.wasm.wasmBinary = binary;
  ort.env.logLevel = 'error';
  return ort;
}

/** {name: ONNX file}. */
const graphsOf = async (...names) => Object.fromEntries(await Promise.all(names.map(async name => [name, await block(name)])));
/** A function that gives the weights of a network. */
const weightsOf = which => async () => joined(await block(`${which}-weights`));

// --- controls and keys -------------------------------------------------------------------------------------------------

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

/** Arrow keys go from one button of a list to the next, and press it. */
function walked(event) {
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
  const buttons = [...event.currentTarget.querySelectorAll('button')], to = buttons[buttons.indexOf(document.activeElement) + step];
  if (!to) return;
  event.preventDefault();
  to.click();
}

/** Of all buttons of a list one is chosen: Tab reaches it, arrow keys the others. */
function press(list, button) {
  for (const other of list.querySelectorAll('button')) {
    other.setAttribute('aria-pressed', String(other === button));
    other.tabIndex = other === button ? 0 : -1;
  }
  button.focus();
}
