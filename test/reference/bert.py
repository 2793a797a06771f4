"""
Made minilm.json and tiny-bert/: what PyTorch and Hugging Face transformers answer, for our own network to be held
against. To make them again (torch 2.15.0, transformers 5.24.0):

    python -m venv VENV && VENV/bin/pip install torch transformers
    VENV/bin/python test/reference/bert.py FOLDER_OF_MINILM

minilm.json has, for each text, its token ids at most 64 long and its embedding (base64 of little-endian float32):
the mean of the last hidden state over the real tokens, at unit length, as sentence-transformers define it.

tiny-bert/ has three random encoders of two layers, which differ in what a checkpoint may differ in: prefix, precision,
activation, epsilon, number of token types. Their embeddings are computed in float32 from the stored numbers.
"""

import base64
import json
import shutil
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

HERE = Path(__file__).parent
LIMIT = 64
TEXTS = [
    "What a lovely phone.",
    "The battery died after two days, and nobody answered my mails.",
    "a",
    "I wouldn't recommend it to my worst enemy!!!",
    "unaffable antidisestablishmentarianism",
    "Ünïcödé àccents, ça va?",
    "e\u0301 and \u00e9",
    "日本語のテキスト and 中文",
    "😀 faces 👩‍👩‍👧 and ☃",
    "tabs\tand\nnew lines",
    "  spaces   everywhere  ",
    "$5.99 (was: $7.50) -- 20% off; see http://example.com/?a=1&b=2#c",
    "x" * 120,
    "word " * 200,
    "Zero\u200bwidth and soft\u00adhyphen",
    "ﬁne ﷺ ① ½ Ａ",
    "[MASK] this [SEP] and [UNK]",
    "�",
    "don't, can't, it's: 'quoted' \"twice\"",
    "ALL CAPS SHOUTING",
    "İstanbul ß Σίσυφος",
    "The quick brown fox jumps over the lazy dog.",
    "1234567890 3.14159 1,000,000",
    "한국어 문장",
]


@torch.no_grad()
def embed(model, ids):
    batch = torch.tensor([ids])
    hidden = model(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state
    return torch.nn.functional.normalize(hidden.mean(dim=1), dim=-1)[0]


def rows(tokenizer, model, texts, limit):
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=limit)["input_ids"]
        vector = base64.b64encode(embed(model, ids).numpy().astype("<f4").tobytes()).decode()
        yield {"text": text, "ids": ids, "embedding": vector}


def write(path, lines):
    body = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    path.write_text(f"[\n{body}\n]\n", encoding="utf-8")


def tiny_tokenizer():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "phone", "is", "love", "##ly", "good", "bad", ".", ","]
    raw = Tokenizer(models.WordPiece({word: id for id, word in enumerate(words)}, unk_token="[UNK]"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    raw.add_special_tokens(words[:5])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


def tiny(name, kind, dtype, **options):
    torch.manual_seed(20260101)
    tokenizer = tiny_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=24,
        max_position_embeddings=12,
        initializer_range=0.5,
        **options,
    )
    model = kind(config).eval()
    # Fresh norms are ones and zeros, and fresh maps have no bias: a network that ignored them would not be noticed.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    folder = HERE / "tiny-bert" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "tokenizer_config.json").unlink()
    encoder = getattr(model, "bert", model).to(torch.float32)
    texts = ["the phone is lovely.", "good, good", "bad", "the phone is bad, the phone is good, the phone is lovely"]
    write(folder / "reference.json", rows(tokenizer, encoder, texts, 12))


minilm = Path(sys.argv[1])
write(
    HERE / "minilm.json",
    rows(AutoTokenizer.from_pretrained(minilm), BertModel.from_pretrained(minilm).eval(), TEXTS, LIMIT),
)
tiny("prefixed", BertForMaskedLM, torch.float32, hidden_act="gelu_new", layer_norm_eps=1e-5)
tiny("half", BertModel, torch.float16, hidden_act="gelu")
tiny("bfloat", BertModel, torch.bfloat16, hidden_act="relu", type_vocab_size=1)
