/** A model whose stores cannot be opened: it answers each request with what is broken and how to fix it, beside models that work. */
import type { CodedError } from '../../contracts/core.ts'
import type { Registry } from '../../versions/contract.ts'
import type { FeedbackService } from '../services/feedback-service.ts'
import type { LiveModel } from './live-model.ts'

export function brokenLive(error: CodedError): LiveModel {
  const refuse = async () => Promise.reject(error)
  return {
    live: () => undefined,
    failedSwap: () => undefined,
    until: refuse,
    predict: refuse,
    swap: refuse,
    prove: refuse,
    close: async () => Promise.resolve(),
  }
}

export function brokenDoor(error: CodedError): FeedbackService {
  return { take: async () => Promise.reject(error), unread: () => 0 }
}

export function brokenRegistry(error: CodedError): Registry {
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
    pin: refuse,
    unpin: refuse,
    pins: refuse,
    close: async () => Promise.resolve(),
  }
}
