"""
Made tiny-bert/pairs.json: pairs of texts as Hugging Face transformers cut and embed them. To make it again (torch 2.15.0,
transformers 5.24.0): VENV/bin/python test/reference/pairs.py

For each encoder the ids, the types of the tokens and the mean of the last hidden state at unit length, at most 12 tokens long.
"""

import base64
import json
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

HERE = Path(__file__).parent / "tiny-bert"
LIMIT = 12
PAIRS = [
    ["What a lovely phone.", "The phone is lovely."],
    ["a", "b"],
    ["short", "word " * 40],
    ["word " * 40, "short"],
    ["one two three " * 10, "four five six " * 10],
    ["[SEP] in a text", "and a text"],
]


@torch.no_grad()
def row(tokenizer, model, first, second):
    batch = tokenizer(first, second, truncation="longest_first", max_length=LIMIT, return_tensors="pt",
                      return_token_type_ids=True)
    types = batch["token_type_ids"]
    if model.config.type_vocab_size == 1:
        types = torch.zeros_like(types)
    hidden = model(input_ids=batch["input_ids"], token_type_ids=types).last_hidden_state
    vector = torch.nn.functional.normalize(hidden.mean(dim=1), dim=-1)[0]
    return {
        "text": first,
        "text_pair": second,
        "ids": batch["input_ids"][0].tolist(),
        "types": types[0].tolist(),
        "embedding": base64.b64encode(vector.numpy().astype("<f4").tobytes()).decode(),
    }


found = {}
for name in ["half", "bfloat", "prefixed"]:
    tokenizer = AutoTokenizer.from_pretrained(HERE / name)
    model = AutoModel.from_pretrained(HERE / name, dtype=torch.float32).eval()
    found[name] = [row(tokenizer, model, *pair) for pair in PAIRS]
(HERE / "pairs.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
