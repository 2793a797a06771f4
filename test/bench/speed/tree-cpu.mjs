/**
 * CPU time of a process and of those that it has started, in milliseconds, in steps of 10: Linux, `man 5 proc`, /proc/pid/stat and
 * /proc/pid/task/tid/children. A process that has ended meanwhile is counted no more.
 */
import { readdirSync, readFileSync } from 'node:fs'

const TICK_MS = 10

export function treeCpuMs(pid) {
  return cpuMs(pid) + childrenCpuMs(pid)
}

/** Without that of the process itself. */
export function childrenCpuMs(pid) {
  return childrenOf(pid).reduce((sum, child) => sum + treeCpuMs(child), 0)
}

function cpuMs(pid) {
  const stat = readOr(`/proc/${pid}/stat`)
  const [user = 0, system = 0] = stat.split(') ').at(-1).split(' ').slice(11, 13).map(Number)
  return TICK_MS * (user + system)
}

function childrenOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readOr(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}

function readOr(path, instead = '') {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return instead
  }
}
