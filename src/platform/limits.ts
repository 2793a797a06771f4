/**
 * Every bound of the daemon. Each protects memory, disk or time from accidental or hostile input. A user sets those of
 * `limitTable`, under `limits` in the config; the others are constants or follow one of these, so that raising one
 * number is enough.
 */

export interface Limit {
  readonly default: number
  readonly least: number
  readonly most: number
  readonly reason: string
}

const KiB = 1024
const MiB = 1024 * KiB

export const limitTable = {
  body_bytes: {
    default: 256 * KiB,
    least: 1024,
    most: 64 * MiB,
    reason: 'each request in flight holds its whole body in memory',
  },
  event_bytes: {
    default: 64 * KiB,
    least: 256,
    most: 8 * MiB,
    reason:
      'an event is parsed in one piece; a longer one is almost always a mistake, unless its input is of a kind that needs more room and adds it here and to body_bytes',
  },
  message_bytes: {
    default: 16 * MiB,
    least: 4096,
    most: 256 * MiB,
    reason: 'a compressed message may grow a thousandfold when it is decompressed',
  },
  text_characters: {
    default: 10_000,
    least: 1,
    most: 1_000_000,
    reason:
      'tokenising takes time proportional to the length; a base reads only a few hundred tokens',
  },
  document_characters: {
    default: 1_000_000,
    least: 1,
    most: 16_000_000,
    reason: 'an event with a document is so much longer; a part of it takes the time of a text',
  },
  image_bytes: {
    default: MiB,
    least: 1024,
    most: 32 * MiB,
    reason: 'an event with a picture is so much longer, a third more as base64',
  },
  image_pixels: {
    default: 4096 * 4096,
    least: 1,
    most: 2 ** 28,
    reason: 'a small file may declare a picture of gigabytes: it is refused before it is decoded',
  },
  features: {
    default: 4096,
    least: 1,
    most: 65_536,
    reason: 'a feature vector is as long as the first matrix of the base',
  },
  labels: {
    default: 1024,
    least: 2,
    most: 100_000,
    reason:
      'the head has one row per label; a stream of made-up labels must not grow it without bound',
  },
  inputs: {
    default: 256,
    least: 1,
    most: 4096,
    reason: 'one predict request must not occupy the engine while others wait',
  },
  queue: {
    default: 1024,
    least: 1,
    most: 65_536,
    reason: 'rows that wait for the engine; beyond it, an immediate 429 is better than a long wait',
  },
  answer_tokens: {
    default: 4096,
    least: 1,
    most: 1_000_000,
    reason: 'the most tokens that a request may ask for: an answer computes as many steps',
  },
  generation_texts: {
    default: 8,
    least: 1,
    most: 1024,
    reason: 'answers that a language model writes at the same time: each step computes all of them',
  },
  generation_cache_bytes: {
    default: 1024 * MiB,
    least: MiB,
    most: 1024 * 1024 * MiB,
    reason:
      'keys and values of the answers that are being written, and of the texts before them while there is room, of one base; one answer may always run',
  },
  inbox_events: {
    default: 1_000_000,
    least: 1,
    most: 100_000_000,
    reason: 'feedback that the trainer has not read is on disk, and disk space is finite',
  },
  predictions: {
    default: 1_000_000,
    least: 0,
    most: 100_000_000,
    reason: 'served predictions are kept so that feedback can refer to them days later',
  },
  seen_events: {
    default: 1_000_000,
    least: 1000,
    most: 100_000_000,
    reason:
      'ids of accepted events, used to detect duplicates; 28 bytes of memory and 20 of disk each',
  },
  event_log: {
    default: 100_000,
    least: 1,
    most: 10_000_000,
    reason:
      'events with what became of them, for receipts and rollbacks: 56 bytes of memory each, and on disk their examples',
  },
  set_aside: {
    default: 100_000,
    least: 1,
    most: 10_000_000,
    reason:
      'events that a rollback set aside wait in the checkpoint until a person relearns or discards them',
  },
  dead_letters: {
    default: 100_000,
    least: 1,
    most: 10_000_000,
    reason:
      'events that could not be learned from are kept for inspection; the oldest are removed first',
  },
  retractions_ahead: {
    default: 100,
    least: 0,
    most: 100_000,
    reason:
      'retractions of a source that arrive before their events; made-up ids must not crowd out a source; without server.auth it is 0 unless it is set here',
  },
  defended_sources: {
    default: 1000,
    least: 1,
    most: 100_000,
    reason:
      'the defence counts events and agreements for each source; new ones take at most a tenth of it an hour, and of those without standing the longest silent are forgotten first',
  },
  latent_bytes: {
    default: 256 * MiB,
    least: 0,
    most: 64 * 1024 * MiB,
    reason: 'cached activations save the trunk computation; without them it runs again',
  },
  kernel_memory_bytes: {
    default: 256 * MiB,
    least: MiB,
    most: 2048 * MiB,
    reason:
      'weights, moments and recorded steps of all small networks in one trainer process; steps beyond it are recorded again when they are needed',
  },
  connections: {
    default: 1024,
    least: 1,
    most: 65_536,
    reason: 'each open connection costs a file descriptor and memory',
  },
  audit_bytes: {
    default: 64 * MiB,
    least: 64 * KiB,
    most: 16 * 1024 * MiB,
    reason: 'the audit log on disk; the oldest eighth is removed when it is full',
  },
  request_ms: {
    default: 30_000,
    least: 100,
    most: 600_000,
    reason: 'a client that sends slowly or never finishes holds a connection',
  },
  shutdown_ms: {
    default: 25_000,
    least: 100,
    most: 600_000,
    reason:
      'Kubernetes kills the process after 30 s; anything not saved by then is learned again from the stream',
  },
} as const satisfies Record<string, Limit>

