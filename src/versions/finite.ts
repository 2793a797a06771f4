/**
 * A version with a NaN or an infinity in any tensor would answer only that: it is never published, made live or loaded.
 */
import type { Tensors } from '../contracts/core.ts'
import type { Manifest } from './contract.ts'
import { failure } from '../platform/errors.ts'

/** Throws VERSION_NOT_FINITE with the tensor's name. */
export function checkFinite(
  { version, scores }: Pick<Manifest, 'version' | 'scores'>,
  parameters: Tensors,
): void {
  const score = Object.entries(scores).find(([, value]) => !Number.isFinite(value))
  const found = score?.[0] ?? [...parameters].find(([, { data }]) => !isFinite(data))?.[0]
  if (found === undefined) return
  const message = `${version}: ${found} holds a number that is not finite`
  throw failure('VERSION_NOT_FINITE', message, { details: { version, tensor: found } })
}

/** 0 · x is NaN for every x that is not finite, so that a sum finds them all at the cost of one pass. */
function isFinite(data: Float32Array): boolean {
  let sum = 0
  for (const value of data) sum += 0 * value
  return sum === 0
}
