/**
 * Every seam of the daemon, in the order an event meets them: source → intake → base → learner → registry → server.
 *
 * An interface's comment is its contract: who calls, how often, and what a failure means. Each seam has one
 * conformance suite under `test/conformance/`, which every implementation passes, a user's own too.
 * `connectors/` and `policies/` import this file and nothing else of `src/`.
 */

// ── Shared words ─────────────────────────────────────────────────────────────────────────────────────────────

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * An error of the world, never of ours. `code` is one of `runtime/errors.ts`; `retriable` says whether the same call
 * may succeed later; `details` says where. Our own mistakes are `invariant()` and crash.
 */
export class CodedError extends Error {
  readonly code: string
  readonly retriable: boolean
  readonly details: Readonly<Record<string, Json>>
  /** What to do about this very fault; absent = what the table of errors says of the code. */
  readonly fix: string | undefined

  constructor(
    code: string,
    message: string,
    options: {
      readonly retriable?: boolean
      readonly details?: Readonly<Record<string, Json>>
      readonly cause?: unknown
      readonly fix?: string | undefined
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'CodedError'
    this.code = code
    this.retriable = options.retriable ?? false
    this.details = options.details ?? {}
    this.fix = options.fix
  }
}
/** Plain memory, row-major. `data.length` is the product of `shape`; a scalar has shape []. Never aliased across a seam. */
export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}
/** Named tensors. Iterate in sorted name order wherever bytes or digests depend on the order. */
export type Tensors = ReadonlyMap<string, Tensor>

/** What every policy, gate and trigger answers. The reason is logged, counted, kept in the manifest, shown by `why`. */
export interface Decision<Verdict extends string> {
  readonly verdict: Verdict
  readonly reason: string
}

/** Milliseconds since 1970, and waiting. The only way to time; a test hands in its own. */
export interface Clock {
  nowMs(): number
  /** Monotonic, for durations. */
  monotonicMs(): number
  /** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

/** One named stream of chance. Streams of other names are independent; state is part of the checkpoint. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Uniform integer in [0, bound). */
  below(bound: number): number
  /** Standard normal. */
  normal(): number
  snapshot(): string
  restore(state: string): void
}

export interface Logger {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
  child(bindings: object): Logger
}

/** State that lives in a checkpoint. Both copy, never alias; restoring twice equals restoring once. */
export interface Stateful<State extends Json = Json> {
  snapshot(): State
  restore(state: State): void
}

// ── Sources and sinks (connectors/) ──────────────────────────────────────────────────────────────────────────

/**
 * Partition → the position to read next, in the source's own notation (an offset, a byte offset, a stream id). Where content
 * may be replaced under its name, the notation also says of which content it speaks: a topic's id, a file's fingerprint.
 */
export type Positions = Readonly<Record<string, string>>

export interface SourceRecord {
  /** The partition it came from; a source without partitions says '0'. */
  readonly partition: string
  /** Its own position, for people and dead letters. */
  readonly position: string
  /** The position after it: what a checkpoint that has consumed this record keeps. */
  readonly next: string
  /** The message as it arrived. Parsing is intake's work, outside the connector's retries. */
  readonly value: Uint8Array
  readonly key?: Uint8Array
  /** Text where they were UTF-8, else the bytes. */
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  /** When the transport took it, ms since 1970. */
  readonly timeMs?: number
  /** Why this is no event, where the transport knows it already: intake makes it a dead letter. */
  readonly refused?: { readonly code: string; readonly reason: string }
}

/**
 * Where events come from. Called by one trainer loop at a time, never concurrently.
 *
 * `open` is called once with the checkpoint's positions (partitions that are absent begin at the source's start);
 * `read` then returns records in order per partition, at most `limits.records`, waiting up to `waitMs` when there is none
 * (then returns []). After a crash the same positions give the same records again. `commit` is advice for lag
 * monitoring; the checkpoint is the truth. `close` is idempotent. A failure is a `CodedError`: with `retriable: true`
 * the same call is repeated later; without, the source is opened again later, at what was read so far. Meanwhile its
 * code is shown, and other sources go on. A call that throws, also because its signal was aborted, has
 * consumed nothing and may be repeated: a waiting `read` is aborted whenever there may be news.
 */
export interface Source {
  /** Stable over restarts: it keys the positions of the checkpoint. */
  readonly name: string
  /** What its positions point into, where positions of another one mean nothing. The checkpoint keeps it beside them. */
  readonly journal?: string
  open(from: Positions, signal: AbortSignal): Promise<void>
  read(
    limits: { readonly records: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly SourceRecord[]>
  commit(positions: Positions): Promise<void>
  /** Records that exist and are not read yet. */
  lag(): Promise<number>
  /** Since it was made, from memory; for metrics. */
  stats?(): SourceStats
  /**
   * For `antikythera reset-position`, called on a source that is not open: where each partition would go on. `from` are the
   * checkpoint's positions, `to` is `start`, `end` or a position in the source's own notation, else throws `USAGE`.
   */
  locate?(to: string, from: Positions, signal: AbortSignal): Promise<readonly Located[]>
  close(): Promise<void>
}

/** A source as its reader sees it. */
export interface SourceStatus extends SourceStats {
  readonly lag: number
  /** While it fails; it is asked again by itself. */
  readonly code?: string
  readonly message?: string
}

/** Where a partition would go on, and what that passes over. */
export interface Located {
  readonly partition: string
  /** The checkpoint's position; null = nothing was read. */
  readonly from: string | null
  readonly to: string
  /** Records that exist, were not read, and would not be. */
  readonly skipped: number
  /** Records that were read and would come again. */
  readonly again: number
  /** Records that were not read and exist no more; null = unknown, because the content is another. */
  readonly gone: number | null
}

/** Counters of one source, which only rise. */
export interface SourceStats {
  readonly records: number
  /** As they came out, after decompression. */
  readonly bytes: number
  /** How often the group's partitions were dealt anew. */
  readonly rebalances: number
  /** Messages that came out cut or unreadable: over a limit, or of a codec that failed. */
  readonly refused: number
  /** How often other content was found in the place of what had been read. */
  readonly resets?: number
  /** Records that are known to be gone unread; there may be more. */
  readonly missing?: number
  readonly lastReset?: SourceReset
}

/**
 * A source found other content than it had read: a topic that was deleted and created again, a file that was truncated or
 * replaced. Reading goes on elsewhere.
 */
export interface SourceReset {
  readonly partition: string
  readonly reason: string
  /** Positions in the source's own notation. */
  readonly from: string
  readonly to: string
  /** Records that are known to be gone unread; absent = unknown. */
  readonly missing?: number
  readonly timeMs: number
}

/** What a source does when it finds other content than it had read. */
export type OnReset = 'start' | 'end' | 'stop'

/**
 * A durable, ordered list of messages kept by this daemon itself: the embedded topic behind the `http` source. Offsets
 * rise by one and begin at 0; what is below `begin` was removed after it had been learned.
 */
export interface Journal {
  /** Of this file: another journal has another, and a position means nothing there. */
  readonly identity: string
  /** Messages from offset `from` on, at most `count`, in order. A removed offset is passed over. */
  read(
    from: number,
    count: number,
  ): readonly { readonly offset: number; readonly value: Uint8Array; readonly timeMs: number }[]
  /** The offset that the next message will get. */
  end(): number
  /** The first offset that is still there; `end` when none is. */
  begin(): number
  /** Everything below `offset` was learned and may be removed when it is old enough. */
  consumed(offset: number): void
  /** Takes another identity, because a position that was read is not in it: what comes next must not be mistaken for it. */
  disown(): void
}

/** What could not be learned from, and why. `key` makes writing it twice harmless. */
export interface DeadLetter {
  readonly key: string
  readonly code: string
  readonly reason: string
  readonly connector: string
  readonly partition: string
  readonly position: string
  readonly value: Uint8Array
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  readonly timeMs: number
}

/** Where letters go. `write` resolves only when they are durable, and is idempotent by `key`. */
export interface Sink<Item = DeadLetter> {
  write(items: readonly Item[]): Promise<void>
  close(): Promise<void>
}

// ── Intake ───────────────────────────────────────────────────────────────────────────────────────────────────

export type Input =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'features'
      /** A name that is absent is missing. */
      readonly features: readonly number[] | Readonly<Record<string, number | string | boolean>>
    }

/** What an event says. `label` also carries a correction; a rating speaks of the answer that was served. */
export type Lesson =
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'rating'; readonly rating: 1 | -1 }
  | {
      readonly kind: 'retract'
      /** It names no source. */
      readonly anySource?: true
      /** Everything of its source, since a time. */
      readonly all?: { readonly sinceMs?: number }
    }

