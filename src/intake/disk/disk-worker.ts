/** The program of the disk thread. Requests start in order of arrival, so that offsets rise in that order. */
import { parentPort } from 'node:worker_threads'
import { systemClock } from '../../platform/clock.ts'
import { openDiskFiles } from './files.ts'
import { plainFault } from './pack.ts'
import type { DiskCall, DiskReply } from './protocol.ts'

const files = openDiskFiles(systemClock)

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
