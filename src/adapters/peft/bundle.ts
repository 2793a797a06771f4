/**
 * A version's files: `adapter_config.json` and `adapter_model.safetensors` in the layout of Hugging Face PEFT, so that
 * its `from_pretrained` opens the folder directly; `head.safetensors` with the parts that PEFT has no place for, the
 * task's head and the base's statistics; `memory.safetensors` if there is kNN memory; and `sums.safetensors` in the versions
 * that a model is merged from.
 *
 * Equal content gives equal bytes. Reading refuses tensors that are missing, superfluous, or do not fit the base, the
 * method or the head of the manifest.
 */
import type { AdapterConfig, MethodPlugin } from '../../contracts/adapter.ts'
import type { Tensors } from '../../contracts/core.ts'
import type { Base, BaseIdentity } from '../../contracts/base.ts'
import type { TaskFacts } from '../../contracts/example.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import { failure } from '../../platform/errors.ts'
import {
  adopted,
  checkTensors,
  isOfSums,
  memoryPlanOf,
  methodOf,
  sitesOf,
  specsOf,
  statisticsOf,
  type AdapterPlan,
  carriedOver,
} from '../adapter.ts'
import { toFloat32 } from '../../nn/containers/floats.ts'
import { isOfMemory, type MemoryPlan } from '../../nn/memory.ts'
import { adapterAlone } from '../../nn/mixture.ts'
import { readSafetensors, writeSafetensors } from '../../nn/containers/safetensors.ts'
import { configOfRecord, foreignSetting } from '../recorded-config.ts'
import { viewOf } from '../view.ts'
import { classifierOf, transformersClass, type TransformersClass } from './head.ts'

interface BundleParts {
  readonly base: Base
  readonly methods: Readonly<Record<string, MethodPlugin>>
  readonly tasks: Readonly<Record<string, TaskHead>>
  /** Absent = the default limit. */
  readonly headerBytes?: number
}

/** A manifest's description of the tensors of a version. */
interface DescribedAdapter {
  readonly version: string
  readonly base: BaseIdentity
  readonly task: string
  readonly facts: TaskFacts
  /** As recorded. */
  readonly adapter: AdapterConfig
  readonly memory?: Pick<MemoryPlan, 'slots' | 'mixture' | 'leaves' | 'texts'>
}

interface AdapterBundle {
  write(draft: {
    readonly manifest: DescribedAdapter
    readonly parameters: Tensors
  }): ReadonlyMap<string, Uint8Array>
  /** An adapter from an earlier base is returned as converted to this one. */
  read(files: ReadonlyMap<string, Uint8Array>, manifest: DescribedAdapter): Tensors
  /** What an exported version has besides its own files, or in place of them: a model card, and how its head is applied. */
  describe(version: {
    readonly manifest: DescribedAdapter
    readonly parameters: Tensors
  }): ReadonlyMap<string, Uint8Array>
  /** Whether a version from another base can be read. */
  goesOn(manifest: DescribedAdapter): boolean
}

const CONFIG = 'adapter_config.json'
const ADAPTER = 'adapter_model.safetensors'
const HEAD = 'head.safetensors'
const MEMORY = 'memory.safetensors'
const SUMS = 'sums.safetensors'
const CARD = 'README.md'
const HEAD_CONFIG = 'head_config.json'

export function openBundle(parts: BundleParts): AdapterBundle {
  return {
    write: ({ manifest, parameters }) => write(planOf(parts, manifest), parameters),
    read: (files, manifest) => readHere(parts, files, manifest),
    describe: ({ manifest, parameters }) =>
      describe(planOf(parts, manifest), manifest.version, parameters),
    goesOn: (manifest) => successionOf(parts, manifest) !== undefined,
  }
}

