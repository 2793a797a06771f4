/** What an update says of the traces of its events: spans, and the manifest of its version. */
import { expect, test } from 'vitest'
import type { Span } from '../../src/platform/tracing/spans.ts'
import { event, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { openWorld, runToEnd, type Setting, type World } from './world.ts'

const traceOf = (at: number) => at.toString(16).padStart(32, '1')
const parentOf = (at: number) => `00-${traceOf(at)}-${at.toString(16).padStart(16, '2')}-01`

/** Each in a trace of its own; `traced` names another one, or none. */
function events(count: number, traced = (at: number): string | undefined => parentOf(at)) {
  return lessons(count).map((text, at) => {
    const traceparent = traced(at)
    return event({ ...(JSON.parse(text) as object), ...(traceparent && { traceparent }) })
  })
}

async function run(stream: readonly string[], setting: Setting = {}) {
  const world = openWorld({ s: stream })
  const spans: Span[] = []
  await runToEnd(world, { onSpan: (span) => void spans.push(span), ...setting })
  return { world, spans }
}

function manifestOf({ registry }: World, version: string) {
  return registry.versions.get(version)!.manifest
}

test('an update lies in the trace of its first event, links to the others, and publishes below', async () => {
  const { world, spans } = await run(events(4))
  const [publish, update] = spans
  expect(spans).toHaveLength(2)
  expect(update).toMatchObject({
    ...{ name: 'update', kind: 'internal', isError: false },
    ...{ context: { traceId: traceOf(0) }, parentId: parentOf(0).slice(36, 52) },
    links: [1, 2, 3].map((at) => ({ traceId: traceOf(at) })),
    attributes: {
      ...{ 'antikythera.version': 'v1', 'antikythera.verdict': 'promote' },
      'antikythera.events': 4,
    },
  })
  expect(publish).toMatchObject({
    ...{ name: 'publish', context: { traceId: traceOf(0) }, parentId: update!.context.spanId },
  })
  expect(manifestOf(world, 'v1').trace).toEqual({
    traceparent: `00-${traceOf(0)}-${publish!.context.spanId}-01`,
    links: [0, 1, 2, 3].map(parentOf),
  })
  expect(manifestOf(world, 'v0').trace).toBeUndefined()
})

test('each update has the traces of its own events, and the same trace is named once', async () => {
  const { world } = await run(events(8, (at) => (at < 3 ? parentOf(0) : parentOf(at))))
  expect(manifestOf(world, 'v1').trace!.links).toEqual([0, 3].map(parentOf))
  expect(manifestOf(world, 'v2').trace!.links).toEqual([4, 5, 6, 7].map(parentOf))
})

test('a manifest names 32 traces at most, those of the first events', async () => {
  const { world, spans } = await run(events(40), { every: 40 })
  const links = Array.from({ length: 32 }, (_, at) => parentOf(at))
  expect(manifestOf(world, 'v1').trace!.links).toEqual(links)
  expect(spans.find(({ name }) => name === 'update')!.links).toHaveLength(31)
})

test('what is malformed, or not sampled by its caller, is no trace; the update has one of its own', async () => {
  const unsampled = `${parentOf(1).slice(0, -1)}0`
  const { world, spans } = await run(events(4, (at) => ['no', unsampled][at]))
  const [publish, update] = spans
  expect(update).not.toHaveProperty('links')
  expect(update!.parentId).toBeUndefined()
  expect(publish!.context.traceId).toBe(update!.context.traceId)
  expect(manifestOf(world, 'v1').trace!.links).toEqual([])
})

test('a retracted event takes its trace with it', async () => {
  const [first, second, ...rest] = events(5)
  const retraction = event({ id: 'e-0' })
  const { world } = await run([first!, second!, retraction, ...rest])
  expect(manifestOf(world, 'v1').trace!.links).toEqual([1, 2, 3, 4].map(parentOf))
})

test('feedback without a trace joins that of its prediction', async () => {
  const world = openWorld({ s: [event({ id: 'r', prediction_id: 'p', rating: 1 })] })
  world.predictions.set('p', {
    ...{ id: 'p', version: 'v0', answer: 'yes', timeMs: 0, traceparent: parentOf(5) },
    input: { kind: 'text', text: 'good' },
  })
  await runToEnd(world, { every: 1, onSpan: () => {} })
  expect(manifestOf(world, 'v1').trace!.links).toEqual([parentOf(5)])
})

test('pending traces outlive a restart, and are forgotten with tracing', async () => {
  const world = openWorld({ s: events(6) })
  await runToEnd(world, { onSpan: () => {} })
  world.streams.get('s')!.push(...events(8).slice(6))
  await runToEnd(world, { onSpan: () => {} })
  expect(manifestOf(world, 'v2').trace!.links).toEqual([4, 5, 6, 7].map(parentOf))
  world.streams.get('s')!.push(...events(10).slice(8))
  await runToEnd(world, { onSpan: () => {} })
  await runToEnd(world)
  world.streams.get('s')!.push(...events(12).slice(10))
  await runToEnd(world, { onSpan: () => {} })
  expect(manifestOf(world, 'v3').trace!.links).toEqual([10, 11].map(parentOf))
})

test('tracing changes neither weights nor digests, and without it nothing is named', async () => {
  const traced = await run(events(12))
  const plain = openWorld({ s: events(12) })
  await runToEnd(plain)
  expect(finalState(traced.world)).toEqual(finalState(plain))
  for (const { manifest } of plain.registry.versions.values())
    expect(manifest).not.toHaveProperty('trace')
})
