/** Who one is, told to a real broker: what gets in, and what is refused at once, by code and with how to mend it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KafkaConnection, KafkaSasl } from '../../connectors/kafka/settings.ts'
import { kafkaDeadLetterSink } from '../../connectors/kafka/sink.ts'
import type { KafkaBroker } from '../../src/cli/services/kafka-broker.ts'
import type { Logger } from '../../src/contracts/core.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { errorTable } from '../../src/platform/errors.ts'
import { rejection } from '../coded.ts'
import { letter } from '../conformance/sink.ts'
import {
  makeCertificates,
  startSecuredKafka,
  users,
  type Certificates,
} from '../services/kafka-secured.ts'
import {
  administer,
  kafkaIsInstalled,
  kafkaIsMissing,
  makeTopic,
  produce,
} from '../services/kafka.ts'
import { never, readSome, silent, sourceOf, textOf } from './kafka-source.ts'

let broker: KafkaBroker
let certificates: Certificates
const folder = mkdtempSync(join(tmpdir(), 'antikythera-certificates-'))
const made = kafkaIsInstalled() ? makeCertificates(folder) : undefined
const why = kafkaIsInstalled() ? 'openssl is not installed' : kafkaIsMissing

type Listener = 'PLAIN' | 'SCRAM' | 'TLS' | 'SECURE'
const mechanisms = ['scram-sha-256', 'scram-sha-512'] as const

const as = (mechanism: KafkaSasl['mechanism'], username: keyof typeof users): KafkaSasl => ({
  mechanism,
  username,
  password: users[username],
})

function at(listener: Listener, more: Partial<KafkaConnection>): KafkaConnection {
  return { brokers: [broker.listeners[listener]!], ...more }
}

/** One message there and back, through the source and through the sink. */
async function expectToWork(connection: KafkaConnection): Promise<void> {
  const topic = await makeTopic(broker.brokers)
  const sink = kafkaDeadLetterSink({ ...connection, topic, clock: systemClock, log: silent })
  await sink.write([letter('k', new TextEncoder().encode('through'))])
  await sink.close()
  const source = sourceOf(connection.brokers, topic, connection)
  await source.open({}, never)
  expect((await readSome(source, 1)).map(textOf)).toEqual(['through'])
  await source.close()
}

/** Refused by both, for good, at the first call. */
async function expectToBeRefused(connection: KafkaConnection): Promise<void> {
  const topic = await makeTopic(broker.brokers)
  const source = sourceOf(connection.brokers, topic, connection)
  const sink = kafkaDeadLetterSink({ ...connection, topic, clock: systemClock, log: silent })
  const errors = [
    await rejection(source.open({}, never)),
    await rejection(sink.write([letter('k')])),
  ]
  await source.close()
  await sink.close()
  for (const error of errors) {
    expect(error).toMatchObject({ code: 'BROKER_REFUSED', retriable: false })
    expect(JSON.stringify([error.message, error.details])).not.toMatch(/secret|wrong-word/)
  }
  expect(errorTable.BROKER_REFUSED.fix).toContain('check sasl, tls')
}

