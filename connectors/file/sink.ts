/**
 * Dead letters as JSONL, one per line, flushed to disk before `write` resolves. Bytes are base64, so that they are
 * stored exactly as they arrived. A key that is already in the file is not written again, even after a restart.
 *
 * Bounded like a log: a file over `fileBytes` is renamed to `<path>.1`, replacing the previous one.
 */
import { open, readFile, rename, stat, type FileHandle } from 'node:fs/promises'
import { CodedError } from '../../src/contracts/core.ts'
import type { DeadLetter, Sink } from '../../src/contracts/connector.ts'

export interface FileSinkOptions {
  readonly path: string
  readonly fileBytes?: number
}

const FILE_BYTES = 64 * 1024 * 1024

/** The first write opens the file. */
export function fileDeadLetterSink({ path, fileBytes = FILE_BYTES }: FileSinkOptions): Sink {
  return new FileSink(path, fileBytes)
}

class FileSink implements Sink {
  readonly #path: string
  readonly #fileBytes: number
  #file: FileHandle | undefined
  #bytes = 0
  /** Keys of this file and of the previous one. */
  #known = new Set<string>()
  #before = new Set<string>()

  constructor(path: string, fileBytes: number) {
    this.#path = path
    this.#fileBytes = fileBytes
  }

  async #read(): Promise<void> {
    this.#before = keysIn(await textOf(`${this.#path}.1`))
    const text = await textOf(this.#path)
    this.#known = keysIn(text)
    this.#bytes = Buffer.byteLength(wholeLines(text))
  }

  async write(letters: readonly DeadLetter[]): Promise<void> {
    await coded(this.#path, async () => {
      if (await this.#isElsewhere()) await this.close()
      if (this.#file === undefined) await this.#read()
    })
    const fresh = new Map(letters.map((letter) => [letter.key, letter]))
    for (const key of fresh.keys()) {
      if (this.#known.has(key) || this.#before.has(key)) fresh.delete(key)
    }
    if (fresh.size > 0) await coded(this.#path, () => this.#append([...fresh.values()]))
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  /** The open file was moved, removed or emptied, as by a tool that rotates logs: what is written to it would be lost. */
  async #isElsewhere(): Promise<boolean> {
    if (this.#file === undefined) return false
    const [named, held] = await Promise.all([ifThere(stat(this.#path)), this.#file.stat()])
    return named?.ino !== held.ino || named.dev !== held.dev || held.size < this.#bytes
  }

  async #append(letters: readonly DeadLetter[]): Promise<void> {
    if (this.#bytes > this.#fileBytes) await this.#rotate()
    const lines = Buffer.from(letters.map(lineOf).join(''))
    const file = this.#file ?? (this.#file = await open(this.#path, 'a'))
    // A line torn by a crash or a full disk can be dropped: its writer was never promised that it is durable.
    await file.truncate(this.#bytes)
    await file.appendFile(lines)
    await file.sync()
    this.#bytes += lines.length
    for (const { key } of letters) this.#known.add(key)
  }

  async #rotate(): Promise<void> {
    await this.close()
    await rename(this.#path, `${this.#path}.1`)
    this.#before = this.#known
    this.#known = new Set()
    this.#bytes = 0
  }
}

/** The key comes first, where `keysIn` looks for it. */
function lineOf({ key, value, headers, ...letter }: DeadLetter): string {
  const plain = headers && { headers: plainHeaders(headers) }
  const line = { key, ...letter, ...plain, value: Buffer.from(value).toString('base64') }
  return `${JSON.stringify(line)}\n`
}

/** A header that is not text is bytes. */
function plainHeaders(headers: NonNullable<DeadLetter['headers']>) {
  const plain = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : { base64: Buffer.from(value).toString('base64') },
  ])
  return Object.fromEntries(plain) as Readonly<Record<string, unknown>>
}

function keysIn(text: string): Set<string> {
  const lines = wholeLines(text).split('\n')
  const keys = lines.map((line) => /^\{"key":("(?:[^"\\]|\\.)*").*\}$/.exec(line)?.[1])
  return new Set(keys.flatMap((key) => (key === undefined ? [] : [JSON.parse(key) as string])))
}

function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1)
}

async function textOf(path: string): Promise<string> {
  return (await ifThere(readFile(path, 'utf8'))) ?? ''
}

async function ifThere<Value>(looking: Promise<Value>): Promise<Value | undefined> {
  return looking.catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
}

async function coded<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    const code = codes[codeOf(cause)] ?? 'STORE_FAILED'
    const retriable = code !== 'DATA_DIR_UNWRITABLE'
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CodedError(code, `${path}: ${why}`, { retriable, details: { path }, cause })
  }
}

const codes: Readonly<Record<string, string>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EACCES: 'DATA_DIR_UNWRITABLE',
  EPERM: 'DATA_DIR_UNWRITABLE',
  EROFS: 'DATA_DIR_UNWRITABLE',
  ENOENT: 'DATA_DIR_UNWRITABLE',
  ENOTDIR: 'DATA_DIR_UNWRITABLE',
  EISDIR: 'DATA_DIR_UNWRITABLE',
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}
