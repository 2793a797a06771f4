/**
 * Native TensorFlow, or the best that this machine can have. Which one it is, its version, why, and whether it computes
 * with oneDNN are written beside the packages (node_modules/.antikythera/native.json); `node deploy/bootstrap/native.mjs`
 * prints the same.
 *
 * ANTIKYTHERA_NATIVE: `auto` (default), `wheel` or `official` (where nothing is built yet, try only that), `wasm` (no native
 * code, whatever is installed; nothing that was built is touched).
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError } from './errors.mjs'
import { climb, wasmWarning } from './native/chain.mjs'
import { isLinked, tools } from './native/installed.mjs'
import { chooseOneDnn } from './native/one-dnn.mjs'
import { places as standardPlaces, readJson } from './places.mjs'

/**
 * Without native code, set-up tries again when the tools of this machine changed, or when it is asked to by name.
 * @type {import('./set-up.mjs').Step}
 */
export const nativeStep = {
  name: 'native TensorFlow',

  done({ places, retry }) {
    if (forced(places) === 'wasm') return true
    const record = readJson(recordPath(places))
    if (record?.stage === 'wasm') return !retry && record.tools === tools(places)
    return record?.one_dnn !== undefined && isLinked(places)
  },

  async run(context) {
    const { places, progress } = context
    const outcome = await climb(context, forced(places))
    if (!outcome.proof) throw new SetupError('SETUP_NATIVE_FAILED', outcome.reason)
    const one_dnn = outcome.stage === 'wasm' ? null : ((await chooseOneDnn(context)) ?? null)
    writeRecord(places, { ...outcome, one_dnn, tools: tools(places) })
    if (outcome.stage === 'wasm') progress.say(wasmWarning(outcome.attempts))
    return nativeReport(places).summary
  },
}

/**
 * `stage` is wheel, official, installed, wasm or none; `tensorflow` is the version of libtensorflow, or of TensorFlow.js.
 * @returns {{ stage: string, tensorflow: string | null, reason: string, summary: string, proof: object | null, attempts: object[] }}
 */
export function nativeReport(places = standardPlaces()) {
  const record = readJson(recordPath(places))
  if (forced(places) === 'wasm')
    return described({ stage: 'wasm', reason: 'ANTIKYTHERA_NATIVE=wasm asks for it' })
  if (!record)
    return described({ stage: 'none', reason: 'set-up has not run yet: npx antikythera setup' })
  if (record.stage === 'wasm' || isLinked(places)) return described(record)
  return described({
    stage: 'none',
    reason: 'what was built is gone (cache deleted?): npx antikythera setup',
  })
}

/** One line for each start while the slow engine is active, so that its speed is not taken for ours. */
export function nativeReminder(places) {
  const { stage, reason } = nativeReport(places)
  if (stage !== 'wasm') return undefined
  return `TensorFlow runs as WebAssembly, about 20 times slower: ${reason}. \`npx antikythera setup\` tries again.`
}

function described({ stage, tensorflow = null, reason, proof = null, attempts = [] }) {
  const name = { wasm: 'TensorFlow.js on WebAssembly', none: 'no TensorFlow' }[stage]
  return {
    stage,
    tensorflow,
    reason,
    proof,
    attempts,
    summary: name ?? `native TensorFlow ${tensorflow} (${stage})`,
  }
}

function writeRecord(places, record) {
  mkdirSync(places.state, { recursive: true })
  const temporary = `${recordPath(places)}.${process.pid}`
  writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`)
  renameSync(temporary, recordPath(places))
}

const recordPath = ({ state }) => join(state, 'native.json')
const forced = ({ env }) => env.ANTIKYTHERA_NATIVE || 'auto'

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(nativeReport(), null, 2)}\n`)
}
