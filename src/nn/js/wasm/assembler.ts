/**
 * Writes WebAssembly: expressions are functions that return bytes, so that a kernel reads like the loop that it is, and no compiler
 * is needed to build it.
 *
 * WebAssembly Core Specification 2.0 (2022), W3C, with its 128-bit vectors; binary format in section 5.
 */

/** Bytes, and code in its place: it is made flat once, when its function is complete. */
export type Code = readonly (number | Code)[]
/** i32: numbers and addresses; f32, f64: one number; v128: four, or two in double precision. */
type Type = 'i32' | 'f32' | 'f64' | 'v128'

const types: Record<Type, number> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b }

export interface Kernel {
  readonly name: string
  /** All i32: addresses in bytes, and counts. */
  readonly parameters: readonly string[]
  readonly numbers?: readonly string[]
  /** Numbers in double precision, after the others. */
  readonly doubles?: readonly string[]
  readonly locals: Readonly<Record<string, Type>>
  /** `local`: the index of a parameter, number or local, by its name. */
  readonly body: (local: (name: string) => number) => Code
}

interface Pages {
  readonly first: number
  readonly most: number
  /** Whether threads may share it. */
  readonly isShared: boolean
}

/** A module that exports these kernels, and works on the memory `env.memory`. */
function moduleOf(kernels: readonly Kernel[], { first, most, isShared }: Pages) {
  const section = (id: number, items: readonly Code[]): Code => {
    const content = bytesOf([unsigned(items.length), items])
    return [id, unsigned(content.length), content]
  }
  const kinds = kernels.map(({ parameters, numbers = [], doubles = [] }) => [
    ...[0x60, ...unsigned(parameters.length + numbers.length + doubles.length)],
    ...[...parameters.map(() => types.i32), ...numbers.map(() => types.f32)],
    ...[...doubles.map(() => types.f64), 0],
  ])
  const memory = [...text('env'), ...text('memory'), 2, isShared ? 3 : 1]
  const numbers = kernels.map((_, at) => unsigned(at))
  const names = kernels.map(({ name }, at) => [...text(name), 0, ...unsigned(at)])
  const sections = [
    section(1, kinds),
    section(2, [[...memory, ...unsigned(first), ...unsigned(most)]]),
    section(3, numbers),
    section(7, names),
    section(10, kernels.map(functionOf)),
  ]
  return Uint8Array.from(bytesOf([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections]))
}

function functionOf({ parameters, numbers = [], doubles = [], locals, body }: Kernel): Code {
  const names = [...parameters, ...numbers, ...doubles, ...Object.keys(locals)]
  const index = (name: string) => {
    const at = names.indexOf(name)
    if (at < 0) throw new Error(`a kernel without ${name}`)
    return at
  }
  const declared = Object.values(locals).map((type) => [1, types[type]])
  const code = bytesOf([unsigned(declared.length), declared, body(index), 0x0b])
  return [unsigned(code.length), code]
}

function bytesOf(code: Code): readonly number[] {
  return (code as readonly unknown[]).flat(Infinity) as number[]
}

export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number, value: Code): Code => [value, 0x21, ...unsigned(local)]
export const int = (value: number): Code => [0x41, ...signed(value)]

const two =
  (...op: number[]) =>
  (a: Code, b: Code): Code => [a, b, ...op]

export const plus = two(0x6a)
export const times = two(0x6c)
/** Compares signed integers. */
export const isLess = two(0x48)
export const isAtMost = two(0x4c)

/** local += value */
export const move = (local: number, value: Code): Code => set(local, plus(get(local), value))

/** Runs `body` as long as `condition` holds. */
export const repeat = (condition: Code, ...body: Code[]): Code => [
  ...[0x02, 0x40, condition, 0x45, 0x0d, 0],
  ...[0x03, 0x40, ...body, condition, 0x0d, 0, 0x0b],
  0x0b,
]

/** One number: f32. */
export const one = {
  zero: [0x43, 0, 0, 0, 0] as Code,
  load: (address: Code, offset = 0): Code => [address, 0x2a, 2, ...unsigned(offset)],
  store: (address: Code, value: Code): Code => [address, value, 0x38, 2, 0],
  add: two(0x92),
  sub: two(0x93),
  mul: two(0x94),
  div: two(0x95),
  sqrt: (x: Code): Code => [x, 0x91],
  /** a ≥ b ? a : b */
  max: (a: Code, b: Code): Code => [a, b, a, b, 0x60, 0x1b],
  /** y > 0 ? x : 0 */
  where: (x: Code, y: Code): Code => [x, one.zero, y, one.zero, 0x5e, 0x1b],
}

const vector = (op: number): number[] => [0xfd, ...unsigned(op)]

/** One number in double precision: f64. */
export const one64 = {
  add: two(0xa0),
  store: (address: Code, value: Code): Code => [address, value, 0x39, 3, 0],
}

