"""
Made smollm2.json and tiny-causal/: what PyTorch and Hugging Face transformers answer, for our own decoders to be held
against. To make them again (torch 2.15.0, transformers 5.24.0, gguf 0.19.0):

    python -m venv VENV && VENV/bin/pip install torch transformers gguf
    VENV/bin/python test/reference/causal.py GGUF_OF_SMOLLM2_135M_INSTRUCT

smollm2.json has, for each of 50 texts, its token ids and the logits of the next token: of the 16 likeliest tokens and of 16
others, from the weights that the GGUF file holds, in float32. Control tokens inside a text are read as text.

tiny-causal/ has random decoders of two layers: llama, tinyllama (a tokenizer of SentencePiece), qwen2 (biases), qwen3 (norms of
heads), gemma3 (a layer with a window, and a global one with its angles scaled) and llama3 (angles scaled as in Llama 3) in Hugging
Face layout, and llama, gemma3 and llama3 as GGUF with tensors of several storages. reference.json: the last hidden state of the
last token (after the norm).

chats.json: conversations, and for each tokenizer their ids as `apply_chat_template` has them, closed and with the assistant's
turn opened; null where the template refuses one. Each tiny decoder has another template, in another place.
"""

import base64
import json
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3TextConfig,
    Gemma3TextModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2Model,
    Qwen3Config,
    Qwen3Model,
)

HERE = Path(__file__).parent
TEXTS = [
    "The capital of France is",
    "What a lovely phone.",
    "The battery died after two days, and nobody answered my mails.",
    "a",
    "I wouldn't recommend it to my worst enemy!!!",
    "antidisestablishmentarianism",
    "Ünïcödé àccents, ça va?",
    "e\u0301 and \u00e9",
    "日本語のテキスト and 中文",
    "😀 faces 👩‍👩‍👧 and ☃",
    "tabs\tand\nnew lines\n\n\n",
    "  spaces   everywhere  ",
    "$5.99 (was: $7.50) -- 20% off; see http://example.com/?a=1&b=2#c",
    "x" * 120,
    "word " * 100,
    "Zero\u200bwidth and soft\u00adhyphen",
    "ﬁne ﷺ ① ½ Ａ",
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    "<|endoftext|> is not the end",
    "don't, can't, it's: 'quoted' \"twice\"",
    "ALL CAPS SHOUTING",
    "İstanbul ß Σίσυφος",
    "The quick brown fox jumps over the lazy dog.",
    "1234567890 3.14159 1,000,000",
    "한국어 문장",
    "def add(a, b):\n    return a + b\n",
    "SELECT name FROM users WHERE id = 42;",
    '{"key": [1, 2, {"nested": null}]}',
    "Once upon a time, there was a",
    "Roses are red, violets are",
    "2 + 2 =",
    "The opposite of hot is",
    "Dear customer, thank you for",
    "My parcel has not arrived after three weeks.",
    "Please cancel my subscription.",
    "The food was cold and the waiter rude.",
    "I love this place, we come every week!",
    "Meh.",
    "Does it work with the new model?",
    "Paris, London and Rome are",
    "Water boils at 100",
    "In 1969, the first man",
    "Shakespeare wrote",
    "The mitochondria is the",
    "import numpy as",
    "Q: Who are you?\nA:",
    "To be, or not to be,",
    "Le chat est sur la",
    "Ich habe heute keine",
    "…—–“”‘’",
]
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# As TinyLlama has it: roles are plain text.
ROLES_AS_TEXT = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\n' + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}
"""
# As Gemma and Mistral: turns alternate, contents are trimmed, and there is a token in front.
STRICT = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{%- for message in messages %}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] %}
    {{- '<|im_start|>' + role + '\n' + message['content'] | trim + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>model\n' }}
{%- endif %}"""

