/**
 * Keys and values of texts that were read before, so that a prompt that begins with the same tokens is read from where they
 * differ. A radix tree for each adapter, since keys and values depend on it: a node has the tokens that follow those of its
 * parent, and what is common to several texts is there once.
 *
 * Nodes are in the order of their last use, children before their parents: the first one is a leaf, and is evicted first.
 *
 * Zheng et al. (2024), "SGLang: Efficient Execution of Structured Language Model Programs", NeurIPS (RadixAttention).
 */
import type { KeyValues, PositionBlock } from './key-values.ts'

interface PrefixNode {
  tokens: Int32Array
  block: PositionBlock
  parent: PrefixNode | undefined
  readonly children: Map<number, PrefixNode>
}

/** The nodes that a text begins with, from the root, and how many tokens of the last one it has. */
interface PrefixPath {
  readonly nodes: readonly PrefixNode[]
  readonly length: number
  readonly inLast: number
}

export class PrefixCache {
  readonly #roots = new Map<string, PrefixNode>()
  /** Least recently used first; without the roots, which have no tokens. */
  readonly #nodes = new Set<PrefixNode>()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** Gives a new sequence the longest prefix of these tokens that is there, and returns its length. */
  reuse(adapter: string, ids: Int32Array, lane: KeyValues, sequence: number): number {
    const root = this.#roots.get(adapter)
    if (root === undefined) return 0
    const { nodes, length, inLast } = walk(root, ids)
    this.#use(nodes)
    if (length === 0) return 0
    lane.reserve(sequence, length)
    for (const [at, { tokens, block }] of nodes.entries())
      lane.append(sequence, block, at === nodes.length - 1 ? inLast : tokens.length)
    return length
  }

  /** Keeps the positions of a sequence with these tokens, if they find place within `mostBytes`. */
  keep(
    adapter: string,
    ids: Int32Array,
    { lane, sequence, mostBytes }: { lane: KeyValues; sequence: number; mostBytes: number },
  ): void {
    const root = this.#roots.get(adapter) ?? nodeOf(new Int32Array(), [])
    const { nodes, length, inLast } = walk(root, ids)
    this.#use(nodes)
    if (length === ids.length || ids.length * lane.positionBytes > mostBytes) return
    const bytes = (ids.length - length) * lane.positionBytes
    this.evict(mostBytes - bytes, new Set(nodes))
    if (this.#bytes + bytes > mostBytes) return
    this.#roots.set(adapter, root)
    const last = nodes.at(-1) ?? root
    const parent = inLast < last.tokens.length ? this.#split(last, inLast) : last
    const leaf = nodeOf(ids.slice(length), lane.read(sequence, length, ids.length), parent)
    link(parent, leaf)
    this.#bytes += bytes
    this.#use([...nodes.slice(0, -1), parent, leaf].filter((node) => node !== root))
  }

  /** Until what is kept has no more bytes than these. It stops before a node of `spared`. */
  evict(mostBytes: number, spared?: ReadonlySet<PrefixNode>): void {
    for (const node of this.#nodes) {
      if (this.#bytes <= mostBytes || spared?.has(node) === true) return
      node.parent?.children.delete(node.tokens[0] ?? 0)
      this.#remove(node)
    }
  }

  /** All that is kept of an adapter. */
  drop(adapter: string): void {
    const root = this.#roots.get(adapter)
    this.#roots.delete(adapter)
    const rest = root === undefined ? [] : [...root.children.values()]
    for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
      rest.push(...node.children.values())
      this.#remove(node)
    }
  }

  #remove(node: PrefixNode): void {
    this.#nodes.delete(node)
    this.#bytes -= bytesOf(node)
  }

  #use(path: readonly PrefixNode[]): void {
    for (const node of path.toReversed()) {
      this.#nodes.delete(node)
      this.#nodes.add(node)
    }
  }

  /** Its first tokens become a node of their own, its parent, which is returned. */
  #split(node: PrefixNode, count: number): PrefixNode {
    const { tokens, block, parent } = node
    const part = (from: number, to: number) => block.map((head) => partOf(head, tokens, from, to))
    const upper = nodeOf(tokens.slice(0, count), part(0, count), parent)
    node.tokens = tokens.slice(count)
    node.block = part(count, tokens.length)
    node.parent = upper
    link(upper, node)
    if (parent !== undefined) link(parent, upper)
    return upper
  }
}

function nodeOf(tokens: Int32Array, block: PositionBlock, parent?: PrefixNode): PrefixNode {
  return { tokens, block, parent, children: new Map() }
}

function link(parent: PrefixNode, child: PrefixNode): void {
  parent.children.set(child.tokens[0] ?? 0, child)
}

function bytesOf({ block }: PrefixNode): number {
  return block.reduce((sum, { byteLength }) => sum + byteLength, 0)
}

function walk(root: PrefixNode, ids: Int32Array): PrefixPath {
  const nodes: PrefixNode[] = []
  let length = 0
  for (let node: PrefixNode | undefined = root; ;) {
    node = length < ids.length ? node.children.get(ids[length] ?? 0) : undefined
    if (node === undefined) return { nodes, length, inLast: nodes.at(-1)?.tokens.length ?? 0 }
    nodes.push(node)
    const inLast = common(node.tokens, ids.subarray(length))
    length += inLast
    if (inLast < node.tokens.length) return { nodes, length, inLast }
  }
}

function common(tokens: Int32Array, ids: Int32Array): number {
  const differs = tokens.findIndex((token, at) => token !== ids[at])
  return differs < 0 ? tokens.length : differs
}

/** A copy, so that the rest gives its memory back. */
function partOf(head: Float32Array, { length }: Int32Array, from: number, to: number) {
  const width = head.length / length
  return head.slice(from * width, to * width)
}