/** One message of the stream, validated. `source` + `id` is its identity, forever. */
export interface FeedbackEvent {
  readonly id: string
  readonly source: string
  readonly model?: string
  readonly input?: Input
  readonly predictionId?: string
  readonly lesson: Lesson
  readonly weight: number
  readonly timeMs?: number
}

/** What was served, kept so that feedback can join it days later. */
export interface ServedPrediction {
  readonly id: string
  readonly input: Input
  readonly version: string
  readonly label: string
  readonly timeMs: number
}

// ── Networks, written once (src/nn, src/bases) ───────────────────────────────────────────────────────────────

/**
 * The operations every network is written against. `tfjs-ops` computes and differentiates; `onnx-ops` records a graph.
 *
 * Activations are rank 3, [batch, positions, width]; pooled ones have one position. Parameters of an adapter come
 * through `param`: a matrix [in, out] or a vector [width]. In the recorded graph they are inputs stacked over the
 * adapters of the batch and gathered per row, so that a handle may secretly be [batch, in, out] or [batch, 1, width];
 * `matMul` and broadcasting hide this. Code written against Ops must not look at shapes of activations.
 */
export interface Ops<T> {
  /** A frozen weight of the base, as the network's own loader names and orients it. */
  weight(name: string): T
  /** A trainable tensor of the adapter. Unknown names are a mistake of ours (invariant). */
  param(name: string): T
  scalar(value: number): T
  /** x [b, s, in] · w [in, out] (or per-row [b, in, out]) → [b, s, out]. */
  matMul(x: T, w: T): T
  /** A matrix [in, out] turned: [out, in]. */
  transpose(w: T): T
  /** Attention products: a [b, h, m, k] · b [b, h, k, n]; `transposeB` takes b as [b, h, n, k]. */
  batchMatMul(a: T, b: T, transposeB?: boolean): T
  add(a: T, b: T): T
  sub(a: T, b: T): T
  mul(a: T, b: T): T
  div(a: T, b: T): T
  /** Over the last axis. */
  softmax(x: T): T
  /** Over the last axis: scale · (x − mean) / √(var + eps) + bias. */
  layerNorm(x: T, scale: T, bias: T, eps: number): T
  /** Exact (erf) GELU. */
  gelu(x: T): T
  relu(x: T): T
  tanh(x: T): T
  sqrt(x: T): T
  /** Natural; of what is greater than 0. */
  log(x: T): T
  maximum(a: T, b: T): T
  /** Rows of table [n, d] by ids [b, s] → [b, s, d]. */
  gather(table: T, ids: T): T
  /** The first s rows of table [n, d] for ids [b, s] → [1, s, d]: positions. */
  positions(table: T, ids: T): T
  /** [b, s, h·d] → [b, h, s, d]. */
  splitHeads(x: T, heads: number): T
  /** [b, h, s, d] → [b, s, h·d]. */
  mergeHeads(x: T): T
  /** Columns [from, to) of the last axis. */
  columns(x: T, from: number, to: number): T
  /** Side by side along the last axis; all other sizes are equal. */
  concat(parts: readonly T[]): T
  /** mask [b, s] of 1 and 0 → additive [b, 1, 1, s]: 0 where 1, −1e9 where 0. */
  attentionBias(mask: T): T
  /** Of the positions with mask 1 the first `first` and the last `last`: mask [b, s] → [b, s, 1] of 1 and 0. */
  ends(mask: T, first: number, last: number): T
  /** Mean over the positions with mask 1: x [b, s, d], mask [b, s] → [b, 1, d]. */
  maskedMean(x: T, mask: T): T
  /** x / max(‖x‖, 1e-6) over the last axis. */
  unit(x: T): T
  /**
   * In the steps of the trainer each number is 0 with the chance `rate` and x / (1 − rate) else, drawn anew for each
   * step and `place`; elsewhere x as it is.
   */
  dropout(x: T, rate: number, place: string): T
}

/** A named place in the tail where an adapter can act. */
export interface Site {
  /** Stable name inside the base, e.g. `encoder.layer.5.attention.self.query`; also the PEFT module path. */
  readonly name: string
  readonly kind: 'linear' | 'output' | 'norm'
  /** The role, by which a config picks sites: query key value attention-output intermediate output pooler norm … */
  readonly role: string
  /** Layer index from 0, bottom first; the pooling map above the layers has index `layers`. */
  readonly layer: number
  readonly inSize: number
  readonly outSize: number
  /** Its matrix or scale among the base's weights; absent = `<name>.weight`. Its bias is always `<name>.bias`. */
  readonly weight?: string
}

