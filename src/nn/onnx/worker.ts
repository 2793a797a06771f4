/** The program of a worker thread: ONNX sessions and the adapters that they are fed with. A run blocks this thread and no other. */
import { parentPort } from 'node:worker_threads'
import { invariant } from '../../platform/errors.ts'
import { openHeldAdapters } from './held-adapters.ts'
import { openSession, ortTensor, type Feeds, type OnnxSession } from './session.ts'
import type { OrtCall, OrtReply, OrtRequest, OrtRun } from './protocol.ts'

const sessions = new Map<string, OnnxSession>()
const adapters = openHeldAdapters()

async function answer(request: OrtRequest): Promise<Feeds> {
  switch (request.kind) {
    case 'session':
      await addSession(request.session, request.model)
      return {}
    case 'hold':
      adapters.hold(request.key, request.tensors)
      return {}
    case 'drop':
      adapters.drop(request.key)
      return {}
    case 'run':
      return run(request)
    case 'end':
      parentPort?.close()
      return {}
  }
}

/** Adding twice happens after a crash: once from the pool's memory, once from the call that was tried again. */
async function addSession(id: string, model: Uint8Array): Promise<void> {
  if (sessions.has(id)) return
  // Copied, because the runtime does not read shared memory.
  sessions.set(id, await openSession(Uint8Array.from(model)))
}

async function run({ session: id, feeds, held }: OrtRun): Promise<Feeds> {
  const session = sessions.get(id)
  invariant(session, `the session ${id} was never added`)
  const own = Object.entries(feeds).map(([name, tensor]) => [name, ortTensor(tensor)] as const)
  const stacked = held === undefined ? {} : adapters.stack(held)
  return session.run({ ...stacked, ...Object.fromEntries(own) })
}

async function reply({ call, request }: OrtCall): Promise<OrtReply> {
  try {
    return { call, outputs: await answer(request) }
  } catch (error) {
    return { call, error: error instanceof Error ? error.message : String(error) }
  }
}

/** One request at a time, so that what was sent first has happened before what was sent next. */
let last = Promise.resolve()
parentPort?.on('message', (message: OrtCall) => {
  last = last.then(async () => parentPort?.postMessage(await reply(message)))
})
