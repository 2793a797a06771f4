/** How many files this process may open: with too few not even the program can be loaded, and nothing says why. */
import { readFileSync } from 'node:fs'
import { failure } from '../platform/errors.ts'

/** A daemon at rest opens about 150, its program while it is loaded included; each connection takes one more. */
const FEWEST = 256

/** Throws DESCRIPTORS_SCARCE. */
export function checkDescriptors(limit = openFilesLimit()): void {
  if (limit >= FEWEST) return
  const message = `this process may open ${limit} files at once, and needs at least ${FEWEST}`
  throw failure('DESCRIPTORS_SCARCE', message, { details: { limit, needed: FEWEST } })
}

/** Linux says so; elsewhere there is no telling. */
function openFilesLimit(): number {
  try {
    const text = readFileSync('/proc/self/limits', 'utf8')
    const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1] ?? 'unlimited'
    return soft === 'unlimited' ? Infinity : Number(soft)
  } catch {
    return Infinity
  }
}
