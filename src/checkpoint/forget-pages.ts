/**
 * Requests to forget, as the server shows them: those on their way from the checkpoint, which the trainer alone writes, and
 * the certificates of those that are done.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { CodedError } from '../contracts/core.ts'
import { openStore } from '../platform/store/store.ts'
import {
  certificateNames,
  certificatesIn,
  readCertificate,
  type Certificate,
} from './certificates.ts'
import type { ForgetTask, ForgettingState } from './forgetting.ts'
import { checkpointMigrations } from './schema.ts'
import { fact } from './tables/states.ts'

export interface ForgetPages {
  /** Those that are not done, in their order, and some that are. */
  tasks(): readonly ForgetTask[]
  /** The newest first. */
  certificates(count: number): readonly Certificate[]
  certificate(request: string): Certificate | undefined
  /** How many certificates there are. */
  count(): number
}

/** `folder`: of the model. */
export function openForgetPages(folder: string): ForgetPages {
  return {
    tasks: () => tasksIn(join(folder, 'state.db')),
    certificates: (count) => certificatesIn(folder, count),
    certificate: (request) => readCertificate(folder, request),
    count: () => certificateNames(folder).length,
  }
}

function tasksIn(path: string): readonly ForgetTask[] {
  if (!existsSync(path)) return []
  try {
    const store = openStore(path, { migrations: checkpointMigrations, readonly: true })
    try {
      const state = fact(store, 'forgetting') as unknown as ForgettingState | undefined
      return state?.tasks ?? []
    } finally {
      store.close()
    }
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_OUTDATED') return []
    throw error
  }
}
