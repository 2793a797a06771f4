/** The limit of open files: with too few, the program cannot even be loaded, and no message says why. */
import { readFileSync } from 'node:fs'
import { failure } from '../platform/errors.ts'

/** An idle daemon opens about 150, including its program during loading; each connection takes one more. */
const FEWEST = 256

/** Throws DESCRIPTORS_SCARCE. */
export function checkDescriptors(limit = openFilesLimit()): void {
  if (limit >= FEWEST) return
  const message = `this process may open ${limit} files at once, and needs at least ${FEWEST}`
  throw failure('DESCRIPTORS_SCARCE', message, { details: { limit, needed: FEWEST } })
}

/** Linux shows the limit; other systems do not. */
function openFilesLimit(): number {
  try {
    const text = readFileSync('/proc/self/limits', 'utf8')
    const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1] ?? 'unlimited'
    return soft === 'unlimited' ? Infinity : Number(soft)
  } catch {
    return Infinity
  }
}