/**
 * How a method changes the network. The network calls these at each of its sites, adapted or not, and may call them at
 * sites below the cut where its trunk does not reach so far.
 */
export interface Adaptation<T> {
  /**
   * A linear map. `weight` [in, out] and `bias` are frozen handles, and `plain()` computes x·weight + bias.
   * Returns what the network goes on with; without an adapter at the site that is `plain()`.
   */
  linear(site: string, x: T, weight: T, bias: T, plain: () => T): T
  /** A layer norm: `apply` computes it with the frozen `scale` and `bias` [width], or with others. */
  norm(site: string, scale: T, bias: T, apply: (scale: T, bias: T) => T): T
  /** A layer's output (after its residual sum and norm where it has one): h [b, s, d], mask [b, s] → h'. */
  output(site: string, h: T, mask: T): T
}

/** One row of a network's input, tokenised or vectorised: what `encode` makes. */
export type Encoded =
  | {
      readonly kind: 'tokens'
      readonly ids: Int32Array
      /** Tokens of a longer text that were left out; absent = none. Not part of a checkpoint. */
      readonly dropped?: number
    }
  | { readonly kind: 'vector'; readonly values: Float32Array }

/** The trunk's activations of one row at the cut: [positions, width], row-major. The latent that replay keeps. */
export interface Latent {
  readonly positions: number
  readonly width: number
  readonly data: Float32Array
}

/** What the trunk reads: `ids` [b, s] int32 (text) or `values` [b, 1, width]; `mask` [b, s] float, 1 for real positions. */
export interface NetworkInput<T> {
  readonly ids?: T
  readonly values?: T
  readonly mask: T
}

/**
 * A frozen network, defined once. `cut` = number of trunk layers; the tail is layers [cut, layers) and the pooling.
 * tail(trunk(x)) with the identity adaptation is the base's published output.
 */
export interface Network {
  readonly layers: number
  /** Width of the embedding that `tail` returns. */
  readonly width: number
  /** Whether that embedding has unit length, as text bases publish it; a task scales its logits by it. */
  readonly unit: boolean
  /** Width of the latent at a cut. */
  latentWidth(cut: number): number
  /** All sites of the tail, in the order the network meets them. */
  sites(cut: number): readonly Site[]
  trunk<T>(ops: Ops<T>, input: NetworkInput<T>, cut: number): T
  /** → embedding [b, 1, width], of unit length for text bases. */
  tail<T>(ops: Ops<T>, hidden: T, mask: T, cut: number, adaptation: Adaptation<T>): T
}

/**
 * What a base needs to know of the stream and cannot know beforehand, such as means. Counted and never differentiated, but
 * otherwise parameters like any other: they are in every version and every checkpoint, so that the server answers with
 * exactly the numbers that the trainer used.
 */
export interface Statistics {
  readonly parameters: readonly ParameterSpec[]
  /** With these inputs counted, in order. Called once for each new example, before the step that learns it. */
  observe(before: Tensors, rows: readonly Latent[]): Tensors
  /** What an earlier release counted, as this one reads it; whatever else is among `tensors` stays. */
  adopt?(tensors: Tensors): Tensors
  /**
   * The input with what it is relative to `before` written into it, so that a rehearsal much later sees what was true at
   * its moment. Embedded with `before` it equals the plain one. Only where the trunk answers its input.
   */
  stamp?(before: Tensors, row: Latent): Latent
}

/** How a version and a checkpoint name the base that they were made on. */
export interface BaseIdentity {
  readonly name: string
  readonly hash: string
  /** Of the base itself, where it has any. */
  readonly settings?: string
}

/** From what was learned on an earlier base to what it is on the present one. All of it copies. */
export interface Succession {
  /** The earlier base. */
  readonly base: Base
  /** Frozen weights that are others now: tensors of an adapter that works with them do not go on. */
  readonly replaced: readonly string[]
  /** An input of before, as an input of now. */
  row(row: Encoded): Encoded
  /** Tensors of an adapter, and those that stand beside one under longer names (`optimizer/…`). */
  tensors(tensors: Tensors): Tensors
  /** What is different, for people. */
  readonly told: string
}

/** A frozen pretrained network with what feeds it. Opened once a process and shared by all models on it. */
export interface Base {
  /** `use-lite`, `bert`, `features`. */
  readonly name: string
  /** sha256 over weights, config and tokenizer: two bases with one hash give one output. */
  readonly hash: string
  /** What this view's trunk is called among those of one hash, where it is another one; absent = the base's own. */
  readonly trunk?: string
  /** The base as it was published, made from that other trunk; absent = any trunk of the base will do. */
  readonly published?: Base
  readonly inputKind: Input['kind']
  readonly network: Network
  /** Frozen weights by the names that `network` uses; matrices are [in, out]. */
  readonly weights: Tensors
  /** What it counts of its inputs, where it counts at all. */
  readonly statistics?: Statistics
  /** What it was made from, as text; absent where nothing can go on from it on another base. */
  readonly settings?: string
  /** How what was learned on another base goes on here; undefined = not at all. */
  successionFrom?(before: BaseIdentity): Succession | undefined
  /** Tokenise or vectorise; throws a coded, non-retriable error for what it cannot take. `maxTokens` truncates, and `dropped` says so. */
  encode(input: Input, maxTokens: number): Encoded
}

// ── Adapters and tasks (src/adapters, src/tasks) ─────────────────────────────────────────────────────────────

export interface AdapterConfig {
  readonly method: string
  readonly rank: number
  readonly alpha: number
  /** Upper layers that the adapter may reach; 'all' = every layer. */
  readonly tail_layers: number | 'all'
  /** Roles to adapt; absent = every linear site of the tail. */
  readonly sites?: readonly string[] | undefined
  /** lora, dora: the scale is α/√r; absent = α/r. */
  readonly rslora?: boolean | undefined
  /** lora, dora: the share of its inputs that a step leaves out. */
  readonly dropout?: number | undefined
  /** lora, dora: ranks by role, where they are not `rank`. */
  readonly ranks?: Readonly<Record<string, number>> | undefined
  /** loreft: layers of the tail to edit, counted from the bottom of the network; absent = all. */
  readonly layers?: readonly number[] | undefined
  /** loreft: how many of the first and of the last positions of a text it edits; absent = all. */
  readonly positions?:
    { readonly first?: number | undefined; readonly last?: number | undefined } | undefined
  /** bottleneck: behind attention and feed-forward layers, or behind the latter alone. */
  readonly placement?: string | undefined
  /** Closed forms on text: layers whose outputs the embedding is made of, uppermost first; absent = 1. */
  readonly depth?: number | undefined
  /** slda: ε of the covariance. */
  readonly shrinkage?: number | undefined
  /** ranpac: dimensions behind the projection, and λ in mean squares of one of them. */
  readonly features?: number | undefined
  readonly ridge?: number | undefined
}

