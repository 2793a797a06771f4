/**
 * The embeddings of a base with an adapter, for clients that ask for embeddings instead of answers: the vector that a
 * head would read. They are computed by an engine of their own, which is opened by the first request, since most
 * daemons are never asked for one.
 */
import type { Tensor } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { isOfMemory } from '../../nn/memory.ts'
import type { Version } from '../../versions/contract.ts'
import type { ServingEngine } from './contract.ts'
import { openEngines, type EngineOfBase, type EngineSetOptions } from './engine-set.ts'

/** A head that answers what it reads. */
function embeddingHead(width: number): TaskHead {
  return {
    kind: KIND,
    reads: 'pooled',
    headIn: () => [],
    outputs: () => width,
    parameters: () => [],
    grow: (_name, tensor) => tensor,
    logits: (_ops, embedding) => embedding,
    scale: () => 1,
  }
}

const KIND = 'embedding'

/** Versions are loaded without their heads. Call it once for each base; the engine is opened at the first call of the result. */
export function lazyEmbeddings(
  base: Base,
  options: Omit<EngineSetOptions, 'engine'> & {
    readonly engine: Omit<EngineSetOptions['engine'], 'tasks' | 'workers'>
  },
): () => Promise<EngineOfBase> {
  let opened: Promise<EngineOfBase> | undefined
  const open = async () => {
    const tasks = { [KIND]: embeddingHead(base.network.width) }
    const engine = { ...options.engine, tasks, workers: 1 }
    const found = (await openEngines([base], { ...options, engine })).get(base)
    if (found === undefined) throw new Error(`no engine for the embeddings of ${base.name}`)
    return { ...found, engine: withoutHeads(found.engine) }
  }
  return async () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
}

function withoutHeads(engine: ServingEngine): ServingEngine {
  return {
    load: async (key, version) => engine.load(key, headless(version)),
    unload: (key) => engine.unload(key),
    run: async (rows) => engine.run(rows),
    close: async () => engine.close(),
  }
}

function headless({ manifest: { memory: _memory, ...manifest }, parameters }: Version): Version {
  const isKept = ([name]: readonly [string, Tensor]) =>
    !name.startsWith('head.') && !isOfMemory(name)
  return {
    manifest: { ...manifest, task: KIND, facts: {} },
    parameters: new Map([...parameters].filter(isKept)),
  }
}
