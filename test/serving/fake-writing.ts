/**
 * What a model needs to write texts, on a decoder that writes the alphabet; a prompt that ends with "d" is answered by the
 * number of the version alone.
 */
import { text } from '../../src/payloads/inputs/text.ts'
import { isOf } from '../../src/contracts/payload.ts'
import type { Clock } from '../../src/contracts/core.ts'
import type { LanguageModel } from '../../src/contracts/base.ts'
import { failure } from '../../src/platform/errors.ts'
import type { Metrics } from '../../src/platform/metrics.ts'
import { DecodeScheduler, type SchedulerLimits } from '../../src/serving/engine/decode-scheduler.ts'
import { openGeneration } from '../../src/tasks/generation/generation.ts'
import { openFakeDecoder } from './fake-decoder.ts'

/** A token is a character; 33, "!", ends an answer. */
export const fakeLanguage: LanguageModel = {
  prompt: (input) => {
    if (!isOf(input, text)) throw failure('INPUT_WRONG_KIND', 'text')
    return Int32Array.from(input.text, (character) => character.charCodeAt(0))
  },
  tokens: (text) => Int32Array.from(text, (character) => character.charCodeAt(0)),
  text: (ids) => String.fromCharCode(...ids),
  ends: [33],
  positions: 40,
  vocabulary: 4096,
  template: '',
}

const settings = {
  max_tokens: 4,
  temperature: 1,
  top_p: 1,
  overflow: 'refuse',
  kl: 0,
  liked_weight: 0,
  correction_weight: 1,
  general_batch: 0,
  reward_timeout: 30_000,
} as const

export function openFakeWriting(
  parts: { readonly clock: Clock; readonly metrics: Metrics },
  limits: Partial<SchedulerLimits> = {},
) {
  const decoder = openFakeDecoder(({ adapter, from, ids }) => {
    const last = ids.at(-1)!
    if (last === 'd'.charCodeAt(0) && from === 0) return adapter.charCodeAt(adapter.length - 1)
    if (from === 0) return 'a'.charCodeAt(0)
    return last >= '0'.charCodeAt(0) && last <= '9'.charCodeAt(0) ? 33 : last + 1
  })
  const ample = {
    ...{ generation_texts: 8, generation_queue: 8, generation_queue_tokens: 1000 },
    generation_cache_bytes: 1e9,
  }
  const scheduler = new DecodeScheduler({
    ...{ ...parts, base: 'tiny', engine: decoder, limits: { ...ample, ...limits } },
  })
  const task = openGeneration({ ...settings, beta: 1, up_weight: 1, down_weight: 1 })
  return {
    decoder,
    scheduler,
    language: fakeLanguage,
    task,
    usual: task.texts!.usual,
    metrics: parts.metrics,
  }
}
