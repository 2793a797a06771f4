/**
 * Tries what the files of a base describe in a thread of its own, with limits of memory and time, before this process uses
 * them: a template or a tokenizer that hangs or eats memory does so there, and is refused by name.
 */
import { Worker } from 'node:worker_threads'
import type { Json } from '../contracts/core.ts'
import { entryUrl } from '../platform/entry.ts'
import { processorTime } from '../platform/time-limit.ts'

/** Texts for a tokenizer and ids to decode, or values for a chat template. */
export type TrialJob =
  | {
      readonly definition: Json
      readonly texts: readonly string[]
      readonly ids?: readonly number[]
    }
  | { readonly template: string; readonly values: readonly object[] }

/** What the thread says: that it has read the files, and that it has done its work. */
export type TrialReply = 'read' | 'done'

/** Reading the largest tokenizers takes a second or two. */
const READING_MS = 30_000
/** What is tried takes some tens of milliseconds. */
const TRIAL_MS = 300
const [TEMPLATE_MIB, TOKENIZER_MIB] = [64, 512]

/** Why the work cannot be done; undefined if it can. That the work fails with an error is for its caller to see. */
export async function tryOut(job: TrialJob): Promise<string | undefined> {
  const mib = 'template' in job ? TEMPLATE_MIB : TOKENIZER_MIB
  const thread = new Worker(entryUrl('src/bases/trial-worker.ts'), {
    workerData: job,
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: mib, maxYoungGenerationSizeMb: 16 },
  })
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise((resolve) => {
      const limit = (ms: number, what: string) => {
        const spentMs = processorTime()
        clearInterval(timer)
        timer = setInterval(() => {
          if (spentMs() >= ms) resolve(`${what} takes more than ${ms} ms`)
        }, ms)
      }
      limit(READING_MS, 'reading it')
      thread.on('message', (reply: TrialReply) => {
        if (reply === 'done') resolve(undefined)
        else limit(TRIAL_MS, 'a short input')
      })
      thread.on('error', (fault: Error & { code?: string }) =>
        resolve(
          fault.code === 'ERR_WORKER_OUT_OF_MEMORY'
            ? `a short input takes more than ${mib} MiB of memory`
            : fault.message,
        ),
      )
      thread.on('exit', (code) => resolve(`its thread ended with code ${code}`))
    })
  } finally {
    clearInterval(timer)
    await thread.terminate()
  }
}

/** Of the bases that this process opened last. */
const MOST_KNOWN = 64
const known = new Map<string, Promise<string | undefined>>()

/** The same once for each `key`, which names all that the job holds. */
export function tryOnce(key: string, job: () => TrialJob): Promise<string | undefined> {
  const found = known.get(key)
  if (found !== undefined) return found
  const trial = tryOut(job())
  known.set(key, trial)
  for (const oldest of known.keys()) if (known.size > MOST_KNOWN) known.delete(oldest)
  return trial
}

/** Ordinary words, and runs of one kind of character before another, at which ambiguous expressions backtrack for ever. */
export const trialTexts: readonly string[] = [
  'A plain sentence, with 12 numbers & signs… and “others”: naïve, 漢字, ру́сский!\n\n  Two lines.',
  ...['a', 'A', 'é', '0', ' ', '-', '\n', 'ab ', '漢'].map((run) => `${run.repeat(64)}!\u0001`),
]
