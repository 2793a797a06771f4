/**
 * Losses of versions, computed in a process of their own: it needs the base a second time, and seconds of both cores, in which
 * the daemon must answer.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { entryUrl } from '../../../platform/entry.ts'
import { invariant } from '../../../platform/errors.ts'
import type { ChatModel } from './daemon.ts'

export interface Losses {
  readonly held_out: number
  readonly general: number
  readonly distance: number
}

export interface LossMeter {
  /** `answers`: those that this version gave to the held-out questions, in their order. */
  of(model: ChatModel, version: string, answers: readonly string[]): Promise<Losses>
  close(): Promise<void>
}

/** `text`: the configuration, whose relative paths start at `folder`. */
export function startLossMeter(text: string, folder: string): LossMeter {
  const program = fileURLToPath(entryUrl('src/cli/demo/chat/losses-process.ts'))
  // Its stderr has only the notes of TensorFlow.
  const child = spawn(process.execPath, [program, text, folder], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  // A question to a process that has ended: its answer, which does not come, says so.
  child.stdin.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async of(model, version, answers) {
      child.stdin.write(`${JSON.stringify([model, version, answers])}\n`)
      const line = await lines.next()
      invariant(line.done !== true, 'the process that computes losses ended')
      return JSON.parse(line.value) as Losses
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.stdin.end()
      await gone
    },
  }
}