function write(plan: AdapterPlan, parameters: Tensors): ReadonlyMap<string, Uint8Array> {
  const sites = sitesOf(plan)
  const config = {
    ...methodOf(plan).peftConfig(sites, plan.base),
    // PEFT puts an adapter of texts on the model with its vocabulary.
    ...(plan.task.reads === 'answers' && { task_type: 'CAUSAL_LM' }),
  }
  const heads = headNames(plan)
  const some = (isIn: (name: string) => boolean) =>
    new Map([...parameters].filter(([name]) => isIn(name)))
  const adapter = some((name) => !heads.has(name) && !isOfMemory(name) && !isOfSums(name))
  const files = new Map([
    [CONFIG, new TextEncoder().encode(`${canonicalJson(config)}\n`)],
    [ADAPTER, writeSafetensors(methodOf(plan).toDisk(adapter, sites), { format: 'pt' })],
    [
      HEAD,
      writeSafetensors(
        some((name) => heads.has(name)),
        { format: 'pt' },
      ),
    ],
  ])
  const sums = some(isOfSums)
  if (sums.size > 0) files.set(SUMS, writeSafetensors(sums, { format: 'pt' }))
  if (plan.memory) files.set(MEMORY, writeSafetensors(some(isOfMemory), { format: 'pt' }))
  return files
}

function describe(
  plan: AdapterPlan,
  version: string,
  parameters: Tensors,
): ReadonlyMap<string, Uint8Array> {
  const text = (value: string) => new TextEncoder().encode(value)
  const files = new Map<string, Uint8Array>([[CARD, text(modelCard(plan, version))]])
  const { task, base } = plan
  const { unit } = base.network
  // outputs = scale · embedding · head.weight + head.bias
  const config = { reads: task.reads, unit, scale: task.scale(unit) }
  if (task.reads === 'pooled') files.set(HEAD_CONFIG, text(`${canonicalJson(config)}\n`))
  const whole = openedClass(plan)
  if (whole === undefined) return files
  const { fields, tensors } = classifierOf(plan, parameters, whole)
  files.set(CONFIG, text(`${canonicalJson(fields)}\n`))
  return files.set(ADAPTER, writeSafetensors(tensors, { format: 'pt' }))
}

function readHere(
  parts: BundleParts,
  files: ReadonlyMap<string, Uint8Array>,
  manifest: DescribedAdapter,
): Tensors {
  checkSettings(parts, manifest)
  const succession = successionOf(parts, manifest)
  if (succession === undefined) return read(planOf(parts, manifest), files, parts)
  const before = read(planOf({ ...parts, base: succession.base }, manifest), files, parts)
  const plan = planOf(parts, manifest)
  // Examples and heads of the other base say nothing here: of a mixture, the adapter answers by itself.
  const own = new Map([...before].filter(([name]) => !isOfMemory(name)))
  const memory = plan.memory ? adapterAlone(plan.memory, plan.outputs, before) : []
  const tensors = new Map([...succession.tensors(own), ...memory])
  checkTensors(specsOf(plan), tensors)
  return tensors
}

function checkSettings({ methods }: BundleParts, { version, adapter }: DescribedAdapter): void {
  const method = Object.hasOwn(methods, adapter.method) ? methods[adapter.method] : undefined
  const fault = method && foreignSetting(method.settings, adapter)
  if (fault === undefined) return
  const message = `${version} was made by ${adapter.method} with other settings: it ${fault}`
  throw failure('VERSION_FOREIGN', message, { details: { method: adapter.method } })
}

function successionOf(parts: BundleParts, manifest: DescribedAdapter) {
  if (manifest.base.hash === parts.base.hash) return undefined
  if (manifest.memory !== undefined && manifest.memory.mixture !== true) return undefined
  const { base, method, config } = planOf(parts, manifest)
  return carriedOver({ base, method, config }, manifest.base)
}

function read(
  plan: AdapterPlan,
  files: ReadonlyMap<string, Uint8Array>,
  { headerBytes }: BundleParts,
): Tensors {
  const inFile = (name: string) => tensorsIn(files, name, headerBytes)
  const adapter = methodOf(plan).fromDisk(inFile(ADAPTER), sitesOf(plan))
  const memory = plan.memory ? inFile(MEMORY) : []
  const found = new Map([...adapter, ...inFile(HEAD), ...memory])
  const tensors = adopted(plan, found)
  checkTensors(specsOf(plan), tensors)
  return files.has(SUMS) ? new Map([...tensors, ...inFile(SUMS)]) : tensors
}

