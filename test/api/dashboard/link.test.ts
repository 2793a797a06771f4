/** Modules become one script that does what they do. */
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { linked } from '../../../src/api/dashboard/link.ts'

const run = (modules: Record<string, string>) => {
  const said: unknown[] = []
  const say = (...values: unknown[]) => void said.push(...values)
  runInNewContext(linked(new Map(Object.entries(modules)), 'main.js'), { say })
  return said
}

test('each module runs once, after what it imports, and names of one do not meet those of another', () => {
  expect(
    run({
      'main.js': `import { one, two as second } from "./a.js"\nimport { b } from './b.js';\nsay(one, second(), b)`,
      'a.js': `import { b } from "./b.js";\nsay('a runs');\nconst local = 1;\nexport const one = local + b;\nexport async function later() { }\nexport function two() {\n    return local + 1;\n}`,
      'b.js': `say('b runs');\nconst local = 40;\nexport const b = local;\n//# sourceMappingURL=b.js.map`,
    }),
  ).toEqual(['b runs', 'a runs', 41, 2, 40])
})

test('the forms of a minified library are read: lists with other names, and exports of another module', () => {
  expect(
    run({
      'main.js': `import { render, Fragment } from "lib/more"\nsay(render(), Fragment)`,
      'lib/more': `import{options as n}from"lib";export{Fragment}from"lib";var t=function(){return n.x};export{t as render,t as again};`,
      lib: `var a={x:7},b="fragment";export{a as options,b as Fragment};`,
    }),
  ).toEqual([7, 'fragment'])
})

test.each([
  ['a default export', { 'main.js': 'export default 1' }],
  ['a whole namespace', { 'main.js': 'import * as all from "./a.js"', 'a.js': '' }],
  ['a module that is not there', { 'main.js': 'import { a } from "./a.js"' }],
  [
    'a circle',
    { 'main.js': 'import { a } from "./a.js"', 'a.js': 'import { b } from "./main.js"' },
  ],
])('%s is refused and not left out', (_what, modules) => {
  expect(() => linked(new Map(Object.entries(modules)), 'main.js')).toThrow()
})

test('a dynamic import and a word in a text are no such forms', () => {
  expect(run({ 'main.js': `say("export this"); say('import that')` })).toEqual([
    'export this',
    'import that',
  ])
})
