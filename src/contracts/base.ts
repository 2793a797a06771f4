/** A base: a frozen pretrained network with its weights and its tokenizer or vectoriser. For authors of bases. */
import type { BaseValue, Json, Plugin, Tensors } from './core.ts'
import type { Input } from './event.ts'
import type { InputKind } from './payload.ts'
import type { EncodedRow, Latent, Network } from './network.ts'
import type { ParameterSpec } from './ops.ts'

/**
 * Statistics that a base takes from the stream because it cannot know them beforehand, such as means. They are counted
 * and never differentiated, but otherwise are parameters like any other: every version and every checkpoint holds them,
 * so that the server answers with exactly the numbers that the trainer used.
 */
export interface Statistics {
  readonly parameters: readonly ParameterSpec[]
  /** The statistics after these inputs, in order. Called once for each new example, before the step that learns it. */
  observe(before: Tensors, rows: readonly Latent[]): Tensors
  /** Converts the statistics of an earlier release to the present form; leaves other entries of `tensors` unchanged. */
  adopt?(tensors: Tensors): Tensors
  /**
   * Writes the statistics that the input is relative to (`before`) into the input itself, so that a much later replay
   * sees the values of its own moment. Embedded with `before`, it equals the plain input. Only for bases with a trunk
   * that returns its input.
   */
  stamp?(before: Tensors, row: Latent): Latent
  /** What an input counts in a step, from 0 to 1: less where it is so far from all others that it would decide the weights. */
  weight?(present: Tensors, row: Latent): number
}

/** How a version and a checkpoint name their base. */
export interface BaseIdentity {
  readonly name: string
  readonly hash: string
  /** The base's own settings, such as its schema; absent if it has none. */
  readonly settings?: string
}

/** Carries what was learned on an earlier base over to the present one. All of it copies. */
export interface Succession {
  /** The earlier base. */
  readonly base: Base
  /** Frozen weights that have changed: adapter tensors that depend on them are not carried over. */
  readonly replaced: readonly string[]
  /** Converts an input of the earlier base to an input of this one. */
  row(row: EncodedRow): EncodedRow
  /** Converts adapter tensors, and those that belong to one under a longer name (`optimizer/…`). */
  tensors(tensors: Tensors): Tensors
  /** The differences, as text for people. */
  readonly told: string
}

/**
 * A frozen pretrained network with its tokenizer or vectoriser. Opened once per process and shared by all models on it.
 */
export interface Base {
  /** As a config names it: `use-lite`, `minilm`, `features`; of a folder of the user's, its kind: `bert`, `causal`. */
  readonly name: string
  /** The name on the Hugging Face hub, `owner/name`; absent where it is not known. */
  readonly hub?: string
  /**
   * Its place in the class of transformers that classifies tokens by one linear map, such as `bert`; absent = there is none, or
   * that class has more between the network and its classifier.
   */
  readonly tokenClass?: string
  /** The same in the class that classifies whole sequences by one linear map on what a pooler makes of the last layer. */
  readonly sequenceClass?: string
  /** sha256 over weights, config and tokenizer: bases with the same hash give the same output. */
  readonly hash: string
  /** The name of this view's trunk among the trunks of one hash, if it differs; absent = the base's own trunk. */
  readonly trunk?: string
  /** The published base, built on that other trunk; absent = any trunk of the base will do. */
  readonly published?: Base
  /** The kinds of inputs that it takes; a plain string in a message is a text. */
  readonly reads: readonly InputKind[]
  /** What its network reads of a row: `ids` of tokens, or `values`. */
  readonly rows: 'ids' | 'values'
  /** Present if its rows are of the tokens of two texts: in one sequence with types, or each computed by itself. */
  readonly pairs?: 'together' | 'apart'
  /** Every row has values at so many positions, such as places in a picture; absent = `latentWidth(0)` at one. */
  readonly places?: { readonly positions: number; readonly width: number }
  /** Encoding an input costs so little that it is checked on arrival, and a step so little that plain JavaScript makes it. */
  readonly isSmall?: true
  /** Present if it is a language model: it continues texts, and conversations if it reads them. */
  readonly language?: LanguageModel
  /** The matrices of its trunk are computed in 8 bits, in the trainer and in the server; its tail never is. */
  readonly quantize?: 'int8'
  readonly network: Network
  /**
   * Frozen weights under the names that `network` uses; matrices are [in, out]. The `data` of a large base is read from a file
   * at each call: take it once.
   */
  readonly weights: Tensors
  /** The base that reads two texts as one sequence. Absent: it was made for single texts alone. */
  paired?(): Base
  /** The statistics it takes from its inputs, if any. */
  readonly statistics?: Statistics
  /** The definition it was made from, as text; absent if a checkpoint cannot move from it to another base. */
  readonly settings?: string
  /** How to carry over what was learned on another base; undefined = impossible. */
  successionFrom?(before: BaseIdentity): Succession | undefined
  /**
   * Tokenises or vectorises; throws a coded, non-retriable error for input that it cannot take. `maxTokens` truncates,
   * and `dropped` reports it.
   */
  encode(input: Input, maxTokens: number): EncodedRow
  /**
   * Present if an input, such as a picture, takes long: then `encode` takes only what was prepared, the same object. Runs off the
   * JavaScript thread; rejects with what `encode` would throw. Again for the same object, it costs nothing. Both get the same
   * `maxTokens`. When the signals of all callers have aborted, it stops before the next step and rejects with their reason; it
   * settles when no work is left.
   */
  prepare?(input: Input, maxTokens: number, signal?: AbortSignal): Promise<void>
  /** Present if it cuts an input into parts: those of a prepared one, in order, each as a row of its own. */
  parts?(input: Input): readonly InputPart[]
  /**
   * Which characters of a text each token of its row stands for: [start, end) in UTF-16 units, one after the other. A marker, a
   * space and a control token that the text spells have no characters; a character of several tokens is of each of them.
   * Undefined for an input that is no text. Absent: the base does not know.
   */
  offsets?(input: Input, row: EncodedRow): Int32Array | undefined
}

