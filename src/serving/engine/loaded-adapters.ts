/** The adapters that the workers of an engine hold, each as often as it was loaded: every `load` of a key is undone by one `unload`. */
import type { OrtPool } from '../../nn/onnx/pool.ts'
import { invariant } from '../../platform/errors.ts'
import type { PreparedAdapter } from './engine-adapter.ts'
import type { RecordedGraph } from './recorded-graph.ts'

export class LoadedAdapters<Graph extends RecordedGraph = RecordedGraph> {
  readonly #pool: OrtPool
  readonly #loaded = new Map<
    string,
    { readonly adapter: PreparedAdapter<Graph>; holders: number }
  >()

  constructor(pool: OrtPool) {
    this.#pool = pool
  }

  /** `warm`: a first run, which has to succeed. One of a loaded family has run before, with other numbers: all are finite. */
  async load(
    key: string,
    adapter: PreparedAdapter<Graph>,
    warm: () => Promise<void>,
  ): Promise<void> {
    await this.#pool.addSession(adapter.graph.key, () => adapter.graph.model())
    try {
      await this.#pool.hold(key, adapter.tensors, adapter.alone)
      if (!this.#isFamiliar(adapter)) await warm()
    } catch (error) {
      if (!this.#loaded.has(key)) this.#pool.drop(key)
      throw error
    }
    const holders = this.#loaded.get(key)?.holders ?? 0
    this.#loaded.set(key, { adapter, holders: holders + 1 })
  }

  unload(key: string): void {
    const loaded = this.#held(key)
    loaded.holders -= 1
    if (loaded.holders > 0) return
    this.#loaded.delete(key)
    this.#pool.drop(key)
  }

  find(key: string): PreparedAdapter<Graph> {
    return this.#held(key).adapter
  }

  /** Whether another adapter with this graph and these shapes is loaded. */
  #isFamiliar({ family }: PreparedAdapter<Graph>): boolean {
    for (const { adapter } of this.#loaded.values()) if (adapter.family === family) return true
    return false
  }

  #held(key: string) {
    const loaded = this.#loaded.get(key)
    invariant(loaded, `the adapter ${key} is not loaded`)
    return loaded
  }
}
