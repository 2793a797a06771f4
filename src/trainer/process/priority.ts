/**
 * The priority of a trainer process. Serving comes first: training uses the remaining CPU time. And its heap stays
 * small: V8 would let it grow fourfold between two collections, a hundred megabytes without use.
 */
import { readdirSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { setFlagsFromString } from 'node:v8'

/** Call it before TensorFlow starts its threads, which inherit the priority. */
export function lowerPriority(): void {
  for (const thread of threads()) setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL)
  keepHeapSmall()
}

/** The heap may grow by this much over the live size after the last collection. Costs no measurable time. */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=30')
}

/**
 * The threads that V8 has started already, which collect its garbage, on systems where each thread has a priority of
 * its own.
 */
function threads(): readonly number[] {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return [process.pid]
  }
}
