/**
 * One script from the modules of the page, so that a browser asks once for all of it. Each module becomes a function that
 * runs once and returns its exports, in an order in which all that it imports has run before it.
 *
 * It knows the forms that the compiler and Preact's build write: `import { a, b as c } from "m"`, `export { a as b }`,
 * `export { a } from "m"`, and `export` before a function, a class or a constant. Any other form is refused.
 */
import { posix } from 'node:path'
import { invariant } from '../../platform/errors.ts'

const IMPORT = /import\s*\{([^}]*)\}\s*from\s*(["'])([^"']+)\2;?/g
const EXPORT_FROM = /export\s*\{([^}]*)\}\s*from\s*(["'])([^"']+)\2;?/g
const EXPORT_LIST = /export\s*\{([^}]*)\};?/g
const EXPORT_ONE = /^export ((?:async )?function\*?|class|const) (\w+)/gm
const SOURCE_MAP = /^\/\/# sourceMappingURL=.*$/gm
/** White space that no statement needs, and no text: none of the page has several lines. */
const INDENTATION = /^ +/gm
const NEEDLESS_BREAK = /(?<=[;{,([])\n|\n(?=[})\]])/g
const LEFT = /(?:^|[;}])\s*(?:import|export)\b(?!\()[^\n]*/m

interface Name {
  readonly local: string
  readonly other: string
}

/** `modules`: their text, by the name that others import them by; a relative one without its folder. */
export function linked(modules: ReadonlyMap<string, string>, entry: string): string {
  const numbers = new Map<string, number>()
  const open = new Set<string>()
  const parts: string[] = []

  function numberOf(name: string): number {
    const done = numbers.get(name)
    if (done !== undefined) return done
    const text = modules.get(name)
    invariant(text !== undefined, `the page imports ${name}, which is not part of it`)
    invariant(!open.has(name), `the modules of the page import each other in a circle: ${name}`)
    open.add(name)
    const part = partOf(name, text, numberOf)
    const number = parts.length
    parts.push(`const $${number}=(()=>{${part}})();`)
    numbers.set(name, number)
    return number
  }

  numberOf(entry)
  return parts.join('\n')
}

function partOf(name: string, text: string, numberOf: (name: string) => number): string {
  const exported: string[] = []
  const body = text
    .replace(SOURCE_MAP, '')
    .replace(INDENTATION, '')
    .replace(IMPORT, (_all, names: string, _quote, from: string) => {
      const fields = namesIn(names).map(({ local, other }) => fieldOf(local, other))
      return `const {${fields.join(',')}}=$${numberOf(posix.normalize(from))};`
    })
    .replace(EXPORT_FROM, (_all, names: string, _quote, from: string) => {
      const source = `$${numberOf(posix.normalize(from))}`
      for (const { local, other } of namesIn(names)) exported.push(`${other}:${source}.${local}`)
      return ''
    })
    .replace(EXPORT_LIST, (_all, names: string) => {
      for (const { local, other } of namesIn(names)) exported.push(fieldOf(other, local))
      return ''
    })
    .replace(EXPORT_ONE, (_all, kind: string, one: string) => {
      exported.push(one)
      return `${kind} ${one}`
    })
  const left = LEFT.exec(body)
  invariant(
    left === null,
    `${name} imports or exports in a way that link.ts does not know: ${left?.[0] ?? ''}`,
  )
  return `${body.trim().replace(NEEDLESS_BREAK, '')}\nreturn {${exported.join(',')}}`
}

/** `a, b as c`. */
function namesIn(list: string): readonly Name[] {
  return list
    .split(',')
    .map((each) => each.trim().split(/\s+as\s+/))
    .flatMap(([local = '', other = local]) => (local === '' ? [] : [{ local, other }]))
}

function fieldOf(name: string, value: string): string {
  return name === value ? name : `${name}:${value}`
}
