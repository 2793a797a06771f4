/** The storage for the bytes of a fleet, `fleet.blobs`: its schema and its checks. */
import { Type, type Static } from 'typebox'
import { choiceByName, type Frozen } from './schema/parts.ts'
import type { Path, Problem } from './problem.ts'

const text = (description: string) => Type.String({ minLength: 1, description })

const s3 = Type.Object(
  {
    bucket: text('must exist; the daemon does not create it'),
    prefix: Type.String({
      minLength: 1,
      default: 'antikythera',
      description: 'in front of every key; one per fleet',
    }),
    region: Type.String({ minLength: 1, default: 'us-east-1' }),
    endpoint: Type.Optional(text('URL of a server other than Amazon’s, such as MinIO')),
    path_style: Type.Optional(
      Type.Boolean({
        description: 'endpoint/bucket instead of bucket.endpoint; absent = true with an endpoint',
      }),
    ),
    access_key: Type.Optional(text('better in the environment: access_key_env')),
    access_key_env: Type.Optional(
      text(
        'environment variable that holds the access key; absent = a role that AWS gives the pod or machine',
      ),
    ),
    secret_key: Type.Optional(text('better in the environment: secret_key_env')),
    secret_key_env: Type.Optional(text('environment variable that holds the secret key')),
  },
  { additionalProperties: false },
)

export const blobsSchema = choiceByName(
  {
    redis: null,
    folder: Type.String({
      minLength: 1,
      format: 'path',
      description: 'a folder that every daemon of the fleet sees, such as a network file system',
    }),
    s3,
  },
  'where the bytes of versions and of checkpoint copies lie; pointers and leases stay in Redis',
  'redis',
)

interface BlobChoice {
  readonly fleet: { readonly blobs: Frozen<Static<typeof blobsSchema>> }
  readonly redis?: unknown
}

/** As S3 names buckets, and prefixes that are plain folders. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/

export function blobProblems({ fleet: { blobs }, redis }: BlobChoice): readonly Problem[] {
  if (blobs === 'redis') return []
  const missing = redis === undefined ? [wrong([], 'needs the redis section at the top level')] : []
  if ('folder' in blobs) return missing
  const { bucket, prefix, endpoint, access_key: access, secret_key: secret } = blobs.s3
  return [
    ...missing,
    ...(BUCKET.test(bucket) ? [] : [wrong(['s3', 'bucket'], 'is not the name of a bucket')]),
    ...(PREFIX.test(prefix)
      ? []
      : [wrong(['s3', 'prefix'], 'is not a path of plain names without a slash at its ends')]),
    ...(endpoint === undefined || isEndpoint(endpoint)
      ? []
      : [wrong(['s3', 'endpoint'], 'is not a URL such as https://minio.example.com:9000')]),
    ...((access === undefined) === (secret === undefined)
      ? []
      : [wrong(['s3'], 'needs access_key_env and secret_key_env together')]),
  ]
}

/** Without a path, a user or a password. */
function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, pathname, search, hash } = new URL(text)
  return (
    /^https?:$/.test(protocol) && username + password + search + hash === '' && pathname === '/'
  )
}

function wrong(path: Path, message: string): Problem {
  return { path: ['fleet', 'blobs', ...path], at: 'value', message }
}
