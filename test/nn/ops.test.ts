import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { opBattery } from './op-battery.ts'

const { tf } = await openTensorFlow()
opBattery(tf)
