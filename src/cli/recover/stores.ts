/** Whether a store of a model is usable, and how it is moved aside: never deleted. */
import { existsSync, renameSync, statSync } from 'node:fs'
import { CodedError } from '../../contracts/core.ts'
import { damageOf } from '../../platform/store/store.ts'

export type StoreState =
  | { readonly kind: 'whole' }
  /** Or empty. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly why: string }

/** `read`: what a daemon reads at its start. A file from a newer release is not damage, and is thrown. */
export function examine(path: string, read: () => void): StoreState {
  if (!existsSync(path) || statSync(path).size === 0) return { kind: 'missing' }
  try {
    const why = damageOf(path)
    if (why !== undefined) return { kind: 'damaged', why }
    read()
    return { kind: 'whole' }
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'STORE_CORRUPT') throw error
    return { kind: 'damaged', why: error.message }
  }
}

/** `<path>.unusable-<time>`, with its log beside it, so that SQLite still opens both together. */
export function setAside(path: string, stamp: string): string {
  const aside = `${path}.unusable-${stamp}`
  for (const suffix of ['', '-wal', '-shm'])
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  return aside
}
