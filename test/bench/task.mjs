/** A classification as a config would open it, and an example of one. */
import { openClassification } from '../../dist/src/tasks/classification/classification.js'

export function classificationOf(known, { open = false, limit = 1024 } = {}) {
  return openClassification({ open, known, retired: [], limit })
}

/** `key` orders and names it; all examples of a benchmark come from one source. */
export function labelled(key, encoded, label) {
  return { key, source: 'stream', id: key, encoded, target: { kind: 'label', label }, weight: 1 }
}
