"""
The other side of the exchange of adapters, for tests that run against the real Hugging Face PEFT:

    train FOLDER [CASE …]      trains adapters on tiny-bert/half in several ways, as users write them
    open ADAPTER               opens an adapter of ours
    pairs ADAPTER ROWS         opens one of pairs; of each row [ids, place of the second text] its embedding at unit length
    classify ADAPTER           opens an export of ours as a classifier of tokens, or of sequences with any number of labels, trains
                               a step of it and saves it to ADAPTER-on
    snippet FOLDER HUB BASE    runs the Python of an exported version's README.md there, with the folder BASE for the
                               name HUB; answers the lines that it prints

`python real-peft.py serve` reads such requests, each a line with a list in JSON, and answers each with a line in JSON.

`train` writes FOLDER/<case>, as `save_pretrained` leaves it, and FOLDER/<case>.json: for each text its embedding at unit
length under the adapter and, where the case trained a classifier, its logits. Both are computed after the folder was opened
again. `open` answers the same rows.
"""

import contextlib
import io
import json
import os
import sys
import traceback
import warnings
from pathlib import Path

import torch
from peft import (
    AutoPeftModelForSequenceClassification,
    AutoPeftModelForTokenClassification,
    IA3Config,
    LoraConfig,
    PeftModel,
    get_peft_model,
)
from transformers import BertConfig, BertForSequenceClassification, BertModel, DistilBertConfig, DistilBertModel

HERE = Path(__file__).parent
BASE = HERE / "tiny-bert" / "half"
ROWS = json.loads((BASE / "reference.json").read_text(encoding="utf-8"))
LABELS = 2
# The networks are tiny: a second thread would only wait for the first.
torch.set_num_threads(1)


class Sentence(torch.nn.Module):
    """How sentence encoders are tuned: a classifier on the mean over the tokens, at unit length."""

    def __init__(self, base=BASE):
        super().__init__()
        self.name_or_path = str(base)
        self.encoder = BertModel.from_pretrained(base, dtype=torch.float32)
        self.classifier = torch.nn.Linear(self.encoder.config.hidden_size, LABELS)

    def forward(self, ids):
        return self.classifier(embed(self.encoder, ids))


