/** The base `onnx` as a plug-in: a network of the user's that turns one picture into one vector or map. */
import type { Settings, SettingsOf } from '../../contracts/core.ts'
import type { BasePlugin } from '../../contracts/base.ts'
import { frozenPicturesRecipe } from '../pulled/defaults.ts'

const channels = (byDefault: readonly number[], what: string) =>
  ({
    type: 'list',
    of: { type: 'number', minimum: -1000, maximum: 1000 },
    minItems: 3,
    maxItems: 3,
    default: byDefault,
    description: `${what} of red, green and blue, of pixels from 0 to 1; ImageNet's if absent`,
  }) as const satisfies Settings[string]

const settings = {
  file: {
    type: 'path',
    required: true,
    description: 'an .onnx file: one picture in, one vector or map out',
  },
  size: {
    type: 'integer',
    minimum: 1,
    maximum: 1024,
    description: 'pixels along a side; absent = as the file declares its input',
  },
  mean: channels([0.485, 0.456, 0.406], 'mean'),
  std: channels([0.229, 0.224, 0.225], 'standard deviation'),
  fit: {
    type: 'choice',
    options: ['squeeze', 'crop'],
    default: 'squeeze',
    description: 'squeeze: the whole picture into a square; crop: the middle square of it',
  },
} as const satisfies Settings

export const onnx = {
  summary:
    'a network of pictures of your own as an ONNX file (CLIP, DINOv2, SigLIP exports), for heads and closed forms; if no adapter is chosen, RanPAC where answers are labels, otherwise a head',
  settings,
  defaults: () => frozenPicturesRecipe,
  open: async (options: SettingsOf<typeof settings>) =>
    (await import('./onnx.ts')).openOnnx(options),
} satisfies BasePlugin