/** A part of a longer input, such as a document. */
export interface InputPart {
  /** [from, to) in characters (Unicode code points). */
  readonly from: number
  readonly to: number
  readonly row: EncodedRow
}

/**
 * Text and token ids of a language model. Only the chat template writes control tokens: a user's text never becomes
 * one, whatever it contains.
 */
export interface LanguageModel {
  /**
   * The tokens that an answer continues: a conversation as the chat template writes it, with the assistant's turn
   * opened, or a raw text. Not truncated. Throws a coded error for a conversation that the template refuses.
   */
  prompt(input: Input): Int32Array
  /** A raw text in which the texts of control tokens are these tokens, as the tokenizer's own library reads it. Absent: it has none. */
  rawPrompt?(text: string): Int32Array
  /** The ids that begin each raw text, such as BOS; a prompt that is cut keeps them. Absent: none. */
  readonly before?: readonly number[]
  /** A text that follows others, such as an answer: no markers, no control tokens. */
  tokens(text: string): Int32Array
  /** Without control tokens; incomplete characters at its ends become U+FFFD. */
  text(ids: Int32Array | readonly number[]): string
  /** What one token stands for in UTF-8, which may be a part of a character. Absent: the bytes of its text. */
  bytes?(id: number): Uint8Array
  /** Tokens that end an answer; the first one ends those that are learned. Never empty. */
  readonly ends: readonly number[]
  /** The most tokens that prompt and answer may have together. */
  readonly positions: number
  /** How many ids there are. */
  readonly vocabulary: number
  /** sha256 of the chat template, the special tokens that it names, and the token that ends an answer. */
  readonly template: string
}

/**
 * Trunk activations, one row at a time so that they do not depend on the other rows of a batch; runs off the JavaScript
 * thread.
 */
export interface TrunkEngine {
  encode(rows: readonly EncodedRow[]): Promise<readonly Latent[]>
  /** The same, synchronously and without failure, when the trunk is so cheap that caching its latents would not pay. */
  encodeNow?(row: EncodedRow): Latent
  close(): Promise<void>
}

/** Opens a base that a setting of type `base` names; all models that name it share it. */
export type OpenPart = (choice: BaseValue) => Promise<Base>

/** A base as a plug-in. */
export interface BasePlugin extends Plugin<Promise<Base>, [parts?: OpenPart]> {
  /** The one setting that may replace the mapping: `{ bert: ./folder }`. */
  readonly inline?: string
  /** The base without its weights, if `open` takes long; `encode` is not called. */
  shape?(settings: Readonly<Record<string, unknown>>, parts?: OpenPart): Promise<Base>
  /** Defaults of `train` for each model on it, also one with an adapter of its own. */
  readonly train?: Readonly<Record<string, Json>>
  /** The defaults of a model on it if the config names no adapter, from the base's settings as they are written. */
  defaults?(settings: Readonly<Record<string, unknown>>): ModelDefaults
  /** Finds problems of a model on this base that no single setting shows. */
  check?(settings: Readonly<Record<string, unknown>>, model: ModelOnBase): readonly ModelFault[]
  /** An input, for the documentation of a model; absent = the example of the first kind that it reads. */
  example?(settings: Readonly<Record<string, unknown>>): Json
}

/** Each applies if the config does not set it. */
export interface ModelDefaults {
  /** Defaults of the base's own settings. */
  readonly base?: Readonly<Record<string, Json>>
  readonly adapter: Readonly<Record<string, Json>>
  readonly train?: Readonly<Record<string, Json>>
  readonly replay?: Readonly<Record<string, Json>>
  readonly rate?: Readonly<Record<string, Json>>
  readonly trigger?: Readonly<Record<string, Json>>
  readonly memory?: Readonly<Record<string, Json>>
  /** What differs for a task with classes. */
  readonly forClasses?: Partial<Pick<ModelDefaults, 'adapter' | 'train' | 'rate' | 'memory'>>
  /** Instead of all the above, where new classes may appear at run time. */
  readonly forOpenClasses?: Omit<
    ModelDefaults,
    'forClasses' | 'forOpenClasses' | 'forPositions' | 'forIndependent'
  >
  /** What differs for a task that reads every position. */
  readonly forPositions?: Pick<ModelDefaults, 'adapter' | 'train' | 'rate'>
  /** What differs where any number of classes may be right. */
  readonly forIndependent?: Pick<ModelDefaults, 'train' | 'rate' | 'replay'>
}

export interface ModelOnBase {
  /** Whether its head is computed from sums. */
  readonly isClosedForm: boolean
  /** Whether stored examples vote by embeddings that no statistics may change. */
  readonly hasMemory: boolean
  /** Whether each output is a class, and not a number for itself. */
  readonly hasClasses: boolean
  /** Upper layers that its adapter changes. */
  readonly reach: number | 'all'
  readonly limits: { readonly features: number }
}

export interface ModelFault {
  /** Below the model. */
  readonly path: readonly (string | number)[]
  /** A clause that follows the place. */
  readonly message: string
}
