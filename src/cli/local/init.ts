/**
 * Writes a template of deploy/templates as the user's configuration, and shows the next steps. For texts, what the labels are about
 * and in which languages chooses the base: asked on a terminal, or said by flags.
 */
import { createInterface } from 'node:readline/promises'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type Config, loadConfig } from '../../config/config.ts'
import { failure } from '../../platform/errors.ts'
import { packageRoot } from '../../platform/entry.ts'
import { print } from '../print.ts'
import { existsSync } from 'node:fs'
import { pulledFolder } from '../../bases/pulled/pulled.ts'
import { wheels } from '../../bases/pulled/wheel.ts'

const subjects = ['tone', 'topic', 'intents'] as const
const languages = ['english', 'many'] as const

/** What the labels of a text classifier are about. */
interface TextAnswers {
  readonly about?: (typeof subjects)[number]
  readonly languages?: (typeof languages)[number]
}

export interface InitFlags extends TextAnswers {
  readonly to: string
  readonly force?: boolean
  readonly json?: boolean
}

/** `asked`: the kind, if the user says one. */
export async function init(
  asked: string | undefined,
  { to, force = false, json, ...said }: InitFlags,
): Promise<void> {
  const path = resolve(to)
  const isOpen = asked === undefined && Object.keys(said).length === 0 && json !== true
  const isTerminal = process.stdin.isTTY && process.stderr.isTTY
  const answers = isOpen && isTerminal ? await askOnTerminal() : said
  const kind = asked ?? (answers.about === 'intents' ? 'intents' : 'text')
  const file = join(packageRoot, 'deploy', 'templates', `${kind}.yaml`)
  const template = await readFile(file, 'utf8')
  await write(path, onBase(kind, template, answers), force)
  const config = loadConfig(path, { environment: {}, flags: [], workingFolder: process.cwd() })
  const next = [...missingBases(config).map(({ command }) => command), serveCommand(to)]
  print(json, { path, kind, models: Object.keys(config.models), next }, () => [
    `wrote ${to}: ${described(config)}`,
    'next:',
    ...next.map((command) => `  npx ${command}`),
  ])
}

async function askOnTerminal(): Promise<TextAnswers> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await askForTexts(async (question) => terminal.question(question))
  } finally {
    terminal.close()
  }
}

/** An empty answer is the first of the list; another one is asked for again. Throws `USAGE` where the user stops: nothing is written. */
export async function askForTexts(
  ask: (question: string) => Promise<string>,
): Promise<Required<TextAnswers>> {
  const answered = async (question: string) =>
    ask(question).catch((cause: unknown) => {
      throw failure('USAGE', 'nothing was written: `init text` asks nothing', { cause })
    })
  const choose = async <Choice extends string>(question: string, from: readonly Choice[]) => {
    for (;;) {
      const answer = (await answered(`${question} (${from.join(', ')}) [${from[0] ?? ''}] `)).trim()
      const chosen = answer === '' ? from[0] : from.find((each) => each === answer.toLowerCase())
      if (chosen !== undefined) return chosen
    }
  }
  return {
    about: await choose('What are the labels about?', subjects),
    languages: await choose('In which languages?', languages),
  }
}

const BASE = /^( *)base: .*$/m
const LABELS = /^( *)labels: .*$/m
const SERVES = '#   npx antikythera serve '

/** The template on the base that src/bases/which-base.md has for such texts; without an answer as it is. */
function onBase(useCase: string, template: string, { about, languages }: TextAnswers): string {
  if (about === undefined && languages === undefined) return template
  if (useCase !== 'text' && useCase !== 'intents')
    throw failure('USAGE', `--about and --languages are for texts, not for ${useCase}`)
  if (useCase === 'text' && about === 'intents')
    throw failure(
      'USAGE',
      'labels that are intents have a configuration of their own: init intents',
    )
  const isMany = languages === 'many'
  const base = isMany ? 'e5-small' : 'minilm'
  const why = isMany ? 'a hundred languages' : 'English'
  const placed = template
    .replace(BASE, (_, indent: string) => `${indent}base: ${base} # ${why}`)
    .replaceAll('models pull minilm', `models pull ${base}`)
  const pulled = placed.includes('#   npx antikythera models pull')
    ? placed
    : placed.replace(
        SERVES,
        `${`#   npx antikythera models pull ${base}`.padEnd(60)} fetches the base, once\n${SERVES}`,
      )
  if (about !== 'topic') return pulled
  return pulled.replace(
    LABELS,
    (_, indent: string) => `${indent}labels: { open: true, known: [] } # topics appear in feedback`,
  )
}

async function write(path: string, text: string, isForced: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: isForced ? 'w' : 'wx' })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why =
      code === 'EEXIST'
        ? 'already exists: --force replaces it, --to writes another file'
        : `cannot be written (${code ?? String(cause)})`
    throw failure('USAGE', `${path} ${why}`, { details: { path }, cause })
  }
}

function described({ models }: Config): string {
  return Object.keys(models)
    .map((name) => `the model ${name}, at http://127.0.0.1:8080/v1/models/${name}`)
    .join(', ')
}

function serveCommand(to: string): string {
  return to === 'antikythera.yaml' ? 'antikythera serve' : `antikythera serve --config ${to}`
}

/** A base that the config names and this machine does not have yet, with the command that fetches it. */
interface MissingBase {
  readonly base: string
  readonly command: string
}

/** Also those of the fields of a base. */
function pulledNames(base: unknown): readonly string[] {
  if (typeof base === 'string') return Object.hasOwn(wheels, base) ? [base] : []
  if (typeof base !== 'object' || base === null) return []
  if ('pulled' in base && typeof base.pulled === 'string') return [base.pulled]
  return Object.values(base).flatMap(pulledNames)
}

/** In the order of the models that name them. */
export function missingBases({ models }: Config): readonly MissingBase[] {
  const names = Object.values(models).flatMap(({ base, memory: { embedding } }) =>
    [base, embedding].flatMap(pulledNames),
  )
  return [...new Set(names)]
    .filter((name) => !existsSync(pulledFolder(name)))
    .map((name) => ({ base: name, command: `antikythera models pull ${name}` }))
}
