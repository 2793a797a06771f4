/** The base `document` as a plug-in: documents of many pages on a base of texts. */
import type {
  Base,
  BasePlugin,
  ModelDefaults,
  ModelFault,
  ModelOnBase,
  OpenPart,
} from '../../contracts/base.ts'
import type { SettingsOf } from '../../contracts/core.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { text } from '../../payloads/inputs/text.ts'

const settings = {
  of: {
    type: 'base',
    required: true,
    description:
      'the base that reads the parts, such as static, minilm or e5-small; nothing trains it',
  },
  pool: {
    type: 'choice',
    options: ['best', 'mean', 'max', 'attention'],
    default: 'best',
    description:
      'how parts become one answer. best: the head answers for each, and the highest of each output counts, so that what a single part says is found; mean: what most of them say; max: of each number the greatest; attention: what an adapter learns to look at',
  },
} as const

type DocumentSettings = SettingsOf<typeof settings>

export const document = {
  summary:
    'documents of many pages: cut into parts of max_tokens, which a base of texts reads, and an answer names the part that decided; if no adapter is chosen, a head; with pool mean or max RanPAC where labels are open; with attention LoRA',
  settings,
  open: async (chosen: DocumentSettings, open?: OpenPart) => documentOn(chosen, open),
  shape: async (chosen: DocumentSettings, open?: OpenPart) => documentOn(chosen, open),
  defaults: ({ pool }: Partial<DocumentSettings>): ModelDefaults => {
    if (pool === 'attention') return attending
    return pool === 'mean' || pool === 'max' ? pooled : { adapter: pooled.adapter }
  },
  check: (chosen: DocumentSettings, model: ModelOnBase) => faultsOf(chosen, model),
} satisfies BasePlugin

const attending: ModelDefaults = { adapter: { method: 'lora', tail_layers: 1 } }
const pooled: ModelDefaults = {
  adapter: { method: 'head' },
  forOpenClasses: {
    adapter: { method: 'ranpac', features: 2048, ridge: 3000 },
    trigger: { policy: 'count', every: 64 },
  },
}

async function documentOn({ of, pool }: DocumentSettings, open?: OpenPart): Promise<Base> {
  invariant(open, 'a base with parts opens them')
  const base = await open(of)
  if (base.language !== undefined)
    throw failure('BASE_UNSUPPORTED', `${base.name} writes texts; documents need an encoder`)
  if (!base.reads.includes(text) || base.statistics !== undefined)
    throw failure(
      'BASE_UNSUPPORTED',
      `${base.name} reads no texts, and the parts of a document are texts`,
      {
        fix: 'name a base of texts: of: static, of: minilm, of: e5-small',
      },
    )
  return (await import('./document.ts')).openDocument(base, pool)
}

function faultsOf(
  { pool }: DocumentSettings,
  { reach, isClosedForm, hasClasses }: ModelOnBase,
): readonly ModelFault[] {
  if (pool === 'attention')
    return isClosedForm || reach === 0
      ? [ofPool('is attention, which an adapter with tail_layers: 1 learns, such as lora or full')]
      : []
  const faults = pool === 'best' ? faultsOfBest(isClosedForm, hasClasses) : []
  if (reach !== 'all' && reach === 0) return faults
  const message = 'reaches the base of the parts, which is frozen; allowed: 0'
  return [...faults, { path: ['adapter', 'tail_layers'], message }]
}

function faultsOfBest(isClosedForm: boolean, hasClasses: boolean): readonly ModelFault[] {
  if (!hasClasses)
    return [
      ofPool(
        'is best, which finds a label in one part; a number is of the whole document: choose mean, max or attention',
      ),
    ]
  if (!isClosedForm) return []
  const message =
    'is best, which a closed form cannot learn: its sums are of whole documents; choose mean or max'
  return [ofPool(message)]
}

function ofPool(message: string): ModelFault {
  return { path: ['base', 'document', 'pool'], message }
}
