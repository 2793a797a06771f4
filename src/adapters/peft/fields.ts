/**
 * Compares the `adapter_config.json` of a folder with the one that this model's adapter would write. A method that can
 * be exported can therefore be imported: every field that it writes must have an equal meaning, and every other must
 * have PEFT's value for "unused". A field of a future PEFT is refused as soon as it is set, and never ignored.
 */
import type { Json } from '../../contracts/core.ts'
import type { TargetModule } from '../../contracts/network.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import { withinTime } from '../../platform/time-limit.ts'
import type { AdapterPlan } from '../adapter.ts'
import { methodOf, sitesOf } from '../adapter.ts'
import { describeSites, suggestion, isSameScale, loraSize } from './suggestion.ts'
import { isListed, isTarget, type FoundFields, type PeftFields, refuse } from './targets.ts'

/** The adapter's computation does not depend on them, or they are checked elsewhere. */
const free = new Set(
  `auto_mapping base_model_name_or_path ensure_weight_tying inference_mode init_ia3_weights lora_dropout
   megatron_core modules_to_save peft_version qalora_group_size revision task_type`.split(/\s+/),
)
/** Their combined meaning is compared, module by module. */
const resolved = new Set(
  `target_modules exclude_modules layers_to_transform layers_pattern feedforward_modules
   r lora_alpha rank_pattern alpha_pattern use_rslora`.split(/\s+/),
)
/** Initialisations that leave the base unchanged; others (pissa, olora, …) take a part out of its weights. */
const harmlessStarts: readonly Json[] = [true, false, 'gaussian', 'orthogonal']

/** Checked before the tensors, which are entirely different for another method. */
export function checkType(fields: PeftFields, plan: AdapterPlan): void {
  const { peft_type: expected = null } = ofOurs(plan)
  if (fields.peft_type !== expected)
    throw refuse('peft_type', fields.peft_type, shown(expected, plan))
}

export function checkFields(found: FoundFields, plan: AdapterPlan): void {
  const { fields } = found
  const expected = ofOurs(plan)
  for (const field of new Set([...Object.keys(expected), ...Object.keys(fields)])) {
    if (free.has(field) || resolved.has(field) || field === 'init_lora_weights') continue
    if (isSame(fields[field], expected[field])) continue
    throw refuse(field, fields[field], shown(expected[field], plan))
  }
  const start = fields.init_lora_weights ?? true
  if (!harmlessStarts.includes(start))
    throw refuse(
      'init_lora_weights',
      start,
      harmlessStarts.map((each) => JSON.stringify(each)).join(', '),
    )
  withinTime(
    MOST_MS,
    () => checkModules(found, expected, plan),
    () => tooSlow(fields),
  )
}

/** For all modules of a base together. Published selections take milliseconds. */
const MOST_MS = 100

function tooSlow(fields: PeftFields): Error {
  const field = 'target_modules, exclude_modules, modules_to_save, rank_pattern or alpha_pattern'
  const allowed = `expressions that match all modules in less than ${MOST_MS} ms`
  return refuse(field, fields.target_modules, allowed)
}

function ofOurs(plan: AdapterPlan): PeftFields {
  return methodOf(plan).peftConfig(sitesOf(plan), plan.base)
}

function checkModules(found: FoundFields, expected: PeftFields, plan: AdapterPlan): void {
  const { fields, prefix } = found
  const all = plan.base.network.sites(0)
  const here = all.filter((site) => isTarget(fields, { ...site, path: prefix + site.name }))
  const wanted = new Set(all.filter((site) => isTarget(expected, { ...site, path: site.name })))
  const allowed = () => {
    const other = suggestion(found, here, plan)
    return other === undefined ? '' : `, or in the config adapter: ${other}`
  }
  const parted = all.find((site) => here.includes(site) !== wanted.has(site))
  if (parted !== undefined)
    throw refuse(
      'target_modules',
      fields.target_modules,
      `a selection of exactly ${describeSites([...wanted])}${allowed()}`,
      { module: prefix + parted.name },
    )
  for (const site of here) {
    const path = prefix + site.name
    const field = 'feedforward_modules'
    if (isListed(fields, field, path) !== isListed(expected, field, site.name))
      throw refuse(field, fields[field], shown(expected[field], plan), { module: path })
    if (expected.r !== undefined) checkSize(found, expected, site, allowed)
  }
}

function checkSize(
  { fields, prefix }: FoundFields,
  expected: PeftFields,
  { name }: TargetModule,
  other: () => string,
): void {
  const [found, wanted] = [loraSize(fields, prefix + name), loraSize(expected, name)]
  const more = { module: prefix + name }
  if (found.rank !== wanted.rank)
    throw refuse(found.rankField, fields[found.rankField], `${wanted.rank}${other()}`, more)
  if (isSameScale(found.scale, wanted.scale)) return
  const field = found.alphaField
  const root = fields.use_rslora === true ? Math.sqrt(found.rank) : found.rank
  throw refuse(field, fields[field], `${wanted.scale * root}${other()}`, more)
}

/** PEFT's value for "unused" is the same as absence. */
function isSame(found: Json | undefined, wanted: Json | undefined): boolean {
  if (isNothing(found) && isNothing(wanted)) return true
  return canonicalJson(found ?? null) === canonicalJson(wanted ?? null)
}

function isNothing(value: Json | undefined): boolean {
  return ['null', 'false', '"none"', '[]', '{}'].includes(canonicalJson(value ?? null))
}

function shown(value: Json | undefined, { config }: AdapterPlan): string {
  return `${JSON.stringify(value ?? null)} (adapter.method is ${config.method})`
}
