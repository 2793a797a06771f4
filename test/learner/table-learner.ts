/** The learner of a model on `features`, as a config gives it and the daemon opens it, without the shell around it. */
import { openPolicies, openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { adapterOf, methodOf, openBase, openTask } from '../../src/config/model-parts.ts'
import type { Example, Head } from '../../src/contracts/example.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { parseConfig } from '../../src/config/config.ts'
import { jointRollback } from '../../src/evaluation/release-decisions.ts'
import { openRandom } from '../../src/platform/random.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { openKnnMemory } from '../../src/learner/memory/knn-memory.ts'
import { Learner } from '../../src/learner/learner.ts'
import type { LearnerParts } from '../../src/learner/learner-types.ts'
import { identified } from '../example-key.ts'
import { tf } from '../trainer/rig.ts'

/** What is right is a label, or a number for `task: regression`. */
export type Row = readonly [features: readonly number[], right: string | number]

/** `settings` are those of the model; nothing is known of the stream but the length of its vectors. */
export async function openTableLearner(
  size: number,
  settings: object,
  { limit = 50, trust }: { readonly limit?: number } & Pick<LearnerParts, 'trust'> = {},
) {
  const { features = {}, ...others } = settings as { features?: object; task?: string }
  const written = {
    trigger: { policy: 'count', every: 1 },
    ...others,
    base: { features: { size, ...features } },
    ...(others.task === undefined && { labels: { open: true } }),
  }
  const model = parseConfig(JSON.stringify({ models: { m: written } }), '/').models.m!
  const base = await openBase(model.base)
  const trunk = await openTrunkEngine(base, 0)
  const task = openTask(model, { labels: limit })
  const plan = { base, method: methodOf(model), task, config: adapterOf(model) }
  const freshParameters = (head: Head) =>
    freshAdapter({ ...plan, outputs: task.outputs(head) }, openRandom(1, 'fresh'))
  const baseTensors = new BaseTensors(tf, base)
  const trainable = openTrainable({
    ...{ ...plan, tf, head: [], parameters: freshParameters([]), baseTensors },
    hyperparameters: model.train,
    regularizer: openPolicy('regularizer', policies.regularizer, model.regularizer),
  })
  const memory = openPolicy('memory', policies.memory, model.memory)
  const learner = new Learner({
    ...{ trainable, task, freshParameters, train: model.train, trust },
    replayBuffer: {
      replay: openPolicy('replay', policies.replay, model.replay),
      draw: openRandom(1, 'draw'),
      offer: openRandom(1, 'offer'),
    },
    trigger: openPolicy('trigger', policies.trigger, model.trigger),
    chance: openRandom(1, 'trigger'),
    rate: openPolicy('rate', policies.rate, model.rate),
    rollback: jointRollback(openPolicies('rollback', policies.rollback, model.rollback)),
    ...(memory.keepsNothing !== true && {
      knnMemory: openKnnMemory(memory, { tf, base, baseTensors, cut: 0 }),
    }),
  })
  const latentsOf = (examples: readonly Example[]) =>
    new Map(examples.map(({ key, encoded }) => [key, trunk.encodeNow!(encoded)]))
  const exampleOf = ([features, right]: Row, id: string): Example => ({
    ...identified('s', id),
    encoded: base.encode({ kind: 'features', features }, 0),
    target: typeof right === 'number' ? right : { kind: 'label', label: right },
    weight: 1,
  })
  let count = 0
  return {
    ...{ learner, base, plan, task, exampleOf, latentsOf },
    /** Each is answered, then learned when the trigger says so. `from`: the id of the first. */
    feed(rows: readonly Row[], from = count): void {
      count = from
      for (const row of rows) {
        const example = exampleOf(row, String(count))
        count += 1
        const { verdict } = learner.accept(example, latentsOf([example]), 0)
        if (verdict === 'wait') continue
        const told = learner.update()
        for (let next = told.next(); next.done !== true;) next = told.next(latentsOf(next.value))
      }
    },
    /** Right answers so far. */
    get right(): number {
      const { accuracy, count: scored } = learner.scores
      return accuracy * scored
    },
    async close(): Promise<void> {
      trainable.dispose()
      await trunk.close()
    },
  }
}
