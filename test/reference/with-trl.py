"""
Made trl.json: the losses and gradients of TRL on one batch of each kind, for our own to be held against. To make it again
(torch 2.15.0, transformers 5.24.0, peft 0.21.2, trl 1.16.0):

    python -m venv VENV && VENV/bin/pip install torch transformers peft trl
    VENV/bin/python test/reference/with-trl.py

The network is tiny-causal/llama with a LoRA adapter of random tensors, which are in the file as PEFT stores them. Each case has the
token ids that TRL made of its texts, the loss of its trainer and the length of the gradient of the adapter.
"""

import base64
import json
import os
import tempfile
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, RLOOConfig, RLOOTrainer, SFTConfig, SFTTrainer

HERE = Path(__file__).parent
BASE = HERE / "tiny-causal" / "llama"
torch.set_num_threads(1)

TOKENIZER = PreTrainedTokenizerFast(tokenizer_file=str(BASE / "tokenizer.json"))
NAMES = TOKENIZER.convert_ids_to_tokens([1, 2])
TOKENIZER.bos_token, TOKENIZER.eos_token, TOKENIZER.pad_token = NAMES[0], NAMES[1], NAMES[1]

PAIRS = [
    {"prompt": "The parcel is late.", "chosen": " We are sorry, it is on its way.", "rejected": " So what?"},
    {"prompt": "Hello", "chosen": " Hi! How can we help?", "rejected": " Go away, we are closed today."},
    {"prompt": "Can I return it?", "chosen": " Yes.", "rejected": " No, never."},
]
RATINGS = [
    {"prompt": "The parcel is late.", "completion": " We are sorry.", "label": True},
    {"prompt": "Hello", "completion": " Go away, we are closed today.", "label": False},
    {"prompt": "Can I return it?", "completion": " Yes, you can.", "label": True},
    {"prompt": "It broke", "completion": " Bad luck.", "label": False},
]

REWARDED = [
    ("The parcel is late.", [(" We are sorry.", 1.0), (" So what?", 0.0), (" It is on its way.", 0.6)]),
    ("Hello", [(" Hi! How can we help?", 0.9), (" Go away, we are closed today.", 0.1), (" Hello.", 0.4)]),
]


def model():
    base = LlamaForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    return get_peft_model(
        base,
        LoraConfig(r=2, lora_alpha=4, target_modules=r".*layers\.1\.self_attn\.(q_proj|v_proj)", task_type="CAUSAL_LM"),
    )


def draw(adapted):
    """After its trainer has kept a copy of the fresh adapter, which leaves the base as it is, for a reference."""
    torch.manual_seed(7)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name and ".default." in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return adapted


def arguments(kind, **more):
    lengths = {} if kind is RLOOConfig else {"max_length": 64}
    sizes = {"per_device_train_batch_size": 4, **lengths, **more}
    return kind(
        output_dir=tempfile.mkdtemp(), report_to=[], use_cpu=True, gradient_checkpointing=False, bf16=False, **sizes
    )


def case(name, trainer, settings):
    batch = next(iter(trainer.get_train_dataloader()))
    network = draw(trainer.model)
    network.eval()
    loss = trainer.compute_loss(network, batch)
    loss.backward()
    squares = [p.grad.pow(2).sum() for p in network.parameters() if p.grad is not None]

    def rows(ids, mask):
        return [
            {
                "ids": [int(i) for i, a in zip(line, attended) if a],
                "answer": sum(int(c) for c in kept),
            }
            for line, kept, attended in zip(batch[ids].tolist(), mask.tolist(), batch[ids.replace("input_ids", "attention_mask")].tolist())
        ]

    if "completion_mask" in batch:
        mask = batch["completion_mask"]
    else:
        mask = (batch["labels"] != -100).long()
    found = {
        "name": name,
        "settings": settings,
        "rows": rows("input_ids", mask),
        "loss": float(loss.detach()),
        "gradient": float(torch.stack(squares).sum().sqrt()),
    }
    if "KL_input_ids" in batch:
        found["mismatched"] = rows("KL_input_ids", batch["KL_completion_mask"])
        found["ratings"] = [1 if label else -1 for label in batch["label"].tolist()]
    return found


