/**
 * The real Hugging Face PEFT, which the tests of the exchange of adapters run against: a virtual environment in the cache
 * that all checkouts of this user share. Wanted in CI.
 *
 * On Linux, PyPI's torch asks for 2.5 GB of CUDA libraries that a machine without a GPU never calls. Where torch only has
 * to find them, empty libraries of the same names stand in for them, resolved when called, that is never.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './errors.mjs'
import { places as standardPlaces } from './places.mjs'
import { runTool, tellingLine } from './tool.mjs'
import { which } from './which.mjs'

export const PEFT_VERSION = '0.21.2'

/** Pinned with everything that they import, so that CI compares the same numbers for ever. */
const TORCH = ['torch==2.15.0', 'nvidia-cuda-runtime==13.5.37', 'nvidia-cuda-cupti==13.5.25']
const OTHERS = [
  `peft==${PEFT_VERSION}`,
  'transformers==5.24.0 accelerate==1.15.0 safetensors==0.8.0 tokenizers==0.23.3 huggingface_hub==2.4.0',
  'numpy==2.4.6 sympy==1.14.0 mpmath==1.4.1 networkx==3.6.1 Jinja2==3.1.6 MarkupSafe==3.0.4 fsspec==2026.9.0',
  'filelock==4.2.12 packaging==26.3 psutil==7.2.2 PyYAML==6.0.4 regex==2026.11.19 tqdm==4.70.1 hf-xet==1.8.0',
  'typer==0.29.2 click==8.5.1 rich==15.0.0 shellingham==1.5.4 Pygments==2.21.0 markdown-it-py==4.3.0 mdurl==0.1.2',
  'annotated-doc==0.0.7 typing_extensions==4.16.0 anyio==4.16.0 h11==0.16.0 idna==3.20 setuptools==80.9.0',
  'httpx2==2.16.2 httpcore2==2.16.2 truststore==0.10.5',
].flatMap((line) => line.split(' '))