describe.skipIf(made === undefined)('a broker that lets in whom it knows', () => {
  beforeAll(async () => {
    certificates = made!
    broker = await startSecuredKafka(certificates)
  }, 120_000)

  afterAll(async () => {
    await broker.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('knows a user by SASL PLAIN', async () => {
    await expectToWork(at('PLAIN', { sasl: as('plain', 'admin') }))
  })

  it.each(mechanisms)('knows a user by %s', async (mechanism) => {
    await expectToWork(at('SCRAM', { sasl: as(mechanism, 'admin') }))
  })

  it('is known by its authority, and knows a client by its certificate', async () => {
    await expectToWork(at('TLS', { tls: { ca: certificates.ca, ...certificates.client } }))
  })

  it.each(mechanisms)('knows a user by %s inside TLS', async (mechanism) => {
    const tls = { ca: certificates.ca }
    await expectToWork(at('SECURE', { tls, sasl: as(mechanism, 'admin') }))
  })

  it.each(['plain', ...mechanisms] as const)(
    'refuses a wrong password of %s',
    async (mechanism) => {
      const sasl = { ...as(mechanism, 'admin'), password: 'wrong-word' }
      await expectToBeRefused(at(mechanism === 'plain' ? 'PLAIN' : 'SCRAM', { sasl }))
    },
  )

  it('refuses a user that it does not know, and a mechanism that it does not speak', async () => {
    const sasl = { ...as('scram-sha-512', 'admin'), username: 'nobody' }
    await expectToBeRefused(at('SCRAM', { sasl }))
    await expectToBeRefused(at('SCRAM', { sasl: as('plain', 'admin') }))
  })

  it('is refused itself when another authority has signed it', async () => {
    const sasl = as('scram-sha-512', 'admin')
    await expectToBeRefused(at('SECURE', { sasl, tls: { ca: certificates.foreignCa } }))
    await expectToBeRefused(at('SECURE', { sasl, tls: true }))
  })

  it('refuses a client without a certificate where it asks for one', async () => {
    await expectToBeRefused(at('TLS', { tls: { ca: certificates.ca } }))
  })

  it('gets no answer without TLS, which is told and tried again', async () => {
    const topic = await makeTopic(broker.brokers)
    const connection = at('SECURE', { sasl: as('scram-sha-512', 'admin') })
    const sink = kafkaDeadLetterSink({ ...connection, topic, clock: systemClock, log: silent })
    const error = await rejection(sink.write([letter('k')]))
    expect(error).toMatchObject({ code: 'SINK_FAILED', retriable: true })
    await sink.close()
  })

  it('refuses whoever may not read a topic, at the start and when the right is taken away', async () => {
    const topic = await makeTopic(broker.brokers)
    await produce(broker.brokers, topic, ['a'])
    const group = `g-${topic}`
    const connection = at('SCRAM', { sasl: as('scram-sha-256', 'reader') })
    const told: string[] = []
    const log: Logger = {
      ...silent,
      warn: (details) => void told.push(inspect(details)),
      child: () => log,
    }
    const source = sourceOf(connection.brokers, topic, { ...connection, group, log })
    const untold = await rejection(source.open({}, never))
    expect(untold).toMatchObject({ code: 'BROKER_REFUSED', retriable: false })
    await allow('TOPIC', topic)
    // The broker knows a right a moment after it was given.
    const opens = () =>
      source.open({}, never).then(
        () => true,
        () => false,
      )
    await expect.poll(opens).toBe(true)
    // Without the group's right it waits for a coordinator, and says what else it may be.
    const untilThen: SourceRecord[] = []
    const toldAfterRead = async () => {
      untilThen.push(...(await source.read({ records: 1, waitMs: 500 }, never)))
      return told.join()
    }
    await expect.poll(toldAfterRead).toContain('may not read with this group')
    expect(untilThen).toEqual([])
    await allow('GROUP', group)
    expect((await readSome(source, 1)).map(textOf)).toEqual(['a'])
    await forbid('TOPIC', topic)
    const later = await rejection(readUntilItFails(source))
    expect(later).toMatchObject({ code: 'BROKER_REFUSED', retriable: false })
    await source.close()
  }, 180_000)
})

if (made === undefined)
  it('a broker that lets in whom it knows', (context) => {
    context.skip(why)
  })

async function readUntilItFails(source: ReturnType<typeof sourceOf>): Promise<void> {
  for (let tries = 0; tries < 120; tries += 1) await source.read({ records: 1, waitMs: 500 }, never)
}

const rightTo = (resource: 'TOPIC' | 'GROUP', resourceName: string) => ({
  resourceType: AclResourceTypes[resource],
  resourceName,
  resourcePatternType: ResourcePatternTypes.LITERAL,
  principal: 'User:reader',
  host: '*',
  operation: AclOperationTypes.READ,
  permissionType: AclPermissionTypes.ALLOW,
})

async function allow(resource: 'TOPIC' | 'GROUP', name: string): Promise<void> {
  const acl = [rightTo(resource, name)]
  await administer(broker.brokers, (admin) => admin.createAcls({ acl }))
}

async function forbid(resource: 'TOPIC' | 'GROUP', name: string): Promise<void> {
  const filters = [rightTo(resource, name)]
  await administer(broker.brokers, (admin) => admin.deleteAcls({ filters }))
}
