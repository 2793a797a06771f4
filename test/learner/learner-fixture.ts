/** A learner on tiny parts, and the shell that resolves its latents. */
import { identified } from '../example-key.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { LearningRateSchedule, Replay, Trigger } from '../../src/contracts/policy.ts'
import type { Rollback } from '../../src/contracts/release.ts'
import type { Example } from '../../src/contracts/example.ts'
import { openRandom } from '../../src/platform/random.ts'
import type { LabelRules } from '../../src/tasks/labels/label-rules.ts'
import { Learner } from '../../src/learner/learner.ts'
import type { LiveVersion, LearnerParts, Outcome } from '../../src/learner/learner-types.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { freshTiny, tinyBase, TinyTrainable, tinyTrunk } from '../trainer/tiny.ts'

export interface LearnerSetting {
  readonly labels?: Partial<LabelRules>
  readonly train?: LearnerParts['train']
  readonly replay?: Replay
  readonly trigger?: Trigger
  readonly rate?: LearningRateSchedule
  readonly rollback?: Rollback
}

export function openTiny(setting: LearnerSetting = {}) {
  const task = classificationOf(setting.labels ?? { known: ['no', 'yes'], limit: 4 })
  const head = task.start
  const trainable = new TinyTrainable({ head, parameters: freshTiny(head) })
  const replay =
    setting.replay ?? openPolicy('replay', policies.replay, { policy: 'reservoir', capacity: 6 })
  const learner = new Learner({
    trainable,
    task,
    replayBuffer: { replay, draw: openRandom(1, 'draw'), offer: openRandom(1, 'offer') },
    trigger:
      setting.trigger ?? openPolicy('trigger', policies.trigger, { policy: 'count', every: 4 }),
    chance: openRandom(1, 'trigger'),
    rate: setting.rate ?? openPolicy('rate', policies.rate, { policy: 'constant' }),
    freshParameters: freshTiny,
    rollback: setting.rollback ?? openPolicy('rollback', policies.rollback, { policy: 'never' }),
    train: setting.train ?? { batch: 2, replay_batch: 2, epochs: 1 },
  })
  return { learner, trainable, replay }
}

export function lesson(id: string, text: string, label: string): Example {
  const encoded = tinyBase.encode({ kind: 'text', text }, 64)
  return { ...identified('desk', id), encoded, target: { kind: 'label', label }, weight: 1 }
}

export async function latentsOf(examples: readonly Example[]) {
  const latents = await tinyTrunk.encode(examples.map(({ encoded }) => encoded))
  return new Map(examples.map(({ key }, at) => [key, latents[at]!]))
}

export async function accept(learner: Learner, example: Example) {
  return learner.accept(example, await latentsOf([example]), 0)
}

export async function update(learner: Learner, live?: LiveVersion): Promise<Outcome> {
  const told = learner.update(live)
  let next = told.next()
  while (next.done !== true) next = told.next(await latentsOf(next.value))
  return next.value
}
