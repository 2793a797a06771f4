/** The program of a thread in which the files of a base are tried. */
import { parentPort, workerData } from 'node:worker_threads'
import { chatRenderer } from './chat-renderer.ts'
import { AS_IT_IS, createTokenizer } from './tokenizer.ts'
import type { TrialJob, TrialReply } from './trial.ts'

const reply = (message: TrialReply) => parentPort?.postMessage(message)

/** Work that fails at once is no fault here: its caller meets the same error. */
function unlessError<Result>(work: () => Result): Result | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

const job = workerData as TrialJob
if ('template' in job) {
  const render = unlessError(() => chatRenderer(job.template))
  reply('read')
  for (const values of job.values) unlessError(() => render?.(values))
} else {
  const tokenizer = unlessError(() => createTokenizer(job.definition))
  reply('read')
  for (const text of job.texts) {
    const ids = unlessError(() => tokenizer?.encode(text).ids) ?? []
    if (ids.length > 0) unlessError(() => tokenizer?.decode(ids, AS_IT_IS))
  }
  const { ids } = job
  if (ids !== undefined) unlessError(() => tokenizer?.decode(ids, AS_IT_IS))
}
reply('done')
