/** A model on a base in 8 bits whose data were made with weights of 8 bits, which only VNNI multiplies exactly, goes on with 7. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { freshAdapter, goingOn } from '../../src/adapters/adapter.ts'
import { head } from '../../src/adapters/head.ts'
import { lora } from '../../src/adapters/lora.ts'
import { quantized } from '../../src/adapters/quantized.ts'
import { slda } from '../../src/adapters/closed-form/slda.ts'
import { viewOf } from '../../src/adapters/view.ts'
import type { MethodPlugin } from '../../src/contracts/adapter.ts'
import type { Base } from '../../src/contracts/base.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openRandom } from '../../src/platform/random.ts'
import { nameOf } from '../adapters/name-of.ts'
import { finalState } from './final-state.ts'
import { bert, hyperparameters, open, planOf } from './rig.ts'
import { openWorld, runToEnd, type Setting } from './world.ts'

const present = quantized(bert)
const former: Base = {
  ...present,
  hash: createHash('sha256').update(`int8/1 ${bert.hash}`).digest('hex'),
}

async function under(published: Base, method: MethodPlugin = lora): Promise<Setting> {
  const config = { method: nameOf(method), rank: 1, alpha: 1, tail_layers: 1 } as const
  const base = viewOf(published, method, config)
  const plan = { base, method, config }
  return {
    base,
    adapter: config,
    trunk: await openTrunkEngine(base, 1),
    goesOn: (before) => goingOn(plan, before),
    freshParameters: (given) =>
      freshAdapter(planOf({ ...plan, head: given }), openRandom(1, 'fresh')),
    openTrainable: (start) => open({ ...plan, hyperparameters, ...start }),
  }
}

const events = (count: number) =>
  Array.from({ length: count }, (_, at) =>
    JSON.stringify({ id: `e-${at}`, text: `gear ${at}`, label: at % 2 ? 'yes' : 'no' }),
  )

test('its adapter goes on in a version of its own, which says why', async () => {
  const world = openWorld({ s: events(10) })
  await runToEnd(world, await under(former))
  const before = [...world.registry.versions.values()].at(-1)!
  await runToEnd(world, await under(present))
  expect(world.registry.moves.at(-1)!.reason).toBe(
    'the layers below the adapter are computed with weights of 7 bits, not 8',
  )
  const after = [...world.registry.versions.values()].at(-1)!
  expect(after.manifest.base.hash).toBe(present.hash)
  expect(after.parameters.get('head.bias')).toEqual(before.parameters.get('head.bias'))
  expect(finalState(world)?.remembered.length).toBeGreaterThan(5)
})

test('sums of the earlier embeddings are made again; data of another base are refused', async () => {
  const config = { method: 'slda', rank: 1, alpha: 1, tail_layers: 0 } as const
  const of = (method: MethodPlugin, hash: string) =>
    goingOn({ base: viewOf(present, method, config), method, config }, { name: bert.name, hash })
  expect(of(slda, former.hash)).toMatchObject({ isCarried: false })
  expect(of(head, former.hash)).toMatchObject({ isCarried: true })
  expect(of(head, bert.hash)).toBeUndefined()
  const world = openWorld({ s: events(10) })
  await runToEnd(world, await under(bert))
  const status = await runToEnd(world, await under(present))
  expect(status).toMatchObject({ state: 'failed', code: 'CHECKPOINT_FOREIGN' })
})
