/** @import { Version } from '../../src/versions/contract.ts' */
/** @import { Bundle } from '../../src/versions/local/local.ts' */

/**
 * A bundle for tests of the registry, which knows no method: tensors as JSON and raw floats. Also for built children.
 * @type {Bundle}
 */
export const plainBundle = {
  write({ parameters }) {
    const names = [...parameters.keys()].sort()
    const shapes = names.map((name) => [name, parameters.get(name).shape])
    const floats = Buffer.concat(names.map((name) => bytesOf(parameters.get(name).data)))
    return new Map([
      ['adapter_config.json', new TextEncoder().encode(JSON.stringify(shapes))],
      ['adapter_model.bin', new Uint8Array(floats)],
    ])
  },
  read(files) {
    const shapes = JSON.parse(new TextDecoder().decode(files.get('adapter_config.json')))
    const floats = new Float32Array(files.get('adapter_model.bin').slice().buffer)
    let at = 0
    const take = (shape) => floats.slice(at, (at += shape.reduce((a, b) => a * b, 1)))
    return new Map(shapes.map(([name, shape]) => [name, { shape, data: take(shape) }]))
  },
}

function bytesOf(data) {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

/**
 * A version whose tensors and manifest follow from its name and `value` alone.
 * @param {string} version
 * @returns {Version}
 */
export function plainVersion(version, value = 1, size = 8) {
  const data = Float32Array.from({ length: size }, (_, index) => value + index)
  return {
    manifest: {
      format: 1,
      model: 'sentiment',
      version,
      digest: '',
      parent: null,
      base: { name: 'use-lite', hash: 'b'.repeat(64) },
      task: 'classification',
      facts: { labels: ['negative', 'positive'] },
      adapter: { method: 'head', rank: 8, alpha: 16, tail_layers: 0 },
      span: { http: { 0: ['0', '16'] } },
      events: 16,
      events_new: 16,
      steps: 1,
      scores: { count: 16, accuracy: 0.5, accuracy_recent: 0.5, loss: 0.7 },
      decision: 'promote',
      reason: 'always',
      files: {},
      created: '',
    },
    parameters: new Map([['head.weight', { shape: [size / 2, 2], data }]]),
  }
}

export const plainOrigin = {
  model: 'sentiment',
  base: { name: 'use-lite', hash: 'b'.repeat(64) },
  task: 'classification',
}
