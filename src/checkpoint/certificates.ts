/**
 * Certificates of what was forgotten, in `certificates/` of a model's folder: one JSON file a request, whole or absent.
 * They say what was asked and what became of it, and stay until a person removes them. The move that ends a request has
 * the hash of its certificate, so that the chain of moves shows a later change of it. The server shows them, and the
 * requests on their way from the checkpoint, which the trainer alone writes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Json, CodedError } from '../contracts/core.ts'
import { digestOf } from '../platform/canonical-json.ts'
import { makeFolder, replaceFile } from '../platform/store/atomic-file.ts'
import { openStore } from '../platform/store/store.ts'
import type { ForgetTask, ForgettingState } from './forgetting.ts'
import { checkpointMigrations } from './schema.ts'
import { fact } from './tables/states.ts'

export type Certificate = Readonly<Record<string, Json>>

/** The folder of the certificates, below `data_dir`. */
const FOLDER = 'certificates'
const namePattern = /^[a-z0-9][a-z0-9-]{0,63}$/

export async function writeCertificate(
  folder: string,
  request: string,
  certificate: Certificate,
): Promise<void> {
  makeFolder(join(folder, FOLDER))
  const bytes = new TextEncoder().encode(`${JSON.stringify(certificate, null, 2)}\n`)
  await replaceFile(join(folder, FOLDER, `${request}.json`), bytes)
}

export function certificateHash(certificate: Certificate): string {
  return digestOf(certificate)
}

/** The newest first: names begin with a time. */
function certificatesIn(folder: string, count: number): readonly Certificate[] {
  const newest = certificateNames(folder).toSorted().toReversed().slice(0, count)
  return newest
    .map((name) => readCertificate(folder, name))
    .filter((certificate) => certificate !== undefined)
}

function certificateNames(folder: string): string[] {
  return filesIn(join(folder, FOLDER)).flatMap((file) => {
    const name = file.endsWith('.json') ? file.slice(0, -'.json'.length) : ''
    return namePattern.test(name) ? [name] : []
  })
}

function readCertificate(folder: string, request: string): Certificate | undefined {
  if (!namePattern.test(request)) return undefined
  try {
    const text = readFileSync(join(folder, FOLDER, `${request}.json`), 'utf8')
    return JSON.parse(text) as Certificate
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function filesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

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
