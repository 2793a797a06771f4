/** A trainer process that hangs in native code, or something like it: it says nothing and hears nothing. */
import type { TrainerProgram } from '../../src/trainer/process/process.ts'

export const openTrainerLoops: TrainerProgram['openTrainerLoops'] = () => {
  for (;;);
}
