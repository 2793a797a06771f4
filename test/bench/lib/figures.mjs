/** Numbers of a measurement, and the machine that they are true for. */
import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export function median(values) {
  return percentile(values, 0.5)
}

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Of a sample: divided by n − 1; 0 for one value. */
export function deviation(values) {
  const middle = mean(values)
  const squares = values.map((value) => (value - middle) ** 2)
  return values.length < 2 ? 0 : Math.sqrt(mean(squares) * (values.length / (values.length - 1)))
}

/** Over seeds, as a cell of a table. */
export function spread(values, digits = 1) {
  if (values.length === 0) return 'not measured'
  const middle = mean(values).toFixed(digits)
  return values.length === 1 ? middle : `${middle} ± ${deviation(values).toFixed(digits)}`
}

export function round(value, digits = 2) {
  return Number(value.toFixed(digits))
}

export function latencyOf(values) {
  return {
    p50: round(percentile(values, 0.5)),
    p99: round(percentile(values, 0.99)),
    requests: values.length,
  }
}

/** Milliseconds that all threads of this process work, which a busy machine makes hardly longer. */
export function cpuTime() {
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  }
}

/** Of a process, user and system time so far, in steps of 10 ms: `man 5 proc`, /proc/pid/stat. */
export function cpuMsOf({ pid }) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return 10 * (Number(user) + Number(system))
}

export function machine() {
  const [first] = cpus()
  return {
    cpu: first?.model.trim(),
    instructions: instructions(),
    cores: cpus().length,
    memoryGiB: round(totalmem() / 2 ** 30, 1),
    node: process.version,
    loadBefore: loadavg().map((value) => round(value)),
  }
}

const SETS = {
  amx_int8: 'AMX',
  avx512_vnni: 'AVX-512 with VNNI',
  avx512f: 'AVX-512',
  avx_vnni: 'AVX2 with VNNI',
  avx2: 'AVX2',
}

/** The widest set that decides how fast products of matrices are, as Linux names it; elsewhere the architecture. */
function instructions() {
  try {
    const flags = new Set(
      /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].split(' '),
    )
    const widest = Object.keys(SETS).find((flag) => flags.has(flag))
    return widest === undefined ? process.arch : SETS[widest]
  } catch {
    return process.arch
  }
}

/** The last line is the result, whole; what came before is for people. */
export function finish(name, startedOn, result) {
  process.stdout.write(`${JSON.stringify({ bench: name, machine: startedOn, ...result })}\n`)
}

/** Progress, for people: stderr, so that stdout stays one line of JSON. */
export function say(line) {
  process.stderr.write(`${line}\n`)
}