/**
 * `orthonormal`: uniform among the matrices whose columns are. `weight`: a copy of that frozen weight of the base, `like`
 * of that parameter, which was declared before; of the same shape.
 */
export interface ParameterSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly start:
    | 'zeros'
    | 'ones'
    | 'orthonormal'
    | { readonly normal: number }
    | { readonly weight: string }
    | { readonly like: string }
}

/**
 * One way to fine-tune. `parameters` declares the trainable tensors (a fresh adapter leaves the output unchanged),
 * `adaptation` the equation. `fold` rewrites trained tensors for serving so that adapters of other knobs share one
 * graph (LoRA: α/r goes into B); `adaptation(…, folded = true)` is then used with them. `base` is the method's view.
 * Folding keeps shapes up to the ranks, which the server pads with zeros.
 */
export interface Method {
  readonly name: string
  /** Its head comes from sums, and its steps only add to them; absent = it learns by gradients. */
  readonly closedForm?: ClosedForm
  /**
   * Its tensors are as big as the base's, so that giving each row of a batch its own would copy too much: rows of two
   * adapters never share a run of the server.
   */
  readonly alone?: true
  /**
   * The base as this method's head sees it: the same hash, and perhaps another embedding, made of more of the base or by
   * more frozen weights. Equal arguments give the same object, and a view of a view is that view. Absent = the base as it is.
   */
  view?(base: Base, config: AdapterConfig): Base
  parameters(sites: readonly Site[], config: AdapterConfig): readonly ParameterSpec[]
  adaptation<T>(
    ops: Ops<T>,
    sites: readonly Site[],
    config: AdapterConfig,
    folded: boolean,
  ): Adaptation<T>
  /**
   * Back to where its tensors live, where that is not everywhere: called with all parameters after each step, and with
   * their average. Answers those that it leaves alone too.
   */
  retract?(parameters: Tensors): Tensors
  fold(parameters: Tensors, config: AdapterConfig, base: Base): Tensors
  /** Tensor names and orientation in `adapter_model.safetensors`, both ways, and PEFT's config fields. */
  toDisk(parameters: Tensors, sites: readonly Site[]): Tensors
  fromDisk(tensors: Tensors, sites: readonly Site[]): Tensors
  peftConfig(
    config: AdapterConfig,
    sites: readonly Site[],
    base: Base,
  ): Readonly<Record<string, Json>>
}

/**
 * What a method without gradients knows: sums over examples x [width] of weight w. An example of which only a wrong
 * answer is known is shared out among the other labels.
 */
export interface ClassSums {
  readonly width: number
  /** n_c = Σ w, one a label. */
  readonly counts: Float32Array
  /** s_c = Σ w·x, [labels, width]. */
  readonly sums: Float32Array
  /** G = Σ w·x·xᵀ over all labels: the lower triangle, row by row. Empty unless the method needs it. */
  readonly moments: Float32Array
}

/** A head that follows from sums over the examples. */
export interface ClosedForm {
  readonly needsMoments: boolean
  /**
   * weight [labels, width] and bias [labels] of logits up to a scale and a constant, which the trainer chooses. Every
   * label has been seen. Called once a version at most.
   */
  solve(
    sums: ClassSums,
    config: AdapterConfig,
  ): { readonly weight: Float64Array; readonly bias: Float64Array }
}

/** The size of a version's memory: `slots` is how many its tensors have room for, the head's own among them. */
export interface MemoryShape {
  readonly slots: number
  readonly items: number
}

/** What one row should answer, resolved against the served prediction. */
export type Target =
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'not'; readonly label: string }

export interface Answer {
  readonly label: string
  readonly score: number
  readonly scores: Readonly<Record<string, number>>
}

/** A scored lesson: was the answer right, and what was the loss before learning it. */
export interface Score {
  readonly correct: boolean
  readonly loss: number
  readonly answer: string
  /** The answer's own score, between 0 and 1. */
  readonly confidence?: number
}

/**
 * What the head is for. The only place that knows about labels. Head tensors are named `head.weight` [width, labels]
 * and `head.bias` [labels]; the trainer, registry and server treat them as parameters like any other.
 */
export interface Task {
  readonly kind: string
  parameters(width: number, labels: readonly string[]): readonly ParameterSpec[]
  /**
   * Grows the head (and anything shaped like it, such as optimizer moments), and what a memory votes (`votes.*`), from
   * one list of labels to a longer one.
   */
  grow(name: string, tensor: Tensor, labels: number): Tensor
  /** embedding [b, 1, width] → logits [b, 1, labels]; `unit` is the network's. Never called with zero labels. */
  logits<T>(ops: Ops<T>, embedding: T, unit: boolean): T
  /** What those logits multiply embedding · head.weight by, before head.bias is added. */
  scale(unit: boolean): number
  /**
   * The event's lesson → the target, given the answer that was served for a rating. Throws a coded error. A retraction
   * has no target and must not come here.
   */
  target(lesson: Lesson, served: string | undefined, vocabulary: Vocabulary): Target
  /**
   * Dense loss inputs, [b, labels] each: what to raise, what to lower. With p = softmax(logits) over what is not retired
   * the loss of a row is −Σ wanted·log p − log(1 − Σ unwanted·p). Label targets must be in `labels`: grow first. One that
   * is retired teaches nothing.
   */
  targets(
    rows: readonly Target[],
    labels: readonly string[],
    retired?: readonly string[],
  ): { readonly wanted: Tensor; readonly unwanted: Tensor }
  /** Over the labels that are not retired. */
  score(
    logits: Float32Array,
    target: Target,
    labels: readonly string[],
    retired?: readonly string[],
  ): Score
  decode(logits: Float32Array, labels: readonly string[], retired?: readonly string[]): Answer
}

/** Which labels there are for new events. */
export interface Vocabulary {
  readonly labels: readonly string[]
  /** A label that is not among them yet may be learned. */
  readonly open: boolean
  /** Labels that are neither answered nor learned. Their rows of the head stay, for the day on which they come back. */
  readonly retired?: readonly string[] | undefined
  /** Old name → new name: feedback with the old one means the new one. */
  readonly renamed?: Readonly<Record<string, string>> | undefined
}

