/**
 * One answer by a version before it is published: finite weights may still give numbers that are not. A file of its own,
 * loaded where it is used: commands that import nothing need no runtime of networks.
 */
import { sampleRow } from '../../nn/rows.ts'
import { refuse } from '../../adapters/peft/targets.ts'
import type { Base } from '../../contracts/base.ts'
import type { MethodPlugin } from '../../contracts/adapter.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { DecodingEngine } from './decoding-engine.ts'
import { openServingEngine } from './engine.ts'
import type { Version, VersionDraft } from '../../versions/contract.ts'

interface TrialParts {
  readonly base: Base
  readonly methods: Readonly<Record<string, MethodPlugin>>
  readonly tasks: Readonly<Record<string, TaskHead>>
}

const KEY = 'trial'
const TEXT = { kind: 'text', text: 'A first answer.' } as const

/** Throws IMPORT_REFUSED if the answer is not made of finite numbers. `isText`: its task writes texts. */
export async function tryAnswer(
  parts: TrialParts,
  draft: VersionDraft,
  isText: boolean,
): Promise<void> {
  const sealing = { format: 1, digest: KEY, files: {}, created: '' } as const
  const version: Version = { ...draft, manifest: { ...draft.manifest, ...sealing } }
  const numbers = await (isText ? written : computed)(parts, version)
  if (numbers.every((number) => Number.isFinite(number))) return
  const allowed = 'weights with which the base answers in finite numbers'
  throw refuse('adapter_model.safetensors', 'an answer that is no number', allowed)
}

async function computed(parts: TrialParts, version: Version): Promise<readonly number[]> {
  const engine = await openServingEngine({ ...parts, workers: 1 })
  try {
    await engine.load(KEY, version)
    const [logits = []] = await engine.run([{ adapter: KEY, encoded: sampleRow(parts.base, 16) }])
    return [...logits]
  } finally {
    await engine.close()
  }
}

async function written(parts: TrialParts, version: Version): Promise<readonly number[]> {
  const engine = new DecodingEngine(parts)
  try {
    await engine.load(KEY, version)
    const ids = parts.base.language?.prompt(TEXT) ?? new Int32Array()
    const sampling = { temperature: 0, topP: 1, draw: 0 }
    const { drawn } = await engine.step([{ sequence: 1, adapter: KEY, from: 0, ids, sampling }])
    return drawn.map(({ logProbability }) => logProbability)
  } finally {
    await engine.close()
  }
}
