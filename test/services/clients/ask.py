"""
Asks a daemon as users of four libraries do, and prints what they answer as JSON. Arguments: the address of its OpenAI API, a key,
and the names of a classifier and of a language model.
"""

import enum
import json
import sys
from typing import Literal

import instructor
import openai
from huggingface_hub import InferenceClient
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, Field

url, key, classifier, writer = sys.argv[1:]
TEXT = "what a lovely phone"
SYSTEM = "You are a helpful assistant."
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TEXT}]
#: One token after the other, the likeliest: the same text by every way of asking.
PLAIN = {"temperature": 0, "max_tokens": 6}


class Mood(enum.Enum):
    positive = "positive"
    negative = "negative"


class Review(BaseModel):
    """What a customer says."""

    mood: Mood = Field(description="how it is meant")


class Choice(BaseModel):
    mood: Literal["positive", "negative"]


def structured():
    """The same answer as an object of each type, by each library."""
    named = {"base_url": url, "api_key": key, "max_retries": 0}
    client = openai.OpenAI(**named)
    patched = instructor.from_openai(client, mode=instructor.Mode.JSON_SCHEMA)
    asked = {"model": classifier, "messages": MESSAGES}
    chain = ChatOpenAI(model=classifier, **named)
    answers = {"openai": [], "instructor": [], "langchain": []}
    for model in (Review, Choice):
        completion = client.chat.completions.parse(response_format=model, **asked)
        answers["openai"].append(completion.choices[0].message.parsed)
        create = patched.chat.completions.create
        answers["instructor"].append(create(response_model=model, max_retries=0, **asked))
        answers["langchain"].append(chain.with_structured_output(model).invoke(TEXT))
    asked = {"model": writer, "messages": MESSAGES, "max_tokens": 120}
    calling = instructor.from_openai(client, mode=instructor.Mode.TOOLS)
    answers["written"] = [
        client.chat.completions.parse(response_format=Choice, **asked).choices[0].message.parsed,
        patched.chat.completions.create(response_model=Review, max_retries=0, **asked),
        calling.chat.completions.create(response_model=Choice, max_retries=0, **asked),
        ChatOpenAI(model=writer, max_tokens=120, **named)
        .with_structured_output(Choice, method="function_calling")
        .invoke(TEXT),
    ]
    return {name: [json.loads(each.model_dump_json()) for each in all] for name, all in answers.items()}


def with_openai():
    client = openai.OpenAI(base_url=url, api_key=key, max_retries=0)

    def refusal(work):
        try:
            work()
        except openai.APIStatusError as error:
            return [type(error).__name__, error.status_code, error.code]

    ask = client.chat.completions.create
    label = ask(model=classifier, messages=MESSAGES, logprobs=True, top_logprobs=2)
    whole = ask(model=writer, messages=MESSAGES, n=2, **PLAIN)
    stream = ask(model=writer, messages=MESSAGES, stream=True, **PLAIN)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    packed = client.embeddings.create(model=classifier, input=[TEXT]).data[0].embedding
    plain = client.embeddings.create(model=classifier, input=[TEXT], encoding_format="float").data[0].embedding
    stranger = openai.OpenAI(base_url=url, api_key="wrong", max_retries=0)
    return {
        "models": [model.id for model in client.models.list()],
        "live": client.models.retrieve(classifier.split("@")[0] + "@live").id,
        "label": label.choices[0].message.content,
        "scores": len(label.choices[0].logprobs.content[0].top_logprobs),
        "texts": [choice.message.content for choice in whole.choices],
        "streamed": "".join(pieces),
        "continued": client.completions.create(model=writer, prompt=TEXT, **PLAIN).choices[0].text,
        "embedded": [len(packed), max(abs(a - b) for a, b in zip(packed, plain))],
        "refusals": [
            refusal(lambda: ask(model="none", messages=MESSAGES)),
            refusal(lambda: ask(model=writer, messages=MESSAGES, max_tokens=10**6)),
            refusal(lambda: stranger.models.list()),
        ],
    }


def with_langchain():
    named = {"base_url": url, "api_key": key, "max_retries": 0}
    chat = ChatOpenAI(model=writer, **PLAIN, **named)
    messages = [SystemMessage(SYSTEM), HumanMessage(TEXT)]
    embeddings = OpenAIEmbeddings(model=classifier, check_embedding_ctx_length=False, **named)
    return {
        "label": ChatOpenAI(model=classifier, **named).invoke(messages).content,
        "text": chat.invoke(messages).content,
        "streamed": "".join(chunk.content for chunk in chat.stream(messages)),
        "embedded": [len(vector) for vector in embeddings.embed_documents([TEXT, "it broke"])],
    }


def with_hugging_face():
    client = InferenceClient(base_url=url, api_key=key)
    stream = client.chat_completion(MESSAGES, model=writer, stream=True, **PLAIN)
    return {
        "label": client.chat_completion(MESSAGES, model=classifier).choices[0].message.content,
        "text": client.chat_completion(MESSAGES, model=writer, **PLAIN).choices[0].message.content,
        "streamed": "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices),
    }


print(
    json.dumps(
        {
            "openai": with_openai(),
            "langchain": with_langchain(),
            "hugging_face": with_hugging_face(),
            "structured": structured(),
        }
    )
)
