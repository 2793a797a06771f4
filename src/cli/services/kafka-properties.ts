/** `server.properties` of a local broker: one node, replication factor one, no waiting for a second broker. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

export interface Layout {
  readonly file: string
  readonly port: number
  /** `host:port` of each further listener, by its name. */
  readonly listeners: Readonly<Record<string, string>>
}

interface BrokerSettings {
  readonly port?: number
  readonly listeners?: Readonly<Record<string, string>>
  readonly properties?: Readonly<Record<string, string>>
}

const host = '127.0.0.1'

/** A used folder keeps its ports, so that clients find the broker again. */
export async function layOut(folder: string, wanted: BrokerSettings): Promise<Layout> {
  const file = join(folder, 'server.properties')
  const before = portsIn(file)
  const more = Object.keys(wanted.listeners ?? {})
  const portOf = async (name: string) => before[name] ?? (await freePort())
  const port = wanted.port ?? (await portOf('PLAINTEXT'))
  const controller = await portOf('CONTROLLER')
  const others: Record<string, number> = {}
  for (const name of more) others[name] = await portOf(name)
  const listening = { PLAINTEXT: port, ...others }
  const properties = {
    ...usual(folder, listening, controller, wanted.listeners ?? {}),
    ...wanted.properties,
  }
  writeFileSync(file, linesOf(properties))
  const listeners = Object.entries(others).map(([name, of]) => [name, `${host}:${of}`])
  return { file, port, listeners: Object.fromEntries(listeners) as Record<string, string> }
}

function usual(
  folder: string,
  listening: Readonly<Record<string, number>>,
  controller: number,
  protocols: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const urls = Object.entries(listening).map(([name, port]) => `${name}://${host}:${port}`)
  const map = { PLAINTEXT: 'PLAINTEXT', CONTROLLER: 'PLAINTEXT', ...protocols }
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    listeners: [...urls, `CONTROLLER://${host}:${controller}`].join(','),
    'advertised.listeners': urls.join(','),
    'listener.security.protocol.map': Object.entries(map)
      .map((pair) => pair.join(':'))
      .join(','),
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.bootstrap.servers': `${host}:${controller}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'num.partitions': '1',
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    // A killed broker is considered alive until this has passed, and cannot join before.
    'broker.heartbeat.interval.ms': '500',
    'broker.session.timeout.ms': '2000',
  }
}

function portsIn(file: string): Readonly<Record<string, number>> {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const line = /^listeners=(.*)$/m.exec(text)?.[1] ?? ''
  const found = [...line.matchAll(/(\w+):\/\/[\d.]+:(\d+)/g)]
  return Object.fromEntries(found.map(([, name = '', port]) => [name, Number(port)]))
}

function linesOf(properties: Readonly<Record<string, string>>): string {
  const escaped = (value: string) => value.replaceAll('\\', '\\\\')
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${escaped(value)}\n`)
    .join('')
}