function tensorsIn(
  files: ReadonlyMap<string, Uint8Array>,
  file: string,
  headerBytes: number | undefined,
): Tensors {
  const bytes = files.get(file)
  if (bytes === undefined)
    throw failure('ADAPTER_TENSORS', `${file} is missing`, { details: { file } })
  const { tensors } = readSafetensors(bytes, headerBytes)
  return new Map([...tensors].map(([name, tensor]) => [name, toFloat32(tensor, name)]))
}

function headNames({ task, base, outputs }: AdapterPlan): ReadonlySet<string> {
  const specs = [...statisticsOf({ base, task }), ...task.parameters(base.network.width, outputs)]
  return new Set(specs.map(({ name }) => name))
}

function planOf({ base, methods, tasks }: BundleParts, manifest: DescribedAdapter): AdapterPlan {
  const { memory } = manifest
  const config = configOfRecord(manifest.adapter)
  const method = Object.hasOwn(methods, config.method) ? methods[config.method] : undefined
  const task = Object.hasOwn(tasks, manifest.task) ? tasks[manifest.task] : undefined
  if (method !== undefined && task !== undefined) {
    const seen = viewOf(base, method, config, task.reads)
    const outputs = task.outputs(task.headIn(manifest.facts))
    return {
      base: seen,
      ...{ method, task, config, outputs },
      memory: memory && memoryPlanOf(memory, seen.published ?? base, config),
    }
  }
  const message = `${manifest.version} is a ${config.method} adapter for ${manifest.task}, which this daemon does not have`
  throw failure('VERSION_FOREIGN', message, {
    details: { method: config.method, task: manifest.task },
  })
}

/**
 * The README.md of an exported version, as a model card of the Hugging Face hub: what the folder holds, and how Python
 * computes an answer with it.
 */

/** The types that PEFT has itself. */
const OPENED = new Set<unknown>(['LORA', 'IA3', 'LN_TUNING'])

/** The class of transformers as which PEFT opens an export. */
function openedClass(plan: AdapterPlan): TransformersClass | undefined {
  const { peft_type: type } = methodOf(plan).peftConfig(sitesOf(plan), plan.base)
  return OPENED.has(type) ? transformersClass(plan) : undefined
}

function modelCard(plan: AdapterPlan, version: string): string {
  const { base, task, config, memory } = plan
  const { peft_type: type } = methodOf(plan).peftConfig(sitesOf(plan), base)
  const hub = OPENED.has(type) ? base.hub : undefined
  const snippet = hub === undefined ? undefined : snippetFor(hub, plan)
  const paragraphs = [
    `# ${version}`,
    `An adapter for ${task.kind} on ${hub ?? base.name}, method \`${config.method}\`, made by Antikythera.`,
    snippet ?? withoutPeft(task, base),
    memory !== undefined &&
      '`memory.safetensors` has examples that answer along with it in Antikythera; the tensors here answer without them.',
    '`manifest.json` has its parent, what it learned from, its scores, and the hash of its base.',
  ].filter((paragraph) => paragraph !== false)
  const matter = hub === undefined ? '' : `---\nbase_model: ${hub}\nlibrary_name: peft\n---\n\n`
  return `${matter}${paragraphs.join('\n\n')}\n`
}

/** Undefined where the head reads something else than the pooled tokens at unit length. */
function snippetFor(hub: string, plan: AdapterPlan): string | undefined {
  const { task, base } = plan
  const { reads, python: answer } = task
  if (reads === 'answers') return python(causalLines(hub))
  if (answer === undefined) return undefined
  if (reads === 'positions')
    return base.tokenClass === undefined ? undefined : python(tokenLines(hub, answer))
  const whole = transformersClass(plan)
  if (whole !== undefined) return python(sequenceLines(hub, whole, base.network.unit, answer))
  const rows = base.pairs === undefined ? ['what a lovely phone'] : ['the first', 'the second']
  return base.network.unit ? python(sentenceLines(hub, task.scale(true), answer, rows)) : undefined
}

