/** The sections `redis` and `fleet`: their rules, the connection and the store of bytes that they describe. */
import { Type, type Static } from 'typebox'
import type { RedisAddress, RedisOptions } from '../platform/redis/client.ts'
import { decoded } from './secrets.ts'
import { section, type Frozen, choiceByName } from './schema/parts.ts'
import type { Path, Problem } from './problem.ts'

const MiB = 1024 * 1024
const shortText = (description: string) => Type.String({ minLength: 1, description })

/** The storage for the bytes of a fleet: `fleet.blobs`. */
const s3 = Type.Object(
  {
    bucket: shortText('must exist; the daemon does not create it'),
    prefix: Type.String({
      minLength: 1,
      default: 'antikythera',
      description: 'in front of every key; one per fleet',
    }),
    region: Type.String({ minLength: 1, default: 'us-east-1' }),
    endpoint: Type.Optional(shortText('URL of a server other than Amazon’s, such as MinIO')),
    path_style: Type.Optional(
      Type.Boolean({
        description: 'endpoint/bucket instead of bucket.endpoint; absent = true with an endpoint',
      }),
    ),
    access_key: Type.Optional(shortText('better in the environment: access_key_env')),
    access_key_env: Type.Optional(
      shortText(
        'environment variable that holds the access key; absent = a role that AWS gives the pod or machine',
      ),
    ),
    secret_key: Type.Optional(shortText('better in the environment: secret_key_env')),
    secret_key_env: Type.Optional(shortText('environment variable that holds the secret key')),
  },
  { additionalProperties: false },
)

const blobsSchema = choiceByName(
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
  const missing =
    redis === undefined ? [wrongBlobs([], 'needs the redis section at the top level')] : []
  if ('folder' in blobs) return missing
  const { bucket, prefix, endpoint, access_key: access, secret_key: secret } = blobs.s3
  return [
    ...missing,
    ...(BUCKET.test(bucket) ? [] : [wrongBlobs(['s3', 'bucket'], 'is not the name of a bucket')]),
    ...(PREFIX.test(prefix)
      ? []
      : [wrongBlobs(['s3', 'prefix'], 'is not a path of plain names without a slash at its ends')]),
    ...(endpoint === undefined || isEndpoint(endpoint)
      ? []
      : [wrongBlobs(['s3', 'endpoint'], 'is not a URL such as https://minio.example.com:9000')]),
    ...((access === undefined) === (secret === undefined)
      ? []
      : [wrongBlobs(['s3'], 'needs access_key_env and secret_key_env together')]),
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

function wrongBlobs(path: Path, message: string): Problem {
  return { path: ['fleet', 'blobs', ...path], at: 'value', message }
}

const file = (description: string) => Type.String({ minLength: 1, format: 'path', description })
const credentials = {
  username: Type.Optional(shortText('name of the ACL user')),
  password: Type.Optional(shortText('better in the environment: password_env')),
  password_env: Type.Optional(shortText('environment variable that holds the password')),
}
const hosts = Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'host:port' })

