/**
 * One broker for a whole run of vitest, started when the first test asks for it: a start takes five seconds. This is
 * vitest's global set-up, in the process that outlives the workers; they ask over a socket.
 */
import { createServer } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startKafkaBroker, type KafkaBroker } from '../../src/cli/services/kafka-broker.ts'

declare module 'vitest' {
  interface ProvidedContext {
    readonly kafkaSocket: string
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-services-'))
  const socket = join(folder, 'kafka')
  let starting: Promise<KafkaBroker> | undefined
  const server = createServer((asking) => {
    starting ??= startKafkaBroker()
    asking.on('error', () => undefined)
    starting.then(
      ({ brokers }) => asking.end(JSON.stringify({ brokers })),
      (error: unknown) => asking.end(JSON.stringify({ error: String(error) })),
    )
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  project.provide('kafkaSocket', socket)
  return async () => {
    server.close()
    await starting?.then(
      (broker) => broker.stop(),
      () => undefined,
    )
    rmSync(folder, { recursive: true, force: true })
  }
}
