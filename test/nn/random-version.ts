/** A version whose every tensor is drawn at random: nothing that it changes stays zero, as a trained one. */
import { specsOf, type AdapterPlan } from '../../src/adapters/adapter.ts'
import { recordedConfig, identityOf } from '../../src/adapters/recorded-config.ts'
import type { Random, Tensor } from '../../src/contracts/core.ts'
import type { TaskFacts } from '../../src/contracts/example.ts'
import type { Version } from '../../src/versions/contract.ts'
import { drawn } from '../drawn.ts'

export function randomVersion(
  plan: AdapterPlan & { readonly labels?: readonly string[]; readonly facts?: TaskFacts },
  random: Random,
): Version {
  const draw = (shape: readonly number[]): Tensor => {
    const length = shape.reduce((product, size) => product * size, 1)
    return { shape, data: drawn(length, random, 0.1) }
  }
  const parameters = specsOf(plan).map(({ name, shape }) => [name, draw(shape)] as const)
  return {
    parameters: new Map(parameters),
    manifest: {
      format: 1,
      model: 'test',
      version: 'v1',
      digest: 'digest',
      parent: null,
      base: identityOf(plan.base),
      task: plan.task.kind,
      facts: plan.facts ?? { labels: plan.labels ?? [] },
      adapter: recordedConfig(plan.config),
      span: {},
      events: 0,
      events_new: 0,
      steps: 0,
      scores: { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 },
      decision: 'promote',
      reason: 'test',
      files: {},
      created: '2026-01-01T00:00:00Z',
    },
  }
}
