/**
 * Each text goes once through the frozen trunk, and its latent is kept in the user's cache for the next run.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { say } from './figures.mjs'

const MAX_TOKENS = 64
const CHUNK = 256

/** key → latent. */
export async function latentsOf(base, cut, rows) {
  const path = pathOf(base, cut, rows)
  if (!existsSync(`${path}.json`)) await encode(base, cut, rows, path)
  const { width, lengths } = JSON.parse(readFileSync(`${path}.json`, 'utf8'))
  const { buffer, byteOffset, length } = readFileSync(`${path}.f32`)
  const data = new Float32Array(buffer, byteOffset, length / 4)
  let from = 0
  const latents = lengths.map((positions) => {
    const to = from + positions * width
    const latent = { positions, width, data: data.subarray(from, to) }
    from = to
    return latent
  })
  return new Map(rows.map(({ key }, at) => [key, latents[at]]))
}

/** Of a text, or of two. */
export function encodedOf(base, { text, text_pair }) {
  const input =
    text_pair === undefined ? { kind: 'text', text } : { kind: 'text_pair', text, text_pair }
  return base.encode(input, MAX_TOKENS)
}

async function encode(base, cut, rows, path) {
  say(`${rows.length} texts through the trunk, once: ${path}`)
  const trunk = await openTrunkEngine(base, cut)
  const parts = []
  const lengths = []
  let width = 0
  for (let from = 0; from < rows.length; from += CHUNK) {
    const chunk = rows.slice(from, from + CHUNK).map((row) => encodedOf(base, row))
    for (const latent of await trunk.encode(chunk)) {
      parts.push(latent.data)
      lengths.push(latent.positions)
      width = latent.width
    }
  }
  await trunk.close()
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const data of parts) {
    all.set(data, at)
    at += data.length
  }
  writeFileSync(`${path}.f32`, all)
  writeFileSync(`${path}.json.new`, JSON.stringify({ width, lengths }))
  renameSync(`${path}.json.new`, `${path}.json`)
}

function pathOf(base, cut, rows) {
  const folder = join(userCache(), 'bench')
  mkdirSync(folder, { recursive: true })
  const texts = createHash('sha256')
  for (const { text, text_pair } of rows)
    texts.update(text_pair === undefined ? `${text}\n` : `${text}\t${text_pair}\n`)
  const name = [base.hash.slice(0, 12), base.trunk ?? cut, texts.digest('hex').slice(0, 12)]
  return join(folder, `latents ${name.join(' ')}`.replaceAll(' ', '-'))
}
