/**
 * The product's learner on a stream of domains, by the config that a user would write: every setting that a way leaves
 * out is the product's default. An answer counts before its label is learned, in blocks of the trigger's size.
 */
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { policies } from '../../../dist/src/plugins.js'
import { adapterOf, methodOf } from '../../../dist/src/config/model-parts.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { cpuTime, mean, round } from '../lib/figures.mjs'
import { openTabularLearner } from '../lib/tabular-learner.mjs'
import { finish, update } from '../lib/text-learner.mjs'
import { encodedOf, latentsOf } from '../lib/text-latents.mjs'
import { allRows } from './text-drift-stream.mjs'
import { labelled } from '../lib/learner.mjs'

/** As the labels appear: the sentences have these two. */
export const LABELS = ['negative', 'positive']

const every = 16

/** A block is learned in one pass where a way does not say: `epochs: null` is the product's default. */
export function configOf(base, settings) {
  const model = {
    base,
    labels: LABELS,
    trigger: { policy: 'count', every, rest: 0 },
    ...settings,
    train: { epochs: 1, ...settings.train },
  }
  return parseConfig(JSON.stringify({ models: { m: model } }), '/').models.m
}

/** Of a config: what its runs say of their steps. */
export function learnedBy({ train: { rest_steps, ...train } }) {
  return rest_steps === 0 ? train : { ...train, rest_steps }
}

/** What is not compilable stays eager. */
const onEager = () => undefined

/**
 * `seed`: of the learner; `files`: lists of the rows that it reads, each kept in the cache by itself, absent = all of the
 * domains. Steps are compiled, as with `trainer: { compiled: auto }`, unless `isCompiled` is false.
 */
export async function openDomainLearner(run) {
  const { tf, whole, model, seed, files = [allRows()], isCompiled = true } = run
  const base = viewOf(whole, methodOf(model), adapterOf(model))
  const cut = cutOf(model.adapter.tail_layers, base.network.layers)
  const latents = new Map()
  for (const rows of files)
    for (const [key, latent] of await latentsOf(base, cut, rows)) latents.set(key, latent)
  const fewShot = openPolicy('few_shot', policies.few_shot, model.few_shot)
  const { learner, trainable } = openTabularLearner(model, base, {
    ...{ tf, seed, cut, fewShot, ...(isCompiled && { compiling: { onEager } }) },
    limit: 1024,
  })
  const asExample = (row) => labelled(row.key, encodedOf(base, row), row.label)
  return { learner, trainable, latents, asExample }
}

/** Learns the rows in blocks of the trigger's size; what is left at their end is a block, too. */
export function learnRows({ learner, latents, asExample }, rows) {
  for (const example of rows.map(asExample)) {
    if (learner.accept(example, latents, 0).verdict === 'wait') continue
    update(learner, latents)
    const { restSteps } = learner.updates
    if (restSteps > 0) finish(learner.updates.rehearse(restSteps), latents)
  }
  if (learner.pendingCount > 0) update(learner, latents)
}

/**
 * `whole` is the open base that `model` names. The stream rests after each block, as long as `train.rest_steps` takes.
 */
export async function domainRun({ parts: { stream, tests }, ...run }) {
  const open = await openDomainLearner(run)
  const { learner, trainable } = open
  const used = cpuTime()
  const heldOut = []
  let learning = 0
  for (const [at, rows] of stream.entries()) {
    const before = used()
    learnRows(open, rows)
    learning += used() - before
    heldOut.push(tests.slice(0, at + 1).map((some) => accuracyOn(open, some)))
  }
  const { accuracy } = learner.scores
  const { steps, dropped } = learner.updates.progress
  trainable.dispose()
  return {
    ...figuresOf(100 * accuracy, heldOut),
    steps,
    dropped,
    cpuSeconds: round(learning / 1000, 1),
  }
}

/** `heldOut`: after each domain, the accuracy in % on each of those so far. */
export function figuresOf(prequential, heldOut) {
  const last = heldOut.at(-1)
  const drops = last
    .slice(0, -1)
    .map((accuracy, site) => Math.max(...heldOut.slice(site).map((some) => some[site])) - accuracy)
  return {
    prequential: round(prequential),
    heldOut: round(mean(last)),
    ...(drops.length > 0 && { forgetting: round(mean(drops)) }),
  }
}

/** In %, as a version answers: with its memory, where there is one. */
export function accuracyOn(open, rows) {
  return 100 - 100 * mean(errorsOn(open, rows))
}

/** Of each row whether the answer is wrong: 0 or 1. */
export function errorsOn({ learner, latents, asExample }, rows) {
  return finish(learner.scoring.versionOn(rows.map(asExample)), latents).map(({ error }) => error)
}
