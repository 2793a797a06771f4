"""
The side of TRL in `lm preferences`: python lm-preferences.py <folder> <model folder> <threads>. Reads the token ids of `plan.json` and
the fresh adapter of `adapter` in the folder, trains with TRL's own trainer, and writes the adapter to `made`.

The trainers are TRL's; only their tokenizing and the order of their rows are replaced, so that both sides learn the same batches.
"""

import json
import os
import sys
import time
from pathlib import Path

folder, model_folder, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

import torch
from datasets import Dataset
from peft import PeftModel
from tokenizers import Tokenizer, models
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

torch.set_num_threads(threads)
plan = json.loads((folder / "plan.json").read_text())
way, settings, steps, size, examples = (plan[key] for key in ("way", "settings", "steps", "size", "examples"))

END = "<|im_end|>"
TOKENIZER = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.WordLevel({"<|endoftext|>": 0, "<|im_start|>": 1, END: 2}, unk_token=END)),
    pad_token=END, eos_token=END,
)


class AsGiven:
    def _prepare_dataset(self, dataset, *_args, **_more):
        return dataset

    def _get_train_sampler(self, dataset=None):
        return SequentialSampler(dataset if dataset is not None else self.train_dataset)


class Pairs(AsGiven, DPOTrainer):
    pass


class Ratings(AsGiven, KTOTrainer):
    pass


def rows():
    if way == "dpo":
        return [{"prompt_ids": e["prompt"], "chosen_ids": e["chosen"], "rejected_ids": e["rejected"]} for e in examples]
    turned = []
    for start in range(0, len(examples), size):
        batch = examples[start : start + size]
        turned += [e["completion"] for e in batch[-1:] + batch[:-1]]
    return [
        {"prompt_ids": e["prompt"], "completion_ids": e["completion"], "KL_completion_ids": other, "label": e["label"]}
        for e, other in zip(examples, turned)
    ]


base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
model = PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True)
arguments = dict(
    output_dir=str(folder / "out"), report_to=[], use_cpu=True, bf16=False, gradient_checkpointing=False, seed=1,
    per_device_train_batch_size=size, max_steps=steps, learning_rate=settings["learning_rate"], beta=settings["beta"],
    lr_scheduler_type="constant", warmup_steps=0, weight_decay=0.0, max_grad_norm=1.0, optim="adamw_torch",
    logging_steps=1, logging_nan_inf_filter=False, save_strategy="no", disable_tqdm=True, max_length=512,
)
kinds = {"dpo": (Pairs, DPOConfig), "kto": (Ratings, KTOConfig)}
trainer_kind, config_kind = kinds[way]
trainer = trainer_kind(
    model=model, args=config_kind(**arguments), train_dataset=Dataset.from_list(rows()), processing_class=TOKENIZER
)
began = time.perf_counter()
trainer.train()
seconds = round(time.perf_counter() - began)
trainer.model.save_pretrained(folder / "made", selected_adapters=["default"])
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
print(json.dumps({"losses": losses, "seconds": seconds}), flush=True)