export const redisSchema = Type.Object(
  {
    url: Type.Optional(shortText('redis://host:port/db, rediss:// with TLS')),
    sentinel: Type.Optional(
      Type.Object(
        { name: shortText('name of the group that Sentinel watches'), hosts, ...credentials },
        { additionalProperties: false },
      ),
    ),
    cluster: Type.Optional(hosts),
    namespace: Type.String({
      minLength: 1,
      default: 'antikythera',
      description: 'prefix of every key and channel; one per fleet',
    }),
    db: Type.Integer({ minimum: 0, maximum: 16_383, default: 0 }),
    ...credentials,
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(file('PEM file; absent = the authorities that Node trusts')),
          cert: Type.Optional(file('PEM file, if Redis requires a client certificate')),
          key: Type.Optional(file('PEM, of cert')),
          servername: Type.Optional(
            shortText('the name in the certificate, if it is not the host'),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    command_ms: Type.Integer({
      minimum: 50,
      maximum: 60_000,
      default: 1000,
      description: 'longest wait for a reply',
    }),
    connect_ms: Type.Integer({ minimum: 50, maximum: 60_000, default: 2000 }),
  },
  { additionalProperties: false, description: 'what the daemons of a fleet share' },
)

export const fleetSchema = section(
  {
    blobs: blobsSchema,
    lease_ms: Type.Integer({
      minimum: 1000,
      maximum: 600_000,
      default: 6000,
      description:
        'a trainer that is silent for this long loses its model to another; one that gets little processor time has up to ten times as long, while its daemon is there',
    }),
    copy_seconds: Type.Integer({
      minimum: 1,
      maximum: 3600,
      default: 5,
      description:
        'time between copies of the checkpoint; events after the last copy are learned again',
    }),
    copy_bytes: Type.Integer({
      minimum: MiB,
      maximum: 64 * 1024 * MiB,
      default: 512 * MiB,
      description: 'size of one checkpoint, in the memory of Redis unless blobs says otherwise',
    }),
    prediction_seconds: Type.Integer({
      minimum: 60,
      maximum: 31_536_000,
      default: 259_200,
      description:
        'how long served predictions stay in Redis, where feedback at any replica finds them',
    }),
    version_bytes: Type.Integer({
      minimum: MiB,
      maximum: 1024 * MiB,
      default: 64 * MiB,
      description:
        'size of one version, in the memory of Redis unless blobs says otherwise; keep says how many there are',
    }),
  },
  'several daemons that share one Redis',
)

type RedisConfig = Frozen<Static<typeof redisSchema>>

/** Anything but braces, which would decide where a key lives in a Cluster. */
const NAMESPACE = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/

export function redisProblems(redis: RedisConfig | undefined): readonly Problem[] {
  if (redis === undefined) return []
  const { url, sentinel, cluster, tls } = redis
  const places = Object.entries({ url, sentinel, cluster }).filter(([, each]) => each !== undefined)
  return [
    ...(places.length === 1 ? [] : [wrong([], 'needs one of url, sentinel and cluster')]),
    ...(url === undefined ? [] : urlFaults(redis, url).map((fault) => wrong(['url'], fault))),
    ...hostFaults(sentinel?.hosts ?? [], ['sentinel', 'hosts']),
    ...hostFaults(cluster ?? [], ['cluster']),
    ...(cluster === undefined || redis.db === 0
      ? []
      : [wrong(['db'], 'must be 0: a Cluster has no databases')]),
    ...(NAMESPACE.test(redis.namespace)
      ? []
      : [wrong(['namespace'], `is not of the form ${NAMESPACE.source}`)]),
    ...((tls?.cert === undefined) === (tls?.key === undefined)
      ? []
      : [wrong(['tls'], 'needs cert and key together')]),
  ]
}

/** Never includes the URL: it may hold a password. */
function urlFaults(redis: RedisConfig, url: string): readonly string[] {
  if (!URL.canParse(url)) return ['is not a URL']
  const { protocol, hostname, pathname, search, hash, username, password } = new URL(url)
  const isTwice =
    (username !== '' && redis.username !== undefined) ||
    (password !== '' && redis.password !== undefined)
  return [
    ...(protocol === 'redis:' || protocol === 'rediss:'
      ? []
      : [`must begin with redis:// or rediss://`]),
    ...(hostname === '' ? ['names no host'] : []),
    ...(/^\/?\d*$/.test(pathname) ? [] : ['may select a database only by its number']),
    ...(Number(pathname.slice(1)) > 0 && redis.db > 0 ? ['names a database, and db does too'] : []),
    ...(search + hash === '' ? [] : ['has parameters, and none is supported']),
    ...([username, password].some((part) => decoded(part) === undefined)
      ? ['has a % in its user or password that begins no character: write %25 for it']
      : []),
    ...(isTwice ? ['names a user or password that is also given beside it'] : []),
  ]
}

function hostFaults(list: readonly string[], path: Path): readonly Problem[] {
  return list.flatMap((host, index) =>
    addressOf(host) === undefined ? [wrong([...path, index], 'must be host:port')] : [],
  )
}

function addressOf(host: string): RedisAddress | undefined {
  const [, name, bracketed, port] =
    /^(?:([^\s:/@[\]]+)|\[([0-9a-fA-F:]+)\]):(\d{1,5})$/.exec(host) ?? []
  const address = { host: name ?? bracketed ?? '', port: Number(port) }
  return address.port > 0 && address.port < 65_536 ? address : undefined
}

function wrong(path: Path, message: string): Problem {
  return { path: ['redis', ...path], at: 'value', message }
}

/** The options of `openRedis` from a section without problems. */
export function redisOptions(redis: RedisConfig): RedisOptions {
  const { namespace, sentinel, cluster, username, password } = redis
  const addresses = (list: readonly string[]) => list.flatMap((host) => addressOf(host) ?? [])
  const usual = {
    namespace,
    db: redis.db,
    username,
    password,
    tls: redis.tls,
    commandMs: redis.command_ms,
    connectMs: redis.connect_ms,
  }
  if (cluster !== undefined) return { ...usual, cluster: addresses(cluster) }
  if (sentinel !== undefined)
    return { ...usual, sentinel: { ...sentinel, hosts: addresses(sentinel.hosts) } }
  return { ...usual, ...ofUrl(redis.url ?? '', usual) }
}

function ofUrl(text: string, usual: Omit<RedisOptions, 'address'>): Partial<RedisOptions> {
  const url = new URL(text)
  const db = Number(url.pathname.slice(1))
  return {
    address: { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 6379) },
    db: db > 0 ? db : usual.db,
    username: url.username === '' ? usual.username : decoded(url.username),
    password: url.password === '' ? usual.password : decoded(url.password),
    tls: usual.tls ?? url.protocol === 'rediss:',
  }
}
