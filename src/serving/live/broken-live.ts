/** A model with a registry that cannot be opened: each request is answered with the problem, while other models work. */
import type { CodedError } from '../../contracts/core.ts'
import type { LiveModel } from './contract.ts'

export function brokenLive(error: CodedError): LiveModel {
  const refuse = async () => Promise.reject(error)
  return {
    live: () => undefined,
    failedSwap: () => undefined,
    until: refuse,
    predict: refuse,
    hold: refuse,
    settled: async () => Promise.resolve(),
    swap: refuse,
    prove: refuse,
    close: async () => Promise.resolve(),
  }
}
