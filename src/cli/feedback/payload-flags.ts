/** The flags that the kinds of inputs and signals declare: the parts of one event. */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Json } from '../../contracts/core.ts'
import type { InputKind, PayloadFlag, SignalKind } from '../../contracts/payload.ts'
import { inputs, signals } from '../../payloads/built-in.ts'
import { failure } from '../../platform/errors.ts'
import { isObject } from '../../payloads/reading.ts'
import { finiteNumber } from '../flags.ts'

function flagsOf(kinds: readonly (InputKind | SignalKind)[]): readonly [string, PayloadFlag][] {
  return kinds.flatMap(({ flags = {} }) => Object.entries(flags))
}

const inputFlags = flagsOf(Object.values(inputs))
const signalFlags = flagsOf(Object.values(signals))

/** `--text, --features`: for sentences about what to give. */
export const shownFlags = {
  inputs: shown(inputFlags),
  signals: shown(signalFlags),
}

function shown(flags: typeof inputFlags): string {
  return flags.map(([name]) => `--${name}`).join(', ')
}

/** Words of an event that are texts, also where one looks like a number. */
export const textWords: ReadonlySet<string> = new Set(
  signalFlags.filter(([, flag]) => flag.as === 'text').map(([word]) => word),
)

/** How a cell of a table is read that stands for such a word and holds JSON; other text stays, for its kind to refuse. */
export const wordReaders: ReadonlyMap<string, (cell: string) => Json> = new Map(
  signalFlags
    .filter(([, { as }]) => as === 'json')
    .map(([word, flag]) => [
      word,
      (cell: string) => {
        try {
          return jsonOf(cell, flag)
        } catch {
          return cell
        }
      },
    ]),
)

export function withPayloads(command: Command): Command {
  for (const [name, { as, description }] of [...inputFlags, ...signalFlags])
    if (as === 'number') command.option(`--${name} <number>`, description, finiteNumber)
    else command.option(`--${name} <${as}>`, description)
  return command
}

/** By the name of a kind, the keys that an input of it has too. */
export const besides: ReadonlyMap<string, readonly string[]> = new Map(
  Object.values(inputs).map(({ name, beside = [] }: InputKind) => [name, beside]),
)

/** Under the names of their kinds; the last that is given counts. */
export function inputIn(flags: object): Json | undefined {
  const given = valuesIn(inputFlags, flags)
  const [name, value] = given.at(-1) ?? []
  if (name === undefined) return undefined
  const others = given.filter(([other]) => besides.get(name)?.includes(other))
  return Object.fromEntries([...others, [name, value ?? null]])
}

export function signalIn(flags: object): Readonly<Record<string, Json>> {
  return Object.fromEntries(valuesIn(signalFlags, flags))
}

function valuesIn(known: readonly [string, PayloadFlag][], flags: object): [string, Json][] {
  const named = flags as Readonly<Record<string, string | number | undefined>>
  return known.flatMap(([name, flag]): [string, Json][] => {
    const given = named[name]
    if (given === undefined) return []
    const read = fileReaders.get(name)
    if (read !== undefined) return [[name, read(String(given))]]
    return [[name, flag.as === 'json' ? jsonFlag(name, String(given), flag) : given]]
  })
}

/** How the file is read whose path is given, on the command line or in a column of a CSV, by the name of the kind. */
export const fileReaders: ReadonlyMap<string, (path: string) => string> = new Map(
  inputFlags.flatMap(([name, { as }]): [string, (path: string) => string][] => {
    if (as === 'file') return [[name, (path) => bytesOf(path).toString('base64')]]
    return as === 'textfile' ? [[name, textIn]] : []
  }),
)

function textIn(path: string): string {
  const bytes = bytesOf(path)
  if (isUtf8(bytes)) return bytes.toString('utf8').replace(/^\ufeff/, '')
  throw failure('USAGE', `${path} is no text in UTF-8`, {
    fix: 'convert it to plain text: pdftotext for a PDF, iconv for another encoding',
  })
}

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw failure('SOURCE_MISSING', `${path} cannot be read`, { cause, fix: 'check the path' })
  }
}

function jsonFlag(name: string, text: string, flag: PayloadFlag): Json {
  try {
    return jsonOf(text, flag)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    const message = `--${name} is no JSON: ${text.slice(0, 80)}`
    throw failure('USAGE', message, { cause, fix: `give ${flag.description}` })
  }
}

function jsonOf(text: string, { other }: PayloadFlag): Json {
  try {
    if (/^\s*[[{]/.test(text)) return withFiles(JSON.parse(text) as Json)
  } catch (cause) {
    if (other === undefined) throw cause
  }
  return other?.(text) ?? withFiles(JSON.parse(text) as Json)
}

/**
 * `{ "photo": { "image": "@dent.jpg" } }`, as curl writes it: the bytes of the file. Only below a field, and only of kinds whose values are
 * bytes: no base64 begins so, but a text may.
 */
function withFiles(value: Json): Json {
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fileIn(item)]))
}

function fileIn(value: Json): Json {
  const [entry, ...others] = isObject(value) ? Object.entries(value) : []
  if (entry === undefined || others.length > 0) return value
  const [kind, path] = entry
  const isBytes = inputFlags.some(([name, { as }]) => name === kind && as === 'file')
  if (!isBytes || typeof path !== 'string' || !path.startsWith('@')) return value
  return { [kind]: bytesOf(path.slice(1)).toString('base64') }
}
