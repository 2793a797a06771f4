/**
 * Streams for the intake measurement, made while they are read, so that a backlog of a million events lies in nobody's
 * memory. Every event is a function of its number: equal numbers, equal bytes.
 */
import { openRandom } from '../../../dist/src/platform/random.js'
import { sentences } from '../lib/texts.mjs'

const encode = (text) => Buffer.from(text, 'utf8')
const width = 16

/** What the events of a mode of the measurement hold: features, or texts and the base that reads them. */
export function kindOf(mode) {
  if (mode === 'static') return 'static'
  return mode === 'use-lite-head' ? 'use-lite' : 'features'
}

/** On `static` the label names the site, too; otherwise it is yes or no. */
export function labelsOf(kind) {
  const tones = ['no', 'yes']
  if (kind !== 'static') return tones
  return ['yelp', 'amazon', 'imdb'].flatMap((site) => tones.map((tone) => `${site} ${tone}`))
}

/** `of(number)` → the bytes of one event that can be learned from. */
function goodEvents(kind) {
  return kind === 'features' ? featureEvents() : textEvents(kind)
}

/** Vectors of two classes that overlap. */
function featureEvents() {
  const random = openRandom(1, 'features')
  const vectors = Array.from({ length: 1009 }, (_, at) => {
    const side = at % 2 === 0 ? 0.5 : -0.5
    return Array.from({ length: width }, () => Number((random.normal() + side).toFixed(4)))
  })
  const written = vectors.map((vector) => JSON.stringify({ features: vector }))
  return (number) => {
    const at = number % written.length
    const label = at % 2 === 0 ? 'yes' : 'no'
    return encode(`{"id":"e-${number}","source":"bench","input":${written[at]},"label":"${label}"}`)
  }
}

/** Sentences of people, of all lengths. */
function textEvents(kind) {
  const rows = sentences()
  const written = rows.map(({ text }) => JSON.stringify(text))
  return (number) => {
    // Sites and tones lie one after another.
    const at = (number * 1009) % rows.length
    const tone = rows[at].label === 'positive' ? 'yes' : 'no'
    const label = kind === 'static' ? `${rows[at].site} ${tone}` : tone
    return encode(
      `{"id":"e-${number}","source":"bench","input":{"text":${written[at]}},"label":"${label}"}`,
    )
  }
}

/** Twelve kinds of messages that nothing can be learned from, and the code that each is to end under. */
function poisons(kind) {
  const input = kind === 'features' ? { features: Array(width).fill(0.25) } : { text: 'fine' }
  const event = (number, more) =>
    encode(JSON.stringify({ id: `p-${number}`, source: 'bench', input, label: 'yes', ...more }))
  return [
    ['EVENT_MALFORMED', () => encode('{"id": "half of an eve')],
    ['EVENT_INVALID', (number) => event(number, { input: 7, weight: 'heavy' })],
    ['INPUT_EMPTY', (number) => event(number, { input: { text: '' } })],
    ['INPUT_TOO_LONG', (number) => event(number, { input: { text: 'so good '.repeat(2000) } })],
    ['LABEL_UNKNOWN', (number) => event(number, { label: 'perhaps' })],
    ['FEATURES_INVALID', (number) => event(number, { input: { features: ['NaN', null] } })],
    ['EVENT_TOO_DEEP', () => encode('['.repeat(10_000) + ']'.repeat(10_000))],
    ['EVENT_FORBIDDEN_KEY', () => encode('{"id":"p","__proto__":{"label":"yes"}}')],
    ['EVENT_MALFORMED', () => Buffer.from([0x22, 0xff, 0xfe, 0x22])],
    ['RATING_NEEDS_PREDICTION', (number) => event(number, { label: undefined, rating: 1 })],
    // A tombstone: a key without a value.
    ['EVENT_MALFORMED', () => Buffer.alloc(0)],
    ['EVENT_TOO_LARGE', (number) => event(number, { note: 'x'.repeat(70_000) })],
  ]
}

/** How many letters of each code `events` messages with poison make. */
export function poisonCounts(kind, events) {
  const codes = poisons(kind).map(([code]) => code)
  const counts = {}
  for (let turn = 0; 100 * turn + 50 < events; turn += 1) {
    const code = codes[turn % codes.length]
    counts[code] = (counts[code] ?? 0) + 1
  }
  return counts
}

/** The message with a number: good, or with `poison` every hundredth one of the twelve, in turn. */
export function valueOf(kind, poison) {
  const good = goodEvents(kind)
  const bad = poison ? poisons(kind).map(([, make]) => make) : []
  return (number) =>
    poison && number % 100 === 50
      ? bad[Math.floor(number / 100) % bad.length](number)
      : good(number)
}

/**
 * A source of `count` events that begin to come with `release`.
 */
export function generatedSource(kind, { count, poison }) {
  const make = valueOf(kind, poison)
  let next = 0
  let end = 0
  let released = () => {}
  const release = new Promise((resolve) => (released = resolve))
  return {
    name: 'bench',
    /** When the first record was asked for and given. */
    beganMs: undefined,
    release() {
      end = count
      released()
    },
    async open(from) {
      next = Number(from['0'] ?? '0')
    },
    async read({ records, waitMs }, signal) {
      if (next >= end && waitMs > 0) await Promise.race([release, sleep(waitMs, signal)])
      const until = Math.min(end, next + records)
      if (until > next) this.beganMs ??= performance.now()
      const taken = []
      for (; next < until; next += 1)
        taken.push({
          partition: '0',
          position: String(next),
          next: String(next + 1),
          value: make(next),
        })
      return taken
    },
    async commit() {},
    async lag() {
      return end - next
    },
    async close() {},
  }
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
