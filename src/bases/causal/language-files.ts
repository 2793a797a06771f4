/**
 * What the files of a decoder say of its language: control tokens, chat template, and the tokens that end an answer. In a
 * Hugging Face folder every one of these files may be missing; a GGUF file holds all of it as metadata.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json } from '../../contracts/core.ts'
import { metadataTexts, type GgufFile } from '../../nn/containers/gguf.ts'
import { listedFolder, readJsonFile } from '../folder.ts'
import type { NamedTokens } from './chat-template.ts'
import { idsIn, type LanguageParts, controlsOf } from './language.ts'

type Fields = Readonly<Record<string, Json>>

const TEMPLATE = 'chat_template.jinja'
/** Under these names a template may write a special token. */
const NAMES = [
  'bos_token',
  'eos_token',
  'unk_token',
  'pad_token',
  'sep_token',
  'cls_token',
] as const

/** `tokenizer`: `tokenizer.json`. */
export async function languageIn(folder: string, tokenizer: Fields): Promise<LanguageParts> {
  const files = await listedFolder(folder)
  const fields = async (file: string): Promise<Fields> =>
    files.includes(file) ? readJsonFile(folder, file) : {}
  const config = await fields('tokenizer_config.json')
  const named = namedIn({ ...(await fields('special_tokens_map.json')), ...config })
  const controls = controlsOf(tokenizer)
  const ends = await Promise.all(
    ['generation_config.json', 'config.json'].map(async (file) => {
      const { eos_token_id: id } = await fields(file)
      return idsIn(id)
    }),
  )
  const own = controls.filter(({ content }) => content === named.eos_token).map(({ id }) => id)
  const template = files.includes(TEMPLATE)
    ? await readFile(join(folder, TEMPLATE), 'utf8')
    : templateIn(config.chat_template)
  // The generation config is the most exact; a config.json may name the token of another tokenizer.
  return { controls, named, template, ends: ends.find((ids) => ids.length > 0) ?? own }
}

export function languageInGguf(file: GgufFile, tokenizer: Fields): LanguageParts {
  const { metadata } = file
  const number = (key: string) => {
    const value = metadata.get(`tokenizer.ggml.${key}_token_id`)
    return typeof value === 'number' || typeof value === 'bigint' ? [Number(value)] : []
  }
  const tokens = metadataTexts(file, 'tokenizer.ggml.tokens')
  const named = Object.entries({ bos: 'bos', eos: 'eos', unk: 'unknown', pad: 'padding' }).flatMap(
    ([name, key]) => number(key).map((id) => [`${name}_token`, tokens[id] ?? ''] as const),
  )
  const template = metadata.get('tokenizer.chat_template')
  return {
    controls: controlsOf(tokenizer),
    named: Object.fromEntries(named),
    template: typeof template === 'string' ? template : undefined,
    ends: [...number('eos'), ...number('eot'), ...number('eom')],
  }
}

function namedIn(fields: Fields): NamedTokens {
  const texts = NAMES.flatMap((name) => {
    const value = fields[name]
    const text = typeof value === 'object' ? (value as Fields | null)?.content : value
    return typeof text === 'string' ? [[name, text] as const] : []
  })
  return Object.fromEntries(texts)
}

/** One text, or the text named `default` in a list of { name, template }. */
function templateIn(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value
  const list: readonly Json[] = Array.isArray(value) ? value : []
  const found = list.find((each) => (each as Fields | null)?.name === 'default')
  const template = (found as Fields | undefined)?.template
  return typeof template === 'string' ? template : undefined
}
