/** The product's learner, put together as the daemon does it, without its shell: no checkpoints, no registry. */
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { policies } from '../../../dist/src/plugins.js'
import { Learner } from '../../../dist/src/learner/learner.js'
import { openClassification } from '../../../dist/src/tasks/classification/classification.js'

/** `parts` has the task. `chosen`: policies as in a config. `random(stream)` opens a stream of chance. */
export function openLearner({ chosen, random, ...parts }) {
  const open = (kind, otherwise) => openPolicy(kind, policies[kind], chosen[kind] ?? otherwise)
  return new Learner({
    ...parts,
    replayBuffer: { replay: open('replay'), draw: random('draw'), offer: random('offer') },
    trigger: open('trigger'),
    chance: random('trigger'),
    rate: open('rate', { policy: 'constant' }),
    rollback: open('rollback', { policy: 'never' }),
  })
}

export function classificationOf(known, { open = false, limit = 1024 } = {}) {
  return openClassification({ open, known, retired: [], limit })
}

/** `key` orders and names it; all examples of a benchmark come from one source. */
export function labelled(key, encoded, label) {
  return { key, source: 'stream', id: key, encoded, target: { kind: 'label', label }, weight: 1 }
}
