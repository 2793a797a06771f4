"""
Made minilm.json and tiny-bert/: what PyTorch and Hugging Face transformers answer, for our own network to be held
against. To make them again (torch 2.15.0, transformers 5.24.0):

    python -m venv VENV && VENV/bin/pip install torch transformers
    VENV/bin/python test/reference/bert.py FOLDER_OF_MINILM

minilm.json has, for each text, its token ids at most 64 long and its embedding (base64 of little-endian float32):
the mean of the last hidden state over the real tokens, at unit length, as sentence-transformers define it.

tiny-bert/ has three random encoders of two layers, which differ in what a checkpoint may differ in: prefix, precision,
activation, epsilon, number of token types; one of XLM-R's family with pieces of Unigram; and one of ModernBERT with four layers, a
window of two tokens to each side. Their embeddings are computed in float32 from the stored numbers.

Without FOLDER_OF_MINILM only tiny-bert/ is made.
"""

import base64
import json
import shutil
import sys
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

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


def unigram_tokenizer():
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581the", -2.0), ("\u2581phone", -4.0)]
    pieces += [("\u2581is", -2.5), ("\u2581", -3.0), ("love", -5.0), ("ly", -4.5), ("\u2581good", -4.0), (",", -3.5), (".", -3.2)]
    pieces += [("\u2581bad", -4.2), ("\u2581\u00fcber", -6.0), ("\u7535\u8bdd", -7.0), ("lo", -6.0), ("ve", -6.5)]
    raw = Tokenizer(models.Unigram(pieces, unk_id=3))
    raw.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    raw.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    raw.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", pad_token="<pad>", cls_token="<s>", sep_token="</s>"
    )


def tiny(name, kind, dtype, config_kind=BertConfig, tokenizer=None, **options):
    torch.manual_seed(20260101)
    tokenizer = tokenizer or tiny_tokenizer()
    config = config_kind(
        **{
            "vocab_size": len(tokenizer),
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 24,
            "max_position_embeddings": 12,
            "initializer_range": 0.5,
            **options,
        }
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
    encoder = model.base_model.to(torch.float32)
    texts = ["the phone is lovely.", "good, good", "bad", "the phone is bad, the phone is good, the phone is lovely"]
    write(folder / "reference.json", rows(tokenizer, encoder, texts, 12))


if len(sys.argv) > 1:
    minilm = Path(sys.argv[1])
    write(
        HERE / "minilm.json",
        rows(AutoTokenizer.from_pretrained(minilm), BertModel.from_pretrained(minilm).eval(), TEXTS, LIMIT),
    )
tiny("prefixed", BertForMaskedLM, torch.float32, hidden_act="gelu_new", layer_norm_eps=1e-5)
tiny("half", BertModel, torch.float16, hidden_act="gelu")
tiny("bfloat", BertModel, torch.bfloat16, hidden_act="relu", type_vocab_size=1)
tiny(
    "xlm-roberta",
    XLMRobertaForMaskedLM,
    torch.float32,
    XLMRobertaConfig,
    unigram_tokenizer(),
    pad_token_id=1,
    bos_token_id=0,
    eos_token_id=2,
    max_position_embeddings=14,
    type_vocab_size=1,
)
tiny(
    "modernbert",
    ModernBertForMaskedLM,
    torch.float32,
    ModernBertConfig,
    num_hidden_layers=4,
    local_attention=4,
    pad_token_id=0,
    bos_token_id=2,
    eos_token_id=3,
    cls_token_id=2,
    sep_token_id=3,
)
