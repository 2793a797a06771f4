/** What the demo with Kafka needs besides packages of npm: brought by set-up when it is not there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { failure } from '../../platform/errors.ts'
import { packageRoot } from '../doctor/packages.ts'
import { kafkaIsInstalled } from '../services/kafka-java.ts'
import { redisServerVersion } from '../services/redis-server.ts'

export async function bringServices(): Promise<void> {
  if (!kafkaIsInstalled() || redisServerVersion() === undefined) await setUp()
  if (redisServerVersion() === undefined) throw missing('redis', 'redis-server is not installed')
  if (!kafkaIsInstalled()) throw missing('kafka', 'no Kafka broker is installed')
}

/** Its own words say how far it is, and what it could not bring. */
async function setUp(): Promise<void> {
  const program = join(packageRoot(), 'deploy', 'bootstrap', 'main.mjs')
  const child = spawn(process.execPath, [program, '--services'], { stdio: ['ignore', 2, 2] })
  await once(child, 'exit')
}

function missing(service: string, message: string) {
  return failure('SERVICE_MISSING', message, { details: { service } })
}
