/** A choice by name in a config: its one key names the plug-in, and the value is that plug-in's settings. */
import type { Plugin } from '../contracts/core.ts'
import { invariant } from '../platform/errors.ts'
import { openedWith } from './opened-with.ts'
import type { NamedChoice } from './model-schema.ts'

/** Opens the plug-in that a settled choice names. */
export function openChosen<Opened, Needs extends readonly unknown[]>(
  table: Readonly<Record<string, Plugin<Opened, Needs>>>,
  choice: NamedChoice,
  ...needs: Needs
): Opened {
  const [name = '', settings = {}] = Object.entries(choice)[0] ?? []
  const plugin = table[name]
  invariant(plugin !== undefined, `the schema of the config knows ${name}`)
  return plugin.open(openedWith(plugin.settings, settings), ...needs)
}
