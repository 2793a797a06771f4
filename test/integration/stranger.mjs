/**
 * What a stranger may bring, in a module that imports nothing of ours: a picture of four by four grey values as an input,
 * a base of one convolution, a task that answers with several labels, and an HTTP surface with a setting.
 */
import { createHash } from 'node:crypto'

const SIDE = 4
const MOST = 512
const CHANNELS = 3
const isGrey = (value) => Number.isInteger(value) && value >= 0 && value <= 255
const isSide = (length) => length > 0 && length <= MOST && length % SIDE === 0

/** `bytes`: as JSON. */
const pictureOf = (bytes) => ({
  name: 'picture',
  summary: 'a square of grey values, a multiple of four on each side',
  bytes: () => bytes,
  example: [
    [0, 0, 255, 255],
    [0, 0, 255, 255],
    [0, 0, 255, 255],
    [0, 0, 255, 255],
  ],
  read(value) {
    const isRow = (row) => Array.isArray(row) && row.length === value.length && row.every(isGrey)
    if (!Array.isArray(value) || !isSide(value.length) || !value.every(isRow))
      throw new Error(
        'a picture is a square of grey values from 0 to 255, four on each side or more',
      )
    return { kind: 'picture', picture: value }
  },
  schema() {
    const items = { type: 'integer', minimum: 0, maximum: 255 }
    const row = { type: 'array', minItems: SIDE, maxItems: MOST, items }
    return { type: 'array', minItems: SIDE, maxItems: MOST, items: row }
  },
})

/** The mean of each of its four by four parts. */
function small(rows) {
  const size = rows.length / SIDE
  const means = new Float32Array(SIDE * SIDE)
  for (const [row, greys] of rows.entries())
    for (const [column, grey] of greys.entries())
      means[Math.floor(row / size) * SIDE + Math.floor(column / size)] += grey / 255 / size ** 2
  return means
}

const tags = {
  name: 'tags',
  summary: 'the right labels of an input',
  words: ['tags'],
  isCorrection: true,
  about: 'input',
  read(value) {
    if (!Array.isArray(value) || !value.every((tag) => typeof tag === 'string'))
      throw new Error('tags are a list of texts')
    return { kind: 'tags', tags: [...new Set(value)].sort() }
  },
  schema: () => ({ tags: { type: 'array', items: { type: 'string', maxLength: 20 } } }),
}

/** Kernels of two by two, at every second place: as a matrix [pixels, places · channels]. */
function convolution() {
  const places = (SIDE / 2) ** 2
  const data = new Float32Array(SIDE * SIDE * places * CHANNELS)
  for (let place = 0; place < places; place += 1)
    for (let at = 0; at < 4; at += 1) {
      const row = 2 * Math.floor(place / 2) + Math.floor(at / 2)
      const column = 2 * (place % 2) + (at % 2)
      for (let channel = 0; channel < CHANNELS; channel += 1)
        data[(row * SIDE + column) * places * CHANNELS + place * CHANNELS + channel] = [
          1 / 4,
          at % 2 === 0 ? -1 : 1,
          at < 2 ? -1 : 1,
        ][channel]
    }
  return { shape: [SIDE * SIDE, places * CHANNELS], data }
}

/** The second channel is how dark it is. */
const brightness = (_, at) => (at % CHANNELS === 1 ? 1 : 0)

const base = {
  kind: 'base',
  name: 'grey',
  summary: 'one convolution over a small picture',
  settings: {
    picture_bytes: {
      type: 'integer',
      default: 2 ** 20,
      description: 'the most that a picture has',
    },
  },
  async open({ picture_bytes: bytes }) {
    const weight = convolution()
    const [inSize, width] = weight.shape
    const site = { name: 'conv', kind: 'linear', role: 'conv', layer: 0, inSize, outSize: width }
    const plain = (ops, x) =>
      ops.add(ops.matMul(x, ops.weight('conv.weight')), ops.weight('conv.bias'))
    return {
      name: 'grey',
      hash: createHash('sha256').update(weight.data).digest('hex'),
      reads: [pictureOf(bytes)],
      rows: 'values',
      weights: new Map([
        ['conv.weight', weight],
        ['conv.bias', { shape: [width], data: Float32Array.from({ length: width }, brightness) }],
      ]),
      network: {
        layers: 1,
        width,
        unit: false,
        latentWidth: (cut) => (cut === 0 ? inSize : width),
        sites: (cut) => (cut === 0 ? [site] : []),
        trunk: (ops, { values }, cut) => (cut === 0 ? values : ops.relu(plain(ops, values))),
        tail(ops, hidden, _mask, cut, adaptation) {
          if (cut > 0) return hidden
          const [w, bias] = [ops.weight('conv.weight'), ops.weight('conv.bias')]
          return ops.relu(adaptation.linear('conv', hidden, w, bias, () => plain(ops, hidden)))
        },
        pool: (_ops, positions) => positions,
      },
      encode: ({ picture: rows }) => ({ data: small(rows) }),
    }
  },
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x))
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const answered = (outputs, names) => names.filter((_, at) => (outputs[at] ?? 0) > 0)

