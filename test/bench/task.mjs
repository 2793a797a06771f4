/** A classification as a config would open it. */
import { openClassification } from '../../dist/src/tasks/classification/classification.js'

export function classificationOf(known, { open = false, limit = 1024 } = {}) {
  return openClassification({ open, known, retired: [], limit })
}
