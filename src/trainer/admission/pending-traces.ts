/**
 * The traces that the next update will name: for each trace, the first of its events that waits. Part of the
 * checkpoint, and bounded: when it is full, further events are learned without a trace. It depends only on the order
 * of events, so that a crash changes no manifest.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { TracedKey } from '../../checkpoint/saved.ts'
import { readTraceparent } from '../../platform/tracing/traceparent.ts'

/** As many as a manifest names. */
const MOST = 32

export class PendingTraces {
  readonly #isPending: (key: ExampleKey) => boolean
  readonly #traces = new Map<ExampleKey, string>()

  constructor(isPending: (key: ExampleKey) => boolean) {
    this.#isPending = isPending
  }

  /** Call it for each example that begins to wait. A trace that its caller does not sample is left out. */
  note(key: ExampleKey, traceparent: string | undefined): void {
    this.#traces.delete(key)
    if (readTraceparent(traceparent)?.isSampled !== true || traceparent === undefined) return
    this.#drop()
    const isNew = ![...this.#traces.values()].includes(traceparent)
    if (isNew && this.#traces.size < MOST) this.#traces.set(key, traceparent)
  }

  /** In the order of their events. */
  of(block: readonly Pick<Example, 'key'>[]): readonly string[] {
    return block.flatMap(({ key }) => this.#traces.get(key) ?? [])
  }

  /** For the checkpoint. */
  get state(): readonly TracedKey[] {
    this.#drop()
    return [...this.#traces]
  }

  restore(state: readonly TracedKey[] = []): void {
    this.#traces.clear()
    for (const [key, traceparent] of state) this.#traces.set(key, traceparent)
  }

  /** Events that were learned, retracted or set aside. */
  #drop(): void {
    for (const key of this.#traces.keys()) if (!this.#isPending(key)) this.#traces.delete(key)
  }
}
