/**
 * How long a process has waited for a processor while it had something to compute. On a machine with more work than cores a
 * process may be silent for minutes without being stuck.
 *
 * Linux, Documentation/scheduler/sched-stats.rst: the second number of `schedstat`, in nanoseconds.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds of waiting, by thread id; empty if the system does not report it. */
export type ProcessorWaits = ReadonlyMap<string, number>

export function processorWaits(pid: number): ProcessorWaits {
  try {
    const folder = `/proc/${pid}/task`
    return new Map(
      readdirSync(folder).map((thread) => {
        const [, waitedNs = '0'] = readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')
        return [thread, Number(waitedNs) / 1e6]
      }),
    )
  } catch {
    return new Map() // It has just ended, or this is not Linux.
  }
}

/** The longest wait of a thread in between: others may have waited for it in turn. */
export function longestWaitMs(before: ProcessorWaits, now: ProcessorWaits): number {
  let longest = 0
  for (const [thread, ms] of now) longest = Math.max(longest, ms - (before.get(thread) ?? 0))
  return longest
}
