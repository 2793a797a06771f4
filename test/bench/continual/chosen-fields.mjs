/**
 * What the recipe of several fields is chosen on: claims as deploy/examples/claims draws them, other ones than it shows, and two texts of
 * clinc150, the second of another intent. Tested on claims with other sentences, and on other texts. Each setting is the default with
 * one thing changed. `--data`: a folder with clinc150/train.jsonl.gz.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { claims } from '../../../deploy/examples/claims/rows.mjs'
import { embeddedNetwork } from '../../../dist/src/bases/embedded-network.js'
import { openFeatures } from '../../../dist/src/bases/features/features.js'
import { openFields } from '../../../dist/src/bases/fields/fields.js'
import { FrozenEncoder } from '../../../dist/src/bases/frozen-encoder.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { text } from '../../../dist/src/payloads/inputs/text.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { round, spread } from '../lib/figures.mjs'
import { labelled } from '../lib/learner.mjs'
import { openTabularLearner } from '../lib/tabular-learner.mjs'

const schema = {
  ...{ amount: 'number', policy_months: 'number', earlier_claims: 'number' },
  vehicle: 'category',
}
const decay = (weight_decay) => ({ train: { weight_decay } })
const candidates = [
  ['the recipe, decay 10 (default)', {}],
  ['decay 1, as of a table', decay(1)],
  ['decay 30', decay(30)],
]
/** Fields of a claim that a model reads. */
const parts = {
  'all fields': ['table', 'note', 'photo'],
  'table and note': ['table', 'note'],
  'note and photo': ['note', 'photo'],
}
const alone = {
  'the table alone': ['table'],
  'the note alone': ['note'],
  'the photo alone': ['photo'],
}
/** By the field that it reads. */
const bases = { note: 'minilm', other: 'minilm', photo: 'efficientnet-lite0' }
const TEXTS = 'two texts'
const [INTENTS, TAUGHT, ASKED] = [20, 20, 15]

export async function measure({ data, seeds, run, runs }) {
  if (data === undefined) throw new Error('--data names the folder of the data sets')
  const { tf } = await openTensorFlow({ threads: 1 })
  const embedder = openEmbedder()
  for (const seed of seeds) {
    const trial = (of, rows, reads, settings) =>
      run(of, { reads, ...settings, train: configOf(rows, reads, settings).train }, async () =>
        fieldsRun({ tf, seed, rows: await embedder.embedded(rows), reads, settings }),
      )
    const made = claimsOf(seed)
    for (const [of, reads] of Object.entries(alone))
      await trial(`${of} · seed ${seed}`, made, reads, {})
    for (const [name, settings] of candidates) {
      for (const [of, reads] of Object.entries(parts))
        await trial(`${of} · ${name} · seed ${seed}`, made, reads, settings)
      await trial(
        `${TEXTS} · ${name} · seed ${seed}`,
        textsOf(seed, data),
        ['note', 'other'],
        settings,
      )
    }
  }
  return tableOf(runs())
}

function claimsOf(seed) {
  const random = openRandom(seed, 'chosen-fields/claims')
  return ['taught', 'asked'].flatMap((part) =>
    claims(random, part, part === 'taught' ? 320 : 400).map(({ outcome, fields }) => {
      const { note, photo, ...table } = fields
      return { part, label: outcome, table, note, photo: photo?.image }
    }),
  )
}

function textsOf(seed, data) {
  const random = openRandom(seed, 'chosen-fields/texts')
  const lines = gunzipSync(readFileSync(join(data, 'clinc150', 'train.jsonl.gz'))).toString('utf8')
  const all = shuffled(
    random,
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )
  const chosen = shuffled(random, [...new Set(all.map(({ label }) => label))]).slice(0, INTENTS)
  const others = all.filter(({ label }) => !chosen.includes(label))
  const rowsOf = (part, from, to) =>
    chosen.flatMap((label) => {
      const own = all.filter((each) => each.label === label).slice(from, to)
      return own.map((each) => {
        return { part, label, note: each.text, other: others[random.below(others.length)].text }
      })
    })
  const taught = shuffled(random, rowsOf('taught', 0, TAUGHT))
  return [...taught, ...rowsOf('asked', TAUGHT, TAUGHT + ASKED)]
}

function shuffled(random, items) {
  const all = [...items]
  for (let at = all.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1)
    ;[all[at], all[other]] = [all[other], all[at]]
  }
  return all
}

