/**
 * The README.md of an exported version, as a model card of the Hugging Face hub: what the folder holds, and how Python
 * computes an answer with it.
 */
import type { Base } from '../../contracts/base.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { methodOf, sitesOf, type AdapterPlan } from '../adapter.ts'

/** The types that PEFT has itself. */
const OPENED = new Set<unknown>(['LORA', 'IA3'])

export function modelCard(plan: AdapterPlan, version: string): string {
  const { base, task, config, memory } = plan
  const { peft_type: type } = methodOf(plan).peftConfig(sitesOf(plan), base)
  const hub = OPENED.has(type) ? base.hub : undefined
  const snippet = hub === undefined ? undefined : snippetFor(hub, task, base)
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
function snippetFor(hub: string, task: TaskHead, base: Base): string | undefined {
  if (task.reads === 'answers') return python(causalLines(hub))
  const isSentence = task.reads === 'pooled' && base.network.unit && task.python !== undefined
  return isSentence ? python(sentenceLines(hub, task.scale(true), task.python)) : undefined
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

const sentenceLines = (hub: string, scale: number, answer: string) => [
  'import json, peft, torch, transformers; from safetensors.torch import load_file',
  `name, head, manifest = "${hub}", load_file("head.safetensors"), json.load(open("manifest.json"))`,
  'model = peft.PeftModel.from_pretrained(transformers.AutoModel.from_pretrained(name).float(), ".").eval()',
  'rows = transformers.AutoTokenizer.from_pretrained(name)(["what a lovely phone"], return_tensors="pt")',
  'embedding = torch.nn.functional.normalize(model(**rows).last_hidden_state.mean(1), dim=-1)',
  `z = ${scale} * embedding @ head["head.weight"] + head["head.bias"]`,
  answer,
]

function withoutPeft(task: TaskHead, { network }: Base): string {
  const head =
    task.reads === 'pooled'
      ? ` The head is z = ${task.scale(network.unit)} · x · W + b, with W and b in \`head.safetensors\` and x the embedding.`
      : ''
  return `PEFT cannot open the base or the method of this version by a name; its tensors are plain safetensors.${head}`
}
