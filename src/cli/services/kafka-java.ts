/** The Java side of a local Kafka broker: the location of the jars from set-up, and the two programs in them. */
import { spawn } from 'node:child_process'
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { userCache } from '../../platform/user-cache.ts'

export const kafkaVersion = '4.1.0'

/** The folder where `deploy/bootstrap/maven.mjs` puts the broker. */
export function kafkaJars(): string {
  return join(userCache(), `kafka-${kafkaVersion}`)
}

export function kafkaIsInstalled(): boolean {
  return existsSync(kafkaJars())
}

export function classPath(): string {
  return join(kafkaJars(), '*')
}

/** Small, because it runs beside a trainer and a server; the quick compiler, because it seldom runs for long. */
export const heap = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'] as const

export interface ClassArchive {
  readonly args: readonly string[]
  /** Called when the program has ended; one that was killed may have left half of an archive. */
  ended(isClean: boolean): void
}

/**
 * Java's class-data sharing: the first clean end of a program leaves an archive of its classes in the cache, with which
 * later starts take less than half of the time. Another release of Java ignores the archive.
 */
export function classArchive(program: 'broker' | 'format'): ClassArchive {
  const file = `${kafkaJars()}-${program}.jsa`
  if (existsSync(file)) return { args: [`-XX:SharedArchiveFile=${file}`], ended: () => undefined }
  const draft = `${file}.${crypto.randomUUID()}`
  return {
    args: [`-XX:ArchiveClassesAtExit=${draft}`],
    ended: (isClean) => {
      if (isClean && existsSync(draft)) renameSync(draft, file)
      else rmSync(draft, { force: true })
    },
  }
}

/** Without a configuration, log4j prints only errors. */
export function log4j(folder: string): string {
  const file = join(folder, 'log4j2.properties')
  writeFileSync(file, LOG4J)
  return `-Dlog4j2.configurationFile=${file}`
}

const LOG4J = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`

/** Formats a folder with its cluster id and its single voter. A formatted folder stays unchanged. */
export async function format(
  properties: string,
  folder: string,
  more: readonly string[],
): Promise<void> {
  if (existsSync(join(folder, 'data', 'meta.properties'))) return
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url')
  // With an equals sign: one in sixty-four ids begins with a dash, which would look like an option.
  const what = ['format', '--standalone', `--cluster-id=${id}`, '-c', properties, ...more]
  const archive = classArchive('format')
  const args = [...heap, ...archive.args, '-cp', classPath()]
  let isClean = false
  try {
    await run([...args, 'kafka.tools.StorageTool', ...what], folder)
    isClean = true
  } finally {
    archive.ended(isClean)
  }
}

/** Returns its output; rejects with it on failure. */
function run(args: readonly string[], cwd: string): Promise<string> {
  const child = spawn('java', args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const keep = (chunk: Buffer) => {
    text = `${text}${chunk.toString()}`.slice(-4096)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(text)
      else reject(new Error(`java ended with ${code}: ${text.trim()}`))
    })
  })
}