// ── The trainer ──────────────────────────────────────────────────────────────────────────────────────────────

/** One example as learner and replay keep it. Its latent is a cache, recomputed from `encoded` when missing. */
export interface Example {
  /** `source` NUL `id`. */
  readonly key: string
  readonly encoded: Encoded
  readonly target: Target
  readonly weight: number
  readonly predictionId?: string
  /** Of its event, or when the transport took that. */
  readonly timeMs?: number
}

/** An example with what was kept beside it. */
export interface Remembered extends Example {
  /** Of the labels that the head had then, which are its first ones ever since. */
  readonly logits?: Float32Array
}

export interface TrainRow {
  readonly latent: Latent
  readonly target: Target
  readonly weight: number
  /** Rehearsed, not new. */
  readonly isReplayed?: boolean
  /** Absent: its target counts for weight / rows of the step, and nothing else does. */
  readonly part?: LossPart
  /** Kept with it; what `part.logits` pulls towards. */
  readonly logits?: Float32Array
}

export interface StepResult {
  /** Mean loss of the batch before the step; NaN means that the step was dropped and the weights kept. */
  readonly loss: number
  readonly gradientNorm: number
  readonly dropped: boolean
}

export interface TrainKnobs {
  readonly learning_rate: number
  /** The rate for `head.*`, absent = 10 × `learning_rate`: heads start from zero and learn faster. */
  readonly head_learning_rate?: number | undefined
  readonly optimizer: 'adam' | 'sgd'
  readonly momentum: number
  readonly clip_norm: number
  /** λ of AdamW; absent = 0. */
  readonly weight_decay?: number
  /** s: after t steps it is λ·s / (s + t); absent or 0 = always λ. */
  readonly weight_decay_steps?: number
  /** What averaged weights keep in a step: they score then, and go into versions; absent or 0 = the newest do. */
  readonly average?: number
}

/**
 * One adapter under training on an engine: synchronous, holds tensors, leaves none behind after a call (law 8).
 * Deterministic: equal snapshots and equal calls give equal bytes on one machine.
 */
export interface Trainable {
  readonly labels: readonly string[]
  /** An example counts for good and must not come twice: sums, where others take steps. */
  readonly learnsOnce?: true
  /** Logits of each row with the present weights, one array of `labels.length` a row. */
  score(rows: readonly Latent[]): readonly Float32Array[]
  /** `rateFactor` multiplies both learning rates for this step; absent = 1. */
  step(rows: readonly TrainRow[], rateFactor?: number): StepResult
  /** The same step, with the logits of each row before it. Absent where its forward pass does not have them for nothing. */
  testAndStep?(
    rows: readonly TrainRow[],
    rateFactor?: number,
  ): StepResult & { readonly logits: readonly Float32Array[] }
  /**
   * What is counted, or learned event by event: called once for each new example, in order, after its test and before
   * the first step that learns it. Answers the latents to learn it from, now and later. Absent where nothing is.
   */
  observe?(rows: readonly TrainRow[]): readonly Latent[]
  /** Takes back rows that were learned, where that can be done: closed forms, of rows with a right label. */
  forget?(rows: readonly Pick<TrainRow, 'latent' | 'target' | 'weight'>[]): void
  /** Adds label rows to the head, zero-started. */
  grow(labels: readonly string[]): void
  /** Trainable tensors only, as a version keeps them: averaged where knobs ask for it. */
  parameters(): Tensors
  /** Parameters, optimizer moments (`optimizer/<slot>/<parameter>`), the forgetting policy's (`forgetting/…`), counters. */
  snapshot(): TrainableState
  restore(state: TrainableState): void
  dispose(): void
}

export interface TrainableState {
  readonly labels: readonly string[]
  readonly tensors: Tensors
  readonly steps: number
}

// ── Policies (policies/) ─────────────────────────────────────────────────────────────────────────────────────

/** One knob of a policy as data: validation, the config's schema and its documentation are made from it. */
export type Setting =
  | {
      readonly type: 'integer' | 'number'
      readonly minimum: number
      readonly maximum: number
      readonly default: number
      readonly description: string
    }
  | {
      readonly type: 'choice'
      readonly options: readonly string[]
      readonly default: string
      readonly description: string
    }
  | {
      /** Written `1s` or `500ms`; 0 = off. `open` gets milliseconds. */
      readonly type: 'duration'
      readonly minimum: number
      readonly maximum: number
      readonly default: string
      readonly description: string
    }

/** What a policy's file exports. `open` gets every setting, within its bounds. */
export interface PolicyKind<
  Policy,
  Settings extends Readonly<Record<string, number | string>> = never,
> {
  readonly summary: string
  readonly settings: Readonly<Record<[Settings] extends [never] ? string : keyof Settings, Setting>>
  open(settings: Settings): Policy
}

/** What a replay policy is told of an example. */
export interface ReplayItem {
  /** `source` NUL `id`: the identity of its event. */
  readonly key: string
  readonly label: string
  readonly source: string
  /** What keeping it takes in the checkpoint. */
  readonly bytes: number
}

/**
 * What to keep; how it is used is `rehearsal`. `offer` is called once for each learned example, after its update; `draw`
 * before each step. Keys are identities: `remove` forgets a retracted example. Bounded in items and in bytes.
 */
export interface Replay {
  readonly size: number
  /** Σ bytes of what is kept. */
  readonly bytes: number
  /** Absent: replayed rows stand beside the new ones, and all count alike. */
  readonly rehearsal?: Rehearsal
  /** Answers the keys that went to make room, the offered one among them when it was not kept. */
  offer(item: ReplayItem, random: Random): readonly string[]
  /** Up to `count` distinct keys, without replacement; none of a label in `without`, which is seldom any. */
  draw(count: number, random: Random, without?: readonly string[]): readonly string[]
  remove(key: string): void
  keys(): readonly string[]
  /** A copy. */
  snapshot(): Json
  /**
   * `items` are the examples that still exist, in any order: a key that is not among them is gone. A state of smaller
   * bounds, or of another policy, may be handed in. Restoring twice equals restoring once.
   */
  restore(state: Json, items: readonly ReplayItem[]): void
}

