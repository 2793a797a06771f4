/**
 * Dead letters as JSONL, one per line, flushed to disk before `write` resolves. Bytes are base64, so that they are
 * stored exactly as they arrived. A letter that is already in the file is not written again, even after a restart. Several
 * models and the daemons of a fleet may write to one file: positions in the feedback of two models make the same keys, so
 * a letter is known by its key and its bytes.
 *
 * Bounded like a log: a file over `fileBytes` is renamed to `<path>.1`, replacing the previous one.
 */
import { createHash } from 'node:crypto'
import { open, rename, stat, type FileHandle } from 'node:fs/promises'
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
  /** The letters of this file and of the previous one. */
  #known = new Set<string>()
  #before = new Set<string>()

  constructor(path: string, fileBytes: number) {
    this.#path = path
    this.#fileBytes = fileBytes
  }

  async write(letters: readonly DeadLetter[]): Promise<void> {
    await coded(this.#path, () => this.#look())
    const fresh = new Map(letters.map(lineOf).map((line) => [idOf(line), line]))
    for (const id of fresh.keys()) {
      if (this.#known.has(id) || this.#before.has(id)) fresh.delete(id)
    }
    if (fresh.size > 0) await coded(this.#path, () => this.#append([...fresh.values()].join('')))
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  /** Reads what is at the path and not known yet: all of it at first, then what another writer has added. */
  async #look(): Promise<void> {
    if (await this.#isElsewhere()) await this.close()
    if (this.#file === undefined) {
      this.#before = new Set(idsIn(await textOf(`${this.#path}.1`)))
      this.#known = new Set()
      this.#bytes = 0
    }
    const text = await textOf(this.#path, this.#bytes)
    for (const id of idsIn(text)) this.#known.add(id)
    this.#bytes += Buffer.byteLength(wholeLines(text))
  }

  /** The open file was moved, removed or emptied, as by a tool that rotates logs: what is written to it would be lost. */
  async #isElsewhere(): Promise<boolean> {
    if (this.#file === undefined) return false
    const [named, held] = await Promise.all([ifThere(stat(this.#path)), this.#file.stat()])
    return named?.ino !== held.ino || named.dev !== held.dev || held.size < this.#bytes
  }

  async #append(lines: string): Promise<void> {
    if (this.#bytes > this.#fileBytes) await this.#rotate()
    const file = this.#file ?? (this.#file = await open(this.#path, 'a'))
    await this.#dropTorn(file)
    await file.appendFile(lines)
    await file.sync()
  }

  /**
   * A line torn by a crash or a full disk can be dropped: its writer was never promised that it is durable. Whole lines
   * that another writer has added in the meantime stay.
   */
  async #dropTorn(file: FileHandle): Promise<void> {
    const text = await textOf(this.#path, this.#bytes)
    if (text !== '' && !text.includes('\n')) await file.truncate(this.#bytes)
  }

  async #rotate(): Promise<void> {
    await this.close()
    await rename(this.#path, `${this.#path}.1`)
    this.#before = this.#known
    this.#known = new Set()
    this.#bytes = 0
  }
}

/** The key comes first, and the value last, where `idOf` looks for them. */
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

function idsIn(text: string): readonly string[] {
  return wholeLines(text)
    .split('\n')
    .map(idOf)
    .filter((id) => id !== '')
}

/** Empty for a line that is no letter. */
function idOf(line: string): string {
  const [, key, value] =
    /^\{"key":("(?:[^"\\]|\\.)*").*"value":"([^"]*)"\}$/.exec(line.trimEnd()) ?? []
  if (key === undefined || value === undefined) return ''
  return `${createHash('sha256').update(value).digest('base64')} ${key}`
}

function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1)
}

async function textOf(path: string, from = 0): Promise<string> {
  const file = await ifThere(open(path, 'r'))
  if (file === undefined) return ''
  try {
    const bytes = Buffer.alloc(Math.max(0, (await file.stat()).size - from))
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
    return bytes.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
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