def embed(encoder, ids):
    batch = torch.tensor([ids])
    hidden = encoder(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state
    return torch.nn.functional.normalize(hidden.mean(dim=1), dim=-1)[0]


def train(model, loss_of, steps=25):
    model.train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.02)
    for step in range(steps):
        at = step % len(ROWS)
        loss = loss_of(ROWS[at]["ids"], at % LABELS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def cross_entropy(logits, label):
    return torch.nn.functional.cross_entropy(logits[None], torch.tensor([label]))


@torch.no_grad()
def rows_of(embedding_of, logits_of=None):
    return [
        {
            "text": row["text"],
            "embedding": embedding_of(row["ids"]).tolist(),
            **({"logits": logits_of(row["ids"]).tolist()} if logits_of else {}),
        }
        for row in ROWS
    ]


def sentence(folder, config=LoraConfig, **settings):
    """With a classifier, on a class of the user's own."""
    torch.manual_seed(7)
    model = get_peft_model(Sentence(), config(modules_to_save=["classifier"], **settings))
    train(model, lambda ids, label: cross_entropy(model(ids), label))
    model.save_pretrained(folder)
    again = PeftModel.from_pretrained(Sentence(), folder).eval()
    encoder = again.base_model.model.encoder
    return rows_of(lambda ids: embed(encoder, ids), lambda ids: again(ids))


def encoder(folder, base=BASE, config=LoraConfig, **settings):
    """The bare network, towards embeddings that were chosen beforehand."""
    torch.manual_seed(7)
    load = lambda: BertModel.from_pretrained(base, dtype=torch.float32)
    model = get_peft_model(load(), config(task_type="FEATURE_EXTRACTION", **settings))
    wanted = torch.nn.functional.normalize(torch.randn(LABELS, model.config.hidden_size), dim=-1)
    train(model, lambda ids, label: 1 - embed(model, ids) @ wanted[label])
    model.save_pretrained(folder)
    again = PeftModel.from_pretrained(load(), folder).eval()
    return rows_of(lambda ids: embed(again, ids))


def sequence(folder, **settings):
    """The class of transformers for sequences, whose classifier reads the pooled [CLS]."""
    torch.manual_seed(7)
    base = BertForSequenceClassification.from_pretrained(BASE, dtype=torch.float32, num_labels=LABELS)
    model = get_peft_model(base, LoraConfig(task_type="SEQ_CLS", **settings))
    train(model, lambda ids, label: cross_entropy(model(input_ids=torch.tensor([ids])).logits[0], label))
    model.save_pretrained(folder)
    model.eval()
    return rows_of(lambda ids: embed(model.base_model.model.bert, ids))


def other(folder, load, **settings):
    """Another network altogether; nobody asks what it answers. B is drawn at random, as if it had been trained."""
    torch.manual_seed(7)
    get_peft_model(load(), LoraConfig(init_lora_weights=False, **settings)).save_pretrained(folder)
    return []


QV = ["query", "value"]
FEED_FORWARD = r"layer\.\d+\.output\.dense"
CASES = {
    "list": lambda at: sentence(at, r=2, lora_alpha=5, target_modules=QV),
    "expression": lambda at: sentence(at, r=2, lora_alpha=5, target_modules=r".*\.layer\.1\..*\.(query|value)"),
    "layers": lambda at: sentence(at, r=2, lora_alpha=5, target_modules=QV, layers_to_transform=[1]),
    "stabilised": lambda at: sentence(at, r=4, lora_alpha=6, target_modules=QV, use_rslora=True),
    "patterns": lambda at: sentence(
        at, r=8, lora_alpha=8, target_modules=QV, rank_pattern={"query|value": 2}, alpha_pattern={"value": 5, "query": 5}
    ),
    "all-linear": lambda at: encoder(at, r=3, lora_alpha=6, target_modules="all-linear"),
    "dropout": lambda at: encoder(at, r=2, lora_alpha=5, target_modules=QV, lora_dropout=0.1, init_lora_weights="gaussian"),
    "decomposed": lambda at: sentence(at, r=2, lora_alpha=5, target_modules=QV, use_dora=True),
    "decomposed-stabilised": lambda at: encoder(
        at, r=4, lora_alpha=6, target_modules="all-linear", use_dora=True, use_rslora=True, rank_pattern={"value": 2}
    ),
    "scales": lambda at: sentence(
        at, IA3Config, target_modules=rf".*\.(key|value|{FEED_FORWARD})", feedforward_modules=rf".*\.{FEED_FORWARD}"
    ),
    "scaled-answers": lambda at: encoder(
        at, config=IA3Config, target_modules=["key", "value", "intermediate.dense"], feedforward_modules=[]
    ),
    "scaled-inputs": lambda at: encoder(at, config=IA3Config, target_modules=QV, feedforward_modules=["value"]),
    "uneven-ranks": lambda at: encoder(at, r=2, lora_alpha=5, target_modules=QV, rank_pattern={"value": 3}),
    "biased": lambda at: encoder(at, r=2, lora_alpha=5, target_modules=QV, bias="lora_only"),
    "pissa": lambda at: encoder(at, r=2, lora_alpha=5, target_modules=QV, init_lora_weights="pissa"),
    "embeddings": lambda at: encoder(at, r=2, lora_alpha=5, target_modules=[*QV, "word_embeddings"]),
    "sequence": lambda at: sequence(at, r=2, lora_alpha=5, target_modules=QV),
    "other-base": lambda at: encoder(at, base=HERE / "tiny-bert" / "bfloat", r=2, lora_alpha=5, target_modules=QV),
    "other-network": lambda at: other(
        at,
        lambda: DistilBertModel(DistilBertConfig(dim=16, hidden_dim=24, n_heads=4, n_layers=2, vocab_size=14)),
        **{"r": 2, "target_modules": ["q_lin", "v_lin"]},
    ),
    "other-size": lambda at: other(
        at,
        lambda: BertModel(BertConfig(hidden_size=32, intermediate_size=24, num_attention_heads=4, num_hidden_layers=2, vocab_size=14)),
        **{"r": 2, "lora_alpha": 5, "target_modules": QV},
    ),
    "more-layers": lambda at: other(
        at,
        lambda: BertModel(BertConfig(hidden_size=16, intermediate_size=24, num_attention_heads=4, num_hidden_layers=3, vocab_size=14)),
        **{"r": 2, "lora_alpha": 5, "target_modules": QV},
    ),
}


def opened(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        base = BertModel.from_pretrained(BASE, dtype=torch.float32)
        return PeftModel.from_pretrained(base, folder).eval()


@torch.no_grad()
def pairs(folder, rows):
    model = opened(folder)
    embeddings = []
    for ids, second in rows:
        given = {"input_ids": torch.tensor([ids]), "token_type_ids": torch.tensor([[int(at >= second) for at in range(len(ids))]])}
        hidden = model(**given).last_hidden_state
        embeddings.append(torch.nn.functional.normalize(hidden.mean(dim=1), dim=-1)[0].tolist())
    return embeddings


def pooled(module, given, named, output):
    """In place of the pooled [CLS]: what our heads read."""
    hidden = output["last_hidden_state"]
    output["pooler_output"] = torch.nn.functional.normalize(hidden.mean(dim=1), dim=-1)
    return output


def loaded(folder, labels, task_type, is_trainable):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        given = {"dtype": "float32", "is_trainable": is_trainable}
        if task_type == "TOKEN_CLS":
            return AutoPeftModelForTokenClassification.from_pretrained(folder, num_labels=1 + 4 * labels, **given)
        model = AutoPeftModelForSequenceClassification.from_pretrained(
            folder, num_labels=labels, problem_type="multi_label_classification", **given
        )
    model.base_model.model.bert.register_forward_hook(pooled, with_kwargs=True)
    return model


def classified(folder, go_on=True):
    """The logits of each position, or of each text, before and after a step whose result is saved."""
    labels = len(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["labels"])
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    (folder / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": str(BASE)}), encoding="utf-8")
    model = loaded(folder, labels, config["task_type"], go_on).eval()
    logits = lambda ids: model(input_ids=torch.tensor([ids])).logits[0]
    rows = [{"text": row["text"], "logits": logits(row["ids"]).flatten().tolist()} for row in ROWS]
    if not go_on:
        return rows
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    if config["task_type"] == "TOKEN_CLS":
        sum(logits(row["ids"]).logsumexp(-1).sum() for row in ROWS).backward()
    for at, row in enumerate(ROWS if config["task_type"] == "SEQ_CLS" else []):
        said = torch.tensor([[float((at + label) % 2) for label in range(labels)]])
        model(input_ids=torch.tensor([row["ids"]]), labels=said).loss.backward()
    optimizer.step()
    on = folder.with_name(folder.name + "-on")
    model.save_pretrained(on)
    for name in ("manifest.json", "head.safetensors"):
        (on / name).write_bytes((folder / name).read_bytes())
    return [*rows, *classified(on, go_on=False)]


def printed(folder, hub, base):
    code = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    # PEFT looks up the base in the file that names it.
    config = folder / "adapter_config.json"
    config.write_text(config.read_text(encoding="utf-8").replace(hub, base), encoding="utf-8")
    lines = io.StringIO()
    before = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(lines):
            exec(code.replace(hub, base), {})
    finally:
        os.chdir(before)
    return lines.getvalue().splitlines()


def answered(what, folder, *names):
    if what == "snippet":
        return printed(Path(folder), *names)
    if what == "classify":
        return classified(Path(folder))
    if what == "pairs":
        return pairs(Path(folder), json.loads(names[0]))
    if what == "open":
        model = opened(Path(folder))
        return rows_of(lambda ids: embed(model, ids))
    for name in names or CASES:
        rows = CASES[name](Path(folder) / name)
        (Path(folder) / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    return []


if __name__ == "__main__":
    if sys.argv[1] != "serve":
        print(json.dumps(answered(*sys.argv[1:])))
        sys.exit()
    for line in sys.stdin:
        try:
            answer = {"rows": answered(*json.loads(line))}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)