/** How the learner uses what was kept. Each field stands for itself, and absent ones mean the plain way. */
export interface Rehearsal {
  /** Draws of `replay_batch` keys for each step, each without regard to the others; absent = 1. */
  readonly draws?: number
  /**
   * Candidates drawn for each example that a step rehearses; those whose loss would rise most by a step on the new
   * examples alone are rehearsed. Absent = 1: nothing to choose from.
   */
  readonly candidates?: number
  /** The learner keeps with each example the logits that it had right before it was first learned. */
  readonly keepsLogits?: boolean
  /** An update begins with fresh weights and makes so many passes over all that is kept, the block among it. */
  readonly passes?: number
  /** What each row of a step counts for. Called once for each step; plain numbers in, plain numbers out. */
  parts?(step: StepRows): StepParts
}

/** The rows of a step: the new ones, and those of each draw. */
export interface StepRows {
  readonly fresh: readonly StepRow[]
  readonly replayed: readonly (readonly StepRow[])[]
}

export interface StepRow {
  readonly target: Target
  readonly weight: number
  /** Whether logits were kept with it. */
  readonly hasLogits: boolean
}

/** A part for each row, in the same order. */
export interface StepParts {
  readonly fresh: readonly LossPart[]
  readonly replayed: readonly (readonly LossPart[])[]
}

/**
 * One row's part in the loss of a step, with z its logits and h those kept with it:
 *
 *   target · loss(z) + logits · ¹⁄ₖ Σⱼ (zⱼ − hⱼ)²,   j over the k labels that the head had when h was kept
 */
export interface LossPart {
  readonly target: number
  readonly logits?: number
  /** The labels that its softmax runs over; absent = all. One that lacks the target's own label is not heeded. */
  readonly among?: readonly string[]
}

/**
 * What protects old knowledge besides replay, in plain memory. In each step `penalty` comes first, with the present
 * weights, and answers what it adds to the loss and to each gradient, or undefined for nothing. Then `teacher` and
 * `project`, where there are any. `observe` follows each step that was kept, with the new weights and the gradients of
 * the loss alone (never with the penalty's). A head that grew has more columns than before; its new elements are free.
 */
export interface Forgetting {
  penalty(parameters: Tensors): { readonly loss: number; readonly gradients: Tensors } | undefined
  observe(parameters: Tensors, gradients: Tensors): void
  /** Weights whose answers on the new rows shall be kept. */
  teacher?(): Teacher | undefined
  /**
   * The gradient to follow, given that of the new rows and that of the replayed ones: these then have no part in the
   * loss. Not called in a step that lacks either.
   */
  project?(fresh: Tensors, replayed: Tensors): Tensors
  snapshot(): Tensors
  restore(state: Tensors): void
}

/**
 * With h the teacher's logits and z the present ones, each over the labels that the teacher's head has:
 *
 *   weight · ¹⁄ₙ Σ over new rows of  −Σⱼ softmax(h / heat)ⱼ · log softmax(z / heat)ⱼ
 */
export interface Teacher {
  readonly parameters: Tensors
  readonly weight: number
  readonly heat: number
}

/**
 * When to update. `observe` is called for each accepted example in order; 'update' starts one with all pending. `rest`,
 * where there is one, is asked several times a second while the stream has nothing. One that looks at `nowMs` decides by
 * the clock: another run of the same stream may cut other updates. The trainer records such a cut in its checkpoint
 * before the update, and makes the same one again after a crash (law 2).
 */
export interface Trigger extends Stateful {
  /** True when it looks at the score of each example, which must then be computed at once. */
  readonly needsScore: boolean
  /** True when `observe` decides by the clock. */
  readonly readsClock?: true
  observe(seen: {
    readonly pending: number
    readonly score?: Score
    readonly nowMs: number
    /** Its own stream of chance, part of the checkpoint. */
    readonly random: Random
  }): TriggerDecision
  rest?(seen: { readonly pending: number; readonly nowMs: number }): Decision<'wait' | 'update'>
  /** Alarms so far and the last one, from its state. */
  alarms?(): AlarmCount
}

/** An alarm comes with the verdict 'update': the stream is another one than the weights have learned. */
export interface TriggerDecision extends Decision<'wait' | 'update'> {
  readonly alarm?: Alarm
}

/**
 * What a drift detector saw, and what to do about it before the update: nothing; a higher rate; a higher rate, and nothing
 * is replayed from before; all of it anew.
 */
export interface Alarm {
  readonly reason: string
  readonly response: 'report' | 'raise-rate' | 'fresh-replay' | 'fresh-adapter'
}

export interface AlarmCount {
  readonly count: number
  /** The reason of the last one. */
  readonly last?: string
}

/**
 * How fast to learn, as a factor on both learning rates. `begin` is called before each update with the steps that it
 * plans, and whether an alarm asks for faster learning; `factor` then before each of these steps, which count from 0.
 */
export interface Rate extends Stateful {
  begin(update: { readonly steps: number; readonly raised: boolean }): void
  factor(step: number): number
}

export interface Scores {
  readonly count: number
  readonly accuracy: number
  readonly accuracy_recent: number
  readonly loss: number
}

/** What is kept of an example so that it answers at once: where it lies, and what was right there. */
export interface MemoryItem {
  /** `source` NUL `id`: the identity of its event. */
  readonly key: string
  readonly label: string
  /** The base's embedding of it, of length 1. */
  readonly vector: Float32Array
}

/** Kept examples that answer along with the head, before any step has learned them. Without a state of its own. */
export interface Memory {
  /** It is never asked, and no example is embedded for it. */
  readonly keepsNothing?: true
  readonly voice: MemoryVoice
  /** Wrong answers after which a version is made without waiting for the next update. */
  readonly every: number
  /**
   * `item` is new, and `wasRight` what was answered before it came. Which of `kept`, oldest first, and of the item itself
   * go. Called once for each example with a label, in order; after a restore also to fit what was kept into the
   * bounds of today, with the items oldest first.
   */
  offer(
    item: MemoryItem,
    kept: readonly MemoryItem[],
    seen: { readonly wasRight: boolean },
  ): readonly string[]
}

/** How loudly kept examples speak. */
export interface MemoryVoice {
  /** Of one that is heard alone, against the head. */
  readonly weight: number
  /** The cosine at which it is heard as loudly as the head. */
  readonly threshold: number
  /** How fast that changes with the cosine. */
  readonly sharpness: number
}

/** Whether a finished candidate becomes live. */
export interface Promotion {
  decide(facts: {
    readonly candidate: Scores
    readonly version: string
  }): Decision<'promote' | 'hold'>
}

/** Whether the live version must go back by itself. Called after each scored block. */
export interface Rollback extends Stateful {
  /** It never looks at scores, so that a block may be tested by the very step that learns it. */
  readonly looksAtScores?: false
  decide(facts: {
    readonly scores: Scores
    readonly version: string
  }): Decision<'keep' | 'rollback'>
}

