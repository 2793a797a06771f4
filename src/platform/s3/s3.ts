/** One bucket of S3, or of a server that speaks like it: objects under keys, with coded errors and deadlines. */
import type { Readable } from 'node:stream'
import { CodedError } from '../../contracts/core.ts'
import { failure, type ErrorCode } from '../errors.ts'
import { loadOptionalPackage } from '../optional-package.ts'

export interface S3Options {
  readonly bucket: string
  readonly region: string
  /** The address of a server other than Amazon's. */
  readonly endpoint?: string | undefined
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. */
  readonly pathStyle: boolean
  /** Absent: whatever AWS gives this machine or pod. */
  readonly keys?: { readonly access: string; readonly secret: string } | undefined
}

interface S3Object {
  readonly key: string
  readonly bytes: number
  readonly modifiedMs: number
}

interface ObjectHead {
  readonly bytes: number
  readonly sha256: string | undefined
}

const CONNECT_MS = 5_000
/** The longest silence; a large object may take longer as a whole. */
const SILENCE_MS = 30_000
const ATTEMPTS = 3

/** No connection is made before the first request. */
export function openS3(options: S3Options): S3 {
  return new S3(options)
}

export class S3 {
  /** For people; never a key. */
  readonly place: string
  readonly #library: Library
  readonly #client: Client
  readonly #bucket: string

  constructor({ bucket, region, endpoint, pathStyle, keys }: S3Options) {
    this.place = endpoint === undefined ? `s3://${bucket}` : `s3://${bucket} at ${endpoint}`
    this.#bucket = bucket
    this.#library = loadLibrary()
    this.#client = new this.#library.S3Client({
      region,
      forcePathStyle: pathStyle,
      maxAttempts: ATTEMPTS,
      // Servers other than Amazon's do not know the newer checksums; the signature covers the bytes already.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: CONNECT_MS,
        requestTimeout: SILENCE_MS,
        socketTimeout: SILENCE_MS,
        throwOnRequestTimeout: true,
      },
      ...(endpoint !== undefined && { endpoint }),
      ...(keys && { credentials: { accessKeyId: keys.access, secretAccessKey: keys.secret } }),
    })
  }

  async put(key: string, bytes: Uint8Array, sha256: string): Promise<void> {
    const { PutObjectCommand } = this.#library
    const fields = { ...this.#at(key), Body: bytes, Metadata: { sha256 } }
    await this.#send('write to', new PutObjectCommand(fields))
  }

  /** Parts of at least 5 MiB but for the last one; all or nothing. Each part is sent before the next one is asked for. */
  async putInParts(key: string, parts: AsyncIterable<Uint8Array>, sha256: string): Promise<void> {
    const { CreateMultipartUploadCommand, CompleteMultipartUploadCommand } = this.#library
    const begin = new CreateMultipartUploadCommand({ ...this.#at(key), Metadata: { sha256 } })
    const { UploadId } = await this.#send('write to', begin)
    const upload = { ...this.#at(key), UploadId }
    try {
      const MultipartUpload = { Parts: await this.#sendParts(upload, parts) }
      const fields = { ...upload, MultipartUpload }
      await this.#send('write to', new CompleteMultipartUploadCommand(fields))
    } catch (error) {
      const { AbortMultipartUploadCommand } = this.#library
      await this.#client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined)
      throw error
    }
  }

  /** Undefined when there is no such object. */
  async get(key: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { GetObjectCommand } = this.#library
    const answer = await this.#unlessAbsent(new GetObjectCommand(this.#at(key)))
    return answer?.Body === undefined ? undefined : this.#read(answer.Body)
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    const { HeadObjectCommand } = this.#library
    const answer = await this.#unlessAbsent(new HeadObjectCommand(this.#at(key)))
    if (answer === undefined) return undefined
    return { bytes: answer.ContentLength ?? 0, sha256: answer.Metadata?.sha256 }
  }

  async *list(prefix: string): AsyncGenerator<S3Object> {
    const { ListObjectsV2Command } = this.#library
    let next: string | undefined
    do {
      const fields = { Bucket: this.#bucket, Prefix: prefix, ContinuationToken: next }
      const page = await this.#send('list', new ListObjectsV2Command(fields))
      for (const { Key = '', Size = 0, LastModified } of page.Contents ?? [])
        yield { key: Key, bytes: Size, modifiedMs: LastModified?.getTime() ?? 0 }
      next = page.NextContinuationToken
    } while (next !== undefined)
  }

  async remove(key: string): Promise<void> {
    const { DeleteObjectCommand } = this.#library
    await this.#send('delete from', new DeleteObjectCommand(this.#at(key)))
  }

  close(): void {
    this.#client.destroy()
  }

  async #sendParts(upload: object, parts: AsyncIterable<Uint8Array>) {
    const { UploadPartCommand } = this.#library
    const sent: { readonly PartNumber: number; readonly ETag: string | undefined }[] = []
    for await (const part of parts) {
      const PartNumber = sent.length + 1
      const command = new UploadPartCommand({ ...upload, PartNumber, Body: part })
      const { ETag } = await this.#send('write to', command)
      sent.push({ PartNumber, ETag })
    }
    return sent
  }

  async *#read(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* body
    } catch (error) {
      throw s3Failure(error, this.place, 'cannot read from')
    }
  }

  async #unlessAbsent<Answer>(command: Command<Answer>): Promise<Answer | undefined> {
    try {
      return await this.#client.send(command)
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw s3Failure(error, this.place, 'cannot read from')
    }
  }

  async #send<Answer>(what: string, command: Command<Answer>): Promise<Answer> {
    try {
      return await this.#client.send(command)
    } catch (error) {
      throw s3Failure(error, this.place, `cannot ${what}`)
    }
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: key }
  }
}