# As Gemma 3 has it, for texts alone: what the system says goes in front of the first question.
GEMMA = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\n'}}
{%- endif -%}
"""


def chat(*contents, system=None):
    turns = [{"role": "user" if at % 2 == 0 else "assistant", "content": text} for at, text in enumerate(contents)]
    return ([] if system is None else [{"role": "system", "content": system}]) + turns


CONVERSATIONS = [
    chat("Hi"),
    chat("What is the capital of France?"),
    chat("Where is my parcel?", "It is on its way.", "When?"),
    chat("Be brief", "Yes.", "Thanks!", "You are welcome.", "Bye"),
    chat("Hello", system="You are a polite clerk."),
    chat("Hello", system=""),
    chat("Hello", "Hi, how can I help?", "I want my money back.", system="Answer in one sentence."),
    chat("  spaces around  "),
    chat("\n\nlines\n\n"),
    chat("tabs\tand\r\nCRLF"),
    chat("Ünïcödé àccents, ça va?"),
    chat("日本語のテキスト and 中文"),
    chat("😀 faces 👩‍👩‍👧 and ☃"),
    chat("e\u0301 and \u00e9"),
    chat("1234567890 3.14159 1,000,000"),
    chat("$5.99 (was: $7.50) -- 20% off; <b>bold</b> & so on"),
    chat("a < b and b > a, a <| b |> c"),
    chat("{{ messages }} and {% if x %}"),
    chat('{"key": [1, 2, {"nested": null}]}'),
    chat("def add(a, b):\n    return a + b\n"),
    chat("", "What would you like to know?", "Nothing."),
    chat("don't, can't, it's: 'quoted' \"twice\""),
    chat("x" * 60),
    chat("A question", "An answer"),
    [{"role": "assistant", "content": "I begin."}, {"role": "user", "content": "And I go on."}],
    [{"role": "user", "content": "One."}, {"role": "user", "content": "Two."}],
]
SHORT = ["the phone is lovely.", "good, good", "bad", "the phone is bad, the phone is good, the phone is lovely"]


def base(values):
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def write(path, lines):
    body = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    path.write_text(f"[\n{body}\n]\n", encoding="utf-8")


def plain_ids(tokenizer, text, marked=False):
    return tokenizer(text, add_special_tokens=marked, split_special_tokens=True)["input_ids"]


@torch.no_grad()
def smollm2(path):
    place = {"gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(path.parent, **place)
    model = AutoModelForCausalLM.from_pretrained(path.parent, **place).eval()
    generator = torch.Generator().manual_seed(20260101)
    for text in TEXTS:
        ids = plain_ids(tokenizer, text)
        logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
        others = torch.randint(len(logits), (16,), generator=generator).tolist()
        tokens = logits.topk(16).indices.tolist() + others
        yield {"text": text, "ids": ids, "tokens": tokens, "logits": base(logits[tokens])}


def chat_ids(tokenizer, messages, is_open):
    try:
        return tokenizer.apply_chat_template(messages, add_generation_prompt=is_open, tokenize=True, return_dict=False)
    except Exception:
        return None


def chats_of(tokenizer):
    return [[chat_ids(tokenizer, messages, is_open) for is_open in (False, True)] for messages in CONVERSATIONS]


def tiny_tokenizer():
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=alphabet, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    )
    raw.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|endoftext|>")


def sentence_tokenizer():
    """As SentencePiece makes them, in the form that transformers gives TinyLlama's."""
    raw = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    raw.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    octets = [f"<0x{octet:02X}>" for octet in range(256)]
    specials = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=specials + octets, limit_alphabet=60, show_progress=False)
    raw.train_from_iterator(TEXTS, trainer)
    fields = json.loads(raw.to_str())
    fields["added_tokens"] = [token for token in fields["added_tokens"] if token["content"] in specials]
    raw = Tokenizer.from_str(json.dumps(fields))
    raw.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A $B", [("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


LLAMA3_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def llama3_tokenizer():
    """In the form of Llama 3: a token that is in the vocabulary is not made of merges."""
    raw = Tokenizer(models.BPE(ignore_merges=True))
    words = pre_tokenizers.Split(Regex(LLAMA3_WORDS), "isolated")
    raw.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    raw.decoder = decoders.ByteLevel()
    special = ["<|end_of_text|>", "<|begin_of_text|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, special_tokens=special))
    # One that only the vocabulary makes.
    fields = json.loads(raw.to_str())
    fields["model"]["merges"] = [merge for merge in fields["model"]["merges"] if "".join(merge) != "Ġthe"]
    raw = Tokenizer.from_str(json.dumps(fields))
    start = processors.TemplateProcessing("<|begin_of_text|> $A", None, [("<|begin_of_text|>", 1)])
    raw.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), start])
    return PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>")


