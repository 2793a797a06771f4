/**
 * What is plain JavaScript, benchmarks above all, is read by no compiler, and a program that is rarely run may call a function by an
 * old signature. Names, imports and numbers of arguments are checked here against the declarations of the build.
 */
import { join, relative } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { root, trackedFiles } from './source-tree.ts'

/** What is certain without a type in the program: a name, a module, an export, a count of arguments. Not the shapes of objects. */
const certain = new Set([2304, 2305, 2307, 2459, 2551, 2552, 2554, 2555, 2613, 2614, 2724])

/** Nine seconds of pure computing on a quiet machine: it takes a busy one much longer, and cannot hang. */
const BUSY_MS = 600_000

test(
  'every program names what the product exports, and calls it with as many arguments as it takes',
  { timeout: BUSY_MS },
  () => {
    const ours = trackedFiles().filter((path) => path.endsWith('.mjs'))
    expect(ours).toContain('test/bench/run.mjs')
    const program = ts.createProgram(
      ours.map((path) => join(root, path)),
      {
        ...{ allowJs: true, checkJs: true, noEmit: true, skipLibCheck: true, types: ['node'] },
        ...{ target: ts.ScriptTarget.ES2022, lib: ['lib.es2023.d.ts'] },
        ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
        ...{ rootDir: root, resolveJsonModule: true },
      },
    )
    const faults = program.getSourceFiles().flatMap((file) => {
      const path = relative(root, file.fileName)
      if (!ours.includes(path)) return []
      return program
        .getSemanticDiagnostics(file)
        .filter(({ code }) => certain.has(code))
        .map(({ start = 0, messageText }) => {
          const line = file.getLineAndCharacterOfPosition(start).line + 1
          const said = ts.flattenDiagnosticMessageText(messageText, ' ')
          return `${path}:${line} ${said}`
        })
    })
    expect(faults).toEqual([])
  },
)
