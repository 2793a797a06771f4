/** The product's learner on texts, with instant memory or without, and what a version of it answers at any moment. */
import { openKnnEngine } from '../../../dist/src/learner/memory/engines.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { isOfMemory } from '../../../dist/src/nn/memory.js'
import { encodedOf } from '../lib/text-latents.mjs'
import { adapterOf, learn, openTextLearner, seenBy, update } from '../lib/text-learner.mjs'
import { labelled } from '../lib/learner.mjs'

/** As `every`: no update at all. */
export const never = 100_000

export function openMemoryLearner({ engine, base: whole, settings, seed, latents }) {
  const base = seenBy(whole, settings)
  const { learner, trainable, knnMemory } = openTextLearner({ engine, base, settings, seed })
  const cut = cutOf(adapterOf(settings).tail_layers, base.network.layers)
  const places = knnMemory ?? openKnnEngine({ ...engine, base, cut })
  const known = new Map()
  const placeOf = ({ key }) => {
    if (!known.has(key)) known.set(key, places.embed(latents.get(key)))
    return known.get(key)
  }
  return {
    /** In order; an update when the trigger says so, and not at the end. */
    learn(rows) {
      for (const row of rows) {
        const { verdict } = learner.accept(exampleOf(row), latents, 0)
        if (verdict === 'update') update(learner, latents)
        // As the daemon does: a version of what memory has.
        else if (learner.knnMemory?.due !== undefined) learner.memoryPublished()
      }
    },
    finish() {
      if (settings.every !== never && learner.pendingCount > 0) update(learner, latents)
    },
    areRight(rows) {
      const { head: labels } = trainable
      const logits = trainable.score(rows.map(({ key }) => latents.get(key)))
      const memory =
        knnMemory && new Map([...learner.parameters()].filter(([name]) => isOfMemory(name)))
      return rows.map((row, at) => {
        const z =
          knnMemory && labels.length > 0
            ? knnMemory.mix(memory, logits[at], placeOf(row))
            : logits[at]
        return labels[z.indexOf(Math.max(...z))] === row.label
      })
    },
    /** By the base's own embedding. */
    nearest(row, rows) {
      const own = placeOf(row)
      const cosine = (other) => placeOf(other).reduce((sum, value, at) => sum + value * own[at], 0)
      return rows.toSorted((one, other) => cosine(other) - cosine(one))
    },
    close: () => trainable.dispose(),
  }

  function exampleOf({ key, label, ...row }) {
    return labelled(key, encodedOf(base, row), label)
  }
}