// ── Registry ─────────────────────────────────────────────────────────────────────────────────────────────────

/** `manifest.json` of a version. `digest` covers everything but `created`. */
export interface Manifest {
  readonly format: 1
  readonly model: string
  readonly version: string
  readonly digest: string
  readonly parent: string | null
  readonly base: BaseIdentity
  readonly task: string
  readonly labels: readonly string[]
  /** Those of them that it does not answer, in their order; absent = none. */
  readonly retired?: readonly string[]
  readonly adapter: AdapterConfig
  /** Kept examples that answer along with the head; absent = none. */
  readonly memory?: MemoryShape
  /** source name → partition → [from, to): what it learned since its parent. */
  readonly span: Readonly<Record<string, Readonly<Record<string, readonly [string, string]>>>>
  /** Examples learned in this line so far, and in this version. */
  readonly events: number
  readonly events_new: number
  readonly steps: number
  readonly scores: Scores
  readonly decision: string
  readonly reason: string
  /** sha256 by file name. */
  readonly files: Readonly<Record<string, string>>
  readonly created: string
}

export interface Version {
  readonly manifest: Manifest
  readonly parameters: Tensors
}

/**
 * Which versions keep their bytes: the newest `last`, and the newest of each of the last `hourly` hours and `daily` days that
 * have one. `bytes` bounds them together.
 */
export interface Retention {
  readonly last: number
  readonly hourly?: number
  readonly daily?: number
  readonly bytes?: number
}

/** What `keep` removed, and what is left. */
export interface Kept {
  readonly removed: readonly string[]
  readonly versions: number
  readonly bytes: number
}

/** As a list shows it; `removed`: its bytes are gone, its manifest is not. */
export interface ListedVersion {
  readonly manifest: Manifest
  readonly removed: boolean
}

/** Which version answers. `generation` rises by one at each move; the compare-and-set compares it. */
export interface LivePointer {
  readonly version: string
  readonly digest: string
  readonly generation: number
  readonly sinceMs: number
  readonly previous: string | null
  readonly reason: string
  /** `rollback` and `promote` are a person's; `policy` is the trainer's own rollback. */
  readonly by:
    | 'trainer'
    | 'rollback'
    | 'promote'
    | 'start'
    | 'policy'
    | 'pause'
    | 'resume'
    | 'relearn'
    | 'discard'
  /** What the move asks of the trainer besides going to its version; a `pause` and its like stay where the pointer is. */
  readonly asks?: Asked
}

/**
 * Commands to the trainer travel as moves of the pointer: it is durable, fenced, reaches the daemon that trains whichever
 * that is, and is read before any record, also where nothing is read.
 */
export interface Asked {
  /** Of a rollback: learn nothing until somebody resumes. */
  readonly hold?: boolean
  /** Of `relearn` and `discard`: which of what was set aside. */
  readonly selection?: Selection
  /** Of a policy's rollback: the count of accepted events at which it was decided. */
  readonly place?: number
}

/** Events by their source, their label and since when; what is absent does not matter. */
export interface Selection {
  readonly source?: string
  readonly label?: string
  readonly sinceMs?: number
}

/**
 * Versions of one model and the pointer to the live one. Used by the trainer (publish, point) and by every server
 * (load, watch, point). `publish` is all-or-nothing and idempotent: the same digest again is a success, another digest
 * under a taken name throws `VERSION_EXISTS`. `load` verifies every byte or throws `VERSION_CORRUPT`, `VERSION_FOREIGN`,
 * `VERSION_UNKNOWN`. `point` throws `GENERATION_STALE` when the pointer has moved.
 */
export interface Registry {
  publish(version: Version): Promise<Manifest>
  load(version: string): Promise<Version>
  manifest(version: string): Promise<Manifest>
  /** One version by its key, removed ones too; else `VERSION_UNKNOWN`. */
  find(version: string): Promise<ListedVersion>
  /**
   * The newest `count` (100 when absent), newest first; with `before`, which need not exist any more, only those that are
   * older. What `keep` removed is marked, and remembered up to a limit.
   */
  list(count?: number, before?: string): Promise<readonly ListedVersion[]>
  live(): Promise<LivePointer | undefined>
  point(move: {
    readonly version: string
    /** The generation that the caller has seen; 0 when nothing was live. */
    readonly expect: number
    readonly reason: string
    readonly by: LivePointer['by']
    readonly asks?: Asked | undefined
  }): Promise<LivePointer>
  /** Moves, newest first, at most `count`; with `before`, only those of a lower generation. The oldest are forgotten. */
  history(count: number, before?: number): Promise<readonly LivePointer[]>
  /**
   * Calls back with where the pointer is now (if anywhere) and soon after each change, never inside this call; changes
   * that follow each other quickly are told as one, the newest. Returns how to stop.
   */
  watch(onChange: (pointer: LivePointer) => void): () => void
  /** Removes the bytes of old versions, never of the live, the previous, a pinned or a protected one. */
  keep(retention: Retention, protectedVersions: readonly string[]): Promise<Kept>
  /** A pinned version keeps its bytes until it is unpinned. `PINS_FULL` when there are too many. */
  pin(version: string): Promise<void>
  /** Of one that is not pinned: a success. */
  unpin(version: string): Promise<void>
  pins(): Promise<readonly string[]>
  close(): Promise<void>
}

// ── The fleet (src/fleet) ────────────────────────────────────────────────────────────────────────────────────

/**
 * The right to write for one model: one holder at a time over all daemons. `epoch` rises with each holder, also over
 * the loss of everything that the lease's keeper knew, and every shared store refuses writes of an older one
 * (`LEASE_LOST`). The holder doubts itself first: `signal` aborts when the lease was not renewed in time by its own
 * monotonic clock.
 */
export interface Lease {
  readonly model: string
  readonly epoch: number
  readonly signal: AbortSignal
  /** Throws `LEASE_LOST` when holding on is in doubt. Called right before whatever must not be done twice. */
  check(): void
  /** Lets another take it at once. Idempotent; never rejects. */
  release(): Promise<void>
}

export interface LeaseView {
  readonly holder: string
  readonly epoch: number
  readonly expiresMs: number
}

/** Who trains what. `acquire` waits as long as it takes, and rejects only when its signal aborts. */
export interface Leases {
  /** `floor`: an epoch that was seen anywhere; the new one is higher. */
  acquire(
    model: string,
    options: { readonly floor: number; readonly signal: AbortSignal },
  ): Promise<Lease>
  view(model: string): Promise<LeaseView | undefined>
  close(): Promise<void>
}

