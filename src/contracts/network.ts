/** Networks, written once against `Ops`, and the base that one belongs to. */
import type { Tensors } from './core.ts'
import type { Input } from './stream.ts'

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
export interface TargetModule {
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
  sites(cut: number): readonly TargetModule[]
  trunk<T>(ops: Ops<T>, input: NetworkInput<T>, cut: number): T
  /** → embedding [b, 1, width], of unit length for text bases. */
  tail<T>(ops: Ops<T>, hidden: T, mask: T, cut: number, adaptation: Adaptation<T>): T
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

/** Trunk activations, one row at a time so that they do not depend on batch mates; runs off the JavaScript thread. */
export interface TrunkEngine {
  encode(rows: readonly Encoded[]): Promise<readonly Latent[]>
  /** The same at once and without fail, where the trunk is so cheap that keeping its latents would not pay. */
  encodeNow?(row: Encoded): Latent
  close(): Promise<void>
}
