/** A model on features, as the config makes it, and its learner without the daemon around it: score, then learn, in order. */
import { rehearsalOf } from '../../../dist/src/config/tasks.js'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { policies } from '../../../dist/src/plugins.js'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { adapterOf, labelsOf, methodOf, openBase } from '../../../dist/src/config/model-parts.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { openKnnMemory } from '../../../dist/src/learner/memory/knn-memory.js'
import { cpuTime } from './figures.mjs'
import { openLearner } from './learner.mjs'
import { classificationOf, labelled } from './learner.mjs'

export function readStream(path) {
  const lines = gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line))
}

/** Every label may appear at run time: nothing of the stream is known beforehand but the length of its vectors. */
export function modelFor(size, { features = {}, ...settings } = {}) {
  const model = { base: { features: { size, ...features } }, labels: { open: true }, ...settings }
  return parseConfig(JSON.stringify({ models: { m: model } }), '/').models.m
}

/** Accuracy of each answer before its label was learned, and examples a second of CPU; a version for each update, as in the daemon. */
export async function prequential(rows, { tf, settings, seed, limit = 1024 }) {
  const model = modelFor(rows[0].features.length, settings)
  const base = await openBase(model.base)
  const trunk = await openTrunkEngine(base, 0)
  const { learner } = openTabularLearner(model, base, { tf, seed, limit })
  let updates = 0
  const cpuMs = cpuTime()
  for (const [at, { features, label }] of rows.entries()) {
    const encoded = base.encode({ kind: 'features', features }, 0)
    const example = labelled(`stream\0${at}`, encoded, label)
    const { verdict } = learner.accept(example, latentsOf([example]), 0)
    const isLast = at === rows.length - 1
    if (verdict === 'wait' && !isLast) continue
    const told = learner.update()
    for (let next = told.next(); next.done !== true;) next = told.next(latentsOf(next.value))
    updates += 1
  }
  const seconds = cpuMs() / 1000
  const { accuracy, count } = learner.scores
  await trunk.close()
  return {
    accuracy,
    count,
    updates,
    dropped: learner.updates.progress.dropped,
    perSecond: rows.length / seconds,
  }

  function latentsOf(examples) {
    return new Map(examples.map(({ key, encoded }) => [key, trunk.encodeNow(encoded)]))
  }
}

/** `task`: absent = a classification by the model's labels. `fewShot` is open; with `compiling` steps are compiled; latents are those at `cut`. */
export function openTabularLearner(model, base, parts) {
  const { tf, seed, limit, fewShot, compiling, cut = 0 } = parts
  const [method, config] = [methodOf(model), adapterOf(model)]
  const { open, known } = labelsOf(model)
  const task = parts.task ?? classificationOf(known, { open, limit })
  const plan = { base, method, task, config }
  const fresh = (head) =>
    freshAdapter({ ...plan, outputs: task.outputs(head) }, openRandom(seed, 'm/adapter'))
  const baseTensors = new BaseTensors(tf, base)
  const trainable = openTrainable({
    ...{ ...plan, tf, head: known, parameters: fresh(known) },
    baseTensors,
    ...(compiling && { compiling }),
    hyperparameters: model.train,
    regularizer: openPolicy('regularizer', policies.regularizer, model.regularizer),
  })
  const learner = openLearner({
    task,
    trainable,
    random: (stream) => openRandom(seed, `m/${stream}`),
    chosen: model,
    freshParameters: fresh,
    train: rehearsalOf(model).train,
    ...(fewShot && { fewShot }),
    knnMemory: knnMemoryOf(model, { tf, base, baseTensors, cut }),
  })
  return { learner, trainable }
}

/** As the daemon opens it. */
function knnMemoryOf({ memory }, { tf, base, baseTensors, cut }) {
  const policy = openPolicy('memory', policies.memory, memory)
  if (policy.keepsNothing === true) return undefined
  return openKnnMemory(policy, { tf, base, baseTensors, cut })
}