/** In proportion to a limit of the table: `default` at the default of that one, and never below `least`. */
interface ProportionalLimit {
  readonly to: keyof typeof limitTable
  readonly default: number
  readonly least?: number
}

const proportional = {
  body_events: { to: 'body_bytes', default: 1000, least: 1000 },
  /** Of one ranking: each is a row of the engine. */
  candidates: { to: 'inputs', default: 256 },
  /** Of one conversation: the chat template writes them all out. */
  messages: { to: 'text_characters', default: 256, least: 256 },
  /** Rows that wait for the engine, as numbers: a picture has more of them than a text. */
  queue_bytes: { to: 'queue', default: 64 * MiB, least: 16 * MiB },
  /** Answered rows that wait for a shadow; beyond it they are not compared. */
  shadow_rows: { to: 'queue', default: 256 },
  /** Texts of one request (`n`). */
  choices: { to: 'generation_texts', default: 8, least: 8 },
  /** Answers that wait to be written, and the tokens of their prompts and answers: a longer queue only answers later. */
  generation_queue: { to: 'generation_texts', default: 64 },
  generation_queue_tokens: { to: 'answer_tokens', default: 65_536 },
  // Sizes of what is counted, because single events differ in size: 16 MiB hold 256 of the largest.
  inbox_bytes: { to: 'inbox_events', default: 1024 * MiB, least: 16 * MiB },
  prediction_bytes: { to: 'predictions', default: 1024 * MiB, least: 16 * MiB },
  event_log_bytes: { to: 'event_log', default: 128 * MiB, least: 16 * MiB },
  set_aside_bytes: { to: 'set_aside', default: 64 * MiB, least: 16 * MiB },
  dead_letter_bytes: { to: 'dead_letters', default: 256 * MiB, least: 16 * MiB },
  /** Examples that the defence keeps back until a person decides. */
  quarantine: { to: 'set_aside', default: 10_000 },
  quarantine_bytes: { to: 'set_aside', default: 32 * MiB, least: 16 * MiB },
  /** Reserved for /livez and /readyz when all other connections are taken, so that a flood causes no restart. */
  probe_connections: { to: 'connections', default: 16 },
  /** Open pages; each holds a connection. */
  watchers: { to: 'connections', default: 64 },
  /** Longest waits for a generation, and for one's own feedback to be learned. */
  min_generation_ms: { to: 'request_ms', default: 2000 },
  wait_for_ms: { to: 'request_ms', default: 10_000 },
} as const satisfies Record<string, ProportionalLimit>

