/**
 * The modules that an `adapter_config.json` selects, by PEFT's own rules (`check_target_module_exists`): a list matches
 * whole paths and their endings, a text is a regular expression over the whole path, `all-linear` is every linear map;
 * `exclude_modules` and `modules_to_save` remove modules, and `layers_to_transform` restricts a list of endings to some
 * layers.
 */
import type { Json, CodedError } from '../../contracts/core.ts'
import type { TargetModule } from '../../contracts/network.ts'
import { failure } from '../../platform/errors.ts'

export type PeftFields = Readonly<Record<string, Json>>

export interface FoundFields {
  readonly fields: PeftFields
  /** The prefix of the base's module paths in the trained class, such as `bert.`. */
  readonly prefix: string
}

type Module = Pick<TargetModule, 'kind'> & { readonly path: string }

export function isTarget(fields: PeftFields, module: Module): boolean {
  const { path, kind } = module
  if (isListed(fields, 'exclude_modules', path)) return false
  if (savedModules(fields).some((saved) => regex('modules_to_save', saved, inside).test(path)))
    return false
  const targets = words(fields, 'target_modules')
  if (typeof targets === 'string' && targets.toLowerCase() === 'all-linear')
    return kind === 'linear'
  if (typeof targets === 'string' || targets.includes(path))
    return isListed(fields, 'target_modules', path)
  return isListed(fields, 'target_modules', path) && isOfItsLayers(fields, path)
}

/** Modules that PEFT trained and stores completely, such as a classifier. */
export function savedModules(fields: PeftFields): readonly string[] {
  const saved = words(fields, 'modules_to_save')
  return typeof saved === 'string' ? [saved] : saved
}

/** Whether a list or an expression matches the path, or an ending of it. */
export function isListed(fields: PeftFields, field: string, path: string): boolean {
  const listed = words(fields, field)
  if (typeof listed === 'string') return regex(field, listed, whole).test(path)
  return listed.some((name) => path === name || path.endsWith(`.${name}`))
}

const whole = (source: string) => `^(?:${source})$`
const inside = (source: string) => `^(?:.*\\.)?(?:${source})(?:$|\\..*)`

/** Python's regular expressions in JavaScript: for module paths they are the same except for named groups. */
export function regex(field: string, source: string, frame: (source: string) => string): RegExp {
  try {
    return new RegExp(
      frame(source.replaceAll('(?P<', '(?<').replace(/\(\?P=(\w+)\)/g, '\\k<$1>')),
      'u',
    )
  } catch {
    throw refuse(field, source, 'a regular expression that JavaScript supports too')
  }
}

/** The first number in the path is its layer, unless `layers_pattern` gives the name before it. */
function isOfItsLayers(fields: PeftFields, path: string): boolean {
  const layers = layersOf(fields)
  if (layers.length === 0) return true
  const patterns = words(fields, 'layers_pattern')
  const names = typeof patterns === 'string' ? [patterns] : patterns
  const frames =
    names.length === 0
      ? ['^.*?\\.[^.]*\\.(\\d+)\\.']
      : names.map((name) => `^(?:.*?\\.)?${name}\\.(\\d+)\\.`)
  for (const frame of frames) {
    const found = regex('layers_pattern', frame, (source) => source).exec(path)
    if (found !== null) return layers.includes(Number(found.at(-1)))
  }
  return false
}

function layersOf({ layers_to_transform: layers = null }: PeftFields): readonly number[] {
  const listed: readonly Json[] = isList(layers) ? layers : layers === null ? [] : [layers]
  const numbers = listed.filter((layer) => typeof layer === 'number')
  if (numbers.length === listed.length) return numbers
  throw refuse('layers_to_transform', layers, 'a number or a list of numbers')
}

/** A text, or a list of texts; absent is an empty list. */
function words(fields: PeftFields, field: string): string | readonly string[] {
  const value = fields[field] ?? []
  if (typeof value === 'string') return value
  const texts = isList(value) ? value.filter((item) => typeof item === 'string') : []
  if (isList(value) && texts.length === value.length) return texts
  throw refuse(field, value, 'a text or a list of texts')
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

/**
 * The common form of an import refusal: the field, its value and the allowed values.
 */
const SHOWN_CHARACTERS = 200

export function refuse(
  field: string,
  value: Json | undefined,
  allowed: string,
  more: Readonly<Record<string, Json>> = {},
): CodedError {
  const shown = value === undefined ? 'missing' : JSON.stringify(value)
  const cut = shown.length > SHOWN_CHARACTERS ? `${shown.slice(0, SHOWN_CHARACTERS)}…` : shown
  return failure('IMPORT_REFUSED', `${field} is ${cut}; allowed: ${allowed}`, {
    details: { field, value: value ?? null, allowed, ...more },
  })
}
