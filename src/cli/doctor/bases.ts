/**
 * Checks of pretrained weights: the built-in base byte for byte, the encoders that a config names, and whether its models
 * can start on them.
 */
import { existsSync } from 'node:fs'
import type { ModelConfig } from '../../config/config.ts'
import { failed, ok, warning, type Check } from './check.ts'

/** sha256 over weights, vocabulary and equations; changes only with a new version of the base. */
const USE_LITE_HASH = '525364c13cbb27007d780f60d68d062608698f6d319b70080f18f0766fb7f3f1'
const SENTENCE = 'the gears turn on one fixed frame'
const SENTENCE_IDS = '9,4505,7,867,25,66,4200,4035'

export const useLiteCheck: Check = {
  name: 'base use-lite',
  async run() {
    const { openUseLite } = await import('../../bases/use-lite/use-lite.ts')
    const { hash } = await openUseLite()
    return hash === USE_LITE_HASH
      ? ok(`weights and vocabulary are the published ones (${hash.slice(0, 12)})`)
      : failed(`its hash is ${hash.slice(0, 12)}, not ${USE_LITE_HASH.slice(0, 12)}`, 'npm ci')
  },
}

export const tokenizerCheck: Check = {
  name: 'tokenizer',
  async run() {
    const { openUseLite } = await import('../../bases/use-lite/use-lite.ts')
    const encoded = (await openUseLite()).encode({ kind: 'text', text: SENTENCE }, 64)
    const ids = encoded.data.join()
    return ids === SENTENCE_IDS
      ? ok(`"${SENTENCE}" → ${ids}`)
      : failed(`"${SENTENCE}" → ${ids}, not ${SENTENCE_IDS}`, 'npm ci')
  },
}

export const minilmCheck: Check = {
  name: 'base MiniLM',
  async run() {
    const { pulledFolder } = await import('../../bases/pulled/pulled.ts')
    const folder = pulledFolder('minilm')
    if (!existsSync(folder))
      return warning('not downloaded; use-lite needs none', 'antikythera models pull minilm')
    return opened('minilm', 'antikythera models pull minilm')
  },
}

export const configuredBasesCheck: Check = {
  name: 'bases of the config',
  async run({ bases }) {
    if (bases.length === 0) return ok('there is no config')
    for (const base of bases) {
      const finding = await opened(base, 'download it with antikythera models pull, or fix base:')
      if (finding.verdict !== 'ok') return finding
    }
    return ok(`all ${bases.length} open`)
  },
}

/** Opens the models of the config with their bases, to find problems that would keep a trainer from starting. */
export const modelsCheck: Check = {
  name: 'models of the config',
  async run({ config }) {
    if (config === undefined) return ok('there is no config')
    const { modelProblems } = await import('../../config/model-problems.ts')
    const problems = await modelProblems(config)
    const [first, ...others] = problems.map(({ path, message }) => `${path.join('.')} ${message}`)
    if (first === undefined) return ok(`all ${Object.keys(config.models).length} can start`)
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`
    return failed(first + more, 'change that key of the config, or download the base that it names')
  },
}

async function opened(base: ModelConfig['base'], fix: string) {
  const { openBase } = await import('../../config/model-parts.ts')
  try {
    const { hash } = await openBase(base)
    return ok(`${JSON.stringify(base)} opens (${hash.slice(0, 12)})`)
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error), fix)
  }
}
