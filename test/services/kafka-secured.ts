/**
 * A broker that lets in whom it knows: a listener for each way of saying who one is, certificates of an authority made for
 * the occasion, and rights for those who are not its administrator.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startKafkaBroker, type KafkaBroker } from '../../src/cli/services/kafka-broker.ts'

export const users = { admin: 'admin-secret', reader: 'reader-secret' } as const

export interface Certificates {
  readonly ca: string
  readonly foreignCa: string
  readonly server: Pair
  readonly client: Pair
}

interface Pair {
  readonly cert: string
  readonly key: string
}

/** Undefined where openssl is not installed. */
export function makeCertificates(folder: string): Certificates | undefined {
  mkdirSync(folder, { recursive: true })
  if (spawnSync('openssl', ['version']).status !== 0) return undefined
  const path = (name: string) => join(folder, name)
  const make = (name: string, ...more: readonly string[]): Pair => {
    const pair = { cert: path(`${name}.pem`), key: path(`${name}.key`) }
    const kind = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2']
    const args = [...kind, '-keyout', pair.key, '-out', pair.cert, '-subj', `/CN=${name}`, ...more]
    const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl: ${stderr}`)
    return pair
  }
  const ca = make('ca')
  const signed = (name: string, ...more: readonly string[]) =>
    make(name, '-CA', ca.cert, '-CAkey', ca.key, ...more)
  return {
    ca: ca.cert,
    foreignCa: make('foreign').cert,
    server: signed('server', '-addext', 'subjectAltName=IP:127.0.0.1'),
    client: signed('client'),
  }
}

/** Listeners: PLAIN and SCRAM without TLS, TLS with certificates on both sides, SECURE with SCRAM inside TLS. */
export async function startSecuredKafka(certificates: Certificates): Promise<KafkaBroker> {
  const scram = Object.entries(users).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  )
  return startKafkaBroker({
    listeners: {
      PLAIN: 'SASL_PLAINTEXT',
      SCRAM: 'SASL_PLAINTEXT',
      TLS: 'SSL',
      SECURE: 'SASL_SSL',
    },
    formatArgs: scram,
    properties: {
      ...plain('plain'),
      ...scramOf('scram'),
      ...scramOf('secure'),
      ...pem('tls', certificates),
      ...pem('secure', certificates),
      'listener.name.tls.ssl.client.auth': 'required',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS;User:admin;User:CN=client',
    },
  })
}

const login = 'org.apache.kafka.common.security'

function plain(listener: string): Readonly<Record<string, string>> {
  const accounts = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
  return {
    [`listener.name.${listener}.sasl.enabled.mechanisms`]: 'PLAIN',
    [`listener.name.${listener}.plain.sasl.jaas.config`]: `${login}.plain.PlainLoginModule required ${accounts.join(' ')};`,
  }
}

function scramOf(listener: string): Readonly<Record<string, string>> {
  const module = `${login}.scram.ScramLoginModule required;`
  return {
    [`listener.name.${listener}.sasl.enabled.mechanisms`]: 'SCRAM-SHA-256,SCRAM-SHA-512',
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`]: module,
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`]: module,
  }
}

/** Key and certificate in one file, as Kafka reads PEM. */
function pem(listener: string, { ca, server }: Certificates): Readonly<Record<string, string>> {
  const store = `${server.cert}.store`
  writeFileSync(store, readFileSync(server.key, 'utf8') + readFileSync(server.cert, 'utf8'))
  const name = (key: string) => `listener.name.${listener}.ssl.${key}`
  return {
    [name('keystore.type')]: 'PEM',
    [name('keystore.location')]: store,
    [name('truststore.type')]: 'PEM',
    [name('truststore.location')]: ca,
  }
}