/** What a copied checkpoint is; the later one has the higher epoch, then the higher sequence. */
export interface CopyHead {
  readonly epoch: number
  readonly sequence: number
  readonly bytes: number
  readonly sha256: string
}

/**
 * Copies of a model's checkpoint where every daemon finds them, so that another takes over where the last one stood.
 * `put` is all or nothing and refused (`LEASE_LOST`) for an older epoch than was seen; `get` verifies every byte
 * (`STORE_CORRUPT`) and writes the file whole or not at all.
 */
export interface CheckpointCopies {
  head(model: string): Promise<CopyHead | undefined>
  put(lease: Lease, path: string, sequence: number): Promise<CopyHead>
  get(model: string, head: CopyHead, path: string): Promise<void>
}

// ── Serving ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Logits for rows that may belong to different adapters. One engine serves all models of one base. */
export interface ServingEngine {
  /** Makes an adapter usable and warm; resolves when every worker holds it. `key` is the version's digest. One `unload` undoes one `load`. */
  load(key: string, version: Version): Promise<void>
  unload(key: string): void
  run(
    rows: readonly { readonly adapter: string; readonly encoded: Encoded }[],
  ): Promise<readonly Float32Array[]>
  close(): Promise<void>
}

/** Trunk activations, one row at a time so that they do not depend on batch mates; runs off the JavaScript thread. */
export interface TrunkEngine {
  encode(rows: readonly Encoded[]): Promise<readonly Latent[]>
  /** The same at once and without fail, where the trunk is so cheap that keeping its latents would not pay. */
  encodeNow?(row: Encoded): Latent
  close(): Promise<void>
}

/** How far a trainer is in one source. */
export interface FeedbackProgress {
  /** The positions that are read next. */
  readonly read: Positions
  /**
   * Up to here everything has come that comes by itself: an update that was due is finished and its version promoted,
   * and with a trigger that looks at the clock nothing of it is pending.
   */
  readonly settled: Positions
  /** The live pointer's generation, as the trainer knows it. */
  readonly generation: number
}

/**
 * How good the answers of a model are, each given before its example was learned. Labels and confusion are of the last
 * `window_events` examples with a label; `accuracy` counts all, `accuracy_recent` with a fading factor.
 */
export interface QualityReport {
  /** Examples with a label. */
  readonly events: number
  readonly accuracy: number
  readonly accuracy_recent: number
  /** The mean over sources, in which each weighs the same. */
  readonly accuracy_recent_by_source: number
  readonly baselines: { readonly majority: Baseline; readonly last_label: Baseline }
  readonly window_events: number
  readonly calibration: {
    readonly ece: number
    /** From score 0 to 1, of equal width. */
    readonly bins: readonly {
      readonly count: number
      readonly score: number
      readonly accuracy: number
    }[]
  }
  /** Most examples first, at most `limits.quality_labels`. */
  readonly labels: readonly LabelQuality[]
  /** All that are not named. */
  readonly other_labels: {
    readonly labels: number
    readonly support: number
    readonly correct: number
  }
  /** Rows: what was right; columns: what was answered; the last of each: every other label. */
  readonly confusion: {
    readonly labels: readonly string[]
    readonly counts: readonly (readonly number[])[]
  }
  /** At most `limits.quality_sources`, and `other` for the rest. */
  readonly sources: readonly SourceQuality[]
}

/** Null where there is nothing to divide by. */
export interface LabelQuality {
  readonly label: string
  readonly support: number
  readonly predicted: number
  readonly precision: number | null
  readonly recall: number | null
  readonly f1: number | null
}

export interface SourceQuality {
  readonly source: string
  readonly count: number
  readonly accuracy: number
  readonly accuracy_recent: number
}

export interface Baseline {
  /** What it would answer now. */
  readonly label: string | null
  readonly accuracy: number
  readonly accuracy_recent: number
}

/** What a trainer tells the server about a model, at least once a second and after every update. */
export interface TrainerStatus {
  readonly model: string
  /**
   * `standby`: another daemon of the fleet trains this model. `stalled`: its process has not spoken for a while. `paused`: a
   * person told it to learn nothing.
   */
  readonly state:
    'starting' | 'running' | 'idle' | 'paused' | 'failed' | 'stopped' | 'standby' | 'stalled'
  readonly code?: string
  readonly message?: string
  readonly lag: number
  readonly pending: number
  readonly counts: {
    readonly accepted: number
    readonly duplicates: number
    readonly learned: number
    readonly rejected: number
    readonly waiting: number
    /** Accepted before a rollback, and not learned unless a person asks. */
    readonly set_aside?: number
  }
  readonly prequential: Scores
  readonly labels: readonly string[]
  readonly steps: number
  readonly droppedSteps: number
  readonly tensors: number
  readonly residentBytes: number
  /** What it trains on: `tensorflow` or `wasm`. */
  readonly engine?: string
  /** By the source's name. */
  readonly sources?: Readonly<Record<string, SourceStatus>>
  /** While a backlog is read: records a second, and until it is read if no more came. */
  readonly progress?: { readonly ratePerSecond: number; readonly etaSeconds: number }
  /** It has not read its checkpoint yet: only the state, its code and its message say something. */
  readonly isBlank?: true
  /** How far it is in the feedback that came over HTTP; absent where no source reads that. */
  readonly feedback?: FeedbackProgress
  /** Keys of events that nobody reads, since its process started. */
  readonly unknownKeys?: number
  /** Texts longer than `max_tokens`, since its process started. */
  readonly truncated?: number
  /** Versions whose bytes are kept, after the last update. */
  readonly kept?: { readonly versions: number; readonly bytes: number }
  /** Ids that `limits.seen_events` let go, since the model began. */
  readonly forgottenIds?: number
  /** Examples that answer along with the head. */
  readonly memorised?: number
  /** Retractions that came before their events. */
  readonly retractionsAhead?: number
  /** Of a trigger that detects drift, since the model began. */
  readonly alarms?: AlarmCount
  /** Told once a second at most. */
  readonly quality?: QualityReport
  /** In a fleet: the lease under which it trains, or who holds it while this one stands by. */
  readonly lease?: LeaseView
  /** In a fleet: why the checkpoint could not be copied. Learning goes on; a successor would begin at an older copy. */
  readonly copyFault?: { readonly code: string; readonly message: string }
  readonly updates?: UpdateTimes
}

/** Finished updates since the trainer's process started. */
export interface UpdateTimes {
  readonly count: number
  /** Mean seconds of a step in each of the last updates, oldest first. */
  readonly stepSeconds: readonly number[]
}
