/** An update whose result is not finite is taken back: it is never published, and the stream goes on behind it. */
import { expect, test } from 'vitest'
import { checkFinite } from '../../src/versions/sealing.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { lessons } from './events.ts'
import { TinyTrainable } from './tiny.ts'
import { openWorld, runToEnd, type Setting } from './world.ts'

test('an update that is not finite is undone, and the next one learns from what was before', async () => {
  const world = openWorld({ s: lessons(12) })
  const { registry } = world
  let steps = 0
  const setting: Setting = {
    every: 4,
    registry: {
      ...registry,
      publish: async (version) => {
        checkFinite(version.manifest, version.parameters)
        return registry.publish(version)
      },
    },
    openTrainable: (start) => {
      const trainable = new TinyTrainable(start)
      const { parameters, step } = trainable
      let diverged = false
      trainable.step = (rows, rate) => {
        steps += 1
        diverged = steps === 2
        return step.call(trainable, rows, rate)
      }
      trainable.parameters = () => {
        const all = parameters.call(trainable)
        if (diverged) all.get('head.bias')!.data[0] = NaN
        return all
      }
      return trainable
    },
  }
  const status = await runToEnd(world, setting)
  expect(status).toMatchObject({ state: 'stopped', steps: 3, droppedSteps: 1, pending: 0 })
  expect(status.counts.learned).toBe(8)
  expect(world.registry.moves.map(({ live }) => live.version)).toEqual(['v0', 'v1', 'v2'])
  const { manifest } = registry.versions.get('v2')!
  expect(manifest).toMatchObject({ parent: 'v1', span: { s: { '0': ['8', '12'] } } })
  const { positions, remembered } = new Checkpoint(world.store, { snapshots: 2 }).load()!
  expect(positions).toEqual({ s: { '0': '12' } })
  // What diverged is not rehearsed either.
  expect(remembered).toHaveLength(8)
})