/** Four numbers: f32x4. */
export const four = {
  zero: [...vector(0x0c), ...new Array<number>(16).fill(0)] as Code,
  load: (address: Code, offset = 0): Code => [address, ...vector(0), 0, ...unsigned(offset)],
  /** One number, four times. */
  spread: (address: Code, offset = 0): Code => [
    ...[address, ...vector(0x09)],
    ...[0, ...unsigned(offset)],
  ],
  splat: (x: Code): Code => [x, ...vector(0x13)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...[address, value],
    ...[...vector(0x0b), 0, ...unsigned(offset)],
  ],
  add: two(...vector(0xe4)),
  sub: two(...vector(0xe5)),
  mul: two(...vector(0xe6)),
  div: two(...vector(0xe7)),
  sqrt: (x: Code): Code => [x, ...vector(0xe3)],
  /** a ≥ b ? a : b, by the instruction for b < a ? a : b. */
  max: (a: Code, b: Code): Code => [b, a, ...vector(0xeb)],
  abs: (x: Code): Code => [x, ...vector(0xe0)],
  /** One constant, four times. */
  all(value: number): Code {
    const bytes = [...new Uint8Array(Float32Array.of(value).buffer)]
    return [...vector(0x0c), ...bytes, ...bytes, ...bytes, ...bytes]
  },
  /** x < least ? 0 : y */
  unlessBelow: (y: Code, x: Code, least: Code): Code => [
    ...[y, x, least, ...vector(0x43)],
    ...vector(0x4f),
  ],
  /** y > 0 ? x : 0 */
  where: (x: Code, y: Code): Code => [x, y, four.zero, ...vector(0x44), ...vector(0x4e)],
}

/** Four whole numbers of 32 bits: i32x4. */
export const whole4 = {
  add: two(...vector(0xae)),
  /** Of eight whole numbers of 16 bits each: the sums of the products of two that lie side by side. */
  dot: two(...vector(0xba)),
}

/** Two numbers in double precision: f64x2. */
export const two64 = {
  zero: four.zero,
  /** Two numbers as they are stored. */
  load: (address: Code, offset = 0): Code => [
    ...[address, ...vector(0x5d), 0, ...unsigned(offset)],
    ...vector(0x5f),
  ],
  /** Both rounded to single precision, as they are stored. */
  store: (address: Code, value: Code, offset = 0): Code => [
    ...[address, value, ...vector(0x5e)],
    ...[...vector(0x5b), 0, ...unsigned(offset), 0],
  ],
  /** Two numbers in double precision. */
  loadWide: (address: Code, offset = 0): Code => [
    ...[address, ...vector(0), 0, ...unsigned(offset)],
  ],
  storeWide: (address: Code, value: Code, offset = 0): Code => [
    ...[address, value],
    ...[...vector(0x0b), 0, ...unsigned(offset)],
  ],
  splat: (x: Code): Code => [x, ...vector(0x14)],
  add: two(...vector(0xf0)),
  sub: two(...vector(0xf1)),
  mul: two(...vector(0xf2)),
  div: two(...vector(0xf3)),
  sqrt: (x: Code): Code => [x, ...vector(0xef)],
  abs: (x: Code): Code => [x, ...vector(0xec)],
  /** Rounded towards 0. */
  truncated: (x: Code): Code => [x, ...vector(0x7a)],
  /** One constant, twice. */
  both(value: number): Code {
    const bytes = [...new Uint8Array(Float64Array.of(value).buffer)]
    return [...vector(0x0c), ...bytes, ...bytes]
  },
  /** Bits that are all 1 where it holds, and 0 elsewhere. */
  isBelow: two(...vector(0x49)),
  isAtLeast: two(...vector(0x4c)),
  and: two(...vector(0x4e)),
  andNot: two(...vector(0x4f)),
  /** Bits of a where those of `mask` are 1, else of b. */
  choose: (a: Code, b: Code, mask: Code): Code => [a, b, mask, ...vector(0x52)],
  /** The lowest bits, moved to where the exponent is. */
  toExponent: (x: Code): Code => [x, ...int(52), ...vector(0xcb)],
  /** The sum of their bits, as integers. */
  addBits: two(...vector(0xce)),
  first: (x: Code): Code => [x, ...vector(0x21), 0],
  second: (x: Code): Code => [x, ...vector(0x21), 1],
  /** [a₁, a₀]: their sum is in both. */
  turned: (x: Code): Code => [
    ...[x, x, ...vector(0x0d)],
    ...[8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7],
  ],
  /** The first of the two. */
  storeOne: (address: Code, value: Code): Code => [
    ...[address, value],
    ...[...vector(0x5b), 0, 0, 0],
  ],
}

/** memory[to, to + bytes) = 0 */
export const zeroBytes = (to: Code, bytes: Code): Code => [
  ...[to, ...int(0), bytes],
  ...[0xfc, 11, 0],
]

function unsigned(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: number): readonly number[] {
  const isLast = value >= -64 && value < 64
  return isLast ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)]
}

function text(value: string): readonly number[] {
  return [...unsigned(value.length), ...Buffer.from(value)]
}

/**
 * A memory of WebAssembly, and kernels that work on it.
 */
// The types of Node do not have it.
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number; shared: boolean }) => KernelMemory
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { readonly exports: unknown }
}

interface KernelMemory {
  readonly buffer: ArrayBufferLike
  grow(pages: number): number
}

export function openMemory({ first, most, isShared }: Pages): KernelMemory {
  return new WebAssembly.Memory({ initial: first, maximum: most, shared: isShared })
}

/** The kernels by name. */
export function openInstance(
  kernels: readonly Kernel[],
  pages: Pages,
  memory: KernelMemory,
): unknown {
  const compiled = new WebAssembly.Module(moduleOf(kernels, pages))
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports
}
