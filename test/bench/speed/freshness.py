"""
The peer of speed-freshness: python speed-freshness.py <head|lora> <model folder> <port> <folder, or --> [usual]

FastAPI over MiniLM with a linear head and, for `lora`, PEFT's LoRA r = 8 on query and value of the top layer. A process with a model of
its own takes events from a queue: each is one step of AdamW beside 16 examples of a reservoir of 500, and the tensors that it has
changed are copied into the serving model under a lock. With a folder, an event is on disk before its 202, and an adapter before it
answers; with `--` nothing outlives the process. Beneath a bare head nothing is trained, so its embeddings are kept instead of texts.

`usual`: as such a loop is mostly written. LoRA acts on all layers, as PEFT does where no layers are named; each step embeds its texts;
the adapter is saved and the serving model takes it from its folder, by PEFT's `hotswap_adapter`, without waiting for the disk.
"""

import contextlib
import json
import multiprocessing
import os
import random
import sqlite3
import sys
import threading

KIND, FOLDER, PORT, KEPT = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
IS_USUAL = sys.argv[5:] == ["usual"]
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from peft import LoraConfig, get_peft_model
from peft.utils.hotswap import hotswap_adapter
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

REPLAY, RESERVOIR, MAX_TOKENS = 16, 500, 48
KEEPS_EMBEDDINGS = KIND == "head" and not IS_USUAL
LABELS = ["negative", "positive"]
torch.set_num_threads(1)
torch.manual_seed(1)


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.tokenizer = AutoTokenizer.from_pretrained(FOLDER)
        encoder = AutoModel.from_pretrained(FOLDER, add_pooling_layer=False)
        for parameter in encoder.parameters():
            parameter.requires_grad = False
        layers = encoder.config.num_hidden_layers
        where = {} if IS_USUAL else {"layers_to_transform": [layers - 1], "layers_pattern": "layer"}
        lora = LoraConfig(r=8, lora_alpha=16, target_modules=["query", "value"], **where)
        self.encoder = get_peft_model(encoder, lora) if KIND == "lora" else encoder
        self.head = torch.nn.Linear(encoder.config.hidden_size, len(LABELS))
        # No dropout: a step would only be blurred by it.
        self.eval()

    def embed(self, texts):
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        hidden = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return 10 * torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)

    def learned(self):
        return {name: tensor for name, tensor in self.named_parameters() if tensor.requires_grad}


def train(events, versions):
    model, chance, kept, seen = Classifier(), random.Random(1), [], 0
    groups = [
        {"params": list(model.head.parameters()), "lr": 1e-2},
        {"params": [p for p in model.encoder.parameters() if p.requires_grad], "lr": 1e-3},
    ]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]])
    learned = model.learned()
    versions.send(None)
    while True:
        text, label = events.get()
        seen += 1
        row = (text, label)
        if KEEPS_EMBEDDINGS:
            with torch.no_grad():
                row = (model.embed([text]), label)
        rows = [row, *chance.sample(kept, min(REPLAY, len(kept)))]
        inputs = [each for each, _ in rows]
        logits = model.head(torch.cat(inputs) if KEEPS_EMBEDDINGS else model.embed(inputs))
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([label for _, label in rows]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned.values(), 1.0)
        optimizer.step()
        if len(kept) < RESERVOIR:
            kept.append(row)
        elif (place := chance.randrange(seen)) < RESERVOIR:
            kept[place] = row
        if IS_USUAL:
            versions.send((seen, saved_version(model, seen)))
            continue
        if KEPT != "--":
            keep_version(model, seen)
        versions.send((seen, {name: tensor.detach().numpy() for name, tensor in learned.items()}))


def saved_version(model, number):
    folder = os.path.join(KEPT, f"v{number}")
    os.makedirs(folder)
    if KIND == "lora":
        model.encoder.save_pretrained(folder)
    save_file(dict(model.head.state_dict()), os.path.join(folder, "head.safetensors"))
    return folder


def swap_to(folder, model):
    if KIND == "lora":
        hotswap_adapter(model.encoder, folder, adapter_name="default")
    model.head.load_state_dict(load_file(os.path.join(folder, "head.safetensors")))


def keep_version(model, number):
    """Complete or absent, also after a power cut."""
    work, target = os.path.join(KEPT, f".v{number}"), os.path.join(KEPT, f"v{number}")
    os.makedirs(work)
    if KIND == "lora":
        model.encoder.save_pretrained(work)
    save_file(dict(model.head.state_dict()), os.path.join(work, "head.safetensors"))
    with open(os.path.join(work, "manifest.json"), "w") as file:
        json.dump({"version": number, "labels": LABELS}, file)
    for name in os.listdir(work):
        synced(os.path.join(work, name))
    synced(work)
    os.rename(work, target)
    synced(KEPT)


def synced(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


class Journal:
    """Events, on disk when `add` returns."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.store = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.store.execute("PRAGMA journal_mode = WAL")
        self.store.execute("PRAGMA synchronous = FULL")
        self.store.execute("CREATE TABLE events (at INTEGER PRIMARY KEY, text TEXT, label TEXT)")

    def add(self, text, label):
        with self.lock:
            self.store.execute("INSERT INTO events (text, label) VALUES (?, ?)", (text, label))


def serve():
    import fastapi
    import peft
    import transformers
    import uvicorn
    from pydantic import BaseModel

    class Asked(BaseModel):
        inputs: list[str]

    class Event(BaseModel):
        text: str
        label: str

    context = multiprocessing.get_context("spawn")
    events, (versions, told) = context.SimpleQueue(), context.Pipe(duplex=False)
    trainer = context.Process(target=train, args=(events, told), daemon=True)
    trainer.start()
    journal = None if KEPT == "--" or IS_USUAL else Journal(os.path.join(KEPT, "events.db"))
    model, lock, served = Classifier(), threading.Lock(), 0
    learned, changed = model.learned(), threading.Condition()
    versions.recv()

    def follow():
        nonlocal served
        while True:
            version, made = versions.recv()
            with lock, torch.no_grad():
                if IS_USUAL:
                    swap_to(made, model)
                else:
                    for name, tensor in made.items():
                        learned[name].copy_(torch.from_numpy(tensor))
                served = version
            with changed:
                changed.notify_all()

    threading.Thread(target=follow, daemon=True).start()

    @contextlib.asynccontextmanager
    async def lifespan(_):
        yield
        trainer.terminate()

    app = fastapi.FastAPI(lifespan=lifespan)

    @app.get("/facts")
    def facts():
        packages = {each.__name__: each.__version__ for each in (torch, transformers, peft, fastapi, uvicorn)}
        return {**packages, "threads": torch.get_num_threads()}

    @app.get("/version")
    def version(reached: int = 0):
        with changed:
            changed.wait_for(lambda: served >= reached, timeout=30)
        return {"version": served}

    @app.post("/predict")
    def predict(asked: Asked):
        with lock, torch.inference_mode():
            scores = torch.softmax(model.head(model.embed(asked.inputs)), -1).tolist()
            version = served
        answers = [{"label": LABELS[row.index(max(row))], "score": max(row)} for row in scores]
        return {"version": version, "predictions": answers}

    @app.post("/feedback", status_code=202)
    def feedback(event: Event):
        if journal is not None:
            journal.add(event.text, event.label)
        events.put((event.text, LABELS.index(event.label)))
        return {"accepted": 1}

    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", access_log=False)


if __name__ == "__main__":
    serve()
