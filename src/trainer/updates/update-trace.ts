/**
 * The spans of an update: `update`, and below it `publish`. The update lies in the trace of the first event that it
 * learns and links to the others, so that one trace goes from a prediction and its feedback to the version that learned
 * it; the manifest names the span of the publication, and the server goes on below that.
 *
 * Ids are hashes of what the checkpoint knows, never random: made again after a crash, a version has the same manifest
 * and the same spans.
 */
import { hash } from 'node:crypto'
import type { Clock, Json } from '../../contracts/core.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import type { Span } from '../../platform/tracing/spans.ts'
import {
  readTraceparent,
  traceparentOf,
  type SpanContext,
} from '../../platform/tracing/traceparent.ts'
import type { VersionTrace } from '../../versions/contract.ts'

interface UpdateTraceParts {
  readonly model: string
  readonly clock: Clock
  readonly onSpan: (span: Span) => void
  /** The traces of the learned events, each once, in their order. */
  readonly traceparents: readonly string[]
  /** Distinguishes this update from the others of its model: the positions, and the journals that they point into. */
  readonly place: Json
}

export class UpdateTrace {
  readonly #parts: UpdateTraceParts
  readonly #events: readonly SpanContext[]
  readonly #startMs: number
  readonly #place: string
  #publishing: { readonly startMs: number; readonly endMs: number } | undefined

  constructor(parts: UpdateTraceParts) {
    this.#parts = parts
    this.#events = parts.traceparents.flatMap((each) => readTraceparent(each) ?? [])
    this.#place = canonicalJson(parts.place)
    this.#startMs = parts.clock.nowMs()
  }

  /** For the manifest of the version. */
  of(version: string): VersionTrace {
    const traceparent = traceparentOf(this.#span('publish', version))
    return { traceparent, links: this.#parts.traceparents }
  }

  /** The time that `work` takes is that of the publication. */
  async publishing<Result>(work: Promise<Result>): Promise<Result> {
    const { clock } = this.#parts
    const startMs = clock.nowMs()
    try {
      return await work
    } finally {
      this.#publishing = { startMs, endMs: clock.nowMs() }
    }
  }

  /** Call it once, at the end. `version`: what was published, or would have been. */
  ended(version: string, { verdict, ...counts }: Readonly<Record<string, string | number>>): void {
    const { model, clock, onSpan } = this.#parts
    const [update, publish] = [this.#span('update', version), this.#span('publish', version)]
    const [parent, ...links] = this.#events
    const shared = { kind: 'internal', isError: verdict === 'failed' } as const
    const attributes = {
      'antikythera.model': model,
      'antikythera.version': version,
      ...(verdict !== undefined && { 'antikythera.verdict': verdict }),
    }
    if (this.#publishing !== undefined)
      onSpan({
        ...{ ...shared, name: 'publish', context: publish, parentId: update.spanId },
        ...{ ...this.#publishing, attributes },
      })
    const counted = Object.entries(counts).map(([name, value]) => [`antikythera.${name}`, value])
    onSpan({
      ...{ ...shared, name: 'update', context: update, parentId: parent?.spanId },
      ...(links.length > 0 && { links }),
      ...{ startMs: this.#startMs, endMs: clock.nowMs() },
      attributes: { ...attributes, ...(Object.fromEntries(counted) as typeof counts) },
    })
  }

  #span(name: string, version: string): SpanContext {
    const [first] = this.#events
    const which = [this.#parts.model, version, this.#place]
    const traceId = first?.traceId ?? hexOf(32, 'trace', ...which)
    return { traceId, spanId: hexOf(16, name, traceId, ...which), isSampled: true }
  }
}

function hexOf(digits: number, ...parts: readonly string[]): string {
  return hash('sha256', parts.join('\0')).slice(0, digits)
}
