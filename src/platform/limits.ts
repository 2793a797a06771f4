/**
 * Every limit of the daemon as data: default, allowed range, and the reason. Each protects memory, disk or time from
 * accidental or hostile input; raise it in the config when large input is intended.
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
  body_events: {
    default: 1000,
    least: 1,
    most: 100_000,
    reason:
      'each event of a body is checked and may be refused on its own; send more events in several bodies',
  },
  event_bytes: {
    default: 64 * KiB,
    least: 256,
    most: 8 * MiB,
    reason: 'an event is parsed in one piece; a longer one is almost always a mistake',
  },
  message_bytes: {
    default: 16 * MiB,
    least: 4096,
    most: 256 * MiB,
    reason: 'a compressed message may grow a thousandfold when it is decompressed',
  },
  json_depth: {
    default: 32,
    least: 4,
    most: 1000,
    reason: 'code that walks JSON recurses, and the stack is finite',
  },
  text_characters: {
    default: 10_000,
    least: 1,
    most: 1_000_000,
    reason:
      'tokenising takes time proportional to the length; a base reads only a few hundred tokens',
  },
  messages: {
    default: 256,
    least: 1,
    most: 65_536,
    reason:
      'a conversation is written out whole by the chat template; text_characters bounds all its messages together',
  },
  features: {
    default: 4096,
    least: 1,
    most: 65_536,
    reason: 'a feature vector is as long as the first matrix of the base',
  },
  feature_magnitude: {
    default: 1e15,
    least: 1,
    most: 1e18,
    reason:
      'a float32 must hold the square of a feature; a larger number is almost always an error',
  },
  labels: {
    default: 1024,
    least: 2,
    most: 100_000,
    reason:
      'the head has one row per label; a stream of made-up labels must not grow it without bound',
  },
  label_characters: {
    default: 128,
    least: 1,
    most: 1024,
    reason: 'a label appears in every answer, manifest and log line',
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
  shadow_rows: {
    default: 256,
    least: 1,
    most: 65_536,
    reason: 'answered rows that wait for a shadow; beyond it they are not compared',
  },
  answer_tokens: {
    default: 4096,
    least: 1,
    most: 1_000_000,
    reason: 'the most tokens that a request may ask for: an answer computes as many steps',
  },
  choices: {
    default: 8,
    least: 1,
    most: 1024,
    reason: 'texts that one request may ask for (n): each is written like an answer of its own',
  },
  generation_texts: {
    default: 8,
    least: 1,
    most: 1024,
    reason: 'answers that a language model writes at the same time: each step computes all of them',
  },
  generation_queue: {
    default: 64,
    least: 1,
    most: 65_536,
    reason: 'answers that wait to be written; a longer queue only answers later',
  },
  generation_queue_tokens: {
    default: 65_536,
    least: 1,
    most: 100_000_000,
    reason:
      'tokens that waiting requests may have together, of prompts and answers: the time that they will take',
  },
  generation_cache_bytes: {
    default: 1024 * MiB,
    least: MiB,
    most: 1024 * 1024 * MiB,
    reason:
      'keys and values of the answers that are being written, of one base; one answer may always run',
  },
  spans: {
    default: 4096,
    least: 1,
    most: 1_000_000,
    reason: 'finished spans wait in memory while the collector of telemetry.otlp is slow or away',
  },
  inbox_events: {
    default: 1_000_000,
    least: 1,
    most: 100_000_000,
    reason: 'feedback that the trainer has not read is on disk, and disk space is finite',
  },
  inbox_bytes: {
    default: 1024 * MiB,
    least: MiB,
    most: 1024 * 1024 * MiB,
    reason:
      'the same in bytes, on disk and in Redis, because events differ in size; learned events are removed first',
  },
  predictions: {
    default: 1_000_000,
    least: 0,
    most: 100_000_000,
    reason: 'served predictions are kept so that feedback can refer to them days later',
  },
  prediction_bytes: {
    default: 1024 * MiB,
    least: MiB,
    most: 1024 * 1024 * MiB,
    reason:
      "the total size of these predictions' inputs, which may be long texts; the oldest are removed first",
  },
  waiting_joins: {
    default: 100_000,
    least: 0,
    most: 10_000_000,
    reason: 'feedback that arrives before its prediction waits in the checkpoint',
  },
  waiting_join_seconds: {
    default: 24 * 60 * 60,
    least: 1,
    most: 365 * 24 * 60 * 60,
    reason:
      'a prediction is stored within a second; one that is missing after a day (in event time) will not come',
  },
  waiting_join_bytes: {
    default: 64 * MiB,
    least: 1024,
    most: 16 * 1024 * MiB,
    reason:
      'the total size of this waiting feedback: it is held in memory, in the checkpoint and in each copy of it',
  },
  retractions_ahead: {
    default: 100,
    least: 0,
    most: 100_000,
    reason:
      'retractions of a source that arrive before their events; made-up ids must not crowd out a source; without server.auth it is 0 unless it is set here',
  },
  set_aside: {
    default: 100_000,
    least: 1,
    most: 10_000_000,
    reason:
      'events that a rollback set aside wait in the checkpoint until a person relearns or discards them',
  },
  set_aside_bytes: {
    default: 64 * MiB,
    least: MiB,
    most: 4096 * MiB,
    reason: 'the trainer also keeps set-aside events in memory',
  },
  quarantine: {
    default: 10_000,
    least: 1,
    most: 1_000_000,
    reason: 'examples that the defence keeps back wait in the checkpoint until a person decides',
  },
  quarantine_bytes: {
    default: 32 * MiB,
    least: MiB,
    most: 4096 * MiB,
    reason: 'the trainer also keeps the quarantine in memory',
  },
  defended_sources: {
    default: 1000,
    least: 1,
    most: 100_000,
    reason:
      'the defence counts events and agreements for each source; new ones take at most a tenth of it an hour, and of those without standing the longest silent are forgotten first',
  },
  event_log: {
    default: 100_000,
    least: 1,
    most: 10_000_000,
    reason:
      'events with what became of them, for receipts and rollbacks: 56 bytes of memory each, and on disk their examples',
  },
  event_log_bytes: {
    default: 128 * MiB,
    least: MiB,
    most: 16 * 1024 * MiB,
    reason: 'the same in bytes: encoded inputs differ in size; the oldest events fall out first',
  },
  seen_events: {
    default: 1_000_000,
    least: 1000,
    most: 100_000_000,
    reason:
      'ids of accepted events, used to detect duplicates; 28 bytes of memory and 20 of disk each',
  },
  dead_letters: {
    default: 100_000,
    least: 1,
    most: 10_000_000,
    reason:
      'events that could not be learned from are kept for inspection; the oldest are removed first',
  },
  dead_letter_bytes: {
    default: 256 * MiB,
    least: MiB,
    most: 1024 * 1024 * MiB,
    reason:
      'a dead letter may be as large as an event, and a hundred thousand of them larger than a disk',
  },
  removed_versions: {
    default: 2000,
    least: 0,
    most: 1_000_000,
    reason:
      'manifests of versions without bytes, for lists and why: 2 KB each, on disk and in Redis',
  },
  removed_version_bytes: {
    default: 64 * MiB,
    least: MiB,
    most: 16 * 1024 * MiB,
    reason: 'the total size of these manifests: with a thousand long labels one takes 130 KB',
  },
  pins: {
    default: 100,
    least: 1,
    most: 10_000,
    reason:
      'pinned versions stay for good, whatever keep says; each takes bytes on disk and in Redis',
  },
  moves: {
    default: 10_000,
    least: 1000,
    most: 1_000_000,
    reason: 'the history of the live pointer: half a KB per move, with one move per update',
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
  held_out_bytes: {
    default: 64 * MiB,
    least: MiB,
    most: 4096 * MiB,
    reason: 'the trainer keeps the held-out examples of a model in memory',
  },
  scored_versions: {
    default: 100,
    least: 1,
    most: 1000,
    reason:
      'versions with scores of the answers they served; the least recently judged one is forgotten',
  },
  judged_answers: {
    default: 10_000,
    least: 0,
    most: 1_000_000,
    reason: 'judged answers known one by one, so that a second judgement replaces the first',
  },
  quality_labels: {
    default: 32,
    least: 2,
    most: 64,
    reason:
      'labels with their own entry in the quality of a model and in its metrics; all others are summed up',
  },
  quality_sources: {
    default: 32,
    least: 1,
    most: 256,
    reason:
      'event sources with their own entry there; producers choose the names, and each series costs memory',
  },
  quality_slices: {
    default: 32,
    least: 1,
    most: 256,
    reason: 'slices with their own entry there; producers choose these names too',
  },
  safetensors_header_bytes: {
    default: MiB,
    least: 1024,
    most: 100 * MiB,
    reason: 'the header of a weights file is parsed as JSON before any of it is trusted',
  },
  connections: {
    default: 1024,
    least: 1,
    most: 65_536,
    reason: 'each open connection costs a file descriptor and memory',
  },
  probe_connections: {
    default: 16,
    least: 1,
    most: 1024,
    reason:
      'reserved for /livez and /readyz when all other connections are taken, so that a flood does not cause a restart',
  },
  fleet_questions: {
    default: 100,
    least: 1,
    most: 10_000,
    reason:
      'receipts and lists that wait for another daemon of the fleet; one that does not answer holds a receipt for two seconds, a list for ten',
  },
  rate_limited_names: {
    default: 10_000,
    least: 1,
    most: 1_000_000,
    reason:
      'keys and event sources with a rate of their own; producers choose the names of sources, and what does not fit shares one rate',
  },
  watchers: {
    default: 64,
    least: 1,
    most: 10_000,
    reason: 'each open page holds a connection for as long as it is open',
  },
  samples: {
    default: 600,
    least: 10,
    most: 10_000,
    reason:
      'points of the accuracy line of the page, for each model; when there are more, older ones are thinned out',
  },
  part_samples: {
    default: 200,
    least: 10,
    most: 2000,
    reason:
      'the same for its lines of slices and of sources: each point holds all of them that have an entry in the quality',
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
  min_generation_ms: {
    default: 2000,
    least: 0,
    most: 60_000,
    reason: 'a client that requires a generation holds its connection until this replica has it',
  },
  wait_for_ms: {
    default: 10_000,
    least: 0,
    most: 60_000,
    reason: 'a client that waits for its own feedback holds its connection until it is learned',
  },
  trainer_silence_ms: {
    default: 5000,
    least: 1000,
    most: 600_000,
    reason:
      'a trainer that is silent for this long is reported as stalled; it reports once a second',
  },
  shutdown_ms: {
    default: 25_000,
    least: 100,
    most: 600_000,
    reason:
      'Kubernetes kills the process after 30 s; anything not saved by then is learned again from the stream',
  },
} as const satisfies Record<string, Limit>

export type Limits = { readonly [Name in keyof typeof limitTable]: number }

export const defaultLimits: Limits = Object.fromEntries(
  Object.entries(limitTable).map(([name, limit]) => [name, limit.default]),
) as { [Name in keyof typeof limitTable]: number }
