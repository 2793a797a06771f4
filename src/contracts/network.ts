/** Networks, written once against `Ops`: their inputs and outputs, and what an adapter changes in them. */
import type { Ops } from './ops.ts'

/** A named place in the tail where an adapter can act. */
export interface TargetModule {
  /** Stable name inside the base, e.g. `encoder.layer.5.attention.self.query`; also the PEFT module path. */
  readonly name: string
  readonly kind: 'linear' | 'output' | 'norm'
  /**
   * The role, by which a config selects target modules: query key value attention-output intermediate output pooler
   * norm …
   */
  readonly role: string
  /** Layer index from 0, bottom first; the pooling map above the layers has index `layers`. */
  readonly layer: number
  readonly inSize: number
  readonly outSize: number
  /**
   * The name of its matrix or scale among the base's weights; absent = `<name>.weight`. Its bias is always
   * `<name>.bias`.
   */
  readonly weight?: string
  /** The network has no bias here: no method may train one. */
  readonly hasBias?: false
}

/**
 * How a method changes the network. The network calls these at each target module, adapted or not, and may also call
 * them below the cut when its trunk does not cover those layers.
 */
export interface Adaptation<T> {
  /**
   * A linear map. `weight` [in, out] and `bias` are frozen handles (0 if the module has none), and `plain()` computes
   * x·weight + bias. The result replaces the output of the map; without an adapter it is `plain()`.
   */
  linear(site: string, x: T, weight: T, bias: T, plain: () => T): T
  /**
   * A norm: `apply` computes it with the given scale and bias [width]; `scale` and `bias` are the frozen ones. If the
   * module has no bias, `apply` ignores it.
   */
  norm(site: string, scale: T, bias: T, apply: (scale: T, bias: T) => T): T
  /** A layer's output (after its residual sum and norm, if it has them): h [b, s, d], mask [b, s] → h'. */
  output(site: string, h: T, mask: T): T
}

/** One row of a network's input, tokenised or vectorised: the result of `encode`. */
export interface EncodedRow {
  /** Ids of tokens or values, as the base's `rows` says. */
  readonly data: Int32Array | Float32Array
  /** Of values at several positions, such as places in a picture: row-major [positions, width]; absent = one. */
  readonly positions?: number
  /** How many tokens of a longer text were cut off; absent = none. Not part of a checkpoint. */
  readonly dropped?: number
  /** Of values that stand for a text: how many tokens were read. Not part of a checkpoint. */
  readonly kept?: number
  /** `Base.offsets`, for a task that needs them to answer. Not part of a checkpoint. */
  readonly offsets?: Int32Array
  /** Of two texts: where the tokens of the second begin; absent = of one. */
  readonly secondFrom?: number
  /** Present if it holds several texts, one after the other, each computed by itself; absent = one text. */
  readonly sequences?: readonly TokenSequence[]
  /** Its answers are compared with those of the base without an adapter. */
  readonly isCompared?: true
}

/** A prompt and the answer that follows it. */
export interface TokenSequence {
  /** Tokens of both. */
  readonly length: number
  /** The place of the answer's first token: at least 1, and less than `length`. */
  readonly answerFrom: number
}

/**
 * The trunk's activations for one row at the cut: [positions, width], row-major. This is the latent that replay stores. Of several
 * sequences it has the beginning that they share once, and behind it what each has beside it, one after the other.
 */
export interface Latent {
  readonly positions: number
  readonly width: number
  readonly data: Float32Array
  /** Present if the row has sequences. */
  readonly sequences?: readonly LatentSequence[]
  /** Leading positions of every sequence that are the same ones in all; absent = none. */
  readonly shared?: number
  /** As its `EncodedRow` says. */
  readonly isCompared?: true
}

/** A sequence without its last token, which has nothing to predict. */
export interface LatentSequence {
  /** Its own and the shared ones. */
  readonly positions: number
  /** The first position that predicts a token of the answer; each one after it predicts the next. */
  readonly from: number
  /** The answer's tokens. */
  readonly answer: Int32Array
}

/**
 * The trunk's input: `ids` [b, s] int32 (text) or `values` [b, s, width]; `mask` [b, s] float, 1 for real positions.
 */
export interface NetworkInput<T> {
  readonly ids?: T
  readonly values?: T
  readonly mask: T
  /** For `pairs: together`: 0 for tokens of the first text, 1 for those of the second, [b, s] int32. */
  readonly types?: T
  /** For `pairs: apart`: the second texts, in the order of their first ones. */
  readonly second?: { readonly ids: T; readonly mask: T }
}

/**
 * A frozen network, defined once. `cut` = number of trunk layers; the tail is layers [cut, layers).
 * With the identity adaptation, pool(tail(trunk(x))) is the base's published output.
 */
export interface Network {
  readonly layers: number
  /** Width of the embedding that `pool` returns. */
  readonly width: number
  /** Whether the embedding has unit length, as published text bases do; a task scales its logits accordingly. */
  readonly unit: boolean
  /** The greatest length of an embedding that is not of unit length; absent = it has none. */
  readonly longest?: number
  /** Present if the embedding is a projection of that of another network. */
  readonly projection?: Projection
  /**
   * In `tail` and `pool`, rows meet only in `splitHeads` … `mergeHeads` and in the operations that take a mask. Then a trainer may
   * give it the positions of all rows end to end, [1, n, width], beside the mask [b, s]; absent = it needs [b, s, width].
   */
  readonly packs?: true
  /**
   * A head for the pooled embedding reads each position by itself instead, and the greatest of each output counts, as of the parts of
   * a document; absent = it reads what `pool` makes of them.
   */
  readonly picks?: 'best'
  /** Width of the latent at a cut. */
  latentWidth(cut: number): number
  /** All target modules of the tail, in the order in which the network reaches them. */
  sites(cut: number): readonly TargetModule[]
  trunk<T>(ops: Ops<T>, input: NetworkInput<T>, cut: number): T
  /** → every position [b, s, w]; a task that reads positions takes these. */
  tail<T>(ops: Ops<T>, hidden: T, mask: T, cut: number, adaptation: Adaptation<T>): T
  /** The output of the tail → embedding [b, 1, width], of unit length for text bases. */
  pool<T>(ops: Ops<T>, positions: T, mask: T, adaptation: Adaptation<T>): T
  /** Present if the base has statistics: the vector by which a mixture compares stored examples. */
  readonly compared?: ComparedInput
  /** Present if the output of the tail gives the probability of each next token. */
  readonly vocabulary?: Vocabulary
}

/**
 * The embedding is relu(x·P), with x the embedding of another network. P also lies among the base's weights in whole
 * numbers, so that sums over examples can be exact: x·P is then a whole number below 2²⁴, which no order of additions changes.
 */
export interface Projection {
  readonly of: Network
  /** The name of P / unit, rounded: [width of x, width]. */
  readonly weight: string
  /** A power of two. */
  readonly unit: number
}

/** Logits of the next token = tail(…) · Eᵀ, without a bias. `weight` names E, [size, width], among the base's weights. */
export interface Vocabulary {
  readonly size: number
  readonly weight: string
}

/** An input as examples are compared by it: standardised, before any layer. */
export interface ComparedInput {
  /** How many leading numbers of a latent it is computed from, and how many numbers it has itself. */
  readonly numbers: number
  readonly width: number
  /** A latent, or its leading numbers → [b, 1, width]. */
  of<T>(ops: Ops<T>, values: T): T
}
