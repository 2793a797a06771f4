/**
 * A recorded graph opened in TensorFlow: a session that runs any part of it in one call. Inputs and outputs are tensors of the
 * eager engine, which share their memory with the session; results belong to the tidy of the caller.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as tfc from '@tensorflow/tfjs-core'
import { failure, invariant } from '../../platform/errors.ts'
import type { TensorFlow } from '../tfjs/tensorflow.ts'

/** Node → tensor. */
export type Feeds = ReadonlyMap<string, tfc.Tensor>

export interface CompiledGraph {
  /** The tensors of those nodes, in order. */
  run(feeds: Feeds, fetches: readonly string[]): readonly tfc.Tensor[]
  close(): void
}

/** The part of tfjs-node's backend that runs a SavedModel. */
interface SessionBackend {
  loadSavedModelMetaGraph(path: string, tags: string): number
  deleteSavedModel(id: number): void
  runSavedModel(
    id: number,
    inputs: readonly tfc.Tensor[],
    infos: readonly { readonly name: string }[],
    outputs: readonly string[],
  ): tfc.Tensor[]
}

/** Memory that Linux offers as a folder. */
const MEMORY = '/dev/shm'

interface OpenSession {
  readonly id: number
  users: number
}

/** Of each engine, by the digest of the graph. */
const sessions = new WeakMap<TensorFlow, Map<string, OpenSession>>()

/**
 * Equal graphs share a session: weights are fed, so the models of one configuration differ in nothing that it keeps. It holds 5 MiB
 * of a small network, and its first run takes several times as long as the others. Throws ENGINE_UNAVAILABLE.
 */
export function openCompiledGraph(
  tf: TensorFlow,
  model: Uint8Array,
  parents: readonly string[] = [tmpdir(), MEMORY],
): CompiledGraph {
  const backend = tf.backend() as unknown as SessionBackend
  const own = sessions.get(tf) ?? new Map<string, OpenSession>()
  sessions.set(tf, own)
  const digest = createHash('sha256').update(model).digest('base64')
  const session = own.get(digest) ?? { id: opened(backend, model, parents), users: 0 }
  own.set(digest, session)
  session.users += 1
  return {
    run: (feeds, fetches) => run(backend, session.id, feeds, fetches),
    close() {
      session.users -= 1
      if (session.users > 0) return
      own.delete(digest)
      backend.deleteSavedModel(session.id)
    },
  }
}

/**
 * TensorFlow reads a SavedModel from a folder in one of `parents`, the next where one is read-only or full; the folder is gone when
 * this returns.
 */
function opened(backend: SessionBackend, model: Uint8Array, parents: readonly string[]): number {
  const folder = written(model, parents)
  try {
    return backend.loadSavedModelMetaGraph(folder, 'serve')
  } catch (cause) {
    throw failure(
      'ENGINE_UNAVAILABLE',
      `TensorFlow does not take a recorded graph: ${reasonOf(cause)}`,
      {
        cause,
      },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function written(model: Uint8Array, parents: readonly string[]): string {
  const reasons: string[] = []
  for (const parent of parents) {
    let folder: string | undefined
    try {
      folder = mkdtempSync(join(parent, 'antikythera-graph-'))
      writeFileSync(join(folder, 'saved_model.pb'), model)
      return folder
    } catch (error) {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
      reasons.push(reasonOf(error))
    }
  }
  throw failure('ENGINE_UNAVAILABLE', `no folder takes a recorded graph: ${reasons.join('; ')}`, {
    fix: 'let TMPDIR name a folder that can be written',
  })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * Runs the graph. A fed node may also be fetched, which TensorFlow itself refuses, and a node may be fetched more than
 * once.
 */
function run(backend: SessionBackend, id: number, feeds: Feeds, fetches: readonly string[]) {
  const names = [...feeds.keys()].map((name) => ({ name: `${name}:0` }))
  const computed = [...new Set(fetches)].filter((name) => !feeds.has(name))
  const outputs = computed.map((name) => `${name}:0`)
  const results =
    outputs.length === 0 ? [] : backend.runSavedModel(id, [...feeds.values()], names, outputs)
  const found = new Map(computed.map((name, at) => [name, results[at]]))
  return fetches.map((name) => {
    const tensor = feeds.get(name) ?? found.get(name)
    invariant(tensor !== undefined, `the graph answers nothing for ${name}`)
    return tensor
  })
}
