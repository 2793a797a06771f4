/**
 * Runs a stranger's graph once in a process of its own, before this one does: a loop without end or a tensor of gigabytes ends there.
 * That process may not outlive this one: the system ends it when its processor time is spent, however this one ends.
 */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { entryUrl } from '../../platform/entry.ts'

/** What the process says. */
export type ShapeReply =
  { readonly shape: readonly number[]; readonly isFinite: boolean } | { readonly fault: string }

interface TrialLimits {
  /** Of a processor: to read two gigabytes and run them once takes some seconds. */
  readonly seconds: number
  /** Beside four times the model, as it is read and laid out. Only where the system says what a process has (Linux). */
  readonly bytes: number
}

const usual: TrialLimits = { seconds: 60, bytes: 2 ** 30 }
const LOOK_MS = 20
const PAGE_BYTES = 4096

export async function triedShape(
  model: Uint8Array,
  side: number,
  { seconds, bytes }: TrialLimits = usual,
): Promise<ShapeReply> {
  const program = fileURLToPath(entryUrl('src/bases/onnx/shape-child.ts'))
  const limited = `ulimit -t ${seconds}; exec "$0" "$@"`
  const child = spawn('/bin/sh', ['-c', limited, process.execPath, program], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let fault: string | undefined
  const most = bytes + 4 * model.length
  const watch = setInterval(() => {
    void residentBytes(child.pid).then((held) => {
      if (held <= most) return
      fault = `one picture takes more than ${Math.round(most / 2 ** 20)} MiB`
      kill()
    })
  }, LOOK_MS)
  try {
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => (output += part))
    // It may end before it has read all; what it says counts.
    child.stdin.on('error', () => undefined).write(new Uint8Array(Uint32Array.of(side).buffer))
    child.stdin.end(model)
    const reason = await new Promise<string>((resolve) => {
      child.on('error', ({ message }) => resolve(message))
      child.on('close', (code, signal) => resolve(signal ?? `code ${code}`))
    })
    if (fault === undefined && output !== '') return JSON.parse(output) as ShapeReply
    const spent = /SIGXCPU|SIGKILL/.test(reason)
    return { fault: fault ?? (spent ? `one picture takes over ${seconds} s` : reason) }
  } finally {
    clearInterval(watch)
    process.removeListener('exit', kill)
    kill()
  }
}

/** 0 where the system does not say. */
async function residentBytes(pid: number | undefined): Promise<number> {
  const pages = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '0 0')
  return Number(pages.split(' ')[1]) * PAGE_BYTES
}
