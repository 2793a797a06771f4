/** The program of a worker thread: ONNX sessions and the adapters that they are fed with. A run blocks this thread and no other. */
import { parentPort } from 'node:worker_threads'
import { invariant } from '../../platform/errors.ts'
import { DecodeLanes, type DecodeRun } from './decoding/decode-run.ts'
import { openHeldAdapters } from './held-adapters.ts'
import { ROW_ADAPTER } from './ops.ts'
import { openSession, ortTensor, type Feeds, type FeedTensor, type OnnxSession } from './session.ts'
import type { OrtCall, OrtReply, OrtRequest, OrtRun } from './thread.ts'

const sessions = new Map<string, OnnxSession>()
const adapters = openHeldAdapters()
const lanes = new DecodeLanes()

async function answer(request: OrtRequest): Promise<Feeds> {
  switch (request.kind) {
    case 'session':
      await addSession(request)
      return {}
    case 'hold':
      adapters.hold(request.key, request.tensors, request.alone)
      return {}
    case 'drop':
      adapters.drop(request.key)
      return {}
    case 'run':
      return run(request)
    case 'decode':
      return decode(request)
    case 'tokens':
      lanes.structured.read(request.table)
      return {}
    case 'forget':
      return lanes.end(request)
    case 'reuse':
      return lanes.reuse(request)
    case 'end':
      parentPort?.close()
      return {}
  }
}

type AddedSession = Extract<OrtRequest, { kind: 'session' }>

/** Adding twice happens after a crash: once from the pool's memory, once from the call that was tried again. */
async function addSession({ session: id, model, threads }: AddedSession): Promise<void> {
  if (sessions.has(id)) return
  // Copied, because the runtime does not read shared memory.
  sessions.set(id, await openSession(Uint8Array.from(model), threads))
}

function sessionOf(id: string): OnnxSession {
  const session = sessions.get(id)
  invariant(session, `the session ${id} was never added`)
  return session
}

async function decode(request: DecodeRun): Promise<Feeds> {
  const { session, held } = request
  const stacked = held === undefined ? undefined : adapters.stack(held)
  return lanes.run(sessionOf(session), request, stacked?.tensors ?? {}, stacked?.places ?? [])
}

async function run({ session: id, feeds, held, outputs }: OrtRun): Promise<Feeds> {
  const session = sessionOf(id)
  const stacked = held === undefined ? undefined : adapters.stack(held)
  const own = Object.entries(feeds).map(([name, tensor]) => [name, ortTensor(tensor)] as const)
  const rows = feeds[ROW_ADAPTER]
  const given = {
    ...stacked?.tensors,
    ...Object.fromEntries(own),
    ...(stacked && rows && { [ROW_ADAPTER]: ortTensor(placed(rows, stacked.places)) }),
  }
  return session.run(given, outputs)
}

/** A row counts in the adapters of its run; the graph, in those of the stack. */
function placed({ shape, data }: FeedTensor, places: readonly number[]): FeedTensor {
  return { shape, data: Int32Array.from(data, (at) => places[at] ?? 0) }
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
