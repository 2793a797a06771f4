/**
 * The S3 library, loaded when the first store opens: most daemons have none. This file and `s3.ts` are the only ones that
 * know it, so that it can be exchanged.
 *
 * Why `@aws-sdk/client-s3` and not `minio` (both looked at in November 2026): 26 packages of one publisher, tslib and bowser
 * against 34 of many; released every week against once in eight months; it takes deadlines, says what may be tried again, and
 * finds keys where AWS puts them (roles of pods and machines). It is larger, 22 MB against 16. Releases of 2027 need Node 22,
 * so package.json holds it at one that runs on Node 20.
 */
import type { Readable } from 'node:stream'
import { loadOptionalPackage } from '../optional-package.ts'

/** The part of an answer that we read; each command has its own. */
export interface Answers {
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
export interface Command<Answer> {
  readonly answer?: Answer
}

export interface Client {
  send<Answer>(command: Command<Answer>): Promise<Answer>
  destroy(): void
}

type Fields = Readonly<Record<string, unknown>>
export type CommandOf<Name extends keyof Answers> = new (fields: Fields) => Command<Answers[Name]>

export interface Library {
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

export function loadLibrary(): Library {
  // README says which Node we need; the library would say it of itself at every start.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  return loadOptionalPackage('@aws-sdk/client-s3', 'a store in S3') as Library
}
