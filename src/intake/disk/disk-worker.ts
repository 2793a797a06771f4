/**
 * The program of the disk thread, which writes the server's files: a slow flush delays no answer. Requests start in order of
 * arrival, so that offsets rise in that order.
 */
import { parentPort } from 'node:worker_threads'
import { systemClock } from '../../platform/clock.ts'
import type { Clock } from '../../contracts/core.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { openDeadLetters, type DeadLetters } from '../dead-letters/dead-letters.ts'
import { openInboxReader, type InboxReader } from '../inbox/reader.ts'
import { openInbox, type Inbox } from '../inbox/inbox.ts'
import { openPredictionTable, type PredictionTable } from '../predictions/table.ts'
import { closeAll } from '../../platform/closers.ts'
import {
  type DiskCall,
  type DiskReply,
  plainFault,
  type DiskRequest,
  type OpenRequest,
  unpackEvents,
} from './protocol.ts'

/** Inboxes with their served predictions, and dead letters. */
class DiskFiles {
  readonly #clock: Clock
  readonly #inboxes = new Map<string, { readonly inbox: Inbox; readonly reader: InboxReader }>()
  readonly #predictions = new Map<string, PredictionTable>()
  readonly #letters = new Map<string, DeadLetters>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async answer(request: DiskRequest): Promise<unknown> {
    switch (request.kind) {
      case 'append':
        return found(this.#inboxes, request.path).inbox.append(
          unpackEvents(request.events),
          request.undone,
        )
      case 'consumed':
        found(this.#inboxes, request.path).reader.journal.consumed(request.offset)
        return undefined
      case 'refuse':
        return found(this.#inboxes, request.path).inbox.refuse(request.hashes)
      case 'predictions':
        found(this.#predictions, request.path).write(request.rows)
        return undefined
      case 'letters':
        return found(this.#letters, request.path).write(request.letters)
      case 'drop':
        return found(this.#letters, request.path).pages.remove(request.numbers)
      case 'sent':
        return found(this.#letters, request.path).unsent.sent(request.number, request.letters)
      case 'end':
        return this.close()
      default:
        this.#open(request)
        return undefined
    }
  }

  async close(): Promise<void> {
    const inboxes = [...this.#inboxes.values()].flatMap(({ inbox, reader }) => [reader, inbox])
    await closeAll([...this.#predictions.values(), ...inboxes, ...this.#letters.values()])
  }

  #open(request: OpenRequest): void {
    const { path } = request
    const clock = this.#clock
    if (request.kind === 'open-inbox') {
      invariant(!this.#inboxes.has(path), `${path} is open`)
      const inbox = openInbox(path, { ...request.bounds, clock })
      this.#inboxes.set(path, { inbox, reader: openInboxReader(path) })
    } else if (request.kind === 'open-predictions') {
      invariant(!this.#predictions.has(path), `${path} is open`)
      this.#predictions.set(path, openPredictionTable(path, { ...request.bounds, clock }))
    } else {
      invariant(!this.#letters.has(path), `${path} is open`)
      this.#letters.set(path, openDeadLetters(path, request.bounds))
    }
  }
}

/** After the thread was replaced, writes to a file that cannot be opened again fail. */
function found<File>(files: ReadonlyMap<string, File>, path: string): File {
  const file = files.get(path)
  if (file !== undefined) return file
  throw failure('STORE_FAILED', `${path} could not be opened again`, { details: { path } })
}

const files = new DiskFiles(systemClock)

async function reply({ call, request }: DiskCall): Promise<DiskReply> {
  try {
    return { call, result: await files.answer(request) }
  } catch (error) {
    return { call, fault: plainFault(error) }
  }
}

parentPort?.on('message', (message: DiskCall) => {
  void reply(message).then((answer) => {
    parentPort?.postMessage(answer)
    if (message.request.kind === 'end') parentPort?.close()
  })
})