const head = {
  reads: 'pooled',
  hasClasses: true,
  headIn: ({ tags: names = [] }) => names,
  outputs: (names) => names.length,
  parameters: (width, outputs) => [
    { name: 'head.weight', shape: [width, outputs], start: 'zeros' },
    { name: 'head.bias', shape: [outputs], start: 'zeros' },
  ],
  grow: (_name, tensor) => tensor,
  logits: (ops, x) => ops.add(ops.matMul(x, ops.param('head.weight')), ops.param('head.bias')),
  scale: () => 1,
}

const list = { type: 'array', items: { type: 'string' } }
const count = { type: 'object', properties: {} }

const view = {
  signals: [tags],
  schemas: {
    answer: {
      properties: {
        tags: list,
        brightest: { type: 'integer' },
        places: { type: 'array', items: { type: 'integer' } },
      },
      required: ['tags', 'brightest'],
    },
    facts: { properties: { tags: list } },
    stratum: { properties: {} },
    quality: { properties: { events: { type: 'integer' } } },
    brief: count,
  },
  score: { name: 'share', meaning: 'share of the labels that are right' },
  example: ({ tags: names = [] }) => ({ tags: names.slice(0, 1) }),
  answer: (answer) => answer,
  message: ({ tags: names = [] }) => ({ text: names.join(', ') }),
  served: (answer) => ({ text: answer.tags.join(), shown: answer }),
  facts: ({ tags: names = [] }) => ({ tags: names }),
  stratum: () => ({}),
  brief: () => ({}),
  measure: () => undefined,
  gauges: [],
}

function openTags({ tags: names }) {
  const right = (target, at) => Number(target.includes(names[at]))
  return {
    ...head,
    kind: 'several',
    view,
    start: names,
    grown: () => names,
    union: () => names,
    declared: () => [],
    named: () => [],
    shared: () => names.length,
    check: () => undefined,
    facts: (known) => ({ tags: known }),
    headOf: ({ tags: known = [] }) => known,
    target({ tags: said }) {
      const unknown = said.find((tag) => !names.includes(tag))
      if (unknown !== undefined) throw new Error(`${unknown} is none of ${names.join(', ')}`)
      return said
    },
    admit(signal) {
      this.target(signal)
    },
    topics: () => [],
    selected: () => undefined,
    loss({ target, outputs, share, among = [...names.keys()] }, _head, gradient) {
      let loss = 0
      for (const at of among) {
        const z = outputs[at] ?? 0
        gradient[at] = (gradient[at] ?? 0) + share * (sigmoid(z) - right(target, at))
        loss += share * (softplus(z) - right(target, at) * z)
      }
      return loss
    },
    distil: () => 0,
    score(outputs, target) {
      const wrong = names.filter((_, at) => Number((outputs[at] ?? 0) > 0) !== right(target, at))
      let loss = 0
      for (const [at, z] of outputs.entries()) loss += softplus(z) - right(target, at) * z
      return { error: wrong.length / names.length, loss, answer: answered(outputs, names) }
    },
    judge: (served, target) => Number(served !== target.join()),
    present: (facts) => facts,
    needsOffsets: true,
    decode: (outputs, { facts, row }) => ({
      tags: answered(outputs, facts.tags ?? names),
      brightest: row.data.indexOf(Math.max(...row.data)),
      ...(row.offsets && { places: [...row.offsets] }),
    }),
    strata: (target) => [target.join()],
    silent: [],
    size: (target) => target.join().length,
    isTest: () => true,
    shown: (target) => ({ tags: target }),
    retired: [],
    retiredIn: () => [],
    revised: () => undefined,
    foreign: () => undefined,
    renaming: () => undefined,
    classes: {
      columns: (target) => target.map((tag) => ({ at: names.indexOf(tag), isRight: true })),
      names: () => names,
      answering: () => [...names.keys()],
      vote: () => undefined,
      voted: () => undefined,
    },
    openQuality() {
      let [events, wrong] = [0, 0]
      return {
        observe({ error }) {
          events += 1
          wrong += error
        },
        report() {
          const accuracy = events === 0 ? 0 : 1 - wrong / events
          return { events, accuracy, accuracy_recent: accuracy }
        },
        snapshot: () => ({ events, wrong }),
        restore: (state) => {
          ;({ events, wrong } = state)
        },
      }
    },
  }
}

const task = {
  ...head,
  kind: 'task',
  name: 'several',
  summary: 'any number of the labels that it knows',
  settings: { tags: { type: 'list', of: { type: 'text' }, description: 'its labels' } },
  open: openTags,
}

const surface = {
  kind: 'surface',
  name: 'hello',
  summary: 'names the models, with a greeting',
  settings: { greeting: { type: 'text', default: 'hello', description: 'what it says first' } },
  open: async ({ greeting }, services) => ({
    prefix: '/hello',
    errors: {
      contentType: 'application/json; charset=utf-8',
      render: ({ code }) => ({ status: 404, body: { code } }),
    },
    addTo(scope) {
      const options = { config: { role: 'read' } }
      scope.get(
        '/models',
        options,
        async () => `${greeting} ${services.models.map(({ name }) => name).join()}`,
      )
    },
  }),
}

export const plugins = [base, task, surface]
