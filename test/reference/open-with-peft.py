"""
Made the peft.json files: what Hugging Face answers with adapters that we wrote (peft-adapters.mjs). Those of methods
that PEFT has are opened by `PeftModel.from_pretrained` without a warning, a missing tensor or one too many; PEFT refuses
the others by name, and where they are a part of the network's state dict, the model itself takes them. To make them again (torch 2.15.0,
transformers 5.24.0, peft 0.21.2):

    python -m venv VENV && VENV/bin/pip install torch transformers peft
    npm run build && node test/reference/peft-adapters.mjs && VENV/bin/python test/reference/open-with-peft.py

Each row has a text, its token ids and its embedding (base64 of little-endian float32) under the adapter. Adapters of decoders are opened
on the class for sequences, whose classifier reads the last token, and on the one for texts; both give one embedding.
"""

import base64
import json
import warnings
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import BertModel, LlamaForCausalLM, LlamaForSequenceClassification

HERE = Path(__file__).parent
BASE = HERE / "tiny-bert" / "half"
DECODER = HERE / "tiny-causal" / "llama"


@torch.no_grad()
def embed(model, ids):
    batch = torch.tensor([ids])
    hidden = model(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state
    return torch.nn.functional.normalize(hidden.mean(dim=1), dim=-1)[0]


@torch.no_grad()
def last(model, ids):
    """What the classifier of `LlamaForSequenceClassification` reads, at unit length."""
    decoder = model.base_model.model.model
    return torch.nn.functional.normalize(decoder(input_ids=torch.tensor([ids])).last_hidden_state[0, -1], dim=-1)


def opened(folder, load=lambda: BertModel.from_pretrained(BASE, dtype=torch.float32)):
    base = load()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        # Of its own LNTuning on every norm.
        warnings.filterwarnings("ignore", message="Unsupported layer type", category=UserWarning)
        model = PeftModel.from_pretrained(base, folder).eval()
    ours, theirs = load_file(folder / "adapter_model.safetensors"), get_peft_model_state_dict(model)
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name
    return model


def loaded(folder):
    try:
        PeftModel.from_pretrained(BertModel.from_pretrained(BASE, dtype=torch.float32), folder)
    except (KeyError, ValueError):
        pass
    else:
        raise AssertionError(f"PEFT took {folder.name} for one of its own")
    model = BertModel.from_pretrained(BASE, dtype=torch.float32).eval()
    ours = load_file(folder / "adapter_model.safetensors")
    assert model.load_state_dict(ours, strict=False).unexpected_keys == []
    return model


def model_of(folder):
    kind = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["peft_type"]
    return loaded(folder) if kind in ("FULL", "BITFIT") else opened(folder)


def embedding_of(folder):
    if folder.parent.name == "peft":
        model = model_of(folder)
        return lambda ids: embed(model, ids)
    kinds = (LlamaForSequenceClassification, LlamaForCausalLM)
    first, second = [opened(folder, lambda: kind.from_pretrained(DECODER, dtype=torch.float32)) for kind in kinds]

    def same(ids):
        one, other = last(first, ids), last(second, ids)
        assert torch.equal(one, other)
        return one

    return same


def write(place, base):
    for folder in sorted(path for path in (HERE / place).iterdir() if path.is_dir()):
        answer = embedding_of(folder)
        rows = [
            {
                "text": row["text"],
                "ids": row["ids"],
                "embedding": base64.b64encode(answer(row["ids"]).numpy().astype("<f4").tobytes()).decode(),
            }
            for row in json.loads((base / "reference.json").read_text(encoding="utf-8"))
        ]
        body = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        (folder / "peft.json").write_text(f"[\n{body}\n]\n", encoding="utf-8")
        print(folder.name, "opened:", len(load_file(folder / "adapter_model.safetensors")), "tensors")


write("peft", BASE)
write("peft-decoders", DECODER)