def gemma_tokenizer():
    """In the form that transformers gives Gemma's: no space in front, line breaks that are tokens of their own."""
    raw = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    raw.normalizer = normalizers.Replace(" ", "▁")
    raw.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    raw.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    octets = [f"<0x{octet:02X}>" for octet in range(256)]
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    breaks = ["\n", "\n\n", "\n\n\n"]
    first = special + breaks + octets
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)] + ["▁"]
    alphabet = dict(initial_alphabet=letters, limit_alphabet=len(letters))
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=first, **alphabet, show_progress=False)
    raw.train_from_iterator(TEXTS, trainer)
    raw.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    fields = json.loads(raw.to_str())
    fields["added_tokens"] = [
        {**token, "special": token["content"] in special}
        for token in fields["added_tokens"]
        if token["content"] in special + breaks
    ]
    raw = Tokenizer.from_str(json.dumps(fields))
    raw.post_processor = processors.TemplateProcessing("<bos> $A", "<bos> $A $B", [("<bos>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>"
    )


def sizes(tokenizer, **more):
    return dict(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
        initializer_range=0.3,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        **more,
    )


@torch.no_grad()
def references(tokenizer, model):
    for text in SHORT:
        ids = plain_ids(tokenizer, text, marked=True)
        hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1]
        yield {"text": text, "ids": ids, "hidden": base(hidden)}


def perturbed(model):
    # Fresh norms are ones and fresh biases zeros: a network that ignored them would not be noticed.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.eval()


def tiny(name, kind, config, template, fields, made_by=tiny_tokenizer):
    torch.manual_seed(20260101)
    tokenizer = made_by()
    model = perturbed(kind(config(tokenizer)))
    folder = HERE / "tiny-causal" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if isinstance(template, Path):
        (folder / template).write_text(ROLES_AS_TEXT, encoding="utf-8")
    else:
        fields = {**fields, "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
    # A class of the family would replace the normalizer of the file by its own.
    CHATS[name] = chats_of(PreTrainedTokenizerFast.from_pretrained(folder))
    write(folder / "reference.json", references(tokenizer, model))
    return tokenizer, model


def paired(weight, heads):
    """The row order of llama.cpp."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


KINDS = gguf.GGMLQuantizationType
# A tensor of each kind that is read.
STORAGES = {
    "self_attn.q_proj": ("attn_q", KINDS.Q8_0),
    "self_attn.k_proj": ("attn_k", KINDS.Q4_0),
    "self_attn.v_proj": ("attn_v", KINDS.Q4_1),
    "self_attn.o_proj": ("attn_output", KINDS.F16),
    "mlp.gate_proj": ("ffn_gate", KINDS.Q4_1),
    "mlp.up_proj": ("ffn_up", KINDS.Q8_0),
    "mlp.down_proj": ("ffn_down", KINDS.Q4_0),
    "input_layernorm": ("attn_norm", KINDS.F32),
    "post_attention_layernorm": ("ffn_norm", KINDS.F32),
}
GEMMA_STORAGES = {
    **STORAGES,
    "self_attn.q_norm": ("attn_q_norm", KINDS.F32),
    "self_attn.k_norm": ("attn_k_norm", KINDS.F32),
    "post_attention_layernorm": ("post_attention_norm", KINDS.F32),
    "pre_feedforward_layernorm": ("ffn_norm", KINDS.F32),
    "post_feedforward_layernorm": ("post_ffw_norm", KINDS.F32),
}


def add_pairs(writer, tokenizer, cut):
    """Byte-level BPE. The first token ends a text."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    inner = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut)
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if token.startswith("<|") else 1 for token, _ in vocabulary])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in inner])
    writer.add_eos_token_id(0)