const python = (lines: readonly string[]) =>
  ['    pip install peft transformers', `\`\`\`python\n${lines.join('\n')}\n\`\`\``].join('\n\n')

const causalLines = (hub: string) => [
  'from peft import AutoPeftModelForCausalLM; from transformers import AutoTokenizer',
  `tokenizer, model = AutoTokenizer.from_pretrained("${hub}"), AutoPeftModelForCausalLM.from_pretrained(".")`,
  'messages = [{"role": "user", "content": "Hello"}]',
  'prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)',
  'print(tokenizer.decode(model.generate(**prompt, max_new_tokens=64)[0, prompt["input_ids"].shape[1]:]))',
]

const sentenceLines = (hub: string, scale: number, answer: string, texts: readonly string[]) => [
  'import json, peft, torch, transformers; from safetensors.torch import load_file',
  `name, head, manifest = "${hub}", load_file("head.safetensors"), json.load(open("manifest.json"))`,
  'model = peft.PeftModel.from_pretrained(transformers.AutoModel.from_pretrained(name).float(), ".").eval()',
  `rows = transformers.AutoTokenizer.from_pretrained(name)(${texts.map((text) => `["${text}"]`).join(', ')}, return_tensors="pt")`,
  'embedding = torch.nn.functional.normalize(model(**rows).last_hidden_state.mean(1), dim=-1)',
  `z = ${scale} * embedding @ head["head.weight"] + head["head.bias"]`,
  answer,
]

const tokenLines = (hub: string, answer: string) => [
  'import json; from peft import AutoPeftModelForTokenClassification; from transformers import AutoTokenizer',
  'manifest = json.load(open("manifest.json"))',
  'tags = ["O"] + [f"{tag}-{label}" for label in manifest["labels"] for tag in "BIES"]',
  'ids = {"num_labels": len(tags), "id2label": dict(enumerate(tags)), "label2id": {tag: at for at, tag in enumerate(tags)}}',
  'model = AutoPeftModelForTokenClassification.from_pretrained(".", dtype="float32", **ids).eval()',
  `rows = AutoTokenizer.from_pretrained("${hub}")(["what a lovely phone"], return_tensors="pt")`,
  'z = model(**rows).logits[0].detach()',
  answer,
]

/** The classifier reads the embedding of this base in place of the pooled [CLS]. */
const sequenceLines = (
  hub: string,
  { place }: TransformersClass,
  unit: boolean,
  answer: string,
) => [
  'import json, torch; from peft import AutoPeftModelForSequenceClassification; from transformers import AutoTokenizer',
  'manifest = json.load(open("manifest.json"))',
  'names = dict(enumerate(manifest["labels"]))',
  'about = {"problem_type": "multi_label_classification", "num_labels": len(names), "id2label": names, "label2id": {name: at for at, name in names.items()}}',
  'model = AutoPeftModelForSequenceClassification.from_pretrained(".", dtype="float32", **about).eval()',
  'def pooled(module, given, named, output):  # the mean over the tokens in place of the pooled [CLS], as it was trained',
  '    mask = named["attention_mask"].unsqueeze(-1)',
  '    mean = (output["last_hidden_state"] * mask).sum(1) / mask.sum(1)',
  `    output["pooler_output"] = ${unit ? 'torch.nn.functional.normalize(mean, dim=-1)' : 'mean'}`,
  '    return output',
  `model.base_model.model.${place}.register_forward_hook(pooled, with_kwargs=True)`,
  `rows = AutoTokenizer.from_pretrained("${hub}")(["what a lovely phone"], return_tensors="pt")`,
  'z = model(**rows).logits.detach()',
  answer,
]

function withoutPeft(task: TaskHead, { network }: Base): string {
  const head =
    task.reads === 'positions'
      ? ' The head is z = h · W + b at each token, with W and b in `head.safetensors` and h the last hidden state; its columns are O, then B, I, E, S of each label.'
      : task.reads === 'pooled'
        ? ` The head is z = ${task.scale(network.unit)} · x · W + b, with W and b in \`head.safetensors\` and x the embedding.`
        : ''
  return `PEFT cannot open the base or the method of this version by a name; its tensors are plain safetensors.${head}`
}