def rewarded_case(name, settings):
    """Answers that are given, in place of those that the trainer would draw. Its loss is 0 but for its slope, so the one in the file is
    the square with that slope, of the trainer's own advantages."""
    size = len(REWARDED[0][1])
    prompts = [{"prompt": prompt} for prompt, _ in REWARDED]
    texts = [answer for _, answers in REWARDED for answer, _ in answers]
    rewards = [reward for _, answers in REWARDED for _, reward in answers]
    config = arguments(RLOOConfig, per_device_train_batch_size=len(texts), num_generations=size, **settings)
    trainer = RLOOTrainer(
        model=model(), args=config, train_dataset=Dataset.from_list(prompts), processing_class=TOKENIZER,
        reward_funcs=lambda completions, **_: rewards,
    )
    ids = [[*TOKENIZER(text, add_special_tokens=False)["input_ids"], TOKENIZER.eos_token_id] for text in texts]
    trainer._generate_single_turn = lambda *_: ids
    network = draw(trainer.model)
    network.eval()
    batch = trainer._generate_and_score_completions([each for each in prompts for _ in range(size)])
    trainer._compute_loss(network, batch).backward()
    squares = [p.grad.pow(2).sum() for p in network.parameters() if p.grad is not None]
    advantages = batch["advantages"]
    loss = advantages.pow(2).sum() * (size - 1) / (2 * settings["beta"] * size**2) / len(REWARDED)
    kept = [
        [int(i) for i, a in zip(line, mask) if a]
        for line, mask in zip(batch["prompt_ids"].tolist(), batch["prompt_mask"].tolist())
    ]
    return {
        "name": name,
        "settings": settings,
        "rows": [{"ids": [*prompt, *answer], "answer": len(answer)} for prompt, answer in zip(kept, ids)],
        "rewards": [[reward for _, reward in answers] for _, answers in REWARDED],
        "loss": float(loss),
        "gradient": float(torch.stack(squares).sum().sqrt()),
    }


def main():
    network = draw(model())
    tensors = {
        name.replace(".default", ""): {
            "shape": list(value.shape),
            "data": base64.b64encode(value.detach().numpy().astype("<f4").tobytes()).decode(),
        }
        for name, value in network.named_parameters()
        if "lora_" in name
    }
    completions = [{"prompt": each["prompt"], "completion": each["chosen"]} for each in PAIRS]
    common = {"processing_class": TOKENIZER}
    cases = []
    for name, some in (("sft", completions[:1]), ("sft of unequal answers", completions)):
        trainer = SFTTrainer(model=model(), args=arguments(SFTConfig), train_dataset=Dataset.from_list(some), **common)
        cases.append(case(name, trainer, {}))
    for beta in (0.1, 0.7):
        trainer = DPOTrainer(
            model=model(), args=arguments(DPOConfig, beta=beta), train_dataset=Dataset.from_list(PAIRS), **common
        )
        cases.append(case(f"dpo {beta}", trainer, {"beta": beta}))
    for beta, up, down in ((0.1, 1.0, 1.0), (0.5, 1.5, 0.75)):
        config = arguments(KTOConfig, beta=beta, desirable_weight=up, undesirable_weight=down)
        trainer = KTOTrainer(model=model(), args=config, train_dataset=Dataset.from_list(RATINGS), **common)
        cases.append(case(f"kto {beta}", trainer, {"beta": beta, "up_weight": up, "down_weight": down}))
    for beta in (0.1, 0.7):
        cases.append(rewarded_case(f"rloo {beta}", {"beta": beta}))
    text = json.dumps({"tensors": tensors, "cases": cases}, indent=1)
    (HERE / "trl.json").write_text(text + "\n", encoding="utf-8")
    for each in cases:
        print(each["name"], each["loss"], each["gradient"])


os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
main()
