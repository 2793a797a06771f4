/**
 * The outputs of a row of sequences: how long each answer is, then the log-probability of each of its tokens, and, where the
 * row is compared, the same of the base without an adapter.
 *
 *   [n, c₁ … cₙ,  log π₁ … log πₙ,  (log ρ₁ … log ρₙ)]
 */
import { invariant } from '../platform/errors.ts'

/** Parts of the outputs, not copies. */
export interface AnswerOutputs {
  /** log π of each token. */
  readonly logs: Float32Array
  /** log ρ of each token; empty if the row is not compared. */
  readonly reference: Float32Array
  /** The place of `logs` in the outputs. */
  readonly at: number
}

/** `logs`: of the answers one after the other, and behind them those of the base, where it was asked. */
export function answerOutputs(lengths: readonly number[], logs: Float32Array): Float32Array {
  const outputs = new Float32Array(1 + lengths.length + logs.length)
  outputs.set([lengths.length, ...lengths])
  outputs.set(logs, 1 + lengths.length)
  return outputs
}

/** Tokens of each answer. */
export function lengthsIn(outputs: Float32Array): readonly number[] {
  const [count = 0] = outputs
  return [...outputs.subarray(1, 1 + count)]
}

export function answersIn(outputs: Float32Array): readonly AnswerOutputs[] {
  const lengths = lengthsIn(outputs)
  const from = 1 + lengths.length
  const tokens = lengths.reduce((sum, length) => sum + length, 0)
  const given = outputs.length - from
  invariant(given === tokens || given === 2 * tokens, `${given} outputs of ${tokens} tokens`)
  let at = from
  return lengths.map((length) => {
    const logs = outputs.subarray(at, at + length)
    const reference = outputs.subarray(at + tokens, at + tokens + length)
    at += length
    return { logs, reference, at: at - length }
  })
}

export function sumOf(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum
}
