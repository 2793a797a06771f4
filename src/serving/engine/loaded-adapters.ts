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
  /** How many loads of a key are under way: what one of them has sent to the workers stays there. */
  readonly #loading = new Map<string, number>()

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
    this.#count(key, 1)
    try {
      await this.#pool.hold(key, adapter.tensors, adapter.alone)
      if (!this.#isFamiliar(adapter)) await warm()
      const holders = this.#loaded.get(key)?.holders ?? 0
      this.#loaded.set(key, { adapter, holders: holders + 1 })
    } finally {
      this.#count(key, -1)
      this.#dropUnused(key)
    }
  }

  unload(key: string): void {
    const loaded = this.#held(key)
    loaded.holders -= 1
    if (loaded.holders > 0) return
    this.#loaded.delete(key)
    this.#dropUnused(key)
  }

  find(key: string): PreparedAdapter<Graph> {
    return this.#held(key).adapter
  }

  /** Whether another adapter with this graph and these shapes is loaded. */
  #isFamiliar({ family }: PreparedAdapter<Graph>): boolean {
    for (const { adapter } of this.#loaded.values()) if (adapter.family === family) return true
    return false
  }

  #count(key: string, change: 1 | -1): void {
    const loads = (this.#loading.get(key) ?? 0) + change
    if (loads === 0) this.#loading.delete(key)
    else this.#loading.set(key, loads)
  }

  #dropUnused(key: string): void {
    if (!this.#loaded.has(key) && !this.#loading.has(key)) this.#pool.drop(key)
  }

  #held(key: string) {
    const loaded = this.#loaded.get(key)
    invariant(loaded, `the adapter ${key} is not loaded`)
    return loaded
  }
}
