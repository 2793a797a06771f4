/** The worst that the default limits let through, each as one request: [path below /v1/models, content type, body]. */
const json = 'application/json'
const ndjson = 'application/x-ndjson'
const BODY_BYTES = 256 * 1024

const fill = (count, piece) => Array.from({ length: count }, (_, at) => piece(at))
const labels = fill(1024, (at) => `label ${at} `.padEnd(128, 'x'))

/** `text` takes seconds to load; the other models start at once. Texts are tokenised whole, and few tokens make its engine quick. */
export const models = {
  text: { base: 'use-lite', max_tokens: 16, labels: ['no', 'yes'], adapter: { method: 'head' } },
  table: { base: { features: { size: 1 } }, labels, adapter: { method: 'head' } },
  wide: { base: { features: { size: 4096 } }, labels: ['no', 'yes'], adapter: { method: 'head' } },
}

/** As many of a text as one body holds. */
function texts(text) {
  const count = Math.floor((BODY_BYTES - 100) / (Buffer.byteLength(text) + 3))
  return JSON.stringify({ inputs: fill(Math.min(256, count), () => text) })
}

let serial = 0

/** @type {Readonly<Record<string, readonly [path: string, type?: string, body?: () => string]>>} */
export const attacks = {
  'bad NDJSON': ['wide/feedback', ndjson, () => 'bad\n'.repeat(37_000)],
  'a thousand bad lines': ['wide/feedback', ndjson, () => 'bad\n'.repeat(1000)],
  'empty lines': ['wide/feedback', ndjson, () => '\n'.repeat(260_000)],
  'a thousand unknown labels': [
    'table/feedback',
    ndjson,
    () => fill(1000, (at) => `{"id":"u${at}","input":{"features":[1]},"label":"?"}`).join('\n'),
  ],
  'tiny events': [
    'table/feedback',
    ndjson,
    () => {
      const event = () =>
        `{"id":"${(serial += 1)}","input":{"features":[1]},"label":"${labels[0]}"}`
      return fill(1000, event).join('\n')
    },
  ],
  'deep JSON': ['wide/feedback', json, () => '['.repeat(130_000) + ']'.repeat(130_000)],
  'a deep event': [
    'wide/feedback',
    json,
    () => `{"events":[${'['.repeat(129_000)}${']'.repeat(129_000)}]}`,
  ],
  'huge arrays': ['wide/predict', json, () => `{"inputs":[${'[],'.repeat(80_000)}[]]}`],
  'many keys': [
    'wide/predict',
    json,
    () => `{"inputs":[{"features":{${fill(20_000, (at) => `"k${at}":1`).join()}}}]}`,
  ],
  'big feature maps': [
    'wide/predict',
    json,
    () => {
      const features = Object.fromEntries(fill(4096, (at) => [`n${at}`, `c${at}`]))
      return JSON.stringify({ inputs: fill(3, () => ({ features })) })
    },
  ],
  'big feature lists': [
    'wide/predict',
    json,
    () => JSON.stringify({ inputs: fill(28, () => ({ features: fill(4096, () => 1) })) }),
  ],
  'a thousand scores for each of 256 inputs': [
    'table/predict',
    json,
    () => JSON.stringify({ inputs: fill(256, () => ({ features: [1] })) }),
  ],
  'long texts': ['text/predict', json, () => texts('the quick brown fox '.repeat(500))],
  'one letter': ['text/predict', json, () => texts('a'.repeat(10_000))],
  'ligatures of eighteen letters': ['text/predict', json, () => texts('\uFDFA'.repeat(10_000))],
  'marks upon marks': ['text/predict', json, () => texts(`a${'\u0315\u0300'.repeat(4999)}`)],
  'versions lists': ['wide/versions'],
}

/**
 * Resolves with the status when the answer has arrived.
 * @param {number} port
 * @param {readonly [path: string, type?: string, body?: () => string]} attack
 */
export async function send(port, [path, type, bodyOf]) {
  const url = `http://127.0.0.1:${port}/v1/models/${path}`
  const headers = { 'content-type': type }
  const options = bodyOf === undefined ? {} : { method: 'POST', headers, body: bodyOf() }
  const response = await fetch(url, options)
  await response.arrayBuffer()
  return response.status
}