const REFUSED = new Set([
  'AccessDenied',
  'AllAccessDisabled',
  'AccountProblem',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'CredentialsProviderError',
  'TokenProviderError',
  'Forbidden',
])
const NO_BUCKET = new Set([
  'NoSuchBucket',
  'InvalidBucketName',
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])

/**
 * Turns an error of S3 or its library into one of our codes. Errors that are neither a refusal nor unknown are taken as
 * temporary. `place` is named because the message of the library seldom says where.
 */
function s3Failure(error: unknown, place: string, what: string): CodedError {
  if (error instanceof CodedError) return error
  const name = nameOf(error)
  const status = statusOf(error)
  const message = `${what} ${place}: ${why(error, name)}`
  const details = { place, reason: name, ...(status !== undefined && { status }) }
  return failure(codeOf(name, status), message, { details, cause: withoutRequest(error) })
}

/** The library's errors hold the request with its signature and token, which must not come into a log. */
function withoutRequest(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  const plain = new Error(error.message)
  plain.name = error.name
  if (error.stack !== undefined) plain.stack = error.stack
  return plain
}

/** Whether the object, rather than the bucket, is not there. A HEAD has no body that says which. */
function isAbsent(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes(nameOf(error))
}

function codeOf(name: string, status: number | undefined): ErrorCode {
  if (NO_BUCKET.has(name) || status === 301) return 'BLOBS_BUCKET_UNKNOWN'
  if (REFUSED.has(name) || status === 401 || status === 403) return 'BLOBS_REFUSED'
  return 'BLOBS_UNAVAILABLE'
}

/** A HEAD that fails has the library's "UnknownError" for a message; a connection has none where every address failed. */
function why(error: unknown, name: string): string {
  if (!(error instanceof Error)) return String(error)
  const { message } = error
  return message === '' || message === 'UnknownError' ? name : message
}

/** A broken connection has a `code`, everything else its own name. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const metadata = error.$metadata as { readonly httpStatusCode?: number }
  return metadata.httpStatusCode
}

/** The part of an answer that we read; each command has its own. */
interface Answers {
  readonly Put: unknown
  readonly Get: { readonly Body?: Readable }
  readonly Head: {
    readonly ContentLength?: number
    readonly Metadata?: Readonly<Record<string, string>>
  }
  readonly List: {
    readonly Contents?: readonly {
      readonly Key?: string
      readonly Size?: number
      readonly LastModified?: Date
    }[]
    readonly NextContinuationToken?: string
  }
  readonly Delete: unknown
  readonly Begin: { readonly UploadId?: string }
  readonly Part: { readonly ETag?: string }
  readonly Complete: unknown
  readonly Abort: unknown
}

/** Marks a command with its answer. */
interface Command<Answer> {
  readonly answer?: Answer
}

interface Client {
  send<Answer>(command: Command<Answer>): Promise<Answer>
  destroy(): void
}

type Fields = Readonly<Record<string, unknown>>
type CommandOf<Name extends keyof Answers> = new (fields: Fields) => Command<Answers[Name]>

interface Library {
  readonly S3Client: new (options: Fields) => Client
  readonly PutObjectCommand: CommandOf<'Put'>
  readonly GetObjectCommand: CommandOf<'Get'>
  readonly HeadObjectCommand: CommandOf<'Head'>
  readonly ListObjectsV2Command: CommandOf<'List'>
  readonly DeleteObjectCommand: CommandOf<'Delete'>
  readonly CreateMultipartUploadCommand: CommandOf<'Begin'>
  readonly UploadPartCommand: CommandOf<'Part'>
  readonly CompleteMultipartUploadCommand: CommandOf<'Complete'>
  readonly AbortMultipartUploadCommand: CommandOf<'Abort'>
}

/**
 * The S3 library, loaded when the first store opens: most daemons have none. No other file
 * knows it, so that it can be exchanged.
 *
 * Why `@aws-sdk/client-s3` and not `minio` (both looked at in November 2026): 26 packages of one publisher, tslib and bowser
 * against 34 of many; released every week against once in eight months; it takes deadlines, says what may be tried again, and
 * finds keys where AWS puts them (roles of pods and machines). It is larger, 22 MB against 16. Releases of 2027 need Node 22,
 * so package.json holds it at one that runs on Node 20.
 */
function loadLibrary(): Library {
  // README says which Node we need; the library would say it of itself at every start.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  return loadOptionalPackage('@aws-sdk/client-s3', 'a store in S3') as Library
}