def add_sentences(writer, tokenizer):
    """The BPE of SentencePiece as Gemma has it: scores in the order of the merges."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    tokens = json.loads(tokenizer.backend_tokenizer.to_str())["added_tokens"]
    added = {token["id"]: 3 if token["special"] else 4 for token in tokens}
    added[tokenizer.unk_token_id] = 2
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_scores([float(-at) for at in range(len(vocabulary))])
    writer.add_token_types([added.get(at, 6 if token.startswith("<0x") else 1) for token, at in vocabulary])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_unk_token_id(tokenizer.unk_token_id)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)


def tiny_gguf(name, architecture, tokenizer, model, template, describe, storages=STORAGES, tensors={}):
    """`describe` writes the metadata of one model alone."""
    folder = HERE / "tiny-causal" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    config = model.config
    writer = gguf.GGUFWriter(folder / "tiny.gguf", architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(len(tokenizer))
    describe(writer)
    writer.add_chat_template(template)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    shift = 1.0 if architecture == "gemma3" else 0.0
    state = model.state_dict()

    def add(name, key, kind):
        weight = state[key].numpy() + (shift if key.endswith("norm.weight") else 0.0)
        count = heads.get(name.split(".")[-2]) if architecture == "llama" else None
        rows = weight if count is None else paired(weight, count)
        stored = gguf.quantize(np.ascontiguousarray(rows), kind)
        writer.add_tensor(name, stored, raw_dtype=kind)
        # The reference computes with what is stored.
        values = gguf.dequantize(stored, kind).reshape(rows.shape).astype(np.float32)
        if count is not None:
            size = values.shape[0] // count
            values = values.reshape(count, size // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)
        state[key] = torch.from_numpy(np.ascontiguousarray(values - (shift if key.endswith("norm.weight") else 0.0)))

    add("token_embd.weight", "embed_tokens.weight", KINDS.Q8_0)
    add("output_norm.weight", "norm.weight", KINDS.F32)
    for layer in range(config.num_hidden_layers):
        for path_of, (name, kind) in storages.items():
            add(f"blk.{layer}.{name}.weight", f"layers.{layer}.{path_of}.weight", kind)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model.load_state_dict(state)
    write(folder / "reference.json", references(tokenizer, model))


GGUF = Path(sys.argv[1]).absolute()
CHATS = {"smollm2": chats_of(AutoTokenizer.from_pretrained(GGUF.parent, gguf_file=GGUF.name))}
write(HERE / "smollm2.json", smollm2(GGUF))
FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}
ENDS = {**FAST, "bos_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
ROLES = {**FAST, "eos_token": {"__type": "AddedToken", "content": "<|endoftext|>"}}
tiny("qwen2", Qwen2Model, lambda t: Qwen2Config(**sizes(t)), Path("chat_template.jinja"), ROLES)
SENTENCES = {**FAST, "bos_token": "<s>", "eos_token": "</s>"}
tiny("tinyllama", LlamaModel, lambda t: LlamaConfig(**sizes(t)), ROLES_AS_TEXT, SENTENCES, sentence_tokenizer)
tiny("qwen3", Qwen3Model, lambda t: Qwen3Config(**sizes(t, head_dim=16)), STRICT, ENDS)
GEMMA_SIZES = dict(head_dim=16, query_pre_attn_scalar=24, sliding_window=6, pad_token_id=0, bos_token_id=2, eos_token_id=1)
ANGLES = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
    "full_attention": {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0},
}
LAYERS = dict(layer_types=["sliding_attention", "full_attention"], rope_parameters=ANGLES)
TURNS = {**FAST, "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"}
tokenizer, model = tiny(
    "gemma3",
    Gemma3TextModel,
    lambda t: Gemma3TextConfig(**sizes(t, **GEMMA_SIZES, **LAYERS)),
    GEMMA,
    TURNS,
    gemma_tokenizer,
)
for layer in model.layers:
    # A GGUF file does not hold the scalar: it is the size of a head.
    layer.self_attn.scaling = model.config.head_dim**-0.5


def describe_gemma(writer):
    add_sentences(writer, tokenizer)
    writer.add_key_length(model.config.head_dim)
    writer.add_value_length(model.config.head_dim)
    writer.add_rope_freq_base_swa(100.0)
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(4.0)
    writer.add_sliding_window(6)
    writer.add_sliding_window_pattern(2)


tiny_gguf("gemma3-gguf", "gemma3", tokenizer, model, GEMMA, describe_gemma, GEMMA_STORAGES)
LLAMA3 = dict(
    rope_type="llama3",
    rope_theta=10_000.0,
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=64,
)
HEADERS = {**FAST, "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
llama3_sizes = lambda t: LlamaConfig(**sizes(t, rope_parameters=LLAMA3))
tokenizer, model = tiny("llama3", LlamaModel, llama3_sizes, CHATML, HEADERS, llama3_tokenizer)
plain = 1 / 10_000.0 ** (np.arange(0, 8, 2, dtype=np.float32) / 8)
slowed = {"rope_freqs.weight": (plain / model.rotary_emb.inv_freq.numpy()).astype(np.float32)}


def describe_llama3(writer):
    add_pairs(writer, tokenizer, "llama-bpe")
    writer.add_bos_token_id(1)


tiny_gguf("llama3-gguf", "llama", tokenizer, model, CHATML, describe_llama3, tensors=slowed)
tokenizer, model = tiny("llama", LlamaModel, lambda t: LlamaConfig(**sizes(t)), CHATML, ENDS)

tiny_gguf("gguf", "llama", tokenizer, model, CHATML, lambda writer: add_pairs(writer, tokenizer, "gpt-2"))
lines = [json.dumps(messages, ensure_ascii=False) for messages in CONVERSATIONS]
rows = [f'  "{name}": {json.dumps(ids, separators=(",", ":"))}' for name, ids in CHATS.items()]
body = ",\n".join(["  \"conversations\": [\n    " + ",\n    ".join(lines) + "\n  ]", *rows])
(HERE / "chats.json").write_text("{\n" + body + "\n}\n", encoding="utf-8")
