/**
 * The span of a swap: from the move of the pointer that was noticed to the first answer of the new version. It lies in
 * the trace of the update that made the version, below its publication. A person's move, or a start, comes long after:
 * it begins a trace of its own, and only links to that one.
 */
import type { SpanExporter } from '../../platform/tracing/exporter.ts'
import { childOf, readTraceparent } from '../../platform/tracing/traceparent.ts'
import type { Manifest, Routing } from '../../versions/contract.ts'
import type { LoadedRouting } from './loaded-routing.ts'
import { CodedError } from '../../contracts/core.ts'

export interface SwapRecord {
  readonly model: string
  readonly pointer: Routing
  /** The version that a request may now get; absent: it could not be loaded. */
  readonly manifest?: Manifest | undefined
  /** Nothing answered before. */
  readonly isFirst: boolean
  readonly startMs: number
  readonly endMs: number
  readonly error?: unknown
}

/** The version that a swap is about: the live one, or, if that stays, the one on trial. */
export function subjectOf(
  { adapter, canary, shadow }: LoadedRouting,
  before: Manifest | undefined,
): Manifest {
  const { manifest } = adapter
  if (manifest.version !== before?.version) return manifest
  return (canary ?? shadow ?? adapter).manifest
}

export function sendSwap(spans: Pick<SpanExporter, 'add'>, swapped: SwapRecord): void {
  const { model, pointer, manifest, isFirst, startMs, endMs, error } = swapped
  const made = readTraceparent(manifest?.trace?.traceparent)
  const parent = pointer.by === 'trainer' && !isFirst ? made : undefined
  const version = manifest?.version ?? pointer.live.version
  const code = error instanceof CodedError ? error.code : 'INTERNAL'
  spans.add({
    ...{ context: childOf(parent), parentId: parent?.spanId, name: 'swap', kind: 'internal' },
    ...(made !== undefined && parent === undefined && { links: [made] }),
    ...{ startMs, endMs, isError: error !== undefined },
    attributes: {
      'antikythera.model': model,
      'antikythera.version': version,
      'antikythera.generation': pointer.generation,
      'antikythera.by': pointer.by,
      ...(error !== undefined && { 'error.type': code }),
    },
  })
}