/** Of each distinct text and picture once. */
function openEmbedder() {
  const encoders = new Map()
  const known = new Map()
  const vectorOf = async (field, value) => {
    const base = bases[field]
    if (!encoders.has(base)) encoders.set(base, new FrozenEncoder(await openBase(base)))
    if (known.has(value)) return known.get(value)
    const input =
      field === 'photo' ? { kind: 'image', image: value } : { kind: 'text', text: value }
    const { vector } = await encoders.get(base).embed(input, 256)
    known.set(value, vector)
    return vector
  }
  return {
    async embedded(rows) {
      const vectors = []
      for (const row of rows) {
        const fields = Object.keys(bases).filter((field) => row[field] !== undefined)
        const entries = []
        for (const field of fields) entries.push([field, await vectorOf(field, row[field])])
        vectors.push({ ...row, ...Object.fromEntries(entries) })
      }
      return vectors
    },
  }
}

function configOf(rows, reads, settings) {
  const chosen = Object.fromEntries(
    Object.entries(bases).filter(([field]) => reads.includes(field)),
  )
  const hasTable = reads.includes('table')
  const base =
    reads.length === 1 && hasTable
      ? { features: { schema } }
      : { fields: { ...(hasTable && { schema }), bases: chosen } }
  const labels = [...new Set(rows.map(({ label }) => label))]
  return parseConfig(JSON.stringify({ models: { m: { base, labels, ...settings } } }), '/').models.m
}

/** Accuracy of the answers to what is asked, by the version at the end. */
async function fieldsRun({ tf, seed, rows, reads, settings }) {
  const model = configOf(rows, reads, settings)
  const base = baseOf(model.base, rows)
  const trunk = await openTrunkEngine(base, 0)
  const { learner } = openTabularLearner(model, base, { tf, seed, limit: 1024 })
  const latentsOf = (examples) =>
    new Map(examples.map(({ key, encoded }) => [key, trunk.encodeNow(encoded)]))
  const learned = () => {
    const update = learner.update()
    for (let next = update.next(); next.done !== true;) next = update.next(latentsOf(next.value))
  }
  const asked = []
  for (const [at, row] of rows.entries()) {
    const input = inputOf(base, row, at, reads)
    if (input === undefined) continue
    await base.prepare?.(input, 256)
    const example = labelled(`fields\0${at}`, base.encode(input, 256), row.label)
    if (row.part === 'asked') asked.push(example)
    else if (learner.accept(example, latentsOf([example]), 0).verdict === 'update') learned()
  }
  if (learner.pendingCount > 0) learned()
  const scores = learner.scoring.withMemory(asked, latentsOf(asked))
  await trunk.close()
  const right = scores.filter(({ error }) => error === 0).length
  return { accuracy: round((100 * right) / asked.length), asked: asked.length }
}

/** Its fields are read by what was embedded before. */
function baseOf({ features, fields }, rows) {
  if (features !== undefined) return openFeatures(features)
  const bases = Object.keys(fields.bases).map((field) => {
    const width = rows.find((row) => row[field] !== undefined)[field].length
    const encode = ({ text: at }) => ({ data: rows[Number(at)][field] })
    const network = embeddedNetwork(width)
    const parts = { name: field, hash: field, reads: [text], rows: 'values', weights: new Map() }
    return [field, { ...parts, network, encode }]
  })
  return openFields({ ...fields, bases: Object.fromEntries(bases) })
}

function inputOf({ name }, row, at, reads) {
  if (name === 'features') return { kind: 'features', features: row.table }
  const given = reads.filter((field) => field !== 'table' && row[field] !== undefined)
  const table = reads.includes('table') ? row.table : {}
  const fields = { ...table, ...Object.fromEntries(given.map((field) => [field, String(at)])) }
  return Object.keys(fields).length === 0 ? undefined : { kind: 'fields', fields }
}

function tableOf(runs) {
  const columns = [...Object.keys(parts), TEXTS]
  const cell = (name) =>
    spread(
      runs
        .filter((run) => run.name.startsWith(`${name} · seed`))
        .map(({ figures }) => figures.accuracy),
    )
  const singles = Object.keys(alone).map((name) => `${name.slice(4, -6)} ${cell(name)}`)
  return {
    columns: ['setting', ...columns],
    rows: candidates.map(([name]) => [name, ...columns.map((of) => cell(`${of} · ${name}`))]),
    note: `Right answers in % to 400 claims after 320, and to 300 pairs of texts of ${INTENTS} intents after 400. One field alone, where it is given: ${singles.join(', ')}.`,
  }
}