export const fixedLimits = {
  /** Code that walks JSON recurses, and the stack is finite. */
  json_depth: 32,
  /** A float32 must hold the square of a feature; a larger number is almost always an error. */
  feature_magnitude: 1e15,
  /** A label appears in every answer, manifest and log line. */
  label_characters: 128,
  /** Finished spans that wait in memory while the collector of telemetry.otlp is slow or away. */
  spans: 4096,
  /** Feedback that arrives before its prediction: in memory, in the checkpoint and in each copy of it. */
  waiting_joins: 100_000,
  waiting_join_bytes: 64 * MiB,
  /** In event time: a prediction is stored within a second, and one that is missing after a day will not come. */
  waiting_join_seconds: 24 * 60 * 60,
  /** Manifests of versions without bytes, 2 KB each, or 130 KB with a thousand long labels. */
  removed_versions: 2000,
  removed_version_bytes: 64 * MiB,
  /** Pinned versions stay for good, on disk and in Redis. */
  pins: 100,
  /** The history of the live pointer: half a KB per move, with one move per update. */
  moves: 10_000,
  /** The trainer keeps the held-out examples of a model in memory. */
  held_out_bytes: 64 * MiB,
  /** Versions with scores of the answers they served; the least recently judged one is forgotten. */
  scored_versions: 100,
  /** Judged answers known one by one, so that a second judgement replaces the first. */
  judged_answers: 10_000,
  // With an entry of their own in the quality of a model and in its metrics; producers choose these names.
  quality_labels: 32,
  quality_sources: 32,
  quality_slices: 32,
  /** The header of a weights file is parsed as JSON before any of it is trusted. */
  safetensors_header_bytes: MiB,
  /** Receipts and lists that wait for another daemon: a silent one holds a receipt for two seconds, a list for ten. */
  fleet_questions: 100,
  /** Keys, and event sources, with a rate of their own; the rest share one rate. */
  rate_limited_names: 10_000,
  /** Points of the accuracy line of a model's page; older ones are thinned out. */
  samples: 600,
  /** The same for its lines of slices and sources: each point holds all of them. */
  part_samples: 200,
  /** A trainer reports once a second. */
  trainer_silence_ms: 5000,
} as const

type SettableLimits = { readonly [Name in keyof typeof limitTable]: number }

export type Limits = SettableLimits &
  Readonly<Record<keyof typeof proportional | keyof typeof fixedLimits, number>>

/** All limits that follow from those that a config sets. */
export function limitsOf(given: SettableLimits): Limits {
  const following = Object.entries(proportional).map(([name, limit]) => {
    const { to, default: usual, least = 1 }: ProportionalLimit = limit
    const value = Math.round((usual * given[to]) / limitTable[to].default)
    return [name, Math.max(least, value)]
  })
  return { ...given, ...fixedLimits, ...(Object.fromEntries(following) as Limits) }
}

export const defaultLimits: Limits = limitsOf(
  Object.fromEntries(
    Object.entries(limitTable).map(([name, limit]) => [name, limit.default]),
  ) as SettableLimits,
)

/** The limits as a config may write them. */
export function writtenLimits(limits: Limits): SettableLimits {
  const names = Object.keys(limitTable) as (keyof SettableLimits)[]
  return Object.fromEntries(names.map((name) => [name, limits[name]])) as SettableLimits
}

/** What a config that names one of the other limits is answered. */
export const innerLimits: Readonly<Record<string, string>> = {
  ...mapped(proportional, ({ to }) => `it follows from limits.${to}`),
  ...mapped(fixedLimits, (value) => `it is always ${value}`),
}

function mapped<Value>(table: Readonly<Record<string, Value>>, text: (value: Value) => string) {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, text(value)]))
}
