/**
 * The on-disk layout of Hugging Face PEFT, so that its `PeftModel.from_pretrained` opens a version directly: tensor
 * names `base_model.model.<path>.weight`, matrices [out, in] as in torch, and the fields of LoraConfig.
 */
import type { Json, Tensor, Tensors } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { TargetModule } from '../../contracts/network.ts'
import { transposed } from '../../nn/containers/floats.ts'
import { failure } from '../../platform/errors.ts'
import type { LowRankConfig, LowRankSite } from '../low-rank.ts'

export const PREFIX = 'base_model.model.'
const WEIGHT = '.weight'
const LN_TUNING = '.ln_tuning_layers'

/** `<site>.lora_A` [in, r] → `base_model.model.<site>.lora_A.weight` [r, in]. */
export function toPeft(parameters: Tensors): Tensors {
  const disk = [...parameters].map(([name, tensor]): [string, Tensor] => [
    `${PREFIX}${name}${WEIGHT}`,
    transpose(tensor),
  ])
  return new Map(disk)
}

/** Refuses names that do not belong; the caller checks shapes. */
export function fromPeft(tensors: Tensors): Tensors {
  const memory = [...tensors].map(([name, tensor]): [string, Tensor] => {
    if (!name.startsWith(PREFIX) || !name.endsWith(WEIGHT) || tensor.shape.length !== 2)
      throw failure('ADAPTER_TENSORS', `${name} is not a matrix of an adapter`, {
        details: { tensor: name, shape: tensor.shape },
      })
    return [name.slice(PREFIX.length, -WEIGHT.length), transpose(tensor)]
  })
  return new Map(memory)
}

/**
 * Both directions for a method with vectors `<site><ending>` besides its matrices: PEFT stores them without `.weight`.
 */
export function withVectors(ending: string) {
  const parted = (tensors: Tensors) => {
    const isVector = ([name]: readonly [string, Tensor]) => name.endsWith(ending)
    const all = [...tensors]
    return {
      matrices: new Map(all.filter((entry) => !isVector(entry))),
      vectors: all.filter(isVector),
    }
  }
  return {
    toDisk(parameters: Tensors): Tensors {
      const { matrices, vectors } = parted(parameters)
      const named = vectors.map(([name, tensor]) => [PREFIX + name, copyOf(tensor)] as const)
      return new Map([...toPeft(matrices), ...named])
    },
    fromDisk(tensors: Tensors): Tensors {
      const { matrices, vectors } = parted(tensors)
      const named = vectors.map(([name, tensor]) => {
        if (!name.startsWith(PREFIX) || tensor.shape.length !== 1)
          throw failure('ADAPTER_TENSORS', `${name} is not a vector of an adapter`, {
            details: { tensor: name, shape: tensor.shape },
          })
        return [name.slice(PREFIX.length), copyOf(tensor)] as const
      })
      return new Map([...fromPeft(matrices), ...named])
    },
  }
}

function copyOf({ shape, data }: Tensor): Tensor {
  return { shape: [...shape], data: data.slice() }
}

/** Full module paths as targets: PEFT then adapts exactly these and no module of the same name elsewhere. */
export function loraConfig(
  config: LowRankConfig,
  sites: readonly LowRankSite[],
  base: Base,
): Readonly<Record<string, Json>> {
  const { rank, alpha, dropout = 0, rslora = false } = config
  const others = sites.filter((site) => site.rank !== rank)
  return {
    ...loraCommon(base),
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: rslora,
    target_modules: sites.map(({ name }) => name),
    ...(others.length > 0 && {
      rank_pattern: Object.fromEntries(others.map((site) => [site.name, site.rank])),
    }),
  }
}

/** `feedForward`: the target modules with scaled inputs. */
export function ia3Config(
  sites: readonly TargetModule[],
  feedForward: readonly TargetModule[],
  base: Base,
): Readonly<Record<string, Json>> {
  return {
    ...common(base),
    peft_type: 'IA3',
    fan_in_fan_out: false,
    init_ia3_weights: true,
    target_modules: sites.map(({ name }) => name),
    feedforward_modules: feedForward.map(({ name }) => name),
  }
}

/** Copies of whole norms: `<site>.weight` → `base_model.model.<site>.ln_tuning_layers.weight`, a vector both ways. */
export const lnTuningNames = {
  toDisk: (parameters: Tensors): Tensors =>
    new Map(
      [...parameters].map(([name, tensor]) => {
        const dot = name.lastIndexOf('.')
        return [PREFIX + name.slice(0, dot) + LN_TUNING + name.slice(dot), copyOf(tensor)]
      }),
    ),
  fromDisk: (tensors: Tensors): Tensors =>
    new Map(
      [...tensors].map(([name, tensor]) => {
        if (
          !name.startsWith(PREFIX) ||
          !name.includes(`${LN_TUNING}.`) ||
          tensor.shape.length !== 1
        )
          throw failure('ADAPTER_TENSORS', `${name} is not a vector of a norm`, {
            details: { tensor: name, shape: tensor.shape },
          })
        return [name.slice(PREFIX.length).replace(`${LN_TUNING}.`, '.'), copyOf(tensor)]
      }),
    ),
}

export function lnTuningConfig(
  norms: readonly TargetModule[],
  base: Base,
): Readonly<Record<string, Json>> {
  return {
    ...common(base),
    peft_type: 'LN_TUNING',
    target_modules: norms.map(({ name }) => name),
  }
}

/** PEFT's term for an adapter without modules. */
export function emptyConfig(base: Base): Readonly<Record<string, Json>> {
  return { ...loraCommon(base), r: 1, lora_alpha: 1, target_modules: 'dummy-target-modules' }
}

function loraCommon(base: Base): Readonly<Record<string, Json>> {
  return {
    ...common(base),
    peft_type: 'LORA',
    fan_in_fan_out: false,
    bias: 'none',
    init_lora_weights: true,
    lora_dropout: 0,
    use_dora: false,
    use_rslora: false,
  }
}

function common(base: Base): Readonly<Record<string, Json>> {
  return {
    task_type: 'FEATURE_EXTRACTION',
    base_model_name_or_path: base.hub ?? base.name,
    inference_mode: true,
    modules_to_save: null,
    revision: null,
  }
}

/** [rows, columns] → [columns, rows]; a vector is unchanged. */
export function transpose({ shape, data }: Tensor): Tensor {
  return shape.length < 2 ? { shape, data: data.slice() } : transposed({ shape, data })
}

/**
 * The on-disk layout of methods that replace weights of the base: a part of the network's own state dict. Names are the
 * base's, without a prefix, and matrices [out, in] as in torch, so that `load_state_dict(…, strict=False)` of the
 * Hugging Face model accepts a version directly.
 *
 * `<site>.weight` [in, out] → [out, in].
 */
export function toStateDict(parameters: Tensors): Tensors {
  return new Map([...parameters].map(([name, tensor]) => [name, transpose(tensor)]))
}

/** The inverse; the caller checks names and shapes. */
export function fromStateDict(tensors: Tensors): Tensors {
  return toStateDict(tensors)
}

/**
 * A type that PEFT refuses by name: if PEFT opened it as one of its own, such a version would silently be the bare
 * base.
 */
export function stateDictConfig(method: string, base: Base): Readonly<Record<string, Json>> {
  return { peft_type: method.toUpperCase(), base_model_name_or_path: base.hub ?? base.name }
}
