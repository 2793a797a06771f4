/** The base `text-pair` as a plug-in: pairs of texts on a base of texts. */
import type { Base, BasePlugin, ModelDefaults } from '../../contracts/base.ts'
import type { SettingsOf } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { e5Recipe, minilmRecipe } from '../pulled/defaults.ts'
import { e5Small, minilm, pulled, wordllama } from '../pulled/plugin.ts'
import { useLite } from '../use-lite/plugin.ts'

const named: Readonly<Record<string, BasePlugin>> = {
  'use-lite': useLite,
  minilm,
  'e5-small': e5Small,
  static: wordllama,
}
const NAMES = Object.keys(named).join(', ')

const settings = {
  of: {
    type: 'text',
    required: true,
    description: `the base that reads the texts: ${NAMES}, or owner/name of one that was pulled`,
  },
  as: {
    type: 'choice',
    options: ['apart', 'together'],
    default: 'apart',
    description:
      'apart: each text is embedded by itself, and a head learns from both vectors, their distance and their product; together: both are one sequence with token types, for an encoder of the BERT family, where adapters can act',
  },
} as const

type PairSettings = SettingsOf<typeof settings>

export const textPair = {
  summary:
    'two texts on a base of texts: whether they say the same, whether one follows from the other, how near they are; if no adapter is chosen, apart: a head, or RanPAC where labels are open, together: LoRA as on that base',
  settings,
  open: async (chosen: PairSettings) => paired(chosen, await singleOf(chosen).open({})),
  async shape({ of, as }: PairSettings) {
    const plugin = singleOf({ of })
    const found = await (plugin.shape ?? plugin.open)({})
    return paired({ of, as }, found)
  },
  defaults: ({ of, as }: Partial<PairSettings>): ModelDefaults =>
    as === 'together' ? (of === 'e5-small' ? togetherOnE5 : minilmRecipe) : apart,
  check: ({ of }: Pick<PairSettings, 'of'>) =>
    isKnown(of)
      ? []
      : [
          {
            path: ['base', 'text-pair', 'of'],
            message: `is ${of}, which is no base of texts: name ${NAMES}, or owner/name`,
          },
        ],
} satisfies BasePlugin

/** Chosen on the validation pairs of SICK, where a head was ahead of RanPAC; that is for labels that come one after another. */
const ranpac = { method: 'ranpac', features: 2048, ridge: 3000 }
const apart: ModelDefaults = {
  adapter: { method: 'head' },
  forOpenClasses: { adapter: ranpac, trigger: { policy: 'count', every: 256 } },
}

const { forClasses: _, ...togetherOnE5 } = { ...e5Recipe, ...minilmRecipe }

const isKnown = (of: string) => Object.hasOwn(named, of) || of.includes('/')

function singleOf({ of }: Pick<PairSettings, 'of'>): BasePlugin {
  const plugin = Object.hasOwn(named, of) ? named[of] : undefined
  if (plugin !== undefined) return plugin
  return {
    ...pulled,
    open: async () => pulled.open({ name: of }),
    shape: async () => pulled.shape({ name: of }),
  }
}

async function paired({ of, as }: PairSettings, single: Base): Promise<Base> {
  if (single.language !== undefined)
    throw failure('BASE_UNSUPPORTED', `${of} writes texts; pairs need an encoder`)
  if (as === 'apart') return (await import('./apart.ts')).pairedApart(single)
  const together = single.paired?.()
  if (together !== undefined) return { ...together, ...(single.hub && { hub: single.hub }) }
  throw failure('BASE_UNSUPPORTED', `${of} does not read two texts as one sequence`, {
    fix: 'leave out `as: together`, or use an encoder of the BERT family',
  })
}
