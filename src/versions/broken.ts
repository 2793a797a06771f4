/** A registry with a damaged ledger: each call is answered with the problem and its fix. */
import type { CodedError } from '../contracts/core.ts'
import type { LocalRegistry } from './local/local.ts'

export function brokenRegistry(error: CodedError): LocalRegistry {
  const refuse = async () => Promise.reject(error)
  return {
    publish: refuse,
    load: refuse,
    manifest: refuse,
    find: refuse,
    list: refuse,
    live: refuse,
    point: refuse,
    history: refuse,
    watch: () => () => undefined,
    keep: refuse,
    retire: refuse,
    pin: refuse,
    unpin: refuse,
    pins: refuse,
    wake: () => undefined,
    answersWith: () => undefined,
    close: async () => Promise.resolve(),
  }
}
